/* Coming back: state as a fold over the journal, and what becomes of orders that were
 * sent and never answered.
 *
 * The fold changes state through the same functions as live trading, so it cannot
 * drift from it. Nothing is ever sent again blindly: an order that the venue did not
 * receive is LOST, one that it must have received but never answered stays in doubt. */
#include "trigger.h"

enum { JOURNAL_FORMAT = 1, NAME = 24 };

/* ---- in doubt ---- */

void fp_mark_in_doubt(struct fp_oms *oms, uint8_t index, uint64_t now_ns) {
    struct fp_order *orders = oms->table.orders;
    for (uint32_t at = oms->venues[index].open_first; at != FP_NO_INDEX; at = orders[at].venue_next) {
        if (orders[at].state != FP_OS_SENT || (orders[at].flags & FP_XF_IN_DOUBT))
            continue;
        orders[at].flags |= FP_XF_IN_DOUBT;
        orders[at].updated_ns = now_ns;
        oms->venues[index].stats.in_doubt++;
        fp_order_emit(oms, &orders[at], &(struct fp_step){.kind = FP_EX_IN_DOUBT}, now_ns);
    }
}

static void keep_in_doubt(struct fp_oms *oms, struct fp_order *order, uint64_t now_ns) {
    order->flags |= FP_XF_ANOMALY | FP_XF_IN_DOUBT;
    oms->venues[order->venue].stats.anomalies++;
    fp_order_emit(oms, order, &(struct fp_step){.kind = FP_EX_IN_DOUBT}, now_ns);
}

void fp_resolve_in_doubt(struct fp_oms *oms, uint8_t index, uint32_t next_urn, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    struct fp_order *orders = oms->table.orders;
    for (uint32_t at = venue->open_first, next; at != FP_NO_INDEX; at = next) {
        struct fp_order *order = &orders[at];
        next = order->venue_next;
        if (order->state != FP_OS_SENT)
            continue;
        /* A consumed number was answered in the replay; that this one was not is for a human, and the order keeps its reservation. */
        const int consumed = order->urn < next_urn;
        struct fp_jr_resolved body = {.order_id = order->order_id, .next_urn = next_urn, .state = consumed ? FP_OS_SENT : FP_OS_LOST};
        venue->stats.unjournaled += fp_journal_put(oms, FP_JR_RESOLVED, index, &body, sizeof body, now_ns) != 0; /* a restart decides the same again */
        if (consumed)
            keep_in_doubt(oms, order, now_ns);
        else
            fp_order_lost(oms, order, now_ns);
    }
}

/* ---- the fold ---- */

static int fold_start(struct fp_oms *oms, const uint8_t *body, size_t length, uint64_t now_ns) {
    struct fp_jr_start start;
    if (length < sizeof start)
        return FP_E_CORRUPT;
    memcpy(&start, body, sizeof start);
    if (start.format != JOURNAL_FORMAT || length != sizeof start + (start.venues + start.accounts + start.agents) * (size_t)NAME ||
        start.epoch <= oms->last_epoch)
        return FP_E_CORRUPT;
    /* Records hold indices. More names than then are fine, other names are not. */
    if (start.venues > oms->venue_count || start.accounts > oms->account_count || start.agents > oms->agent_count)
        return FP_E_BAD_CONFIG;
    const uint8_t *name = body + sizeof start;
    const unsigned counts[3] = {start.venues, start.accounts, start.agents};
    const unsigned bases[3] = {0, FP_MAX_VENUES, FP_MAX_VENUES + FP_MAX_ACCOUNTS};
    for (int kind = 0; kind < 3; kind++)
        for (unsigned i = 0; i < counts[kind]; i++, name += NAME)
            if (memcmp(name, oms->names[bases[kind] + i], NAME) != 0)
                return FP_E_BAD_CONFIG;
    oms->last_epoch = start.epoch;
    for (uint8_t v = 0; v < oms->venue_count; v++)
        fp_mark_in_doubt(oms, v, now_ns);
    return 0;
}

