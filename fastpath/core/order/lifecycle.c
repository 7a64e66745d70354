/* An order's place in the state: its records, the lists it stands in, what it reserves,
 * how it comes into being and how it ends without the venue. Live and recovery run the
 * same code; while the journal is being folded, no record goes out. It never sends,
 * and it never asks the clock. */
#include "risk.h"

/* ---- records ---- */

void fp_order_record(const struct fp_oms *oms, const struct fp_order *order, struct fp_exec *out) {
    const struct fp_holding *held = &oms->positions.exposures[order->exposure[FP_LEVEL_ACCOUNT]].held;
    *out = (struct fp_exec){
        .time_ns = order->updated_ns, .venue_ns = order->venue_ns, .order_id = order->order_id, .parent_id = order->parent_id,
        .exchange_ref = order->exchange_ref, .cum_notional_e4 = order->cum_notional_e4, .position = held->position,
        .open_cost_e4 = held->open_cost_e4, .realised_e4 = held->realised_e4, .price_e4 = order->price_e4, .quantity = order->quantity,
        .cum_shares = order->executed - order->broken, .leaves = order->leaves, .urn = order->urn, .soup_seq = order->soup_seq,
        .account = order->account, .agent = order->agent, .symbol_id = order->symbol_id, .reason = order->reason, .venue = order->venue,
        .side = order->side, .state = order->state, .flags = (uint16_t)(order->flags | (oms->paper ? FP_XF_PAPER : 0)), .tif = order->tif,
        .liquidity = order->liquidity, .cancel_reason = order->cancel_reason, .condition = order->condition, .trigger_e4 = order->trigger_e4,
    };
    memcpy(out->symbol, order->symbol, 8);
    memcpy(out->client_order_id, order->client_order_id, 40);
}

void fp_order_emit(struct fp_oms *oms, const struct fp_order *order, const struct fp_step *step, uint64_t now_ns) {
    struct fp_exec record;
    if (oms->folding)
        return;
    fp_order_record(oms, order, &record);
    record.seq = ++oms->exec_seq[order->account];
    record.kind = step->kind;
    record.time_ns = now_ns;
    record.venue_ns = step->venue_ns;
    record.soup_seq = step->soup_seq;
    record.match_number = step->match_number;
    record.last_price_e4 = step->last_price_e4;
    record.last_shares = step->last_shares;
    record.reason = step->reason ? step->reason : record.reason;
    record.flags |= step->flags;
    record.liquidity = step->liquidity;
    record.cancel_reason = step->cancel_reason;
    oms->sink.exec(oms->sink.context, &record);
}

/* ---- lists and reservations ---- */

static struct fp_exposure *side_list(struct fp_oms *oms, const struct fp_order *order) {
    return &oms->positions.exposures[order->exposure[FP_LEVEL_ACCOUNT]];
}

static void link_order(struct fp_oms *oms, struct fp_order *order) {
    struct fp_order *orders = oms->table.orders;
    struct fp_exposure *held = side_list(oms, order);
    struct fp_venue *venue = &oms->venues[order->venue];
    int side = fp_side_index(order->side);
    uint32_t at = fp_table_at(&oms->table, order);
    order->venue_prev = order->side_prev = FP_NO_INDEX;
    order->venue_next = venue->open_first;
    order->side_next = held->open_first[side];
    if (order->venue_next != FP_NO_INDEX)
        orders[order->venue_next].venue_prev = at;
    if (order->side_next != FP_NO_INDEX)
        orders[order->side_next].side_prev = at;
    venue->open_first = held->open_first[side] = at;
    order->listed = 1;
    venue->stats.open_orders++;
}

static void unlink_order(struct fp_oms *oms, struct fp_order *order) {
    struct fp_order *orders = oms->table.orders;
    struct fp_exposure *held = side_list(oms, order);
    int side = fp_side_index(order->side);
    *(order->venue_prev == FP_NO_INDEX ? &oms->venues[order->venue].open_first : &orders[order->venue_prev].venue_next) = order->venue_next;
    *(order->side_prev == FP_NO_INDEX ? &held->open_first[side] : &orders[order->side_prev].side_next) = order->side_next;
    if (order->venue_next != FP_NO_INDEX)
        orders[order->venue_next].venue_prev = order->venue_prev;
    if (order->side_next != FP_NO_INDEX)
        orders[order->side_next].side_prev = order->side_prev;
    if (held->open_first[side] == FP_NO_INDEX)
        held->bound_e4[side] = side == FP_BUY ? 0 : UINT32_MAX;
    order->listed = 0;
    oms->venues[order->venue].stats.open_orders--;
}

