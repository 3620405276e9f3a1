/* Journal files, as Lua reads them. Never written from here: the guardian is the one writer. */
#include "journal_schema.h"
#include "lua_api.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define READER "moonwire.Journal"

enum { BUSY_MS = 2000 };

/* `statement` is parked here, because building a row may throw. */
struct reader {
    sqlite3 *db;
    sqlite3_stmt *statement;
};

static void finish(struct reader *reader)
{
    (void)sqlite3_finalize(reader->statement); /* repeats the error of the last step */
    reader->statement = NULL;
}

static void shut(struct reader *reader)
{
    finish(reader);
    (void)sqlite3_close(reader->db); /* has no statement left: cannot be busy */
    reader->db = NULL;
}

static struct reader *check_reader(lua_State *L)
{
    struct reader *reader = luaL_checkudata(L, 1, READER);
    luaL_argcheck(L, reader->db, 1, "this journal is closed");
    finish(reader); /* one that a throw left behind */
    return reader;
}

/* The number that a PRAGMA names, or -1 and SQLite's words in `err`. */
static int64_t pragma(struct reader *reader, const char *sql, struct mw_err *err)
{
    int64_t value = -1;
    if (sqlite3_prepare_v2(reader->db, sql, -1, &reader->statement, NULL) == SQLITE_OK &&
        sqlite3_step(reader->statement) == SQLITE_ROW)
        value = sqlite3_column_int64(reader->statement, 0);
    else
        mw_err_set(err, "%s", sqlite3_errmsg(reader->db));
    finish(reader);
    return value;
}

static int open_file(struct reader *reader, const char *path, struct mw_err *err)
{
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &reader->db, flags, NULL) != SQLITE_OK) {
        int cause = reader->db ? sqlite3_system_errno(reader->db) : ENOMEM;
        mw_err_set(err, "%s", cause ? strerror(cause) : sqlite3_errmsg(reader->db));
        return -1;
    }
    (void)sqlite3_busy_timeout(reader->db, BUSY_MS); /* cannot fail for an open connection */
    int64_t application = pragma(reader, "PRAGMA application_id", err);
    int64_t version = application < 0 ? -1 : pragma(reader, "PRAGMA user_version", err);
    if (version < 0)
        return -1;
    if (application != MW_JOURNAL_APPLICATION) {
        mw_err_set(err, "this is no journal of moonwire");
        return -1;
    }
    if (version > MW_JOURNAL_VERSION) {
        mw_err_set(err,
                   "written by a newer moonwire (version %" PRId64 ", this one reads up to %d)",
                   version, MW_JOURNAL_VERSION);
        return -1;
    }
    return 0;
}

static int bind_argument(lua_State *L, struct reader *reader, int arg, int place)
{
    size_t len;
    lua_Number number;
    switch (lua_type(L, arg)) {
    case LUA_TNIL:
        return sqlite3_bind_null(reader->statement, place);
    case LUA_TNUMBER:
        number = lua_tonumber(L, arg);
        if (number >= -9007199254740992.0 && number <= 9007199254740992.0 &&
            number == (lua_Number)(int64_t)number)
            return sqlite3_bind_int64(reader->statement, place, (int64_t)number);
        return sqlite3_bind_double(reader->statement, place, number);
    default: /* was checked to be a string */
        (void)lua_tolstring(L, arg, &len);
        return sqlite3_bind_text64(reader->statement, place, lua_tostring(L, arg), len,
                                   SQLITE_STATIC, SQLITE_UTF8);
    }
}

/* What follows SQL in the call, to its parameters. -1 and `err`. */
static int bind_all(lua_State *L, struct reader *reader, struct mw_err *err)
{
    int given = lua_gettop(L) - 2, wanted = sqlite3_bind_parameter_count(reader->statement);
    if (given != wanted) {
        mw_err_set(err, "%d values for %d parameters", given, wanted);
        return -1;
    }
    for (int i = 1; i <= given; i++)
        if (bind_argument(L, reader, i + 2, i) != SQLITE_OK) {
            mw_err_set(err, "%s", sqlite3_errmsg(reader->db));
            return -1;
        }
    return 0;
}

