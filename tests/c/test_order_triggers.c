/* Triggers from arming to firing: conditions, hardware that watches, endings, outages of the session and of the
 * journal, and the checks that look again. */
// sources: fastpath/core/order/oms.c fastpath/core/order/table.c fastpath/core/order/position.c fastpath/core/order/risk.c
// sources: fastpath/core/order/lifecycle.c fastpath/core/order/messages.c fastpath/core/order/cancel.c fastpath/core/order/session.c fastpath/core/order/recovery.c
// sources: fastpath/core/order/owed.c fastpath/core/order/trigger.c fastpath/core/order/enter.c fastpath/core/order/audit.c
// sources: fastpath/core/wire/soup.c fastpath/core/wire/ouch.c fastpath/core/wire/layout.c
#include "order_rig.h"

static struct rig r;

static struct fp_command arm(const char *id, char side, uint8_t condition, uint32_t trigger_e4, uint32_t price_e4) {
    struct fp_command c = rig_order(&r, id, side, 100, price_e4);
    c.kind = FP_CMD_ARM;
    c.condition = condition;
    c.trigger_e4 = trigger_e4;
    return c;
}

static void bbo(uint32_t bid_e4, uint32_t ask_e4, int expected) {
    r.quotes[0][0].bid_e4 = bid_e4;
    r.quotes[0][0].ask_e4 = ask_e4;
    r.quotes[0][0].last_price_e4 = ask_e4;
    r.now += 1000;
    CHECK_EQ(fp_oms_on_bbo(r.oms, 0, RIG_SYMBOLS[0], bid_e4, ask_e4, r.now), expected);
    CHECK_EQ(fp_oms_validate(r.oms), 0);
}

static void conditions(void) {
    static const struct { uint8_t condition; uint32_t trigger, bid_no, ask_no, bid_yes, ask_yes; } cases[] = {
        {FP_WHEN_BID_AT_OR_ABOVE, 1510000, 1509900, 1510500, 1510000, 1510100},
        {FP_WHEN_BID_AT_OR_BELOW, 1490000, 1490100, 1490200, 1490000, 1490100},
        {FP_WHEN_ASK_AT_OR_ABOVE, 1510000, 1509800, 1509900, 1509900, 1510000},
        {FP_WHEN_ASK_AT_OR_BELOW, 1490000, 1490000, 1490100, 1489900, 1490000},
    };
    for (size_t i = 0; i < 4; i++) {
        rig_start(&r);
        struct fp_command c = arm("t", 'B', cases[i].condition, cases[i].trigger, cases[i].trigger);
        CHECK_EQ(rig_do(&r, &c), 0);
        CHECK_EQ(r.reply.order.state, FP_OS_ARMED);
        CHECK_EQ(rig_position(&r).open_buy_shares, 100); /* reserved */
        CHECK_EQ(rig_do(&r, &c), 0);
        CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
        bbo(cases[i].bid_no, cases[i].ask_no, 0);
        bbo(0, 0, 0); /* an empty side meets nothing */
        CHECK_EQ(fp_oms_on_bbo(r.oms, 1, RIG_SYMBOLS[0], cases[i].bid_yes, cases[i].ask_yes, r.now), 0); /* another venue */
        CHECK_EQ(fp_oms_on_bbo(r.oms, 0, RIG_SYMBOLS[1], cases[i].bid_yes, cases[i].ask_yes, r.now), 0); /* another symbol */
        bbo(cases[i].bid_yes, cases[i].ask_yes, 1);
        CHECK(rig_get(&r, "t").flags & FP_XF_TRIGGERED);
        CHECK_EQ(rig_get(&r, "t").state, FP_OS_SENT);
        bbo(cases[i].bid_yes, cases[i].ask_yes, 0); /* once */
        rig_pump(&r);
        CHECK_EQ(rig_get(&r, "t").state, FP_OS_LIVE);
        CHECK_EQ(r.venues[0]->enters_seen, 1);
        uint64_t hash = fp_oms_state_hash(r.oms);
        CHECK_EQ(rig_restart(&r, r.entry_count), 0);
        CHECK(fp_oms_state_hash(r.oms) == hash);
        rig_end(&r);
    }
}

