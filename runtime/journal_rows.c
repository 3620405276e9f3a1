#include "journal_rows.h"
#include "journal_bind.h"
#include "map64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An order's key is made of its run and its number, so that no look-up is needed; one of an earlier
 * run keeps the key that it has (`known`). */
enum { KEY_SHIFT = 40 };
/* So is a fill's, and is below 2^53 for the first two million runs. */
enum { FILL_SHIFT = 32 };

/* The run that knows the order now gives its numbers; what the first one told stays. */
#define ORDER_AGAIN                                                                                \
    " run = ?2, number = ?3, order_id = coalesce(?5, order_id), status = ?11,"                     \
    " strategy = coalesce(?12, strategy), callback = coalesce(callback, ?13),"                     \
    " price = coalesce(?14, price), qty = coalesce(?15, qty), amount = coalesce(?16, amount),"     \
    " is_estimate = ?17, external = ?18, updated_ns = ?20"

#define STATEMENTS(X)                                                                              \
    X(run, "INSERT INTO runs (started_ns) VALUES (?)")                                             \
    X(name_run, "UPDATE runs SET name = ?1, version = ?2, config = ?3, pid = ?4, epoch = ?5"       \
                " WHERE run = ?6")                                                                 \
    X(end_run, "UPDATE runs SET ended_ns = ?2, how = ?3 WHERE run = ?1")                           \
    X(chunk, "INSERT INTO chunks (run, first, last, from_ns, to_ns, bytes)"                        \
             " VALUES (?, ?, ?, ?, ?, ?)")                                                         \
    X(recall, "SELECT run, number, key FROM orders WHERE key <> (run << ?1 | number) AND run >="   \
              " (SELECT min(run) FROM chunks WHERE chunk >= ?2)")                                  \
    X(order,                                                                                       \
      "INSERT INTO orders (key, run, number, client_order_id, order_id, venue, symbol, side, "     \
      "type,"                                                                                      \
      " time_in_force, status, strategy, callback, price, qty, amount, is_estimate, external,"     \
      " cum_qty, value, event, created_ns, updated_ns)"                                            \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"  \
      " '0', '0', ?19, ?20, ?20)")                                                                 \
    X(order_again, "UPDATE orders SET" ORDER_AGAIN " WHERE key = ?1")                              \
    X(find_client_id, "SELECT key FROM orders WHERE venue = ? AND client_order_id = ?")            \
    X(find_order_id, "SELECT key FROM orders WHERE venue = ? AND order_id = ? AND symbol = ?"      \
                     " ORDER BY key DESC LIMIT 1")                                                 \
    X(status, "UPDATE orders SET status = ?2, order_id = coalesce(?3, order_id), reason = ?4,"     \
              " cum_qty = ?5, value = ?6, updated_ns = ?7 WHERE key = ?1")                         \
    X(fill,                                                                                        \
      "INSERT INTO fills (order_key, run, trade_id, qty, price, liquidity, fees, flags, time_ns,"  \
      " booked_ns, new_qty, fill) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"      \
      " ON CONFLICT (order_key, trade_id) DO UPDATE SET qty = excluded.qty,"                       \
      " new_qty = coalesce(new_qty, qty),"                                                         \
      " price = excluded.price, liquidity = coalesce(excluded.liquidity, liquidity),"              \
      " fees = coalesce(excluded.fees, fees), flags = excluded.flags, time_ns = excluded.time_ns") \
    X(find_fill, "SELECT qty, flags FROM fills WHERE order_key = ? AND trade_id IS ?")             \
    X(estimate,                                                                                    \
      "SELECT fill, qty FROM fills WHERE order_key = ? AND trade_id IS NULL AND flags & 2"         \
      " AND qty <> '0' ORDER BY fill LIMIT 1")                                                     \
    X(set_qty, "UPDATE fills SET new_qty = coalesce(new_qty, qty), qty = ?2 WHERE fill = ?1")      \
    X(session, "INSERT INTO sessions (run, time_ns, venue, state, why) VALUES (?, ?, ?, ?, ?)")    \
    X(log, "INSERT INTO log (run, time_ns, level, text) VALUES (?, ?, ?, ?)")                      \
    X(dropped, "INSERT INTO dropped (run, time_ns, event, strategy, callback, command, why)"       \
               " VALUES (?, ?, ?, ?, ?, ?, ?)")                                                    \
    X(persist,                                                                                     \
      "INSERT INTO persist (strategy, text, time_ns, told) VALUES (?, ?, ?, ?)"                    \
      " ON CONFLICT (strategy) DO UPDATE SET text = excluded.text, time_ns = excluded.time_ns,"    \
      " told = coalesce(excluded.told, told)")                                                     \
    X(told, "INSERT INTO persist (strategy, told) VALUES (?, ?)"                                   \
            " ON CONFLICT (strategy) DO UPDATE SET told = excluded.told")                          \
    X(version, "INSERT OR REPLACE INTO versions (name, why, file, number, time_ns, text)"          \
               " VALUES (?, ?, ?, ?, ?, ?)")                                                       \
    X(trim_versions, "DELETE FROM versions WHERE name = ?1 AND number <= ?2 - 10")

