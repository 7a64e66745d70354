/* What one card's feed consists of, for card_feed.c and card_orders.c only. */
#ifndef FP_CARD_STATE_H
#define FP_CARD_STATE_H
#include "../io/fpga.h"
#include "card_feed.h"
#include "mirror.h"

enum {
    FP_CARD_EVENTS = 512,       /* records of one packet: 70 messages of two records, and some */
    FP_CARD_LEVELS = 4096,      /* levels of one side in our copy of the book */
    FP_CARD_NOT_SEEN = -1, FP_CARD_NO_ROOM = -2, /* of index_of */
    FP_CARD_SOUP = 1024,        /* order bytes of one packet's triggers: 16 messages of 64 bytes */
    FP_CARD_ENTER_MAX = 61      /* an Enter Order that fits a template */
};

/* What stands in a trigger slot of the card. */
struct fp_card_slot {
    struct fp_armed_order order;
    uint16_t index;             /* symbol's */
    uint8_t used;
};

struct fp_card_feed {
    struct fp_fpga fpga;
    struct fp_card *card;
    /* The packet being put together. */
    uint8_t packet[FP_MOLD_MAX_PACKET], frame[FP_CARD_MAX_FRAME];
    size_t length;
    uint64_t sequence, rx_ns;
    uint32_t wanted;            /* records that it must leave: one for each message the card follows */
    uint16_t count;
    uint8_t line;
    /* Where the card is. */
    uint64_t next_sequence;     /* that it expects */
    uint64_t last_record;       /* its number */
    uint32_t address[2];
    uint16_t port[2];
    char session[10];
    /* Symbols. */
    int16_t index_of[FP_BOOK_LOCATES];
    uint8_t missed[FP_BOOK_LOCATES]; /* a book message came before the symbol was announced */
    uint16_t locate_of[FP_CARD_SYMBOLS];
    uint32_t symbol_count;
    struct fp_instrument instruments[FP_CARD_SYMBOLS], left_out;
    struct fp_bbo bbos[FP_CARD_SYMBOLS], no_bbo;
    struct fp_mirror book;      /* levels of fixed room */
    struct fp_mirror_level *levels;
    size_t level_bytes;
    struct fp_book_stats stats;
    struct fp_event events[FP_CARD_EVENTS];
    /* Triggers. */
    struct fp_card_slot slots[FP_CARD_SLOTS];
    struct fp_card_limits limits[FP_CARD_SYMBOLS];
    uint8_t limits_known[FP_CARD_SYMBOLS];
    struct fp_card_trading trading;
    struct fp_card_fire fires[FP_CARD_SLOTS * 2];
    int fire_count, fire_at;
    uint8_t soup[FP_CARD_SOUP];
    int soup_length, soup_at;
    uint32_t urn;               /* that the card would give next */
    uint64_t seen;              /* *feed->changes when the card was last brought in line */
    uint8_t dirty, used_slots, trading_known;
    uint64_t fired, refused;    /* verdicts; of them the gate's refusals */
    uint64_t late;              /* of orders that were no longer the card's; nothing was sent */
};

/* Is nothing of the venue to be traded on? */
static inline int fp_card_venue_stale(const struct fp_feed *feed) {
    return feed->gap_open || feed->lost || feed->ended;
}

/* From here on the card is not believed: every book of the venue is stale, until a restart. */
void fp_card_feed_distrust(struct fp_feed *feed);

/* Let the card run until every met trigger has its verdict and its bytes are out. */
void fp_card_orders_settle(struct fp_feed *feed);
/* Deal with the verdicts on triggers that the record of this receive cycle (ns since the card's reset) met; all that are
 * left for event NULL. */
void fp_card_orders_take(struct fp_feed *feed, const struct fp_event *event, uint64_t card_ns, uint64_t now_ns);

#endif