/* The first armed order of venue 0 as hardware would carry it. */
static struct fp_armed_order first_armed(void) {
    struct fp_armed_order armed = {0};
    uint32_t cursor = 0;
    CHECK_EQ(fp_oms_armed(r.oms, 0, &cursor, r.now, &armed), 1);
    return armed;
}

static struct fp_fire fire_of(const struct fp_armed_order *armed, uint8_t message[64], uint32_t urn) {
    memcpy(message, armed->message, armed->length);
    fp_store_be32(message + 1, urn);
    return (struct fp_fire){.order_id = armed->order_id, .message = message, .length = armed->length, .bid_e4 = 1499900, .ask_e4 = 1500100};
}

/* Hardware watches: what it sends is taken when it is what would have been sent here, once, and nothing else is. */
static void delegated_orders(void) {
    uint8_t message[64];
    rig_start(&r);
    struct fp_command c = arm("hard", 'B', FP_WHEN_ASK_AT_OR_ABOVE, 1500000, 1500000);
    CHECK_EQ(rig_do(&r, &c), 0);
    struct fp_armed_order armed = first_armed();
    CHECK_EQ(armed.fixed, 1);
    CHECK_EQ(armed.reason, 0);
    CHECK_EQ(armed.collar_bps, 500);
    CHECK_EQ(armed.message[0], 'O');
    struct fp_fire fire = fire_of(&armed, message, fp_oms_next_urn(r.oms, 0));
    CHECK_EQ(fp_oms_fired(r.oms, &fire, r.now), FP_E_NOT_FOUND); /* it is not the hardware's yet */
    CHECK_EQ(fp_oms_delegate(r.oms, armed.order_id, 1), 0);
    bbo(1500000, 1500100, 0); /* met, but not looked at here */
    CHECK_EQ(rig_get(&r, "hard").state, FP_OS_ARMED);
    CHECK_EQ(fp_oms_fired(r.oms, &fire, r.now), 1);
    CHECK_EQ(rig_get(&r, "hard").state, FP_OS_SENT);
    CHECK(rig_get(&r, "hard").flags & FP_XF_TRIGGERED);
    CHECK_EQ(fp_oms_fired(r.oms, &fire, r.now), FP_E_NOT_FOUND); /* once */
    const struct rig_entry *bytes = &r.journal[r.entry_count - 1];
    CHECK_EQ(bytes->type, FP_JR_BYTES_OUT);
    CHECK_EQ(bytes->length, armed.length);
    CHECK_MEM(bytes->body, message, armed.length);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "hard").state, FP_OS_LIVE);
    uint64_t hash = fp_oms_state_hash(r.oms);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK(fp_oms_state_hash(r.oms) == hash);
    rig_end(&r);
}

/* An order from here takes the number that the hardware gave to its own: the later one to be dealt with gets the next. */
static void a_number_that_was_taken_meanwhile(void) {
    uint8_t message[64];
    rig_start(&r);
    struct fp_command c = arm("hard", 'B', FP_WHEN_ASK_AT_OR_ABOVE, 1500000, 1500000);
    CHECK_EQ(rig_do(&r, &c), 0);
    struct fp_armed_order armed = first_armed();
    CHECK_EQ(fp_oms_delegate(r.oms, armed.order_id, 1), 0);
    const uint32_t urn = fp_oms_next_urn(r.oms, 0);
    struct fp_fire fire = fire_of(&armed, message, urn);
    CHECK_EQ(rig_submit(&r, "soft", 'B', 1, 1400000), 0);
    CHECK_EQ(fp_oms_fired(r.oms, &fire, r.now), 1);
    CHECK_EQ(rig_get(&r, "soft").urn, urn);
    CHECK_EQ(rig_get(&r, "hard").urn, urn + 1);
    CHECK_EQ(fp_oms_next_urn(r.oms, 0), urn + 2);
    const struct rig_entry *bytes = &r.journal[r.entry_count - 1];
    fp_store_be32(message + 1, urn + 1);
    CHECK_EQ(bytes->length, armed.length);
    CHECK_MEM(bytes->body, message, armed.length);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "hard").state, FP_OS_LIVE);
    CHECK_EQ(r.venues[0]->enters_seen, 2);
    uint64_t hash = fp_oms_state_hash(r.oms);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK(fp_oms_state_hash(r.oms) == hash);
    rig_end(&r);
}

