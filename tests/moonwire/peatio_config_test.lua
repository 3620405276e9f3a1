-- What a configuration must say about a Peatio, and what it is told when it does not.

local t = require "tests.tap"
local config = require "moonwire.config"
local peatio = require "moonwire.venues.peatio"

local function handle() return setmetatable({}, { __tostring = function() return "secret" end }) end
local secrets = { env = handle, file = handle }

local function load_path(path)
  return config.load(path, secrets, function() return peatio end)
end

-- A venue's section with urls and what else is given.
local function load_with(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write('return { venues = { pea = { protocol = "peatio", environment = "sim", '
             .. 'rest_url = "https://h.test", private_url = "wss://h.test:8080/", ' .. text
             .. " } } }")
  file:close()
  local loaded, err = load_path(path)
  os.remove(path)
  return loaded and loaded.venues.pea, err
end

local function says(text, part)
  local venue, err = load_with(text)
  t.equal(venue, nil, text)
  t.ok(err:find(part, 1, true), err)
end

t.test("the example is a configuration", function()
  local loaded, err = load_path "examples/peatio.lua"
  t.ok(loaded, err)
  t.equal(loaded.venues.pea.dialect, "daemon")
  t.equal(loaded.venues.pea.precision["BTC/USD"].qty, 6)
  t.equal(loaded.venues.pea.reconcile_every, 30)
end)

t.test("a token, or all that one is made of", function()
  t.ok(load_with 'jwt = file "t"')
  t.ok(load_with 'private_key = env "K", email = "a@b.c", uid = "U", level = 3, state = "active"')
  says("", "pea.jwt: missing: expected a token, or private_key")
  says('private_key = env "K", email = "a@b.c", uid = "U"', "pea.level: missing")
  says('private_key = env "K", email = "a@b.c", uid = "U", level = 3', "pea.state: missing")
end)

t.test("the original wants an access key", function()
  local venue = load_with 'dialect = "hmac", key = env "K", secret = env "S"'
  t.equal(peatio.for_config(venue).api.base_path, "/api/v2")
  says('dialect = "hmac", jwt = file "t"', "pea.secret: missing: the dialect hmac signs with it")
end)

t.test("decimals default to 8, and markets are named as everywhere", function()
  local venue = load_with 'jwt = file "t", precision = { ["BTC/USD"] = { price = 2 } }'
  t.equal(venue.precision["BTC/USD"].price, 2)
  t.equal(venue.precision["BTC/USD"].qty, 8)
  says('jwt = file "t", precision = { btcusd = { price = 2 } }', "bad name")
  says('jwt = file "t", symbols = { "btcusd" }', "symbols[1]")
  says('jwt = file "t", dialect = "pusher"', '"daemon"')
end)

t.test("addresses must be given, and a plain one is for this machine alone", function()
  says('jwt = file "t", private_url = "ws://h.test:8080/"', "for this machine only")
  t.ok(load_with 'jwt = file "t", private_url = "ws://127.0.0.1:8080/"')
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write 'return { venues = { pea = { protocol = "peatio", jwt = file "t" } } }'
  file:close()
  local loaded, err = load_path(path)
  os.remove(path)
  t.equal(loaded, nil)
  t.ok(err:find "rest_url: missing", err)
  t.ok(err:find "private_url: missing", err)
end)

t.done()
