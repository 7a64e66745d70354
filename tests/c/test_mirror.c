// sources: fastpath/core/engine/mirror.c fastpath/core/engine/memory.c fastpath/core/engine/exec_mirror.c fastpath/core/book/book.c fastpath/core/book/book_query.c fastpath/core/book/book_audit.c fastpath/core/book/ladder.c fastpath/core/book/orders.c fastpath/core/wire/itch.c fastpath/core/wire/layout.c
/* The bus's mirrors: books rebuilt from event records equal the book that made the
 * records, after every message; lost records make them say nothing until each book was
 * sent again; orders, positions and replay history from exec records. */
#include "check.h"
#include "book/book.h"
#include "engine/event_out.h"
#include "engine/exec_mirror.h"
#include "engine/memory.h"
#include "engine/mirror.h"
#include "wire/itch.h"
#include <stdlib.h>

enum { SYMBOLS = 5, ORDERS = 4000 };

static struct fp_book *book;
static struct fp_mirror mirror;
static uint64_t seq, random_state;
static uint64_t live[ORDERS];
static uint32_t live_count;
static uint64_t next_ref;

static uint32_t dice(uint32_t sides) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % sides;
}

static int gone(uint64_t ref) {
    uint16_t locate;
    char side;
    uint32_t price_e4, shares;
    return fp_book_order(book, ref, &locate, &side, &price_e4, &shares) != 0;
}

static void tell_instrument(uint16_t locate) {
    const struct fp_instrument *instrument = fp_book_instrument(book, locate);
    struct fp_event record = {.seq = seq, .locate = locate, .kind = FP_PV_INSTRUMENT, .price_e4 = instrument->round_lot, .shares = (uint8_t)instrument->trading_state};
    memcpy(&record.ref, instrument->symbol, 8);
    fp_mirror_apply(&mirror, &record);
}

/* One message into the book, its records into the mirror unless they are lost on the way. */
static void message(const union fp_itch_body *body, int lost) {
    uint8_t bytes[64];
    struct fp_event events[FP_BOOK_MAX_EVENTS];
    int length = fp_itch_encode(body, bytes, sizeof bytes);
    CHECK(length > 0);
    int count = fp_book_apply(book, bytes, (size_t)length, 1000 + seq, 0, events);
    if (count > 0 && (events[0].kind == 'D' || ((events[0].kind == 'E' || events[0].kind == 'C' || events[0].kind == 'X') && gone(events[0].ref)))) events[0].flags |= FP_EF_ORDER_DONE;
    if (body->type == 'R' && !lost) tell_instrument(body->stock_directory.locate);
    for (int i = 0; i < count; i++) {
        events[i].seq = ++seq;
        if (lost) continue;
        if (events[i].seq != mirror.seq + 1) fp_mirror_lose(&mirror, events[i].seq);
        fp_mirror_apply(&mirror, &events[i]);
    }
}

static int same_side(uint16_t locate, int ask) {
    static struct fp_level levels[4096];
    const struct fp_mirror_side *side = &mirror.books[locate].side[ask];
    int count = fp_book_depth(book, locate, ask ? 'S' : 'B', levels, 4096);
    if ((uint32_t)count != side->count) return 0;
    for (uint32_t i = 0; i < side->count; i++) {
        const struct fp_mirror_level *level = fp_mirror_level(side, i);
        if (level->price_e4 != levels[i].price_e4 || level->shares != levels[i].shares || level->orders != levels[i].orders) return 0;
    }
    return 1;
}

static int same_book(uint16_t locate) {
    const struct fp_bbo *bbo = fp_book_bbo(book, locate);
    const struct fp_mirror_book *mine = &mirror.books[locate];
    return same_side(locate, 0) && same_side(locate, 1) && mine->top.bid_e4 == bbo->bid_e4 && mine->top.ask_e4 == bbo->ask_e4 && mine->top.bid_shares == bbo->bid_shares &&
           mine->top.ask_shares == bbo->ask_shares && mine->last_price_e4 == bbo->last_price_e4 && mine->last_shares == bbo->last_shares;
}

