--- The records of a journal's chunks (runtime/record.h): read, and told in words.

local ffi = require "moonwire.cdef"
local text = require "moonwire.journal.text"
local C = ffi.C

local M = {}
local HEAD = ffi.sizeof "struct mw_record"
local CUT = 0x8000
local levels = { [0] = "error", "warn", "info", "debug" }

---@class moonwire.Record
---@field run integer
---@field number integer
---@field ns integer            int64, since 1970
---@field kind string
---@field kind_number integer   as C has it
---@field event integer|nil     number of the event that was handled
---@field id integer            of connection, request, timer or order
---@field num integer
---@field num2 integer
---@field flags integer
---@field data string
---@field text string

local function read(bytes, at, run)
  local r = ffi.cast("const struct mw_record *", bytes + at)
  local content = bytes + at + HEAD
  return {
    run = run, number = tonumber(r.number), ns = r.time_ns + 0LL,
    kind = ffi.string(C.mw_record_name(r.kind)), kind_number = r.kind,
    event = r.event > 0 and tonumber(r.event) or nil,
    id = tonumber(r.id), num = tonumber(r.num), num2 = tonumber(r.num2), flags = r.flags,
    data = ffi.string(content, r.data_len), text = ffi.string(content + r.data_len, r.text_len),
  }
end

--- Calls visit(record) for each of the records that stand in `len` bytes. True, or nil and what is
--- wrong with the bytes.
---@param bytes ffi.cdata*  const char *
---@param len integer
---@param run integer
---@param visit fun(record: moonwire.Record)
function M.each_of(bytes, len, run, visit)
  local at = 0
  while at < len do
    local r = ffi.cast("const struct mw_record *", bytes + at)
    if len - at < HEAD or r.size < HEAD or r.size > len - at
      or r.size - HEAD < tonumber(r.data_len) + tonumber(r.text_len) then
      return nil, ("no record at byte %d of a chunk of run %d"):format(at, run)
    end
    visit(read(bytes, at, run))
    at = at + r.size
  end
  return true
end

