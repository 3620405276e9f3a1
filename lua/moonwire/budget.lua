--- What runs now, and its end: the runtime says at each entry into a strategy's code which one it
--- is, where the guardian can read it; what runs too long or takes too much memory is ended by C
--- (runtime/budget.h). Here is what Lua has to do with it.

local ffi = require "moonwire.cdef"
local host = require "moonwire.host"
local log = require "moonwire.log"

local M = {}

local shared = ffi.cast("struct mw_shared *", host.shared())
local PLACES, LENGTH = 1024, 95         -- of shared.names
local NONE, MEMORY = 0, 2               -- enum mw_interrupt
local MB = 1024 * 1024
local SAY_AGAIN = 60                    -- seconds
local places = {}                       -- text -> its place in shared.names
local free_places = {}                  -- whose texts are not used any more

--- struct mw_shared, for other modules that say what they do.
M.shared = shared

local function write_name(place, text)
  ffi.fill(shared.names[place], LENGTH + 1)
  ffi.copy(shared.names[place], text, math.min(#text, LENGTH))
end

write_name(0, "a strategy")             -- when there are more than there are places
shared.name_count, shared.callbacks, shared.ended = 1, 0, NONE

-- The end of the path says more than its beginning.
local function fitted(head, path, tail)
  local room = LENGTH - #head - #tail
  if #path > room then path = "..." .. path:sub(-math.max(room - 3, 1)) end
  return head .. path .. tail
end

--- The place of a name for M.enter: "strategy ladder, on_fill (strategies/ladder.lua:34)".
---@param strategy string
---@param what string       the callback
---@param code function|nil
---@return integer
function M.place(strategy, what, code)
  local text = ("strategy %s, %s"):format(strategy, what)
  if code then
    local info = debug.getinfo(code, "S")
    text = fitted(text .. " (", info.source:gsub("^@", ""), ":" .. info.linedefined .. ")")
  end
  local place = places[text]
  if place then return place end
  place = table.remove(free_places) or shared.name_count
  if place >= PLACES then return 0 end
  write_name(place, text)
  places[text] = place
  if place == shared.name_count then shared.name_count = place + 1 end
  return place
end
-- What is compiled with this in it ends here, and the path of an event leads into that ever after.
jit.off(M.place)

--- Names that are not used any more, { [callback] = place }: others may have their places.
function M.forget(used)
  local is_free = {}
  for _, place in pairs(used) do is_free[place] = place ~= 0 end
  for text, place in pairs(places) do
    if is_free[place] then
      places[text] = nil
      free_places[#free_places + 1] = place
    end
  end
end

--- A strategy's code begins to run.
---@param place integer  of its name
function M.enter(place)
  shared.callback = place
  shared.callbacks = shared.callbacks + 1
end

--- ... and has ended. True when it was ended: then M.take says why.
---@return boolean
function M.leave()
  shared.callbacks = shared.callbacks + 1
  return shared.ended ~= NONE
end

--- Whether the code that is running is being ended: no handler of errors may keep it alive.
function M.is_ending() return shared.ended ~= NONE end

--- Why the last callback was ended.
---@return boolean is_memory  for memory, not for time
---@return string report      "FILE:LINE: it ran longer than 1 s (max_callback)", and the traceback
function M.take()
  local why = shared.ended
  shared.ended = NONE
  return why == MEMORY, host.budget_report()
end

--- Whether an error that left a strategy's code is want of memory.
---@param err any
function M.is_out_of_memory(err)
  return type(err) == "string" and err:find("^not enough memory") ~= nil
end

--- Limits callbacks and memory from now on.
---@param config moonwire.Configuration
---@return boolean|nil ok
---@return string|nil err
function M.start(config)
  return host.budget_start {
    max_callback = config.max_callback, memory_limit_mb = config.memory_limit_mb,
  }
end

--- Runs the top level of a strategy's file, which is ended like a callback; without a guardian's
--- help, because there is none yet.
---@param spec table  { name =, file = }
---@param chunk function
---@return any|nil value  what the file returned
---@return string|nil err
function M.load(spec, chunk)
  host.budget_watch(true)
  M.enter(M.place(spec.name, "loading", chunk))
  local ok, value = xpcall(chunk, debug.traceback)
  local was_ended = M.leave()
  host.budget_watch(false)
  if was_ended then
    local _, report = M.take()
    return nil, report
  end
  if ok then return value end
  return nil, tostring(value)
end

--- The process has more memory than it may, and no callback that runs took it: collects, and stops
--- the runtime when that does not help.
---@param desk moonwire.Desk
function M.on_memory(desk)
  if desk.stopping then return end
  collectgarbage()
  collectgarbage()
  local used, was_refused = host.memory()
  local limit = desk.config.memory_limit_mb
  if used <= limit * MB and not was_refused then
    local now = host.monotonic()
    if M.told_at and now - M.told_at < SAY_AGAIN then return end
    M.told_at = now
    return log.new().warn("memory: memory_limit_mb = %d was reached; %d MB are left in use after "
                          .. "collecting", limit, used / MB)
  end
  log.new().error("memory: %d MB are in use, memory_limit_mb is %d; orders are canceled and the "
                  .. "runtime stops: look for what a strategy keeps and never lets go, or raise "
                  .. "the limit", used / MB, limit)
  desk:stop(1, ("memory limit %d MB"):format(limit))
end

return M
