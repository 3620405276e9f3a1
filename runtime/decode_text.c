#include "json_scan.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *mw_scan_fail(struct mw_decoder *d, const char *p, const char *what)
{
    char found[24];
    if (p >= d->end)
        (void)snprintf(found, sizeof found, "the end");
    else if ((unsigned char)*p > ' ' && (unsigned char)*p < 127)
        (void)snprintf(found, sizeof found, "'%c'", *p);
    else
        (void)snprintf(found, sizeof found, "byte 0x%02x", (unsigned char)*p);
    (void)snprintf(d->view.error, sizeof d->view.error, "offset %zu: %s, found %s",
                   (size_t)(p - d->message), what, found); /* fits */
    return NULL;
}

static int hex4(const char *p, const char *end)
{
    int value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = p[i] | 0x20;
        int digit = p[i] >= '0' && p[i] <= '9' ? p[i] - '0'
                    : c >= 'a' && c <= 'f'     ? c - 'a' + 10
                                               : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *put_utf8(char *out, unsigned code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* \uXXXX at p (behind the u), with its low surrogate when it is a high one. A half one is an error.
 * */
static const char *parse_unicode(struct mw_decoder *d, const char *p, char **out)
{
    int code = hex4(p, d->end);
    if (code < 0)
        return mw_scan_fail(d, p, "four hex digits expected");
    p += 4;
    if (code >= 0xd800 && code < 0xe000) {
        int low = -1;
        if (code < 0xdc00 && d->end - p >= 6 && p[0] == '\\' && p[1] == 'u')
            low = hex4(p + 2, d->end);
        if (low < 0xdc00 || low > 0xdfff)
            return mw_scan_fail(d, p, "the other half of a surrogate pair expected");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        p += 6;
    }
    *out = put_utf8(*out, (unsigned)code);
    return p;
}

/* Room for what is left of the message unescaped, which is never longer than it is escaped. */
static bool reserve_scratch(struct mw_decoder *d)
{
    size_t wanted = (size_t)(d->end - d->message) + 1;
    if (d->scratch_cap >= wanted)
        return true;
    char *grown = d->scratch_len ? NULL : realloc(d->scratch, wanted);
    if (!grown)
        return false;
    d->scratch = grown;
    d->scratch_cap = wanted;
    return true;
}

const char *mw_scan_escaped(struct mw_decoder *d, const char *start, const char *p,
                            struct mw_field *field)
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (!reserve_scratch(d))
        return mw_scan_fail(d, start, "out of memory");
    char *begin = d->scratch + d->scratch_len, *out = begin;
    const char *from = start;
    for (;;) {
        memcpy(out, from, (size_t)(p - from));
        out += p - from;
        if (p >= d->end || (unsigned char)*p < ' ')
            return mw_scan_fail(d, p, "end of the string expected");
        if (*p == '"')
            break;
        from = p;
        if (*p == '\\') {
            const char *letter = ++p < d->end ? memchr(letters, *p, sizeof letters - 1) : NULL;
            if (letter) {
                *out++ = values[letter - letters];
                from = ++p;
            } else if (p < d->end && *p == 'u') {
                from = p = parse_unicode(d, p + 1, &out);
                if (!p)
                    return NULL;
            } else {
                return mw_scan_fail(d, p, "an escape expected");
            }
            p = find_special(p, d->end);
        } else {
            p = find_special(p + 1, d->end); /* a byte of a longer character: checked below */
        }
    }
    if (!mw_utf8_valid(begin, (size_t)(out - begin)))
        return mw_scan_fail(d, start, "valid UTF-8 expected");
    d->scratch_len += (size_t)(out - begin);
    field->text = begin;
    field->len = (uint32_t)(out - begin);
    return p + 1;
}