static int known(const struct fp_oms *oms, const struct fp_command *command) {
    return command->account < oms->account_count && command->agent < oms->agent_count;
}

static int fold_decision(struct fp_oms *oms, const uint8_t *body, size_t length, uint64_t now_ns) {
    if (!oms->has_command || length != sizeof oms->decision)
        return FP_E_CORRUPT;
    memcpy(&oms->decision, body, length);
    oms->has_decision = 1;
    if (oms->decision.outcome != FP_OUT_ACCEPTED)
        return 0;
    if (oms->decision.kind == FP_CMD_CANCEL || oms->decision.kind == FP_CMD_DISARM) {
        struct fp_order *order = fp_table_by_id(&oms->table, oms->decision.order_id);
        if (!order)
            return FP_E_CORRUPT;
        fp_cancel_one(oms, order, now_ns);
    } else if (oms->decision.kind == FP_CMD_CANCEL_ALL) {
        if (!known(oms, &oms->command))
            return FP_E_CORRUPT;
        fp_cancel_all(oms, &oms->command, now_ns);
    }
    return 0;
}

/* The decision before these bytes allows an order of this kind under this id. Used up by it. */
static int decided(struct fp_oms *oms, uint8_t kind, uint64_t order_id) {
    int yes = oms->has_command && oms->has_decision && oms->decision.outcome == FP_OUT_ACCEPTED && oms->decision.kind == kind &&
              oms->decision.order_id == order_id && known(oms, &oms->command);
    oms->has_decision = 0;
    return yes;
}

static int fold_enter(struct fp_oms *oms, uint8_t venue, const struct fp_ouch_in_enter_order *m, uint64_t now_ns) {
    uint64_t id;
    if (fp_clordid_get(m->cl_ord_id, &id) || m->price_e4 > UINT32_MAX)
        return FP_E_CORRUPT;
    struct fp_order *order = fp_table_by_id(&oms->table, id);
    if (order) {
        if (order->state != FP_OS_ARMED || order->venue != venue || fp_side_index(order->side) != fp_side_index(m->side))
            return FP_E_CORRUPT;
        fp_trigger_release(oms, order);
        order->side = m->side;
        order->price_e4 = order->same_price_e4 = (uint32_t)m->price_e4;
        fp_order_sent(oms, order, m->user_ref_num, now_ns);
        return 0;
    }
    if (!decided(oms, FP_CMD_SUBMIT, id))
        return FP_E_CORRUPT;
    struct fp_entry entry = {
        .command = &oms->command, .symbol = m->symbol, .client_order_id = oms->command.client_order_id, .order_id = id, .quantity = m->quantity,
        .price_e4 = (uint32_t)m->price_e4, .flags = oms->command.order_type == FP_TYPE_MARKET ? FP_XF_MARKET : 0, .venue = venue,
        .kind = FP_CMD_SUBMIT, .side = m->side, .tif = m->time_in_force,
    };
    order = fp_order_create(oms, &entry, NULL, FP_OS_SENT, now_ns);
    if (!order)
        return FP_E_NO_ROOM;
    fp_order_sent(oms, order, m->user_ref_num, now_ns);
    return 0;
}

static int fold_replace(struct fp_oms *oms, uint8_t venue, const struct fp_ouch_in_replace_order *m, const struct fp_ouch_appendage *tags, uint64_t now_ns) {
    uint64_t id;
    const uint8_t *side;
    struct fp_order *parent = fp_table_by_urn(&oms->table, venue, m->orig_user_ref_num);
    if (fp_clordid_get(m->cl_ord_id, &id) || m->price_e4 > UINT32_MAX || !parent || !fp_order_open(parent) || parent->child != FP_NO_INDEX ||
        fp_table_by_id(&oms->table, id) || !decided(oms, FP_CMD_REPLACE, id))
        return FP_E_CORRUPT;
    struct fp_entry entry = {
        .command = &oms->command, .symbol = parent->symbol, .client_order_id = oms->command.new_client_order_id, .order_id = id,
        .quantity = m->quantity, .price_e4 = (uint32_t)m->price_e4, .venue = venue, .kind = FP_CMD_REPLACE,
        .side = fp_ouch_tag(tags, FP_OUCH_TAG_SIDE, &side) == 1 ? (char)*side : parent->side, .tif = m->time_in_force,
    };
    if (fp_side_index(entry.side) != fp_side_index(parent->side))
        return FP_E_CORRUPT;
    struct fp_order *order = fp_order_create(oms, &entry, parent, FP_OS_SENT, now_ns);
    if (!order)
        return FP_E_NO_ROOM;
    fp_order_sent(oms, order, m->user_ref_num, now_ns);
    return 0;
}

