/* journal_rows_state.h: what journal_rows.c and journal_orders.c share: the statements, and what is
 * remembered between records. */
#ifndef MW_JOURNAL_ROWS_STATE_H
#define MW_JOURNAL_ROWS_STATE_H

#include "journal_chunk.h"
#include "journal_rows.h"
#include "map64.h"

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
    int64_t run; /* of the record that was added last */
    LZ4_stream_t packing;
    char *packed; /* room for a chunk */
    size_t packed_room;
    struct mw_map64 known;        /* usual key of an order -> the key that its row has */
    struct mw_map64 states;       /* number of an order -> its last order_status, not written yet */
    const struct mw_record *told; /* the last one, not written yet */
    char *kept;                   /* copies of these; room for KEPT_BYTES, or NULL */
    size_t kept_len;
};

/* journal_orders.c: rows of one record of that kind; 0 or -1. A record order_status that came last:
 * states are written once for all. */
MW_MUST_USE int mw_rows_add_order(struct mw_journal_rows *rows, const struct mw_record *r);
MW_MUST_USE int mw_rows_add_fill(struct mw_journal_rows *rows, const struct mw_record *r);
MW_MUST_USE int mw_rows_write_state(struct mw_journal_rows *rows, const struct mw_record *r);

#endif
