#include "decode.h"
#include "digits.h"
#include "schema.h"
#include "utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))

struct mw_decoder {
    struct mw_decoder_view view;
    struct mw_schema schema;
    uint32_t row_capacity;
    const char *message, *end, *at; /* the message; where the next text begins */
    char *scratch;                  /* unescaped strings of this message */
    size_t scratch_len, scratch_cap;
    struct mw_field unused; /* where strings without a slot go */
    struct mw_field *row;   /* the row that is being filled */
    struct mw_schema_node *child; /* what parse_name_of found */
    bool is_closed;         /* parse_member met the end of the object */
};

static const char *parse_value(struct mw_decoder *d, const char *p,
                               struct mw_schema_node *node, int depth);

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

/* Failures: NULL travels up ----------------------------------------------------------------------
 * */

static const char *fail(struct mw_decoder *d, const char *p, const char *what)
{
    char found[24];
    if (p >= d->end)
        (void)snprintf(found, sizeof found, "the end");
    else if ((unsigned char)*p > ' ' && (unsigned char)*p < 127)
        (void)snprintf(found, sizeof found, "'%c'", *p);
    else
        (void)snprintf(found, sizeof found, "byte 0x%02x", (unsigned char)*p);
    (void)snprintf(d->view.error, sizeof d->view.error, "offset %zu: %s, found %s",
                   (size_t)(p - d->message), what, found); /* fits */
    return NULL;
}

