--- The code of one strategy: its file and the modules that it requires, loaded into an environment
--- of their own. Whoever runs is not touched by it.

local budget = require "moonwire.budget"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local reading = require "moonwire.reading"
local sandbox = require "moonwire.sandbox"

local M = {}
local LINE_SHOWN = 160                 -- bytes of a line that an error names

---@class moonwire.Code
---@field class table                     what the strategy's file returned
---@field files table<string, string|false>  path -> the text that was loaded; false: was looked for
---@field environment table               the globals that its functions see
---@field keeper moonwire.Keeper
---@field late table<string, true>        paths that a callback required, of this version or before
---@field on_late function|nil            called when one was

local function directory_of(path) return path:match("^(.*)/[^/]*$") or "." end

--- The text of a file, or nil, err; it is recorded.
M.read_file = reading.text

-- What modules keep (mw.keep) --------------------------------------------------------------------

---@class moonwire.Keeper
---@field kept table<string, any>   of the strategy, across all versions of its code
---@field fresh table<string, any>|nil  what was first kept while this version was being loaded
local Keeper = { __name = "moonwire.Keeper" }
Keeper.__index = Keeper

local function keeper_of(kept) return setmetatable({ kept = kept, fresh = {} }, Keeper) end

function Keeper:keep(name, init)
  if type(name) ~= "string" then error("mw.keep takes a name and a value", 3) end
  local value = self.kept[name]
  if value == nil and self.fresh then value = self.fresh[name] end
  if value ~= nil then return value end
  if type(init) == "function" then value = init() else value = init end
  local place = self.fresh or self.kept
  place[name] = value
  return value
end

--- Whether what this version kept while it was loaded was kept by what runs as well, since then.
function Keeper:is_late()
  for name in pairs(self.fresh or {}) do if self.kept[name] ~= nil then return true end end
  return false
end

--- The version runs: what it kept stays.
function Keeper:settle()
  for name, value in pairs(self.fresh or {}) do self.kept[name] = value end
  self.fresh = nil
end

-- Errors ------------------------------------------------------------------------------------------

-- LuaJIT cuts long names of files: "...ategies/ladder.lua".
local function text_of(files, name)
  if files[name] then return files[name] end
  local ending = name:match("^%.%.%.(.+)$")
  for path, text in pairs(files) do
    if ending and path:sub(-#ending) == ending then return text end
  end
end

local function line_of(text, number)
  local at = 0
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    at = at + 1
    if at == number then return line end
  end
end

-- Of a traceback, what lies in the code that was loaded.
local function own_lines(traceback, files)
  local own = {}
  for line in traceback:gmatch("[^\n]+") do
    local name = line:match("^\t(.-):%d+: ")
    if name and text_of(files, name) then own[#own + 1] = "\n" .. line end
  end
  return #own > 1 and table.concat(own) or ""            -- the first is told already
end

--- An error with the text of the line that it names, and the way to it as far as it leads through
--- the code itself.
---@param err string
---@param files table<string, string|false>
---@return string
function M.explain(err, files)
  local first, rest = err:match("^([^\n]*)(.*)$")
  local name, number = first:match("^(.-):(%d+): ")
  if not name then                      -- a tail call's error has no line; the way to it is ours
    local message, traceback = err:match("^(.-)\nstack traceback:(.*)$")
    return message and message .. own_lines(traceback, files) or err
  end
  local text = text_of(files, name)
  local line = text and line_of(text, tonumber(number))
  if not line then return err end
  local hint = sandbox.hint(err)
  line = line:gsub("^%s+", ""):gsub("%c", "?")
  if #line > LINE_SHOWN then line = line:sub(1, LINE_SHOWN) .. "..." end
  local shown = line ~= "" and (" (line %s: %s)"):format(number, line) or ""
  return first .. shown .. own_lines(rest, files) .. (hint and "\n" .. hint or "")
end

-- Loading -----------------------------------------------------------------------------------------

-- Runs the file's text; the class, or nil, err.
local function run(spec, text, environment, compile)
  if text:sub(1, 1) == "\27" then return nil, spec.file .. ": bytecode is not loaded" end
  if text:find("\0", 1, true) then
    return nil, spec.file .. ": a NUL byte in it, expected Lua text"
  end
  local chunk, err = compile(text, "@" .. spec.file)
  if not chunk then return nil, err end
  local class
  class, err = budget.load(spec, setfenv(chunk, environment))
  if err then return nil, err end
  if type(class) == "table" and type(class.default_params) == "table" then return class end
  return nil, spec.file .. ": a strategy file returns the table that mw.strategy{...} made"
end

--- Loads a strategy's file and what it requires.
---@param spec { file: string, name: string, trusted: boolean|nil }
---@param options table  kept: of mw.keep; read(path) -> text or nil, err (default: from the disk);
---                      compile(text, source) -> chunk or nil, err (default: loadstring); began:
---                      when the clock of os was at 0, seconds (default: now); late: of the version
---                      before
---@return moonwire.Code|nil code
---@return string|nil err   with file, line and the text of the line
---@return table<string, string|false> files  what was read, and looked for, up to there
function M.load(spec, options)
  local files, from, loaded = {}, options.read or M.read_file, nil
  local keeper, compile = keeper_of(options.kept), options.compile or loadstring
  local function read(path)
    local text, err = from(path)
    files[path] = text or false
    if loaded then loaded.late[path] = true end
    if loaded and loaded.on_late then loaded.on_late() end
    return text, err
  end
  local text, err = read(spec.file)
  if not text then return nil, err, files end
  local environment = sandbox.environment {
    trusted = spec.trusted, print = host.print_line, clock = dispatch.now, began = options.began,
    root = directory_of(spec.file), seed = tonumber(host.seed()), read = read,
    compile = compile, keep = function(name, init) return keeper:keep(name, init) end,
  }
  local class
  class, err = run(spec, text, environment, compile)
  if not class then return nil, M.explain(err, files), files end
  -- What callbacks of the version before required belongs to this one as well.
  local late = {}
  for path in pairs(options.late or {}) do
    if files[path] == nil then files[path], late[path] = from(path) or false, true end
  end
  loaded = { class = class, files = files, environment = environment, keeper = keeper, late = late }
  return loaded, nil, files
end

return M
