--- Which ranks of a leaderboard the simulated Instamrkt shows, over its WebSocket and over REST: as
--- JSON. A board is a list of name, points, rank, best first.

local fields = require "moonwire.sim.instamrkt_fields"
local rows   = require "moonwire.sim.instamrkt_rows"
local wire   = require "moonwire.sim.wire"

local M = {}

local function count_of(message, name, default)
  return math.floor(fields.number(message[name]) or default)
end

local function row_text(row)
  return wire.object("username", wire.text(row.name), "points", rows.float(row.points), "rank",
                     row.rank)
end

--- The ranks behind `start` (or, where that is `first`, from it on) up to `end`.
---@param skipped integer  how many ranks `start` leaves out beyond those before it
function M.range(board, message, skipped)
  local first = math.max(count_of(message, "start", 1 - skipped), 1 - skipped) + skipped
  local picked = {}
  for i = first, math.min(count_of(message, "end", 1000000), #board) do
    picked[#picked + 1] = row_text(board[i])
  end
  return wire.list(picked)
end

--- The top, the bottom and a player's own surroundings; and the ranks that a gap follows.
function M.tailored(board, message, name)
  local own = -1000000
  for i, row in ipairs(board) do if row.name == name then own = i end end
  local top, bottom = count_of(message, "top_count", 3), count_of(message, "bottom_count", 3)
  local around = count_of(message, "surrounding_count", 1)
  local picked, breaks, last = {}, {}, 0
  for i, row in ipairs(board) do
    if i <= top or i > #board - bottom or math.abs(i - own) <= around then
      if last > 0 and last < i - 1 then breaks[#breaks + 1] = string.format("%d", last) end
      picked[#picked + 1], last = row_text(row), i
    end
  end
  return wire.list(picked), wire.list(breaks)
end

return M
