/* What the runtime records is what a reader finds: whole, numbered, with its time and its event. */
#include "host.h"
#include "recorder.h"

static void check_empty(void)
{
    size_t len;
    (void)mw_ring_peek(ring, &len); /* the length is what is asked for */
    CHECK_INT(len, 0);
}

static void check_bytes(const char *bytes, size_t len, const char *expected)
{
    CHECK_INT(len, strlen(expected));
    if (len == strlen(expected))
        CHECK(memcmp(bytes, expected, len) == 0);
}

static struct mw_event message_event(void)
{
    return (struct mw_event){.kind = MW_EVENT_ws_message,
                             .seq = 41,
                             .time_ns = 1700000000123456789,
                             .id = 9,
                             .num = 1,
                             .num2 = -2,
                             .data = "hello",
                             .len = 5,
                             .text = "it is",
                             .text_len = 5};
}

static void an_event(void)
{
    begin_test();
    struct mw_event event = message_event();
    mw_record_event(recorder, &event);
    const struct mw_record *r = take();
    CHECK_INT(r->kind, MW_EVENT_ws_message);
    CHECK_INT(r->flags, 0);
    CHECK_INT(r->number, 1);
    CHECK_INT(r->event, 41);
    CHECK_INT(r->time_ns, 1700000000123456789);
    CHECK_INT(r->id, 9);
    CHECK_INT(r->num, 1);
    CHECK_INT(r->num2, -2);
    check_bytes(mw_record_data(r), r->data_len, "hello");
    check_bytes(mw_record_text(r), r->text_len, "it is");
    CHECK_INT(r->size, sizeof *r + 16);
    CHECK(memcmp(mw_record_text(r) + 5, "\0\0\0\0\0\0", 6) == 0);
    check_empty();
    end_test();
}

/* An answer that brings a key is seen by Lua alone. */
static void a_secret_event(void)
{
    begin_test();
    struct mw_event event = message_event();
    event.is_secret = true;
    mw_record_event(recorder, &event);
    const struct mw_record *r = take();
    CHECK_INT(r->kind, MW_EVENT_ws_message);
    CHECK_INT(r->num, 1);
    CHECK_INT(r->data_len, 0);
    CHECK_INT(r->text_len, 0);
    check_empty();
    end_test();
}

/* Zeros also where the ring had other bytes before. */
static void zeros_behind(void)
{
    begin_test();
    memset(mw_ring_reserve(ring, 4096), 'x', 4096);
    for (uint32_t len = 0; len < 17; len++) {
        struct mw_record line = {.kind = MW_RECORD_log, .text_len = len};
        mw_record_put(recorder, &line, NULL, "aaaaaaaaaaaaaaaaa");
        const struct mw_record *r = take();
        CHECK_INT(r->size % 8, 0);
        CHECK_INT(r->text_len, len);
        for (size_t i = sizeof *r + len; i < r->size; i++)
            CHECK_INT(((const char *)r)[i], 0);
    }
    end_test();
}

static void times_and_events(void)
{
    begin_test();
    struct mw_event event = message_event();
    struct mw_record session = {.kind = MW_RECORD_session}, sent = {.kind = MW_RECORD_ws_send};
    int64_t before = mw_host_clock_ns();
    mw_record_put(recorder, &session, NULL, NULL);
    mw_record_event(recorder, &event);
    mw_record_put(recorder, &session, NULL, NULL);
    mw_record_put(recorder, &sent, NULL, NULL);
    mw_record_event_end(recorder);
    mw_record_put(recorder, &session, NULL, NULL);
    int64_t after = mw_host_clock_ns();
    static const struct {
        uint64_t event;
        bool has_events_time;
    } expected[] = {{0, false}, {41, true}, {41, true}, {41, false}, {0, false}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct mw_record *r = take();
        CHECK_INT(r->number, i + 1);
        CHECK_INT(r->event, expected[i].event);
        if (expected[i].has_events_time)
            CHECK_INT(r->time_ns, event.time_ns);
        else
            CHECK(r->time_ns >= before && r->time_ns <= after);
    }
    end_test();
}

/* Data and text as long as that, in a ring that takes 64 KiB a record, less its head. */
static void check_cut(uint32_t data_len, uint32_t text_len, uint32_t data_kept, uint32_t text_kept)
{
    char *bytes = malloc(RING);
    if (!bytes)
        abort();
    memset(bytes, 'b', RING);
    begin_test();
    struct mw_record fields = {
        .kind = MW_RECORD_http_request, .data_len = data_len, .text_len = text_len};
    mw_record_put(recorder, &fields, bytes, bytes);
    const struct mw_record *r = take();
    CHECK_INT(r->data_len, data_kept);
    CHECK_INT(r->text_len, text_kept);
    CHECK_INT(r->flags, data_len == data_kept && text_len == text_kept ? 0 : MW_RECORD_CUT);
    CHECK(r->size <= RING / 4);
    check_empty();
    end_test();
    free(bytes);
}

static void large_ones(void)
{
    enum { ROOM = RING / 4 - 64 };
    check_cut(ROOM, 0, ROOM, 0);
    check_cut(ROOM - 100, 100, ROOM - 100, 100);
    check_cut(ROOM, 100, ROOM - 100, 100);
    check_cut(200000, 20, ROOM - 20, 20);
    check_cut(20, 200000, 20, ROOM - 20);
    check_cut(200000, 200000, ROOM / 2, ROOM / 2);
    check_cut(0, ROOM + 1, 0, ROOM);
}

