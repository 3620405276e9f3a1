#include "shared.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct mw_shared *mw_shared_new(struct mw_err *err)
{
    void *memory = mmap(NULL, sizeof(struct mw_shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        mw_err_set(err, "shared memory: %s", strerror(errno));
        return NULL;
    }
    return memory;
}

void mw_shared_free(struct mw_shared *shared)
{
    if (shared)
        (void)munmap(shared, sizeof *shared); /* our own mapping: cannot fail */
}

void mw_shared_mark_slow(struct mw_shared *shared, uint64_t number)
{
    uint32_t callback = atomic_load(&shared->callback);
    if (atomic_load(&shared->callbacks) != number)
        return; /* it has just ended, and the name may be the next one's */
    atomic_store(&shared->slow_callback, callback);
    atomic_store(&shared->slow_of, number);
}
