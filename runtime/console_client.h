/* console_client.h: one client of the console; private to console.c and console_client.c. */
#ifndef MW_CONSOLE_CLIENT_H
#define MW_CONSOLE_CLIENT_H

#include "buffer.h"
#include "console.h"

#include <stdbool.h>

struct client {
    struct mw_console *console;
    struct client *next;
    ev_io readable, writable;
    ev_timer timer;        /* the next line, or the end of an end */
    int fd, flags;         /* flags: what it had before; others may have it open as well */
    uint64_t id, listener; /* listener: 0 on the other side */
    struct mw_buffer in, out;
    size_t scanned; /* of what is in use of `in`, without LF */
    bool is_ending, has_ended;
};

struct listener;

struct mw_console {
    struct mw_host *host;
    struct listener *listeners;
    struct client *clients;
    int count; /* of clients that came to us */
};

/* Takes `fd` in any case. NULL and `err` when it cannot. */
struct client *mw_client_add(struct mw_console *console, int fd, struct mw_err *err);
/* NULL when it is gone, or on its way out. */
struct client *mw_client_find(struct mw_console *console, uint64_t id);
void mw_client_emit(struct client *client, struct mw_event *event);
/* Its last line; of what waits for it nothing but the line that has left in part stays. */
void mw_client_send_away(struct client *client, const char *why);
/* Nothing more is heard of any; what can be sent at once is. */
void mw_client_end_all(struct mw_console *console);

#endif
