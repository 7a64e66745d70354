/* A recorded ITCH day as the market: its orders rest in our books, its messages go out
 * again with our time, and user orders meet them by price and time.
 *
 * What happens where a user changed the recorded course:
 *  - A recorded Add that crosses user orders trades with them first; only the rest is added.
 *  - A recorded execution first fills user orders standing ahead of the executed one: better
 *    prices, then earlier ones of the same price. What it takes from them it leaves on the recorded order.
 *  - Shares that users took are missing when the record executes, cancels or replaces them:
 *    the message is cut down to what is there (or not published) and counted as clipped.
 *  - When the record says an order is over, what is left of it by the rules above is deleted.
 *  - Prints without an order (P, Q) and all administrative messages pass through; system
 *    events do not, since the simulator announces its own day. A symbol without a Stock
 *    Directory gets one, invented from its first Add. */
#include "core.h"
#include <string.h>

/* Publish as recorded, but with the time of now. */
static void pass(struct fp_match *match, const uint8_t *bytes, size_t length) {
    uint8_t copy[64];
    memcpy(copy, bytes, length);
    fp_store_be48(copy + FP_ITCH_SYSTEM_EVENT_TIMESTAMP_NS, match->now_ns);
    fp_emit_raw(match, copy, length);
}

/* Index of the book of a recorded message of a type, made and announced when it is new; -1 = refused, counted. */
static int book_of(struct fp_match *match, uint16_t locate, const char stock[8], int announced_by) {
    int symbol = (int)match->symbol_of_locate[locate] - 1;
    if (symbol >= 0) {
        if (memcmp(match->books[symbol].symbol, stock, 8) == 0) return symbol;
        match->stats.replay_symbol_clash++;
        return -1;
    }
    struct fp_match_symbol made = {.locate = locate, .round_lot = 100};
    memcpy(made.symbol, stock, 8);
    symbol = fp_match_add_symbol(match, &made);
    if (symbol < 0) {
        match->stats.replay_symbol_clash++;
        return -1;
    }
    if (announced_by != 'R') {
        match->stats.replay_symbols_invented++;
        fp_emit_directory(match, &match->books[symbol]);
        if (announced_by != 'H') fp_emit_trading(match, &match->books[symbol], "    ");
    }
    return symbol;
}

static void clipped(struct fp_match *match, uint32_t shares) {
    match->stats.replay_clipped++;
    match->stats.replay_clipped_shares += shares;
}

/* The slot of a recorded order, 0 when there is none (counted). */
static uint32_t recorded_slot(struct fp_match *match, uint64_t ref, uint16_t locate) {
    uint32_t slot = fp_ladders_find(&match->ladders, ref);
    const struct fp_resting *order = &match->ladders.orders[slot];
    if (slot && order->flags & FP_RESTING_REPLAYED && match->books[order->symbol].locate == locate) return slot;
    match->stats.replay_unknown_ref++;
    return 0;
}

/* Open shares went to 0: the slot stays while the record still has shares of it. */
static void spend_or_remove(struct fp_match *match, uint32_t slot) {
    if (match->ladders.orders[slot].recorded) fp_ladders_spend(&match->ladders, slot);
    else fp_ladders_remove(&match->ladders, slot);
}

/* The record has ended an order: whatever is left of it goes. */
static void finish_if_over(struct fp_match *match, uint64_t ref) {
    uint32_t slot = fp_ladders_find(&match->ladders, ref);
    if (!slot || match->ladders.orders[slot].recorded) return;
    if (!(match->ladders.orders[slot].flags & FP_RESTING_SPENT)) fp_emit_deleted(match, &match->ladders.orders[slot]);
    fp_ladders_remove(&match->ladders, slot);
}

