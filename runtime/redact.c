#include "redact.h"
#include "locked.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char mask[] = "[secret]"; /* MW_REDACT_MIN long: replacing never needs more room */
enum { MASK_LEN = sizeof mask - 1, LOOKS_SECRET = 64 };

/* The tokens first, then the keys; each part is a ring of its own. */
enum { PLACES = MW_REDACT_KEPT + MW_REDACT_KEYS };

/* Where the known texts begin is found by looking at every fifth place of what is searched: each
 * text has MW_REDACT_MIN bytes at least, so one of its first five windows of four stands there. */
enum { WINDOW = 4, STRIDE = MW_REDACT_MIN - WINDOW + 1, WINDOWS = PLACES * STRIDE, HEAD_BITS = 12 };

struct window {
    uint32_t bytes;
    uint16_t next; /* of the same hash: number + 1; 0 ends the list */
};

struct mw_redactor {
    char *texts[PLACES];
    size_t lens[PLACES];
    size_t next_token, next_key;
    struct window windows[WINDOWS]; /* number: place * STRIDE + offset */
    uint16_t heads[1 << HEAD_BITS]; /* as next */
    void (*on_secret)(void *arg, const char *text, size_t len, bool is_key);
    void *on_secret_arg;
};

static uint32_t window_at(const char *text)
{
    uint32_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    return bytes;
}

static size_t hash(uint32_t bytes)
{
    return (bytes * 2654435761u) >> (32 - HEAD_BITS); /* by the golden ratio */
}

static void index_text(struct mw_redactor *redactor, size_t place)
{
    for (size_t i = place * STRIDE; i < (place + 1) * STRIDE; i++) {
        struct window *window = &redactor->windows[i];
        window->bytes = window_at(redactor->texts[place] + i % STRIDE);
        uint16_t *head = &redactor->heads[hash(window->bytes)];
        window->next = *head;
        *head = (uint16_t)(i + 1);
    }
}

static void index_all(struct mw_redactor *redactor)
{
    memset(redactor->heads, 0, sizeof redactor->heads);
    for (size_t place = 0; place < PLACES; place++)
        if (redactor->texts[place])
            index_text(redactor, place);
}

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
    for (size_t i = 0; i < PLACES; i++)
        mw_locked_free(redactor->texts[i], redactor->lens[i]);
    free(redactor);
}

/* Adds to the ring of `count` places from `first`. */
static void add(struct mw_redactor *redactor, size_t first, size_t count, size_t *next,
                const char *text, size_t len)
{
    if (len < MW_REDACT_MIN)
        return;
    for (size_t i = first; i < first + count; i++)
        if (redactor->lens[i] == len && memcmp(redactor->texts[i], text, len) == 0)
            return;
    if (redactor->on_secret)
        redactor->on_secret(redactor->on_secret_arg, text, len, first == MW_REDACT_KEPT);
    char *copy = mw_locked_alloc(len);
    if (!copy)
        return; /* what looks like a secret is replaced all the same */
    memcpy(copy, text, len);
    size_t at = first + (*next)++ % count;
    char *old = redactor->texts[at];
    mw_locked_free(old, redactor->lens[at]);
    redactor->texts[at] = copy;
    redactor->lens[at] = len;
    if (old)
        index_all(redactor);
    else
        index_text(redactor, at);
}

void mw_redactor_listen(struct mw_redactor *redactor,
                        void (*on_secret)(void *arg, const char *text, size_t len, bool is_key),
                        void *arg)
{
    redactor->on_secret = on_secret;
    redactor->on_secret_arg = arg;
}

void mw_redactor_add(struct mw_redactor *redactor, const char *text, size_t len)
{
    add(redactor, 0, MW_REDACT_KEPT, &redactor->next_token, text, len);
}

void mw_redactor_add_key(struct mw_redactor *redactor, const char *text, size_t len)
{
    add(redactor, MW_REDACT_KEPT, MW_REDACT_KEYS, &redactor->next_key, text, len);
}

