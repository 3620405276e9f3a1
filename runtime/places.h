/* places.h: texts -> places in an array, from 1; a place that was left is taken again. Texts that
 * have places are not copied: somebody holds them as long. Used by index.lua through FFI: a Lua
 * table that texts come to and leave is made anew, as a whole, as often as it has been filled, and
 * what stands in a message would have to be made a Lua string of before it can be looked for. */
#ifndef MW_PLACES_H
#define MW_PLACES_H

#include <stddef.h>
#include <stdint.h>

struct mw_places;

struct mw_places *mw_places_new(void); /* NULL: no memory */
void mw_places_free(struct mw_places *places);
/* The text's place; 0: it has none. */
uint32_t mw_places_find(const struct mw_places *places, const char *text, size_t len);
/* ... and takes one if it has none; 0: no memory. */
uint32_t mw_places_take(struct mw_places *places, const char *text, size_t len);
/* Leaves the place, and returns it; 0: it had none. */
uint32_t mw_places_leave(struct mw_places *places, const char *text, size_t len);

#endif
