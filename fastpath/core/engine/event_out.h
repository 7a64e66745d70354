/* The hot thread's end of the event ring: numbering, stamping and pushing of event
 * records, and the private records that go with them to the bus thread.
 *
 * It never waits. A full ring loses the record, not its number: the stream shows a
 * hole, the loss is counted, and the venue's books are sent again (resync). */
#ifndef FP_EVENT_OUT_H
#define FP_EVENT_OUT_H
#include "ring.h"

/* Kinds that only travel on the ring; the bus never publishes them. Their seq is the
 * venue's last one in use, so that a hole shows here as well. */
enum fp_private_kind {
    FP_PV_INSTRUMENT = 0xF0, /* ref: the symbol's 8 bytes; price_e4: round lot; shares: state | reg_sho << 8 */
    FP_PV_BOOK = 0xF1,       /* the book of locate follows whole: forget its levels. ref, price_e4, shares: last print's time, price, size */
    FP_PV_LEVEL = 0xF2,      /* ref: shares; shares: orders; flag sell */
    FP_PV_SYNCED = 0xF3      /* every book of the venue was sent since the last hole */
};

struct fp_event_out {
    struct fp_ring *ring;  /* NULL: nobody listens */
    uint64_t *pushed_ns;   /* by slot: when the record went in */
    uint64_t now_ns;       /* the loop's newest clock reading */
    uint64_t events, full; /* counts since start */
};

/* 1, or 0 when the ring is full or absent. */
static inline int fp_event_put(struct fp_event_out *out, const struct fp_event *event) {
    if (!out->ring) return 1;
    struct fp_event *slot = fp_ring_claim(out->ring);
    if (__builtin_expect(!slot, 0)) {
        out->full++;
        return 0;
    }
    *slot = *event;
    out->pushed_ns[(out->ring->write - 1) & out->ring->mask] = out->now_ns;
    return 1;
}

static inline void fp_event_publish(struct fp_event_out *out) {
    if (out->ring) fp_ring_publish(out->ring);
}

#endif
