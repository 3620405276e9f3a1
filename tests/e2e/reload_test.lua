--- Reload end to end: files change under a runtime that trades.

local e2e = require "tests.e2e.lib"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local task = require "moonwire.task"
local test, equal = e2e.test, e2e.equal

local SIGHUP = 1
-- Where each instruction takes its time (valgrind), fewer of everything.
local is_slow = e2e.slower > 1
local RELOADS, RATE = is_slow and 50 or 1000, is_slow and 100 or 2000

local function has(text, part)
  if not text:find(part, 1, true) then error(("no %q in:\n%s"):format(part, text), 2) end
end

-- As editors do it: a new file, renamed over the old one.
local function replace(path, text)
  e2e.write(path .. ".new", text)
  assert(os.rename(path .. ".new", path))
end

-- A saved file ------------------------------------------------------------------------------------

local SAYS = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start()
  self:buy { qty = "0.001", price = "1500000000" }
  self:every(0.02, "tick")
end
function S:on_order(order) if order.status == "new" then print "resting" end end
function S:tick() if self.state.said ~= "%s" then print "%s" self.state.said = "%s" end end
%s
return S
]]
local function says(word, more) return SAYS:format(word, word, word, more or "") end

test("a file that is saved runs, a bad one does not, one that fails is rolled back", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(says "one")
  local path = run.config:gsub("[^/]+$", "strategy1.lua")
  run:wait_for "one\n"
  run:wait_for "resting"
  replace(path, says "two")
  run:wait_for "\ntwo\n"
  e2e.write(path, says("three", "function S:on_order(")) -- in place
  run:wait_for "not reloaded %(saved%), version 2 goes on: %S+strategy1.lua:10: "
  has(run:err(), "(line 10: return S)")
  e2e.write(path, says "four")
  run:wait_for "\nfour\n"
  replace(path, (says("five"):gsub("function S:tick%(%)", "%0 print 'bad' error 'no' ")))
  run:wait_for "rolled back to version 3: 3 errors, the last one in tick"
  replace(path, says "six")
  run:wait_for "\nsix\n"
  equal(#sim:requests "trade", 1, "the order was sent once")
  equal(sim:orders(true)[1].status, "open")
  equal(run:stop(), 0)
  local file = run.config:gsub("[^/]+$", "moonwire.db")
  local db = assert(host.journal_open(file))
  local rows = assert(db:query("SELECT number, why, text FROM versions WHERE name = 'strategy1' "
                               .. "ORDER BY number"))
  db:close()
  equal(#rows, 5)
  equal(rows[3].why, "saved")
  has(rows[3].text, '"four"')
  local function journal(...)
    local process = e2e.moonwire { "journal", file, ... }
    equal(process:wait_exit(), 0, process:err())
    return process:out()
  end
  has(journal("versions", "strategy1"), "strategy1        5")
  has(journal("diff", "strategy1", "1", "2"), "+   8 | function S:tick() if self.state.said ~= "
      .. '"two"')
end)

test("SIGHUP to the guardian reloads what has changed; --no-watch leaves it at that", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(says "one", { arguments = { "--no-watch" } })
  local path = run.config:gsub("[^/]+$", "strategy1.lua")
  run:wait_for "one\n"
  run:signal(SIGHUP)
  run:wait_for "SIGHUP: what runs is what stands in the files"
  replace(path, says "two")
  run:signal(SIGHUP)
  run:wait_for "\ntwo\n"
  has(run:err(), "reloaded (SIGHUP): strategy1: version 2")
  equal(run:stop(), 0)
end)

test("moonwire reload says what became of it, with its exit status", function()
  local sim = e2e.sim "indodax"
  local function reload(config, name)
    local process = e2e.moonwire { "reload", "--config", config, name }
    return process:wait_exit(), process:out() .. process:err()
  end
  local run = sim:run(says "one", { arguments = { "--no-watch" },
                                    rest = 'console = { path = "moonwire.sock" },' })
  local path = run.config:gsub("[^/]+$", "strategy1.lua")
  run:wait_for "one\n"
  replace(path, says "two")
  local status, said = reload(run.config)
  equal(status, 0, said)
  has(said, "strategy=strategy1 reloaded (SIGHUP): strategy1: version 2")
  replace(path, "return nothing.at")
  status, said = reload(run.config)
  equal(status, 1, said)
  has(said, "strategy1.lua:1: attempt to index global 'nothing' (a nil value) (line 1: ")
  replace(path, says "three")
  status, said = reload(run.config, "strategy1")
  equal(status, 0, said)
  has(said, "strategy1: version 3")
  status, said = reload(run.config, "nobody")
  equal(status, 1, said)
  has(said, "nothing here is called nobody")
  equal(run:stop(), 0)
  status, said = reload(run.config)
  equal(status, 1)
  has(said, "no runtime writes")
end)

test("moonwire reload understands a log in JSON", function()
  local sim = e2e.sim "indodax"
  local run = sim:run(says "one", { arguments = { "--no-watch", "--log-format", "json" } })
  run:wait_for "one\n"
  replace(run.config:gsub("[^/]+$", "strategy1.lua"), says "two")
  local process = e2e.moonwire { "reload", "--config", run.config }
  equal(process:wait_exit(), 0, process:err())
  has(process:out(), "strategy=strategy1 reloaded (SIGHUP): strategy1: version 2")
  equal(run:stop(), 0)
end)

-- A thousand reloads ------------------------------------------------------------------------------

-- A venue that sends fills of one large order, numbered 1, 2, 3, ...; its file's version is
-- each one's price.
local VENUE = [[
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local M = {
  name = "flood", environments = {}, options = {}, late_arrival = 1, limits = {},
  capabilities = { client_order_id = true, trade_ids = true },
}
local market = { symbol = "BTC/IDR", id = "btcidr", base = "BTC", quote = "IDR",
                 price_step = decimal "1", qty_step = decimal "1", names = { "btcidr" } }
function M.fetch_markets() return { market, [market.symbol] = market } end
function M.fetch_open_orders() return {} end
function M.fetch_fills() return {} end
function M.fetch_balances() return {} end
function M.fetch_order() return nil, "not asked here" end
function M.check_order() return true end
function M.submit(s, order)
  s.memory.id = order.client_order_id
  return { text = "begin" }
end
M.private = { paths = { "n" }, silence = 60, close_class = function() return "retry" end }
function M.private.logon(link)
  local ok, err, class = link.session:before_logon()
  if not ok then return nil, err, class end
  return link:open(link.session.config.private_url)
end
function M.private.read(link, d)
  local n = decode.integer(d.head[0])
  link.session:on_report {
    client_order_id = link.session.memory.id, status = "partially_filled",
    cum_qty = decimal(n), trade_id = tostring(n), last_qty = decimal "1",
    last_price = decimal "%d",
  }
end
return M
]]

local COUNTS = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "flood", symbol = "BTC/IDR" }
local VERSION = mw.decimal "%d"
function S:on_start()
  self.state.last, self.state.wrong, self.state.mixed, self.state.changes = 0, 0, 0, 0
  assert(self:buy { qty = "1000000000", price = "100000" })
  self:every(0.05, "tell")
end
function S:tell() print("at " .. self.state.last) end
function S:on_fill(fill)
  local state, n = self.state, tonumber(fill.trade_id)
  if n ~= state.last + 1 then state.wrong = state.wrong + 1 end
  if fill.price ~= VERSION then state.mixed = state.mixed + 1 end
  if fill.price ~= state.price then state.changes = state.changes + 1 end
  state.last, state.price = n, fill.price
end
function S:on_reload() print("now " .. tostring(VERSION)) end
function S:on_stop()
  local state = self.state
  print(("end last=%%d wrong=%%d mixed=%%d"):format(state.last, state.wrong, state.mixed))
  print("changes=" .. state.changes)
end
return S
]]

