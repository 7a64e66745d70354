/* See flow.h. Traders know only what they placed (a list of references a symbol); that an
 * order has gone is found out when it is next picked. */
#include "flow.h"
#include "fastpath/core/records.h"
#include <string.h>

enum { NEAR_TICKS = 24, MAKER_TICKS = 1 };

struct trader {              /* one symbol */
    uint64_t *refs;          /* live or lately dead background orders */
    uint64_t maker[2];       /* market maker's quotes: bid, ask */
    uint32_t count, room;
    uint32_t fair_ticks, tick_e4, floor_ticks, ceiling_ticks;
    uint16_t locate;
};

struct fp_flow {
    struct fp_flow_config config;
    uint64_t state;          /* splitmix64 */
    uint32_t up_in_10000;    /* chance that the fair price steps up */
    int count;
    struct trader *traders;
};

static uint64_t draw(struct fp_flow *flow) {
    uint64_t z = flow->state += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

static uint32_t below(struct fp_flow *flow, uint32_t bound) { return (uint32_t)(((draw(flow) >> 32) * bound) >> 32); }

static size_t header_size(int count) {
    return (sizeof(struct fp_flow) + 63 + (size_t)count * sizeof(struct trader)) & ~(size_t)63;
}

size_t fp_flow_size(const struct fp_flow_config *config, const struct fp_match_symbol *symbols, int count) {
    (void)symbols;
    if (config->orders_per_symbol < 8 || config->orders_per_symbol > 4096 || count < 0 || count > FP_MATCH_MAX_SYMBOLS)
        return 0;
    return header_size(count) + (size_t)count * 2 * config->orders_per_symbol * sizeof(uint64_t);
}

int fp_flow_init(struct fp_flow *flow, const struct fp_flow_config *config, const struct fp_match_symbol *symbols,
                 int count) {
    if (!fp_flow_size(config, symbols, count) || config->drift_bps > 5000) return FP_E_BAD_CONFIG;
    flow->config = *config;
    flow->state = config->seed;
    flow->count = count;
    flow->traders = (struct trader *)(flow + 1);
    flow->up_in_10000 = draw(flow) & 1 ? 5000 + config->drift_bps : 5000 - config->drift_bps;
    uint64_t *refs = (uint64_t *)((uint8_t *)flow + header_size(count));
    for (int i = 0; i < count; i++) {
        struct trader *t = &flow->traders[i];
        if (symbols[i].start_price_e4 < 500 || symbols[i].start_price_e4 > 1000000000) return FP_E_BAD_CONFIG;
        t->room = 2 * config->orders_per_symbol;
        t->refs = refs + (size_t)i * t->room;
        /* whole cents from 1 dollar on, hundredths of a cent below; no symbol walks from one to the other */
        int cents = symbols[i].start_price_e4 >= 10000;
        t->tick_e4 = cents ? 100 : 1;
        t->floor_ticks = cents ? 100 + 2 * NEAR_TICKS : 2 * NEAR_TICKS;
        t->ceiling_ticks = cents ? 19000000 : 9999 - NEAR_TICKS;
        t->fair_ticks = symbols[i].start_price_e4 / t->tick_e4;
        if (t->fair_ticks < t->floor_ticks) t->fair_ticks = t->floor_ticks;
        if (t->fair_ticks > t->ceiling_ticks) t->fair_ticks = t->ceiling_ticks;
        t->locate = symbols[i].locate;
    }
    return 0;
}

uint32_t fp_flow_fair_e4(const struct fp_flow *flow, int index) {
    return flow->traders[index].fair_ticks * flow->traders[index].tick_e4;
}

static uint32_t price_at(const struct trader *t, char side, uint32_t ticks_away) {
    return (side == 'B' ? t->fair_ticks - ticks_away : t->fair_ticks + ticks_away) * t->tick_e4;
}

/* 1, 2, 3 ... ticks from the fair price, each less likely than the one before by a quarter. */
static uint32_t distance(struct fp_flow *flow) {
    uint32_t ticks = 1;
    while (ticks < NEAR_TICKS && below(flow, 4)) ticks++;
    return ticks;
}

static uint32_t size(struct fp_flow *flow) {
    return below(flow, 10) ? 100 * (1 + below(flow, 8)) : 1 + below(flow, 99);
}

static void remember(struct trader *t, uint64_t ref) {
    if (ref && t->count < t->room) t->refs[t->count++] = ref;
}

/* A live order of the symbol at random; forgets the dead ones it meets. Returns its place, -1 = none. */
static int pick(struct fp_flow *flow, const struct fp_match *match, struct trader *t) {
    while (t->count) {
        uint32_t at = below(flow, t->count);
        if (fp_match_order(match, t->refs[at], NULL, NULL, NULL, NULL) == 0) return (int)at;
        t->refs[at] = t->refs[--t->count];
    }
    return -1;
}

static int add(struct fp_flow *flow, struct fp_match *match, struct trader *t, uint64_t time_ns) {
    struct fp_match_input in = {.kind = FP_MATCH_ADD, .time_ns = time_ns, .locate = t->locate, .time_in_force = '0'};
    in.code = draw(flow) & 1 ? 'B' : 'S';
    in.price_e4 = price_at(t, in.code, distance(flow));
    in.shares = size(flow);
    fp_match_apply(match, &in);
    remember(t, fp_match_rested(match));
    return 1;
}

static int take(struct fp_flow *flow, struct fp_match *match, struct trader *t, uint64_t time_ns) {
    struct fp_match_input in = {.kind = FP_MATCH_ADD, .time_ns = time_ns, .locate = t->locate, .time_in_force = '3'};
    in.code = draw(flow) & 1 ? 'B' : 'S';
    in.price_e4 = fp_match_best(match, t->locate, in.code == 'B' ? 'S' : 'B');
    in.shares = size(flow);
    if (!in.price_e4) return add(flow, match, t, time_ns);
    fp_match_apply(match, &in);
    return 1;
}

static int cancel(struct fp_flow *flow, struct fp_match *match, struct trader *t, uint64_t time_ns, int partial) {
    int at = pick(flow, match, t);
    uint32_t shares = 0;
    if (at < 0) return add(flow, match, t, time_ns);
    struct fp_match_input in = {.kind = FP_MATCH_CANCEL, .time_ns = time_ns, .ref = t->refs[at]};
    fp_match_order(match, in.ref, NULL, NULL, NULL, &shares);
    if (partial && shares > 1) in.shares = 1 + below(flow, shares - 1);
    fp_match_apply(match, &in);
    if (!in.shares) t->refs[at] = t->refs[--t->count];
    return 1;
}

static int replace(struct fp_flow *flow, struct fp_match *match, struct trader *t, uint64_t time_ns) {
    int at = pick(flow, match, t);
    char side = 'B';
    if (at < 0) return add(flow, match, t, time_ns);
    struct fp_match_input in = {.kind = FP_MATCH_REPLACE, .time_ns = time_ns, .ref = t->refs[at], .shares = size(flow)};
    fp_match_order(match, in.ref, NULL, &side, NULL, NULL);
    in.price_e4 = price_at(t, side, distance(flow));
    fp_match_apply(match, &in);
    if (fp_match_rested(match)) t->refs[at] = fp_match_rested(match);
    return 1;
}

/* The market maker keeps one quote a side next to the fair price. Returns records applied. */
static int make(struct fp_flow *flow, struct fp_match *match, struct trader *t, uint64_t time_ns) {
    int side = (int)(draw(flow) & 1);
    char code = side ? 'S' : 'B';
    uint32_t target_e4 = price_at(t, code, MAKER_TICKS), price_e4 = 0;
    struct fp_match_input in = {.time_ns = time_ns,
                                .locate = t->locate,
                                .code = code,
                                .price_e4 = target_e4,
                                .shares = 300 + 100 * below(flow, 5),
                                .time_in_force = '0',
                                .attribution = "FPMM"};
    if (t->maker[side] && fp_match_order(match, t->maker[side], NULL, NULL, &price_e4, NULL) == 0) {
        if (price_e4 == target_e4) return 0;
        in.kind = FP_MATCH_REPLACE;
        in.ref = t->maker[side];
    } else {
        in.kind = FP_MATCH_ADD;
    }
    if (fp_match_apply(match, &in) == 0 || in.kind == FP_MATCH_ADD) t->maker[side] = fp_match_rested(match);
    return 1;
}

int fp_flow_prime(struct fp_flow *flow, struct fp_match *match, uint64_t time_ns) {
    int applied = 0;
    for (int i = 0; i < flow->count; i++) {
        for (uint32_t n = 0; n < flow->config.orders_per_symbol * 3 / 4; n++)
            applied += add(flow, match, &flow->traders[i], time_ns);
        for (int n = 0; n < 4; n++) applied += make(flow, match, &flow->traders[i], time_ns);
    }
    return applied;
}

int fp_flow_step(struct fp_flow *flow, struct fp_match *match, uint64_t time_ns) {
    if (!flow->count) return 0;
    /* the smaller of two draws: earlier symbols are the busier ones */
    uint32_t a = below(flow, (uint32_t)flow->count), b = below(flow, (uint32_t)flow->count), act = below(flow, 1000);
    struct trader *t = &flow->traders[a < b ? a : b];
    uint32_t target = flow->config.orders_per_symbol;
    int applied = 0;
    if (below(flow, 40) == 0) {
        int up = below(flow, 10000) < flow->up_in_10000;
        if (up && t->fair_ticks < t->ceiling_ticks) t->fair_ticks++;
        if (!up && t->fair_ticks > t->floor_ticks) t->fair_ticks--;
        applied += make(flow, match, t, time_ns);
    } else if (below(flow, 10) == 0) {
        applied += make(flow, match, t, time_ns);
    }
    if (applied) return applied;
    if (t->count < target / 2) return add(flow, match, t, time_ns);
    if (t->count > target) return cancel(flow, match, t, time_ns, 0);
    if (act < 400) return add(flow, match, t, time_ns);
    if (act < 700) return cancel(flow, match, t, time_ns, 0);
    if (act < 740) return cancel(flow, match, t, time_ns, 1);
    if (act < 870) return replace(flow, match, t, time_ns);
    return take(flow, match, t, time_ns);
}
