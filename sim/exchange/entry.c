/* OUCH 5.0 orders of the accounts: decode, check in the protocol's order, change the
 * books, answer. User reference numbers make every consuming message safe to send twice.
 * It never trusts a field: what cannot be answered is counted under its name. */
#include "core.h"
#include <string.h>

enum { MARKET_2025_E4 = 2000000000 }; /* revision 1.05's second way to write "market" */

/* Value bytes of each tag, 0 = not in the registry. */
static const uint8_t tag_length[31] = {[1] = 8,  [2] = 4,  [3] = 4,  [4] = 1,  [5] = 4,  [6] = 1,  [7] = 4,
                                       [9] = 8,  [10] = 1, [11] = 4, [12] = 1, [13] = 4, [14] = 4, [15] = 4,
                                       [16] = 1, [17] = 1, [18] = 1, [22] = 4, [23] = 8, [24] = 2, [25] = 1,
                                       [26] = 4, [27] = 1, [28] = 1, [29] = 1, [30] = 2};
#define TAG(n) (1u << (n))
enum {
    ENTER_TAGS = (int)(TAG(2) | TAG(3) | TAG(4) | TAG(5) | TAG(6) | TAG(7) | TAG(9) | TAG(10) | TAG(11) | TAG(12) |
                       TAG(13) | TAG(15) | TAG(16) | TAG(17) | TAG(24) | TAG(25) | TAG(26) | TAG(28) | TAG(29) |
                       TAG(30)),
    REPLACE_TAGS = (int)((ENTER_TAGS | TAG(27)) & ~(TAG(2) | TAG(4) | TAG(24))),
    /* what Accepted and Replaced repeat; UserRefIdx is added by emit.c */
    ECHO_TAGS = (int)(TAG(2) | TAG(3) | TAG(4) | TAG(12) | TAG(16) | TAG(17) | TAG(24) | TAG(25) | TAG(29) | TAG(30)),
    REPLACED_ECHO_TAGS = (int)(TAG(3) | TAG(12) | TAG(16) | TAG(17) | TAG(29) | TAG(30))
};

/* The elements of one appendage that matter here. */
struct tags {
    uint32_t present;
    uint32_t min_qty, max_floor;
    uint16_t group;
    uint8_t user_ref_index;
    char price_type, post_only, side, self_match;
    char firm[4];
    uint8_t bad;           /* a known tag with a wrong length */
    uint8_t echo[128];
    uint16_t echo_length;
};

static void read_tags(struct fp_match *match, const struct fp_ouch_appendage *appendage, uint32_t allowed,
                      uint32_t echoed, struct tags *out) {
    memset(out, 0, sizeof *out);
    for (uint16_t at = 0; at + 2 <= appendage->length;) {
        const uint8_t *element = appendage->bytes + at, *value = element + 2;
        uint8_t tag = element[1];
        uint16_t size = (uint16_t)(element[0] + 1u);
        if (element[0] < 1 || at + size > appendage->length) break; /* the decoder has checked the tiling */
        at = (uint16_t)(at + size);
        if (tag > 30 || !tag_length[tag] || !(allowed & TAG(tag))) {
            match->stats.ouch_unknown_tag++;
            continue;
        }
        if (element[0] - 1 != tag_length[tag]) {
            match->stats.ouch_bad_tag++;
            out->bad = 1;
            continue;
        }
        if (out->present & TAG(tag)) continue; /* the first one counts */
        out->present |= TAG(tag);
        if (echoed & TAG(tag) && out->echo_length + size <= sizeof out->echo) {
            memcpy(out->echo + out->echo_length, element, size);
            out->echo_length = (uint16_t)(out->echo_length + size);
        }
        switch (tag) {
        case FP_OUCH_TAG_FIRM: memcpy(out->firm, value, 4); break;
        case FP_OUCH_TAG_MIN_QTY: out->min_qty = fp_load_be32(value); break;
        case FP_OUCH_TAG_MAX_FLOOR: out->max_floor = fp_load_be32(value); break;
        case FP_OUCH_TAG_PRICE_TYPE: out->price_type = (char)*value; break;
        case FP_OUCH_TAG_POST_ONLY: out->post_only = (char)*value; break;
        case FP_OUCH_TAG_GROUP_ID: out->group = fp_load_be16(value); break;
        case FP_OUCH_TAG_SIDE: out->side = (char)*value; break;
        case FP_OUCH_TAG_USER_REF_IDX: out->user_ref_index = *value; break;
        case FP_OUCH_TAG_AIQ_STRATEGY: out->self_match = (char)*value; break;
        default: break;
        }
    }
}

