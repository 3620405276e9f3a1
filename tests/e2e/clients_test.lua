--- Clients that were not written here, against the simulated venue: the samples of the venue's
--- documents in Python and JavaScript, curl, and the WebSocket libraries of Python and Node.

local e2e = require "tests.e2e.lib"
local json = require "moonwire.json"
local test, equal = e2e.test, e2e.equal

e2e.wraps_sims = true                  -- it is what is tested

local PYTHON, NODE, SHELL = "/usr/bin/python3", "node", "/bin/sh"
-- The pair of the dead-man page.
local DOCUMENT_KEY = "LSCE7NJG-JACRNTBX-D834R4UG-KMMTV8OP-PS1NHRBA"
local DOCUMENT_SECRET = "da78a39e9dda31c399bcc293d997a347dc7fd040"
                        .. "8cb5151931243a302b273ec3238510ea61e11f7c"

local function new_sim(arguments) return e2e.sim("indodax", arguments) end

local function start(sim, ...) return sim:start_client(...) end
local function run(sim, ...) return sim:run_client(...) end

local function token_of(sim, program, file)
  local text = run(sim, program, file)
  local token, channel = text:match "^token: (%S+)\nchannel: (%S+)\n$"
  if not token then error("no token and channel: " .. text, 2) end
  return { TOKEN = token, CHANNEL = channel }
end

local function tapi(sim, method, parameters)
  local text = run(sim, SHELL, "tapi.sh", { method, parameters })
  return json.decode(text) or error("no JSON: " .. text, 2)
end

local function get(sim, path)
  local client = e2e.spawn({ "curl", "-sS", sim.info.rest_url .. path },
                           { CURL_CA_BUNDLE = sim.info.ca_file })
  equal(client:wait_exit(), 0, "exit status of curl " .. path)
  return json.decode(client:out()) or error(path .. ": no JSON: " .. client:out(), 2)
end

local BUY = "pair=btc_idr&type=buy&price=1500000000&btc=0.001&order_type=limit&time_in_force=GTC"
            .. "&client_order_id="

-- A client on the private socket, from its subscription to the end of an order.
local function follow_an_order(sim, program, file, token)
  local client = start(sim, program, file, {}, token)
  client:wait_for '"id":1,"connect":{'
  client:wait_for '"id":2,"subscribe":{'
  local answer = tapi(sim, "trade", BUY .. "them-1")
  equal(answer.success, 1, "success of trade")
  client:wait_for '"status":"NEW".-"clientOrderId":"them%-1"'
  sim:control("trade", { pair = "btc_idr", side = "sell", qty = "0.0004", price = "1500000000" })
  client:wait_for '"executedQty":"0.0004".-"status":"FILL".-"participant":"MAKER"'
  equal(tapi(sim, "cancelByClientOrderId", "client_order_id=them-1").success, 1, "cancel")
  client:wait_for '"status":"CANCELLED"'
  equal(client:wait_exit(), 0, "exit status")
  equal(client:out():find "error", nil, "errors")
end

-- The documents' samples --------------------------------------------------------------------------

test("the venue's Python sample gets a token and a channel", function()
  local got = token_of(new_sim(), PYTHON, "request_token.py")
  equal(got.CHANNEL:match "^pws:#%x+$", got.CHANNEL, "channel")
  equal(select(2, got.TOKEN:gsub("%.", "")), 2, "dots of the token")
end)

test("the venue's JavaScript sample gets a token of the same channel", function()
  local sim = new_sim()
  local javascript = token_of(sim, NODE, "request_token.js")
  equal(javascript.CHANNEL, token_of(sim, PYTHON, "request_token.py").CHANNEL)
end)

test("the samples are refused with a wrong secret", function()
  local sim = new_sim()
  local wrong = { SECRET = sim.info.secret:upper() }
  equal(run(sim, PYTHON, "request_token.py", {}, wrong), "Error: 'return'\n")
  equal(run(sim, NODE, "request_token.js", {}, wrong):find "connToken" ~= nil, true, "a TypeError")
end)

test("the Python sample for the private socket follows an order from NEW to CANCELLED", function()
  local sim = new_sim()
  follow_an_order(sim, PYTHON, "private.py", token_of(sim, PYTHON, "request_token.py"))
end)

test("the ws library of Node follows an order, though it offers compression", function()
  local sim = new_sim()
  follow_an_order(sim, NODE, "private.js", token_of(sim, NODE, "request_token.js"))
end)

test("a token of somebody else's channel is answered 103", function()
  local sim = new_sim({ "--member", "name=second,key=K2,secret=S2,idr=1" })
  local first = token_of(sim, PYTHON, "request_token.py")
  local text = run(sim, PYTHON, "request_token.py", {}, { KEY = "K2", SECRET = "S2" })
  first.CHANNEL = text:match "channel: (%S+)"
  local client = start(sim, PYTHON, "private.py", {}, first)
  client:wait_for '"id":2,"error":{"code":103,"message":"permission denied"}'
  equal(client:wait_exit(), 0, "exit status")
end)

