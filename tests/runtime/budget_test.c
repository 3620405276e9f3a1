/* The end of what runs too long: programs that never end, each in a Lua state of its own, with the
 * JIT compiler and without. */
#include "budget.h"
#include "test.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int64_t limit_ns = 60000000;

struct world {
    struct mw_host *host;
    struct mw_shared *guardians, *shared;
    struct mw_budget *budget;
    lua_State *L;
    char told[512]; /* the last slow callback */
    int told_count;
    bool is_guarded;
    int64_t slow_again_ns;
};

static void on_slow(void *arg, const char *text)
{
    struct world *world = arg;
    (void)snprintf(world->told, sizeof world->told, "%s", text);
    world->told_count++;
}

/* The library: code of a file below its directory, in the global environment. */
static const char library[] =
    "function busy(f) local start = os.clock() while os.clock() - start < 0.15 do end\n"
    "  if f then f() end finished = true end\n"
    "function add(a, b) return a + b end\n"
    "function careful(f) local ok = pcall(f) cleaned = true return ok end\n";

static void load(struct world *world, const char *text, const char *name, bool is_library)
{
    lua_State *L = world->L;
    CHECK_INT(luaL_loadbuffer(L, text, strlen(text), name), 0); /* chunk */
    if (is_library)
        return;
    lua_newtable(L);                    /* chunk environment */
    lua_newtable(L);                    /* chunk environment meta */
    lua_pushvalue(L, LUA_GLOBALSINDEX); /* .. globals */
    lua_setfield(L, -2, "__index");     /* chunk environment meta */
    lua_setmetatable(L, -2);            /* chunk environment */
    CHECK_INT(lua_setfenv(L, -2), 1);   /* chunk */
}

static void build(struct world *world, bool with_jit, const struct mw_budget_limits *limits)
{
    struct mw_err err = {""};
    world->host = mw_host_new(&err);
    world->guardians = world->is_guarded ? mw_shared_new(&err) : NULL;
    struct mw_budget_options options = {.host = world->host,
                                        .shared = world->guardians,
                                        .lua_dir = "/lib",
                                        .on_slow = on_slow,
                                        .arg = world,
                                        .slow_again_ns = world->slow_again_ns};
    world->budget = mw_budget_new(&options, &err);
    world->shared = mw_budget_shared(world->budget);
    world->L = luaL_newstate();
    luaL_openlibs(world->L);
    luaJIT_setmode(world->L, 0, LUAJIT_MODE_ENGINE | (with_jit ? LUAJIT_MODE_ON : LUAJIT_MODE_OFF));
    CHECK_INT(mw_budget_start(world->budget, world->L, limits, &err), 0);
    load(world, library, "@/lib/moonwire/x.lua", true);
    CHECK_INT(lua_pcall(world->L, 0, 0, 0), 0);
}

static void raze(struct world *world)
{
    mw_budget_free(world->budget);
    lua_close(world->L);
    mw_shared_free(world->guardians);
    mw_host_free(world->host);
    memset(world, 0, sizeof *world);
}

/* Runs a strategy's text as a callback. The result of its pcall is left on the stack. */
static int call(struct world *world, const char *text)
{
    load(world, text, "@strategies/endless.lua", false);
    atomic_fetch_add(&world->shared->callbacks, 1);
    int failed = lua_pcall(world->L, 0, 1, 0); /* result|text */
    atomic_fetch_add(&world->shared->callbacks, 1);
    return failed;
}

static void begin(struct world *world, bool with_jit)
{
    struct mw_budget_limits limits = {.callback_ns = limit_ns};
    memset(world, 0, sizeof *world);
    build(world, with_jit, &limits);
}

/* Endless programs ---------------------------------------------------------------------------- */