#define STATEMENT_ENUM(name, sql) S_##name,
enum statement { STATEMENTS(STATEMENT_ENUM) S_COUNT };

struct mw_journal_rows {
    sqlite3 *db;
    sqlite3_stmt *statements[S_COUNT];
    int64_t run;                  /* of the record that was added last */
    struct mw_map64 known;        /* usual key of an order -> the key that its row has */
    struct mw_map64 states;       /* number of an order -> its last order_status, not written yet */
    const struct mw_record *told; /* the last one, not written yet */
};

struct mw_journal_rows *mw_journal_rows_new(struct mw_err *err)
{
    struct mw_journal_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        mw_err_set(err, "journal: out of memory");
    return rows;
}

void mw_journal_rows_free(struct mw_journal_rows *rows)
{
    if (!rows)
        return;
    mw_journal_rows_detach(rows);
    mw_map64_free(&rows->known);
    mw_map64_free(&rows->states);
    free(rows);
}

int mw_journal_rows_attach(struct mw_journal_rows *rows, sqlite3 *db)
{
#define STATEMENT_SQL(name, sql) sql,
    static const char *const texts[] = {STATEMENTS(STATEMENT_SQL)};
    rows->db = db;
    for (size_t i = 0; i < S_COUNT; i++)
        if (sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &rows->statements[i],
                               NULL) != SQLITE_OK)
            return -1;
    return 0;
}

void mw_journal_rows_detach(struct mw_journal_rows *rows)
{
    for (size_t i = 0; i < S_COUNT; i++) {
        (void)sqlite3_finalize(rows->statements[i]); /* was reset */
        rows->statements[i] = NULL;
    }
    rows->db = NULL;
}

/* Runs and orders ------------------------------------------------------------------------------ */

/* Every process that records is a run: what it numbers is its own. A sweeper's has no name. */
int mw_journal_rows_begin_run(struct mw_journal_rows *rows, int64_t time_ns, int64_t *run)
{
    sqlite3_stmt *s = rows->statements[S_run];
    mw_bind_number(s, 1, time_ns);
    if (mw_run(s) < 0)
        return -1;
    *run = sqlite3_last_insert_rowid(rows->db);
    return 0;
}

int mw_journal_rows_recall(struct mw_journal_rows *rows, int64_t chunk)
{
    sqlite3_stmt *s = rows->statements[S_recall];
    int failed = 0;
    mw_bind_number(s, 1, KEY_SHIFT);
    mw_bind_number(s, 2, chunk);
    while (!failed && sqlite3_step(s) == SQLITE_ROW) {
        uint64_t run = (uint64_t)sqlite3_column_int64(s, 0);
        uint64_t number = (uint64_t)sqlite3_column_int64(s, 1);
        failed = mw_map64_put(&rows->known, run << KEY_SHIFT | number,
                              (uint64_t)sqlite3_column_int64(s, 2));
    }
    return sqlite3_reset(s) == SQLITE_OK && !failed ? 0 : -1;
}

static int name_run(struct mw_journal_rows *rows, const struct mw_record *r)
{
    struct mw_words words = mw_words_of(r);
    sqlite3_stmt *s = rows->statements[S_name_run];
    mw_bind_words(s, 1, &words, 0, 2);
    mw_bind_number(s, 4, r->num);
    mw_bind_number(s, 5, r->num2);
    mw_bind_number(s, 6, rows->run);
    return mw_run(s);
}

int mw_journal_rows_end_run(struct mw_journal_rows *rows, int64_t run, int64_t time_ns,
                            const char *how)
{
    sqlite3_stmt *s = rows->statements[S_end_run];
    mw_bind_number(s, 1, run);
    mw_bind_number(s, 2, time_ns);
    mw_bind_text(s, 3, how, (int)strlen(how));
    return mw_run(s);
}

