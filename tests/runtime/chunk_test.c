/* Records as a journal has them are packed and unpacked; what is damaged is refused, and nothing is
 * read or written beyond its end. */
#include "journal_chunk.h"
#include "random.h"
#include "test.h"

static LZ4_stream_t memory;

/* Ends with its memory, so that ASan sees what goes beyond. */
static char *exact(const void *bytes, size_t len)
{
    char *copy = malloc(len ? len : 1);
    if (!copy)
        abort();
    if (len)
        memcpy(copy, bytes, len);
    return copy;
}

/* Packs, unpacks, and says how many bytes it took in between; 0: it is not to be packed. */
static size_t check_trip(const char *bytes, size_t len)
{
    char *in = exact(bytes, len), *packed = malloc(len + 1), *out = malloc(len + 1);
    if (!packed || !out)
        abort();
    size_t stored = mw_chunk_pack(&memory, in, len, packed);
    CHECK(stored < len || stored == 0);
    if (stored) {
        char *cut = exact(packed, stored);
        CHECK_INT(mw_chunk_len(cut, stored), len);
        CHECK_INT(mw_chunk_unpack(cut, stored, out, len), 0);
        CHECK(memcmp(in, out, len) == 0);
        free(cut);
    }
    free(in);
    free(packed);
    free(out);
    return stored;
}

static void comes_back(void)
{
    enum { MOST = 300000 };
    static char bytes[MOST];
    static const uint32_t lens[] = {0, 2, 4, 8, 12, 14, 64, 300, 70000, MOST};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        memset(bytes, 'a', sizeof bytes);
        CHECK((check_trip(bytes, lens[i]) > 0) == (lens[i] >= 64));
        for (size_t j = 0; j < lens[i]; j++)
            bytes[j] = (char)below(256);
        CHECK_INT(check_trip(bytes, lens[i]), 0); /* noise */
    }
}

/* Whatever is done to a packed chunk: other bytes of the right length, or a refusal. */
static void damaged(void)
{
    static char bytes[4000], packed[sizeof bytes], out[sizeof bytes];
    int refused = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        static const char text[] = "{\"price\":\"1500000000\"}";
        bytes[i] = text[i % (sizeof text - 1)];
        if (i % 700 >= 650)
            bytes[i] = (char)below(256);
    }
    size_t stored = mw_chunk_pack(&memory, bytes, sizeof bytes, packed);
    CHECK(stored > 100);
    for (int turn = 0; turn < 20000; turn++) {
        char *broken = exact(packed, stored), *to = exact(out, sizeof out);
        size_t len = turn % 2 ? stored : below((uint32_t)stored + 1);
        for (uint32_t i = below(4) + (uint32_t)turn % 2; i > 0; i--)
            broken[4 + below((uint32_t)stored - 4)] = (char)below(256);
        char *cut = exact(broken, len);
        refused += mw_chunk_unpack(cut, len, to, sizeof out) < 0;
        free(broken);
        free(cut);
        free(to);
    }
    CHECK(refused > 10000);
    CHECK_INT(mw_chunk_unpack(packed, stored, out, sizeof out - 2), -1);
}

static void chunks(void)
{
    static char records[8000], packed[sizeof records], out[sizeof records];
    for (size_t i = 0; i < sizeof records; i++)
        records[i] = (char)(i % 64);
    size_t stored = mw_chunk_pack(&memory, records, sizeof records, packed);
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
    CHECK_INT(mw_chunk_pack(&memory, records, sizeof records, packed), 0);
    CHECK_INT(mw_chunk_len(records, sizeof records), sizeof records);
    CHECK_INT(mw_chunk_unpack(records, sizeof records, out, sizeof out), 0);
    CHECK(memcmp(records, out, sizeof out) == 0);
    CHECK_INT(mw_chunk_unpack(records, sizeof records, out, sizeof out - 8), -1);
    CHECK_INT(mw_chunk_len(records, 0), 0);
    CHECK_INT(mw_chunk_pack(&memory, records, 4, packed), 0);
}

static const struct test_case cases[] = {
    {"what was packed comes back, of any length", comes_back},
    {"damaged bytes are refused, or become as many others", damaged},
    {"a chunk is packed where that saves, and told from one that is not", chunks},
};

int main(void)
{
    return test_main(cases, sizeof cases / sizeof *cases);
}
