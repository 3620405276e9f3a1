/* fuzz.h: what a fuzz target needs: a check that stops the run and says why, and copies of the
 * input behind which nothing can be read. */
#ifndef MW_FUZZ_H
#define MW_FUZZ_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fuzzer keeps the input and reports the crash. */
#define MUST(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: expected %s: ", __FILE__, __LINE__, #condition);         \
            (void)fprintf(stderr, __VA_ARGS__);                                                    \
            (void)fputc('\n', stderr); /* it ends here anyway */                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { FUZZ_ROOM = 1 << 20, FUZZ_PAGE = 4096 };

/* A copy of `len` bytes (up to FUZZ_ROOM) that ends where an unreadable page begins: libc itself,
 * which no sanitizer instruments, cannot read beyond it unseen. One at a time; kept for ever. */
static inline const char *fuzz_guarded(const void *data, size_t len)
{
    static char *end;
    if (!end) {
        char *room = mmap(NULL, FUZZ_ROOM + FUZZ_PAGE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        MUST(room != MAP_FAILED, "no memory");
        MUST(mprotect(room + FUZZ_ROOM, FUZZ_PAGE, PROT_NONE) == 0, "no guard page");
        end = room + FUZZ_ROOM;
    }
    MUST(len <= FUZZ_ROOM, "run with -max_len of at most %d", FUZZ_ROOM);
    if (len)
        memcpy(end - len, data, len);
    return end - len;
}

/* One byte of the input as a choice; 0 when there is none. Moves on. */
static inline uint8_t fuzz_byte(const uint8_t **data, size_t *size)
{
    if (*size == 0)
        return 0;
    (*size)--;
    return *(*data)++;
}

#endif