/* AIQ letters of every scope mean the same here: an account is its own firm and organization. 0 = no such strategy. */
static char self_match_mode(char strategy, char account_default) {
    if (!strategy || strategy == '*') return account_default;
    if (strategy == 'N') return 'N';
    if (strchr("YyZ0DdE1", strategy)) return 'D';
    if (strchr("OoP2", strategy)) return 'O';
    if (strchr("WwX4", strategy)) return 'W';
    if (strchr("RrS5", strategy)) return account_default; /* use the remover's: the arriving account's own */
    return 0;
}

static int firm_is_ours(const struct fp_match *match, uint16_t account, const char firm[4]) {
    return memcmp(firm, match->accounts[account].firm, 4) == 0 || memcmp(firm, "    ", 4) == 0 ||
           memcmp(firm, "\0\0\0\0", 4) == 0;
}

static int is_market(uint64_t price_e4) { return price_e4 == FP_OUCH_MARKET_PRICE_E4 || price_e4 == MARKET_2025_E4; }

static int price_is_valid(uint64_t price_e4) {
    if (is_market(price_e4)) return 1;
    return price_e4 >= 1 && price_e4 <= FP_OUCH_MAX_PRICE_E4 && (price_e4 < 10000 || price_e4 % 100 == 0);
}

static void reject(struct fp_match *match, uint16_t account, uint8_t index, uint32_t user_ref_num, uint16_t reason,
                   const char *cl_ord_id) {
    union fp_ouch_out_body m = {
        .rejected = {.type = 'J', .timestamp_ns = match->now_ns, .user_ref_num = user_ref_num, .reason = reason}};
    if (cl_ord_id) memcpy(m.rejected.cl_ord_id, cl_ord_id, 14);
    else memset(m.rejected.cl_ord_id, ' ', 14);
    match->stats.rejected++;
    fp_emit_ouch(match, account, index, &m, NULL, 0);
}

/* 1 when the number is new; then it is not yet consumed. */
static int is_new(struct fp_match *match, uint16_t account, uint8_t index, uint32_t user_ref_num) {
    if (user_ref_num > match->last_user_ref[account][index]) return 1;
    match->stats.benign_resends++;
    return 0;
}

static void consume(struct fp_match *match, uint16_t account, uint8_t index, uint32_t user_ref_num) {
    match->last_user_ref[account][index] = user_ref_num;
}

/* What tags and common fields forbid; 0 = nothing. */
static uint16_t unsupported(const struct tags *tags, char tif, char display, char sweep) {
    if (!display || !strchr("YNA", display)) return FP_RC_DISPLAY;
    if (sweep != 'Y' && sweep != 'N') return FP_RC_ISO_NOT_ALLOWED;
    if (tif != '0' && tif != '3' && tif != '5') return FP_RC_OTHER;
    if (tags->bad) return FP_RC_OTHER;
    if (tags->max_floor) return FP_RC_MAX_FLOOR;
    if (tags->price_type && tags->price_type != 'L') return FP_RC_PEG_TYPE;
    if (tags->present & (TAG(7) | TAG(11))) return FP_RC_PEGGING;
    if (tags->present & (TAG(9) | TAG(10) | TAG(15))) return FP_RC_OTHER;
    if (tags->post_only && tags->post_only != 'P' && tags->post_only != 'N') return FP_RC_OTHER;
    if (tags->min_qty && tif != '3') return FP_RC_MIN_QUANTITY;
    return 0;
}

static uint16_t enter_refused(const struct fp_match *match, uint16_t account, const struct fp_ouch_in_enter_order *m,
                              const struct tags *tags, int symbol) {
    if (match->entry_disabled[account]) return FP_RC_ENTRY_DISABLED;
    if (tags->present & TAG(FP_OUCH_TAG_FIRM) && !firm_is_ours(match, account, tags->firm)) return FP_RC_ENTRY_DISABLED;
    if (!match->phase || strchr("OS", match->phase)) return FP_RC_PRE_MARKET;
    if (match->phase != 'Q') return FP_RC_POST_MARKET;
    if (!m->side || !strchr("BSTE", m->side)) return FP_RC_SIDE;
    if (symbol < 0) return FP_RC_SYMBOL;
    if (match->books[symbol].state != 'T') return FP_RC_HALTED;
    if (m->quantity < 1 || m->quantity > FP_OUCH_MAX_QUANTITY) return FP_RC_QUANTITY;
    if (!price_is_valid(m->price_e4)) return FP_RC_PRICE;
    if (m->cross_type != 'N') return FP_RC_CROSS_ORDER;
    if (!m->capacity || !strchr("APRO", m->capacity)) return FP_RC_OTHER;
    if (!self_match_mode(tags->self_match, 'N')) return FP_RC_INVALID_AIQ;
    uint16_t reason = unsupported(tags, m->time_in_force, m->display, m->inter_market_sweep_eligibility);
    if (!reason && tags->min_qty > m->quantity) reason = FP_RC_MIN_QUANTITY;
    if (!reason && !fp_ladders_has_room(&match->ladders)) reason = FP_RC_OTHER;
    return reason;
}