/* Every byte that differs, a refusal of the hardware's own, an expiry, a kill: nothing leaves. */
static void delegated_orders_that_end_unsent(void) {
    uint8_t message[64];
    for (int how = 0; how < 8; how++) {
        rig_start(&r);
        struct fp_command c = arm("hard", how == 7 ? 'S' : 'B', FP_WHEN_ASK_AT_OR_ABOVE, 1500000, 1500000);
        c.expire_ns = r.now + 1000000;
        CHECK_EQ(rig_submit(&r, "used", 'B', 1, 1400000), 0);
        CHECK_EQ(rig_do(&r, &c), 0);
        struct fp_armed_order armed = first_armed();
        CHECK_EQ(fp_oms_delegate(r.oms, armed.order_id, 1), 0);
        struct fp_fire fire = fire_of(&armed, message, fp_oms_next_urn(r.oms, 0));
        uint16_t wanted = FP_RC_PROCESSING_ERROR;
        if (how == 0)
            message[0] = 'U';
        if (how == 1)
            message[9]++; /* quantity */
        if (how == 2)
            fire.length--;
        if (how == 3)
            fire.length = 0;
        if (how == 4)
            fire.refusal = wanted = FP_RC_MAX_QUANTITY;
        if (how == 5) {
            r.now = c.expire_ns;
            CHECK_EQ(fp_oms_timer(r.oms, r.now), 0); /* the hardware's: not expired behind its back */
            CHECK_EQ(rig_get(&r, "hard").state, FP_OS_ARMED);
            wanted = FP_RC_DEADLINE_PASSED;
        }
        if (how == 6) {
            r.quotes[0][0].stale = 1;
            wanted = FP_RC_QUOTE_STALE;
        }
        if (how == 7)
            message[5] = message[5] == 'T' ? 'S' : 'T'; /* another marking of the short sale */
        CHECK_EQ(fp_oms_fired(r.oms, &fire, r.now), 0);
        CHECK_EQ(rig_get(&r, "hard").state, FP_OS_EXPIRED);
        CHECK_EQ(rig_get(&r, "hard").reason, wanted);
        rig_pump(&r);
        CHECK_EQ(r.venues[0]->enters_seen, 1);
        uint64_t hash = fp_oms_state_hash(r.oms);
        CHECK_EQ(rig_restart(&r, r.entry_count), 0);
        CHECK(fp_oms_state_hash(r.oms) == hash);
        rig_end(&r);
    }
    rig_start(&r);
    struct fp_command c = arm("hard", 'B', FP_WHEN_ASK_AT_OR_ABOVE, 1500000, 1500000);
    CHECK_EQ(rig_do(&r, &c), 0);
    struct fp_armed_order armed = first_armed();
    CHECK_EQ(fp_oms_delegate(r.oms, armed.order_id, 1), 0);
    c.kind = FP_CMD_KILL;
    c.kill_scope = FP_KILL_FIRM;
    CHECK_EQ(rig_do(&r, &c), 0);
    struct fp_fire fire = fire_of(&armed, message, fp_oms_next_urn(r.oms, 0));
    CHECK_EQ(fp_oms_fired(r.oms, &fire, r.now), FP_E_NOT_FOUND); /* the kill came first */
    CHECK_EQ(fp_oms_delegate(r.oms, armed.order_id, 1), FP_E_NOT_FOUND);
    rig_end(&r);
}

