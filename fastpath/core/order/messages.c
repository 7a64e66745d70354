/* What each message of the venue does to an order, in every state. Live and recovery
 * run the same code here.
 *
 * The venue always wins: a message that does not fit the state is applied to the
 * quantities as far as it makes sense, counted, and flagged as an anomaly; only numbers
 * that no venue can mean are left aside. It never sends, and it never asks the clock. */
#include "state.h"

static uint32_t plus(uint32_t a, uint32_t b) { return a > UINT32_MAX - b ? UINT32_MAX : a + b; }

struct context {
    struct fp_oms *oms;
    struct fp_venue *venue;
    struct fp_step step;
    uint64_t now_ns;
    uint8_t index;
};

static void anomaly(struct context *c, struct fp_order *order) {
    c->venue->stats.anomalies++;
    c->step.flags |= FP_XF_ANOMALY;
    if (order)
        order->flags |= FP_XF_ANOMALY;
}

static void unknown(struct context *c) {
    c->venue->stats.ouch_unknown_urn++;
    c->venue->stats.anomalies++;
}

static struct fp_order *by_urn(struct context *c, uint32_t urn) { return fp_table_by_urn(&c->oms->table, c->index, urn); }

/* By number, else by the id of ours that the venue echoes. */
static struct fp_order *by_echo(struct context *c, uint32_t urn, const char cl_ord_id[14]) {
    uint64_t id;
    struct fp_order *order = by_urn(c, urn);
    if (order || fp_clordid_get(cl_ord_id, &id))
        return order;
    order = fp_table_by_id(&c->oms->table, id);
    return order && order->venue == c->index ? order : NULL;
}

static void tell(struct context *c, struct fp_order *order, uint8_t kind) {
    order->updated_ns = c->now_ns;
    order->venue_ns = c->step.venue_ns;
    order->soup_seq = c->step.soup_seq;
    c->step.kind = kind;
    fp_order_emit(c->oms, order, &c->step, c->now_ns);
}

/* The order has ended: a replacement still on its way will be ignored by the venue and consumes no number. */
static void end_child(struct context *c, struct fp_order *order) {
    if (order->child == FP_NO_INDEX || fp_order_open(order))
        return;
    struct fp_order *child = &c->oms->table.orders[order->child];
    if (child->state == FP_OS_SENT)
        fp_order_lost(c->oms, child, c->now_ns);
    order->child = FP_NO_INDEX;
}

static void set_side(struct context *c, struct fp_order *order, char side) {
    if (side == order->side)
        return;
    if (order->side != 'B' && (side == 'S' || side == 'T' || side == 'E'))
        order->side = side;
    else
        anomaly(c, order);
}

static int possible(uint64_t price_e4, uint64_t shares) { return price_e4 <= FP_OUCH_MARKET_PRICE_E4 && shares <= FP_OUCH_MAX_QUANTITY; }

/* What the venue says of an order that it has taken. Numbers that cannot be true are left aside. */
static void take_terms(struct context *c, struct fp_order *order, uint32_t leaves, uint64_t price_e4, char side, uint64_t reference) {
    set_side(c, order, side);
    fp_table_set_ref(&c->oms->table, order, reference);
    order->flags &= (uint16_t)~FP_XF_IN_DOUBT;
    if (!possible(price_e4, leaves) || price_e4 == 0 || leaves == 0) {
        anomaly(c, order);
        order->quantity = plus(order->executed, order->leaves);
        return;
    }
    if (leaves > order->leaves)
        anomaly(c, order); /* more than asked for; it counts all the same */
    order->price_e4 = (uint32_t)price_e4;
    order->leaves = leaves;
    order->quantity = plus(order->executed, leaves);
}

static void round_trip(struct context *c, const struct fp_order *order) {
    if (!c->oms->folding && order->socket_ns && c->now_ns > order->socket_ns && c->venue->state == FP_VS_LIVE)
        c->venue->ack_ns = c->now_ns - order->socket_ns;
}

