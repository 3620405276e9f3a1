---@meta moonwire

--- The strategy API, for editors that read LuaLS annotations: put the folder lua/ on the editor's
--- library path ("workspace.library") and name the class of `self`:
---
---   ---@class MyStrategy : moonwire.Strategy
---   local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
---
--- What a strategy is given is in types_orders.lua, what a venue's file gives in types_venue.lua.
--- Nothing here runs; `require "moonwire.types"` gives an empty table.

-- luacheck: ignore 212 241

-- What a user requires ----------------------------------------------------------------------------

---@class moonwire
---@field decimal moonwire.DecimalLibrary
---@field file moonwire.FileLibrary
local library = {}

--- A strategy with its parameters and their defaults; give it callbacks and return it.
---@param params table<string, any>|nil
---@return moonwire.Strategy
function library.strategy(params) end

--- The time of the event that is being handled, in seconds since 1970.
---@return number
function library.now() end

--- Waits for so many seconds; in a task only.
---@param seconds number
function library.sleep(seconds) end

--- What modules keep across reloads: the same value in every version of the code. `init`, or what
--- it returns when it is a function, is the value of the first time.
---@param name string
---@param init any
---@return any
function library.keep(name, init) end

--- The venue of that name in the configuration; in a callback or a task. Raises when there is none.
---@param name string
---@return moonwire.VenueHandle
function library.venue(name) end

-- Exact decimals ----------------------------------------------------------------------------------

---@alias moonwire.Amount moonwire.decimal|string|number  a number: its shortest text

---@alias moonwire.Rounding "down"|"up"|"floor"|"ceiling"|"half_even"|"half_up"

---@class moonwire.decimal
---@operator add(moonwire.Amount): moonwire.decimal
---@operator sub(moonwire.Amount): moonwire.decimal
---@operator mul(moonwire.Amount): moonwire.decimal
---@operator unm: moonwire.decimal
---@operator concat(any): string
local Decimal = {}

--- This divided by b, to so many decimals (0 to 30). Raises when b is zero.
---@param b moonwire.Amount
---@param decimals integer
---@param rounding moonwire.Rounding
---@return moonwire.decimal
function Decimal:div(b, decimals, rounding) end

--- The multiple of `step` that the rounding picks.
---@param step moonwire.Amount
---@param rounding moonwire.Rounding
---@return moonwire.decimal
function Decimal:round(step, rounding) end

--- Whether it is a whole number of steps.
---@param step moonwire.Amount
---@return boolean
function Decimal:is_multiple(step) end

---@return -1|0|1
function Decimal:sign() end
---@return boolean
function Decimal:is_zero() end
---@return moonwire.decimal
function Decimal:abs() end
---@param b moonwire.Amount
---@return moonwire.decimal
function Decimal:min(b) end
---@param b moonwire.Amount
---@return moonwire.decimal
function Decimal:max(b) end

--- The nearest Lua number: for display and statistics, never for money.
---@return number
function Decimal:to_number() end

--- The value as int64 (cdata); nil when it is no whole number of 64 bits.
---@return integer|nil
function Decimal:to_int64() end

---@class moonwire.DecimalLibrary
---@overload fun(value: moonwire.Amount): moonwire.decimal
---@field ZERO moonwire.decimal
local DecimalLibrary = {}

--- A decimal of outside data: nil and an error instead of raising.
---@param value any
---@return moonwire.decimal|nil value
---@return string|nil err
function DecimalLibrary.parse(value) end

---@param value any
---@return boolean
function DecimalLibrary.is(value) end
---@param a moonwire.Amount
---@param b moonwire.Amount
---@return moonwire.decimal
function DecimalLibrary.min(a, b) end
---@param a moonwire.Amount
---@param b moonwire.Amount
---@return moonwire.decimal
function DecimalLibrary.max(a, b) end

-- Files -------------------------------------------------------------------------------------------

---@class moonwire.FileLibrary
local FileLibrary = {}

--- The whole text of a file (at most 64 MiB) under the working directory.
---@param path string
---@return string|nil text
---@return string|nil err
function FileLibrary.read(path) end

--- Replaces the file's text.
---@param path string
---@param text string
---@return true|nil ok
---@return string|nil err
function FileLibrary.write(path, text) end

