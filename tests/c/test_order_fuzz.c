/* Random commands, random venue messages, random bytes, cuts and restarts, from fixed
 * seeds: after every step every invariant holds, and what was lived is what is folded. */
// sources: fastpath/core/order/oms.c fastpath/core/order/table.c fastpath/core/order/position.c fastpath/core/order/risk.c
// sources: fastpath/core/order/lifecycle.c fastpath/core/order/messages.c fastpath/core/order/cancel.c fastpath/core/order/session.c fastpath/core/order/recovery.c
// sources: fastpath/core/order/owed.c fastpath/core/order/trigger.c fastpath/core/order/enter.c fastpath/core/order/audit.c
// sources: fastpath/core/wire/soup.c fastpath/core/wire/ouch.c fastpath/core/wire/layout.c
#include "order_rig.h"

enum { SEEDS = 30, STEPS = 1500 };

static struct rig r;
static uint64_t seed;

static uint32_t any(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 20) % below);
}

static void random_id(char out[40]) {
    memset(out, 0, 40);
    sprintf(out, "id%u", any(300));
    if (any(40) == 0)
        out[any(40)] = (char)any(256);
}

static uint32_t random_price(void) {
    static const uint32_t odd[] = {0, 1, 99, 10000, 1500001, 1999999900, 0x7FFFFFFF, UINT32_MAX};
    return any(20) == 0 ? odd[any(8)] : 1490000 + any(200) * 100;
}

static void random_command(void) {
    struct fp_command c = rig_order(&r, "", any(2) ? 'B' : 'S', 1 + any(500), random_price());
    static const uint8_t kinds[] = {FP_CMD_SUBMIT, FP_CMD_SUBMIT, FP_CMD_SUBMIT, FP_CMD_SUBMIT, FP_CMD_REPLACE, FP_CMD_REPLACE, FP_CMD_CANCEL, FP_CMD_CANCEL_ALL,
        FP_CMD_PREVIEW, FP_CMD_PREVIEW_REPLACE, FP_CMD_ARM, FP_CMD_ARM, FP_CMD_DISARM, FP_CMD_PREVIEW_TRIGGER, FP_CMD_KILL, FP_CMD_RELEASE, FP_CMD_RELEASE};
    c.kind = kinds[any(sizeof kinds)];
    if ((c.kind == FP_CMD_KILL && any(10)) || (c.kind == FP_CMD_CANCEL_ALL && any(3)))
        c.kind = FP_CMD_SUBMIT;
    if (any(8)) /* mostly beside each other, so that not everything is a self-trade */
        c.price_e4 = c.side == 'B' ? 1490000 + any(100) * 100 : 1500100 + any(100) * 100;
    c.kill_scope = (uint8_t)any(6);
    if (c.kind == FP_CMD_RELEASE && any(2))
        c.kill_scope = FP_KILL_FIRM;
    random_id(c.client_order_id);
    const struct fp_order *known = r.oms->table.count ? &r.oms->table.orders[any(r.oms->table.count)] : NULL;
    if (known && c.kind != FP_CMD_SUBMIT && c.kind != FP_CMD_ARM && any(4))
        memcpy(c.client_order_id, known->client_order_id, 40);
    random_id(c.new_client_order_id);
    memcpy(c.symbol, RIG_SYMBOLS[any(8) == 0 ? any(4) : 0], 8);
    c.account = (uint16_t)(any(30) == 0 ? 0xFFFF : any(3) == 0);
    c.agent = (uint16_t)(any(30) == 0 ? any(70000) : c.account ? 2 : any(2));
    c.venue = (uint8_t)(any(30) == 0 ? any(256) : any(2));
    c.order_type = (uint8_t)(any(6) == 0);
    if (c.order_type)
        c.price_e4 = 0;
    c.tif = any(5) ? '0' : '3';
    c.condition = (uint8_t)any(6);
    c.trigger_e4 = random_price();
    c.expire_ns = any(2) ? 0 : r.now + any(2000000000);
    if (any(50) == 0)
        c.quantity = any(2) ? 0 : UINT32_MAX - any(3);
    if (any(60) == 0)
        ((uint8_t *)&c)[any(sizeof c)] = (uint8_t)any(256);
    rig_do(&r, &c);
}

