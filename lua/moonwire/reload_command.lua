--- moonwire reload: a runtime that trades loads what has changed, and what became of it is printed.

local cli = require "moonwire.cli"
local config = require "moonwire.config"
local dispatch = require "moonwire.dispatch"
local ffi = require "ffi"
local host = require "moonwire.host"
local json = require "moonwire.json"
local loader = require "moonwire.loader"
local repl = require "moonwire.repl"

ffi.cdef [[
int open(const char *path, int flags, ...);
int flock(int fd, int operation);
int close(int fd);
int kill(int pid, int signal);
]]

local M = {
  options = { config = { value = "FILE", doc = "configuration (default moonwire.lua)" } },
}

local SIGHUP = 1
local O_RDONLY, LOCK_SH, LOCK_NB = 0, 1, 4
local LOOK_SECONDS, WAIT_SECONDS = 0.1, 10
-- How the lines of a log begin that tell the outcome.
local OUTCOMES = { "reloaded (SIGHUP)", "not reloaded", "configuration", "SIGHUP:",
                   "old code stays in use" }

local function fail(message)
  io.stderr:write("moonwire: reload: ", message, "\n")
  host.stop(1)
end

-- The guardian that holds the journal's lock, by what it wrote into it; nil, err. Only a lock that
-- is held tells of a process that runs.
local function holder_of(path)
  local fd = ffi.C.open(path, O_RDONLY)
  if fd < 0 then return nil, "no runtime writes " .. path:gsub("%.lock$", "") end
  local is_free = ffi.C.flock(fd, LOCK_SH + LOCK_NB) == 0
  ffi.C.close(fd)
  if is_free then return nil, "no runtime writes " .. path:gsub("%.lock$", "") end
  local file = assert(io.open(path, "r"))
  local holder = file:read("*l") or ""
  file:close()
  local pid = tonumber(holder:match("%(pid (%d+),"))
  if pid and pid > 1 then return pid end
  return nil, ("%s: held, and its holder is not told: %q"):format(path, holder)
end

-- The outcome, from the journal -------------------------------------------------------------------

local Watch = { __name = "moonwire.ReloadWatch" }
Watch.__index = Watch

-- Lines are `strategy=ladder msg="..."`, quoted as in a log, or, with log.format = "json",
-- `"strategy":"ladder","msg":"..."`. Who it is about, and the message.
local function parts_of(text)
  local fields, message = text:match('^(.-)msg="(.*)"$')
  if message then return fields, (message:gsub("\\n", "\n"):gsub('\\"', '"')) end
  local object = json.decode("{" .. text .. "}")
  if type(object) ~= "table" then return "", "" end
  local of = object.strategy and "strategy" or object.venue and "venue"
  return of and ("%s=%s "):format(of, object[of]) or "", tostring(object.msg)
end

-- The line for a person; nil for one that tells no outcome.
local function outcome_of(text)
  local fields, message = parts_of(text)
  for _, beginning in ipairs(OUTCOMES) do
    if message:sub(1, #beginning) == beginning then return fields .. message end
  end
end

-- The lines that came since the last look; nil, err.
local function new_outcomes(self)
  local rows, err = self.db:query("SELECT rowid AS id, level, text FROM log WHERE rowid > ? "
                                  .. "ORDER BY rowid", self.last)
  if not rows then return nil, err end
  local found = {}
  for _, row in ipairs(rows) do
    self.last = row.id
    row.outcome = outcome_of(row.text or "")
    if row.outcome then found[#found + 1] = row end
  end
  return found
end

function Watch:look()
  local rows, err = new_outcomes(self)
  if not rows then return fail(err) end
  for _, row in ipairs(rows) do
    host.print_line(row.outcome)
    if row.level == "error" then self.status = 1 end
  end
  if #rows == 0 and self.has_found then return host.stop(self.status) end
  self.has_found = self.has_found or #rows > 0
end

function Watch:give_up()
  fail(("process %d was asked, and its log tells nothing of it (log.level may leave it out)")
       :format(self.pid))
end

-- The configuration without its secrets, which this command does not need.
local function settings_of(path)
  local function no_secret() return {} end
  return config.load(path, { env = no_secret, file = no_secret }, loader.load_protocol)
end

-- By name: the prompt does it.
local function reload_named(settings, names)
  if not settings.console then
    return cli.usage_error("reload NAME goes by the prompt's socket: the configuration has no "
                           .. "console; without a name all that has changed is reloaded")
  end
  local lines = {}
  for i, name in ipairs(names) do lines[i] = ("reload(%q)"):format(name) end
  return repl.run({ attach = settings.console.path, e = lines }, {})
end

function M.run(options, names)
  local settings, err = settings_of(options.config or "moonwire.lua")
  if not settings then return cli.usage_error(err) end
  if names[1] then return reload_named(settings, names) end
  if not settings.journal then
    return fail "without a journal the runtime is not found: send SIGHUP to it"
  end
  local self = setmetatable({ status = 0 }, Watch)
  self.pid, err = holder_of(settings.journal.path .. ".lock")
  if not self.pid then return fail(err) end
  self.db, err = host.journal_open(settings.journal.path)
  if not self.db then return fail(err) end
  local rows
  rows, err = self.db:query("SELECT max(rowid) AS id FROM log")
  if not rows then return fail(err) end
  self.last = rows[1] and rows[1].id or 0
  if ffi.C.kill(self.pid, SIGHUP) ~= 0 then
    return fail(("process %d is not yours, or has ended"):format(self.pid))
  end
  dispatch.every(LOOK_SECONDS, self, "look")
  dispatch.after(WAIT_SECONDS, self, "give_up")
end

return M
