--- Texts that come and go, and what each stands for: a table of which they are the keys, but each
--- takes as long as the others. LuaJIT makes such a table anew, as a whole, as often as it has been
--- filled, and an order that comes just then waits for that.

local ffi = require "moonwire.cdef"

local C = ffi.C
local STRING, NUMBER = 1, 2            -- decode.types
local Index = { __name = "moonwire.Index" }
Index.__index = Index

local M = { Index = Index }

function M.new()
  local places = C.mw_places_new()
  if places == nil then error("out of memory") end
  return setmetatable({ places = ffi.gc(places, C.mw_places_free), texts = {}, values = {} }, Index)
end

-- (FFI would take some other things for a text, and say of the rest what nobody understands.)
local function check(text)
  if type(text) ~= "string" then
    error(("an id is a text, and this one a %s: %s"):format(type(text), tostring(text)), 3)
  end
end

--- What the text stands for, or nil.
---@param text string
function Index:get(text)
  check(text)
  local place = C.mw_places_find(self.places, text, #text)
  if place ~= 0 then return self.values[place] end
end

--- What the text of a decoder's field stands for, and the text; or nil. No Lua string is made.
function Index:get_field(field)
  local kind = field.type
  if kind ~= STRING and kind ~= NUMBER then return nil end
  local place = C.mw_places_find(self.places, field.text, field.len)
  if place ~= 0 then return self.values[place], self.texts[place] end
end

local function hold(self, place, text, value)
  self.texts[place], self.values[place] = text, value
end

--- From now on the text stands for this value, in place of another.
---@param text string
---@param value any  not nil
function Index:set(text, value)
  check(text)
  local place = C.mw_places_take(self.places, text, #text)
  if place == 0 then error("out of memory") end
  local ok, err = pcall(hold, self, place, text, value)
  if ok then return end
  C.mw_places_leave(self.places, text, #text)            -- nobody may hold it: it goes away
  self.texts[place], self.values[place] = nil, nil
  error(err, 0)
end

--- The text stands for nothing any more.
---@param text string
function Index:remove(text)
  check(text)
  local place = C.mw_places_leave(self.places, text, #text)
  if place ~= 0 then self.texts[place], self.values[place] = false, false end
end

return M
