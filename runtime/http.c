#include "http.h"
#include "record.h"
#include "url.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDLE_SECONDS = 90, /* a connection is used again within this; venues close after 60 to 75 s */
    DEFAULT_TIMEOUT_MS = 30000,
};

struct buffer {
    char *bytes;
    size_t len, cap;
};

/* One request and its easy handle; kept for the next request when it is over. */
struct call {
    struct mw_http *http;
    struct call *next; /* in the list of active or of free ones */
    CURL *easy;
    uint64_t id;
    struct curl_slist *headers;
    struct buffer sent, body, head; /* what we send; the answer's body and headers */
    size_t read;                    /* how much of the body libcurl has taken */
    bool is_too_large, has_started, may_repeat, has_secret_answer;
    char error[CURL_ERROR_SIZE];
};

struct mw_http {
    struct mw_host *host;
    CURLM *multi;
    ev_timer timer;
    struct call *active, *free;
};

/* One watcher a socket, owned by libcurl's socket table. */
struct watch {
    ev_io io;
    struct mw_http *http;
};

static int append(struct buffer *buffer, const char *bytes, size_t len, size_t limit)
{
    if (len > limit || buffer->len > limit - len)
        return -1;
    if (buffer->len + len > buffer->cap) {
        size_t cap = (buffer->len + len) * 2;
        char *grown = realloc(buffer->bytes, cap);
        if (!grown)
            return -1;
        buffer->bytes = grown;
        buffer->cap = cap;
    }
    if (len)
        memcpy(buffer->bytes + buffer->len, bytes, len);
    buffer->len += len;
    return 0;
}

static void wipe(struct buffer *buffer)
{
    if (buffer->bytes)
        OPENSSL_cleanse(buffer->bytes, buffer->len);
    buffer->len = 0;
}

/* What libcurl calls --------------------------------------------------------------------------- */

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    if (append(&call->body, bytes, size * count, MW_HTTP_BODY_MAX) < 0) {
        call->is_too_large = true;
        return 0;
    }
    return size * count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    return append(&call->head, bytes, size * count, MW_HTTP_BODY_MAX) < 0 ? 0 : size * count;
}

/* libcurl takes the body from here once. When it comes back for it, it is about to send the request
 * a second time on another connection: that must never happen. */
static size_t on_read(char *bytes, size_t size, size_t count, void *arg)
{
    struct call *call = arg;
    size_t left = call->sent.len - call->read, room = size * count;
    if (!left)
        return CURL_READFUNC_ABORT;
    size_t taken = left < room ? left : room;
    memcpy(bytes, call->sent.bytes + call->read, taken);
    call->read += taken;
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

static void finish_calls(struct mw_http *http);

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    struct watch *watch = io->data;
    struct mw_http *http = watch->http;
    int flags =
        (revents & EV_READ ? CURL_CSELECT_IN : 0) | (revents & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running; /* each call has its own error */
    (void)curl_multi_socket_action(http->multi, io->fd, flags, &running);
    finish_calls(http);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    struct mw_http *http = timer->data;
    int running;
    (void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running); /* as above */
    finish_calls(http);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    struct mw_http *http = arg;
    struct ev_loop *loop = mw_host_loop(http->host);
    ev_timer_stop(loop, &http->timer);
    if (timeout_ms < 0)
        return 0;
    ev_now_update(loop);
    ev_timer_set(&http->timer, (double)timeout_ms / 1000., 0.);
    ev_timer_start(loop, &http->timer);
    return 0;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)easy;
    struct mw_http *http = arg;
    struct watch *watch = socket_arg;
    struct ev_loop *loop = mw_host_loop(http->host);
    if (what == CURL_POLL_REMOVE) {
        if (watch)
            ev_io_stop(loop, &watch->io);
        free(watch);
        return 0;
    }
    int events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);
    if (!watch) {
        watch = calloc(1, sizeof *watch);
        if (!watch)
            return -1;
        watch->http = http;
        ev_init(&watch->io, on_io);
        watch->io.data = watch;
        curl_multi_assign(http->multi, fd, watch);
    } else if ((watch->io.events & (EV_READ | EV_WRITE)) == events) {
        return 0;
    }
    ev_io_stop(loop, &watch->io);
    ev_io_set(&watch->io, fd, events);
    ev_io_start(loop, &watch->io);
    return 0;
}

/* Life of a call ------------------------------------------------------------------------------- */

static void unlink_call(struct call *call)
{
    struct call **link = &call->http->active;
    while (*link && *link != call)
        link = &(*link)->next;
    if (*link)
        *link = call->next;
}

static void release(struct call *call)
{
    struct mw_http *http = call->http;
    unlink_call(call);
    for (struct curl_slist *header = call->headers; header; header = header->next)
        OPENSSL_cleanse(header->data, strlen(header->data));
    curl_slist_free_all(call->headers);
    call->headers = NULL;
    wipe(&call->sent);
    wipe(&call->body);
    wipe(&call->head);
    call->next = http->free;
    http->free = call;
}

static void destroy_list(struct call *call)
{
    while (call) {
        struct call *next = call->next;
        curl_easy_cleanup(call->easy);
        free(call->sent.bytes);
        free(call->body.bytes);
        free(call->head.bytes);
        free(call);
        call = next;
    }
}