/* Sets of characters, below 64 and from there on; by calls of ctype.h this would take a sixth of
 * what it takes to store a frame. */
#define BIT(c) (UINT64_C(1) << ((c)&63))
#define BITS(from, to) ((BIT(to) << 1) - BIT(from))

static bool is_in(const uint64_t set[4], char c)
{
    return set[(unsigned char)c >> 6] >> ((unsigned char)c & 63) & 1;
}

static bool is_token_char(char c)
{
    static const uint64_t set[4] = {BITS('0', '9') | BIT('+') | BIT('/') | BIT('-') | BIT('='),
                                    BITS('A', 'Z') | BITS('a', 'z') | BIT('_')};
    return is_in(set, c);
}

static bool is_base64url(char c)
{
    static const uint64_t set[4] = {BITS('0', '9') | BIT('-'),
                                    BITS('A', 'Z') | BITS('a', 'z') | BIT('_')};
    return is_in(set, c);
}

/* The length of the JWT at `text`, three parts of base64url; 0 when there is none. `*barren` is
 * then how much is known to have none that begins there: what ends before its second dot does so
 * wherever one begins, and a long text of beginnings is looked at once. */
static size_t jwt(const char *text, size_t len, size_t *barren)
{
    size_t run = 0, dots = 0;
    *barren = 1;
    if (len < 3 || memcmp(text, "eyJ", 3) != 0)
        return 0;
    for (; run < len; run++) {
        if (text[run] == '.' && dots < 2)
            dots++;
        else if (!is_base64url(text[run]))
            break;
    }
    if (dots == 2 && run >= MASK_LEN)
        return run;
    if (dots < 2)
        *barren = run;
    return 0;
}

/* How much at `text` looks like a key or a signature; 0 when it does not. */
static size_t looks_secret(const char *text, size_t len)
{
    size_t run = 0, digits = 0, capitals = 0, letters = 0, slashes = 0;
    for (; run < len && is_token_char(text[run]); run++) {
        digits += isdigit((unsigned char)text[run]) != 0;
        capitals += isupper((unsigned char)text[run]) != 0;
        letters += isalpha((unsigned char)text[run]) != 0;
        slashes += text[run] == '/' || text[run] == '-' || text[run] == '_';
    }
    /* Long paths and rulers have few digits and capitals, or separators all over. One base64
     * signature in 150 has hardly a digit; none has but few capitals. */
    bool is_mixed = (digits * 16 >= run && letters * 16 >= run) ||
                    (capitals * 8 >= run && (letters - capitals) * 8 >= run);
    return run >= LOOKS_SECRET && is_mixed && slashes * 8 <= run ? run : 0;
}

/* The longest of the known texts that begins here. */
static size_t known_secret(const struct mw_redactor *redactor, const char *text, size_t len)
{
    size_t longest = 0;
    if (len < MW_REDACT_MIN)
        return 0;
    uint32_t bytes = window_at(text);
    for (uint16_t n = redactor->heads[hash(bytes)]; n; n = redactor->windows[n - 1].next) {
        size_t place = (n - 1U) / STRIDE, known = redactor->lens[place];
        if ((n - 1U) % STRIDE == 0 && redactor->windows[n - 1].bytes == bytes && known > longest &&
            known <= len && memcmp(redactor->texts[place], text, known) == 0)
            longest = known;
    }
    return longest;
}

/* The known secret at `text`, and those that begin inside of it and reach further. */
static size_t known_secrets(const struct mw_redactor *redactor, const char *text, size_t len)
{
    size_t end = known_secret(redactor, text, len);
    for (size_t i = 1; i < end; i++) {
        size_t other = known_secret(redactor, text + i, len - i);
        if (i + other > end)
            end = i + other;
    }
    return end;
}