static uint16_t random_message(int lost) {
    union fp_itch_body body = {0};
    uint16_t locate = (uint16_t)(1 + dice(SYMBOLS));
    uint32_t pick = live_count ? dice(live_count) : 0, kind = dice(100);
    uint32_t price_e4, shares;
    char side;
    if (live_count < 50 || (kind < 45 && live_count < ORDERS)) {
        body.add_order = (struct fp_itch_add_order){.type = 'A', .locate = locate, .order_ref = ++next_ref, .side = dice(2) ? 'B' : 'S', .shares = 1 + dice(500)};
        body.add_order.price_e4 = body.add_order.side == 'B' ? 1000000 - 100 * dice(300) : 1000100 + 100 * dice(300);
        memcpy(body.add_order.stock, "SYMB    ", 8);
        live[live_count++] = next_ref;
        message(&body, lost);
        return locate;
    }
    if (fp_book_order(book, live[pick], &locate, &side, &price_e4, &shares) != 0) {
        live[pick] = live[--live_count];
        return 0;
    }
    if (kind < 60) body.order_executed = (struct fp_itch_order_executed){.type = 'E', .locate = locate, .order_ref = live[pick], .shares = dice(3) ? 1 + dice(shares) : shares, .match_number = seq};
    else if (kind < 68) body.order_cancel = (struct fp_itch_order_cancel){.type = 'X', .locate = locate, .order_ref = live[pick], .shares = 1 + dice(shares)};
    else if (kind < 90) body.order_delete = (struct fp_itch_order_delete){.type = 'D', .locate = locate, .order_ref = live[pick]};
    else {
        body.order_replace = (struct fp_itch_order_replace){.type = 'U', .locate = locate, .order_ref = live[pick], .new_order_ref = ++next_ref, .shares = 1 + dice(500)};
        body.order_replace.price_e4 = dice(3) ? price_e4 + 100 * dice(5) : price_e4;
        live[pick] = next_ref;
    }
    message(&body, lost);
    return locate;
}

static void begin(void) {
    struct fp_book_config config = {.max_orders = 8192, .max_levels = 8192};
    static size_t bytes;
    if (book) {
        fp_memory_unmap(book, bytes);
        fp_mirror_close(&mirror);
    }
    bytes = fp_book_size(&config);
    book = fp_memory_map(bytes, FP_MEMORY_LAZY);
    seq = live_count = 0;
    next_ref = 0;
    random_state = 5;
    CHECK(book != NULL);
    CHECK_EQ(fp_book_init(book, &config), 0);
    CHECK_EQ(fp_mirror_open(&mirror), 0);
    for (uint16_t locate = 1; locate <= SYMBOLS; locate++) {
        union fp_itch_body body = {.stock_directory = {.type = 'R', .locate = locate, .round_lot_size = 100}};
        memcpy(body.stock_directory.stock, "SYM1    ", 8);
        body.stock_directory.stock[3] = (char)('0' + locate);
        message(&body, 0);
    }
}

static void follows_the_book_after_every_message(void) {
    begin();
    int wrong = 0;
    for (int i = 0; i < 40000 && !wrong; i++) {
        uint16_t locate = random_message(0);
        if (locate && !same_book(locate)) wrong = i + 1;
    }
    CHECK_EQ(wrong, 0);
    CHECK_EQ(mirror.inconsistent, 0);
    CHECK_EQ(mirror.symbol_count, SYMBOLS);
    CHECK(fp_mirror_find(&mirror, "SYM3    ") == &mirror.books[3]);
    CHECK(fp_mirror_find(&mirror, "NONE    ") == NULL);
    CHECK(!fp_mirror_stale(&mirror, &mirror.books[3]));
}

/* What the hot thread sends after a loss. */
static void send_again(uint16_t locate) {
    static struct fp_level levels[8192];
    const struct fp_bbo *bbo = fp_book_bbo(book, locate);
    int bids = fp_book_depth(book, locate, 'B', levels, 4096), asks = fp_book_depth(book, locate, 'S', levels + bids, 4096);
    tell_instrument(locate);
    struct fp_event record = {.seq = seq, .ref = bbo->last_ns, .price_e4 = bbo->last_price_e4, .shares = bbo->last_shares, .bid_e4 = bbo->bid_e4, .bid_shares = (uint32_t)bbo->bid_shares,
                              .ask_e4 = bbo->ask_e4, .ask_shares = (uint32_t)bbo->ask_shares, .locate = locate, .kind = FP_PV_BOOK};
    fp_mirror_apply(&mirror, &record);
    for (int i = 0; i < bids + asks; i++) {
        record = (struct fp_event){.seq = seq, .ref = levels[i].shares, .price_e4 = levels[i].price_e4, .shares = levels[i].orders, .locate = locate, .kind = FP_PV_LEVEL, .flags = i < bids ? 0 : FP_EF_SELL};
        fp_mirror_apply(&mirror, &record);
    }
}

