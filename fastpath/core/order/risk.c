/* The pre-trade checks, in their order; see risk.h. */
#include "risk.h"

enum { UNIT_COUNT = 0, UNIT_SHARES = 1, UNIT_E4 = 2, UNIT_BPS = 3, UNIT_MS = 4, UNIT_BOOL = 5 };
enum { NS_PER_MS = 1000000 };
static const uint64_t ONE_TOKEN = 1000000000;

struct judge {
    struct fp_check *checks;
    unsigned count;
    uint16_t reason;
    int every;
};

#define ALWAYS_INLINE __attribute__((always_inline)) static inline

/* Write a check down. Returns 1 when the evaluation ends here. */
static int tell(struct judge *j, uint16_t reason, uint8_t unit, int level, int64_t observed, int64_t limit, int passed) {
    j->checks[j->count++] = (struct fp_check){observed, limit, reason, (uint8_t)(passed != 0), (uint8_t)level, unit, {0}};
    if (!passed && !j->reason)
        j->reason = reason;
    return !passed && !j->every;
}

/* A check that passes costs one branch, unless all are to be told. */
ALWAYS_INLINE int judge(struct judge *j, uint16_t reason, uint8_t unit, int level, int64_t observed, int64_t limit, int passed) {
    return __builtin_expect(passed && !j->every, 1) ? 0 : tell(j, reason, unit, level, observed, limit, passed);
}

/* The level with the least room left; ties go to the innermost. Levels are told as 1 firm, 2 account, 3 agent. */
static int tell_worst(struct judge *j, uint16_t reason, uint8_t unit, const int64_t observed[FP_LEVELS], const int64_t limit[FP_LEVELS]) {
    int worst = 0;
    for (int level = 1; level < FP_LEVELS; level++)
        if (limit[level] - observed[level] <= limit[worst] - observed[worst])
            worst = level;
    return tell(j, reason, unit, worst + 1, observed[worst], limit[worst], observed[worst] <= limit[worst]);
}

ALWAYS_INLINE int judge_levels(struct judge *j, uint16_t reason, uint8_t unit, const int64_t observed[FP_LEVELS], const int64_t limit[FP_LEVELS]) {
    int passed = (observed[0] <= limit[0]) & (observed[1] <= limit[1]) & (observed[2] <= limit[2]);
    return __builtin_expect(passed && !j->every, 1) ? 0 : tell_worst(j, reason, unit, observed, limit);
}

/* The same observation at every level: the smallest limit decides. */
struct tightest {
    int64_t limit;
    int level;
};

ALWAYS_INLINE void tighten(struct tightest *t, int level, uint64_t limit) {
    if (level == 0 || (int64_t)limit <= t->limit)
        *t = (struct tightest){(int64_t)limit, level + 1};
}

ALWAYS_INLINE int64_t clamp(__int128 value) {
    return value > FP_AMOUNT_MAX ? FP_AMOUNT_MAX : value < -FP_AMOUNT_MAX ? -FP_AMOUNT_MAX : (int64_t)value;
}

/* ---- small questions ---- */

static int symbol_allowed(const struct fp_agent *agent, const char symbol[8]) {
    uint64_t word;
    memcpy(&word, symbol, 8);
    for (unsigned i = 0; i < agent->symbol_count; i++)
        if (agent->symbols[i] == word)
            return 1;
    return agent->symbol_count == 0;
}

/* Regulation NMS tick: one cent from one dollar up, a hundredth of a cent below. */
static uint32_t tick(uint64_t price_e4) { return price_e4 >= 10000 ? 100 : 1; }

static uint32_t apart(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }

/* What a price is held against: the last trade, or the nearer side of the quote while nothing has traded, for a first
 * order can be wrong too. 0 when there is none of them. */
