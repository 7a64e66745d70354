/* Packets into the card, records out of it; see card_feed.h. Triggers are card_orders.c's. */
#include "../wire/itch.h"
#include "../wire/net.h"
#include "card_state.h"
#include "clock.h"
#include "memory.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
    SHORTEST = 12, LONGEST = 63, /* message bytes that the card's aligner takes */
    TOO_SHORT = 13,              /* what is shorter goes in with this many: no type has that length either */
    STEP_CYCLES = 8, SETTLE_CYCLES = 96,
    NO_ROOM_CODE = -FP_E_NO_ROOM, LATE_CODE = -FP_E_BAD_STATE,
    CARD_ID = 0x46504757,
    COPY_LATE_NS = 5 * FP_NS_PER_MS,
    LEVEL_BYTES = 2 * FP_CARD_LEVELS * sizeof(struct fp_mirror_level)
};

static int one_of(const char *letters, uint8_t letter) {
    return letter && strchr(letters, letter) != NULL;
}

/* ---- instruments ---- */

const struct fp_instrument *fp_card_feed_instrument(const struct fp_feed *feed, uint16_t locate) {
    const struct fp_card_feed *card = feed->card;
    int index = card->index_of[locate];
    return index >= 0 ? &card->instruments[index] : index == FP_CARD_NO_ROOM ? &card->left_out : NULL;
}

const struct fp_bbo *fp_card_feed_bbo(const struct fp_feed *feed, uint16_t locate) {
    const struct fp_card_feed *card = feed->card;
    int index = card->index_of[locate];
    return index >= 0 ? &card->bbos[index] : &card->no_bbo;
}

int fp_card_feed_depth(const struct fp_feed *feed, uint16_t locate, char side, struct fp_level *out, int max) {
    const struct fp_mirror_side *levels = &feed->card->book.books[locate].side[side == 'S'];
    int count = (int)levels->count < max ? (int)levels->count : max;
    for (int i = 0; i < count; i++) {
        const struct fp_mirror_level *level = fp_mirror_level(levels, (uint32_t)i);
        out[i] = (struct fp_level){level->shares, level->price_e4, level->orders};
    }
    return count;
}

void fp_card_feed_stats(const struct fp_feed *feed, struct fp_book_stats *book, struct fp_feed_stats *out) {
    const struct fp_card_feed *card = feed->card;
    *book = card->stats;
    out->card_cycles = card->fpga.cycles(card->card);
    out->card_armed = card->used_slots;
    out->card_fired = card->fired;
    out->card_refused = card->refused;
    out->card_late = card->late;
}

void fp_card_feed_note(struct fp_feed *feed, const struct fp_event *event) {
    fp_mirror_apply(&feed->card->book, event);
}

/* The symbol's book cannot be trusted: as the software's, until a restart. */
static void mark_stale(struct fp_card_feed *card, int index) {
    if (card->instruments[index].stale) return;
    card->instruments[index].stale = 1;
    card->dirty = 1;
}

static void put_made(struct fp_feed *feed, const struct fp_mold_message *message, uint16_t locate, uint8_t kind, uint32_t price_e4, uint16_t flags) {
    struct fp_event event = {.rx_ns = message->rx_ns, .locate = locate, .venue = feed->venue, .kind = kind, .price_e4 = price_e4};
    event.flags = (uint16_t)(flags | (message->line == FP_LINE_B ? FP_EF_LINE_B : message->line == FP_LINE_REREQUEST ? FP_EF_RECOVERED : 0));
    fp_feed_put(feed, &event);
}