static void armed_orders_end_unfired(void) {
    rig_start(&r);
    struct fp_command c = arm("e", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1400000, 1400000);
    c.expire_ns = r.now + 5000000000ull;
    CHECK_EQ(rig_do(&r, &c), 0);
    c = arm("d", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1400000, 1400000);
    CHECK_EQ(rig_do(&r, &c), 0);
    c.kind = FP_CMD_DISARM;
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(rig_get(&r, "d").state, FP_OS_EXPIRED);
    CHECK_EQ(rig_get(&r, "d").reason, 0);
    CHECK_EQ(rig_do(&r, &c), 0); /* again */
    CHECK_EQ(rig_count(&r, FP_EX_TRIGGER_DISARMED), 1);
    c = arm("k", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1400000, 1400000);
    CHECK_EQ(rig_do(&r, &c), 0);
    c = arm("k2", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1400000, 1400000);
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(rig_cancel(&r, "k2"), 0); /* a plain cancel does it, too */
    CHECK_EQ(rig_submit(&r, "live", 'B', 100, 1500000), 0);
    rig_pump(&r);
    c = arm("live", 'B', 1, 1, 1);
    c.kind = FP_CMD_DISARM;
    CHECK_EQ(rig_do(&r, &c), FP_RC_ORDER_NOT_LIVE); /* what has been sent is cancelled, not disarmed */
    CHECK_EQ(rig_restart(&r, r.entry_count), 0); /* e and k are still armed */
    CHECK_EQ(r.oms->armed_count, 2);
    rig_connect(&r, 0);
    fp_oms_timer(r.oms, RIG_START + 4900000000ull);
    CHECK_EQ(rig_get(&r, "e").state, FP_OS_ARMED);
    r.now = RIG_START + 6000000000ull;
    fp_oms_timer(r.oms, r.now);
    CHECK_EQ(rig_get(&r, "e").state, FP_OS_EXPIRED);
    CHECK_EQ(rig_last(&r, FP_EX_TRIGGER_EXPIRED).last_shares, 0);
    c = rig_plain(&r, FP_CMD_KILL);
    c.kill_scope = FP_KILL_ACCOUNT;
    c.account = 0;
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(rig_get(&r, "k").state, FP_OS_EXPIRED);
    CHECK_EQ(rig_get(&r, "k").reason, FP_RC_KILL_SWITCH);
    CHECK_EQ(rig_last(&r, FP_EX_TRIGGER_DISARMED).reason, FP_RC_KILL_SWITCH);
    rig_pump(&r);
    CHECK_EQ(rig_position(&r).open_buy_shares, 0);
    uint64_t hash = fp_oms_state_hash(r.oms);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK(fp_oms_state_hash(r.oms) == hash);
    rig_end(&r);
}

/* The timer is late because the whole process stood still: what is over does not fire. */
static void nothing_fires_after_its_time(void) {
    rig_start(&r);
    struct fp_command c = arm("e", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1490000, 1490000);
    c.expire_ns = r.now + 1000000000u;
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(rig_last(&r, FP_EX_TRIGGER_ARMED).match_number, c.expire_ns);
    CHECK_EQ(rig_get(&r, "e").condition, FP_WHEN_ASK_AT_OR_BELOW);
    CHECK_EQ(rig_get(&r, "e").trigger_e4, 1490000);
    r.now = c.expire_ns;
    bbo(1489900, 1490000, 0);
    CHECK_EQ(rig_get(&r, "e").state, FP_OS_EXPIRED);
    CHECK_EQ(rig_get(&r, "e").reason, FP_RC_DEADLINE_PASSED);
    CHECK_EQ(rig_position(&r).open_buy_shares, 0);
    c = arm("past", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1400000, 1400000);
    c.expire_ns = r.now;
    CHECK_EQ(rig_do(&r, &c), FP_RC_DEADLINE_PASSED);
    uint64_t hash = fp_oms_state_hash(r.oms);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK(fp_oms_state_hash(r.oms) == hash);
    rig_end(&r);
}

static void looked_at_again_after_a_silence(void) {
    rig_start(&r);
    static const char *const ids[] = {"a", "b", "c", "d"};
    static const uint32_t triggers[] = {1480000, 1490000, 1470000, 1491000};
    for (int i = 0; i < 4; i++) {
        struct fp_command c = arm(ids[i], 'B', FP_WHEN_ASK_AT_OR_BELOW, triggers[i], triggers[i]);
        CHECK_EQ(rig_do(&r, &c), 0);
    }
    CHECK_EQ(fp_oms_look_again(r.oms, 0, r.now), 0);
    r.quotes[0][0].bid_e4 = 1489900;
    r.quotes[0][0].ask_e4 = r.quotes[0][0].last_price_e4 = 1490000;
    CHECK_EQ(fp_oms_look_again(r.oms, 1, r.now), 0);
    CHECK_EQ(fp_oms_look_again(r.oms, 0, r.now), 2);
    CHECK_EQ(rig_get(&r, "b").state, FP_OS_SENT);
    CHECK_EQ(rig_get(&r, "d").state, FP_OS_SENT);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_ARMED);
    CHECK_EQ(r.oms->armed_count, 2);
    CHECK_EQ(fp_oms_look_again(r.oms, 0, r.now), 0);
    CHECK_EQ(fp_oms_validate(r.oms), 0);
    rig_end(&r);
}

