// sources: sim/exchange/server.c sim/exchange/console.c sim/exchange/ports.c sim/exchange/feed.c sim/exchange/lines.c sim/exchange/store.c sim/exchange/ledger.c sim/exchange/tape.c sim/exchange/flow.c sim/exchange/matching.c sim/exchange/entry.c sim/exchange/rerun.c sim/exchange/emit.c sim/exchange/ladder.c fastpath/core/wire/itch.c fastpath/core/wire/ouch.c fastpath/core/wire/layout.c fastpath/core/wire/mold.c fastpath/core/wire/soup.c
// flags: -pthread
// tsan
// The venue thread under the sanitizers: clients on real sockets, commands and questions from
// other threads at the same time, hostile bytes, and an orderly end.
#include "check.h"
#include "fastpath/core/records.h"
#include "fastpath/core/wire/ouch.h"
#include "fastpath/core/wire/soup.h"
#include "sim/exchange/server.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const struct fp_match_symbol symbols[] = {
    {.symbol = "ONE     ", .locate = 1, .round_lot = 100, .start_price_e4 = 100000},
    {.symbol = "TWO     ", .locate = 2, .round_lot = 100, .start_price_e4 = 200000}};
static const struct fp_exchange_user users[] = {
    {.username = "alice", .password = "secret", .firm = "FRMA", .self_match = 'N'},
    {.username = "bob", .password = "hunter", .firm = "FRMB", .self_match = 'W', .cancel_on_disconnect = 1}};

static struct fp_exchange_config config(void) {
    return (struct fp_exchange_config){.session = "SESSION001",
                                       .feed_interface = "127.0.0.1",
                                       .feed_group = {"239.192.45.1", "239.192.45.2"},
                                       .rerequest_host = "127.0.0.1",
                                       .order_host = "127.0.0.1",
                                       .feed_heartbeat_ms = 20,
                                       .end_of_session_ms = 50,
                                       .rerequests_per_s = 1000,
                                       .login_timeout_ms = 30000,
                                       .idle_timeout_ms = 15000,
                                       .slow_consumer_ms = 10000,
                                       .out_buffer_bytes = 65536,
                                       .feed_store_bytes = 16 << 20,
                                       .user_store_bytes = 4 << 20,
                                       .max_orders = 10000,
                                       .max_levels = 10000,
                                       .max_symbols = 10,
                                       .flow_on = 1,
                                       .flow = {.seed = 3, .orders_per_symbol = 40, .drift_bps = 20},
                                       .messages_per_s = 2000,
                                       .symbols = symbols,
                                       .users = users,
                                       .symbol_count = 2,
                                       .user_count = 2};
}

static struct fp_exchange *opened(const struct fp_exchange_config *c) {
    char text[256];
    struct fp_exchange *x = NULL;
    CHECK_EQ(fp_exchange_open(c, &x, text), 0);
    if (text[0]) printf("%s\n", text);
    return x;
}

static int dial(const struct fp_exchange *x) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(fp_exchange_order_port(x)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, char type, const void *payload, size_t length) {
    uint8_t packet[1024];
    int size = fp_soup_put(type, payload, length, packet, sizeof packet);
    CHECK(size > 0 && send(fd, packet, (size_t)size, MSG_NOSIGNAL) == size);
}

/* Read packets until one of a type has come so often. Returns how often it came. */
static int hear(int fd, char type, int times) {
    static _Thread_local uint8_t bytes[1 << 17];
    size_t used = 0;
    int heard = 0;
    while (heard < times) {
        ssize_t got = recv(fd, bytes + used, sizeof bytes - used, 0);
        if (got <= 0) return heard;
        used += (size_t)got;
        size_t at = 0, length;
        const uint8_t *payload;
        char kind;
        int size;
        while ((size = fp_soup_parse(bytes + at, used - at, &kind, &payload, &length)) > 0) {
            at += (size_t)size;
            heard += kind == type;
        }
        memmove(bytes, bytes + at, used -= at);
    }
    return heard;
}

static int log_in(const struct fp_exchange *x, const char *user, const char *password) {
    uint8_t packet[64];
    struct fp_soup_login login = {.sequence = 1};
    memset(login.username, ' ', 6);
    memset(login.password, ' ', 10);
    memset(login.session, ' ', 10);
    memcpy(login.username, user, strlen(user));
    memcpy(login.password, password, strlen(password));
    int fd = dial(x), size = fp_soup_put_login(&login, packet, sizeof packet);
    CHECK(send(fd, packet, (size_t)size, MSG_NOSIGNAL) == size);
    CHECK(hear(fd, 'A', 1) == 1);
    return fd;
}

static void enter(int fd, uint32_t urn, char side, uint32_t quantity, uint64_t price_e4) {
    uint8_t bytes[128];
    union fp_ouch_in_body m = {.enter_order = {.type = 'O',
                                               .user_ref_num = urn,
                                               .side = side,
                                               .quantity = quantity,
                                               .symbol = {'O', 'N', 'E', ' ', ' ', ' ', ' ', ' '},
                                               .price_e4 = price_e4,
                                               .time_in_force = '0',
                                               .display = 'Y',
                                               .capacity = 'P',
                                               .inter_market_sweep_eligibility = 'N',
                                               .cross_type = 'N'}};
    memset(m.enter_order.cl_ord_id, ' ', 14);
    int length = fp_ouch_in_encode(&m, NULL, bytes, sizeof bytes);
    CHECK(length > 0);
    say(fd, 'U', bytes, (size_t)length);
}

