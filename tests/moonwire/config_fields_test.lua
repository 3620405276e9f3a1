-- What configurations are made of: fields and the lines where they stand.

local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local fields = require "moonwire.fields"
local source = require "moonwire.config_source"

-- fields ------------------------------------------------------------------------------------------

t.test("numbers are finite, within their range, and whole where they must be", function()
  local function number(value, spec)
    spec = spec or {}
    spec.type = spec.type or "number"
    return (fields.check(spec, value))
  end
  t.equal(number(0 / 0), nil)
  t.equal(number(1 / 0), nil)
  t.equal(number(-1 / 0), nil)
  t.equal(number(5, { min = 5, max = 5 }), 5)
  t.equal(number(5.1, { min = 5, max = 5 }), nil)
  t.equal(number(-0.5, { type = "integer" }), nil)
  t.equal(number(-3, { type = "integer" }), -3)
end)

t.test("a percentage is above 0 and below 100, and written as one", function()
  local function percent(value) return (fields.check({ type = "percent" }, value)) end
  t.equal(percent "0.5%", decimal "0.005")
  t.equal(percent "99.9%", decimal "0.999")
  for _, bad in ipairs { "0%", "100%", "-5%", "5", "5 %", "%", "1e1%", 5 } do
    t.equal(percent(bad), nil, bad)
  end
end)

t.test("false switches off what may be off, and nothing else", function()
  t.equal(fields.check({ type = "number", off = true, min = 1 }, false), false)
  local _, problems = fields.check({ type = "number", min = 1 }, false)
  t.equal(#problems, 1)
end)

t.test("a long text is shown by its beginning", function()
  local _, problems = fields.check({ type = "number" }, ("x"):rep(1000))
  t.ok(#problems[1].text < 120, problems[1].text)
end)

-- config_source -----------------------------------------------------------------------------------

t.test("keys are found by line through comments, strings and calls", function()
  local where = source.new [==[
-- name = "a comment"
--[[ name = "another
   one" ]]
local a = { inner = 1 }
return {
  name = "x } = {", ["with-dash"] = 'it''s',
  venues = {
    idx = { key = env("K"), secret = file[[s = { ]],
      rest_url = "https://x"; silence = 5 },
    -- } ,
    b = {
      key = 1,
    },
  },
  strategies = {
    { file = "a" },
    { file = "b",
      params = { deep = { 1,
                          2 } } },
  },
}]==]
  local function line(path) return where:line_of(path) end
  t.equal(line "name", 6)
  t.equal(line "with-dash", 6)
  t.equal(line "venues", 7)
  t.equal(line "venues.idx", 8)
  t.equal(line "venues.idx.secret", 8)
  t.equal(line "venues.idx.rest_url", 9)
  t.equal(line "venues.idx.silence", 9)
  t.equal(line "venues.b.key", 12)
  t.equal(line "strategies[1].file", 16)
  t.equal(line "strategies[2].file", 17)
  t.equal(line "strategies[2].params.deep", 18)
end)

t.test("a key without a line has that of what it would stand in", function()
  local where = source.new "return {\n venues = {\n idx = {} } }"
  t.equal(where:line_of "venues.idx.key", 3)
  t.equal(where:line_of "venues.other", 2)
  t.equal(where:line_of "nowhere", nil)
  t.equal(source.new(""):line_of "x", nil)
end)

t.test("texts that are no Lua are scanned to their end", function()
  for _, text in ipairs { "{", "}", "{{{{", "]]", "[[", "'", '"\\', "--[[", "= = =", "{ a = ",
                          "\0\255" } do
    t.ok(source.new(text):line_of "b" == nil, text)
  end
end)

t.done()
