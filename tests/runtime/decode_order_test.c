/* The decoder remembers what the messages before looked like. Whatever it remembers, it reads each
 * message as a reader without memory does. */
#include "json_reference.h"
#include "random.h"

/* Reads each message with one decoder, so that each is read in the memory of those before it. */
static void read_in_turn(const char *const *paths, size_t path_count, const char *const *texts,
                         size_t count, int good)
{
    int found = 0;
    open_decoder(paths, path_count);
    for (int turn = 0; turn < 3; turn++)
        for (size_t i = 0; i < count; i++)
            found += compare_readers(paths, path_count, texts[i], strlen(texts[i]));
    for (size_t i = 0; i < count; i++) /* and each after each */
        for (size_t j = 0; j < count; j++) {
            (void)compare_readers(paths, path_count, texts[i], strlen(texts[i]));
            (void)compare_readers(paths, path_count, texts[j], strlen(texts[j]));
        }
    CHECK_INT(found, 3 * good);
}
#define READ_IN_TURN(texts, good, ...)                                                             \
    do {                                                                                           \
        static const char *const paths_[] = {__VA_ARGS__};                                         \
        read_in_turn(paths_, COUNT(paths_), texts, COUNT(texts), good);                            \
    } while (0)

static void same_order(void)
{
    OPEN("a", "b", "c");
    for (int i = 0; i < 5; i++) {
        char text[64], value[12];
        (void)snprintf(value, sizeof value, "%d", i * 11);
        (void)snprintf(text, sizeof text, "{\"a\":%s,\"x\":true,\"b\":\"%s\",\"c\":[%s]}", value,
                       value, value);
        CHECK_INT(read_text(text), 1);
        CHECK_FIELD(view->head[0], NUMBER, value);
        CHECK_FIELD(view->head[1], STRING, value);
        CHECK_INT(view->head[2].len, strlen(value) + 2);
    }
}

static void swapped(void)
{
    static const char *const texts[] = {
        "{\"a\":1,\"b\":2,\"c\":3}",
        "{\"b\":2,\"a\":1,\"c\":3}",
        "{\"a\":1,\"c\":3,\"b\":2}",
        "{\"c\":3,\"b\":2,\"a\":1}",
        "{\"a\":1}",
        "{\"c\":3}",
        "{}",
        "{\"a\":1,\"x\":2,\"b\":3}",
        "{\"x\":1,\"b\":2}",
        "{\"a\":1,\"a\":2,\"a\":3}",
        "{\"b\":{\"a\":7,\"b\":8},\"a\":1}",
        "{\"a\":1,\"b\":2,\"c\":3,\"x\":4,\"y\":5}",
    };
    READ_IN_TURN(texts, (int)COUNT(texts), "a", "b", "c");
}

static void other_types(void)
{
    static const char *const values[] = {
        "1",
        "\"s\"",
        "true",
        "false",
        "null",
        "{}",
        "{\"a\":1}",
        "[]",
        "[1,\"2\"]",
        "\"\\n\"",
        "\"\"",
        "-1.5e3",
        "\"a longer text than thirty-two bytes, so that it goes on\"",
        "\"\xc3\xa9\"",
        "tru",
        "\"\xff\"",
        "01",
        "",
        "\"",
    };
    static const char *const paths[] = {"a", "b"};
    char text[256];
    open_decoder(paths, COUNT(paths));
    int good = 0;
    for (size_t i = 0; i < COUNT(values); i++) /* from each type to each, at both places */
        for (size_t j = 0; j < COUNT(values); j++)
            for (int swap = 0; swap < 2; swap++) {
                (void)snprintf(text, sizeof text, "{\"a\":%s,\"b\":%s,\"x\":%s}", values[i],
                               values[swap ? i : j], values[j]);
                good += compare_readers(paths, COUNT(paths), text, strlen(text));
            }
    CHECK_INT(good, 2 * 14 * 14); /* the last five are none */
}

static void blanks(void)
{
    static const char *const texts[] = {
        "{\"a\":1,\"b\":\"two\",\"x\":3}",
        "{ \"a\":1,\"b\":\"two\",\"x\":3}",
        "{\"a\" :1,\"b\" :\"two\",\"x\" :3}",
        "{\"a\": 1,\"b\": \"two\",\"x\": 3}",
        "{\"a\":1 ,\"b\":\"two\" ,\"x\":3 }",
        "{\"a\":1, \"b\":\"two\", \"x\":3}",
        "\t{\r\n\"a\"\t:\r\n1\t,\r\n\"b\"\t:\r\n\"two\"\t,\r\n\"x\"\t:\r\n3\t}\r\n",
        "{\"a\":\t1,\"b\":\n\"two\",\"x\":\r3}",
        "{ }",
        "{\"a\":1,\"b\":\"two\",\"x\":3 }",
        "  {\"a\":1,\"b\":\"two\",\"x\":3}  \n \n",
    };
    READ_IN_TURN(texts, (int)COUNT(texts), "a", "b");
}

