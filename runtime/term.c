#include "term.h"

#include "history.h"
#include "keys.h"
#include "tty.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROMPT_MAX = 512 };
static const ev_tstamp torn_seconds = 0.05; /* the bytes of a key come together */
enum { END_KEY = 4, ABORT_KEY = 7, ESCAPE = 27 };

struct mw_term {
    struct mw_host *host;
    uint64_t id;
    EditLine *editor;
    struct mw_history *history;
    struct mw_keys typed;
    ev_io input;
    ev_timer torn; /* the rest of a key is waited for */
    ev_signal resized, continued;
    char prompt[PROMPT_MAX];
    uint64_t reads, completed_at; /* how many were read, now and when completion was asked for */
    bool is_editing, wants_completion;
    bool is_draining, is_drained; /* what libedit put back is read, and what has come */
    bool is_in_key;            /* libedit has the thread: for a key and those that belong to it */
    bool is_first, has_escape; /* of these the first is asked for; one is given once more */
    bool is_held, has_screen;  /* in place of lines; then */
    struct termios cooked;     /* is what the terminal was before */
    bool wants_drop, wants_begin; /* for the time after that key, */
    bool has_aborted;             /* which was told */
    bool is_gone;                 /* the terminal hung up */
};

uint64_t mw_term_id(const struct mw_term *term)
{
    return term->id;
}

int mw_term_width(const struct mw_term *term)
{
    (void)term;
    return mw_tty_width();
}

int mw_term_height(const struct mw_term *term)
{
    (void)term;
    return mw_tty_height();
}

/* The screen ---------------------------------------------------------------------------------- */

/* Takes the line that is being typed off the screen; the cursor is where its prompt began. */
static void erase(struct mw_term *term)
{
    const LineInfo *line = el_line(term->editor);
    size_t before = mw_tty_columns(term->prompt, strlen(term->prompt)) +
                    mw_tty_columns(line->buffer, (size_t)(line->cursor - line->buffer));
    size_t rows = before / (size_t)mw_term_width(term);
    char up[32] = "\r";
    if (rows)
        (void)snprintf(up, sizeof up, "\r\033[%zuA", rows);
    (void)fflush(stdout); /* what libedit has written so far; the next write tells of a failure */
    mw_tty_put(up, strlen(up));
    mw_tty_put("\033[J", 3);
}

static void redraw(struct mw_term *term)
{
    (void)el_set(term->editor, EL_REFRESH);
}

void mw_term_print(struct mw_term *term, const char *text, size_t len)
{
    if (term->is_editing)
        erase(term);
    mw_tty_put(text, len);
    mw_tty_put("\n", 1);
    if (term->is_editing)
        redraw(term);
}

/* In place of lines --------------------------------------------------------------------------- */

/* What was typed is looked at, now and from now on. */
static void listen_to(struct mw_term *term)
{
    ev_io_start(mw_host_loop(term->host), &term->input);
    if (term->typed.len)
        ev_feed_event(mw_host_loop(term->host), &term->input, EV_READ);
}

void mw_term_hold(struct mw_term *term)
{
    if (term->is_editing || (!term->is_held && mw_tty_take_keys(&term->cooked) < 0))
        return; /* a terminal that has gone is noticed where it is read */
    term->is_held = true;
    listen_to(term);
}

void mw_term_screen(struct mw_term *term, const char *text, size_t len)
{
    mw_term_hold(term);
    if (!term->is_held)
        return;
    if (!term->has_screen)
        mw_tty_enter_screen();
    term->has_screen = true;
    mw_tty_put(text, len);
}

void mw_term_lines(struct mw_term *term)
{
    if (!term->is_held)
        return;
    if (term->has_screen)
        mw_tty_leave_screen();
    term->is_held = term->has_screen = false;
    ev_io_stop(mw_host_loop(term->host), &term->input);
    ev_timer_stop(mw_host_loop(term->host), &term->torn);
    mw_tty_give_keys_back(&term->cooked);
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
    listen_to(term);
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
    term->wants_begin = term->wants_drop;
    begin(term);
}

