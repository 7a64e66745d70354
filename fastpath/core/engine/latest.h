/* The newest copy of a structure, handed from one writing thread to one reader at a
 * time without a lock on the writer's side: three slots, of which the writer owns
 * one, the reader one, and the third is the newest. Nobody ever sees half a copy. */
#ifndef FP_LATEST_H
#define FP_LATEST_H
#include <stdatomic.h>
#include <stdint.h>

enum { FP_LATEST_FRESH = 4 };

struct fp_latest {
    _Atomic uint32_t middle; /* slot index, with FRESH when not yet read */
    uint32_t writer, reader; /* slots owned by either side */
};

static inline void fp_latest_init(struct fp_latest *latest) {
    atomic_init(&latest->middle, 1);
    latest->writer = 0;
    latest->reader = 2;
}

/* After filling slot latest->writer: make it the newest. */
static inline void fp_latest_publish(struct fp_latest *latest) {
    latest->writer = atomic_exchange_explicit(&latest->middle, latest->writer | FP_LATEST_FRESH, memory_order_acq_rel) & 3;
}

/* Slot index that the reader may now read; stays its own until the next call. */
static inline uint32_t fp_latest_take(struct fp_latest *latest) {
    if (atomic_load_explicit(&latest->middle, memory_order_relaxed) & FP_LATEST_FRESH)
        latest->reader = atomic_exchange_explicit(&latest->middle, latest->reader, memory_order_acq_rel) & 3;
    return latest->reader;
}

#endif
