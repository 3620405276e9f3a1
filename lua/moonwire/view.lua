--- What is handed out of something that is the runtime's own, an order or a position: to be read.
--- To write to it raises, so that no mistake of a strategy changes what the runtime believes of its
--- orders and does with them.

local M = {}
local OWN = "\0own"                   -- where a view has what it shows; nobody types it
local names_of = {}                   -- class of views -> { fields =, methods = }

--- A class of views.
---@param of { name: string, fields: string[], methods: string[], advice: string }
---        methods of what is shown; advice: what to do in place of writing, %s is the name
---@return table
function M.class(of)
  local View, is_field, methods = { __name = of.name }, {}, {}
  for _, field in ipairs(of.fields) do is_field[field] = true end
  for _, name in ipairs(of.methods) do
    methods[name] = function(view, ...)
      local own = M.own(View, view)
      if not own then error(("%s is a method: call it as value:%s()"):format(name, name), 2) end
      return own[name](own, ...)
    end
  end
  function View.__index(view, key)
    if is_field[key] then return rawget(view, OWN)[key] end
    return methods[key]
  end
  function View.__newindex(view, key)
    error(tostring(view) .. ": " .. of.advice:format(tostring(key)), 2)
  end
  function View.__tostring(view) return tostring(rawget(view, OWN)) end
  function View.__eq(a, b) return rawget(a, OWN) == rawget(b, OWN) end
  names_of[View] = { fields = of.fields, methods = methods }
  return View
end

--- A view of `own`.
function M.of(View, own) return setmetatable({ [OWN] = own }, View) end

--- What a view of this class shows; nil when `value` is none.
function M.own(View, value)
  return type(value) == "table" and getmetatable(value) == View and rawget(value, OWN) or nil
end

--- An iterator, as pairs gives it, over the fields that have a value, in their order; nil when
--- `value` is no view.
---@param value any
---@return fun(): string|nil, any
function M.walk(value)
  local names = type(value) == "table" and names_of[getmetatable(value) or false]
  if not names then return nil end
  local at = 0
  return function()
    local name, field
    repeat
      at = at + 1
      name = names.fields[at]
      field = name and value[name]
    until name == nil or field ~= nil
    return name, field
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
