--- Who owns what: accounts with a free and a held balance per asset. Value enters by `deposit` and
--- leaves by `withdraw` alone; all else moves it, so the sum of an asset is known at any time.

local decimal = require "moonwire.decimal"

local ZERO = decimal("0")

---@class moonwire.sim.Ledger
local Ledger = { __name = "moonwire.sim.Ledger" }
Ledger.__index = Ledger

function Ledger.new()
  return setmetatable({ accounts = {}, totals = {} }, Ledger)
end

local function balance(self, owner, asset)
  local account = self.accounts[owner]
  if not account then
    account = {}
    self.accounts[owner] = account
  end
  local b = account[asset]
  if not b then
    b = { free = ZERO, held = ZERO }
    account[asset] = b
  end
  return b
end

local function check_amount(amount)
  if amount < ZERO then error("negative amount: " .. tostring(amount), 3) end
end

function Ledger:free(owner, asset) return balance(self, owner, asset).free end
function Ledger:held(owner, asset) return balance(self, owner, asset).held end

function Ledger:deposit(owner, asset, amount)
  check_amount(amount)
  local b = balance(self, owner, asset)
  b.free = b.free + amount
  self.totals[asset] = (self.totals[asset] or ZERO) + amount
end

function Ledger:withdraw(owner, asset, amount)
  check_amount(amount)
  local b = balance(self, owner, asset)
  if b.free < amount then return nil, "insufficient balance" end
  b.free = b.free - amount
  self.totals[asset] = self.totals[asset] - amount
  return true
end

--- Moves `amount` from free to held; nil and why when there is not so much.
function Ledger:hold(owner, asset, amount)
  check_amount(amount)
  local b = balance(self, owner, asset)
  if b.free < amount then return nil, "insufficient balance" end
  b.free, b.held = b.free - amount, b.held + amount
  return true
end

local verbs = { held = "holds", free = "has" }

-- More than there is: an invariant is broken. `kind`: "free" or "held".
local function take(self, owner, asset, amount, kind)
  check_amount(amount)
  local b = balance(self, owner, asset)
  if b[kind] < amount then
    error(string.format("%s %s %s %s, %s wanted", owner, verbs[kind], tostring(b[kind]), asset,
                        tostring(amount)), 3)
  end
  b[kind] = b[kind] - amount
end

local function give(self, owner, asset, amount)
  local b = balance(self, owner, asset)
  b.free = b.free + amount
end

--- Gives held money back to its owner.
function Ledger:release(owner, asset, amount)
  take(self, owner, asset, amount, "held")
  give(self, owner, asset, amount)
end

--- Held money of `from` becomes free money of `to`. More than is held is a broken invariant.
function Ledger:pay(from, to, asset, amount)
  take(self, from, asset, amount, "held")
  give(self, to, asset, amount)
end

--- Free money of `from` becomes free money of `to`: a charge on what was just received.
function Ledger:charge(from, to, asset, amount)
  take(self, from, asset, amount, "free")
  give(self, to, asset, amount)
end

--- Nothing was made or lost and nobody owes: true, or nil and what is wrong.
function Ledger:check()
  local sums = {}
  for owner, account in pairs(self.accounts) do
    for asset, b in pairs(account) do
      if b.free < ZERO or b.held < ZERO then
        return nil, string.format("%s: %s is free %s, held %s", owner, asset, tostring(b.free),
                                  tostring(b.held))
      end
      sums[asset] = (sums[asset] or ZERO) + b.free + b.held
    end
  end
  for asset, total in pairs(self.totals) do
    if (sums[asset] or ZERO) ~= total then
      return nil, string.format("%s: accounts hold %s, deposited %s", asset,
                                tostring(sums[asset] or ZERO), tostring(total))
    end
  end
  for asset, sum in pairs(sums) do
    if not self.totals[asset] and sum ~= ZERO then
      return nil, asset .. ": " .. tostring(sum) .. " from nowhere"
    end
  end
  return true
end

return Ledger
