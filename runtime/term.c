#include "term.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

enum { PROMPT_MAX = 512, WIDTH = 80, HISTORY_BYTES = 1024 * 1024, END_KEY = 4 };

struct mw_term {
    struct mw_host *host;
    uint64_t id;
    EditLine *editor;
    History *history;
    char *history_path; /* or NULL */
    ev_io input;
    ev_signal resized, continued;
    char prompt[PROMPT_MAX];
    uint64_t keys, completed_at; /* how many were read, now and when completion was asked for */
    bool is_editing, wants_completion;
    bool is_draining, is_drained; /* what libedit put back is read, and nothing else */
};

uint64_t mw_term_id(const struct mw_term *term)
{
    return term->id;
}

int mw_term_width(const struct mw_term *term)
{
    struct winsize size;
    (void)term;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : WIDTH;
}

/* The screen ---------------------------------------------------------------------------------- */

static void put(const char *text, size_t len)
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

/* Columns of a text; what is no text counts a column a byte. */
static size_t columns_of(const char *text, size_t len)
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

/* Takes the line that is being typed off the screen; the cursor is where its prompt began. */
static void erase(struct mw_term *term)
{
    const LineInfo *line = el_line(term->editor);
    size_t before = columns_of(term->prompt, strlen(term->prompt)) +
                    columns_of(line->buffer, (size_t)(line->cursor - line->buffer));
    size_t rows = before / (size_t)mw_term_width(term);
    char up[32] = "\r";
    if (rows)
        (void)snprintf(up, sizeof up, "\r\033[%zuA", rows);
    (void)fflush(stdout); /* what libedit has written so far; the next write tells of a failure */
    put(up, strlen(up));
    put("\033[J", 3);
}

static void redraw(struct mw_term *term)
{
    (void)el_set(term->editor, EL_REFRESH);
}

void mw_term_print(struct mw_term *term, const char *text, size_t len)
{
    if (term->is_editing)
        erase(term);
    put(text, len);
    put("\n", 1);
    if (term->is_editing)
        redraw(term);
}

/* Editing ------------------------------------------------------------------------------------- */

static char *prompt_of(EditLine *editor)
{
    struct mw_term *term = NULL;
    (void)el_get(editor, EL_CLIENTDATA, &term); /* it was set before the prompt was */
    return term->prompt;
}

static unsigned char on_tab(EditLine *editor, wint_t key)
{
    struct mw_term *term = NULL;
    (void)key;
    (void)el_get(editor, EL_CLIENTDATA, &term); /* as above */
    term->wants_completion = true;
    return CC_NORM;
}

/* Unbuffered, libedit reads a key a call; it makes the terminal raw and shows the prompt here. */
static void begin(struct mw_term *term)
{
    if (term->is_editing)
        return;
    term->is_editing = true;
    (void)el_set(term->editor, EL_UNBUFFERED, 1);
    ev_io_start(mw_host_loop(term->host), &term->input);
}

static void end(struct mw_term *term)
{
    if (!term->is_editing)
        return;
    term->is_editing = false;
    ev_io_stop(mw_host_loop(term->host), &term->input);
    (void)el_set(term->editor, EL_UNBUFFERED, 0);
}

void mw_term_prompt(struct mw_term *term, const char *prompt)
{
    if (term->is_editing)
        erase(term);
    (void)snprintf(term->prompt, sizeof term->prompt, "%s", prompt);
    if (term->is_editing)
        redraw(term);
    begin(term);
}

void mw_term_drop(struct mw_term *term)
{
    if (!term->is_editing)
        return;
    end(term);
    put("^C\n", 3);
}

void mw_term_insert(struct mw_term *term, const char *text)
{
    if (!term->is_editing || term->keys != term->completed_at)
        return;
    erase(term);
    (void)el_insertstr(term->editor, text); /* a line that is full stays as it is */
    redraw(term);
}

static void emit(struct mw_term *term, enum mw_term_what what, const char *data, size_t len)
{
    struct mw_event event = {
        .kind = MW_EVENT_term, .id = term->id, .num = what, .data = data, .len = len};
    mw_host_emit(term->host, &event);
}

