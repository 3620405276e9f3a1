--- Clients that were not written here, against the simulated Peatio: the sample of the venue's
--- document, with the WebSocket libraries of Python and Node.

local e2e = require "tests.e2e.lib"
local test, equal = e2e.test, e2e.equal

e2e.wraps_sims = true                  -- it is what is tested

local CLIENTS = os.getenv("PWD") .. "/tests/e2e/clients/"

-- The client sells 1, the market takes 0.4 of it, the client cancels the rest.
local function trade_with(program, file, mode)
  local sim = e2e.sim("peatio", mode)
  local info = sim.info
  local client = e2e.spawn({ program, CLIENTS .. file }, {
    REST_URL = info.rest_url, PRIVATE_URL = info.private_url, PRIVATE_KEY = info.private_key,
    PYTHONDONTWRITEBYTECODE = "1", NODE_PATH = "/usr/share/nodejs:/usr/lib/nodejs",
    SSL_CERT_FILE = info.ca_file, WEBSOCKET_CLIENT_CA_BUNDLE = info.ca_file,
    NODE_EXTRA_CA_CERTS = info.ca_file,
  })
  client:wait_for 'message: {"challenge":"%S+"}'
  client:wait_for 'message: {"success":{"message":"Authenticated."}}'
  client:wait_for "order: .-wait"
  client:wait_for '"action":"add","order":{"id":1,'
  sim:control("trade", { pair = "btcusd", side = "buy", price = "7000", qty = "0.4" })
  client:wait_for '"trade":{"id":1,"price":"7000.0","volume":"0.4"'
  client:wait_for "delete: .-wait"
  client:wait_for '"action":"remove","order":{"id":1,.-"volume":"0.6"'
  equal(client:wait_exit(), 0, "exit status")
  equal(client:out():find "error", nil, "errors")
  e2e.await("the cancel", function() return sim:orders()[1].status == "canceled" end)
  equal(sim:orders()[1].cum_qty, "0.4")
  equal(sim:control("check").ok, true)
end

test("the sample client in Python trades", function()
  trade_with("/usr/bin/python3", "peatio.py")
end)

test("the sample client with Node's ws library trades", function()
  trade_with("node", "peatio.js")
end)

test("a client without the key is told so", function()
  local sim = e2e.sim "peatio"
  local client = e2e.spawn({ "/usr/bin/python3", CLIENTS .. "peatio.py" }, {
    REST_URL = sim.info.rest_url, PRIVATE_URL = sim.info.private_url, PRIVATE_KEY = "wrong",
    PYTHONDONTWRITEBYTECODE = "1", SSL_CERT_FILE = sim.info.ca_file,
    WEBSOCKET_CLIENT_CA_BUNDLE = sim.info.ca_file,
  })
  client:wait_for '{"error":{"message":"Authentication failed."}}'
end)

e2e.run_all()
