/* The engine: opens everything that can fail, folds the journal, starts and ends the
 * threads (hot, bus, housekeeping), and answers its owner. Hot paths are loop.c's and
 * bus.c's; nothing here runs per packet. */
#include "../fastpath.h"
#include "../order/journal_body.h"
#include "bus.h"
#include "clock.h"
#include "run_dir.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DAY_ORDERS = 1 << 17,       /* orders of a day, finished ones included */
    JOURNAL_SEGMENT = 16 << 20, /* two are mapped and touched at open */
    HOUSEKEEPING_MS = 2,
    FLUSH_MS = 20,              /* how long the journal may trail the disk with durability crash */
    SPIN_FOR_REPLY_US = 50
};

enum thread_number { THREAD_HOT, THREAD_BUS, THREAD_KEEPER, THREADS };

struct fp_engine {
    struct fp_engine_config config;
    struct fp_hot hot;
    struct fp_bus bus;
    struct fp_run_dir run_dir;
    uint32_t epoch;
    int has_bus, has_run_dir;
    _Atomic int state; /* 0 open, 1 running, 2 stopped */
    uint64_t start_ns, journal_begin_ns, next_command;
    size_t oms_bytes;
    pthread_t threads[THREADS];
    uint8_t started[THREADS];
    _Atomic int keeper_stop, journal_failed;
    pthread_mutex_t stats_lock; /* between readers; the hot thread never takes it */
};

/* ---- names ---- */

const char *fp_version(void) {
    return "0.1.0";
}

const char *fp_error_name(int error) {
    static const char *const names[] = {"OK", "TRUNCATED", "OVERSIZED", "UNKNOWN_TYPE", "BAD_LENGTH", "BAD_FIELD", "WRONG_SESSION", "NO_ROOM", "NO_MEMORY", "SYSTEM",
                                        "BAD_CONFIG", "BAD_STATE", "NOT_FOUND", "DUPLICATE", "CORRUPT", "AGAIN", "CLOSED", "NOT_SUPPORTED", "BAD_CHECKSUM", "NOT_OURS"};
    unsigned index = error < 0 ? 0u - (unsigned)error : 0;
    return index < sizeof names / sizeof *names ? names[index] : "UNKNOWN";
}

/* ---- configuration ---- */

static int bad(char *error_text, const char *what, const char *name) {
    snprintf(error_text, FP_ERROR_TEXT_MAX, "%s%s%.100s", what, name[0] ? ": " : "", name);
    return FP_E_BAD_CONFIG;
}

static int is_power(uint32_t value, uint32_t least) {
    return value >= least && (value & (value - 1)) == 0;
}

static int is_text(const char *text, size_t room) {
    return memchr(text, 0, room) != NULL;
}

#define TEXT_OK(field) is_text(field, sizeof field)

static int check_names(const struct fp_engine_config *c, char *error_text) {
    for (unsigned i = 0; i < c->venue_count; i++) {
        const struct fp_venue_config *v = &c->venues[i];
        if (!TEXT_OK(v->name) || !v->name[0]) return bad(error_text, "a venue has no name of 1 to 23 characters", "");
        if (!TEXT_OK(v->io) || !TEXT_OK(v->feed_group[0]) || !TEXT_OK(v->feed_group[1]) || !TEXT_OK(v->feed_interface) || !TEXT_OK(v->rerequest_host) || !TEXT_OK(v->order_host) ||
            !TEXT_OK(v->username) || !TEXT_OK(v->password))
            return bad(error_text, "an address or name is too long, venue", v->name);
        for (unsigned j = 0; j < i; j++)
            if (strcmp(c->venues[j].name, v->name) == 0) return bad(error_text, "two venues of one name", v->name);
    }
    for (unsigned i = 0; i < c->account_count; i++) {
        if (!TEXT_OK(c->accounts[i].name) || !c->accounts[i].name[0]) return bad(error_text, "an account has no name of 1 to 23 characters", "");
        for (unsigned j = 0; j < i; j++)
            if (strcmp(c->accounts[j].name, c->accounts[i].name) == 0) return bad(error_text, "two accounts of one name", c->accounts[i].name);
    }
    for (unsigned i = 0; i < c->agent_count; i++) {
        const struct fp_agent_config *a = &c->agents[i];
        if (!TEXT_OK(a->name) || !a->name[0]) return bad(error_text, "an agent has no name of 1 to 23 characters", "");
        if (a->account >= c->account_count) return bad(error_text, "the agent's account does not exist", a->name);
        if (a->symbol_count > FP_MAX_ALLOWED_SYMBOLS) return bad(error_text, "too many symbols allowed, agent", a->name);
        for (unsigned j = 0; j < i; j++)
            if (strcmp(c->agents[j].name, a->name) == 0) return bad(error_text, "two agents of one name", a->name);
    }
    return 0;
}

