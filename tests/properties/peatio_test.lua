--- Property: the Peatio connector and the simulated venue together (play.lua), in each dialect.

local play    = require "tests.properties.play"
local fixture = require "tests.moonwire.sim_peatio_fixture"
local peatio  = require "moonwire.venues.peatio"

-- Few different ones: orders that look the same are what this venue makes hard.
local function random_qty(self) return ("0.0%d"):format(self.random:integer(1, 3)) end
local actions = play.market("btcusd", 7000, 1, random_qty)

function actions.send(self)
  local is_market = self.random:number() < 0.1
  self:send { side = self:side(), qty = random_qty(self),
              price = not is_market and tostring(7000 + self.random:integer(-2, 2)) or nil }
end

local SECRET = play.secret "sim-secret-1"
local credentials = {
  daemon = { private_key = SECRET, algorithm = "HS256", key = false },
  ranger = { private_key = SECRET, algorithm = "HS256", key = false },
  hmac = { key = play.secret "AKalice", secret = play.secret "SKalice" },
}

local function config_of(dialect)
  local config = { protocol = "peatio", dialect = dialect, email = "alice@example.test",
                   uid = "ID1", level = 3, state = "active", issuer = "barong",
                   audience = "peatio", precision = {}, symbols = { "BTC/USD" } }
  for name, value in pairs(credentials[dialect]) do config[name] = value end
  return config
end

local ended = { done = "filled", cancel = "canceled", reject = "rejected" }

local function compare(self)
  self:compare_orders(function(order)
    local real = order.order_id and self.sim.venue.desk.orders[tonumber(order.order_id)]
    return real and { key = real, cum_qty = real.executed,
                      status = ended[real.state] or play.open_status(real.executed) }
  end, self.sim.venue.desk.members.alice.orders)
end

play.test {
  protocol = peatio, symbol = "BTC/USD", steps_each = 1000,
  kinds = {
    { "a daemon", "dialect=daemon" },
    { "a lazy daemon whose cancels undo matches", "dialect=daemon", "lazy_flush=on",
      "undo_matches=on" },
    { "a daemon of 1.8.68", "dialect=daemon", "maker_type=on" }, { "hmac", "dialect=hmac" },
    { "a ranger of 2.0", "dialect=ranger", "version=2.0" },
    { "a ranger of 2.3", "dialect=ranger", "version=2.3" },
    { "a ranger of 3.0", "dialect=ranger", "version=3.0" },
  },
  new = function(_, kind)
    return fixture.new { settings = { unpack(kind, 2) } },
           { config = config_of(kind[2]:match "=(%a+)"), risk = {} }
  end,
  open = function(self, socket)
    return self.sim:open(play.plain(socket.url):match "^wss://[^/]+(.*)$",
                         play.headers(socket.options.headers))
  end,
  is_event = function(_, frame) return frame:find '^{"trade"' or frame:find '^{"order' end,
  is_order = function(request)
    return request.method == "POST" and play.plain(request.url):find "orders$" ~= nil
  end,
  actions = actions, compare = compare, clock_seconds = 2000,
  names = { "send", "send", "send", "cancel", "cancel", "trade", "trade", "quote", "drop",
            "set_clock" },
}
