#include "http_call.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDLE_SECONDS = 90, /* a connection is used again within this; venues close after 60 to 75 s */
    DEFAULT_TIMEOUT_MS = 30000,
};

static void wipe(struct mw_buffer *buffer)
{
    if (buffer->bytes)
        OPENSSL_cleanse(buffer->bytes, buffer->len);
    buffer->at = buffer->len = 0;
}

/* What libcurl calls --------------------------------------------------------------------------- */

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    if (mw_buffer_append(&call->body, bytes, size * count, MW_HTTP_BODY_MAX) < 0) {
        call->is_too_large = true;
        return 0;
    }
    return size * count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    size_t len = size * count;
    return mw_buffer_append(&call->head, bytes, len, MW_HTTP_BODY_MAX) < 0 ? 0 : len;
}

/* libcurl takes the body from here once. When it comes back for it, it is about to send the request
 * a second time on another connection: that must never happen. */
static size_t on_read(char *bytes, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    size_t left = call->sent.len - call->sent.at, room = size * count;
    if (!left)
        return CURL_READFUNC_ABORT;
    size_t taken = left < room ? left : room;
    memcpy(bytes, call->sent.bytes + call->sent.at, taken);
    call->sent.at += taken;
    return taken;
}

/* Called before each time that the request goes out: the second time is libcurl's own retry on a
 * fresh connection, which only GET may have. A body is not enough to tell: DELETE often has none.
 * libcurl says the types: a function with const ones is none that it may call. */
/* NOLINTNEXTLINE(readability-non-const-parameter) */
static int on_begin(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct call *call = arg;
    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    if (call->has_started && !call->may_repeat)
        return CURL_PREREQFUNC_ABORT;
    call->has_started = true;
    return CURL_PREREQFUNC_OK;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    (void)arg;
    (void)offset;
    (void)origin;
    return CURL_SEEKFUNC_FAIL;
}

/* A request ------------------------------------------------------------------------------------ */

static int add_header(struct call *call, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);
    char *line = malloc(name_len + value_len + 3);
    if (!line)
        return -1;
    memcpy(line, name, name_len);
    memcpy(line + name_len, ": ", 2);
    memcpy(line + name_len + 2, value, value_len + 1);
    struct curl_slist *longer = curl_slist_append(call->headers, line);
    OPENSSL_cleanse(line, name_len + value_len + 2);
    free(line);
    if (!longer)
        return -1;
    call->headers = longer;
    return 0;
}

static int set_headers(struct call *call, const struct mw_http_request *request, struct mw_err *err)
{
    for (size_t i = 0; i < request->header_count; i++) {
        const struct mw_header *header = &request->headers[i];
        if (strpbrk(header->name, "\r\n:") || strpbrk(header->value, "\r\n")) {
            mw_err_set(err, "header %zu has a line break or a colon in its name", i + 1);
            return -1;
        }
        if (add_header(call, header->name, header->value) < 0) {
            mw_err_set(err, "out of memory");
            return -1;
        }
    }
    struct curl_slist *longer = curl_slist_append(call->headers, "Expect:"); /* no 100-continue */
    if (!longer) {
        mw_err_set(err, "out of memory");
        return -1;
    }
    call->headers = longer;
    return 0;
}

static int set_body(struct call *call, const struct mw_http_request *request, struct mw_err *err)
{
    CURL *easy = call->easy;
    if (!request->body) {
        if (strcmp(request->method, "GET") != 0)
            curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
        return 0;
    }
    if (mw_buffer_append(&call->sent, request->body, request->body_len, MW_HTTP_BODY_MAX) < 0) {
        mw_err_set(err, "body of %zu bytes: larger than 16 MiB, or out of memory",
                   request->body_len);
        return -1;
    }
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, call);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    if (strcmp(request->method, "POST") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    return 0;
}

void mw_call_set_options(struct call *call, const struct mw_http_request *request)
{
    CURL *easy = call->easy;
    long timeout_ms =
        request->timeout_ns ? (long)((request->timeout_ns + 999999) / 1000000) : DEFAULT_TIMEOUT_MS;
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_begin);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    call->may_repeat = !request->body && strcmp(request->method, "GET") == 0;
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (request->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* none, whatever the environment says */
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a look-up's thread */
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_SECONDS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
}

int mw_call_fill(struct call *call, const struct mw_http_request *request, struct mw_err *err)
{
    return set_headers(call, request, err) < 0 ? -1 : set_body(call, request, err);
}

void mw_call_wipe(struct call *call)
{
    for (struct curl_slist *header = call->headers; header; header = header->next)
        OPENSSL_cleanse(header->data, strlen(header->data));
    curl_slist_free_all(call->headers);
    call->headers = NULL;
    wipe(&call->sent);
    wipe(&call->body);
    wipe(&call->head);
}
