// sources: fastpath/core/book/orders.c
/* The reference table alone, against a plain list: rising references with survivors, any
 * u64, pages that change owner again and again, and a table that is always full. */
#include "check.h"
#include "book/orders.h"
#include <stdlib.h>

enum { CAPACITY = 300 };

static struct fp_orders orders;
static uint64_t refs[CAPACITY];
static uint32_t quantities[CAPACITY], count;
static uint64_t seed;

static uint64_t next(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 11 ^ seed << 40;
}

static void open_table(void) {
    uint64_t window = fp_orders_window(CAPACITY), entries = fp_orders_entries(CAPACITY);
    free(orders.slots);
    free(orders.pages);
    free(orders.entries);
    orders = (struct fp_orders){.slot_mask = window - 1, .page_mask = window / FP_ORDER_PAGE - 1, .entry_mask = entries - 1, .seed = 12345, .capacity = CAPACITY};
    orders.slots = calloc(window, sizeof *orders.slots);
    orders.pages = calloc(window / FP_ORDER_PAGE, sizeof *orders.pages);
    orders.entries = calloc(entries, sizeof *orders.entries);
    count = 0;
    seed = 7;
}

static uint32_t listed(uint64_t ref) {
    for (uint32_t i = 0; i < count; i++)
        if (refs[i] == ref)
            return quantities[i];
    return 0;
}

static void put(uint64_t ref) {
    if (listed(ref) || count == CAPACITY)
        return;
    uint32_t quantity = 1 + (uint32_t)(next() >> 40);
    CHECK(!fp_orders_find(&orders, ref));
    fp_orders_insert(&orders, ref, quantity, (uint32_t)ref);
    refs[count] = ref;
    quantities[count++] = quantity;
}

static void end(uint32_t i) {
    struct fp_order *order = fp_orders_find(&orders, refs[i]);
    CHECK(order && order->quantity == quantities[i] && order->level == (uint32_t)refs[i]);
    if (order)
        fp_orders_remove(&orders, refs[i], order);
    CHECK(!fp_orders_find(&orders, refs[i]));
    refs[i] = refs[--count];
    quantities[i] = quantities[count];
}

static void compare(void) {
    CHECK_EQ(orders.live, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct fp_order *order = fp_orders_find(&orders, refs[i]);
        CHECK(order && order->quantity == quantities[i]);
    }
    uint64_t stranger = next();
    CHECK_EQ(fp_orders_find(&orders, stranger) != NULL, listed(stranger) != 0);
}

/* 500 windows go by; a third of the orders lives on and on. */
static void rising_references(void) {
    open_table();
    uint64_t ref = 1, last = 500 * (orders.slot_mask + 1);
    while (ref < last) {
        ref += 1 + next() % 200;
        put(ref);
        if (count > CAPACITY / 2 || next() % 3 == 0)
            end((uint32_t)(count - 1 - next() % (count < 8 ? count : 8)));
        if (count == CAPACITY || next() % 900 == 0) {
            compare();
            while (count > CAPACITY / 3)
                end((uint32_t)(next() % count));
        }
    }
    CHECK(orders.in_hash > 0);
    while (count)
        end(count - 1);
    CHECK_EQ(orders.in_hash, 0);
    CHECK_EQ(orders.live, 0);
}

/* References from everywhere, those that share a page's place above all. */
static void hostile_references(void) {
    open_table();
    uint64_t window = orders.slot_mask + 1;
    for (int i = 0; i < 200000; i++) {
        uint64_t pick = next();
        uint64_t ref = pick % 4 == 0 ? next() : pick % 4 == 1 ? (next() % 64) * window + next() % 4 : pick % 4 == 2 ? UINT64_MAX - next() % 3000 : next() % 2000;
        if (count && (count == CAPACITY || next() % 2))
            end((uint32_t)(next() % count));
        else
            put(ref);
        if (i % 997 == 0)
            compare();
    }
    compare();
    CHECK(orders.peak > CAPACITY / 10);
}

static void always_full(void) {
    open_table();
    for (uint64_t i = 0; i < CAPACITY; i++)
        put(i * 0x0123456789abcdefu);
    CHECK_EQ(count, CAPACITY);
    for (int i = 0; i < 20000; i++) {
        end((uint32_t)(next() % count));
        while (count < CAPACITY)
            put(next());
    }
    compare();
    fp_orders_clear(&orders);
    count = 0;
    compare();
    for (uint64_t i = 0; i < CAPACITY; i++)
        put(i);
    compare();
}

int main(void) {
    RUN(rising_references);
    RUN(hostile_references);
    RUN(always_full);
    free(orders.slots);
    free(orders.pages);
    free(orders.entries);
    return check_done();
}
