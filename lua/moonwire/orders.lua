--- All orders that this runtime knows: ours by client_order_id, the venue's by venue and order_id.
--- A report finds its order here, and the desk hears of each change from here:
--- desk:on_order_changed(order), :on_order_filled(order, fill), :on_fill_amended(order, fill), and
--- desk:on_old_id(id) of an id of ours that this run did not make. An order that is not known any
--- more, or not yet, is looked for in the archive of earlier runs.

local budget = require "moonwire.budget"
local chain_module = require "moonwire.chain"
local client_id = require "moonwire.client_id"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local index = require "moonwire.index"
local log = require "moonwire.log"
local order_module = require "moonwire.order"
local record = require "moonwire.record"
local restore = require "moonwire.restore"

local Orders = { __name = "moonwire.Orders" }
Orders.__index = Orders

local M = { Orders = Orders }
local shared, Index = budget.shared, index.Index
local terminal, Order = order_module.terminal, order_module.Order
local KEEP_FINISHED = 1200            -- so many finished orders stay known for late fills

--- @param runtime string  the runtime's name, as in client_id.maker
--- @param desk table       hears of changes
function M.new(runtime, desk)
  return setmetatable({
    runtime_tag = client_id.tag(runtime), runtime_number = client_id.number_tag(runtime),
    by_client_id = index.new(),
    by_order_id = {},                        -- venue -> an index
    open = {}, open_count = 0,               -- a list; each order knows its place (_open_at)
    own_count = 0,                           -- of these, ours
    foreign = {},                            -- order -> true: somebody else's
    strategy_of_tag = {},                    -- in client order ids
    claimed = {},                            -- name of a strategy -> true
    orphans = {},                            -- ours, of no strategy; see take_orphans
    archive = false,                         -- of earlier runs (archive.lua)
    finished = {}, finished_at = 0,          -- a ring; the place of the last one
    leaving = {}, leaving_count = 0,         -- out of the ring, to be forgotten
    keep_finished = KEEP_FINISHED,
    held = {},                               -- order -> how often it is held
    passed = {},                             -- order -> true: out of the ring, and still held
    desk = desk,
  }, Orders)
end

local function index_order_id(self, order)
  local of_venue = self.by_order_id[order.venue]
  if not of_venue then
    of_venue = index.new()
    self.by_order_id[order.venue] = of_venue
  end
  Index.set(of_venue, order.order_id, order)
end

--- The order has an id of the venue that it is to be found by.
function Orders:index(order) index_order_id(self, order) end

-- By the ids of the order or of a link of it (chain.lua) it is found no more.
local function forget_ids(self, order, ids)
  local client_order_id, order_id = ids.client_order_id, ids.order_id
  local of_client, of_venue = self.by_client_id, self.by_order_id[order.venue]
  if client_order_id and rawequal(Index.get(of_client, client_order_id), order) then
    Index.remove(of_client, client_order_id)
  end
  if order_id and of_venue and rawequal(Index.get(of_venue, order_id), order) then
    Index.remove(of_venue, order_id)
  end
end

--- The order is found by what the venue calls this link of it as well.
function Orders:index_link(order, link)
  local oldest = chain_module.of(order):take_oldest()
  if oldest and oldest.client_order_id ~= order.client_order_id then
    forget_ids(self, order, oldest)
  end
  self.by_client_id:set(link.client_order_id, order)
end

local function index_chain(self, order)
  local chain = chain_module.of(order)
  for _, link in ipairs(chain and chain.links or {}) do
    self.by_client_id:set(link.client_order_id, order)
    local of_venue = self.by_order_id[order.venue]
    if link.order_id and of_venue then of_venue:set(link.order_id, order) end
  end
end

local function count_own(self, change)
  self.own_count = self.own_count + change
  shared.open_orders = self.own_count
end

local function set_open(self, order)
  if order._open_at then return end
  self.open_count = self.open_count + 1
  self.open[self.open_count], order._open_at = order, self.open_count
  if not self.foreign[order] then count_own(self, 1) end
end

-- The last one takes the place of one that goes.
local function set_closed(self, order)
  local at = order._open_at
  if not at then return end
  local last = self.open[self.open_count]
  self.open[at], last._open_at = last, at
  self.open[self.open_count], order._open_at = nil, false
  self.open_count = self.open_count - 1
  if not self.foreign[order] then count_own(self, -1) end
end

--- Adds an order of ours before it is sent, or one that the venue showed.
---@param is_known boolean|nil  ours, of an earlier run
function Orders:add(order, is_known)
  record.order(order, is_known)
  order._owner = order.strategy or false
  if order.client_order_id then Index.set(self.by_client_id, order.client_order_id, order) end
  if rawget(order, "order_id") then index_order_id(self, order) end
  if not terminal[order.status] then set_open(self, order) end
  return order
end

--- Forgets an order that was never sent.
function Orders:remove(order)
  record.status(order)
  self.by_client_id:remove(order.client_order_id)
  order._owner = false
  set_closed(self, order)
end

