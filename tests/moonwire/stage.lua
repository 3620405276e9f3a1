--- A desk with an Indodax session in a world that stands still. All of Lua is real, from the door
--- inwards; of the host the sockets, requests, timers and the log are tables here, and time passes
--- when a test says so. Require this before any other module: they must find the host that is put
--- in place here. At the end M.done() takes it away again and counts.

local ffi = require "moonwire.cdef"
local files = require "tests.files"
local host = require "moonwire.host"
local t = require "tests.tap"

local M = {}
local VECTORS = "tests/vectors/indodax/"
local BASE_NS = 1790000000123000000LL
local KINDS = {}
for i, name in ipairs(host.event_kinds()) do KINDS[name] = i - 1 end
local RAISED = -1                     -- script.c

local event = ffi.cast("struct mw_event *", host.event())
local stage                           -- the one that is playing
local next_id = 1000
local real = {}

local function new_id()
  next_id = next_id + 1
  return next_id
end

-- The host ----------------------------------------------------------------------------------------

local fake = {}

function fake.timer_start(seconds)
  local id = new_id()
  stage.timers[id] = { id = id, at = stage.elapsed + seconds }
  return id
end

function fake.timer_stop(id) stage.timers[id] = nil end

function fake.http_request(request)
  if stage.refuse_requests then return nil, stage.refuse_requests end
  request.id = new_id()
  table.insert(stage.pending, request)
  table.insert(stage.requests, request)
  return request.id
end

function fake.http_cancel() end

function fake.ws_open(options)
  local socket = { id = new_id(), url = options.url, options = options, sent = {}, heard = {},
                   pings = {} }
  stage.sockets[socket.id] = socket
  stage.last_socket[socket.url:match("//(%w+)")] = socket
  return socket.id
end

function fake.ws_send(id, text)
  local socket = stage.sockets[id]
  if not socket then return nil, "closed" end
  table.insert(socket.sent, text)
  table.insert(socket.heard, text)
  return true
end

function fake.ws_ping(id, payload)
  table.insert(stage.sockets[id].pings, payload)
  return true
end

