/* The bus's ROUTER side: requests in, answers out, by docs/reference/bus.md. What
 * only reads is answered from the mirrors; what decides goes to the hot thread and
 * is answered when its reply comes. Any bytes may come in: they cost an answer and a
 * count, never more. */
#include "bus.h"
#include "clock.h"
#include <ctype.h>
#include <stdio.h>

enum { TAKE_AT_ONCE = 16, ANSWER_TIMEOUT_S = 5, INSTRUMENTS_DEFAULT = 500 };

/* One request and where its answer goes. */
struct asking {
    struct fp_bus *bus;
    struct fp_mp_writer *writer;
    const struct fp_request *request;
    const uint8_t *identity;
    size_t identity_length;
    int door;
};

static void send_answer(struct fp_bus *bus, int door, const uint8_t *identity, size_t identity_length) {
    struct fp_mp_writer *writer = &bus->writer;
    struct fp_zmq_msg message;
    if (writer->error || bus->zmq.msg_init_size(&message, writer->length) != 0) {
        fp_bus_count(&bus->send_errors, 1);
        return;
    }
    memcpy(bus->zmq.msg_data(&message), writer->data, writer->length);
    /* A peer that is gone or does not read loses its answer; nobody waits for it. */
    if (bus->zmq.send(bus->doors[door], identity, identity_length, FP_ZMQ_SNDMORE | FP_ZMQ_DONTWAIT) < 0 || bus->zmq.msg_send(&message, bus->doors[door], FP_ZMQ_DONTWAIT) < 0) {
        fp_bus_count(&bus->send_errors, 1);
        bus->zmq.msg_close(&message);
    }
}

static void refuse(const struct asking *a, uint16_t reason, const char *error) {
    fp_answer_refusal(a->writer, &a->bus->answers, a->request->id, reason, error);
}

static void begin(const struct asking *a, uint32_t pairs) {
    fp_answer_begin(a->writer, &a->bus->answers, a->request->id, 1, FP_RC_OK, "", pairs);
}

/* ---- names ---- */

static unsigned find_venue(const struct fp_bus *bus, const char *name) {
    for (unsigned i = 0; i < bus->config->venue_count; i++)
        if (strcmp(bus->config->venues[i].name, name) == 0) return i;
    return 0xff;
}

static unsigned find_account(const struct fp_bus *bus, const char *name) {
    for (unsigned i = 0; i < bus->config->account_count; i++)
        if (strcmp(bus->config->accounts[i].name, name) == 0) return i;
    return 0xffff;
}

static unsigned find_agent(const struct fp_bus *bus, const char *name) {
    for (unsigned i = 0; i < bus->config->agent_count; i++)
        if (strcmp(bus->config->agents[i].name, name) == 0) return i;
    return 0xffff;
}

static void pad_symbol(const char *text, char out[8]) {
    size_t length = strlen(text);
    memset(out, ' ', 8);
    memcpy(out, text, length < 8 ? length : 8);
}

/* ---- market data ---- */

static uint64_t feed_heard(const struct fp_bus *bus, unsigned venue) {
    return atomic_load_explicit(&bus->hot->feeds[venue].heard_ns, memory_order_relaxed);
}

/* Venues the request means: those with a book of its symbol. Fills pairs; returns how many, or -1 after a refusal. */
static int books_asked(const struct asking *a, unsigned venues[FP_MAX_VENUES], struct fp_mirror_book *books[FP_MAX_VENUES]) {
    const struct fp_request *r = a->request;
    unsigned only = r->venue[0] ? find_venue(a->bus, r->venue) : 0xff;
    if (fp_request_has(r, FP_KEY_VENUE) && only == 0xff) return refuse(a, FP_RC_UNKNOWN_VENUE, "no such venue"), -1;
    char symbol[8];
    int count = 0;
    pad_symbol(r->symbol, symbol);
    for (unsigned i = 0; i < a->bus->config->venue_count; i++) {
        struct fp_mirror_book *book = only == 0xff || only == i ? fp_mirror_find(&a->bus->mirrors[i], symbol) : NULL;
        if (!book) continue;
        venues[count] = i;
        books[count++] = book;
    }
    if (!count) return refuse(a, FP_RC_UNKNOWN_SYMBOL_YET, "no venue has announced this symbol"), -1;
    return count;
}

