#include "console.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct mw_host *host;
static struct mw_console *console;
static struct mw_err err;
static char directory[64], path[96], last[256], closed[256];
static uint64_t listener, client_id;
static int64_t opened_by;
static int opens, lines, closes, turns_with_lines, lines_of_turn;
static void (*on_line)(void);

static void copy(char *to, size_t size, const char *from, size_t len)
{
    (void)snprintf(to, size, "%.*s", (int)len, from ? from : "");
}

static void on_event(void *arg, const struct mw_event *event)
{
    (void)arg;
    if (event->kind == MW_EVENT_console_open) {
        opens++;
        client_id = event->id;
        opened_by = event->num;
        CHECK_INT(event->num2, listener);
    } else if (event->kind == MW_EVENT_console_line) {
        lines++;
        lines_of_turn++;
        copy(last, sizeof last, event->data, event->len);
        if (on_line)
            on_line();
    } else if (event->kind == MW_EVENT_console_close) {
        closes++;
        copy(closed, sizeof closed, event->text, event->text_len);
    }
}

static void open_all(void)
{
    (void)snprintf(directory, sizeof directory, "%s/moonwire-console-XXXXXX", P_tmpdir);
    CHECK(mkdtemp(directory) != NULL);
    (void)snprintf(path, sizeof path, "%s/s", directory);
    host = mw_host_new(&err);
    console = mw_console_new(host, &err);
    mw_host_listen(host, on_event, NULL);
    opens = lines = closes = turns_with_lines = 0;
    on_line = NULL;
    listener = mw_console_listen(console, path, &err);
    CHECK(listener != 0);
}

static void close_all(void)
{
    mw_console_free(console);
    mw_host_free(host);
    CHECK_INT(access(path, F_OK), -1); /* its file has gone with it */
    (void)unlink(path);
    CHECK_INT(rmdir(directory), 0);
}

/* So many turns of the loop, none of which waits. */
static void turn(int count)
{
    for (int i = 0; i < count; i++) {
        lines_of_turn = 0;
        ev_run(mw_host_loop(host), EVRUN_NOWAIT);
        turns_with_lines += lines_of_turn > 0;
        CHECK(lines_of_turn <= opens); /* one a client */
    }
}

static int attach(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    turn(3);
    return fd;
}

