--- Logging for library and strategies: one line an event, to standard error, redacted in C.

local host = require "moonwire.host"

local M = { listener = false }        -- hears each line: listener:on_log(level, text, fields)

local function format(message, ...)
  if select("#", ...) == 0 then return tostring(message) end
  local args = { ... }
  for i = 1, select("#", ...) do
    if type(args[i]) ~= "number" then args[i] = tostring(args[i]) end
  end
  return string.format(message, unpack(args, 1, select("#", ...)))
end

--- A logger whose lines all carry `fields`. logger.info("sent %s", id) and so on; %s takes
--- anything.
---@param fields table|nil  e.g. { venue = "idx" }
function M.new(fields)
  local logger = {}
  for _, level in ipairs { "error", "warn", "info", "debug" } do
    logger[level] = function(message, ...)
      local text = format(message, ...)
      host.log(level, text, fields)
      if M.listener then M.listener:on_log(level, text, fields) end
    end
  end
  return logger
end

M.format = format
return M
