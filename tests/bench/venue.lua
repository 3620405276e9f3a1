--- The bench's venue: the private frames of the venue that `shape` names, read by its own file,
--- with orders over the same connection and nothing behind it that answers questions.

local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local execution = require "moonwire.execution"
local finery = require "moonwire.venues.finery.private"
local indodax = require "moonwire.venues.indodax.private"
local instamrkt = require "moonwire.venues.instamrkt"
local link = require "moonwire.link"
local poll = require "moonwire.poll"
local pools = require "moonwire.venues.instamrkt.pools"
local ranger = require "moonwire.venues.peatio.ranger"
local stream = require "moonwire.venues.peatio.stream"
local wire = require "moonwire.venues.instamrkt.wire"

-- Markets -----------------------------------------------------------------------------------------

local function market(id, base, quote)
  return {
    symbol = base .. "/" .. quote, id = id, base = base, quote = quote, names = { id },
    price_step = decimal "0.1", qty_step = decimal "0.00000001",
    sell_fee = decimal "0.0015", buy_fee = decimal "0.0015",
    base_number = execution.asset_number(base), quote_number = execution.asset_number(quote),
  }
end

-- A pool of two targets, as the venue tells it.
local POOL = "6b0e8f5c-2c1d-4c57-9c38-0f6d1b7a3e21"
local function pool_markets(s)
  s.memory.pools, s.memory.user_id, s.private.codes = {}, "17", wire.codes()
  return pools.add(s, { pool_id = POOL, distribution = { { target_id = "harbour" },
                                                         { target_id = "none" } } },
                   { id = "game", currency = "DON" })
end

-- Orders ------------------------------------------------------------------------------------------

local function submit(s, order)
  local head = s.markets[order.symbol]
  return { text = '{"id":' .. s.private:request_id() .. ',"method":"order.new","params":{'
    .. '"client_order_id":"' .. order.client_order_id .. '","symbol":"' .. head.id
    .. '","side":"' .. order.side .. '","type":"' .. order.type
    .. '","price":"' .. decimal.text(order.price) .. '","qty":"' .. decimal.text(order.qty)
    .. '"}}' }
end

-- The events tell the venue's id alone, which its answer brings: here it is ours.
local function submit_by_order_id(s, order)
  dispatch.defer(s, "apply", order, { status = "new", order_id = order.client_order_id })
  return submit(s, order)
end

local function submit_bet(s, order)
  local content = s.markets[order.symbol].content .. decimal.text(order.qty)
  return { is_bet = true, answers = { bet_placed_in_betting_pool = true },
           text = wire.text(s, "place_bet_in_betting_pool",
                            content .. '","client_order_id":"' .. order.client_order_id .. '"') }
end

-- Venues ------------------------------------------------------------------------------------------

-- What a pool stands at comes over the private connection.
local pool_feed = { ask = function() return true end, every = 3600, soonest = 1,
                    subscribe = poll.subscribe, feeds = { book = true } }

-- shape -> what differs: the venue's connection, its markets, how orders are told apart.
local shapes = {
  indodax = { private = indodax, markets = function() return { market("btcidr", "BTC", "IDR") } end,
              client_order_ids = "text" },
  peatio = { private = stream.daemon, submit = submit_by_order_id, by_order_id = true,
             markets = function() return { market("btcusd", "BTC", "USD") } end },
  ["peatio ranger"] = { private = ranger.private, submit = submit_by_order_id, by_order_id = true,
                        markets = function() return { market("btcusd", "BTC", "USD") } end },
  finery = { private = finery,
             markets = function() return { market("BTC-USD", "BTC", "USD") } end },
  instamrkt = { private = instamrkt.private, submit = submit_bet, market = pool_feed,
                submit_answer = instamrkt.submit_answer, markets = pool_markets,
                by_order_id = true },
}

local function by_symbol(markets)
  for _, row in ipairs(markets) do markets[row.symbol] = row end
  return markets
end

-- More connections to the same address, quiet ones.
local function open_more(s, spec)
  for i = 2, s.config.connections do
    local more = link.new(s, "connection " .. i, {
      paths = spec.paths, read = spec.read, silence = 0,
      close_class = function() return "retry" end,
      logon = function(line) return line:open(s.config.private_url) end,
    })
    s.memory[i] = more
    more:connect()
  end
end

local function private_spec(spec)
  return {
    paths = spec.paths, read = spec.read, one_at_a_time = spec.one_at_a_time, silence = 60,
    close_class = function() return "retry" end,
    logon = function(line)
      local ok, err, class = line.session:before_logon()
      if not ok then return nil, err, class end
      ok, err, class = line:open(line.session.config.private_url)
      if ok then open_more(line.session, spec) end
      return ok, err, class
    end,
  }
end

local M = {
  name = "bench", environments = {},
  options = {
    shape = { type = "string", default = "indodax", doc = "whose frames",
              choices = { "indodax", "peatio", "peatio ranger", "finery", "instamrkt" } },
    connections = { type = "integer", min = 1, max = 10000, default = 1, doc = "to open" },
  },
  capabilities = { client_order_id = true, trade_ids = true },
}

function M.for_config(config)
  local shape = shapes[config.shape]
  return {
    name = "bench", late_arrival = 1, limits = {}, market = shape.market,
    capabilities = { client_order_id = not shape.by_order_id, trade_ids = true },
    client_order_ids = shape.client_order_ids or "number", private = private_spec(shape.private),
    submit = shape.submit or submit, submit_answer = shape.submit_answer,
    check_order = function() return true end,
    fetch_markets = function(s) return by_symbol(shape.markets(s)) end,
    fetch_open_orders = function() return {} end, fetch_fills = function() return {} end,
    fetch_balances = function() return {} end,
    -- The server keeps orders as long as their connection and answers no question: what is not
    -- there any more has ended.
    fetch_order = function() return nil, "not_found" end,
    not_found_means = function() return "canceled" end,
  }
end

return M
