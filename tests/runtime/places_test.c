/* Places of texts, against a plain array: many come, stay for a while and leave. */
#include "places.h"
#include "random.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 3000, STEPS = 200000 };

static char texts[TEXTS][32];
static size_t lens[TEXTS];
static uint32_t place_of[TEXTS];
static int text_at[TEXTS + 1]; /* place -> text + 1; 0: free */

static void check(const struct mw_places *places)
{
    for (int i = 0; i < TEXTS; i++)
        CHECK_INT(mw_places_find(places, texts[i], lens[i]), place_of[i]);
}

static void take(struct mw_places *places, int i, int most)
{
    uint32_t place = mw_places_take(places, texts[i], lens[i]);
    CHECK(place > 0 && place <= (uint32_t)most);
    CHECK(place_of[i] ? place_of[i] == place : !text_at[place]);
    place_of[i] = place;
    text_at[place] = i + 1;
}

static void leave(struct mw_places *places, int i)
{
    CHECK_INT(mw_places_leave(places, texts[i], lens[i]), place_of[i]);
    text_at[place_of[i]] = 0;
    place_of[i] = 0;
    text_at[0] = 0;
}

/* Of 1 to 24 bytes, which differ at their begin, in the middle or at their end. */
static void make_texts(void)
{
    for (int i = 0; i < TEXTS; i++) {
        int before = i % 7 * 3, behind = i % 3;
        (void)snprintf(texts[i], sizeof texts[i], "%.*s%d%.*s", before, "mw-aaaa-bbbb-cccc-", i,
                       behind, "xy");
        lens[i] = strlen(texts[i]);
    }
}

static void texts_have_places(void)
{
    struct mw_places *places = mw_places_new();
    int count = 0, most = 0;
    random_state = 1;
    make_texts();
    for (int step = 0; places && step < STEPS && !test_failures; step++) {
        int i = (int)below(TEXTS), share = step / (STEPS / 4) % 2 ? 1 : 3; /* more, then fewer */
        if ((int)below(4) < share) {
            count += !place_of[i];
            most = count > most ? count : most;
            take(places, i, most);
        } else {
            count -= place_of[i] != 0;
            leave(places, i);
        }
        if (step % 1000 == 0)
            check(places);
    }
    CHECK(most > TEXTS / 2);
    for (int i = 0; places && i < TEXTS; i++)
        leave(places, i);
    check(places);
    mw_places_free(places);
    mw_places_free(NULL);
}

static void bytes_count(void)
{
    struct mw_places *places = mw_places_new();
    const char *text = "order 12";
    char same[] = "order 12", other[] = "order 1\0";
    CHECK_INT(mw_places_take(places, text, 8), 1);
    CHECK_INT(mw_places_find(places, same, 8), 1);
    CHECK_INT(mw_places_find(places, same, 7), 0);
    CHECK_INT(mw_places_find(places, other, 8), 0);
    CHECK_INT(mw_places_find(places, "", 0), 0);
    CHECK_INT(mw_places_take(places, "", 0), 2);
    CHECK_INT(mw_places_find(places, same, 0), 2);
    CHECK_INT(mw_places_leave(places, same, 8), 1);
    CHECK_INT(mw_places_find(places, text, 8), 0);
    mw_places_free(places);
}

/* So many that some have the same hash. */
static void hashes_do_not_count(void)
{
    enum { MANY = 300000, SIZE = 16 };
    struct mw_places *places = mw_places_new();
    char(*many)[SIZE] = calloc(MANY, SIZE);
    random_state = 2;
    for (uint32_t i = 0; many && i < MANY && !test_failures; i++) {
        (void)snprintf(many[i], SIZE, "%05x%05x%05x", below(1 << 20), below(1 << 20),
                       below(1 << 20));
        CHECK_INT(mw_places_take(places, many[i], strlen(many[i])), i + 1);
    }
    free(many);
    mw_places_free(places);
}

static const struct test_case cases[] = {
    {"texts with the same hash are two", hashes_do_not_count},
    {"a text is its bytes, wherever they stand", bytes_count},
    {"a text keeps its place until it leaves it, and a place is taken again", texts_have_places},
};
TEST_MAIN(cases)
