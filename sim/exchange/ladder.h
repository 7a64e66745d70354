/* Price ladders of the exchange: orders in first-in-first-out queues, queues in price
 * levels, levels sorted from best to worst, one ladder a symbol and side.
 *
 * Pure structure: it matches nothing, tells nobody and never reads a clock. Everything
 * lies in memory given once; slot 0 of each pool means "none". */
#ifndef FP_SIM_LADDER_H
#define FP_SIM_LADDER_H
#include <stddef.h>
#include <stdint.h>

enum { FP_LADDER_BUY = 0, FP_LADDER_SELL = 1 };
enum { FP_QUEUE_DISPLAYED = 0, FP_QUEUE_HIDDEN = 1 };

enum fp_resting_flag {
    FP_RESTING_HIDDEN = 1,   /* never shown on the feed; trades after displayed orders of its price */
    FP_RESTING_REPLAYED = 2, /* came from a recorded day */
    FP_RESTING_SPENT = 4,    /* replayed, wholly taken by users; kept so that later messages for it are known */
    FP_RESTING_GROUPED = 8   /* group holds the OUCH GroupID */
};

struct fp_resting {
    uint64_t ref;                 /* order reference number, day-unique */
    uint32_t prev, next;          /* in the queue, oldest first */
    uint32_t level;
    uint32_t next_by_ref, next_by_user; /* hash chains; next_by_ref also links the free list */
    uint32_t account_prev, account_next; /* the account's live orders, oldest first */
    uint32_t open;                /* shares still to trade */
    uint32_t executed;            /* shares traded over the whole replace chain */
    uint32_t recorded;            /* replayed: shares open in the recorded day */
    uint32_t user_ref_num;
    uint16_t account;             /* FP_MATCH_NO_ACCOUNT: the background */
    uint16_t symbol, group;
    uint8_t user_ref_index, flags;
    char side;                    /* as entered: B S T E */
    char display, time_in_force, capacity, sweep, self_match;
    char cl_ord_id[14];
    char attribution[4];
};

struct fp_price_level {
    uint64_t shares;              /* displayed */
    uint32_t price_e4;
    uint32_t better, worse;       /* worse also links the free list */
    uint32_t head[2], tail[2];    /* displayed, hidden */
    uint32_t displayed;           /* orders */
};

struct fp_ladder {                /* one symbol */
    uint32_t best[2], worst[2];   /* levels by side */
    uint32_t levels[2];
    uint32_t orders;              /* resting, both sides */
};

struct fp_ladders {
    struct fp_resting *orders;
    struct fp_price_level *levels;
    struct fp_ladder *ladders;
    uint32_t *by_ref, *by_user;   /* bucket heads */
    uint32_t *account_head, *account_tail;
    uint32_t bucket_mask;
    uint32_t max_orders, max_levels, accounts;
    uint32_t free_order, free_level;
    uint32_t live_orders, live_levels, peak_orders;
};

/* Bytes of memory for the pools. */
size_t fp_ladders_size(uint32_t max_orders, uint32_t max_levels, uint32_t max_symbols, uint32_t accounts);
/* memory: zeroed, 8-byte aligned, fp_ladders_size() bytes. */
void fp_ladders_init(struct fp_ladders *ladders, void *memory, uint32_t max_orders, uint32_t max_levels, uint32_t max_symbols, uint32_t accounts);

/* Slots by reference, or by (account, index, number); 0 = none. Spent orders are found by reference only. */
uint32_t fp_ladders_find(const struct fp_ladders *ladders, uint64_t ref);
uint32_t fp_ladders_find_user(const struct fp_ladders *ladders, uint16_t account, uint8_t index, uint32_t user_ref_num);

/* 1 when another order at another price is sure to fit. */
int fp_ladders_has_room(const struct fp_ladders *ladders);
/* Put a copy of *order at the back of its queue. Returns its slot, or 0 when there is no room. */
uint32_t fp_ladders_rest(struct fp_ladders *ladders, const struct fp_resting *order, uint32_t price_e4);
/* Take an order off the ladder and forget it. */
void fp_ladders_remove(struct fp_ladders *ladders, uint32_t slot);
/* Lower an order's open shares; to 0 only just before remove or spend. Keeps priority. */
void fp_ladders_reduce(struct fp_ladders *ladders, uint32_t slot, uint32_t shares);
/* Take an order off the ladder but keep its slot and reference (FP_RESTING_SPENT). */
void fp_ladders_spend(struct fp_ladders *ladders, uint32_t slot);

/* FP_LADDER_BUY for B, FP_LADDER_SELL for S, T and E. */
int fp_ladder_side(char side);
/* The best level's price of a side among displayed orders, 0 = none; *shares (may be NULL) gets its displayed shares. */
uint32_t fp_ladder_top(const struct fp_ladders *ladders, uint32_t symbol, int side, uint64_t *shares);
/* Walk every invariant. 0 or FP_E_CORRUPT. */
int fp_ladders_validate(const struct fp_ladders *ladders, uint32_t symbols);

#endif
