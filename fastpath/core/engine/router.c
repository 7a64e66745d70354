/* The bus's ROUTER side: requests in, answers out, by docs/reference/bus.md. What
 * only reads is questions.c's; what decides goes to the hot thread and is answered
 * when its reply comes. Any bytes may come in: they cost an answer and a count, never
 * more. */
#include "questions.h"
#include "clock.h"

enum { TAKE_AT_ONCE = 16, ANSWER_TIMEOUT_S = 5 };

static void send_answer(struct fp_bus *bus, int door, const uint8_t *identity, size_t identity_length) {
    struct fp_mp_writer *writer = &bus->writer;
    struct fp_zmq_msg message;
    if (writer->error || bus->zmq.msg_init_size(&message, writer->length) != 0) {
        fp_bus_count(&bus->send_errors, 1);
        return;
    }
    memcpy(bus->zmq.msg_data(&message), writer->data, writer->length);
    /* A peer that is gone or does not read loses its answer; nobody waits for it. */
    if (bus->zmq.send(bus->doors[door], identity, identity_length, FP_ZMQ_SNDMORE | FP_ZMQ_DONTWAIT) < 0 || bus->zmq.msg_send(&message, bus->doors[door], FP_ZMQ_DONTWAIT) < 0) {
        fp_bus_count(&bus->send_errors, 1);
        bus->zmq.msg_close(&message);
    }
}

/* ---- commands ---- */

/* Which fp_command an op becomes; 0 for ops that are no commands. */
static uint8_t command_kind(uint8_t op) {
    switch (op) {
    case FP_OP_ORDER: return FP_CMD_QUERY_ORDER;
    case FP_OP_PREVIEW: return FP_CMD_PREVIEW;
    case FP_OP_SUBMIT: return FP_CMD_SUBMIT;
    case FP_OP_PREVIEW_REPLACE: return FP_CMD_PREVIEW_REPLACE;
    case FP_OP_REPLACE: return FP_CMD_REPLACE;
    case FP_OP_CANCEL: return FP_CMD_CANCEL;
    case FP_OP_CANCEL_ALL: return FP_CMD_CANCEL_ALL;
    case FP_OP_KILL: return FP_CMD_KILL;
    case FP_OP_RELEASE: return FP_CMD_RELEASE;
    case FP_OP_PREVIEW_TRIGGER: return FP_CMD_PREVIEW_TRIGGER;
    case FP_OP_ARM_TRIGGER: return FP_CMD_ARM;
    case FP_OP_DISARM_TRIGGER: return FP_CMD_DISARM;
    default: return 0;
    }
}

static int fill_order(const struct fp_asking *a, struct fp_command *c) {
    const struct fp_request *r = a->request;
    if (strcmp(r->side, "B") != 0 && strcmp(r->side, "S") != 0) return fp_asking_refuse(a, FP_RC_SIDE, "side must be B or S"), -1;
    if (strcmp(r->order_type, "limit") == 0) c->order_type = FP_TYPE_LIMIT;
    else if (strcmp(r->order_type, "market") == 0) c->order_type = FP_TYPE_MARKET;
    else return fp_asking_refuse(a, FP_RC_ORDER_TYPE, "order_type must be limit or market"), -1;
    if (strcmp(r->tif, "day") == 0) c->tif = '0';
    else if (strcmp(r->tif, "ioc") == 0) c->tif = '3';
    else return fp_asking_refuse(a, FP_RC_TIF, "tif must be day or ioc"), -1;
    return 0;
}

static int fill_condition(const struct fp_asking *a, struct fp_command *c) {
    for (uint8_t condition = FP_WHEN_BID_AT_OR_ABOVE; condition <= FP_WHEN_ASK_AT_OR_BELOW; condition++)
        if (strcmp(a->request->condition, fp_condition_name(condition)) == 0) c->condition = condition;
    if (!c->condition) return fp_asking_refuse(a, FP_RC_MALFORMED, "condition must be bid_at_or_above, bid_at_or_below, ask_at_or_above or ask_at_or_below"), -1;
    return fill_order(a, c);
}

