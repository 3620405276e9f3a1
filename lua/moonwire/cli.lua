--- The command line: `moonwire COMMAND [options] [files]`. Each command is a module of its own.

local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local sorted = require "moonwire.sorted"
local spelling = require "moonwire.spelling"

local M = { VERSION = "0.1.0" }

local commands = {
  run   = { module = "moonwire.run", line = "run [--config FILE] [STRATEGY.lua ...]",
            about = "trade until stopped" },
  repl  = { module = "moonwire.repl", line = "repl [--config FILE | --attach SOCKET]",
            about = "prompt: its own runtime, or a running one" },
  check = { module = "moonwire.check", line = "check [--config FILE] [STRATEGY.lua ...]",
            about = "load everything, connect to nothing" },
  audit = { module = "moonwire.audit", line = "audit [--config FILE] [--repair]",
            about = "own orders, fills, balances against the venue's" },
  replay = { module = "moonwire.replay", line = "replay JOURNAL [STRATEGY.lua ...]",
             about = "run a recorded session again" },
  journal = { module = "moonwire.journal", line = "journal [FILE] [orders|fills|events|...]",
              about = "read the record; why ORDER, versions [NAME], diff NAME [A [B]]" },
  reload = { module = "moonwire.reload_command", line = "reload [--config FILE] [NAME ...]",
             about = "load what has changed into a runtime that trades" },
  sim   = { module = "moonwire.sim.main", line = "sim VENUE [--port N] [--fault SPEC] ...",
            about = "serve a simulated venue on loopback" },
}
-- What the guardian starts before a command and behind it, with the same command line.
local inner = { plan = "moonwire.plan", sweep = "moonwire.sweep" }
local order = { "run", "repl", "reload", "sim", "check", "journal", "replay", "audit" }

local function print_line(text) host.print_line(text) end

local function print_help()
  print_line("moonwire " .. M.VERSION .. ": a trading connectivity runtime")
  print_line("")
  for _, name in ipairs(order) do
    print_line(("  moonwire %-46s %s"):format(commands[name].line, commands[name].about))
  end
  print_line("  moonwire --version | --help | COMMAND --help")
end

--- Bad usage or configuration: says why on standard error and ends with status 2.
function M.usage_error(message)
  io.stderr:write("moonwire: ", message, "\n")
  host.stop(2)
end

-- Of names that somebody has mistyped.
local function meant(word, known, mark)
  local names = {}
  for name in pairs(known) do names[name] = true end
  local found = spelling.meant(word, names)
  return found and (": did you mean %s%s?"):format(mark, found) or ""
end

--- Splits arguments by a table of options: [name] = { value = "N"|nil, doc =, many = true|nil };
--- `shown` are those that help tells of, when not all do.
---@return table|nil options  [name] = value (a list where many), or true for one without a value
---@return string[]|string files  what is no option, or the error
function M.parse(arguments, known, shown)
  local options, files, i = {}, {}, 1
  while arguments[i] do
    local name, inline = arguments[i]:match("^%-%-([%w-]+)=(.*)$")
    name = name or arguments[i]:match("^%-%-([%w-]+)$")
    name = name or arguments[i]:match("^%-(%a)$")
    -- A letter has one mark, a word two.
    if name and (#name == 1) ~= (arguments[i]:sub(1, 2) ~= "--") then name = nil end
    local option = name and known[name]
    if arguments[i]:sub(1, 1) ~= "-" then
      files[#files + 1] = arguments[i]
    elseif not option then
      return nil, "unknown option " .. arguments[i] .. meant(name or "", shown or known, "--")
    elseif not option.value then
      if inline then return nil, "option --" .. name .. " takes no value" end
      options[name] = true
    else
      local value = inline
      if not value then
        i = i + 1
        value = arguments[i]
      end
      if not value then return nil, ("option --%s wants %s"):format(name, option.value) end
      if option.many then
        options[name] = options[name] or {}
        table.insert(options[name], value)
      else
        options[name] = value
      end
    end
    i = i + 1
  end
  return options, files
end

--- Prints the help of one command from its table of options.
function M.print_command_help(name, known)
  print_line("moonwire " .. commands[name].line .. "    " .. commands[name].about)
  for _, option in ipairs(sorted.keys(known)) do
    local value = known[option].value
    local mark = #option == 1 and "-" or "--"
    print_line(("  %-26s %s"):format(mark .. option .. (value and " " .. value or ""),
                                     known[option].doc))
  end
end

-- The logging options belong to every command.
local log_options = {
  ["log-format"] = { value = "text|json", doc = "how log lines look (default text)" },
  ["log-level"] = { value = "LEVEL", doc = "error, warn, info or debug (default info)" },
  help = { doc = "this text" },
}

-- `inside`: the module that does with it what the guardian asks.
local function run_command(name, arguments, inside)
  local command, known = require(commands[name].module), {}
  for option, line in pairs(log_options) do known[option] = line end
  for option, line in pairs(command.options) do known[option] = line end
  local all = setmetatable({}, { __index = known })
  for option, line in pairs((inside or command).inner_options or {}) do all[option] = line end
  local options, files = M.parse(arguments, all, known)
  if not options then
    return M.usage_error(("%s: %s; see moonwire %s --help"):format(name, files, name))
  end
  if options.help then
    M.print_command_help(name, known)
    return host.stop(0)
  end
  local ok, err = host.log_setup(options["log-level"] or "info", options["log-format"] or "text")
  if not ok then return M.usage_error(err) end
  return (inside or command).run(options, files)
end

-- A library that was changed and not built goes by structs that are not those of the program: what
-- it read of an order would be anything.
local function misfit()
  local path = assert(package.searchpath("moonwire.cdef", package.path))
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  if host.built_with and host.built_with() == host.digest("sha256", { text }, "hex") then return end
  return ("the library in %s is not of this program's build: make builds it, or start the program "
          .. "that belongs to it"):format(path:match "^(.*)/[^/]*$")
end

local Start = {}

--- The first event: the command line, its words ended by NUL each.
function Start:on_start(text)
  local arguments = {}
  for word in text:gmatch("(%Z*)%z") do arguments[#arguments + 1] = word end
  local problem = misfit()
  local name, inside = table.remove(arguments, 1), nil
  local is_inner = inner[name] and host.guardian() ~= nil
  if problem and not (is_inner and name == "sweep") then return M.usage_error(problem) end
  if is_inner then
    -- Orders are open: a sweep that may fail is better than none.
    if problem then io.stderr:write("moonwire: ", problem, "; the sweep goes on all the same\n") end
    inside = require(inner[name])
    name = table.remove(arguments, 1)
  end
  if name == "--version" then
    print_line("moonwire " .. M.VERSION)
    return host.stop(0)
  elseif (name == "help" or name == "--help") and commands[arguments[1]] then
    return run_command(arguments[1], { "--help" })
  elseif name == "--help" or name == "-h" or name == "help" then
    print_help()
    return host.stop(0)
  elseif not name then
    return M.usage_error("which command? run, repl, reload, sim, check, journal, replay or "
                         .. "audit; see moonwire --help")
  elseif not commands[name] then
    return M.usage_error(("unknown command %s%s; see moonwire --help"):format(
      name, meant(name, commands, "")))
  end
  return run_command(name, arguments, inside)
end

dispatch.listen("start", Start)

return M
