/* The decoder against a slow reader: messages cut, changed and made at random. */
#include "json_reference.h"
#include "random.h"

/* No name is one byte away from another, so that no change of a byte makes two of one. */
static const char *const push_paths[] = {
    "id",
    "push.channel",
    "push.pub.data[].order.orderId",
    "push.pub.offset",
    "error",
    "error.code",
    "push.pub.data[].order.side",
    "push.pub.data[].qty",
    "list[0]",
    "list[2].deep",
    "push.pub.data",
    "push.pub.data[].fees[1]",
};
static const char *const array_paths[] = {"[0]", "[3][1]", "[2].id", "[2]", "[4].order.side"};
static const char *const row_paths[] = {"[].id", "[].order.orderId", "[].list[0]", "[]"};
static const struct {
    const char *const *paths;
    size_t count;
} schemas[] = {
    {push_paths, COUNT(push_paths)},
    {array_paths, COUNT(array_paths)},
    {row_paths, COUNT(row_paths)},
};

static const char *const samples[] = {
    "{\"push\":{\"channel\":\"pws:#u\",\"pub\":{\"data\":[{\"order\":{\"orderId\":\"btc-1\","
    "\"side\":\"BUY\"},\"qty\":\"0.00100\",\"fees\":[1,\"2\"]},{\"qty\":-1.5e3}],\"offset\":67}}}",
    "{\"error\":{\"code\":100,\"m\":\"\\u00e9"
    "\\ud83d\\ude00 \xe2\x82\xac\\\"\"},\"id\":[true,null]}",
    " [ 0 , \"a\\tb\" , {\"id\":1} , "
    "[false,\"x\"] , {\"order\":{\"side\":\"long enough a text\"}}]\r\n",
    "{\"id\":1,\"list\":[7,8,{\"deep\":\"\"}]}\n{\"id\":2}\n[{\"id\":\"\\n\"},{\"list\":[{}]}]\n",
};

static void cut(void)
{
    for (size_t s = 0; s < COUNT(schemas); s++) {
        open_decoder(schemas[s].paths, schemas[s].count);
        for (size_t i = 0; i < COUNT(samples); i++)
            for (size_t len = 0; len <= strlen(samples[i]); len++) {
                int good = compare_readers(schemas[s].paths, schemas[s].count, samples[i], len);
                if (i < 2 && len < strlen(samples[i]))
                    CHECK_INT(good, 0);
            }
    }
}

static void flipped(void)
{
    static const char bytes[] = "{}[]\",:\\/ \n\r\t019.eE+-tfnu\0\x1f\x7f\x80\xc2\xe2\xed\xf0\xff";
    for (size_t s = 0; s < COUNT(schemas); s++) {
        open_decoder(schemas[s].paths, schemas[s].count);
        for (size_t i = 0; i < COUNT(samples); i++) {
            char text[256];
            size_t len = strlen(samples[i]);
            memcpy(text, samples[i], len);
            for (size_t place = 0; place < len; place++) {
                for (size_t j = 0; j < sizeof bytes - 1 + 8; j++) {
                    if (j < 8)
                        text[place] = (char)(samples[i][place] ^ 1 << j);
                    else
                        text[place] = bytes[j - 8];
                    (void)compare_readers(schemas[s].paths, schemas[s].count, text, len);
                }
                text[place] = samples[i][place];
            }
        }
    }
}

static char made[100000];
static size_t made_len;

static void put(const char *text)
{
    size_t len = strlen(text);
    memcpy(made + made_len, text, len);
    made_len += len;
}

static void put_blanks(void)
{
    static const char *const blanks[] = {"", "", "", "", " ", "\t", " \r ", "  "};
    put(blanks[below(COUNT(blanks))]);
}

static void put_string(void)
{
    static const char *const pieces[] = {
        "a",
        "order",
        "0.0010",
        "a longer run of plain letters",
        "\\\"",
        "\\\\",
        "\\n",
        "\\u0000",
        "\\u00E9",
        "\\ud83d\\ude00",
        "\xc3\xa9",
        "\xe2\x82\xac",
        "\xf0\x9f\x98\x80",
        "{",
        "],",
        ":",
    };
    put("\"");
    for (uint32_t i = below(6); i > 0; i--)
        put(pieces[below(COUNT(pieces))]);
    put("\"");
}

static void put_value(int level);

static void put_object(int level)
{
    static const char *const inner[] = {"push", "pub", "data", "error", "order", "list", "fees"};
    static const char *const leaves[] = {"id",  "channel", "orderId", "side",
                                         "qty", "offset",  "code",    "deep",
                                         "x",   "unknown", "",        "s\\u0069de"};
    uint32_t from = below(COUNT(inner)),
             inner_count = made_len > 2000 ? 0 : below(COUNT(inner) + 1);
    bool is_first = true;
    put("{");
    for (uint32_t i = 0; i < inner_count; i++) { /* each at most once, anywhere among the others */
        for (uint32_t j = below(3); j > 0; j--) {
            put(is_first ? "" : ",");
            is_first = false;
            put_blanks();
            put("\"");
            put(leaves[below(COUNT(leaves))]);
            put("\"");
            put_blanks();
            put(":");
            put_blanks();
            if (below(3))
                put_string();
            else
                put_value(level + 4);
            put_blanks();
        }
        put(is_first ? "\"" : ",\"");
        is_first = false;
        put(inner[(from + i * 3) % COUNT(inner)]);
        put("\":");
        put_value(level + 1);
    }
    put("}");
}

static void put_value(int level)
{
    static const char *const plain[] = {"0",    "-1.50", "1e9", "true", "false",
                                        "null", "12345", "{}",  "[]"};
    uint32_t kind = level > 6 || made_len > 2000 ? below(2) : below(8);
    if (kind == 0) {
        put(plain[below(COUNT(plain))]);
    } else if (kind == 1) {
        put_string();
    } else if (kind < 6) {
        put_object(level);
    } else {
        uint32_t count = below(level ? 4 : 20);
        put("[");
        for (uint32_t i = 0; i < count; i++) {
            put(i ? "," : "");
            put_blanks();
            put_value(level + 1);
            put_blanks();
        }
        put("]");
    }
}

/* The two agree on every message, whole or with a byte changed. */
static void random_messages(void)
{
    enum { MESSAGES = 1500 };
    int good = 0, bad = 0;
    for (size_t s = 0; s < COUNT(schemas); s++) {
        open_decoder(schemas[s].paths, schemas[s].count);
        for (seed = 1; seed <= MESSAGES; seed++) {
            random_state = seed * 977 + s;
            made_len = 0;
            for (uint32_t texts = 1 + below(3); texts > 0; texts--) {
                if (below(4) && s == 0)
                    put_object(0);
                else
                    put_value(0);
                put("\n");
            }
            good += compare_readers(schemas[s].paths, schemas[s].count, made, made_len);
            char *byte = &made[below((uint32_t)made_len)];
            *byte = (char)(*byte ^ (int)(1 + below(255)));
            bad += !compare_readers(schemas[s].paths, schemas[s].count, made, made_len);
        }
    }
    CHECK(good > 3 * MESSAGES); /* the test is no test when nothing is ever good, or bad */
    CHECK(bad > MESSAGES / 4);
    seed = 0;
}

static const struct test_case cases[] = {
    {"a message that is cut anywhere is refused or read as a slow reader reads it", cut},
    {"a message with any byte changed is read as a slow reader reads it", flipped},
    {"random messages are read as a slow reader reads them", random_messages},
};

int main(void)
{
    int result = test_main(cases, COUNT(cases));
    close_decoder();
    return result;
}
