/* The program: finds its Lua library, makes a runtime and hands it the command line. What
 * writes the journal has a guardian for it; every other command is one process. */
#include "companion.h"
#include "guardian.h"
#include "log.h"
#include "record.h"
#include "runtime.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef MW_LUA_SUBDIR
#define MW_LUA_SUBDIR "share/moonwire/lua"
#endif

enum { STATUS_FAILED = 1, FULL_WAIT_NS = 100000, SAY_SECONDS = 10 };
static const char default_socket[] = "moonwire.sock"; /* of config.lua, in the working directory */

struct program {
    char lua_dir[PATH_MAX];
    int argc;
    char **argv; /* the command line without the program's name */
};

/* The library stands in ../share/moonwire/lua of an installed program, in lua/ of a source tree. */
static int find_lua_dir(char *dir, size_t size)
{
    static const char *const places[] = {("../" MW_LUA_SUBDIR), "../../lua", "../lua"};
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0)
        return -1;
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[PATH_MAX + 64], full[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/%s/moonwire/init.lua", self, places[i]);
        if (!realpath(path, full))
            continue;
        full[strlen(full) - strlen("/moonwire/init.lua")] = '\0';
        return (size_t)snprintf(dir, size, "%s", full) < size ? 0 : -1;
    }
    return -1;
}

static int run(const struct mw_runtime_options *options, int argc, char *const *argv,
               struct mw_err *err)
{
    struct mw_runtime *runtime = mw_runtime_new(options, err);
    int status = runtime ? mw_runtime_run(runtime, argc, argv, err) : STATUS_FAILED;
    if (err->text[0])
        (void)fprintf(stderr, "moonwire: %s\n", err->text); /* the status says it as well */
    mw_runtime_free(runtime);
    return status;
}

/* The ring is full: the guardian is slow, stopped or dead. A sweep goes on without its record. */
static bool on_full(void *arg, bool is_first)
{
    const struct mw_child *child = arg;
    struct timespec wait = {.tv_nsec = FULL_WAIT_NS}, now = {0};
    static time_t say_at;
    child->shared->waits++;
    if (child->role == MW_ROLE_SWEEPER || mw_guardian_is_gone(child))
        return false;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    if (is_first && now.tv_sec >= say_at) {
        say_at = now.tv_sec + SAY_SECONDS; /* however often it fills */
        (void)fprintf(stderr, "moonwire: the journal does not keep up (pid %d): waiting for it\n",
                      (int)child->guardian); /* no log line: it would have to be recorded */
    }
    (void)nanosleep(&wait, NULL); /* woken earlier: asked earlier */
    return true;
}

/* In a child of the guardian: the command is planned, run, or swept up behind. */
static int run_child(void *arg, const struct mw_child *child)
{
    const struct program *program = arg;
    char *const before[] = {
        [MW_ROLE_PLANNER] = "plan", [MW_ROLE_RUNTIME] = NULL, [MW_ROLE_SWEEPER] = "sweep"};
    struct mw_child own = *child;
    struct mw_recorder_options recording = {.ring = own.ring, .on_full = on_full, .arg = &own};
    struct mw_err err = {""};
    char open_orders[32];
    int argc = 0;
    char **argv = calloc((size_t)program->argc + 3, sizeof *argv);
    struct mw_runtime_options options = {.lua_dir = program->lua_dir, .shared = own.shared};
    bool is_recorded = own.ring && own.role != MW_ROLE_PLANNER;
    if (is_recorded)
        options.recorder = mw_recorder_new(&recording, &err);
    int status = STATUS_FAILED;
    if (argv && (options.recorder || !is_recorded)) {
        if (before[own.role])
            argv[argc++] = before[own.role];
        for (int i = 0; i < program->argc; i++)
            argv[argc++] = program->argv[i];
        (void)snprintf(open_orders, sizeof open_orders, "--open=%u", own.open_orders);
        if (own.role == MW_ROLE_SWEEPER)
            argv[argc++] = open_orders;
        status = run(&options, argc, argv, &err);
    } else {
        (void)fprintf(stderr, "moonwire: %s\n", argv ? err.text : "out of memory");
    }
    mw_recorder_free(options.recorder);
    free(argv);
    exit(status);
}

/* What writes the journal: `run`, and `audit --repair`. */
static bool needs_guardian(int argc, char *const *argv)
{
    bool repairs = false;
    for (int i = 1; i < argc; i++)
        repairs = repairs || strcmp(argv[i], "--repair") == 0;
    return argc > 0 && (strcmp(argv[0], "run") == 0 || (strcmp(argv[0], "audit") == 0 && repairs));
}

