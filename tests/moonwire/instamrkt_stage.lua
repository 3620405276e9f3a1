--- A stage with a scripted Instamrkt: it answers as the venue's page prints it, and `ops` says what
--- else it does.

local stage = require "tests.moonwire.stage"
local files = require "tests.files"
local host = require "moonwire.host"
local instamrkt = require "moonwire.venues.instamrkt"
local json = require "moonwire.json"
local mw = require "moonwire"

local M = { done = stage.done, frames = {}, SYMBOL = "6b0e#harbour/DON" }
local VECTORS = "tests/vectors/instamrkt/"

for name, text in files.read(VECTORS .. "frames.txt"):gmatch "(%S+) ([^\n]+)" do
  M.frames[name] = text
end
M.digests = assert(json.decode(files.read(VECTORS .. "digests.json")))

local frames = M.frames

local function lists(res)
  return function(s) return ('{"res":%d,"pools_list":[%s]}'):format(res, table.concat(s, ",")) end
end
local running, resolved, all = lists(354), lists(355), lists(3535)

-- What each operation is answered with, by its number: a text, false for silence, or a
-- function(message, stage) that gives either.
local function answers_of(s)
  return {
    [1] = frames.pong, [2] = frames.opcodes, [100] = frames.logon_success,
    [363] = frames.joined, [372] = frames.details, [380] = frames.games,
    [387] = function() return all(s.pools) end, [389] = function() return running(s.running) end,
    [390] = function() return resolved(s.resolved) end,
    [392] = function(m)
      s.bets = s.bets + 1
      return json.encode { res = 356, pool_id = m.pool_id, bet_id = "bet" .. s.bets,
                           amount = m.amount }
    end,
    [393] = function(m)
      return ('{"res":360,"pool_id":"%s","distribution":%s}'):format(m.pool_id, s.distribution)
    end,
    [800] = function()
      return ('{"res":800,"currency":"DON","current_balance":%s}'):format(s.total)
    end,
    [810] = function()
      return ('{"res":810,"currency":"DON","available_balance":%s}'):format(s.available)
    end,
    [840] = function() return ('{"res":840,"currency":"DON","exposure":%s}'):format(s.exposure) end,
  }
end

local function trader()
  local S = mw.strategy { venue = "idx", symbol = M.SYMBOL }
  local note = stage.notebook(S, ", ")
  function S.on_order(_, order, event)
    note(event.previous .. ">" .. order.status .. (event.reason and " " .. event.reason or ""))
  end
  function S.on_fill(_, fill) note(("%s@%s %s"):format(fill.qty, fill.price, fill.liquidity)) end
  function S.on_book(_, book) S.book = book end
  function S:send(request) self.order, self.err = self:submit(request) end
  function S:drop(order) self.dropped, self.err = self:cancel(order) end
  function S:watch() assert(self:subscribe "book") end
  return S
end

--- options: ops (as above, over these), config, answers (HTTP), risk, pools, total, available,
--- exposure, is_logged_in (with login and password).
function M.play(options)
  options = options or {}
  local config = { protocol = "instamrkt", key = false, secret = false, source_id = "S",
                   private_url = "wss://private.test", rest_url = "https://rest.test/i" }
  if options.is_logged_in then
    config.login, config.password = "mara", assert(host.secret_text 'p"w')
  else
    config.user_id, config.session_key = "17", assert(host.secret_text "k3y-of-mara")
  end
  for name, value in pairs(options.config or {}) do config[name] = value end
  local S = trader()
  local answers = {
    ["/i/r/games/history/17"] = '{"game_history":[]}',
    ["/i/"] = { 200, "<html>", "Content-Type: text/html\r\nSet-Cookie: _xsrf=token1; Path=/\r\n" },
    ["/i/r/login/"] = { 200, frames.login, "Set-Cookie: im_user=\"secret17\"; Path=/\r\n"
                        .. "set-cookie: user_session_key=9f1c; Path=/\r\n" },
  }
  for name, answer in pairs(options.answers or {}) do answers[name] = answer end
  local s = stage.new { protocol = instamrkt, config = config, risk = options.risk,
                        answers = answers, strategies = { { name = "one", class = S } } }
  s.trader, s.bets, s.running, s.resolved = S, 0, {}, {}
  s.pools, s.distribution = options.pools or { frames.pool }, "[]"
  s.total, s.available = options.total or "100.0", options.available or "100.0"
  s.exposure = options.exposure or "0"
  s.ops = answers_of(s)
  for op, answer in pairs(options.ops or {}) do s.ops[op] = answer end
  s.reply = function(text, socket)
    local message = json.decode(text)
    local answer = s.ops[message.op]
    if type(answer) == "function" then answer = answer(message, s, socket) end
    return answer
  end
  s:start()
  s.instance = s.runners.one.instance
  --- Submits { qty = } or a whole request; settles unless told to keep it under way.
  function s:send(request, keep)
    if type(request) == "string" then request = { qty = request } end
    request.side = request.side or "buy"
    self:run(self.runners.one, "call_method", "send", 1, { request })
    if not keep then self:settle() end
    return self.instance.order, self.instance.err
  end
  --- The messages of that operation so far, decoded.
  function s:asked_for(op)
    local list = {}
    for _, text in ipairs(self:private().sent) do
      local m = json.decode(text)
      if m.op == op then list[#list + 1] = m end
    end
    return list
  end
  function s:hear(text)
    self:frame(text)
    self:settle()
  end
  S.said()
  return s
end

--- A pool as lists show it, with these bets of harbour: { { id, amount, user_id, seconds }, ... }.
function M.row(bets, more)
  local list, total = {}, 0
  for i, bet in ipairs(bets) do
    list[i] = ('{"bet_id":"%s","amount":%s,"user_id":%s,"placed_at":%d}'):format(bet[1], bet[2],
      bet[3] or 17, bet[4] or 1790000000)
    total = total + tonumber(bet[2])
  end
  local text = ('{"pool_id":"6b0e","type":1,"amount_total":%g,"start_at":"1763683100000",'
    .. '"finish_at":"None","distribution":[{"target_id":"harbour","backing_money":%g,"bets":[%s]},'
    .. '{"target_id":"none","backing_money":6.0,"bets":[]}]%s}'):format(total + 6, total,
    table.concat(list, ","), more or "")
  return text
end

return M