static int64_t key_of(const struct mw_journal_rows *rows, uint64_t number)
{
    uint64_t usual = (uint64_t)rows->run << KEY_SHIFT | number;
    const uint64_t *known = mw_map64_find(&rows->known, usual);
    return (int64_t)(known ? *known : usual);
}

static int write_state(struct mw_journal_rows *rows, const struct mw_record *r)
{
    char cum[MW_DECIMAL_TEXT_MAX], value[MW_DECIMAL_TEXT_MAX];
    struct mw_words words = mw_words_of(r);
    sqlite3_stmt *s = rows->statements[S_status];
    mw_bind_number(s, 1, key_of(rows, r->id));
    mw_bind_words(s, 2, &words, 0, 2);
    mw_bind_decimal(s, 5, r, 0, cum);
    mw_bind_decimal(s, 6, r, 1, value);
    mw_bind_number(s, 7, r->time_ns);
    return mw_run(s);
}

/* The row of an order that was known before, by its ids: 1 and *key, 0, or -1. */
static int find_order(struct mw_journal_rows *rows, const struct mw_words *words, int64_t *key)
{
    bool has_client_id = words->len[0] > 0;
    sqlite3_stmt *s = rows->statements[has_client_id ? S_find_client_id : S_find_order_id];
    mw_bind_words(s, 1, words, 2, 2);
    mw_bind_words(s, 2, words, has_client_id ? 0 : 1, has_client_id ? 0 : 1);
    if (!has_client_id)
        mw_bind_words(s, 3, words, 3, 3);
    return mw_run_for_number(s, key);
}

/* Writes all of an order by one of two statements, which have the same parameters. As mw_run_new.
 */
static int put_order(struct mw_journal_rows *rows, enum statement which, const struct mw_record *r,
                     const struct mw_words *words, int64_t key)
{
    static const unsigned flags[] = {MW_ORDER_FLAG_price, MW_ORDER_FLAG_qty, MW_ORDER_FLAG_amount};
    char texts[3][MW_DECIMAL_TEXT_MAX];
    sqlite3_stmt *s = rows->statements[which];
    mw_bind_number(s, 1, key);
    mw_bind_number(s, 2, rows->run);
    mw_bind_number(s, 3, (int64_t)r->id);
    mw_bind_words(s, 4, words, 0, 9);
    for (size_t i = 0; i < 3; i++)
        if (r->flags & flags[i])
            mw_bind_decimal(s, 14 + (int)i, r, i, texts[i]);
        else
            (void)sqlite3_bind_null(s, 14 + (int)i);
    mw_bind_number(s, 17, (r->flags & MW_ORDER_FLAG_estimate) != 0);
    mw_bind_number(s, 18, (r->flags & MW_ORDER_FLAG_external) != 0);
    mw_bind_number(s, 19, (int64_t)r->event);
    mw_bind_number(s, 20, r->time_ns);
    return mw_run_new(s);
}

/* Most orders are new, so that is tried first unless the record says otherwise. *key: the usual
 * one, and then the one that the row has. */
static int write_order(struct mw_journal_rows *rows, const struct mw_record *r, int64_t *key)
{
    struct mw_words words = mw_words_of(r);
    bool has_id = words.len[0] > 0 || words.len[1] > 0;
    bool may_be_known = r->flags & MW_ORDER_FLAG_known || words.len[0] == 0;
    int found = has_id && may_be_known ? find_order(rows, &words, key) : 0;
    if (found == 0) {
        int result = put_order(rows, S_order, r, &words, *key);
        if (result <= 0)
            return result;
        found = has_id ? find_order(rows, &words, key) : 0;
    }
    return found < 0 || put_order(rows, S_order_again, r, &words, *key) != 0 ? -1 : 0;
}

static int add_order(struct mw_journal_rows *rows, const struct mw_record *r)
{
    uint64_t *state = mw_map64_find(&rows->states, r->id);
    if (state && *state) { /* it was before what this record says */
        if (write_state(rows, (const struct mw_record *)(uintptr_t)*state) < 0)
            return -1;
        *state = 0;
    }
    int64_t before = key_of(rows, r->id), key = before;
    if (write_order(rows, r, &key) < 0)
        return -1;
    uint64_t usual = (uint64_t)rows->run << KEY_SHIFT | r->id;
    return key == before ? 0 : mw_map64_put(&rows->known, usual, (uint64_t)key);
}

/* Fills ---------------------------------------------------------------------------------------- */

