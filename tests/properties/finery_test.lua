--- Property: the Finery connector and the simulated venue together (play.lua).

local play    = require "tests.properties.play"
local fixture = require "tests.moonwire.sim_finery_fixture"
local t       = require "tests.tap"
local finery  = require "moonwire.venues.finery"

local function random_qty(self) return ("0.%03d"):format(self.random:integer(1, 50)) end
local actions = play.market("BTC-USD", 65000, 1, random_qty)

function actions.send(self)
  self:send { side = self:side(), qty = random_qty(self),
              price = tostring(65000 + self.random:integer(-10, 10)),
              time_in_force = self.stage.session.config.role == "maker" and "gtc" or "ioc" }
end

function actions.fail(self)
  if not self.is_rough then return end
  self.sim:control(("fail?method=add&code=%d&executed=%d"):format(
    self:pick { 10, 2 }, self.random:integer(0, 1)))
end

-- Requests go over the socket: the reply to an order suffers as its events do.
local function is_event(self, frame)
  local id = frame:match '^{"event":"request","reqId":(%d+)'
  if id then return self.adds[id] end
  return frame:find '^%["O"' and not frame:find '^%["O",0,"[SZU]"'
end

local function on_text(self, text)
  local id = text:match '"reqId":(%d+),"method":"add"'
  if not id then return end
  local client_order_id = text:match '"clientOrderId":(%d+)'
  t.equal(self.sent[client_order_id], nil, "sent twice: " .. client_order_id)
  self.adds[id], self.sent[client_order_id] = true, true
end

local statuses = { filled = "filled", canceled = "canceled", rejected = "rejected" }

local function compare(self)
  local by_id, keys = {}, {}
  for _, order in ipairs(self.sim.member.placed) do
    t.equal(by_id[order.client_order_id], nil, "twice at the venue: " .. order.client_order_id)
    by_id[order.client_order_id] = order
    keys[#keys + 1] = order
  end
  self:compare_orders(function(order)
    local real = by_id[order.client_order_id]
    if not real then return nil end
    local status = statuses[real.status] or play.open_status(real.cum_qty)
    -- Of one that traded with nobody and has ended the venue keeps nothing.
    if status == "canceled" and order.reason == "not_found" and real.cum_qty:is_zero() then
      status = order.status
    end
    return { key = real, cum_qty = real.cum_qty, status = status }
  end, keys)
end

play.test {
  protocol = finery, symbol = "BTC/USD", steps_each = 500,
  kinds = { { "as a taker", "taker", 30 }, { "as a maker", "maker", 30 },
            { "as a maker without protection", "maker", false } },
  new = function(self, kind)
    self.adds, self.sent = {}, {}
    return fixture.new { role = kind[2], credit = { usd = "100000000", btc = "1000" } },
           { config = { protocol = "finery", role = kind[2], key = play.secret(fixture.KEY),
                        secret = play.secret(fixture.SECRET), dead_man = kind[3] } }
  end,
  open = function(self, socket) return self.sim:open(play.headers(socket.options.headers)) end,
  is_event = is_event, is_order = function() return false end, on_text = on_text,
  actions = actions, compare = compare, calm = function(self)
    self.sim.venue.methods.failing = {}
  end,
  names = { "send", "send", "send", "cancel", "trade", "trade", "quote", "quote", "fail", "drop" },
}
