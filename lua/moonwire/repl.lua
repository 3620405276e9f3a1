--- moonwire repl: the prompt's other side, in a process of its own. Lines go to the runtime over
--- its socket (console.lua says how), and what it answers is shown.

local cli = require "moonwire.cli"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local json = require "moonwire.json"

local M = {
  options = {
    attach = { value = "SOCKET", doc = "join the runtime that listens there (default "
                 .. "moonwire.sock, if it is there)" },
    config = { value = "FILE", doc = "or start one, as moonwire run does; strategies may follow" },
    ["no-watch"] = { doc = "of that one: files that are saved are not loaded again by themselves" },
    e = { value = "LUA", many = true, doc = "run this instead of reading lines; may be repeated" },
    json = { doc = "print values as JSON, one a line" },
    ["read-only"] = { doc = "without the right to send or change anything" },
  },
  -- Of the program itself: the runtime that it started for this prompt.
  inner_options = { own = { value = "SOCKET" }, ["own-output"] = { value = "FD" } },
}

local FIRST, MORE = "> ", ">> "
local STDIN, WIDTH, HELD = 0, 100, 1000
local MOST = 64 * 1024 - 1            -- bytes of a message that the runtime takes (console.h)
local TOO_LONG = "not run: it is longer than 64 KB; put it into a file and require that"
local SIGINT = 2

local Repl = { __name = "moonwire.Repl" }
Repl.__index = Repl

-- Chunks ------------------------------------------------------------------------------------------

--- What is missing in a text that is the beginning of Lua that goes on; nil: it is no such text.
---@param text string
---@return string|nil
function M.missing(text)
  local chunk, problem = loadstring("return " .. text, "=prompt")
  if chunk then return nil end
  local statements, other = loadstring(text, "=prompt")
  if statements then return nil end
  local missing = "^prompt:%d+: (.*) near '<eof>'$"
  return other:match(missing) or problem:match(missing)
end

-- Screens -----------------------------------------------------------------------------------------

-- Plain lines: a pipe, a file, a terminal that knows nothing.
local Plain = {}
Plain.__index = Plain

-- nil: its reader has gone.
function Plain:show(kind, text)
  if kind == "error" or kind == "log" then return io.stderr:write(text, "\n") end
  return kind == "line" and self.is_script or host.print_line(text)
end
function Plain:prompt(text)
  if not self.has_prompt then return end
  io.stdout:write(text)
  io.stdout:flush()
end
function Plain.remember() end
function Plain.complete() end
function Plain.drop() return false end
function Plain.size() return WIDTH, nil end
function Plain.hold() end
function Plain.lines() end

-- A terminal: lines are edited, what happens meanwhile stands above.
local Terminal = {}
Terminal.__index = Terminal

local colours = { error = "31", log = "2", line = "36" }

function Terminal:show(kind, text)
  local colour = self.has_colours and colours[kind]
  if colour then text = ("\27[%sm%s\27[0m"):format(colour, text) end
  if not self.held then host.term_print(text)
  elseif #self.held < HELD then table.insert(self.held, text) end
  return true
end

--- A text over all of the terminal, written over the one before in one go.
function Terminal:draw(text)
  self.is_held, self.held = true, self.held or {}
  if self.has_colours then text = text:gsub("^[^\n]*", "\27[7m%0\27[0m") end
  host.term_screen("\27[H" .. text:gsub("\n", "\27[K\n") .. "\27[K\27[J")
end

--- No lines for a while; what is shown scrolls by, or is drawn.
function Terminal:hold()
  self.is_held = true
  host.term_hold()
end

--- The lines come back, and what was to be shown above them meanwhile.
function Terminal:lines()
  if not self.is_held then return end
  local held = self.held or {}
  self.is_held, self.held = false, nil
  host.term_lines()
  for _, text in ipairs(held) do host.term_print(text) end
  if #held == HELD then host.term_print("... and more that did not fit") end
end

function Terminal.prompt(_, text) host.term_prompt(text) end

function Terminal.remember(_, text)
  for line in text:gmatch "[^\n]+" do host.term_remember(line) end
end

function Terminal.drop() return host.term_drop() end
function Terminal.size() return host.term_width(), host.term_height() end