static int check_config(const struct fp_engine_config *c, char *error_text) {
    if (!c->venue_count || c->venue_count > FP_MAX_VENUES) return bad(error_text, "1 to 8 venues are needed", "");
    if (c->account_count > FP_MAX_ACCOUNTS || c->agent_count > FP_MAX_AGENTS) return bad(error_text, "at most 64 accounts and 256 agents", "");
    if (!is_power(c->event_ring, 1024) || !is_power(c->exec_ring, 64) || !is_power(c->history_events, 1024))
        return bad(error_text, "event_ring (>= 1024), exec_ring (>= 64) and history_events (>= 1024) must be powers of two", "");
    if (!TEXT_OK(c->run_dir) || !TEXT_OK(c->journal_dir) || !TEXT_OK(c->pub_endpoint) || !TEXT_OK(c->router_endpoint) || !TEXT_OK(c->libzmq_path) || !TEXT_OK(c->card_library) || !TEXT_OK(c->mode))
        return bad(error_text, "a path is too long", "");
    if (strcmp(c->mode, "paper") != 0 && strcmp(c->mode, "live") != 0) return bad(error_text, "mode must be paper or live", c->mode);
    if (c->pub_endpoint[0] && (!c->router_endpoint[0] || !c->libzmq_path[0] || !c->run_dir[0])) return bad(error_text, "a bus needs pub_endpoint, router_endpoint, libzmq_path and run_dir", "");
    if (c->pub_endpoint[0] && (!c->heartbeat_ms || !c->conflate_ms)) return bad(error_text, "heartbeat_ms and conflate_ms must not be 0", "");
    if (c->durability > 1) return bad(error_text, "durability must be 0 (crash) or 1 (sync)", "");
    return check_names(c, error_text);
}

/* ---- journal and order side ---- */

/* Read the journal once, calling take for each entry. */
static int read_journal(struct fp_engine *engine, int (*take)(struct fp_engine *, const struct fp_journal_entry *), char *error_text) {
    struct fp_journal_reader *reader;
    struct fp_journal_entry entry;
    int what = fp_journal_open_reader(&reader, engine->config.journal_dir, error_text);
    if (what < 0) return what;
    uint64_t last = 0;
    while ((what = fp_journal_next(reader, &entry)) == 1) {
        int failed = take(engine, &entry);
        last = entry.seq;
        if (failed < 0) {
            snprintf(error_text, FP_ERROR_TEXT_MAX, "journal %.120s: record %llu does not belong here (%s)", engine->config.journal_dir, (unsigned long long)entry.seq, fp_error_name(failed));
            fp_journal_close_reader(reader);
            return failed;
        }
    }
    fp_journal_close_reader(reader);
    if (what < 0) snprintf(error_text, FP_ERROR_TEXT_MAX, "journal %.120s: the chain is broken after record %llu; keep the files and restore from a copy", engine->config.journal_dir, (unsigned long long)last);
    return what;
}

static int note_epoch(struct fp_engine *engine, const struct fp_journal_entry *entry) {
    struct fp_jr_start start;
    if (!engine->journal_begin_ns) engine->journal_begin_ns = entry->time_ns;
    if (entry->type != FP_JR_START || entry->length < sizeof start) return 0;
    memcpy(&start, entry->body, sizeof start);
    if (start.epoch > engine->epoch) engine->epoch = start.epoch;
    return 0;
}

static int fold(struct fp_engine *engine, const struct fp_journal_entry *entry) {
    fp_hot_note_kill(&engine->hot, entry->type, entry->body, entry->length);
    return fp_oms_fold(engine->hot.oms, entry);
}

