/* The card's triggers and the order side; see card_feed.h.
 *
 * The order side owns every armed order. Those that a slot of the card can carry are delegated to it: a limit order that
 * risk would pass now, of a symbol that the card follows and whose book is sound, 16 of a venue, the ones armed first.
 * All others are watched here, on the card's records, and fire as they do without a card. Whatever changes is followed by
 * fp_card_orders_sync before the next frame enters the card: its order number, too. An order that the order side sends
 * within a packet may still take the number that the card gives to another: the order side then gives that one the next. */
#include "card_state.h"
#include <string.h>

enum { FIRST_LOOK_CYCLES = 16, STEP_CYCLES = 8, VERDICT_CYCLES = 2048, SOUP_HEADER = 3, RATE_CYCLES = 1 };

/* ---- what the card did ---- */

/* Bytes of the first whole SoupBinTCP packet from `at` on, or 0. */
static int packet_at(const struct fp_card_feed *card, int at) {
    if (card->soup_length - at < SOUP_HEADER) return 0;
    int bytes = 2 + (card->soup[at] << 8 | card->soup[at + 1]);
    return card->soup_length - at >= bytes ? bytes : 0;
}

static int packets_waiting(const struct fp_card_feed *card) {
    int found = 0;
    for (int at = card->soup_at, bytes; (bytes = packet_at(card, at)) != 0; at += bytes) found++;
    return found;
}

static int passes(const struct fp_card_feed *card) {
    int found = 0;
    for (int i = card->fire_at; i < card->fire_count; i++) found += card->fires[i].reasons == 0;
    return found;
}

static uint32_t used_mask(const struct fp_card_feed *card) {
    uint32_t mask = 0;
    for (int i = 0; i < FP_CARD_SLOTS; i++) mask |= (uint32_t)card->slots[i].used << i;
    return mask;
}

static int read_more(struct fp_card_feed *card) {
    if (card->fire_at == card->fire_count) card->fire_at = card->fire_count = 0;
    if (card->soup_at == card->soup_length) card->soup_at = card->soup_length = 0;
    int fires = card->fpga.fires(card->card, card->fires + card->fire_count, (int)(sizeof card->fires / sizeof *card->fires) - card->fire_count);
    int bytes = card->fpga.order_bytes(card->card, card->soup + card->soup_length, FP_CARD_SOUP - card->soup_length);
    if (fires < 0 || bytes < 0) return -1;
    card->fire_count += fires;
    card->soup_length += bytes;
    return 0;
}

void fp_card_orders_settle(struct fp_feed *feed) {
    struct fp_card_feed *card = feed->card;
    uint32_t fired = 0;
    int failed = card->fpga.idle(card->card, FIRST_LOOK_CYCLES, card->events, 0) < 0 || card->fpga.read(card->card, FP_REG_FIRED, &fired) != 0;
    const int met = __builtin_popcount(fired & used_mask(card));
    for (int cycles = 0; !failed && met; cycles += STEP_CYCLES) {
        failed = read_more(card);
        if (failed || (card->fire_count - card->fire_at >= met && packets_waiting(card) >= passes(card))) break;
        failed = cycles > VERDICT_CYCLES || card->fpga.idle(card->card, STEP_CYCLES, card->events, 0) < 0;
    }
    if (failed) fp_card_feed_distrust(feed);
}

static uint16_t refusal_of(uint16_t reasons) {
    static const uint16_t names[] = {FP_RC_KILL_SWITCH, FP_RC_ENTRY_DISABLED, FP_RC_MAX_QUANTITY, FP_RC_ORDER_NOTIONAL, FP_RC_MARKET_IMPACT, FP_RC_MAX_POSITION,
                                     FP_RC_PORT_RATE, FP_RC_DUPLICATE_RATE, FP_RC_QUOTE_STALE, FP_RC_HALTED, FP_RC_NO_REFERENCE_PRICE, FP_RC_PROCESSING_ERROR, FP_RC_SESSION_DOWN};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (reasons >> i & 1) return names[i];
    return reasons ? FP_RC_PROCESSING_ERROR : 0;
}

/* One verdict: an order that passed has left its bytes. They go nowhere but to the order side, which decides. */
static void take_fire(struct fp_feed *feed, const struct fp_card_fire *verdict, uint32_t bid_e4, uint32_t ask_e4, uint64_t now_ns) {
    struct fp_card_feed *card = feed->card;
    struct fp_card_slot *slot = &card->slots[verdict->slot % FP_CARD_SLOTS];
    struct fp_fire fire = {.order_id = slot->order.order_id, .bid_e4 = bid_e4, .ask_e4 = ask_e4, .refusal = refusal_of(verdict->reasons)};
    card->fired++;
    card->refused += fire.refusal != 0;
    if (!fire.refusal) {
        int bytes = packet_at(card, card->soup_at);
        const uint8_t *packet = card->soup + card->soup_at;
        card->soup_at += bytes;
        if (bytes > SOUP_HEADER && packet[2] == 'U') {
            fire.message = packet + SOUP_HEADER;
            fire.length = (size_t)(bytes - SOUP_HEADER);
            card->urn++;
        } else {
            fire.refusal = FP_RC_PROCESSING_ERROR;
        }
    }
    if (!slot->used) {
        card->late++;
        return;
    }
    slot->used = 0;
    card->used_slots--;
    card->limits_known[slot->index] = 0; /* an order that passed took its shares off */
    card->dirty = 1;
    int sent = fp_oms_fired(feed->oms, &fire, now_ns);
    if (sent > 0) feed->fired(feed->context, feed->venue);
    card->late += sent < 0;
}