static void answer_top(const struct asking *a) {
    unsigned venues[FP_MAX_VENUES];
    struct fp_mirror_book *books[FP_MAX_VENUES];
    int count = books_asked(a, venues, books);
    if (count < 0) return;
    begin(a, 1);
    fp_mp_str(a->writer, "tops");
    fp_mp_array(a->writer, (uint32_t)count);
    for (int i = 0; i < count; i++) {
        fp_mp_map(a->writer, FP_ANSWER_TOP_PAIRS);
        fp_answer_top(a->writer, &a->bus->answers, (uint8_t)venues[i], &a->bus->mirrors[venues[i]], books[i], feed_heard(a->bus, venues[i]));
    }
}

static void answer_depth(const struct asking *a) {
    unsigned venues[FP_MAX_VENUES];
    struct fp_mirror_book *books[FP_MAX_VENUES];
    if (!a->request->levels) return refuse(a, FP_RC_MALFORMED, "levels must be 1 to 100");
    if (books_asked(a, venues, books) < 0) return;
    begin(a, FP_ANSWER_TOP_PAIRS + 2);
    fp_answer_top(a->writer, &a->bus->answers, (uint8_t)venues[0], &a->bus->mirrors[venues[0]], books[0], feed_heard(a->bus, venues[0]));
    fp_mp_str(a->writer, "bids");
    fp_answer_levels(a->writer, &books[0]->side[0], (uint32_t)a->request->levels);
    fp_mp_str(a->writer, "asks");
    fp_answer_levels(a->writer, &books[0]->side[1], (uint32_t)a->request->levels);
}

static const struct fp_mirror_trade *newest(const struct fp_mirror_trades *trades, uint32_t back) {
    if (!trades || back >= trades->count) return NULL;
    return &trades->ring[(trades->next + FP_MIRROR_TRADES - 1 - back) % FP_MIRROR_TRADES];
}

static void answer_trades(const struct asking *a) {
    unsigned venues[FP_MAX_VENUES];
    struct fp_mirror_book *books[FP_MAX_VENUES];
    uint32_t used[FP_MAX_VENUES] = {0}, written = 0;
    if (!a->request->max || a->request->max > FP_MIRROR_TRADES) return refuse(a, FP_RC_MALFORMED, "max must be 1 to 100");
    int count = books_asked(a, venues, books);
    if (count < 0) return;
    begin(a, 1);
    fp_mp_str(a->writer, "trades");
    size_t place = fp_mp_array_begin(a->writer);
    for (; written < a->request->max; written++) {
        int best = -1;
        const struct fp_mirror_trade *chosen = NULL;
        for (int i = 0; i < count; i++) {
            const struct fp_mirror_trade *trade = newest(books[i]->trades, used[i]);
            if (trade && (!chosen || trade->rx_ns > chosen->rx_ns)) chosen = trade, best = i;
        }
        if (!chosen) break;
        used[best]++;
        fp_mp_map(a->writer, 8);
        fp_mp_key_str(a->writer, "venue", fp_venue_name(a->bus->config, venues[best]));
        fp_mp_key_u64(a->writer, "price_e4", chosen->price_e4);
        fp_mp_key_u64(a->writer, "shares", chosen->shares);
        fp_mp_key_padded(a->writer, "resting_side", &chosen->resting_side, 1);
        fp_mp_key_u64(a->writer, "match_number", chosen->match_number);
        fp_mp_key_u64(a->writer, "venue_ns", chosen->venue_ns);
        fp_mp_key_u64(a->writer, "rx_ns", chosen->rx_ns);
        fp_mp_key_u64(a->writer, "seq", chosen->seq);
    }
    fp_mp_array_end(a->writer, place, written);
}

static int matches(const char symbol[8], const char *query) {
    for (int i = 0; query[i]; i++)
        if (i == 8 || toupper((unsigned char)query[i]) != toupper((unsigned char)symbol[i])) return 0;
    return 1;
}

