--- What a runtime does about the troubles of its guardian: a journal that cannot be written has the
--- consequence that `on_journal_failure` says.

local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"

local Guarded = { __name = "moonwire.Guarded" }
Guarded.__index = Guarded

local M = {}
local LOOK_SECONDS = 1

--- Looks at it from now on; without a guardian there is nothing to look at.
---@param desk moonwire.Desk
function M.begin(desk)
  if host.guardian() == nil then return end
  dispatch.every(LOOK_SECONDS, setmetatable({ desk = desk }, Guarded), "look")
end

function Guarded:look()
  local desk = self.desk
  local is_fine, why = host.guardian()
  if is_fine then return self:go_on() end
  if desk.config.on_journal_failure ~= "halt" then
    return desk:stop(1, "the journal cannot be written: " .. why)
  end
  if desk.halted then return end
  desk.halted = "no new orders while the journal cannot be written: " .. why
  desk.log.error("%s; open orders stay (on_journal_failure)", desk.halted)
end

function Guarded:go_on()
  if not self.desk.halted then return end
  self.desk.halted = false
  self.desk.log.warn("the journal is written again: new orders may be sent")
end

return M
