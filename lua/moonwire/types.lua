---@meta moonwire

--- The strategy API and a venue's interface, for editors that read LuaLS annotations: put the
--- folder lua/ on the editor's library path ("workspace.library") and name the class of `self`:
---
---   ---@class MyStrategy : moonwire.Strategy
---   local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
---
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
---@field order_id string|nil                   the venue's, once known
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
---@field reason string|nil                     of a rejection or a cancel, where there is one
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

-- A venue's file ----------------------------------------------------------------------------------

--- What a venue's file tells about an order. All fields are optional but an id.
---@class moonwire.Report
---@field status moonwire.Status|"working"|"unanswered"|"cancel_sent"|"cancel_refused"|nil
---                                    working: asked, and it is open
---@field client_order_id string|nil
---@field order_id string|nil
---@field symbol string|nil
---@field side moonwire.Side|nil
---@field type moonwire.OrderType|nil
---@field time_in_force moonwire.TimeInForce|nil
---@field price moonwire.decimal|nil
---@field qty moonwire.decimal|nil
---@field cum_qty moonwire.decimal|nil    the venue's total
---@field trade_id string|nil             with last_qty and last_price: one execution
---@field last_qty moonwire.decimal|nil
---@field last_price moonwire.decimal|nil
---@field liquidity "maker"|"taker"|"pool"|nil
---@field fees moonwire.Fee[]|nil
---@field is_provisional boolean|nil      last_price is a bound; the fills are asked for
---@field by_total boolean|nil            count the difference of totals as one fill
---@field is_estimate boolean|nil         with by_total: at a price that is not the trade's
---@field may_have_fills boolean|nil      ask for fills before this report counts
---@field needs_asking boolean|"to_the_end"|nil  ask for the order: this report is not enough;
---                                    soon, and until it has ended
---@field fills moonwire.Report[]|nil     of fetch_order: its executions, when they came along
---@field is_inferred boolean|nil         concluded from silence; a later sign of life undoes it
---@field reason string|nil
---@field time number|nil                 seconds since 1970

---@alias moonwire.Class
---| "retry"      back off and connect again
---| "again"      connect again at once, the first time
---| "once"       at once, and permanent when it happens again before the line was live
---| "refused"    the credentials are not taken now: try again each minute
---| "permanent"  stop the session and say why

--- { text = } goes over the private connection, anything else is an HTTP request.
---@class moonwire.Request
---@field text string|nil
---@field id integer|nil                 of link:request_id(): its answer is what link:answer brings
---@field sign fun(request: moonwire.Request)|nil  over HTTP, where requests go one at a time:
---                                      completes it when it leaves
---@field method string|nil
---@field url string|nil
---@field headers table[]|nil            { name, text or secret }, in order
---@field body string|table|nil          a list is joined; it may hold secrets
---@field timeout number|nil             seconds; default: request_timeout of the configuration
---@field has_secret_answer boolean|nil  it brings keys or cookies: it is not recorded
---@field limit string|nil               the kind that counts in `limits`: waits for its turn
---@field limit_key any

--- One WebSocket of a venue. `link` is the line (link.lua).
---@class moonwire.LinkSpec
---@field paths (string|table)[]         "a.b", "rows[].c", or { path, words = { ... } }
---@field silence number                 seconds without a byte: the line counts as dead
---@field backoff table|nil              options of moonwire.backoff
---@field heartbeat number|nil           seconds between two beats
---@field one_at_a_time boolean|nil      answers name no request: see turns.lua
---@field takes_questions boolean|nil   private only: the fetch functions ask over this line
---@field feeds table<string, true>|nil  market data only: "book", "trades"; nil: both
---@field pings { idle: number, busy: number, again: number }|nil  seconds between our pings
local LinkSpec = {}

--- A task: connects (link:open) and logs on.
---@param link table
---@return boolean|nil ok
---@return string|nil err
---@return moonwire.Class|nil class
function LinkSpec.logon(link) end

--- Reads one decoded message and reports it: link:reply, link.session:on_report, link:lost.
---@param link table
---@param decoder table
function LinkSpec.read(link, decoder) end

--- What a close means.
---@param code integer
---@param reason string
---@param http_status integer  of a refused handshake, else 0
---@param body string          of a refused handshake
---@param link table
---@return moonwire.Class
---@return string|nil why      in better words than those of the transport
function LinkSpec.close_class(code, reason, http_status, body, link) end

--- Optional, with `heartbeat`: says that we are alive.
---@param link table
function LinkSpec.beat(link) end

--- Private only, a task, where the venue suspends (session:suspend, session:resume): makes sure on
--- the same connection that reports come again; as logon.
---@param link table
---@return boolean|nil ok
---@return string|nil err
function LinkSpec.resume(link) end

--- A task, optional: new credentials in place. It runs when session:renew_before(at) says so; nil
--- and an error connect anew.
---@param link table
---@return boolean|nil ok
---@return string|nil err
function LinkSpec.renew(link) end

--- Market data only: asks for a feed.
---@param link table
---@param subscription { feed: "book"|"trades", symbol: string }
function LinkSpec.subscribe(link, subscription) end

