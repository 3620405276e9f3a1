-- Sessions of Instamrkt: digests as the venue prints them, the log-on, codes, the configuration.

local T = require "tests.moonwire.instamrkt_stage"
local t = require "tests.tap"
local config = require "moonwire.config"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local instamrkt = require "moonwire.venues.instamrkt"
local json = require "moonwire.json"
local rest = require "moonwire.venues.instamrkt.rest"
local wire = require "moonwire.venues.instamrkt.wire"

local frames, play = T.frames, T.play

-- Digests (3) -------------------------------------------------------------------------------------

local function url_of(vector, base)
  local now_ms = dispatch.now_ms
  dispatch.now_ms = function() return 0 end
  local url = rest.socket_url {
    config = { private_url = base },
    memory = { nonce = tonumber(vector.nonce) - 1, user_id = vector.user_id,
               key = assert(host.secret_text(vector.session_key)) },
  }
  dispatch.now_ms = now_ms
  return url
end

t.test("the address of the socket is signed as the venue's vector is", function()
  t.equal(url_of(T.digests.good[1], "wss://instamrkt.com:9999"), T.digests.url)
  t.ok(url_of(T.digests.good[1], "wss://127.0.0.1:1/ws"):find "^wss://127%.0%.0%.1:1/ws%?id=17&")
end)

t.test("a digest is of the bare texts, whose borders it does not show", function()
  for _, vector in ipairs(T.digests.good) do
    local key = assert(host.secret_text(vector.session_key))
    t.equal(host.digest("sha256", { vector.user_id, vector.nonce, key }, "hex"), vector.h)
  end
  local v = T.digests.good[1]
  local colons = host.digest("sha256", v.user_id .. ":" .. v.nonce .. ":" .. v.session_key, "hex")
  t.equal(colons:sub(1, 8), T.digests.wrong.joined_with_colons)
  local keyed = host.secret_text(v.session_key):hmac("sha256", v.user_id .. v.nonce, "hex")
  t.equal(keyed:sub(1, 8), T.digests.wrong.hmac_keyed_by_the_session_key)
end)

t.test("a nonce is of digits and never comes again", function()
  local s = play()
  local first = s:private().url
  t.ok(first:find "^wss://private%.test/%?id=17&n=%d+&h=%x+$", first)
  s:close(s:private())
  s:advance(5)
  local function nonce(url) return tonumber(url:match "n=(%d+)") end
  t.ok(nonce(s:private().url) > nonce(first))
end)

-- Log-on (2, 3, 9) --------------------------------------------------------------------------------

t.test("the log-on asks in order: logon, codes, games, join, details, pools, balances", function()
  local s = play()
  t.equal(s.session.state, "up")
  local asked = {}
  for i, text in ipairs(s:private().sent) do asked[i] = json.decode(text).op end
  t.equal(table.concat(asked, " "), "100 2 380 363 372 387 800 810 389 840")
end)

t.test("every request has a header with the time and the version", function()
  local s = play()
  for _, text in ipairs(s:private().sent) do
    t.ok(text:find '^{"header":{"t":%d%d%d%d%d%d%d%d%d%d%d%d%d,"api_version":1%.0},"op":%d+', text)
  end
end)

