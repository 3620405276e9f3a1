-- Configurations: what is read, the file itself, and the secrets in it.

local t = require "tests.tap"
local config = require "moonwire.config"
local decimal = require "moonwire.decimal"
local ffi = require "ffi"
local fields = require "moonwire.fields"
local host = require "moonwire.host"
local fixture = require "tests.moonwire.config_fixture"

local write, secret, load_protocol = fixture.write, fixture.secret, fixture.load_protocol
local loaded, errors, has = fixture.loaded, fixture.errors, fixture.has
local venue, DIRECTORY, FILE = fixture.venue, fixture.DIRECTORY, fixture.FILE
local FAKE = fixture.FAKE

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
  has(errors 'return { name = env "KEY" }',
      "name: expected a name of letters, digits, _ and -, got a secret")
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
  for _, row in ipairs(fields.rows(require("moonwire.config_keys").all)) do
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

fixture.done()
