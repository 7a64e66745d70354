// sources: fastpath/core/engine/hist.c
/* Latency histograms: buckets tile the range, values read back within 1.6 %,
 * percentiles agree with sorted values; and the clock's two readings. */
#include "check.h"
#include "engine/clock.h"
#include "engine/hist.h"
#include <stdlib.h>

static struct fp_hist hist;
static uint64_t values[20000];

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void buckets_tile_the_range(void) {
    uint64_t from = 0;
    for (uint32_t i = 0; i < FP_HIST_BUCKETS - 1; i++) {
        CHECK_EQ(fp_hist_bucket(from), i);
        CHECK_EQ(fp_hist_bucket(fp_hist_top(i)), i);
        from = fp_hist_top(i) + 1;
        if (check_failures) return;
    }
    CHECK_EQ(fp_hist_bucket(UINT64_MAX), FP_HIST_BUCKETS - 1);
}

static void values_read_back_closely(void) {
    for (uint64_t v = 1; v < (uint64_t)1 << 43; v = v * 21 / 20 + 1) {
        uint64_t top = fp_hist_top(fp_hist_bucket(v));
        CHECK(top >= v && (top - v) * 1000 <= v * 16);
    }
}

static void empty_reads_zero(void) {
    struct fp_latency out;
    fp_hist_read(&hist, &out);
    CHECK_EQ(out.count, 0);
    CHECK_EQ(out.max_ns, 0);
}

static void percentiles_follow_sorted_values(void) {
    struct fp_latency out;
    size_t n = sizeof values / sizeof *values;
    uint64_t state = 42, sum = 0;
    memset(&hist, 0, sizeof hist);
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        values[i] = (state >> 33) % (i % 50 ? 5000 : 5000000);
        sum += values[i];
        fp_hist_add(&hist, values[i], 1);
    }
    qsort(values, n, sizeof *values, by_value);
    fp_hist_read(&hist, &out);
    CHECK_EQ(out.count, n);
    CHECK_EQ(out.min_ns, values[0]);
    CHECK_EQ(out.max_ns, values[n - 1]);
    CHECK_EQ(out.mean_ns, sum / n);
    const uint64_t got[] = {out.p50_ns, out.p90_ns, out.p99_ns, out.p999_ns}, rank[] = {n / 2, n * 9 / 10, n * 99 / 100, n * 999 / 1000};
    for (int i = 0; i < 4; i++) {
        uint64_t want = values[rank[i] - 1];
        CHECK(got[i] >= want && (got[i] - want) * 1000 <= want * 16);
    }
}

static void one_value_is_every_percentile(void) {
    struct fp_latency out;
    memset(&hist, 0, sizeof hist);
    fp_hist_add(&hist, 123456, 3);
    fp_hist_read(&hist, &out);
    CHECK_EQ(out.count, 3);
    CHECK_EQ(out.min_ns, 123456);
    CHECK_EQ(out.p50_ns, 123456);
    CHECK_EQ(out.p999_ns, 123456);
    CHECK_EQ(out.mean_ns, 123456);
}

static void spans_and_giants_are_counted(void) {
    struct fp_latency out;
    memset(&hist, 0, sizeof hist);
    fp_hist_add_span(&hist, 500, 400, 1); /* a clock that stepped back */
    fp_hist_add_span(&hist, 500, 700, 2);
    fp_hist_add(&hist, UINT64_MAX / 4, 1);
    fp_hist_read(&hist, &out);
    CHECK_EQ(out.count, 4);
    CHECK_EQ(out.min_ns, 0);
    CHECK_EQ(out.max_ns, UINT64_MAX / 4);
    CHECK_EQ(out.p999_ns, UINT64_MAX / 4);
}

static void clocks_read(void) {
    uint64_t a = fp_clock_monotonic_ns(), b = fp_clock_monotonic_ns();
    CHECK(b >= a);
    CHECK(fp_clock_utc_ns() > 1700000000ull * FP_NS_PER_S);
    struct timespec ts = fp_clock_timespec(1500000000);
    CHECK_EQ(ts.tv_sec, 1);
    CHECK_EQ(ts.tv_nsec, 500000000);
    ts = fp_clock_timespec(-5);
    CHECK_EQ(ts.tv_sec + ts.tv_nsec, 0);
}

int main(void) {
    RUN(buckets_tile_the_range);
    RUN(values_read_back_closely);
    RUN(empty_reads_zero);
    RUN(percentiles_follow_sorted_values);
    RUN(one_value_is_every_percentile);
    RUN(spans_and_giants_are_counted);
    RUN(clocks_read);
    return check_done();
}
