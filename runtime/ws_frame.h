/* ws_frame.h: reads WebSocket messages (RFC 6455, either side) from a stream of bytes. */
#ifndef MW_WS_FRAME_H
#define MW_WS_FRAME_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum mw_ws_opcode {
    MW_WS_TEXT = 1,
    MW_WS_BINARY = 2,
    MW_WS_CLOSE = 8,
    MW_WS_PING = 9,
    MW_WS_PONG = 10,
};

/* Reads up to `len` bytes: how many, 0 when none are there now, -1 when there will be none. */
typedef ssize_t mw_ws_read_fn(void *arg, uint8_t *buf, size_t len);

struct mw_ws_message {
    int opcode;
    const char *data; /* of a close: the reason */
    size_t len;
    int close_code; /* of a close: 0 without one */
};

struct mw_ws_reader;

/* from_client: frames must be masked; otherwise they must not be. */
MW_MUST_USE struct mw_ws_reader *mw_ws_reader_new(mw_ws_read_fn *read, void *arg, size_t limit,
                                                  bool from_client, struct mw_err *err);
void mw_ws_reader_free(struct mw_ws_reader *reader); /* takes NULL */

enum mw_ws_read_result { MW_WS_AGAIN, MW_WS_MESSAGE, MW_WS_ENDED, MW_WS_VIOLATION };

/* The next whole message. Its data stands in the reader's buffers until the next call. A whole
 * unfragmented one is not copied. On MW_WS_VIOLATION `close_code` is what the peer should be told,
 * and `err` why. */
enum mw_ws_read_result mw_ws_reader_next(struct mw_ws_reader *reader, struct mw_ws_message *message,
                                         struct mw_err *err);

/* Writes header and payload to `out` (len + 14 bytes), masked unless `mask` is NULL; returns the
 * length. */
size_t mw_ws_frame_write(uint8_t *out, int opcode, const uint8_t *mask, const char *data,
                         size_t len);

#endif
