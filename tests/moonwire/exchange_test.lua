-- What a venue asks of the session that answers orders over its connection, beats, suspends, counts
-- orders by number: a made-up one that does nothing else.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local decimal = require "moonwire.decimal"
local decode = require "moonwire.decode"
local json = require "moonwire.json"
local mw = require "moonwire"
local order_module = require "moonwire.order"

local PATHS = { "id", "ok", "order", "state" }
local at = decode.slots(PATHS)
local ID, OK, ORDER, STATE = at.id, at.ok, at.order, at.state

local function new_link()
  return {
    paths = PATHS, silence = 45, heartbeat = 20, feeds = { book = true },
    beat = function(link) link:send '{"ping":1}' end,
    logon = function(link)
      local s = link.session
      local ok, err, class = link:open(link.name == "private" and s.config.private_url
                                       or s.config.market_url)
      if not ok then return nil, err, class end
      return s:before_logon()
    end,
    resume = function(link)
      link.resumed = (link.resumed or 0) + 1
      return true
    end,
    read = function(link, decoder)
      local head = decoder.head
      local state = decode.text(head[STATE])
      if state == "busy" then return link.session:suspend "busy" end
      if state == "free" then return link.session:resume() end
      local id = decode.integer(head[ID])
      local told = { ok = decode.bool(head[OK]), order_id = decode.text(head[ORDER]) }
      if not link:answer(id, told) then
        link.strays = (link.strays or 0) + 1
      end
    end,
    close_class = function(_, _, http_status, body)
      if http_status == 400 then return "permanent", "told: " .. body end
      return "retry"
    end,
    subscribe = function() end,
  }
end

local function venue(more)
  local private = new_link()
  local M = {
    name = "acme", environments = {}, limits = {}, late_arrival = 5, private = private,
    market = new_link(), client_order_ids = "number",
    capabilities = function(config) return { post_only = config.role == "maker" } end,
    fetch_markets = function()
      local market = { symbol = "A/B", base = "A", quote = "B", price_step = decimal "1",
                       qty_step = decimal "1", names = { "A-B" } }
      return { market, ["A/B"] = market }
    end,
    check_order = function() return true end,
    submit = function(s, order)
      local id = s.private:request_id()
      return { id = id, timeout = 3,
               text = json.encode { id = id, add = order.client_order_id } }
    end,
    cancel = function(s, order)
      if s.private.state ~= "live" then
        return { method = "POST", url = s.config.rest_url .. "/cancel",
                 sign = function(request) request.body = order.order_id end }
      end
      local id = s.private:request_id()
      return { id = id, text = json.encode { id = id, del = order.order_id } }
    end,
    submit_answer = function(_, _, status, answer)
      t.equal(status, 200)
      if answer.ok then return { status = "new", order_id = answer.order_id } end
      return { status = "rejected", reason = "no" }
    end,
    cancel_answer = function(_, _, _, answer)
      if answer.ok or answer == "ok" then return { status = "canceled" } end
      return nil, "not understood"
    end,
    fetch_open_orders = function(s) s.asked = (s.asked or 0) + 1 return {} end,
    fetch_order = function() return nil, "not_found" end,
    fetch_fills = function() return {} end,
  }
  for name, value in pairs(more or {}) do M[name] = value end
  return M
end

local function play(protocol, config)
  local S = mw.strategy { venue = "idx", symbol = "A/B" }
  function S:send() self.order, self.err = self:buy { qty = "1", price = "1" } end
  function S:drop(order) self:cancel(order) end
  local s = stage.new { protocol = protocol or venue(), config = config,
                        strategies = { { name = "one", class = S } },
                        answers = { ["/cancel"] = "ok" } }
  s.reply = function() end
  s:start()
  s.instance = s.runners.one.instance
  function s:send()
    self:run(self.runners.one, "call_method", "send", 0, {})
    return self.instance.order, self.instance.err
  end
  function s:drop(order) self:run(self.runners.one, "call_method", "drop", 1, { order }) end
  return s
end

