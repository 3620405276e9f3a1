-- A session on the stage, and a trader who uses it.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local mw = require "moonwire"

local M = { BUY = { qty = "0.001", price = "950000000" } }

-- A trader who does what the test says, through a strategy's own API.
local function trader()
  local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
  local note = stage.notebook(S, " ")
  function S.on_order(_, order, event) note(event.previous .. ">" .. order.status) end
  function S.on_fill(_, fill) note("fill " .. tostring(fill.qty)) end
  function S.on_session(_, _, state) note(state) end
  function S:send(request, key) self[key or "order"] = assert(self:buy(request)) end
  function S:drop(order) assert(self:cancel(order)) end
  return S
end

--- A stage with a session that has not started, and such a trader: s:send(request) gives the
--- runtime's order.
function M.play(options)
  options = options or {}
  local S = trader()
  options.strategies = { { name = "one", class = S } }
  local s = stage.new(options)
  s.trader = S
  s.instance = s.runners.one.instance
  function s:send(request, key)
    self:run(self.runners.one, "call_method", "send", 2, { request or M.BUY, key })
    return stage.own(self.instance[key or "order"])
  end
  function s:drop(order)
    self:run(self.runners.one, "call_method", "drop", 1, { order._view })
  end
  return s
end

--- The same, up.
function M.up(options)
  local s = M.play(options):start()
  t.equal(s.session.state, "up")
  s.trader.said()
  return s
end

--- The same, with an order that works.
function M.with_order(options)
  local s = M.up(options)
  local order = s:send()
  s:settle()
  t.equal(order.status, "new")
  s.trader.said()
  return s, order
end

return M
