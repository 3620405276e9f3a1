--- Questions of a venue's file (moonwire.Venue: fetch_...), guarded: an answer that is not what it
--- should be was not understood, wherever that shows, and is asked for again.

local task = require "moonwire.task"

-- The question as a function that returns nil, err, "retry" in place of raising.
local function guarded(question)
  return function(s, a, b)
    if not task.current() then return question(s, a, b) end      -- raises: it waits
    local ok, result, err, class = pcall(question, s, a, b)
    if ok then return result, err, class end
    if s.probation then s.probation:on_error "an answer" end
    return nil, "answer not understood: " .. tostring(result), "retry"
  end
end

--- Guards all questions of a venue's file, once they stand in it.
---@param protocol moonwire.Venue
return function(protocol)
  for name, question in pairs(protocol) do
    if name:find "^fetch_" then protocol[name] = guarded(question) end
  end
end
