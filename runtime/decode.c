#include "digits.h"
#include "json_scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

static const char *parse_value(struct mw_decoder *d, const char *p, struct mw_schema_node *node,
                               int depth);

struct mw_decoder *mw_decoder_new(const char *const *paths, size_t count, struct mw_err *err)
{
    struct mw_decoder *d = calloc(1, sizeof *d);
    if (!d) {
        mw_err_set(err, "decoder: out of memory");
        return NULL;
    }
    if (mw_schema_init(&d->schema, paths, count, err) < 0)
        goto fail;
    d->view.row_width = d->schema.row_width;
    d->view.head = calloc(d->schema.head_width + 1, sizeof *d->view.head);
    if (!d->view.head) {
        mw_err_set(err, "out of memory");
        goto fail;
    }
    d->fields[MW_SCHEMA_HEAD] = d->view.head;
    d->fields[MW_SCHEMA_UNUSED] = &d->unused;
    return d;
fail:
    mw_err_context(err, "decoder");
    mw_decoder_free(d);
    return NULL;
}

void mw_decoder_free(struct mw_decoder *d)
{
    if (!d)
        return;
    mw_schema_fini(&d->schema);
    free(d->view.head);
    free(d->view.rows);
    free(d->scratch);
    free(d);
}

struct mw_decoder_view *mw_decoder_view(struct mw_decoder *d)
{
    return &d->view;
}

int mw_decoder_set_words(struct mw_decoder *d, size_t path, const char *const *words, size_t count,
                         struct mw_err *err)
{
    struct mw_schema_node *leaf = path < d->schema.leaf_count ? d->schema.leaves[path] : NULL;
    if (!leaf || leaf->words || count > UINT8_MAX) {
        mw_err_set(err, "words of path %zu: no such path, or it has some, or more than 255", path);
        return -1;
    }
    leaf->words = calloc(count + 1, sizeof *leaf->words);
    if (!leaf->words) {
        mw_err_set(err, "out of memory");
        return -1;
    }
    leaf->word_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        if (!mw_schema_set_text(&leaf->words[i], words[i], strlen(words[i]))) {
            mw_err_set(err, "word \"%s\" of path %zu: at most %d bytes", words[i], path,
                       MW_SCHEMA_TEXT_MAX);
            return -1;
        }
    }
    return 0;
}

/* Containers ----------------------------------------------------------------------------------- */

static struct mw_schema_node *find_child(struct mw_schema_node *parent, const struct mw_field *key)
{
    for (struct mw_schema_node *child = parent->children; child; child = child->next)
        if (child->name && child->name_len == key->len &&
            memcmp(child->name, key->text, key->len) == 0)
            return child;
    return NULL;
}

static inline struct mw_field *field_of(struct mw_decoder *d, const struct mw_schema_node *node)
{
    return node ? d->fields[node->fields] + node->at : &d->unused;
}

static inline uint8_t find_word(const struct mw_schema_node *node, const struct mw_field *field,
                                size_t room)
{
    for (uint32_t i = 0; i < node->word_count; i++)
        if (node->words[i].len == field->len && is_known(field->text, room, &node->words[i]))
            return (uint8_t)(i + 1);
    return 0;
}

/* A string, behind its opening quote. */
static ALWAYS_INLINE const char *parse_text(struct mw_decoder *d, const char *p,
                                            const struct mw_schema_node *node)
{
    struct mw_field *field = field_of(d, node);
    const char *start = p, *end = d->end;
    p = find_special(p, end);
    if (p < end && *p == '"') {
        field->text = start;
        field->len = (uint32_t)(p++ - start);
    } else {
        p = parse_string(d, start, field);
        if (!p)
            return NULL;
    }
    field->type = MW_FIELD_STRING;
    field->word = 0;
    if (node && node->word_count) {
        if (field->text != start) /* unescaped: it is in our own buffer, which has its own end */
            end = d->scratch + d->scratch_cap;
        field->word = find_word(node, field, (size_t)(end - field->text));
    }
    return p;
}

/* Reads a member's name, at its quote, and the colon; leaves the schema's child in d->child. What
 * is here, from `start` to the value, is remembered when it stands without blanks and escapes. */