/* A copy: what the handler does may change libedit's. */
static void emit_text(struct mw_term *term, enum mw_term_what what, const char *text, size_t len)
{
    char *copy = malloc(len + 1);
    if (!copy)
        return;
    memcpy(copy, text, len);
    copy[len] = '\0';
    emit(term, what, copy, len);
    free(copy);
}

/* One character. What libedit put back for itself (the key that ends a search) is not seen here: it
 * is drained after each key, because the descriptor does not tell of it. */
static int read_character(EditLine *editor, wchar_t *c)
{
    struct mw_term *term = NULL;
    mbstate_t state = {0};
    (void)el_get(editor, EL_CLIENTDATA, &term); /* as above */
    term->is_drained = term->is_draining;
    while (!term->is_draining) {
        char byte;
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        term->keys++;
        size_t size = mbrtowc(c, &byte, 1, &state);
        if (size == 1 || size == 0)
            return 1;
        if (size == (size_t)-1)
            memset(&state, 0, sizeof state); /* no character: it is passed over */
    }
    errno = EAGAIN;
    return -1;
}

/* What one call of libedit made of a key. True when the line is over. */
static bool take_key(struct mw_term *term)
{
    int count = 0;
    const char *text = el_gets(term->editor, &count);
    /* Unbuffered, libedit gives the key of an empty line back; buffered, it would give nothing. */
    if ((!text && count == 0) || (text && count == 1 && text[0] == END_KEY)) {
        end(term);
        put("\n", 1);
        emit(term, MW_TERM_END, NULL, 0);
        return true;
    }
    if (text && count > 0 && (text[count - 1] == '\n' || text[count - 1] == '\r')) {
        end(term);
        emit_text(term, MW_TERM_LINE, text, (size_t)count - 1);
        return true;
    }
    return false;
}

static void read_key(struct mw_term *term)
{
    term->is_draining = term->is_drained = false;
    bool is_over = take_key(term);
    term->is_draining = true;
    while (!is_over && !term->is_drained)
        is_over = take_key(term);
    if (is_over || !term->wants_completion)
        return;
    const LineInfo *line = el_line(term->editor);
    term->wants_completion = false;
    term->completed_at = term->keys;
    emit_text(term, MW_TERM_COMPLETE, line->buffer, (size_t)(line->cursor - line->buffer));
}

static void on_input(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mw_term *term = io->data;
    struct pollfd state = {.fd = STDIN_FILENO, .events = POLLIN};
    (void)loop;
    (void)revents;
    if (poll(&state, 1, 0) == 1 && state.revents & (POLLHUP | POLLERR | POLLNVAL)) {
        end(term);
        emit(term, MW_TERM_END, NULL, 0);
        return;
    }
    read_key(term);
}

static void on_resize(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    struct mw_term *term = watcher->data;
    (void)loop;
    (void)revents;
    el_resize(term->editor);
    if (!term->is_editing)
        return;
    erase(term);
    redraw(term);
}

/* It was stopped (Ctrl-Z), and whoever had the terminal meanwhile left it cooked. */
static void on_continue(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    struct mw_term *term = watcher->data;
    (void)loop;
    (void)revents;
    if (!term->is_editing)
        return;
    (void)el_set(term->editor, EL_PREP_TERM, 1);
    redraw(term);
}

/* History ------------------------------------------------------------------------------------- */

static void enter(struct mw_term *term, const char *line)
{
    HistEvent event;
    (void)history(term->history, &event, H_ENTER, line); /* without memory it is not remembered */
}

/* What is beyond the limit is left out for good. */
static void trim(const struct mw_term *term, const char *text)
{
    char path[4096];
    int len = snprintf(path, sizeof path, "%s.new", term->history_path);
    if (len < 0 || (size_t)len >= sizeof path)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* it is trimmed another time */
    size_t size = strlen(text);
    bool is_whole = write(fd, text, size) == (ssize_t)size;
    if (close(fd) < 0 || !is_whole || rename(path, term->history_path) < 0)
        (void)unlink(path); /* the old one stays */
}

