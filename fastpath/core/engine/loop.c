/* The loop that ties feed, book, orders and rings together; see loop.h. */
#include "loop.h"
#include "../order/journal_body.h"
#include "card_feed.h"
#include "clock.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

enum {
    COMMANDS_AT_ONCE = 32,
    OMS_TIMER_MS = 5,
    STATS_MS = 10,
    STATS_IDLE_MS = 1000,
    SLEEP_MS = 50,         /* longest sleep without an order side */
    SLEEP_ORDERS_MS = 10,
    SLEEP_GAP_US = 500,
    STUCK_S = 2,
    LOGOUT_MS = 300
};

/* ---- the order side's sink ---- */

void fp_hot_note_kill(struct fp_hot *hot, uint16_t type, const void *body, size_t length) {
    struct fp_jr_kill kill;
    struct fp_kill_view *view = &hot->kill;
    if (type != FP_JR_KILL || length < sizeof kill) return;
    memcpy(&kill, body, sizeof kill);
    int on = kill.step != FP_KS_RELEASE;
    if (kill.scope == FP_KILL_ACCOUNT && kill.account < FP_MAX_ACCOUNTS) {
        uint64_t bit = (uint64_t)1 << kill.account;
        view->accounts = on ? view->accounts | bit : view->accounts & ~bit;
    } else if (kill.scope == FP_KILL_AGENT && kill.agent < FP_MAX_AGENTS) {
        uint64_t *word = &view->agents[kill.agent / 64], bit = (uint64_t)1 << kill.agent % 64;
        *word = on ? *word | bit : *word & ~bit;
    } else if (kill.scope == FP_KILL_SYMBOL) {
        uint32_t i = 0;
        while (i < view->symbol_count && memcmp(view->symbols[i], kill.symbol, 8) != 0) i++;
        if (on && i == view->symbol_count && i < sizeof view->symbols / 8) memcpy(view->symbols[view->symbol_count++], kill.symbol, 8);
        if (!on && i < view->symbol_count) memcpy(view->symbols[i], view->symbols[--view->symbol_count], 8);
    }
    hot->dirty = 1;
}

int fp_hot_sink_journal(void *context, uint16_t type, uint16_t venue, const void *body, size_t length, uint64_t now_ns) {
    struct fp_hot *hot = context;
    hot->changes++;
    int failed = fp_journal_append(hot->journal, type, venue, body, length, now_ns);
    if (!failed) fp_hot_note_kill(hot, type, body, length);
    return failed;
}

void fp_hot_sink_exec(void *context, const struct fp_exec *exec) {
    struct fp_hot *hot = context;
    hot->execs++;
    hot->changes++;
    if (hot->early_exec) {
        hot->early_exec(hot->early_context, exec);
        return;
    }
    if (!hot->exec_ring.slots || fp_ring_push(&hot->exec_ring, exec)) return;
    hot->full_execs++;
    uint64_t give_up_ns = fp_clock_monotonic_ns() + (uint64_t)STUCK_S * FP_NS_PER_S;
    while (!atomic_load(&hot->failed)) {
        fp_waker_ring(&hot->lanes[FP_LANE_BUS].waker);
        sched_yield();
        if (fp_ring_push(&hot->exec_ring, exec)) return;
        if (fp_clock_monotonic_ns() > give_up_ns) atomic_store(&hot->failed, FP_E_BAD_STATE);
    }
}

void fp_hot_sink_quote(void *context, uint8_t venue, const char symbol[8], struct fp_quote *out) {
    const struct fp_hot *hot = context;
    if (venue < hot->config->venue_count) fp_feed_quote(&hot->feeds[venue], symbol, out);
    else memset(out, 0, sizeof *out);
}

void fp_hot_fired(void *context, uint8_t venue) {
    struct fp_hot *hot = context;
    fp_connection_flush(&hot->connections[venue], hot->out.now_ns);
}

