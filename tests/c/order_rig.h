/* What the order tests share: an order side with a journal in memory, quotes that the
 * test sets, a log of exec records, and a small venue that speaks real SoupBinTCP and
 * OUCH 5.0 through the server role and the codecs. Time moves only when a test says so. */
#ifndef ORDER_RIG_H
#define ORDER_RIG_H
#include "check.h"
#include "order/state.h"
#include <stdlib.h>

#define RIG __attribute__((unused)) static

enum { RIG_ENTRIES = 20000, RIG_EXECS = 20000, RIG_VENUE_ORDERS = 2000, RIG_LOG = 8000 };
static const uint64_t RIG_START = 1763700000000000000ull, RIG_MIDNIGHT = 1763700000000000000ull - 34200000000000ull;

/* ---- the venue ---- */

struct venue_order {
    uint32_t urn, total, executed, leaves;
    uint64_t price_e4, ref, clord;
    char side, symbol[8], cl_ord_id[14], tif;
    uint8_t live;
};

struct test_venue {
    struct fp_soup_server soup;
    struct venue_order orders[RIG_VENUE_ORDERS];
    unsigned order_count;
    struct { uint8_t bytes[128]; uint16_t length; } log[RIG_LOG]; /* every sequenced message of the session */
    unsigned log_count, connected;
    uint32_t last_urn;
    uint64_t next_ref, next_match, timestamp;
    unsigned enters_seen, resends_ignored;  /* Enter messages received; of them below the next number */
    uint8_t in[8192], out[1 << 20];
    size_t in_length, out_length;
    int quiet;        /* 1: takes orders and says nothing, as if its answer were under way */
    int mute_queries; /* 1: does not answer Account Queries */
    int reject;       /* next enter or replace is rejected with this reason */
    char dead;        /* next accept is 'D' */
    char reject_login;
    char session[10];
};

RIG void venue_init(struct test_venue *v) {
    memset(v, 0, sizeof *v);
    memcpy(v->session, "SESS01    ", 10);
    v->next_ref = 1000;
    v->next_match = 1;
    v->timestamp = 34200000000000ull;
}

RIG void venue_store(struct test_venue *v, const union fp_ouch_out_body *m) {
    v->log[v->log_count].length = (uint16_t)fp_ouch_out_encode(m, NULL, v->log[v->log_count].bytes, 128);
    v->log_count++;
    if (v->connected && v->soup.state == FP_SOUP_LIVE) {
        int n = fp_soup_server_send(&v->soup, 0, v->log[v->log_count - 1].bytes, v->log[v->log_count - 1].length, v->out + v->out_length, sizeof v->out - v->out_length);
        if (n > 0)
            v->out_length += (size_t)n;
    }
}

RIG struct venue_order *venue_find(struct test_venue *v, uint32_t urn) {
    for (unsigned i = 0; i < v->order_count; i++)
        if (v->orders[i].urn == urn)
            return &v->orders[i];
    return NULL;
}

RIG void venue_accept(struct test_venue *v, struct venue_order *o, char state) {
    union fp_ouch_out_body m = {.order_accepted = {.type = 'A', .timestamp_ns = v->timestamp, .user_ref_num = o->urn, .side = o->side, .quantity = o->leaves,
        .price_e4 = o->price_e4, .time_in_force = o->tif, .display = 'Y', .order_reference_number = o->ref = v->next_ref++, .capacity = 'P',
        .inter_market_sweep_eligibility = 'N', .cross_type = 'N', .order_state = state}};
    memcpy(m.order_accepted.symbol, o->symbol, 8);
    memcpy(m.order_accepted.cl_ord_id, o->cl_ord_id, 14);
    o->live = state == 'L';
    venue_store(v, &m);
}

RIG void venue_fill(struct test_venue *v, uint32_t urn, uint32_t shares, uint32_t price_e4) {
    struct venue_order *o = venue_find(v, urn);
    union fp_ouch_out_body m = {.order_executed = {.type = 'E', .timestamp_ns = v->timestamp, .user_ref_num = urn, .quantity = shares, .price_e4 = price_e4,
        .liquidity_flag = 'R', .match_number = v->next_match++}};
    if (o) {
        o->executed += shares;
        o->leaves -= shares < o->leaves ? shares : o->leaves;
        o->live = o->leaves > 0;
    }
    venue_store(v, &m);
}

