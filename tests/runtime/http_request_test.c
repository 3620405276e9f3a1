#include "http_request.h"
#include "test.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct mw_http_request_text request;
static bool asks_continue;
static int status;

static void forget(void)
{
    free(request.text);
    free(request.body);
    request = (struct mw_http_request_text){0};
}

/* Reads a copy without a byte behind it: the sanitizer sees a read too far. */
static int parse_bytes(const char *bytes, size_t len)
{
    forget();
    char *copy = malloc(len ? len : 1);
    if (len)
        memcpy(copy, bytes, len);
    int result = mw_http_request_parse(copy, len, &request, &asks_continue, &status);
    free(copy);
    if (result != 1)
        CHECK(!request.text && !request.body);
    return result;
}

static int parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void check_request(int line, const char *text, const char *body)
{
    if (request.text && request.text_len == strlen(text) &&
        memcmp(request.text, text, request.text_len) == 0 && request.body_len == strlen(body) &&
        (!request.body_len || memcmp(request.body, body, request.body_len) == 0))
        return;
    printf("%s:%d: expected \"%s\" and \"%s\", got \"%.*s\" and \"%.*s\"\n", __FILE__, line, text,
           body, (int)request.text_len, request.text ? request.text : "", (int)request.body_len,
           request.body ? request.body : "");
    test_failures++;
}
#define CHECK_REQUEST(text, body) check_request(__LINE__, text, body)

static void as_it_stands(void)
{
    static const char text[] = "POST /a%2Fb/../c?x=%20+&y HTTP/1.1\r\nHost: h:1\r\nX-KEY:  a b:c \t"
                               "d  \r\nContent-Length: 9\r\nEmpty:\r\n\r\nb=%41&\r\nxGET";
    CHECK_INT(parse(text), 1);
    CHECK_REQUEST("POST /a%2Fb/../c?x=%20+&y\nhost: h:1\nx-key: a b:c \td\ncontent-length: 9\n"
                  "empty: \n",
                  "b=%41&\r\nx");
    CHECK_INT(request.consumed, sizeof text - 1 - 3); /* the next request is not touched */
    CHECK(request.keeps_alive);
    CHECK(!request.is_upgrade);
    CHECK(!asks_continue);
    CHECK_INT(parse("GET / HTTP/1.1\r\n\r\n"), 1);
    CHECK_REQUEST("GET /\n", "");
    CHECK_INT(parse_bytes("PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\0\xff\n", 41), 1);
    CHECK_INT(request.body_len, 3);
    CHECK(memcmp(request.body, "\0\xff\n", 3) == 0);
}

static void byte_for_byte(void)
{
    static const char *const texts[] = {
        "GET /x HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789",
        "POST /x HTTP/1.1\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nabc\r\nA;ext=1\r\n0123456789\r\n"
        "0\r\n\r\n",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        size_t len = strlen(texts[i]);
        for (size_t part = 0; part < len; part++)
            CHECK_INT(parse_bytes(texts[i], part), 0);
        CHECK_INT(parse(texts[i]), 1);
        CHECK_INT(request.consumed, len);
    }
    CHECK_TEXT(request.body_len == 13 ? "13 bytes" : "", "13 bytes");
    CHECK(memcmp(request.body, "abc0123456789", 13) == 0);
}

/* Each of these lines is longer when it has its blank: so is the whole of them. */
static void bare_line_feeds(void)
{
    enum { LINES = 200 };
    char text[LINES * 4 + 32], expected[LINES * 5 + 32];
    int len = snprintf(text, sizeof text, "GET / HTTP/1.1\n");
    int expected_len = snprintf(expected, sizeof expected, "GET /\n");
    for (int i = 0; i < LINES; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len, i % 3 ? "a:b\n" : "c:\n");
        expected_len += snprintf(expected + expected_len, sizeof expected - (size_t)expected_len,
                                 i % 3 ? "a: b\n" : "c: \n");
        (void)snprintf(text + len, sizeof text - (size_t)len, "d:e\r\n\r\n");
        (void)snprintf(expected + expected_len, sizeof expected - (size_t)expected_len, "d: e\n");
        CHECK_INT(parse(text), 1);
        CHECK_REQUEST(expected, "");
        CHECK_INT(request.consumed, len + 7);
    }
}

