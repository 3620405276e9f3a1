/* http_request.h: reads HTTP/1.1 requests, byte for byte: a signature is over the target and the
 * body as they were sent, so nothing of them may be decoded or normalised. */
#ifndef MW_HTTP_REQUEST_H
#define MW_HTTP_REQUEST_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum { MW_REQUEST_HEAD_MAX = 64 * 1024, MW_REQUEST_BODY_MAX = 16 * 1024 * 1024 };

struct mw_http_request_text {
    char *text; /* "METHOD target\nname: value\n...", names in lower case; freed by the caller */
    size_t text_len;
    char *body; /* freed by the caller */
    size_t body_len;
    size_t consumed; /* bytes of the input that it took */
    bool keeps_alive, is_upgrade;
};

/* 1: a whole request; 0: more bytes are needed; -1: refused, `*status` is what to answer.
 * `asks_continue` is set when the client waits for 100 before it sends the body. */
MW_MUST_USE int mw_http_request_parse(const char *bytes, size_t len,
                                      struct mw_http_request_text *request, bool *asks_continue,
                                      int *status);

/* The value of a header (name in lower case) in request->text; NULL when it is not there. */
const char *mw_http_request_header(const struct mw_http_request_text *request, const char *name,
                                   size_t *len);

#endif