enum { FEES_TEXT_MAX = MW_FEES_MAX * (MW_DECIMAL_TEXT_MAX + MW_ASSET_NAME_MAX + 4) };

static char *append(char *out, const char *text, size_t len)
{
    memcpy(out, text, len);
    return out + len;
}

/* Without snprintf, which would take a tenth of the time that a fill takes. */
static int format_fees(char *text, const struct mw_execution *x, const struct mw_words *words)
{
    char *out = text;
    for (int i = 0; i < x->fee_count && i < MW_FEES_MAX; i++) {
        char amount[MW_DECIMAL_TEXT_MAX];
        size_t amount_len = mw_decimal_format(&x->fees[i], amount, sizeof amount);
        const char *name = words->len[i + 1] ? words->at[i + 1] : "?";
        int len = words->len[i + 1] ? words->len[i + 1] : 1;
        if (i)
            out = append(out, ", ", 2);
        out = append(out, amount, amount_len);
        out = append(out, " ", 1);
        out = append(out, name, (size_t)(len < MW_ASSET_NAME_MAX ? len : MW_ASSET_NAME_MAX));
    }
    return (int)(out - text);
}

static int write_fill(struct mw_journal_rows *rows, const struct mw_record *r,
                      const struct mw_execution *x, const struct mw_decimal *qty)
{
    static const char *const liquidity[MW_LIQUIDITIES] = {"", "maker", "taker", "pool"};
    char texts[2][MW_DECIMAL_TEXT_MAX], fees[FEES_TEXT_MAX];
    struct mw_words words = mw_words_of(r);
    const char *side =
        liquidity[x->liquidity < MW_LIQUIDITIES ? x->liquidity : MW_LIQUIDITY_UNTOLD];
    sqlite3_stmt *s = rows->statements[S_fill];
    mw_bind_number(s, 1, key_of(rows, r->id));
    mw_bind_number(s, 2, rows->run);
    mw_bind_words(s, 3, &words, 0, 0);
    mw_bind_text(s, 4, texts[0], (int)mw_decimal_format(qty, texts[0], sizeof texts[0]));
    mw_bind_text(s, 5, texts[1], (int)mw_decimal_format(&x->price, texts[1], sizeof texts[1]));
    mw_bind_text(s, 6, side, (int)strlen(side));
    mw_bind_text(s, 7, fees, format_fees(fees, x, &words));
    mw_bind_number(s, 8, r->flags & ~MW_RECORD_FIRST);
    if (r->num)
        mw_bind_number(s, 9, r->num);
    else
        (void)sqlite3_bind_null(s, 9);
    mw_bind_number(s, 10, r->time_ns);
    bool is_new = !(r->flags & MW_FILL_FLAG_amends);
    mw_bind_text(s, 11, "0", is_new ? 0 : 1);
    if (r->num2)
        mw_bind_number(s, 12, rows->run << FILL_SHIFT | r->num2);
    else
        (void)sqlite3_bind_null(s, 12); /* of a time when they had no numbers */
    return mw_run(s);
}

/* Takes so much from what was counted on the venue's total alone. */
static int take_from_estimates(struct mw_journal_rows *rows, int64_t order_key,
                               struct mw_decimal left)
{
    while (mw_decimal_sign(&left) > 0) {
        sqlite3_stmt *s = rows->statements[S_estimate];
        mw_bind_number(s, 1, order_key);
        if (sqlite3_step(s) != SQLITE_ROW)
            return sqlite3_reset(s) == SQLITE_OK ? 0 : -1; /* nothing to take from */
        int64_t fill = sqlite3_column_int64(s, 0);
        struct mw_decimal qty = mw_column_decimal(s, 1), rest;
        if (sqlite3_reset(s) != SQLITE_OK)
            return -1;
        bool is_all = mw_decimal_cmp(&qty, &left) <= 0;
        if (mw_decimal_sub(&rest, is_all ? &left : &qty, is_all ? &qty : &left) < 0)
            return 0; /* beyond 34 digits: the row stays as it is */
        char text[MW_DECIMAL_TEXT_MAX] = "0";
        size_t len = is_all ? 1 : mw_decimal_format(&rest, text, sizeof text);
        s = rows->statements[S_set_qty];
        mw_bind_number(s, 1, fill);
        mw_bind_text(s, 2, text, (int)len);
        if (mw_run(s) < 0)
            return -1;
        if (!is_all)
            break;
        left = rest;
    }
    return 0;
}

