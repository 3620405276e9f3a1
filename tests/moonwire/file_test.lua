-- mw.file may reach what lies under the working directory and nothing else. The test works in a
-- directory of its own, with a neighbour beside it that must stay untouched.

local t = require "tests.tap"
local ffi = require "ffi"
local file = require "moonwire.file"
local files = require "tests.files"

ffi.cdef [[
int chdir(const char *path);
int symlink(const char *target, const char *link);
int mkdir(const char *path, unsigned int mode);
int rmdir(const char *path);
int fcntl(int fd, int command, ...);
]]
local C = ffi.C

local BASE = files.directory "file"
local HOME = BASE .. "/home"

local function raw_read(path)
  local handle = io.open(path, "rb")
  if not handle then return nil end
  local text = handle:read("*a")
  handle:close()
  return text
end

assert(C.mkdir(HOME, 448) == 0 and C.mkdir(BASE .. "/home2", 448) == 0)
assert(C.mkdir(HOME .. "/sub", 448) == 0)
files.write(BASE .. "/secret.txt", "outside")
files.write(BASE .. "/home2/secret.txt", "beside")
assert(C.symlink(BASE .. "/secret.txt", HOME .. "/link.txt") == 0)
assert(C.symlink(BASE, HOME .. "/up") == 0)
assert(C.symlink("../../secret.txt", HOME .. "/sub/relative.txt") == 0)
assert(C.symlink("sub", HOME .. "/inner") == 0)
assert(C.symlink("loop", HOME .. "/loop") == 0)
local START = os.getenv("PWD")
assert(C.chdir(HOME) == 0)

local function refused(pattern, ok, err)
  t.equal(ok, nil)
  t.ok(type(err) == "string" and err:find(pattern), "expected " .. pattern .. ", got "
       .. tostring(err))
end

local function outside_is_untouched()
  t.equal(raw_read(BASE .. "/secret.txt"), "outside")
  t.equal(raw_read(BASE .. "/home2/secret.txt"), "beside")
  t.equal(raw_read(BASE .. "/new.txt"), nil)
end

-- Inside ------------------------------------------------------------------------------------------

t.test("what is written is read", function()
  t.equal(file.write("a.txt", "one\n"), true)
  t.equal(file.read "a.txt", "one\n")
  t.equal(raw_read(HOME .. "/a.txt"), "one\n")
end)

t.test("writing replaces, appending adds", function()
  file.write("b.txt", "long text")
  t.equal(file.write("b.txt", "x"), true)
  t.equal(file.append("b.txt", "y"), true)
  t.equal(file.append("b.txt", ""), true)
  t.equal(file.read "b.txt", "xy")
  t.equal(file.append("fresh.txt", "1"), true)
  t.equal(file.read "fresh.txt", "1")
end)

t.test("an empty file is an empty text, and every byte comes back", function()
  t.equal(file.write("c.txt", ""), true)
  t.equal(file.read "c.txt", "")
  local bytes = {}
  for i = 0, 255 do bytes[i + 1] = string.char(i) end
  local text = table.concat(bytes):rep(300)
  file.write("c.txt", text)
  t.equal(file.read "c.txt", text)
end)

t.test("directories below are below, also by a detour", function()
  t.equal(file.write("sub/d.txt", "d"), true)
  for _, path in ipairs { "sub/d.txt", "./sub/d.txt", "sub/../sub/d.txt", "sub//d.txt",
                          "inner/d.txt", "sub/./d.txt" } do
    t.equal(file.read(path), "d", path)
  end
  t.equal(file.write("inner/e.txt", "e"), true)
  t.equal(raw_read(HOME .. "/sub/e.txt"), "e")
end)

-- Outside -----------------------------------------------------------------------------------------

t.test("an absolute path is refused, also one that leads inside", function()
  for _, path in ipairs { "/etc/passwd", BASE .. "/secret.txt", HOME .. "/a.txt", "//etc/passwd",
                          "/" } do
    refused("must be relative", file.read(path))
    refused("must be relative", file.write(path, "x"))
    refused("must be relative", file.append(path, "x"))
  end
end)

t.test("a path that leaves by .. is refused, whether its file is there or not", function()
  for _, path in ipairs { "../secret.txt", "sub/../../secret.txt", "../home2/secret.txt",
                          "./../secret.txt", "inner/../../secret.txt", "../new.txt",
                          "sub/../../new.txt", "../home2/new.txt" } do
    refused("outside", file.read(path))
    refused("outside", file.write(path, "x"))
    refused("outside", file.append(path, "x"))
  end
  outside_is_untouched()
end)