/* ---- commands ---- */

static void flush_connections(struct fp_hot *hot) {
    for (unsigned i = 0; i < hot->config->venue_count; i++) fp_connection_flush(&hot->connections[i], hot->out.now_ns);
}

/* Who may end an armed order takes it from the card first: the card says whether it has fired already. */
static void take_from_cards(struct fp_hot *hot, const struct fp_command *command) {
    struct fp_exec order = {0};
    uint8_t kind = command->kind;
    if (kind == FP_CMD_CANCEL || kind == FP_CMD_DISARM) {
        int found = command->order_id ? fp_oms_order(hot->oms, command->order_id, &order) : fp_oms_order_by_client_id(hot->oms, command->account, command->client_order_id, &order);
        if (found != 0 || order.state != FP_OS_ARMED) return;
        fp_card_orders_withdraw(&hot->feeds[order.venue], 0);
    } else if (kind == FP_CMD_CANCEL_ALL || kind == FP_CMD_KILL) {
        for (unsigned i = 0; i < hot->config->venue_count; i++) fp_card_orders_withdraw(&hot->feeds[i], 0);
    }
}

static void tell_cards(struct fp_hot *hot) {
    for (unsigned i = 0; i < hot->config->venue_count; i++) fp_card_orders_sync(&hot->feeds[i]);
}

static void answer_query(struct fp_hot *hot, const struct fp_command *command, struct fp_reply *reply) {
    int found = hot->oms ? fp_oms_order_by_client_id(hot->oms, command->account, command->client_order_id, &reply->order) : FP_E_NOT_FOUND;
    reply->outcome = found == 0 ? FP_OUT_ACCEPTED : FP_OUT_REFUSED;
    reply->reason = found == 0 ? FP_RC_OK : FP_RC_UNKNOWN_ORDER;
}

static void run_command(struct fp_hot *hot, const struct fp_command *command, struct fp_reply *reply) {
    uint64_t begin_ns = fp_clock_utc_ns();
    hot->out.now_ns = begin_ns;
    memset(reply, 0, sizeof *reply);
    if (command->kind == FP_CMD_QUERY_ORDER) {
        answer_query(hot, command, reply);
    } else if (!hot->oms) {
        reply->outcome = FP_OUT_REFUSED;
        reply->reason = FP_RC_SESSION_DOWN;
    } else {
        take_from_cards(hot, command);
        fp_oms_command(hot->oms, command, begin_ns, reply);
        tell_cards(hot);
        if (reply->outcome == FP_OUT_ACCEPTED && (command->kind == FP_CMD_SUBMIT || command->kind == FP_CMD_REPLACE || command->kind == FP_CMD_CANCEL))
            fp_hist_add_span(&hot->decision, begin_ns, fp_clock_utc_ns(), 1);
        flush_connections(hot);
    }
    reply->id = command->id;
    reply->lane = command->lane;
    reply->kind = command->kind;
    if (!reply->engine_ns) reply->engine_ns = begin_ns;
}

static int take_commands(struct fp_hot *hot, struct fp_lane *lane) {
    uint32_t ready = fp_ring_ready(&lane->commands);
    if (!ready) return 0;
    if (ready > COMMANDS_AT_ONCE) ready = COMMANDS_AT_ONCE;
    uint32_t room = fp_ring_room(&lane->replies);
    if (ready > room) ready = room; /* the rest waits: an answer is never dropped */
    for (uint32_t i = 0; i < ready; i++) {
        run_command(hot, fp_ring_at(&lane->commands, i), fp_ring_claim(&lane->replies));
        fp_ring_publish(&lane->replies);
    }
    fp_ring_consume(&lane->commands, ready);
    lane->answered += ready;
    return (int)ready;
}

/* ---- statistics ---- */

