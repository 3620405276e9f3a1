--- What the host loads as its one door: a function(kind, id, num, data, text, num2).
local dispatch = require "moonwire.dispatch"
require "moonwire.cli"
return dispatch.door
