/* The MoldUDP64 publisher of a venue: numbers and keeps every message, packs what is new
 * into packets for both lines, sends heartbeats and the end of the session, and answers
 * re-requests. Time comes in as an argument; the lines do the sending. */
#ifndef FP_SIM_FEED_H
#define FP_SIM_FEED_H
#include "lines.h"
#include "store.h"

struct fp_feed {
    struct fp_store store;
    struct fp_line lines[2];
    struct fp_feed_stats stats;
    char session[10];
    uint64_t sent;            /* next sequence to send */
    uint64_t last_ns;         /* of the last packet */
    uint64_t heartbeat_ns;
    uint64_t end_until_ns;    /* end-of-session packets go out until then; 0 = the session is on */
    uint64_t request_ns_each; /* token bucket of the re-request server: one answer each so often ... */
    uint64_t request_credit_ns, request_last_ns; /* ... with 100 ms of them saved up at most */
    uint32_t request_drop_per_mille;
    uint64_t random;
};

int fp_feed_open(struct fp_feed *feed, const char session[10], uint64_t store_limit_bytes, uint32_t heartbeat_ms, uint32_t requests_per_s, uint64_t now_ns);
void fp_feed_append(struct fp_feed *feed, const uint8_t *message, size_t length);
/* Send what is new. */
void fp_feed_flush(struct fp_feed *feed, uint64_t now_ns);
/* Heartbeats, end-of-session packets, held packets. Returns when to be called next. */
uint64_t fp_feed_timer(struct fp_feed *feed, uint64_t now_ns);
/* From now on the session has ended; tell so for a while. */
void fp_feed_end(struct fp_feed *feed, uint64_t now_ns, uint64_t for_ns);
/* A re-request datagram: bytes of the answer in out (room for a whole packet), 0 = no answer. */
int fp_feed_request(struct fp_feed *feed, const uint8_t *bytes, size_t length, uint64_t now_ns, uint8_t out[FP_LINE_PACKET]);
void fp_feed_close(struct fp_feed *feed);

#endif
