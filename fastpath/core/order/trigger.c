/* Arming, firing, expiry of triggers; see trigger.h. */
#include "trigger.h"
#include "enter.h"
#include "risk.h"

uint16_t fp_trigger_refusal(const struct fp_oms *oms, const struct fp_command *command) {
    if (command->condition < FP_WHEN_BID_AT_OR_ABOVE || command->condition > FP_WHEN_ASK_AT_OR_BELOW)
        return FP_RC_ORDER_TYPE;
    if (command->trigger_e4 == 0 || command->trigger_e4 > FP_OUCH_MAX_PRICE_E4)
        return FP_RC_PRICE;
    return oms->armed_count == FP_MAX_ARMED ? FP_RC_TABLE_FULL : 0;
}

void fp_trigger_quote(const struct fp_command *command, const struct fp_quote *real, struct fp_quote *out) {
    *out = *real;
    out->bid_e4 = out->ask_e4 = out->last_price_e4 = command->trigger_e4;
}

uint16_t fp_trigger_repeated(const struct fp_oms *oms, const struct fp_command *c, uint64_t now_ns) {
    const uint64_t window_ns = fp_risk_duplicate_window_ms(oms, c->account, c->agent) * 1000000;
    for (uint32_t i = 0; i < oms->armed_count; i++) {
        const struct fp_armed *armed = &oms->armed[i];
        const struct fp_order *order = &oms->table.orders[armed->order];
        if (order->agent == c->agent && armed->venue == c->venue && armed->condition == c->condition && armed->trigger_e4 == c->trigger_e4 &&
            fp_side_index(order->side) == fp_side_index(c->side) && order->asked_quantity == c->quantity && order->asked_price_e4 == c->price_e4 &&
            order->asked_type == c->order_type && memcmp(order->symbol, c->symbol, 8) == 0 && now_ns - order->updated_ns < window_ns)
            return FP_RC_DUPLICATE_RATE;
    }
    return 0;
}

/* The rest keep their order: who was armed first fires first. */
static void drop(struct fp_oms *oms, uint32_t at) {
    memmove(&oms->armed[at], &oms->armed[at + 1], (--oms->armed_count - at) * sizeof *oms->armed);
}

static int find(const struct fp_oms *oms, const struct fp_order *order) {
    for (uint32_t i = 0; i < oms->armed_count; i++)
        if (oms->armed[i].order == fp_table_at(&oms->table, order))
            return (int)i;
    return FP_E_NOT_FOUND;
}

struct fp_order *fp_trigger_arm(struct fp_oms *oms, const struct fp_entry *entry, uint64_t now_ns) {
    if (oms->armed_count == FP_MAX_ARMED)
        return NULL;
    struct fp_order *order = fp_order_create(oms, entry, NULL, FP_OS_ARMED, now_ns);
    if (!order)
        return NULL;
    order->condition = entry->command->condition;
    order->trigger_e4 = entry->command->trigger_e4;
    order->expire_ns = entry->command->expire_ns;
    struct fp_armed *armed = &oms->armed[oms->armed_count++];
    *armed = (struct fp_armed){.expire_ns = entry->command->expire_ns, .order = fp_table_at(&oms->table, order),
                               .trigger_e4 = entry->command->trigger_e4, .venue = entry->venue, .condition = entry->command->condition};
    memcpy(&armed->symbol, entry->symbol, 8);
    fp_risk_take_tokens(oms, order->account, order->agent, now_ns);
    fp_order_emit(oms, order, &(struct fp_step){.kind = FP_EX_TRIGGER_ARMED, .match_number = order->expire_ns}, now_ns);
    return order;
}

/* An armed order ends without having been sent. */
static void end(struct fp_oms *oms, struct fp_order *order, uint8_t kind, uint16_t reason, uint64_t now_ns) {
    int at = find(oms, order);
    if (at >= 0)
        drop(oms, (uint32_t)at);
    order->state = FP_OS_EXPIRED;
    order->reason = reason;
    order->updated_ns = now_ns;
    fp_order_settle(oms, order);
    fp_order_emit(oms, order, &(struct fp_step){.kind = kind, .reason = reason}, now_ns);
}

void fp_trigger_release(struct fp_oms *oms, struct fp_order *order) {
    int at = find(oms, order);
    if (at >= 0)
        drop(oms, (uint32_t)at);
    order->flags |= FP_XF_TRIGGERED;
}

