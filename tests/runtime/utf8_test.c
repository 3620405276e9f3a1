/* UTF-8 (RFC 3629), against a decoder that works on code points. */
#include "utf8.h"
#include "test.h"

#include <stdlib.h>

/* The oracle: gathers the bits of one sequence, then judges the code point. 0: not valid. */
static size_t decode(const unsigned char *p, size_t left)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80       ? 1
                 : p[0] >> 5 == 6  ? 2
                 : p[0] >> 4 == 14 ? 3
                 : p[0] >> 3 == 30 ? 4
                                   : 0;
    if (!len || left < len)
        return 0;
    uint32_t point = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        point = point << 6 | (p[i] & 0x3f);
    }
    bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < smallest[len] || point > 0x10ffff || is_surrogate ? 0 : len;
}

static bool is_valid(const unsigned char *text, size_t len)
{
    for (size_t i = 0, step; i < len; i += step)
        if (!(step = decode(text + i, len - i)))
            return false;
    return true;
}

/* A copy without a byte to spare: reading too far is seen. */
static bool valid_in_tight_memory(const void *text, size_t len)
{
    char *copy = malloc(len ? len : 1);
    if (!copy)
        abort();
    memcpy(copy, text, len);
    bool is_ok = mw_utf8_valid(copy, len);
    free(copy);
    return is_ok;
}

static void check_same(const unsigned char *text, size_t len)
{
    if (mw_utf8_valid((const char *)text, len) == is_valid(text, len))
        return;
    printf("bytes:");
    for (size_t i = 0; i < len; i++)
        printf(" %02x", text[i]);
    printf("\n");
    CHECK(!"the same verdict as the oracle's");
}

static size_t encode(uint32_t point, unsigned char *out)
{
    if (point < 0x80)
        return out[0] = (unsigned char)point, 1;
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, point >>= 6)
        out[i] = (unsigned char)(0x80 | (point & 0x3f));
    out[0] = (unsigned char)((0xf00u >> len) | point);
    return len;
}

static void every_code_point(void)
{
    unsigned char text[8] = {0};
    CHECK_INT(encode(0x20ac, text), 3);
    CHECK(memcmp(text, "\xe2\x82\xac", 3) == 0);
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        size_t len = encode(point, text);
        bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
        if (mw_utf8_valid((const char *)text, len) == is_surrogate) {
            printf("U+%04X\n", point);
            CHECK(!"valid unless a surrogate");
        }
    }
}

static void all_short_sequences(void)
{
    static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90,
                                          0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    enum { EDGES = sizeof edges };
    unsigned char text[4];
    for (unsigned pair = 0; pair < 65536; pair++) {
        text[0] = (unsigned char)(pair >> 8);
        text[1] = (unsigned char)pair;
        check_same(text, 1);
        check_same(text, 2);
        for (size_t i = 0; i < EDGES; i++) {
            text[2] = edges[i];
            check_same(text, 3);
            for (size_t j = 0; text[0] >= 0xe0 && j < EDGES; j++) {
                text[3] = edges[j];
                check_same(text, 4);
            }
        }
    }
}

static void a_cut_sequence(void)
{
    static const char *const whole[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9a\x80"};
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(whole[i]);
        CHECK(valid_in_tight_memory(whole[i], len));
        for (size_t cut = 1; cut < len; cut++) {
            CHECK(!valid_in_tight_memory(whole[i], cut));
            CHECK(!valid_in_tight_memory(whole[i] + cut, len - cut));
        }
    }
}

/* The ASCII scan looks at 16 and at 64 bytes at once: every length and place around its blocks. */
static void every_place_in_a_block(void)
{
    for (size_t len = 0; len <= 150; len++) {
        char *text = malloc(len ? len : 1);
        if (!text)
            abort();
        memset(text, 'a', len);
        CHECK(mw_utf8_valid(text, len));
        CHECK_INT(mw_ascii_prefix(text, len), len);
        for (size_t at = 0; at < len; at++) {
            text[at] = '\x80';
            CHECK_INT(mw_ascii_prefix(text, len), at);
            CHECK(!mw_utf8_valid(text, len));
            text[at] = '\x7f';
            CHECK_INT(mw_ascii_prefix(text, len), len);
            text[at] = '\0'; /* NUL is a character like others */
            CHECK(mw_utf8_valid(text, len));
            if (at + 3 <= len) {
                memcpy(text + at, "\xe2\x82\xac", 3);
                CHECK(mw_utf8_valid(text, len));
                CHECK_INT(mw_ascii_prefix(text, len), at);
                memset(text + at, 'a', 3);
            }
            text[at] = 'a';
        }
        free(text);
    }
}

static void first_of_two_counts(void)
{
    char text[140];
    memset(text, 'a', sizeof text);
    for (size_t first = 0; first < sizeof text; first++)
        for (size_t second = first; second < sizeof text; second++) {
            text[first] = text[second] = '\xff';
            CHECK_INT(mw_ascii_prefix(text, sizeof text), first);
            text[first] = text[second] = 'a';
        }
}

static void known_traps(void)
{
    CHECK(mw_utf8_valid("", 0));
    CHECK(!mw_utf8_valid("\xc0\x80", 2));         /* NUL in two bytes */
    CHECK(!mw_utf8_valid("\xc1\xbf", 2));         /* DEL in two bytes */
    CHECK(!mw_utf8_valid("\xe0\x9f\xbf", 3));     /* U+07FF in three */
    CHECK(!mw_utf8_valid("\xf0\x8f\xbf\xbf", 4)); /* U+FFFF in four */
    CHECK(!mw_utf8_valid("\xed\xa0\x80", 3));     /* a surrogate */
    CHECK(!mw_utf8_valid("\xf4\x90\x80\x80", 4)); /* beyond U+10FFFF */
    CHECK(!mw_utf8_valid("\xf8\x88\x80\x80\x80", 5));
    CHECK(!mw_utf8_valid("ok\xff", 3));
    CHECK(mw_utf8_valid("\xef\xbf\xbf\xef\xbb\xbf", 6)); /* a noncharacter and a BOM are valid */
}

static const struct test_case cases[] = {
    {"every code point but the surrogates is valid", every_code_point},
    {"every sequence of one to four bytes is judged as by the oracle", all_short_sequences},
    {"a sequence that is cut is not valid, and nothing is read beyond it", a_cut_sequence},
    {"a byte above 127 is found at every place of every block", every_place_in_a_block},
    {"the ASCII prefix ends at the first of several others", first_of_two_counts},
    {"overlong forms, surrogates and far code points are refused", known_traps},
};
TEST_MAIN(cases)