static void waits_for_room(void)
{
    begin_test();
    char bytes[1024 - sizeof(struct mw_record)] = {0}; /* no room is left over for anything else */
    struct mw_record fields = {.kind = MW_RECORD_ws_send, .data_len = sizeof bytes};
    while (full_calls == 0)
        mw_record_put(recorder, &fields, bytes, NULL);
    CHECK_INT(full_calls, 3);  /* asked until there was room */
    CHECK_INT(full_firsts, 1); /* and told once; its own log line did not ask */
    uint64_t number = take()->number;
    CHECK(number > RING / 1100);
    const struct mw_record *alarm = take();
    CHECK_INT(alarm->number, number + 1); /* none is missing */
    CHECK_INT(alarm->kind, MW_RECORD_alarm);
    CHECK(memcmp(mw_record_text(alarm), "ring full: waited ", 18) == 0);
    check_empty();
    mw_record_put(recorder, &fields, bytes, NULL);
    CHECK_INT(take()->number, number + 2);
    check_empty(); /* told once */
    end_test();
}

static void a_dead_reader(void)
{
    begin_test();
    char bytes[1000] = {0};
    struct mw_record fields = {.kind = MW_RECORD_ws_send, .data_len = sizeof bytes};
    full_limit = 2;
    for (int i = 0; i < 1000; i++)
        mw_record_put(recorder, &fields, bytes, NULL);
    CHECK_INT(full_calls, 2); /* never asked again */
    end_test();
}

static void no_recorder(void)
{
    struct mw_event event = message_event();
    struct mw_record fields = {.kind = MW_RECORD_log};
    struct mw_order_words words = {0};
    struct mw_order_totals totals;
    struct mw_execution x = {.time = 0};
    mw_order_totals_init(&totals, NULL);
    mw_record_event(NULL, &event);
    mw_record_event_end(NULL);
    mw_record_put(NULL, &fields, NULL, NULL);
    mw_record_order(NULL, 1, 0, NULL, NULL, NULL, &words);
    mw_record_order_status(NULL, 1, &totals, "new", "", "");
    mw_record_fill(NULL, 1, 0, &x, "", 0, 1);
    mw_record_executed(NULL, 0, &x, 0, 1, &totals, &(struct mw_execution_words){0});
    mw_record_told(NULL, "ladder", 6, 1);
    mw_recorder_free(NULL);
    struct mw_ring *small = mw_ring_new(4096, &err);
    struct mw_recorder_options options = {.ring = small, .on_full = on_full};
    CHECK(mw_recorder_new(&options, &err) == NULL);
    CHECK_TEXT(err.text, "recorder: a ring of 4096 bytes: 262144 at least");
    mw_ring_free(small);
}

static void no_record(void)
{
    begin_test();
    _Alignas(8) char bytes[256] = {0};
    struct mw_record fields = {.kind = MW_RECORD_log, .text_len = 20};
    CHECK(mw_record_at(bytes, sizeof bytes) == NULL); /* zeros */
    mw_record_put(recorder, &fields, NULL, "twenty bytes of text");
    const struct mw_record *whole = take();
    memcpy(bytes, whole, whole->size);
    struct mw_record *copy = (struct mw_record *)bytes;
    CHECK(mw_record_at(bytes, sizeof bytes) == copy);
    for (size_t len = 0; len < whole->size; len++)
        CHECK(mw_record_at(bytes, len) == NULL);
    CHECK(mw_record_at(bytes + 1, sizeof bytes - 1) == NULL);
    copy->text_len = UINT32_MAX;
    CHECK(mw_record_at(bytes, sizeof bytes) == NULL);
    copy->data_len = 21; /* their sum is 20 in 32 bits */
    CHECK(mw_record_at(bytes, sizeof bytes) == NULL);
    *copy = *whole;
    copy->size = 8;
    CHECK(mw_record_at(bytes, sizeof bytes) == NULL);
    end_test();
}

static void names(void)
{
    CHECK_TEXT(mw_record_name(MW_EVENT_ws_open), "ws_open");
    CHECK_TEXT(mw_record_name(MW_RECORD_run), "run");
    CHECK_INT(MW_RECORD_run, 64);
    CHECK_TEXT(mw_record_name(MW_RECORD_stop), "stop");
    CHECK_TEXT(mw_record_name(MW_RECORD_end), "?");
    CHECK_TEXT(mw_record_name(MW_RECORD_first), "?");
    CHECK((int)MW_EVENT_COUNT <= (int)MW_RECORD_first);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"an event is recorded with all that it carries", an_event},
        {"of an event that brings a secret neither data nor text is recorded", a_secret_event},
        {"a record ends in zeros, whatever stood there", zeros_behind},
        {"an event's records have its number, and its time unless they leave", times_and_events},
        {"what is too large is cut, the data first, and that can be seen", large_ones},
        {"a full ring is waited for, and an alarm tells it", waits_for_room},
        {"when the reader is dead nobody waits", a_dead_reader},
        {"without a recorder nothing is recorded, and a small ring is refused", no_recorder},
        {"bytes that are no record are none", no_record},
        {"kinds have names", names},
    };
    return test_main(cases, sizeof cases / sizeof *cases);
}