bool mw_term_drop(struct mw_term *term)
{
    if (!term->is_editing)
        return false;
    term->wants_drop = term->is_in_key;
    if (term->wants_drop)
        return true; /* libedit is in the middle of something, which it ends first */
    bool has_text = el_line(term->editor)->lastchar > el_line(term->editor)->buffer;
    end(term);
    mw_tty_put("^C\n", 3);
    return has_text;
}

void mw_term_insert(struct mw_term *term, const char *text)
{
    if (!term->is_editing || term->reads != term->completed_at)
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

/* A key has begun what others end (a search, a sequence): the loop goes on until the next one
 * comes. False when none will, because the line is given up or all of it ends. */
static bool wait_for_key(struct mw_term *term)
{
    while (!mw_keys_are_there(&term->typed) && !term->wants_drop && !mw_host_is_stopped(term->host))
        (void)ev_run(mw_host_loop(term->host), EVRUN_ONCE);
    return !term->wants_drop && !mw_host_is_stopped(term->host);
}

/* The next byte, or none yet while what libedit put back is drained, or 0 at the end. */
static int read_byte(struct mw_term *term, char *byte)
{
    bool is_first = term->is_first;
    term->is_first = false;
    if (term->has_escape) {
        term->has_escape = false;
        *byte = ESCAPE;
        return 1;
    }
    if (term->is_draining && !mw_keys_are_there(&term->typed)) {
        term->is_drained = true;
        errno = EAGAIN;
        return -1;
    }
    term->is_draining = false;
    if (!wait_for_key(term)) {
        *byte = ABORT_KEY; /* ends a search well; what goes on asking is told that no more comes */
        bool aborts = term->wants_drop && !term->has_aborted;
        term->has_aborted = true;
        return aborts;
    }
    ssize_t got = mw_keys_get(&term->typed, byte);
    term->reads += got > 0;
    term->is_gone = got <= 0;
    /* A search ends with the escape of an arrow key and forgets it: the rest would be typed. */
    term->has_escape = got > 0 && !is_first && *byte == ESCAPE && mw_keys_are_there(&term->typed);
    return (int)got;
}

/* One character. What libedit put back for itself (the key that ends a search) is not seen here: it
 * is drained after each key, because the descriptor does not tell of it. */
static int read_character(EditLine *editor, wchar_t *c)
{
    struct mw_term *term = NULL;
    mbstate_t state = {0};
    (void)el_get(editor, EL_CLIENTDATA, &term); /* as above */
    for (;;) {
        char byte;
        int got = read_byte(term, &byte);
        if (got <= 0)
            return got;
        size_t size = mbrtowc(c, &byte, 1, &state);
        if (size == 1 || size == 0)
            return 1;
        if (size == (size_t)-1)
            memset(&state, 0, sizeof state); /* no character: it is passed over */
    }
}

/* What one call of libedit made of a key. True when the line is over. */
static bool take_key(struct mw_term *term)
{
    int count = 0;
    term->is_in_key = term->is_first = true;
    const char *text = el_gets(term->editor, &count);
    term->is_in_key = false;
    if (term->wants_drop)
        return false;
    /* Unbuffered, libedit gives the key of an empty line back; buffered, it would give nothing. */
    if ((!text && count == 0) || (text && count == 1 && text[0] == END_KEY)) {
        end(term);
        mw_tty_put("\n", 1);
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

/* What was asked for while libedit had the thread. */
static void drop_late(struct mw_term *term)
{
    bool begins = term->wants_begin;
    term->wants_drop = term->wants_begin = false;
    (void)mw_term_drop(term); /* whoever asked for it was told */
    if (begins)
        begin(term);
}

/* The terminal is gone: what there was of a line is nothing. */
static void hang_up(struct mw_term *term)
{
    mw_term_lines(term);
    end(term);
    emit(term, MW_TERM_END, NULL, 0);
}

static void read_key(struct mw_term *term)
{
    term->is_draining = term->is_drained = term->has_aborted = false;
    bool is_over = take_key(term);
    while (!is_over && !term->is_drained && !term->wants_drop && !term->is_gone) {
        term->is_draining = true;
        is_over = take_key(term);
    }
    if (term->is_gone && !is_over) { /* amid a search or a sequence, which would ask for ever */
        hang_up(term);
        return;
    }
    if (term->wants_drop)
        drop_late(term);
    if (is_over || !term->wants_completion)
        return;
    const LineInfo *line = el_line(term->editor);
    term->wants_completion = false;
    term->completed_at = term->reads;
    emit_text(term, MW_TERM_COMPLETE, line->buffer, (size_t)(line->cursor - line->buffer));
}

/* The first key, whatever it is, is told of once. */
static void take_any_key(struct mw_term *term, bool is_late)
{
    size_t size;
    enum mw_key key = mw_keys_first(&term->typed, &size);
    if (key == MW_KEY_TORN && !is_late) {
        ev_timer_set(&term->torn, torn_seconds, 0.);
        ev_timer_start(mw_host_loop(term->host), &term->torn);
        return;
    }
    if (key != MW_KEY_TEXT)
        mw_keys_drop(&term->typed, size);
    ev_io_stop(mw_host_loop(term->host), &term->input);
    emit(term, MW_TERM_KEY, NULL, 0);
}

static void on_torn(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    take_any_key(timer->data, true);
}

static void read_any_key(struct mw_term *term, bool has_more)
{
    bool is_wanted = ev_is_active(&term->torn) || !term->typed.len;
    if (is_wanted && !has_more)
        return;
    if (is_wanted && mw_keys_fill(&term->typed) == 0) {
        hang_up(term);
        return;
    }
    ev_timer_stop(mw_host_loop(term->host), &term->torn);
    if (term->typed.len)
        take_any_key(term, false);
}

static void on_input(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mw_term *term = io->data;
    struct pollfd state = {.fd = STDIN_FILENO, .events = POLLIN};
    (void)loop;
    (void)revents;
    if (term->is_in_key)
        return; /* it is waited for in wait_for_key */
    bool has_more = poll(&state, 1, 0) == 1;
    if (state.revents & (POLLHUP | POLLERR | POLLNVAL))
        hang_up(term);
    else if (term->is_held)
        read_any_key(term, has_more);
    else
        read_key(term);
}

static void on_resize(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    struct mw_term *term = watcher->data;
    (void)loop;
    (void)revents;
    el_resize(term->editor);
    if (term->is_editing) {
        erase(term);
        redraw(term);
    }
    emit(term, MW_TERM_SIZE, NULL, 0);
}

/* It was stopped (Ctrl-Z), and whoever had the terminal meanwhile left it cooked. */
static void on_continue(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    struct mw_term *term = watcher->data;
    (void)loop;
    (void)revents;
    struct termios left;
    term->has_screen = false; /* the next text enters it anew */
    if ((term->is_held && mw_tty_take_keys(&left) < 0) || !term->is_editing)
        return;
    (void)el_set(term->editor, EL_PREP_TERM, 1);
    redraw(term);
}

void mw_term_remember(struct mw_term *term, const char *line)
{
    mw_history_add(term->history, line);
}

/* Begin and end ------------------------------------------------------------------------------- */

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
    (void)el_set(term->editor, EL_HIST, history, mw_history_list(term->history));
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
    ev_init(&term->torn, on_torn);
    term->input.data = term->torn.data = term;
    watch_signal(term, &term->resized, SIGWINCH, on_resize);
    watch_signal(term, &term->continued, SIGCONT, on_continue);
    term->history = mw_history_open(history_path, err);
    if (term->history && open_editor(term, err) == 0)
        return term;
    mw_term_close(term);
    return NULL;
}

void mw_term_close(struct mw_term *term)
{
    if (!term)
        return;
    mw_term_lines(term);
    if (term->editor) {
        if (term->is_editing && !term->is_gone)
            mw_tty_put("\n", 1); /* what was being typed stays, and what comes next is below it */
        end(term);
        el_end(term->editor);
    }
    mw_history_close(term->history);
    ev_signal_stop(mw_host_loop(term->host), &term->resized);
    ev_signal_stop(mw_host_loop(term->host), &term->continued);
    free(term);
}
