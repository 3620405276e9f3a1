-- strategies/hedge.lua on a still stage: a venue to quote on and one to hedge on, both made up.
-- They say what a test has them say.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local book = require "moonwire.book"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"

-- A venue that takes all and says nothing by itself. s.memory.shown: reports of the orders that it
-- finds when asked, by client_order_id; s.memory.executed: fills likewise.
local function venue(capabilities, market)
  local function logon(link)
    local ok, err, class = link.session:before_logon()
    if not ok then return nil, err, class end
    return link:open(link.session.config.private_url)
  end
  local line = { paths = { "x" }, silence = 60, read = function() end, logon = logon,
                 close_class = function() return "retry" end, feeds = { book = true },
                 subscribe = function() end }
  capabilities.client_order_id, capabilities.trade_ids = true, true
  return {
    name = "made_up", environments = {}, options = {}, late_arrival = 1, limits = {},
    capabilities = capabilities, private = line, market = line,
    fetch_markets = function() return { market, [market.symbol] = market } end,
    fetch_open_orders = function() return {} end,
    fetch_fills = function(s, order)
      return (s.memory.executed or {})[order.client_order_id] or {}
    end,
    fetch_order = function(s, order)
      local report = (s.memory.shown or {})[order.client_order_id]
      if report then return report end
      return nil, "not_found"
    end,
    check_order = function() return true end,
    submit = function() return { text = "{}" } end,
    cancel = function() return { text = "{}" } end,
  }
end

local D = decimal
local HERE = { symbol = "BTC/USDT", base = "BTC", quote = "USDT", price_step = D "1",
               qty_step = D "0.00000001", names = { "here" } }
local THERE = { symbol = "BTC/USDT", base = "BTC", quote = "USDT", price_step = D "0.5",
                qty_step = D "0.0001", min_qty = D "0.0002", names = { "there" } }

local function at_once(s, f) s:run({ act = function() f() end }, "act") s:settle() end

local function quote_there(s, bid, ask)
  at_once(s, function()
    s.desk:on_book(book.new("fin", "BTC/USDT", { { price = D(bid), qty = D "1" } },
                            { { price = D(ask), qty = D "1" } }, dispatch.now()))
  end)
end

local function play(options)
  options = options or {}
  local s = stage.new {
    protocol = venue({ post_only = true }, HERE),
    venues = { fin = { protocol = venue({ ioc = not options.no_ioc }, THERE) } },
    risk = options.risk, reply = function() end,
    strategies = { { name = "hedge", class = dofile "strategies/hedge.lua",
                     params = options.params } },
  }
  s:start()
  s.fin, s.instance = s.desk.sessions.fin, s.runners.hedge.instance
  if not options.blind then quote_there(s, "65000", "65010") end
  return s
end

