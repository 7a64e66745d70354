/* Opening and closing levels: the pools of levels and blocks, and the shifting of
 * rungs through a ladder's blocks. Work is proportional to the distance from the best;
 * it never moves an order and never leaves a block half used in the middle. */
#include "ladder.h"
#include <string.h>

uint32_t fp_ladder_blocks(uint32_t max_levels) {
    uint32_t sides = 2 * 65536;
    /* One partly filled leaf a side, a leaf per 32 levels, a table per 33 and (rarely) two more per 2,049. */
    return (max_levels < sides ? max_levels : sides) + max_levels / 15 + FP_CHILDREN;
}

static uint32_t take_block(struct fp_ladders *pool) {
    uint32_t id = pool->block_free;
    if (id)
        pool->block_free = pool->blocks[id].next_free;
    else
        id = pool->block_next++;
    pool->blocks_used++;
    return id;
}

static void give_block(struct fp_ladders *pool, uint32_t id) {
    pool->blocks[id].next_free = pool->block_free;
    pool->block_free = id;
    pool->blocks_used--;
}

static uint32_t leaf(const struct fp_ladders *pool, const struct fp_ladder *ladder, uint32_t k) {
    switch (ladder->height) {
    case 0: return ladder->root;
    case 1: return pool->blocks[ladder->root].child[k];
    default: return pool->blocks[pool->blocks[ladder->root].child[k / FP_CHILDREN]].child[k % FP_CHILDREN];
    }
}

static void grow(struct fp_ladders *pool, struct fp_ladder *ladder) {
    uint32_t table = take_block(pool);
    pool->blocks[table].child[0] = ladder->root;
    ladder->root = table;
    ladder->height++;
}

static void shrink(struct fp_ladders *pool, struct fp_ladder *ladder) {
    uint32_t table = ladder->root;
    ladder->root = pool->blocks[table].child[0];
    ladder->height--;
    give_block(pool, table);
}

/* Add leaf number k at the back. The caller has made sure that three blocks are free. */
static void push_leaf(struct fp_ladders *pool, struct fp_ladder *ladder, uint32_t k) {
    uint32_t id = take_block(pool);
    ladder->back = id;
    if (k == 0) {
        ladder->root = id;
        ladder->height = 0;
        return;
    }
    if (k == 1 || k == FP_CHILDREN)
        grow(pool, ladder);
    if (ladder->height == 1) {
        pool->blocks[ladder->root].child[k] = id;
        return;
    }
    if (k % FP_CHILDREN == 0) {
        uint32_t table = take_block(pool);
        pool->blocks[ladder->root].child[k / FP_CHILDREN] = table;
    }
    pool->blocks[pool->blocks[ladder->root].child[k / FP_CHILDREN]].child[k % FP_CHILDREN] = id;
}

/* Take the empty leaf number k off the back. */
static void pop_leaf(struct fp_ladders *pool, struct fp_ladder *ladder, uint32_t k) {
    give_block(pool, ladder->back);
    if (ladder->height == 2 && k % FP_CHILDREN == 0)
        give_block(pool, pool->blocks[ladder->root].child[k / FP_CHILDREN]);
    if (k == 0) {
        ladder->root = ladder->back = 0;
        return;
    }
    if (k == 1 || k == FP_CHILDREN)
        shrink(pool, ladder);
    ladder->back = leaf(pool, ladder, k - 1);
}

const struct fp_rung *fp_ladder_at(const struct fp_ladders *pool, const struct fp_ladder *ladder, uint32_t position) {
    return &pool->blocks[leaf(pool, ladder, position / FP_RUNGS)].rung[position % FP_RUNGS];
}

/* Every rung of the back leaf is above key, and there are leaves before it. */
uint32_t fp_ladder_find_far(const struct fp_ladders *pool, const struct fp_ladder *ladder, uint32_t key, uint32_t *position) {
    uint32_t low = 0, high = (ladder->count - 1) / FP_RUNGS; /* leaves [low, high) may begin at or below key */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (pool->blocks[leaf(pool, ladder, middle)].rung[0].key <= key)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low) {
        *position = 0;
        return 0;
    }
    const struct fp_rung *rung = pool->blocks[leaf(pool, ladder, low - 1)].rung;
    uint32_t i = FP_RUNGS;
    while (rung[i - 1].key > key)
        i--;
    int found = rung[i - 1].key == key;
    *position = (low - 1) * FP_RUNGS + i - (uint32_t)found;
    return found ? rung[i - 1].level : 0;
}

