/* Memory for secrets, and what the system does with it. munmap and mlock are ours in this program:
 * so we see the bytes that go back to the system, and can play a system that refuses. */
#include "locked.h"
#include "test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    const unsigned char *watched;
    size_t given_back, locked; /* bytes, as the system was told */
    bool is_wiped, refuses_locks, has_locked;
} seen;

int munmap(void *memory, size_t len)
{
    if (memory == seen.watched) {
        seen.given_back = len;
        seen.is_wiped = true;
        for (size_t i = 0; i < len; i++)
            seen.is_wiped = seen.is_wiped && seen.watched[i] == 0;
    }
    return (int)syscall(SYS_munmap, memory, len);
}

int mlock(const void *memory, size_t len)
{
    long result = -1;
    seen.locked = len;
    if (seen.refuses_locks)
        errno = ENOMEM;
    else
        result = syscall(SYS_mlock, memory, len);
    seen.has_locked = result == 0;
    return (int)result;
}

static size_t page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Whether the mapping that holds `memory` has a flag of /proc/self/smaps: lo is locked, dd is left
 * out of core dumps. -1 where the system does not show them. */
static int has_flag(const void *memory, const char *flag)
{
    char line[512];
    int result = -1;
    bool is_ours = false;
    FILE *file = fopen("/proc/self/smaps", "re");
    while (file && fgets(line, sizeof line, file)) {
        uintptr_t first, last;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &first, &last) == 2)
            is_ours = (uintptr_t)memory >= first && (uintptr_t)memory < last;
        else if (is_ours && strncmp(line, "VmFlags:", 8) == 0)
            result = strstr(line, flag) != NULL;
    }
    if (file)
        (void)fclose(file); /* was only read */
    return result;
}

static const size_t sizes[] = {1, 17, 4095, 4096, 4097, 16386, 256 * 1024};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void comes_zeroed(void)
{
    for (size_t i = 0; i < SIZES; i++) {
        unsigned char *memory = mw_locked_alloc(sizes[i]);
        CHECK(memory && (uintptr_t)memory % page() == 0);
        if (!memory)
            continue;
        size_t sum = 0;
        for (size_t at = 0; at < sizes[i]; at++)
            sum += memory[at];
        CHECK_INT(sum, 0);
        memset(memory, 0xa5, sizes[i]); /* to the last byte */
        mw_locked_free(memory, sizes[i]);
    }
}

static void is_locked_and_not_dumped(void)
{
    for (size_t i = 0; i < SIZES; i++) {
        seen.locked = 0;
        unsigned char *memory = mw_locked_alloc(sizes[i]);
        if (!memory) {
            CHECK(memory);
            continue;
        }
        CHECK(seen.locked >= sizes[i]);
        const unsigned char *last = memory + sizes[i] - 1;
        if (has_flag(memory, " rd") == 1) { /* the system shows flags at all */
            CHECK_INT(has_flag(memory, " dd"), 1);
            CHECK_INT(has_flag(last, " dd"), 1);
            CHECK_INT(has_flag(memory, " lo"), seen.has_locked); /* a low limit refuses */
            CHECK_INT(has_flag(last, " lo"), seen.has_locked);
        }
        mw_locked_free(memory, sizes[i]);
    }
}

static void is_wiped_before_it_goes(void)
{
    for (size_t i = 0; i < SIZES; i++) {
        unsigned char *memory = mw_locked_alloc(sizes[i]);
        if (!memory) {
            CHECK(memory);
            continue;
        }
        memset(memory, 'S', sizes[i]);
        seen.watched = memory;
        seen.given_back = 0;
        seen.is_wiped = false;
        mw_locked_free(memory, sizes[i]);
        seen.watched = NULL;
        CHECK(seen.is_wiped);
        CHECK(seen.given_back >= sizes[i]);
        CHECK_INT(msync(memory, page(), MS_ASYNC), -1); /* nothing is mapped there any more */
        CHECK_INT(errno, ENOMEM);
    }
}

static void a_system_that_refuses(void)
{
    seen.refuses_locks = true;
    char *memory = mw_locked_alloc(100);
    seen.refuses_locks = false;
    CHECK(memory != NULL);
    if (memory) {
        memset(memory, 'S', 100);
        if (has_flag(memory, " rd") == 1)
            CHECK_INT(has_flag(memory, " dd"), 1); /* still not dumped */
    }
    mw_locked_free(memory, 100);
}

static void no_shared_pages(void)
{
    char *a = mw_locked_alloc(8), *b = mw_locked_alloc(8);
    CHECK(a && b && (uintptr_t)a / page() != (uintptr_t)b / page());
    if (b)
        memcpy(b, "12345678", 8);
    mw_locked_free(a, 8);
    if (b)
        CHECK(memcmp(b, "12345678", 8) == 0);
    mw_locked_free(b, 8);
}

static void odd_sizes(void)
{
    CHECK(mw_locked_alloc(0) == NULL);
    CHECK(mw_locked_alloc(SIZE_MAX) == NULL); /* would round up to nothing */
    CHECK(mw_locked_alloc(SIZE_MAX - page() + 1) == NULL);
    CHECK(mw_locked_alloc(SIZE_MAX / 2) == NULL);
    mw_locked_free(NULL, 0);
    mw_locked_free(NULL, 4096);
}

static const struct test_case cases[] = {
    {"memory comes zeroed, on a page of its own, and can be written to its end", comes_zeroed},
    {"memory is locked and left out of core dumps", is_locked_and_not_dumped},
    {"memory is wiped before it goes back to the system", is_wiped_before_it_goes},
    {"a system that locks nothing is no reason to fail", a_system_that_refuses},
    {"two allocations share no page", no_shared_pages},
    {"no size, or one beyond reason, gives no memory", odd_sizes},
};
TEST_MAIN(cases)
