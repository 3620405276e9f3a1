/* server.h: HTTP/1.1 and WebSocket server on the host's loop, for simulators: libwebsockets
 * accepts, speaks TLS and moves the bytes; requests and frames are read here, so that whoever
 * answers sees them byte for byte and can also misbehave on purpose. Loopback only. */
#ifndef MW_SERVER_H
#define MW_SERVER_H

#include "host.h"

struct mw_server;

struct mw_listen_options {
    int port; /* 0: any free one */
    const char *cert_file, *key_file; /* NULL: without TLS */
};

struct mw_reply {
    int status;
    const char *headers; /* lines "Name: value\r\n", or "" */
    const char *body;
    size_t body_len;
};

MW_MUST_USE struct mw_server *mw_server_new(struct mw_host *host, struct mw_err *err);
void mw_server_free(struct mw_server *server); /* takes NULL; connections end without events */

/* Listens on 127.0.0.1. Returns the listener's id, which is num2 in all its events, and the port.
 * */
MW_MUST_USE uint64_t mw_server_listen(struct mw_server *server,
                                      const struct mw_listen_options *options, int *port,
                                      struct mw_err *err);

/* Answers a server_request. -1 when the client is gone or it was answered already. */
MW_MUST_USE int mw_server_reply(struct mw_server *server, uint64_t id, const struct mw_reply *reply,
                                struct mw_err *err);

/* Refuses an upgrade; only while its server_upgrade event is handled. */
MW_MUST_USE int mw_server_refuse(struct mw_server *server, uint64_t id,
                                 const struct mw_reply *reply, struct mw_err *err);

/* Frames to a WebSocket client; -1 when it is gone. */
MW_MUST_USE int mw_server_send(struct mw_server *server, uint64_t id, int opcode, const char *data,
                               size_t len, struct mw_err *err);
/* Bytes as they are: for faults. */
MW_MUST_USE int mw_server_send_raw(struct mw_server *server, uint64_t id, const char *data,
                                   size_t len, struct mw_err *err);
/* Close frame; the connection ends when the peer has answered or left. Nothing is told or sent
 * any more. */
void mw_server_close(struct mw_server *server, uint64_t id, int code, const char *reason);

/* Closes TCP without a word; half_open: keeps it, reads and writes nothing any more. */
void mw_server_drop(struct mw_server *server, uint64_t id, bool half_open);

#endif
