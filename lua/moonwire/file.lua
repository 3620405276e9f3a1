--- mw.file: text files under the working directory, for strategies (which have no `io`). A path is
--- relative, and where it really leads, links followed, must be inside.

local ffi = require "ffi"

ffi.cdef [[
char *realpath(const char *path, char *resolved);
long readlink(const char *path, char *target, size_t size);
]]

local M = {}
local MAX_BYTES = 64 * 1024 * 1024

local function real(path)
  local buffer = ffi.new("char[4097]")
  if ffi.C.realpath(path, buffer) == nil then return nil end
  return ffi.string(buffer)
end

-- The path as it may be opened, or nil, err.
local function inside(path)
  if type(path) ~= "string" or path == "" then error("a path is expected", 3) end
  if path:find("%z") then return nil, "file: a path has no NUL" end
  local root = real "."
  if not root then return nil, "file: the working directory is gone" end
  if path:sub(1, 1) == "/" then return nil, "file " .. path .. ": must be relative" end
  local place = real(path)
  if not place then
    -- Not there yet: its directory must be, and the last part must name a file.
    local directory, name = path:match("^(.*)/([^/]+)$")
    if not directory then directory, name = ".", path end
    local base = real(directory)
    if not base then return nil, "file " .. path .. ": no such directory" end
    if name == "." or name == ".." then return nil, "file " .. path .. ": no file" end
    place = (base == "/" and "" or base) .. "/" .. name
    -- A link to what is not there yet would be followed by whoever creates it.
    if ffi.C.readlink(place, ffi.new("char[1]"), 1) >= 0 then
      return nil, "file " .. path .. ": a link that leads nowhere"
    end
  end
  if root ~= "/" and place:sub(1, #root + 1) ~= root .. "/" then
    return nil, ("file %s: outside of the working directory %s"):format(path, root)
  end
  return place
end

local function with(path, mode, act)
  local place, err = inside(path)
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
