/* One venue's market data through the FPGA card: messages in sequence go into the card as Ethernet frames on the line that
 * brought them, and the card's 64-byte records come back in place of the software decoder and book.
 *
 * What the card cannot do alone is here: the sequence window in front of it (a card holds a hole for microseconds, a
 * re-request takes milliseconds), the symbols it follows, the meaning of its cycles as UTC, and a copy of its book from
 * its own records, for risk and for subscribers that lost some. The card's clock runs while it is given something to do
 * and stands still between; no wall time enters it. */
#ifndef FP_CARD_FEED_H
#define FP_CARD_FEED_H
#include "../book/book.h"
#include "../wire/mold_rx.h"
#include "feed.h"

/* Load the library and open a card. FP_E_NOT_FOUND, FP_E_NOT_SUPPORTED, FP_E_NO_MEMORY ... with one readable line. */
int fp_card_feed_open(struct fp_feed *feed, const struct fp_venue_config *config, const char *library, char *error_text);
void fp_card_feed_close(struct fp_feed *feed);

/* Take one message in sequence; it reaches the card with the next flush, or at once where it must not wait. Event records made. */
uint64_t fp_card_feed_take(struct fp_feed *feed, const struct fp_mold_message *message);
/* Give what was taken to the card and publish its records, with what its triggers did. Event records made. */
uint64_t fp_card_feed_flush(struct fp_feed *feed);
/* A sound packet that brings nothing new: the card arbitrates its lines too, and counts it. */
void fp_card_feed_copy(struct fp_feed *feed, uint8_t line, const uint8_t *packet, size_t length);
/* Follow the feed's own records (gaps, session). */
void fp_card_feed_note(struct fp_feed *feed, const struct fp_event *event);

/* The card's book as its records told it. instrument: NULL when the locate is not announced. */
const struct fp_instrument *fp_card_feed_instrument(const struct fp_feed *feed, uint16_t locate);
const struct fp_bbo *fp_card_feed_bbo(const struct fp_feed *feed, uint16_t locate);
int fp_card_feed_depth(const struct fp_feed *feed, uint16_t locate, char side, struct fp_level *out, int max);
/* The book's counters, and the card_ ones of *out. */
void fp_card_feed_stats(const struct fp_feed *feed, struct fp_book_stats *book, struct fp_feed_stats *out);

/* ---- triggers (card_orders.c) ---- */

/* Bring switches, limits, templates, order number and armed slots to what the order side says now. Cheap when nothing
 * has changed since the last call. Call after whatever may have changed it, and never while frames are on their way. */
void fp_card_orders_sync(struct fp_feed *feed);
/* The same, when the venue's books have become stale or sound: what the order side is not asked about. */
void fp_card_orders_refresh(struct fp_feed *feed);
/* Take every armed order back, or those that expire by expired_ns (not 0). The card answers whether one had fired; it is
 * dealt with before this returns. After it the order side decides alone, until the next sync. */
void fp_card_orders_withdraw(struct fp_feed *feed, uint64_t expired_ns);

#endif
