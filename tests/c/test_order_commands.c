/* The door: idempotency, cancel all, kill switches, a failing journal, full tables and
 * buffers, malformed commands, deadlines. */
// sources: fastpath/core/order/oms.c fastpath/core/order/table.c fastpath/core/order/position.c fastpath/core/order/risk.c
// sources: fastpath/core/order/lifecycle.c fastpath/core/order/messages.c fastpath/core/order/cancel.c fastpath/core/order/session.c fastpath/core/order/recovery.c
// sources: fastpath/core/order/owed.c fastpath/core/order/trigger.c fastpath/core/order/enter.c fastpath/core/order/audit.c
// sources: fastpath/core/wire/soup.c fastpath/core/wire/ouch.c fastpath/core/wire/layout.c
#include "order_rig.h"

static struct rig r;

/* ---- idempotency ---- */

static void the_same_id_gets_the_first_answer(void) {
    rig_start(&r);
    struct fp_command c = rig_order(&r, "once", 'B', 100, 1500000);
    CHECK_EQ(rig_do(&r, &c), 0);
    uint64_t id = r.reply.order.order_id;
    rig_pump(&r);
    unsigned entries = r.entry_count;
    c.id = 99;
    c.max_quote_age_ms = 77; /* not content */
    strcpy(c.reason_text, "again");
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
    CHECK_EQ(r.reply.order.order_id, id);
    CHECK_EQ(r.reply.order.state, FP_OS_LIVE); /* as it is now */
    CHECK_EQ(r.entry_count, entries);
    CHECK_EQ(r.venues[0]->enters_seen, 1);
    struct fp_command other[8];
    for (int i = 0; i < 8; i++)
        other[i] = rig_order(&r, "once", 'B', 100, 1500000);
    other[0].quantity = 101;
    other[1].price_e4 = 1499900;
    other[2].side = 'S';
    other[3].venue = 1;
    other[4].agent = 1;
    other[5].tif = '3';
    memcpy(other[6].symbol, RIG_SYMBOLS[1], 8);
    other[7].order_type = FP_TYPE_MARKET;
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(rig_do(&r, &other[i]), FP_RC_IDEMPOTENCY_CONFLICT);
        CHECK_EQ(r.reply.outcome, FP_OUT_REFUSED);
    }
    c = rig_order(&r, "once", 'B', 100, 1500000); /* another account has its own ids */
    c.account = 1;
    c.agent = 2;
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_ACCEPTED);
    /* a kill switch does not turn a retry into a refusal */
    c = rig_plain(&r, FP_CMD_KILL);
    c.kill_scope = FP_KILL_FIRM;
    CHECK_EQ(rig_do(&r, &c), 0);
    c = rig_order(&r, "once", 'B', 100, 1500000);
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
    rig_pump(&r);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0); /* nor does a restart */
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
    CHECK_EQ(r.reply.order.state, FP_OS_CANCELED);
    c.quantity = 5;
    CHECK_EQ(rig_do(&r, &c), FP_RC_IDEMPOTENCY_CONFLICT);
    rig_end(&r);
}

static void a_refused_id_is_not_used_up(void) {
    rig_start(&r);
    r.quotes[0][0].stale = 1;
    CHECK_EQ(rig_submit(&r, "x", 'B', 100, 1500000), FP_RC_QUOTE_STALE);
    CHECK_EQ(rig_last(&r, FP_EX_DENIED).reason, FP_RC_QUOTE_STALE);
    CHECK_EQ(rig_last(&r, FP_EX_DENIED).state, FP_OS_DENIED);
    CHECK_EQ(rig_get(&r, "x").state, FP_OS_NONE);
    r.quotes[0][0].stale = 0;
    CHECK_EQ(rig_submit(&r, "x", 'B', 200, 1500000), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_ACCEPTED);
    rig_end(&r);
}

static void replaces_have_their_own_key(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "a", "b", 200, 1500000), 0);
    uint64_t id = r.reply.order.order_id;
    CHECK_EQ(rig_replace(&r, "a", "b", 200, 1500000), 0); /* unanswered yet: not REPLACE_IN_FLIGHT */
    CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
    CHECK_EQ(r.reply.order.order_id, id);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "a", "b", 200, 1500000), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
    CHECK_EQ(rig_replace(&r, "a", "b", 201, 1500000), FP_RC_IDEMPOTENCY_CONFLICT);
    CHECK_EQ(rig_replace(&r, "b", "a", 200, 1500000), FP_RC_IDEMPOTENCY_CONFLICT); /* a is a submit's id */
    CHECK_EQ(rig_submit(&r, "b", 'B', 200, 1500000), FP_RC_IDEMPOTENCY_CONFLICT);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK_EQ(rig_replace(&r, "a", "b", 200, 1500000), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
    rig_end(&r);
}