static int open_epoch(struct fp_engine *engine, char *error_text) {
    const char *run_dir = engine->config.run_dir;
    if (run_dir[0]) {
        int failed = fp_run_dir_open(&engine->run_dir, run_dir, error_text);
        if (failed) return failed;
        engine->has_run_dir = 1;
        engine->epoch = fp_run_dir_epoch(run_dir);
    }
    if (engine->config.journal_dir[0]) {
        struct fp_journal_config journal = {.segment_bytes = JOURNAL_SEGMENT, .durability = engine->config.durability};
        int failed = fp_journal_open(&engine->hot.journal, engine->config.journal_dir, &journal, error_text);
        if (!failed) failed = read_journal(engine, note_epoch, error_text);
        if (failed) return failed;
        if (!engine->journal_begin_ns) engine->journal_begin_ns = fp_clock_utc_ns();
    }
    if (++engine->epoch > UINT16_MAX) return bad(error_text, "65,535 starts are used up; begin with a new journal_dir and remove the epoch file of run_dir", run_dir);
    return run_dir[0] ? fp_run_dir_set_epoch(run_dir, engine->epoch, error_text) : 0;
}

static int open_orders(struct fp_engine *engine, char *error_text) {
    struct fp_hot *hot = &engine->hot;
    if (!hot->journal) return 0;
    struct fp_oms_config config = {.engine = &engine->config, .max_orders = DAY_ORDERS, .epoch = (uint16_t)engine->epoch,
                                   .sink = {.context = hot, .journal = fp_hot_sink_journal, .exec = fp_hot_sink_exec, .quote = fp_hot_sink_quote}};
    engine->oms_bytes = fp_oms_size(&config);
    hot->oms = engine->oms_bytes ? fp_memory_map(engine->oms_bytes, FP_MEMORY_HOT) : NULL;
    if (!hot->oms) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "no memory for the order table (%zu MiB)", engine->oms_bytes >> 20);
        return FP_E_NO_MEMORY;
    }
    int failed = fp_oms_init(hot->oms, &config);
    if (failed) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "order side: a setting is out of range (%s)", fp_error_name(failed));
        return failed;
    }
    failed = read_journal(engine, fold, error_text);
    if (failed) return failed;
    /* The bus's mirrors learn every order and position here, before any subscriber can ask. */
    hot->early_exec = engine->has_bus ? fp_bus_early_exec : NULL;
    hot->early_context = &engine->bus;
    failed = fp_oms_fold_done(hot->oms, fp_clock_utc_ns());
    hot->early_exec = NULL;
    if (failed) snprintf(error_text, FP_ERROR_TEXT_MAX, "journal %.120s: cannot go on from it (%s)", engine->config.journal_dir, fp_error_name(failed));
    return failed;
}

/* ---- opening ---- */

static int open_lane(struct fp_lane *lane) {
    void *commands = fp_memory_map(FP_COMMAND_SLOTS * sizeof(struct fp_command), FP_MEMORY_HOT), *replies = fp_memory_map(FP_COMMAND_SLOTS * sizeof(struct fp_reply), FP_MEMORY_HOT);
    if (!commands || !replies) return FP_E_NO_MEMORY;
    fp_ring_init(&lane->commands, commands, FP_COMMAND_SLOTS, sizeof(struct fp_command));
    fp_ring_init(&lane->replies, replies, FP_COMMAND_SLOTS, sizeof(struct fp_reply));
    return fp_waker_open(&lane->waker);
}

static int open_rings(struct fp_engine *engine, char *error_text) {
    struct fp_hot *hot = &engine->hot;
    int failed = fp_waker_open(&hot->waker);
    for (unsigned i = 0; i < FP_LANES && !failed; i++) failed = open_lane(&hot->lanes[i]);
    if (!failed && engine->config.pub_endpoint[0]) {
        void *events = fp_memory_map((size_t)engine->config.event_ring * sizeof(struct fp_event), FP_MEMORY_HOT);
        void *execs = fp_memory_map((size_t)engine->config.exec_ring * sizeof(struct fp_exec), FP_MEMORY_HOT);
        hot->out.pushed_ns = fp_memory_map((size_t)engine->config.event_ring * sizeof(uint64_t), FP_MEMORY_HOT);
        hot->out.ring = aligned_alloc(64, sizeof *hot->out.ring);
        if (!events || !execs || !hot->out.pushed_ns || !hot->out.ring) failed = FP_E_NO_MEMORY;
        else {
            fp_ring_init(hot->out.ring, events, engine->config.event_ring, sizeof(struct fp_event));
            fp_ring_init(&hot->exec_ring, execs, engine->config.exec_ring, sizeof(struct fp_exec));
        }
    }
    if (failed) snprintf(error_text, FP_ERROR_TEXT_MAX, "no memory or descriptors for the rings; lower event_ring and exec_ring");
    return failed ? FP_E_NO_MEMORY : 0;
}

