/* The one line of text that a failure is. */
#include "err.h"
#include "test.h"

#include <stdlib.h>

/* On the heap and filled: a byte too many, or a missing NUL, is seen. */
static struct mw_err *new_err(void)
{
    struct mw_err *err = malloc(sizeof *err);
    if (!err)
        abort();
    memset(err->text, '#', sizeof err->text);
    return err;
}

static void setting_replaces(void)
{
    struct mw_err *err = new_err();
    mw_err_set(err, "connect %s: refused", "127.0.0.1");
    CHECK_TEXT(err->text, "connect 127.0.0.1: refused");
    mw_err_set(err, "port %d", 80);
    CHECK_TEXT(err->text, "port 80");
    mw_err_set(err, "%s", "");
    CHECK_TEXT(err->text, "");
    mw_err_set(err, "%s", "100%s %n done"); /* a text with percent signs is only a text */
    CHECK_TEXT(err->text, "100%s %n done");
    free(err);
}

static void context_stands_in_front(void)
{
    struct mw_err *err = new_err();
    mw_err_set(err, "certificate has expired");
    mw_err_context(err, "tls");
    mw_err_context(err, "open %s", "wss://host/%41");
    CHECK_TEXT(err->text, "open wss://host/%41: tls: certificate has expired");
    free(err);
}

static void nothing_is_kept_without_a_place(void)
{
    mw_err_set(NULL, "lost %d", 1);
    mw_err_context(NULL, "lost %d", 2);
    CHECK(1); /* reached */
}

static void a_long_text_is_cut(void)
{
    char text[2 * MW_ERR_MAX];
    struct mw_err *err = new_err();
    memset(text, 'x', sizeof text);
    for (size_t len = MW_ERR_MAX - 3; len < MW_ERR_MAX + 3; len++) {
        mw_err_set(err, "%.*s", (int)len, text);
        CHECK_INT(strnlen(err->text, MW_ERR_MAX), len < MW_ERR_MAX ? len : MW_ERR_MAX - 1);
    }
    free(err);
}

/* Whatever the two lengths, what stands there is the beginning of "context: text", and it is cut at
 * the very end only (one byte before it when the separator has no room). */
static void context_never_overflows(void)
{
    static const size_t lens[] = {0,    1,    2,    500,  510,  511,  512,  513,  1018,
                                  1019, 1020, 1021, 1022, 1023, 1024, 1025, 2000, 4000};
    enum { COUNT = sizeof lens / sizeof *lens };
    static char context[4001], text[4001], whole[8010];
    memset(context, 'c', sizeof context - 1);
    memset(text, 't', sizeof text - 1);
    struct mw_err *err = new_err();
    for (size_t i = 0; i < (size_t)COUNT * COUNT; i++) {
        int context_len = (int)lens[i / COUNT], text_len = (int)lens[i % COUNT];
        if (text_len >= MW_ERR_MAX)
            text_len = MW_ERR_MAX - 1;
        memset(err->text, '#', sizeof err->text);
        mw_err_set(err, "%.*s", text_len, text);
        mw_err_context(err, "%.*s", context_len, context);
        int expected =
            snprintf(whole, sizeof whole, "%.*s: %.*s", context_len, context, text_len, text);
        size_t len = strnlen(err->text, MW_ERR_MAX);
        CHECK(len < MW_ERR_MAX && memcmp(err->text, whole, len) == 0);
        CHECK(len == (size_t)expected || len >= MW_ERR_MAX - 2);
        if (context_len <= 1000 && text_len > 0 && expected < MW_ERR_MAX)
            CHECK_TEXT(err->text, whole);
    }
    free(err);
}

static const struct test_case cases[] = {
    {"a later failure replaces an earlier one", setting_replaces},
    {"each caller's context stands in front, with a colon", context_stands_in_front},
    {"without a place for it nothing is kept and nothing breaks", nothing_is_kept_without_a_place},
    {"a text that is too long is cut and ends in NUL", a_long_text_is_cut},
    {"context and text of any length stay inside", context_never_overflows},
};
TEST_MAIN(cases)