void fp_hot_publish(struct fp_hot *hot) {
    struct fp_hot_stats *s = &hot->snapshots[hot->latest.writer];
    memset(s, 0, sizeof *s);
    for (uint8_t i = 0; i < hot->config->venue_count; i++) {
        fp_feed_stats(&hot->feeds[i], &s->feed[i]);
        if (!hot->oms) continue;
        fp_oms_stats(hot->oms, i, &s->order[i]);
    }
    s->kill = hot->kill;
    s->now_ns = hot->out.now_ns;
    s->loops = hot->loops;
    s->sleeps = hot->sleeps;
    s->events = hot->out.events;
    s->execs = hot->execs;
    s->full_events = hot->out.full;
    s->full_execs = hot->full_execs;
    if (hot->oms) {
        fp_oms_kill_state(hot->oms, &s->kill_venues, &s->kill_firm);
        s->recovering = fp_oms_recovering(hot->oms) != 0;
    }
    fp_latest_publish(&hot->latest);
    hot->stats_ns = hot->out.now_ns;
    hot->dirty = 0;
}

/* ---- timers ---- */

static void run_timers(struct fp_hot *hot, uint64_t now_ns) {
    for (unsigned i = 0; i < hot->config->venue_count; i++) fp_feed_timer(&hot->feeds[i], now_ns);
    if (hot->oms && now_ns - hot->oms_timer_ns >= (uint64_t)OMS_TIMER_MS * FP_NS_PER_MS) {
        hot->oms_timer_ns = now_ns;
        for (unsigned i = 0; i < hot->config->venue_count; i++) fp_card_orders_withdraw(&hot->feeds[i], now_ns);
        uint32_t dead = fp_oms_timer(hot->oms, now_ns);
        for (unsigned i = 0; i < hot->config->venue_count; i++)
            if (dead >> i & 1) fp_connection_drop(&hot->connections[i], now_ns);
        flush_connections(hot);
    }
    uint64_t shown_ns = now_ns - hot->stats_ns;
    if (shown_ns >= (uint64_t)(hot->dirty ? STATS_MS : STATS_IDLE_MS) * FP_NS_PER_MS) fp_hot_publish(hot);
}

/* Books that the bus thread lost, as far as the ring has room. */
static int resync(struct fp_hot *hot) {
    if (atomic_load_explicit(&hot->resync_wanted, memory_order_relaxed)) {
        uint32_t wanted = atomic_exchange(&hot->resync_wanted, 0);
        for (unsigned i = 0; i < hot->config->venue_count; i++) {
            if (!(wanted >> i & 1)) continue;
            hot->feeds[i].resync = 1;
            hot->feeds[i].resync_locate = 0;
        }
    }
    int work = 0;
    for (unsigned i = 0; i < hot->config->venue_count; i++)
        if (hot->feeds[i].resync) work |= fp_feed_resync(&hot->feeds[i]);
    return work;
}

/* ---- sleeping ---- */

static void tell_bus(struct fp_hot *hot) {
    uint64_t made = hot->out.events + hot->execs + hot->lanes[FP_LANE_BUS].answered;
    if (made == hot->announced) return;
    hot->announced = made;
    hot->dirty = 1;
    fp_waker_ring(&hot->lanes[FP_LANE_BUS].waker);
}

static int64_t sleep_ns(const struct fp_hot *hot) {
    int64_t longest = (int64_t)(hot->oms ? SLEEP_ORDERS_MS : SLEEP_MS) * FP_NS_PER_MS;
    for (unsigned i = 0; i < hot->config->venue_count; i++)
        if (hot->feeds[i].gap_open || hot->feeds[i].resync) longest = (int64_t)SLEEP_GAP_US * FP_NS_PER_US;
    return longest;
}

