/* What is learned of messages, as a tree. That messages are read right with it: decode_order. */
#include "template.h"
#include "test.h"

static struct mw_templates templates;

/* Learns a message of these texts before strings of one byte, `?` each; returns how many steps it
 * has added. */
static int learn(const char *message)
{
    uint32_t before = templates.used;
    mw_templates_begin(&templates, message);
    const char *p = message;
    for (const char *value; (value = strchr(p, '?')); p = value + 1)
        if (templates.is_learning)
            mw_templates_note(&templates, value, value + 1, MW_STEP_STRING, NULL, 0);
    p += strlen(p);
    if (templates.is_learning)
        mw_templates_note(&templates, p, p, MW_STEP_END, NULL, 0);
    return (int)(templates.used - before);
}

static void shared_beginnings(void)
{
    CHECK_INT(learn("{a?b?}"), 3);
    CHECK_INT(learn("{a?b?}"), 0);
    CHECK_INT(learn("{a?c?}"), 2);
    CHECK_INT(learn("{a?b?,c?}"), 2);
    CHECK_INT(learn("{a?b?}"), 0);
    CHECK_INT(learn("{a?c?}"), 0);
    CHECK_INT(templates.first->kind, MW_STEP_STRING);
    CHECK(templates.first->next->other);
    CHECK(!templates.first->other);
    mw_templates_fini(&templates);
}

static void long_texts(void)
{
    CHECK_INT(learn("a text that is longer than thirty-two bytes is in two pieces?"), 3);
    CHECK_INT((int)templates.first->text.len, 32);
    CHECK_INT(templates.first->kind, MW_STEP_NOTHING);
    CHECK_INT(templates.first->next->kind, MW_STEP_STRING);
    CHECK_INT(templates.first->next->next->kind, MW_STEP_END);
    mw_templates_fini(&templates);
}

/* `count` values, behind a first text that says which message it is. */
static int learn_many(int which, int count)
{
    static char message[8000];
    size_t len = (size_t)snprintf(message, sizeof message, "%d", which);
    for (int i = 0; i < count; i++)
        len += (size_t)snprintf(message + len, sizeof message - len, "%d?", i);
    return learn(message);
}

static void too_long(void)
{
    CHECK_INT(learn("{a?b?}"), 3);
    CHECK_INT(learn_many(7, MW_TEMPLATE_MESSAGE_STEPS), 0); /* and its end */
    CHECK(!templates.first->other);
    CHECK_INT(learn("{a?b?}"), 0);
    CHECK_INT(learn_many(7, MW_TEMPLATE_MESSAGE_STEPS - 1), MW_TEMPLATE_MESSAGE_STEPS);
    CHECK_INT(learn_many(7, MW_TEMPLATE_MESSAGE_STEPS - 1), 0);
    mw_templates_fini(&templates);
}

static void full(void)
{
    int learned = 0;
    for (; templates.used + MW_TEMPLATE_MESSAGE_STEPS <= MW_TEMPLATE_STEPS; learned++)
        CHECK_INT(learn_many(learned, 99), 100);
    CHECK(learned > 2);
    (void)learn_many(0, 99); /* all are forgotten first */
    CHECK_INT((int)templates.used, 100);
    CHECK_INT(learn_many(0, 99), 0);
    mw_templates_fini(&templates);
}

static const struct test_case cases[] = {
    {"messages share the steps that they begin with", shared_beginnings},
    {"a long text is in pieces", long_texts},
    {"a message of too many steps leaves none", too_long},
    {"when there is no room all is forgotten", full},
};

int main(void)
{
    return test_main(cases, sizeof cases / sizeof *cases);
}
