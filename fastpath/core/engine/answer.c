/* Answers of the bus in msgpack; see answer.h. */
#include "answer.h"
#include "clock.h"

const char *fp_venue_name(const struct fp_engine_config *config, unsigned venue) {
    return venue < config->venue_count ? config->venues[venue].name : "";
}

const char *fp_account_name(const struct fp_engine_config *config, unsigned account) {
    return account < config->account_count ? config->accounts[account].name : "";
}

const char *fp_agent_name(const struct fp_engine_config *config, unsigned agent) {
    return agent < config->agent_count ? config->agents[agent].name : "";
}

const char *fp_condition_name(uint8_t condition) {
    static const char *const names[] = {"", "bid_at_or_above", "bid_at_or_below", "ask_at_or_above", "ask_at_or_below"};
    return condition < sizeof names / sizeof names[0] ? names[condition] : "";
}

/* ---- envelope ---- */

void fp_answer_begin(struct fp_mp_writer *w, const struct fp_answer_context *context, uint64_t id, int ok, uint16_t reason, const char *error, uint32_t pairs) {
    fp_mp_map(w, 7 + pairs);
    fp_mp_key_u64(w, "v", 1);
    fp_mp_key_u64(w, "id", id);
    fp_mp_key_bool(w, "ok", ok);
    fp_mp_key_u64(w, "reason", reason);
    fp_mp_key_str(w, "error", error);
    fp_mp_key_u64(w, "epoch", context->epoch);
    fp_mp_key_u64(w, "time_ns", fp_clock_utc_ns());
}

void fp_answer_refusal(struct fp_mp_writer *w, const struct fp_answer_context *context, uint64_t id, uint16_t reason, const char *error) {
    fp_answer_begin(w, context, id, 0, reason, error, 0);
}

/* ---- orders ---- */

static void put_char(struct fp_mp_writer *w, const char *key, char value) {
    fp_mp_key_padded(w, key, &value, 1);
}

void fp_answer_order(struct fp_mp_writer *w, const struct fp_answer_context *context, const struct fp_exec *o) {
    fp_mp_map(w, 35);
    fp_mp_key_u64(w, "seq", o->seq);
    fp_mp_key_u64(w, "time_ns", o->time_ns);
    fp_mp_key_u64(w, "venue_ns", o->venue_ns);
    fp_mp_key_u64(w, "order_id", o->order_id);
    fp_mp_key_u64(w, "parent_id", o->parent_id);
    fp_mp_key_u64(w, "match_number", o->match_number);
    fp_mp_key_u64(w, "exchange_ref", o->exchange_ref);
    fp_mp_key_u64(w, "cum_notional_e4", o->cum_notional_e4);
    fp_mp_key_i64(w, "position", o->position);
    fp_mp_key_i64(w, "open_cost_e4", o->open_cost_e4);
    fp_mp_key_i64(w, "realised_e4", o->realised_e4);
    fp_mp_key_u64(w, "price_e4", o->price_e4);
    fp_mp_key_u64(w, "quantity", o->quantity);
    fp_mp_key_u64(w, "last_price_e4", o->last_price_e4);
    fp_mp_key_u64(w, "last_shares", o->last_shares);
    fp_mp_key_u64(w, "cum_shares", o->cum_shares);
    fp_mp_key_u64(w, "leaves", o->leaves);
    fp_mp_key_u64(w, "urn", o->urn);
    fp_mp_key_u64(w, "soup_seq", o->soup_seq);
    fp_mp_key_str(w, "account", fp_account_name(context->config, o->account));
    fp_mp_key_str(w, "agent", fp_agent_name(context->config, o->agent));
    fp_mp_key_u64(w, "symbol_id", o->symbol_id);
    fp_mp_key_u64(w, "reason", o->reason);
    fp_mp_key_str(w, "venue", fp_venue_name(context->config, o->venue));
    fp_mp_key_u64(w, "kind", o->kind);
    put_char(w, "side", o->side);
    fp_mp_key_u64(w, "state", o->state);
    fp_mp_key_u64(w, "flags", o->flags);
    put_char(w, "liquidity", o->liquidity);
    fp_mp_key_str(w, "tif", o->tif == '3' ? "ioc" : o->tif == '0' ? "day" : "");
    put_char(w, "cancel_reason", o->cancel_reason);
    fp_mp_key_str(w, "condition", fp_condition_name(o->condition));
    fp_mp_key_u64(w, "trigger_e4", o->trigger_e4);
    fp_mp_key_padded(w, "symbol", o->symbol, sizeof o->symbol);
    fp_mp_key_padded(w, "client_order_id", o->client_order_id, sizeof o->client_order_id);
}

