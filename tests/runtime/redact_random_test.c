/* The redactor on random texts, against oracles that look at each place; and on long ones. */
#include "random.h"
#include "redact_fixture.h"

#include <time.h>

/* Secrets of a few letters overlap and repeat as much as they can; the oracle looks at each place
 * for the longest one, and goes on as long as another begins before it ends. */
static void random_texts(void)
{
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        char secrets[4][20], text[64], expected[64 + 1];
        size_t used = 0, len = below(sizeof text), count = 1 + below(4);
        random_state = seed * 7919;
        know(NULL, 0);
        for (size_t i = 0; i < count; i++) {
            size_t secret_len = 8 + below(6);
            for (size_t j = 0; j < secret_len; j++)
                secrets[i][j] = "ab"[below(8) == 0];
            secrets[i][secret_len] = '\0';
            mw_redactor_add(redactor, secrets[i], secret_len);
        }
        for (size_t i = 0; i < len; i++)
            text[i] = "ab "[below(8) ? 0 : 1 + below(2)];
        for (size_t i = 0; i < len;) {
            size_t end = i;
            for (size_t at = i; at == i || at < end; at++)
                for (size_t j = 0; j < count; j++) {
                    size_t secret_len = strlen(secrets[j]);
                    if (secret_len <= len - at && at + secret_len > end &&
                        strncmp(text + at, secrets[j], secret_len) == 0)
                        end = at + secret_len;
                }
            if (end > i) {
                memcpy(expected + used, "[secret]", 8);
                used += 8;
                i = end;
            } else {
                expected[used++] = text[i++];
            }
        }
        expected[used] = '\0';
        size_t out_len;
        char *out = redacted(text, len, &out_len);
        if (strcmp(out, expected) != 0) {
            printf("seed %" PRIu64 ": \"%.*s\"\n", seed, (int)len, text);
            CHECK_TEXT(out, expected);
        }
        free(out);
    }
}

/* How long the token is that begins at text[at], as the rule says it: eyJ, three parts, 8 bytes. */
static size_t token_at(const char *text, size_t at)
{
    size_t run = strspn(text + at, "eyJA-."), dots = 0;
    if (strncmp(text + at, "eyJ", 3) != 0 || (at && !strchr("-. ", text[at - 1])))
        return 0;
    for (size_t i = 0; i < run; i++)
        if (text[at + i] == '.' && ++dots > 2)
            run = i;
    return dots >= 2 && run >= 8 ? run : 0;
}

/* Beginnings of tokens, whole ones, and what comes close. */
static void random_tokens(void)
{
    know(NULL, 0);
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        char text[60], expected[sizeof text];
        size_t used = 0, len = 0;
        random_state = seed * 104729;
        for (size_t pieces = below(14); pieces > 0; pieces--) {
            static const char *const piece[] = {"eyJ", "-", ".", "A", " ", "eyJ.", "y"};
            const char *next = piece[below(7)];
            memcpy(text + len, next, strlen(next));
            len += strlen(next);
        }
        text[len] = '\0';
        for (size_t i = 0; i < len;) {
            size_t token = token_at(text, i);
            if (token) {
                memcpy(expected + used, "[secret]", 8);
                used += 8;
                i += token;
            } else {
                expected[used++] = text[i++];
            }
        }
        expected[used] = '\0';
        size_t out_len;
        char *out = redacted(text, len, &out_len);
        if (strcmp(out, expected) != 0)
            printf("seed %" PRIu64 ": \"%s\"\n", seed, text);
        CHECK_TEXT(out, expected);
        free(out);
    }
}

/* Each byte is looked at a few times at most, whatever a peer sends: the loop would stand still
 * until the guardian ends it. Looked at anew from each beginning it would take a minute. */
static void long_tokens(void)
{
    static const char *const pieces[] = {"-eyJ", "eyJ-", "eyJ.", "a", "aB3", "a.b."};
    enum { LEN = 400000 };
    static const char *const known[] = {KEY, SECRET};
    know(known, 2);
    for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
        char *text = malloc(LEN), *copy = malloc(LEN);
        if (!text || !copy)
            abort();
        for (size_t i = 0; i < LEN; i++)
            text[i] = pieces[k][i % strlen(pieces[k])];
        clock_t began = clock();
        mw_redact_copy(redactor, copy, text, LEN);
        CHECK(mw_redact(redactor, text, LEN) <= LEN);
        CHECK(clock() - began < 10 * CLOCKS_PER_SEC);
        free(text);
        free(copy);
    }
}

static void random_bytes(void)
{
    static const char *const texts[] = {KEY, "yJyeyyJe", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"};
    know(texts, 3);
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        char text[300];
        random_state = seed;
        size_t len = below(sizeof text), out_len;
        unsigned kind = below(3);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(kind == 0   ? (int)below(256)
                             : kind == 1 ? "eyJ."[below(4)]
                                         : "aZ09+/_-=."[below(10)]);
        char *out = redacted(text, len, &out_len);
        CHECK(!strstr(out, "yJyeyyJe"));
        free(out);
    }
}

/* Each byte is covered exactly when a secret reaches over it. */
static void random_copies(void)
{
    for (uint64_t seed = 1; seed <= 5000; seed++) {
        char secrets[4][20], text[160], copy[160], covered[160] = "";
        random_state = seed * 7919;
        size_t len = below(sizeof text), count = 1 + below(4);
        know(NULL, 0);
        for (size_t i = 0; i < count; i++) {
            size_t secret_len = 8 + below(6);
            for (size_t j = 0; j < secret_len; j++)
                secrets[i][j] = "ab"[below(8) == 0];
            secrets[i][secret_len] = '\0';
            mw_redactor_add(redactor, secrets[i], secret_len);
        }
        for (size_t i = 0; i < len; i++)
            text[i] = "ab "[below(8) ? 0 : 1 + below(2)];
        for (size_t i = 0; i < len; i++)
            for (size_t j = 0; j < count; j++) {
                size_t secret_len = strlen(secrets[j]);
                if (secret_len <= len - i && memcmp(text + i, secrets[j], secret_len) == 0)
                    memset(covered + i, 1, secret_len);
            }
        mw_redact_copy(redactor, copy, text, len);
        for (size_t i = 0; i < len; i++)
            if (covered[i] ? !strchr("[secret.]", copy[i]) : copy[i] != text[i]) {
                printf("seed %" PRIu64 ": \"%.*s\"\n", seed, (int)len, text);
                CHECK(!"a byte that is wrong");
                break;
            }
    }
}

static const struct test_case cases[] = {
    {"random texts are replaced exactly where a secret stands", random_texts},
    {"random beginnings of tokens are replaced exactly where a token stands", random_tokens},
    {"a long text takes no longer than its length", long_tokens},
    {"random bytes are never read beyond their end", random_bytes},
    {"random texts are overwritten exactly where a secret reaches", random_copies},
};

int main(void)
{
    int status = test_main(cases, sizeof cases / sizeof *cases);
    mw_redactor_free(redactor);
    mw_redactor_free(NULL);
    return status;
}
