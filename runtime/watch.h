/* watch.h: files that are watched; their changes become events of kind `file_changed`. A file may
 * be written in place, replaced by rename, removed, or not be there yet.
 *
 * inotify on the file's directory (through the host's loop) says at once that something happened;
 * what happened is told by the file's state, which is also looked at each second (of many files: of
 * 32 in their turn), because there are file systems and links that inotify is blind to. libev's own
 * ev_stat compares whole seconds: the second of two saves within one would be missed. */
#ifndef MW_WATCH_H
#define MW_WATCH_H

#include "host.h"

struct mw_watch;

MW_MUST_USE struct mw_watch *mw_watch_new(struct mw_host *host, struct mw_err *err);
void mw_watch_free(struct mw_watch *watch); /* takes NULL; before the host */

/* From now on a change of that file is an event. Changes that are less than 100 ms apart are one
 * event, with all paths that changed, as they were given here; it waits (at most 2 s) for who still
 * has a file open for writing. A path that is watched already stays as it is. */
MW_MUST_USE int mw_watch_add(struct mw_watch *watch, const char *path, struct mw_err *err);
void mw_watch_remove(struct mw_watch *watch, const char *path); /* of any path */

#endif
