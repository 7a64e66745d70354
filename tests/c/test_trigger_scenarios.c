/* Ten thousand triggers in random markets: loss on both lines, re-requests, restarts, lost sessions, and disarms, cancels,
 * kills and expiries at any moment, against a model that keeps orders in a list and sequences in an array. Each trigger
 * fires at most once, in the very packet that meets its condition, those of a symbol in the order of arming, or ends as
 * the model says.
 * The feed is the engine's own; only its clock and its sockets are this test's. */
// sources: fastpath/core/engine/card_feed.c fastpath/core/engine/card_orders.c fastpath/core/engine/mirror.c fastpath/core/engine/memory.c fastpath/core/engine/hist.c
// sources: fastpath/core/io/io.c fastpath/core/io/socket.c fastpath/core/io/fpga.c fastpath/core/wire/net.c fastpath/core/wire/mold.c fastpath/core/wire/mold_rx.c
// sources: fastpath/core/wire/soup.c fastpath/core/wire/ouch.c fastpath/core/wire/itch.c fastpath/core/wire/layout.c
// sources: fastpath/core/book/book.c fastpath/core/book/book_query.c fastpath/core/book/book_audit.c fastpath/core/book/ladder.c fastpath/core/book/orders.c
// sources: fastpath/core/order/audit.c fastpath/core/order/cancel.c fastpath/core/order/enter.c fastpath/core/order/lifecycle.c fastpath/core/order/messages.c
// sources: fastpath/core/order/oms.c fastpath/core/order/position.c fastpath/core/order/recovery.c fastpath/core/order/risk.c fastpath/core/order/session.c
// sources: fastpath/core/order/table.c fastpath/core/order/owed.c fastpath/core/order/trigger.c
// flags: -ldl
#define FP_CLOCK_H /* the engine's clock is the test's */
#include "order_rig.h"
#include <time.h>
enum { FP_NS_PER_US = 1000, FP_NS_PER_MS = 1000000, FP_NS_PER_S = 1000000000 };
static struct rig r;
static inline uint64_t fp_clock_utc_ns(void) {
    return r.now;
}
#include "wire/itch_layout.h"
#define fp_symbol_find fp_locate_find /* the order side has one of that name */
#include "engine/feed.c"

const char *fp_error_name(int error) {
    (void)error;
    return "";
}

enum { SCENARIOS = 10000, MOST_DAYS = 2000, TRIGGERS = 60, MESSAGES = 1600, LIVE = 24, PENDING = 256, SYMBOLS = 2, ANSWER = 20, HELD = 4096, TOLD = 4096 };

static uint64_t seed;

static uint32_t any(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 20) % below);
}

/* ---- the market ---- */

struct resting {
    uint64_t ref;
    uint32_t price_e4, shares;
    uint8_t symbol, sell;
};

struct told_message {
    uint8_t bytes[64], length;
    struct resting order;
    uint8_t adds; /* else it deletes */
    uint8_t book; /* else it announces */
};

static struct told_message day[MESSAGES]; /* day[i] has sequence i + 1 */
static unsigned day_count;
static struct resting live[LIVE * SYMBOLS];
static unsigned live_count;
static uint64_t next_ref;

static void head(struct told_message *m, char type, uint8_t length, uint16_t locate) {
    memset(m, 0, sizeof *m);
    m->bytes[0] = (uint8_t)type;
    m->length = length;
    fp_store_be16(m->bytes + 1, locate);
}

static void announce(void) {
    for (uint16_t s = 0; s < SYMBOLS; s++) {
        struct told_message *m = &day[day_count++];
        head(m, 'R', FP_ITCH_STOCK_DIRECTORY_LEN, (uint16_t)(s + 1));
        memcpy(m->bytes + FP_ITCH_STOCK_DIRECTORY_STOCK, RIG_SYMBOLS[s], 8);
        m = &day[day_count++];
        head(m, 'H', FP_ITCH_STOCK_TRADING_ACTION_LEN, (uint16_t)(s + 1));
        m->bytes[FP_ITCH_STOCK_TRADING_ACTION_TRADING_STATE] = 'T';
    }
}