static struct fp_order *accepted(struct context *c, const struct fp_ouch_out_order_accepted *m) {
    struct fp_order *order = by_echo(c, m->user_ref_num, m->cl_ord_id);
    if (!order) {
        unknown(c);
        return NULL;
    }
    c->venue->stats.accepted++;
    if (order->state != FP_OS_SENT && order->state != FP_OS_LOST) {
        anomaly(c, order);
        tell(c, order, FP_EX_ACCEPTED);
        return order;
    }
    if (order->state == FP_OS_LOST || order->parent != FP_NO_INDEX) {
        anomaly(c, order); /* believed lost, or a replacement accepted as if it were new: the venue has it, so it is live */
        order->leaves = order->quantity > order->executed ? order->quantity - order->executed : 0;
        fp_order_free_parent(c->oms, order, &(struct fp_step){.kind = FP_EX_REPLACE_REJECTED}, c->now_ns);
    }
    round_trip(c, order);
    take_terms(c, order, m->quantity, m->price_e4, m->side, m->order_reference_number);
    order->state = m->order_state == 'D' ? FP_OS_CANCELED : FP_OS_LIVE;
    c->step.last_shares = m->order_state == 'D' ? order->leaves : 0;
    c->venue->stats.canceled += m->order_state == 'D';
    fp_order_settle(c->oms, order);
    tell(c, order, m->order_state == 'D' ? FP_EX_CANCELED : FP_EX_ACCEPTED);
    return order;
}

static struct fp_order *rejected(struct context *c, const struct fp_ouch_out_rejected *m) {
    struct fp_order *order = by_echo(c, m->user_ref_num, m->cl_ord_id);
    if (!order) {
        unknown(c);
        return NULL;
    }
    c->venue->stats.rejected++;
    c->step.reason = m->reason ? m->reason : FP_RC_OTHER;
    if (order->state != FP_OS_SENT)
        anomaly(c, order);
    if (order->state != FP_OS_SENT && order->state != FP_OS_LOST) {
        tell(c, order, FP_EX_REJECTED);
        return order;
    }
    struct fp_step stays = c->step;
    stays.kind = FP_EX_REPLACE_REJECTED;
    order->state = FP_OS_REJECTED;
    order->reason = c->step.reason;
    fp_order_free_parent(c->oms, order, &stays, c->now_ns);
    fp_order_settle(c->oms, order);
    tell(c, order, FP_EX_REJECTED);
    return order;
}

/* The replacement is there: the parent has ended, its fills live on in the child. */
static void take_over(struct context *c, struct fp_order *parent, struct fp_order *child) {
    if (parent->child == fp_table_at(&c->oms->table, child))
        parent->child = FP_NO_INDEX;
    else
        anomaly(c, child);
    child->executed = parent->executed;
    child->broken = parent->broken;
    child->cum_notional_e4 = parent->cum_notional_e4;
    if (fp_order_open(parent)) {
        parent->state = FP_OS_REPLACED;
        parent->successor = fp_table_at(&c->oms->table, child);
        fp_order_settle(c->oms, parent);
        tell(c, parent, FP_EX_REPLACED_AWAY);
        end_child(c, parent);
    } else {
        anomaly(c, child);
    }
}

