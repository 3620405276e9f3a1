--- The trade ids that were counted for one order: each once. What an order holds of them is false,
--- the only one, which is a number (most orders have one trade), or a set. Venues number trades
--- upward, so a new id is as a rule greater than all before and goes to the end of the set's list,
--- which is read and written where it was last; whatever comes otherwise (text, a number out of
--- order) goes into a table beside it.

local ffi = require "moonwire.cdef"
local C = ffi.C

local M = {}

-- The listed ids are those of `list` and then `last`.
local function new_set()
  return { count = 0, last = false, list = false, others = false, last_other = false,
           was_listed = false }
end

--- What an id is kept as: a number where that is its one usual form (C says), else the text.
---@param id string|number  text, or the number of decode.id
function M.key(id)
  if type(id) == "number" then return id end
  local number = C.mw_text_integer(id, #id)
  return number == number and number or id
end

local function is_listed(self, key)
  if key == self.last then return true end
  local list, low, high = self.list, 1, self.count - 1
  while low <= high do
    local middle = math.floor((low + high) / 2)
    if list[middle] == key then return true end
    if list[middle] < key then low = middle + 1 else high = middle - 1 end
  end
  return false
end

local function is_beyond(self, key)
  return type(key) == "number" and (self.count == 0 or key > self.last)
end

local function append(self, key)
  if self.count > 0 then
    self.list = self.list or {}
    self.list[self.count] = self.last
  end
  self.count, self.last, self.was_listed = self.count + 1, key, true
end

local function add_to_set(self, key)
  if is_beyond(self, key) then
    append(self, key)
    return true
  end
  if type(key) == "number" and is_listed(self, key) then return false end
  self.others = self.others or {}
  if self.others[key] then return false end
  self.others[key], self.last_other, self.was_listed = true, key, false
  return true
end

local function set_of(held)
  if type(held) == "table" then return held end
  local set = new_set()
  if held then append(set, held) end
  return set
end

--- Adds a key to what an order holds.
---@param held table|number|false
---@param key string|number  of M.key
---@return boolean is_new        false when it was there already
---@return table|number held     what the order holds now
function M.add(held, key)
  if not held and type(key) == "number" then return true, key end
  if held == key then return false, held end
  local set = set_of(held)
  return add_to_set(set, key), set
end

--- Takes back the key that was added last; returns what the order holds then.
---@param held table|number
---@return table|false held
function M.take_back(held)
  if type(held) == "number" then return false end
  if held.was_listed then
    held.count = held.count - 1
    held.last = held.count > 0 and held.list[held.count]
  else
    held.others[held.last_other] = nil
  end
  return held
end

return M