static void answer_instruments(const struct asking *a) {
    const struct fp_request *r = a->request;
    unsigned only = r->venue[0] ? find_venue(a->bus, r->venue) : 0xff;
    if (fp_request_has(r, FP_KEY_VENUE) && only == 0xff) return refuse(a, FP_RC_UNKNOWN_VENUE, "no such venue");
    uint64_t total = 0, max = fp_request_has(r, FP_KEY_MAX) ? r->max : INSTRUMENTS_DEFAULT;
    uint32_t written = 0;
    begin(a, 2);
    fp_mp_str(a->writer, "instruments");
    size_t place = fp_mp_array_begin(a->writer);
    for (unsigned v = 0; v < a->bus->config->venue_count; v++) {
        if (only != 0xff && only != v) continue;
        const struct fp_mirror *mirror = &a->bus->mirrors[v];
        for (uint32_t i = 1; i < mirror->locate_end; i++) {
            const struct fp_mirror_book *book = &mirror->books[i];
            if (!book->symbol[0] || !matches(book->symbol, r->query)) continue;
            if (total++ < r->offset || written >= max) continue;
            written++;
            fp_mp_map(a->writer, 6);
            fp_mp_key_padded(a->writer, "symbol", book->symbol, 8);
            fp_mp_key_str(a->writer, "venue", fp_venue_name(a->bus->config, v));
            fp_mp_key_u64(a->writer, "locate", i);
            fp_mp_key_u64(a->writer, "round_lot", book->round_lot);
            fp_mp_key_padded(a->writer, "trading_state", &book->trading_state, 1);
            fp_mp_key_padded(a->writer, "reg_sho", &book->reg_sho, 1);
        }
    }
    fp_mp_array_end(a->writer, place, written);
    fp_mp_key_u64(a->writer, "total", total);
}

/* ---- snapshot and replay ---- */

/* The stream a topic names: venue or account index, or -1 after a refusal. */
static int stream_asked(const struct asking *a, int *is_venue) {
    for (unsigned i = 0; i < a->bus->config->venue_count; i++)
        if (strcmp(a->bus->venue_topics[i], a->request->topic) == 0) return *is_venue = 1, (int)i;
    for (unsigned i = 0; i < a->bus->config->account_count; i++)
        if (strcmp(a->bus->account_topics[i], a->request->topic) == 0) return *is_venue = 0, (int)i;
    refuse(a, FP_RC_MALFORMED, "no such topic; use md.<venue>.full or exec.<account>");
    return -1;
}

static void snapshot_venue(const struct asking *a, const struct fp_mirror *mirror) {
    uint32_t written = 0;
    if (mirror->desync) return refuse(a, FP_RC_RECOVERING, "records were lost; the books are being sent again, ask again in 100 ms");
    begin(a, 2);
    fp_mp_key_u64(a->writer, "seq", mirror->seq);
    fp_mp_str(a->writer, "books");
    size_t place = fp_mp_array_begin(a->writer);
    for (uint32_t i = 1; i < mirror->locate_end; i++) {
        const struct fp_mirror_book *book = &mirror->books[i];
        if (!book->symbol[0] && !book->side[0].count && !book->side[1].count) continue;
        written++;
        fp_mp_map(a->writer, 5);
        fp_mp_key_padded(a->writer, "symbol", book->symbol, 8);
        fp_mp_key_u64(a->writer, "locate", i);
        fp_mp_key_bool(a->writer, "stale", fp_mirror_stale(mirror, book));
        fp_mp_str(a->writer, "bids");
        fp_answer_levels(a->writer, &book->side[0], UINT32_MAX);
        fp_mp_str(a->writer, "asks");
        fp_answer_levels(a->writer, &book->side[1], UINT32_MAX);
    }
    fp_mp_array_end(a->writer, place, written);
}

static void snapshot_account(const struct asking *a, const struct fp_exec_mirror *mirror) {
    begin(a, 3);
    fp_mp_key_u64(a->writer, "seq", mirror->seq);
    fp_mp_str(a->writer, "orders");
    uint32_t bytes = mirror->order_count * (uint32_t)sizeof *mirror->orders;
    uint8_t *out = fp_mp_bin(a->writer, bytes);
    if (out && bytes) memcpy(out, mirror->orders, bytes);
    fp_mp_str(a->writer, "positions");
    fp_answer_positions(a->writer, mirror);
}

