/* counter.h: a number at the end of a text, which counts up in place. Client order ids are such
 * texts (client_id.lua): each is made by the same few steps, and no other than the last. */
#ifndef MW_COUNTER_H
#define MW_COUNTER_H

#include <stdint.h>

struct mw_counter {
    char text[64];
    uint32_t len, digits_at; /* digits_at: where the number begins, behind which are only digits */
    uint32_t base;           /* 2 to 36; the digits are 0 to 9 and a to z */
};

/* Adds 1. When the number has grown to the end of `text`, it begins at 0 again. */
void mw_counter_next(struct mw_counter *counter);

#endif