/* Whom a kill switch is for. Without a target it is the agent's own account, or the agent itself. */
static int fill_scope(const struct fp_asking *a, struct fp_command *c) {
    static const char *const scopes[] = {"firm", "venue", "account", "agent", "symbol"};
    const struct fp_request *r = a->request;
    unsigned scope = 0;
    while (scope < 5 && strcmp(scopes[scope], r->scope) != 0) scope++;
    c->kill_scope = (uint8_t)scope;
    switch (scope) {
    case FP_KILL_FIRM: return 0;
    case FP_KILL_VENUE:
        c->venue = (uint8_t)fp_find_venue(a->bus->config, r->target);
        return c->venue == 0xff ? fp_asking_refuse(a, FP_RC_UNKNOWN_VENUE, "target is no venue"), -1 : 0;
    case FP_KILL_ACCOUNT:
        if (r->target[0]) c->account = (uint16_t)fp_find_account(a->bus->config, r->target);
        else if (c->agent != 0xffff) c->account = a->bus->config->agents[c->agent].account;
        return c->account == 0xffff ? fp_asking_refuse(a, FP_RC_UNKNOWN_ACCOUNT, "target is no account"), -1 : 0;
    case FP_KILL_AGENT:
        if (r->target[0]) c->agent = (uint16_t)fp_find_agent(a->bus->config, r->target);
        return c->agent == 0xffff ? fp_asking_refuse(a, FP_RC_UNKNOWN_AGENT, "target is no agent"), -1 : 0;
    case FP_KILL_SYMBOL:
        if (!r->target[0] || strlen(r->target) > 8) return fp_asking_refuse(a, FP_RC_SYMBOL, "target is no symbol"), -1;
        fp_pad_symbol(r->target, c->symbol);
        return 0;
    default: return fp_asking_refuse(a, FP_RC_MALFORMED, "scope must be firm, venue, account, agent or symbol"), -1;
    }
}

/* Request to command. 0, or -1 after a refusal. */
static int fill_command(const struct fp_asking *a, struct fp_command *c) {
    const struct fp_request *r = a->request;
    *c = (struct fp_command){.received_ns = fp_clock_utc_ns(), .quantity = (uint32_t)r->quantity, .price_e4 = (uint32_t)r->price_e4, .max_quote_age_ms = (uint32_t)r->max_quote_age_ms,
                             .account = (uint16_t)fp_find_account(a->bus->config, r->account), .agent = (uint16_t)fp_find_agent(a->bus->config, r->agent), .kind = command_kind(r->op),
                             .venue = (uint8_t)fp_find_venue(a->bus->config, r->venue), .side = r->side[0], .lane = FP_LANE_BUS,
                             .deadline_ns = r->deadline_ns, .trigger_e4 = (uint32_t)r->trigger_e4, .expire_ns = r->expire_ns};
    memcpy(c->client_order_id, r->client_order_id, sizeof r->client_order_id);
    memcpy(c->new_client_order_id, r->new_client_order_id, sizeof r->new_client_order_id);
    memcpy(c->reason_text, r->reason_text, sizeof r->reason_text);
    if (r->symbol[0]) fp_pad_symbol(r->symbol, c->symbol);
    switch (r->op) {
    case FP_OP_ORDER: return c->account == 0xffff ? fp_asking_refuse(a, FP_RC_UNKNOWN_ACCOUNT, "no such account"), -1 : 0;
    case FP_OP_PREVIEW:
    case FP_OP_SUBMIT: return fill_order(a, c);
    case FP_OP_PREVIEW_TRIGGER:
    case FP_OP_ARM_TRIGGER: return fill_condition(a, c);
    case FP_OP_CANCEL_ALL:
        /* A misspelt narrowing must not widen to everything. */
        if (fp_request_has(r, FP_KEY_VENUE) && c->venue == 0xff) return fp_asking_refuse(a, FP_RC_UNKNOWN_VENUE, "no such venue"), -1;
        if (fp_request_has(r, FP_KEY_SYMBOL) && !r->symbol[0]) return fp_asking_refuse(a, FP_RC_SYMBOL, "empty symbol"), -1;
        if (fp_request_has(r, FP_KEY_SIDE) && c->side != 'B' && c->side != 'S') return fp_asking_refuse(a, FP_RC_SIDE, "side must be B or S"), -1;
        return 0;
    case FP_OP_KILL:
        if (c->agent == 0xffff) return fp_asking_refuse(a, FP_RC_UNKNOWN_AGENT, "no such agent"), -1;
        return fill_scope(a, c);
    case FP_OP_RELEASE: return fill_scope(a, c);
    default: return 0;
    }
}

