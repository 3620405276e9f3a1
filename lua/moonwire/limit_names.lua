--- A limit binds the assets that it names and no other: one whose name no market has, misspelled or
--- in small letters, would guard nothing, and nobody would know.

local sorted = require "moonwire.sorted"
local spelling = require "moonwire.spelling"

local M = {}

-- section, name, what of a market it goes by, how a market has it
local LIMITS = {
  { "risk", "max_order_notional", "quote", "is quoted in" },
  { "risk", "max_order_qty", "base", "trades" },
  { "risk", "max_position", "base", "trades" },
  { "console", "confirm_notional", "quote", "is quoted in" },
}

-- The assets of all markets; nil as long as a venue has not told its own.
local function assets_of(desk)
  local assets = { base = {}, quote = {} }
  for _, session in ipairs(desk.session_list) do
    if not session.markets then return nil end
    for _, market in ipairs(session.markets) do
      assets.base[market.base], assets.quote[market.quote] = true, true
    end
  end
  return assets
end

local function hint(name, known)
  local by_small = {}
  for asset in pairs(known) do by_small[asset:lower()] = asset end
  local meant = by_small[name:lower()] or by_small[spelling.meant(name, by_small) or ""]
  return meant and "did you mean " .. meant .. "?" or "mend its name in the configuration"
end

--- Warns of each limit of the configuration that binds nothing, once, as soon as all venues have
--- told their markets.
---@param desk moonwire.Desk
function M.look(desk)
  local assets = assets_of(desk)
  if not assets then return end
  local told = desk.idle_limits or {}
  desk.idle_limits = told
  for _, limit in ipairs(LIMITS) do
    local section, name, side, how = unpack(limit)
    for _, asset in ipairs(sorted.keys((desk.config[section] or {})[name] or {})) do
      local key = ("%s.%s.%s"):format(section, name, asset)
      if not assets[side][asset] and not told[key] then
        told[key] = true
        desk.log.warn("%s limits nothing: no market %s %s; %s", key, how, asset,
                      hint(asset, assets[side]))
      end
    end
  end
end

return M
