--- What C makes of the options of a request: nothing of one that is refused stays in the way of the
--- next.

local t = require "tests.tap"
local host = require "moonwire.host"

local openers = { http_request = "http://127.0.0.1:1/", ws_open = "ws://127.0.0.1:1/" }

-- Raises unless each kind of request raises `why` with these options.
local function refused(options, why)
  for name, url in pairs(openers) do
    if options.url == nil then options.url = url end
    t.raises(host[name], why, options)
    if options.url == url then options.url = nil end
  end
end

t.test("options are checked before anything is opened", function()
  refused({ url = false }, "text expected")
  refused({ url = "wss://a\0b/" }, "a url has a NUL in it")
  refused({ headers = 1 }, "headers: a list of at most 32 expected")
  refused({ headers = { "Name: value" } }, "headers: { name, value } expected")
  refused({ headers = { { {}, "value" } } }, "headers: a name is a text")
  refused({ headers = { { "Name", "a\0b" } } }, "a header's value has a NUL in it")
  refused({ headers = { { "Name" } } }, "text expected: .* got nil")
  refused({ ca_file = 1 }, "bad option ca_file: string expected, got number")
  for name in pairs(openers) do t.raises(host[name], "url is missing", {}) end
  local many = {}
  for i = 1, 33 do many[i] = { "Name", "value" } end
  refused({ headers = many }, "headers: a list of at most 32 expected")
end)

t.test("a time is seconds, none that is no number", function()
  for _, seconds in ipairs { -1, 0 / 0, 1e6 } do
    t.raises(host.http_request, "bad option timeout: seconds, 0 or more, expected",
             { url = openers.http_request, timeout = seconds })
    t.raises(host.ws_open, "bad option silence: seconds, 0 or more, expected",
             { url = openers.ws_open, silence = seconds })
  end
end)

t.test("secrets of calls that were refused leave room for those of the next", function()
  local secret = host.secret_text("hunter\0two", "test")
  local text = { "user:", secret }
  for _ = 1, 10 do
    refused({ headers = { { "Key", text }, { "Other", text } } }, "value has a NUL in it")
    refused({ headers = { { "Key", { secret, 1 } } } }, "text expected")
    refused({ url = text }, "a url has a NUL in it")
    t.raises(host.digest, "text expected", "sha256", { secret, {} }, "hex")
  end
  t.equal(#host.digest("sha256", text, "hex"), 64)
end)

t.done()
