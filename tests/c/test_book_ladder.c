// sources: fastpath/core/book/ladder.c
/* Ladders alone, against a plain sorted array: one, two and three blocks high, opened
 * and closed at every position, until they and the pools are full, and back to nothing. */
#include "check.h"
#include "book/ladder.h"
#include <stdlib.h>

enum { SIDES = 4, MAX = 20000 };

static struct fp_ladders pool;
static struct fp_ladder ladder[SIDES];
static uint32_t keys[SIDES][MAX], level_of[SIDES][MAX], count[SIDES];
static uint64_t seed = 1;

static uint32_t below(uint32_t n) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

static void open_pool(uint32_t max_levels) {
    uint32_t blocks = fp_ladder_blocks(max_levels);
    free(pool.levels);
    free(pool.blocks);
    pool = (struct fp_ladders){.level_next = 1, .level_end = max_levels + 1, .block_next = 1, .block_end = blocks + 1};
    pool.levels = calloc(max_levels + 1u, sizeof *pool.levels);
    pool.blocks = aligned_alloc(64, (blocks + 1u) * sizeof *pool.blocks);
    memset(ladder, 0, sizeof ladder);
    memset(count, 0, sizeof count);
}

static uint32_t lower_bound(int s, uint32_t key) {
    uint32_t low = 0, high = count[s];
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (keys[s][middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Open when absent, close when there. Returns 0 when a full table refused. */
static int toggle(int s, uint32_t key) {
    uint32_t position, at = lower_bound(s, key), found = fp_ladder_find(&pool, &ladder[s], key, &position);
    int there = at < count[s] && keys[s][at] == key;
    CHECK_EQ(position, at);
    CHECK_EQ(found, there ? level_of[s][at] : 0);
    if (there) {
        fp_ladder_close(&pool, &ladder[s], position);
        count[s]--;
        memmove(&keys[s][at], &keys[s][at + 1], (count[s] - at) * sizeof **keys);
        memmove(&level_of[s][at], &level_of[s][at + 1], (count[s] - at) * sizeof **level_of);
        return 1;
    }
    uint32_t id = fp_ladder_open(&pool, &ladder[s], position, key, key, (uint16_t)s, FP_BID);
    if (!id)
        return 0;
    memmove(&keys[s][at + 1], &keys[s][at], (count[s] - at) * sizeof **keys);
    memmove(&level_of[s][at + 1], &level_of[s][at], (count[s] - at) * sizeof **level_of);
    keys[s][at] = key;
    level_of[s][at] = id;
    count[s]++;
    return 1;
}

static void compare(int s) {
    CHECK_EQ(ladder[s].count, count[s]);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < count[s]; i++) {
        const struct fp_rung *rung = fp_ladder_at(&pool, &ladder[s], i);
        wrong += rung->key != keys[s][i] || rung->level != level_of[s][i] || pool.levels[rung->level].price_e4 != keys[s][i];
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(ladder[s].best, count[s] ? level_of[s][count[s] - 1] : 0);
    CHECK_EQ(ladder[s].best_key, count[s] ? keys[s][count[s] - 1] : 0);
}

/* Blocks that dense ladders of these sizes take, no more. */
static uint32_t blocks_needed(void) {
    uint32_t sum = 0;
    for (int s = 0; s < SIDES; s++) {
        uint32_t leaves = (count[s] + FP_RUNGS - 1) / FP_RUNGS;
        sum += leaves + (leaves > 1) + (leaves > FP_CHILDREN ? (leaves + FP_CHILDREN - 1) / FP_CHILDREN : 0);
    }
    return sum;
}

static void compare_all(void) {
    uint32_t sum = 0;
    for (int s = 0; s < SIDES; s++) {
        compare(s);
        sum += count[s];
    }
    CHECK_EQ(pool.levels_used, sum);
    CHECK_EQ(pool.blocks_used, blocks_needed());
}

static void random_ladders(void) {
    static const uint32_t ranges[] = {5, 40, 70, 400, 5000};
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
        open_pool(MAX);
        for (uint32_t i = 0; i < 30000; i++) {
            CHECK(toggle((int)below(SIDES), 1 + below(ranges[r])));
            if (i % 499 == 0)
                compare_all();
        }
        compare_all();
    }
}

static void up_to_the_limit_and_back(void) {
    open_pool(MAX);
    for (uint32_t i = 0; i < FP_LADDER_MAX; i++) /* worst first, best first, then both ends closing in */
        CHECK(toggle(0, i % 2 ? 100000 + i : 100000 - i));
    compare_all();
    CHECK_EQ(ladder[0].height, 2);
    CHECK_EQ(toggle(0, 1), 0);
    compare_all();
    CHECK(toggle(1, 1)); /* the others are not affected */
    while (count[0])
        CHECK(toggle(0, keys[0][below(3) ? count[0] - 1 : below(count[0])]));
    CHECK(toggle(1, 1));
    compare_all();
    CHECK_EQ(pool.blocks_used, 0);
    CHECK_EQ(ladder[0].root, 0);
}

static void a_full_pool_refuses_and_recovers(void) {
    open_pool(100);
    for (uint32_t i = 0; i < 100; i++)
        CHECK(toggle((int)(i % SIDES), 10 + i));
    CHECK_EQ(toggle(0, 5), 0);
    compare_all();
    CHECK(toggle(3, 13));
    CHECK(toggle(0, 5));
    compare_all();
}

/* The promise of fp_ladder_blocks: any split of max_levels over ladders finds its blocks. */
static void blocks_suffice_for_any_split(void) {
    static const uint32_t sizes[] = {1, 31, 32, 33, 64, 65, 2048, 2049, 4096, 4097, FP_LADDER_MAX};
    static const uint32_t totals[] = {1, 33, 2049, 131072, 131073, 1000000, 1u << 30};
    for (size_t t = 0; t < sizeof totals / sizeof *totals; t++) {
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            uint64_t sides = totals[t] / sizes[k], rest = totals[t] % sizes[k];
            if (sides > 131072)
                sides = 131072, rest = 0;
            uint64_t leaves = (sizes[k] + FP_RUNGS - 1) / FP_RUNGS;
            uint64_t each = leaves + (leaves > 1) + (leaves > FP_CHILDREN ? (leaves + FP_CHILDREN - 1) / FP_CHILDREN : 0);
            uint64_t tail = (rest + FP_RUNGS - 1) / FP_RUNGS + 6;
            CHECK(sides * each + tail <= fp_ladder_blocks(totals[t]));
        }
    }
}

static void clear_gives_everything_back(void) {
    open_pool(1000);
    for (uint32_t i = 0; i < 900; i++)
        CHECK(toggle(0, 1 + i));
    fp_ladders_clear(&pool);
    memset(ladder, 0, sizeof ladder);
    memset(count, 0, sizeof count);
    for (uint32_t i = 0; i < 1000; i++)
        CHECK(toggle(1, 1 + i));
    compare_all();
}

int main(void) {
    RUN(random_ladders);
    RUN(up_to_the_limit_and_back);
    RUN(a_full_pool_refuses_and_recovers);
    RUN(blocks_suffice_for_any_split);
    RUN(clear_gives_everything_back);
    free(pool.levels);
    free(pool.blocks);
    return check_done();
}
