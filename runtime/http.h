/* http.h: HTTP/1.1 client on the host's loop, over libcurl. TLS 1.2 and up, always verified;
 * connections are kept and reused. Whatever is not a plain GET is sent at most once: libcurl's own
 * retry on a fresh connection is refused, because nobody can tell what the first try has done. */
#ifndef MW_HTTP_H
#define MW_HTTP_H

#include "header.h"
#include "host.h"

struct mw_http;

enum { MW_HTTP_BODY_MAX = 16 * 1024 * 1024 };

struct mw_http_request {
    const char *method; /* GET, POST, DELETE, ... */
    const char *url;    /* https://; http:// on loopback only */
    const struct mw_header *headers;
    size_t header_count;
    const char *body; /* NULL: none */
    size_t body_len;
    const char *ca_file;    /* NULL: the system's store */
    int64_t timeout_ns;     /* of the whole request; 0: 30 s */
    bool has_secret_answer; /* the answer brings keys or cookies: it is not recorded */
};

MW_MUST_USE struct mw_http *mw_http_new(struct mw_host *host, struct mw_err *err);
void mw_http_free(struct mw_http *http); /* takes NULL; requests under way end without an event */

/* Begins a request; everything is copied, and wiped when it is over. The outcome is one event
 * http_done. Returns the id; 0 and `err` when it cannot begin: then nothing was sent. */
MW_MUST_USE uint64_t mw_http_request(struct mw_http *http, const struct mw_http_request *request,
                                     struct mw_err *err);

/* Forgets a request: no event follows. What was sent is sent. */
void mw_http_cancel(struct mw_http *http, uint64_t id);

#endif
