--- A simulated Instamrkt behind its gateway, without sockets: time is a number, frames and answers
--- are tables.

local fixture   = require "tests.moonwire.sim_fixture"
local host      = require "moonwire.host"
local json      = require "moonwire.json"
local Instamrkt = require "moonwire.sim.instamrkt"
local Schedule  = require "moonwire.sim.schedule"

local M = { KEY = "9f1c0a52-6d3e-4b7a-8e25-c1d4f7a90b36", NOW = 1763683200123 }

function M.sha256(text) return host.digest("sha256", text, "hex") end

local Sim = fixture.class()

--- `options`: settings { "name=value" }, market (boolean), fault (text), seed. Members: mara (17),
--- nick (18), and boss (19), who is an admin.
function M.new(options)
  options = options or {}
  local schedule = Schedule.new()
  local venue = Instamrkt.new { settings = fixture.settings(Instamrkt, options.settings),
                                schedule = schedule, seed = options.seed or 1, now = M.NOW,
                                sha256 = M.sha256 }
  venue:add_member("mara", { don = "100" }, "pw", M.KEY)
  venue:add_member("nick", { don = "100" }, "pw2", "nick-key")
  venue:add_member("boss", { don = "100" }, "pw3", "boss-key", true)
  local sim = fixture.serve(Sim, venue, schedule, options, M.NOW)
  sim.nonce, sim.heard_to, sim.game = 0, {}, venue.crowd.game
  sim.pool = sim.game.pools[1]
  return sim
end

--- The cookies of an answer as a Cookie header's text.
function M.cookies(answer)
  local list = {}
  for _, header in ipairs(answer.headers) do
    if header[1] == "Set-Cookie" then list[#list + 1] = header[2]:match "^[^;]+" end
  end
  return table.concat(list, "; ")
end

--- Headers with the anti-forgery token.
function Sim:token_headers(more)
  local cookie = M.cookies(self:request("GET", "/i/"))
  return { ["X-XSRFToken"] = cookie:match "_xsrf=([^;]+)",
           Cookie = cookie .. (more and "; " .. more or "") }
end

--- Logs in over REST; headers for further calls, and the answer.
function Sim:login(name, password)
  local headers = self:token_headers()
  local answer = self:request("POST", "/r/login/", headers,
                              json.encode { username = name, password = password })
  if answer.status == 200 then headers.Cookie = headers.Cookie .. "; " .. M.cookies(answer) end
  return headers, answer
end

--- Opens a connection with this query; its id. Refused ones are in sim.refused.
function Sim:open(query)
  local id = fixture.open(self, "/?" .. query)
  self.heard_to[id] = 0
  return id
end

--- A signed query.
function Sim:query(user_id, key)
  self.nonce = self.nonce + 1
  return ("id=%s&n=%d&h=%s"):format(user_id, self.nonce, M.sha256(user_id .. self.nonce .. key))
end

--- What a connection has heard since it was asked last: decoded messages.
function Sim:heard(id)
  local list = {}
  for i = self.heard_to[id] + 1, #self.frames[id] do
    list[#list + 1] = json.decode(self.frames[id][i]) or self.frames[id][i]
  end
  self.heard_to[id] = #self.frames[id]
  return list
end

--- "356 361 815" of the messages heard since.
function Sim:codes(id)
  local codes = {}
  for i, message in ipairs(self:heard(id)) do codes[i] = message.res or "?" end
  return table.concat(codes, " ")
end

--- Sends an operation; the first message that comes, decoded, which is the answer unless a push
--- goes before it, and all of them.
function Sim:ask(id, op, fields)
  self:heard(id)
  local message = { header = json.decode '{"t":1}', op = op }
  for name, value in pairs(fields or {}) do message[name] = value end
  self:say(id, json.encode(message))
  local heard = self:heard(id)
  return heard[1], heard
end

--- A connection that is logged on and in the game.
function Sim:joined(user_id, key)
  local id = self:open(self:query(user_id or "17", key or M.KEY))
  self:ask(id, 100)
  self:ask(id, 363, { game_id = self.game.id })
  self:heard(id)
  return id
end

--- A connection of the admin's, who is in the game and one of its admins.
function Sim:boss()
  local id = self:joined("19", "boss-key")
  self:ask(id, 616, { game_id = self.game.id })
  self:heard(id)
  return id
end

--- Bets over a connection; the answer.
function Sim:bet(id, target, amount, pool)
  return (self:ask(id, 392, { pool_id = (pool or self.pool).id, target = target, amount = amount }))
end

--- A simulator with two players in the game: it, and their connections.
function M.two(options)
  local sim = M.new(options)
  local mara, nick = sim:joined(), sim:joined("18", "nick-key")
  return sim, mara, nick
end

M.checked = fixture.checked

return M
