--- Cancels of one order each; part of session.lua. A cancel is sent at once or when the limit of
--- the venue lets it, and again only when the one before is known not to have arrived.

local dispatch = require "moonwire.dispatch"
local order_module = require "moonwire.order"

local Cancel = {}                     -- methods of moonwire.Session
local INSIST_SECONDS = 1              -- between cancels of an order that is to end

local function cancel_in(self, order, seconds)
  local canceling = order_module.cancel_of(order)
  if canceling.is_due then return end
  canceling.is_due = true
  dispatch.after(seconds, self, "cancel_queued", order)
end

--- Asks for a cancel, at once or as soon as the venue's limit lets it. Over HTTP it leaves whether
--- the session is up or not.
function Cancel:cancel(order)
  if not self.can_cancel or not order:is_open() or order._cancel.is_under_way then return end
  if order._is_held and self.countdown and self.countdown:drop(order) then
    return self:apply(order, { status = "canceled", reason = "never sent" })
  end
  if self:awaits_replace(order) then return end
  local canceling = order_module.cancel_of(order)
  if not order.order_id and not self.has_client_ids then
    canceling.is_wanted = true                 -- sent as soon as its id is known
    return
  end
  local now, lost_at = dispatch.now(), canceling.lost_at
  -- The venue is being asked what became of the last one: no storm of cancels meanwhile.
  local since = lost_at and now - lost_at or -1              -- below 0: the clock was set back
  if since >= 0 and since < INSIST_SECONDS then
    return cancel_in(self, order, INSIST_SECONDS - since)
  end
  local ok, wait = self.limiter:try("cancel", order.symbol, now)
  if not ok then
    return cancel_in(self, order, wait)
  end
  local request, err = self:build("cancel", order)
  if request and request.text and self.private.state ~= "live" then
    canceling.is_wanted = true                 -- sent when the session is up again
    return
  end
  canceling.is_wanted, canceling.is_confirmed = nil, nil
  canceling.lost_at, canceling.is_under_way = nil, true
  self:apply(order, { status = "cancel_sent" })
  if request then ok, err = self:send_request(request, self, "on_cancel_answer", order) end
  if not (request and ok) then return self:on_cancel_answer(order, 0, nil, err, false) end
  self.private:stir()
end

function Cancel:cancel_queued(order)
  order_module.cancel_of(order).is_due = nil
  self:cancel(order)
end

-- That an order is canceled does not say what it had executed before, and who sends the rest anew
-- needs to know: unless the answer says it, the order ends by what the stream says, or the venue
-- when it is asked.
local function take_cancel_answer(self, order, report)
  local is_live, canceling = self.private.state == "live", order_module.cancel_of(order)
  if report.status == "canceled" and not report.cum_qty and order:is_open() then
    canceling.is_confirmed, canceling.lost_at, report.status = true, dispatch.now(), nil
  end
  self:apply(order, report)
  if order_module.is_canceled(order) then self.reconciler:ask(order, true, is_live)
  elseif not is_live and (not report.cum_qty or order:is_missing_fills()) then
    self.reconciler:ask(order)
  end
end

function Cancel:on_cancel_answer(order, status, body, text, maybe_sent)
  order_module.cancel_of(order).is_under_way = nil
  local report, err
  if status ~= 0 then
    report, err = self:read_answer("cancel_answer", order, status, body, text)
  end
  if report then return take_cancel_answer(self, order, report) end
  if not order:is_open() then return end
  if order._cancel.is_wanted then return self:cancel(order) end      -- it was replaced meanwhile
  self.log.warn("cancel %s: %s", order.client_order_id or order.order_id, err or text)
  if status == 0 and not maybe_sent then
    return self:apply(order, { status = "cancel_refused", reason = text })
  end
  local canceling = order_module.cancel_of(order)
  -- It left before the order was seen, and may have overtaken it: sent again when the venue has it.
  if not order._was_seen or order.previous_status == "pending_new" then
    canceling.is_wanted = true
  end
  canceling.lost_at = dispatch.now()
  self.reconciler:ask(order, self:is_replace_lost(order))
end

--- Cancels again what is to end and works: its cancel was refused or did not arrive.
function Cancel:insist(order)
  local works = order.status == "new" or order.status == "partially_filled"
  if not works or order._cancel.is_under_way then return end
  cancel_in(self, order, INSIST_SECONDS)
end

--- Whether nothing can be done about an order but wait: the venue has it, and cannot cancel.
function Cancel:is_bound(order) return not self.can_cancel and order.status == "new" end

return Cancel
