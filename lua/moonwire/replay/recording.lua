--- A run as the journal has it: its events in their order, each with what was recorded while it was
--- handled.

local ffi = require "moonwire.cdef"
local host = require "moonwire.host"
local records = require "moonwire.journal.records"

local C = ffi.C
local Recording = { __name = "moonwire.Recording" }
Recording.__index = Recording

local M = {}

local is_event = {}
for _, kind in ipairs(host.event_kinds()) do is_event[kind] = true end

local function chunks_of(self, where, ...)
  return self.db:query("SELECT chunk, run, bytes FROM chunks WHERE " .. where
                       .. " ORDER BY chunk LIMIT 1", ...)
end

-- Calls visit(chunk) for each chunk that `where` means, behind the one of number ?1; true, or nil
-- and what failed.
local function each_chunk(self, where, visit, ...)
  local last = 0
  while true do
    local rows, err = chunks_of(self, "chunk > ? AND " .. where, last, ...)
    if not rows then return nil, err end
    if not rows[1] then return true end
    last = rows[1].chunk
    local ok
    ok, err = visit(rows[1])
    if not ok then return nil, err end
  end
end

local function each_record(self, visit)
  return each_chunk(self, "run = ?", function(chunk)
    return records.each(chunk.bytes, chunk.run, visit)
  end, self.run)
end

-- What stood on the command line of a run; empty when its beginning is not there any more.
local function command_of(self, run)
  local rows, err = self.db:query("SELECT bytes FROM chunks WHERE run = ? ORDER BY chunk LIMIT 1",
                                  run)
  local first
  if rows and rows[1] then
    rows, err = records.each(rows[1].bytes, run, function(r) first = first or r end)
  end
  if not rows then return nil, err end
  return first and first.kind == "start" and records.words(first.data) or {}
end

-- The last one of `moonwire run`: the guardian's sweeps are runs as well. nil when there is none.
local function last_run(self)
  local rows, err = self.db:query "SELECT DISTINCT run FROM chunks ORDER BY run DESC"
  for _, row in ipairs(rows or {}) do
    local words
    words, err = command_of(self, row.run)
    if not words then return nil, err end
    if words[1] == "run" then return row.run end
  end
  return nil, err or "there is no `moonwire run` in it"
end

-- What is wrong with a recording that cannot be run again; nil when nothing is.
local function problem_of(self)
  local has_begun, has_seeds = false, false
  local words, err = command_of(self, self.run)
  local ok = words and each_record(self, function(r)
    self.first = self.first or r
    has_begun, has_seeds = has_begun or r.kind == "run", has_seeds or r.kind == "seed"
  end)
  if not ok then return err end
  if not self.first then return ("there is no run %d in it"):format(self.run) end
  if not words[1] then
    return ("the beginning of run %d is not there any more (journal.max_mb, max_days)"):format(
      self.run)
  end
  if words[1] ~= "run" then
    return ("run %d is of `moonwire %s`: only what `moonwire run` does can be run again"):format(
      self.run, words[1])
  end
  if not has_begun then return ("run %d ended before it began to trade"):format(self.run) end
  if not has_seeds then
    return ("run %d was recorded by a moonwire that did not keep all that it takes"):format(
      self.run)
  end
end

--- Opens a run of a journal: the last one when `run` is nil.
---@param path string
---@param run integer|nil
---@return moonwire.Recording|nil
---@return string|nil err
function M.open(path, run)
  local db, err = host.journal_open(path)
  if not db then return nil, err end
  local self = setmetatable({ db = db, path = path, run = run }, Recording)
  if not run then self.run, err = last_run(self) end
  err = not self.run and err or self.run and problem_of(self)
  if err then return nil, ("journal %s: %s"):format(path, err) end
  return self
end

--- The words of the command line that began it, `run` first.
function Recording:arguments() return records.words(self.first.data) end

--- Calls visit(records) with the unpacked records of each chunk of the runs before this one, and
--- ended(how) behind the last of each of them.
---@return boolean|nil ok
---@return string|nil err
function Recording:each_before(visit, ended)
  local last
  local function finish(run)
    if not last or run == last then return end
    local rows = self.db:query("SELECT how FROM runs WHERE run = ?", last)
    ended(rows and rows[1] and rows[1].how or "unknown")
  end
  local ok, err = each_chunk(self, "run < ?", function(chunk)
    finish(chunk.run)
    last = chunk.run
    local len = tonumber(C.mw_chunk_len(chunk.bytes, #chunk.bytes))
    local bytes = ffi.new("char[?]", math.max(len, 1))
    if len < 0 or C.mw_chunk_unpack(chunk.bytes, #chunk.bytes, bytes, len) < 0 then
      return nil, ("a chunk of run %d is damaged"):format(chunk.run)
    end
    return visit(ffi.string(bytes, len))
  end, self.run)
  finish(nil)
  return ok, err
end

--- Whether a callback was ended there for its time or its memory (runner.lua says so).
---@param outcome moonwire.Record[]
function M.has_ended_callback(outcome)
  for _, r in ipairs(outcome) do
    if r.kind == "log" and r.num == 0 and r.text:find(" was ended: ", 1, true) then return true end
  end
  return false
end

-- Whether it came to its own end: else it may have hung in its last event.
local function ended_by_itself(self)
  local rows = self.db:query("SELECT how FROM runs WHERE run = ?", self.run)
  local how = rows and rows[1] and rows[1].how
  return how ~= nil and how:find "^exit" ~= nil
end

--- Calls visit(event, outcome) for each event: its record, and a list of those that
--- followed from it. Until visit returns false. Of a run that was killed the last one is left out:
--- what followed from it is not all there, and it may be what the run died of.
---@return boolean|nil ok
---@return string|nil err
function Recording:each_event(visit)
  local event, outcome, goes_on = nil, {}, true
  local ok, err = each_record(self, function(r)
    if not goes_on then return end
    if is_event[r.kind] then
      if event then goes_on = visit(event, outcome) ~= false end
      event, outcome = r, {}
    elseif event and (r.event == event.event or r.kind == "ws_lost") then
      outcome[#outcome + 1] = r              -- (a line may be lost between two events)
    end
  end)
  if ok and event and goes_on and ended_by_itself(self) then visit(event, outcome) end
  return ok, err
end

--- The records that a tape (host.tape) holds, but for those of events.
---@param bytes string
---@return moonwire.Record[]
function M.outcome_of(bytes)
  local list = {}
  records.each_of(ffi.cast("const char *", bytes), #bytes, 0, function(r)
    if not is_event[r.kind] then list[#list + 1] = r end
  end)
  return list
end

return M