/* A trade whose price was a bound gets its true one; else it names some of what was counted by
 * total, perhaps in addition to what was new of it. */
static int amend_fill(struct mw_journal_rows *rows, const struct mw_record *r,
                      const struct mw_execution *x)
{
    int64_t key = key_of(rows, r->id);
    struct mw_words words = mw_words_of(r);
    struct mw_decimal qty = x->qty;
    sqlite3_stmt *s = rows->statements[S_find_fill];
    mw_bind_number(s, 1, key);
    mw_bind_words(s, 2, &words, 0, 0);
    bool exists = sqlite3_step(s) == SQLITE_ROW;
    /* Another bound does not amend a bound: then it names some of an estimate. */
    bool is_provisional = exists && !(r->flags & MW_FILL_FLAG_provisional) &&
                          sqlite3_column_int64(s, 1) & MW_FILL_FLAG_provisional;
    struct mw_decimal before = mw_column_decimal(s, 0);
    if (sqlite3_reset(s) != SQLITE_OK)
        return -1;
    if (!is_provisional && take_from_estimates(rows, key, x->qty) < 0)
        return -1;
    if (exists && !is_provisional && mw_decimal_add(&qty, &before, &x->qty) < 0)
        qty = x->qty; /* beyond 34 digits */
    return write_fill(rows, r, x, &qty);
}

static int add_fill(struct mw_journal_rows *rows, const struct mw_record *r)
{
    struct mw_execution x;
    if (r->data_len < sizeof x)
        return 0; /* not what mw_record_fill writes; the chunk has it */
    memcpy(&x, mw_record_data(r), sizeof x);
    return r->flags & MW_FILL_FLAG_amends ? amend_fill(rows, r, &x)
                                          : write_fill(rows, r, &x, &x.qty);
}

/* All others ----------------------------------------------------------------------------------- */

static int add_log(struct mw_journal_rows *rows, const struct mw_record *r)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const char *level = r->kind == MW_RECORD_alarm ? "alarm" : levels[(uint64_t)r->num & 3];
    sqlite3_stmt *s = rows->statements[S_log];
    mw_bind_number(s, 1, rows->run);
    mw_bind_number(s, 2, r->time_ns);
    mw_bind_text(s, 3, level, (int)strlen(level));
    mw_bind_text(s, 4, mw_record_text(r), (int)r->text_len);
    return mw_run(s);
}

static int add_session(struct mw_journal_rows *rows, const struct mw_record *r)
{
    struct mw_words words = mw_words_of(r);
    sqlite3_stmt *s = rows->statements[S_session];
    mw_bind_number(s, 1, rows->run);
    mw_bind_number(s, 2, r->time_ns);
    mw_bind_words(s, 3, &words, 0, 2);
    return mw_run(s);
}

static int add_dropped(struct mw_journal_rows *rows, const struct mw_record *r)
{
    struct mw_words words = mw_words_of(r);
    sqlite3_stmt *s = rows->statements[S_dropped];
    mw_bind_number(s, 1, rows->run);
    mw_bind_number(s, 2, r->time_ns);
    mw_bind_number(s, 3, (int64_t)r->event);
    mw_bind_words(s, 4, &words, 0, 3);
    return mw_run(s);
}

/* The key of the fill that a record of this run names. */
static int64_t told_of(const struct mw_journal_rows *rows, uint64_t fill)
{
    return (int64_t)(fill >> FILL_SHIFT ? fill : (uint64_t)rows->run << FILL_SHIFT | fill);
}

static int write_told(struct mw_journal_rows *rows)
{
    const struct mw_record *r = rows->told;
    sqlite3_stmt *s = rows->statements[S_told];
    rows->told = NULL;
    if (!r)
        return 0;
    mw_bind_text(s, 1, mw_record_text(r), (int)r->text_len);
    mw_bind_number(s, 2, told_of(rows, r->id));
    return mw_run(s);
}

/* Of one strategy's in a row the last one counts. */
static int add_told(struct mw_journal_rows *rows, const struct mw_record *r)
{
    const struct mw_record *last = rows->told;
    bool is_same = last && last->text_len == r->text_len &&
                   memcmp(mw_record_text(last), mw_record_text(r), r->text_len) == 0;
    if (!is_same && write_told(rows) < 0)
        return -1;
    rows->told = r;
    return 0;
}

