#include "http_call.h"
#include "record.h"
#include "tls.h"
#include "url.h"

#include <stdlib.h>
#include <string.h>

/* Idle ones too: of its own libcurl keeps four times as many as there are requests at the moment,
 * and closes those that the next burst of orders needs. */
enum { KEPT_CONNECTIONS = 64 };

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
    mw_call_wipe(call);
    call->next = http->free;
    http->free = call;
}

static void destroy_list(struct call *call)
{
    while (call) {
        struct call *next = call->next;
        curl_easy_cleanup(call->easy);
        mw_buffer_fini(&call->sent);
        mw_buffer_fini(&call->body);
        mw_buffer_fini(&call->head);
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
    return request_size > 0 || call->sent.at > 0 || call->has_started;
}

/* Writes why there is no answer; how long that is. */
static size_t explain(const struct call *call, CURLcode code, char *text, size_t size)
{
    const char *why = call->error[0] ? call->error : curl_easy_strerror(code), *advice = "";
    long verdict = X509_V_OK;
    if (call->is_too_large)
        why = "the answer is larger than 16 MiB";
    else if (code == CURLE_ABORTED_BY_CALLBACK || code == CURLE_SEND_FAIL_REWIND)
        why = "the connection was lost after the request had been sent; not sent again";
    else if (code == CURLE_PEER_FAILED_VERIFICATION &&
             curl_easy_getinfo(call->easy, CURLINFO_SSL_VERIFYRESULT, &verdict) == CURLE_OK)
        advice = mw_tls_advice(verdict);
    size_t len = (size_t)snprintf(text, size, "%s%s", why, advice);
    return len < size ? len : size - 1;
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
        event.num2 = may_have_arrived(call);
        event.text_len = explain(call, code, text, sizeof text);
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
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
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
    if (mw_call_fill(call, request, err) < 0 || record(call, request, err) < 0)
        goto fail;
    mw_call_set_options(call, request);
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

static void record_cancel(const struct call *call)
{
    struct mw_record fields = {.kind = MW_RECORD_http_cancel, .id = call->id};
    mw_record_put(mw_host_recorder(call->http->host), &fields, NULL, NULL);
}

void mw_http_cancel(struct mw_http *http, uint64_t id)
{
    for (struct call *call = http->active; call; call = call->next) {
        if (call->id != id)
            continue;
        record_cancel(call);
        curl_multi_remove_handle(http->multi, call->easy);
        release(call);
        return;
    }
}
