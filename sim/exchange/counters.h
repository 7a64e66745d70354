/* Faults a test can switch on at a feed line, and what the feed and the order ports count.
 * Declarations only, so that Python can read them too. */
#ifndef FP_SIM_COUNTERS_H
#define FP_SIM_COUNTERS_H
#include <stdint.h>

struct fp_line_faults {
    uint64_t seed;
    uint32_t drop_per_mille, duplicate_per_mille;
    uint32_t reorder_per_mille;            /* goes out behind the packet after it */
    uint32_t delay_per_mille, delay_us;    /* 1000: a line that is always late */
};

struct fp_line_stats { uint64_t packets, bytes, dropped, duplicated, reordered, delayed, send_errors; };

struct fp_feed_stats {
    uint64_t packets, heartbeats, end_packets;
    uint64_t lost_messages;                /* could not be kept or sent: out of memory */
    uint64_t rerequests, rerequest_messages;
    uint64_t rerequest_limited, rerequest_dropped; /* by the rate bound; by a fault */
    uint64_t rerequest_truncated, rerequest_oversized, rerequest_wrong_session, rerequest_out_of_range, rerequest_gone, rerequest_bad_count;
};

struct fp_ports_stats {
    uint64_t connections, live, connections_refused; /* refused: every slot was taken */
    uint64_t bytes_in, bytes_out, packets_in, packets_out, sequenced_out, unsequenced_in, heartbeats_in, heartbeats_out;
    uint64_t logins, logouts, disconnects; /* disconnects: the peer closed without a logout */
    uint64_t login_wrong_user, login_wrong_password, login_wrong_session, login_duplicate, login_sequence_ahead, login_sequence_gone, login_malformed, login_after_end;
    uint64_t zero_length, oversized, wrong_length, unknown_type, out_of_order; /* out of order: data before login, a second login */
    uint64_t login_timeouts, idle_timeouts, slow_consumers, truncated; /* truncated: closed within a packet */
    uint64_t ouch_oversized;               /* longer than any OUCH message: not handed on */
    uint64_t queue_full_waits;             /* reading stopped until delayed orders were through */
    uint64_t cuts, kicked, lost_messages;
};

#endif