/* A sequenced message that decodes, about an order that may be ours, with numbers that may be. */
static void random_message(uint8_t v) {
    static const char types[] = "AJECDUBPITMRSXGKQ";
    union fp_ouch_out_body m;
    struct fp_oms *oms = r.oms;
    uint8_t body[128], packet[160];
    uint8_t *raw = (uint8_t *)&m;
    for (size_t i = 0; i < sizeof m; i++)
        raw[i] = (uint8_t)any(256);
    m.type = types[any(17)];
    uint32_t urn = 1 + any(oms->venues[v].next_urn + 1), quantity = any(5) ? any(500) : any(UINT32_MAX);
    uint64_t price = any(10) ? random_price() : (uint64_t)any(UINT32_MAX) << any(32);
    const struct fp_order *order = fp_table_by_urn(&oms->table, v, urn);
    char id[14] = "unknown-to-us", side = any(20) ? (order ? order->side : 'B') : (char)any(256), state = any(4) ? 'L' : 'D';
    if (order && any(4))
        fp_clordid_put(order->order_id, id);
    switch (m.type) {
    case 'A': m.order_accepted.user_ref_num = urn; m.order_accepted.quantity = quantity; m.order_accepted.price_e4 = price; m.order_accepted.side = side;
        m.order_accepted.order_state = state; memcpy(m.order_accepted.cl_ord_id, id, 14); break;
    case 'J': m.rejected.user_ref_num = urn; memcpy(m.rejected.cl_ord_id, id, 14); break;
    case 'E': m.order_executed.user_ref_num = urn; m.order_executed.quantity = quantity; m.order_executed.price_e4 = price; m.order_executed.match_number = any(200); break;
    case 'C': m.order_canceled.user_ref_num = urn; m.order_canceled.quantity = quantity; break;
    case 'D': m.aiq_canceled.user_ref_num = urn; m.aiq_canceled.decrement_shares = quantity; break;
    case 'U': m.order_replaced.user_ref_num = urn; m.order_replaced.orig_user_ref_num = order && order->parent != FP_NO_INDEX && any(4) ? oms->table.orders[order->parent].urn : any(50);
        m.order_replaced.quantity = quantity; m.order_replaced.price_e4 = price; m.order_replaced.side = side; m.order_replaced.order_state = state;
        memcpy(m.order_replaced.cl_ord_id, id, 14); break;
    case 'B': m.broken_trade.user_ref_num = urn; m.broken_trade.match_number = any(200); memcpy(m.broken_trade.cl_ord_id, id, 14); break;
    case 'P': m.cancel_pending.user_ref_num = urn; break;
    case 'I': m.cancel_reject.user_ref_num = urn; break;
    case 'T': m.order_priority_update.user_ref_num = urn; m.order_priority_update.price_e4 = price; break;
    case 'M': m.order_modified.user_ref_num = urn; m.order_modified.quantity = quantity; m.order_modified.side = side; break;
    case 'R': m.order_restated.user_ref_num = urn; break;
    case 'Q': m.account_query_response.next_user_ref_num = oms->venues[v].next_urn - any(2); break;
    default: break;
    }
    int n = fp_ouch_out_encode(&m, NULL, body, sizeof body);
    if (n <= 0)
        return;
    /* into the venue's log as well, or its replay would tell another story */
    struct test_venue *venue = r.venues[v];
    if (venue->log_count == RIG_LOG || !venue->connected || oms->venues[v].state < FP_VS_REPLAYING)
        return;
    memcpy(venue->log[venue->log_count].bytes, body, (size_t)n);
    venue->log[venue->log_count++].length = (uint16_t)n;
    n = fp_soup_put('S', body, (size_t)n, packet, sizeof packet);
    int taken = fp_oms_receive(oms, v, packet, (size_t)n, r.now);
    CHECK_EQ(taken, n);
}

static void fill_something(uint8_t v) {
    struct test_venue *venue = r.venues[v];
    if (venue->order_count == 0 || !venue->connected || venue->log_count > RIG_LOG - 10)
        return;
    struct venue_order *o = &venue->orders[any(venue->order_count)];
    if (o->live && o->leaves)
        venue_fill(venue, o->urn, 1 + any(o->leaves), (uint32_t)o->price_e4);
    rig_pump(&r);
}

