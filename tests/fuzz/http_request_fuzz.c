/* Any bytes as the stream of a connection to the server. Checked: nothing is read behind the input
 * or written behind a buffer, what is taken does not depend on how much of it is there, and the
 * head that Lua gets is one line a header. */
#include "fuzz.h"
#include "http_request.h"

static void release(struct mw_http_request_text *request)
{
    free(request->text);
    free(request->body);
}

static bool is_refusal(int status)
{
    return status == 400 || status == 413 || status == 431;
}

/* "METHOD target", then "name: value" with the name in lower case. */
static void check_head(const struct mw_http_request_text *request)
{
    const char *line = request->text, *end = request->text + request->text_len;
    MUST(request->text_len > 0 && end[-1] == '\n', "the head does not end in a line break");
    line = (const char *)memchr(line, '\n', request->text_len) + 1;
    while (line < end) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        const char *colon = memchr(line, ':', (size_t)(line_end - line));
        MUST(colon && colon > line && colon[1] == ' ', "a header without a name");
        for (const char *p = line; p < colon; p++)
            MUST(*p < 'A' || *p > 'Z', "a name in capitals");
        line = line_end + 1;
    }
}

/* What a lookup gives lies inside of the head and is the value of that header. */
static void check_lookup(const struct mw_http_request_text *request)
{
    static const char *const names[] = {"host", "content-length", "transfer-encoding", "a",
                                        "no-such"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = 0, name_len = strlen(names[i]);
        const char *value = mw_http_request_header(request, names[i], &len);
        if (!value)
            continue;
        MUST(value >= request->text + name_len + 2 &&
                 value + len < request->text + request->text_len && value[len] == '\n',
             "%s lies outside of the head", names[i]);
        MUST(memcmp(value - name_len - 2, names[i], name_len) == 0, "%s is another", names[i]);
        MUST(len == 0 || !memchr(value, '\n', len), "%s has a line break", names[i]);
    }
}

static int parse(const uint8_t *data, size_t size, struct mw_http_request_text *request,
                 bool *asks_continue, int *status)
{
    *status = -1;
    return mw_http_request_parse(fuzz_guarded(data, size), size, request, asks_continue, status);
}

/* The same request, of exactly its own bytes. */
static void check_alone(const uint8_t *data, const struct mw_http_request_text *whole)
{
    struct mw_http_request_text alone;
    bool asks_continue;
    int status;
    MUST(parse(data, whole->consumed, &alone, &asks_continue, &status) == 1,
         "its own %zu bytes are no whole request", whole->consumed);
    MUST(alone.consumed == whole->consumed && alone.text_len == whole->text_len &&
             memcmp(alone.text, whole->text, whole->text_len) == 0 &&
             alone.body_len == whole->body_len &&
             (!whole->body_len || memcmp(alone.body, whole->body, whole->body_len) == 0) &&
             alone.keeps_alive == whole->keeps_alive && alone.is_upgrade == whole->is_upgrade,
         "the request depends on what follows it");
    release(&alone);
}

/* The first part of it: never a request, and refused only when the whole is. */
static void check_part(const uint8_t *data, size_t size, int result, size_t consumed)
{
    struct mw_http_request_text part;
    bool asks_continue;
    int status, early = parse(data, size, &part, &asks_continue, &status);
    if (early == 1) {
        MUST(result == 1 && part.consumed == consumed, "part of the input is another request");
        release(&part);
    }
    MUST(early != -1 || result == -1, "a part is refused (%d), the whole is not", status);
    MUST(early != -1 || is_refusal(status), "status %d", status);
    MUST(early == 1 || (!part.text && !part.body), "a refused request holds memory");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mw_http_request_text request;
    bool asks_continue;
    int status;
    size_t cut = (size_t)fuzz_byte(&data, &size) << 8;
    cut |= fuzz_byte(&data, &size);
    int result = parse(data, size, &request, &asks_continue, &status);
    MUST(result == 1 || result == 0 || result == -1, "%d", result);
    MUST(result != -1 || is_refusal(status), "status %d", status);
    MUST(result == 0 || !asks_continue, "asks for 100 and needs nothing");
    if (result == 1) {
        MUST(request.consumed > 0 && request.consumed <= size, "%zu of %zu bytes", request.consumed,
             size);
        MUST(request.body_len <= MW_REQUEST_BODY_MAX && request.body_len < request.consumed,
             "a body of %zu bytes in %zu", request.body_len, request.consumed);
        check_head(&request);
        check_lookup(&request);
        check_alone(data, &request);
    } else {
        MUST(!request.text && !request.body, "a refused request holds memory");
    }
    check_part(data, size ? cut % size : 0, result, result == 1 ? request.consumed : 0);
    if (result == 1)
        release(&request);
    return 0;
}
