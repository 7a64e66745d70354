/* A scripted day of orders: uninterrupted, killed after every journal record, and over a TCP stream
 * cut after every byte. However it is broken off, it ends with the same orders and positions. */
// sources: fastpath/core/order/oms.c fastpath/core/order/table.c fastpath/core/order/position.c fastpath/core/order/risk.c
// sources: fastpath/core/order/lifecycle.c fastpath/core/order/messages.c fastpath/core/order/cancel.c fastpath/core/order/session.c fastpath/core/order/recovery.c
// sources: fastpath/core/order/owed.c fastpath/core/order/trigger.c fastpath/core/order/enter.c fastpath/core/order/audit.c
// sources: fastpath/core/wire/soup.c fastpath/core/wire/ouch.c fastpath/core/wire/layout.c
#include "order_rig.h"
#include <setjmp.h>

static struct rig r;

enum act_kind { CONNECT, SUBMIT, MARKET, ARM, REPLACE, CANCEL, CANCEL_ALL, KILL, RELEASE, FILL, BREAK, REJECT_NEXT, CUT, BBO, PUMP };
struct act {
    enum act_kind kind;
    const char *id, *of; /* of: what is replaced, broken */
    char side;
    uint32_t quantity, price_e4;
    uint8_t venue, symbol;
};

static const struct act day[] = {
    {.kind = CONNECT, .venue = 0}, {.kind = CONNECT, .venue = 1},
    {.kind = SUBMIT, .id = "A", .side = 'B', .quantity = 500, .price_e4 = 1500000},
    {.kind = SUBMIT, .id = "B", .side = 'S', .quantity = 300, .price_e4 = 1510000},
    {.kind = PUMP},
    {.kind = FILL, .id = "A", .quantity = 200, .price_e4 = 1500000}, {.kind = PUMP},
    {.kind = REPLACE, .id = "A2", .of = "A", .quantity = 600, .price_e4 = 1499900}, {.kind = PUMP},
    {.kind = FILL, .id = "A2", .quantity = 100, .price_e4 = 1499900},
    {.kind = MARKET, .id = "C", .side = 'B', .quantity = 50, .venue = 1}, {.kind = PUMP},
    {.kind = FILL, .id = "C", .quantity = 50, .price_e4 = 1500100}, {.kind = CANCEL, .id = "B"}, {.kind = PUMP},
    {.kind = SUBMIT, .id = "D", .side = 'B', .quantity = 100, .price_e4 = 1490000, .venue = 1}, {.kind = PUMP},
    {.kind = REPLACE, .id = "E", .of = "D", .quantity = 150, .price_e4 = 1490100},
    {.kind = SUBMIT, .id = "D2", .side = 'B', .quantity = 10, .price_e4 = 1480000, .venue = 1},
    {.kind = CANCEL, .id = "E"}, {.kind = PUMP},
    {.kind = REJECT_NEXT}, {.kind = SUBMIT, .id = "F", .side = 'B', .quantity = 70, .price_e4 = 1490000}, {.kind = PUMP},
    {.kind = SUBMIT, .id = "G", .side = 'S', .quantity = 60, .price_e4 = 1520000}, {.kind = PUMP},
    {.kind = CUT}, {.kind = FILL, .id = "G", .quantity = 60, .price_e4 = 1520000}, {.kind = CONNECT, .venue = 0},
    {.kind = BREAK, .id = "A", .quantity = 1}, {.kind = PUMP},
    {.kind = ARM, .id = "T", .side = 'B', .quantity = 40, .price_e4 = 1501000}, {.kind = BBO, .price_e4 = 1501000}, {.kind = PUMP},
    {.kind = SUBMIT, .id = "H", .side = 'B', .quantity = 20, .price_e4 = 3990000, .symbol = 1}, {.kind = PUMP},
    {.kind = KILL, .symbol = 1}, {.kind = PUMP}, {.kind = RELEASE, .symbol = 1},
    {.kind = SUBMIT, .id = "I", .side = 'B', .quantity = 30, .price_e4 = 3990000, .symbol = 1},
    {.kind = SUBMIT, .id = "J", .side = 'S', .quantity = 30, .price_e4 = 4020000, .symbol = 1, .venue = 1}, {.kind = PUMP},
    {.kind = FILL, .id = "J", .quantity = 10, .price_e4 = 4020000}, {.kind = CANCEL_ALL, .venue = 1}, {.kind = PUMP},
};
enum { ACTS = sizeof day / sizeof *day };

static unsigned crash_at, step_at, aliases, out_cut, in_cut, out_seen, in_seen;
static uint8_t done[ACTS], attempts[ACTS];
static jmp_buf dead;

