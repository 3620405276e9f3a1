--- The files of a run that is run again: code and configuration as they were when they were read,
--- but for those that others take the place of; what strategies write (mw.file) stays in memory.

local inside = require "moonwire.inside"
local sorted = require "moonwire.sorted"

local Files = { __name = "moonwire.ReplayFiles" }
Files.__index = Files

local M = {}

-- As it was when it was read then; one that was not, from the disk.
local function read(self, path)
  if self.instead[path] then return self.from_disk(self.instead[path]) end
  local queue = self.queues[path]
  if queue and queue[1] then self.known[path] = table.remove(queue, 1) end
  local r = self.known[path]
  if not r then return self.from_disk(path) end
  if r.num == 0 then return nil, r.data end
  return r.data
end

-- A strategy goes by its name in the configuration, or by its file's.
local function take_places(self, name_of)
  local code = require "moonwire.code"
  local load = code.load
  function code.load(spec, options)
    for _, name in ipairs { spec.name, name_of(spec.file) } do
      self.instead[spec.file] = self.instead[spec.file] or self.others[name]
      self.is_used[name] = true
    end
    return load(spec, options)
  end
end

local function keep_what_is_written()
  local file, written = require "moonwire.file", {}
  local from_disk = file.read
  local function put(path, text)
    local place, err = inside.place(path)
    if not place then return nil, err end
    written[place] = text
    return true
  end
  function file.read(path)
    local place = inside.place(path)
    if written[place or ""] then return written[place] end
    return from_disk(path)
  end
  function file.write(path, text) return put(path, text) end
  function file.append(path, text) return put(path, (file.read(path) or "") .. text) end
end

--- Stands in for the disk from now on.
---@param others string[]  files, each in place of the strategy of its name
---@return moonwire.ReplayFiles
function M.begin(others)
  local reading, config = require "moonwire.reading", require "moonwire.config"
  local self = setmetatable({
    from_disk = reading.from_disk,
    others = {},                         -- name of a strategy -> file
    is_used = {},                        -- name -> true
    instead = {},                        -- path of a strategy -> file
    known = {},                          -- path -> the record of what was read there last
    queues = {},                         -- path -> records of what is read in this event
  }, Files)
  for _, path in ipairs(others) do self.others[config.strategy_name(path)] = path end
  take_places(self, config.strategy_name)
  function reading.from_disk(path) return read(self, path) end
  require("moonwire.fields").looks_at_files = false
  keep_what_is_written()
  return self
end

--- What was read while an event was handled, by the records of that.
---@param outcome moonwire.Record[]
function Files:expect(outcome)
  self.queues = {}
  for _, r in ipairs(outcome) do
    if r.kind == "file" then
      self.queues[r.text] = self.queues[r.text] or {}
      table.insert(self.queues[r.text], r)
    end
  end
end

--- The first of the others that took nothing's place; nil: there is none.
---@return string|nil
function Files:unused()
  for _, name in ipairs(sorted.keys(self.others)) do
    if not self.is_used[name] then return self.others[name] end
  end
end

return M
