-- A strategy on the stage, whose session is up.

local stage = require "tests.moonwire.stage"
local mw = require "moonwire"

local M = {}

M.BUY = { qty = "0.001", price = "950000000" }

--- A strategy with these parameters beside venue and symbol.
function M.class(params)
  local defaults = { venue = "idx", symbol = "BTC/IDR" }
  for name, value in pairs(params or {}) do defaults[name] = value end
  return mw.strategy(defaults)
end

--- A stage with one strategy whose session is up.
function M.play(S, options)
  options = options or {}
  options.strategies = { { name = "one", class = S, params = options.params } }
  local s = stage.new(options):start()
  return s, s.runners.one.instance, s.runners.one
end

--- A strategy that does `act(self)` once, a second after its start, and notes its calls.
function M.doing(act, more)
  local S = M.class()
  S.calls = {}
  function S:on_start() self:after(1, "act") end
  S.act = act
  for name, method in pairs(more or {}) do S[name] = method end
  return S
end

--- Calls that a strategy has noted.
function M.note(S, text) S.calls[#S.calls + 1] = text end
function M.calls(S) return table.concat(S.calls, " ") end

return M
