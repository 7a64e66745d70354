/* The bus thread: opening of its sockets and tables, and its loop. See bus.h. */
#include "bus.h"
#include "clock.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
    PUB_HWM = 20000,           /* frames waiting for one subscriber, then it loses */
    ROUTER_HWM = 2000,
    MAX_MESSAGE = 64 << 10,    /* libzmq ends a connection that sends more */
    WRITER_ROOM = 1 << 20, WRITER_LIMIT = 512 << 20,
    BUSY_SLEEP_US = 50,        /* with busy_poll nobody wakes us */
    BATCH_OF_REPLIES = 64,
    EXPIRE_MS = 100            /* while answers are awaited */
};

/* ---- opening ---- */

static int bus_error(struct fp_bus *bus, const char *what, const char *endpoint, char *error_text) {
    snprintf(error_text, FP_ERROR_TEXT_MAX, "bus: cannot %s %.150s: %s", what, endpoint, bus->zmq.strerror(bus->zmq.zerrno()));
    return FP_E_SYSTEM;
}

static int check_endpoint(const char *endpoint, char *error_text) {
    size_t room = sizeof ((struct sockaddr_un *)0)->sun_path;
    if (strncmp(endpoint, "ipc:///", 7) != 0) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "bus endpoint %.120s: only ipc:///absolute/path is served; TCP would need keys", endpoint);
        return FP_E_BAD_CONFIG;
    }
    if (strlen(endpoint + 6) < room) return 0;
    snprintf(error_text, FP_ERROR_TEXT_MAX, "bus endpoint %.120s...: socket paths have at most %zu characters; set a shorter run_dir", endpoint, room - 1);
    return FP_E_BAD_CONFIG;
}

