// sources: sim/exchange/matching.c sim/exchange/entry.c sim/exchange/rerun.c sim/exchange/emit.c sim/exchange/ladder.c fastpath/core/wire/itch.c fastpath/core/wire/ouch.c fastpath/core/wire/layout.c
// The exchange's matching core, told as event lists: records in, one line out for each
// ITCH and OUCH message. Every expectation is written by hand from the protocol's rules.
#include "match_rig.h"

/* ---- the day ---- */

static void test_day(void) {
    open_core();
    CHECK_EQ(phase('Q'), FP_E_BAD_STATE); /* each once, in order */
    CHECK_EQ(phase('x'), FP_E_BAD_STATE);
    enter(0, 1, 'B', 100, 100000, '0');
    EXPECT("0:A1 B 100 100000 ref1 L|A 1 B 100 100000|");
    CHECK_EQ(phase('M'), 0); /* orders end with the market */
    EXPECT("D 1|0:C1 100 E|S M|");
    enter(0, 2, 'B', 100, 100000, '0');
    EXPECT("0:J2 2e|");
    CHECK_EQ(phase('E'), 0);
    CHECK_EQ(phase('C'), 0);
    EXPECT("S E|0:SE|1:SE|2:SE|3:SE|4:SE|S C|");
}

static void test_opening(void) {
    static const struct fp_match_symbol symbols[] = {{.symbol = "ONE     ", .locate = 7},
                                                     {.symbol = "TWO     ", .locate = 9}};
    static const struct fp_match_account account = {"FRM0", 'N'};
    struct fp_match_config config = {.symbols = symbols,
                                     .accounts = &account,
                                     .max_orders = 10,
                                     .max_levels = 10,
                                     .symbol_count = 2,
                                     .max_symbols = 2,
                                     .account_count = 1};
    struct fp_match_sink sink = {NULL, on_feed, on_order, NULL};
    size_t size = fp_match_size(&config);
    free(core);
    core = aligned_alloc(64, size);
    memset(core, 0, size);
    CHECK_EQ(fp_match_init(core, &config, &sink), 0);
    enter(0, 1, 'B', 100, 100000, '0'); /* before the open */
    EXPECT("0:J1 2d|");
    phase('O');
    phase('S');
    EXPECT("S O|R 7 ONE     |H 7 T|R 9 TWO     |H 9 T|0:SS|S S|");
    enter(0, 2, 'B', 100, 100000, '0');
    EXPECT("0:J2 2d|");
    phase('Q');
    EXPECT("S Q|");
    static const struct fp_match_symbol twice[] = {{.symbol = "ONE     ", .locate = 7},
                                                   {.symbol = "ONE     ", .locate = 9}};
    config.symbols = twice;
    void *other = calloc(1, size);
    CHECK_EQ(fp_match_init(other, &config, &sink), FP_E_BAD_CONFIG);
    free(other);
}

/* ---- priority, executions ---- */

static void test_price_time_priority(void) {
    open_core();
    enter(0, 1, 'S', 100, 100200, '0');
    enter(0, 2, 'S', 100, 100100, '0');
    enter(1, 1, 'S', 100, 100100, '0');
    EXPECT("0:A1 S 100 100200 ref1 L|A 1 S 100 100200|0:A2 S 100 100100 ref2 L|A 2 S 100 100100|1:A1 S 100 100100 ref3 "
           "L|A 3 S 100 100100|");
    enter(1, 2, 'B', 250, 100200, '0'); /* better price first, then older; nothing is added for what trades */
    EXPECT("1:A2 B 250 100200 ref4 L|E 2 100 m1|0:E2 100@100100 A m1|1:E2 100@100100 R m1|E 3 100 m2|1:E1 100@100100 A "
           "m2|1:E2 100@100100 R m2|"
           "E 1 50 m3|0:E1 50@100200 A m3|1:E2 50@100200 R m3|");
    enter(1, 3, 'B', 200, 100200, '0'); /* the rest is the Add */
    EXPECT("1:A3 B 200 100200 ref5 L|E 1 50 m4|0:E1 50@100200 A m4|1:E3 50@100200 R m4|A 5 B 150 100200|");
}

