/* The messages the matching core tells the world: filled in, encoded, handed to the
 * sink. It decides nothing and changes nothing but counters. */
#include "core.h"
#include <string.h>

void fp_emit_raw(struct fp_match *match, const uint8_t *message, size_t length) {
    match->stats.feed_messages++;
    if (match->sink.feed) match->sink.feed(match->sink.context, message, length);
}

/* Every ITCH body begins with its own fields; header fields are set by name per type,
 * so this only encodes. A failure here is a defect of the simulator, counted to be seen. */
void fp_emit_itch(struct fp_match *match, union fp_itch_body *message, uint16_t locate) {
    uint8_t bytes[64];
    int length = fp_itch_encode(message, bytes, sizeof bytes);
    if (length <= 0) {
        match->stats.bad_input++;
        return;
    }
    fp_store_be16(bytes + FP_ITCH_SYSTEM_EVENT_LOCATE, locate);
    fp_store_be48(bytes + FP_ITCH_SYSTEM_EVENT_TIMESTAMP_NS, match->now_ns);
    fp_emit_raw(match, bytes, (size_t)length);
}

void fp_emit_event(struct fp_match *match, char code) {
    union fp_itch_body m = {.system_event = {.type = 'S', .event_code = code}};
    fp_emit_itch(match, &m, 0);
}

void fp_emit_directory(struct fp_match *match, const struct fp_match_book *book) {
    union fp_itch_body m = {.stock_directory = {.type = 'R',
                                                .market_category = book->market_category,
                                                .financial_status = 'N',
                                                .round_lot_size = book->round_lot,
                                                .round_lots_only = 'N',
                                                .issue_classification = {'C'},
                                                .issue_sub_type = {'Z', ' '},
                                                .authenticity = 'T',
                                                .short_sale_threshold = 'N',
                                                .ipo_flag = 'N',
                                                .luld_ref_price_tier = book->tier,
                                                .etp_flag = 'N',
                                                .inverse_indicator = 'N'}};
    memcpy(m.stock_directory.stock, book->symbol, 8);
    fp_emit_itch(match, &m, book->locate);
}

void fp_emit_trading(struct fp_match *match, const struct fp_match_book *book, const char reason[4]) {
    union fp_itch_body m = {.stock_trading_action = {.type = 'H', .trading_state = book->state, .reserved = ' '}};
    memcpy(m.stock_trading_action.stock, book->symbol, 8);
    for (int i = 0; i < 4; i++) m.stock_trading_action.reason[i] = reason[i] ? reason[i] : ' ';
    fp_emit_itch(match, &m, book->locate);
}

static char feed_side(const struct fp_resting *order) { return order->side == 'B' ? 'B' : 'S'; }

void fp_emit_add(struct fp_match *match, const struct fp_resting *order, uint32_t price_e4) {
    const struct fp_match_book *book = &match->books[order->symbol];
    union fp_itch_body m;
    memset(&m, 0, sizeof m);
    if (order->attribution[0]) {
        m.add_order_mpid = (struct fp_itch_add_order_mpid){.type = 'F',
                                                           .order_ref = order->ref,
                                                           .side = feed_side(order),
                                                           .shares = order->open,
                                                           .price_e4 = price_e4};
        memcpy(m.add_order_mpid.stock, book->symbol, 8);
        memcpy(m.add_order_mpid.attribution, order->attribution, 4);
    } else {
        m.add_order = (struct fp_itch_add_order){.type = 'A',
                                                 .order_ref = order->ref,
                                                 .side = feed_side(order),
                                                 .shares = order->open,
                                                 .price_e4 = price_e4};
        memcpy(m.add_order.stock, book->symbol, 8);
    }
    fp_emit_itch(match, &m, book->locate);
}

void fp_emit_executed(struct fp_match *match, const struct fp_resting *order, uint32_t price_e4, uint32_t shares,
                      uint64_t match_number) {
    const struct fp_match_book *book = &match->books[order->symbol];
    union fp_itch_body m;
    memset(&m, 0, sizeof m);
    if (order->flags & FP_RESTING_HIDDEN) { /* side and reference have told nothing since 2014 */
        m.trade = (struct fp_itch_trade){
            .type = 'P', .side = 'B', .shares = shares, .price_e4 = price_e4, .match_number = match_number};
        memcpy(m.trade.stock, book->symbol, 8);
    } else {
        m.order_executed = (struct fp_itch_order_executed){
            .type = 'E', .order_ref = order->ref, .shares = shares, .match_number = match_number};
    }
    fp_emit_itch(match, &m, book->locate);
}