static const char *parse_name_of(struct mw_decoder *d, const char *start, const char *p,
                                 struct mw_schema_node *parent, unsigned place)
{
    struct mw_field key;
    bool is_tight = p - start <= 1;
    if (p >= d->end || *p != '"')
        return mw_scan_fail(d, p, "a member's name expected");
    const char *behind = parse_string(d, p + 1, &key);
    if (!behind)
        return NULL;
    is_tight = is_tight && key.text == p + 1 && behind < d->end && *behind == ':';
    p = skip_blanks(d, behind);
    if (p >= d->end || *p != ':')
        return mw_scan_fail(d, p, "':' expected");
    d->child = parent ? find_child(parent, &key) : NULL;
    if (parent && place < MW_SCHEMA_SEEN_MAX && is_tight) {
        bool is_text = p + 1 < d->end && p[1] == '"';
        mw_schema_remember(&parent->seen[place], start, (size_t)(p + 1 + is_text - start), d->child,
                           is_text);
    }
    return p + 1;
}

/* A member that is not what stood at this place the last time, or the end of the object, which
 * d->is_closed says. `p` is behind the opening brace or the member before. */
static __attribute__((noinline)) const char *parse_member(struct mw_decoder *d, const char *p,
                                                          struct mw_schema_node *parent,
                                                          unsigned place, int depth)
{
    const char *start = p = skip_blanks(d, p);
    d->is_closed = p < d->end && *p == '}';
    if (d->is_closed)
        return p + 1;
    if (place > 0) {
        if (p >= d->end || *p != ',')
            return mw_scan_fail(d, p, "',' or '}' expected");
        p = skip_blanks(d, p + 1);
    }
    p = parse_name_of(d, start, p, parent, place);
    return p ? parse_value(d, skip_blanks(d, p), d->child, depth + 1) : NULL;
}

/* Members come in the same order message after message: what stood at each place the last time,
 * from the comma before the name to the quote of the value, is compared as one text. */
static const char *parse_object(struct mw_decoder *d, const char *p, struct mw_schema_node *node,
                                int depth)
{
    struct mw_schema_node *wanted = node && node->seen ? node : NULL;
    static const struct mw_schema_seen nothing;
    const struct mw_schema_seen *seen = wanted ? wanted->seen : &nothing;
    p = skip_blanks(d, p + 1);
    for (unsigned place = 0;; place++) {
        if (seen->text.len && is_known(p, (size_t)(d->end - p), &seen->text)) {
            p += seen->text.len;
            if (seen->is_text)
                p = parse_text(d, p, seen->child);
            else
                p = parse_value(d, skip_blanks(d, p), seen->child, depth + 1);
            if (!p)
                return NULL;
        } else {
            p = parse_member(d, p, wanted, place, depth);
            if (!p || d->is_closed)
                break;
        }
        seen +=
            wanted && place < MW_SCHEMA_SEEN_MAX; /* at the last one, which is empty, it stays */
    }
    d->is_closed = false;
    return p;
}

static bool begin_row(struct mw_decoder *d)
{
    struct mw_decoder_view *view = &d->view;
    if (view->row_count == d->row_capacity) {
        uint32_t capacity = d->row_capacity ? d->row_capacity * 2 : 16;
        struct mw_field *grown =
            capacity > MW_DECODE_ROWS_MAX
                ? NULL
                : realloc(view->rows, (size_t)capacity * view->row_width * sizeof *grown);
        if (!grown)
            return false;
        view->rows = grown;
        d->row_capacity = capacity;
    }
    struct mw_field *row = view->rows + (size_t)view->row_count++ * view->row_width;
    memset(row, 0, view->row_width * sizeof *row);
    d->fields[MW_SCHEMA_ROW] = row;
    return true;
}

static struct mw_schema_node *child_at(struct mw_schema_node *node, uint32_t position)
{
    for (struct mw_schema_node *child = node->children; child; child = child->next)
        if (!child->name && (child->is_rows || child->position == position))
            return child;
    return NULL;
}

static const char *parse_array(struct mw_decoder *d, const char *p, struct mw_schema_node *node,
                               int depth)
{
    p = skip_blanks(d, p + 1);
    if (p < d->end && *p == ']')
        return p + 1;
    for (uint32_t position = 0;; position++) {
        struct mw_schema_node *child = node ? child_at(node, position) : NULL;
        if (child && child->is_rows && position == 0 && d->view.row_count)
            return mw_scan_fail(d, p, "the rows only once expected");
        if (child && child->is_rows && !begin_row(d))
            return mw_scan_fail(d, p, "no more rows can be held");
        p = parse_value(d, p, child, depth + 1);
        if (!p)
            return NULL;
        p = skip_blanks(d, p);
        if (p < d->end && *p == ',')
            p = skip_blanks(d, p + 1);
        else if (p < d->end && *p == ']')
            return p + 1;
        else
            return mw_scan_fail(d, p, "',' or ']' expected");
    }
}