static int fold_bytes_out(struct fp_oms *oms, uint8_t index, const uint8_t *body, size_t length, uint64_t now_ns) {
    union fp_ouch_in_body m;
    struct fp_ouch_appendage tags = {0};
    struct fp_venue *venue = &oms->venues[index];
    struct fp_order *order;
    if (fp_ouch_in_decode(body, length, &m, &tags))
        return FP_E_CORRUPT;
    switch (m.type) {
    case 'O': return fold_enter(oms, index, &m.enter_order, now_ns);
    case 'U': return fold_replace(oms, index, &m.replace_order, &tags, now_ns);
    case 'X':
        order = fp_table_by_urn(&oms->table, index, m.cancel_order.user_ref_num);
        if (!order)
            return FP_E_CORRUPT;
        if (fp_order_open(order) && order->state != FP_OS_ARMED) {
            fp_order_want_cancel(oms, order, now_ns); /* should its command be missing */
            fp_order_set_cancel(oms, order, FP_CANCEL_SENT);
        }
        return 0;
    case 'C':
        if (m.mass_cancel.user_ref_num >= venue->next_urn)
            venue->next_urn = m.mass_cancel.user_ref_num + 1;
        for (uint32_t at = venue->open_first; at != FP_NO_INDEX; at = oms->table.orders[at].venue_next)
            if (oms->table.orders[at].cancel == FP_CANCEL_WANTED)
                fp_order_set_cancel(oms, &oms->table.orders[at], FP_CANCEL_MASS);
        return 0;
    case 'Q': venue->queries++; return 0;
    default: return FP_E_CORRUPT; /* nothing else is ever sent */
    }
}

static int fold_sequenced(struct fp_oms *oms, uint8_t index, const uint8_t *body, size_t length, uint64_t now_ns) {
    uint64_t sequence;
    struct fp_venue *venue = &oms->venues[index];
    if (length < sizeof sequence)
        return FP_E_CORRUPT;
    memcpy(&sequence, body, sizeof sequence);
    if (sequence != venue->next_sequence)
        return FP_E_CORRUPT;
    venue->next_sequence++;
    if (length > sizeof sequence)
        fp_order_message(oms, index, sequence, body + sizeof sequence, length - sizeof sequence, now_ns);
    return 0;
}

static int fold_session(struct fp_oms *oms, uint8_t index, const uint8_t *body, size_t length, uint64_t now_ns) {
    struct fp_jr_session step;
    struct fp_venue *venue = &oms->venues[index];
    if (length != sizeof step)
        return FP_E_CORRUPT;
    memcpy(&step, body, length);
    switch (step.step) {
    case FP_SS_LOGIN:
        if (step.sequence != venue->next_sequence)
            return FP_E_CORRUPT;
        memcpy(venue->session, step.session, sizeof venue->session);
        return 0;
    case FP_SS_LOST: fp_mark_in_doubt(oms, index, now_ns); return 0;
    case FP_SS_ENDED:
        fp_mark_in_doubt(oms, index, now_ns);
        venue->state = FP_VS_ENDED; /* the session is over for good; a new day wants a new journal */
        return 0;
    case FP_SS_REFUSED: return 0;
    default: return FP_E_CORRUPT;
    }
}

