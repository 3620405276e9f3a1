#include "test.h"
#include "ws_handshake.h"

#include <stdlib.h>
#include <sys/mman.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* RFC 6455, 1.3 */
static const char rfc_key[] = "dGhlIHNhbXBsZSBub25jZQ==";
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define YES "HTTP/1.1 101 Switching Protocols\r\n"

static struct mw_err err;

static void keys(void)
{
    char first[MW_WS_KEY_SIZE], second[MW_WS_KEY_SIZE];
    CHECK_INT(mw_ws_make_key(first, &err), 0);
    CHECK_INT(mw_ws_make_key(second, &err), 0);
    CHECK_INT(strlen(first), 24); /* 16 bytes in base64 */
    CHECK(strcmp(first + 22, "==") == 0);
    CHECK(strcmp(first, second) != 0);
}

/* The request as a string to be freed; NULL when it is refused. */
static char *request(const char *text, struct mw_ws_options options)
{
    struct mw_url url;
    size_t len = 0;
    CHECK_INT(mw_url_parse(&url, text, &err), 0);
    options.url = text;
    char *bytes = mw_ws_request(&url, &options, rfc_key, &len, &err);
    char *copy = bytes ? strndup(bytes, len) : NULL;
    CHECK(!bytes || strlen(copy) == len);
    free(bytes);
    return copy;
}

static void requests(void)
{
    static const struct mw_header headers[] = {{"Authorization", "Bearer x:y"}, {"X-Empty", ""}};
    static const struct {
        const char *url, *begins;
    } hosts[] = {
        {"wss://example.com", "GET / HTTP/1.1\r\nHost: example.com\r\n"},
        {"wss://example.com/chat?a=b", "GET /chat?a=b HTTP/1.1\r\nHost: example.com\r\n"},
        {"wss://example.com:8443/", "GET / HTTP/1.1\r\nHost: example.com:8443\r\n"},
        {"ws://[::1]:9000/", "GET / HTTP/1.1\r\nHost: [::1]:9000\r\n"},
        {"wss://[2001:db8::1]/", "GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n"},
    };
    for (size_t i = 0; i < COUNT(hosts); i++) {
        char *text = request(hosts[i].url, (struct mw_ws_options){0});
        CHECK(text && strstr(text, hosts[i].begins) == text);
        free(text);
    }
    char *text =
        request("wss://example.com/chat", (struct mw_ws_options){.headers = headers,
                                                                 .header_count = 2,
                                                                 .origin = "https://example.com"});
    CHECK_TEXT(text, "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Origin: https://example.com\r\n"
                     "Authorization: Bearer x:y\r\nX-Empty: \r\n\r\n");
    free(text);
}

