--- The trade ids that were counted for one order: each once. Venues number trades upward, so a new
--- id is as a rule greater than all before and goes to the end of a list, which is read and written
--- where it was last; whatever comes otherwise (text, a number out of order) goes into a table
--- beside it.

local ffi = require "moonwire.cdef"
local C = ffi.C

local Trades = { __name = "moonwire.Trades" }
Trades.__index = Trades

local M = { Trades = Trades }

-- The listed ids are those of `list` and then `last`: most orders have one trade, and no list.
function M.new()
  return setmetatable({ count = 0, last = false, list = false, others = false, last_other = false,
                        was_listed = false }, Trades)
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

--- Takes back the key that was added last.
function Trades:take_back()
  if self.was_listed then
    self.count = self.count - 1
    self.last = self.count > 0 and self.list[self.count]
  else
    self.others[self.last_other] = nil
  end
end

--- Adds a key; false when it was there already.
function Trades:add(key)
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

return M
