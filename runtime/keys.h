/* keys.h: what was typed at standard input and not read yet, as bytes and as keys. */
#ifndef MW_KEYS_H
#define MW_KEYS_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mw_keys {
    char bytes[64];
    size_t len;
};

enum mw_key {
    MW_KEY_TORN, /* a sequence of which more is to come, or Escape alone: time tells */
    MW_KEY_TEXT, /* it types something; a blank and a single q, which leave a pager, do not */
    MW_KEY_OTHER
};

/* Whether a byte can be had without waiting, or the terminal's end. */
bool mw_keys_are_there(const struct mw_keys *keys);

/* The next byte: 1, 0 at the end, -1 and errno. Waits for it. */
MW_MUST_USE ssize_t mw_keys_get(struct mw_keys *keys, char *byte);

/* Takes up what has come, of which there must be room for some; as mw_keys_get returns. */
MW_MUST_USE ssize_t mw_keys_fill(struct mw_keys *keys);

/* What the first key is, of at least one byte; `size`: how many belong to it. An arrow or a
 * function key (xterm, VT100, Linux console), also with Alt, is one. */
enum mw_key mw_keys_first(const struct mw_keys *keys, size_t *size);

void mw_keys_drop(struct mw_keys *keys, size_t size);

#endif
