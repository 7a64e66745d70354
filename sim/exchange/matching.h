/* The exchange's matching core: price-time priority books of many symbols, OUCH 5.0
 * orders of many accounts, the ITCH 5.0 feed they cause.
 *
 * A pure function of its inputs: apply(record) calls the sink with every ITCH and OUCH
 * message the record causes, in order. It reads no clock (the record carries the time),
 * does no I/O, draws no random numbers, and allocates nothing: the caller gives the
 * memory once. The same records always give the same bytes.
 *
 * Rules where the protocol leaves room (and what real venues may do otherwise):
 *  - An order that trades on arrival is never added for the traded part: E on the resting
 *    order (P when that is hidden), then A or F for the remainder.
 *  - Market = price 0x7FFFFFFF or 2,000,000,000; it and every IOC order cancel their
 *    remainder (reason I). When nothing at all can trade, Accepted says state D instead.
 *  - Time in force 0 and 5 are the same day order. 6 (GTT), E, crosses, pegs, reserves,
 *    discretion and a minimum quantity on resting orders are rejected.
 *  - Prices of 1 dollar and more are in whole cents (reason 0x1D).
 *  - Cancel and Modify quantities are total sizes over the whole replace chain, executions
 *    included, like Replace's.
 *  - A Replace whose Quantity is not above what has been executed is an invalid one.
 *  - A Replace in a halt is rejected (0x07) and the original stays.
 *  - A Firm other than the account's is rejected with 0x0C; a blank one means the account's.
 *  - Self-match prevention follows the arriving order's AIQ tag, else the account's setting.
 *  - After a halt, trading resumes without an auction. */
#ifndef FP_SIM_MATCHING_H
#define FP_SIM_MATCHING_H
#include <stddef.h>
#include <stdint.h>

enum { FP_MATCH_MAX_ACCOUNTS = 64, FP_MATCH_NO_ACCOUNT = 0xFFFF, FP_MATCH_MAX_SYMBOLS = 16384 };

struct fp_match_symbol {
    char symbol[8];          /* space padded */
    uint32_t round_lot;
    uint32_t start_price_e4; /* where the background flow begins; not used by matching */
    uint16_t locate;         /* 1..65535, unique */
    char market_category;    /* as in ITCH R */
    char tier;               /* LULD reference price tier: 1, 2 or space */
};

struct fp_match_account {
    char firm[4];            /* space padded */
    char self_match;         /* N allowed, O cancel the older, W cancel the newer, D decrement both */
};

struct fp_match_config {
    const struct fp_match_symbol *symbols;
    const struct fp_match_account *accounts;
    uint64_t first_ref, first_match; /* numbers given out count up from here; 0 = 1 */
    uint32_t max_orders, max_levels; /* live at once, over all symbols */
    uint16_t symbol_count, max_symbols, account_count; /* max_symbols: room for what a recorded day announces */
};

enum fp_match_kind {
    FP_MATCH_OUCH = 1,       /* one inbound OUCH message: account, bytes */
    FP_MATCH_ADD = 2,        /* background order: locate, code = side B S, shares, price_e4, time_in_force 0 3, attribution (zero: none) */
    FP_MATCH_CANCEL = 3,     /* background: ref, shares to take off (0 = all) */
    FP_MATCH_REPLACE = 4,    /* background: ref, shares, price_e4 of the new order */
    FP_MATCH_ITCH = 5,       /* one message of a recorded day: bytes */
    FP_MATCH_PHASE = 6,      /* code = O S Q M E C; O also announces every symbol */
    FP_MATCH_TRADING = 7,    /* locate, code = H P Q T, attribution = reason */
    FP_MATCH_DISCONNECT = 8  /* cancel every live order of account (cancel on disconnect) */
};

struct fp_match_input {
    uint64_t time_ns;        /* since New York midnight; never goes back */
    uint64_t ref;
    const uint8_t *bytes;
    uint32_t length, shares, price_e4;
    uint16_t account, locate;
    uint8_t kind;            /* enum fp_match_kind */
    char code, time_in_force;
    char attribution[4];
};

