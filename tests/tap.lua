--- A small test library: sentences that hold, and a line that counts them.

local M = {}
local passed, failed = 0, 0

local function show(value)
  if type(value) == "string" then return ("%q"):format(value) end
  return tostring(value)
end

--- Runs one test; what it raises is its failure.
function M.test(sentence, body)
  local ok, err = xpcall(body, function(e) return debug.traceback(tostring(e), 2) end)
  if ok then
    passed = passed + 1
  else
    failed = failed + 1
    print("not ok: " .. sentence .. "\n" .. err)
  end
end

--- Raises unless actual == expected.
function M.equal(actual, expected, what)
  if actual ~= expected then
    error(("%sexpected %s, got %s"):format(what and what .. ": " or "", show(expected),
                                           show(actual)), 2)
  end
end

--- Raises unless the value is true.
function M.ok(value, why)
  if not value then error(why or "expected a true value, got " .. show(value), 2) end
end

--- Raises unless f(...) raises something that the pattern finds.
function M.raises(f, pattern, ...)
  local ok, err = pcall(f, ...)
  if ok then error("expected an error like " .. show(pattern), 2) end
  if not tostring(err):find(pattern) then
    error(("expected an error like %s, got %s"):format(show(pattern), show(tostring(err))), 2)
  end
end

--- Ends the file: the counting line, and a failure when there was one.
function M.done()
  io.stdout:write(("%d passed, %d failed\n"):format(passed, failed))
  io.stdout:flush()
  M.status = failed > 0 and 1 or 0
  require("moonwire.host").stop(M.status)
end

return M
