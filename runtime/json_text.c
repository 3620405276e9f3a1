#include "json_text.h"

#include <stdbool.h>
#include <string.h>

enum { EXACT_DIGITS = 15 }; /* what a double holds of any decimal */

static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end)
            p++;
    return p < end ? p + 1 : end;
}

/* The end of the number at p, and whether a double may lose digits of it. */
static const char *skip_number(const char *p, const char *end, bool *is_long)
{
    int significant = 0, zeros = 0;
    bool in_exponent = false;
    for (; p < end; p++) {
        if (*p >= '0' && *p <= '9') {
            if (in_exponent)
                continue;
            if (*p == '0') {
                zeros += significant > 0; /* counted when another digit follows */
            } else {
                significant += zeros + 1;
                zeros = 0;
            }
        } else if (*p == 'e' || *p == 'E') {
            in_exponent = true;
        } else if (*p != '.' && *p != '-' && *p != '+') {
            break;
        }
    }
    *is_long = significant > EXACT_DIGITS;
    return p;
}

size_t mw_json_quote_long_numbers(const char *text, size_t len, char *out, size_t cap)
{
    const char *p = text, *end = text + len, *copied = text;
    size_t used = 0;
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            continue;
        }
        if (*p != '-' && (*p < '0' || *p > '9')) {
            p++;
            continue;
        }
        bool is_long;
        const char *number = p;
        p = skip_number(p, end, &is_long);
        if (!is_long)
            continue;
        size_t before = (size_t)(number - copied), digits = (size_t)(p - number);
        if (cap - used < before + digits + 2)
            return (size_t)-1;
        memcpy(out + used, copied, before);
        used += before;
        out[used++] = '"';
        memcpy(out + used, number, digits);
        used += digits;
        out[used++] = '"';
        copied = p;
    }
    size_t rest = (size_t)(end - copied);
    if (copied == text)
        return len;
    if (cap - used < rest)
        return (size_t)-1;
    memcpy(out + used, copied, rest);
    return used + rest;
}
