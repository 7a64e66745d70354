/* The life of orders against a venue that speaks real OUCH: every event in every state,
 * replace arithmetic, fills in part, late, twice and broken, short marks, and the exec
 * records that each step must tell. */
// sources: fastpath/core/order/oms.c fastpath/core/order/table.c fastpath/core/order/position.c fastpath/core/order/risk.c
// sources: fastpath/core/order/lifecycle.c fastpath/core/order/messages.c fastpath/core/order/cancel.c fastpath/core/order/session.c fastpath/core/order/recovery.c
// sources: fastpath/core/order/owed.c fastpath/core/order/trigger.c fastpath/core/order/enter.c fastpath/core/order/audit.c
// sources: fastpath/core/wire/soup.c fastpath/core/wire/ouch.c fastpath/core/wire/layout.c
#include "order_rig.h"

static struct rig r;

static uint64_t anomalies(void) { return r.oms->venues[0].stats.anomalies; }

static void accepted_then_filled_in_parts(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a1", 'B', 300, 1500000), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_ACCEPTED);
    CHECK_EQ(r.reply.order.state, FP_OS_SENT);
    CHECK_EQ(r.reply.order.order_id, (uint64_t)1 << 48 | 1);
    CHECK_EQ(r.reply.effective_price_e4, 1500000);
    CHECK_EQ(r.reply.bid_e4, 1499900);
    rig_pump(&r);
    struct fp_exec x = rig_get(&r, "a1");
    CHECK_EQ(x.state, FP_OS_LIVE);
    CHECK_EQ(x.exchange_ref, 1000);
    CHECK_EQ(x.leaves, 300);
    CHECK_EQ(x.flags, FP_XF_PAPER);
    CHECK_EQ(x.venue_ns, RIG_MIDNIGHT + 34200000000000ull);
    CHECK_EQ(rig_position(&r).open_buy_shares, 300);
    venue_fill(r.venues[0], 1, 100, 1499900);
    rig_pump(&r);
    x = rig_last(&r, FP_EX_FILL);
    CHECK_EQ(x.last_shares, 100);
    CHECK_EQ(x.last_price_e4, 1499900);
    CHECK_EQ(x.cum_shares, 100);
    CHECK_EQ(x.leaves, 200);
    CHECK_EQ(x.position, 100);
    CHECK_EQ(x.open_cost_e4, 149990000);
    CHECK_EQ(x.state, FP_OS_LIVE);
    CHECK_EQ(x.liquidity, 'R');
    CHECK_EQ(x.match_number, 1);
    venue_fill(r.venues[0], 1, 200, 1500000);
    rig_pump(&r);
    x = rig_get(&r, "a1");
    CHECK_EQ(x.state, FP_OS_FILLED);
    CHECK_EQ(x.cum_notional_e4, 149990000 + 300000000);
    CHECK_EQ(rig_position(&r).open_buy_shares, 0);
    CHECK_EQ(anomalies(), 0);
    /* seq per account: 1, 2, 3 ... */
    for (unsigned i = 0; i < r.exec_count; i++)
        CHECK_EQ(r.execs[i].seq, i + 1);
    CHECK_EQ(r.execs[0].kind, FP_EX_SENT);
    CHECK_EQ(r.execs[1].kind, FP_EX_ACCEPTED);
    CHECK_EQ(r.execs[1].soup_seq, 2); /* 1 was the account query's answer */
    CHECK(fp_oms_take_ack_ns(r.oms, 0) > 0);
    CHECK_EQ(fp_oms_take_ack_ns(r.oms, 0), 0);
    rig_end(&r);
}

static void accepted_dead_and_rejected(void) {
    rig_start(&r);
    r.venues[0]->dead = 1;
    CHECK_EQ(rig_submit(&r, "d", 'B', 100, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "d").state, FP_OS_CANCELED);
    CHECK_EQ(rig_last(&r, FP_EX_CANCELED).last_shares, 100);
    r.venues[0]->reject = 0x21;
    CHECK_EQ(rig_submit(&r, "j", 'B', 100, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "j").state, FP_OS_REJECTED);
    CHECK_EQ(rig_get(&r, "j").reason, 0x21);
    CHECK_EQ(rig_last(&r, FP_EX_REJECTED).reason, 0x21);
    CHECK_EQ(rig_position(&r).open_buy_shares, 0);
    CHECK_EQ(r.oms->positions.usages[0].open_orders, 0);
    CHECK_EQ(anomalies(), 0);
    rig_end(&r);
}

