--- End-to-end tests: the real program against the simulated venue, over TLS, as processes. A test
--- is a task: it starts processes, waits for what they print and for what the venue's ledger shows,
--- and at its end every process is gone, whatever happened.

local ffi = require "ffi"
local host = require "moonwire.host"
local http = require "moonwire.http"
local json = require "moonwire.json"
local files = require "tests.files"
local suite = require "tests.e2e.suite"
local task = require "moonwire.task"

ffi.cdef [[
int fork(void);
int execvp(const char *file, char *const argv[]);
int kill(int pid, int sig);
int waitpid(int pid, int *status, int options);
int open(const char *path, int flags, ...);
int dup2(int from, int to);
int close(int fd);
int setenv(const char *name, const char *value, int overwrite);
int setpgid(int pid, int group);
int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int usleep(unsigned int us);
void _exit(int status);
]]

local M = {}
local C = ffi.C
local POLL_SECONDS = 0.01
local WNOHANG, SIGKILL, SIGTERM, SIGCONT, SIGSTOP = 1, 9, 15, 18, 19
local PR_SET_PDEATHSIG = 1
local LAST_BYTES = 2000               -- of what a process printed that does not end
local O_WRONLY_CREAT_TRUNC, MODE = 577, 384             -- 0600

M.program = os.getenv("MW_PROGRAM") or "build/asan/moonwire"
-- Seconds. A limit is only ever reached by a failure; a test names its own for a patience of 10.
M.patience = tonumber(os.getenv("MW_PATIENCE") or 10)
-- E.g. "valgrind -q": what moonwire is started under. The venues that tests trade on are not, but
-- where a test file is about them, which sets wraps_sims; nor are tools (M.tool).
M.wrapper = {}
for word in (os.getenv("MW_WRAPPER") or ""):gmatch("%S+") do table.insert(M.wrapper, word) end
M.wraps_sims = false
-- How many times more time a run has there for what is about time (M.limits, and some tests).
M.slower = M.wrapper[1] and 10 or 1


-- Waiting -----------------------------------------------------------------------------------------

--- Waits until predicate() is true; raises `what` when it is not within these seconds, or 10 (with
--- more patience, as many times more).
function M.await(what, predicate, seconds)
  local give_up = host.monotonic() + (seconds or 10) * M.patience / 10
  while true do
    local value = predicate()
    if value then return value end
    if host.monotonic() > give_up then error("waited in vain for " .. what, 2) end
    task.sleep(POLL_SECONDS)
  end
end

-- Files -------------------------------------------------------------------------------------------

--- A fresh directory that goes away with the test.
function M.directory()
  local path = files.directory "e2e"
  table.insert(suite.mine().directories, path)
  return path
end

M.write = files.write

local function read(path)
  local file = io.open(path, "r")
  if not file then return "" end
  local text = file:read("*a")
  file:close()
  return text
end

-- Processes ---------------------------------------------------------------------------------------

local Process = {}
Process.__index = Process

--- Starts a program; its output goes to files that out() and err() read.
function M.spawn(arguments, environment)
  local directory = M.directory()
  local self = setmetatable({ out_path = directory .. "/out", err_path = directory .. "/err",
                              name = table.concat(arguments, " ") }, Process)
  local argv = ffi.new("char *[?]", #arguments + 1)
  for i, word in ipairs(arguments) do argv[i - 1] = ffi.cast("char *", word) end
  self.pid = C.fork()
  assert(self.pid >= 0, "fork failed")
  if self.pid == 0 then
    C.setpgid(0, 0)
    C.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)          -- nothing outlives the tests
    C.dup2(C.open("/dev/null", 0), 0)
    C.dup2(C.open(self.out_path, O_WRONLY_CREAT_TRUNC, ffi.cast("int", MODE)), 1)
    C.dup2(C.open(self.err_path, O_WRONLY_CREAT_TRUNC, ffi.cast("int", MODE)), 2)
    for fd = 3, 255 do C.close(fd) end
    for name, value in pairs(environment or {}) do C.setenv(name, value, 1) end
    C.execvp(arguments[1], argv)
    C._exit(127)
  end
  table.insert(suite.mine().processes, self)
  return self