/* Whole numbers that a Lua number does not hold become digits. */
static void push_integer(lua_State *L, int64_t value)
{
    char digits[24];
    if (value > -(INT64_C(1) << 53) && value < (INT64_C(1) << 53)) {
        lua_pushnumber(L, (lua_Number)value);
        return;
    }
    (void)snprintf(digits, sizeof digits, "%" PRId64, value);
    lua_pushstring(L, digits);
}

static void push_value(lua_State *L, sqlite3_stmt *statement, int column)
{
    const char *bytes;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        push_integer(L, sqlite3_column_int64(statement, column));
        break;
    case SQLITE_FLOAT:
        lua_pushnumber(L, sqlite3_column_double(statement, column));
        break;
    case SQLITE_NULL:
        lua_pushnil(L);
        break;
    default:
        bytes = sqlite3_column_blob(statement, column);
        lua_pushlstring(L, bytes ? bytes : "", (size_t)sqlite3_column_bytes(statement, column));
    }
}

static void push_row(lua_State *L, sqlite3_stmt *statement)
{
    int columns = sqlite3_column_count(statement);
    lua_createtable(L, 0, columns); /* row */
    for (int i = 0; i < columns; i++) {
        const char *name = sqlite3_column_name(statement, i);
        push_value(L, statement, i);            /* row value */
        lua_setfield(L, -2, name ? name : "?"); /* row */
    }
}

/* db:query(sql, ...) -> rows, tables by column name | nil, err. The values (nil, number, string)
 * stand for ? in the order of writing. A whole number of 2^53 and more comes as digits. */
static int l_query(lua_State *L)
{
    struct mw_err err = {""};
    struct reader *reader = check_reader(L);
    const char *sql = luaL_checkstring(L, 2);
    for (int i = 3; i <= lua_gettop(L); i++)
        luaL_argcheck(
            L, lua_isnil(L, i) || lua_type(L, i) == LUA_TNUMBER || lua_type(L, i) == LUA_TSTRING, i,
            "nil, a number or a string expected");
    int result = sqlite3_prepare_v2(reader->db, sql, -1, &reader->statement, NULL);
    if (result != SQLITE_OK)
        mw_err_set(&err, "%s", sqlite3_errmsg(reader->db));
    else if (!reader->statement)
        mw_err_set(&err, "no statement");
    else if (bind_all(L, reader, &err) == 0) {
        lua_newtable(L); /* .. rows */
        int count = 0;
        while ((result = sqlite3_step(reader->statement)) == SQLITE_ROW) {
            push_row(L, reader->statement); /* .. rows row */
            lua_rawseti(L, -2, ++count);    /* .. rows */
        }
        if (result != SQLITE_DONE)
            mw_err_set(&err, "%s", sqlite3_errmsg(reader->db));
    }
    finish(reader);
    if (!err.text[0])
        return 1;
    mw_err_context(&err, "journal");
    return mw_api_fail(L, &err);
}

/* db:close(): more than once does no harm */
static int l_close(lua_State *L)
{
    shut(luaL_checkudata(L, 1, READER));
    return 0;
}

static void make_metatable(lua_State *L)
{
    static const luaL_Reg methods[] = {{"query", l_query}, {"close", l_close}, {NULL, NULL}};
    if (!luaL_newmetatable(L, READER)) { /* metatable */
        lua_pop(L, 1);
        return;
    }
    lua_newtable(L); /* metatable methods */
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_close);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable"); /* so that nobody calls __gc on something else */
    lua_pop(L, 1);
}

/* host.journal_open(path) -> db | nil, err: read only, also while it is being written */
static int l_journal_open(lua_State *L)
{
    struct mw_err err = {""};
    const char *path = luaL_checkstring(L, 1);
    make_metatable(L);
    struct reader *reader = lua_newuserdata(L, sizeof *reader); /* reader */
    memset(reader, 0, sizeof *reader);
    luaL_getmetatable(L, READER);
    lua_setmetatable(L, -2); /* reader */
    if (open_file(reader, path, &err) == 0)
        return 1;
    shut(reader);
    mw_err_context(&err, "journal %s", path);
    return mw_api_fail(L, &err);
}

const luaL_Reg mw_lua_journal[] = {{"journal_open", l_journal_open}, {NULL, NULL}};
