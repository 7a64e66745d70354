/* The one door: init, and every command from its arrival to its answer. The order is
 * always the same: form, idempotency, risk, room, journal, state, bytes. */
#include "oms.h"
#include "enter.h"
#include "risk.h"
#include "trigger.h"

/* ---- init ---- */

static size_t align(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

size_t fp_oms_size(const struct fp_oms_config *config) {
    return align(sizeof(struct fp_oms)) + align(fp_table_size(config->max_orders)) + align(fp_positions_size(config->max_orders)) +
           align(FP_SAME_BUCKETS * sizeof(uint32_t));
}

static uint64_t at_most(uint64_t value) { return value > FP_AMOUNT_MAX ? FP_AMOUNT_MAX : value; }

static void set_limits(struct fp_usage *usage, const struct fp_limits *limits) {
    usage->limits = *limits;
    usage->limits.max_order_notional_e4 = at_most(limits->max_order_notional_e4);
    usage->limits.max_gross_notional_e4 = at_most(limits->max_gross_notional_e4);
    usage->limits.max_net_notional_e4 = at_most(limits->max_net_notional_e4);
    usage->limits.max_loss_e4 = at_most(limits->max_loss_e4);
    usage->limits.max_position = at_most(limits->max_position);
}

static void padded(char *out, const char *text, size_t width) {
    size_t length = strnlen(text, width);
    memset(out, ' ', width);
    memcpy(out, text, length);
}

static void init_venue(struct fp_venue *venue, const struct fp_venue_config *config) {
    padded(venue->soup.login.username, config->username, sizeof venue->soup.login.username);
    padded(venue->soup.login.password, config->password, sizeof venue->soup.login.password);
    padded(venue->firm, config->firm, sizeof venue->firm);
    padded(venue->session, "", sizeof venue->session);
    venue->midnight_ns = config->midnight_ns;
    venue->configured = config->order_host[0] != 0;
    venue->next_sequence = 1;
    venue->next_urn = 1;
    venue->open_first = FP_NO_INDEX;
    venue->backoff_ns = 100000000;
}

int fp_oms_init(struct fp_oms *oms, const struct fp_oms_config *config) {
    const struct fp_engine_config *engine = config->engine;
    if (!engine || !config->sink.journal || !config->sink.exec || !config->sink.quote || config->max_orders == 0 || config->max_orders > 1u << 26 ||
        engine->venue_count > FP_MAX_VENUES || engine->account_count > FP_MAX_ACCOUNTS || engine->agent_count > FP_MAX_AGENTS)
        return FP_E_BAD_CONFIG;
    for (unsigned i = 0; i < engine->agent_count; i++)
        if (engine->agents[i].account >= engine->account_count || engine->agents[i].symbol_count > FP_MAX_ALLOWED_SYMBOLS)
            return FP_E_BAD_CONFIG;
    memset(oms, 0, fp_oms_size(config));
    uint8_t *at = (uint8_t *)oms + align(sizeof *oms);
    fp_table_init(&oms->table, at, config->max_orders);
    at += align(fp_table_size(config->max_orders));
    fp_positions_init(&oms->positions, at, config->max_orders);
    at += align(fp_positions_size(config->max_orders));
    oms->same = (uint32_t *)(void *)at;
    oms->sink = config->sink;
    oms->epoch = config->epoch;
    oms->folding = 1;
    oms->paper = strcmp(engine->mode, "live") != 0;
    oms->venue_count = engine->venue_count;
    oms->account_count = engine->account_count;
    oms->agent_count = engine->agent_count;
    for (unsigned i = 0; i < engine->venue_count; i++) {
        init_venue(&oms->venues[i], &engine->venues[i]);
        strncpy(oms->names[i], engine->venues[i].name, 23);
    }
    set_limits(&oms->positions.usages[FP_USAGE_FIRM], &engine->firm_limits);
    for (unsigned i = 0; i < engine->account_count; i++) {
        set_limits(&oms->positions.usages[FP_USAGE_ACCOUNT + i], &engine->accounts[i].limits);
        strncpy(oms->names[FP_MAX_VENUES + i], engine->accounts[i].name, 23);
    }
    for (unsigned i = 0; i < engine->agent_count; i++) {
        const struct fp_agent_config *agent = &engine->agents[i];
        set_limits(&oms->positions.usages[FP_USAGE_AGENT + i], &agent->limits);
        strncpy(oms->names[FP_MAX_VENUES + FP_MAX_ACCOUNTS + i], agent->name, 23);
        oms->agents[i] = (struct fp_agent){.venue_mask = agent->venue_mask, .account = agent->account, .symbol_count = agent->symbol_count,
                                           .may_trade = agent->may_trade, .may_short = agent->may_short};
        memcpy(oms->agents[i].symbols, agent->symbols, agent->symbol_count * 8u);
    }
    return 0;
}

/* ---- what every command needs ---- */

struct deal {
    const struct fp_command *command;
    struct fp_reply *reply;
    struct fp_quote quote;
    struct fp_risk_verdict verdict;
    uint64_t order_id, now_ns;
    uint8_t venue; /* 0xFF = none */
};

static int client_id_ok(const char id[40]) {
    static const uint8_t allowed[256] = {['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['0' ... '9'] = 1, ['.'] = 1, ['_'] = 1, ['-'] = 1};
    static const char zeros[40];
    size_t length = 0;
    while (length < 40 && allowed[(uint8_t)id[length]])
        length++;
    /* Zero padded to the end, or the same id could be two keys. */
    return length > 0 && length <= FP_CLIENT_ORDER_ID_MAX && memcmp(id + length, zeros, 40 - length) == 0;
}

static int symbol_ok(const char symbol[8]) {
    int ended = 0;
    for (int i = 0; i < 8; i++) {
        if (symbol[i] < ' ' || symbol[i] > '~' || (ended && symbol[i] != ' '))
            return 0;
        ended |= symbol[i] == ' ';
    }
    return symbol[0] != ' ';
}

static void answer(struct deal *deal, uint8_t outcome, uint16_t reason) {
    deal->reply->outcome = outcome;
    deal->reply->reason = reason;
}

static void show_order(const struct fp_oms *oms, struct deal *deal, const struct fp_order *order) { fp_order_record(oms, order, &deal->reply->order); }

static void ask_quote(struct fp_oms *oms, struct deal *deal, const char *symbol) {
    struct fp_reply *reply = deal->reply;
    if (deal->venue < oms->venue_count && symbol_ok(symbol))
        oms->sink.quote(oms->sink.context, deal->venue, symbol, &deal->quote);
    reply->quote_venue_ns = deal->quote.venue_ns;
    reply->quote_rx_ns = deal->quote.rx_ns;
    reply->bid_e4 = deal->quote.bid_e4;
    reply->bid_shares = deal->quote.bid_shares;
    reply->ask_e4 = deal->quote.ask_e4;
    reply->ask_shares = deal->quote.ask_shares;
}

/* Journal the command and the answer as it stands in the reply. */
static int journal_decision(struct fp_oms *oms, const struct deal *deal) {
    const struct fp_reply *reply = deal->reply;
    struct fp_jr_decision body = {
        .command_id = deal->command->id, .order_id = deal->order_id, .quote_venue_ns = reply->quote_venue_ns, .quote_rx_ns = reply->quote_rx_ns,
        .bid_e4 = reply->bid_e4, .bid_shares = reply->bid_shares, .ask_e4 = reply->ask_e4, .ask_shares = reply->ask_shares,
        .last_price_e4 = deal->quote.last_price_e4, .effective_price_e4 = reply->effective_price_e4, .count = reply->count, .reason = reply->reason,
        .outcome = reply->outcome, .kind = deal->command->kind, .venue = deal->venue, .side = deal->verdict.wire_side,
    };
    if (reply->reason && reply->check_count) {
        body.observed = reply->checks[0].observed;
        body.limit = reply->checks[0].limit;
        body.level = reply->checks[0].level;
        body.unit = reply->checks[0].unit;
    }
    uint16_t venue = deal->venue < oms->venue_count ? deal->venue : 0;
    int rc = fp_journal_put(oms, FP_JR_COMMAND, venue, deal->command, sizeof *deal->command, deal->now_ns);
    return rc ? rc : fp_journal_put(oms, FP_JR_DECISION, venue, &body, sizeof body, deal->now_ns);
}

/* Refuse an order: journal it, tell it on the account's stream. Its client id is free for another try. */
static void deny(struct fp_oms *oms, struct deal *deal, uint16_t reason, const char *symbol, char side) {
    const struct fp_command *command = deal->command;
    answer(deal, FP_OUT_REFUSED, reason);
    deal->order_id = 0;
    if (oms->folding)
        return; /* no journal and no streams yet */
    if (deal->venue < oms->venue_count)
        oms->venues[deal->venue].stats.denied++;
    (void)journal_decision(oms, deal); /* refusing needs no journal */
    if (command->account >= oms->account_count)
        return;
    struct fp_exec exec = {
        .seq = ++oms->exec_seq[command->account], .time_ns = deal->now_ns, .order_id = (uint64_t)oms->epoch << 48 | ++oms->next_counter,
        .price_e4 = deal->reply->effective_price_e4 ? deal->reply->effective_price_e4 : command->price_e4, .quantity = command->quantity,
        .account = command->account, .agent = command->agent, .symbol_id = 0xFFFF, .reason = reason, .venue = deal->venue, .kind = FP_EX_DENIED,
        .side = side, .state = FP_OS_DENIED, .flags = (uint16_t)((oms->paper ? FP_XF_PAPER : 0) | (command->order_type == FP_TYPE_MARKET ? FP_XF_MARKET : 0)),
        .tif = command->tif,
    };
    uint32_t symbol_id = fp_symbol_find(&oms->positions, symbol);
    if (symbol_id != FP_NO_INDEX) {
        exec.symbol_id = (uint16_t)symbol_id;
        uint32_t at = fp_exposure_find(&oms->positions, FP_USAGE_ACCOUNT + command->account, symbol_id);
        if (at != FP_NO_INDEX) {
            const struct fp_holding *held = &oms->positions.exposures[at].held;
            exec.position = held->position;
            exec.open_cost_e4 = held->open_cost_e4;
            exec.realised_e4 = held->realised_e4;
        }
    }
    if (command->kind == FP_CMD_ARM) {
        exec.condition = command->condition;
        exec.trigger_e4 = command->trigger_e4;
    }
    memcpy(exec.symbol, symbol, 8);
    const char *id = command->kind == FP_CMD_REPLACE ? command->new_client_order_id : command->client_order_id;
    if (client_id_ok(id))
        memcpy(exec.client_order_id, id, 40);
    oms->sink.exec(oms->sink.context, &exec);
}

/* ---- submit and arm ---- */

/* The client's id has an order already: the first answer again, or a conflict. 1 when that settles the command. */
static int repeated(struct fp_oms *oms, struct deal *deal) {
    const struct fp_command *c = deal->command;
    const struct fp_order *order = c->account < oms->account_count ? fp_table_by_client(&oms->table, c->account, c->client_order_id) : NULL;
    if (!order)
        return 0;
    int same = order->asked_kind == c->kind && order->agent == c->agent && order->venue == c->venue && fp_side_index(order->side) == fp_side_index(c->side) &&
               order->asked_quantity == c->quantity && order->asked_price_e4 == c->price_e4 && order->asked_type == c->order_type &&
               order->asked_tif == (uint8_t)c->tif && memcmp(order->symbol, c->symbol, 8) == 0 && (c->side == 'B' || c->side == 'S');
    if (c->kind == FP_CMD_ARM)
        same = same && order->condition == c->condition && order->trigger_e4 == c->trigger_e4 && order->expire_ns == c->expire_ns;
    if (!same) {
        answer(deal, FP_OUT_REFUSED, FP_RC_IDEMPOTENCY_CONFLICT);
        return 1;
    }
    answer(deal, FP_OUT_REPLAYED, 0);
    deal->reply->effective_price_e4 = order->price_e4;
    show_order(oms, deal, order);
    return 1;
}

/* Nobody waits any more for what the command would do, or its trigger would never wait. */
static int too_late(const struct deal *deal) {
    const struct fp_command *c = deal->command;
    return (c->deadline_ns && deal->now_ns >= c->deadline_ns) || (c->kind == FP_CMD_ARM && c->expire_ns && deal->now_ns >= c->expire_ns);
}

static void judge_order(struct fp_oms *oms, struct deal *deal, const struct fp_order *replaced, int every) {
    const struct fp_command *c = deal->command;
    struct fp_quote imagined;
    const struct fp_quote *quote = &deal->quote;
    if (c->kind == FP_CMD_ARM || c->kind == FP_CMD_PREVIEW_TRIGGER) {
        fp_trigger_quote(c, &deal->quote, &imagined);
        quote = &imagined;
    }
    struct fp_risk_request request = {
        .symbol = replaced ? replaced->symbol : c->symbol, .quote = quote, .replaced = replaced, .now_ns = deal->now_ns,
        .quantity = replaced && c->quantity <= FP_OUCH_MAX_QUANTITY ? c->quantity + replaced->broken : c->quantity, .price_e4 = c->price_e4,
        .max_quote_age_ms = c->max_quote_age_ms, .account = c->account, .agent = c->agent, .venue = deal->venue, .order_type = c->order_type,
        .side = !replaced ? c->side : replaced->side == 'B' ? 'B' : 'S', .tif = replaced ? replaced->tif : c->tif,
    };
    fp_risk_check(oms, &request, every, deal->reply->checks, &deal->verdict);
    deal->reply->check_count = deal->verdict.check_count;
    deal->reply->effective_price_e4 = deal->verdict.effective_price_e4;
}

static void submit(struct fp_oms *oms, struct deal *deal) {
    const struct fp_command *c = deal->command;
    const int arming = c->kind == FP_CMD_ARM || c->kind == FP_CMD_PREVIEW_TRIGGER, trial = c->kind == FP_CMD_PREVIEW || c->kind == FP_CMD_PREVIEW_TRIGGER;
    uint16_t reason = 0;
    if (!symbol_ok(c->symbol))
        reason = FP_RC_SYMBOL;
    else if (!client_id_ok(c->client_order_id) && !(trial && !c->client_order_id[0]))
        reason = FP_RC_CLIENT_ORDER_ID;
    if (reason) {
        deal->verdict.wire_side = c->side;
        if (trial)
            answer(deal, FP_OUT_REFUSED, reason);
        else
            deny(oms, deal, reason, c->symbol, c->side);
        return;
    }
    if (!trial && repeated(oms, deal))
        return;
    if (!trial && too_late(deal)) {
        deny(oms, deal, FP_RC_DEADLINE_PASSED, c->symbol, c->side);
        return;
    }
    ask_quote(oms, deal, c->symbol);
    if (arming)
        reason = fp_trigger_refusal(oms, c);
    judge_order(oms, deal, NULL, trial);
    if (!reason)
        reason = deal->verdict.reason;
    if (!reason && arming)
        reason = fp_trigger_repeated(oms, c, deal->now_ns);
    if (trial) {
        answer(deal, reason ? FP_OUT_REFUSED : FP_OUT_ACCEPTED, reason);
        return;
    }
    if (!reason)
        reason = fp_order_room(oms, c->symbol) ? fp_enter_refusal(oms, c->venue) : FP_RC_TABLE_FULL;
    if (reason) {
        deny(oms, deal, reason, c->symbol, c->side);
        return;
    }
    const int market = c->order_type == FP_TYPE_MARKET;
    deal->order_id = (uint64_t)oms->epoch << 48 | ++oms->next_counter;
    struct fp_entry entry = {
        .command = c, .symbol = c->symbol, .client_order_id = c->client_order_id, .order_id = deal->order_id, .quantity = c->quantity,
        .price_e4 = deal->verdict.effective_price_e4, .flags = market ? FP_XF_MARKET : 0, .venue = c->venue, .kind = c->kind,
        .side = deal->verdict.wire_side, .tif = market ? '3' : c->tif,
    };
    struct fp_enter_bytes bytes;
    struct fp_order draft = {.order_id = entry.order_id, .price_e4 = entry.price_e4, .quantity = entry.quantity, .side = entry.side, .tif = entry.tif};
    memcpy(draft.symbol, c->symbol, 8);
    answer(deal, FP_OUT_ACCEPTED, 0);
    if (journal_decision(oms, deal)) {
        reason = FP_RC_JOURNAL_FAILED;
    } else if (arming) {
        struct fp_jr_trigger armed = {.order_id = entry.order_id, .expire_ns = c->expire_ns, .trigger_e4 = c->trigger_e4, .step = FP_TS_ARMED, .condition = c->condition};
        if (fp_journal_put(oms, FP_JR_TRIGGER, c->venue, &armed, sizeof armed, deal->now_ns))
            reason = FP_RC_JOURNAL_FAILED;
    } else {
        reason = fp_enter_journal(oms, c->venue, &draft, NULL, &bytes, deal->now_ns);
    }
    if (reason) { /* journaled or not, there are no bytes behind it: nothing has happened */
        deny(oms, deal, reason, c->symbol, c->side);
        return;
    }
    struct fp_order *order = arming ? fp_trigger_arm(oms, &entry, deal->now_ns) : fp_order_create(oms, &entry, NULL, FP_OS_SENT, deal->now_ns);
    if (!arming)
        fp_enter_send(oms, order, &bytes, deal->now_ns);
    show_order(oms, deal, order);
}

/* ---- replace ---- */

static uint16_t replaceable(const struct fp_order *order) {
    if (!fp_order_open(order))
        return FP_RC_ORDER_NOT_LIVE;
    if (order->child != FP_NO_INDEX)
        return FP_RC_REPLACE_IN_FLIGHT;
    if (order->flags & FP_XF_CANCEL_PENDING)
        return FP_RC_CANCEL_PENDING;
    return order->state == FP_OS_LIVE ? 0 : FP_RC_REPLACE_NOT_ALLOWED; /* unanswered or armed */
}

static int repeated_replace(struct fp_oms *oms, struct deal *deal) {
    const struct fp_command *c = deal->command;
    const struct fp_order *order = c->account < oms->account_count ? fp_table_by_client(&oms->table, c->account, c->new_client_order_id) : NULL;
    if (!order)
        return 0;
    if (order->asked_kind != FP_CMD_REPLACE || order->parent == FP_NO_INDEX || order->agent != c->agent || order->asked_quantity != c->quantity ||
        order->asked_price_e4 != c->price_e4 || memcmp(oms->table.orders[order->parent].client_order_id, c->client_order_id, 40) != 0) {
        answer(deal, FP_OUT_REFUSED, FP_RC_IDEMPOTENCY_CONFLICT);
        return 1;
    }
    answer(deal, FP_OUT_REPLAYED, 0);
    deal->reply->effective_price_e4 = order->price_e4;
    show_order(oms, deal, order);
    return 1;
}

static void replace(struct fp_oms *oms, struct deal *deal) {
    static const char nameless[8] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
    const struct fp_command *c = deal->command;
    const int trial = c->kind == FP_CMD_PREVIEW_REPLACE;
    uint16_t reason = 0;
    if (!client_id_ok(c->client_order_id) || (!client_id_ok(c->new_client_order_id) && !(trial && !c->new_client_order_id[0])))
        reason = FP_RC_CLIENT_ORDER_ID;
    else if (!trial && repeated_replace(oms, deal))
        return;
    struct fp_order *old = reason || c->account >= oms->account_count ? NULL : fp_table_by_client(&oms->table, c->account, c->client_order_id);
    if (!reason)
        reason = c->account >= oms->account_count ? FP_RC_UNKNOWN_ACCOUNT : !old ? FP_RC_UNKNOWN_ORDER : replaceable(old);
    if (!reason && c->order_type != FP_TYPE_LIMIT)
        reason = FP_RC_ORDER_TYPE;
    if (old) {
        deal->venue = old->venue;
        ask_quote(oms, deal, old->symbol);
    }
    if (!reason && !trial && too_late(deal))
        reason = FP_RC_DEADLINE_PASSED;
    if (!reason) {
        judge_order(oms, deal, old, trial);
        reason = deal->verdict.reason;
    }
    if (trial) {
        answer(deal, reason ? FP_OUT_REFUSED : FP_OUT_ACCEPTED, reason);
        return;
    }
    if (!reason)
        reason = fp_order_room(oms, old->symbol) ? fp_enter_refusal(oms, old->venue) : FP_RC_TABLE_FULL;
    const char side = old ? old->side : 0;
    if (reason) {
        deny(oms, deal, reason, old ? old->symbol : nameless, side);
        return;
    }
    deal->order_id = (uint64_t)oms->epoch << 48 | ++oms->next_counter;
    /* A short sale stays marked when the rest could be sold long by now: unmarking is the venue's to allow. */
    const char wire_side = old->side == 'B' ? 'B' : deal->verdict.wire_side == 'T' ? 'T' : old->side;
    struct fp_entry entry = {
        .command = c, .symbol = old->symbol, .client_order_id = c->new_client_order_id, .order_id = deal->order_id, .quantity = c->quantity + old->broken,
        .price_e4 = c->price_e4, .venue = old->venue, .kind = FP_CMD_REPLACE, .side = wire_side, .tif = old->tif,
    };
    struct fp_order draft = {.order_id = entry.order_id, .price_e4 = entry.price_e4, .quantity = entry.quantity, .side = entry.side, .tif = entry.tif};
    struct fp_enter_bytes bytes;
    deal->verdict.wire_side = wire_side;
    answer(deal, FP_OUT_ACCEPTED, 0);
    reason = journal_decision(oms, deal) ? FP_RC_JOURNAL_FAILED : fp_enter_journal(oms, old->venue, &draft, old, &bytes, deal->now_ns);
    if (reason) {
        deny(oms, deal, reason, old->symbol, side);
        return;
    }
    struct fp_order *order = fp_order_create(oms, &entry, old, FP_OS_SENT, deal->now_ns);
    fp_enter_send(oms, order, &bytes, deal->now_ns);
    show_order(oms, deal, order);
}

/* ---- cancels ---- */

static uint16_t who(const struct fp_oms *oms, const struct fp_command *c) {
    if (c->account >= oms->account_count)
        return FP_RC_UNKNOWN_ACCOUNT;
    if (c->agent >= oms->agent_count)
        return FP_RC_UNKNOWN_AGENT;
    return oms->agents[c->agent].account == c->account ? 0 : FP_RC_NOT_PERMITTED;
}

/* A cancel goes on although the journal fails; that is counted. */
static void journal_anyway(struct fp_oms *oms, const struct deal *deal) {
    if (journal_decision(oms, deal))
        oms->venues[deal->venue < oms->venue_count ? deal->venue : 0].stats.unjournaled++;
}

/* Done, but a restart before the journal takes it would not know: said in the answer. */
static void tell_owed(const struct fp_oms *oms, struct deal *deal) {
    if (oms->owed.count)
        deal->reply->reason = FP_RC_JOURNAL_FAILED;
}

static void cancel(struct fp_oms *oms, struct deal *deal, uint8_t wanted_state) {
    const struct fp_command *c = deal->command;
    uint16_t reason = who(oms, c);
    struct fp_order *order = reason ? NULL : c->order_id ? fp_table_by_id(&oms->table, c->order_id) : fp_table_by_client(&oms->table, c->account, c->client_order_id);
    if (!reason && (!order || order->account != c->account))
        reason = FP_RC_UNKNOWN_ORDER;
    else if (!reason && !fp_order_open(order) && order->state != FP_OS_CANCELED && order->state != FP_OS_EXPIRED)
        reason = FP_RC_ORDER_NOT_LIVE;
    else if (!reason && wanted_state && order->state != wanted_state && order->state != FP_OS_EXPIRED)
        reason = FP_RC_ORDER_NOT_LIVE;
    if (reason) {
        answer(deal, FP_OUT_REFUSED, reason);
        if (order && order->account == c->account)
            show_order(oms, deal, order);
        return;
    }
    deal->venue = order->venue;
    deal->order_id = order->order_id;
    answer(deal, FP_OUT_ACCEPTED, 0);
    const int news = fp_order_open(order) && (order->cancel == FP_CANCEL_NONE || (order->child != FP_NO_INDEX && oms->table.orders[order->child].cancel == FP_CANCEL_NONE));
    if (news) {
        deal->reply->count = 1;
        journal_anyway(oms, deal);
        fp_cancel_one(oms, order, deal->now_ns);
        fp_cancel_flush(oms, order->venue, deal->now_ns);
    }
    tell_owed(oms, deal);
    show_order(oms, deal, order);
}

static void cancel_all(struct fp_oms *oms, struct deal *deal) {
    const struct fp_command *c = deal->command;
    uint16_t reason = who(oms, c);
    if (!reason && c->venue != 0xFF && c->venue >= oms->venue_count)
        reason = FP_RC_UNKNOWN_VENUE;
    if (!reason && c->side && c->side != 'B' && c->side != 'S')
        reason = FP_RC_SIDE;
    answer(deal, reason ? FP_OUT_REFUSED : FP_OUT_ACCEPTED, reason);
    if (reason)
        return;
    journal_anyway(oms, deal);
    deal->reply->count = fp_cancel_all(oms, c, deal->now_ns);
    for (uint8_t v = 0; v < oms->venue_count; v++)
        fp_cancel_flush(oms, v, deal->now_ns);
    tell_owed(oms, deal);
}

/* ---- kill switches ---- */

static uint16_t target_refusal(struct fp_oms *oms, const struct fp_command *c) {
    switch (c->kill_scope) {
    case FP_KILL_FIRM: return 0;
    case FP_KILL_VENUE: return c->venue < oms->venue_count ? 0 : FP_RC_UNKNOWN_VENUE;
    case FP_KILL_ACCOUNT: return c->account < oms->account_count ? 0 : FP_RC_UNKNOWN_ACCOUNT;
    case FP_KILL_AGENT: return c->agent < oms->agent_count ? 0 : FP_RC_UNKNOWN_AGENT;
    case FP_KILL_SYMBOL:
        if (!symbol_ok(c->symbol))
            return FP_RC_SYMBOL;
        return fp_symbol_add(&oms->positions, c->symbol) != FP_NO_INDEX ? 0 : FP_RC_TABLE_FULL;
    default: return FP_RC_MALFORMED;
    }
}

static void kill_switch(struct fp_oms *oms, struct deal *deal) {
    const struct fp_command *c = deal->command;
    const int engage = c->kind == FP_CMD_KILL;
    uint16_t reason = target_refusal(oms, c);
    answer(deal, reason ? FP_OUT_REFUSED : FP_OUT_ACCEPTED, reason);
    if (reason)
        return;
    struct fp_jr_kill kill = {.step = engage ? FP_KS_ENGAGE : FP_KS_RELEASE, .scope = c->kill_scope, .venue = c->venue, .account = c->account, .agent = c->agent};
    memcpy(kill.symbol, c->symbol, 8);
    const uint16_t venue = deal->venue < oms->venue_count ? deal->venue : 0;
    int rc = journal_decision(oms, deal);
    if (engage) {
        oms->venues[venue].stats.unjournaled += rc != 0;
        (void)fp_owed_put(oms, FP_JR_KILL, venue, &kill, sizeof kill, deal->now_ns);
    } else if (rc || fp_journal_put(oms, FP_JR_KILL, venue, &kill, sizeof kill, deal->now_ns)) { /* a release that a restart would not know of is no release */
        answer(deal, FP_OUT_REFUSED, FP_RC_JOURNAL_FAILED);
        return;
    }
    deal->reply->count = fp_kill_apply(oms, &kill, deal->now_ns);
    for (uint8_t v = 0; engage && v < oms->venue_count; v++) {
        if (c->kill_scope == FP_KILL_FIRM || c->kill_scope == FP_KILL_VENUE)
            fp_cancel_mass(oms, v, deal->now_ns);
        fp_cancel_flush(oms, v, deal->now_ns);
    }
    tell_owed(oms, deal);
}

/* ---- the door ---- */

void fp_oms_command(struct fp_oms *oms, const struct fp_command *command, uint64_t now_ns, struct fp_reply *reply) {
    memset(reply, 0, offsetof(struct fp_reply, checks));
    reply->id = command->id;
    reply->engine_ns = now_ns;
    reply->lane = command->lane;
    reply->kind = command->kind;
    struct deal deal = {.command = command, .reply = reply, .now_ns = now_ns, .venue = command->venue};
    if (!oms->folded) {
        answer(&deal, FP_OUT_REFUSED, FP_RC_RECOVERING);
        return;
    }
    switch (command->kind) {
    case FP_CMD_PREVIEW:
    case FP_CMD_SUBMIT:
    case FP_CMD_ARM:
    case FP_CMD_PREVIEW_TRIGGER: submit(oms, &deal); break;
    case FP_CMD_REPLACE:
    case FP_CMD_PREVIEW_REPLACE: replace(oms, &deal); break;
    case FP_CMD_CANCEL: cancel(oms, &deal, 0); break;
    case FP_CMD_DISARM: cancel(oms, &deal, FP_OS_ARMED); break;
    case FP_CMD_CANCEL_ALL: cancel_all(oms, &deal); break;
    case FP_CMD_KILL:
    case FP_CMD_RELEASE: kill_switch(oms, &deal); break;
    default: answer(&deal, FP_OUT_REFUSED, FP_RC_MALFORMED); break;
    }
}
