--- Where the keys of a configuration stand in its text, for messages: `venues.idx.rest_url` is on
--- line 12. The text is only scanned, for names before `=` inside braces, so a configuration that
--- is computed has keys without a line.

local M = {}

local Source = { __name = "moonwire.ConfigSource" }
Source.__index = Source

-- One token at `at`: kind, text, position after it. Kinds: "name", "string", "long" (a comment or a
-- long string), "symbol"; nil at the end.
local function next_token(text, at)
  at = text:find("%S", at)
  if not at then return nil end
  local level, from = text:match("^%-?%-?%[(=*)%[()", at)
  local is_comment = text:find("^%-%-", at)
  if level and (is_comment or text:sub(at, at) == "[") then
    local _, stop = text:find("]" .. level .. "]", from, true)
    return is_comment and "comment" or "string", "", (stop or #text) + 1
  elseif is_comment then
    return "comment", "", (text:find("\n", at, true) or #text) + 1
  end
  local name = text:match("^[%a_][%w_]*", at)
  if name then return "name", name, at + #name end
  local quote = text:match("^[\"']", at)
  if not quote then return "symbol", text:sub(at, at), at + 1 end
  local i = at + 1
  while i <= #text and text:sub(i, i) ~= quote do
    i = i + (text:sub(i, i) == "\\" and 2 or 1)
  end
  return "string", text:sub(at + 1, i - 1), i + 1
end

local function tokens_of(text)
  local tokens, line, counted, at = {}, 1, 1, 1
  while true do
    local kind, value, after = next_token(text, at)
    if not kind then return tokens end
    local start = text:find("%S", at)
    local _, newlines = text:sub(counted, start - 1):gsub("\n", "")
    line, counted = line + newlines, start
    if kind ~= "comment" then tokens[#tokens + 1] = { kind = kind, text = value, line = line } end
    at = after
  end
end

local function is_symbol(token, text)
  return token and token.kind == "symbol" and token.text == text
end

-- The key that is written at token i, and the token after its `=`: name = or ["name"] =.
local function key_at(tokens, i)
  local first, second = tokens[i], tokens[i + 1]
  local key, equals
  if first.kind == "name" then key, equals = first.text, i + 1
  elseif is_symbol(first, "[") and second and second.kind == "string"
    and is_symbol(tokens[i + 2], "]") then
    key, equals = second.text, i + 3
  end
  if key and is_symbol(tokens[equals], "=") and not is_symbol(tokens[equals + 1], "=") then
    return key, equals + 1
  end
end

--- "a.b" or "list[2]": how a key is written in messages.
---@param path string
---@param key string|number
function M.join(path, key)
  if type(key) == "number" then return ("%s[%d]"):format(path, key) end
  return path == "" and tostring(key) or path .. "." .. tostring(key)
end

local function note(self, path, key, line)
  self.lines[path] = self.lines[path] or line
  if type(key) == "string" then self.by_name[key] = self.by_name[key] or line end
end

-- Walks the tokens with a stack of open brackets; a brace knows its path and counts its list items.
local function scan(self, tokens)
  local stack, top = {}, nil
  local pending = ""                  -- the path that an opening brace here would have
  local starts_field = false
  local i = 1
  while i <= #tokens do
    local token = tokens[i]
    local key, after
    if starts_field and top and top.path then key, after = key_at(tokens, i) end
    if key then
      pending = M.join(top.path, key)
      note(self, pending, key, token.line)
      i, starts_field = after, false
    else
      if starts_field and top and top.path and not is_symbol(token, "}") then
        top.count = top.count + 1
        pending = M.join(top.path, top.count)
        note(self, pending, top.count, token.line)
      end
      starts_field = false
      if is_symbol(token, "{") then
        top = { path = pending, count = 0 }
        stack[#stack + 1], starts_field = top, true
      elseif is_symbol(token, "(") or is_symbol(token, "[") then
        top = { count = 0 }
        stack[#stack + 1], pending = top, "?"
      elseif is_symbol(token, "}") or is_symbol(token, ")") or is_symbol(token, "]") then
        stack[#stack] = nil
        top = stack[#stack]
        if not top then pending = "" end
      elseif is_symbol(token, ",") or is_symbol(token, ";") then
        starts_field = true
      end
      i = i + 1
    end
  end
end

--- Scans the text of a configuration.
---@param text string
function M.new(text)
  local self = setmetatable({ lines = {}, by_name = {} }, Source)
  scan(self, tokens_of(text))
  return self
end

--- The line of a key, else of the same name anywhere, else of what it would stand in; or nil.
---@param path string  e.g. "venues.idx.rest_url", "strategies[1].file"
---@return integer|nil line
function Source:line_of(path)
  local line = self.lines[path] or self.by_name[path:match("[%w_-]+$") or ""]
  while not line and path ~= "" do
    path = path:match("^(.*)[.%[].-$") or ""
    line = self.lines[path]
  end
  return line
end

return M