static void move(void) {
    struct told_message *m = &day[day_count++];
    m->book = 1;
    if (live_count && (live_count == LIVE * SYMBOLS || any(2))) {
        unsigned i = any(live_count);
        head(m, 'D', FP_ITCH_ORDER_DELETE_LEN, (uint16_t)(live[i].symbol + 1));
        m->order = live[i];
        live[i] = live[--live_count];
    } else {
        struct resting order = {.ref = ++next_ref, .shares = 1 + any(3) * 100, .symbol = (uint8_t)any(SYMBOLS), .sell = (uint8_t)any(2)};
        order.price_e4 = order.sell ? 1500100 + any(10) * 100 : 1499900 - any(10) * 100;
        head(m, 'A', FP_ITCH_ADD_ORDER_LEN, (uint16_t)(order.symbol + 1));
        m->bytes[FP_ITCH_ADD_ORDER_SIDE] = order.sell ? 'S' : 'B';
        fp_store_be32(m->bytes + FP_ITCH_ADD_ORDER_SHARES, order.shares);
        fp_store_be32(m->bytes + FP_ITCH_ADD_ORDER_PRICE_E4, order.price_e4);
        memcpy(m->bytes + FP_ITCH_ADD_ORDER_STOCK, RIG_SYMBOLS[order.symbol], 8);
        m->adds = 1;
        m->order = order;
        live[live_count++] = order;
    }
    m->book = 1;
    fp_store_be64(m->bytes + FP_ITCH_ADD_ORDER_ORDER_REF, m->order.ref);
}

/* ---- the wire ---- */

struct copy {
    uint64_t first;
    uint16_t count;
    uint8_t line;
};

static struct copy pending[PENDING];
static unsigned pending_count;
static struct fp_frame one;
static uint8_t packet[FP_MOLD_MAX_PACKET];
static uint64_t asked;   /* first sequence of a re-request */
static uint16_t asked_count;

static int take_one(struct fp_io *io, struct fp_frame *frames, int max) {
    (void)io, (void)max;
    if (!one.len)
        return 0;
    frames[0] = one;
    one.len = 0;
    return 1;
}

static int no_frames(struct fp_io *io, struct fp_frame *frames, int max) {
    (void)io, (void)frames, (void)max;
    return 0;
}

static void give_back(struct fp_io *io, const struct fp_frame *frames, int count) { (void)io, (void)frames, (void)count; }

static int hear_request(struct fp_io *io, const struct fp_frame *frames, int count) {
    (void)io;
    asked = fp_load_be64(frames[0].data + 10);
    asked_count = fp_load_be16(frames[0].data + 18);
    return count;
}

static struct fp_io ports[FP_LINES];
static struct fp_feed feed;
static struct fp_event_out out;
static struct fp_hist hist;

static void lose_nothing(uint64_t first, uint16_t count, uint8_t line) {
    if (pending_count < PENDING)
        pending[pending_count++] = (struct copy){first, count, line};
}

/* ---- the model ---- */

struct waiting {
    uint64_t order_id, expire_ns;
    uint32_t trigger_e4;
    uint8_t symbol, condition, state; /* 0 over, 1 armed */
    uint8_t fires;                    /* told by the engine */
};

static struct {
    struct waiting armed[TRIGGERS];
    unsigned armed_count;
    struct resting book[LIVE * SYMBOLS];
    unsigned book_count;
    struct copy held[HELD];
    unsigned held_count;
    uint64_t next, known_end, gap_end;
    int gap_open;
    uint64_t told[TOLD]; /* order ids, sent ones << 1 | 1, ended ones << 1 */
    unsigned told_count;
    unsigned sent, ended;
} model;

struct top {
    uint32_t bid_e4, ask_e4;
    uint64_t bid_shares, ask_shares;
};

static struct top top_of(uint8_t symbol) {
    struct top t = {0, 0, 0, 0};
    for (unsigned i = 0; i < model.book_count; i++) {
        const struct resting *o = &model.book[i];
        if (o->symbol != symbol)
            continue;
        uint32_t *best = o->sell ? &t.ask_e4 : &t.bid_e4;
        uint64_t *shares = o->sell ? &t.ask_shares : &t.bid_shares;
        if (*best == 0 || (o->sell ? o->price_e4 < *best : o->price_e4 > *best)) {
            *best = o->price_e4;
            *shares = 0;
        }
        *shares += *best == o->price_e4 ? o->shares : 0;
    }
    return t;
}

