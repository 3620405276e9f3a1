--- The prompt's side in the runtime: clients on a Unix socket (runtime/console.h), each a session
--- with an environment of its own. What they type runs as a task of a runner like a strategy's,
--- named "console": orders by hand take the same way as all others, and an expression that never
--- ends is ended like a callback.
---
--- A client sends one JSON object a line, and gets such:
---   {"hello":true, "interactive":, "read_only":, "json":, "screen":}   what it is; first, and once
---   {"run":TEXT, "width":, "height":}   -> any number of out, line, ask, screen; then done. Of a
---                                terminal with a height so much is shown as fits
---   {"answer":TEXT}              to an ask
---   {"interrupt":true}           ends what is waited for
---   {"key":true}                 ends a screen, and a watch
---   {"size":true, "width":, "height":}  of a terminal that shows a screen
---   {"complete":TEXT}            the line up to the cursor -> completions
---   <- {"kind":"hello", "name":, "version":, "pid":}
---   <- {"kind":"out"|"line"|"ask"|"bye", "text":}   out: printed by what runs; line: an event
---   <- {"kind":"screen", "text":}    all that is to be seen, from the top left on
---   <- {"kind":"watch", "text":}     from now on events stream, as line or, to a script, as out
---   <- {"kind":"done", "ok":, "text":, "has_secret":}
---   <- {"kind":"completions", "from":N, "list":[...]}   they replace the text from byte N on

local budget = require "moonwire.budget"
local chunk = require "moonwire.chunk"
local code = require "moonwire.code"
local commands = require "moonwire.console_commands"
local completion = require "moonwire.completion"
local dispatch = require "moonwire.dispatch"
local events = require "moonwire.console_events"
local file = require "moonwire.file"
local format = require "moonwire.format"
local host = require "moonwire.host"
local json = require "moonwire.json"
local log = require "moonwire.log"
local order_view = require "moonwire.order_view"
local recovery = require "moonwire.recovery"
local runners = require "moonwire.runner"
local sandbox = require "moonwire.sandbox"
local strategy = require "moonwire.strategy"
local task = require "moonwire.task"

local M = { NAME = "console" }
local RESULT_KEPT, BAD_LINES, TEXT_MAX = 4000, 10, 200000
local ANSWER_SECONDS, WELCOME_SECONDS = 60, 10

-- The runner --------------------------------------------------------------------------------------

local Runner = setmetatable({ __name = "moonwire.ConsoleRunner" }, { __index = runners.Runner })
Runner.__index = Runner

-- A mistake at the prompt stops nothing.
function Runner:failed(name, err) self.log.error("%s failed: %s", name, err) end

--- A line ran too long or took too much memory, and was ended; or, without a task, a callback was.
function Runner:ended(name, running)
  local _, report = budget.take()
  self:drop(name, "it was ended")
  local line = running and self.lines[running]
  if not line then return self.log.error("%s was ended: %s", name, report) end
  self.lines[running] = nil
  line.session:finish(line, false, report)
end

function Runner:on_task_done(done, ok, result)
  local line = self.lines[done]
  self.lines[done] = nil
  if line then line.session:finish(line, ok, result) end
end

local function new_runner(console)
  local class = strategy.define {}
  function class.on_book(_, book) console:on_book(book) end
  local runner, err = strategy.new(console.desk, { name = M.NAME, file = chunk.NAME }, class)
  if not runner then return nil, err end
  runner.lines, runner.is_console = {}, true
  -- It trades from the start: sessions that are down refuse by themselves.
  runner.state, runner.early = "running", false
  return setmetatable(runner, Runner)
end

-- Sessions ----------------------------------------------------------------------------------------

---@class moonwire.ConsoleSession
---@field console table
---@field id integer          of the connection
---@field who string          for the record
---@field is_interactive boolean
---@field is_read_only boolean
---@field is_json boolean
---@field is_watching boolean  beside what is typed
---@field is_streaming boolean and in place of it
---@field has_screen boolean  it can show one
---@field width integer
---@field height integer|nil  nil: no terminal, all is shown
---@field line table|nil      what runs: { session =, orders = touched, on_end = function|nil }
---@field looking table|nil   the task that shows a screen or streams
local Session = { __name = "moonwire.ConsoleSession" }
Session.__index = Session

