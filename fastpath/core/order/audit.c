/* Reading the state: lookups for the engine, a hash that equal states share, and a walk
 * over every invariant for the tests. It changes nothing. */
#include "state.h"

static void record(const struct fp_oms *oms, const struct fp_order *order, struct fp_exec *out) { fp_order_record(oms, order, out); }

int fp_oms_order(const struct fp_oms *oms, uint64_t order_id, struct fp_exec *out) {
    const struct fp_order *order = fp_table_by_id(&oms->table, order_id);
    if (!order)
        return FP_E_NOT_FOUND;
    record(oms, order, out);
    return 0;
}

int fp_oms_order_by_client_id(const struct fp_oms *oms, uint16_t account, const char *client_order_id, struct fp_exec *out) {
    char id[40] = {0};
    size_t length = strnlen(client_order_id, FP_CLIENT_ORDER_ID_MAX + 1);
    if (length == 0 || length > FP_CLIENT_ORDER_ID_MAX)
        return FP_E_NOT_FOUND;
    memcpy(id, client_order_id, length);
    const struct fp_order *order = fp_table_by_client(&oms->table, account, id);
    if (!order)
        return FP_E_NOT_FOUND;
    record(oms, order, out);
    return 0;
}

int fp_oms_position(const struct fp_oms *oms, uint16_t account, const char symbol[8], struct fp_position *out) {
    uint32_t id = fp_symbol_find(&oms->positions, symbol);
    uint32_t at = id == FP_NO_INDEX || account >= oms->account_count ? FP_NO_INDEX : fp_exposure_find(&oms->positions, FP_USAGE_ACCOUNT + account, id);
    if (at == FP_NO_INDEX)
        return FP_E_NOT_FOUND;
    const struct fp_exposure *e = &oms->positions.exposures[at];
    *out = (struct fp_position){e->held.position, e->held.open_cost_e4, e->held.realised_e4, e->bought, e->sold, e->open_shares[FP_BUY], e->open_shares[FP_SELL], {0}};
    memcpy(out->symbol, symbol, 8);
    return 0;
}

int fp_oms_kill_state(const struct fp_oms *oms, uint32_t *venues, uint8_t *firm) {
    *venues = 0;
    *firm = oms->positions.usages[FP_USAGE_FIRM].killed;
    int any = *firm;
    for (uint8_t v = 0; v < oms->venue_count; v++)
        *venues |= (uint32_t)oms->venues[v].killed << v;
    for (unsigned u = 0; u < FP_USAGES; u++)
        any |= oms->positions.usages[u].killed;
    for (uint32_t s = 0; s < oms->positions.symbol_count; s++)
        any |= oms->positions.symbols[s].killed;
    return any || *venues;
}

int fp_oms_killed(const struct fp_oms *oms, uint8_t scope, uint16_t index, const char symbol[8]) {
    uint32_t id;
    switch (scope) {
    case FP_KILL_FIRM: return oms->positions.usages[FP_USAGE_FIRM].killed;
    case FP_KILL_VENUE: return index < oms->venue_count && oms->venues[index].killed;
    case FP_KILL_ACCOUNT: return index < oms->account_count && oms->positions.usages[FP_USAGE_ACCOUNT + index].killed;
    case FP_KILL_AGENT: return index < oms->agent_count && oms->positions.usages[FP_USAGE_AGENT + index].killed;
    default: id = fp_symbol_find(&oms->positions, symbol); return id != FP_NO_INDEX && oms->positions.symbols[id].killed;
    }
}

int fp_oms_recovering(const struct fp_oms *oms) {
    for (uint8_t v = 0; v < oms->venue_count; v++)
        if (oms->venues[v].state == FP_VS_LOGIN_SENT || oms->venues[v].state == FP_VS_REPLAYING)
            return 1;
    return !oms->folded;
}

/* ---- hash ---- */

static uint64_t fold_bytes(uint64_t hash, const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    while (length--)
        hash = (hash ^ *at++) * 0x100000001B3u;
    return hash;
}

static uint64_t fold_number(uint64_t hash, uint64_t value) { return fp_mix64(hash ^ fp_mix64(value + 0x9E3779B97F4A7C15u)); }