static struct fp_order *replaced(struct context *c, const struct fp_ouch_out_order_replaced *m) {
    struct fp_order *child = by_echo(c, m->user_ref_num, m->cl_ord_id), *parent = by_urn(c, m->orig_user_ref_num);
    c->venue->stats.replaced++;
    if (!child || child == parent) {
        unknown(c);
        if (parent && fp_order_open(parent)) { /* replaced by an order that is not ours to know: it has ended all the same */
            anomaly(c, parent);
            parent->state = FP_OS_REPLACED;
            fp_order_settle(c->oms, parent);
            tell(c, parent, FP_EX_REPLACED_AWAY);
            end_child(c, parent);
        }
        return NULL;
    }
    if ((child->state != FP_OS_SENT && child->state != FP_OS_LOST) || !parent) {
        anomaly(c, child);
        if (child->state != FP_OS_SENT && child->state != FP_OS_LOST) {
            tell(c, child, FP_EX_REPLACED);
            return child;
        }
    }
    if (child->state == FP_OS_LOST)
        anomaly(c, child);
    round_trip(c, child);
    child->state = FP_OS_SENT; /* open again if it was believed lost */
    if (parent)
        take_over(c, parent, child);
    child->leaves = child->quantity > child->executed ? child->quantity - child->executed : 0;
    take_terms(c, child, m->quantity, m->price_e4, m->side, m->order_reference_number);
    child->state = m->order_state == 'D' ? FP_OS_CANCELED : FP_OS_LIVE;
    c->step.last_shares = m->order_state == 'D' ? child->leaves : 0;
    fp_order_settle(c->oms, child);
    tell(c, child, FP_EX_REPLACED);
    return child;
}

/* A message for an order whose Accepted or Replaced we have not seen. */
static void must_be_live(struct context *c, struct fp_order *order) {
    if (order->state != FP_OS_SENT)
        return;
    anomaly(c, order);
    if (order->parent != FP_NO_INDEX && fp_order_open(&c->oms->table.orders[order->parent]))
        take_over(c, &c->oms->table.orders[order->parent], order);
    order->leaves = order->quantity > order->executed ? order->quantity - order->executed : 0;
    order->quantity = plus(order->executed, order->leaves);
    order->state = FP_OS_LIVE;
    order->flags &= (uint16_t)~FP_XF_IN_DOUBT;
    fp_order_settle(c->oms, order);
}

static struct fp_order *executed(struct context *c, const struct fp_ouch_out_order_executed *m) {
    struct fp_order *order = by_urn(c, m->user_ref_num);
    if (!order) {
        unknown(c);
        return NULL;
    }
    uint32_t at = fp_table_at(&c->oms->table, order);
    if (!possible(m->price_e4, m->quantity) || m->quantity == 0 || m->price_e4 == 0) {
        anomaly(c, order); /* no such trade can exist */
        tell(c, order, FP_EX_RESTATED);
        return order;
    }
    const int late = !fp_order_open(order);
    int kept = fp_fill_add(&c->oms->positions, order, at, m->match_number, m->quantity, (uint32_t)m->price_e4, late);
    if (kept) {
        anomaly(c, order);
        if (kept == FP_E_DUPLICATE)
            return order; /* that match is in the position already */
    }
    must_be_live(c, order);
    order->executed = plus(order->executed, m->quantity);
    order->cum_notional_e4 += (uint64_t)m->quantity * m->price_e4;
    order->liquidity = m->liquidity_flag;
    c->venue->stats.fills++;
    if (late) {
        order->flags |= FP_XF_LATE_FILL;
        c->venue->stats.late_fills++;
    } else {
        if (m->quantity > order->leaves) {
            anomaly(c, order);
            order->quantity = order->executed;
        }
        order->leaves = m->quantity < order->leaves ? order->leaves - m->quantity : 0;
        if (order->leaves == 0)
            order->state = FP_OS_FILLED;
        fp_order_settle(c->oms, order);
    }
    c->step.match_number = m->match_number;
    c->step.last_price_e4 = (uint32_t)m->price_e4;
    c->step.last_shares = m->quantity;
    c->step.liquidity = m->liquidity_flag;
    tell(c, order, FP_EX_FILL);
    end_child(c, order);
    fp_loss_check(c->oms, order, c->now_ns);
    return order;
}

