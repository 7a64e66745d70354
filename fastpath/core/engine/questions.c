/* The bus's reading operations, by docs/reference/bus.md; see questions.h. */
#include "questions.h"
#include <ctype.h>

enum { INSTRUMENTS_DEFAULT = 500 };

void fp_asking_refuse(const struct fp_asking *a, uint16_t reason, const char *error) {
    fp_answer_refusal(a->writer, &a->bus->answers, a->request->id, reason, error);
}

static void begin(const struct fp_asking *a, uint32_t pairs) {
    fp_answer_begin(a->writer, &a->bus->answers, a->request->id, 1, FP_RC_OK, "", pairs);
}

/* ---- names ---- */

unsigned fp_find_venue(const struct fp_engine_config *config, const char *name) {
    for (unsigned i = 0; i < config->venue_count; i++)
        if (strcmp(config->venues[i].name, name) == 0) return i;
    return 0xff;
}

unsigned fp_find_account(const struct fp_engine_config *config, const char *name) {
    for (unsigned i = 0; i < config->account_count; i++)
        if (strcmp(config->accounts[i].name, name) == 0) return i;
    return 0xffff;
}

unsigned fp_find_agent(const struct fp_engine_config *config, const char *name) {
    for (unsigned i = 0; i < config->agent_count; i++)
        if (strcmp(config->agents[i].name, name) == 0) return i;
    return 0xffff;
}

void fp_pad_symbol(const char *text, char out[8]) {
    size_t length = strlen(text);
    memset(out, ' ', 8);
    memcpy(out, text, length < 8 ? length : 8);
}

/* ---- market data ---- */

static uint64_t feed_heard(const struct fp_bus *bus, unsigned venue) {
    return atomic_load_explicit(&bus->hot->feeds[venue].heard_ns, memory_order_relaxed);
}

/* Venues the request means: those with a book of its symbol. Fills pairs; returns how many, or -1 after a refusal. */
static int books_asked(const struct fp_asking *a, unsigned venues[FP_MAX_VENUES], struct fp_mirror_book *books[FP_MAX_VENUES]) {
    const struct fp_request *r = a->request;
    unsigned only = r->venue[0] ? fp_find_venue(a->bus->config, r->venue) : 0xff;
    if (fp_request_has(r, FP_KEY_VENUE) && only == 0xff) return fp_asking_refuse(a, FP_RC_UNKNOWN_VENUE, "no such venue"), -1;
    char symbol[8];
    int count = 0;
    fp_pad_symbol(r->symbol, symbol);
    for (unsigned i = 0; i < a->bus->config->venue_count; i++) {
        struct fp_mirror_book *book = only == 0xff || only == i ? fp_mirror_find(&a->bus->mirrors[i], symbol) : NULL;
        if (!book) continue;
        venues[count] = i;
        books[count++] = book;
    }
    if (!count) return fp_asking_refuse(a, FP_RC_UNKNOWN_SYMBOL_YET, "no venue has announced this symbol"), -1;
    return count;
}

