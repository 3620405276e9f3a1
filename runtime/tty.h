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

/* Any key is one from now on: none is a signal, none is shown, none waits for others. `before`: how
 * the terminal was, for mw_tty_give_keys_back. -1 when it has gone. */
MW_MUST_USE int mw_tty_take_keys(struct termios *before);
void mw_tty_give_keys_back(const struct termios *before);

/* A screen in place of the lines, without a cursor, for a terminal like xterm; another one writes
 * over its lines. */
void mw_tty_enter_screen(void);
void mw_tty_leave_screen(void);

/* Columns of a text; what is no text counts a column a byte. */
size_t mw_tty_columns(const char *text, size_t len);

#endif
