/* Any bytes as a message of one or several JSON texts. Checked against the oracle: what is taken
 * and what is refused, where the reader goes on, and every field of every row. */
#include "decode.h"
#include "fuzz.h"
#include "json_oracle.h"

#include <math.h>

enum { PATHS_MAX = 16 };

static const char *const words[] = {"NEW", "FILL", "\xc3\xa9", ""};

struct shape {
    const char *paths[PATHS_MAX];
    const char *rows; /* what stands in front of [] */
    size_t with_words; /* the number of the path whose strings are looked up in `words` */
};

static const struct shape shapes[] = {
    {{"id", "error.code", "error.message", "connect.ttl", "push.disconnect.reason",
      "push.pub.data[].eventType", "push.pub.data[].order.status", "push.pub.data[].order.price",
      "push.pub.data[].order.fill.qty", "push.pub.data[].order.fill"}, "push.pub.data", 6},
    {{"[0]", "[1].a", "[3][1]", "[3][0].b", "[4]"}, NULL, 0},
    {{"[]", "[].a", "[].b[2]", "[].b[0].c"}, "", 1},
    {{"a", "a.b", "a.b.c", "a.d[].e", "f"}, "a.d", 4},
    {{"result.channel", "result.data.data", "\xc3\xa9", "x y.z"}, NULL, 2},
};

struct check {
    const struct shape *shape;
    struct mw_decoder *decoder;
    const char *start, *end; /* the text that is read */
    char *room;              /* as large as the message */
};

/* Follows a path from `p`. `*is_doubtful` is set when a container on the way stands twice: which of
 * its members count is not compared. */
static const char *follow(const struct check *check, const char *p, const char *path,
                          bool *is_doubtful)
{
    while (p && *path) {
        if (*path == '[') {
            char *stop;
            size_t position = strtoul(path + 1, &stop, 10);
            p = oracle_element(p, check->end, position);
            path = stop + 1;
        } else {
            int times;
            path += *path == '.';
            size_t len = strcspn(path, ".[");
            p = oracle_member(p, check->end, path, len, check->room, &times);
            path += len;
            *is_doubtful |= times > 1 && *path;
        }
    }
    return p;
}

static double integer_of(const char *text, size_t len)
{
    size_t sign = len > 0 && text[0] == '-', digits = 0;
    while (sign + digits < len && text[sign + digits] >= '0' && text[sign + digits] <= '9')
        digits++;
    if (digits == 0 || sign + digits != len)
        return NAN;
    int64_t value = 0;
    for (size_t i = 0; i < digits && value <= INT64_C(1) << 53; i++)
        value = value * 10 + (text[sign + i] - '0');
    return value > INT64_C(1) << 53 ? NAN : (double)(sign ? -value : value);
}

static void check_text(const struct mw_field *field, const char *text, size_t len, const char *path)
{
    MUST(field->len == len && (len == 0 || memcmp(field->text, text, len) == 0),
         "%s is \"%.*s\", expected \"%.*s\"", path, (int)field->len, field->text, (int)len, text);
    if (field->type == MW_FIELD_OBJECT || field->type == MW_FIELD_ARRAY)
        return;
    double found = mw_field_integer(field), expected = integer_of(text, len);
    MUST(found == expected || (isnan(found) && isnan(expected)), "%s is %g, expected %g", path,
         found, expected);
}

static uint8_t word_of(const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
            return (uint8_t)(i + 1);
    return 0;
}

/* One field against the value that stands at `p` (NULL: none does). */
static void check_field(const struct check *check, const struct mw_field *field, const char *p,
                        size_t path)
{
    static const char begins[] = "?\" tfn{[";
    const char *name = check->shape->paths[path], *found = p ? strchr(begins, *p) : NULL;
    int type = !p ? MW_FIELD_ABSENT : found ? (int)(found - begins) : MW_FIELD_NUMBER;
    MUST(field->type == type, "%s has type %d, expected %d", name, field->type, type);
    if (type != MW_FIELD_NUMBER && type != MW_FIELD_STRING)
        MUST(isnan(mw_field_integer(field)), "%s of type %d has a number", name, type);
    if (type == MW_FIELD_STRING) {
        size_t len = oracle_unescape(p, check->end, check->room);
        check_text(field, check->room, len, name);
        uint8_t word = path == check->shape->with_words ? word_of(check->room, len) : 0;
        MUST(field->word == word, "%s is word %d, expected %d", name, field->word, word);
    } else if (type == MW_FIELD_NUMBER || type == MW_FIELD_OBJECT || type == MW_FIELD_ARRAY) {
        check_text(field, p, (size_t)(oracle_value(p, check->end, 0) - p), name);
        MUST(field->word == 0, "%s is a word", name);
    }
}

