--- What the end-to-end tests of Instamrkt share: the venue with a session key over the WebSocket
--- alone or with a login, a strategy that bets, and looks at the venue.

local e2e = require "tests.e2e.lib"

local M = {}

-- A strategy that bets what it is told at the start and prints all that it hears. TARGET is of the
-- first pool that the venue opened.
local TELL = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", pool = "POOL" }
function S:on_order(order, event)
  print("order " .. event.previous .. ">" .. order.status
    .. (event.reason and " reason=" .. event.reason or ""))
end
function S:on_fill(fill)
  local position = self:position(fill.symbol)
  print("fill " .. tostring(fill.qty) .. "@" .. tostring(fill.price) .. " " .. fill.liquidity
    .. " realized=" .. tostring(position.realized) .. " held=" .. tostring(position.qty))
end
function S:on_session(venue, state) print("session " .. venue .. " " .. state) end
function S:on_book(book)
  print("book " .. tostring(book.pool.multiplier) .. " of " .. tostring(book.pool.total))
end
function S:symbol(target) return self.params.pool .. "#" .. target .. "/DON" end
function S:bet(target, stake)
  local order, err = self:buy { symbol = self:symbol(target), qty = stake }
  print(order and "sent " .. order.client_order_id or "refused " .. err)
  return order
end
BODY
return S
]]

local function first_pool(sim) return sim:control("pools", { open = 1 })[1].pool end

--- Its text with these methods.
function M.strategy(sim, body)
  return (TELL:gsub("POOL", first_pool(sim)):gsub("BODY", function() return body end))
end

--- One bet at the start.
M.BET = 'function S:on_start() self.state.order = self:bet("harbour", "4") end'

--- Starts a strategy on a venue.
function M.run(sim, body, options)
  return sim:run(M.strategy(sim, body or M.BET), options)
end

--- Starts the venue; its member has a session key.
function M.new(arguments) return e2e.sim("instamrkt", arguments) end

--- The same where he logs in over REST.
function M.with_login(arguments)
  local words = { "--set", "sign_in=login" }
  for _, word in ipairs(arguments or {}) do words[#words + 1] = word end
  return M.new(words)
end

--- Options: somebody else plays, too.
M.OTHERS = { "--member", "name=nick,don=1000" }

--- That one bets.
function M.other_bets(sim, target, amount)
  sim:control("bet", { member = "nick", target = target, amount = amount })
end

--- Our bets as the venue has them.
function M.bets(sim) return sim:control("orders", { member = "mara" }) end

--- What guardian and runtime hold in common dies with both: waits until it is in the journal.
function M.until_written(r, text)
  local path = r.config:match "^(.*/)" .. "moonwire.db"
  e2e.await(text .. " in the journal", function()
    local process = e2e.tool { "journal", path, "orders", "--json" }
    return process:wait_exit() == 0 and process:out():find(text, 1, true)
  end)
end

return M
