--- The configuration (DESIGN section 4): a Lua file that returns a table. It runs with nothing
--- around it but env("NAME") and file("PATH"), which make secret handles, and is checked against
--- config_keys.lua. Everything that is wrong is reported at once, with its line.

local fields = require "moonwire.fields"
local keys = require "moonwire.config_keys"
local reading = require "moonwire.reading"
local record = require "moonwire.record"
local source = require "moonwire.config_source"
local sorted = require "moonwire.sorted"

local M = {}
local MAX_INSTRUCTIONS = 1e6          -- of the file; more is a loop that does not end
local BY_HAND = "console"             -- the prompt's orders, fills and positions (console.lua)

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
      all[key] = setmetatable({ schemes = keys.HTTP }, { __index = field })
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
    local is_common = keys.venue.fields[name] ~= nil
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
    if name == BY_HAND then
      problem(("strategies[%d]"):format(i),
              ("%q is the name of orders by hand: give it another one"):format(name))
    elseif name and seen[name] then
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
  local configuration, problems = fields.check(keys.all, value, {
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
  if text then record.file(path, text) else text, err = reading.text(path) end
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
    if name == BY_HAND then
      return nil, ("%s: %q is the name of orders by hand: name it in the configuration"):format(
        file, name)
    end
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
  local rows = fields.rows(options and { type = "record", fields = options } or keys.all)
  local lines = { "| key | takes | default | meaning |", "|---|---|---|---|" }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ("| `%s` | %s | %s | %s |"):format(row.path, row.expects,
                                                           default_text(row), row.doc)
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
