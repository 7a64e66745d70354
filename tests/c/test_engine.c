// sources: fastpath/core/engine/engine.c fastpath/core/engine/loop.c fastpath/core/engine/feed.c fastpath/core/engine/card_feed.c fastpath/core/engine/card_orders.c fastpath/core/engine/connection.c fastpath/core/engine/bus.c fastpath/core/engine/publish.c fastpath/core/engine/router.c fastpath/core/engine/questions.c fastpath/core/engine/answer.c fastpath/core/engine/request.c fastpath/core/engine/msgpack.c fastpath/core/engine/mirror.c fastpath/core/engine/exec_mirror.c fastpath/core/engine/memory.c fastpath/core/engine/hist.c fastpath/core/engine/run_dir.c fastpath/core/engine/zmq_api.c fastpath/core/engine/journal.c fastpath/core/engine/journal_read.c fastpath/core/engine/crc32c.c fastpath/core/io/io.c fastpath/core/io/socket.c fastpath/core/io/fpga.c fastpath/core/wire/net.c fastpath/core/wire/mold.c fastpath/core/wire/mold_rx.c fastpath/core/wire/soup.c fastpath/core/wire/ouch.c fastpath/core/wire/itch.c fastpath/core/wire/layout.c
// sources: fastpath/core/book/book.c fastpath/core/book/book_query.c fastpath/core/book/book_audit.c fastpath/core/book/ladder.c fastpath/core/book/orders.c
// sources: fastpath/core/order/audit.c fastpath/core/order/cancel.c fastpath/core/order/enter.c fastpath/core/order/lifecycle.c fastpath/core/order/messages.c fastpath/core/order/oms.c fastpath/core/order/position.c fastpath/core/order/recovery.c fastpath/core/order/risk.c fastpath/core/order/session.c fastpath/core/order/table.c fastpath/core/order/owed.c fastpath/core/order/trigger.c
// flags: -pthread -ldl
// tsan
/* The whole engine as a C program, for the sanitizers: a feed on loopback, commands by
 * the in-process door, statistics read by another thread, a ring so small that records
 * are lost and books are sent again; open and close over and over. */
#include "check.h"
#include "engine/clock.h"
#include "fastpath.h"
#include "wire/itch.h"
#include "wire/mold.h"
#include <arpa/inet.h>
#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* libzmq is not built with the sanitizer, which therefore cannot see how its threads hand descriptors over. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) {
    return "race:libzmq\n";
}

static struct fp_engine_config config;
static struct fp_engine_stats stats;
static char error_text[FP_ERROR_TEXT_MAX], directory[64];
static int feed_fd;
static uint64_t sequence;

/* pyzmq's library beside the sources, or the system's. "" runs without a bus. */
static void find_libzmq(char *out, size_t room) {
    char pattern[512];
    const char *cut = strstr(__FILE__, "tests/c/");
    glob_t found;
    snprintf(pattern, sizeof pattern, "%.*s.venv/lib/python*/site-packages/pyzmq.libs/libzmq*.so*", cut ? (int)(cut - __FILE__) : 0, __FILE__);
    if (glob(pattern, 0, NULL, &found) == 0) snprintf(out, room, "%s", found.gl_pathv[0]);
    else printf("no libzmq beside the sources: the bus is not part of this run\n");
    globfree(&found);
}

static uint16_t free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    getsockname(fd, (struct sockaddr *)&address, &length);
    close(fd);
    return ntohs(address.sin_port);
}

