--- What is to happen later: a heap of deadlines in ms. It knows no clock; whoever owns it calls
--- run(now). Deadlines that fall together run in the order in which they were made.

---@class moonwire.sim.Schedule
local Schedule = { __name = "moonwire.sim.Schedule" }
Schedule.__index = Schedule

function Schedule.new()
  return setmetatable({ heap = {}, made = 0 }, Schedule)
end

local function earlier(a, b)
  return a.at < b.at or (a.at == b.at and a.made < b.made)
end

local function sift_up(heap, i)
  local job = heap[i]
  while i > 1 do
    local parent = math.floor(i / 2)
    if not earlier(job, heap[parent]) then break end
    heap[i], i = heap[parent], parent
  end
  heap[i] = job
end

local function sift_down(heap, i)
  local job, n = heap[i], #heap
  while true do
    local child = 2 * i
    if child > n then break end
    if child < n and earlier(heap[child + 1], heap[child]) then child = child + 1 end
    if not earlier(heap[child], job) then break end
    heap[i], i = heap[child], child
  end
  heap[i] = job
end

--- Calls fn(now) once `at` (ms) has come. The result's `off = true` takes it back.
function Schedule:at(at, fn)
  self.made = self.made + 1
  local job = { at = at, made = self.made, fn = fn }
  local heap = self.heap
  heap[#heap + 1] = job
  sift_up(heap, #heap)
  return job
end

local function pop(heap)
  local first, last = heap[1], table.remove(heap)
  if #heap > 0 then
    heap[1] = last
    sift_down(heap, 1)
  end
  return first
end

--- The next deadline, nil when there is none.
function Schedule:next()
  local heap = self.heap
  while heap[1] and heap[1].off do pop(heap) end
  return heap[1] and heap[1].at
end

--- Runs all that is due, also what becomes due on the way.
function Schedule:run(now)
  local at = self:next()
  while at and at <= now do
    local job = pop(self.heap)
    job.off = true
    job.fn(now)
    at = self:next()
  end
end

return Schedule