/* The text is all that follows the strategy's name: it may have a NUL of its own. */
static int add_persist(struct mw_journal_rows *rows, const struct mw_record *r)
{
    const char *text = mw_record_text(r);
    size_t name = strnlen(text, r->text_len), after = name < r->text_len ? name + 1 : name;
    size_t len = r->text_len - after;
    sqlite3_stmt *s = rows->statements[S_persist];
    if (write_told(rows) < 0) /* was before this one */
        return -1;
    mw_bind_text(s, 1, text, (int)name);
    (void)sqlite3_bind_text(s, 2, text + after, (int)len, SQLITE_STATIC); /* "" as well */
    mw_bind_number(s, 3, r->time_ns);
    if (r->num)
        mw_bind_number(s, 4, told_of(rows, (uint64_t)r->num));
    else
        (void)sqlite3_bind_null(s, 4);
    return mw_run(s);
}

/* A version of code; what else is recorded of a reload stands in its chunk. */
static int add_version(struct mw_journal_rows *rows, const struct mw_record *r)
{
    struct mw_words words = mw_words_of(r);
    sqlite3_stmt *s = rows->statements[S_version];
    if (r->num <= 0)
        return 0;
    mw_bind_words(s, 1, &words, 0, 2);
    mw_bind_number(s, 4, r->num);
    mw_bind_number(s, 5, r->time_ns);
    (void)sqlite3_bind_text(s, 6, mw_record_data(r), (int)r->data_len, SQLITE_STATIC); /* "" too */
    if (mw_run(s) < 0)
        return -1;
    s = rows->statements[S_trim_versions];
    mw_bind_words(s, 1, &words, 0, 0);
    mw_bind_number(s, 2, r->num);
    return mw_run(s);
}

static int add_stop(struct mw_journal_rows *rows, const struct mw_record *r)
{
    char how[512];
    (void)snprintf(how, sizeof how, "exit %d: %.*s", (int)r->num, (int)r->text_len,
                   mw_record_text(r)); /* cut off when too long */
    return mw_journal_rows_end_run(rows, rows->run, r->time_ns, how);
}

int mw_journal_rows_add(struct mw_journal_rows *rows, int64_t run, const struct mw_record *r)
{
    if (run != rows->run && mw_journal_rows_flush(rows) < 0) /* states are told by number */
        return -1;
    rows->run = run;
    switch (r->kind) {
    case MW_RECORD_run:
        return name_run(rows, r);
    case MW_RECORD_order:
        return add_order(rows, r);
    case MW_RECORD_order_status:
        return mw_map64_put(&rows->states, r->id, (uint64_t)(uintptr_t)r);
    case MW_RECORD_fill:
        return add_fill(rows, r);
    case MW_RECORD_log:
    case MW_RECORD_alarm:
        return add_log(rows, r);
    case MW_RECORD_session:
        return add_session(rows, r);
    case MW_RECORD_dropped:
        return add_dropped(rows, r);
    case MW_RECORD_persist:
        return add_persist(rows, r);
    case MW_RECORD_told:
        return add_told(rows, r);
    case MW_RECORD_reload:
        return add_version(rows, r);
    case MW_RECORD_stop:
        return add_stop(rows, r);
    default:
        return 0; /* is in its chunk */
    }
}

int mw_journal_rows_add_chunk(struct mw_journal_rows *rows, struct mw_chunk *chunk)
{
    sqlite3_stmt *s = rows->statements[S_chunk];
    mw_bind_number(s, 1, chunk->run);
    mw_bind_number(s, 2, (int64_t)chunk->first);
    mw_bind_number(s, 3, (int64_t)chunk->last);
    mw_bind_number(s, 4, chunk->from_ns);
    mw_bind_number(s, 5, chunk->to_ns);
    (void)sqlite3_bind_blob64(s, 6, chunk->bytes, chunk->len, SQLITE_STATIC);
    if (mw_run(s) < 0)
        return -1;
    chunk->id = sqlite3_last_insert_rowid(rows->db);
    return 0;
}

int mw_journal_rows_flush(struct mw_journal_rows *rows)
{
    for (size_t i = 0; rows->states.count && i <= rows->states.mask; i++) {
        const struct mw_map64_entry *entry = &rows->states.entries[i];
        if (entry->key && entry->value &&
            write_state(rows, (const struct mw_record *)(uintptr_t)entry->value) < 0)
            return -1;
    }
    mw_map64_clear(&rows->states);
    return write_told(rows);
}

void mw_journal_rows_end(struct mw_journal_rows *rows)
{
    mw_map64_clear(&rows->states);
    rows->told = NULL;
}
