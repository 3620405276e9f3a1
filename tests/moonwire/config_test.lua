local t = require "tests.tap"
local config = require "moonwire.config"
local decimal = require "moonwire.decimal"
local ffi = require "ffi"
local fields = require "moonwire.fields"
local host = require "moonwire.host"
local source = require "moonwire.config_source"

ffi.cdef "int setenv(const char *name, const char *value, int overwrite); char *mkdtemp(char *s);"

local DIRECTORY = ffi.string(ffi.C.mkdtemp(ffi.new("char[40]", "/tmp/moonwire-config-XXXXXX")))
local FILE = DIRECTORY .. "/moonwire.lua"

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

write(DIRECTORY .. "/s.lua", "return 1")
write(DIRECTORY .. "/ca.pem", "a certificate")

local FAKE = {
  environments = {
    production = { rest_url = "https://api.test", private_url = "wss://private.test/ws",
                   market_url = "wss://market.test", history_url = "https://history.test" },
    demo = { rest_url = "https://demo.test", private_url = "wss://private.demo.test" },
  },
  options = {
    history_url = { type = "url", doc = "fills" },
    digest = { type = "string", choices = { "sha512", "sha256" }, default = "sha512", doc = "d" },
    token = { type = "text", doc = "a text or a secret" },
    second_key = { type = "secret", doc = "another key" },
  },
}

-- Secrets as the host gives them: userdata that nobody can read; those named NONE... are not there.
local function secret(name)
  if name:find "NONE" then return nil, "there is no " .. name end
  return newproxy()
end

local function load_protocol(name)
  if name == "fake" or name:find "fake%.lua$" then return FAKE end
  return nil, "no protocol " .. name
end

local function load(text)
  return config.load(write(FILE, text), { env = secret, file = secret }, load_protocol)
end

local function loaded(text)
  local configuration, err = load(text)
  if not configuration then error("expected no error, got\n" .. err, 2) end
  return configuration
end

-- The errors of a text, without the path of the file: "3: name: expected a text, got 5".
local function errors(text)
  local configuration, err = load(text)
  if configuration then error("expected an error", 2) end
  return (("\n" .. err):gsub("\n" .. FILE:gsub("%p", "%%%0") .. ":%s?", "\n"):sub(2))
end

local function has(text, expected)
  if not text:find(expected, 1, true) then
    error(("expected %q in\n%s"):format(expected, text), 2)
  end
end

local VENUE = { protocol = '"fake"', environment = '"production"', key = 'env "KEY"',
                secret = 'env "SECRET"' }

local function venue(more)
  return ([[return { venues = { idx = {
  protocol = "fake", environment = "production", key = env "KEY", secret = env "SECRET",
  %s
} } }]]):format(more or "")
end

-- What is read ------------------------------------------------------------------------------------

