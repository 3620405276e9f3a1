#include "counter.h"

#include <string.h>

static const char DIGITS[] = "0123456789abcdefghijklmnopqrstuvwxyz";

void mw_counter_next(struct mw_counter *counter)
{
    char *first = counter->text + counter->digits_at, last = DIGITS[counter->base - 1];
    for (char *digit = counter->text + counter->len; digit > first; *digit = '0')
        if (*--digit != last) {
            if (*digit == '9')
                *digit = 'a';
            else
                ++*digit;
            return;
        }
    if (counter->len == sizeof counter->text)
        return;
    memmove(first + 1, first, counter->len++ - counter->digits_at);
    *first = '1';
}