/* While the session is not there nothing is decided. When it is, what still holds fires, and what does not waits on. */
static void the_session_comes_back(void) {
    for (int restart = 0; restart < 2; restart++) {
        rig_start(&r);
        struct fp_command c = arm("holds", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1490000, 1490000);
        CHECK_EQ(rig_do(&r, &c), 0);
        c = arm("held", 'B', FP_WHEN_ASK_AT_OR_ABOVE, 1510000, 1510000);
        CHECK_EQ(rig_do(&r, &c), 0);
        c = arm("stale", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1490000, 1490000);
        memcpy(c.symbol, RIG_SYMBOLS[1], 8);
        r.quotes[0][1] = r.quotes[0][0];
        CHECK_EQ(rig_do(&r, &c), 0);
        if (restart)
            CHECK_EQ(rig_restart(&r, r.entry_count), 0);
        else
            rig_cut(&r, 0);
        bbo(1510000, 1510100, 0);
        bbo(1489900, 1490000, 0);
        CHECK_EQ(fp_oms_look_again(r.oms, 0, r.now), 0);
        CHECK_EQ(r.oms->armed_count, 3);
        r.quotes[0][1] = r.quotes[0][0];
        r.quotes[0][1].stale = 1;
        r.now += 3000000000u;
        r.quotes[0][0].feed_heard_ns = r.quotes[0][1].feed_heard_ns = r.now;
        rig_connect(&r, 0);
        CHECK_EQ(rig_get(&r, "held").state, FP_OS_ARMED);
        CHECK_EQ(rig_get(&r, "stale").state, FP_OS_ARMED); /* the end of its gap looks again */
        CHECK(rig_get(&r, "holds").flags & FP_XF_TRIGGERED);
        rig_pump(&r);
        CHECK_EQ(rig_get(&r, "holds").state, FP_OS_LIVE);
        CHECK_EQ(r.venues[0]->enters_seen, 1);
        uint64_t hash = fp_oms_state_hash(r.oms);
        CHECK_EQ(rig_restart(&r, r.entry_count), 0);
        CHECK(fp_oms_state_hash(r.oms) == hash);
        rig_end(&r);
    }
}

/* What ends while the journal fails has ended for a restart, too, as soon as the journal takes it. */
static void ends_are_owed_to_the_journal(void) {
    for (int how = 0; how < 4; how++) {
        rig_start(&r);
        struct fp_command c = arm("t", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1490000, 1490000);
        c.expire_ns = r.now + 1000000000u;
        CHECK_EQ(rig_do(&r, &c), 0);
        r.journal_limit = r.entry_count + (how == 3); /* 3: it takes FIRED, and nothing behind */
        if (how == 0) {
            c.kind = FP_CMD_DISARM;
            CHECK_EQ(rig_do(&r, &c), FP_RC_JOURNAL_FAILED);
            CHECK_EQ(r.reply.outcome, FP_OUT_ACCEPTED);
        } else if (how == 1) {
            r.now = c.expire_ns;
            fp_oms_timer(r.oms, r.now);
        } else {
            bbo(1489900, 1490000, 0);
            CHECK_EQ(rig_get(&r, "t").reason, FP_RC_JOURNAL_FAILED);
        }
        CHECK_EQ(rig_get(&r, "t").state, FP_OS_EXPIRED);
        CHECK_EQ(r.oms->owed.count, 1);
        fp_oms_timer(r.oms, r.now); /* it still fails */
        CHECK_EQ(r.oms->owed.count, 1);
        r.journal_limit = RIG_ENTRIES;
        fp_oms_timer(r.oms, r.now);
        CHECK_EQ(r.oms->owed.count, 0);
        uint64_t hash = fp_oms_state_hash(r.oms);
        CHECK_EQ(rig_restart(&r, r.entry_count), 0);
        CHECK(fp_oms_state_hash(r.oms) == hash);
        CHECK_EQ(rig_get(&r, "t").state, FP_OS_EXPIRED);
        CHECK_EQ(r.oms->armed_count, 0);
        rig_end(&r);
    }
    rig_start(&r); /* a kill: owed before what comes behind it */
    struct fp_command c = arm("t", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1490000, 1490000), kill = rig_plain(&r, FP_CMD_KILL);
    kill.kill_scope = FP_KILL_FIRM;
    CHECK_EQ(rig_do(&r, &c), 0);
    r.journal_limit = r.entry_count;
    CHECK_EQ(rig_do(&r, &kill), FP_RC_JOURNAL_FAILED);
    CHECK_EQ(r.oms->owed.count, 2);
    r.journal_limit = RIG_ENTRIES;
    kill.kind = FP_CMD_RELEASE;
    CHECK_EQ(rig_do(&r, &kill), 0);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK_EQ(r.oms->armed_count, 0);
    CHECK_EQ(r.oms->positions.usages[FP_USAGE_FIRM].killed, 0);
    rig_end(&r);
}