static void answer_snapshot(const struct asking *a) {
    int is_venue = 0, index = stream_asked(a, &is_venue);
    if (index < 0) return;
    fp_bus_count(&a->bus->replays, 1);
    if (is_venue) snapshot_venue(a, &a->bus->mirrors[index]);
    else snapshot_account(a, &a->bus->accounts[index]);
}

static void answer_replay(const struct asking *a) {
    const struct fp_request *r = a->request;
    int is_venue = 0, index = stream_asked(a, &is_venue);
    if (index < 0) return;
    if (r->epoch != a->bus->answers.epoch) return refuse(a, FP_RC_MALFORMED, "another epoch: the engine was restarted; take a snapshot");
    if (!r->from || r->to < r->from) return refuse(a, FP_RC_MALFORMED, "from and to must be sequences, from <= to");
    fp_bus_count(&a->bus->replays, 1);
    const struct fp_history *history = is_venue ? &a->bus->histories[index] : &a->bus->accounts[index].history;
    uint64_t first = r->from < history->first ? history->first : r->from, last = r->to > history->last ? history->last : r->to;
    uint32_t count = last >= first ? (uint32_t)(last - first + 1 < FP_REPLAY_RECORDS ? last - first + 1 : FP_REPLAY_RECORDS) : 0;
    begin(a, 4);
    fp_mp_key_u64(a->writer, "first", first);
    fp_mp_key_u64(a->writer, "count", count);
    fp_mp_key_u64(a->writer, "oldest", history->first);
    fp_mp_str(a->writer, "records");
    uint8_t *out = fp_mp_bin(a->writer, count * history->record_bytes);
    for (uint32_t i = 0; out && i < count; i++) memcpy(out + (size_t)i * history->record_bytes, fp_history_at(history, first + i), history->record_bytes);
}

/* ---- orders, limits, state ---- */

static void answer_orders(const struct asking *a) {
    const struct fp_request *r = a->request;
    unsigned account = find_account(a->bus, r->account);
    if (account == 0xffff) return refuse(a, FP_RC_UNKNOWN_ACCOUNT, "no such account");
    if (!r->max) return refuse(a, FP_RC_MALFORMED, "max must be 1 to 500");
    const struct fp_exec_mirror *mirror = &a->bus->accounts[account];
    char symbol[8];
    uint32_t written = 0, i = fp_exec_mirror_after(mirror, r->after);
    int more = 0;
    pad_symbol(r->symbol, symbol);
    begin(a, 2);
    fp_mp_str(a->writer, "orders");
    size_t place = fp_mp_array_begin(a->writer);
    for (; i < mirror->order_count; i++) {
        const struct fp_exec *order = &mirror->orders[i];
        if (r->open && !fp_exec_is_open(order)) continue;
        if (r->symbol[0] && memcmp(order->symbol, symbol, 8) != 0) continue;
        if (written == r->max) {
            more = 1;
            break;
        }
        written++;
        fp_answer_order(a->writer, &a->bus->answers, order);
    }
    fp_mp_array_end(a->writer, place, written);
    fp_mp_key_bool(a->writer, "more", more);
}

static void answer_positions(const struct asking *a) {
    unsigned account = find_account(a->bus, a->request->account);
    if (account == 0xffff) return refuse(a, FP_RC_UNKNOWN_ACCOUNT, "no such account");
    begin(a, 1);
    fp_mp_str(a->writer, "positions");
    fp_answer_positions(a->writer, &a->bus->accounts[account]);
}

