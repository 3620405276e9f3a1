/* Numbers that count up as texts, against numbers. */
#include "counter.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static struct mw_counter counter_at(const char *before, const char *number, uint32_t base)
{
    struct mw_counter counter = {.base = base, .digits_at = (uint32_t)strlen(before)};
    counter.len = (uint32_t)snprintf(counter.text, sizeof counter.text, "%s%s", before, number);
    return counter;
}

static void counts(uint32_t base)
{
    struct mw_counter counter = counter_at("mw-z-", "0", base);
    for (long i = 1; i <= 50000 && !test_failures; i++) {
        char text[sizeof counter.text + 1] = "", *end;
        mw_counter_next(&counter);
        memcpy(text, counter.text, counter.len);
        CHECK(strncmp(text, "mw-z-", 5) == 0 && text[5] != '0');
        CHECK_INT(strtol(text + 5, &end, (int)base), i);
        CHECK_INT(*end, 0);
        for (const char *digit = text + 5; *digit; digit++)
            CHECK(*digit < 'A' || *digit > 'Z');
    }
}

static void counts_in_each_base(void)
{
    counts(2);
    counts(10);
    counts(36);
}

static void never_leaves_its_place(void)
{
    char most[sizeof(((struct mw_counter *)NULL)->text)];
    memset(most, '9', sizeof most);
    struct mw_counter counter = {.base = 10, .digits_at = 1, .len = sizeof most};
    memcpy(counter.text, most, sizeof most);
    mw_counter_next(&counter);
    CHECK_INT(counter.len, sizeof most);
    CHECK(counter.text[0] == '9' && counter.text[1] == '0' && counter.text[63] == '0');
}

static const struct test_case cases[] = {
    {"a text counts up in each base, behind what stands before it", counts_in_each_base},
    {"a number that has no more room begins again", never_leaves_its_place},
};
TEST_MAIN(cases)
