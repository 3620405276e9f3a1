std = "luajit"
max_line_length = 100
self = false
codes = true

-- 581: `not (a > b)` of decimals is meant as it stands.
ignore = { "581" }
-- The sandbox takes string.dump away.
files["lua/moonwire/sandbox.lua"].ignore = { "122/string" }
-- Configurations, not strategies.
files["examples/finery.lua"] = { read_globals = { "env", "file" } }
files["examples/instamrkt.lua"] = { read_globals = { "env", "file" } }
files["examples/peatio.lua"] = { read_globals = { "env", "file" } }
