--- moonwire audit: own orders, fills and balances against the venue's. Nothing is sent but
--- questions; a runtime may trade meanwhile. With --repair, which has a guardian and its journal,
--- what the venue says is booked where no runtime does that.

local archive = require "moonwire.archive"
local cli = require "moonwire.cli"
local compare = require "moonwire.compare"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local json = require "moonwire.json"
local loader = require "moonwire.loader"
local recovery = require "moonwire.recovery"
local repair = require "moonwire.repair"
local task = require "moonwire.task"
local untold = require "moonwire.untold"

local M = {
  options = {
    config = { value = "FILE", doc = "configuration (default moonwire.lua)" },
    days = { value = "N", doc = "finished orders of so many days are compared too (default 1)" },
    repair = { doc = "book what the venue says; while no runtime runs" },
    json = { doc = "one JSON object a line" },
  },
}

local DAY = 86400
local WRITTEN_SECONDS = 1             -- until what was booked is in the journal

local Audit = { __name = "moonwire.Audit" }
Audit.__index = Audit

-- Output ------------------------------------------------------------------------------------------

local function print_json(kind, fields)
  local line = { type = kind }
  for name, value in pairs(fields) do
    if name ~= "report" then line[name] = value end
  end
  host.print_line(json.encode(line))
end

local function plural(n, word) return ("%d %s%s"):format(n, word, n == 1 and "" or "s") end

local function signed(amount) return (amount:sign() < 0 and "" or "+") .. tostring(amount) end

-- What the journal makes of a balance (balances.lua).
local function explanation(b)
  local changes = ("own fills %s, fees %s%s"):format(signed(b.fills), signed(b.fees),
    b.other_fills:is_zero() and "" or ", fills of others " .. signed(b.other_fills))
  local held = b.held_unexplained:is_zero() and ""
    or ("; %s held by no order that is open"):format(b.held_unexplained)
  if not b.since then
    return ("the journal has %s, and does not know what was there before%s"):format(changes, held)
  end
  return ("%s at %s UTC, since then %s: %s%s"):format(b.noted,
    os.date("!%Y-%m-%d %H:%M:%S", math.floor(b.since)), changes,
    b.unexplained:is_zero() and "all is explained" or signed(b.unexplained)
      .. " is not explained (rounded, paid in or out, or traded elsewhere)", held)
end

local function print_venue(comparison)
  for _, d in ipairs(comparison.differences) do
    host.print_line(("%-8s %s %s: %s"):format(d.venue, d.client_order_id or d.order_id,
                                              d.symbol or "", d.text))
  end
  for _, b in ipairs(comparison.balances) do
    host.print_line(("%-8s balance %s: %s free, %s held; open orders hold %s of ours, %s of others")
                    :format(b.venue, b.asset, b.free, b.held, b.own, b.others))
    host.print_line(("%-8s         %s: %s"):format(b.venue, b.asset, explanation(b)))
  end
  host.print_line(("%-8s compared %s and %s of ours; %s of somebody else"):format(
    comparison.session.name, plural(comparison.orders, "order"), plural(comparison.fills, "fill"),
    plural(comparison.external, "open order")))
end

local function print_venue_json(comparison)
  for _, difference in ipairs(comparison.differences) do print_json("difference", difference) end
  for _, balance in ipairs(comparison.balances) do print_json("balance", balance) end
  print_json("compared", { venue = comparison.session.name, orders = comparison.orders,
                           fills = comparison.fills, external = comparison.external })
end

-- Running -----------------------------------------------------------------------------------------

local function compare_once(self, session)
  local comparison = compare.new(session, self.archive, self.since)
  local ok, err = comparison:run()
  return ok and comparison, err
end

-- Compares, repairs, and compares again: what is left after it is what is shown.
local function compare_and_repair(self, session)
  local comparison, err = compare_once(self, session)
  if not comparison or not self.repairs or #comparison.differences == 0 then
    return comparison, err
  end
  repair.run(session, self.archive, comparison.differences)
  task.sleep(WRITTEN_SECONDS)
  local before = #comparison.differences
  comparison, err = compare_once(self, session)
  if comparison then
    self.repaired = self.repaired + math.max(0, before - #comparison.differences)
  end
  return comparison, err
end

local function compare_venue(self, session)
  local has_run, comparison, err = xpcall(compare_and_repair, debug.traceback, self, session)
  if not has_run then comparison, err = nil, comparison end
  if not comparison then
    self.failed = self.failed + 1
    return session.log.error("audit: the venue could not be asked: %s", err)
  end
  self.found = self.found + #comparison.differences
  if self.is_json then print_venue_json(comparison) else print_venue(comparison) end
end

function Audit:work()
  for _, session in ipairs(self.desk.session_list) do compare_venue(self, session) end
end

function Audit:on_task_done(_, ok, err)
  if not ok then
    self.failed = self.failed + 1
    self.desk.log.error("audit: %s", err)
  end
  for _, session in ipairs(self.desk.session_list) do session:stop() end
  self.archive:close()
  if not self.is_json and self.failed == 0 then
    if self.repaired > 0 then
      host.print_line(plural(self.repaired, "difference") .. " repaired")
    end
    host.print_line(self.found == 0 and "no difference" or plural(self.found, "difference"))
  end
  host.stop((self.found > 0 or self.failed > 0) and 1 or 0)
end

--- Signals end it.
function Audit:on_signal() host.stop(1) end

-- The sessions of the configuration; its strategies are not loaded, their orders are looked at.
local function load(options)
  local settings, err = loader.load_config(options.config or "moonwire.lua")
  if not settings then return nil, err end
  local ok
  ok, err = host.log_setup(options["log-level"] or settings.log.level,
                           options["log-format"] or settings.log.format)
  if not ok then return nil, err end
  local desk, problems = loader.load_sessions(settings)
  if not desk then return nil, table.concat(problems, "\n") end
  return desk
end

function M.run(options, files)
  if #files > 0 then return cli.usage_error("audit takes no file: " .. files[1]) end
  local days = tonumber(options.days or 1)
  if not (days and days >= 0 and days <= 3650) then
    return cli.usage_error("--days wants a number from 0 to 3650")
  end
  local desk, err = load(options)
  if not desk then return cli.usage_error(err) end
  local journal = desk.config.journal
  local own = archive.open(journal and journal.path, desk.log)
  if not own:is_there() then
    desk.log.error("audit: there is nothing to compare with: %s", journal
      and "no journal " .. journal.path .. "; is --config the right one, and has it run?"
      or "the configuration has no journal")
    return host.stop(1)
  end
  if options.repair then
    recovery.begin_run(desk, own, cli.VERSION)
    untold.keep_all(desk, own)
  end
  local self = setmetatable({
    desk = desk, archive = own, since = dispatch.now() - days * DAY, is_json = options.json,
    found = 0, failed = 0, repairs = options.repair, repaired = 0,
  }, Audit)
  dispatch.listen("signal", self)
  task.start(self, "audit", self.work)
end

return M
