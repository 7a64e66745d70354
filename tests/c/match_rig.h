/* What the tests of the exchange's matching core share: a core whose messages are told, one line for each ITCH and
 * OUCH message, and what orders are sent with. It expects nothing by itself. */
#ifndef MATCH_RIG_H
#define MATCH_RIG_H
#include "check.h"
#include "fastpath/core/records.h"
#include "fastpath/core/wire/itch.h"
#include "fastpath/core/wire/ouch.h"
#include "sim/exchange/matching.h"
#include <stdarg.h>
#include <stdlib.h>

#define RIG __attribute__((unused)) static

static char told[1 << 16];
static size_t told_length;
static struct fp_match *core;

RIG void line(const char *format, ...) {
    va_list args;
    va_start(args, format);
    told_length += (size_t)vsnprintf(told + told_length, sizeof told - told_length, format, args);
    va_end(args);
}

RIG void on_feed(void *context, const uint8_t *bytes, size_t length) {
    union fp_itch_body m;
    (void)context;
    CHECK_EQ(fp_itch_decode(bytes, length, &m), 0);
    CHECK_EQ(fp_load_be48(bytes + 5), 1000);
    switch (m.type) {
    case 'S': line("S %c|", m.system_event.event_code); break;
    case 'R': line("R %u %.8s|", m.stock_directory.locate, m.stock_directory.stock); break;
    case 'H': line("H %u %c|", m.stock_trading_action.locate, m.stock_trading_action.trading_state); break;
    case 'A':
        line("A %llu %c %u %u|", (unsigned long long)m.add_order.order_ref, m.add_order.side, m.add_order.shares,
             m.add_order.price_e4);
        break;
    case 'F':
        line("F %llu %c %u %u %.4s|", (unsigned long long)m.add_order_mpid.order_ref, m.add_order_mpid.side,
             m.add_order_mpid.shares, m.add_order_mpid.price_e4, m.add_order_mpid.attribution);
        break;
    case 'E':
        line("E %llu %u m%llu|", (unsigned long long)m.order_executed.order_ref, m.order_executed.shares,
             (unsigned long long)m.order_executed.match_number);
        break;
    case 'C':
        line("C %llu %u @%u|", (unsigned long long)m.order_executed_with_price.order_ref,
             m.order_executed_with_price.shares, m.order_executed_with_price.execution_price_e4);
        break;
    case 'X': line("X %llu %u|", (unsigned long long)m.order_cancel.order_ref, m.order_cancel.shares); break;
    case 'D': line("D %llu|", (unsigned long long)m.order_delete.order_ref); break;
    case 'U':
        line("U %llu>%llu %u %u|", (unsigned long long)m.order_replace.order_ref,
             (unsigned long long)m.order_replace.new_order_ref, m.order_replace.shares, m.order_replace.price_e4);
        break;
    case 'P':
        line("P %llu %c %u %u m%llu|", (unsigned long long)m.trade.order_ref, m.trade.side, m.trade.shares,
             m.trade.price_e4, (unsigned long long)m.trade.match_number);
        break;
    default: line("%c|", m.type);
    }
}

