/* A map of numbers, against a plain array. */
#include "map64.h"
#include "test.h"

#include <stdlib.h>

static void values_are_found(void)
{
    struct mw_map64 map = {NULL, 0, 0};
    CHECK(mw_map64_find(&map, 1) == NULL);
    for (int round = 0; round < 3; round++) {
        uint64_t count = round == 1 ? 20000 : 200; /* a large one gives its memory back */
        for (uint64_t i = 1; i <= count; i++) {
            CHECK_INT(mw_map64_put(&map, i << 40 | i, i), 0);
            CHECK_INT(mw_map64_put(&map, i << 40 | i, i + 7), 0); /* replaces */
        }
        CHECK_INT(map.count, count);
        for (uint64_t i = 1; i <= count; i++) {
            const uint64_t *value = mw_map64_find(&map, i << 40 | i);
            CHECK(value && *value == i + 7);
            CHECK(mw_map64_find(&map, i << 40) == NULL);
        }
        mw_map64_clear(&map);
        CHECK_INT(map.count, 0);
        CHECK(mw_map64_find(&map, UINT64_C(1) << 40 | 1) == NULL);
    }
    mw_map64_free(&map);
    mw_map64_free(&map);
}

static const struct test_case cases[] = {
    {"what was put is found, until it is cleared", values_are_found},
};
TEST_MAIN(cases)
