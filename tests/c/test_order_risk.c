/* Every pre-trade check at its exact boundary: the last value that passes, the first
 * that does not, at each of the three levels; the order of the checks; the preview. */
// sources: fastpath/core/order/oms.c fastpath/core/order/table.c fastpath/core/order/position.c fastpath/core/order/risk.c
// sources: fastpath/core/order/lifecycle.c fastpath/core/order/messages.c fastpath/core/order/cancel.c fastpath/core/order/session.c fastpath/core/order/recovery.c
// sources: fastpath/core/order/owed.c fastpath/core/order/trigger.c fastpath/core/order/enter.c fastpath/core/order/audit.c
// sources: fastpath/core/wire/soup.c fastpath/core/wire/ouch.c fastpath/core/wire/layout.c
#include "order_rig.h"

static struct rig r;

/* Begin with changed limits: begin, change, go. */
static void go(void) { rig_live(&r, 256); }

static const struct fp_check *find_check(uint16_t reason) {
    for (int i = 0; i < r.reply.check_count; i++)
        if (r.reply.checks[i].reason == reason)
            return &r.reply.checks[i];
    return NULL;
}

static uint16_t preview(struct fp_command c) {
    c.kind = FP_CMD_PREVIEW;
    return rig_do(&r, &c);
}

static uint16_t try_order(char side, uint32_t quantity, uint32_t price_e4) { return preview(rig_order(&r, "try", side, quantity, price_e4)); }

/* The same order passes with the limit and fails with the limit one lower, and the failing check tells whose limit it was. */
static void boundary(void (*set)(struct fp_limits *, uint64_t), uint64_t needed, uint16_t reason, char side, uint32_t quantity, uint32_t price_e4,
                     void (*before)(void)) {
    for (int level = 0; level < 3; level++) {
        for (int short_by = 0; short_by < 2; short_by++) {
            rig_begin(&r);
            set(rig_level(&r, level), needed - (uint64_t)short_by);
            go();
            if (before)
                before();
            struct fp_command c = rig_order(&r, "x", side, quantity, price_e4);
            CHECK_EQ(preview(c), short_by ? reason : 0);
            const struct fp_check *check = find_check(reason);
            CHECK(check != NULL);
            if (check) {
                CHECK_EQ(check->observed, needed);
                CHECK_EQ(check->limit, needed - (uint64_t)short_by);
                CHECK_EQ(check->passed, !short_by);
                CHECK_EQ(check->level, level + 1);
            }
            CHECK_EQ(rig_do(&r, &c), short_by ? reason : 0);
            CHECK_EQ(r.reply.check_count, short_by); /* a refused submit tells the one check that failed */
            rig_end(&r);
        }
    }
}

static void set_quantity(struct fp_limits *l, uint64_t v) { l->max_order_quantity = (uint32_t)v; }
static void set_notional(struct fp_limits *l, uint64_t v) { l->max_order_notional_e4 = v; }
static void set_position(struct fp_limits *l, uint64_t v) { l->max_position = v; }
static void set_gross(struct fp_limits *l, uint64_t v) { l->max_gross_notional_e4 = v; }
static void set_net(struct fp_limits *l, uint64_t v) { l->max_net_notional_e4 = v; }
static void set_open(struct fp_limits *l, uint64_t v) { l->max_open_orders = (uint32_t)v; }
static void set_collar(struct fp_limits *l, uint64_t v) { l->collar_bps = (uint32_t)v; }
static void set_fat(struct fp_limits *l, uint64_t v) { l->fat_finger_bps = (uint32_t)v; }
static void set_loss(struct fp_limits *l, uint64_t v) { l->max_loss_e4 = v; }
static void set_burst(struct fp_limits *l, uint64_t v) { l->order_burst = (uint32_t)v; l->orders_per_s = 1; }

