local t = require "tests.tap"
local client_id = require "moonwire.client_id"
local decimal = require "moonwire.decimal"
local random = require "moonwire.random"

local function epoch(ms, seed) return client_id.epoch(ms, random.new(seed or 1)) end

t.test("a number in base 36 reads back as itself", function()
  for _, n in ipairs { 0, 1, 9, 10, 35, 36, 1295, 1296, 1790000000123, 2 ^ 53 - 1 } do
    local text, back = client_id.base36(n), 0
    t.ok(text:find "^[0-9a-z]+$", text)
    for digit in text:gmatch "." do back = back * 36 + tonumber(digit, 36) end
    t.equal(back, n, text)
  end
  t.equal(client_id.base36(0), "0")
  t.equal(client_id.base36(35), "z")
  t.equal(client_id.base36(36), "10")
end)

t.test("a width pads with zeros and never cuts", function()
  t.equal(client_id.base36(1, 5), "00001")
  t.equal(client_id.base36(36 ^ 5, 5), "100000")
end)

-- Orders at the venue carry these tags: a change here makes our own orders unknown after a restart.
t.test("the tag of a name is the same in every process", function()
  t.equal(client_id.tag "moonwire", "6llrp")
  t.equal(client_id.tag "ladder-btc", "2mvff")
  t.equal(client_id.tag "", "tntfp")
end)

t.test("a tag is five characters, another one for another name", function()
  local seen = {}
  for i = 1, 2000 do
    local name = "strategy-" .. i
    local tag = client_id.tag(name)
    t.ok(tag:find "^[0-9a-z][0-9a-z][0-9a-z][0-9a-z][0-9a-z]$", tag)
    t.equal(seen[tag], nil, name)
    seen[tag] = name
  end
  t.ok(client_id.tag "a" ~= client_id.tag "b")
  t.ok(client_id.tag "ab" ~= client_id.tag "ba")
end)

t.test("ids count up, say whose they are, and fit every venue", function()
  local maker = client_id.maker("moonwire", "ladder", epoch(1790000000123))
  local first, second = maker:next(), maker:next()
  t.equal(first, ("mw-%s-%s-%s-1"):format(client_id.tag "moonwire", client_id.tag "ladder",
                                          epoch(1790000000123)))
  t.equal(second:match "%-(%w+)$", "2")
  for n = 3, 3000 do
    local id = maker:next()
    t.ok(id:find "^[a-z0-9-]+$")
    t.equal(id:match "%-(%w+)$", client_id.base36(n))
  end
end)

t.test("an id that is made ahead of time is the next one, and given once", function()
  local maker, ids = client_id.maker("moonwire", "ladder", epoch(1790000000123)), {}
  for i = 1, 6 do
    if i % 3 ~= 0 then maker:get_ready() end
    if i % 3 == 1 then maker:get_ready() end
    ids[i] = maker:next():match "%-(%w+)$"
  end
  t.equal(table.concat(ids, " "), "1 2 3 4 5 6")
end)

