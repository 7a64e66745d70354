/* Price levels, and the ladders that keep each side of each book sorted.
 *
 * A level knows its symbol, side and price, so an order needs only the level's number.
 * A ladder is a sorted array of {key, level}: key is the bid price, or the ask price
 * negated, hence one code path and the best at the back, where most changes happen.
 * The array lies in blocks of 32 rungs, always dense, so that it can neither fragment
 * the memory nor need more of it than the levels it holds.
 *
 * It never allocates and never rounds a price; a ladder holds FP_LADDER_MAX levels,
 * which bounds the longest insert (far from the best, in a full ladder). */
#ifndef FP_BOOK_LADDER_H
#define FP_BOOK_LADDER_H
#include <stddef.h>
#include <stdint.h>

enum {
    FP_RUNGS = 32,        /* of one block */
    FP_CHILDREN = 64,     /* blocks named by one table block */
    FP_LADDER_MAX = 8192, /* levels on one side of one book */
    FP_BID = 0,
    FP_ASK = 1
};

/* The sum of the orders at one price. u32 shares times u32 orders cannot overflow u64. */
struct fp_price_level {
    uint64_t shares;
    uint32_t price_e4, orders;
    uint16_t locate;
    uint8_t side, used;
    uint32_t audit_orders; /* scratch of fp_book_validate */
    uint64_t audit_shares;
};

struct fp_rung {
    uint32_t key, level;
};

/* A leaf of rungs, a table of blocks, or a link of the free list. */
union fp_ladder_block {
    struct fp_rung rung[FP_RUNGS];
    uint32_t child[FP_CHILDREN];
    uint32_t next_free;
};

/* One side of one book. height 0: root is the only leaf; 1: a table of leaves; 2: a table of tables. */
struct fp_ladder {
    uint32_t root, back; /* back: the leaf with the best rung */
    uint32_t count;
    uint32_t best, best_key; /* the best rung again: its level, its key */
    uint32_t height;
};

/* Number 0 of both pools stays unused: it means none. */
struct fp_ladders {
    struct fp_price_level *levels;
    union fp_ladder_block *blocks;
    uint32_t level_free, level_next, level_end, levels_used;
    uint32_t block_free, block_next, block_end, blocks_used;
};

/* Blocks that max_levels levels may need, however they are spread over the ladders. */
uint32_t fp_ladder_blocks(uint32_t max_levels);

uint32_t fp_ladder_find_far(const struct fp_ladders *pool, const struct fp_ladder *ladder, uint32_t key, uint32_t *position);

/* Open a level at the position that find gave. Returns its number, 0 when pool or ladder is full (nothing changed). */
uint32_t fp_ladder_open(struct fp_ladders *pool, struct fp_ladder *ladder, uint32_t position, uint32_t key, uint32_t price_e4, uint16_t locate, uint8_t side);

/* Take the level at a position away; it must have no orders. */
void fp_ladder_close(struct fp_ladders *pool, struct fp_ladder *ladder, uint32_t position);

/* The rung at position 0 (worst) .. count - 1 (best). */
const struct fp_rung *fp_ladder_at(const struct fp_ladders *pool, const struct fp_ladder *ladder, uint32_t position);

void fp_ladders_clear(struct fp_ladders *pool);

static inline uint32_t fp_ladder_key(uint8_t side, uint32_t price_e4) {
    return side == FP_BID ? price_e4 : ~price_e4;
}

/* The level with this key, 0 if none; *position is where it is, or belongs. */
static inline uint32_t fp_ladder_find(const struct fp_ladders *pool, const struct fp_ladder *ladder, uint32_t key, uint32_t *position) {
    uint32_t count = ladder->count;
    *position = 0;
    if (!count)
        return 0;
    const struct fp_rung *rung = pool->blocks[ladder->back].rung;
    uint32_t base = (count - 1) & ~(uint32_t)(FP_RUNGS - 1), i = count - base;
    while (i && rung[i - 1].key > key)
        i--;
    if (!i && base)
        return fp_ladder_find_far(pool, ladder, key, position);
    if (i && rung[i - 1].key == key) {
        *position = base + i - 1;
        return rung[i - 1].level;
    }
    *position = base + i;
    return 0;
}

#endif