static void test_immediate(void) {
    open_core();
    enter(0, 1, 'B', 100, 100000, '3'); /* nothing to trade with: dead, and no Canceled */
    EXPECT("0:A1 B 100 100000 ref1 D|");
    enter(0, 2, 'S', 100, 100000, '0');
    enter(1, 1, 'B', 300, 100000, '3');
    EXPECT("0:A2 S 100 100000 ref2 L|A 2 S 100 100000|1:A1 B 300 100000 ref3 L|E 2 100 m1|0:E2 100@100000 A m1|1:E1 "
           "100@100000 R m1|1:C1 200 I|");
    enter(0, 3, 'B', 100, 90000, '0');
    enter(0, 4, 'B', 100, 80000, '0');
    EXPECT("0:A3 B 100 90000 ref4 L|A 4 B 100 90000|0:A4 B 100 80000 ref5 L|A 5 B 100 80000|");
    enter(1, 2, 'S', 300, 0x7FFFFFFF, '0'); /* market, though written as a day order */
    EXPECT("1:A2 S 300 2147483647 ref6 L|E 4 100 m2|0:E3 100@90000 A m2|1:E2 100@90000 R m2|E 5 100 m3|0:E4 100@80000 "
           "A m3|1:E2 100@80000 R m3|1:C2 100 I|");
    enter(1, 3, 'B', 100, 2000000000, '3'); /* revision 1.05's other market price */
    EXPECT("1:A3 B 100 2000000000 ref7 D|");
}

static void test_hidden(void) {
    open_core();
    struct fp_ouch_in_enter_order hidden = order(1, 'S', 100, 100000, '0'),
                                  attributed = order(1, 'S', 100, 100000, '0');
    hidden.display = 'N';
    attributed.display = 'A';
    enter_order(0, hidden); /* older, but hidden: trades after displayed orders of its price, as a print */
    enter_order(1, attributed);
    EXPECT("0:A1 S 100 100000 ref1 L|1:A1 S 100 100000 ref2 L|F 2 S 100 100000 FRM1|");
    enter(1, 2, 'B', 150, 100000, '0');
    EXPECT("1:A2 B 150 100000 ref3 L|E 2 100 m1|1:E1 100@100000 A m1|1:E2 100@100000 R m1|P 0 B 50 100000 m2|0:E1 "
           "50@100000 J m2|1:E2 50@100000 R m2|");
    CHECK_EQ(fp_match_best(core, 1, 'S'), 0); /* what is hidden is not a quote */
    cancel(0, 1, 0);
    EXPECT("0:C1 50 U|");
}

/* ---- cancel, modify, replace ---- */

static void test_cancel(void) {
    open_core();
    enter(0, 1, 'B', 500, 100000, '0');
    enter(1, 1, 'S', 100, 100000, '0');
    EXPECT("0:A1 B 500 100000 ref1 L|A 1 B 500 100000|1:A1 S 100 100000 ref2 L|E 1 100 m1|0:E1 100@100000 A m1|1:E1 "
           "100@100000 R m1|");
    cancel(0, 1, 500); /* new total size, executions included: 500 changes nothing */
    EXPECT("");
    cancel(0, 1, 300);
    EXPECT("X 1 200|0:C1 200 U|");
    cancel(0, 1, 100); /* all 100 are executed: nothing remains */
    EXPECT("D 1|0:C1 200 U|");
    cancel(0, 1, 0);
    cancel(0, 77, 0);
    cancel(1, 1, 0);
    EXPECT("");
    CHECK_EQ(stats().cancel_of_dead, 3);
    CHECK_EQ(stats().superfluous_cancels, 1);
    query(0); /* cancels consume no number */
    EXPECT("0:Q2|");
}

