/* A venue's order session: SoupBinTCP login and replay, OUCH messages in and out,
 * reconnects with patience. Sans-I/O: the engine moves the bytes.
 *
 * A session takes orders only after the venue has replayed everything since the last
 * journaled message and has answered an Account Query of this connection. Answers to
 * queries of connections that broke may be replayed before it and look the same, so
 * the unanswered ones are counted (in the journal's fold too) and as many answers more
 * are waited for. */
#include "state.h"
#include "trigger.h"

enum { BACKOFF_MIN_NS = 100000000 };
static const uint64_t BACKOFF_MAX_NS = 2000000000;

uint16_t fp_session_refusal(const struct fp_oms *oms, uint8_t index) {
    const struct fp_venue *venue = &oms->venues[index];
    if (!oms->folded)
        return FP_RC_RECOVERING;
    switch (venue->state) {
    case FP_VS_LIVE: return venue->hole ? FP_RC_JOURNAL_FAILED : venue->logged_out ? FP_RC_SESSION_DOWN : 0;
    case FP_VS_LOGIN_SENT:
    case FP_VS_REPLAYING: return FP_RC_RECOVERING;
    case FP_VS_ENDED: return FP_RC_SESSION_ENDED;
    default: return FP_RC_SESSION_DOWN;
    }
}

/* ---- bytes out ---- */

size_t fp_session_room(const struct fp_oms *oms, uint8_t index) {
    const struct fp_venue *venue = &oms->venues[index];
    return FP_OUT_ROOM - (venue->out_last - venue->out_first);
}

static uint8_t *out_tail(struct fp_venue *venue, size_t *room) {
    if (venue->out_first == venue->out_last) {
        venue->out_first = venue->out_last = 0;
    } else if (FP_OUT_ROOM - venue->out_last < FP_OUCH_MAX_LEN && venue->out_first) {
        memmove(venue->out, venue->out + venue->out_first, venue->out_last - venue->out_first);
        venue->out_last -= venue->out_first;
        venue->out_first = 0;
    }
    *room = FP_OUT_ROOM - venue->out_last;
    return venue->out + venue->out_last;
}

static void queued(struct fp_venue *venue, int written) {
    if (written <= 0)
        return;
    venue->out_last += (uint32_t)written;
    venue->out_total += (uint64_t)written;
}

void fp_session_queue(struct fp_oms *oms, uint8_t index, const uint8_t *bytes, size_t length, uint32_t order, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    size_t room;
    uint8_t *at = out_tail(venue, &room);
    queued(venue, fp_soup_client_send(&venue->soup, now_ns, bytes, length, at, room)); /* room and state were asked before */
    venue->stats.unsequenced_out++;
    if (order == FP_NO_INDEX)
        return;
    if (venue->mark_last - venue->mark_first == FP_SENT_MARKS)
        venue->mark_first++; /* that one goes without a round trip time */
    venue->marks[venue->mark_last++ % FP_SENT_MARKS] = (struct fp_sent_mark){venue->out_total, order};
}

int fp_session_send(struct fp_oms *oms, uint8_t index, const union fp_ouch_in_body *message, const struct fp_ouch_appendage *tags, uint32_t order,
                    int always, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    uint8_t bytes[FP_OUCH_MAX_LEN];
    int length = fp_ouch_in_encode(message, tags, bytes, sizeof bytes);
    if (length < 0)
        return length;
    if (venue->soup.state != FP_SOUP_LIVE || venue->soup.logged_out)
        return FP_E_BAD_STATE;
    if (fp_session_room(oms, index) < (size_t)length + 3 + (always ? 0 : FP_OUT_CANCEL_RESERVE))
        return FP_E_NO_ROOM;
    int rc = fp_journal_put(oms, FP_JR_BYTES_OUT, index, bytes, (size_t)length, now_ns);
    if (rc && !always)
        return rc;
    venue->stats.unjournaled += rc != 0;
    fp_session_queue(oms, index, bytes, (size_t)length, order, now_ns);
    return 0;
}

size_t fp_oms_out(const struct fp_oms *oms, uint8_t index, const uint8_t **bytes) {
    const struct fp_venue *venue = &oms->venues[index];
    *bytes = venue->out + venue->out_first;
    return venue->out_last - venue->out_first;
}

void fp_oms_sent(struct fp_oms *oms, uint8_t index, size_t count, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    size_t waiting = venue->out_last - venue->out_first;
    if (count > waiting)
        count = waiting;
    venue->out_first += (uint32_t)count;
    venue->sent_total += count;
    venue->stats.bytes_out += count;
    for (; venue->mark_first != venue->mark_last; venue->mark_first++) {
        const struct fp_sent_mark *mark = &venue->marks[venue->mark_first % FP_SENT_MARKS];
        if (mark->end > venue->sent_total)
            break;
        oms->table.orders[mark->order].socket_ns = now_ns;
    }
}

/* ---- the connection ---- */