/* Does the order die without a trade the moment it arrives? */
static int dead_on_arrival(const struct fp_match *match, const struct fp_arrival *in, uint32_t min_qty) {
    return in->immediate && !fp_match_would_trade(match, in, min_qty ? min_qty : 1);
}

/* The accepted or replaced order meets the book. The answer to the user has gone out before. */
static void settle(struct fp_match *match, struct fp_arrival *in, char post_only) {
    if (post_only == 'P' && fp_match_would_trade(match, in, 1)) {
        fp_emit_canceled(match, &in->order, in->order.open, 'G');
        return;
    }
    fp_match_trade(match, in);
    if (!in->order.open) return;
    if (in->immediate) fp_emit_canceled(match, &in->order, in->order.open, 'I');
    else if (!fp_match_rest(match, in, 1)) fp_emit_canceled(match, &in->order, in->order.open, 'Z');
}

static void set_terms(struct fp_arrival *in, uint64_t price_e4) {
    in->immediate = is_market(price_e4) || in->order.time_in_force == '3';
    in->price_e4 = (uint32_t)price_e4;
    in->limit_e4 = is_market(price_e4) ? (fp_ladder_side(in->order.side) == FP_LADDER_BUY ? UINT32_MAX : 0)
                                       : (uint32_t)price_e4;
    in->order.flags = (uint8_t)((in->order.flags & ~FP_RESTING_HIDDEN) |
                                (in->order.display == 'N' ? FP_RESTING_HIDDEN : 0));
}

static void enter(struct fp_match *match, uint16_t account, const struct fp_ouch_in_enter_order *m,
                  const struct fp_ouch_appendage *appendage) {
    struct tags tags;
    read_tags(match, appendage, ENTER_TAGS, ECHO_TAGS, &tags);
    match->stats.enters++;
    if (!is_new(match, account, tags.user_ref_index, m->user_ref_num)) return;
    consume(match, account, tags.user_ref_index, m->user_ref_num);
    int symbol = fp_match_symbol_of(match, m->symbol);
    uint16_t reason = enter_refused(match, account, m, &tags, symbol);
    if (reason) {
        if (reason == FP_RC_OTHER && !fp_ladders_has_room(&match->ladders)) match->stats.table_full++;
        reject(match, account, tags.user_ref_index, m->user_ref_num, reason, m->cl_ord_id);
        return;
    }
    struct fp_arrival in = {
        .order = {.ref = match->next_ref++,
                  .open = m->quantity,
                  .user_ref_num = m->user_ref_num,
                  .account = account,
                  .symbol = (uint16_t)symbol,
                  .user_ref_index = tags.user_ref_index,
                  .side = m->side,
                  .display = m->display,
                  .time_in_force = m->time_in_force,
                  .capacity = m->capacity,
                  .sweep = m->inter_market_sweep_eligibility,
                  .self_match = self_match_mode(tags.self_match, match->accounts[account].self_match)}};
    memcpy(in.order.cl_ord_id, m->cl_ord_id, 14);
    if (tags.present & TAG(FP_OUCH_TAG_GROUP_ID)) {
        in.order.flags |= FP_RESTING_GROUPED;
        in.order.group = tags.group;
    }
    if (m->display == 'A') memcpy(in.order.attribution, match->accounts[account].firm, 4);
    set_terms(&in, m->price_e4);
    int dead = dead_on_arrival(match, &in, tags.min_qty);
    union fp_ouch_out_body out = {
        .order_accepted = {.type = 'A',
                           .timestamp_ns = match->now_ns,
                           .user_ref_num = m->user_ref_num,
                           .side = m->side,
                           .quantity = m->quantity,
                           .price_e4 = m->price_e4,
                           .time_in_force = m->time_in_force,
                           .display = m->display,
                           .order_reference_number = in.order.ref,
                           .capacity = m->capacity,
                           .inter_market_sweep_eligibility = m->inter_market_sweep_eligibility,
                           .cross_type = m->cross_type,
                           .order_state = dead ? 'D' : 'L'}};
    memcpy(out.order_accepted.symbol, m->symbol, 8);
    memcpy(out.order_accepted.cl_ord_id, m->cl_ord_id, 14);
    match->stats.accepted++;
    fp_emit_ouch(match, account, tags.user_ref_index, &out, tags.echo, tags.echo_length);
    if (!dead) settle(match, &in, tags.post_only);
}

