/* redact.h: keeps secrets out of texts that people will read. Replaced are the texts that were
 * added, and whatever looks like a token (a.b.c of a JWT), a key or a signature (64 and more hex or
 * base64 characters in a row). Texts shorter than 8 bytes are too common to be replaced. */
#ifndef MW_REDACT_H
#define MW_REDACT_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum { MW_REDACT_MIN = 8, MW_REDACT_KEPT = 64, MW_REDACT_KEYS = 256 };

struct mw_redactor;

MW_MUST_USE struct mw_redactor *mw_redactor_new(struct mw_err *err);
void mw_redactor_free(struct mw_redactor *redactor); /* takes NULL */

/* Adds a text. Session tokens come and go: the oldest of more than MW_REDACT_KEPT is forgotten. */
void mw_redactor_add(struct mw_redactor *redactor, const char *text, size_t len);

/* Adds a key, which no session token pushes out: only the oldest of more than MW_REDACT_KEYS is. */
void mw_redactor_add_key(struct mw_redactor *redactor, const char *text, size_t len);

/* Who hears of each text that was not known before. One listener. */
void mw_redactor_listen(struct mw_redactor *redactor,
                        void (*on_secret)(void *arg, const char *text, size_t len, bool is_key),
                        void *arg);

/* Replaces in place; returns the new length, which is never larger. */
size_t mw_redact(struct mw_redactor *redactor, char *text, size_t len);

/* Copies `len` bytes; in the copy every secret is overwritten and nothing has moved. For whatever
 * passes by, at some GB/s. What looks like a secret is one here only from 64 characters on, so that
 * ids of orders stay as they are. Returns whether there was any. */
bool mw_redact_copy(const struct mw_redactor *redactor, char *to, const char *from, size_t len);

#endif