end

-- Starts moonwire under that, or as it is.
local function start(is_wrapped, arguments, environment)
  local words = is_wrapped and { unpack(M.wrapper) } or {}
  words[#words + 1] = M.program
  for _, word in ipairs(arguments) do words[#words + 1] = word end
  return M.spawn(words, environment)
end

--- Starts moonwire with these arguments.
function M.moonwire(arguments, environment) return start(true, arguments, environment) end

--- The same, of what a test looks or acts through and is not about.
function M.tool(arguments, environment) return start(false, arguments, environment) end

function Process:out() return read(self.out_path) end
function Process:err() return read(self.err_path) end

--- The first match of a pattern in what was printed (either stream), as soon as it stands there.
function Process:wait_for(pattern, seconds)
  local ok, found = pcall(M.await, "/" .. pattern .. "/", function()
    local text = self:out() .. "\n" .. self:err()
    local match = text:match(pattern)
    if not match and self:poll() and not (self:out() .. "\n" .. self:err()):match(pattern) then
      error("ended with status " .. tostring(self.status) .. " before /" .. pattern .. "/", 0)
    end
    return match
  end, seconds)
  if ok then return found end
  error(("%s\n--- %s printed:\n%s\n%s"):format(found, self.name, self:out(), self:err()), 2)
end

--- Whether it has ended; then `status` is its exit status, or minus the signal that ended it.
function Process:poll()
  if self.status then return true end
  local status = ffi.new("int[1]")
  if C.waitpid(self.pid, status, WNOHANG) ~= self.pid then return false end
  local signal = bit.band(status[0], 127)
  self.status = signal ~= 0 and -signal or bit.rshift(bit.band(status[0], 0xff00), 8)
  return true
end

--- Waits for its end and returns its exit status.
function Process:wait_exit(seconds)
  local ok = pcall(M.await, "exit", function() return self:poll() end, seconds)
  if not ok then
    error(("did not end: %s\n%s\n%s"):format(self.name, self:out(), self:err()), 2)
  end
  return self.status
end

function Process:signal(number) C.kill(self.pid, number) end

--- The process that trades, of a `moonwire run`: the last one that its guardian started.
function Process:runtime_pid()
  self:wait_for "runtime started pid=%d+"
  local last
  for pid in self:err():gmatch "runtime started pid=(%d+)" do last = tonumber(pid) end
  return last
end

--- Sends a signal to that one.
function Process:signal_runtime(number) C.kill(self:runtime_pid(), number) end

--- Stops both for a while; neither sees the other missing.
function Process:suspend()
  local runtime = self:runtime_pid()               -- told by the guardian, which must run for that
  C.kill(self.pid, SIGSTOP)
  C.kill(runtime, SIGSTOP)
end
function Process:resume()
  C.kill(self:runtime_pid(), SIGCONT)
  C.kill(self.pid, SIGCONT)
end

--- Ends both at once, as a loss of power does: neither can act on the other's end.
function Process:kill_all()
  local runtime = self:runtime_pid()
  self:suspend()
  C.kill(runtime, SIGKILL)
  C.kill(self.pid, SIGKILL)
  self:wait_exit()
  M.await("the runtime's end", function() return not M.is_alive(runtime) end)
end

--- Sends a signal to its process group, as a terminal does.
function Process:signal_group(number) C.kill(-self.pid, number) end

--- Whether there is a process with this id (one that has ended and is not waited for is none).
function M.is_alive(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  if not file then return false end
  local state = file:read("*a"):match "%) (%a)"
  file:close()
  return state ~= "Z" and state ~= "X"
end

--- Asks it to stop and waits; returns the exit status.
function Process:stop()
  if not self:poll() then self:signal(SIGTERM) end
  return self:wait_exit()
end

-- The end of what a process printed, under its name.
local function last_words(process)
  local text = process:out() .. process:err()
  return ("--- %s printed last:\n%s"):format(process.name, text:sub(-LAST_BYTES))
end

--- Ends a process, whatever it does; nil, or what is to be said of one that does not end.
function M.kill(process, seconds)
  local give_up = host.monotonic() + (seconds or M.patience)
  while not process:poll() do
    if host.monotonic() > give_up then
      return ("process %d did not end when it was killed\n%s"):format(process.pid,
                                                                     last_words(process))
    end
    C.kill(-process.pid, SIGKILL)
    C.kill(process.pid, SIGKILL)                     -- its group may be another one by now
    C.usleep(1000)
  end
end

-- Ends all that a test has started. Returns what did not end, as text; nil when all did.
local function clean_up(owned)
  local stuck = {}
  for _, process in ipairs(owned.processes) do
    local runtime = process:err():match "runtime started pid=%d+" and process:runtime_pid()
    stuck[#stuck + 1] = M.kill(process)
    -- It leaves by itself when its guardian is dead; a failed test does not wait for that.
    if runtime then C.kill(-runtime, SIGKILL) end
  end
  for _, path in ipairs(owned.directories) do files.remove(path) end
  return stuck[1] and table.concat(stuck, "\n")
end

-- The venue ---------------------------------------------------------------------------------------

local Sim = {}
Sim.__index = Sim

--- Starts a simulated venue with a market that stands still unless told otherwise.
---@param arguments string[]|nil  more options of `moonwire sim`
function M.sim(venue, arguments)
  local words = { "sim", venue, "--json", "--port", "0", "--market", "off" }
  for _, word in ipairs(arguments or {}) do words[#words + 1] = word end
  local process = start(M.wraps_sims, words, { XDG_RUNTIME_DIR = M.directory() })
  local line = process:wait_for("(%b{})")
  return setmetatable({ process = process, info = assert(json.decode(line)) }, Sim)
end

local function form(fields)
  local parts = {}
  for name, value in pairs(fields) do
    parts[#parts + 1] = name .. "=" .. tostring(value):gsub("[^%w_.-]", function(c)
      return ("%%%02X"):format(c:byte())
    end)
  end
  return table.concat(parts, "&")
end

--- Calls the simulator's control path (sim/control.lua) with these fields; the answer, decoded.
function Sim:control(name, fields)
  local status, answer = http.call {
    method = "POST", url = self.info.rest_url .. "/sim/" .. name, ca_file = self.info.ca_file,
    body = form(fields or {}), timeout = M.patience,
    headers = { { "Content-Type", "application/x-www-form-urlencoded" } },
  }
  if not status then error("control " .. name .. ": " .. answer, 2) end
  if status ~= 200 then error(("control %s: HTTP %d %s"):format(name, status, answer), 2) end
  return json.decode(answer)
end

--- The requests of one subject (e.g. "trade") that the venue received.
function Sim:requests(subject)
  return self:control("requests", { subject = subject }).requests
end

--- The venue's orders of the first member.
function Sim:orders(is_open) return self:control("orders", { open = is_open and 1 or nil }) end

-- What a venue's section says as env("MW_..."): the rest of the simulator's line is plain.
local secrets = { key = true, secret = true, history_key = true, history_secret = true,
                  private_key = true, password = true, session_key = true }

local function variable(name, prefix) return "MW_" .. (prefix or "") .. name:upper() end

-- The section of the configuration that points at this venue.
local function section(sim, name, more, prefix)
  local lines = {}
  for key, value in pairs(sim.info) do
    local text = type(value) == "number" and ("%g"):format(value) or ("%q"):format(value)
    if secrets[key] then text = ("env %q"):format(variable(key, prefix)) end
    if key == "venue" then key = "protocol" end
    lines[#lines + 1] = ("%s = %s,"):format(key, text)
  end
  table.sort(lines)
  return ([[
    %s = {
      environment = "sim",
      %s
      %s
    },]]):format(name, table.concat(lines, "\n      "), more or "")
end

--- Where all is slower, a run has as many times more for a callback and for a turn of its loop:
--- Lua text for the top level of a configuration, in front of what else stands there.
---@param rest string|nil  which may set them itself
function M.limits(rest)
  local lines = {}
  for name, seconds in pairs(M.slower > 1 and { max_callback = 1, hang_limit = 10 } or {}) do
    if not (rest or ""):find(name) then
      lines[#lines + 1] = ("%s = %g, "):format(name, seconds * M.slower)
    end
  end
  return table.concat(lines)
end

local function configuration(sections, rest)
  rest = rest or ""
  return ("return {\n  venues = {\n%s\n  },\n  %s%s\n}\n"):format(table.concat(sections, "\n"),
                                                                   M.limits(rest), rest)
end

--- The text of a configuration that points at this venue, under the name `idx`. `more` is Lua text
--- put into the venue's section, `rest` into the top level.
function Sim:config(more, rest) return configuration({ section(self, "idx", more) }, rest) end

local function add_secrets(sim, environment, prefix)
  for name in pairs(secrets) do
    if sim.info[name] then environment[variable(name, prefix)] = sim.info[name] end
  end
  return environment
end

--- The secrets of that configuration, as environment variables.
function Sim:environment() return add_secrets(self, {}) end

--- The configuration and the environment of a run on several venues.
---@param venues table[]  { name =, sim =, more = Lua text of its section }, ...
---@param rest string|nil  Lua text of the top level
function M.several(venues, rest)
  local sections, environment = {}, {}
  for i, venue in ipairs(venues) do
    local prefix = venue.name:upper() .. "_"
    sections[i] = section(venue.sim, venue.name, venue.more, prefix)
    add_secrets(venue.sim, environment, prefix)
  end
  return configuration(sections, rest), environment
end

--- Runs strategies (Lua text, one or several) against this venue.
---@param options table|nil  { venue = "...", rest = "...", arguments = {...}, environment = {...} }
function Sim:run(strategies, options)
  options = options or {}
  if type(strategies) == "string" then strategies = { strategies } end
  local directory = M.directory()
  local config = M.write(directory .. "/moonwire.lua", self:config(options.venue, options.rest))
  local words = { "run", "--config", config, "--events" }
  for _, word in ipairs(options.arguments or {}) do words[#words + 1] = word end
  for i, text in ipairs(strategies) do
    words[#words + 1] = M.write(("%s/strategy%d.lua"):format(directory, i), text)
  end
  local environment = self:environment()
  for name, value in pairs(options.environment or {}) do environment[name] = value end
  local run = M.moonwire(words, environment)
  run.config = config
  return run
end

-- Clients of others -------------------------------------------------------------------------------

local CLIENTS = os.getenv("PWD") .. "/tests/e2e/clients/"

--- Starts a client (a file of tests/e2e/clients) against this venue; each library has a variable of
--- its own for the certificates that it trusts.
function Sim:start_client(program, file, arguments, more)
  local info = self.info
  local words = { program, CLIENTS .. file }
  for _, word in ipairs(arguments or {}) do words[#words + 1] = word end
  local environment = {
    REST_URL = info.rest_url, PRIVATE_URL = info.private_url, MARKET_URL = info.market_url,
    KEY = info.key, SECRET = info.secret, PYTHONDONTWRITEBYTECODE = "1",
    NODE_PATH = "/usr/share/nodejs:/usr/lib/nodejs",
    SSL_CERT_FILE = info.ca_file, WEBSOCKET_CLIENT_CA_BUNDLE = info.ca_file,
    NODE_EXTRA_CA_CERTS = info.ca_file, CURL_CA_BUNDLE = info.ca_file,
  }
  for name, value in pairs(more or {}) do environment[name] = value end
  return M.spawn(words, environment)
end

--- Runs a client to its end; what it printed.
function Sim:run_client(...)
  local client = self:start_client(...)
  local status = client:wait_exit()
  if status ~= 0 then error("exit status " .. status .. ": " .. client:out() .. client:err(), 2) end
  return client:out()
end

-- Tests (suite.lua) -------------------------------------------------------------------------------

M.test, M.long_test, M.equal = suite.test, suite.long_test, suite.equal

--- Runs the tests that were added.
function M.run_all()
  suite.run_all { last_words = last_words, clean_up = clean_up }
end

return M
