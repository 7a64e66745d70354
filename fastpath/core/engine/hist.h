/* Log-linear histogram of durations: 64 buckets per power of two, so a value read
 * back is at most 1.6 % too high. One thread adds, any thread reads; adding is a few
 * plain loads and stores. It never allocates and never loses a value: what is beyond
 * the last bucket counts there. */
#ifndef FP_HIST_H
#define FP_HIST_H
#include "../fastpath.h"
#include <stdatomic.h>

enum { FP_HIST_BITS = 6, FP_HIST_TOP = 44, FP_HIST_BUCKETS = (FP_HIST_TOP - FP_HIST_BITS + 1) << FP_HIST_BITS };

struct fp_hist {
    _Atomic uint64_t count, sum, min, max; /* min holds min + 1, so that zeroed memory is an empty histogram */
    _Atomic uint64_t buckets[FP_HIST_BUCKETS];
};

/* Bucket of a value, and the highest value that falls into a bucket. */
static inline uint32_t fp_hist_bucket(uint64_t ns) {
    if (ns < (1u << FP_HIST_BITS)) return (uint32_t)ns;
    int exponent = 63 - __builtin_clzll(ns);
    if (exponent >= FP_HIST_TOP) return FP_HIST_BUCKETS - 1;
    return (uint32_t)(exponent - FP_HIST_BITS + 1) << FP_HIST_BITS | (uint32_t)(ns >> (exponent - FP_HIST_BITS) & ((1u << FP_HIST_BITS) - 1));
}

static inline uint64_t fp_hist_top(uint32_t bucket) {
    uint32_t exponent = bucket >> FP_HIST_BITS, low = bucket & ((1u << FP_HIST_BITS) - 1);
    if (exponent == 0) return low;
    return ((((uint64_t)1 << FP_HIST_BITS) + low + 1) << (exponent - 1)) - 1;
}

static inline void fp_hist_raise(_Atomic uint64_t *counter, uint64_t by) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by, memory_order_relaxed);
}

/* Add a duration `times` times. Only the histogram's one writing thread may call it. */
static inline void fp_hist_add(struct fp_hist *hist, uint64_t ns, uint64_t times) {
    if (!times) return;
    uint64_t low = atomic_load_explicit(&hist->min, memory_order_relaxed);
    if (low == 0 || ns + 1 < low) atomic_store_explicit(&hist->min, ns + 1, memory_order_relaxed);
    if (ns > atomic_load_explicit(&hist->max, memory_order_relaxed)) atomic_store_explicit(&hist->max, ns, memory_order_relaxed);
    fp_hist_raise(&hist->buckets[fp_hist_bucket(ns)], times);
    fp_hist_raise(&hist->sum, ns * times);
    fp_hist_raise(&hist->count, times);
}

/* The time from start to end; a clock that stepped back counts as 0. */
static inline void fp_hist_add_span(struct fp_hist *hist, uint64_t start_ns, uint64_t end_ns, uint64_t times) {
    fp_hist_add(hist, end_ns > start_ns ? end_ns - start_ns : 0, times);
}

/* Read it while it may be written: percentiles are of the buckets as seen. */
void fp_hist_read(const struct fp_hist *hist, struct fp_latency *out);

#endif