static void wait_for_work(struct fp_hot *hot) {
    struct pollfd fds[FP_MAX_VENUES * (FP_LINES + 1) + 1];
    nfds_t count = 0;
    fds[count++] = (struct pollfd){.fd = hot->waker.fd, .events = POLLIN};
    for (unsigned i = 0; i < hot->config->venue_count; i++) {
        for (unsigned line = 0; line < FP_LINES; line++)
            if (hot->feeds[i].lines[line]) fds[count++] = (struct pollfd){.fd = hot->feeds[i].lines[line]->fd, .events = POLLIN};
        short events = fp_connection_events(&hot->connections[i]);
        if (events) fds[count++] = (struct pollfd){.fd = hot->connections[i].fd, .events = events};
    }
    if (hot->dirty) fp_hot_publish(hot);
    fp_waker_prepare(&hot->waker);
    int missed = atomic_load(&hot->stop) || fp_ring_ready(&hot->lanes[FP_LANE_BUS].commands) || fp_ring_ready(&hot->lanes[FP_LANE_LOCAL].commands);
    if (!missed) {
        struct timespec ts = fp_clock_timespec(sleep_ns(hot));
        ppoll(fds, count, &ts, NULL);
        hot->sleeps++;
    }
    fp_waker_woken(&hot->waker);
}

/* ---- the loop ---- */

static void log_out(struct fp_hot *hot) {
    if (!hot->oms) return;
    for (unsigned i = 0; i < hot->config->venue_count; i++) fp_card_orders_withdraw(&hot->feeds[i], 0);
    uint64_t now_ns = fp_clock_utc_ns(), end_ns = now_ns + (uint64_t)LOGOUT_MS * FP_NS_PER_MS;
    fp_oms_logout(hot->oms, now_ns);
    for (int waiting = 1; waiting && now_ns < end_ns; now_ns = fp_clock_utc_ns()) {
        waiting = 0;
        for (uint8_t i = 0; i < hot->config->venue_count; i++) {
            const uint8_t *bytes;
            fp_connection_flush(&hot->connections[i], now_ns);
            waiting |= hot->connections[i].connected && fp_oms_out(hot->oms, i, &bytes) != 0;
        }
        if (waiting) sched_yield();
    }
}

void fp_thread_settle(const char *name, int cpu) {
    pthread_setname_np(pthread_self(), name);
    prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul); /* short sleeps must be short: the default adds 50 us */
    if (cpu < 0 || cpu >= CPU_SETSIZE) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

void *fp_hot_run(void *argument) {
    struct fp_hot *hot = argument;
    const struct fp_engine_config *config = hot->config;
    fp_thread_settle("fastpath-hot", config->cpu_hot);
    hot->out.now_ns = hot->last_work_ns = fp_clock_utc_ns();
    while (!atomic_load_explicit(&hot->stop, memory_order_relaxed) && !atomic_load_explicit(&hot->failed, memory_order_relaxed)) {
        uint64_t now_ns = fp_clock_utc_ns();
        int work = 0;
        hot->loops++;
        hot->out.now_ns = now_ns;
        for (unsigned i = 0; i < config->venue_count; i++) {
            if (hot->feeds[i].rx) work |= fp_feed_poll(&hot->feeds[i]);
            if (hot->connections[i].configured && hot->oms) work |= fp_connection_poll(&hot->connections[i], hot->out.now_ns);
        }
        for (unsigned i = 0; i < FP_LANES; i++) {
            int taken = take_commands(hot, &hot->lanes[i]);
            if (taken && i == FP_LANE_LOCAL) fp_waker_ring(&hot->lanes[i].waker);
            work |= taken;
        }
        run_timers(hot, hot->out.now_ns);
        if (hot->oms) tell_cards(hot);
        work |= resync(hot);
        tell_bus(hot);
        if (work) {
            hot->dirty = 1;
            hot->last_work_ns = now_ns;
        } else if (!config->busy_poll && now_ns - hot->last_work_ns >= (uint64_t)config->spin_us * FP_NS_PER_US) {
            wait_for_work(hot);
        }
    }
    log_out(hot);
    fp_hot_publish(hot);
    tell_bus(hot);
    return NULL;
}