/* The last lines of the file, which others may have written. */
static void load_history(struct mw_term *term)
{
    char *text = malloc(HISTORY_BYTES + 1);
    int fd = open(term->history_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (!text || fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        goto out;
    off_t from = status.st_size > HISTORY_BYTES ? status.st_size - HISTORY_BYTES : 0;
    ssize_t len = pread(fd, text, HISTORY_BYTES, from);
    if (len <= 0)
        goto out;
    text[len] = '\0';
    char *line = text + len;
    int lines = 0;
    while (line > text && lines <= MW_TERM_HISTORY)
        lines += *--line == '\n';
    if (lines > MW_TERM_HISTORY)
        trim(term, ++line);
    for (char *lf; (lf = strchr(line, '\n')); line = lf + 1) {
        *lf = '\0';
        enter(term, line);
    }
out:
    free(text);
    if (fd >= 0)
        (void)close(fd); /* nothing was written */
}

void mw_term_remember(struct mw_term *term, const char *line)
{
    size_t len = strlen(line);
    if (!len || strchr(line, '\n'))
        return;
    enter(term, line);
    int fd = term->history_path ? open(term->history_path,
                                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)
                                : -1;
    char *text = fd < 0 ? NULL : malloc(len + 1);
    if (text) {
        memcpy(text, line, len);
        text[len] = '\n';
        /* One write a line: several prompts may share the file. What fails is not remembered. */
        (void)!write(fd, text, len + 1);
    }
    free(text);
    if (fd >= 0)
        (void)close(fd); /* as above */
}

/* Begin and end ------------------------------------------------------------------------------- */

static int open_history(struct mw_term *term, const char *path, struct mw_err *err)
{
    HistEvent event;
    term->history = history_init();
    if (!term->history || (path && !(term->history_path = strdup(path)))) {
        mw_err_set(err, "out of memory");
        return -1;
    }
    (void)history(term->history, &event, H_SETSIZE, (int)MW_TERM_HISTORY);
    (void)history(term->history, &event, H_SETUNIQUE, 1); /* these fail for no such number */
    if (term->history_path)
        load_history(term);
    return 0;
}

static int open_editor(struct mw_term *term, struct mw_err *err)
{
    (void)setlocale(LC_CTYPE, ""); /* without it, bytes */
    term->editor = el_init("moonwire", stdin, stdout, stderr);
    if (!term->editor) {
        mw_err_set(err, "the terminal cannot be used for editing lines");
        return -1;
    }
    (void)el_set(term->editor, EL_CLIENTDATA, term);
    (void)el_set(term->editor, EL_PROMPT, prompt_of);
    (void)el_set(term->editor, EL_GETCFN, read_character);
    (void)el_set(term->editor, EL_HIST, history, term->history);
    (void)el_set(term->editor, EL_EDITOR, "emacs");
    (void)el_set(term->editor, EL_SIGNAL, 0);
    /* (Wide, because libedit never frees the copies that it makes of other names.) */
    (void)el_wset(term->editor, EL_ADDFN, L"moonwire-complete", L"completes a name", on_tab);
    (void)el_set(term->editor, EL_BIND, "^I", "moonwire-complete", NULL);
    (void)el_set(term->editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_source(term->editor, NULL); /* the user's own ~/.editrc, if there is one */
    return 0;
}

static void watch_signal(struct mw_term *term, ev_signal *watcher, int number,
                         void (*handler)(struct ev_loop *, ev_signal *, int))
{
    ev_signal_init(watcher, handler, number);
    watcher->data = term;
    ev_signal_start(mw_host_loop(term->host), watcher);
}

struct mw_term *mw_term_open(struct mw_host *host, const char *history_path, struct mw_err *err)
{
    struct mw_term *term = calloc(1, sizeof *term);
    if (!term) {
        mw_err_set(err, "out of memory");
        return NULL;
    }
    term->host = host;
    term->id = mw_host_next_id(host);
    ev_io_init(&term->input, on_input, STDIN_FILENO, EV_READ);
    term->input.data = term;
    watch_signal(term, &term->resized, SIGWINCH, on_resize);
    watch_signal(term, &term->continued, SIGCONT, on_continue);
    if (open_history(term, history_path, err) == 0 && open_editor(term, err) == 0)
        return term;
    mw_term_close(term);
    return NULL;
}

void mw_term_close(struct mw_term *term)
{
    if (!term)
        return;
    if (term->editor) {
        end(term);
        el_end(term->editor);
    }
    if (term->history)
        history_end(term->history);
    ev_signal_stop(mw_host_loop(term->host), &term->resized);
    ev_signal_stop(mw_host_loop(term->host), &term->continued);
    free(term->history_path);
    free(term);
}
