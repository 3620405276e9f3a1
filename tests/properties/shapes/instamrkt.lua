--- Instamrkt: the answer to a stake, the decision on its pool, lists of pools that run and that
--- were decided. A stake is executed at once and whole when its pool is decided, at 2 or at
--- nothing. An answer names no request, and has no id of ours.

local decimal = require "moonwire.decimal"
local instamrkt = require "moonwire.venues.instamrkt"
local venue = require "tests.properties.shapes.venue"
local wire = require "moonwire.venues.instamrkt.wire"

local ZERO, TWO = decimal "0", decimal "2"
local M = { limits = { no_expiry = true, only_buys = true, whole = true, unit = decimal "0.5",
                       new_price = function() return math.random() < 0.5 and ZERO or TWO end } }
local SYMBOL, USER = "P#harbour/DON", "17"
local CODES = wire.codes()

local World = venue.class()
local decoder = venue.decoder(instamrkt)

function M.new(truth)
  truth.price = nil                    -- a stake has none
  local market = { symbol = SYMBOL, quote = "DON", pool_id = "P", game_id = "G",
                   target = "harbour", names = { "P#harbour" } }
  local world = venue.world(World, instamrkt, truth,
                            { market = market, config = {}, decoder = decoder })
  world.order.type, world.order.time_in_force = "market", "fok"
  local session = world.session
  session.memory = {
    user_id = USER, games = { G = { id = "G", currency = "DON" } }, elsewhere = {},
    pools = { P = { id = "P", currency = "DON", total = truth.qty * 2, markets = { market },
                    targets = { harbour = { backing = truth.qty },
                                none = { backing = truth.qty } } } },
  }
  world.link.codes = CODES
  world.link.turns = { request = function() return nil end,
                       ask = function(_, request) return world:answer(request, world.upto) end }
  -- A stake that came back came too late, or nobody had won. The first is shown nowhere after it.
  world.is_late = truth.status == "canceled" and math.random() < 0.5
  if world.is_late then world.also = "rejected" end
  return world
end

local function winner_of(truth)
  local trade = truth.trades[1]
  return trade and trade.last_price ~= ZERO and "harbour" or "none"
end

function World:push(i)
  local truth = self.truth
  local step = truth.steps[i]
  if step.status == "new" or step.status == "filled" then return end
  local returned = step.status == "canceled"
  local members = {}
  if self.is_late then members[1] = '"invalidated_bettors":[17]'
  elseif returned then members[1] = '"is_money_return":true'
  else
    members[1] = ('"%s":{"17":%s}'):format(winner_of(truth) == "none" and "losers" or "winners",
                                           truth.qty)
  end
  self:read(('{"response_header":{},"res":362,"pool_id":"P","game_id":"G","winning_target":"%s",%s,'
             .. '"resolved_at":1790000000131}'):format(winner_of(truth), members[1]))
end

function World:accept()
  assert(self.decoder:read(('{"response_header":{},"res":356,"pool_id":"P","bet_id":"B1",'
                            .. '"amount":"%s"}'):format(self.truth.qty)))
  self:answered(200, self.decoder)
end

function World:refuse()
  assert(self.decoder:read '{"response_header":{},"res":666,"text":"insufficient funds"}')
  self:answered(200, self.decoder)
end

-- The pool, with our bet unless it was invalidated.
local function pool_row(self, is_decided)
  local qty = tonumber(tostring(self.truth.qty))
  local returned = is_decided and self.truth.status == "canceled"
  local bet = { bet_id = "B1", user_id = 17, amount = qty, placed_at = venue.NOW }
  return {
    pool_id = "P", winning_target = is_decided and winner_of(self.truth) or nil,
    amount_total = qty * 2, resolved_at = is_decided and 1790000000131 or nil,
    total_winnings = is_decided and winner_of(self.truth) == "harbour" and qty or 0,
    distribution = {
      { target_id = "harbour", backing_money = qty,
        bets = not (is_decided and self.is_late) and { bet } or {} },
      { target_id = "none", backing_money = not returned and qty or 0 },
    },
  }
end

function World:answer(request, upto)
  local state = self:state(upto)
  -- Between the trade and its end there is no moment: the pool is decided or it is not.
  local is_running = state == "open" and not self.truth.steps[upto].trade_id
  local is_decided = state ~= nil and not is_running
  if request.url then return 200, '{"game_history":[]}' end
  if request.answers.your_exposure then
    return { exposure = is_running and tostring(self.truth.qty) or "0" }
  elseif request.answers.your_running_pools_for_game then
    return { pools_list = is_running and { pool_row(self) } or {} }
  elseif request.answers.your_resolved_pools_for_game then
    return { pools_list = is_decided and { pool_row(self, true) } or {} }
  elseif is_decided then return { name = "error", text = "no such pool" } end
  return is_running and pool_row(self) or { pool_id = "P", distribution = {} }
end

return M
