--- What a user requires: `local mw = require "moonwire"`.

local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local file = require "moonwire.file"
local strategy = require "moonwire.strategy"
local task = require "moonwire.task"

local M = {}

--- A strategy with its parameters and their defaults. The table returned is to be given callbacks
--- (on_start, on_order, on_fill, on_book, on_trade, on_session, on_stop, migrate) and returned.
---@param params table<string, any>
---@return moonwire.Strategy
M.strategy = strategy.define

--- An exact decimal of a text, a number (its shortest round-trip form) or a decimal.
M.decimal = decimal

--- The time of the event that is being handled, in seconds since 1970.
M.now = dispatch.now

--- Waits for so many seconds; in a task only.
M.sleep = task.sleep

--- Text files under the working directory: read(path), write(path, text), append(path, text).
M.file = file

--- What modules keep across reloads (code.lua puts that of each strategy here): with
--- mw.keep("counters", {}) every version of the code gets the same table. `init`, or what it
--- returns when it is a function, is the value of the first time.
---@param name string
---@param init any
---@return any
function M.keep(name, init) -- luacheck: no unused args
  error("mw.keep() is for the files of strategies", 2)
end

--- The venue of that name in the configuration.
---@return moonwire.VenueHandle
M.venue = strategy.venue_handle

return M