static uint32_t anchor(uint32_t price, const struct fp_quote *q) {
    if (q->last_price_e4 || !q->bid_e4 || !q->ask_e4)
        return q->last_price_e4 ? q->last_price_e4 : q->bid_e4 ? q->bid_e4 : q->ask_e4;
    return apart(price, q->bid_e4) < apart(price, q->ask_e4) ? q->bid_e4 : q->ask_e4;
}

/* A protected market order: a limit at the collar's edge, rounded to the inside. 0 without a far side. */
static uint32_t protected_price(char side, const struct fp_quote *quote, uint32_t collar_bps) {
    uint64_t far = side == 'B' ? quote->ask_e4 : quote->bid_e4;
    if (!far)
        return 0;
    uint64_t reach = far * collar_bps / 10000;
    if (side == 'B') {
        uint64_t price = far + reach;
        price -= price % tick(price);
        return price > FP_OUCH_MAX_PRICE_E4 ? FP_OUCH_MAX_PRICE_E4 : (uint32_t)price;
    }
    uint64_t price = reach >= far ? 1 : far - reach;
    uint64_t over = price % tick(price);
    return (uint32_t)(over ? price + tick(price) - over : price);
}

/* Rounded up, so that what is told exceeds the limit exactly when the check fails. */
static int64_t bps(uint64_t distance, uint64_t reference) { return (int64_t)((distance * 10000 + reference - 1) / reference); }
static int64_t whole_ms(uint64_t ns) { return (int64_t)(ns / NS_PER_MS + (ns % NS_PER_MS != 0)); }

static uint64_t tokens_now(const struct fp_usage *usage, uint64_t now_ns) {
    uint64_t full = usage->limits.order_burst * ONE_TOKEN;
    uint64_t elapsed = now_ns > usage->tokens_ns ? now_ns - usage->tokens_ns : 0;
    unsigned __int128 tokens = (unsigned __int128)elapsed * usage->limits.orders_per_s + usage->tokens_e9;
    return tokens > full ? full : (uint64_t)tokens;
}

void fp_risk_take_tokens(struct fp_oms *oms, uint16_t account, uint16_t agent, uint64_t now_ns) {
    const uint32_t usages[FP_LEVELS] = {FP_USAGE_FIRM, FP_USAGE_ACCOUNT + account, FP_USAGE_AGENT + agent};
    for (int level = 0; level < FP_LEVELS; level++) {
        struct fp_usage *usage = &oms->positions.usages[usages[level]];
        uint64_t tokens = tokens_now(usage, now_ns);
        usage->tokens_e9 = tokens > ONE_TOKEN ? tokens - ONE_TOKEN : 0;
        usage->tokens_ns = now_ns > usage->tokens_ns ? now_ns : usage->tokens_ns;
    }
}

uint32_t fp_risk_same_bucket(uint16_t agent, const char symbol[8], int side, uint32_t price_e4, uint32_t quantity) {
    uint64_t word;
    memcpy(&word, symbol, 8);
    return (uint32_t)fp_mix64(word ^ fp_mix64((uint64_t)price_e4 << 32 | quantity) ^ (uint64_t)(agent * 2 + side)) & (FP_SAME_BUCKETS - 1);
}

uint64_t fp_risk_duplicate_window_ms(const struct fp_oms *oms, uint16_t account, uint16_t agent) {
    const struct fp_usage *usages = oms->positions.usages;
    uint64_t window = usages[FP_USAGE_FIRM].limits.duplicate_window_ms, other = usages[FP_USAGE_ACCOUNT + account].limits.duplicate_window_ms;
    window = other > window ? other : window;
    other = usages[FP_USAGE_AGENT + agent].limits.duplicate_window_ms;
    return other > window ? other : window;
}

