--- What is handed out of something that is the runtime's own, an order or a position: to be read.
--- To write to it raises, so that no mistake of a strategy changes what the runtime believes of its
--- orders and does with them.

local M = {}
local OWN = "\0own"                   -- where a view has what it shows; nobody types it
local names_of = {}                   -- class of views -> { fields =, place =, methods = }

--- A class of views.
---@param of { name: string, fields: string[], methods: string[], advice: string }
---        methods of what is shown; advice: what to do in place of writing, %s is the name
---@return table
function M.class(of)
  local View, place, methods = { __name = of.name }, {}, {}
  for i, field in ipairs(of.fields) do place[field] = i end
  for _, name in ipairs(of.methods) do
    methods[name] = function(view, ...)
      local own = M.own(View, view)
      if not own then error(("%s is a method: call it as value:%s()"):format(name, name), 2) end
      return own[name](own, ...)
    end
  end
  function View.__index(view, key)
    if place[key] then return rawget(view, OWN)[key] end
    return methods[key]
  end
  function View.__newindex(view, key)
    error(tostring(view) .. ": " .. of.advice:format(tostring(key)), 2)
  end
  function View.__tostring(view) return tostring(rawget(view, OWN)) end
  function View.__eq(a, b) return rawget(a, OWN) == rawget(b, OWN) end
  names_of[View] = { fields = of.fields, place = place, methods = methods }
  return View
end

--- A view of `own`.
function M.of(View, own) return setmetatable({ [OWN] = own }, View) end

--- What a view of this class shows; nil when `value` is none.
function M.own(View, value)
  return type(value) == "table" and getmetatable(value) == View and rawget(value, OWN) or nil
end

--- Whether this is a view of something.
function M.is(value)
  return type(value) == "table" and names_of[getmetatable(value) or false] ~= nil
end

--- As next: the field of a view behind `name` that has a value; the first one when that is nil.
---@param view table
---@param name string|nil
---@return string|nil name
---@return any value
function M.next(view, name)
  local names = names_of[getmetatable(view)]
  local at = name == nil and 0 or names.place[name] or error("no field " .. tostring(name), 2)
  for i = at + 1, #names.fields do
    local field = view[names.fields[i]]
    if field ~= nil then return names.fields[i], field end
  end
end

--- Calls add(name, member) for all that a view has; false when `value` is none.
---@param value any
---@param add fun(name: string, member: any)
function M.members(value, add)
  local names = type(value) == "table" and names_of[getmetatable(value) or false]
  if not names then return false end
  for _, name in ipairs(names.fields) do
    if value[name] ~= nil then add(name, value[name]) end
  end
  for name, method in pairs(names.methods) do add(name, method) end
  return true
end

return M
