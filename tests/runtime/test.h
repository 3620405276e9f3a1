/* test.h: what a C test needs. A case is a sentence and a function; a failed CHECK prints where,
 * what was expected and what was found, and the case goes on. */
#ifndef MW_TEST_H
#define MW_TEST_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*run)(void);
};

static int test_failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("%s:%d: expected %s\n", __FILE__, __LINE__, #condition);                        \
            test_failures++;                                                                       \
        }                                                                                          \
    } while (0)

#define CHECK_TEXT(actual, expected)                                                               \
    do {                                                                                           \
        const char *actual_ = (actual), *expected_ = (expected);                                   \
        if (strcmp(actual_, expected_) != 0) {                                                     \
            printf("%s:%d: expected \"%s\", got \"%s\"\n", __FILE__, __LINE__, expected_,          \
                   actual_);                                                                       \
            test_failures++;                                                                       \
        }                                                                                          \
    } while (0)

#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        int64_t actual_ = (int64_t)(actual), expected_ = (int64_t)(expected);                      \
        if (actual_ != expected_) {                                                                \
            printf("%s:%d: expected %" PRId64 ", got %" PRId64 "\n", __FILE__, __LINE__,           \
                   expected_, actual_);                                                            \
            test_failures++;                                                                       \
        }                                                                                          \
    } while (0)

/* Under valgrind all that is limited in time has so many times as much: tests/run.sh says when. */
static inline int64_t test_slowness(void)
{
    return getenv("MW_PATIENCE") ? 20 : 1;
}

/* Runs the cases (each a sentence and a function) and ends with "N passed, N failed". */
static int test_main(const struct test_case *cases, size_t count)
{
    int passed = 0, failed = 0;
    for (size_t i = 0; i < count; i++) {
        int before = test_failures;
        cases[i].run();
        if (test_failures == before) {
            passed++;
        } else {
            failed++;
            printf("not ok: %s\n", cases[i].name);
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}

#define TEST_MAIN(cases)                                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        return test_main(cases, sizeof(cases) / sizeof(cases)[0]);                                 \
    }

#endif
