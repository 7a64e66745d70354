/* See lockstep.h. */
#include "lockstep.h"
#include "wire/itch.h"
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

int fp_lockstep_open(struct fp_lockstep *both, const struct fp_book_config *book, const struct fp_card_config *card) {
    size_t size = fp_book_size(book);
    both->book = size ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (both->book == MAP_FAILED)
        return FP_E_NO_MEMORY;
    int error = fp_book_init(both->book, book);
    if (!error)
        error = fp_card_open(card, &both->card);
    for (uint32_t i = 0; i < both->symbols && !error; i++)
        error = fp_card_symbol(both->card, both->locate_of[i], (int)i);
    fp_compare_init(&both->compare);
    return error;
}

void fp_lockstep_close(struct fp_lockstep *both) {
    fp_card_close(both->card);
    both->card = NULL;
}

int fp_lockstep_renew(struct fp_lockstep *both, const struct fp_book_config *book) {
    struct fp_compare *compare = &both->compare;
    int error = fp_card_reset_book(both->card);
    if (error)
        return error;
    while ((error = fp_card_idle(both->card, 64, both->events, FP_LOCKSTEP_EVENTS)) == FP_LOCKSTEP_EVENTS)
        continue;
    if (error < 0)
        return error;
    madvise(both->book, fp_book_size(book), MADV_DONTNEED); /* zeroed again, as fp_book_init wants it */
    memset(&both->window, 0, sizeof both->window);
    memset(compare->excused, 0, sizeof compare->excused);
    memset(compare->marked, 0, sizeof compare->marked);
    memset(compare->marks_owed, 0, sizeof compare->marks_owed);
    compare->put = compare->get = 0;
    compare->next_seq = 1;
    compare->all_stale = 0;
    return fp_book_init(both->book, book);
}

/* As the engine does: the order that is gone is said so in the record that took it. */
static void mark_done(const struct fp_lockstep *both, struct fp_event *event) {
    uint16_t locate;
    uint32_t price_e4, shares;
    char side;
    if (event->flags & FP_EF_UNKNOWN_REF || !strchr("DECX", event->kind))
        return;
    if (event->kind == FP_EV_DELETE || fp_book_order(both->book, event->ref, &locate, &side, &price_e4, &shares))
        event->flags |= FP_EF_ORDER_DONE;
}

static void follow_window(struct fp_lockstep *both, const struct fp_event *last) {
    uint16_t locate;
    uint32_t price_e4, shares;
    char side;
    if (strchr("AFU", last->kind) && !(last->flags & FP_EF_UNKNOWN_REF) &&
        !fp_book_order(both->book, last->ref, &locate, &side, &price_e4, &shares))
        fp_window_added(&both->window, both->book, locate, side, price_e4);
}

int fp_lockstep_apply(struct fp_lockstep *both, const uint8_t *message, int length, uint64_t number, uint64_t sequence) {
    if (length < 3 || !(strchr("SVW", message[0]) ? fp_itch_length(message[0]) == length : both->tracked[fp_load_be16(message + 1)]))
        return 0;
    struct fp_event out[FP_BOOK_MAX_EVENTS];
    uint16_t locate = fp_load_be16(message + 1);
    unsigned before = fp_window_lost(&both->window, both->book, locate);
    int count = fp_book_apply(both->book, message, (size_t)length, 0, both->line_flags, out);
    both->applied++;
    if (count <= 0)
        return 0;
    mark_done(both, &out[0]);
    follow_window(both, &out[count - 1]);
    unsigned after = fp_window_lost(&both->window, both->book, locate), newly = 0;
    for (unsigned side = 0; side < 2; side++) {
        struct fp_window_side *state = &both->window.sides[locate][side];
        if (!((after | after >> 2) >> side & 1) || state->told)
            continue;
        state->told = 1;
        newly |= 1u << side;
        if (!both->lost_at[locate][side])
            both->lost_at[locate][side] = number + 1;
    }
    for (int i = 0; i < count; i++) {
        struct fp_expected expected = {.event = out[i], .message = number, .sequence = sequence,
                                       .length = (uint8_t)(length < FP_COMPARE_MESSAGE ? length : FP_COMPARE_MESSAGE)};
        memcpy(expected.bytes, message, expected.length);
        unsigned mine = out[i].locate != locate ? fp_window_lost(&both->window, both->book, out[i].locate) : i == count - 1 ? after : before;
        expected.lost = (uint8_t)mine;
        expected.unsure = (uint8_t)(mine | before | after);
        if (fp_compare_expect(&both->compare, &expected, i == count - 1 ? newly : 0)) {
            both->compare.reason = "the card has said nothing for thousands of messages";
            return FP_E_CORRUPT;
        }
    }
    return 0;
}

