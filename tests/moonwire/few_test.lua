-- Short lists without a loop: every place once, in order, however many there are.

local t = require "tests.tap"
local few = require "moonwire.few"

local function note(so_far, i, a, b) return so_far .. i .. a .. b .. " " end
local notes = few(note)

t.test("each place comes once, in order, with what was returned for the one before", function()
  for n = 0, 20 do
    local expected = ""
    for i = 1, n do expected = note(expected, i, "x", "y") end
    t.equal(notes(n, "", "x", "y"), expected, n .. " places")
  end
end)

t.test("what is raised stops it there", function()
  local seen = {}
  local function fail_at_nine(_, i)
    seen[i] = true
    if i == 9 then error "nine" end
  end
  t.raises(few(fail_at_nine), "nine", 12)
  t.equal(#seen, 9)
end)

t.done()