static int run_guardian(struct program *program)
{
    struct mw_err err = {""};
    struct mw_guardian_options options = {.run = run_child, .arg = program};
    int status = mw_guardian_run(&options, &err);
    if (err.text[0])
        (void)fprintf(stderr, "moonwire: %s\n", err.text);
    return status;
}

/* Of the prompt's command line: the words that are its own stand here, all others are for the
 * runtime that it starts. */
static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word) != 0)
        words++;
    return *words;
}

/* The words for a runtime of its own, into `argv` (which has room); how many. `is_named`: a
 * configuration or a strategy is among them. */
static int runtime_words(const struct program *asked, char **argv, bool *is_named)
{
    static const char *const with_value[] = {"--config", "--log-level", "--log-format", NULL};
    static const char *const own[] = {"--json", "--read-only", NULL};
    int argc = 0;
    *is_named = false;
    for (int i = 1; i < asked->argc; i++) {
        char *word = asked->argv[i];
        if (strcmp(word, "-e") == 0) {
            i++;
        } else if (!is_one_of(word, own)) {
            argv[argc++] = word;
            *is_named = *is_named || word[0] != '-' || strncmp(word, "--config", 8) == 0;
            if (is_one_of(word, with_value) && i + 1 < asked->argc)
                argv[argc++] = asked->argv[++i];
        }
    }
    return argc;
}

/* `repl` joins a runtime where one is named or listens beside it; else it starts one. `argv`: the
 * words for that one. */
static bool wants_companion(const struct program *asked, char **argv, int *argc)
{
    bool is_named;
    if (asked->argc < 1 || strcmp(asked->argv[0], "repl") != 0)
        return false;
    for (int i = 1; i < asked->argc; i++)
        if (strncmp(asked->argv[i], "--attach", 8) == 0 || strcmp(asked->argv[i], "--help") == 0)
            return false;
    *argc = runtime_words(asked, argv, &is_named);
    return is_named || access(default_socket, F_OK) < 0;
}

/* In the companion: `run` with what the prompt was given for it. */
static int run_companion(void *arg, const char *socket)
{
    struct program *program = arg;
    program->argv[0] = "run";
    program->argv[1] = "--console";
    program->argv[2] = (char *)socket;
    return run_guardian(program);
}

/* A prompt with a runtime of its own, which ends with it. */
static int run_with_companion(struct program *program, struct program *its)
{
    struct mw_err err = {""};
    struct mw_companion companion = {0};
    struct mw_runtime_options options = {.lua_dir = program->lua_dir};
    char output[16];
    char **argv = calloc((size_t)program->argc + 5, sizeof *argv);
    if (!argv || mw_companion_start(&companion, run_companion, its, &err) < 0) {
        (void)fprintf(stderr, "moonwire: %s\n", argv ? err.text : "out of memory");
        free(argv);
        return STATUS_FAILED;
    }
    int argc = program->argc, output_copy = dup(companion.output);
    memcpy(argv, program->argv, (size_t)argc * sizeof *argv);
    (void)snprintf(output, sizeof output, "%d", output_copy); /* that one is closed in there */
    argv[argc++] = "--own";
    argv[argc++] = companion.socket;
    argv[argc++] = "--own-output";
    argv[argc++] = output;
    int status = run(&options, argc, argv, &err);
    int its_status = mw_companion_end(&companion);
    free(argv);
    return its_status ? its_status : status;
}

/* A prompt that starts a runtime, and its status; false: another command. */
static bool run_repl(struct program *program, int *status)
{
    enum { CONSOLE_WORDS = 3 }; /* see run_companion */
    struct program its = *program;
    its.argv = calloc((size_t)its.argc + CONSOLE_WORDS + 1, sizeof *its.argv);
    bool has_one = its.argv && wants_companion(program, its.argv + CONSOLE_WORDS, &its.argc);
    its.argc += CONSOLE_WORDS;
    if (has_one)
        *status = run_with_companion(program, &its);
    free(its.argv);
    return has_one;
}

int main(int argc, char **argv)
{
    struct program program = {.argc = argc - 1, .argv = argv + 1};
    struct mw_err err = {""};
    if (find_lua_dir(program.lua_dir, sizeof program.lua_dir) < 0) {
        (void)fprintf(stderr, "moonwire: its Lua library was not found beside the program\n");
        return STATUS_FAILED; /* which says it where standard error is closed */
    }
    int status = STATUS_FAILED;
    if (run_repl(&program, &status))
        return status;
    if (!needs_guardian(program.argc, program.argv)) {
        struct mw_runtime_options options = {.lua_dir = program.lua_dir};
        return run(&options, program.argc, program.argv, &err);
    }
    return run_guardian(&program);
}
