-- Reports that may speak of an order whose answer is on its way, at a venue without client ids.

local p = require "tests.moonwire.peatio_stage"
local stage = p.stage
local t = require "tests.tap"
local json = require "moonwire.json"

local BUY = { side = "buy", qty = "2", price = "7000" }

-- A session at which orders stay without an answer.
local function up()
  return p.up { answers = { ["/api/v2/orders"] = function(request)
    return request.method == "GET" and "[]" or false
  end } }
end

local function found(s, id) return s.desk.orders:find("idx", nil, id) end

local function accept(s, fields)
  s:answer(s:find "/api/v2/orders", 201, json.encode(p.row(fields)))
  s:settle()
end

t.test("a report of the other side waits for none of ours", function()
  local s = up()
  assert(s:send(BUY))
  s:frame(p.trade({}, { id = 77, side = "sell", executed_volume = "0.5" }))
  s:settle()
  t.equal(found(s, "77").external, true)
end)

t.test("a report finds its order as soon as that is known, though another one waits", function()
  local s = up()
  local first = assert(s:send(BUY))
  assert(s:send { side = "buy", qty = "2", price = "6900" })
  s:frame(p.trade({}, nil, { executed_volume = "0.5" }))
  s:settle()
  t.equal(tostring(first.cum_qty), "0")
  accept(s)
  t.equal(first.order_id, "41")
  t.equal(tostring(first.cum_qty), "0.5")
  t.equal(found(s, "41"), stage.own(first))
end)

t.test("a report is looked at again until the order that it may be has ended", function()
  local s = up()
  local order = assert(s:send(BUY))
  s:frame(p.trade({}, nil, { id = 77, executed_volume = "0.5" }))
  s:advance(3)
  t.equal(found(s, "77"), nil)
  s:answer(s:find "/api/v2/orders", 422, '{"error":{"code":2002,"message":"Failed."}}')
  s:advance(1)
  t.equal(order.status, "rejected")
  t.equal(found(s, "77").external, true)
  t.equal(tostring(found(s, "77").cum_qty), "0.5")
end)

t.test("whose an unknown order is, only an id of ours or a journal can tell", function()
  local s = up()
  s:frame(p.trade({}, { id = 77, side = "sell", executed_volume = "0.5" }))
  s:settle()
  t.equal(#s:logged "order of somebody else, or of ours (a journal would tell) shows up", 1)
end)

stage.done()
