--- What a strategy's file sees: Lua without ffi, debug, io, os.execute, package.loadlib and
--- bytecode. Time and random numbers come from the runtime, so that a recorded day runs again the
--- same way. Library tables are handed out behind read-only proxies, each strategy its own, and
--- metatables of what the library made cannot be had: one strategy cannot change what another one
--- sees.

local budget = require "moonwire.budget"
local random = require "moonwire.random"
local view = require "moonwire.view"

local M = {}

-- ("x"):dump() and getmetatable("") reach what all Lua code shares.
string.dump = nil
getmetatable("").__metatable = "string"

local PLAIN = { "assert", "error", "ipairs", "pcall", "select",
                "tonumber", "tostring", "type", "unpack", "rawequal", "rawget", "rawset",
                "_VERSION" }
local LIBRARIES = { "string", "table", "math", "coroutine", "bit" }
local WITHHELD = { "io", "debug", "ffi", "package", "dofile", "loadfile", "jit", "getfenv",
                   "setfenv", "newproxy" }

local function copy(library)
  local copied = {}
  for name, value in pairs(library) do copied[name] = value end
  return copied
end

-- Reading goes through, writing raises.
local function read_only(library, name)
  local meta = { __index = library, __metatable = "read-only", __name = name }
  function meta.__newindex(_, key)
    error(("%s.%s: the library cannot be changed"):format(name, tostring(key)), 2)
  end
  local inner = getmetatable(library)
  if inner and inner.__call then
    function meta.__call(_, ...) return library(...) end
  end
  return setmetatable({}, meta)
end

-- Time and chance ---------------------------------------------------------------------------------

local function clocked_os(clock, began)
  began = began or clock()
  return {
    time = function(when) return when and os.time(when) or math.floor(clock()) end,
    clock = function() return clock() - began end,
    date = function(format, when) return os.date(format, when or math.floor(clock())) end,
    difftime = os.difftime,
  }
end

local function seeded_math(seed)
  local library = copy(math)
  local source = random.new(seed)
  function library.random(low, high)
    if not low then return source:number() end
    if not high then low, high = 1, low end
    low, high = math.floor(low), math.floor(high)
    if low > high then error("bad argument to 'random' (interval is empty)", 2) end
    return source:integer(low, high)
  end
  function library.randomseed(new_seed) source = random.new(tonumber(new_seed) or 0) end
  return library
end

local function line_printer(print_line)
  return function(...)
    local words = { ... }
    for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
    print_line(table.concat(words, "\t"))
  end
end

-- Code --------------------------------------------------------------------------------------------

