// sources: sim/exchange/store.c sim/exchange/tape.c sim/exchange/feed.c sim/exchange/lines.c fastpath/core/wire/itch.c fastpath/core/wire/layout.c fastpath/core/wire/mold.c
// The exchange's message store, recorded-day reader and feed, without a network.
#include "check.h"
#include "fastpath/core/records.h"
#include "fastpath/core/wire/itch.h"
#include "sim/exchange/feed.h"
#include "sim/exchange/store.h"
#include "sim/exchange/tape.h"
#include <stdlib.h>

/* ---- store ---- */

static size_t message(uint64_t number, uint8_t *out) {
    size_t length = 1 + number % 60;
    for (size_t i = 0; i < length; i++) out[i] = (uint8_t)(number + i);
    return length;
}

static void test_store_keeps_in_order(void) {
    struct fp_store store;
    uint8_t bytes[64];
    const uint8_t *got;
    CHECK_EQ(fp_store_open(&store, 4096, 1 << 20), 0);
    CHECK_EQ(fp_store_get(&store, 1, &got), FP_E_NOT_FOUND);
    for (uint64_t n = 1; n <= 3000; n++) CHECK_EQ(fp_store_append(&store, bytes, message(n, bytes)), (long long)n);
    for (uint64_t n = 1; n <= 3000; n++) {
        size_t length = message(n, bytes);
        CHECK_EQ(fp_store_get(&store, n, &got), (int)length);
        CHECK_MEM(got, bytes, length);
    }
    CHECK_EQ(fp_store_get(&store, 0, &got), FP_E_NOT_FOUND);
    CHECK_EQ(fp_store_get(&store, 3001, &got), FP_E_NOT_FOUND);
    CHECK_EQ(store.evicted, 0);
    CHECK_EQ(fp_store_append(&store, bytes, 0), FP_E_OVERSIZED);
    CHECK_EQ(fp_store_append(&store, bytes, 70000), FP_E_OVERSIZED);
    fp_store_close(&store);
}

static void test_store_lets_the_oldest_go(void) {
    struct fp_store store;
    uint8_t bytes[64];
    const uint8_t *got;
    CHECK_EQ(fp_store_open(&store, 4096, 3 * 4096), 0);
    for (uint64_t n = 1; n <= 5000; n++) CHECK_EQ(fp_store_append(&store, bytes, message(n, bytes)), (long long)n);
    CHECK(store.first_sequence > 4000 && store.chunk_count == 3);
    CHECK_EQ(store.evicted, store.first_sequence - 1);
    CHECK_EQ(fp_store_get(&store, store.first_sequence - 1, &got), FP_E_NOT_FOUND);
    for (uint64_t n = store.first_sequence; n <= 5000; n++)
        CHECK_EQ(fp_store_get(&store, n, &got), (int)message(n, bytes));
    fp_store_close(&store);
}

static void test_store_runs(void) {
    struct fp_store store;
    uint8_t bytes[64];
    const uint8_t *blocks;
    size_t size;
    uint64_t next = 1;
    CHECK_EQ(fp_store_open(&store, 4096, 1 << 20), 0);
    for (uint64_t n = 1; n <= 500; n++) fp_store_append(&store, bytes, message(n, bytes));
    while (next <= 500) { /* a run fills the room as far as whole messages go, and ends with its chunk */
        int count = fp_store_run(&store, next, 200, 1000, &blocks, &size);
        CHECK(count > 0 && size <= 200);
        for (size_t at = 0; at < size; next++) {
            size_t length = message(next, bytes);
            CHECK_EQ(blocks[at] << 8 | blocks[at + 1], (int)length);
            CHECK_MEM(blocks + at + 2, bytes, length);
            at += 2 + length;
        }
    }
    CHECK_EQ(next, 501);
    CHECK_EQ(fp_store_run(&store, 1, 200, 2, &blocks, &size), 2);
    CHECK_EQ(fp_store_run(&store, 59, 10, 5, &blocks, &size), 0); /* 60 bytes do not fit */
    CHECK_EQ(fp_store_run(&store, 501, 200, 5, &blocks, &size), FP_E_NOT_FOUND);
    fp_store_close(&store);
}

/* ---- tape ---- */

static size_t tape_of(int form, uint8_t *out) {
    static const char types[] = "SDAE";
    size_t at = 0;
    for (int i = 0; types[i]; i++) {
        uint8_t length = fp_itch_length((uint8_t)types[i]);
        if (form != FP_TAPE_BARE) {
            out[at] = 0;
            out[at + 1] = form == FP_TAPE_BINARYFILE ? length : 0;
            at += 2;
        }
        memset(out + at, 0, length);
        out[at] = (uint8_t)types[i];
        at += length;
    }
    return at;
}

static void test_tape_forms(void) {
    uint8_t bytes[256];
    const uint8_t *got;
    struct fp_tape tape;
    for (int form = FP_TAPE_BINARYFILE; form <= FP_TAPE_BARE; form++) {
        size_t length = tape_of(form, bytes);
        CHECK_EQ(fp_tape_init(&tape, bytes, length), form);
        for (const char *type = "SDAE"; *type; type++) {
            CHECK_EQ(fp_tape_next(&tape, &got), fp_itch_length((uint8_t)*type));
            CHECK_EQ(got[0], *type);
        }
        CHECK_EQ(fp_tape_next(&tape, &got), 0);
        CHECK_EQ(tape.messages, 4);
        CHECK_EQ(tape.truncated + tape.bad_length + tape.unknown_type, 0);
        /* cut anywhere: whole messages come, the rest is counted once, nothing is read beyond */
        for (size_t cut = 1; cut < length; cut++) {
            uint8_t *exact = malloc(cut);
            memcpy(exact, bytes, cut);
            if (fp_tape_init(&tape, exact, cut) > 0) {
                while (fp_tape_next(&tape, &got) > 0) continue;
                CHECK(tape.messages < 4 && tape.truncated + tape.bad_length + tape.unknown_type <= 1);
            }
            free(exact);
        }
    }
}

