/* Reading of latency histograms: percentiles from bucket counts. It never writes
 * to a histogram, so it may run beside the thread that adds. */
#include "hist.h"
#include <string.h>

static uint64_t load(const _Atomic uint64_t *value) {
    return atomic_load_explicit(value, memory_order_relaxed);
}

void fp_hist_read(const struct fp_hist *hist, struct fp_latency *out) {
    memset(out, 0, sizeof *out);
    uint64_t total = 0;
    for (uint32_t i = 0; i < FP_HIST_BUCKETS; i++) total += load(&hist->buckets[i]);
    if (!total) return;
    uint64_t low = load(&hist->min), count = load(&hist->count);
    out->count = total;
    out->min_ns = low ? low - 1 : 0;
    out->max_ns = load(&hist->max);
    out->mean_ns = count ? load(&hist->sum) / count : 0;
    const uint32_t per_mille[] = {500, 900, 990, 999};
    uint64_t *const targets[] = {&out->p50_ns, &out->p90_ns, &out->p99_ns, &out->p999_ns};
    uint64_t below = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; i < FP_HIST_BUCKETS && next < 4; i++) {
        below += load(&hist->buckets[i]);
        /* rank = ceil(total * p), without leaving 64 bits */
        while (next < 4 && below >= total - total / 1000 * (1000 - per_mille[next]) - total % 1000 * (1000 - per_mille[next]) / 1000) {
            uint64_t top = fp_hist_top(i);
            *targets[next++] = top < out->max_ns && i < FP_HIST_BUCKETS - 1 ? top : out->max_ns;
        }
    }
}