static void forward(const struct fp_asking *a) {
    struct fp_bus *bus = a->bus;
    struct fp_lane *lane = &bus->hot->lanes[FP_LANE_BUS];
    struct fp_command command;
    if (a->request->op == FP_OP_RELEASE && a->door != FP_DOOR_OPERATOR) return fp_asking_refuse(a, FP_RC_NOT_PERMITTED, "release is taken at the operator's endpoint only");
    if (fill_command(a, &command) != 0) return;
    struct fp_pending *pending = NULL;
    for (uint32_t i = 0; bus->pending_used < FP_BUS_PENDING && !pending; i++) {
        struct fp_pending *slot = &bus->pending[bus->pending_next++ % FP_BUS_PENDING];
        if (!slot->used) pending = slot;
    }
    if (!pending || fp_ring_room(&lane->commands) == 0) return fp_asking_refuse(a, FP_RC_TABLE_FULL, "too many requests are under way; nothing was done, try again");
    pending->used = 1;
    pending->generation++;
    pending->request_id = a->request->id;
    pending->deadline_ns = fp_clock_monotonic_ns() + (uint64_t)ANSWER_TIMEOUT_S * FP_NS_PER_S;
    pending->door = (uint8_t)a->door;
    pending->op = a->request->op;
    pending->identity_length = (uint8_t)a->identity_length;
    memcpy(pending->identity, a->identity, a->identity_length);
    bus->pending_used++;
    command.id = (uint64_t)pending->generation << 16 | (uint64_t)(pending - bus->pending);
    fp_ring_push(&lane->commands, &command);
    fp_bus_count(&bus->commands, 1);
    fp_waker_ring(&bus->hot->waker);
}

static void settle(struct fp_bus *bus, struct fp_pending *pending, const struct fp_reply *reply) {
    fp_mp_reset(&bus->writer);
    if (pending->op != FP_OP_ORDER) {
        fp_answer_reply(&bus->writer, &bus->answers, pending->request_id, reply);
    } else if (reply->outcome == FP_OUT_ACCEPTED) {
        fp_answer_begin(&bus->writer, &bus->answers, pending->request_id, 1, FP_RC_OK, "", 1);
        fp_mp_str(&bus->writer, "order");
        fp_answer_order(&bus->writer, &bus->answers, &reply->order);
    } else {
        int unknown = reply->outcome == FP_OUT_UNKNOWN;
        fp_answer_refusal(&bus->writer, &bus->answers, pending->request_id, reply->reason, unknown ? "no answer in time" : "the engine never saw this client_order_id");
    }
    send_answer(bus, pending->door, pending->identity, pending->identity_length);
    pending->used = 0;
    bus->pending_used--;
}