static int fold_kill(struct fp_oms *oms, const uint8_t *body, size_t length, uint64_t now_ns) {
    struct fp_jr_kill kill;
    if (length != sizeof kill)
        return FP_E_CORRUPT;
    memcpy(&kill, body, length);
    if (kill.step < FP_KS_ENGAGE || kill.step > FP_KS_LOSS || kill.scope > FP_KILL_SYMBOL || (kill.scope == FP_KILL_VENUE && kill.venue >= oms->venue_count) ||
        (kill.scope == FP_KILL_ACCOUNT && kill.account >= oms->account_count) || (kill.scope == FP_KILL_AGENT && kill.agent >= oms->agent_count))
        return FP_E_CORRUPT;
    fp_kill_apply(oms, &kill, now_ns);
    return 0;
}

static int fold_resolved(struct fp_oms *oms, const uint8_t *body, size_t length, uint64_t now_ns) {
    struct fp_jr_resolved resolved;
    if (length != sizeof resolved)
        return FP_E_CORRUPT;
    memcpy(&resolved, body, length);
    struct fp_order *order = fp_table_by_id(&oms->table, resolved.order_id);
    if (!order || order->state != FP_OS_SENT || (resolved.state != FP_OS_LOST && resolved.state != FP_OS_SENT))
        return FP_E_CORRUPT;
    if (resolved.state == FP_OS_LOST)
        fp_order_lost(oms, order, now_ns);
    else
        keep_in_doubt(oms, order, now_ns);
    return 0;
}

static int fold_trigger(struct fp_oms *oms, uint8_t venue, const uint8_t *body, size_t length, uint64_t now_ns) {
    struct fp_jr_trigger trigger;
    if (length != sizeof trigger)
        return FP_E_CORRUPT;
    memcpy(&trigger, body, length);
    if (trigger.step != FP_TS_ARMED)
        return fp_trigger_fold(oms, &trigger, now_ns);
    char side = oms->decision.side;
    if (!decided(oms, FP_CMD_ARM, trigger.order_id) || (side != 'B' && side != 'S' && side != 'T') || fp_table_by_id(&oms->table, trigger.order_id))
        return FP_E_CORRUPT;
    struct fp_entry entry = {
        .command = &oms->command, .symbol = oms->command.symbol, .client_order_id = oms->command.client_order_id, .order_id = trigger.order_id,
        .quantity = oms->command.quantity, .price_e4 = oms->decision.effective_price_e4,
        .flags = oms->command.order_type == FP_TYPE_MARKET ? FP_XF_MARKET : 0, .venue = venue, .kind = FP_CMD_ARM, .side = side,
        .tif = oms->command.order_type == FP_TYPE_MARKET ? '3' : oms->command.tif,
    };
    return fp_trigger_arm(oms, &entry, now_ns) ? 0 : FP_E_NO_ROOM;
}

int fp_oms_fold(struct fp_oms *oms, const struct fp_journal_entry *entry) {
    const uint8_t venue = (uint8_t)entry->venue;
    const int of_venue = entry->type == FP_JR_BYTES_OUT || entry->type == FP_JR_SEQUENCED_IN || entry->type == FP_JR_SESSION || entry->type == FP_JR_TRIGGER;
    if (oms->folded)
        return FP_E_BAD_STATE;
    if (of_venue && entry->venue >= oms->venue_count)
        return FP_E_CORRUPT;
    switch (entry->type) {
    case FP_JR_START: return fold_start(oms, entry->body, entry->length, entry->time_ns);
    case FP_JR_COMMAND:
        if (entry->length != sizeof oms->command)
            return FP_E_CORRUPT;
        memcpy(&oms->command, entry->body, sizeof oms->command);
        oms->has_command = 1;
        oms->has_decision = 0;
        return 0;
    case FP_JR_DECISION: return fold_decision(oms, entry->body, entry->length, entry->time_ns);
    case FP_JR_BYTES_OUT: return fold_bytes_out(oms, venue, entry->body, entry->length, entry->time_ns);
    case FP_JR_SEQUENCED_IN: return fold_sequenced(oms, venue, entry->body, entry->length, entry->time_ns);
    case FP_JR_SESSION: return fold_session(oms, venue, entry->body, entry->length, entry->time_ns);
    case FP_JR_KILL: return fold_kill(oms, entry->body, entry->length, entry->time_ns);
    case FP_JR_RESOLVED: return fold_resolved(oms, entry->body, entry->length, entry->time_ns);
    case FP_JR_TRIGGER: return fold_trigger(oms, venue, entry->body, entry->length, entry->time_ns);
    case FP_JR_LIMITS:
    case FP_JR_STOP: return 0; /* the engine's own */
    default: return FP_E_CORRUPT;
    }
}