local function loader_of(environment)
  return function(chunk, name, mode, env)
    if type(chunk) == "function" then
      local parts = {}
      for part in chunk do
        if part == "" then break end
        parts[#parts + 1] = part
      end
      chunk = table.concat(parts)
    end
    if type(chunk) ~= "string" then error("load takes a text", 2) end
    if chunk:sub(1, 1) == "\27" or mode == "b" then return nil, "bytecode is not loaded" end
    return load(chunk, name or chunk, "t", env or environment)
  end
end

-- The text of a module under the root: nil, and where was looked.
local function find_module(name, options)
  local path = name:gsub("%.", "/")
  local tried = {}
  local base = options.root .. "/" .. path
  for _, candidate in ipairs { base .. ".lua", base .. "/init.lua" } do
    local text = options.read(candidate)
    if text then return text, candidate end
    tried[#tried + 1] = "\n\tno file '" .. candidate .. "'"
  end
  return nil, table.concat(tried)
end

local function require_in(environment, options, given)
  local loaded = given
  return function(name)
    if type(name) ~= "string" then error("require takes a name", 2) end
    if loaded[name] ~= nil then return loaded[name] end
    if not name:find("^[%w_-]+$") and not name:find("^[%w_-]+%.[%w_.-]+$")
      or name:find("..", 1, true) then
      error(("module '%s': not a name"):format(name), 2)
    end
    local text, place = find_module(name, options)
    if not text then
      error(("module '%s' not found: the sandbox has \"moonwire\" and what lies beside the strategy"
             .. "%s"):format(name, place), 2)
    end
    if text:sub(1, 1) == "\27" then error(place .. ": bytecode is not loaded", 2) end
    local chunk, err = (options.compile or loadstring)(text, "@" .. place)
    if not chunk then error(err, 2) end
    setfenv(chunk, environment)
    loaded[name] = true                                 -- a circle of requires ends here
    local value = chunk(name)
    if value ~= nil then loaded[name] = value end
    return loaded[name]
  end
end

-- Metatables are the sandbox's own business only where the sandbox set them.
local function metatable_functions()
  local own = setmetatable({}, { __mode = "k" })
  local function set(object, meta)
    local old = type(object) == "table" and getmetatable(object)
    if old and not own[old] then error("cannot change a protected metatable", 2) end
    local result = setmetatable(object, meta)
    if meta ~= nil then own[meta] = true end
    return result
  end
  local function get(object)
    local meta = getmetatable(object)
    if type(meta) == "table" and not own[meta] then return "protected" end
    return meta
  end
  return set, get
end

-- A handler of errors runs with hooks off when it is the end of the callback that it handles: then
-- it is passed over, so that it cannot go on for ever.
local passing = setmetatable({}, { __mode = "kv" })

local function passed_over(handler)
  if type(handler) ~= "function" then return handler end
  local wrapped = passing[handler]
  if not wrapped then
    function wrapped(err)
      if budget.is_ending() then return err end
      return handler(err)
    end
    passing[handler] = wrapped
  end
  return wrapped
end

-- Of an order or a position its fields, and not the runtime's own behind it.
local function next_of(value, key)
  if view.is(value) then return view.next(value, key) end
  if type(value) ~= "table" then
    error(("bad argument #1 to 'next' (table expected, got %s)"):format(type(value)), 2)
  end
  return next(value, key)
end

-- Numbers, texts, false, true; what else a key may be has no order.
local ranks = { number = 1, string = 2, boolean = 3 }
local function before(a, b)
  local kind = type(a)
  if kind ~= type(b) then return (ranks[kind] or 4) < (ranks[type(b)] or 4) end
  if kind == "boolean" then return b and not a end
  return ranks[kind] ~= nil and a < b
end

-- Whether LuaJIT goes through it in that order by itself, as it does with lists.
local function is_in_order(value)
  local count = 0
  for key in next, value do
    count = count + 1
    if key ~= count then return false end
  end
  return true
end

-- LuaJIT's own order of keys is another one in each process: the same strategy would not do the
-- same when its run is replayed.
local function pairs_of(value)
  if view.is(value) then return next_of, value end
  if type(value) ~= "table" or is_in_order(value) then return pairs(value) end
  local keys, i = {}, 0
  for key in next, value do keys[#keys + 1] = key end
  table.sort(keys, before)
  return function()
    local key, field
    repeat
      i = i + 1
      key = keys[i]
      if key ~= nil then field = rawget(value, key) end
    until key == nil or field ~= nil
    return key, field
  end
end

local function foreach(value, visit)
  for key, field in pairs_of(value) do
    local result = visit(key, field)
    if result ~= nil then return result end
  end
end

local function guarded_xpcall(f, handler, ...) return xpcall(f, passed_over(handler), ...) end

local function user_library(options)
  local library = copy(require "moonwire")
  library.keep = options.keep
  -- What README documents: the rest writes into a sum in place, or takes what FFI takes.
  local decimal = require "moonwire.decimal"
  local public = { parse = decimal.parse, is = decimal.is, min = decimal.min, max = decimal.max,
                   ZERO = decimal.copy(decimal.ZERO) }
  setmetatable(public, { __call = function(_, value) return decimal(value) end })
  library.decimal = read_only(public, "mw.decimal")
  library.file = read_only(options.file or library.file, "mw.file")
  return read_only(library, "mw")
end

-- A trusted file has all of Lua; only time, chance and print are the runtime's.
local function trusted(options)
  local environment = setmetatable({
    print = line_printer(options.print), math = seeded_math(options.seed), xpcall = guarded_xpcall,
    pairs = pairs_of,
  }, { __index = _G })
  environment.os = setmetatable(clocked_os(options.clock, options.began), { __index = os })
  environment._G = environment
  local library = setmetatable({ keep = options.keep }, { __index = require "moonwire" })
  local find = require_in(environment, options, {})
  function environment.require(name)
    if name == "moonwire" then return library end
    local own = type(name) == "string" and name:find("^[%w_.-]+$") and not name:find("..", 1, true)
      and find_module(name, options)
    return own and find(name) or require(name)
  end
  return environment
end

--- The environment of one strategy's file.
---@param options table  trusted (boolean), print(line), clock() -> seconds, began (of os.clock;
---                      default: now), root (the directory of its modules), read(path) -> text
---                      or nil, compile(text, source) -> chunk or nil, err (default:
---                      loadstring), keep (mw.keep), file (mw.file, default: the library's),
---                      seed (integer)
---@return table environment
function M.environment(options)
  if options.trusted then return trusted(options) end
  local environment = {}
  for _, name in ipairs(PLAIN) do environment[name] = _G[name] end
  for _, name in ipairs(LIBRARIES) do environment[name] = copy(require(name)) end
  environment.setmetatable, environment.getmetatable = metatable_functions()
  environment.math = seeded_math(options.seed)
  environment.xpcall = guarded_xpcall
  environment.next, environment.pairs, environment.table.foreach = next_of, pairs_of, foreach
  environment.os = clocked_os(options.clock, options.began)
  environment.print = line_printer(options.print)
  environment.load = loader_of(environment)
  environment.loadstring = environment.load
  environment.require = require_in(environment, options,
    { moonwire = user_library(options), bit = environment.bit, string = environment.string,
      table = environment.table, math = environment.math, coroutine = environment.coroutine })
  function environment.collectgarbage(what)
    if what == "count" then return collectgarbage "count" end
    return 0                                            -- the collector is the runtime's
  end
  environment._G = environment
  return environment
end

--- A hint for an error that comes from what the sandbox leaves out, or nil.
---@param err string
---@return string|nil
function M.hint(err)
  local name = err:match("global '([%w_]+)'") or err:match("module '([%w_]+)' not found")
  for _, withheld in ipairs(WITHHELD) do
    if name == withheld then
      return ("%s is not in the sandbox: mw.file reads and writes text; `trusted = true` in the "
              .. "configuration gives a strategy all of Lua"):format(name)
    end
  end
end

return M