/* 200 bought at 150, 100 more open to buy. */
static void have_some(void) {
    CHECK_EQ(rig_submit(&r, "h1", 'B', 200, 1500000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 1, 200, 1500000);
    rig_pump(&r);
    CHECK_EQ(rig_submit(&r, "h2", 'B', 100, 1499000), 0);
    rig_pump(&r);
}

static void lose_a_dollar_a_share(void) {
    have_some();
    CHECK_EQ(rig_cancel(&r, "h2"), 0);
    rig_pump(&r);
    CHECK_EQ(rig_submit(&r, "h3", 'S', 100, 1499000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 3, 100, 1490000);
    rig_pump(&r);
}

static void limits_at_their_boundary(void) {
    boundary(set_quantity, 100, FP_RC_MAX_QUANTITY, 'B', 100, 1500000, NULL);
    boundary(set_notional, 100 * 1500000ull, FP_RC_ORDER_NOTIONAL, 'B', 100, 1500000, NULL);
    boundary(set_collar, 10, FP_RC_MARKET_IMPACT, 'B', 100, 1501600, NULL); /* ask 150.01: 9.99 bps, told as 10 */
    boundary(set_collar, 10, FP_RC_MARKET_IMPACT, 'S', 100, 1498500, NULL); /* bid 149.99 */
    boundary(set_fat, 20, FP_RC_FAT_FINGER, 'B', 100, 1503000, NULL);       /* last 150.00, 20 bps */
    boundary(set_fat, 2000, FP_RC_FAT_FINGER, 'B', 100, 1200000, NULL);     /* cheap is as wrong as dear */
    boundary(set_open, 2, FP_RC_MAX_OPEN_ORDERS, 'B', 100, 1499000, have_some);
}

static void usage_at_its_boundary(void) {
    /* these limits bind the orders before, too, which stay below: 200 + 100 open + 50 more */
    boundary(set_position, 350, FP_RC_MAX_POSITION, 'B', 50, 1500000, have_some);
    boundary(set_gross, 200 * 1500000ull + 100 * 1499000ull + 50 * 1500000ull, FP_RC_AGGREGATE_EXPOSURE, 'B', 50, 1500000, have_some);
    boundary(set_net, 200 * 1500000ull + 100 * 1499000ull + 50 * 1500000ull, FP_RC_NET_NOTIONAL, 'B', 50, 1500000, have_some);
    /* selling 200 of them and going short by 301: 101 short */
    boundary(set_position, 301, FP_RC_MAX_POSITION, 'S', 501, 1500000, have_some);
}

static void loss_latches(void) {
    boundary(set_loss, 100 * 10000, FP_RC_LOSS_LIMIT, 'B', 100, 1490000, lose_a_dollar_a_share);
    /* latched for good, even when a later trade wins it back */
    rig_begin(&r);
    r.config.accounts[0].limits.max_loss_e4 = 100 * 10000 - 1;
    go();
    lose_a_dollar_a_share();
    CHECK_EQ(try_order('B', 100, 1490000), FP_RC_LOSS_LIMIT);
    unsigned losses = 0;
    for (unsigned i = 0; i < r.entry_count; i++)
        losses += r.journal[i].type == FP_JR_KILL && r.journal[i].body[0] == FP_KS_LOSS;
    CHECK_EQ(losses, 1);
    venue_fill(r.venues[0], 3, 50, 1600000); /* late, and a gain */
    rig_pump(&r);
    CHECK(rig_position(&r).realised_e4 > 0);
    CHECK_EQ(try_order('B', 100, 1490000), FP_RC_LOSS_LIMIT);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    rig_connect(&r, 0);
    CHECK_EQ(try_order('B', 100, 1490000), FP_RC_LOSS_LIMIT);
    struct fp_command c = rig_order(&r, "", 0, 0, 0);
    c.kind = FP_CMD_RELEASE;
    c.kill_scope = FP_KILL_ACCOUNT;
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(try_order('B', 100, 1490000), 0);
    rig_end(&r);
}

static void position_by_level_has_its_own_usage(void) {
    rig_begin(&r);
    r.config.agents[0].limits.max_position = 300;
    r.config.accounts[0].limits.max_position = 400;
    go();
    struct fp_command c = rig_order(&r, "by1", 'B', 350, 1500000);
    c.agent = 1; /* the account's other agent holds 350 */
    CHECK_EQ(rig_do(&r, &c), 0);
    rig_pump(&r);
    CHECK_EQ(try_order('B', 50, 1500000), 0); /* agent 0 is at 50, the account at 400 */
    CHECK_EQ(try_order('B', 51, 1500000), FP_RC_MAX_POSITION);
    CHECK_EQ(find_check(FP_RC_MAX_POSITION)->level, 2);
    c = rig_order(&r, "other", 'B', 301, 1500000); /* another account: only the firm is shared */
    c.account = 1;
    c.agent = 2;
    CHECK_EQ(preview(c), 0);
    rig_end(&r);
}

static void reducing_is_always_within_position_and_net(void) {
    rig_begin(&r);
    go();
    have_some();
    set_position(&r.oms->positions.usages[1].limits, 10);
    set_net(&r.oms->positions.usages[1].limits, 10);
    CHECK_EQ(try_order('S', 200, 1500000), 0);
    CHECK_EQ(try_order('B', 1, 1500000), FP_RC_MAX_POSITION);
    rig_end(&r);
}

static void rates(void) {
    boundary(set_burst, 1, FP_RC_PORT_RATE, 'B', 100, 1500000, NULL);
    rig_begin(&r);
    r.config.agents[0].limits.order_burst = 2;
    r.config.agents[0].limits.orders_per_s = 10;
    go();
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    CHECK_EQ(rig_submit(&r, "b", 'B', 100, 1500000), 0);
    uint64_t second = r.now;
    CHECK_EQ(rig_submit(&r, "c", 'B', 100, 1500000), FP_RC_PORT_RATE);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "a", "a2", 100, 1499900), FP_RC_PORT_RATE); /* replaces count */
    CHECK_EQ(rig_cancel(&r, "a"), 0);                                   /* cancels never do */
    uint64_t first = second - 1000; /* a and b were 1 us apart: the bucket was 10 ns' worth short of full for b */
    r.now = first + 100000000 - 1001;
    CHECK_EQ(try_order('B', 100, 1500000), FP_RC_PORT_RATE);
    r.now = first + 100000000 - 1000;
    CHECK_EQ(try_order('B', 100, 1500000), 0);
    rig_end(&r);
    /* zero means zero */
    rig_begin(&r);
    r.config.firm_limits.orders_per_s = 0;
    go();
    CHECK_EQ(try_order('B', 100, 1500000), FP_RC_PORT_RATE);
    rig_end(&r);
}

