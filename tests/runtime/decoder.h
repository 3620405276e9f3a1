/* decoder.h: what the tests of the decoder share: one decoder, one message, a look at fields. */
#ifndef MW_TEST_DECODER_H
#define MW_TEST_DECODER_H

#include "decode.h"
#include "test.h"

#include <stdbool.h>
#include <stdlib.h>

static struct mw_decoder *decoder;
static struct mw_decoder_view *view;
static char *message; /* a copy without a byte behind it: the sanitizer sees a read too far */

static inline void forget_message(void)
{
    free(message);
    message = NULL;
}

static inline void close_decoder(void)
{
    mw_decoder_free(decoder);
    forget_message();
    decoder = NULL;
}

static inline void open_decoder(const char *const *paths, size_t count)
{
    struct mw_err err = {""};
    close_decoder();
    decoder = mw_decoder_new(paths, count, &err);
    CHECK_TEXT(err.text, "");
    if (!decoder)
        abort(); /* no test can go on; what is wrong has been printed */
    view = mw_decoder_view(decoder);
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define OPEN(...)                                                                                  \
    do {                                                                                           \
        static const char *const paths_[] = {__VA_ARGS__};                                         \
        open_decoder(paths_, COUNT(paths_));                                                       \
    } while (0)

static inline void start(const char *text, size_t len)
{
    forget_message();
    message = malloc(len ? len : 1);
    if (len)
        memcpy(message, text, len);
    mw_decoder_start(decoder, message, len);
}

/* Reads a message of one text: the first result, which must be the last when it is 1. */
static inline int read_bytes(const char *text, size_t len)
{
    start(text, len);
    return mw_decoder_next(decoder);
}

static inline int read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

static inline void start_text(const char *text)
{
    start(text, strlen(text));
}

static inline void check_field(int line, const struct mw_field *field, int type, const char *text)
{
    size_t len = strlen(text);
    if (field->type == type && field->len == len && (!len || memcmp(field->text, text, len) == 0))
        return;
    printf("%s:%d: expected type %d \"%s\", got type %d \"%.*s\"\n", __FILE__, line, type, text,
           field->type, (int)field->len, field->text ? field->text : "");
    test_failures++;
}
#define CHECK_FIELD(field, type, text) check_field(__LINE__, &(field), MW_FIELD_##type, text)

static inline struct mw_field *row(uint32_t number, uint32_t slot)
{
    return &view->rows[(size_t)number * view->row_width + slot];
}

#endif
