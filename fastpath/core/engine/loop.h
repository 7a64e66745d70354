/* The hot thread: market data of every venue, order connections, commands, timers,
 * one after the other, for ever. It takes no lock, allocates nothing, and sleeps only
 * when it has found nothing to do for spin_us (never with busy_poll).
 *
 * Towards the bus thread it never waits for market data: a full event ring loses
 * records, counted and shown as a hole in the stream. Exec records are few and must
 * arrive: for them it waits, up to two seconds, after which the engine reports that
 * its bus thread is stuck. */
#ifndef FP_LOOP_H
#define FP_LOOP_H
#include "connection.h"
#include "feed.h"
#include "journal.h"
#include "kill_view.h"
#include "latest.h"
#include "waker.h"

enum { FP_COMMAND_SLOTS = 1024, FP_LANE_BUS = 0, FP_LANE_LOCAL = 1, FP_LANES = 2 };

/* Command kinds that never leave the engine. */
enum { FP_CMD_QUERY_ORDER = 0xF0 };

/* What the hot thread shows of itself, a few times a second. */
struct fp_hot_stats {
    struct fp_feed_stats feed[FP_MAX_VENUES];
    struct fp_order_stats order[FP_MAX_VENUES];
    struct fp_kill_view kill;
    uint64_t now_ns, loops, sleeps, events, execs, full_events, full_execs;
    uint32_t kill_venues;
    uint8_t kill_firm, recovering;
};

/* A way for commands in and replies out. */
struct fp_lane {
    struct fp_ring commands, replies; /* struct fp_command, struct fp_reply */
    struct fp_waker waker;            /* of whoever waits for replies */
    uint64_t answered;
};

struct fp_hot {
    const struct fp_engine_config *config;
    struct fp_feed feeds[FP_MAX_VENUES];
    struct fp_connection connections[FP_MAX_VENUES];
    struct fp_oms *oms;              /* NULL: no order side */
    struct fp_journal *journal;
    struct fp_event_out out;
    struct fp_ring exec_ring;        /* struct fp_exec; slots NULL without a bus */
    struct fp_lane lanes[FP_LANES];
    struct fp_waker waker;           /* of this thread */
    _Atomic int stop, failed;        /* failed: FP_E_BAD_STATE once the bus thread left exec records lying */
    _Atomic uint32_t resync_wanted;  /* venues whose books the bus thread wants again */
    struct fp_hist wire_to_event, decision, order_to_ack[FP_MAX_VENUES];
    struct fp_latest latest;
    struct fp_hot_stats snapshots[3];
    struct fp_kill_view kill;
    uint64_t loops, sleeps, execs, full_execs;
    uint64_t oms_timer_ns, stats_ns, last_work_ns;
    uint64_t announced;              /* records announced to the bus thread so far */
    uint64_t changes;                /* counts what the order side journals and tells, so that others see that it changed */
    int dirty;                       /* something happened since the last snapshot */
    /* Where exec records go before the threads run (recovery). */
    void (*early_exec)(void *context, const struct fp_exec *exec);
    void *early_context;
};

/* Thread body. argument: struct fp_hot. */
void *fp_hot_run(void *argument);
/* Show the newest statistics; by the hot thread, or before it runs. */
void fp_hot_publish(struct fp_hot *hot);

/* The order side's sink. context: struct fp_hot. */
int fp_hot_sink_journal(void *context, uint16_t type, uint16_t venue, const void *body, size_t length, uint64_t now_ns);
void fp_hot_sink_exec(void *context, const struct fp_exec *exec);
void fp_hot_sink_quote(void *context, uint8_t venue, const char symbol[8], struct fp_quote *out);
/* A feed's hook: write out what a fired order queued. context: struct fp_hot. */
void fp_hot_fired(void *context, uint8_t venue);
/* Follow the kill switches; for journal records read back. */
void fp_hot_note_kill(struct fp_hot *hot, uint16_t type, const void *body, size_t length);

/* Name the calling thread and pin it (cpu -1: not). A core that is not there is not an error: the thread runs unpinned. */
void fp_thread_settle(const char *name, int cpu);

#endif