/* What is remembered is no reason to take what is malformed. */
static void malformed(void)
{
    static const char *const texts[] = {
        "{\"a\":1,\"b\":2}",
        "{,\"a\":1,\"b\":2}",
        "{\"a\":1\"b\":2}",
        "{\"a\":1,,\"b\":2}",
        "{\"a\":1,\"b\":2,}",
        "{\"a\":1,\"b\":}",
        "{\"a\":1,\"b\"2}",
        "{\"a\":1,\"b:2}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,\"b\":\"2}",
        "{\"a\":\"1,\"b\":2}",
        "{\"a\":1,\"b\":2",
        "{\"a\":1,b\":2}",
        "{,}",
        "{\"b\":1,\"a\":tru,\"c\":3}",
        "{\"a\":1]",
        "{\"a\",\"b\":2}",
        "{\"a\":1,\"b\":2}",
    };
    READ_IN_TURN(texts, 2, "a", "b");
}

static void escaped_names(void)
{
    static const char *const texts[] = {
        "{\"a\":1,\"b\":2}",         "{\"\\u0061\":3,\"b\":4}",  "{\"a\":5,\"\\u0062\":6}",
        "{\"a\\\"\":7,\"b\":8}",     "{\"a\\\\\":9,\"b\":10}",   "{\"\xc3\xa9\":11,\"a\":12}",
        "{\"\\u00e9\":13,\"a\":14}", "{\"a\\\":\":15,\"b\":16}", "{\"a,\\\"b\":17,\"b\":18}",
    };
    READ_IN_TURN(texts, (int)COUNT(texts), "a", "b", "\xc3\xa9", "a\":");
}

/* Names that begin alike, and names of every length around what can be remembered (32 bytes). */
static void name_lengths(void)
{
    static const char *const forms[] = {":1", ":\"2\"", " :3", ": 4", ":[5]", ":\n\"6\""};
    static char padding[80];
    memset(padding, 'n', sizeof padding - 1);
    for (int len = 20; len <= 66; len++) {
        char name[80], longer[80], shorter[80], text[512];
        const char *const paths[] = {name, longer, shorter, "z"};
        (void)snprintf(name, sizeof name, "%.*s", len, padding);
        (void)snprintf(longer, sizeof longer, "%.*so", len, padding);
        (void)snprintf(shorter, sizeof shorter, "%.*s", len - 1, padding);
        open_decoder(paths, COUNT(paths));
        int good = 0;
        for (int turn = 0; turn < 6; turn++) {
            for (int order = 0; order < 4; order++) {
                const char *first = paths[(order + turn) % 3], *second = paths[(turn + 1) % 3];
                (void)snprintf(text, sizeof text, "{\"%s\":%d,\"z\":\"%d\",\"%s\":\"%d\"}", first,
                               turn, order, first == second ? "x" : second, turn * 10 + order);
                good += compare_readers(paths, COUNT(paths), text, strlen(text));
            }
        }
        for (size_t before = 0; before < COUNT(forms); before++) { /* and what follows the name */
            for (size_t after = 0; after < COUNT(forms); after++) {
                const char *const turns[] = {forms[before], forms[after]};
                for (int i = 0; i < 2; i++) {
                    (void)snprintf(text, sizeof text, "{\"%s\"%s,\"%s\"%s}", longer, turns[i], name,
                                   turns[i]);
                    good += compare_readers(paths, COUNT(paths), text, strlen(text));
                }
            }
        }
        CHECK_INT(good, 24 + 2 * (int)(COUNT(forms) * COUNT(forms)));
    }
}

/* A short name, then a long one at the same place: the short one's memory must go. */
static void long_after_short(void)
{
    static const char *const texts[] = {
        "{\"a\":1,\"b\":2}",
        "{\"this name is longer than what can be remembered\":3,\"b\":4}",
        "{\"a\":5,\"b\":6}",
        "{\"a\":7,\"this name is longer than what can be remembered\":8}",
        "{\"a\":9,\"b\":\"10\"}",
        "{\"b\":11,\"this name is longer than what can be remembered\":\"12\"}",
    };
    READ_IN_TURN(texts, (int)COUNT(texts), "a", "b",
                 "this name is longer than what can be remembered");
}

