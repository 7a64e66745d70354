// sources: fastpath/core/book/book.c fastpath/core/book/book_query.c fastpath/core/book/book_audit.c fastpath/core/book/orders.c fastpath/core/book/ladder.c
/* The order book message by message: hand-made event lists for every type, for both
 * sides, and for every way a message can be wrong. The book is audited after each. */
#include "check.h"
#include "book/book.h"
#include "wire/layout.h"
#include <stdlib.h>

enum { HALTED = FP_EF_HALTED, SELL = FP_EF_SELL, CHANGED = FP_EF_BBO_CHANGED, MORE = FP_EF_MORE, STALE = FP_EF_STALE };

static struct fp_book *book;
static struct fp_event events[FP_BOOK_MAX_EVENTS];
static uint8_t message[64];
static uint64_t now_ns; /* since midnight, one up for each message */
static const uint64_t midnight_ns = 1577682000000000000u;

static void open_book(uint32_t max_orders, uint32_t max_levels) {
    struct fp_book_config config = {.midnight_ns = midnight_ns, .max_orders = max_orders, .max_levels = max_levels, .venue = 3};
    size_t size = fp_book_size(&config);
    free(book);
    book = aligned_alloc(64, size);
    memset(book, 0, size);
    CHECK_EQ(fp_book_init(book, &config), 0);
    now_ns = 34200000000000u;
}

static void close_book(void) {
    free(book);
    book = NULL;
}

static void head(char type, uint16_t locate) {
    memset(message, 0, sizeof message);
    message[0] = (uint8_t)type;
    fp_store_be16(message + 1, locate);
    fp_store_be48(message + 5, ++now_ns);
}

/* Exactly length bytes on the heap, so that the address sanitizer sees a read beyond them. */
static int apply(size_t length) {
    uint8_t *exact = malloc(length ? length : 1);
    memcpy(exact, message, length);
    memset(events, 0xEE, sizeof events);
    fp_book_prefetch(book, exact, length);
    fp_book_prefetch_level(book, exact, length);
    int result = fp_book_apply(book, exact, length, 777, 0, events);
    free(exact);
    CHECK_EQ(fp_book_validate(book), 0);
    return result;
}

static void write_add(char type, uint16_t locate, uint64_t ref, char side, uint32_t shares, uint32_t price_e4) {
    head(type, locate);
    fp_store_be64(message + 11, ref);
    message[19] = (uint8_t)side;
    fp_store_be32(message + 20, shares);
    memcpy(message + 24, "ACME    ", 8);
    fp_store_be32(message + 32, price_e4);
}

static int add(uint16_t locate, uint64_t ref, char side, uint32_t shares, uint32_t price_e4) {
    write_add('A', locate, ref, side, shares, price_e4);
    return apply(36);
}

static int execute(uint16_t locate, uint64_t ref, uint32_t shares, uint64_t match) {
    head('E', locate);
    fp_store_be64(message + 11, ref);
    fp_store_be32(message + 19, shares);
    fp_store_be64(message + 23, match);
    return apply(31);
}

static int execute_at(uint16_t locate, uint64_t ref, uint32_t shares, uint64_t match, char printable, uint32_t price_e4) {
    head('C', locate);
    fp_store_be64(message + 11, ref);
    fp_store_be32(message + 19, shares);
    fp_store_be64(message + 23, match);
    message[31] = (uint8_t)printable;
    fp_store_be32(message + 32, price_e4);
    return apply(36);
}

static int cancel(uint16_t locate, uint64_t ref, uint32_t shares) {
    head('X', locate);
    fp_store_be64(message + 11, ref);
    fp_store_be32(message + 19, shares);
    return apply(23);
}

static int delete(uint16_t locate, uint64_t ref) {
    head('D', locate);
    fp_store_be64(message + 11, ref);
    return apply(19);
}

static int replace(uint16_t locate, uint64_t ref, uint64_t new_ref, uint32_t shares, uint32_t price_e4) {
    head('U', locate);
    fp_store_be64(message + 11, ref);
    fp_store_be64(message + 19, new_ref);
    fp_store_be32(message + 27, shares);
    fp_store_be32(message + 31, price_e4);
    return apply(35);
}

static int trade(uint16_t locate, char side, uint32_t shares, uint32_t price_e4, uint64_t match) {
    head('P', locate);
    message[19] = (uint8_t)side;
    fp_store_be32(message + 20, shares);
    fp_store_be32(message + 32, price_e4);
    fp_store_be64(message + 36, match);
    return apply(44);
}

static int state(uint16_t locate, char letter) {
    head('H', locate);
    memcpy(message + 11, "ACME    ", 8);
    message[19] = (uint8_t)letter;
    return apply(25);
}

