--- `moonwire sim VENUE`: serves a simulated venue on loopback over TLS until it is stopped. The one
--- module of the simulators that knows the host.

local ffi      = require "ffi"
local cli      = require "moonwire.cli"
local dispatch = require "moonwire.dispatch"
local host     = require "moonwire.host"
local Faults   = require "moonwire.sim.faults"
local Gateway  = require "moonwire.sim.gateway"
local Schedule = require "moonwire.sim.schedule"
local sorted   = require "moonwire.sorted"
local wire     = require "moonwire.sim.wire"

ffi.cdef "char *mkdtemp(char *name);"

local M = {}

-- A venue's module: open(options, read) -> simulator, credentials, fields; describe_settings(),
-- curl(), subjects. Credentials and fields are lists of { name, value } of the configuration.
local venues = {
  finery = "moonwire.sim.finery_options",
  indodax = "moonwire.sim.indodax_options",
  instamrkt = "moonwire.sim.instamrkt_options",
  peatio = "moonwire.sim.peatio_options",
}

local function names_of(set) return table.concat(sorted.keys(set), ", ") end

-- What not all venues have says in its text whose it is.
M.options = {
  port   = { value = "N", doc = "port on 127.0.0.1 (default: a free one)" },
  ["socket-port"] = { value = "N",
                      doc = "instamrkt: port of its WebSocket (default: a free one);"
                            .. " peatio: a port for bare WebSockets, without TLS" },
  fault  = { value = "SPEC", many = true,
             doc = "a fault, such as swallow:query:0.1, repeatable; help: all of them" },
  market = { value = "on|off", doc = "a made market that moves (default on)" },
  seed   = { value = "N", doc = "the same seed gives the same run (default 1)" },
  key    = { value = "K", doc = "the first member's API key" },
  secret = { value = "S", doc = "the first member's API secret" },
  balance = { value = "idr=N,btc=N", doc = "what the first member owns, or may owe" },
  member = { value = "name=N,key=K,secret=S,idr=N", many = true, doc = "one more member" },
  pairs  = { value = "btc_idr,...", doc = "the markets that are traded (default: all)" },
  set    = { value = "NAME=VALUE", many = true,
             doc = "a switch of the venue; --set help lists them" },
  json   = { doc = "print one line of JSON instead of a configuration" },
  ["token-life"]     = { value = "S", doc = "indodax: seconds that a session token lives" },
  ["history-api"]    = { value = "jan|mid", doc = "indodax: generation of Trade API 2" },
  ["history-key"]    = { value = "K", doc = "indodax: the first member's key for mid" },
  ["history-secret"] = { value = "S", doc = "indodax: and its secret" },
  dialect = { value = "NAME", doc = "peatio: daemon (default), hmac or ranger" },
  version = { value = "N", doc = "peatio: of a ranger, 1.9 to 3.0 (default 2.3)" },
  rango = { doc = "peatio: rango in place of ranger" },
  algorithm = { value = "NAME", doc = "peatio: of tokens, HS256 (default), RS256, ES256 or EdDSA" },
  ["public-key"] = { value = "FILE", doc = "peatio: PEM that all but HS256 tokens verify by" },
  ["lazy-flush"] = { doc = "peatio: events leave only when bytes arrive, or with a ping" },
}

-- The venues that an option names in its text; nil when it is for all of them.
local function owners_of(option)
  local owners
  for name in option.doc:gmatch "(%l+): " do
    if venues[name] then
      owners = owners or {}
      owners[name] = true
    end
  end
  return owners
end

-- Whether all options mean something to a venue; nil and which does not.
local function check_options(options, venue)
  for name in pairs(options) do
    local owners = M.options[name] and owners_of(M.options[name])
    if owners and not owners[venue] then
      return nil, ("--%s: it is an option of %s"):format(name, names_of(owners))
    end
  end
  return true
end