static void says_nothing_after_a_loss_until_sent_again(void) {
    begin();
    for (int i = 0; i < 5000; i++) random_message(0);
    uint64_t before = seq;
    for (int i = 0; i < 40; i++) random_message(1);
    CHECK(seq > before);
    while (mirror.seq != seq) random_message(0); /* the first record behind the hole shows it */
    CHECK_EQ(mirror.desync, 1);
    CHECK(mirror.lost > 0);
    for (uint16_t locate = 1; locate <= SYMBOLS; locate++) {
        CHECK(fp_mirror_stale(&mirror, &mirror.books[locate]));
        CHECK_EQ(mirror.books[locate].side[0].count, 0);
    }
    /* Books come one by one while the market goes on. */
    for (uint16_t locate = 1; locate <= SYMBOLS; locate++) {
        send_again(locate);
        CHECK(same_book(locate));
        for (int i = 0; i < 50; i++) random_message(0);
        for (uint16_t done = 1; done <= locate; done++) CHECK(same_side(done, 0) && same_side(done, 1));
    }
    fp_mirror_apply(&mirror, &(struct fp_event){.seq = seq, .kind = FP_PV_SYNCED});
    CHECK_EQ(mirror.desync, 0);
    for (int i = 0; i < 3000; i++) random_message(0);
    for (uint16_t locate = 1; locate <= SYMBOLS; locate++) CHECK(same_book(locate) && !fp_mirror_stale(&mirror, &mirror.books[locate]));
    CHECK_EQ(mirror.inconsistent, 0);
}

static void a_record_that_does_not_fit_marks_its_book(void) {
    begin();
    struct fp_event event = {.seq = ++seq, .kind = 'D', .locate = 2, .price_e4 = 5, .shares = 1, .flags = FP_EF_ORDER_DONE};
    fp_mirror_apply(&mirror, &event);
    CHECK_EQ(mirror.inconsistent, 1);
    CHECK(fp_mirror_stale(&mirror, &mirror.books[2]));
}

static void gaps_and_sessions_make_it_stale(void) {
    begin();
    for (int i = 0; i < 200; i++) random_message(0);
    struct fp_mirror_book *one = &mirror.books[1];
    CHECK(!fp_mirror_stale(&mirror, one));
    fp_mirror_apply(&mirror, &(struct fp_event){.seq = ++seq, .kind = FP_EV_GAP});
    CHECK(fp_mirror_stale(&mirror, one));
    fp_mirror_apply(&mirror, &(struct fp_event){.seq = ++seq, .kind = FP_EV_GAP_FILLED});
    CHECK(!fp_mirror_stale(&mirror, one));
    fp_mirror_apply(&mirror, &(struct fp_event){.seq = ++seq, .kind = FP_EV_GAP_LOST});
    CHECK(fp_mirror_stale(&mirror, one));
    fp_mirror_apply(&mirror, &(struct fp_event){.seq = ++seq, .kind = FP_EV_SESSION, .shares = 1});
    CHECK(!fp_mirror_stale(&mirror, one));
    CHECK_EQ(one->side[0].count, 0);
    fp_mirror_apply(&mirror, &(struct fp_event){.seq = ++seq, .kind = FP_EV_SESSION, .shares = 2});
    CHECK(fp_mirror_stale(&mirror, one));
}

static void keeps_the_newest_prints(void) {
    begin();
    for (uint64_t i = 1; i <= 150; i++) fp_mirror_apply(&mirror, &(struct fp_event){.seq = ++seq, .kind = FP_EV_TRADE, .locate = 1, .ref = i, .price_e4 = 1000, .shares = (uint32_t)i});
    const struct fp_mirror_trades *trades = mirror.books[1].trades;
    CHECK_EQ(trades->count, FP_MIRROR_TRADES);
    CHECK_EQ(trades->ring[(trades->next + FP_MIRROR_TRADES - 1) % FP_MIRROR_TRADES].match_number, 150);
    fp_mirror_apply(&mirror, &(struct fp_event){.seq = ++seq, .kind = FP_EV_BROKEN, .locate = 1, .ref = 149});
    CHECK_EQ(trades->count, FP_MIRROR_TRADES - 1);
    CHECK_EQ(trades->ring[(trades->next + FP_MIRROR_TRADES - 2) % FP_MIRROR_TRADES].match_number, 148);
}

/* ---- orders ---- */

static struct fp_exec exec(uint64_t number, uint64_t order_id, uint8_t state, uint32_t cum) {
    struct fp_exec e = {.seq = number, .order_id = order_id, .state = state, .kind = FP_EX_FILL, .side = 'B', .cum_shares = cum, .position = cum};
    memcpy(e.symbol, "AAPL    ", 8);
    return e;
}