static int directory(uint16_t locate, const char *symbol, uint32_t round_lot) {
    head('R', locate);
    memcpy(message + 11, symbol, 8);
    message[19] = 'Q';
    message[20] = 'N';
    fp_store_be32(message + 21, round_lot);
    message[29] = 'P';
    return apply(39);
}

/* A book whose locate 7 is announced and trading. */
static void open_trading(void) {
    open_book(64, 64);
    CHECK_EQ(directory(7, "ACME    ", 100), 1);
    CHECK_EQ(state(7, 'T'), 1);
}

static void expect(int index, uint8_t kind, uint64_t ref, uint32_t price_e4, uint32_t shares, unsigned flags, uint32_t bid_e4, uint32_t bid_shares, uint32_t ask_e4, uint32_t ask_shares) {
    const struct fp_event *e = &events[index];
    CHECK_EQ(e->kind, kind);
    CHECK_EQ(e->ref, ref);
    CHECK_EQ(e->price_e4, price_e4);
    CHECK_EQ(e->shares, shares);
    CHECK_EQ(e->flags, flags);
    CHECK_EQ(e->bid_e4, bid_e4);
    CHECK_EQ(e->bid_shares, bid_shares);
    CHECK_EQ(e->ask_e4, ask_e4);
    CHECK_EQ(e->ask_shares, ask_shares);
    CHECK_EQ(e->seq, 0);
    CHECK_EQ(e->venue, 3);
    CHECK_EQ(e->aux, 0);
    CHECK_EQ(e->rx_ns, 777);
}

static struct fp_book_stats stats(void) {
    struct fp_book_stats s;
    fp_book_stats(book, &s);
    return s;
}

static void adds_build_both_sides(void) {
    open_trading();
    CHECK_EQ(add(7, 101, 'B', 300, 100000), 1);
    expect(0, 'A', 101, 100000, 300, CHANGED, 100000, 300, 0, 0);
    CHECK_EQ(events[0].venue_ns, midnight_ns + now_ns);
    CHECK_EQ(events[0].locate, 7);
    CHECK_EQ(add(7, 102, 'S', 200, 100500), 1);
    expect(0, 'A', 102, 100500, 200, SELL | CHANGED, 100000, 300, 100500, 200);
    write_add('F', 7, 103, 'B', 50, 100000); /* joins the best: its size changes */
    CHECK_EQ(apply(40), 1);
    expect(0, 'F', 103, 100000, 50, CHANGED, 100000, 350, 100500, 200);
    CHECK_EQ(add(7, 104, 'B', 70, 99900), 1); /* behind the best: nothing shown changes */
    expect(0, 'A', 104, 99900, 70, 0, 100000, 350, 100500, 200);
    CHECK_EQ(add(7, 105, 'S', 10, 100600), 1);
    expect(0, 'A', 105, 100600, 10, SELL, 100000, 350, 100500, 200);
    CHECK_EQ(add(7, 106, 'S', 30, 100400), 1); /* a better ask */
    expect(0, 'A', 106, 100400, 30, SELL | CHANGED, 100000, 350, 100400, 30);

    struct fp_level level[4];
    CHECK_EQ(fp_book_depth(book, 7, 'S', level, 4), 3);
    CHECK_EQ(level[0].price_e4, 100400);
    CHECK_EQ(level[1].price_e4, 100500);
    CHECK_EQ(level[2].price_e4, 100600);
    CHECK_EQ(fp_book_depth(book, 7, 'B', level, 1), 1);
    CHECK_EQ(level[0].price_e4, 100000);
    CHECK_EQ(level[0].shares, 350);
    CHECK_EQ(level[0].orders, 2);
    CHECK_EQ(fp_book_depth(book, 7, 'T', level, 4), FP_E_BAD_FIELD);
    CHECK_EQ(fp_book_depth(book, 8, 'B', level, 4), 0);

    uint16_t locate = 0;
    char side = 0;
    uint32_t price_e4 = 0, shares = 0;
    CHECK_EQ(fp_book_order(book, 106, &locate, &side, &price_e4, &shares), 0);
    CHECK(locate == 7 && side == 'S' && price_e4 == 100400 && shares == 30);
    CHECK_EQ(fp_book_order(book, 107, &locate, &side, &price_e4, &shares), FP_E_NOT_FOUND);
    CHECK_EQ(stats().live_orders, 6);
    CHECK_EQ(stats().levels, 5);
    CHECK_EQ(stats().locates, 1);
    CHECK_EQ(stats().unknown_locate, 0);
}