static void bad_headers(void)
{
    static const struct mw_header bad[] = {
        {"", "a"},     {"X Y", "a"},       {"X:", "a"}, {"X\r", "a"},
        {"X\nY", "a"}, {"X", "a\r\nY: b"}, {"X", "\n"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct mw_header headers[] = {{"Fine", "1"}, bad[i]};
        CHECK(!request("wss://h", (struct mw_ws_options){.headers = headers, .header_count = 2}));
        CHECK(strstr(err.text, "a line break, or a name with a colon or a blank"));
    }
    CHECK(!request("wss://h", (struct mw_ws_options){.origin = "a\r\nb: c"}));
    CHECK(strstr(err.text, "header \"Origin\""));
}

static char *room; /* its last page cannot be read */
enum { ROOM = MW_WS_RESPONSE_MAX, GUARD = 65536 };

static void make_room(void)
{
    void *pages =
        mmap(NULL, ROOM + GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    room = pages;
    CHECK_INT(mprotect(room + ROOM, GUARD, PROT_NONE), 0);
}

/* Parses a copy that ends where memory ends: the C library's own reading too far is seen as well,
 * which the sanitizer lets pass. */
static int parse_bytes(const char *bytes, size_t len, struct mw_ws_response *response)
{
    char *copy = room + ROOM - len;
    memcpy(copy, bytes, len);
    return mw_ws_response_parse(copy, len, response, &err);
}

static int parse(const char *text, struct mw_ws_response *response)
{
    return parse_bytes(text, strlen(text), response);
}

static void acceptance(void)
{
    static const char *const good[] = {
        YES "Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT "\r\n",
        YES "connection:keep-alive, upgrade\r\nUPGRADE: WebSocket  \r\nsec-websocket-accept:"
            "\t s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n\r\n",
        "HTTP/1.0 101\r\nX-Other: 1\r\n" ACCEPT "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        YES "Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT "\r\n\x81\x02hi",
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        struct mw_ws_response response;
        CHECK_INT(parse(good[i], &response), 1);
        CHECK_INT(response.status, 101);
        CHECK_INT(mw_ws_response_check(&response, rfc_key, &err), 0);
        CHECK_INT(response.body_at, strlen(good[i]) - (i == 3 ? 4 : 0));
        CHECK(mw_ws_response_check(&response, "dGhlIHNhbXBsZSBub25jZR==", &err) < 0);
        CHECK_TEXT(err.text, "Sec-WebSocket-Accept does not belong to our key");
    }
}

static void no_acceptance(void)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        {YES "\r\n", "the answer 101 has no Upgrade: websocket"},
        {YES "Connection: Upgrade\r\n" ACCEPT "\r\n", "the answer 101 has no Upgrade: websocket"},
        {YES "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT "\r\n",
         "the answer 101 has no Upgrade: websocket"},
        {YES "Upgrade: websocket\r\n" ACCEPT "\r\n", "the answer 101 has no Connection: Upgrade"},
        {YES "Upgrade: websocket\r\nConnection: close\r\n" ACCEPT "\r\n",
         "the answer 101 has no Connection: Upgrade"},
        {YES "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n" ACCEPT, /* behind the headers */
         "Sec-WebSocket-Accept does not belong to our key"},
        {YES "Upgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n\r\n",
         "Sec-WebSocket-Accept does not belong to our key"},
        {YES "Upgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
         "Sec-WebSocket-Accept does not belong to our key"},
        {YES "Upgrade: websocket\r\nConnection: Upgrade\r\nX-" ACCEPT "\r\n",
         "Sec-WebSocket-Accept does not belong to our key"},
        {YES "Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT
             "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
         "an extension or a subprotocol that was not asked for"},
        {YES "Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT
             "Sec-WebSocket-Protocol: chat\r\n\r\n",
         "an extension or a subprotocol that was not asked for"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct mw_ws_response response;
        CHECK_INT(parse(bad[i].text, &response), 1);
        CHECK_INT(mw_ws_response_check(&response, rfc_key, &err), -1);
        CHECK_TEXT(err.text, bad[i].error);
    }
}

static void refusals(void)
{
    static const char text[] = "HTTP/1.1 401 No\r\nX-A: b\r\ncontent-length:  5 \r\n\r\nabcde";
    struct mw_ws_response response;
    for (size_t len = 0; len < sizeof text; len++) { /* as it comes in, byte for byte */
        int result = parse_bytes(text, len, &response);
        CHECK_INT(result, len >= sizeof text - 6);
        if (result == 1) {
            CHECK_INT(response.status, 401);
            CHECK_INT(response.body_at, sizeof text - 6);
            CHECK_INT(response.headers_len, strlen("X-A: b\r\ncontent-length:  5 \r\n"));
            CHECK(strncmp(response.headers, "X-A: b\r\n", 8) == 0);
            CHECK_INT(response.is_complete, len == sizeof text - 1);
        }
    }
    CHECK_INT(parse("HTTP/1.1 503 No\r\n\r\nall until the end", &response), 1);
    CHECK_INT(response.status, 503);
    CHECK(!response.is_complete);
    CHECK_INT(response.headers_len, 0);
    CHECK_INT(parse("HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", &response), 1);
    CHECK(response.is_complete);
}

/* Nothing stands behind the blank line: no NUL, no byte that could be read. */
static void ends_at_once(void)
{
    static const struct {
        const char *text;
        int status;
    } good[] = {
        {"HTTP/1.1 101 X\r\n\r\n", 101},
        {"HTTP/1.1 404\r\n\r\n", 404},
        {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200},
        {"HTTP/1.1 999 X\r\nContent-Length: 99999999999999999999999\r\n\r\n", 999},
        {"HTTP/1.1 000 X\r\nContent-Length: 1\r\n\r\n", 0},
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        struct mw_ws_response response;
        CHECK_INT(parse(good[i].text, &response), 1);
        CHECK_INT(response.status, good[i].status);
        CHECK_INT(response.body_at, strlen(good[i].text));
        if (response.status != 101)
            CHECK_INT(mw_ws_response_check(&response, rfc_key, &err), -1);
    }
}

static void no_answers(void)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"G", "the answer is no HTTP"},
        {"HTTP/2 200\r\n\r\n", "the answer is no HTTP"},
        {"http/1.1 101 Yes\r\n\r\n", "the answer is no HTTP"},
        {"\r\nHTTP/1.1 101 Yes\r\n\r\n", "the answer is no HTTP"},
        {"HTTP/1.1\r\n\r\n", "the answer has no HTTP status"},
        {"HTTP/1.1 10\r\n\r\n", "the answer has no HTTP status"},
        {"HTTP/1.1 ten\r\n\r\n", "the answer has no HTTP status"},
        {"HTTP/1.1  101 Yes\r\n\r\n", "the answer has no HTTP status"},
        {"HTTP/1.1 1 1 Yes\r\n\r\n", "the answer has no HTTP status"},
    };
    struct mw_ws_response response;
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK_INT(parse(bad[i].text, &response), -1);
        CHECK_TEXT(err.text, bad[i].error);
    }
    char *endless = malloc(MW_WS_RESPONSE_MAX);
    memset(endless, 'x', MW_WS_RESPONSE_MAX);
    memcpy(endless, "HTTP/1.1 200 ", 13);
    CHECK_INT(parse_bytes(endless, MW_WS_RESPONSE_MAX - 1, &response), 0);
    CHECK_INT(parse_bytes(endless, MW_WS_RESPONSE_MAX, &response), -1);
    CHECK_TEXT(err.text, "headers of more than 64 KiB");
    free(endless);
}

