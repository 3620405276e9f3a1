--- Indodax without our own limits, for a simulator that has none: more orders a second than the
--- venue would take. Nothing here is delayed by more than its faults say, so nothing arrives later.

local indodax = require "moonwire.venues.indodax"

local M = {}
for name, value in pairs(indodax) do M[name] = value end
M.limits = {}
M.late_arrival, M.shown_within = 0.5, 1

return M
