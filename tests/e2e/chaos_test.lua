--- Chaos in small: `make chaos` is the long form. KILLS, RATE, SPAN and SEED change it. Where each
--- instruction takes its time (valgrind), it is fewer of everything, over a longer time.

local chaos = require "tests.e2e.chaos"
local e2e = require "tests.e2e.lib"

local KILLS = tonumber(os.getenv "KILLS" or (e2e.slower > 1 and 5 or 16))
local RATE = tonumber(os.getenv "RATE" or 200 / e2e.slower)
local SPAN = tonumber(os.getenv "SPAN" or e2e.slower)
local SEED = tonumber(os.getenv "SEED" or 1)
local AT_ONCE = 50                              -- kills on one venue and one journal
local KILL_SECONDS = 6 * e2e.patience           -- for one, its sweep and the restart, at most

for first = 1, KILLS, AT_ONCE do
  local kills = math.min(AT_ONCE, KILLS - first + 1)
  local seed = SEED + (first - 1) / AT_ONCE
  e2e.test(("%d kills at random, seed %d: nothing lost, nothing twice, nothing open"):format(
    kills, seed), function()
    local done = chaos.run(seed, kills, RATE, SPAN)
    print(("  seed %d: %d kills, %d orders, %d fills, %d requests, %d runs replayed"):format(
      seed, kills, done.orders, done.fills, done.requests, done.replays))
  end, kills * (SPAN + KILL_SECONDS))
end

e2e.run_all()