static const char *outcome_name(uint8_t outcome) {
    static const char *const names[] = {"refused", "accepted", "replayed", "unknown"};
    return outcome < 4 ? names[outcome] : "unknown";
}

void fp_answer_reply(struct fp_mp_writer *w, const struct fp_answer_context *context, uint64_t id, const struct fp_reply *r) {
    fp_answer_begin(w, context, id, 1, r->reason, "", 7);
    fp_mp_key_str(w, "outcome", outcome_name(r->outcome));
    fp_mp_str(w, "order");
    if (r->order.state == FP_OS_NONE) fp_mp_nil(w);
    else fp_answer_order(w, context, &r->order);
    fp_mp_key_u64(w, "effective_price_e4", r->effective_price_e4);
    fp_mp_key_u64(w, "count", r->count);
    fp_mp_str(w, "quote");
    fp_mp_map(w, 6);
    fp_mp_key_u64(w, "bid_e4", r->bid_e4);
    fp_mp_key_u64(w, "bid_shares", r->bid_shares);
    fp_mp_key_u64(w, "ask_e4", r->ask_e4);
    fp_mp_key_u64(w, "ask_shares", r->ask_shares);
    fp_mp_key_u64(w, "venue_ns", r->quote_venue_ns);
    fp_mp_key_u64(w, "rx_ns", r->quote_rx_ns);
    fp_mp_key_u64(w, "engine_ns", r->engine_ns);
    fp_mp_str(w, "checks");
    uint32_t count = r->check_count < FP_MAX_CHECKS ? r->check_count : FP_MAX_CHECKS;
    fp_mp_array(w, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct fp_check *check = &r->checks[i];
        fp_mp_map(w, 6);
        fp_mp_key_u64(w, "reason", check->reason);
        fp_mp_key_bool(w, "passed", check->passed);
        fp_mp_key_i64(w, "observed", check->observed);
        fp_mp_key_i64(w, "limit", check->limit);
        fp_mp_key_u64(w, "unit", check->unit);
        fp_mp_key_u64(w, "level", check->level);
    }
}

void fp_answer_positions(struct fp_mp_writer *w, const struct fp_exec_mirror *mirror) {
    fp_mp_array(w, mirror->position_count);
    for (uint32_t i = 0; i < mirror->position_count; i++) {
        const struct fp_mirror_position *p = &mirror->positions[i];
        fp_mp_map(w, 6);
        fp_mp_key_padded(w, "symbol", p->symbol, 8);
        fp_mp_key_i64(w, "position", p->position);
        fp_mp_key_i64(w, "open_cost_e4", p->open_cost_e4);
        fp_mp_key_i64(w, "realised_e4", p->realised_e4);
        fp_mp_key_u64(w, "bought", p->bought);
        fp_mp_key_u64(w, "sold", p->sold);
    }
}

/* ---- market data ---- */

void fp_answer_top(struct fp_mp_writer *w, const struct fp_answer_context *context, uint8_t venue, const struct fp_mirror *mirror, const struct fp_mirror_book *book, uint64_t feed_heard_ns) {
    fp_mp_key_str(w, "venue", fp_venue_name(context->config, venue));
    fp_mp_key_u64(w, "bid_e4", book->top.bid_e4);
    fp_mp_key_u64(w, "bid_shares", book->top.bid_shares);
    fp_mp_key_u64(w, "ask_e4", book->top.ask_e4);
    fp_mp_key_u64(w, "ask_shares", book->top.ask_shares);
    fp_mp_key_u64(w, "last_price_e4", book->last_price_e4);
    fp_mp_key_u64(w, "last_shares", book->last_shares);
    fp_mp_key_u64(w, "last_ns", book->last_ns);
    fp_mp_key_u64(w, "seq", book->top.seq);
    fp_mp_key_u64(w, "venue_ns", book->top.venue_ns);
    fp_mp_key_u64(w, "rx_ns", book->top.rx_ns);
    fp_mp_key_u64(w, "feed_heard_ns", feed_heard_ns);
    fp_mp_key_bool(w, "stale", fp_mirror_stale(mirror, book));
    put_char(w, "trading_state", book->trading_state);
}

