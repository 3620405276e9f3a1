--- The configuration (DESIGN section 4): a Lua file that returns a table. It runs with nothing
--- around it but env("NAME") and file("PATH"), which make secret handles, and is checked against
--- `M.keys`, which is the documentation as well. Everything that is wrong is reported at once, with
--- its line.

local fields = require "moonwire.fields"
local source = require "moonwire.config_source"
local sorted = require "moonwire.sorted"

local M = {}

local MAX_INSTRUCTIONS = 1e6          -- of the file; more is a loop that does not end

local HTTP, WS = { "https", "http" }, { "wss", "ws" }
local NAME, ASSET = "^[%a_][%w_-]*$", "^%w+$"

local function by_asset(doc)
  return { type = "map", keys = ASSET, key_name = "ASSET", doc = doc,
           each = { type = "decimal", doc = doc } }
end

local venue = {
  type = "record", extend = "protocol", doc = "a venue, by the name that strategies use", fields = {
    protocol = { type = "string", required = true,
                 doc = "a name of lua/moonwire/venues, or the path of a Lua file" },
    environment = { type = "string", choices = { "production", "demo", "sim" },
                    doc = "sets the urls; without it each url must be given" },
    rest_url = { type = "url", schemes = HTTP,
                 doc = "scheme and host; default: the environment's" },
    private_url = { type = "url", schemes = WS,
                    doc = "private WebSocket; default: the environment's" },
    market_url = { type = "url", schemes = WS, off = true,
                   doc = "market-data WebSocket; default: the environment's; false: no market "
                     .. "data" },
    ca_file = { type = "path", exists = true,
                doc = "certificates to trust; default: the system's" },
    key = { type = "secret", required = true, doc = "API key" },
    secret = { type = "secret", required = true, doc = "API secret" },
    request_timeout = { type = "number", min = 0.1, max = 300, default = 10,
                        doc = "seconds until a request without an answer is given up" },
    reconcile_every = { type = "number", min = 1, max = 3600, default = 60,
                        doc = "seconds between two comparisons of open orders with the venue's" },
    silence = { type = "number", min = 1, max = 3600,
                doc = "seconds without a byte after which a connection counts as dead; default: "
                  .. "the protocol's" },
    dead_man = { type = "number", min = 10, max = 3600, off = true, default = 30,
                 doc = "seconds until the venue cancels when we fall silent, where it can" },
  },
}

local strategy = {
  type = "record", doc = "a strategy to run", fields = {
    file = { type = "path", exists = true, required = true, doc = "its Lua file" },
    name = { type = "string", pattern = NAME, doc = "default: the file's name without .lua" },
    params = { type = "any", doc = "parameters that differ from the file's defaults" },
    trusted = { type = "boolean", default = false, doc = "runs without the sandbox" },
  },
}

