-- Which of the venue's orders is the one whose answer was lost.

local t = require "tests.tap"
local candidates = require "moonwire.candidates"
local decimal = require "moonwire.decimal"

local SENT_AT = 1000

local function order(fields)
  local o = { venue = "v", symbol = "A/B", side = "buy", type = "limit", price = decimal "10",
              qty = decimal "2" }
  for name, value in pairs(fields or {}) do o[name] = value end
  return o
end

local function report(id, fields)
  local r = order(fields)
  r.order_id, r.time = id, r.time or SENT_AT + 1
  return r
end

-- A session that knows these orders.
local function session(known)
  return { name = "v", orders = { open = known or {}, find = function(_, _, _, id)
    for _, o in ipairs(known or {}) do
      if o.order_id == id then return o end
    end
  end } }
end

local function pick(reports, known, above)
  local found, err = candidates.pick(session(known), order(), reports, above, SENT_AT)
  return found and found.order_id, err
end

t.test("the one with the same content is it", function()
  t.equal(pick { report("7"), report("8", { side = "sell" }),
                 report("9", { price = decimal "10.1" }), report("10", { qty = decimal "1" }),
                 report("11", { type = "market", price = nil }),
                 report("12", { symbol = "A/C" }) }, "7")
end)

t.test("none is not found, which proves nothing yet", function()
  t.equal(select(2, pick {}), "not_found")
  t.equal(select(2, pick { report("7", { qty = decimal "3" }) }), "not_found")
end)

t.test("several are a doubt that names them", function()
  local id, err = pick { report "7", report "8" }
  t.equal(id, nil)
  t.ok(err:find("7, 8", 1, true), err)
end)

t.test("one that is in two lists, because it ended in between, is one, as the later has it",
       function()
  local first, later = report "7", report("7", { status = "filled" })
  local found = candidates.pick(session(), order(), { first, later }, nil, SENT_AT)
  t.equal(found, later)
end)

t.test("it was sent at the earliest time that the clock allows, whenever that was set", function()
  local known = session()
  known.memory, known.clock_offset_ms = {}, 0
  local measured
  function known:measure_clock() self.clock_offset_ms = measured or self.clock_offset_ms end
  local lost = order { _sent_at = SENT_AT }
  candidates.note_sent(known, lost)
  measured = 30000                                           -- set back since then
  t.equal(candidates.sent_at(known, lost), SENT_AT)
  t.equal(candidates.sent_at(known, lost), SENT_AT, "what was known first is not forgotten")
  measured = -30000                                          -- set ahead, perhaps before
  t.equal(candidates.sent_at(known, lost), SENT_AT - 30)
  t.equal(candidates.sent_at(known, order { created_at = SENT_AT }), SENT_AT - 30)
end)

t.test("what is bound to another order of ours is none; what counts as a stranger's may be it",
       function()
  t.equal(pick({ report "7", report "8" }, { order { order_id = "7" } }), "8")
  t.equal(pick({ report "7" }, { order { order_id = "7", external = true } }), "7")
end)

t.test("an id that was there before, and a time before it was sent, are none", function()
  t.equal(pick({ report "99", report "100" }, nil, "99"), "100")
  t.equal(pick { report("7", { time = SENT_AT - 4 }), report("8", { time = SENT_AT - 3 }) }, "8")
end)

t.test("ids that count upwards are compared as numbers, of any length", function()
  t.ok(candidates.is_above("10", "9"))
  t.ok(not candidates.is_above("9", "10"))
  t.ok(not candidates.is_above("9", "9"))
  t.ok(candidates.is_above("9007199254740994", "9007199254740993"))
end)

t.test("an order is refused while one without an id looks the same", function()
  local function refuse(open)
    local s = session { order(open) }
    s.protocol = { name = "acme" }
    return candidates.refuse_twin(s, order())
  end
  t.equal(select(2, refuse()), "an equal order is on its way or in doubt, and acme has no client "
          .. "order ids to tell the two apart: wait for its answer")
  t.equal(refuse { price = decimal "10.0" }, nil)
  t.equal(refuse { order_id = "7" }, true)
  t.equal(refuse { price = decimal "11" }, true)
  t.equal(refuse { venue = "w" }, true)
end)

t.done()
