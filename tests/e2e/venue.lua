--- What the end-to-end tests of all venues share: each kind of account that a venue offers, a
--- strategy that does what a test says and tells all that it hears, and looks at the venue.

local e2e = require "tests.e2e.lib"

local M = {}

--- A kind of account.
---@class tests.e2e.Kind
---@field name string         for the names of tests
---@field protocol string
---@field arguments string[]  of `moonwire sim`
---@field symbol string
---@field pair string         the simulator's name of it
---@field low string          a price far below the market, at which a buy rests
---@field high string         a price far above it, at which a sell rests
---@field step string        a distance between prices there
---@field sent string         the simulator's subject of requests that place an order
---@field events string[]     its subjects of frames that tell of orders
---@field fees string        what 0.004 sold at the high price cost
---@field outage string       a fault that keeps the next log-ons out
---@field patience string|nil settings with which an answer is given up soon
---@field unprotected string|nil  settings that turn the venue's own protection off
---@field refused table|nil   { environment =, why =, subject = }: what wrong credentials lead to,
---                           and the requests that may show no hammering
---@field ready table|nil     { the configuration's name of the venue, its secrets' fields, ... }
local Kind = {}
Kind.__index = Kind

local function kind(name, fields, more)
  local self = setmetatable({ name = name, arguments = {} }, Kind)
  for key, value in pairs(fields) do self[key] = value end
  for key, value in pairs(more or {}) do self[key] = value end
  return self
end

M.indodax = kind("indodax", {
  protocol = "indodax", symbol = "BTC/IDR", pair = "btc_idr", low = "1500000000",
  high = "1600000000", step = "1000", sent = "trade", events = { "push" },
  fees = "6400IDR,13440IDR,710IDR", outage = "http:503:token:2", patience = "request_timeout = 1,",
  unprotected = "dead_man = false,",
  refused = { environment = { MW_SECRET = "wrong-wrong-wrong-wrong" }, subject = "token",
              why = "bad signature: `secret` does not belong to `key`" },
  ready = { "idx", "key", "secret" },
})

local finery = {
  protocol = "finery", symbol = "BTC/USD", pair = "BTC-USD", low = "60000", high = "70000",
  step = "10", sent = "add", events = { "push" }, fees = "", outage = "http:503:upgrade:2",
  patience = "request_timeout = 2,", unprotected = "dead_man = false,",
  refused = { environment = { MW_SECRET = "wrong-wrong-wrong-wrong" }, subject = "upgrade",
              why = "handshake refused: HTTP 400: bad signature: `secret` does not belong to "
                .. "`key`" },
  ready = { "fin", "key", "secret" },
}
M.finery_taker = kind("a taker", finery)
M.finery_maker = kind("a maker", finery, { arguments = { "--set", "role=maker" } })

local peatio = {
  protocol = "peatio", symbol = "BTC/USD", pair = "btcusd", low = "6000", high = "7000",
  step = "10", sent = "trade", events = { "trade", "orderbook" }, fees = "0.042USD",
  outage = "http:503:upgrade:for=1s", patience = "request_timeout = 0.5,",
}
M.daemon = kind("daemon", peatio, {
  refused = { environment = { MW_PRIVATE_KEY = "another-secret" }, subject = "upgrade",
              why = "credentials refused: Authentication failed." },
  ready = { "pea", "private_key" },
})
M.lazy_daemon = kind("a lazy daemon", peatio, { arguments = { "--lazy-flush" } })
M.hmac = kind("hmac", peatio, { arguments = { "--dialect", "hmac" } })
M.ranger = kind("ranger", peatio, { arguments = { "--dialect", "ranger" },
                                    events = { "trade", "order" }, fees = "" })

-- Strategies --------------------------------------------------------------------------------------

local TELL = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "SYMBOL" }
function S:on_order(order, event)
  print("order " .. order.side .. " " .. event.previous .. ">" .. order.status
    .. " cum=" .. tostring(order.cum_qty) .. (event.reason and " reason=" .. event.reason or ""))
