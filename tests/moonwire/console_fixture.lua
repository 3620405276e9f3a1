-- A desk with a prompt, for tests: what a client types and what it is sent.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local console = require "moonwire.console"
local host = require "moonwire.host"
local json = require "moonwire.json"

local M = { BUY = 'buy("BTC/IDR", "0.001", 950e6)' }
local real_send, real_close = host.console_send, host.console_close
local sent = {}
M.sent, M.closed = sent, {}

function host.console_send(id, line)
  table.insert(sent[id], json.decode(line))
  return true
end
function host.console_close(id) M.closed[id] = true end

local Prompt = {}
Prompt.__index = Prompt
local last_id = 0

local function attach(s, prompt, hello)
  last_id = last_id + 1
  sent[last_id] = {}
  local self = setmetatable({ s = s, id = last_id, console = prompt, at = 0 }, Prompt)
  s:run(prompt, "on_console_open", self.id, 4711)
  self:tell(hello or { hello = true, interactive = true })
  return self
end

--- A desk that trades, with a prompt. More are attached by p:another().
function M.play(options)
  options = options or {}
  local s = stage.new(options)
  s.desk.config.console = options.console or {}
  s.desk.config.directory = "."
  local prompt = assert(console.new(s.desk, "0.0.0"))
  s:start()
  return attach(s, prompt, options.hello), s
end

function Prompt:tell(message)
  self.s:run(self.console, "on_console_line", self.id, json.encode(message))
end

function Prompt:another(hello) return attach(self.s, self.console, hello) end

function Prompt:take(kind)
  local found = {}
  for i = self.at + 1, #sent[self.id] do
    local message = sent[self.id][i]
    if not kind or message.kind == kind then found[#found + 1] = message end
  end
  return found
end

-- Types a line; plays what follows. What was answered: text, ok.
function Prompt:type(text)
  self.at = #sent[self.id]
  self:tell { run = text, width = 80, height = self.height }
  self.s:settle()
  local done = self:take("done")[1]
  if not done then return nil end
  return done.text, done.ok
end

function Prompt:shows(text, expected)
  local got, ok = self:type(text)
  t.equal(got, expected, text)
  t.ok(ok, text)
end

function Prompt:fails(text, expected)
  local got, ok = self:type(text)
  t.equal(ok, false, text)
  t.ok(got and got:find(expected, 1, true), ("%s: expected %q, got %q"):format(text, expected,
                                                                             tostring(got)))
end

function Prompt:lines() -- what was shown above the line being typed
  local lines = {}
  for i, message in ipairs(self:take "line") do lines[i] = message.text end
  return table.concat(lines, "\n")
end

--- After the last test.
function M.done()
  stage.done()
  host.console_send, host.console_close = real_send, real_close
end

return M
