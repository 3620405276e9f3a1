#include "compile.h"

#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct mw_compiler *compiler;
    struct job *next;
    uint64_t id;
    pthread_t thread;
    bool has_ended; /* written by the thread under the lock */
    char *text, *name;
    size_t len;
    char *code; /* bytecode; NULL: `problem` says why there is none */
    size_t code_len, code_room;
    char problem[512];
};

struct mw_compiler {
    struct mw_host *host;
    ev_async wake;
    pthread_mutex_t lock;
    struct job *jobs;
};

static void free_job(struct job *job)
{
    if (!job)
        return;
    free(job->text);
    free(job->name);
    free(job->code);
    free(job);
}

/* In the thread ---------------------------------------------------------------------------------
 */

static int append(lua_State *L, const void *bytes, size_t len, void *arg)
{
    struct job *job = arg;
    (void)L;
    if (job->code_len + len > job->code_room) {
        size_t room = 2 * job->code_room + len;
        char *code = realloc(job->code, room);
        if (!code)
            return 1;
        job->code = code;
        job->code_room = room;
    }
    memcpy(job->code + job->code_len, bytes, len);
    job->code_len += len;
    return 0;
}

static void translate(struct job *job, lua_State *L)
{
    if (luaL_loadbufferx(L, job->text, job->len, job->name, "t")) {
        (void)snprintf(job->problem, sizeof job->problem, "%s", lua_tostring(L, -1));
    } else if (lua_dump(L, append, job)) {
        (void)snprintf(job->problem, sizeof job->problem, "%s: out of memory", job->name);
        free(job->code);
        job->code = NULL;
    }
}

static void *run(void *arg)
{
    struct job *job = arg;
    struct mw_compiler *compiler = job->compiler;
    lua_State *L = luaL_newstate();
    if (L)
        translate(job, L);
    else
        (void)snprintf(job->problem, sizeof job->problem, "%s: out of memory", job->name);
    if (L)
        lua_close(L);
    pthread_mutex_lock(&compiler->lock);
    job->has_ended = true;
    pthread_mutex_unlock(&compiler->lock);
    ev_async_send(mw_host_loop(compiler->host), &compiler->wake);
    return NULL;
}

/* On the loop -----------------------------------------------------------------------------------
 */

/* Takes one that has ended out of the list; NULL when there is none. */
static struct job *take_ended(struct mw_compiler *compiler)
{
    struct job *found = NULL;
    pthread_mutex_lock(&compiler->lock);
    for (struct job **link = &compiler->jobs; *link; link = &(*link)->next) {
        if ((*link)->has_ended) {
            found = *link;
            *link = found->next;
            break;
        }
    }
    pthread_mutex_unlock(&compiler->lock);
    return found;
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
        pthread_join(job->thread, NULL);
        event.data = job->code;
        event.len = job->code_len;
        event.text = job->problem;
        event.text_len = strlen(job->problem);
        mw_host_emit(compiler->host, &event);
        free_job(job);
    }
}

struct mw_compiler *mw_compiler_new(struct mw_host *host, struct mw_err *err)
{
    struct mw_compiler *compiler = calloc(1, sizeof *compiler);
    if (!compiler) {
        mw_err_set(err, "compiler: out of memory");
        return NULL;
    }
    compiler->host = host;
    pthread_mutex_init(&compiler->lock, NULL);
    ev_async_init(&compiler->wake, on_wake);
    compiler->wake.data = compiler;
    ev_async_start(mw_host_loop(host), &compiler->wake);
    ev_unref(mw_host_loop(host)); /* no reason by itself for the loop to go on */
    return compiler;
}

void mw_compiler_free(struct mw_compiler *compiler)
{
    if (!compiler)
        return;
    ev_ref(mw_host_loop(compiler->host));
    ev_async_stop(mw_host_loop(compiler->host), &compiler->wake);
    while (compiler->jobs) {
        struct job *job = compiler->jobs;
        pthread_join(job->thread, NULL);
        compiler->jobs = job->next;
        free_job(job);
    }
    pthread_mutex_destroy(&compiler->lock);
    free(compiler);
}

/* The process' signals are for the thread of the loop. */
static int start_thread(struct job *job)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&job->thread, NULL, run, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

uint64_t mw_compile(struct mw_compiler *compiler, const char *text, size_t len, const char *name,
                    struct mw_err *err)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        goto fail;
    job->compiler = compiler;
    job->text = malloc(len + 1);
    job->name = strdup(name);
    if (!job->text || !job->name)
        goto fail;
    memcpy(job->text, text, len);
    job->len = len;
    job->id = mw_host_next_id(compiler->host);
    uint64_t id = job->id;
    pthread_mutex_lock(&compiler->lock);
    int code = start_thread(job);
    if (code == 0) {
        job->next = compiler->jobs;
        compiler->jobs = job;
    }
    pthread_mutex_unlock(&compiler->lock);
    if (code != 0)
        goto fail;
    return id;
fail:
    mw_err_set(err, "compile %s: out of memory or threads", name);
    free_job(job);
    return 0;
}