static int open_venues(struct fp_engine *engine, char *error_text) {
    struct fp_hot *hot = &engine->hot;
    for (uint8_t i = 0; i < engine->config.venue_count; i++) {
        struct fp_feed *feed = &hot->feeds[i];
        /* An eighth of the ring each side: a book sent again must fit beside the live flow. */
        int failed = fp_feed_open(feed, &engine->config.venues[i], i, engine->config.event_ring / 8, engine->config.card_library, error_text);
        if (failed) return failed;
        feed->out = &hot->out;
        feed->wire_to_event = &hot->wire_to_event;
        failed = fp_connection_open(&hot->connections[i], &engine->config.venues[i], i, error_text);
        if (failed) return failed;
        hot->connections[i].order_to_ack = &hot->order_to_ack[i];
    }
    return 0;
}

static void collect(void *engine, struct fp_engine_stats *out, struct fp_kill_view *kill);

static int open_all(struct fp_engine *engine, char *error_text) {
    struct fp_hot *hot = &engine->hot;
    int failed = check_config(&engine->config, error_text);
    if (!failed) failed = open_epoch(engine, error_text);
    if (!failed) failed = open_rings(engine, error_text);
    if (!failed) failed = open_venues(engine, error_text);
    if (failed) return failed;
    if (engine->config.pub_endpoint[0]) {
        failed = fp_bus_open(&engine->bus, &engine->config, hot, engine->epoch, error_text);
        if (failed) return failed;
        engine->has_bus = 1;
        engine->bus.collect = collect;
        engine->bus.engine = engine;
    }
    failed = open_orders(engine, error_text);
    if (failed) return failed;
    for (unsigned i = 0; i < engine->config.venue_count; i++) {
        hot->connections[i].oms = hot->feeds[i].oms = hot->oms;
        hot->feeds[i].fired = fp_hot_fired;
        hot->feeds[i].changes = &hot->changes;
        hot->feeds[i].context = hot;
    }
    hot->out.now_ns = fp_clock_utc_ns();
    fp_hot_publish(hot);
    return 0;
}

int fp_engine_open(struct fp_engine **out, const struct fp_engine_config *config, char *error_text) {
    *out = NULL;
    error_text[0] = 0;
    struct fp_engine *engine = aligned_alloc(64, (sizeof *engine + 63) & ~(size_t)63);
    if (!engine) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "no memory for an engine");
        return FP_E_NO_MEMORY;
    }
    memset(engine, 0, sizeof *engine);
    engine->config = *config;
    engine->run_dir.lock_fd = -1;
    engine->hot.config = &engine->config;
    engine->hot.waker.fd = engine->hot.lanes[0].waker.fd = engine->hot.lanes[1].waker.fd = -1;
    for (unsigned i = 0; i < FP_MAX_VENUES; i++) engine->hot.connections[i].fd = -1;
    fp_latest_init(&engine->hot.latest);
    pthread_mutex_init(&engine->stats_lock, NULL);
    int failed = open_all(engine, error_text);
    if (failed) {
        fp_engine_close(engine);
        return failed;
    }
    *out = engine;
    return 0;
}

/* ---- threads ---- */

