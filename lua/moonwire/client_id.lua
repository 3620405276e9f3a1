--- Client order ids: who owns an order can be told from the venue alone. An id reads
--- `mw-<runtime>-<strategy>-<epoch>-<sequence>`, all in lower-case base 36, and is at most 36
--- characters of [a-z0-9-]: what every venue with text ids takes. The epoch is the start of the run
--- in ms, eight digits, and three more by chance, so that not even a clock that was set back and a
--- journal that was lost make an id twice.

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

--- Five characters that stand for a name: the same name gives the same tag in every process.
--- (FNV-1a in 32 bits, by halves so that every product stays below 2^53.)
function M.tag(name)
  local hash = 2166136261
  for i = 1, #name do
    hash = bit.bxor(hash, name:byte(i)) % 2^32
    local low, high = hash % 65536, math.floor(hash / 65536)
    hash = (low * 16777619 + (high * 16777619 % 65536) * 65536) % 2^32
  end
  return M.base36(hash % 36^5, 5)
end

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

-- The last two digits of a sequence come from a table, so that an id is made by one step.
local BLOCK = 36 * 36
local plain, padded = {}, {}          -- plain[37] = "11", padded[1] = "01"
for i = 0, BLOCK - 1 do plain[i], padded[i] = M.base36(i), M.base36(i, 2) end

local Maker = { __name = "moonwire.ClientIdMaker" }
Maker.__index = Maker

local function begin_block(self, block)
  self.block, self.last = block, -1
  self.head = block == 0 and self.prefix or self.prefix .. M.base36(block)
  self.tails = block == 0 and plain or padded
end

--- Makes ids for one strategy in one run. `epoch` is a text of M.epoch; the first id has the
--- sequence number behind `after` (default 0).
function M.maker(runtime, strategy, epoch, after)
  local self = setmetatable({ prefix = ("mw-%s-%s-%s-"):format(M.tag(runtime), M.tag(strategy),
                                                                epoch) }, Maker)
  begin_block(self, math.floor((after or 0) / BLOCK))
  self.last = (after or 0) % BLOCK
  return self
end

function Maker:next()
  if self.last == BLOCK - 1 then begin_block(self, self.block + 1) end
  self.last = self.last + 1
  return self.head .. self.tails[self.last]
end

--- Takes an id apart: { runtime=, strategy=, epoch=, seq= } (tags and base-36 texts) and
--- started_ms, the epoch's time; nil when it is not one of ours.
function M.parse(id)
  local runtime, strategy, epoch, seq = id:match("^mw%-(%w+)%-(%w+)%-(%w+)%-(%w+)$")
  if not runtime or #runtime ~= 5 or #strategy ~= 5 then return nil end
  return { runtime = runtime, strategy = strategy, epoch = epoch, seq = seq,
           started_ms = tonumber(epoch:sub(1, EPOCH_DIGITS), 36) }
end

return M
