--- The difference of two texts, line by line, as people read it.

local M = {}
local AROUND = 2                      -- lines that did not change, before and after one that did
local MOST_CELLS = 1e6                -- beyond, the middle is shown as replaced as a whole

local function lines_of(text)
  local lines = {}
  if text == "" then return lines end
  if text:sub(-1) ~= "\n" then text = text .. "\n" end
  for line in text:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

-- table[i][j]: how many lines a[i..] and b[j..] have in common, in order.
local function common_lines(a, b)
  local common = { [#a + 1] = {} }
  for j = 1, #b + 1 do common[#a + 1][j] = 0 end
  for i = #a, 1, -1 do
    local row, below = {}, common[i + 1]
    row[#b + 1] = 0
    for j = #b, 1, -1 do
      if a[i] == b[j] then row[j] = below[j + 1] + 1
      else row[j] = math.max(below[j], row[j + 1]) end
    end
    common[i] = row
  end
  return common
end

local function put(edits, sign, line, number)
  edits[#edits + 1] = { sign = sign, line = line, number = number }
end

-- The edits that make b of a: sign " ", "-" or "+", with line numbers of a ("-", " ") or b.
local function edits_of(a, b)
  local edits, i, j = {}, 1, 1
  local is_large = #a * #b > MOST_CELLS
  local common = not is_large and common_lines(a, b)
  while i <= #a or j <= #b do
    if not is_large and i <= #a and j <= #b and a[i] == b[j] then
      put(edits, " ", a[i], i)
      i, j = i + 1, j + 1
    elseif i <= #a and (is_large or j > #b or common[i + 1][j] >= common[i][j + 1]) then
      put(edits, "-", a[i], i)
      i = i + 1
    else
      put(edits, "+", b[j], j)
      j = j + 1
    end
  end
  return edits
end

local function is_near_change(edits, at)
  for i = math.max(1, at - AROUND), math.min(#edits, at + AROUND) do
    if edits[i].sign ~= " " then return true end
  end
  return false
end

--- Lines "-  12 | old", "+  12 | new" and two lines around them; "" when the texts are the same.
---@param a string
---@param b string
---@return string
function M.texts(a, b)
  local shown, was_left_out = {}, false
  local edits = edits_of(lines_of(a), lines_of(b))
  for i, edit in ipairs(edits) do
    if is_near_change(edits, i) then
      if was_left_out and #shown > 0 then shown[#shown + 1] = "  ..." end
      shown[#shown + 1] = ("%s %3d | %s"):format(edit.sign, edit.number, edit.line)
      was_left_out = false
    else
      was_left_out = true
    end
  end
  return table.concat(shown, "\n")
end

return M
