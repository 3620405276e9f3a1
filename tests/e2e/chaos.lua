--- Chaos: a run that trades fast against a simulated venue full of faults, killed at random in a
--- random way and started again, many times. After each death nothing may be open that somebody
--- could have canceled, and the journal has all that the venue received; at the end the venue's
--- ledger and the journal's are equal. All chance comes from the seed (but not the moment in which
--- a signal meets a process).

local e2e = require "tests.e2e.lib"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local json = require "moonwire.json"
local random = require "moonwire.random"
local records = require "moonwire.journal.records"
local task = require "moonwire.task"

local M = {}
local SIGKILL, SIGSEGV, SIGSTOP = 9, 11, 19
local HERE = os.getenv "PWD" .. "/tests/e2e/chaos/"

local FAULTS = table.concat({
  "swallow:trade:0.005:after", "swallow:trade:0.005:before", "swallow:cancel:0.01",
  "cut:trade:0.005:after", "http:503:trade:0.01:before", "http:503:query:0.02",
  "delay:trade:0.05:30ms:before", "delay:trade:0.05:30ms:after", "duplicate:push:0.05",
  "reorder:push:0.05:20ms", "lose:push:0.003", "drop:private:every=900",
}, ",")

-- symbol, quantity of an order: some 100,000 IDR
local TRADED = { { "BTC/IDR", "0.0001" }, { "ETH/IDR", "0.002" }, { "AAVE/IDR", "0.02" },
                 { "IDRX/IDR", "100" }, { "PEPE/IDR", "600000" } }

local Chaos = { __name = "chaos.Chaos" }
Chaos.__index = Chaos

-- The journal and the venue's ledger are kept for whoever looks for the cause.
local function keep(self)
  local kept = ("build/chaos/%d"):format(self.seed)
  os.execute(("rm -rf %s && mkdir -p build/chaos && cp -r '%s' %s"):format(kept, self.directory,
                                                                          kept))
  for _, what in ipairs { "orders", "fills" } do
    local ok, rows = pcall(self.sim.control, self.sim, what)
    if ok then e2e.write(("%s/%s.json"):format(kept, what), json.encode(json.array(rows))) end
  end
  return kept
end

local function fail(self, format, ...)
  error(("seed %d, round %d (%s): %s\nkept in %s"):format(self.seed, self.round,
    self.kind or "end", format:format(...), keep(self)), 0)
end

-- The venue ---------------------------------------------------------------------------------------

local function start_venue(self)
  self.sim = e2e.sim("indodax", {
    "--set", "rate_limits=off", "--set", "history_kept=1000000", "--seed", tostring(self.seed),
    "--balance", "idr=1000000000,btc=20,eth=300,aave=1000,idrx=10000000,pepe=10000000000" })
  self.sim:control("market", { on = 1 })
  self.sim:control("fault", { fault = FAULTS })
end

