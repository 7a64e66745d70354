/* The bus's PUB side: records from the rings into frames, mirrors and histories; see
 * bus.h and docs/reference/bus.md. It never waits for a subscriber. */
#include "bus.h"
#include "clock.h"
#include <stdio.h>

enum { EVENTS_AT_ONCE = 8192, EXECS_IN_FRAME = 16 };

/* ---- frames ---- */

static void *frame_begin(struct fp_bus *bus, struct fp_zmq_msg *message, uint8_t type, uint16_t count, uint16_t record_size, size_t body, uint32_t stream, uint64_t seq) {
    if (bus->zmq.msg_init_size(message, sizeof(struct fp_bus_header) + body) != 0) return NULL;
    struct fp_bus_header header = {.magic = 0x5046, .version = 1, .type = type, .count = count, .record_size = record_size, .stream = stream, .epoch = bus->answers.epoch, .seq = seq, .time_ns = fp_clock_utc_ns()};
    uint8_t *data = bus->zmq.msg_data(message);
    memcpy(data, &header, sizeof header);
    return data + sizeof header;
}

static void frame_send(struct fp_bus *bus, const char *topic, struct fp_zmq_msg *message) {
    size_t bytes = bus->zmq.msg_size(message), length = strlen(topic);
    if (bus->zmq.send(bus->publisher, topic, length, FP_ZMQ_SNDMORE | FP_ZMQ_DONTWAIT) < 0) {
        fp_bus_count(&bus->send_errors, 1);
        bus->zmq.msg_close(message);
        return;
    }
    if (bus->zmq.msg_send(message, bus->publisher, FP_ZMQ_DONTWAIT) < 0) {
        fp_bus_count(&bus->send_errors, 1);
        bus->zmq.msg_close(message);
        return;
    }
    fp_bus_count(&bus->frames, 1);
    fp_bus_count(&bus->bytes, bytes + length);
}

static void send_records(struct fp_bus *bus, const char *topic, uint8_t type, uint32_t stream, uint64_t seq, const void *records, uint16_t count, uint16_t record_size) {
    struct fp_zmq_msg message;
    void *body = frame_begin(bus, &message, type, count, record_size, (size_t)count * record_size, stream, seq);
    if (!body) {
        fp_bus_count(&bus->send_errors, 1);
        return;
    }
    if (count) memcpy(body, records, (size_t)count * record_size);
    frame_send(bus, topic, &message);
}

/* ---- events ---- */

static void flush_events(struct fp_bus *bus, unsigned venue) {
    struct fp_batch *batch = &bus->batches[venue];
    if (!batch->count) return;
    send_records(bus, bus->venue_topics[venue], FP_FT_EVENTS, FP_STREAM_VENUE + venue, batch->first_seq, batch->events, (uint16_t)batch->count, sizeof(struct fp_event));
    uint64_t now_ns = fp_clock_utc_ns();
    for (uint32_t i = 0, j; i < batch->count; i = j) {
        for (j = i + 1; j < batch->count && batch->pushed_ns[j] == batch->pushed_ns[i]; j++) {}
        fp_hist_add_span(&bus->event_to_bus, batch->pushed_ns[i], now_ns, j - i);
    }
    batch->count = 0;
}

static void mark_top(struct fp_bus *bus, const struct fp_event *event) {
    struct fp_mirror_book *book = &bus->mirrors[event->venue].books[event->locate];
    if (book->dirty || !book->symbol[0] || bus->dirty_count == bus->dirty_room) return;
    book->dirty = 1;
    bus->dirty[bus->dirty_count++] = (uint32_t)event->venue << 16 | event->locate;
}

static void ask_resync(struct fp_bus *bus, unsigned venue) {
    atomic_fetch_or(&bus->hot->resync_wanted, 1u << venue);
}

static void take_event(struct fp_bus *bus, const struct fp_event *event, uint64_t pushed_ns) {
    unsigned venue = event->venue;
    struct fp_mirror *mirror = &bus->mirrors[venue];
    int private = event->kind >= FP_PV_INSTRUMENT;
    if (__builtin_expect(event->seq != mirror->seq + !private, 0)) {
        flush_events(bus, venue);
        fp_mirror_lose(mirror, event->seq + private);
        ask_resync(bus, venue);
    }
    uint64_t odd = mirror->inconsistent;
    int changed = fp_mirror_apply(mirror, event);
    if (__builtin_expect(mirror->inconsistent != odd, 0)) ask_resync(bus, venue);
    if (private) {
        /* A hole at the very end of what was sent shows in the history as well. */
        if (bus->histories[venue].last != event->seq) fp_history_hole(&bus->histories[venue], event->seq + 1);
        return;
    }
    struct fp_batch *batch = &bus->batches[venue];
    if (!batch->count) batch->first_seq = event->seq;
    batch->pushed_ns[batch->count] = pushed_ns;
    batch->events[batch->count++] = *event;
    fp_history_add(&bus->histories[venue], event->seq, event);
    if (batch->count == FP_BUS_BATCH) flush_events(bus, venue);
    if (changed) mark_top(bus, event);
}

int fp_publish_events(struct fp_bus *bus) {
    struct fp_ring *ring = bus->hot->out.ring;
    int taken = 0;
    for (uint32_t ready; taken < EVENTS_AT_ONCE && (ready = fp_ring_ready(ring)) != 0;) {
        if (ready > FP_BUS_BATCH) ready = FP_BUS_BATCH;
        for (uint32_t i = 0; i < ready; i++) take_event(bus, fp_ring_at(ring, i), bus->hot->out.pushed_ns[fp_ring_slot(ring, i)]);
        fp_ring_consume(ring, ready);
        taken += (int)ready;
    }
    for (unsigned i = 0; taken && i < bus->config->venue_count; i++) flush_events(bus, i);
    return taken;
}