static const char *const endless[] = {
    "while true do end",
    "local s = 0 while true do s = s + 1 end",
    "local s = 0 for i = 1, math.huge do s = s + i % 3 end",
    "local t = {} while true do t[1] = (t[1] or 0) + 1 end",
    "repeat local x = {} until x == 1",
    "::again:: goto again",
    "local function f(n) return f(n + 1) end f(1)",
    "local a, b function a(n) return b(n) end function b(n) return a(n) end a(1)",
    "local co = coroutine.wrap(function() while true do end end) co()",
    "local y = coroutine.wrap(function() while 1 do coroutine.yield() end end) while 1 do y() end",
    "while true do coroutine.wrap(function() while true do end end)() end",
    "while true do pcall(error) end",
    "while true do pcall(function() while true do end end) end",
    "while true do pcall(pcall, function() while true do end end) end",
    "local function deep() while true do pcall(deep) end end deep()",
    "local c = coroutine while 1 do c.resume(c.create(function() while 1 do pcall(c) end end)) end",
    "while true do xpcall(function() while true do end end, function(e) return e end) end",
    "xpcall(error, function() while true do end end) while true do end",
    "local t = { 5, 1, 4, 2, 3 } while 1 do table.sort(t, function(a, b) return a < b end) end",
    "table.sort({ 3, 2, 1 }, function() while true do end end)",
    "('x'):gsub('x', function() while true do end end)",
    "while true do ('xyz'):rep(100):gsub('y', function(c) return c:upper() end) end",
    "local t = setmetatable({}, { __index = function(t, k) while true do end end }) return t.x",
    "local t = setmetatable({}, { __index = function() return 1 end }) while 1 do t.y = t.x end",
    "tostring(setmetatable({}, { __tostring = function() while true do end end }))",
    "local t = setmetatable({}, { __add = function(a) return a end }) while true do t = t + 1 end",
    "local t = setmetatable({}, { __lt = function() while 1 do end end }) return t < t",
    "for _ in function() return 1 end do end",
    "for _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end",
    "while true do string.rep('x', 1000) end",
    "while true do select('#', unpack({ 1, 2, 3 })) end",
    "while true do load('return 1')() end",
    "load('while true do end', '@/lib/moonwire/x.lua', 't', {})()",
    "while true do add(1, 2) end",
    "local s = 0 while true do s = add(s, 1) end",
    "while true do careful(function() while true do end end) end",
    "return pcall(function() while true do end end)",
    "while true do busy(function() while true do end end) end",
};

static void check_all_end(bool with_jit)
{
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        struct world world;
        begin(&world, with_jit);
        (void)call(&world, endless[i]); /* a pcall at its end may have caught it */
        if (atomic_load(&world.shared->ended) != MW_INTERRUPT_TIME)
            printf("ended by itself: %s\n", endless[i]);
        CHECK_INT(atomic_load(&world.shared->ended), MW_INTERRUPT_TIME);
        CHECK(strstr(mw_budget_report(world.budget), "it ran longer than 0.06 s (max_callback)"));
        CHECK(strstr(mw_budget_report(world.budget), "stack traceback:"));
        raze(&world);
    }
}

static void compiled(void)
{
    check_all_end(true);
}

static void interpreted(void)
{
    check_all_end(false);
}

/* Who is ended, and who is not ----------------------------------------------------------------- */

static bool is_true(lua_State *L, const char *name)
{
    lua_getglobal(L, name); /* value */
    bool value = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1); /* - */
    return value;
}

static void library_ends(void)
{
    struct world world;
    begin(&world, true);
    CHECK_INT(call(&world, "local n = 1\nbusy()\nn = n + 1\nreturn n"), LUA_ERRRUN);
    CHECK(strstr(lua_tostring(world.L, -1), "strategies/endless.lua:3: it ran longer"));
    CHECK(is_true(world.L, "finished"));
    raze(&world);
}

static void library_catches(void)
{
    struct world world;
    begin(&world, true);
    CHECK_INT(call(&world, "careful(function() while true do end end)\nreturn 1"), LUA_ERRRUN);
    CHECK(is_true(world.L, "cleaned"));
    CHECK(strstr(mw_budget_report(world.budget), "endless.lua:1: it ran longer"));
    raze(&world);
}

