/* See matching.h. Here: opening, symbols, arrivals and executions, the background's
 * orders, phases and halts. OUCH orders are in entry.c, recorded days in rerun.c. */
#include "core.h"
#include <string.h>

static size_t rounded(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

static uint32_t symbol_slots_for(uint32_t symbols) {
    uint32_t slots = 16;
    while (slots < symbols * 2) slots <<= 1;
    return slots;
}

static int config_possible(const struct fp_match_config *config) {
    return config->max_orders >= 1 && config->max_orders <= (1u << 28) && config->max_levels >= 1 &&
           config->max_levels <= (1u << 28) && config->max_symbols >= 1 &&
           config->max_symbols <= FP_MATCH_MAX_SYMBOLS && config->symbol_count <= config->max_symbols &&
           config->account_count <= FP_MATCH_MAX_ACCOUNTS;
}

size_t fp_match_size(const struct fp_match_config *config) {
    if (!config_possible(config)) return 0;
    return rounded(sizeof(struct fp_match)) +
           fp_ladders_size(config->max_orders, config->max_levels, config->max_symbols, config->account_count) +
           rounded(config->max_symbols * sizeof(struct fp_match_book)) + rounded(65536 * sizeof(uint16_t)) +
           rounded(symbol_slots_for(config->max_symbols) * sizeof(uint16_t)) +
           rounded(FP_MATCH_MAX_ACCOUNTS * 256 * sizeof(uint32_t));
}

int fp_match_init(struct fp_match *match, const struct fp_match_config *config, const struct fp_match_sink *sink) {
    if (!config_possible(config)) return FP_E_BAD_CONFIG;
    uint8_t *at = (uint8_t *)match + rounded(sizeof *match);
    match->sink = *sink;
    fp_ladders_init(&match->ladders, at, config->max_orders, config->max_levels, config->max_symbols,
                    config->account_count);
    at += fp_ladders_size(config->max_orders, config->max_levels, config->max_symbols, config->account_count);
    match->books = (struct fp_match_book *)at;
    at += rounded(config->max_symbols * sizeof(struct fp_match_book));
    match->symbol_of_locate = (uint16_t *)at;
    at += rounded(65536 * sizeof(uint16_t));
    match->symbol_slots = (uint16_t *)at;
    match->symbol_mask = symbol_slots_for(config->max_symbols) - 1;
    at += rounded((match->symbol_mask + 1) * sizeof(uint16_t));
    match->last_user_ref = (uint32_t (*)[256])at;
    match->max_symbols = config->max_symbols;
    match->account_count = config->account_count;
    match->next_ref = match->first_ref = config->first_ref ? config->first_ref : 1;
    match->next_match = config->first_match ? config->first_match : 1;
    for (int i = 0; i < config->account_count; i++) {
        match->accounts[i] = config->accounts[i];
        if (!strchr("NOWD", match->accounts[i].self_match) || !match->accounts[i].self_match) return FP_E_BAD_CONFIG;
    }
    for (int i = 0; i < config->symbol_count; i++)
        if (fp_match_add_symbol(match, &config->symbols[i]) < 0) return FP_E_BAD_CONFIG;
    return 0;
}

/* ---- symbols ---- */

static uint32_t symbol_slot(const struct fp_match *match, const char symbol[8]) {
    uint64_t key;
    memcpy(&key, symbol, 8);
    uint32_t slot = (uint32_t)((key * 0x9E3779B97F4A7C15ull) >> 40) & match->symbol_mask;
    while (match->symbol_slots[slot] && memcmp(match->books[match->symbol_slots[slot] - 1].symbol, symbol, 8) != 0)
        slot = (slot + 1) & match->symbol_mask;
    return slot;
}

int fp_match_symbol_of(const struct fp_match *match, const char symbol[8]) {
    return (int)match->symbol_slots[symbol_slot(match, symbol)] - 1;
}

int fp_match_add_symbol(struct fp_match *match, const struct fp_match_symbol *symbol) {
    uint32_t slot = symbol_slot(match, symbol->symbol);
    if (!symbol->locate || match->symbol_of_locate[symbol->locate] || match->symbol_slots[slot] ||
        symbol->symbol[0] <= ' ')
        return FP_E_DUPLICATE;
    if (match->symbol_count >= match->max_symbols) return FP_E_NO_ROOM;
    struct fp_match_book *book = &match->books[match->symbol_count];
    memcpy(book->symbol, symbol->symbol, 8);
    book->locate = symbol->locate;
    book->round_lot = symbol->round_lot ? symbol->round_lot : 100;
    book->market_category = symbol->market_category ? symbol->market_category : 'Q';
    book->tier = symbol->tier ? symbol->tier : '1';
    book->state = 'T';
    match->symbol_count++;
    match->symbol_slots[slot] = match->symbol_of_locate[symbol->locate] = match->symbol_count;
    return match->symbol_count - 1;
}

static int symbol_at(const struct fp_match *match, uint16_t locate) { return (int)match->symbol_of_locate[locate] - 1; }

/* ---- executions and reductions of resting orders ---- */

void fp_match_execute(struct fp_match *match, uint32_t slot, uint32_t shares, uint64_t match_number) {
    struct fp_resting *order = &match->ladders.orders[slot];
    uint32_t price_e4 = match->ladders.levels[order->level].price_e4;
    if (!match_number) match_number = match->next_match++;
    match->stats.executions++;
    match->stats.executed_shares += shares;
    fp_emit_executed(match, order, price_e4, shares, match_number);
    order->executed += shares;
    if (order->account != FP_MATCH_NO_ACCOUNT)
        fp_emit_fill(match, order, price_e4, shares, order->flags & FP_RESTING_HIDDEN ? 'J' : 'A', match_number);
    fp_ladders_reduce(&match->ladders, slot, shares);
    if (order->open) return;
    /* a recorded order taken by users stays known until its recorded end */
    if (order->recorded) fp_ladders_spend(&match->ladders, slot);
    else fp_ladders_remove(&match->ladders, slot);
}

void fp_match_take_off(struct fp_match *match, uint32_t slot, uint32_t shares) {
    struct fp_resting *order = &match->ladders.orders[slot];
    if (shares < order->open) {
        if (!(order->flags & FP_RESTING_HIDDEN)) fp_emit_reduced(match, order, shares);
        fp_ladders_reduce(&match->ladders, slot, shares);
    } else {
        if (!(order->flags & FP_RESTING_HIDDEN)) fp_emit_deleted(match, order);
        fp_ladders_remove(&match->ladders, slot);
    }
}

void fp_match_cancel_user(struct fp_match *match, uint32_t slot, uint32_t shares, char reason) {
    struct fp_resting order = match->ladders.orders[slot]; /* the slot may be freed below */
    if (shares > order.open) shares = order.open;
    fp_match_take_off(match, slot, shares);
    fp_emit_canceled(match, &order, shares, reason);
}

/* ---- arrivals ---- */

static int crosses(int side, uint32_t limit_e4, uint32_t price_e4) {
    return side == FP_LADDER_BUY ? price_e4 <= limit_e4 : price_e4 >= limit_e4;
}

int fp_match_would_trade(const struct fp_match *match, const struct fp_arrival *in, uint32_t at_least) {
    int side = fp_ladder_side(in->order.side);
    uint64_t shares = 0;
    for (uint32_t at = match->ladders.ladders[in->order.symbol].best[!side]; at; at = match->ladders.levels[at].worse) {
        const struct fp_price_level *level = &match->ladders.levels[at];
        if (!crosses(side, in->limit_e4, level->price_e4)) break;
        shares += level->shares;
        for (uint32_t slot = level->head[FP_QUEUE_HIDDEN]; slot; slot = match->ladders.orders[slot].next)
            shares += match->ladders.orders[slot].open;
        if (shares >= at_least) return 1;
    }
    return 0;
}

/* Both orders are the same account's: what the arriving one's setting says. Returns 1 when the arrival must stop. */
static int prevent_self_match(struct fp_match *match, struct fp_arrival *in, uint32_t slot) {
    struct fp_resting resting = match->ladders.orders[slot];
    uint32_t price_e4 = match->ladders.levels[resting.level].price_e4;
    char mode = in->order.self_match;
    uint32_t shares = in->order.open < resting.open ? in->order.open : resting.open;
    match->stats.self_matches++;
    if (mode == 'O' || mode == 'D') {
        uint32_t off = mode == 'O' ? resting.open : shares;
        fp_match_take_off(match, slot, off);
        fp_emit_prevented(match, &resting, off, price_e4, 'A', mode);
    }
    if (mode == 'O') return 0;
    uint32_t off = mode == 'D' ? shares : in->order.open;
    fp_emit_prevented(match, &in->order, off, price_e4, 'R', mode);
    in->order.open -= off;
    if (in->order.open == 0) in->prevented = 1;
    return in->order.open == 0;
}

uint32_t fp_match_trade(struct fp_match *match, struct fp_arrival *in) {
    int side = fp_ladder_side(in->order.side);
    struct fp_ladders *ladders = &match->ladders;
    uint32_t traded = 0, worse;
    for (uint32_t at = ladders->ladders[in->order.symbol].best[!side]; at && in->order.open; at = worse) {
        uint32_t price_e4 = ladders->levels[at].price_e4, next;
        if (!crosses(side, in->limit_e4, price_e4)) break;
        /* the level is freed with its last order, so all that is needed of it is read here */
        uint32_t heads[2] = {ladders->levels[at].head[FP_QUEUE_DISPLAYED], ladders->levels[at].head[FP_QUEUE_HIDDEN]};
        worse = ladders->levels[at].worse;
        for (int queue = 0; queue < 2; queue++) {
            for (uint32_t slot = heads[queue]; slot && in->order.open; slot = next) {
                struct fp_resting *resting = &ladders->orders[slot];
                next = resting->next;
                if (in->users_only && resting->account == FP_MATCH_NO_ACCOUNT) continue;
                if (resting->account != FP_MATCH_NO_ACCOUNT && resting->account == in->order.account &&
                    in->order.self_match != 'N') {
                    if (prevent_self_match(match, in, slot)) return traded;
                    continue;
                }
                uint32_t shares = in->order.open < resting->open ? in->order.open : resting->open;
                uint64_t match_number = match->next_match++;
                in->order.open -= shares;
                in->order.executed += shares;
                traded += shares;
                if (in->users_only) match->stats.replay_user_fills++;
                fp_match_execute(match, slot, shares, match_number);
                if (in->order.account != FP_MATCH_NO_ACCOUNT)
                    fp_emit_fill(match, &in->order, price_e4, shares, 'R', match_number);
            }
        }
    }
    return traded;
}

uint32_t fp_match_rest(struct fp_match *match, const struct fp_arrival *in, int publish) {
    uint32_t slot = fp_ladders_rest(&match->ladders, &in->order, in->price_e4);
    if (!slot) match->stats.table_full++;
    else if (publish && !(in->order.flags & FP_RESTING_HIDDEN)) fp_emit_add(match, &in->order, in->price_e4);
    return slot;
}

/* ---- the background's orders ---- */

static int background_refused(struct fp_match *match, int error) {
    match->stats.background_refused++;
    return error;
}

static int background_add(struct fp_match *match, const struct fp_match_input *input) {
    int symbol = symbol_at(match, input->locate);
    if (symbol < 0 || (input->code != 'B' && input->code != 'S') || !input->shares ||
        input->shares > FP_OUCH_MAX_QUANTITY || !input->price_e4 || input->price_e4 > FP_OUCH_MAX_PRICE_E4)
        return background_refused(match, FP_E_BAD_FIELD);
    if (match->books[symbol].state != 'T' || match->phase != 'Q') return background_refused(match, FP_E_BAD_STATE);
    if (!fp_ladders_has_room(&match->ladders)) {
        match->stats.table_full++;
        return background_refused(match, FP_E_NO_ROOM);
    }
    struct fp_arrival in = {.order = {.ref = match->next_ref++,
                                      .open = input->shares,
                                      .account = FP_MATCH_NO_ACCOUNT,
                                      .symbol = (uint16_t)symbol,
                                      .side = input->code,
                                      .display = 'Y'},
                            .price_e4 = input->price_e4,
                            .limit_e4 = input->price_e4,
                            .immediate = input->time_in_force == '3'};
    memcpy(in.order.attribution, input->attribution, 4);
    fp_match_trade(match, &in);
    if (in.order.open && !in.immediate && fp_match_rest(match, &in, 1)) match->rested = in.order.ref;
    return 0;
}

static int background_dead(struct fp_match *match) {
    match->stats.background_dead++;
    return FP_E_NOT_FOUND;
}

static uint32_t background_slot(const struct fp_match *match, uint64_t ref) {
    uint32_t slot = fp_ladders_find(&match->ladders, ref);
    const struct fp_resting *order = &match->ladders.orders[slot];
    return slot && order->account == FP_MATCH_NO_ACCOUNT && !(order->flags & FP_RESTING_SPENT) ? slot : 0;
}

static int background_cancel(struct fp_match *match, const struct fp_match_input *input) {
    uint32_t slot = background_slot(match, input->ref);
    if (!slot) return background_dead(match);
    uint32_t open = match->ladders.orders[slot].open;
    fp_match_take_off(match, slot, input->shares && input->shares < open ? input->shares : open);
    return 0;
}

static int background_replace(struct fp_match *match, const struct fp_match_input *input) {
    uint32_t slot = background_slot(match, input->ref);
    if (!slot) return background_dead(match);
    if (!input->shares || input->shares > FP_OUCH_MAX_QUANTITY || !input->price_e4 ||
        input->price_e4 > FP_OUCH_MAX_PRICE_E4)
        return background_refused(match, FP_E_BAD_FIELD);
    if (match->books[match->ladders.orders[slot].symbol].state != 'T' || match->phase != 'Q')
        return background_refused(match, FP_E_BAD_STATE);
    struct fp_arrival in = {
        .order = match->ladders.orders[slot], .price_e4 = input->price_e4, .limit_e4 = input->price_e4};
    uint64_t old_ref = in.order.ref;
    in.order.open = input->shares;
    in.order.ref = match->next_ref++;
    int marketable = fp_match_would_trade(match, &in, 1);
    if (marketable) fp_match_take_off(match, slot, UINT32_MAX);
    else fp_ladders_remove(&match->ladders, slot);
    if (marketable) fp_match_trade(match, &in);
    if (!in.order.open) return 0;
    /* removing freed one order, so only a new price level can be missing */
    if (!fp_match_rest(match, &in, marketable)) {
        if (!marketable) {
            in.order.ref = old_ref;
            fp_emit_deleted(match, &in.order);
        }
        return FP_E_NO_ROOM;
    }
    match->rested = in.order.ref;
    if (!marketable) fp_emit_replaced(match, old_ref, &in.order, in.price_e4);
    return 0;
}

/* ---- the day ---- */

static void user_event(struct fp_match *match, char code) {
    for (uint16_t account = 0; account < match->account_count; account++) {
        union fp_ouch_out_body m = {.system_event = {.type = 'S', .timestamp_ns = match->now_ns, .event_code = code}};
        fp_emit_ouch(match, account, 0, &m, NULL, 0);
    }
}

/* Day orders end with the market: users are told why, the feed sees deletes. */
static void clear_books(struct fp_match *match) {
    for (uint16_t account = 0; account < match->account_count; account++)
        while (match->ladders.account_head[account])
            fp_match_cancel_user(match, match->ladders.account_head[account], UINT32_MAX, 'E');
    for (uint16_t symbol = 0; symbol < match->symbol_count; symbol++)
        for (int side = 0; side < 2; side++)
            for (uint32_t at; (at = match->ladders.ladders[symbol].best[side]) != 0;) {
                const struct fp_price_level *level = &match->ladders.levels[at];
                fp_match_take_off(match, level->head[0] ? level->head[0] : level->head[1], UINT32_MAX);
            }
}

static int set_phase(struct fp_match *match, char code) {
    static const char order[] = "OSQMEC";
    const char *at = code ? strchr(order, code) : NULL;
    if (!at || (match->phase ? strchr(order, match->phase) + 1 : order) != at) return FP_E_BAD_STATE;
    if (code == 'M') clear_books(match);
    match->phase = code;
    fp_emit_event(match, code);
    if (code == 'O') {
        for (uint16_t i = 0; i < match->symbol_count; i++) {
            fp_emit_directory(match, &match->books[i]);
            fp_emit_trading(match, &match->books[i], "    ");
        }
        user_event(match, 'S');
    }
    if (code == 'E') user_event(match, 'E');
    return 0;
}

static int set_trading(struct fp_match *match, const struct fp_match_input *input) {
    int symbol = symbol_at(match, input->locate);
    if (symbol < 0 || !input->code || !strchr("HPQT", input->code)) return FP_E_BAD_FIELD;
    match->books[symbol].state = input->code;
    fp_emit_trading(match, &match->books[symbol], input->attribution);
    return 0;
}

static int disconnect(struct fp_match *match, uint16_t account) {
    if (account >= match->account_count) return FP_E_BAD_FIELD;
    while (match->ladders.account_head[account])
        fp_match_cancel_user(match, match->ladders.account_head[account], UINT32_MAX, 'S');
    return 0;
}

int fp_match_apply(struct fp_match *match, const struct fp_match_input *input) {
    int result;
    match->stats.inputs++;
    if (match->sink.input) match->sink.input(match->sink.context, input);
    match->rested = 0;
    if (input->time_ns > match->now_ns) match->now_ns = input->time_ns;
    switch (input->kind) {
    case FP_MATCH_OUCH: return fp_match_enter_ouch(match, input);
    case FP_MATCH_ADD: return background_add(match, input);
    case FP_MATCH_CANCEL: return background_cancel(match, input);
    case FP_MATCH_REPLACE: return background_replace(match, input);
    case FP_MATCH_ITCH: return fp_match_replay(match, input);
    case FP_MATCH_PHASE: result = set_phase(match, input->code); break;
    case FP_MATCH_TRADING: result = set_trading(match, input); break;
    case FP_MATCH_DISCONNECT: result = disconnect(match, input->account); break;
    default: result = FP_E_BAD_FIELD;
    }
    if (result < 0) match->stats.bad_input++;
    return result;
}

/* ---- questions ---- */

uint64_t fp_match_rested(const struct fp_match *match) { return match->rested; }

int fp_match_order(const struct fp_match *match, uint64_t ref, uint16_t *locate, char *side, uint32_t *price_e4,
                   uint32_t *shares) {
    uint32_t slot = fp_ladders_find(&match->ladders, ref);
    if (!slot || match->ladders.orders[slot].flags & FP_RESTING_SPENT) return FP_E_NOT_FOUND;
    const struct fp_resting *order = &match->ladders.orders[slot];
    if (locate) *locate = match->books[order->symbol].locate;
    if (side) *side = order->side;
    if (price_e4) *price_e4 = match->ladders.levels[order->level].price_e4;
    if (shares) *shares = order->open;
    return 0;
}

uint32_t fp_match_best(const struct fp_match *match, uint16_t locate, char side) {
    int symbol = symbol_at(match, locate);
    return symbol < 0 ? 0 : fp_ladder_top(&match->ladders, (uint32_t)symbol, fp_ladder_side(side), NULL);
}

int fp_match_depth(const struct fp_match *match, uint16_t locate, char side, struct fp_match_level *out, int max) {
    int symbol = symbol_at(match, locate), count = 0;
    if (symbol < 0) return FP_E_NOT_FOUND;
    for (uint32_t at = match->ladders.ladders[symbol].best[fp_ladder_side(side)]; at && count < max;
         at = match->ladders.levels[at].worse) {
        const struct fp_price_level *level = &match->ladders.levels[at];
        if (level->displayed)
            out[count++] = (struct fp_match_level){
                .shares = level->shares, .price_e4 = level->price_e4, .orders = level->displayed};
    }
    return count;
}

uint16_t fp_match_locate(const struct fp_match *match, const char *symbol) {
    int index = fp_match_symbol_of(match, symbol);
    return index < 0 ? 0 : match->books[index].locate;
}

char fp_match_state(const struct fp_match *match, uint16_t locate) {
    int symbol = symbol_at(match, locate);
    return symbol < 0 ? 0 : match->books[symbol].state;
}

int fp_match_account_orders(const struct fp_match *match, uint16_t account, uint64_t *refs, int max) {
    int count = 0;
    if (account >= match->account_count) return 0;
    for (uint32_t slot = match->ladders.account_head[account]; slot;
         slot = match->ladders.orders[slot].account_next, count++)
        if (count < max) refs[count] = match->ladders.orders[slot].ref;
    return count;
}

void fp_match_stats(const struct fp_match *match, struct fp_match_stats *out) {
    *out = match->stats;
    out->live_orders = match->ladders.live_orders;
    out->peak_orders = match->ladders.peak_orders;
    out->live_levels = match->ladders.live_levels;
}

int fp_match_validate(const struct fp_match *match) {
    return fp_ladders_validate(&match->ladders, match->symbol_count);
}
