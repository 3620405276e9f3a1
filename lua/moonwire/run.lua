--- moonwire run: trade until stopped.

local archive = require "moonwire.archive"
local cli = require "moonwire.cli"
local config = require "moonwire.config"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local loader = require "moonwire.loader"
local recovery = require "moonwire.recovery"
local watch = require "moonwire.watch"

local M = {
  options = {
    config = { value = "FILE", doc = "configuration (default moonwire.lua)" },
    events = { doc = "print order events to standard output, and a summary at the end" },
    seconds = { value = "N", doc = "stop by itself after so many seconds" },
  },
}

local SIGHUP, SIGINT, SIGTERM = 1, 2, 15
local Signals = {}
local names = { [SIGHUP] = "SIGHUP", [SIGINT] = "SIGINT", [SIGTERM] = "SIGTERM" }

function Signals:on_signal(number)
  if number == SIGHUP then
    return self.desk.log.warn("SIGHUP: reload is not part of this version; nothing changed")
  end
  self.desk:stop(0, names[number] or "signal " .. number)
end

--- Reads the configuration and the strategies; says on standard error what is wrong. Shared with
--- `moonwire check`.
function M.load(options, files)
  local settings, err = loader.load_config(options.config or "moonwire.lua")
  if not settings then return nil, err end
  local ok
  ok, err = config.add_strategies(settings, files)
  if not ok then return nil, err end
  -- What the command line says about logs goes before the configuration.
  ok, err = host.log_setup(options["log-level"] or settings.log.level,
                           options["log-format"] or settings.log.format)
  if not ok then return nil, err end
  local desk, problems = loader.load(settings)
  if not desk then return nil, table.concat(problems, "\n") end
  return desk
end

-- What the configuration may ask for and this version cannot do yet is said, never passed over.
local function warn_of_gaps(desk)
  local settings = desk.config
  if settings.journal then desk.log.warn("journal: this version does not keep a journal") end
  if settings.console then desk.log.warn("console: this version has no console") end
  for name, venue in pairs(settings.venues) do
    if venue.dead_man then
      desk.log.warn("venues.%s.dead_man: this version does not arm the venue's countdown", name)
    end
  end
end

function M.run(options, files)
  local desk, err = M.load(options, files)
  if not desk then return cli.usage_error(err) end
  local seconds = options.seconds and tonumber(options.seconds)
  if options.seconds and not (seconds and seconds > 0 and seconds <= 1e8) then
    return cli.usage_error("--seconds wants a number above 0")
  end
  warn_of_gaps(desk)
  Signals.desk = desk
  dispatch.listen("signal", Signals)
  if options.events then watch.attach(desk) end
  if desk.config.spin then host.spin(true) end
  if seconds then
    dispatch.after(seconds, desk, "stop", 0, "the time given by --seconds is over")
  end
  local journal = desk.config.journal
  recovery.begin(desk, archive.open(journal and journal.path, desk.log))
  desk:start()
end

return M
