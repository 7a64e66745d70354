/* What firm, accounts and agents hold and have reserved: positions by symbol with
 * average cost, totals over symbols, and the fills they are the fold of.
 *
 * Every figure is an integer and can be recomputed from the fills and the open orders
 * alone. It takes no market prices, checks no limit and never allocates. */
#ifndef FP_POSITION_H
#define FP_POSITION_H
#include "table.h"
#include <string.h>

enum {
    FP_USAGE_FIRM = 0,
    FP_USAGE_ACCOUNT = 1,                            /* + account index */
    FP_USAGE_AGENT = FP_USAGE_ACCOUNT + FP_MAX_ACCOUNTS, /* + agent index */
    FP_USAGES = FP_USAGE_AGENT + FP_MAX_AGENTS
};
enum { FP_LEVEL_FIRM = 0, FP_LEVEL_ACCOUNT = 1, FP_LEVEL_AGENT = 2, FP_LEVELS = 3 };
enum { FP_BUY = 0, FP_SELL = 1 };

static inline int fp_side_index(char side) { return side == 'B' ? FP_BUY : FP_SELL; }

/* A position by the average-cost method. Always realised_e4 - open_cost_e4 == cash received - cash paid. */
struct fp_holding {
    int64_t position;     /* signed shares */
    int64_t open_cost_e4; /* paid for a long position, minus what was received for a short one */
    int64_t realised_e4;
};

/* One level's holding of one symbol. */
struct fp_exposure {
    struct fp_holding held;
    uint64_t open_shares[2];    /* reserved by open orders, by side */
    uint64_t bought, sold;      /* shares, broken fills taken out */
    uint32_t usage, symbol_id;
    uint32_t fills_first, fills_last;
    uint32_t open_first[2];     /* open orders by side; account level only */
    uint32_t bound_e4[2];       /* no open buy is above, no open sell below; account level only */
};

/* One level's totals over symbols, its limits and its latches. */
struct fp_usage {
    struct fp_limits limits;    /* amounts clamped to INT64_MAX */
    uint64_t open_value_e4[2];  /* reserved by open orders, by side */
    uint64_t gross_cost_e4;     /* sum of |open cost| */
    int64_t net_cost_e4, realised_e4;
    uint64_t tokens_e9, tokens_ns; /* rate bucket: orders x 1e9, and when it was counted */
    uint32_t open_orders;
    uint8_t loss_latched, killed;
};

struct fp_fill {
    uint64_t match_number;
    uint32_t order, shares, price_e4;
    uint32_t next[3];           /* later fill of the same exposure, by level */
    uint8_t venue, broken;
    uint8_t late;               /* booked after the order's end: orders that took over from it do not carry it */
};

struct fp_symbol {
    char name[8];
    uint8_t killed;
};

struct fp_positions {
    struct fp_usage usages[FP_USAGES];
    struct fp_exposure *exposures;
    struct fp_fill *fills;
    struct fp_symbol *symbols;
    struct fp_order_index by_exposure, by_fill, by_symbol;
    uint32_t exposure_count, exposure_capacity, fill_count, fill_capacity, symbol_count, symbol_capacity;
};

size_t fp_positions_size(uint32_t max_orders);
/* memory zeroed, 8-byte aligned. Usages' limits are the caller's to set. */
void fp_positions_init(struct fp_positions *positions, void *memory, uint32_t max_orders);

/* Lookups, FP_NO_INDEX when unknown. Here, because the risk function makes four of them. */
static inline uint64_t fp_symbol_hash(const char name[8]) {
    uint64_t word;
    memcpy(&word, name, 8);
    return fp_hash64(word);
}

static inline uint64_t fp_exposure_hash(uint32_t usage, uint32_t symbol_id) { return fp_hash64((uint64_t)usage << 32 | symbol_id); }

static inline uint32_t fp_symbol_find(const struct fp_positions *p, const char name[8]) {
    const uint64_t hash = fp_symbol_hash(name);
    FP_INDEX_EACH(p->by_symbol, hash, at) {
        if (memcmp(p->symbols[at].name, name, 8) == 0)
            return at;
    }
    return FP_NO_INDEX;
}

static inline uint32_t fp_exposure_find(const struct fp_positions *p, uint32_t usage, uint32_t symbol_id) {
    const uint64_t hash = fp_exposure_hash(usage, symbol_id);
    FP_INDEX_EACH(p->by_exposure, hash, at) {
        if (p->exposures[at].usage == usage && p->exposures[at].symbol_id == symbol_id)
            return at;
    }
    return FP_NO_INDEX;
}

uint32_t fp_symbol_add(struct fp_positions *positions, const char name[8]); /* FP_NO_INDEX when full */
uint32_t fp_exposure_add(struct fp_positions *positions, uint32_t usage, uint32_t symbol_id);

/* Buy (sign +1) or sell (-1) shares at a price. */
void fp_holding_trade(struct fp_holding *held, int sign, uint32_t shares, uint32_t price_e4);

/* Make the order reserve exactly this on all three levels. counted: as an open order. */
void fp_reserve(struct fp_positions *positions, struct fp_order *order, uint32_t shares, uint64_t value_e4, int counted);

/* Book a fill of an order. 0, FP_E_DUPLICATE (that match of that order is booked already), or FP_E_NO_ROOM: positions
 * are moved, but the fill could not be kept and cannot be broken later. */
int fp_fill_add(struct fp_positions *positions, const struct fp_order *order, uint32_t at, uint64_t match_number, uint32_t shares, uint32_t price_e4,
                int late);
/* Break a fill: the three holdings become what they would be without it. The fill, or NULL: unknown or broken before. */
const struct fp_fill *fp_fill_break(struct fp_positions *positions, const struct fp_order *order, uint32_t at, uint64_t match_number,
                                    const struct fp_order *orders);
/* Recompute an exposure's holding from its fills. */
struct fp_holding fp_holding_fold(const struct fp_positions *positions, uint32_t exposure, int level, const struct fp_order *orders);

#endif
