--- What LuaJIT makes of code: without the JIT nothing.

local jit = require "jit"
local util = require "jit.util"

local M = {}

-- What is being recorded is given up here.
local function leave() end
jit.off(leave)

--- Calls it with 1 to 5; all that it runs counts as hot from the second time on.
---@param code fun(i: integer)
---@return table<string, string>  how the traces end that were compiled ("stitch": in a call of C),
---        and where the last one of these began
function M.ends_of(code)
  local ends, began = {}, nil
  local function on_trace(what, number, func, pc)
    if what == "start" then began = util.funcinfo(func, pc).loc
    elseif what == "stop" then ends[util.traceinfo(number).linktype] = began end
  end
  jit.attach(on_trace, "trace")
  jit.opt.start "hotloop=1"
  for i = 1, 5 do code(i) end
  leave()                              -- or a trace of the last call would end in the next line
  jit.opt.start "hotloop=56"                           -- LuaJIT's own
  jit.attach(on_trace)
  return ends
end

return M
