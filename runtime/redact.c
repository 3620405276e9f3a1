#include "redact.h"
#include "locked.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char mask[] = "[secret]"; /* MW_REDACT_MIN long: replacing never needs more room */
enum { MASK_LEN = sizeof mask - 1, LOOKS_SECRET = 64 };

struct mw_redactor {
    char *texts[MW_REDACT_KEPT];
    size_t lens[MW_REDACT_KEPT];
    size_t next;
};

struct mw_redactor *mw_redactor_new(struct mw_err *err)
{
    struct mw_redactor *redactor = calloc(1, sizeof *redactor);
    if (!redactor)
        mw_err_set(err, "redactor: out of memory");
    return redactor;
}

void mw_redactor_free(struct mw_redactor *redactor)
{
    if (!redactor)
        return;
    for (size_t i = 0; i < MW_REDACT_KEPT; i++)
        mw_locked_free(redactor->texts[i], redactor->lens[i]);
    free(redactor);
}

void mw_redactor_add(struct mw_redactor *redactor, const char *text, size_t len)
{
    if (len < MW_REDACT_MIN)
        return;
    for (size_t i = 0; i < MW_REDACT_KEPT; i++)
        if (redactor->lens[i] == len && memcmp(redactor->texts[i], text, len) == 0)
            return;
    char *copy = mw_locked_alloc(len);
    if (!copy)
        return; /* what looks like a secret is replaced all the same */
    memcpy(copy, text, len);
    size_t at = redactor->next++ % MW_REDACT_KEPT;
    mw_locked_free(redactor->texts[at], redactor->lens[at]);
    redactor->texts[at] = copy;
    redactor->lens[at] = len;
}

static bool is_token_char(char c)
{
    return isalnum((unsigned char)c) || c == '+' || c == '/' || c == '_' || c == '-' || c == '=';
}

/* How much at `text` looks like a secret; 0 when it does not. */
static size_t looks_secret(const char *text, size_t len)
{
    size_t run = 0, dots = 0, digits = 0, letters = 0, slashes = 0;
    bool is_jwt = len > 3 && memcmp(text, "eyJ", 3) == 0;
    while (run < len && (is_token_char(text[run]) || (is_jwt && text[run] == '.'))) {
        dots += text[run] == '.';
        digits += isdigit((unsigned char)text[run]) != 0;
        letters += isalpha((unsigned char)text[run]) != 0;
        slashes += text[run] == '/' || text[run] == '-' || text[run] == '_';
        run++;
    }
    if (is_jwt && dots == 2)
        return run;
    /* Long paths and rulers have no digits, or separators all over. */
    bool is_mixed = digits * 16 >= run && letters * 16 >= run && slashes * 8 <= run;
    return run >= LOOKS_SECRET && is_mixed ? run : 0;
}

static size_t known_secret(const struct mw_redactor *redactor, const char *text, size_t len)
{
    size_t longest = 0;
    for (size_t i = 0; i < MW_REDACT_KEPT; i++) {
        size_t known = redactor->lens[i];
        if (known > longest && known <= len && redactor->texts[i][0] == *text &&
            memcmp(redactor->texts[i], text, known) == 0)
            longest = known;
    }
    return longest;
}

size_t mw_redact(struct mw_redactor *redactor, char *text, size_t len)
{
    size_t out = 0;
    bool at_start = true; /* of a run: a secret by its looks begins there, a known one anywhere */
    for (size_t i = 0; i < len;) {
        size_t secret = known_secret(redactor, text + i, len - i);
        if (!secret && at_start)
            secret = looks_secret(text + i, len - i);
        at_start = !is_token_char(text[i]);
        if (secret) {
            memcpy(text + out, mask, MASK_LEN); /* secret >= MASK_LEN: never overtakes i */
            out += MASK_LEN;
            i += secret;
            at_start = true;
        } else {
            text[out++] = text[i++];
        }
    }
    return out;
}
