#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void mw_err_set(struct mw_err *err, const char *format, ...)
{
    if (!err)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args); /* a long text is cut, by design */
    va_end(args);
}

void mw_err_context(struct mw_err *err, const char *format, ...)
{
    if (!err)
        return;
    char old[MW_ERR_MAX];
    memcpy(old, err->text, sizeof old);
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (used < 0 || (size_t)used + 3 > sizeof err->text)
        return;
    char *out = err->text + used;
    size_t room = sizeof err->text - (size_t)used - 3, len = strlen(old);
    memcpy(out, ": ", 2);
    memcpy(out + 2, old, len < room ? len : room);
    out[2 + (len < room ? len : room)] = '\0';
}
