--- One WebSocket of a session, kept connected: connect, log on, live; then back-off and again.
--- What a venue says on it stands in the venue's file as a table (moonwire.LinkSpec):
---   paths        what the decoder picks from a message (decode.lua)
---   silence      seconds without a byte after which the line counts as dead
---   logon(link)  a task: link:open, link:send, link:await; true, or nil, err, class
---   read(link, decoder)       one decoded message
---   close_class(code, reason, http_status, body, link)  class of a close, and why in better words
---   heartbeat    seconds between two beat(link), which says that we are alive; optional
---   one_at_a_time  answers name no request: they go through link.turns (turns.lua)
---   pings        { idle =, busy =, again = } seconds between our pings, for a venue that holds
---                its messages until it hears something: while nothing or something is open, and
---                behind a request
--- Classes: "retry" (back off), "again" (at once, the first time), "once" (at once, and permanent
--- when it happens again before the link was live), "refused" (as retry, each minute), "permanent"
--- (stop, say why).

local backoff = require "moonwire.backoff"
local decode = require "moonwire.decode"
local dispatch = require "moonwire.dispatch"
local each = require "moonwire.each"
local host = require "moonwire.host"
local random = require "moonwire.random"
local socket = require "moonwire.socket"
local task = require "moonwire.task"
local turns = require "moonwire.turns"

local Decoder = decode.Decoder
local Link = { __name = "moonwire.Link" }
Link.__index = Link

local M = {}

-- One message. What reading it raises is a message that was not understood.
local function read_message(self, decoder)
  local ok, why = pcall(self.spec.read, self, decoder)
  if not ok then self:on_bad_message(why) end
end

local REPLY_SECONDS, REFUSED_SECONDS = 5, 60
local LOOK_SECONDS = 1                -- how exactly a missing answer is noticed

---@param session table  config, log, on_link_live(link), on_link_lost(link, why), on_link_stopped
function M.new(session, name, spec)
  local self = setmetatable({
    session = session, name = name, spec = spec, log = session.log,
    decoder = decode.new(spec.paths), backoff = backoff.new(spec.backoff),
    random = random.new(tonumber(host.seed()), session.name .. name),
    waiting = {}, expected = {}, next_request = 0, bad_frames = 0, state = "down",
  }, Link)
  self.turns = spec.one_at_a_time and turns.new(self) or false
  return self
end

--- Begins to connect.
function Link:connect()
  if self.is_stopped then return end
  self.retry_timer = nil
  self.state = "connecting"
  self.logon_task = task.start(self, self.name .. " logon", function()
    local ok, err, class = self.spec.logon(self)
    if ok and self.session.after_logon then ok, err, class = self.session:after_logon(self) end
    return ok, err, class
  end)
end

function Link:on_task_done(done, ok, result, err, class)
  if done == self.logon_task then self.logon_task = nil end
  if not ok then
    if self.session.probation then self.session.probation:on_error "a log-on" end
    return self:lost("error in logon: " .. tostring(result), "retry")
  end
  if not result then return self:lost(err, class or "retry") end
  if not self.id then return end
  self.state, self.up_at = "live", dispatch.now()
  self.again_used, self.once_used = false, false
  if self.spec.pings then self:on_ping_due() end
  self.session:on_link_live(self)
end

-- In the logon task -------------------------------------------------------------------------------

--- Opens the WebSocket and waits for the end of the handshake.
---@return boolean|nil ok
---@return string|nil err
---@return string|nil class
function Link:open(url, headers)
  local id, err = host.ws_open {
    url = url, headers = headers, ca_file = self.session.config.ca_file,
    silence = self.session.config.silence or self.spec.silence,
  }
  if not id then return nil, err, "permanent" end
  self.id = id
  dispatch.bind(id, self)
  self.opening = task.current()
  return task.wait()
end

--- A new number for a request on this connection.
function Link:request_id()
  self.next_request = self.next_request + 1
  return self.next_request
