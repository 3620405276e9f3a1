--- What stands in for the world while a recorded run is run again: `moonwire.host` with nothing
--- behind it. Its commands are recorded and go nowhere; what they bring comes from the recording.
--- The modules that ask the host are not changed, and do not know.

local ffi = require "moonwire.cdef"
local files = require "moonwire.replay.files"
local host = require "moonwire.host"
local secrets = require "moonwire.replay.secrets"

local C = ffi.C
local joined = secrets.joined
local dump = string.dump              -- before the sandbox takes it away
local M = {}

local TEXT, PING = 1, 9               -- opcodes of frames
local OPENING, OPEN, CLOSING = 1, 2, 3 -- phases of a connection
local PATIENCE = 10                   -- times longer than then may a callback run

local kinds = {}                      -- of records: name -> number
for number = 64, 127 do kinds[ffi.string(C.mw_record_name(number))] = number end

local World = { __name = "moonwire.World" }
World.__index = World

local record = ffi.new "struct mw_record"

local function put(self, kind, id, num, data, text)
  record.kind, record.flags, record.id, record.num, record.num2 = kinds[kind], 0, id, num, 0
  record.data_len, record.text_len = #data, #text
  C.mw_record_put(self.recorder, record, data, text)
end

-- Ids are given in the order in which they are asked for, of whatever they are.
local function next_id(self)
  self.last_id = self.last_id + 1
  return self.last_id
end

-- What cannot be sent is not recorded, but for what showed that the line is lost. The words are
-- those of ws.c and ws_session.c.
local function web_sockets(self)
  local phases = self.phases
  local function send(id, opcode, text)
    if phases[id] ~= OPEN then
      return nil, "websocket session is " .. (phases[id] and "not open" or "closed")
    end
    local loss = self.losses[id]
    if loss and loss.sends_left == 0 then return nil, "websocket session is lost: " .. loss.why end
    put(self, "ws_send", id, opcode, joined(text), "")
    if not loss then return true end
    loss.sends_left = loss.sends_left - 1
    if loss.sends_left > 0 then return true end
    return nil, loss.why
  end
  return {
    ws_open = function(options)
      local id = next_id(self)
      phases[id] = OPENING
      put(self, "ws_opening", id, 0, "", (joined(options.url)))
      return id
    end,
    ws_send = function(id, text) return send(id, TEXT, text) end,
    ws_ping = function(id, text) return send(id, PING, text) end,
    ws_close = function(id, code, reason)
      if not phases[id] or phases[id] == CLOSING then return end
      phases[id] = CLOSING
      put(self, "ws_closing", id, code or 1000, "", reason or "")
    end,
  }
end

local function requests(self)
  return {
    http_request = function(request)
      local id = next_id(self)
      self.has_secret_answer[id] = request.has_secret_answer
      put(self, "http_request", id, 0, request.body and joined(request.body) or "",
          (request.method or "GET") .. " " .. joined(request.url))
      return id
    end,
    http_cancel = function(id) put(self, "http_cancel", id, 0, "", "") end,
  }
end

local function time_and_chance(self)
  local write_log = host.log
  local function now() return tonumber(self.event.time_ns) / 1e9 end
  return {
    timer_start = function() return next_id(self) end,
    timer_stop = function() end,
    monotonic = now,
    event_age = function() return 0 end, -- how long this machine takes says nothing
    log = function(level, message, fields) write_log(level, message, fields, now()) end,
    seed = function()
      local number = table.remove(self.seeds, 1)
      if not number then error("the recorded run took no random number here", 0) end
      return number
    end,
  }
end

-- What prompts were told, nobody reads again.
local function process(self)
  local start, watch = host.budget_start, host.budget_watch
  local function nothing() return true end
  return {
    budget_start = function(limits)
      watch(true)
      return start { max_callback = PATIENCE * limits.max_callback }
    end,
    budget_watch = nothing, guardian = nothing, spin = nothing, watch = nothing,
    unwatch = nothing, console_send = nothing, console_close = nothing,
    console_listen = function() return next_id(self) end,
    compile = function(text, name)
      local id = next_id(self)
      self.compiling[id] = { text = text, name = name }
      return id
    end,
    planned_config = function() end,
    stop = function() end,
  }
