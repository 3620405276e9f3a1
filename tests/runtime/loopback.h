/* loopback.h: what the tests of http, ws and server share: a server of the runtime on loopback, its
 * certificate, what was heard of it, waiting with a limit, names that are looked up here. */
#ifndef MW_LOOPBACK_H
#define MW_LOOPBACK_H

#include "certificate.h"
#include "server.h"
#include "test.h"

#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct heard { /* the last event of its kind, and how many there were */
    size_t count;
    uint64_t id;
    int64_t num, num2;
    char *data, *text;
    size_t len;
};

static const double patience = 20; /* seconds until a test gives up */

static struct mw_host *host;
static struct mw_recorder *host_recorder; /* of the next host */
static struct mw_server *server;
static struct mw_err err;
static char ca_file[64], cert_file[64], key_file[64];
static struct heard heard[MW_EVENT_COUNT];
static void (*hook)(const struct mw_event *event); /* called when the event has been noted */
static void (*on_lookup)(void);                    /* called in the thread of a look-up */

/* Every name but these goes where it always goes. */
int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints,
                struct addrinfo **addresses)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (on_lookup)
        on_lookup();
    if (name && strcmp(name, "other.test") == 0)
        name = "127.0.0.1";
    else if (name && strcmp(name, "nowhere.test") == 0)
        return EAI_NONAME;
    return real(name, port, hints, addresses);
}

static inline void note_event(void *arg, const struct mw_event *event)
{
    (void)arg;
    struct heard *h = &heard[event->kind];
    free(h->data);
    free(h->text);
    *h = (struct heard){h->count + 1,
                        event->id,
                        event->num,
                        event->num2,
                        malloc(event->len + 1),
                        strndup(event->text ? event->text : "", event->text_len),
                        event->len};
    if (event->len)
        memcpy(h->data, event->data, event->len);
    h->data[event->len] = '\0';
    if (hook)
        hook(event);
}

static inline void forget_heard(void)
{
    for (int i = 0; i < MW_EVENT_COUNT; i++) {
        free(heard[i].data);
        free(heard[i].text);
        heard[i] = (struct heard){0};
    }
}

/* Waiting -------------------------------------------------------------------------------------- */

struct deadline {
    ev_timer timer;
    bool is_late;
};

static inline void on_deadline(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    *(bool *)timer->data = true;
}

static inline void begin_deadline(struct deadline *deadline)
{
    deadline->is_late = false;
    ev_timer_init(&deadline->timer, on_deadline, patience * (double)test_slowness(), 0.);
    deadline->timer.data = &deadline->is_late;
    ev_now_update(mw_host_loop(host));
    ev_timer_start(mw_host_loop(host), &deadline->timer);
}

/* Runs the loop until the condition holds; the test has failed when that takes too long. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        struct deadline deadline_;                                                                 \
        begin_deadline(&deadline_);                                                                \
        while (!(condition) && !deadline_.is_late)                                                 \
            ev_run(mw_host_loop(host), EVRUN_ONCE);                                                \
        ev_timer_stop(mw_host_loop(host), &deadline_.timer);                                       \
        if (deadline_.is_late) {                                                                   \
            printf("%s:%d: waited %.0f s for %s\n", __FILE__, __LINE__, patience, #condition);     \
            test_failures++;                                                                       \
        }                                                                                          \
    } while (0)

/* Runs the loop until there were `count` events of the kind. */
static inline const struct heard *wait_for(enum mw_event_kind kind, size_t count)
{
    int before = test_failures;
    WAIT_UNTIL(heard[kind].count >= count);
    if (test_failures != before)
        printf("no event %s\n", mw_event_name(kind));
    return &heard[kind];
}

/* What can be done now is done. */
static inline void run_turns(int count)
{
    for (int turn = 0; turn < count; turn++)
        ev_run(mw_host_loop(host), EVRUN_NOWAIT);
}

/* The server ----------------------------------------------------------------------------------- */

/* A host and a server that listens; returns the listener's id. */
static inline uint64_t open_server(bool is_tls, int *port)
{
    struct mw_listen_options options = {.cert_file = is_tls ? cert_file : NULL,
                                        .key_file = is_tls ? key_file : NULL};
    forget_heard();
    hook = NULL;
    on_lookup = NULL;
    host = mw_host_new(&err);
    mw_host_set_recorder(host, host_recorder);
    server = mw_server_new(host, &err);
    mw_host_listen(host, note_event, NULL);
    uint64_t listener = mw_server_listen(server, &options, port, &err);
    CHECK(listener != 0);
    CHECK(*port > 0);
    return listener;
}

static inline void close_server(void)
{
    mw_server_free(server);
    mw_host_free(host);
}

/* A socket at a port of its own, at which nobody listens. */
static inline int bound_socket(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, len), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static inline int open_files(void)
{
    int count = 0;
    DIR *list = opendir("/proc/self/fd");
    while (readdir(list))
        count++;
    (void)closedir(list);
    return count;
}

/* Runs the cases with a certificate that is made for them. */
static inline int loopback_main(const struct test_case *cases, size_t count)
{
    char dir[] = "/tmp/moonwire-test-XXXXXX";
    if (!mkdtemp(dir) || mw_certificate_make(dir, &err) < 0) {
        printf("%s\n0 passed, 1 failed\n", err.text);
        return 1;
    }
    (void)snprintf(ca_file, sizeof ca_file, "%s/ca.pem", dir);
    (void)snprintf(cert_file, sizeof cert_file, "%s/server.pem", dir);
    (void)snprintf(key_file, sizeof key_file, "%s/server.key", dir);
    int result = test_main(cases, count);
    forget_heard();
    (void)unlink(ca_file);
    (void)unlink(cert_file);
    (void)unlink(key_file);
    (void)rmdir(dir);
    return result;
}

#endif
