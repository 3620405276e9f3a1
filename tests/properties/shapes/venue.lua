--- What the shapes of venues share: a session that reads a venue's messages by the venue's own
--- code, and has the venue's answers at once.

local ffi = require "moonwire.cdef"
local decode = require "moonwire.decode"
local host = require "moonwire.host"
local order_module = require "moonwire.order"
local replace = require "moonwire.session_replace"
local truth_module = require "tests.properties.truth"

local M = { NOW = 1790000000 }         -- when all of it happens, in seconds

ffi.cast("struct mw_event *", host.event()).time_ns = M.NOW * 1000000000LL

local function nothing() end
local log = { error = nothing, warn = nothing, info = nothing, debug = nothing }
M.secret = { hmac = function() return "signature" end, jwt_expiry = nothing,
             reload = function() return true end }

local World = {}
World.__index = World

-- As session.lua does it, for one order.
local Session = {}
Session.__index = Session
function Session:on_report(report) truth_module.apply(self.world, report) end
function Session:apply(_, report) truth_module.apply(self.world, report) end
function Session:venue_ms() return M.NOW * 1000 end
function Session:drop_market(symbol) self.markets[symbol] = nil end
Session.is_of, Session.is_past = replace.is_of, replace.is_past
Session.await_turn, Session.refresh_clock, Session.add_market = nothing, nothing, nothing
Session.measure_clock = nothing
function Session:call(request) return self.world:answer(request, self.world.upto) end

--- A world for an order of `symbol` at a venue.
---@param class table     the shape's functions, and answer(request, upto) -> status, body: what is
---                       asked over HTTP when the venue has done so many steps
---@param protocol table  the venue's file
---@param fields table    { market =, config =, decoder = of its private connection }
function M.world(class, protocol, truth, fields)
  local market = fields.market
  local session = setmetatable({
    name = "v", protocol = protocol, config = fields.config, log = log, clock_offset_ms = 0,
    markets = { market, [market.symbol] = market }, by_venue_symbol = {}, memory = {},
    subscriptions = {}, is_settled = true, has_client_ids = true,
  }, Session)
  for _, name in ipairs(market.names) do session.by_venue_symbol[name] = market end
  local world = setmetatable({ truth = truth, session = session, decoder = fields.decoder }, class)
  world.order = truth_module.new_order(truth, { client_order_id = "7001", symbol = market.symbol })
  world.order._sent_at = M.NOW
  local function find() return world.order end
  session.world = world
  local function list_open() return world.order:is_open() and { world.order } or {} end
  local function read_ids(_, _, report, client_order_id, order_id)
    report.client_order_id, report.order_id = decode.text(client_order_id), decode.text(order_id)
    return world.order
  end
  session.orders = { open = { world.order }, open_count = 1, find = find, read_ids = read_ids,
                     list_open = list_open }
  world.link = { session = session, state = "live", up_at = 0, log = log, is_linked = false,
                 on_bad_message = function(_, err) error("not understood: " .. err, 0) end }
  session.private = world.link
  return world
end

--- A class of worlds.
function M.class()
  local class = setmetatable({}, World)
  class.__index = class
  return class
end

--- A decoder of a protocol's private connection.
function M.decoder(protocol) return decode.new(protocol.private.paths) end

--- A frame on the private connection; what it says of the order is applied.
function World:read(text)
  if self.story then table.insert(self.story, "  " .. text) end
  assert(self.decoder:read(text))
  self.session.protocol.private.read(self.link, self.decoder)
end

--- The venue's answer to the order, as session:on_submit_answer takes it.
function World:answered(status, body)
  if self.story then table.insert(self.story, "  " .. tostring(status) .. " " .. tostring(body)) end
  local report = self.session.protocol.submit_answer(self.session, self.order, status, body, "")
  truth_module.apply(self, report or { status = "unanswered" })
end

-- Fills first, as reconcile.lua books them.
local function book(self, report)
  local order, protocol = self.order, self.session.protocol
  if report.order_id and not order.order_id then
    truth_module.apply(self, { order_id = report.order_id })
  end
  local fills = report.fills or protocol.fetch_fills(self.session, order)
  for _, fill in ipairs(fills) do truth_module.apply(self, fill) end
  truth_module.apply(self, report)
end

--- Asks about the order when the venue has done so many steps.
function World:ask(upto)
  self.upto = upto
  local protocol, order = self.session.protocol, self.order
  local report, err = protocol.fetch_order(self.session, order)
  if report then return book(self, report) end
  if err ~= "not_found" and self:state(upto) then error("asked: " .. tostring(err), 0) end
  -- At the end that is the venue's word, where it keeps no orders that have ended.
  local is_end = upto == #self.truth.steps and order_module.cancel_of(order).lost_at
  if is_end and order:is_open() then self:give_up() end
end

function World:give_up()
  local means = self.session.protocol.not_found_means
  truth_module.apply(self, { status = means and means(self.session, self.order) or "rejected",
                             reason = "not_found", is_inferred = true })
end

-- The truth, as venues write it -------------------------------------------------------------------

local states = { new = "open", partially_filled = "open", filled = "filled",
                 canceled = "canceled" }

--- Whether the order is "open", "filled" or "canceled" after so many steps; nil before the first.
function World:state(upto)
  local step = self.truth.steps[upto]
  return step and states[step.status]
end

--- What was executed until then.
function World:executed(upto)
  local step = self.truth.steps[upto]
  return step and step.cum_qty or self.truth.cum * 0
end

--- A row for each trade until then: row(trade, its number), in a JSON list.
function World:trade_rows(upto, row, from_newest)
  local rows, count = {}, truth_module.trades_upto(self.truth, upto)
  for i = 1, count do
    rows[i] = row(self, self.truth.trades[from_newest and count + 1 - i or i], i)
  end
  return "[" .. table.concat(rows, ",") .. "]"
end

return M
