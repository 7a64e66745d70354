/* From a symbol's 8 bytes to a small number (a locate, or an index). Open addressing
 * over fixed memory, twice as many slots as numbers: it cannot fill up and never
 * allocates after init. Symbols are never removed, only pointed elsewhere. */
#ifndef FP_SYMBOL_INDEX_H
#define FP_SYMBOL_INDEX_H
#include <stdint.h>
#include <string.h>

enum { FP_SYMBOL_SLOTS = 131072, FP_SYMBOL_LIMIT = 65536 };

struct fp_symbol_index {
    uint32_t used;
    uint64_t keys[FP_SYMBOL_SLOTS]; /* 0 = free: no symbol is eight zero bytes */
    uint16_t values[FP_SYMBOL_SLOTS];
};

static inline uint64_t fp_symbol_key(const char symbol[8]) {
    uint64_t key;
    memcpy(&key, symbol, 8);
    return key;
}

static inline uint32_t fp_symbol_slot(const struct fp_symbol_index *index, uint64_t key) {
    uint32_t slot = (uint32_t)(key * 0x9E3779B97F4A7C15u >> 47);
    while (index->keys[slot] && index->keys[slot] != key) slot = (slot + 1) & (FP_SYMBOL_SLOTS - 1);
    return slot;
}

/* The symbol's value, or -1. */
static inline int32_t fp_symbol_find(const struct fp_symbol_index *index, const char symbol[8]) {
    uint64_t key = fp_symbol_key(symbol);
    if (!key) return -1;
    uint32_t slot = fp_symbol_slot(index, key);
    return index->keys[slot] ? index->values[slot] : -1;
}

/* Set or change a symbol's value. 1, or 0 when the symbol is empty or FP_SYMBOL_LIMIT symbols are in. */
static inline int fp_symbol_set(struct fp_symbol_index *index, const char symbol[8], uint16_t value) {
    uint64_t key = fp_symbol_key(symbol);
    if (!key) return 0;
    uint32_t slot = fp_symbol_slot(index, key);
    if (!index->keys[slot]) {
        if (index->used >= FP_SYMBOL_LIMIT) return 0;
        index->used++;
        index->keys[slot] = key;
    }
    index->values[slot] = value;
    return 1;
}

#endif