--- Every key, its type, default and meaning.
---@type moonwire.Field
M.keys = {
  type = "record", fields = {
    name = { type = "string", pattern = NAME, default = "moonwire",
             doc = "of this runtime; two that trade one account need two names" },
    venues = { type = "map", keys = NAME, key_name = "name", default = {}, each = venue },
    strategies = { type = "list", default = {}, each = strategy },
    journal = { type = "record", default = {}, off = true,
                doc = "the record of events, orders and fills; false: none", fields = {
      path = { type = "path", default = "moonwire.db", doc = "SQLite file" },
      max_mb = { type = "number", min = 16, max = 1e6,
                 doc = "the oldest events go when the file is larger; default: no limit" },
      max_days = { type = "number", min = 0.01, max = 36500,
                   doc = "events that are older go; default: no limit" } } },
    console = { type = "record", doc = "for moonwire repl --attach", fields = {
      path = { type = "path", default = "moonwire.sock", doc = "socket, same user only" },
      confirm_notional = by_asset "the prompt asks before it sends more, by quote currency" } },
    risk = { type = "record", default = {}, doc = "limits that every order must pass", fields = {
      max_order_notional = by_asset "price x qty of one order, by quote currency",
      max_order_qty = by_asset "quantity of one order, by base currency",
      max_position = by_asset "own position and open orders together, by base currency",
      max_open_orders = { type = "integer", min = 1, doc = "of the whole runtime" },
      max_orders_per_second = { type = "integer", min = 1, max = 1e6, doc = "of one strategy" },
      price_collar = { type = "percent",
                       doc = "how far a price may be on the wrong side of the market" } } },
    on_crash = { type = "string", choices = { "cancel", "leave" }, default = "cancel",
                 doc = "what the guardian does with open orders when the runtime dies" },
    on_stop = { type = "string", choices = { "cancel", "leave" }, default = "cancel",
                doc = "what becomes of open orders when the runtime is stopped" },
    on_orphan = { type = "string", choices = { "leave", "cancel", "ask" }, default = "leave",
                  doc = "what becomes of open orders of ours that no strategy claims" },
    restart = { type = "boolean", default = false, doc = "start again after a crash" },
    hang_limit = { type = "number", min = 1, max = 3600, default = 10,
                   doc = "seconds without a turn of its loop after which the runtime counts as "
                     .. "dead" },
    on_journal_failure = { type = "string", choices = { "cancel", "halt" }, default = "cancel",
                           doc = "when the journal cannot be written: cancel orders and stop, or "
                             .. "send no new ones until it can" },
    on_error = { type = "string", choices = { "stop", "continue" }, default = "stop",
                 doc = "what an error in a callback does to its strategy" },
    probation = { type = "record", default = {}, off = true,
                  doc = "of code that was reloaded: it is rolled back when it fails too often; "
                    .. "false: none", fields = {
      errors = { type = "integer", min = 1, max = 1000, default = 3, doc = "so many are too many" },
      seconds = { type = "number", min = 1, max = 86400, default = 30,
                  doc = "so long after the reload" } } },
    max_callback = { type = "number", min = 0.01, max = 3600, default = 1,
                     doc = "seconds that a callback may take; then it is ended, and its strategy "
                       .. "stopped" },
    memory_limit_mb = { type = "integer", min = 32, max = 1e6, default = 1024,
                        doc = "of the runtime; a callback that takes more is ended" },
    spin = { type = "boolean", default = false, doc = "poll without sleeping: costs a core" },
    log = { type = "record", default = {}, doc = "log lines on standard error", fields = {
      level = { type = "string", choices = { "error", "warn", "info", "debug" }, default = "info",
                doc = "the least that is logged" },
      format = { type = "string", choices = { "text", "json" }, default = "text",
                 doc = "how a line looks" } } },
  },
}

---@class moonwire.Configuration
---@field path string|nil            the file that was read
---@field text string|nil            what stood in it
---@field directory string           base of its relative paths; "" is the working directory
---@field name string
---@field venues table<string, table>  as in the file, urls filled in; protocol is a name or a path
---@field strategies { file: string, name: string, params: table|nil, trusted: boolean }[]
---@field journal { path: string, max_mb: number|nil, max_days: number|nil }|false
---@field console { path: string, confirm_notional: table|nil }|nil
---@field risk moonwire.RiskLimits
---@field on_crash "cancel"|"leave"
---@field on_stop "cancel"|"leave"
---@field on_orphan "leave"|"cancel"|"ask"
---@field restart boolean
---@field hang_limit number         seconds
---@field on_journal_failure "cancel"|"halt"
---@field on_error "stop"|"continue"
---@field probation { errors: integer, seconds: number }|false
---@field max_callback number       seconds
---@field memory_limit_mb integer
---@field spin boolean
---@field log { level: string, format: string }

-- Running the file --------------------------------------------------------------------------------

-- What the file sees. Secrets that cannot be had are noted with their line, and the file goes on.
local function environment_of(state)
  local function secret(make, name, argument)
    if state.is_over then error(name .. " is for the configuration alone", 3) end
    if type(argument) ~= "string" then error(name .. ' takes a text: ' .. name .. '("...")', 3) end
    -- A variable is gone once it was read: the same words give the same handle.
    local words = name .. "\0" .. argument
    if state.made[words] then return state.made[words] end
    local given = name == "file" and fields.resolve(state.directory, argument) or argument
    local handle, err = make(given)
    if handle ~= nil then
      state.handles[handle], state.made[words] = true, handle
      return handle
    end
    local line = debug.getinfo(3, "l").currentline
    state.problems[#state.problems + 1] = {
      line = line, text = ("%s(%q): %s"):format(name, argument, tostring(err)),
    }
    return state.missing
  end
  -- No tail calls: the line of the caller is wanted.
  return {
    env = function(name) local handle = secret(state.secrets.env, "env", name) return handle end,
    file = function(path) local handle = secret(state.secrets.file, "file", path) return handle end,
  }
end