/* A symbol more than the card has room for: it is announced, and stale from the beginning. */
static void leave_out(struct fp_feed *feed, const struct fp_mold_message *message, uint16_t locate) {
    struct fp_card_feed *card = feed->card;
    card->index_of[locate] = FP_CARD_NO_ROOM;
    card->left_out = (struct fp_instrument){.round_lot = fp_load_be32(message->data + FP_ITCH_STOCK_DIRECTORY_ROUND_LOT_SIZE), .stale = 1, .trading_state = 'T'};
    memcpy(card->left_out.symbol, message->data + FP_ITCH_STOCK_DIRECTORY_STOCK, 8);
    fp_feed_learn_instrument(feed, locate);
    memset(card->left_out.symbol, 0, 8); /* none of its own: a resync passes over it */
    card->stats.table_full++;
    put_made(feed, message, locate, FP_EV_DIRECTORY, 0, FP_EF_HALTED | FP_EF_STALE);
    put_made(feed, message, locate, FP_EV_STALE, NO_ROOM_CODE, FP_EF_HALTED | FP_EF_STALE);
}

/* The next free index for a locate, told to the card's filter before the card sees the message. 0, or 1: left out. */
static int follow(struct fp_feed *feed, const struct fp_mold_message *message, uint16_t locate) {
    struct fp_card_feed *card = feed->card;
    if (card->symbol_count == FP_CARD_SYMBOLS || card->fpga.symbol(card->card, locate, (int)card->symbol_count) != 0) {
        leave_out(feed, message, locate);
        return 1;
    }
    int index = (int)card->symbol_count++;
    struct fp_mirror_book *book = &card->book.books[locate];
    for (int side = 0; side < 2; side++) {
        book->side[side].levels = card->levels + (size_t)(2 * index + side) * FP_CARD_LEVELS;
        book->side[side].room = FP_CARD_LEVELS;
    }
    card->index_of[locate] = (int16_t)index;
    card->locate_of[index] = locate;
    return 0;
}

static void announce(struct fp_instrument *instrument, const uint8_t *bytes) {
    memcpy(instrument->symbol, bytes + FP_ITCH_STOCK_DIRECTORY_STOCK, sizeof instrument->symbol);
    instrument->round_lot = fp_load_be32(bytes + FP_ITCH_STOCK_DIRECTORY_ROUND_LOT_SIZE);
    instrument->market_category = (char)bytes[FP_ITCH_STOCK_DIRECTORY_MARKET_CATEGORY];
    instrument->financial_status = (char)bytes[FP_ITCH_STOCK_DIRECTORY_FINANCIAL_STATUS];
    instrument->authenticity = (char)bytes[FP_ITCH_STOCK_DIRECTORY_AUTHENTICITY];
}

/* R, H, Y, h of the right length: what the records do not tell is read here, before the card sees the message. */
static void learn(struct fp_feed *feed, const struct fp_mold_message *message, uint16_t locate) {
    struct fp_card_feed *card = feed->card;
    const uint8_t *bytes = message->data;
    if (bytes[0] == 'R' && card->index_of[locate] == FP_CARD_NOT_SEEN && follow(feed, message, locate)) return;
    if (card->index_of[locate] < 0) return;
    struct fp_instrument *instrument = &card->instruments[card->index_of[locate]];
    switch (bytes[0]) {
    case 'R': announce(instrument, bytes); break;
    case 'H': instrument->trading_state = (char)bytes[FP_ITCH_STOCK_TRADING_ACTION_TRADING_STATE]; break;
    case 'Y': instrument->reg_sho = (char)bytes[FP_ITCH_REG_SHO_RESTRICTION_REG_SHO_ACTION]; break;
    default: break; /* h: the records' flag says it */
    }
    card->dirty = 1;
    fp_feed_learn_instrument(feed, locate);
}

/* ---- messages in ---- */

/* Count what the software decoder would count, and what the card is to leave a record for. */
static void weigh(struct fp_card_feed *card, const uint8_t *bytes, size_t length, uint16_t locate) {
    uint8_t right = fp_itch_length(bytes[0]);
    card->stats.messages++;
    card->stats.unknown_type += !right;
    card->stats.wrong_length += right && right != length;
    int of_venue = one_of("SVW", bytes[0]);
    if (right == length && of_venue) card->wanted++;
    if (!right || of_venue || length < 3) return;
    const int of_book = one_of("AFECXDU", bytes[0]);
    if (card->index_of[locate] >= 0) {
        card->wanted += right == length || of_book; /* of a wrong length it makes its symbol stale */
    } else if (card->index_of[locate] == FP_CARD_NOT_SEEN && right == length && bytes[0] != 'R') {
        card->stats.unknown_locate++;
        card->missed[locate] |= of_book != 0;
    }
}