RIG void on_order(void *context, uint16_t account, const uint8_t *bytes, size_t length) {
    union fp_ouch_out_body m;
    struct fp_ouch_appendage tags;
    (void)context;
    CHECK_EQ(fp_ouch_out_decode(bytes, length, &m, &tags), 0);
    line("%u:", account);
    switch (m.type) {
    case 'S': line("S%c", m.system_event.event_code); break;
    case 'A':
        line("A%u %c %u %llu ref%llu %c", m.order_accepted.user_ref_num, m.order_accepted.side,
             m.order_accepted.quantity, (unsigned long long)m.order_accepted.price_e4,
             (unsigned long long)m.order_accepted.order_reference_number, m.order_accepted.order_state);
        break;
    case 'U':
        line("U%u>%u %u %llu ref%llu %c", m.order_replaced.orig_user_ref_num, m.order_replaced.user_ref_num,
             m.order_replaced.quantity, (unsigned long long)m.order_replaced.price_e4,
             (unsigned long long)m.order_replaced.order_reference_number, m.order_replaced.order_state);
        break;
    case 'C':
        line("C%u %u %c", m.order_canceled.user_ref_num, m.order_canceled.quantity, m.order_canceled.reason);
        break;
    case 'D':
        line("D%u %u %c", m.aiq_canceled.user_ref_num, m.aiq_canceled.decrement_shares, m.aiq_canceled.aiq_strategy);
        break;
    case 'E':
        line("E%u %u@%llu %c m%llu", m.order_executed.user_ref_num, m.order_executed.quantity,
             (unsigned long long)m.order_executed.price_e4, m.order_executed.liquidity_flag,
             (unsigned long long)m.order_executed.match_number);
        break;
    case 'J': line("J%u %x", m.rejected.user_ref_num, m.rejected.reason); break;
    case 'M': line("M%u %c %u", m.order_modified.user_ref_num, m.order_modified.side, m.order_modified.quantity); break;
    case 'X': line("X%u", m.mass_cancel_response.user_ref_num); break;
    case 'G': line("G%u", m.disable_order_entry_response.user_ref_num); break;
    case 'K': line("K%u", m.enable_order_entry_response.user_ref_num); break;
    case 'Q': line("Q%u", m.account_query_response.next_user_ref_num); break;
    default: line("?%c", m.type);
    }
    if (tags.length) {
        line(" +");
        for (uint16_t i = 0; i < tags.length; i++) line("%02x", tags.bytes[i]);
    }
    line("|");
}

RIG void expect_at(int at, const char *want) {
    check_count++;
    if (strcmp(told, want) != 0) {
        check_failures++;
        printf("line %d: %s:\n   got  %s\n   want %s\n", at, check_current, told, want);
    }
    CHECK_EQ(fp_match_validate(core), 0);
    told[told_length = 0] = 0;
}
#define EXPECT(want) expect_at(__LINE__, want)

RIG int apply(struct fp_match_input in) {
    in.time_ns = 1000;
    return fp_match_apply(core, &in);
}

RIG int phase(char code) { return apply((struct fp_match_input){.kind = FP_MATCH_PHASE, .code = code}); }

/* Symbols ONE (1) and TWO (2); accounts 0 and 1 allow self-matches, 2 cancels the newer, 3 the older, 4 both. */
RIG void open_with(uint32_t max_orders, uint32_t max_levels, uint64_t first) {
    static const struct fp_match_symbol symbols[] = {{.symbol = "ONE     ", .locate = 1, .round_lot = 100},
                                                     {.symbol = "TWO     ", .locate = 2, .round_lot = 100}};
    static const struct fp_match_account accounts[] = {
        {"FRM0", 'N'}, {"FRM1", 'N'}, {"FRM2", 'W'}, {"FRM3", 'O'}, {"FRM4", 'D'}};
    struct fp_match_config config = {.symbols = symbols,
                                     .accounts = accounts,
                                     .max_orders = max_orders,
                                     .max_levels = max_levels,
                                     .symbol_count = 2,
                                     .max_symbols = 4,
                                     .account_count = 5,
                                     .first_ref = first,
                                     .first_match = first};
    struct fp_match_sink sink = {NULL, on_feed, on_order, NULL};
    size_t size = fp_match_size(&config);
    free(core);
    core = aligned_alloc(64, size);
    memset(core, 0, size);
    CHECK_EQ(fp_match_init(core, &config, &sink), 0);
    for (const char *code = "OSQ"; *code; code++) CHECK_EQ(phase(*code), 0);
    told[told_length = 0] = 0;
}
RIG void open_core(void) { open_with(100, 100, 1); }

RIG struct fp_match_stats stats(void) {
    struct fp_match_stats out;
    fp_match_stats(core, &out);
    return out;
}

static const uint8_t *tag_bytes;
static uint16_t tag_length;