static void test_modify(void) {
    open_core();
    enter(0, 1, 'S', 500, 100000, '0');
    enter(0, 2, 'S', 100, 100000, '0');
    EXPECT("0:A1 S 500 100000 ref1 L|A 1 S 500 100000|0:A2 S 100 100000 ref2 L|A 2 S 100 100000|");
    modify(0, 1, 'T', 300);
    EXPECT("X 1 200|0:M1 T 300|");
    modify(0, 1, 'E', 900); /* an increase is ignored, the side is not */
    EXPECT("0:M1 E 300|");
    modify(0, 1, 'B', 100);
    EXPECT("");
    CHECK_EQ(stats().bad_modify_side, 1);
    enter(1, 1, 'B', 100, 100000, '0'); /* priority was kept */
    EXPECT("1:A1 B 100 100000 ref3 L|E 1 100 m1|0:E1 100@100000 A m1|1:E1 100@100000 R m1|");
    modify(0, 1, 'S', 100);
    EXPECT("D 1|0:C1 200 U|");
    modify(0, 1, 'S', 100);
    CHECK_EQ(stats().modify_of_dead, 1);
}

static void test_replace(void) {
    open_core();
    enter(0, 1, 'B', 500, 100000, '0');
    enter(1, 1, 'S', 100, 100000, '0');
    EXPECT("0:A1 B 500 100000 ref1 L|A 1 B 500 100000|1:A1 S 100 100000 ref2 L|E 1 100 m1|0:E1 100@100000 A m1|1:E1 "
           "100@100000 R m1|");
    replace(0, 1, 2, 500, 100000); /* total liable 500, 100 done: 400 open */
    EXPECT("0:U1>2 400 100000 ref3 L|U 1>3 400 100000|");
    replace(0, 2, 3, 600, 100100); /* the chain remembers */
    EXPECT("0:U2>3 500 100100 ref4 L|U 3>4 500 100100|");
    cancel(0, 3, 200);
    EXPECT("X 4 400|0:C3 400 U|");
    replace(0, 1, 9, 500, 100000); /* no longer live: ignored, 9 is not consumed */
    EXPECT("");
    CHECK_EQ(stats().replace_of_dead, 1);
    query(0);
    EXPECT("0:Q4|");
    replace(0, 3, 4, 100, 100000); /* not above what has traded: invalid, cancels the original, consumes nothing */
    EXPECT("D 4|0:C3 100 U|");
    enter(0, 4, 'B', 100, 100000, '0');
    replace(0, 4, 5, 100, 0);
    EXPECT("0:A4 B 100 100000 ref5 L|A 5 B 100 100000|D 5|0:C4 100 U|");
    query(0);
    EXPECT("0:Q5|");
    CHECK_EQ(stats().replace_invalid, 2);
}

static void test_replace_loses_priority_and_trades(void) {
    open_core();
    enter(0, 1, 'B', 100, 100000, '0');
    enter(1, 1, 'B', 100, 100000, '0');
    replace(0, 1, 2, 100, 100000);
    EXPECT("0:A1 B 100 100000 ref1 L|A 1 B 100 100000|1:A1 B 100 100000 ref2 L|A 2 B 100 100000|0:U1>2 100 100000 ref3 "
           "L|U 1>3 100 100000|");
    enter(1, 2, 'S', 100, 100000, '0');
    EXPECT("1:A2 S 100 100000 ref4 L|E 2 100 m1|1:E1 100@100000 A m1|1:E2 100@100000 R m1|");
    enter(1, 3, 'S', 60, 100500, '0');
    replace(0, 2, 3, 100, 100500); /* trades on arrival: the old order is deleted, only the remainder is added */
    EXPECT("1:A3 S 60 100500 ref5 L|A 5 S 60 100500|0:U2>3 100 100500 ref6 L|D 3|E 5 60 m2|1:E3 60@100500 A m2|0:E3 "
           "60@100500 R m2|A 6 B 40 100500|");
    with_tags("\x02\x1b"
              "T",
              3); /* a bought order cannot become a sale */
    replace(0, 3, 4, 200, 100500);
    EXPECT("D 6|0:C3 40 U|");
}

