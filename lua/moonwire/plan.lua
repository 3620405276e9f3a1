--- What comes before `moonwire run` and `moonwire audit --repair`, in a process of its own: the
--- configuration is read and what the guardian must know of it is handed over. What is wrong is
--- said here, with status 2, before anything is locked or opened.

local cli = require "moonwire.cli"
local host = require "moonwire.host"
local run = require "moonwire.run"
local sorted = require "moonwire.sorted"

local M = {}
local DAY = 86400

--- The locks of a configuration: its journal, and each account that it trades, by a digest that
--- tells nothing about the key.
---@param settings moonwire.Configuration
---@param repairs boolean|nil  audit --repair wants them
---@return { path: string, what: string }[]|nil
---@return string|nil err     two of its venues are one account
function M.locks(settings, repairs)
  local locks, venue_of = {}, {}
  local why = repairs and "a runtime books by itself what the venue says; " or ""
  if settings.journal then
    locks[1] = { path = settings.journal.path .. ".lock",
                 what = why .. "journal: " .. settings.journal.path .. " is written already" }
    if not locks[1].path:find("/", 1, true) then locks[1].path = "./" .. locks[1].path end
  end
  for _, name in ipairs(sorted.keys(settings.venues)) do
    local venue = settings.venues[name]
    local account = host.digest("sha256", { "moonwire account\n", venue.protocol, "\n",
                                            venue.rest_url or "", "\n", venue.key }, "hex")
    if venue_of[account] then
      return nil, ("venues.%s: the same account as venues.%s: one of them has to go"):format(name,
        venue_of[account])
    end
    venue_of[account] = name
    locks[#locks + 1] = { path = "account-" .. account:sub(1, 32) .. ".lock",
                          what = ("%svenues.%s: this account is traded already"):format(why, name) }
  end
  return locks
end

function M.run(options, files)
  local settings, err = run.read(options, options.repair and {} or files)
  if not settings then return cli.usage_error(err) end
  local journal = settings.journal or {}
  local locks, problem = M.locks(settings, options.repair)
  if not locks then return cli.usage_error(settings.path .. ": " .. problem) end
  local ok
  ok, err = pcall(host.plan, {
    config = settings.path, config_text = settings.text, name = settings.name,
    journal = journal.path, journal_mb = journal.max_mb,
    journal_seconds = journal.max_days and journal.max_days * DAY,
    hang_limit = settings.hang_limit, max_callback = settings.max_callback,
    memory_mb = settings.memory_limit_mb, restart = settings.restart and not options.repair,
    cancel_on_crash = settings.on_crash == "cancel" and not options.repair,
    log_level = options["log-level"] or settings.log.level,
    log_json = (options["log-format"] or settings.log.format) == "json",
    locks = locks,
  })
  if not ok then return cli.usage_error(settings.path .. ": " .. err) end
  host.stop(0)
end

return M
