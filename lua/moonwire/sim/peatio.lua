--- A simulated Peatio: one object that answers its REST calls and speaks on its WebSocket. It holds
--- no socket and asks no clock; section 14 of the venue page says what it owes.

local Clock    = require "moonwire.sim.clock"
local json     = require "moonwire.json"
local random_module = require "moonwire.random"
local settings = require "moonwire.sim.settings"
local wire     = require "moonwire.sim.wire"
local Auth     = require "moonwire.sim.peatio_auth"
local Control  = require "moonwire.sim.peatio_control"
local Floor    = require "moonwire.sim.peatio_floor"
local MadeMarket = require "moonwire.sim.market"
local Ranger   = require "moonwire.sim.peatio_ranger"
local Rest     = require "moonwire.sim.peatio_rest"
local Socket   = require "moonwire.sim.peatio_socket"
local V2       = require "moonwire.sim.peatio_v2"

local BASE, BASE_V2 = "/api/v2", "/api/v2/peatio"

---@class moonwire.sim.Peatio
local Peatio = { __name = "moonwire.sim.Peatio", venue = "peatio", config_name = "pea",
                 private_path = "/" }
Peatio.__index = Peatio

--- What a fault can meet.
Peatio.subjects = {
  requests = { rest = true, trade = true, cancel = true, query = true, public = true,
               upgrade = true, private = true, market = true },
  handshakes = { upgrade = true, private = true, market = true },
  frames = { ws = true, private = true, orderbook = true, trade = true, order = true,
             market = true, reply = true, ping = true },
}

--- Switches: versions of the venue, and faults that the frames' faults cannot make.
function Peatio.new_settings()
  return settings.new {
    { "dialect", "daemon", "how members sign in", choices = { "daemon", "hmac", "ranger" } },
    { "version", "2.3", "version of a ranger: its words, and what it does",
      choices = { "1.9", "2.0", "2.1", "2.2", "2.3", "2.4", "3.0" } },
    { "rango", false, "rango in place of ranger: 401, pings, messages of 512 bytes" },
    { "reject_orders", false, "orders are refused after they were taken (ranger, 2.1 and later)" },
    { "lazy_flush", false, "events leave only when bytes arrive, or with a ping" },
    { "executor_min", 5, "least ms from a match to its trade" },
    { "executor_max", 50, "most ms from a match to its trade" },
    { "trade_delay", 0, "ms from a trade to its message: its orders may have gone on" },
    { "undo_matches", false, "a cancel undoes matches that are not written down yet" },
    { "never_deliver", false, "members sign in and hear nothing (builds before June 2018)" },
    { "early_events", false, "an event comes before the answer to the sign-in" },
    { "extra_fields", false, "unknown fields in events" },
    { "maker_type", false, "maker_type and type in trades (1.8.68 and later)" },
    { "funds_code", false, "code 2005 for missing funds (1.8.57 and later)" },
    { "reasons", false, "the reason in the text of code 2002 (until May 2018)" },
    { "market_lock", 1.1, "what a market buy locks, times what it would cost" },
    { "required_level", 3, "level of members that may trade" },
    { "rate_limits", true, "6000 calls of a member in 5 minutes" },
    { "zone_minutes", 120, "the server's zone, minutes east of UTC; 0: Z" },
    Clock.setting,
  }
end

