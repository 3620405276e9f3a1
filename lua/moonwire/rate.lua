--- How often something may be done, counted as venues count: sliding windows. A rule allows `count`
--- in any `per` seconds. Its window is a ring of `count` slots, and a slot is used again only when
--- its last use is `per` seconds old: so no stretch of `per` seconds can hold more than `count`.
--- Time comes from outside. When it goes back it counts on from where it was: a clock set back by
--- an hour neither blocks anybody for an hour nor opens a window early.

local M = {}

local PAD = 1e-6                -- seconds added to a wait, so that rounding never makes it short

--- The time for `state` (any table; fields `shift` and `last` are this function's): it never goes
--- back.
local function steady(state, now)
  local time = now + (state.shift or 0)
  local last = state.last
  if last and time < last then
    state.shift, time = last - now, last
  end
  state.last = time
  return time
end

M.steady = steady

-- Seconds until one more fits into the ring; 0: now.
local function wait_of(ring, per, time)
  local used_at = ring[ring.head or 1]
  if not used_at or time - used_at >= per then return 0 end
  return per - (time - used_at) + PAD
end

local function take(ring, count, time)
  local head = ring.head or 1
  ring[head] = time
  ring.head = head % count + 1
end

--- One window by itself; `ring` is the caller's table, empty at first.
---@param ring table
---@param count integer
---@param per number         seconds
---@param now number         seconds
---@return boolean taken
---@return number|nil retry_after  seconds, when not taken
function M.take(ring, count, per, now)
  local time = steady(ring, now)
  local wait = wait_of(ring, per, time)
  if wait > 0 then return false, wait end
  take(ring, count, time)
  return true
end

---@class moonwire.RateRule
---@field name string         what is limited; also the kind that counts, unless `kinds` says more
---@field count integer       so many ...
---@field per number          ... in any so many seconds
---@field key string|nil      counted apart for each value of this, e.g. "symbol"; nil: all together
---@field kinds string[]|"*"|nil  the kinds that share this budget; "*": all
---@field reserve integer|nil so many of `count` are for kind "cancel" alone

--- What one of several may use of a venue's limit for a kind of request, so that it can never use
--- it up: two thirds of the tightest of its rules, without what is kept for cancels.
---@param rules moonwire.RateRule[]|nil
---@param kind string
---@return { count: integer, per: number }|nil  nil: the venue has no limit for it
function M.share(rules, kind)
  local tightest
  for _, rule in ipairs(rules or {}) do
    local applies = rule.kinds == "*" or not rule.kinds and rule.name == kind
    for _, each in ipairs(type(rule.kinds) == "table" and rule.kinds or {}) do
      applies = applies or each == kind
    end
    local count = math.max(1, math.floor((rule.count - (rule.reserve or 0)) * 2 / 3))
    if applies and (not tightest or count / rule.per < tightest.count / tightest.per) then
      tightest = { count = count, per = rule.per }
    end
  end
  return tightest
end

---@class moonwire.Limiter
local Limiter = { __name = "moonwire.Limiter" }
Limiter.__index = Limiter

local rule_fields = { name = true, count = true, per = true, key = true, kinds = true,
                      reserve = true }

local function is_count(value, low, high)
  return type(value) == "number" and value % 1 == 0 and value >= low and value <= high
end

local function kind_set(rule)
  if rule.kinds == "*" then return nil end
  local set = {}
  for _, kind in ipairs(rule.kinds or { rule.name }) do set[kind] = true end
  return set
end

local function check_rule(rule)
  local name = tostring(rule.name)
  for field in pairs(rule) do
    if not rule_fields[field] then
      error(("rate rule %s: unknown field %s"):format(name, tostring(field)), 3)
    end
  end
  if type(rule.name) ~= "string" then error("rate rule without a name", 3) end
  if not is_count(rule.count, 1, 1e6) then
    error(("rate rule %s: count must be a whole number from 1 to 1000000"):format(name), 3)
  end
  if type(rule.per) ~= "number" or not (rule.per > 0 and rule.per <= 1e6) then
    error(("rate rule %s: per must be seconds above 0"):format(name), 3)
  end
  if rule.reserve and not is_count(rule.reserve, 1, rule.count - 1) then
    error(("rate rule %s: reserve must be a whole number below count"):format(name), 3)
  end
end

local function new_gate(rule, count, kinds, except)
  return { name = rule.name, count = count, per = rule.per, key = rule.key, kinds = kinds,
           except = except, ring = not rule.key and {} or nil, rings = rule.key and {} or nil }
end

--- A limiter for a venue's rules. Raises for a rule that makes no sense.
---@param rules moonwire.RateRule[]|nil  nil or empty: nothing is limited
---@return moonwire.Limiter
function M.new(rules)
  local gates = {}
  for _, rule in ipairs(rules or {}) do
    check_rule(rule)
    local kinds = kind_set(rule)
    gates[#gates + 1] = new_gate(rule, rule.count, kinds)
    -- The reserve is a second, smaller budget that everything but a cancel must fit into as well.
    if rule.reserve then
      gates[#gates + 1] = new_gate(rule, rule.count - rule.reserve, kinds, "cancel")
    end
  end
  return setmetatable({ gates = gates, gates_of = {}, blocked = {}, shift = 0, last = false },
                      Limiter)
end

-- The gates that a kind has to pass; looked up once a kind.
local function gates_for(self, kind)
  local list = self.gates_of[kind]
  if list then return list end
  list = {}
  for _, gate in ipairs(self.gates) do
    if gate.except ~= kind and (not gate.kinds or gate.kinds[kind]) then list[#list + 1] = gate end
  end
  self.gates_of[kind] = list
  return list
end

local function ring_of(gate, key)
  if gate.ring then return gate.ring end
  if key == nil then
    error(("rate rule %s counts by %s: a key is wanted"):format(gate.name, gate.key), 3)
  end
  local ring = gate.rings[key]
  if not ring then
    ring = {}
    gate.rings[key] = ring
  end
  return ring
end

-- The last uses of a ring that still count, in their order, in one of another size.
local function carried(ring, count)
  local times, carried_over = {}, {}
  for i = 1, #ring do times[i] = ring[i] end
  table.sort(times)
  for i = math.max(1, #times - count + 1), #times do
    carried_over[#carried_over + 1] = times[i]
  end
  carried_over.head = #carried_over % count + 1
  return carried_over
end

--- Goes on from another limiter's uses and blocks: the venue has counted them, whatever the rules
--- are called now. Rules are the same ones by their names.
---@param other moonwire.Limiter
---@return moonwire.Limiter self
function Limiter:go_on_from(other)
  self.blocked, self.shift, self.last = other.blocked, other.shift, other.last
  for _, gate in ipairs(self.gates) do
    for _, old in ipairs(other.gates) do
      if old.name == gate.name and old.except == gate.except and old.key == gate.key then
        if gate.ring then gate.ring = carried(old.ring, gate.count) end
        for key, ring in pairs(old.rings or {}) do gate.rings[key] = carried(ring, gate.count) end
      end
    end
  end
  return self
end

local function left(until_time, time)
  return until_time and until_time > time and until_time - time + PAD or 0
end

local function block_of(blocks, key, time)
  if not blocks then return 0 end
  local wait = left(blocks.all, time)
  if key ~= nil then wait = math.max(wait, left(blocks.keys[key], time)) end
  return wait
end

--- Takes a place for one request, in every budget that it counts in, or in none. A kind without
--- rules is not limited.
---@param kind string        e.g. "submit", "cancel"
---@param key any            what a rule with `key` counts by, e.g. the symbol
---@param now number         seconds
---@return boolean taken
---@return number|nil retry_after  seconds until it is worth another try, when not taken
function Limiter:try(kind, key, now)
  local time = steady(self, now)
  local wait = math.max(block_of(self.blocked[kind], key, time),
                        block_of(self.blocked["*"], key, time))
  local gates = gates_for(self, kind)
  for i = 1, #gates do
    wait = math.max(wait, wait_of(ring_of(gates[i], key), gates[i].per, time))
  end
  if wait > 0 then return false, wait end
  for i = 1, #gates do take(ring_of(gates[i], key), gates[i].count, time) end
  return true
end

--- The venue said "too many": nothing of this kind for so many seconds. A longer block stands.
---@param kind string        "*": of any kind
---@param key any            nil: whatever the key
---@param seconds number
---@param now number         seconds
function Limiter:block(kind, key, seconds, now)
  local until_time = steady(self, now) + seconds
  local blocks = self.blocked[kind]
  if not blocks then
    blocks = { keys = {} }
    self.blocked[kind] = blocks
  end
  if key == nil then blocks.all = math.max(blocks.all or until_time, until_time)
  else blocks.keys[key] = math.max(blocks.keys[key] or until_time, until_time) end
end

return M
