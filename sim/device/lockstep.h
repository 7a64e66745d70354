/* A software book and a card that are given the same messages, and compared as they go: what cosim.c and hostile.c share.
 *
 * The caller sends the frames; it tells here which messages the card must have taken, in order, and hands over what the
 * card gave. It never prints and never ends the program. */
#ifndef FP_LOCKSTEP_H
#define FP_LOCKSTEP_H
#include "book/book.h"
#include "io/card.h"
#include "compare.h"
#include "window.h"

enum { FP_LOCKSTEP_EVENTS = 4096, FP_LOCKSTEP_ORDERS = 70000 };

struct fp_lockstep {
    struct fp_book *book;
    struct fp_card *card;
    struct fp_compare compare;
    struct fp_window window;
    uint16_t line_flags;           /* of the software's records */
    uint8_t tracked[65536];
    uint16_t index_of[65536], locate_of[FP_CARD_SYMBOLS];
    uint32_t symbols;
    uint64_t applied, checkpoints;
    uint64_t lost_at[65536][2];    /* message that lost a side first, +1 */
    struct fp_event events[FP_LOCKSTEP_EVENTS];
    struct fp_card_order orders[FP_LOCKSTEP_ORDERS];
};

/* Opens both; the caller has zeroed *both and filled tracked, index_of, locate_of, symbols. 0 or a negative fp_error. */
int fp_lockstep_open(struct fp_lockstep *both, const struct fp_book_config *book, const struct fp_card_config *card);
void fp_lockstep_close(struct fp_lockstep *both);
/* Both books begin again, empty, with the marks and what is owed forgotten; counts go on. The session goes on too. */
int fp_lockstep_renew(struct fp_lockstep *both, const struct fp_book_config *book);
/* The card has been given, or will be before anything else, this message. 0, or FP_E_CORRUPT (see compare.reason). */
int fp_lockstep_apply(struct fp_lockstep *both, const uint8_t *message, int length, uint64_t number, uint64_t sequence);
/* What a call of the card that fills `events` returned; takes what it still holds too. 0, the card's error, or FP_E_CORRUPT. */
int fp_lockstep_take(struct fp_lockstep *both, int count);
/* Nothing may be owed, and the order tables must be the same. Let the card run dry before. 0 or FP_E_CORRUPT. */
int fp_lockstep_check(struct fp_lockstep *both);
/* Symbols that are not compared any more because the card lost orders of theirs. */
uint32_t fp_lockstep_excused(const struct fp_lockstep *both);

#endif