static void malformed_commands(void) {
    rig_start(&r);
    static const char *bad[] = {"", "has space", "umlaut\xC3\xA4", "slash/", "a-name-of-thirty-seven-characters-long"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_EQ(rig_submit(&r, bad[i], 'B', 100, 1500000), FP_RC_CLIENT_ORDER_ID);
    struct fp_command c = rig_order(&r, "dirty", 'B', 100, 1500000);
    c.client_order_id[39] = 'x'; /* behind the end: the same id must not be two keys */
    CHECK_EQ(rig_do(&r, &c), FP_RC_CLIENT_ORDER_ID);
    memset(c.client_order_id, 'A', 40);
    CHECK_EQ(rig_do(&r, &c), FP_RC_CLIENT_ORDER_ID);
    memset(c.client_order_id, 0, 40);
    memset(c.client_order_id, 'A', 36);
    CHECK_EQ(rig_do(&r, &c), 0);
    for (int kind = 0; kind < 256; kind++) {
        c = rig_order(&r, "kind", 'B', 100, 1500000);
        c.kind = (uint8_t)kind;
        if (kind == 0 || (kind > FP_CMD_PREVIEW_REPLACE && kind < FP_CMD_ARM) || kind > FP_CMD_PREVIEW_TRIGGER)
            CHECK_EQ(rig_do(&r, &c), FP_RC_MALFORMED);
    }
    CHECK_EQ(rig_replace(&r, "nobody", "", 100, 1500000), FP_RC_CLIENT_ORDER_ID);
    rig_end(&r);
}

/* ---- cancel all and kill ---- */

static void place_six(void) {
    for (int i = 0; i < 6; i++) {
        char id[16];
        sprintf(id, "o%d", i);
        struct fp_command c = rig_order(&r, id, i & 1 ? 'S' : 'B', 100, i & 1 ? 1510000 : 1490000);
        c.venue = (uint8_t)(i / 2 % 2);
        if (i >= 4) {
            memcpy(c.symbol, RIG_SYMBOLS[1], 8);
            c.price_e4 = i & 1 ? 4010000 : 3990000;
        }
        c.agent = (uint16_t)(i == 3);
        CHECK_EQ(rig_do(&r, &c), 0);
    }
    struct fp_command c = rig_order(&r, "other", 'B', 100, 1490000);
    c.account = 1;
    c.agent = 2;
    CHECK_EQ(rig_do(&r, &c), 0);
    rig_pump(&r);
    CHECK_EQ(r.oms->positions.usages[0].open_orders, 7);
}

static void cancel_all_narrows(void) {
    rig_start(&r);
    place_six();
    struct fp_command c = rig_plain(&r, FP_CMD_CANCEL_ALL);
    memcpy(c.symbol, RIG_SYMBOLS[1], 8);
    c.side = 'S';
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.count, 1); /* o5 */
    c.side = 0;
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.count, 1); /* o4; o5 is under way */
    memset(c.symbol, 0, 8);
    c.venue = 1;
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.count, 2); /* o2 o3 */
    c.venue = 0xFF;
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.count, 2); /* o0 o1; never the other account's */
    rig_pump(&r);
    CHECK_EQ(r.oms->positions.usages[0].open_orders, 1);
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.count, 0);
    c.venue = 7;
    CHECK_EQ(rig_do(&r, &c), FP_RC_UNKNOWN_VENUE);
    c.venue = 0xFF;
    c.agent = 2;
    CHECK_EQ(rig_do(&r, &c), FP_RC_NOT_PERMITTED);
    rig_end(&r);
}

