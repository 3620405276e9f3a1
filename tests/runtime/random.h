/* random.h: numbers that are the same for the same `random_state`, which a test sets. */
#ifndef MW_RANDOM_H
#define MW_RANDOM_H

#include <stdint.h>

static uint64_t random_state;

/* From 0 to count - 1. */
static inline unsigned below(unsigned count)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % count;
}

#endif
