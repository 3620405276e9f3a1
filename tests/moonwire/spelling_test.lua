-- What was probably meant by a name that is not known.

local t = require "tests.tap"
local spelling = require "moonwire.spelling"

t.test("the distance counts letters added, dropped, changed and swapped", function()
  t.equal(spelling.distance("", "abc"), 3)
  t.equal(spelling.distance("abc", ""), 3)
  t.equal(spelling.distance("rest_url", "rest_url"), 0)
  t.equal(spelling.distance("reset_url", "rest_url"), 1)
  t.equal(spelling.distance("nmae", "name"), 1)
  t.equal(spelling.distance("kitten", "sitting"), 3)
end)

t.test("the nearest name is the first in the alphabet of equals", function()
  t.equal(spelling.nearest("c", { a = 1, b = 1 }), "a")
  t.equal(spelling.nearest("LEVEL", { level = 1, label = 1 }), "level")
  t.equal(spelling.nearest("x", {}), nil)
end)

t.test("what was meant begins alike, or is near; what is far off was not meant", function()
  local known = { production = 1, demo = 1, sim = 1 }
  t.equal(spelling.meant("prod", known), "production")
  t.equal(spelling.meant("Simulated", known), "sim")
  t.equal(spelling.meant("productoin", known), "production")
  t.equal(spelling.meant("deom", known), "demo")
  t.equal(spelling.meant("live", known), nil)
  t.equal(spelling.meant("p", known), nil, "one letter is not enough")
  t.equal(spelling.meant("warn", { warning = 1, warned = 1 }), "warned", "the alphabet's first")
  t.equal(spelling.meant("", known), nil)
  t.equal(spelling.meant("x", {}), nil)
end)

t.done()
