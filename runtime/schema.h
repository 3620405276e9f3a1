/* schema.h: the tree that a decoder's paths make; private to decode.c and schema.c. */
#ifndef MW_SCHEMA_H
#define MW_SCHEMA_H

#include "decode.h"

#include <stdbool.h>

struct mw_schema_node {
    const char *name; /* of the member; NULL for an array position and for rows */
    uint32_t name_len, position;
    bool is_rows, is_in_row;
    int slot; /* in head or row; -1: only on the way to one */
    struct mw_schema_node *children, *next;
    char **words;
    uint32_t *word_lens;
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
void mw_schema_fini(struct mw_schema *schema);

#endif
