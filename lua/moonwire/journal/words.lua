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
  events = { order = true }, sessions = { venue = true }, log = {}, runs = {}, why = {},
}
local DEFAULT_FILE, DEFAULT_LIMIT = "moonwire.db", 100

---@class moonwire.JournalQuestion
---@field file string
---@field what string               one of tables, or "why"
---@field id string|nil             of the order, for "why"
---@field filters table<string, string>  venue, symbol, strategy, order
---@field since string|nil          digits of ns
---@field until_ string|nil
---@field limit integer|nil         nil: all
---@field is_json boolean
---@field is_following boolean

-- FILE is the first word, unless that says what is wanted.
local function split(words)
  local file, first = DEFAULT_FILE, 1
  if words[1] and not filters[words[1]] then file, first = words[1], 2 end
  return file, words[first] or "orders", words[first + 1], words[first + 2]
end

local function check_options(question, options)
  for name in pairs(M.options) do
    local is_filter = filters.orders[name]
    if is_filter and options[name] then
      if not filters[question.what][name] then
        return nil, ("--%s does not apply to %s"):format(name, question.what)
      end
      question.filters[name] = options[name]
    end
  end
  if question.what ~= "why" then return true end
  for _, name in ipairs { "since", "until", "limit", "follow" } do
    if options[name] then return nil, ("--%s does not apply to why"):format(name) end
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
  return true
end

--- The question, or nil and what is wrong with the words.
---@param options table<string, any>
---@param words string[]
---@param now number  seconds since 1970
---@return moonwire.JournalQuestion|nil
---@return string|nil err
function M.parse(options, words, now)
  local file, what, id, more = split(words)
  if not filters[what] then
    return nil, ("%s is nothing that a journal has: %s, or why ORDER"):format(
      what, table.concat(M.tables, ", "))
  end
  if what == "why" and not id then
    return nil, "why wants an order: either id, or how one begins"
  end
  local extra = more or what ~= "why" and id
  if extra then return nil, "one word too many: " .. extra end
  local question = { file = file, what = what, id = id, filters = {},
                     is_json = options.json or false, is_following = options.follow or false }
  local limit = options.limit and tonumber(options.limit) or DEFAULT_LIMIT
  if options.limit and not options.limit:find "^%d+$" then
    return nil, "--limit wants a whole number, not " .. options.limit
  end
  question.limit = limit > 0 and limit or nil
  local ok, err = check_options(question, options)
  if ok then ok, err = read_times(question, options, now) end
  if not ok then return nil, err end
  return question
end

return M