/* A replacement on its way: it reserves only what goes beyond the order it replaces, since either may be live. */
static const struct fp_order *replacing(const struct fp_oms *oms, const struct fp_order *order) {
    if (order->state != FP_OS_SENT || order->parent == FP_NO_INDEX)
        return NULL;
    const struct fp_order *parent = &oms->table.orders[order->parent];
    return parent->child == fp_table_at(&oms->table, order) && fp_order_open(parent) ? parent : NULL;
}

void fp_order_settle(struct fp_oms *oms, struct fp_order *order) {
    const struct fp_order *parent = replacing(oms, order);
    uint64_t value = (uint64_t)order->leaves * order->price_e4;
    if (!fp_order_open(order)) {
        order->leaves = 0;
        order->flags &= (uint16_t)~(FP_XF_CANCEL_PENDING | FP_XF_REPLACE_PENDING | FP_XF_IN_DOUBT);
        fp_order_set_cancel(oms, order, FP_CANCEL_NONE);
        fp_reserve(&oms->positions, order, 0, 0, 0);
        if (order->listed)
            unlink_order(oms, order);
    } else {
        struct fp_exposure *held = side_list(oms, order);
        int side = fp_side_index(order->side);
        if (!order->listed)
            link_order(oms, order);
        if (side == FP_BUY ? order->price_e4 > held->bound_e4[side] : order->price_e4 < held->bound_e4[side])
            held->bound_e4[side] = order->price_e4;
        if (parent) {
            uint64_t old_value = (uint64_t)parent->leaves * parent->price_e4;
            fp_reserve(&oms->positions, order, order->leaves > parent->leaves ? order->leaves - parent->leaves : 0, value > old_value ? value - old_value : 0, 0);
        } else {
            fp_reserve(&oms->positions, order, order->leaves, value, 1);
        }
    }
    if (order->child == FP_NO_INDEX)
        return;
    struct fp_order *child = &oms->table.orders[order->child];
    child->executed = order->executed;
    child->broken = order->broken;
    child->cum_notional_e4 = order->cum_notional_e4;
    child->leaves = child->quantity > child->executed ? child->quantity - child->executed : 0;
    fp_order_settle(oms, child);
}

void fp_order_set_cancel(struct fp_oms *oms, struct fp_order *order, uint8_t step) {
    oms->venues[order->venue].cancels_wanted += (step == FP_CANCEL_WANTED) - (order->cancel == FP_CANCEL_WANTED);
    order->cancel = step;
}

int fp_order_killed(const struct fp_oms *oms, const struct fp_order *order) {
    const struct fp_usage *usages = oms->positions.usages;
    return usages[FP_USAGE_FIRM].killed || oms->venues[order->venue].killed || usages[FP_USAGE_ACCOUNT + order->account].killed ||
           usages[FP_USAGE_AGENT + order->agent].killed || oms->positions.symbols[order->symbol_id].killed;
}

int fp_order_want_cancel(struct fp_oms *oms, struct fp_order *order, uint64_t now_ns) {
    if (!fp_order_open(order) || order->state == FP_OS_ARMED || order->cancel != FP_CANCEL_NONE)
        return 0;
    fp_order_set_cancel(oms, order, FP_CANCEL_WANTED);
    order->flags |= FP_XF_CANCEL_PENDING;
    order->updated_ns = now_ns;
    fp_order_emit(oms, order, &(struct fp_step){.kind = FP_EX_CANCEL_SENT}, now_ns);
    return 1;
}

/* ---- birth and sending ---- */

int fp_order_room(const struct fp_oms *oms, const char symbol[8]) {
    const struct fp_positions *p = &oms->positions;
    return oms->table.count < oms->table.capacity && (p->symbol_count < p->symbol_capacity || fp_symbol_find(p, symbol) != FP_NO_INDEX);
}

