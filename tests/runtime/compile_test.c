#include "compile.h"
#include "test.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static struct mw_host *host;
static struct mw_compiler *compiler;
static struct mw_err err;
static int events;
static struct {
    uint64_t id;
    char text[256], *code;
    size_t len;
} heard[16];

static void on_event(void *arg, const struct mw_event *event)
{
    (void)arg;
    CHECK_INT(event->kind, MW_EVENT_compiled);
    CHECK(event->is_secret);
    heard[events].id = event->id;
    (void)snprintf(heard[events].text, sizeof heard[events].text, "%s", event->text);
    heard[events].len = event->len;
    heard[events].code = event->data ? malloc(event->len) : NULL;
    if (event->data)
        memcpy(heard[events].code, event->data, event->len);
    events++;
}

static void open_all(void)
{
    host = mw_host_new(&err);
    compiler = mw_compiler_new(host, &err);
    CHECK(compiler);
    mw_host_listen(host, on_event, NULL);
    events = 0;
}

static void close_all(void)
{
    mw_compiler_free(compiler);
    mw_host_free(host);
    for (int i = 0; i < events; i++)
        free(heard[i].code);
}

static uint64_t compile(const char *text)
{
    uint64_t id = mw_compile(compiler, text, strlen(text), "@some.lua", &err);
    CHECK(id > 0);
    return id;
}

static void await(int count)
{
    ev_ref(mw_host_loop(host)); /* the watcher of threads is no reason to wait */
    while (events < count)
        ev_run(mw_host_loop(host), EVRUN_ONCE);
    ev_unref(mw_host_loop(host));
}

/* What code of an event returns, or its error. */
static void run(int which, char *out, size_t room)
{
    lua_State *L = luaL_newstate();
    CHECK_INT(luaL_loadbufferx(L, heard[which].code, heard[which].len, "x", "b"), 0);
    (void)lua_pcall(L, 0, 1, 0);
    (void)snprintf(out, room, "%s", lua_tostring(L, -1));
    lua_close(L);
}

static void test_code(void)
{
    char out[128];
    open_all();
    uint64_t id = compile("local a = 1\nreturn a + 1");
    CHECK_INT(events, 0); /* never from inside the call */
    await(1);
    CHECK_INT(heard[0].id, id);
    CHECK_TEXT(heard[0].text, "");
    run(0, out, sizeof out);
    CHECK_TEXT(out, "2");
    close_all();
}

static void test_lines(void)
{
    char out[128];
    open_all();
    compile("local a\n\nreturn a.b");
    await(1);
    run(0, out, sizeof out);
    CHECK_TEXT(out, "some.lua:3: attempt to index local 'a' (a nil value)");
    close_all();
}

static void test_error(void)
{
    open_all();
    compile("local a = = 1");
    compile("\033LJ bytecode"); /* of others is none of ours */
    await(2);
    int first = heard[0].id < heard[1].id ? 0 : 1;
    CHECK(heard[0].code == NULL && heard[1].code == NULL);
    CHECK(strstr(heard[first].text, "some.lua:1: unexpected symbol near '='") != NULL);
    CHECK_TEXT(heard[1 - first].text, "attempt to load chunk with wrong mode");
    close_all();
}

static void test_many(void)
{
    open_all();
    char text[64], out[128];
    for (int i = 0; i < 16; i++) {
        (void)snprintf(text, sizeof text, "return %d", i);
        compile(text);
    }
    await(16);
    int sum = 0;
    for (int i = 0; i < 16; i++) {
        run(i, out, sizeof out);
        sum += (int)strtol(out, NULL, 10);
    }
    CHECK_INT(sum, 120);
    close_all();
}

static void test_end(void)
{
    open_all();
    compile("return 1"); /* nobody waits for it */
    close_all();
    CHECK_INT(events, 0);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"a text is bytecode in an event, later", test_code},
        {"what it raises names the file and the line", test_lines},
        {"a bad text is an error that names the file and the line", test_error},
        {"many at once have each its own outcome", test_many},
        {"an end waits for what is under way", test_end},
    };
    return test_main(cases, sizeof cases / sizeof cases[0]);
}