static struct fp_jr_trigger record(const struct fp_order *order, const struct fp_armed *armed, uint8_t step, uint16_t reason, uint32_t bid_e4, uint32_t ask_e4) {
    struct fp_jr_trigger body = {.order_id = order->order_id, .bid_e4 = bid_e4, .ask_e4 = ask_e4, .reason = reason, .step = step};
    if (armed) {
        body.expire_ns = armed->expire_ns;
        body.trigger_e4 = armed->trigger_e4;
        body.condition = armed->condition;
    }
    return body;
}

/* An end is never refused: what the journal cannot take now it is owed. */
static void note_end(struct fp_oms *oms, const struct fp_order *order, const struct fp_jr_trigger *body, uint64_t now_ns) {
    (void)fp_owed_put(oms, FP_JR_TRIGGER, order->venue, body, sizeof *body, now_ns);
}

int fp_trigger_disarm(struct fp_oms *oms, struct fp_order *order, uint16_t reason, uint64_t now_ns) {
    if (order->state != FP_OS_ARMED)
        return 0;
    const struct fp_jr_trigger body = record(order, NULL, FP_TS_DISARMED, reason, 0, 0);
    if (!oms->folding)
        note_end(oms, order, &body, now_ns);
    end(oms, order, FP_EX_TRIGGER_DISARMED, reason, now_ns);
    return 1;
}

static int over(const struct fp_armed *armed, uint64_t now_ns) { return armed->expire_ns && now_ns >= armed->expire_ns; }

static void expire(struct fp_oms *oms, const struct fp_armed *armed, uint64_t now_ns) {
    struct fp_order *order = &oms->table.orders[armed->order];
    const struct fp_jr_trigger body = record(order, armed, FP_TS_EXPIRED, FP_RC_DEADLINE_PASSED, 0, 0);
    note_end(oms, order, &body, now_ns);
    end(oms, order, FP_EX_TRIGGER_EXPIRED, FP_RC_DEADLINE_PASSED, now_ns);
}

void fp_trigger_timer(struct fp_oms *oms, uint64_t now_ns) {
    for (uint32_t i = 0; i < oms->armed_count;) {
        const struct fp_armed armed = oms->armed[i]; /* ending it moves the array */
        if (!armed.delegated && over(&armed, now_ns))
            expire(oms, &armed, now_ns);
        else
            i++;
    }
}

static int met(const struct fp_armed *armed, uint32_t bid_e4, uint32_t ask_e4) {
    switch (armed->condition) {
    case FP_WHEN_BID_AT_OR_ABOVE: return bid_e4 && bid_e4 >= armed->trigger_e4;
    case FP_WHEN_BID_AT_OR_BELOW: return bid_e4 && bid_e4 <= armed->trigger_e4;
    case FP_WHEN_ASK_AT_OR_ABOVE: return ask_e4 && ask_e4 >= armed->trigger_e4;
    default: return ask_e4 && ask_e4 <= armed->trigger_e4;
    }
}

/* What risk says of an armed order with a quote. */
static void judge(const struct fp_oms *oms, const struct fp_order *order, const struct fp_quote *quote, uint64_t now_ns, struct fp_risk_verdict *verdict) {
    struct fp_check checks[FP_MAX_CHECKS];
    struct fp_risk_request request = {
        .symbol = order->symbol, .quote = quote, .replaced = order, .now_ns = now_ns, .quantity = order->quantity, .price_e4 = order->asked_price_e4,
        .account = order->account, .agent = order->agent, .venue = order->venue, .order_type = order->asked_type,
        .side = order->side == 'B' ? 'B' : 'S', .tif = (char)order->asked_tif,
    };
    fp_risk_check(oms, &request, 0, checks, verdict);
}

/* The condition is met: look again with the real quote, then send. hardware: what it has encoded, or NULL. Returns 1 when
 * it was sent. */