static void note_session(struct fp_oms *oms, uint8_t index, uint8_t step, char reason, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    struct fp_jr_session body = {.sequence = venue->next_sequence, .step = step, .reason = reason, .next_urn = venue->next_urn};
    memcpy(body.session, venue->session, sizeof body.session);
    venue->stats.unjournaled += fp_journal_put(oms, FP_JR_SESSION, index, &body, sizeof body, now_ns) != 0;
}

int fp_oms_wants_connection(const struct fp_oms *oms, uint8_t index, uint64_t now_ns) {
    const struct fp_venue *venue = &oms->venues[index];
    return oms->folded && venue->configured && venue->state == FP_VS_DOWN && !venue->connected && !venue->logged_out && now_ns >= venue->retry_ns;
}

static void drop_output(struct fp_venue *venue) {
    venue->out_first = venue->out_last = 0;
    venue->sent_total = venue->out_total;
    venue->mark_first = venue->mark_last;
}

void fp_oms_connected(struct fp_oms *oms, uint8_t index, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    size_t room;
    if (venue->state != FP_VS_DOWN || venue->connected || !oms->folded)
        return;
    drop_output(venue);
    fp_soup_client_disconnected(&venue->soup);
    memcpy(venue->soup.login.session, venue->session, sizeof venue->session);
    venue->soup.login.sequence = venue->next_sequence;
    uint8_t *at = out_tail(venue, &room);
    queued(venue, fp_soup_client_connected(&venue->soup, now_ns, at, room));
    venue->connected = 1;
    venue->state = FP_VS_LOGIN_SENT;
    venue->stats.connects++;
}

void fp_oms_disconnected(struct fp_oms *oms, uint8_t index, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    fp_soup_client_disconnected(&venue->soup);
    drop_output(venue); /* journaled, but never sent: the login will tell which orders the venue has */
    if (venue->connected)
        venue->stats.disconnects++;
    if (venue->state == FP_VS_LIVE || venue->state == FP_VS_REPLAYING) {
        fp_mark_in_doubt(oms, index, now_ns);
        note_session(oms, index, FP_SS_LOST, 0, now_ns);
    }
    venue->connected = 0;
    venue->mass_deadline_ns = 0;
    if (venue->state != FP_VS_ENDED && venue->state != FP_VS_REFUSED)
        venue->state = FP_VS_DOWN;
    venue->retry_ns = now_ns + venue->backoff_ns;
    venue->backoff_ns = venue->backoff_ns * 2 > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : venue->backoff_ns * 2;
}

/* ---- events ---- */

/* Ask for the next number. A query that the journal does not know of must not let orders follow: its answer could be
 * replayed to a later run that does not expect it. */
static void ask(struct fp_oms *oms, uint8_t index, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    union fp_ouch_in_body query = {.account_query = {.type = 'Q'}};
    uint64_t before = venue->stats.unjournaled;
    if (fp_session_send(oms, index, &query, NULL, FP_NO_INDEX, 1, now_ns) == 0)
        venue->queries++;
    if (venue->stats.unjournaled != before)
        venue->hole = 1;
}

static void logged_in(struct fp_oms *oms, uint8_t index, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    memcpy(venue->session, venue->soup.session, sizeof venue->session);
    venue->stats.logins++;
    venue->state = FP_VS_REPLAYING;
    note_session(oms, index, FP_SS_LOGIN, 0, now_ns);
    venue->answers_needed = venue->queries + 1;
    ask(oms, index, now_ns);
}

static int login_rejected(struct fp_oms *oms, uint8_t index, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    venue->stats.login_rejects++;
    /* Not authorized will not get better by asking. A session that is not available may: a half-dead login of ours in its place. */
    venue->state = venue->soup.reject_reason == 'S' ? FP_VS_DOWN : FP_VS_REFUSED;
    venue->backoff_ns = BACKOFF_MAX_NS;
    note_session(oms, index, FP_SS_REFUSED, venue->soup.reject_reason, now_ns);
    return FP_E_CLOSED;
}

static void went_live(struct fp_oms *oms, uint8_t index, uint32_t next_urn, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    struct fp_order *orders = oms->table.orders;
    fp_resolve_in_doubt(oms, index, next_urn, now_ns);
    /* Cancels consume no number and may have been lost: those still wanted go again. */
    for (uint32_t at = venue->open_first; at != FP_NO_INDEX; at = orders[at].venue_next)
        if (orders[at].cancel == FP_CANCEL_SENT || orders[at].cancel == FP_CANCEL_MASS)
            fp_order_set_cancel(oms, &orders[at], FP_CANCEL_WANTED);
    venue->state = FP_VS_LIVE;
    venue->backoff_ns = BACKOFF_MIN_NS;
    fp_cancel_flush(oms, index, now_ns);
    fp_trigger_resume(oms, index, now_ns);
}

