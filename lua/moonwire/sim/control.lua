--- The control path of a simulator, for tests: GET or POST /sim/NAME with fields as query or form.
--- GET /sim/help lists what there is. Names that are not here are the venue's own.

local wire = require "moonwire.sim.wire"

local text, object = wire.text, wire.object

local M = {}
local commands = {}

local function fault_rows(faults)
  local rows = {}
  for i, fault in ipairs(faults) do
    rows[i] = object("id", fault.id, "fault", text(fault.spec), "seen", fault.seen,
                     "hits", fault.hits)
  end
  return wire.list(rows)
end

function commands.faults(gateway) return fault_rows(gateway.faults.list) end

--- fault=SPEC adds faults.
function commands.fault(gateway, fields, now)
  local added, err = gateway.faults:add(fields.fault or "", now)
  if not added then return nil, err end
  return fault_rows(added)
end

--- id=N takes one fault out; without it, all.
function commands.clear(gateway, fields)
  return object("cleared", gateway.faults:clear(tonumber(fields.id)))
end

local function header_rows(headers)
  local rows = {}
  for name, value in pairs(headers) do rows[name] = text(value) end
  return wire.map(rows)
end

--- The requests received, oldest first, at most 1000: since=N skips the first N; subject= filters.
function commands.requests(gateway, fields)
  local rows = {}
  for _, r in ipairs(gateway.requests:since(tonumber(fields.since) or 0)) do
    local fits = not fields.subject
    for _, subject in ipairs(r.subjects) do fits = fits or subject == fields.subject end
    if fits then
      rows[#rows + 1] = object(
        "number", r.number, "time", r.time, "method", text(r.method), "target", text(r.target),
        "headers", header_rows(r.headers), "body", text(r.body), "status", r.status,
        "fault", r.fault and text(r.fault))
    end
  end
  return object("count", gateway.requests.count, "requests", wire.list(rows))
end

--- The text frames received, oldest first, at most 1000: since=N skips the first N.
function commands.frames(gateway, fields)
  local rows = {}
  for i, frame in ipairs(gateway.frames:since(tonumber(fields.since) or 0)) do
    rows[i] = object("number", frame.number, "time", frame.time,
                     "socket", text(frame.kind), "text", text(frame.text))
  end
  return object("count", gateway.frames.count, "frames", wire.list(rows))
end

local function kind_of(fields)
  local kind = fields.socket or "all"
  if kind == "all" or kind == "private" or kind == "market" then return kind end
  return nil, string.format('socket="%s": expected private, market or all', kind)
end

function commands.connections(gateway)
  local rows = {}
  for i, connection in ipairs(gateway:connections_of("all")) do
    local channels = {}
    for channel in pairs(connection.subscribed) do channels[#channels + 1] = text(channel) end
    table.sort(channels)
    rows[i] = object("id", connection.link.id, "socket", text(connection.kind),
                     "user", connection.user and text(connection.user),
                     "channels", wire.list(channels))
  end
  return wire.list(rows)
end

--- Drops connections without a close: socket=private|market|all, how=half_open|mid_frame.
function commands.drop(gateway, fields)
  local kind, err = kind_of(fields)
  if not kind then return nil, err end
  if fields.how and fields.how ~= "half_open" and fields.how ~= "mid_frame" then
    return nil, string.format('how="%s": expected half_open or mid_frame', fields.how)
  end
  local list = gateway:connections_of(kind)
  for _, connection in ipairs(list) do connection.link:drop_as(fields.how) end
  return object("dropped", #list)
end

--- Closes connections: socket=, code=, reason= (default: the venue's for that code).
function commands.close(gateway, fields)
  local kind, err = kind_of(fields)
  local code = tonumber(fields.code)
  if not kind or not code then return nil, err or "close wants code=" end
  local list = gateway:connections_of(kind)
  for _, connection in ipairs(list) do connection:close(code, fields.reason) end
  return object("closed", #list)
end

--- Sends `text` as it is: socket=private|market|all.
function commands.push(gateway, fields)
  local kind, err = kind_of(fields)
  if not kind then return nil, err end
  local list = gateway:connections_of(kind)
  for _, connection in ipairs(list) do
    connection.link:send(fields.text or "", connection.kind == "market" and "feed" or "push")
  end
  return object("connections", #list)
end

--- set=NAME=VALUE changes a setting.
function commands.set(gateway, fields)
  local ok, err = gateway.venue.settings:set(fields.set or "")
  if not ok then return nil, err end
  return object("ok", true)
end

function commands.settings(gateway)
  local rows = {}
  for name, value in pairs(gateway.venue.settings:values()) do
    rows[name] = type(value) == "string" and text(value) or tostring(value)
  end
  return wire.map(rows)
end

function commands.help(gateway)
  local names = {}
  for _, set in ipairs { commands, gateway.venue.control_names } do
    for name in pairs(set) do names[#names + 1] = text(name) end
  end
  table.sort(names)
  return wire.list(names)
end

--- Answers /sim/`name`: status and JSON text.
function M.answer(gateway, _, name, query, body, now)
  local fields = wire.parse_form(body, wire.parse_form(query))
  local result, err
  if commands[name] then
    result, err = commands[name](gateway, fields, now)
  elseif gateway.venue.control_names[name] then
    result, err = gateway.venue:control(name, fields, now)
  else
    return 404, object("error", text("no control /sim/" .. name
                                     .. "; GET /sim/help lists what there is"))
  end
  if not result then return 400, object("error", text(err)) end
  return 200, result
end

return M