/* Keeps a next journal segment ready and the disk not far behind. Sleeping, system calls and disks are its job. */
static void *keep_journal(void *argument) {
    struct fp_engine *engine = argument;
    uint64_t flushed_ns = 0;
    fp_thread_settle("fastpath-keep", -1);
    while (!atomic_load(&engine->keeper_stop)) {
        int what = fp_journal_prepare(engine->hot.journal);
        uint64_t now_ns = fp_clock_monotonic_ns();
        if (now_ns - flushed_ns >= (uint64_t)FLUSH_MS * FP_NS_PER_MS) {
            flushed_ns = now_ns;
            if (fp_journal_flush(engine->hot.journal) < 0) what = FP_E_SYSTEM;
        }
        atomic_store(&engine->journal_failed, what < 0 ? errno : 0);
        struct timespec pause = fp_clock_timespec((int64_t)HOUSEKEEPING_MS * FP_NS_PER_MS);
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
    return NULL;
}

static int start_thread(struct fp_engine *engine, enum thread_number number, void *(*body)(void *), void *argument) {
    if (pthread_create(&engine->threads[number], NULL, body, argument) != 0) return FP_E_SYSTEM;
    engine->started[number] = 1;
    return 0;
}

static void join_thread(struct fp_engine *engine, enum thread_number number) {
    if (engine->started[number]) pthread_join(engine->threads[number], NULL);
    engine->started[number] = 0;
}

int fp_engine_start(struct fp_engine *engine) {
    if (engine->state != 0) return FP_E_BAD_STATE;
    engine->start_ns = fp_clock_utc_ns();
    engine->state = 1;
    /* Signals belong to the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = engine->hot.journal ? start_thread(engine, THREAD_KEEPER, keep_journal, engine) : 0;
    if (!failed && engine->has_bus) failed = start_thread(engine, THREAD_BUS, fp_bus_run, &engine->bus);
    if (!failed) failed = start_thread(engine, THREAD_HOT, fp_hot_run, &engine->hot);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) fp_engine_stop(engine);
    return failed;
}

int fp_engine_stop(struct fp_engine *engine) {
    if (engine->state != 1) return 0;
    /* The hot thread first: the others take what it leaves. */
    atomic_store(&engine->hot.stop, 1);
    fp_waker_ring(&engine->hot.waker);
    join_thread(engine, THREAD_HOT);
    atomic_store(&engine->bus.stop, 1);
    fp_waker_ring(&engine->hot.lanes[FP_LANE_BUS].waker);
    join_thread(engine, THREAD_BUS);
    atomic_store(&engine->keeper_stop, 1);
    join_thread(engine, THREAD_KEEPER);
    engine->state = 2;
    return 0;
}

static void close_ring(struct fp_ring *ring) {
    if (ring->slots) fp_memory_unmap(ring->slots, ((size_t)ring->mask + 1) * ring->slot_bytes);
    ring->slots = NULL;
}

void fp_engine_close(struct fp_engine *engine) {
    if (!engine) return;
    struct fp_hot *hot = &engine->hot;
    fp_engine_stop(engine);
    fp_bus_close(&engine->bus);
    for (unsigned i = 0; i < FP_MAX_VENUES; i++) {
        fp_connection_close(&hot->connections[i]);
        fp_feed_close(&hot->feeds[i]);
    }
    if (hot->journal) fp_journal_close(hot->journal);
    fp_memory_unmap(hot->oms, engine->oms_bytes);
    for (unsigned i = 0; i < FP_LANES; i++) {
        close_ring(&hot->lanes[i].commands);
        close_ring(&hot->lanes[i].replies);
        fp_waker_close(&hot->lanes[i].waker);
    }
    if (hot->out.ring) close_ring(hot->out.ring);
    free(hot->out.ring);
    close_ring(&hot->exec_ring);
    fp_memory_unmap(hot->out.pushed_ns, (size_t)engine->config.event_ring * sizeof(uint64_t));
    fp_waker_close(&hot->waker);
    if (engine->has_run_dir) fp_run_dir_close(&engine->run_dir);
    pthread_mutex_destroy(&engine->stats_lock);
    free(engine);
}

/* ---- questions ---- */

static void collect_bus(const struct fp_bus *bus, struct fp_engine_stats *out) {
    out->bus_frames = atomic_load_explicit(&bus->frames, memory_order_relaxed);
    out->bus_bytes = atomic_load_explicit(&bus->bytes, memory_order_relaxed);
    out->bus_send_errors = atomic_load_explicit(&bus->send_errors, memory_order_relaxed);
    out->bus_commands = atomic_load_explicit(&bus->commands, memory_order_relaxed);
    out->bus_bad_requests = atomic_load_explicit(&bus->bad_requests, memory_order_relaxed);
    out->bus_replays = atomic_load_explicit(&bus->replays, memory_order_relaxed);
    for (unsigned i = 0; i < bus->config->account_count; i++) {
        out->orders_forgotten += atomic_load_explicit(&bus->accounts[i].forgotten, memory_order_relaxed);
        out->orders_unlisted += atomic_load_explicit(&bus->accounts[i].unlisted, memory_order_relaxed);
        out->positions_unlisted += atomic_load_explicit(&bus->accounts[i].unlisted_positions, memory_order_relaxed);
    }
    fp_hist_read(&bus->event_to_bus, &out->event_to_bus);
}

static void collect(void *argument, struct fp_engine_stats *out, struct fp_kill_view *kill) {
    struct fp_engine *engine = argument;
    struct fp_hot *hot = &engine->hot;
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&engine->stats_lock);
    const struct fp_hot_stats *s = &hot->snapshots[fp_latest_take(&hot->latest)];
    memcpy(out->feed, s->feed, sizeof out->feed);
    memcpy(out->order, s->order, sizeof out->order);
    out->recovering = s->recovering;
    out->kill_firm = s->kill_firm;
    out->kill_venues = s->kill_venues;
    out->loops = s->loops;
    out->sleeps = s->sleeps;
    out->events = s->events;
    out->execs = s->execs;
    out->ring_full_events = s->full_events;
    out->ring_full_execs = s->full_execs;
    if (kill) *kill = s->kill;
    pthread_mutex_unlock(&engine->stats_lock);
    out->start_ns = engine->start_ns;
    out->journal_begin_ns = engine->journal_begin_ns;
    out->now_ns = fp_clock_utc_ns();
    out->epoch = engine->epoch;
    if (engine->has_bus) collect_bus(&engine->bus, out);
    if (hot->journal) {
        struct fp_journal_stats journal;
        fp_journal_stats(hot->journal, &journal);
        out->journal_records = journal.records;
        out->journal_bytes = journal.bytes;
        out->journal_segments = journal.segments;
    }
    fp_hist_read(&hot->wire_to_event, &out->wire_to_event);
    fp_hist_read(&hot->decision, &out->decision);
    for (unsigned i = 0; i < engine->config.venue_count; i++) fp_hist_read(&hot->order_to_ack[i], &out->order_to_ack[i]);
}