static void answer_limits(const struct asking *a) {
    const struct fp_engine_config *config = a->bus->config;
    unsigned account = find_account(a->bus, a->request->account), agent = find_agent(a->bus, a->request->agent);
    int wants_agent = fp_request_has(a->request, FP_KEY_AGENT);
    if (account == 0xffff) return refuse(a, FP_RC_UNKNOWN_ACCOUNT, "no such account");
    if (wants_agent && agent == 0xffff) return refuse(a, FP_RC_UNKNOWN_AGENT, "no such agent");
    begin(a, wants_agent ? 3 : 2);
    fp_mp_str(a->writer, "firm");
    fp_answer_limits(a->writer, &config->firm_limits);
    fp_mp_str(a->writer, "account");
    fp_answer_limits(a->writer, &config->accounts[account].limits);
    if (!wants_agent) return;
    fp_mp_str(a->writer, "agent");
    fp_answer_limits(a->writer, &config->agents[agent].limits);
}

static void answer_hello(const struct asking *a) {
    const struct fp_engine_config *config = a->bus->config;
    struct fp_mp_writer *w = a->writer;
    struct fp_stream_place places[1 + FP_MAX_VENUES + FP_MAX_ACCOUNTS];
    struct fp_engine_stats stats;
    struct fp_kill_view kill;
    a->bus->collect(a->bus->engine, &stats, &kill);
    begin(a, 7);
    fp_mp_key_str(w, "version", fp_version());
    fp_mp_key_str(w, "mode", config->mode);
    fp_mp_key_u64(w, "start_ns", stats.start_ns);
    fp_mp_str(w, "venues");
    fp_mp_array(w, config->venue_count);
    for (unsigned i = 0; i < config->venue_count; i++) {
        fp_mp_map(w, 4);
        fp_mp_key_str(w, "name", config->venues[i].name);
        fp_mp_key_u64(w, "taker_fee_e6", config->venues[i].taker_fee_e6);
        fp_mp_key_u64(w, "maker_rebate_e6", config->venues[i].maker_rebate_e6);
        fp_mp_key_bool(w, "orders", config->venues[i].order_host[0] != 0);
    }
    fp_mp_str(w, "accounts");
    fp_mp_array(w, config->account_count);
    for (unsigned i = 0; i < config->account_count; i++) fp_mp_str(w, config->accounts[i].name);
    fp_mp_str(w, "agents");
    fp_mp_array(w, config->agent_count);
    for (unsigned i = 0; i < config->agent_count; i++) {
        fp_mp_map(w, 2);
        fp_mp_key_str(w, "name", config->agents[i].name);
        fp_mp_key_str(w, "account", fp_account_name(config, config->agents[i].account));
    }
    fp_mp_str(w, "streams");
    fp_answer_streams(w, places, fp_publish_places(a->bus, places));
}

static void answer_state(const struct asking *a) {
    struct fp_stream_place places[1 + FP_MAX_VENUES + FP_MAX_ACCOUNTS];
    struct fp_engine_stats stats;
    struct fp_kill_view kill;
    a->bus->collect(a->bus->engine, &stats, &kill);
    struct fp_engine_state state = {.stats = &stats, .streams = places, .stream_count = fp_publish_places(a->bus, places), .kill = &kill};
    begin(a, FP_ANSWER_STATE_PAIRS);
    fp_answer_state(a->writer, &a->bus->answers, &state);
}

static void answer_stats(const struct asking *a) {
    struct fp_engine_stats stats;
    struct fp_kill_view kill;
    a->bus->collect(a->bus->engine, &stats, &kill);
    begin(a, 1);
    fp_mp_str(a->writer, "stats");
    fp_answer_stats(a->writer, &a->bus->answers, &stats);
}

/* ---- commands ---- */

/* Which fp_command an op becomes; 0 for ops that are no commands. */
static uint8_t command_kind(uint8_t op) {
    switch (op) {
    case FP_OP_ORDER: return FP_CMD_QUERY_ORDER;
    case FP_OP_PREVIEW: return FP_CMD_PREVIEW;
    case FP_OP_SUBMIT: return FP_CMD_SUBMIT;
    case FP_OP_PREVIEW_REPLACE: return FP_CMD_PREVIEW_REPLACE;
    case FP_OP_REPLACE: return FP_CMD_REPLACE;
    case FP_OP_CANCEL: return FP_CMD_CANCEL;
    case FP_OP_CANCEL_ALL: return FP_CMD_CANCEL_ALL;
    case FP_OP_KILL: return FP_CMD_KILL;
    case FP_OP_RELEASE: return FP_CMD_RELEASE;
    default: return 0;
    }
}

