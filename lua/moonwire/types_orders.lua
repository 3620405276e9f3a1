---@meta moonwire

--- Annotations (types.lua) of what a strategy is given: orders, fills, market data, positions and
--- venues.
--- Nothing here runs; it gives an empty table.

-- luacheck: ignore 212 241

-- Orders and fills --------------------------------------------------------------------------------

---@alias moonwire.Side "buy"|"sell"
---@alias moonwire.OrderType "limit"|"market"|"stop_limit"
---@alias moonwire.TimeInForce "gtc"|"ioc"|"fok"|"post_only"
---@alias moonwire.Status
---| "pending_new"       sent or about to be
---| "new"               the venue has it
---| "partially_filled"
---| "filled"            terminal
---| "pending_cancel"    a cancel was sent
---| "canceled"          terminal
---| "rejected"          terminal
---| "expired"           terminal
---| "unknown"           no answer: the venue is being asked

---@class moonwire.OrderRequest
---@field side moonwire.Side|nil                for submit only
---@field qty moonwire.Amount|nil               base currency
---@field amount moonwire.Amount|nil            quote currency, in place of qty in a market order
---@field price moonwire.Amount|nil             without it: a market order
---@field symbol string|nil                     default: self.params.symbol
---@field venue string|nil                      default: self.params.venue
---@field type moonwire.OrderType|nil           default: limit with a price, else market
---@field time_in_force moonwire.TimeInForce|nil  default: gtc

---@class moonwire.Order
---@field client_order_id string|nil            ours; of an external order the venue's, if any
---@field order_id string|nil                   the venue's, once known; another one when replaced
---@field venue string
---@field symbol string
---@field side moonwire.Side
---@field type moonwire.OrderType
---@field time_in_force moonwire.TimeInForce
---@field price moonwire.decimal|nil
---@field qty moonwire.decimal|nil
---@field amount moonwire.decimal|nil
---@field cum_qty moonwire.decimal              executed so far
---@field leaves_qty moonwire.decimal|nil       left; zero when terminal
---@field avg_price moonwire.decimal|nil        nil before the first fill
---@field status moonwire.Status
---@field previous_status moonwire.Status|nil
---@field reason string|nil                     of a rejection, a cancel or a replacement, where
---                                             there is one
---@field created_at number                     seconds since 1970
---@field updated_at number
---@field strategy string|nil
---@field external boolean|nil                  seen at the venue, not sent by this runtime
local Order = {}

--- Whether it may still trade, as far as anyone knows.
---@return boolean
function Order:is_open() end

--- Whether the venue has executed more than there are fills for; they are being asked for.
---@return boolean
function Order:is_missing_fills() end

--- Waits, in a task, until it has this status or is terminal, at most so many seconds.
---@param status moonwire.Status
---@param seconds number|nil
---@return moonwire.Status  the status that it has then
function Order:wait(status, seconds) end

---@class moonwire.OrderEvent
---@field previous moonwire.Status
---@field reason string|nil

---@class moonwire.Fee
---@field asset string                 upper case
---@field amount moonwire.decimal      a rebate is below 0

---@class moonwire.Fill
---@field order moonwire.Order
---@field client_order_id string|nil
---@field order_id string|nil
---@field trade_id string|nil          nil where the venue gave a total alone
---@field venue string
---@field symbol string
---@field side moonwire.Side
---@field strategy string|nil
---@field price moonwire.decimal
---@field qty moonwire.decimal
---@field liquidity "maker"|"taker"|"pool"|nil  pool: a stake that was decided; its price is what
---                                    came back for each unit, 0 when it was lost
---@field fees moonwire.Fee[]
---@field time number|nil              seconds since 1970
---@field is_estimate boolean|nil      at the order's price; corrected when the trade is known

-- Market data, positions, venues ------------------------------------------------------------------

---@class moonwire.Level
---@field price moonwire.decimal
---@field qty moonwire.decimal

--- What a target of a pool stands at; it changes with each stake until betting stops.
---@class moonwire.Pool
---@field multiplier moonwire.decimal   what would come back for one unit, the stake included
---@field backing moonwire.decimal      staked on this target
---@field total moonwire.decimal        staked on all targets
---@field is_blocked boolean            no stakes are taken

---@class moonwire.Book
---@field venue string
---@field symbol string
---@field bids moonwire.Level[]        highest price first
---@field asks moonwire.Level[]        lowest price first
---@field time number                  seconds since 1970
---@field pool moonwire.Pool|nil        where stakes are pooled: there are no bids and no asks
local Book = {}

---@return moonwire.decimal|nil
function Book:best_bid() end
---@return moonwire.decimal|nil
function Book:best_ask() end
--- Halfway between the best prices; nil unless both sides have one.
---@return moonwire.decimal|nil
function Book:mid() end
---@return moonwire.decimal|nil
function Book:spread() end

---@class moonwire.Trade
---@field venue string
---@field symbol string
---@field side moonwire.Side           of the taker
---@field price moonwire.decimal
---@field qty moonwire.decimal
---@field trade_id string|nil
---@field time number                  seconds since 1970

---@class moonwire.Position
---@field strategy string
---@field venue string
---@field symbol string
---@field base string
---@field quote string
---@field qty moonwire.decimal         above 0 long, below 0 short; fees in base not off
---@field avg_price moonwire.decimal|nil  nil when flat
---@field realized moonwire.decimal       profit of what was closed, less the fees in quote currency
---@field fees table<string, moonwire.decimal>  by asset
local Position = {}

--- Profit in quote currency that closing at `mark` would add, before its fees.
---@param mark moonwire.Amount
---@return moonwire.decimal
function Position:unrealized(mark) end

--- What own fills and fees changed in the account, by asset.
---@return table<string, moonwire.decimal>
function Position:balances() end

--- "12.5 IDR, 0.00001 BTC"; "none" when there were none.
---@return string
function Position:fees_text() end

---@alias moonwire.SessionState "up"|"down"|"degraded"

---@class moonwire.Market
---@field symbol string
---@field base string
---@field quote string
---@field price_step moonwire.decimal
---@field qty_step moonwire.decimal
---@field min_qty moonwire.decimal|nil
---@field min_notional moonwire.decimal|nil
---@field unit_cost moonwire.decimal|nil  what a unit of qty costs whatever the price is

---@class moonwire.Balance
---@field free moonwire.decimal
---@field held moonwire.decimal|nil    in open orders

---@class moonwire.VenueHandle
---@field name string
---@field capabilities table<string, boolean>
local VenueHandle = {}

--- Asks the venue; waits, in a task.
---@return table<string, moonwire.Balance>|nil balances  by asset
---@return string|nil err
function VenueHandle:balances() end

--- Asks the venue for all open orders, whoever sent them; waits, in a task.
---@return moonwire.Report[]|nil reports
---@return string|nil err
function VenueHandle:open_orders() end

--- Asks the venue for an order that is known here, by either of its ids; waits, in a task.
---@param id string
---@return moonwire.Report|nil report
---@return string|nil err
function VenueHandle:order(id) end

--- The markets by symbol; empty before the first log-on.
---@return table<string, moonwire.Market>
function VenueHandle:markets() end

---@return { state: moonwire.SessionState, since: number }
function VenueHandle:session() end

return {}
