/* json_reference.h: a second JSON reader, slow and simple, and the comparison of the decoder with
 * it. It shares no code with the decoder. */
#ifndef MW_JSON_REFERENCE_H
#define MW_JSON_REFERENCE_H

#include "decoder.h"

/* A second reader: it makes a tree of the whole text, one byte after the other, and walks it --- */

struct node {
    int type;
    const char *text, *name;
    size_t len, name_len;
    struct node *first, *last, *next; /* members or elements */
};

static struct node nodes[20000];
static char letters[200000];
static size_t node_count, letter_count;
static const char *at, *limit;

static struct node *slow_value(int level);

static void slow_blanks(void)
{
    while (at < limit && strchr(" \t\r\n", *at) && *at)
        at++;
}

static bool slow_take(const char *word)
{
    const char *p = at;
    for (; *word; word++, p++)
        if (p >= limit || *p != *word)
            return false;
    at = p;
    return true;
}

static bool slow_hex(uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, at++) {
        static const char digits[] = "00112233445566778899aAbBcCdDeEfF";
        const char *digit = at < limit && *at ? strchr(digits, *at) : NULL;
        if (!digit)
            return false;
        *value = *value * 16 + (uint32_t)(digit - digits) / 2;
    }
    return true;
}

static void slow_put(uint32_t code)
{
    static const uint32_t from[] = {0x80, 0x800, 0x10000, 0x200000};
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    int more = 0;
    while (code >= from[more])
        more++;
    letters[letter_count++] = (char)(lead[more] | code >> (6 * more));
    while (more-- > 0)
        letters[letter_count++] = (char)(0x80 | (code >> (6 * more) & 0x3f));
}

/* The character at `at` by its bit pattern; its shortest form is what must stand there. */
static bool slow_character(uint32_t *code)
{
    uint8_t first = (uint8_t)*at;
    int more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : 3;
    if (more == 3 && first >> 3 != 30)
        return false;
    if (limit - at <= more)
        return false;
    *code = more ? first & (0x3fu >> more) : first;
    for (int i = 1; i <= more; i++) {
        if ((uint8_t)at[i] >> 6 != 2)
            return false;
        *code = *code << 6 | ((uint8_t)at[i] & 0x3f);
    }
    size_t before = letter_count;
    slow_put(*code);
    bool is_shortest = letter_count - before == (size_t)more + 1;
    letter_count = before;
    at += more + 1;
    return is_shortest && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
}

static bool slow_escape(uint32_t *code)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (at >= limit)
        return false;
    const char *known = *at ? strchr(from, *at) : NULL;
    if (known) {
        *code = (uint8_t)to[known - from];
        at++;
        return true;
    }
    uint32_t low;
    if (!slow_take("u") || !slow_hex(code))
        return false;
    if (*code < 0xd800 || *code > 0xdfff)
        return true;
    if (*code > 0xdbff || !slow_take("\\u") || !slow_hex(&low) || low < 0xdc00 || low > 0xdfff)
        return false;
    *code = 0x10000 + (*code - 0xd800) * 0x400 + (low - 0xdc00);
    return true;
}

static bool slow_string(const char **text, size_t *len)
{
    *text = letters + letter_count;
    if (!slow_take("\""))
        return false;
    for (;;) {
        uint32_t code;
        if (at >= limit || (uint8_t)*at < 0x20)
            return false;
        if (slow_take("\""))
            break;
        if (slow_take("\\") ? !slow_escape(&code) : !slow_character(&code))
            return false;
        slow_put(code);
    }
    *len = (size_t)(letters + letter_count - *text);
    return true;
}

static bool slow_digits(void)
{
    const char *from = at;
    while (at < limit && *at >= '0' && *at <= '9')
        at++;
    return at > from;
}

static bool slow_number(void)
{
    (void)slow_take("-");
    if (!slow_take("0") && !slow_digits())
        return false;
    if (slow_take(".") && !slow_digits())
        return false;
    if (!slow_take("e") && !slow_take("E"))
        return true;
    if (!slow_take("+"))
        (void)slow_take("-");
    return slow_digits();
}

static bool slow_children(struct node *parent, const char *closing, int level)
{
    at++;
    slow_blanks();
    if (slow_take(closing))
        return true;
    do {
        const char *name = NULL;
        size_t name_len = 0;
        slow_blanks();
        if (parent->type == MW_FIELD_OBJECT) {
            if (!slow_string(&name, &name_len))
                return false;
            slow_blanks();
            if (!slow_take(":"))
                return false;
            slow_blanks();
        }
        struct node *child = slow_value(level + 1);
        if (!child)
            return false;
        child->name = name;
        child->name_len = name_len;
        if (parent->last)
            parent->last->next = child;
        else
            parent->first = child;
        parent->last = child;
        slow_blanks();
    } while (slow_take(","));
    return slow_take(closing);
}

