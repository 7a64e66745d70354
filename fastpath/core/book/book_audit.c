/* fp_book_validate: recount everything from the orders up and compare. For tests and
 * post-mortems; slow, and never called for a message. The recount needs no memory of
 * its own: each level has two scratch fields for it. */
#include "state.h"

#define REQUIRE(condition)          \
    do {                            \
        if (!(condition))           \
            return FP_E_CORRUPT;    \
    } while (0)

static int count_order(const struct fp_ladders *pool, struct fp_order order) {
    REQUIRE(order.level && order.level < pool->level_next && pool->levels[order.level].used);
    pool->levels[order.level].audit_shares += order.quantity;
    pool->levels[order.level].audit_orders++;
    return 0;
}

static int audit_orders(const struct fp_book *book) {
    const struct fp_orders *orders = &book->orders;
    uint64_t live = 0;
    uint32_t hashed = 0;
    for (uint64_t i = 0; i <= orders->page_mask; i++) {
        const struct fp_order_page *page = &orders->pages[i];
        uint32_t found = 0;
        if (!page->live)
            continue; /* empty slots are checked when their page is in use */
        REQUIRE(page->tag && ((page->tag - 1) & orders->page_mask) == i);
        for (uint32_t k = 0; k < FP_ORDER_PAGE; k++) {
            struct fp_order order = orders->slots[(i << FP_ORDER_PAGE_BITS) + k];
            if (!order.quantity)
                continue;
            found++;
            REQUIRE(!count_order(&book->ladders, order));
        }
        REQUIRE(found == page->live);
        live += found;
    }
    for (uint64_t i = 0; i <= orders->entry_mask; i++) {
        const struct fp_order_entry *entry = &orders->entries[i];
        if (!entry->order.quantity)
            continue;
        hashed++;
        REQUIRE(!count_order(&book->ladders, entry->order));
        REQUIRE(fp_orders_find(orders, entry->ref) == &entry->order);
    }
    REQUIRE(hashed == orders->in_hash && live + hashed == orders->live);
    REQUIRE(orders->live <= orders->peak && orders->peak <= orders->capacity);
    return 0;
}

static int audit_ladder(const struct fp_book *book, uint16_t locate, uint8_t side, uint32_t *levels) {
    const struct fp_symbol *symbol = &book->symbols[locate];
    const struct fp_ladder *ladder = &symbol->side[side];
    const struct fp_ladders *pool = &book->ladders;
    uint32_t before = 0;
    for (uint32_t i = 0; i < ladder->count; i++) {
        const struct fp_rung *rung = fp_ladder_at(pool, ladder, i);
        REQUIRE(rung->level && rung->level < pool->level_next);
        const struct fp_price_level *level = &pool->levels[rung->level];
        REQUIRE(level->used && level->locate == locate && level->side == side);
        REQUIRE(level->price_e4 && level->price_e4 <= FP_PRICE_MAX_E4 && rung->key == fp_ladder_key(side, level->price_e4));
        REQUIRE(level->orders && level->orders == level->audit_orders && level->shares == level->audit_shares);
        REQUIRE(!i || rung->key > before);
        before = rung->key;
    }
    *levels += ladder->count;
    uint64_t shares = side == FP_BID ? symbol->bbo.bid_shares : symbol->bbo.ask_shares;
    uint32_t price_e4 = side == FP_BID ? symbol->bbo.bid_e4 : symbol->bbo.ask_e4;
    if (!ladder->count) {
        REQUIRE(!ladder->best && !ladder->root && !ladder->back && !price_e4 && !shares);
        return 0;
    }
    const struct fp_rung *best = fp_ladder_at(pool, ladder, ladder->count - 1);
    REQUIRE(best->level == ladder->best && best->key == ladder->best_key);
    REQUIRE(pool->levels[best->level].price_e4 == price_e4 && pool->levels[best->level].shares == shares);
    return 0;
}

int fp_book_validate(const struct fp_book *book) {
    const struct fp_ladders *pool = &book->ladders;
    uint32_t levels = 0, announced = 0, free_levels = 0;
    for (uint32_t id = 1; id < pool->level_next; id++) {
        pool->levels[id].audit_shares = 0;
        pool->levels[id].audit_orders = 0;
        free_levels += !pool->levels[id].used;
    }
    REQUIRE(!audit_orders(book));
    for (uint32_t locate = 0; locate < FP_BOOK_LOCATES; locate++) {
        const struct fp_symbol *symbol = &book->symbols[locate];
        announced += symbol->announced;
        REQUIRE(!audit_ladder(book, (uint16_t)locate, FP_BID, &levels));
        REQUIRE(!audit_ladder(book, (uint16_t)locate, FP_ASK, &levels));
    }
    REQUIRE(levels == pool->levels_used && levels + free_levels == pool->level_next - 1);
    REQUIRE(announced == book->stats.locates);
    REQUIRE(pool->levels[0].price_e4 == 0 && pool->levels[0].shares == 0);
    for (uint32_t id = pool->level_free; id; id = pool->levels[id].price_e4) {
        REQUIRE(id < pool->level_next && !pool->levels[id].used && free_levels);
        free_levels--;
    }
    REQUIRE(!free_levels);
    return 0;
}
