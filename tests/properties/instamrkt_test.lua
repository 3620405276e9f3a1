--- Property: the Instamrkt connector and the simulated venue together (play.lua). What all stakes
--- won and lost is what the account has more or less.

local play    = require "tests.properties.play"
local fixture = require "tests.moonwire.sim_instamrkt_fixture"
local t       = require "tests.tap"
local decimal = require "moonwire.decimal"
local instamrkt = require "moonwire.venues.instamrkt"

local function open_pools(self)
  local list = {}
  for _, pool in ipairs(self.sim.game.pools) do
    if not pool.winner then list[#list + 1] = pool end
  end
  return list
end

-- Few different ones: stakes that look the same are what this venue makes hard.
local function random_amount(self) return tostring(self.random:integer(1, 3)) end

local actions = { drop = play.drop, set_clock = play.set_clock }

function actions.bet(self)
  local pool = self:pick(open_pools(self))
  self:send { side = "buy", qty = random_amount(self),
              symbol = ("%s#%s/DON"):format(pool.id, self:pick(pool.targets)) }
end

function actions.other(self)
  local pool = self:pick(open_pools(self))
  self.sim:request("POST", ("/sim/bet?member=nick&pool=%s&target=%s&amount=%s"):format(
    pool.id, self:pick(pool.targets), random_amount(self)), {}, "")
end

function actions.happen(self)
  self.sim:control(("event?action=%s&target=%s&ago_ms=%d"):format(
    self:pick({ "goal", "corner" }), self:pick({ "harbour:7", "hill:8" }),
    self:pick({ 0, 0, 1500 })))
end

function actions.block(self)
  self.sim:control(("block?pool=%s&state=%s"):format(self:pick(open_pools(self)).id,
                                                     self:pick({ "on", "off", "off" })))
end

-- Somebody logs in elsewhere, which ends our key.
function actions.login(self)
  local is_up = self.stage.session.state == "up"       -- a second refusal in a row would be final
  if self.with_login and is_up and self:chance(0.3) then self.sim:control "login?member=mara" end
end

local function expected(bet)
  local pool = bet.pool
  if not pool.winner then return "new" end
  return (bet.is_invalid or pool.is_money_return) and "canceled" or "filled"
end

local function compare(self)
  local claimed, by_id = {}, {}
  local mara = self.sim.venue.desk.members.mara
  for _, bet in ipairs(mara.bets) do by_id[bet.id] = bet end
  for order in pairs(self:known_orders()) do
    local what = tostring(order)
    local bet = order.order_id and by_id[order.order_id]
    if bet then
      t.equal(claimed[bet], nil, "two orders of ours are one bet: " .. what)
      claimed[bet] = order
      t.equal(order.status, expected(bet), what)
      t.equal(order.qty, bet.amount, what)
      if order.status == "filled" and bet.target ~= bet.pool.winner then
        t.equal(tostring(order.avg_price), "0", what)
      end
    else
      t.equal(order.status, "rejected", what)
    end
  end
  for _, bet in ipairs(mara.bets) do
    -- One whose answer was lost and that came too late is shown nowhere, and cost nothing.
    t.ok(claimed[bet] or bet.is_invalid, ("bet %s is none of ours"):format(bet.id))
  end
  t.equal(#self.stage:logged "somebody else", 0, "strangers")
  local won, floor = decimal "0", self.sim.venue.desk
  for _, position in pairs(self.stage.desk.positions) do won = won + position.realized end
  t.equal(tostring(won:round("0.0000001", "half_even")),
          tostring(floor:available(mara, "DON") + floor:exposure(mara, "DON") - 100), "money")
  t.ok(self.sim:control("check").ok)
end

local function config_of(with_login)
  local config = { protocol = "instamrkt", key = false, secret = false,
                   source_id = "c295ecdc-9194-428a-8353-20513856cda1",
                   private_url = "wss://private.test" }
  if with_login then
    local quoted = play.secret '"pw"'
    config.login, config.password = "mara", { quoted = function() return quoted end }
  else
    config.user_id, config.session_key = "17", play.secret(fixture.KEY)
  end
  return config
end

-- Pushes come as they like; an answer is lost or comes in its place.
local pushes = {}
for _, res in ipairs { 341, 352, 361, 362, 363, 366, 368, 369, 470, 480, 815 } do
  pushes[res] = true
end

play.test {
  what = "each stake", protocol = instamrkt, symbol = "x#y/DON", steps_each = 1000,
  kinds = { { "a session key", false }, { "a login", true },
            { "a session key, 361 first", false, "distribution=before" } },
  new = function(self, kind)
    self.with_login = kind[2]
    return fixture.new { settings = { "key_life=1000000000", kind[3] } },
           { config = config_of(kind[2]), risk = {}, keep_closed = true }
  end,
  open = function(self, socket) return self.sim:open(socket.url:match "%?(.*)$") end,
  is_event = function(_, frame)
    return pushes[tonumber(frame:match '"res":(%d+)')] or "lose"
  end,
  is_order = function(request) return request.url:find "predictions" ~= nil end,
  actions = actions, compare = compare,
  names = { "bet", "bet", "bet", "bet", "other", "other", "happen", "block", "drop", "login",
            "set_clock" },
}
