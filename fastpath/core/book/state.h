/* What one fp_book consists of, for the files of this folder only: the header, the
 * symbols, the order references and the price levels, all in the caller's one block. */
#ifndef FP_BOOK_STATE_H
#define FP_BOOK_STATE_H
#include "book.h"
#include "ladder.h"
#include "orders.h"

/* Bits of fp_instrument.stale. */
enum { FP_STALE_BOOK = 1, FP_STALE_VENUE = 2 };

enum { FP_PRICE_MAX_E4 = 1999999900 }; /* $199,999.9900, ITCH's highest price */

/* Two cache lines: what every event shows, then the ladders. */
struct fp_symbol {
    struct fp_bbo bbo;
    uint16_t flags;      /* event flags that hold until changed: STALE (its own reasons), HALTED; and BBO_CHANGED once after a clear */
    uint8_t announced, reserved[5];
    struct fp_ladder side[2];
    uint8_t padding[16];
};
_Static_assert(sizeof(struct fp_symbol) == 128, "two cache lines");
_Static_assert(sizeof(struct fp_price_level) == 32, "two to a cache line");
_Static_assert(sizeof(union fp_ladder_block) == 256, "whole cache lines");

struct fp_book {
    uint64_t midnight_ns;
    struct fp_symbol *symbols;
    struct fp_instrument *instruments;
    struct fp_instrument unseen; /* stands for every locate that no message named yet */
    uint16_t flags;       /* STALE when the whole venue is */
    uint8_t venue;
    uint32_t locate_end;  /* highest locate seen + 1 */
    struct fp_orders orders;
    struct fp_ladders ladders;
    struct fp_book_stats stats;
    struct fp_book_config config;
};

/* Marks of the whole venue are kept for locates up to locate_end, so that a gap does not walk all 65,536. */
static inline void fp_book_see_locate(struct fp_book *book, uint16_t locate) {
    for (; book->locate_end <= locate; book->locate_end++)
        book->instruments[book->locate_end].stale |= book->unseen.stale;
}

static inline uint8_t fp_side_index(char side) {
    return side == 'S' ? FP_ASK : FP_BID;
}

#endif
