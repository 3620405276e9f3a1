--- Where a path of a strategy really leads: it is relative, and what it leads to, links followed,
--- must be under the working directory.

local ffi = require "ffi"

ffi.cdef [[
char *realpath(const char *path, char *resolved);
long readlink(const char *path, char *target, size_t size);
]]

local M = {}

local function real(path)
  local buffer = ffi.new("char[4097]")
  if ffi.C.realpath(path, buffer) == nil then return nil end
  return ffi.string(buffer)
end

--- The path as it may be opened, or nil, err.
---@param path string
---@return string|nil place
---@return string|nil err
function M.place(path)
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

return M
