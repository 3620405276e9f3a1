--- moonwire journal: its words, its times and tables, and what it shows of files that were written
--- by the runtime's own writer.

local t = require "tests.tap"
local ffi = require "moonwire.cdef"
local host = require "moonwire.host"
local fixture = require "tests.moonwire.journal_fixture"
local events = require "moonwire.journal.events"
local lag = require "moonwire.journal.lag"
local lists = require "moonwire.journal.lists"
local records = require "moonwire.journal.records"
local text = require "moonwire.journal.text"
local versions = require "moonwire.journal.versions"
local why = require "moonwire.journal.why"
local words = require "moonwire.journal.words"
local files = require "tests.files"

local DIR = files.directory "journal"
local PATH = DIR .. "/j.db"
local START = 1795266632000000000LL     -- 2026-11-21T13:10:32Z
local NOW = 1795266692                  -- a minute later

local function fresh()
  os.remove(PATH)
  return fixture.new(PATH, START)
end

local function ask(line, options)
  local list = {}
  for word in line:gmatch "%S+" do list[#list + 1] = word end
  return words.parse(options or {}, list, NOW)
end

-- Words and times ---------------------------------------------------------------------------------

t.test("the first word is the file unless it says what is wanted", function()
  local cases = {
    [""] = "moonwire.db orders", ["fills"] = "moonwire.db fills", ["a.db"] = "a.db orders",
    ["a.db log"] = "a.db log", ["./orders runs"] = "./orders runs",
  }
  for line, expected in pairs(cases) do
    local question = assert(ask(line))
    t.equal(question.file .. " " .. question.what, expected)
  end
  local question = assert(ask "why mw-1")
  t.equal(question.what .. " " .. question.id, "why mw-1")
  t.equal(assert(ask "").limit, 100)
  t.equal(assert(ask("", { limit = "0" })).limit, nil)
end)

t.test("bad words say what is expected", function()
  local function refused(pattern, line, options)
    local question, err = ask(line, options)
    t.equal(question, nil)
    t.ok(err:find(pattern), "expected " .. pattern .. ", got " .. err)
  end
  refused("oders is nothing that a journal has: orders, fills", "a.db oders")
  refused("one word too many: more", "orders more")
  refused("one word too many: c", "why a c")
  refused("why wants an order", "a.db why")
  refused("diff wants the name", "diff")
  refused("up to two numbers of versions, not x", "diff ladder x")
  refused("one word too many: 3", "diff ladder 1 2 3")
  refused("%-%-since does not apply to versions", "versions", { since = "1h" })
  refused("%-%-venue does not apply to diff", "diff ladder", { venue = "idx" })
  refused("%-%-symbol does not apply to log", "log", { symbol = "BTC/IDR" })
  refused("%-%-limit does not apply to why", "why a", { limit = "1" })
  refused("%-%-limit wants a whole number, not 1.5", "", { limit = "1.5" })
  refused("%-%-since wants .* not yesterday", "", { since = "yesterday" })
  refused("%-%-until wants", "", { ["until"] = "2026-02-29" })
  refused("%-%-until 2h is before %-%-since 10m: nothing lies", "",
          { since = "10m", ["until"] = "2h" })
end)

t.test("times are read and written to the ns", function()
  local cases = {
    ["1970-01-01"] = "0000000000", ["2026-11-21"] = "1795219200000000000",
    ["2024-02-29T23:59:59"] = "1709251199000000000", ["2026-11-21 13:10"] = "1795266600000000000",
    ["2026-11-21T13:10:32.25Z"] = "1795266632250000000",
    ["2026-11-21T13:10:32.123456789"] = "1795266632123456789",
    ["60s"] = "1795266632000000000", ["10m"] = "1795266092000000000",
    ["2h"] = "1795259492000000000", ["1d"] = "1795180292000000000",
  }
  for line, ns in pairs(cases) do t.equal(text.parse_time(line, NOW), ns, line) end
  local bad = { "", "m", "-5m", "5 m", "2026", "2026-13-01", "2026-11-31", "2025-02-29",
                "2026-11-21T", "2026-11-21T24:00", "2026-11-21T10:60", "2026-11-21T1:00",
                "2026-11-21T10:00:60", "2026-11-21T10:00:00.1234567890", "1969-12-31" }
  for _, line in ipairs(bad) do
    t.equal(text.parse_time(line, NOW), nil, line)
  end
  t.equal(text.iso "1795266632123456789", "2026-11-21T13:10:32.123456789Z")
  t.equal(text.iso "5", "1970-01-01T00:00:00.000000005Z")
  t.equal(text.time "1795266632123456789", "2026-11-21 13:10:32.123")
  t.equal(text.digits(text.ns "1795266632123456789"), "1795266632123456789")
end)

t.test("any bytes are one line", function()
  t.equal(text.line("a\0b\0", 20), "a | b")
  t.equal(text.line("a\r\n\tb\27[31m", 20), "a b.[31m")
  t.equal(text.line("123456", 4), "1234 ...")
  t.equal(text.line("12\195\164", 3), "12 ...")              -- not half a character
  t.equal(text.line("\255\254a", 10), "..a")
end)

t.test("tables are aligned, numbers to the right", function()
  local lines = {}
  local columns = { { title = "a" }, { title = "qty", is_number = true }, { title = "z" } }
  local shown = text.table(columns, function(line) lines[#lines + 1] = line end)
  shown:print { { "long", "1", "x" }, { "s", "12.5", "" } }
  shown:print { { "more", "7", "y" } }
  t.equal(table.concat(lines, "\n"), "a      qty  z\nlong     1  x\ns     12.5\nmore     7  y")
end)

-- Lists -------------------------------------------------------------------------------------------

-- Two orders on two venues, one filled.
local function two_orders()
  local writer = fresh()
  writer:run "desk"
  writer:event("ws_message", 3, "tick", nil, 1)
  writer:order { number = 1, client_order_id = "mw-a-1" }
  writer:event("ws_message", 3, '{"clientOrderId":"mw-a-1"}', nil, 1)
  writer:fill(1, "t1", "0.25")
  writer:fill(1, "t2", "0.25")
  writer:status(1, "filled", "v-1", "0.5")
  writer:event("timer", 4)
  writer:order { number = 2, client_order_id = "mw-b-1", venue = "fin", symbol = "ETH/USD",
                 strategy = "other" }
  writer:status(2, "rejected", nil, "0", "too small")
  writer:put("session", {}, nil, { "idx", "up", "" })
  writer:put("session", {}, nil, { "fin", "degraded", "no ping" })
  writer:put("log", { num = 1 }, nil, "late answer")
  writer:commit()
  return writer
end

-- Column `i` of every row that a question shows.
local function column(line, options, i)
  local db = assert(host.journal_open(PATH))
  local question = assert(ask(line, options))
  local reader = (question.what == "events" and events or lists).new(db, question)
  local values = {}
  repeat
    local rows = assert(reader:next())
    for _, row in ipairs(rows) do values[#values + 1] = reader:cells(row)[i] end
  until #rows == 0
  db:close()
  return table.concat(values, " ")
end

t.test("orders and fills are listed by what is asked for", function()
  local writer = two_orders()
  local ID, STATUS, AVERAGE, REASON = 12, 10, 9, 14
  t.equal(column("orders", {}, ID), "mw-a-1 mw-b-1")
  t.equal(column("orders", {}, STATUS), "filled rejected")
  t.equal(column("orders", {}, AVERAGE), "950000000 ")
  t.equal(column("orders", {}, REASON), " too small")
  t.equal(column("orders", { venue = "fin" }, ID), "mw-b-1")
  t.equal(column("orders", { symbol = "BTC/IDR" }, ID), "mw-a-1")
  t.equal(column("orders", { strategy = "other" }, ID), "mw-b-1")
  t.equal(column("orders", { order = "v-1" }, ID), "mw-a-1")
  t.equal(column("orders", { order = "mw-b-1", venue = "idx" }, ID), "")
  t.equal(column("orders", { limit = "1" }, ID), "mw-b-1")
  t.equal(column("orders", { since = "2026-11-21T13:10:32.003" }, ID), "mw-b-1")
  t.equal(column("orders", { ["until"] = "2026-11-21T13:10:32.002" }, ID), "mw-a-1")
  t.equal(column("orders", { since = "10s" }, ID), "")
  t.equal(column("fills", {}, 10), "t1 t2")
  t.equal(column("fills", { limit = "1" }, 10), "t2")
  t.equal(column("fills", { order = "mw-a-1" }, 7), "12.5 IDR 12.5 IDR")
  t.equal(column("fills", { venue = "fin" }, 10), "")
  t.equal(column("sessions", {}, 4), "up degraded")
  t.equal(column("sessions", { venue = "fin" }, 5), "no ping")
  t.equal(column("log", {}, 3), "warn")
  t.equal(column("runs", {}, 4), "desk")
  writer:close()
end)

t.test("machines get every field, amounts as text and times to the ns", function()
  local writer = two_orders()
  local db = assert(host.journal_open(PATH))
  local reader = lists.new(db, assert(ask("orders", { order = "mw-a-1" })))
  local fields = reader:fields(assert(reader:next())[1])
  t.equal(fields.created, "2026-11-21T13:10:32.001000000Z")
  t.equal(fields.cum_qty .. " " .. fields.price .. " " .. fields.value, "0.5 950000000 475000000")
  t.equal(fields.external, false)
  t.equal(fields.key, nil)
  db:close()
  writer:close()
end)

t.test("what comes later is read on, and an order again when it changes", function()
  local writer = two_orders()
  local db = assert(host.journal_open(PATH))
  local orders = lists.new(db, assert(ask("orders")))
  local log = lists.new(db, assert(ask("log")))
  local all = events.new(db, assert(ask("events", { limit = "2" })))
  for _, reader in ipairs { orders, log, all } do
    repeat until #assert(reader:next()) == 0
    t.equal(#assert(reader:next()), 0)
  end
  writer:event("timer", 4)
  writer:status(1, "filled", "v-2", "0.5")
  writer:order { number = 3, client_order_id = "mw-a-2" }
  writer:put("log", { num = 0 }, nil, "and more")
  writer:commit()
  t.equal(#assert(orders:next()), 2)
  t.equal(#assert(orders:next()), 0)
  t.equal(assert(log:next())[1].text, "and more")
  t.equal(#assert(all:next()), 4)
  t.equal(#assert(all:next()), 0)
  db:close()
  writer:close()
end)

t.test("more rows than a page has are all there, once", function()
  local writer = fresh()
  writer:run "desk"
  for i = 1, 1234 do writer:put("log", { num = 2 }, nil, "line " .. i) end
  writer:commit()
  local all = column("log", { limit = "0" }, 4)
  t.ok(all:find "^line 1 line 2 " and all:find "line 1234$")
  t.equal(select(2, all:gsub("line", "")), 1234)
  t.equal(select(2, column("log", { limit = "700" }, 4):gsub("line", "")), 700)
  t.equal(select(2, column("log", {}, 4):gsub("line", "")), 100)
  writer:close()
end)

-- The key of an order is 2^40 times its run and more: 15 digits.
t.test("in the hundredth run as well each order is shown once", function()
  local writer = fresh()
  for _ = 1, 100 do
    writer:run "desk"
    writer:commit()
    writer:close()
    writer = fixture.new(PATH, writer.ns)
  end
  writer:run "desk"
  for i = 1, 600 do
    writer:order { number = i, client_order_id = "mw-a-" .. i }
    if i % 100 == 0 then writer:commit() end
  end
  local db, seen, count = assert(host.journal_open(PATH)), {}, 0
  local reader = lists.new(db, assert(ask("orders", { limit = "0" })))
  repeat
    local rows = assert(reader:next())
    for _, row in ipairs(rows) do
      t.equal(seen[row.client_order_id], nil)
      seen[row.client_order_id], count = true, count + 1
    end
  until #rows == 0
  t.equal(count, 600)
  local last = assert(lists.new(db, assert(ask("orders", { limit = "3" }))):next())
  t.equal(#last, 3)
  t.equal(last[1].client_order_id, "mw-a-598")
  db:close()
  writer:close()
end)

t.test("tables that lag are told, and why reads what is not in them", function()
  local writer = fresh()
  writer:run "desk"
  writer:order { number = 1, client_order_id = "mw-a-1" }
  writer:commit()
  local db = assert(host.journal_open(PATH))
  t.equal(lag.count(db), 0)
  t.equal(lag.lags(db), false)
  for i = 1, 1234 do writer:put("log", { num = 2 }, nil, "line " .. i) end
  writer:order { number = 2, client_order_id = "mw-a-2" }
  writer:status(2, "filled", "v-2", "0.5")
  writer:status(1, "canceled", "v-1", "0")
  writer:store()
  t.equal(lag.count(db), 1237)
  t.equal(lag.lags(db), true)
  for _, id in ipairs { "mw-a-2", "v-2" } do
    local row = assert(why.find(db, id))
    t.equal(row.status .. row.cum_qty .. row.client_order_id, "filled0.5mw-a-2")
    t.equal(#assert(why.chain(db, row)), 2)
  end
  t.equal(assert(why.find(db, "mw-a-1")).status, "pending_new")
  t.equal(#assert(why.chain(db, assert(why.find(db, "mw-a-1")))), 2)
  t.equal(why.find(db, "mw-a-3"), nil)
  writer:commit()
  t.equal(lag.count(db), 0)
  t.equal(assert(why.find(db, "v-1")).status, "canceled")
  db:close()
  writer:close()
end)

-- Records -----------------------------------------------------------------------------------------

t.test("events are the records, the last ones, in words", function()
  local writer = two_orders()
  local KIND, WHAT = 3, 5
  t.equal(column("events", {}, KIND), "run ws_message order ws_message fill fill order_status "
    .. "timer order order_status session session log")
  t.equal(column("events", { limit = "3" }, KIND), "session session log")
  t.equal(column("events", { limit = "3" }, WHAT), "idx | up fin | degraded | no ping "
    .. "warn late answer")
  t.equal(column("events", { order = "v-1" }, KIND), "order ws_message fill fill order_status")
  t.equal(column("events", { order = "mw-a-1", limit = "1" }, WHAT), "filled cum_qty 0.5 v-1")
  t.equal(column("events", { since = "2026-11-21T13:10:32.003",
    ["until"] = "2026-11-21T13:10:32.003" }, KIND), "timer order order_status session session")
  t.equal(column("events", { order = "mw-a-1" }, WHAT):match "^buy.-trade t1",
    "buy 0.5 BTC/IDR at 950000000 limit gtc pending_new on idx mw-a-1 "
    .. '{"clientOrderId":"mw-a-1"} 0.25 at 950000000 fees 12.5 IDR trade t1')
  writer:close()
end)

-- A chunk as it is told to be packed, or not.
local function unpacked(chunk)
  local len = tonumber(ffi.C.mw_chunk_len(chunk, #chunk))
  local bytes = ffi.new("char[?]", len)
  t.equal(ffi.C.mw_chunk_unpack(chunk, #chunk, bytes, len), 0)
  t.ok(len > #chunk)
  return ffi.string(bytes, len)
end

local function check_broken(bytes, expected, head)
  for _, broken in ipairs { bytes:sub(1, -2), bytes .. "more", bytes:sub(1, 1) .. head
                            .. bytes:sub(#head + 2) } do
    local ok, err = records.each(broken, 1, function() end)
    t.equal(ok, nil)
    t.ok(err:find(expected), err)
  end
end

t.test("machines get whole texts, and bytes that are none as digits", function()
  local writer = fresh()
  writer:put("ws_send", { id = 3, num = 8 }, "\3\232", nil)
  writer:put("ws_send", { id = 3, num = 1 }, ("x"):rep(1000), nil)
  writer:put("session", {}, nil, { "idx", "up", "" })
  writer:commit()
  local db = assert(host.journal_open(PATH))
  local found = {}
  for _, chunk in ipairs(assert(db:query "SELECT * FROM chunks")) do
    assert(records.each(chunk.bytes, 1, function(r) found[#found + 1] = records.json_fields(r) end))
    check_broken(chunk.bytes, "a chunk of run 1 is damaged: it cannot be unpacked", "\254\255\255")
    check_broken(unpacked(chunk.bytes), "no record at byte %d+ of a chunk of run 1", "\254")
  end
  t.equal(found[1].data_hex, "03e8")
  t.equal(#found[2].data, 1000)
  t.equal(found[3].venue .. found[3].state, "idxup")
  db:close()
  writer:close()
end)

-- Versions of code --------------------------------------------------------------------------------

local function of_versions(method, ...)
  local db = assert(host.journal_open(PATH))
  local result, err = versions[method](db, ...)
  db:close()
  return result, err
end

local function loaded(writer, name, number, path, code)
  writer:event("timer", 4)
  writer:put("reload", { num = number }, code, { name, "saved", path, "loaded" })
end

t.test("versions are listed with their times, their reasons and their files", function()
  local writer = fresh()
  writer:run "desk"
  loaded(writer, "ladder", 1, "ladder.lua", "a\nb\n")
  loaded(writer, "ladder", 1, "lib.lua", "c")
  loaded(writer, "ladder", 2, "ladder.lua", "a\nx\n")
  loaded(writer, "indodax", 1, "indodax.lua", "v\n")
  writer:commit()
  local rows = {}
  for i, each in ipairs(assert(of_versions "list")) do
    local cells = versions.cells(each)
    t.equal(cells[3], text.time(each.time_ns))       -- the writer's own clock
    cells[3] = "T"
    rows[i] = table.concat(cells, "|")
  end
  t.equal(table.concat(rows, "\n"), "indodax|1|T|saved|1|indodax.lua\n"
          .. "ladder|1|T|saved|3|ladder.lua, lib.lua\n"
          .. "ladder|2|T|saved|2|ladder.lua")
  t.equal(#assert(of_versions("list", "ladder")), 2)
  local second = of_versions("list", "ladder")[2]
  local fields = versions.json_fields(second)
  t.equal(fields.time, text.iso(second.time_ns))
  t.equal(fields.files["ladder.lua"], "a\nx\n")
  local _, err = of_versions("list", "lad")
  t.equal(err, "no version of lad is kept; it has those of indodax, ladder")
  writer:close()
end)

t.test("diff takes two versions, by default the last two", function()
  local writer = fresh()
  writer:run "desk"
  loaded(writer, "one", 1, "one.lua", "x\n")
  for number = 1, 12 do
    loaded(writer, "ladder", number, "ladder.lua", ("a\n%d\n"):format(number))
  end
  writer:commit()
  local change = "ladder.lua\n    1 | a\n-   2 | %d\n+   2 | %d"
  t.equal(of_versions("diff", "ladder"), change:format(11, 12))
  t.equal(of_versions("diff", "ladder", 3), change:format(3, 12))
  t.equal(of_versions("diff", "ladder", 12, 4), change:format(12, 4))
  t.equal(of_versions("diff", "ladder", 5, 5), "no difference")
  t.equal(select(2, of_versions("diff", "ladder", 2)), "no version 2 of ladder is kept; kept: "
          .. "3, 4, 5, 6, 7, 8, 9, 10, 11, 12")
  t.equal(select(2, of_versions("diff", "one")), "of one one version is kept, 1")
  t.equal(select(2, of_versions("diff", "two")),
          "no version of two is kept; it has those of ladder, one")
  writer:close()
end)

-- Why ---------------------------------------------------------------------------------------------

local function chain_of(id)
  local db = assert(host.journal_open(PATH))
  local row, err = why.find(db, id)
  local chain = row and assert(why.chain(db, row))
  db:close()
  return chain, row or err
end

local function kinds_of(chain)
  local kinds = {}
  for i, record in ipairs(chain) do kinds[i] = record.kind end
  return table.concat(kinds, " ")
end

t.test("why tells the event, the callback, the command, the answers and the changes", function()
  local writer = fresh()
  writer:run "desk"
  writer:event("ws_message", 3, "somebody else's tick", nil, 1)
  writer:event("ws_message", 3, "the tick", nil, 1)
  writer:order { number = 1, client_order_id = "mw-a-1",
                 callback = "strategy ladder, on_book (ladder.lua:34)" }
  writer:order { number = 2, client_order_id = "mw-a-11" }
  writer:put("dropped", {}, nil, { "ladder", "on_book", "submit", "raised" })
  writer:put("http_request", { id = 9 }, "client_order_id=mw-a-1", "POST https://v/")
  writer:put("http_request", { id = 10 }, "client_order_id=mw-a-11", "POST https://v/")
  writer:event("http_done", 10, '{"order_id":8}', nil, 200)
  writer:status(2, "new", "8", "0")
  writer:put("http_request", { id = 11 }, "order_id=7", "POST https://v/")
  writer:put("http_cancel", { id = 11 })
  writer:put("http_cancel", { id = 10 })
  writer:event("http_done", 9, '{"order_id":7}', nil, 200)
  writer:status(1, "new", "7", "0")
  writer:event("ws_message", 3, '{"order":77,"id":"mw-a-11"}', nil, 1)
  writer:event("ws_message", 3, '{"order":7,"filled":"0.5"}', nil, 1)
  writer:fill(1, "t1", "0.5")
  writer:status(1, "filled", "7", "0.5")
  writer:commit()
  local chain, row = chain_of "mw-a-1"
  t.equal(kinds_of(chain), "ws_message order dropped http_request http_request http_cancel "
    .. "http_done order_status ws_message fill order_status")
  local lines = why.lines(row, chain)
  t.equal(lines[1], "order     mw-a-1 (7 at the venue)")
  t.equal(lines[3], "who       strategy ladder, on_book (ladder.lua:34)")
  t.ok(lines[4]:find("2026-11-21 13:10:32.002000000 UTC, run 1", 1, true), lines[4])
  t.equal(lines[5], "      +0.000  came on connection 3 [event 2]  the tick")
  t.equal(lines[#lines], "      +4.000  status [event 6]  filled cum_qty 0.5 7")
  t.equal(kinds_of((chain_of "7")), kinds_of(chain))
  writer:close()
end)

t.test("why takes how an id begins, when only one does", function()
  local writer = two_orders()
  t.equal(kinds_of((chain_of "mw-b")), "timer order order_status")
  local chain, err = chain_of "mw"
  t.equal(chain, nil)
  t.equal(err, "mw may be any of mw-a-1 (idx), mw-b-1 (fin)")
  chain, err = chain_of "nothing"
  t.equal(chain, nil)
  t.ok(err:find "^no order nothing")
  writer:close()
end)

t.test("an order of two runs is followed through both", function()
  local writer = two_orders()
  writer:run "desk"
  writer:event("start", 0, nil, nil)
  writer:order { number = 5, client_order_id = "mw-a-1", order_id = "v-1" }
  writer:status(5, "filled", "v-1", "0.5")
  writer:status(2, "new", "not this one", "0")
  writer:commit()
  t.equal(kinds_of((chain_of "mw-a-1")), "ws_message order ws_message fill fill order_status "
    .. "start order order_status")
  writer:close()
end)

files.remove(DIR)
t.done()
