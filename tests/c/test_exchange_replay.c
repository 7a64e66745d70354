// sources: sim/exchange/matching.c sim/exchange/entry.c sim/exchange/rerun.c sim/exchange/emit.c sim/exchange/ladder.c fastpath/core/wire/itch.c fastpath/core/wire/ouch.c fastpath/core/wire/layout.c
// A recorded ITCH day replayed into the exchange's matching core: undisturbed, and with users who trade against it.
#include "match_rig.h"

static int play(union fp_itch_body m) {
    uint8_t bytes[64];
    int length = fp_itch_encode(&m, bytes, sizeof bytes);
    CHECK(length > 0);
    return apply((struct fp_match_input){.kind = FP_MATCH_ITCH, .bytes = bytes, .length = (uint32_t)length});
}

static union fp_itch_body recorded_add(uint64_t ref, char side, uint32_t shares, uint32_t price_e4) {
    return (union fp_itch_body){.add_order = {.type = 'A',
                                              .locate = 1,
                                              .order_ref = ref,
                                              .side = side,
                                              .shares = shares,
                                              .stock = {'O', 'N', 'E', ' ', ' ', ' ', ' ', ' '},
                                              .price_e4 = price_e4}};
}
static union fp_itch_body recorded_execution(uint64_t ref, uint32_t shares) {
    return (union fp_itch_body){
        .order_executed = {.type = 'E', .locate = 1, .order_ref = ref, .shares = shares, .match_number = 7}};
}
static union fp_itch_body recorded_cancel(uint64_t ref, uint32_t shares) {
    return (union fp_itch_body){.order_cancel = {.type = 'X', .locate = 1, .order_ref = ref, .shares = shares}};
}
static union fp_itch_body recorded_delete(uint64_t ref) {
    return (union fp_itch_body){.order_delete = {.type = 'D', .locate = 1, .order_ref = ref}};
}
static union fp_itch_body recorded_replace(uint64_t ref, uint64_t new_ref, uint32_t shares, uint32_t price_e4) {
    return (union fp_itch_body){.order_replace = {.type = 'U',
                                                  .locate = 1,
                                                  .order_ref = ref,
                                                  .new_order_ref = new_ref,
                                                  .shares = shares,
                                                  .price_e4 = price_e4}};
}

static void test_replay_undisturbed(void) {
    open_with(100, 100, 1000);
    play(recorded_add(11, 'B', 300, 100000));
    play(recorded_execution(11, 100));
    play((union fp_itch_body){.order_executed_with_price = {.type = 'C',
                                                            .locate = 1,
                                                            .order_ref = 11,
                                                            .shares = 50,
                                                            .match_number = 8,
                                                            .printable = 'N',
                                                            .execution_price_e4 = 99900}});
    play(recorded_cancel(11, 50));
    play(recorded_replace(11, 12, 500, 100100));
    play(recorded_delete(12));
    EXPECT("A 11 B 300 100000|E 11 100 m7|C 11 50 @99900|X 11 50|U 11>12 500 100100|D 12|");
    play((union fp_itch_body){.system_event = {.type = 'S', .event_code = 'O'}}); /* the simulator has its own day */
    EXPECT("");
    CHECK_EQ(play(recorded_delete(12)), FP_E_NOT_FOUND);
    CHECK_EQ(play(recorded_execution(99, 1)), FP_E_NOT_FOUND);
    CHECK_EQ(play(recorded_add(1000, 'B', 1, 100)), FP_E_DUPLICATE); /* numbers from 1000 are ours */
    CHECK_EQ(play(recorded_add(13, 'B', 0, 100)), FP_E_BAD_FIELD);
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_ITCH, .bytes = (const uint8_t *)"A123", .length = 4}),
             FP_E_BAD_LENGTH);
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_ITCH, .bytes = (const uint8_t *)"z123", .length = 4}),
             FP_E_UNKNOWN_TYPE);
    EXPECT("");
    CHECK_EQ(stats().replay_clipped, 0);
    CHECK_EQ(stats().replay_unknown_ref, 2);
}

static void test_replay_symbols(void) {
    open_with(100, 100, 1000);
    union fp_itch_body a = recorded_add(11, 'B', 300, 100000);
    a.add_order.locate = 50;
    CHECK_EQ(play(a), FP_E_BAD_FIELD); /* ONE is locate 1 here */
    memcpy(a.add_order.stock, "NEW     ", 8);
    CHECK_EQ(play(a), 0);
    EXPECT("R 50 NEW     |H 50 T|A 11 B 300 100000|");
    struct fp_ouch_in_enter_order o = order(1, 'S', 100, 100000, '3');
    memcpy(o.symbol, "NEW     ", 8);
    enter_order(0, o);
    EXPECT("0:A1 S 100 100000 ref1000 L|E 11 100 m1000|0:E1 100@100000 R m1000|");
    union fp_itch_body h = {
        .stock_trading_action = {
            .type = 'H', .locate = 60, .stock = {'H', 'L', 'T', ' ', ' ', ' ', ' ', ' '}, .trading_state = 'H'}};
    CHECK_EQ(play(h), 0);
    EXPECT("R 60 HLT     |H 60 H|");
    CHECK_EQ(fp_match_state(core, 60), 'H');
    union fp_itch_body p = {
        .rpii = {.type = 'N', .locate = 1, .stock = {'O', 'N', 'E', ' ', ' ', ' ', ' ', ' '}, .interest_flag = 'B'}};
    CHECK_EQ(play(p), 0);
    EXPECT("N|");
    a.add_order.locate = 61;
    memcpy(a.add_order.stock, "FIVE    ", 8);
    a.add_order.order_ref = 15;
    CHECK_EQ(play(a), FP_E_BAD_FIELD); /* room was made for four symbols */
    CHECK_EQ(stats().replay_symbol_clash, 2);
    EXPECT("");
}

