/* See window.h. A key is a tick such that the highest is best on both sides; a group is 64 keys. */
#include "window.h"

enum { KEY_MAX = (1 << 25) - 1, SPAN = 63, LEVELS = 8192, DOLLAR_E4 = 10000, CENT_E4 = 100, BELOW_A_DOLLAR = DOLLAR_E4 - DOLLAR_E4 / CENT_E4 };
#define SHARES_MAX ((uint64_t)1 << 36)

static struct fp_level levels[LEVELS]; /* of one question; one thread */

static int off_tick(uint32_t price_e4) {
    return price_e4 >= DOLLAR_E4 && price_e4 % CENT_E4;
}

static uint32_t group_of(char side, uint32_t price_e4) {
    uint32_t tick = price_e4 < DOLLAR_E4 ? price_e4 : BELOW_A_DOLLAR + price_e4 / CENT_E4;
    return (side == 'S' ? KEY_MAX - tick : tick) >> 6;
}

static unsigned side_lost(const struct fp_window_side *side, char letter, uint32_t best_e4) {
    return side->broken ? FP_WINDOW_BID_BLIND : side->floor && (!best_e4 || group_of(letter, best_e4) < side->floor) ? FP_WINDOW_BID : 0;
}

unsigned fp_window_lost(const struct fp_window *window, const struct fp_book *book, uint16_t locate) {
    const struct fp_window_side *sides = window->sides[locate];
    if (!(sides[0].floor | sides[1].floor | sides[0].broken | sides[1].broken))
        return 0;
    const struct fp_bbo *bbo = fp_book_bbo(book, locate);
    return side_lost(&sides[0], 'B', bbo->bid_e4) | side_lost(&sides[1], 'S', bbo->ask_e4) << 1;
}

/* The side as it was before the order: its level, when the order is alone there, is not counted. */
void fp_window_added(struct fp_window *window, const struct fp_book *book, uint16_t locate, char side, uint32_t price_e4) {
    struct fp_window_side *state = &window->sides[locate][side == 'S'];
    if (off_tick(price_e4)) {
        state->broken = FP_WINDOW_OFF_TICK;
        return;
    }
    uint32_t group = group_of(side, price_e4);
    if (group < state->floor)
        return;
    int count = fp_book_depth(book, locate, side, levels, 2), first = 0;
    if (count > 0 && levels[0].price_e4 == price_e4 && levels[0].orders == 1)
        first = 1;
    if (first < count && group_of(side, levels[first].price_e4) >= state->floor) {
        uint32_t top = group_of(side, levels[first].price_e4);
        if (group > top) { /* the window slides up; what it held and lets go raises the floor */
            count = fp_book_depth(book, locate, side, levels, LEVELS);
            for (int i = first; i < count; i++) {
                uint32_t held = group_of(side, levels[i].price_e4);
                if (held >= state->floor && held + SPAN <= group) {
                    state->floor = group - SPAN + 1;
                    break;
                }
            }
        } else if (top - group >= SPAN) {
            state->floor = group + 1;
            return;
        }
    }
    if (count > 0 && levels[0].price_e4 == price_e4 && levels[0].shares >= SHARES_MAX)
        state->broken = FP_WINDOW_SHARES;
}

enum fp_window_cause fp_window_why(const struct fp_window *window, uint16_t locate, char side) {
    const struct fp_window_side *state = &window->sides[locate][side == 'S'];
    return state->broken ? (enum fp_window_cause)state->broken : state->floor ? FP_WINDOW_FLOOR : FP_WINDOW_SOUND;
}
