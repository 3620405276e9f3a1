#include "buffer.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

char *mw_buffer_grow(struct mw_buffer *buffer, size_t len, size_t limit)
{
    size_t used = buffer->len - buffer->at;
    if (used > limit || len > limit - used)
        return NULL;
    /* As much again is free afterwards: however small the steps, bytes are seldom moved. */
    size_t wanted = used + len, cap = wanted > limit / 2 ? limit : wanted * 2;
    if (buffer->bytes && cap <= buffer->cap) {
        memmove(buffer->bytes, buffer->bytes + buffer->at, used);
    } else {
        char *grown = malloc(cap ? cap : 1);
        if (!grown)
            return NULL;
        if (buffer->bytes)
            memcpy(grown, buffer->bytes + buffer->at, used);
        mw_buffer_fini(buffer);
        buffer->bytes = grown;
        buffer->cap = cap;
    }
    buffer->at = 0;
    buffer->len = used;
    return buffer->bytes + used;
}

int mw_buffer_append(struct mw_buffer *buffer, const void *bytes, size_t len, size_t limit)
{
    char *to = mw_buffer_reserve(buffer, len, limit);
    if (!to)
        return -1;
    if (len)
        memcpy(to, bytes, len);
    buffer->len += len;
    return 0;
}

void mw_buffer_fini(struct mw_buffer *buffer)
{
    if (buffer->bytes)
        OPENSSL_cleanse(buffer->bytes, buffer->cap);
    free(buffer->bytes);
    *buffer = (struct mw_buffer){NULL, 0, 0, 0};
}