static void duplicates(void) {
    for (int level = 0; level < 3; level++) {
        rig_begin(&r);
        rig_level(&r, level)->duplicate_window_ms = 500;
        go();
        CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
        uint64_t sent = r.now;
        CHECK_EQ(rig_submit(&r, "b", 'B', 100, 1500000), FP_RC_DUPLICATE_RATE);
        CHECK_EQ(try_order('B', 101, 1500000), 0);
        CHECK_EQ(try_order('B', 100, 1499900), 0);
        struct fp_command c = rig_order(&r, "c", 'B', 100, 1500000);
        memcpy(c.symbol, RIG_SYMBOLS[1], 8);
        c.price_e4 = 4000000;
        CHECK_EQ(preview(c), 0);
        c = rig_order(&r, "c", 'B', 100, 1500000);
        c.agent = 1; /* another agent's is another order, unless the window was only agent 0's anyway */
        CHECK_EQ(preview(c), 0);
        r.now = sent + 500000000 - 1001; /* the rig's clock moves by 1000 */
        CHECK_EQ(try_order('B', 100, 1500000), FP_RC_DUPLICATE_RATE);
        r.now = sent + 500000000 - 1000;
        CHECK_EQ(try_order('B', 100, 1500000), 0);
        rig_end(&r);
    }
}