static struct call *take_call(struct mw_http *http)
{
    struct call *call = http->free;
    if (call) {
        http->free = call->next;
        curl_easy_reset(call->easy);
    } else {
        call = calloc(1, sizeof *call);
        if (!call)
            return NULL;
        call->easy = curl_easy_init();
        if (!call->easy) {
            free(call);
            return NULL;
        }
    }
    call->http = http;
    call->id = mw_host_next_id(http->host);
    call->read = 0;
    call->is_too_large = call->has_started = false;
    call->error[0] = '\0';
    call->next = http->active;
    http->active = call;
    return call;
}

/* Whether any part of the request may have reached the server. */
static bool may_have_arrived(struct call *call)
{
    long request_size = 0; /* and it stays 0 when it is not known */
    (void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_size);
    return request_size > 0 || call->read > 0 || call->has_started;
}

static void emit_done(struct call *call, CURLcode code)
{
    char text[MW_ERR_MAX];
    long status = 0;
    struct mw_event event = {
        .kind = MW_EVENT_http_done, .id = call->id, .is_secret = call->has_secret_answer};
    if (code == CURLE_OK) {
        (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status); /* cannot fail here */
        event.num = status;
        event.num2 = 1;
        event.data = call->body.bytes ? call->body.bytes : "";
        event.len = call->body.len;
        event.text = call->head.bytes ? call->head.bytes : "";
        event.text_len = call->head.len;
    } else {
        const char *why = call->error[0] ? call->error : curl_easy_strerror(code);
        if (call->is_too_large)
            why = "the answer is larger than 16 MiB";
        else if (code == CURLE_ABORTED_BY_CALLBACK || code == CURLE_SEND_FAIL_REWIND)
            why = "the connection was lost after the request had been sent; not sent again";
        event.num2 = may_have_arrived(call);
        event.text_len = (size_t)snprintf(text, sizeof text, "%s", why);
        if (event.text_len >= sizeof text)
            event.text_len = sizeof text - 1;
        event.text = text;
    }
    mw_host_emit(call->http->host, &event);
}

static void finish_calls(struct mw_http *http)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct call *call;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        curl_multi_remove_handle(http->multi, call->easy);
        unlink_call(call); /* first: the handler may cancel it */
        emit_done(call, code);
        release(call);
    }
}

struct mw_http *mw_http_new(struct mw_host *host, struct mw_err *err)
{
    struct mw_http *http = calloc(1, sizeof *http);
    if (!http) {
        mw_err_set(err, "http: out of memory");
        return NULL;
    }
    http->host = host;
    ev_init(&http->timer, on_timeout);
    http->timer.data = http;
    http->multi = curl_multi_init();
    if (!http->multi) {
        mw_err_set(err, "http: libcurl cannot start");
        free(http);
        return NULL;
    }
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    return http;
}

void mw_http_free(struct mw_http *http)
{
    if (!http)
        return;
    while (http->active) {
        struct call *call = http->active;
        curl_multi_remove_handle(http->multi, call->easy);
        release(call);
    }
    destroy_list(http->free);
    curl_multi_cleanup(http->multi);
    ev_timer_stop(mw_host_loop(http->host), &http->timer);
    free(http);
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
        const struct mw_http_header *header = &request->headers[i];
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
    if (append(&call->sent, request->body, request->body_len, MW_HTTP_BODY_MAX) < 0) {
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

static void set_options(struct call *call, const struct mw_http_request *request)
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
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_SECONDS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
}

/* "METHOD url" and the body; a header may be a signature. */
static int record(struct call *call, const struct mw_http_request *request, struct mw_err *err)
{
    struct mw_recorder *recorder = mw_host_recorder(call->http->host);
    size_t method_len = strlen(request->method), url_len = strlen(request->url);
    if (!recorder)
        return 0;
    char *text = malloc(method_len + 1 + url_len);
    if (!text) {
        mw_err_set(err, "out of memory");
        return -1;
    }
    memcpy(text, request->method, method_len);
    text[method_len] = ' ';
    memcpy(text + method_len + 1, request->url, url_len);
    struct mw_record fields = {
        .kind = MW_RECORD_http_request,
        .id = call->id,
        .data_len = (uint32_t)request->body_len,
        .text_len = (uint32_t)(method_len + 1 + url_len),
    };
    mw_record_put(recorder, &fields, request->body, text);
    free(text);
    return 0;
}

uint64_t mw_http_request(struct mw_http *http, const struct mw_http_request *request,
                         struct mw_err *err)
{
    struct mw_url url;
    char shown[MW_URL_SHOWN_MAX];
    struct call *call = NULL;
    if (mw_url_parse(&url, request->url, err) < 0)
        goto fail;
    if (url.is_websocket) {
        mw_err_set(err, "http:// or https:// expected");
        goto fail;
    }
    call = take_call(http);
    if (!call) {
        mw_err_set(err, "out of memory");
        goto fail;
    }
    if (set_headers(call, request, err) < 0 || set_body(call, request, err) < 0 ||
        record(call, request, err) < 0)
        goto fail;
    set_options(call, request);
    call->has_secret_answer = request->has_secret_answer;
    CURLMcode code = curl_multi_add_handle(http->multi, call->easy);
    if (code != CURLM_OK) {
        mw_err_set(err, "%s", curl_multi_strerror(code));
        goto fail;
    }
    return call->id;
fail:
    mw_url_show(request->url, shown);
    mw_err_context(err, "%s %s", request->method, shown);
    if (call)
        release(call);
    return 0;
}

void mw_http_cancel(struct mw_http *http, uint64_t id)
{
    for (struct call *call = http->active; call; call = call->next) {
        if (call->id != id)
            continue;
        curl_multi_remove_handle(http->multi, call->easy);
        release(call);
        return;
    }
}
