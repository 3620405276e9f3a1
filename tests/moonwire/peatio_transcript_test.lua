-- The recorded session of a real Peatio 1.8.40, replayed against the connector.

local p = require "tests.moonwire.peatio_stage"
local stage = p.stage
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local json = require "moonwire.json"

-- The recorded session of a real server -----------------------------------------------------------

-- The lines of a member: { kind =, call =, request =, status =, body = }, { kind = "WS", text = }.
local function transcript(member)
  local lines = {}
  for line in io.lines "tests/vectors/peatio/transcript-1.8.40.txt" do
    local text = line:match("^%+%d+ WS " .. member .. " ({.*)$")
    local method, path, rest = line:match("^%+%d+ REST " .. member .. " (%u+) (%S+) (.*)$")
    if text then lines[#lines + 1] = { kind = "WS", text = text }
    elseif method then
      local request, status, body = rest:match "^(.-) ?=> (%d+) (.*)$"
      lines[#lines + 1] = { kind = "REST", call = method .. " " .. path,
                            request = request ~= "" and json.decode(request) or nil,
                            status = tonumber(status), body = body }
    end
  end
  return lines
end

local function replay(member)
  local s, orders = p.up(), {}
  s.answers["/api/v2/orders"] = function() return s.recorded end
  s.answers["/api/v2/order/delete"] = s.answers["/api/v2/orders"]
  local lines = transcript(member)
  for i, line in ipairs(lines) do
    if line.kind == "WS" and i > 2 then s:frame(line.text)
    elseif line.kind == "REST" then
      s.recorded = { line.status, line.body }
      local id = line.call:match "^GET /order%?id=(%d+)$"
      if id then s.orders_by_id[id] = json.decode(line.body) end
      if line.call == "POST /orders" and line.status == 201 then
        local r = line.request
        local row = json.decode(line.body)
        local function cut(text) return text and decimal(text):round("0.00000001", "down") end
        local order = assert(s:send { side = r.side, price = cut(r.price), qty = cut(r.volume) })
        s:settle()
        orders[tostring(row.id)] = order
      elseif line.call == "POST /order/delete" and orders[tostring(line.request.id)] then
        s:drop(orders[tostring(line.request.id)])
      end
    end
    s:settle()
  end
  return s, orders
end

t.test("the recorded session's seller ends as the venue says", function()
  local s, orders = replay "alice"
  t.equal(orders["1"].status, "filled")
  t.equal(tostring(orders["1"].cum_qty), "2")
  t.equal(orders["4"].status, "filled")
  t.equal(orders["5"].status, "filled")
  t.equal(tostring(orders["6"].cum_qty), "1")
  t.equal(orders["6"].status, "pending_cancel")  -- the record does not say what became of it
  s.orders_by_id["6"] = p.row { id = 6, side = "sell", price = "7100.0", volume = "3.0",
                                executed_volume = "1.0", state = "cancel" }
  s:advance(1)
  t.equal(orders["6"].status, "canceled")
  t.equal(tostring(orders["6"].avg_price), "7100")
  t.equal(s.session.private.bad_frames, 0)
end)

t.test("the recorded session's buyer ends as the venue says", function()
  local s, orders = replay "bob"
  t.equal(tostring(orders["2"].cum_qty), "0.5")
  t.equal(orders["2"].status, "filled")
  t.equal(tostring(orders["2"].avg_price), "7000")
  t.equal(orders["3"].status, "canceled")
  t.equal(tostring(orders["3"].cum_qty), "1.5")
  t.equal(orders["7"].status, "filled")
  t.equal(tostring(orders["7"].avg_price), "7100")
  t.equal(tostring(orders["8"].qty), "0.12345678")
  t.equal(tostring(orders["8"].price), "1.12345678")
  t.equal(s.session.private.bad_frames, 0)
  t.equal(#s:logged "somebody else", 0)
end)

stage.done()