/* What a record shows: of a request's headers the values of ours, of an answer's all but cookies.
 */
static void hidden(void)
{
    static const struct mw_header headers[] = {{"EFX-Key", "hunter2"}, {"X-Host", "a b"}};
    static const char answer[] = "HTTP/1.1 401 No: really\r\nServer: x\r\nset-cookie: a=1; b\r\n"
                                 "Set-Cookies: c\r\n\r\n401: a body";
    struct mw_ws_options options = {.headers = headers, .header_count = 2, .origin = "https://o"};
    char *text = request("wss://example.com/a:b?c", options);
    mw_ws_request_hide(text, strlen(text));
    CHECK_TEXT(text, "GET /a:b?c HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://o\r\n"
                     "EFX-Key: *******\r\nX-Host: * *\r\n\r\n");
    free(text);
    char copy[sizeof answer];
    struct mw_ws_response response;
    memcpy(copy, answer, sizeof answer);
    CHECK_INT(mw_ws_response_parse(copy, strlen(copy), &response, &err), 1);
    mw_ws_response_hide(copy, &response);
    CHECK_TEXT(copy, "HTTP/1.1 401 No: really\r\nServer: x\r\nset-cookie: **** *\r\n"
                     "Set-Cookies: c\r\n\r\n401: a body");
}

static const struct test_case cases[] = {
    {"a key is 16 random bytes", keys},
    {"a request has the lines of the RFC and ours", requests},
    {"a header that would end its line is refused", bad_headers},
    {"the answer of the RFC's example is accepted, and for no other key", acceptance},
    {"a 101 without one of its parts is no acceptance", no_acceptance},
    {"a refusal is whole when its body is", refusals},
    {"an answer may end where its buffer ends", ends_at_once},
    {"what is no HTTP/1 response is refused", no_answers},
    {"values of headers that may be keys, and cookies, are hidden", hidden},
};

int main(void)
{
    make_room();
    int result = test_main(cases, COUNT(cases));
    (void)munmap(room, ROOM + GUARD);
    return result;
}
