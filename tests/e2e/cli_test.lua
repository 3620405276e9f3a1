--- The command line as a user types it: what it prints, where, and with which exit status.

local e2e = require "tests.e2e.lib"
local test, equal = e2e.test, e2e.equal

local STRATEGY = 'local mw = require "moonwire" return mw.strategy { venue = "idx" }'
local ENVIRONMENT = { MW_KEY = "key-of-the-test", MW_SECRET = "secret-of-the-test" }

-- Runs moonwire to its end: exit status, standard output, standard error.
local function moonwire(arguments, environment)
  local process = e2e.moonwire(arguments, environment)
  return process:wait_exit(), process:out(), process:err()
end

local function has(text, part)
  if not text:find(part, 1, true) then error(("no %q in:\n%s"):format(part, text), 2) end
end

local function configuration(directory, venue, rest)
  return e2e.write(directory .. "/moonwire.lua", ([[
return {
  venues = { idx = {
    protocol = "indodax", environment = "demo",
    key = env "MW_KEY", secret = env "MW_SECRET",
    %s
  } },
  %s
}
]]):format(venue or "", rest or ""))
end

test("--version and --help go to standard output with status 0", function()
  local status, out, err = moonwire { "--version" }
  equal(status, 0)
  has(out, "moonwire ")
  equal(err, "")
  status, out, err = moonwire { "--help" }
  equal(status, 0)
  local commands = { "run", "sim", "check", "journal" }
  for _, command in ipairs(commands) do has(out, "moonwire " .. command) end
  equal(err, "")
  for _, command in ipairs(commands) do
    status, out = moonwire { command, "--help" }
    equal(status, 0, command)
    has(out, "moonwire " .. command)
  end
end)

test("a command takes and tells of its own options, whatever comes before it", function()
  local _, out = moonwire { "run", "--help" }
  has(out, "--events")
  equal(out:find("--repair", 1, true), nil)
  _, out = moonwire { "audit", "--repair", "--help" }
  has(out, "moonwire audit")
  has(out, "--days")
  equal(out:find("--events", 1, true), nil)
end)

test("bad usage is said on standard error with status 2", function()
  for _, case in ipairs {
    { {}, "moonwire" }, { { "fly" }, "fly" }, { { "run", "--fast" }, "--fast" },
    { { "run", "--repair" }, "run: unknown option --repair; see moonwire run --help" },
    { { "audit", "--repair", "--events" }, "audit: unknown option --events; see moonwire audit" },
    { { "run", "--config" }, "--config" }, { { "sim" }, "sim" },
    { { "sim", "nowhere" }, "there is finery, indodax" },
    { { "run", "--config", "/nonexistent/moonwire.lua" }, "/nonexistent/moonwire.lua" },
    { { "sim", "indodax", "--fault", "explode:trade" }, "explode" },
    { { "sim", "indodax", "--port", "seventy" }, "seventy" },
    { { "sim", "instamrkt", "--socket-port", "65536" }, "--socket-port 65536: expected 0 to" },
    { { "sim", "indodax", "--socket-port", "1" },
      "--socket-port: it is an option of instamrkt, peatio" },
    { { "sim", "finery", "--dialect", "ranger" }, "--dialect: it is an option of peatio" },
    { { "sim", "finery", "--pairs", "BTC-XYZ" }, '--pairs "BTC-XYZ": there is BTC-USD' },
    { { "sim", "indodax", "--member", "name=a" }, "--member: wants name=, key= and secret=" },
    { { "sim", "peatio", "--member", "name=maker" }, "--member maker: name or key is taken" },
  } do
    local status, out, err = moonwire(case[1])
    local name = table.concat(case[1], " ")
    equal(status, 2, name)
    equal(out, "", name)
    has(err, case[2])
  end
end)

test("check loads all of it, connects to nothing, and says so", function()
  local directory = e2e.directory()
  local config = configuration(directory)
  local strategy = e2e.write(directory .. "/s.lua", STRATEGY)
  local status, out, err = moonwire({ "check", "--config", config, strategy }, ENVIRONMENT)
  equal(status, 0, err)
  has(out, "idx")
end)