static void form_of_the_order(void) {
    rig_start(&r);
    CHECK_EQ(try_order('X', 100, 1500000), FP_RC_SIDE);
    CHECK_EQ(try_order(0, 100, 1500000), FP_RC_SIDE);
    struct fp_command c = rig_order(&r, "t", 'B', 100, 1500000);
    c.tif = '5';
    CHECK_EQ(preview(c), FP_RC_TIF);
    c.tif = '3';
    CHECK_EQ(preview(c), 0);
    c.order_type = 2;
    CHECK_EQ(preview(c), FP_RC_ORDER_TYPE);
    CHECK_EQ(try_order('B', 0, 1500000), FP_RC_QUANTITY);
    CHECK_EQ(try_order('B', 1, 1500000), 0); /* odd lots are legal */
    CHECK_EQ(try_order('B', 999999, 1500000), 0);
    CHECK_EQ(try_order('B', 1000000, 1500000), FP_RC_QUANTITY);
    CHECK_EQ(try_order('B', 100, 0), FP_RC_PRICE);
    CHECK_EQ(try_order('B', 100, 1500001), FP_RC_PRICE);
    CHECK_EQ(try_order('B', 100, 1500050), FP_RC_PRICE);
    CHECK_EQ(try_order('B', 100, 2000000000), FP_RC_PRICE);
    c = rig_order(&r, "p", 'B', 100, 5001); /* below one dollar the tick is a hundredth of a cent */
    memcpy(c.symbol, RIG_SYMBOLS[2], 8);
    CHECK_EQ(preview(c), 0);
    c.price_e4 = 10001;
    CHECK_EQ(preview(c), FP_RC_PRICE);
    memcpy(c.symbol, "\0APL    ", 8);
    CHECK_EQ(preview(c), FP_RC_SYMBOL);
    memcpy(c.symbol, "AA PL   ", 8);
    CHECK_EQ(preview(c), FP_RC_SYMBOL);
    /* the largest legal price */
    r.quotes[0][0].ask_e4 = r.quotes[0][0].last_price_e4 = FP_OUCH_MAX_PRICE_E4;
    CHECK_EQ(try_order('B', 100, FP_OUCH_MAX_PRICE_E4), 0);
    CHECK_EQ(try_order('B', 100, FP_OUCH_MAX_PRICE_E4 + 100), FP_RC_PRICE);
    rig_end(&r);
}

static void names_and_permissions(void) {
    rig_begin(&r);
    r.config.agents[1].may_trade = 0;
    r.config.agents[0].venue_mask = 1;
    r.config.agents[0].symbol_count = 2;
    memcpy(r.config.agents[0].symbols[0], RIG_SYMBOLS[0], 8);
    memcpy(r.config.agents[0].symbols[1], RIG_SYMBOLS[3], 8);
    go();
    CHECK_EQ(try_order('B', 100, 1500000), 0);
    struct fp_command c = rig_order(&r, "n", 'B', 100, 1500000);
    c.account = 0xFFFF;
    CHECK_EQ(preview(c), FP_RC_UNKNOWN_ACCOUNT);
    c = rig_order(&r, "n", 'B', 100, 1500000);
    c.agent = 3;
    CHECK_EQ(preview(c), FP_RC_UNKNOWN_AGENT);
    c.agent = 0;
    c.venue = 2;
    CHECK_EQ(preview(c), FP_RC_UNKNOWN_VENUE);
    c.venue = 0xFF;
    CHECK_EQ(preview(c), FP_RC_UNKNOWN_VENUE);
    CHECK_EQ(rig_do(&r, &c), FP_RC_UNKNOWN_VENUE);
    c.venue = 1;
    CHECK_EQ(preview(c), FP_RC_NOT_PERMITTED);
    c.venue = 0;
    c.agent = 1;
    CHECK_EQ(preview(c), FP_RC_NOT_PERMITTED);
    c.agent = 2; /* of the other account */
    CHECK_EQ(preview(c), FP_RC_NOT_PERMITTED);
    c.agent = 0;
    memcpy(c.symbol, RIG_SYMBOLS[1], 8);
    c.price_e4 = 4000000;
    CHECK_EQ(preview(c), FP_RC_RESTRICTED_STOCK);
    memcpy(c.symbol, RIG_SYMBOLS[3], 8);
    CHECK_EQ(preview(c), FP_RC_UNKNOWN_SYMBOL_YET);
    rig_end(&r);
}