/* ---- execution records ---- */

static void send_execs(struct fp_bus *bus, unsigned account, const struct fp_exec *execs, uint32_t count) {
    send_records(bus, bus->account_topics[account], FP_FT_EXECS, FP_STREAM_ACCOUNT + account, execs[0].seq, execs, (uint16_t)count, sizeof(struct fp_exec));
}

int fp_publish_execs(struct fp_bus *bus) {
    struct fp_ring *ring = &bus->hot->exec_ring;
    struct fp_exec batch[EXECS_IN_FRAME];
    int taken = 0;
    uint32_t count = 0;
    for (; fp_ring_ready(ring); taken++) {
        const struct fp_exec *exec = fp_ring_at(ring, 0);
        if (exec->account < bus->config->account_count) {
            if (count && (count == EXECS_IN_FRAME || batch[0].account != exec->account || batch[count - 1].seq + 1 != exec->seq)) {
                send_execs(bus, batch[0].account, batch, count);
                count = 0;
            }
            batch[count++] = *exec;
            fp_exec_mirror_apply(&bus->accounts[exec->account], exec);
        }
        fp_ring_consume(ring, 1);
    }
    if (count) send_execs(bus, batch[0].account, batch, count);
    return taken;
}

/* ---- conflated tops ---- */

void fp_publish_tops(struct fp_bus *bus, uint64_t now_ns) {
    uint64_t conflate_ns = (uint64_t)bus->config->conflate_ms * FP_NS_PER_MS;
    if (!bus->dirty_count || now_ns - bus->tops_ns < FP_NS_PER_MS) return;
    bus->tops_ns = now_ns;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < bus->dirty_count; i++) {
        unsigned venue = bus->dirty[i] >> 16, locate = bus->dirty[i] & 0xffff;
        struct fp_mirror_book *book = &bus->mirrors[venue].books[locate];
        if (now_ns - book->top_sent_ns < conflate_ns) {
            bus->dirty[kept++] = bus->dirty[i];
            continue;
        }
        char topic[64], symbol[9] = {0};
        memcpy(symbol, book->symbol, 8);
        for (int end = 8; end && symbol[end - 1] == ' '; end--) symbol[end - 1] = 0;
        snprintf(topic, sizeof topic, "md.%.23s.top.%s", bus->config->venues[venue].name, symbol);
        book->dirty = 0;
        book->top_sent_ns = now_ns;
        send_records(bus, topic, FP_FT_TOP, FP_STREAM_TOP * (venue + 1) + locate, ++book->top_seq, &book->top, 1, sizeof book->top);
    }
    bus->dirty_count = kept;
}

/* ---- heartbeats and status ---- */

uint32_t fp_publish_places(const struct fp_bus *bus, struct fp_stream_place *out) {
    uint32_t count = 0;
    out[count++] = (struct fp_stream_place){.topic = "status", .stream = FP_STREAM_STATUS, .seq = bus->status_seq};
    for (unsigned i = 0; i < bus->config->venue_count; i++) {
        memcpy(out[count].topic, bus->venue_topics[i], sizeof out[count].topic);
        out[count].stream = FP_STREAM_VENUE + i;
        out[count++].seq = bus->mirrors[i].seq;
    }
    for (unsigned i = 0; i < bus->config->account_count; i++) {
        memcpy(out[count].topic, bus->account_topics[i], sizeof out[count].topic);
        out[count].stream = FP_STREAM_ACCOUNT + i;
        out[count++].seq = bus->accounts[i].seq;
    }
    return count;
}

static void send_status(struct fp_bus *bus) {
    static const char topic[] = "status";
    struct fp_engine_stats stats;
    struct fp_kill_view kill;
    struct fp_stream_place places[1 + FP_MAX_VENUES + FP_MAX_ACCOUNTS];
    bus->collect(bus->engine, &stats, &kill);
    struct fp_engine_state state = {.stats = &stats, .streams = places, .kill = &kill};
    state.stream_count = fp_publish_places(bus, places);
    struct fp_mp_writer *writer = &bus->status_writer;
    fp_mp_reset(writer);
    fp_mp_map(writer, FP_ANSWER_STATE_PAIRS + 1);
    fp_mp_key_u64(writer, "epoch", bus->answers.epoch);
    fp_answer_state(writer, &bus->answers, &state);
    struct fp_zmq_msg message;
    void *body = writer->error ? NULL : frame_begin(bus, &message, FP_FT_STATUS, 1, 0, writer->length, FP_STREAM_STATUS, ++bus->status_seq);
    if (!body) {
        fp_bus_count(&bus->send_errors, 1);
        return;
    }
    memcpy(body, writer->data, writer->length);
    frame_send(bus, topic, &message);
}

void fp_publish_heartbeats(struct fp_bus *bus, uint64_t now_ns) {
    if (now_ns - bus->heartbeat_ns < (uint64_t)bus->config->heartbeat_ms * FP_NS_PER_MS) return;
    bus->heartbeat_ns = now_ns;
    for (unsigned i = 0; i < bus->config->venue_count; i++)
        send_records(bus, bus->venue_topics[i], FP_FT_HEARTBEAT, FP_STREAM_VENUE + i, bus->mirrors[i].seq, NULL, 0, 0);
    for (unsigned i = 0; i < bus->config->account_count; i++)
        send_records(bus, bus->account_topics[i], FP_FT_HEARTBEAT, FP_STREAM_ACCOUNT + i, bus->accounts[i].seq, NULL, 0, 0);
    send_status(bus);
}