--- A venue's own dead-man switch: it cancels all orders of a pair when its countdown runs out.
--- countdown.lua decides when it is renewed.
---@class moonwire.CountdownSpec
---@field limits moonwire.RateRule[]      of "beat" (renewing), "arm" (a pair's first) and "off"; at
---                                       least five beats in 10 s must always find room
local CountdownSpec = {}

--- One request that starts the countdown anew for all these markets, or turns it off.
---@param s table
---@param markets moonwire.Market[]
---@param seconds number       0: off
---@return moonwire.Request
function CountdownSpec.request(s, markets, seconds) end

--- What the answer says. Classes: "pair" (a market of the list is refused, and none is armed),
--- "refused" (a person must act), "limit" (too many), "retry" (anything else; it may have arrived).
---@param s table
---@param status integer
---@param body string
---@return boolean|nil ok
---@return string|nil why
---@return "pair"|"refused"|"limit"|"retry"|nil class
function CountdownSpec.answer(s, status, body) end

--- What the session asks of a venue's file. `s` is the session (session.lua). The fetch functions
--- run in tasks and may wait (s:call); their failure is nil, err, class.
---@class moonwire.Venue
---@field name string
---@field environments table<string, table<string, string>>  urls by environment
---@field options table<string, moonwire.Field|false>|nil  own configuration keys (fields.lua);
---                                      false: a common key that means nothing here
---@field capabilities table<string, boolean>|fun(config: table): table<string, boolean>
---                                      false of `client_order_id` and `cancel` changes what the
---                                      session does
---@field client_order_ids "text"|"number"|nil  what the venue takes; text: 36 of [a-z0-9-]
---@field one_at_a_time boolean|nil       HTTP requests never overtake each other
---@field reconnect_on_reload boolean|nil  this version of the file needs connections of its own
---@field limits moonwire.RateRule[]      rate.lua; of "submit", "cancel" and what requests name
---@field late_arrival number             seconds for which a request that left may be taken
---@field shown_within number|nil         seconds after which an order that was taken is found by
---                                      all of its calls; default 10
---@field private moonwire.LinkSpec
---@field market moonwire.LinkSpec|table|nil  a table with `ask`: see poll.lua
---@field countdown moonwire.CountdownSpec|nil
local Venue = {}

--- Optional: what is wrong with a configuration beyond what `options` can say.
---@param config table  the venue's section
---@return string[][] problems  { key, text }
function Venue.check_config(config) end

--- Optional: the venue's file for this configuration, where there are several (dialects).
---@param config table
---@return moonwire.Venue
function Venue.for_config(config) end

--- Optional: the cheapest call that keeps an HTTP connection open.
---@param s table
---@return moonwire.Request
function Venue.warm(s) end

--- Optional: the venue's clock in ms.
---@param s table
---@return number|nil time_ms
---@return string|nil err
---@return number|nil coarse_ms  how far it may be off by the way in which the venue tells it
function Venue.fetch_time(s) end

--- The markets as a list, and in the same table by symbol; `names` are the venue's own of one.
---@param s table
---@return moonwire.Market[]|nil markets
---@return string|nil err
---@return moonwire.Class|nil class
function Venue.fetch_markets(s) end

--- Refuses what this venue cannot do, before anything is recorded or sent.
---@param s table
---@param order moonwire.OrderRequest
---@param market moonwire.Market
---@return boolean|nil ok
---@return string|nil err
function Venue.check_order(s, order, market) end

--- The request that sends an order; nil, err when it cannot be made now.
---@param s table
---@param order moonwire.Order
---@return moonwire.Request
function Venue.submit(s, order) end

--- Where orders go over HTTP: the report of an answer; nil and why when the answer says nothing of
--- what the venue did, which makes the order unknown.
---@param s table
---@param order moonwire.Order
---@param status integer
---@param body string
---@param headers string  header lines
---@return moonwire.Report|nil report
---@return string|nil err
function Venue.submit_answer(s, order, status, body) end

--- The request that cancels an order; nil, err when it cannot be made now. This and cancel_answer
--- are not there where the capability `cancel` is false.
---@param s table
---@param order moonwire.Order
---@return moonwire.Request
function Venue.cancel(s, order) end

--- As submit_answer; nil has the venue asked about the order.
---@param s table
---@param order moonwire.Order
---@param status integer
---@param body string
---@return moonwire.Report|nil report
---@return string|nil err
function Venue.cancel_answer(s, order, status, body) end

--- All open orders of the account.
---@param s table
---@param symbols table<string, true>|nil  those of these symbols are enough
---@return moonwire.Report[]|nil reports
---@return string|nil err
---@return moonwire.Class|nil class
function Venue.fetch_open_orders(s) end

--- One order; nil, "not_found" when the venue does not find it, which proves nothing yet. Without
--- an order_id it is told by content and time (candidates.lua): nil, why, "ambiguous" when several
--- may be it.
---@param s table
---@param order moonwire.Order
---@return moonwire.Report|nil report
---@return string|nil err
function Venue.fetch_order(s, order) end

--- Optional, of a venue that keeps no finished orders: how an order ended that it does not find.
---@param s table
---@param order moonwire.Order
---@return "rejected"|"canceled"
function Venue.not_found_means(s, order) end

--- The executions of one order, oldest first.
---@param s table
---@param order moonwire.Order
---@return moonwire.Report[]|nil reports
---@return string|nil err
function Venue.fetch_fills(s, order) end

--- Optional: the orders in one symbol that finished since then (seconds since 1970).
---@param s table
---@param symbol string
---@param since number
---@return moonwire.Report[]|nil reports
---@return string|nil err
function Venue.fetch_finished_orders(s, symbol, since) end

--- The account's balances by asset.
---@param s table
---@return table<string, moonwire.Balance>|nil balances
---@return string|nil err
function Venue.fetch_balances(s) end

---@type moonwire
local M = {}
return M
