/* console.h: lines over Unix sockets, between the prompt and the runtime; and those that another
 * process prints into a pipe. Knows neither Lua nor what a line says.
 *
 * Framing: a line is any bytes but LF, ended by LF, in both directions. What both sides put into a
 * line is one JSON object; the one that is made here is the last one that a client gets when it is
 * sent away: {"kind":"bye","text":"..."}.
 *
 * A client is another process of the same user (peer credentials; the socket's mode is 0600). It is
 * read one line a turn of the loop and not faster than its lines are handled, so that one that
 * floods delays nobody. Sent away are those whose line is longer than MW_CONSOLE_LINE_MAX, and
 * those that do not read: for which more than MW_CONSOLE_QUEUE_MAX would wait. */
#ifndef MW_CONSOLE_H
#define MW_CONSOLE_H

#include "host.h"

enum {
    MW_CONSOLE_LINE_MAX = 64 * 1024,
    MW_CONSOLE_QUEUE_MAX = 1024 * 1024,
    MW_CONSOLE_CLIENTS_MAX = 16,
};

struct mw_console;

MW_MUST_USE struct mw_console *mw_console_new(struct mw_host *host, struct mw_err *err);
/* Takes NULL; before the host. Socket files that were made here go. */
void mw_console_free(struct mw_console *console);

/* Listens at `path`; a file that is left from a runtime that is gone is replaced, a socket at which
 * somebody listens is not. Events: console_open (num: the client's process), console_line,
 * console_close; their num2 is the id that is returned. 0 and `err` when it cannot. */
MW_MUST_USE uint64_t mw_console_listen(struct mw_console *console, const char *path,
                                       struct mw_err *err);

/* The other side: events console_line and console_close of the id that is returned; no limit on
 * what a line is but MW_CONSOLE_QUEUE_MAX; the last one may end without LF. 0 and `err` when nobody
 * listens there. */
MW_MUST_USE uint64_t mw_console_connect(struct mw_console *console, const char *path,
                                        struct mw_err *err);

/* As connect, of a descriptor that is open for reading; it is closed here in the end. */
MW_MUST_USE uint64_t mw_console_adopt(struct mw_console *console, int fd, struct mw_err *err);

/* Sends text and LF as soon as the other side reads. -1 and `err` when it is gone. */
MW_MUST_USE int mw_console_send(struct mw_console *console, uint64_t id, const char *text,
                                size_t len, struct mw_err *err);

/* Ends it as soon as what waits has left, in 5 s at most. No event of it follows. */
void mw_console_close(struct mw_console *console, uint64_t id);

#endif