/* Shares taken off by the venue, for whatever reason. */
static struct fp_order *canceled(struct context *c, uint32_t urn, uint32_t shares, char reason) {
    struct fp_order *order = by_urn(c, urn);
    if (!order) {
        unknown(c);
        return NULL;
    }
    c->venue->stats.canceled++;
    c->step.last_shares = shares;
    c->step.cancel_reason = reason;
    if (order->state == FP_OS_SENT && order->parent == FP_NO_INDEX) {
        order->state = FP_OS_CANCELED;
    } else if (fp_order_open(order)) {
        must_be_live(c, order);
        if (shares > order->leaves)
            anomaly(c, order);
        order->leaves = shares < order->leaves ? order->leaves - shares : 0;
        if (order->leaves == 0)
            order->state = FP_OS_CANCELED;
        else
            order->quantity = plus(order->executed, order->leaves);
    } else {
        anomaly(c, order);
    }
    if (order->state == FP_OS_CANCELED)
        order->cancel_reason = reason;
    fp_order_settle(c->oms, order);
    tell(c, order, FP_EX_CANCELED);
    end_child(c, order);
    return order;
}

static struct fp_order *broken(struct context *c, const struct fp_ouch_out_broken_trade *m) {
    struct fp_order *orders = c->oms->table.orders, *named = by_echo(c, m->user_ref_num, m->cl_ord_id), *order = named;
    const struct fp_fill *fill = NULL;
    if (!named) {
        unknown(c);
        return NULL;
    }
    /* The fill may have happened to an order that the named one has replaced. */
    for (uint32_t at = fp_table_at(&c->oms->table, named); at != FP_NO_INDEX && !fill; at = order->parent) {
        order = &orders[at];
        fill = fp_fill_break(&c->oms->positions, order, at, m->match_number, orders);
        if (fill)
            break;
    }
    if (!fill) {
        anomaly(c, named);
        tell(c, named, FP_EX_BROKEN);
        return named;
    }
    c->venue->stats.broken++;
    c->step.match_number = m->match_number;
    c->step.last_price_e4 = fill->price_e4;
    c->step.last_shares = fill->shares;
    c->step.cancel_reason = m->reason;
    /* The order it happened to, then the orders that took over from it: they carry its sums. */
    for (uint32_t at = fp_table_at(&c->oms->table, order); at != FP_NO_INDEX; at = fill->late ? FP_NO_INDEX : orders[at].successor) {
        uint64_t value = (uint64_t)fill->shares * fill->price_e4, *sum = &orders[at].cum_notional_e4;
        orders[at].broken = plus(orders[at].broken, fill->shares);
        *sum -= *sum < value ? *sum : value;
        fp_order_settle(c->oms, &orders[at]);
        tell(c, &orders[at], FP_EX_BROKEN);
        c->step.match_number = 0;
        c->step.last_price_e4 = c->step.last_shares = 0;
    }
    fp_loss_check(c->oms, order, c->now_ns);
    return named;
}

/* Messages that only look at an order that must be open. */
static struct fp_order *noted(struct context *c, uint32_t urn, uint8_t kind) {
    struct fp_order *order = by_urn(c, urn);
    if (!order) {
        unknown(c);
        return NULL;
    }
    if (!fp_order_open(order)) {
        anomaly(c, order);
        tell(c, order, kind);
        return NULL;
    }
    must_be_live(c, order);
    return order;
}