RIG void venue_cancel(struct test_venue *v, uint32_t urn, uint32_t shares, char reason) {
    struct venue_order *o = venue_find(v, urn);
    union fp_ouch_out_body m = {.order_canceled = {.type = 'C', .timestamp_ns = v->timestamp, .user_ref_num = urn, .quantity = shares, .reason = reason}};
    if (o) {
        o->leaves -= shares < o->leaves ? shares : o->leaves;
        o->total = o->executed + o->leaves;
        o->live = o->leaves > 0;
    }
    venue_store(v, &m);
}

RIG void venue_reject(struct test_venue *v, uint32_t urn, uint16_t reason, const char cl_ord_id[14]) {
    union fp_ouch_out_body m = {.rejected = {.type = 'J', .timestamp_ns = v->timestamp, .user_ref_num = urn, .reason = reason}};
    memcpy(m.rejected.cl_ord_id, cl_ord_id, 14);
    venue_store(v, &m);
}

RIG void venue_break(struct test_venue *v, uint32_t urn, uint64_t match, const char cl_ord_id[14]) {
    union fp_ouch_out_body m = {.broken_trade = {.type = 'B', .timestamp_ns = v->timestamp, .user_ref_num = urn, .match_number = match, .reason = 'S'}};
    memcpy(m.broken_trade.cl_ord_id, cl_ord_id, 14);
    venue_store(v, &m);
}

RIG void venue_replaced(struct test_venue *v, uint32_t orig, struct venue_order *o, char state) {
    union fp_ouch_out_body m = {.order_replaced = {.type = 'U', .timestamp_ns = v->timestamp, .orig_user_ref_num = orig, .user_ref_num = o->urn, .side = o->side,
        .quantity = o->leaves, .price_e4 = o->price_e4, .time_in_force = o->tif, .display = 'Y', .order_reference_number = o->ref = v->next_ref++, .capacity = 'P',
        .inter_market_sweep_eligibility = 'N', .cross_type = 'N', .order_state = state}};
    memcpy(m.order_replaced.symbol, o->symbol, 8);
    memcpy(m.order_replaced.cl_ord_id, o->cl_ord_id, 14);
    o->live = state == 'L';
    venue_store(v, &m);
}

RIG void venue_enter(struct test_venue *v, const struct fp_ouch_in_enter_order *m) {
    v->enters_seen++;
    if (m->user_ref_num <= v->last_urn) {
        v->resends_ignored++;
        return;
    }
    v->last_urn = m->user_ref_num;
    if (v->reject) {
        venue_reject(v, m->user_ref_num, (uint16_t)v->reject, m->cl_ord_id);
        v->reject = 0;
        return;
    }
    struct venue_order *o = &v->orders[v->order_count++];
    *o = (struct venue_order){.urn = m->user_ref_num, .total = m->quantity, .leaves = m->quantity, .price_e4 = m->price_e4, .side = m->side, .tif = m->time_in_force, .live = 1};
    memcpy(o->symbol, m->symbol, 8);
    memcpy(o->cl_ord_id, m->cl_ord_id, 14);
    if (!v->quiet) {
        venue_accept(v, o, v->dead ? 'D' : 'L');
        v->dead = 0;
    }
}

RIG void venue_replace(struct test_venue *v, const struct fp_ouch_in_replace_order *m, const struct fp_ouch_appendage *tags) {
    const uint8_t *side;
    struct venue_order *old = venue_find(v, m->orig_user_ref_num);
    if (m->user_ref_num <= v->last_urn || !old || !old->live)
        return; /* a replace of a dead order is ignored and consumes nothing */
    v->last_urn = m->user_ref_num;
    if (v->reject) {
        venue_reject(v, m->user_ref_num, (uint16_t)v->reject, m->cl_ord_id);
        v->reject = 0;
        return;
    }
    struct venue_order *o = &v->orders[v->order_count++];
    *o = *old;
    old->live = 0;
    old->leaves = 0;
    o->urn = m->user_ref_num;
    o->total = m->quantity;
    o->leaves = m->quantity > o->executed ? m->quantity - o->executed : 0;
    o->price_e4 = m->price_e4;
    memcpy(o->cl_ord_id, m->cl_ord_id, 14);
    if (fp_ouch_tag(tags, FP_OUCH_TAG_SIDE, &side) == 1)
        o->side = (char)*side;
    if (!v->quiet)
        venue_replaced(v, m->orig_user_ref_num, o, o->leaves ? 'L' : 'D');
}

