-- A library module gets new functions while others hold it.

local t = require "tests.tap"
local holders = require "moonwire.holders"
local patch = require "moonwire.patch"

local SOURCE = "@patched.lua"
local function load_text(text) return assert(loadstring(text, SOURCE))() end

local OLD = [[
local M = {}
local count, bound, LIMIT = 0, {}, 10
local words = { a = "old" }
local Class = {}
Class.__index = Class
function Class:name() return "old" .. self.n end
local function step() return 1 end
function M.new(n) return setmetatable({ n = n }, Class) end
function M.add(key) count = count + step() bound[key] = true return count, LIMIT, words.a end
function M.has(key) return bound[key] end
return M]]

local function patched(old, text)
  local plan = assert(patch.plan(old, load_text(text), SOURCE))
  patch.apply(plan)
end

t.test("functions are new, the module's table and what it counts are the same", function()
  local old = load_text(OLD)
  local held = old
  old.add "x"
  patched(old, (OLD:gsub("return 1 end", "return 100 end"):gsub("LIMIT = 0, {}, 10",
    "LIMIT = 0, {}, 20"):gsub('"old" }', '"new" }')))
  local count, limit, word = held.add "y"
  t.equal(count, 101)
  t.equal(limit, 20)
  t.equal(word, "new")
  t.ok(held.has "x" and held.has "y")
end)

t.test("objects of before have the new methods, and so do those made after", function()
  local old = load_text(OLD)
  local object = old.new(1)
  patched(old, (OLD:gsub('"old" %.%.', '"new" ..'):gsub("local function step",
    "function Class:more() return 'more' end %0")))
  t.equal(object:name(), "new1")
  t.equal(object:more(), "more")
  t.equal(getmetatable(old.new(2)), getmetatable(object))
end)

t.test("a function that is new shares the locals of the others", function()
  local old = load_text(OLD)
  old.add "x"
  patched(old, (OLD:gsub("return M$", "function M.count() return count end\nreturn M")))
  t.equal(old.count(), 1)
  old.add "y"
  t.equal(old.count(), 2)
end)

t.test("what another module took into a local of its own is replaced there", function()
  local old = load_text(OLD)
  package.loaded["moonwire.patch_test_user"] = assert(loadstring(
    "local old = ... local add = old.add return { add = function(k) return add(k) end, "
    .. "same = old.add }"))(old)
  local user = package.loaded["moonwire.patch_test_user"]
  user.add "x"
  patched(old, (OLD:gsub("return 1 end", "return 100 end")))
  t.equal(user.add "y", 101)
  t.equal(user.same "y", 201)
  package.loaded["moonwire.patch_test_user"] = nil
end)

-- Two modules that have each other's functions, in a local and in a table.
local function pair_of(version)
  local one = assert(loadstring(("local M, other = {}, ... local name = other.name\n"
    .. "function M.name() return 'one%d' end function M.of() return name() end\n"
    .. "M.version%d = other.name return M"):format(version, version), "@one.lua"))
  local two = assert(loadstring(("local M = {} function M.name() return 'two%d' end\n"
    .. "function M.take(other) M.name_of_one = other.name end return M"):format(version),
    "@two.lua"))
  return one, two
end

for _, first in ipairs { "one", "two" } do
  t.test("modules that change together get each other's new functions, " .. first .. " first",
         function()
    local make_one, make_two = pair_of(1)
    local two = make_two()
    local one = make_one(two)
    two.take(one)
    package.loaded["moonwire.patch_one"], package.loaded["moonwire.patch_two"] = one, two
    make_one, make_two = pair_of(2)
    local plans = { one = assert(patch.plan(one, make_one(two), "@one.lua")),
                    two = assert(patch.plan(two, make_two(), "@two.lua")) }
    local search = holders.search { plans.one, plans.two }
    repeat until search:step()
    local second = first == "one" and "two" or "one"
    patch.apply(plans[first])
    patch.apply(plans[second])
    t.equal(one.name() .. " " .. one.of() .. " " .. one.version2(), "one2 two2 two2")
    t.equal(two.name() .. " " .. two.name_of_one(), "two2 one2")
    package.loaded["moonwire.patch_one"], package.loaded["moonwire.patch_two"] = nil, nil
  end)
end

t.test("again and again it stays as it is", function()
  local old = load_text(OLD)
  local object = old.new(1)
  for i = 1, 50 do
    patched(old, (OLD:gsub('"old" %.%.', ('"v%d" ..'):format(i))))
    old.add(i)
    t.equal(object:name(), ("v%d1"):format(i))
  end
  t.equal((old.add "x"), 51)
end)

t.test("a module of tables of functions changes as well, also where others have these", function()
  local text = "local M, n = {}, 0 M.buy = { about = 'one', run = function() n = n + 1 return n "
    .. "end } return M"
  local old = load_text(text)
  package.loaded["moonwire.patch_commands"] = old
  local held, run = old.buy, { run = old.buy.run }
  package.loaded["moonwire.patch_holder"] = { tables = run, f = print }
  held.run()
  patched(old, (text:gsub("one", "two"):gsub("n %+ 1", "n + 10")))
  t.equal(held.about .. " " .. held.run() .. " " .. run.run(), "two 11 21")
  package.loaded["moonwire.patch_commands"], package.loaded["moonwire.patch_holder"] = nil, nil
end)

t.test("what cannot be told apart is refused", function()
  local old = load_text(OLD)
  local plan, err = patch.plan(old, load_text((OLD:gsub("return M$",
    "do local count = 5 function M.other() return count end end\nreturn M"))), SOURCE)
  t.equal(plan, nil)
  t.ok(err:find("two locals are called count", 1, true), err)
  plan, err = patch.plan(old, true, SOURCE)
  t.equal(plan, nil)
  t.ok(err:find("no table of functions", 1, true), err)
end)

t.done()
