--- What a run that is run again finds in its journal: what was there when it began, and what it has
--- recorded since. In a copy of its own, which is gone at the end.

local ffi = require "ffi"
local host = require "moonwire.host"

ffi.cdef "char *mkdtemp(char *name);"

local Past = { __name = "moonwire.ReplayPast" }
Past.__index = Past

local M = {}
local CUT_OFF = "cut off"             -- how a run ended of which nobody noted the end (journal.c)
local FLUSH_BYTES = 1024 * 1024       -- that wait to be written

-- Nobody else's.
local function new_directory()
  local name = (os.getenv "TMPDIR" or "/tmp") .. "/moonwire-replay-XXXXXX"
  local buffer = ffi.new("char[?]", #name + 1, name)
  if ffi.C.mkdtemp(buffer) == nil then return nil, name .. ": no directory can be made there" end
  return ffi.string(buffer)
end

--- Copies what was recorded before the run.
---@param recording moonwire.Recording
---@param tape table       of host.tape: says when to give up
---@return moonwire.ReplayPast|nil
---@return string|nil err
function M.copy(recording, tape)
  local directory, err = new_directory()
  if not directory then return nil, err end
  local path = directory .. "/copy.db"
  local self = setmetatable({ directory = directory, path = path, journal = false,
                              waiting = {}, waiting_bytes = 0, lags = 0 }, Past)
  local copy
  copy, err = host.journal_copy(path)
  if not copy then
    self:remove()
    return nil, err
  end
  local ok
  ok, err = recording:each_before(function(bytes)
    if tape:is_interrupted() then return nil, "interrupted" end
    return copy:write(bytes)
  end, function(how)
    if how ~= CUT_OFF then assert(copy:end_run(how)) end
  end)
  copy:close()
  -- Whoever opens it notes what was cut off.
  if ok then self.journal, err = host.journal_copy(path) end
  if ok and self.journal then return self end
  self:remove()
  return nil, err
end

local function flush(self)
  if self.waiting_bytes == 0 then return end
  local bytes = table.concat(self.waiting)
  self.waiting, self.waiting_bytes = {}, 0
  assert(self.journal:write(bytes))
end

--- Adds what the run has recorded.
---@param bytes string  records
function Past:add(bytes)
  self.waiting[#self.waiting + 1] = bytes
  self.waiting_bytes = self.waiting_bytes + #bytes
  if self.waiting_bytes > FLUSH_BYTES then flush(self) end
end

--- The archive reads here from now on; it lags behind where it did so then.
function Past:begin()
  local archive, lag = require "moonwire.archive", require "moonwire.journal.lag"
  local open = archive.open
  function archive.open(path, log) return open(path and self.path, log) end
  function lag.lags()
    self.lags = self.lags - 1
    return self.lags >= 0
  end
end

--- What was seen of the journal while an event was handled, by the records of that.
---@param outcome moonwire.Record[]
function Past:expect(outcome)
  self.lags = 0
  for _, r in ipairs(outcome) do if r.kind == "lag" then self.lags = self.lags + 1 end end
end

--- The host's function that opens a journal.
function Past:stand_in()
  local open = host.journal_open
  return {
    journal_open = function(path)
      local db, err = open(path)
      if not db then return nil, err end
      return {
        query = function(_, ...)
          flush(self)
          return db:query(...)
        end,
        close = function() db:close() end,
      }
    end,
  }
end

function Past:remove()
  if self.journal then self.journal:close() end
  for _, ending in ipairs { "", "-wal", "-shm" } do os.remove(self.path .. ending) end
  os.remove(self.directory)
end

return M