static int holds(const struct waiting *w, const struct top *t) {
    uint32_t best = w->condition <= FP_WHEN_BID_AT_OR_BELOW ? t->bid_e4 : t->ask_e4;
    return best && (w->condition & 1 ? best >= w->trigger_e4 : best <= w->trigger_e4);
}

static void ends(struct waiting *w, int goes) {
    w->state = 0;
    model.told[model.told_count++] = w->order_id << 1 | (uint64_t)goes;
    model.sent += (unsigned)goes;
    model.ended += !goes;
}

/* What every armed trigger on the symbol does when it is looked at now. fresh: the quote may be traded on. Without a
 * session nothing is decided. */
static void look(uint8_t symbol, int fresh) {
    if (r.oms->venues[0].state != FP_VS_LIVE)
        return;
    for (unsigned i = 0; i < model.armed_count; i++) {
        struct waiting *w = &model.armed[i];
        struct top t = top_of(w->symbol);
        if (!w->state || w->symbol != symbol || !holds(w, &t))
            continue;
        int late = w->expire_ns && r.now >= w->expire_ns;
        ends(w, !late && fresh);
    }
}

/* The session is there again: what holds goes, unless the feed says nothing that may be traded on. */
static void look_at_session(void) {
    for (unsigned i = 0; i < model.armed_count; i++) {
        struct waiting *w = &model.armed[i];
        struct top t = top_of(w->symbol);
        if (w->state && holds(w, &t) && (!w->expire_ns || r.now < w->expire_ns) && !model.gap_open && r.now - feed.heard_ns <= 1000000000)
            ends(w, 1);
    }
}

/* A gap is over: each symbol once, the one of the trigger armed first before the others. */
static void look_everywhere(int fresh) {
    for (unsigned i = 0; i < model.armed_count; i++)
        if (model.armed[i].state)
            look(model.armed[i].symbol, fresh);
}

static void model_apply(const struct told_message *m, int fresh) {
    if (!m->book)
        return;
    struct top before = top_of(m->order.symbol), after;
    if (m->adds)
        model.book[model.book_count++] = m->order;
    for (unsigned i = 0; !m->adds && i < model.book_count; i++)
        if (model.book[i].ref == m->order.ref)
            model.book[i] = model.book[--model.book_count];
    after = top_of(m->order.symbol);
    if (!model.gap_open && memcmp(&before, &after, sizeof before) != 0)
        look(m->order.symbol, fresh);
}

static void model_close_gap(int fresh) {
    if (!model.gap_open || model.next < model.gap_end)
        return;
    model.gap_open = 0;
    look_everywhere(fresh);
}

static uint64_t model_gap_end(void) {
    uint64_t end = model.known_end;
    for (unsigned i = 0; i < model.held_count; i++)
        if (model.held[i].first > model.next && model.held[i].first < end)
            end = model.held[i].first;
    return end;
}

static void model_drain(const struct copy *c, int fresh) {
    while (model.next < c->first + c->count) {
        model_close_gap(fresh);
        uint64_t at = model.next++;
        model_apply(&day[at - 1], fresh);
    }
}

static void model_packet(const struct copy *c, int fresh) {
    uint64_t end = c->first + c->count;
    if (end > model.known_end)
        model.known_end = end;
    if (c->count && c->first <= model.next && model.next < end) {
        model_drain(c, fresh);
    } else {
        if (c->count && end > model.next)
            model.held[model.held_count++] = *c;
        model.gap_end = model.gap_open ? model_gap_end() : model.gap_end;
    }
    for (unsigned i = 0; i < model.held_count;) {
        if (model.held[i].first > model.next) {
            i++;
            continue;
        }
        struct copy due = model.held[i];
        model.held[i] = model.held[--model.held_count];
        model_drain(&due, fresh);
        i = 0;
    }
    model_close_gap(fresh);
    if (model.known_end > model.next && !model.gap_open) {
        model.gap_open = 1;
        model.gap_end = model_gap_end();
    }
}

/* ---- the engine's side, and the comparison ---- */

