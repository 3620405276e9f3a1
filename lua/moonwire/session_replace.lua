--- Replacing an order: a new price or quantity without a cancel; part of session.lua. It is asked
--- for once. What became of it is told by its answer or by any sight of the new link at the venue
--- (chain.lua); without either the venue is asked which of the two lives, and the order is unknown
--- as long as it may be both. A venue replaces at one stroke: once the old link has ended the new
--- one is there, or never will be.

local chain_module = require "moonwire.chain"
local dispatch = require "moonwire.dispatch"
local order_module = require "moonwire.order"
local record = require "moonwire.record"
local Orders = require("moonwire.orders").Orders

local Replace = {}                    -- methods of moonwire.Session
local cancel_of, terminal = order_module.cancel_of, order_module.terminal
local HURRY_SECONDS = 1               -- for its answer, when the order is to be canceled

-- What came of it ---------------------------------------------------------------------------------

-- Says it to the owner, whether the status is another one now or not.
local function tell(self, order, reason)
  local status = order.status
  if status == "unknown" or terminal[status] then
    Orders.apply(self.orders, order, { status = "working", reason = reason })
  else
    order.previous_status, order.reason = status, reason
    record.status(order)
    self.desk:on_order_changed(order)
  end
  if order._cancel.is_wanted then dispatch.defer(self, "cancel", order) end
end

-- The venue shows the link: from now on it is the order. What it executes is counted behind what
-- the links before it did, of which we may have missed some.
local function take_over(self, order, chain, link, report)
  local executed, size = order.cum_qty, report.qty
  local base = size and link.qty - size or executed
  if base < executed then
    self.log.warn("%s was replaced by %s of %s, where %s were asked for and %s are executed",
                  order, report.order_id or "?", size, link.qty, executed)
    base = executed
  end
  link.base, link.order_id, link.state, link.is_lost = base, report.order_id, "done", nil
  if size then link.qty = base + size end
  if chain.asked == link then chain.asked = nil end
  chain.current, chain.held = link, nil
  order_module.replaced(order, link.order_id, link.price, link.qty, base)
  self.orders:index(order)
  chain_module.record(order)
  record.changed(order)
  -- An end that was told of it was the old link's, and so was a cancel.
  if terminal[order.status] then order._is_inferred = true end
  if link.is_to_end then
    local canceling = cancel_of(order)
    canceling.is_wanted, canceling.lost_at = true, nil
  end
  tell(self, order, "replaced")
end

-- It stays as it was; or it has ended meanwhile, which was held back.
local function refuse(self, order, chain, link, why)
  if chain.asked ~= link then return end
  local held = chain.held
  chain.asked, chain.held, link.state, link.is_lost = nil, nil, "refused", nil
  chain_module.record(order)
  self.log.warn("replace %s: %s", order.client_order_id, why)
  local reason = "replace_rejected: " .. why
  if held then
    Orders.apply(self.orders, order, { status = "canceled", reason = held.reason or reason })
  elseif not terminal[order.status] then
    tell(self, order, reason)
  end
end

-- Its answer is missing or says nothing.
local function lose(self, order, chain, link, why)
  if chain.asked ~= link or link.is_lost then return end
  link.is_lost = true
  self.log.warn("no answer to replace %s: %s", order.client_order_id, why)
  Orders.apply(self.orders, order, { status = "replace_lost", reason = "replace: " .. why })
  local is_to_end = order._cancel.is_wanted or order._cancel.must_end
  self.reconciler:ask(order, is_to_end)
  if is_to_end then dispatch.defer(self, "cancel", order) end
end

-- Reports -----------------------------------------------------------------------------------------

-- What a report of an earlier link still means: how much that one executed.
local function keep_executions(report, link)
  local is_known = link and link.base and report.cum_qty
  report.cum_qty = is_known and link.base + report.cum_qty or nil
  report.status, report.reason, report.qty, report.needs_asking = nil, nil, nil, nil
end

local function shift(report, base)
  if base:is_zero() then return end
  if report.cum_qty then report.cum_qty = base + report.cum_qty end
  if report.qty then report.qty = base + report.qty end
end

-- A report of the order as it is, while another one is asked for. That it ended on the stream may
-- be that it was replaced; that it works when it is asked about proves something only when what was
-- asked for cannot arrive any more.
local function weigh(self, order, chain, report, asked_at)
  local link, status = chain.asked, report.status
  if status == "canceled" or status == "expired" then
    if asked_at then report.is_inferred = true
    else
      chain.held, report.status = { reason = report.reason }, nil
    end
  elseif asked_at and link.is_lost and status == "working" then
    link.sent_at = math.min(link.sent_at or 0, asked_at)      -- later: the clock was set back
    if asked_at >= link.sent_at + self.protocol.late_arrival then
      refuse(self, order, chain, link, "the venue did not take it")
    else report.status = nil end
  end
end

local function translate(self, order, chain, report, asked_at)
  local client_order_id, order_id = report.client_order_id, report.order_id
  if not (client_order_id or order_id) then return end       -- of the whole order
  local link = chain:find(client_order_id, order_id)
  if link and link.state ~= "done" then take_over(self, order, chain, link, report) end
  if link ~= chain.current then return keep_executions(report, link) end
  shift(report, link.base)
  if chain.asked then weigh(self, order, chain, report, asked_at) end
end

--- Where there are orders with a chain, reports are looked at for that from now on.
function Replace:look_for_chains()
  if chain_module.has_any() then self.has_chains, self.examines = true, true end
end

