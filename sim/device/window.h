/* The card's price window, as a model: which sides of which books the card no longer knows the best level of.
 *
 * The card holds the levels of a side from its best level's group of 64 ticks down over 63 groups; ticks are $0.01 from $1.00
 * up, $0.0001 below. What falls out, or comes in below, raises a floor, and nothing at or below the floor is ever held again.
 * The side's best is unknown (`lost`) while nothing above the floor is left; the side is `blind` for ever after an order off the
 * tick or a level of 2^36 shares. All this follows from the software book and the floor, so no level is kept here.
 * It never reads the card, and never allocates. */
#ifndef FP_WINDOW_H
#define FP_WINDOW_H
#include "book/book.h"

/* A set of sides. Lost: the card does not know the best. Blind: it will not know the next one when the best level is used up,
 * but it may still know this one, from before or from an order that came in at the best; its record says which (STALE or not). */
enum { FP_WINDOW_BID = 1, FP_WINDOW_ASK = 2, FP_WINDOW_BID_BLIND = 4, FP_WINDOW_ASK_BLIND = 8 };
enum fp_window_cause { FP_WINDOW_SOUND, FP_WINDOW_FLOOR, FP_WINDOW_OFF_TICK, FP_WINDOW_SHARES };

struct fp_window_side {
    uint32_t floor;  /* group number + 1; 0: none */
    uint8_t broken;  /* enum fp_window_cause: blind for ever */
    uint8_t told;    /* it was lost or blind before: the card tells that once */
};

struct fp_window {
    struct fp_window_side sides[FP_BOOK_LOCATES][2]; /* by locate; bid, ask */
};

/* The sides of a locate that are lost or blind, as the book stands. */
unsigned fp_window_lost(const struct fp_window *window, const struct fp_book *book, uint16_t locate);
/* An order was just added (A, F, or U after its old order was taken out); the book has it already. */
void fp_window_added(struct fp_window *window, const struct fp_book *book, uint16_t locate, char side, uint32_t price_e4);
/* Why a side is lost or blind. */
enum fp_window_cause fp_window_why(const struct fp_window *window, uint16_t locate, char side);

#endif
