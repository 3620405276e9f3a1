#include "compile.h"
#include "buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NICE = 10 };

struct job {
    struct mw_compiler *compiler;
    struct job *next;
    uint64_t id;
    atomic_bool has_ended; /* the thread is done with it */
    char *text, *name;
    size_t len;
    struct mw_buffer code; /* bytecode; empty: `problem` says why there is none */
    char problem[512];
};

struct mw_compiler {
    struct mw_host *host;
    ev_async wake;
    pthread_t thread;
    int work[2];      /* a pipe: pointers to jobs, for the thread */
    struct job *jobs; /* all that are under way; the loop's */
};

static void free_job(struct job *job)
{
    if (!job)
        return;
    free(job->text);
    free(job->name);
    mw_buffer_fini(&job->code);
    free(job);
}

/* In the thread ---------------------------------------------------------------------------------
 */

static int append(lua_State *L, const void *bytes, size_t len, void *arg)
{
    struct job *job = arg;
    (void)L;
    return mw_buffer_append(&job->code, bytes, len, SIZE_MAX);
}

static void translate(struct job *job, lua_State *L)
{
    if (luaL_loadbufferx(L, job->text, job->len, job->name, "t")) {
        (void)snprintf(job->problem, sizeof job->problem, "%s", lua_tostring(L, -1));
    } else if (lua_dump(L, append, job)) {
        (void)snprintf(job->problem, sizeof job->problem, "%s: out of memory", job->name);
        mw_buffer_fini(&job->code);
    }
}

static void compile(struct job *job)
{
    struct mw_compiler *compiler = job->compiler;
    lua_State *L = luaL_newstate();
    if (L)
        translate(job, L);
    else
        (void)snprintf(job->problem, sizeof job->problem, "%s: out of memory", job->name);
    if (L)
        lua_close(L);
    atomic_store_explicit(&job->has_ended, true, memory_order_release);
    ev_async_send(mw_host_loop(compiler->host), &compiler->wake);
}

/* Until the pipe's other end is closed. Its wake-up takes the core from nobody who handles events;
 * where the system refuses that, nothing is lost but this. */
static void *run(void *arg)
{
    const struct mw_compiler *compiler = arg;
    struct sched_param none = {.sched_priority = 0};
    struct job *job;
    ssize_t len;
    (void)sched_setscheduler(0, SCHED_BATCH, &none); /* on Linux: of this thread, */
    (void)setpriority(PRIO_PROCESS, 0, NICE);        /* as this */
    while ((len = read(compiler->work[0], &job, sizeof job)) != 0) {
        if (len == (ssize_t)sizeof job)
            compile(job);
        else if (errno != EINTR)
            break;
    }
    return NULL;
}

/* On the loop -----------------------------------------------------------------------------------
 */

/* Takes one that has ended out of the list; NULL when there is none. */
static struct job *take_ended(struct mw_compiler *compiler)
{
    for (struct job **link = &compiler->jobs; *link; link = &(*link)->next) {
        struct job *job = *link;
        if (atomic_load_explicit(&job->has_ended, memory_order_acquire)) {
            *link = job->next;
            return job;
        }
    }
    return NULL;
}

static void on_wake(struct ev_loop *loop, ev_async *watcher, int revents)
{
    struct mw_compiler *compiler = watcher->data;
    struct job *job;
    (void)loop;
    (void)revents;
    while ((job = take_ended(compiler))) {
        /* Its text is recorded with its version: not here as well. */
        struct mw_event event = {.kind = MW_EVENT_compiled, .id = job->id, .is_secret = true};
        event.data = job->code.bytes;
        event.len = job->code.len;
        event.text = job->problem;
        event.text_len = strlen(job->problem);
        mw_host_emit(compiler->host, &event);
        free_job(job);
    }
}

/* The process' signals are for the thread of the loop. */
static int start_thread(struct mw_compiler *compiler)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&compiler->thread, NULL, run, compiler);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

struct mw_compiler *mw_compiler_new(struct mw_host *host, struct mw_err *err)
{
    struct mw_compiler *compiler = calloc(1, sizeof *compiler);
    if (!compiler || pipe2(compiler->work, O_CLOEXEC) < 0)
        goto fail;
    compiler->host = host;
    ev_async_init(&compiler->wake, on_wake);
    compiler->wake.data = compiler;
    ev_async_start(mw_host_loop(host), &compiler->wake);
    ev_unref(mw_host_loop(host)); /* no reason by itself for the loop to go on */
    if (start_thread(compiler) == 0)
        return compiler;
    ev_ref(mw_host_loop(host));
    ev_async_stop(mw_host_loop(host), &compiler->wake);
    (void)close(compiler->work[0]);
    (void)close(compiler->work[1]);
fail:
    mw_err_set(err, "compiler: out of memory, files or threads");
    free(compiler);
    return NULL;
}

void mw_compiler_free(struct mw_compiler *compiler)
{
    if (!compiler)
        return;
    (void)close(compiler->work[1]); /* the thread ends with what is there */
    pthread_join(compiler->thread, NULL);
    (void)close(compiler->work[0]);
    ev_ref(mw_host_loop(compiler->host));
    ev_async_stop(mw_host_loop(compiler->host), &compiler->wake);
    while (compiler->jobs) {
        struct job *job = compiler->jobs;
        compiler->jobs = job->next;
        free_job(job);
    }
    free(compiler);
}

static struct job *new_job(struct mw_compiler *compiler, const char *text, size_t len,
                           const char *name)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->compiler = compiler;
    job->text = malloc(len + 1);
    job->name = strdup(name);
    job->len = len;
    if (!job->text || !job->name) {
        free_job(job);
        return NULL;
    }
    memcpy(job->text, text, len);
    job->id = mw_host_next_id(compiler->host);
    return job;
}

/* A thread that wakes up on the loop's core takes it from an event as soon as the loop has had its
 * share, whatever the thread's priority: it is to use any other, where there is one. */
static void keep_off_this_core(const struct mw_compiler *compiler)
{
    cpu_set_t cores;
    int core = sched_getcpu();
    if (core < 0 || sched_getaffinity(0, sizeof cores, &cores) < 0)
        return;
    CPU_CLR((unsigned)core, &cores);
    if (CPU_COUNT(&cores))
        (void)pthread_setaffinity_np(compiler->thread, sizeof cores, &cores);
}

uint64_t mw_compile(struct mw_compiler *compiler, const char *text, size_t len, const char *name,
                    struct mw_err *err)
{
    struct job *job = new_job(compiler, text, len, name);
    if (!job)
        goto fail;
    uint64_t id = job->id;
    job->next = compiler->jobs;
    compiler->jobs = job;
    keep_off_this_core(compiler);
    if (write(compiler->work[1], &job, sizeof job) == (ssize_t)sizeof job) /* of one piece */
        return id;
    compiler->jobs = job->next;
fail:
    mw_err_set(err, "compile %s: out of memory", name);
    free_job(job);
    return 0;
}