-- Calls the chunk with a limit of instructions. Compiled code calls no hook, so it is not compiled.
local function run_limited(chunk)
  require("jit").off(chunk, true)
  local old_hook, old_mask, old_count = debug.gethook()
  debug.sethook(function() error("this does not end", 2) end, "", MAX_INSTRUCTIONS)
  local ok, result = pcall(chunk)
  if type(old_hook) == "function" then debug.sethook(old_hook, old_mask, old_count)
  else debug.sethook() end
  return ok, result
end

-- Lua's own messages begin with the chunk's name and line.
local function problem_of(message)
  local line, text = tostring(message):match("^%[string \"configuration\"%]:(%d+): (.*)$")
  return { line = tonumber(line), text = text or tostring(message) }
end

local function run_text(text, state)
  if text:sub(1, 1) == "\27" then return nil, { text = "this is bytecode, expected Lua text" } end
  if text:find "%z" then return nil, { text = "a NUL byte in it, expected Lua text" } end
  local chunk, err = load(text, "configuration", "t", environment_of(state))
  if not chunk then return nil, problem_of(err) end
  local ok, result = run_limited(chunk)
  state.is_over = true
  if not ok then return nil, problem_of(result) end
  if type(result) == "table" then return result end
  return nil, { text = "expected that the file returns a table, got " .. type(result) }
end

-- What the declaration cannot say -----------------------------------------------------------------

local function is_file(protocol) return protocol:find("/", 1, true) or protocol:find("%.lua$") end

-- The urls that a protocol has in any environment.
local function urls_of(protocol)
  local names = {}
  for _, urls in pairs(protocol.environments or {}) do
    for name in pairs(urls) do names[name] = true end
  end
  return names
end

-- The fields of a venue: the common ones and, over them, those of its protocol.
local function venue_fields(state, checker, common, given, path)
  local name = given.protocol
  if type(name) ~= "string" then return common, true end
  if is_file(name) then name = fields.resolve(state.directory, name) end
  local protocol, err = state.load_protocol(name)
  if not protocol then
    checker:problem(source.join(path, "protocol"), tostring(err))
    return common, true
  end
  state.protocols[given] = protocol
  local all = {}
  for key, field in pairs(common) do all[key] = field end
  for key, field in pairs(protocol.options or {}) do
    all[key] = field or nil                            -- false: not a key of this protocol
    if field and field.type == "url" and not field.schemes then
      all[key] = setmetatable({ schemes = HTTP }, { __index = field })
    end
  end
  return all
end

-- An address that is not given comes from the environment. Those beside rest_url do so only as long
-- as rest_url itself does: who moved the one moved the others.
local function finish_venue(state, checker, out, given, path)
  local protocol = state.protocols[given]
  if not protocol then return end
  if is_file(out.protocol) then out.protocol = fields.resolve(state.directory, out.protocol) end
  local environment = out.environment
  local urls = environment and (protocol.environments or {})[environment]
  if environment and environment ~= "sim" and not urls then
    checker:problem(source.join(path, "environment"),
                    ("%s has no environment %q"):format(out.protocol, environment))
    return
  end
  for _, name in ipairs(sorted.keys(urls_of(protocol))) do
    local is_common = venue.fields[name] ~= nil
    if given[name] == nil then
      if urls and (is_common or not given.rest_url) then out[name] = urls[name] end
      if is_common and out[name] == nil then
        checker:problem(source.join(path, name), environment
          and ("missing: environment %q has no address of its own"):format(environment)
          or 'missing: expected an address, or environment = "production" or "demo"')
      end
    end
  end
  -- A secret that could not be had was told; that it is missing as well would mislead.
  for _, value in pairs(given) do
    if value == state.missing then return end
  end
  for _, problem in ipairs(protocol.check_config and protocol.check_config(out) or {}) do
    checker:problem(source.join(path, problem[1]), problem[2])
  end
end

--- A strategy's name when none is given.
function M.strategy_name(file)
  return file:match("([^/]+)%.lua$") or file:match("[^/]+$") or file
end

local function name_strategies(strategies, problem)
  local seen = {}
  for i, spec in ipairs(strategies) do
    spec.name = spec.name or spec.file and M.strategy_name(spec.file)
    local name = spec.name
    if name and seen[name] then
      problem(("strategies[%d]"):format(i), ("a second strategy %q: give it a name"):format(name))
    elseif name then seen[name] = true end
  end
end

-- Loading -----------------------------------------------------------------------------------------

