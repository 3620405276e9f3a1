#include "ws_handshake.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int mw_ws_make_key(char key[MW_WS_KEY_SIZE], struct mw_err *err)
{
    unsigned char nonce[16];
    if (RAND_bytes(nonce, sizeof nonce) != 1) {
        mw_err_set(err, "no random numbers");
        return -1;
    }
    EVP_EncodeBlock((unsigned char *)key, nonce, sizeof nonce);
    return 0;
}

static int check_header(const char *name, const char *value, struct mw_err *err)
{
    if (!*name || strpbrk(name, "\r\n: ") || strpbrk(value, "\r\n")) {
        mw_err_set(err, "header \"%.40s\": a line break, or a name with a colon or a blank", name);
        return -1;
    }
    return 0;
}

char *mw_ws_request(const struct mw_url *url, const struct mw_ws_options *options, const char *key,
                    size_t *len, struct mw_err *err)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (!out) {
        mw_err_set(err, "out of memory");
        return NULL;
    }
    bool is_v6 = strchr(url->host, ':') != NULL;
    /* The results of writing to memory are left aside: what did not fit shows in fclose. */
    (void)fprintf(out, "GET %s HTTP/1.1\r\nHost: %s%s%s%s%s\r\n", url->target, is_v6 ? "[" : "",
                  url->host, is_v6 ? "]" : "", url->has_default_port ? "" : ":",
                  url->has_default_port ? "" : url->port);
    (void)fprintf(out,
                  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: %s\r\n",
                  key);
    int result = 0;
    if (options->origin) {
        result = check_header("Origin", options->origin, err);
        (void)fprintf(out, "Origin: %s\r\n", options->origin);
    }
    for (size_t i = 0; result == 0 && i < options->header_count; i++) {
        result = check_header(options->headers[i].name, options->headers[i].value, err);
        (void)fprintf(out, "%s: %s\r\n", options->headers[i].name, options->headers[i].value);
    }
    (void)fprintf(out, "\r\n");
    if (fclose(out) != 0 || result < 0) {
        if (result == 0)
            mw_err_set(err, "out of memory");
        if (text)
            OPENSSL_cleanse(text, *len);
        free(text);
        return NULL;
    }
    return text;
}

/* Hiding --------------------------------------------------------------------------------------- */

static bool is_named(const char *line, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    return len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0;
}

static bool is_ours(const char *line, size_t len)
{
    static const char *const ours[] = {
        "Host", "Upgrade", "Connection", "Sec-WebSocket-Version", "Origin", "Sec-WebSocket-Key"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (is_named(line, len, ours[i]))
            return true;
    return false;
}

static bool is_no_cookie(const char *line, size_t len)
{
    return !is_named(line, len, "Set-Cookie");
}

/* Stars for the values of all headers but those that are `shown`. */
static void hide(char *headers, size_t len, bool (*shown)(const char *line, size_t len))
{
    char *end = headers + len, *next;
    for (char *line = headers; line < end; line = next) {
        char *line_end = memchr(line, '\n', (size_t)(end - line));
        next = line_end ? line_end + 1 : end;
        char *colon = memchr(line, ':', (size_t)(next - line));
        if (!colon || shown(line, (size_t)(next - line)))
            continue;
        for (char *c = colon + 1; c < next; c++)
            if (*c != ' ' && *c != '\r' && *c != '\n')
                *c = '*';
    }
}

void mw_ws_request_hide(char *text, size_t len)
{
    char *first = memchr(text, '\n', len); /* behind the line with the target */
    if (first)
        hide(first + 1, len - (size_t)(first + 1 - text), is_ours);
}

void mw_ws_response_hide(char *text, const struct mw_ws_response *response)
{
    hide(text + (response->headers - text), response->headers_len, is_no_cookie);
}

/* The answer ----------------------------------------------------------------------------------- */

/* The value of a header, or NULL; `*len` is its length without blanks around it. */
static const char *find_header(const struct mw_ws_response *response, const char *name, size_t *len)
{
    const char *line = response->headers, *end = response->headers + response->headers_len;
    size_t name_len = strlen(name);
    while (line < end) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        if (!line_end)
            line_end = end;
        if ((size_t)(line_end - line) > name_len && line[name_len] == ':' &&
            strncasecmp(line, name, name_len) == 0) {
            const char *value = line + name_len + 1;
            while (value < line_end && (*value == ' ' || *value == '\t'))
                value++;
            const char *value_end = line_end;
            while (value_end > value && (value_end[-1] == '\r' || value_end[-1] == ' '))
                value_end--;
            *len = (size_t)(value_end - value);
            return value;
        }
        line = line_end + 1;
    }
    return NULL;
}

