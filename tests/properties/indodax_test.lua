--- Property: the Indodax connector and the simulated venue together (play.lua).

local play    = require "tests.properties.play"
local fixture = require "tests.moonwire.sim_indodax_fixture"
local decimal = require "moonwire.decimal"
local indodax = require "moonwire.venues.indodax"

local function random_qty(self) return ("0.00%02d"):format(self.random:integer(1, 50)) end
local actions = play.market("btc_idr", 1500000000, 1000, random_qty)

function actions.send(self)
  self:send { side = self:side(), qty = random_qty(self),
              price = tostring(1500000000 + 1000 * self.random:integer(-10, 10)) }
end

local statuses = { filled = "filled", canceled = "canceled", rejected = "rejected" }

local function compare(self)
  local by_id, keys = {}, {}
  for _, orders in pairs(self.sim.member.orders) do
    for _, order in pairs(orders) do
      by_id[order.client_order_id] = order
      keys[#keys + 1] = order
    end
  end
  self:compare_orders(function(order)
    local real = by_id[order.client_order_id]
    return real and { key = real, cum_qty = real.cum_qty,
                      status = statuses[real.status] or play.open_status(real.cum_qty) }
  end, keys)
  local paid = decimal "0"
  for _, position in pairs(self.stage.desk.positions) do paid = paid + position.qty end
  local free = self.sim.venue.desk.ledger.accounts[self.sim.member.name].btc
  assert(paid == free.free + free.held - decimal "1000", "position " .. tostring(paid))
end

play.test {
  protocol = indodax, symbol = "BTC/IDR", steps_each = 1000,
  kinds = { { "one event a frame", "batch=frames" }, { "events of a turn together", "batch=data" },
            { "an event a line", "batch=lines" } },
  new = function(_, kind)
    return fixture.new { settings = { kind[2], "rate_limits=off" },
                         balances = { idr = "9000000000000", btc = "1000", eth = "0" } },
           { config = { key = play.secret(fixture.KEY), secret = play.secret(fixture.SECRET) } }
  end,
  open = function(self) return self.sim:open "/ws/?cf_ws_frame_ping_pong=true" end,
  is_event = function(_, frame) return frame:find '^{"push"' and not frame:find '"id":' end,
  is_order = function(request)
    return type(request.body) == "string" and request.body:find "^method=trade&" ~= nil
  end,
  actions = actions, compare = compare,
  names = { "send", "send", "send", "cancel", "cancel", "trade", "trade", "quote", "drop" },
}