--- `options`: pairs (peatio_pairs.list), settings, schedule, seed, tokens (jwt.lua), hmac(secret,
--- message) -> hex.
function Peatio.new(options)
  local sim = setmetatable({ settings = options.settings, schedule = options.schedule, limits = {},
                             clock = Clock.new(options.settings) }, Peatio)
  local function stream(name) return random_module.new(options.seed, name) end
  sim.desk = Floor.new { settings = sim.settings, pairs = options.pairs,
                         schedule = sim.schedule, random = stream "executor" }
  sim.auth = Auth.new { floor = sim.desk, settings = sim.settings, tokens = options.tokens,
                        hmac = options.hmac }
  sim.rest = Rest.new { floor = sim.desk, settings = sim.settings }
  sim.v2 = V2.new { floor = sim.desk, settings = sim.settings, accounts = Rest.accounts }
  local is_ranger = sim.settings.dialect == "ranger"
  sim.socket = (is_ranger and Ranger or Socket).new {
    floor = sim.desk, auth = sim.auth, settings = sim.settings, schedule = sim.schedule,
    random = stream "socket", clock = sim.clock }
  if is_ranger then
    sim.private_path, sim.market_path = "/api/v2/ranger/private/", "/api/v2/ranger/public/"
  end
  sim.market = MadeMarket.new { floor = sim.desk, pairs = options.pairs, schedule = sim.schedule,
                                random = stream "market", clock = sim.clock }
  return sim
end

--- Begins what runs by itself: unless told not to, the made market.
function Peatio:start(now, with_market)
  if with_market then self.market:start(now) end
end

-- Requests ----------------------------------------------------------------------------------------

local subjects_v2 = { place = "trade", cancel = "cancel", cancel_all = "cancel",
                      markets = "public", timestamp = "public" }

--- The subjects that a request belongs to (Peatio.subjects).
function Peatio.names(self, method, path)
  if self.settings.dialect == "ranger" then
    return { "rest", subjects_v2[V2.find(method, (path:gsub("^" .. BASE_V2, "")))] or "query" }
  end
  local call = path:gsub("^" .. BASE, "")
  if call == "/orders" and method == "POST" or call == "/orders/multi" then
    return { "rest", "trade" }
  end
  if call == "/order/delete" or call == "/orders/clear" then return { "rest", "cancel" } end
  return { "rest", Rest.public[method .. " " .. call] and "public" or "query" }
end

--- The subjects of a WebSocket handshake.
function Peatio.upgrade_names(_, path)
  return { "upgrade", path:find("public", 1, true) and "market" or "private" }
end

local JSON = { { "Content-Type", "application/json" } }
local TEXT = { { "Content-Type", "text/plain" } }
local AGAIN = { { "Content-Type", "text/plain" }, { "Retry-After", "30" } }