RIG void venue_message(struct test_venue *v, const uint8_t *bytes, size_t length) {
    union fp_ouch_in_body m;
    struct fp_ouch_appendage tags;
    int rc = fp_ouch_in_decode(bytes, length, &m, &tags);
    CHECK_EQ(rc, 0);
    if (rc)
        return;
    struct venue_order *o;
    union fp_ouch_out_body answer;
    switch (m.type) {
    case 'O': venue_enter(v, &m.enter_order); break;
    case 'U': venue_replace(v, &m.replace_order, &tags); break;
    case 'X':
        o = venue_find(v, m.cancel_order.user_ref_num);
        if (o && o->live && !v->quiet)
            venue_cancel(v, o->urn, o->leaves, 'U');
        break;
    case 'C':
        if (m.mass_cancel.user_ref_num <= v->last_urn)
            break;
        v->last_urn = m.mass_cancel.user_ref_num;
        if (v->quiet)
            break;
        answer = (union fp_ouch_out_body){.mass_cancel_response = {.type = 'X', .timestamp_ns = v->timestamp, .user_ref_num = m.mass_cancel.user_ref_num}};
        memcpy(answer.mass_cancel_response.firm, m.mass_cancel.firm, 4);
        memcpy(answer.mass_cancel_response.symbol, m.mass_cancel.symbol, 8);
        venue_store(v, &answer);
        for (unsigned i = 0; i < v->order_count; i++)
            if (v->orders[i].live)
                venue_cancel(v, v->orders[i].urn, v->orders[i].leaves, 'U');
        break;
    case 'Q':
        if (v->mute_queries)
            break;
        answer = (union fp_ouch_out_body){.account_query_response = {.type = 'Q', .timestamp_ns = v->timestamp, .next_user_ref_num = v->last_urn + 1}};
        venue_store(v, &answer);
        break;
    default: CHECK(!"a message that is never sent"); break;
    }
}

RIG void venue_connect(struct test_venue *v) {
    v->in_length = v->out_length = 0;
    fp_soup_server_init(&v->soup, 0);
    v->connected = 1;
}

RIG void venue_login(struct test_venue *v, uint64_t sequence) {
    if (v->reject_login || sequence > v->log_count + 1) {
        v->out_length += (size_t)fp_soup_server_reject(&v->soup, v->reject_login ? v->reject_login : 'S', v->out + v->out_length, 64);
        return;
    }
    v->out_length += (size_t)fp_soup_server_accept(&v->soup, 0, v->session, sequence, v->out + v->out_length, 64);
    for (unsigned i = (unsigned)sequence - 1; i < v->log_count; i++)
        v->out_length += (size_t)fp_soup_server_send(&v->soup, 0, v->log[i].bytes, v->log[i].length, v->out + v->out_length, sizeof v->out - v->out_length);
}

RIG void venue_feed(struct test_venue *v, const uint8_t *bytes, size_t length) {
    struct fp_soup_event event;
    size_t at = 0;
    memcpy(v->in + v->in_length, bytes, length);
    v->in_length += length;
    while (v->soup.state == FP_SOUP_DOWN || v->soup.state == FP_SOUP_LIVE) {
        int taken = fp_soup_server_receive(&v->soup, 0, v->in + at, v->in_length - at, &event);
        CHECK(taken >= 0);
        if (taken <= 0)
            break;
        if (event.kind == FP_SOUP_EV_LOGIN_REQUEST)
            venue_login(v, event.sequence);
        else if (event.kind == FP_SOUP_EV_UNSEQUENCED)
            venue_message(v, event.payload, event.length);
        at += (size_t)taken;
    }
    memmove(v->in, v->in + at, v->in_length - at);
    v->in_length -= at;
}

