/* term.h: a terminal at which lines are edited (libedit), while what others say is written above
 * the line. One a process. Events of kind `term`, with the id of the terminal:
 *   num MW_TERM_LINE: a line was typed (data); no other is read until mw_term_prompt
 *   num MW_TERM_COMPLETE: the key for completion; data: the line up to the cursor
 *   num MW_TERM_END: Ctrl-D on an empty line, or the terminal has gone
 *   num MW_TERM_KEY: a key was pressed while the terminal is held; one that types something is kept
 *   for the next line
 *   num MW_TERM_SIZE: it has another size
 * Ctrl-C is a signal, as at any time. */
#ifndef MW_TERM_H
#define MW_TERM_H

#include "host.h"

enum mw_term_what { MW_TERM_LINE = 1, MW_TERM_COMPLETE, MW_TERM_END, MW_TERM_KEY, MW_TERM_SIZE };

struct mw_term;

/* Standard input and output, which are a terminal. Lines of `history` (NULL: none) come back with
 * the arrow keys; the file is its user's alone. NULL and `err` when it cannot. */
MW_MUST_USE struct mw_term *mw_term_open(struct mw_host *host, const char *history,
                                         struct mw_err *err);
/* Leaves the terminal as it was; takes NULL; before the host. */
void mw_term_close(struct mw_term *term);

uint64_t mw_term_id(const struct mw_term *term);
int mw_term_width(const struct mw_term *term);
int mw_term_height(const struct mw_term *term);

/* Begins a line. One that is being typed goes on under the new prompt. */
void mw_term_prompt(struct mw_term *term, const char *prompt);
/* Gives up the line that is being typed. True when there was something on it, or a search. */
bool mw_term_drop(struct mw_term *term);
/* Text and LF, above the line that is being typed, which stays as it is. */
void mw_term_print(struct mw_term *term, const char *text, size_t len);
/* Holds the terminal until mw_term_lines: what is printed is shown, no line can be typed, and a key
 * is told of. Nothing while a line is being typed. */
void mw_term_hold(struct mw_term *term);
/* Holds it, and writes to a screen of its own, without a cursor, in place of the lines. */
void mw_term_screen(struct mw_term *term, const char *text, size_t len);
/* The lines come back as they were. */
void mw_term_lines(struct mw_term *term);
/* The answer to MW_TERM_COMPLETE, as if it had been typed. Too late when another key came first. */
void mw_term_insert(struct mw_term *term, const char *text);
/* A line for the history, and for its file. */
void mw_term_remember(struct mw_term *term, const char *line);

#endif