static int fire(struct fp_oms *oms, const struct fp_armed *armed, uint32_t bid_e4, uint32_t ask_e4, const struct fp_fire *hardware, uint64_t now_ns) {
    struct fp_order *order = &oms->table.orders[armed->order];
    struct fp_risk_verdict verdict;
    struct fp_quote quote = {0};
    struct fp_enter_bytes bytes;
    oms->sink.quote(oms->sink.context, order->venue, order->symbol, &quote);
    judge(oms, order, &quote, now_ns, &verdict);
    uint16_t reason = verdict.reason ? verdict.reason : hardware && hardware->refusal ? hardware->refusal : fp_enter_refusal(oms, order->venue);
    if (reason == 0) {
        order->side = verdict.wire_side;
        order->price_e4 = order->same_price_e4 = verdict.effective_price_e4;
        if (hardware)
            reason = fp_enter_given(oms, order->venue, order, hardware->message, hardware->length, &bytes);
        const struct fp_jr_trigger body = record(order, armed, FP_TS_FIRED, 0, bid_e4, ask_e4);
        if (reason == 0 && fp_journal_put(oms, FP_JR_TRIGGER, order->venue, &body, sizeof body, now_ns))
            reason = FP_RC_JOURNAL_FAILED;
    }
    if (reason == 0)
        reason = hardware ? fp_enter_note(oms, order->venue, &bytes, now_ns) : fp_enter_journal(oms, order->venue, order, NULL, &bytes, now_ns);
    if (reason) {
        const struct fp_jr_trigger body = record(order, armed, FP_TS_REFUSED, reason, bid_e4, ask_e4);
        note_end(oms, order, &body, now_ns);
        end(oms, order, FP_EX_TRIGGER_EXPIRED, reason, now_ns);
        return 0;
    }
    fp_trigger_release(oms, order);
    fp_order_emit(oms, order, &(struct fp_step){.kind = FP_EX_TRIGGER_FIRED}, now_ns);
    fp_enter_send(oms, order, &bytes, now_ns);
    return 1;
}

/* The session is on its way up, or will be: nothing is decided meanwhile. fp_trigger_resume looks when it is there. */
static int waits_for_session(const struct fp_oms *oms, uint8_t venue) {
    const uint16_t refusal = fp_session_refusal(oms, venue);
    return refusal == FP_RC_SESSION_DOWN || refusal == FP_RC_RECOVERING;
}

int fp_oms_on_bbo(struct fp_oms *oms, uint8_t venue, const char symbol[8], uint32_t bid_e4, uint32_t ask_e4, uint64_t now_ns) {
    uint64_t word;
    int fired = 0;
    if (!oms->armed_count || waits_for_session(oms, venue))
        return 0;
    memcpy(&word, symbol, 8);
    for (uint32_t i = 0; i < oms->armed_count;) {
        const struct fp_armed armed = oms->armed[i]; /* firing moves the array */
        if (armed.symbol != word || armed.venue != venue || armed.delegated || !met(&armed, bid_e4, ask_e4))
            i++;
        else if (over(&armed, now_ns)) /* the timer was late: the process stood still */
            expire(oms, &armed, now_ns);
        else
            fired += fire(oms, &armed, bid_e4, ask_e4, NULL, now_ns); /* it has left the array, whichever way it went */
    }
    return fired;
}

int fp_oms_look_again(struct fp_oms *oms, uint8_t venue, uint64_t now_ns) {
    int fired = 0;
    for (uint32_t i = 0; oms->folded && i < oms->armed_count;) {
        const uint32_t before = oms->armed_count;
        const struct fp_armed *armed = &oms->armed[i];
        struct fp_quote quote = {0};
        char symbol[8];
        memcpy(symbol, &armed->symbol, 8);
        if (armed->venue == venue) {
            oms->sink.quote(oms->sink.context, venue, symbol, &quote);
            fired += fp_oms_on_bbo(oms, venue, symbol, quote.bid_e4, quote.ask_e4, now_ns);
        }
        /* Whatever stood before i was looked at with the same quote when its own turn came: only i and its like can have gone. */
        i += oms->armed_count == before;
    }
    return fired;
}

void fp_trigger_resume(struct fp_oms *oms, uint8_t venue, uint64_t now_ns) {
    for (uint32_t i = 0; i < oms->armed_count;) {
        const struct fp_armed armed = oms->armed[i]; /* firing moves the array */
        struct fp_order *order = &oms->table.orders[armed.order];
        struct fp_quote quote = {0};
        struct fp_risk_verdict verdict = {0};
        if (armed.venue == venue && !armed.delegated)
            oms->sink.quote(oms->sink.context, venue, order->symbol, &quote);
        const int looked = met(&armed, quote.bid_e4, quote.ask_e4) && !over(&armed, now_ns);
        if (looked)
            judge(oms, order, &quote, now_ns, &verdict);
        if (looked && verdict.reason != FP_RC_QUOTE_STALE) /* a feed that is not back yet decides nothing: its end of gap looks again */
            (void)fire(oms, &armed, quote.bid_e4, quote.ask_e4, NULL, now_ns);
        else
            i++;
    }
}

/* ---- armed orders that hardware watches ---- */

