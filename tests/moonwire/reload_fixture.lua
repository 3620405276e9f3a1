--- Strategies in files on a stage, to be changed while they run.

local dump = string.dump              -- before the sandbox takes it away
local stage = require "tests.moonwire.stage"
local code = require "moonwire.code"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local reload = require "moonwire.reload"
local files = require "tests.files"
local strategy = require "moonwire.strategy"
local task = require "moonwire.task"

local M = {}
local directory = files.directory "reload"

M.HEAD = [[
local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR", qty = "0.001" }
]]

function M.path(name) return directory .. "/" .. name end

function M.write(name, text) files.write(M.path(name), text) end

--- A strategy's file: what all have, and `body` between that and the end. Line 3 is its first.
function M.file(name, body) M.write(name, M.HEAD .. body .. "\nreturn S\n") end

function M.remove(name) os.remove(M.path(name)) end

-- Watching is the host's; here a test says what changed.
function host.watch() return true end
function host.unwatch() end

-- The thread that compiles has done so as soon as it is looked for.
local compiling, last_compiled = {}, 1e6
function host.compile(text, source)
  local chunk, err = load(text, source, "t")
  last_compiled = last_compiled + 1
  table.insert(compiling, { id = last_compiled, bytecode = chunk and dump(chunk), err = err or "" })
  return last_compiled
end

--- A stage with these strategies, { name = params }, of files of those names, started.
---@param strategies table<string, table>
---@param options table|nil  as of stage.new; probation, reload (of reload.begin), trusted, config
function M.play(strategies, options)
  options = options or {}
  local names, loaded = {}, {}
  for name in pairs(strategies) do names[#names + 1] = name end
  table.sort(names)
  options.strategies = {}
  for _, name in ipairs(names) do
    local spec = { name = name, file = M.path(name .. ".lua"), params = strategies[name],
                   trusted = options.trusted }
    local kept = {}
    local ok, err = code.load(spec, { kept = kept })
    loaded[name] = assert(ok, err)
    loaded[name].kept = kept
    spec.class = loaded[name].class
    table.insert(options.strategies, spec)
  end
  local s = stage.new(options)
  s.desk.config.strategies = options.strategies
  s.desk.config.probation = options.probation == nil and { errors = 3, seconds = 30 }
    or options.probation
  for name, runner in pairs(s.runners) do
    loaded[name].keeper:settle()
    runner.code, runner.kept = loaded[name], loaded[name].kept
    runner.environments[loaded[name].environment] = true
  end
  s.reloader = reload.begin(s.desk, options.reload or { watch = true })
  s:start()
  return s, s.runners[names[1]]
end

--- Plays until no change of code is under way. No time passes.
function M.finish(s)
  s:settle()
  while s.reloader.is_working or s.reloader.jobs[1] do
    for _, each in ipairs(compiling) do s:event("compiled", each.id, each.bytecode, each.err) end
    compiling = {}
    s:advance(0)
  end
end

local finish = M.finish

--- Compiles what a change that has begun waits for; the function that is returned plays the rest.
function M.before_swap(s)
  for _, each in ipairs(compiling) do s:event("compiled", each.id, each.bytecode, each.err) end
  compiling = {}
  return function() finish(s) end
end

--- The host tells that these files changed, in one event.
function M.saved(s, ...)
  local paths = {}
  for _, name in ipairs { ... } do paths[#paths + 1] = M.path(name) .. "\0" end
  s:run(s.reloader, "on_file_changed", table.concat(paths))
  finish(s)
end

--- The reloader's method, in a task outside of any callback; what it returned.
function M.ask(s, method, ...)
  local caller, results = {}, nil
  function caller:on_task_done(_, ok, told, err) results = { assert(ok, told) and told, err } end
  function caller:ask(...)
    local args, n = { ... }, select("#", ...)
    task.start(self, "asking", function()
      return s.reloader[method](s.reloader, unpack(args, 1, n))
    end)
  end
  s:run(caller, "ask", ...)
  finish(s)
  return results[1], results[2]
end

M.strategy, M.dispatch = strategy, dispatch

function M.done()
  files.remove(directory)
  stage.done()
end

return M
