/* Books from event records; see mirror.h. */
#include "mirror.h"
#include "event_out.h"
#include "memory.h"
#include <stdlib.h>

int fp_mirror_open(struct fp_mirror *mirror) {
    memset(mirror, 0, sizeof *mirror);
    mirror->books = fp_memory_map(FP_MIRROR_LOCATES * sizeof *mirror->books, FP_MEMORY_LAZY);
    mirror->symbols = fp_memory_map(sizeof *mirror->symbols, FP_MEMORY_LAZY);
    return mirror->books && mirror->symbols ? 0 : FP_E_NO_MEMORY;
}

void fp_mirror_close(struct fp_mirror *mirror) {
    for (uint32_t i = 0; mirror->books && i < mirror->locate_end; i++) {
        free(mirror->books[i].side[0].levels);
        free(mirror->books[i].side[1].levels);
        free(mirror->books[i].trades);
    }
    fp_memory_unmap(mirror->books, FP_MIRROR_LOCATES * sizeof *mirror->books);
    fp_memory_unmap(mirror->symbols, sizeof *mirror->symbols);
    memset(mirror, 0, sizeof *mirror);
}

static void forget_levels(struct fp_mirror_book *book) {
    book->side[0].count = book->side[1].count = 0;
}

void fp_mirror_lose(struct fp_mirror *mirror, uint64_t sequence) {
    if (sequence > mirror->seq + 1) mirror->lost += sequence - mirror->seq - 1;
    mirror->desync = 1;
    for (uint32_t i = 0; i < mirror->locate_end; i++) {
        mirror->books[i].desync = 1;
        forget_levels(&mirror->books[i]);
    }
}

/* ---- levels ---- */

/* Where the price is, or where it belongs. ask: prices fall towards the end, else they rise. */
static uint32_t place_of(const struct fp_mirror_side *side, int ask, uint32_t price_e4) {
    uint32_t low = 0, high = side->count;
    /* Most changes are within a few levels of the best, at the end. */
    for (uint32_t step = 0; step < 4 && high; step++) {
        uint32_t at = side->levels[high - 1].price_e4;
        if (at == price_e4) return high - 1;
        if (ask ? at > price_e4 : at < price_e4) return high;
        high--;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, at = side->levels[middle].price_e4;
        if (ask ? at > price_e4 : at < price_e4) low = middle + 1;
        else high = middle;
    }
    return low;
}

static int grow(struct fp_mirror_side *side) {
    uint32_t room = side->room ? side->room * 2 : 16;
    struct fp_mirror_level *levels = realloc(side->levels, room * sizeof *levels);
    if (!levels) return -1;
    side->levels = levels;
    side->room = room;
    return 0;
}

static void no_memory(struct fp_mirror *mirror, struct fp_mirror_book *book) {
    mirror->no_memory++;
    book->desync = 1;
    forget_levels(book);
}

/* The two records disagree: only a fresh copy helps. */
static void inconsistent(struct fp_mirror *mirror, struct fp_mirror_book *book) {
    mirror->inconsistent++;
    mirror->desync = 1;
    book->desync = 1;
    forget_levels(book);
}

static void add(struct fp_mirror *mirror, struct fp_mirror_book *book, int ask, uint32_t price_e4, uint64_t shares, uint32_t orders) {
    struct fp_mirror_side *side = &book->side[ask];
    uint32_t i = place_of(side, ask, price_e4);
    if (i == side->count || side->levels[i].price_e4 != price_e4) {
        if (side->count == side->room && (mirror->fixed || grow(side) != 0)) {
            no_memory(mirror, book);
            return;
        }
        memmove(&side->levels[i + 1], &side->levels[i], (side->count - i) * sizeof *side->levels);
        side->levels[i] = (struct fp_mirror_level){.price_e4 = price_e4};
        side->count++;
    }
    side->levels[i].shares += shares;
    side->levels[i].orders += orders;
}

static void take(struct fp_mirror *mirror, struct fp_mirror_book *book, int ask, uint32_t price_e4, uint32_t shares, int done) {
    struct fp_mirror_side *side = &book->side[ask];
    uint32_t i = place_of(side, ask, price_e4);
    struct fp_mirror_level *level = &side->levels[i];
    if (i == side->count || level->price_e4 != price_e4 || level->shares < shares || (done && !level->orders)) {
        inconsistent(mirror, book);
        return;
    }
    level->shares -= shares;
    level->orders -= (uint32_t)done;
    if ((level->shares == 0) != (level->orders == 0)) {
        inconsistent(mirror, book);
        return;
    }
    if (level->orders) return;
    side->count--;
    memmove(level, level + 1, (side->count - i) * sizeof *level);
}

/* ---- prints ---- */

static void print(struct fp_mirror *mirror, struct fp_mirror_book *book, const struct fp_event *event) {
    book->last_price_e4 = event->price_e4;
    book->last_shares = event->shares;
    book->last_ns = event->venue_ns;
    if (mirror->fixed) return;
    if (!book->trades && !(book->trades = calloc(1, sizeof *book->trades))) {
        mirror->no_memory++;
        return;
    }
    struct fp_mirror_trades *trades = book->trades;
    trades->ring[trades->next] = (struct fp_mirror_trade){.seq = event->seq, .venue_ns = event->venue_ns, .rx_ns = event->rx_ns, .match_number = event->ref, .price_e4 = event->price_e4, .shares = event->shares, .resting_side = event->flags & FP_EF_SELL ? 'S' : 'B'};
    trades->next = (trades->next + 1) % FP_MIRROR_TRADES;
    if (trades->count < FP_MIRROR_TRADES) trades->count++;
}