static unsigned read_execs;

static struct waiting *waiting_of(uint64_t order_id) {
    for (unsigned i = 0; i < model.armed_count; i++)
        if (model.armed[i].order_id == order_id)
            return &model.armed[i];
    return NULL;
}

static void nothing(void *context, uint8_t venue) { (void)context, (void)venue; }

static void feed_quote(void *context, uint8_t venue, const char symbol[8], struct fp_quote *quote) {
    (void)context;
    memset(quote, 0, sizeof *quote);
    if (venue == 0)
        fp_feed_quote(&feed, symbol, quote);
}

/* Everything told since the last call, against what the model told. */
static void compare(void) {
    unsigned at = 0;
    for (; read_execs < r.exec_count; read_execs++) {
        const struct fp_exec *x = &r.execs[read_execs];
        if (x->kind == FP_EX_TRIGGER_FIRED) {
            struct waiting *w = waiting_of(x->order_id);
            CHECK(w && ++w->fires == 1);
        }
        if (x->kind != FP_EX_TRIGGER_FIRED && x->kind != FP_EX_TRIGGER_EXPIRED)
            continue;
        CHECK(at < model.told_count);
        CHECK_EQ(x->order_id << 1 | (x->kind == FP_EX_TRIGGER_FIRED), at < model.told_count ? model.told[at] : 0);
        at++;
    }
    CHECK_EQ(at, model.told_count);
    model.told_count = 0;
}

static void forget_market(void) {
    static const struct fp_mold_rx_config rx = {.first_sequence = 1, .gap_wait_ns = 200000, .retry_ns = 1000000, .attempts = 100000, .window_packets = 1024};
    static const struct fp_book_config book = {.midnight_ns = 0, .max_orders = 1024, .max_levels = 4096};
    struct fp_mold_rx *rx_memory = feed.rx;
    struct fp_book *book_memory = feed.book;
    struct fp_symbol_index *symbols = feed.symbols;
    if (!rx_memory) {
        rx_memory = aligned_alloc(64, (fp_mold_rx_size(&rx) + 63) & ~(size_t)63);
        book_memory = fp_memory_map(fp_book_size(&book), FP_MEMORY_LAZY);
        symbols = calloc(1, sizeof *symbols);
        CHECK_EQ(fp_book_init(book_memory, &book), 0);
    } else {
        fp_book_clear(book_memory);
        fp_book_set_stale(book_memory, 0, 0);
        memset(symbols, 0, sizeof *symbols);
    }
    memset(&feed, 0, sizeof feed);
    CHECK_EQ(fp_mold_rx_init(rx_memory, &rx), 0);
    feed.rx = rx_memory;
    feed.book = book_memory;
    feed.symbols = symbols;
    feed.out = &out;
    feed.oms = r.oms;
    feed.fired = nothing;
    feed.wire_to_event = &hist;
    feed.next_sequence = 1;
    for (int line = 0; line < FP_LINES; line++) {
        ports[line] = (struct fp_io){.rx = no_frames, .release = give_back, .tx = hear_request};
        feed.lines[line] = &ports[line];
    }
    model.book_count = model.held_count = 0;
    model.gap_open = 0;
    model.next = model.known_end = 1;
    model.gap_end = 0;
    asked_count = 0;
}

static void deliver(void) {
    if (!pending_count)
        return;
    unsigned i = any(4) ? 0 : any(pending_count < 6 ? pending_count : 6);
    struct copy c = pending[i];
    memmove(&pending[i], &pending[i + 1], (--pending_count - i) * sizeof *pending);
    struct fp_mold_header header = {.session = {'S', 'C', 'E', 'N', 'A', 'R', 'I', 'O', '0', '1'}, .sequence = c.first, .count = c.count};
    size_t length = (size_t)fp_mold_put_header(&header, packet, sizeof packet);
    for (unsigned m = 0; m < c.count; m++)
        length += (size_t)fp_mold_put_block(day[c.first - 1 + m].bytes, day[c.first - 1 + m].length, packet + length, sizeof packet - length);
    out.now_ns = r.now;
    int taken = c.line != FP_LINE_REREQUEST || feed.started; /* an answer cannot teach the session */
    int fresh = c.line != FP_LINE_REREQUEST || r.now - feed.heard_ns <= 1000000000;
    if (taken)
        model_packet(&c, fresh);
    one = (struct fp_frame){.data = packet, .len = (uint32_t)length, .ts_ns = r.now};
    ports[c.line].rx = take_one;
    fp_feed_poll(&feed);
    ports[c.line].rx = no_frames;
    compare();
    CHECK_EQ(feed.next_sequence, model.next);
    CHECK_EQ(feed.gap_open, model.gap_open);
}