/* After the end the next callback runs as if nothing had been. */
static void next_is_free(void)
{
    struct world world;
    begin(&world, true);
    CHECK_INT(call(&world, "while true do end"), LUA_ERRRUN);
    atomic_store(&world.shared->ended, 0);
    CHECK_INT(call(&world, "local s = 0 for i = 1, 1000 do s = s + i end return s"), 0);
    CHECK_INT((int64_t)lua_tonumber(world.L, -1), 500500);
    CHECK_INT(atomic_load(&world.shared->ended), MW_INTERRUPT_NONE);
    CHECK(lua_gethook(world.L) == NULL);
    raze(&world);
}

static void not_running(void)
{
    struct world world;
    begin(&world, true);
    atomic_store(&world.shared->interrupt, MW_INTERRUPT_TIME);
    for (uint64_t number = 0; number < 4; number++) { /* the callback will be number 1 */
        atomic_store(&world.shared->interrupt_of, number);
        CHECK_INT(raise(SIGUSR2), 0);
    }
    CHECK_INT(call(&world, "local s = 0 for i = 1, 1000 do s = s + i end return s"), 0);
    CHECK_INT(atomic_load(&world.shared->ended), MW_INTERRUPT_NONE);
    raze(&world);
}

/* A guardian that is often late: it asks for the end of whatever it saw a moment ago. */
static void guard(pid_t pid, struct mw_shared *shared, _Atomic unsigned char *asked, uint64_t last)
{
    uint64_t number = 0;
    for (unsigned i = 0; number < last; i++) {
        number = atomic_load(&shared->callbacks);
        for (volatile unsigned wait = 0; wait < i * 37 % 2000; wait++) {
        }
        if (number % 2 == 0 || number >= last)
            continue;
        atomic_store(&asked[number], 1);
        atomic_store(&shared->interrupt_of, number);
        atomic_store(&shared->interrupt, MW_INTERRUPT_TIME);
        if (kill(pid, SIGUSR2) < 0)
            break;
    }
    _exit(0);
}

static void only_who_was_meant(void)
{
    enum { CALLS = 20000 };
    struct mw_budget_limits limits = {.callback_ns = limit_ns};
    struct mw_err err = {""};
    struct world world = {.is_guarded = true};
    build(&world, true, &limits);
    /* As much zeroed shared memory as there is in one of these. */
    struct mw_shared *memory = mw_shared_new(&err);
    _Static_assert(sizeof memory->names / 2 > CALLS, "a byte a number");
    _Atomic unsigned char *asked = (_Atomic unsigned char *)memory->names;
    pid_t pid = getpid(), child = fork();
    if (child == 0)
        guard(pid, world.shared, asked, 2 * CALLS - 1);
    int ended = 0, wrong = 0;
    for (int i = 0; i < CALLS; i++) {
        uint64_t number = atomic_load(&world.shared->callbacks) + 1;
        int failed = call(&world, "local s = 0 for i = 1, 300 do s = s + i end return s");
        uint32_t why = atomic_exchange(&world.shared->ended, 0);
        ended += why != 0;
        wrong += (why != 0) != (failed != 0) || (why && !atomic_load(&asked[number]));
        lua_settop(world.L, 0);
    }
    (void)kill(child, SIGKILL); /* it may have ended */
    CHECK_INT(waitpid(child, NULL, 0), child);
    CHECK(ended > 0);
    CHECK_INT(wrong, 0);
    mw_shared_free(memory);
    raze(&world);
}

/* A guardian that has seen too much memory goes on asking while the process ends. */
static void too_late(void)
{
    struct world world;
    begin(&world, true);
    raze(&world);
    CHECK_INT(raise(SIGUSR2), 0);
    begin(&world, true);
    CHECK_INT(call(&world, "while true do end"), LUA_ERRRUN);
    raze(&world);
}