struct fp_order *fp_order_create(struct fp_oms *oms, const struct fp_entry *entry, struct fp_order *parent, uint8_t state, uint64_t now_ns) {
    const struct fp_command *command = entry->command;
    if (!fp_order_room(oms, entry->symbol))
        return NULL;
    struct fp_order *order = fp_table_add(&oms->table);
    uint32_t symbol_id = fp_symbol_add(&oms->positions, entry->symbol);
    order->order_id = entry->order_id;
    order->account = command->account;
    order->agent = command->agent;
    order->venue = entry->venue;
    order->symbol_id = (uint16_t)symbol_id;
    order->side = entry->side;
    order->tif = entry->tif;
    order->price_e4 = order->same_price_e4 = entry->price_e4;
    order->quantity = order->leaves = entry->quantity;
    order->flags = entry->flags;
    order->updated_ns = now_ns;
    order->asked_kind = entry->kind;
    order->asked_type = command->order_type;
    order->asked_tif = (uint8_t)command->tif;
    order->asked_quantity = command->quantity;
    order->asked_price_e4 = command->price_e4;
    memcpy(order->symbol, entry->symbol, 8);
    memcpy(order->client_order_id, entry->client_order_id, 40);
    const uint32_t usages[FP_LEVELS] = {FP_USAGE_FIRM, FP_USAGE_ACCOUNT + order->account, FP_USAGE_AGENT + order->agent};
    for (int level = 0; level < FP_LEVELS; level++) /* three for each order: never full */
        order->exposure[level] = fp_exposure_add(&oms->positions, usages[level], symbol_id);
    order->state = state;
    fp_table_index(&oms->table, order);
    if (parent) {
        order->parent = fp_table_at(&oms->table, parent);
        order->parent_id = parent->order_id;
        parent->child = fp_table_at(&oms->table, order);
        parent->flags |= FP_XF_REPLACE_PENDING;
        parent->updated_ns = now_ns;
        fp_order_settle(oms, parent); /* and with it the child */
    } else {
        fp_order_settle(oms, order);
    }
    return order;
}

void fp_order_sent(struct fp_oms *oms, struct fp_order *order, uint32_t urn, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[order->venue];
    order->state = FP_OS_SENT;
    order->urn = urn;
    order->sent_ns = order->updated_ns = now_ns;
    if (urn >= venue->next_urn)
        venue->next_urn = urn + 1;
    fp_table_index_urn(&oms->table, order);
    fp_risk_take_tokens(oms, order->account, order->agent, now_ns);
    fp_order_settle(oms, order);
    if (order->parent != FP_NO_INDEX) {
        venue->stats.replaces++;
        fp_order_emit(oms, &oms->table.orders[order->parent], &(struct fp_step){.kind = FP_EX_REPLACE_SENT}, now_ns);
    } else {
        uint32_t *bucket = &oms->same[fp_risk_same_bucket(order->agent, order->symbol, fp_side_index(order->side), order->same_price_e4, order->asked_quantity)];
        venue->stats.enters++;
        order->same_next = *bucket - 1;
        *bucket = fp_table_at(&oms->table, order) + 1;
    }
    fp_order_emit(oms, order, &(struct fp_step){.kind = FP_EX_SENT}, now_ns);
}

/* ---- endings ---- */

void fp_order_free_parent(struct fp_oms *oms, struct fp_order *order, const struct fp_step *step, uint64_t now_ns) {
    struct fp_order *parent = order->parent == FP_NO_INDEX ? NULL : &oms->table.orders[order->parent];
    if (!parent || parent->child != fp_table_at(&oms->table, order))
        return;
    parent->child = FP_NO_INDEX;
    if (!fp_order_open(parent))
        return;
    parent->flags &= (uint16_t)~FP_XF_REPLACE_PENDING;
    parent->updated_ns = now_ns;
    fp_order_settle(oms, parent);
    fp_order_emit(oms, parent, step, now_ns);
}

void fp_order_lost(struct fp_oms *oms, struct fp_order *order, uint64_t now_ns) {
    order->state = FP_OS_LOST;
    order->updated_ns = now_ns;
    fp_order_free_parent(oms, order, &(struct fp_step){.kind = FP_EX_REPLACE_REJECTED}, now_ns);
    fp_order_settle(oms, order);
    oms->venues[order->venue].stats.lost++;
    fp_order_emit(oms, order, &(struct fp_step){.kind = FP_EX_LOST}, now_ns);
}
