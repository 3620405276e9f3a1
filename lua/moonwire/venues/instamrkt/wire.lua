--- Instamrkt: numbers of operations and answers, requests, and values as the venue writes them.
--- Sections 4 to 6 of the venue's page. An operation and an answer may have the same number.

local dispatch = require "moonwire.dispatch"
local json = require "moonwire.json"
local values = require "moonwire.values"

local M = { DEFAULT_CURRENCY = "DON" }

-- Codes (5) ---------------------------------------------------------------------------------------

--- What is asked, by the venue's names.
M.operations = {
  ping = 1, get_opcodes = 2, logon = 100, join_game = 363, get_game_details = 372,
  list_games_for_source = 380, list_all_betting_pools_for_game = 387,
  list_my_running_pools_for_game = 389, list_my_resolved_pools_for_game = 390,
  place_bet_in_betting_pool = 392, get_betting_pool_bets_distribution = 393,
  get_my_current_balance = 800, get_my_available_balance = 810, get_my_exposure = 840,
}

--- What is heard, by the names of the venue's documents.
M.answers = {
  pong = 1, opcodes = 2, logon_success = 100, logon_fail = 110,
  logon_fail_already_logged_in = 112, game_joined = 333, game_left = 334,
  game_source_opened = 335, game_source_closed = 336, game_created_and_opened = 340,
  game_closed = 341, game_details = 342, game_details_updated = 343, games_list_for_source = 345,
  betting_pool_created = 350, new_betting_pool = 352, you_open_pools_list_for_game = 353,
  your_running_pools_for_game = 354, your_resolved_pools_for_game = 355,
  bet_placed_in_betting_pool = 356, new_betting_pool_bets_distribution = 360,
  betting_pool_bets_distribution_update = 361, bet_pool_resolved = 362, bet_pool_expired = 363,
  new_game_event = 366, hot_betting_pool_suggested = 367, betting_in_pool_blocked = 368,
  betting_in_pool_allowed = 369, betting_for_game_and_action_blocked = 370,
  betting_for_game_and_action_allowed = 371, leaderboard = 450, leaderboard_for_game = 451,
  friends_leaderboard = 452, friends_leaderboard_for_game = 453,
  leaderboard_friends_for_game_source = 454, your_friends_predictions_for_pool = 460,
  your_friends_predictions_for_game = 461, user_joined_game = 470, user_left_game = 480,
  game_admin_appointed = 617, games_i_am_admin_of_list = 620,
  game_sources_i_am_admin_of_list = 621, become_an_admin_for_game_success = 640,
  become_an_admin_for_game_fail = 645, error = 666, your_current_balance = 800,
  your_available_balance = 810, balance_update = 815, your_exposure = 840,
  new_text_message = 901, game_created = 3401, game_opened = 3402,
  upcoming_games_list_for_source = 3461, all_betting_pools_for_game = 3535,
  leaderboard_tailored = 4505, leaderboard_for_game_tailored = 4515,
  leaderboard_for_game_source = 4516, leaderboard_for_game_source_tailored = 4517,
}

-- The documents misspell it, and the server may do as they do.
local misspelled = { bet_pool_expired = "bet_pool_expored" }

-- Ours, the venue's numbers over them; and the names that the venue did not tell.
local function merge(ours, theirs)
  local merged, untold = {}, {}
  for name, number in pairs(ours) do
    local told = type(theirs) == "table" and tonumber(theirs[name] or theirs[misspelled[name]])
    merged[name] = told or number
    if not told then untold[#untold + 1] = name end
  end
  table.sort(untold)
  return merged, untold
end

--- The codes of a connection: operations by name, and names of answers by number. What the venue
--- tells (op 2) counts over the page's table.
---@param told table|nil  the answer to get_opcodes
---@return { operations: table<string, integer>, names: table<integer, string> } codes
---@return string[] untold  names that we use and the venue did not tell: they keep our numbers
function M.codes(told)
  told = told or {}
  local operations, untold = merge(M.operations, told.opcodes)
  local answers, untold_answers = merge(M.answers, told.response_codes)
  local names, is_untold = {}, {}
  for _, name in ipairs(untold_answers) do
    untold[#untold + 1], is_untold[name] = name, true
  end
  for name, number in pairs(answers) do
    if is_untold[name] then names[number] = name end
  end
  for name, number in pairs(answers) do              -- the venue's word counts where two differ
    if not is_untold[name] then names[number] = name end
  end
  return { operations = operations, names = names }, untold
end

-- Requests (4) ------------------------------------------------------------------------------------

--- The text of a request; `parameters` is JSON text of members, or nil.
function M.text(s, operation, parameters)
  local text = '{"header":{"t":' .. s:venue_ms() .. ',"api_version":1.0},"op":'
    .. s.private.codes.operations[operation]
  return parameters and text .. "," .. parameters .. "}" or text .. "}"
end

--- How far our clock is off, by an answer, which has the venue's time as it was made.
function M.note_time(s, answer)
  local header = answer.response_header
  local time_ms = type(header) == "table" and tonumber(header.t)
  if time_ms then s.clock_offset_ms = math.floor(time_ms - dispatch.now_ms()) end
end

--- Asks over the private connection, in its turn; in a task. The answer as a table, or nil, err,
--- class: "refused" where the venue said no in its own words, else "retry".
---@param answers table<string, true>  names of the answers that it may have
---@param fields table|nil             texts that go along, and that an answer must agree with
function M.ask(s, operation, answers, fields)
  s:await_turn "query"
  local link = s.private
  local body = fields and json.encode(fields):sub(2, -2) or nil
  if body == "" then body = nil end
  local answer, err = link.turns:ask {
    text = link.codes and M.text(s, operation, body) or "", answers = answers, fields = fields,
  }
  if not answer then return nil, operation .. ": " .. err, "retry" end
  if answer.name == "error" then
    return nil, ("%s: the venue refuses: %s"):format(operation, tostring(answer.text)), "refused"
  end
  M.note_time(s, answer)
  return answer
end

-- Values (6) --------------------------------------------------------------------------------------

--- A value that may be null, or "None" in lists.
local function given(value)
  if value == nil or value == json.null or value == "None" or value == "" then return nil end
  return value
end
M.given = given

--- A time in seconds: the venue writes ms, as a number or a text, and seconds at some places.
function M.seconds(value)
  local number = tonumber(given(value))
  if not number then return nil end
  return number < 1e11 and number or number / 1000
end

--- An amount; nil for none.
function M.amount(value)
  value = given(value)
  return value ~= nil and values.decimal_of(value) or nil
end

--- An id as text, be it a number or a text.
function M.id(value) return values.text_of(given(value)) end

--- Percent-encoded for a path or a query.
function M.escape(text)
  return (text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

return M