-- The venue's other side, in this process: 2,000 messages a second, in groups of ten.
local Flood = { PERIOD = 10 / RATE }
Flood.__index = Flood

local function flood()
  local self = setmetatable({ sent = 0 }, Flood)
  self.id, self.port = assert(host.serve { port = 0 })
  dispatch.bind(self.id, self)
  return self
end

function Flood:on_server_request(id) host.server_reply(id, 404, {}, "") end
function Flood:on_server_upgrade() end
function Flood:on_server_ws_open(id) self.client = id end
function Flood:on_server_ws_ping() end
function Flood:on_server_ws_pong() end

function Flood:on_server_ws_message()
  if not self.timer then self.timer = dispatch.every(self.PERIOD, self, "send") end
end

function Flood:on_server_ws_close() self:stop() end

function Flood:stop()
  if self.timer then self.timer:stop() end
  self.timer = nil
end

-- As many as are due by the clock: a timer may come late.
function Flood:send()
  local now = host.monotonic()
  self.began = self.began or now
  local due = math.floor((now - self.began) * RATE)
  for n = self.sent + 1, due do
    assert(host.server_ws_send(self.client, ('{"n":%d}'):format(n)))
    self.sent = n
  end
end

test("a thousand reloads of strategy and venue under 2,000 events a second lose none", function()
  local server, directory = flood(), e2e.directory()
  local venue, strategy = directory .. "/flood.lua", directory .. "/counts.lua"
  replace(venue, VENUE:format(1))
  replace(strategy, COUNTS:format(1))
  e2e.write(directory .. "/moonwire.lua", ([[
return { venues = { flood = {
    protocol = "flood.lua", environment = "sim", key = env "MW_KEY", secret = env "MW_SECRET",
    rest_url = "http://127.0.0.1:%d", private_url = "ws://127.0.0.1:%d/", market_url = false,
    dead_man = false } },
  strategies = { { file = "counts.lua" } }, on_stop = "leave", %s }]]):format(
    server.port, server.port, e2e.limits()))
  local run = e2e.moonwire({ "run", "--no-watch", "--config", directory .. "/moonwire.lua" },
                           { MW_KEY = "key-of-the-test", MW_SECRET = "secret-of-the-test" })
  e2e.await("the first events", function() return server.sent > 0 end)
  local out, seen = assert(io.open(run.out_path)), ""
  local began = host.monotonic()
  for version = 2, RELOADS + 1 do
    replace(venue, VENUE:format(version))
    replace(strategy, COUNTS:format(version))
    run:signal_runtime(SIGHUP)
    local wanted, give_up = "now " .. version .. "\n", host.monotonic() + e2e.patience
    while not seen:find(wanted, 1, true) do
      if host.monotonic() > give_up then error("no version " .. version .. ":\n" .. run:err()) end
      task.sleep(0.001)
      seen = seen:sub(-100) .. (out:read "*a" or "")
    end
  end
  local seconds = host.monotonic() - began
  out:close()
  local rate = server.sent / (host.monotonic() - server.began)
  server:stop()
  local last = server.sent
  run:wait_for("\nat " .. last .. "\n")
  equal(run:stop(), 0)
  equal(run:out():match "end [^\n]+", ("end last=%d wrong=0 mixed=0"):format(last))
  local changes = tonumber(run:out():match "changes=(%d+)")
  if not is_slow and changes < RELOADS / 2 then
    error(("events came to %d versions only"):format(changes))
  end
  if run:err():find("level=error", 1, true) then error(run:err():sub(-2000)) end
  if rate < RATE * 0.75 then error(("only %d events a second"):format(rate)) end
  print(("# %d reloads in %.1f s, %d events"):format(RELOADS, seconds, last))
end)

e2e.run_all()