/* Was the same sent by the same agent within the window? Chains are newest first. */
static int sent_before(const struct fp_oms *oms, const struct fp_risk_request *r, uint32_t price_e4, uint64_t window_ns) {
    int side = fp_side_index(r->side);
    uint32_t slot = oms->same[fp_risk_same_bucket(r->agent, r->symbol, side, price_e4, r->quantity)];
    for (uint32_t at = slot - 1; at != FP_NO_INDEX; at = oms->table.orders[at].same_next) {
        const struct fp_order *order = &oms->table.orders[at];
        if (r->now_ns >= order->sent_ns && r->now_ns - order->sent_ns >= window_ns)
            return 0;
        if (order->agent == r->agent && fp_side_index(order->side) == side && order->asked_quantity == r->quantity &&
            order->same_price_e4 == price_e4 && memcmp(order->symbol, r->symbol, 8) == 0)
            return 1;
    }
    return 0;
}

/* Best price of an own order at the venue on the other side at the venue that this price would trade with; 0 none. */
static uint32_t own_opposite(const struct fp_oms *oms, const struct fp_risk_request *r, uint32_t exposure, uint32_t price_e4) {
    if (exposure == FP_NO_INDEX)
        return 0;
    const struct fp_exposure *held = &oms->positions.exposures[exposure];
    int other = r->side == 'B' ? FP_SELL : FP_BUY;
    uint32_t best = 0;
    if (other == FP_SELL ? held->bound_e4[FP_SELL] > price_e4 : held->bound_e4[FP_BUY] < price_e4)
        return 0;
    for (uint32_t at = held->open_first[other]; at != FP_NO_INDEX; at = oms->table.orders[at].side_next) {
        const struct fp_order *order = &oms->table.orders[at];
        if (order->venue != r->venue || order == r->replaced || order->state == FP_OS_ARMED)
            continue; /* what is armed rests nowhere: it is looked at when it fires */
        if (other == FP_SELL ? order->price_e4 <= price_e4 && (!best || order->price_e4 < best) : order->price_e4 >= price_e4 && order->price_e4 > best)
            best = order->price_e4;
    }
    return best;
}

/* ---- the function ---- */

/* Three levels, always: unrolled, so that nothing goes through memory. */
#define EACH_LEVEL _Pragma("GCC unroll 3") for (int level = 0; level < FP_LEVELS; level++)

#define STOP_IF(call)     \
    do {                  \
        if (call)         \
            goto decided; \
    } while (0)