end

--- Waits for the reply to request `id`, at most `seconds` (default 5).
---@return table|nil reply  what spec.read gave to link:reply
---@return string|nil err
function Link:await(id, seconds)
  self.waiting[id] = task.current()
  seconds = seconds or REPLY_SECONDS
  local reply, err = task.wait(seconds)
  self.waiting[id] = nil
  if reply then return reply end
  if err == "timeout" then return nil, ("no reply within %g s"):format(seconds) end
  return nil, err
end

--- Hands a reply to whoever waits for it; false when nobody does.
function Link:reply(id, reply)
  local waiter = self.waiting[id]
  if not waiter then return false end
  waiter:wake(reply)
  return true
end

-- Answers without a task --------------------------------------------------------------------------

--- The answer to request `id`, which was sent, is object[method](object, context, 200, answer), as
--- of an HTTP request; after so many seconds, or when the connection is lost before, it is
--- object[method](object, context, 0, nil, why, true).
function Link:expect(id, seconds, object, method, context)
  self.expected[id] = { object = object, method = method, context = context,
                        left = seconds + LOOK_SECONDS }      -- until it is given up
  if not self.look_timer then
    self.look_timer = dispatch.every(LOOK_SECONDS, self, "look_for_answers")
  end
end

--- Brings the answer to whoever expects it; false when nobody does.
function Link:answer(id, answer)
  local entry = self.expected[id]
  if not entry then return false end
  self.expected[id] = nil
  entry.object[entry.method](entry.object, entry.context, 200, answer)
  return true
end

