--- moonwire journal: reads the record, also while a runtime writes it.

local cli = require "moonwire.cli"
local dispatch = require "moonwire.dispatch"
local events = require "moonwire.journal.events"
local host = require "moonwire.host"
local json = require "moonwire.json"
local lag = require "moonwire.journal.lag"
local lists = require "moonwire.journal.lists"
local records = require "moonwire.journal.records"
local text = require "moonwire.journal.text"
local versions = require "moonwire.journal.versions"
local why = require "moonwire.journal.why"
local words = require "moonwire.journal.words"

local M = { options = words.options }
local FOLLOW_SECONDS = 0.25

local function fail(message)
  io.stderr:write("moonwire: ", message, "\n")
  host.stop(1)
end

local function print_json(fields) host.print_line(json.encode(fields)) end

-- Lists -------------------------------------------------------------------------------------------

local Listing = { __name = "moonwire.JournalListing" }
Listing.__index = Listing

local function show(self, rows)
  if self.is_json then
    for _, row in ipairs(rows) do print_json(self.reader:fields(row)) end
    return
  end
  local cells = {}
  for i, row in ipairs(rows) do cells[i] = self.reader:cells(row) end
  self.table:print(cells)
end

-- All that is there now. False when it failed, which was said, or nobody reads it any more.
local function show_all(self)
  repeat
    if host.is_output_gone() then
      host.stop(0)
      return false
    end
    local rows, err = self.reader:next()
    if not rows then
      fail(err)
      return false
    end
    if #rows > 0 or not self.has_begun then show(self, rows) end
    self.has_begun = true
  until #rows == 0
  return true
end

function Listing:follow()
  if not show_all(self) then self.timer:stop() end
end

--- SIGINT and SIGTERM end what follows.
function Listing:on_signal() host.stop(0) end -- luacheck: no self

local function list(db, question)
  local make = question.what == "events" and events or lists
  local self = setmetatable({ reader = make.new(db, question), is_json = question.is_json },
                            Listing)
  self.table = text.table(self.reader.columns, host.print_line)
  if not show_all(self) then return end
  if not question.is_following then return host.stop(0) end
  dispatch.listen("signal", self)
  self.timer = dispatch.every(FOLLOW_SECONDS, self, "follow")
end

-- Why ---------------------------------------------------------------------------------------------

local function explain(db, question)
  local row, err = why.find(db, question.id)
  local chain
  if row then chain, err = why.chain(db, row) end
  if not chain then return fail(("journal %s: %s"):format(question.file, err)) end
  if question.is_json then
    for _, record in ipairs(chain) do print_json(records.json_fields(record)) end
  else
    for _, line in ipairs(why.lines(row, chain)) do host.print_line(line) end
  end
  host.stop(0)
end

-- Versions of code --------------------------------------------------------------------------------

local function list_versions(db, question)
  local kept, err = versions.list(db, question.name)
  if not kept then return fail(("journal %s: %s"):format(question.file, err)) end
  if question.is_json then
    for _, version in ipairs(kept) do print_json(versions.json_fields(version)) end
  else
    local cells = {}
    for i, version in ipairs(kept) do cells[i] = versions.cells(version) end
    text.table(versions.columns, host.print_line):print(cells)
  end
  host.stop(0)
end

local function show_difference(db, question)
  local told, err = versions.diff(db, question.name, question.a, question.b)
  if not told then return fail(("journal %s: %s"):format(question.file, err)) end
  if question.is_json then print_json { name = question.name, difference = told }
  else for line in (told .. "\n"):gmatch "([^\n]*)\n" do host.print_line(line) end end
  host.stop(0)
end

local others = { why = explain, versions = list_versions, diff = show_difference }

-- Running -----------------------------------------------------------------------------------------

local function is_there(path)
  local file = io.open(path, "r")
  if file then file:close() end
  return file ~= nil
end

-- Events and why read the chunks, which have all of it.
local function say_lag(db, question)
  local count = lag.count(db)                  -- a failure shows at the question itself
  if not count or count == 0 or question.what == "events" or question.what == "why" then return end
  io.stderr:write(("moonwire: the tables lag behind by %.0f records, which are in `events`: they "
    .. "are drawn while the runtime has less to do, or at its next start\n"):format(count))
end

function M.run(options, arguments)
  local question, err = words.parse(options, arguments, dispatch.now())
  if not question then
    return cli.usage_error("journal: " .. err .. "; see moonwire journal --help")
  end
  local db
  db, err = host.journal_open(question.file)
  if not db then
    local hint = is_there(question.file) and "" or not question.file:find("[./]")
      and "; it is no list either: there is " .. words.names()
      or "; a run writes one beside its configuration, journal.path names it"
    return fail(err .. hint)
  end
  say_lag(db, question)
  local answer = others[question.what] or list
  answer(db, question)
end

return M
