/* redact_fixture.h: a redactor that knows what a test says. */
#ifndef MW_TEST_REDACT_FIXTURE_H
#define MW_TEST_REDACT_FIXTURE_H

#include "redact.h"
#include "test.h"

#include <stdbool.h>
#include <stdlib.h>

#define KEY "LSCE7NJG-JACRNTBX-D834R4UG-KMMTV8OP-PS1NHRBA"   /* Indodax, Deadman-Switch.md */
#define SECRET "cZpZ1vwzOaXuiONfIQVg8h6za97FoHhrwwgoSCNwDAR" /* Finery, websocket page */

static struct mw_err err;
static struct mw_redactor *redactor;

/* A redactor that knows these texts, in place of the one before. */
static inline void know(const char *const *texts, size_t count)
{
    mw_redactor_free(redactor);
    redactor = mw_redactor_new(&err);
    if (!redactor)
        abort();
    for (size_t i = 0; i < count; i++)
        mw_redactor_add(redactor, texts[i], strlen(texts[i]));
}

/* Redacts in memory without a byte to spare; the caller frees. */
static inline char *redacted(const char *text, size_t len, size_t *out_len)
{
    char *tight = malloc(len ? len : 1), *result = malloc(len + 1);
    if (!tight || !result)
        abort();
    memcpy(tight, text, len);
    *out_len = mw_redact(redactor, tight, len);
    CHECK(*out_len <= len);
    memcpy(result, tight, *out_len <= len ? *out_len : len);
    result[*out_len <= len ? *out_len : len] = '\0';
    free(tight);
    return result;
}

#endif