test("both calls of the dead-man page arm with the signatures that it prints", function()
  for _, form in ipairs { "query", "body" } do
    local sim = new_sim({ "--key", DOCUMENT_KEY, "--secret", DOCUMENT_SECRET })
    equal(run(sim, SHELL, "deadman.sh", { form }), '{"success":1}', form)
    local armed = sim:control("countdowns").armed
    local count = 0
    for name, left in pairs(armed) do
      count = count + 1
      equal(name:find "btc_?idr" ~= nil or name:find "eth_?idr" ~= nil, true, name)
      -- The venue looks every 10 ms, the first time not before the end.
      equal(left > 0 and left < 10000 + 10, true, ("%g ms left of %s"):format(left, name))
    end
    equal(count, 2, "armed countdowns")
  end
end)

test("the dead-man page's signature does not fit another key's secret", function()
  local sim = new_sim({ "--key", DOCUMENT_KEY, "--secret", "another" })
  equal(run(sim, SHELL, "deadman.sh", { "query" }):find '"error_code":"bad_sign"' ~= nil, true)
end)

-- Curl --------------------------------------------------------------------------------------------

test("curl and openssl trade over TAPI", function()
  local sim = new_sim()
  local before = tapi(sim, "getInfo")["return"]
  local placed = tapi(sim, "trade", BUY .. "curl-1")["return"]
  equal(placed.client_order_id, "curl-1")
  local open = tapi(sim, "openOrders", "pair=btc_idr")["return"].orders
  equal(#open, 1, "open orders")
  equal(open[1].client_order_id, "curl-1")
  local order = tapi(sim, "getOrderByClientOrderId", "client_order_id=curl-1")["return"].order
  equal(order.status, "open")
  local again = tapi(sim, "trade", BUY .. "curl-1")
  equal(again.success, 0, "success of the same id again")
  equal(again.error:find "already exists" ~= nil, true, again.error)
  equal(tapi(sim, "cancelOrder", ("pair=btc_idr&order_id=%d&type=buy"):format(placed.order_id))
        .success, 1, "cancel")
  local after = tapi(sim, "getInfo")["return"]
  equal(tostring(after.balance.idr), tostring(before.balance.idr), "idr")
  equal(sim:control("check").ok, true, "the books add up")
end)

test("curl reads the public REST calls", function()
  local sim = new_sim()
  sim:control("quote", { pair = "btc_idr", side = "buy", price = "1540000000", qty = "0.5" })
  sim:control("trade", { pair = "btc_idr", side = "sell", price = "1540000000", qty = "0.1" })
  local time = get(sim, "/api/server_time?n=1").server_time
  equal(math.abs(time / 1000 - os.time()) < 60, true, "server_time " .. time)
  local btc
  for _, pair in ipairs(get(sim, "/api/pairs")) do
    if pair.ticker_id == "btc_idr" then btc = pair end
  end
  equal(btc.base_currency .. " " .. btc.traded_currency, "idr btc")
  equal(get(sim, "/api/price_increments").increments.btc_idr, "1000")
  local best = get(sim, "/api/depth/btcidr").buy[1]
  equal(best[1] .. " " .. tonumber(best[2]), "1540000000 0.4")
  equal(get(sim, "/api/ticker/btcidr").ticker.last, "1540000000")
  equal(get(sim, "/api/trades/btcidr")[1].type, "sell")
  equal(get(sim, "/api/depth/nopeidr").error, "invalid_pair")
end)

test("curl does not trust the simulator without its certificate", function()
  local sim = new_sim()
  local client = e2e.spawn { "curl", "-sS", sim.info.rest_url .. "/api/server_time" }
  equal(client:wait_exit(), 60, "exit status of curl")
end)

-- Market data and the handshake -------------------------------------------------------------------

test("a Python client of the market data gets a book and a trade", function()
  local sim = new_sim()
  sim:control("quote", { pair = "btc_idr", side = "sell", price = "1550000000", qty = "0.5" })
  local client = start(sim, PYTHON, "market.py")
  client:wait_for '"id":3,"result":{'
  sim:control("trade", { pair = "btc_idr", side = "buy", price = "1550000000", qty = "0.1" })
  client:wait_for 'market:order%-book%-btcidr.-"price":"1550000000"'
  client:wait_for 'market:trade%-activity%-btcidr.-"buy",1550000000'
  equal(client:wait_exit(), 0, "exit status")
  equal(client:out():find "error", nil, "errors")
end)

test("a handshake with an Origin header is answered 403, and each client can tell", function()
  local sim = new_sim()
  local token = token_of(sim, PYTHON, "request_token.py")
  local python = run(sim, PYTHON, "private.py", { "origin" }, token)
  equal(python:find "error: Handshake status 403" ~= nil, true, python)
  local node = run(sim, NODE, "private.js", { "origin" })
  equal(node:find "refused: 403 Forbidden" ~= nil, true, node)
  equal(#sim:control "connections", 0, "connections")
end)

test("the body of a refused handshake arrives whole", function()
  local sim = new_sim()
  equal(run(sim, SHELL, "upgrade.sh", { "Origin: https://www.example.com" }),
        "Forbidden\nstatus 403\n")
  equal(run(sim, SHELL, "upgrade.sh", { "Origin: null" }), "Forbidden\nstatus 403\n")
end)

e2e.run_all()
