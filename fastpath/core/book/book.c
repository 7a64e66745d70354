/* ITCH messages applied to the books: one function for each kind of message, and the
 * event records they leave. Look-ups by reference are in orders.h, sorted levels in
 * ladder.h; life cycle and questions are in book_query.c, the audit in book_audit.c.
 *
 * A message is checked against itself and against the book before anything changes. */
#include "../wire/itch_layout.h"
#include "state.h"

#define EXPECT(condition) __builtin_expect(!!(condition), 1)
/* One straight piece of code for each common message, and the rare ways out kept away from
 * it. Rare functions take struct at by value: its address then never leaves the common
 * path, and its members stay in registers. */
#define HOT static inline __attribute__((always_inline))
#define RARE static __attribute__((noinline, cold))

static const uint8_t message_length[256] = {
    ['S'] = FP_ITCH_SYSTEM_EVENT_LEN, ['R'] = FP_ITCH_STOCK_DIRECTORY_LEN, ['H'] = FP_ITCH_STOCK_TRADING_ACTION_LEN,
    ['Y'] = FP_ITCH_REG_SHO_RESTRICTION_LEN, ['L'] = FP_ITCH_MARKET_PARTICIPANT_POSITION_LEN, ['V'] = FP_ITCH_MWCB_DECLINE_LEVEL_LEN,
    ['W'] = FP_ITCH_MWCB_STATUS_LEN, ['K'] = FP_ITCH_IPO_QUOTING_PERIOD_LEN, ['J'] = FP_ITCH_LULD_AUCTION_COLLAR_LEN,
    ['h'] = FP_ITCH_OPERATIONAL_HALT_LEN, ['A'] = FP_ITCH_ADD_ORDER_LEN, ['F'] = FP_ITCH_ADD_ORDER_MPID_LEN,
    ['E'] = FP_ITCH_ORDER_EXECUTED_LEN, ['C'] = FP_ITCH_ORDER_EXECUTED_WITH_PRICE_LEN, ['X'] = FP_ITCH_ORDER_CANCEL_LEN,
    ['D'] = FP_ITCH_ORDER_DELETE_LEN, ['U'] = FP_ITCH_ORDER_REPLACE_LEN, ['P'] = FP_ITCH_TRADE_LEN, ['Q'] = FP_ITCH_CROSS_TRADE_LEN,
    ['B'] = FP_ITCH_BROKEN_TRADE_LEN, ['I'] = FP_ITCH_NOII_LEN, ['N'] = FP_ITCH_RPII_LEN, ['O'] = FP_ITCH_DLCR_LEN,
};

/* The message at hand, and where it leads; filled by fp_book_apply. */
struct at {
    struct fp_book *book;
    struct fp_symbol *symbol;
    const uint8_t *bytes;
    uint64_t venue_ns, rx_ns;
    struct fp_event *events;
    uint16_t locate;
    uint16_t flags; /* that every record of the message carries; BBO_CHANGED only the first */
};

HOT uint32_t saturate(uint64_t shares) {
    return shares > UINT32_MAX ? UINT32_MAX : (uint32_t)shares;
}

HOT int price_ok(uint32_t price_e4) {
    return price_e4 - 1 < FP_PRICE_MAX_E4;
}

/* Write events[index], with the BBO as it is at this moment. */
HOT void emit(const struct at *at, int index, uint8_t kind, uint64_t ref, uint32_t price_e4, uint32_t shares, unsigned flags) {
    struct fp_event *event = &at->events[index];
    const struct fp_bbo *bbo = &at->symbol->bbo;
    uint64_t bid_shares = bbo->bid_shares, ask_shares = bbo->ask_shares;
    uint32_t bid_e4 = bbo->bid_e4, ask_e4 = bbo->ask_e4;
    flags |= index ? at->flags & ~(unsigned)FP_EF_BBO_CHANGED : at->flags;
    if (!EXPECT((bid_shares | ask_shares) <= UINT32_MAX)) {
        flags |= FP_EF_OVERFLOW;
        bid_shares = saturate(bid_shares);
        ask_shares = saturate(ask_shares);
    }
    if (!EXPECT(ask_e4 - 1 >= bid_e4)) /* no ask wraps to the top; no bid is 0 */
        flags |= FP_EF_CROSSED;
    event->seq = 0;
    event->venue_ns = at->venue_ns;
    event->rx_ns = at->rx_ns;
    event->ref = ref;
    event->price_e4 = price_e4;
    event->shares = shares;
    event->bid_e4 = bid_e4;
    event->bid_shares = (uint32_t)bid_shares;
    event->ask_e4 = ask_e4;
    event->ask_shares = (uint32_t)ask_shares;
    event->locate = at->locate;
    event->venue = at->book->venue;
    event->kind = kind;
    event->flags = (uint16_t)flags;
    event->aux = 0;
}