static void cancels(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_cancel(&r, "a"), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_ACCEPTED);
    CHECK(r.reply.order.flags & FP_XF_CANCEL_PENDING);
    CHECK_EQ(rig_cancel(&r, "a"), 0); /* again, before the answer: nothing more is sent */
    CHECK_EQ(r.oms->venues[0].stats.cancels, 1);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_CANCELED);
    CHECK_EQ(rig_last(&r, FP_EX_CANCELED).cancel_reason, 'U');
    CHECK_EQ(rig_cancel(&r, "a"), 0); /* of a cancelled order */
    CHECK_EQ(r.reply.outcome, FP_OUT_ACCEPTED);
    CHECK_EQ(r.reply.order.state, FP_OS_CANCELED);
    CHECK_EQ(rig_cancel(&r, "nobody"), FP_RC_UNKNOWN_ORDER);
    CHECK_EQ(rig_submit(&r, "b", 'B', 100, 1500000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 2, 100, 1500000);
    rig_pump(&r);
    CHECK_EQ(rig_cancel(&r, "b"), FP_RC_ORDER_NOT_LIVE);
    CHECK_EQ(r.reply.order.state, FP_OS_FILLED);
    /* another account's order is nobody's to cancel */
    CHECK_EQ(rig_submit(&r, "c", 'B', 100, 1500000), 0);
    rig_pump(&r);
    struct fp_command c = rig_order(&r, "c", 0, 0, 0);
    c.kind = FP_CMD_CANCEL;
    c.order_id = r.oms->table.orders[2].order_id;
    c.account = 1;
    c.agent = 2;
    CHECK_EQ(rig_do(&r, &c), FP_RC_UNKNOWN_ORDER);
    c.account = 0;
    CHECK_EQ(rig_do(&r, &c), FP_RC_NOT_PERMITTED);
    c.agent = 1; /* an agent of the same account may */
    CHECK_EQ(rig_do(&r, &c), 0);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "c").state, FP_OS_CANCELED);
    rig_end(&r);
}

static void canceled_in_part_and_while_sent(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 500, 1500000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 1, 100, 1500000);
    venue_cancel(r.venues[0], 1, 150, 'D');
    rig_pump(&r);
    struct fp_exec x = rig_get(&r, "a");
    CHECK_EQ(x.state, FP_OS_LIVE);
    CHECK_EQ(x.leaves, 250);
    CHECK_EQ(x.quantity, 350);
    CHECK_EQ(rig_last(&r, FP_EX_CANCELED).last_shares, 150);
    venue_cancel(r.venues[0], 1, 250, 'I');
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_CANCELED);
    CHECK_EQ(rig_get(&r, "a").cum_shares, 100);
    CHECK_EQ(anomalies(), 0);
    r.venues[0]->quiet = 1;
    CHECK_EQ(rig_submit(&r, "s", 'B', 100, 1500000), 0);
    rig_pump(&r);
    venue_cancel(r.venues[0], 2, 100, 'I'); /* Canceled for an order that was never told accepted */
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "s").state, FP_OS_CANCELED);
    venue_cancel(r.venues[0], 2, 100, 'I'); /* and once more */
    rig_pump(&r);
    CHECK_EQ(anomalies(), 1);
    CHECK_EQ(rig_get(&r, "s").state, FP_OS_CANCELED);
    rig_end(&r);
}

static void aiq_takes_shares_off(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 500, 1500000), 0);
    rig_pump(&r);
    union fp_ouch_out_body m = {.aiq_canceled = {.type = 'D', .user_ref_num = 1, .decrement_shares = 200, .reason = 'Q', .quantity_prevented_from_trading = 200,
        .execution_price_e4 = 1500000, .liquidity_flag = 'R', .aiq_strategy = '*'}};
    venue_store(r.venues[0], &m);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").leaves, 300);
    m.aiq_canceled.decrement_shares = 300;
    venue_store(r.venues[0], &m);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_CANCELED);
    CHECK_EQ(rig_get(&r, "a").cancel_reason, 'Q');
    rig_end(&r);
}

