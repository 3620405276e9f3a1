--- What a game of the simulated Instamrkt is about: actions that can happen, and targets, which
--- nest ("harbour:9" is number 9 of harbour).

local M = { NONE = "none" }

local function capitalized(name) return (name:gsub("^%l", string.upper)) end

--- A list, or texts between commas; entries as texts without blanks around them.
function M.list_of(value)
  local items = {}
  if type(value) == "table" then
    for i, item in ipairs(value) do items[i] = tostring(item) end
  else
    for item in tostring(value or ""):gmatch "[^,]+" do items[#items + 1] = item end
  end
  for i, item in ipairs(items) do items[i] = item:match "^%s*(.-)%s*$" end
  return items
end

--- Adds actions that are not there yet.
function M.add_actions(game, names)
  for _, name in ipairs(names) do
    local id = name:lower()
    if not M.has_action(game, id) then
      game.actions[#game.actions + 1] = { id = id, name = capitalized(name) }
    end
  end
end

function M.has_action(game, action_id)
  for _, action in ipairs(game.actions) do
    if action.id == action_id then return true end
  end
  return false
end

local function add_target(game, name)
  local id = name:lower()
  if game.targets[id] then return game.targets[id] end
  local outer, own = name:match "^(.+):([^:]+)$"
  local parent = outer and add_target(game, outer)
  own = own or name
  local target = { id = id, name = capitalized(own), symbol = id:match("[^:]*$"):sub(1, 3),
                   level = parent and parent.level + 1 or 1, targets = {} }
  game.targets[id] = target
  table.insert(parent and parent.targets or game.tree, target)
  return target
end

--- Adds targets that are not there yet, those that they belong to, and "none".
function M.add_targets(game, names)
  for _, name in ipairs(names) do
    if name ~= "" then add_target(game, name) end
  end
  add_target(game, M.NONE)
end

local depth_of
function depth_of(tree)
  local deepest = 0
  for _, target in ipairs(tree) do deepest = math.max(deepest, depth_of(target.targets)) end
  return #tree > 0 and deepest + 1 or 0
end

--- Whether something may happen to a target: none, or one that nothing belongs to.
function M.is_deepest(game, target)
  return target.level == depth_of(game.tree) or #target.targets == 0
end

--- The target that an event names at a pool's level: harbour:9 is harbour one level up.
function M.at_level(target, level)
  local parts = {}
  for part in target:gmatch "[^:]+" do parts[#parts + 1] = part end
  return table.concat(parts, ":", 1, math.min(level, #parts))
end

--- The level of a pool's targets, which must be one, and the targets themselves without "none"; nil
--- and what is wrong.
function M.check_pool_targets(game, names)
  local level, targets = nil, {}
  for _, id in ipairs(names) do
    local target = game.targets[id]
    if not target then return nil, "unknown target " .. id end
    if id ~= M.NONE then
      if level and target.level ~= level then return nil, "targets must be of one level" end
      level, targets[#targets + 1] = target.level, id
    end
  end
  if not level then return nil, "a pool needs targets" end
  return level, targets
end

return M
