-- The command line as a person types it: what is wrong is said on standard error, nothing starts.

local stage = require "tests.moonwire.stage"
local t = require "tests.tap"
local cli = require "moonwire.cli"
local dispatch = require "moonwire.dispatch"
local host = require "moonwire.host"
local files = require "tests.files"

local DIRECTORY = files.directory "run"
local START = 0
for i, name in ipairs(host.event_kinds()) do
  if name == "start" then START = i - 1 end
end

local function write(name, text) return files.write(DIRECTORY .. "/" .. name, text) end

-- Types a command line. Returns { status =, said = standard error, printed =, opened = }.
local function typed(...)
  local s = stage.new()
  s.timers = {}                                       -- those of the stage's own session
  local real, words = io.stderr, {}
  rawset(io, "stderr", { write = function(_, ...) words[#words + 1] = table.concat { ... } end })
  local line = { ... }
  for i, word in ipairs(line) do line[i] = word .. "\0" end
  local ok, err = pcall(function()
    local more = dispatch.door(START, 0, 0, table.concat(line))
    while more do more = dispatch.door() end
  end)
  rawset(io, "stderr", real)
  host.log_setup("error", "text")
  if not ok then error(err, 2) end
  return { status = s.stopped, said = table.concat(words), printed = table.concat(s.printed, "\n"),
           opened = #s.requests + (next(s.sockets) and 1 or 0), s = s }
end

local function refused(expected, ...)
  local result = typed(...)
  t.equal(result.status, 2, expected)
  t.equal(result.said, "moonwire: " .. expected .. "\n")
  t.equal(result.printed, "", "standard output is for what was asked for")
  t.equal(result.opened, 0)
  t.equal(next(result.s.timers), nil, "nothing has started")
end

local function is_refused_like(pattern, ...)
  local result = typed(...)
  t.equal(result.status, 2, pattern)
  t.ok(result.said:find(pattern), ("expected %q, got %q"):format(pattern, result.said))
  t.equal(result.said:sub(-1), "\n")
  t.equal(result.opened, 0)
  t.equal(next(result.s.timers), nil, "nothing has started")
  return result.said
end

local EMPTY = write("empty.lua", "return {}")
local GOOD = write("good.lua", [[
local mw = require "moonwire"
return mw.strategy { venue = "idx", symbol = "BTC/IDR" }]])

-- Commands and options ----------------------------------------------------------------------------

t.test("no command, or one that is none, is bad usage", function()
  refused("which command? run, repl, reload, sim, check, journal, replay or audit; see "
          .. "moonwire --help")
  refused("unknown command trade; see moonwire --help", "trade")
  refused("unknown command ; see moonwire --help", "")
  refused("unknown command --config; see moonwire --help", "--config", EMPTY)
  refused("unknown command Run: did you mean run?; see moonwire --help", "Run")
  refused("unknown command chekc: did you mean check?; see moonwire --help", "chekc")
end)

t.test("an option that does not exist is named, with where to look", function()
  refused("run: unknown option --evnets: did you mean --events?; see moonwire run --help", "run",
          "--evnets")
  refused("run: unknown option -c; see moonwire run --help", "run", "-c", EMPTY)
  refused("run: unknown option --; see moonwire run --help", "run", "--", GOOD)
  refused("run: unknown option -; see moonwire run --help", "run", "-")
  refused("run: unknown option --=x; see moonwire run --help", "run", "--=x")
  refused("run: unknown option --port; see moonwire run --help", "run", "--port", "80")
  refused("check: unknown option --events; see moonwire check --help", "check", "--events")
end)

t.test("an option without its value, or with one that it does not take, is refused", function()
  refused("run: option --config wants FILE; see moonwire run --help", "run", "--config")
  refused("run: option --seconds wants N; see moonwire run --help", "run", "--seconds")
  refused("run: option --events takes no value; see moonwire run --help", "run", "--events=1")
  refused("run: option --events takes no value; see moonwire run --help", "run", "--events=")
end)

t.test("seconds are a number above 0", function()
  for _, text in ipairs { "0", "-1", "x", "", "nan", "1s", "-0" } do
    refused("--seconds wants a number above 0", "run", "--config", EMPTY, "--seconds", text)
    refused("--seconds wants a number above 0", "run", "--config", EMPTY, "--seconds=" .. text)
  end
end)

t.test("a level or a format of logs that does not exist is refused", function()
  is_refused_like("loud", "run", "--config", EMPTY, "--log-level", "loud")
  is_refused_like("xml", "run", "--config", EMPTY, "--log-format", "xml")
  is_refused_like("loud", "check", "--config", EMPTY, "--log-level=loud")
end)

-- Files -------------------------------------------------------------------------------------------

t.test("a configuration that cannot be read is named", function()
  local missing = DIRECTORY .. "/none.lua"
  for _, command in ipairs { "run", "check" } do
    refused(missing .. ": No such file or directory; --config names the configuration, and "
            .. "`moonwire sim indodax` prints one to try", command, "--config", missing)
    is_refused_like(": Is a directory", command, "--config", DIRECTORY)
  end
end)

t.test("what a file cannot have is told without the way through the library", function()
  local said = is_refused_like("module 'none_such' not found", "check", "--config", EMPTY,
                               write("tail.lua", 'return require "none_such"'))
  t.ok(not said:find("traceback", 1, true) and not said:find("sandbox.lua", 1, true), said)
  is_refused_like("half.lua:2: unexpected symbol near '<eof>'\n", "check", "--config", EMPTY,
                  write("half.lua", "x =\n"))
  is_refused_like("program: a NUL byte in it, expected Lua text\n", "check", "--config", EMPTY,
                  write("program", "\127ELF\2\1\1\0\0"))
  said = is_refused_like("%(line 1: x = = %?%[2J y", "check", "--config", EMPTY,
                         write("long.lua", "x = = \27[2J " .. ("y"):rep(1000)))
  t.ok(#said < 400 and not said:find("\27", 1, true), said)
end)

t.test("a secret that cannot be had is not said to be missing as well", function()
  local said = is_refused_like("pem.lua:4: file%(\"none.pem\"%): ", "check", "--config",
                               write("pem.lua", [[return { venues = { pea = {
    protocol = "peatio", rest_url = "https://a.test", private_url = "wss://a.test", email = "a@b.c",
    uid = "U", level = 3, state = "active",
    private_key = file "none.pem" } } }]]))
  t.ok(not said:find("missing", 1, true), said)
end)

t.test("a protocol that there is not is told with those that there are", function()
  local path = write("protocol.lua", 'return { venues = { a = {\nprotocol = "indodx" } } }')
  local names = {}
  for file in io.popen("ls lua/moonwire/venues/*.lua"):lines() do
    names[#names + 1] = file:match "([^/]*)%.lua$"
  end
  is_refused_like("protocol.lua:2: venues.a.protocol: no protocol indodx: there is "
                  .. table.concat(names, ", ") .. "; a file of yours", "check", "--config", path)
end)

t.test("what is wrong in a configuration is said by file and line, all of it at once", function()
  local path = write("wrong.lua", 'return {\n  nmae = "x",\n  restart = 1,\n}')
  local said = is_refused_like("wrong.lua:2: nmae: unknown key; did you mean name%?",
                               "run", "--config", path)
  t.ok(said:find("wrong.lua:3: restart: expected true or false, got 1", 1, true), said)
  is_refused_like("broken.lua:1: ", "run", "--config", write("broken.lua", "return {{"))
  is_refused_like("expected that the file returns a table", "check",
                  "--config=" .. write("number.lua", "return 5"))
end)

t.test("a strategy that cannot be loaded is named, and so are all others", function()
  local broken = write("broken_strategy.lua", "local x = = 1")
  local raises = write("raises.lua", "error 'oops'")
  local none = write("returns_nothing.lua", "return 5")
  local said = is_refused_like("broken_strategy.lua:1: ", "run", "--config", EMPTY, GOOD, broken,
                               raises, none, DIRECTORY .. "/missing.lua")
  for _, text in ipairs { "raises.lua:1: oops", "returns_nothing.lua: a strategy file returns",
                          "missing.lua: No such file" } do
    t.ok(said:find(text, 1, true), text .. " in " .. said)
  end
  t.ok(not said:find("good.lua", 1, true), said)
end)

t.test("a strategy that wants what the sandbox leaves out is told so", function()
  local path = write("opens.lua", "local f = io.open('x')")
  is_refused_like("trusted = true", "check", "--config", EMPTY, path)
  path = write("compiled.lua", "\27LJ\2\0")
  is_refused_like("compiled.lua: bytecode is not loaded", "check", "--config", EMPTY, path)
end)

t.test("two strategies of one name are refused", function()
  refused(GOOD .. ': there is a strategy "good" already', "run", "--config", EMPTY, GOOD, GOOD)
end)

t.test("a secret that is not there is said by its name", function()
  local path = write("secret.lua", [[return { venues = { idx = {
    protocol = "indodax", environment = "demo",
    key = env "MW_RUN_TEST_NOWHERE", secret = env "MW_RUN_TEST_NOWHERE_EITHER" } } }]])
  local said = is_refused_like("secret.lua:3: env%(\"MW_RUN_TEST_NOWHERE\"%)", "run", "--config",
                               path)
  t.ok(said:find("MW_RUN_TEST_NOWHERE_EITHER", 1, true), said)
end)

-- What is good ------------------------------------------------------------------------------------

t.test("help and the version are printed, and are no failure", function()
  local result = typed "--version"
  t.equal(result.status .. result.printed, "0moonwire " .. cli.VERSION)
  for _, word in ipairs { "--help", "-h", "help" } do
    result = typed(word)
    t.equal(result.status, 0)
    for _, name in ipairs { "run", "sim", "check", "journal" } do
      t.ok(result.printed:find("moonwire " .. name, 1, true), name)
    end
  end
  result = typed("run", "--help")
  t.equal(result.status, 0)
  for _, option in ipairs { "--config FILE", "--events", "--seconds N", "--log-level LEVEL",
                            "--log-format text|json", "--help" } do
    t.ok(result.printed:find(option, 1, true), option .. " in " .. result.printed)
  end
  for _, word in ipairs { "--help", "help" } do
    t.equal(typed(word, "run").printed, result.printed)
  end
  t.equal(result.opened, 0)
end)

t.test("help goes before what is wrong behind it", function()
  local result = typed("run", "--help", "--config", DIRECTORY .. "/none.lua")
  t.equal(result.status, 0)
  t.equal(result.said, "")
end)

t.test("check loads everything, connects to nothing and says so", function()
  local key = write("key", "MWDEMO01-KEYAAAA1-KEYBBBB2-KEYCCCC3-KEYDDDD4")
  local secret = write("secret", ("5f2d9c0e"):rep(8))
  os.execute("chmod 600 " .. key .. " " .. secret)
  local path = write("checked.lua", [[return { venues = { idx = {
    protocol = "indodax", environment = "demo", key = file "key", secret = file "secret" } },
    strategies = { { file = "good.lua", name = "one" } } }]])
  local result = typed("check", "--config", path, GOOD)
  t.equal(result.said, "")
  t.equal(result.status, 0)
  t.ok(result.printed:find "venue     idx +indodax, https://", result.printed)
  t.ok(result.printed:find("strategy  one              " .. GOOD, 1, true), result.printed)
  t.ok(result.printed:find("strategy  good             " .. GOOD, 1, true), result.printed)
  t.ok(result.printed:find "all good: nothing was connected$", result.printed)
  t.equal(result.opened, 0)
end)

-- The warnings of a check of this configuration.
local function warned(venue, rest)
  local path = write("leave.lua", ('return { venues = { one = { environment = "demo", '
    .. 'key = file "key", secret = file "secret", %s } }, %s }'):format(venue, rest))
  local result = typed("check", "--config", path)
  t.equal(result.said, "")
  t.equal(result.status, 0)
  return table.concat(result.s:logged "warn ", "\n")
end

t.test("orders that a crash shall leave and the venue does not are warned of", function()
  local function has(text, part) t.ok(text:find(part, 1, true), part .. " is not in: " .. text) end
  local indodax, finery = 'protocol = "indodax"', 'protocol = "finery", role = "maker"'
  local told = warned(indodax, 'on_crash = "leave"')
  has(told, 'on_crash = "leave" leaves nothing open on venue one, which itself cancels when it has '
    .. "not heard of us for 30 s: set venues.one.dead_man = false if orders shall stay")
  t.equal(warned(indodax, 'on_crash = "cancel"'), "")
  t.equal(warned(indodax, 'on_stop = "leave"'), "", "a stop turns the countdown off")
  t.equal(warned(indodax .. ", dead_man = false", 'on_crash = "leave"'), "")
  told = warned(finery, 'on_crash = "leave", on_stop = "leave"')
  has(told, 'on_crash = "leave" leaves nothing open on venue one, which itself cancels when the '
    .. "connection ends")
  has(told, 'on_stop = "leave" leaves')
  t.equal(warned(finery .. ", dead_man = false", 'on_crash = "leave", on_stop = "leave"'), "")
  t.equal(warned('protocol = "finery", role = "taker"', 'on_crash = "leave"'), "")
end)

t.test("a strategy whose venue is another one's name is warned of", function()
  local told = warned('protocol = "indodax"', 'strategies = { { file = "good.lua" } }')
  t.ok(told:find('its parameter venue is "idx", which is not in the configuration: there is one', 1,
                 true), told)
  t.equal(warned('protocol = "indodax"', 'strategies = { { file = "good.lua", '
                 .. 'params = { venue = "one" } } }'), "")
end)

t.test("run goes on until its seconds are over", function()
  local result = typed("run", "--config", EMPTY, "--seconds", "2.5", GOOD)
  t.equal(result.status, nil)
  t.equal(result.said, "")
  result.s:advance(2.4)
  t.equal(result.s.stopped, nil)
  result.s:advance(0.2)
  t.equal(result.s.stopped, 0)
  -- The runtime's line and its strategy's, which had begun though there is no venue.
  t.equal(#result.s:logged "the time given by --seconds is over", 2)
end)

t.test("of an option that is given twice the last one counts", function()
  local result = typed("run", "--seconds=1", "--config", EMPTY, "--seconds=3")
  result.s:advance(2)
  t.equal(result.s.stopped, nil)
  result.s:advance(1.1)
  t.equal(result.s.stopped, 0)
end)

t.test("a console opens where the configuration and the command line say", function()
  local real, opened = host.console_listen, {}
  function host.console_listen(socket)
    opened[#opened + 1] = socket
    return 1
  end
  local path = write("console.lua", "return { console = { path = 'c.sock' } }")
  local result = typed("run", "--config", path, "--seconds=1", "--console", "/x.sock")
  host.console_listen = real
  t.equal(table.concat(opened, " "), DIRECTORY .. "/c.sock /x.sock")
  result.s:advance(1.1)
end)

t.test("a console that cannot open is bad configuration", function()
  local path = write("taken.lua", "return { console = { path = 'taken.lua' } }")
  is_refused_like("console: .*/taken.lua: there is a file that is no socket", "run", "--config",
                  path)
end)

-- The parser --------------------------------------------------------------------------------------

t.test("options and files may be mixed, values stand behind = or in the next word", function()
  local known = { config = { value = "FILE" }, events = {}, fault = { value = "SPEC", many = true },
                  ["log-level"] = { value = "LEVEL" } }
  local options, paths = cli.parse({ "a.lua", "--config", "c.lua", "b.lua", "--events",
    "--fault=x=1", "--fault", "y", "--log-level=", "--config=d.lua", "c d" }, known)
  t.equal(table.concat(paths, "|"), "a.lua|b.lua|c d")
  t.equal(options.config, "d.lua")
  t.equal(options.events, true)
  t.equal(table.concat(options.fault, "|"), "x=1|y")
  t.equal(options["log-level"], "")
  t.equal(#select(2, cli.parse({}, known)), 0)
  options = cli.parse({ "--config", "--events" }, known)
  t.equal(options.config, "--events", "the next word is the value, whatever it is")
end)

files.remove(DIRECTORY)
stage.done()