static void what_does_not_fit_is_applied_and_flagged(void) {
    rig_start(&r);
    r.venues[0]->quiet = 1;
    CHECK_EQ(rig_submit(&r, "a", 'B', 500, 1500000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 1, 100, 1500000); /* executed, Accepted never seen */
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_LIVE);
    CHECK_EQ(rig_get(&r, "a").leaves, 400);
    CHECK(rig_get(&r, "a").flags & FP_XF_ANOMALY);
    CHECK_EQ(anomalies(), 1);
    venue_accept(r.venues[0], venue_find(r.venues[0], 1), 'L'); /* accepted while live */
    rig_pump(&r);
    CHECK_EQ(anomalies(), 2);
    CHECK_EQ(rig_get(&r, "a").leaves, 400);
    venue_reject(r.venues[0], 1, 7, "xxxxxxxxxxxxxx"); /* rejected while live: it trades, so it is not rejected */
    rig_pump(&r);
    CHECK_EQ(anomalies(), 3);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_LIVE);
    venue_fill(r.venues[0], 1, 450, 1500000); /* more than is open */
    rig_pump(&r);
    CHECK_EQ(anomalies(), 4);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_FILLED);
    CHECK_EQ(rig_get(&r, "a").cum_shares, 550);
    CHECK_EQ(rig_position(&r).position, 550);
    venue_fill(r.venues[0], 77, 10, 1500000); /* nobody's */
    rig_pump(&r);
    CHECK_EQ(r.oms->venues[0].stats.ouch_unknown_urn, 1);
    CHECK_EQ(rig_position(&r).position, 550);
    rig_end(&r);
}

static void late_fill_counts(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'S', 100, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_cancel(&r, "a"), 0);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_CANCELED);
    venue_fill(r.venues[0], 1, 40, 1500000);
    rig_pump(&r);
    struct fp_exec x = rig_get(&r, "a");
    CHECK_EQ(x.state, FP_OS_CANCELED);
    CHECK(x.flags & FP_XF_LATE_FILL);
    CHECK_EQ(x.cum_shares, 40);
    CHECK_EQ(x.leaves, 0);
    CHECK_EQ(x.position, -40);
    CHECK_EQ(r.oms->venues[0].stats.late_fills, 1);
    rig_end(&r);
}

static void the_same_match_counts_once(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 1, 40, 1500000);
    r.venues[0]->next_match = 1;
    venue_fill(r.venues[0], 1, 40, 1500000);
    rig_pump(&r);
    CHECK_EQ(rig_position(&r).position, 40);
    CHECK_EQ(rig_get(&r, "a").cum_shares, 40);
    CHECK_EQ(anomalies(), 1);
    rig_end(&r);
}

static void broken_trades(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 300, 1500000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 1, 100, 1400000); /* match 1 */
    venue_fill(r.venues[0], 1, 200, 1500000); /* match 2 */
    rig_pump(&r);
    CHECK_EQ(rig_submit(&r, "s", 'S', 100, 1500000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 2, 100, 1500000); /* match 3, closes at the average of 146.6666 */
    rig_pump(&r);
    CHECK_EQ(rig_position(&r).position, 200);
    CHECK_EQ(rig_position(&r).realised_e4, 100 * 1500000ll - (100 * 1400000ll + 200 * 1500000ll) * 100 / 300);
    venue_break(r.venues[0], 1, 1, r.venues[0]->orders[0].cl_ord_id);
    rig_pump(&r);
    /* as if match 1 had never been: 200 bought at 150, 100 sold at 150 */
    CHECK_EQ(rig_position(&r).position, 100);
    CHECK_EQ(rig_position(&r).realised_e4, 0);
    CHECK_EQ(rig_position(&r).open_cost_e4, 150000000);
    struct fp_exec x = rig_last(&r, FP_EX_BROKEN);
    CHECK_EQ(x.last_shares, 100);
    CHECK_EQ(x.last_price_e4, 1400000);
    CHECK_EQ(x.match_number, 1);
    CHECK_EQ(x.state, FP_OS_FILLED);
    CHECK_EQ(x.cum_shares, 200);
    CHECK_EQ(x.cum_notional_e4, 300000000);
    CHECK_EQ(anomalies(), 0);
    venue_break(r.venues[0], 1, 1, r.venues[0]->orders[0].cl_ord_id); /* a trade breaks once */
    rig_pump(&r);
    CHECK_EQ(anomalies(), 1);
    CHECK_EQ(rig_position(&r).position, 100);
    rig_end(&r);
}