/* The same order twice: at arming by its condition, at firing by what has been sent. */
static void equal_triggers(void) {
    rig_begin(&r);
    r.config.agents[0].limits.duplicate_window_ms = 500;
    rig_live(&r, 256);
    struct fp_command c = arm("a", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1490000, 1490000), other = c;
    CHECK_EQ(rig_do(&r, &c), 0);
    memcpy(other.client_order_id, "b", 2);
    CHECK_EQ(rig_do(&r, &other), FP_RC_DUPLICATE_RATE);
    other.trigger_e4 = 1490100; /* another condition, the same order */
    CHECK_EQ(rig_do(&r, &other), 0);
    r.now += 500000000;
    memcpy(c.client_order_id, "c", 2);
    CHECK_EQ(rig_do(&r, &c), 0); /* later it is meant */
    bbo(1489900, 1490000, 1);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_SENT);
    CHECK_EQ(rig_get(&r, "b").reason, FP_RC_DUPLICATE_RATE);
    CHECK_EQ(rig_get(&r, "c").reason, FP_RC_DUPLICATE_RATE);
    rig_pump(&r);
    CHECK_EQ(r.venues[0]->enters_seen, 1);
    rig_end(&r);
}

static void arming_counts_as_an_order(void) {
    rig_begin(&r);
    r.config.agents[0].limits.orders_per_s = 1;
    r.config.agents[0].limits.order_burst = 2;
    rig_live(&r, 256);
    struct fp_command c = arm("a", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1490000, 1490000);
    CHECK_EQ(rig_do(&r, &c), 0);
    memcpy(c.client_order_id, "b", 2);
    CHECK_EQ(rig_do(&r, &c), 0);
    memcpy(c.client_order_id, "c", 2);
    CHECK_EQ(rig_do(&r, &c), FP_RC_PORT_RATE);
    uint64_t hash = fp_oms_state_hash(r.oms);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK(fp_oms_state_hash(r.oms) == hash);
    rig_end(&r);
}

/* An armed order rests nowhere: nothing trades with it, until it fires into what rests. */
static void armed_orders_and_self_trades(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "own", 'B', 100, 1450000), 0);
    struct fp_command c = arm("stop", 'S', FP_WHEN_BID_AT_OR_BELOW, 1450000, 1440000);
    c.agent = r.reply.order.agent;
    const uint16_t at_arming = rig_do(&r, &c);
    CHECK_EQ(at_arming, FP_RC_SELF_TRADE); /* it would trade with what rests now */
    c = arm("stop", 'S', FP_WHEN_BID_AT_OR_BELOW, 1450000, 1460000);
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(rig_submit(&r, "above", 'B', 100, 1470000), 0); /* through the stop's limit, which is not in the market */
    bbo(1449900, 1450100, 0);
    CHECK_EQ(rig_get(&r, "stop").reason, FP_RC_SELF_TRADE); /* now it would be */
    rig_end(&r);
}