static int dying_journal(void *context, uint16_t type, uint16_t venue, const void *body, size_t length, uint64_t now_ns) {
    int rc = rig_journal(context, type, venue, body, length, now_ns);
    if (crash_at && r.entry_count == crash_at)
        longjmp(dead, 1); /* the process is gone; what it had queued goes with it, or has just left */
    return rc;
}

static const char *alias(unsigned at) {
    static char text[8][24];
    static unsigned turn;
    turn = (turn + 1) % 8;
    if (attempts[at])
        snprintf(text[turn], sizeof text[0], "%s.%u", day[at].id, attempts[at]);
    else
        snprintf(text[turn], sizeof text[0], "%s", day[at].id);
    return text[turn];
}

static unsigned act_of(const char *id) {
    for (unsigned i = 0; i < ACTS; i++)
        if ((day[i].kind == SUBMIT || day[i].kind == MARKET || day[i].kind == ARM || day[i].kind == REPLACE) && strcmp(day[i].id, id) == 0)
            return i;
    return 0;
}

/* Byte by byte, with a cut where the test wants one. */
static void slow_pump(void) {
    static uint8_t carry[1 << 16];
    const uint8_t *bytes;
    for (int moved = 1; moved;) {
        moved = 0;
        for (uint8_t v = 0; v < 2; v++) {
            struct test_venue *venue = r.venues[v];
            size_t held = 0, at = 0;
            while (venue->connected && fp_oms_out(r.oms, v, &bytes) > 0) {
                if (v == 0 && out_cut && ++out_seen == out_cut) {
                    rig_cut(&r, 0);
                    return;
                }
                venue_feed(venue, bytes, 1);
                fp_oms_sent(r.oms, v, 1, r.now);
                moved = 1;
            }
            r.now += 1000;
            for (; venue->connected && at < venue->out_length; at++) {
                if (v == 0 && in_cut && ++in_seen == in_cut) {
                    rig_cut(&r, 0);
                    return;
                }
                carry[held++] = venue->out[at];
                int taken = fp_oms_receive(r.oms, v, carry, held, r.now);
                CHECK(taken >= 0);
                if (taken < 0)
                    return;
                memmove(carry, carry + taken, held - (size_t)taken);
                held -= (size_t)taken;
                moved = 1;
            }
            CHECK_EQ(held, 0);
            venue->out_length = 0;
        }
    }
    CHECK_EQ(fp_oms_validate(r.oms), 0);
}

static void pump(void) {
    if (out_cut || in_cut)
        slow_pump();
    else
        rig_pump(&r);
}

static void connect_if_down(uint8_t v) {
    for (int tries = 0; tries < 5 && r.oms->venues[v].state != FP_VS_LIVE; tries++) {
        if (r.oms->venues[v].connected)
            rig_cut(&r, v);
        r.now += 2000000000;
        CHECK_EQ(fp_oms_wants_connection(r.oms, v, r.now), 1);
        venue_connect(r.venues[v]);
        fp_oms_connected(r.oms, v, r.now);
        pump();
    }
    CHECK_EQ(r.oms->venues[v].state, FP_VS_LIVE);
    for (int w = 0; w < 2; w++)
        for (int s = 0; s < 3; s++)
            r.quotes[w][s].feed_heard_ns = r.quotes[w][s].rx_ns = r.now;
}

