--- Whatever a client writes to the prompt's socket, nothing raises, what it is answered is
--- understood by the other side, who may only look sends nothing, and the next one finds a prompt
--- that works.
---
--- An input has one byte that says who writes, and lines. One that begins with `!` is code, as a
--- client of ours would send it; others are taken as they are.

require("jit").off()                  -- lines are counted, and compiled code has none

local budget = require "moonwire.budget"
local cjson = require "cjson.safe".new()
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local ffi = require "ffi"
local host = require "moonwire.host"
local http = require "moonwire.http"

ffi.cdef "void fuzz_count_lines(int is_on);"

-- Time stands still: who waits is never woken.
local function promise() return { stop = function() end } end
dispatch.after, dispatch.every = promise, promise

-- What was sent for whoever writes, and what it was answered.
local commands, answers, closed = 0, {}, false
http.send = function() return 1 end
http.call = function() return nil, "nobody answers" end
function host.console_send(_, line)
  answers[#answers + 1] = line
  return true
end
function host.console_close() closed = true end
function host.print_line() end

local console_module = require "moonwire.console"
local desk_module = require "moonwire.desk"
local indodax = require "moonwire.venues.indodax"
local order_module = require "moonwire.order"
local session_module = require "moonwire.session"

local BTC = { symbol = "BTC/IDR", id = "btcidr", pair = "btc_idr", base = "BTC", quote = "IDR",
              price_step = decimal "1000", qty_step = decimal "0.00000001",
              taker_fee = decimal "0.002", names = { "btcidr" } }
local ENDED_AFTER = 0.2               -- seconds, of code that never ends
local KINDS = { hello = true, out = true, line = true, ask = true, bye = true, done = true,
                screen = true, watch = true, completions = true }

local function silent() end

assert(budget.start { max_callback = ENDED_AFTER, memory_limit_mb = 4096 })

local function new_desk()
  local desk = desk_module.new { name = "fuzz", directory = "/nonexistent", console = {}, risk = {},
                                 memory_limit_mb = 4096 }
  local session = session_module.new(desk, "idx", {
    rest_url = "https://r.test", private_url = "wss://p.test", market_url = "wss://m.test",
    key = "k", secret = { hmac = function() return "0" end }, reconcile_every = 60,
    request_timeout = 10,
  }, indodax)
  session.markets, session.by_venue_symbol = { BTC, ["BTC/IDR"] = BTC }, { btcidr = BTC }
  session.state, session.is_settled, session.private.state = "up", true, "live"
  function session.submit() commands = commands + 1 end
  function session.cancel() commands = commands + 1 end
  desk:add_session(session)
  desk.are_started = true
  desk.orders:add(order_module.new({
    client_order_id = "mw-aaaaa-bbbbb-0-1", venue = "idx", symbol = "BTC/IDR", side = "buy",
    type = "limit", time_in_force = "gtc", price = decimal "1000", qty = decimal "1",
    strategy = "lad", status = "new" }, 0))
  local prompt = assert(console_module.new(desk, "0"))
  prompt.log = { info = silent, warn = silent, debug = silent,
                 error = function(text, ...) error(text:format(...), 0) end }
  return prompt
end

local function check_answer(line)
  if line:find "[%z\1-\31]" then error("an answer of several lines: " .. line) end
  local message = cjson.decode(line)
  if type(message) ~= "table" or not KINDS[message.kind] then
    error("an answer that is none: " .. line)
  end
  local text = message.text
  if text == nil then return message end
  if type(text) ~= "string" or text:find "[%z\1-\8\11-\31\127]" then
    error("a text that moves the cursor: " .. line)
  end
  return message
end

-- What code had printed or given stands in the answers, one end to each line that was run.
local function check_answers(runs)
  local ends = 0
  for _, line in ipairs(answers) do
    if check_answer(line).kind == "done" then ends = ends + 1 end
  end
  if ends > runs then error(("%d lines were run, %d came to an end"):format(runs, ends)) end
  answers = {}
end

local next_id = 100

local function attach(prompt, hello)
  next_id = next_id + 1
  prompt:on_console_open(next_id, 1)
  prompt:on_console_line(next_id, hello)
  return next_id
end

-- Nothing keeps its result from coming: no expression of somebody else, no broken world.
local function check_next(prompt)
  answers, closed = {}, false
  local id = attach(prompt, '{"hello":true,"interactive":true}')
  prompt:on_console_line(id, '{"run":"1 + 1"}')
  local last = cjson.decode(answers[#answers])
  if last.kind ~= "done" or last.text ~= "2" then
    error("the next one is answered " .. answers[#answers])
  end
end

local HELLOS = {
  '{"hello":true,"read_only":true}', '{"hello":true,"interactive":true,"screen":true}',
  '{"hello":true,"json":true,"read_only":true}', "{}",
}

local target = {}

function target:on_ws_message()
  local text = dispatch.message_text()
  if #text < 1 then return end
  local who = text:byte(1) % #HELLOS + 1
  local prompt, runs = new_desk(), 0
  commands, answers, closed = 0, {}, false
  local id = attach(prompt, HELLOS[who])
  ffi.C.fuzz_count_lines(1)
  for line in (text:sub(2) .. "\n"):gmatch "(.-)\n" do
    if line:sub(1, 1) == "!" then
      line = cjson.encode { run = line:sub(2), width = 80, height = 24 }
    end
    runs = runs + 1
    if not closed then prompt:on_console_line(id, line) end
    dispatch.catch_up()
  end
  ffi.C.fuzz_count_lines(0)
  check_answers(runs)
  local is_read_only = HELLOS[who]:find("read_only", 1, true)
  if is_read_only and commands > 0 then error "who may only look has sent something" end
  check_next(prompt)
  prompt.runner.instance = nil        -- which is a strategy's for ever otherwise (strategy.lua)
end

dispatch.bind(1, target)