void fp_answer_levels(struct fp_mp_writer *w, const struct fp_mirror_side *side, uint32_t max) {
    uint32_t count = side->count < max ? side->count : max;
    fp_mp_array(w, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct fp_mirror_level *level = fp_mirror_level(side, i);
        fp_mp_array(w, 3);
        fp_mp_u64(w, level->price_e4);
        fp_mp_u64(w, level->shares);
        fp_mp_u64(w, level->orders);
    }
}

/* ---- structures as maps ---- */

struct member {
    const char *name;
    uint16_t offset;
    uint8_t width, count; /* bytes of an integer, or 0: text of `count` bytes */
};

#define NUMBER(type, field) {#field, offsetof(struct type, field), sizeof((struct type *)0)->field, 1}
#define NUMBERS(type, field) {#field, offsetof(struct type, field), sizeof((struct type *)0)->field[0], sizeof((struct type *)0)->field / sizeof((struct type *)0)->field[0]}
#define TEXT(type, field) {#field, offsetof(struct type, field), 0, sizeof((struct type *)0)->field}
#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static uint64_t member_value(const uint8_t *at, unsigned width) {
    uint64_t value = 0;
    memcpy(&value, at, width);
    return value;
}

static void put_members(struct fp_mp_writer *w, const void *data, const struct member *members, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct member *m = &members[i];
        const uint8_t *at = (const uint8_t *)data + m->offset;
        fp_mp_str(w, m->name);
        if (m->width == 0) fp_mp_padded(w, (const char *)at, m->count);
        else if (m->count == 1) fp_mp_u64(w, member_value(at, m->width));
        else {
            fp_mp_array(w, m->count);
            for (unsigned j = 0; j < m->count; j++) fp_mp_u64(w, member_value(at + j * m->width, m->width));
        }
    }
}

#define L(field) NUMBER(fp_limits, field)
static const struct member limit_members[] = {
    L(max_order_notional_e4), L(max_gross_notional_e4), L(max_net_notional_e4), L(max_loss_e4), L(max_position), L(max_order_quantity), L(max_open_orders),
    L(orders_per_s), L(order_burst), L(collar_bps), L(fat_finger_bps), L(duplicate_window_ms), L(max_feed_silence_ms),
};

void fp_answer_limits(struct fp_mp_writer *w, const struct fp_limits *limits) {
    fp_mp_map(w, COUNT(limit_members));
    put_members(w, limits, limit_members, COUNT(limit_members));
}

#define F(field) NUMBER(fp_feed_stats, field)
#define FS(field) NUMBERS(fp_feed_stats, field)
static const struct member feed_members[] = {
    FS(packets), FS(bytes), F(messages), F(duplicates), F(heartbeats), F(end_of_session), F(gaps_opened), F(gaps_filled), F(gaps_lost), F(messages_lost), F(messages_recovered),
    F(rerequests), F(drop_kernel), F(bad_truncated), F(bad_oversized), F(bad_length), F(bad_session), F(bad_count), F(far_ahead), F(unknown_type), F(wrong_length),
    F(unknown_ref), F(duplicate_ref), F(bad_shares), F(unknown_locate), F(bad_side), F(table_full), F(crossed), F(next_sequence), F(last_rx_ns), FS(line_last_rx_ns),
    F(card_cycles), F(card_armed), F(card_fired), F(card_refused), F(card_late),
    F(gap_open), F(stale), F(session_state), TEXT(fp_feed_stats, session),
};