/* More members than are remembered of one message (160): it is read each time. */
static void many_members(void)
{
    enum { MEMBERS = 200 };
    static char names[MEMBERS][16], text[8000];
    const char *paths[MEMBERS];
    for (int i = 0; i < MEMBERS; i++) {
        (void)snprintf(names[i], sizeof names[i], "m%d", i);
        paths[i] = names[i];
    }
    open_decoder(paths, MEMBERS);
    for (int turn = 0; turn < 12; turn++) {
        size_t len = (size_t)snprintf(text, sizeof text, "{");
        for (int i = 0; i < MEMBERS; i++) {
            int step = turn % 4 == 1 ? 199 : turn % 4 == 2 ? 7 : turn % 4 == 3 ? 71 : 1;
            int which = (i * step + turn) % MEMBERS;
            len += (size_t)snprintf(text + len, sizeof text - len,
                                    turn % 3 ? "%s\"m%d\":\"%d\"" : "%s\"m%d\":%d", i ? "," : "",
                                    which, which * 100 + turn);
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "}");
        CHECK_INT(compare_readers(paths, MEMBERS, text, len), 1);
    }
    CHECK_INT(view->head[MEMBERS - 1].type, MW_FIELD_ABSENT); /* compare_readers reads to the end */
}

static void counts_of_members(void)
{
    static const char *const paths[] = {"k0", "k79", "k156", "k157", "k158", "k159", "k160"};
    static char text[4000];
    open_decoder(paths, COUNT(paths));
    for (int turn = 0; turn < 3; turn++) {
        for (int count = 150; count <= 166; count++) {
            size_t len = (size_t)snprintf(text, sizeof text, "{");
            for (int i = 0; i < count; i++)
                len += (size_t)snprintf(text + len, sizeof text - len, "%s\"k%d\":%d", i ? "," : "",
                                        turn == 1 ? count - 1 - i : i, i);
            len += (size_t)snprintf(text + len, sizeof text - len, "}");
            CHECK_INT(compare_readers(paths, COUNT(paths), text, len), 1);
        }
    }
}

static void order_in_rows(void)
{
    static const char *const texts[] = {
        "{\"r\":[{\"a\":1,\"o\":{\"p\":2,\"q\":3}},{\"o\":{\"q\":4,\"p\":5},\"a\":6},{\"a\":7}]}",
        "{\"r\":[{\"x\":1},{\"a\":\"2\"},{},{\"a\":3,\"o\":4},{\"a\":[5],\"o\":{\"q\":6}}]}",
        "{\"r\":[7,\"8\",[{\"a\":9}],{\"a\":{\"a\":10},\"o\":{\"p\":{\"p\":11},\"q\":\"12\"}}]}",
        "{\"x\":{\"r\":[{\"a\":13}]},\"r\":[{\"o\":{\"p\":\"14\",\"q\":15},\"a\":16}]}",
    };
    READ_IN_TURN(texts, (int)COUNT(texts), "r[].a", "r[].o.p", "r[].o.q");
}

/* More shapes than are remembered (512 pieces): all are forgotten and learned anew. */
static void many_shapes(void)
{
    enum { SHAPES = 60, MEMBERS = 24 };
    static const char *const paths[] = {"m0", "m5.x", "m11", "m23"};
    open_decoder(paths, COUNT(paths));
    for (int turn = 0; turn < 200; turn++) {
        int shape = (turn < 100 ? turn : turn * 7) % SHAPES;
        char text[1000];
        size_t len = (size_t)snprintf(text, sizeof text, "{");
        for (int i = 0; i < MEMBERS; i++) {
            static const char *const before[] = {"", "\"", "{\"x\":"}, *const behind[] = {"", "\"",
                                                                                          "}"};
            int form = (shape >> i % 6 & 1) + i % 2;
            len += (size_t)snprintf(text + len, sizeof text - len, "%s\"m%d\":%s%d%s", i ? "," : "",
                                    (i + shape) % MEMBERS, before[form], turn, behind[form]);
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "}");
        CHECK_INT(compare_readers(paths, COUNT(paths), text, len), 1);
    }
}

/* From no row to more than are remembered, and back. */
static void counts_of_rows(void)
{
    static const char *const paths[] = {"id", "r[].a", "r[].b[1]", "z"};
    static char text[16000];
    open_decoder(paths, COUNT(paths));
    for (int turn = 0; turn < 120; turn++) {
        int rows = turn < 60 ? turn : 119 - turn;
        size_t len = (size_t)snprintf(text, sizeof text, "{\"id\":%d,\"r\":[", turn);
        for (int i = 0; i < rows; i++)
            len += (size_t)snprintf(text + len, sizeof text - len,
                                    "%s{\"a\":\"%d\",\"c\":null,\"b\":[true,%d]}", i ? "," : "",
                                    i * turn, i);
        len += (size_t)snprintf(text + len, sizeof text - len, "],\"z\":false}");
        CHECK_INT(compare_readers(paths, COUNT(paths), text, len), 1);
    }
}

