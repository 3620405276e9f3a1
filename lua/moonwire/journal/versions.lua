--- The versions of code that a journal keeps: the last ten of each strategy, venue's file and
--- module, and what differs between two of them.

local text = require "moonwire.journal.text"
local sorted = require "moonwire.sorted"
local versions = require "moonwire.versions"

local M = {}

M.columns = {
  { title = "name" }, { title = "version", is_number = true }, { title = "time (UTC)" },
  { title = "by" }, { title = "lines", is_number = true }, { title = "files" },
}

local function read(db, name)
  local rows, err = db:query("SELECT * FROM versions WHERE name = ifnull(?, name) "
                             .. "ORDER BY name, number, file", name)
  if not rows then return nil, err end
  return versions.of_rows(rows)
end

-- The names that there are, for who typed another one.
local function names_of(db)
  local list, err = read(db)
  if not list then return err end
  local names = {}
  for _, each in ipairs(list) do
    if names[#names] ~= each.name then names[#names + 1] = each.name end
  end
  return #names > 0 and "it has those of " .. table.concat(names, ", ") or "it has none at all"
end

--- All that are kept, or those of one name; by name and number. nil, err.
---@param db table  of host.journal_open
---@param name string|nil
---@return moonwire.KeptVersion[]|nil
---@return string|nil err
function M.list(db, name)
  local list, err = read(db, name)
  if not list then return nil, err end
  if name and #list == 0 then
    return nil, ("no version of %s is kept; %s"):format(name, names_of(db))
  end
  return list
end

local function lines_of(version)
  local count = 0
  for _, each in pairs(version.files) do
    count = count + select(2, each:gsub("\n", "")) + (each:find "[^\n]$" and 1 or 0)
  end
  return count
end

--- A version as the cells of M.columns.
function M.cells(version)
  return { version.name, tostring(version.number), text.time(version.time_ns), version.by,
           tostring(lines_of(version)), table.concat(sorted.keys(version.files), ", ") }
end

--- A version for machines, its texts included.
function M.json_fields(version)
  return { name = version.name, number = version.number, time = text.iso(version.time_ns),
           by = version.by, files = version.files }
end

local function numbers_of(list)
  local numbers = {}
  for i, each in ipairs(list) do numbers[i] = tostring(each.number) end
  return table.concat(numbers, ", ")
end

local function find(list, number)
  for _, each in ipairs(list) do if each.number == number then return each end end
  return nil, ("no version %d of %s is kept; kept: %s"):format(number, list[1].name,
                                                                  numbers_of(list))
end

--- What differs between versions `a` and `b` of that name, as text; without b: between a and the
--- last one; without both: between the last two. nil, err.
---@param db table
---@param name string
---@param a integer|nil
---@param b integer|nil
---@return string|nil
---@return string|nil err
function M.diff(db, name, a, b)
  local list, err = M.list(db, name)
  if not list then return nil, err end
  if not a and #list < 2 then
    return nil, ("of %s one version is kept, %d"):format(name, list[1].number)
  end
  local old, new
  old, err = find(list, a or list[#list - 1].number)
  if old then new, err = find(list, b or list[#list].number) end
  if not new then return nil, err end
  return versions.difference(old, new)
end

return M
