/* history.h: the lines that were typed, as libedit's list and in a file that is its user's alone.
 * Several prompts may share the file. */
#ifndef MW_HISTORY_H
#define MW_HISTORY_H

#include "err.h"

#include <stdio.h>

#include <histedit.h>

enum { MW_HISTORY_LINES = 1000 }; /* that are kept */

struct mw_history;

/* `path`: its file, of which the last lines are taken; NULL: none. NULL and `err` when there is no
 * memory; a file that cannot be read or written is left out. */
MW_MUST_USE struct mw_history *mw_history_open(const char *path, struct mw_err *err);
void mw_history_close(struct mw_history *kept); /* takes NULL */

/* For EL_HIST. */
History *mw_history_list(struct mw_history *kept);
/* One line without LF; others are not remembered. */
void mw_history_add(struct mw_history *kept, const char *line);

#endif