void fp_router_answer(struct fp_bus *bus, const struct fp_reply *reply) {
    uint64_t index = reply->id & 0xffff;
    if (index >= FP_BUS_PENDING) return;
    struct fp_pending *pending = &bus->pending[index];
    if (!pending->used || pending->generation != reply->id >> 16) {
        fp_bus_count(&bus->late_replies, 1); /* it was told as unknown before */
        return;
    }
    settle(bus, pending, reply);
}

void fp_router_expire(struct fp_bus *bus, uint64_t now_ns) {
    if (!bus->pending_used || now_ns - bus->expire_ns < FP_NS_PER_S / 10) return;
    bus->expire_ns = now_ns;
    for (uint32_t i = 0; i < FP_BUS_PENDING; i++) {
        struct fp_pending *pending = &bus->pending[i];
        if (!pending->used || now_ns < pending->deadline_ns) continue;
        struct fp_reply unknown = {.outcome = FP_OUT_UNKNOWN, .reason = FP_RC_TIMEOUT};
        settle(bus, pending, &unknown);
    }
}

/* ---- requests in ---- */

/* 1 when the answer is written, 0 when it will come from the hot thread. */
static int serve(const struct fp_asking *a) {
    if (fp_question_answer(a)) return 1;
    uint32_t under_way = a->bus->pending_used;
    forward(a);
    return a->bus->pending_used == under_way;
}

static void take_request(struct fp_bus *bus, int door, const uint8_t *identity, size_t identity_length, const uint8_t *body, size_t length, int frames) {
    struct fp_request request;
    struct fp_asking asking = {.bus = bus, .writer = &bus->writer, .request = &request, .identity = identity, .identity_length = identity_length, .door = door};
    fp_mp_reset(&bus->writer);
    int failed = fp_request_parse(body, length, &request);
    if (failed || frames != 1) {
        fp_bus_count(&bus->bad_requests, 1);
        fp_asking_refuse(&asking, failed ? request.reason : FP_RC_MALFORMED, failed ? request.error : "a request is one frame");
    } else if (!serve(&asking)) {
        return;
    }
    if (bus->writer.error) {
        fp_mp_reset(&bus->writer);
        fp_asking_refuse(&asking, FP_RC_PROCESSING_ERROR, "the answer is too large");
    }
    send_answer(bus, door, identity, identity_length);
}

/* Read one message: identity, body, and however many frames more. 1, or 0 when there is none. */
static int receive(struct fp_bus *bus, int door) {
    const struct fp_zmq *zmq = &bus->zmq;
    struct fp_zmq_msg identity, body, rest;
    int more = 0, frames = 0;
    size_t size = sizeof more;
    zmq->msg_init(&identity);
    if (zmq->msg_recv(&identity, bus->doors[door], FP_ZMQ_DONTWAIT) < 0) {
        zmq->msg_close(&identity);
        return 0;
    }
    zmq->msg_init(&body);
    zmq->getsockopt(bus->doors[door], FP_ZMQ_RCVMORE, &more, &size);
    if (more) {
        frames = zmq->msg_recv(&body, bus->doors[door], FP_ZMQ_DONTWAIT) >= 0;
        for (;;) {
            size = sizeof more;
            if (zmq->getsockopt(bus->doors[door], FP_ZMQ_RCVMORE, &more, &size) != 0 || !more) break;
            zmq->msg_init(&rest);
            if (zmq->msg_recv(&rest, bus->doors[door], FP_ZMQ_DONTWAIT) >= 0) frames++;
            zmq->msg_close(&rest);
        }
    }
    size_t length = zmq->msg_size(&identity);
    if (length <= FP_BUS_IDENTITY) take_request(bus, door, zmq->msg_data(&identity), length, zmq->msg_data(&body), zmq->msg_size(&body), frames);
    zmq->msg_close(&identity);
    zmq->msg_close(&body);
    return 1;
}

int fp_router_take(struct fp_bus *bus, int door) {
    int taken = 0;
    while (taken < TAKE_AT_ONCE && receive(bus, door)) taken++;
    return taken;
}