static void *wait_and_signal(void *arg)
{
    const struct timespec wait = {.tv_nsec = 20000000};
    struct world *world = arg;
    (void)nanosleep(&wait, NULL);
    atomic_store(&world->shared->interrupt_of, 1);
    atomic_store(&world->shared->interrupt, MW_INTERRUPT_TIME);
    (void)pthread_kill(pthread_self(), SIGUSR2);
    return NULL;
}

static void another_thread(void)
{
    struct mw_budget_limits limits = {.callback_ns = limit_ns};
    struct world world = {.is_guarded = true};
    pthread_t thread;
    build(&world, true, &limits);
    CHECK_INT(pthread_create(&thread, NULL, wait_and_signal, &world), 0);
    CHECK_INT(call(&world, "while true do end"), LUA_ERRRUN);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(atomic_load(&world.shared->ended), MW_INTERRUPT_TIME);
    raze(&world);
}

/* Memory -------------------------------------------------------------------------------------- */

static int heard;

static void on_event(void *arg, const struct mw_event *event)
{
    struct world *world = arg;
    heard += event->kind == MW_EVENT_signal && event->num == SIGUSR2;
    mw_host_stop(world->host, 0);
}

/* The loop's turn, in which memory that was refused becomes an event. */
static int count_events(struct world *world)
{
    heard = 0;
    mw_host_listen(world->host, on_event, world);
    ev_run(mw_host_loop(world->host), EVRUN_NOWAIT);
    return heard;
}

static void large_block(void)
{
    struct mw_budget_limits limits = {.callback_ns = limit_ns, .memory_bytes = 64 << 20};
    struct world world = {.is_guarded = true};
    build(&world, true, &limits);
    (void)call(&world, "local ok, err = pcall(string.rep, 'x', 1e9)\nrefused = err\nreturn ok");
    CHECK_INT(atomic_load(&world.shared->ended), MW_INTERRUPT_MEMORY);
    CHECK(strstr(mw_budget_report(world.budget), "lua:2: memory limit 64 MB (memory_limit_mb)") ||
          strstr(mw_budget_report(world.budget), "lua:1: memory limit 64 MB (memory_limit_mb)"));
    CHECK(!mw_budget_was_refused(world.budget)); /* it was a strategy's */
    CHECK_INT(count_events(&world), 1);
    raze(&world);
}

static void refused_to_library(void)
{
    struct mw_budget_limits limits = {.callback_ns = limit_ns, .memory_bytes = 64 << 20};
    struct world world = {.is_guarded = true};
    build(&world, true, &limits);
    load(&world, "return string.rep('x', 1e9)", "@/lib/moonwire/y.lua", true);
    CHECK_INT(lua_pcall(world.L, 0, 1, 0), LUA_ERRMEM);
    CHECK(mw_budget_was_refused(world.budget));
    CHECK(!mw_budget_was_refused(world.budget)); /* said once */
    CHECK_INT(count_events(&world), 1);
    raze(&world);
}

static void many_small_blocks(void)
{
    struct mw_budget_limits limits = {.callback_ns = 20 * (int64_t)1000000000};
    struct world world = {.is_guarded = false};
    limits.memory_bytes = mw_budget_memory(getpid()) + (100 << 20);
    build(&world, true, &limits);
    (void)call(&world, "local t = {} while true do t[#t % 50000 + 1] = { t, {}, {} } "
                       "t = { t } end");
    CHECK_INT(atomic_load(&world.shared->ended), MW_INTERRUPT_MEMORY);
    CHECK_INT(count_events(&world), 1);
    raze(&world);
}

static void memory_of_processes(void)
{
    int64_t before = mw_budget_memory(getpid());
    size_t size = 64 << 20;
    char *block = malloc(size);
    CHECK(before > 1 << 20);
    if (block) {
        for (size_t i = 0; i < size; i += 4096)
            ((volatile char *)block)[i] = 1;
        CHECK(mw_budget_memory(getpid()) - before > 60 << 20);
    }
    free(block);
    CHECK_INT(mw_budget_memory(0), -1);
}

/* Slow callbacks ------------------------------------------------------------------------------ */