void fp_risk_check(const struct fp_oms *oms, const struct fp_risk_request *r, int every, struct fp_check *checks, struct fp_risk_verdict *verdict) {
    struct judge j = {checks, 0, 0, every};
    const struct fp_positions *p = &oms->positions;
    const struct fp_quote *q = r->quote;
    const int known = r->account < oms->account_count && r->agent < oms->agent_count && r->venue < oms->venue_count;
    const uint32_t symbol_id = fp_symbol_find(p, r->symbol);
    uint32_t price = r->price_e4;
    *verdict = (struct fp_risk_verdict){.effective_price_e4 = price, .wire_side = r->side};

    /* 1 kill switches */
    uint8_t killed_at = p->usages[FP_USAGE_FIRM].killed ? 1
                        : r->account < oms->account_count && p->usages[FP_USAGE_ACCOUNT + r->account].killed ? 2
                        : r->agent < oms->agent_count && p->usages[FP_USAGE_AGENT + r->agent].killed ? 3 : 0;
    int killed = killed_at || (r->venue < oms->venue_count && oms->venues[r->venue].killed) || (symbol_id != FP_NO_INDEX && p->symbols[symbol_id].killed);
    STOP_IF(judge(&j, FP_RC_KILL_SWITCH, UNIT_BOOL, killed_at, killed, 0, !killed));

    /* 2 the venue's session, 3 names */
    if (r->venue < oms->venue_count) {
        uint16_t refusal = fp_session_refusal(oms, r->venue);
        STOP_IF(judge(&j, refusal ? refusal : FP_RC_SESSION_DOWN, UNIT_BOOL, 0, refusal != 0, 0, !refusal));
    }
    uint16_t unknown = r->account >= oms->account_count ? FP_RC_UNKNOWN_ACCOUNT : r->agent >= oms->agent_count ? FP_RC_UNKNOWN_AGENT : FP_RC_UNKNOWN_VENUE;
    STOP_IF(judge(&j, unknown, UNIT_BOOL, 0, !known, 0, known));
    if (!known)
        goto decided; /* nothing below has a meaning without them */

    const struct fp_agent *agent = &oms->agents[r->agent];
    const uint32_t usage_at[FP_LEVELS] = {FP_USAGE_FIRM, FP_USAGE_ACCOUNT + r->account, FP_USAGE_AGENT + r->agent};
    const struct fp_usage *usage[FP_LEVELS];
    const struct fp_exposure *held[FP_LEVELS];
    static const struct fp_exposure nothing;
    uint32_t account_exposure = FP_NO_INDEX;
    EACH_LEVEL {
        usage[level] = &p->usages[usage_at[level]];
        uint32_t at = symbol_id == FP_NO_INDEX ? FP_NO_INDEX : fp_exposure_find(p, usage_at[level], symbol_id);
        held[level] = at == FP_NO_INDEX ? &nothing : &p->exposures[at];
        if (level == FP_LEVEL_ACCOUNT)
            account_exposure = at;
    }

    /* 4 what the agent may do */
    int permitted = agent->account == r->account && agent->may_trade && (agent->venue_mask >> r->venue & 1);
    int allowed = symbol_allowed(agent, r->symbol);
    STOP_IF(judge(&j, permitted && !allowed ? FP_RC_RESTRICTED_STOCK : FP_RC_NOT_PERMITTED, UNIT_BOOL, 3, !(permitted && allowed), 0, permitted && allowed));

    /* 5 symbol announced, 6 trading, 7 form of the order */
    STOP_IF(judge(&j, FP_RC_UNKNOWN_SYMBOL_YET, UNIT_BOOL, 0, !q->announced, 0, q->announced != 0));
    STOP_IF(judge(&j, FP_RC_HALTED, UNIT_BOOL, 0, q->trading_state != 'T', 0, q->trading_state == 'T'));
    uint16_t form = r->side != 'B' && r->side != 'S' ? FP_RC_SIDE : r->tif != '0' && r->tif != '3' ? FP_RC_TIF : r->order_type > FP_TYPE_MARKET ? FP_RC_ORDER_TYPE : 0;
    STOP_IF(judge(&j, form ? form : FP_RC_ORDER_TYPE, UNIT_BOOL, 0, form != 0, 0, !form));

    /* 8 quantity: what stays open must be at least one share */
    const uint32_t done = r->replaced ? r->replaced->executed : 0;
    const uint32_t leaves = r->quantity > done ? r->quantity - done : 0;
    STOP_IF(judge(&j, FP_RC_QUANTITY, UNIT_SHARES, 0, r->quantity, FP_OUCH_MAX_QUANTITY, leaves > 0 && r->quantity <= FP_OUCH_MAX_QUANTITY));

    /* the tightest of the limits that do not depend on usage */
    struct tightest size, notional, collar, fat, silence;
    EACH_LEVEL {
        const struct fp_limits *l = &usage[level]->limits;
        tighten(&size, level, l->max_order_quantity);
        tighten(&notional, level, l->max_order_notional_e4);
        tighten(&collar, level, l->collar_bps);
        tighten(&fat, level, l->fat_finger_bps);
        tighten(&silence, level, l->max_feed_silence_ms);
    }

    /* 9 price */
    int market = r->order_type == FP_TYPE_MARKET;
    if (market)
        price = protected_price(r->side, q, (uint32_t)collar.limit);
    verdict->effective_price_e4 = price;
    int priced = market ? r->price_e4 == 0 : price > 0 && price <= FP_OUCH_MAX_PRICE_E4 && (price < 10000 || price % 100 == 0);
    STOP_IF(judge(&j, FP_RC_PRICE, UNIT_E4, 0, market ? r->price_e4 : price, market ? 0 : FP_OUCH_MAX_PRICE_E4, priced));

    /* 10 size of one order */
    STOP_IF(judge(&j, FP_RC_MAX_QUANTITY, UNIT_SHARES, size.level, r->quantity, size.limit, r->quantity <= size.limit));

    /* 11 freshness: the feed must be heard, and the quote as young as the caller demands */
    uint64_t silent_ns = r->now_ns > q->feed_heard_ns ? r->now_ns - q->feed_heard_ns : 0;
    uint64_t age_ns = r->now_ns > q->rx_ns ? r->now_ns - q->rx_ns : 0;
    if (q->stale)
        STOP_IF(judge(&j, FP_RC_QUOTE_STALE, UNIT_BOOL, 0, 1, 0, 0));
    else if (r->max_quote_age_ms && age_ns > (uint64_t)r->max_quote_age_ms * NS_PER_MS)
        STOP_IF(judge(&j, FP_RC_QUOTE_STALE, UNIT_MS, 0, whole_ms(age_ns), r->max_quote_age_ms, 0));
    else
        STOP_IF(judge(&j, FP_RC_QUOTE_STALE, UNIT_MS, silence.level, whole_ms(silent_ns), silence.limit, silent_ns <= (uint64_t)silence.limit * NS_PER_MS));

    /* 12 something to value the order with, 13 collar through the far side, 14 distance from its anchor */
    uint32_t far = r->side == 'B' ? q->ask_e4 : q->bid_e4, near = r->side == 'B' ? q->bid_e4 : q->ask_e4;
    int referenced = market ? far != 0 : far || near || q->last_price_e4;
    STOP_IF(judge(&j, FP_RC_NO_REFERENCE_PRICE, UNIT_BOOL, 0, !referenced, 0, referenced));
    uint32_t reference = far ? far : q->last_price_e4 ? q->last_price_e4 : near;
    uint64_t through = r->side == 'B' ? (price > reference ? price - reference : 0) : (price < reference ? reference - price : 0);
    STOP_IF(judge(&j, FP_RC_MARKET_IMPACT, UNIT_BPS, collar.level, reference ? bps(through, reference) : 0, collar.limit,
                  reference && through * 10000 <= (uint64_t)collar.limit * reference));
    const uint32_t from = anchor(price, q);
    const uint64_t away = apart(price, from);
    STOP_IF(judge(&j, FP_RC_FAT_FINGER, UNIT_BPS, fat.level, from ? bps(away, from) : 0, fat.limit,
                  from && away * 10000 <= (uint64_t)fat.limit * from));

    /* 15 value of one order: at most 2^52, quantity and price being legal */
    const uint64_t whole_value = (uint64_t)r->quantity * price, value = (uint64_t)leaves * price;
    STOP_IF(judge(&j, FP_RC_ORDER_NOTIONAL, UNIT_E4, notional.level, clamp(whole_value), notional.limit, whole_value <= (uint64_t)notional.limit));

    /* 16 position, everything open on this side filled */
    const int side = fp_side_index(r->side), sign = side == FP_BUY ? 1 : -1;
    const uint64_t free_shares = r->replaced ? r->replaced->reserved_shares : 0;
    const uint64_t free_value = r->replaced ? r->replaced->reserved_value_e4 : 0;
    int64_t observed[FP_LEVELS], limit[FP_LEVELS];
    EACH_LEVEL {
        observed[level] = clamp((__int128)sign * held[level]->held.position + held[level]->open_shares[side] - free_shares + leaves);
        limit[level] = (int64_t)usage[level]->limits.max_position;
    }
    STOP_IF(judge_levels(&j, FP_RC_MAX_POSITION, UNIT_SHARES, observed, limit));

    /* 17 short sales: marked, allowed, and above the bid while Regulation SHO restricts them */
    int64_t owned = held[FP_LEVEL_ACCOUNT]->held.position > 0 ? held[FP_LEVEL_ACCOUNT]->held.position : 0;
    int64_t selling = side == FP_SELL ? clamp((__int128)held[FP_LEVEL_ACCOUNT]->open_shares[FP_SELL] - free_shares + leaves) : 0;
    int is_short = selling > owned;
    int restricted = is_short && agent->may_short && (q->reg_sho == '1' || q->reg_sho == '2') && price <= q->bid_e4;
    if (is_short)
        verdict->wire_side = 'T';
    STOP_IF(judge(&j, restricted ? FP_RC_SHORT_SELL_RESTRICTED : FP_RC_SHORT_NOT_ALLOWED, UNIT_SHARES, 3, selling, owned,
                  !is_short || (agent->may_short && !restricted)));

    /* 18 gross, 19 net: cost of positions plus the value of what is open */
    EACH_LEVEL {
        const struct fp_usage *u = usage[level];
        observed[level] = clamp((__int128)u->gross_cost_e4 + u->open_value_e4[FP_BUY] + u->open_value_e4[FP_SELL] - free_value + value);
        limit[level] = (int64_t)u->limits.max_gross_notional_e4;
    }
    STOP_IF(judge_levels(&j, FP_RC_AGGREGATE_EXPOSURE, UNIT_E4, observed, limit));
    EACH_LEVEL {
        const struct fp_usage *u = usage[level];
        observed[level] = clamp((__int128)sign * u->net_cost_e4 + u->open_value_e4[side] - free_value + value);
        limit[level] = (int64_t)u->limits.max_net_notional_e4;
    }
    STOP_IF(judge_levels(&j, FP_RC_NET_NOTIONAL, UNIT_E4, observed, limit));

    /* 20 open orders, 21 loss budget */
    int latched = 0;
    EACH_LEVEL {
        observed[level] = (int64_t)usage[level]->open_orders + !r->replaced;
        limit[level] = usage[level]->limits.max_open_orders;
    }
    STOP_IF(judge_levels(&j, FP_RC_MAX_OPEN_ORDERS, UNIT_COUNT, observed, limit));
    EACH_LEVEL {
        const struct fp_usage *u = usage[level];
        observed[level] = u->realised_e4 < 0 ? clamp(-(__int128)u->realised_e4) : 0;
        limit[level] = (int64_t)u->limits.max_loss_e4;
        if (u->loss_latched)
            latched = level + 1;
    }
    if (latched) /* used up once is used up, whatever was won back */
        STOP_IF(judge(&j, FP_RC_LOSS_LIMIT, UNIT_E4, latched, observed[latched - 1], limit[latched - 1], 0));
    else
        STOP_IF(judge_levels(&j, FP_RC_LOSS_LIMIT, UNIT_E4, observed, limit));

    /* 22 own orders on the other side */
    uint32_t own = own_opposite(oms, r, account_exposure, price);
    STOP_IF(judge(&j, FP_RC_SELF_TRADE, UNIT_E4, 0, own ? price : 0, own, !own));

    /* 23 the same again; an order can be replaced only once, so a replace cannot be a duplicate. What fires can be one */
    const uint64_t window_ms = fp_risk_duplicate_window_ms(oms, r->account, r->agent);
    int again = window_ms && (!r->replaced || r->replaced->state == FP_OS_ARMED) && sent_before(oms, r, price, window_ms * NS_PER_MS);
    STOP_IF(judge(&j, FP_RC_DUPLICATE_RATE, UNIT_COUNT, 0, again, 0, !again));

    /* 24 rate: tokens used after this order, of the bucket */
    EACH_LEVEL {
        limit[level] = usage[level]->limits.order_burst;
        observed[level] = limit[level] - (int64_t)(tokens_now(usage[level], r->now_ns) / ONE_TOKEN) + 1;
    }
    STOP_IF(judge_levels(&j, FP_RC_PORT_RATE, UNIT_COUNT, observed, limit));

decided:
    verdict->reason = j.reason;
    verdict->check_count = (uint8_t)j.count;
}
