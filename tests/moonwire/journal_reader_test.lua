--- Reading a journal file: host.journal_open. The files are made here, by SQLite itself.

local t = require "tests.tap"
local ffi = require "ffi"
local host = require "moonwire.host"
local files = require "tests.files"

ffi.cdef [[
typedef struct sqlite3 sqlite3;
int sqlite3_open(const char *path, sqlite3 **db);
int sqlite3_exec(sqlite3 *db, const char *sql, void *f, void *arg, char **err);
int sqlite3_close(sqlite3 *db);
]]

local DIR = files.directory "reader"
local PATH = DIR .. "/j.db"
local APPLICATION = 0x6d6f6f6e

-- A connection that writes to the file, and one statement after the other.
local function writer(...)
  local db = ffi.new "sqlite3 *[1]"
  assert(ffi.C.sqlite3_open(PATH, db) == 0)
  for _, sql in ipairs { ... } do
    assert(ffi.C.sqlite3_exec(db[0], sql, nil, nil, nil) == 0, sql)
  end
  return db[0]
end

local function journal(version, ...)
  return writer("PRAGMA journal_mode = WAL", "PRAGMA application_id = " .. APPLICATION,
                "PRAGMA user_version = " .. version, ...)
end

local function clean(db)
  if db then ffi.C.sqlite3_close(db) end
  for _, suffix in ipairs { "", "-wal", "-shm" } do os.remove(PATH .. suffix) end
end

local function refused(pattern, result, err)
  t.equal(result, nil)
  t.ok(tostring(err):find(pattern), "expected " .. pattern .. ", got " .. tostring(err))
end

t.test("values come back as what they are", function()
  local db = journal(1, "CREATE TABLE v (a, b, c, d, e, f)", "INSERT INTO v VALUES"
    .. " (7, 9007199254740992, -9223372036854775808, 0.5, 'one', x'00ff')")
  local reader = assert(host.journal_open(PATH))
  local rows = assert(reader:query "SELECT *, NULL AS g FROM v")
  t.equal(#rows, 1)
  local row = rows[1]
  t.equal(row.a, 7)
  t.equal(row.b, "9007199254740992")
  t.equal(row.c, "-9223372036854775808")
  t.equal(row.d, 0.5)
  t.equal(row.e, "one")
  t.equal(row.f, "\0\255")
  t.equal(row.g, nil)
  reader:close()
  clean(db)
end)

t.test("parameters are bound, not pasted", function()
  local db = journal(1, "CREATE TABLE v (a INTEGER, b TEXT)",
                     "INSERT INTO v VALUES (1, 'x'), (1700000000000000001, 'it''s'), (NULL, 'n')")
  local reader = assert(host.journal_open(PATH))
  local function b_of(where, ...)
    local rows = assert(reader:query("SELECT b FROM v WHERE " .. where, ...))
    t.equal(#rows, 1, where)
    return rows[1].b
  end
  t.equal(b_of("a = ?", 1), "x")
  t.equal(b_of("b = ?", "it's"), "it's")
  t.equal(b_of("a = ?", "1700000000000000001"), "it's")
  t.equal(b_of("a IS ? AND b = ?", nil, "n"), "n")
  t.equal(b_of("a > ? AND a < ?", 0.5, 1.5), "x")
  refused("1 values for 2 parameters", reader:query("SELECT ? + ?", 1))
  t.raises(reader.query, "nil, a number or a string expected", reader, "SELECT ?", {})
  reader:close()
  clean(db)
end)

t.test("what another connection commits is seen, what it has not yet committed is not", function()
  local db = journal(1, "CREATE TABLE v (a)", "BEGIN", "INSERT INTO v VALUES (1)")
  local reader = assert(host.journal_open(PATH))
  t.equal(#assert(reader:query "SELECT a FROM v"), 0)
  ffi.C.sqlite3_exec(db, "COMMIT", nil, nil, nil)
  t.equal(#assert(reader:query "SELECT a FROM v"), 1)
  reader:close()
  clean(db)
end)

t.test("nothing can be written", function()
  local db = journal(1, "CREATE TABLE v (a)")
  local reader = assert(host.journal_open(PATH))
  refused("readonly", reader:query "INSERT INTO v VALUES (1)")
  reader:close()
  clean(db)
end)

t.test("bad SQL says what is wrong with it", function()
  local db = journal(1)
  local reader = assert(host.journal_open(PATH))
  refused("journal: no such table: nowhere", reader:query "SELECT * FROM nowhere")
  refused("no statement", reader:query " ")
  reader:close()
  clean(db)
end)

t.test("a closed journal is closed for good, and closing again does no harm", function()
  local db = journal(1)
  local reader = assert(host.journal_open(PATH))
  reader:close()
  reader:close()
  t.raises(reader.query, "this journal is closed", reader, "SELECT 1")
  clean(db)
end)

t.test("what is no journal is refused, by name", function()
  clean()
  refused("j%.db: No such file", host.journal_open(PATH))
  clean(writer "CREATE TABLE v (a)")
  local db = writer "CREATE TABLE v (a)"
  refused("j%.db: this is no journal of moonwire", host.journal_open(PATH))
  clean(db)
  local file = assert(io.open(PATH, "w"))
  file:write(("no database at all\n"):rep(100))
  file:close()
  refused("j%.db: file is not a database", host.journal_open(PATH))
  clean()
end)

t.test("a journal of a newer version is refused", function()
  local db = journal(99)
  refused("newer moonwire %(version 99, this one reads up to %d+%)", host.journal_open(PATH))
  clean(db)
end)

files.remove(DIR)
t.done()