-- A directory of our own, mode 0700, and the certificate in it.
local function make_files()
  local base = os.getenv("XDG_RUNTIME_DIR") or os.getenv("TMPDIR") or "/tmp"
  local name = base .. "/moonwire-sim-XXXXXX"
  local buffer = ffi.new("char[?]", #name + 1, name)
  if ffi.C.mkdtemp(buffer) == nil then return nil, "make a directory in " .. base .. ": failed" end
  local dir = ffi.string(buffer)
  local files, err = host.make_certificate(dir)
  if not files then
    os.remove(dir)
    return nil, err
  end
  files.dir = dir
  return files
end

local function remove_files(files)
  for _, name in ipairs { "ca_file", "cert_file", "key_file" } do
    if files[name] then os.remove(files[name]) end
  end
  os.remove(files.dir)
end

-- The gateway's way out.
local Out = {}
Out.__index = Out

function Out:reply(id, status, headers, body) host.server_reply(id, status, headers, body) end
function Out:refuse(id, status, headers, body) host.server_refuse(id, status, headers, body) end
function Out:send(id, text) host.server_ws_send(id, text) end
function Out:ping(id, payload) host.server_ws_ping(id, payload) end
function Out:close(id, code, reason) host.server_ws_close(id, code, reason) end
function Out:send_raw(id, bytes) host.server_ws_send_raw(id, bytes) end
function Out:drop(id, how) host.server_drop(id, how) end

-- Hears the listener's events, the timer and the signals, and hands them on with the time.
local Server = {}
Server.__index = Server

-- The timer runs for the next deadline; one that comes too early only looks again.
local function arm(self)
  local at = self.gateway.schedule:next()
  if not at or self.armed_at and self.armed_at <= at then return end
  if self.timer then self.timer:stop() end
  self.armed_at = at
  self.timer = dispatch.after(math.max(0, at - dispatch.now_ms()) / 1000, self, "on_deadline")
end

function Server:on_deadline()
  self.timer, self.armed_at = nil, nil
  self.gateway:run(dispatch.now_ms())
  arm(self)
end

function Server:on_server_request(id, text, body)
  self.gateway:request(id, text, body or "", dispatch.now_ms())
  arm(self)
end

function Server:on_server_upgrade(id, text)
  self.gateway:upgrade(id, text, dispatch.now_ms())
  arm(self)
end

function Server:on_server_ws_open(id)
  self.gateway:opened(id, dispatch.now_ms())
  arm(self)
end

local BINARY = 2

function Server:on_server_ws_message(id, text, kind)
  self.gateway:message(id, text, dispatch.now_ms(), kind == BINARY)
  arm(self)
end

function Server:on_server_ws_ping(id)
  self.gateway:pinged(id, dispatch.now_ms())
  arm(self)
end

function Server:on_server_ws_pong(id)
  self.gateway:ponged(id, dispatch.now_ms())
end

function Server:on_server_ws_close(id)
  self.gateway:closed(id, dispatch.now_ms())
  arm(self)
end

-- Venues that have a port for requests and one for WebSockets: what comes to the wrong one finds
-- nothing there.
local NOT_FOUND = { { "Content-Type", "text/plain" } }

local function rest_door(server)
  return {
    on_server_request = function(_, ...) server:on_server_request(...) end,
    on_server_upgrade = function(_, id) host.server_refuse(id, 404, NOT_FOUND, "not found") end,
  }
end

local function socket_door(server)
  local door = {
    on_server_request = function(_, id) host.server_reply(id, 404, NOT_FOUND, "not found") end,
  }
  for _, name in ipairs { "on_server_upgrade", "on_server_ws_open", "on_server_ws_message",
                          "on_server_ws_ping", "on_server_ws_pong", "on_server_ws_close" } do
    door[name] = function(_, ...) server[name](server, ...) end
  end
  return door
end

--- SIGINT and SIGTERM: takes everything down and ends with status 0. SIGHUP has nothing to reload.
function Server:on_signal(number)
  if number == 1 or self.is_stopped then return end
  self.is_stopped = true
  if self.timer then self.timer:stop() end
  remove_files(self.files)
  host.stop(0)
end

local function print_json(venue, urls, files, credentials, fields)
  local members = { "venue", wire.text(venue) }
  local function add(name, value)
    local form = type(value) == "number" and value or wire.text(value)
    members[#members + 1], members[#members + 2] = name, form
  end
  for _, name in ipairs { "rest_url", "private_url", "market_url" } do
    if urls[name] then add(name, urls[name]) end
  end
  add("ca_file", files.ca_file)
  for _, list in ipairs { credentials, fields } do
    for _, pair in ipairs(list) do add(pair[1], pair[2]) end
  end
  host.print_line(wire.object(unpack(members)))
end

-- A word for a shell.
local function quoted(text)
  if text:find "^[%w_.-]+$" then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function print_configuration(venue, name, urls, files, credentials, fields, curl)
  local line = host.print_line
  line("-- a simulated " .. venue .. "; stop it with ctrl-c. Paste this into moonwire.lua:")
  line("return {")
  line("  venues = {")
  line("    " .. name .. " = {")
  line(string.format("      protocol = %q, environment = \"sim\",", venue))
  for _, key in ipairs { "rest_url", "private_url", "market_url" } do
    if urls[key] then line(string.format("      %-11s = %q,", key, urls[key])) end
  end
  line(string.format("      %-11s = %q,", "ca_file", files.ca_file))
  for _, pair in ipairs(fields) do
    local form = type(pair[2]) == "number" and "      %-11s = %g," or "      %-11s = %q,"
    line(string.format(form, pair[1], pair[2]))
  end
  for _, pair in ipairs(credentials) do
    line(string.format("      %-11s = env(%q),        -- %s", pair[1], ("sim_" .. pair[1]):upper(),
                       pair[2]))
  end
  line("    },")
  line("  },")
  line("}")
  line("-- To try it:")
  for _, pair in ipairs(credentials) do
    line(string.format("--   export %s=%s", ("sim_" .. pair[1]):upper(), quoted(pair[2])))
  end
  line("--   " .. curl(files.ca_file, urls.rest_url))
  line("--   curl --cacert " .. files.ca_file .. " " .. urls.rest_url .. "/sim/help")
end

-- Puts the pure parts together.
local function new_gateway(sim, options)
  local faults = Faults.new(sim.subjects, options.seed)
  for _, spec in ipairs(options.fault) do
    local added, err = faults:add(spec, dispatch.now_ms())
    if not added then return nil, err end
  end
  return Gateway.new { venue = sim, faults = faults, schedule = sim.schedule,
                       out = setmetatable({}, Out) }
end

-- A port that leads to `door`; its number, or nil and the error.
local function listen(files, port, door, is_bare)
  local listener, bound = host.serve { port = port, cert_file = not is_bare and files.cert_file
                                       or nil, key_file = not is_bare and files.key_file or nil }
  if not listener then return nil, bound end
  dispatch.bind(listener, door)
  return bound
end

-- Opens the doors: the ports of requests and of WebSockets, mostly the same; or nil and the error.
-- `apart`: "tls" or "bare" where WebSockets have a port of their own.
local function serve(server, ports, apart)
  local files, err = make_files()
  if not files then return nil, err end
  server.files = files
  local port, socket_port
  port, err = listen(files, ports.port, apart == "tls" and rest_door(server) or server)
  socket_port = port
  if port and apart then
    socket_port, err = listen(files, ports.socket_port, socket_door(server), apart == "bare")
  end
  if not socket_port then
    remove_files(files)
    return nil, err
  end
  dispatch.listen("signal", server)
  return port, socket_port
end

local function read_port(options, name)
  local port = tonumber(options[name] or "0")
  if port and port % 1 == 0 and port >= 0 and port <= 65535 then return port end
  return nil, ("--%s %s: expected 0 to 65535"):format(name, options[name])
end

-- The options that are numbers or a choice; nil and what is wrong.
local function read_numbers(options)
  local seed, socket_port = tonumber(options.seed or "1"), nil
  local port, err = read_port(options, "port")
  if port then socket_port, err = read_port(options, "socket-port") end
  if not socket_port then return nil, err end
  if not seed or seed % 1 ~= 0 then
    return nil, "--seed " .. options.seed .. ": expected a whole number"
  end
  if options.market and options.market ~= "on" and options.market ~= "off" then
    return nil, "--market " .. options.market .. ": expected on or off"
  end
  return { port = port, socket_port = socket_port, seed = seed, fault = options.fault or {},
           with_market = options.market ~= "off" }
end

local function urls_of(sim, port, socket_port, apart)
  local sockets = (apart == "bare" and "ws" or "wss") .. "://127.0.0.1:" .. socket_port
  return { rest_url = "https://127.0.0.1:" .. port, private_url = sockets .. sim.private_path,
           market_url = sim.market_path and sockets .. sim.market_path }
end

--- Starts the simulator; bad usage ends with status 2, a failure with 1.
function M.run(options, files)
  local name = files[1]
  if not venues[name] then
    return cli.usage_error(("sim: %s? there is %s; see moonwire sim --help"):format(
      name and "venue " .. name or "which venue", names_of(venues)))
  end
  if files[2] then return cli.usage_error("sim: one venue at a time: " .. files[2]) end
  local venue = require(venues[name])
  local asks_set = options.set and options.set[1] == "help"
  local asks_fault = options.fault and options.fault[1] == "help"
  if asks_set or asks_fault then
    host.print_line(asks_set and venue.describe_settings() or Faults.describe(venue.subjects))
    return host.stop(0)
  end
  local read, err = check_options(options, name)
  if read then read, err = read_numbers(options) end
  local sim, credentials, fields, gateway
  if read then
    read.schedule = Schedule.new()
    sim, credentials, fields = venue.open(options, read)
    err = credentials
  end
  if sim then gateway, err = new_gateway(sim, read) end
  if not gateway then return cli.usage_error("sim: " .. err) end
  local server = setmetatable({ gateway = gateway }, Server)
  local apart = sim.socket_port or options["socket-port"] and "bare" or nil
  local port, socket_port = serve(server, read, apart)
  if not port then
    io.stderr:write("moonwire: sim: ", tostring(socket_port), "\n")
    return host.stop(1)
  end
  sim:start(dispatch.now_ms(), read.with_market)
  arm(server)
  local urls = urls_of(sim, port, socket_port, apart)
  fields = fields or {}
  if options.json then return print_json(name, urls, server.files, credentials, fields) end
  print_configuration(name, sim.config_name, urls, server.files, credentials, fields, venue.curl)
end

return M