static int fill_order(const struct asking *a, struct fp_command *c) {
    const struct fp_request *r = a->request;
    if (strcmp(r->side, "B") != 0 && strcmp(r->side, "S") != 0) return refuse(a, FP_RC_SIDE, "side must be B or S"), -1;
    if (strcmp(r->order_type, "limit") == 0) c->order_type = FP_TYPE_LIMIT;
    else if (strcmp(r->order_type, "market") == 0) c->order_type = FP_TYPE_MARKET;
    else return refuse(a, FP_RC_ORDER_TYPE, "order_type must be limit or market"), -1;
    if (strcmp(r->tif, "day") == 0) c->tif = '0';
    else if (strcmp(r->tif, "ioc") == 0) c->tif = '3';
    else return refuse(a, FP_RC_TIF, "tif must be day or ioc"), -1;
    return 0;
}

/* Whom a kill switch is for. Without a target it is the agent's own account, or the agent itself. */
static int fill_scope(const struct asking *a, struct fp_command *c) {
    static const char *const scopes[] = {"firm", "venue", "account", "agent", "symbol"};
    const struct fp_request *r = a->request;
    unsigned scope = 0;
    while (scope < 5 && strcmp(scopes[scope], r->scope) != 0) scope++;
    c->kill_scope = (uint8_t)scope;
    switch (scope) {
    case FP_KILL_FIRM: return 0;
    case FP_KILL_VENUE:
        c->venue = (uint8_t)find_venue(a->bus, r->target);
        return c->venue == 0xff ? refuse(a, FP_RC_UNKNOWN_VENUE, "target is no venue"), -1 : 0;
    case FP_KILL_ACCOUNT:
        if (r->target[0]) c->account = (uint16_t)find_account(a->bus, r->target);
        else if (c->agent != 0xffff) c->account = a->bus->config->agents[c->agent].account;
        return c->account == 0xffff ? refuse(a, FP_RC_UNKNOWN_ACCOUNT, "target is no account"), -1 : 0;
    case FP_KILL_AGENT:
        if (r->target[0]) c->agent = (uint16_t)find_agent(a->bus, r->target);
        return c->agent == 0xffff ? refuse(a, FP_RC_UNKNOWN_AGENT, "target is no agent"), -1 : 0;
    case FP_KILL_SYMBOL:
        if (!r->target[0] || strlen(r->target) > 8) return refuse(a, FP_RC_SYMBOL, "target is no symbol"), -1;
        pad_symbol(r->target, c->symbol);
        return 0;
    default: return refuse(a, FP_RC_MALFORMED, "scope must be firm, venue, account, agent or symbol"), -1;
    }
}

/* Request to command. 0, or -1 after a refusal. */
static int fill_command(const struct asking *a, struct fp_command *c) {
    const struct fp_request *r = a->request;
    *c = (struct fp_command){.received_ns = fp_clock_utc_ns(), .quantity = (uint32_t)r->quantity, .price_e4 = (uint32_t)r->price_e4, .max_quote_age_ms = (uint32_t)r->max_quote_age_ms,
                             .account = (uint16_t)find_account(a->bus, r->account), .agent = (uint16_t)find_agent(a->bus, r->agent), .kind = command_kind(r->op),
                             .venue = (uint8_t)find_venue(a->bus, r->venue), .side = r->side[0], .lane = FP_LANE_BUS};
    memcpy(c->client_order_id, r->client_order_id, sizeof r->client_order_id);
    memcpy(c->new_client_order_id, r->new_client_order_id, sizeof r->new_client_order_id);
    memcpy(c->reason_text, r->reason_text, sizeof r->reason_text);
    if (r->symbol[0]) pad_symbol(r->symbol, c->symbol);
    switch (r->op) {
    case FP_OP_ORDER: return c->account == 0xffff ? refuse(a, FP_RC_UNKNOWN_ACCOUNT, "no such account"), -1 : 0;
    case FP_OP_PREVIEW:
    case FP_OP_SUBMIT: return fill_order(a, c);
    case FP_OP_CANCEL_ALL:
        /* A misspelt narrowing must not widen to everything. */
        if (fp_request_has(r, FP_KEY_VENUE) && c->venue == 0xff) return refuse(a, FP_RC_UNKNOWN_VENUE, "no such venue"), -1;
        if (fp_request_has(r, FP_KEY_SYMBOL) && !r->symbol[0]) return refuse(a, FP_RC_SYMBOL, "empty symbol"), -1;
        if (fp_request_has(r, FP_KEY_SIDE) && c->side != 'B' && c->side != 'S') return refuse(a, FP_RC_SIDE, "side must be B or S"), -1;
        return 0;
    case FP_OP_KILL:
        if (c->agent == 0xffff) return refuse(a, FP_RC_UNKNOWN_AGENT, "no such agent"), -1;
        return fill_scope(a, c);
    case FP_OP_RELEASE: return fill_scope(a, c);
    default: return 0;
    }
}