static void replace(struct fp_match *match, uint16_t account, const struct fp_ouch_in_replace_order *m,
                    const struct fp_ouch_appendage *appendage) {
    struct tags tags;
    read_tags(match, appendage, REPLACE_TAGS, REPLACED_ECHO_TAGS, &tags);
    match->stats.replaces++;
    if (!is_new(match, account, tags.user_ref_index, m->user_ref_num)) return;
    uint32_t slot = fp_ladders_find_user(&match->ladders, account, tags.user_ref_index, m->orig_user_ref_num);
    if (!slot) { /* not live: ignored, the number is not consumed */
        match->stats.replace_of_dead++;
        return;
    }
    struct fp_arrival in = {.order = match->ladders.orders[slot]};
    int halted = match->books[in.order.symbol].state != 'T';
    if (match->entry_disabled[account] || halted || match->phase != 'Q') {
        consume(match, account, tags.user_ref_index, m->user_ref_num);
        reject(match, account, tags.user_ref_index, m->user_ref_num,
               match->entry_disabled[account] ? FP_RC_ENTRY_DISABLED
               : halted                       ? FP_RC_HALTED
                                              : FP_RC_POST_MARKET,
               m->cl_ord_id);
        return;
    }
    char side = tags.side ? tags.side : in.order.side;
    int side_ok = side == in.order.side || (in.order.side != 'B' && side != 'B' && strchr("STE", side));
    char mode = tags.self_match ? self_match_mode(tags.self_match, match->accounts[account].self_match)
                                : in.order.self_match;
    if (m->quantity < 1 || m->quantity > FP_OUCH_MAX_QUANTITY || m->quantity <= in.order.executed ||
        !price_is_valid(m->price_e4) || !side_ok || !mode ||
        unsupported(&tags, m->time_in_force, m->display, m->inter_market_sweep_eligibility)) {
        match->stats.replace_invalid++;
        fp_match_cancel_user(match, slot, UINT32_MAX, 'U');
        return;
    }
    consume(match, account, tags.user_ref_index, m->user_ref_num);
    int was_hidden = in.order.flags & FP_RESTING_HIDDEN;
    uint64_t old_ref = in.order.ref;
    struct fp_resting old = in.order;
    in.order.ref = match->next_ref++;
    in.order.user_ref_num = m->user_ref_num;
    in.order.open = m->quantity - in.order.executed;
    in.order.side = side;
    in.order.display = m->display;
    in.order.time_in_force = m->time_in_force;
    in.order.sweep = m->inter_market_sweep_eligibility;
    in.order.self_match = mode;
    memcpy(in.order.cl_ord_id, m->cl_ord_id, 14);
    memset(in.order.attribution, 0, 4);
    if (m->display == 'A') memcpy(in.order.attribution, match->accounts[account].firm, 4);
    set_terms(&in, m->price_e4);
    /* gone from the book before it is asked what would trade; the feed hears of it below */
    fp_ladders_remove(&match->ladders, slot);
    int dead = dead_on_arrival(match, &in, tags.min_qty);
    /* U is only for an order that rests as it is, displayed before and after; all else is D, then what follows.
     * A changed attribution cannot be told by U either. */
    int rests_as_is = !was_hidden && !(in.order.flags & FP_RESTING_HIDDEN) && !in.immediate &&
                      !fp_match_would_trade(match, &in, 1) && memcmp(old.attribution, in.order.attribution, 4) == 0;
    union fp_ouch_out_body out = {.order_replaced = {.type = 'U',
                                                     .timestamp_ns = match->now_ns,
                                                     .orig_user_ref_num = m->orig_user_ref_num,
                                                     .user_ref_num = m->user_ref_num,
                                                     .side = side,
                                                     .quantity = in.order.open,
                                                     .price_e4 = m->price_e4,
                                                     .time_in_force = m->time_in_force,
                                                     .display = m->display,
                                                     .order_reference_number = in.order.ref,
                                                     .capacity = in.order.capacity,
                                                     .inter_market_sweep_eligibility = in.order.sweep,
                                                     .cross_type = 'N',
                                                     .order_state = dead ? 'D' : 'L'}};
    memcpy(out.order_replaced.symbol, match->books[in.order.symbol].symbol, 8);
    memcpy(out.order_replaced.cl_ord_id, m->cl_ord_id, 14);
    match->stats.accepted++;
    fp_emit_ouch(match, account, tags.user_ref_index, &out, tags.echo, tags.echo_length);
    if (rests_as_is && fp_match_rest(match, &in, 0)) {
        fp_emit_replaced(match, old_ref, &in.order, in.price_e4);
        return;
    }
    if (!was_hidden) fp_emit_deleted(match, &old);
    if (rests_as_is) fp_emit_canceled(match, &in.order, in.order.open, 'Z'); /* no room for its price level */
    else if (!dead) settle(match, &in, tags.post_only);
}