function Session:send(message)
  local ok, err = host.console_send(self.id, json.encode(message))
  if not ok then self.console:on_console_close(self.id, err) end
end

--- How many rows of a value its terminal has room for, beside what was typed; nil: all.
function Session:room() return self.height and math.max(5, self.height - 4) end

-- What is sent at once has an end.
local function fitting(text)
  if #text <= TEXT_MAX then return format.plain(text) end
  return format.plain(text:sub(1, TEXT_MAX)) .. ("\n... cut after %d of %d bytes"):format(TEXT_MAX,
                                                                                        #text)
end

function Session:say(kind, text) self:send { kind = kind, text = fitting(text) } end

-- mw.file of a prompt: to write is to change something.
local function files_of(session)
  local own = { read = file.read }
  for _, name in ipairs { "write", "append" } do
    own[name] = function(...)
      if session.is_read_only then error("mw.file." .. name .. ": this prompt is read-only", 2) end
      return file[name](...)
    end
  end
  return own
end

local function new_session(console, id, pid)
  local self = setmetatable({
    console = console, desk = console.desk, runner = console.runner, id = id, width = 80,
    who = ("pid %d"):format(pid), bad_lines = 0,
    is_interactive = false, is_read_only = false, is_json = false, is_watching = false,
    is_streaming = false, has_screen = false,
  }, Session)
  self.environment = sandbox.environment {
    print = function(text) self:say("out", text) end, clock = dispatch.now,
    root = console.desk.config.directory ~= "" and console.desk.config.directory or ".",
    read = code.read_file, file = files_of(self), seed = tonumber(host.seed()),
  }
  self.environment.mw = self.environment.require "moonwire"
  self.names = commands.install(self, self.environment)     -- function -> its name
  return self
end

-- Lines -------------------------------------------------------------------------------------------

-- An order that this very line sent or canceled is shown as one line: more of it is to come.
local function show(line, value)
  local session = line.session
  if session.is_json then return format.json(value) end
  local command = type(value) == "function" and session.names[value]
  if command then return ("%s(...) calls it; help(%s) tells more"):format(command, command) end
  local viewed = order_view.order(value)
  for _, order in ipairs(viewed and line.orders or {}) do
    if order == viewed then return tostring(order) end
  end
  return format.show(value, session.width, session:room())
end

local function show_all(line, n, ...)
  local texts = {}
  for i = 1, n do texts[i] = show(line, (select(i, ...))) end
  return table.concat(texts, "\n")
end

local function pack(...) return select("#", ...), { ... } end

-- In the task: also what a value says of itself may be code that never ends.
local function run_line(runner, line, body)
  runner.lines[task.current()] = line
  line.task = task.current()
  local n, results = pack(body())
  if n > 0 then line.session.environment._ = results[1] end
  return show_all(line, n, unpack(results, 1, n))
end

-- Nothing runs any more, and nothing is waited for.
local function release(self)
  local line = self.line
  self.line, self.asking, self.looking, self.is_streaming = nil, nil, nil, false
  if line and line.on_end then line.on_end() end
  return line
end

-- A line has come to its end.
function Session:finish(line, ok, result)
  if self.line ~= line then return end
  release(self)
  local text = ok and (result or "") or chunk.explain(line.text, tostring(result))
  host.record("console", { self.who .. (ok and ": result" or ": error"),
                           text:sub(1, RESULT_KEPT) })
  -- What is cut is no JSON any more.
  if self.is_json and #text > TEXT_MAX then
    ok, text = false, ("%d bytes of JSON are too many: ask for less"):format(#text)
  end
  self:send { kind = "done", ok = ok, text = fitting(text),
              has_secret = host.masked(line.text) ~= line.text }
end

function Session:run(text)
  host.record("console", { self.who, text })
  local line = { session = self, text = text, orders = {} }
  if self.line then
    return self:send { kind = "done", ok = false, text = "the line before is still running" }
  end
  self.line = line
  local body, err = chunk.compile(text, self.environment)
  if not body then return self:finish(line, false, err) end
  task.start(self.runner, chunk.NAME, run_line, line, body)
end

-- What the line sent or canceled, and what it waits for.
local function orders_of(line)
  local list, awaited = {}, line.task and line.task.awaits
  for i, order in ipairs(line.orders) do
    list[i] = order
    if order == awaited then awaited = nil end
  end
  list[#list + 1] = awaited
  return list
end

--- Abandons what is waited for; what was sent stays sent.
function Session:interrupt()
  local line = self.line
  if not line then
    if not self.is_watching then return end
    self.is_watching = false
    return self:say("line", "watch is off")
  end
  if self.looking then return self:wake_screen "key" end
  release(self)
  local words, orders = { "abandoned" }, orders_of(line)
  if line.task then
    line.task:cancel()
    self.runner.lines[line.task] = nil
  end
  for _, order in ipairs(orders) do
    words[#words + 1] = ("the order stays as it is: %s"):format(tostring(order))
  end
  host.record("console", { self.who .. ": abandoned", line.text })
  self:send { kind = "done", ok = false, text = format.plain(table.concat(words, "\n")) }
end

--- Asks the person at the prompt, in a task; true when the answer is yes.
function Session:ask(question)
  self.asking = task.current()
  self:say("ask", question)
  local answer = task.wait(ANSWER_SECONDS)
  self.asking = nil
  host.record("console", { self.who .. ": " .. question, tostring(answer) })
  return answer == "yes" or answer == "y"
end

-- In a task, waits so long for the person who looks on.
local function look(self, seconds)
  self.looking = task.current()
  local what = task.wait(seconds)
  self.looking = nil
  return what
end

--- Shows a screen, in a task, and waits so long; "key", "size" or nil: what ended it before.
function Session:show_screen(text, seconds)
  self:say("screen", text)
  return look(self, seconds)
end

--- Streams events, in a task, until a key.
function Session:stream()
  self:say("watch", "watching: any key ends it")
  self.is_streaming = true
  repeat until look(self) == "key"
  self.is_streaming = false
end

--- Whether events are shown here that nobody here caused.
function Session:sees_all() return self.is_watching or self.is_streaming end

--- Shows what happened.
---@param line string
---@param fields fun(): table  the same for a machine; called only where one looks on
function Session:show_event(line, fields)
  if not self:sees_all() then return self:say("line", line) end
  self:say(self.is_interactive and "line" or "out", self.is_json and format.json(fields()) or line)
end

function Session:wake_screen(what)
  local looking = self.looking
  if not looking then return end
  self.looking = nil
  looking:wake(what)
end

--- It may begin.
function Session:welcome()
  if self.is_welcome or self.console.sessions[self.id] ~= self then return end
  self.is_welcome = true
  self:send { kind = "hello", name = self.desk.name, version = self.console.version,
              read_only = self.is_read_only }
  for _, question in ipairs(recovery.questions(self.desk)) do self:say("line", question) end
end

local function text_of(value) return type(value) == "string" and value or "" end

local requests = {}
local request_names = { "hello", "run", "answer", "interrupt", "complete", "key", "size" }

function requests.hello(self, message)
  self.is_interactive = message.interactive == true
  self.is_read_only = self.is_read_only or message.read_only == true     -- never back
  self.is_json = message.json == true
  self.has_screen = message.screen == true
  -- A script is to find venues that can be traded on; a person sees that they are not up yet.
  if self.is_interactive or self.desk.are_started then return self:welcome() end
  dispatch.after(WELCOME_SECONDS, self, "welcome")
end

local function whole_within(value, least, most)
  local number = tonumber(value)
  return number and number >= least and number <= most and math.floor(number) or nil
end

local function take_size(self, message)
  self.width = whole_within(message.width, 20, 1000) or self.width
  self.height = whole_within(message.height, 2, 1000)
end

function requests.run(self, message)
  take_size(self, message)
  self:run(text_of(message.run))
end

function requests.key(self) self:wake_screen "key" end

function requests.size(self, message)
  take_size(self, message)
  self:wake_screen "size"
end

function requests.answer(self, message)
  local asking = self.asking
  if not asking then return end
  self.asking = nil
  asking:wake(text_of(message.answer):lower())
end

function requests.interrupt(self) self:interrupt() end

function requests.complete(self, message)
  local from, list = completion.complete(self, text_of(message.complete))
  self:send { kind = "completions", from = from, list = json.array(list) }
end

--- A line of the client, whatever it is.
function Session:on_line(text)
  local message = json.decode(text)
  if type(message) == "table" then
    for _, name in ipairs(request_names) do
      local given = message[name]
      if given ~= nil and given ~= json.null then return requests[name](self, message) end
    end
  end
  self.bad_lines = self.bad_lines + 1
  if self.bad_lines < BAD_LINES then
    return self:say("out", 'not understood: one JSON object a line is expected, {"run":"orders()"};'
                    .. " moonwire repl --attach speaks that")
  end
  self:say("bye", ("%d lines were not understood"):format(BAD_LINES))
  host.console_close(self.id)
  self.console:forget(self)
end

-- The console -------------------------------------------------------------------------------------

local Console = { __name = "moonwire.Console" }
Console.__index = Console
for name, method in pairs(events) do Console[name] = method end

function Console:on_console_open(id, pid)
  self.sessions[id] = new_session(self, id, pid)
  self.log.info("a prompt is attached (pid %d)", pid)
end

function Console:on_console_line(id, text)
  local session = self.sessions[id]
  if not session then return end
  local ok, err = xpcall(session.on_line, debug.traceback, session, text)
  if not ok then self.log.error("internal error at the prompt: %s", err) end
end

function Console:on_console_close(id, why)
  local session = self.sessions[id]
  if not session then return end
  self:forget(session)
  self.log.info("a prompt has gone (%s)%s", session.who, why and why ~= "" and ": " .. why or "")
end

--- It is gone, and so is what it waits for; its orders stay.
function Console:forget(session)
  self.sessions[session.id] = nil
  session.is_watching, session.is_streaming = false, false
  -- (What it kept in globals would be kept by this, and this by what it kept.)
  for order, placed_by in pairs(self.placed_by) do
    if placed_by == session then self.placed_by[order] = nil end
  end
  local line = release(session)
  if line and line.task then
    line.task:cancel()
    self.runner.lines[line.task] = nil
  end
end

--- Makes the console of a desk: its runner stands among the strategies from now on. Before what
--- earlier runs left is taken over; nil, err when a strategy has its name.
---@param desk moonwire.Desk
---@param version string
function M.new(desk, version)
  local self = setmetatable({
    desk = desk, version = version, sessions = {}, listeners = {}, log = log.new(),
    fills = {}, fills_at = 0, book_waiters = {},
    placed_by = setmetatable({}, { __mode = "k" }),      -- order -> session
  }, Console)
  local err
  self.runner, err = new_runner(self)
  if not self.runner then return nil, err end
  if desk.runners[M.NAME] then
    return nil, 'a strategy is named "console", which is the name of orders by hand: give it '
      .. "another one"
  end
  local ok
  ok, err = desk:add_runner(self.runner)
  if not ok then return nil, err end
  desk.console, log.listener = self, self
  return self
end

--- Lets clients in at this path. nil, err when it cannot.
function Console:listen(path)
  local id, err = host.console_listen(path)
  if not id then return nil, err end
  dispatch.bind(id, self)
  table.insert(self.listeners, id)
  self.log.info("the prompt: moonwire repl --attach %s", path)
  return true
end

return M