t.test("the longest id still has 36 characters or fewer", function()
  local maker = client_id.maker(("r"):rep(100), ("s"):rep(100), epoch(client_id.LAST_EPOCH),
                                36 ^ 8 - 2)
  local id = maker:next()
  t.ok(#id <= 36, #id .. ": " .. id)
end)

t.test("an id comes apart into what it was made of", function()
  local parts = client_id.parse(client_id.maker("rt", "st", epoch(1790000000123)):next())
  t.equal(parts.runtime, client_id.tag "rt")
  t.equal(parts.strategy, client_id.tag "st")
  t.equal(parts.epoch, epoch(1790000000123))
  t.equal(parts.started_ms, 1790000000123)
  t.equal(parts.seq, "1")
end)

t.test("what is not ours is not taken for it", function()
  for _, id in ipairs { "", "mw", "lendidr-limit-3397", "mw-7f3a-000001", "mw-abcde-abcde-1",
                        "mw-abcd-abcde-1-1", "mw-abcde-abcd-1-1", "mw-abcdef-abcde-1-1",
                        "xx-abcde-abcde-1-1", "mw-abcde-abcde-1-1-1", " mw-abcde-abcde-1-1",
                        "mw-abcde-abcde-1-1 ", "mw-abcde-abcde--1", "mw-ab de-abcde-1-1" } do
    t.equal(client_id.parse(id), nil, id)
  end
end)

t.test("two runs of one strategy make different ids", function()
  local function first(runtime, strategy, at)
    return client_id.maker(runtime, strategy, epoch(at)):next()
  end
  t.ok(first("r", "s", 1) ~= first("r", "s", 2))
  t.ok(first("r", "s", 1) ~= first("r", "t", 1))
  t.ok(first("r", "s", 1) ~= first("q", "s", 1))
end)

t.test("two runs that start in the same millisecond make different ids", function()
  t.equal(#epoch(0), 11)
  t.ok(epoch(1790000000123, 1) ~= epoch(1790000000123, 2))
  t.equal(epoch(1790000000123, 1):sub(1, 8), epoch(1790000000123, 2):sub(1, 8))
end)

-- Ids that are numbers ----------------------------------------------------------------------------

local EPOCH_MS = 1790000000123

t.test("a number's tag is the same in every process, and 12 bits", function()
  t.equal(client_id.number_tag "moonwire", "#1673")
  for i = 1, 5000 do
    local tag = client_id.number_tag("strategy-" .. i)
    local number = tonumber(tag:match "^#(%d+)$")
    t.ok(number >= 1 and number <= 4095, tag)
  end
end)

t.test("numbers count up by one, within 63 bits, and say whose they are", function()
  local maker = client_id.number_maker("moonwire", "ladder", EPOCH_MS)
  local previous
  for _ = 1, 5000 do
    local id = maker:next()
    t.ok(id:find "^[1-9]%d*$" and #id <= 19, id)
    if previous then
      t.equal(tostring(decimal(id) - decimal(previous)), "1", id)
    end
    previous = id
  end
  local parts = client_id.parse(previous)
  t.equal(parts.runtime, client_id.number_tag "moonwire")
  t.equal(parts.strategy, client_id.number_tag "ladder")
  t.ok(parts.started_ms >= EPOCH_MS and parts.started_ms < EPOCH_MS + 10001, parts.started_ms)
end)

t.test("numbers go on over a million", function()
  local tail = tonumber(client_id.number_maker("r", "s", EPOCH_MS):next():sub(-6))
  local until_then = (999990 - tail) % 1000000
  local maker, seen = client_id.number_maker("r", "s", EPOCH_MS + 2 * until_then), {}
  for i = 1, 30 do seen[i] = decimal(maker:next()) end
  t.equal(tostring(seen[1]):sub(-6), "999990")
  for i = 2, 30 do t.equal(tostring(seen[i] - seen[i - 1]), "1") end
end)

t.test("the next run begins above a run of 500 orders a second", function()
  local maker = client_id.number_maker("r", "s", EPOCH_MS)
  local last
  for _ = 1, 4999 do last = maker:next() end
  local next_run = client_id.number_maker("r", "s", EPOCH_MS + 10000):next()
  t.ok(decimal(next_run) > decimal(last), next_run .. " after " .. last)
end)

t.test("a number of somebody else is not taken for ours", function()
  for _, id in ipairs { "0", "1", "7001", "9007199254740993", "549755813888", "01234567890123456",
                        "9223372036854775808", "99999999999999999999", "-1", "1.5",
                        "12345678901234567890123" } do
    local parts = client_id.parse(id)
    t.ok(not parts or parts.runtime ~= client_id.number_tag "moonwire", id)
  end
  t.equal(client_id.parse "7001", nil)
  t.equal(client_id.parse "9223372036854775808", nil)
end)

t.test("the largest number of all reads back", function()
  local parts = client_id.parse "9223372036854775807"
  t.equal(parts.runtime .. parts.strategy, "#4095#4095")
end)

t.done()