static const char *parse_value(struct mw_decoder *d, const char *p, struct mw_schema_node *node,
                               int depth)
{
    const char *start = p;
    uint8_t type;
    if (p >= d->end)
        return mw_scan_fail(d, p, "a value expected");
    if (*p == '"')
        return parse_text(d, p + 1, node);
    if (*p == '{' || *p == '[') {
        if (depth >= MW_DECODE_DEPTH_MAX)
            return mw_scan_fail(d, p, "nesting of at most 64 expected");
        type = *p == '{' ? MW_FIELD_OBJECT : MW_FIELD_ARRAY;
        p = *p == '{' ? parse_object(d, p, node, depth) : parse_array(d, p, node, depth);
    } else if (*p == 't') {
        type = MW_FIELD_TRUE;
        p = parse_name(d, p, "true", 4);
    } else if (*p == 'f') {
        type = MW_FIELD_FALSE;
        p = parse_name(d, p, "false", 5);
    } else if (*p == 'n') {
        type = MW_FIELD_NULL;
        p = parse_name(d, p, "null", 4);
    } else {
        type = MW_FIELD_NUMBER;
        p = parse_number(d, p);
    }
    if (!p)
        return NULL;
    struct mw_field *field = field_of(d, node); /* not before: the rows may have moved */
    field->type = type;
    field->word = 0;
    field->text = start;
    field->len = (uint32_t)(p - start);
    return p;
}

/* A message ------------------------------------------------------------------------------------ */

void mw_decoder_start(struct mw_decoder *d, const char *text, size_t len)
{
    d->message = d->at = text;
    d->end = text + len;
    d->scratch_len = 0;
}

/* Behind a text that was read: the end of its line. NULL when more stands there. */
static const char *end_of_line(struct mw_decoder *d, const char *p)
{
    while (p < d->end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    if (p < d->end && *p != '\n')
        return mw_scan_fail(d, p, "the end of the line expected");
    return skip_blanks(d, p);
}

int mw_decoder_next(struct mw_decoder *d)
{
    const char *p = skip_blanks(d, d->at);
    struct mw_decoder_view *view = &d->view;
    size_t scratch_before = d->scratch_len;
    memset(view->head, 0, d->schema.head_width * sizeof *view->head);
    view->row_count = view->has_more = 0;
    if (p >= d->end)
        return 0;
    view->text = p;
    const char *behind = parse_value(d, p, &d->schema.root, 0);
    if (behind) {
        view->text_len = (size_t)(behind - p);
        behind = end_of_line(d, behind);
    }
    if (!behind) {
        const char *line_break = memchr(p, '\n', (size_t)(d->end - p));
        d->at = line_break ? skip_blanks(d, line_break) : d->end;
        d->scratch_len = scratch_before; /* lines of this text may be read again */
        memset(view->head, 0, d->schema.head_width * sizeof *view->head);
        view->row_count = 0;
    } else {
        d->at = behind;
    }
    view->has_more = d->at < d->end;
    return behind ? 1 : -1;
}

int mw_decoder_read(struct mw_decoder *d, const char *text, size_t len)
{
    mw_decoder_start(d, text, len);
    return mw_decoder_next(d);
}

double mw_field_integer(const struct mw_field *field)
{
    if ((field->type != MW_FIELD_NUMBER && field->type != MW_FIELD_STRING) || field->len > 17)
        return NAN;
    const char *p = field->text, *end = p + field->len, *behind;
    bool negative = p < end && *p == '-';
    p += negative;
    uint64_t value = mw_read_digits(0, p, end, &behind);
    if (p == end || behind < end || value > UINT64_C(9007199254740992))
        return NAN;
    return negative ? -(double)value : (double)value;
}

double mw_text_integer(const char *text, size_t len)
{
    const char *behind;
    if (len == 0 || len > 15 || text[0] == '0')
        return NAN;
    uint64_t value = mw_read_digits(0, text, text + len, &behind);
    return behind == text + len ? (double)value : NAN;
}

int mw_field_is(const struct mw_field *field, const char *text, size_t len)
{
    return field->type == MW_FIELD_STRING && field->len == len &&
           memcmp(field->text, text, len) == 0;
}

int mw_field_decimal(struct mw_decimal *out, const struct mw_field *field)
{
    if (field->type != MW_FIELD_NUMBER && field->type != MW_FIELD_STRING)
        return -1;
    return mw_decimal_parse(out, field->text, field->len);
}

int mw_field_units(struct mw_decimal *out, const struct mw_field *field, int decimals)
{
    return mw_field_decimal(out, field) == 0 ? mw_decimal_to_units(out, decimals) : -1;
}