local function decoded_pairs(form, list)
  for pair in form:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    list[#list + 1] = wire.unescape(name) .. "=" .. wire.unescape(value)
  end
  return list
end

-- "orders[][price]" in a form: the next element begins when a name comes again.
local function list_of(list)
  local elements, current
  for _, pair in ipairs(list) do
    local name, value = pair:match("^orders%[%]%[([%w_]+)%]=(.*)$")
    if name then
      elements = elements or {}
      if not current or current[name] then
        current = {}
        elements[#elements + 1] = current
      end
      current[name] = value
    end
  end
  return elements
end

-- The fields of a call, and its pairs in their sequence; nil for a body that is no JSON.
local function read_fields(query, headers, body)
  local list = decoded_pairs(query, {})
  if (headers["content-type"] or ""):find("json", 1, true) and body ~= "" then
    local fields = json.decode(body)
    if type(fields) ~= "table" then return nil end
    for _, pair in ipairs(list) do
      local name, value = pair:match("^([^=]*)=(.*)$")
      fields[name] = fields[name] or value
    end
    return fields, list
  end
  decoded_pairs(body, list)
  local fields = { orders = list_of(list) }
  for _, pair in ipairs(list) do
    local name, value = pair:match("^([^=]*)=(.*)$")
    fields[name] = value
  end
  return fields, list
end

local REFUSED = { 2001, "Authorization failed" }

-- Whoever calls: a member; or nothing, where nothing is shown. Raises what the venue answers.
local function caller(self, method, path, fields, list, headers, now)
  if self.settings.dialect == "daemon" then
    local header = headers.authorization
    if not header then return nil end
    return self.auth:by_bearer(header, now) or Rest.fail(401, REFUSED[1], REFUSED[2])
  end
  if not fields.access_key then return nil end
  local member, code, why = self.auth:by_signature(method, path, fields, list, now)
  return member or Rest.fail(401, code, why)
end

local function is_over_limit(self, member, now)
  if not self.settings.rate_limits then return false end
  local take = self.limits[member] or wire.window(6000, 300000)
  self.limits[member] = take
  return not take(now)
end

local TOO_LOW = "Please, pass the corresponding verification steps to enable trading."

local function answer(self, method, path, query, headers, body, now)
  local call = path:match("^" .. BASE .. "(/.*)$")
  local fields, list = read_fields(query, headers, body)
  if not fields then return 400, JSON, wire.object("error", wire.text "bad request") end
  local name, more = Rest.find(method, call or "")
  if not name then
    if more then return 405, JSON, wire.object("error", wire.text "405 Not Allowed") end
    return 404, TEXT, "404 Not Found"
  end
  for key, value in pairs(more) do fields[key] = value end
  local member = caller(self, method, path, fields, list, headers, now)
  if not Rest.public[name] then
    if not member then Rest.fail(401, REFUSED[1], REFUSED[2]) end
    if is_over_limit(self, member, now) then return 429, AGAIN, "Retry later\n" end
    if Rest.needs_level(call) and member.level < self.settings.required_level then
      Rest.fail(401, 2000, TOO_LOW)
    end
  end
  return method == "POST" and 201 or 200, JSON, self.rest:run(name, member, fields, now)
end

-- Behind the gateway a caller shows the headers of a key, or a token.
local function caller_v2(self, headers, now)
  if headers["x-auth-apikey"] then
    local member, why = self.auth:by_headers(headers, now)
    return member or V2.fail(401, why)
  end
  return headers.authorization and self.auth:by_bearer(headers.authorization, now)
         or V2.fail(401, "jwt.decode_and_verify")
end

local function answer_v2(self, method, path, query, headers, body, now)
  local call = path:match("^" .. BASE_V2 .. "(/.*)$")
  local fields = read_fields(query, headers, body)
  if not fields then return 400, JSON, wire.object("error", wire.text "bad request") end
  local name, more = V2.find(method, call or "")
  if not name then return 404, TEXT, "404 Not Found" end
  for key, value in pairs(more) do fields[key] = value end
  local member
  if not V2.public[name] then
    member = caller_v2(self, headers, now)
    if is_over_limit(self, member, now) then return 429, AGAIN, "Retry later\n" end
    if call:find "^/market" and member.level < self.settings.required_level then
      V2.fail(403, "market.trade.not_permitted")
    end
  end
  local answer_body, page = self.v2:run(name, member, fields, now)
  local answer_headers = { JSON[1], unpack(page or {}) }
  return method == "POST" and 201 or 200, answer_headers, answer_body
end

--- Answers a request. `now`: real ms. Events wait for `flush`.
---@return integer status, table headers, string body
function Peatio:handle_request(method, target, headers, body, now)
  local path, query = wire.split_target(target)
  local how = self.settings.dialect == "ranger" and answer_v2 or answer
  local ok, status, answer_headers, text = pcall(how, self, method, path, query, headers, body,
                                                 self.clock:venue(now))
  if ok then return status, answer_headers, text end
  local refused = status
  if type(refused) ~= "table" then error(refused, 0) end
  return refused.status, JSON, refused.body
end

--- What stands before the venue says with a status that a fault made up; a 429 is its own.
function Peatio.fault_page(_, status)
  if status == 429 then return AGAIN, "Retry later\n" end
  return { { "Content-Type", "text/html" } },
         "<html><head><title>" .. status .. "</title></head><body>nginx</body></html>\n"
end

--- A WebSocket handshake: a connection; or nil and a status, "drop" for none.
function Peatio:handle_upgrade(target, headers, now)
  local path, query = wire.split_target(target)
  return self.socket:upgrade(path, query, headers, now)
end

--- Ends a turn: what the bus carries goes out.
function Peatio:flush() self.desk:flush() end

--- A command of the control path; nil, err when it fails or there is none.
function Peatio:control(name, fields, now) return Control.run(self, name, fields, now) end

Peatio.control_names = Control.names

return Peatio