static void executions_take_and_print(void) {
    open_trading();
    add(7, 1, 'B', 300, 100000);
    add(7, 2, 'B', 100, 99900);
    add(7, 3, 'S', 200, 100500);
    CHECK_EQ(execute(7, 1, 120, 9001), 2); /* in part */
    expect(0, 'E', 1, 100000, 120, MORE, 100000, 300, 100500, 200);
    expect(1, 'T', 9001, 100000, 120, CHANGED, 100000, 180, 100500, 200);
    CHECK_EQ(execute(7, 1, 180, 9002), 2); /* the best level goes */
    expect(0, 'E', 1, 100000, 180, MORE, 100000, 180, 100500, 200);
    expect(1, 'T', 9002, 100000, 180, CHANGED, 99900, 100, 100500, 200);
    CHECK_EQ(execute(7, 3, 200, 9003), 2); /* the whole side goes */
    expect(0, 'E', 3, 100500, 200, MORE | SELL, 99900, 100, 100500, 200);
    expect(1, 'T', 9003, 100500, 200, CHANGED | SELL, 99900, 100, 0, 0);
    const struct fp_bbo *bbo = fp_book_bbo(book, 7);
    CHECK_EQ(bbo->last_price_e4, 100500);
    CHECK_EQ(bbo->last_shares, 200);
    CHECK_EQ(bbo->last_ns, midnight_ns + now_ns);
    CHECK_EQ(bbo->venue_ns, midnight_ns + now_ns);
    CHECK_EQ(bbo->rx_ns, 777);
    CHECK_EQ(execute(7, 3, 1, 9004), 1); /* it is gone */
    expect(0, 'E', 3, 0, 0, FP_EF_UNKNOWN_REF, 99900, 100, 0, 0);
    CHECK_EQ(stats().unknown_ref, 1);
}

static void executions_off_price(void) {
    open_trading();
    add(7, 1, 'S', 300, 100500);
    add(7, 2, 'S', 40, 100600);
    CHECK_EQ(execute_at(7, 1, 100, 9001, 'Y', 100450), 2);
    expect(0, 'C', 1, 100500, 100, MORE | SELL, 0, 0, 100500, 300);
    expect(1, 'T', 9001, 100450, 100, CHANGED | SELL, 0, 0, 100500, 200);
    CHECK_EQ(fp_book_bbo(book, 7)->last_price_e4, 100450);
    CHECK_EQ(execute_at(7, 1, 200, 9002, 'N', 100300), 1); /* one record, and no last price */
    expect(0, 'C', 1, 100500, 200, SELL | CHANGED | FP_EF_NON_PRINTABLE, 0, 0, 100600, 40);
    CHECK_EQ(fp_book_bbo(book, 7)->last_price_e4, 100450);
    CHECK_EQ(fp_book_bbo(book, 7)->last_shares, 100);
    add(7, 3, 'S', 10, 100700); /* deeper: the shown BBO is not touched */
    CHECK_EQ(execute_at(7, 3, 5, 9003, 'Y', 100600), 2);
    expect(0, 'C', 3, 100700, 5, MORE | SELL, 0, 0, 100600, 40);
    expect(1, 'T', 9003, 100600, 5, SELL, 0, 0, 100600, 40);
}

static void cancels_and_deletes(void) {
    open_trading();
    add(7, 1, 'B', 300, 100000);
    add(7, 2, 'B', 100, 100000);
    add(7, 3, 'B', 50, 99000);
    CHECK_EQ(cancel(7, 1, 100), 1);
    expect(0, 'X', 1, 100000, 100, CHANGED, 100000, 300, 0, 0);
    CHECK_EQ(cancel(7, 1, 200), 1); /* the last of it ends the order */
    expect(0, 'X', 1, 100000, 200, CHANGED, 100000, 100, 0, 0);
    CHECK_EQ(stats().live_orders, 2);
    CHECK_EQ(delete(7, 3), 1);
    expect(0, 'D', 3, 99000, 50, 0, 100000, 100, 0, 0);
    CHECK_EQ(delete(7, 2), 1);
    expect(0, 'D', 2, 100000, 100, CHANGED, 0, 0, 0, 0);
    CHECK_EQ(stats().levels, 0);
    CHECK_EQ(stats().peak_orders, 3);
    CHECK_EQ(delete(7, 2), 1);
    expect(0, 'D', 2, 0, 0, FP_EF_UNKNOWN_REF, 0, 0, 0, 0);
    CHECK_EQ(cancel(7, 99, 5), 1);
    expect(0, 'X', 99, 0, 0, FP_EF_UNKNOWN_REF, 0, 0, 0, 0);
    CHECK_EQ(fp_book_instrument(book, 7)->stale, 0);
}