/* From here on nobody trusts this symbol's book. */
static void make_stale(struct at *at) {
    at->symbol->flags |= FP_EF_STALE;
    at->flags |= FP_EF_STALE;
    fp_book_see_locate(at->book, at->locate); /* a message of the wrong length may be its first */
    at->book->instruments[at->locate].stale |= FP_STALE_BOOK;
}

/* The message contradicts the book, so the book is wrong: its symbol is stale, and says so. */
RARE int contradiction(struct at at, int error, uint64_t ref, uint32_t shares) {
    make_stale(&at);
    emit(&at, 0, FP_EV_STALE, ref, (uint32_t)-error, shares, 0);
    return 1;
}

/* Counted, and nothing happened: the next record of the symbol is still its first since a clear, if it was. */
RARE int refuse(struct at at, uint64_t *counter) {
    ++*counter;
    at.symbol->flags |= at.flags & FP_EF_BBO_CHANGED;
    return FP_E_BAD_FIELD;
}

RARE int duplicate_ref(struct at at, uint64_t ref, uint32_t shares) {
    at.book->stats.duplicate_ref++;
    return contradiction(at, FP_E_DUPLICATE, ref, shares);
}

/* A book message that cannot be right in itself. It told of a change that we now lack. */
RARE int bad_field(struct at at, uint64_t *counter, uint64_t ref, uint32_t shares) {
    ++*counter;
    return contradiction(at, FP_E_BAD_FIELD, ref, shares);
}

/* Order and message name different symbols: one of the two books is wrong, and nobody can say which. */
RARE int wrong_locate(struct at at, uint64_t ref, uint16_t owner) {
    struct at own = at;
    own.locate = owner;
    own.symbol = &at.book->symbols[owner];
    own.flags = (uint16_t)((at.flags & ~(FP_EF_STALE | FP_EF_HALTED | FP_EF_BBO_CHANGED)) | own.symbol->flags | at.book->flags);
    at.book->stats.wrong_locate++;
    make_stale(&own);
    emit(&own, 0, FP_EV_STALE, ref, (uint32_t)-FP_E_BAD_FIELD, 0, FP_EF_MORE);
    own.symbol->flags &= (uint16_t)~FP_EF_BBO_CHANGED;
    make_stale(&at);
    emit(&at, 1, FP_EV_STALE, ref, (uint32_t)-FP_E_BAD_FIELD, 0, at.flags & FP_EF_BBO_CHANGED);
    return 2;
}

RARE int unknown_ref(struct at at, uint64_t ref) {
    at.book->stats.unknown_ref++;
    if (at.bytes[0] == 'U') /* the new order has no known side: it is lost to us */
        make_stale(&at);
    emit(&at, 0, at.bytes[0], ref, 0, 0, FP_EF_UNKNOWN_REF);
    return 1;
}

RARE int table_full(struct at at, int index, uint64_t ref, uint32_t price_e4, uint32_t shares, unsigned flags) {
    at.book->stats.table_full++;
    make_stale(&at);
    emit(&at, index, FP_EV_TABLE_FULL, ref, price_e4, shares, flags | FP_EF_OVERFLOW);
    return index + 1;
}

/* Bring the symbol's best of one side up to date. Returns FP_EF_BBO_CHANGED or 0. */
HOT unsigned refresh_best(const struct at *at, uint8_t side) {
    struct fp_bbo *bbo = &at->symbol->bbo;
    const struct fp_price_level *best = &at->book->ladders.levels[at->symbol->side[side].best]; /* level 0 is all zero: none */
    uint32_t *price_e4 = side == FP_BID ? &bbo->bid_e4 : &bbo->ask_e4;
    uint64_t *shares = side == FP_BID ? &bbo->bid_shares : &bbo->ask_shares;
    unsigned changed = (*price_e4 != best->price_e4) | (*shares != best->shares);
    *price_e4 = best->price_e4;
    *shares = best->shares;
    return changed;
}