/* ---- numbers, switches, queries ---- */

static void test_user_reference_numbers(void) {
    open_core();
    enter(0, 5, 'B', 100, 100000, '0');
    EXPECT("0:A5 B 100 100000 ref1 L|A 1 B 100 100000|");
    enter(0, 5, 'B', 100, 100000, '0'); /* a benign resend */
    enter(0, 4, 'S', 900, 100, '0');
    EXPECT("");
    CHECK_EQ(stats().benign_resends, 2);
    enter(0, 9, 'B', 0, 100000, '0'); /* a rejected one consumes its number */
    enter(0, 9, 'B', 100, 100000, '0');
    EXPECT("0:J9 13|");
    with_tags("\x02\x1c\x07", 3); /* another UserRefIdx counts for itself, and is repeated in every answer */
    enter(0, 1, 'B', 100, 100000, '0');
    EXPECT("0:A1 B 100 100000 ref2 L +021c07|A 2 B 100 100000|");
    cancel(0, 1, 0); /* number 1 of index 0 does not exist */
    with_tags("\x02\x1c\x07", 3);
    cancel(0, 1, 0);
    EXPECT("D 2|0:C1 100 U +021c07|");
    with_tags("\x02\x1c\x07", 3);
    query(0);
    query(0);
    EXPECT("0:Q2 +021c07|0:Q10|");
}

static void test_rejects(void) {
    struct fp_ouch_in_enter_order o;
    uint32_t urn = 0;
    open_core();
    enter(0, ++urn, 'X', 100, 100000, '0');
    enter(0, ++urn, 'B', 1000000, 100000, '0');
    enter(0, ++urn, 'B', 100, 0, '0');
    enter(0, ++urn, 'B', 100, 0x7735939D, '0');
    enter(0, ++urn, 'B', 100, 100001, '0'); /* part of a cent */
    enter(0, ++urn, 'B', 100, 9999, '0'); /* allowed below a dollar */
    EXPECT("0:J1 9|0:J2 13|0:J3 1d|0:J4 1d|0:J5 1d|0:A6 B 100 9999 ref1 L|A 1 B 100 9999|");
    o = order(++urn, 'B', 100, 100000, '0'), memcpy(o.symbol, "NONE    ", 8), enter_order(0, o);
    o = order(++urn, 'B', 100, 100000, '0'), o.display = 'Z', enter_order(0, o);
    o = order(++urn, 'B', 100, 100000, '0'), o.cross_type = 'O', enter_order(0, o);
    o = order(++urn, 'B', 100, 100000, '6'), enter_order(0, o);
    o = order(++urn, 'B', 100, 100000, '0'), o.capacity = '?', enter_order(0, o);
    EXPECT("0:J7 17|0:J8 3|0:J9 14|0:J10 f|0:J11 f|");
    with_tags("\x05\x02"
              "LIME",
              6),
        enter(0, ++urn, 'B', 100, 100000, '0'); /* somebody else's firm */
    with_tags("\x05\x03\0\0\0\x64", 6),
        enter(0, ++urn, 'B', 100, 100000, '0'); /* minimum quantity on a resting order */
    with_tags("\x05\x05\0\0\0\x64", 6), enter(0, ++urn, 'B', 100, 100000, '0'); /* reserve */
    with_tags("\x02\x06"
              "P",
              3),
        enter(0, ++urn, 'B', 100, 100000, '0'); /* peg */
    with_tags("\x02\x1d"
              "?",
              3),
        enter(0, ++urn, 'B', 100, 100000, '0'); /* no such strategy */
    with_tags("\x03\x1d"
              "N ",
              4),
        enter(0, ++urn, 'B', 100, 100000, '0'); /* a tag of a wrong length */
    EXPECT("0:J12 c|0:J13 d|0:J14 4|0:J15 5|0:J16 40|0:J17 f|");
    with_tags("\x05\x02"
              "FRM0\x02\x63"
              "?",
              9),
        enter(0, ++urn, 'B', 100, 9000, '0'); /* an unknown tag is passed over, the firm repeated */
    EXPECT("0:A18 B 100 9000 ref2 L +050246524d30|A 2 B 100 9000|");
    CHECK_EQ(stats().ouch_unknown_tag, 1);
    CHECK_EQ(stats().ouch_bad_tag, 1);
    CHECK_EQ(stats().rejected, 16);
}

