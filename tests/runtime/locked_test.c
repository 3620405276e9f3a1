/* Memory for secrets, and what the system does with it. munmap and mlock are ours in this program:
 * so we see the bytes that go back to the system, and can play a system that refuses. */
#include "locked.h"
#include "test.h"
#include "vault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

/* Reads "first-last " at the beginning of a line of /proc/self/smaps; `*behind` is what follows. */
static bool read_range(const char *line, uintptr_t *first, uintptr_t *last, const char **behind)
{
    char *end;
    *first = strtoumax(line, &end, 16);
    if (end == line || *end != '-')
        return false;
    *last = strtoumax(end + 1, &end, 16);
    *behind = end + 1;
    return *end == ' ';
}

/* Whether memory of this line ("mode offset device inode ...") is of no file, to read and write. */
static bool is_own_memory(const char *behind)
{
    const char *inode = behind;
    for (int i = 0; inode && i < 3; i++) {
        inode = strchr(inode, ' ');
        inode = inode ? inode + 1 : NULL;
    }
    return inode && strtoul(inode, NULL, 10) == 0 && behind[0] == 'r' && behind[1] == 'w';
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
        const char *behind;
        if (read_range(line, &first, &last, &behind))
            is_ours = (uintptr_t)memory >= first && (uintptr_t)memory < last;
        else if (is_ours && strncmp(line, "VmFlags:", 8) == 0)
            result = strstr(line, flag) != NULL;
    }
    if (file)
        (void)fclose(file); /* was only read */
    return result;
}

static const size_t sizes[] = {1, 17, 4095, 4096, 4097, 16386, (size_t)256 * 1024};
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
        CHECK(has_flag(memory, " rd") != 1); /* nothing is mapped there any more */
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

/* The whole way: a vault that loads secrets ------------------------------------------------------
 */

/* A second process of this program loads two secrets, then looks for them in its own memory: the
 * texts below are made byte by byte, so that a hit can only be a copy of what was loaded. */
enum { LOADED_LEN = 40, SCAN_MAX = 64 << 20 };
enum { ENVIRONMENT_SHOWS = 1, VARIABLE_LEFT = 2, DUMPABLE = 4, COPY_LEFT = 8, NOT_FOUND = 16 };

static char loaded_byte(int which, size_t i)
{
    return (char)(which ? 'A' + (i * 7 + 3) % 26 : 'a' + (i * 11 + 5) % 26);
}

#ifdef __SANITIZE_ADDRESS__
enum {
    FIRST_SEEN = 1
}; /* the sanitizer keeps a copy of the environment: do not look for that one */
#else
enum { FIRST_SEEN = 0 };
#endif

/* No sanitizer: this reads memory that is nobody's. */
__attribute__((no_sanitize("address", "undefined"))) static int
count_copies(int which, const char *at, const char *end)
{
    char loaded[LOADED_LEN];
    int copies = 0;
    for (size_t i = 1; i < LOADED_LEN; i++)
        loaded[i] = loaded_byte(which, i);
    loaded[0] = 0; /* so this is no copy itself */
    char first = loaded_byte(which, 0);
    for (; end - at >= LOADED_LEN; at++)
        if (*at == first) {
            size_t i = 1;
            while (i < LOADED_LEN && at[i] == loaded[i])
                i++;
            copies += i == LOADED_LEN;
        }
    return copies;
}