/* ---- the order side ---- */

struct rig_entry {
    uint64_t time_ns;
    uint32_t length;
    uint16_t type, venue;
    uint8_t *body;
};

struct rig {
    struct fp_engine_config config;
    struct fp_oms_config oms_config;
    struct fp_oms *oms;
    struct test_venue *venues[2];
    struct rig_entry *journal;
    struct fp_exec *execs;
    struct fp_quote quotes[2][4]; /* by venue and symbol AAPL MSFT PENY XXXX */
    unsigned entry_count, exec_count, journal_limit; /* the sink fails from this many entries on */
    uint64_t now, next_id;
    struct fp_reply reply;
};

static const char RIG_SYMBOLS[4][8] = {"AAPL    ", "MSFT    ", "PENY    ", "XXXX    "};

RIG int rig_journal(void *context, uint16_t type, uint16_t venue, const void *body, size_t length, uint64_t now_ns) {
    struct rig *r = context;
    if (r->entry_count >= r->journal_limit || r->entry_count >= RIG_ENTRIES)
        return FP_E_SYSTEM;
    struct rig_entry *e = &r->journal[r->entry_count++];
    *e = (struct rig_entry){now_ns, (uint32_t)length, type, venue, malloc(length ? length : 1)};
    memcpy(e->body, body, length);
    return 0;
}

RIG void rig_exec(void *context, const struct fp_exec *exec) {
    struct rig *r = context;
    if (r->exec_count < RIG_EXECS)
        r->execs[r->exec_count++] = *exec;
}

RIG void rig_quote(void *context, uint8_t venue, const char symbol[8], struct fp_quote *out) {
    struct rig *r = context;
    for (int i = 0; i < 4; i++)
        if (memcmp(RIG_SYMBOLS[i], symbol, 8) == 0)
            *out = r->quotes[venue][i];
}

RIG struct fp_limits rig_wide(void) {
    return (struct fp_limits){.max_order_notional_e4 = 1ull << 60, .max_gross_notional_e4 = 1ull << 60, .max_net_notional_e4 = 1ull << 60, .max_loss_e4 = 1ull << 60,
        .max_position = 1ull << 60, .max_order_quantity = 999999, .max_open_orders = 100000, .orders_per_s = 1000000, .order_burst = 1000000, .collar_bps = 500,
        .fat_finger_bps = 5000, .duplicate_window_ms = 0, .max_feed_silence_ms = 1000};
}

RIG void rig_config(struct rig *r) {
    struct fp_engine_config *c = &r->config;
    memset(c, 0, sizeof *c);
    strcpy(c->mode, "paper");
    c->venue_count = 2;
    c->account_count = 2;
    c->agent_count = 3;
    c->firm_limits = rig_wide();
    for (int v = 0; v < 2; v++) {
        strcpy(c->venues[v].name, v ? "velocity" : "tradesphere");
        strcpy(c->venues[v].order_host, "127.0.0.1");
        strcpy(c->venues[v].username, "user");
        strcpy(c->venues[v].password, "secret");
        memcpy(c->venues[v].firm, "FAST", 4);
        c->venues[v].midnight_ns = RIG_MIDNIGHT;
    }
    for (int a = 0; a < 2; a++) {
        strcpy(c->accounts[a].name, a ? "beta" : "alpha");
        c->accounts[a].limits = rig_wide();
    }
    for (int a = 0; a < 3; a++) {
        sprintf(c->agents[a].name, "agent%d", a);
        c->agents[a].account = a == 2;
        c->agents[a].may_trade = c->agents[a].may_short = 1;
        c->agents[a].venue_mask = 3;
        c->agents[a].limits = rig_wide();
    }
}

/* Everybody's three levels at once: firm, account 0, agent 0. */
RIG struct fp_limits *rig_level(struct rig *r, int level) {
    return level == 0 ? &r->config.firm_limits : level == 1 ? &r->config.accounts[0].limits : &r->config.agents[0].limits;
}

