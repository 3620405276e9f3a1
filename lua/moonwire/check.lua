--- moonwire check: load all of it, connect to nothing.

local cli = require "moonwire.cli"
local host = require "moonwire.host"
local run = require "moonwire.run"

local M = {
  options = { config = { value = "FILE", doc = "configuration (default moonwire.lua)" } },
}

function M.run(options, files)
  local desk, err = run.load(options, files)
  if not desk then return cli.usage_error(err) end
  for _, session in ipairs(desk.session_list) do
    host.print_line(("venue     %-16s %s, %s"):format(session.name, session.config.protocol,
                                                     session.config.rest_url))
  end
  for _, runner in ipairs(desk.runner_list) do
    host.print_line(("strategy  %-16s %s"):format(runner.name, runner.file))
  end
  host.print_line("all good: nothing was connected")
  host.stop(0)
end

return M
