/* url.h: the parts of a URL. Without TLS (http:, ws:) only loopback addresses are allowed. */
#ifndef MW_URL_H
#define MW_URL_H

#include "err.h"

#include <stdbool.h>

enum { MW_URL_HOST_MAX = 256, MW_URL_TARGET_MAX = 4096 };

struct mw_url {
    bool is_websocket, is_tls;
    char host[MW_URL_HOST_MAX];     /* without the brackets of [::1] */
    char port[6];                   /* digits; the scheme's own when the URL names none */
    bool has_default_port;          /* the Host header leaves it out */
    char target[MW_URL_TARGET_MAX]; /* path and query as they stand; "/" for an empty path */
};

/* What of a URL may be printed: scheme, host and path, without the user, whose password it may
 * hold, and without the query, which may be signed. Cut when it is too long. */
enum { MW_URL_SHOWN_MAX = 256 };
void mw_url_show(const char *text, char shown[MW_URL_SHOWN_MAX]);

/* scheme://host[:port][/path][?query]. -1 and what is wrong with it. */
MW_MUST_USE int mw_url_parse(struct mw_url *url, const char *text, struct mw_err *err);

/* localhost, 127.0.0.0/8, ::1 */
bool mw_url_is_loopback(const char *host);

#endif
