#include "places.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 64 };

struct slot {
    const char *text; /* NULL: free */
    uint32_t place;
};

struct mw_places {
    struct slot *slots; /* less than half of them taken; a text is at its hash or behind it */
    uint32_t *left;     /* places that were left, the last one on top; room for half the slots */
    uint32_t mask, count, left_count;
};

static uint32_t hash_of(const char *text)
{
    return (uint32_t)(((uint64_t)(uintptr_t)text * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

/* The slot of the text, or the free one where it would stand. There is always a free one. */
static uint32_t slot_of(const struct slot *slots, uint32_t mask, const char *text)
{
    uint32_t at = hash_of(text) & mask;
    while (slots[at].text && slots[at].text != text)
        at = (at + 1) & mask;
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
    for (uint32_t i = 0; places->slots && i <= places->mask; i++)
        if (places->slots[i].text)
            slots[slot_of(slots, count - 1, places->slots[i].text)] = places->slots[i];
    free(places->slots);
    places->slots = slots;
    places->mask = count - 1;
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

uint32_t mw_places_find(const struct mw_places *places, const char *text)
{
    return places->slots[slot_of(places->slots, places->mask, text)].place;
}

uint32_t mw_places_take(struct mw_places *places, const char *text)
{
    uint32_t at = slot_of(places->slots, places->mask, text);
    if (places->slots[at].text)
        return places->slots[at].place;
    if (places->count + 1 > places->mask / 2) {
        if (make_room(places, 2 * (places->mask + 1)) < 0)
            return 0;
        at = slot_of(places->slots, places->mask, text);
    }
    uint32_t place = places->left_count ? places->left[--places->left_count] : places->count + 1;
    places->slots[at] = (struct slot){text, place};
    places->count++;
    return place;
}

/* Closes the gap: what stands behind it and would be looked for there moves up. */
static void close_gap(struct mw_places *places, uint32_t gap)
{
    for (uint32_t at = (gap + 1) & places->mask; places->slots[at].text;
         at = (at + 1) & places->mask) {
        uint32_t home = hash_of(places->slots[at].text) & places->mask;
        if (((at - home) & places->mask) < ((at - gap) & places->mask))
            continue;
        places->slots[gap] = places->slots[at];
        gap = at;
    }
    places->slots[gap] = (struct slot){NULL, 0};
}

uint32_t mw_places_leave(struct mw_places *places, const char *text)
{
    uint32_t at = slot_of(places->slots, places->mask, text), place = places->slots[at].place;
    if (!place)
        return 0;
    places->left[places->left_count++] = place;
    places->count--;
    close_gap(places, at);
    return place;
}
