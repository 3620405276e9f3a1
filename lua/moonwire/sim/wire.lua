--- Texts of the wire, where the order of members and the difference between "1" and 1 matter: JSON
--- written member by member, HTTP heads, forms, base64url.

local bit = require "bit"
local sorted = require "moonwire.sorted"

local M = {}

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local function escape(c) return escapes[c] or string.format("\\u%04x", c:byte()) end

--- A JSON string.
function M.text(s)
  return '"' .. tostring(s):gsub('[%c"\\]', escape) .. '"'
end

--- A JSON object of name, value, name, value...: a value is JSON text already, a whole number or a
--- boolean; nil leaves the member out.
function M.object(...)
  local parts, n = {}, 0
  for i = 1, select("#", ...), 2 do
    local name, value = select(i, ...)
    if value ~= nil then
      if type(value) == "number" then value = string.format("%.0f", value) end
      n = n + 1
      parts[n] = '"' .. name .. '":' .. tostring(value)
    end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- A JSON array of JSON texts.
function M.list(texts)
  return "[" .. table.concat(texts, ",") .. "]"
end

--- A list of f(item).
function M.each(items, f)
  local list = {}
  for i, item in ipairs(items) do list[i] = f(item) end
  return list
end

--- A JSON object of a table; names sorted, values are JSON text already.
function M.map(values)
  local parts = {}
  for i, name in ipairs(sorted.keys(values)) do parts[i] = M.text(name) .. ":" .. values[name] end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function char_of(hex) return string.char(tonumber(hex, 16)) end

--- Percent-decodes; a plus is a space.
function M.unescape(s)
  return (s:gsub("+", " "):gsub("%%(%x%x)", char_of))
end

--- Percent-encodes as PHP's urlencode does.
function M.escape(s)
  return (s:gsub("[^%w%-_%. ]", function(c) return string.format("%%%02X", c:byte()) end)
           :gsub(" ", "+"))
end

--- Adds the fields of a form or query text to `fields` (the last of a name counts).
function M.parse_form(text, fields)
  fields = fields or {}
  for pair in text:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=(.*)$")
    fields[M.unescape(name or pair)] = M.unescape(value or "")
  end
  return fields
end

--- The fields of a multipart body as the form text that they mean, in order. nil when it is none.
function M.form_of_multipart(content_type, body)
  local boundary = content_type:match('boundary="?([^";]+)"?')
  if not content_type:lower():find("^multipart/form%-data") or not boundary then return nil end
  local pairs_, from = {}, 1
  local mark = "--" .. boundary
  while true do
    local _, at = body:find(mark .. "\r\n", from, true)
    if not at then break end
    local head_end, data = body:find("\r\n\r\n", at, true)
    local stop = data and body:find("\r\n" .. mark, data, true)
    if not stop then break end
    local name = body:sub(at, head_end):match('name="([^"]*)"')
    if name then
      pairs_[#pairs_ + 1] = M.escape(name) .. "=" .. M.escape(body:sub(data + 1, stop - 1))
    end
    from = stop + 2
  end
  return table.concat(pairs_, "&")
end

--- Splits the host's text of a request, "METHOD SP target LF Name: value LF ...".
---@return string method, string target, table<string,string> headers  names in lower case
function M.parse_head(text)
  local method, target = text:match("^(%S+) (%S+)")
  local headers = {}
  for name, value in text:gmatch("\n([^:\n]+):[ \t]*([^\r\n]*)") do
    headers[name:lower()] = value
  end
  return method or "", target or "", headers
end

--- "/a/b?x=1" -> "/a/b", "x=1"
function M.split_target(target)
  local path, query = target:match("^([^?]*)%??(.*)$")
  return path, query
end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local digit_of = {}
for i = 1, 64 do digit_of[alphabet:byte(i)] = i - 1 end

function M.base64url(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local v = bit.bor(bit.lshift(a, 16), bit.lshift(b or 0, 8), c or 0)
    for k = 0, c and 3 or b and 2 or 1 do
      local d = bit.band(bit.rshift(v, 18 - 6 * k), 63) + 1
      out[#out + 1] = alphabet:sub(d, d)
    end
  end
  return table.concat(out)
end

--- nil when the text is not base64url.
function M.from_base64url(text)
  if #text % 4 == 1 then return nil end
  local out, v, bits = {}, 0, 0
  for i = 1, #text do
    local digit = digit_of[text:byte(i)]
    if not digit then return nil end
    v, bits = bit.band(bit.bor(bit.lshift(v, 6), digit), 0xffffff), bits + 6
    if bits >= 8 then
      bits = bits - 8
      out[#out + 1] = string.char(bit.band(bit.rshift(v, bits), 255))
    end
  end
  return table.concat(out)
end

function M.from_hex(hex)
  return (hex:gsub("%x%x", char_of))
end

--- The header of a server's text frame and half of its payload (RFC 6455, 5.2).
function M.begin_frame(text)
  local n, header = #text
  if n < 126 then header = string.char(0x81, n)
  elseif n < 65536 then header = string.char(0x81, 126, math.floor(n / 256), n % 256)
  else
    header = string.char(0x81, 127, 0, 0, 0, 0, math.floor(n / 16777216) % 256,
                         math.floor(n / 65536) % 256, math.floor(n / 256) % 256, n % 256)
  end
  return header .. text:sub(1, math.floor(n / 2))
end

--- A limit of `count` calls in any `per_ms`, as a ring of the last times.
function M.window(count, per_ms)
  local times, i = {}, 0
  --- Counts a call; false when it is over the limit (and is then not counted).
  return function(now)
    local oldest = times[i + 1]
    if oldest and now - oldest < per_ms then return false end
    times[i + 1] = now
    i = (i + 1) % count
    return true
  end
end

return M
