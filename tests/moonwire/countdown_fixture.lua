-- A session on the stage with a countdown, and a strategy that does what the test says.

local stage = require "tests.moonwire.stage"
local mw = require "moonwire"

local M = {}

--- Where the countdown is armed.
M.PATH = "/tapi/countdownCancelAll"
M.PRICES = { ["BTC/IDR"] = "950000000", ["AAVE/IDR"] = "2000000", ["BTC/USDT"] = "60000",
             ["IDRX/IDR"] = "20000" }

--- A stage whose strategy does what the test says. dead_man: 42.5 s, so a beat comes each 10 s.
function M.play(options)
  options = options or {}
  local S = mw.strategy { venue = "idx" }
  function S:send(symbols)
    for i, symbol in ipairs(symbols) do
      self[i], self.err = self:buy { symbol = symbol, qty = "1", price = M.PRICES[symbol] }
    end
  end
  function S:drop() self:cancel_all() end
  if options.dead_man == nil then options.dead_man = 42.5 end
  options.strategies = { { name = "one", class = S } }
  local s = stage.new(options):start()
  local runner = s.runners.one
  s.one = runner.instance
  function s:send(...)
    self:run(runner, "call_method", "send", 1, { { ... } })
    self:settle()
    return self.one[1]
  end
  function s:drop()
    self:run(runner, "call_method", "drop", 0, {})
    self:settle()
  end
  function s:answer_beats(answer) self.answers[M.PATH] = answer end
  return s
end

--- What the countdown was asked for, as "btc_idr,aave_idr=42.5".
function M.beats(s)
  local list = {}
  for i, request in ipairs(s:asked(M.PATH)) do
    list[i] = ("%s=%g"):format(stage.parameter(request, "pair"),
                               stage.parameter(request, "countdownTime") / 1000)
  end
  return list
end

--- The same in one text.
function M.said(s) return table.concat(M.beats(s), " ") end

--- What was asked for in all, in its order.
function M.names(s)
  local list = {}
  for _, request in ipairs(s.requests) do list[#list + 1] = stage.name_of(request) end
  return table.concat(list, " ")
end

M.REFUSED = '{"success":0,"error":"Your user ID is not on the whitelist.",'
  .. '"error_code":"not_authorized"}'

return M
