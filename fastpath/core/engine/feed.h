/* One venue's market data on the hot thread: packets of lines A and B and of the
 * re-request server in, books kept, event records out. It blocks on nothing and
 * allocates nothing after open; what it refuses is counted by name. */
#ifndef FP_FEED_H
#define FP_FEED_H
#include "../book/book.h"
#include "../fastpath.h"
#include "../io/io.h"
#include "../order/oms.h"
#include "../wire/mold_rx.h"
#include "event_out.h"
#include "hist.h"
#include "symbol_index.h"

enum { FP_LINE_A = 0, FP_LINE_B = 1, FP_LINE_REREQUEST = 2, FP_LINES = 3 };

struct fp_card_feed;

struct fp_feed {
    struct fp_io *lines[FP_LINES];       /* NULL: not configured */
    struct fp_mold_rx *rx;
    struct fp_book *book;                /* NULL with a card */
    struct fp_card_feed *card;           /* decodes and keeps the books instead; NULL: software does */
    const uint64_t *changes;             /* of the order side, counted; for the card's triggers */
    struct fp_symbol_index *symbols;     /* symbol -> locate */
    struct fp_event_out *out;
    struct fp_oms *oms;                  /* told of changed tops, so that armed orders fire; NULL: no order side */
    void (*fired)(void *context, uint8_t venue); /* orders were queued: send them now */
    void *context;
    struct fp_hist *wire_to_event;
    uint64_t seq;                        /* of the last event record */
    uint64_t next_sequence;              /* of the feed: what is in the book ends before it */
    _Atomic uint64_t heard_ns;           /* newest packet of either line; read by the bus thread too */
    uint64_t line_heard_ns[FP_LINES];
    uint64_t opened_ns, timer_ns, silence_ns, bad_event_ns;
    uint8_t line_down[2], gap_open, lost, started, ended, venue;
    uint8_t resync;                      /* the bus lost records: send every book again */
    uint32_t resync_locate;
    struct fp_level *levels;             /* scratch for resync */
    uint32_t level_room;
    size_t rx_bytes, book_bytes;
};

/* Sockets, arbitration, book: everything that can fail. error_text: FP_ERROR_TEXT_MAX bytes. A venue without
 * lines opens as an empty feed. level_room: price levels of one side that a resync may carry. card_library: path, for a
 * venue whose io is "fpga". */
int fp_feed_open(struct fp_feed *feed, const struct fp_venue_config *config, uint8_t venue, uint32_t level_room, const char *card_library, char *error_text);
void fp_feed_close(struct fp_feed *feed);

/* Read what is waiting on every line and apply it. Returns packets read. */
int fp_feed_poll(struct fp_feed *feed);
/* Re-requests, gaps given up, silent lines; call at least every millisecond while gap_open, else every 100 ms. */
void fp_feed_timer(struct fp_feed *feed, uint64_t now_ns);
/* Send more books after a loss, as far as the ring has room. Returns 1 when it got further. */
int fp_feed_resync(struct fp_feed *feed);
/* A symbol's quote, for the risk checks; zeroed when the venue did not announce the symbol. */
void fp_feed_quote(const struct fp_feed *feed, const char symbol[8], struct fp_quote *out);
void fp_feed_stats(const struct fp_feed *feed, struct fp_feed_stats *out);

/* ---- for the card's half of a feed ---- */

/* Number a record and push it. */
void fp_feed_put(struct fp_feed *feed, struct fp_event *event);
/* The bus and the order side know symbols by name; events carry only the locate. After every change of the instrument. */
void fp_feed_learn_instrument(struct fp_feed *feed, uint16_t locate);
/* The time at which a packet's triggers fire: the loop's clock was read before it came. */
uint64_t fp_feed_trigger_ns(const struct fp_feed *feed, uint64_t rx_ns);

#endif
