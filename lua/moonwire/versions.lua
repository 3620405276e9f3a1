--- The versions of one piece of code: the last ten, with their texts; kept in the journal as well.

local diff = require "moonwire.diff"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local sorted = require "moonwire.sorted"

local M = {}
local MOST = 10

---@class moonwire.Version
---@field number integer
---@field time number                     when it was first loaded, seconds since 1970
---@field by string                       why: "start", "saved", "SIGHUP", a command
---@field files table<string, string>     path -> text
---@field has_failed boolean|nil           its probation, in this run

---@class moonwire.KeptVersion
---@field name string
---@field number integer
---@field time_ns string                digits
---@field by string
---@field files table<string, string>

local Versions = { __name = "moonwire.Versions" }
Versions.__index = Versions

--- @param name string             of the strategy or of the protocol
--- @param past moonwire.Version[]|nil  of earlier runs, oldest first
function M.new(name, past)
  return setmetatable({ name = name, list = past or {}, running = 0 }, Versions)
end

-- Without the places where a module was looked for and not found.
local function texts_of(files)
  local texts = {}
  for path, text in pairs(files) do texts[path] = text or nil end
  return texts
end

local function are_same(a, b)
  for path, text in pairs(a) do if b[path] ~= text then return false end end
  for path in pairs(b) do if a[path] == nil then return false end end
  return true
end

--- What differs between two versions, as text: of each file that is not the same in both.
---@param old { files: table<string, string> }
---@param new { files: table<string, string> }
---@return string
function M.difference(old, new)
  local all, parts = {}, {}
  for path in pairs(old.files) do all[path] = true end
  for path in pairs(new.files) do all[path] = true end
  for _, path in ipairs(sorted.keys(all)) do
    local text = diff.texts(old.files[path] or "", new.files[path] or "")
    if text ~= "" then parts[#parts + 1] = path .. "\n" .. text end
  end
  return #parts > 0 and table.concat(parts, "\n") or "no difference"
end

--- The versions in rows of the journal, which has a row a file.
---@param rows table[]  by name and number
---@return moonwire.KeptVersion[]  in the same order
function M.of_rows(rows)
  local list = {}
  for _, row in ipairs(rows) do
    local last = list[#list]
    if not last or last.name ~= row.name or last.number ~= row.number then
      last = { name = row.name, number = row.number, time_ns = row.time_ns, by = row.why or "",
               files = {} }
      list[#list + 1] = last
    end
    last.files[row.file] = row.text or ""
  end
  return list
end

local function record(self, version)
  for _, path in ipairs(sorted.keys(version.files)) do
    host.record("reload", { self.name, version.by, path, "loaded" }, version.number, 0,
                version.files[path])
  end
end

--- This code runs now. A text that is that of a version which is known is that version.
---@return moonwire.Version
function Versions:add(files, by)
  local texts, last = texts_of(files), self.list[#self.list]
  for _, version in ipairs(self.list) do
    if are_same(version.files, texts) then
      self.running, version.has_failed = version.number, nil
      return version
    end
  end
  local version = { number = last and last.number + 1 or 1, time = dispatch.now(), by = by,
                    files = texts }
  table.insert(self.list, version)
  if #self.list > MOST then table.remove(self.list, 1) end
  self.running = version.number
  record(self, version)
  return version
end

--- A callback has required one more module: it belongs to the version that runs.
function Versions:complete(files)
  local running = self:find(self.running)
  if not running then return end
  for path, text in pairs(texts_of(files)) do running.files[path] = running.files[path] or text end
  record(self, running)
end

--- Something that became of a reload and is no new version.
function Versions:note(by, outcome) host.record("reload", { self.name, by, "", outcome }) end

--- What runs has failed its probation.
function Versions:blame()
  local running = self:find(self.running)
  if running then running.has_failed = true end
end

--- The version of that number; without one, the one before that which runs, but none that has
--- failed. nil, err.
---@param number integer|nil
---@return moonwire.Version|nil
---@return string|nil err
function Versions:find(number)
  local before
  for _, version in ipairs(self.list) do
    if version.number == number then return version end
    if not number and version.number < self.running and not version.has_failed then
      before = version
    end
  end
  if before then return before end
  if not number then return nil, self.name .. ": there is no version before the one that runs" end
  return nil, ("%s: no version %s is kept"):format(self.name, tostring(number))
end

--- { { number =, time =, by =, is_running =, files = { path, ... } }, ... }, oldest first.
function Versions:describe()
  local described = {}
  for i, version in ipairs(self.list) do
    described[i] = { number = version.number, time = version.time, by = version.by,
                     is_running = version.number == self.running,
                     files = sorted.keys(version.files) }
  end
  return described
end

return M
