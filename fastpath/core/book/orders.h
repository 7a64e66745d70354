/* Order references: which live order a u64 reference names, in 8 bytes an order.
 *
 * References rise with time, so a window over the newest ones is indexed directly
 * (slot = reference modulo window, no probing). The window consists of pages; a page
 * taken over by newer references hands its few survivors to a small hash table. Any
 * u64 works, in any order: what the window does not hold, the hash holds.
 *
 * It never allocates, never scans more than one page, and knows no prices. */
#ifndef FP_BOOK_ORDERS_H
#define FP_BOOK_ORDERS_H
#include <stddef.h>
#include <stdint.h>

enum {
    FP_ORDER_PAGE_BITS = 9,
    FP_ORDER_PAGE = 1 << FP_ORDER_PAGE_BITS, /* references of one page: 4 KB of orders */
    FP_ORDER_WINDOW_FACTOR = 8               /* references in the window, per order of capacity */
};

/* quantity 0: no order here. */
struct fp_order {
    uint32_t quantity, level;
};

/* Who owns a page of the window. tag rises only, which gives the rule the whole table
 * rests on: an order whose page number is below the tag is in the hash, one at the tag
 * is in the window, one above it does not exist. */
struct fp_order_page {
    uint64_t tag; /* page number + 1, 0 = never used */
    uint32_t live, reserved;
};

struct fp_order_entry {
    uint64_t ref;
    struct fp_order order;
};

struct fp_orders {
    struct fp_order *slots;
    struct fp_order_page *pages;
    struct fp_order_entry *entries; /* open addressing, at most half full */
    uint64_t slot_mask, page_mask, entry_mask, seed;
    uint32_t live, peak, capacity, in_hash;
};

/* References in the window / entries in the hash for a capacity; both powers of two. */
uint64_t fp_orders_window(uint32_t capacity);
uint64_t fp_orders_entries(uint32_t capacity);

/* Cold halves of the functions below. */
struct fp_order *fp_orders_find_hashed(const struct fp_orders *orders, uint64_t ref);
void fp_orders_insert_slow(struct fp_orders *orders, uint64_t ref, uint32_t quantity, uint32_t level);
void fp_orders_remove_hashed(struct fp_orders *orders, struct fp_order *order);
void fp_orders_clear(struct fp_orders *orders);

static inline struct fp_order_page *fp_orders_page(const struct fp_orders *orders, uint64_t ref) {
    return &orders->pages[ref >> FP_ORDER_PAGE_BITS & orders->page_mask];
}

/* The live order of a reference, or NULL. Valid until the next insert or remove. */
static inline struct fp_order *fp_orders_find(const struct fp_orders *orders, uint64_t ref) {
    uint64_t tag = (ref >> FP_ORDER_PAGE_BITS) + 1, owner = fp_orders_page(orders, ref)->tag;
    if (__builtin_expect(owner == tag, 1)) {
        struct fp_order *order = &orders->slots[ref & orders->slot_mask];
        return order->quantity ? order : NULL;
    }
    return owner > tag && orders->in_hash ? fp_orders_find_hashed(orders, ref) : NULL;
}

/* The caller has checked that ref is not live and that live < capacity; quantity > 0. */
static inline void fp_orders_insert(struct fp_orders *orders, uint64_t ref, uint32_t quantity, uint32_t level) {
    struct fp_order_page *page = fp_orders_page(orders, ref);
    orders->live++;
    orders->peak = orders->live > orders->peak ? orders->live : orders->peak;
    if (__builtin_expect(page->tag != (ref >> FP_ORDER_PAGE_BITS) + 1, 0)) {
        fp_orders_insert_slow(orders, ref, quantity, level);
        return;
    }
    struct fp_order *order = &orders->slots[ref & orders->slot_mask];
    order->quantity = quantity;
    order->level = level;
    page->live++;
}

/* order is what fp_orders_find(orders, ref) returned. */
static inline void fp_orders_remove(struct fp_orders *orders, uint64_t ref, struct fp_order *order) {
    struct fp_order_page *page = fp_orders_page(orders, ref);
    orders->live--;
    if (__builtin_expect(page->tag != (ref >> FP_ORDER_PAGE_BITS) + 1, 0)) {
        fp_orders_remove_hashed(orders, order);
        return;
    }
    order->quantity = 0;
    page->live--;
}

#endif
