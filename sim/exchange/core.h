/* The matching core's inside: its state, and the functions its three parts share
 * (matching.c arrivals and background, entry.c OUCH orders, rerun.c recorded days).
 * Nobody outside them includes this. */
#ifndef FP_SIM_CORE_H
#define FP_SIM_CORE_H
#include "fastpath/core/records.h"
#include "fastpath/core/wire/itch.h"
#include "fastpath/core/wire/ouch.h"
#include "ladder.h"
#include "matching.h"

struct fp_match_book {
    char symbol[8];
    uint32_t round_lot;
    uint16_t locate;
    char market_category, tier, state;
};

struct fp_match {
    struct fp_match_sink sink;
    struct fp_match_stats stats;
    struct fp_ladders ladders;
    struct fp_match_book *books;     /* by symbol index */
    uint16_t *symbol_of_locate;      /* 65536 entries: index + 1, 0 = none */
    uint16_t *symbol_slots;          /* open addressing by name: index + 1 */
    uint32_t symbol_mask;
    uint16_t symbol_count, max_symbols, account_count;
    struct fp_match_account accounts[FP_MATCH_MAX_ACCOUNTS];
    uint32_t (*last_user_ref)[256];  /* by account and UserRefIdx */
    uint8_t entry_disabled[FP_MATCH_MAX_ACCOUNTS];
    uint64_t first_ref;              /* numbers below it may be a recorded day's */
    uint64_t next_ref, next_match, now_ns, rested;
    char phase;                      /* last system event, 0 before the first */
};

/* An order on its way in: what will rest, and how far it may trade. */
struct fp_arrival {
    struct fp_resting order;         /* open = shares left to trade */
    uint32_t price_e4;               /* of the rest */
    uint32_t limit_e4;               /* worst price it takes: price_e4, or no limit for market */
    uint8_t immediate;               /* IOC or market: the remainder is cancelled */
    uint8_t users_only;              /* replayed adds meet user orders alone */
    uint8_t prevented;               /* self-match prevention ended it */
};

/* ---- matching.c ---- */
int fp_match_symbol_of(const struct fp_match *match, const char symbol[8]); /* index or -1 */
int fp_match_add_symbol(struct fp_match *match, const struct fp_match_symbol *symbol); /* index or error */
/* Would the arrival trade at least this many shares now? */
int fp_match_would_trade(const struct fp_match *match, const struct fp_arrival *in, uint32_t at_least);
/* Trade against the other side in priority order; returns shares traded. */
uint32_t fp_match_trade(struct fp_match *match, struct fp_arrival *in);
/* Let one resting order trade at its price: feed and owner are told. match_number 0 = give the next. */
void fp_match_execute(struct fp_match *match, uint32_t slot, uint32_t shares, uint64_t match_number);
/* Take shares off a resting order, telling the feed only. */
void fp_match_take_off(struct fp_match *match, uint32_t slot, uint32_t shares);
/* Take shares off a user's order and tell the feed and the user (Canceled). */
void fp_match_cancel_user(struct fp_match *match, uint32_t slot, uint32_t shares, char reason);
/* Rest what is left and publish the Add. Returns the slot, 0 when there is no room. */
uint32_t fp_match_rest(struct fp_match *match, const struct fp_arrival *in, int publish);

/* ---- entry.c, rerun.c ---- */
int fp_match_enter_ouch(struct fp_match *match, const struct fp_match_input *input);
int fp_match_replay(struct fp_match *match, const struct fp_match_input *input);

/* ---- emit.c: encode and hand to the sink ---- */
void fp_emit_itch(struct fp_match *match, union fp_itch_body *message, uint16_t locate);
void fp_emit_raw(struct fp_match *match, const uint8_t *message, size_t length);
void fp_emit_event(struct fp_match *match, char code);
void fp_emit_directory(struct fp_match *match, const struct fp_match_book *book);
void fp_emit_trading(struct fp_match *match, const struct fp_match_book *book, const char reason[4]);
void fp_emit_add(struct fp_match *match, const struct fp_resting *order, uint32_t price_e4);
void fp_emit_executed(struct fp_match *match, const struct fp_resting *order, uint32_t price_e4, uint32_t shares, uint64_t match_number);
void fp_emit_reduced(struct fp_match *match, const struct fp_resting *order, uint32_t shares);
void fp_emit_deleted(struct fp_match *match, const struct fp_resting *order);
void fp_emit_replaced(struct fp_match *match, uint64_t old_ref, const struct fp_resting *order, uint32_t price_e4);
/* tags: elements to append, may be NULL; UserRefIdx is added when not 0. */
void fp_emit_ouch(struct fp_match *match, uint16_t account, uint8_t user_ref_index, union fp_ouch_out_body *message, const uint8_t *tags, size_t tags_length);
void fp_emit_canceled(struct fp_match *match, const struct fp_resting *order, uint32_t shares, char reason);
void fp_emit_fill(struct fp_match *match, const struct fp_resting *order, uint32_t price_e4, uint32_t shares, char liquidity, uint64_t match_number);
void fp_emit_prevented(struct fp_match *match, const struct fp_resting *order, uint32_t shares, uint32_t price_e4, char liquidity, char strategy);

#endif
