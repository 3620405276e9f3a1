/* put.h: the server's side of shapes.h: frames written piece by piece, because a server that prints
 * them is slower than the clients. */
#ifndef BENCH_PUT_H
#define BENCH_PUT_H

#include "shapes.h"

/* The text of a message, cut where something is put in. */
struct form {
    struct piece {
        const char *text;
        size_t len;
        char put; /* behind the text; 0: nothing */
    } pieces[PIECES_MAX];
    size_t count;
};

/* False when the text has too many pieces. */
static bool cut(struct form *form, const char *text)
{
    for (form->count = 0; form->count < PIECES_MAX;) {
        size_t len = strcspn(text, ORDER NUMBER EXECUTED LEFT LEFT_1E8);
        form->pieces[form->count++] = (struct piece){text, len, text[len]};
        if (!text[len])
            return true;
        text += len + 1;
    }
    return false;
}

/* `number` in decimal, with zeros in front up to `width`. Returns the end. */
static char *put_digits(char *out, uint64_t number, int width)
{
    char digits[24];
    int n = 0;
    for (; number > 0 || n < width; number /= 10)
        digits[n++] = (char)('0' + number % 10);
    while (n > 0)
        *out++ = digits[--n];
    return out;
}

static char *put_thousandths(char *out, uint64_t number)
{
    out = put_digits(out, number / 1000, 1);
    *out++ = '.';
    return put_digits(out, number % 1000, 3);
}

/* The `number`th event in all, and the `fills`th of this order. */
struct event {
    const char *id;
    uint64_t number, fills;
};

static char *put(char *out, char what, const struct event *event)
{
    uint64_t left = (uint64_t)ORDER_QTY * 1000 - event->fills;
    size_t len = strlen(event->id);
    if (what == *ORDER) {
        memcpy(out, event->id, len);
        return out + len;
    }
    if (what == *NUMBER)
        return put_digits(out, 100000000 + event->number, 9);
    if (what == *EXECUTED)
        return put_thousandths(out, event->fills);
    if (what == *LEFT)
        return put_thousandths(out, left);
    return what == *LEFT_1E8 ? put_digits(out, left * 100000, 1) : out;
}

/* One message, of at least 126 bytes and with its head at most EVENT_MAX, as a frame. Returns its
 * length. */
static size_t put_frame(char *out, const struct form *form, const struct event *event)
{
    char *at = out + 4;
    for (size_t i = 0; i < form->count; i++) {
        const struct piece *piece = &form->pieces[i];
        memcpy(at, piece->text, piece->len);
        at = put(at + piece->len, piece->put, event);
    }
    size_t len = (size_t)(at - out) - 4;
    out[0] = (char)0x81;
    out[1] = 126;
    out[2] = (char)(len >> 8);
    out[3] = (char)len;
    return len + 4;
}

#endif
