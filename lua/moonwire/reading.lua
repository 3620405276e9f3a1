--- The files that a runtime goes by: its code and its configuration. What is read is recorded, so
--- that a run can be replayed without them.

local record = require "moonwire.record"

local M = {}

--- The text of a file as it is now, or nil, err; not recorded.
---@param path string
---@return string|nil text
---@return string|nil err
function M.from_disk(path)
  local file, err = io.open(path, "r")
  if not file then return nil, err end
  local text
  text, err = file:read "*a"
  file:close()
  if not text then return nil, path .. ": " .. err end
  return text
end

--- The text of a file, or nil, err.
---@param path string
---@return string|nil text
---@return string|nil err
function M.text(path)
  local text, err = M.from_disk(path)
  record.file(path, text, err)
  return text, err
end

return M