static void insert_rung(struct fp_ladders *pool, struct fp_ladder *ladder, uint32_t position, struct fp_rung new_rung) {
    uint32_t count = ladder->count, last = count / FP_RUNGS, at = position / FP_RUNGS;
    if (count % FP_RUNGS == 0)
        push_leaf(pool, ladder, last);
    struct fp_rung *rung = pool->blocks[ladder->back].rung;
    uint32_t filled = count % FP_RUNGS;
    for (uint32_t k = last; k > at; k--) {
        struct fp_rung *before = pool->blocks[leaf(pool, ladder, k - 1)].rung;
        memmove(rung + 1, rung, filled * sizeof *rung);
        rung[0] = before[FP_RUNGS - 1];
        rung = before;
        filled = FP_RUNGS - 1;
    }
    uint32_t i = position % FP_RUNGS;
    memmove(rung + i + 1, rung + i, (filled - i) * sizeof *rung);
    rung[i] = new_rung;
    ladder->count = count + 1;
    if (position == count) {
        ladder->best = new_rung.level;
        ladder->best_key = new_rung.key;
    }
}

uint32_t fp_ladder_open(struct fp_ladders *pool, struct fp_ladder *ladder, uint32_t position, uint32_t key, uint32_t price_e4, uint16_t locate, uint8_t side) {
    uint32_t id = pool->level_free;
    if (ladder->count >= FP_LADDER_MAX || (!id && pool->level_next == pool->level_end))
        return 0;
    if (ladder->count % FP_RUNGS == 0 && pool->block_end - 1 - pool->blocks_used < 3)
        return 0;
    if (id)
        pool->level_free = pool->levels[id].price_e4;
    else
        id = pool->level_next++;
    pool->levels_used++;
    struct fp_price_level *level = &pool->levels[id];
    level->shares = 0;
    level->price_e4 = price_e4;
    level->orders = 0;
    level->locate = locate;
    level->side = side;
    level->used = 1;
    insert_rung(pool, ladder, position, (struct fp_rung){key, id});
    return id;
}

void fp_ladder_close(struct fp_ladders *pool, struct fp_ladder *ladder, uint32_t position) {
    uint32_t count = ladder->count, last = (count - 1) / FP_RUNGS, at = position / FP_RUNGS;
    struct fp_rung *rung = pool->blocks[leaf(pool, ladder, at)].rung;
    uint32_t i = position % FP_RUNGS, id = rung[i].level;
    for (uint32_t k = at; k < last; k++) {
        struct fp_rung *after = pool->blocks[leaf(pool, ladder, k + 1)].rung;
        memmove(rung + i, rung + i + 1, (FP_RUNGS - 1 - i) * sizeof *rung);
        rung[FP_RUNGS - 1] = after[0];
        rung = after;
        i = 0;
    }
    uint32_t filled = (count - 1) % FP_RUNGS + 1;
    memmove(rung + i, rung + i + 1, (filled - 1 - i) * sizeof *rung);
    ladder->count = --count;
    if (count % FP_RUNGS == 0)
        pop_leaf(pool, ladder, count / FP_RUNGS);
    if (position == count) {
        struct fp_rung best = count ? pool->blocks[ladder->back].rung[(count - 1) % FP_RUNGS] : (struct fp_rung){0, 0};
        ladder->best = best.level;
        ladder->best_key = best.key;
    }
    pool->levels[id].used = 0;
    pool->levels[id].price_e4 = pool->level_free; /* the link of the free list */
    pool->level_free = id;
    pool->levels_used--;
}

void fp_ladders_clear(struct fp_ladders *pool) {
    for (uint32_t id = 1; id < pool->level_next; id++)
        pool->levels[id].used = 0;
    pool->level_free = pool->levels_used = 0;
    pool->block_free = pool->blocks_used = 0;
    pool->level_next = pool->block_next = 1;
}