local function describe(path, problems, text)
  local where, lines = source.new(text), {}
  for _, problem in ipairs(problems) do
    problem.line = problem.line or problem.path and where:line_of(problem.path)
  end
  for i, problem in ipairs(problems) do problem.order = i end
  table.sort(problems, function(a, b)
    local left, right = a.line or math.huge, b.line or math.huge
    if left ~= right then return left < right end
    return a.order < b.order
  end)
  for i, problem in ipairs(problems) do
    local at = problem.line and ("%s:%d: "):format(path, problem.line) or path .. ": "
    local key = problem.path and problem.path ~= "" and problem.path .. ": " or ""
    lines[i] = at .. key .. problem.text
  end
  return table.concat(lines, "\n")
end

--- Checks a table that is a configuration.
local function check(value, state)
  local configuration, problems = fields.check(M.keys, value, {
    directory = state.directory, handles = state.handles, missing_secret = state.missing,
    hooks = { protocol = {
      fields = function(...) return venue_fields(state, ...) end,
      finish = function(...) return finish_venue(state, ...) end,
    } },
  })
  name_strategies(configuration.strategies or {}, function(path, text)
    problems[#problems + 1] = { path = path, text = text }
  end)
  configuration.directory = state.directory
  return configuration, problems
end

local function read_text(path)
  local file, err = io.open(path, "r")
  if not file then return nil, err end
  local text
  text, err = file:read("*a")
  file:close()
  return text, err and path .. ": " .. err
end

--- Reads and checks a configuration.
---@param path string
---@param secrets table  env(name) -> handle or nil, err; file(path) -> handle or nil, err
---@param load_protocol fun(name: string): table|nil, string|nil  the module of a protocol: of a
---                     name, or of a path that is resolved already
---@param text string|nil  what stood in the file when it was read first; nil: it is read now
---@return moonwire.Configuration|nil configuration
---@return string|nil err  all that is wrong: "moonwire.lua:12: venues.idx.reset_url: unknown key;
---                        did you mean rest_url?", a line each
function M.load(path, secrets, load_protocol, text)
  local err
  if not text then text, err = read_text(path) end
  if not text then
    return nil, err .. "; --config names the configuration, and `moonwire sim indodax` prints one "
      .. "to try"
  end
  local state = {
    directory = path:match("^(.*)/[^/]*$") or "", secrets = secrets, load_protocol = load_protocol,
    handles = {}, made = {}, missing = {}, problems = {}, protocols = {},
  }
  if path:find("^/[^/]*$") then state.directory = "/." end
  local value, problem = run_text(text, state)
  local problems, configuration = state.problems, nil
  if value then
    local found
    configuration, found = check(value, state)
    for _, each in ipairs(found) do problems[#problems + 1] = each end
  else
    problems[#problems + 1] = problem
  end
  if #problems > 0 then return nil, describe(path, problems, text) end
  configuration.path, configuration.text = path, text
  return configuration
end

--- The configuration of an empty file: no venues, no strategies, no limits.
---@return moonwire.Configuration
function M.default()
  local state = { directory = "", handles = {}, made = {}, missing = {}, protocols = {} }
  local configuration = check({}, state)
  return configuration
end

--- Adds strategies that were named on the command line; their paths are relative to the working
--- directory.
---@param configuration moonwire.Configuration
---@param files string[]
---@return boolean|nil ok
---@return string|nil err
function M.add_strategies(configuration, files)
  local seen, list = {}, configuration.strategies
  for _, spec in ipairs(list) do seen[spec.name] = true end
  for _, file in ipairs(files) do
    local name = M.strategy_name(file)
    if seen[name] then return nil, ("%s: there is a strategy %q already"):format(file, name) end
    seen[name] = true
    list[#list + 1] = { file = file, name = name, trusted = false }
  end
  return true
end

-- Documentation -----------------------------------------------------------------------------------

local function default_text(row)
  if row.required then return "required" end
  if row.default == nil or type(row.default) == "table" then return "" end
  return type(row.default) == "string" and '"' .. row.default .. '"' or tostring(row.default)
end

--- The keys as a Markdown table, for the README; of one protocol when its options are given.
---@param options table<string, moonwire.Field>|nil  a protocol's own
---@return string
function M.markdown(options)
  local rows = fields.rows(options and { type = "record", fields = options } or M.keys)
  local lines = { "| key | takes | default | meaning |", "|---|---|---|---|" }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ("| `%s` | %s | %s | %s |"):format(row.path, row.expects,
                                                           default_text(row), row.doc)
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
