/* The book's life cycle (size, init, clear, stale marks) and its questions (instrument,
 * BBO, depth, order, statistics). Nothing here is on the path of a message. */
#include "state.h"
#include <string.h>

/* Where the parts of one block begin, and its size. Every part starts a cache line. */
struct plan {
    size_t symbols, instruments, slots, pages, entries, levels, blocks, size;
    uint64_t window, hash;
    uint32_t block_count;
};

static int config_ok(const struct fp_book_config *config) {
    uint32_t most = 1u << 30;
    return config && config->max_orders && config->max_levels && config->max_orders <= most && config->max_levels <= most;
}

static size_t part(size_t *size, uint64_t bytes) {
    size_t begin = *size;
    *size = (begin + bytes + 63) & ~(size_t)63;
    return begin;
}

static struct plan make_plan(const struct fp_book_config *config) {
    struct plan plan = {.window = fp_orders_window(config->max_orders), .hash = fp_orders_entries(config->max_orders)};
    plan.block_count = fp_ladder_blocks(config->max_levels);
    part(&plan.size, sizeof(struct fp_book));
    plan.symbols = part(&plan.size, FP_BOOK_LOCATES * sizeof(struct fp_symbol));
    plan.instruments = part(&plan.size, FP_BOOK_LOCATES * sizeof(struct fp_instrument));
    plan.pages = part(&plan.size, plan.window / FP_ORDER_PAGE * sizeof(struct fp_order_page));
    plan.slots = part(&plan.size, plan.window * sizeof(struct fp_order));
    plan.entries = part(&plan.size, plan.hash * sizeof(struct fp_order_entry));
    plan.levels = part(&plan.size, (uint64_t)(config->max_levels + 1) * sizeof(struct fp_price_level));
    plan.blocks = part(&plan.size, (uint64_t)(plan.block_count + 1) * sizeof(union fp_ladder_block));
    return plan;
}

size_t fp_book_size(const struct fp_book_config *config) {
    return config_ok(config) ? make_plan(config).size : 0;
}

int fp_book_init(struct fp_book *book, const struct fp_book_config *config) {
    if (!book || !config_ok(config) || (uintptr_t)book % 64)
        return FP_E_BAD_CONFIG;
    struct plan plan = make_plan(config);
    char *base = (char *)book;
    *book = (struct fp_book){
        .midnight_ns = config->midnight_ns,
        .symbols = (struct fp_symbol *)(base + plan.symbols),
        .instruments = (struct fp_instrument *)(base + plan.instruments),
        .venue = config->venue,
        .config = *config,
        .orders = {
            .slots = (struct fp_order *)(base + plan.slots),
            .pages = (struct fp_order_page *)(base + plan.pages),
            .entries = (struct fp_order_entry *)(base + plan.entries),
            .slot_mask = plan.window - 1,
            .page_mask = plan.window / FP_ORDER_PAGE - 1,
            .entry_mask = plan.hash - 1,
            .seed = (uint64_t)(uintptr_t)book * 0x9e3779b97f4a7c15u, /* differs from run to run; only speed depends on it */
            .capacity = config->max_orders,
        },
        .ladders = {
            .levels = (struct fp_price_level *)(base + plan.levels),
            .blocks = (union fp_ladder_block *)(base + plan.blocks),
            .level_next = 1,
            .level_end = config->max_levels + 1,
            .block_next = 1,
            .block_end = plan.block_count + 1,
        },
    };
    for (uint32_t locate = 0; locate < FP_BOOK_LOCATES; locate++)
        book->symbols[locate].flags = FP_EF_HALTED; /* until the venue says T */
    return 0;
}

const struct fp_instrument *fp_book_instrument(const struct fp_book *book, uint16_t locate) {
    return locate < book->locate_end ? &book->instruments[locate] : &book->unseen;
}

const struct fp_bbo *fp_book_bbo(const struct fp_book *book, uint16_t locate) {
    return &book->symbols[locate].bbo;
}

int fp_book_depth(const struct fp_book *book, uint16_t locate, char side, struct fp_level *out, int max) {
    if (side != 'B' && side != 'S')
        return FP_E_BAD_FIELD;
    const struct fp_ladder *ladder = &book->symbols[locate].side[fp_side_index(side)];
    int written = 0;
    for (uint32_t left = ladder->count; left && written < max; left--, written++) {
        const struct fp_price_level *level = &book->ladders.levels[fp_ladder_at(&book->ladders, ladder, left - 1)->level];
        out[written] = (struct fp_level){.shares = level->shares, .price_e4 = level->price_e4, .orders = level->orders};
    }
    return written;
}

int fp_book_order(const struct fp_book *book, uint64_t ref, uint16_t *locate, char *side, uint32_t *price_e4, uint32_t *shares) {
    const struct fp_order *order = fp_orders_find(&book->orders, ref);
    if (!order)
        return FP_E_NOT_FOUND;
    const struct fp_price_level *level = &book->ladders.levels[order->level];
    *locate = level->locate;
    *side = level->side == FP_ASK ? 'S' : 'B';
    *price_e4 = level->price_e4;
    *shares = order->quantity;
    return 0;
}

void fp_book_set_stale(struct fp_book *book, uint16_t locate, int stale) {
    if (locate) {
        struct fp_symbol *symbol = &book->symbols[locate];
        fp_book_see_locate(book, locate);
        struct fp_instrument *instrument = &book->instruments[locate];
        symbol->flags = (uint16_t)(stale ? symbol->flags | FP_EF_STALE : symbol->flags & ~FP_EF_STALE);
        instrument->stale = (uint8_t)(stale ? instrument->stale | FP_STALE_BOOK : instrument->stale & ~FP_STALE_BOOK);
        return;
    }
    book->flags = stale ? FP_EF_STALE : 0;
    book->unseen.stale = stale ? FP_STALE_VENUE : 0;
    for (uint32_t i = 0; i < book->locate_end; i++)
        book->instruments[i].stale = (uint8_t)(stale ? book->instruments[i].stale | FP_STALE_VENUE : book->instruments[i].stale & ~FP_STALE_VENUE);
}

void fp_book_clear(struct fp_book *book) {
    fp_orders_clear(&book->orders);
    fp_ladders_clear(&book->ladders);
    for (uint32_t i = 0; i < FP_BOOK_LOCATES; i++) {
        struct fp_symbol *symbol = &book->symbols[i];
        struct fp_bbo *bbo = &symbol->bbo;
        if (bbo->bid_e4 || bbo->ask_e4)
            symbol->flags |= FP_EF_BBO_CHANGED;
        symbol->flags &= (uint16_t)~FP_EF_STALE;
        book->instruments[i].stale &= (uint8_t)~FP_STALE_BOOK;
        symbol->side[FP_BID] = symbol->side[FP_ASK] = (struct fp_ladder){0};
        *bbo = (struct fp_bbo){.last_price_e4 = bbo->last_price_e4, .last_shares = bbo->last_shares, .last_ns = bbo->last_ns};
    }
}

void fp_book_stats(const struct fp_book *book, struct fp_book_stats *out) {
    *out = book->stats;
    out->live_orders = book->orders.live;
    out->peak_orders = book->orders.peak;
    out->levels = book->ladders.levels_used;
}
