--- Client order ids: who owns an order can be told from the venue alone. An id reads
--- `mw-<runtime>-<strategy>-<epoch>-<sequence>`, all in lower-case base 36, and is at most 36
--- characters of [a-z0-9-]: what every venue with text ids takes.

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

local Maker = { __name = "moonwire.ClientIdMaker" }
Maker.__index = Maker

--- Makes ids for one strategy in one run. `epoch` is the start of the run in ms.
function M.maker(runtime, strategy, epoch)
  return setmetatable({ prefix = ("mw-%s-%s-%s-"):format(M.tag(runtime), M.tag(strategy),
                                                          M.base36(epoch)), seq = 0 }, Maker)
end

function Maker:next()
  self.seq = self.seq + 1
  return self.prefix .. M.base36(self.seq)
end

--- Takes an id apart: { runtime=, strategy=, epoch=, seq= } (tags and base-36 texts), or nil when it
--- is not one of ours.
function M.parse(id)
  local runtime, strategy, epoch, seq = id:match("^mw%-(%w+)%-(%w+)%-(%w+)%-(%w+)$")
  if not runtime or #runtime ~= 5 or #strategy ~= 5 then return nil end
  return { runtime = runtime, strategy = strategy, epoch = epoch, seq = seq }
end

return M
