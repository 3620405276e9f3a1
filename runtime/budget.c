#include "budget.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <luajit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    WATCH_MS = 10,       /* between two looks of the process at itself */
    LARGE_BYTES = 65536, /* smaller blocks are not worth a look at the total */
    REPORT_MAX = 4096,
    MASK_ALL = LUA_MASKCOUNT | LUA_MASKLINE | LUA_MASKCALL | LUA_MASKRET,
};
static const int64_t second_ns = 1000000000;
/* A process that stood still for longer has not run a callback for so long. */
static const int64_t step_max_ns = 250000000;

struct mw_budget {
    struct mw_budget_options options;
    struct mw_shared *shared, *own_shared; /* own_shared: NULL where there is a guardian */
    struct mw_budget_limits limits;
    lua_State *L;    /* NULL: not started */
    pid_t thread;    /* which runs Lua: signals belong to it */
    ev_async memory; /* too much is in use */

    /* What is to be ended. Written by the handler, read by the hook: the same thread. */
    volatile uint64_t wanted; /* value of `callbacks`; 0: nothing */
    volatile int why;         /* enum mw_interrupt */
    uint64_t ended;           /* the last one that was */
    char report[REPORT_MAX];

    /* The watch of its own. */
    timer_t timer;
    bool has_timer;
    volatile uint64_t seen;                /* `callbacks` at the last look, */
    volatile int64_t looked_ns, lasted_ns; /* when that was, and for how long it was the same */

    lua_Alloc allocate; /* LuaJIT's own */
    void *allocate_arg;
    volatile bool was_refused;

    uint64_t slow_seen;
    int64_t slow_told_ns[MW_NAMES_MAX];
};

/* Where a signal finds its budget: it brings no argument. */
static struct mw_budget *volatile active;

static uint64_t callbacks_of(const struct mw_budget *budget)
{
    return atomic_load_explicit(&budget->shared->callbacks, memory_order_relaxed);
}

static int64_t clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec * second_ns + now.tv_nsec;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Raising ------------------------------------------------------------------------------------- */

/* The library's code has the global environment and stands in its directory; a strategy's has one
 * of these at most, whatever name it gives to what it loads. C is nobody's to interrupt. */
static bool is_strategys(const struct mw_budget *budget, lua_State *L, lua_Debug *ar)
{
    size_t len = strlen(budget->options.lua_dir);
    if (!lua_getinfo(L, "Sf", ar)) /* function */
        return false;
    lua_getfenv(L, -1); /* function environment */
    bool is_global = lua_rawequal(L, -1, LUA_GLOBALSINDEX) != 0;
    lua_pop(L, 2); /* - */
    if (strcmp(ar->what, "C") == 0)
        return false;
    return !is_global || ar->source[0] != '@' ||
           strncmp(ar->source + 1, budget->options.lua_dir, len) != 0 || ar->source[len + 1] != '/';
}

/* What was done wrong, and which limit says so. */
static void push_reason(const struct mw_budget *budget, lua_State *L)
{
    char text[128];
    if (budget->why == MW_INTERRUPT_MEMORY)
        (void)snprintf(text, sizeof text, "memory limit %lld MB (memory_limit_mb)",
                       (long long)(budget->limits.memory_bytes >> 20));
    else
        (void)snprintf(text, sizeof text, "it ran longer than %g s (max_callback)",
                       (double)budget->limits.callback_ns / (double)second_ns);
    luaL_where(L, 0);
    lua_pushstring(L, text); /* where text */
    lua_concat(L, 2);        /* text */
}

static void stop_looking(struct mw_budget *budget, lua_State *L)
{
    budget->wanted = 0;
    lua_sethook(L, NULL, 0, 0);
}

static void hook(lua_State *L, lua_Debug *ar)
{
    struct mw_budget *budget = active;
    if (!budget || !budget->wanted || callbacks_of(budget) != budget->wanted) {
        if (budget)
            stop_looking(budget, L);
        return;
    }
    if (!is_strategys(budget, L, ar))
        return;
    push_reason(budget, L); /* text */
    if (!atomic_load_explicit(&budget->shared->ended, memory_order_relaxed)) {
        atomic_store_explicit(&budget->shared->ended, (uint32_t)budget->why, memory_order_relaxed);
        budget->ended = budget->wanted;
        (void)snprintf(budget->report, sizeof budget->report, "%s", lua_tostring(L, -1));
        luaL_traceback(L, L, lua_tostring(L, -1), 0); /* text trace: may raise for want of memory */
        (void)snprintf(budget->report, sizeof budget->report, "%s", lua_tostring(L, -1));
        lua_pop(L, 1); /* text */
    }
    (void)lua_error(L);
}