static void cancel(struct fp_match *match, uint16_t account, const struct fp_ouch_in_cancel_order *m,
                   const struct fp_ouch_appendage *appendage) {
    struct tags tags;
    read_tags(match, appendage, TAG(28), 0, &tags);
    match->stats.cancels++;
    uint32_t slot = fp_ladders_find_user(&match->ladders, account, tags.user_ref_index, m->user_ref_num);
    if (!slot) {
        match->stats.cancel_of_dead++;
        return;
    }
    const struct fp_resting *order = &match->ladders.orders[slot];
    uint32_t keep = m->quantity > order->executed ? m->quantity - order->executed : 0;
    if (keep >= order->open) match->stats.superfluous_cancels++;
    else fp_match_cancel_user(match, slot, order->open - keep, 'U');
}

static void modify(struct fp_match *match, uint16_t account, const struct fp_ouch_in_modify_order *m,
                   const struct fp_ouch_appendage *appendage) {
    struct tags tags;
    read_tags(match, appendage, TAG(25) | TAG(26) | TAG(28), 0, &tags);
    match->stats.modifies++;
    uint32_t slot = fp_ladders_find_user(&match->ladders, account, tags.user_ref_index, m->user_ref_num);
    if (!slot) {
        match->stats.modify_of_dead++;
        return;
    }
    struct fp_resting *order = &match->ladders.orders[slot];
    if (m->side != order->side && (order->side == 'B' || !m->side || !strchr("STE", m->side))) {
        match->stats.bad_modify_side++;
        return;
    }
    uint32_t keep = m->quantity > order->executed ? m->quantity - order->executed : 0;
    if (keep == 0) {
        fp_match_cancel_user(match, slot, UINT32_MAX, 'U');
        return;
    }
    order->side = m->side; /* S, T and E rest on the same ladder */
    if (keep < order->open) fp_match_take_off(match, slot, order->open - keep);
    union fp_ouch_out_body out = {.order_modified = {.type = 'M',
                                                     .timestamp_ns = match->now_ns,
                                                     .user_ref_num = m->user_ref_num,
                                                     .side = order->side,
                                                     .quantity = order->open}};
    fp_emit_ouch(match, account, tags.user_ref_index, &out, NULL, 0);
}

static void mass_cancel(struct fp_match *match, uint16_t account, const struct fp_ouch_in_mass_cancel *m,
                        const struct fp_ouch_appendage *appendage) {
    struct tags tags;
    read_tags(match, appendage, TAG(24) | TAG(27) | TAG(28), TAG(24) | TAG(27), &tags);
    match->stats.mass_cancels++;
    if (!is_new(match, account, tags.user_ref_index, m->user_ref_num)) return;
    consume(match, account, tags.user_ref_index, m->user_ref_num);
    int every = memcmp(m->symbol, "        ", 8) == 0, symbol = every ? -1 : fp_match_symbol_of(match, m->symbol);
    uint16_t reason = tags.bad                                  ? FP_RC_OTHER
                      : !firm_is_ours(match, account, m->firm)  ? FP_RC_ENTRY_DISABLED
                      : !every && symbol < 0                    ? FP_RC_SYMBOL
                      : tags.side && !strchr("BSTE", tags.side) ? FP_RC_SIDE
                                                                : 0;
    if (reason) {
        reject(match, account, tags.user_ref_index, m->user_ref_num, reason, NULL);
        return;
    }
    union fp_ouch_out_body out = {
        .mass_cancel_response = {.type = 'X', .timestamp_ns = match->now_ns, .user_ref_num = m->user_ref_num}};
    memcpy(out.mass_cancel_response.firm, m->firm, 4);
    memcpy(out.mass_cancel_response.symbol, m->symbol, 8);
    fp_emit_ouch(match, account, tags.user_ref_index, &out, tags.echo, tags.echo_length);
    for (uint32_t slot = match->ladders.account_head[account], next; slot; slot = next) {
        const struct fp_resting *order = &match->ladders.orders[slot];
        next = order->account_next;
        if (!every && order->symbol != symbol) continue;
        if (tags.side && order->side != tags.side) continue;
        if (tags.present & TAG(FP_OUCH_TAG_GROUP_ID) &&
            (!(order->flags & FP_RESTING_GROUPED) || order->group != tags.group))
            continue;
        fp_match_cancel_user(match, slot, UINT32_MAX, 'U');
    }
}