int fp_oms_armed(const struct fp_oms *oms, uint8_t venue, uint32_t *cursor, uint64_t now_ns, struct fp_armed_order *out) {
    while (*cursor < oms->armed_count && oms->armed[*cursor].venue != venue)
        ++*cursor;
    if (*cursor >= oms->armed_count)
        return 0;
    const struct fp_armed *armed = &oms->armed[(*cursor)++];
    struct fp_order order = oms->table.orders[armed->order];
    struct fp_command command = {.trigger_e4 = armed->trigger_e4};
    struct fp_quote real = {0}, imagined;
    struct fp_risk_verdict verdict;
    oms->sink.quote(oms->sink.context, venue, order.symbol, &real);
    fp_trigger_quote(&command, &real, &imagined);
    /* The order itself, not the copy: what is reserved for it must be recognised. */
    judge(oms, &oms->table.orders[armed->order], &imagined, now_ns, &verdict);
    order.side = verdict.wire_side;
    order.price_e4 = verdict.effective_price_e4;
    *out = (struct fp_armed_order){
        .order_id = order.order_id, .expire_ns = armed->expire_ns, .trigger_e4 = armed->trigger_e4, .quantity = order.quantity, .price_e4 = order.price_e4,
        .reason = over(armed, now_ns) ? FP_RC_DEADLINE_PASSED : verdict.reason, .condition = armed->condition, .fixed = order.asked_type == FP_TYPE_LIMIT,
        .delegated = armed->delegated, .side = order.side,
    };
    memcpy(out->symbol, order.symbol, 8);
    const struct fp_usage *usages = oms->positions.usages;
    uint32_t collar = usages[FP_USAGE_FIRM].limits.collar_bps, account = usages[FP_USAGE_ACCOUNT + order.account].limits.collar_bps,
             agent = usages[FP_USAGE_AGENT + order.agent].limits.collar_bps;
    collar = account < collar ? account : collar;
    collar = agent < collar ? agent : collar;
    out->collar_bps = collar > UINT16_MAX ? UINT16_MAX : (uint16_t)collar;
    int length = fp_enter_encode(oms, venue, &order, 0, out->message, sizeof out->message);
    out->length = length < 0 ? 0 : (uint8_t)length;
    return 1;
}

static struct fp_armed *armed_of(struct fp_oms *oms, uint64_t order_id) {
    struct fp_order *order = fp_table_by_id(&oms->table, order_id);
    int at = order && order->state == FP_OS_ARMED ? find(oms, order) : FP_E_NOT_FOUND;
    return at < 0 ? NULL : &oms->armed[at];
}

int fp_oms_delegate(struct fp_oms *oms, uint64_t order_id, int on) {
    struct fp_armed *armed = armed_of(oms, order_id);
    if (!armed)
        return FP_E_NOT_FOUND;
    armed->delegated = on != 0;
    return 0;
}

int fp_oms_fired(struct fp_oms *oms, const struct fp_fire *given, uint64_t now_ns) {
    struct fp_armed *at = armed_of(oms, given->order_id);
    if (!at || !at->delegated)
        return FP_E_NOT_FOUND;
    at->delegated = 0;
    const struct fp_armed armed = *at; /* firing moves the array */
    if (!over(&armed, now_ns))
        return fire(oms, &armed, given->bid_e4, given->ask_e4, given, now_ns);
    expire(oms, &armed, now_ns);
    return 0;
}

uint32_t fp_oms_next_urn(const struct fp_oms *oms, uint8_t venue) { return oms->venues[venue].next_urn; }

uint16_t fp_oms_refusal(const struct fp_oms *oms, uint8_t venue) { return fp_session_refusal(oms, venue); }

int fp_trigger_fold(struct fp_oms *oms, const struct fp_jr_trigger *body, uint64_t now_ns) {
    struct fp_order *order = fp_table_by_id(&oms->table, body->order_id);
    if (!order)
        return FP_E_CORRUPT;
    switch (body->step) {
    case FP_TS_FIRED: return 0; /* takes effect with its bytes */
    case FP_TS_DISARMED:
    case FP_TS_EXPIRED:
    case FP_TS_REFUSED:
        if (order->state == FP_OS_ARMED)
            end(oms, order, body->step == FP_TS_DISARMED ? FP_EX_TRIGGER_DISARMED : FP_EX_TRIGGER_EXPIRED, body->reason, now_ns);
        return 0;
    default: return FP_E_CORRUPT;
    }
}