/* Append a block. The card takes 12 to 63 bytes; ITCH has no message outside, so one is given a length that is as wrong. */
static void append(struct fp_card_feed *card, const uint8_t *bytes, size_t length) {
    uint8_t odd[LONGEST] = {0};
    if (length < SHORTEST || length > LONGEST) {
        memcpy(odd, bytes, length < LONGEST ? length : LONGEST);
        if (length < 3) odd[0] = 0; /* it names no symbol */
        bytes = odd;
        length = length < SHORTEST ? TOO_SHORT : LONGEST;
    }
    card->length += (size_t)fp_mold_put_block(bytes, length, card->packet + card->length, sizeof card->packet - card->length);
    card->count++;
}

static void take_record(struct fp_feed *feed, struct fp_event *event, uint64_t begin_ns, uint64_t rx_ns, uint8_t line);

/* Have the card mark a symbol stale, here in the stream, and publish its record. Event records made. */
static uint64_t mark(struct fp_feed *feed, const struct fp_mold_message *message, uint16_t locate, uint8_t code) {
    struct fp_card_feed *card = feed->card;
    uint64_t events = fp_card_feed_flush(feed);
    const uint64_t before = feed->seq, begin_ns = card->fpga.time_ns(card->card);
    int have = card->fpga.mark(card->card, card->index_of[locate], code) ? FP_E_BAD_STATE : 0;
    for (int cycles = 0; !have && cycles < SETTLE_CYCLES; cycles += STEP_CYCLES) have = card->fpga.idle(card->card, STEP_CYCLES, card->events, FP_CARD_EVENTS);
    if (have <= 0) fp_card_feed_distrust(feed);
    for (int i = 0; i < have; i++) {
        if (message->line == FP_LINE_B) card->events[i].flags |= FP_EF_LINE_B;
        take_record(feed, &card->events[i], begin_ns, message->rx_ns, message->line);
    }
    return events + feed->seq - before;
}

uint64_t fp_card_feed_take(struct fp_feed *feed, const struct fp_mold_message *message) {
    struct fp_card_feed *card = feed->card;
    const uint8_t *bytes = message->data;
    const uint16_t locate = message->length >= 3 ? fp_load_be16(bytes + 1) : 0;
    const int tells = one_of("RHYh", bytes[0]) && message->length == fp_itch_length(bytes[0]);
    uint64_t events = 0, before = feed->seq;
    /* What is announced must be known to the bus right before the announcement's record. */
    if (card->count && (tells || message->line != card->line || message->rx_ns != card->rx_ns || card->length + 2 + LONGEST > sizeof card->packet)) events += fp_card_feed_flush(feed);
    if (tells) learn(feed, message, locate);
    events += tells ? feed->seq - before - events : 0;
    if (!card->count) {
        card->length = FP_MOLD_HEADER_LEN;
        card->sequence = message->sequence;
        card->rx_ns = message->rx_ns;
        card->line = message->line;
        card->wanted = 0;
    }
    weigh(card, bytes, message->length, locate);
    append(card, bytes, message->length);
    feed->next_sequence = message->sequence + 1;
    if (!tells || bytes[0] != 'R' || !card->missed[locate] || card->index_of[locate] < 0) return events;
    /* Orders came before it: they are not in the card's book, and never will be. */
    card->missed[locate] = 0;
    return events + mark(feed, message, locate, LATE_CODE);
}

static int put_frame(struct fp_card_feed *card, int line, const uint8_t *packet, size_t length) {
    struct fp_net_frame frame = {.payload = packet, .payload_length = length, .source_ip = 0x0A000001, .target_ip = card->address[line], .source_port = 30000,
                                 .target_port = card->port[line], .vlan = 0xFFFF, .ttl = 16, .source_mac = {2, 0, 0, 0, 0, 1}};
    fp_net_multicast_mac(card->address[line], frame.target_mac);
    return fp_net_put_udp(&frame, card->frame, sizeof card->frame);
}

