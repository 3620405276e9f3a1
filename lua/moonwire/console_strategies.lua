--- Strategies and their code at the prompt: started, stopped, reloaded, rolled back.

local find = require "moonwire.console_find"
local format = require "moonwire.format"
local survey = require "moonwire.survey"

-- name -> { usage =, about =, sends = it changes something, run = function(session, ...) }
local commands = {}
local fail = find.fail

commands.strategies = {
  usage = "strategies()", about = "The strategies, their states and their open orders.",
  run = function(session)
    return format.list(survey.strategies(session.desk),
                       { "name", "state", "open_orders", "errors", "file" },
                       "no strategies: moonwire run FILE.lua, or `strategies` in the configuration")
  end,
}

commands.start = {
  usage = 'start("ladder-btc")', sends = true, about = "Starts a strategy that was stopped.",
  run = function(session, name)
    local runner = find.runner(session, name)
    if runner.state ~= "stopped" then fail("strategy %s is %s", name, runner.state) end
    if next(runner.class) == nil then
      fail("strategy %s was stopped for its memory: reload(%q) first", name, name)
    end
    session.runner:ask(runner, "restart", nil, session.who)
  end,
}

commands.stop = {
  usage = 'stop("ladder-btc")', sends = true,
  about = "Stops a strategy: on_stop is called, its open orders are canceled. The runtime goes on.",
  run = function(session, name)
    local runner = find.runner(session, name)
    if runner.state ~= "running" then fail("strategy %s is %s", name, runner.state) end
    runner.is_held = true
    session.runner:ask(runner, "stop", nil, "stopped at the prompt")
  end,
}

-- What hot reload gives to the desk.
local function of_code(method, sends, usage, about, takes_who, columns)
  return {
    usage = usage, about = about, sends = sends,
    run = function(session, name, a, b)
      if takes_who and a == nil then a = "reload()" end
      local result, err = session.desk[method](session.desk, name, a, b)
      if not result then fail("%s", tostring(err)) end
      if type(result) == "string" then return session.environment.print(result) end
      return columns and format.list(result, columns) or result
    end,
  }
end

commands.reload = of_code("reload", true, 'reload([name])',
  "Loads the code of a strategy, a venue or all of it anew; when that fails, the old code goes on.",
  true)
commands.rollback = of_code("rollback", true, 'rollback(name [, version])',
  "Goes back to the version before this one, or to that one.")
commands.versions = of_code("versions", false, 'versions(name)', "The last versions of its code.",
  false, { "number", "time", "by", "is_running", "files" })
commands.diff = of_code("diff", false, 'diff(name, a, b)', "What differs between two versions.")

return commands
