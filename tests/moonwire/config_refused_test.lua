-- What is wrong in a configuration is refused, with its line and what is expected.

local t = require "tests.tap"
local config = require "moonwire.config"
local fields = require "moonwire.fields"
local fixture = require "tests.moonwire.config_fixture"

local write, secret, load_protocol = fixture.write, fixture.secret, fixture.load_protocol
local loaded, errors, has, venue = fixture.loaded, fixture.errors, fixture.has, fixture.venue
local DIRECTORY, FILE, FAKE = fixture.DIRECTORY, fixture.FILE, fixture.FAKE
local VENUE = fixture.VENUE

-- What is refused ---------------------------------------------------------------------------------

-- For each key of the declaration a value that it does not take, and what is said.
local wrong = {
  ["name"] = { "5", "expected a name of letters, digits, _ and -, got 5" },
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
  ["strategies[].name"] = { '"a b"',
                            'expected a name of letters, digits, _ and -, got "a b"' },
  ["strategies[].params"] = { "5", "expected a table, got 5" },
  ["strategies[].trusted"] = { '"yes"', 'expected true or false, got "yes"' },
  ["journal"] = { '"j.db"', 'expected a table or false, got "j.db"' },
  ["journal.path"] = { '""', 'expected the path of a file, got ""' },
  ["journal.max_mb"] = { "1", "expected a number from 16 to 1000000, got 1" },
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
  ["risk.max_orders_per_second"] = { "0", "expected a whole number from 1 to 1000000, got 0" },
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
  ["memory_limit_mb"] = { "8", "expected a whole number from 32 to 1000000, got 8" },
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

for _, row in ipairs(fields.rows(require("moonwire.config_keys").all)) do
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
  has(errors 'return { venues = {\n ["a b"] = {} } }',
      "2: venues.a b: bad name: expected a name of letters")
  has(errors "return { venues = { {} } }", "venues[1]: bad name")
  has(errors 'return { risk = { max_position = { ["B/C"] = 1 } } }',
      "bad name: expected an asset, such as BTC")
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

t.test("no strategy has the name of orders by hand", function()
  has(errors 'return { strategies = {\n { file = "s.lua", name = "console" } } }',
      '2: strategies[1]: "console" is the name of orders by hand: give it another one')
  local ok, err = config.add_strategies(loaded "return {}", { "x/console.lua" })
  t.equal(ok, nil)
  has(err, 'x/console.lua: "console" is the name of orders by hand')
end)

t.test("what cannot work is told before anything is connected", function()
  has(errors(venue 'ca_file = "s.lua"'),
      "ca_file: no certificate (PEM: -----BEGIN CERTIFICATE-----) in " .. DIRECTORY .. "/s.lua")
  has(errors(venue 'ca_file = "."'),
      "ca_file: cannot be read: " .. DIRECTORY .. "/.: Is a directory")
  has(errors(venue 'rest_url = "https://api.test/tapi"'), "rest_url: expected scheme and host "
      .. 'alone, as in https://api.test, got "https://api.test/tapi"')
  has(errors(venue 'rest_url = "https://api.test?x=1"'), "expected scheme and host alone")
  t.equal(loaded(venue 'rest_url = "https://api.test/"').venues.idx.rest_url, "https://api.test")
  has(errors 'return { journal = { path = "/none/j.db" } }',
      "journal.path: its directory: /none: No such file or directory")
  has(errors 'return { console = { path = "none/s" } }', "console.path: its directory: ")
  has(errors('return { console = { path = "' .. ("x"):rep(108) .. '" } }'),
      "a socket's path has 107 at most: choose a shorter one")
end)

t.test("a strategy's file must be there", function()
  has(errors 'return { strategies = {\n { file = "nothing.lua" } } }',
      "2: strategies[1].file: cannot be read: " .. DIRECTORY .. "/nothing.lua: No such file")
  has(errors "return { strategies = { {} } }", "strategies[1].file: missing: expected the path")
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
                         "https://x.test:65535", "https://[2001:db8::1]" } do
    t.equal(rest(url), url)
  end
  t.equal(loaded(venue 'private_url = "wss://x.test:65535/a?b"').venues.idx.private_url,
          "wss://x.test:65535/a?b")
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

fixture.done()