static void broken_after_replace(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 300, 1500000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 1, 100, 1500000);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "a", "b", 300, 1499900), 0);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "b").cum_shares, 100);
    CHECK_EQ(rig_get(&r, "b").leaves, 200);
    venue_break(r.venues[0], 2, 1, r.venues[0]->orders[1].cl_ord_id); /* named by the live order of the chain */
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").cum_shares, 0);
    CHECK_EQ(rig_get(&r, "b").cum_shares, 0);
    CHECK_EQ(rig_get(&r, "b").leaves, 200);
    CHECK_EQ(rig_position(&r).position, 0);
    /* the venue still counts the broken shares: 250 wanted means 350 liable on the wire */
    CHECK_EQ(rig_replace(&r, "b", "c", 250, 1499900), 0);
    rig_pump(&r);
    CHECK_EQ(venue_find(r.venues[0], 3)->total, 350);
    CHECK_EQ(rig_get(&r, "c").leaves, 250);
    rig_end(&r);
}

static void replace_arithmetic(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 500, 1500000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 1, 100, 1500000);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "a", "b", 600, 1499900), 0); /* 600 liable: 500 open */
    struct fp_exec child = r.reply.order;
    CHECK_EQ(child.parent_id, rig_get(&r, "a").order_id);
    CHECK_EQ(child.leaves, 500);
    CHECK_EQ(child.cum_shares, 100);
    CHECK_EQ(child.quantity, 600);
    CHECK(rig_get(&r, "a").flags & FP_XF_REPLACE_PENDING);
    /* while it is open which of the two lives, the larger is reserved */
    CHECK_EQ(rig_position(&r).open_buy_shares, 500);
    CHECK_EQ(r.oms->positions.usages[0].open_value_e4[0], 500ull * 1499900);
    CHECK_EQ(r.oms->positions.usages[0].open_orders, 1);
    CHECK_EQ(rig_replace(&r, "a", "c", 700, 1499900), FP_RC_REPLACE_IN_FLIGHT);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_REPLACED);
    CHECK_EQ(rig_get(&r, "b").state, FP_OS_LIVE);
    CHECK_EQ(rig_get(&r, "b").leaves, 500);
    CHECK_EQ(rig_get(&r, "b").cum_shares, 100);
    CHECK_EQ(venue_find(r.venues[0], 2)->leaves, 500);
    CHECK_EQ(rig_count(&r, FP_EX_REPLACED_AWAY), 1);
    CHECK_EQ(rig_count(&r, FP_EX_REPLACED), 1);
    /* smaller: the old one is reserved until the answer, then the new one */
    r.venues[0]->quiet = 1;
    CHECK_EQ(rig_replace(&r, "b", "c", 200, 1499900), 0);
    rig_pump(&r);
    CHECK_EQ(rig_position(&r).open_buy_shares, 500);
    venue_fill(r.venues[0], 2, 50, 1499900); /* the old one trades meanwhile */
    rig_pump(&r);
    CHECK_EQ(rig_position(&r).open_buy_shares, 450);
    CHECK_EQ(rig_get(&r, "c").leaves, 50);
    struct venue_order *o = venue_find(r.venues[0], 3);
    o->executed = 150;
    o->leaves = 50;
    venue_replaced(r.venues[0], 2, o, 'L');
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "c").leaves, 50);
    CHECK_EQ(rig_get(&r, "c").cum_shares, 150);
    CHECK_EQ(rig_position(&r).open_buy_shares, 50);
    CHECK_EQ(rig_replace(&r, "a", "z", 200, 1499900), FP_RC_ORDER_NOT_LIVE);
    CHECK_EQ(rig_replace(&r, "nobody", "z", 200, 1499900), FP_RC_UNKNOWN_ORDER);
    CHECK_EQ(rig_replace(&r, "c", "z", 150, 1499900), FP_RC_QUANTITY); /* nothing would be open: that is a cancel */
    CHECK_EQ(anomalies(), 0);
    rig_end(&r);
}

static void replace_rejected_and_dead(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 500, 1500000), 0);
    rig_pump(&r);
    r.venues[0]->reject = 0x15;
    CHECK_EQ(rig_replace(&r, "a", "b", 600, 1499900), 0);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_LIVE);
    CHECK_EQ(rig_get(&r, "a").flags & FP_XF_REPLACE_PENDING, 0);
    CHECK_EQ(rig_get(&r, "b").state, FP_OS_REJECTED);
    CHECK_EQ(rig_last(&r, FP_EX_REPLACE_REJECTED).reason, 0x15);
    CHECK_EQ(rig_position(&r).open_buy_shares, 500);
    /* replaced and dead at once: both have ended */
    r.venues[0]->quiet = 1;
    CHECK_EQ(rig_replace(&r, "a", "c", 600, 1499900), 0);
    rig_pump(&r);
    venue_replaced(r.venues[0], 1, venue_find(r.venues[0], 3), 'D');
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_REPLACED);
    CHECK_EQ(rig_get(&r, "c").state, FP_OS_CANCELED);
    CHECK_EQ(rig_position(&r).open_buy_shares, 0);
    CHECK_EQ(anomalies(), 0);
    rig_end(&r);
}