RIG void rig_quotes(struct rig *r) {
    for (int v = 0; v < 2; v++)
        for (int s = 0; s < 3; s++) {
            struct fp_quote *q = &r->quotes[v][s];
            uint32_t mid = s == 0 ? 1500000 : s == 1 ? 4000000 : 5000;
            *q = (struct fp_quote){.venue_ns = r->now, .rx_ns = r->now, .feed_heard_ns = r->now, .bid_e4 = mid - (s == 2 ? 10 : 100), .bid_shares = 500,
                .ask_e4 = mid + (s == 2 ? 10 : 100), .ask_shares = 400, .last_price_e4 = mid, .round_lot = 100, .trading_state = 'T', .reg_sho = '0', .announced = 1};
        }
}

RIG void rig_oms(struct rig *r, uint32_t max_orders) {
    r->oms_config = (struct fp_oms_config){.engine = &r->config, .sink = {r, rig_journal, rig_exec, rig_quote}, .max_orders = max_orders};
    r->oms = malloc(fp_oms_size(&r->oms_config));
    CHECK_EQ(fp_oms_init(r->oms, &r->oms_config), 0);
}

RIG void rig_begin(struct rig *r) {
    memset(r, 0, sizeof *r);
    r->journal = malloc(RIG_ENTRIES * sizeof *r->journal);
    r->execs = malloc(RIG_EXECS * sizeof *r->execs);
    r->journal_limit = RIG_ENTRIES;
    r->now = RIG_START;
    for (int v = 0; v < 2; v++)
        venue_init(r->venues[v] = malloc(sizeof *r->venues[v]));
    rig_config(r);
    rig_quotes(r);
}

RIG void rig_end(struct rig *r) {
    for (unsigned i = 0; i < r->entry_count; i++)
        free(r->journal[i].body);
    free(r->journal);
    free(r->execs);
    free(r->venues[0]);
    free(r->venues[1]);
    free(r->oms);
}

/* Move bytes both ways until nothing moves. */
RIG void rig_pump(struct rig *r) {
    for (int moved = 1; moved;) {
        moved = 0;
        for (uint8_t v = 0; v < 2; v++) {
            const uint8_t *bytes;
            size_t n;
            if (!r->venues[v]->connected)
                continue;
            while ((n = fp_oms_out(r->oms, v, &bytes)) > 0) {
                n = n > 4096 ? 4096 : n;
                venue_feed(r->venues[v], bytes, n);
                fp_oms_sent(r->oms, v, n, r->now);
                moved = 1;
            }
            r->now += 1000;
            if (r->venues[v]->out_length) {
                int taken = fp_oms_receive(r->oms, v, r->venues[v]->out, r->venues[v]->out_length, r->now);
                if (taken < 0) {
                    r->venues[v]->connected = 0;
                    fp_oms_disconnected(r->oms, v, r->now);
                } else {
                    CHECK_EQ(taken, r->venues[v]->out_length);
                    moved |= taken > 0;
                }
                r->venues[v]->out_length = 0;
            }
        }
        CHECK_EQ(fp_oms_validate(r->oms), 0);
    }
}

RIG void rig_connect(struct rig *r, uint8_t v) {
    if (!fp_oms_wants_connection(r->oms, v, r->now))
        r->now += 2000000000;
    CHECK_EQ(fp_oms_wants_connection(r->oms, v, r->now), 1);
    venue_connect(r->venues[v]);
    fp_oms_connected(r->oms, v, r->now);
    rig_pump(r);
    for (int s = 0; s < 3; s++)
        r->quotes[v][s].feed_heard_ns = r->quotes[v][s].rx_ns = r->now;
}

RIG void rig_cut(struct rig *r, uint8_t v) {
    r->venues[v]->connected = 0;
    fp_oms_disconnected(r->oms, v, r->now);
    CHECK_EQ(fp_oms_validate(r->oms), 0);
}

/* The usual start: empty journal, both venues live. */
RIG void rig_live(struct rig *r, uint32_t max_orders) {
    rig_oms(r, max_orders);
    CHECK_EQ(fp_oms_fold_done(r->oms, r->now), 0);
    rig_connect(r, 0);
    rig_connect(r, 1);
    CHECK_EQ(r->oms->venues[0].state, FP_VS_LIVE);
    CHECK_EQ(r->oms->venues[1].state, FP_VS_LIVE);
}