int mw_ws_response_parse(const char *text, size_t len, struct mw_ws_response *response,
                         struct mw_err *err)
{
    static const char start[] = "HTTP/1.";
    size_t known = len < sizeof start - 1 ? len : sizeof start - 1;
    memset(response, 0, sizeof *response);
    if (memcmp(text, start, known) != 0) {
        mw_err_set(err, "the answer is no HTTP");
        return -1;
    }
    const char *blank = memmem(text, len, "\r\n\r\n", 4);
    if (!blank) {
        if (len < MW_WS_RESPONSE_MAX)
            return 0;
        mw_err_set(err, "headers of more than 64 KiB");
        return -1;
    }
    const char *line_end = memchr(text, '\n', len); /* there is one: blank */
    const char *digit = text + 9; /* the text has no NUL at its end: no sscanf, no strtol */
    if (line_end - text < 13 || !isdigit((unsigned char)digit[0]) ||
        !isdigit((unsigned char)digit[1]) || !isdigit((unsigned char)digit[2])) {
        mw_err_set(err, "the answer has no HTTP status");
        return -1;
    }
    response->status = (digit[0] - '0') * 100 + (digit[1] - '0') * 10 + digit[2] - '0';
    response->headers = line_end + 1;
    response->body_at = (size_t)(blank + 4 - text);
    response->headers_len = (size_t)(blank + 2 - response->headers);
    size_t value_len, body = len - response->body_at;
    const char *value = find_header(response, "Content-Length", &value_len);
    if (value && value_len) { /* no strtoul: behind an empty value it would skip the text's end */
        size_t wanted = 0;
        for (size_t i = 0; i < value_len && isdigit((unsigned char)value[i]); i++)
            wanted = wanted <= body ? wanted * 10 + (size_t)(value[i] - '0') : wanted;
        response->is_complete = body >= wanted;
    }
    return 1;
}

static bool has_token(const char *value, size_t len, const char *token)
{
    size_t token_len = strlen(token);
    for (size_t i = 0; i + token_len <= len; i++)
        if (strncasecmp(value + i, token, token_len) == 0)
            return true;
    return false;
}

int mw_ws_response_check(const struct mw_ws_response *response, const char *key, struct mw_err *err)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char joined[MW_WS_KEY_SIZE + sizeof guid], expected[32];
    unsigned char hash[20];
    size_t len;
    (void)snprintf(joined, sizeof joined, "%s%s", key, guid); /* fits */
    if (!EVP_Q_digest(NULL, "SHA1", NULL, joined, strlen(joined), hash, NULL)) {
        mw_err_set(err, "SHA-1 is not available");
        return -1;
    }
    int expected_len = EVP_EncodeBlock((unsigned char *)expected, hash, sizeof hash);
    const char *upgrade = find_header(response, "Upgrade", &len);
    if (!upgrade || !has_token(upgrade, len, "websocket")) {
        mw_err_set(err, "the answer 101 has no Upgrade: websocket");
        return -1;
    }
    const char *connection = find_header(response, "Connection", &len);
    if (!connection || !has_token(connection, len, "upgrade")) {
        mw_err_set(err, "the answer 101 has no Connection: Upgrade");
        return -1;
    }
    const char *accept = find_header(response, "Sec-WebSocket-Accept", &len);
    if (!accept || len != (size_t)expected_len || memcmp(accept, expected, len) != 0) {
        mw_err_set(err, "Sec-WebSocket-Accept does not belong to our key");
        return -1;
    }
    if (find_header(response, "Sec-WebSocket-Extensions", &len) ||
        find_header(response, "Sec-WebSocket-Protocol", &len)) {
        mw_err_set(err, "an extension or a subprotocol that was not asked for");
        return -1;
    }
    return 0;
}