end

-- A runtime counts the library's files that it watches: with these there would be more of them.
local function hide_modules()
  for name in pairs(package.loaded) do
    if name:find "^moonwire%.replay" then package.loaded[name] = nil end
  end
end

--- Puts the stand-in in the place of the host.
---@param tape table          of host.tape
---@param past moonwire.ReplayPast
---@param others string[]     files: each takes the place of the strategy of its name
---@return moonwire.World
function M.begin(tape, past, others)
  local self = setmetatable({
    tape = tape, past = past, event = ffi.cast("struct mw_event *", host.event()),
    recorder = ffi.cast("struct mw_recorder *", host.recorder()),
    last_id = 0, seeds = {}, compiling = {},
    phases = {},                         -- id of a connection -> its phase
    losses = {},                         -- id -> why nothing is sent there any more, and behind how
                                         -- many more of this event
    has_secret_answer = {},              -- id of a request -> true
    watch_budget = host.budget_watch,
  }, World)
  for _, functions in ipairs { web_sockets(self), requests(self), time_and_chance(self),
                               process(self), secrets.stand_in(), past:stand_in() } do
    for name, stand_in in pairs(functions) do host[name] = stand_in end
  end
  require("moonwire.socket").send = host.ws_send
  self.files = files.begin(others)
  past:begin()
  hide_modules()
  return self
end

--- Callbacks have no limits any more. The stand-in stays: nothing of the run may ever reach more.
function World:finish() self.watch_budget(false) end

-- How often was sent, before that record, on its connection.
local function sends_before(outcome, place)
  local count = 0
  for i = 1, place - 1 do
    local r = outcome[i]
    if r.kind == "ws_send" and r.id == outcome[place].id then count = count + 1 end
  end
  -- Between two events it was lost by what the host sent: this one's own were all sent.
  return outcome[place].event and count or math.huge
end

--- Makes a recorded event the one that is being handled.
---@param r moonwire.Record
---@param outcome moonwire.Record[]  what it led to then: with the random numbers and the files
function World:set(r, outcome)
  local event = self.event
  event.kind, event.seq, event.time_ns, event.id = r.kind_number, r.event, r.ns, r.id
  event.data, event.len, event.text, event.text_len = r.data, #r.data, r.text, #r.text
  event.num, event.num2 = r.num, r.num2
  self.last_id = math.max(self.last_id, r.id)              -- a prompt that connected, say
  if r.kind == "ws_open" then self.phases[r.id] = OPEN
  elseif r.kind == "ws_close" then self.phases[r.id] = nil end
  self.seeds = {}
  for _, loss in pairs(self.losses) do loss.sends_left = 0 end
  for i, what in ipairs(outcome) do
    if what.kind == "seed" then table.insert(self.seeds, what.num)
    elseif what.kind == "ws_lost" then
      self.losses[what.id] = { why = what.text, sends_left = sends_before(outcome, i) }
    end
  end
  self.files:expect(outcome)
  self.past:expect(outcome)
  C.mw_record_event(self.recorder, event)
end

--- Why an event cannot be had again; nil when it can.
---@param r moonwire.Record
---@return string|nil
function World:is_lost(r)
  if r.kind == "http_done" and r.num ~= 0 and self.has_secret_answer[r.id] then
    return ("the answer to request %d brought keys or cookies, which no journal keeps"):format(r.id)
  end
end

--- Bytecode of a text whose compiling was asked for, or nil and what is wrong with it.
function World:compiled(id)
  local job = self.compiling[id]
  self.compiling[id] = nil
  if not job then return nil, "nothing was compiled" end
  local chunk, err = loadstring(job.text, job.name)
  if not chunk then return nil, err end
  return dump(chunk)
end

--- The event was handled; what it led to.
---@return string records  as a tape has them
function World:take()
  C.mw_record_event_end(self.recorder)
  local bytes = self.tape:take()
  self.past:add(bytes)
  return bytes
end

return M
