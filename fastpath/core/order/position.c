/* Holdings, reservations and fills; see position.h. */
#include "position.h"
#include <string.h>

/* Sums saturate: only a venue that sends absurd prices gets there, and it must not get wrapped positions. */
static int64_t add(int64_t a, int64_t b) {
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN + 1;
    return sum;
}

static uint64_t magnitude(int64_t value) { return (uint64_t)(value < 0 ? -value : value); }

/* ---- memory ---- */

static uint32_t exposures_for(uint32_t max_orders) { return max_orders < UINT32_MAX / 12 ? max_orders * 3 : UINT32_MAX / 4; }
static uint32_t fills_for(uint32_t max_orders) { return max_orders < UINT32_MAX / 16 ? max_orders * 4 : UINT32_MAX / 4; }
static uint32_t symbols_for(uint32_t max_orders) { return max_orders < FP_MAX_SYMBOLS ? max_orders : FP_MAX_SYMBOLS; }

size_t fp_positions_size(uint32_t max_orders) {
    uint32_t e = exposures_for(max_orders), f = fills_for(max_orders), s = symbols_for(max_orders);
    return e * sizeof(struct fp_exposure) + f * sizeof(struct fp_fill) + ((s * sizeof(struct fp_symbol) + 7) & ~(size_t)7) +
           ((size_t)fp_index_slots(e) + fp_index_slots(f) + fp_index_slots(s)) * sizeof(uint64_t);
}

static struct fp_order_index take_index(uint64_t **at, uint32_t keys) {
    struct fp_order_index index = {*at, fp_index_slots(keys) - 1};
    *at += index.mask + 1;
    return index;
}

void fp_positions_init(struct fp_positions *positions, void *memory, uint32_t max_orders) {
    uint8_t *at = memory;
    positions->exposure_capacity = exposures_for(max_orders);
    positions->fill_capacity = fills_for(max_orders);
    positions->symbol_capacity = symbols_for(max_orders);
    positions->exposures = (void *)at;
    at += positions->exposure_capacity * sizeof(struct fp_exposure);
    positions->fills = (void *)at;
    at += positions->fill_capacity * sizeof(struct fp_fill);
    positions->symbols = (void *)at;
    at += (positions->symbol_capacity * sizeof(struct fp_symbol) + 7) & ~(size_t)7;
    uint64_t *slots = (void *)at;
    positions->by_exposure = take_index(&slots, positions->exposure_capacity);
    positions->by_fill = take_index(&slots, positions->fill_capacity);
    positions->by_symbol = take_index(&slots, positions->symbol_capacity);
}

/* ---- symbols and exposures ---- */

uint32_t fp_symbol_add(struct fp_positions *p, const char name[8]) {
    uint32_t at = fp_symbol_find(p, name);
    if (at != FP_NO_INDEX || p->symbol_count == p->symbol_capacity)
        return at;
    at = p->symbol_count++;
    memcpy(p->symbols[at].name, name, 8);
    fp_index_put(&p->by_symbol, fp_symbol_hash(name), at);
    return at;
}

uint32_t fp_exposure_add(struct fp_positions *p, uint32_t usage, uint32_t symbol_id) {
    uint32_t at = fp_exposure_find(p, usage, symbol_id);
    if (at != FP_NO_INDEX || p->exposure_count == p->exposure_capacity)
        return at;
    at = p->exposure_count++;
    p->exposures[at] = (struct fp_exposure){.usage = usage, .symbol_id = symbol_id, .fills_first = FP_NO_INDEX, .fills_last = FP_NO_INDEX,
                                            .open_first = {FP_NO_INDEX, FP_NO_INDEX}, .bound_e4 = {0, UINT32_MAX}};
    fp_index_put(&p->by_exposure, fp_exposure_hash(usage, symbol_id), at);
    return at;
}

/* ---- holdings ---- */

void fp_holding_trade(struct fp_holding *held, int sign, uint32_t shares, uint32_t price_e4) {
    int64_t value;
    uint64_t size = magnitude(held->position);
    if (size && (held->position > 0) != (sign > 0)) {
        uint32_t closing = shares < size ? shares : (uint32_t)size;
        /* The part of the cost that leaves with the closed shares; what rounding leaves behind goes with the last of them. */
        int64_t removed = (int64_t)((__int128)held->open_cost_e4 * closing / (__int128)size);
        value = (int64_t)closing * price_e4;
        held->realised_e4 = add(held->realised_e4, add(sign > 0 ? -value : value, -removed));
        held->open_cost_e4 = add(held->open_cost_e4, -removed);
        held->position = add(held->position, sign > 0 ? closing : -(int64_t)closing);
        shares -= closing;
    }
    value = (int64_t)shares * price_e4;
    held->open_cost_e4 = add(held->open_cost_e4, sign > 0 ? value : -value);
    held->position = add(held->position, sign > 0 ? shares : -(int64_t)shares);
}

