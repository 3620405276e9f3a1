/* tty.h: the terminal as a device: standard input and output. */
#ifndef MW_TTY_H
#define MW_TTY_H

#include "err.h"

#include <stddef.h>
#include <termios.h>

/* All of it; what cannot be written is lost: a terminal that has gone is noticed where it is read.
 */
void mw_tty_put(const char *text, size_t len);

/* Columns and rows, or what is usual when it does not tell. */
int mw_tty_width(void);
int mw_tty_height(void);

/* A screen in place of the lines, without a cursor, for a terminal like xterm; another one writes
 * over its lines. Any key is one: none is a signal, none is shown. `before`: how the terminal was.
 * -1 when it has gone. */
MW_MUST_USE int mw_tty_enter_screen(struct termios *before);
void mw_tty_leave_screen(const struct termios *before);

#endif