--- Looks at a report before it is applied: one that speaks of a link of a chain is put in terms of
--- the order, and one of a cancel that nobody asked for gets its reason, where it is known.
---@param asked_at number|nil  when the question left that it answers; nil: it came by itself
function Replace:examine(order, report, asked_at)
  local chain = self.has_chains and chain_module.of(order)
  if chain then translate(self, order, chain, report, asked_at) end
  local guard = self.countdown
  if guard and report.status == "canceled" then guard:explain(order, report) end
end

--- Whether ids of the venue speak of this order, as one of its links or as itself.
function Replace:is_of(order, client_order_id, order_id)
  if order_id and order_id == order.order_id
    or client_order_id and client_order_id == order.client_order_id then
    return true
  end
  local chain = chain_module.of(order)
  return chain ~= nil and chain:find(client_order_id, order_id) ~= nil
end

--- Whether they speak of a link that another one has replaced.
function Replace:is_past(order, client_order_id, order_id)
  local chain = chain_module.of(order)
  local link = chain and chain:find(client_order_id, order_id)
  return link ~= nil and link.state == "done" and link ~= chain.current
end

--- Whether an order may be another one at the venue by now, and the venue has to be asked.
function Replace:is_replace_lost(order)
  local chain = chain_module.of(order)
  return chain ~= nil and chain.asked ~= nil and chain.asked.is_lost == true
end

--- Whether a replacement of it is under way or in doubt.
function Replace:is_replacing(order)
  local chain = chain_module.of(order)
  return chain ~= nil and chain.asked ~= nil
end

-- Asking for it -----------------------------------------------------------------------------------

-- Why an order cannot be replaced as it stands; nil when it can.
local function obstacle(self, order)
  local canceling = order._cancel
  if self.private.state ~= "live" then return "session " .. self.name .. " is " .. self.state end
  if terminal[order.status] then return "the order is " .. order.status .. " already" end
  if order.external then return "the order is somebody else's" end
  if not order.client_order_id then return "the order has no client order id" end
  if not order.order_id or order.status == "pending_new" then
    return "the venue has not confirmed the order yet"
  end
  if order.status == "unknown" then return "the order is unknown: the venue is being asked" end
  if order.status == "pending_cancel" or order._cancel.must_end or canceling.is_under_way
    or canceling.is_wanted or canceling.is_due then
    return "a cancel of the order is under way"
  end
end

--- Whether an order may be replaced now; nil and why not.
---@return boolean|nil ok
---@return string|nil err
function Replace:may_replace(order)
  if not self.can_replace then
    return nil, ("venue %s cannot replace orders: cancel it, and send another"):format(self.name)
  end
  if self:is_replacing(order) then return nil, "a replacement of the order is under way" end
  local why = obstacle(self, order)
  if why then return nil, why end
  return true
end

--- Sends what chain.ask has begun; what is doubtful is asked about, never sent again.
function Replace:send_replace(order, link)
  local chain = chain_module.of(order)
  local why = obstacle(self, order)
  if why then return refuse(self, order, chain, link, "not sent: " .. why) end
  link.sent_at = dispatch.now()
  self:look_for_chains()
  self.orders:index_link(order, link)
  chain_module.record_link(order, link)
  local ok
  local request, err = self:build("replace", order, {
    client_order_id = link.client_order_id, price = link.price,
    qty = link.qty - chain.current.base })
  if request then
    ok, err = self:send_request(request, self, "on_replace_answer", { order = order, link = link })
  end
  if not (request and ok) then return refuse(self, order, chain, link, "not sent: " .. err) end
  self.private:stir()
end

--- The callback that asked for it failed: it is never sent.
function Replace:drop_replace(order)
  local chain = chain_module.of(order)
  chain:drop(chain.asked)
end

-- What was executed at once, behind what it is.
local function apply_answer(self, order, link, report)
  report.client_order_id = link.client_order_id
  local fills = report.fills or {}
  if fills[1] then
    self:apply(order, { client_order_id = link.client_order_id, order_id = report.order_id,
                        qty = report.qty })
  end
  for _, fill in ipairs(fills) do self:apply(order, fill) end
  report.fills = nil
  self:apply(order, report)
end

function Replace:on_replace_answer(context, status, body, text, maybe_sent)
  local order, link = context.order, context.link
  local chain = chain_module.of(order)
  if status == 0 then
    if maybe_sent then return lose(self, order, chain, link, text) end
    return refuse(self, order, chain, link, "not sent: " .. text)
  end
  local report, err = self:read_answer("replace_answer", order, status, body, text)
  if not report then return lose(self, order, chain, link, err) end
  if report.status == "replace_refused" then
    refuse(self, order, chain, link, report.reason)
  elseif report.status ~= "replace_failed" then
    return apply_answer(self, order, link, report)
  elseif chain.asked == link then
    chain.held = nil
    link.state, chain.asked = "refused", nil
    chain_module.record(order)
    self:apply(order, { status = "canceled", reason = "replace_failed: " .. report.reason,
                        cum_qty = report.cum_qty })
  end
  if report.needs_asking and order:is_open() then self.reconciler:ask(order) end
end

--- Whether a cancel has to wait for what becomes of a replacement; not for long. Then it goes to
--- the old link, and to the new one should it show up.
function Replace:awaits_replace(order)
  local chain = chain_module.of(order)
  local link = chain and chain.asked
  if not link then return false end
  link.is_to_end = true
  if link.is_lost then return false end
  local canceling = cancel_of(order)
  if not canceling.is_wanted then
    canceling.is_wanted = true
    dispatch.after(HURRY_SECONDS, self, "hurry_replace", { order = order, link = link })
  end
  return true
end

function Replace:hurry_replace(context)
  lose(self, context.order, chain_module.of(context.order), context.link,
       ("no answer within %g s, and the order is to be canceled"):format(HURRY_SECONDS))
end

return Replace