static void state_of_the_symbol_and_the_quote(void) {
    rig_start(&r);
    struct fp_quote *q = &r.quotes[0][0], good = *q;
    const char states[] = {'H', 'P', 'Q', 0};
    for (int i = 0; i < 4; i++) {
        q->trading_state = states[i];
        CHECK_EQ(try_order('B', 100, 1500000), FP_RC_HALTED);
    }
    *q = good;
    q->stale = 1;
    CHECK_EQ(try_order('B', 100, 1500000), FP_RC_QUOTE_STALE);
    *q = good;
    q->feed_heard_ns = r.now + 1000 - 1000000000ull; /* silent for the allowed second */
    CHECK_EQ(try_order('B', 100, 1500000), 0);
    q->feed_heard_ns = r.now + 1000 - 1000000001ull;
    CHECK_EQ(try_order('B', 100, 1500000), FP_RC_QUOTE_STALE);
    CHECK_EQ(find_check(FP_RC_QUOTE_STALE)->observed, 1001);
    q->feed_heard_ns = r.now + 5000000; /* a feed clock ahead of ours is not silence */
    CHECK_EQ(try_order('B', 100, 1500000), 0);
    *q = good;
    struct fp_command c = rig_order(&r, "q", 'B', 100, 1500000);
    c.max_quote_age_ms = 5;
    q->rx_ns = r.now + 1000 - 5000000;
    CHECK_EQ(preview(c), 0);
    q->rx_ns = r.now + 1000 - 5000001;
    CHECK_EQ(preview(c), FP_RC_QUOTE_STALE);
    c.max_quote_age_ms = 0;
    CHECK_EQ(preview(c), 0);
    *q = good;
    q->bid_e4 = q->ask_e4 = q->last_price_e4 = 0;
    CHECK_EQ(try_order('B', 100, 1500000), FP_RC_NO_REFERENCE_PRICE);
    q->last_price_e4 = 1500000; /* the last trade will do */
    CHECK_EQ(try_order('B', 100, 1575000), 0);
    CHECK_EQ(try_order('B', 100, 1575100), FP_RC_MARKET_IMPACT);
    q->last_price_e4 = 0;
    q->last_price_e4 = 0;
    q->bid_e4 = 1500000; /* and so will the near side */
    CHECK_EQ(try_order('B', 100, 1575000), 0);
    CHECK_EQ(try_order('B', 100, 1575100), FP_RC_MARKET_IMPACT);
    rig_end(&r);
    rig_begin(&r); /* nothing traded yet: a price is held against the nearer quote, both ways */
    rig_level(&r, 0)->fat_finger_bps = rig_level(&r, 1)->fat_finger_bps = 1000;
    go();
    r.quotes[0][0].last_price_e4 = 0;
    CHECK_EQ(try_order('B', 100, 1350000), 0); /* bid 149.99, less 10 % is 134.991 */
    CHECK_EQ(try_order('B', 100, 1349900), FP_RC_FAT_FINGER);
    CHECK_EQ(try_order('S', 100, 1650100), 0); /* ask 150.01 and 10 % is 165.011 */
    CHECK_EQ(try_order('S', 100, 1650200), FP_RC_FAT_FINGER);
    rig_end(&r);
    for (int level = 0; level < 3; level++) { /* the tightest silence counts */
        rig_begin(&r);
        rig_level(&r, level)->max_feed_silence_ms = 10;
        go();
        r.quotes[0][0].feed_heard_ns = r.now + 1000 - 10000000;
        CHECK_EQ(try_order('B', 100, 1500000), 0);
        r.quotes[0][0].feed_heard_ns--;
        r.now -= 1000;
        CHECK_EQ(try_order('B', 100, 1500000), FP_RC_QUOTE_STALE);
        CHECK_EQ(find_check(FP_RC_QUOTE_STALE)->level, level + 1);
        rig_end(&r);
    }
}

