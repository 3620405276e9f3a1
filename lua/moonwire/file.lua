--- mw.file: text files under the working directory, for strategies (which have no `io`). A path is
--- relative, and where it really leads, links followed, must be inside.

local inside = require "moonwire.inside"

local M = {}
local MAX_BYTES = 64 * 1024 * 1024

local function with(path, mode, act)
  local place, err = inside.place(path)
  if not place then return nil, err end
  local file
  file, err = io.open(place, mode)
  if not file then return nil, "file " .. err end
  local result
  result, err = act(file)
  local closed, close_err = file:close()
  if result == nil then return nil, ("file %s: %s"):format(path, err) end
  if not closed then return nil, ("file %s: %s"):format(path, close_err) end
  return result
end

--- The whole text of a file (at most 64 MiB), or nil, err.
---@param path string  relative to the working directory
---@return string|nil text
---@return string|nil err
function M.read(path)
  return with(path, "r", function(file)
    local has_some, err = file:read(0)
    if not has_some then return not err and "" or nil, err end
    if file:seek("end") > MAX_BYTES then return nil, "larger than 64 MiB" end
    file:seek "set"
    return file:read "*a"
  end)
end

local function put(path, mode, text)
  if type(text) ~= "string" then error("a text is expected", 3) end
  return with(path, mode, function(file)
    local ok, err = file:write(text)
    return ok and true or nil, err
  end)
end

--- Replaces the file's text. True, or nil, err.
---@param path string
---@param text string
function M.write(path, text) return put(path, "w", text) end

--- Adds text to the end of the file. True, or nil, err.
---@param path string
---@param text string
function M.append(path, text) return put(path, "a", text) end

return M
