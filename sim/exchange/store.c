/* See store.h. */
#include "store.h"
#include "fastpath/core/records.h"
#include "fastpath/core/wire/layout.h"
#include <stdlib.h>
#include <string.h>

struct fp_store_chunk {
    uint64_t first;
    uint32_t count, used;
    uint32_t *offsets; /* of each message's block, then one past the last */
    uint8_t *bytes;
};

enum { SMALLEST_MESSAGE = 8 };

int fp_store_open(struct fp_store *store, uint32_t chunk_bytes, uint64_t limit_bytes) {
    memset(store, 0, sizeof *store);
    uint64_t chunks = (limit_bytes + chunk_bytes - 1) / chunk_bytes;
    store->chunk_bytes = chunk_bytes;
    store->chunk_messages = chunk_bytes / SMALLEST_MESSAGE;
    store->chunk_limit = chunks < 2 ? 2 : chunks > 1u << 20 ? 1u << 20 : (uint32_t)chunks;
    store->next_sequence = store->first_sequence = 1;
    store->chunks = calloc(store->chunk_limit, sizeof *store->chunks);
    return store->chunks ? 0 : FP_E_NO_MEMORY;
}

static struct fp_store_chunk *chunk_at(const struct fp_store *store, uint64_t number) {
    return store->chunks[number % store->chunk_limit];
}

static struct fp_store_chunk *fresh_chunk(struct fp_store *store) {
    struct fp_store_chunk *chunk;
    if (store->chunk_count == store->chunk_limit) { /* the oldest goes, and its memory is used again */
        chunk = chunk_at(store, store->first_chunk);
        store->evicted += chunk->count;
        store->first_chunk++;
        store->chunk_count--;
        store->first_sequence = chunk_at(store, store->first_chunk)->first;
    } else {
        chunk = malloc(sizeof *chunk + (store->chunk_messages + (size_t)1) * sizeof(uint32_t) + store->chunk_bytes);
        if (!chunk) return NULL;
        chunk->offsets = (uint32_t *)(chunk + 1);
        chunk->bytes = (uint8_t *)(chunk->offsets + store->chunk_messages + 1);
    }
    chunk->first = store->next_sequence;
    chunk->count = chunk->used = 0;
    chunk->offsets[0] = 0;
    store->chunks[(store->first_chunk + store->chunk_count++) % store->chunk_limit] = chunk;
    return chunk;
}

int64_t fp_store_append(struct fp_store *store, const uint8_t *message, size_t length) {
    if (length == 0 || length > 0xFFFF || length + 2 > store->chunk_bytes) return FP_E_OVERSIZED;
    struct fp_store_chunk *chunk = store->chunk_count ? chunk_at(store, store->first_chunk + store->chunk_count - 1)
                                                      : NULL;
    if (!chunk || chunk->used + 2 + length > store->chunk_bytes || chunk->count == store->chunk_messages)
        chunk = fresh_chunk(store);
    if (!chunk) return FP_E_NO_MEMORY;
    fp_store_be16(chunk->bytes + chunk->used, (uint16_t)length);
    memcpy(chunk->bytes + chunk->used + 2, message, length);
    chunk->used += (uint32_t)length + 2;
    chunk->offsets[++chunk->count] = chunk->used;
    return (int64_t)store->next_sequence++;
}

static const struct fp_store_chunk *chunk_of(const struct fp_store *store, uint64_t sequence) {
    if (sequence < store->first_sequence || sequence >= store->next_sequence) return NULL;
    uint64_t low = store->first_chunk, high = store->first_chunk + store->chunk_count - 1;
    while (low < high) {
        uint64_t middle = (low + high + 1) / 2;
        if (chunk_at(store, middle)->first <= sequence) low = middle;
        else high = middle - 1;
    }
    return chunk_at(store, low);
}

int fp_store_get(const struct fp_store *store, uint64_t sequence, const uint8_t **message) {
    const struct fp_store_chunk *chunk = chunk_of(store, sequence);
    if (!chunk) return FP_E_NOT_FOUND;
    uint32_t at = chunk->offsets[sequence - chunk->first];
    *message = chunk->bytes + at + 2;
    return (int)(chunk->offsets[sequence - chunk->first + 1] - at - 2);
}

int fp_store_run(const struct fp_store *store, uint64_t sequence, size_t room, uint32_t max, const uint8_t **blocks,
                 size_t *bytes) {
    const struct fp_store_chunk *chunk = chunk_of(store, sequence);
    if (!chunk) return FP_E_NOT_FOUND;
    uint32_t index = (uint32_t)(sequence - chunk->first), from = chunk->offsets[index], count = 0;
    while (index + count < chunk->count && count < max && chunk->offsets[index + count + 1] - from <= room) count++;
    *blocks = chunk->bytes + from;
    *bytes = chunk->offsets[index + count] - from;
    return (int)count;
}

void fp_store_close(struct fp_store *store) {
    for (uint64_t i = 0; i < store->chunk_count; i++) free(chunk_at(store, store->first_chunk + i));
    free(store->chunks);
    memset(store, 0, sizeof *store);
}
