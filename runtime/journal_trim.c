/* Retention: what is beyond the limits is deleted, a slice at a time, so that no commit waits long.
 */
#include "journal_file.h"

#include <inttypes.h>
#include <stdio.h>

enum { CHUNKS_A_SLICE = 8, ROWS_A_SLICE = 2000, MORE_BYTES = 4 << 20 };
enum { VACUUM_PAGES = 256, WORTH_IT = 16 /* of the limit: is worth to be given back */ };

#define MATTERS_STILL                                                                              \
    "status NOT IN ('filled', 'canceled', 'rejected', 'expired')"                                  \
    " OR EXISTS (SELECT 1 FROM fills WHERE order_key = orders.key)"

struct trim {
    sqlite3 *db;
    const char *path;
    struct mw_err *err;
};

static int64_t number(const struct trim *trim, const char *sql)
{
    return mw_journal_number(trim->db, trim->path, sql, trim->err);
}

static int exec(const struct trim *trim, const char *sql)
{
    return mw_journal_exec(trim->db, trim->path, sql, trim->err);
}

/* Bytes that are in use in the file, free pages not counted; -1 and `err`. */
static int64_t used_bytes(const struct trim *trim)
{
    int64_t pages = number(trim, "PRAGMA page_count");
    int64_t unused = number(trim, "PRAGMA freelist_count"), size = number(trim, "PRAGMA page_size");
    return pages < 0 || unused < 0 || size < 0 ? -1 : (pages - unused) * size;
}

/* The oldest chunks of which rows are drawn, and what else is told of their time. How many bytes;
 * 0: there are none to delete; -1 and `err`. */
static int64_t delete_slice(const struct trim *trim, int64_t before_ns)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql,
                   "SELECT coalesce(sum(length(bytes)) + 1, 0) FROM (SELECT bytes FROM chunks"
                   " WHERE chunk < (SELECT chunk FROM drawn) AND from_ns < %" PRId64
                   " ORDER BY chunk LIMIT %d)",
                   before_ns, CHUNKS_A_SLICE); /* fits */
    int64_t bytes = number(trim, sql);
    if (bytes <= 0)
        return bytes;
    (void)snprintf(sql, sizeof sql,
                   "BEGIN IMMEDIATE;"
                   "DELETE FROM chunks WHERE chunk IN (SELECT chunk FROM chunks WHERE chunk <"
                   " (SELECT chunk FROM drawn) AND from_ns < %" PRId64 " ORDER BY chunk LIMIT %d)",
                   before_ns, CHUNKS_A_SLICE); /* fits */
    if (exec(trim, sql) < 0)
        return -1;
    static const char *const tables[] = {"log", "sessions", "dropped"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        (void)snprintf(sql, sizeof sql,
                       "DELETE FROM %s WHERE rowid IN (SELECT rowid FROM %s ORDER BY rowid"
                       " LIMIT %d) AND time_ns < (SELECT min(from_ns) FROM chunks)",
                       tables[i], tables[i], ROWS_A_SLICE); /* fits */
        if (exec(trim, sql) < 0)
            return -1;
    }
    return exec(trim, "COMMIT") < 0 ? -1 : bytes;
}

/* Orders that ended without a fill, and runs of which nothing is left. */
static int delete_orders(const struct trim *trim, int64_t before_ns)
{
    char sql[1024];
    (void)snprintf(
        sql, sizeof sql,
        "DELETE FROM orders WHERE key IN (SELECT key FROM orders WHERE updated_ns < %" PRId64
        " AND NOT (" MATTERS_STILL ") LIMIT %d);"
        "DELETE FROM runs WHERE ended_ns < %" PRId64 " AND run < (SELECT max(run) FROM runs)"
        " AND NOT EXISTS (SELECT 1 FROM orders WHERE orders.run = runs.run)"
        " AND run < (SELECT coalesce(min(run), 0) FROM chunks)",
        before_ns, ROWS_A_SLICE, before_ns); /* fits */
    return exec(trim, sql);
}

/* What orders were that have been replaced (chain.lua), but of those that are open or have changed
 * since, whose keys are "replace:VENUE:CLIENT_ORDER_ID"; and which of them an id belongs to. */
static int delete_chains(const struct trim *trim, int64_t before_ns)
{
    char sql[1024];
    (void)snprintf(
        sql, sizeof sql,
        "DELETE FROM persist WHERE strategy IN (SELECT strategy FROM persist WHERE strategy >="
        " 'replaced:' AND strategy < 'replaced;' AND time_ns < %" PRId64 " LIMIT %d);"
        "DELETE FROM persist WHERE strategy IN (SELECT strategy FROM (SELECT strategy,"
        " substr(strategy, 9) AS id FROM persist WHERE strategy >= 'replace:'"
        " AND strategy < 'replace;' AND time_ns < %" PRId64 ") WHERE NOT EXISTS (SELECT 1 FROM"
        " orders WHERE venue = substr(id, 1, instr(id, ':') - 1)"
        " AND client_order_id = substr(id, instr(id, ':') + 1)"
        " AND (updated_ns >= %" PRId64
        " OR status NOT IN ('filled', 'canceled', 'rejected', 'expired'))) LIMIT %d)",
        before_ns, ROWS_A_SLICE, before_ns, before_ns, ROWS_A_SLICE); /* fits */
    return exec(trim, sql);
}

static int trim_by_size(const struct trim *trim, int64_t max_bytes, int64_t budget)
{
    int64_t used = used_bytes(trim);
    while (used > max_bytes && budget > 0) {
        int64_t gone = delete_slice(trim, INT64_MAX);
        if (gone <= 0)
            return gone < 0 ? -1 : 0;
        budget -= gone;
        used = used_bytes(trim);
    }
    return used < 0 ? -1 : 0;
}

static int trim_by_age(const struct trim *trim, int64_t before_ns, int64_t budget)
{
    while (budget > 0) {
        int64_t gone = delete_slice(trim, before_ns);
        if (gone <= 0)
            return gone < 0 ? -1 : 0;
        budget -= gone;
    }
    return 0;
}

/* Gives pages back that a smaller limit has left unused. */
static int shrink(const struct trim *trim, int64_t max_bytes)
{
    char sql[64];
    int64_t pages = number(trim, "PRAGMA page_count"), size = number(trim, "PRAGMA page_size");
    int64_t unused = number(trim, "PRAGMA freelist_count");
    if (pages < 0 || size < 0 || unused < 0)
        return -1;
    if (pages * size <= max_bytes || unused * size < max_bytes / WORTH_IT)
        return 0;
    (void)snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES); /* fits */
    return exec(trim, sql);
}

int mw_journal_file_trim(sqlite3 *db, const struct mw_journal_options *options, int64_t now_ns,
                         size_t written, bool is_rare, struct mw_err *err)
{
    struct trim trim = {db, options->path, err};
    int64_t budget = (int64_t)written + MORE_BYTES, before_ns = now_ns - options->max_age_ns;
    int failed = 0;
    if (options->max_bytes > 0)
        failed = trim_by_size(&trim, options->max_bytes, budget);
    if (!failed && options->max_bytes > 0)
        failed = shrink(&trim, options->max_bytes);
    if (!failed && options->max_age_ns > 0)
        failed = trim_by_age(&trim, before_ns, budget);
    if (!failed && options->max_age_ns > 0 && is_rare)
        failed = delete_orders(&trim, before_ns) < 0 || delete_chains(&trim, before_ns) < 0;
    if (failed && !sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* `err` has the cause already */
    return failed;
}