static void market_orders_are_never_naked(void) {
    rig_begin(&r);
    r.config.accounts[0].limits.collar_bps = 15;
    go();
    struct fp_command c = rig_order(&r, "m", 'B', 100, 0);
    c.order_type = FP_TYPE_MARKET;
    CHECK_EQ(preview(c), 0);
    CHECK_EQ(r.reply.effective_price_e4, 1502300); /* 150.01 + 15 bps = 150.235015, down to the cent */
    c.side = 'S';
    CHECK_EQ(preview(c), 0);
    CHECK_EQ(r.reply.effective_price_e4, 1497700); /* 149.99 - 15 bps = 149.765015, up to the cent */
    c.side = 'B';
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.effective_price_e4, 1502300);
    CHECK(r.reply.order.flags & FP_XF_MARKET);
    rig_pump(&r);
    CHECK_EQ(venue_find(r.venues[0], 1)->tif, '3');
    CHECK_EQ(venue_find(r.venues[0], 1)->price_e4, 1502300);
    venue_cancel(r.venues[0], 1, 100, 'I');
    rig_pump(&r);
    c = rig_order(&r, "m2", 'B', 100, 1500000); /* a market order has no price */
    c.order_type = FP_TYPE_MARKET;
    CHECK_EQ(preview(c), FP_RC_PRICE);
    c.price_e4 = 0;
    r.quotes[0][0].ask_e4 = 0; /* nothing to hit */
    CHECK_EQ(preview(c), FP_RC_NO_REFERENCE_PRICE);
    c.side = 'S';
    CHECK_EQ(preview(c), 0);
    memcpy(c.symbol, RIG_SYMBOLS[2], 8); /* below a dollar no rounding */
    CHECK_EQ(preview(c), 0);
    CHECK_EQ(r.reply.effective_price_e4, 4990 - 4990 * 15 / 10000);
    rig_end(&r);
}

