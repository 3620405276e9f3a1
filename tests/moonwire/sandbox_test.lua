-- What a strategy's file can and cannot reach; each script here runs as such a file would.

local t = require "tests.tap"
local ffi = require "ffi"
local host = require "moonwire.host"
local sandbox = require "moonwire.sandbox"
local files = require "tests.files"
local view = require "moonwire.view"

local ROOT = files.directory "sandbox"
local SECONDS = 1790000000.25

local function write(name, text) files.write(ROOT .. "/" .. name, text) end

local function new(options)
  local printed = {}
  local all = { print = function(line) printed[#printed + 1] = line end, seed = 7, root = ROOT,
                read = require("moonwire.code").read_file, keep = function() end,
                clock = function() return SECONDS end }
  for name, value in pairs(options or {}) do all[name] = value end
  return sandbox.environment(all), printed
end

-- Runs a script; what it returns, or nil and its error.
local function run(script, environment)
  local chunk = assert(loadstring(script, "=script"))
  setfenv(chunk, environment or (new()))
  local results = { pcall(chunk) }
  if not results[1] then return nil, tostring(results[2]) end
  return unpack(results, 2, 5)
end

local function raises(script, pattern, environment)
  local value, err = run(script, environment)
  t.ok(value == nil and err, script .. ": expected an error")
  t.ok(err:find(pattern), script .. ": expected an error like " .. pattern .. ", got " .. err)
end

-- What is not there -------------------------------------------------------------------------------

t.test("the dangerous globals do not exist", function()
  for _, name in ipairs { "ffi", "io", "debug", "package", "jit", "dofile", "loadfile", "newproxy",
                          "getfenv", "setfenv", "module", "gcinfo", "arg", "keep_running" } do
    t.equal(run("return " .. name), nil, name)
    t.equal(run("return _G." .. name), nil, "_G." .. name)
    t.equal(run("return rawget(_G, '" .. name .. "')"), nil, "rawget " .. name)
  end
  for _, name in ipairs { "execute", "exit", "getenv", "remove", "rename", "tmpname",
                          "setlocale" } do
    t.equal(run("return os." .. name), nil, "os." .. name)
  end
end)

t.test("require finds no library of the machine and no inside of moonwire", function()
  for _, name in ipairs { "ffi", "io", "os", "debug", "package", "jit", "jit.util", "jit.profile",
                          "_G", "cjson", "cjson.safe", "table.new", "string.buffer",
                          "moonwire.host", "moonwire.dispatch", "moonwire.sandbox",
                          "moonwire.strategy", "moonwire.cdef", "moonwire.file" } do
    raises(("return require %q"):format(name), "module '.-' not found")
  end
end)

t.test("require takes names, never paths", function()
  write("m.lua", "return 1")
  for _, name in ipairs { "../m", "./m", "/etc/passwd", ROOT .. "/m", "..m", "m..", "a..b", "", ".",
                          "m\0x", "m\n", "a/b" } do
    raises(("return require(%q)"):format(name), "not a name")
  end
  raises("return require(1)", "require takes a name")
  raises("return require()", "require takes a name")
end)

t.test("_G is the script's own, and what it sets stays with it", function()
  local environment = new()
  t.equal(run("x = 1; _G.y = 2; return _G._G == _G and x + y", environment), 3)
  t.equal(rawget(_G, "x"), nil)
  t.equal(rawget(_G, "y"), nil)
  t.equal(run("return x", (new())), nil)
end)

-- Everything that can be reached by looking into tables and metatables as a script can, but with
-- the fields of proxies known to it by name.
local function reachable(environment)
  local seen, queue, places = {}, { environment }, { [environment] = "_G" }
  local function add(value, place)
    if value ~= nil and not seen[value] and not places[value] then
      places[value] = place
      queue[#queue + 1] = value
    end
  end
  while #queue > 0 do
    local value = table.remove(queue)
    seen[value] = true
    if type(value) == "table" then
      for key, item in next, value do
        add(key, places[value] .. " key")
        add(item, places[value] .. "." .. tostring(key))
      end
      local hidden = debug.getmetatable(value)
      if hidden and type(hidden.__index) == "table" then
        for key in next, hidden.__index do
          add(value[key], places[value] .. "." .. tostring(key))
        end
      end
    end
    add(environment.getmetatable(value), "getmetatable(" .. places[value] .. ")")
  end
  return places
end

t.test("a walk over all that can be reached meets nothing forbidden", function()
  local forbidden = {}
  local function forbid(library, name, but)
    forbidden[library] = name
    for key, value in pairs(library) do
      if type(value) == "function" and not (but and but[key]) then
        forbidden[value] = name .. "." .. key
      end
    end
  end
  forbid(_G, "_G", { assert = 1, error = 1, ipairs = 1, next = 1, pairs = 1, pcall = 1, xpcall = 1,
                     select = 1, tonumber = 1, tostring = 1, type = 1, unpack = 1, rawequal = 1,
                     rawget = 1, rawset = 1 })
  forbid(io, "io")
  forbid(debug, "debug")
  forbid(os, "os", { difftime = 1 })
  forbid(package, "package")
  forbid(package.loaded, "package.loaded", {})
  forbid(ffi, "ffi")
  forbid(host, "host")
  forbid(require "jit", "jit")
  for _, library in ipairs { "string", "table", "math", "coroutine", "bit" } do
    forbidden[_G[library]] = library
  end
  local count = 0
  local environment = new()
  environment.mw = run("return require 'moonwire'", environment)
  for value, place in pairs(reachable(environment)) do
    count = count + 1
    t.ok(not forbidden[value], place .. " is " .. tostring(forbidden[value]))
  end
  t.ok(count > 100, "the walk went nowhere")
end)

-- Ways around -------------------------------------------------------------------------------------

t.test("the metatable of texts cannot be had, changed or used to dump code", function()
  t.equal(run "return getmetatable('')", "string")
  t.equal(run "return ('').dump", nil)
  t.equal(run "return string.dump", nil)
  raises("setmetatable('', {})", "table expected")
  t.equal(run "string.rep = nil; return ('x'):rep(2)", "xx")
  t.equal(run "string.upper = function() return 'mine' end; return ('x'):upper()", "X")
  t.equal(("x"):upper(), "X")
end)

t.test("bytecode is not loaded, whichever way it comes", function()
  local bytecode = string.format("%q", "\27LJ\2\0")
  for _, script in ipairs {
    "return load(" .. bytecode .. ")", "return loadstring(" .. bytecode .. ")",
    "return load(" .. bytecode .. ", 'x', 'b')", "return load(" .. bytecode .. ", 'x', 't')",
    "return load(" .. bytecode .. ", 'x', 'bt')", "return load('return 1', 'x', 'b')",
    "local sent; return load(function() if not sent then sent = 1; return " .. bytecode
      .. " end end)",
    "local parts = {'\\27', 'LJ'}; return load(function() return table.remove(parts, 1) end)",
  } do
    local chunk, err = run(script)
    t.equal(chunk, nil, script)
    t.ok(err, script)
  end
  write("compiled.lua", "\27LJ\2")
  raises("return require 'compiled'", "bytecode is not loaded")
end)

t.test("code that is loaded sees what the script sees, or what it is given", function()
  t.equal(run "return load('return io or ffi or debug or package')()", nil)
  t.equal(run "return loadstring('return io')()", nil)
  t.equal(run "a = 5; return load('return a')()", 5)
  t.equal(run "return load('return a', 'c', 't', { a = 6 })()", 6)
  t.equal(run "return load('return a', 'c', nil, { a = 7 })()", 7)
  t.equal(run [[
    local parts = { "return ", "8" }
    return load(function() return table.remove(parts, 1) end)()]], 8)
  local chunk, err = run "return load('return return', 'mine')"
  t.equal(chunk, nil)
  t.ok(err:find "mine", err)
  raises("load(5)", "load takes a text")
  raises("load({})", "load takes a text")
  t.equal(run "local f = load('return _G'); return f() == _G", true)
end)

t.test("coroutines, protected calls and their handlers see no more", function()
  t.equal(run "return coroutine.wrap(function() return io or debug or ffi end)()", nil)
  t.equal(run "return select(2, coroutine.resume(coroutine.create(function() return io end)))", nil)
  t.equal(run [[
    local seen
    xpcall(error, function() seen = debug or io or ffi end)
    return seen]], nil)
  t.equal(run "return select(2, pcall(load, 'return io'))()", nil)
end)

t.test("an error is a text, or the script's own object", function()
  t.equal(run "return type(select(2, pcall(error, {})))", "table")
  t.equal(run "return type(select(2, pcall(function() local x = nil; return x.y end)))", "string")
  t.equal(run [[
    local mw = require "moonwire"
    local _, err = pcall(mw.decimal, "x")
    return type(err)]], "string")
  t.equal(run [[
    local own = setmetatable({}, { __tostring = function() return io and "io" or "none" end })
    local _, err = pcall(error, own)
    return tostring(err)]], "none")
end)

t.test("metatables of what the library made cannot be had or replaced", function()
  t.equal(run "return getmetatable(require 'moonwire')", "read-only")
  t.equal(run "return getmetatable(require('moonwire').decimal)", "read-only")
  t.equal(run "return getmetatable(require('moonwire').file)", "read-only")
  t.equal(run "return getmetatable(require('moonwire').strategy {})", "protected")
  t.ok(type(run "return getmetatable(require('moonwire').decimal '1')") ~= "table")
  raises("setmetatable(require 'moonwire', {})", "protected metatable")
  raises("setmetatable(require('moonwire').decimal, {})", "protected metatable")
  raises("setmetatable(require('moonwire').decimal '1', {})", "table expected")
end)

t.test("metatables that a script made are its own to have", function()
  t.equal(run [[
    local meta = { __index = { x = 1 } }
    local object = setmetatable({}, meta)
    return getmetatable(object) == meta and object.x]], 1)
  t.equal(run "return getmetatable(setmetatable({}, { __metatable = 'mine' }))", "mine")
  t.equal(run "return getmetatable({})", nil)
  t.equal(run "return getmetatable(setmetatable(setmetatable({}, {}), nil))", nil)
end)

t.test("pairs shows the fields of an order, and not the runtime's own order behind it", function()
  local View = view.class { name = "view", fields = { "price", "qty", "amount", "side" },
                            methods = { "wait" }, advice = "%s" }
  local own = { price = 5, side = "buy", qty = 1, _inner = {} }
  local environment = new()
  environment.order = view.of(View, own)
  local told, reached = run([[
    local told, reached = {}, nil
    for name, value in pairs(order) do
      told[#told + 1] = name .. "=" .. tostring(value)
      if type(value) == "table" then reached = value end
    end
    return table.concat(told, " "), reached]], environment)
  t.equal(told, "price=5 qty=1 side=buy")
  t.equal(reached, nil)
  t.equal(run("local told = '' for name in next, order do told = told .. name .. ' ' end "
              .. "return told", environment), "price qty side ")
  t.equal(run("local told = '' table.foreach(order, function(name) told = told .. name .. ' ' end) "
              .. "return told", environment), "price qty side ")
  t.equal(run("return table.foreach({ 1, 2 }, function(_, n) if n == 2 then return 'it' end end)"),
          "it")
  t.equal(run("return (next(order, 'price'))", environment), "qty")
  t.equal(run("return next { }"), nil)
  raises("local x = next(nil)", "^script:1: bad argument #1 to 'next'")
  t.equal(run("local n = 0 for k, v in pairs { 1, 2, x = 3 } do n = n + v end return n"), 6)
  raises("local x\nfor k in pairs(x) do end", "^script:2: bad argument #1 to 'pairs'")
end)

t.test("pairs goes through keys in an order that is the same each time", function()
  local listed = [[
    local words = {}
    local t = { b = 1, [3] = 1, a = 1, [true] = 1, [1] = 1, [-1.5] = 1, [false] = 1, c = 1 }
    for key, value in pairs(t) do words[#words + 1] = tostring(key) .. "=" .. value end
    return table.concat(words, " ")]]
  t.equal(run(listed), "-1.5=1 1=1 3=1 a=1 b=1 c=1 false=1 true=1")
  local trusted = sandbox.environment { trusted = true, print = print, seed = 7, root = ROOT,
    clock = os.time, read = function() end, keep = function() end }
  t.equal(run(listed, trusted), "-1.5=1 1=1 3=1 a=1 b=1 c=1 false=1 true=1")
  for i = 1, 20 do                       -- wherever the number lies in memory
    t.equal(run(([[local words, at, t = {}, 1, { one = 1, n%d = 2 }
      t[at] = 3
      for key in pairs(t) do words[#words + 1] = tostring(key) end
      return table.concat(words, " ")]]):format(i)), ("1 n%d one"):format(i))
  end
  t.equal(run [[local n = 0; for key in pairs { [{}] = 1, [print] = 2, x = 3 } do n = n + 1 end
    return n]], 3)
end)

t.test("pairs is as it always was otherwise", function()
  t.equal(run [[local words = {}
    for i, word in pairs { "x", "y", "z" } do words[#words + 1] = i .. word end
    return table.concat(words)]], "1x2y3z")
  t.equal(run "for key in pairs {} do return key end return 'none'", "none")
  -- what was not visited yet may be taken away, and what was visited as well
  t.equal(run [[local t, seen = { a = 1, b = 2, c = 3 }, ""
    for key in pairs(t) do seen = seen .. key; t[key], t.b = nil, nil end
    return seen .. tostring(next(t))]], "acnil")
  t.equal(run [[local t = setmetatable({ a = 1 }, { __index = function() return 2 end })
    for key, value in pairs(t) do t.a = nil; return key .. value end]], "a1")
  raises("for key in pairs(nil) do end", "bad argument #1")
  raises("for key in pairs() do end", "bad argument #1")
end)

t.test("the library cannot be written, and one script's changes are not another's", function()
  raises("require('moonwire').now = 1", "mw.now: the library cannot be changed")
  raises("require('moonwire').decimal.new = 1", "mw.decimal.new: the library cannot be changed")
  raises("require('moonwire').file.read = 1", "mw.file.read: the library cannot be changed")
  local first, second = new(), new()
  run([[
    local mw = require "moonwire"
    rawset(mw, "decimal", function() return "mine" end)
    for name in pairs(string) do string[name] = nil end
    math.floor, table.insert, coroutine.wrap, bit.band, os.time = nil, nil, nil, nil, nil]], first)
  t.equal(tostring(run("return require('moonwire').decimal '1.0'", second)), "1")
  t.equal(run("return string.format('%d', math.floor(1.5))", second), "1")
  t.equal(run("return type(table.insert) .. type(coroutine.wrap) .. type(os.time)", second),
          "functionfunctionfunction")
  t.equal(type(math.floor), "function")
  t.equal(tostring(require("moonwire").decimal "1.0"), "1")
end)

t.test("the collector answers, and is the runtime's to drive", function()
  t.equal(type(run "return collectgarbage 'count'"), "number")
  for _, what in ipairs { "stop", "collect", "step", "setpause", "restart" } do
    t.equal(run(("return collectgarbage(%q, 0)"):format(what)), 0)
  end
end)

-- What is there -----------------------------------------------------------------------------------

t.test("print gives lines, its words apart by tabs, nil among them", function()
  local environment, printed = new()
  run("print(1, nil, 'a', setmetatable({}, { __tostring = function() return 'o' end })); print()",
      environment)
  t.equal(table.concat(printed, "|"), "1\tnil\ta\to|")
end)

t.test("time is the runtime's", function()
  local now = 1000.5
  local environment = new { clock = function() return now end }
  t.equal(run("return os.time()", environment), 1000)
  t.equal(run("return os.clock()", environment), 0)
  now = 1003
  t.equal(run("return os.time()", environment), 1003)
  t.equal(run("return os.clock()", environment), 2.5)
  t.equal(run("return os.date('!%Y-%m-%d %H:%M:%S')", environment), "1970-01-01 00:16:43")
  t.equal(run("return os.date('!%Y', 86400 * 366)", environment), "1971")
  t.equal(run("return os.time { year = 1970, month = 1, day = 2, hour = 12 } ", environment),
          os.time { year = 1970, month = 1, day = 2, hour = 12 })
end)

t.test("chance is seeded: the same seed gives the same run", function()
  local script = "local x = {}; for i = 1, 5 do x[i] = math.random(1000) end "
    .. "return table.concat(x, ' ') .. math.random()"
  local first = run(script, (new { seed = 7 }))
  t.equal(run(script, (new { seed = 7 })), first)
  t.ok(run(script, (new { seed = 8 })) ~= first)
  t.equal(run("math.randomseed(7); " .. script, (new { seed = 8 })), first)
  for _ = 1, 50 do
    local value = run "return math.random(3)"
    t.ok(value == 1 or value == 2 or value == 3)
  end
  t.equal(run "return math.random(5, 5)", 5)
  raises("math.random(2, 1)", "interval is empty")
  raises("math.random(0)", "interval is empty")
end)

t.test("two scripts draw from two sources", function()
  local one, other = new { seed = 7 }, new { seed = 7 }
  local first = run("return math.random()", one)
  run("return math.random(), math.random()", one)
  t.equal(run("return math.random()", other), first)
end)

t.test("modules beside the strategy are loaded once, in its environment", function()
  write("helper.lua", "count = (count or 0) + 1; return { io = io, name = ... }")
  os.execute("mkdir -p " .. ROOT .. "/lib/deep")
  write("lib/part.lua", "return 'part'")
  write("lib/deep/init.lua", "return 'deep'")
  write("silent.lua", "loaded_silently = true")
  write("broken.lua", "return +")
  write("circle.lua", "return { again = require 'circle' }")
  local environment = new()
  t.equal(run("local a, b = require 'helper', require 'helper'; return a == b and count",
              environment), 1)
  t.equal(run("return require('helper').io", environment), nil)
  t.equal(run("return require('helper').name", environment), "helper")
  t.equal(run "return require 'lib.part'", "part")
  t.equal(run "return require 'lib.deep'", "deep")
  t.equal(run "return require 'silent'", true)
  raises("require 'broken'", "broken.lua:1")
  t.equal(run "return require('circle').again", true)
  t.equal(run("return count", (new())), nil)
end)

t.test("standard libraries can be required by name and are the script's own", function()
  for _, name in ipairs { "string", "math", "table", "bit", "coroutine" } do
    t.equal(run(("return require %q == %s"):format(name, name)), true, name)
  end
end)

t.test("an error that the sandbox causes comes with a hint, others do not", function()
  for _, err in ipairs { "s.lua:1: attempt to index global 'io' (a nil value)",
                         "s.lua:1: attempt to call global 'loadfile' (a nil value)",
                         "module 'ffi' not found: ..." } do
    t.ok(sandbox.hint(err):find("trusted = true", 1, true), err)
  end
  t.equal(sandbox.hint "s.lua:1: attempt to index global 'foo' (a nil value)", nil)
  t.equal(sandbox.hint "module 'mine' not found", nil)
  t.equal(sandbox.hint "s.lua:1: bad argument", nil)
end)

-- Trusted -----------------------------------------------------------------------------------------

t.test("a trusted file has all of Lua", function()
  local environment = new { trusted = true }
  t.equal(run("return io.open", environment), io.open)
  t.equal(run("return debug", environment), debug)
  t.equal(run("return require 'ffi'", environment), ffi)
  t.equal(run("return require 'moonwire.host'", environment), host)
  t.equal(run("return os.getenv", environment), os.getenv)
  t.equal(run("return package", environment), package)
end)

t.test("a trusted file's time, chance and print are the runtime's all the same", function()
  local environment, printed = new { trusted = true }
  t.equal(run("return os.time()", environment), 1790000000)
  t.equal(run("return math.random(1000)", environment),
          run("return math.random(1000)", (new())))
  run("print('a', 1)", environment)
  t.equal(printed[1], "a\t1")
  t.equal(run("x = 1; return _G.x", environment), 1)
  t.equal(rawget(_G, "x"), nil)
end)

t.test("a trusted file requires what lies beside it first", function()
  write("mine.lua", "return { io = io }")
  local environment = new { trusted = true }
  t.equal(run("return require('mine').io", environment), io)
  t.equal(run("return require('moonwire').venue", environment), require("moonwire").venue)
end)

files.remove(ROOT)
t.done()
