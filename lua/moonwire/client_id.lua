--- Client order ids: who owns an order can be told from the venue alone. An id reads
--- `mw-<runtime>-<strategy>-<epoch>-<sequence>`, all in lower-case base 36, and is at most 36
--- characters of [a-z0-9-]: what every venue with text ids takes. The epoch is the start of the run
--- in ms, eight digits, and three more by chance, so that not even a clock that was set back and a
--- journal that was lost make an id twice.
---
--- Where a venue takes whole numbers alone, an id is one of 63 bits: twelve that stand for the
--- runtime, twelve for the strategy, and a count that begins at the epoch, in units of 2 ms since
--- 2025: a run makes fewer than 500 orders a second, so the next one begins above it.

local ffi = require "moonwire.cdef"

local M = {}
local DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

--- A whole number >= 0 (below 2^53) in base 36, padded with zeros to `width`.
function M.base36(n, width)
  local text = ""
  repeat
    local digit = n % 36
    text = DIGITS:sub(digit + 1, digit + 1) .. text
    n = (n - digit) / 36
  until n == 0
  return ("0"):rep((width or 0) - #text) .. text
end

-- FNV-1a in 32 bits, by halves so that every product stays below 2^53.
local function hash_of(name)
  local hash = 2166136261
  for i = 1, #name do
    hash = bit.bxor(hash, name:byte(i)) % 2^32
    local low, high = hash % 65536, math.floor(hash / 65536)
    hash = (low * 16777619 + (high * 16777619 % 65536) * 65536) % 2^32
  end
  return hash
end

--- Five characters that stand for a name: the same name gives the same tag in every process.
function M.tag(name) return M.base36(hash_of(name) % 36^5, 5) end

local NUMBER_TAGS = 4095

--- The tag of a name in ids that are numbers: 1 to 4095, as text ("#17").
function M.number_tag(name) return "#" .. hash_of(name) % NUMBER_TAGS + 1 end

local EPOCH_DIGITS, CHANCE_DIGITS = 8, 3
M.LAST_EPOCH = 36 ^ EPOCH_DIGITS - 1   -- in the year 2059

--- The epoch of a run that starts at `ms` since 1970, as it stands in ids.
---@param ms number
---@param random moonwire.Random
---@return string
function M.epoch(ms, random)
  return M.base36(ms, EPOCH_DIGITS)
    .. M.base36(random:integer(0, 36 ^ CHANCE_DIGITS - 1), CHANCE_DIGITS)
end

local SEQUENCE_DIGITS = 20            -- room for so many more: no run lives to need them

local Maker = { __name = "moonwire.ClientIdMaker" }
Maker.__index = Maker
M.Maker = Maker

-- Ids that begin with `head` and go on with the number behind `last`, digits in this base.
local function maker(head, last, base)
  local counter, text = ffi.new "struct mw_counter", head .. last
  assert(#text + SEQUENCE_DIGITS <= ffi.sizeof(counter.text))
  ffi.copy(counter.text, text, #text)
  counter.len, counter.digits_at, counter.base = #text, #head, base
  return setmetatable({ counter = counter, ready = false }, Maker)
end

local function make(self)
  local counter = self.counter
  ffi.C.mw_counter_next(counter)
  return ffi.string(counter.text, counter.len)
end

--- Makes the next id already, if it is not there: who takes it does not wait for memory then.
function Maker:get_ready() self.ready = self.ready or make(self) end

--- The next id.
function Maker:next()
  local id = self.ready or make(self)
  self.ready = false
  return id
end

--- Makes ids for one strategy in one run. `epoch` is a text of M.epoch; the first id has the
--- sequence number behind `after` (default 0).
function M.maker(runtime, strategy, epoch, after)
  local head = ("mw-%s-%s-%s-"):format(M.tag(runtime), M.tag(strategy), epoch)
  return maker(head, M.base36(after or 0), 36)
end

local COUNT_BITS, TAG_BITS = 39, 12
local COUNT_FROM_MS, COUNT_MS = 1735689600000, 2        -- 2025-01-01

--- Makes ids that are numbers, as text, for one strategy in one run that began at `epoch_ms`.
function M.number_maker(runtime, strategy, epoch_ms)
  local function part(name) return ffi.cast("int64_t", tonumber(M.number_tag(name):sub(2))) end
  local tags = bit.bor(bit.lshift(part(runtime), TAG_BITS), part(strategy))
  local count = math.max(1, math.floor((epoch_ms - COUNT_FROM_MS) / COUNT_MS))
  local first = bit.bor(bit.lshift(tags, COUNT_BITS), ffi.cast("int64_t", count))
  return maker("", (tostring(first - 1):gsub("LL$", "")), 10)
end

local function parse_number(id)
  if #id < 16 or #id > 19 then return nil end             -- the runtime's tag is never 0
  local value = ffi.cast("int64_t", tonumber(id:sub(1, -10))) * 1000000000LL
    + ffi.cast("int64_t", tonumber(id:sub(-9)))
  local tags = tonumber(bit.rshift(value, COUNT_BITS))
  local runtime, strategy = math.floor(tags / 2^TAG_BITS), tags % 2^TAG_BITS
  if value < 0 or runtime == 0 or strategy == 0 then return nil end
  local count = tonumber(bit.band(value, bit.lshift(1LL, COUNT_BITS) - 1))
  return { runtime = "#" .. runtime, strategy = "#" .. strategy,
           started_ms = COUNT_FROM_MS + COUNT_MS * count }
end

--- Takes an id apart: { runtime=, strategy=, epoch=, seq= } (tags and base-36 texts) and
--- started_ms, the epoch's time; nil when it is not one of ours. Of one that is a number: tags of
--- M.number_tag, and in started_ms the count as well.
function M.parse(id)
  if id:find "^[1-9]%d*$" then return parse_number(id) end
  local runtime, strategy, epoch, seq = id:match("^mw%-(%w+)%-(%w+)%-(%w+)%-(%w+)$")
  if not runtime or #runtime ~= 5 or #strategy ~= 5 then return nil end
  return { runtime = runtime, strategy = strategy, epoch = epoch, seq = seq,
           started_ms = tonumber(epoch:sub(1, EPOCH_DIGITS), 36) }
end

return M