/* Copies in memory that a core dump would show are COPY_LEFT; no copy at all is NOT_FOUND. */
static int look_at_memory(void)
{
    char line[512];
    int hits = 0, total = 0, result = 0;
    bool shows_flags = false;
    FILE *file = fopen("/proc/self/smaps", "re");
    while (file && fgets(line, sizeof line, file)) {
        uintptr_t first, last;
        const char *behind;
        if (read_range(line, &first, &last, &behind)) {
            bool is_searched = is_own_memory(behind) && last - first <= SCAN_MAX;
            hits = 0;
            for (int which = FIRST_SEEN; is_searched && which < 2; which++)
                hits += count_copies(which, (const char *)first, (const char *)last);
            total += hits;
        } else if (strncmp(line, "VmFlags:", 8) == 0) {
            shows_flags = true;
            if (hits && !strstr(line, " dd"))
                result = COPY_LEFT;
        }
    }
    if (file)
        (void)fclose(file); /* was only read */
    return result | (shows_flags && total < 2 - FIRST_SEEN ? NOT_FOUND : 0);
}

static int be_the_child(const char *path)
{
    static char bytes[65536];
    struct mw_err err;
    int result = 0, fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
    struct mw_redactor *redactor = mw_redactor_new(&err);
    struct mw_vault *vault = mw_vault_new(redactor, &err);
    if (!redactor || !vault)
        return NOT_FOUND;
    if (prctl(PR_GET_DUMPABLE) != 0)
        result |= DUMPABLE;
    if (!mw_vault_from_env(vault, "MW_TEST_KEY", &err) || !mw_vault_from_file(vault, path, &err))
        return NOT_FOUND;
    if (getenv("MW_TEST_KEY"))
        result |= VARIABLE_LEFT;
    ssize_t len = read(fd, bytes, sizeof bytes); /* what others of the same user can see */
    if (len < (ssize_t)strlen("MW_TEST_KEY=") || count_copies(0, bytes, bytes + len) > 0)
        result |= ENVIRONMENT_SHOWS;
    (void)close(fd); /* was only read */
    result |= look_at_memory();
    mw_vault_free(vault);
    mw_redactor_free(redactor);
    return result;
}

static void nothing_left_in_memory(void)
{
    char variable[16 + LOADED_LEN] = "MW_TEST_KEY=", bytes[LOADED_LEN];
    char directory[] = "/tmp/mw-locked-XXXXXX", path[64];
    size_t name_len = strlen(variable);
    for (size_t i = 0; i < LOADED_LEN; i++) {
        variable[name_len + i] = loaded_byte(0, i);
        bytes[i] = loaded_byte(1, i);
    }
    if (!mkdtemp(directory))
        abort();
    (void)snprintf(path, sizeof path, "%s/secret", directory); /* fits */
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, bytes, LOADED_LEN) == LOADED_LEN && close(fd) == 0);
    char *argv[] = {"locked", path, NULL}, *envp[] = {variable, NULL};
    char program[4096]; /* its name, not the link: a checker that runs us answers for us there */
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    program[len > 0 ? len : 0] = '\0';
    pid_t child = fork();
    if (child == 0) {
        execve(program, argv, envp);
        _exit(127);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status) & ENVIRONMENT_SHOWS, 0);
    CHECK_INT(WEXITSTATUS(status) & VARIABLE_LEFT, 0);
    CHECK_INT(WEXITSTATUS(status) & DUMPABLE, 0);
    CHECK_INT(WEXITSTATUS(status) & COPY_LEFT, 0);
    CHECK_INT(WEXITSTATUS(status), 0);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(rmdir(directory), 0);
}

static const struct test_case cases[] = {
    {"memory comes zeroed, on a page of its own, and can be written to its end", comes_zeroed},
    {"memory is locked and left out of core dumps", is_locked_and_not_dumped},
    {"memory is wiped before it goes back to the system", is_wiped_before_it_goes},
    {"a system that locks nothing is no reason to fail", a_system_that_refuses},
    {"two allocations share no page", no_shared_pages},
    {"after loading, the only copies of a secret are in memory that is not dumped",
     nothing_left_in_memory},
    {"no size, or one beyond reason, gives no memory", odd_sizes},
};

int main(int argc, char **argv)
{
    if (argc == 2)
        _exit(be_the_child(argv[1]));
    return test_main(cases, sizeof cases / sizeof *cases);
}
