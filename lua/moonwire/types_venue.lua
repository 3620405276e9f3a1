---@meta moonwire

--- Annotations (types.lua) of a venue's file: what it tells, and what the session asks of it.
--- Nothing here runs; it gives an empty table.

-- luacheck: ignore 212 241

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
---@field qty moonwire.decimal|nil        of what has this order_id, as cum_qty is: of one that
---                                    was replaced the venue's new one counts from zero
---@field cum_qty moonwire.decimal|nil    the venue's total
---@field least_qty moonwire.decimal|nil  it has executed so much at least: exactly, trades tell
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
---@field fills moonwire.Report[]|nil     of fetch_order, replace_answer: its executions, when they
---                                    came along
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
---@param market moonwire.Market  of that symbol
function LinkSpec.subscribe(link, subscription, market) end

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
---                                      false of `client_order_id` and `cancel`, true of `replace`
---                                      and `cancel_all` changes what the session does
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

--- Optional: what an execution costs, where the venue tells it: shares of the quantity where
--- `asset` is the market's base, else of the notional. nil: not known.
---@param s table
---@param market moonwire.Market
---@param side moonwire.Side
---@return { asset: string, maker: moonwire.decimal|nil, taker: moonwire.decimal|nil,
---          beside: string|nil }|nil rates  beside: what else is charged, and not told before
function Venue.fee_rates(s, market, side) end

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

--- As submit_answer; nil has the venue asked about the order. So has `canceled` without cum_qty,
--- unless the stream tells the end soon: an order ends when it is known what it executed.
---@param s table
---@param order moonwire.Order
---@param status integer
---@param body string
---@return moonwire.Report|nil report
---@return string|nil err
function Venue.cancel_answer(s, order, status, body) end

--- Where the capability `replace` is true: the request that asks for another order in place of one
--- that rests, at one stroke, so that there is never none and never both; nil, err when it cannot
--- be made now.
---@param s table
---@param order moonwire.Order  as it is
---@param change { client_order_id: string, price: moonwire.decimal, qty: moonwire.decimal }  qty:
---                             with what is executed of the venue's order (order.order_id)
---@return moonwire.Request
function Venue.replace(s, order, change) end

--- As submit_answer: a report of the new order, with order_id, qty and cum_qty of its own and
--- `fills`. Or one of status "replace_refused": the old one is as it was (or had ended before:
--- needs_asking), or "replace_failed": it is gone and there is no new one. Both with a reason.
--- nil has the venue asked.
---@param s table
---@param order moonwire.Order
---@param status integer
---@param body string
---@return moonwire.Report|nil report
---@return string|nil err
function Venue.replace_answer(s, order, status, body) end

--- Where the capability `cancel_all` is true, which is for the configuration to say: the request
--- that ends all that the account has open, in one market or in all; nil, err when it cannot be
--- made now. The list of open orders then tells what it came to.
---@param s table
---@param symbol string|nil
---@return moonwire.Request
function Venue.cancel_all(s, symbol) end

--- Whether the venue did it: nil and why when the answer does not tell, false and why when it did
--- not.
---@param s table
---@param order nil
---@param status integer
---@param body string
---@return boolean|nil ok
---@return string|nil err
function Venue.cancel_all_answer(s, order, status, body) end

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

return {}
