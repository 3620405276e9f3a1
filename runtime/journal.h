/* journal.h: records of the ring -> an SQLite file (journal_schema.h). The guardian writes it;
 * readers (lua_journal.c, any SQLite) may read it meanwhile. What was committed survives any death
 * of the processes; a loss of power may cost the last seconds, never the file.
 *
 * A connection must not be carried over a fork: mw_journal_pause stands before each. The process
 * ignores SIGXFSZ, so that a limit on the size of files is an error like a full disk. In a process
 * that writes a journal one thread uses SQLite. */
#ifndef MW_JOURNAL_H
#define MW_JOURNAL_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mw_journal;

/* Limits hold by deletion, whose space is used again: there is always one file. Its WAL beside it
 * has a quarter of max_bytes (8 MiB at least, 512 MiB at most and without a limit) or some 256 KiB
 * more, unless a reader holds a transaction open for long. The oldest records (chunks, and the log,
 * sessions and dropped commands of their time) go first, a little with each commit. What was the
 * newest chunk, the last run, open orders, and orders with fills (positions are counted from them)
 * stay whatever the limits are; orders that ended without a fill stay until they are older than
 * max_age_ns. */
struct mw_journal_options {
    const char *path;              /* copied */
    int64_t max_bytes, max_age_ns; /* 0: no limit */
};

/* Opens the file, or begins a new one (mode 0600). NULL and `err` when it cannot be used: no
 * access, no journal of moonwire, written by a newer version. A damaged one is moved aside as
 * PATH.damaged-TIME and a new one begun: then `err` has a text although a journal is returned,
 * which the trader must see. Otherwise `err` is empty. */
MW_MUST_USE struct mw_journal *mw_journal_open(const struct mw_journal_options *options,
                                               struct mw_err *err);
void mw_journal_close(struct mw_journal *journal); /* takes NULL; what was not committed is lost */

/* Takes records (whole ones, as the ring gives them) for the next commit; they are copied, and
 * secrets are masked: in `records` as well, where they would stay for as long as nobody writes over
 * them. What was masked may be taken again. -1
 * and `err`: nothing of this call was taken, it can be made again. */
MW_MUST_USE int mw_journal_write(struct mw_journal *journal, void *records, size_t len,
                                 struct mw_err *err);

/* Writes all that was taken in one transaction. -1 and `err` with path and cause (no space, ...):
 * nothing was written, nothing is lost, and it can be called again (with or without more taken
 * before). 0 with a text in `err`: all was written, but what is beyond the limits was not deleted;
 * `err` is empty otherwise. A file that is found to be damaged here is moved aside by the next
 * mw_journal_open.
 *
 * Of little, rows are drawn in the same transaction; of much, later (mw_journal_tidy). */
MW_MUST_USE int mw_journal_commit(struct mw_journal *journal, struct mw_err *err);

/* For a quiet moment: some of what was put off, for some ms: rows are drawn, the file is brought up
 * to date with its WAL. 1: there is more to do; 0: nothing; -1 and `err` as mw_journal_commit. */
MW_MUST_USE int mw_journal_tidy(struct mw_journal *journal, struct mw_err *err);

/* Draws all rows that were put off: as mw_journal_commit. Whoever opens a journal finds them drawn.
 */
MW_MUST_USE int mw_journal_draw(struct mw_journal *journal, struct mw_err *err);

/* So much was put off that the next commits must wait for mw_journal_tidy. */
bool mw_journal_is_behind(const struct mw_journal *journal);

/* Notes when and how the run ended ("exit 0", "killed by signal 9"), after all rows; commits. As
 * mw_journal_commit. */
MW_MUST_USE int mw_journal_end_run(struct mw_journal *journal, const char *how, struct mw_err *err);

/* Closes the file until the next commit, which opens it again. What was taken stays taken. */
void mw_journal_pause(struct mw_journal *journal);

#endif