static inline const char *skip_blanks(const struct mw_decoder *d, const char *p)
{
    while (p < d->end && (unsigned char)*p <= ' ' &&
           (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

/* Strings ----------------------------------------------------------------------------------------
 * */

/* The first byte that is a quote, a backslash, a control character or not ASCII. */
static inline const char *find_special(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    for (; p + 16 <= end; p += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* signed: control characters and bytes from 0x80 on are both less than ' ' */
        __m128i special = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
            _mm_cmplt_epi8(bytes, space));
        int mask = _mm_movemask_epi8(special);
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= ' ')
        p++;
    return p;
}

static int hex4(const char *p, const char *end)
{
    int value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = p[i] | 0x20;
        int digit = p[i] >= '0' && p[i] <= '9' ? p[i] - '0'
                    : c >= 'a' && c <= 'f'     ? c - 'a' + 10
                                               : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *put_utf8(char *out, unsigned code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* \uXXXX at p (behind the u), with its low surrogate when it is a high one. A half one is an error.
 * */
static const char *parse_unicode(struct mw_decoder *d, const char *p, char **out)
{
    int code = hex4(p, d->end);
    if (code < 0)
        return fail(d, p, "four hex digits expected");
    p += 4;
    if (code >= 0xd800 && code < 0xe000) {
        int low = -1;
        if (code < 0xdc00 && d->end - p >= 6 && p[0] == '\\' && p[1] == 'u')
            low = hex4(p + 2, d->end);
        if (low < 0xdc00 || low > 0xdfff)
            return fail(d, p, "the other half of a surrogate pair expected");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        p += 6;
    }
    *out = put_utf8(*out, (unsigned)code);
    return p;
}

/* Room for what is left of the message unescaped, which is never longer than it is escaped. */
static bool reserve_scratch(struct mw_decoder *d)
{
    size_t wanted = (size_t)(d->end - d->message) + 1;
    if (d->scratch_cap >= wanted)
        return true;
    char *grown = d->scratch_len ? NULL : realloc(d->scratch, wanted);
    if (!grown)
        return false;
    d->scratch = grown;
    d->scratch_cap = wanted;
    return true;
}

/* A string with escapes: `p` is at the first special byte after `start`. */
static const char *parse_escaped(struct mw_decoder *d, const char *start, const char *p,
                                 struct mw_field *field)
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (!reserve_scratch(d))
        return fail(d, start, "out of memory");
    char *begin = d->scratch + d->scratch_len, *out = begin;
    const char *from = start;
    for (;;) {
        memcpy(out, from, (size_t)(p - from));
        out += p - from;
        if (p >= d->end || (unsigned char)*p < ' ')
            return fail(d, p, "end of the string expected");
        if (*p == '"')
            break;
        from = p;
        if (*p == '\\') {
            const char *letter = ++p < d->end ? memchr(letters, *p, sizeof letters - 1) : NULL;
            if (letter) {
                *out++ = values[letter - letters];
                from = ++p;
            } else if (p < d->end && *p == 'u') {
                from = p = parse_unicode(d, p + 1, &out);
                if (!p)
                    return NULL;
            } else {
                return fail(d, p, "an escape expected");
            }
            p = find_special(p, d->end);
        } else {
            p = find_special(p + 1, d->end); /* a byte of a longer character: checked below */
        }
    }
    if (!mw_utf8_valid(begin, (size_t)(out - begin)))
        return fail(d, start, "valid UTF-8 expected");
    d->scratch_len += (size_t)(out - begin);
    field->text = begin;
    field->len = (uint32_t)(out - begin);
    return p + 1;
}

/* `p` is behind the opening quote. Fills text and len. */
static inline const char *parse_string(struct mw_decoder *d, const char *p, struct mw_field *field)
{
    const char *start = p;
    p = find_special(p, d->end);
    if (p < d->end && *p == '"') {
        field->text = start;
        field->len = (uint32_t)(p - start);
        return p + 1;
    }
    bool is_ascii = true;
    while (p < d->end && (signed char)*p < 0) {
        is_ascii = false;
        p = find_special(p + 1, d->end);
    }
    if (p < d->end && *p == '\\')
        return parse_escaped(d, start, p, field);
    if (p >= d->end || *p != '"')
        return fail(d, p, "end of the string expected");
    field->text = start;
    field->len = (uint32_t)(p - start);
    if (!is_ascii && !mw_utf8_valid(start, field->len))
        return fail(d, start, "valid UTF-8 expected");
    return p + 1;
}

/* Numbers and names ------------------------------------------------------------------------------
 * */

static const char *digits(const char *p, const char *end)
{
    while (p < end && (unsigned)(*p - '0') < 10)
        p++;
    return p;
}

static const char *parse_number(struct mw_decoder *d, const char *p)
{
    const char *end = d->end, *first;
    if (*p == '-')
        p++;
    first = p;
    p = digits(p, end);
    if (p == first || (*first == '0' && p - first > 1))
        return fail(d, first, "a number expected");
    if (p < end && *p == '.') {
        first = p + 1;
        p = digits(first, end);
        if (p == first)
            return fail(d, p, "a digit expected");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        first = p;
        p = digits(first, end);
        if (p == first)
            return fail(d, p, "a digit expected");
    }
    return p;
}

static const char *parse_name(struct mw_decoder *d, const char *p, const char *name, size_t len)
{
    if ((size_t)(d->end - p) < len || memcmp(p, name, len) != 0)
        return fail(d, p, "a value expected");
    return p + len;
}

/* Containers -------------------------------------------------------------------------------------
 * */

/* Whether the bytes at p, of which `room` can be read, are those of `known`. */
static inline bool is_known(const char *p, size_t room, const struct mw_schema_text *known)
{
#ifdef __SSE2__
    if (room >= MW_SCHEMA_TEXT_MAX) {
        const __m128i *a = (const __m128i *)(const void *)p;
        const __m128i *b = (const __m128i *)(const void *)known->bytes;
        __m128i low = _mm_cmpeq_epi8(_mm_loadu_si128(a), _mm_loadu_si128(b));
        __m128i high = _mm_cmpeq_epi8(_mm_loadu_si128(a + 1), _mm_loadu_si128(b + 1));
        uint32_t same = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
        return !(~same & known->mask);
    }
#endif
    return room >= known->len && memcmp(p, known->bytes, known->len) == 0;
}

static struct mw_schema_node *find_child(struct mw_schema_node *parent,
                                               const struct mw_field *key)
{
    for (struct mw_schema_node *child = parent->children; child; child = child->next)
        if (child->name_len == key->len && memcmp(child->name, key->text, key->len) == 0)
            return child;
    return NULL;
}

static inline struct mw_field *field_of(struct mw_decoder *d, const struct mw_schema_node *node)
{
    if (!node || node->slot < 0)
        return &d->unused;
    return (node->is_in_row ? d->row : d->view.head) + node->slot;
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
        return fail(d, p, "a member's name expected");
    const char *behind = parse_string(d, p + 1, &key);
    if (!behind)
        return NULL;
    is_tight = is_tight && key.text == p + 1 && behind < d->end && *behind == ':';
    p = skip_blanks(d, behind);
    if (p >= d->end || *p != ':')
        return fail(d, p, "':' expected");
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
            return fail(d, p, "',' or '}' expected");
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
    const struct mw_schema_seen *seen = wanted ? wanted->seen : NULL;
    p = skip_blanks(d, p + 1);
    for (unsigned place = 0;; place++) {
        if (seen && place < MW_SCHEMA_SEEN_MAX && seen[place].text.len &&
            is_known(p, (size_t)(d->end - p), &seen[place].text)) {
            p += seen[place].text.len;
            if (seen[place].is_text)
                p = parse_text(d, p, seen[place].child);
            else
                p = parse_value(d, skip_blanks(d, p), seen[place].child, depth + 1);
            if (!p)
                return NULL;
        } else {
            p = parse_member(d, p, wanted, place, depth);
            if (!p || d->is_closed)
                break;
        }
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
    d->row = view->rows + (size_t)view->row_count++ * view->row_width;
    memset(d->row, 0, view->row_width * sizeof *d->row);
    return true;
}

static struct mw_schema_node *child_at(struct mw_schema_node *node, uint32_t position)
{
    for (struct mw_schema_node *child = node->children; child; child = child->next)
        if (!child->name && (child->is_rows || child->position == position))
            return child;
    return NULL;
}

static const char *parse_array(struct mw_decoder *d, const char *p,
                               struct mw_schema_node *node, int depth)
{
    p = skip_blanks(d, p + 1);
    if (p < d->end && *p == ']')
        return p + 1;
    for (uint32_t position = 0;; position++) {
        struct mw_schema_node *child = node ? child_at(node, position) : NULL;
        if (child && child->is_rows && position == 0 && d->view.row_count)
            return fail(d, p, "the rows only once expected");
        if (child && child->is_rows && !begin_row(d))
            return fail(d, p, "no more rows can be held");
        p = parse_value(d, p, child, depth + 1);
        if (!p)
            return NULL;
        p = skip_blanks(d, p);
        if (p < d->end && *p == ',')
            p = skip_blanks(d, p + 1);
        else if (p < d->end && *p == ']')
            return p + 1;
        else
            return fail(d, p, "',' or ']' expected");
    }
}

static const char *parse_value(struct mw_decoder *d, const char *p,
                               struct mw_schema_node *node, int depth)
{
    const char *start = p;
    uint8_t type;
    if (p >= d->end)
        return fail(d, p, "a value expected");
    if (*p == '"')
        return parse_text(d, p + 1, node);
    if (*p == '{' || *p == '[') {
        if (depth >= MW_DECODE_DEPTH_MAX)
            return fail(d, p, "nesting of at most 64 expected");
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

/* A message --------------------------------------------------------------------------------------
 * */

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
        return fail(d, p, "the end of the line expected");
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
