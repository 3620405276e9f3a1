/* Keys of a terminal: where the first one ends, and what was typed before. */
#include "keys.h"
#include "random.h"
#include "test.h"

#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct mw_keys typed(const char *bytes, size_t len)
{
    struct mw_keys keys = {.len = len};
    memcpy(keys.bytes, bytes, len);
    return keys;
}

/* ctlseqs (xterm), console_codes(4) */
static void first_keys(void)
{
    static const struct {
        const char *bytes;
        enum mw_key key;
        size_t size;
    } cases[] = {
        {"a", MW_KEY_TEXT, 1},          {"abc", MW_KEY_TEXT, 1},
        {"\xc3\xa9", MW_KEY_TEXT, 1},   {"\xff", MW_KEY_TEXT, 1},
        {"q", MW_KEY_OTHER, 1},         {"qty", MW_KEY_TEXT, 1},
        {" ", MW_KEY_OTHER, 1},         {" x", MW_KEY_OTHER, 1},
        {"\n", MW_KEY_OTHER, 1},        {"\x03", MW_KEY_OTHER, 1},
        {"\x7f", MW_KEY_OTHER, 1},      {"\033[A", MW_KEY_OTHER, 3},
        {"\033[Ax", MW_KEY_OTHER, 3},   {"\033OP", MW_KEY_OTHER, 3},
        {"\033[15~", MW_KEY_OTHER, 5},  {"\033[1;5Cx", MW_KEY_OTHER, 6},
        {"\033[[A[", MW_KEY_OTHER, 4},  {"\033[200~buy", MW_KEY_OTHER, 6},
        {"\033x", MW_KEY_OTHER, 2},     {"\033\033[Ax", MW_KEY_OTHER, 4},
        {"\033\003", MW_KEY_OTHER, 2},  {"\033[\n", MW_KEY_OTHER, 3},
        {"\033", MW_KEY_TORN, 1},       {"\033[", MW_KEY_TORN, 2},
        {"\033O", MW_KEY_TORN, 2},      {"\033[[", MW_KEY_TORN, 3},
        {"\033[1;", MW_KEY_TORN, 4},    {"\033\033", MW_KEY_TORN, 2},
        {"\033\033[1", MW_KEY_TORN, 4},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mw_keys keys = typed(cases[i].bytes, strlen(cases[i].bytes));
        size_t size = 0;
        CHECK_INT(mw_keys_first(&keys, &size), cases[i].key);
        CHECK_INT(size, cases[i].size);
    }
}

static void endless_sequence(void)
{
    struct mw_keys keys = typed("\033[", 2);
    size_t size = 0;
    memset(keys.bytes + 2, '1', sizeof keys.bytes - 2);
    keys.len = sizeof keys.bytes;
    CHECK_INT(mw_keys_first(&keys, &size), MW_KEY_OTHER);
    CHECK_INT(size, sizeof keys.bytes);
    mw_keys_drop(&keys, size);
    CHECK_INT(keys.len, 0);
}

/* Whatever comes: the first key is some of the bytes, and dropping keys comes to an end. */
static void any_bytes(void)
{
    static const char likely[] = "\033\033\033[[OA~1;q \n\xc3\xa9x";
    random_state = 7;
    for (int round = 0; round < 100000; round++) {
        struct mw_keys keys = {.len = 1 + (size_t)round % sizeof keys.bytes};
        for (size_t i = 0; i < keys.len; i++)
            keys.bytes[i] = likely[below(sizeof likely - 1)];
        while (keys.len) {
            size_t size = 0;
            (void)mw_keys_first(&keys, &size);
            if (size < 1 || size > keys.len) {
                CHECK_INT(size, keys.len);
                return;
            }
            mw_keys_drop(&keys, size);
        }
    }
}

/* What was taken up comes before what is still to be read. */
static void bytes_in_order(void)
{
    struct mw_keys keys = {.len = 0};
    int ends[2], before = dup(STDIN_FILENO);
    char byte = 0, text[100] = "";
    if (before < 0 || pipe(ends) < 0 || dup2(ends[0], STDIN_FILENO) < 0) {
        CHECK(!"no pipe");
        return;
    }
    CHECK(!mw_keys_are_there(&keys));
    for (int i = 0; i < 100; i++)
        CHECK_INT(write(ends[1], i % 2 ? "b" : "a", 1), 1);
    CHECK(mw_keys_are_there(&keys));
    CHECK_INT(mw_keys_fill(&keys), sizeof keys.bytes);
    mw_keys_drop(&keys, 1);
    for (int i = 0; i < 99; i++) {
        CHECK(mw_keys_are_there(&keys));
        CHECK_INT(mw_keys_get(&keys, &byte), 1);
        text[i] = byte;
    }
    for (int i = 0; i < 99; i++)
        CHECK_INT(text[i], i % 2 ? 'a' : 'b');
    CHECK(!mw_keys_are_there(&keys));
    (void)close(ends[1]);
    CHECK(mw_keys_are_there(&keys)); /* the end */
    CHECK_INT(mw_keys_get(&keys, &byte), 0);
    CHECK_INT(mw_keys_fill(&keys), 0);
    CHECK(dup2(before, STDIN_FILENO) >= 0);
    (void)close(before);
    (void)close(ends[0]);
}

static const struct test_case cases[] = {
    {"a key ends where the terminal's rules end it", first_keys},
    {"a sequence without an end is one key", endless_sequence},
    {"whatever the bytes are, keys are made of them", any_bytes},
    {"what was taken up is read first", bytes_in_order},
};
TEST_MAIN(cases)