static void configure(int with_orders, uint32_t event_ring) {
    memset(&config, 0, sizeof config);
    snprintf(directory, sizeof directory, "/tmp/fp-c-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    snprintf(config.run_dir, sizeof config.run_dir, "%s/run", directory);
    if (with_orders) snprintf(config.journal_dir, sizeof config.journal_dir, "%s/journal", directory);
    find_libzmq(config.libzmq_path, sizeof config.libzmq_path);
    if (config.libzmq_path[0]) {
        snprintf(config.pub_endpoint, sizeof config.pub_endpoint, "ipc://%s/run/engine.pub", directory);
        snprintf(config.router_endpoint, sizeof config.router_endpoint, "ipc://%s/run/engine.cmd", directory);
    }
    snprintf(config.mode, sizeof config.mode, "paper");
    config.cpu_hot = config.cpu_bus = -1;
    config.event_ring = event_ring;
    config.exec_ring = 256;
    config.heartbeat_ms = 20;
    config.conflate_ms = 1;
    config.history_events = 1024;
    config.venue_count = config.account_count = config.agent_count = 1;
    struct fp_venue_config *venue = &config.venues[0];
    snprintf(venue->name, sizeof venue->name, "sim");
    snprintf(venue->io, sizeof venue->io, "socket");
    snprintf(venue->feed_group[0], sizeof venue->feed_group[0], "127.0.0.1");
    venue->feed_port[0] = free_port();
    venue->gap_retry_ms = 10;
    venue->max_orders = 65536;
    if (with_orders) {
        /* A port that nobody listens on: connecting fails again and again. */
        snprintf(venue->order_host, sizeof venue->order_host, "127.0.0.1");
        venue->order_port = 1;
        snprintf(venue->username, sizeof venue->username, "USER");
    }
    snprintf(config.accounts[0].name, sizeof config.accounts[0].name, "desk");
    snprintf(config.agents[0].name, sizeof config.agents[0].name, "agent");
    config.agents[0].may_trade = 1;
    config.agents[0].venue_mask = 1;
    sequence = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(venue->feed_port[0]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    feed_fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_EQ(connect(feed_fd, (struct sockaddr *)&to, sizeof to), 0);
}

static void clean(void) {
    char command[128];
    close(feed_fd);
    snprintf(command, sizeof command, "rm -r %s", directory);
    CHECK_EQ(system(command), 0);
}

static void send_messages(const union fp_itch_body *bodies, uint16_t count) {
    uint8_t packet[FP_MOLD_MAX_PACKET], bytes[64];
    struct fp_mold_header header = {.session = "CTESTDAY01", .count = count, .sequence = sequence};
    size_t used = (size_t)fp_mold_put_header(&header, packet, sizeof packet);
    for (uint16_t i = 0; i < count; i++) {
        int length = fp_itch_encode(&bodies[i], bytes, sizeof bytes);
        used += (size_t)fp_mold_put_block(bytes, (size_t)length, packet + used, sizeof packet - used);
    }
    sequence += count;
    CHECK_EQ(send(feed_fd, packet, used, 0), (ssize_t)used);
}

static void send_directory(void) {
    union fp_itch_body body = {.stock_directory = {.type = 'R', .locate = 1, .round_lot_size = 100}};
    memcpy(body.stock_directory.stock, "AAPL    ", 8);
    send_messages(&body, 1);
}

/* Adds that come and go, 20 to a packet. */
static void send_orders(int packets) {
    static uint64_t ref;
    union fp_itch_body bodies[20];
    for (int i = 0; i < packets; i++) {
        memset(bodies, 0, sizeof bodies);
        for (int j = 0; j < 20; j += 2) {
            ref++;
            bodies[j].add_order = (struct fp_itch_add_order){.type = 'A', .locate = 1, .order_ref = ref, .side = ref & 1 ? 'B' : 'S', .shares = 100};
            bodies[j].add_order.price_e4 = ref & 1 ? 990000 - (uint32_t)(ref % 50) * 100 : 1010000 + (uint32_t)(ref % 50) * 100;
            memcpy(bodies[j].add_order.stock, "AAPL    ", 8);
            bodies[j + 1].order_delete = (struct fp_itch_order_delete){.type = 'D', .locate = 1, .order_ref = ref};
        }
        send_messages(bodies, 20);
        if (i % 16 == 15) usleep(500);
    }
}

static int wait_messages(struct fp_engine *engine, uint64_t count) {
    for (int i = 0; i < 20000; i++) {
        fp_engine_stats(engine, &stats);
        if (stats.feed[0].messages >= count) return 1;
        usleep(1000);
    }
    return 0;
}

static _Atomic int reading;

static void *read_statistics(void *argument) {
    static struct fp_engine_stats mine;
    char text[FP_ERROR_TEXT_MAX];
    while (atomic_load(&reading)) {
        fp_engine_stats(argument, &mine);
        fp_engine_health(argument, text);
        usleep(200);
    }
    return NULL;
}

static struct fp_engine *open_engine(void) {
    struct fp_engine *engine = NULL;
    int failed = fp_engine_open(&engine, &config, error_text);
    if (failed) printf("%s\n", error_text);
    CHECK_EQ(failed, 0);
    return engine;
}

static void feed_commands_and_statistics_side_by_side(void) {
    configure(1, 65536);
    struct fp_engine *engine = open_engine();
    struct fp_reply reply;
    pthread_t reader;
    CHECK_EQ(fp_engine_command(engine, &(struct fp_command){.kind = FP_CMD_PREVIEW}, &reply, 10), FP_E_BAD_STATE);
    CHECK_EQ(fp_engine_start(engine), 0);
    CHECK_EQ(fp_engine_start(engine), FP_E_BAD_STATE);
    atomic_store(&reading, 1);
    CHECK_EQ(pthread_create(&reader, NULL, read_statistics, engine), 0);
    send_directory();
    for (int i = 0; i < 20; i++) {
        send_orders(10);
        struct fp_command order = {.id = 900 + (uint64_t)i, .kind = FP_CMD_SUBMIT, .side = 'B', .tif = '0', .quantity = 1, .price_e4 = 990000};
        memcpy(order.symbol, "AAPL    ", 8);
        snprintf(order.client_order_id, sizeof order.client_order_id, "o-%d", i);
        CHECK_EQ(fp_engine_command(engine, &order, &reply, 10000), 0);
        CHECK_EQ(reply.id, order.id);
        CHECK_EQ(reply.outcome, FP_OUT_REFUSED); /* no session, and limits of zero */
        CHECK(reply.reason != 0);
    }
    CHECK(wait_messages(engine, sequence - 1));
    CHECK_EQ(stats.feed[0].gaps_opened, 0);
    CHECK(stats.events > 4000);
    CHECK(stats.wire_to_event.count > 0);
    CHECK_EQ(fp_engine_health(engine, error_text), 0);
    CHECK_EQ(fp_engine_stop(engine), 0);
    CHECK_EQ(fp_engine_stop(engine), 0);
    atomic_store(&reading, 0);
    pthread_join(reader, NULL);
    fp_engine_close(engine);
    clean();
}

static void a_full_ring_loses_records_and_says_so(void) {
    configure(0, 1024);
    struct fp_engine *engine = open_engine();
    CHECK_EQ(fp_engine_start(engine), 0);
    send_directory();
    for (int i = 0; i < 200; i++) {
        send_orders(30);
        fp_engine_stats(engine, &stats);
        if (stats.ring_full_events) break;
    }
    send_orders(1);
    CHECK(wait_messages(engine, sequence - 1 - stats.feed[0].messages_lost));
    printf("records lost to a full ring: %llu of %llu\n", (unsigned long long)stats.ring_full_events, (unsigned long long)stats.events);
    CHECK_EQ(fp_engine_health(engine, error_text), 0);
    fp_engine_close(engine);
    clean();
}

static void opens_and_closes_again_and_again(void) {
    configure(1, 1024);
    for (int i = 0; i < 5; i++) {
        struct fp_engine *engine = open_engine();
        CHECK(fp_engine_health(engine, error_text) != 0 && error_text[0]);
        if (i & 1) CHECK_EQ(fp_engine_start(engine), 0);
        fp_engine_stats(engine, &stats);
        CHECK_EQ(stats.epoch, i + 1);
        fp_engine_close(engine);
    }
    fp_engine_close(NULL);
    clean();
}

static void refuses_with_a_line(void) {
    struct fp_engine *engine;
    configure(0, 1000);
    CHECK_EQ(fp_engine_open(&engine, &config, error_text), FP_E_BAD_CONFIG);
    CHECK(engine == NULL && strstr(error_text, "powers of two"));
    config.event_ring = 1024;
    memset(config.venues[0].name, 'x', sizeof config.venues[0].name);
    CHECK_EQ(fp_engine_open(&engine, &config, error_text), FP_E_BAD_CONFIG);
    snprintf(config.venues[0].name, sizeof config.venues[0].name, "sim");
    snprintf(config.venues[0].io, sizeof config.venues[0].io, "warp");
    CHECK_EQ(fp_engine_open(&engine, &config, error_text), FP_E_NOT_FOUND);
    CHECK(strstr(error_text, "warp"));
    clean();
}

static void names(void) {
    CHECK(strcmp(fp_error_name(FP_E_TRUNCATED), "TRUNCATED") == 0);
    CHECK(strcmp(fp_error_name(FP_E_NOT_OURS), "NOT_OURS") == 0);
    CHECK(strcmp(fp_error_name(-1000), "UNKNOWN") == 0);
    CHECK(strcmp(fp_error_name(INT32_MIN), "UNKNOWN") == 0);
    CHECK(strlen(fp_version()) >= 5);
}

int main(void) {
    RUN(feed_commands_and_statistics_side_by_side);
    RUN(a_full_ring_loses_records_and_says_so);
    RUN(opens_and_closes_again_and_again);
    RUN(refuses_with_a_line);
    RUN(names);
    return check_done();
}
