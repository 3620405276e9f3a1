--- The trade ids that were counted for one order: each once. Venues number trades upward, so a new
--- id is as a rule greater than all before and goes to the end of a list, which is read and written
--- where it was last; whatever comes otherwise (text, a number out of order) goes into a table
--- beside it.

local ffi = require "moonwire.cdef"
local C = ffi.C

local Trades = { __name = "moonwire.Trades" }
Trades.__index = Trades

local M = {}

function M.new() return setmetatable({ count = 0, list = {}, others = false, last_other = false,
                        was_listed = false }, Trades) end

--- What an id is kept as: a number where that is its one usual form (C says), else the text.
---@param id string|number  text, or the number of decode.id
function M.key(id)
  if type(id) == "number" then return id end
  local number = C.mw_text_integer(id, #id)
  return number == number and number or id
end

local function is_listed(list, count, key)
  local low, high = 1, count
  while low <= high do
    local middle = math.floor((low + high) / 2)
    if list[middle] == key then return true end
    if list[middle] < key then low = middle + 1 else high = middle - 1 end
  end
  return false
end

local function is_beyond(self, key)
  return type(key) == "number" and (self.count == 0 or key > self.list[self.count])
end

--- Takes back the key that was added last.
function Trades:take_back()
  if self.was_listed then
    self.list[self.count] = nil
    self.count = self.count - 1
  else
    self.others[self.last_other] = nil
  end
end

--- Adds a key; false when it was there already.
function Trades:add(key)
  if is_beyond(self, key) then
    self.count = self.count + 1
    self.list[self.count], self.was_listed = key, true
    return true
  end
  if type(key) == "number" and is_listed(self.list, self.count, key) then return false end
  self.others = self.others or {}
  if self.others[key] then return false end
  self.others[key], self.last_other, self.was_listed = true, key, false
  return true
end

return M
