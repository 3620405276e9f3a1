--- What can be called at the prompt beside Lua's own. Mistakes and refusals raise. The commands of
--- a subject have a file of their own, a table
---   name -> { usage =, about =, sends = it changes something, run = function(session, ...) }

local dispatch = require "moonwire.dispatch"
local find = require "moonwire.console_find"
local format = require "moonwire.format"
local task = require "moonwire.task"
local top = require "moonwire.top"

local M = {}
local commands, fail = {}, find.fail
for _, subject in ipairs { "console_orders", "console_views", "console_strategies" } do
  for name, command in pairs(require("moonwire." .. subject)) do commands[name] = command end
end

commands.watch = {
  usage = "watch([true or false])",
  about = "Streams every order event, fill, change of a session and line of the log until a key; "
    .. "one that types something begins the next line. watch(true) shows the same above the lines "
    .. "that are typed, until watch(false). In a script no key ends watch(), but Ctrl-C or a "
    .. "reader that goes.",
  run = function(session, on)
    if on ~= nil and type(on) ~= "boolean" then fail "watch(), watch(true) or watch(false)" end
    if on ~= nil then session.is_watching = on else session:stream() end
  end,
}

commands.top = {
  usage = "top()",
  about = "A live screen of sessions, strategies, orders, positions, rates and latencies, until a "
    .. "key. Where there is no screen it measures for a second and shows it once.",
  run = function(session)
    local look = top.begin(session.desk)
    session.line.on_end = function() look:stop() end
    if not session.has_screen or not session.height then
      task.wait(1)
      local seen = look:take()
      look:stop()
      if session.is_json then return seen end
      return session:say("out", top.text(seen, session.width))
    end
    repeat
      local screen = top.text(look:take(), session.width, session.height)
    until session:show_screen(screen, 1) == "key"
    look:stop()
  end,
}

commands.all = {
  usage = "all(value)",
  about = "Shows all of a value that a screen has no room for; all(_) that of the last result.",
  run = function(session, value)
    if session.is_json then return value end
    session:say("out", format.show(value, session.width))
  end,
}

commands.now = {
  usage = "now()", about = "The time of the event that is being handled, seconds since 1970.",
  run = function() return dispatch.now() end,
}

local ORDER = { "buy", "sell", "submit", "preview", "replace", "cancel", "cancel_all", "adopt",
                "orders", "order", "fills", "positions", "balances", "book", "markets", "venues",
                "strategies", "start", "stop", "reload", "rollback", "versions", "diff", "watch",
                "top", "all", "now", "help" }

-- Long texts in lines of this many columns.
local function wrapped(text, width)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if #line + #word + 1 > width and line ~= "" then
      lines[#lines + 1], line = line, ""
    end
    line = line == "" and word or line .. " " .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

commands.help = {
  usage = "help([command])", about = "This list, or more about one: help(buy).",
  run = function(session, what)
    local print = session.environment.print
    if what ~= nil then
      local name = session.names[what] or what
      local command = commands[name]
      if not command then fail "help() lists the commands; help(buy) tells more about one" end
      print(command.usage)
      return print(wrapped(command.about, session.width))
    end
    for _, name in ipairs(ORDER) do print(commands[name].usage) end
    print(wrapped("Any Lua works; values are shown. Amounts are exact: write them as texts, "
      .. '"0.001", or as numbers. help(buy) tells more about one. Ctrl-C abandons a wait, '
      .. "never an order; Ctrl-D leaves.", session.width))
  end,
}

--- Puts the commands into the environment of a session.
---@param session moonwire.ConsoleSession
---@param environment table
---@return table<function, string> names  of each of them
function M.install(session, environment)
  local names = {}
  for name, command in pairs(commands) do
    local function call(...)
      if command.sends and session.is_read_only then
        fail("%s: this prompt is read-only", name)
      end
      return command.run(session, ...)
    end
    environment[name], names[call] = call, name
  end
  environment.decimal = environment.mw.decimal
  return names
end

return M