--- The order that a report speaks of, or nil.
function Orders:find(venue, client_order_id, order_id)
  local order = client_order_id and Index.get(self.by_client_id, client_order_id)
  if order and order.venue == venue then return order end
  local of_venue = self.by_order_id[venue]
  return of_venue and order_id and Index.get(of_venue, order_id)
end

--- Puts the ids of a report into it, from the fields of a message that they stand in, and returns
--- the order that it speaks of, or nil. Of an id that is known no text is made again.
function Orders:read_ids(venue, report, client_order_id, order_id)
  local order, own = Index.get_field(self.by_client_id, client_order_id)
  local theirs = order and rawget(order, "order_id")
  report.client_order_id = own or decode.text(client_order_id)
  report.order_id = theirs and decode.text_like(order_id, theirs) or decode.text(order_id)
  if order and order.venue == venue then return order end
  return Orders.find(self, venue, nil, report.order_id)
end

-- The parts of an id that was made by this runtime, now or in an earlier run; nil for any other.
local function own_id(self, id)
  local parts = id and client_id.parse(id)
  local tag = parts and parts.runtime
  return tag and (tag == self.runtime_tag or tag == self.runtime_number) and parts or nil
end

--- Whether a client order id was made by this runtime, now or in an earlier run.
function Orders:is_ours(id) return own_id(self, id) ~= nil end

--- From now on the orders of earlier runs that carry this strategy's name or tag are its own.
---@return boolean|nil ok
---@return string|nil err  another strategy has the same tag
function Orders:claim(strategy)
  local tag = client_id.tag(strategy)
  local other = self.strategy_of_tag[tag]
  if other then
    return nil, ("strategies %s and %s would have the same code in order ids: give one of them "
                 .. "another name"):format(other, strategy)
  end
  self.strategy_of_tag[tag], self.claimed[strategy] = strategy, true
  -- Two may share the short tag of ids that are numbers: then the id does not tell whose it is.
  local short = client_id.number_tag(strategy)
  self.strategy_of_tag[short] = self.strategy_of_tag[short] == nil and strategy or false
  return true
end

local function forget(self, order)
  order._owner = false
  if self.foreign[order] then self.foreign[order] = nil end    -- LuaJIT adds a key even for nil
  forget_ids(self, order, order)
  local chain = chain_module.of(order)
  if not chain then return end
  for _, link in ipairs(chain.links) do forget_ids(self, order, link) end
end

-- One that is to be forgotten has come back and ended again.
local function keep_leaving(self, order)
  for i = 1, self.leaving_count do
    if self.leaving[i] == order then self.leaving[i] = false end
  end
end

-- A finished order stays known for a late fill; the oldest are forgotten in the end, but not before
-- what the event makes a strategy send has left.
local function retire(self, order)
  set_closed(self, order)
  local at = self.finished_at % self.keep_finished + 1
  local oldest, count = self.finished[at], self.leaving_count
  self.finished[at], self.finished_at = order, at
  if count > 0 then keep_leaving(self, order) end
  if not oldest then return end
  self.leaving[count + 1], self.leaving_count = oldest, count + 1
  if count == 0 then dispatch.afterwards(self, "forget_leaving") end
end

-- One that came back from an end that was only inferred is open; the fills of one that lacks some
-- are being asked for. A second one of the same id would count them once more.
local function let_leave(self, order)
  if not order or not terminal[order.status] then return end
  if self.held[order] then self.passed[order] = true
  elseif not Order.is_missing_fills(order) then forget(self, order) end
end

function Orders:forget_leaving()
  local count = self.leaving_count
  self.leaving_count = 0
  for i = 1, count do
    local order = self.leaving[i]
    self.leaving[i] = false
    let_leave(self, order)
  end
end

--- The order is not forgotten until it is let go, as often as it was held: who asks the venue about
--- one books the answer on it, and a second one of the same id would count it once more. One that
--- was forgotten already is known again, unless another one stands for it by now.
---@param order moonwire.Order
---@return moonwire.Order  the one that is known, and held
function Orders:hold(order)
  local known = self:find(order.venue, order.client_order_id, order.order_id)
  if not known then
    known = order
    if order.client_order_id then self.by_client_id:set(order.client_order_id, order) end
    if order.order_id then index_order_id(self, order) end
    index_chain(self, order)
    order._owner = self.claimed[order.strategy or ""] and order.strategy or false
    if order.external then self.foreign[order] = true end
    if terminal[order.status] then retire(self, order) end
  end
  self.held[known] = (self.held[known] or 0) + 1
  return known
end

--- See hold.
function Orders:let_go(order)
  local count = self.held[order] - 1
  self.held[order] = count > 0 and count or nil
  if count > 0 or not self.passed[order] then return end
  self.passed[order] = nil
  if terminal[order.status] then retire(self, order) end
end

