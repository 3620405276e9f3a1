local t = require "tests.tap"
local ffi = require "moonwire.cdef"
local values = require "moonwire.values"

t.test("an ISO time is seconds since 1970, whatever its zone", function()
  for text, seconds in pairs {
    ["1970-01-01T00:00:00Z"] = 0,
    ["2018-07-01T10:11:12+02:00"] = 1530432672,
    ["2018-07-01T08:11:12Z"] = 1530432672,
    ["2018-07-01T02:41:12-0530"] = 1530432672,
    ["2018-07-01T08:11:12.987654Z"] = 1530432672,
    ["2018-07-01 08:11:12"] = 1530432672,
    ["2000-02-29T23:59:59Z"] = 951868799,
    ["2100-03-01T00:00:00Z"] = 4107542400,
    ["1999-12-31T23:59:59.5+00:00"] = 946684799,
  } do
    t.equal(values.iso_seconds(text), seconds, text)
  end
end)

t.test("every day of the calendar follows the one before", function()
  local last = values.iso_seconds "1999-12-31T12:00:00Z"
  local days = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  for year = 2000, 2040 do
    for month = 1, 12 do
      local extra = month == 2 and year % 4 == 0 and 1 or 0
      for day = 1, days[month] + extra do
        local text = ("%04d-%02d-%02dT12:00:00Z"):format(year, month, day)
        last = last + 86400
        if values.iso_seconds(text) ~= last then t.equal(values.iso_seconds(text), last, text) end
      end
    end
  end
  t.equal(last, values.iso_seconds "2040-12-31T12:00:00Z")
end)

t.test("what is no ISO time is none: a letter in each place of a digit", function()
  local text = "2018-07-01T10:11:12+02:00"
  for _, at in ipairs { 1, 2, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19 } do
    for _, junk in ipairs { "x", "/", ":", " ", "\0", "\255" } do
      t.equal(values.iso_seconds(text:sub(1, at - 1) .. junk .. text:sub(at + 1)), nil,
              ("byte %d is %q"):format(at, junk))
    end
  end
  for _, other in ipairs { "", "2018", "2018-07-01T10:11:1", 1530432672, false } do
    t.equal(values.iso_seconds(other), nil, tostring(other))
  end
  t.equal(values.iso_seconds(nil), nil)
end)

t.test("nothing behind the end of the text is read", function()
  local text = "2018-07-01T08:11:12+02:00"
  local bytes = ffi.cast("const uint8_t *", text)
  for len = 19, #text do
    local seconds = values.iso_time(bytes, len)
    t.ok(seconds == 1530432672 or seconds == 1530432672 - 7200, tostring(len))
  end
  t.equal(values.iso_time(bytes, 19), 1530432672)
  t.equal(values.iso_time(bytes, 18), nil)
end)

t.done()
