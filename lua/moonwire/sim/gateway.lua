--- Between a venue's simulator and its clients: applies the faults, keeps a record of what came in,
--- serves the control path. It knows no socket either: what is to happen outside goes through
--- `out`:
---
---   out:reply(request, status, headers, body)   out:refuse(connection, status, headers, body)
---   out:send(connection, text)   out:ping(connection, payload)
---   out:close(connection, code, reason)
---   out:drop(id, how)            how: nil or "half_open"
---   out:send_raw(connection, bytes)

local Control = require "moonwire.sim.control"
local faults  = require "moonwire.sim.faults"
local wire    = require "moonwire.sim.wire"

local KEPT = 1000                                  -- requests, and frames
local MID_FRAME_MS = 50                            -- from the first bytes of a frame to the drop
local REORDER_MS = 200                             -- how long a frame waits for one to overtake it

---@class moonwire.sim.Gateway
local Gateway = { __name = "moonwire.sim.Gateway" }
Gateway.__index = Gateway

local Link = { __name = "moonwire.sim.Gateway.Link" }
Link.__index = Link

-- What came in, numbered from 1; the last ones are kept.
local Log = {}
Log.__index = Log

local function new_log() return setmetatable({ count = 0 }, Log) end

function Log:add(entry)
  self.count = self.count + 1
  entry.number = self.count
  self[self.count], self[self.count - KEPT] = entry, nil
end

