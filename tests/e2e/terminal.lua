--- A pseudo-terminal for end-to-end tests.

local e2e = require "tests.e2e.lib"
local json = require "moonwire.json"

local M = {}

--- Whether this machine has one.
M.is_there = os.execute "/usr/bin/python3 -c 'import pty; pty.openpty()' 2>/dev/null" == 0

--- Runs moonwire on a terminal and plays steps there (terminal.py says which).
---@param arguments string[]  of moonwire
---@param steps any[][]
---@param environment table<string, string>|nil
---@return integer status     of the program
---@return string directory   of its history
function M.play(arguments, steps, environment)
  local directory = e2e.directory()
  local lines = {}
  for i, step in ipairs(steps) do lines[i] = json.encode(json.array(step)) end
  local words = { "/usr/bin/python3", "tests/e2e/terminal.py",
                  e2e.write(directory .. "/script", table.concat(lines, "\n") .. "\n"),
                  unpack(e2e.wrapper) }
  words[#words + 1] = e2e.program
  for _, word in ipairs(arguments) do words[#words + 1] = word end
  local all = { TERM = "xterm", XDG_STATE_HOME = directory, LC_ALL = "C.UTF-8", HOME = directory }
  for name, value in pairs(environment or {}) do all[name] = value end
  local terminal = e2e.spawn(words, all)
  local status = terminal:wait_exit(40)
  if status ~= 0 then error(terminal:out() .. terminal:err(), 2) end
  return tonumber(terminal:out():match "status (%-?%d+)"), directory
end

return M