local function sent(s) return json.decode(s:private().sent[#s:private().sent]) end

local function answer(s, id, ok, order_id)
  s:frame(json.encode { id = id, ok = ok, order = order_id })
  s:settle()
end

t.test("an answer over the connection is the order's", function()
  local s = play()
  local order = s:send()
  t.equal(order.status, "pending_new")
  t.equal(sent(s).add, order.client_order_id)
  answer(s, sent(s).id, true, "77")
  t.equal(order.status, "new")
  t.equal(order.order_id, "77")
end)

t.test("an id is a whole number, and known as ours again", function()
  local s = play()
  local order = s:send()
  t.ok(order.client_order_id:find "^[1-9]%d+$", order.client_order_id)
  t.ok(s.desk.orders:is_ours(order.client_order_id))
  t.ok(not s.desk.orders:is_ours "7001")
end)

t.test("each answer finds its own request, in whatever order they come", function()
  local s = play()
  local first = s:send()
  local first_id = sent(s).id
  local second = s:send()
  answer(s, sent(s).id, false)
  answer(s, first_id, true, "5")
  t.equal(first.status, "new")
  t.equal(second.status, "rejected")
end)

t.test("without an answer in time the order is unknown; a late one has no effect", function()
  local s = play()
  local order = s:send()
  s:advance(2)
  t.equal(order.status, "pending_new")
  s:advance(2.5)
  t.equal(order.status, "unknown")
  answer(s, sent(s).id, false)
  t.equal(order.status, "unknown")
  t.equal(s.session.private.strays, 1)
end)

t.test("a line that breaks before the answer leaves the order unknown", function()
  local s = play()
  local order = s:send()
  s:close(s:private())
  t.equal(order.status, "unknown")
  t.equal(#s:logged "connection lost before the answer", 1)
end)

t.test("a request that could not leave was rejected, and nothing is expected", function()
  local s = play()
  s.sockets = {}
  local order = s:send()
  t.equal(order.status, "rejected")
  t.ok(order.reason:find "not sent", order.reason)
  s:advance(30)
  t.equal(order.status, "rejected")
end)

t.test("an open line is told every so often that we are alive, a closed one is not", function()
  local s = play()
  local socket = s:private()
  s:advance(41)
  t.equal(#socket.sent, 2)
  s:close(socket)
  s:advance(0.1)
  t.equal(#socket.sent, 2)
end)

t.test("the body of a refused handshake says why, and the venue's words are told", function()
  local s = play()
  s.keep_closed = true
  s:close(s:private())
  s:advance(30)
  s:close(s:private(), 1006, "", 400, "no such key")
  t.ok(s.session.private.is_stopped)
  t.equal(#s:logged "private connection stopped: told: no such key", 1)
end)

t.test("an answer is given up in its time, though the clock was set back", function()
  local s = play()
  local order = s:send()
  s:shift_clock(-3600)
  s:advance(1.9)
  t.equal(order.status, "pending_new")
  s:advance(2.2)
  t.equal(order.status, "unknown")
end)

t.test("a feed that the venue does not have is refused", function()
  local s = play()
  local ok, err = s.session:can_subscribe("trades", "A/B")
  t.equal(ok, nil)
  t.equal(err, "acme has no feed of trades")
  t.ok(s.session:can_subscribe("book", "A/B"))
end)

-- One at a time ---------------------------------------------------------------------------------

-- The same venue when its answers do not say what they answer.
local function wordless()
  local private = new_link()
  private.one_at_a_time = true
  private.read = function(link, decoder)
    local head = decoder.head
    if not link.turns:request() then link.strays = (link.strays or 0) + 1 return end
    link.turns:answer { ok = decode.bool(head[OK]), order_id = decode.text(head[ORDER]) }
  end
  return venue { private = private }
end

t.test("the next request leaves when the one before it has its answer", function()
  local s = play(wordless())
  local first, second = s:send(), s:send()
  t.equal(#s:private().sent, 1)
  answer(s, 0, true, "5")
  t.equal(first.status, "new")
  t.equal(first.order_id, "5")
  t.equal(second.status, "pending_new")
  t.equal(#s:private().sent, 2)
  answer(s, 0, false)
  t.equal(second.status, "rejected")
  answer(s, 0, true, "6")
  t.equal(s.session.private.strays, 1)
end)

t.test("a missing answer ends the connection: what waited behind it never left", function()
  local s = play(wordless())
  local socket = s:private()
  local first, second = s:send(), s:send()
  s:advance(2.9)
  t.equal(first.status, "pending_new")
  s:advance(0.2)
  t.equal(first.status, "unknown")
  t.equal(second.status, "rejected")
  t.ok(second.reason:find "not sent", second.reason)
  t.ok(s:private() ~= socket)
  t.equal(s.session.state, "up")
end)

t.test("tasks wait for their turn, and what is urgent goes before them", function()
  local s = play(wordless())
  local turns, heard = s.session.private.turns, {}
  for _, name in ipairs { "a", "b", "c" } do
    s.session:in_task(name, function()
      local told, err = turns:ask { text = name, urgent = name == "c" }
      heard[#heard + 1] = name .. (told and told.order_id or " " .. err)
    end)
  end
  answer(s, 0, true, "1")
  answer(s, 0, true, "2")
  s:close(s:private(), 1006, "gone")
  t.equal(table.concat(heard, ", "),
          "a1, c2, b connection lost before the answer: gone (close code 1006)")
end)

t.test("what cannot leave when its turn comes has that as its answer", function()
  local s = play(wordless())
  local turns, heard = s.session.private.turns, {}
  s.session:in_task("a", function() turns:ask { text = "a" } end)
  local order = s:send()
  s.session:in_task("b", function()
    local _, err = turns:ask { text = "b" }
    heard[#heard + 1] = err
  end)
  local socket = s:private()
  s.sockets[socket.id] = nil                     -- it is lost, which is not told yet
  answer(s, 0, true, "1")
  t.equal(order.status, "rejected")
  t.equal(order.reason, "not sent: closed")
  t.equal(table.concat(heard, ", "), "closed")
  s:close(socket)
  s:advance(2)
  s.session:in_task("c", function() heard[#heard + 1] = turns:ask({ text = "c" }).order_id end)
  answer(s, 0, true, "2")
  t.equal(heard[2], "2")
end)

t.test("without a connection nothing is sent", function()
  local s = play(wordless())
  s.keep_closed = true
  s:close(s:private())
  local ok, err = s.session.private.turns:send { text = "x" }
  t.equal(ok, nil)
  t.equal(err, "not connected")
end)

-- No cancel ---------------------------------------------------------------------------------------

local function binding() return venue { capabilities = { cancel = false } } end

t.test("where the venue cannot cancel nobody tries, and a stop leaves what it has", function()
  local s = play(binding())
  local order = s:send()
  answer(s, sent(s).id, true, "77")
  s:drop(order)
  t.equal(order.status, "new")
  s:run(s.desk, "stop", 0, "test")
  s:settle()
  t.equal(s.stopped, 0)
  t.equal(#s:private().sent, 1)
  t.equal(#s:logged "stays at the venue, which cannot cancel", 1)
end)

t.test("a stop waits for an answer that is missing, as long as silence may show what became of it",
       function()
  local s = play(binding())
  local order = s:send()
  s:run(s.desk, "stop", 0, "test")
  s:advance(10.1)
  t.equal(s.stopped, nil)
  s:advance(19)
  t.equal(order.status .. " " .. order.reason, "rejected not_found")
  t.equal(s.stopped, 0)
end)

t.test("a stop says what it does not know", function()
  local protocol = binding()
  function protocol.fetch_order() return nil, "the venue is closed" end
  local s = play(protocol)
  s:send()
  s:run(s.desk, "stop", 0, "test")
  s:advance(30.1)
  t.equal(s.stopped, 1)
  t.equal(#s:logged "left behind in doubt", 1)
end)

-- Markets that come and go ------------------------------------------------------------------------

t.test("a market that opens can be traded, one that closed cannot", function()
  local s = play()
  local market = { symbol = "C/B", base = "C", quote = "B", price_step = decimal "1",
                   qty_step = decimal "1", names = { "C-B" }, unit_cost = decimal "1" }
  s.session:add_market(market)
  s.session:add_market(market)
  t.equal(s.session.by_venue_symbol["C-B"], market)
  t.equal(#s.session.markets, 2)
  s.session:drop_market "C/B"
  s.session:drop_market "C/B"
  t.equal(#s.session.markets, 1)
  t.equal(s.session:market_of "C/B", nil)
  t.equal(s.session.by_venue_symbol["C-B"], nil)
end)

t.test("capabilities may depend on the configuration", function()
  t.equal(play(nil, { role = "maker" }).session:capabilities().post_only, true)
  t.equal(play(nil, { role = "taker" }).session:capabilities().post_only, false)
end)

-- Suspended ---------------------------------------------------------------------------------------

t.test("a suspended venue is degraded and refuses orders, until all is known again", function()
  local s = play()
  t.equal(s.session.state, "up")
  s:frame '{"state":"busy"}'
  t.equal(s.session.state, "degraded")
  local order, err = s:send()
  t.equal(order, nil)
  t.equal(err, "session idx takes no orders: busy")
  local asked = s.session.asked
  s:frame '{"state":"free"}'
  s:settle()
  t.equal(s.session.private.resumed, 1)
  t.equal(s.session.asked, asked + 1)
  t.equal(s.session.state, "up")
  t.ok(s:send())
end)

t.test("a resume that fails connects anew", function()
  local protocol = venue()
  protocol.private.resume = function() return nil, "no feed" end
  local s = play(protocol)
  s:frame '{"state":"busy"}'
  s:frame '{"state":"free"}'
  t.equal(s.session.state, "down")
  t.equal(#s:logged "resume: no feed", 2)
  s:advance(1)
  t.equal(s.session.state, "up")
end)

t.test("a line that is lost while suspended comes back up", function()
  local s = play()
  s:frame '{"state":"busy"}'
  s:close(s:private())
  s:advance(2)
  t.equal(s.session.state, "up")
end)

-- One at a time -----------------------------------------------------------------------------------

local function cancels(s)
  local bodies = {}
  for i, request in ipairs(s:asked "/cancel") do bodies[i] = request.body end
  return table.concat(bodies, " ")
end

local function three_orders(s)
  local orders = {}
  for i = 1, 3 do
    orders[i] = s:send()
    answer(s, sent(s).id, true, tostring(i))
  end
  return orders
end

local function is_canceled(order) return order_module.is_canceled(stage.own(order)) end

t.test("a file that wants requests one after the other keeps one connection warm", function()
  local s = play(venue())
  t.ok(s.session.warm_count >= 4)
  s.session:swap_protocol(venue { one_at_a_time = true }, s.session:protocol_now().decoders)
  t.equal(s.session.warm_count, 1)
  for i = 1, 6 do
    s:send()
    answer(s, sent(s).id, true, tostring(i))
  end
  t.equal(s.session.warm_count, 1)
end)

t.test("requests over HTTP leave one after the other, signed when they leave", function()
  local s = play(venue { one_at_a_time = true })
  local orders = three_orders(s)
  s.answers["/cancel"] = false
  s.keep_closed = true
  s:close(s:private())
  for _, order in ipairs(orders) do s:drop(order) end
  t.equal(cancels(s), "1")
  s:answer(s:find "/cancel", 200, "ok", "")
  t.equal(cancels(s), "1 2")
  t.equal(is_canceled(orders[1]), true)
  s:lose(s:find "/cancel", true)
  t.equal(cancels(s), "1 2 3")
  s:answer(s:find "/cancel", 200, "ok", "")
  t.equal(is_canceled(orders[3]), true)
  t.equal(orders[2].status, "pending_cancel")
  t.equal(is_canceled(orders[2]), false)
end)

t.test("a request that cannot begin leaves the turn to the next", function()
  local s = play(venue { one_at_a_time = true })
  local orders = three_orders(s)
  s.answers["/cancel"] = false
  s.keep_closed = true
  s:close(s:private())
  s:drop(orders[1])
  s:drop(orders[2])
  s.refuse_requests = "no address"
  s:answer(s:find "/cancel", 200, "ok", "")
  t.equal(is_canceled(orders[1]), true)
  t.equal(orders[2].status, "new")
  s.refuse_requests = nil
  s:drop(orders[3])
  s:answer(s:find "/cancel", 200, "ok", "")
  t.equal(is_canceled(orders[3]), true)
end)

stage.done()