static void forward(const struct asking *a) {
    struct fp_bus *bus = a->bus;
    struct fp_lane *lane = &bus->hot->lanes[FP_LANE_BUS];
    struct fp_command command;
    if (a->request->op == FP_OP_RELEASE && a->door != FP_DOOR_OPERATOR) return refuse(a, FP_RC_NOT_PERMITTED, "release is taken at the operator's endpoint only");
    if (fill_command(a, &command) != 0) return;
    struct fp_pending *pending = NULL;
    for (uint32_t i = 0; bus->pending_used < FP_BUS_PENDING && !pending; i++) {
        struct fp_pending *slot = &bus->pending[bus->pending_next++ % FP_BUS_PENDING];
        if (!slot->used) pending = slot;
    }
    if (!pending || fp_ring_room(&lane->commands) == 0) return refuse(a, FP_RC_TABLE_FULL, "too many requests are under way; nothing was done, try again");
    pending->used = 1;
    pending->generation++;
    pending->request_id = a->request->id;
    pending->deadline_ns = fp_clock_monotonic_ns() + (uint64_t)ANSWER_TIMEOUT_S * FP_NS_PER_S;
    pending->door = (uint8_t)a->door;
    pending->op = a->request->op;
    pending->identity_length = (uint8_t)a->identity_length;
    memcpy(pending->identity, a->identity, a->identity_length);
    bus->pending_used++;
    command.id = (uint64_t)pending->generation << 16 | (uint64_t)(pending - bus->pending);
    fp_ring_push(&lane->commands, &command);
    fp_bus_count(&bus->commands, 1);
    fp_waker_ring(&bus->hot->waker);
}

static void settle(struct fp_bus *bus, struct fp_pending *pending, const struct fp_reply *reply) {
    fp_mp_reset(&bus->writer);
    if (pending->op != FP_OP_ORDER) {
        fp_answer_reply(&bus->writer, &bus->answers, pending->request_id, reply);
    } else if (reply->outcome == FP_OUT_ACCEPTED) {
        fp_answer_begin(&bus->writer, &bus->answers, pending->request_id, 1, FP_RC_OK, "", 1);
        fp_mp_str(&bus->writer, "order");
        fp_answer_order(&bus->writer, &bus->answers, &reply->order);
    } else {
        int unknown = reply->outcome == FP_OUT_UNKNOWN;
        fp_answer_refusal(&bus->writer, &bus->answers, pending->request_id, reply->reason, unknown ? "no answer in time" : "the engine never saw this client_order_id");
    }
    send_answer(bus, pending->door, pending->identity, pending->identity_length);
    pending->used = 0;
    bus->pending_used--;
}

void fp_router_answer(struct fp_bus *bus, const struct fp_reply *reply) {
    uint64_t index = reply->id & 0xffff;
    if (index >= FP_BUS_PENDING) return;
    struct fp_pending *pending = &bus->pending[index];
    if (!pending->used || pending->generation != reply->id >> 16) {
        fp_bus_count(&bus->late_replies, 1); /* it was told as unknown before */
        return;
    }
    settle(bus, pending, reply);
}