static void replace_of_an_order_that_died_is_lost(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 500, 1500000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 1, 500, 1500000); /* under way while we replace */
    CHECK_EQ(rig_replace(&r, "a", "b", 600, 1499900), 0);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_FILLED);
    CHECK_EQ(rig_get(&r, "b").state, FP_OS_LOST);
    CHECK_EQ(r.venues[0]->last_urn, 1); /* it consumed no number */
    CHECK_EQ(anomalies(), 0);
    /* an invalid replace shows only as the original's end */
    CHECK_EQ(rig_submit(&r, "c", 'B', 500, 1500000), 0);
    rig_pump(&r);
    r.venues[0]->quiet = 1;
    uint32_t urn = rig_get(&r, "c").urn;
    CHECK_EQ(rig_replace(&r, "c", "d", 600, 1499900), 0);
    rig_pump(&r);
    venue_cancel(r.venues[0], urn, 500, 'U');
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "c").state, FP_OS_CANCELED);
    CHECK_EQ(rig_get(&r, "d").state, FP_OS_LOST);
    CHECK_EQ(rig_position(&r).open_buy_shares, 0);
    rig_end(&r);
}

static void cancel_of_an_order_being_replaced_takes_both(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 500, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "a", "b", 600, 1499900), 0);
    CHECK_EQ(rig_cancel(&r, "a"), 0);
    CHECK_EQ(r.oms->venues[0].stats.cancels, 2);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_REPLACED);
    CHECK_EQ(rig_get(&r, "b").state, FP_OS_CANCELED);
    CHECK_EQ(rig_position(&r).open_buy_shares, 0);
    rig_end(&r);
}

static void small_messages(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'S', 500, 1500000), 0);
    rig_pump(&r);
    union fp_ouch_out_body m = {.order_priority_update = {.type = 'T', .user_ref_num = 1, .price_e4 = 1500100, .display = 'Y', .order_reference_number = 4242}};
    venue_store(r.venues[0], &m);
    m = (union fp_ouch_out_body){.order_modified = {.type = 'M', .user_ref_num = 1, .side = 'T', .quantity = 300}};
    venue_store(r.venues[0], &m);
    m = (union fp_ouch_out_body){.order_restated = {.type = 'R', .user_ref_num = 1, .reason = 'R'}};
    venue_store(r.venues[0], &m);
    m = (union fp_ouch_out_body){.cancel_pending = {.type = 'P', .user_ref_num = 1}};
    venue_store(r.venues[0], &m);
    rig_pump(&r);
    struct fp_exec x = rig_get(&r, "a");
    CHECK_EQ(x.exchange_ref, 4242);
    CHECK(fp_table_by_ref(&r.oms->table, 0, 4242) == &r.oms->table.orders[0]);
    CHECK(fp_table_by_ref(&r.oms->table, 0, 1000) == NULL);
    CHECK_EQ(x.price_e4, 1500100);
    CHECK_EQ(x.side, 'T');
    CHECK_EQ(x.leaves, 300);
    CHECK(x.flags & FP_XF_CANCEL_PENDING);
    m = (union fp_ouch_out_body){.cancel_reject = {.type = 'I', .user_ref_num = 1}};
    venue_store(r.venues[0], &m);
    m = (union fp_ouch_out_body){.system_event = {.type = 'S', .event_code = 'E'}};
    venue_store(r.venues[0], &m);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").flags & FP_XF_CANCEL_PENDING, 0);
    const uint8_t kinds[] = {FP_EX_PRIORITY, FP_EX_MODIFIED, FP_EX_RESTATED, FP_EX_CANCEL_PENDING, FP_EX_CANCEL_REJECTED};
    for (size_t i = 0; i < sizeof kinds; i++)
        CHECK_EQ(rig_count(&r, kinds[i]), 1);
    CHECK_EQ(anomalies(), 0);
    /* of an order that has ended: counted, told, nothing changed */
    venue_cancel(r.venues[0], 1, 300, 'U');
    m = (union fp_ouch_out_body){.order_modified = {.type = 'M', .user_ref_num = 1, .side = 'S', .quantity = 100}};
    venue_store(r.venues[0], &m);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_CANCELED);
    CHECK_EQ(rig_get(&r, "a").leaves, 0);
    CHECK_EQ(anomalies(), 1);
    rig_end(&r);
}

