--- `moonwire sim VENUE`: serves a simulated venue on loopback over TLS until it is stopped. The one
--- module of the simulators that knows the host.

local ffi      = require "ffi"
local cli      = require "moonwire.cli"
local dispatch = require "moonwire.dispatch"
local host     = require "moonwire.host"
local Faults   = require "moonwire.sim.faults"
local Gateway  = require "moonwire.sim.gateway"
local Schedule = require "moonwire.sim.schedule"
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

local function venue_names()
  local names = {}
  for name in pairs(venues) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

M.options = {
  port   = { value = "N", doc = "port on 127.0.0.1 (default: a free one)" },
  fault  = { value = "SPEC", many = true,
             doc = "a fault, such as swallow:trade:0.1, repeatable; help: all of them" },
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
  algorithm = { value = "NAME", doc = "peatio: of tokens, HS256 (default), RS256 or ES256" },
  ["public-key"] = { value = "FILE", doc = "peatio: PEM that RS256 and ES256 tokens verify by" },
  ["lazy-flush"] = { doc = "peatio: events leave only when bytes arrive, or with a ping" },
}

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

local function serve(server, port)
  local files, err = make_files()
  if not files then return nil, err end
  server.files = files
  local listener, bound = host.serve { host = "127.0.0.1", port = port, cert_file = files.cert_file,
                                       key_file = files.key_file }
  if not listener then
    remove_files(files)
    return nil, bound
  end
  server.listener = listener
  dispatch.bind(listener, server)
  dispatch.listen("signal", server)
  return bound
end

-- The options that are numbers or a choice; nil and what is wrong.
local function read_numbers(options)
  local port, seed = tonumber(options.port or "0"), tonumber(options.seed or "1")
  if not port or port % 1 ~= 0 or port < 0 or port > 65535 then
    return nil, "--port " .. options.port .. ": expected 0 to 65535"
  end
  if not seed or seed % 1 ~= 0 then
    return nil, "--seed " .. options.seed .. ": expected a whole number"
  end
  if options.market and options.market ~= "on" and options.market ~= "off" then
    return nil, "--market " .. options.market .. ": expected on or off"
  end
  return { port = port, seed = seed, fault = options.fault or {},
           with_market = options.market ~= "off" }
end

--- Starts the simulator; bad usage ends with status 2, a failure with 1.
function M.run(options, files)
  local name = files[1]
  if not venues[name] or files[2] then
    return cli.usage_error(("sim: which venue? there is %s; see moonwire sim --help")
      :format(venue_names()))
  end
  local venue = require(venues[name])
  local asks_set = options.set and options.set[1] == "help"
  local asks_fault = options.fault and options.fault[1] == "help"
  if asks_set or asks_fault then
    host.print_line(asks_set and venue.describe_settings() or Faults.describe(venue.subjects))
    return host.stop(0)
  end
  local read, err = read_numbers(options)
  local sim, credentials, fields, gateway
  if read then
    read.schedule = Schedule.new()
    sim, credentials, fields = venue.open(options, read)
    err = credentials
  end
  if sim then gateway, err = new_gateway(sim, read) end
  if not gateway then return cli.usage_error("sim: " .. err) end
  local server = setmetatable({ gateway = gateway }, Server)
  local port
  port, err = serve(server, read.port)
  if not port then
    io.stderr:write("moonwire: sim: ", tostring(err), "\n")
    return host.stop(1)
  end
  sim:start(dispatch.now_ms(), read.with_market)
  arm(server)
  local authority = "://127.0.0.1:" .. port
  local urls = { rest_url = "https" .. authority,
                 private_url = "wss" .. authority .. sim.private_path,
                 market_url = sim.market_path and "wss" .. authority .. sim.market_path }
  fields = fields or {}
  if options.json then return print_json(name, urls, server.files, credentials, fields) end
  print_configuration(name, sim.config_name, urls, server.files, credentials, fields, venue.curl)
end

return M
