--- A simulated venue behind its gateway, without sockets: time is a number, frames and answers are
--- tables.

local command_line = require "moonwire.sim.command_line"
local json    = require "moonwire.json"
local Faults  = require "moonwire.sim.faults"
local Gateway = require "moonwire.sim.gateway"

local M = { NOW = 1790000000123 }

local Sim = {}
Sim.__index = Sim

local function new_out(sim)
  local out = {}
  function out:reply(id, status, headers, body)
    sim.answers[id] = { status = status, headers = headers, body = body }
  end
  function out:refuse(id, status, _, body) sim.refused[id] = { status = status, body = body } end
  function out:send(id, text) table.insert(sim.frames[id], text) end
  function out:ping(id, payload) table.insert(sim.pings[id], payload) end
  function out:close(id, code, reason) sim.closed[id] = { code = code, reason = reason } end
  function out:send_raw(id, bytes) table.insert(sim.frames[id], bytes) end
  function out:drop(id, how) sim.dropped[id] = how or "drop" end
  return out
end

--- The switches of a venue, set by a list of "name=value".
function M.settings(venue, texts)
  return assert(command_line.set(venue.new_settings(), texts or {}))
end

--- The markets of a venue that a text names ("a,b"), or all.
function M.pick(module, text) return assert(command_line.pick(module.list(), text)) end

--- A class of simulators behind a gateway, with functions of its own.
function M.class()
  local class = setmetatable({}, Sim)
  class.__index = class
  return class
end

--- Puts a venue's simulator behind a gateway. `options`: market (boolean), fault (text).
---@param class table     of M.class
---@param venue table     made with `schedule`
---@param now integer|nil ms; M.NOW when missing
function M.serve(class, venue, schedule, options, now)
  local sim = setmetatable({ now = now or M.NOW, next_id = 0, answers = {}, refused = {},
                             frames = {}, pings = {}, closed = {}, dropped = {},
                             schedule = schedule, venue = venue }, class)
  sim.faults = Faults.new(venue.subjects, 7)
  if options.fault then assert(sim.faults:add(options.fault, sim.now)) end
  sim.gateway = Gateway.new { venue = venue, faults = sim.faults, schedule = schedule,
                              out = new_out(sim) }
  venue:start(sim.now, options.market)
  return sim
end

--- Lets `ms` pass, deadline by deadline.
function Sim:pass(ms)
  local stop = self.now + ms
  local at = self.schedule:next()
  while at and at <= stop do
    self.now = math.max(self.now, at)
    self.gateway:run(self.now)
    at = self.schedule:next()
  end
  self.now = stop
end

--- A request; its answer (nil when there is none yet) and the request's id.
function Sim:request(method, target, headers, body)
  self.next_id = self.next_id + 1
  local lines = { method .. " " .. target }
  for name, value in pairs(headers or {}) do lines[#lines + 1] = name .. ": " .. value end
  self.gateway:request(self.next_id, table.concat(lines, "\n") .. "\n", body or "", self.now)
  return self.answers[self.next_id], self.next_id
end

--- A control command; decoded.
function Sim:control(command)
  local answer = self:request("POST", "/sim/" .. command, {}, "")
  if answer.status ~= 200 then error(command .. ": " .. answer.body, 2) end
  return json.decode(answer.body)
end

--- Opens a WebSocket; its id, also when it was refused.
function M.open(self, target, headers)
  self.next_id = self.next_id + 1
  local id = self.next_id
  self.frames[id], self.pings[id] = {}, {}
  local lines = { "GET " .. target }
  for name, value in pairs(headers or {}) do lines[#lines + 1] = name .. ": " .. value end
  self.gateway:upgrade(id, table.concat(lines, "\n") .. "\n", self.now)
  if not self.refused[id] and not self.dropped[id] then self.gateway:opened(id, self.now) end
  return id
end
Sim.open = M.open

function Sim:say(id, text, is_binary) self.gateway:message(id, text, self.now, is_binary) end
function Sim:ping(id) self.gateway:pinged(id, self.now) end
function Sim:pong(id) self.gateway:ponged(id, self.now) end

--- What came on a connection since the last call, frames joined by " | ".
function Sim:heard(id)
  local text = table.concat(self.frames[id], " | ")
  self.frames[id] = {}
  return text
end

--- Whether the venue's books add up.
function M.checked(sim)
  local result = sim:control "check"
  if not result.ok then error(result.problem, 2) end
end

return M