void fp_engine_stats(const struct fp_engine *engine, struct fp_engine_stats *out) {
    collect((struct fp_engine *)(uintptr_t)engine, out, NULL); /* the lock inside is all that changes */
}

int fp_engine_health(const struct fp_engine *engine, char *error_text) {
    error_text[0] = 0;
    int state = atomic_load(&engine->state);
    if (state != 1) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, state ? "the engine was stopped" : "the engine was not started");
        return FP_E_BAD_STATE;
    }
    if (atomic_load(&engine->hot.failed)) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "the bus thread left execution records lying for 2 s; the hot thread has stopped");
        return FP_E_BAD_STATE;
    }
    int why = atomic_load(&engine->journal_failed);
    if (!why) return 0;
    snprintf(error_text, FP_ERROR_TEXT_MAX, "journal %.140s: %s; new orders are refused once the open segment is full", engine->config.journal_dir, strerror(why));
    return FP_E_SYSTEM;
}

static int wait_reply(struct fp_lane *lane, uint64_t id, struct fp_reply *reply, uint32_t timeout_ms) {
    uint64_t begin_ns = fp_clock_monotonic_ns(), end_ns = begin_ns + (uint64_t)timeout_ms * FP_NS_PER_MS;
    for (;;) {
        /* Answers to earlier calls that gave up may still come; they are passed over. */
        while (fp_ring_pop(&lane->replies, reply))
            if (reply->id == id) return 1;
        uint64_t now_ns = fp_clock_monotonic_ns();
        if (now_ns >= end_ns) return 0;
        if (now_ns - begin_ns < (uint64_t)SPIN_FOR_REPLY_US * FP_NS_PER_US) continue;
        struct pollfd poll_fd = {.fd = lane->waker.fd, .events = POLLIN};
        struct timespec ts = fp_clock_timespec((int64_t)(end_ns - now_ns));
        fp_waker_prepare(&lane->waker);
        if (!fp_ring_ready(&lane->replies)) ppoll(&poll_fd, 1, &ts, NULL);
        fp_waker_woken(&lane->waker);
    }
}

int fp_engine_command(struct fp_engine *engine, const struct fp_command *command, struct fp_reply *reply, uint32_t timeout_ms) {
    struct fp_lane *lane = &engine->hot.lanes[FP_LANE_LOCAL];
    struct fp_command sent = *command;
    memset(reply, 0, sizeof *reply);
    if (engine->state != 1) return FP_E_BAD_STATE;
    sent.id = ++engine->next_command;
    sent.received_ns = fp_clock_utc_ns();
    sent.lane = FP_LANE_LOCAL;
    if (!fp_ring_push(&lane->commands, &sent)) return FP_E_NO_ROOM;
    fp_waker_ring(&engine->hot.waker);
    if (!wait_reply(lane, sent.id, reply, timeout_ms)) {
        memset(reply, 0, sizeof *reply);
        reply->outcome = FP_OUT_UNKNOWN;
        reply->reason = FP_RC_TIMEOUT;
        reply->kind = command->kind;
        reply->lane = FP_LANE_LOCAL;
    }
    reply->id = command->id;
    return 0;
}