static int meets_users(const struct fp_match *match, const struct fp_arrival *in) {
    int side = fp_ladder_side(in->order.side);
    for (uint32_t at = match->ladders.ladders[in->order.symbol].best[!side]; at; at = match->ladders.levels[at].worse) {
        const struct fp_price_level *level = &match->ladders.levels[at];
        if (side == FP_LADDER_BUY ? level->price_e4 > in->price_e4 : level->price_e4 < in->price_e4) return 0;
        for (int queue = 0; queue < 2; queue++)
            for (uint32_t slot = level->head[queue]; slot; slot = match->ladders.orders[slot].next)
                if (match->ladders.orders[slot].account != FP_MATCH_NO_ACCOUNT) return 1;
    }
    return 0;
}

/* A recorded order arrives, after its old self (replaces, 0 = none) has left the ladder. */
static int arrive(struct fp_match *match, struct fp_arrival *in, uint64_t replaces) {
    struct fp_resting old = {.ref = replaces, .symbol = in->order.symbol};
    uint32_t wanted = in->order.open;
    in->limit_e4 = in->price_e4;
    in->users_only = 1;
    int as_one_message = replaces && wanted && !meets_users(match, in);
    if (replaces && !as_one_message) fp_emit_deleted(match, &old);
    uint32_t traded = fp_match_trade(match, in);
    if (traded) clipped(match, traded);
    int spent = in->order.open == 0;
    if (spent) in->order.open = 1; /* only until it is spent, two lines on: nobody sees it */
    uint32_t slot = fp_match_rest(match, in, !spent && !as_one_message);
    if (slot && spent) spend_or_remove(match, slot);
    if (as_one_message) {
        if (slot) fp_emit_replaced(match, replaces, &in->order, in->price_e4);
        else fp_emit_deleted(match, &old);
    }
    return slot ? 0 : FP_E_NO_ROOM;
}

static int add(struct fp_match *match, const union fp_itch_body *m) {
    const struct fp_itch_add_order *a = &m->add_order;
    struct fp_itch_add_order from_f;
    char attribution[4] = {0};
    if (m->type == 'F') {
        const struct fp_itch_add_order_mpid *f = &m->add_order_mpid;
        from_f = (struct fp_itch_add_order){.order_ref = f->order_ref,
                                            .shares = f->shares,
                                            .price_e4 = f->price_e4,
                                            .locate = f->locate,
                                            .side = f->side};
        memcpy(from_f.stock, f->stock, 8);
        memcpy(attribution, f->attribution, 4);
        a = &from_f;
    }
    if ((a->side != 'B' && a->side != 'S') || !a->shares || !a->price_e4 || !a->order_ref || !a->locate) {
        match->stats.replay_bad_field++;
        return FP_E_BAD_FIELD;
    }
    /* numbers from first_ref up are given out here, below are the record's */
    if (fp_ladders_find(&match->ladders, a->order_ref) || a->order_ref >= match->first_ref) {
        match->stats.replay_duplicate_ref++;
        return FP_E_DUPLICATE;
    }
    int symbol = book_of(match, a->locate, a->stock, 'A');
    if (symbol < 0) return FP_E_BAD_FIELD;
    struct fp_arrival in = {.order = {.ref = a->order_ref,
                                      .open = a->shares,
                                      .recorded = a->shares,
                                      .account = FP_MATCH_NO_ACCOUNT,
                                      .symbol = (uint16_t)symbol,
                                      .side = a->side,
                                      .display = 'Y',
                                      .flags = FP_RESTING_REPLAYED},
                            .price_e4 = a->price_e4};
    memcpy(in.order.attribution, attribution, 4);
    if (!fp_ladders_has_room(&match->ladders)) {
        match->stats.table_full++;
        return FP_E_NO_ROOM;
    }
    return arrive(match, &in, 0);
}

