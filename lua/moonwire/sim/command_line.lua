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

--- The markets that --pairs names ("a,b", by their ticker ids), or all; nil and what is wrong.
---@param markets table[]  with ticker_id
---@param text string|nil
function M.pick(markets, text)
  if not text then return markets end
  local known, by_name, picked = {}, {}, {}
  for i, market in ipairs(markets) do
    known[i], by_name[market.ticker_id] = market.ticker_id, market
  end
  for name in text:gmatch("[^,]+") do
    if not by_name[name] then
      return nil, string.format('--pairs "%s": there is %s', name, table.concat(known, " "))
    end
    picked[#picked + 1] = by_name[name]
  end
  return picked
end

--- Adds the members of --balance and --member; the first one, or nil and what is wrong.
---@param first table  the first one's fields; its money when there is no --balance in `balance`
---@param add fun(fields: table, what: string): table|nil, string|nil  a member from its fields
function M.add_members(options, first, balance, add)
  local fields, err = M.read_list(options.balance or balance, "--balance")
  for name, value in pairs(fields and first or {}) do fields[name] = value end
  local member, added
  if fields then member, err = add(fields, "--balance") end
  if not member then return nil, err end
  for _, text in ipairs(options.member or {}) do
    fields, err = M.read_list(text, "--member")
    if fields then added, err = add(fields, "--member") end
    if not (fields and added) then return nil, err end
  end
  return member
end

--- Whether a member who signs with a key may be added; nil and what is wrong.
---@param sim table  with desk.members and auth.keys
function M.check_keyed(sim, own, what)
  if not own.name or (own.key or "") == "" or (own.secret or "") == "" then
    return nil, what .. ": wants name=, key= and secret="
  end
  return M.check_free(sim, own, what)
end

--- Whether a member's name, and its key if it has one, are free; nil and what is wrong.
function M.check_free(sim, own, what)
  if not own.name then return nil, what .. ": wants name=" end
  local keys = sim.auth.keys
  if sim.desk.members[own.name] or own.key and keys and keys[own.key] then
    return nil, ("%s %s: name %sis taken"):format(what, own.name, keys and "or key " or "")
  end
  return true
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
