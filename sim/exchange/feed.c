/* See feed.h. */
#include "feed.h"
#include "fastpath/core/records.h"
#include "fastpath/core/wire/mold.h"
#include <string.h>

enum { CHUNK_BYTES = 1 << 20, REQUEST_BURST_NS = 100000000 };

int fp_feed_open(struct fp_feed *feed, const char session[10], uint64_t store_limit_bytes, uint32_t heartbeat_ms,
                 uint32_t requests_per_s, uint64_t now_ns) {
    memcpy(feed->session, session, 10);
    feed->sent = 1;
    feed->heartbeat_ns = (uint64_t)heartbeat_ms * 1000000;
    feed->request_ns_each = requests_per_s ? 1000000000ull / requests_per_s : 0;
    feed->request_credit_ns = REQUEST_BURST_NS;
    feed->last_ns = feed->request_last_ns = now_ns;
    return fp_store_open(&feed->store, CHUNK_BYTES, store_limit_bytes);
}

void fp_feed_append(struct fp_feed *feed, const uint8_t *message, size_t length) {
    if (fp_store_append(&feed->store, message, length) < 0) feed->stats.lost_messages++;
}

static void send_both(struct fp_feed *feed, const uint8_t *packet, size_t length, uint64_t now_ns) {
    feed->last_ns = now_ns;
    fp_line_send(&feed->lines[0], packet, length, now_ns);
    fp_line_send(&feed->lines[1], packet, length, now_ns);
}

/* Header and as many blocks from a sequence on as fit. Returns the packet's length; *count messages. */
static int pack(const struct fp_feed *feed, uint64_t sequence, uint32_t max, uint8_t *out, uint32_t *count) {
    struct fp_mold_header header = {.sequence = sequence};
    size_t at = FP_MOLD_HEADER_LEN, bytes;
    const uint8_t *blocks;
    memcpy(header.session, feed->session, 10);
    *count = 0;
    while (*count < max) { /* a run ends with its chunk: at most one more */
        int run = fp_store_run(&feed->store, sequence + *count, FP_LINE_PACKET - at, max - *count, &blocks, &bytes);
        if (run <= 0) break;
        memcpy(out + at, blocks, bytes);
        at += bytes;
        *count += (uint32_t)run;
    }
    header.count = (uint16_t)*count;
    fp_mold_put_header(&header, out, FP_LINE_PACKET);
    return (int)at;
}

void fp_feed_flush(struct fp_feed *feed, uint64_t now_ns) {
    uint8_t packet[FP_LINE_PACKET];
    uint32_t count;
    while (feed->sent < feed->store.next_sequence) {
        int length = pack(feed, feed->sent, 65534, packet, &count);
        if (!count) { /* only if the store has already let go of it */
            feed->stats.lost_messages += feed->store.first_sequence - feed->sent;
            feed->sent = feed->store.first_sequence;
            continue;
        }
        feed->sent += count;
        feed->stats.packets++;
        send_both(feed, packet, (size_t)length, now_ns);
    }
}

uint64_t fp_feed_timer(struct fp_feed *feed, uint64_t now_ns) {
    if (now_ns >= feed->last_ns + feed->heartbeat_ns && (!feed->end_until_ns || now_ns < feed->end_until_ns)) {
        /* What was appended and not sent yet is not claimed: listeners would take it for lost. */
        struct fp_mold_header header = {.sequence = feed->sent,
                                        .count = feed->end_until_ns ? FP_MOLD_END_OF_SESSION : 0};
        uint8_t packet[FP_MOLD_HEADER_LEN];
        memcpy(header.session, feed->session, 10);
        fp_mold_put_header(&header, packet, sizeof packet);
        if (feed->end_until_ns) feed->stats.end_packets++;
        else feed->stats.heartbeats++;
        send_both(feed, packet, sizeof packet, now_ns);
    }
    uint64_t next = !feed->end_until_ns || now_ns < feed->end_until_ns ? feed->last_ns + feed->heartbeat_ns
                                                                       : UINT64_MAX;
    for (int i = 0; i < 2; i++) {
        uint64_t due = fp_line_timer(&feed->lines[i], now_ns);
        if (due < next) next = due;
    }
    return next;
}

void fp_feed_end(struct fp_feed *feed, uint64_t now_ns, uint64_t for_ns) {
    fp_feed_flush(feed, now_ns);
    if (feed->end_until_ns) return;
    feed->end_until_ns = now_ns + for_ns;
    feed->last_ns = now_ns > feed->heartbeat_ns ? now_ns - feed->heartbeat_ns : 0; /* the first one at once */
}

static int refused(uint64_t *counter) {
    ++*counter;
    return 0;
}

int fp_feed_request(struct fp_feed *feed, const uint8_t *bytes, size_t length, uint64_t now_ns,
                    uint8_t out[FP_LINE_PACKET]) {
    uint32_t count;
    feed->stats.rerequests++;
    if (length < FP_MOLD_HEADER_LEN) return refused(&feed->stats.rerequest_truncated);
    if (length > FP_MOLD_HEADER_LEN) return refused(&feed->stats.rerequest_oversized);
    uint64_t sequence = fp_load_be64(bytes + 10);
    uint16_t wanted = fp_load_be16(bytes + 18);
    if (memcmp(bytes, feed->session, 10) != 0) return refused(&feed->stats.rerequest_wrong_session);
    if (wanted == 0 || wanted == FP_MOLD_END_OF_SESSION) return refused(&feed->stats.rerequest_bad_count);
    if (sequence == 0 || sequence >= feed->sent) return refused(&feed->stats.rerequest_out_of_range);
    if (sequence < feed->store.first_sequence) return refused(&feed->stats.rerequest_gone);
    if (feed->request_ns_each) {
        feed->request_credit_ns += now_ns - feed->request_last_ns;
        feed->request_last_ns = now_ns;
        uint64_t most = REQUEST_BURST_NS > feed->request_ns_each ? REQUEST_BURST_NS : feed->request_ns_each;
        if (feed->request_credit_ns > most) feed->request_credit_ns = most;
        if (feed->request_credit_ns < feed->request_ns_each) return refused(&feed->stats.rerequest_limited);
        feed->request_credit_ns -= feed->request_ns_each;
    }
    if (feed->request_drop_per_mille) {
        uint64_t z = feed->random += 0x9E3779B97F4A7C15ull;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        if ((((z ^ (z >> 31)) >> 32) * 1000) >> 32 < feed->request_drop_per_mille)
            return refused(&feed->stats.rerequest_dropped);
    }
    /* only what has been published may be asked for */
    uint64_t most = feed->sent - sequence;
    int size = pack(feed, sequence, wanted < most ? wanted : (uint32_t)most, out, &count);
    feed->stats.rerequest_messages += count;
    return count ? size : 0;
}

void fp_feed_close(struct fp_feed *feed) {
    fp_store_close(&feed->store);
    fp_line_close(&feed->lines[0]);
    fp_line_close(&feed->lines[1]);
}
