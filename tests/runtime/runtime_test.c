/* The parts put together: what enters and leaves is recorded, in its order, and the guardian sees
 * where the loop is. */
#include "recorded.h"
#include "runtime.h"
#include "shared.h"

#include <limits.h>

static struct mw_err err;

/* Runs a file in a runtime of its own to the end; returns its status. */
static int run(char *file, struct mw_recorder *recorder, struct mw_shared *shared)
{
    char lua_dir[PATH_MAX], *const arguments[] = {file};
    struct mw_runtime_options options = {lua_dir, recorder, shared};
    if (!realpath("lua", lua_dir))
        abort(); /* tests are run from the project's root */
    struct mw_runtime *runtime = mw_runtime_new(&options, &err);
    if (!runtime)
        abort();
    struct mw_script *script = mw_runtime_script(runtime);
    CHECK_INT(mw_script_open_door(script, "moonwire.door", &err), 0);
    CHECK_INT(mw_script_run_file(script, file, 1, arguments, &err), 0);
    CHECK_TEXT(err.text, "");
    int status = mw_runtime_loop(runtime);
    mw_runtime_free(runtime);
    return status;
}

/* A record's place in its event, without what differs from run to run. */
static void check_record(const char *kind, uint64_t event, const char *text, size_t text_len)
{
    size_t len;
    const void *bytes = mw_ring_peek(recorded_ring, &len);
    const struct mw_record *r = mw_record_at(bytes, len);
    CHECK(r != NULL);
    if (!r)
        return;
    CHECK_TEXT(mw_record_name(r->kind), kind);
    CHECK_INT(r->event, event);
    CHECK_INT(r->text_len, text_len);
    if (r->text_len == text_len)
        CHECK(memcmp(mw_record_text(r), text, text_len) == 0);
    mw_ring_consume(recorded_ring, r->size);
}
#define CHECK_RECORD(kind, event, text) check_record(kind, event, text, sizeof(text) - 1)

static void recorded(void)
{
    struct mw_recorder *recorder = open_recorder();
    struct mw_shared *shared = mw_shared_new(&err);
    static char file[] = "tests/runtime/recording.lua";
    if (!shared)
        abort();
    CHECK_INT(run(file, recorder, shared), 3);
    CHECK_RECORD("session", 0, "idx\0up\0\0");
    CHECK_RECORDED(MW_RECORD_stop, 0, 1, "", "asked");
    CHECK_RECORD("secret", 0, "a-token-of-idx");
    CHECK_RECORD("timer", 1, "");
    CHECK_RECORD("order", 1, "mw-1\0\0\0BTC/IDR\0\0\0\0\0\0\0");
    CHECK_RECORD("order_status", 1, "new\0001234\0\0");
    CHECK_RECORD("fill", 1, "t-1\0");
    CHECK_RECORD("log", 1, "venue=idx msg=\"a line\"");
    check_no_more_recorded();
    CHECK_INT(atomic_load(&shared->event), 1);
    CHECK(atomic_load(&shared->turns) >= 1);
    mw_shared_free(shared);
    close_recorder(recorder);
}

static void alone(void)
{
    static char file[] = "tests/runtime/recording.lua";
    CHECK_INT(run(file, NULL, NULL), 3);
}

static void raising(void)
{
    static char file[] = "tests/runtime/raising.lua";
    CHECK_INT(run(file, NULL, NULL), 3);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"what happens is recorded, with its event and before what follows", recorded},
        {"without a recorder and a guardian the same runs", alone},
        {"who wants to know hears that an event could not be handled", raising},
    };
    return test_main(cases, sizeof cases / sizeof *cases);
}
