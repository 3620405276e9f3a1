--- What the host loads as its one door: a function(kind, id, num, data, text, num2).

-- The path of an order event, from the frame to the strategy's callback and its command, is one
-- long straight line: LuaJIT's limits, made for loops, would cut it into pieces that run
-- interpreted.
require("jit").opt.start("maxrecord=20000", "maxirconst=2000", "maxsnap=2000", "maxtrace=8000",
                         "loopunroll=60", "sizemcode=256", "maxmcode=8192")

local dispatch = require "moonwire.dispatch"
require "moonwire.cli"
return dispatch.door