#define O(field) NUMBER(fp_order_stats, field)
static const struct member order_members[] = {
    O(connects), O(logins), O(login_rejects), O(disconnects), O(end_of_session), O(bytes_in), O(bytes_out), O(sequenced_in), O(unsequenced_out), O(heartbeats_in), O(heartbeats_out),
    O(soup_bad_length), O(soup_unknown_type), O(ouch_unknown_type), O(ouch_bad_length), O(ouch_unknown_urn), O(anomalies), O(enters), O(replaces), O(cancels), O(mass_cancels),
    O(accepted), O(rejected), O(fills), O(canceled), O(replaced), O(broken), O(late_fills), O(denied), O(in_doubt), O(lost), O(unjournaled), O(next_sequence), O(next_urn), O(open_orders),
    O(session_state), TEXT(fp_order_stats, session),
};

#define T(field) NUMBER(fp_latency, field)
static const struct member latency_members[] = {T(count), T(min_ns), T(max_ns), T(mean_ns), T(p50_ns), T(p90_ns), T(p99_ns), T(p999_ns)};

#define S(field) NUMBER(fp_engine_stats, field)
static const struct member engine_members[] = {
    S(start_ns), S(now_ns), S(epoch), S(recovering), S(kill_firm), S(kill_venues), S(loops), S(sleeps), S(events), S(execs), S(ring_full_events), S(ring_full_execs),
    S(bus_frames), S(bus_bytes), S(bus_send_errors), S(bus_commands), S(bus_bad_requests), S(bus_replays), S(orders_forgotten), S(orders_unlisted), S(positions_unlisted), S(journal_records), S(journal_bytes), S(journal_segments), S(journal_begin_ns),
};

static void put_map(struct fp_mp_writer *w, const void *data, const struct member *members, size_t count) {
    fp_mp_map(w, (uint32_t)count);
    put_members(w, data, members, count);
}

void fp_answer_stats(struct fp_mp_writer *w, const struct fp_answer_context *context, const struct fp_engine_stats *stats) {
    unsigned venues = context->config->venue_count;
    fp_mp_map(w, COUNT(engine_members) + 6);
    put_members(w, stats, engine_members, COUNT(engine_members));
    const struct {
        const char *name;
        const struct fp_latency *latency;
    } latencies[] = {{"wire_to_event", &stats->wire_to_event}, {"event_to_bus", &stats->event_to_bus}, {"decision", &stats->decision}};
    for (unsigned i = 0; i < COUNT(latencies); i++) {
        fp_mp_str(w, latencies[i].name);
        put_map(w, latencies[i].latency, latency_members, COUNT(latency_members));
    }
    fp_mp_str(w, "order_to_ack");
    fp_mp_array(w, venues);
    for (unsigned i = 0; i < venues; i++) put_map(w, &stats->order_to_ack[i], latency_members, COUNT(latency_members));
    fp_mp_str(w, "feed");
    fp_mp_array(w, venues);
    for (unsigned i = 0; i < venues; i++) put_map(w, &stats->feed[i], feed_members, COUNT(feed_members));
    fp_mp_str(w, "order");
    fp_mp_array(w, venues);
    for (unsigned i = 0; i < venues; i++) put_map(w, &stats->order[i], order_members, COUNT(order_members));
}

/* ---- state ---- */

void fp_answer_streams(struct fp_mp_writer *w, const struct fp_stream_place *streams, uint32_t count) {
    fp_mp_array(w, count);
    for (uint32_t i = 0; i < count; i++) {
        fp_mp_map(w, 3);
        fp_mp_key_str(w, "topic", streams[i].topic);
        fp_mp_key_u64(w, "stream", streams[i].stream);
        fp_mp_key_u64(w, "seq", streams[i].seq);
    }
}