int fp_lockstep_take(struct fp_lockstep *both, int count) {
    for (;;) {
        if (count < 0)
            return count;
        for (int i = 0; i < count; i++) {
            if (fp_compare_record(&both->compare, &both->events[i]))
                return FP_E_CORRUPT;
            if (both->compare.all_stale) { /* from here on the software's books are stale as well */
                fp_book_set_stale(both->book, 0, 1);
                both->compare.all_stale = 0;
            }
        }
        if (count < FP_LOCKSTEP_EVENTS)
            return 0;
        count = fp_card_idle(both->card, 0, both->events, FP_LOCKSTEP_EVENTS);
    }
}

uint32_t fp_lockstep_excused(const struct fp_lockstep *both) {
    uint32_t excused = 0;
    for (int locate = 0; locate < 65536; locate++)
        excused += both->compare.excused[locate];
    return excused;
}

/* Shown as a record that differs: the order as the card has it against the software's. */
static int order_differs(struct fp_lockstep *both, const struct fp_card_order *order, const char *reason) {
    struct fp_compare *compare = &both->compare;
    uint16_t locate = 0;
    uint32_t price_e4 = 0, shares = 0;
    char side = 'B';
    memset(&compare->wanted, 0, sizeof compare->wanted);
    memset(&compare->difference, 0, sizeof compare->difference);
    compare->reason = reason;
    if (order) {
        compare->difference.ref = order->ref;
        compare->difference.price_e4 = order->price_e4;
        compare->difference.shares = order->shares;
        compare->difference.locate = both->locate_of[order->index];
        compare->difference.flags = order->sell ? FP_EF_SELL : 0;
        if (!fp_book_order(both->book, order->ref, &locate, &side, &price_e4, &shares))
            compare->wanted.event = (struct fp_event){.ref = order->ref, .price_e4 = price_e4, .shares = shares, .locate = locate,
                                                      .flags = side == 'S' ? FP_EF_SELL : 0};
    }
    return FP_E_CORRUPT;
}

int fp_lockstep_check(struct fp_lockstep *both) {
    if (fp_compare_settled(&both->compare))
        return FP_E_CORRUPT;
    struct fp_book_stats stats;
    fp_book_stats(both->book, &stats);
    int count = fp_card_orders(both->card, both->orders, FP_LOCKSTEP_ORDERS);
    if (count > FP_LOCKSTEP_ORDERS || (!fp_lockstep_excused(both) && (uint32_t)count != stats.live_orders))
        return order_differs(both, NULL, "the order tables differ in size");
    for (int i = 0; i < count; i++) {
        const struct fp_card_order *order = &both->orders[i];
        uint16_t locate, mine = both->locate_of[order->index];
        uint32_t price_e4, shares;
        char side;
        if (both->compare.excused[mine])
            continue;
        if (fp_book_order(both->book, order->ref, &locate, &side, &price_e4, &shares) || locate != mine || price_e4 != order->price_e4 ||
            shares != order->shares || (side == 'S') != order->sell)
            return order_differs(both, order, "an order differs");
    }
    both->checkpoints++;
    return 0;
}