HOT uint32_t best_price(const struct at *at, uint8_t side) {
    return side == FP_BID ? at->symbol->bbo.bid_e4 : at->symbol->bbo.ask_e4;
}

HOT void touch(const struct at *at) {
    at->symbol->bbo.venue_ns = at->venue_ns;
    at->symbol->bbo.rx_ns = at->rx_ns;
}

/* After the last change of a book message. */
HOT void count_crossed(const struct at *at) {
    const struct fp_bbo *bbo = &at->symbol->bbo;
    if (!EXPECT(bbo->ask_e4 - 1 >= bbo->bid_e4))
        at->book->stats.crossed++;
}

HOT unsigned side_flag(uint8_t side) {
    return side == FP_ASK ? FP_EF_SELL : 0;
}

/* Put an order on its level, opening it if need be. Returns the level, 0 when there is none to be had. */
HOT uint32_t place(const struct at *at, uint64_t ref, uint8_t side, uint32_t price_e4, uint32_t shares) {
    struct fp_ladders *pool = &at->book->ladders;
    struct fp_ladder *ladder = &at->symbol->side[side];
    uint32_t position, key = fp_ladder_key(side, price_e4), level = ladder->best;
    if (!level || ladder->best_key != key) {
        level = fp_ladder_find(pool, ladder, key, &position);
        if (!level) {
            level = fp_ladder_open(pool, ladder, position, key, price_e4, at->locate, side);
            if (!EXPECT(level))
                return 0;
        }
    }
    pool->levels[level].shares += shares;
    pool->levels[level].orders++;
    fp_orders_insert(&at->book->orders, ref, shares, level);
    return level;
}

/* Take shares off a live order; all of them ends it. */
HOT void take(const struct at *at, uint64_t ref, struct fp_order *order, struct fp_price_level *level, uint32_t shares) {
    level->shares -= shares;
    if (order->quantity > shares) {
        order->quantity -= shares;
        return;
    }
    fp_orders_remove(&at->book->orders, ref, order);
    if (--level->orders)
        return;
    struct fp_ladder *ladder = &at->symbol->side[level->side];
    uint32_t position;
    fp_ladder_find(&at->book->ladders, ladder, fp_ladder_key(level->side, level->price_e4), &position);
    fp_ladder_close(&at->book->ladders, ladder, position);
}

HOT int add(const struct at *at) {
    struct fp_book *book = at->book;
    const uint8_t *bytes = at->bytes;
    uint64_t ref = fp_load_be64(bytes + FP_ITCH_ADD_ORDER_ORDER_REF);
    uint32_t shares = fp_load_be32(bytes + FP_ITCH_ADD_ORDER_SHARES), price_e4 = fp_load_be32(bytes + FP_ITCH_ADD_ORDER_PRICE_E4);
    char letter = (char)bytes[FP_ITCH_ADD_ORDER_SIDE];
    uint8_t side = fp_side_index(letter);
    if (!EXPECT(shares))
        return refuse(*at, &book->stats.bad_shares); /* it would have added nothing */
    if (!EXPECT(letter == 'B' || letter == 'S'))
        return bad_field(*at, &book->stats.bad_side, ref, shares);
    if (!EXPECT(price_ok(price_e4)))
        return bad_field(*at, &book->stats.bad_price, ref, shares);
    if (!EXPECT(!fp_orders_find(&book->orders, ref)))
        return duplicate_ref(*at, ref, shares);
    uint32_t level = EXPECT(book->orders.live < book->orders.capacity) ? place(at, ref, side, price_e4, shares) : 0;
    if (!EXPECT(level))
        return table_full(*at, 0, ref, price_e4, shares, side_flag(side));
    touch(at);
    unsigned changed = level == at->symbol->side[side].best ? refresh_best(at, side) : 0;
    count_crossed(at);
    emit(at, 0, bytes[0], ref, price_e4, shares, side_flag(side) | changed);
    return 1;
}

