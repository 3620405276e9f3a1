#include "test.h"
#include "url.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void parts(void)
{
    static const struct {
        const char *text;
        bool is_websocket, is_tls;
        const char *host, *port;
        bool has_default_port;
        const char *target;
    } urls[] = {
        {"https://api.example.com", false, true, "api.example.com", "443", true, "/"},
        {"https://api.example.com/", false, true, "api.example.com", "443", true, "/"},
        {"wss://ws.example.com/feed?a=%20&b", true, true, "ws.example.com", "443", true,
         "/feed?a=%20&b"},
        {"HTTPS://Example.COM:8443/x//y/../z", false, true, "Example.COM", "8443", false,
         "/x//y/../z"},
        {"https://example.com?q=1", false, true, "example.com", "443", true, "/?q=1"},
        {"https://example.com:443/", false, true, "example.com", "443", false, "/"},
        {"https://example.com?a=b@c", false, true, "example.com", "443", true, "/?a=b@c"},
        {"https://example.com/a:b@c[d]", false, true, "example.com", "443", true, "/a:b@c[d]"},
        {"http://127.0.0.1:80/", false, false, "127.0.0.1", "80", false, "/"},
        {"http://localhost", false, false, "localhost", "80", true, "/"},
        {"ws://[::1]:9000/x", true, false, "::1", "9000", false, "/x"},
        {"wss://[2001:db8::1]", true, true, "2001:db8::1", "443", true, "/"},
        {"ws://127.1.2.3", true, false, "127.1.2.3", "80", true, "/"},
        {"wss://h:1", true, true, "h", "1", false, "/"},
        {"wss://h:65535", true, true, "h", "65535", false, "/"},
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct mw_url url;
        struct mw_err err = {""};
        CHECK_INT(mw_url_parse(&url, urls[i].text, &err), 0);
        CHECK_TEXT(err.text, "");
        CHECK_INT(url.is_websocket, urls[i].is_websocket);
        CHECK_INT(url.is_tls, urls[i].is_tls);
        CHECK_TEXT(url.host, urls[i].host);
        CHECK_TEXT(url.port, urls[i].port);
        CHECK_INT(url.has_default_port, urls[i].has_default_port);
        CHECK_TEXT(url.target, urls[i].target);
    }
}

static void refusals(void)
{
    static const char *const scheme = "https://, http://, wss:// or ws:// expected";
    static const char *const host = "no valid host name in it";
    static const char *const user = "a user name or password in it is not allowed";
    static const char *const plain =
        "without TLS only loopback addresses are allowed: use https://";
    const struct {
        const char *text, *error;
    } urls[] = {
        {"", scheme},
        {"example.com", scheme},
        {"ftp://example.com", scheme},
        {"https:/example.com", scheme},
        {" https://example.com", scheme},
        {"https://", host},
        {"https:///path", host},
        {"https://:443/", host},
        {"https://user@example.com/", user},
        {"https://user:word@example.com/", user},
        {"https://@example.com/", user},
        {"https://user@[::1]/", user},
        {"https://user@", user},
        {"https://example.com:443@user/", user},
        {"https://exa mple.com/", "character 32 is not allowed in a host name"},
        {"https://example.com\r\nX: y", "character 13 is not allowed in a host name"},
        {"https://example.com:4\t43/", "character 9 is not allowed in a host name"},
        {"https://ex\x7f/", "character 127 is not allowed in a host name"},
        {"https://b\xc3\xbc" "cher.example/", "character 195 is not allowed in a host name"},
        {"https://[::1 ]/", "character 32 is not allowed in a host name"},
        {"https://[]/", host},
        {"https://[::1/", host},
        {"https://[::1]x/", host},
        {"https://example.com:/", "bad port \"\""},
        {"https://example.com:0/", "bad port \"0\""},
        {"https://example.com:65536/", "bad port \"65536\""},
        {"https://example.com:123456/", "bad port \"123456\""},
        {"https://example.com:-1/", "bad port \"-1\""},
        {"https://example.com:80x/", "bad port \"80x\""},
        {"https://::1/", host},
        {"https://example.com/a b", "character 32 is not allowed in it"},
        {"https://example.com/a\r\nX: y", "character 13 is not allowed in it"},
        {"https://example.com/\x7f", "character 127 is not allowed in it"},
        {"https://example.com/\xc3\xa9", "character 195 is not allowed in it"},
        {"https://example.com/a#b", "character 35 is not allowed in it"},
        {"https://example.com#b", "character 35 is not allowed in it"},
        {"http://example.com/", plain},
        {"http://10.0.0.1/", plain},
        {"http://128.0.0.1/", plain},
        {"http://127.0.0.1.example.com/", plain},
        {"http://localhost.example.com/", plain},
        {"http://[2001:db8::1]/", plain},
        {"http://0.0.0.0/", plain},
        {"ws://example.com/", "without TLS only loopback addresses are allowed: use wss://"},
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct mw_url url;
        struct mw_err err = {""};
        CHECK_INT(mw_url_parse(&url, urls[i].text, &err), -1);
        if (urls[i].error)
            CHECK_TEXT(err.text, urls[i].error);
    }
}

static void longest(void)
{
    char text[MW_URL_HOST_MAX + MW_URL_TARGET_MAX + 32], expected[MW_URL_TARGET_MAX];
    struct mw_url url;
    struct mw_err err;
    for (int over = 0; over < 2; over++) {
        int host_len = MW_URL_HOST_MAX - 1, target_len = MW_URL_TARGET_MAX - 1;
        memset(expected, 'h', sizeof expected);
        (void)snprintf(text, sizeof text, "wss://%.*s/", host_len + over, expected);
        CHECK_INT(mw_url_parse(&url, text, &err), over ? -1 : 0);
        CHECK(over || strlen(url.host) == (size_t)host_len);
        for (int slash = 0; slash < 2; slash++) { /* given, or put in front of the query */
            memset(expected, '?', sizeof expected);
            (void)snprintf(text, sizeof text, "wss://h%s%.*s", slash ? "/" : "",
                           target_len - 1 + over, expected);
            CHECK_INT(mw_url_parse(&url, text, &err), over ? -1 : 0);
            if (over)
                CHECK_TEXT(err.text, "longer than 4096 bytes");
            else
                CHECK_INT(strlen(url.target), target_len);
        }
    }
}

static void loopback(void)
{
    static const char *const near[] = {"localhost",       "LocalHost", "127.0.0.1",
                                       "127.255.255.255", "::1",       "0:0:0:0:0:0:0:1"};
    static const char *const far[] = {
        "",   "localhost.", "localhos",   "localhost ", "126.255.255.255", "128.0.0.0",
        "::", "::2",        "127.0.0.1 ", "0",          "fe80::1",         "localhost.example"};
    for (size_t i = 0; i < COUNT(near); i++)
        CHECK(mw_url_is_loopback(near[i]));
    for (size_t i = 0; i < COUNT(far); i++)
        CHECK(!mw_url_is_loopback(far[i]));
}

static const struct test_case cases[] = {
    {"a URL has its parts", parts},
    {"what is no URL for us is refused with the reason", refusals},
    {"host and target have their greatest lengths", longest},
    {"only this machine is loopback", loopback},
};
TEST_MAIN(cases)
