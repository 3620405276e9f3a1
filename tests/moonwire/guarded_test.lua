--- What the runtime does when its guardian cannot write the journal, and what the plan locks.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local guarded = require "moonwire.guarded"
local host = require "moonwire.host"
local mw = require "moonwire"
local plan = require "moonwire.plan"

local FULL = "journal j.db: database or disk is full"

-- A desk under a guardian that says what `says` holds: { true } or { false, why }.
local function play(on_journal_failure, says)
  local real = host.guardian
  host.guardian = function() return unpack(says) end
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  function S:send() self.order, self.err = self:buy { qty = "0.001", price = "950000000" } end
  local s = stage.new { strategies = { { name = "one", class = S } } }:start()
  s.desk.config.on_journal_failure = on_journal_failure
  guarded.begin(s.desk)
  function s:send()
    self:run(self.runners.one, "call_method", "send", 0, {})
    self:settle()
    return self.runners.one.instance.order, self.runners.one.instance.err
  end
  function s:over() host.guardian = real end
  return s
end

t.test("cancel: orders are canceled and it stops with status 1", function()
  local says = { true }
  local s = play("cancel", says)
  t.ok(s:send())
  s:advance(5)
  t.equal(s.desk.stopping, false)
  says[1], says[2] = false, FULL
  s:advance(1)
  t.equal(#s:logged("stopping: the journal cannot be written: " .. FULL), 2, "desk, strategy")
  t.equal(#s:asked "cancelByClientOrderId", 1)
  s:over()
end)

t.test("halt: nothing new is sent, open orders stay, and it goes on when it can", function()
  local says = { true }
  local s = play("halt", says)
  local order = s:send()
  says[1], says[2] = false, FULL
  s:advance(3)
  t.equal(#s:logged "open orders stay", 1, "said once")
  local none, err = s:send()
  t.equal(none, nil)
  t.equal(err, "no new orders while the journal cannot be written: " .. FULL)
  t.ok(order:is_open())
  t.equal(#s:asked "cancelByClientOrderId", 0)
  says[1] = true
  s:advance(1)
  t.equal(#s:logged "the journal is written again", 1)
  t.ok(s:send())
  t.equal(s.desk.stopping, false)
  s:over()
end)

t.test("without a guardian nothing is looked at", function()
  local s = play("cancel", {})
  local _, timers = require("moonwire.dispatch").count_open()
  guarded.begin(s.desk)
  t.equal(select(2, require("moonwire.dispatch").count_open()), timers)
  s:over()
end)

-- Locks -------------------------------------------------------------------------------------------

local function locks_of(more)
  local settings = { journal = { path = "j.db" }, venues = {
    b = { protocol = "indodax", rest_url = "https://b.test", key = "key-b" },
    a = { protocol = "indodax", rest_url = "https://a.test", key = "key-a" },
  } }
  for name, value in pairs(more or {}) do settings[name] = value end
  return plan.locks(settings)
end

t.test("there is a lock for the journal and one for each account", function()
  local locks = locks_of()
  t.equal(#locks, 3)
  t.equal(locks[1].path, "./j.db.lock", "a path, not a name in the directory of locks")
  t.equal(locks[2].what, "venues.a: this account is traded already")
  t.equal(locks[3].what, "venues.b: this account is traded already")
  t.equal(#locks_of { journal = false }, 2)
  t.equal(locks_of({ journal = { path = "/x/j.db" } })[1].path, "/x/j.db.lock")
end)

t.test("two venues of one account are refused, by their names", function()
  local venue = { protocol = "indodax", rest_url = "https://a.test", key = "key-a" }
  local locks, err = plan.locks { venues = { a = venue, b = venue } }
  t.equal(locks, nil)
  t.equal(err, "venues.b: the same account as venues.a: one of them has to go")
end)

t.test("an account's lock has a name that its key, protocol and address decide", function()
  local function name(fields)
    local venue = { protocol = "indodax", rest_url = "https://a.test", key = "key-a" }
    for key, value in pairs(fields) do venue[key] = value end
    return locks_of({ journal = false, venues = { v = venue } })[1].path
  end
  local own = name {}
  t.equal(name { secret = "other", private_url = "wss://x.test" }, own)
  t.ok(name { key = "key-b" } ~= own)
  t.ok(name { protocol = "other" } ~= own)
  t.ok(name { rest_url = "https://b.test" } ~= own)
  t.ok(own:match "^account%-%x+%.lock$" and not own:find("key-a", 1, true), own)
end)

stage.done()