function fake.ws_close(id) stage.sockets[id] = nil end
function fake.log(level, text) table.insert(stage.lines, level .. " " .. text) end
function fake.print_line(line) table.insert(stage.printed, line) end
function fake.stop(status) stage.stopped = status end
function fake.redact() end
function fake.record(kind, text, num, num2)
  table.insert(stage.records, { kind = kind, text = text, num = num, num2 = num2,
                                requests = #stage.requests })
end
function fake.seed() return 1 end                 -- the same jitter in every run

for name, replacement in pairs(fake) do
  real[name], host[name] = host[name], replacement
end

require("moonwire.socket").send = fake.ws_send

-- From here on the modules of moonwire may be loaded.
local desk_module = require "moonwire.desk"
local dispatch = require "moonwire.dispatch"
local indodax = require "moonwire.venues.indodax"
local json = require "moonwire.json"
local order_view = require "moonwire.order_view"
local session_module = require "moonwire.session"
local strategy = require "moonwire.strategy"

-- As the host does it: what raised is told, and what was deferred is done all the same.
local function enter(kind, id, num, data, text, num2)
  event.kind, event.id, event.seq = KINDS[kind], id, event.seq + 1
  local ok, more = xpcall(dispatch.door, debug.traceback, KINDS[kind], id, num or 0, data, text,
                          num2 or 0)
  local problem, is_told = not ok and more, false
  while not ok or more do
    is_told = not ok and not is_told
    ok, more = xpcall(dispatch.door, debug.traceback, is_told and RAISED or nil)
    if not ok then table.insert(stage.lines, "error deferred: " .. more) end
  end
  if problem then error(problem, 0) end
end

--- The runtime's order behind one that a strategy has.
M.own = order_view.order

--- Lets a class note what it is told: gives it S.said(), which is all since the last call, and
--- returns what notes one thing.
function M.notebook(S, separator)
  local calls = {}
  function S.said()
    local text = table.concat(calls, separator)
    calls = {}
    return text
  end
  return function(text) calls[#calls + 1] = text end
end

--- A vector as one line.
function M.vector(name) return files.line(VECTORS .. name .. ".json") end

-- The venue's answers -----------------------------------------------------------------------------

local PRIVATE, MARKET = "wss://private.test/ws/", "wss://market.test/ws/"

local function default_answers()
  local orders = 310129
  return {
    ["/api/server_time"] = function()
      return ('{"server_time":%.0f}'):format(dispatch.now_ms())
    end,
    ["/api/pairs"] = M.vector "pairs",
    ["/api/price_increments"] = M.vector "price_increments",
    ["/api/depth/btcidr"] = M.vector "depth",
    ["/api/private_ws/v1/generate_token"] = M.vector "token",
    ["/api/v2/myTrades"] = '{"data":[]}',
    ["/tapi/countdownCancelAll"] = '{"success":1}',
    openOrders = '{"success":1,"return":{"orders":null}}',
    getInfo = M.vector "get_info",
    trade = function()
      orders = orders + 1
      return ('{"success":1,"return":{"order_id":%d}}'):format(orders)
    end,
    cancelByClientOrderId = M.vector "cancel",
    cancelOrder = M.vector "cancel",
    getOrderByClientOrderId = '{"success":0,"error":"Order not found"}',
    getOrder = '{"success":0,"error":"Order not found"}',
  }
end

--- The name of what a request asks: a TAPI method, or a path.
function M.name_of(request)
  local body = type(request.body) == "string" and request.body or ""
  local url = type(request.url) == "table" and request.url[1] or request.url
  return body:match("method=(%w+)") or url:match("^https://[^/]+([^?]*)")
end

--- One parameter of a request's body or query.
function M.parameter(request, name)
  local text = type(request.body) == "string" and request.body or request.url
  if type(text) == "table" then text = text[#text] end       -- behind an access key
  return text:match("[?&]" .. name .. "=([^&]*)") or text:match("^" .. name .. "=([^&]*)")
end

-- Once for all stages: there is room for so many secrets.
local KEY = assert(host.secret_text "MWDEMO01-KEYAAAA1-KEYBBBB2-KEYCCCC3-KEYDDDD4")
local SECRET = assert(host.secret_text "5f2d9c0e7b1a4483a6c1f0e2d3b4a596")

-- The stage ---------------------------------------------------------------------------------------

local Stage = {}
Stage.__index = Stage

--- options: protocol (a venue's module in place of Indodax's) with config (its further keys),
--- venues (more of them, by name: { protocol =, config = }), greeting (what it sends when a socket
--- is open), reply (function(text, socket): its answer);
--- risk, on_error, on_stop, dead_man (as in a configuration), market (false: no market data),
--- strategies ({ { name =, class =, params = } }), answers (by name: a body, { status, body,
--- headers }, a function(request) that gives either, or false: stays without an answer). The stream
--- tells the end of what was canceled, unless stage.is_end_untold.
function M.new(options)
  options = options or {}
  stage = setmetatable({
    timers = {}, pending = {}, requests = {}, sockets = {}, last_socket = {}, lines = {},
    printed = {}, records = {}, elapsed = 0, clock_shift = 0, answers = default_answers(),
    greeting = options.greeting, reply = options.reply,
  }, Stage)
  event.time_ns, event.seq = BASE_NS, 0
  for name, answer in pairs(options.answers or {}) do stage.answers[name] = answer end
  local self = stage
  self.desk = desk_module.new {
    name = "moonwire", venues = {}, strategies = {}, risk = options.risk or {},
    on_stop = options.on_stop or "cancel", on_error = options.on_error or "stop",
  }
  self.session = self:add_venue("idx", options.protocol or indodax, options)
  for name, venue in pairs(options.venues or {}) do self:add_venue(name, venue.protocol, venue) end
  self.runners = {}
  for _, spec in ipairs(options.strategies or {}) do
    spec.file = spec.file or spec.name .. ".lua"
    local runner = assert(strategy.new(self.desk, spec, spec.class))
    self.desk:add_runner(runner)
    self.runners[spec.name] = runner
  end
  return self
end

--- A session more, before the start; options: config, market, dead_man as in M.new.
function Stage:add_venue(name, protocol, options)
  local config = {
    protocol = protocol.name, environment = "production", rest_url = "https://rest.test",
    private_url = PRIVATE, market_url = options.market ~= false and MARKET or false,
    key = KEY, secret = SECRET,
    request_timeout = 10, reconcile_every = 60, dead_man = options.dead_man or false,
  }
  for key, value in pairs(options.config or {}) do config[key] = value end
  local session = session_module.new(self.desk, name, config, protocol)
  self.desk:add_session(session)
  return session
end

--- Starts everything and plays until nothing is under way.
function Stage:start()
  self:run(self.desk, "start")
  self:settle()
  return self
end

--- Calls object[method](object, ...) as an event would.
function Stage:run(object, method, ...)
  local args, n = { ... }, select("#", ...)
  local job = { on_http_done = function() object[method](object, unpack(args, 1, n)) end }
  local id = new_id()
  dispatch.bind(id, job)
  enter("http_done", id)
end

--- Any other event of the host.
function Stage:event(kind, id, data, text) -- luacheck: no self
  enter(kind, id, 0, data, text)
end

-- As the venue does: behind the answer to a cancel its stream says the same.
local function tell_canceled(self, request)
  local socket = self.last_socket.private
  local is_heard = socket and self.sockets[socket.id] and socket.is_open
  if self.is_end_untold or not is_heard then return end
  local id, number = M.parameter(request, "client_order_id"), M.parameter(request, "order_id")
  for _, order in ipairs(self.desk.orders.open) do
    if order.client_order_id == id or number and order.order_id:match "%d+$" == number then
      local update = self:update(order, { status = "CANCELLED",
                                          executedQty = tostring(order.cum_qty) })
      return self:frame(json.encode { push = { channel = "pws:#1",
                                               pub = { data = json.array { update } } } })
    end
  end
end

--- Answers one request that is pending.
function Stage:answer(request, status, body, text, maybe_sent)
  for i, other in ipairs(self.pending) do
    if other == request then table.remove(self.pending, i) break end
  end
  enter("http_done", request.id, status, body, text, maybe_sent and 1 or 0)
  local is_cancel = (M.name_of(request) or ""):find "^cancel"
  if is_cancel and status == 200 and body:find('"success":1', 1, true) then
    tell_canceled(self, request)
  end
end

--- The request gets no answer: it may have arrived, or (maybe_sent false) it did not.
function Stage:lose(request, maybe_sent) self:answer(request, 0, nil, "timed out", maybe_sent) end

--- The oldest pending request of that name, or nil.
function Stage:find(name)
  for _, request in ipairs(self.pending) do
    if M.name_of(request) == name then return request end
  end
end

--- All requests of that name so far.
function Stage:asked(name)
  local list = {}
  for _, request in ipairs(self.requests) do
    if M.name_of(request) == name then list[#list + 1] = request end
  end
  return list
end

local function answer_one(self)
  for _, request in ipairs(self.pending) do
    local answer = self.answers[M.name_of(request)]
    if type(answer) == "function" then answer = answer(request) end
    if answer == nil then error("no answer for " .. M.name_of(request), 0) end
    if answer then
      if type(answer) == "string" then answer = { 200, answer } end
      self:answer(request, answer[1], answer[2], answer[3] or "")
      return true
    end
  end
end

local function reply_to(text)
  local command = json.decode(text)
  local id = command.id
  if command.connect then
    return ('{"id":%d,"connect":{"client":"c","version":"5.2.0","expires":true,"ttl":86133}}')
      :format(id)
  end
  if command.subscribe then return ('{"id":%d,"subscribe":{}}'):format(id) end
  if command.refresh then return ('{"id":%d,"refresh":{"expires":true,"ttl":86399}}'):format(id) end
  return ('{"id":%d,"result":{}}\n'):format(id)
end

local function play_socket(self)
  for id, socket in pairs(self.sockets) do
    if not socket.is_open and not self.keep_closed then
      socket.is_open = true
      enter("ws_open", id, 0, nil, "")
      if self.greeting then self:frame(self.greeting, socket) end
      return true
    end
    local text = table.remove(socket.heard, 1)
    if text then
      local reply = (self.reply or reply_to)(text, socket)
      if reply then self:frame(reply, socket) end
      return true
    end
  end
end

--- Plays until nothing is under way that has an answer.
function Stage:settle()
  for _ = 1, 10000 do
    if not play_socket(self) and not answer_one(self) then return end
  end
  error("this does not settle", 2)
end

--- A frame from the venue, on the private socket unless another one is given.
function Stage:frame(text, socket)
  socket = socket or self:private()
  self.message = text                 -- stays alive while it is read
  event.data, event.len = text, #text
  enter("ws_message", socket.id)
end

function Stage:private() return self.last_socket.private or error("no private socket", 2) end
function Stage:market() return self.last_socket.market or error("no market socket", 2) end

--- The connection is closed from outside.
function Stage:close(socket, code, reason, http_status, body)
  self.sockets[socket.id] = nil
  enter("ws_close", socket.id, code or 1006, body, reason or "", http_status)
end

local function next_timer(self, before)
  local first
  for _, timer in pairs(self.timers) do
    if timer.at <= before and (not first or timer.at < first.at
                               or timer.at == first.at and timer.id < first.id) then
      first = timer
    end
  end
  return first
end

local function set_time(self, elapsed)
  self.elapsed = elapsed
  event.time_ns = BASE_NS + ffi.cast("int64_t", (elapsed + self.clock_shift) * 1e9 + 0.5)
end

--- Somebody sets the clock: by so many seconds, back when below 0. Timers do not notice.
function Stage:shift_clock(seconds) self.clock_shift = self.clock_shift + seconds end

--- Lets so many seconds pass, timer by timer; what is under way is played as it comes.
function Stage:advance(seconds)
  local stop = self.elapsed + seconds
  local timer = next_timer(self, stop)
  while timer do
    self.timers[timer.id] = nil
    if timer.at > self.elapsed then set_time(self, timer.at) end
    enter("timer", timer.id)
    self:settle()
    timer = next_timer(self, stop)
  end
  set_time(self, stop)
end

--- One order_update as the venue sends it: NEW, unless `fields` say otherwise.
function Stage:update(order, fields)
  local update = {
    orderId = order.order_id or "btcidr-limit-1", clientOrderId = order.client_order_id,
    symbol = "btcidr", side = (order.side or "buy"):upper(),
    origQty = tostring(order.qty or "0.001"), executedQty = "0", status = "NEW",
    price = tostring(order.price or "950000000"), transactionTime = dispatch.now_ms(),
  }
  for name, value in pairs(fields) do update[name] = value end
  return { eventType = "order_update", order = update }
end

local trades = 0

--- One FILL of `qty` as the venue sends it, `cum` in total.
function Stage:fill(order, qty, cum, fields)
  trades = trades + 1
  local update = self:update(order, {
    status = "FILL", executedQty = cum, tradeId = ("7205759%010d"):format(trades),
    fillInformation = { participant = "MAKER", qty = qty, filledQty = cum, feeAsset = "idr",
                        fee = "10", taxAsset = "idr", tax = "0", clearingAsset = "idr",
                        clearing = "1" },
  })
  for name, value in pairs(fields or {}) do update.order[name] = value end
  return update
end

--- Sends updates in one frame and plays what follows from it.
function Stage:push(...)
  self:frame(json.encode { push = { channel = "pws:#1", pub = { data = json.array { ... } } } })
  self:settle()
end

--- A whole book of BTC/IDR on the market socket: { { price, qty }, ... } a side.
function Stage:book(bids, asks)
  local function levels(list)
    local out = {}
    for i, level in ipairs(list) do
      out[i] = { price = level[1], btc_volume = level[2] or "1", idr_volume = "0" }
    end
    return json.array(out)
  end
  self:frame(json.encode { result = { channel = "market:order-book-btcidr", data = {
    data = { pair = "btcidr", bid = levels(bids), ask = levels(asks) }, offset = 1 } } },
    self:market())
  self:settle()
end

--- The records of that kind: { text =, num =, num2 = as host.record took them, requests =
--- how many had left }, ...
function Stage:recorded(kind)
  local found = {}
  for _, record in ipairs(self.records) do
    if record.kind == kind then found[#found + 1] = record end
  end
  return found
end

--- The lines of the log that contain `text`.
function Stage:logged(text)
  local found = {}
  for _, line in ipairs(self.lines) do
    if line:find(text, 1, true) then found[#found + 1] = line end
  end
  return found
end

--- Raises unless nothing is left that could still happen.
function Stage:check_over()
  t.equal(next(self.timers), nil, "timers")
  t.equal(next(self.sockets), nil, "sockets")
end

--- Puts the host back and ends the test file.
function M.done()
  for name, original in pairs(real) do host[name] = original end
  t.done()
end

return M