/* Asking -------------------------------------------------------------------------------------- */

/* From a signal's handler: the callback with that number has to end. */
static void end_callback(struct mw_budget *budget, uint64_t number, int why)
{
    if (number % 2 == 0 || number != callbacks_of(budget))
        return;
    budget->why = why;
    budget->wanted = number;
    lua_sethook(budget->L, hook, MASK_ALL, 1);
    (void)raise(SIGPROF); /* cannot fail for this number and this thread */
}

static void ask(struct mw_budget *budget, uint64_t number, int why)
{
    end_callback(budget, number, why);
    if (why == MW_INTERRUPT_MEMORY)
        ev_async_send(mw_host_loop(budget->options.host), &budget->memory);
}

/* The process looks at itself. */
static void look(struct mw_budget *budget)
{
    uint64_t number = callbacks_of(budget);
    int64_t now = clock_ns(), step = now - budget->looked_ns;
    budget->looked_ns = now;
    budget->lasted_ns = number == budget->seen ? budget->lasted_ns + least(step, step_max_ns) : 0;
    budget->seen = number;
    if (number % 2 == 1 && budget->lasted_ns > budget->limits.callback_ns)
        ask(budget, number, MW_INTERRUPT_TIME);
    else if (number % 2 == 1 && budget->lasted_ns > budget->limits.callback_ns / MW_SLOW_PART)
        mw_shared_mark_slow(budget->shared, number);
    if (budget->limits.memory_bytes && mw_budget_memory(getpid()) > budget->limits.memory_bytes)
        ask(budget, number, MW_INTERRUPT_MEMORY);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    struct mw_budget *budget = active;
    int kept = errno;
    if (!budget || !budget->L) {
        /* nothing is limited yet */
    } else if (syscall(SYS_gettid) != budget->thread) {
        (void)syscall(SYS_tgkill, getpid(), budget->thread,
                      number); /* it has not ended: it is ours */
    } else if (info->si_code == SI_TIMER) {
        look(budget);
    } else {
        uint32_t why = atomic_load(&budget->shared->interrupt);
        if (why)
            ask(budget, atomic_load(&budget->shared->interrupt_of), (int)why);
    }
    errno = kept;
}

/* Memory -------------------------------------------------------------------------------------- */

int64_t mw_budget_memory(pid_t pid)
{
    char path[48] = "/proc/", digits[24], text[128];
    size_t count = 0, at = strlen(path);
    unsigned long rest = (unsigned long)pid;
    do
        digits[count++] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    while (count)
        path[at++] = digits[--count];
    memcpy(path + at, "/statm", sizeof "/statm");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t len = read(fd, text, sizeof text - 1);
    (void)close(fd);        /* nothing was written */
    int64_t pages[3] = {0}; /* size, resident, shared */
    int field = 0;
    for (ssize_t i = 0; i < len && field < 3; i++) {
        if (text[i] >= '0' && text[i] <= '9')
            pages[field] = pages[field] * 10 + (text[i] - '0');
        else
            field++;
    }
    return field < 3 ? -1 : (pages[1] - pages[2]) * (int64_t)sysconf(_SC_PAGESIZE);
}

/* LuaJIT's allocator, but a block that would burst the limit by itself is refused: it could take
 * all of the machine's memory before anybody has looked. */
static void *allocate(void *arg, void *block, size_t old_size, size_t size)
{
    struct mw_budget *budget = arg;
    int64_t limit = budget->limits.memory_bytes;
    void *result = NULL;
    if (!limit || size <= old_size || size < LARGE_BYTES ||
        ((int64_t)lua_gc(budget->L, LUA_GCCOUNT, 0) << 10) + (int64_t)(size - old_size) <= limit)
        result = budget->allocate(budget->allocate_arg, block, old_size, size);
    if (size && !result) {
        uint64_t number = callbacks_of(budget);
        budget->was_refused = budget->was_refused || number % 2 == 0;
        ask(budget, number, MW_INTERRUPT_MEMORY);
    }
    return result;
}

static void on_memory(struct ev_loop *loop, ev_async *watcher, int revents)
{
    (void)loop;
    (void)revents;
    struct mw_event event = {.kind = MW_EVENT_signal, .num = SIGUSR2};
    mw_host_emit(watcher->data, &event);
}

bool mw_budget_was_refused(struct mw_budget *budget)
{
    bool was_refused = budget->was_refused;
    budget->was_refused = false;
    return was_refused;
}

/* Slow callbacks ------------------------------------------------------------------------------ */

