--- The life of the simulated Instamrkt: a game with questions, players who bet at seeded times, and
--- events that decide.

local decimal = require "moonwire.decimal"

local STEP_MS = 300
local EVENT_STEPS = 6                              -- bets of the crowd between two events, about
local PLAYERS = { "ada", "ben", "cleo" }

---@class moonwire.sim.InstamrktCrowd
local Crowd = { __name = "moonwire.sim.InstamrktCrowd" }
Crowd.__index = Crowd

--- `options`: floor, schedule, random, clock, flush().
function Crowd.new(options)
  local crowd = setmetatable({ is_on = false, generation = 0 }, Crowd)
  for name, value in pairs(options) do crowd[name] = value end
  return crowd
end

--- The game that is there from the beginning, with one question of each kind that decides itself.
function Crowd:open(source_id, now)
  local floor = self.floor
  self.game = floor:create_game({
    source_id = source_id, name = "Harbour v. Hill", actions = { "goal", "corner", "card" },
    targets = { "harbour", "harbour:7", "harbour:9", "hill", "hill:8" },
  }, now)
  assert(floor:open_pool(self.game, { description = "Who scores next?", type = 1,
    action_id = "goal", targets = { "harbour", "hill" }, recreate_on_end = true }, now))
  assert(floor:open_pool(self.game, { description = "A corner for whom?", type = 1,
    action_id = "corner", targets = { "harbour", "hill" }, recreate_on_end = true }, now))
end

local function pick(random, list) return list[random:integer(1, #list)] end

local function open_pools(game)
  local list = {}
  for _, pool in ipairs(game.pools) do
    if not pool.winner and not pool.is_blocked then list[#list + 1] = pool end
  end
  return list
end

local function bet_at_random(self, now)
  local random, pools = self.random, open_pools(self.game)
  if #pools == 0 then return end
  local pool, player = pick(random, pools), self.floor.members[pick(random, self.players)]
  local amount = decimal(random:integer(10, 500)) * decimal "0.01"
  if amount > self.floor:available(player, self.game.currency) then return end
  assert(self.floor:bet(player, pool, pick(random, pool.targets), amount, now))
end

local function happen_at_random(self, now)
  local targets = { "harbour:7", "harbour:9", "hill:8" }
  assert(self.floor:register_event(self.game, pick(self.random, { "goal", "corner" }),
                                   pick(self.random, targets), now, now))
end

local function step(self, now)
  if self.game.status == "game_closed" then return end
  if self.random:number() * EVENT_STEPS < 1 then happen_at_random(self, now)
  else bet_at_random(self, now) end
end

local function run(self, generation, now)
  self.schedule:at(now + self.random:integer(STEP_MS / 2, 3 * STEP_MS / 2), function(later)
    if self.generation ~= generation then return end
    step(self, self.clock:venue(later))
    self.flush()
    run(self, generation, later)
  end)
end

--- Lets the crowd play. `now`: the schedule's ms.
function Crowd:start(now)
  if not self.players then
    self.players = PLAYERS
    for _, name in ipairs(PLAYERS) do self.floor:add_member(name, { DON = "1000" }) end
  end
  self.is_on, self.generation = true, self.generation + 1
  run(self, self.generation, now)
end

function Crowd:stop() self.is_on, self.generation = false, self.generation + 1 end

return Crowd
