/* decode.h: the JSON decoder of the event path. A schema, made once from a list of paths, says
 * which values of a message are wanted; one pass over the text checks it (RFC 8259, valid UTF-8)
 * and fills fields that point into it. No allocation per message: buffers grow once and stay.
 *
 * A path is of member names and array positions: `push.channel`, `error.code`, `[0]`, `[3][1]`; one
 * array of a schema may be its rows, `push.pub.data[].order.orderId`: then every element of it is
 * a row with fields of its own. At one place an object and an array may be wanted, `id` and `[0]`:
 * whichever stands there is read. Of members with the same name the last one counts, but what stood
 * inside an object or an array before stays; the rows come once. */
#ifndef MW_DECODE_H
#define MW_DECODE_H

#include "decimal.h"
#include "err.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MW_FIELD_ABSENT,
    MW_FIELD_STRING, /* text: unescaped, without the quotes */
    MW_FIELD_NUMBER, /* text: the digits as they stand */
    MW_FIELD_TRUE,
    MW_FIELD_FALSE,
    MW_FIELD_NULL,
    MW_FIELD_OBJECT, /* text: the JSON as it stands */
    MW_FIELD_ARRAY,
};

enum { MW_DECODE_DEPTH_MAX = 64, MW_DECODE_ROWS_MAX = 1 << 20, MW_DECODE_ERROR_MAX = 160 };

struct mw_field {
    const char *text; /* in the message or the decoder's own buffer; good until the next message */
    uint32_t len;
    uint8_t type;
    uint8_t word; /* place of a string in its path's list of words, from 1; 0: not listed */
};

/* What LuaJIT reads by FFI. */
struct mw_decoder_view {
    struct mw_field *head; /* of the paths without [], in their order in the list */
    struct mw_field *rows; /* row r, slot s: rows[r * row_width + s], likewise */
    uint32_t row_count, row_width;
    const char *text; /* the JSON text that was read last */
    size_t text_len;
    uint32_t has_more; /* 1: the message goes on behind what was read */
    char error[MW_DECODE_ERROR_MAX]; /* of the last failure: offset, what is wrong */
};

struct mw_decoder;

MW_MUST_USE struct mw_decoder *mw_decoder_new(const char *const *paths, size_t count,
                                              struct mw_err *err);
void mw_decoder_free(struct mw_decoder *decoder); /* takes NULL */
struct mw_decoder_view *mw_decoder_view(struct mw_decoder *decoder);

/* Strings at path number `path` (from 0) are looked up in `words`; up to 255. -1: no such path. */
MW_MUST_USE int mw_decoder_set_words(struct mw_decoder *decoder, size_t path,
                                     const char *const *words, size_t count, struct mw_err *err);

/* Begins a message of one or several JSON texts, one a line. It must stay until it is read. */
void mw_decoder_start(struct mw_decoder *decoder, const char *text, size_t len);

/* Reads the next text: 1; 0 when nothing is left; -1 when it is malformed (view->error), after
 * which the next call goes on behind the next line break. */
int mw_decoder_next(struct mw_decoder *decoder);

/* Begins a message and reads its first text. */
int mw_decoder_read(struct mw_decoder *decoder, const char *text, size_t len);

/* A number or a string of digits as a whole number; NaN when it is none or beyond 2^53. */
double mw_field_integer(const struct mw_field *field);

/* The number that a text writes in its one usual way (1 to 15 digits, the first not 0), else NaN.
 * */
double mw_text_integer(const char *text, size_t len);

/* Whether it is a string of these bytes: 1 or 0. */
int mw_field_is(const struct mw_field *field, const char *text, size_t len);

/* A number or a string that is a decimal: 0; else -1. */
int mw_field_decimal(struct mw_decimal *out, const struct mw_field *field);

/* A whole number, or a string that is one, which counts units of 10^-decimals: 0; else -1. */
int mw_field_units(struct mw_decimal *out, const struct mw_field *field, int decimals);

#endif
