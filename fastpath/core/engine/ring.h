/* A ring between exactly one producer thread and one consumer thread, with slots of
 * one fixed size. Each side keeps a copy of the other's index and looks again only
 * when it seems to be full or empty, so the common case touches no shared line.
 *
 * It never blocks, allocates or drops: a full ring says so, and the caller decides. */
#ifndef FP_RING_H
#define FP_RING_H
#include "../records.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct fp_ring {
    /* The producer's line: tail is what it published, write what it claimed. */
    _Alignas(64) _Atomic uint64_t tail;
    uint64_t write, seen_head;
    /* The consumer's line. */
    _Alignas(64) _Atomic uint64_t head;
    uint64_t seen_tail;
    /* Read by both, written at init. */
    _Alignas(64) uint8_t *slots;
    uint32_t mask, slot_bytes;
};

/* slots: count x slot_bytes bytes of the caller's memory; count is a power of two >= 2. FP_E_BAD_CONFIG. */
static inline int fp_ring_init(struct fp_ring *ring, void *slots, uint32_t count, uint32_t slot_bytes) {
    if (!slots || count < 2 || (count & (count - 1)) || !slot_bytes) return FP_E_BAD_CONFIG;
    memset(ring, 0, sizeof *ring);
    ring->slots = slots;
    ring->mask = count - 1;
    ring->slot_bytes = slot_bytes;
    return 0;
}

/* ---- producer ---- */

/* The next slot to fill, or NULL when the ring is full. It becomes visible with the next publish. */
static inline void *fp_ring_claim(struct fp_ring *ring) {
    if (ring->write - ring->seen_head > ring->mask) {
        ring->seen_head = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (ring->write - ring->seen_head > ring->mask) return NULL;
    }
    return ring->slots + (size_t)(ring->write++ & ring->mask) * ring->slot_bytes;
}

/* Show every claimed slot to the consumer. */
static inline void fp_ring_publish(struct fp_ring *ring) {
    atomic_store_explicit(&ring->tail, ring->write, memory_order_release);
}

/* Copy one record in and publish it. 1, or 0 when full. */
static inline int fp_ring_push(struct fp_ring *ring, const void *record) {
    void *slot = fp_ring_claim(ring);
    if (!slot) return 0;
    memcpy(slot, record, ring->slot_bytes);
    fp_ring_publish(ring);
    return 1;
}

/* Free slots, as the producer knows them now. */
static inline uint32_t fp_ring_room(struct fp_ring *ring) {
    ring->seen_head = atomic_load_explicit(&ring->head, memory_order_acquire);
    return (uint32_t)(ring->mask + 1 - (ring->write - ring->seen_head));
}

/* ---- consumer ---- */

/* Records ready to be read; looks at the producer's index only when it knew of none. */
static inline uint32_t fp_ring_ready(struct fp_ring *ring) {
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (ring->seen_tail == head) ring->seen_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return (uint32_t)(ring->seen_tail - head);
}

/* The i-th ready record (i < fp_ring_ready); valid until it is consumed. */
static inline void *fp_ring_at(const struct fp_ring *ring, uint32_t i) {
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    return ring->slots + (size_t)((head + i) & ring->mask) * ring->slot_bytes;
}

/* Index of the i-th ready record's slot, for arrays kept beside the ring. */
static inline uint32_t fp_ring_slot(const struct fp_ring *ring, uint32_t i) {
    return (uint32_t)(atomic_load_explicit(&ring->head, memory_order_relaxed) + i) & ring->mask;
}

static inline void fp_ring_consume(struct fp_ring *ring, uint32_t count) {
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    atomic_store_explicit(&ring->head, head + count, memory_order_release);
}

/* Copy one record out. 1, or 0 when empty. */
static inline int fp_ring_pop(struct fp_ring *ring, void *record) {
    if (!fp_ring_ready(ring)) return 0;
    memcpy(record, fp_ring_at(ring, 0), ring->slot_bytes);
    fp_ring_consume(ring, 1);
    return 1;
}

#endif
