#include "resolve.h"
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* The system's look-up, replaced by one that answers when the test says so ------------------------
 */

static sem_t answer;
static atomic_int asked, freed;

int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints,
                struct addrinfo **addresses)
{
    atomic_fetch_add(&asked, 1);
    if (strcmp(name, "slow.test") == 0)
        while (sem_wait(&answer) != 0)
            continue;
    if (strcmp(name, "nowhere.test") == 0)
        return EAI_NONAME;
    struct sockaddr_in *address = calloc(1, sizeof *address);
    *addresses = calloc(1, sizeof **addresses);
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    (*addresses)->ai_socktype = hints->ai_socktype;
    (*addresses)->ai_addr = (struct sockaddr *)address;
    return 0;
}

void freeaddrinfo(struct addrinfo *addresses)
{
    atomic_fetch_add(&freed, 1);
    free(addresses->ai_addr);
    free(addresses);
}

static struct mw_host *host;
static struct mw_resolver *resolver;
static struct mw_err err;
static int done;

static void open_all(void)
{
    atomic_store(&asked, 0);
    atomic_store(&freed, 0);
    done = 0;
    host = mw_host_new(&err);
    resolver = mw_resolver_new(host, &err);
    CHECK(resolver);
}

static void close_all(void)
{
    mw_resolver_free(resolver);
    mw_host_free(host);
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    *(bool *)timer->data = true;
}

static void wait_for(int count)
{
    bool is_late = false;
    ev_timer deadline;
    ev_timer_init(&deadline, on_deadline, 20., 0.);
    deadline.data = &is_late;
    ev_timer_start(mw_host_loop(host), &deadline);
    while (done < count && !is_late)
        ev_run(mw_host_loop(host), EVRUN_ONCE);
    ev_timer_stop(mw_host_loop(host), &deadline);
    CHECK(!is_late);
}

struct result {
    int order, port;
    char error[100];
};

static void on_resolved(void *arg, struct addrinfo *addresses, const char *error)
{
    struct result *result = arg;
    result->order = ++done;
    CHECK((addresses == NULL) == (error != NULL));
    (void)snprintf(result->error, sizeof result->error, "%s", error ? error : "");
    if (!addresses)
        return;
    result->port = ntohs(((struct sockaddr_in *)(void *)addresses->ai_addr)->sin_port);
    CHECK_INT(addresses->ai_socktype, SOCK_STREAM);
    freeaddrinfo(addresses);
}

static void resolved(void)
{
    struct result result = {0};
    char name[] = "fast.test", port[] = "443";
    open_all();
    CHECK(mw_resolve(resolver, name, port, on_resolved, &result, &err));
    memset(name, '?', sizeof name - 1); /* both were copied */
    memset(port, '9', sizeof port - 1);
    CHECK_INT(done, 0); /* never from inside the call */
    wait_for(1);
    CHECK_TEXT(result.error, "");
    CHECK_INT(result.port, 443);
    close_all();
    CHECK_INT(atomic_load(&freed), 1);
}

static void unknown(void)
{
    struct result result = {0};
    open_all();
    CHECK(mw_resolve(resolver, "nowhere.test", "443", on_resolved, &result, &err));
    wait_for(1);
    CHECK_TEXT(result.error, "Name or service not known");
    close_all();
}

static void not_blocked(void)
{
    struct result slow = {0}, fast[20] = {{0}};
    open_all();
    CHECK(mw_resolve(resolver, "slow.test", "1", on_resolved, &slow, &err));
    for (int i = 0; i < 20; i++) {
        char port[12];
        (void)snprintf(port, sizeof port, "%d", 100 + i);
        CHECK(mw_resolve(resolver, "fast.test", port, on_resolved, &fast[i], &err));
    }
    wait_for(20); /* the loop turns, and others are found, while one waits */
    CHECK_INT(slow.order, 0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(fast[i].port, 100 + i);
    (void)sem_post(&answer);
    wait_for(21);
    CHECK_INT(slow.order, 21);
    CHECK_INT(slow.port, 1);
    close_all();
    CHECK_INT(atomic_load(&freed), 21);
}

static void canceled(void)
{
    struct result slow = {0}, fast = {0};
    open_all();
    struct mw_lookup *lookup = mw_resolve(resolver, "slow.test", "1", on_resolved, &slow, &err);
    CHECK(lookup);
    mw_resolve_cancel(lookup);
    CHECK(mw_resolve(resolver, "fast.test", "2", on_resolved, &fast, &err));
    wait_for(1);
    (void)sem_post(&answer);
    while (atomic_load(&freed) < 2) /* its addresses are freed, and nobody is called */
        ev_run(mw_host_loop(host), EVRUN_NOWAIT);
    CHECK_INT(done, 1);
    CHECK_INT(slow.order, 0);
    close_all();
}

static void freed_under_way(void)
{
    struct result result = {0};
    open_all();
    for (int i = 0; i < 5; i++)
        CHECK(mw_resolve(resolver, i % 2 ? "slow.test" : "nowhere.test", "1", on_resolved, &result,
                         &err));
    while (atomic_load(&asked) < 5) /* the threads begin */
        (void)sched_yield();
    close_all(); /* waits for none that hangs */
    CHECK_INT(atomic_load(&freed), 0);
    for (int i = 0; i < 2; i++)
        (void)sem_post(&answer);
    while (atomic_load(&freed) < 2) /* they end, and leave nothing */
        (void)sched_yield();
    CHECK_INT(done, 0);
    mw_resolver_free(NULL);
}

static void no_reason_to_stay(void)
{
    open_all();
    CHECK(!ev_run(mw_host_loop(host), 0)); /* with nothing under way the loop ends at once */
    close_all();
}

static const struct test_case cases[] = {
    {"a name is looked up, and the answer comes from the loop", resolved},
    {"a name that nobody knows is an error in words", unknown},
    {"a look-up that hangs holds nobody up", not_blocked},
    {"a canceled look-up calls nobody and leaks nothing", canceled},
    {"look-ups under way end with the resolver", freed_under_way},
    {"a resolver is no reason for a loop to go on", no_reason_to_stay},
};

int main(void)
{
    (void)sem_init(&answer, 0, 0);
    int result = test_main(cases, sizeof cases / sizeof cases[0]);
    (void)sem_destroy(&answer);
    return result;
}
