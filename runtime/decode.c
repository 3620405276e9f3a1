#include "digits.h"
#include "json_scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

static const char *parse_value(struct mw_decoder *d, const char *p,
                               const struct mw_schema_node *node, int depth);

/* Stands for what the schema does not name: nothing below it is wanted either. */
static const struct mw_schema_node nobody = {.slot = -1, .fields = MW_SCHEMA_UNUSED};

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
    mw_templates_fini(&d->templates);
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

static const struct mw_schema_node *find_child(const struct mw_schema_node *parent,
                                               const struct mw_field *key)
{
    for (const struct mw_schema_node *child = parent->children; child; child = child->next)
        if (child->name && child->name_len == key->len &&
            memcmp(child->name, key->text, key->len) == 0)
            return child;
    return &nobody;
}

static inline struct mw_field *field_of(struct mw_decoder *d, const struct mw_schema_node *node)
{
    return d->fields[node->fields] + node->at;
}

static inline uint8_t find_word(const struct mw_schema_node *node, const struct mw_field *field,
                                size_t room)
{
    for (uint32_t i = 0; i < node->word_count; i++)
        if (node->words[i].len == field->len && is_known(field->text, room, &node->words[i]))
            return (uint8_t)(i + 1);
    return 0;
}

/* Where a string ends that was found to end at `p`: the same. But where it is as long as the last
 * one there, as most are, the processor reads on behind it before it has looked at its bytes: a
 * branch can be foreseen, an address that is computed from the bytes is waited for. */
static ALWAYS_INLINE const char *end_of_usual(const char *start, const char *p, uint32_t *usual_len)
{
    uint32_t len = (uint32_t)(p - start), usual = *usual_len, known = usual;
    __asm__("" : "+r"(known)); /* or a compiler would make one value of the two */
    if (len == known)
        return start + usual;
    *usual_len = len;
    return p;
}

/* A string, behind its opening quote; usual_len: NULL where it stands for the first time. */
static ALWAYS_INLINE const char *parse_text(struct mw_decoder *d, const char *p,
                                            const struct mw_schema_node *node, uint32_t *usual_len)
{
    struct mw_field *field = field_of(d, node);
    const char *start = p, *end = d->end;
    p = find_special(p, end);
    if (usual_len)
        p = end_of_usual(start, p, usual_len);
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
    if (node->word_count) {
        if (field->text != start) /* unescaped: it is in our own buffer, which has its own end */
            end = d->scratch + d->scratch_cap;
        field->word = find_word(node, field, (size_t)(end - field->text));
    }
    return p;
}

/* Reads a member's name, at its quote, and the colon; finds the schema's child. */
static const char *parse_name_of(struct mw_decoder *d, const char *p,
                                 const struct mw_schema_node *parent,
                                 const struct mw_schema_node **child)
{
    struct mw_field key;
    if (p >= d->end || *p != '"')
        return mw_scan_fail(d, p, "a member's name expected");
    p = parse_string(d, p + 1, &key);
    if (!p)
        return NULL;
    p = skip_blanks(d, p);
    if (p >= d->end || *p != ':')
        return mw_scan_fail(d, p, "':' expected");
    *child = find_child(parent, &key);
    return p + 1;
}