/* The checks that E, C and X share. 0, or an event count or error to return; order and level are set on 0. */
HOT int reducible(const struct at *at, uint64_t ref, uint32_t shares, struct fp_order **order, struct fp_price_level **level) {
    struct fp_book *book = at->book;
    *order = fp_orders_find(&book->orders, ref);
    *level = NULL;
    if (!EXPECT(*order))
        return unknown_ref(*at, ref);
    *level = &book->ladders.levels[(*order)->level];
    if (!EXPECT((*level)->locate == at->locate))
        return wrong_locate(*at, ref, (*level)->locate);
    if (!EXPECT(shares))
        return refuse(*at, &book->stats.bad_shares); /* it would have taken nothing */
    return EXPECT(shares <= (*order)->quantity) ? 0 : bad_field(*at, &book->stats.bad_shares, ref, shares);
}

HOT void print_trade(const struct at *at, uint32_t price_e4, uint32_t shares) {
    struct fp_bbo *bbo = &at->symbol->bbo;
    bbo->last_price_e4 = price_e4;
    bbo->last_shares = shares;
    bbo->last_ns = at->venue_ns;
}

/* E and C. The book loses shares at the resting price; the print is at the price traded. */
HOT int executed(const struct at *at) {
    const uint8_t *bytes = at->bytes;
    uint64_t ref = fp_load_be64(bytes + FP_ITCH_ORDER_EXECUTED_ORDER_REF), match = fp_load_be64(bytes + FP_ITCH_ORDER_EXECUTED_MATCH_NUMBER);
    uint32_t shares = fp_load_be32(bytes + FP_ITCH_ORDER_EXECUTED_SHARES);
    struct fp_order *order;
    struct fp_price_level *level;
    int refused = reducible(at, ref, shares, &order, &level);
    if (!EXPECT(!refused))
        return refused;
    uint32_t price_e4 = level->price_e4, traded_e4 = price_e4;
    uint8_t side = level->side;
    int printed = 1;
    if (bytes[0] == 'C') {
        traded_e4 = fp_load_be32(bytes + FP_ITCH_ORDER_EXECUTED_WITH_PRICE_EXECUTION_PRICE_E4);
        printed = bytes[FP_ITCH_ORDER_EXECUTED_WITH_PRICE_PRINTABLE] == 'Y';
        if (!price_ok(traded_e4))
            return bad_field(*at, &at->book->stats.bad_price, ref, shares);
    }
    if (printed)
        emit(at, 0, bytes[0], ref, price_e4, shares, side_flag(side) | FP_EF_MORE);
    int best = price_e4 == best_price(at, side);
    take(at, ref, order, level, shares);
    touch(at);
    unsigned changed = best ? refresh_best(at, side) : 0;
    count_crossed(at);
    if (!printed) {
        emit(at, 0, bytes[0], ref, price_e4, shares, side_flag(side) | FP_EF_NON_PRINTABLE | changed);
        return 1;
    }
    print_trade(at, traded_e4, shares);
    emit(at, 1, FP_EV_TRADE, match, traded_e4, shares, side_flag(side) | changed);
    return 2;
}

/* X and D, once checked. */
HOT int removed(const struct at *at, uint64_t ref, struct fp_order *order, struct fp_price_level *level, uint32_t shares) {
    uint32_t price_e4 = level->price_e4;
    uint8_t side = level->side;
    int best = price_e4 == best_price(at, side);
    take(at, ref, order, level, shares);
    touch(at);
    unsigned changed = best ? refresh_best(at, side) : 0;
    count_crossed(at);
    emit(at, 0, at->bytes[0], ref, price_e4, shares, side_flag(side) | changed);
    return 1;
}

HOT int cancel(const struct at *at) {
    uint64_t ref = fp_load_be64(at->bytes + FP_ITCH_ORDER_CANCEL_ORDER_REF);
    uint32_t shares = fp_load_be32(at->bytes + FP_ITCH_ORDER_CANCEL_SHARES);
    struct fp_order *order;
    struct fp_price_level *level;
    int refused = reducible(at, ref, shares, &order, &level);
    return EXPECT(!refused) ? removed(at, ref, order, level, shares) : refused;
}

