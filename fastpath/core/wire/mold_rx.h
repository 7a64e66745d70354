/* Arbitration of MoldUDP64 lines A and B into one in-order stream of messages.
 *
 * Sans-I/O: packets and times go in; messages in sequence, re-request packets to
 * send and gap notices come out. It never emits a message twice or out of order,
 * never reads a clock and never allocates after init. */
#ifndef FP_MOLD_RX_H
#define FP_MOLD_RX_H
#include "mold.h"

struct fp_mold_rx_config {
    char session[10];        /* all zero: take the first session seen */
    uint64_t first_sequence; /* normally 1: a late joiner asks for the whole day */
    uint64_t gap_wait_ns;    /* how long a hole may stay before it is asked for */
    uint64_t retry_ns;       /* between two requests for the same hole */
    uint32_t attempts;       /* unanswered requests before the hole is declared lost; 0 = no re-request server, declare after gap_wait */
    uint32_t window_packets; /* packets held ahead of a hole, a power of two (1,472-byte slots) */
};

enum fp_mold_notice_kind {
    FP_MOLD_GAP_OPEN = 1,  /* [sequence, sequence + count) is missing (count known so far); told at once, asked for after gap_wait */
    FP_MOLD_GAP_FILLED = 2, /* the hole that began at sequence is closed: everything before next_sequence was given out */
    FP_MOLD_GAP_LOST = 3,  /* [sequence, sequence + count) given up; what the hole had before it was given out */
    FP_MOLD_SESSION_START = 4, /* first packet of the session; sequence is the first one wanted */
    FP_MOLD_SESSION_END = 5 /* every message was given out (or told lost); sequence is one past the last */
};
/* One hole is open at a time, the first. Each GAP_OPEN is closed by one FILLED or one LOST. When the attempts are used
 * up, what the lines said meanwhile decides: a slower line that still moves towards the hole is waited for; lines that
 * stand at next_sequence take the hole back (a bogus sequence ahead of the stream), and it closes as FILLED. */

struct fp_mold_notice {
    uint64_t sequence, count;
    uint8_t kind;
};

/* One in-order message; data points into the packet or into the window, valid until the next call. */
struct fp_mold_message {
    const uint8_t *data;
    uint64_t sequence, rx_ns;
    uint16_t length;
    uint8_t line;      /* 0 A, 1 B, 2 re-request server */
};

struct fp_mold_rx; /* opaque; memory is the caller's */

/* A packet that claims to be more than this many messages ahead of the stream is refused as bad_count. */
#define FP_MOLD_MAX_JUMP 0x100000000ull

/* Bytes of memory for a configuration, 0 when it is refused. */
size_t fp_mold_rx_size(const struct fp_mold_rx_config *config);
/* memory: fp_mold_rx_size bytes, 64-byte aligned. FP_E_BAD_CONFIG: first_sequence 0, window_packets not a power
 * of two in 1..65536, or attempts without retry_ns. */
int fp_mold_rx_init(struct fp_mold_rx *rx, const struct fp_mold_rx_config *config);

/* Offer one packet from a line (0, 1, or 2 for answers to re-requests). Returns 0, or the
 * negative error it was refused and counted with. Then call fp_mold_rx_next until it returns 0,
 * before the packet's bytes go away. FP_E_TRUNCATED, FP_E_OVERSIZED (above FP_MOLD_MAX_PACKET), FP_E_BAD_LENGTH,
 * FP_E_BAD_FIELD (impossible sequence), FP_E_WRONG_SESSION, FP_E_BAD_STATE (after the session's end; or,
 * uncounted, messages were left undrained). A sound packet that the full window drops is no error: far_ahead counts it. */
int fp_mold_rx_push(struct fp_mold_rx *rx, uint8_t line, const uint8_t *packet, size_t length, uint64_t rx_ns);

/* 1: *message is the next one in sequence. 2: *notice happened here in the stream. 0: nothing more. */
int fp_mold_rx_next(struct fp_mold_rx *rx, struct fp_mold_message *message, struct fp_mold_notice *notice);

/* Call at least every millisecond. Returns 20 and the request to send now, or 0. After it, drain fp_mold_rx_next too (a gap may have been declared lost). */
int fp_mold_rx_timer(struct fp_mold_rx *rx, uint64_t now_ns, uint8_t out[FP_MOLD_HEADER_LEN]);

struct fp_mold_rx_stats {
    uint64_t packets[3], bytes[3];  /* all that were offered, by line */
    uint64_t messages;              /* in sequence; counted when their packet's turn comes */
    uint64_t duplicates;            /* messages, not packets, that another packet brought first */
    uint64_t recovered;             /* of messages: those that came by line 2 */
    uint64_t heartbeats, end_of_session;
    uint64_t gaps_opened, gaps_filled, gaps_lost, messages_lost, requests;
    uint64_t far_ahead;             /* packets dropped because the window was full */
    uint64_t bad_truncated;         /* shorter than a header, or than its message count claims */
    uint64_t bad_oversized, bad_session;
    uint64_t bad_length;            /* an empty message, or bytes after the last one */
    uint64_t bad_count;             /* sequence 0, above 2^64, beyond FP_MOLD_MAX_JUMP, or contradicting the session's end */
    uint64_t next_sequence, line_last_rx_ns[3]; /* levels; a line is heard when a sound packet of our session came by it */
    uint8_t gap_open, session_state; /* 0 none, 1 live, 2 ended */
    char session[10];
};
/* A copy of the counters as they are now. */
void fp_mold_rx_stats(const struct fp_mold_rx *rx, struct fp_mold_rx_stats *out);

#endif