static void replaces_across_the_best(void) {
    open_trading();
    add(7, 1, 'S', 100, 100500);
    add(7, 2, 'S', 200, 100600);
    CHECK_EQ(replace(7, 2, 3, 250, 100400), 2); /* to a new best */
    expect(0, 'D', 2, 100600, 200, MORE | SELL, 0, 0, 100500, 100);
    expect(1, 'U', 3, 100400, 250, CHANGED | SELL, 0, 0, 100400, 250);
    CHECK_EQ(replace(7, 3, 4, 10, 100700), 2); /* from the best to behind it */
    expect(0, 'D', 3, 100400, 250, MORE | SELL, 0, 0, 100400, 250);
    expect(1, 'U', 4, 100700, 10, CHANGED | SELL, 0, 0, 100500, 100);
    CHECK_EQ(replace(7, 4, 5, 20, 100700), 2); /* same price, behind the best */
    expect(0, 'D', 4, 100700, 10, MORE | SELL, 0, 0, 100500, 100);
    expect(1, 'U', 5, 100700, 20, SELL, 0, 0, 100500, 100);
    CHECK_EQ(replace(7, 1, 6, 100, 100500), 2); /* same price and size at the best: nothing shown changes */
    expect(0, 'D', 1, 100500, 100, MORE | SELL, 0, 0, 100500, 100);
    expect(1, 'U', 6, 100500, 100, SELL, 0, 0, 100500, 100);
    CHECK_EQ(replace(7, 6, 7, 90, 100500), 2); /* fewer shares at the best */
    expect(1, 'U', 7, 100500, 90, SELL | CHANGED, 0, 0, 100500, 90);
    CHECK_EQ(replace(7, 7, 8, 90, 100600), 2); /* the only order of the best, one level down: still the best */
    expect(0, 'D', 7, 100500, 90, MORE | SELL, 0, 0, 100500, 90);
    expect(1, 'U', 8, 100600, 90, SELL | CHANGED, 0, 0, 100600, 90);
    CHECK_EQ(replace(7, 77, 9, 90, 100600), 1); /* its side is unknown, so the new order is lost */
    expect(0, 'U', 77, 0, 0, FP_EF_UNKNOWN_REF | STALE, 0, 0, 100600, 90);
    CHECK_EQ(fp_book_instrument(book, 7)->stale, 1);
}

static void prints_leave_the_book_alone(void) {
    open_trading();
    add(7, 1, 'B', 100, 100000);
    uint64_t before = fp_book_bbo(book, 7)->venue_ns;
    CHECK_EQ(trade(7, 'B', 55, 100050, 31), 1);
    expect(0, 'T', 31, 100050, 55, 0, 100000, 100, 0, 0);
    CHECK_EQ(trade(7, 'S', 56, 100051, 32), 1);
    expect(0, 'T', 32, 100051, 56, SELL, 100000, 100, 0, 0);
    CHECK_EQ(fp_book_bbo(book, 7)->last_price_e4, 100051);
    head('Q', 7);
    fp_store_be64(message + 11, 5000000000u); /* more than a record can say */
    fp_store_be32(message + 27, 100100);
    fp_store_be64(message + 31, 33);
    CHECK_EQ(apply(40), 1);
    expect(0, 'Q', 33, 100100, UINT32_MAX, FP_EF_OVERFLOW, 100000, 100, 0, 0);
    CHECK_EQ(fp_book_bbo(book, 7)->last_price_e4, 100100);
    head('Q', 7); /* a cross that matched nothing */
    CHECK_EQ(apply(40), 1);
    expect(0, 'Q', 0, 0, 0, 0, 100000, 100, 0, 0);
    CHECK_EQ(fp_book_bbo(book, 7)->last_price_e4, 100100);
    head('B', 7);
    fp_store_be64(message + 11, 31);
    CHECK_EQ(apply(19), 1);
    expect(0, 'B', 31, 0, 0, 0, 100000, 100, 0, 0);
    CHECK_EQ(fp_book_bbo(book, 7)->venue_ns, before);
    CHECK_EQ(trade(7, 'B', 0, 100050, 34), FP_E_BAD_FIELD);
    CHECK_EQ(trade(7, 'Z', 5, 100050, 34), FP_E_BAD_FIELD);
    CHECK_EQ(trade(7, 'B', 5, 0, 34), FP_E_BAD_FIELD);
    head('Q', 7);
    fp_store_be64(message + 11, 5);
    CHECK_EQ(apply(40), FP_E_BAD_FIELD); /* shares crossed at no price */
    CHECK_EQ(stats().bad_shares, 1);
    CHECK_EQ(stats().bad_side, 1);
    CHECK_EQ(stats().bad_price, 2);
    CHECK_EQ(fp_book_bbo(book, 7)->last_price_e4, 100100);
}

