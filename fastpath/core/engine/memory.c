/* Anonymous mappings for the engine's tables. See memory.h for what it never does. */
#include "memory.h"
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

void *fp_memory_map(size_t bytes, enum fp_memory_use use) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (use == FP_MEMORY_LAZY ? MAP_NORESERVE : 0);
    void *memory = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    if (use == FP_MEMORY_HOT) {
        /* Advice first, so that populating can take huge pages at once. */
        if (bytes >= HUGE_PAGE) madvise(memory, bytes, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
        if (madvise(memory, bytes ? bytes : 1, MADV_POPULATE_WRITE) == 0) return memory;
#endif
        for (size_t i = 0; i < bytes; i += 4096) ((volatile char *)memory)[i] = 0;
    }
    return memory;
}

void fp_memory_unmap(void *memory, size_t bytes) {
    if (memory) munmap(memory, bytes ? bytes : 1);
}