static int open_socket(struct fp_bus *bus, void **out, int type, int hwm, const char *endpoint, char *error_text) {
    const struct fp_zmq *zmq = &bus->zmq;
    int failed = check_endpoint(endpoint, error_text), linger = 0, on = 1;
    int64_t most = MAX_MESSAGE;
    if (failed) return failed;
    *out = zmq->socket(bus->context, type);
    if (!*out) return bus_error(bus, "make a socket for", endpoint, error_text);
    zmq->setsockopt(*out, FP_ZMQ_LINGER, &linger, sizeof linger);
    zmq->setsockopt(*out, FP_ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq->setsockopt(*out, FP_ZMQ_RCVHWM, &hwm, sizeof hwm);
    zmq->setsockopt(*out, FP_ZMQ_MAXMSGSIZE, &most, sizeof most);
    /* An answer that cannot be delivered is an error to count; by default libzmq would drop it in silence. */
    if (type == FP_ZMQ_ROUTER) zmq->setsockopt(*out, FP_ZMQ_ROUTER_MANDATORY, &on, sizeof on);
    /* libzmq removes a socket file that a killed engine left; a live one is kept out by the run_dir's lock. */
    if (zmq->bind(*out, endpoint) != 0) return bus_error(bus, "listen on", endpoint, error_text);
    if (chmod(endpoint + 6, 0600) == 0) return 0;
    snprintf(error_text, FP_ERROR_TEXT_MAX, "bus: cannot set the mode of %.150s: %s", endpoint + 6, strerror(errno));
    return FP_E_SYSTEM;
}

static int open_doors(struct fp_bus *bus, const struct fp_engine_config *config, char *error_text) {
    char operator_endpoint[256];
    snprintf(operator_endpoint, sizeof operator_endpoint, "ipc://%s/engine.op", config->run_dir);
    const char *endpoints[FP_BUS_DOORS] = {config->router_endpoint, operator_endpoint};
    for (int i = 0; i < FP_BUS_DOORS; i++) {
        int failed = open_socket(bus, &bus->doors[i], FP_ZMQ_ROUTER, ROUTER_HWM, endpoints[i], error_text);
        size_t size = sizeof bus->door_fds[i];
        if (failed) return failed;
        if (bus->zmq.getsockopt(bus->doors[i], FP_ZMQ_FD, &bus->door_fds[i], &size) != 0) return bus_error(bus, "watch", endpoints[i], error_text);
    }
    return 0;
}

static int open_tables(struct fp_bus *bus) {
    const struct fp_engine_config *config = bus->config;
    bus->dirty_room = FP_MAX_SYMBOLS * 4;
    bus->dirty = malloc(bus->dirty_room * sizeof *bus->dirty);
    bus->batches = fp_memory_map(config->venue_count * sizeof *bus->batches, FP_MEMORY_LAZY);
    bus->accounts = calloc(config->account_count ? config->account_count : 1, sizeof *bus->accounts);
    bus->pending = calloc(FP_BUS_PENDING, sizeof *bus->pending);
    if (!bus->dirty || !bus->batches || !bus->accounts || !bus->pending) return FP_E_NO_MEMORY;
    if (fp_mp_open(&bus->writer, WRITER_ROOM, WRITER_LIMIT) || fp_mp_open(&bus->status_writer, 65536, WRITER_ROOM)) return FP_E_NO_MEMORY;
    for (unsigned i = 0; i < config->venue_count; i++) {
        snprintf(bus->venue_topics[i], sizeof bus->venue_topics[i], "md.%.23s.full", config->venues[i].name);
        if (fp_mirror_open(&bus->mirrors[i]) || fp_history_open(&bus->histories[i], config->history_events, sizeof(struct fp_event))) return FP_E_NO_MEMORY;
    }
    for (unsigned i = 0; i < config->account_count; i++) {
        snprintf(bus->account_topics[i], sizeof bus->account_topics[i], "exec.%.23s", config->accounts[i].name);
        if (fp_exec_mirror_open(&bus->accounts[i])) return FP_E_NO_MEMORY;
    }
    return 0;
}

int fp_bus_open(struct fp_bus *bus, const struct fp_engine_config *config, struct fp_hot *hot, uint32_t epoch, char *error_text) {
    memset(bus, 0, sizeof *bus);
    bus->config = config;
    bus->hot = hot;
    bus->answers = (struct fp_answer_context){.config = config, .epoch = epoch};
    int failed = fp_zmq_load(&bus->zmq, config->libzmq_path, error_text);
    if (failed) return failed;
    if (open_tables(bus) != 0) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "no memory for the bus's books and histories; lower history_events");
        return FP_E_NO_MEMORY;
    }
    bus->context = bus->zmq.ctx_new();
    if (!bus->context) return bus_error(bus, "make a context for", config->pub_endpoint, error_text);
    failed = open_socket(bus, &bus->publisher, FP_ZMQ_PUB, PUB_HWM, config->pub_endpoint, error_text);
    return failed ? failed : open_doors(bus, config, error_text);
}

void fp_bus_close(struct fp_bus *bus) {
    if (!bus->config) return;
    void *sockets[] = {bus->publisher, bus->doors[0], bus->doors[1]};
    for (unsigned i = 0; i < sizeof sockets / sizeof *sockets; i++)
        if (sockets[i]) bus->zmq.close(sockets[i]);
    if (bus->context) bus->zmq.ctx_term(bus->context);
    fp_zmq_unload(&bus->zmq);
    for (unsigned i = 0; i < bus->config->venue_count; i++) {
        fp_mirror_close(&bus->mirrors[i]);
        fp_history_close(&bus->histories[i]);
    }
    for (unsigned i = 0; bus->accounts && i < bus->config->account_count; i++) fp_exec_mirror_close(&bus->accounts[i]);
    fp_memory_unmap(bus->batches, bus->config->venue_count * sizeof *bus->batches);
    free(bus->accounts);
    free(bus->dirty);
    free(bus->pending);
    fp_mp_close(&bus->writer);
    fp_mp_close(&bus->status_writer);
    memset(bus, 0, sizeof *bus);
}

