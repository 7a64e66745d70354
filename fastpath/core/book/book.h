/* Full-depth order books of one venue, built from ITCH 5.0 messages, all symbols.
 *
 * apply() turns one message into 0..FP_BOOK_MAX_EVENTS event records. It never
 * allocates, never reads a clock, and never lets a bad message change a book: a
 * message that does not fit is counted and, where it may hide a loss, its symbol
 * is marked stale. It knows nobody: not packets, not orders of ours (of `wire` it
 * uses the generated field offsets and the big-endian loads, no function).
 *
 * What each message leaves (price, shares; "before"/"after": the BBO shown):
 *   A F        one record: resting price, shares added; after
 *   E          kind E, flag MORE: resting price, shares taken; before.  Then T: ref = match number, resting price, shares; after
 *   C          as E, but T has the price traded. Printable not 'Y': one record C with NON_PRINTABLE, after; no T, no last price
 *   X D        one record: resting price, shares taken; after
 *   U          kind D, flag MORE: the old reference, its price, all its shares; before.  Then U: new reference, price, shares; after
 *   P          one T: ref = match number; SELL when the message's side is S. No book changes
 *   Q          one Q: ref = match number, cross price, shares (saturating). No book changes
 *   B          one B: ref = match number. Neither the book nor the last price is taken back
 *   S H        one record: shares = the event code's / the trading state's letter
 *   R Y h      one record, price and shares 0; the instrument is updated (see struct fp_instrument)
 *   L V W K J I N O  one record, price and shares 0
 * Flags that describe a BBO (CROSSED, OVERFLOW of its sizes) describe the BBO shown in that record.
 * BBO_CHANGED compares with the record before within the symbol. HALTED: trading state is not T (nor known
 * to be T), or an operational halt is on; never on S V W, which speak of the venue.
 *
 * What bad messages leave; the book is untouched except where said:
 *   unknown type, zero shares (A F E C X), wrong length (other than A F E C X D U), bad fields in P Q
 *                             a negative fp_error: nothing could have changed
 *   E C X D of an unknown reference
 *                             one record of the message's kind, ref = that reference, price and shares 0, UNKNOWN_REF
 *   U of an unknown reference the same, and the symbol is stale: its new order has no known side
 *   reference already live; more shares than the order has; side not B S; price 0 or above $199,999.9900;
 *   zero shares in U; wrong length of A F E C X D U
 *                             the symbol is stale; one record kind STALE, price_e4 = the negated fp_error
 *                             (DUPLICATE 13, BAD_FIELD 5, BAD_LENGTH 4), ref and shares of the message where it has them
 *   order and message name different symbols
 *                             both symbols stale, a record STALE for each: the order's own first, with MORE
 *   no room for the order or its level (a side holds 8,192 levels at most)
 *                             the symbol is stale; one record TABLE_FULL with OVERFLOW, the order's ref, price, shares.
 *                             For U after its D record: the old order is gone, the new one did not fit
 * A crossed or locked book is flagged and counted, not refused; a locate without a directory
 * message is counted, and its book is built all the same. */
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
    uint8_t stale;         /* not 0: the book is not trustworthy. Bit 0 for reasons of its own, bit 1 with the whole venue */
    uint8_t operational_halt; /* bits of the markets that halted it: 1 Q, 2 B, 4 X, 8 any other code; 0 none */
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
    uint64_t messages; /* every call of apply */
    uint64_t unknown_type, wrong_length, unknown_ref, duplicate_ref, bad_shares, bad_side, bad_price, unknown_locate, wrong_locate, table_full;
    uint64_t crossed;  /* book messages that left bid >= ask */
    uint32_t live_orders, peak_orders, levels;
    uint32_t locates;  /* announced by a directory message */
};

struct fp_book; /* opaque */

/* Bytes of memory for a configuration; the caller maps them (huge pages if it can), zeroed, 64-byte aligned.
 * 0 when the configuration is impossible: max_orders and max_levels are 1 .. 2^30. About 10 MB, plus 96 to 192 bytes
 * an order (powers of two; two thirds are the window of references, touched only where orders are), plus 50 bytes a
 * level and 256 for each of the first 131,072 levels. */
size_t fp_book_size(const struct fp_book_config *config);
/* Returns 0, or FP_E_BAD_CONFIG (impossible configuration, memory not 64-byte aligned). */
int fp_book_init(struct fp_book *book, const struct fp_book_config *config);

/* Apply one ITCH message. line_flags is ORed into the events' flags (FP_EF_LINE_B, FP_EF_RECOVERED).
 * events[i].seq is left 0: the caller numbers them. Returns the number of events, or a negative
 * fp_error after counting (nothing changed); unknown references return one event flagged UNKNOWN_REF. */
int fp_book_apply(struct fp_book *book, const uint8_t *message, size_t length, uint64_t rx_ns, uint16_t line_flags, struct fp_event events[FP_BOOK_MAX_EVENTS]);

/* Hints that this message is about to be applied; any bytes are safe. The first, some 6 messages ahead, fetches
 * the symbol and the order's slot; the second, some 3 ahead, reads them and fetches the level. */
void fp_book_prefetch(const struct fp_book *book, const uint8_t *message, size_t length);
void fp_book_prefetch_level(const struct fp_book *book, const uint8_t *message, size_t length);

const struct fp_instrument *fp_book_instrument(const struct fp_book *book, uint16_t locate);
const struct fp_bbo *fp_book_bbo(const struct fp_book *book, uint16_t locate);
/* Best first. Returns levels written (at most max), or FP_E_BAD_FIELD: side is not 'B' or 'S'. */
int fp_book_depth(const struct fp_book *book, uint16_t locate, char side, struct fp_level *out, int max);
/* Look one order up. Returns 0 or FP_E_NOT_FOUND. */
int fp_book_order(const struct fp_book *book, uint64_t ref, uint16_t *locate, char *side, uint32_t *price_e4, uint32_t *shares);
/* locate 0: the whole venue, a mark of its own: taking it off leaves the symbols stale that have their own
 * reasons. While stale, events carry FP_EF_STALE. */
void fp_book_set_stale(struct fp_book *book, uint16_t locate, int stale);
/* Forget every order and level and the symbols' own stale marks; keep instruments, last prices, statistics and the
 * venue's stale mark (new session, or before a snapshot). */
void fp_book_clear(struct fp_book *book);
void fp_book_stats(const struct fp_book *book, struct fp_book_stats *out);
/* Walk every invariant (for tests): level sums equal the orders, BBO equals the best levels, counts agree. 0 or
 * FP_E_CORRUPT. Uses scratch fields inside the book: not while another thread applies. */
int fp_book_validate(const struct fp_book *book);

#endif
