#include "map64.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_PLACES = 64, KEPT_PLACES = 8192 };

/* The entry of the key, or the free one where it would stand. There is always a free one. */
static struct mw_map64_entry *place(const struct mw_map64 *map, uint64_t key)
{
    size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
    while (map->entries[at & map->mask].key && map->entries[at & map->mask].key != key)
        at++;
    return &map->entries[at & map->mask];
}

static int grow(struct mw_map64 *map)
{
    struct mw_map64 larger = {.mask = map->mask ? 2 * map->mask + 1 : FIRST_PLACES - 1};
    larger.entries = calloc(larger.mask + 1, sizeof *larger.entries);
    if (!larger.entries)
        return -1;
    for (size_t i = 0; map->mask && i <= map->mask; i++)
        if (map->entries[i].key)
            *place(&larger, map->entries[i].key) = map->entries[i];
    larger.count = map->count;
    free(map->entries);
    *map = larger;
    return 0;
}

int mw_map64_put(struct mw_map64 *map, uint64_t key, uint64_t value)
{
    if (2 * map->count >= map->mask && grow(map) < 0)
        return -1;
    struct mw_map64_entry *entry = place(map, key);
    map->count += !entry->key;
    *entry = (struct mw_map64_entry){key, value};
    return 0;
}

uint64_t *mw_map64_find(const struct mw_map64 *map, uint64_t key)
{
    if (!map->count)
        return NULL;
    struct mw_map64_entry *entry = place(map, key);
    return entry->key ? &entry->value : NULL;
}

void mw_map64_clear(struct mw_map64 *map)
{
    if (map->mask >= KEPT_PLACES)
        mw_map64_free(map); /* to clear it each time would take longer */
    else if (map->count)
        memset(map->entries, 0, (map->mask + 1) * sizeof *map->entries);
    map->count = 0;
}

void mw_map64_free(struct mw_map64 *map)
{
    free(map->entries);
    *map = (struct mw_map64){NULL, 0, 0};
}
