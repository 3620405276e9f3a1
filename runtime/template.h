/* template.h: what stood around the values of messages that were read before, so that the next one
 * of the same shape is compared piece by piece instead of being read byte by byte; private to
 * decode.c. The templates of a decoder are one tree: messages share what they begin with. */
#ifndef MW_TEMPLATE_H
#define MW_TEMPLATE_H

#include "schema.h"

enum {
    MW_TEMPLATE_STEPS = 512, /* of all messages; they are learned anew when there are more */
    MW_TEMPLATE_MESSAGE_STEPS = 160, /* new ones of one message; a longer one is not learned */
};

/* What follows the text of a step. */
enum mw_step_kind {
    MW_STEP_NOTHING, /* the text goes on in the next step */
    MW_STEP_STRING,  /* behind its opening quote */
    MW_STEP_NUMBER,
    MW_STEP_ANY, /* any value, to be read as if for the first time */
    MW_STEP_ROW, /* a row begins */
    MW_STEP_END, /* of the message */
};

struct mw_step {
    struct mw_schema_text text; /* `,"name":"` */
    enum mw_step_kind kind;
    int depth;                         /* of a value in its message */
    const struct mw_schema_node *leaf; /* whose value it is */
    uint32_t usual_len;                /* of a string here: the last one's */
    struct mw_step *next, *other;      /* what comes then; what else was seen here */
};

struct mw_templates {
    struct mw_step *first, *steps;
    uint32_t used;
    bool is_learning;        /* a message is being read for the first time */
    const char *mark;        /* how much of it is in the tree */
    struct mw_step **link;   /* where its next step goes, */
    struct mw_step **branch; /* where its first new one went, */
    uint32_t used_before;    /* and how many there were then */
};

/* Learns the message that is read now, from `text` on. Without memory nothing is learned. */
void mw_templates_begin(struct mw_templates *templates, const char *text);

/* All from the last value to `at` is always so; from there to `behind` stands a value or nothing.
 */
void mw_templates_note(struct mw_templates *templates, const char *at, const char *behind,
                       enum mw_step_kind kind, const struct mw_schema_node *leaf, int depth);

void mw_templates_fini(struct mw_templates *templates);

#endif
