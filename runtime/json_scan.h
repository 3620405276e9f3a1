/* json_scan.h: a decoder, and its steps along the bytes, which are inlined for speed; private to
 * decode.c and decode_text.c. */
#ifndef MW_JSON_SCAN_H
#define MW_JSON_SCAN_H

#include "decode.h"
#include "schema.h"
#include "template.h"
#include "utf8.h"

#include <stdbool.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct mw_decoder {
    struct mw_decoder_view view;
    struct mw_schema schema;
    struct mw_templates templates;
    uint32_t row_capacity;
    const char *message, *end, *at; /* the message; where the next text begins */
    char *scratch;                  /* unescaped strings of this message */
    size_t scratch_len, scratch_cap;
    struct mw_field unused;                    /* where strings without a slot go */
    struct mw_field *fields[MW_SCHEMA_FIELDS]; /* the row's: of the one that is being filled */
};

/* Failures: NULL travels up. `what` was expected at p. */
const char *mw_scan_fail(struct mw_decoder *d, const char *p, const char *what)
    __attribute__((cold));

/* A string with escapes: `p` is at the first special byte after `start`. Fills text and len. */
const char *mw_scan_escaped(struct mw_decoder *d, const char *start, const char *p,
                            struct mw_field *field);

static inline const char *skip_blanks(const struct mw_decoder *d, const char *p)
{
    while (p < d->end && (unsigned char)*p <= ' ' &&
           (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* The first byte that is a quote, a backslash, a control character or not ASCII. */
static inline const char *find_special(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    for (; end - p >= 16; p += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* signed: control characters and bytes from 0x80 on are both less than ' ' */
        __m128i special = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
            _mm_subs_epi8(bytes, space)); /* the sign is all that is looked at */
        int mask = _mm_movemask_epi8(special);
        if (mask)
            return p + (unsigned)__builtin_ctz((unsigned)mask);
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= ' ')
        p++;
    return p;
}

/* Whether the bytes at p, of which `room` can be read, are those of `known`. */
static inline bool is_known(const char *p, size_t room, const struct mw_schema_text *known)
{
#ifdef __SSE2__
    if (room >= MW_SCHEMA_TEXT_MAX) {
        const __m128i *a = (const __m128i *)(const void *)p;
        const __m128i *b = (const __m128i *)(const void *)known->bytes;
        __m128i low = _mm_cmpeq_epi8(_mm_loadu_si128(a), _mm_loadu_si128(b));
        __m128i high = _mm_cmpeq_epi8(_mm_loadu_si128(a + 1), _mm_loadu_si128(b + 1));
        uint32_t same = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
        return !(~same & known->mask);
    }
#endif
    return room >= known->len && memcmp(p, known->bytes, known->len) == 0;
}

/* `p` is behind the opening quote. Fills text and len. */
static inline const char *parse_string(struct mw_decoder *d, const char *p, struct mw_field *field)
{
    const char *start = p;
    p = find_special(p, d->end);
    if (p < d->end && *p == '"') {
        field->text = start;
        field->len = (uint32_t)(p - start);
        return p + 1;
    }
    bool is_ascii = true;
    while (p < d->end && (signed char)*p < 0) {
        is_ascii = false;
        p = find_special(p + 1, d->end);
    }
    if (p < d->end && *p == '\\')
        return mw_scan_escaped(d, start, p, field);
    if (p >= d->end || *p != '"')
        return mw_scan_fail(d, p, "end of the string expected");
    field->text = start;
    field->len = (uint32_t)(p - start);
    if (!is_ascii && !mw_utf8_valid(start, field->len))
        return mw_scan_fail(d, start, "valid UTF-8 expected");
    return p + 1;
}

static inline const char *digits(const char *p, const char *end)
{
#ifdef __SSE2__
    if (end - p >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i others = _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8('0')),
                                      _mm_cmpgt_epi8(bytes, _mm_set1_epi8('9')));
        int mask = _mm_movemask_epi8(others);
        if (mask)
            return p + (unsigned)__builtin_ctz((unsigned)mask);
        p += 16;
    }
#endif
    while (p < end && (unsigned)(*p - '0') < 10)
        p++;
    return p;
}

static inline bool begins_number(const char *p, const char *end)
{
    return p < end && (*p == '-' || (unsigned)(*p - '0') < 10);
}

static inline const char *parse_number(struct mw_decoder *d, const char *p)
{
    const char *end = d->end, *first;
    if (*p == '-')
        p++;
    first = p;
    p = digits(p, end);
    if (p == first || (*first == '0' && p - first > 1))
        return mw_scan_fail(d, first, "a number expected");
    if (p < end && *p == '.') {
        first = p + 1;
        p = digits(first, end);
        if (p == first)
            return mw_scan_fail(d, p, "a digit expected");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        first = p;
        p = digits(first, end);
        if (p == first)
            return mw_scan_fail(d, p, "a digit expected");
    }
    return p;
}

/* true, false, null. */
static inline const char *parse_name(struct mw_decoder *d, const char *p, const char *name,
                                     size_t len)
{
    if ((size_t)(d->end - p) < len || memcmp(p, name, len) != 0)
        return mw_scan_fail(d, p, "a value expected");
    return p + len;
}

#endif