void fp_card_feed_copy(struct fp_feed *feed, uint8_t line, const uint8_t *packet, size_t length) {
    struct fp_card_feed *card = feed->card;
    const uint64_t sequence = fp_load_be64(packet + 10);
    const uint16_t count = fp_load_be16(packet + 18);
    memcpy(card->session, packet, sizeof card->session);
    if (line == FP_LINE_REREQUEST || count == FP_MOLD_END_OF_SESSION || sequence + count > card->next_sequence || !card->last_record) return;
    if (feed->out->now_ns > feed->line_heard_ns[line] + COPY_LATE_NS) return; /* a simulated card that is behind has no time for what changes nothing */
    const uint8_t *message;
    size_t offset = FP_MOLD_HEADER_LEN;
    for (int bytes; (bytes = fp_mold_next(packet, length, &offset, &message)) > 0;)
        if (bytes < SHORTEST || bytes > LONGEST) return; /* the card would refuse it, and mean a loss */
    int size = put_frame(card, line, packet, length);
    if (size < 0 || card->fpga.push(card->card, line, card->frame, (size_t)size, card->events, 0) < 0) fp_card_feed_distrust(feed);
}

/* ---- records out ---- */

void fp_card_feed_distrust(struct fp_feed *feed) {
    if (feed->lost) return;
    feed->lost = 1;
    feed->card->dirty = 1;
    struct fp_event event = {.rx_ns = feed->out->now_ns, .ref = feed->card->next_sequence, .venue = feed->venue, .kind = FP_EV_GAP_LOST, .flags = FP_EF_STALE};
    fp_feed_put(feed, &event);
}

/* The card speaks of its lines: what it says of a loss must never happen behind our window, and is believed at once. */
static void notice(struct fp_feed *feed, struct fp_event *event) {
    if (event->kind == FP_EV_SESSION || event->kind == FP_EV_LINE_DOWN || event->kind == FP_EV_LINE_UP) return;
    event->flags |= FP_EF_STALE;
    fp_feed_put(feed, event);
    fp_card_feed_distrust(feed);
}

static void count(struct fp_book_stats *stats, const struct fp_event *event) {
    stats->unknown_ref += (event->flags & FP_EF_UNKNOWN_REF) != 0;
    stats->table_full += event->kind == FP_EV_TABLE_FULL;
    stats->crossed += event->flags & FP_EF_CROSSED && !(event->flags & FP_EF_MORE) && one_of("AFECXDUT", event->kind);
    if (event->kind != FP_EV_STALE) return;
    stats->duplicate_ref += event->price_e4 == (uint32_t)-FP_E_DUPLICATE;
    stats->bad_shares += event->price_e4 == (uint32_t)-FP_E_BAD_FIELD;
    stats->table_full += event->price_e4 == (uint32_t)-FP_E_NO_ROOM;
}

/* Our copy of the symbol's quote, as the software book keeps it. */
static void follow_quote(struct fp_card_feed *card, int index, const struct fp_event *event, int stale) {
    struct fp_bbo *bbo = &card->bbos[index];
    if (stale || event->kind == FP_EV_STALE || event->kind == FP_EV_TABLE_FULL || card->book.books[event->locate].desync) mark_stale(card, index);
    if (!(event->flags & FP_EF_UNKNOWN_REF) && one_of("AFECXDU", event->kind)) {
        bbo->venue_ns = event->venue_ns;
        bbo->rx_ns = event->rx_ns;
    }
    if (event->kind == FP_EV_TRADE || (event->kind == FP_EV_CROSS && event->shares)) {
        bbo->last_price_e4 = event->price_e4;
        bbo->last_shares = event->shares;
        bbo->last_ns = event->venue_ns;
    }
    if (event->flags & FP_EF_MORE) return;
    bbo->bid_e4 = event->bid_e4;
    bbo->bid_shares = event->bid_shares;
    bbo->ask_e4 = event->ask_e4;
    bbo->ask_shares = event->ask_shares;
}

