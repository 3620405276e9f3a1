#include "keys.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { ESCAPE = 27, DELETE = 127 };

/* Bytes --------------------------------------------------------------------------------------- */

bool mw_keys_are_there(const struct mw_keys *keys)
{
    struct pollfd state = {.fd = STDIN_FILENO, .events = POLLIN};
    return keys->len || poll(&state, 1, 0) == 1;
}

void mw_keys_drop(struct mw_keys *keys, size_t size)
{
    keys->len -= size;
    memmove(keys->bytes, keys->bytes + size, keys->len);
}

static ssize_t read_some(char *bytes, size_t size)
{
    ssize_t got;
    do
        got = read(STDIN_FILENO, bytes, size);
    while (got < 0 && errno == EINTR);
    return got;
}

ssize_t mw_keys_get(struct mw_keys *keys, char *byte)
{
    if (!keys->len)
        return read_some(byte, 1);
    *byte = keys->bytes[0];
    mw_keys_drop(keys, 1);
    return 1;
}

ssize_t mw_keys_fill(struct mw_keys *keys)
{
    ssize_t got = read_some(keys->bytes + keys->len, sizeof keys->bytes - keys->len);
    keys->len += got > 0 ? (size_t)got : 0;
    return got;
}

/* Keys ---------------------------------------------------------------------------------------- */

/* ECMA-48 5.4: parameters and intermediate bytes, and a final one; 0 when that is not there. */
static size_t control_sequence_size(const char *bytes, size_t at, size_t len)
{
    if (at < len && bytes[at] == '[') /* the Linux console's F1 to F5: ESC [ [ A */
        at++;
    while (at < len && bytes[at] >= 0x20 && bytes[at] < 0x40)
        at++;
    return at < len ? at + 1 : 0;
}

static size_t sequence_size(const char *bytes, size_t len)
{
    size_t at = 1;
    while (at < len && bytes[at] == ESCAPE) /* Alt, or Escape pressed twice */
        at++;
    if (at == len)
        return 0;
    bool is_control = bytes[at] == '[' || bytes[at] == 'O';
    return is_control ? control_sequence_size(bytes, at + 1, len) : at + 1;
}

enum mw_key mw_keys_first(const struct mw_keys *keys, size_t *size)
{
    char first = keys->bytes[0];
    *size = 1;
    if (first == ESCAPE) {
        *size = sequence_size(keys->bytes, keys->len);
        bool is_torn = *size == 0;
        if (is_torn)
            *size = keys->len;
        return is_torn && keys->len < sizeof keys->bytes ? MW_KEY_TORN : MW_KEY_OTHER;
    }
    bool is_control = (first >= 0 && first < ' ') || first == DELETE;
    bool is_leave = first == ' ' || (first == 'q' && keys->len == 1);
    return is_control || is_leave ? MW_KEY_OTHER : MW_KEY_TEXT;
}