void fp_bus_early_exec(void *context, const struct fp_exec *exec) {
    struct fp_bus *bus = context;
    if (exec->account < bus->config->account_count) fp_exec_mirror_apply(&bus->accounts[exec->account], exec);
}

/* ---- the loop ---- */

static int take_replies(struct fp_bus *bus) {
    struct fp_ring *replies = &bus->hot->lanes[FP_LANE_BUS].replies;
    /* Count replies first: the records they stand on were pushed before them, so these are drained before an answer
     * goes out, and whoever asks again finds what the answer told. */
    uint32_t ready = fp_ring_ready(replies);
    if (ready > BATCH_OF_REPLIES) ready = BATCH_OF_REPLIES;
    int taken = fp_publish_execs(bus);
    for (uint32_t i = 0; i < ready; i++) fp_router_answer(bus, fp_ring_at(replies, i));
    fp_ring_consume(replies, ready);
    return taken + (int)ready;
}

static int round_of_work(struct fp_bus *bus) {
    int work = take_replies(bus);
    work += fp_publish_events(bus);
    fp_publish_tops(bus, fp_clock_monotonic_ns());
    uint64_t now_ns = fp_clock_monotonic_ns();
    fp_publish_heartbeats(bus, now_ns);
    fp_router_expire(bus, now_ns);
    /* Last before sleeping: reading until there is nothing re-arms the descriptors that are polled. */
    for (int i = 0; i < FP_BUS_DOORS; i++) work += fp_router_take(bus, i);
    return work;
}

static int64_t sleep_ns(const struct fp_bus *bus, uint64_t now_ns) {
    if (bus->config->busy_poll) return (int64_t)BUSY_SLEEP_US * FP_NS_PER_US;
    if (bus->dirty_count) return FP_NS_PER_MS;
    uint64_t due_ns = bus->heartbeat_ns + (uint64_t)bus->config->heartbeat_ms * FP_NS_PER_MS;
    int64_t left_ns = due_ns > now_ns ? (int64_t)(due_ns - now_ns) : 0;
    return bus->pending_used && left_ns > EXPIRE_MS * FP_NS_PER_MS ? EXPIRE_MS * FP_NS_PER_MS : left_ns;
}

static void wait_for_work(struct fp_bus *bus, uint64_t now_ns) {
    struct fp_waker *waker = &bus->hot->lanes[FP_LANE_BUS].waker;
    struct pollfd fds[] = {{.fd = waker->fd, .events = POLLIN}, {.fd = bus->door_fds[0], .events = POLLIN}, {.fd = bus->door_fds[1], .events = POLLIN}};
    if (!bus->config->busy_poll) fp_waker_prepare(waker);
    int missed = atomic_load(&bus->stop) || fp_ring_ready(bus->hot->out.ring) || fp_ring_ready(&bus->hot->exec_ring) || fp_ring_ready(&bus->hot->lanes[FP_LANE_BUS].replies);
    if (!missed) {
        struct timespec ts = fp_clock_timespec(sleep_ns(bus, now_ns));
        ppoll(fds, sizeof fds / sizeof *fds, &ts, NULL);
    }
    if (!bus->config->busy_poll) fp_waker_woken(waker);
}

void *fp_bus_run(void *argument) {
    struct fp_bus *bus = argument;
    fp_thread_settle("fastpath-bus", bus->config->cpu_bus);
    while (!atomic_load_explicit(&bus->stop, memory_order_relaxed)) {
        uint64_t now_ns = fp_clock_monotonic_ns();
        if (round_of_work(bus)) bus->last_work_ns = now_ns;
        else if (now_ns - bus->last_work_ns >= (uint64_t)bus->config->spin_us * FP_NS_PER_US) wait_for_work(bus, now_ns);
    }
    /* The hot thread has stopped before: take what it left, and tell where the streams end. */
    while (take_replies(bus) + fp_publish_events(bus) > 0) {}
    bus->heartbeat_ns = 0;
    fp_publish_heartbeats(bus, fp_clock_monotonic_ns());
    return NULL;
}