local function common_start(list)
  local start = list[1]
  for _, text in ipairs(list) do
    while text:sub(1, #start) ~= start do start = start:sub(1, -2) end
  end
  return start
end

-- Names in columns.
local function listed(names, width)
  local widest = 0
  for _, name in ipairs(names) do widest = math.max(widest, #name + 2) end
  local columns, lines = math.max(1, math.floor(width / widest)), {}
  for first = 1, #names, columns do
    local cells = {}
    for i = first, math.min(first + columns - 1, #names) do
      cells[#cells + 1] = names[i] .. (" "):rep(widest - #names[i])
    end
    lines[#lines + 1] = table.concat(cells):gsub(" +$", "")
  end
  return table.concat(lines, "\n")
end

--- What could stand from byte `from` of the line on, up to where the cursor was.
function Terminal:complete(from, list)
  if #list == 0 or not self.completed then return end
  local typed = self.completed:sub(from)
  local start = common_start(list)
  if #start > #typed then return host.term_insert(start:sub(#typed + 1)) end
  if #list > 1 then self:show("list", listed(list, (self.size()))) end
end

-- Lines out ---------------------------------------------------------------------------------------

-- nil, err also when it is too long.
function Repl:send(message)
  local text = json.encode(message)
  if #text > MOST then return nil, TOO_LONG end
  if not self.id then return nil, "the runtime has gone" end
  return host.console_send(self.id, text)
end

function Repl:show_prompt()
  if self.is_running then return end
  self.screen:prompt((self.partial or self.is_dropping) and MORE or FIRST)
end

function Repl:leave(status)
  if self.has_left then return end
  self.has_left = true
  self.screen:lines()
  if self.id then host.console_close(self.id) end
  host.stop(status)
end

local next_line

-- A line was not even sent.
local function fail(self, err)
  self.is_running, self.has_failed = false, true
  self.screen:show("error", err)
  if self.is_script then return self:leave(1) end
  return next_line(self)
end

function next_line(self)
  if self.is_running or not self.is_open or self.has_left then return end
  local text = table.remove(self.waiting, 1)
  if text then
    self.is_running, self.text = true, text
    local width, height = self.screen.size()
    local ok, err = self:send { run = text, width = width, height = height }
    if ok then return end
    return fail(self, err)
  end
  if not self.has_ended then return self:show_prompt() end
  if self.partial then
    self.screen:show("error", "the input ends in the middle of: " .. self.partial)
    return self:leave(1)
  end
  self:leave(self.is_script and self.has_failed and 1 or 0)
end

-- Whoever looks on (watch, top) has seen enough.
local function end_look(self)
  if not self.is_looking then return end
  self.is_looking = false
  self:send { key = true }
end

-- A chunk is not over yet. Code that is pasted has empty lines, and may be too long: the rest of it
-- must not run line by line.
local function go_on(self, missing)
  if #self.partial > MOST then
    self.partial, self.is_dropping = nil, not self.is_script
    return fail(self, TOO_LONG .. (self.is_script and "" or "; Ctrl-C begins another one"))
  end
  if self.partial:find "\n[ \t\r]*\n[ \t\r]*$" and not self.is_script then
    self.screen:show("line", missing .. "; Ctrl-C drops what was typed")
  end
  self:show_prompt()
end

--- A line was typed.
function Repl:take(line)
  if self.screen.has_prompt then end_look(self) end
  if self.is_asked then
    self.is_asked = false
    return self:send { answer = (line:gsub("%s", "")) }
  end
  if self.is_dropping then return self:show_prompt() end
  local text = self.partial and self.partial .. "\n" .. line or line
  local missing = M.missing(text)
  self.partial = missing and text
  if missing then return go_on(self, missing) end
  if text:find "%S" then table.insert(self.waiting, text) end
  next_line(self)
end

--- There are no more lines.
function Repl:finish()
  self.has_ended = true
  if not self.is_script then end_look(self) end
  next_line(self)
end

--- Ctrl-C: what was typed is dropped; when nothing was, what is waited for is abandoned.
function Repl:interrupt()
  local was_typed = self.screen:drop() or self.partial or self.is_dropping
  self.partial, self.is_asked, self.is_dropping = nil, false, false
  if self.is_open and (self.is_running or not was_typed) then self:send { interrupt = true } end
  self:show_prompt()
end

-- What the runtime says ---------------------------------------------------------------------------

local heard = {}

function heard.hello(self, message)
  self.is_open = true
  if not self.is_script then
    self.screen:show("line", ("moonwire %s, %s%s: help() lists what can be called, Ctrl-D leaves")
      :format(message.version, message.name, message.read_only and ", read-only" or ""))
  end
  next_line(self)
end

function heard.done(self, message)
  self.is_running, self.is_asked, self.is_looking = false, false, false
  self.screen:lines()
  if message.text ~= "" then self.screen:show(message.ok and "value" or "error", message.text) end
  if not message.has_secret then self.screen:remember(self.text) end
  self.has_failed = self.has_failed or not message.ok
  if self.is_script and not message.ok then return self:leave(1) end
  next_line(self)
end

function heard.out(self, message)
  if not self.screen:show("value", message.text) then end_look(self) end
end
function heard.line(self, message) self.screen:show("line", message.text) end

function heard.screen(self, message)
  if not self.is_running then return end
  self.is_looking = true
  self.screen:draw(message.text)
end

function heard.watch(self, message)
  if not self.is_running then return end
  self.is_looking = true
  self.screen:hold()                        -- first: who reads it may press a key at once
  self.screen:show("line", message.text)
end

function heard.ask(self, message)
  self.is_asked = true
  self.screen:prompt(message.text)
end

function heard.completions(self, message) self.screen:complete(message.from, message.list) end

function heard.bye(self, message)
  self.screen:show("error", "the runtime sent this prompt away: " .. message.text)
  self:leave(1)
end

function Repl:on_console_line(id, line)
  if id == self.input then return self:take(line) end
  if id == self.output then return self:on_output(line) end
  local message = json.decode(line)
  if type(message) == "table" and heard[message.kind] then heard[message.kind](self, message) end
end

function Repl:on_console_close(id)
  if id == self.input then return self:finish() end
  if id == self.output then
    -- What it had to say stands above; its exit status becomes ours.
    return self:leave(self.has_failed and 1 or 0)
  end
  self.id, self.is_open = nil, false
  if self.output then return end                        -- its end is told there
  if not self.has_left then
    self.screen:show("error", "the runtime has gone: its log, and `moonwire journal runs`, say why")
  end
  self:leave(1)
end

-- The runtime of this prompt ----------------------------------------------------------------------

--- A line that it printed or logged.
function Repl:on_output(line)
  if line == "console " .. self.path then return self:connect() end
  self.screen:show("log", line)
end

function Repl:connect()
  local id, err = host.console_connect(self.path)
  if not id then
    return nil, err .. "; a runtime listens where console.path of its configuration, or run "
      .. "--console, says"
  end
  self.id = id
  dispatch.bind(id, self)
  self:send { hello = true, interactive = not self.is_script, json = self.is_json,
              read_only = self.is_read_only, screen = getmetatable(self.screen) == Terminal }
  return true
end

function Repl:on_signal(number)
  if number == SIGINT and not self.is_script then return self:interrupt() end
  if number == SIGINT and self.is_open then self:send { interrupt = true } end
  -- To watch until then was all that it had to do.
  local is_done = self.is_looking and #self.waiting == 0
  self:leave(number == SIGINT and not is_done and 1 or 0)
end

-- Begin -------------------------------------------------------------------------------------------

local function read_lines(self)
  local id, err = host.console_adopt(STDIN)
  if not id then return nil, err end
  self.input = id
  dispatch.bind(id, self)
  return true
end

local LINE, COMPLETE, END, KEY = 1, 2, 3, 4             -- enum mw_term_what

--- Something was done at the terminal.
function Repl:on_term(_, what, text)
  if what == LINE then return self:take(text) end
  if what == END then return self:finish() end
  if not self.is_open then return end
  if what == COMPLETE then
    self.screen.completed = text
    return self:send { complete = text }
  elseif what == KEY then
    return end_look(self)
  end
  local width, height = self.screen.size()
  self:send { size = true, width = width, height = height }
end

-- With libedit where the terminal can move its cursor. nil, err.
local function begin_input(self, options)
  if options.e then
    self.waiting, self.has_ended = options.e, true
    return true
  end
  if getmetatable(self.screen) ~= Terminal then return read_lines(self) end
  local id, err = host.term_open()
  if not id then return nil, err end
  dispatch.bind(id, self)
  return true
end

local function new_screen(options)
  local is_terminal, can_move = host.is_terminal()
  if options.e or not is_terminal then return setmetatable({ is_script = true }, Plain) end
  if not can_move then return setmetatable({ has_prompt = true }, Plain) end
  return setmetatable({ has_colours = not os.getenv "NO_COLOR" }, Terminal)
end

function M.run(options, files)
  local for_own = files[1] or options["no-watch"] and "--no-watch"
  if for_own and not options.own then
    return cli.usage_error(("repl: %s is for a runtime that the prompt starts; one that is joined "
                            .. "goes on as it was begun"):format(for_own))
  end
  local self = setmetatable({ waiting = {}, path = options.own or options.attach or "moonwire.sock",
                              is_json = options.json, is_read_only = options["read-only"] }, Repl)
  self.screen = new_screen(options)
  self.is_script = self.screen.is_script
  dispatch.listen("signal", self)
  local ok, err
  if options.own then
    self.output, err = host.console_adopt(tonumber(options["own-output"]))
    ok = self.output
    if ok then dispatch.bind(self.output, self) end
  else
    ok, err = self:connect()
  end
  if ok then ok, err = begin_input(self, options) end
  if not ok then return cli.usage_error("repl: " .. tostring(err)) end
end

return M
