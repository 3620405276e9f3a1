/* map64.h: whole numbers above 0 -> whole numbers; grows, forgets nothing one by one. */
#ifndef MW_MAP64_H
#define MW_MAP64_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct mw_map64_entry {
    uint64_t key, value; /* key 0: free */
};

/* Zeroed, it is empty. */
struct mw_map64 {
    struct mw_map64_entry *entries;
    size_t count, mask; /* mask: places - 1, or 0 without memory */
};

MW_MUST_USE int mw_map64_put(struct mw_map64 *map, uint64_t key,
                             uint64_t value); /* -1: no memory */
/* Where the value stands until the next put, or NULL. */
uint64_t *mw_map64_find(const struct mw_map64 *map, uint64_t key);
void mw_map64_clear(struct mw_map64 *map);
void mw_map64_free(struct mw_map64 *map);

#endif
