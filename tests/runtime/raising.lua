-- What handles an event raises, and so does who is told of it; what was deferred is done all the
-- same. Ends with 3 when each came once and in its order.

local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"

local Raising = { said = "" }

function Raising.on_event()
  dispatch.defer(Raising, "end_it")
  error "this is raised by the test"
end

function Raising.on_raised()
  Raising.said = Raising.said .. "told "
  error "and this is raised by who is told"
end

function Raising.end_it() host.stop(Raising.said == "told " and 3 or 4) end

dispatch.listen("raised", Raising)
dispatch.after(0, Raising, "on_event")
