/* The cold half of the order references: pages changing owner, and the hash of
 * orders that the window no longer (or never) covers. The hash is seeded, so a
 * sender of references cannot pile them up in one place; it never rehashes. */
#include "orders.h"
#include <string.h>

static uint64_t power_of_two(uint64_t least) {
    uint64_t n = 1;
    while (n < least)
        n <<= 1;
    return n;
}

uint64_t fp_orders_window(uint32_t capacity) {
    uint64_t window = power_of_two((uint64_t)capacity * FP_ORDER_WINDOW_FACTOR);
    return window < FP_ORDER_PAGE ? FP_ORDER_PAGE : window;
}

uint64_t fp_orders_entries(uint32_t capacity) {
    return power_of_two((uint64_t)capacity * 2);
}

/* Where a reference would like to be. */
static uint64_t home(const struct fp_orders *orders, uint64_t ref) {
    uint64_t x = ref ^ orders->seed;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    x = (x ^ x >> 29) * 0x9fb21c651e98df25u;
    return (x ^ x >> 32) & orders->entry_mask;
}

struct fp_order *fp_orders_find_hashed(const struct fp_orders *orders, uint64_t ref) {
    for (uint64_t i = home(orders, ref);; i = (i + 1) & orders->entry_mask) {
        struct fp_order_entry *entry = &orders->entries[i];
        if (!entry->order.quantity)
            return NULL;
        if (entry->ref == ref)
            return &entry->order;
    }
}

static void insert_hashed(struct fp_orders *orders, uint64_t ref, struct fp_order order) {
    uint64_t i = home(orders, ref);
    while (orders->entries[i].order.quantity)
        i = (i + 1) & orders->entry_mask;
    orders->entries[i] = (struct fp_order_entry){ref, order};
    orders->in_hash++;
}

/* Close the hole by moving back every entry that may live in it: no tombstones, so a
 * long day does not slow the table down. */
void fp_orders_remove_hashed(struct fp_orders *orders, struct fp_order *order) {
    uint64_t mask = orders->entry_mask;
    uint64_t hole = (uint64_t)((struct fp_order_entry *)((char *)order - offsetof(struct fp_order_entry, order)) - orders->entries);
    for (uint64_t i = (hole + 1) & mask; orders->entries[i].order.quantity; i = (i + 1) & mask) {
        if (((i - home(orders, orders->entries[i].ref)) & mask) >= ((i - hole) & mask)) {
            orders->entries[hole] = orders->entries[i];
            hole = i;
        }
    }
    orders->entries[hole].order.quantity = 0;
    orders->in_hash--;
}

/* Move a page's survivors to the hash; the page is empty afterwards. */
static void evacuate(struct fp_orders *orders, struct fp_order_page *page) {
    uint64_t first = (page->tag - 1) << FP_ORDER_PAGE_BITS;
    struct fp_order *slots = &orders->slots[first & orders->slot_mask];
    for (uint32_t i = 0; page->live; i++) {
        if (slots[i].quantity) {
            insert_hashed(orders, first + i, slots[i]);
            slots[i].quantity = 0;
            page->live--;
        }
    }
}

void fp_orders_insert_slow(struct fp_orders *orders, uint64_t ref, uint32_t quantity, uint32_t level) {
    struct fp_order_page *page = fp_orders_page(orders, ref);
    struct fp_order order = {quantity, level};
    uint64_t tag = (ref >> FP_ORDER_PAGE_BITS) + 1;
    if (page->tag > tag) {
        insert_hashed(orders, ref, order);
        return;
    }
    if (page->tag < tag) {
        evacuate(orders, page);
        page->tag = tag;
    }
    orders->slots[ref & orders->slot_mask] = order;
    page->live++;
}

void fp_orders_clear(struct fp_orders *orders) {
    for (uint64_t i = 0; i <= orders->page_mask; i++) {
        if (orders->pages[i].live)
            memset(&orders->slots[i << FP_ORDER_PAGE_BITS], 0, FP_ORDER_PAGE * sizeof *orders->slots);
        orders->pages[i] = (struct fp_order_page){0};
    }
    if (orders->in_hash)
        memset(orders->entries, 0, (orders->entry_mask + 1) * sizeof *orders->entries);
    orders->in_hash = orders->live = 0;
}
