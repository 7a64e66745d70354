/* Big blocks taken once at open: zeroed, 64-byte aligned, huge pages where the
 * machine has them. It never returns memory piecemeal and is never called per packet. */
#ifndef FP_MEMORY_H
#define FP_MEMORY_H
#include <stddef.h>

enum fp_memory_use {
    FP_MEMORY_HOT = 1, /* touched by the hot thread: pages are there before the first packet */
    FP_MEMORY_LAZY = 2 /* large tables of which little may be used: pages come with the first touch */
};

/* NULL when the machine has not so much. */
void *fp_memory_map(size_t bytes, enum fp_memory_use use);
void fp_memory_unmap(void *memory, size_t bytes);

#endif