RIG void rig_start(struct rig *r) {
    rig_begin(r);
    rig_live(r, 256);
}

/* A new process: fold the first `entries` of the journal, forget the rest. */
RIG int rig_restart(struct rig *r, unsigned entries) {
    int rc = 0;
    uint32_t max_orders = r->oms_config.max_orders;
    while (r->entry_count > entries)
        free(r->journal[--r->entry_count].body);
    free(r->oms);
    r->venues[0]->connected = r->venues[1]->connected = 0;
    rig_oms(r, max_orders);
    for (unsigned i = 0; i < r->entry_count && rc == 0; i++) {
        struct fp_journal_entry e = {i + 1, r->journal[i].time_ns, r->journal[i].length, r->journal[i].type, r->journal[i].venue, r->journal[i].body};
        rc = fp_oms_fold(r->oms, &e);
        CHECK_EQ(fp_oms_validate(r->oms), 0);
    }
    r->exec_count = 0;
    r->now += 1000000;
    return rc ? rc : fp_oms_fold_done(r->oms, r->now);
}

RIG struct fp_command rig_order(struct rig *r, const char *id, char side, uint32_t quantity, uint32_t price_e4) {
    struct fp_command c = {.id = ++r->next_id, .received_ns = r->now, .quantity = quantity, .price_e4 = price_e4, .kind = FP_CMD_SUBMIT, .side = side, .tif = '0'};
    memcpy(c.symbol, RIG_SYMBOLS[0], 8);
    strcpy(c.client_order_id, id);
    return c;
}

/* A command that names no order, symbol or venue. */
RIG struct fp_command rig_plain(struct rig *r, uint8_t kind) {
    struct fp_command c = rig_order(r, "", 0, 0, 0);
    c.kind = kind;
    memset(c.symbol, 0, 8);
    c.venue = 0xFF;
    return c;
}

/* Run a command; the reply stays in the rig. Returns the reason. */
RIG uint16_t rig_do(struct rig *r, const struct fp_command *c) {
    r->now += 1000;
    fp_oms_command(r->oms, c, r->now, &r->reply);
    CHECK_EQ(r->reply.id, c->id);
    CHECK_EQ(fp_oms_validate(r->oms), 0);
    return r->reply.reason;
}

RIG uint16_t rig_submit(struct rig *r, const char *id, char side, uint32_t quantity, uint32_t price_e4) {
    struct fp_command c = rig_order(r, id, side, quantity, price_e4);
    return rig_do(r, &c);
}

RIG uint16_t rig_replace(struct rig *r, const char *id, const char *new_id, uint32_t quantity, uint32_t price_e4) {
    struct fp_command c = rig_order(r, id, 0, quantity, price_e4);
    c.kind = FP_CMD_REPLACE;
    strcpy(c.new_client_order_id, new_id);
    return rig_do(r, &c);
}

RIG uint16_t rig_cancel(struct rig *r, const char *id) {
    struct fp_command c = rig_order(r, id, 0, 0, 0);
    c.kind = FP_CMD_CANCEL;
    return rig_do(r, &c);
}

RIG struct fp_exec rig_get(struct rig *r, const char *id) {
    struct fp_exec x = {0};
    (void)fp_oms_order_by_client_id(r->oms, 0, id, &x);
    return x;
}

RIG struct fp_position rig_position(struct rig *r) {
    struct fp_position p = {0};
    (void)fp_oms_position(r->oms, 0, RIG_SYMBOLS[0], &p);
    return p;
}

RIG unsigned rig_count(struct rig *r, uint8_t kind) {
    unsigned n = 0;
    for (unsigned i = 0; i < r->exec_count; i++)
        n += r->execs[i].kind == kind;
    return n;
}

RIG struct fp_exec rig_last(struct rig *r, uint8_t kind) {
    for (unsigned i = r->exec_count; i-- > 0;)
        if (r->execs[i].kind == kind)
            return r->execs[i];
    return (struct fp_exec){0};
}

#endif
