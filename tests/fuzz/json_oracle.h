/* json_oracle.h: RFC 8259 once more, as slow and plain as it can be written: what the decoder
 * takes, refuses and finds is compared with this. The functions of the grammar return the end of
 * what they read, or NULL. */
#ifndef MW_JSON_ORACLE_H
#define MW_JSON_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { ORACLE_DEPTH_MAX = 64 };

static inline const char *oracle_value(const char *p, const char *end, int depth);

static inline bool oracle_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline const char *oracle_blanks(const char *p, const char *end)
{
    while (p < end && oracle_is_blank(*p))
        p++;
    return p;
}

/* RFC 3629 by the value: decode, then ask whether that is the shortest way to write it. */
static inline const char *oracle_character(const char *p, const char *end)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)*p;
    int len = first < 0x80 ? 1 : (first & 0xe0) == 0xc0 ? 2 : (first & 0xf0) == 0xe0 ? 3
            : (first & 0xf8) == 0xf0 ? 4 : 0;
    if (len == 0 || end - p < len)
        return NULL;
    uint32_t code = len == 1 ? first : first & (0x7fu >> len);
    for (int i = 1; i < len; i++) {
        if (((unsigned char)p[i] & 0xc0) != 0x80)
            return NULL;
        code = code << 6 | ((unsigned char)p[i] & 0x3f);
    }
    if (code < smallest[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return NULL;
    return p + len;
}

static inline bool oracle_utf8(const char *p, size_t len)
{
    const char *end = p + len;
    while (p && p < end)
        p = oracle_character(p, end);
    return p != NULL;
}

static inline int32_t oracle_hex4(const char *p, const char *end)
{
    static const char digits[] = "0123456789abcdef", capitals[] = "0123456789ABCDEF";
    int32_t code = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char *digit = p[i] ? strchr(digits, p[i]) : NULL;
        const char *capital = p[i] ? strchr(capitals, p[i]) : NULL;
        if (!digit && !capital)
            return -1;
        code = code << 4 | (int32_t)(digit ? digit - digits : capital - capitals);
    }
    return code;
}

/* A lone surrogate has no UTF-8 form: refused, as the decoder does. */
static inline const char *oracle_escape(const char *p, const char *end)
{
    if (++p >= end)
        return NULL;
    if (*p != 'u')
        return *p && strchr("\"\\/bfnrt", *p) ? p + 1 : NULL;
    int32_t code = oracle_hex4(p + 1, end);
    p += 5;
    if (code < 0 || (code >= 0xdc00 && code <= 0xdfff))
        return NULL;
    if (code < 0xd800 || code > 0xdbff)
        return p;
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return NULL;
    code = oracle_hex4(p + 2, end);
    return code >= 0xdc00 && code <= 0xdfff ? p + 6 : NULL;
}

static inline const char *oracle_string(const char *p, const char *end)
{
    if (p >= end || *p != '"')
        return NULL;
    for (p++; p && p < end && *p != '"';) {
        if ((unsigned char)*p < ' ')
            return NULL;
        p = *p == '\\' ? oracle_escape(p, end) : oracle_character(p, end);
    }
    return p && p < end ? p + 1 : NULL;
}

static inline const char *oracle_digits(const char *p, const char *end)
{
    const char *first = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p > first ? p : NULL;
}

static inline const char *oracle_number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    p = p < end && *p == '0' ? p + 1 : oracle_digits(p, end);
    if (p && p < end && *p >= '0' && *p <= '9')
        return NULL; /* 01 */
    if (p && p < end && *p == '.')
        p = oracle_digits(p + 1, end);
    if (p && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = oracle_digits(p, end);
    }
    return p;
}

