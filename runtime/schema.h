/* schema.h: the tree that a decoder's paths make; private to decode*.c and schema.c. */
#ifndef MW_SCHEMA_H
#define MW_SCHEMA_H

#include "decode.h"

#include <stdbool.h>

enum { MW_SCHEMA_TEXT_MAX = 32 };

struct mw_schema_node;

/* Fields of a decoder: the message's, the row's that is being read, and one for all the rest. */
enum mw_schema_fields { MW_SCHEMA_HEAD, MW_SCHEMA_ROW, MW_SCHEMA_UNUSED, MW_SCHEMA_FIELDS };

/* A short text that a message is compared with; `mask` has a bit for each of its bytes. */
struct mw_schema_text {
    char bytes[MW_SCHEMA_TEXT_MAX];
    uint32_t len, mask;
};

struct mw_schema_node {
    const char *name; /* of the member; NULL for an array position and for rows */
    uint32_t name_len, position;
    bool is_rows, is_in_row;
    int slot;                     /* in head or row; -1: only on the way to one */
    enum mw_schema_fields fields; /* where its field is, */
    uint32_t at;                  /* and there */
    struct mw_schema_node *children, *next;
    struct mw_schema_text *words;
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
/* False, and the text is empty, when it is too long. */
bool mw_schema_set_text(struct mw_schema_text *text, const char *bytes, size_t len);

void mw_schema_fini(struct mw_schema *schema);

#endif
