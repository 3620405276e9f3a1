--- What somebody probably meant who typed a name that is not known.

local M = {}

--- How far two words are apart: letters to add, drop, change or swap with a neighbour.
function M.distance(a, b)
  local before, last = nil, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local change = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + change)
      if before and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

--- The known name that is nearest to this one; the first in the alphabet of several.
---@param name string
---@param known table<string, any>
---@return string|nil
function M.nearest(name, known)
  local best, best_distance
  for candidate in pairs(known) do
    local distance = M.distance(name:lower(), candidate)
    if not best or distance < best_distance or distance == best_distance and candidate < best then
      best, best_distance = candidate, distance
    end
  end
  return best
end

--- The known name that was probably meant: one that begins with this one, or begins it, or else the
--- nearest if no more than half of it differs; nil when there is none.
---@param name string
---@param known table<string, any>
---@return string|nil
function M.meant(name, known)
  local lower, found = name:lower(), nil
  for candidate in pairs(known) do
    local part = math.min(#lower, #candidate)
    if part > 1 and lower:sub(1, part) == candidate:sub(1, part)
      and not (found and found < candidate) then
      found = candidate
    end
  end
  if found then return found end
  local nearest = M.nearest(name, known)
  return nearest and M.distance(lower, nearest) * 2 <= #lower and nearest or nil
end

return M
