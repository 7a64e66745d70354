/* One venue's books as the bus thread knows them: price levels, last prints and
 * instruments, kept from the event records alone, so that snapshots and questions
 * never touch the hot thread's book.
 *
 * When records were lost on the way it says so (desync) and answers nothing it does
 * not know, until the hot thread has sent every book again. Memory of deep books
 * grows on the bus thread; where it cannot, the symbol is marked stale. */
#ifndef FP_MIRROR_H
#define FP_MIRROR_H
#include "../records.h"
#include "symbol_index.h"
#include <stddef.h>

enum { FP_MIRROR_LOCATES = 65536, FP_MIRROR_TRADES = 100 };

struct fp_mirror_level {
    uint64_t shares;
    uint32_t price_e4, orders;
};

/* Levels worst first, so that changes near the best move little. */
struct fp_mirror_side {
    struct fp_mirror_level *levels;
    uint32_t count, room;
};

struct fp_mirror_trade {
    uint64_t seq, venue_ns, rx_ns, match_number;
    uint32_t price_e4, shares;
    char resting_side; /* B or S */
};

/* The newest prints of a symbol, a ring. */
struct fp_mirror_trades {
    uint32_t count, next;
    struct fp_mirror_trade ring[FP_MIRROR_TRADES];
};

struct fp_mirror_book {
    struct fp_event top;              /* newest record that shows the BBO */
    struct fp_mirror_side side[2];    /* 0 bids, 1 asks */
    struct fp_mirror_trades *trades;  /* NULL until the first print */
    char symbol[8];                   /* all zero: not announced */
    uint64_t last_ns, top_sent_ns, top_seq; /* last print; conflated topic: when and what was published */
    uint32_t last_price_e4, last_shares, round_lot;
    char trading_state, reg_sho;
    uint8_t stale, desync, dirty;     /* dirty: waits in the publisher's list */
};

struct fp_mirror {
    struct fp_mirror_book *books;
    struct fp_symbol_index *symbols;
    uint32_t locate_end;              /* highest locate in use + 1 */
    uint32_t symbol_count;
    uint64_t seq;                     /* newest sequence known */
    uint64_t lost;                    /* records that never arrived */
    uint64_t inconsistent;            /* records that did not fit a book */
    uint64_t no_memory;
    uint8_t gap_open, gap_lost, ended, desync;
    uint8_t fixed;                    /* the sides' room was given by the owner and does not grow; prints are not kept */
};

/* FP_E_NO_MEMORY. */
int fp_mirror_open(struct fp_mirror *mirror);
void fp_mirror_close(struct fp_mirror *mirror);

/* Records before sequence did not arrive: nothing is known until each book came again. */
void fp_mirror_lose(struct fp_mirror *mirror, uint64_t sequence);
/* One record from the ring, private kinds included. Returns 1 when the symbol's BBO may look different now. */
int fp_mirror_apply(struct fp_mirror *mirror, const struct fp_event *event);

/* The book of a symbol (space padded), or NULL. */
struct fp_mirror_book *fp_mirror_find(const struct fp_mirror *mirror, const char symbol[8]);
/* Not to be traded on: gap, lost records, the book's own reasons. */
int fp_mirror_stale(const struct fp_mirror *mirror, const struct fp_mirror_book *book);
/* The i-th best level of side 0 or 1; i < count. */
static inline const struct fp_mirror_level *fp_mirror_level(const struct fp_mirror_side *side, uint32_t i) {
    return &side->levels[side->count - 1 - i];
}

#endif
