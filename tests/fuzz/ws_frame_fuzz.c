/* Any bytes as a WebSocket stream. Checked: what is read does not depend on how the bytes arrive,
 * limits hold, a text is UTF-8, and a frame that we write is read back. */
#include "fuzz.h"
#include "json_oracle.h"
#include "ws_frame.h"

enum { LIMIT = 300, CONTROL_MAX = 125, MESSAGES_MAX = 64 };

struct stream {
    const uint8_t *data;
    size_t size, at, piece; /* at most `piece` bytes at once; 0: all there is */
    bool has_pause;         /* between two pieces nothing is there for a moment */
    bool is_paused;
};

static ssize_t read_stream(void *arg, uint8_t *buf, size_t len)
{
    struct stream *stream = arg;
    size_t left = stream->size - stream->at;
    if (left == 0)
        return -1;
    if (stream->has_pause && (stream->is_paused = !stream->is_paused))
        return 0;
    size_t got = left < len ? left : len;
    if (stream->piece && got > stream->piece)
        got = stream->piece;
    memcpy(buf, stream->data + stream->at, got);
    stream->at += got;
    return (ssize_t)got;
}

/* A reading of the whole stream, as a list that can be compared. */
struct reading {
    struct {
        int opcode, close_code;
        size_t len;
        char data[LIMIT];
    } messages[MESSAGES_MAX];
    size_t count;
    enum mw_ws_read_result end;
    int violation_code;
};

static void check_message(const struct mw_ws_message *message)
{
    bool is_control = message->opcode >= MW_WS_CLOSE;
    MUST(message->len <= (is_control ? (size_t)CONTROL_MAX : (size_t)LIMIT), "%zu", message->len);
    MUST(message->data || !message->len, "no data");
    if (message->opcode == MW_WS_TEXT || message->opcode == MW_WS_CLOSE)
        MUST(oracle_utf8(message->data, message->len), "opcode %d", message->opcode);
    if (message->opcode == MW_WS_CLOSE)
        MUST(message->close_code == 0 ? message->len == 0 : message->close_code >= 1000, "code %d",
             message->close_code);
    MUST(message->opcode == MW_WS_TEXT || message->opcode == MW_WS_BINARY ||
             (is_control && message->opcode <= MW_WS_PONG), "opcode %d", message->opcode);
}

static void read_all(struct stream *stream, bool from_client, struct reading *reading)
{
    struct mw_err err = {""};
    struct mw_ws_message message = {0};
    struct mw_ws_reader *reader = mw_ws_reader_new(read_stream, stream, LIMIT, from_client, &err);
    MUST(reader, "%s", err.text);
    reading->count = 0;
    reading->violation_code = 0;
    while (reading->count < MESSAGES_MAX) {
        reading->end = mw_ws_reader_next(reader, &message, &err);
        if (reading->end == MW_WS_AGAIN) {
            MUST(stream->has_pause, "waits although the stream does not pause");
            continue;
        }
        if (reading->end != MW_WS_MESSAGE)
            break;
        check_message(&message);
        reading->messages[reading->count].opcode = message.opcode;
        reading->messages[reading->count].len = message.len;
        reading->messages[reading->count].close_code =
            message.opcode == MW_WS_CLOSE ? message.close_code : 0;
        if (message.len)
            memcpy(reading->messages[reading->count].data, message.data, message.len);
        reading->count++;
    }
    if (reading->count) /* 5.1: the client's frames are masked, and no others */
        MUST(from_client == (stream->data[1] >= 0x80), "the mask of a frame from the other side");
    if (reading->end == MW_WS_VIOLATION) {
        reading->violation_code = message.close_code;
        MUST(message.close_code == 1002 || message.close_code == 1007 || message.close_code == 1009,
             "%d", message.close_code);
        MUST(err.text[0], "a violation without a reason");
    }
    mw_ws_reader_free(reader);
}

static void check_same(const struct reading *a, const struct reading *b, size_t piece)
{
    MUST(a->end == b->end && a->violation_code == b->violation_code,
         "at once: end %d code %d; by %zu bytes: end %d code %d", a->end, a->violation_code, piece,
         b->end, b->violation_code);
    MUST(a->count == b->count, "%zu and %zu messages", a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        MUST(a->messages[i].opcode == b->messages[i].opcode &&
                 a->messages[i].close_code == b->messages[i].close_code &&
                 a->messages[i].len == b->messages[i].len &&
                 memcmp(a->messages[i].data, b->messages[i].data, a->messages[i].len) == 0,
             "message %zu depends on how it arrives", i);
}

/* The bytes as the payload of a binary message of our own. */
static void check_round_trip(const uint8_t *data, size_t size, bool is_masked)
{
    static struct reading reading;
    uint8_t frame[LIMIT + 14], mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t len = size < LIMIT ? size : LIMIT;
    size_t frame_len = mw_ws_frame_write(frame, MW_WS_BINARY, is_masked ? mask : NULL,
                                         len ? (const char *)data : "", len);
    MUST(frame_len <= len + 14, "%zu bytes for %zu", frame_len, len);
    struct stream stream = {.data = frame, .size = frame_len};
    read_all(&stream, is_masked, &reading);
    MUST(reading.count == 1 && reading.end == MW_WS_ENDED, "%zu messages", reading.count);
    MUST(reading.messages[0].opcode == MW_WS_BINARY && reading.messages[0].len == len &&
             memcmp(reading.messages[0].data, data, len) == 0,
         "another message than was written");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct reading whole, pieces;
    uint8_t choice = fuzz_byte(&data, &size);
    bool from_client = choice & 1;
    struct stream stream = {.data = data, .size = size};
    read_all(&stream, from_client, &whole);
    stream = (struct stream){
        .data = data, .size = size, .piece = (choice >> 2) + 1u, .has_pause = choice & 2};
    read_all(&stream, from_client, &pieces);
    check_same(&whole, &pieces, stream.piece);
    if (size)
        check_round_trip(data, size, from_client);
    return 0;
}
