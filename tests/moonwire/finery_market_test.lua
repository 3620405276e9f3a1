-- The books of Finery, and the words for its errors.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local wire = require "moonwire.venues.finery.wire"
local fixture = require "tests.moonwire.finery_fixture"

local frames, play = fixture.frames, fixture.play

-- Books -------------------------------------------------------------------------------------------

local function watching(role)
  local s = play(nil, role)
  s:run(s.runners.one, "call_method", "watch", 0, {})
  s:settle()
  return s
end

local function shown(s)
  local book = s.trader.book
  local function side(levels)
    local list = {}
    for i, level in ipairs(levels) do
      list[i] = tostring(level.price) .. "x" .. tostring(level.qty)
    end
    return table.concat(list, " ")
  end
  return side(book.bids) .. " | " .. side(book.asks)
end

local function book_frame(s, frame)
  s:frame(frame, s:market())
  s:settle()
end

t.test("a taker's book is feed F, a maker's is feed B", function()
  for role, feed in pairs { taker = "F", maker = "B" } do
    local s = watching(role)
    t.equal(s:market().sent[1], ('{"event":"bind","feed":"%s","feedId":"BTC-USD"}'):format(feed))
  end
end)

t.test("a book is its snapshot and all changes since", function()
  local s = watching()
  book_frame(s, frames.book_snapshot)
  t.equal(shown(s), "65123x0.4 65122x1.5 | 65124x0.3")
  book_frame(s, frames.book_change)
  t.equal(shown(s), "65123.5x0.1 65123x0.4 65122x1.5 | 65124x0.2")
  book_frame(s, frames.book_new_best)
  t.equal(shown(s), "65122x1.5 | ")
  book_frame(s, '["F","BTC-USD","M",[[["M",6512200000000,0],["+",6512100000000,100]],'
             .. '[["M",6512900000000,5],["+",6512800000000,6],["-",6512900000000,0]]]]')
  t.equal(shown(s), "65121x0.000001 | 65128x0.00000006")
  book_frame(s, frames.book_snapshot)
  t.equal(shown(s), "65123x0.4 65122x1.5 | 65124x0.3")
end)

t.test("a book has 25 levels a side at most", function()
  local s = watching()
  local rows = {}
  for i = 1, 40 do rows[i] = ("[%d,100]"):format(6500000000000 - i * 1000000) end
  book_frame(s, '["F","BTC-USD","S",[[' .. table.concat(rows, ",") .. "],[]]]")
  t.equal(#s.trader.book.bids, 25)
end)

local function binds(s) return #s:market().sent end

t.test("a crossed book is asked for anew once, and then believed", function()
  local s = watching()
  local crossed = '["F","BTC-USD","S",[[[6512500000000,1]],[[6512400000000,1]]]]'
  local before = binds(s)
  book_frame(s, crossed)
  t.equal(binds(s), before + 2)
  book_frame(s, crossed)
  t.equal(binds(s), before + 2)
  t.equal(shown(s), "65125x0.00000001 | 65124x0.00000001")
end)

t.test("an update that cannot be applied has the book asked for anew", function()
  local s = watching()
  book_frame(s, frames.book_snapshot)
  local before = binds(s)
  book_frame(s, '["F","BTC-USD","M",[[["?",1,1]],[]]]')
  t.equal(binds(s), before + 2)
  t.equal(#s:logged "unknown operation ?", 1)
end)

t.test("a bind that failed is explained, with its code alone or in an array", function()
  local s = watching()
  book_frame(s, frames.bind_failed)
  book_frame(s, frames.bind_failed_in_array)
  t.equal(#s:logged "book of BTC-USD: bad id of a feed (error 103)", 2)
end)

t.test("without its backend the market connection begins anew", function()
  local s = watching()
  local socket = s:market()
  book_frame(s, frames.not_linked)
  s:advance(2)
  t.ok(s:market() ~= socket)
  t.equal(s.session.state, "up")
end)

t.test("the venue has no tape of trades, and says so", function()
  local s = play()
  local ok, err = s.session:can_subscribe("trades", "BTC/USD")
  t.equal(ok, nil)
  t.equal(err, "finery has no feed of trades")
end)

t.test("every error code of the list has words of its own or of its range", function()
  for code = 0, 167 do
    local text, class = wire.explain(code)
    t.ok(#text > 10 and class, code)
  end
  t.equal(wire.explain(166), "limits breached by settlement (error 166)")
  t.equal(tostring(wire.amount "9223372036854775807"), "92233720368.54775807")
  t.equal(wire.units(decimal "92233720368.54775807"), "9223372036854775807")
end)

stage.done()
