#include "http_request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The lines of the head as `text`, names in lower case, values without blanks around them. */
static int copy_head(const char *bytes, size_t head_len, struct mw_http_request_text *request)
{
    const char *line = bytes, *end = bytes + head_len;
    char *out = malloc(2 * head_len + 1); /* "a:b\n" becomes "a: b\n" */
    if (!out)
        return 500;
    request->text = out;
    for (bool is_first = true; line < end; is_first = false) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        const char *next = line_end ? line_end + 1 : end;
        if (!line_end)
            line_end = end;
        while (line_end > line && (line_end[-1] == '\r' || line_end[-1] == ' '))
            line_end--;
        if (is_first) { /* METHOD target HTTP/1.x */
            const char *version = line_end - 9;
            if (version <= line || memcmp(version, " HTTP/1.", 8) != 0)
                return 400;
            request->keeps_alive = version[8] == '1';
            memcpy(out, line, (size_t)(version - line));
            out += version - line;
        } else {
            const char *colon = memchr(line, ':', (size_t)(line_end - line));
            if (!colon || colon == line)
                return 400;
            for (const char *p = line; p < colon; p++)
                *out++ = (char)tolower((unsigned char)*p);
            *out++ = ':';
            *out++ = ' ';
            const char *value = colon + 1;
            while (value < line_end && (*value == ' ' || *value == '\t'))
                value++;
            memcpy(out, value, (size_t)(line_end - value));
            out += line_end - value;
        }
        *out++ = '\n';
        line = next;
    }
    request->text_len = (size_t)(out - request->text);
    return 0;
}

const char *mw_http_request_header(const struct mw_http_request_text *request, const char *name,
                                   size_t *len)
{
    size_t name_len = strlen(name);
    const char *line = request->text, *end = request->text + request->text_len;
    while ((line = memchr(line, '\n', (size_t)(end - line))) && ++line < end) {
        if ((size_t)(end - line) > name_len + 2 && line[name_len] == ':' &&
            memcmp(line, name, name_len) == 0) {
            const char *value = line + name_len + 2;
            *len = (size_t)((const char *)memchr(value, '\n', (size_t)(end - value)) - value);
            return value;
        }
    }
    return NULL;
}

static bool header_is(const struct mw_http_request_text *request, const char *name,
                      const char *value)
{
    size_t len;
    const char *found = mw_http_request_header(request, name, &len);
    return found && len == strlen(value) && strncasecmp(found, value, len) == 0;
}

/* Chunked body at `bytes`: 1, 0 or -1 as above; the body is put together in request->body. */
static int copy_chunks(const char *bytes, size_t len, struct mw_http_request_text *request,
                       size_t *taken, int *status)
{
    const char *p = bytes, *end = bytes + len;
    for (;;) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        if (!line_end)
            return 0;
        size_t digits = 0; /* a line break ends them at the latest */
        while (isxdigit((unsigned char)p[digits]))
            digits++;
        if (digits == 0 || (p[digits] != '\r' && p[digits] != '\n' && p[digits] != ';')) {
            *status = 400;
            return -1;
        }
        unsigned long size = strtoul(p, NULL, 16);
        if (size > MW_REQUEST_BODY_MAX - request->body_len) {
            *status = 413;
            return -1;
        }
        p = line_end + 1;
        if ((size_t)(end - p) < size + 2)
            return 0;
        if (p[size] != '\r' || p[size + 1] != '\n') {
            *status = 400;
            return -1;
        }
        char *grown = realloc(request->body, request->body_len + size + 1);
        if (!grown) {
            *status = 500;
            return -1;
        }
        request->body = grown;
        memcpy(grown + request->body_len, p, size);
        request->body_len += size;
        p += size + 2;
        if (size == 0) {
            *taken = (size_t)(p - bytes);
            return 1;
        }
    }
}

static int copy_body(const char *bytes, size_t len, struct mw_http_request_text *request,
                     size_t *taken, int *status)
{
    size_t value_len;
    if (header_is(request, "transfer-encoding", "chunked"))
        return copy_chunks(bytes, len, request, taken, status);
    const char *value = mw_http_request_header(request, "content-length", &value_len);
    if (value && (value_len == 0 || value_len > 10 || strspn(value, "0123456789") != value_len)) {
        *status = 400;
        return -1;
    }
    unsigned long size = value ? strtoul(value, NULL, 10) : 0;
    if (size > MW_REQUEST_BODY_MAX) {
        *status = 413;
        return -1;
    }
    if (len < size)
        return 0;
    request->body = malloc(size + 1);
    if (!request->body) {
        *status = 500;
        return -1;
    }
    memcpy(request->body, bytes, size);
    request->body_len = size;
    *taken = size;
    return 1;
}

int mw_http_request_parse(const char *bytes, size_t len, struct mw_http_request_text *request,
                          bool *asks_continue, int *status)
{
    memset(request, 0, sizeof *request);
    *asks_continue = false;
    const char *blank = memmem(bytes, len, "\r\n\r\n", 4);
    if (!blank) {
        *status = 431;
        return len > MW_REQUEST_HEAD_MAX ? -1 : 0;
    }
    size_t head_len = (size_t)(blank + 2 - bytes), taken = 0;
    int result = -1;
    *status = copy_head(bytes, head_len, request);
    if (*status == 0) {
        result = copy_body(blank + 4, len - head_len - 2, request, &taken, status);
        *asks_continue = result == 0 && header_is(request, "expect", "100-continue");
        request->consumed = head_len + 2 + taken;
        request->is_upgrade = header_is(request, "upgrade", "websocket");
        if (header_is(request, "connection", "close"))
            request->keeps_alive = false;
    }
    if (result != 1) {
        free(request->text);
        free(request->body);
        request->text = request->body = NULL;
    }
    return result;
}
