-- The ledger: money is moved, never made, and nobody owes.

local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local Ledger  = require "moonwire.sim.ledger"
local Random  = require "moonwire.random"

local function shown(ledger, owner, asset)
  return tostring(ledger:free(owner, asset)) .. "+" .. tostring(ledger:held(owner, asset))
end

local function with(owner, asset, amount)
  local ledger = Ledger.new()
  ledger:deposit(owner, asset, decimal(amount))
  return ledger
end

t.test("a hold moves free money, and not more than there is", function()
  local ledger = with("a", "idr", "100")
  t.ok(ledger:hold("a", "idr", decimal "60"))
  t.equal(shown(ledger, "a", "idr"), "40+60")
  local ok, err = ledger:hold("a", "idr", decimal "40.01")
  t.equal(ok, nil)
  t.equal(err, "insufficient balance")
  ledger:release("a", "idr", decimal "10")
  t.equal(shown(ledger, "a", "idr"), "50+50")
end)

t.test("a payment goes from held to free, a charge from free to free", function()
  local ledger = with("a", "idr", "100")
  ledger:hold("a", "idr", decimal "60")
  ledger:pay("a", "b", "idr", decimal "60")
  ledger:charge("b", "venue", "idr", decimal "5")
  t.equal(shown(ledger, "a", "idr"), "40+0")
  t.equal(shown(ledger, "b", "idr"), "55+0")
  t.equal(shown(ledger, "venue", "idr"), "5+0")
  t.ok(ledger:check())
end)

t.test("paying more than is held is a broken invariant, and so is a negative amount", function()
  local ledger = with("a", "idr", "100")
  ledger:hold("a", "idr", decimal "10")
  t.raises(function() ledger:pay("a", "b", "idr", decimal "11") end, "a holds 10 idr, 11 wanted")
  t.raises(function() ledger:release("a", "idr", decimal "11") end, "a holds 10 idr, 11 wanted")
  t.raises(function() ledger:charge("b", "a", "idr", decimal "1") end, "b has 0 idr, 1 wanted")
  t.raises(function() ledger:hold("a", "idr", decimal "-1") end, "negative amount")
  t.ok(ledger:check())
end)

t.test("a withdrawal lowers the total", function()
  local ledger = with("a", "idr", "100")
  t.ok(ledger:withdraw("a", "idr", decimal "30"))
  t.equal(ledger:withdraw("a", "idr", decimal "71"), nil)
  t.equal(shown(ledger, "a", "idr"), "70+0")
  t.ok(ledger:check())
end)

t.test("the check finds money that came from nowhere, went away, or is owed", function()
  local ledger = with("a", "idr", "100")
  ledger.accounts.a.idr.free = decimal "101"
  t.equal(select(2, ledger:check()), "idr: accounts hold 101, deposited 100")
  ledger.accounts.a.idr.free = decimal "-1"
  t.equal(select(2, ledger:check()), "a: idr is free -1, held 0")
  ledger = Ledger.new()
  ledger.accounts.a = { btc = { free = decimal "1", held = decimal "0" } }
  t.equal(select(2, ledger:check()), "btc: 1 from nowhere")
end)

t.test("random movements conserve every asset", function()
  for seed = 1, 20 do
    local ledger, random = Ledger.new(), Random.new(seed)
    local names, assets = { "a", "b", "c" }, { "idr", "btc" }
    for _, name in ipairs(names) do ledger:deposit(name, "idr", decimal "1000") end
    for step = 1, 500 do
      local from, to = names[random:integer(1, 3)], names[random:integer(1, 3)]
      local asset = assets[random:integer(1, 2)]
      local amount = decimal(tostring(random:integer(0, 5000) / 100))
      local kind = random:integer(1, 5)
      if kind == 1 then ledger:hold(from, asset, amount)
      elseif kind == 2 then pcall(ledger.release, ledger, from, asset, amount)
      elseif kind == 3 then pcall(ledger.pay, ledger, from, to, asset, amount)
      elseif kind == 4 then pcall(ledger.charge, ledger, from, to, asset, amount)
      else ledger:deposit(to, asset, amount) end
      local ok, problem = ledger:check()
      t.ok(ok, string.format("seed %d step %d: %s", seed, step, tostring(problem)))
    end
  end
end)

t.done()