static void run_act(unsigned at) {
    const struct act *a = &day[at];
    struct fp_command c = rig_order(&r, "", a->side, a->quantity, a->price_e4);
    const uint32_t urn = a->kind == FILL || a->kind == BREAK ? rig_get(&r, alias(act_of(a->id))).urn : 0;
    struct test_venue *venue = a->id ? r.venues[rig_get(&r, alias(act_of(a->id))).venue] : r.venues[0];
    c.venue = a->venue;
    memcpy(c.symbol, RIG_SYMBOLS[a->symbol], 8);
    switch (a->kind) {
    case SUBMIT:
    case MARKET:
    case ARM:
        if (rig_get(&r, alias(at)).state == FP_OS_LOST) {
            attempts[at]++;
            aliases++;
        }
        c.order_type = a->kind == MARKET ? FP_TYPE_MARKET : FP_TYPE_LIMIT;
        if (a->kind == ARM) {
            c.kind = FP_CMD_ARM;
            c.condition = FP_WHEN_ASK_AT_OR_ABOVE;
            c.trigger_e4 = a->price_e4;
        }
        strcpy(c.client_order_id, alias(at));
        CHECK_EQ(rig_do(&r, &c), 0);
        break;
    case REPLACE:
        if (rig_get(&r, alias(at)).state == FP_OS_LOST) {
            attempts[at]++;
            aliases++;
        }
        strcpy(c.client_order_id, alias(act_of(a->of)));
        strcpy(c.new_client_order_id, alias(at));
        c.kind = FP_CMD_REPLACE;
        CHECK_EQ(rig_do(&r, &c), 0);
        break;
    case CANCEL:
        strcpy(c.client_order_id, alias(act_of(a->id)));
        c.kind = FP_CMD_CANCEL;
        CHECK_EQ(rig_do(&r, &c), 0);
        break;
    case CANCEL_ALL:
        c.kind = FP_CMD_CANCEL_ALL;
        memset(c.symbol, 0, 8);
        CHECK_EQ(rig_do(&r, &c), 0);
        break;
    case KILL:
    case RELEASE:
        c.kind = a->kind == KILL ? FP_CMD_KILL : FP_CMD_RELEASE;
        c.kill_scope = FP_KILL_SYMBOL;
        CHECK_EQ(rig_do(&r, &c), 0);
        break;
    case CONNECT: connect_if_down(a->venue); break;
    case BBO:
        if (rig_get(&r, alias(act_of("T"))).state == FP_OS_ARMED)
            fp_oms_on_bbo(r.oms, 0, RIG_SYMBOLS[0], 1500900, a->price_e4, r.now);
        break;
    case PUMP: pump(); break;
    default: /* what the venue or the network does happens once, whatever becomes of us */
        if (done[at]++)
            break;
        if (a->kind == FILL)
            venue_fill(venue, urn, a->quantity, a->price_e4);
        else if (a->kind == BREAK)
            venue_break(venue, urn, a->quantity, "              ");
        else if (a->kind == REJECT_NEXT)
            r.venues[0]->reject = 0x1D;
        else if (a->kind == CUT)
            rig_cut(&r, 0);
        break;
    }
}

/* A client that hears that an order was lost sends it again under another id, and then goes on from there. */
static int rewind_to_lost(void) {
    for (unsigned i = 0; i < step_at && i < ACTS; i++)
        if ((day[i].kind == SUBMIT || day[i].kind == MARKET || day[i].kind == REPLACE) && rig_get(&r, alias(i)).state == FP_OS_LOST) {
            step_at = i;
            return 1;
        }
    if (rig_get(&r, alias(act_of("T"))).state == FP_OS_LOST && act_of("T") < step_at) {
        step_at = act_of("T");
        return 1;
    }
    return 0;
}

/* Between this act and the CONNECT two behind it venue 0 is meant to be gone. */
static unsigned cut_act(void) {
    unsigned i = 0;
    while (day[i].kind != CUT)
        i++;
    return i;
}

static void play(void) {
    for (; step_at < ACTS; step_at++) {
        run_act(step_at);
        if (r.oms->venues[0].state != FP_VS_LIVE && (step_at < cut_act() || step_at > cut_act() + 2))
            connect_if_down(0);
        if (r.oms->venues[0].state == FP_VS_LIVE && rewind_to_lost())
            step_at--;
    }
}

static void begin_day(unsigned crash) {
    rig_begin(&r);
    crash_at = crash;
    step_at = aliases = out_seen = in_seen = 0;
    memset(done, 0, sizeof done);
    memset(attempts, 0, sizeof attempts);
    rig_oms(&r, 64);
    r.oms->sink.journal = dying_journal;
}

struct outcome {
    struct fp_exec orders[ACTS];
    struct fp_position positions[2];
    unsigned venue_orders[2], entries;
    uint64_t hash;
};

static void collect(struct outcome *o) {
    memset(o, 0, sizeof *o);
    for (unsigned i = 0; i < ACTS; i++)
        if (day[i].id && act_of(day[i].id) == i)
            o->orders[i] = rig_get(&r, alias(i));
    for (int s = 0; s < 2; s++)
        fp_oms_position(r.oms, 0, RIG_SYMBOLS[s], &o->positions[s]);
    for (int v = 0; v < 2; v++)
        o->venue_orders[v] = r.venues[v]->order_count;
    o->entries = r.entry_count;
    o->hash = fp_oms_state_hash(r.oms);
}

