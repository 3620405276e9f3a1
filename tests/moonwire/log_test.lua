local t = require "tests.tap"
local host = require "moonwire.host"
local decimal = require "moonwire.decimal"
local log = require "moonwire.log"

-- Runs body and returns what it logged: { { level, text, fields }, ... }.
local function logged(body)
  local lines, real = {}, host.log
  host.log = function(...) lines[#lines + 1] = { ... } end
  local ok, err = pcall(body)
  host.log = real
  if not ok then error(err, 0) end
  return lines
end

t.test("each level logs at its level, with the logger's fields", function()
  local fields = { venue = "idx" }
  local logger = log.new(fields)
  for _, level in ipairs { "error", "warn", "info", "debug" } do
    local lines = logged(function() logger[level]("sent %s", "mw-1") end)
    t.equal(#lines, 1)
    t.equal(lines[1][1], level)
    t.equal(lines[1][2], "sent mw-1")
    t.equal(lines[1][3], fields)
  end
  t.equal(logged(function() log.new().info "x" end)[1][3], nil)
end)

t.test("%s takes anything: decimals, nil, booleans, tables with a text", function()
  local object = setmetatable({}, { __tostring = function() return "an object" end })
  t.equal(log.format("%s %s %s %s", decimal "1.50", nil, false, object), "1.5 nil false an object")
  t.equal(log.format("%s %s", nil, nil), "nil nil")
end)

t.test("numbers keep their own formats", function()
  t.equal(log.format("%d %.2f %5.1f|%s", 7, 1.5, 2, 0.1), "7 1.50   2.0|0.1")
end)

t.test("a message without arguments is taken as it is, % and all", function()
  t.equal(log.format "100% of %s", "100% of %s")
  t.equal(log.format(5), "5")
  t.equal(log.format(nil), "nil")
end)

t.test("a format with too few arguments raises at once", function()
  t.raises(log.format, "bad argument", "%s %s", 1)
end)

t.done()