static void test_tape_recovers_by_lengths(void) {
    uint8_t bytes[300];
    const uint8_t *got;
    struct fp_tape tape;
    size_t length = tape_of(FP_TAPE_BINARYFILE, bytes), at = length;
    memcpy(bytes + at, "\0\3zzz\0\4Dzzz", 11); /* an unknown type, a wrong length: both can be stepped over */
    at += 11;
    memcpy(bytes + at, bytes, 14);
    at += 14;
    memcpy(bytes + at, "\0\0", 2); /* BinaryFILE's end */
    at += 2;
    struct fp_tape whole = {.bytes = bytes, .length = at, .form = FP_TAPE_BINARYFILE};
    tape = whole;
    while (fp_tape_next(&tape, &got) > 0) continue;
    CHECK_EQ(tape.messages, 5);
    CHECK_EQ(tape.unknown_type, 1);
    CHECK_EQ(tape.bad_length, 1);
    CHECK_EQ(tape.truncated, 0);
    struct fp_tape bare = {.bytes = (const uint8_t *)"z", .length = 1, .form = FP_TAPE_BARE};
    CHECK_EQ(fp_tape_next(&bare, &got), 0);
    CHECK_EQ(bare.unknown_type, 1);
    CHECK_EQ(fp_tape_open(&tape, "/nonexistent/file"), FP_E_SYSTEM);
}

/* ---- feed: re-requests, without lines ---- */

static void test_rerequest(void) {
    struct fp_feed feed;
    uint8_t request[32], answer[FP_LINE_PACKET], bytes[64];
    memset(&feed, 0, sizeof feed);
    feed.lines[0].fd = feed.lines[1].fd = -1;
    CHECK_EQ(fp_feed_open(&feed, "SESSION001", 1 << 20, 1000, 100, 0), 0);
    for (uint64_t n = 1; n <= 200; n++) fp_feed_append(&feed, bytes, message(n, bytes));
    memcpy(request, "SESSION001", 10);
    fp_store_be64(request + 10, 1);
    fp_store_be16(request + 18, 3);
    CHECK_EQ(fp_feed_request(&feed, request, 20, 1, answer), 0); /* nothing is published before the flush */
    CHECK_EQ(feed.stats.rerequest_out_of_range, 1);
    fp_feed_flush(&feed, 1);
    CHECK_EQ(fp_feed_request(&feed, request, 20, 1, answer), 20 + 3 * 2 + 2 + 3 + 4);
    CHECK_EQ(fp_load_be16(answer + 18), 3);
    fp_store_be16(request + 18, 1000);
    int length = fp_feed_request(&feed, request, 20, 1, answer);
    CHECK(length > 1400 && length <= FP_LINE_PACKET);
    int granted = 0; /* 100 a second: ten saved up, then one every ten milliseconds */
    for (int i = 0; i < 100; i++) granted += fp_feed_request(&feed, request, 20, 1, answer) > 0;
    CHECK_EQ(granted, 8);
    CHECK_EQ(fp_feed_request(&feed, request, 20, 5000000, answer), 0);
    CHECK(fp_feed_request(&feed, request, 20, 10000001, answer) > 0);
    CHECK_EQ(feed.stats.rerequest_limited, 93);
    for (size_t cut = 0; cut < 32; cut++)
        if (cut != 20) CHECK_EQ(fp_feed_request(&feed, request, cut, 1ull << 40, answer), 0);
    CHECK_EQ(feed.stats.rerequest_truncated, 20);
    CHECK_EQ(feed.stats.rerequest_oversized, 11);
    fp_feed_close(&feed);
}

static void test_feed_times(void) {
    struct fp_feed feed;
    memset(&feed, 0, sizeof feed);
    feed.lines[0].fd = feed.lines[1].fd = -1;
    CHECK_EQ(fp_feed_open(&feed, "SESSION001", 1 << 20, 10, 0, 0), 0);
    CHECK_EQ(fp_feed_timer(&feed, 1000000), 10000000);
    CHECK_EQ(fp_feed_timer(&feed, 10000000), 20000000);
    CHECK_EQ(feed.stats.heartbeats, 1);
    fp_feed_append(&feed, (const uint8_t *)"x", 1);
    fp_feed_flush(&feed, 15000000); /* a packet is as good as a heartbeat */
    CHECK_EQ(fp_feed_timer(&feed, 20000000), 25000000);
    CHECK_EQ(feed.stats.heartbeats, 1);
    fp_feed_end(&feed, 21000000, 25000000);
    CHECK_EQ(fp_feed_timer(&feed, 21000000), 31000000);
    CHECK_EQ(fp_feed_timer(&feed, 31000000), 41000000);
    CHECK_EQ(fp_feed_timer(&feed, 50000000), UINT64_MAX);
    CHECK_EQ(feed.stats.end_packets, 2);
    fp_feed_close(&feed);
}

int main(void) {
    RUN(test_store_keeps_in_order);
    RUN(test_store_lets_the_oldest_go);
    RUN(test_store_runs);
    RUN(test_tape_forms);
    RUN(test_tape_recovers_by_lengths);
    RUN(test_rerequest);
    RUN(test_feed_times);
    return check_done();
}