t.test("a neighbour whose name begins like the directory's is outside", function()
  refused("outside", file.read "../home2/secret.txt")
  refused("outside", file.write("../home2/secret.txt", "x"))
  outside_is_untouched()
end)

t.test("a symbolic link that leads outside is refused", function()
  for _, path in ipairs { "link.txt", "up/secret.txt", "up/home2/secret.txt", "sub/relative.txt",
                          "up/new.txt", "inner/relative.txt" } do
    refused("outside", file.read(path))
    refused("outside", file.write(path, "x"))
    refused("outside", file.append(path, "x"))
  end
  outside_is_untouched()
end)

t.test("a link to what is not there yet is refused: who writes would make it", function()
  assert(C.symlink(BASE .. "/new.txt", HOME .. "/dangling.txt") == 0)
  assert(C.symlink("later.txt", HOME .. "/sub/inside.txt") == 0)
  for _, path in ipairs { "dangling.txt", "./dangling.txt", "sub/../dangling.txt",
                          "sub/inside.txt", "loop" } do
    refused("", file.write(path, "escaped"))
    refused("", file.append(path, "escaped"))
    refused("", file.read(path))
  end
  outside_is_untouched()
  t.equal(raw_read(HOME .. "/sub/later.txt"), nil)
end)

t.test("a link out and back in again leads inside", function()
  file.write("a.txt", "one")
  t.equal(file.read "up/home/a.txt", "one")
end)

t.test("the directory itself, or one above, is no file", function()
  for _, path in ipairs { ".", "..", "sub", "sub/", "sub/.", "sub/..", "up", "new/.." } do
    local ok, err = file.read(path)
    t.equal(ok, nil, path)
    t.ok(err:find "^file ", err)
    t.equal((file.write(path, "x")), nil, path)
  end
end)

t.test("a directory that is not there is not made", function()
  refused("no such directory", file.write("none/a.txt", "x"))
  refused("no such directory", file.read "none/a.txt")
  refused("[Nn]ot? .*directory", file.write("a.txt/b.txt", "x"))
  refused("", file.write("loop/b.txt", "x"))
  refused("", file.read "loop")
end)

t.test("what cannot be read is an error that names it", function()
  refused("none.txt", file.read "none.txt")
  refused("no NUL", file.read "a.txt\0../../secret.txt")
  refused("no NUL", file.write("a\0b", "x"))
end)

t.test("a path of any length is answered", function()
  refused("", file.read(("x"):rep(5000)))
  refused("", file.write(("x/"):rep(3000), "x"))
  refused("", file.read(("../"):rep(2000) .. "etc/passwd"))
end)

t.test("misuse raises, at the caller", function()
  for _, path in ipairs { "", 5, {}, true } do
    t.raises(file.read, "a path is expected", path)
    t.raises(file.write, "a path is expected", path, "x")
  end
  t.raises(file.read, "a path is expected")
  for _, text in ipairs { 5, {}, true } do
    t.raises(file.write, "a text is expected", "a.txt", text)
    t.raises(file.append, "a text is expected", "a.txt", text)
  end
  t.raises(file.write, "a text is expected", "a.txt")
end)

t.test("there is no file larger than 64 MiB for a script", function()
  local handle = assert(io.open(HOME .. "/large.bin", "wb"))
  handle:seek("set", 64 * 1024 * 1024)
  handle:write("x")
  handle:close()
  refused("large.bin: larger than 64 MiB", file.read "large.bin")
  os.remove(HOME .. "/large.bin")
end)

t.test("a working directory that is gone is an error", function()
  assert(C.mkdir(BASE .. "/gone", 448) == 0 and C.chdir(BASE .. "/gone") == 0)
  assert(C.rmdir(BASE .. "/gone") == 0)
  refused("working directory is gone", file.read "a.txt")
  refused("working directory is gone", file.write("a.txt", "x"))
end)

t.test("nothing is left open", function()
  assert(C.chdir(HOME) == 0)
  local F_GETFD = 1
  local function count()
    local number = 0
    for fd = 0, 1023 do if C.fcntl(fd, F_GETFD) >= 0 then number = number + 1 end end
    return number
  end
  local before = count()
  for _ = 1, 20 do
    file.write("a.txt", "x")
    file.append("a.txt", "x")
    file.read "a.txt"
    file.read "none.txt"
    file.read "sub"
  end
  t.equal(count(), before)
end)

assert(C.chdir(START) == 0)
files.remove(BASE)
t.done()
