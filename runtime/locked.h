/* locked.h: memory for secrets: never swapped where the system lets us, never in a core dump, wiped
 * when it is freed. Whole pages: for few and long-lived things. */
#ifndef MW_LOCKED_H
#define MW_LOCKED_H

#include <stddef.h>

void *mw_locked_alloc(size_t size); /* zeroed; NULL when there is none */
void mw_locked_free(void *memory, size_t size); /* takes NULL; the size that was asked for */

#endif