-- Gives up entries, oldest first: all of them, or those that have waited for long enough.
local function give_up(self, is_all, why)
  local ids = {}
  for id, entry in pairs(self.expected) do
    if is_all or entry.left <= 0 then ids[#ids + 1] = id end
  end
  table.sort(ids)
  each.in_turn(ids, self.log, "no answer to request", function(id)
    local entry = self.expected[id]
    self.expected[id] = nil
    entry.object[entry.method](entry.object, entry.context, 0, nil, why, true)
  end)
end

-- Counted by looks, not by the clock, which may be set.
function Link:look_for_answers()
  for _, entry in pairs(self.expected) do entry.left = entry.left - LOOK_SECONDS end
  give_up(self, false, "no answer in time")
end

-- At any time -------------------------------------------------------------------------------------

--- Sends a text message. nil, err when the connection is gone.
function Link:send(text)
  if not self.id then return nil, "not connected" end
  if type(text) ~= "string" then return host.ws_send(self.id, text) end
  return socket.send(self.id, text)
end

local function ping_in(self, seconds)
  if self.ping_timer then self.ping_timer:stop() end
  self.ping_timer = dispatch.after(seconds, self, "on_ping_due")
end

function Link:on_ping_due()
  if not self.id then return end
  host.ws_ping(self.id, "")
  local pings = self.spec.pings
  ping_in(self, self.session.orders.open_count > 0 and pings.busy or pings.idle)
end

--- The venue was asked for something that will show here.
function Link:stir()
  if not (self.spec.pings and self.id) then return end
  host.ws_ping(self.id, "")
  ping_in(self, self.spec.pings.again)
end

--- Sends a ping frame; whatever comes back is a sign of life.
function Link:ping()
  if self.id then host.ws_ping(self.id, "") end
end

function Link:on_ws_open(_, headers)
  local opening = self.opening
  self.opening, self.headers = nil, headers
  if self.spec.heartbeat then
    self.beat_timer = dispatch.every(self.spec.heartbeat, self, "beat")
  end
  if opening then opening:wake(true) end
end

function Link:beat() self.spec.beat(self) end

-- A message is one JSON text as a rule. It is read without a loop, here and in what a venue does
-- with it, because a loop would keep LuaJIT from compiling the path of an event as one piece. (And
-- by functions: a method is looked for in the object first, each time.)
function Link:on_ws_message()
  local decoder = self.decoder
  local ok, err = Decoder.read(decoder, dispatch.message())
  if ok then read_message(self, decoder)
  elseif ok == nil then self:on_bad_message(err) end
  if Decoder.has_more(decoder) then self:read_rest() end
end

function Link:read_rest()
  local decoder = self.decoder
  while decoder:has_more() do
    local ok, err = decoder:next()
    if ok then read_message(self, decoder)
    elseif ok == nil then self:on_bad_message(err) end
  end
end

--- Something that could not be read: said, counted, and otherwise without effect.
function Link:on_bad_message(err)
  self.bad_frames = self.bad_frames + 1
  self.log.warn("%s: message not understood: %s", self.name, err)
  if self.session.probation then self.session.probation:on_error("a message") end
end

function Link:on_ws_ping() end
function Link:on_ws_pong() end

-- A file that cannot say what a close means does not keep the connection from being made again.
local function class_of(self, code, reason, http_status, body)
  local ok, class, better = pcall(self.spec.close_class, code, reason, http_status, body, self)
  if ok then return class, better end
  self.log.error("%s: close_class: %s", self.name, class)
  if self.session.probation then self.session.probation:on_error "a close" end
  return "retry"
end

function Link:on_ws_close(_, code, reason, http_status, body)
  self.id = nil
  local why = reason ~= "" and reason or "closed with code " .. code
  if http_status ~= 0 then
    why = ("handshake refused: HTTP %d %s"):format(http_status, (body or ""):sub(1, 200))
  elseif code ~= 0 then
    why = ("%s (close code %d)"):format(why, code)
  end
  local class, better = class_of(self, code, reason or "", http_status, body or "")
  why = better or why
  local opening = self.opening
  if opening then
    self.opening = nil
    return opening:wake(nil, why, class)
  end
  if self.logon_task then
    self.logon_task:cancel()
    self.logon_task = nil
  end
  self:lost(why, class)
end

local function fail_requests(self, why)
  why = "connection lost before the answer: " .. tostring(why)
  give_up(self, true, why)
  if self.turns then self.turns:fail(why) end
end

--- The connection or the attempt is over: what next is a matter of the class.
function Link:lost(why, class)
  if self.is_stopped then return end
  local was_up = self.state == "live"
  self:drop_connection()
  self.backoff:on_lost(was_up and self.up_at, dispatch.now())
  self.state, self.up_at = "down", nil
  if class == "once" then
    class = self.once_used and "permanent" or "again"
    self.once_used = true
  end
  if class == "permanent" and self.session.probation then
    self.session.probation:fail("the venue was lost for good: " .. tostring(why))
    class = "again"                            -- by the code before, which may do better
  end
  if class == "permanent" then
    self.is_stopped = true
    self.session:on_link_stopped(self, why)
    return fail_requests(self, why)
  end
  local seconds = self.backoff:next(self.random:number())
  if class == "refused" then seconds = math.max(seconds, REFUSED_SECONDS) end
  if class == "again" and not self.again_used then
    self.again_used, seconds = true, 0
  end
  self.session:on_link_lost(self, why, seconds)
  self.retry_timer = dispatch.after(seconds, self, "connect")
  fail_requests(self, why)
end

function Link:drop_connection()
  if self.logon_task then self.logon_task:cancel() end
  self.logon_task, self.opening, self.waiting = nil, nil, {}
  for _, timer in ipairs { "beat_timer", "look_timer", "ping_timer" } do
    if self[timer] then self[timer]:stop() end
    self[timer] = nil
  end
  if self.id then
    dispatch.unbind(self.id)
    host.ws_close(self.id)
    self.id = nil
  end
end

--- Closes the connection because of `why` and connects again.
function Link:restart(why, class) self:lost(why, class or "again") end

--- Closes for good.
function Link:stop()
  self.is_stopped = true
  if self.retry_timer then self.retry_timer:stop() end
  self:drop_connection()
  self.state = "down"
end

return M
