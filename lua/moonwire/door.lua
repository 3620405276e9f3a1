--- What the host loads as its one door: a function(kind, id, num, data, text, num2).

-- A process that runs for weeks has room for all its traces: what LuaJIT throws away when it runs
-- out of that, it compiles again in the middle of the trading.
require("jit").opt.start("maxtrace=8000", "maxirconst=2000", "maxsnap=2000", "sizemcode=256",
                         "maxmcode=32768")

local dispatch = require "moonwire.dispatch"
require "moonwire.cli"
return dispatch.door
