--- The journal of a real run, read by the real command while the runtime writes and after it was
--- killed.

local e2e = require "tests.e2e.lib"
local ffi = require "moonwire.cdef"
local host = require "moonwire.host"
local json = require "moonwire.json"
local test, equal = e2e.test, e2e.equal

local SIGKILL = 9

-- Two orders that rest; the callback is on line 5.
local REST = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }

function S:on_start()
  for i = 1, 2 do self:buy { qty = "0.001", price = tostring(1500000000 - i * 1000000) } end
end
function S:on_order(order) if order.status == "new" then print "resting" end end
return S
]]

local function resting(sim, rest)
  local run = sim:run(REST, { rest = 'strategies = {}, log = { level = "info" },' .. (rest or "") })
  run.journal = run.config:gsub("[^/]+$", "moonwire.db")
  run:wait_for "resting.-resting"
  return run
end

-- Runs moonwire journal to its end: exit status, standard output, standard error.
local function journal(...)
  local process = e2e.moonwire { "journal", ... }
  return process:wait_exit(), process:out(), process:err()
end

-- What --json prints, line by line.
local function read(...)
  local status, out, err = journal(...)
  equal(status, 0, "status (" .. err .. ")")
  local rows = {}
  for line in out:gmatch "[^\n]+" do rows[#rows + 1] = assert(json.decode(line)) end
  return rows
end

local function has(text, part)
  if not text:find(part, 1, true) then error(("no %q in:\n%s"):format(part, text), 2) end
end

-- The file may be some ms behind the runtime.
local function await_rows(what, count, ...)
  local arguments = { ... }
  local rows
  e2e.await(what, function()
    rows = read(unpack(arguments))
    return #rows == count
  end)
  return rows
end

local function sell_into(sim, qty)
  sim:control("trade", { pair = "btc_idr", side = "sell", price = "1499000000", qty = qty })
end

test("orders and fills are read while the runtime trades", function()
  local sim = e2e.sim "indodax"
  local run = resting(sim)
  local orders = await_rows("two orders", 2, run.journal, "orders", "--json")
  equal(orders[1].strategy, "strategy1")
  sell_into(sim, "0.0004")
  local fill = await_rows("a fill", 1, run.journal, "fills", "--json")[1]
  equal(fill.qty, "0.0004")
  equal(fill.client_order_id, orders[1].client_order_id)
  orders = read(run.journal, "orders", "--json")        -- by now what was told before the fill
  equal(fill.order_id, orders[1].order_id)
  await_rows("the order's count", 1, run.journal, "--json", "--order", fill.client_order_id)
  local _, out = journal(run.journal, "orders")
  has(out, "time (UTC)")
  has(out, fill.client_order_id)
  equal(run:stop(), 0)
  orders = read(run.journal, "orders", "--json")
  equal(orders[1].status .. " " .. orders[1].cum_qty, "canceled 0.0004")
  equal(orders[2].status .. " " .. orders[2].cum_qty, "canceled 0")
  local runs = read(run.journal, "runs", "--json")
  equal(#runs, 1)
  equal(type(runs[1].ended), "string", "when the run ended")
  local sessions = read(run.journal, "sessions", "--json", "--venue", "idx")
  equal(sessions[1].state, "up")
end)

test("--follow shows what comes, until it is stopped", function()
  local sim = e2e.sim "indodax"
  local run = resting(sim)
  local follower = e2e.moonwire { "journal", run.journal, "fills", "--follow" }
  follower:wait_for "time %(UTC%)"
  sell_into(sim, "0.0003")
  follower:wait_for "0%.0003 +1499000000"
  follower:signal(2)
  equal(follower:wait_exit(), 0)
  equal(run:stop(), 0)
end)

test("--follow ends with its reader", function()
  local run = resting(e2e.sim "indodax")
  local piped = e2e.spawn { "/bin/sh", "-c", '"$0" journal "$1" orders --follow | head -n 1',
                            e2e.program, run.journal }
  equal(piped:wait_exit(), 0, "of the shell, which waits for both")
  has(piped:out(), "time (UTC)")
  equal(piped:err(), "")
  equal(run:stop(), 0)
end)

test("why tells the request as it was sent, its answer, and each change", function()
  local sim = e2e.sim "indodax"
  local run = resting(sim)
  sell_into(sim, "0.0004")
  local fill = await_rows("a fill", 1, run.journal, "fills", "--json")[1]
  equal(run:stop(), 0)
  local id = fill.client_order_id
  local status, out = journal(run.journal, "why", id)
  equal(status, 0)
  has(out, "order     " .. id .. " (" .. fill.order_id .. " at the venue)")
  has(out, "method=trade&pair=btc_idr&type=buy")
  has(out, '200 {"success":1')
  has(out, "new cum_qty 0 " .. fill.order_id)
  has(out, "0.0004 at 1499000000")
  has(out, "pending_cancel")
  has(out, "canceled cum_qty 0.0004")
  local _, by_order_id = journal(run.journal, "why", fill.order_id)
  equal(by_order_id, out)
  local kinds = {}
  for _, record in ipairs(read(run.journal, "why", id, "--json")) do kinds[record.kind] = true end
  for _, kind in ipairs { "order", "http_request", "http_done", "ws_message", "fill",
                          "order_status" } do equal(kinds[kind], true, kind) end
end)

test("a refused handshake shows what was asked and what was answered", function()
  local sim = e2e.sim("indodax", { "--fault", "http:503:upgrade:1" })
  local run = resting(sim)
  local asked, answered, refused
  e2e.await("the refusal", function()
    for _, row in ipairs(read(run.journal, "events", "--json")) do
      local is_head = row.kind == "ws_handshake"
      if is_head and not row.num then
        asked = asked or row
      elseif is_head and row.num == 503 then
        answered = row
      elseif row.kind == "ws_close" and row.num2 == 503 then
        refused = row
      end
    end
    return refused
  end)
  equal(asked.id, refused.id)
  equal(answered.id, refused.id)
  has(asked.text, "GET /")
  has(asked.text, "Upgrade: websocket\r\n")
  has(answered.text, "HTTP/1.1 503 ")
  local _, events = journal(run.journal, "events")
  has(events, "answered: HTTP/1.1 101 ")                 -- the next attempt's
  equal(run:stop(), 0)
end)

test("after a kill -9 every request that the venue received is in the journal", function()
  local sim = e2e.sim "indodax"
  local run = resting(sim, 'on_crash = "cancel",')
  run:signal_runtime(SIGKILL)
  equal(run:wait_exit(), 1)
  local sent = {}
  for _, record in ipairs(read(run.journal, "events", "--limit", "0", "--json")) do
    if record.kind == "http_request" then sent[#sent + 1] = record.data or "" end
  end
  sent = table.concat(sent, "\n")
  local orders = sim:orders()
  equal(#orders, 2, "orders at the venue")
  for _, order in ipairs(orders) do
    has(sent, "client_order_id=" .. order.client_order_id)
    local _, out = journal(run.journal, "why", order.client_order_id)
    has(out, "canceled cum_qty 0")
  end
  equal(read(run.journal, "runs", "--json")[1].how:match "signal 9", "signal 9")
end)

-- What a journal's chunks hold, unpacked.
local function records_of(path)
  local db, parts = assert(host.journal_open(path)), {}
  for _, row in ipairs(assert(db:query "SELECT bytes FROM chunks")) do
    local len = tonumber(ffi.C.mw_chunk_len(row.bytes, #row.bytes))
    local bytes = ffi.new("char[?]", len)
    equal(ffi.C.mw_chunk_unpack(row.bytes, #row.bytes, bytes, len), 0)
    parts[#parts + 1] = ffi.string(bytes, len)
  end
  db:close()
  return table.concat(parts)
end

test("no key, secret, token or signature is in the file", function()
  local sim = e2e.sim "indodax"
  local run = resting(sim)
  local file = assert(io.open(run.journal, "rb"))
  local wal = assert(io.open(run.journal .. "-wal", "rb"))
  await_rows("two orders", 2, run.journal, "orders", "--json")
  local bytes = file:read "*a" .. wal:read "*a" .. records_of(run.journal)
  file:close()
  wal:close()
  has(bytes, "method=trade&pair=btc_idr")                -- it is the right file
  -- A token that was sent or came; the versions of venue files hold the public one as Lua text.
  for _, secret in ipairs { sim.info.key, sim.info.secret, '":"eyJ', "=eyJ" } do
    if bytes:find(secret, 1, true) then error("there is " .. secret:sub(1, 4) .. "...") end
  end
  equal(run:stop(), 0)
end)

test("what cannot be read is said, with what to do", function()
  local directory = e2e.directory()
  local status, out, err = journal(directory .. "/none.db")
  equal(status, 1)
  equal(out, "")
  has(err, "none.db: No such file or directory; a run writes one beside its configuration")
  status, out, err = journal("oders")
  equal(out, "")
  equal(status, 1)
  has(err, "oders: No such file or directory; it is no list either: there is orders, fills, "
      .. "events, sessions, log, runs, why, versions, diff")
  status, out, err = journal(e2e.write(directory .. "/text.db", ("no journal\n"):rep(100)), "fills")
  equal(out, "")
  equal(status, 1)
  has(err, "text.db: file is not a database")
  for _, case in ipairs { { "a.db oders", "oders is nothing that a journal has" },
                          { "orders --since noon", "--since wants 45s, 10m" },
                          { "log --venue idx", "--venue does not apply to log" },
                          { "why", "why wants an order" } } do
    local words = {}
    for word in case[1]:gmatch "%S+" do words[#words + 1] = word end
    status, out, err = journal(unpack(words))
    equal(status, 2, case[1])
    equal(out, "")
    has(err, case[2])
    has(err, "see moonwire journal --help")
  end
end)

e2e.run_all()