static void kill_by_scope(void) {
    static const struct { uint8_t scope; unsigned orders; unsigned mass; } cases[] = {
        {FP_KILL_FIRM, 7, 2}, {FP_KILL_VENUE, 2, 1}, {FP_KILL_ACCOUNT, 6, 0}, {FP_KILL_AGENT, 1, 0}, {FP_KILL_SYMBOL, 5, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig_start(&r);
        place_six();
        struct fp_command c = rig_plain(&r, FP_CMD_KILL);
        c.kill_scope = cases[i].scope;
        c.venue = 1;
        c.account = 0;
        c.agent = 1;
        memcpy(c.symbol, RIG_SYMBOLS[0], 8);
        CHECK_EQ(rig_do(&r, &c), 0);
        CHECK_EQ(r.reply.count, cases[i].orders);
        CHECK_EQ(r.oms->venues[0].stats.mass_cancels + r.oms->venues[1].stats.mass_cancels, cases[i].mass);
        rig_pump(&r);
        CHECK_EQ(r.oms->positions.usages[0].open_orders, 7 - cases[i].orders);
        struct fp_command o = rig_order(&r, "after", 'B', 100, 1490000);
        o.venue = 1;
        o.agent = 1;
        CHECK_EQ(rig_do(&r, &o), FP_RC_KILL_SWITCH); /* in every scope */
        o.venue = 0;
        o.agent = 0;
        memcpy(o.symbol, RIG_SYMBOLS[1], 8);
        o.price_e4 = 3990000;
        uint16_t outside = cases[i].scope == FP_KILL_FIRM || cases[i].scope == FP_KILL_ACCOUNT ? FP_RC_KILL_SWITCH : 0;
        CHECK_EQ(rig_do(&r, &o), outside);
        CHECK_EQ(fp_oms_killed(r.oms, cases[i].scope, cases[i].scope == FP_KILL_ACCOUNT ? 0 : 1, RIG_SYMBOLS[0]), 1);
        /* latched: it is there after a restart, until an operator lets go */
        uint32_t venues;
        uint8_t firm;
        CHECK_EQ(rig_restart(&r, r.entry_count), 0);
        CHECK_EQ(fp_oms_kill_state(r.oms, &venues, &firm), 1);
        CHECK_EQ(firm, cases[i].scope == FP_KILL_FIRM);
        CHECK_EQ(venues, cases[i].scope == FP_KILL_VENUE ? 2u : 0u);
        rig_connect(&r, 0);
        rig_connect(&r, 1);
        o = rig_order(&r, "later", 'B', 100, 1490000);
        o.venue = 1;
        o.agent = 1;
        CHECK_EQ(rig_do(&r, &o), FP_RC_KILL_SWITCH);
        c.kind = FP_CMD_RELEASE;
        CHECK_EQ(rig_do(&r, &c), 0);
        CHECK_EQ(fp_oms_kill_state(r.oms, &venues, &firm), 0);
        CHECK_EQ(rig_do(&r, &o), 0);
        rig_pump(&r);
        CHECK_EQ(rig_restart(&r, r.entry_count), 0);
        CHECK_EQ(fp_oms_kill_state(r.oms, &venues, &firm), 0);
        rig_end(&r);
    }
}

static void kill_wants_a_target(void) {
    rig_start(&r);
    struct fp_command c = rig_plain(&r, FP_CMD_KILL);
    const uint16_t reasons[] = {0, FP_RC_UNKNOWN_VENUE, FP_RC_UNKNOWN_ACCOUNT, FP_RC_UNKNOWN_AGENT, FP_RC_SYMBOL, FP_RC_MALFORMED};
    c.account = c.agent = 0xFFFF;
    for (uint8_t scope = 1; scope <= 5; scope++) {
        c.kill_scope = scope;
        CHECK_EQ(rig_do(&r, &c), reasons[scope]);
    }
    c.kill_scope = FP_KILL_FIRM; /* nobody in particular may stop the firm */
    CHECK_EQ(rig_do(&r, &c), 0);
    rig_end(&r);
}

static void what_a_mass_cancel_leaves_is_cancelled_one_by_one(void) {
    rig_start(&r);
    place_six();
    r.venues[0]->quiet = 1;
    struct fp_command c = rig_plain(&r, FP_CMD_KILL);
    c.kill_scope = FP_KILL_FIRM;
    CHECK_EQ(rig_do(&r, &c), 0);
    uint64_t killed = r.now;
    rig_pump(&r);
    CHECK_EQ(r.oms->venues[0].stats.open_orders, 5);
    CHECK_EQ(r.oms->venues[1].stats.open_orders, 0);
    r.venues[0]->quiet = 0;
    CHECK_EQ(fp_oms_timer(r.oms, killed + 499999999), 0);
    CHECK_EQ(r.oms->venues[0].stats.cancels, 0);
    CHECK_EQ(fp_oms_timer(r.oms, killed + 500000000), 0);
    CHECK_EQ(r.oms->venues[0].stats.cancels, 5);
    r.now = killed + 500000000;
    rig_pump(&r);
    CHECK_EQ(r.oms->venues[0].stats.open_orders, 0);
    CHECK_EQ(r.oms->venues[0].stats.anomalies, 0);
    rig_end(&r);
}

static void cancels_wait_for_the_session(void) {
    rig_start(&r);
    place_six();
    rig_cut(&r, 0);
    CHECK_EQ(rig_cancel(&r, "o0"), 0);
    CHECK(r.reply.order.flags & FP_XF_CANCEL_PENDING);
    struct fp_command c = rig_plain(&r, FP_CMD_KILL);
    c.kill_scope = FP_KILL_SYMBOL;
    memcpy(c.symbol, RIG_SYMBOLS[1], 8);
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.count, 2);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0); /* and survive the process */
    rig_connect(&r, 0);
    CHECK_EQ(rig_get(&r, "o0").state, FP_OS_CANCELED);
    CHECK_EQ(rig_get(&r, "o4").state, FP_OS_CANCELED);
    CHECK_EQ(rig_get(&r, "o5").state, FP_OS_CANCELED);
    CHECK_EQ(rig_get(&r, "o1").state, FP_OS_LIVE);
    rig_end(&r);
}