t.test("an empty table is a configuration, and every default is as declared", function()
  local c = loaded "return {}"
  t.equal(c.name, "moonwire")
  t.equal(next(c.venues), nil)
  t.equal(#c.strategies, 0)
  t.equal(c.journal.path, DIRECTORY .. "/moonwire.db")
  t.equal(c.journal.max_mb, nil)
  t.equal(c.hang_limit, 10)
  t.equal(c.on_journal_failure, "cancel")
  t.equal(c.console, nil)
  t.equal(next(c.risk), nil)
  t.equal(c.on_crash, "cancel")
  t.equal(c.on_stop, "cancel")
  t.equal(c.on_error, "stop")
  t.equal(c.restart, false)
  t.equal(c.spin, false)
  t.equal(c.max_callback, 1)
  t.equal(c.memory_limit_mb, 1024)
  t.equal(c.log.level, "info")
  t.equal(c.log.format, "text")
  t.equal(c.path, FILE)
  t.equal(c.directory, DIRECTORY)
end)

t.test("every key can be set, amounts are decimals and paths stand beside the file", function()
  local c = loaded [[
local levels = 3
return {
  name = "desk-1",
  venues = { idx = {
    protocol = "fake", environment = "demo", rest_url = "https://r.test/",
    private_url = "wss://p.test/ws?x=1", market_url = false, ca_file = "ca.pem",
    key = env("KEY"), secret = file("secret.txt"), request_timeout = 2.5, reconcile_every = 5,
    silence = 9, dead_man = false, history_url = "https://h.test:8443", digest = "sha256",
    token = env "TOKEN", second_key = file "/k",
  } },
  strategies = { { file = "s.lua", name = "one", trusted = true,
                   params = { symbol = "BTC/IDR", levels = levels, deep = { 1, { on = false } } },
                 } },
  journal = { path = "/var/j.db" },
  console = { path = "c.sock", confirm_notional = { IDR = "1000000" } },
  risk = { max_order_notional = { IDR = "50000000.5", USDT = 100 }, max_order_qty = { BTC = "2" },
           max_position = { BTC = 0.1 }, max_open_orders = 7, max_orders_per_second = 4,
           price_collar = "2.5%" },
  on_crash = "leave", on_stop = "leave", restart = true, on_error = "continue", spin = true,
  max_callback = 0.25, memory_limit_mb = 256,
  log = { level = "debug", format = "json" },
}]]
  local v, s = c.venues.idx, c.strategies[1]
  t.equal(c.name, "desk-1")
  t.equal(v.rest_url, "https://r.test", "so that a path can be appended")
  t.equal(v.private_url, "wss://p.test/ws?x=1")
  t.equal(v.market_url, false)
  t.equal(v.ca_file, DIRECTORY .. "/ca.pem")
  t.equal(type(v.key), "userdata")
  t.equal(type(v.secret), "userdata")
  t.equal(type(v.second_key), "userdata")
  t.equal(type(v.token), "userdata")
  t.equal(v.request_timeout, 2.5)
  t.equal(v.reconcile_every, 5)
  t.equal(v.silence, 9)
  t.equal(v.dead_man, false)
  t.equal(v.history_url, "https://h.test:8443")
  t.equal(v.digest, "sha256")
  t.equal(s.file, DIRECTORY .. "/s.lua")
  t.equal(s.name, "one")
  t.equal(s.trusted, true)
  t.equal(s.params.symbol, "BTC/IDR")
  t.equal(s.params.levels, 3)
  t.equal(s.params.deep[2].on, false)
  t.equal(c.journal.path, "/var/j.db")
  t.equal(c.console.path, DIRECTORY .. "/c.sock")
  t.equal(c.console.confirm_notional.IDR, decimal "1000000")
  t.equal(c.risk.max_order_notional.IDR, decimal "50000000.5")
  t.equal(c.risk.max_order_notional.USDT, decimal "100")
  t.equal(c.risk.max_order_qty.BTC, decimal "2")
  t.equal(c.risk.max_position.BTC, decimal "0.1")
  t.equal(c.risk.max_open_orders, 7)
  t.equal(c.risk.max_orders_per_second, 4)
  t.equal(c.risk.price_collar, decimal "0.025")
  t.equal(c.on_crash .. c.on_stop .. c.on_error, "leaveleavecontinue")
  t.equal(c.restart and c.spin, true)
  t.equal(c.max_callback, 0.25)
  t.equal(c.memory_limit_mb, 256)
  t.equal(c.log.level .. c.log.format, "debugjson")
end)

t.test("a configuration may compute, with nothing around it but env and file", function()
  local c = loaded [[
local list = {}
for i = 1, 3 do list[i] = { file = "s.lua", name = "s" .. i } end
return { strategies = list }]]
  t.equal(c.strategies[3].name, "s3")
  for _, name in ipairs { "os", "io", "require", "print", "pairs", "string", "debug", "load", "_G",
                          "getmetatable", "setmetatable", "pcall", "error", "coroutine" } do
    t.equal(loaded(("return { restart = %s == nil }"):format(name)).restart, true, name)
  end
end)

-- What is refused ---------------------------------------------------------------------------------

-- For each key of the declaration a value that it does not take, and what is said.
local wrong = {
  ["name"] = { "5", "expected a text, got 5" },
  ["venues.{name}"] = { "5", "expected a table, got 5" },
  ["venues.{name}.protocol"] = { "{}", "expected a text, got a table" },
  ["venues.{name}.environment"] = { '"productoin"', 'expected "production", "demo" or "sim", got '
                                    .. '"productoin"; did you mean "production"?' },
  ["venues.{name}.rest_url"] = { '"api.test"',
                                 'expected a url that begins with https://, got "api.test"' },
  ["venues.{name}.private_url"] = { '"https://x.test"', "expected a url that begins with wss://" },
  ["venues.{name}.market_url"] = { "true",
                                   "expected a url that begins with wss:// or false, got true" },
  ["venues.{name}.ca_file"] = { '"none.pem"', "cannot be read: " .. DIRECTORY .. "/none.pem" },
  ["venues.{name}.key"] = { '"written"', 'expected env("NAME") or file("PATH"), got a text' },
  ["venues.{name}.secret"] = { "5", 'expected env("NAME") or file("PATH"), got 5' },
  ["venues.{name}.request_timeout"] = { "0", "expected a number from 0.1 to 300, got 0" },
  ["venues.{name}.reconcile_every"] = { '"5"', 'expected a number from 1 to 3600, got "5"' },
  ["venues.{name}.silence"] = { "0.5", "expected a number from 1 to 3600, got 0.5" },
  ["venues.{name}.dead_man"] = { "true", "expected a number from 10 to 3600 or false, got true" },
  ["strategies"] = { '"s.lua"', 'expected a list, got "s.lua"' },
  ["strategies[]"] = { '"s.lua"', 'expected a table, got "s.lua"' },
  ["strategies[].file"] = { "5", "expected the path of a file, got 5" },
  ["strategies[].name"] = { '"a b"', 'expected a text, got "a b"' },
  ["strategies[].params"] = { "function() end", "expected plain values, got a function" },
  ["strategies[].trusted"] = { '"yes"', 'expected true or false, got "yes"' },
  ["journal"] = { '"j.db"', 'expected a table or false, got "j.db"' },
  ["journal.path"] = { '""', 'expected the path of a file, got ""' },
  ["journal.max_mb"] = { "1", "expected a number from 16 to 1e+06, got 1" },
  ["journal.max_days"] = { "0", "expected a number from 0.01 to 36500, got 0" },
  ["console"] = { "true", "expected a table, got true" },
  ["console.path"] = { '"a\\0b"', "expected the path of a file" },
  ["console.confirm_notional.{ASSET}"] = { '"x"', "expected an amount above 0" },
  ["risk"] = { "5", "expected a table, got 5" },
  ["risk.max_order_notional.{ASSET}"] = { '"-5"',
    'expected an amount above 0, such as "0.001", got "-5"' },
  ["risk.max_order_qty.{ASSET}"] = { "0", "expected an amount above 0" },
  ["risk.max_position.{ASSET}"] = { "true", "expected an amount above 0" },
  ["risk.max_open_orders"] = { "1.5", "expected a whole number of at least 1, got 1.5" },
  ["risk.max_orders_per_second"] = { "0", "expected a whole number from 1 to 1e+06, got 0" },
  ["risk.price_collar"] = { "0.05", 'expected a percentage above 0 and below 100, such as "5%"' },
  ["on_crash"] = { '"cancle"',
                   'expected "cancel" or "leave", got "cancle"; did you mean "cancel"?' },
  ["on_orphan"] = { '"sell"', 'expected "leave", "cancel" or "ask", got "sell"' },
  ["on_journal_failure"] = { '"stop"', 'expected "cancel" or "halt", got "stop"' },
  ["hang_limit"] = { "0.5", "expected a number from 1 to 3600, got 0.5" },
  ["on_stop"] = { "true", 'expected "cancel" or "leave", got true' },
  ["restart"] = { "1", "expected true or false, got 1" },
  ["on_error"] = { '"go"', 'expected "stop" or "continue", got "go"' },
  ["probation"] = { "3", "expected a table or false, got 3" },
  ["probation.errors"] = { "0", "expected a whole number from 1 to 1000, got 0" },
  ["probation.seconds"] = { '"30"', 'expected a number from 1 to 86400, got "30"' },
  ["max_callback"] = { "0.001", "expected a number from 0.01 to 3600, got 0.001" },
  ["memory_limit_mb"] = { "8", "expected a whole number from 32 to 1e+06, got 8" },
  ["spin"] = { '"true"', 'expected true or false, got "true"' },
  ["log"] = { '"debug"', 'expected a table, got "debug"' },
  ["log.level"] = { '"warning"', 'expected "error", "warn", "info" or "debug", got "warning"; '
                    .. 'did you mean "warn"?' },
  ["log.format"] = { '"xml"', 'expected "text" or "json", got "xml"' },
}

-- A configuration in which this key alone is `value`, in a line of its own, and the key's path.
local function with(key, value)
  local path = key:gsub("{name}", "idx"):gsub("{ASSET}", "IDR"):gsub("%[%]", "[1]")
  local open, close, last = "", "", nil
  for step, bracket in path:gmatch "([%w_]+)(%[?)" do
    if last then
      open, close = open .. last .. " = {\n", "}" .. close
      if open:find "idx = {\n$" then
        for name, text in pairs(VENUE) do
          if name ~= step then open = open .. name .. " = " .. text .. ", " end
        end
        open = open .. "\n"
      end
    end
    if bracket == "[" then
      open, close, last = open .. step .. " = {\n", "}" .. close, nil
    elseif step ~= "1" then last = step end
  end
  if key:find "%[%]%." then
    local inside = key:find "%.file$" and "" or 'file = "s.lua", '
    open = open:gsub("%[?$", "") .. "{ " .. inside .. "\n"
    close = "}" .. close
  end
  local before = "return {\n" .. open
  local _, lines = before:gsub("\n", "")
  return before .. (last and last .. " = " or "") .. value .. "\n" .. close .. "}", path, lines + 1
end

for _, row in ipairs(fields.rows(config.keys)) do
  t.test("a wrong value of " .. row.path .. " is refused by name and line", function()
    local case = wrong[row.path] or error("no wrong value of this key is tested")
    local text, path, line = with(row.path, case[1])
    has(errors(text), ("%d: %s: %s"):format(line, path, case[2]))
  end)
end

t.test("what a venue must have is asked for", function()
  local text = errors 'return {\n venues = {\n idx = { environment = "demo" } } }'
  has(text, '3: venues.idx.key: missing: expected env("NAME") or file("PATH")')
  has(text, '3: venues.idx.secret: missing: expected env("NAME")')
  has(text, "3: venues.idx.protocol: missing: expected a text")
end)

t.test("an unknown key is refused with the nearest known name, at every depth", function()
  has(errors "return {\n\n vennues = {} }", "3: vennues: unknown key; did you mean venues?")
  has(errors(venue "reset_url = 5"), "3: venues.idx.reset_url: unknown key; did you mean rest_url?")
  has(errors(venue "digets = 5"), "3: venues.idx.digets: unknown key; did you mean digest?")
  has(errors 'return { strategies = {\n{ file = "s.lua", nmae = "x" } } }',
      "2: strategies[1].nmae: unknown key; did you mean name?")
  has(errors "return { log = {\n Level = 5 } }", "2: log.Level: unknown key; did you mean level?")
  has(errors "return { risk = { max_open = 5 } }", "risk.max_open: unknown key; did you mean max_")
  has(errors "return { 5 }", "[1]: unknown key; did you mean")
end)

t.test("all errors are told at once, in the order of their lines", function()
  local text = errors [[
return {
  spin = 1,
  venues = { idx = { protocol = "fake",
    environment = "production",
    kee = 1,
    key = env "NONE_KEY",
    secret = env "SECRET", silence = -1 } },
  on_stop = "no",
}]]
  local lines = {}
  for line in (text .. "\n"):gmatch "(%d+): " do lines[#lines + 1] = line end
  t.equal(table.concat(lines, " "), "2 5 6 7 8")
  has(text, '6: env("NONE_KEY"): there is no NONE_KEY')
  t.equal(text:find("venues.idx.key", 1, true), nil, "a secret that is missing is said once")
end)

t.test("a name that is no name is refused in venues and assets", function()
  has(errors 'return { venues = {\n ["a b"] = {} } }', "2: venues.a b: bad name")
  has(errors "return { venues = { {} } }", "venues[1]: bad name")
  has(errors 'return { risk = { max_position = { ["B/C"] = 1 } } }', "bad name")
end)

t.test("a list takes items only", function()
  has(errors 'return { strategies = { { file = "s.lua" },\n x = 1 } }',
      "2: strategies.x: expected a list, got a key")
  has(errors 'return { strategies = { [1.5] = { file = "s.lua" } } }', "expected a list, got a key")
end)

t.test("parameters are plain values, and never deeper than any that are meant", function()
  has(errors 'return { strategies = { { file = "s.lua", params = { f = env } } } }',
      "expected plain values, got a function")
  has(errors 'return { strategies = { { file = "s.lua", params = { [{}] = 1 } } } }',
      "expected names or numbers as keys, got a table")
  has(errors [[
local round = {}
round.again = round
return { strategies = { { file = "s.lua", params = round } } }]], "tables in tables without end")
end)

t.test("two strategies of one name need names", function()
  has(errors 'return { strategies = {\n { file = "s.lua" },\n { file = "s.lua" } } }',
      '3: strategies[2]: a second strategy "s": give it a name')
  t.equal(loaded('return { strategies = { { file = "s.lua" }, { file = "s.lua", name = "z" } } }')
    .strategies[1].name, "s")
end)

t.test("a strategy's file must be there", function()
  has(errors 'return { strategies = {\n { file = "nothing.lua" } } }',
      "2: strategies[1].file: cannot be read: " .. DIRECTORY .. "/nothing.lua: No such file")
  has(errors "return { strategies = { {} } }", "strategies[1].file: missing: expected the path")
end)

-- The file itself ---------------------------------------------------------------------------------

t.test("a syntax error is told with its line", function()
  has(errors "return {\n  name = = 5\n}", "2: unexpected symbol near '='")
  has(errors "return {", "1: unexpected symbol near '<eof>'")
end)

t.test("an error while it runs is told with its line", function()
  has(errors "local x\n\nreturn { name = x.y }", "3: attempt to index local 'x' (a nil value)")
  has(errors "local function f() return 1 + f() end\nreturn f()", "stack overflow")
end)

t.test("a file that returns no table is refused", function()
  has(errors "", "expected that the file returns a table, got nil")
  has(errors 'return "x"', "expected that the file returns a table, got string")
end)

t.test("loops that do not end are ended", function()
  has(errors "while true do end", "1: this does not end")
  has(errors "local n = 0\nwhile true do n = n + 1 end", "2: this does not end")
  has(errors "local function f() return f() end\nf()", "this does not end")
  has(errors [[
local s = ("x"):gsub(".", function()
  while true do end
end)]], "this does not end")
  local hook = debug.gethook()
  t.equal(hook, nil, "no hook is left")
end)

t.test("bytecode is refused by what it is", function()
  has(errors "\27LJ\2\0\0", "this is bytecode, expected Lua text")
  has(errors "return {}\0", "a NUL byte in it, expected Lua text")
  has(errors(string.dump(function() return {} end)), "this is bytecode")
end)

t.test("a file that is missing or a directory is an error with its path", function()
  local nothing, err = config.load(DIRECTORY .. "/no.lua", {}, load_protocol)
  t.equal(nothing, nil)
  has(err, DIRECTORY .. "/no.lua: No such file")
  nothing, err = config.load(DIRECTORY, {}, load_protocol)
  t.equal(nothing, nil)
  has(err, DIRECTORY .. ": Is a directory")
end)

t.test("relative paths are relative to the file, wherever it is", function()
  local function directory_of(path)
    local old, seen = io.open, nil
    write(FILE, 'return { strategies = { { file = "sub/s.lua" } } }')
    io.open = function(name, mode)      -- luacheck: ignore
      if name == path then return old(FILE, mode) end
      seen = name
      return old(DIRECTORY .. "/s.lua", mode)
    end
    local ok, c = pcall(config.load, path, { env = secret, file = secret }, load_protocol)
    io.open = old                       -- luacheck: ignore
    t.ok(ok and c, tostring(c))
    t.equal(c.strategies[1].file, seen)
    return seen
  end
  t.equal(directory_of "moonwire.lua", "sub/s.lua")
  t.equal(directory_of "etc/moonwire.lua", "etc/sub/s.lua")
  t.equal(directory_of "/etc/moonwire.lua", "/etc/sub/s.lua")
  t.equal(directory_of "/moonwire.lua", "/./sub/s.lua")
end)

-- Secrets -----------------------------------------------------------------------------------------

t.test("env and file take one text, and a file's path is relative as others are", function()
  local asked
  local function note(path) asked = path return newproxy() end
  write(FILE, 'return { venues = { a = { protocol = "fake", environment = "production",\n'
              .. ' key = file "k.txt", secret = env "S" } } }')
  t.ok(config.load(FILE, { env = secret, file = note }, load_protocol))
  t.equal(asked, DIRECTORY .. "/k.txt")
  has(errors "return {\n name = env(5) }", '2: env takes a text: env("...")')
  has(errors "return {\n name = file {} }", '2: file takes a text: file("...")')
end)

t.test("each secret that cannot be had is told with its line", function()
  local text = errors [[
local key = env("NONE_A")
return { venues = { v = { protocol = "fake", environment = "production", key = key,
  secret = file("NONE_B") } } }]]
  has(text, '1: env("NONE_A"): there is no NONE_A')
  has(text, '3: file("NONE_B"): there is no ')
end)

t.test("a secret fits only where a secret is wanted, and is never shown", function()
  has(errors 'return { name = env "KEY" }', "name: expected a text, got a secret")
  has(errors 'return { spin = env "KEY" }', "spin: expected true or false, got a secret")
  has(errors 'return { strategies = { { file = "s.lua", params = { key = env "KEY" } } } }',
      "a secret cannot be given to a strategy")
  has(errors(venue 'silence = env "KEY"'), "got a secret")
end)

t.test("a secret that is written out is refused and not repeated", function()
  local text = errors [[return { venues = { v = { protocol = "fake", environment = "production",
    key = "PRIVATE-KEY-TEXT", secret = "PRIVATE-SECRET-TEXT", second_key = "PRIVATE-3",
    token = 5 } } }]]
  has(text, "venues.v.key: expected")
  has(text, "venues.v.secret: expected")
  has(text, "venues.v.second_key: expected")
  has(text, 'venues.v.token: expected a text, env("NAME") or file("PATH"), got 5')
  t.equal(text:find "PRIVATE", nil)
end)

t.test("the host's own secrets: from a variable that is then gone, from a private file", function()
  ffi.C.setenv("MW_CONFIG_TEST_KEY", "variable-text-1234567890", 1)
  write(DIRECTORY .. "/secret.txt", "file-text-1234567890\n")
  os.execute("chmod 600 " .. DIRECTORY .. "/secret.txt")
  local secrets = { env = host.secret_env, file = host.secret_file }
  local text = [[return { venues = { v = { protocol = "fake", environment = "production",
    key = env "MW_CONFIG_TEST_KEY", secret = file "secret.txt" } } }]]
  local c = assert(config.load(write(FILE, text), secrets, load_protocol))
  t.equal(tostring(c.venues.v.key), "secret from MW_CONFIG_TEST_KEY")
  t.equal(os.getenv "MW_CONFIG_TEST_KEY", nil)
  t.equal(getmetatable(c.venues.v.key), false)
  t.equal(#c.venues.v.secret:hmac("sha512", "x", "hex"), 128)
  os.execute("chmod 644 " .. DIRECTORY .. "/secret.txt")
  local nothing, err = config.load(FILE, secrets, load_protocol)
  t.equal(nothing, nil)
  has(err, "secret.txt")
  has(err, "MW_CONFIG_TEST_KEY")
  t.equal(err:find("text-1234567890", 1, true), nil)
end)

-- Protocols and urls ------------------------------------------------------------------------------

t.test("the environment gives the urls, and each can be overridden", function()
  local v = loaded(venue()).venues.idx
  t.equal(v.rest_url, "https://api.test")
  t.equal(v.private_url, "wss://private.test/ws")
  t.equal(v.market_url, "wss://market.test")
  t.equal(v.history_url, "https://history.test")
  v = loaded(venue 'market_url = "wss://other.test"').venues.idx
  t.equal(v.market_url, "wss://other.test")
  t.equal(v.rest_url, "https://api.test")
end)

t.test("who moves rest_url moves the protocol's own urls with it", function()
  local v = loaded(venue 'rest_url = "https://other.test"').venues.idx
  t.equal(v.history_url, nil)
  t.equal(v.private_url, "wss://private.test/ws")
end)

t.test("an address that no environment has must be given", function()
  has(errors [[return { venues = {
  v = { protocol = "fake", environment = "sim", key = env "K", secret = env "S",
        rest_url = "https://127.0.0.1:1", market_url = false } } }]],
      '2: venues.v.private_url: missing: environment "sim" has no address of its own')
  has(errors [[return { venues = {
  v = { protocol = "fake", environment = "demo", key = env "K", secret = env "S" } } }]],
      'venues.v.market_url: missing: environment "demo" has no address of its own')
  has(errors [[return { venues = {
  v = { protocol = "fake", key = env "K", secret = env "S" } } }]],
      'venues.v.rest_url: missing: expected an address, or environment = "production" or "demo"')
end)

t.test("an environment that the protocol does not have is refused", function()
  local old = FAKE.environments.demo
  FAKE.environments.demo = nil
  local text = errors [[return { venues = { v = { protocol = "fake",
  environment = "demo", key = env "K", secret = env "S" } } }]]
  FAKE.environments.demo = old
  has(text, '2: venues.v.environment: fake has no environment "demo"')
end)

t.test("a protocol's options are checked as other keys are, with their defaults", function()
  t.equal(loaded(venue()).venues.idx.digest, "sha512")
  has(errors(venue 'digest = "md5"'),
      '3: venues.idx.digest: expected "sha512" or "sha256", got "md5"')
  has(errors(venue 'history_url = "wss://x.test"'), "expected a url that begins with https://")
  t.equal(loaded(venue 'token = "shown"').venues.idx.token, "shown")
end)

t.test("an unknown protocol is one error, not one for each of its options", function()
  local text = errors [[return { venues = { v = {
    protocol = "okx", passphrase = 5, key = env "K", secret = env "S" } } }]]
  t.equal(text, "2: venues.v.protocol: no protocol okx")
end)

t.test("a protocol may be a file, relative to the configuration", function()
  local c = loaded [[return { venues = { v = { protocol = "venues/fake.lua",
    environment = "production", key = env "K", secret = env "S" } } }]]
  t.equal(c.venues.v.protocol, DIRECTORY .. "/venues/fake.lua")
end)

t.test("urls without TLS are for this machine only, and nothing hides in a url", function()
  local function rest(url)
    return loaded(venue(("rest_url = %q"):format(url))).venues.idx.rest_url
  end
  for _, url in ipairs { "http://127.0.0.1:8080", "http://localhost", "http://[::1]:9",
                         "https://x.test:65535/a?b", "https://[2001:db8::1]" } do
    t.equal(rest(url), url)
  end
  t.equal(loaded(venue 'private_url = "ws://127.0.0.1:1/x"').venues.idx.private_url,
          "ws://127.0.0.1:1/x")
  for _, url in ipairs { "http://x.test", "http://localhost.x.test", "http://127.0.0.1.x.test",
                         "http://127.x.test" } do
    has(errors(venue(("rest_url = %q"):format(url))), "http:// is for this machine only")
  end
  for _, url in ipairs { "https://user:pass@x.test", "https://x.test#a", "https://x.test/a b",
                         "https://x.test:0", "https://x.test:65536", "https://", "ftp://x.test",
                         "https:x.test", "https://x.test\\@y.test", "https://x.test\nHost: y" } do
    has(errors(venue(("rest_url = %q"):format(url))), "expected a url that begins with https://")
  end
end)

t.test("default paths stand beside the configuration, as given ones do", function()
  local c = loaded "return { journal = {}, console = {} }"
  t.equal(c.journal.path, DIRECTORY .. "/moonwire.db")
  t.equal(c.console.path, DIRECTORY .. "/moonwire.sock")
  c = loaded [[return { journal = { path = "moonwire.db" },
                        console = { path = "moonwire.sock" } }]]
  t.equal(c.journal.path, DIRECTORY .. "/moonwire.db")
  t.equal(c.console.path, DIRECTORY .. "/moonwire.sock")
  t.equal(loaded("return { journal = false }").journal, false)
end)

t.test("a list with a hole is an error that names it: nothing behind the hole is lost", function()
  local hidden = 'strategies.3: expected a list, got a key'
  has(errors [[return {
    strategies = { { file = "s.lua", name = "a" }, nil, { file = "s.lua", name = "b" } }
  }]], hidden)
  has(errors [[return {
    strategies = { nil, nil, { file = "s.lua", name = "b" } } }]], hidden)
  has(errors [[return {
    strategies = { { file = "s.lua", name = "a" }, [3] = { file = "s.lua", name = "b" } }
  }]], hidden)
end)

t.test("the same words give the same secret, asked for once", function()
  local asked, handles = {}, {}
  local function once(name)
    asked[#asked + 1] = name
    local handle = newproxy()
    handles[name] = handles[name] or handle
    return handle
  end
  local c = assert(config.load(write(FILE, [[
    local one = { protocol = "fake", environment = "production",
                  key = env "KEY", secret = file "secret.txt" }
    return { venues = { a = one, b = {
      protocol = "fake", environment = "production",
      key = env "KEY", secret = file "secret.txt", second_key = env "OTHER" } } }
  ]]), { env = once, file = once }, load_protocol))
  t.equal(table.concat(asked, " "), "KEY " .. DIRECTORY .. "/secret.txt OTHER")
  t.equal(c.venues.a.key, handles.KEY)
  t.equal(c.venues.b.key, handles.KEY)
  t.equal(c.venues.b.secret, c.venues.a.secret)
  t.ok(c.venues.b.second_key ~= c.venues.b.key)
end)

t.test("a variable and a file of the same name are two secrets", function()
  local c = assert(config.load(write(FILE, [[return { venues = { a = {
    protocol = "fake", environment = "production", key = env "/k", secret = file "/k" } } }]]),
    { env = secret, file = secret }, load_protocol))
  t.ok(c.venues.a.key ~= c.venues.a.secret)
end)


-- The command line and the documentation ----------------------------------------------------------

t.test("strategies of the command line join those of the file, no name twice", function()
  local c = loaded 'return { strategies = { { file = "s.lua" } } }'
  t.ok(config.add_strategies(c, { "dir/one.lua", "two" }))
  t.equal(c.strategies[2].name, "one")
  t.equal(c.strategies[2].file, "dir/one.lua")
  t.equal(c.strategies[2].trusted, false)
  t.equal(c.strategies[3].name, "two")
  local ok, err = config.add_strategies(c, { "other/s.lua" })
  t.equal(ok, nil)
  t.equal(err, 'other/s.lua: there is a strategy "s" already')
  t.equal(#c.strategies, 3)
end)

t.test("without a file there is the configuration of an empty one", function()
  local c = config.default()
  t.equal(c.name, "moonwire")
  t.equal(next(c.venues), nil)
  t.equal(c.directory, "")
end)

t.test("the documentation has a row with a meaning for every key", function()
  local text = config.markdown()
  for _, row in ipairs(fields.rows(config.keys)) do
    has(text, "| `" .. row.path .. "` | " .. row.expects .. " |")
    if not row.path:find "[%]}]$" and row.type ~= "list" then t.ok(row.doc ~= "", row.path) end
  end
  has(text, '| `on_crash` | "cancel" or "leave" | "cancel" |')
  has(text, '| `venues.{name}.key` | env("NAME") or file("PATH") | required |')
  has(config.markdown { digest = FAKE.options.digest },
      '| `digest` | "sha512" or "sha256" | "sha512" | d |')
end)

t.test("the documentation of a protocol's options has their urls too", function()
  has(config.markdown(FAKE.options), "| `history_url` | a url that begins with https:// |")
end)

-- fields ------------------------------------------------------------------------------------------

t.test("the distance counts letters added, dropped, changed and swapped", function()
  t.equal(fields.distance("", "abc"), 3)
  t.equal(fields.distance("abc", ""), 3)
  t.equal(fields.distance("rest_url", "rest_url"), 0)
  t.equal(fields.distance("reset_url", "rest_url"), 1)
  t.equal(fields.distance("nmae", "name"), 1)
  t.equal(fields.distance("kitten", "sitting"), 3)
end)

t.test("the nearest name is the first in the alphabet of equals", function()
  t.equal(fields.nearest("c", { a = 1, b = 1 }), "a")
  t.equal(fields.nearest("LEVEL", { level = 1, label = 1 }), "level")
  t.equal(fields.nearest("x", {}), nil)
end)

t.test("numbers are finite, within their range, and whole where they must be", function()
  local function number(value, spec)
    spec = spec or {}
    spec.type = spec.type or "number"
    return (fields.check(spec, value))
  end
  t.equal(number(0 / 0), nil)
  t.equal(number(1 / 0), nil)
  t.equal(number(-1 / 0), nil)
  t.equal(number(5, { min = 5, max = 5 }), 5)
  t.equal(number(5.1, { min = 5, max = 5 }), nil)
  t.equal(number(-0.5, { type = "integer" }), nil)
  t.equal(number(-3, { type = "integer" }), -3)
end)

t.test("a percentage is above 0 and below 100, and written as one", function()
  local function percent(value) return (fields.check({ type = "percent" }, value)) end
  t.equal(percent "0.5%", decimal "0.005")
  t.equal(percent "99.9%", decimal "0.999")
  for _, bad in ipairs { "0%", "100%", "-5%", "5", "5 %", "%", "1e1%", 5 } do
    t.equal(percent(bad), nil, bad)
  end
end)

t.test("false switches off what may be off, and nothing else", function()
  t.equal(fields.check({ type = "number", off = true, min = 1 }, false), false)
  local _, problems = fields.check({ type = "number", min = 1 }, false)
  t.equal(#problems, 1)
end)

t.test("a long text is shown by its beginning", function()
  local _, problems = fields.check({ type = "number" }, ("x"):rep(1000))
  t.ok(#problems[1].text < 120, problems[1].text)
end)

-- config_source -----------------------------------------------------------------------------------

t.test("keys are found by line through comments, strings and calls", function()
  local where = source.new [==[
-- name = "a comment"
--[[ name = "another
   one" ]]
local a = { inner = 1 }
return {
  name = "x } = {", ["with-dash"] = 'it''s',
  venues = {
    idx = { key = env("K"), secret = file[[s = { ]],
      rest_url = "https://x"; silence = 5 },
    -- } ,
    b = {
      key = 1,
    },
  },
  strategies = {
    { file = "a" },
    { file = "b",
      params = { deep = { 1,
                          2 } } },
  },
}]==]
  local function line(path) return where:line_of(path) end
  t.equal(line "name", 6)
  t.equal(line "with-dash", 6)
  t.equal(line "venues", 7)
  t.equal(line "venues.idx", 8)
  t.equal(line "venues.idx.secret", 8)
  t.equal(line "venues.idx.rest_url", 9)
  t.equal(line "venues.idx.silence", 9)
  t.equal(line "venues.b.key", 12)
  t.equal(line "strategies[1].file", 16)
  t.equal(line "strategies[2].file", 17)
  t.equal(line "strategies[2].params.deep", 18)
end)

t.test("a key without a line has that of what it would stand in", function()
  local where = source.new "return {\n venues = {\n idx = {} } }"
  t.equal(where:line_of "venues.idx.key", 3)
  t.equal(where:line_of "venues.other", 2)
  t.equal(where:line_of "nowhere", nil)
  t.equal(source.new(""):line_of "x", nil)
end)

t.test("texts that are no Lua are scanned to their end", function()
  for _, text in ipairs { "{", "}", "{{{{", "]]", "[[", "'", '"\\', "--[[", "= = =", "{ a = ",
                          "\0\255" } do
    t.ok(source.new(text):line_of "b" == nil, text)
  end
end)

os.execute("rm -rf " .. DIRECTORY)
t.done()