static void set_holding(struct fp_positions *p, struct fp_exposure *exposure, struct fp_holding after) {
    struct fp_usage *usage = &p->usages[exposure->usage];
    struct fp_holding before = exposure->held;
    usage->gross_cost_e4 += magnitude(after.open_cost_e4) - magnitude(before.open_cost_e4);
    usage->net_cost_e4 = add(usage->net_cost_e4, add(after.open_cost_e4, -before.open_cost_e4));
    usage->realised_e4 = add(usage->realised_e4, add(after.realised_e4, -before.realised_e4));
    exposure->held = after;
}

void fp_reserve(struct fp_positions *p, struct fp_order *order, uint32_t shares, uint64_t value_e4, int counted) {
    int side = fp_side_index(order->side);
    const uint32_t usages[FP_LEVELS] = {FP_USAGE_FIRM, FP_USAGE_ACCOUNT + order->account, FP_USAGE_AGENT + order->agent};
    for (int level = 0; level < FP_LEVELS; level++) {
        struct fp_usage *usage = &p->usages[usages[level]];
        p->exposures[order->exposure[level]].open_shares[side] += (uint64_t)shares - order->reserved_shares;
        usage->open_value_e4[side] += value_e4 - order->reserved_value_e4;
        usage->open_orders += (uint32_t)counted - order->counted;
    }
    order->reserved_shares = shares;
    order->reserved_value_e4 = value_e4;
    order->counted = (uint8_t)counted;
}

/* ---- fills ---- */

static uint64_t fill_hash(uint8_t venue, uint64_t match_number, uint32_t order) {
    return fp_mix64(match_number ^ fp_mix64((uint64_t)venue << 32 | order));
}

static struct fp_fill *find_fill(const struct fp_positions *p, uint8_t venue, uint64_t match_number, uint32_t order) {
    const uint64_t hash = fill_hash(venue, match_number, order);
    FP_INDEX_EACH(p->by_fill, hash, at) {
        struct fp_fill *fill = &p->fills[at];
        if (fill->match_number == match_number && fill->order == order && fill->venue == venue)
            return fill;
    }
    return NULL;
}

static void count_shares(struct fp_positions *p, const struct fp_order *order, int64_t shares) {
    for (int level = 0; level < FP_LEVELS; level++) {
        struct fp_exposure *exposure = &p->exposures[order->exposure[level]];
        *(order->side == 'B' ? &exposure->bought : &exposure->sold) += (uint64_t)shares;
    }
}

int fp_fill_add(struct fp_positions *p, const struct fp_order *order, uint32_t at, uint64_t match_number, uint32_t shares, uint32_t price_e4,
                int late) {
    if (find_fill(p, order->venue, match_number, at))
        return FP_E_DUPLICATE;
    struct fp_fill *fill = p->fill_count < p->fill_capacity ? &p->fills[p->fill_count] : NULL;
    if (fill) {
        *fill = (struct fp_fill){match_number, at, shares, price_e4, {FP_NO_INDEX, FP_NO_INDEX, FP_NO_INDEX}, order->venue, 0, (uint8_t)late};
        fp_index_put(&p->by_fill, fill_hash(order->venue, match_number, at), p->fill_count);
    }
    for (int level = 0; level < FP_LEVELS; level++) {
        struct fp_exposure *exposure = &p->exposures[order->exposure[level]];
        struct fp_holding after = exposure->held;
        fp_holding_trade(&after, order->side == 'B' ? 1 : -1, shares, price_e4);
        set_holding(p, exposure, after);
        if (!fill)
            continue;
        if (exposure->fills_first == FP_NO_INDEX)
            exposure->fills_first = p->fill_count;
        else
            p->fills[exposure->fills_last].next[level] = p->fill_count;
        exposure->fills_last = p->fill_count;
    }
    count_shares(p, order, shares);
    if (!fill)
        return FP_E_NO_ROOM;
    p->fill_count++;
    return 0;
}

struct fp_holding fp_holding_fold(const struct fp_positions *p, uint32_t exposure, int level, const struct fp_order *orders) {
    struct fp_holding held = {0};
    for (uint32_t at = p->exposures[exposure].fills_first; at != FP_NO_INDEX; at = p->fills[at].next[level])
        if (!p->fills[at].broken)
            fp_holding_trade(&held, orders[p->fills[at].order].side == 'B' ? 1 : -1, p->fills[at].shares, p->fills[at].price_e4);
    return held;
}

const struct fp_fill *fp_fill_break(struct fp_positions *p, const struct fp_order *order, uint32_t at, uint64_t match_number,
                                    const struct fp_order *orders) {
    struct fp_fill *fill = find_fill(p, order->venue, match_number, at);
    if (!fill || fill->broken)
        return NULL;
    fill->broken = 1;
    count_shares(p, order, -(int64_t)fill->shares);
    for (int level = 0; level < FP_LEVELS; level++)
        set_holding(p, &p->exposures[order->exposure[level]], fp_holding_fold(p, order->exposure[level], level, orders));
    return fill;
}