HOT int delete(const struct at *at) {
    uint64_t ref = fp_load_be64(at->bytes + FP_ITCH_ORDER_DELETE_ORDER_REF);
    struct fp_order *order = fp_orders_find(&at->book->orders, ref);
    if (!EXPECT(order))
        return unknown_ref(*at, ref);
    struct fp_price_level *level = &at->book->ladders.levels[order->level];
    if (!EXPECT(level->locate == at->locate))
        return wrong_locate(*at, ref, level->locate);
    return removed(at, ref, order, level, order->quantity);
}

HOT int replace(const struct at *at) {
    struct fp_book *book = at->book;
    const uint8_t *bytes = at->bytes;
    uint64_t ref = fp_load_be64(bytes + FP_ITCH_ORDER_REPLACE_ORDER_REF), new_ref = fp_load_be64(bytes + FP_ITCH_ORDER_REPLACE_NEW_ORDER_REF);
    uint32_t shares = fp_load_be32(bytes + FP_ITCH_ORDER_REPLACE_SHARES), price_e4 = fp_load_be32(bytes + FP_ITCH_ORDER_REPLACE_PRICE_E4);
    struct fp_order *order = fp_orders_find(&book->orders, ref);
    if (!EXPECT(order))
        return unknown_ref(*at, ref);
    struct fp_price_level *level = &book->ladders.levels[order->level];
    if (!EXPECT(level->locate == at->locate))
        return wrong_locate(*at, ref, level->locate);
    if (!EXPECT(shares))
        return bad_field(*at, &book->stats.bad_shares, ref, shares);
    if (!EXPECT(price_ok(price_e4)))
        return bad_field(*at, &book->stats.bad_price, ref, shares);
    if (!EXPECT(!fp_orders_find(&book->orders, new_ref)))
        return duplicate_ref(*at, new_ref, shares);
    uint32_t old_price_e4 = level->price_e4, old_shares = order->quantity;
    uint8_t side = level->side;
    emit(at, 0, FP_EV_DELETE, ref, old_price_e4, old_shares, side_flag(side) | FP_EF_MORE);
    int was_best = old_price_e4 == best_price(at, side);
    uint32_t placed = order->level;
    if (old_price_e4 == price_e4) { /* the level stays open, only the order's place in its queue is lost */
        level->shares += (uint64_t)shares - old_shares;
        fp_orders_remove(&book->orders, ref, order);
        fp_orders_insert(&book->orders, new_ref, shares, placed);
    } else {
        take(at, ref, order, level, old_shares);
        placed = place(at, new_ref, side, price_e4, shares);
    }
    touch(at);
    unsigned changed = was_best || placed == at->symbol->side[side].best ? refresh_best(at, side) : 0;
    count_crossed(at);
    if (!EXPECT(placed))
        return table_full(*at, 1, new_ref, price_e4, shares, side_flag(side) | changed);
    emit(at, 1, FP_EV_REPLACE, new_ref, price_e4, shares, side_flag(side) | changed);
    return 2;
}

/* P: a match against an order that was never displayed; the book stays as it is. */
static __attribute__((noinline)) int trade(struct at at) {
    const uint8_t *bytes = at.bytes;
    struct fp_book_stats *stats = &at.book->stats;
    uint32_t shares = fp_load_be32(bytes + FP_ITCH_TRADE_SHARES), price_e4 = fp_load_be32(bytes + FP_ITCH_TRADE_PRICE_E4);
    char letter = (char)bytes[FP_ITCH_TRADE_SIDE];
    if (!shares || (letter != 'B' && letter != 'S') || !price_ok(price_e4))
        return refuse(at, !shares ? &stats->bad_shares : !price_ok(price_e4) ? &stats->bad_price : &stats->bad_side);
    print_trade(&at, price_e4, shares);
    emit(&at, 0, FP_EV_TRADE, fp_load_be64(bytes + FP_ITCH_TRADE_MATCH_NUMBER), price_e4, shares, side_flag(fp_side_index(letter)));
    return 1;
}

