/* Every message of a stream, by sequence number from 1, in memory that grows by chunks up
 * to a limit; then the oldest chunk goes. Messages lie as MoldUDP64 blocks (u16 length,
 * bytes), so that a run of them can be copied straight into a packet.
 * One thread; it does no I/O. */
#ifndef FP_SIM_STORE_H
#define FP_SIM_STORE_H
#include <stddef.h>
#include <stdint.h>

struct fp_store_chunk;

struct fp_store {
    struct fp_store_chunk **chunks; /* ring of chunk_limit */
    uint64_t next_sequence;         /* of the next message to come */
    uint64_t first_sequence;        /* of the oldest one kept */
    uint64_t first_chunk, chunk_count; /* numbers of the oldest chunk and of chunks kept */
    uint64_t evicted;               /* messages that had to go */
    uint32_t chunk_bytes, chunk_messages, chunk_limit;
};

/* limit_bytes is rounded up to two chunks. Returns 0 or FP_E_NO_MEMORY. */
int fp_store_open(struct fp_store *store, uint32_t chunk_bytes, uint64_t limit_bytes);
/* Returns the message's sequence (>= 1); FP_E_OVERSIZED, FP_E_NO_MEMORY. */
int64_t fp_store_append(struct fp_store *store, const uint8_t *message, size_t length);
/* Length of a message with *message set; FP_E_NOT_FOUND when not kept or not there yet. */
int fp_store_get(const struct fp_store *store, uint64_t sequence, const uint8_t **message);
/* Blocks from a sequence on that fit room, at most max: count, with *blocks and *bytes set.
 * A run ends with its chunk; ask again for the rest. FP_E_NOT_FOUND as above. */
int fp_store_run(const struct fp_store *store, uint64_t sequence, size_t room, uint32_t max, const uint8_t **blocks, size_t *bytes);
void fp_store_close(struct fp_store *store);

#endif
