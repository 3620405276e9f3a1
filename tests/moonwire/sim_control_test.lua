-- The control path of all simulators: what it lists is documented, and what is the same for all.

local t = require "tests.tap"
local files = require "tests.files"

local venues = { "finery", "indodax", "instamrkt", "peatio" }

local function new(venue)
  return require("tests.moonwire.sim_" .. venue .. "_fixture").new()
end

t.test("every control of every venue stands in the README", function()
  local text = files.read "README.md"
  local from = text:find("The control path changes it", 1, true)
  local rows = text:sub(from, text:find("\n## ", from, true))
  for _, venue in ipairs(venues) do
    for _, name in ipairs(new(venue):control "help") do
      t.ok(name == "help" or rows:find("`" .. name .. "`", 1, true), venue .. ": " .. name)
    end
  end
end)

t.test("a raw frame reaches the connections that are meant", function()
  local sim = new "indodax"
  local private, market = sim:subscribed(), sim:open "/market/ws/"
  t.equal(sim:control("push?socket=market&text=x").connections, 1)
  t.equal(sim:heard(private) .. sim:heard(market), "x")
  t.equal(sim:control("push?text=y").connections, 2)
  t.equal(sim:heard(private) .. sim:heard(market), "yy")
  t.equal(sim:request("POST", "/sim/push?socket=other").status, 400)
end)

t.test("orders are cancelled by the venue's hand: of a member, of a pair, or all", function()
  for _, venue in ipairs { "finery", "indodax", "peatio" } do
    local sim = new(venue)
    local answer = sim:request("POST", "/sim/cancel_orders?pair=nothing")
    t.equal(answer.status, 400, venue)
    t.ok(answer.body:find("there is none", 1, true), answer.body)
    t.equal(sim:control("cancel_orders").canceled, 0)
  end
  local sim = new "indodax"
  local buy = "&type=buy&price=%s&%s=0.001&order_type=limit"
  sim:ok("method=trade&pair=btc_idr" .. buy:format(1500000000, "btc"))
  sim:ok("method=trade&pair=eth_idr" .. buy:format(60000000, "eth"))
  t.equal(sim:control("cancel_orders?member=nobody").canceled, 0)
  t.equal(sim:control("cancel_orders?pair=eth_idr").canceled, 1)
  t.equal(#sim:control("orders?open=1"), 1)
  t.equal(#sim:control "orders", 2)
  t.equal(sim:control("cancel_orders?member=alice").canceled, 1)
end)

t.test("a price that is none is explained, not taken for the best one", function()
  local sim = new "indodax"
  for _, price in ipairs { "x", "0", "-1", "" } do
    local answer = sim:request("POST", "/sim/quote?pair=btc_idr&side=buy&qty=1&price=" .. price)
    t.equal(answer.status, 400, price)
    t.ok(answer.body:find("expected an amount above 0", 1, true), answer.body)
  end
end)

t.test("the venue's clock goes apart from the real one, or stands", function()
  for _, venue in ipairs(venues) do
    local sim = new(venue)
    t.equal(sim:control("clock?offset_ms=-1500").offset_ms, -1500)
    t.equal(sim.venue.clock:venue(sim.now), sim.now - 1500, venue)
    t.equal(sim:request("POST", "/sim/clock").status, 400)
    sim:control("set?set=frozen%3D1000")
    t.equal(sim.venue.clock:venue(sim.now), 1000, venue)
  end
end)

t.done()
