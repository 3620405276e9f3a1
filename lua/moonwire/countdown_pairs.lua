--- What countdown.lua knows of each pair: whether an order of ours is there, and whether the venue
--- counts down for it. Times are the countdown's own seconds, which never go back.

local held = require "moonwire.held"

local Pairs = { __name = "moonwire.CountdownPairs" }
Pairs.__index = Pairs

local M = {}
local GRACE = 1.5                     -- periods without an order until it is turned off: two beats
local MOST_NAMES = 5

function M.new(countdown)
  return setmetatable({
    countdown = countdown, session = countdown.session, by_symbol = {},
    seen_at = {},                     -- symbol -> when an order of ours was last open or sent
  }, Pairs)
end

--- What is known of a symbol; nil when the venue has no such market.
function Pairs:of(symbol)
  local pair = self.by_symbol[symbol]
  if pair then return pair end
  local market = self.session:market_of(symbol)
  if not market then return nil end
  pair = {
    symbol = symbol, market = market, held = held.new(self.countdown, symbol),
    runs_until = false,               -- the venue's countdown surely runs so long
    may_run_until = 0,                -- ... or may, by a request of which the outcome is not known
    off_until = 0,                    -- a request to turn it off may still arrive so long
    ran_out_at = false, noticed_at = false,
    armed_by = false,                 -- the last request that armed it
    suspect_until = false, why = false,       -- the venue has no countdown for it
    is_shared = false,                -- others have orders there, which was said
    is_left = false,                  -- at the end: it goes on
  }
  self.by_symbol[symbol] = pair
  return pair
end

--- The symbols of a list, for a person.
function M.names(list)
  local text = {}
  for i = 1, math.min(#list, MOST_NAMES) do text[i] = list[i].symbol end
  return table.concat(text, ", ")
    .. (#list > MOST_NAMES and (" and %d more"):format(#list - MOST_NAMES) or "")
end

--- All that fit, in an order that does not depend on a table's.
---@param fits fun(pair: table): any
function Pairs:pick(fits)
  local list = {}
  for _, pair in pairs(self.by_symbol) do
    if fits(pair) then list[#list + 1] = pair end
  end
  table.sort(list, function(a, b) return a.symbol < b.symbol end)
  return list
end

local function warn_of_others(self, order)
  local pair = self.by_symbol[order.symbol]
  if not pair or not pair.runs_until or pair.is_shared then return end
  pair.is_shared = true
  self.session.log.warn("%s: if our countdown runs out, the venue cancels the orders of others in "
                        .. "this account too, such as %s", order.symbol, order)
end

--- Notes which pairs have an order of ours now.
function Pairs:look(now)
  local session = self.session
  for _, order in ipairs(session.orders.open) do
    if order.venue == session.name then
      local pair = not order.external and self:of(order.symbol)
      if pair then self.seen_at[order.symbol] = now
      elseif order.external then warn_of_others(self, order) end
    end
  end
end

--- Whether it has an order of ours, or had one a moment ago: a strategy that replaces its orders
--- shall not turn the countdown off and on.
function Pairs:is_wanted(pair, now)
  local seen_at = self.seen_at[pair.symbol]
  return seen_at ~= nil and now - seen_at < self.countdown.period * GRACE
end

--- Whether the venue counts down, as far as anyone can tell.
function M.may_run(pair, now) return pair.runs_until or now < pair.may_run_until end

--- Those for which the venue surely counts down.
function Pairs:running() return self:pick(function(pair) return pair.runs_until end) end

--- Those that a beat is for.
function Pairs:to_arm(now)
  return self:pick(function(pair) return not pair.suspect_until and self:is_wanted(pair, now) end)
end

function Pairs:to_turn_off(now)
  return self:pick(function(pair) return M.may_run(pair, now) and not self:is_wanted(pair, now) end)
end

--- One that the venue refused a while ago, or nil: it is asked for again by itself, not in the list
--- of the others.
function Pairs:suspect_due(now)
  return self:pick(function(pair)
    return pair.suspect_until and now >= pair.suspect_until and self:is_wanted(pair, now)
  end)[1]
end

--- Takes note of those whose countdown has run out; returns those that had an order of ours.
function Pairs:take_run_out(now, seconds)
  local lost = {}
  for _, pair in ipairs(self:running()) do
    if now >= pair.runs_until then
      if self.seen_at[pair.symbol] >= pair.runs_until - seconds then lost[#lost + 1] = pair end
      pair.ran_out_at, pair.noticed_at, pair.runs_until = pair.runs_until, now, false
    end
  end
  return lost
end

return M