static void orders_and_positions_follow_exec_records(void) {
    struct fp_exec_mirror m;
    CHECK_EQ(fp_exec_mirror_open(&m), 0);
    const struct fp_exec steps[] = {exec(1, 20, FP_OS_LIVE, 0), exec(2, 10, FP_OS_LIVE, 0), exec(3, 30, FP_OS_LIVE, 0), exec(4, 20, FP_OS_LIVE, 60), exec(5, 20, FP_OS_FILLED, 100)};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) fp_exec_mirror_apply(&m, &steps[i]);
    CHECK_EQ(m.order_count, 3);
    CHECK_EQ(m.orders[0].order_id, 10);
    CHECK_EQ(m.orders[1].state, FP_OS_FILLED);
    CHECK_EQ(fp_exec_mirror_after(&m, 10), 1);
    CHECK_EQ(fp_exec_mirror_after(&m, 30), 3);
    CHECK(fp_exec_mirror_order(&m, 25) == NULL);
    CHECK(fp_exec_is_open(&m.orders[0]) && !fp_exec_is_open(&m.orders[1]));
    CHECK_EQ(m.position_count, 1);
    CHECK_EQ(m.positions[0].bought, 100);
    /* A replacement carries its parent's executions: they are not bought twice. */
    struct fp_exec child = exec(6, 40, FP_OS_LIVE, 100);
    child.parent_id = 20;
    fp_exec_mirror_apply(&m, &child);
    CHECK_EQ(m.positions[0].bought, 100);
    child.seq = 7;
    child.cum_shares = 130;
    fp_exec_mirror_apply(&m, &child);
    CHECK_EQ(m.positions[0].bought, 130);
    /* A broken fill is taken back. */
    child.seq = 8;
    child.kind = FP_EX_BROKEN;
    child.last_shares = 40;
    child.cum_shares = 90;
    fp_exec_mirror_apply(&m, &child);
    CHECK_EQ(m.positions[0].bought, 90);
    CHECK_EQ(m.lost, 0);
    child.kind = FP_EX_FILL;
    child.seq = 12;
    fp_exec_mirror_apply(&m, &child);
    CHECK_EQ(m.lost, 3);
    fp_exec_mirror_close(&m);
}

static struct fp_exec refused(uint64_t number, uint64_t order_id) {
    struct fp_exec e = exec(number, order_id, FP_OS_DENIED, 0);
    e.kind = FP_EX_DENIED;
    return e;
}

static uint32_t kept_in_state(const struct fp_exec_mirror *m, uint8_t state) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->order_count; i++) count += m->orders[i].state == state;
    return count;
}

