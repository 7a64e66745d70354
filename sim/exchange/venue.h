/* One venue's inside, shared by its thread (server.c) and by what others may ask and
 * command (console.c). Nobody else includes this. */
#ifndef FP_SIM_VENUE_H
#define FP_SIM_VENUE_H
#include "fastpath/core/records.h"
#include "feed.h"
#include "ledger.h"
#include "ports.h"
#include "server.h"
#include "tape.h"
#include <pthread.h>
#include <stdatomic.h>

enum { FP_VENUE_DELAYED = 8192 }; /* orders within their latency at once */

struct fp_venue_delayed {
    uint64_t due_ns;
    uint16_t account, length;
    uint8_t kind;
    uint8_t bytes[512];
};

struct fp_exchange {
    pthread_mutex_t lock;
    pthread_t thread;
    atomic_int waiting, stopping; /* callers that want the lock; the thread should end */
    uint8_t ended;
    atomic_int started;           /* 0 not yet, 1 running, 2 stopped */
    int epoll, wake, timer, rerequest;
    uint16_t order_port, rerequest_port, feed_port[2];
    struct fp_exchange_config config;
    uint8_t cancel_on_disconnect[FP_PORTS_MAX_USERS];
    struct fp_exchange_stats stats;
    struct fp_match *match;
    struct fp_flow *flow;
    struct fp_tape tape;
    struct fp_feed feed;
    struct fp_ports ports;
    struct fp_ledger ledger;
    uint64_t ledger_ns;           /* last flush */
    struct fp_venue_delayed *delayed;      /* ring */
    uint32_t delayed_head, delayed_count;
    uint64_t timer_ns;            /* what the timer is set to */
    uint64_t active_ns;           /* last work, for spinning */
    uint64_t pace_ns;             /* the background's messages count from here */
    uint64_t pace_messages;       /* sent since then */
    const uint8_t *next_message;  /* of the tape, waiting for its time */
    int next_length;
    uint64_t tape_first_ns;       /* time of its first message */
    uint64_t venue_ns;            /* last time given to the core; never goes back */
};

/* Both with the lock held. */
int fp_venue_apply(struct fp_exchange *x, struct fp_match_input *input); /* at the time of now */
void fp_venue_flush(struct fp_exchange *x, uint64_t now_ns);             /* send what the steps since the last flush have caused */
int fp_venue_apply_delayed(struct fp_exchange *x, uint64_t until_ns);    /* orders whose latency is over by then; returns whether there were any */
uint64_t fp_venue_now(void);                                             /* monotonic */

#endif