static atomic_int asking;

static void *ask(void *argument) {
    struct fp_exchange *x = argument;
    uint8_t *bytes = malloc(1 << 20);
    uint64_t refs[16], count, rounds = 0;
    while (atomic_load(&asking)) {
        struct fp_exchange_stats venue;
        struct fp_match_stats match;
        struct fp_feed_stats feed;
        struct fp_ports_stats ports;
        struct fp_line_stats lines[2];
        struct fp_match_level levels[8];
        struct fp_line_faults faults = {
            .seed = rounds, .drop_per_mille = 100, .reorder_per_mille = 100, .delay_per_mille = 100, .delay_us = 100};
        fp_exchange_stats(x, &venue, &match, &feed, &ports, lines);
        fp_exchange_depth(x, "ONE     ", 'B', levels, 8);
        fp_exchange_live_orders(x, 0, refs, 16);
        fp_exchange_messages(x, -1, 'O', 1, bytes, 1 << 20, &count);
        fp_exchange_messages(x, 0, 'O', 1, bytes, 1 << 20, &count);
        fp_exchange_faults(x, (int)(rounds & 1), &faults);
        fp_exchange_trading(x, "TWO     ", rounds & 1 ? 'T' : 'H', "    ");
        fp_exchange_latency(x, (uint32_t)(rounds % 3) * 100);
        rounds++;
    }
    free(bytes);
    return (void *)(uintptr_t)rounds;
}

static void test_clients_and_commands_together(void) {
    struct fp_exchange_config c = config();
    struct fp_exchange *x = opened(&c);
    pthread_t other;
    void *rounds;
    if (!x) return;
    CHECK_EQ(fp_exchange_start(x), 0);
    CHECK_EQ(fp_exchange_start(x), FP_E_BAD_STATE);
    atomic_store(&asking, 1);
    CHECK_EQ(pthread_create(&other, NULL, ask, x), 0);
    int alice = log_in(x, "alice", "secret"), bob = log_in(x, "bob", "hunter");
    for (uint32_t n = 1; n <= 300; n++) {
        enter(alice, n, n % 2 ? 'B' : 'S', 100, 100000);
        enter(bob, n, n % 2 ? 'S' : 'B', 150, 100000);
    }
    CHECK(hear(alice, 'S', 300) >= 300);
    CHECK(hear(bob, 'S', 300) >= 300);
    struct fp_exchange_stats venue;
    struct fp_match_stats match;
    struct fp_feed_stats feed;
    struct fp_ports_stats ports;
    struct fp_line_stats lines[2];
    for (int tries = 0; tries < 20000; tries++) { /* closing earlier would throw away what bob has sent */
        fp_exchange_stats(x, &venue, &match, &feed, &ports, lines);
        if (match.enters == 600) break;
        usleep(1000);
    }
    for (int i = 0; i < 20; i++) { /* garbage in between */
        uint8_t junk[200];
        int fd = dial(x);
        for (size_t n = 0; n < sizeof junk; n++) junk[n] = (uint8_t)(n * 37 + (size_t)i * 101);
        CHECK(send(fd, junk, sizeof junk, MSG_NOSIGNAL) > 0);
        close(fd);
    }
    close(bob); /* cancels what bob has left */
    atomic_store(&asking, 0);
    pthread_join(other, &rounds);
    CHECK((uintptr_t)rounds > 0);
    CHECK_EQ(fp_exchange_end(x), 0);
    CHECK_EQ(fp_exchange_end(x), FP_E_BAD_STATE);
    CHECK_EQ(hear(alice, 'Z', 1), 1);
    close(alice);
    fp_exchange_stop(x);
    fp_exchange_stop(x);
    fp_exchange_stats(x, &venue, &match, &feed, &ports, lines);
    CHECK_EQ(match.enters, 600);
    CHECK_EQ(match.accepted + match.rejected, 600);
    CHECK_EQ(match.live_orders, 0);
    CHECK_EQ(venue.ended, 1);
    CHECK_EQ(ports.logins, 2);
    CHECK_EQ(ports.live, 0);
    fp_exchange_close(x);
}

static void test_refused_configurations(void) {
    char text[256];
    struct fp_exchange *x;
    struct fp_exchange_config c = config();
    c.feed_heartbeat_ms = 0;
    CHECK_EQ(fp_exchange_open(&c, &x, text), FP_E_BAD_CONFIG);
    c = config();
    strcpy(c.feed_group[0], "not an address");
    CHECK_EQ(fp_exchange_open(&c, &x, text), FP_E_BAD_CONFIG);
    CHECK(strstr(text, "feed line A") != NULL);
    c = config();
    strcpy(c.order_host, "nowhere");
    CHECK_EQ(fp_exchange_open(&c, &x, text), FP_E_BAD_CONFIG);
    c = config();
    strcpy(c.replay_path, "/nonexistent/day");
    CHECK_EQ(fp_exchange_open(&c, &x, text), FP_E_SYSTEM);
    c = config();
    strcpy(c.ledger_path, "/nonexistent/ledger");
    CHECK_EQ(fp_exchange_open(&c, &x, text), FP_E_SYSTEM);
    c = config();
    c.max_orders = 0;
    CHECK_EQ(fp_exchange_open(&c, &x, text), FP_E_BAD_CONFIG);
    c = config();
    x = opened(&c); /* opened and closed, never started */
    fp_exchange_close(x);
}

int main(void) {
    RUN(test_clients_and_commands_together);
    RUN(test_refused_configurations);
    return check_done();
}