static struct fp_order *other(struct context *c, const union fp_ouch_out_body *m) {
    struct fp_order *order = NULL;
    switch (m->type) {
    case 'P':
        if ((order = noted(c, m->cancel_pending.user_ref_num, FP_EX_CANCEL_PENDING))) {
            order->flags |= FP_XF_CANCEL_PENDING;
            tell(c, order, FP_EX_CANCEL_PENDING);
        }
        break;
    case 'I':
        if ((order = noted(c, m->cancel_reject.user_ref_num, FP_EX_CANCEL_REJECTED))) {
            order->flags &= (uint16_t)~FP_XF_CANCEL_PENDING;
            fp_order_set_cancel(c->oms, order, FP_CANCEL_NONE);
            tell(c, order, FP_EX_CANCEL_REJECTED);
        }
        break;
    case 'T':
        if ((order = noted(c, m->order_priority_update.user_ref_num, FP_EX_PRIORITY))) {
            const struct fp_ouch_out_order_priority_update *t = &m->order_priority_update;
            fp_table_set_ref(&c->oms->table, order, t->order_reference_number);
            if (possible(t->price_e4, 0) && t->price_e4)
                order->price_e4 = (uint32_t)t->price_e4;
            else
                anomaly(c, order);
            fp_order_settle(c->oms, order);
            tell(c, order, FP_EX_PRIORITY);
        }
        break;
    case 'M':
        if ((order = noted(c, m->order_modified.user_ref_num, FP_EX_MODIFIED))) {
            const struct fp_ouch_out_order_modified *t = &m->order_modified;
            set_side(c, order, t->side);
            if (t->quantity > order->leaves)
                anomaly(c, order);
            if (possible(0, t->quantity)) {
                order->leaves = t->quantity;
                order->quantity = plus(order->executed, t->quantity);
            }
            if (order->leaves == 0)
                order->state = FP_OS_CANCELED;
            fp_order_settle(c->oms, order);
            tell(c, order, FP_EX_MODIFIED);
            end_child(c, order);
        }
        break;
    case 'R':
        if ((order = noted(c, m->order_restated.user_ref_num, FP_EX_RESTATED)))
            tell(c, order, FP_EX_RESTATED);
        break;
    case 'Q':
        c->venue->queries -= c->venue->queries != 0;
        if (m->account_query_response.next_user_ref_num > c->venue->next_urn)
            c->venue->next_urn = m->account_query_response.next_user_ref_num;
        break;
    default: /* S, X, G, K: the single orders' messages tell the rest */
        break;
    }
    return order;
}

static uint64_t timestamp_of(const uint8_t *bytes) { return fp_load_be64(bytes + 1); } /* the same place in every outbound message */

char fp_order_message(struct fp_oms *oms, uint8_t index, uint64_t sequence, const uint8_t *bytes, size_t length, uint64_t now_ns) {
    union fp_ouch_out_body m;
    struct context c = {oms, &oms->venues[index], {.soup_seq = (uint32_t)sequence}, now_ns, index};
    int rc = fp_ouch_out_decode(bytes, length, &m, NULL);
    if (rc) {
        *(rc == FP_E_UNKNOWN_TYPE ? &c.venue->stats.ouch_unknown_type : &c.venue->stats.ouch_bad_length) += 1;
        return 0;
    }
    c.step.venue_ns = c.venue->midnight_ns + timestamp_of(bytes);
    c.step.flags = !oms->folding && c.venue->state == FP_VS_REPLAYING ? FP_XF_RECOVERED : 0;
    struct fp_order *order = NULL;
    switch (m.type) {
    case 'A': order = accepted(&c, &m.order_accepted); break;
    case 'J': order = rejected(&c, &m.rejected); break;
    case 'E': order = executed(&c, &m.order_executed); break;
    case 'C': order = canceled(&c, m.order_canceled.user_ref_num, m.order_canceled.quantity, m.order_canceled.reason); break;
    case 'D': order = canceled(&c, m.aiq_canceled.user_ref_num, m.aiq_canceled.decrement_shares, m.aiq_canceled.reason); break;
    case 'U': order = replaced(&c, &m.order_replaced); break;
    case 'B': order = broken(&c, &m.broken_trade); break;
    default: order = other(&c, &m); break;
    }
    /* An order that turns out to be live behind a kill switch goes too. */
    if (order && order->state == FP_OS_LIVE && fp_order_killed(oms, order))
        fp_order_want_cancel(oms, order, now_ns);
    return m.type;
}