/* Q: shares and price are both 0 when the cross found nothing to match. */
static __attribute__((noinline)) int cross(struct at at) {
    uint64_t shares = fp_load_be64(at.bytes + FP_ITCH_CROSS_TRADE_SHARES);
    uint32_t price_e4 = fp_load_be32(at.bytes + FP_ITCH_CROSS_TRADE_CROSS_PRICE_E4);
    if (price_e4 > FP_PRICE_MAX_E4 || (shares && !price_e4))
        return refuse(at, &at.book->stats.bad_price);
    if (shares)
        print_trade(&at, price_e4, saturate(shares));
    emit(&at, 0, FP_EV_CROSS, fp_load_be64(at.bytes + FP_ITCH_CROSS_TRADE_MATCH_NUMBER), price_e4, saturate(shares),
         shares > UINT32_MAX ? FP_EF_OVERFLOW : 0);
    return 1;
}

static void halted(struct at *at) {
    const struct fp_instrument *instrument = &at->book->instruments[at->locate];
    if (instrument->trading_state == 'T' && !instrument->operational_halt)
        at->symbol->flags &= (uint16_t)~FP_EF_HALTED;
    else
        at->symbol->flags |= FP_EF_HALTED;
    at->flags = (uint16_t)((at->flags & ~FP_EF_HALTED) | (at->symbol->flags & FP_EF_HALTED));
}

static void directory(const struct at *at) {
    struct fp_instrument *instrument = &at->book->instruments[at->locate];
    const uint8_t *bytes = at->bytes;
    if (!at->symbol->announced) {
        at->symbol->announced = 1;
        at->book->stats.locates++;
    }
    memcpy(instrument->symbol, bytes + FP_ITCH_STOCK_DIRECTORY_STOCK, sizeof instrument->symbol);
    instrument->round_lot = fp_load_be32(bytes + FP_ITCH_STOCK_DIRECTORY_ROUND_LOT_SIZE);
    instrument->market_category = (char)bytes[FP_ITCH_STOCK_DIRECTORY_MARKET_CATEGORY];
    instrument->financial_status = (char)bytes[FP_ITCH_STOCK_DIRECTORY_FINANCIAL_STATUS];
    instrument->authenticity = (char)bytes[FP_ITCH_STOCK_DIRECTORY_AUTHENTICITY];
}

static void operational_halt(const struct at *at) {
    struct fp_instrument *instrument = &at->book->instruments[at->locate];
    uint8_t market = at->bytes[FP_ITCH_OPERATIONAL_HALT_MARKET_CODE];
    uint8_t bit = market == 'Q' ? 1 : market == 'B' ? 2 : market == 'X' ? 4 : 8;
    if (at->bytes[FP_ITCH_OPERATIONAL_HALT_ACTION] == 'T')
        instrument->operational_halt &= (uint8_t)~bit;
    else
        instrument->operational_halt |= bit;
}

/* The types that leave the book alone: they may change the instrument, and pass on as one record. */
static __attribute__((noinline)) int announcement(struct at at) {
    struct fp_instrument *instrument = &at.book->instruments[at.locate];
    const uint8_t *bytes = at.bytes;
    uint64_t ref = 0;
    uint32_t shares = 0;
    switch (bytes[0]) {
    case 'S': shares = bytes[FP_ITCH_SYSTEM_EVENT_EVENT_CODE]; break;
    case 'R': directory(&at); break;
    case 'H':
        instrument->trading_state = (char)bytes[FP_ITCH_STOCK_TRADING_ACTION_TRADING_STATE];
        shares = bytes[FP_ITCH_STOCK_TRADING_ACTION_TRADING_STATE];
        halted(&at);
        break;
    case 'Y': instrument->reg_sho = (char)bytes[FP_ITCH_REG_SHO_RESTRICTION_REG_SHO_ACTION]; break;
    case 'h':
        operational_halt(&at);
        halted(&at);
        break;
    case 'B': ref = fp_load_be64(bytes + FP_ITCH_BROKEN_TRADE_MATCH_NUMBER); break;
    default: break;
    }
    emit(&at, 0, bytes[0], ref, 0, shares, 0);
    if (bytes[0] == 'S' || bytes[0] == 'V' || bytes[0] == 'W')
        at.events[0].flags &= (uint16_t)~FP_EF_HALTED; /* about the venue, no symbol's state */
    return 1;
}