/* Whether the rows stand twice, which the decoder refuses though it is JSON. */
static bool has_rows_twice(const struct check *check)
{
    const char *rows = check->shape->rows, *last = rows ? strrchr(rows, '.') : NULL;
    char before[64] = "";
    bool is_twice = false;
    int times = 0;
    if (!last)
        return false;
    memcpy(before, rows, (size_t)(last - rows));
    const char *parent = follow(check, check->start, before, &is_twice);
    (void)oracle_member(parent, check->end, last + 1, strlen(last + 1), check->room, &times);
    (void)follow(check, check->start, rows, &is_twice);
    return is_twice || times > 1;
}

/* The paths into a row, for each of them; those beside it, from the root. */
static void check_fields(const struct check *check)
{
    const struct mw_decoder_view *view = mw_decoder_view(check->decoder);
    const char *rows = NULL;
    size_t count = 0;
    bool is_doubtful = false;
    if (check->shape->rows)
        rows = follow(check, check->start, check->shape->rows, &is_doubtful);
    is_doubtful |= has_rows_twice(check);
    while (oracle_element(rows, check->end, count))
        count++;
    MUST(is_doubtful || view->row_count == count, "%u rows, expected %zu", view->row_count, count);
    size_t head_slot = 0, row_slot = 0;
    for (size_t i = 0; i < PATHS_MAX && check->shape->paths[i]; i++) {
        const char *path = check->shape->paths[i], *in_row = strstr(path, "[]");
        if (!in_row) {
            bool is_twice = false;
            const char *p = follow(check, check->start, path, &is_twice);
            if (!is_twice)
                check_field(check, &view->head[head_slot], p, i);
            head_slot++;
            continue;
        }
        for (size_t row = 0; !is_doubtful && row < count; row++) {
            bool is_twice = false;
            const char *p = oracle_element(rows, check->end, row);
            p = follow(check, p, in_row + 2, &is_twice);
            if (!is_twice)
                check_field(check, &view->rows[row * view->row_width + row_slot], p, i);
        }
        row_slot++;
    }
}

/* Reads a message to its end beside the oracle. */
static void check_message(struct check *check, const char *message, size_t size)
{
    const struct mw_decoder_view *view = mw_decoder_view(check->decoder);
    const char *at = message, *end = message + size;
    check->end = end;
    mw_decoder_start(check->decoder, message, size);
    for (;;) {
        const char *start = oracle_blanks(at, end), *behind = NULL;
        if (start < end)
            behind = oracle_value(start, end, 0);
        while (behind && behind < end && *behind != '\n' && oracle_is_blank(*behind))
            behind++;
        int expected = start == end ? 0 : behind && (behind == end || *behind == '\n') ? 1 : -1;
        int result = mw_decoder_next(check->decoder);
        check->start = start;
        if (result == -1 && expected == 1 && has_rows_twice(check))
            expected = -1;
        MUST(result == expected, "at %zu: %d, expected %d", (size_t)(start - message), result,
             expected);
        if (result == 0)
            return;
        if (result == 1) {
            MUST(view->text == start &&
                     view->text + view->text_len == oracle_value(start, end, 0), "another text");
            check_fields(check);
            at = behind;
        } else {
            MUST(view->row_count == 0, "%u rows of a bad text", view->row_count);
            MUST(strncmp(view->error, "offset ", 7) == 0, "%s", view->error);
            size_t offset = strtoul(view->error + 7, NULL, 10);
            MUST(offset <= size && message + offset >= start, "%s of %zu", view->error, size);
            const char *line_break = memchr(start, '\n', (size_t)(end - start));
            at = line_break ? line_break + 1 : end;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mw_err err = {""};
    size_t choice = fuzz_byte(&data, &size) % (sizeof shapes / sizeof *shapes);
    struct check check = {.shape = &shapes[choice]};
    size_t count = 0;
    while (count < PATHS_MAX && check.shape->paths[count])
        count++;
    check.decoder = mw_decoder_new(check.shape->paths, count, &err);
    check.room = malloc(size + 1);
    MUST(check.decoder && check.room, "%s", err.text);
    MUST(mw_decoder_set_words(check.decoder, check.shape->with_words, words,
                              sizeof words / sizeof *words, &err) == 0, "%s", err.text);
    const char *message = fuzz_guarded(data, size);
    check_message(&check, message, size);
    check_message(&check, message, size); /* nothing of the first reading is left */
    free(check.room);
    mw_decoder_free(check.decoder);
    return 0;
}
