/* Full-depth order books of one venue, built from ITCH 5.0 messages, all symbols.
 *
 * apply() turns one message into 0..FP_BOOK_MAX_EVENTS event records. It never
 * allocates, never reads a clock, and never lets a bad message change a book: a
 * message that does not fit is counted and, where it may hide a loss, its symbol
 * is marked stale. It knows nobody: not packets, not orders of ours. */
#ifndef FP_BOOK_H
#define FP_BOOK_H
#include "../records.h"
#include <stddef.h>
#include <stdint.h>

enum { FP_BOOK_MAX_EVENTS = 2, FP_BOOK_LOCATES = 65536 };

struct fp_book_config {
    uint64_t midnight_ns;  /* added to ITCH timestamps */
    uint32_t max_orders;   /* live orders at once */
    uint32_t max_levels;   /* price levels over all symbols */
    uint8_t venue;         /* written into the events */
};

/* What the venue announced about a locate, and its state. */
struct fp_instrument {
    char symbol[8];        /* space padded; all zero = locate not announced */
    uint32_t round_lot;
    char trading_state;    /* H P Q T, 0 unknown */
    char reg_sho;          /* 0 1 2, 0 unknown */
    char market_category, financial_status, authenticity;
    uint8_t stale;         /* the book is not trustworthy */
};

struct fp_bbo {
    uint64_t venue_ns, rx_ns; /* of the last message that touched the book */
    uint32_t bid_e4, ask_e4;  /* 0 = none */
    uint64_t bid_shares, ask_shares;
    uint32_t last_price_e4, last_shares; /* last print, 0 = none */
    uint64_t last_ns;
};

struct fp_level {
    uint64_t shares;
    uint32_t price_e4, orders;
};

struct fp_book_stats {
    uint64_t messages, unknown_type, wrong_length, unknown_ref, duplicate_ref, bad_shares, bad_side, bad_price, unknown_locate, wrong_locate, table_full, crossed;
    uint32_t live_orders, peak_orders, levels, locates;
};

struct fp_book; /* opaque */

/* Bytes of memory for a configuration; the caller maps them (huge pages if it can), zeroed, 64-byte aligned. */
size_t fp_book_size(const struct fp_book_config *config);
int fp_book_init(struct fp_book *book, const struct fp_book_config *config);

/* Apply one ITCH message. line_flags is ORed into the events' flags (FP_EF_LINE_B, FP_EF_RECOVERED).
 * events[i].seq is left 0: the caller numbers them. Returns the number of events, or a negative
 * fp_error after counting (nothing changed); unknown references return one event flagged UNKNOWN_REF. */
int fp_book_apply(struct fp_book *book, const uint8_t *message, size_t length, uint64_t rx_ns, uint16_t line_flags, struct fp_event events[FP_BOOK_MAX_EVENTS]);

/* Hint that this message is about to be applied: starts the cache misses of its order and level. */
void fp_book_prefetch(const struct fp_book *book, const uint8_t *message, size_t length);

const struct fp_instrument *fp_book_instrument(const struct fp_book *book, uint16_t locate);
const struct fp_bbo *fp_book_bbo(const struct fp_book *book, uint16_t locate);
/* Best first. Returns levels written. side 'B' or 'S'. */
int fp_book_depth(const struct fp_book *book, uint16_t locate, char side, struct fp_level *out, int max);
/* Look one order up. Returns 0 or FP_E_NOT_FOUND. */
int fp_book_order(const struct fp_book *book, uint64_t ref, uint16_t *locate, char *side, uint32_t *price_e4, uint32_t *shares);
/* locate 0: every symbol. While stale, events carry FP_EF_STALE. */
void fp_book_set_stale(struct fp_book *book, uint16_t locate, int stale);
/* Forget every order and level, keep instruments and statistics (new session, or before a snapshot). */
void fp_book_clear(struct fp_book *book);
void fp_book_stats(const struct fp_book *book, struct fp_book_stats *out);
/* Walk every invariant (for tests): level sums equal the orders, BBO equals the best levels, counts agree. 0 or FP_E_CORRUPT. */
int fp_book_validate(const struct fp_book *book);

#endif
