#include "url.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct scheme {
    const char *name;
    bool is_websocket, is_tls;
    const char *port;
} schemes[] = {
    {"https://", false, true, "443"},
    {"http://", false, false, "80"},
    {"wss://", true, true, "443"},
    {"ws://", true, false, "80"},
};

static const struct scheme *find_scheme(const char *text)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncasecmp(text, schemes[i].name, strlen(schemes[i].name)) == 0)
            return &schemes[i];
    return NULL;
}

bool mw_url_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* host[:port] or [v6][:port] from `text` to `end`. */
static int parse_authority(struct mw_url *url, const char *text, const char *end,
                           struct mw_err *err)
{
    const char *host = text, *host_end;
    if (memchr(text, '@', (size_t)(end - text))) { /* and what it is must not be printed */
        mw_err_set(err, "a user name or password in it is not allowed");
        return -1;
    }
    for (const char *p = text; p < end; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 127) {
            mw_err_set(err, "character %d is not allowed in a host name", (unsigned char)*p);
            return -1;
        }
    }
    if (*text == '[') {
        host = text + 1;
        host_end = memchr(text, ']', (size_t)(end - text));
        text = host_end ? host_end + 1 : end;
    } else {
        host_end = memchr(text, ':', (size_t)(end - text));
        if (!host_end)
            host_end = end;
        text = host_end;
    }
    if (!host_end || host_end == host || host_end - host >= MW_URL_HOST_MAX ||
        (text < end && *text != ':')) {
        mw_err_set(err, "no valid host name in it");
        return -1;
    }
    memcpy(url->host, host, (size_t)(host_end - host));
    url->host[host_end - host] = '\0';
    if (text == end)
        return 0;
    text++;
    size_t len = (size_t)(end - text);
    if (len < 1 || len > 5 || strspn(text, "0123456789") < len || strtoul(text, NULL, 10) > 65535 ||
        strtoul(text, NULL, 10) == 0) {
        mw_err_set(err, "bad port \"%.*s\"", (int)len, text);
        return -1;
    }
    url->has_default_port = false;
    memcpy(url->port, text, len);
    url->port[len] = '\0';
    return 0;
}

static int parse_target(struct mw_url *url, const char *text, struct mw_err *err)
{
    size_t len = strlen(text);
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 127 || *p == '#') {
            mw_err_set(err, "character %d is not allowed in it", (unsigned char)*p);
            return -1;
        }
    }
    bool has_path = *text == '/';
    if (len + !has_path >= MW_URL_TARGET_MAX) {
        mw_err_set(err, "longer than %d bytes", MW_URL_TARGET_MAX);
        return -1;
    }
    (void)snprintf(url->target, sizeof url->target, "%s%s", has_path ? "" : "/", text); /* fits */
    return 0;
}

void mw_url_show(const char *text, char shown[MW_URL_SHOWN_MAX])
{
    const char *scheme_end = strstr(text, "://");
    const char *host = scheme_end ? scheme_end + 3 : text;
    size_t host_len = strcspn(host, "/?#");
    for (size_t i = host_len; i > 0; i--) {
        if (host[i - 1] == '@') {
            host += i;
            break;
        }
    }
    int scheme_len = scheme_end ? (int)(scheme_end + 3 - text) : 0;
    (void)snprintf(shown, MW_URL_SHOWN_MAX, "%.*s%.*s", scheme_len, text, (int)strcspn(host, "?#"),
                   host); /* cut is fine */
}

int mw_url_parse(struct mw_url *url, const char *text, struct mw_err *err)
{
    const struct scheme *scheme = find_scheme(text);
    if (!scheme) {
        mw_err_set(err, "https://, http://, wss:// or ws:// expected");
        return -1;
    }
    url->is_websocket = scheme->is_websocket;
    url->is_tls = scheme->is_tls;
    url->has_default_port = true;
    (void)snprintf(url->port, sizeof url->port, "%s", scheme->port); /* fits */
    const char *authority = text + strlen(scheme->name);
    const char *end = authority + strcspn(authority, "/?#");
    if (parse_authority(url, authority, end, err) < 0 || parse_target(url, end, err) < 0)
        return -1;
    if (!url->is_tls && !mw_url_is_loopback(url->host)) {
        mw_err_set(err, "without TLS only loopback addresses are allowed: use %s",
                   url->is_websocket ? "wss://" : "https://");
        return -1;
    }
    return 0;
}