static void same_outcome(const struct outcome *a, const struct outcome *b) {
    for (unsigned i = 0; i < ACTS; i++) {
        const struct fp_exec *x = &a->orders[i], *y = &b->orders[i];
        CHECK_EQ(x->state, y->state);
        CHECK_EQ(x->cum_shares, y->cum_shares);
        CHECK_EQ(x->leaves, y->leaves);
        CHECK_EQ(x->quantity, y->quantity);
        CHECK_EQ(x->price_e4, y->price_e4);
        CHECK_EQ(x->cum_notional_e4, y->cum_notional_e4);
        CHECK_EQ(x->side, y->side);
        CHECK_EQ(x->flags & FP_XF_ANOMALY, 0);
        CHECK_EQ(x->flags & FP_XF_IN_DOUBT, 0);
    }
    for (int s = 0; s < 2; s++)
        CHECK_MEM(&a->positions[s], &b->positions[s], sizeof a->positions[s]);
    for (int v = 0; v < 2; v++) {
        CHECK_EQ(a->venue_orders[v], b->venue_orders[v]);
        CHECK_EQ(r.venues[v]->resends_ignored, 0);
        for (unsigned i = 0; i < r.venues[v]->order_count; i++)
            for (unsigned n = 0; n < i; n++)
                CHECK(memcmp(r.venues[v]->orders[i].cl_ord_id, r.venues[v]->orders[n].cl_ord_id, 14) != 0);
    }
    if (!aliases)
        CHECK(a->hash == b->hash);
}

static struct outcome reference;

static void finish_day(struct outcome *o) {
    collect(o);
    uint64_t hash = o->hash;
    CHECK_EQ(rig_restart(&r, r.entry_count), 0); /* what was lived is what is folded */
    CHECK(fp_oms_state_hash(r.oms) == hash);
}

static void an_uninterrupted_day(void) {
    begin_day(0);
    CHECK_EQ(fp_oms_fold_done(r.oms, r.now), 0);
    play();
    finish_day(&reference);
    CHECK_EQ(aliases, 0);
    CHECK_EQ(reference.positions[0].position, 500 - 500 + 100 + 50 - 60); /* A's 200 are broken */
    CHECK_EQ(reference.orders[act_of("T")].state, FP_OS_LIVE);
    CHECK(reference.entries > 80);
    CHECK_EQ(r.venues[0]->order_count + r.venues[1]->order_count, 12);
    rig_end(&r);
}

/* sent: 1 when what was queued at the moment of death had still reached the venue. */
static void killed_after_record(unsigned k, int sent) {
    volatile int deliver = sent;
    begin_day(k);
    if (setjmp(dead)) {
        crash_at = 0;
        for (uint8_t v = 0; v < 2 && deliver; v++) {
            const uint8_t *bytes;
            size_t n = fp_oms_out(r.oms, v, &bytes);
            if (n && r.venues[v]->connected)
                venue_feed(r.venues[v], bytes, n);
        }
        CHECK_EQ(rig_restart(&r, r.entry_count), 0);
        if (step_at >= 1)
            connect_if_down(0);
        if (step_at >= 2)
            connect_if_down(1);
        (void)rewind_to_lost();
    } else {
        CHECK_EQ(fp_oms_fold_done(r.oms, r.now), 0);
    }
    play();
    struct outcome o;
    finish_day(&o);
    same_outcome(&o, &reference);
    rig_end(&r);
}

static void a_day_killed_after_every_record(void) {
    unsigned with_loss = 0;
    for (unsigned k = 1; k <= reference.entries; k++)
        for (int sent = 0; sent < 2; sent++) {
            int before = check_failures;
            killed_after_record(k, sent);
            with_loss += aliases > 0;
            if (check_failures != before)
                printf("  ... in the day killed after record %u, queued bytes %s\n", k, sent ? "sent" : "lost");
        }
    CHECK(with_loss > 5); /* else the test would not have tried the hard case */
}

static void a_day_over_a_stream_cut_after_every_byte(void) {
    unsigned cuts = 0, total_out, total_in;
    begin_day(0); /* how many bytes are there? */
    out_cut = UINT32_MAX;
    in_cut = UINT32_MAX;
    CHECK_EQ(fp_oms_fold_done(r.oms, r.now), 0);
    play();
    total_out = out_seen;
    total_in = in_seen;
    rig_end(&r);
    CHECK(total_out > 300 && total_in > 500);
    for (unsigned at = 1; at <= total_out + total_in; at++) {
        int before = check_failures;
        struct outcome o;
        begin_day(0);
        out_cut = at <= total_out ? at : UINT32_MAX;
        in_cut = at > total_out ? at - total_out : UINT32_MAX;
        CHECK_EQ(fp_oms_fold_done(r.oms, r.now), 0);
        play();
        collect(&o);
        same_outcome(&o, &reference);
        rig_end(&r);
        cuts++;
        if (check_failures != before) {
            printf("  ... cut %s byte %u\n", at <= total_out ? "before sending" : "before receiving", at <= total_out ? at : at - total_out);
            if (check_failures > 40)
                break;
        }
    }
    out_cut = in_cut = 0;
    CHECK_EQ(cuts, total_out + total_in);
}

int main(void) {
    RUN(an_uninterrupted_day);
    RUN(a_day_killed_after_every_record);
    RUN(a_day_over_a_stream_cut_after_every_byte);
    return check_done();
}