/* Engine ids, times and doubts differ between a run and its recovery; what was ordered and what became of it must not. */
static uint64_t hash_order(const struct fp_order *o) {
    uint64_t h = fold_bytes(0xCBF29CE484222325u, o->client_order_id, 40);
    h = fold_bytes(h, o->symbol, 8);
    const uint64_t numbers[] = {o->account, o->agent, o->venue, o->state, (uint8_t)o->side, (uint8_t)o->tif, o->price_e4, o->quantity, o->executed, o->broken,
                                o->leaves, o->cum_notional_e4, o->exchange_ref, o->reason, o->reserved_shares, o->reserved_value_e4,
                                o->condition, o->trigger_e4, o->expire_ns, o->flags & (unsigned)~(FP_XF_IN_DOUBT | FP_XF_RECOVERED)};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        h = fold_number(h, numbers[i]);
    return h;
}

uint64_t fp_oms_state_hash(const struct fp_oms *oms) {
    const struct fp_positions *p = &oms->positions;
    uint64_t sum = 0; /* of single hashes: the order of arrival does not matter */
    for (uint32_t i = 0; i < oms->table.count; i++)
        sum += hash_order(&oms->table.orders[i]);
    for (uint32_t i = 0; i < p->exposure_count; i++) {
        const struct fp_exposure *e = &p->exposures[i];
        uint64_t h = fold_bytes(e->usage, p->symbols[e->symbol_id].name, 8);
        const uint64_t numbers[] = {(uint64_t)e->held.position, (uint64_t)e->held.open_cost_e4, (uint64_t)e->held.realised_e4, e->bought, e->sold,
                                    e->open_shares[0], e->open_shares[1]};
        for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++)
            h = fold_number(h, numbers[n]);
        sum += h;
    }
    for (unsigned u = 0; u < FP_USAGES; u++) {
        const struct fp_usage *usage = &p->usages[u];
        sum += fold_number(fold_number(fold_number(u, usage->open_orders), (uint64_t)usage->loss_latched << 1 | usage->killed), usage->gross_cost_e4);
    }
    for (uint32_t s = 0; s < p->symbol_count; s++)
        if (p->symbols[s].killed)
            sum += fold_bytes(1, p->symbols[s].name, 8);
    for (uint8_t v = 0; v < oms->venue_count; v++)
        sum += fold_number(fold_number(v + 1000u, oms->venues[v].killed), oms->venues[v].stats.open_orders);
    return sum;
}

/* ---- invariants ---- */

static int check_order(const struct fp_oms *oms, const struct fp_order *o) {
    uint32_t at = fp_table_at(&oms->table, o);
    int open = fp_order_open(o);
    if (fp_table_by_id(&oms->table, o->order_id) != o || (o->client_order_id[0] && fp_table_by_client(&oms->table, o->account, o->client_order_id) != o) ||
        (o->urn && fp_table_by_urn(&oms->table, o->venue, o->urn) != o))
        return FP_E_CORRUPT;
    if (o->listed != open || (!open && (o->leaves || o->reserved_shares || o->reserved_value_e4 || o->counted || o->cancel)))
        return FP_E_CORRUPT;
    if (o->account >= oms->account_count || o->agent >= oms->agent_count || o->venue >= oms->venue_count || o->broken > o->executed)
        return FP_E_CORRUPT;
    const struct fp_order *parent = o->parent == FP_NO_INDEX ? NULL : &oms->table.orders[o->parent];
    if (open && !(o->state == FP_OS_SENT && parent && parent->child == at && fp_order_open(parent)) &&
        (o->reserved_shares != o->leaves || o->reserved_value_e4 != (uint64_t)o->leaves * o->price_e4 || !o->counted))
        return FP_E_CORRUPT;
    if (o->child != FP_NO_INDEX && (!open || oms->table.orders[o->child].parent != at))
        return FP_E_CORRUPT;
    if (open && o->state == FP_OS_LIVE && o->executed != UINT32_MAX && o->quantity != o->executed + o->leaves)
        return FP_E_CORRUPT;
    return 0;
}

static int check_lists(const struct fp_oms *oms) {
    uint32_t listed = 0, open = 0;
    for (uint32_t i = 0; i < oms->table.count; i++)
        open += fp_order_open(&oms->table.orders[i]);
    for (uint8_t v = 0; v < oms->venue_count; v++) {
        uint32_t wanted = 0, here = 0;
        for (uint32_t at = oms->venues[v].open_first, prev = FP_NO_INDEX; at != FP_NO_INDEX; prev = at, at = oms->table.orders[at].venue_next) {
            const struct fp_order *o = &oms->table.orders[at];
            if (o->venue != v || o->venue_prev != prev || ++here > open)
                return FP_E_CORRUPT;
            wanted += o->cancel == FP_CANCEL_WANTED;
        }
        if (wanted != oms->venues[v].cancels_wanted || here != oms->venues[v].stats.open_orders)
            return FP_E_CORRUPT;
        listed += here;
    }
    for (uint32_t i = 0; i < oms->armed_count; i++)
        if (oms->table.orders[oms->armed[i].order].state != FP_OS_ARMED)
            return FP_E_CORRUPT;
    return listed == open ? 0 : FP_E_CORRUPT;
}

