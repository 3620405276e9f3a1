-- Runs as a journal has them: which can be run again, and what came of each of their events.

local t = require "tests.tap"
local ffi = require "moonwire.cdef"
local files = require "tests.files"
local host = require "moonwire.host"
local past = require "moonwire.replay.past"
local recording = require "moonwire.replay.recording"

local C = ffi.C
local ROOT = files.directory "recording"
local HEAD = ffi.sizeof "struct mw_record"

local numbers = {}
for number = 0, 127 do numbers[ffi.string(C.mw_record_name(number))] = number end

-- One record, as the ring has it.
local function record(number, kind, event, fields)
  local f = fields or {}
  local data, text = f.data or "", f.text or ""
  local size = math.ceil((HEAD + #data + #text) / 8) * 8
  local bytes = ffi.new("char[?]", size)
  local r = ffi.cast("struct mw_record *", bytes)
  r.size, r.kind, r.flags, r.number = size, numbers[kind], f.flags or 0, number
  r.time_ns, r.event, r.id = 1790000000000000000LL + number, event, f.id or 0
  r.num, r.num2, r.data_len, r.text_len = f.num or 0, f.num2 or 0, #data, #text
  ffi.copy(bytes + HEAD, data .. text, #data + #text)
  return ffi.string(bytes, size)
end

local function start(words) return record(1, "start", 1, { data = words }) end
local function seed(number) return record(number, "seed", 1, { num = 7 }) end
local function begin(number)
  return record(number, "run", 1, { num = 1, num2 = 1790000000000, text = "t\0000.1.0\0m.lua\0" })
end
local WHOLE = start "run\0" .. seed(2) .. begin(3)

-- A journal of these runs, each ended by its `how`.
local function journal(name, runs)
  local path = ROOT .. "/" .. name .. ".db"
  local copy = assert(host.journal_copy(path))
  for _, run in ipairs(runs) do
    assert(copy:write(run[1]))
    assert(copy:end_run(run[2] or "exit status 0"))
  end
  copy:close()
  return path
end

local function refused(path, run, why)
  local rec, err = recording.open(path, run)
  t.equal(rec, nil)
  t.equal(err, ("journal %s: %s"):format(path, why))
end

t.test("without a number it is the last run of `moonwire run`", function()
  local path = journal("last", { { WHOLE }, { WHOLE }, { start "sweep\0run\0" } })
  t.equal(assert(recording.open(path)).run, 2)
  t.equal(assert(recording.open(path, 1)).run, 1)
  refused(path, 3, "run 3 is of `moonwire sweep`: only what `moonwire run` does can be run again")
  refused(path, 4, "there is no run 4 in it")
  refused(journal("sweeps", { { start "sweep\0run\0" } }), nil, "there is no `moonwire run` in it")
end)

t.test("what cannot be run again is refused with its cause", function()
  refused(journal("early", { { start "run\0" .. seed(2) } }), 1,
          "run 1 ended before it began to trade")
  refused(journal("old", { { start "run\0" .. begin(2) } }), 1,
          "run 1 was recorded by a moonwire that did not keep all that it takes")
  refused(journal("trimmed", { { record(1, "timer", 9, { id = 3 }) } }), 1,
          "the beginning of run 1 is not there any more (journal.max_mb, max_days)")
end)

-- "start: seed run / timer: told / ..."
local function told(rec)
  local events = {}
  assert(rec:each_event(function(event, outcome)
    local kinds = {}
    for i, r in ipairs(outcome) do kinds[i] = r.kind end
    events[#events + 1] = event.kind .. ": " .. table.concat(kinds, " ")
  end))
  return table.concat(events, " / ")
end

local TRADED = WHOLE .. record(4, "timer", 2, { id = 3 })
  .. record(5, "ws_send", 2, { id = 1, num = 1, data = "x" })
  .. record(6, "ws_handshake", 0, { id = 1 }) .. record(7, "timer", 3, { id = 4 })
  .. record(8, "told", 3, { id = 1, text = "s" })

t.test("each event comes with what followed from it, without what followed from none", function()
  local rec = assert(recording.open(journal("events", { { TRADED } })))
  t.equal(told(rec), "start: seed run / timer: ws_send / timer: told")
  t.equal(table.concat(rec:arguments(), " "), "run")
end)

t.test("the last event of a run that was killed is left out; it can be stopped before", function()
  local rec = assert(recording.open(journal("killed", { { TRADED, "killed by signal 9" } })))
  t.equal(told(rec), "start: seed run / timer: ws_send")
  local count = 0
  assert(rec:each_event(function()
    count = count + 1
    return count < 1
  end))
  t.equal(count, 1)
end)

t.test("a run finds those before it as they ended, and what it has recorded itself", function()
  local path = journal("past", { { WHOLE, "exit status 3" }, { WHOLE }, { WHOLE } })
  local interrupted = false
  local tape = { is_interrupted = function() return interrupted end }
  local before = assert(past.copy(assert(recording.open(path, 3)), tape))
  local db = assert(before:stand_in().journal_open(before.path))
  local function runs()
    local list = {}
    for i, row in ipairs(assert(db:query "SELECT run, how FROM runs ORDER BY run")) do
      list[i] = row.run .. " " .. tostring(row.how)
    end
    return table.concat(list, ", ")
  end
  t.equal(runs(), "1 exit status 3, 2 exit status 0")
  before:add(WHOLE)
  t.equal(runs(), "1 exit status 3, 2 exit status 0, 3 nil")
  db:close()
  before:remove()
  t.equal(io.open(before.path), nil)
  t.equal(io.open(before.directory), nil)
  interrupted = true
  local none, why = past.copy(assert(recording.open(path, 3)), tape)
  t.equal(none, nil)
  t.equal(why, "interrupted")
end)

files.remove(ROOT)
t.done()
