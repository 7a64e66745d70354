/* The orders of a day in one array, found by engine id, by account and client id, by
 * venue and user reference number, and by venue and exchange reference.
 *
 * Orders are never removed: a finished order still answers for its client id. All
 * memory is the caller's; it never allocates and decides nothing about orders. */
#ifndef FP_ORDER_TABLE_H
#define FP_ORDER_TABLE_H
#include "../fastpath.h"
#include <stddef.h>

#define FP_NO_INDEX 0xFFFFFFFFu

/* How far a cancel of the order has come. */
enum fp_cancel_step { FP_CANCEL_NONE = 0, FP_CANCEL_WANTED = 1, FP_CANCEL_MASS = 2, FP_CANCEL_SENT = 3 };

struct fp_order {
    uint64_t order_id, parent_id, exchange_ref;
    uint64_t cum_notional_e4;       /* of the unbroken fills */
    uint64_t sent_ns, updated_ns, venue_ns;
    uint64_t socket_ns;             /* when its bytes went to the socket, 0 = not in this run */
    uint64_t reserved_value_e4;     /* what this order holds in its exposures and usages */
    uint32_t reserved_shares;
    uint32_t price_e4;
    uint32_t quantity;              /* total liable of the chain, as the venue counts it */
    uint32_t executed;              /* of the chain, as the venue counts it: broken fills stay in */
    uint32_t broken;
    uint32_t leaves;
    uint32_t urn, soup_seq;
    uint32_t parent;                /* table index of the order that this one replaces or replaced */
    uint32_t child;                 /* of the replacement on its way */
    uint32_t successor;             /* of the order that took over */
    uint32_t asked_quantity, asked_price_e4; /* content of the client's command, for idempotency */
    uint32_t same_price_e4;         /* limit as first sent, for the duplicate check */
    uint32_t exposure[3];           /* firm, account and agent exposure of the symbol */
    uint32_t venue_next, venue_prev; /* open orders of the venue */
    uint32_t side_next, side_prev;  /* open orders of account, symbol and side */
    uint32_t same_next;             /* older order whose content falls in the same bucket */
    uint16_t account, agent, symbol_id, reason, flags;
    uint8_t venue, state, cancel, asked_type, asked_kind, asked_tif;
    char side;                      /* B S T E as on the wire */
    char tif, liquidity, cancel_reason;
    uint8_t listed;                 /* in the two lists of open orders */
    uint8_t counted;                /* in the usages' open orders */
    uint8_t condition;              /* of an order that was armed, for idempotency and for its records; else 0 */
    uint32_t trigger_e4;
    uint64_t expire_ns;
    char symbol[8];
    char client_order_id[40];
};

/* Open addressing. A slot is the upper half of the key's hash and the table position + 1; 0 = empty. The hash half
 * spares a look at the order (a cache miss) where another key sits in the way. */
struct fp_order_index {
    uint64_t *slots;
    uint32_t mask;
};

struct fp_order_table {
    struct fp_order *orders;
    uint32_t count, capacity;
    struct fp_order_index by_id, by_client, by_urn, by_ref;
};

/* For table slots: one multiplication, its high bits folded onto the low ones. */
static inline uint64_t fp_hash64(uint64_t x) {
    x *= 0x9E3779B97F4A7C15u;
    return x ^ x >> 32;
}

/* For sums that must not collide: every input bit reaches every output bit. */
static inline uint64_t fp_mix64(uint64_t x) {
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    return x ^ x >> 32;
}

static inline void fp_index_put(struct fp_order_index *index, uint64_t hash, uint32_t at) {
    uint32_t slot = (uint32_t)hash & index->mask;
    while (index->slots[slot])
        slot = (slot + 1) & index->mask;
    index->slots[slot] = (hash & 0xFFFFFFFF00000000u) | (at + 1);
}
/* Walk the positions that may hold the key: `at` is one of them until an empty slot ends the walk. */
#define FP_INDEX_EACH(index, hash, at)                                                                        \
    for (uint32_t slot_ = (uint32_t)(hash) & (index).mask, at; (index).slots[slot_]; slot_ = (slot_ + 1) & (index).mask) \
        if ((at = (uint32_t)(index).slots[slot_] - 1, (((index).slots[slot_] ^ (hash)) >> 32) == 0))

/* Slots of an index for n keys: a power of two, at most half full. */
uint32_t fp_index_slots(uint32_t keys);
/* Bytes the table takes out of the caller's block, and taking them (memory must be zeroed, 8-byte aligned). */
size_t fp_table_size(uint32_t capacity);
void fp_table_init(struct fp_order_table *table, void *memory, uint32_t capacity);

/* A new order at the end, zeroed, its links empty; NULL when the table is full. */
struct fp_order *fp_table_add(struct fp_order_table *table);
/* Enter a finished-looking order in the indices by its id and client id. */
void fp_table_index(struct fp_order_table *table, const struct fp_order *order);
void fp_table_index_urn(struct fp_order_table *table, const struct fp_order *order);
/* Give the order its (new) exchange reference and index it. */
void fp_table_set_ref(struct fp_order_table *table, struct fp_order *order, uint64_t exchange_ref);

/* Each NULL when there is none. */
struct fp_order *fp_table_by_id(const struct fp_order_table *table, uint64_t order_id);
struct fp_order *fp_table_by_client(const struct fp_order_table *table, uint16_t account, const char client_order_id[40]);
struct fp_order *fp_table_by_urn(const struct fp_order_table *table, uint8_t venue, uint32_t urn);
struct fp_order *fp_table_by_ref(const struct fp_order_table *table, uint8_t venue, uint64_t exchange_ref);

static inline uint32_t fp_table_at(const struct fp_order_table *table, const struct fp_order *order) {
    return (uint32_t)(order - table->orders);
}
static inline int fp_order_open(const struct fp_order *order) {
    return order->state == FP_OS_SENT || order->state == FP_OS_LIVE || order->state == FP_OS_ARMED;
}

/* The 14 bytes of ClOrdID carry the engine's id: a tag and 13 digits of base 32. */
void fp_clordid_put(uint64_t order_id, char out[14]);
/* 0 and the id, or FP_E_NOT_OURS. */
int fp_clordid_get(const char text[14], uint64_t *order_id);

#endif
