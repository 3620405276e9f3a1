--- moonwire run: trade until stopped.

local archive = require "moonwire.archive"
local budget = require "moonwire.budget"
local cli = require "moonwire.cli"
local config = require "moonwire.config"
local console = require "moonwire.console"
local dispatch = require "moonwire.dispatch"
local guarded = require "moonwire.guarded"
local host = require "moonwire.host"
local loader = require "moonwire.loader"
local recovery = require "moonwire.recovery"
local reload = require "moonwire.reload"
local watch = require "moonwire.watch"

local M = {
  options = {
    config = { value = "FILE", doc = "configuration (default moonwire.lua)" },
    console = { value = "SOCKET", doc = "let prompts attach there; see console.path" },
    events = { doc = "print order events to standard output, and a summary at the end" },
    ["no-watch"] = { doc = "files that are saved are not loaded again by themselves" },
    seconds = { value = "N", doc = "stop by itself after so many seconds" },
  },
}

local SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGTERM = 1, 2, 10, 12, 15
local Signals = {}
local names = { [SIGHUP] = "SIGHUP", [SIGINT] = "SIGINT", [SIGTERM] = "SIGTERM" }

function Signals:on_signal(number)
  if number == SIGHUP then
    self.desk.reloader:reload_all("SIGHUP", "SIGHUP: what runs is what stands in the files")
    return
  elseif number == SIGUSR1 then
    return self.desk:stop(1, "the guardian died")
  elseif number == SIGUSR2 then
    return budget.on_memory(self.desk)
  end
  self.desk:stop(0, names[number] or "signal " .. number)
end

-- The configuration, the command line's strategies and log options added.
local function settings_of(options, files, is_now)
  local settings, err = loader.load_config(options.config or "moonwire.lua", is_now)
  if not settings then return nil, err end
  local ok
  ok, err = config.add_strategies(settings, files)
  if not ok then return nil, err end
  -- What the command line says about logs goes before the configuration.
  settings.log.level = options["log-level"] or settings.log.level
  settings.log.format = options["log-format"] or settings.log.format
  return settings
end

--- Reads the configuration, the command line's strategies added; nil, err with all that is wrong.
---@return moonwire.Configuration|nil
---@return string|nil err
function M.read(options, files)
  if options.seconds then
    local seconds = tonumber(options.seconds)
    if not (seconds and seconds > 0 and seconds <= 1e8) then
      return nil, "--seconds wants a number above 0"
    end
  end
  local settings, err = settings_of(options, files)
  if not settings then return nil, err end
  local ok
  ok, err = host.log_setup(settings.log.level, settings.log.format)
  if not ok then return nil, err end
  return settings
end

-- Orders that the configuration wants left open, at a venue that does not leave them.
local function warn_of_what_goes(desk)
  for _, session in ipairs(desk.session_list) do
    local drops = session.config.dead_man and session:capabilities().cancel_on_disconnect
    local how = session.countdown and ("when it has not heard of us for %g s"):format(
      session.config.dead_man) or drops and "when the connection ends"
    for _, key in ipairs { "on_crash", "on_stop" } do
      -- (A countdown is turned off at a stop.)
      if desk.config[key] == "leave" and (drops or how and key == "on_crash") then
        desk.log.warn('%s = "leave" leaves nothing open on venue %s, which itself cancels %s: '
          .. "set venues.%s.dead_man = false if orders shall stay", key, session.name, how,
          session.name)
      end
    end
  end
end

--- Reads the configuration and loads the strategies; nil, err with all that is wrong. Shared with
--- `moonwire check`.
function M.load(options, files)
  local settings, err = M.read(options, files)
  if not settings then return nil, err end
  local ok
  ok, err = budget.start(settings)
  if not ok then return nil, err end
  local desk, problems = loader.load(settings)
  if not desk then return nil, table.concat(problems, "\n") end
  warn_of_what_goes(desk)
  return desk
end

-- The sockets at which prompts attach: the configuration's, and one of `moonwire repl`.
local function open_console(desk, options)
  local paths = {}
  if desk.config.console then paths[1] = desk.config.console.path end
  paths[#paths + 1] = options.console
  if #paths == 0 then return true end
  local prompt, err = console.new(desk, cli.VERSION)
  if not prompt then return nil, err end
  for _, path in ipairs(paths) do
    local ok
    ok, err = prompt:listen(path)
    if not ok then return nil, "console: " .. err end
  end
  -- Whoever started this waits for it.
  if options.console then host.print_line("console " .. options.console) end
  return true
end

function M.run(options, files)
  local desk, err = M.load(options, files)
  if not desk then return cli.usage_error(err) end
  local ok
  ok, err = open_console(desk, options)
  if not ok then return cli.usage_error(err) end
  Signals.desk = desk
  dispatch.listen("signal", Signals)
  if options.events then watch.attach(desk) end
  if desk.config.spin then host.spin(true) end
  if options.seconds then
    dispatch.after(tonumber(options.seconds), desk, "stop", 0,
                   "the time given by --seconds is over")
  end
  local journal = desk.config.journal
  local past = archive.open(journal and journal.path, desk.log)
  recovery.begin(desk, past, cli.VERSION)
  reload.begin(desk, {
    watch = not options["no-watch"], past = past:versions(),
    reread = function() return settings_of(options, files, true) end,
  })
  guarded.begin(desk)
  desk:start()
end

return M