static void put_kill(struct fp_mp_writer *w, const struct fp_answer_context *context, const struct fp_engine_state *state) {
    fp_mp_map(w, 5);
    fp_mp_key_bool(w, "firm", state->stats->kill_firm);
    uint32_t count = 0;
    fp_mp_str(w, "venues");
    size_t place = fp_mp_array_begin(w);
    for (unsigned i = 0; i < context->config->venue_count; i++)
        if (state->stats->kill_venues >> i & 1) fp_mp_str(w, fp_venue_name(context->config, i)), count++;
    fp_mp_array_end(w, place, count);
    fp_mp_str(w, "accounts");
    place = fp_mp_array_begin(w);
    count = 0;
    for (unsigned i = 0; i < context->config->account_count; i++)
        if (state->kill->accounts >> i & 1) fp_mp_str(w, fp_account_name(context->config, i)), count++;
    fp_mp_array_end(w, place, count);
    fp_mp_str(w, "agents");
    place = fp_mp_array_begin(w);
    count = 0;
    for (unsigned i = 0; i < context->config->agent_count; i++)
        if (state->kill->agents[i / 64] >> i % 64 & 1) fp_mp_str(w, fp_agent_name(context->config, i)), count++;
    fp_mp_array_end(w, place, count);
    fp_mp_str(w, "symbols");
    fp_mp_array(w, state->kill->symbol_count);
    for (uint32_t i = 0; i < state->kill->symbol_count; i++) fp_mp_padded(w, state->kill->symbols[i], 8);
}

static void put_feed_state(struct fp_mp_writer *w, const struct fp_feed_stats *feed) {
    fp_mp_map(w, 13);
    fp_mp_key_u64(w, "state", feed->session_state);
    fp_mp_key_bool(w, "stale", feed->stale);
    fp_mp_key_bool(w, "gap_open", feed->gap_open);
    fp_mp_key_u64(w, "next_sequence", feed->next_sequence);
    fp_mp_key_u64(w, "feed_heard_ns", feed->last_rx_ns);
    fp_mp_key_u64(w, "messages", feed->messages);
    fp_mp_key_u64(w, "gaps_opened", feed->gaps_opened);
    fp_mp_key_u64(w, "gaps_filled", feed->gaps_filled);
    fp_mp_key_u64(w, "gaps_lost", feed->gaps_lost);
    fp_mp_key_u64(w, "messages_lost", feed->messages_lost);
    fp_mp_key_u64(w, "duplicates", feed->duplicates);
    fp_mp_key_u64(w, "drop_kernel", feed->drop_kernel);
    fp_mp_str(w, "line_heard_ns");
    fp_mp_array(w, 2);
    fp_mp_u64(w, feed->line_last_rx_ns[0]);
    fp_mp_u64(w, feed->line_last_rx_ns[1]);
}

void fp_answer_state(struct fp_mp_writer *w, const struct fp_answer_context *context, const struct fp_engine_state *state) {
    const struct fp_engine_stats *stats = state->stats;
    fp_mp_key_str(w, "mode", context->config->mode);
    fp_mp_key_bool(w, "recovering", stats->recovering);
    fp_mp_str(w, "kill");
    put_kill(w, context, state);
    fp_mp_key_str(w, "durability", context->config->durability ? "sync" : "crash");
    fp_mp_str(w, "venues");
    fp_mp_array(w, context->config->venue_count);
    for (unsigned i = 0; i < context->config->venue_count; i++) {
        const struct fp_feed_stats *feed = &stats->feed[i];
        const struct fp_order_stats *order = &stats->order[i];
        fp_mp_map(w, 3);
        fp_mp_key_str(w, "name", fp_venue_name(context->config, i));
        fp_mp_str(w, "feed");
        put_feed_state(w, feed);
        fp_mp_str(w, "orders");
        fp_mp_map(w, 6);
        fp_mp_key_u64(w, "state", order->session_state);
        fp_mp_key_u64(w, "next_urn", order->next_urn);
        fp_mp_key_u64(w, "open_orders", order->open_orders);
        fp_mp_key_u64(w, "ack_p50_ns", stats->order_to_ack[i].p50_ns);
        fp_mp_key_u64(w, "ack_p99_ns", stats->order_to_ack[i].p99_ns);
        fp_mp_key_u64(w, "acks", stats->order_to_ack[i].count);
    }
    fp_mp_str(w, "streams");
    fp_answer_streams(w, state->streams, state->stream_count);
    fp_mp_key_u64(w, "journal_records", stats->journal_records);
    fp_mp_key_u64(w, "ring_full_events", stats->ring_full_events);
    fp_mp_key_u64(w, "orders_unlisted", stats->orders_unlisted);
}