static void the_condition_is_content(void) {
    rig_start(&r);
    struct fp_command c = arm("t", 'B', FP_WHEN_ASK_AT_OR_BELOW, 1490000, 1490000), other = c;
    CHECK_EQ(rig_do(&r, &c), 0);
    other.condition = FP_WHEN_BID_AT_OR_BELOW;
    CHECK_EQ(rig_do(&r, &other), FP_RC_IDEMPOTENCY_CONFLICT);
    other = c, other.trigger_e4++;
    CHECK_EQ(rig_do(&r, &other), FP_RC_IDEMPOTENCY_CONFLICT);
    other = c, other.expire_ns = r.now + 1000000000u;
    CHECK_EQ(rig_do(&r, &other), FP_RC_IDEMPOTENCY_CONFLICT);
    other = c, other.kind = FP_CMD_SUBMIT;
    CHECK_EQ(rig_do(&r, &other), FP_RC_IDEMPOTENCY_CONFLICT);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    rig_connect(&r, 0);
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
    bbo(1489900, 1490000, 1);
    CHECK_EQ(rig_do(&r, &c), 0); /* fired since: the order as it is now */
    CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
    CHECK_EQ(r.reply.order.state, FP_OS_SENT);
    rig_end(&r);
}

static void risk_looks_again_when_it_fires(void) {
    rig_begin(&r);
    r.config.accounts[0].limits.max_position = 250;
    rig_live(&r, 256);
    struct fp_command c = arm("t", 'B', FP_WHEN_ASK_AT_OR_ABOVE, 1510000, 0);
    c.order_type = FP_TYPE_MARKET;
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(rig_submit(&r, "a", 'B', 151, 1490000), FP_RC_MAX_POSITION); /* its reservation counts */
    CHECK_EQ(rig_submit(&r, "a", 'B', 150, 1490000), 0);
    rig_pump(&r);
    r.quotes[0][0].stale = 1;
    bbo(1509900, 1510000, 0);
    CHECK_EQ(rig_get(&r, "t").state, FP_OS_EXPIRED); /* one shot: not tried again */
    CHECK_EQ(rig_get(&r, "t").reason, FP_RC_QUOTE_STALE);
    CHECK_EQ(rig_position(&r).open_buy_shares, 150);
    r.quotes[0][0].stale = 0;
    bbo(1499900, 1500000, 0);
    c = arm("t2", 'B', FP_WHEN_ASK_AT_OR_ABOVE, 1510000, 0);
    c.order_type = FP_TYPE_MARKET;
    CHECK_EQ(rig_do(&r, &c), 0);
    bbo(1509900, 1510000, 1);
    CHECK_EQ(rig_get(&r, "t2").price_e4, 1585500); /* the collar's edge of the quote that fired it */
    CHECK_EQ(rig_get(&r, "t2").tif, '3');
    rig_pump(&r);
    uint64_t hash = fp_oms_state_hash(r.oms);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK(fp_oms_state_hash(r.oms) == hash);
    c = arm("bad", 'B', 0, 1510000, 1510000);
    rig_connect(&r, 0);
    CHECK_EQ(rig_do(&r, &c), FP_RC_ORDER_TYPE);
    c.condition = 5;
    CHECK_EQ(rig_do(&r, &c), FP_RC_ORDER_TYPE);
    c.condition = 1;
    c.trigger_e4 = 0;
    CHECK_EQ(rig_do(&r, &c), FP_RC_PRICE);
    c.kind = FP_CMD_PREVIEW_TRIGGER;
    c.trigger_e4 = 1510000;
    c.quantity = 1;
    CHECK_EQ(rig_do(&r, &c), FP_RC_MAX_POSITION);
    CHECK_EQ(r.reply.check_count, 24);
    rig_end(&r);
}

int main(void) {
    RUN(conditions);
    RUN(delegated_orders);
    RUN(a_number_that_was_taken_meanwhile);
    RUN(delegated_orders_that_end_unsent);
    RUN(armed_orders_end_unfired);
    RUN(nothing_fires_after_its_time);
    RUN(looked_at_again_after_a_silence);
    RUN(the_session_comes_back);
    RUN(ends_are_owed_to_the_journal);
    RUN(equal_triggers);
    RUN(arming_counts_as_an_order);
    RUN(armed_orders_and_self_trades);
    RUN(the_condition_is_content);
    RUN(risk_looks_again_when_it_fires);
    return check_done();
}