static const char *parse_object(struct mw_decoder *d, const char *p,
                                const struct mw_schema_node *node, int depth)
{
    p = skip_blanks(d, p + 1);
    if (p < d->end && *p == '}')
        return p + 1;
    for (;;) {
        const struct mw_schema_node *child = NULL;
        p = parse_name_of(d, p, node, &child);
        if (p)
            p = parse_value(d, skip_blanks(d, p), child, depth + 1);
        if (!p)
            return NULL;
        p = skip_blanks(d, p);
        if (p < d->end && *p == '}')
            return p + 1;
        if (p >= d->end || *p != ',')
            return mw_scan_fail(d, p, "',' or '}' expected");
        p = skip_blanks(d, p + 1);
    }
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

/* The first of these that is for elements of an array: rows, or positions from the lowest on. */
static const struct mw_schema_node *first_element(const struct mw_schema_node *child)
{
    while (child && child->name)
        child = child->next;
    return child;
}

static const char *parse_array(struct mw_decoder *d, const char *p,
                               const struct mw_schema_node *node, int depth)
{
    p = skip_blanks(d, p + 1);
    if (p < d->end && *p == ']')
        return p + 1;
    const struct mw_schema_node *next = first_element(node->children);
    for (uint32_t position = 0;; position++) {
        bool is_wanted = next && (next->is_rows || next->position == position);
        const struct mw_schema_node *child = is_wanted ? next : &nobody;
        if (is_wanted && !child->is_rows)
            next = first_element(child->next);
        if (child->is_rows && position == 0 && d->view.row_count)
            return mw_scan_fail(d, p, "the rows only once expected");
        if (child->is_rows) {
            if (!begin_row(d))
                return mw_scan_fail(d, p, "no more rows can be held");
            if (d->templates.is_learning)
                mw_templates_note(&d->templates, p, p, MW_STEP_ROW, &nobody, depth);
        }
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

static const char *read_value(struct mw_decoder *d, const char *p,
                              const struct mw_schema_node *node, int depth)
{
    const char *start = p;
    uint8_t type;
    if (p >= d->end)
        return mw_scan_fail(d, p, "a value expected");
    if (*p == '"')
        return parse_text(d, p + 1, node, NULL);
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

/* Reads a value of a message that is learned. true, false and null are learned as they stand where
 * nobody wants them, and so is all of a container that only leads to what is wanted. */
static const char *learn_value(struct mw_decoder *d, const char *p,
                               const struct mw_schema_node *node, int depth)
{
    struct mw_templates *templates = &d->templates;
    const char *start = p;
    char first = '\0';
    if (p < d->end)
        first = *p;
    bool is_container = first == '{' || first == '[', is_wanted = node->slot >= 0;
    bool is_number = begins_number(p, d->end);
    if (is_container ? node->children && !is_wanted : first != '"' && !is_number && !is_wanted)
        return read_value(d, p, node, depth);
    templates->is_learning = false; /* for what is inside */
    p = read_value(d, p, node, depth);
    templates->is_learning = true;
    if (!p)
        return NULL;
    if (first == '"')
        mw_templates_note(templates, start + 1, p, MW_STEP_STRING, node, depth);
    else
        mw_templates_note(templates, start, p, is_number ? MW_STEP_NUMBER : MW_STEP_ANY, node,
                          depth);
    return p;
}

static const char *parse_value(struct mw_decoder *d, const char *p,
                               const struct mw_schema_node *node, int depth)
{
    return d->templates.is_learning ? learn_value(d, p, node, depth)
                                    : read_value(d, p, node, depth);
}

/* A message ------------------------------------------------------------------------------------ */

void mw_decoder_start(struct mw_decoder *d, const char *text, size_t len)
{
    d->message = d->at = text;
    d->end = text + len;
    d->scratch_len = 0;
}

static ALWAYS_INLINE void set_number(struct mw_decoder *d, const struct mw_schema_node *node,
                                     const char *text, const char *behind)
{
    struct mw_field *field = field_of(d, node);
    field->type = MW_FIELD_NUMBER;
    field->word = 0;
    field->text = text;
    field->len = (uint32_t)(behind - text);
}

/* Reads a message as those before it were; NULL when it differs from all of them, or is wrong. */
static const char *follow(struct mw_decoder *d, const char *p)
{
    for (struct mw_step *step = d->templates.first; step;) {
        const char *at = p + step->text.len;
        if (!is_known(p, (size_t)(d->end - p), &step->text) ||
            (step->kind == MW_STEP_NUMBER && !begins_number(at, d->end))) {
            step = step->other;
            continue;
        }
        if (__builtin_expect(step->kind == MW_STEP_STRING, 1)) { /* looked for first */
            p = parse_text(d, at, step->leaf, &step->usual_len);
        } else if (step->kind == MW_STEP_NUMBER) {
            p = parse_number(d, at);
            if (p)
                set_number(d, step->leaf, at, p);
        } else if (step->kind == MW_STEP_ANY) {
            p = read_value(d, at, step->leaf, step->depth);
        } else if (step->kind == MW_STEP_END) {
            return at;
        } else {
            p = step->kind == MW_STEP_ROW && !begin_row(d) ? NULL : at;
        }
        if (!p)
            break;
        step = step->next;
    }
    return NULL;
}

static void clear(struct mw_decoder *d)
{
    memset(d->view.head, 0, d->schema.head_width * sizeof *d->view.head);
    d->view.row_count = 0;
}

/* Reads a message, and learns what it looks like if none before it did. */
static const char *read_text(struct mw_decoder *d, const char *p)
{
    size_t scratch_before = d->scratch_len;
    const char *behind = follow(d, p);
    if (behind)
        return behind;
    clear(d);
    d->scratch_len = scratch_before;
    mw_templates_begin(&d->templates, p);
    behind = parse_value(d, p, &d->schema.root, 0);
    if (behind && d->templates.is_learning)
        mw_templates_note(&d->templates, behind, behind, MW_STEP_END, &nobody, 0);
    d->templates.is_learning = false;
    return behind;
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
    clear(d);
    view->has_more = 0;
    if (p >= d->end)
        return 0;
    view->text = p;
    const char *behind = read_text(d, p);
    if (behind) {
        view->text_len = (size_t)(behind - p);
        behind = end_of_line(d, behind);
    }
    if (!behind) {
        const char *line_break = memchr(p, '\n', (size_t)(d->end - p));
        d->at = line_break ? skip_blanks(d, line_break) : d->end;
        d->scratch_len = scratch_before; /* lines of this text may be read again */
        clear(d);
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
    const char *text = field->text;
    size_t len = field->len;
    uint64_t value;
    if (field->type != MW_FIELD_NUMBER && field->type != MW_FIELD_STRING)
        return NAN;
    bool negative = len && *text == '-';
    text += negative;
    len -= negative;
    for (; len > MW_DIGITS_MAX && *text == '0'; len--)
        text++;
    if (!mw_read_digits(text, len, &value) || value > UINT64_C(9007199254740992))
        return NAN;
    return negative ? -(double)value : (double)value;
}

double mw_text_integer(const char *text, size_t len)
{
    uint64_t value;
    if (len == 0 || len > 15 || text[0] == '0' || !mw_read_digits(text, len, &value))
        return NAN;
    return (double)value;
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