/* A broken trade never happened: take it out of the list. */
static void broken(struct fp_mirror_book *book, uint64_t match_number) {
    struct fp_mirror_trades *trades = book->trades;
    if (!trades) return;
    uint32_t first = (trades->next + FP_MIRROR_TRADES - trades->count) % FP_MIRROR_TRADES, kept = 0;
    for (uint32_t i = 0; i < trades->count; i++) {
        struct fp_mirror_trade trade = trades->ring[(first + i) % FP_MIRROR_TRADES];
        if (trade.match_number != match_number) trades->ring[(first + kept++) % FP_MIRROR_TRADES] = trade;
    }
    trades->count = kept;
    trades->next = (first + kept) % FP_MIRROR_TRADES;
}

/* ---- records ---- */

static void learn(struct fp_mirror *mirror, struct fp_mirror_book *book, const struct fp_event *event) {
    if (!book->symbol[0]) mirror->symbol_count++;
    memcpy(book->symbol, &event->ref, 8);
    fp_symbol_set(mirror->symbols, book->symbol, event->locate);
    book->round_lot = event->price_e4;
    book->trading_state = (char)(event->shares & 0xff);
    book->reg_sho = (char)(event->shares >> 8 & 0xff);
}

static void begin_book(struct fp_mirror_book *book, const struct fp_event *event) {
    forget_levels(book);
    book->desync = event->flags & FP_EF_OVERFLOW ? 1 : 0;
    book->stale = event->flags & FP_EF_STALE ? 1 : 0;
    book->last_ns = event->ref;
    book->last_price_e4 = event->price_e4;
    book->last_shares = event->shares;
    uint8_t kind = book->top.kind ? book->top.kind : FP_EV_DIRECTORY;
    book->top = *event;
    book->top.kind = kind;
    book->top.ref = book->top.price_e4 = book->top.shares = 0;
}

static void venue_wide(struct fp_mirror *mirror, const struct fp_event *event) {
    switch (event->kind) {
    case FP_EV_GAP: mirror->gap_open = 1; break;
    case FP_EV_GAP_FILLED: mirror->gap_open = 0; break;
    case FP_EV_GAP_LOST:
        mirror->gap_open = 0;
        mirror->gap_lost = 1;
        break;
    case FP_EV_SESSION:
        mirror->ended = event->shares == 2;
        if (mirror->ended) break;
        mirror->gap_open = mirror->gap_lost = 0;
        for (uint32_t i = 0; i < mirror->locate_end; i++) {
            forget_levels(&mirror->books[i]);
            mirror->books[i].stale = 0;
        }
        break;
    default: break;
    }
}

int fp_mirror_apply(struct fp_mirror *mirror, const struct fp_event *event) {
    mirror->seq = event->seq;
    if (event->kind == FP_PV_SYNCED) {
        mirror->desync = 0;
        return 0;
    }
    if (event->locate >= mirror->locate_end) mirror->locate_end = (uint32_t)event->locate + 1;
    struct fp_mirror_book *book = &mirror->books[event->locate];
    int ask = event->flags & FP_EF_SELL ? 1 : 0;
    switch (event->kind) {
    case FP_PV_INSTRUMENT: learn(mirror, book, event); return 0;
    case FP_PV_BOOK: begin_book(book, event); return 0;
    case FP_PV_LEVEL:
        if (!book->desync) add(mirror, book, ask, event->price_e4, event->ref, event->shares);
        return 0;
    default: break;
    }
    if (event->locate == 0) {
        venue_wide(mirror, event);
        return 0;
    }
    if (event->kind == FP_EV_STALE || event->kind == FP_EV_TABLE_FULL) book->stale = 1;
    if (!book->desync && !(event->flags & FP_EF_UNKNOWN_REF)) {
        switch (event->kind) {
        case FP_EV_ADD:
        case FP_EV_ADD_MPID:
        case FP_EV_REPLACE: add(mirror, book, ask, event->price_e4, event->shares, 1); break;
        case FP_EV_EXECUTED:
        case FP_EV_EXECUTED_PRICE:
        case FP_EV_CANCEL:
        case FP_EV_DELETE: take(mirror, book, ask, event->price_e4, event->shares, event->flags & FP_EF_ORDER_DONE ? 1 : 0); break;
        default: break;
        }
    }
    if (event->kind == FP_EV_TRADE || event->kind == FP_EV_CROSS) print(mirror, book, event);
    if (event->kind == FP_EV_BROKEN) broken(book, event->ref);
    if (event->flags & FP_EF_MORE) return 0;
    int changed = event->flags & FP_EF_BBO_CHANGED || event->bid_e4 != book->top.bid_e4 || event->ask_e4 != book->top.ask_e4;
    book->top = *event;
    return changed;
}

struct fp_mirror_book *fp_mirror_find(const struct fp_mirror *mirror, const char symbol[8]) {
    int32_t locate = fp_symbol_find(mirror->symbols, symbol);
    return locate < 0 ? NULL : &mirror->books[locate];
}

int fp_mirror_stale(const struct fp_mirror *mirror, const struct fp_mirror_book *book) {
    return mirror->gap_open || mirror->gap_lost || mirror->ended || mirror->desync || (book && (book->stale || book->desync));
}
