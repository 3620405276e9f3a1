local t = require "tests.tap"
local rate = require "moonwire.rate"

local START = 1790000000         -- a time as large as the real one: rounding is part of the test

t.test("so many go at once and the next one waits for the first to grow old", function()
  local limiter = rate.new { { name = "submit", count = 3, per = 1 } }
  for i = 0, 2 do t.equal(limiter:try("submit", nil, START + i * 0.25), true) end
  local taken, wait = limiter:try("submit", nil, START + 0.5)
  t.equal(taken, false)
  t.ok(wait >= 0.5 and wait < 0.50001, "retry_after is " .. tostring(wait))
  t.equal(limiter:try("submit", nil, START + 0.5 + wait), true)
  t.equal(limiter:try("submit", nil, START + 0.5 + wait), false)
end)

t.test("a burst at the end of one second forbids one at the start of the next", function()
  local limiter = rate.new { { name = "submit", count = 20, per = 1 } }
  for _ = 1, 20 do t.equal(limiter:try("submit", nil, START + 0.9), true) end
  for i = 0, 9 do t.equal(limiter:try("submit", nil, START + 1 + i / 12), false) end
  t.equal(limiter:try("submit", nil, START + 1.9), true)
end)

t.test("a rule with a key counts each key apart, and wants one", function()
  local limiter = rate.new { { name = "submit", count = 1, per = 1, key = "symbol" } }
  t.equal(limiter:try("submit", "BTC/IDR", START), true)
  t.equal(limiter:try("submit", "ETH/IDR", START), true)
  t.equal(limiter:try("submit", "BTC/IDR", START), false)
  t.raises(function() limiter:try("submit", nil, START) end, "a key is wanted")
end)

t.test("a kind without rules is free, and no rules limit nothing", function()
  local limiter = rate.new { { name = "submit", count = 1, per = 60 } }
  for _ = 1, 100 do t.equal(limiter:try("cancel", "BTC/IDR", START), true) end
  t.equal(rate.new():try("submit", nil, START), true)
end)

t.test("the reserve of a shared budget is for cancels alone", function()
  local limiter = rate.new {
    { name = "ip", count = 10, per = 1, kinds = { "submit", "query", "cancel" }, reserve = 4 },
  }
  for _ = 1, 3 do t.equal(limiter:try("submit", nil, START), true) end
  for _ = 1, 3 do t.equal(limiter:try("query", nil, START), true) end
  t.equal(limiter:try("submit", nil, START), false)
  for _ = 1, 4 do t.equal(limiter:try("cancel", nil, START), true) end
  t.equal(limiter:try("cancel", nil, START), false)
  t.equal(limiter:try("other", nil, START), true)
end)

t.test("cancels beyond their reserve take from the rest", function()
  local limiter = rate.new { { name = "all", count = 5, per = 1, kinds = "*", reserve = 2 } }
  for _ = 1, 4 do t.equal(limiter:try("cancel", nil, START), true) end
  t.equal(limiter:try("submit", nil, START), true)
  t.equal(limiter:try("submit", nil, START), false)
end)

t.test("what is refused by one budget takes nothing from another", function()
  local limiter = rate.new {
    { name = "submit", count = 1, per = 1, key = "symbol" },
    { name = "ip", count = 3, per = 1, kinds = "*" },
  }
  t.equal(limiter:try("submit", "A", START), true)
  for _ = 1, 5 do t.equal(limiter:try("submit", "A", START), false) end
  t.equal(limiter:try("submit", "B", START), true)
  t.equal(limiter:try("query", nil, START), true)
  t.equal(limiter:try("query", nil, START), false)
end)

t.test("a block holds its kind and key for so long, and a shorter one does not end it", function()
  local limiter = rate.new { { name = "submit", count = 100, per = 1, key = "symbol" } }
  limiter:block("submit", "BTC/IDR", 5, START)
  limiter:block("submit", "BTC/IDR", 1, START)
  local taken, wait = limiter:try("submit", "BTC/IDR", START + 2)
  t.equal(taken, false)
  t.ok(wait >= 3 and wait < 3.00001, "retry_after is " .. tostring(wait))
  t.equal(limiter:try("submit", "ETH/IDR", START + 2), true)
  t.equal(limiter:try("cancel", "BTC/IDR", START + 2), true)
  t.equal(limiter:try("submit", "BTC/IDR", START + 2 + wait), true)
end)

t.test("a block without a key holds all keys, one of kind * holds everything", function()
  local limiter = rate.new {}
  limiter:block("cancel", nil, 1, START)
  t.equal(limiter:try("cancel", "BTC/IDR", START), false)
  t.equal(limiter:try("submit", "BTC/IDR", START), true)
  limiter:block("*", nil, 5, START)
  t.equal(limiter:try("submit", "BTC/IDR", START + 4.9), false)
  t.equal(limiter:try("submit", "BTC/IDR", START + 5.1), true)
end)

t.test("of two blocks without a key the longer one stands", function()
  local limiter = rate.new {}
  limiter:block("*", nil, 5, START)
  limiter:block("*", nil, 1, START)
  t.equal(limiter:try("submit", "A", START + 4), false)
  t.equal(limiter:try("submit", "A", START + 5.1), true)
end)