--- Applies a report to its order and tells the desk, last.
---@return boolean changed
---@return boolean is_missing_fills  see Order:is_missing_fills
function Orders:apply(order, report)
  -- Not as methods, and raw where there may be none: an order looks for these in a function.
  local had_id = rawget(order, "order_id")
  local changed, fill, amended, is_missing = Order.apply(order, report)
  local id = rawget(order, "order_id")
  -- A trade that was counted in part is new by its rest, and then amends the other part.
  if fill and not amended then
    record.executed(order, fill, report.is_provisional)
  else
    if fill then record.fill(order, fill, report.is_provisional) end
    if amended then record.fill(order, amended, report.is_provisional) end
    -- That one which has ended lacks fills is for the next run to know (record.lua).
    if changed or amended or id ~= had_id or is_missing and terminal[order.status] then
      record.status(order)
    end
  end
  if id and id ~= had_id then index_order_id(self, order) end
  if changed then
    if terminal[order.status] then retire(self, order)
    else set_open(self, order) end
  end
  local desk = self.desk
  if amended then desk:on_fill_amended(order, amended) end
  if fill then desk:on_order_filled(order, fill) end
  if changed then desk:on_order_changed(order) end
  return changed or fill ~= nil or amended ~= nil, is_missing
end

--- Makes an order of the archive one of this run's; nil when it makes no sense, which is logged. A
--- fill that alone makes none is left out, and is not new when the venue tells of it.
---@param archived moonwire.ArchivedOrder
---@return moonwire.Order|nil
function Orders:restore(archived)
  local say = log.new { venue = archived.venue }.error
  local id = archived.client_order_id or archived.order_id
  local ok, order, problem = pcall(restore.order, archived)
  if not ok then
    say("order %s of the journal cannot be restored, and is left to the venue: %s", id, order)
    return nil
  elseif problem then
    say("order %s of the journal: %s: not counted again; moonwire audit compares it with the venue",
        id, problem)
  end
  if order.external then self.foreign[order] = true end
  -- The journal keeps what was known last until the venue has answered.
  local status = order.status
  order.status = archived.status
  self:add(order, true)
  index_chain(self, order)
  order.status = status
  local is_claimed = self.claimed[order.strategy or ""]
  if not is_claimed then order._owner = false end
  if terminal[order.status] then retire(self, order)
  elseif not is_claimed and not order.external then table.insert(self.orphans, order) end
  return order
end

--- The order that a report speaks of, from the archive: one that finished long ago, or in an
--- earlier run. nil when it is not there either.
function Orders:recall(venue, client_order_id, order_id)
  local archived = self.archive and self.archive:order(venue, client_order_id, order_id)
  if not archived then return archived end
  -- By a link of it that is not kept here any more.
  return self:find(venue, archived.client_order_id, nil) or self:restore(archived)
end

--- Whether the archive cannot say yet that it does not know an order: one that is not known here
--- may be one of this run that finished, with its fills counted.
function Orders:may_be_undrawn() return self.archive and self.archive:lags() or false end

--- An order that the venue shows and nobody here knows: `external`, or ours from an earlier run
--- whose journal is lost; then its id says whose it is.
function Orders:adopt(venue, report)
  local id = own_id(self, report.client_order_id)
  local order = order_module.new({
    venue = venue, client_order_id = report.client_order_id, order_id = report.order_id,
    symbol = report.symbol, side = report.side, type = report.type or "limit",
    time_in_force = report.time_in_force or "gtc", price = report.price, qty = report.qty,
    external = not id, is_qty_estimate = report.is_qty_estimate,
    status = "new", strategy = id and self.strategy_of_tag[id.strategy] or nil,
  }, report.time)
  order._was_seen = true
  if not id then self.foreign[order] = true end
  if id then self.desk:on_old_id(id) end
  if id and not order.strategy then table.insert(self.orphans, order) end
  return self:add(order, id ~= nil)
end

--- Gives an open order that is somebody else's, or of no strategy, to this one.
function Orders:claim_order(order, strategy)
  if self.foreign[order] then
    self.foreign[order] = nil
    if order._open_at then count_own(self, 1) end
  end
  for i, orphan in ipairs(self.orphans) do
    if orphan == order then table.remove(self.orphans, i) break end
  end
  order.external, order.strategy = nil, strategy
  order._owner, order._position = strategy, false
  record.order(order, true)
  self.desk:on_order_claimed(order)
end

--- The open orders that are ours and belong to no strategy; each is given once.
---@return moonwire.Order[]
function Orders:take_orphans()
  local list = {}
  for _, order in ipairs(self.orphans) do
    if order:is_open() then list[#list + 1] = order end
  end
  self.orphans = {}
  return list
end

local function by_age(a, b)
  local born_a, born_b = a.created_at or 0, b.created_at or 0      -- the venue may not tell it
  if born_a ~= born_b then return born_a < born_b end
  return tostring(a.client_order_id or a.order_id) < tostring(b.client_order_id or b.order_id)
end

--- Open orders, oldest first, for which every given field of `filter` is equal.
---@param filter table|nil  e.g. { venue = "idx", strategy = "ladder", symbol = "BTC/IDR" }
function Orders:list_open(filter)
  local list = {}
  for _, order in ipairs(self.open) do
    local fits = true
    for field, value in pairs(filter or {}) do
      local own = field == "strategy" and order._owner or order[field]
      fits = fits and own == value
    end
    if fits then list[#list + 1] = order end
  end
  table.sort(list, by_age)
  return list
end

return M
