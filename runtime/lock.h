/* lock.h: what one program at a time may have: a file that is locked as long as the program that
 * took it, or a child of it, lives. A file that is left over locks nothing. */
#ifndef MW_LOCK_H
#define MW_LOCK_H

#include "err.h"

#include <stddef.h>

enum { MW_LOCK_HELD = -2 };

/* Where this user's locks of the whole machine are: makes the directory, which must be ours alone.
 * The same for every session of the user, cron's included. -1 and `err` when it cannot be used. */
MW_MUST_USE int mw_lock_directory(char *dir, size_t size, struct mw_err *err);

/* Locks the file and writes `holder` (one line) into it. Returns a descriptor that holds the lock;
 * MW_LOCK_HELD when another program has it: then `holder_of` is what that one wrote; -1 and `err`
 * when the file cannot be opened. */
MW_MUST_USE int mw_lock_take(const char *path, const char *holder, char *holder_of, size_t size,
                             struct mw_err *err);
void mw_lock_release(int fd); /* takes -1; a child that inherited it still holds it */
/* The same, and takes the file away. Only when no child holds the lock. */
void mw_lock_remove(int fd);

#endif