static void announcements_update_the_instrument(void) {
    open_book(64, 64);
    CHECK_EQ(state(7, 'T'), 1); /* before its directory message: counted, believed */
    expect(0, 'H', 0, 0, 'T', 0, 0, 0, 0, 0);
    CHECK_EQ(stats().unknown_locate, 1);
    CHECK_EQ(directory(7, "ACME    ", 100), 1);
    expect(0, 'R', 0, 0, 0, 0, 0, 0, 0, 0);
    const struct fp_instrument *i = fp_book_instrument(book, 7);
    CHECK_MEM(i->symbol, "ACME    ", 8);
    CHECK(i->round_lot == 100 && i->market_category == 'Q' && i->financial_status == 'N' && i->authenticity == 'P');
    CHECK_EQ(i->trading_state, 'T');
    CHECK_EQ(state(7, 'H'), 1);
    expect(0, 'H', 0, 0, 'H', HALTED, 0, 0, 0, 0);
    add(7, 1, 'B', 100, 100000);
    expect(0, 'A', 1, 100000, 100, HALTED | CHANGED, 100000, 100, 0, 0);
    CHECK_EQ(state(7, 'T'), 1);
    expect(0, 'H', 0, 0, 'T', 0, 100000, 100, 0, 0);
    head('h', 7);
    message[19] = 'Q';
    message[20] = 'H';
    CHECK_EQ(apply(21), 1);
    expect(0, 'h', 0, 0, 0, HALTED, 100000, 100, 0, 0);
    CHECK_EQ(i->operational_halt, 1);
    CHECK_EQ(state(7, 'T'), 1); /* the operational halt still stands */
    expect(0, 'H', 0, 0, 'T', HALTED, 100000, 100, 0, 0);
    head('h', 7);
    message[19] = 'Q';
    message[20] = 'T';
    CHECK_EQ(apply(21), 1);
    expect(0, 'h', 0, 0, 0, 0, 100000, 100, 0, 0);
    head('Y', 7);
    message[19] = '1';
    CHECK_EQ(apply(20), 1);
    expect(0, 'Y', 0, 0, 0, 0, 100000, 100, 0, 0);
    CHECK_EQ(i->reg_sho, '1');
    head('S', 0);
    message[11] = 'Q';
    CHECK_EQ(apply(12), 1);
    expect(0, 'S', 0, 0, 'Q', 0, 0, 0, 0, 0);
    static const struct { char type; uint8_t length; uint16_t locate; } rest[] = {
        {'L', 26, 7}, {'V', 35, 0}, {'W', 12, 0}, {'K', 28, 7}, {'J', 35, 7}, {'I', 50, 7}, {'N', 20, 7}, {'O', 48, 7}};
    for (size_t k = 0; k < sizeof rest / sizeof *rest; k++) {
        head(rest[k].type, rest[k].locate);
        memset(message + 11, 0xFF, rest[k].length - 11u);
        CHECK_EQ(apply(rest[k].length), 1);
        expect(0, (uint8_t)rest[k].type, 0, 0, 0, 0, rest[k].locate ? 100000 : 0, rest[k].locate ? 100 : 0, 0, 0);
    }
    CHECK_EQ(state(9, 'Q'), 1); /* another symbol, not yet trading */
    expect(0, 'H', 0, 0, 'Q', HALTED, 0, 0, 0, 0);
}

static void line_flags_and_venue_stale(void) {
    open_trading();
    fp_book_set_stale(book, 0, 1);
    CHECK_EQ(fp_book_instrument(book, 7)->stale, 2);
    CHECK_EQ(fp_book_instrument(book, 65535)->stale, 2);
    add(7, 1, 'B', 100, 100000);
    expect(0, 'A', 1, 100000, 100, CHANGED | STALE, 100000, 100, 0, 0);
    fp_book_set_stale(book, 7, 1);
    fp_book_set_stale(book, 0, 0); /* the gap is filled; the symbol's own reason stays */
    CHECK_EQ(fp_book_instrument(book, 7)->stale, 1);
    add(7, 2, 'B', 100, 90000);
    expect(0, 'A', 2, 90000, 100, STALE, 100000, 100, 0, 0);
    fp_book_set_stale(book, 7, 0);
    CHECK_EQ(fp_book_instrument(book, 7)->stale, 0);
    write_add('A', 7, 3, 'B', 100, 90000);
    CHECK_EQ(fp_book_apply(book, message, 36, 777, FP_EF_LINE_B | FP_EF_RECOVERED, events), 1);
    expect(0, 'A', 3, 90000, 100, FP_EF_LINE_B | FP_EF_RECOVERED, 100000, 100, 0, 0);
}

