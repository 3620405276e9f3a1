--- moonwire replay: runs a recorded session again, event by event, on nothing but its journal, and
--- says whether it does the same. Strategies on the command line take the place of those of the
--- same name: so it shows whether a change of code would have changed that day, and where.

local cli = require "moonwire.cli"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local past_module = require "moonwire.replay.past"
local recording = require "moonwire.replay.recording"
local verdict = require "moonwire.replay.verdict"
local world = require "moonwire.replay.world"

local M = {
  options = {
    config = { value = "FILE", doc = "another configuration than the recorded one" },
    run = { value = "N", doc = "that run of the journal (default the last)" },
    quiet = { doc = "no order events and no summary: only whether it is the same" },
  },
}

local stop = host.stop                -- a replay's own ends nothing
local RAISED = -1                     -- to the door: what handled the event raised
local Replay = { __name = "moonwire.Replay" }
Replay.__index = Replay

-- As script.c enters Lua: the event, then what was put off, until nothing is left.
local function enter(handle, ...)
  local ok, more = xpcall(handle, debug.traceback, ...)
  local is_told = false
  while not ok or more do
    if not ok then host.log("error", more) end
    is_told = not ok and not is_told
    ok, more = xpcall(dispatch.door, debug.traceback, is_told and RAISED or nil)
  end
end

-- The run begins: what stood on its command line is done.
local function start(self)
  local run, given = require "moonwire.run", self.options
  local words = self.recording:arguments()
  table.remove(words, 1)
  local known = setmetatable({ ["log-format"] = { value = "" }, ["log-level"] = { value = "" } },
                             { __index = run.options })
  local options, files = cli.parse(words, known)
  if not options then error(files, 0) end
  options.events = not given.quiet
  for _, name in ipairs { "config", "log-level", "log-format" } do
    options[name] = given[name] or options[name]
  end
  run.run(options, files)
  return true
end

local function handle(self, r)
  if r.kind == "start" then return enter(start, self) end
  local data, text = r.data ~= "" and r.data or nil, r.text ~= "" and r.text or nil
  if r.kind == "compiled" then data, text = self.world:compiled(r.id)
  elseif r.kind == "console_line" then data = r.data end   -- an empty one, too
  enter(dispatch.door, r.kind_number, r.id, r.num, data, text, r.num2)
end

-- False where it ends: `obstacle`, `problem` or `difference` says why.
local function replay_event(self, r, outcome)
  self.obstacle = self.world:is_lost(r) or recording.has_ended_callback(outcome)
    and "a callback was ended for its time or its memory, which differ from machine to machine"
  if self.obstacle then return false end
  self.world:set(r, outcome)
  handle(self, r)
  local again = recording.outcome_of(self.world:take())
  local unused = r.kind == "start" and self.world.files:unused()
  if unused then
    self.problem = ("%s: the run had no strategy of that name"):format(unused)
    return false
  end
  self.events, self.last_ns = self.events + 1, r.ns
  local count
  count, self.difference = verdict.compare(r, outcome, again, self.has_other_code)
  if not count then return false end
  self.count = self.count + count
  if self.tape:is_interrupted() then
    self.problem = ("interrupted behind %d events, which were as recorded"):format(self.events)
    return false
  end
end

-- Exit status: 0 when all of it was the same.
local function tell(self)
  local seconds = self.last_ns and tonumber(self.last_ns - self.recording.first.ns) / 1e9 or 0
  local what = ("run %d of %s: %d events of %.1f s"):format(self.recording.run,
    self.recording.path, self.events, seconds)
  if self.difference then
    host.print_line(("%s, then it is not the same: %s"):format(what, self.difference))
  elseif self.obstacle then
    host.print_line(("%s are as recorded; event %d cannot be had again: %s"):format(what,
      self.events + 1, self.obstacle))
  else
    host.print_line(("%s: all %d commands, orders and fills are as recorded"):format(what,
                                                                                    self.count))
  end
  return (self.difference or self.obstacle) and 1 or 0
end

-- True, or nil and why it did not come to a verdict.
local function replay_all(self, others)
  local past, err = past_module.copy(self.recording, self.tape)
  if not past then return nil, err end
  self.world = world.begin(self.tape, past, others)
  local ok
  ok, err = self.recording:each_event(function(...) return replay_event(self, ...) end)
  self.world:finish()
  past:remove()
  return ok and not self.problem or nil, err or self.problem
end

local function fail(message)
  io.stderr:write("moonwire: ", message, "\n")
  stop(1)
end

function M.run(options, files)
  local path, number = table.remove(files, 1), tonumber(options.run)
  if not path then return cli.usage_error "replay: which journal? see moonwire replay --help" end
  if options.run and not (number and number >= 1 and number % 1 == 0) then
    return cli.usage_error "--run wants the number of a run, 1 or more"
  end
  local rec, err = recording.open(path, number)
  if not rec then return fail(err) end
  local tape
  tape, err = host.tape()
  if not tape then return fail(err) end
  local self = setmetatable({ recording = rec, tape = tape, options = options, events = 0,
                              count = 0, has_other_code = #files > 0 or options.config ~= nil },
                            Replay)
  local ok, why = replay_all(self, files)
  if not ok then return fail(why) end
  stop(tell(self))
end

return M
