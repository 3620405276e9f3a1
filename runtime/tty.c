#include "tty.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { WIDTH = 80, HEIGHT = 24 };

void mw_tty_put(const char *text, size_t len)
{
    while (len) {
        ssize_t written = write(STDOUT_FILENO, text, len);
        if (written < 0 && errno != EINTR)
            return; /* the terminal has gone: that is noticed where it is read */
        if (written > 0) {
            text += written;
            len -= (size_t)written;
        }
    }
}

int mw_tty_width(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : WIDTH;
}

int mw_tty_height(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row ? size.ws_row : HEIGHT;
}

int mw_tty_take_keys(struct termios *before)
{
    if (tcgetattr(STDIN_FILENO, before) < 0)
        return -1;
    struct termios raw = *before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    return tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void mw_tty_give_keys_back(const struct termios *before)
{
    (void)tcsetattr(STDIN_FILENO, TCSANOW, before); /* fails when it has gone */
}

void mw_tty_enter_screen(void)
{
    static const char enter[] = "\033[?1049h\033[?25l";
    mw_tty_put(enter, sizeof enter - 1);
}

void mw_tty_leave_screen(void)
{
    static const char leave[] = "\033[?25h\033[?1049l";
    mw_tty_put(leave, sizeof leave - 1);
}

size_t mw_tty_columns(const char *text, size_t len)
{
    mbstate_t state = {0};
    size_t columns = 0;
    while (len) {
        wchar_t c;
        size_t size = mbrtowc(&c, text, len, &state);
        if (size == 0 || size > len) {
            memset(&state, 0, sizeof state);
            size = 1;
            c = L'?';
        }
        int width = wcwidth(c);
        columns += width > 0 ? (size_t)width : width < 0;
        text += size;
        len -= size;
    }
    return columns;
}
