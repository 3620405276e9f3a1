--- The native decoder, as venue modules use it. A decoder is made once from the paths that are
--- wanted (runtime/decode.h says what a path is); reading a message fills fields that are read in
--- place:
---
---   local d = decode.new { "id", { "rows[].status", words = { "NEW", "FILL" } }, "rows[].price" }
---   d:start(pointer, length)                  -- or d:start(text), for tests
---   while d:next() do                         -- true; false at the end; nil, err for a bad text
---     decode.integer(d.head[0])               -- head fields: number of the path among the head
--- paths
---     for r = 0, d.row_count - 1 do decode.decimal(d:row(r)[1]) end
---   end

local decimal = require "moonwire.decimal"
local ffi = require "moonwire.cdef"
local C = ffi.C

local M = {}
local STRING, NUMBER, TRUE, FALSE, NULL = 1, 2, 3, 4, 5
M.types = { absent = 0, string = STRING, number = NUMBER, ["true"] = TRUE, ["false"] = FALSE,
            null = NULL, object = 6, array = 7 }

local Decoder = { __name = "moonwire.Decoder" }
Decoder.__index = Decoder
M.Decoder = Decoder

local function path_of(entry) return type(entry) == "table" and entry[1] or entry end

--- The field number of each path: head paths are numbered among themselves, row paths likewise.
---@param paths (string|table)[]
---@return table<string, integer>
function M.slots(paths)
  local slots, head, row = {}, 0, 0
  for _, entry in ipairs(paths) do
    local path = path_of(entry)
    if path:find("[]", 1, true) then
      slots[path], row = row, row + 1
    else
      slots[path], head = head, head + 1
    end
  end
  return slots
end

local function c_strings(list, pick)
  local array = ffi.new("const char *[?]", #list + 1)
  for i, entry in ipairs(list) do array[i - 1] = pick and pick(entry) or entry end
  return array
end

--- A decoder for these paths; raises when a path is malformed.
---@param paths (string|table)[]  a path, or { path, words = { ... } }
function M.new(paths)
  local err = ffi.new "struct mw_err"
  local handle = C.mw_decoder_new(c_strings(paths, path_of), #paths, err)
  if handle == nil then error(ffi.string(err.text), 2) end
  handle = ffi.gc(handle, C.mw_decoder_free)
  for i, entry in ipairs(paths) do
    if type(entry) == "table" and entry.words and C.mw_decoder_set_words(
      handle, i - 1, c_strings(entry.words), #entry.words, err) ~= 0 then
      error(ffi.string(err.text), 2)
    end
  end
  local view = C.mw_decoder_view(handle)
  return setmetatable({ handle = handle, view = view, head = view.head, row_count = 0,
                        anchor = false }, Decoder)
end

--- Begins a message: a pointer and a length, or a Lua string.
function Decoder:start(text, len)
  self.anchor = len == nil and text                     -- a string stays alive while it is read
  C.mw_decoder_start(self.handle, text, len or #text)
end

local function result_of(self, result)
  self.row_count = self.view.row_count
  if result == 1 then return true end
  if result == 0 then return false end
  return nil, ffi.string(self.view.error)
end

--- Reads the next JSON text of the message.
---@return boolean|nil more  true, or false when nothing is left; nil when it was malformed
---@return string|nil err    with the offset; the text that follows can be read all the same
function Decoder:next() return result_of(self, C.mw_decoder_next(self.handle)) end

--- Begins a message and reads its first JSON text, as next() does.
function Decoder:read(text, len)
  self.anchor = len == nil and text
  return result_of(self, C.mw_decoder_read(self.handle, text, len or #text))
end

--- Whether anything is left of the message.
function Decoder:has_more() return self.view.has_more ~= 0 end

--- The fields of the first row of a decoder, where there is one: without the way of Decoder.row.
function M.first_row(decoder) return decoder.view.rows end

--- The fields of row r (from 0).
function Decoder:row(r) return self.view.rows + r * self.view.row_width end

--- The JSON text that was read last.
function Decoder:text() return ffi.string(self.view.text, self.view.text_len) end

--- Whether it was {}.
function Decoder:is_empty_object() return self.view.text_len == 2 and self.view.text[0] == 123 end

--- The text of a string, a number, an object or an array; nil for anything else.
function M.text(field)
  local kind = field.type
  if kind ~= STRING and (kind == 0 or kind == NULL or kind == TRUE or kind == FALSE) then
    return nil
  end
  return ffi.string(field.text, field.len)
end

--- An id: a Lua number when its text is that number's one usual form (no new string has to be made
--- of it then), or the text.
function M.id(field)
  if field.type == STRING or field.type == NUMBER then
    local number = C.mw_text_integer(field.text, field.len)
    if number == number then return number end
  end
  return M.text(field)
end

--- The text of a string that seldom changes: `last`, what was read before, spares making it again.
function M.text_like(field, last)
  if C.mw_field_is(field, last, #last) == 1 then return last end
  return M.text(field)
end

--- A decimal of a number or of a string that is one; nil for anything else.
function M.decimal(field)
  local out = decimal.sum(decimal.ZERO)
  if C.mw_field_decimal(out, field) == 0 then return out end
  return nil
end

--- The same into a sum (decimal.lua); false when it is none.
function M.decimal_into(sum, field) return C.mw_field_decimal(sum, field) == 0 end

--- A whole number of units of 10^-decimals, as a decimal in a sum; false when it is none.
function M.units_into(sum, field, decimals) return C.mw_field_units(sum, field, decimals) == 0 end

--- A whole number up to 2^53 of a number or a string of digits; nil for anything else.
function M.integer(field)
  local value = C.mw_field_integer(field)
  if value == value then return value end
  return nil
end

--- true or false of a boolean; nil for anything else.
function M.bool(field)
  if field.type == TRUE then return true end
  if field.type == FALSE then return false end
  return nil
end

return M
