--- Property: the Indodax connector and the simulated venue together (play.lua).

local play    = require "tests.properties.play"
local fixture = require "tests.moonwire.sim_indodax_fixture"
local decimal = require "moonwire.decimal"
local indodax = require "moonwire.venues.indodax"
local json    = require "moonwire.json"

local function random_qty(self) return ("0.00%02d"):format(self.random:integer(1, 50)) end
local actions = play.market("btc_idr", 1500000000, 1000, random_qty)

function actions.send(self)
  self:send { side = self:side(), qty = random_qty(self),
              price = tostring(1500000000 + 1000 * self.random:integer(-10, 10)) }
end

-- Orders that never rest: by the amount to spend, or by quantity; and one that must rest.
function actions.send_market(self)
  if self:side() == "sell" then return self:send { side = "sell", type = "market",
                                                    qty = random_qty(self) } end
  self:send { side = "buy", type = "market",
              amount = tostring(self.random:integer(1, 50) * 150000) }
end

function actions.send_post_only(self)
  self:send { side = self:side(), qty = random_qty(self), time_in_force = "post_only",
              price = tostring(1500000000 + 1000 * self.random:integer(-10, 10)) }
end

-- Trades are another question, to another host, which may be behind: by so many seconds at most.
local LAG_SECONDS = 6

local function lag(self, request, got)
  local is_trades = play.plain(request.url):find("myTrades", 1, true)
  if not is_trades or not self:chance(0.5) then return got end
  local answered = json.decode(got.body)
  if not answered.data then return got end
  local newest = self.sim.now - 1000 * self.random:integer(1, LAG_SECONDS)
  local rows = {}
  for _, row in ipairs(answered.data) do
    if tonumber(row.time) <= newest then rows[#rows + 1] = row end
  end
  return { status = got.status, headers = got.headers,
           body = json.encode { data = json.array(rows) } }
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
    local status = real and (statuses[real.status] or play.open_status(real.cum_qty))
    -- When it is asked for, the venue has no other word for one that was killed.
    if status == "rejected" and order.status == "canceled" then status = "canceled" end
    return real and { key = real, cum_qty = real.cum_qty, status = status }
  end, keys)
  local paid = decimal "0"
  for _, position in pairs(self.stage.desk.positions) do paid = paid + position.qty end
  local free = self.sim.venue.desk.ledger.accounts[self.sim.member.name].btc
  assert(paid == free.free + free.held - decimal "1000", "position " .. tostring(paid))
end

play.test {
  protocol = indodax, symbol = "BTC/IDR", steps_each = 1000,
  kinds = { { "one event a frame", "batch=frames" }, { "events of a turn together", "batch=data" },
            { "an event a line", "batch=lines" },
            { "a market buy counts in quote", "batch=data", "market_buy_qty=quote" },
            { "orders show late, no NEW for a taker", "batch=frames", "visible_after=1500",
              "new_for_taker=off" } },
  new = function(_, kind)
    return fixture.new { settings = { "rate_limits=off", unpack(kind, 2) },
                         balances = { idr = "9000000000000", btc = "1000", eth = "0" } },
           { config = { key = play.secret(fixture.KEY), secret = play.secret(fixture.SECRET) } }
  end,
  open = function(self) return self.sim:open "/ws/?cf_ws_frame_ping_pong=true" end,
  is_event = function(_, frame) return frame:find '^{"push"' and not frame:find '"id":' end,
  is_order = function(request)
    return type(request.body) == "string" and request.body:find "^method=trade&" ~= nil
  end,
  actions = actions, compare = compare, lag = lag,
  names = { "send", "send", "send", "cancel", "cancel", "trade", "trade", "quote", "drop",
            "set_clock", "send_market", "send_post_only" },
}