static void random_bytes(uint8_t v) {
    uint8_t bytes[64];
    size_t n = 1 + any(63);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)any(256);
    if (any(2))
        bytes[0] = 0, bytes[1] = (uint8_t)any(40), bytes[2] = "S+HUZJA?"[any(8)];
    if (bytes[2] == 'Z' || bytes[2] == 'S') /* the end of the session would end the test, an unlogged message the replay */
        bytes[2] = '+';
    int taken = fp_oms_receive(r.oms, v, bytes, n, r.now);
    CHECK(taken <= (int)n);
    if (taken < 0)
        rig_cut(&r, v);
}

static void restart(void) {
    uint64_t hash = fp_oms_state_hash(r.oms);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK(fp_oms_state_hash(r.oms) == hash);
}

static void one_seed(uint64_t start) {
    seed = start * 0x9E3779B97F4A7C15u + 1;
    rig_begin(&r);
    r.config.accounts[0].limits.max_loss_e4 = 4000000000000ull;
    r.config.accounts[0].limits.max_open_orders = 40;
    r.config.agents[1].may_short = 0;
    r.config.agents[0].limits.duplicate_window_ms = 1;
    rig_live(&r, 200);
    for (int step = 0; step < STEPS && check_failures == 0 && r.entry_count < RIG_ENTRIES - 2000; step++) {
        uint8_t v = (uint8_t)any(2);
        switch (any(24)) {
        case 0: rig_pump(&r); break;
        case 1: case 2: case 3: if (r.oms->venues[v].connected) random_message(v); break;
        case 4: if (any(4) == 0 && r.oms->venues[v].connected) random_bytes(v); break;
        case 5: if (any(6) == 0) rig_cut(&r, v); break;
        case 6: if (any(12) == 0) restart(); break;
        case 7: r.now += any(700000000); fp_oms_timer(r.oms, r.now); break;
        case 8: fp_oms_on_bbo(r.oms, v, RIG_SYMBOLS[0], random_price(), random_price(), r.now); break;
        case 10: case 11: fill_something(v); break;
        case 9: r.venues[v]->quiet = any(6) == 0; r.venues[v]->dead = any(8) == 0; r.venues[v]->reject = any(8) == 0 ? 0x21 : 0; break;
        default: random_command(); break;
        }
        for (uint8_t w = 0; w < 2; w++) {
            if (r.oms->venues[w].connected != r.venues[w]->connected)
                rig_cut(&r, w);
            if (any(3) == 0 && fp_oms_wants_connection(r.oms, w, r.now)) {
                venue_connect(r.venues[w]);
                fp_oms_connected(r.oms, w, r.now);
            }
            for (int s = 0; s < 3; s++)
                r.quotes[w][s].feed_heard_ns = r.quotes[w][s].rx_ns = r.now;
        }
        CHECK_EQ(fp_oms_validate(r.oms), 0);
        if (check_failures)
            printf("seed %llu step %d\n", (unsigned long long)start, step);
    }
    if (check_failures == 0)
        restart();
    rig_end(&r);
}

static void nothing_breaks_it(void) {
    for (uint64_t i = 1; i <= SEEDS && check_failures == 0; i++)
        one_seed(i);
}

/* A journal whose entries were changed: refused or folded, never a broken state. */
static void damaged_journals_fold_or_are_refused(void) {
    unsigned refused = 0;
    for (uint64_t i = 1; i <= 60 && check_failures == 0; i++) {
        seed = i * 77777777777ull + 5;
        rig_begin(&r);
        rig_live(&r, 64);
        for (int n = 0; n < 25; n++) {
            random_command();
            if (any(3) == 0)
                rig_pump(&r);
        }
        for (int n = 0; n < 3; n++) {
            struct rig_entry *e = &r.journal[any(r.entry_count)];
            if (e->length)
                e->body[any(e->length)] ^= (uint8_t)(1 + any(255));
            if (any(10) == 0)
                e->type = (uint16_t)any(15);
        }
        int rc = rig_restart(&r, r.entry_count); /* validates after each entry */
        CHECK(rc == 0 || rc == FP_E_CORRUPT || rc == FP_E_BAD_CONFIG || rc == FP_E_NO_ROOM);
        refused += rc != 0;
        rig_end(&r);
    }
    CHECK(refused > 10);
}

int main(void) {
    RUN(nothing_breaks_it);
    RUN(damaged_journals_fold_or_are_refused);
    return check_done();
}