/* Whoever watches has seen it; so no event pays for a look at the clock. */
void mw_budget_tell_slow(struct mw_budget *budget)
{
    if (!budget || !budget->L)
        return;
    uint64_t number = atomic_load_explicit(&budget->shared->slow_of, memory_order_acquire);
    if (number == budget->slow_seen)
        return;
    budget->slow_seen = number;
    uint32_t place = atomic_load(&budget->shared->slow_callback);
    int64_t now = clock_ns();
    int64_t again = budget->options.slow_again_ns ? budget->options.slow_again_ns : second_ns;
    if (place >= MW_NAMES_MAX || number == budget->ended ||
        (budget->slow_told_ns[place] && now - budget->slow_told_ns[place] < again))
        return;
    char text[MW_NAME_MAX + 128];
    (void)snprintf(text, sizeof text,
                   "slow: %.*s took more than %g s; at %g s it is stopped (max_callback)",
                   MW_NAME_MAX, budget->shared->names[place],
                   (double)budget->limits.callback_ns / MW_SLOW_PART / (double)second_ns,
                   (double)budget->limits.callback_ns / (double)second_ns);
    budget->slow_told_ns[place] = now;
    budget->options.on_slow(budget->options.arg, text);
}

/* Life ---------------------------------------------------------------------------------------- */

struct mw_shared *mw_budget_shared(struct mw_budget *budget)
{
    return budget->shared;
}

const char *mw_budget_report(const struct mw_budget *budget)
{
    return budget->report;
}

/* LuaJIT wants one. It is called when compiled code has left for the interpreter. */
static void on_profile(void *arg, lua_State *L, int samples, int vmstate)
{
    (void)arg;
    (void)L;
    (void)samples;
    (void)vmstate;
}

struct mw_budget *mw_budget_new(const struct mw_budget_options *options, struct mw_err *err)
{
    struct mw_budget *budget = calloc(1, sizeof *budget);
    if (!budget) {
        mw_err_set(err, "out of memory");
        return NULL;
    }
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    budget->options = *options;
    budget->shared = options->shared;
    if (!budget->shared && !(budget->shared = budget->own_shared = mw_shared_new(err))) {
        free(budget);
        return NULL;
    }
    budget->thread = (pid_t)syscall(SYS_gettid);
    active = budget;
    (void)sigaction(SIGUSR2, &action, NULL); /* cannot fail for this number */
    return budget;
}

static int start_timer(struct mw_budget *budget, struct mw_err *err)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2};
    event._sigev_un._tid = budget->thread;
    if (timer_create(CLOCK_MONOTONIC, &event, &budget->timer) < 0) {
        mw_err_set(err, "timer_create: %s", strerror(errno));
        return -1;
    }
    budget->has_timer = true;
    return 0;
}

int mw_budget_start(struct mw_budget *budget, lua_State *L, const struct mw_budget_limits *limits,
                    struct mw_err *err)
{
    static const struct itimerval never = {0};
    budget->limits = *limits;
    if (budget->L)
        return 0;
    if (start_timer(budget, err) < 0)
        return -1;
    struct ev_loop *loop = mw_host_loop(budget->options.host);
    ev_async_init(&budget->memory, on_memory);
    budget->memory.data = budget->options.host;
    ev_async_start(loop, &budget->memory);
    ev_unref(loop); /* it keeps no loop alive */
    budget->L = L;
    luaJIT_profile_start(L, "li1000", on_profile, NULL);
    (void)setitimer(ITIMER_PROF, &never, NULL); /* cannot fail; SIGPROF comes from here alone */
    budget->allocate = lua_getallocf(L, &budget->allocate_arg);
    lua_setallocf(L, allocate, budget);
    mw_budget_watch(budget, false);
    return 0;
}

void mw_budget_watch(struct mw_budget *budget, bool on)
{
    struct itimerspec when;
    if (!budget->L)
        return;
    memset(&when, 0, sizeof when);
    if (on || budget->own_shared)
        when.it_value.tv_nsec = when.it_interval.tv_nsec = WATCH_MS * 1000000L;
    (void)timer_settime(budget->timer, 0, &when, NULL); /* cannot fail for such a time */
}

void mw_budget_free(struct mw_budget *budget)
{
    if (!budget)
        return;
    if (budget->has_timer)
        (void)timer_delete(budget->timer); /* it was made here */
    active = NULL;
    (void)signal(SIGUSR2, SIG_IGN); /* a guardian that still asks ends nobody on the way out */
    if (budget->L) {
        lua_sethook(budget->L, NULL, 0, 0);
        luaJIT_profile_stop(budget->L);
        lua_setallocf(budget->L, budget->allocate, budget->allocate_arg);
        ev_ref(mw_host_loop(budget->options.host));
        ev_async_stop(mw_host_loop(budget->options.host), &budget->memory);
    }
    mw_shared_free(budget->own_shared);
    free(budget);
}
