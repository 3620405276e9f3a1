/* http_call.h: one request on its way through libcurl: what is sent, what has come. For http.c. */
#ifndef MW_HTTP_CALL_H
#define MW_HTTP_CALL_H

#include "buffer.h"
#include "http.h"

#include <curl/curl.h>
#include <stdbool.h>

/* One request and its easy handle; kept for the next request when it is over. */
struct call {
    struct mw_http *http;
    struct call *next; /* in the list of active or of free ones */
    CURL *easy;
    uint64_t id;
    struct curl_slist *headers;
    struct mw_buffer sent, body, head; /* what we send; the answer's body and headers */
    bool is_too_large, has_started, may_repeat, has_secret_answer;
    char error[CURL_ERROR_SIZE];
};

/* Takes headers and body of the request; -1 and `err` when it cannot be sent so. */
MW_MUST_USE int mw_call_fill(struct call *call, const struct mw_http_request *request,
                             struct mw_err *err);
/* Tells libcurl all of it. */
void mw_call_set_options(struct call *call, const struct mw_http_request *request);
/* Nothing of it stays in memory; the buffers stay. */
void mw_call_wipe(struct call *call);

#endif