static void kept_alive(void)
{
    static const struct {
        const char *text;
        bool keeps_alive, is_upgrade;
    } heads[] = {
        {"GET / HTTP/1.1\r\n\r\n", true, false},
        {"GET / HTTP/1.0\r\n\r\n", false, false},
        {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false, false},
        {"GET / HTTP/1.1\r\nCONNECTION: Close\r\n\r\n", false, false},
        {"GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n", true, false},
        {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n", true, true},
        {"GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", true, false},
    };
    for (size_t i = 0; i < COUNT(heads); i++) {
        CHECK_INT(parse(heads[i].text), 1);
        CHECK_INT(request.keeps_alive, heads[i].keeps_alive);
        CHECK_INT(request.is_upgrade, heads[i].is_upgrade);
    }
}

static void headers(void)
{
    size_t len = 0;
    CHECK_INT(
        parse("GET host: HTTP/1.1\r\nHost: first\r\nHost: second\r\nHostess: no\r\nX-Host: no\r\n"
              "Last:\r\n\r\n"),
        1);
    const char *value = mw_http_request_header(&request, "host", &len);
    CHECK(value && len == 5 && memcmp(value, "first", 5) == 0);
    value = mw_http_request_header(&request, "last", &len);
    CHECK(value && len == 0);
    CHECK(!mw_http_request_header(&request, "ost", &len));
    CHECK(!mw_http_request_header(&request, "hos", &len));
    CHECK(!mw_http_request_header(&request, "get host", &len));
    CHECK(!mw_http_request_header(&request, "absent", &len));
}

static void waits_for_continue(void)
{
    static const char text[] =
        "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab";
    CHECK_INT(parse_bytes(text, sizeof text - 3), 0);
    CHECK(asks_continue);
    CHECK_INT(parse_bytes(text, sizeof text - 2), 0);
    CHECK(asks_continue);
    CHECK_INT(parse_bytes(text, sizeof text - 1), 1);
    CHECK(!asks_continue);
    CHECK_INT(parse_bytes(text, 40), 0); /* the head is not there yet */
    CHECK(!asks_continue);
}

static void chunks(void)
{
    static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n";
    static const struct {
        const char *chunks, *body;
        size_t rest;
    } good[] = {
        {"0\r\n\r\n", "", 0},
        {"1\r\nx\r\n0\r\n\r\nGET", "x", 3},
        {"00a\r\n\r\n34567890\r\n0\r\n\r\n", "\r\n34567890", 0},
        {"2;name=value\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "abc", 0},
    };
    char text[256];
    for (size_t i = 0; i < COUNT(good); i++) {
        (void)snprintf(text, sizeof text, "%s%s", head, good[i].chunks);
        CHECK_INT(parse(text), 1);
        CHECK_REQUEST("POST /\ntransfer-encoding: Chunked\n", good[i].body);
        CHECK_INT(request.consumed, strlen(text) - good[i].rest);
    }
    static const char *const bad[] = {"x\r\n",    "-1\r\n",      "\r\n",  " 1\r\nx\r\n",
                                      "0x1\r\nx\r\n", "1g\r\nx\r\n", "1\r\nxyz"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        (void)snprintf(text, sizeof text, "%s%s", head, bad[i]);
        CHECK_INT(parse(text), -1);
        CHECK_INT(status, 400);
    }
    static const char *const large[] = {"1000001\r\n", "ffffffff\r\n", "ffffffffffffffff\r\n",
                                        "fffffffffffffffffffff\r\n", "1\r\nx\r\n1000000\r\n"};
    for (size_t i = 0; i < COUNT(large); i++) {
        (void)snprintf(text, sizeof text, "%s%s", head, large[i]);
        CHECK_INT(parse(text), -1);
        CHECK_INT(status, 413);
    }
}

static void refusals(void)
{
    static const struct {
        const char *text;
        int status;
    } bad[] = {
        {"\r\n\r\n", 400},
        {"GET\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {" HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\n\r\n", 400},
        {"GET / http/1.1\r\n\r\n", 400},
        {"\x16\x03\x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n: no name\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nContent-Length: 1 2\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nContent-Length: 16777217\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\nContent-Length: 4294967296\r\n\r\n", 413},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        status = 0;
        CHECK_INT(parse(bad[i].text), -1);
        CHECK_INT(status, bad[i].status);
    }
    CHECK_INT(parse("POST / HTTP/1.1\r\nContent-Length: 16777216\r\n\r\n"), 0);
}

static void endless_head(void)
{
    char *text = malloc(MW_REQUEST_HEAD_MAX + 1);
    memset(text, 'x', MW_REQUEST_HEAD_MAX + 1);
    CHECK_INT(parse_bytes(text, MW_REQUEST_HEAD_MAX), 0);
    CHECK_INT(parse_bytes(text, MW_REQUEST_HEAD_MAX + 1), -1);
    CHECK_INT(status, 431);
    free(text);
}

/* Any byte changed: a verdict, and nothing taken that was not there. */
static void changed(void)
{
    static const char *const texts[] = {
        "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789",
        "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        size_t len = strlen(texts[i]);
        char text[128];
        memcpy(text, texts[i], len);
        for (size_t place = 0; place < len; place++) {
            for (int byte = 0; byte < 256; byte++) {
                text[place] = (char)byte;
                int result = parse_bytes(text, len);
                CHECK(result >= -1 && result <= 1);
                CHECK(result != 1 || (request.consumed <= len && request.text_len <= len &&
                                      request.body_len <= len));
                CHECK(result != -1 || (status >= 400 && status < 500));
            }
            text[place] = texts[i][place];
        }
    }
}

static const struct test_case cases[] = {
    {"target, values and body are as they were sent, names in lower case", as_it_stands},
    {"a request that is not all there needs more bytes", byte_for_byte},
    {"lines that end in a bare line feed are lines like others", bare_line_feeds},
    {"a connection is kept unless the client says otherwise", kept_alive},
    {"a header is found by its whole name, the first of them", headers},
    {"a client that waits for 100 is noticed until its body is there", waits_for_continue},
    {"chunks become one body", chunks},
    {"a malformed request is 400 and a large one 413", refusals},
    {"a head without an end is 431", endless_head},
    {"a request with any byte changed has a verdict", changed},
};

int main(void)
{
    int result = test_main(cases, COUNT(cases));
    forget();
    return result;
}