static int check_exposure(const struct fp_oms *oms, uint32_t at) {
    const struct fp_positions *p = &oms->positions;
    const struct fp_exposure *e = &p->exposures[at];
    int level = e->usage == FP_USAGE_FIRM ? FP_LEVEL_FIRM : e->usage < FP_USAGE_AGENT ? FP_LEVEL_ACCOUNT : FP_LEVEL_AGENT;
    uint64_t open[2] = {0, 0};
    uint32_t in_list = 0, reserved = 0;
    if (p->fill_count < p->fill_capacity) { /* else fills that could not be kept are in the holding */
        struct fp_holding held = fp_holding_fold(p, at, level, oms->table.orders);
        if (memcmp(&held, &e->held, sizeof held) != 0 || e->bought - e->sold != (uint64_t)held.position)
            return FP_E_CORRUPT;
    }
    for (uint32_t i = 0; i < oms->table.count; i++) {
        const struct fp_order *o = &oms->table.orders[i];
        if (o->exposure[level] != at)
            continue;
        open[fp_side_index(o->side)] += o->reserved_shares;
        reserved += fp_order_open(o);
    }
    for (int side = 0; level == FP_LEVEL_ACCOUNT && side < 2; side++)
        for (uint32_t o = e->open_first[side]; o != FP_NO_INDEX; o = oms->table.orders[o].side_next) {
            const struct fp_order *order = &oms->table.orders[o];
            if (order->exposure[level] != at || fp_side_index(order->side) != side || ++in_list > reserved ||
                (side == FP_BUY ? order->price_e4 > e->bound_e4[side] : order->price_e4 < e->bound_e4[side]))
                return FP_E_CORRUPT;
        }
    if (level == FP_LEVEL_ACCOUNT && in_list != reserved)
        return FP_E_CORRUPT;
    return open[0] == e->open_shares[0] && open[1] == e->open_shares[1] ? 0 : FP_E_CORRUPT;
}

static int check_usage(const struct fp_oms *oms, uint32_t index) {
    const struct fp_positions *p = &oms->positions;
    const struct fp_usage *usage = &p->usages[index];
    uint64_t gross = 0, open[2] = {0, 0};
    int64_t net = 0, realised = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->exposure_count; i++) {
        if (p->exposures[i].usage != index)
            continue;
        int64_t cost = p->exposures[i].held.open_cost_e4;
        gross += (uint64_t)(cost < 0 ? -cost : cost);
        net += cost;
        realised += p->exposures[i].held.realised_e4;
    }
    for (uint32_t i = 0; i < oms->table.count; i++) {
        const struct fp_order *o = &oms->table.orders[i];
        if (index != FP_USAGE_FIRM && index != FP_USAGE_ACCOUNT + (uint32_t)o->account && index != FP_USAGE_AGENT + (uint32_t)o->agent)
            continue;
        open[fp_side_index(o->side)] += o->reserved_value_e4;
        count += o->counted;
    }
    return gross == usage->gross_cost_e4 && net == usage->net_cost_e4 && realised == usage->realised_e4 && count == usage->open_orders &&
                   open[0] == usage->open_value_e4[0] && open[1] == usage->open_value_e4[1] ? 0 : FP_E_CORRUPT;
}

int fp_oms_validate(const struct fp_oms *oms) {
    for (uint32_t i = 0; i < oms->table.count; i++)
        if (check_order(oms, &oms->table.orders[i]))
            return FP_E_CORRUPT;
    for (uint32_t i = 0; i < oms->positions.exposure_count; i++)
        if (check_exposure(oms, i))
            return FP_E_CORRUPT;
    for (uint32_t u = 0; u < FP_USAGES; u++)
        if ((u == FP_USAGE_FIRM || (u < FP_USAGE_AGENT ? u < FP_USAGE_ACCOUNT + (uint32_t)oms->account_count : u < FP_USAGE_AGENT + (uint32_t)oms->agent_count)) &&
            check_usage(oms, u))
            return FP_E_CORRUPT;
    return check_lists(oms);
}
