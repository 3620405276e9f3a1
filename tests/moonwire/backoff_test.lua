local t = require "tests.tap"
local backoff = require "moonwire.backoff"

local function near(actual, expected)
  t.ok(math.abs(actual - expected) < 1e-9, ("expected %g, got %g"):format(expected, actual))
end

t.test("the wait doubles from the first to the cap and stays there", function()
  local b = backoff.new()
  for _, ceiling in ipairs { 0.5, 1, 2, 4, 8, 16, 20, 20, 20 } do near(b:next(1), ceiling) end
end)

t.test("jitter spreads each wait from a tenth of its ceiling to all of it", function()
  for _, case in ipairs { { 0, 0.05 }, { 0.5, 0.275 }, { 0.999999999999, 0.5 } } do
    near(backoff.new():next(case[1]), case[2])
  end
end)

t.test("no wait is zero, whatever chance says", function()
  local b = backoff.new()
  for _ = 1, 2000 do t.ok(b:next(0) > 0) end
  near(b:next(1), 20)
end)

t.test("only a connection that stayed up for long begins from the start again", function()
  local b = backoff.new()
  b:next(1)
  b:next(1)
  b:on_lost(100, 129.9)
  near(b:next(1), 2)
  b:on_lost(nil, 500)
  near(b:next(1), 4)
  b:on_lost(100, 130)
  near(b:next(1), 0.5)
end)

t.test("first, cap and stable can be given", function()
  local b = backoff.new { first = 2, cap = 3, stable = 5 }
  near(b:next(1), 2)
  near(b:next(1), 3)
  b:on_lost(0, 5)
  near(b:next(1), 2)
end)

t.test("two of them know nothing of each other", function()
  local a, b = backoff.new(), backoff.new()
  a:next(1)
  near(a:next(1), 1)
  near(b:next(1), 0.5)
end)

t.done()