/* User orders standing ahead of a recorded one take part of what executes it. Returns the shares they took. */
static uint32_t fill_users_ahead(struct fp_match *match, uint32_t slot, uint32_t shares) {
    struct fp_ladders *ladders = &match->ladders;
    const struct fp_resting *order = &ladders->orders[slot];
    uint32_t own_level = order->level, taken = 0, worse, next;
    for (uint32_t at = ladders->ladders[order->symbol].best[fp_ladder_side(order->side)]; at; at = worse) {
        uint32_t heads[2] = {ladders->levels[at].head[FP_QUEUE_DISPLAYED], ladders->levels[at].head[FP_QUEUE_HIDDEN]};
        int own = at == own_level;
        worse = ladders->levels[at].worse;
        for (int queue = 0; queue < (own ? 1 : 2); queue++)
            for (uint32_t ahead = heads[queue]; ahead && ahead != slot && taken < shares; ahead = next) {
                next = ladders->orders[ahead].next;
                if (ladders->orders[ahead].account == FP_MATCH_NO_ACCOUNT) continue;
                uint32_t open = ladders->orders[ahead].open, fill = shares - taken < open ? shares - taken : open;
                taken += fill;
                match->stats.replay_user_fills++;
                fp_match_execute(match, ahead, fill, 0);
            }
        if (own) break;
    }
    return taken;
}

/* E and C: shares at the same place, everything else is published as recorded. */
static int execute(struct fp_match *match, uint64_t ref, uint16_t locate, uint32_t shares, const uint8_t *bytes,
                   size_t length) {
    uint32_t slot = recorded_slot(match, ref, locate);
    if (!slot) return FP_E_NOT_FOUND;
    struct fp_resting *order = &match->ladders.orders[slot];
    if (!shares || shares > order->recorded) {
        match->stats.replay_bad_field++;
        return FP_E_BAD_FIELD;
    }
    order->recorded -= shares;
    uint32_t by_users = order->flags & FP_RESTING_SPENT ? 0 : fill_users_ahead(match, slot, shares);
    uint32_t left = shares - by_users, here = left < order->open ? left : order->open;
    if (here < left) clipped(match, left - here);
    if (here) {
        uint8_t copy[FP_ITCH_ORDER_EXECUTED_WITH_PRICE_LEN];
        memcpy(copy, bytes, length);
        fp_store_be32(copy + FP_ITCH_ORDER_EXECUTED_SHARES, here);
        pass(match, copy, length);
        fp_ladders_reduce(&match->ladders, slot, here);
        if (!order->open) spend_or_remove(match, slot);
    }
    finish_if_over(match, ref);
    return 0;
}

static int cancel(struct fp_match *match, uint64_t ref, uint16_t locate, uint32_t shares) {
    uint32_t slot = recorded_slot(match, ref, locate);
    if (!slot) return FP_E_NOT_FOUND;
    struct fp_resting *order = &match->ladders.orders[slot];
    if (!shares || shares > order->recorded) {
        match->stats.replay_bad_field++;
        return FP_E_BAD_FIELD;
    }
    order->recorded -= shares;
    uint32_t here = shares < order->open ? shares : order->open;
    if (here < shares) clipped(match, shares - here);
    if (here && here < order->open) {
        fp_match_take_off(match, slot, here);
    } else if (here) {
        fp_emit_deleted(match, order);
        spend_or_remove(match, slot);
    }
    finish_if_over(match, ref);
    return 0;
}

static int end(struct fp_match *match, uint64_t ref, uint16_t locate) {
    uint32_t slot = recorded_slot(match, ref, locate);
    if (!slot) return FP_E_NOT_FOUND;
    struct fp_resting *order = &match->ladders.orders[slot];
    if (order->open < order->recorded) clipped(match, order->recorded - order->open);
    order->recorded = 0;
    finish_if_over(match, ref);
    return 0;
}

