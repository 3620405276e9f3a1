--- What LuaJIT makes of code: without the JIT nothing.

local jit = require "jit"
local util = require "jit.util"

local M = {}

--- Calls it with 1 to 5; all that it runs counts as hot from the second time on.
---@param code fun(i: integer)
---@return table<string, boolean>  how the traces end that were compiled: "stitch": in a call of C
function M.ends_of(code)
  local ends = {}
  local function on_trace(what, number)
    if what == "stop" then ends[util.traceinfo(number).linktype] = true end
  end
  jit.attach(on_trace, "trace")
  jit.opt.start "hotloop=1"
  for i = 1, 5 do code(i) end
  jit.opt.start "hotloop=56"                           -- LuaJIT's own
  jit.attach(on_trace)
  return ends
end

return M
