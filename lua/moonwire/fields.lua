--- Checks a table against declared fields and fills in defaults. One declaration serves the check,
--- the documentation and the editor:
---
---   { type = "number", min = 1, max = 60, default = 5, off = true, doc = "seconds; false: off" }
---
--- Types: string (choices, pattern), boolean, number and integer (min, max), decimal (above 0),
--- percent ("5%" -> 0.05), url (schemes, is_origin), path (exists, is_new, has), secret, text (a
--- string or a secret), any, and of tables: record (fields), map (keys: a pattern; each), list
--- (each). `required`: must be given; `off`: may be false; `default`: when it is not given. All
--- problems are collected.

local decimal = require "moonwire.decimal"
local source = require "moonwire.config_source"
local sorted = require "moonwire.sorted"
local spelling = require "moonwire.spelling"

local M = {}

---@class moonwire.Field
---@field type string
---@field doc string|nil
---@field required boolean|nil
---@field off boolean|nil
---@field default any
---@field choices string[]|nil
---@field pattern string|nil
---@field form string|nil     what the pattern, or that of the keys, means in words
---@field min number|nil
---@field max number|nil
---@field schemes string[]|nil
---@field is_origin boolean|nil  a url: scheme, host and port alone
---@field is_table boolean|nil   any: but a table
---@field exists boolean|nil     a path: the file is there
---@field is_new boolean|nil     a path: of a file that will be made; its directory is there
---@field longest integer|nil    a path: in bytes
---@field has string|nil         a path: a pattern of what stands in the file; `has_what`: in words
---@field has_what string|nil
---@field fields table<string, moonwire.Field>|nil
---@field each moonwire.Field|nil
---@field keys string|nil
---@field extend string|nil   a record: the name of the hook that gives further fields

-- Texts -------------------------------------------------------------------------------------------