static void publish(void) {
    if (day_count + 4 >= MESSAGES)
        return;
    uint64_t first = day_count + 1;
    for (unsigned n = 1 + any(4); n; n--)
        move();
    uint16_t count = (uint16_t)(day_count + 1 - first);
    uint32_t fate = any(20); /* most packets come twice, some once, some never */
    if (fate > 1)
        lose_nothing(first, count, FP_LINE_A);
    if (fate > 3 || fate == 1)
        lose_nothing(first, count, FP_LINE_B);
}

static void tick(void) {
    r.now += 1 + any(3000000);
    out.now_ns = r.now;
    for (unsigned i = 0; i < model.armed_count; i++) { /* expiries, in the order of arming */
        struct waiting *w = &model.armed[i];
        if (!w->state || !w->expire_ns || r.now < w->expire_ns)
            continue;
        w->state = 0;
        model.ended++;
        model.told[model.told_count++] = w->order_id << 1;
    }
    if (fp_oms_timer(r.oms, r.now) & 1)
        rig_cut(&r, 0);
    compare();
    asked_count = 0;
    fp_feed_timer(&feed, r.now);
    compare();
    if (asked_count && any(5)) {
        uint16_t count = asked_count < ANSWER ? asked_count : ANSWER;
        lose_nothing(asked, count, FP_LINE_REREQUEST);
    }
}

static void arm(void) {
    static const uint32_t middle[] = {1499500, 1499500, 1500500, 1500500};
    struct fp_command c = rig_order(&r, "", 'B', 1 + any(100), 1500000);
    char id[40] = {0};
    uint8_t symbol = (uint8_t)any(SYMBOLS);
    if (model.armed_count == TRIGGERS)
        return;
    sprintf(id, "t%u", model.armed_count);
    memcpy(c.client_order_id, id, 40);
    memcpy(c.symbol, RIG_SYMBOLS[symbol], 8);
    c.kind = FP_CMD_ARM;
    c.condition = (uint8_t)(1 + any(4));
    c.trigger_e4 = middle[c.condition - 1] + (any(9) * 100) - 400;
    c.expire_ns = any(3) ? 0 : r.now + 1 + any(40000000);
    rig_do(&r, &c);
    if (r.reply.outcome != FP_OUT_ACCEPTED)
        return; /* stale, unknown, killed or without a session: a trigger is not armed then */
    CHECK(!model.gap_open);
    model.armed[model.armed_count++] = (struct waiting){.order_id = r.reply.order.order_id, .expire_ns = c.expire_ns, .trigger_e4 = c.trigger_e4,
                                                        .symbol = symbol, .condition = c.condition, .state = 1};
}

static void end_one(uint8_t kind) {
    if (!model.armed_count)
        return;
    struct waiting *w = &model.armed[any(model.armed_count)];
    struct fp_command c = rig_order(&r, "", 0, 0, 0);
    c.kind = kind;
    c.order_id = w->order_id;
    uint16_t reason = rig_do(&r, &c);
    if (w->state) {
        CHECK_EQ(reason, 0);
        CHECK_EQ(r.reply.order.state, FP_OS_EXPIRED);
        w->state = 0;
        model.ended++;
    } else if (kind == FP_CMD_DISARM) { /* it had fired (refused), or was over (done) */
        CHECK(w->fires ? reason == FP_RC_ORDER_NOT_LIVE : reason == 0);
    }
}