static void test_entry_switch(void) {
    open_core();
    enter(0, 1, 'B', 100, 100000, '0');
    entry(0, 'D', 2, "FRM0");
    EXPECT("0:A1 B 100 100000 ref1 L|A 1 B 100 100000|0:G2|");
    enter(0, 3, 'B', 100, 100000, '0');
    replace(0, 1, 4, 200, 100000);
    EXPECT("0:J3 c|0:J4 c|");
    cancel(0, 1, 50); /* taking risk off is always possible */
    EXPECT("X 1 50|0:C1 50 U|");
    mass_cancel(0, 5, "FRM0", "        ");
    EXPECT("0:X5|D 1|0:C1 50 U|");
    enter(1, 1, 'B', 100, 100000, '0'); /* nobody else is concerned */
    entry(0, 'E', 6, "FRM1");
    entry(0, 'E', 7, "    ");
    enter(0, 8, 'B', 100, 100000, '0');
    EXPECT("1:A1 B 100 100000 ref2 L|A 2 B 100 100000|0:J6 c|0:K7|0:A8 B 100 100000 ref3 L|A 3 B 100 100000|");
}

static void test_mass_cancel(void) {
    struct fp_ouch_in_enter_order o;
    open_core();
    enter(0, 1, 'B', 100, 100000, '0');
    o = order(2, 'B', 200, 100000, '0'), memcpy(o.symbol, "TWO     ", 8), enter_order(0, o);
    with_tags("\x03\x18\x00\x09", 4), enter(0, 3, 'S', 300, 100500, '0');
    enter(1, 1, 'B', 100, 100000, '0');
    told[told_length = 0] = 0;
    mass_cancel(0, 4, "FRM0", "TWO     ");
    EXPECT("0:X4|D 2|0:C2 200 U|");
    with_tags("\x03\x18\x00\x09", 4), mass_cancel(0, 5, "FRM0", "        ");
    EXPECT("0:X5 +03180009|D 3|0:C3 300 U|");
    with_tags("\x02\x1b"
              "S",
              3),
        mass_cancel(0, 6, "FRM0", "ONE     ");
    EXPECT("0:X6 +021b53|");
    mass_cancel(0, 7, "FRM1", "        ");
    mass_cancel(0, 8, "FRM0", "NONE    ");
    EXPECT("0:J7 c|0:J8 17|");
    mass_cancel(0, 9, "    ", "        ");
    EXPECT("0:X9|D 1|0:C1 100 U|");
    uint64_t refs[4];
    CHECK_EQ(fp_match_account_orders(core, 0, refs, 4), 0);
    CHECK_EQ(fp_match_account_orders(core, 1, refs, 4), 1);
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_DISCONNECT, .account = 1}), 0);
    EXPECT("D 4|1:C1 100 S|");
}

