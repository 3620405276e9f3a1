--- A journal file for tests, made by SQLite itself with the tables of runtime/journal_schema.h.

local ffi = require "ffi"
local files = require "tests.files"

ffi.cdef [[
typedef struct sqlite3 sqlite3;
int sqlite3_open(const char *path, sqlite3 **db);
int sqlite3_exec(sqlite3 *db, const char *sql, void *f, void *arg, char **err);
int sqlite3_close(sqlite3 *db);
const char *sqlite3_errmsg(sqlite3 *db);
]]

local M = {}
local Journal = {}
Journal.__index = Journal

local function schema()
  local parts, text = {}, files.read("runtime/journal_schema.h"):gsub("/%*.-%*/", "")
  for part in text:match("#define MW_JOURNAL_SCHEMA +\\(.-)\n\n"):gmatch '"([^"]*)"' do
    parts[#parts + 1] = part
  end
  return table.concat(parts)
end

--- A new, empty journal; journal.path is where it stands.
function M.new()
  local self = setmetatable({ directory = files.directory "archive" }, Journal)
  self.path = self.directory .. "/moonwire.db"
  local out = ffi.new "sqlite3 *[1]"
  assert(ffi.C.sqlite3_open(self.path, out) == 0)
  self.db = out[0]
  self:run(("PRAGMA journal_mode = WAL; PRAGMA application_id = %d; PRAGMA user_version = 2;")
           :format(0x6d6f6f6e))
  self:run(schema())
  return self
end

function Journal:run(sql)
  if ffi.C.sqlite3_exec(self.db, sql, nil, nil, nil) ~= 0 then
    error(ffi.string(ffi.C.sqlite3_errmsg(self.db)) .. ": " .. sql, 2)
  end
end

local function literal(value)
  if type(value) == "number" then return ("%.0f"):format(value) end
  return "'" .. tostring(value):gsub("'", "''") .. "'"
end

--- One row: journal:insert("persist", { strategy = "one", text = "{}" }).
function Journal:insert(name, row)
  local columns, values = {}, {}
  for column, value in pairs(row) do
    columns[#columns + 1], values[#values + 1] = column, literal(value)
  end
  self:run(("INSERT INTO %s (%s) VALUES (%s)"):format(name, table.concat(columns, ", "),
                                                      table.concat(values, ", ")))
end

--- An order of ours, with what is usual unless `row` says otherwise, and its fills.
function Journal:order(row, fills)
  self.orders = (self.orders or 0) + 1
  local all = {
    key = self.orders, run = 1, number = self.orders, venue = "idx", symbol = "BTC/IDR",
    side = "buy", type = "limit", time_in_force = "gtc", price = "950000000", qty = "0.003",
    status = "new", strategy = "one", external = 0, is_estimate = 0,
    created_ns = "1789999990000000000", updated_ns = "1789999991000000000",
  }
  for name, value in pairs(row) do all[name] = value or nil end
  self:insert("orders", all)
  for _, fill in ipairs(fills or {}) do
    local usual = { order_key = all.key, run = 1, qty = "0.001", price = "950000000",
                    liquidity = "maker", fees = "10 IDR, 1 IDR", flags = 0,
                    time_ns = "1789999990500000000" }
    for name, value in pairs(fill) do usual[name] = value or nil end
    self:insert("fills", usual)
  end
  return all
end

--- Closes it and takes the files away.
function Journal:remove()
  ffi.C.sqlite3_close(self.db)
  files.remove(self.directory)
end

return M