--- The entries behind the first `skipped`, oldest first.
function Log:since(skipped)
  local list = {}
  for i = math.max(skipped, self.count - KEPT) + 1, self.count do list[#list + 1] = self[i] end
  return list
end

--- `options`: venue, faults, schedule, out.
function Gateway.new(options)
  local gateway = setmetatable({ connections = {}, requests = new_log(), frames = new_log(),
                                 now = 0 }, Gateway)
  for name, value in pairs(options) do gateway[name] = value end
  return gateway
end

-- Frames to the client ----------------------------------------------------------------------------

-- The subjects of this connection's frames, made once each.
local function subjects_of(link, subject, more)
  local list = link.subjects[subject]
  if not list then
    list = { subject, link.kind, "ws", more }
    link.subjects[subject] = list
  end
  return list
end

--- What the connection is for, when that shows later than at the handshake.
function Link:set_kind(kind)
  self.kind, self.connection.kind, self.subjects = kind, kind, {}
end

local function later(link, at, deliver)
  link.waiting = link.waiting + 1
  link.gateway.schedule:at(at, function()
    link.waiting = link.waiting - 1
    if not link.is_gone then deliver() end
  end)
end

-- A stream keeps its order: what follows a delayed frame waits for it.
local function deliver(link, send)
  local now = link.gateway.now
  if link.waiting > 0 or now < link.not_before then
    later(link, math.max(now, link.not_before), send)
  else
    send()
  end
end

local ends = {}
function ends.lose() return true end
function ends.silent(link) link.is_silent = true; return true end
function ends.close(link, fault) link.connection:close(fault.code); return true end
function ends.expire(link) link.connection:close(3005); return true end
local function forget(link)
  link.is_gone = true
  link.connection:on_close()
  link.gateway.connections[link.id] = nil
end

function ends.drop(link)
  if link.is_gone then return true end
  forget(link)
  link.gateway.out:drop(link.id)
  return true
end

function ends.half_open(link)
  if link.is_gone then return true end
  forget(link)
  link.gateway.out:drop(link.id, "half_open")
  return true
end

-- The beginning of a frame, and then nothing: the bytes need a moment to leave before the drop.
function ends.mid_frame(link, _, text)
  if link.is_gone then return true end
  local gateway, id = link.gateway, link.id
  forget(link)
  gateway.out:send_raw(id, wire.begin_frame(text))
  gateway.schedule:at(gateway.now + MID_FRAME_MS, function() gateway.out:drop(id) end)
  return true
end

-- Sends what the faults leave of a frame; `send` puts it on the wire.
local function pass(link, subject, text, send, more)
  if link.is_silent or link.is_gone then return end
  local gateway = link.gateway
  local now, copies, hold_ms = gateway.now, 1, nil
  for _, fault in ipairs(gateway.faults:strike(false, subjects_of(link, subject, more), now)) do
    local action = fault.action
    if ends[action] then
      if ends[action](link, fault, text) then return end
    elseif action == "delay" then link.not_before = math.max(link.not_before, now + fault.ms)
    elseif action == "duplicate" then copies = 2
    elseif action == "reorder" then hold_ms = fault.ms or REORDER_MS
    elseif action == "junk" then
      local junk = faults.junk_of(fault)
      deliver(link, function() gateway.out:send(link.id, junk) end)
    end
  end
  local held = link.held
  if hold_ms and not held then
    link.held = send
    gateway.schedule:at(now + hold_ms, function()
      if link.held ~= send or link.is_gone then return end
      link.held = nil
      deliver(link, send)
    end)
    return
  end
  for _ = 1, copies do deliver(link, send) end
  if held then
    link.held = nil
    deliver(link, held)
  end
end

--- `more`: one more subject that the frame belongs to, always the same for this one.
function Link:send(text, subject, more)
  pass(self, subject, text, function() self.gateway.out:send(self.id, text) end, more)
end

function Link:ping(payload)
  pass(self, "ping", payload, function() self.gateway.out:ping(self.id, payload) end)
end

function Link:close(code, reason)
  if self.is_gone or self.is_silent then return end
  deliver(self, function()
    self.is_gone = true
    self.gateway.connections[self.id] = nil
    self.gateway.out:close(self.id, code, reason)
  end)
end

--- A silent line stays open: the client is to find out by itself.
function Link:drop()
  if not self.is_silent then ends.drop(self) end
end

--- Drops in the way of a fault: "half_open", "mid_frame", or nil.
function Link:drop_as(how) ends[how or "drop"](self, nil, '{"push":{"channel":"pws:#"}}') end

-- Requests ----------------------------------------------------------------------------------------

local function answer(self, request, status, headers, body)
  request.status = status
  self.out:reply(request.id, status, headers, body)
end

-- What comes with a status that a fault made up: the venue's own words, or a page of the proxy
-- before it. Headers and body.
local function page_of(self, status)
  if self.venue.fault_page then return self.venue:fault_page(status) end
  return { { "Content-Type", "text/html" } }, "<html><body>" .. status .. "</body></html>"
end

-- What a fault does in place of an answer.
local instead = {}
function instead.swallow() end
function instead.cut(self, request) self.out:drop(request.id) end
function instead.http(self, request, fault)
  answer(self, request, fault.code, page_of(self, fault.code))
end
function instead.html(self, request)
  answer(self, request, 200, page_of(self, 502))
end

-- Splits the faults that struck: what stands in for the request or its answer, and the delays.
local function sort_faults(struck)
  local plan = { delay = { before = 0, after = 0 }, instead = {} }
  for _, fault in ipairs(struck) do
    if fault.action == "delay" then
      plan.delay[fault.moment] = math.max(plan.delay[fault.moment], fault.ms)
    else
      plan.instead[fault.moment] = plan.instead[fault.moment] or fault
    end
  end
  return plan
end

local function wait(self, ms, fn)
  if ms == 0 then return fn(self.now) end
  self.schedule:at(self.now + ms, fn)
end

local function reply_by_plan(self, request, plan, status, headers, body)
  local fault = plan.instead.after
  wait(self, plan.delay.after, function()
    if fault then
      request.fault = fault.spec
      instead[fault.action](self, request, fault)
    else
      answer(self, request, status, headers, body)
    end
  end)
end

-- The venue answers at once or, when it returns nothing, by done() at its time.
local function process(self, request, plan, now)
  local fault = plan.instead.before
  if fault then
    request.fault = fault.spec
    return instead[fault.action](self, request, fault)
  end
  local function done(status, headers, body)
    reply_by_plan(self, request, plan, status, headers, body)
  end
  local status, headers, body = self.venue:handle_request(
    request.method, request.target, request.headers, request.body, now, done)
  if status then done(status, headers, body) end
  self.venue:flush(now)                              -- order events follow the answer
end

--- A request of the host: `text` is "METHOD target" and the header lines. `now`: ms.
function Gateway:request(id, text, body, now)
  self.now = now
  local method, target, headers = wire.parse_head(text)
  local path, query = wire.split_target(target)
  if path:find("^/sim/") then
    local status, answer_text = Control.answer(self, method, path:sub(6), query, body, now)
    self.out:reply(id, status, { { "Content-Type", "application/json" } }, answer_text)
    return self.venue:flush(now)
  end
  local request = { id = id, time = now, method = method, target = target, headers = headers,
                    body = body }
  local names = self.venue:names(method, path, query, body)
  request.subjects = names
  self.requests:add(request)
  local plan = sort_faults(self.faults:strike(true, names, now))
  wait(self, plan.delay.before, function(later_now) process(self, request, plan, later_now) end)
end

-- What a fault does in place of an answer over a WebSocket, where there are no pages of a proxy.
local function fail_on(link, request, fault)
  request.fault = fault.spec
  if fault.action == "cut" then ends.drop(link) end
end

--- A request that came as a frame, for venues that answer there: it is recorded, and it meets the
--- faults of requests. process_it(now, give) does the work and hands the reply to give(text).
---@param subjects string[]  the first one is the subject of the reply's frame as well
function Link:request(subjects, text, process_it)
  local gateway, link = self.gateway, self
  local request = { time = gateway.now, method = "WS", target = subjects[1], headers = {},
                    body = text, subjects = subjects }
  gateway.requests:add(request)
  local plan = sort_faults(gateway.faults:strike(true, subjects, gateway.now))
  local function give(reply)
    wait(gateway, plan.delay.after, function()
      if link.is_gone then return end
      if plan.instead.after then return fail_on(link, request, plan.instead.after) end
      request.status = 200
      link:send(reply, subjects[1], "reply")
    end)
  end
  wait(gateway, plan.delay.before, function(now)
    if link.is_gone then return end
    if plan.instead.before then return fail_on(link, request, plan.instead.before) end
    process_it(now, give)
  end)
end

-- WebSockets --------------------------------------------------------------------------------------

--- A WebSocket handshake: refused before this returns, or a connection from now on.
function Gateway:upgrade(id, text, now)
  self.now = now
  local _, target, headers = wire.parse_head(text)
  local path = wire.split_target(target)
  local fault = self.faults:strike(true, self.venue:upgrade_names(path), now)[1]
  if fault and (fault.action == "http" or fault.action == "html") then
    local page_headers, page = page_of(self, fault.code or 502)
    return self.out:refuse(id, fault.code or 200, page_headers, page)
  elseif fault then
    return self.out:drop(id, fault.action == "swallow" and "half_open" or nil)
  end
  local connection, status, answer_headers, body = self.venue:handle_upgrade(target, headers, now)
  if status == "drop" then return self.out:drop(id) end
  if not connection then return self.out:refuse(id, status, answer_headers, body) end
  connection.link = setmetatable({ id = id, gateway = self, kind = connection.kind, subjects = {},
                                   waiting = 0, not_before = 0, connection = connection }, Link)
  self.connections[id] = connection
end

function Gateway:opened(id, now)
  self.now = now
  local connection = self.connections[id]
  if connection then connection:on_open(now) end
end

function Gateway:message(id, text, now, is_binary)
  self.now = now
  local connection = self.connections[id]
  if connection then
    self.frames:add { time = now, kind = connection.kind, text = text }
    connection:on_text(text, now, is_binary)
  end
  self.venue:flush(now)
end

--- A ping of the client, which is answered already: venues that wake up by it hear it.
function Gateway:pinged(id, now)
  self.now = now
  local connection = self.connections[id]
  if connection and connection.on_ping then connection:on_ping(now) end
  self.venue:flush(now)
end

function Gateway:ponged(id, now)
  self.now = now
  local connection = self.connections[id]
  if connection then connection:on_pong(now) end
end

function Gateway:closed(id, now)
  self.now = now
  local connection = self.connections[id]
  if not connection then return end
  self.connections[id] = nil
  connection.link.is_gone = true
  connection:on_close()
end

--- Runs what is due. The next deadline is schedule:next().
function Gateway:run(now)
  self.now = now
  self.schedule:run(now)
  self.venue:flush(now)
end

--- The connections of a kind ("private", "market", "all"), oldest first.
function Gateway:connections_of(kind)
  local list = {}
  for _, connection in pairs(self.connections) do
    if kind == "all" or connection.kind == kind then list[#list + 1] = connection end
  end
  table.sort(list, function(a, b) return a.link.id < b.link.id end)
  return list
end

return Gateway
