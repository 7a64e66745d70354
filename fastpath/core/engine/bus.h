/* The bus thread's state: what it publishes (publish.c), what it answers (router.c),
 * and its loop (bus.c). It owns the libzmq sockets, the mirrors of books and orders,
 * and the histories for replay; towards the hot thread there are only rings.
 *
 * It never makes the hot thread wait, and a slow subscriber never makes it wait:
 * libzmq drops for that one subscriber, which finds out by the sequences. */
#ifndef FP_BUS_H
#define FP_BUS_H
#include "answer.h"
#include "loop.h"
#include "request.h"
#include "zmq_api.h"

enum {
    FP_BUS_BATCH = 256,          /* records of a frame at most */
    FP_BUS_PENDING = 1024,       /* commands under way to the hot thread */
    FP_BUS_IDENTITY = 255,
    FP_REPLAY_RECORDS = 4096,    /* of one answer at most */
    FP_BUS_DOORS = 2,
    FP_DOOR_COMMANDS = 0, FP_DOOR_OPERATOR = 1,
    FP_STREAM_STATUS = 0, FP_STREAM_VENUE = 1, FP_STREAM_ACCOUNT = 16, FP_STREAM_TOP = 0x10000 /* x (venue + 1) + locate */
};

/* Records on their way into one frame. */
struct fp_batch {
    uint32_t count;
    uint64_t first_seq;
    uint64_t pushed_ns[FP_BUS_BATCH];
    struct fp_event events[FP_BUS_BATCH];
};

/* A request whose answer comes from the hot thread. */
struct fp_pending {
    uint64_t request_id, deadline_ns;
    uint32_t generation;
    uint8_t used, door, op, identity_length;
    uint8_t identity[FP_BUS_IDENTITY];
};

struct fp_bus {
    const struct fp_engine_config *config;
    struct fp_hot *hot;
    struct fp_zmq zmq;
    void *context, *publisher, *doors[FP_BUS_DOORS];
    int door_fds[FP_BUS_DOORS];
    struct fp_answer_context answers;
    /* Newest statistics of the whole engine; given by engine.c. */
    void (*collect)(void *engine, struct fp_engine_stats *out, struct fp_kill_view *kill);
    void *engine;
    _Atomic int stop;

    struct fp_mirror mirrors[FP_MAX_VENUES];
    struct fp_history histories[FP_MAX_VENUES];
    struct fp_batch *batches;                     /* by venue */
    struct fp_exec_mirror *accounts;              /* by account */
    uint64_t exec_published[FP_MAX_ACCOUNTS];
    char venue_topics[FP_MAX_VENUES][64], account_topics[FP_MAX_ACCOUNTS][64];
    uint32_t *dirty;                              /* tops to publish: venue << 16 | locate */
    uint32_t dirty_count, dirty_room;
    uint64_t status_seq, heartbeat_ns, tops_ns, expire_ns, last_work_ns;

    struct fp_pending *pending;
    uint32_t pending_next, pending_used;
    struct fp_mp_writer writer, status_writer;
    struct fp_hist event_to_bus;
    _Atomic uint64_t frames, bytes, send_errors, commands, bad_requests, replays, late_replies;
};

/* Load libzmq, bind the sockets (mode 0600), make mirrors and histories. error_text: FP_ERROR_TEXT_MAX bytes. */
int fp_bus_open(struct fp_bus *bus, const struct fp_engine_config *config, struct fp_hot *hot, uint32_t epoch, char *error_text);
void fp_bus_close(struct fp_bus *bus);
/* Thread body. argument: struct fp_bus. */
void *fp_bus_run(void *argument);
/* Take a record told before the threads run. */
void fp_bus_early_exec(void *bus, const struct fp_exec *exec);

/* ---- publish.c ---- */
int fp_publish_events(struct fp_bus *bus);   /* drain the event ring; returns records taken */
int fp_publish_execs(struct fp_bus *bus);    /* empty the exec ring */
void fp_publish_tops(struct fp_bus *bus, uint64_t now_ns); /* times here and below are monotonic */
void fp_publish_heartbeats(struct fp_bus *bus, uint64_t now_ns);
/* Where md and exec streams and status stand. Returns their number. */
uint32_t fp_publish_places(const struct fp_bus *bus, struct fp_stream_place *out);

/* ---- router.c ---- */
int fp_router_take(struct fp_bus *bus, int door); /* read requests that wait; returns how many */
/* Answer what the hot thread has replied. */
void fp_router_answer(struct fp_bus *bus, const struct fp_reply *reply);
void fp_router_expire(struct fp_bus *bus, uint64_t now_ns);

static inline void fp_bus_count(_Atomic uint64_t *counter, uint64_t by) {
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

#endif
