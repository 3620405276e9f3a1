/* journal_schema.h: the tables of a journal file. What happened stands whole in `chunks` (records
 * of record.h, one after the other, packed as journal_chunk.h says); the other tables but `runs`
 * are drawn from it, so that questions about orders need not read it: when there is time, so that
 * under load they lag behind it. `drawn` says how far they are: all chunks before `chunk`, and what
 * has no higher number in it. Amounts are decimals as text; times are ns since 1970. What was not
 * told is NULL.
 *
 * A fill's key is its run << 32 | its number there. fees: "0.5 IDR, 1 BTC"; time_ns: at the venue;
 * qty: 0 when trades that were named later took the place of what was counted by total; new_qty:
 * what on_fill hears, where that is another quantity. persist.told: the last fill that the strategy
 * has heard of. */
#ifndef MW_JOURNAL_SCHEMA_H
#define MW_JOURNAL_SCHEMA_H

enum { MW_JOURNAL_VERSION = 3, MW_JOURNAL_APPLICATION = 0x6d6f6f6e }; /* "moon" */

/* The last ten versions of the code that was loaded, a row a file. Journals that are older than it
 * get it when they are opened. */
#define MW_JOURNAL_VERSIONS                                                                        \
    "CREATE TABLE IF NOT EXISTS versions (name TEXT, number INTEGER, file TEXT, time_ns INTEGER,"  \
    " why TEXT, text TEXT, PRIMARY KEY (name, number, file));"

/* PRAGMA application_id and user_version hold the two numbers above. */
#define MW_JOURNAL_SCHEMA                                                                          \
    "CREATE TABLE runs (run INTEGER PRIMARY KEY, name TEXT, version TEXT, config TEXT,"            \
    " pid INTEGER, epoch INTEGER, started_ns INTEGER, ended_ns INTEGER, how TEXT);"                \
    "CREATE TABLE chunks (chunk INTEGER PRIMARY KEY, run INTEGER, first INTEGER, last INTEGER,"    \
    " from_ns INTEGER, to_ns INTEGER, bytes BLOB);"                                                \
    "CREATE INDEX chunks_time ON chunks (from_ns);"                                                \
    "CREATE TABLE orders (key INTEGER PRIMARY KEY, run INTEGER, number INTEGER, venue TEXT,"       \
    " client_order_id TEXT, order_id TEXT, symbol TEXT, side TEXT, type TEXT,"                     \
    " time_in_force TEXT, price TEXT, qty TEXT, amount TEXT, is_estimate INTEGER, status TEXT,"    \
    " reason TEXT, cum_qty TEXT, value TEXT, strategy TEXT, callback TEXT, external INTEGER,"      \
    " event INTEGER, created_ns INTEGER, updated_ns INTEGER);"                                     \
    "CREATE UNIQUE INDEX orders_client ON orders (venue, client_order_id)"                         \
    " WHERE client_order_id IS NOT NULL;"                                                          \
    "CREATE INDEX orders_id ON orders (venue, order_id);"                                          \
    "CREATE INDEX orders_open ON orders (status)"                                                  \
    " WHERE status NOT IN ('filled', 'canceled', 'rejected', 'expired');"                          \
    "CREATE TABLE fills (fill INTEGER PRIMARY KEY, order_key INTEGER, run INTEGER,"                \
    " trade_id TEXT, qty TEXT, price TEXT, liquidity TEXT, fees TEXT, flags INTEGER,"              \
    " time_ns INTEGER, booked_ns INTEGER, new_qty TEXT);"                                          \
    "CREATE UNIQUE INDEX fills_order ON fills (order_key, trade_id);"                              \
    "CREATE TABLE sessions (run INTEGER, time_ns INTEGER, venue TEXT, state TEXT, why TEXT);"      \
    "CREATE TABLE log (run INTEGER, time_ns INTEGER, level TEXT, text TEXT);"                      \
    "CREATE TABLE dropped (run INTEGER, time_ns INTEGER, event INTEGER, strategy TEXT,"            \
    " callback TEXT, command TEXT, why TEXT);"                                                     \
    "CREATE TABLE persist (strategy TEXT PRIMARY KEY, text TEXT, time_ns INTEGER,"                 \
    " told INTEGER);"                                                                              \
    "CREATE TABLE drawn (chunk INTEGER, number INTEGER);" /* one row */                            \
    "INSERT INTO drawn VALUES (0, 0);" MW_JOURNAL_VERSIONS

/* For a file of version 1: its tables never lagged. */
#define MW_JOURNAL_UPGRADE_1                                                                       \
    "CREATE TABLE drawn (chunk INTEGER, number INTEGER);"                                          \
    "INSERT INTO drawn SELECT coalesce(max(chunk), 0), coalesce(max(last), 0) FROM (SELECT chunk," \
    " last FROM chunks ORDER BY chunk DESC LIMIT 1);"                                              \
    "ALTER TABLE fills ADD COLUMN new_qty TEXT; ALTER TABLE persist ADD COLUMN told INTEGER;"      \
    "INSERT OR IGNORE INTO persist (strategy) SELECT DISTINCT strategy FROM orders"                \
    " WHERE strategy IS NOT NULL;" /* they have begun, and nobody knows how far they heard */

#endif