RIG void send_from(uint16_t account, const union fp_ouch_in_body *m) {
    uint8_t bytes[256];
    struct fp_ouch_appendage tags = {.bytes = tag_bytes, .length = tag_length, .present = tag_length > 0};
    int length = fp_ouch_in_encode(m, &tags, bytes, sizeof bytes);
    CHECK(length > 0);
    CHECK_EQ(apply((struct fp_match_input){
                 .kind = FP_MATCH_OUCH, .account = account, .bytes = bytes, .length = (uint32_t)length}),
             0);
    tag_bytes = NULL;
    tag_length = 0;
}

RIG void with_tags(const char *bytes, uint16_t length) {
    tag_bytes = (const uint8_t *)bytes;
    tag_length = length;
}

RIG struct fp_ouch_in_enter_order order(uint32_t urn, char side, uint32_t quantity, uint64_t price_e4, char tif) {
    return (struct fp_ouch_in_enter_order){.type = 'O',
                                           .user_ref_num = urn,
                                           .side = side,
                                           .quantity = quantity,
                                           .symbol = "ONE    ",
                                           .price_e4 = price_e4,
                                           .time_in_force = tif,
                                           .display = 'Y',
                                           .capacity = 'P',
                                           .inter_market_sweep_eligibility = 'N',
                                           .cross_type = 'N',
                                           .cl_ord_id = "client-order-"};
}

RIG void enter_order(uint16_t account, struct fp_ouch_in_enter_order o) {
    union fp_ouch_in_body m = {.enter_order = o};
    if (!m.enter_order.symbol[7]) m.enter_order.symbol[7] = ' ';
    send_from(account, &m);
}

RIG void enter(uint16_t account, uint32_t urn, char side, uint32_t quantity, uint64_t price_e4, char tif) {
    enter_order(account, order(urn, side, quantity, price_e4, tif));
}

RIG void replace(uint16_t account, uint32_t orig, uint32_t urn, uint32_t quantity, uint64_t price_e4) {
    union fp_ouch_in_body m = {.replace_order = {.type = 'U',
                                                 .orig_user_ref_num = orig,
                                                 .user_ref_num = urn,
                                                 .quantity = quantity,
                                                 .price_e4 = price_e4,
                                                 .time_in_force = '0',
                                                 .display = 'Y',
                                                 .inter_market_sweep_eligibility = 'N',
                                                 .cl_ord_id = "replaced-----"}};
    send_from(account, &m);
}

RIG void cancel(uint16_t account, uint32_t urn, uint32_t quantity) {
    union fp_ouch_in_body m = {.cancel_order = {.type = 'X', .user_ref_num = urn, .quantity = quantity}};
    send_from(account, &m);
}

RIG void modify(uint16_t account, uint32_t urn, char side, uint32_t quantity) {
    union fp_ouch_in_body m = {.modify_order = {.type = 'M', .user_ref_num = urn, .side = side, .quantity = quantity}};
    send_from(account, &m);
}

RIG void mass_cancel(uint16_t account, uint32_t urn, const char *firm, const char *symbol) {
    union fp_ouch_in_body m = {.mass_cancel = {.type = 'C', .user_ref_num = urn}};
    memcpy(m.mass_cancel.firm, firm, 4);
    memcpy(m.mass_cancel.symbol, symbol, 8);
    send_from(account, &m);
}

RIG void entry(uint16_t account, char type, uint32_t urn, const char *firm) {
    union fp_ouch_in_body m = {.disable_order_entry = {.type = 'D', .user_ref_num = urn}};
    memcpy(m.disable_order_entry.firm, firm, 4);
    if (type == 'E') {
        m.enable_order_entry = (struct fp_ouch_in_enable_order_entry){.type = 'E', .user_ref_num = urn};
        memcpy(m.enable_order_entry.firm, firm, 4);
    }
    send_from(account, &m);
}

RIG void query(uint16_t account) {
    union fp_ouch_in_body m = {.account_query = {.type = 'Q'}};
    send_from(account, &m);
}

#endif