--- Adds text to the end of the file.
---@param path string
---@param text string
---@return true|nil ok
---@return string|nil err
function FileLibrary.append(path, text) end

-- A strategy --------------------------------------------------------------------------------------

---@class moonwire.Strategy
---@field params table<string, any>      the defaults, overridden by the configuration
---@field state table                    the runtime's, not the code's; what is in state.persist
---                                       (texts, numbers, booleans, decimals, tables of these)
---                                       survives a restart as well
---@field log moonwire.Log
---@field orders moonwire.Order[]        own open orders, oldest first; a new list each time
---@field name string
---@field on_start fun(self: table)|nil  each venue has been up once
---@field on_order fun(self: table, order: moonwire.Order, event: moonwire.OrderEvent)|nil
---@field on_fill fun(self: table, fill: moonwire.Fill, order: moonwire.Order)|nil  each fill once,
---                                       across restarts, in one piece with state.persist
---@field on_book fun(self: table, book: moonwire.Book)|nil
---@field on_trade fun(self: table, trade: moonwire.Trade)|nil
---@field on_session fun(self: table, venue: string, state: moonwire.SessionState)|nil
---@field on_stop fun(self: table)|nil   cancels leave, new orders are refused
---@field on_reload fun(self: table, old_params: table)|nil  this code has taken over
---@field migrate fun(state: table, old_params: table): table|nil  before it does: makes the state
---                                       for this code of a copy of the state of before
---@field removed table<string, string>|nil  callbacks, methods of timers that the code before had
---                                       and this one has not: why
local Strategy = {}

--- Sends an order. Returned at once as pending_new; nil and why when it was refused unsent.
---@param request moonwire.OrderRequest  with `side`
---@return moonwire.Order|nil order
---@return string|nil err
function Strategy:submit(request) end

---@param request moonwire.OrderRequest
---@return moonwire.Order|nil order
---@return string|nil err
function Strategy:buy(request) end

---@param request moonwire.OrderRequest
---@return moonwire.Order|nil order
---@return string|nil err
function Strategy:sell(request) end

--- Asks the venue to cancel; the outcome is an on_order.
---@param order moonwire.Order
---@return true|nil ok
---@return string|nil err
function Strategy:cancel(order) end

--- Asks the venue for another price or quantity of an order; the outcome is an on_order, of which
--- the reason is "replaced", "replace_rejected: ..." or, of an order that ends by it,
--- "replace_failed: ...".
---@param order moonwire.Order
---@param change { price: moonwire.Amount|nil, qty: moonwire.Amount|nil }  at least one; qty: of the
---                          whole order, what is executed included
---@return moonwire.Order|nil order  the same
---@return string|nil err            why it was refused before it was sent
function Strategy:replace(order, change) end

--- Cancels own open orders: all, or those in one symbol. Returns how many.
---@param symbol string|nil
---@return integer
function Strategy:cancel_all(symbol) end

--- Calls self[method](self, ...) every so many seconds.
---@param seconds number
---@param method string|function
---@return moonwire.Timer
function Strategy:every(seconds, method, ...) end

--- Calls self[method](self, ...) once, in so many seconds.
---@param seconds number
---@param method string|function
---@return moonwire.Timer
function Strategy:after(seconds, method, ...) end

--- Asks for books (on_book) or public trades (on_trade); symbol, venue: default the parameters.
---@param feed "book"|"trades"
---@param symbol string|nil
---@param venue string|nil
---@return true|nil ok
---@return string|nil err
function Strategy:subscribe(feed, symbol, venue) end

--- Runs self[method](self, ...) as a coroutine that may wait.
---@param method string|function
function Strategy:task(method, ...) end

--- Own position, from own fills; symbol and venue default to the parameters.
---@param symbol string|nil
---@param venue string|nil
---@return moonwire.Position
function Strategy:position(symbol, venue) end

--- Stops this strategy after the callback that is running.
---@param reason string|nil
function Strategy:stop(reason) end

---@class moonwire.Log
---@field error fun(message: string, ...)
---@field warn fun(message: string, ...)
---@field info fun(message: string, ...)   %s takes anything
---@field debug fun(message: string, ...)

---@class moonwire.Timer
local Timer = {}

--- Takes the timer back.
function Timer:stop() end

---@type moonwire
local M = {}
return M
