/* What other threads may ask and command of a venue; declared in server.h. Every call
 * takes the venue's lock for its own time only, and wakes the thread when something changed. */
#include "venue.h"
#include <string.h>
#include <unistd.h>

static void enter(struct fp_exchange *x) {
    atomic_fetch_add(&x->waiting, 1);
    pthread_mutex_lock(&x->lock);
    atomic_fetch_sub(&x->waiting, 1);
}

/* Leave the lock and let the thread look at what has changed. */
static int leave(struct fp_exchange *x, int result) {
    uint64_t one = 1;
    pthread_mutex_unlock(&x->lock);
    if (x->started == 1 && write(x->wake, &one, sizeof one) < 0) return result; /* full counter: it is awake anyway */
    return result;
}

uint16_t fp_exchange_order_port(const struct fp_exchange *x) { return x->order_port; }
uint16_t fp_exchange_rerequest_port(const struct fp_exchange *x) { return x->rerequest_port; }
uint16_t fp_exchange_feed_port(const struct fp_exchange *x, int line) {
    return line == 0 || line == 1 ? x->feed_port[line] : 0;
}

/* ---- commands ---- */

int fp_exchange_trading(struct fp_exchange *x, const char *symbol, char state, const char *reason) {
    enter(x);
    struct fp_match_input in = {.kind = FP_MATCH_TRADING, .locate = fp_match_locate(x->match, symbol), .code = state};
    memcpy(in.attribution, reason, 4);
    int result = !in.locate ? FP_E_NOT_FOUND : x->ended ? FP_E_BAD_STATE : fp_venue_apply(x, &in);
    fp_venue_flush(x, fp_venue_now());
    return leave(x, result);
}

int fp_exchange_end(struct fp_exchange *x) {
    enter(x);
    int result = x->ended ? FP_E_BAD_STATE : 0;
    if (!x->ended) {
        fp_venue_apply_delayed(x, UINT64_MAX); /* they came before the close */
        for (const char *code = "MEC"; *code; code++) {
            struct fp_match_input in = {.kind = FP_MATCH_PHASE, .code = *code};
            fp_venue_apply(x, &in);
        }
        x->ended = 1;
        x->stats.ended = 1;
        uint64_t now_ns = fp_venue_now();
        fp_feed_end(&x->feed, now_ns, (uint64_t)x->config.end_of_session_ms * 1000000);
        fp_ports_end(&x->ports, now_ns);
    }
    return leave(x, result);
}

int fp_exchange_faults(struct fp_exchange *x, int line, const struct fp_line_faults *faults) {
    if (line < 0 || line > 1 || faults->drop_per_mille > 1000 || faults->duplicate_per_mille > 1000 ||
        faults->reorder_per_mille > 1000 || faults->delay_per_mille > 1000)
        return FP_E_BAD_FIELD;
    enter(x);
    fp_line_set_faults(&x->feed.lines[line], faults);
    return leave(x, 0);
}

int fp_exchange_rerequest_faults(struct fp_exchange *x, uint32_t drop_per_mille, uint64_t seed) {
    if (drop_per_mille > 1000) return FP_E_BAD_FIELD;
    enter(x);
    x->feed.request_drop_per_mille = drop_per_mille;
    x->feed.random = seed;
    return leave(x, 0);
}

int fp_exchange_cut(struct fp_exchange *x, int user, uint64_t in_bytes, uint64_t out_bytes) {
    enter(x);
    int known = user >= -1 && user < x->ports.user_count;
    if (known) fp_ports_cut(&x->ports, user, in_bytes, out_bytes);
    return leave(x, known ? 0 : FP_E_NOT_FOUND);
}

int fp_exchange_drop(struct fp_exchange *x, int user) {
    enter(x);
    int result = fp_ports_drop(&x->ports, user, fp_venue_now());
    fp_venue_flush(x, fp_venue_now());
    return leave(x, result);
}

int fp_exchange_rate(struct fp_exchange *x, uint32_t messages_per_s) {
    if (messages_per_s > 10000000) return FP_E_BAD_FIELD;
    enter(x);
    x->config.messages_per_s = messages_per_s;
    x->pace_ns = fp_venue_now();
    x->pace_messages = 0;
    return leave(x, 0);
}