t.test("already logged in is in; a refusal is final where nobody can log in anew", function()
  t.equal(play { ops = { [100] = frames.logon_again } }.session.state, "up")
  for _, answer in ipairs { frames.logon_fail, '{"res":666,"text":"bad digest"}' } do
    local s = play { ops = { [100] = answer } }
    t.ok(s.session.private.is_stopped)
    t.equal(#s:logged "connection stopped: ", 1)
    t.equal(#s:logged "lives for 24 hours and ends with each login", 2)
  end
end)

t.test("the time of an answer sets the clock", function()
  local s = play { ops = { [100] = function()
    return ('{"response_header":{"t":%.0f},"res":100}'):format(dispatch.now_ms() + 90000)
  end } }
  t.equal(s.session.clock_offset_ms, 90000)
  t.equal(s:asked_for(2)[1].header.t, dispatch.now_ms() + 90000)
end)

t.test("with a login the session key comes from REST, behind the anti-forgery token", function()
  local s = play { is_logged_in = true }
  t.equal(s.session.state, "up")
  local page, login = s.requests[1], s.requests[2]
  t.equal(page.method .. " " .. page.url, "GET https://rest.test/i/")
  t.equal(login.method .. " " .. login.url, "POST https://rest.test/i/r/login/")
  t.ok(page.has_secret_answer and login.has_secret_answer, "what they bring is not recorded")
  local names = {}
  for i, header in ipairs(login.headers) do names[i] = header[1] end
  t.equal(table.concat(names, " "), "Content-Type Cookie X-XSRFToken")
  t.equal(host.digest("sha256", login.body, "hex"),
          host.digest("sha256", '{"username":"mara","password":"p\\"w"}', "hex"))
  t.equal(host.digest("sha256", login.headers[2][2], "hex"),
          host.digest("sha256", "_xsrf=token1", "hex"))
  t.ok(s:private().url:find "id=17&", s:private().url)
end)

t.test("a login that is refused at the start is final, and says what to look at", function()
  local s = play { is_logged_in = true,
                   answers = { ["/i/r/login/"] = { 401, '{"msg":"no such user"}' } } }
  t.ok(s.session.private.is_stopped)
  t.equal(#s:logged "login: no such user: check `login` and `password`", 2)
end)

t.test("a page without the token, and an answer without a key, are tried again", function()
  local s = play { is_logged_in = true, answers = { ["/i/"] = "<html>" } }
  t.ok(#s:logged "sets no cookie _xsrf: check rest_url" > 0)
  s.answers["/i/"] = { 200, "", "Set-Cookie: _xsrf=t; Path=/" }
  s.answers["/i/r/login/"] = '{"username":"mara"}'
  s:advance(3)
  t.ok(#s:logged "no id or no user_session_key" > 0)
  s.answers["/i/r/login/"] = frames.login
  s:advance(10)
  t.equal(s.session.state, "up")
end)

t.test("a digest that is refused logs in again once, and then gives up", function()
  local s = play { is_logged_in = true }
  s.keep_closed = true
  s:close(s:private())
  s:advance(3)
  t.equal(#s:asked "/i/r/login/", 1)
  s:close(s:private(), 1006, "", 403, "bad digest")
  s:advance(0.1)
  t.equal(#s:asked "/i/r/login/", 2)
  s:close(s:private(), 1006, "", 403, "bad digest")
  t.ok(s.session.private.is_stopped)
end)

t.test("a refusal behind a connection that was made anew at once is the first", function()
  local s = play { is_logged_in = true }
  s.keep_closed = true
  s:run(s.session.private, "restart", "no answer within 5 s")
  s:advance(0.1)
  s:close(s:private(), 1006, "", 403, "bad digest")
  t.ok(not s.session.private.is_stopped)
  s.keep_closed = false
  s:advance(3)
  t.equal(s.session.state, "up")
  t.equal(#s:asked "/i/r/login/", 2)
end)

t.test("a close before the log-on is a refusal, a line that breaks is none", function()
  local s = play { is_logged_in = true, ops = { [100] = false } }
  s:close(s:private(), 1006, "")
  s:advance(2)
  t.equal(#s:asked "/i/r/login/", 1)
  s.ops[100] = frames.logon_success
  local heard = s.reply
  s.reply = function() end
  s:close(s:private(), 1008, "no")
  s.reply = heard
  s:settle()
  t.equal(#s:asked "/i/r/login/", 1)
  s:advance(6)
  t.equal(#s:asked "/i/r/login/", 2)
  t.equal(s.session.state, "up")
end)

t.test("the session key is renewed an hour before its day is over", function()
  local s = play { is_logged_in = true }
  local socket = s:private()
  s:advance(23 * 3600 - 60)
  t.equal(#s:asked "/i/r/login/", 1)
  s:advance(120)
  t.equal(#s:asked "/i/r/login/", 2)
  t.ok(s:private() ~= socket)
  t.equal(s.session.state, "up")
end)

t.test("a venue that is not there is asked again and again", function()
  local s = play()
  s.keep_closed = true
  s:close(s:private())
  for _ = 1, 5 do
    s:advance(40)
    s:close(s:private(), 0, "", 502, "Bad Gateway")
  end
  t.ok(not s.session.private.is_stopped)
end)

-- Codes (4, 5) ------------------------------------------------------------------------------------

t.test("the server's numbers count, and what it does not name keeps the page's", function()
  local told = '{"res":2,"opcodes":{"place_bet_in_betting_pool":4711,"new_thing":9},'
    .. '"response_codes":{"bet_placed_in_betting_pool":362,"bet_pool_resolved":356}}'
  local s = play { ops = { [2] = told, [4711] = '{"res":362,"pool_id":"6b0e","bet_id":"b1"}' } }
  t.equal(s.session.state, "up")
  local order = s:send "2.5"
  t.equal(#s:asked_for(4711), 1)
  t.equal(order.status, "new")
  s:hear(frames.resolved:gsub('"res":362', '"res":356'))
  t.equal(order.status, "filled")
end)

t.test("without codes of the server those of the page are used", function()
  local s = play { ops = { [2] = '{"res":666,"text":"unknown op"}' } }
  t.equal(s.session.state, "up")
  t.equal(#s:logged "numbers of its documentation are used", 1)
end)

t.test("where the server gives a number of ours to another name, its word counts", function()
  local codes = wire.codes { response_codes = { error = 356 } }
  t.equal(codes.names[356], "error")
  t.equal(codes.operations.logon, 100)
end)

t.test("an answer without res, of no known number or unasked, is told and has no effect", function()
  local s = play()
  for _, text in ipairs { "{}", '{"res":12345}', '{"res":"x"}', frames.games, "[1", '{"res":356}',
                          '{"res":352,"pool_id":"x","game_id":"G"}', '{"res":362}',
                          '{"res":815}', '{"res":666,"text":"your fault"}' } do
    s:hear(text)
  end
  t.equal(s.session.private.bad_frames, 10)
  t.equal(s.session.state, "up")
  t.equal(#s:logged "your fault", 1)
end)

t.test("what is nothing to us is passed over", function()
  local s = play()
  for _, text in ipairs { frames.user_joined, '{"res":901,"text":"hi"}', '{"res":366}',
                          '{"res":367,"pool_id":"6b0e"}', '{"res":480,"game_id":"G"}',
                          '{"res":361,"pool_id":"elsewhere","distribution":[]}',
                          '{"res":363,"pool_id":"elsewhere","winning_target":"none"}' } do
    s:hear(text)
  end
  t.equal(s.session.private.bad_frames, 0)
end)

t.test("no answer of the venue that we did not ask for harms the session or a bet", function()
  local s = play()
  local order = s:send "2.5"
  for name, res in pairs(wire.answers) do
    s:hear(('{"response_header":{},"res":%d,"game_id":"other","source_id":"other","reason":"%s"}')
      :format(res, name))
  end
  t.equal(s.session.state, "up")
  t.equal(order.status, "new")
end)

t.test("an expired pool is known by the name that the documents misspell, too", function()
  local told = '{"res":2,"opcodes":{},"response_codes":{"bet_pool_expored":20363}}'
  local s = play { ops = { [2] = told } }
  local order = s:send "2.5"
  s:hear(frames.resolved:gsub('"res":362', '"res":20363'):gsub("resolved_at", "expired_at"))
  t.equal(order.status, "filled")
end)

-- Keep-alive --------------------------------------------------------------------------------------

t.test("an idle line is pinged in both ways; one without an answer is made anew", function()
  local s = play()
  local socket = s:private()
  s:advance(21)
  t.equal(#s:asked_for(1), 1)
  t.equal(#socket.pings, 1)
  s.ops[1] = false
  s:advance(26)
  t.ok(s:private() ~= socket)
end)

-- Configuration -----------------------------------------------------------------------------------

local function load(text)
  local handle = newproxy()
  local function secret() return handle end
  return config.load("moonwire.lua", { env = secret, file = secret }, function()
    return instamrkt
  end, "return { venues = { im = { protocol = 'instamrkt', environment = 'production', " .. text
    .. " } } }")
end

t.test("a configuration has a login or a key, and a source", function()
  local c = assert(load "source_id = 'S', login = 'mara', password = env 'P'")
  t.equal(c.venues.im.rest_url, "https://instamrkt.com/i")
  t.equal(c.venues.im.private_url, "wss://instamrkt.com:9999")
  t.ok(load "source_id = 'S', user_id = '17', session_key = env 'K'")
  local function wrong(text) return select(2, load(text)) or "" end
  t.ok(wrong("source_id = 'S', user_id = '17', session_key = env 'K', environment = 'demo'")
         :find "private_url: missing: environment \"demo\" has no address")
  t.ok(wrong("login = 'm', password = env 'P'"):find "source_id: missing")
  t.ok(wrong("source_id = 'S', login = 'm'"):find "password: missing: login goes with it")
  t.ok(wrong("source_id = 'S', user_id = '17'"):find "session_key: missing")
  t.ok(wrong("source_id = 'S', user_id = 17, session_key = env 'K'")
         :find "user_id: expected a text")
  t.ok(wrong("source_id = 'S', login = 'm', password = env 'P', session_key = env 'K'")
         :find "give one or the other")
  t.ok(wrong("source_id = 'S', login = 'm', password = env 'P', key = env 'K'")
         :find "key: unknown key")
end)

t.test("the example is a configuration", function()
  local handle = newproxy()
  local function secret() return handle end
  local loaded, err = config.load("examples/instamrkt.lua", { env = secret, file = secret },
                                  function() return instamrkt end)
  t.ok(loaded, err)
  t.equal(loaded.venues.im.login, "mara")
end)

T.done()