static void switch_entry(struct fp_match *match, uint16_t account, uint32_t user_ref_num, const char firm[4],
                         const struct fp_ouch_appendage *appendage, int disable) {
    struct tags tags;
    read_tags(match, appendage, TAG(28), 0, &tags);
    match->stats.entry_switches++;
    if (!is_new(match, account, tags.user_ref_index, user_ref_num)) return;
    consume(match, account, tags.user_ref_index, user_ref_num);
    if (!firm_is_ours(match, account, firm)) {
        reject(match, account, tags.user_ref_index, user_ref_num, FP_RC_ENTRY_DISABLED, NULL);
        return;
    }
    match->entry_disabled[account] = disable != 0;
    union fp_ouch_out_body out;
    memset(&out, 0, sizeof out);
    if (disable) {
        out.disable_order_entry_response = (struct fp_ouch_out_disable_order_entry_response){
            .type = 'G', .timestamp_ns = match->now_ns, .user_ref_num = user_ref_num};
        memcpy(out.disable_order_entry_response.firm, firm, 4);
    } else {
        out.enable_order_entry_response = (struct fp_ouch_out_enable_order_entry_response){
            .type = 'K', .timestamp_ns = match->now_ns, .user_ref_num = user_ref_num};
        memcpy(out.enable_order_entry_response.firm, firm, 4);
    }
    fp_emit_ouch(match, account, tags.user_ref_index, &out, NULL, 0);
}

static void query(struct fp_match *match, uint16_t account, const struct fp_ouch_appendage *appendage) {
    struct tags tags;
    read_tags(match, appendage, TAG(28), 0, &tags);
    match->stats.queries++;
    uint32_t last = match->last_user_ref[account][tags.user_ref_index];
    union fp_ouch_out_body out = {
        .account_query_response = {
            .type = 'Q', .timestamp_ns = match->now_ns, .next_user_ref_num = last == UINT32_MAX ? last : last + 1}};
    fp_emit_ouch(match, account, tags.user_ref_index, &out, NULL, 0);
}

int fp_match_enter_ouch(struct fp_match *match, const struct fp_match_input *input) {
    union fp_ouch_in_body m;
    struct fp_ouch_appendage appendage = {0};
    if (input->account >= match->account_count) {
        match->stats.ouch_unknown_account++;
        return FP_E_BAD_FIELD;
    }
    int error = fp_ouch_in_decode(input->bytes, input->length, &m, &appendage);
    if (error < 0) {
        if (error == FP_E_TRUNCATED) match->stats.ouch_truncated++;
        else if (error == FP_E_UNKNOWN_TYPE) match->stats.ouch_unknown_type++;
        else match->stats.ouch_bad_length++;
        return error;
    }
    switch (m.type) {
    case 'O': enter(match, input->account, &m.enter_order, &appendage); break;
    case 'U': replace(match, input->account, &m.replace_order, &appendage); break;
    case 'X': cancel(match, input->account, &m.cancel_order, &appendage); break;
    case 'M': modify(match, input->account, &m.modify_order, &appendage); break;
    case 'C': mass_cancel(match, input->account, &m.mass_cancel, &appendage); break;
    case 'D':
        switch_entry(match, input->account, m.disable_order_entry.user_ref_num, m.disable_order_entry.firm, &appendage,
                     1);
        break;
    case 'E':
        switch_entry(match, input->account, m.enable_order_entry.user_ref_num, m.enable_order_entry.firm, &appendage,
                     0);
        break;
    case 'Q': query(match, input->account, &appendage); break;
    default: match->stats.ouch_unknown_type++; return FP_E_UNKNOWN_TYPE;
    }
    return 0;
}
