-- A directory for configurations, a protocol that exists nowhere else, and secrets.

local t = require "tests.tap"
local config = require "moonwire.config"
local ffi = require "ffi"
local files = require "tests.files"

local M = {}

ffi.cdef "int setenv(const char *name, const char *value, int overwrite);"

M.DIRECTORY = files.directory "config"
M.FILE = M.DIRECTORY .. "/moonwire.lua"

M.write = files.write

M.write(M.DIRECTORY .. "/s.lua", "return 1")
M.write(M.DIRECTORY .. "/ca.pem", "-----BEGIN CERTIFICATE-----\nMII\n")

--- The protocol "fake".
M.FAKE = {
  environments = {
    production = { rest_url = "https://api.test", private_url = "wss://private.test/ws",
                   market_url = "wss://market.test", history_url = "https://history.test" },
    demo = { rest_url = "https://demo.test", private_url = "wss://private.demo.test" },
  },
  options = {
    history_url = { type = "url", doc = "fills" },
    digest = { type = "string", choices = { "sha512", "sha256" }, default = "sha512", doc = "d" },
    token = { type = "text", doc = "a text or a secret" },
    second_key = { type = "secret", doc = "another key" },
  },
}

--- Secrets as the host gives them: userdata that nobody can read; those named NONE... are missing.
function M.secret(name)
  if name:find "NONE" then return nil, "there is no " .. name end
  return newproxy()
end

--- Knows "fake" alone.
function M.load_protocol(name)
  if name == "fake" or name:find "fake%.lua$" then return M.FAKE end
  return nil, "no protocol " .. name
end

--- Reads this text as a configuration.
function M.load(text)
  return config.load(M.write(M.FILE, text), { env = M.secret, file = M.secret }, M.load_protocol)
end

--- The same, which must be right.
function M.loaded(text)
  local configuration, err = M.load(text)
  if not configuration then error("expected no error, got\n" .. err, 2) end
  return configuration
end

--- The errors of a text, without the path of the file: "3: name: expected a text, got 5".
function M.errors(text)
  local configuration, err = M.load(text)
  if configuration then error("expected an error", 2) end
  return (("\n" .. err):gsub("\n" .. M.FILE:gsub("%p", "%%%0") .. ":%s?", "\n"):sub(2))
end

--- Checks that a text has a part.
function M.has(text, expected)
  if not text:find(expected, 1, true) then
    error(("expected %q in\n%s"):format(expected, text), 2)
  end
end

--- What a venue must have.
M.VENUE = { protocol = '"fake"', environment = '"production"', key = 'env "KEY"',
            secret = 'env "SECRET"' }

--- A configuration with one venue.
function M.venue(more)
  return ([[return { venues = { idx = {
  protocol = "fake", environment = "production", key = env "KEY", secret = env "SECRET",
  %s
} } }]]):format(more or "")
end

--- Ends a test file.
function M.done()
  files.remove(M.DIRECTORY)
  t.done()
end

return M