static void short_sales(void) {
    rig_begin(&r);
    r.config.agents[1].may_short = 0;
    go();
    have_some();
    struct fp_command c = rig_order(&r, "s", 'S', 200, 1500000);
    c.agent = 1; /* what the account holds, any of its agents may sell */
    CHECK_EQ(preview(c), 0);
    c.quantity = 201;
    CHECK_EQ(preview(c), FP_RC_SHORT_NOT_ALLOWED);
    CHECK_EQ(find_check(FP_RC_SHORT_NOT_ALLOWED)->observed, 201);
    CHECK_EQ(find_check(FP_RC_SHORT_NOT_ALLOWED)->limit, 200);
    c.quantity = 150;
    CHECK_EQ(rig_do(&r, &c), 0);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "s").side, 'S');
    strcpy(c.client_order_id, "s2"); /* open sales count against the position */
    c.quantity = 51;
    CHECK_EQ(preview(c), FP_RC_SHORT_NOT_ALLOWED);
    c.quantity = 50;
    CHECK_EQ(preview(c), 0);
    c.agent = 0; /* may short: marked on the wire */
    c.quantity = 51;
    CHECK_EQ(rig_do(&r, &c), 0);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "s2").side, 'T');
    CHECK_EQ(venue_find(r.venues[0], rig_get(&r, "s2").urn)->side, 'T');
    /* a replace that sells more than is held becomes short too, and a marked one stays marked */
    CHECK_EQ(rig_replace(&r, "s", "s3", 151, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(venue_find(r.venues[0], rig_get(&r, "s3").urn)->side, 'T');
    CHECK_EQ(rig_replace(&r, "s3", "s4", 10, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "s4").side, 'T');
    /* Regulation SHO in force: short only above the bid */
    r.quotes[0][0].reg_sho = '1';
    CHECK_EQ(try_order('S', 300, 1499900), FP_RC_SHORT_SELL_RESTRICTED);
    CHECK_EQ(try_order('S', 300, 1500000), 0);
    CHECK_EQ(try_order('S', 100, 1499900), 0); /* a long sale may hit it */
    rig_end(&r);
}

static void no_trades_with_oneself(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "s1", 'S', 100, 1500500), 0);
    CHECK_EQ(rig_submit(&r, "s2", 'S', 100, 1500300), 0);
    rig_pump(&r);
    CHECK_EQ(try_order('B', 100, 1500200), 0);
    CHECK_EQ(try_order('B', 100, 1500300), FP_RC_SELF_TRADE);
    CHECK_EQ(find_check(FP_RC_SELF_TRADE)->limit, 1500300);
    struct fp_command c = rig_order(&r, "v", 'B', 100, 1500300);
    c.venue = 1; /* another venue cannot match them */
    CHECK_EQ(preview(c), 0);
    c.venue = 0;
    c.account = 1;
    c.agent = 2; /* another account may */
    CHECK_EQ(preview(c), 0);
    CHECK_EQ(rig_cancel(&r, "s2"), 0);
    rig_pump(&r);
    CHECK_EQ(try_order('B', 100, 1500300), 0);
    CHECK_EQ(rig_submit(&r, "b1", 'B', 100, 1500200), 0);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "b1", "b2", 100, 1500500), FP_RC_SELF_TRADE);
    CHECK_EQ(rig_replace(&r, "s1", "s3", 100, 1500200), FP_RC_SELF_TRADE);
    CHECK_EQ(rig_replace(&r, "s1", "s3", 100, 1500300), 0);
    rig_end(&r);
}

static void replace_is_checked_without_what_it_replaces(void) {
    rig_begin(&r);
    r.config.accounts[0].limits.max_position = 500;
    r.config.accounts[0].limits.max_open_orders = 1;
    r.config.accounts[0].limits.max_gross_notional_e4 = 500ull * 1500000;
    go();
    CHECK_EQ(rig_submit(&r, "a", 'B', 500, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "a", "b", 500, 1500100), FP_RC_AGGREGATE_EXPOSURE);
    CHECK_EQ(rig_replace(&r, "a", "b", 501, 1400000), FP_RC_MAX_POSITION);
    CHECK_EQ(rig_replace(&r, "a", "b", 500, 1499900), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 2, 200, 1499900);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "b", "c", 501, 1400000), FP_RC_MAX_POSITION); /* 200 held + 301 */
    CHECK_EQ(rig_replace(&r, "b", "c", 500, 1499900), 0);
    rig_end(&r);
}

