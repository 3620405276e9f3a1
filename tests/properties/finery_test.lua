--- Property: the Finery connector and the simulated venue together (play.lua).

local play    = require "tests.properties.play"
local fixture = require "tests.moonwire.sim_finery_fixture"
local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local finery  = require "moonwire.venues.finery"

local function random_qty(self) return ("0.%03d"):format(self.random:integer(1, 50)) end
local actions = play.market("BTC-USD", 65000, 1, random_qty)

function actions.send(self)
  self:send { side = self:side(), qty = random_qty(self),
              price = tostring(65000 + self.random:integer(-10, 10)),
              time_in_force = self.stage.session.config.role == "maker" and "gtc" or "ioc" }
end

-- Another price or quantity of one that is open; what cannot be is refused.
function actions.replace(self)
  local open = self.stage.desk.orders:list_open { venue = "idx" }
  if #open == 0 then return end
  local order = self:pick(open)
  local what = self.random:integer(1, 3)
  self.stage:run(self.stage.runners.one, "replace", order,
    what ~= 2 and decimal(tostring(65000 + self.random:integer(-10, 10))) or nil,
    what ~= 1 and order.cum_qty + decimal(random_qty(self)) or nil)
end

function actions.cancel_all(self)
  if not self:chance(0.5) then return end
  self.stage:run(self.stage.runners.one, "cancel_all")
end

function actions.fail(self)
  if not self.is_rough then return end
  self.sim:control(("fail?method=%s&code=%d&executed=%d"):format(
    self:pick { "add", "mod", "delAll" }, self:pick { 10, 2 }, self.random:integer(0, 1)))
end

-- Requests go over the socket: the reply to an order suffers as its events do.
local function is_event(self, frame)
  local id = frame:match '^{"event":"request","reqId":(%d+)'
  if id then return self.asked[id] end
  return frame:find '^%["O"' and not frame:find '^%["O",0,"[SZU]"'
end

local function on_text(self, text)
  local id, method = text:match '"reqId":(%d+),"method":"(%w+)"'
  if method == "delAll" then self.asked[id] = true end
  if method ~= "add" and method ~= "mod" then return end
  local client_order_id = text:match '"clientOrderId":(%d+)'
  t.equal(self.sent[client_order_id], nil, "sent twice: " .. client_order_id)
  self.asked[id], self.sent[client_order_id] = true, true
end

local statuses = { filled = "filled", canceled = "canceled", rejected = "rejected" }

-- What the venue placed for one of ours, which may have been replaced: the last of it counts.
local function add(self, ours, keys, placed)
  local order = self.stage.desk.orders:find("idx", placed.client_order_id, placed.id)
  local real = order and ours[order]
  if not real then
    real = { key = placed.client_order_id, cum_qty = decimal.ZERO }
    keys[#keys + 1] = real.key
    if order then ours[order] = real end
  end
  t.ok(not real.order_id or real.status == "canceled", "two of one order are open")
  real.qty = placed.size and real.cum_qty + placed.size
  real.cum_qty = real.cum_qty + placed.cum_qty
  real.order_id, real.price, real.status = placed.id, placed.price, placed.status
end

local function compare(self)
  local ours, is_known, keys = {}, {}, {}
  for _, placed in ipairs(self.sim.member.placed) do
    t.equal(is_known[placed.client_order_id], nil, "twice there: " .. placed.client_order_id)
    is_known[placed.client_order_id] = true
    add(self, ours, keys, placed)
  end
  self:compare_orders(function(order)
    local real = ours[order]
    if not real then return nil end
    local status = statuses[real.status] or play.open_status(real.cum_qty)
    if status ~= "rejected" and order:is_open() then
      t.equal(order.order_id, real.order_id)
      t.equal(order.price, real.price)
      t.equal(order.qty, real.qty)
    end
    -- Of one that traded with nobody and has ended the venue keeps nothing.
    if status == "canceled" and order.reason == "not_found" and real.cum_qty:is_zero() then
      status = order.status
    end
    return { key = real.key, cum_qty = real.cum_qty, status = status }
  end, keys)
end

play.test {
  protocol = finery, symbol = "BTC/USD", steps_each = 500,
  kinds = { { "as a taker", "taker", 30 }, { "as a maker", "maker", 30 },
            { "as a maker without protection", "maker", false },
            { "as a maker on an account of its own", "maker", 30, true } },
  new = function(self, kind)
    self.asked, self.sent = {}, {}
    return fixture.new { role = kind[2], credit = { usd = "100000000", btc = "1000" } },
           { config = { protocol = "finery", role = kind[2], key = play.secret(fixture.KEY),
                        secret = play.secret(fixture.SECRET), dead_man = kind[3],
                        exclusive = kind[4] } }
  end,
  open = function(self, socket) return self.sim:open(play.headers(socket.options.headers)) end,
  is_event = is_event, is_order = function() return false end, on_text = on_text,
  clock_seconds = 300, actions = actions, compare = compare, calm = function(self)
    self.sim.venue.methods.failing = {}
  end,
  names = { "send", "send", "send", "replace", "replace", "cancel", "cancel_all", "trade", "trade",
            "quote", "quote", "fail", "drop", "set_clock" },
}
