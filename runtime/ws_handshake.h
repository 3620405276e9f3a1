/* ws_handshake.h: the HTTP/1.1 upgrade that begins a WebSocket (RFC 6455, section 4). */
#ifndef MW_WS_HANDSHAKE_H
#define MW_WS_HANDSHAKE_H

#include "url.h"
#include "ws.h"

enum { MW_WS_KEY_SIZE = 25, MW_WS_RESPONSE_MAX = 64 * 1024 };

/* A fresh Sec-WebSocket-Key. */
MW_MUST_USE int mw_ws_make_key(char key[MW_WS_KEY_SIZE], struct mw_err *err);

/* The request, to be freed by the caller after wiping; `*len` is its length. */
MW_MUST_USE char *mw_ws_request(const struct mw_url *url, const struct mw_ws_options *options,
                                const char *key, size_t *len, struct mw_err *err);

/* For a copy that is recorded: overwrites the values of those headers of a request that were given
 * to us, which may be keys or signatures. */
void mw_ws_request_hide(char *text, size_t len);

struct mw_ws_response {
    int status;
    const char *headers; /* without the status line */
    size_t headers_len;
    size_t body_at;   /* where the body (or the first frame) begins */
    bool is_complete; /* of a refusal: all of the body is here */
};

/* Looks at what has arrived: 1 when it is a whole response, 0 when more is needed, -1 when it is no
 * HTTP response at all. */
MW_MUST_USE int mw_ws_response_parse(const char *text, size_t len, struct mw_ws_response *response,
                                     struct mw_err *err);

/* Overwrites the values of cookies in the head of an answer: nobody here has a use for them. */
void mw_ws_response_hide(char *text, const struct mw_ws_response *response);

/* Whether a 101 is an acceptance of our key: -1 and what is wrong. */
MW_MUST_USE int mw_ws_response_check(const struct mw_ws_response *response, const char *key,
                                     struct mw_err *err);

#endif