void fp_card_orders_take(struct fp_feed *feed, const struct fp_event *event, uint64_t card_ns, uint64_t now_ns) {
    struct fp_card_feed *card = feed->card;
    while (card->fire_at < card->fire_count) {
        const struct fp_card_fire *verdict = &card->fires[card->fire_at];
        if (event && verdict->rx_cycle * 32 / 5 != card_ns) return;
        const struct fp_bbo *bbo = &card->bbos[card->slots[verdict->slot % FP_CARD_SLOTS].index];
        card->fire_at++;
        take_fire(feed, verdict, event ? event->bid_e4 : bbo->bid_e4, event ? event->ask_e4 : bbo->ask_e4, now_ns);
    }
}

/* ---- what the card is told ---- */

/* Take a slot's order back. The card says whether it had fired before. */
static void take_back(struct fp_feed *feed, int number) {
    struct fp_card_feed *card = feed->card;
    struct fp_card_slot *slot = &card->slots[number];
    uint32_t fired = 0;
    if (card->fpga.disarm(card->card, number) != 0 || card->fpga.read(card->card, FP_REG_FIRED, &fired) != 0) fp_card_feed_distrust(feed);
    if (fired >> number & 1) {
        fp_card_orders_settle(feed);
        fp_card_orders_take(feed, NULL, 0, feed->out->now_ns);
    }
    if (!slot->used) return;
    slot->used = 0;
    card->used_slots--;
    (void)fp_oms_delegate(feed->oms, slot->order.order_id, 0); /* not found: it has ended */
}

void fp_card_orders_withdraw(struct fp_feed *feed, uint64_t expired_ns) {
    struct fp_card_feed *card = feed->card;
    if (!card || !card->used_slots) return;
    for (int i = 0; i < FP_CARD_SLOTS; i++) {
        const struct fp_card_slot *slot = &card->slots[i];
        if (!slot->used || (expired_ns && (!slot->order.expire_ns || slot->order.expire_ns > expired_ns))) continue;
        take_back(feed, i);
        card->dirty = 1;
    }
}

static void set_switches(struct fp_feed *feed) {
    struct fp_card_feed *card = feed->card;
    struct fp_card_trading wanted = {.rate_period_cycles = RATE_CYCLES, .rate_burst = FP_CARD_SLOTS};
    wanted.kill = fp_oms_killed(feed->oms, FP_KILL_FIRM, 0, NULL) || fp_oms_killed(feed->oms, FP_KILL_VENUE, feed->venue, NULL);
    wanted.session = fp_oms_refusal(feed->oms, feed->venue) == 0;
    wanted.enabled = !fp_card_venue_stale(feed);
    const struct fp_card_trading *now = &card->trading;
    if (card->trading_known && now->kill == wanted.kill && now->session == wanted.session && now->enabled == wanted.enabled) return;
    if (card->fpga.set_trading(card->card, &wanted) != 0) fp_card_feed_distrust(feed);
    card->trading = wanted;
    card->trading_known = 1;
}

/* The armed orders that slots are to carry, in the order in which they were armed. */
static int choose(struct fp_feed *feed, struct fp_card_slot wanted[FP_CARD_SLOTS]) {
    struct fp_card_feed *card = feed->card;
    uint32_t cursor = 0;
    int chosen = 0;
    if (fp_card_venue_stale(feed)) return 0;
    while (chosen < FP_CARD_SLOTS && fp_oms_armed(feed->oms, feed->venue, &cursor, feed->out->now_ns, &wanted[chosen].order)) {
        const struct fp_armed_order *order = &wanted[chosen].order;
        int32_t locate = fp_symbol_find(feed->symbols, order->symbol);
        int index = locate < 0 ? FP_CARD_NOT_SEEN : card->index_of[locate];
        if (order->reason || !order->fixed || !order->length || order->length > FP_CARD_ENTER_MAX || index < 0 || card->instruments[index].stale) continue;
        wanted[chosen].index = (uint16_t)index;
        wanted[chosen++].used = 1;
    }
    return chosen;
}

static int same(const struct fp_card_slot *a, const struct fp_card_slot *b) {
    return a->used && a->order.order_id == b->order.order_id && a->index == b->index && a->order.length == b->order.length && memcmp(a->order.message, b->order.message, a->order.length) == 0;
}

static int slot_of(const struct fp_card_feed *card, const struct fp_card_slot *wanted) {
    for (int i = 0; i < FP_CARD_SLOTS; i++)
        if (same(&card->slots[i], wanted)) return i;
    return -1;
}

/* Where each wanted order goes: the slots rise as the orders were armed, for of two that one record meets the lower slot
 * fires first. 0 when those that stay leave no such place. */