static void run_for(struct world *world, const char *seconds)
{
    char text[128];
    (void)snprintf(text, sizeof text,
                   "local t = os.clock() while os.clock() - t < %s do end return 1", seconds);
    (void)call(world, text);
    lua_settop(world->L, 0);
    mw_budget_tell_slow(world->budget);
}

static void quick(void)
{
    struct mw_budget_limits limits = {.callback_ns = 100 * (int64_t)1000000000};
    struct world world = {.is_guarded = false};
    build(&world, true, &limits);
    run_for(&world, "0.05");
    CHECK_INT(world.told_count, 0);
    raze(&world);
    limits.callback_ns = 300000000; /* and one that was ended is told as that */
    build(&world, true, &limits);
    run_for(&world, "60");
    CHECK_INT(world.told_count, 0);
    raze(&world);
}

static void build_slow(struct world *world)
{
    struct mw_budget_limits limits = {.callback_ns = 5 * (int64_t)1000000000};
    build(world, true, &limits);
    (void)snprintf(world->shared->names[7], MW_NAME_MAX, "strategy s, on_book (s.lua:3)");
    atomic_store(&world->shared->callback, 7);
    run_for(world, "0.6");
    CHECK_INT(world->told_count, 1);
    CHECK_TEXT(world->told,
               "slow: strategy s, on_book (s.lua:3) took more than 0.5 s; at 5 s it is "
               "stopped (max_callback)");
}

static void slow(void)
{
    struct world world = {.slow_again_ns = INT64_MAX};
    build_slow(&world);
    run_for(&world, "0.6");
    CHECK_INT(world.told_count, 1);
    atomic_store(&world.shared->callback, 8);
    run_for(&world, "0.6"); /* another callback */
    CHECK_INT(world.told_count, 2);
    raze(&world);
}

static void slow_again(void)
{
    struct world world = {.slow_again_ns = 1};
    build_slow(&world);
    run_for(&world, "0.6");
    CHECK_INT(world.told_count, 2);
    raze(&world);
}

/* What was slow and is over has left its name; one that is named too late is not named at all. */
static void slow_by_its_own_name(void)
{
    struct mw_budget_limits limits = {.callback_ns = 2 * (int64_t)1000000000};
    struct world world = {.is_guarded = true};
    build(&world, true, &limits);
    (void)snprintf(world.shared->names[7], MW_NAME_MAX, "the slow one");
    atomic_store(&world.shared->callbacks, 5);
    atomic_store(&world.shared->callback, 7);
    mw_shared_mark_slow(world.shared, 5);
    atomic_store(&world.shared->callbacks, 7);
    atomic_store(&world.shared->callback, 8);
    mw_budget_tell_slow(world.budget);
    CHECK_INT(world.told_count, 1);
    CHECK(strstr(world.told, "slow: the slow one took"));
    mw_shared_mark_slow(world.shared, 5);
    mw_budget_tell_slow(world.budget);
    CHECK_INT(world.told_count, 1);
    raze(&world);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"endless programs are ended, compiled", compiled},
        {"endless programs are ended, interpreted", interpreted},
        {"the library's code gets to its end", library_ends},
        {"the library may clean up after a strategy that was ended", library_catches},
        {"the next callback is free", next_is_free},
        {"who was not meant is left alone", not_running},
        {"20,000 callbacks, and only who was meant is ended", only_who_was_meant},
        {"a signal after the end ends nobody", too_late},
        {"a signal that reaches another thread is passed on", another_thread},
        {"a block above the limit is refused, and ends its callback", large_block},
        {"memory that is refused to the library is told", refused_to_library},
        {"growth in small steps is ended", many_small_blocks},
        {"the memory of a process", memory_of_processes},
        {"a quick callback is not told as slow, nor one that was ended", quick},
        {"a slow callback is told once in a while", slow},
        {"a slow callback is told again later", slow_again},
        {"a slow callback is told by its own name", slow_by_its_own_name},
    };
    return test_main(cases, sizeof cases / sizeof *cases);
}
