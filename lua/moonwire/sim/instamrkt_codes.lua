--- The simulated Instamrkt's numbers and names, as its documents print them ("expored" too):
--- operations with their answers, and pushes. The leaderboards of friends have numbers of their own
--- and no names: those are not in the table that op 2 tells.

local wire = require "moonwire.sim.wire"

local M = {}

-- { name, op, number of the answer, name of the answer }
local operations = {
  { "ping", 1, 1, "pong" }, { "get_opcodes", 2, 2, "opcodes" },
  { "logon", 100, 100, "logon_success" }, { "join_game", 363, 333, "game_joined" },
  { "leave_game", 364, 334, "game_left" }, { "open_game_source", 365, 335, "game_source_opened" },
  { "close_game_source", 366, 336, "game_source_closed" },
  { "create_and_open_game", 370, 340, "game_created_and_opened" },
  { "create_game", 3701, 3401, "game_created" }, { "open_game", 3702, 3402, "game_opened" },
  { "get_game_details", 372, 342, "game_details" },
  { "update_game_details", 373, 343, "game_details_updated" },
  { "close_game", 375, 341, "game_closed" },
  { "list_games_for_source", 380, 345, "games_list_for_source" },
  { "list_upcoming_games_for_source", 3811, 3461, "upcoming_games_list_for_source" },
  { "create_and_open_betting_pool", 385, 350, "betting_pool_created" },
  { "list_all_betting_pools_for_game", 387, 3535, "all_betting_pools_for_game" },
  { "list_my_open_betting_pools_for_game", 388, 353, "you_open_pools_list_for_game" },
  { "list_my_running_pools_for_game", 389, 354, "your_running_pools_for_game" },
  { "list_my_resolved_pools_for_game", 390, 355, "your_resolved_pools_for_game" },
  { "place_bet_in_betting_pool", 392, 356, "bet_placed_in_betting_pool" },
  { "get_betting_pool_bets_distribution", 393, 360, "new_betting_pool_bets_distribution" },
  { "register_game_event", 395, 366, "new_game_event" },
  { "suggest_hot_betting_pool", 396, 367, "hot_betting_pool_suggested" },
  { "suggest_hot_betting_pool_for_action_and_target", 3961, 367, "hot_betting_pool_suggested" },
  { "block_betting_in_betting_pool", 397, 368, "betting_in_pool_blocked" },
  { "block_betting_for_game_and_action", 3975, 370, "betting_for_game_and_action_blocked" },
  { "allow_betting_in_betting_pool", 398, 369, "betting_in_pool_allowed" },
  { "allow_betting_for_game_and_action", 3985, 371, "betting_for_game_and_action_allowed" },
  { "get_leaderboard", 450, 450, "leaderboard" }, { "get_friends_leaderboard", 452, 452 },
  { "get_leaderboard_for_game", 451, 451, "leaderboard_for_game" },
  { "get_friends_leaderboard_for_game", 453, 453 },
  { "get_leaderboard_for_game_source", 4516, 4516, "leaderboard_for_game_source" },
  { "get_friends_leaderboard_for_game_source", 454, 454, "leaderboard_friends_for_game_source" },
  { "get_user_tailored_leaderboard", 4505, 4505, "leaderboard_tailored" },
  { "get_user_tailored_leaderboard_for_game_source", 4517, 4517,
    "leaderboard_for_game_source_tailored" },
  { "get_my_friends_predictions_for_pool", 460, 460, "your_friends_predictions_for_pool" },
  { "get_my_friends_predictions_for_game", 461, 461, "your_friends_predictions_for_game" },
  { "list_games_i_am_admin_of", 610, 620, "games_i_am_admin_of_list" },
  { "list_game_sources_i_am_admin_of", 611, 621, "game_sources_i_am_admin_of_list" },
  { "become_an_admin_for_game", 616, 640, "become_an_admin_for_game_success" },
  { "appoint_admin_for_game_by_username", 617, 617, "game_admin_appointed" },
  { "get_my_current_balance", 800, 800, "your_current_balance" },
  { "get_my_available_balance", 810, 810, "your_available_balance" },
  { "get_my_exposure", 840, 840, "your_exposure" },
  { "text_message", 900, 901, "new_text_message" },
}

local others = {
  logon_fail = 110, logon_fail_already_logged_in = 112, new_betting_pool = 352,
  betting_pool_bets_distribution_update = 361, bet_pool_resolved = 362, bet_pool_expored = 363,
  user_joined_game = 470, user_left_game = 480, become_an_admin_for_game_fail = 645, error = 666,
  balance_update = 815, leaderboard_for_game_tailored = 4515,
}

-- Known before the table can be asked for, or after it is of no use any more.
local fixed = { ping = true, get_opcodes = true, logon = true, pong = true, opcodes = true,
                logon_success = true, logon_fail = true, logon_fail_already_logged_in = true,
                error = true }
local REMAP = 20000

---@class moonwire.sim.InstamrktCodes
local Codes = { __name = "moonwire.sim.InstamrktCodes" }
Codes.__index = Codes

--- `is_remapped`: all that has a name has another number than the page's.
function M.new(is_remapped)
  local codes = setmetatable({ by_op = {}, answers = {}, told_ops = {}, told_answers = {} }, Codes)
  local function number_of(name, number)
    return is_remapped and name and not fixed[name] and number + REMAP or number
  end
  for _, row in ipairs(operations) do
    local name, op, answer, answer_name = unpack(row)
    op, answer = number_of(name, op), number_of(answer_name, answer)
    codes.by_op[op], codes.answers[name], codes.told_ops[name] = name, answer, op
    if answer_name then codes.told_answers[answer_name] = answer end
  end
  for name, number in pairs(others) do
    codes.told_answers[name] = number_of(name, number)
  end
  return codes
end

--- The operation of that number; nil when there is none.
function Codes:operation(op) return self.by_op[op] end

--- The number of an operation's answer.
function Codes:answer(operation) return self.answers[operation] end

--- The number of a push, by its name.
function Codes:push(name) return self.told_answers[name] end

local function map_of(numbers)
  local texts = {}
  for name, number in pairs(numbers) do texts[name] = string.format("%d", number) end
  return wire.map(texts)
end

--- The answer to op 2: both tables as JSON.
function Codes:tables() return map_of(self.told_ops), map_of(self.told_answers) end

return M