/* ---- the journal fails, tables and buffers are full ---- */

static void nothing_is_sent_that_is_not_journaled(void) {
    /* the sink fails at the command, at the decision, at the bytes */
    for (unsigned k = 0; k < 3; k++) {
        rig_start(&r);
        r.journal_limit = r.entry_count + k;
        uint64_t hash = fp_oms_state_hash(r.oms);
        const uint8_t *bytes;
        CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), FP_RC_JOURNAL_FAILED);
        CHECK_EQ(r.reply.outcome, FP_OUT_REFUSED);
        CHECK_EQ(fp_oms_out(r.oms, 0, &bytes), 0);
        CHECK(fp_oms_state_hash(r.oms) == hash);
        CHECK_EQ(rig_get(&r, "a").state, FP_OS_NONE);
        r.journal_limit = RIG_ENTRIES;
        CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0); /* it has recovered, and the id is free */
        rig_pump(&r);
        CHECK_EQ(rig_restart(&r, r.entry_count), 0);
        CHECK_EQ(rig_get(&r, "a").state, FP_OS_LIVE);
        rig_end(&r);
    }
}

static void cancels_and_kills_go_on_without_a_journal(void) {
    rig_start(&r);
    place_six();
    unsigned entries = r.entry_count;
    r.journal_limit = entries;
    CHECK_EQ(rig_cancel(&r, "o0"), 0);
    CHECK_EQ(r.oms->venues[0].stats.cancels, 1);
    CHECK(r.oms->venues[0].stats.unjournaled > 0);
    struct fp_command c = rig_plain(&r, FP_CMD_KILL);
    c.kill_scope = FP_KILL_FIRM;
    CHECK_EQ(rig_do(&r, &c), FP_RC_JOURNAL_FAILED); /* done, and said that a restart would not know */
    CHECK_EQ(r.reply.outcome, FP_OUT_ACCEPTED);
    c.kind = FP_CMD_RELEASE; /* but a release must be known to a restart */
    CHECK_EQ(rig_do(&r, &c), FP_RC_JOURNAL_FAILED);
    CHECK_EQ(r.reply.outcome, FP_OUT_REFUSED);
    rig_pump(&r);
    CHECK_EQ(r.oms->positions.usages[0].open_orders, 0); /* the answers are believed ... */
    CHECK_EQ(r.entry_count, entries);
    r.journal_limit = RIG_ENTRIES;
    c.kind = FP_CMD_RELEASE;
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(rig_submit(&r, "new", 'B', 100, 1490000), FP_RC_JOURNAL_FAILED); /* ... but a hole stays until a restart */
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK_EQ(r.oms->positions.usages[0].open_orders, 7); /* that is what the journal knows */
    rig_connect(&r, 0);
    rig_connect(&r, 1);
    CHECK_EQ(r.oms->positions.usages[0].open_orders, 0); /* and the venue told the rest again */
    CHECK_EQ(rig_submit(&r, "new", 'B', 100, 1490000), 0);
    CHECK_EQ(r.oms->venues[0].stats.anomalies + r.oms->venues[1].stats.anomalies, 0);
    rig_end(&r);
}

