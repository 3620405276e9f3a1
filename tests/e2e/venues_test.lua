--- All venues in one runtime, a strategy each: what becomes of one changes nothing for the others.

local e2e = require "tests.e2e.lib"
local host = require "moonwire.host"
local task = require "moonwire.task"
local test, equal = e2e.test, e2e.equal

local SIGSTOP, SIGCONT, SIGKILL = 19, 18, 9
local WINDOW = 1                       -- seconds over which events are counted

-- Sends an order ten times a second, unless one is open that can be canceled, and says for each
-- after how many ms the venue's first word came.
local PULSE = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "VENUE", symbol = "SYMBOL", may_cancel = MAY_CANCEL }
function S:on_start()
  self.heard = {}
  self:every(0.1, "beat")
end
function S:beat()
  if self.params.may_cancel and #self.orders > 0 then return end
  self:submit(ORDER)
end
function S:on_order(order)
  if not self.heard[order.client_order_id] then
    self.heard[order.client_order_id] = true
    print(("VENUE %%.1f"):format((mw.now() - order.created_at) * 1000))
  end
  if order.status == "new" and self.params.may_cancel then self:cancel(order) end
end
return S
]]

local function pulse(venue, symbol, order, may_cancel)
  local words = { VENUE = venue, SYMBOL = symbol, ORDER = order,
                  MAY_CANCEL = tostring(may_cancel ~= false) }
  return (PULSE:gsub("%%%%", "%%"):gsub("[A-Z_]+", words))
end

local SHORT = "request_timeout = 2,"

-- One runtime on the four venues.
local function start()
  local sims = { idx = e2e.sim "indodax", fin = e2e.sim "finery", pea = e2e.sim "peatio",
                 ins = e2e.sim "instamrkt" }
  local pool = sims.ins:control("pools", { open = 1 })[1].pool
  local text, environment = e2e.several {
    { name = "idx", sim = sims.idx, more = SHORT }, { name = "fin", sim = sims.fin, more = SHORT },
    { name = "pea", sim = sims.pea, more = SHORT }, { name = "ins", sim = sims.ins, more = SHORT },
  }
  local directory = e2e.directory()
  local words = { "run", "--config", e2e.write(directory .. "/moonwire.lua", text) }
  for name, strategy in pairs {
    idx = pulse("idx", "BTC/IDR", '{ side = "buy", qty = "0.001", price = "1400000000" }'),
    fin = pulse("fin", "BTC/USD", '{ side = "buy", qty = "0.001", price = "100", '
                .. 'time_in_force = "ioc" }'),
    pea = pulse("pea", "BTC/USD", '{ side = "buy", qty = "0.01", price = "100" }'),
    ins = pulse("ins", pool .. "#harbour/DON", '{ side = "buy", qty = "0.01" }', false),
  } do
    words[#words + 1] = e2e.write(("%s/%s.lua"):format(directory, name), strategy)
  end
  local run = e2e.moonwire(words, environment)
  return run, sims
end

-- What the strategies have printed from `from` on: by venue, the sorted times in ms.
local function beats(run, from)
  local times = { idx = {}, fin = {}, pea = {}, ins = {} }
  for venue, ms in run:out():sub(from):gmatch "(%a+) ([%d.]+)\n" do
    table.insert(times[venue], tonumber(ms))
  end
  for _, list in pairs(times) do table.sort(list) end
  return times
end

local function median(list) return list[math.ceil(#list / 2)] end

-- Counts events while `trouble`, a function that is called again and again, goes on.
local function observe(run, trouble)
  local from, until_at = #run:out() + 1, host.monotonic() + WINDOW * e2e.slower
  repeat
    if trouble then trouble() end
    task.sleep(0.01)
  until host.monotonic() > until_at
  return beats(run, from)
end

-- The first word comes as soon as before, about as often: seldom, where cancels take their time.
-- Where all is slower, the processes of the sick venue take that time from the others, too.
local function check_others(run, sick, before, now, what)
  for venue, list in pairs(now) do
    local usual = before[venue]
    local is_late = #list < #usual / 2 - 1 or median(list) > 3 * median(usual) + 50
    if venue ~= sick and (#list == 0 or is_late and e2e.slower == 1) then
      error(("%s while %s %s: %d events of %.1f ms, before it %d of %.1f ms\n%s"):format(venue,
        sick, what, #list, median(list) or -1, #usual, median(usual), run:err()), 2)
    end
  end
end

local function await_all(run)
  local from = #run:out() + 1
  local ok = pcall(e2e.await, "events of all venues", function()
    for _, list in pairs(beats(run, from)) do if #list < 3 then return false end end
    return true
  end, 30)
  if not ok then error("not all venues: " .. run:out():sub(from) .. run:err(), 2) end
end

local NAMES = { "idx", "fin", "pea", "ins" }

test("a venue that stands still changes nothing for the others, and comes back", function()
  local run, sims = start()
  await_all(run)
  local before = observe(run)
  for _, name in ipairs(NAMES) do
    sims[name].process:signal(SIGSTOP)
    local now = observe(run)
    sims[name].process:signal(SIGCONT)
    check_others(run, name, before, now, "stands still")
    await_all(run)
  end
  equal(run:stop(), 0)
end)

test("a venue that floods changes nothing for the others", function()
  local run, sims = start()
  await_all(run)
  local before = observe(run)
  local text = ('{"a":[' .. ("[1,2,3],"):rep(200) .. "0]}")
  for _, name in ipairs(NAMES) do
    local now = observe(run, function() sims[name]:control("push", { text = text }) end)
    check_others(run, name, before, now, "floods")
  end
  await_all(run)
  equal(run:stop(), 0)
end)

test("a venue that is slow, and then gone for good, changes nothing for the others", function()
  local run, sims = start()
  await_all(run)
  local before = observe(run)
  for _, fault in ipairs { "delay:rest:1s:before", "delay:ws:1s" } do
    sims.pea:control("fault", { fault = fault })
  end
  check_others(run, "pea", before, observe(run), "is slow")
  sims.pea:control "clear"
  await_all(run)
  for _, name in ipairs { "fin", "ins" } do
    sims[name].process:signal(SIGKILL)
    sims[name].process:wait_exit()
    local now = observe(run)
    now.fin, now.ins = nil, nil
    check_others(run, name, before, now, "is gone")
  end
  run:kill_all()                         -- a stop would wait for those that are gone
end)

e2e.run_all()
