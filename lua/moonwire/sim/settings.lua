--- Named switches of a simulator: defined once, set as "name=value" from the command line or at run
--- time, each value checked against its definition.

local M = {}

local Settings = { __name = "moonwire.sim.Settings" }

local readers = {}

function readers.boolean(_, text)
  if text == "on" or text == "true" or text == "1" then return true end
  if text == "off" or text == "false" or text == "0" then return false end
  return nil, "on or off"
end

function readers.number(_, text)
  local number = tonumber(text)
  if number and number >= 0 and number < 1e15 then return number end
  return nil, "a number, 0 or more"
end

function readers.choice(definition, text)
  for _, choice in ipairs(definition.choices) do
    if choice == text then return text end
  end
  return nil, table.concat(definition.choices, " or ")
end

--- A list of { name, default, choices|nil, what it does }: the reader follows from the default.
---@param definitions { [1]: string, [2]: any, [3]: string, choices: string[]? }[]
function M.new(definitions)
  local by_name, values = {}, {}
  for _, definition in ipairs(definitions) do
    by_name[definition[1]] = definition
    values[definition[1]] = definition[2]
  end
  return setmetatable(values, { __index = function(_, name)
    return Settings[name] or error("no setting " .. tostring(name), 2)
  end, definitions = definitions, by_name = by_name })
end

--- Sets "name=value"; nil and what is wrong.
function Settings:set(text)
  local meta = getmetatable(self)
  local name, value = text:match("^([%w_]+)=(.*)$")
  local definition = name and meta.by_name[name]
  if not definition then
    local names = {}
    for i, d in ipairs(meta.definitions) do names[i] = d[1] end
    return nil, string.format('set "%s": no such setting; there is %s', text,
                              table.concat(names, " "))
  end
  local read = definition.choices and readers.choice or readers[type(definition[2])]
  local result, expected = read(definition, value)
  if result == nil then return nil, string.format('set "%s": expected %s', text, expected) end
  rawset(self, name, result)
  return true
end

--- One line a setting: name=value and what it does.
function Settings:describe()
  local lines = {}
  for i, d in ipairs(getmetatable(self).definitions) do
    local value = self[d[1]]
    if type(value) == "boolean" then value = value and "on" or "off" end
    lines[i] = string.format("  %-32s %s", d[1] .. "=" .. tostring(value), d[3])
  end
  return table.concat(lines, "\n")
end

--- Name -> value, a copy.
function Settings:values()
  local copy = {}
  for _, d in ipairs(getmetatable(self).definitions) do copy[d[1]] = self[d[1]] end
  return copy
end

return M
