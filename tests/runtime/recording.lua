-- Run by runtime_test.c: records of every kind that Lua writes, outside of an event and within one.

local ffi = require "moonwire.cdef"
local host = require "moonwire.host"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local C = ffi.C

local recorder = host.recorder()
local Probe = {}

function Probe.on_timer()
  host.stop(3)
  if recorder then
    local words = ffi.new("struct mw_order_words", { client_order_id = "mw-1", symbol = "BTC/IDR" })
    C.mw_record_order(recorder, 7, 0, decimal "950000000", decimal "0.001", nil, words)
    local totals = ffi.new "struct mw_order_totals"
    C.mw_order_totals_init(totals, nil)
    C.mw_record_order_status(recorder, 7, totals, "new", "1234", nil)
    C.mw_record_fill(recorder, 7, 0, ffi.new "struct mw_execution", "t-1", 0, 1)
  end
  host.log("info", "a line", { venue = "idx" })
end

assert(not pcall(host.record, "no such kind", ""))
assert(not pcall(host.record, "ws_message", ""))
assert(not pcall(host.record, "session", { 1 }))
assert(not pcall(host.record, "stop", "x", 0 / 0))
host.record("session", { "idx", "up", "" })
host.record("stop", "asked", 1, -2)
host.redact("a-token-of-idx")
dispatch.after(0, Probe, "on_timer")