static void test_self_match(void) {
    open_core();
    enter(2, 1, 'S', 100, 100000, '0'); /* W: the newer is cancelled, after it has taken what is not its own */
    enter(0, 1, 'S', 100, 99900, '0');
    enter(2, 2, 'B', 300, 100000, '0');
    EXPECT("2:A1 S 100 100000 ref1 L|A 1 S 100 100000|0:A1 S 100 99900 ref2 L|A 2 S 100 99900|2:A2 B 300 100000 ref3 "
           "L|E 2 100 m1|0:E1 100@99900 A m1|2:E2 100@99900 R m1|2:D2 200 W|");
    with_tags("\x02\x1d"
              "O",
              3),
        enter(2, 3, 'B', 100, 100000, '0'); /* the tag outranks the account's setting */
    EXPECT("2:A3 B 100 100000 ref4 L +021d4f|D 1|2:D1 100 O|A 4 B 100 100000|");
    enter(4, 1, 'S', 100, 100100, '0'); /* D: both lose the smaller size */
    enter(4, 2, 'B', 160, 100100, '0');
    EXPECT("4:A1 S 100 100100 ref5 L|A 5 S 100 100100|4:A2 B 160 100100 ref6 L|D 5|4:D1 100 D|4:D2 100 D|A 6 B 60 "
           "100100|");
    with_tags("\x02\x1d"
              "N",
              3),
        enter(4, 3, 'S', 60, 100100, '0');
    EXPECT("4:A3 S 60 100100 ref7 L +021d4e|E 6 60 m2|4:E2 60@100100 A m2|4:E3 60@100100 R m2|");
    CHECK_EQ(stats().self_matches, 3);
}

static void test_post_only_and_minimum(void) {
    open_core();
    enter(0, 1, 'S', 100, 100000, '0');
    told[told_length = 0] = 0;
    with_tags("\x02\x0c"
              "P",
              3),
        enter(1, 1, 'B', 100, 100000, '0');
    EXPECT("1:A1 B 100 100000 ref2 L +020c50|1:C1 100 G|");
    with_tags("\x05\x03\0\0\0\x65", 6), enter(1, 2, 'B', 200, 100000, '3'); /* 101 wanted, 100 there */
    EXPECT("1:A2 B 200 100000 ref3 D +050300000065|");
    with_tags("\x05\x03\0\0\0\x64", 6), enter(1, 3, 'B', 200, 100000, '3');
    EXPECT("1:A3 B 200 100000 ref4 L +050300000064|E 1 100 m1|0:E1 100@100000 A m1|1:E3 100@100000 R m1|1:C3 100 I|");
}

static void test_halt(void) {
    open_core();
    enter(0, 1, 'B', 100, 100000, '0');
    told[told_length = 0] = 0;
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_TRADING, .locate = 1, .code = 'H', .attribution = "T1"}),
             0);
    enter(0, 2, 'B', 100, 100000, '0');
    replace(0, 1, 3, 200, 100000);
    EXPECT("H 1 H|0:J2 7|0:J3 7|");
    CHECK_EQ(apply((struct fp_match_input){
                 .kind = FP_MATCH_ADD, .locate = 1, .code = 'B', .shares = 1, .price_e4 = 100, .time_in_force = '0'}),
             FP_E_BAD_STATE);
    cancel(0, 1, 0);
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_TRADING, .locate = 1, .code = 'T'}), 0);
    enter(0, 4, 'B', 100, 100000, '0');
    EXPECT("D 1|0:C1 100 U|H 1 T|0:A4 B 100 100000 ref2 L|A 2 B 100 100000|");
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_TRADING, .locate = 3, .code = 'T'}), FP_E_BAD_FIELD);
}

/* ---- the background, bounds, bad input ---- */

