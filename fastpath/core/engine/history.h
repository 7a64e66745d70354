/* The newest records of one stream, kept for replay: an unbroken run of sequences
 * ending at the last one published. One thread uses it; memory is given at open. */
#ifndef FP_HISTORY_H
#define FP_HISTORY_H
#include "memory.h"
#include <stdint.h>
#include <string.h>

struct fp_history {
    uint8_t *records;
    uint32_t mask, record_bytes;
    uint64_t first, last; /* kept sequences [first, last]; last 0 = none yet */
};

/* count: a power of two. 0, or -1 without memory. */
static inline int fp_history_open(struct fp_history *history, uint32_t count, uint32_t record_bytes) {
    *history = (struct fp_history){.mask = count - 1, .record_bytes = record_bytes, .first = 1};
    history->records = fp_memory_map((size_t)count * record_bytes, FP_MEMORY_LAZY);
    return history->records ? 0 : -1;
}

static inline void fp_history_close(struct fp_history *history) {
    fp_memory_unmap(history->records, ((size_t)history->mask + 1) * history->record_bytes);
    history->records = NULL;
}

/* Records in (last, sequence) will never come: what is kept begins anew at sequence. */
static inline void fp_history_hole(struct fp_history *history, uint64_t sequence) {
    history->first = sequence;
    history->last = sequence - 1;
}

static inline void fp_history_add(struct fp_history *history, uint64_t sequence, const void *record) {
    if (sequence != history->last + 1) fp_history_hole(history, sequence);
    memcpy(history->records + (size_t)(sequence & history->mask) * history->record_bytes, record, history->record_bytes);
    history->last = sequence;
    if (sequence - history->first > history->mask) history->first = sequence - history->mask;
}

static inline const void *fp_history_at(const struct fp_history *history, uint64_t sequence) {
    return history->records + (size_t)(sequence & history->mask) * history->record_bytes;
}

#endif
