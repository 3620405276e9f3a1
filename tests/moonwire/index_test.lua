-- An index does what a table does.

local t = require "tests.tap"
local decode = require "moonwire.decode"
local index = require "moonwire.index"

t.test("what a text stands for is found until it is removed, as in a table", function()
  math.randomseed(1)
  local one, table_of = index.new(), {}
  for step = 1, 100000 do
    local text = "mw-" .. math.random(2000)
    local what = math.random(5)
    if what <= 3 then
      local value = { text }
      one:set(text, value)
      table_of[text] = value
    elseif what == 4 then
      one:remove(text)
      table_of[text] = nil
    end
    t.equal(one:get(text), table_of[text])
    if step % 20000 == 0 then collectgarbage() end
  end
  for i = 1, 2000 do t.equal(one:get("mw-" .. i), table_of["mw-" .. i]) end
end)

t.test("a text that was let go and is made anew elsewhere is known all the same", function()
  local one = index.new()
  for i = 1, 300 do one:set(("order %d"):format(i), i) end
  for i = 1, 300, 2 do one:remove("order " .. i) end
  collectgarbage()
  for i = 1, 3000 do t.equal(one:get("another " .. i), nil) end
  for i = 1, 300 do t.equal(one:get("order " .. i), i % 2 == 0 and i or nil) end
end)

t.test("a text is found as it stands in a message, and is the one that was set", function()
  local one, decoder = index.new(), decode.new { "id" }
  local function field_of(json)
    t.ok(decoder:read(json))
    return decoder.head[0]
  end
  local text = ("order %d"):format(12)
  one:set(text, 12)
  one:set("77", "seventy-seven")
  for json, value in pairs { ['{"id":"order 12"}'] = 12, ['{"id":"77"}'] = "seventy-seven",
                             ['{"id":77}'] = "seventy-seven", ['{"id":"\\u006frder 12"}'] = 12 } do
    local found, known = one:get_field(field_of(json))
    t.equal(found, value, json)
    t.equal(known, value == 12 and text or "77", json)
  end
  for _, json in ipairs { '{"id":"order 1"}', '{"id":"order 122"}', '{"id":""}', '{"id":78}', "{}",
                          '{"id":null}', '{"id":true}', '{"id":[77]}', '{"id":"\\u00e9"}' } do
    t.equal(one:get_field(field_of(json)), nil, json)
  end
  one:remove("order 12")
  t.equal(one:get_field(field_of('{"id":"order 12"}')), nil)
end)

t.test("a text that there is no memory for has no place", function()
  local one = index.new()
  one:set("a", 1)
  local texts = one.texts
  one.texts = setmetatable({}, { __index = texts, __newindex = function() error "no memory" end })
  t.raises(one.set, "no memory", one, "b", 2)
  one.texts = texts
  t.equal(one:get "b", nil)
  t.equal(one:get "a", 1)
  one:set("c", 3)
  t.equal(one:get "c", 3)
  t.equal(#one.values, 2)
end)

t.test("what is no text is said", function()
  local one = index.new()
  for _, what in ipairs { 12, true, 310130LL, {} } do
    for _, call in ipairs { "get", "set", "remove" } do
      local ok, err = pcall(one[call], one, what, 1)
      t.equal(ok, false)
      t.ok(tostring(err):find "an id is a text, and this one a ", err)
    end
  end
end)

t.test("places are used again: it is as large as it was at most", function()
  local one = index.new()
  for i = 1, 10000 do
    one:set("order " .. i, i)
    one:remove("order " .. i - 100)
  end
  t.equal(#one.values, 101)
end)

t.done()