test("an unknown key is told with its line and the nearest known one", function()
  local directory = e2e.directory()
  local config = configuration(directory, 'reset_url = "https://localhost",')
  local status, _, err = moonwire({ "check", "--config", config }, ENVIRONMENT)
  equal(status, 2)
  has(err, config .. ":5: ")
  has(err, "rest_url")
end)

test("all that is wrong is told at once", function()
  local directory = e2e.directory()
  local config = configuration(directory, "", "risk = { max_open_orders = -1 }, on_stop = 'maybe',")
  local status, _, err = moonwire({ "check", "--config", config }, ENVIRONMENT)
  equal(status, 2)
  has(err, "max_open_orders")
  has(err, "on_stop")
end)

test("a strategy that does not load is told with file and line", function()
  local directory = e2e.directory()
  local config = configuration(directory)
  local strategy = e2e.write(directory .. "/s.lua", 'local mw = require "moonwire"\nreturn mw.(')
  local status, _, err = moonwire({ "check", "--config", config, strategy }, ENVIRONMENT)
  equal(status, 2)
  has(err, "s.lua:2:")
end)

test("a library of another build is refused before anything starts", function()
  local root = e2e.directory()
  local function run(command)
    local process = e2e.spawn({ "/bin/sh", "-c", command }, ENVIRONMENT)
    local status = process:wait_exit(20)
    return status, process:err()
  end
  local program = root .. "/build/release/moonwire"
  equal(run(("mkdir -p %s/build/release && cp -r lua %s/"):format(root, root)), 0)
  equal(run(("cp %s %s"):format(e2e.program, program)), 0)
  equal(run(program .. " --version"), 0)
  equal(run(("echo '-- changed' >> %s/lua/moonwire/cdef.lua"):format(root)), 0)
  for _, command in ipairs { "--version", "run --config none.lua", "sim indodax" } do
    local status, err = run(program .. " " .. command)
    equal(status, 2, command)
    has(err, "moonwire: the library in " .. root .. "/lua/moonwire is not of this program's build: "
        .. "make builds it")
  end
end)

test("a user's own CFLAGS do not part the program from its library", function()
  local process = e2e.spawn({ "make", "-n", "V=1", "CFLAGS=-O1", "-W", "lua/moonwire/cdef.lua",
                              "build/release/lua_host.o" }, ENVIRONMENT)
  equal(process:wait_exit(20), 0)
  has(process:out(), "-O1")
  has(process:out(), "-DMW_CDEF_SHA256=")
end)

test("more accounts than one runtime locks are refused before anything starts", function()
  local venue = '{ protocol = "indodax", environment = "demo", key = env "MW_KEY", '
    .. 'rest_url = "https://v%d.test", secret = env "MW_SECRET" }'
  local path = e2e.directory() .. "/moonwire.lua"
  local venues = {}
  for i = 1, 32 do venues[i] = ("v%d = %s"):format(i, venue:format(i)) end
  e2e.write(path, "return { venues = { " .. table.concat(venues, ", ") .. " } }")
  local status, out, err = moonwire({ "run", "--config", path }, ENVIRONMENT)
  equal(status, 2)
  equal(out, "")
  has(err, path .. ": venues: one runtime trades 31 accounts at most: give the others a runtime")
end)

test("a secret that is not there is told by its name, and no value is printed", function()
  local directory = e2e.directory()
  local config = configuration(directory)
  local status, out, err = moonwire({ "check", "--config", config }, { MW_KEY = "key-of-the-test" })
  equal(status, 2)
  has(err, "MW_SECRET")
  equal((out .. err):find("key-of-the-test", 1, true), nil)
end)

test("a secret file that others can read is refused", function()
  local directory = e2e.directory()
  local secret = e2e.write(directory .. "/secret", "secret-of-the-test")
  os.execute("chmod 644 '" .. secret .. "'")
  local config = e2e.write(directory .. "/moonwire.lua", ([[
return { venues = { idx = { protocol = "indodax", environment = "demo", key = env "MW_KEY",
  secret = file %q } } }]]):format(secret))
  local status, _, err = moonwire({ "check", "--config", config }, ENVIRONMENT)
  equal(status, 2)
  has(err, "secret")
  os.execute("chmod 600 '" .. secret .. "'")
  local fine
  fine, _, err = moonwire({ "check", "--config", config }, ENVIRONMENT)
  equal(fine, 0, err)
end)

e2e.run_all()