static struct node *slow_value(int level)
{
    struct node *node = &nodes[node_count++];
    const char *from = at;
    bool is_good = at < limit;
    memset(node, 0, sizeof *node);
    if (!is_good)
        return NULL;
    if (*at == '"') {
        node->type = MW_FIELD_STRING;
        return slow_string(&node->text, &node->len) ? node : NULL;
    }
    if (*at == '{' || *at == '[') {
        node->type = *at == '{' ? MW_FIELD_OBJECT : MW_FIELD_ARRAY;
        is_good = level < MW_DECODE_DEPTH_MAX && slow_children(node, *at == '{' ? "}" : "]", level);
    } else if (slow_take("true")) {
        node->type = MW_FIELD_TRUE;
    } else if (slow_take("false")) {
        node->type = MW_FIELD_FALSE;
    } else if (slow_take("null")) {
        node->type = MW_FIELD_NULL;
    } else {
        node->type = MW_FIELD_NUMBER;
        is_good = slow_number();
    }
    node->text = from;
    node->len = (size_t)(at - from);
    return is_good ? node : NULL;
}

/* What stands at `path` below `node`; NULL: nothing. Stops in front of "[]" (*rest says where). */
static const struct node *slow_walk(const struct node *node, const char *path, const char **rest)
{
    while (node && *path && strncmp(path, "[]", 2) != 0) {
        const struct node *found = NULL;
        size_t len = strcspn(path + (*path == '.' || *path == '['), ".[]");
        if (*path == '[') {
            int position = atoi(path + 1);
            found = node->type == MW_FIELD_ARRAY ? node->first : NULL;
            while (found && position-- > 0)
                found = found->next;
            path += len + 2;
        } else {
            path += *path == '.';
            for (const struct node *child = node->first; child; child = child->next)
                if (child->name && child->name_len == len && memcmp(child->name, path, len) == 0)
                    found = child; /* the last one counts */
            path += len;
        }
        node = found;
    }
    *rest = path;
    return node;
}
/* The comparison ------------------------------------------------------------------------------- */

static uint64_t seed;

static bool is_inside(const struct mw_field *field, const char *text, size_t len)
{
    return field->text >= text && field->text + field->len <= text + len;
}

static void complain(const char *what, const char *path, const char *text, size_t len)
{
    if (test_failures++ < 5)
        printf("seed %" PRIu64 ": %s %s differs in %.*s\n", seed, what, path, (int)len, text);
}

static void compare_field(const struct mw_field *field, const struct node *node, const char *path,
                          const char *text, size_t len)
{
    int type = node ? node->type : MW_FIELD_ABSENT;
    if (field->type != type)
        complain("the type of", path, text, len);
    else if (node && (field->len != node->len || memcmp(field->text, node->text, node->len) != 0))
        complain("the text of", path, text, len);
    else if (node && type != MW_FIELD_STRING && !is_inside(field, text, len))
        complain("the place of", path, text, len);
}

static void compare_fields(const struct node *root, const char *const *paths, size_t count,
                           const char *text, size_t len)
{
    uint32_t head = 0, slot = 0;
    for (size_t i = 0; i < count; i++) {
        const char *rest, *none;
        const struct node *node = slow_walk(root, paths[i], &rest);
        if (!strstr(paths[i], "[]")) {
            compare_field(&view->head[head++], node, paths[i], text, len);
            continue;
        }
        uint32_t number = 0;
        if (node && node->type == MW_FIELD_ARRAY)
            for (const struct node *element = node->first; element; element = element->next)
                if (number++ < view->row_count)
                    compare_field(row(number - 1, slot), slow_walk(element, rest + 2, &none),
                                  paths[i], text, len);
        if (number != view->row_count)
            complain("the number of rows", paths[i], text, len);
        slot++;
    }
}

/* Both read the message, all of its texts; returns how many were good. */
static int compare_readers(const char *const *paths, size_t count, const char *text, size_t len)
{
    int good = 0;
    start(text, len);
    at = message;
    limit = message + len;
    for (;;) {
        node_count = letter_count = 0;
        slow_blanks();
        const char *from = at;
        const struct node *root = at < limit ? slow_value(0) : NULL;
        while (root && at < limit && (*at == ' ' || *at == '\t' || *at == '\r'))
            at++;
        if (root && at < limit && *at != '\n')
            root = NULL;
        int expected = root ? 1 : from == limit ? 0 : -1;
        int result = mw_decoder_next(decoder);
        if (result != expected) {
            complain("the verdict", result < 0 ? view->error : "", text, len);
            return good;
        }
        if (expected == 0)
            return good;
        if (root) {
            compare_fields(root, paths, count, message, len);
            good++;
        } else {
            const char *line_break = memchr(from, '\n', (size_t)(limit - from));
            at = line_break ? line_break + 1 : limit;
        }
    }
}

#endif
