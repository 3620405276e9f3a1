--- One client's WebSocket at a simulated venue, as far as venues do not differ: whether it is open,
--- what waits to be sent at the end of the turn, deadlines. It speaks through its `link`
--- (gateway.lua): send(text, subject), ping(payload), close(code, reason), drop(). Its `hub` is
--- whoever made it, with connections (a list) and schedule.

---@class moonwire.sim.Connection
local Connection = { __name = "moonwire.sim.Connection", kind = "private" }
Connection.__index = Connection

--- How many texts of one subject share a frame, and what joins and ends them.
Connection.lines_max, Connection.frame_end = 1, ""

--- A venue's class of connections, made of these fields.
function Connection.class(fields)
  fields.__index = fields
  return setmetatable(fields, Connection)
end

--- A connection of a class.
function Connection.new(class, fields)
  fields.subscribed, fields.queue = {}, {}
  return setmetatable(fields, class)
end

-- Life --------------------------------------------------------------------------------------------

--- It is open: the hub talks to it from now on.
function Connection:enter() table.insert(self.hub.connections, self) end

--- Venues where a ping or a pong moves nothing.
function Connection:on_pong() end

--- What a venue does with a connection that has just ended; called once.
function Connection:on_end() end

--- The reason that a venue gives with a close code.
function Connection.reason_of() return "" end

--- It has ended; whoever hears that twice does nothing.
function Connection:on_close()
  if self.closed then return end
  self.closed = true
  local connections = self.hub.connections
  for i = #connections, 1, -1 do
    if connections[i] == self then table.remove(connections, i) end
  end
  self:on_end()
end

--- Sends what waits, and closes. `reason`: the venue's for that code when missing.
function Connection:close(code, reason)
  if self.closed then return end
  self:flush()
  self:on_close()
  self.link:close(code, reason or self.reason_of(code))
end

--- Ends it without a close.
function Connection:drop()
  if self.closed then return end
  self:on_close()
  self.link:drop()
end

-- Frames ------------------------------------------------------------------------------------------

--- Has a text sent with the turn. It may become a line of the frame before, unless it is to stand
--- alone.
function Connection:write(subject, text, is_alone)
  local queue = self.queue
  local last = queue[#queue]
  if last and last.subject == subject and #last < self.lines_max and not is_alone then
    last[#last + 1] = text
  else
    queue[#queue + 1] = { subject = subject, text }
  end
end

--- Sends what the turn has written.
function Connection:flush()
  local queue = self.queue
  if #queue == 0 then return end
  self.queue = {}
  for _, frame in ipairs(queue) do
    if self.closed then return end                  -- by a fault, on the way
    self.link:send(table.concat(frame, "\n") .. self.frame_end, frame.subject)
  end
end

--- The same for all connections of a hub, some of which a fault may end on the way.
function Connection.flush_all(hub)
  for _, connection in ipairs { unpack(hub.connections) } do connection:flush() end
end

-- Deadlines ---------------------------------------------------------------------------------------

--- Calls on_passed() once the time (ms) in `field` has come. It may move meanwhile; nil takes it
--- back.
function Connection:watch(field, on_passed)
  self.hub.schedule:at(self[field], function(now)
    if self.closed or not self[field] then return end
    if now < self[field] then return self:watch(field, on_passed) end
    on_passed()
  end)
end

--- Calls act(now) every `period` ms from `now` on.
function Connection:every(period, now, act)
  self.hub.schedule:at(now + period, function(later)
    if self.closed then return end
    act(later)
    self:every(period, later, act)
  end)
end

return Connection
