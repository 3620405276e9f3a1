/* event.h: everything that can happen outside, one list. An event enters Lua through one door
 * (script.c), with a sequence number and a time that the host gives it.
 *
 * X(kind, what `data`, `text`, `num` carry)                                                     */
#ifndef MW_EVENT_H
#define MW_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MW_EVENT_KINDS(X)                                                                          \
    X(start, "-")                                                                                  \
    X(signal, "num: signal number")                                                                \
    X(timer, "-")                                                                                  \
    X(ws_open, "text: response headers")                                                           \
    X(ws_message, "data: the message; num: 1 text, 2 binary")                                      \
    X(ws_ping, "data: payload (already answered by the host)")                                     \
    X(ws_pong, "data: payload")                                                                    \
    X(ws_close, "num: close code, 0 without one; data: body of a refused handshake; text: reason;" \
                " num2: HTTP status of a refused handshake, 0 otherwise")                          \
    X(http_done, "num: status, 0 when there was no answer; num2: 1 when the request may have"      \
                 " reached the server; data: body; text: headers, or the error when num is 0")     \
    X(server_request, "data: body; text: METHOD SP target LF headers, one a line")                 \
    X(server_upgrade, "text: as server_request; the handler may refuse before it returns")         \
    X(server_ws_open, "-")                                                                         \
    X(server_ws_message, "data: the message; num: 1 text, 2 binary")                               \
    X(server_ws_pong, "data: payload")                                                             \
    X(server_ws_close, "num: close code, 0 without one; data: reason")                             \
    X(server_ws_ping, "data: payload (already answered by the host)")                              \
    X(file_changed, "data: the paths of watched files that changed together, each ended by NUL")   \
    X(console_open, "num: the client's process; num2, of all three: the listener, or 0")           \
    X(console_line, "data: the line, without LF")                                                  \
    X(console_close, "text: why it was sent away, or empty")                                       \
    X(term, "num: enum mw_term_what; data: the line, or the line up to the cursor")                \
    X(compiled, "data: bytecode; text: without it, what is wrong with the text")

#define MW_EVENT_ENUM(kind, carries) MW_EVENT_##kind,
enum mw_event_kind { MW_EVENT_KINDS(MW_EVENT_ENUM) MW_EVENT_COUNT };

struct mw_event {
    uint32_t kind;    /* enum mw_event_kind */
    uint64_t seq;     /* set by mw_host_emit: 1, 2, 3, ... */
    int64_t time_ns;  /* set by mw_host_emit: UTC since 1970 */
    uint64_t id;      /* connection, request or timer; never reused */
    const char *data; /* the sender's buffer: good until the handler returns. May be NULL. */
    size_t len;
    const char *text; /* likewise */
    size_t text_len;
    int64_t num, num2;
    bool is_secret; /* data and text bring a secret, or what is recorded elsewhere: not recorded */
};

const char *mw_event_name(uint32_t kind); /* "ws_open"; "?" for an unknown kind */

#endif