size_t mw_redact(struct mw_redactor *redactor, char *text, size_t len)
{
    size_t out = 0, no_jwt_before = 0, barren;
    char before = ' ';
    bool at_start = true; /* of a run: a secret by its looks begins there, a known one anywhere */
    for (size_t i = 0; i < len;) {
        size_t secret = known_secrets(redactor, text + i, len - i);
        if (!secret && i >= no_jwt_before && !isalnum((unsigned char)before)) {
            secret = jwt(text + i, len - i, &barren); /* after "token=" as well */
            no_jwt_before = i + barren;
        }
        if (!secret && at_start)
            secret = looks_secret(text + i, len - i);
        at_start = !is_token_char(text[i]);
        before = text[i]; /* read before the mask may stand there */
        if (secret) {
            memcpy(text + out, mask, MASK_LEN); /* secret >= MASK_LEN: never overtakes i */
            out += MASK_LEN;
            i += secret;
            at_start = true;
            before = ' ';
        } else {
            text[out++] = text[i++];
        }
    }
    return out;
}

/* Copies --------------------------------------------------------------------------------------- */

/* "[secret.....]" over len >= MASK_LEN bytes. */
static void cover(char *at, size_t len)
{
    memset(at, '.', len);
    memcpy(at, mask, MASK_LEN - 1);
    at[len - 1] = mask[MASK_LEN - 1];
}

/* The known texts that have a window at from[at]; whether there are any. */
static bool cover_known(const struct mw_redactor *redactor, char *to, const char *from, size_t len,
                        size_t at)
{
    bool is_covered = false;
    uint32_t bytes = window_at(from + at);
    for (uint16_t n = redactor->heads[hash(bytes)]; n; n = redactor->windows[n - 1].next) {
        size_t place = (n - 1U) / STRIDE, offset = (n - 1U) % STRIDE;
        if (redactor->windows[n - 1].bytes != bytes || offset > at)
            continue;
        size_t begin = at - offset, known = redactor->lens[place];
        if (known <= len - begin && memcmp(from + begin, redactor->texts[place], known) == 0) {
            cover(to + begin, known);
            is_covered = true;
        }
    }
    return is_covered;
}

static bool is_run_char(char c)
{
    static const uint64_t set[4] = {BITS('0', '9') | BIT('+') | BIT('/') | BIT('-') | BIT('=') |
                                        BIT('.'),
                                    BITS('A', 'Z') | BITS('a', 'z') | BIT('_')};
    return is_in(set, c);
}

/* What looks like a secret in a long run of characters that secrets are made of. */
static bool cover_run(char *to, const char *from, size_t len)
{
    bool at_start = true, is_covered = false;
    char before = ' ';
    size_t no_jwt_before = 0, barren;
    for (size_t i = 0; i < len;) {
        size_t secret = 0;
        if (i >= no_jwt_before && !isalnum((unsigned char)before)) {
            secret = jwt(from + i, len - i, &barren);
            no_jwt_before = i + barren;
        }
        if (!secret && at_start)
            secret = looks_secret(from + i, len - i);
        if (secret)
            cover(to + i, secret);
        is_covered = is_covered || secret;
        before = from[i];
        at_start = secret || !is_token_char(before);
        if (secret)
            before = ' ';
        i += secret ? secret : 1;
    }
    return is_covered;
}

/* Looks backwards from the end of each stretch that could be a long run: most of the text is never
 * looked at. */
static bool cover_looks(char *to, const char *from, size_t len)
{
    bool is_covered = false;
    for (size_t i = 0; i + LOOKS_SECRET <= len;) {
        size_t end = i + LOOKS_SECRET, back = end;
        while (back > i && is_run_char(from[back - 1]))
            back--;
        if (back > i) {
            i = back;
            continue;
        }
        while (end < len && is_run_char(from[end]))
            end++;
        is_covered = cover_run(to + i, from + i, end - i) || is_covered;
        i = end;
    }
    return is_covered;
}

bool mw_redact_copy(const struct mw_redactor *redactor, char *to, const char *from, size_t len)
{
    bool is_covered = false;
    memcpy(to, from, len);
    for (size_t i = 0; i + WINDOW <= len; i += STRIDE)
        if (redactor->heads[hash(window_at(from + i))])
            is_covered = cover_known(redactor, to, from, len, i) || is_covered;
    return cover_looks(to, from, len) || is_covered;
}