static void impossible_numbers_are_not_believed(void) {
    rig_start(&r);
    r.venues[0]->quiet = 1;
    CHECK_EQ(rig_submit(&r, "a", 'B', 500, 1500000), 0);
    rig_pump(&r);
    struct venue_order *o = venue_find(r.venues[0], 1);
    o->price_e4 = 1ull << 63;
    o->leaves = 0xFFFFFFFF;
    venue_accept(r.venues[0], o, 'L');
    venue_fill(r.venues[0], 1, 4000000000u, 1500000);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_LIVE);
    CHECK_EQ(rig_get(&r, "a").leaves, 500);
    CHECK_EQ(rig_get(&r, "a").price_e4, 1500000);
    CHECK_EQ(rig_position(&r).position, 0);
    CHECK_EQ(anomalies(), 2);
    rig_end(&r);
}

static void average_cost_by_hand(void) {
    struct fp_holding h = {0};
    fp_holding_trade(&h, 1, 100, 100000); /* 100 at $10 */
    fp_holding_trade(&h, 1, 50, 130000);  /* 50 at $13: average $11 */
    CHECK_EQ(h.open_cost_e4, 16500000);
    fp_holding_trade(&h, -1, 60, 120000); /* gains $1 each */
    CHECK_EQ(h.realised_e4, 600000);
    CHECK_EQ(h.open_cost_e4, 9900000);
    fp_holding_trade(&h, -1, 100, 120000); /* closes 90, goes short 10 */
    CHECK_EQ(h.position, -10);
    CHECK_EQ(h.realised_e4, 600000 + 900000);
    CHECK_EQ(h.open_cost_e4, -1200000);
    fp_holding_trade(&h, 1, 10, 110000); /* covers with a gain of $1 each */
    CHECK_EQ(h.position, 0);
    CHECK_EQ(h.open_cost_e4, 0);
    CHECK_EQ(h.realised_e4, 600000 + 900000 + 100000);
    /* a rounding that does not divide loses nothing: realised - cost is always the cash */
    h = (struct fp_holding){0};
    int64_t cash = 0;
    const int sign[] = {1, 1, -1, -1, -1, 1, 1};
    const uint32_t shares[] = {3, 4, 2, 4, 8, 1, 6}, price[] = {100001, 99999, 100003, 1, 77777, 3, 100000};
    for (int i = 0; i < 7; i++) {
        fp_holding_trade(&h, sign[i], shares[i], price[i]);
        cash -= sign[i] * (int64_t)shares[i] * price[i];
        CHECK_EQ(h.realised_e4 - h.open_cost_e4, cash);
    }
    CHECK_EQ(h.position, 0);
    CHECK_EQ(h.open_cost_e4, 0);
}

static void engine_id_travels_in_clordid(void) {
    const uint64_t ids[] = {0, 1, (uint64_t)1 << 48 | 1, UINT64_MAX, 0x8000000000000000u, 0x0123456789ABCDEFu};
    char text[14];
    uint64_t back;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        fp_clordid_put(ids[i], text);
        CHECK_EQ(fp_clordid_get(text, &back), 0);
        CHECK(back == ids[i]);
    }
    fp_clordid_put(0x0123456789ABCDEFu, text);
    CHECK_MEM(text, "F028T5CY4TQKFF", 14);
    CHECK_EQ(fp_clordid_get("              ", &back), FP_E_NOT_OURS);
    CHECK_EQ(fp_clordid_get("FZZZZZZZZZZZZZ", &back), FP_E_NOT_OURS);
}

int main(void) {
    RUN(accepted_then_filled_in_parts);
    RUN(accepted_dead_and_rejected);
    RUN(cancels);
    RUN(canceled_in_part_and_while_sent);
    RUN(aiq_takes_shares_off);
    RUN(what_does_not_fit_is_applied_and_flagged);
    RUN(late_fill_counts);
    RUN(the_same_match_counts_once);
    RUN(broken_trades);
    RUN(broken_after_replace);
    RUN(replace_arithmetic);
    RUN(replace_rejected_and_dead);
    RUN(replace_of_an_order_that_died_is_lost);
    RUN(cancel_of_an_order_being_replaced_takes_both);
    RUN(small_messages);
    RUN(impossible_numbers_are_not_believed);
    RUN(average_cost_by_hand);
    RUN(engine_id_travels_in_clordid);
    return check_done();
}
