/* schema.h: the tree that a decoder's paths make; private to decode.c and schema.c. */
#ifndef MW_SCHEMA_H
#define MW_SCHEMA_H

#include "decode.h"

#include <stdbool.h>

enum { MW_SCHEMA_NAME_MAX = 32, MW_SCHEMA_SEEN_MAX = 48 };

struct mw_schema_node;

/* `"name":` as it stood at one place of an object in the last message, and the child of that name. */
struct mw_schema_seen {
    char text[MW_SCHEMA_NAME_MAX];
    uint32_t len; /* 0: nothing yet */
    struct mw_schema_node *child;
};

struct mw_schema_word {
    char text[MW_SCHEMA_NAME_MAX];
    uint32_t len;
};

struct mw_schema_node {
    const char *name; /* of the member; NULL for an array position and for rows */
    uint32_t name_len, position;
    bool is_rows, is_in_row;
    int slot; /* in head or row; -1: only on the way to one */
    struct mw_schema_node *children, *next;
    struct mw_schema_seen *seen; /* of an object: MW_SCHEMA_SEEN_MAX places */
    struct mw_schema_word *words;
    uint32_t word_count;
};

struct mw_schema {
    struct mw_schema_node root;
    struct mw_schema_node **leaves; /* by path number */
    size_t leaf_count;
    uint32_t head_width, row_width;
};

MW_MUST_USE int mw_schema_init(struct mw_schema *schema, const char *const *paths, size_t count,
                               struct mw_err *err);
/* Notes what stood at a place; names that are too long are forgotten. */
void mw_schema_remember(struct mw_schema_seen *seen, const char *text, size_t len,
                        struct mw_schema_node *child);
void mw_schema_fini(struct mw_schema *schema);

#endif