RARE int refuse_length(struct at at, size_t length) {
    uint8_t type = length ? at.bytes[0] : 0;
    if (length && !message_length[type]) {
        at.book->stats.unknown_type++;
        return FP_E_UNKNOWN_TYPE;
    }
    at.book->stats.wrong_length++;
    if (length < 3 || !strchr("AFECXDU", type))
        return length ? FP_E_BAD_LENGTH : FP_E_TRUNCATED;
    at.locate = fp_load_be16(at.bytes + FP_ITCH_ADD_ORDER_LOCATE);
    at.symbol = &at.book->symbols[at.locate];
    at.flags |= at.symbol->flags;
    at.symbol->flags &= (uint16_t)~FP_EF_BBO_CHANGED;
    return contradiction(at, FP_E_BAD_LENGTH, 0, 0);
}

int fp_book_apply(struct fp_book *book, const uint8_t *message, size_t length, uint64_t rx_ns, uint16_t line_flags, struct fp_event events[FP_BOOK_MAX_EVENTS]) {
    struct at at = {.book = book, .bytes = message, .rx_ns = rx_ns, .events = events, .flags = line_flags | book->flags};
    book->stats.messages++;
    if (!EXPECT(length && message_length[message[0]] == length))
        return refuse_length(at, length);
    at.locate = fp_load_be16(message + FP_ITCH_ADD_ORDER_LOCATE);
    at.symbol = &book->symbols[at.locate];
    at.venue_ns = book->midnight_ns + fp_load_be48(message + FP_ITCH_ADD_ORDER_TIMESTAMP_NS);
    at.flags |= at.symbol->flags;
    uint8_t type = message[0];
    if (!EXPECT(!(at.flags & FP_EF_BBO_CHANGED)))
        at.symbol->flags &= (uint16_t)~FP_EF_BBO_CHANGED;
    if (!EXPECT(at.symbol->announced)) {
        book->stats.unknown_locate += type != 'R' && type != 'S' && type != 'V' && type != 'W';
        fp_book_see_locate(book, at.locate);
    }
    if (type == 'A' || type == 'F')
        return add(&at);
    if (type == 'D')
        return delete(&at);
    switch (type) {
    case 'U': return replace(&at);
    case 'E':
    case 'C': return executed(&at);
    case 'X': return cancel(&at);
    case 'P': return trade(at);
    case 'Q': return cross(at);
    default: return announcement(at);
    }
}

/* Both hints end in an empty asm: a compiler that sees no effect in a prefetch may delete the calls. */
#define KEEP() __asm__ volatile("" ::: "memory")

void fp_book_prefetch(const struct fp_book *book, const uint8_t *message, size_t length) {
    if (length < FP_ITCH_ORDER_DELETE_LEN)
        return;
    const struct fp_symbol *symbol = &book->symbols[fp_load_be16(message + FP_ITCH_ORDER_DELETE_LOCATE)];
    uint64_t ref = fp_load_be64(message + FP_ITCH_ORDER_DELETE_ORDER_REF);
    __builtin_prefetch(symbol);
    __builtin_prefetch(symbol->side);
    __builtin_prefetch(&book->orders.slots[ref & book->orders.slot_mask]);
    __builtin_prefetch(fp_orders_page(&book->orders, ref));
    KEEP();
}

void fp_book_prefetch_level(const struct fp_book *book, const uint8_t *message, size_t length) {
    if (length < FP_ITCH_ORDER_DELETE_LEN)
        return;
    /* No branch on the type, which nobody can predict: a wrong guess would cost more than the hint saves. */
    unsigned adds = ((message[0] == 'A') | (message[0] == 'F')) & (length > FP_ITCH_ADD_ORDER_SIDE);
    unsigned sell = message[adds * FP_ITCH_ADD_ORDER_SIDE] == 'S';
    const struct fp_ladder *ladder = &book->symbols[fp_load_be16(message + FP_ITCH_ADD_ORDER_LOCATE)].side[sell];
    uint64_t ref = fp_load_be64(message + FP_ITCH_ORDER_DELETE_ORDER_REF);
    /* The slot may hold another owner's order, or an old one: still a level's number, and only a hint. */
    uint32_t level = book->orders.slots[ref & book->orders.slot_mask].level, mask = 0u - adds;
    __builtin_prefetch(&book->ladders.levels[(ladder->best & mask) | (level & ~mask)]);
    __builtin_prefetch(&book->ladders.blocks[ladder->back].rung[(ladder->count - 1) % FP_RUNGS]);
    KEEP();
}