local function listed(words, last)
  if #words == 1 then return words[1] end
  return table.concat(words, ", ", 1, #words - 1) .. " " .. last .. " " .. words[#words]
end

local function quoted(words)
  local out = {}
  for i, word in ipairs(words) do out[i] = '"' .. word .. '"' end
  return listed(out, "or")
end

local function range_text(spec, what)
  if spec.min and spec.max then
    return ("%s from %.10g to %.10g"):format(what, spec.min, spec.max)
  end
  if spec.min then return ("%s of at least %.10g"):format(what, spec.min) end
  return what
end

local expected = {
  string = function(spec)
    return spec.choices and quoted(spec.choices) or spec.form or "a text"
  end,
  boolean = function() return "true or false" end,
  number = function(spec) return range_text(spec, "a number") end,
  integer = function(spec) return range_text(spec, "a whole number") end,
  decimal = function() return 'an amount above 0, such as "0.001"' end,
  percent = function() return 'a percentage above 0 and below 100, such as "5%"' end,
  url = function(spec)
    return "a url that begins with " .. (spec.schemes or { "https" })[1] .. "://"
  end,
  path = function() return "the path of a file" end,
  secret = function() return 'env("NAME") or file("PATH")' end,
  text = function() return 'a text, env("NAME") or file("PATH")' end,
  any = function(spec) return spec.is_table and "a table" or "a value" end,
  record = function() return "a table" end,
  map = function() return "a table" end,
  list = function() return "a list" end,
}

--- What a field takes, in words.
---@param spec moonwire.Field
function M.expects(spec)
  return expected[spec.type](spec) .. (spec.off and " or false" or "")
end

-- What was given, in words. What may be a secret is never shown.
local function shown(self, spec, value)
  if self.handles[value] then return "a secret" end
  if type(value) == "string" then
    if spec.type == "secret" or spec.type == "text" then return "a text written out" end
    return ("%q"):format(#value > 60 and value:sub(1, 60) .. "..." or value)
  end
  if type(value) == "number" or type(value) == "boolean" then return tostring(value) end
  return "a " .. type(value)
end

-- Values ------------------------------------------------------------------------------------------

local Checker = { __name = "moonwire.FieldChecker" }
Checker.__index = Checker

--- Notes that something is wrong at a path.
function Checker:problem(path, text)
  self.problems[#self.problems + 1] = { path = path, text = text }
end

-- type -> function(self, spec, value, path): what to keep; or nil and what is wrong (when nothing
-- is said: that the value is not what was expected).
local read = {}

local function meant_choice(choices, value)
  local set = {}
  for _, choice in ipairs(choices) do set[choice] = true end
  local meant = spelling.meant(value, set)
  return meant and ("; did you mean %q?"):format(meant) or ""
end

function read.string(self, spec, value)
  if type(value) ~= "string" or self.handles[value] then return nil end
  if spec.pattern and not value:find(spec.pattern) then return nil end
  if not spec.choices then return value end
  for _, choice in ipairs(spec.choices) do
    if value == choice then return value end
  end
  return nil, ("expected %s, got %s%s"):format(M.expects(spec), shown(self, spec, value),
                                               meant_choice(spec.choices, value))
end

function read.boolean(_, _, value)
  if type(value) ~= "boolean" then return nil end
  return value
end

function read.number(_, spec, value)
  if type(value) ~= "number" then return nil end
  if not (value >= (spec.min or -math.huge) and value <= (spec.max or math.huge)) then
    return nil
  end
  return math.abs(value) < math.huge and value or nil
end

function read.integer(self, spec, value)
  return read.number(self, spec, value) and value % 1 == 0 and value or nil
end

function read.decimal(_, _, value)
  local amount = type(value) ~= "boolean" and decimal.parse(value)
  return amount and amount:sign() > 0 and amount or nil
end

function read.percent(_, _, value)
  local digits = type(value) == "string" and value:match("^(%d+%.?%d*)%%$")
  local amount = digits and decimal.parse(digits)
  return amount and amount:sign() > 0 and amount < decimal "100" and amount * "0.01" or nil
end

local function is_loopback(host)
  return host == "localhost" or host == "[::1]" or host:find("^127%.%d+%.%d+%.%d+$") ~= nil
end

-- scheme://host[:port][/path][?query], nothing that could be read in two ways.
local function split_url(url)
  local scheme, host, port, rest = url:match("^(%a+)://([%w.-]+):?(%d*)([^#%s%c]*)$")
  if not scheme then
    scheme, host, port, rest = url:match("^(%a+)://(%[[%x:]+%]):?(%d*)([^#%s%c]*)$")
  end
  if not scheme or rest ~= "" and not rest:find("^[/?]") then return nil end
  if port ~= "" and not (tonumber(port) >= 1 and tonumber(port) <= 65535) then return nil end
  return scheme:lower(), host:lower()
end

function read.url(self, spec, value)
  if type(value) ~= "string" then return nil end
  local scheme, host = split_url(value)
  local secure, plain = spec.schemes[1], spec.schemes[2]
  if scheme == plain and plain and not is_loopback(host) then
    return nil, ("%s:// is for this machine only (127.0.0.1, localhost): expected %s"):format(plain,
      M.expects(spec))
  end
  if scheme ~= secure and scheme ~= plain then return nil end
  if spec.is_origin and not value:find "^%a+://[^/?]+/?$" then
    return nil, ("expected scheme and host alone, as in %s, got %s"):format(
      value:match "^%a+://[^/?]+", shown(self, spec, value))
  end
  return (value:gsub("^(%a+://[^/]+)/$", "%1"))       -- so that a path can be appended
end

--- A path as the configuration means it: relative to its directory.
---@param directory string  "" for the working directory
function M.resolve(directory, path)
  if path:sub(1, 1) == "/" or directory == "" then return path end
  return directory .. "/" .. path
end

local function opened(path)
  local file, err = io.open(path, "r")
  if not file then return nil, err end
  file:close()
  return true
end

-- What stands in a file, or only its beginning: nil, err when it cannot be read, as a directory.
local function contents(path, all)
  local file, err = io.open(path, "r")
  if not file then return nil, err end
  local text
  text, err = file:read(all and "*a" or 1)
  file:close()
  return text or "", err and path .. ": " .. err
end

--- Whether files that a configuration names must be there.
M.looks_at_files = true

function read.path(self, spec, value)
  if type(value) ~= "string" or value == "" or value:find("%z") then return nil end
  local path = M.resolve(self.directory, value)
  if not M.looks_at_files then return path end
  if #path > (spec.longest or math.huge) then
    return nil, ("%d bytes, and a socket's path has %d at most: choose a shorter one"):format(
      #path, spec.longest)
  end
  local directory = spec.is_new and path:match "^(.+)/[^/]*$"
  local _, problem, text
  if directory then _, problem = opened(directory)
  elseif spec.exists then text, problem = contents(path, spec.has) end
  if problem then return nil, (directory and "its directory: " or "cannot be read: ") .. problem end
  if spec.has and not text:find(spec.has) then
    return nil, ("no %s in %s"):format(spec.has_what, path)
  end
  return path
end

function read.secret(self, _, value) return self.handles[value] and value or nil end

function read.text(self, _, value)
  return (type(value) == "string" or self.handles[value]) and value or nil
end

-- Plain data only: a secret in here would reach a strategy, and so would env() and file().
local function plain_copy(self, value, depth)
  if self.handles[value] then return nil, "a secret cannot be given to a strategy" end
  if type(value) ~= "table" then
    if type(value) == "string" or type(value) == "number" or type(value) == "boolean" then
      return value
    end
    return nil, "expected plain values, got a " .. type(value)
  end
  if depth > 20 then return nil, "tables in tables without end" end
  local out = {}
  for key, item in pairs(value) do
    local copied, err = plain_copy(self, item, depth + 1)
    if copied == nil then return nil, err end
    if type(key) ~= "string" and type(key) ~= "number" then
      return nil, "expected names or numbers as keys, got a " .. type(key)
    end
    out[key] = copied
  end
  return out
end

function read.any(self, spec, value)
  if spec.is_table and type(value) ~= "table" then return nil end
  return plain_copy(self, value, 0)
end

function read.list(self, spec, value, path)
  if type(value) ~= "table" then return nil end
  local out = {}
  local count = 0
  for i, item in ipairs(value) do
    count, out[i] = i, self:field(spec.each, item, source.join(path, i))
  end
  for key in pairs(value) do
    if type(key) ~= "number" or key % 1 ~= 0 or key < 1 or key > count then
      self:problem(source.join(path, tostring(key)), "expected a list, got a key")
    end
  end
  return out
end

local function sorted_keys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

function read.map(self, spec, value, path)
  if type(value) ~= "table" then return nil end
  local out = {}
  for _, key in ipairs(sorted_keys(value)) do
    local at = source.join(path, key)
    if type(key) ~= "string" or not key:find(spec.keys) then
      self:problem(at, "bad name" .. (spec.form and ": expected " .. spec.form or ""))
    else out[key] = self:field(spec.each, value[key], at) end
  end
  return out
end

function read.record(self, spec, value, path)
  if type(value) ~= "table" then return nil end
  local hook = spec.extend and self.hooks[spec.extend]
  local fields, is_partial = spec.fields, false
  if hook then fields, is_partial = hook.fields(self, spec.fields, value, path) end
  for _, key in ipairs(sorted_keys(value)) do
    if not fields[key] and not is_partial then
      self:problem(source.join(path, key), ("unknown key; did you mean %s?"):format(
        spelling.nearest(tostring(key), fields)))
    end
  end
  local out = {}
  for _, name in ipairs(sorted.keys(fields)) do
    out[name] = self:field(fields[name], value[name], source.join(path, name))
  end
  if hook and hook.finish then hook.finish(self, out, value, path) end
  return out
end

--- Checks one value; notes what is wrong with it.
---@return any value  to be used, defaults filled in
function Checker:field(spec, value, path)
  if value == nil then
    if spec.required then self:problem(path, "missing: expected " .. M.expects(spec)) end
    value = spec.default
    if value == nil or type(value) ~= "table" and spec.type ~= "path" then return value end
  end
  if value == self.missing_secret then return nil end            -- was reported where it was asked
  if value == false and spec.off then return false end
  local result, what = read[spec.type](self, spec, value, path)
  if result == nil then
    self:problem(path, what or ("expected %s, got %s"):format(M.expects(spec),
                                                              shown(self, spec, value)))
  end
  return result
end

--- Checks a value against its declaration.
---@param spec moonwire.Field
---@param value any
---@param options table  { directory =, handles = {[secret] = true}, missing_secret =, hooks =
---                      {[name] = {fields = f(checker, fields, value, path) -> fields, is_partial,
---                      finish = f(checker, out, given, path)}} }, all optional
---@return any value     as checked: amounts are decimals, paths are resolved, defaults filled in
---@return table[] problems  { path =, text = }, in the order in which they were found
function M.check(spec, value, options)
  options = options or {}
  local self = setmetatable({
    problems = {}, directory = options.directory or "", handles = options.handles or {},
    missing_secret = options.missing_secret or {}, hooks = options.hooks or {},
  }, Checker)
  return self:field(spec, value, ""), self.problems
end

-- Documentation -----------------------------------------------------------------------------------

local function add_rows(rows, spec, path)
  if path ~= "" and spec.type ~= "map" then
    rows[#rows + 1] = { path = path, type = spec.type, expects = M.expects(spec),
                        default = spec.default, required = spec.required or false,
                        doc = spec.doc or "" }
  end
  if spec.type == "record" then
    for _, name in ipairs(sorted.keys(spec.fields)) do
      add_rows(rows, spec.fields[name], source.join(path, name))
    end
  elseif spec.type == "map" then add_rows(rows, spec.each, path .. ".{" .. spec.key_name .. "}")
  elseif spec.type == "list" then add_rows(rows, spec.each, path .. "[]") end
  return rows
end

--- Every key that a declaration knows, one row each.
---@return { path: string, type: string, expects: string, default: any, required: boolean,
---          doc: string }[]
function M.rows(spec) return add_rows({}, spec, "") end

return M