static void test_replay_users_take(void) {
    open_with(100, 100, 1000);
    play(recorded_add(11, 'S', 300, 100000));
    enter(0, 1, 'B', 100, 100000, '3');
    EXPECT("A 11 S 300 100000|0:A1 B 100 100000 ref1000 L|E 11 100 m1000|0:E1 100@100000 R m1000|");
    play(recorded_execution(11, 250)); /* only 200 are there */
    EXPECT("E 11 200 m7|");
    CHECK_EQ(stats().replay_clipped_shares, 50);
    play(recorded_delete(11)); /* 50 more that users took: nothing to publish */
    EXPECT("");
    CHECK_EQ(stats().replay_clipped_shares, 100);
    CHECK_EQ(stats().replay_unknown_ref, 0);
    CHECK_EQ(play(recorded_delete(11)), FP_E_NOT_FOUND);

    play(recorded_add(12, 'S', 100, 100000));
    enter(0, 2, 'B', 100, 100000, '3');
    told[told_length = 0] = 0;
    play(recorded_replace(12, 13, 150,
                          100100)); /* the 100 taken stay taken: 50 are new, and 12 has long left the feed */
    EXPECT("A 13 S 50 100100|");
    play(recorded_cancel(13, 100));
    play(recorded_cancel(13, 50));
    EXPECT("D 13|");
    CHECK_EQ(stats().live_orders, 0);
    play(recorded_add(14, 'S', 100, 100000));
    enter(0, 3, 'B', 60, 100000, '3');
    told[told_length = 0] = 0;
    play(recorded_replace(14, 15, 50, 100200)); /* 60 taken of 50: gone */
    EXPECT("D 14|");
    play(recorded_delete(15));
    EXPECT("");
    CHECK_EQ(stats().live_orders, 0);
    CHECK_EQ(stats().replay_unknown_ref, 1); /* only the second delete of 11 */
}

static void test_replay_meets_resting_users(void) {
    open_with(100, 100, 1000);
    enter(0, 1, 'B', 100, 100000, '0');
    play(recorded_add(11, 'S', 300, 100000)); /* crosses the user: trades, the rest is added */
    EXPECT(
        "0:A1 B 100 100000 ref1000 L|A 1000 B 100 100000|E 1000 100 m1000|0:E1 100@100000 A m1000|A 11 S 200 100000|");
    play(recorded_execution(11, 300));
    EXPECT("E 11 200 m7|");
    CHECK_EQ(stats().live_orders, 0);

    play(recorded_add(21, 'B', 100, 99000));
    enter(0, 2, 'B', 100, 99000, '0'); /* behind 21 */
    play(recorded_add(22, 'B', 100, 99000));
    enter(0, 3, 'B', 30, 99100, '0'); /* ahead of all */
    told[told_length = 0] = 0;
    play(recorded_execution(21, 60)); /* 30 go to the better price, 30 to 21 */
    EXPECT("E 1002 30 m1001|0:E3 30@99100 A m1001|E 21 30 m7|");
    play(recorded_execution(22, 80)); /* the user stands before 22 */
    EXPECT("E 1001 80 m1002|0:E2 80@99000 A m1002|");
    play(recorded_execution(21, 40)); /* in the record 21 is over: what was left on it goes */
    EXPECT("E 21 40 m7|D 21|");
    play(recorded_execution(22, 20));
    EXPECT("E 1001 20 m1003|0:E2 20@99000 A m1003|D 22|");
    CHECK_EQ(stats().live_orders, 0);
    CHECK_EQ(stats().replay_user_fills, 4);

    play(recorded_add(31, 'B', 100, 98000)); /* a replace that crosses a user */
    enter(0, 4, 'S', 40, 98500, '0');
    told[told_length = 0] = 0;
    play(recorded_replace(31, 32, 100, 98500));
    EXPECT("D 31|E 1003 40 m1004|0:E4 40@98500 A m1004|A 32 B 60 98500|");
    play(recorded_delete(32));
    EXPECT("D 32|");
    CHECK_EQ(stats().live_orders, 0);
}

int main(void) {
    RUN(test_replay_undisturbed);
    RUN(test_replay_symbols);
    RUN(test_replay_users_take);
    RUN(test_replay_meets_resting_users);
    free(core);
    return check_done();
}
