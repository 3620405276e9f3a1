-- The tests' own ground: whatever a program does, a test ends and says why.

local e2e = require "tests.e2e.lib"

e2e.test("a process that does not end is named, with what it printed last", function()
  local process = e2e.spawn { "sh", "-c", "echo last words; exec sleep 1000" }
  process:wait_for "last words"
  function process.poll() return false end       -- as one that hangs inside the kernel
  local told = e2e.kill(process, 0.1)
  process.poll = nil
  if not (told and told:find("process " .. process.pid .. " did not end", 1, true)
          and told:find("last words\n", 1, true)) then
    error("expected its name and its last words, got " .. tostring(told))
  end
  e2e.equal(process:wait_exit(), -9)
end)

e2e.test("a process that has left its group is ended all the same", function()
  local process = e2e.spawn { "/usr/bin/python3", "-c",
    "import os, time; os.setpgid(0, os.getpgid(os.getppid())); print('left', flush=True); "
    .. "time.sleep(1000)" }
  process:wait_for "left"
  e2e.equal(e2e.kill(process), nil)
  e2e.equal(process.status, -9)
end)

e2e.run_all()
