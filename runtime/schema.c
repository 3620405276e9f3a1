#include "schema.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_DEPTH_MAX = 16 };

static void free_children(struct mw_schema_node *node)
{
    struct mw_schema_node *child = node->children;
    while (child) {
        struct mw_schema_node *next = child->next;
        free_children(child);
        free(child->words);
        free((char *)(uintptr_t)child->name);
        free(child);
        child = next;
    }
    node->children = NULL;
}

void mw_schema_fini(struct mw_schema *schema)
{
    free_children(&schema->root);
    free(schema->leaves);
    memset(schema, 0, sizeof *schema);
}

/* One step of a path: `name`, `[7]` or `[]`. */
struct step {
    const char *name;
    size_t name_len;
    bool is_rows, is_position;
    uint32_t position;
};

/* Reads the step at *path and moves on; false when it is malformed. */
static bool next_step(const char **path, bool is_first, struct step *step)
{
    const char *p = *path;
    memset(step, 0, sizeof *step);
    if (*p == '[') {
        size_t digits = strspn(p + 1, "0123456789");
        step->is_rows = digits == 0;
        step->is_position = !step->is_rows;
        step->position = (uint32_t)strtoul(p + 1, NULL, 10);
        if (p[1 + digits] != ']' || digits > 4 || step->position > 1000)
            return false;
        *path = p + digits + 2;
        return true;
    }
    if (!is_first && *p++ != '.')
        return false;
    step->name = p;
    step->name_len = strcspn(p, ".[");
    *path = p + step->name_len;
    return step->name_len > 0;
}

static bool is_same(const struct mw_schema_node *node, const struct step *step)
{
    if (step->is_rows || step->is_position)
        return !node->name && node->is_rows == step->is_rows && node->position == step->position;
    return node->name && node->name_len == step->name_len &&
           memcmp(node->name, step->name, step->name_len) == 0;
}

bool mw_schema_set_text(struct mw_schema_text *text, const char *bytes, size_t len)
{
    memset(text, 0, sizeof *text);
    if (len > sizeof text->bytes)
        return false;
    memcpy(text->bytes, bytes, len);
    text->len = (uint32_t)len;
    text->mask = (uint32_t)((UINT64_C(1) << len) - 1);
    return true;
}

/* Where in the list of children a new one for this step goes: at the end, because members come in
 * this order; of positions the lower ones come first. */
static struct mw_schema_node **place_for(struct mw_schema_node *parent, const struct step *step)
{
    struct mw_schema_node **link = &parent->children;
    while (*link && (!step->is_position || (*link)->name || (*link)->position < step->position))
        link = &(*link)->next;
    return link;
}

static struct mw_schema_node *child_for(struct mw_schema_node *parent, const struct step *step)
{
    for (struct mw_schema_node *known = parent->children; known; known = known->next)
        if (is_same(known, step))
            return known;
    struct mw_schema_node **link = place_for(parent, step);
    struct mw_schema_node *child = calloc(1, sizeof *child);
    if (!child)
        return NULL;
    if (step->name) {
        child->name = strndup(step->name, step->name_len);
        if (!child->name) {
            free(child);
            return NULL;
        }
    }
    child->name_len = (uint32_t)step->name_len;
    child->position = step->position;
    child->is_rows = step->is_rows;
    child->is_in_row = parent->is_in_row || step->is_rows;
    child->slot = -1;
    child->fields = MW_SCHEMA_UNUSED;
    child->next = *link;
    *link = child;
    return child;
}

/* Whether the elements of an array at `node` are taken the other way: as rows, or by position. */
static bool has_other_array(const struct mw_schema_node *node, bool is_rows)
{
    for (const struct mw_schema_node *child = node->children; child; child = child->next)
        if (!child->name && child->is_rows != is_rows)
            return true;
    return false;
}

static int add_path(struct mw_schema *schema, size_t number, const char *path,
                    const struct mw_schema_node **rows, struct mw_err *err)
{
    struct mw_schema_node *node = &schema->root;
    const char *rest = path;
    for (int depth = 0; *rest; depth++) {
        struct step step;
        if (depth == PATH_DEPTH_MAX || !next_step(&rest, depth == 0, &step)) {
            mw_err_set(err, "path \"%s\": names, [position] and one [] expected", path);
            return -1;
        }
        bool is_array = step.is_rows || step.is_position;
        if (is_array && has_other_array(node, step.is_rows)) {
            mw_err_set(err, "path \"%s\": rows and positions in one array", path);
            return -1;
        }
        node = child_for(node, &step);
        if (!node) {
            mw_err_set(err, "out of memory");
            return -1;
        }
        if (step.is_rows && *rows && *rows != node) {
            mw_err_set(err, "path \"%s\": a schema has one array of rows", path);
            return -1;
        }
        if (step.is_rows)
            *rows = node;
    }
    if (node == &schema->root || node->slot >= 0) {
        mw_err_set(err, "path \"%s\": %s", path, node->slot >= 0 ? "stands twice" : "is empty");
        return -1;
    }
    node->fields = node->is_in_row ? MW_SCHEMA_ROW : MW_SCHEMA_HEAD;
    node->at = node->is_in_row ? schema->row_width++ : schema->head_width++;
    node->slot = (int)node->at;
    schema->leaves[number] = node;
    return 0;
}

int mw_schema_init(struct mw_schema *schema, const char *const *paths, size_t count,
                   struct mw_err *err)
{
    const struct mw_schema_node *rows = NULL;
    memset(schema, 0, sizeof *schema);
    schema->root.slot = -1;
    schema->root.fields = MW_SCHEMA_UNUSED;
    schema->leaf_count = count;
    schema->leaves = calloc(count + 1, sizeof *schema->leaves);
    if (!schema->leaves) {
        mw_err_set(err, "out of memory");
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (add_path(schema, i, paths[i], &rows, err) < 0)
            goto fail;
    return 0;
fail:
    mw_schema_fini(schema);
    return -1;
}
