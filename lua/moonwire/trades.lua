--- The trade ids that were counted for one order: each once. Venues number trades upward, so a new
--- id is as a rule greater than all before. The greatest are kept with the order's totals
--- (runtime/tally.h), so that most orders need no table; what does not fit there goes into a set,
--- to the end of its list, and whatever comes otherwise (text, a number out of order) into a table
--- beside that. The set is false until it is needed.

local ffi = require "moonwire.cdef"
local C = ffi.C

local M = {}
local KNOWN, NEW, LOWER = 0, 1, 3                   -- enum mw_trade; 2: there is no more room
local MOVED = 7                                     -- at most, when there is no more room
local Ids = ffi.typeof "double[?]"

-- The listed ids are the first `count` of `list`, which has room for `room`; ascending.
local function new_set() return { count = 0, room = 0, list = false, others = false } end

--- What an id is kept as: a number where that is its one usual form (C says), else the text.
---@param id string|number  text, or the number of decode.id
function M.key(id)
  if type(id) == "number" then return id end
  local number = C.mw_text_integer(id, #id)
  return number == number and number or id
end

local function is_listed(set, id)
  local list, low, high = set.list, 0, set.count - 1
  while low <= high do
    local middle = math.floor((low + high) / 2)
    if list[middle] == id then return true end
    if list[middle] < id then low = middle + 1 else high = middle - 1 end
  end
  return false
end

-- Makes room in the totals.
local function move(totals, set)
  if set.count + MOVED > set.room then
    local room = math.max(4 * MOVED, 2 * set.room)
    local list = Ids(room)
    if set.list then ffi.copy(list, set.list, set.count * ffi.sizeof "double") end
    set.list, set.room = list, room
  end
  set.count = set.count + C.mw_trades_move(totals, set.list + set.count)
end

local function add_other(set, key)
  if type(key) == "number" and is_listed(set, key) then return false end
  set.others = set.others or {}
  if set.others[key] then return false end
  set.others[key] = true
  return true
end

-- What does not fit into the totals, or is out of order. Here alone order._trades is looked at:
-- what it holds makes no difference to the way of an event.
local function add_elsewhere(order, key, result)
  local set = order._trades or new_set()
  order._trades = set
  if result == LOWER then return add_other(set, key) end
  move(order._totals, set)
  return C.mw_trades_add(order._totals, key) == NEW
end

--- Counts a key for an order.
---@param order { _totals: ffi.cdata*, _trades: table|false }  struct mw_order_totals; the set
---@param key string|number   of M.key
---@return boolean is_new     false when it was there already
function M.add(order, key)
  local result = type(key) == "number" and C.mw_trades_add(order._totals, key) or LOWER
  if result == NEW then return true end
  return result ~= KNOWN and add_elsewhere(order, key, result)
end

--- Takes back the key that was added last.
function M.take_back(order, key)
  if type(key) == "number" and C.mw_trades_take_back(order._totals, key) == 1 then return end
  order._trades.others[key] = nil
end

return M
