/* Time: UTC ns as the kernel stamps packets with, read through the vDSO. One read
 * costs some 30 ns, so loops read it once per packet or burst, not per message. */
#ifndef FP_CLOCK_H
#define FP_CLOCK_H
#include <stdint.h>
#include <time.h>

enum { FP_NS_PER_US = 1000, FP_NS_PER_MS = 1000000, FP_NS_PER_S = 1000000000 };

/* UTC ns. Same clock as SO_TIMESTAMPNS, so differences to receive times mean something. */
static inline uint64_t fp_clock_utc_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * FP_NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Never steps back; for timeouts within one process. */
static inline uint64_t fp_clock_monotonic_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * FP_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static inline struct timespec fp_clock_timespec(int64_t ns) {
    if (ns < 0) ns = 0;
    return (struct timespec){.tv_sec = ns / FP_NS_PER_S, .tv_nsec = ns % FP_NS_PER_S};
}

#endif