int fp_exchange_latency(struct fp_exchange *x, uint32_t order_latency_us) {
    if (order_latency_us > 60000000) return FP_E_BAD_FIELD;
    enter(x);
    x->config.order_latency_us = order_latency_us;
    return leave(x, 0);
}

int fp_exchange_inject(struct fp_exchange *x, const struct fp_match_input *input, uint64_t *rested) {
    struct fp_match_input in = *input;
    if (in.kind != FP_MATCH_ADD && in.kind != FP_MATCH_CANCEL && in.kind != FP_MATCH_REPLACE) return FP_E_BAD_FIELD;
    enter(x);
    in.bytes = NULL;
    in.length = 0;
    int result = x->ended ? FP_E_BAD_STATE : fp_venue_apply(x, &in);
    if (rested) *rested = fp_match_rested(x->match);
    fp_venue_flush(x, fp_venue_now());
    return leave(x, result);
}

/* ---- questions ---- */

void fp_exchange_stats(struct fp_exchange *x, struct fp_exchange_stats *out, struct fp_match_stats *match,
                       struct fp_feed_stats *feed, struct fp_ports_stats *ports, struct fp_line_stats lines[2]) {
    enter(x);
    *out = x->stats;
    out->feed_next_sequence = x->feed.store.next_sequence;
    out->replay_messages = x->tape.messages;
    out->replay_truncated = x->tape.truncated;
    out->replay_bad_length = x->tape.bad_length;
    out->replay_unknown_type = x->tape.unknown_type;
    out->ledger_records = x->ledger.records;
    out->ledger_errors = x->ledger.errors;
    fp_match_stats(x->match, match);
    *feed = x->feed.stats;
    *ports = x->ports.stats;
    lines[0] = x->feed.lines[0].stats;
    lines[1] = x->feed.lines[1].stats;
    pthread_mutex_unlock(&x->lock);
}

int64_t fp_exchange_messages(struct fp_exchange *x, int user, char stream, uint64_t sequence, uint8_t *out,
                             uint64_t room, uint64_t *count) {
    const struct fp_store *store;
    uint64_t used = 0;
    int64_t result = 0;
    *count = 0;
    if (user < -1 || user >= x->ports.user_count || (user >= 0 && stream != 'O' && stream != 'I'))
        return FP_E_NOT_FOUND;
    enter(x);
    store = user < 0 ? &x->feed.store : stream == 'O' ? &x->ports.users[user].out : &x->ports.users[user].in;
    while (sequence + *count < store->next_sequence) {
        const uint8_t *blocks;
        size_t bytes;
        int run = fp_store_run(store, sequence + *count, room - used, UINT32_MAX, &blocks, &bytes);
        if (run < 0) result = run;
        if (run == 0 && !*count) result = FP_E_NO_ROOM;
        if (run <= 0) break;
        memcpy(out + used, blocks, bytes);
        used += bytes;
        *count += (uint64_t)run;
    }
    pthread_mutex_unlock(&x->lock);
    return result < 0 ? result : (int64_t)used;
}

int fp_exchange_depth(struct fp_exchange *x, const char *symbol, char side, struct fp_match_level *out, int max) {
    enter(x);
    uint16_t locate = fp_match_locate(x->match, symbol);
    int result = locate ? fp_match_depth(x->match, locate, side, out, max) : FP_E_NOT_FOUND;
    pthread_mutex_unlock(&x->lock);
    return result;
}

int fp_exchange_live_orders(struct fp_exchange *x, int user, uint64_t *refs, int max) {
    if (user < 0 || user >= x->ports.user_count) return FP_E_NOT_FOUND;
    enter(x);
    int result = fp_match_account_orders(x->match, (uint16_t)user, refs, max);
    pthread_mutex_unlock(&x->lock);
    return result;
}

int fp_exchange_logged_in(struct fp_exchange *x, int user) {
    if (user < 0 || user >= x->ports.user_count) return FP_E_NOT_FOUND;
    enter(x);
    int result = x->ports.users[user].connection >= 0;
    pthread_mutex_unlock(&x->lock);
    return result;
}