static void crossed_and_huge_books(void) {
    open_trading();
    add(7, 1, 'B', UINT32_MAX, 100000);
    expect(0, 'A', 1, 100000, UINT32_MAX, CHANGED, 100000, UINT32_MAX, 0, 0);
    add(7, 2, 'B', 1, 100000); /* a size that no longer fits the record */
    expect(0, 'A', 2, 100000, 1, CHANGED | FP_EF_OVERFLOW, 100000, UINT32_MAX, 0, 0);
    CHECK_EQ(fp_book_bbo(book, 7)->bid_shares, 4294967296);
    add(7, 3, 'S', 5, 100000); /* locked */
    expect(0, 'A', 3, 100000, 5, CHANGED | SELL | FP_EF_OVERFLOW | FP_EF_CROSSED, 100000, UINT32_MAX, 100000, 5);
    CHECK_EQ(delete(7, 1), 1);
    expect(0, 'D', 1, 100000, UINT32_MAX, CHANGED | FP_EF_CROSSED, 100000, 1, 100000, 5);
    CHECK_EQ(execute(7, 2, 1, 5), 2); /* the record before the trade is still crossed, the one after is not */
    expect(0, 'E', 2, 100000, 1, MORE | FP_EF_CROSSED, 100000, 1, 100000, 5);
    expect(1, 'T', 5, 100000, 1, CHANGED, 0, 0, 100000, 5);
    CHECK_EQ(stats().crossed, 2);
    add(7, 4, 'S', 5, 1);
    expect(0, 'A', 4, 1, 5, CHANGED | SELL, 0, 0, 1, 5);
    add(7, 5, 'B', 5, 1999999900); /* the highest price there is */
    expect(0, 'A', 5, 1999999900, 5, CHANGED | FP_EF_CROSSED, 1999999900, 5, 1, 5);
}

static void contradictions_make_the_symbol_stale(void) {
    open_trading();
    add(7, 1, 'B', 100, 100000);
    CHECK_EQ(add(7, 1, 'S', 50, 100500), 1); /* the reference is live */
    expect(0, FP_EV_STALE, 1, -FP_E_DUPLICATE, 50, STALE, 100000, 100, 0, 0);
    CHECK_EQ(stats().duplicate_ref, 1);
    CHECK_EQ(fp_book_instrument(book, 7)->stale, 1);

    open_trading();
    add(7, 1, 'B', 100, 100000);
    CHECK_EQ(execute(7, 1, 101, 5), 1); /* executed more than there was */
    expect(0, FP_EV_STALE, 1, -FP_E_BAD_FIELD, 101, STALE, 100000, 100, 0, 0);
    CHECK_EQ(cancel(7, 1, UINT32_MAX), 1);
    CHECK_EQ(execute_at(7, 1, 101, 5, 'Y', 100000), 1);
    CHECK_EQ(stats().bad_shares, 3);
    CHECK_EQ(execute_at(7, 1, 100, 5, 'Y', 0), 1);
    CHECK_EQ(stats().bad_price, 1);
    CHECK_EQ(execute(7, 1, 0, 5), FP_E_BAD_FIELD); /* nothing happened */
    CHECK_EQ(cancel(7, 1, 0), FP_E_BAD_FIELD);
    CHECK_EQ(stats().bad_shares, 5);

    open_trading();
    add(7, 1, 'B', 100, 100000);
    CHECK_EQ(replace(7, 1, 1, 50, 100000), 1);
    expect(0, FP_EV_STALE, 1, -FP_E_DUPLICATE, 50, STALE, 100000, 100, 0, 0);
    CHECK_EQ(replace(7, 1, 2, 0, 100000), 1);
    expect(0, FP_EV_STALE, 1, -FP_E_BAD_FIELD, 0, STALE, 100000, 100, 0, 0);
    CHECK_EQ(replace(7, 1, 2, 10, 1999999901), 1);
    CHECK_EQ(fp_book_bbo(book, 7)->bid_shares, 100);

    open_trading();
    CHECK_EQ(add(7, 1, 'Z', 100, 100000), 1);
    expect(0, FP_EV_STALE, 1, -FP_E_BAD_FIELD, 100, STALE, 0, 0, 0, 0);
    CHECK_EQ(add(7, 1, 'B', 100, 0), 1);
    CHECK_EQ(add(7, 1, 'B', 100, 1999999901), 1);
    CHECK_EQ(add(7, 1, 'B', 0, 100000), FP_E_BAD_FIELD);
    CHECK_EQ(stats().bad_side, 1);
    CHECK_EQ(stats().bad_price, 2);
    CHECK_EQ(stats().bad_shares, 1);
    CHECK_EQ(stats().live_orders, 0);
}

static void wrong_locate_stales_both(void) {
    open_trading();
    directory(8, "OTHER   ", 1);
    state(8, 'T');
    add(7, 1, 'B', 100, 100000);
    add(8, 2, 'S', 10, 50000);
    CHECK_EQ(delete(8, 1), 2);
    expect(0, FP_EV_STALE, 1, -FP_E_BAD_FIELD, 0, STALE | MORE, 100000, 100, 0, 0);
    expect(1, FP_EV_STALE, 1, -FP_E_BAD_FIELD, 0, STALE, 0, 0, 50000, 10);
    CHECK_EQ(events[0].locate, 7);
    CHECK_EQ(events[1].locate, 8);
    CHECK_EQ(execute(8, 1, 5, 5), 2);
    CHECK_EQ(cancel(8, 1, 5), 2);
    CHECK_EQ(replace(8, 1, 3, 5, 100000), 2);
    CHECK_EQ(stats().wrong_locate, 4);
    CHECK_EQ(stats().live_orders, 2);
    CHECK_EQ(fp_book_bbo(book, 7)->bid_shares, 100);
}