-- "buy 0.001@64870 sell ...", of one venue, oldest first.
local function open_at(s, name)
  local words = {}
  for _, order in ipairs(s.instance.orders) do
    if order.venue == name and order.status ~= "pending_cancel" then
      words[#words + 1] = ("%s %s@%s"):format(order.side, order.qty, order.price)
    end
  end
  return table.concat(words, ", ")
end

local function one_at(s, name, side)
  for _, order in ipairs(s.instance.orders) do
    if order.venue == name and (not side or order.side == side) then return order end
  end
  error("no order on " .. name, 2)
end

local function report(s, order, fields)
  fields.client_order_id, fields.order_id = order.client_order_id, "v" .. order.client_order_id
  at_once(s, function() s.desk.sessions[order.venue]:on_report(fields) end)
end

local trades = 0
local function fill(s, order, qty, more)
  trades = trades + 1
  local fields = { trade_id = "t" .. trades, last_qty = D(qty), last_price = order.price,
                   fees = {}, liquidity = "maker", time = dispatch.now() }
  for name, value in pairs(more or {}) do fields[name] = value end
  report(s, order, fields)
end

local function accept_quotes(s)
  for _, order in ipairs(s.instance.orders) do
    if order.venue == "idx" and order.status == "pending_new" then
      report(s, order, { status = "new" })
    end
  end
end

-- The bid is executed: a sale there is under way.
local function bought(options, qty)
  local s = play(options)
  accept_quotes(s)
  fill(s, one_at(s, "idx", "buy"), qty or "0.001")
  return s
end

local function unhedged(s) return tostring(s.instance:unhedged()) end

-- Counts, in s.hedges, what is sent from now on.
local function count_hedges(s)
  s.hedges = 0
  s.fin.protocol.submit = function()
    s.hedges = s.hedges + 1
    return { text = "{}" }
  end
end

t.test("it quotes an edge outside of what the hedge's venue pays and asks, maker-only", function()
  local s = play()
  t.equal(open_at(s, "idx"), "buy 0.001@64870, sell 0.001@65141")
  t.equal(one_at(s, "idx").time_in_force, "post_only")
  t.equal(open_at(s, "fin"), "")
end)

t.test("without a book of the hedge's venue nothing is quoted", function()
  local s = play { blind = true }
  s:advance(5)
  t.equal(#s.instance.orders, 0)
end)

t.test("quotes follow the price, and stay while it is near", function()
  local s = play()
  accept_quotes(s)
  s:advance(1)
  quote_there(s, "65010", "65020")
  t.equal(open_at(s, "idx"), "buy 0.001@64870, sell 0.001@65141")
  s:advance(1)
  quote_there(s, "65200", "65210")
  t.equal(open_at(s, "idx"), "")
  for _, order in ipairs(s.instance.orders) do report(s, order, { status = "canceled" }) end
  s:advance(1)
  t.equal(open_at(s, "idx"), "buy 0.001@65069, sell 0.001@65341")
end)

t.test("a fill is hedged at once, within the bound, and then all is flat", function()
  local s = bought()
  t.equal(open_at(s, "fin"), "sell 0.001@64875")               -- 65005 less 0.2 %, in steps
  t.equal(one_at(s, "fin").time_in_force, "ioc")
  fill(s, one_at(s, "fin"), "0.001", { status = "filled", last_price = D "65000" })
  t.equal(unhedged(s), "0")
  t.equal(open_at(s, "fin"), "")
  s:advance(30)
  t.equal(open_at(s, "fin"), "")
end)

t.test("a sale is hedged by a purchase", function()
  local s = play()
  accept_quotes(s)
  fill(s, one_at(s, "idx", "sell"), "0.001")
  t.equal(open_at(s, "fin"), "buy 0.001@65135")
end)

t.test("what is executed while a hedge is under way is hedged after it", function()
  local s = bought(nil, "0.0004")
  t.equal(open_at(s, "fin"), "sell 0.0004@64875")
  fill(s, one_at(s, "idx", "buy"), "0.0006")
  t.equal(open_at(s, "fin"), "sell 0.0004@64875")
  fill(s, one_at(s, "fin"), "0.0004", { status = "filled" })
  t.equal(open_at(s, "fin"), "sell 0.0006@64875")
end)

t.test("a hedge that got a part goes on with the rest, after a while when it got nothing",
  function()
  local s = bought()
  fill(s, one_at(s, "fin"), "0.0004")
  report(s, one_at(s, "fin"), { status = "canceled", cum_qty = D "0.0004" })
  t.equal(open_at(s, "fin"), "sell 0.0006@64875")
  report(s, one_at(s, "fin"), { status = "rejected", reason = "nothing to match" })
  t.equal(open_at(s, "fin"), "")
  t.equal(#s:logged "not hedged", 1)
  s:advance(2)
  t.equal(open_at(s, "fin"), "sell 0.0006@64875")
end)

t.test("a clock that is set back puts off neither the next try nor the quotes", function()
  local s = bought()
  report(s, one_at(s, "fin"), { status = "rejected", reason = "nothing to match" })
  s:shift_clock(-3600)
  s:advance(2)
  t.equal(open_at(s, "fin"), "sell 0.001@64875")
end)

t.test("a hedge that has ended and lacks fills is waited for", function()
  local s = bought()
  count_hedges(s)
  local order = one_at(s, "fin")
  s.fin.memory.executed = { [order.client_order_id] = {
    { trade_id = "late", last_qty = D "0.001", last_price = D "65000", fees = {},
      liquidity = "taker", time = dispatch.now() } } }
  report(s, order, { status = "canceled", cum_qty = D "0.001" })
  t.equal(unhedged(s), "0.001")
  s:advance(5)
  t.equal(unhedged(s), "0")
  t.equal(s.hedges, 0)
end)

t.test("a hedge in doubt is not sent again, and is when it never arrived", function()
  local s = bought()
  local order = one_at(s, "fin")
  count_hedges(s)
  report(s, order, { status = "unanswered" })
  at_once(s, function() s.fin:doubt(stage.own(order)) end)
  s:advance(5)
  t.equal(order.status, "unknown")
  t.equal(s.hedges, 0)
  s:advance(60)
  t.equal(order.status, "rejected")
  t.equal(open_at(s, "fin"), "sell 0.001@64875")
  t.equal(s.hedges, 1)
end)

t.test("a hedge in doubt that was executed is not sent again", function()
  local s = bought()
  local order = one_at(s, "fin")
  count_hedges(s)
  s.fin.memory.shown = { [order.client_order_id] = { status = "filled", order_id = "v1",
                                                     cum_qty = D "0.001" } }
  s.fin.memory.executed = { [order.client_order_id] = {
    { trade_id = "found", last_qty = D "0.001", last_price = D "65000", fees = {},
      liquidity = "taker", time = dispatch.now() } } }
  report(s, order, { status = "unanswered" })
  at_once(s, function() s.fin:doubt(stage.own(order)) end)
  s:advance(60)
  t.equal(order.status, "filled")
  t.equal(unhedged(s), "0")
  t.equal(s.hedges, 0)
end)

t.test("while the hedge's venue is down nothing is quoted, and what waits is hedged after it",
  function()
  local s = play()
  accept_quotes(s)
  local bid = one_at(s, "idx", "buy")
  at_once(s, function() s.fin.private:lost("gone", "retry") end)
  s.keep_closed = true
  t.equal(open_at(s, "idx"), "")
  fill(s, bid, "0.001", { status = "filled" })
  t.equal(open_at(s, "fin"), "")
  t.equal(unhedged(s), "0.001")
  s.keep_closed = false
  s:advance(10)
  t.equal(open_at(s, "fin"), "sell 0.001@64875")
end)

t.test("a market beyond the bound is waited for, and no quotes stand when too much waits",
  function()
  local s = play { params = { max_unhedged = "0.0005" } }
  accept_quotes(s)
  fill(s, one_at(s, "idx", "buy"), "0.001", { status = "filled" })
  quote_there(s, "64000", "64010")
  report(s, one_at(s, "fin"), { status = "rejected", reason = "nothing to match" })
  s:advance(5)
  t.equal(open_at(s, "fin"), "")
  t.equal(open_at(s, "idx"), "")
  quote_there(s, "64900", "64910")
  t.equal(open_at(s, "fin"), "sell 0.001@64875")
end)

t.test("the bound of several fills is their average's", function()
  local s = bought({ params = { slippage = "0" } }, "0.0005")
  t.equal(open_at(s, "fin"), "")                               -- the best bid is below the middle
  quote_there(s, "64000", "64010")
  fill(s, one_at(s, "idx", "buy"), "0.0005")
  quote_there(s, "66000", "66010")
  s:advance(2)
  t.equal(open_at(s, "fin"), "sell 0.001@64505")
end)

t.test("what is too little for the hedge's venue waits until there is more, in whole steps",
  function()
  local s = bought(nil, "0.00015")
  s:advance(5)
  t.equal(open_at(s, "fin"), "")
  fill(s, one_at(s, "idx", "buy"), "0.0002")
  t.equal(open_at(s, "fin"), "sell 0.0003@64875")
end)

t.test("fees in the base currency are not sold", function()
  local s = play()
  accept_quotes(s)
  fill(s, one_at(s, "idx", "buy"), "0.001", { fees = { { asset = "BTC", amount = D "0.0001" } } })
  t.equal(open_at(s, "fin"), "sell 0.0009@64875")
end)

t.test("where there is no ioc a hedge that is not needed any more is canceled", function()
  local s = bought { no_ioc = true }
  local order = one_at(s, "fin")
  t.equal(order.time_in_force, "gtc")
  report(s, order, { status = "new" })
  s:advance(5)
  t.equal(open_at(s, "fin"), "sell 0.001@64875")
  fill(s, one_at(s, "idx", "sell"), "0.001")
  t.equal(order.status, "pending_cancel")
  report(s, order, { status = "canceled" })
  t.equal(unhedged(s), "0")
  t.equal(open_at(s, "fin"), "")
end)

t.test("what it may not send it says once a minute", function()
  local s = bought({ risk = { max_open_orders = 2 } }, "0.0005")
  t.equal(open_at(s, "fin"), "")
  s:advance(30)
  t.equal(#s:logged "0.0005 BTC not hedged", 1)
  s:advance(40)
  t.equal(#s:logged "0.0005 BTC not hedged", 2)
end)

t.test("what waits at the stop is said", function()
  local s = bought()
  s:run(s.desk, "stop", 0, "asked to")
  t.equal(#s:logged "0.001 BTC not hedged at the stop: the next run hedges it", 1)
end)

t.test("it says what is wrong with its parameters", function()
  local s = play { params = { hedge_symbol = "ETH/USDT" }, blind = true }
  t.equal(#s:logged "no market ETH/USDT on fin", 1)
end)

stage.done()
