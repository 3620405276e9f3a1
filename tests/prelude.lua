--- Begins a test run: puts the tests on the path, obeys MW_TEST_JIT=off and MW_TEST_GC=full, and
--- runs the file. A file that does not call `keep_running()` ends when it returns.

local host = require "moonwire.host"
local stop = host.stop                -- a file may leave another one in its place (stage.lua)
local root = os.getenv("PWD")
package.path = package.path .. ";" .. root .. "/?.lua"

if os.getenv("MW_TEST_JIT") == "off" then require("jit").off() end
if os.getenv("MW_TEST_GC") == "full" then collectgarbage("setpause", 0) end

local is_kept = false
--- The loop goes on after the file has returned; host.stop(status) ends it.
function _G.keep_running() is_kept = true end

local file = ...
assert(loadfile(file))(select(2, ...))
if not is_kept then stop(require("tests.tap").status or 1) end