static void table_full(void) {
    rig_begin(&r);
    rig_live(&r, 3);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    CHECK_EQ(rig_submit(&r, "b", 'B', 100, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "a", "c", 200, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_submit(&r, "d", 'B', 100, 1500000), FP_RC_TABLE_FULL);
    CHECK_EQ(rig_replace(&r, "b", "d", 200, 1500000), FP_RC_TABLE_FULL);
    CHECK_EQ(rig_cancel(&r, "b"), 0);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
    rig_end(&r);
}

static void send_buffer_full_leaves_room_for_cancels(void) {
    rig_begin(&r);
    rig_live(&r, 3000);
    unsigned sent = 0;
    char id[16];
    for (; sent < 2000; sent++) {
        sprintf(id, "n%u", sent);
        struct fp_command c = rig_order(&r, id, 'B', 100, 1500000);
        r.now += 1000;
        fp_oms_command(r.oms, &c, r.now, &r.reply);
        if (r.reply.reason)
            break;
    }
    CHECK_EQ(r.reply.reason, FP_RC_SEND_BUFFER_FULL);
    CHECK(sent > 500);
    struct fp_command c = rig_plain(&r, FP_CMD_CANCEL_ALL);
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.count, sent);
    CHECK_EQ(r.oms->venues[0].stats.cancels, sent); /* 12 bytes each: all fit in what is kept for them */
    rig_pump(&r);
    CHECK_EQ(r.oms->venues[0].stats.open_orders, 0);
    CHECK_EQ(r.venues[0]->enters_seen, sent);
    rig_end(&r);
}

static void numbers_used_up(void) {
    rig_start(&r);
    r.oms->venues[0].next_urn = UINT32_MAX - 2;
    r.venues[0]->last_urn = UINT32_MAX - 3;
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    CHECK_EQ(rig_submit(&r, "b", 'B', 100, 1500000), FP_RC_TABLE_FULL);
    CHECK_EQ(rig_cancel(&r, "a"), 0);
    rig_end(&r);
}

/* ---- deadlines ---- */

static void too_late_is_refused_and_the_id_stays_free(void) {
    rig_start(&r);
    struct fp_command c = rig_order(&r, "late", 'B', 100, 1490000);
    c.deadline_ns = r.now;
    CHECK_EQ(rig_do(&r, &c), FP_RC_DEADLINE_PASSED);
    CHECK_EQ(rig_last(&r, FP_EX_DENIED).reason, FP_RC_DEADLINE_PASSED);
    rig_pump(&r);
    CHECK_EQ(r.venues[0]->enters_seen, 0);
    c.deadline_ns = r.now + 1000000000u;
    CHECK_EQ(rig_do(&r, &c), 0);
    rig_pump(&r);
    CHECK_EQ(r.venues[0]->enters_seen, 1);
    c.deadline_ns = 1; /* a repeat of what is there is told, however late */
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
    struct fp_command move = c;
    move.kind = FP_CMD_REPLACE;
    memcpy(move.new_client_order_id, "moved", 6);
    move.quantity = 50;
    CHECK_EQ(rig_do(&r, &move), FP_RC_DEADLINE_PASSED);
    CHECK_EQ(rig_get(&r, "late").state, FP_OS_LIVE);
    struct fp_command wait = rig_order(&r, "wait", 'B', 100, 1400000);
    wait.kind = FP_CMD_ARM;
    wait.condition = FP_WHEN_ASK_AT_OR_BELOW;
    wait.trigger_e4 = 1400000;
    wait.deadline_ns = r.now;
    CHECK_EQ(rig_do(&r, &wait), FP_RC_DEADLINE_PASSED);
    move.kind = FP_CMD_CANCEL; /* a cancel is never too late */
    CHECK_EQ(rig_do(&r, &move), 0);
    uint64_t hash = fp_oms_state_hash(r.oms);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK(fp_oms_state_hash(r.oms) == hash);
    rig_end(&r);
}

int main(void) {
    RUN(the_same_id_gets_the_first_answer);
    RUN(a_refused_id_is_not_used_up);
    RUN(replaces_have_their_own_key);
    RUN(malformed_commands);
    RUN(cancel_all_narrows);
    RUN(kill_by_scope);
    RUN(kill_wants_a_target);
    RUN(what_a_mass_cancel_leaves_is_cancelled_one_by_one);
    RUN(cancels_wait_for_the_session);
    RUN(nothing_is_sent_that_is_not_journaled);
    RUN(cancels_and_kills_go_on_without_a_journal);
    RUN(table_full);
    RUN(send_buffer_full_leaves_room_for_cancels);
    RUN(numbers_used_up);
    RUN(too_late_is_refused_and_the_id_stays_free);
    return check_done();
}
