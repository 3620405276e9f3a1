--- Property: whatever happens to the messages about an order (late, twice, out of order, lost, a
--- missing answer, an old answer to a question), once the venue has been asked the order is what
--- the venue says. So it is with each venue's own messages, read by its own code, and when the
--- process dies in between, once or more, and the order is made again from the journal.
---
--- MW_PROPERTY_RUNS (default 100000) histories, and a fifth of that in each venue's messages;
--- MW_PROPERTY_SEED repeats a run that failed.

local t = require "tests.tap"
local reports = require "tests.properties.shapes.reports"
local truth = require "tests.properties.truth"

local RUNS = tonumber(os.getenv("MW_PROPERTY_RUNS") or 100000)
local SEED = tonumber(os.getenv("MW_PROPERTY_SEED") or 20261121)
local DEATHS = 0.2                     -- chance of one before each message

t.test("an order ends as the venue has it, whatever happened to the messages", function()
  truth.hold(reports, RUNS, SEED)
end)

t.test("an order ends as the venue has it, however often the process died", function()
  truth.hold(reports, RUNS, SEED, { before_message = function(world)
    if math.random() >= DEATHS then return false end
    world:die()
    return true
  end })
end)

for _, name in ipairs { "indodax", "finery", "peatio", "ranger", "instamrkt" } do
  t.test("an order ends as the venue has it, told in the venue's own messages: " .. name, function()
    truth.hold(require("tests.properties.shapes." .. name), math.ceil(RUNS / 5), SEED)
  end)
end

t.done()