t.test("a rule that allows less goes on from the last uses of the one before", function()
  local before = rate.new { { name = "submit", count = 3, per = 10 } }
  for second = 0, 2 do before:try("submit", nil, START + second) end
  local limiter = rate.new { { name = "submit", count = 2, per = 10 } }:go_on_from(before)
  t.equal(limiter:try("submit", nil, START + 10.5), false)
  t.equal(limiter:try("submit", nil, START + 11), true)
  t.equal(limiter:try("submit", nil, START + 11), false)
  t.equal(limiter:try("submit", nil, START + 12), true)
end)

t.test("a clock set back by an hour neither blocks for an hour nor opens the gate", function()
  local limiter = rate.new { { name = "submit", count = 2, per = 1 } }
  limiter:try("submit", nil, START)
  limiter:try("submit", nil, START)
  t.equal(limiter:try("submit", nil, START - 3600), false)
  t.equal(limiter:try("submit", nil, START - 3600 + 0.5), false)
  t.equal(limiter:try("submit", nil, START - 3600 + 1.1), true)
end)

t.test("a single window is a table of the caller's", function()
  local ring = {}
  t.equal(rate.take(ring, 2, 1, START), true)
  t.equal(rate.take(ring, 2, 1, START), true)
  t.equal(rate.take(ring, 2, 1, START + 0.5), false)
  t.equal(rate.take(ring, 2, 1, START + 1), true)
end)

t.test("a rule that makes no sense is refused", function()
  t.raises(function() rate.new { { name = "x", count = 0, per = 1 } } end, "count must be")
  t.raises(function() rate.new { { name = "x", count = 1.5, per = 1 } } end, "count must be")
  t.raises(function() rate.new { { name = "x", count = 1, per = 0 } } end, "per must be")
  t.raises(function() rate.new { { name = "x", count = 2, per = 1, reserve = 2 } } end, "reserve")
  t.raises(function() rate.new { { name = "x", count = 2, per = 1, keys = "a" } } end, "unknown")
  t.raises(function() rate.new { { count = 2, per = 1 } } end, "without a name")
end)

-- Invariants, against random traffic:
--   1. no half-open stretch of `per` seconds holds more than `count`, nor more than count - reserve
--      of what is no cancel;
--   2. a try after `retry_after` is not refused for the same reason for ever: progress is made;
--   3. nothing is refused while fewer than the allowed number are younger than `per`.
local function younger_than(times, per, now)
  local n = 0
  for i = #times, 1, -1 do
    if now - times[i] >= per then break end
    n = n + 1
  end
  return n
end

local function run_history(seed)
  math.randomseed(seed)
  local count, per = math.random(1, 12), math.random(1, 30) / 10
  local reserve = count > 1 and math.random(0, count - 1) or 0
  local limiter = rate.new { { name = "ip", count = count, per = per, kinds = "*",
                               reserve = reserve > 0 and reserve or nil } }
  local all, others, now = {}, {}, START + math.random()
  for _ = 1, 400 do
    now = now + (math.random() < 0.6 and 0 or math.random() * per * 0.5)
    local kind = math.random() < 0.3 and "cancel" or "submit"
    local room = younger_than(all, per, now) < count
      and (kind == "cancel" or younger_than(others, per, now) < count - reserve)
    local taken, wait = limiter:try(kind, nil, now)
    if taken ~= room then return ("taken %s, room %s"):format(tostring(taken), tostring(room)) end
    if not taken and math.random() < 0.2 then
      now = now + wait
      taken = limiter:try(kind, nil, now)
      if not taken then return "refused after waiting as told" end
    end
    if taken then
      all[#all + 1] = now
      if kind ~= "cancel" then others[#others + 1] = now end
    end
  end
end

t.test("no stretch of time ever holds more than its rule allows (600 random histories)", function()
  for seed = 1, 600 do
    local problem = run_history(seed)
    t.ok(not problem, ("seed %d: %s"):format(seed, tostring(problem)))
  end
end)

t.test("a share is two thirds of the tightest rule, without its reserve", function()
  local share = rate.share({
    { name = "submit", count = 15, per = 1, key = "symbol" },
    { name = "ip", count = 20, per = 1, kinds = { "submit", "cancel" }, reserve = 8 },
    { name = "cancel", count = 1, per = 1 },
  }, "submit")
  t.equal(share.count, 8)
  t.equal(share.per, 1)
  share = rate.share({ { name = "all", count = 60, per = 60, kinds = "*" } }, "submit")
  t.equal(share.count, 40)
  t.equal(share.per, 60)
  t.equal(rate.share({ { name = "submit", count = 1, per = 1 } }, "submit").count, 1)
  t.equal(rate.share({ { name = "cancel", count = 1, per = 1 } }, "submit"), nil)
  t.equal(rate.share(nil, "submit"), nil)
end)

t.test("a try in the steady state allocates nothing", function()
  local limiter = rate.new {
    { name = "submit", count = 20, per = 1, key = "symbol" },
    { name = "ip", count = 30, per = 1, kinds = "*", reserve = 5 },
  }
  local now = START
  local function many(n)
    for _ = 1, n do
      now = now + 0.01
      limiter:try("submit", "BTC/IDR", now)
      limiter:try("cancel", "BTC/IDR", now)
    end
  end
  many(5000)
  collectgarbage()
  collectgarbage("stop")
  local before = collectgarbage("count")
  many(20000)
  local grown = collectgarbage("count") - before
  collectgarbage("restart")
  t.ok(grown < 64, ("40000 tries took %.1f KB"):format(grown))      -- traces, not tries
end)

t.done()
