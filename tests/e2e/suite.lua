--- Runs end-to-end tests: each is a task. They run one after the other; those that mostly wait
--- (long_test) run beside the others, one such at a time.

local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local task = require "moonwire.task"

local M = {}
local LIMIT_SECONDS = 1200            -- of one test that does not name its own limit
local tests = {}
local belongings = {}                 -- task -> { processes = {}, directories = {} }

--- Adds a test: a sentence and a body that runs as a task.
---@param seconds number|nil  that it may take, where that is more than usual
function M.test(sentence, body, seconds)
  tests[#tests + 1] = { sentence = sentence, body = body, seconds = seconds }
end

--- The same of one that waits for many seconds.
function M.long_test(sentence, body)
  tests[#tests + 1] = { sentence = sentence, body = body, is_long = true }
end

function M.equal(actual, expected, what)
  if actual ~= expected then
    error(("%s: expected %s, got %s"):format(what or "value", tostring(expected),
                                             tostring(actual)), 2)
  end
end

--- What the running test has started, for who starts more.
---@return { processes: table[], directories: string[] }
function M.mine()
  local current = task.current()
  belongings[current] = belongings[current] or { processes = {}, directories = {} }
  return belongings[current]
end

-- The next test that a lane is for and that MW_TEST_FILTER lets through.
local function take_test(is_long)
  local filter = os.getenv("MW_TEST_FILTER")
  for i, test in ipairs(tests) do
    if (test.is_long or false) == is_long
      and (not filter or test.sentence:find(filter, 1, true)) then
      return table.remove(tests, i)
    end
  end
end

-- Tests one after the other.
local Lane = {}
Lane.__index = Lane

local count = { passed = 0, failed = 0, lanes = 0 }

local function end_lane()
  count.lanes = count.lanes - 1
  if count.lanes > 0 then return end
  io.stdout:write(("%d passed, %d failed\n"):format(count.passed, count.failed))
  io.stdout:flush()
  host.stop(count.failed == 0 and 0 or 1)
end

function Lane:next_test()
  local test = take_test(self.is_long)
  if not test then return end_lane() end
  self.test, self.began = test, host.monotonic()
  self.limit = dispatch.after(test.seconds or LIMIT_SECONDS, self, "give_up")
  self.task = task.start(self, test.sentence, test.body)
end

local function not_ok(self, err)
  count.failed = count.failed + 1
  io.stdout:write("not ok: ", self.test.sentence, "\n", tostring(err), "\n")
end

local function owned_by(ended)
  local owned = belongings[ended] or { processes = {}, directories = {} }
  belongings[ended] = nil
  return owned
end

--- A test that does not end ends the suite: nothing can be said of those after it.
function Lane:give_up()
  local lines = { ("it did not end within %g s"):format(host.monotonic() - self.began) }
  for _, process in ipairs((belongings[self.task] or { processes = {} }).processes) do
    lines[#lines + 1] = self.with.last_words(process)
  end
  not_ok(self, table.concat(lines, "\n"))
  io.stdout:flush()
  for _, owned in pairs(belongings) do self.with.clean_up(owned) end
  host.stop(1)
end

function Lane:on_task_done(done, ok, err)
  self.limit:stop()
  local problems = { not ok and tostring(err) or nil }
  problems[#problems + 1] = self.with.clean_up(owned_by(done))
  if problems[1] then not_ok(self, table.concat(problems, "\n"))
  else count.passed = count.passed + 1 end
  if os.getenv("MW_TEST_TIMES") then
    io.stdout:write(("%6.2f s  %s\n"):format(host.monotonic() - self.began, self.test.sentence))
  end
  io.stdout:flush()
  dispatch.defer(self, "next_test")
end

--- Runs the tests that were added.
---@param with table  { last_words = function(process) -> text,
---                   clean_up = function(owned) -> what did not end | nil }
function M.run_all(with)
  _G.keep_running()
  for _, is_long in ipairs { false, true } do
    count.lanes = count.lanes + 1
    dispatch.after(0, setmetatable({ is_long = is_long, with = with }, Lane), "next_test")
  end
end

return M
