--- Any text as a configuration file gives settings, or an error that names the file and a line of
--- it; it never raises, never runs for long, and leaves the Lua state as it was.

require("jit").off()                  -- lines are counted, and compiled code has none

local config = require "moonwire.config"
local decimal = require "moonwire.decimal"
local dispatch = require "moonwire.dispatch"
local ffi = require "ffi"

ffi.cdef [[
int memfd_create(const char *name, unsigned int flags);
int ftruncate(int fd, int64_t length);
int64_t pwrite(int fd, const void *bytes, size_t count, int64_t offset);
void fuzz_count_lines(int is_on);
]]

-- The limit of instructions is there, and smaller, so that an endless loop does not take the time
-- of a hundred other inputs. When the file has run, lines are counted again.
local sethook = debug.sethook
function debug.sethook(hook, mask, count)           -- luacheck: ignore 122
  if hook then return sethook(hook, mask, count / 100) end
  ffi.C.fuzz_count_lines(1)
end

-- A file without a place on the disk: nothing stays behind when the run ends, however it ends.
local fd = ffi.C.memfd_create("configuration", 1)
assert(fd >= 0, "no file in memory")
local PATH = "/proc/self/fd/" .. fd

local function write(bytes, len)
  assert(ffi.C.ftruncate(fd, 0) == 0 and ffi.C.pwrite(fd, bytes, len, 0) == len)
end

local PROTOCOL = {
  environments = { production = { rest_url = "https://api.test", private_url = "wss://p.test/ws",
                                  market_url = "wss://m.test", history_url = "https://h.test" },
                   demo = { rest_url = "https://demo.test", private_url = "wss://p.demo.test" } },
  options = { history_url = { type = "url", doc = "u" }, token = { type = "text", doc = "t" },
              digest = { type = "string", choices = { "sha512", "sha256" }, default = "sha512" },
              second_key = { type = "secret", doc = "s" } },
}

-- Secrets as the host gives them: userdata that nobody can read. Some are not there.
local handles = {}
local function secret(name)
  assert(type(name) == "string", "a secret is asked for by " .. type(name))
  if name:find "NONE" then return nil, "there is no " .. name end
  local handle = newproxy()
  handles[handle] = true
  return handle
end

local function load_protocol(name)
  if name == "fake" or name:find "fake%.lua$" then return PROTOCOL end
  return nil, "no protocol " .. name
end

-- What a file could get at, as it was before: the library's tables, and what strings answer to.
local watched = { _G = _G, ["string's metatable"] = getmetatable "" }
for _, name in ipairs { "string", "table", "math", "os", "io", "package", "debug", "coroutine" } do
  watched[name] = _G[name]
end
local before = {}
for name, content in pairs(watched) do
  before[name] = {}
  for key, value in pairs(content) do before[name][key] = value end
end

local function check_state()
  for name, content in pairs(before) do
    local now = watched[name]
    for key, value in pairs(now) do
      if not rawequal(content[key], value) then error(("%s.%s has changed"):format(name, key)) end
    end
    for key in pairs(content) do
      if now[key] == nil then error(("%s.%s is gone"):format(name, key)) end
    end
  end
end

-- Plain values, decimals and secrets: a function of the file would be code that runs later.
local function check_values(value, path, depth)
  local kind = type(value)
  if kind == "table" then
    if depth > 40 then error(path .. ": deeper than any setting") end
    for key, item in pairs(value) do
      if type(key) ~= "string" and type(key) ~= "number" then error(path .. ": " .. type(key)) end
      check_values(item, path .. "." .. tostring(key), depth + 1)
    end
  elseif not (kind == "string" or kind == "number" or kind == "boolean" or decimal.is(value)
              or handles[value]) then
    error(("%s is a %s"):format(path, kind))
  end
end

local function check_settings(c)
  check_values(c, "settings", 0)
  local names = {}
  for i, spec in ipairs(c.strategies) do
    if type(spec.file) ~= "string" or type(spec.name) ~= "string" then error("no name") end
    if names[spec.name] then error("two strategies are " .. spec.name) end
    names[spec.name] = i
    check_values(spec.params, "params", 20)
    local function has_secret(value)
      if handles[value] then return true end
      for _, item in pairs(type(value) == "table" and value or {}) do
        if has_secret(item) then return true end
      end
    end
    if has_secret(spec.params) then error("a strategy is given a secret") end
  end
  for name, venue in pairs(c.venues) do
    for _, key in ipairs { "protocol", "rest_url", "private_url" } do
      if type(venue[key]) ~= "string" then error(("venue %s without %s"):format(name, key)) end
    end
    if venue.market_url == nil then error("venue without market_url") end
    if not (handles[venue.key] and handles[venue.secret]) then error("venue without a key") end
    for _, key in ipairs { "rest_url", "private_url" } do
      local url = venue[key]
      if not url:find "^https://" and not url:find "^wss://" and not url:find "://localhost"
        and not url:find "://127%." and not url:find "://%[::1%]" then
        error(("%s %q is neither encrypted nor local"):format(key, url))
      end
    end
  end
  for name, limits in pairs(c.risk) do
    for asset, amount in pairs(type(limits) == "table" and limits or {}) do
      if not (decimal.is(amount) and amount:sign() > 0) then error(name .. " of " .. asset) end
    end
  end
end

local function check_error(err, text)
  if type(err) ~= "string" or err:sub(1, #PATH + 1) ~= PATH .. ":" then
    error("an error without the file's name: " .. tostring(err))
  end
  local _, breaks = text:gsub("[\r\n]", "")                  -- Lua takes either for a line's end
  for line in err:gmatch("[^\n]+") do
    local number = line:sub(1, #PATH) == PATH and tonumber(line:match("^:(%d+): ", #PATH + 1))
    if number and (number < 1 or number > breaks + 1) then
      error(("an error in line %d of %d: %s"):format(number, breaks + 1, err))
    end
  end
end

local target = {}

function target:on_ws_message()
  write(dispatch.message())
  ffi.C.fuzz_count_lines(1)
  local settings, err = config.load(PATH, { env = secret, file = secret }, load_protocol)
  ffi.C.fuzz_count_lines(0)
  if settings then check_settings(settings)
  else check_error(err, dispatch.message_text()) end
  check_state()
  handles = {}
end

dispatch.bind(1, target)