end
function S:on_fill(fill, order)
  local fees = {}
  for i, fee in ipairs(fill.fees) do fees[i] = tostring(fee.amount) .. fee.asset end
  print("fill " .. tostring(fill.qty) .. "@" .. tostring(fill.price) .. " "
    .. tostring(fill.liquidity) .. " fees=" .. table.concat(fees, ",")
    .. " cum=" .. tostring(order.cum_qty))
end
function S:on_session(venue, state) print("session " .. venue .. " " .. state) end
function S:send(side, price, qty, tif)
  local order, err = self:submit { side = side, price = price, qty = qty, time_in_force = tif }
  print(order and "sent " .. order.client_order_id or "refused " .. err)
  return order
end
BODY
return S
]]

--- The text of a strategy with these methods; on_start sends what it wants by
--- self:send(side, price, qty, time_in_force).
function Kind:strategy(body)
  return (TELL:gsub("SYMBOL", self.symbol):gsub("BODY", function() return body end))
end

--- One that sends an order at the start; a market order has no price.
function Kind:sends(side, price, qty, tif)
  local function word(value) return value and ("%q"):format(value) or "nil" end
  return self:strategy(("function S:on_start() self.state.order = self:send(%s, %s, %s, %s) end")
    :format(word(side), word(price), word(qty), word(tif)))
end

--- One whose order rests below the market, and one whose rests above it.
function Kind:rests_low() return self:sends("buy", self.low, "0.01") end
function Kind:rests_high() return self:sends("sell", self.high, "0.01") end

--- One that only says which orders are its own.
function Kind:looks()
  return self:strategy [[
    function S:on_start()
      for _, order in ipairs(self.orders) do
        print("mine " .. order.client_order_id .. " " .. tostring(order.cum_qty))
      end
    end]]
end

-- The venue ---------------------------------------------------------------------------------------

--- Starts it, with more options of `moonwire sim`.
function Kind:sim(arguments)
  local words = { unpack(self.arguments) }
  for _, word in ipairs(arguments or {}) do words[#words + 1] = word end
  return e2e.sim(self.protocol, words)
end

--- The options that make so many frames about orders suffer: "lose", ":3".
function Kind:faults(action, option)
  local words = {}
  for _, subject in ipairs(self.events) do
    words[#words + 1], words[#words + 2] = "--fault", action .. ":" .. subject .. (option or "")
  end
  return words
end

--- From now on no frame about orders arrives.
function Kind:lose_events(sim)
  for _, subject in ipairs(self.events) do sim:control("fault", { fault = "lose:" .. subject }) end
end

--- Somebody else's order, which stays, and one that takes what it can get.
function Kind:quote(sim, side, price, qty)
  sim:control("quote", { pair = self.pair, side = side, price = price, qty = qty })
end
function Kind:take(sim, side, price, qty)
  sim:control("trade", { pair = self.pair, side = side, price = price, qty = qty })
end

--- Breaks the private line, and keeps it broken for a while.
function Kind:break_line(sim)
  sim:control("fault", { fault = self.outage })
  sim:control("drop", { socket = "private" })
end

--- The first order of ours that has this status at the venue, as soon as there is one.
function M.wait_order(sim, status)
  return e2e.await("an order that is " .. status .. " at the venue", function()
    for _, order in ipairs(sim:orders()) do if order.status == status then return order end end
  end)
end

--- Waits until so many orders of ours are open at the venue.
function M.wait_open(sim, count, seconds)
  e2e.await(count .. " open orders at the venue", function()
    return #sim:orders(true) == count
  end, seconds)
end

function M.check_books(sim)
  local result = sim:control "check"
  if not result.ok then
    error("the venue's books do not add up: " .. tostring(result.problem), 2)
  end
end

--- How often a pattern stands in a text.
function M.count(text, pattern) return select(2, text:gsub(pattern, "")) end

--- Waits until what the run knows is in its journal: what guardian and runtime hold in common dies
--- with both.
function M.wait_written(run, sim)
  e2e.await("a record without a difference", function()
    return e2e.tool({ "audit", "--config", run.config }, sim:environment()):wait_exit(20) == 0
  end, 20)
end

return M