static void lengths_and_types(void) {
    open_trading();
    add(7, 1, 'B', 100, 100000);
    uint64_t unknown = 0;
    for (int type = 0; type < 256; type++) {
        if (strchr("SRHYLVWKJhAFECXDUPQBINO", type) && type)
            continue;
        head((char)type, 7);
        CHECK_EQ(apply(36), FP_E_UNKNOWN_TYPE);
        unknown++;
    }
    CHECK_EQ(stats().unknown_type, unknown);
    CHECK_EQ(apply(0), FP_E_TRUNCATED);
    head('P', 7);
    CHECK_EQ(apply(43), FP_E_BAD_LENGTH);
    head('A', 7);
    CHECK_EQ(apply(2), FP_E_BAD_LENGTH); /* not even a symbol to name */
    CHECK_EQ(fp_book_instrument(book, 7)->stale, 0);
    head('D', 7);
    CHECK_EQ(apply(18), 1);
    expect(0, FP_EV_STALE, 0, -FP_E_BAD_LENGTH, 0, STALE, 100000, 100, 0, 0);
    CHECK_EQ(events[0].venue_ns, 0); /* too short to have one */
    head('A', 7);
    CHECK_EQ(apply(37), 1);
    CHECK_EQ(stats().wrong_length, 5);
    CHECK_EQ(stats().live_orders, 1);
}

static void full_tables(void) {
    open_book(2, 8);
    directory(7, "ACME    ", 100);
    state(7, 'T');
    add(7, 1, 'B', 100, 100000);
    add(7, 2, 'B', 100, 90000);
    CHECK_EQ(add(7, 3, 'S', 10, 110000), 1);
    expect(0, FP_EV_TABLE_FULL, 3, 110000, 10, STALE | SELL | FP_EF_OVERFLOW, 100000, 100, 0, 0);
    CHECK_EQ(stats().table_full, 1);
    CHECK_EQ(fp_book_instrument(book, 7)->stale, 1);
    CHECK_EQ(replace(7, 1, 4, 50, 95000), 2); /* a replace always finds the place it gives up */
    expect(1, 'U', 4, 95000, 50, CHANGED | STALE, 95000, 50, 0, 0);

    open_book(64, 2);
    add(7, 1, 'B', 100, 100000);
    add(7, 2, 'B', 100, 90000);
    add(7, 3, 'B', 30, 90000);
    CHECK_EQ(add(7, 4, 'S', 10, 110000), 1);
    expect(0, FP_EV_TABLE_FULL, 4, 110000, 10, STALE | SELL | HALTED | FP_EF_OVERFLOW, 100000, 100, 0, 0);
    CHECK_EQ(replace(7, 1, 5, 60, 80000), 2); /* its level closes, which makes room */
    expect(1, 'U', 5, 80000, 60, CHANGED | STALE | HALTED, 90000, 130, 0, 0);
    CHECK_EQ(replace(7, 2, 6, 60, 70000), 2); /* no room: the old order is gone, the new one lost */
    expect(0, 'D', 2, 90000, 100, MORE | STALE | HALTED, 90000, 130, 0, 0);
    expect(1, FP_EV_TABLE_FULL, 6, 70000, 60, CHANGED | STALE | HALTED | FP_EF_OVERFLOW, 90000, 30, 0, 0);
    CHECK_EQ(stats().live_orders, 2);
    CHECK_EQ(add(7, 7, 'B', 1, 90000), 1); /* an open level still takes orders */
    expect(0, 'A', 7, 90000, 1, CHANGED | STALE | HALTED, 90000, 31, 0, 0);
}

static void any_reference_works(void) {
    static const uint64_t refs[] = {0, 1, 511, 512, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - 512, 4096, 1000000007, ((uint64_t)1 << 63) + 512};
    size_t count = sizeof refs / sizeof *refs;
    open_book(64, 64);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(add(7, refs[i], 'B', 10 + (uint32_t)i, 100000), 1);
        CHECK_EQ(add(7, refs[i], 'B', 10, 100000), 1);
        CHECK_EQ(events[0].kind, FP_EV_STALE); /* found again, so refused */
    }
    CHECK_EQ(stats().live_orders, (long long)count);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(delete(7, refs[i]), 1);
        CHECK_EQ(events[0].shares, 10 + (long long)i);
    }
    CHECK_EQ(stats().live_orders, 0);
    CHECK_EQ(stats().unknown_ref, 0);
}