void fp_emit_reduced(struct fp_match *match, const struct fp_resting *order, uint32_t shares) {
    union fp_itch_body m = {.order_cancel = {.type = 'X', .order_ref = order->ref, .shares = shares}};
    fp_emit_itch(match, &m, match->books[order->symbol].locate);
}

void fp_emit_deleted(struct fp_match *match, const struct fp_resting *order) {
    union fp_itch_body m = {.order_delete = {.type = 'D', .order_ref = order->ref}};
    fp_emit_itch(match, &m, match->books[order->symbol].locate);
}

void fp_emit_replaced(struct fp_match *match, uint64_t old_ref, const struct fp_resting *order, uint32_t price_e4) {
    union fp_itch_body m = {.order_replace = {.type = 'U',
                                              .order_ref = old_ref,
                                              .new_order_ref = order->ref,
                                              .shares = order->open,
                                              .price_e4 = price_e4}};
    fp_emit_itch(match, &m, match->books[order->symbol].locate);
}

void fp_emit_ouch(struct fp_match *match, uint16_t account, uint8_t user_ref_index, union fp_ouch_out_body *message,
                  const uint8_t *tags, size_t tags_length) {
    uint8_t elements[256], bytes[FP_OUCH_MAX_LEN];
    struct fp_ouch_appendage appendage = {.bytes = elements};
    if (account >= match->account_count) return;
    if (tags_length > sizeof elements - 8) tags_length = 0;
    if (tags_length) memcpy(elements, tags, tags_length);
    if (user_ref_index) {
        int added = fp_ouch_put_tag(FP_OUCH_TAG_USER_REF_IDX, &user_ref_index, 1, elements + tags_length,
                                    sizeof elements - tags_length);
        if (added > 0) tags_length += (size_t)added;
    }
    appendage.length = (uint16_t)tags_length;
    appendage.present = tags_length > 0;
    int length = fp_ouch_out_encode(message, tags_length ? &appendage : NULL, bytes, sizeof bytes);
    if (length <= 0) {
        match->stats.bad_input++;
        return;
    }
    match->stats.order_messages++;
    if (match->sink.order) match->sink.order(match->sink.context, account, bytes, (size_t)length);
}

void fp_emit_canceled(struct fp_match *match, const struct fp_resting *order, uint32_t shares, char reason) {
    union fp_ouch_out_body m = {.order_canceled = {.type = 'C',
                                                   .timestamp_ns = match->now_ns,
                                                   .user_ref_num = order->user_ref_num,
                                                   .quantity = shares,
                                                   .reason = reason}};
    fp_emit_ouch(match, order->account, order->user_ref_index, &m, NULL, 0);
}

void fp_emit_fill(struct fp_match *match, const struct fp_resting *order, uint32_t price_e4, uint32_t shares,
                  char liquidity, uint64_t match_number) {
    union fp_ouch_out_body m = {.order_executed = {.type = 'E',
                                                   .timestamp_ns = match->now_ns,
                                                   .user_ref_num = order->user_ref_num,
                                                   .quantity = shares,
                                                   .price_e4 = price_e4,
                                                   .liquidity_flag = liquidity,
                                                   .match_number = match_number}};
    fp_emit_ouch(match, order->account, order->user_ref_index, &m, NULL, 0);
}

void fp_emit_prevented(struct fp_match *match, const struct fp_resting *order, uint32_t shares, uint32_t price_e4,
                       char liquidity, char strategy) {
    union fp_ouch_out_body m = {.aiq_canceled = {.type = 'D',
                                                 .timestamp_ns = match->now_ns,
                                                 .user_ref_num = order->user_ref_num,
                                                 .decrement_shares = shares,
                                                 .reason = 'Q',
                                                 .quantity_prevented_from_trading = shares,
                                                 .execution_price_e4 = price_e4,
                                                 .liquidity_flag = liquidity,
                                                 .aiq_strategy = strategy}};
    fp_emit_ouch(match, order->account, order->user_ref_index, &m, NULL, 0);
}
