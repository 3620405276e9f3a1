-- Requests one after the other: whatever becomes of one, each has its answer and the next its turn.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local lane = require "moonwire.lane"

-- A lane on the stage: send(name, sign, method) sends a request, said() has the answers so far.
local function play()
  local s = stage.new()
  local one, heard, taker = lane.new(), {}, {}
  local function take(_, name, status, body, why, maybe_sent)
    heard[#heard + 1] = ("%s %d %s %s"):format(name, status, body or why, tostring(maybe_sent))
  end
  taker.on_submit_answer, taker.on_answer = take, take
  local function send(name, sign, method)
    local job = {}
    function job.go()
      local request = { method = "GET", url = "https://rest.test/" .. name, sign = sign }
      local ok, err = one:send(request, taker, method or "on_answer", name)
      if not ok then heard[#heard + 1] = name .. " not sent, " .. err end
    end
    s:run(job, "go")
  end
  local function answer(name) s:answer(assert(s:find("/" .. name), name), 200, "ok", "") end
  local function said()
    local text = table.concat(heard, "|")
    for i = #heard, 1, -1 do heard[i] = nil end
    return text
  end
  return s, send, answer, said
end

t.test("one is under way at a time, in their order", function()
  local s, send, answer, said = play()
  for _, name in ipairs { "a", "b", "c" } do send(name) end
  t.equal(#s.pending, 1)
  answer "a"
  answer "b"
  answer "c"
  t.equal(said(), "a 200 ok false|b 200 ok false|c 200 ok false")
end)

t.test("one that cannot be signed has that as its answer, and holds nobody up", function()
  local s, send, answer, said = play()
  local function broken() error("no nonce", 0) end
  send "a"
  send("b", broken)
  send "c"
  answer "a"
  t.equal(#s.pending, 1)
  answer "c"
  t.equal(said(), "b 0 sign: no nonce false|a 200 ok false|c 200 ok false")
  send("d", broken)
  t.equal(said(), "d not sent, sign: no nonce")
end)

t.test("an order that waited for long is not sent, a cancel is", function()
  local s, send, answer, said = play()
  send "a"
  send("order", nil, "on_submit_answer")
  send "cancel"
  s.answers["/a"], s.answers["/cancel"] = false, false
  s:advance(6)
  answer "a"
  t.equal(said(), "order 0 it waited for more than 5 s behind other requests false|a 200 ok false")
  t.equal(#s.pending, 1)
  answer "cancel"
  t.equal(said(), "cancel 200 ok false")
end)

t.test("an order that did not wait for long is sent", function()
  local s, send, answer, said = play()
  send "a"
  send("order", nil, "on_submit_answer")
  s.answers["/a"] = false
  s:advance(4)
  answer "a"
  answer "order"
  t.equal(said(), "a 200 ok false|order 200 ok false")
end)

stage.done()
