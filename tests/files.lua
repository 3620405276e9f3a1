--- Files of tests, and directories of a test's own, with names that nobody can guess.

local ffi = require "ffi"

ffi.cdef "char *mkdtemp(char *template);"

local M = {}

--- A fresh one, for M.remove.
function M.directory(name)
  local template = ("%s/moonwire-%s-XXXXXX"):format(os.getenv "TMPDIR" or "/tmp", name)
  local path = ffi.C.mkdtemp(ffi.new("char[?]", #template + 1, template))
  assert(path ~= nil, "no temporary directory")
  return ffi.string(path)
end

--- Writes a file; its path.
function M.write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

--- What stands in a file.
function M.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- A JSON file in one line, as a message is on the wire.
function M.line(path) return (M.read(path):gsub("%s*\n%s*", "")) end

--- Removes it, with all that is in it.
function M.remove(path) assert(os.execute("rm -rf '" .. path .. "'") == 0) end

return M
