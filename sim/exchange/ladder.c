/* See ladder.h. Levels are a sorted list entered from whichever end is nearer in price:
 * nearly all activity is within a few levels of the best one. */
#include "ladder.h"
#include "fastpath/core/records.h"
#include <string.h>

static size_t rounded(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

static uint32_t buckets_for(uint32_t orders) {
    uint32_t buckets = 64;
    while (buckets < orders && buckets < (1u << 30)) buckets <<= 1;
    return buckets;
}

size_t fp_ladders_size(uint32_t max_orders, uint32_t max_levels, uint32_t max_symbols, uint32_t accounts) {
    return rounded((max_orders + (size_t)1) * sizeof(struct fp_resting)) +
           rounded((max_levels + (size_t)1) * sizeof(struct fp_price_level)) +
           rounded(max_symbols * sizeof(struct fp_ladder)) + 2 * rounded(buckets_for(max_orders) * sizeof(uint32_t)) +
           2 * rounded((accounts + (size_t)1) * sizeof(uint32_t));
}

void fp_ladders_init(struct fp_ladders *ladders, void *memory, uint32_t max_orders, uint32_t max_levels,
                     uint32_t max_symbols, uint32_t accounts) {
    uint8_t *at = memory;
    uint32_t buckets = buckets_for(max_orders);
    memset(ladders, 0, sizeof *ladders);
    ladders->orders = (struct fp_resting *)at;
    at += rounded((max_orders + (size_t)1) * sizeof(struct fp_resting));
    ladders->levels = (struct fp_price_level *)at;
    at += rounded((max_levels + (size_t)1) * sizeof(struct fp_price_level));
    ladders->ladders = (struct fp_ladder *)at;
    at += rounded(max_symbols * sizeof(struct fp_ladder));
    ladders->by_ref = (uint32_t *)at;
    at += rounded(buckets * sizeof(uint32_t));
    ladders->by_user = (uint32_t *)at;
    at += rounded(buckets * sizeof(uint32_t));
    ladders->account_head = (uint32_t *)at;
    at += rounded((accounts + (size_t)1) * sizeof(uint32_t));
    ladders->account_tail = (uint32_t *)at;
    ladders->bucket_mask = buckets - 1;
    ladders->max_orders = max_orders;
    ladders->max_levels = max_levels;
    ladders->accounts = accounts;
    for (uint32_t slot = 1; slot <= max_orders; slot++)
        ladders->orders[slot].next_by_ref = slot < max_orders ? slot + 1 : 0;
    for (uint32_t slot = 1; slot <= max_levels; slot++) ladders->levels[slot].worse = slot < max_levels ? slot + 1 : 0;
    ladders->free_order = max_orders ? 1 : 0;
    ladders->free_level = max_levels ? 1 : 0;
}

int fp_ladder_side(char side) { return side == 'B' ? FP_LADDER_BUY : FP_LADDER_SELL; }

static uint32_t ref_bucket(const struct fp_ladders *ladders, uint64_t ref) {
    return (uint32_t)((ref * 0x9E3779B97F4A7C15ull) >> 32) & ladders->bucket_mask;
}

static uint32_t user_bucket(const struct fp_ladders *ladders, uint16_t account, uint8_t index, uint32_t user_ref_num) {
    uint64_t key = ((uint64_t)account << 40) | ((uint64_t)index << 32) | user_ref_num;
    return (uint32_t)((key * 0x9E3779B97F4A7C15ull) >> 32) & ladders->bucket_mask;
}

uint32_t fp_ladders_find(const struct fp_ladders *ladders, uint64_t ref) {
    uint32_t slot = ladders->by_ref[ref_bucket(ladders, ref)];
    while (slot && ladders->orders[slot].ref != ref) slot = ladders->orders[slot].next_by_ref;
    return slot;
}

uint32_t fp_ladders_find_user(const struct fp_ladders *ladders, uint16_t account, uint8_t index,
                              uint32_t user_ref_num) {
    uint32_t slot = ladders->by_user[user_bucket(ladders, account, index, user_ref_num)];
    while (slot) {
        const struct fp_resting *order = &ladders->orders[slot];
        if (order->user_ref_num == user_ref_num && order->account == account && order->user_ref_index == index) break;
        slot = order->next_by_user;
    }
    return slot;
}

int fp_ladders_has_room(const struct fp_ladders *ladders) {
    return ladders->free_order != 0 && ladders->free_level != 0;
}

static int better(int side, uint32_t price_e4, uint32_t than_e4) {
    return side == FP_LADDER_BUY ? price_e4 > than_e4 : price_e4 < than_e4;
}

/* The level of a price, made when absent; 0 when there is no room. */
static uint32_t level_at(struct fp_ladders *ladders, struct fp_ladder *ladder, int side, uint32_t price_e4) {
    struct fp_price_level *levels = ladders->levels;
    uint32_t before = 0, after = ladder->best[side]; /* neighbours: better, worse */
    if (after && ladder->worst[side] != after) {
        uint32_t top = levels[after].price_e4, bottom = levels[ladder->worst[side]].price_e4;
        uint32_t from_top = top > price_e4 ? top - price_e4 : price_e4 - top;
        uint32_t from_bottom = bottom > price_e4 ? bottom - price_e4 : price_e4 - bottom;
        if (from_bottom < from_top) {
            after = 0;
            before = ladder->worst[side];
            while (before && better(side, price_e4, levels[before].price_e4)) {
                after = before;
                before = levels[before].better;
            }
            if (before && levels[before].price_e4 == price_e4) return before;
            goto insert;
        }
    }
    while (after && better(side, levels[after].price_e4, price_e4)) {
        before = after;
        after = levels[after].worse;
    }
    if (after && levels[after].price_e4 == price_e4) return after;
insert:;
    uint32_t slot = ladders->free_level;
    if (!slot) return 0;
    ladders->free_level = levels[slot].worse;
    memset(&levels[slot], 0, sizeof levels[slot]);
    levels[slot].price_e4 = price_e4;
    levels[slot].better = before;
    levels[slot].worse = after;
    if (before) levels[before].worse = slot;
    else ladder->best[side] = slot;
    if (after) levels[after].better = slot;
    else ladder->worst[side] = slot;
    ladder->levels[side]++;
    ladders->live_levels++;
    return slot;
}

static void drop_level_if_empty(struct fp_ladders *ladders, struct fp_ladder *ladder, int side, uint32_t slot) {
    struct fp_price_level *level = &ladders->levels[slot];
    if (level->head[0] || level->head[1]) return;
    if (level->better) ladders->levels[level->better].worse = level->worse;
    else ladder->best[side] = level->worse;
    if (level->worse) ladders->levels[level->worse].better = level->better;
    else ladder->worst[side] = level->better;
    level->worse = ladders->free_level;
    ladders->free_level = slot;
    ladder->levels[side]--;
    ladders->live_levels--;
}

uint32_t fp_ladders_rest(struct fp_ladders *ladders, const struct fp_resting *given, uint32_t price_e4) {
    uint32_t slot = ladders->free_order;
    if (!slot) return 0;
    struct fp_ladder *ladder = &ladders->ladders[given->symbol];
    int side = fp_ladder_side(given->side);
    uint32_t level_slot = level_at(ladders, ladder, side, price_e4);
    if (!level_slot) return 0;
    struct fp_resting *order = &ladders->orders[slot];
    ladders->free_order = order->next_by_ref;
    *order = *given;
    struct fp_price_level *level = &ladders->levels[level_slot];
    int queue = order->flags & FP_RESTING_HIDDEN ? FP_QUEUE_HIDDEN : FP_QUEUE_DISPLAYED;
    order->level = level_slot;
    order->prev = level->tail[queue];
    order->next = 0;
    if (order->prev) ladders->orders[order->prev].next = slot;
    else level->head[queue] = slot;
    level->tail[queue] = slot;
    if (queue == FP_QUEUE_DISPLAYED) {
        level->shares += order->open;
        level->displayed++;
    }
    uint32_t *bucket = &ladders->by_ref[ref_bucket(ladders, order->ref)];
    order->next_by_ref = *bucket;
    *bucket = slot;
    order->next_by_user = order->account_prev = order->account_next = 0;
    if (order->account < ladders->accounts) {
        bucket = &ladders->by_user[user_bucket(ladders, order->account, order->user_ref_index, order->user_ref_num)];
        order->next_by_user = *bucket;
        *bucket = slot;
        order->account_prev = ladders->account_tail[order->account];
        if (order->account_prev) ladders->orders[order->account_prev].account_next = slot;
        else ladders->account_head[order->account] = slot;
        ladders->account_tail[order->account] = slot;
    }
    ladder->orders++;
    if (++ladders->live_orders > ladders->peak_orders) ladders->peak_orders = ladders->live_orders;
    return slot;
}

void fp_ladders_reduce(struct fp_ladders *ladders, uint32_t slot, uint32_t shares) {
    struct fp_resting *order = &ladders->orders[slot];
    if (!(order->flags & FP_RESTING_HIDDEN)) ladders->levels[order->level].shares -= shares;
    order->open -= shares;
}

static void unqueue(struct fp_ladders *ladders, uint32_t slot) {
    struct fp_resting *order = &ladders->orders[slot];
    struct fp_ladder *ladder = &ladders->ladders[order->symbol];
    struct fp_price_level *level = &ladders->levels[order->level];
    int queue = order->flags & FP_RESTING_HIDDEN ? FP_QUEUE_HIDDEN : FP_QUEUE_DISPLAYED;
    if (order->prev) ladders->orders[order->prev].next = order->next;
    else level->head[queue] = order->next;
    if (order->next) ladders->orders[order->next].prev = order->prev;
    else level->tail[queue] = order->prev;
    if (queue == FP_QUEUE_DISPLAYED) {
        level->shares -= order->open;
        level->displayed--;
    }
    drop_level_if_empty(ladders, ladder, fp_ladder_side(order->side), order->level);
    order->level = 0;
    ladder->orders--;
}

void fp_ladders_spend(struct fp_ladders *ladders, uint32_t slot) {
    unqueue(ladders, slot);
    ladders->orders[slot].flags |= FP_RESTING_SPENT;
    ladders->orders[slot].open = 0;
}

void fp_ladders_remove(struct fp_ladders *ladders, uint32_t slot) {
    struct fp_resting *order = &ladders->orders[slot];
    if (!(order->flags & FP_RESTING_SPENT)) unqueue(ladders, slot);
    uint32_t *link = &ladders->by_ref[ref_bucket(ladders, order->ref)];
    while (*link != slot) link = &ladders->orders[*link].next_by_ref;
    *link = order->next_by_ref;
    if (order->account < ladders->accounts) {
        link = &ladders->by_user[user_bucket(ladders, order->account, order->user_ref_index, order->user_ref_num)];
        while (*link != slot) link = &ladders->orders[*link].next_by_user;
        *link = order->next_by_user;
        if (order->account_prev) ladders->orders[order->account_prev].account_next = order->account_next;
        else ladders->account_head[order->account] = order->account_next;
        if (order->account_next) ladders->orders[order->account_next].account_prev = order->account_prev;
        else ladders->account_tail[order->account] = order->account_prev;
    }
    order->next_by_ref = ladders->free_order;
    ladders->free_order = slot;
    ladders->live_orders--;
}

uint32_t fp_ladder_top(const struct fp_ladders *ladders, uint32_t symbol, int side, uint64_t *shares) {
    uint32_t slot = ladders->ladders[symbol].best[side];
    while (slot && !ladders->levels[slot].displayed) slot = ladders->levels[slot].worse;
    if (shares) *shares = slot ? ladders->levels[slot].shares : 0;
    return slot ? ladders->levels[slot].price_e4 : 0;
}

int fp_ladders_validate(const struct fp_ladders *ladders, uint32_t symbols) {
    uint32_t orders = 0, levels = 0, spent = 0;
    for (uint32_t bucket = 0; bucket <= ladders->bucket_mask; bucket++)
        for (uint32_t slot = ladders->by_ref[bucket]; slot; slot = ladders->orders[slot].next_by_ref)
            if (ladders->orders[slot].flags & FP_RESTING_SPENT) spent++;
    for (uint32_t symbol = 0; symbol < symbols; symbol++) {
        const struct fp_ladder *ladder = &ladders->ladders[symbol];
        uint32_t here = 0;
        for (int side = 0; side < 2; side++) {
            uint32_t before = 0, count = 0;
            for (uint32_t at = ladder->best[side]; at; before = at, at = ladders->levels[at].worse) {
                const struct fp_price_level *level = &ladders->levels[at];
                uint64_t shares = 0;
                uint32_t displayed = 0;
                if (level->better != before ||
                    (before && !better(side, ladders->levels[before].price_e4, level->price_e4)))
                    return FP_E_CORRUPT;
                for (int queue = 0; queue < 2; queue++) {
                    uint32_t last = 0;
                    for (uint32_t slot = level->head[queue]; slot; last = slot, slot = ladders->orders[slot].next) {
                        const struct fp_resting *order = &ladders->orders[slot];
                        if (order->prev != last || order->level != at || order->symbol != symbol || order->open == 0)
                            return FP_E_CORRUPT;
                        if (fp_ladder_side(order->side) != side || fp_ladders_find(ladders, order->ref) != slot)
                            return FP_E_CORRUPT;
                        if (order->account < ladders->accounts &&
                            fp_ladders_find_user(ladders, order->account, order->user_ref_index, order->user_ref_num) !=
                                slot)
                            return FP_E_CORRUPT;
                        if (queue == FP_QUEUE_DISPLAYED) {
                            shares += order->open;
                            displayed++;
                        }
                        here++;
                    }
                    if (level->tail[queue] != last) return FP_E_CORRUPT;
                }
                if ((!level->head[0] && !level->head[1]) || shares != level->shares || displayed != level->displayed)
                    return FP_E_CORRUPT;
                count++;
            }
            if (ladder->worst[side] != before || count != ladder->levels[side]) return FP_E_CORRUPT;
            levels += count;
        }
        if (here != ladder->orders) return FP_E_CORRUPT;
        orders += here;
    }
    return orders + spent == ladders->live_orders && levels == ladders->live_levels ? 0 : FP_E_CORRUPT;
}