static void test_background(void) {
    open_core();
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_ADD,
                                           .locate = 1,
                                           .code = 'S',
                                           .shares = 300,
                                           .price_e4 = 100000,
                                           .time_in_force = '0',
                                           .attribution = "MKRA"}),
             0);
    CHECK_EQ(fp_match_rested(core), 1);
    EXPECT("F 1 S 300 100000 MKRA|");
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_REPLACE, .ref = 1, .shares = 200, .price_e4 = 100100}), 0);
    EXPECT("U 1>2 200 100100|");
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_CANCEL, .ref = 2, .shares = 50}), 0);
    EXPECT("X 2 50|");
    enter(0, 1, 'B', 100, 100100, '0');
    EXPECT("0:A1 B 100 100100 ref3 L|E 2 100 m1|0:E1 100@100100 R m1|");
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_CANCEL, .ref = 2}), 0);
    EXPECT("D 2|");
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_CANCEL, .ref = 2}), FP_E_NOT_FOUND);
    enter(0, 2, 'B', 100, 100000, '0');
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_CANCEL, .ref = 4}),
             FP_E_NOT_FOUND); /* a user's order is not the background's */
    EXPECT("0:A2 B 100 100000 ref4 L|A 4 B 100 100000|");
    CHECK_EQ(
        apply((struct fp_match_input){
            .kind = FP_MATCH_ADD, .locate = 1, .code = 'S', .shares = 40, .price_e4 = 100000, .time_in_force = '3'}),
        0);
    EXPECT("E 4 40 m2|0:E2 40@100000 A m2|");
    CHECK_EQ(apply((struct fp_match_input){
                 .kind = FP_MATCH_ADD, .locate = 5, .code = 'S', .shares = 40, .price_e4 = 100000}),
             FP_E_BAD_FIELD);
    CHECK_EQ(apply((struct fp_match_input){.kind = 99}), FP_E_BAD_FIELD);
    EXPECT("");
}

static void test_bounds(void) {
    open_with(2, 100, 1);
    enter(0, 1, 'B', 100, 100000, '0');
    enter(0, 2, 'B', 100, 100000, '0');
    told[told_length = 0] = 0;
    enter(0, 3, 'B', 100, 100000, '0');
    EXPECT("0:J3 f|");
    replace(0, 1, 4, 100, 90000); /* a full table still lets orders move and leave */
    EXPECT("0:U1>4 100 90000 ref3 L|U 1>3 100 90000|");
    CHECK_EQ(stats().table_full, 1);
    open_with(10, 1, 1);
    enter(0, 1, 'B', 100, 100000, '0');
    enter(0, 2, 'B', 100, 100000,
          '0'); /* the same level would do, but a sure answer is wanted before the order is taken */
    replace(0, 1, 3, 100, 100100);
    EXPECT("0:A1 B 100 100000 ref1 L|A 1 B 100 100000|0:J2 f|0:U1>3 100 100100 ref2 L|U 1>2 100 100100|");
}

static void test_malformed(void) {
    uint8_t bytes[64] = "O";
    open_core();
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_OUCH, .bytes = bytes, .length = 0}), FP_E_TRUNCATED);
    for (uint32_t length = 1; length < 47; length++)
        CHECK(apply((struct fp_match_input){.kind = FP_MATCH_OUCH, .bytes = bytes, .length = length}) < 0);
    bytes[0] = 'z';
    CHECK_EQ(apply((struct fp_match_input){.kind = FP_MATCH_OUCH, .bytes = bytes, .length = 47}), FP_E_UNKNOWN_TYPE);
    CHECK(apply((struct fp_match_input){.kind = FP_MATCH_OUCH, .account = 99, .bytes = bytes, .length = 47}) < 0);
    EXPECT("");
    struct fp_match_stats s = stats();
    CHECK_EQ(s.ouch_truncated + s.ouch_bad_length, 47);
    CHECK_EQ(s.ouch_unknown_type, 1);
    CHECK_EQ(s.ouch_unknown_account, 1);
}

int main(void) {
    RUN(test_day);
    RUN(test_opening);
    RUN(test_price_time_priority);
    RUN(test_immediate);
    RUN(test_hidden);
    RUN(test_cancel);
    RUN(test_modify);
    RUN(test_replace);
    RUN(test_replace_loses_priority_and_trades);
    RUN(test_user_reference_numbers);
    RUN(test_rejects);
    RUN(test_entry_switch);
    RUN(test_mass_cancel);
    RUN(test_self_match);
    RUN(test_post_only_and_minimum);
    RUN(test_halt);
    RUN(test_background);
    RUN(test_bounds);
    RUN(test_malformed);
    free(core);
    return check_done();
}
