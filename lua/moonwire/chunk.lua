--- What is typed at the prompt, as Lua: compiled, and when it fails explained with its line and a
--- mark under the word.

local sandbox = require "moonwire.sandbox"

local M = { NAME = "prompt" }             -- as errors call it

local function line_at(text, number)
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number - 1
    if number == 0 then return line end
  end
end

-- The line that an error speaks of, and a mark under what it names.
local function caret(text, err)
  local number = tonumber(err:match("^" .. M.NAME .. ":(%d+):"))
  local line = number and line_at(text, number)
  if not line then return "" end
  local named = err:match "near '(.-)'$" or err:match "global '(.-)'" or err:match "field '(.-)'"
    or err:match "local '(.-)'" or err:match "method '(.-)'"
  local at = named == "<eof>" and #line + 1 or named and line:find(named, 1, true)
  return "\n  " .. line .. (at and "\n  " .. (" "):rep(at - 1) .. "^" or "")
end

--- What was raised, with the calls of the user's own code that led there.
---@param text string     that was typed
---@param problem string  with or without its traceback
---@return string
function M.explain(text, problem)
  local err, trace = problem:match "^(.-)\nstack traceback:\n(.*)$"
  err = err or problem
  local out, calls = { err .. caret(text, err) }, {}
  for call in (trace or ""):gmatch "[^\n]+" do
    if call:find("^%s*" .. M.NAME .. ":") then calls[#calls + 1] = call:gsub("^%s+", "  ") end
  end
  if #calls > 1 then out[#out + 1] = table.concat(calls, "\n") end
  local hint = sandbox.hint(err)
  if hint then out[#out + 1] = hint end
  return table.concat(out, "\n")
end

--- As an expression or else as statements. What cannot even begin a statement was meant as the
--- former.
---@param text string
---@param environment table
---@return function|nil chunk
---@return string|nil err
function M.compile(text, environment)
  local chunk, err = load("return " .. text, "=" .. M.NAME, "t", environment)
  if chunk then return chunk end
  local statements, problem = load(text, "=" .. M.NAME, "t", environment)
  if statements then return statements end
  local near = problem:match "near '(.-)'$"
  local is_first = near and text:match "^%s*(.*)$":sub(1, #near) == near
  return nil, is_first and err or problem
end

--- A message without the calls of the library, which the log has: those of the user's own files
--- alone, when there are several.
---@param text string  with or without a traceback
---@return string
function M.own_part(text)
  local message, trace = text:match "^(.-)\nstack traceback:\n(.*)$"
  if not message then return text end
  local calls = { message }
  for call in trace:gmatch "[^\n]+" do
    if not call:find("[C]", 1, true) and not call:find "lua/moonwire/[%w_/]+%.lua:%d+:" then
      calls[#calls + 1] = (call:gsub("^%s+", "  "))
    end
  end
  return #calls > 2 and table.concat(calls, "\n") or message
end

return M
