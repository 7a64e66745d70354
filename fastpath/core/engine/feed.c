/* A venue's packets to books and events; see feed.h. The order of things in one
 * packet: arbitration takes it, its messages are prefetched, then applied one by one,
 * each leaving numbered records on the ring. */
#include "feed.h"
#include "card_feed.h"
#include "clock.h"
#include "memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_PACKETS = 1024,
    LINE_SILENT_S = 3,    /* MoldUDP64 lines are never silent for longer than a second */
    BAD_EVENTS_PER_S = 10, /* FRAME_BAD records; the counters count every packet */
    CARD_BURST = 2,       /* packets of a line at a time: a simulated card needs long for each, and orders must not wait */
    RESYNC_SCAN = 4096    /* unannounced locates passed over at a time */
};

static uint32_t saturate(uint64_t value) {
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static const struct fp_instrument *instrument_of(const struct fp_feed *feed, uint16_t locate) {
    return feed->card ? fp_card_feed_instrument(feed, locate) : fp_book_instrument(feed->book, locate);
}

static const struct fp_bbo *bbo_of(const struct fp_feed *feed, uint16_t locate) {
    return feed->card ? fp_card_feed_bbo(feed, locate) : fp_book_bbo(feed->book, locate);
}

static uint32_t depth_of(const struct fp_feed *feed, uint16_t locate, char side, struct fp_level *out) {
    int room = (int)feed->level_room;
    return (uint32_t)(feed->card ? fp_card_feed_depth(feed, locate, side, out, room) : fp_book_depth(feed->book, locate, side, out, room));
}

/* The whole venue's books; a card is told by its switches, and its records are marked on their way. */
static void set_stale(struct fp_feed *feed, int stale) {
    if (feed->book) fp_book_set_stale(feed->book, 0, stale);
}

void fp_feed_put(struct fp_feed *feed, struct fp_event *event) {
    event->seq = ++feed->seq;
    feed->out->events++;
    if (feed->card) fp_card_feed_note(feed, event);
    if (__builtin_expect(!fp_event_put(feed->out, event), 0)) {
        feed->resync = 1;
        feed->resync_locate = 0;
    }
}

/* A record of the gateway's own: it concerns the whole venue. */
static void put_own(struct fp_feed *feed, uint8_t kind, uint64_t ref, uint64_t shares, uint32_t price_e4, uint16_t flags) {
    struct fp_event event = {.rx_ns = feed->out->now_ns, .ref = ref, .price_e4 = price_e4, .shares = saturate(shares), .venue = feed->venue, .kind = kind};
    event.flags = (uint16_t)(flags | (feed->gap_open || feed->lost || feed->ended ? FP_EF_STALE : 0) | (shares > UINT32_MAX ? FP_EF_OVERFLOW : 0));
    fp_feed_put(feed, &event);
}

static int put_instrument(struct fp_feed *feed, uint16_t locate) {
    const struct fp_instrument *instrument = instrument_of(feed, locate);
    struct fp_event record = {.seq = feed->seq, .locate = locate, .venue = feed->venue, .kind = FP_PV_INSTRUMENT, .price_e4 = instrument->round_lot};
    memcpy(&record.ref, instrument->symbol, 8);
    record.shares = (uint8_t)instrument->trading_state | (uint32_t)(uint8_t)instrument->reg_sho << 8;
    return fp_event_put(feed->out, &record);
}

void fp_feed_learn_instrument(struct fp_feed *feed, uint16_t locate) {
    const struct fp_instrument *instrument = instrument_of(feed, locate);
    if (!instrument || !instrument->symbol[0]) return;
    fp_symbol_set(feed->symbols, instrument->symbol, locate);
    if (!put_instrument(feed, locate)) {
        feed->resync = 1;
        feed->resync_locate = 0;
    }
}

/* E, C and X do not say whether they took the order's last share; the book knows. */
static int is_gone(const struct fp_feed *feed, uint64_t ref) {
    uint16_t locate;
    char side;
    uint32_t price_e4, shares;
    return fp_book_order(feed->book, ref, &locate, &side, &price_e4, &shares) != 0;
}

/* The loop's clock was read before the packet came; what the packet brings about did not happen before it. */
uint64_t fp_feed_trigger_ns(const struct fp_feed *feed, uint64_t rx_ns) {
    return rx_ns > feed->out->now_ns ? rx_ns : feed->out->now_ns;
}

static void look_again(struct fp_feed *feed) {
    if (feed->oms && fp_oms_look_again(feed->oms, feed->venue, feed->out->now_ns) > 0) feed->fired(feed->context, feed->venue);
}

static uint64_t apply(struct fp_feed *feed, const struct fp_mold_message *message) {
    static const uint16_t line_flags[FP_LINES] = {0, FP_EF_LINE_B, FP_EF_RECOVERED};
    struct fp_event events[FP_BOOK_MAX_EVENTS];
    int count = fp_book_apply(feed->book, message->data, message->length, message->rx_ns, line_flags[message->line], events);
    feed->next_sequence = message->sequence + 1;
    if (count <= 0) return 0;
    switch (events[0].kind) {
    case FP_EV_EXECUTED:
    case FP_EV_EXECUTED_PRICE:
    case FP_EV_CANCEL:
        if (!(events[0].flags & FP_EF_UNKNOWN_REF) && is_gone(feed, events[0].ref)) events[0].flags |= FP_EF_ORDER_DONE;
        break;
    case FP_EV_DELETE:
        if (!(events[0].flags & FP_EF_UNKNOWN_REF)) events[0].flags |= FP_EF_ORDER_DONE;
        break;
    case FP_EV_DIRECTORY:
    case FP_EV_TRADING_ACTION:
    case FP_EV_REG_SHO:
    case FP_EV_OPERATIONAL_HALT: fp_feed_learn_instrument(feed, events[0].locate); break;
    default: break;
    }
    for (int i = 0; i < count; i++) fp_feed_put(feed, &events[i]);
    const struct fp_event *last = &events[count - 1];
    if (feed->oms && last->flags & FP_EF_BBO_CHANGED && !feed->gap_open) { /* what fills a gap is the past: look_again decides on its end */
        const struct fp_instrument *instrument = fp_book_instrument(feed->book, last->locate);
        if (fp_oms_on_bbo(feed->oms, feed->venue, instrument->symbol, last->bid_e4, last->ask_e4, fp_feed_trigger_ns(feed, message->rx_ns)) > 0) feed->fired(feed->context, feed->venue);
    }
    return (uint64_t)count;
}

static void notice(struct fp_feed *feed, const struct fp_mold_notice *n) {
    switch (n->kind) {
    case FP_MOLD_GAP_OPEN:
        feed->gap_open = 1;
        set_stale(feed, 1);
        fp_card_orders_refresh(feed); /* what fills the gap is the past: no slot may see it */
        put_own(feed, FP_EV_GAP, n->sequence, n->count, 0, 0);
        break;
    case FP_MOLD_GAP_FILLED:
        feed->gap_open = 0;
        if (!feed->lost) set_stale(feed, 0);
        put_own(feed, FP_EV_GAP_FILLED, n->sequence, n->count, 0, 0);
        look_again(feed);
        fp_card_orders_refresh(feed); /* only now: an order that a slot has is not looked at here */
        break;
    case FP_MOLD_GAP_LOST: /* orders may be missing from the books for good: they stay stale */
        feed->gap_open = 0;
        feed->lost = 1;
        set_stale(feed, 1);
        fp_card_orders_refresh(feed);
        put_own(feed, FP_EV_GAP_LOST, n->sequence, n->count, 0, 0);
        look_again(feed); /* with a book that nothing is decided on: what it would fire ends, and is told */
        break;
    case FP_MOLD_SESSION_START:
        if (feed->started && feed->book) fp_book_clear(feed->book); /* arbitration begins one session in its life: the card never sees this */
        feed->started = 1;
        feed->ended = feed->gap_open = feed->lost = 0;
        set_stale(feed, 0);
        put_own(feed, FP_EV_SESSION, 0, 1, 0, 0);
        break;
    case FP_MOLD_SESSION_END:
        feed->ended = 1;
        set_stale(feed, 1);
        fp_card_orders_refresh(feed);
        put_own(feed, FP_EV_SESSION, 0, 2, 0, 0);
        break;
    default: break;
    }
}

/* Take everything that arbitration has ready. Returns event records made. */
static uint64_t drain(struct fp_feed *feed) {
    struct fp_mold_message message;
    struct fp_mold_notice n;
    uint64_t events = 0;
    for (int what; (what = fp_mold_rx_next(feed->rx, &message, &n)) != 0;) {
        if (what == 1) {
            events += feed->card ? fp_card_feed_take(feed, &message) : apply(feed, &message);
            continue;
        }
        if (feed->card) events += fp_card_feed_flush(feed); /* what was before it in the stream is published before it */
        notice(feed, &n);
    }
    if (feed->card) events += fp_card_feed_flush(feed);
    return events;
}

/* Start the cache misses of the whole packet, if its messages are about to be applied: first the look-ups by
 * reference, then the levels that those lead to. */
static void prefetch(const struct fp_feed *feed, const uint8_t *packet, size_t length) {
    uint64_t sequence = fp_load_be64(packet + 10);
    uint16_t count = fp_load_be16(packet + 18);
    if (count < 2 || count == FP_MOLD_END_OF_SESSION || sequence > feed->next_sequence || sequence + count <= feed->next_sequence) return;
    size_t offset = FP_MOLD_HEADER_LEN;
    const uint8_t *message;
    for (int bytes; (bytes = fp_mold_next(packet, length, &offset, &message)) > 0;) fp_book_prefetch(feed->book, message, (size_t)bytes);
    offset = FP_MOLD_HEADER_LEN;
    for (int bytes; (bytes = fp_mold_next(packet, length, &offset, &message)) > 0;) fp_book_prefetch_level(feed->book, message, (size_t)bytes);
}

static void refused(struct fp_feed *feed, uint8_t line, int error) {
    if (feed->out->now_ns - feed->bad_event_ns < FP_NS_PER_S / BAD_EVENTS_PER_S) return;
    feed->bad_event_ns = feed->out->now_ns;
    put_own(feed, FP_EV_FRAME_BAD, 0, 0, (uint32_t)-error, line == FP_LINE_B ? FP_EF_LINE_B : 0);
}

static void heard(struct fp_feed *feed, uint8_t line, uint64_t rx_ns) {
    feed->line_heard_ns[line] = rx_ns;
    if (line == FP_LINE_REREQUEST) return;
    if (rx_ns > atomic_load_explicit(&feed->heard_ns, memory_order_relaxed)) atomic_store_explicit(&feed->heard_ns, rx_ns, memory_order_relaxed);
    if (!feed->line_down[line]) return;
    feed->line_down[line] = 0;
    put_own(feed, FP_EV_LINE_UP, 0, 0, 0, line == FP_LINE_B ? FP_EF_LINE_B : 0);
}

static void take_packet(struct fp_feed *feed, uint8_t line, const struct fp_frame *frame) {
    const uint8_t *packet = frame->data + frame->payload;
    size_t length = frame->len - frame->payload;
    uint64_t rx_ns = frame->ts_ns ? frame->ts_ns : feed->out->now_ns;
    int error = fp_mold_rx_push(feed->rx, line, packet, length, rx_ns);
    if (error) refused(feed, line, error);
    else {
        heard(feed, line, rx_ns);
        if (feed->card) fp_card_feed_copy(feed, line, packet, length);
        else prefetch(feed, packet, length);
    }
    uint64_t events = drain(feed);
    fp_event_publish(feed->out);
    uint64_t now_ns = fp_clock_utc_ns();
    feed->out->now_ns = now_ns;
    fp_hist_add_span(feed->wire_to_event, rx_ns, now_ns, events);
}

int fp_feed_poll(struct fp_feed *feed) {
    struct fp_frame frames[FP_IO_BURST];
    int packets = 0;
    for (uint8_t line = 0; line < FP_LINES; line++) {
        struct fp_io *io = feed->lines[line];
        if (!io) continue;
        int count = io->rx(io, frames, feed->card ? CARD_BURST : FP_IO_BURST);
        for (int i = 0; i < count; i++) take_packet(feed, line, &frames[i]);
        if (count) io->release(io, frames, count);
        packets += count;
    }
    return packets;
}

static void watch_lines(struct fp_feed *feed, uint64_t now_ns) {
    for (uint8_t line = 0; line < 2; line++) {
        if (!feed->lines[line] || feed->line_down[line] || feed->ended) continue;
        uint64_t since = feed->line_heard_ns[line] ? feed->line_heard_ns[line] : feed->opened_ns;
        if (now_ns < since + (uint64_t)LINE_SILENT_S * FP_NS_PER_S) continue;
        feed->line_down[line] = 1;
        put_own(feed, FP_EV_LINE_DOWN, 0, 0, 0, line == FP_LINE_B ? FP_EF_LINE_B : 0);
    }
}

void fp_feed_timer(struct fp_feed *feed, uint64_t now_ns) {
    if (!feed->rx || now_ns - feed->timer_ns < FP_NS_PER_MS / 2) return;
    feed->timer_ns = now_ns;
    uint8_t request[FP_MOLD_HEADER_LEN];
    int length = fp_mold_rx_timer(feed->rx, now_ns, request);
    if (length > 0 && feed->lines[FP_LINE_REREQUEST]) {
        struct fp_frame frame = {.data = request, .len = (uint32_t)length};
        feed->lines[FP_LINE_REREQUEST]->tx(feed->lines[FP_LINE_REREQUEST], &frame, 1);
    }
    drain(feed);
    if (now_ns - feed->silence_ns >= FP_NS_PER_S / 10) {
        feed->silence_ns = now_ns;
        watch_lines(feed, now_ns);
    }
    fp_event_publish(feed->out);
}

/* One book whole, between two of its changes: the ring keeps the order. */
static int resync_book(struct fp_feed *feed, uint16_t locate) {
    struct fp_ring *ring = feed->out->ring;
    uint32_t bids = depth_of(feed, locate, 'B', feed->levels), asks = depth_of(feed, locate, 'S', feed->levels + bids);
    /* Half the ring stays free for what the market does meanwhile. */
    if (fp_ring_room(ring) < bids + asks + 3 + (ring->mask + 1) / 2) return 0;
    const struct fp_bbo *bbo = bbo_of(feed, locate);
    const struct fp_instrument *instrument = instrument_of(feed, locate);
    int whole = bids < feed->level_room && asks < feed->level_room;
    put_instrument(feed, locate);
    struct fp_event record = {.seq = feed->seq, .venue_ns = bbo->venue_ns, .rx_ns = bbo->rx_ns, .ref = bbo->last_ns, .price_e4 = bbo->last_price_e4, .shares = bbo->last_shares,
                              .bid_e4 = bbo->bid_e4, .bid_shares = saturate(bbo->bid_shares), .ask_e4 = bbo->ask_e4, .ask_shares = saturate(bbo->ask_shares),
                              .locate = locate, .venue = feed->venue, .kind = FP_PV_BOOK};
    record.flags = (instrument->stale || !whole ? FP_EF_STALE : 0) | (whole ? 0 : FP_EF_OVERFLOW);
    fp_event_put(feed->out, &record);
    for (uint32_t i = 0; i < bids + asks; i++) {
        const struct fp_level *level = &feed->levels[i];
        record = (struct fp_event){.seq = feed->seq, .ref = level->shares, .price_e4 = level->price_e4, .shares = level->orders, .locate = locate, .venue = feed->venue, .kind = FP_PV_LEVEL, .flags = i < bids ? 0 : FP_EF_SELL};
        fp_event_put(feed->out, &record);
    }
    fp_event_publish(feed->out);
    return 1;
}

int fp_feed_resync(struct fp_feed *feed) {
    if (!feed->resync || !feed->rx || !feed->out->ring) return 0;
    uint32_t end = feed->resync_locate + RESYNC_SCAN;
    if (end > FP_BOOK_LOCATES) end = FP_BOOK_LOCATES;
    for (; feed->resync_locate < end; feed->resync_locate++) {
        const struct fp_instrument *instrument = instrument_of(feed, (uint16_t)feed->resync_locate);
        if (!instrument || !instrument->symbol[0]) continue;
        int sent = resync_book(feed, (uint16_t)feed->resync_locate);
        feed->resync_locate += (uint32_t)sent;
        return sent;
    }
    if (end < FP_BOOK_LOCATES) return 1;
    struct fp_event record = {.seq = feed->seq, .venue = feed->venue, .kind = FP_PV_SYNCED};
    record.flags = feed->gap_open || feed->lost || feed->ended ? FP_EF_STALE : 0;
    if (!fp_event_put(feed->out, &record)) return 0;
    fp_event_publish(feed->out);
    feed->resync = 0;
    return 1;
}

void fp_feed_quote(const struct fp_feed *feed, const char symbol[8], struct fp_quote *out) {
    memset(out, 0, sizeof *out);
    int32_t locate = feed->rx ? fp_symbol_find(feed->symbols, symbol) : -1;
    if (locate < 0) return;
    const struct fp_bbo *bbo = bbo_of(feed, (uint16_t)locate);
    const struct fp_instrument *instrument = instrument_of(feed, (uint16_t)locate);
    if (!bbo || !instrument) return;
    *out = (struct fp_quote){.venue_ns = bbo->venue_ns, .rx_ns = bbo->rx_ns, .feed_heard_ns = feed->heard_ns,
                             .bid_e4 = bbo->bid_e4, .bid_shares = saturate(bbo->bid_shares), .ask_e4 = bbo->ask_e4, .ask_shares = saturate(bbo->ask_shares),
                             .last_price_e4 = bbo->last_price_e4, .round_lot = instrument->round_lot, .trading_state = instrument->trading_state, .reg_sho = instrument->reg_sho,
                             .stale = instrument->stale || feed->gap_open || feed->lost || feed->ended, .announced = 1};
}

void fp_feed_stats(const struct fp_feed *feed, struct fp_feed_stats *out) {
    memset(out, 0, sizeof *out);
    if (!feed->rx) return;
    struct fp_mold_rx_stats rx;
    struct fp_book_stats book;
    fp_mold_rx_stats(feed->rx, &rx);
    if (feed->card) fp_card_feed_stats(feed, &book, out);
    else fp_book_stats(feed->book, &book);
    for (int line = 0; line < 2; line++) {
        out->packets[line] = rx.packets[line];
        out->bytes[line] = rx.bytes[line];
        out->line_last_rx_ns[line] = feed->line_heard_ns[line];
    }
    for (int line = 0; line < FP_LINES; line++) {
        struct fp_io_stats io = {0};
        if (feed->lines[line]) feed->lines[line]->ops->stats(feed->lines[line], &io);
        out->drop_kernel += io.rx_dropped;
        out->bad_oversized += io.rx_oversized;
    }
    out->messages = rx.messages;
    out->duplicates = rx.duplicates;
    out->heartbeats = rx.heartbeats;
    out->end_of_session = rx.end_of_session;
    out->gaps_opened = rx.gaps_opened;
    out->gaps_filled = rx.gaps_filled;
    out->gaps_lost = rx.gaps_lost;
    out->messages_lost = rx.messages_lost;
    out->messages_recovered = rx.recovered;
    out->rerequests = rx.requests;
    out->bad_truncated = rx.bad_truncated;
    out->bad_oversized += rx.bad_oversized;
    out->bad_length = rx.bad_length;
    out->bad_session = rx.bad_session;
    out->bad_count = rx.bad_count;
    out->far_ahead = rx.far_ahead;
    out->unknown_type = book.unknown_type;
    out->wrong_length = book.wrong_length;
    out->unknown_ref = book.unknown_ref;
    out->duplicate_ref = book.duplicate_ref;
    out->bad_shares = book.bad_shares;
    out->unknown_locate = book.unknown_locate;
    out->bad_side = book.bad_side;
    out->table_full = book.table_full;
    out->crossed = book.crossed;
    out->next_sequence = rx.next_sequence;
    out->last_rx_ns = feed->heard_ns;
    out->gap_open = feed->gap_open;
    out->stale = feed->gap_open || feed->lost || feed->ended;
    out->session_state = rx.session_state;
    memcpy(out->session, rx.session, sizeof rx.session);
}

/* ---- opening ---- */

static int open_port(struct fp_feed *feed, int line, const char *backend, const struct fp_io_config *config, char *error_text) {
    char why[FP_IO_ERROR_TEXT_MAX];
    int failed = fp_io_open(&feed->lines[line], backend, config, why);
    if (failed) snprintf(error_text, FP_ERROR_TEXT_MAX, "%.255s", why);
    return failed;
}

/* The card's packets come by sockets: it is the host that is on the network. */
static int open_ports(struct fp_feed *feed, const struct fp_venue_config *config, char *error_text) {
    for (int line = 0; line < 2; line++) {
        if (!config->feed_group[line][0]) continue;
        struct fp_io_config port = {.port = config->feed_port[line]};
        memcpy(port.address, config->feed_group[line], sizeof port.address);
        memcpy(port.interface, config->feed_interface, sizeof port.interface);
        int failed = open_port(feed, line, feed->card ? "socket" : config->io, &port, error_text);
        if (failed) return failed;
    }
    if (!config->rerequest_host[0]) return 0;
    /* Answers come to the port that asked; connecting keeps strangers' packets out. */
    struct fp_io_config port = {.remote_port = config->rerequest_port};
    memcpy(port.remote_host, config->rerequest_host, sizeof port.remote_host);
    return open_port(feed, FP_LINE_REREQUEST, "socket", &port, error_text);
}

static int out_of_memory(const char *what, size_t bytes, char *error_text) {
    snprintf(error_text, FP_ERROR_TEXT_MAX, "no memory for %s (%zu MiB); lower max_orders of the venue", what, bytes >> 20);
    return FP_E_NO_MEMORY;
}

static int open_book(struct fp_feed *feed, const struct fp_venue_config *config, char *error_text) {
    struct fp_book_config book = {.midnight_ns = config->midnight_ns, .max_orders = config->max_orders, .venue = feed->venue};
    /* A price level has at least one order; real days show some four orders a level. */
    book.max_levels = config->max_orders / 2 < 4096 ? 4096 : config->max_orders / 2;
    feed->book_bytes = fp_book_size(&book);
    if (!feed->book_bytes) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "venue %.24s: max_orders %u is out of range", config->name, config->max_orders);
        return FP_E_BAD_CONFIG;
    }
    if (!(feed->book = fp_memory_map(feed->book_bytes, FP_MEMORY_HOT))) return out_of_memory("the books", feed->book_bytes, error_text);
    return fp_book_init(feed->book, &book);
}

