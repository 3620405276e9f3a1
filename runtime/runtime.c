#include "runtime.h"
#include "budget.h"
#include "compile.h"
#include "console.h"
#include "http.h"
#include "log.h"
#include "record.h"
#include "redact.h"
#include "server.h"
#include "shared.h"
#include "term.h"
#include "timer.h"
#include "vault.h"
#include "watch.h"
#include "ws.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STARVED_MAX = 20 };

struct mw_runtime {
    struct mw_api api;
    struct mw_script *script;
    unsigned starved; /* so many events in a row failed for want of memory */
    bool is_starved;  /* this one did */
};

static void report(void *arg, const struct mw_event *event, const char *text)
{
    struct mw_runtime *runtime = arg;
    runtime->is_starved |= text && strncmp(text, "not enough memory", 17) == 0;
    mw_logf(runtime->api.log, MW_LOG_ERROR, "%s event %llu: %s", mw_event_name(event->kind),
            (unsigned long long)event->seq, text);
}

/* Lua that has no memory for its own code cannot cancel either: it ends as a crash does, and the
 * guardian sweeps. */
static void look_for_starving(struct mw_runtime *runtime)
{
    const struct mw_shared *shared = runtime->api.shared;
    runtime->starved = runtime->is_starved ? runtime->starved + 1 : 0;
    runtime->is_starved = false;
    if (!shared || runtime->starved < STARVED_MAX)
        return;
    mw_logf(runtime->api.log, MW_LOG_ERROR,
            "memory: not even the runtime's own code has any, memory_limit_mb is %lld; orders are "
            "canceled and the runtime stops: look for what a strategy keeps and never lets go, or "
            "raise the limit",
            (long long)(shared->plan.memory_limit_bytes >> 20));
    mw_host_stop(runtime->api.host, 1);
}

static void on_slow(void *arg, const char *text)
{
    struct mw_runtime *runtime = arg;
    mw_logf(runtime->api.log, MW_LOG_WARN, "%s", text);
}

static void on_event(void *arg, const struct mw_event *event)
{
    struct mw_runtime *runtime = arg;
    struct mw_api *api = &runtime->api;
    if (api->shared)
        atomic_store_explicit(&api->shared->event, event->seq, memory_order_relaxed);
    mw_record_event(api->recorder, event);
    if (mw_script_dispatch(runtime->script, event) < 0 && event->kind == MW_EVENT_start)
        mw_host_stop(api->host, 1);
    look_for_starving(runtime);
    mw_record_event_end(api->recorder);
}

/* SIGUSR1: the guardian is dead; without one nobody sends it on purpose. */
static int watch_signals(struct mw_host *host, bool is_guarded, struct mw_err *err)
{
    static const int watched[] = {SIGINT, SIGTERM, SIGHUP};
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error of that write */
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        if (mw_host_watch_signal(host, watched[i], err) < 0)
            return -1;
    return is_guarded ? mw_host_watch_signal(host, SIGUSR1, err) : 0;
}

/* For whoever reads the record: it is masked there, in this record as well. */
static void on_secret(void *arg, const char *text, size_t len, bool is_key)
{
    struct mw_record secret = {.kind = MW_RECORD_secret, .text_len = (uint32_t)len};
    secret.flags = is_key ? MW_SECRET_FLAG_key : 0;
    mw_record_put(arg, &secret, NULL, text);
}

/* Everything that acts records first. */
static void connect_recorder(struct mw_api *api)
{
    mw_host_set_recorder(api->host, api->recorder);
    mw_log_set_recorder(api->log, api->recorder);
    if (api->recorder)
        mw_redactor_listen(api->redactor, on_secret, api->recorder);
    if (api->shared)
        mw_host_count_turns(api->host, &api->shared->turns);
}

struct mw_runtime *mw_runtime_new(const struct mw_runtime_options *wanted, struct mw_err *err)
{
    struct mw_runtime *runtime = calloc(1, sizeof *runtime);
    if (!runtime) {
        mw_err_set(err, "out of memory");
        return NULL;
    }
    struct mw_api *api = &runtime->api;
    api->recorder = wanted->recorder;
    api->shared = wanted->shared;
    struct mw_script_options options = {
        .api = api, .lua_dir = wanted->lua_dir, .report = report, .report_arg = runtime};
    struct mw_budget_options budget = {
        .shared = wanted->shared, .lua_dir = wanted->lua_dir, .on_slow = on_slow, .arg = runtime};
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        mw_err_set(err, "libcurl cannot start");
        goto fail;
    }
    if (!(api->host = mw_host_new(err)) || watch_signals(api->host, api->shared != NULL, err) < 0 ||
        !(api->redactor = mw_redactor_new(err)) ||
        !(api->log = mw_log_new(STDERR_FILENO, api->redactor, err)) ||
        !(api->vault = mw_vault_new(api->redactor, err)) ||
        !(api->timers = mw_timers_new(api->host, err)) ||
        !(api->ws = mw_ws_pool_new(api->host, err)) || !(api->http = mw_http_new(api->host, err)) ||
        !(api->server = mw_server_new(api->host, err)) ||
        !(budget.host = api->host, api->budget = mw_budget_new(&budget, err)) ||
        !(runtime->script = mw_script_new(&options, err)))
        goto fail;
    connect_recorder(api);
    return runtime;
fail:
    mw_runtime_free(runtime);
    return NULL;
}

void mw_runtime_free(struct mw_runtime *runtime)
{
    if (!runtime)
        return;
    struct mw_api *api = &runtime->api;
    mw_budget_free(api->budget);
    mw_script_free(runtime->script); /* first: handles give their secrets back to the vault */
    mw_term_close(api->term);
    mw_console_free(api->console);
    mw_watch_free(api->watch);
    mw_compiler_free(api->compiler);
    mw_server_free(api->server);
    mw_http_free(api->http);
    mw_ws_pool_free(api->ws);
    mw_timers_free(api->timers);
    mw_vault_free(api->vault);
    mw_log_free(api->log);
    mw_redactor_free(api->redactor);
    mw_host_free(api->host);
    curl_global_cleanup();
    free(runtime);
}

struct mw_script *mw_runtime_script(struct mw_runtime *runtime)
{
    return runtime->script;
}

static bool collect(void *arg)
{
    return mw_script_collect(arg);
}

int mw_runtime_loop(struct mw_runtime *runtime)
{
    mw_host_listen(runtime->api.host, on_event, runtime);
    return mw_host_run(runtime->api.host, collect, runtime->script);
}

/* The arguments as one text, each ended by NUL. */
static char *join_arguments(int argc, char *const *argv, size_t *len)
{
    *len = 0;
    for (int i = 0; i < argc; i++)
        *len += strlen(argv[i]) + 1;
    char *text = malloc(*len + 1), *out = text;
    for (int i = 0; text && i < argc; i++) {
        size_t size = strlen(argv[i]) + 1;
        memcpy(out, argv[i], size);
        out += size;
    }
    return text;
}

int mw_runtime_run(struct mw_runtime *runtime, int argc, char *const *argv, struct mw_err *err)
{
    struct mw_event event = {.kind = MW_EVENT_start};
    char *arguments = join_arguments(argc, argv, &event.len);
    int status = 1;
    if (!arguments)
        mw_err_set(err, "out of memory");
    else if (mw_script_open_door(runtime->script, "moonwire.door", err) == 0) {
        event.data = arguments;
        mw_host_listen(runtime->api.host, on_event, runtime);
        mw_host_emit(runtime->api.host, &event);
        status = mw_runtime_loop(runtime);
    }
    free(arguments);
    return status;
}