/* References that run far past the window while some orders stay: they move to the hash and back nowhere. */
static void long_lived_orders_survive_the_window(void) {
    open_book(64, 64); /* a window of one page: 512 references */
    for (uint64_t ref = 1; ref <= 40; ref++)
        add(7, ref, 'B', (uint32_t)ref, 100000);
    for (uint64_t ref = 1000; ref < 9000; ref += 100) {
        CHECK_EQ(add(7, ref, 'S', 5, 100500), 1);
        CHECK_EQ(events[0].kind, 'A');
        CHECK_EQ(delete(7, ref), 1);
    }
    for (uint64_t ref = 40; ref; ref--) {
        CHECK_EQ(delete(7, ref), 1);
        CHECK_EQ(events[0].shares, (long long)ref);
    }
    CHECK_EQ(stats().live_orders, 0);
}

static void clear_forgets_orders_only(void) {
    open_trading();
    add(7, 1, 'B', 100, 100000);
    add(7, (uint64_t)1 << 63, 'S', 100, 110000);
    add(7, 2, 'B', 100, 100000); /* below the page that owns the slot: in the hash */
    add(7, 1, 'B', 100, 100000); /* duplicate: stale */
    trade(7, 'B', 5, 100001, 1);
    fp_book_clear(book);
    CHECK_EQ(fp_book_validate(book), 0);
    CHECK_EQ(stats().live_orders, 0);
    CHECK_EQ(stats().levels, 0);
    CHECK_EQ(stats().duplicate_ref, 1);
    CHECK_EQ(fp_book_bbo(book, 7)->bid_e4, 0);
    CHECK_EQ(fp_book_bbo(book, 7)->last_price_e4, 100001);
    CHECK_EQ(fp_book_instrument(book, 7)->stale, 0);
    CHECK_EQ(fp_book_instrument(book, 7)->trading_state, 'T');
    CHECK_EQ(add(7, 1, 'B', 0, 100000), FP_E_BAD_FIELD);
    CHECK_EQ(trade(7, 'Z', 5, 100001, 1), FP_E_BAD_FIELD);
    CHECK_EQ(state(7, 'T'), 1); /* the record before showed a BBO, this one shows none */
    expect(0, 'H', 0, 0, 'T', CHANGED, 0, 0, 0, 0);
    CHECK_EQ(state(7, 'T'), 1);
    expect(0, 'H', 0, 0, 'T', 0, 0, 0, 0, 0);
    CHECK_EQ(add(7, 1, 'B', 100, 100000), 1);
    expect(0, 'A', 1, 100000, 100, CHANGED, 100000, 100, 0, 0);
    state(8, 'T');
    add(8, 2, 'S', 5, 5000);
    fp_book_clear(book);
    add(9, 1, 'B', 100, 100000); /* each symbol is told by itself, and once */
    CHECK_EQ(delete(8, 1), 2);
    expect(0, FP_EV_STALE, 1, -FP_E_BAD_FIELD, 0, STALE | MORE | HALTED, 100000, 100, 0, 0);
    expect(1, FP_EV_STALE, 1, -FP_E_BAD_FIELD, 0, STALE | CHANGED, 0, 0, 0, 0);
    CHECK_EQ(delete(8, 1), 2);
    expect(1, FP_EV_STALE, 1, -FP_E_BAD_FIELD, 0, STALE, 0, 0, 0, 0);
}

static void bad_configurations(void) {
    struct fp_book_config config = {.max_orders = 0, .max_levels = 1};
    CHECK_EQ(fp_book_size(&config), 0);
    config = (struct fp_book_config){.max_orders = 1, .max_levels = 0};
    CHECK_EQ(fp_book_size(&config), 0);
    config = (struct fp_book_config){.max_orders = UINT32_MAX, .max_levels = 1};
    CHECK_EQ(fp_book_size(&config), 0);
    CHECK_EQ(fp_book_size(NULL), 0);
    config = (struct fp_book_config){.max_orders = 1, .max_levels = 1};
    CHECK(fp_book_size(&config) > 0);
    static _Alignas(64) char few[128];
    CHECK_EQ(fp_book_init((struct fp_book *)(few + 8), &config), FP_E_BAD_CONFIG);
}

int main(void) {
    RUN(adds_build_both_sides);
    RUN(executions_take_and_print);
    RUN(executions_off_price);
    RUN(cancels_and_deletes);
    RUN(replaces_across_the_best);
    RUN(prints_leave_the_book_alone);
    RUN(announcements_update_the_instrument);
    RUN(line_flags_and_venue_stale);
    RUN(crossed_and_huge_books);
    RUN(contradictions_make_the_symbol_stale);
    RUN(wrong_locate_stales_both);
    RUN(lengths_and_types);
    RUN(full_tables);
    RUN(any_reference_works);
    RUN(long_lived_orders_survive_the_window);
    RUN(clear_forgets_orders_only);
    RUN(bad_configurations);
    close_book();
    return check_done();
}