/* Where outputs go. input, when not NULL, is told each record before it is applied (for a ledger). */
struct fp_match_sink {
    void *context;
    void (*feed)(void *context, const uint8_t *itch, size_t length);
    void (*order)(void *context, uint16_t account, const uint8_t *ouch, size_t length);
    void (*input)(void *context, const struct fp_match_input *input);
};

struct fp_match_stats {
    uint64_t inputs, feed_messages, order_messages;
    uint64_t enters, replaces, cancels, modifies, mass_cancels, queries, entry_switches;
    uint64_t accepted, rejected, executions, executed_shares, self_matches;
    uint64_t ouch_truncated, ouch_unknown_type, ouch_bad_length, ouch_unknown_tag, ouch_bad_tag, ouch_unknown_account;
    uint64_t benign_resends;          /* user reference number at or below the last one: ignored */
    uint64_t cancel_of_dead, modify_of_dead, replace_of_dead; /* ignored, as the protocol says */
    uint64_t superfluous_cancels;     /* total size not below the present one: ignored */
    uint64_t bad_modify_side, replace_invalid;
    uint64_t background_refused, background_dead; /* invalid or no room; reference not live */
    uint64_t table_full;
    uint64_t replay_messages, replay_bad_length, replay_unknown_type, replay_system_events, replay_bad_field;
    uint64_t replay_clipped;          /* messages for shares that users had taken */
    uint64_t replay_clipped_shares;
    uint64_t replay_user_fills;       /* executions of user orders by recorded flow */
    uint64_t replay_unknown_ref, replay_duplicate_ref, replay_symbols_invented, replay_symbol_clash;
    uint64_t bad_input;               /* records of no known kind, or with an impossible field */
    uint64_t live_orders, peak_orders, live_levels;
};

struct fp_match;                      /* opaque */

/* Bytes of memory for a configuration, 0 when it is impossible. */
size_t fp_match_size(const struct fp_match_config *config);
/* memory: zeroed, 64-byte aligned, fp_match_size() bytes. The configuration is copied.
 * Returns 0 or FP_E_BAD_CONFIG (symbols, locates or prices twice or out of range). */
int fp_match_init(struct fp_match *match, const struct fp_match_config *config, const struct fp_match_sink *sink);
/* Apply one record. Returns 0, or a negative fp_error after counting what was wrong; the books are then unchanged. */
int fp_match_apply(struct fp_match *match, const struct fp_match_input *input);

/* Reference of the order that the last background ADD or REPLACE left resting, 0 = none. */
uint64_t fp_match_rested(const struct fp_match *match);
/* A live order by reference: 0 and its fields, or FP_E_NOT_FOUND. Pointers may be NULL. */
int fp_match_order(const struct fp_match *match, uint64_t ref, uint16_t *locate, char *side, uint32_t *price_e4, uint32_t *shares);
/* Best displayed price of a side (B or S), 0 = none. */
uint32_t fp_match_best(const struct fp_match *match, uint16_t locate, char side);

struct fp_match_level { uint64_t shares; uint32_t price_e4, orders; };
/* Displayed depth, best first. Returns levels written, or FP_E_NOT_FOUND. */
int fp_match_depth(const struct fp_match *match, uint16_t locate, char side, struct fp_match_level *out, int max);
/* Locate of a symbol (8 characters, space padded), 0 = not known. */
uint16_t fp_match_locate(const struct fp_match *match, const char *symbol);
/* Trading state H P Q T of a locate, 0 = not known. */
char fp_match_state(const struct fp_match *match, uint16_t locate);
/* Live orders of an account. Returns how many there are; fills at most max references, oldest first. */
int fp_match_account_orders(const struct fp_match *match, uint16_t account, uint64_t *refs, int max);
void fp_match_stats(const struct fp_match *match, struct fp_match_stats *out);
/* Walk every invariant of the books (for tests). 0 or FP_E_CORRUPT. */
int fp_match_validate(const struct fp_match *match);

#endif