static void end_all(uint8_t kind) {
    struct fp_command c = rig_order(&r, "", 0, 0, 0);
    memset(c.symbol, 0, 8);
    c.kind = kind;
    c.venue = 0xFF;
    c.kill_scope = FP_KILL_ACCOUNT;
    CHECK_EQ(rig_do(&r, &c), 0);
    for (unsigned i = 0; i < model.armed_count; i++)
        if (model.armed[i].state) {
            model.armed[i].state = 0;
            model.ended++;
        }
    if (kind != FP_CMD_KILL)
        return;
    c.kind = FP_CMD_RELEASE;
    CHECK_EQ(rig_do(&r, &c), 0);
}

static void restart(void) {
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    r.oms->sink.quote = feed_quote;
    read_execs = r.exec_count;
    forget_market();
    feed.oms = r.oms;
    pending_count = 0;
    for (unsigned i = 0; i < model.armed_count; i++) {
        struct fp_exec x;
        CHECK_EQ(fp_oms_order(r.oms, model.armed[i].order_id, &x), 0);
        CHECK_EQ(x.state == FP_OS_ARMED, model.armed[i].state);
    }
}

static unsigned scenarios, all_sent, all_ended, restarts, gaps, resumed;

/* Let the session's bytes flow, or connect it; what it brings about is the model's, too. */
static void talk(int connect) {
    int was_live = r.oms->venues[0].state == FP_VS_LIVE;
    unsigned before = model.sent;
    while (connect && !fp_oms_wants_connection(r.oms, 0, r.now))
        r.now += 100000000; /* no longer than it must be: the quotes are still good then */
    if (connect)
        rig_connect(&r, 0);
    else
        rig_pump(&r);
    if (!was_live && r.oms->venues[0].state == FP_VS_LIVE)
        look_at_session();
    resumed += model.sent - before;
}

static void step(void) {
    uint32_t roll = any(1000);
    if (roll < 330)
        publish();
    else if (roll < 720)
        deliver();
    else if (roll < 860)
        tick();
    else if (roll < 950)
        arm();
    else if (roll < 966)
        end_one(any(2) ? FP_CMD_DISARM : FP_CMD_CANCEL);
    else if (roll < 968)
        end_all(any(2) ? FP_CMD_KILL : FP_CMD_CANCEL_ALL);
    else if (roll < 992)
        talk(0);
    else if (roll < 995 && r.venues[0]->connected)
        rig_cut(&r, 0);
    else if (roll < 996) {
        restart();
        restarts++;
    }
    if (!r.venues[0]->connected && any(20) == 0)
        talk(1);
    r.now += 1000;
    compare();
}

static void one_day(uint64_t number) {
    seed = 0x9E3779B97F4A7C15u * (number + 1);
    day_count = live_count = pending_count = 0;
    next_ref = 0;
    memset(&model, 0, sizeof model);
    rig_begin(&r);
    rig_live(&r, 512);
    r.oms->sink.quote = feed_quote;
    read_execs = r.exec_count;
    forget_market();
    announce();
    lose_nothing(1, (uint16_t)day_count, FP_LINE_A);
    for (unsigned steps = 0; steps < 6000 && model.armed_count < TRIGGERS && day_count + 4 < MESSAGES; steps++) {
        int open = model.gap_open;
        step();
        gaps += !open && model.gap_open;
    }
    talk(0);
    compare();
    unsigned fired = 0;
    for (unsigned i = 0; i < model.armed_count; i++)
        fired += model.armed[i].fires;
    CHECK_EQ(fired, model.sent);
    CHECK(r.venues[0]->enters_seen <= model.sent); /* some were under way when the session was lost */
    scenarios += model.armed_count;
    all_sent += model.sent;
    all_ended += model.ended;
    rig_end(&r);
}

static void random_days(void) {
    for (uint64_t number = 0; number < MOST_DAYS && scenarios < SCENARIOS && check_failures < 20; number++)
        one_day(number);
    CHECK(scenarios >= SCENARIOS);
    CHECK(all_sent > scenarios / 10);
    CHECK(all_ended > scenarios / 10);
    CHECK(restarts > 100);
    CHECK(gaps > 1000);
    CHECK(resumed > 50);
}

int main(void) {
    RUN(random_days);
    printf("%u triggers: %u sent, %u ended unsent; %u restarts, %u gaps, %u sent when the session came back\n", scenarios, all_sent, all_ended, restarts, gaps, resumed);
    return check_done();
}