--- Calls visit(record) for each record of a chunk. True, or nil and what is wrong with the bytes.
---@param chunk string     as the journal has it
---@param run integer
---@param visit fun(record: moonwire.Record)
function M.each(chunk, run, visit)
  local len = tonumber(C.mw_chunk_len(chunk, #chunk))
  local bytes = ffi.new("char[?]", math.max(len, 1))
  if len < 0 or C.mw_chunk_unpack(chunk, #chunk, bytes, len) < 0 then
    return nil, ("a chunk of run %d is damaged: it cannot be unpacked"):format(run)
  end
  return M.each_of(bytes, len, run, visit)
end

-- In words ----------------------------------------------------------------------------------------

--- The texts of a list: each is ended by NUL.
function M.words(list)
  local words = {}
  for word in list:gmatch "(%Z*)%z" do words[#words + 1] = word end
  return words
end

-- Decimal number i (from 0) of the data, as text.
local buffer = ffi.new "char[128]"
local function decimal_at(data, i)
  if #data < 16 * (i + 1) then return "?" end
  local d = ffi.cast("const struct mw_decimal *", ffi.cast("const char *", data)) + i
  return ffi.string(buffer, C.mw_decimal_format(d, buffer, 128))
end

local has = function(flags, flag) return bit.band(flags, flag) ~= 0 end

-- What is in the data of an order, a status, a fill.
local amounts = {
  order = function(r)
    return { price = has(r.flags, 1) and decimal_at(r.data, 0) or nil,
             qty = has(r.flags, 2) and decimal_at(r.data, 1) or nil,
             amount = has(r.flags, 4) and decimal_at(r.data, 2) or nil }
  end,
  order_status = function(r)
    return { cum_qty = decimal_at(r.data, 0), value = decimal_at(r.data, 1) }
  end,
  fill = function(r)
    local fees, words = {}, M.words(r.text)
    for i = 2, #words do fees[#fees + 1] = decimal_at(r.data, i) .. " " .. words[i] end
    return { qty = decimal_at(r.data, 0), price = decimal_at(r.data, 1),
             fees = #fees > 0 and table.concat(fees, ", ") or nil }
  end,
}

-- The names of the texts in a list.
local lists = {
  run = { "name", "version", "config" },
  order = { "client_order_id", "order_id", "venue", "symbol", "side", "type", "time_in_force",
            "status", "strategy", "callback" },
  order_status = { "status", "order_id", "reason" },
  fill = { "trade_id" },
  session = { "venue", "state", "why" },
  dropped = { "strategy", "callback", "command", "why" },
  reload = { "what", "why", "file", "outcome" },
  console = { "who", "line" },
}

--- What a record with a list or amounts says, by name, all texts; nil for any other.
function M.fields(record)
  local names, told = lists[record.kind], amounts[record.kind]
  if not names then return nil end
  local fields = told and told(record) or {}
  for i, word in ipairs(M.words(record.text)) do
    if names[i] and word ~= "" then fields[names[i]] = word end
  end
  return fields
end

local function joined(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local part = select(i, ...)
    if part and part ~= "" then parts[#parts + 1] = part end
  end
  return table.concat(parts, " ")
end

local told = {
  order = function(_, f)
    return joined(f.side, f.qty or f.amount, f.symbol, f.price and "at " .. f.price, f.type,
      f.time_in_force, f.status, "on " .. (f.venue or "?"), f.client_order_id, f.order_id,
      f.callback)
  end,
  order_status = function(_, f)
    return joined(f.status, "cum_qty " .. f.cum_qty, f.order_id, f.reason)
  end,
  fill = function(r, f)
    return joined(f.qty, "at " .. f.price, f.fees and "fees " .. f.fees,
      f.trade_id and "trade " .. f.trade_id, has(r.flags, 1) and "(amends what was counted)")
  end,
  run = function(r, f) return joined(f.name, f.version, f.config, "pid " .. r.num) end,
  log = function(r) return (levels[r.num] or r.num) .. " " .. r.text end,
  signal = function(r) return "signal " .. r.num end,
  seed = function(r) return ("%.0f"):format(r.num) end,
  file = function(r) return joined(r.text, r.num == 0 and r.data) end,
  stop = function(r) return "exit " .. r.num .. " " .. r.text end,
  http_request = function(r) return joined(r.text, r.data) end,
  http_done = function(r)
    if r.num == 0 then return "no answer: " .. r.text end
    return r.num .. " " .. r.data
  end,
  http_cancel = function() return "canceled: no answer is waited for" end,
  ws_handshake = function(r) return (r.num == 0 and "asked: " or "answered: ") .. r.text end,
  ws_open = function() return "connected" end,
  ws_close = function(r) return joined(r.num ~= 0 and tostring(r.num), r.text, r.data) end,
  ws_closing = function(r) return joined(tostring(r.num), r.text) end,
}

--- What a record says, as one line of at most `limit` characters.
function M.describe(record, limit)
  local tell = told[record.kind]
  local line = tell and tell(record, M.fields(record)) or joined(record.data, record.text)
  if has(record.flags, CUT) then line = line .. " (cut: it was too large)" end
  return text.line(line, limit)
end

-- Bytes as JSON text; what is no UTF-8 as hexadecimal digits under another name.
local function put_bytes(fields, name, bytes)
  if bytes == "" then return end
  if C.mw_utf8_valid(bytes, #bytes) then
    fields[name] = bytes
  else
    fields[name .. "_hex"] = bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  end
end

--- A record for machines: whole texts, times ISO (UTC) to the ns.
function M.json_fields(record)
  local fields = {
    run = record.run, number = record.number, time = text.iso(text.digits(record.ns)),
    kind = record.kind, event = record.event, id = record.id > 0 and record.id or nil,
    num = record.num ~= 0 and record.num or nil, num2 = record.num2 ~= 0 and record.num2 or nil,
    is_cut = has(record.flags, CUT) or nil,
  }
  local named = M.fields(record)
  if named then
    for name, value in pairs(named) do fields[name] = value end
  else
    put_bytes(fields, "data", record.data)
    put_bytes(fields, "text", record.text)
  end
  return fields
end

return M