/* Cut anywhere: what is remembered is longer than what is left to compare it with. */
static void cut_messages(void)
{
    static const char *const paths[] = {"alpha", "beta", "gamma.delta", "last"};
    static const char text[] = "{\"alpha\":1,\"beta\":\"two\",\"gamma\":{\"delta\":3,\"x\":\"y\"},"
                               "\"last\":\"four\"}";
    open_decoder(paths, COUNT(paths));
    for (size_t len = 0; len < sizeof text; len++) {
        CHECK_INT(compare_readers(paths, COUNT(paths), text, sizeof text - 1), 1);
        CHECK_INT(compare_readers(paths, COUNT(paths), text, len), len == sizeof text - 1);
    }
}

/* Members at random: the order of the message before, with some of it changed. */
static void random_orders(void)
{
    enum { MESSAGES = 6000, KINDS = 14 };
    static const char *const names[KINDS] = {"id",
                                             "orderId",
                                             "side",
                                             "qty",
                                             "price",
                                             "status",
                                             "o",
                                             "unknown",
                                             "other",
                                             "fees",
                                             "",
                                             "a name of thirty-two bytes or so",
                                             "a name that is longer than thirty-two bytes",
                                             "s\\u0069de2"};
    static const char *const values[] = {
        "1",
        "\"BUY\"",
        "\"0.00100\"",
        "null",
        "true",
        "\"\\n\"",
        "\"\"",
        "[1,{\"id\":2}]",
        "{\"id\":1,\"qty\":\"2\"}",
        "{\"qty\":3,\"id\":4}",
        "{}",
        "\"a text of more than 16 bytes\"",
    };
    static const char *const paths[] = {
        "id",
        "orderId",
        "side",
        "qty",
        "price",
        "o.id",
        "o.qty",
        "status",
        "side2",
        "a name of thirty-two bytes or so",
        "a name that is longer than thirty-two bytes",
    };
    int order[KINDS], good = 0;
    for (int i = 0; i < KINDS; i++)
        order[i] = i;
    open_decoder(paths, COUNT(paths));
    for (seed = 1; seed <= MESSAGES; seed++) {
        char text[2048];
        size_t len = 0, count;
        random_state = seed * 7919;
        count = KINDS - below(3);
        for (uint32_t swaps = below(3); swaps > 0; swaps--) {
            uint32_t i = below(KINDS), j = below(KINDS);
            int kept = order[i];
            order[i] = order[j];
            order[j] = kept;
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "{");
        for (size_t i = 0; i < count; i++)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s\"%s\"%s:%s%s",
                                    i ? "," : "", below(20) ? "" : " ", names[order[i]],
                                    below(20) ? "" : " ", below(20) ? "" : " ",
                                    values[below(COUNT(values))]);
        len += (size_t)snprintf(text + len, sizeof text - len, "}");
        if (below(8) == 0) {
            char *byte = &text[below((uint32_t)len)];
            *byte = (char)(*byte ^ (int)(1 + below(255)));
        }
        good += compare_readers(paths, COUNT(paths), text, len);
    }
    CHECK(good > MESSAGES / 2);
    CHECK(good < MESSAGES); /* nothing is tested when none is bad */
    seed = 0;
}

static const struct test_case cases[] = {
    {"members in the same order have their own values each time", same_order},
    {"members may change places between messages", swapped},
    {"a value may change its type between messages", other_types},
    {"blanks may come and go between messages", blanks},
    {"a malformed message is refused after a good one that looks like it", malformed},
    {"a name with escapes is the name it stands for, after any other", escaped_names},
    {"names of every length are told apart", name_lengths},
    {"a name that is too long to be remembered is not taken for the one before it",
     long_after_short},
    {"two hundred members in changing order are all found", many_members},
    {"messages around the longest one that is remembered are read whole", counts_of_members},
    {"more shapes than can be remembered are all read", many_shapes},
    {"rows come in any number", counts_of_rows},
    {"rows may have each their own order", order_in_rows},
    {"a message that is cut after a whole one is refused", cut_messages},
    {"members in random order are read as a slow reader reads them", random_orders},
};

int main(void)
{
    int result = test_main(cases, COUNT(cases));
    close_decoder();
    return result;
}
