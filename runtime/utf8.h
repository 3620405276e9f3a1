/* utf8.h: is a text valid UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF)? */
#ifndef MW_UTF8_H
#define MW_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool mw_utf8_valid(const char *text, size_t len);

/* The length of the longest prefix of whole ASCII bytes, found 16 at a time. */
size_t mw_ascii_prefix(const char *text, size_t len);

#endif
