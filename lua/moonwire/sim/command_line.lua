--- What the options of `moonwire sim` have in common: lists of names and values, switches, amounts,
--- and the host's signing for keys that are given as text.

local decimal = require "moonwire.decimal"
local host    = require "moonwire.host"

local M = {}

local handles = {}

--- HMAC of a message with a secret's characters; each secret becomes a handle once.
function M.hmac(secret, digest, message, encoding)
  local handle = handles[secret]
  if not handle then
    handle = host.secret_text(secret)
    handles[secret] = handle
  end
  return handle:hmac(digest, message, encoding)
end

--- "a=1,b=2" as a table; nil and what is wrong.
function M.read_list(text, what)
  local fields = {}
  for item in text:gmatch("[^,]+") do
    local name, value = item:match("^([%w_]+)=(.+)$")
    if not name then return nil, string.format('%s "%s": expected name=value', what, item) end
    fields[name] = value
  end
  return fields
end

--- Takes these fields out of a table and returns them in one of their own.
function M.take(fields, names)
  local taken = {}
  for _, name in ipairs(names) do taken[name], fields[name] = fields[name], nil end
  return taken
end

--- Whether all fields are amounts of 0 or more; nil and which is none.
function M.check_amounts(fields, what)
  for asset, amount in pairs(fields) do
    local value = decimal.parse(amount)
    if not value or value < decimal "0" then
      return nil, string.format('%s "%s=%s": expected an amount', what, asset, amount)
    end
  end
  return true
end

--- "a,b" as a list; nil for nil.
function M.names(text)
  if not text then return nil end
  local names = {}
  for name in text:gmatch("[^,]+") do names[#names + 1] = name end
  return names
end

--- Sets switches, "name=value" each; the settings, or nil and what is wrong.
function M.set(settings, texts)
  for _, text in ipairs(texts) do
    local ok, err = settings:set(text)
    if not ok then return nil, err end
  end
  return settings
end

return M
