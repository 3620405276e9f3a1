--- What an order would pay in fees: by the rates that the venue tells, and by own fills, which know
--- all that is charged. Neither is a promise.

local M = {}

-- Whether it would take or be taken from; nil: nobody can say. A price beyond the middle of the
-- book counts as taking.
local function liquidity_of(draft, mid)
  if draft.time_in_force == "post_only" then return "maker" end
  if draft.type == "market" or draft.time_in_force == "ioc" or draft.time_in_force == "fok" then
    return "taker"
  end
  if not mid then return nil end
  local takes = draft.side == "buy" and draft.price >= mid or draft.side == "sell"
    and draft.price <= mid
  return takes and "taker" or "maker"
end

local function by_venue(session, market, draft, notional, mid)
  local fee_rates = session.protocol.fee_rates
  local rates = fee_rates and fee_rates(session, market, draft.side)
  if not rates then return nil end
  local liquidity = liquidity_of(draft, mid) or "taker"         -- the dearer one, in doubt
  local rate = rates[liquidity]
  local income = notional
  if rates.asset == market.base then income = draft.qty end
  if not (rate and income) then return nil end
  return ("%s %s"):format(income * rate, rates.asset),
    ("the venue's rate, %s%% as %s%s"):format(rate * 100, liquidity,
      rates.beside and "; " .. rates.beside .. " come on top" or "")
end

-- The last fill of the same kind, its fees in proportion.
local function by_fills(fills, draft, notional)
  for i = #fills, 1, -1 do
    local fill = fills[i]
    if fill.venue == draft.venue and fill.symbol == draft.symbol and fill.side == draft.side
      and fill.fees[1] and fill.price:sign() > 0 then
      local texts = {}
      for n, fee in ipairs(fill.fees) do
        texts[n] = ("%s %s"):format((fee.amount * notional):div(fill.qty * fill.price, 8,
                                                                "half_even"), fee.asset)
      end
      return table.concat(texts, ", "), fill.liquidity and " as " .. fill.liquidity or ""
    end
  end
end

--- The fee of a draft.
---@param session table        of its venue
---@param market moonwire.Market
---@param draft moonwire.OrderRequest
---@param notional moonwire.decimal|nil
---@param mid moonwire.decimal|nil  the middle of the book
---@param fills moonwire.Fill[]     own ones, the newest last
---@return string fee          such as "1900 IDR", or "unknown"
---@return string fee_from     where it is from
---@return string|nil fee_seen  by own fills, where the venue told another one
function M.of(session, market, draft, notional, mid, fills)
  if not notional then return "unknown", "no price is known" end
  local fee, from = by_venue(session, market, draft, notional, mid)
  local seen, as = by_fills(fills, draft, notional)
  if fee then return fee, from, seen and seen .. " by the last fill" .. as end
  if seen then return seen, "the last fill" .. as end
  return "unknown", "the venue does not tell, and there is no own fill like it in this run"
end

return M