static void order_of_the_checks(void) {
    static const uint16_t expected[] = {FP_RC_KILL_SWITCH, FP_RC_SESSION_DOWN, FP_RC_UNKNOWN_VENUE, FP_RC_NOT_PERMITTED, FP_RC_UNKNOWN_SYMBOL_YET, FP_RC_HALTED,
        FP_RC_ORDER_TYPE, FP_RC_QUANTITY, FP_RC_PRICE, FP_RC_MAX_QUANTITY, FP_RC_QUOTE_STALE, FP_RC_NO_REFERENCE_PRICE, FP_RC_MARKET_IMPACT, FP_RC_FAT_FINGER,
        FP_RC_ORDER_NOTIONAL, FP_RC_MAX_POSITION, FP_RC_SHORT_NOT_ALLOWED, FP_RC_AGGREGATE_EXPOSURE, FP_RC_NET_NOTIONAL, FP_RC_MAX_OPEN_ORDERS, FP_RC_LOSS_LIMIT,
        FP_RC_SELF_TRADE, FP_RC_DUPLICATE_RATE, FP_RC_PORT_RATE};
    rig_start(&r);
    CHECK_EQ(try_order('B', 100, 1500000), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_ACCEPTED);
    CHECK_EQ(r.reply.check_count, 24);
    for (int i = 0; i < 24; i++) {
        CHECK_EQ(r.reply.checks[i].reason, expected[i]);
        CHECK_EQ(r.reply.checks[i].passed, 1);
    }
    unsigned entries = r.entry_count, execs = r.exec_count;
    memset(&r.oms->positions.usages[0].limits, 0, sizeof(struct fp_limits)); /* a firm that allows nothing */
    CHECK_EQ(try_order('B', 100, 1500000), FP_RC_MAX_QUANTITY);
    int failed = 0;
    for (int i = 0; i < 24; i++)
        failed += !r.reply.checks[i].passed;
    CHECK_EQ(failed, 8); /* quantity, silence (of 1 us), notional, position, gross, net, open orders, rate; the price is at the market */
    CHECK_EQ(r.entry_count, entries); /* a preview leaves no trace */
    CHECK_EQ(r.exec_count, execs);
    CHECK_EQ(r.oms->table.count, 0);
    rig_end(&r);
}

static void sessions_that_take_no_orders(void) {
    rig_begin(&r);
    r.config.venues[1].order_host[0] = 0; /* market data only */
    rig_oms(&r, 16);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), FP_RC_RECOVERING); /* before the fold */
    CHECK_EQ(r.entry_count, 0);
    CHECK_EQ(fp_oms_fold_done(r.oms, r.now), 0);
    CHECK_EQ(fp_oms_wants_connection(r.oms, 1, r.now), 0);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), FP_RC_SESSION_DOWN);
    r.venues[0]->mute_queries = 1;
    venue_connect(r.venues[0]);
    fp_oms_connected(r.oms, 0, r.now);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), FP_RC_RECOVERING); /* login sent */
    rig_pump(&r);
    CHECK_EQ(fp_oms_recovering(r.oms), 1);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), FP_RC_RECOVERING); /* replaying */
    rig_cut(&r, 0);
    r.venues[0]->mute_queries = 0;
    rig_connect(&r, 0);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    rig_pump(&r);
    r.venues[0]->out_length += (size_t)fp_soup_server_end(&r.venues[0]->soup, r.venues[0]->out + r.venues[0]->out_length, 16);
    rig_pump(&r);
    CHECK_EQ(rig_submit(&r, "b", 'B', 100, 1500000), FP_RC_SESSION_ENDED);
    r.now += 10000000000ull;
    CHECK_EQ(fp_oms_wants_connection(r.oms, 0, r.now), 0);
    rig_end(&r);
}

int main(void) {
    RUN(limits_at_their_boundary);
    RUN(usage_at_its_boundary);
    RUN(loss_latches);
    RUN(position_by_level_has_its_own_usage);
    RUN(reducing_is_always_within_position_and_net);
    RUN(rates);
    RUN(duplicates);
    RUN(form_of_the_order);
    RUN(names_and_permissions);
    RUN(state_of_the_symbol_and_the_quote);
    RUN(market_orders_are_never_naked);
    RUN(short_sales);
    RUN(no_trades_with_oneself);
    RUN(replace_is_checked_without_what_it_replaces);
    RUN(order_of_the_checks);
    RUN(sessions_that_take_no_orders);
    return check_done();
}
