--- Whether an event had the same outcome again: the same commands, orders, fills, in the same
--- order, byte for byte. What a secret was in is compared without it, and what the machine adds (a
--- handshake, its log) is left out.

local host = require "moonwire.host"
local records = require "moonwire.journal.records"
local secrets = require "moonwire.replay.secrets"
local text = require "moonwire.journal.text"

local M = {}
local SHOWN = 400                     -- characters of what differs
local MASK = secrets.MASK             -- in place of what may be of any length
local CLOSE, PONG = 8, 10             -- opcodes: the host sends these by itself

local compared = {
  run = true, ws_opening = true, ws_send = true, ws_closing = true, http_request = true,
  http_cancel = true, order = true, order_status = true, fill = true, session = true,
  dropped = true, persist = true, told = true, reload = true,
}

local function is_compared(r)
  return compared[r.kind] and not (r.kind == "ws_send" and (r.num == CLOSE or r.num == PONG))
end

-- A mask is as long as what was there, its name included where that told what it is. (What looks
-- like a token is masked in a journal, whoever made it.)
local function unmasked(bytes)
  return (host.masked(bytes):gsub("[%w_]*=?%[secret%.*%]", MASK))
end

-- What is a secret now may have been too short for a mask.
local function says_same(recorded, again)
  if recorded == again then return true end
  recorded, again = unmasked(recorded), unmasked(again)
  if recorded == again or not again:find(MASK, 1, true) then return recorded == again end
  local pattern = again:gsub("%W", "%%%0"):gsub("%%%[secret%%%]", "%.%-")
  return recorded:find("^" .. pattern .. "$") ~= nil
end

-- The number of the process is another one. A venue's file is the library's, which is told of once.
local without = { run = { num = true }, reload = { data = true } }

-- The last word of these is where something stands: the callback that sent an order, with its line,
-- and the configuration. Of other code that is another place.
local places = { order = true, run = true }

-- The library may be in another directory.
local function text_of(r, is_other_code)
  if r.kind == "reload" then return (r.text:gsub("%Z*/moonwire/venues/", "moonwire/venues/")) end
  return is_other_code and places[r.kind] and r.text:gsub("%Z*%z$", "") or r.text
end

local function is_same(a, b, is_other_code)
  if a.kind ~= b.kind or a.id ~= b.id then return false end
  local ignored = without[a.kind] or {}
  return (ignored.num or a.num == b.num) and a.num2 == b.num2
    and (ignored.data or says_same(a.data, b.data))
    and says_same(text_of(a, is_other_code), text_of(b, is_other_code))
end

local function only_compared(list)
  local out = {}
  for _, r in ipairs(list) do if is_compared(r) then out[#out + 1] = r end end
  return out
end

local function describe(r)
  if not r then return "nothing" end
  return ("%s %s %s"):format(r.kind, r.id > 0 and ("%.0f"):format(r.id) or "",
                             records.describe(r, SHOWN))
end

--- How many records the outcome has that count; or nil and what differs.
---@param event moonwire.Record
---@param recorded moonwire.Record[]
---@param again moonwire.Record[]
---@param is_other_code boolean  it, or its configuration, need not stand in the same place
---@return integer|nil count
---@return string|nil difference
function M.compare(event, recorded, again, is_other_code)
  recorded, again = only_compared(recorded), only_compared(again)
  for i = 1, math.max(#recorded, #again) do
    local a, b = recorded[i], again[i]
    if not (a and b and is_same(a, b, is_other_code)) then
      return nil, ("event %d (%s, %s) differs\n  recorded  %s\n  now       %s"):format(event.event,
        event.kind, text.iso(text.digits(event.ns)), describe(a), describe(b))
    end
  end
  return #recorded
end

return M
