--- What is asked of a journal: the words and options of the command line, understood.

local text = require "moonwire.journal.text"

local M = {
  tables = { "orders", "fills", "events", "sessions", "log", "runs" },
  options = {
    venue = { value = "NAME", doc = "orders, fills, sessions: of this venue" },
    symbol = { value = "S", doc = "orders, fills: of this symbol, BTC/IDR" },
    strategy = { value = "NAME", doc = "orders, fills: of this strategy" },
    order = { value = "ID", doc = "orders, fills, events: of this order, by either id" },
    since = { value = "TIME", doc = "from then on: 10m, 2h, 3d ago, or 2026-11-21T13:05 (UTC)" },
    ["until"] = { value = "TIME", doc = "up to then" },
    limit = { value = "N", doc = "the last N (default 100); 0: all" },
    json = { doc = "one JSON object a line" },
    follow = { doc = "go on with what comes" },
  },
}

local filters = {
  orders = { venue = true, symbol = true, strategy = true, order = true },
  fills = { venue = true, symbol = true, strategy = true, order = true },
  events = { order = true }, sessions = { venue = true }, log = {}, runs = {},
}
-- What is no list: how many words it takes, at least and at most, and which.
local others = {
  why = { 1, 1, "why wants an order: either id, or how one begins" },
  versions = { 0, 1, "" },
  diff = { 1, 3, "diff wants the name of a strategy, of a venue's file or of a module, and then up "
             .. "to two numbers of versions" },
}
local DEFAULT_FILE, DEFAULT_LIMIT = "moonwire.db", 100

---@class moonwire.JournalQuestion
---@field file string
---@field what string               one of tables, "why", "versions" or "diff"
---@field id string|nil             of the order, for "why"
---@field name string|nil           of the code, for "versions" and "diff"
---@field a integer|nil             for "diff": numbers of versions
---@field b integer|nil
---@field filters table<string, string>  venue, symbol, strategy, order
---@field since string|nil          digits of ns
---@field until_ string|nil
---@field limit integer|nil         nil: all
---@field is_json boolean
---@field is_following boolean

--- All that can be asked for, for messages.
function M.names() return table.concat(M.tables, ", ") .. ", why, versions, diff" end

-- FILE is the first word, unless that says what is wanted.
local function split(words)
  local file, first = DEFAULT_FILE, 1
  if words[1] and not filters[words[1]] and not others[words[1]] then file, first = words[1], 2 end
  return file, words[first] or "orders", { unpack(words, first + 1) }
end

-- The words after what is wanted.
local function take_words(question, rest)
  local least, most, usage = unpack(others[question.what] or { 0, 0, "" })
  if #rest < least then return nil, usage end
  if #rest > most then return nil, "one word too many: " .. rest[most + 1] end
  if question.what == "why" then
    question.id = rest[1]
    return true
  end
  question.name = rest[1]
  for i, field in ipairs { "a", "b" } do
    local word = rest[i + 1]
    if word and not word:find "^%d+$" then return nil, usage .. ", not " .. word end
    question[field] = tonumber(word)
  end
  return true
end

local function check_options(question, options)
  for name in pairs(M.options) do
    local is_filter = filters.orders[name]
    if is_filter and options[name] then
      if not (filters[question.what] or {})[name] then
        return nil, ("--%s does not apply to %s"):format(name, question.what)
      end
      question.filters[name] = options[name]
    end
  end
  if not others[question.what] then return true end
  for _, name in ipairs { "since", "until", "limit", "follow" } do
    if options[name] then
      return nil, ("--%s does not apply to %s"):format(name, question.what)
    end
  end
  return true
end

local function read_times(question, options, now)
  for name, field in pairs { since = "since", ["until"] = "until_" } do
    if options[name] then
      question[field] = text.parse_time(options[name], now)
      if not question[field] then
        return nil, ("--%s wants 45s, 10m, 2h or 3d ago, or 2026-11-21T13:05:01 (UTC), not %s")
          :format(name, options[name])
      end
    end
  end
  local from, till = tonumber(question.since), tonumber(question.until_)
  if from and till and till < from then
    return nil, ("--until %s is before --since %s: nothing lies between them"):format(
      options["until"], options.since)
  end
  return true
end

--- The question, or nil and what is wrong with the words.
---@param options table<string, any>
---@param words string[]
---@param now number  seconds since 1970
---@return moonwire.JournalQuestion|nil
---@return string|nil err
function M.parse(options, words, now)
  local file, what, rest = split(words)
  if not filters[what] and not others[what] then
    return nil, ("%s is nothing that a journal has: %s, why ORDER, versions [NAME] or "
                 .. "diff NAME [A [B]]"):format(what, table.concat(M.tables, ", "))
  end
  local question = { file = file, what = what, filters = {},
                     is_json = options.json or false, is_following = options.follow or false }
  local limit = options.limit and tonumber(options.limit) or DEFAULT_LIMIT
  if options.limit and not options.limit:find "^%d+$" then
    return nil, "--limit wants a whole number, not " .. options.limit
  end
  question.limit = limit > 0 and limit or nil
  local ok, err = take_words(question, rest)
  if ok then ok, err = check_options(question, options) end
  if ok then ok, err = read_times(question, options, now) end
  if not ok then return nil, err end
  return question
end

return M
