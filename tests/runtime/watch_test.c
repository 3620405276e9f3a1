#include "test.h"
#include "watch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct mw_host *host;
static struct mw_watch *watch;
static struct mw_err err;
static char directory[64], told[256];
static int events;
static ev_timer step;
static void (*next_step)(void);

static const char *in(const char *name)
{
    static char paths[4][128];
    static int last;
    char *path = paths[last++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(in(name), "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* The names that an event told, in their order, with a blank between them. */
static void on_event(void *arg, const struct mw_event *event)
{
    (void)arg;
    CHECK_INT(event->kind, MW_EVENT_file_changed);
    events++;
    told[0] = '\0';
    for (const char *path = event->data; path < event->data + event->len;
         path += strlen(path) + 1) {
        const char *slash = strrchr(path, '/');
        size_t used = strlen(told);
        (void)snprintf(told + used, sizeof told - used, "%s%s", used ? " " : "",
                       slash ? slash + 1 : path);
    }
    mw_host_stop(host, 0);
}

static void on_step(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)timer;
    (void)revents;
    next_step();
}

static void in_seconds(double seconds, void (*what)(void))
{
    next_step = what;
    ev_timer_init(&step, on_step, seconds, 0.);
    ev_timer_start(mw_host_loop(host), &step);
}

static void open_all(void)
{
    (void)snprintf(directory, sizeof directory, "%s/moonwire-watch-XXXXXX", P_tmpdir);
    CHECK(mkdtemp(directory) != NULL);
    host = mw_host_new(&err);
    watch = mw_watch_new(host, &err);
    mw_host_listen(host, on_event, NULL);
    events = 0;
}

static void add(const char *name)
{
    CHECK_INT(mw_watch_add(watch, in(name), &err), 0);
}

/* Waits for the next event and for its names. */
static void expect(const char *names)
{
    int before = events;
    while (events == before)
        ev_run(mw_host_loop(host), EVRUN_ONCE);
    CHECK_INT(events, before + 1);
    CHECK_TEXT(told, names);
}

static void close_all(void)
{
    static const char *const names[] = {"a.lua", "b.lua", "new"};
    mw_watch_free(watch);
    ev_timer_stop(mw_host_loop(host), &step);
    mw_host_free(host);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(in(names[i])); /* perhaps it is gone already */
    CHECK_INT(rmdir(directory), 0);
}

static void write_in_place(void)
{
    put("a.lua", events % 2 ? "return 1" : "return 2");
}

static void test_in_place(void)
{
    open_all();
    put("a.lua", "return 1");
    add("a.lua");
    for (int i = 0; i < 3; i++) { /* of one size, within one second */
        in_seconds(0.01, write_in_place);
        expect("a.lua");
    }
    close_all();
}

static void rename_over(void)
{
    put("new", "return 2");
    CHECK_INT(rename(in("new"), in("a.lua")), 0);
}

static void test_rename(void)
{
    open_all();
    put("a.lua", "return 1");
    add("a.lua");
    for (int i = 0; i < 3; i++) { /* each time it is another file */
        in_seconds(0.01, rename_over);
        expect("a.lua");
    }
    close_all();
}

static void write_both(void)
{
    put("b.lua", "return 2");
    rename_over();
}

static void test_together(void)
{
    open_all();
    add("a.lua"); /* not there yet */
    add("b.lua");
    add("a.lua");
    in_seconds(0.01, write_both);
    expect("b.lua a.lua");
    close_all();
}

static void remove_it(void)
{
    CHECK_INT(unlink(in("a.lua")), 0);
}

static void test_removed(void)
{
    open_all();
    put("a.lua", "return 1");
    add("a.lua");
    in_seconds(0.01, remove_it);
    expect("a.lua");
    in_seconds(0.01, write_in_place);
    expect("a.lua");
    close_all();
}

static FILE *half;

static void write_the_rest(void)
{
    CHECK(fputs("n 1", half) >= 0 && fclose(half) == 0);
    half = NULL;
}

static void write_half(void)
{
    half = fopen(in("a.lua"), "w");
    CHECK(half && fputs("retur", half) >= 0 && fflush(half) == 0);
    in_seconds(0.4, write_the_rest);
}

static void test_half_written(void)
{
    open_all();
    add("a.lua");
    in_seconds(0.01, write_half);
    expect("a.lua");
    CHECK(half == NULL); /* not told while it was being written */
    CHECK_INT(events, 1);
    close_all();
}

static void write_a_lot(void)
{
    write_in_place();
    if (!events)
        in_seconds(0.03, write_a_lot);
}

static void test_restless(void)
{
    open_all();
    add("a.lua");
    in_seconds(0.01, write_a_lot);
    expect("a.lua"); /* would never come if each change began the wait anew */
    close_all();
}

static void test_not_any_more(void)
{
    open_all();
    put("a.lua", "return 1");
    put("b.lua", "return 1");
    add("a.lua");
    add("b.lua");
    mw_watch_remove(watch, in("a.lua"));
    mw_watch_remove(watch, in("new"));
    in_seconds(0.01, write_both);
    expect("b.lua"); /* its directory is still watched */
    close_all();
}

static void make_directory(void)
{
    CHECK_INT(mkdir(in("new"), 0700), 0);
    put("new/a.lua", "return 1");
}

static void test_directory_later(void)
{
    open_all();
    add("new/a.lua");
    in_seconds(0.01, make_directory);
    expect("a.lua"); /* by the look of each second */
    CHECK_INT(unlink(in("new/a.lua")), 0);
    expect("a.lua");
    CHECK_INT(rmdir(in("new")), 0);
    close_all();
}

int main(void)
{
    static const struct test_case cases[] = {
        {"each save in place is told, also within one second", test_in_place},
        {"a file that is replaced by rename is told, each time", test_rename},
        {"files that change together are one event", test_together},
        {"a file that is removed is told, and so is its return", test_removed},
        {"a file is told when who writes it has closed it", test_half_written},
        {"a file that changes all the time is told all the same", test_restless},
        {"a file that is not watched any more is not told", test_not_any_more},
        {"a file is found when its directory is made later", test_directory_later},
    };
    return test_main(cases, sizeof cases / sizeof cases[0]);
}
