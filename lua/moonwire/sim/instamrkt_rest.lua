--- The simulated Instamrkt's REST calls (page section 2): the anti-forgery token, login, signup and
--- logout, lists, and bets in active games; and people (instamrkt_people).

local Auth    = require "moonwire.sim.instamrkt_auth"
local decimal = require "moonwire.decimal"
local json    = require "moonwire.json"
local people  = require "moonwire.sim.instamrkt_people"
local rows    = require "moonwire.sim.instamrkt_rows"
local wire    = require "moonwire.sim.wire"

local text, object, list = wire.text, wire.object, wire.list

---@class moonwire.sim.InstamrktRest
local Rest = { __name = "moonwire.sim.InstamrktRest" }
Rest.__index = Rest

--- `options`: floor, auth.
function Rest.new(options)
  local rest = setmetatable({}, Rest)
  for name, value in pairs(options) do rest[name] = value end
  return rest
end

local PLAY = "/i/play"

local function json_headers(more)
  local headers = { { "Content-Type", "application/json" } }
  for _, header in ipairs(more or {}) do headers[#headers + 1] = header end
  return headers
end

local function answer(status, body, headers) return status, json_headers(headers), body end
local function refuse(status, words)
  return answer(status, object("status", status, "msg", text(words)))
end

local function cookie(name, value)
  return { "Set-Cookie", name .. "=" .. value .. "; Path=/; Secure; HttpOnly" }
end

-- Signing in --------------------------------------------------------------------------------------

local function signed_in(user)
  return { cookie("im_user", user.cookie), cookie("user_session_key", user.key) }
end

local calls = {}

function calls.login(self, fields, _, _, now)
  local user = self.auth:login(fields.username, fields.password, now)
  if not user then return refuse(401, "Wrong username or password") end
  return answer(200, object("username", text(user.name), "id", user.member.id, "user_session_key",
                            text(user.key), "redirect_url", text(PLAY)), signed_in(user))
end

function calls.signup(self, fields, _, _, now)
  local name, password = fields.username, fields.password
  if not (type(name) == "string" and name ~= "" and type(password) == "string"
          and type(fields.email) == "string") then
    return refuse(500, "username, email and password are needed")
  end
  if self.auth.users[name] then return refuse(500, "the username is taken") end
  local member = self.floor:add_member(name, { DON = "100" })
  self.auth:add_user(member, password, nil, now)
  local user = self.auth:login(name, password, now)
  return answer(200, object("username", text(name), "user_id", member.id, "redirect_url",
                            text(PLAY)), signed_in(user))
end

function calls.logout(_, _, user)
  if user then Auth.logout(user) end
  return 200, json_headers { cookie("im_user", ""), cookie("user_session_key", "") }, ""
end

-- Bets --------------------------------------------------------------------------------------------

function calls.bet(self, fields, user, path, now)
  if not user then return refuse(401, "log in first") end
  local source_id, game_id, pool_id = path[1], path[2], path[3]
  local pool = self.floor.pools[pool_id]
  if not (pool and pool.game.id == game_id and pool.game.source_id == source_id) then
    return refuse(500, "unknown pool")
  end
  if fields.target_id == nil or fields.amount == nil then
    return refuse(500, "target_id and amount are needed")
  end
  local bet, err = self.floor:bet(user.member, pool, fields.target_id,
                                  decimal.parse(fields.amount), now)
  if not bet then return refuse(500, err) end
  return answer(200, object("status", 200, "msg", "[]", "bet_obj", object(
    "bet_id", text(bet.id), "amount", rows.float(bet.amount), "by_friend", false, "game_id",
    text(game_id), "placed_at", math.floor(bet.placed_at / 1000), "target_id", text(bet.target),
    "user_id", user.member.id, "username", text(user.name))))
end

-- Lists -------------------------------------------------------------------------------------------

function calls.active(self, _, _, path)
  if not self.floor.sources[path[1]] then return refuse(500, "unknown source") end
  local listed = {}
  for _, game in ipairs(self.floor.game_list) do
    if game.source_id == path[1] and game.status ~= "game_closed" and not game.is_upcoming then
      listed[#listed + 1] = object(
        "game_id", text(game.id), "opening_source_id", text(game.source_id), "name",
        text(game.name), "teams", "[]", "type", text(game.type), "status", text(game.status),
        "open_at", game.open_at, "close_at", game.close_at or "null", "live_start_at",
        game.live_start_at)
    end
  end
  return answer(200, object("games_active", list(listed)))
end

function calls.upcoming(self, _, _, path)
  if not self.floor.sources[path[1]] then return refuse(500, "unknown source") end
  local listed = {}
  for _, game in ipairs(self.floor.game_list) do
    if game.source_id == path[1] and game.is_upcoming and game.status ~= "game_closed" then
      listed[#listed + 1] = rows.upcoming_game(game)
    end
  end
  return answer(200, object("upcoming_games", list(listed)))
end

-- Pools that run; without those in which the user of that id has bet, or these alone.
local function pool_list(is_running, row_of)
  return function(self, _, _, path)
    local game = self.floor.games[path[2]]
    if not game then return refuse(500, "unknown game") end
    local listed = {}
    for _, pool in ipairs(game.pools) do
      local is_his = false
      for _, bet in ipairs(pool.bets) do is_his = is_his or tostring(bet.member.id) == path[3] end
      if not pool.winner and is_his == is_running then
        listed[#listed + 1] = row_of(pool)
      end
    end
    return answer(200, object("pools", list(listed)))
  end
end
calls.open_pools = pool_list(false, rows.listed_pool)
calls.upcoming_open_pools = pool_list(false, rows.upcoming_pool)
calls.upcoming_running_pools = pool_list(true, rows.upcoming_pool)

-- People ------------------------------------------------------------------------------------------

local function told(call)
  return function(self, _, _, path, _, query)
    local body, err = call(self, path, query)
    if not body then return refuse(500, err) end
    return answer(200, body)
  end
end
calls.history, calls.statistics = told(people.history), told(people.statistics)
calls.friends = told(people.friends)
calls.ranks, calls.own_ranks = told(people.global_ranks()), told(people.personal_ranks())
for _, scope in ipairs { "game", "source" } do
  calls["ranks_of_" .. scope] = told(people.global_ranks(scope))
  calls["own_ranks_of_" .. scope] = told(people.personal_ranks(scope))
end

-- Requests ----------------------------------------------------------------------------------------

local GAMES = "^/r/sources/([^/]+)/games/"

-- { method, pattern, call, whether it is a public one }
local routes = {
  { "POST", "^/r/login/?$", "login" }, { "POST", "^/r/signup/?$", "signup" },
  { "POST", "^/r/logout/?$", "logout" },
  { "POST", GAMES .. "active/([^/]+)/pools/open/([^/]+)/predictions/?$", "bet" },
  { "PUT", GAMES .. "active/([^/]+)/pools/open/([^/]+)/predictions/?$", "bet" },
  { "GET", "^/r/games/history/([^/]+)/?$", "history" },
  { "GET", "^/r/statistics/([^/]+)/?$", "statistics" },
  { "GET", "^/r/friends/([^/]+)/?$", "friends" },
  { "GET", "^/r/leaderboard/global/game/([^/]+)/?([^/]*)$", "ranks_of_game" },
  { "GET", "^/r/leaderboard/global/source/([^/]+)/?([^/]*)$", "ranks_of_source" },
  { "GET", "^/r/leaderboard/global/?([^/]*)$", "ranks" },
  { "GET", "^/r/leaderboard/personal/game/([^/]+)/([^/]+)/?$", "own_ranks_of_game" },
  { "GET", "^/r/leaderboard/personal/source/([^/]+)/([^/]+)/?$", "own_ranks_of_source" },
  { "GET", "^/r/leaderboard/personal/([^/]+)/?$", "own_ranks" },
  { "GET", GAMES .. "active/?$", "active" }, { "GET", GAMES .. "upcoming/?$", "upcoming" },
  { "GET", GAMES .. "active/([^/]+)/pools/open/?([^/]*)$", "open_pools" },
  { "GET", GAMES .. "upcoming/([^/]+)/pools/open/?([^/]*)$", "upcoming_open_pools" },
  { "GET", GAMES .. "upcoming/([^/]+)/pools/running/([^/]+)$", "upcoming_running_pools" },
}

-- Paths are listed with and without the prefix /i.
local function route_of(method, path)
  path = path:gsub("^/i/", "/")
  for _, route in ipairs(routes) do
    local parts = { path:match(route[2]) }
    if route[1] == method and parts[1] then return route[3], parts end
  end
end

local subjects = { bet = "bet", login = "login", signup = "login", logout = "login" }

--- The subjects that a request belongs to.
function Rest.subjects_of(method, path)
  local call = route_of(method, path)
  return { "rest", call and (subjects[call] or "query") or "page" }
end

-- A page, which brings the token along.
local function page(self, headers)
  local token = Auth.cookies(headers.cookie)._xsrf
  local answer_headers = { { "Content-Type", "text/html" } }
  if not (token and self.auth.tokens[token]) then
    answer_headers[2] = cookie("_xsrf", self.auth:new_token())
  end
  return 200, answer_headers, "<html><body>play</body></html>"
end

--- Answers a request: status, headers, body. `now`: the venue's ms.
function Rest:handle(method, target, headers, body, now)
  local path, query = wire.split_target(target)
  local call, parts = route_of(method, path)
  if not call then
    if method == "GET" and (path == "/" or path == "/i/" or path == "/i/play") then
      return page(self, headers)
    end
    return 404, { { "Content-Type", "text/html" } }, "<html>404</html>"
  end
  if method ~= "GET" and not self.auth:is_genuine(headers) then
    return refuse(403, "'_xsrf' argument missing from POST")
  end
  local fields = method == "GET" and {} or json.decode(body)
  if call == "logout" then fields = {} end
  if type(fields) ~= "table" then return refuse(500, "malformed JSON") end
  for i, part in ipairs(parts) do parts[i] = wire.unescape(part) end
  return calls[call](self, fields, self.auth:user_of(headers), parts, now, wire.parse_form(query))
end

return Rest
