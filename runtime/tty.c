#include "tty.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

int mw_tty_enter_screen(struct termios *before)
{
    static const char enter[] = "\033[?1049h\033[?25l";
    if (tcgetattr(STDIN_FILENO, before) < 0)
        return -1;
    struct termios raw = *before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
        return -1;
    mw_tty_put(enter, sizeof enter - 1);
    return 0;
}

void mw_tty_leave_screen(const struct termios *before)
{
    static const char leave[] = "\033[?25h\033[?1049l";
    mw_tty_put(leave, sizeof leave - 1);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, before); /* fails when it has gone */
}
