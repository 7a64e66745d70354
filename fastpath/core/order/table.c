/* The order table's indices: open addressing over table positions; see table.h. */
#include "table.h"
#include <string.h>

uint32_t fp_index_slots(uint32_t keys) {
    uint32_t slots = 16;
    while (slots < keys * 2ull)
        slots *= 2;
    return slots;
}

size_t fp_table_size(uint32_t capacity) {
    return capacity * sizeof(struct fp_order) + 4 * (size_t)fp_index_slots(capacity) * sizeof(uint64_t);
}

void fp_table_init(struct fp_order_table *table, void *memory, uint32_t capacity) {
    uint32_t slots = fp_index_slots(capacity);
    table->orders = memory;
    table->count = 0;
    table->capacity = capacity;
    uint64_t *at = (uint64_t *)(void *)(table->orders + capacity);
    struct fp_order_index *all[] = {&table->by_id, &table->by_client, &table->by_urn, &table->by_ref};
    for (int i = 0; i < 4; i++)
        *all[i] = (struct fp_order_index){at + (size_t)i * slots, slots - 1};
}

struct fp_order *fp_table_add(struct fp_order_table *table) {
    if (table->count == table->capacity)
        return NULL;
    struct fp_order *order = &table->orders[table->count++];
    *order = (struct fp_order){.parent = FP_NO_INDEX, .child = FP_NO_INDEX, .successor = FP_NO_INDEX, .venue_next = FP_NO_INDEX, .venue_prev = FP_NO_INDEX,
                               .side_next = FP_NO_INDEX, .side_prev = FP_NO_INDEX, .same_next = FP_NO_INDEX,
                               .exposure = {FP_NO_INDEX, FP_NO_INDEX, FP_NO_INDEX}};
    return order;
}

static uint64_t client_hash(uint16_t account, const char id[40]) {
    uint64_t words[5], hash = account + 1;
    memcpy(words, id, 40);
    for (int i = 0; i < 5; i++)
        hash = (hash ^ words[i]) * 0x9E3779B97F4A7C15u;
    return fp_mix64(hash);
}

/* Engine ids and user reference numbers come in sequence: sixteen neighbours share a cache line of slots. */
static uint64_t sequence_hash(uint64_t key) { return fp_hash64(key >> 4) << 4 | (key & 15); }

static uint64_t urn_hash(uint8_t venue, uint32_t urn) { return sequence_hash((uint64_t)venue << 32 | urn); }

static uint64_t venue_hash(uint8_t venue, uint64_t key) { return fp_hash64(key ^ (uint64_t)(venue + 1) << 56); }

void fp_table_index(struct fp_order_table *table, const struct fp_order *order) {
    fp_index_put(&table->by_id, sequence_hash(order->order_id), fp_table_at(table, order));
    if (order->client_order_id[0])
        fp_index_put(&table->by_client, client_hash(order->account, order->client_order_id), fp_table_at(table, order));
}

void fp_table_index_urn(struct fp_order_table *table, const struct fp_order *order) {
    fp_index_put(&table->by_urn, urn_hash(order->venue, order->urn), fp_table_at(table, order));
}

static uint64_t ref_hash(const struct fp_order *order) { return venue_hash(order->venue, order->exchange_ref); }

/* Forget the order's old reference: empty its slot and close the hole behind it. */
static void drop_ref(struct fp_order_table *table, const struct fp_order *order) {
    struct fp_order_index *index = &table->by_ref;
    uint32_t at = fp_table_at(table, order) + 1, slot = (uint32_t)ref_hash(order) & index->mask;
    while ((uint32_t)index->slots[slot] != at) {
        if (!index->slots[slot])
            return;
        slot = (slot + 1) & index->mask;
    }
    for (uint32_t hole = slot;;) {
        index->slots[hole] = 0;
        for (;;) {
            slot = (slot + 1) & index->mask;
            if (!index->slots[slot])
                return;
            uint32_t home = (uint32_t)ref_hash(&table->orders[(uint32_t)index->slots[slot] - 1]) & index->mask;
            if (((slot - home) & index->mask) >= ((slot - hole) & index->mask))
                break;
        }
        index->slots[hole] = index->slots[slot];
        hole = slot;
    }
}

void fp_table_set_ref(struct fp_order_table *table, struct fp_order *order, uint64_t exchange_ref) {
    if (order->exchange_ref)
        drop_ref(table, order);
    order->exchange_ref = exchange_ref;
    if (exchange_ref)
        fp_index_put(&table->by_ref, ref_hash(order), fp_table_at(table, order));
}

#define FIND(index, key_hash, condition)                 \
    uint64_t hash = key_hash;                            \
    FP_INDEX_EACH(index, hash, at) {                     \
        struct fp_order *order = &table->orders[at];     \
        if (condition)                                   \
            return order;                                \
    }                                                    \
    return NULL

struct fp_order *fp_table_by_id(const struct fp_order_table *table, uint64_t order_id) {
    FIND(table->by_id, sequence_hash(order_id), order->order_id == order_id);
}

struct fp_order *fp_table_by_client(const struct fp_order_table *table, uint16_t account, const char id[40]) {
    FIND(table->by_client, client_hash(account, id), order->account == account && memcmp(order->client_order_id, id, 40) == 0);
}

struct fp_order *fp_table_by_urn(const struct fp_order_table *table, uint8_t venue, uint32_t urn) {
    FIND(table->by_urn, urn_hash(venue, urn), order->urn == urn && order->venue == venue);
}

struct fp_order *fp_table_by_ref(const struct fp_order_table *table, uint8_t venue, uint64_t exchange_ref) {
    FIND(table->by_ref, venue_hash(venue, exchange_ref), order->exchange_ref == exchange_ref && order->venue == venue);
}

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void fp_clordid_put(uint64_t order_id, char out[14]) {
    out[0] = 'F';
    for (int i = 13; i >= 1; i--, order_id >>= 5)
        out[i] = digits[order_id & 31];
}

int fp_clordid_get(const char text[14], uint64_t *order_id) {
    uint64_t id = 0;
    if (text[0] != 'F')
        return FP_E_NOT_OURS;
    for (int i = 1; i < 14; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit || (i == 1 && digit - digits > 15)) /* 13 digits hold 65 bits */
            return FP_E_NOT_OURS;
        id = id << 5 | (uint64_t)(digit - digits);
    }
    *order_id = id;
    return 0;
}
