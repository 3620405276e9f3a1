-- A run on the stage that takes over from a journal.

local stage = require "tests.moonwire.stage"
local archive_module = require "moonwire.archive"
local client_id = require "moonwire.client_id"
local archive_fixture = require "tests.moonwire.archive_fixture"
local json = require "moonwire.json"
local mw = require "moonwire"
local recovery = require "moonwire.recovery"

local M = {}
local EPOCH = client_id.base36(1789999990000, 8) .. "abc"

--- The n-th id of a strategy of the run before.
function M.id_of(strategy, n)
  return client_id.maker("moonwire", strategy, EPOCH, (n or 1) - 1):next()
end

--- A strategy that tells, in self.told, what it hears.
function M.teller(more)
  local class = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  local function say(self, ...)
    self.told = self.told or {}
    table.insert(self.told, table.concat({ ... }, " "))
  end
  function class:on_start()
    say(self, "start", #self.orders)
    if more then more(self) end
  end
  function class:on_order(order, event) say(self, "order", event.previous, order.status) end
  function class:on_fill(fill) say(self, "fill", fill.trade_id or "", tostring(fill.qty)) end
  return class
end

--- What that strategy heard.
function M.told(s, name) return table.concat(s.runners[name].instance.told or {}, "|") end

--- A sell as the venue lists it: 0.003 BTC, of which `left` is open.
function M.listed(id, left, number)
  return { order_id = number or "310131", client_order_id = id, submit_time = "1789999990",
           price = "950000000", type = "sell", order_type = "limit", order_btc = "0.003",
           remain_btc = left }
end

--- The answer to openOrders.
function M.open_orders(...)
  return json.encode { success = 1, ["return"] = { orders = { btc_idr = json.array { ... } } } }
end

--- The venue's trades 1, 2, ... of 0.001 BTC each.
function M.trades(...)
  local rows = {}
  for i, number in ipairs { ... } do
    rows[i] = { tradeId = tostring(number), orderId = "btcidr-limit-310131", qty = "0.001",
                price = "950000000", isMaker = true, time = 1789999990000 + number,
                commissionAsset = "idr", commission = "11" }
  end
  return json.encode { data = json.array(rows) }
end

--- A stage with these strategies that takes over from `journal` (nil: it is lost). All have begun
--- before, unless options.is_first. options.before(s) comes before that.
function M.take_over(journal, options)
  if journal and not options.is_first then
    journal:run "INSERT OR IGNORE INTO persist (strategy) SELECT DISTINCT strategy FROM orders"
  end
  options.strategies = options.strategies or { { name = "one", class = M.teller() } }
  local s = stage.new(options)
  s.desk.config.on_orphan = options.on_orphan
  if options.before then options.before(s) end
  recovery.begin(s.desk, archive_module.open(journal and journal.path, s.desk.log), "0.1.0")
  return s
end

--- Calls body(journal) with one that is empty.
function M.with_journal(body)
  local journal = archive_fixture.new()
  local ok, err = pcall(body, journal)
  journal:remove()
  if not ok then error(err, 0) end
end

--- Puts an order like that sell into the journal, with its fills.
function M.sell(journal, row, fills)
  local all = { client_order_id = M.id_of "one", order_id = "btcidr-limit-310131", side = "sell" }
  for name, value in pairs(row or {}) do all[name] = value end
  return journal:order(all, fills)
end

return M
