#include "template.h"

#include <stdlib.h>
#include <string.h>

void mw_templates_fini(struct mw_templates *t)
{
    free(t->steps);
    memset(t, 0, sizeof *t);
}

static void forget_all(struct mw_templates *t)
{
    t->first = NULL;
    t->used = 0;
}

void mw_templates_begin(struct mw_templates *t, const char *text)
{
    if (!t->steps)
        t->steps = malloc(MW_TEMPLATE_STEPS * sizeof *t->steps);
    if (!t->steps)
        return;
    if (t->used + MW_TEMPLATE_MESSAGE_STEPS > MW_TEMPLATE_STEPS)
        forget_all(t);
    t->is_learning = true;
    t->mark = text;
    t->link = &t->first;
    t->branch = NULL;
    t->used_before = t->used;
}

/* A message of too many steps: those that it has added are taken back. */
static void give_up(struct mw_templates *t)
{
    t->is_learning = false;
    t->used = t->used_before;
    *t->branch = NULL;
}

/* What stands here is given by what stood before: with the same text comes the same leaf. */
static bool is_same(const struct mw_step *a, const struct mw_step *b)
{
    return a->kind == b->kind && a->text.len == b->text.len &&
           memcmp(a->text.bytes, b->text.bytes, a->text.len) == 0;
}

/* Goes along the step that is like this one, or adds it. */
static void add_step(struct mw_templates *t, const struct mw_step *step)
{
    if (!t->is_learning)
        return;
    while (*t->link && !is_same(*t->link, step))
        t->link = &(*t->link)->other;
    if (!*t->link) {
        if (!t->branch)
            t->branch = t->link;
        if (t->used - t->used_before == MW_TEMPLATE_MESSAGE_STEPS) {
            give_up(t);
            return;
        }
        struct mw_step *added = t->steps + t->used++;
        *added = *step;
        *t->link = added;
    }
    t->link = &(*t->link)->next;
}

void mw_templates_note(struct mw_templates *t, const char *at, const char *behind,
                       enum mw_step_kind kind, const struct mw_schema_node *leaf, int depth)
{
    struct mw_step step = {0};
    while (at - t->mark > MW_SCHEMA_TEXT_MAX) {
        (void)mw_schema_set_text(&step.text, t->mark, MW_SCHEMA_TEXT_MAX); /* it fits */
        add_step(t, &step);
        t->mark += MW_SCHEMA_TEXT_MAX;
    }
    (void)mw_schema_set_text(&step.text, t->mark, (size_t)(at - t->mark));
    step.kind = kind;
    step.leaf = leaf;
    step.depth = depth;
    add_step(t, &step);
    t->mark = behind;
}
