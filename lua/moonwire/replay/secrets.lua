--- Secrets of a run that is run again: there are none. What stands in for them signs as well, with
--- the mask that the journal has in place of signatures.

local host = require "moonwire.host"

local M = { MASK = "[secret]" }

local known = setmetatable({}, { __mode = "k" })
local Secret = {}

local function new_secret()
  local handle = newproxy(true)
  local meta = getmetatable(handle)
  meta.__index, meta.__tostring = Secret, function() return "secret of a recording" end
  known[handle] = true
  return handle
end

local function sign() return M.MASK end
Secret.hmac, Secret.jwt, Secret.quoted = sign, sign, new_secret
function Secret.jwt_expiry() end
function Secret.reload() return true end

--- A text, a secret, or a list of both, as the host takes it.
---@return string text
---@return boolean has_secret
function M.joined(text)
  if type(text) == "string" then return text, false end
  if known[text] then return M.MASK, true end
  local pieces, has_secret = {}, false
  for i, piece in ipairs(text) do
    local is_secret
    pieces[i], is_secret = M.joined(piece)
    has_secret = has_secret or is_secret
  end
  return table.concat(pieces), has_secret
end

--- The host's functions that have to do with them.
function M.stand_in()
  local digest = host.digest
  return {
    secret_env = new_secret, secret_file = new_secret, secret_text = new_secret,
    redact = function() end,
    digest = function(name, text, encoding)
      local plain, has_secret = M.joined(text)
      return has_secret and M.MASK or digest(name, plain, encoding)
    end,
  }
end

return M