/* ---- the end of the fold ---- */

static int write_start(struct fp_oms *oms, uint64_t now_ns) {
    static const unsigned bases[3] = {0, FP_MAX_VENUES, FP_MAX_VENUES + FP_MAX_ACCOUNTS};
    const unsigned counts[3] = {oms->venue_count, oms->account_count, oms->agent_count};
    struct fp_jr_start start = {.format = JOURNAL_FORMAT, .epoch = oms->epoch, .venues = oms->venue_count, .accounts = oms->account_count, .agents = oms->agent_count};
    uint8_t body[sizeof start + (FP_MAX_VENUES + FP_MAX_ACCOUNTS + FP_MAX_AGENTS) * NAME];
    size_t length = sizeof start;
    memcpy(body, &start, sizeof start);
    for (int kind = 0; kind < 3; kind++) {
        memcpy(body + length, oms->names[bases[kind]], counts[kind] * (size_t)NAME);
        length += counts[kind] * (size_t)NAME;
    }
    return fp_journal_put(oms, FP_JR_START, 0, body, length, now_ns);
}

/* The kind that tells a watcher most about where the order stands. */
static uint8_t kind_of(const struct fp_order *order) {
    switch (order->state) {
    case FP_OS_SENT: return FP_EX_IN_DOUBT;
    case FP_OS_FILLED: return FP_EX_FILL;
    case FP_OS_CANCELED: return FP_EX_CANCELED;
    case FP_OS_REJECTED: return FP_EX_REJECTED;
    case FP_OS_REPLACED: return FP_EX_REPLACED_AWAY;
    case FP_OS_LOST: return FP_EX_LOST;
    case FP_OS_ARMED: return FP_EX_TRIGGER_ARMED;
    case FP_OS_EXPIRED: return FP_EX_TRIGGER_EXPIRED;
    default: return FP_EX_ACCEPTED;
    }
}

int fp_oms_fold_done(struct fp_oms *oms, uint64_t now_ns) {
    if (oms->folded)
        return FP_E_BAD_STATE;
    if (oms->epoch == 0) {
        if (oms->last_epoch == UINT16_MAX)
            return FP_E_NO_ROOM; /* engine ids are used up */
        oms->epoch = (uint16_t)(oms->last_epoch + 1);
    } else if (oms->epoch <= oms->last_epoch) {
        return FP_E_BAD_CONFIG;
    }
    for (uint8_t v = 0; v < oms->venue_count; v++) {
        struct fp_venue *venue = &oms->venues[v];
        fp_mark_in_doubt(oms, v, now_ns);
        venue->stats = (struct fp_order_stats){.open_orders = venue->stats.open_orders}; /* counts are of this run */
    }
    int rc = write_start(oms, now_ns);
    if (rc)
        return rc;
    oms->folding = 0;
    oms->folded = 1;
    oms->has_command = oms->has_decision = 0;
    for (uint32_t at = 0; at < oms->table.count; at++) {
        const struct fp_order *order = &oms->table.orders[at];
        fp_order_emit(oms, order, &(struct fp_step){.kind = kind_of(order), .flags = FP_XF_RECOVERED, .venue_ns = order->venue_ns,
                                                    .match_number = order->state == FP_OS_ARMED ? order->expire_ns : 0, .soup_seq = order->soup_seq,
                                                    .liquidity = order->liquidity, .cancel_reason = order->cancel_reason}, now_ns);
    }
    return 0;
}

uint16_t fp_oms_last_epoch(const struct fp_oms *oms) { return oms->last_epoch; }
uint16_t fp_oms_epoch(const struct fp_oms *oms) { return oms->epoch; }