/* An object or an array; `depth` is its own. */
static inline const char *oracle_container(const char *p, const char *end, int depth)
{
    bool is_object = *p == '{';
    char closing = is_object ? '}' : ']';
    if (depth >= ORACLE_DEPTH_MAX)
        return NULL;
    p = oracle_blanks(p + 1, end);
    if (p < end && *p == closing)
        return p + 1;
    for (;;) {
        if (is_object) {
            p = oracle_string(p, end);
            p = p ? oracle_blanks(p, end) : NULL;
            if (!p || p >= end || *p != ':')
                return NULL;
            p = oracle_blanks(p + 1, end);
        }
        p = oracle_value(p, end, depth + 1);
        p = p ? oracle_blanks(p, end) : NULL;
        if (!p || p >= end || (*p != ',' && *p != closing))
            return NULL;
        if (*p++ == closing)
            return p;
        p = oracle_blanks(p, end);
    }
}

static inline const char *oracle_word(const char *p, const char *end, const char *word)
{
    size_t len = strlen(word);
    return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

static inline const char *oracle_value(const char *p, const char *end, int depth)
{
    if (p >= end)
        return NULL;
    switch (*p) {
    case '{':
    case '[':
        return oracle_container(p, end, depth);
    case '"':
        return oracle_string(p, end);
    case 't':
        return oracle_word(p, end, "true");
    case 'f':
        return oracle_word(p, end, "false");
    case 'n':
        return oracle_word(p, end, "null");
    default:
        return oracle_number(p, end);
    }
}

/* Looking things up, in a text that was found valid -------------------------------------------- */

/* The string at the quote `p`, unescaped to `out` (which needs no more room than it has here). */
static inline size_t oracle_unescape(const char *p, const char *end, char *out)
{
    char *first = out;
    for (p++; *p != '"'; p++) {
        static const char letters[] = "bfnrt", values[] = "\b\f\n\r\t";
        if (*p != '\\') {
            *out++ = *p;
            continue;
        }
        const char *letter = strchr(letters, *++p);
        if (*p != 'u') {
            *out++ = letter ? values[letter - letters] : *p;
            continue;
        }
        uint32_t code = (uint32_t)oracle_hex4(p + 1, end);
        p += 4;
        if (code >= 0xd800 && code <= 0xdbff) {
            code = 0x10000 + ((code - 0xd800) << 10) + ((uint32_t)oracle_hex4(p + 3, end) - 0xdc00);
            p += 6;
        }
        int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        static const unsigned char marks[] = {0, 0xc0, 0xe0, 0xf0};
        *out++ = (char)(marks[more] | code >> (6 * more));
        while (more-- > 0)
            *out++ = (char)(0x80 | (code >> (6 * more) & 0x3f));
    }
    return (size_t)(out - first);
}

/* The value of the last member of that name; NULL when there is none or `p` is no object. `*times`
 * is how often it stands there. `room` is for names: as large as the text. */
static inline const char *oracle_member(const char *p, const char *end, const char *name,
                                        size_t name_len, char *room, int *times)
{
    const char *found = NULL;
    *times = 0;
    if (!p || *p != '{')
        return NULL;
    p = oracle_blanks(p + 1, end);
    while (*p != '}') {
        bool is_it = oracle_unescape(p, end, room) == name_len && memcmp(room, name, name_len) == 0;
        p = oracle_blanks(oracle_blanks(oracle_string(p, end), end) + 1, end);
        if (is_it) {
            found = p;
            ++*times;
        }
        p = oracle_blanks(oracle_value(p, end, 0), end);
        if (*p == ',')
            p = oracle_blanks(p + 1, end);
    }
    return found;
}

/* The element at a position (from 0); NULL when there is none or `p` is no array. */
static inline const char *oracle_element(const char *p, const char *end, size_t position)
{
    if (!p || *p != '[')
        return NULL;
    p = oracle_blanks(p + 1, end);
    for (; *p != ']'; position--) {
        if (position == 0)
            return p;
        p = oracle_blanks(oracle_value(p, end, 0), end);
        if (*p == ',')
            p = oracle_blanks(p + 1, end);
    }
    return NULL;
}

#endif