static void answer_top(const struct fp_asking *a) {
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

static void answer_depth(const struct fp_asking *a) {
    unsigned venues[FP_MAX_VENUES];
    struct fp_mirror_book *books[FP_MAX_VENUES];
    if (!a->request->levels) return fp_asking_refuse(a, FP_RC_MALFORMED, "levels must be 1 to 100");
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

static void answer_trades(const struct fp_asking *a) {
    unsigned venues[FP_MAX_VENUES];
    struct fp_mirror_book *books[FP_MAX_VENUES];
    uint32_t used[FP_MAX_VENUES] = {0}, written = 0;
    if (!a->request->max || a->request->max > FP_MIRROR_TRADES) return fp_asking_refuse(a, FP_RC_MALFORMED, "max must be 1 to 100");
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

static void answer_instruments(const struct fp_asking *a) {
    const struct fp_request *r = a->request;
    unsigned only = r->venue[0] ? fp_find_venue(a->bus->config, r->venue) : 0xff;
    if (fp_request_has(r, FP_KEY_VENUE) && only == 0xff) return fp_asking_refuse(a, FP_RC_UNKNOWN_VENUE, "no such venue");
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
static int stream_asked(const struct fp_asking *a, int *is_venue) {
    for (unsigned i = 0; i < a->bus->config->venue_count; i++)
        if (strcmp(a->bus->venue_topics[i], a->request->topic) == 0) return *is_venue = 1, (int)i;
    for (unsigned i = 0; i < a->bus->config->account_count; i++)
        if (strcmp(a->bus->account_topics[i], a->request->topic) == 0) return *is_venue = 0, (int)i;
    fp_asking_refuse(a, FP_RC_MALFORMED, "no such topic; use md.<venue>.full or exec.<account>");
    return -1;
}

static void snapshot_venue(const struct fp_asking *a, const struct fp_mirror *mirror) {
    uint32_t written = 0;
    if (mirror->desync) return fp_asking_refuse(a, FP_RC_RECOVERING, "records were lost; the books are being sent again, ask again in 100 ms");
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

static void snapshot_account(const struct fp_asking *a, const struct fp_exec_mirror *mirror) {
    begin(a, 4);
    fp_mp_key_u64(a->writer, "seq", mirror->seq);
    fp_mp_key_bool(a->writer, "complete", fp_exec_mirror_complete(mirror, 0));
    fp_mp_str(a->writer, "orders");
    uint32_t bytes = mirror->order_count * (uint32_t)sizeof *mirror->orders;
    uint8_t *out = fp_mp_bin(a->writer, bytes);
    if (out && bytes) memcpy(out, mirror->orders, bytes);
    fp_mp_str(a->writer, "positions");
    fp_answer_positions(a->writer, mirror);
}

static void answer_snapshot(const struct fp_asking *a) {
    int is_venue = 0, index = stream_asked(a, &is_venue);
    if (index < 0) return;
    fp_bus_count(&a->bus->replays, 1);
    if (is_venue) snapshot_venue(a, &a->bus->mirrors[index]);
    else snapshot_account(a, &a->bus->accounts[index]);
}

static void answer_replay(const struct fp_asking *a) {
    const struct fp_request *r = a->request;
    int is_venue = 0, index = stream_asked(a, &is_venue);
    if (index < 0) return;
    if (r->epoch != a->bus->answers.epoch) return fp_asking_refuse(a, FP_RC_MALFORMED, "another epoch: the engine was restarted; take a snapshot");
    if (!r->from || r->to < r->from) return fp_asking_refuse(a, FP_RC_MALFORMED, "from and to must be sequences, from <= to");
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

/* A page of an account's orders, or of those that wait for their trigger. */
static void answer_orders(const struct fp_asking *a, int armed) {
    const struct fp_request *r = a->request;
    unsigned account = fp_find_account(a->bus->config, r->account);
    if (account == 0xffff) return fp_asking_refuse(a, FP_RC_UNKNOWN_ACCOUNT, "no such account");
    if (!r->max) return fp_asking_refuse(a, FP_RC_MALFORMED, "max must be 1 to 500");
    const struct fp_exec_mirror *mirror = &a->bus->accounts[account];
    char symbol[8];
    uint32_t written = 0, i = fp_exec_mirror_after(mirror, r->after);
    int more = 0;
    fp_pad_symbol(r->symbol, symbol);
    begin(a, 3);
    fp_mp_str(a->writer, armed ? "triggers" : "orders");
    size_t place = fp_mp_array_begin(a->writer);
    for (; i < mirror->order_count; i++) {
        const struct fp_exec *order = &mirror->orders[i];
        if (armed ? order->state != FP_OS_ARMED : r->open && !fp_exec_is_open(order)) continue;
        if (r->symbol[0] && memcmp(order->symbol, symbol, 8) != 0) continue;
        if (written == r->max) {
            more = 1;
            break;
        }
        written++;
        if (armed) { /* the newest record of an armed order is the one of its arming */
            fp_mp_map(a->writer, 2);
            fp_mp_key_u64(a->writer, "expire_ns", order->match_number);
            fp_mp_str(a->writer, "order");
        }
        fp_answer_order(a->writer, &a->bus->answers, order);
    }
    fp_mp_array_end(a->writer, place, written);
    fp_mp_key_bool(a->writer, "more", more);
    fp_mp_key_bool(a->writer, "complete", fp_exec_mirror_complete(mirror, armed || r->open));
}

static void answer_positions(const struct fp_asking *a) {
    unsigned account = fp_find_account(a->bus->config, a->request->account);
    if (account == 0xffff) return fp_asking_refuse(a, FP_RC_UNKNOWN_ACCOUNT, "no such account");
    begin(a, 1);
    fp_mp_str(a->writer, "positions");
    fp_answer_positions(a->writer, &a->bus->accounts[account]);
}

static void answer_limits(const struct fp_asking *a) {
    const struct fp_engine_config *config = a->bus->config;
    unsigned account = fp_find_account(a->bus->config, a->request->account), agent = fp_find_agent(a->bus->config, a->request->agent);
    int wants_agent = fp_request_has(a->request, FP_KEY_AGENT);
    if (account == 0xffff) return fp_asking_refuse(a, FP_RC_UNKNOWN_ACCOUNT, "no such account");
    if (wants_agent && agent == 0xffff) return fp_asking_refuse(a, FP_RC_UNKNOWN_AGENT, "no such agent");
    begin(a, wants_agent ? 3 : 2);
    fp_mp_str(a->writer, "firm");
    fp_answer_limits(a->writer, &config->firm_limits);
    fp_mp_str(a->writer, "account");
    fp_answer_limits(a->writer, &config->accounts[account].limits);
    if (!wants_agent) return;
    fp_mp_str(a->writer, "agent");
    fp_answer_limits(a->writer, &config->agents[agent].limits);
}

static void answer_hello(const struct fp_asking *a) {
    const struct fp_engine_config *config = a->bus->config;
    struct fp_mp_writer *w = a->writer;
    struct fp_stream_place places[1 + FP_MAX_VENUES + FP_MAX_ACCOUNTS];
    struct fp_engine_stats stats;
    struct fp_kill_view kill;
    a->bus->collect(a->bus->engine, &stats, &kill);
    begin(a, 8);
    fp_mp_key_str(w, "version", fp_version());
    fp_mp_key_str(w, "mode", config->mode);
    fp_mp_key_u64(w, "start_ns", stats.start_ns);
    fp_mp_key_u64(w, "journal_begin_ns", stats.journal_begin_ns);
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

static void answer_state(const struct fp_asking *a) {
    struct fp_stream_place places[1 + FP_MAX_VENUES + FP_MAX_ACCOUNTS];
    struct fp_engine_stats stats;
    struct fp_kill_view kill;
    a->bus->collect(a->bus->engine, &stats, &kill);
    struct fp_engine_state state = {.stats = &stats, .streams = places, .stream_count = fp_publish_places(a->bus, places), .kill = &kill};
    begin(a, FP_ANSWER_STATE_PAIRS);
    fp_answer_state(a->writer, &a->bus->answers, &state);
}

static void answer_stats(const struct fp_asking *a) {
    struct fp_engine_stats stats;
    struct fp_kill_view kill;
    a->bus->collect(a->bus->engine, &stats, &kill);
    begin(a, 1);
    fp_mp_str(a->writer, "stats");
    fp_answer_stats(a->writer, &a->bus->answers, &stats);
}

int fp_question_answer(const struct fp_asking *a) {
    switch (a->request->op) {
    case FP_OP_HELLO: answer_hello(a); return 1;
    case FP_OP_STATE: answer_state(a); return 1;
    case FP_OP_INSTRUMENTS: answer_instruments(a); return 1;
    case FP_OP_TOP: answer_top(a); return 1;
    case FP_OP_DEPTH: answer_depth(a); return 1;
    case FP_OP_TRADES: answer_trades(a); return 1;
    case FP_OP_SNAPSHOT: answer_snapshot(a); return 1;
    case FP_OP_REPLAY: answer_replay(a); return 1;
    case FP_OP_ORDERS: answer_orders(a, 0); return 1;
    case FP_OP_TRIGGERS: answer_orders(a, 1); return 1;
    case FP_OP_POSITIONS: answer_positions(a); return 1;
    case FP_OP_LIMITS: answer_limits(a); return 1;
    case FP_OP_STATS: answer_stats(a); return 1;
    default: return 0;
    }
}
