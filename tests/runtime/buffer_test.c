/* A buffer, against a plain array that holds all that was ever added. */
#include "buffer.h"
#include "random.h"
#include "test.h"

#include <stdbool.h>
#include <stdint.h>

enum { LIMIT = 1000 };

/* The same bytes every time: a number that has no short period, a byte of it each. */
static char byte_at(size_t i)
{
    return (char)((uint32_t)i * UINT32_C(2654435761) >> 24);
}

static void bytes_come_out_as_they_went_in(void)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct mw_buffer buffer = {NULL, 0, 0, 0};
        size_t added = 0, taken = 0;
        random_state = seed;
        for (int step = 0; step < 2000; step++) {
            char piece[64];
            size_t len = below(sizeof piece);
            for (size_t i = 0; i < len; i++)
                piece[i] = byte_at(added + i);
            bool fits = added - taken + len <= LIMIT;
            CHECK_INT(mw_buffer_append(&buffer, piece, len, LIMIT), fits ? 0 : -1);
            added += fits ? len : 0;
            CHECK_INT(buffer.len - buffer.at, added - taken);
            CHECK(buffer.cap <= LIMIT);
            size_t used = added - taken, leaves = below(64);
            for (size_t i = 0; i < leaves && i < used; i++, taken++)
                CHECK_INT(buffer.bytes[buffer.at++], byte_at(taken));
        }
        CHECK(added > (size_t)10 * LIMIT);
        mw_buffer_fini(&buffer);
        CHECK(buffer.bytes == NULL && buffer.len == 0 && buffer.cap == 0);
        mw_buffer_fini(&buffer);
    }
}

static void the_limit_is_a_sharp_one(void)
{
    static const char bytes[LIMIT + 1];
    struct mw_buffer buffer = {NULL, 0, 0, 0};
    CHECK_INT(mw_buffer_append(&buffer, bytes, LIMIT + 1, LIMIT), -1);
    CHECK_INT(mw_buffer_append(&buffer, bytes, SIZE_MAX, LIMIT), -1);
    CHECK_INT(mw_buffer_append(&buffer, bytes, LIMIT - 1, LIMIT), 0);
    CHECK_INT(mw_buffer_append(&buffer, bytes, 2, LIMIT), -1);
    CHECK_INT(buffer.len, LIMIT - 1);
    CHECK_INT(mw_buffer_append(&buffer, bytes, 1, LIMIT), 0);
    CHECK_INT(mw_buffer_append(&buffer, bytes, 0, LIMIT), 0);
    CHECK_INT(mw_buffer_append(&buffer, bytes, 1, LIMIT), -1);
    buffer.at = 10; /* what was taken counts no more */
    CHECK_INT(mw_buffer_append(&buffer, bytes, 11, LIMIT), -1);
    CHECK_INT(mw_buffer_append(&buffer, bytes, 10, LIMIT), 0);
    CHECK_INT(buffer.len - buffer.at, LIMIT);
    mw_buffer_fini(&buffer);
}

/* No room for nothing is no failure. */
static void nothing_can_be_added_to_nothing(void)
{
    struct mw_buffer buffer = {NULL, 0, 0, 0};
    CHECK_INT(mw_buffer_append(&buffer, NULL, 0, LIMIT), 0);
    CHECK_INT(mw_buffer_append(&buffer, NULL, 0, 0), 0);
    CHECK_INT(buffer.len, 0);
    CHECK_INT(mw_buffer_append(&buffer, "ab", 2, LIMIT), 0);
    CHECK(memcmp(buffer.bytes, "ab", 2) == 0);
    mw_buffer_fini(&buffer);
}

static void what_was_reserved_is_there(void)
{
    struct mw_buffer buffer = {NULL, 0, 0, 0};
    for (size_t len = 1; len <= LIMIT / 2; len++) {
        char *room = mw_buffer_reserve(&buffer, len, LIMIT);
        CHECK(room == buffer.bytes + buffer.len);
        if (!room)
            break;
        memset(room, 'x', len); /* out of its bounds: AddressSanitizer's */
        buffer.len += len;
        buffer.at = buffer.len;
    }
    mw_buffer_fini(&buffer);
}

/* A queue that is never empty: a byte comes, a byte leaves. Each move of all for the sake of one
 * byte would make a slow reader cost more the more it has left unread. */
static void bytes_are_seldom_moved(void)
{
    enum { USED = 4000, STEPS = 100000 };
    static const char bytes[USED];
    struct mw_buffer buffer = {NULL, 0, 0, 0};
    int moves = 0;
    CHECK_INT(mw_buffer_append(&buffer, bytes, USED, SIZE_MAX), 0);
    for (int i = 0; i < STEPS; i++) {
        size_t before = ++buffer.at;
        CHECK_INT(mw_buffer_append(&buffer, "x", 1, SIZE_MAX), 0);
        moves += buffer.at < before;
    }
    CHECK(moves <= STEPS / USED + 1);
    mw_buffer_fini(&buffer);
}

static const struct test_case cases[] = {
    {"bytes come out as they went in, within the limit", bytes_come_out_as_they_went_in},
    {"the limit is a sharp one, and of what is in use", the_limit_is_a_sharp_one},
    {"nothing can be added to nothing", nothing_can_be_added_to_nothing},
    {"what was reserved is there to be written", what_was_reserved_is_there},
    {"bytes are seldom moved, however small the steps", bytes_are_seldom_moved},
};
TEST_MAIN(cases)
