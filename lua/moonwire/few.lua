--- Short lists on the path of an event, gone through without a loop. A loop is compiled by itself
--- as soon as it has run some fifty times; from then on LuaJIT cannot compile what goes around it
--- as one piece, and the path of the event is interpreted. So it is with a function that is called
--- more often than the path: each use has one of its own.

local FEW = 8

local function go_on(f, n, so_far, a, b)
  for i = FEW + 1, n do so_far = f(so_far, i, a, b) end
  return so_far
end

local TEXT = [[
local f, go_on = ...
return function(n, so_far, a, b)
  if n >= 1 then so_far = f(so_far, 1, a, b) end
  if n >= 2 then so_far = f(so_far, 2, a, b) end
  if n >= 3 then so_far = f(so_far, 3, a, b) end
  if n >= 4 then so_far = f(so_far, 4, a, b) end
  if n >= 5 then so_far = f(so_far, 5, a, b) end
  if n >= 6 then so_far = f(so_far, 6, a, b) end
  if n >= 7 then so_far = f(so_far, 7, a, b) end
  if n >= 8 then so_far = f(so_far, 8, a, b) end
  if n > 8 then return go_on(f, n, so_far, a, b) end
  return so_far
end]]

--- A function(n, so_far, a, b) that calls so_far = f(so_far, i, a, b) for each i from 1 to n, and
--- returns so_far.
---@param f fun(so_far: any, i: integer, a: any, b: any): any
---@return fun(n: integer, so_far: any, a: any, b: any): any
return function(f) return assert(loadstring(TEXT, "=moonwire.few"))(f, go_on) end
