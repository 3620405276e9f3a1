#include "places.h"
#include "digits.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64 };

struct slot {
    const char *text; /* NULL: free */
    size_t len;
    uint32_t hash, place;
};

struct mw_places {
    struct slot *slots; /* less than half of them taken; a text is at its hash or behind it */
    uint32_t *left;     /* places that were left, the last one on top; room for half the slots */
    uint32_t mask, count, left_count;
};

/* Each round brings eight bytes in, and what was in the upper half down. */
static uint32_t hash_of(const char *text, size_t len)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = len;
    for (; len > 8; text += 8, len -= 8) {
        uint64_t bytes;
        memcpy(&bytes, text, 8);
        hash = (hash ^ bytes) * odd;
        hash ^= hash >> 32;
    }
    if (len)
        hash = (hash ^ mw_read_bytes(text, len)) * odd;
    return (uint32_t)(hash >> 32);
}

static bool is_text(const struct slot *slot, const char *text, size_t len, uint32_t hash)
{
    return slot->hash == hash && slot->len == len && memcmp(slot->text, text, len) == 0;
}

/* The slot of the text, or the free one where it would stand. There is always a free one. */
static uint32_t slot_of(const struct mw_places *places, const char *text, size_t len, uint32_t hash)
{
    uint32_t at = hash & places->mask;
    while (places->slots[at].text && !is_text(&places->slots[at], text, len, hash))
        at = (at + 1) & places->mask;
    return at;
}

static int make_room(struct mw_places *places, uint32_t count)
{
    struct slot *slots = calloc(count, sizeof *slots);
    uint32_t *left = slots ? realloc(places->left, count / 2 * sizeof *left) : NULL;
    if (!left) {
        free(slots);
        return -1;
    }
    places->left = left;
    struct slot *before = places->slots;
    uint32_t count_before = before ? places->mask + 1 : 0;
    places->slots = slots;
    places->mask = count - 1;
    for (uint32_t i = 0; i < count_before; i++)
        if (before[i].text)
            slots[slot_of(places, before[i].text, before[i].len, before[i].hash)] = before[i];
    free(before);
    return 0;
}

struct mw_places *mw_places_new(void)
{
    struct mw_places *places = calloc(1, sizeof *places);
    if (places && make_room(places, FIRST_SLOTS) < 0) {
        mw_places_free(places);
        return NULL;
    }
    return places;
}

void mw_places_free(struct mw_places *places)
{
    if (!places)
        return;
    free(places->slots);
    free(places->left);
    free(places);
}

uint32_t mw_places_find(const struct mw_places *places, const char *text, size_t len)
{
    return places->slots[slot_of(places, text, len, hash_of(text, len))].place;
}

uint32_t mw_places_take(struct mw_places *places, const char *text, size_t len)
{
    uint32_t hash = hash_of(text, len), at = slot_of(places, text, len, hash);
    if (places->slots[at].text)
        return places->slots[at].place;
    if (places->count + 1 > places->mask / 2) {
        if (make_room(places, 2 * (places->mask + 1)) < 0)
            return 0;
        at = slot_of(places, text, len, hash);
    }
    uint32_t place = places->left_count ? places->left[--places->left_count] : places->count + 1;
    places->slots[at] = (struct slot){text, len, hash, place};
    places->count++;
    return place;
}

/* Closes the gap: what stands behind it and would be looked for there moves up. */
static void close_gap(struct mw_places *places, uint32_t gap)
{
    for (uint32_t at = (gap + 1) & places->mask; places->slots[at].text;
         at = (at + 1) & places->mask) {
        uint32_t home = places->slots[at].hash & places->mask;
        if (((at - home) & places->mask) < ((at - gap) & places->mask))
            continue;
        places->slots[gap] = places->slots[at];
        gap = at;
    }
    memset(&places->slots[gap], 0, sizeof places->slots[gap]);
}

uint32_t mw_places_leave(struct mw_places *places, const char *text, size_t len)
{
    uint32_t at = slot_of(places, text, len, hash_of(text, len)), place = places->slots[at].place;
    if (!place)
        return 0;
    places->left[places->left_count++] = place;
    places->count--;
    close_gap(places, at);
    return place;
}