/* One record: numbered by us, its time made UTC, published, and then what it sets off. */
static void take_record(struct fp_feed *feed, struct fp_event *event, uint64_t begin_ns, uint64_t rx_ns, uint8_t line) {
    struct fp_card_feed *card = feed->card;
    const uint64_t card_ns = event->rx_ns;
    const int stale = (event->flags & FP_EF_STALE) != 0;
    if (event->seq != ++card->last_record) {
        card->last_record = event->seq;
        fp_card_feed_distrust(feed);
    }
    event->rx_ns = rx_ns + (card_ns > begin_ns ? card_ns - begin_ns : 0);
    if (event->kind >= 0x80 && event->kind != FP_EV_STALE && event->kind != FP_EV_TABLE_FULL) {
        notice(feed, event);
        return;
    }
    if (line == FP_LINE_REREQUEST) event->flags = (uint16_t)((event->flags & ~FP_EF_LINE_B) | FP_EF_RECOVERED);
    if (fp_card_venue_stale(feed)) event->flags |= FP_EF_STALE;
    const int index = card->index_of[event->locate];
    count(&card->stats, event);
    fp_feed_put(feed, event);
    if (index < 0 || one_of("SVW", event->kind)) return;
    follow_quote(card, index, event, stale);
    if (event->flags & FP_EF_MORE || !feed->oms) return;
    const uint64_t now_ns = fp_feed_trigger_ns(feed, event->rx_ns);
    fp_card_orders_take(feed, event, card_ns, now_ns);
    if (!(event->flags & FP_EF_BBO_CHANGED) || feed->gap_open) return;
    if (fp_oms_on_bbo(feed->oms, feed->venue, card->instruments[index].symbol, event->bid_e4, event->ask_e4, now_ns) > 0) feed->fired(feed->context, feed->venue);
}

/* Let the card run until each message that it follows has left its record, at most as long as it can need. */
static int collect(struct fp_feed *feed, int have) {
    struct fp_card_feed *card = feed->card;
    uint32_t whole = 0;
    int seen = 0;
    for (int cycles = 0; have >= 0; cycles += STEP_CYCLES) {
        for (; seen < have; seen++) whole += !(card->events[seen].flags & FP_EF_MORE) && (card->events[seen].kind < 0x80 || card->events[seen].kind == FP_EV_STALE || card->events[seen].kind == FP_EV_TABLE_FULL);
        if (whole >= card->wanted || cycles >= SETTLE_CYCLES) break;
        int more = card->fpga.idle(card->card, STEP_CYCLES, card->events + have, FP_CARD_EVENTS - have);
        have = more < 0 ? more : have + more;
    }
    return have;
}

static int may_fire(const struct fp_card_feed *card, int count) {
    for (int i = 0; i < count; i++)
        if (card->events[i].flags & FP_EF_BBO_CHANGED) return card->used_slots;
    return 0;
}

uint64_t fp_card_feed_flush(struct fp_feed *feed) {
    struct fp_card_feed *card = feed->card;
    if (!card->count) return 0;
    const uint64_t before = feed->seq, rx_ns = card->rx_ns, sequence = card->sequence;
    const uint8_t line = card->line;
    struct fp_mold_header header = {.sequence = sequence, .count = card->count};
    memcpy(header.session, card->session, sizeof header.session);
    card->count = 0;
    fp_card_orders_sync(feed);
    int failed = sequence == card->next_sequence ? 0 : card->fpga.resync(card->card, sequence);
    fp_mold_put_header(&header, card->packet, sizeof card->packet);
    int into = line == FP_LINE_B ? FP_CARD_LINE_B : FP_CARD_LINE_A, size = put_frame(card, into, card->packet, card->length);
    card->next_sequence = sequence + header.count;
    const uint64_t begin_ns = card->fpga.time_ns(card->card);
    int have = failed || size < 0 ? FP_E_BAD_STATE : card->fpga.push(card->card, into, card->frame, (size_t)size, card->events, FP_CARD_EVENTS);
    have = collect(feed, have);
    if (have < 0) {
        fp_card_feed_distrust(feed);
        return feed->seq - before;
    }
    if (may_fire(card, have)) fp_card_orders_settle(feed);
    for (int i = 0; i < have; i++) take_record(feed, &card->events[i], begin_ns, rx_ns, line);
    fp_card_orders_take(feed, NULL, 0, fp_feed_trigger_ns(feed, rx_ns));
    return feed->seq - before;
}

