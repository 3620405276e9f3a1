/* What was packed is unpacked as it was; what was not is refused, and nothing is read or written
 * beyond its end. */
#include "journal_chunk.h"
#include "pack.h"
#include "test.h"

#include <stdbool.h>

enum { MOST = 300000 };

static struct mw_pack_table table;
static uint64_t seed;

static uint32_t below(uint32_t end)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((seed >> 33) % end);
}

/* Ends with its memory, so that ASan sees what goes beyond. */
static uint8_t *exact(const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        abort();
    if (len)
        memcpy(copy, bytes, len);
    return copy;
}

/* Packs, unpacks, and says how many bytes it took in between. */
static size_t check_trip(const void *bytes, size_t len)
{
    size_t room = len + len / 100 + 32;
    uint8_t *in = exact(bytes, len), *packed = malloc(room), *out = malloc(len ? len : 1);
    if (!packed || !out)
        abort();
    size_t stored = mw_pack(&table, in, len, packed, room);
    CHECK(stored > 0);
    uint8_t *cut = exact(packed, stored);
    CHECK_INT(mw_unpack(cut, stored, out, len), 0);
    CHECK(memcmp(in, out, len) == 0);
    free(cut);
    free(in);
    free(packed);
    free(out);
    return stored;
}

static void comes_back(void)
{
    static uint8_t bytes[MOST];
    static const uint32_t lens[] = {0, 1, 4, 5, 12, 13, 14, 64, 300, 70000, MOST};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        memset(bytes, 'a', sizeof bytes);
        (void)check_trip(bytes, lens[i]); /* one byte, over and over */
        for (size_t j = 0; j < lens[i]; j++)
            bytes[j] = (uint8_t)below(256);
        CHECK(check_trip(bytes, lens[i]) <= lens[i] + lens[i] / 255 + 16); /* noise */
    }
}

/* Of pieces, each some of what was before or new. */
static void any_bytes_come_back(void)
{
    static uint8_t bytes[MOST];
    for (uint64_t number = 1; number <= 400; number++) {
        seed = number;
        size_t len = 0, end = 1 + below(number % 50 ? 5000 : MOST - 300);
        uint32_t values = 1 + below(255);
        while (len < end) {
            size_t piece = 1 + below(290), from = len ? below((uint32_t)len) : 0;
            bool is_copy = len > 0 && below(3) > 0;
            for (size_t i = 0; i < piece; i++)
                bytes[len + i] = is_copy ? bytes[from + i] : (uint8_t)below(values);
            len += piece;
        }
        (void)check_trip(bytes, len);
        if (test_failures) {
            printf("number %d\n", (int)number);
            return;
        }
    }
}

/* As LZ4's description has it: a literal, a match one byte back, and the last literals. */
static void a_known_block(void)
{
    static const uint8_t block[] = {0x1a, 'a', 1, 0, 0x50, 'a', 'a', 'a', 'a', 'b'};
    char text[] = "aaaaaaaaaaaaaaaaaaab", out[sizeof text - 1];
    size_t len = sizeof out;
    uint8_t packed[64];
    CHECK_INT(mw_pack(&table, text, len, packed, sizeof packed), sizeof block);
    CHECK(memcmp(packed, block, sizeof block) == 0);
    CHECK_INT(mw_unpack(block, sizeof block, out, len), 0);
    CHECK(memcmp(out, text, len) == 0);
}

static void no_room(void)
{
    uint8_t bytes[1000], packed[1100];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)below(256);
    for (size_t room = 0; room < sizeof bytes; room += 7) {
        uint8_t *exactly = exact(packed, room);
        CHECK_INT(mw_pack(&table, bytes, sizeof bytes, exactly, room), 0);
        free(exactly);
    }
    memset(bytes, 0, sizeof bytes);
    uint8_t *exactly = exact(packed, 40);
    CHECK(mw_pack(&table, bytes, sizeof bytes, exactly, 40) > 0);
    free(exactly);
}

/* Whatever is done to packed bytes: other bytes of the right length, or a refusal. */
static void damaged(void)
{
    static uint8_t bytes[4000], packed[5000], out[sizeof bytes];
    size_t refused = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] =
            i % 700 < 650 ? (uint8_t) "{\"price\":\"1500000000\"}"[i % 22] : (uint8_t)below(256);
    size_t stored = mw_pack(&table, bytes, sizeof bytes, packed, sizeof packed);
    CHECK(stored > 100);
    for (uint64_t number = 1; number <= 20000; number++) {
        seed = number;
        uint8_t *broken = exact(packed, stored);
        size_t len = number % 2 ? stored : below((uint32_t)stored + 1);
        for (uint32_t i = below(4) + (number % 2); i > 0; i--)
            broken[below((uint32_t)stored)] = (uint8_t)below(256);
        uint8_t *cut = exact(broken, len), *to = exact(out, sizeof out);
        refused += mw_unpack(cut, len, to, sizeof out) < 0;
        free(broken);
        free(cut);
        free(to);
    }
    CHECK(refused > 10000);
    CHECK_INT(mw_unpack(packed, stored, out, sizeof out - 1), -1);
    CHECK_INT(mw_unpack(packed, 0, out, 0), -1);
}

/* Chunks --------------------------------------------------------------------------------------- */

static void chunks(void)
{
    static char records[8000], packed[sizeof records], out[sizeof records];
    for (size_t i = 0; i < sizeof records; i++)
        records[i] = (char)(i % 64);
    size_t stored = mw_chunk_pack(&table, records, sizeof records, packed);
    CHECK(stored > 0 && stored < sizeof records / 8);
    CHECK_INT(mw_chunk_len(packed, stored), sizeof records);
    CHECK_INT(mw_chunk_unpack(packed, stored, out, sizeof out), 0);
    CHECK(memcmp(records, out, sizeof out) == 0);
    CHECK_INT(mw_chunk_unpack(packed, stored - 1, out, sizeof out), -1);
    memset(packed, 0xff, 8); /* 4 GB, it says */
    CHECK_INT(mw_chunk_len(packed, stored), -1);

    for (size_t i = 0; i < sizeof records; i++)
        records[i] = (char)below(256);
    records[0] = 64; /* even: a record's size */
    CHECK_INT(mw_chunk_pack(&table, records, sizeof records, packed), 0);
    CHECK_INT(mw_chunk_len(records, sizeof records), sizeof records);
    CHECK_INT(mw_chunk_unpack(records, sizeof records, out, sizeof out), 0);
    CHECK(memcmp(records, out, sizeof out) == 0);
    CHECK_INT(mw_chunk_unpack(records, sizeof records, out, sizeof out - 8), -1);
    CHECK_INT(mw_chunk_len(records, 0), 0);
    CHECK_INT(mw_chunk_pack(&table, records, 4, packed), 0);
}

int main(void)
{
    static const struct test_case cases[] = {
        {"what was packed comes back, of any length", comes_back},
        {"any bytes come back", any_bytes_come_back},
        {"a packed text is a block of LZ4", a_known_block},
        {"what does not fit is not packed, and nothing is written beyond", no_room},
        {"damaged bytes are refused, or become as many others", damaged},
        {"a chunk is packed where that saves, and told from one that is not", chunks},
    };
    return test_main(cases, sizeof cases / sizeof *cases);
}