-- What the venue received since the last call: { time =, key = } each.
local function listen(self)
  if self.is_over then return end
  for _, what in ipairs { "requests", "frames" } do
    local answer = self.sim:control(what, { since = self.heard[what] })
    local rows = answer[what]
    if #rows ~= answer.count - self.heard[what] then
      fail(self, "%d %s were not listened to", answer.count - self.heard[what] - #rows, what)
    end
    self.heard[what] = answer.count
    for _, row in ipairs(rows) do
      local key = row.text and "WS\n" .. row.text
        or row.method .. " " .. row.target .. "\n" .. row.body
      table.insert(self.received, { time = row.time / 1000, key = key })
      local id = row.body and row.body:find("method=trade&", 1, true)
        and row.body:match "client_order_id=([%w-]+)"
      if id and self.sent[id] then fail(self, "order %s was sent twice", id) end
      if id then
        self.sent[id] = true
        self.orders = self.orders + 1
      end
    end
  end
end

-- Listens until predicate() is true.
local function listen_until(self, what, predicate, seconds)
  return e2e.await(what, function()
    listen(self)
    return predicate()
  end, seconds)
end

-- Runs --------------------------------------------------------------------------------------------

local function configure(self, options)
  local strategies = {}
  for i, traded in ipairs(TRADED) do
    local name = traded[1]:lower():gsub("/", "-")
    strategies[i] = ("{ file = %q, name = %q, params = { symbol = %q, qty = %q, pause = %g, "
      .. "is_quiet = %s } },"):format(HERE .. "strategy.lua", name, traded[1], traded[2],
      #TRADED / self.rate, tostring(options.is_quiet or false))
  end
  local keys = ("request_timeout = %g, reconcile_every = 3,"):format(2 * e2e.slower)
  local text = self.sim:config(keys, ([[
    restart = %s, hang_limit = %g, on_crash = %q,
    risk = { max_orders_per_second = 1000 },
    strategies = { %s },
  ]]):format(tostring(options.restart or false), e2e.slower, options.on_crash or "cancel",
             table.concat(strategies, "\n")))
  local count
  text, count = text:gsub('protocol = "indodax"', ("protocol = %q"):format(HERE .. "venue.lua"))
  assert(count == 1)
  e2e.write(self.config, text)
end

local function start(self, options)
  configure(self, options or {})
  -- Who lost its guardian cancels before it ends, and has the locks until then.
  listen_until(self, "the locks", function()
    local run = e2e.moonwire({ "run", "--config", self.config }, self.sim:environment())
    self.run = run
    e2e.await("a beginning", function()
      return run:err():find "runtime started pid=" or run:poll()
    end, 30)
    if run.status and not run:err():find "already by moonwire" then
      fail(self, "it did not start\n%s", run:err())
    end
    local silence = self.silences[#self.silences]
    if silence and not run.status then silence.to = math.min(silence.to, dispatch.now()) end
    return not run.status
  end, 90)
  return self.run
end

local function trade_for(self, seconds)
  local till = host.monotonic() + seconds
  repeat
    listen(self)
    local left = till - host.monotonic()
    if left > 0 then task.sleep(math.min(left, 0.2)) end
  until left <= 0
end

local function wait_exit(self, seconds)
  local ok = pcall(listen_until, self, "its end", function() return self.run:poll() end,
                   seconds or 30)
  if not ok then fail(self, "it did not end\n%s", self.run:err()) end
end

-- Deaths ------------------------------------------------------------------------------------------

-- Ours that are open at the venue. What is left there by those that can clean up is a failure.
local function check_nothing_open(self)
  local open = self.sim:orders(true)
  if #open > 0 then
    fail(self, "%d orders are open, such as %s\n%s", #open, open[1].client_order_id,
         self.run:err())
  end
end

local function check_status(self, expected)
  local status = self.run.status
  if status ~= expected then fail(self, "exit status %d\n%s", status, self.run:err()) end
end

local function runtime_dies(signal)
  return function(self)
    self.run:signal_runtime(signal)
    wait_exit(self)
    check_status(self, 1)
    check_nothing_open(self)
  end
end

local deaths = {
  killed = runtime_dies(SIGKILL),
  crashed = runtime_dies(SIGSEGV),
}

local is_killed_when_stopped = runtime_dies(SIGSTOP)

function deaths.stopped(self)
  self.run:wait_for("holds", 30)               -- until then it has a minute, not hang_limit
  is_killed_when_stopped(self)
end

-- From here on what happens is not in the journal; some ms before may not be, either.
local function guardian_goes(self)
  table.insert(self.silences, { from = dispatch.now() - 0.3 * e2e.slower, to = math.huge })
end

function deaths.guardian(self)
  local runtime = self.run:runtime_pid()
  guardian_goes(self)
  self.run:signal(SIGKILL)
  wait_exit(self)
  listen_until(self, "the runtime's end", function() return not e2e.is_alive(runtime) end, 30)
  -- Before its log-on it knows no order that is in no journal, and need not log on to end.
  if self.run:out():find "holds" then check_nothing_open(self) end
end

function deaths.both(self)
  guardian_goes(self)
  self.run:kill_all()
end

function deaths.one_after_the_other(self)
  self.run:signal_runtime(SIGKILL)
  task.sleep(self.random:number() * 0.3)
  guardian_goes(self)
  self.run:signal(SIGKILL)
  wait_exit(self)
end

-- The guardian starts it again by itself; then somebody stops it.
function deaths.restart(self)
  local first = self.run:runtime_pid()
  self.run:signal_runtime(SIGKILL)
  listen_until(self, "a new runtime", function() return self.run:runtime_pid() ~= first end, 30)
  trade_for(self, 0.3 + self.random:number())
  self.run:signal(15)
  wait_exit(self)
  check_status(self, 0)
  check_nothing_open(self)
end

function deaths.left_alone(self)
  self.run:signal_runtime(SIGKILL)
  wait_exit(self)
end

local KINDS = { "killed", "crashed", "guardian", "both", "killed", "both", "stopped", "restart",
                "left_alone", "one_after_the_other" }
local OPTIONS = { restart = { restart = true }, left_alone = { on_crash = "leave" } }

-- The journal -------------------------------------------------------------------------------------

-- Whether two texts are the same where the first one is not masked.
local function is_same(masked, text)
  if #masked ~= #text then return false end
  for from, to in masked:gmatch "()%[secret%.*%]()" do
    text = text:sub(1, from - 1) .. masked:sub(from, to - 1) .. text:sub(to)
  end
  return masked == text
end

local function target_of(url) return url:match "^%u+ " .. (url:match "^%u+ %a+://[^/]+(.*)$") end

-- How often each request and frame stands in the journal since the last call, and those that have
-- masked parts.
local function read_sent(self)
  local db = assert(host.journal_open(self.journal))
  local counts, masked = {}, {}
  for _, chunk in ipairs(assert(db:query(
      "SELECT chunk, run, bytes FROM chunks WHERE chunk > ? ORDER BY chunk", self.chunk))) do
    self.chunk = chunk.chunk
    assert(records.each(chunk.bytes, chunk.run, function(record)
      local key
      if record.kind == "http_request" then key = target_of(record.text) .. "\n" .. record.data
      elseif record.kind == "ws_send" then key = "WS\n" .. record.data end
      if not key then return end
      counts[key] = (counts[key] or 0) + 1
      if key:find("[secret", 1, true) then masked[#masked + 1] = key end
    end))
  end
  db:close()
  return counts, masked
end

local function take(counts, masked, key)
  if (counts[key] or 0) > 0 then
    counts[key] = counts[key] - 1
    return true
  end
  for _, other in ipairs(masked) do
    if counts[other] > 0 and is_same(other, key) then
      counts[other] = counts[other] - 1
      return true
    end
  end
  return false
end

-- Whether nobody wrote the journal at that time.
local function is_silent(self, at)
  for _, silence in ipairs(self.silences) do
    if at >= silence.from and at <= silence.to then return true end
  end
  return false
end

-- Whatever the venue received is in the journal, as long as there was somebody to write it.
local function check_bytes(self)
  local counts, masked = read_sent(self)
  for _, received in ipairs(self.received) do
    if not is_silent(self, received.time) and not take(counts, masked, received.key) then
      fail(self, "not in the journal: %s", received.key)
    end
  end
  self.received = {}
end

-- Deaths, one after the other ---------------------------------------------------------------------

local function one_round(self)
  self.kind = KINDS[self.random:integer(1, #KINDS)]
  start(self, OPTIONS[self.kind])
  -- One in four dies while it begins.
  local is_early = self.random:number() < 0.25
  trade_for(self, self.random:number() * (is_early and 0.3 or self.span))
  deaths[self.kind](self)
  listen(self)
  check_bytes(self)
end

-- The end -----------------------------------------------------------------------------------------

local function journal(self, what)
  local process = e2e.moonwire { "journal", self.journal, what, "--json", "--limit", "0" }
  if process:wait_exit(60) ~= 0 then fail(self, "journal %s: %s", what, process:err()) end
  local rows = {}
  for line in process:out():gmatch "[^\n]+" do rows[#rows + 1] = assert(json.decode(line)) end
  return rows
end

local function is_ours(order) return (order.client_order_id or ""):find "^mw%-" end

local ENDED = { filled = true, canceled = true, rejected = true, expired = true }

local function check_orders(self)
  local written, bought, at_venue = {}, {}, {}
  for _, row in ipairs(journal(self, "orders")) do
    if row.client_order_id then
      if written[row.client_order_id] then fail(self, "twice: %s", row.client_order_id) end
      written[row.client_order_id] = row
    end
    if not ENDED[row.status] then
      fail(self, "%s is %s in the journal", row.client_order_id, row.status)
    end
  end
  for _, order in ipairs(self.sim:orders()) do
    local id, qty = order.client_order_id, decimal(order.cum_qty)
    local row = is_ours(order) and written[id]
    if row then
      at_venue[id] = true
      if row.status ~= order.status or decimal(row.cum_qty) ~= qty
        or (row.order_id or order.order_id) ~= order.order_id then
        fail(self, "%s (%s) is %s %s at the venue, %s %s (%s) in the journal", id, order.order_id,
             order.status, order.cum_qty, row.status, row.cum_qty, row.order_id)
      end
    elseif is_ours(order)
      and not (qty:sign() == 0 and is_silent(self, order.created_at / 1000)) then
      fail(self, "%s %s (%s) is not in the journal", id, order.status, order.cum_qty)
    end
    if is_ours(order) then
      local net = bought[order.pair] or decimal "0"
      bought[order.pair] = order.side == "buy" and net + qty or net - qty
    end
  end
  for id, row in pairs(written) do
    if not at_venue[id] and decimal(row.cum_qty or "0"):sign() ~= 0 then
      fail(self, "%s filled %s in the journal, unknown to the venue", id, row.cum_qty)
    end
  end
  return bought
end

-- "140 IDR, 15 IDR" in one sum.
local function sum_of(fees)
  local sum = decimal "0"
  for amount in (fees or ""):gmatch "([%d.]+) %u+" do sum = sum + decimal(amount) end
  return sum
end

local function fill_text(fill, fees)
  return ("%s of %s: %s at %s, %s, fees %s"):format(fill.trade_id, fill.client_order_id,
    tostring(decimal(fill.qty)), tostring(decimal(fill.price)), fill.liquidity:lower(),
    tostring(fees))
end

local function check_fills(self)
  local written, count = {}, 0
  for _, row in ipairs(journal(self, "fills")) do
    local fees = row.fees
    local text = fill_text(row, type(fees) == "table" and sum_of(table.concat(fees, ", "))
                                or sum_of(fees))
    local key = tostring(row.trade_id) .. " " .. tostring(row.client_order_id)
    if written[key] then fail(self, "written twice: %s", text) end
    written[key] = text
  end
  for _, fill in ipairs(self.sim:control "fills") do
    if is_ours(fill) then
      local key = fill.trade_id .. " " .. fill.client_order_id
      local text = fill_text(fill, decimal(fill.commission))
      if written[key] ~= text then
        fail(self, "the venue has   %s\nthe journal has %s", text, tostring(written[key]))
      end
      written[key], count = nil, count + 1
    end
  end
  local _, more = next(written)
  if more then fail(self, "the venue does not have %s", more) end
  return count
end

-- What the strategies say that they hold is what the venue gave them.
local function check_positions(self, bought)
  for _, traded in ipairs(TRADED) do
    local symbol = traded[1]
    local held, told = self.run:out():match(symbol .. " holds (%S+) was told (%S+)")
    local net = bought[symbol:lower():gsub("/", "_")] or decimal "0"
    if not held or decimal(held) ~= net then
      fail(self, "%s: the venue's orders make %s, the strategy holds %s (told of %s)", symbol,
           tostring(net), tostring(held), tostring(told))
    end
  end
end

-- Waits until no order is in doubt and every fill was asked for, with its price.
local function wait_settled(self)
  local db = assert(host.journal_open(self.journal))
  local function first(sql) return assert(db:query(sql))[1].n end
  local ok = pcall(listen_until, self, "the end", function()
    return first [[SELECT count(*) AS n FROM orders
                   WHERE status NOT IN ('filled', 'canceled', 'rejected', 'expired')]] == 0
      and first "SELECT count(*) AS n FROM fills" >= #self.sim:control "fills"
      and first "SELECT count(*) AS n FROM fills WHERE flags & 6" == 0
  end, 20)
  db:close()
  return ok                                      -- if not, what follows says what is missing
end

local function finish(self)
  self.kind = nil
  self.round = self.round + 1
  self.sim:control "clear"
  self.sim:control("market", { on = 0, withdraw = 1 })
  start(self, { is_quiet = true })
  for _, traded in ipairs(TRADED) do self.run:wait_for(traded[1] .. " holds", 30) end
  wait_settled(self)
  self.run:stop()
  check_status(self, 0)
  listen(self)
  check_bytes(self)
  check_nothing_open(self)
  self.is_over = true                            -- what comes now is asked by the audit
  local bought = check_orders(self)
  local fills = check_fills(self)
  local audit = e2e.moonwire({ "audit", "--config", self.config }, self.sim:environment())
  if audit:wait_exit(30) ~= 0 then fail(self, "audit: %s%s", audit:out(), audit:err()) end
  start(self, { is_quiet = true })
  for _, traded in ipairs(TRADED) do self.run:wait_for(traded[1] .. " holds %S+ was", 30) end
  check_positions(self, bought)
  self.run:stop()
  check_status(self, 0)
  local ok = self.sim:control "check"
  if not ok.ok then fail(self, "the venue's books: %s", ok.problem) end
  return fills
end

-- Every run can be run again, up to its death: nothing that it did hung on what is not recorded.
local function check_replays(self)
  local count, run = 0, 0
  while true do
    run = run + 1
    local replay = e2e.tool { "replay", "--quiet", "--run", tostring(run), self.journal }
    local status, err = replay:wait_exit(60), replay:err()
    if err:find("there is no run", 1, true) then return count end
    if status == 0 then count = count + 1
    elseif not err:find "only what `moonwire run` does" and not err:find "before it began" then
      fail(self, "replay: %s%s", replay:out(), err:sub(-2000))
    end
  end
end

--- Kills a run `kills` times; `rate` is orders a second, `span` the most seconds that it trades
--- between two deaths. Raises what is wrong, with the seed.
---@return table  what was done: orders, fills, requests, replays
function M.run(seed, kills, rate, span)
  local self = setmetatable({
    seed = seed, rate = rate, span = span, random = random.new(seed, "chaos"), round = 0,
    orders = 0,
    heard = { requests = 0, frames = 0 }, received = {}, sent = {}, silences = {}, chunk = 0,
  }, Chaos)
  start_venue(self)
  self.directory = e2e.directory()
  self.config, self.journal = self.directory .. "/moonwire.lua", self.directory .. "/moonwire.db"
  for round = 1, kills do
    self.round = round
    one_round(self)
  end
  local fills = finish(self)
  return { orders = self.orders, fills = fills, requests = self.heard.requests,
           replays = check_replays(self) }
end

return M