int fp_feed_open(struct fp_feed *feed, const struct fp_venue_config *config, uint8_t venue, uint32_t level_room, const char *card_library, char *error_text) {
    memset(feed, 0, sizeof *feed);
    feed->venue = venue;
    feed->next_sequence = 1;
    feed->level_room = level_room;
    feed->opened_ns = fp_clock_utc_ns();
    if (!config->feed_group[0][0] && !config->feed_group[1][0]) return 0;
    struct fp_mold_rx_config rx = {.first_sequence = 1, .gap_wait_ns = (uint64_t)config->gap_wait_us * FP_NS_PER_US, .retry_ns = (uint64_t)config->gap_retry_ms * FP_NS_PER_MS,
                                   .attempts = config->rerequest_host[0] ? config->gap_attempts : 0, .window_packets = WINDOW_PACKETS};
    feed->rx_bytes = fp_mold_rx_size(&rx);
    if (!feed->rx_bytes) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "venue %.24s: gap settings out of range", config->name);
        return FP_E_BAD_CONFIG;
    }
    if (!(feed->rx = fp_memory_map(feed->rx_bytes, FP_MEMORY_HOT))) return out_of_memory("the reorder window", feed->rx_bytes, error_text);
    if (!(feed->symbols = fp_memory_map(sizeof *feed->symbols, FP_MEMORY_LAZY))) return out_of_memory("the symbols", sizeof *feed->symbols, error_text);
    if (!(feed->levels = fp_memory_map(2 * (size_t)level_room * sizeof *feed->levels, FP_MEMORY_LAZY))) return out_of_memory("price levels", 0, error_text);
    int failed = fp_mold_rx_init(feed->rx, &rx);
    if (failed) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "venue %.24s: gap settings out of range (%s)", config->name, fp_error_name(failed));
        return failed;
    }
    failed = strcmp(config->io, "fpga") == 0 ? fp_card_feed_open(feed, config, card_library, error_text) : open_book(feed, config, error_text);
    if (failed) return failed;
    return open_ports(feed, config, error_text);
}

void fp_feed_close(struct fp_feed *feed) {
    for (int line = 0; line < FP_LINES; line++)
        if (feed->lines[line]) feed->lines[line]->ops->close(feed->lines[line]);
    fp_card_feed_close(feed);
    fp_memory_unmap(feed->rx, feed->rx_bytes);
    fp_memory_unmap(feed->book, feed->book_bytes);
    fp_memory_unmap(feed->symbols, sizeof *feed->symbols);
    fp_memory_unmap(feed->levels, 2 * (size_t)feed->level_room * sizeof *feed->levels);
    memset(feed, 0, sizeof *feed);
}
