#include "utf8.h"

#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

size_t mw_ascii_prefix(const char *text, size_t len)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; i + 64 <= len; i += 64) { /* almost always all of it */
        const __m128i *p = (const __m128i *)(const void *)(text + i);
        __m128i low = _mm_or_si128(_mm_loadu_si128(p), _mm_loadu_si128(p + 1));
        __m128i high = _mm_or_si128(_mm_loadu_si128(p + 2), _mm_loadu_si128(p + 3));
        if (_mm_movemask_epi8(_mm_or_si128(low, high)))
            break;
    }
    while (i < len && len >= 16) {
        if (i > len - 16)
            i = len - 16; /* the rest, and of what is before it as much as it takes */
        int high = _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)(text + i)));
        if (high)
            return i + (size_t)__builtin_ctz((unsigned)high);
        i += 16;
    }
#endif
    while (i < len && (unsigned char)text[i] < 0x80)
        i++;
    return i;
}

/* The length of the valid sequence at `p`, or 0. */
static size_t sequence(const unsigned char *p, size_t left)
{
    unsigned first = p[0];
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((first == 0xe0 && p[1] < 0xa0) || (first == 0xed && p[1] > 0x9f) ||
        (first == 0xf0 && p[1] < 0x90) || (first == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

bool mw_utf8_valid(const char *text, size_t len)
{
    size_t i = mw_ascii_prefix(text, len);
    while (i < len) {
        size_t step = sequence((const unsigned char *)text + i, len - i);
        if (!step)
            return false;
        i += step;
        i += mw_ascii_prefix(text + i, len - i);
    }
    return true;
}