void fp_router_expire(struct fp_bus *bus, uint64_t now_ns) {
    if (!bus->pending_used || now_ns - bus->expire_ns < FP_NS_PER_S / 10) return;
    bus->expire_ns = now_ns;
    for (uint32_t i = 0; i < FP_BUS_PENDING; i++) {
        struct fp_pending *pending = &bus->pending[i];
        if (!pending->used || now_ns < pending->deadline_ns) continue;
        struct fp_reply unknown = {.outcome = FP_OUT_UNKNOWN, .reason = FP_RC_TIMEOUT};
        settle(bus, pending, &unknown);
    }
}

/* ---- requests in ---- */

/* 1 when the answer is written, 0 when it will come from the hot thread. */
static int serve(const struct asking *a) {
    uint32_t forwarded = a->bus->pending_used;
    switch (a->request->op) {
    case FP_OP_HELLO: answer_hello(a); break;
    case FP_OP_STATE: answer_state(a); break;
    case FP_OP_INSTRUMENTS: answer_instruments(a); break;
    case FP_OP_TOP: answer_top(a); break;
    case FP_OP_DEPTH: answer_depth(a); break;
    case FP_OP_TRADES: answer_trades(a); break;
    case FP_OP_SNAPSHOT: answer_snapshot(a); break;
    case FP_OP_REPLAY: answer_replay(a); break;
    case FP_OP_ORDERS: answer_orders(a); break;
    case FP_OP_POSITIONS: answer_positions(a); break;
    case FP_OP_LIMITS: answer_limits(a); break;
    case FP_OP_STATS: answer_stats(a); break;
    default: forward(a); break;
    }
    return a->bus->pending_used == forwarded;
}

static void take_request(struct fp_bus *bus, int door, const uint8_t *identity, size_t identity_length, const uint8_t *body, size_t length, int frames) {
    struct fp_request request;
    struct asking asking = {.bus = bus, .writer = &bus->writer, .request = &request, .identity = identity, .identity_length = identity_length, .door = door};
    fp_mp_reset(&bus->writer);
    int failed = fp_request_parse(body, length, &request);
    if (failed || frames != 1) {
        fp_bus_count(&bus->bad_requests, 1);
        refuse(&asking, failed ? request.reason : FP_RC_MALFORMED, failed ? request.error : "a request is one frame");
    } else if (!serve(&asking)) {
        return;
    }
    if (bus->writer.error) {
        fp_mp_reset(&bus->writer);
        refuse(&asking, FP_RC_PROCESSING_ERROR, "the answer is too large");
    }
    send_answer(bus, door, identity, identity_length);
}

/* Read one message: identity, body, and however many frames more. 1, or 0 when there is none. */
static int receive(struct fp_bus *bus, int door) {
    const struct fp_zmq *zmq = &bus->zmq;
    struct fp_zmq_msg identity, body, rest;
    int more = 0, frames = 0;
    size_t size = sizeof more;
    zmq->msg_init(&identity);
    if (zmq->msg_recv(&identity, bus->doors[door], FP_ZMQ_DONTWAIT) < 0) {
        zmq->msg_close(&identity);
        return 0;
    }
    zmq->msg_init(&body);
    zmq->getsockopt(bus->doors[door], FP_ZMQ_RCVMORE, &more, &size);
    if (more) {
        frames = zmq->msg_recv(&body, bus->doors[door], FP_ZMQ_DONTWAIT) >= 0;
        for (;;) {
            size = sizeof more;
            if (zmq->getsockopt(bus->doors[door], FP_ZMQ_RCVMORE, &more, &size) != 0 || !more) break;
            zmq->msg_init(&rest);
            if (zmq->msg_recv(&rest, bus->doors[door], FP_ZMQ_DONTWAIT) >= 0) frames++;
            zmq->msg_close(&rest);
        }
    }
    size_t length = zmq->msg_size(&identity);
    if (length <= FP_BUS_IDENTITY) take_request(bus, door, zmq->msg_data(&identity), length, zmq->msg_data(&body), zmq->msg_size(&body), frames);
    zmq->msg_close(&identity);
    zmq->msg_close(&body);
    return 1;
}

int fp_router_take(struct fp_bus *bus, int door) {
    int taken = 0;
    while (taken < TAKE_AT_ONCE && receive(bus, door)) taken++;
    return taken;
}