static int place(const struct fp_card_feed *card, const struct fp_card_slot *wanted, int count, int places[FP_CARD_SLOTS]) {
    int last = -1;
    for (int i = 0; i < count; i++) {
        int at = slot_of(card, &wanted[i]);
        if (at < 0)
            for (at = last + 1; at < FP_CARD_SLOTS && card->slots[at].used; at++) {}
        if (at <= last || at >= FP_CARD_SLOTS) return 0;
        places[i] = last = at;
    }
    return 1;
}

/* A symbol's room is what is reserved for its armed orders, and nothing else. */
static void set_limits(struct fp_feed *feed, const struct fp_card_slot *wanted, int count) {
    struct fp_card_feed *card = feed->card;
    for (uint32_t index = 0; index < card->symbol_count; index++) {
        struct fp_card_limits limits = {0};
        for (int i = 0; i < count; i++) {
            const struct fp_armed_order *order = &wanted[i].order;
            if (wanted[i].index != index) continue;
            uint64_t value = (uint64_t)order->quantity * order->price_e4;
            limits.enabled = 1;
            if (order->quantity > limits.quantity) limits.quantity = order->quantity;
            if (value > limits.notional_e4) limits.notional_e4 = value;
            if (order->collar_bps > limits.collar_bps) limits.collar_bps = order->collar_bps;
            *(order->side == 'B' ? &limits.buy_room : &limits.sell_room) += order->quantity;
        }
        const struct fp_card_limits *now = &card->limits[index];
        if (card->limits_known[index] ? now->enabled == limits.enabled && now->quantity == limits.quantity && now->notional_e4 == limits.notional_e4 && now->collar_bps == limits.collar_bps &&
                                            now->buy_room == limits.buy_room && now->sell_room == limits.sell_room
                                      : !limits.enabled && !now->enabled)
            continue;
        if (card->fpga.set_limits(card->card, (int)index, &limits) != 0) fp_card_feed_distrust(feed);
        card->limits[index] = limits;
        card->limits_known[index] = 1;
    }
}

/* The card's clock runs slower than UTC, never faster: its own expiry is a second look, the order side's timer is the first. */
static uint64_t expire_cycle(const struct fp_feed *feed, uint64_t expire_ns) {
    const struct fp_card_feed *card = feed->card;
    if (!expire_ns || expire_ns <= feed->out->now_ns) return 0;
    uint64_t left = expire_ns - feed->out->now_ns;
    if (left > (uint64_t)1 << 50) return 0;
    return card->fpga.cycles(card->card) + left / 32 * 5 + 5;
}

static void load(struct fp_feed *feed, int number, const struct fp_card_slot *wanted) {
    struct fp_card_feed *card = feed->card;
    const struct fp_armed_order *order = &wanted->order;
    uint32_t armed = 0;
    int failed = card->fpga.set_template(card->card, number, order->message, order->length);
    if (failed == FP_E_AGAIN) return; /* it stays with the order side */
    if (!failed) failed = card->fpga.arm(card->card, number, wanted->index, (enum fp_card_condition)order->condition, order->trigger_e4, expire_cycle(feed, order->expire_ns));
    if (!failed) failed = card->fpga.read(card->card, FP_REG_ARMED, &armed);
    if (failed) fp_card_feed_distrust(feed);
    if (failed || !(armed >> number & 1) || fp_oms_delegate(feed->oms, order->order_id, 1) != 0) return;
    card->slots[number] = *wanted;
    card->used_slots++;
}

void fp_card_orders_sync(struct fp_feed *feed) {
    struct fp_card_feed *card = feed->card;
    struct fp_card_slot wanted[FP_CARD_SLOTS];
    int places[FP_CARD_SLOTS];
    if (!card || !feed->oms || (card->seen == *feed->changes && !card->dirty)) return;
    card->dirty = 0;
    card->seen = *feed->changes;
    set_switches(feed);
    int count = choose(feed, wanted);
    for (int i = 0; i < FP_CARD_SLOTS; i++) {
        int stays = 0;
        for (int j = 0; card->slots[i].used && j < count; j++) stays |= same(&card->slots[i], &wanted[j]);
        if (card->slots[i].used && !stays) take_back(feed, i);
    }
    if (!place(card, wanted, count, places)) {
        for (int i = 0; i < FP_CARD_SLOTS; i++)
            if (card->slots[i].used) take_back(feed, i);
        for (int i = 0; i < count; i++) places[i] = i;
    }
    set_limits(feed, wanted, count);
    for (int i = 0; i < count; i++)
        if (!card->slots[places[i]].used) load(feed, places[i], &wanted[i]);
    uint32_t urn = fp_oms_next_urn(feed->oms, feed->venue);
    if (card->used_slots && card->urn != urn) {
        if (card->fpga.order_number(card->card, urn) != 0) fp_card_feed_distrust(feed);
        card->urn = urn;
    }
}

void fp_card_orders_refresh(struct fp_feed *feed) {
    if (!feed->card) return;
    feed->card->dirty = 1;
    fp_card_orders_sync(feed);
}