static void say(int fd, const char *text)
{
    CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What can be read now. */
static const char *heard(int fd)
{
    static char text[4096];
    ssize_t len = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void lines_come_and_go(void)
{
    open_all();
    int fd = attach();
    CHECK_INT(opens, 1);
    CHECK_INT(opened_by, getpid());
    say(fd, "orders()\nfi");
    turn(3);
    CHECK_INT(lines, 1);
    CHECK_TEXT(last, "orders()");
    say(fd, "lls()\n\n");
    turn(6);
    CHECK_INT(lines, 3);
    CHECK_TEXT(last, "");
    CHECK_INT(mw_console_send(console, client_id, "none", 4, &err), 0);
    CHECK_TEXT(heard(fd), "none\n");
    (void)close(fd);
    turn(3);
    CHECK_INT(closes, 1);
    CHECK_TEXT(closed, "");
    CHECK_INT(mw_console_send(console, client_id, "none", 4, &err), -1);
    CHECK_TEXT(err.text, "console 2 is gone");
    close_all();
}

static void only_its_user_may_open_it(void)
{
    struct stat status;
    open_all();
    CHECK_INT(stat(path, &status), 0);
    CHECK_INT(status.st_mode & 0777, 0600);
    close_all();
}

static void a_living_socket_is_refused(void)
{
    open_all();
    struct mw_console *other = mw_console_new(host, &err);
    CHECK_INT(mw_console_listen(other, path, &err), 0);
    CHECK(strstr(err.text, "another runtime listens there") != NULL);
    mw_console_free(other);
    (void)close(attach());
    CHECK_INT(opens, 2); /* it is there as before; the other one's look was the first */
    close_all();
}

static void a_dead_one_is_replaced(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    open_all();
    struct mw_console *next = mw_console_new(host, &err);
    char stale[96];
    (void)snprintf(stale, sizeof stale, "%s/t", directory);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", stale);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    (void)close(fd);
    CHECK_INT(access(stale, F_OK), 0);
    CHECK(mw_console_listen(next, stale, &err) != 0);
    mw_console_free(next);
    CHECK_INT(access(stale, F_OK), -1);
    close_all();
}

static void a_file_that_is_no_socket_stays(void)
{
    open_all();
    char file[96], long_path[256];
    (void)snprintf(file, sizeof file, "%s/f", directory);
    int fd = open(file, O_CREAT | O_WRONLY, 0600);
    (void)close(fd);
    CHECK_INT(mw_console_listen(console, file, &err), 0);
    CHECK(strstr(err.text, "a file that is no socket") != NULL);
    CHECK_INT(mw_console_connect(console, file, &err), 0);
    CHECK(strstr(err.text, "a file that is no socket") != NULL);
    CHECK_INT(unlink(file), 0);
    memset(long_path, 'x', sizeof long_path);
    long_path[200] = '\0';
    CHECK_INT(mw_console_listen(console, long_path, &err), 0);
    CHECK(strstr(err.text, "choose a shorter one") != NULL);
    close_all();
}

static void somebody_elses_file_is_left(void)
{
    open_all();
    CHECK_INT(unlink(path), 0);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    (void)close(fd);
    mw_console_free(console);
    CHECK_INT(access(path, F_OK), 0);
    CHECK_INT(unlink(path), 0);
    console = NULL;
    close_all();
}

static void a_flood_is_one_line_a_turn(void)
{
    open_all();
    static char flood[2001];
    int fd = attach(), other;
    for (int i = 0; i < 1000; i++)
        memcpy(flood + 2 * (size_t)i, "1\n", 2);
    say(fd, flood);
    other = attach();
    say(other, "hello\n");
    turn(3);
    CHECK(lines < 12); /* and among these is who came later */
    CHECK_INT(opens, 2);
    turn(1500);
    CHECK_INT(lines, 1001);
    CHECK(turns_with_lines >= 1000);
    (void)close(fd);
    (void)close(other);
    close_all();
}

static void an_endless_line_is_sent_away(void)
{
    static char garbage[8192];
    open_all();
    int fd = attach();
    memset(garbage, 0xfe, sizeof garbage);
    for (int i = 0; i < 10; i++) {
        (void)send(fd, garbage, sizeof garbage, MSG_NOSIGNAL | MSG_DONTWAIT); /* until it is over */
        turn(3);
    }
    CHECK_INT(lines, 0);
    CHECK_INT(closes, 1);
    CHECK_TEXT(closed, "a line of more than 64 KiB");
    CHECK_TEXT(heard(fd), "{\"kind\":\"bye\",\"text\":\"a line of more than 64 KiB\"}\n");
    (void)close(fd);
    close_all();
}

static void who_does_not_read_is_sent_away(void)
{
    static char text[16384], got[65536];
    open_all();
    int fd = attach(), sent = 0, kept;
    memset(text, 'x', sizeof text);
    while (mw_console_send(console, client_id, text, sizeof text, &err) == 0)
        sent++;
    CHECK_TEXT(err.text, "it does not read what it is sent: sent away");
    CHECK(sent >= MW_CONSOLE_QUEUE_MAX / (int)sizeof text && sent < 2000);
    CHECK_INT(mw_console_send(console, client_id, "x", 1, &err), -1);
    /* When it reads in the end: whole lines, and why no more come. */
    size_t total = 0, tail = 0;
    static const char bye[] =
        "{\"kind\":\"bye\",\"text\":\"too much waits to be read: sent away\"}\n";
    char end[sizeof bye];
    for (int i = 0; i < 1000; i++) {
        ssize_t len = recv(fd, got, sizeof got, MSG_DONTWAIT);
        if (len == 0)
            break;
        if (len > 0) {
            total += (size_t)len;
            tail = (size_t)len < sizeof end - 1 ? (size_t)len : sizeof end - 1;
            memcpy(end, got + len - tail, tail);
            end[tail] = '\0';
        }
        turn(1);
    }
    kept = (int)((total - strlen(bye)) % (sizeof text + 1));
    CHECK_INT(kept, 0);
    CHECK(total > strlen(bye) && strcmp(end, bye + strlen(bye) - tail) == 0);
    (void)close(fd);
    close_all();
}

static void say_goodbye(void)
{
    CHECK_INT(mw_console_send(console, client_id, "bye", 3, &err), 0);
    mw_console_close(console, client_id);
    mw_console_close(console, client_id);
}

static void it_is_closed_from_inside_a_line(void)
{
    open_all();
    int fd = attach();
    on_line = say_goodbye;
    say(fd, "1\n2\n3\n");
    turn(10);
    CHECK_INT(lines, 1);
    CHECK_INT(closes, 0); /* who closes it knows */
    CHECK_TEXT(heard(fd), "bye\n");
    CHECK_INT(recv(fd, last, 1, MSG_DONTWAIT), 0);
    (void)close(fd);
    close_all();
}

static void there_is_a_limit_of_clients(void)
{
    int fds[MW_CONSOLE_CLIENTS_MAX + 1];
    open_all();
    for (int i = 0; i <= MW_CONSOLE_CLIENTS_MAX; i++)
        fds[i] = attach();
    CHECK_INT(opens, MW_CONSOLE_CLIENTS_MAX);
    turn(2);
    CHECK(strstr(heard(fds[MW_CONSOLE_CLIENTS_MAX]), "no room for more") != NULL);
    for (int i = 0; i <= MW_CONSOLE_CLIENTS_MAX; i++)
        (void)close(fds[i]);
    turn(5);
    CHECK_INT(closes, MW_CONSOLE_CLIENTS_MAX);
    (void)close(attach());
    CHECK_INT(opens, MW_CONSOLE_CLIENTS_MAX + 1); /* there is room again */
    close_all();
}

static void the_other_side_connects(void)
{
    open_all();
    uint64_t id = mw_console_connect(console, path, &err);
    CHECK(id != 0);
    turn(3);
    CHECK_INT(opens, 1);
    CHECK_INT(mw_console_send(console, client_id, "welcome", 7, &err), 0);
    turn(3);
    CHECK_TEXT(last, "welcome");
    mw_console_close(console, id);
    turn(3);
    CHECK_INT(closes, 1);
    char nowhere[96];
    (void)snprintf(nowhere, sizeof nowhere, "%s/none", directory);
    CHECK_INT(mw_console_connect(console, nowhere, &err), 0);
    CHECK(strstr(err.text, "No such file") != NULL);
    close_all();
}

static void a_pipe_is_adopted(void)
{
    int fds[2];
    open_all();
    CHECK_INT(pipe(fds), 0);
    CHECK(mw_console_adopt(console, fds[0], &err) != 0);
    CHECK_INT(write(fds[1], "log line\n", 9), 9);
    opens = 1;
    turn(3);
    CHECK_TEXT(last, "log line");
    (void)close(fds[1]);
    turn(3);
    CHECK_INT(closes, 1);
    CHECK_INT(mw_console_adopt(console, 1000, &err), 0);
    close_all();
}

static const struct test_case cases[] = {
    {"lines come and go", lines_come_and_go},
    {"only its user may open it", only_its_user_may_open_it},
    {"a socket at which somebody listens is refused", a_living_socket_is_refused},
    {"a socket that a dead runtime left is replaced", a_dead_one_is_replaced},
    {"a file that is no socket stays", a_file_that_is_no_socket_stays},
    {"somebody else's file is left at the end", somebody_elses_file_is_left},
    {"a flood is one line a turn", a_flood_is_one_line_a_turn},
    {"an endless line is sent away", an_endless_line_is_sent_away},
    {"who does not read is sent away", who_does_not_read_is_sent_away},
    {"it is closed from inside a line", it_is_closed_from_inside_a_line},
    {"there is a limit of clients", there_is_a_limit_of_clients},
    {"the other side connects", the_other_side_connects},
    {"a pipe is adopted", a_pipe_is_adopted},
};
TEST_MAIN(cases)