static int replace(struct fp_match *match, const struct fp_itch_order_replace *m) {
    uint32_t slot = recorded_slot(match, m->order_ref, m->locate);
    if (!slot) return FP_E_NOT_FOUND;
    if (!m->shares || !m->price_e4 || !m->new_order_ref) {
        match->stats.replay_bad_field++;
        return FP_E_BAD_FIELD;
    }
    if (fp_ladders_find(&match->ladders, m->new_order_ref) || m->new_order_ref >= match->first_ref) {
        match->stats.replay_duplicate_ref++;
        return FP_E_DUPLICATE;
    }
    struct fp_arrival in = {.order = match->ladders.orders[slot], .price_e4 = m->price_e4};
    uint32_t taken = in.order.recorded > in.order.open ? in.order.recorded - in.order.open : 0;
    int live = !(in.order.flags & FP_RESTING_SPENT);
    if (taken) clipped(match, taken < m->shares ? taken : m->shares);
    in.order.ref = m->new_order_ref;
    in.order.recorded = m->shares;
    in.order.open = m->shares > taken ? m->shares - taken : 0;
    in.order.flags = FP_RESTING_REPLAYED;
    fp_ladders_remove(&match->ladders, slot);
    return arrive(match, &in, live ? m->order_ref : 0);
}

static int directory(struct fp_match *match, const struct fp_itch_stock_directory *m, const uint8_t *bytes,
                     size_t length) {
    int symbol = m->locate && m->stock[0] > ' ' ? book_of(match, m->locate, m->stock, 'R') : -1;
    if (symbol < 0) return FP_E_BAD_FIELD;
    match->books[symbol].round_lot = m->round_lot_size;
    match->books[symbol].market_category = m->market_category;
    match->books[symbol].tier = m->luld_ref_price_tier;
    pass(match, bytes, length);
    return 0;
}

/* Where the other messages name their stock; 0 = they name none. */
static uint8_t stock_offset(char type) {
    switch (type) {
    case 'H':
    case 'Y':
    case 'K':
    case 'J':
    case 'h':
    case 'N':
    case 'O': return 11;
    case 'L': return 15;
    case 'Q': return 19;
    case 'P': return 24;
    case 'I': return 28;
    default: return 0;
    }
}

static int other(struct fp_match *match, const union fp_itch_body *m, const uint8_t *bytes, size_t length) {
    uint8_t offset = stock_offset(m->type);
    if (offset) {
        char stock[8];
        memcpy(stock, bytes + offset, 8);
        uint16_t locate = fp_load_be16(bytes + FP_ITCH_SYSTEM_EVENT_LOCATE);
        int symbol = locate && stock[0] > ' ' ? book_of(match, locate, stock, m->type) : -1;
        if (symbol < 0) return FP_E_BAD_FIELD;
        if (m->type == 'H') {
            if (!m->stock_trading_action.trading_state || !strchr("HPQT", m->stock_trading_action.trading_state)) {
                match->stats.replay_bad_field++;
                return FP_E_BAD_FIELD;
            }
            match->books[symbol].state = m->stock_trading_action.trading_state;
        }
    }
    pass(match, bytes, length);
    return 0;
}

int fp_match_replay(struct fp_match *match, const struct fp_match_input *input) {
    union fp_itch_body m;
    match->stats.replay_messages++;
    int error = fp_itch_decode(input->bytes, input->length, &m);
    if (error < 0) {
        if (error == FP_E_UNKNOWN_TYPE) match->stats.replay_unknown_type++;
        else match->stats.replay_bad_length++;
        return error;
    }
    switch (m.type) {
    case 'S': match->stats.replay_system_events++; return 0;
    case 'R': return directory(match, &m.stock_directory, input->bytes, input->length);
    case 'A':
    case 'F': return add(match, &m);
    case 'E':
        return execute(match, m.order_executed.order_ref, m.order_executed.locate, m.order_executed.shares,
                       input->bytes, input->length);
    case 'C':
        return execute(match, m.order_executed_with_price.order_ref, m.order_executed_with_price.locate,
                       m.order_executed_with_price.shares, input->bytes, input->length);
    case 'X': return cancel(match, m.order_cancel.order_ref, m.order_cancel.locate, m.order_cancel.shares);
    case 'D': return end(match, m.order_delete.order_ref, m.order_delete.locate);
    case 'U': return replace(match, &m.order_replace);
    default: return other(match, &m, input->bytes, input->length);
    }
}
