/* json_text.h: makes JSON safe for readers that turn every number into a double. */
#ifndef MW_JSON_TEXT_H
#define MW_JSON_TEXT_H

#include <stddef.h>

/* Copies `text` to `out` with quotes around each number of more than 15 significant digits, so that
 * it arrives as a string with all of them. Returns the new length; `len` with nothing written when
 * there is no such number; (size_t)-1 when `cap` is too small (2 * len is always enough). The text
 * need not be valid JSON. */
size_t mw_json_quote_long_numbers(const char *text, size_t len, char *out, size_t cap);

#endif