static void a_full_list_of_orders_never_loses_an_open_one(void) {
    struct fp_exec_mirror m;
    uint64_t number = 0, id = 0;
    CHECK_EQ(fp_exec_mirror_open(&m), 0);
    /* However many are refused, they take no place. */
    while (id < FP_EXEC_MIRROR_ORDERS + 10) number++, fp_exec_mirror_apply(&m, &(struct fp_exec){.seq = number, .order_id = ++id, .state = FP_OS_DENIED, .kind = FP_EX_DENIED});
    fp_exec_mirror_apply(&m, &(struct fp_exec){.seq = ++number, .order_id = ++id, .state = FP_OS_ARMED, .kind = FP_EX_TRIGGER_ARMED});
    const uint64_t first_armed = id;
    CHECK_EQ(m.order_count, 1);
    CHECK(fp_exec_mirror_complete(&m, 0));
    /* Ended orders make room, the oldest first; what was bought by them stays counted. */
    for (uint32_t i = 1; i < FP_EXEC_MIRROR_ORDERS; i++) {
        struct fp_exec filled = exec(++number, ++id, FP_OS_FILLED, 7);
        filled.last_shares = 7;
        fp_exec_mirror_apply(&m, &filled);
    }
    const uint64_t newest_filled = id;
    CHECK_EQ(m.order_count, FP_EXEC_MIRROR_ORDERS);
    CHECK(fp_exec_mirror_complete(&m, 0));
    struct fp_exec open = exec(++number, ++id, FP_OS_LIVE, 0);
    fp_exec_mirror_apply(&m, &open);
    CHECK(fp_exec_mirror_order(&m, id) != NULL);
    CHECK(fp_exec_mirror_order(&m, first_armed) != NULL);
    CHECK(fp_exec_mirror_order(&m, first_armed + 1) == NULL);
    CHECK(fp_exec_mirror_order(&m, newest_filled) != NULL);
    CHECK(fp_exec_mirror_complete(&m, 1) && !fp_exec_mirror_complete(&m, 0));
    CHECK_EQ(m.forgotten, FP_EXEC_MIRROR_ORDERS / 4);
    CHECK_EQ(m.positions[0].bought, 7u * (FP_EXEC_MIRROR_ORDERS - 1));
    /* A late execution of a forgotten order counts once, by its own shares. */
    struct fp_exec late = exec(++number, first_armed + 1, FP_OS_CANCELED, 10);
    late.last_shares = 3;
    fp_exec_mirror_apply(&m, &late);
    CHECK_EQ(m.positions[0].bought, 7u * (FP_EXEC_MIRROR_ORDERS - 1) + 3);
    /* When every place holds an open order, what finds none is told. */
    while (m.ended_count || m.order_count < FP_EXEC_MIRROR_ORDERS) {
        open = exec(++number, ++id, FP_OS_LIVE, 0);
        fp_exec_mirror_apply(&m, &open);
    }
    CHECK_EQ(kept_in_state(&m, FP_OS_LIVE) + 1, FP_EXEC_MIRROR_ORDERS);
    CHECK(fp_exec_mirror_complete(&m, 1));
    CHECK_EQ(m.unlisted, 0);
    open = exec(++number, ++id, FP_OS_LIVE, 0);
    fp_exec_mirror_apply(&m, &open);
    CHECK_EQ(m.unlisted, 1);
    CHECK(!fp_exec_mirror_complete(&m, 1));
    CHECK_EQ(kept_in_state(&m, FP_OS_ARMED), 1);
    struct fp_exec denied = refused(++number, ++id);
    fp_exec_mirror_apply(&m, &denied);
    CHECK_EQ(m.unlisted, 1);
    fp_exec_mirror_close(&m);
}

static void a_break_is_taken_back_once(void) {
    struct fp_exec_mirror m;
    CHECK_EQ(fp_exec_mirror_open(&m), 0);
    struct fp_exec parent = exec(1, 20, FP_OS_LIVE, 60), child = exec(2, 30, FP_OS_LIVE, 60);
    parent.last_shares = 60;
    child.parent_id = 20;
    child.kind = FP_EX_ACCEPTED;
    fp_exec_mirror_apply(&m, &parent);
    fp_exec_mirror_apply(&m, &child);
    child = exec(3, 30, FP_OS_FILLED, 100);
    child.last_shares = 40;
    fp_exec_mirror_apply(&m, &child);
    CHECK_EQ(m.positions[0].bought, 100);
    /* The engine tells the order it happened to, then each that carried its sum on. */
    parent = exec(4, 20, FP_OS_REPLACED, 0);
    child = exec(5, 30, FP_OS_FILLED, 40);
    parent.kind = child.kind = FP_EX_BROKEN;
    parent.last_shares = 60;
    fp_exec_mirror_apply(&m, &parent);
    fp_exec_mirror_apply(&m, &child);
    CHECK_EQ(m.positions[0].bought, 40);
    fp_exec_mirror_close(&m);
}

static void history_keeps_an_unbroken_tail(void) {
    struct fp_history history;
    CHECK_EQ(fp_history_open(&history, 8, sizeof(uint64_t)), 0);
    for (uint64_t i = 1; i <= 20; i++) fp_history_add(&history, i, &i);
    CHECK_EQ(history.first, 13);
    CHECK_EQ(history.last, 20);
    for (uint64_t i = 13; i <= 20; i++) CHECK_EQ(*(const uint64_t *)fp_history_at(&history, i), i);
    uint64_t value = 25;
    fp_history_add(&history, 25, &value);
    CHECK_EQ(history.first, 25);
    CHECK_EQ(history.last, 25);
    fp_history_hole(&history, 30);
    CHECK_EQ(history.first, 30);
    CHECK_EQ(history.last, 29);
    fp_history_close(&history);
}

int main(void) {
    RUN(follows_the_book_after_every_message);
    RUN(says_nothing_after_a_loss_until_sent_again);
    RUN(a_record_that_does_not_fit_marks_its_book);
    RUN(gaps_and_sessions_make_it_stale);
    RUN(keeps_the_newest_prints);
    RUN(orders_and_positions_follow_exec_records);
    RUN(a_full_list_of_orders_never_loses_an_open_one);
    RUN(a_break_is_taken_back_once);
    RUN(history_keeps_an_unbroken_tail);
    fp_mirror_close(&mirror);
    return check_done();
}
