/* Taking orders back: single cancels, cancel all, kill switches, used-up loss budgets.
 *
 * A cancel has two halves. Wanting it changes state and is the same live and in the
 * fold; sending it happens whenever the session can, again after a reconnect, and
 * even when the journal fails. Nothing here is ever refused for risk. */
#include "state.h"
#include "trigger.h"

enum { MASS_CANCEL_WAIT_NS = 500000000 };

/* One pass over a venue's open orders; next is read before the visit. */
#define EACH_OPEN(oms, venue_index, order)                                                                      \
    for (uint32_t at_ = (oms)->venues[venue_index].open_first, next_;                                           \
         at_ != FP_NO_INDEX && ((order) = &(oms)->table.orders[at_], next_ = (order)->venue_next, 1); at_ = next_)

static int take_back(struct fp_oms *oms, struct fp_order *order, uint16_t reason, uint64_t now_ns) {
    return order->state == FP_OS_ARMED ? fp_trigger_disarm(oms, order, reason, now_ns) : fp_order_want_cancel(oms, order, now_ns);
}

uint32_t fp_cancel_one(struct fp_oms *oms, struct fp_order *order, uint64_t now_ns) {
    uint32_t count = (uint32_t)take_back(oms, order, 0, now_ns);
    if (order->child != FP_NO_INDEX)
        count += (uint32_t)take_back(oms, &oms->table.orders[order->child], 0, now_ns);
    return count;
}

uint32_t fp_cancel_all(struct fp_oms *oms, const struct fp_command *command, uint64_t now_ns) {
    struct fp_order *order;
    uint32_t count = 0;
    for (uint8_t v = 0; v < oms->venue_count; v++) {
        if (command->venue != 0xFF && command->venue != v)
            continue;
        EACH_OPEN(oms, v, order) {
            if (order->account == command->account && (!command->symbol[0] || memcmp(order->symbol, command->symbol, 8) == 0) &&
                (!command->side || fp_side_index(command->side) == fp_side_index(order->side)))
                count += (uint32_t)take_back(oms, order, 0, now_ns);
        }
    }
    return count;
}

static int in_scope(const struct fp_jr_kill *kill, const struct fp_order *order) {
    switch (kill->scope) {
    case FP_KILL_FIRM: return 1;
    case FP_KILL_VENUE: return order->venue == kill->venue;
    case FP_KILL_ACCOUNT: return order->account == kill->account;
    case FP_KILL_AGENT: return order->agent == kill->agent;
    default: return memcmp(order->symbol, kill->symbol, 8) == 0;
    }
}

static struct fp_usage *usage_of(struct fp_oms *oms, const struct fp_jr_kill *kill) {
    switch (kill->scope) {
    case FP_KILL_FIRM: return &oms->positions.usages[FP_USAGE_FIRM];
    case FP_KILL_ACCOUNT: return &oms->positions.usages[FP_USAGE_ACCOUNT + kill->account];
    case FP_KILL_AGENT: return &oms->positions.usages[FP_USAGE_AGENT + kill->agent];
    default: return NULL;
    }
}

static void latch(struct fp_oms *oms, const struct fp_jr_kill *kill, uint8_t value) {
    struct fp_usage *usage = usage_of(oms, kill);
    if (usage) {
        usage->killed = value;
        if (!value)
            usage->loss_latched = 0;
    } else if (kill->scope == FP_KILL_VENUE) {
        oms->venues[kill->venue].killed = value;
    } else {
        uint32_t symbol = fp_symbol_add(&oms->positions, kill->symbol);
        if (symbol != FP_NO_INDEX)
            oms->positions.symbols[symbol].killed = value;
    }
}

uint32_t fp_kill_apply(struct fp_oms *oms, const struct fp_jr_kill *kill, uint64_t now_ns) {
    struct fp_order *order;
    uint32_t count = 0;
    if (kill->step == FP_KS_LOSS) {
        if (usage_of(oms, kill))
            usage_of(oms, kill)->loss_latched = 1;
        return 0;
    }
    latch(oms, kill, kill->step == FP_KS_ENGAGE);
    if (kill->step == FP_KS_RELEASE)
        return 0;
    for (uint8_t v = 0; v < oms->venue_count; v++)
        EACH_OPEN(oms, v, order) {
            if (in_scope(kill, order))
                count += (uint32_t)take_back(oms, order, FP_RC_KILL_SWITCH, now_ns);
        }
    return count;
}

void fp_loss_check(struct fp_oms *oms, const struct fp_order *order, uint64_t now_ns) {
    static const uint8_t scopes[FP_LEVELS] = {FP_KILL_FIRM, FP_KILL_ACCOUNT, FP_KILL_AGENT};
    for (int level = 0; level < FP_LEVELS; level++) {
        struct fp_usage *usage = &oms->positions.usages[oms->positions.exposures[order->exposure[level]].usage];
        if (usage->loss_latched || usage->realised_e4 >= 0 || (uint64_t)-usage->realised_e4 <= usage->limits.max_loss_e4)
            continue;
        usage->loss_latched = 1;
        struct fp_jr_kill kill = {.step = FP_KS_LOSS, .scope = scopes[level], .venue = order->venue, .account = order->account, .agent = order->agent};
        /* Should this record fail, the fills that it follows from are journaled or will be replayed: the fold latches by itself. */
        if (!oms->folding)
            (void)fp_journal_put(oms, FP_JR_KILL, order->venue, &kill, sizeof kill, now_ns);
    }
}

void fp_cancel_flush(struct fp_oms *oms, uint8_t index, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    struct fp_order *order;
    if (venue->state != FP_VS_LIVE || !venue->cancels_wanted)
        return;
    EACH_OPEN(oms, index, order) {
        if (order->cancel != FP_CANCEL_WANTED)
            continue;
        union fp_ouch_in_body message = {.cancel_order = {.type = 'X', .user_ref_num = order->urn, .quantity = 0}};
        if (fp_session_send(oms, index, &message, NULL, FP_NO_INDEX, 1, now_ns))
            return; /* no room: the timer comes back */
        fp_order_set_cancel(oms, order, FP_CANCEL_SENT);
        venue->stats.cancels++;
    }
}

void fp_cancel_mass(struct fp_oms *oms, uint8_t index, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    struct fp_order *order;
    if (venue->state != FP_VS_LIVE || !venue->cancels_wanted || venue->next_urn == UINT32_MAX)
        return;
    union fp_ouch_in_body message = {.mass_cancel = {.type = 'C', .user_ref_num = venue->next_urn}};
    memcpy(message.mass_cancel.firm, venue->firm, 4);
    memset(message.mass_cancel.symbol, ' ', 8);
    if (fp_session_send(oms, index, &message, NULL, FP_NO_INDEX, 1, now_ns))
        return;
    venue->next_urn++;
    venue->stats.mass_cancels++;
    venue->mass_deadline_ns = now_ns + MASS_CANCEL_WAIT_NS;
    EACH_OPEN(oms, index, order) {
        if (order->cancel == FP_CANCEL_WANTED)
            fp_order_set_cancel(oms, order, FP_CANCEL_MASS);
    }
}

void fp_cancel_timer(struct fp_oms *oms, uint8_t index, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    struct fp_order *order;
    if (venue->mass_deadline_ns && now_ns >= venue->mass_deadline_ns) {
        venue->mass_deadline_ns = 0;
        EACH_OPEN(oms, index, order) {
            if (order->cancel == FP_CANCEL_MASS)
                fp_order_set_cancel(oms, order, FP_CANCEL_WANTED);
        }
    }
    fp_cancel_flush(oms, index, now_ns);
}