/* Journal first, then believe. */
static int sequenced(struct fp_oms *oms, uint8_t index, const struct fp_soup_event *event, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    uint8_t body[8 + FP_OUCH_MAX_LEN];
    if (event->sequence != venue->next_sequence)
        return FP_E_WRONG_SESSION;
    venue->stats.sequenced_in++;
    if (event->length > FP_OUCH_MAX_LEN || event->length == 0) {
        /* No OUCH message is so long. It keeps its number, so its place is journaled. */
        venue->stats.ouch_bad_length++;
    }
    size_t kept = event->length > FP_OUCH_MAX_LEN ? 0 : event->length;
    memcpy(body, &event->sequence, 8);
    if (kept)
        memcpy(body + 8, event->payload, kept);
    if (!venue->hole && fp_journal_put(oms, FP_JR_SEQUENCED_IN, index, body, 8 + kept, now_ns))
        venue->hole = 1; /* a restart asks the venue for everything from here on; until then only cancels go out */
    venue->stats.unjournaled += venue->hole;
    venue->next_sequence++;
    if (!kept || fp_order_message(oms, index, event->sequence, body + 8, kept, now_ns) != 'Q' || venue->state != FP_VS_REPLAYING)
        return 0;
    if (--venue->answers_needed == 0)
        went_live(oms, index, fp_load_be32(body + 8 + FP_OUCH_OUT_ACCOUNT_QUERY_RESPONSE_NEXT_USER_REF_NUM), now_ns);
    else
        ask(oms, index, now_ns);
    return 0;
}

static int handle(struct fp_oms *oms, uint8_t index, const struct fp_soup_event *event, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    switch (event->kind) {
    case FP_SOUP_EV_LOGIN_ACCEPTED: logged_in(oms, index, now_ns); return 0;
    case FP_SOUP_EV_LOGIN_REJECTED: return login_rejected(oms, index, now_ns);
    case FP_SOUP_EV_MESSAGE: return sequenced(oms, index, event, now_ns);
    case FP_SOUP_EV_END_OF_SESSION:
        venue->stats.end_of_session++;
        fp_mark_in_doubt(oms, index, now_ns);
        venue->state = FP_VS_ENDED;
        note_session(oms, index, FP_SS_ENDED, 0, now_ns);
        return FP_E_CLOSED;
    default: return 0;
    }
}

int fp_oms_receive(struct fp_oms *oms, uint8_t index, const uint8_t *bytes, size_t length, uint64_t now_ns) {
    struct fp_venue *venue = &oms->venues[index];
    struct fp_soup_event event;
    size_t at = 0;
    while (at < length) {
        int taken = fp_soup_client_receive(&venue->soup, now_ns, bytes + at, length - at, &event);
        if (taken == 0)
            break;
        /* What is not a wrong length is out of place: no login answer of ours, or data before it. */
        if (taken < 0 && taken != FP_E_BAD_LENGTH)
            venue->stats.anomalies++;
        int rc = taken < 0 ? taken : handle(oms, index, &event, now_ns);
        if (taken > 0) {
            at += (size_t)taken;
            venue->stats.bytes_in += (size_t)taken;
        }
        if (rc < 0)
            return rc;
    }
    fp_cancel_flush(oms, index, now_ns); /* what the messages made us want gone */
    return (int)at;
}

uint32_t fp_oms_timer(struct fp_oms *oms, uint64_t now_ns) {
    uint32_t close = 0;
    for (uint8_t v = 0; v < oms->venue_count; v++) {
        struct fp_venue *venue = &oms->venues[v];
        size_t room;
        if (!venue->connected)
            continue;
        uint8_t *at = out_tail(venue, &room);
        int written = fp_soup_client_timer(&venue->soup, now_ns, at, room);
        if (written == FP_E_CLOSED || venue->state == FP_VS_ENDED || venue->state == FP_VS_REFUSED)
            close |= 1u << v;
        queued(venue, written);
        fp_cancel_timer(oms, v, now_ns);
    }
    fp_trigger_timer(oms, now_ns);
    if (oms->owed.count)
        (void)fp_owed_settle(oms); /* the next timer tries again */
    return close;
}

void fp_oms_logout(struct fp_oms *oms, uint64_t now_ns) {
    (void)now_ns;
    for (uint8_t v = 0; v < oms->venue_count; v++) {
        struct fp_venue *venue = &oms->venues[v];
        size_t room;
        uint8_t *at = out_tail(venue, &room);
        queued(venue, fp_soup_client_logout(&venue->soup, at, room));
        venue->logged_out = 1;
    }
}

void fp_oms_stats(const struct fp_oms *oms, uint8_t index, struct fp_order_stats *out) {
    const struct fp_venue *venue = &oms->venues[index];
    *out = venue->stats;
    out->heartbeats_in = venue->soup.heartbeats_in;
    out->heartbeats_out = venue->soup.heartbeats_out;
    out->soup_bad_length = venue->soup.bad_length;
    out->soup_unknown_type = venue->soup.unknown_type;
    out->next_sequence = venue->next_sequence;
    out->next_urn = venue->next_urn;
    out->session_state = venue->state;
    memset(out->session, 0, sizeof out->session);
    memcpy(out->session, venue->session, sizeof venue->session);
}

uint64_t fp_oms_take_ack_ns(struct fp_oms *oms, uint8_t index) {
    uint64_t ack_ns = oms->venues[index].ack_ns;
    oms->venues[index].ack_ns = 0;
    return ack_ns;
}