/* ---- opening ---- */

static int set_lines(struct fp_card_feed *card, const struct fp_venue_config *config, char *error_text) {
    for (int line = 0; line < 2; line++) {
        struct in_addr address;
        card->address[line] = 0xEFFFFF01u + (uint32_t)line; /* a line that is absent: the card listens where nothing comes */
        card->port[line] = 1;
        if (!config->feed_group[line][0]) continue;
        if (inet_pton(AF_INET, config->feed_group[line], &address) != 1 || !address.s_addr || !config->feed_port[line]) {
            snprintf(error_text, FP_ERROR_TEXT_MAX, "venue %.24s: the card needs an IPv4 address and a port for each line, not %.48s:%u", config->name, config->feed_group[line], config->feed_port[line]);
            return FP_E_BAD_CONFIG;
        }
        card->address[line] = ntohl(address.s_addr);
        card->port[line] = config->feed_port[line];
    }
    return 0;
}

static int open_card(struct fp_card_feed *card, const struct fp_feed *feed, const struct fp_venue_config *config, char *error_text) {
    struct fp_card_config settings = {.first_sequence = 1, .gap_wait_cycles = INT32_MAX, .midnight_ns = config->midnight_ns, .venue = feed->venue, .frame_gap_cycles = 3};
    memcpy(settings.address, card->address, sizeof settings.address);
    memcpy(settings.port, card->port, sizeof settings.port);
    uint32_t id = 0;
    int failed = card->fpga.open(&settings, &card->card);
    if (!failed) failed = card->fpga.read(card->card, FP_REG_ID, &id);
    if (!failed && id == CARD_ID) return 0;
    snprintf(error_text, FP_ERROR_TEXT_MAX, "venue %.24s: the card does not start (error %d, id %08x); build it anew: make sim-device", config->name, failed, id);
    return failed ? failed : FP_E_NOT_SUPPORTED;
}

int fp_card_feed_open(struct fp_feed *feed, const struct fp_venue_config *config, const char *library, char *error_text) {
    struct fp_card_feed *card = fp_memory_map(sizeof *card, FP_MEMORY_HOT);
    if (!card) goto no_memory;
    feed->card = card;
    memset(card->index_of, 0xFF, sizeof card->index_of); /* FP_CARD_NOT_SEEN */
    card->next_sequence = 1;
    card->level_bytes = FP_CARD_SYMBOLS * (size_t)LEVEL_BYTES;
    card->levels = fp_memory_map(card->level_bytes, FP_MEMORY_LAZY);
    if (!card->levels || fp_mirror_open(&card->book) != 0) goto no_memory;
    card->book.fixed = 1;
    int failed = set_lines(card, config, error_text);
    if (!failed) failed = fp_fpga_load(&card->fpga, library, error_text);
    return failed ? failed : open_card(card, feed, config, error_text);
no_memory:
    snprintf(error_text, FP_ERROR_TEXT_MAX, "no memory for the card's books");
    return FP_E_NO_MEMORY;
}

void fp_card_feed_close(struct fp_feed *feed) {
    struct fp_card_feed *card = feed->card;
    if (!card) return;
    if (card->card) card->fpga.close(card->card);
    fp_fpga_unload(&card->fpga);
    for (uint32_t i = 0; i < card->symbol_count; i++) /* the levels are not the mirror's */
        card->book.books[card->locate_of[i]].side[0].levels = card->book.books[card->locate_of[i]].side[1].levels = NULL;
    fp_mirror_close(&card->book);
    fp_memory_unmap(card->levels, card->level_bytes);
    fp_memory_unmap(card, sizeof *card);
    feed->card = NULL;
}
