// sources: fastpath/core/io/io.c fastpath/core/io/socket.c
/* The socket backend on loopback: multicast by interface address, kernel times,
 * packets that are too long, packets the kernel had no room for, and what it says
 * when it cannot open. */
#include "check.h"
#include "engine/clock.h"
#include "io/io.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static char error_text[FP_IO_ERROR_TEXT_MAX];

/* A port that is free now; tests run beside others. */
static uint16_t free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    getsockname(fd, (struct sockaddr *)&address, &length);
    close(fd);
    return ntohs(address.sin_port);
}

static int sender(const char *group, uint16_t port) {
    struct in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    inet_pton(AF_INET, group, &to.sin_addr);
    CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof loopback), 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static struct fp_io *open_port(const char *address, uint16_t port, const char *interface, uint32_t buffer) {
    struct fp_io_config config = {.port = port, .receive_buffer = buffer};
    struct fp_io *io = NULL;
    snprintf(config.address, sizeof config.address, "%s", address);
    snprintf(config.interface, sizeof config.interface, "%s", interface);
    int failed = fp_io_open(&io, "socket", &config, error_text);
    if (failed) printf("%s\n", error_text);
    CHECK_EQ(failed, 0);
    return io;
}

static int receive(struct fp_io *io, struct fp_frame *frames, int max) {
    int count = io->rx(io, frames, max);
    for (int i = 0; i < 100 && count == 0; i++) {
        io->wait(io, 20000000);
        count = io->rx(io, frames, max);
    }
    return count;
}

static void multicast_brings_packets_and_their_times(void) {
    struct fp_frame frames[FP_IO_BURST];
    struct fp_io_stats stats;
    uint16_t port = free_port();
    struct fp_io *io = open_port("239.192.99.1", port, "127.0.0.1", 0);
    int fd = sender("239.192.99.1", port);
    uint64_t before_ns = fp_clock_utc_ns();
    CHECK_EQ(send(fd, "first", 5, 0), 5);
    CHECK_EQ(send(fd, "second!", 7, 0), 7);
    CHECK_EQ(send(fd, "", 0, 0), 0);
    int got = 0;
    while (got < 3) {
        int count = receive(io, frames + got, FP_IO_BURST - got);
        if (!count) break;
        /* Buffers are lent until the next rx: look at once. */
        for (int i = got; i < got + count; i++) {
            static const char *const want[] = {"first", "second!", ""};
            CHECK_EQ(frames[i].len, strlen(want[i]));
            CHECK_MEM(frames[i].data + frames[i].payload, want[i], strlen(want[i]));
            CHECK_EQ(frames[i].flags, FP_IO_TS_KERNEL);
            CHECK(frames[i].ts_ns >= before_ns - 50000000 && frames[i].ts_ns <= fp_clock_utc_ns() + 1000000);
        }
        io->release(io, frames + got, count);
        got += count;
    }
    CHECK_EQ(got, 3);
    CHECK_EQ(io->rx(io, frames, FP_IO_BURST), 0);
    io->ops->stats(io, &stats);
    CHECK_EQ(stats.rx_packets, 3);
    CHECK_EQ(stats.rx_bytes, 12);
    CHECK_EQ(stats.rx_dropped + stats.rx_oversized + stats.rx_errors, 0);
    char text[200];
    CHECK(io->ops->describe(io, text, sizeof text) > 0 && strstr(text, "239.192.99.1"));
    io->ops->close(io);
    close(fd);
}

static void another_group_on_the_same_port_stays_out(void) {
    struct fp_frame frames[4];
    uint16_t port = free_port();
    struct fp_io *mine = open_port("239.192.99.3", port, "127.0.0.1", 0), *other = open_port("239.192.99.4", port, "127.0.0.1", 0);
    int fd = sender("239.192.99.4", port);
    CHECK_EQ(send(fd, "x", 1, 0), 1);
    CHECK_EQ(receive(other, frames, 4), 1);
    CHECK_EQ(mine->rx(mine, frames, 4), 0);
    mine->ops->close(mine);
    other->ops->close(other);
    close(fd);
}

static void too_long_is_counted_and_kept_out(void) {
    static char big[9000];
    struct fp_frame frames[4];
    struct fp_io_stats stats;
    uint16_t port = free_port();
    struct fp_io *io = open_port("127.0.0.1", port, "", 0);
    int fd = sender("127.0.0.1", port);
    CHECK_EQ(send(fd, big, sizeof big, 0), (ssize_t)sizeof big);
    CHECK_EQ(send(fd, big, 2049, 0), 2049);
    CHECK_EQ(send(fd, big, 2048, 0), 2048);
    int got = 0;
    for (int i = 0; i < 100 && got == 0; i++) got = receive(io, frames, 4);
    CHECK_EQ(got, 1);
    CHECK_EQ(frames[0].len, 2048);
    io->ops->stats(io, &stats);
    CHECK_EQ(stats.rx_oversized, 2);
    CHECK_EQ(stats.rx_packets, 1);
    io->ops->close(io);
    close(fd);
}

/* sent = received + dropped, even when the kernel's buffer overflows. */
static void what_the_kernel_drops_is_counted(void) {
    static char packet[1000];
    struct fp_frame frames[FP_IO_BURST];
    struct fp_io_stats stats;
    uint16_t port = free_port();
    struct fp_io *io = open_port("127.0.0.1", port, "", 65536);
    int fd = sender("127.0.0.1", port), sent = 0;
    for (; sent < 1000; sent++)
        if (send(fd, packet, sizeof packet, 0) != (ssize_t)sizeof packet) break;
    CHECK_EQ(sent, 1000);
    while (io->rx(io, frames, FP_IO_BURST) > 0) {}
    /* The count comes with the next packet that gets in. */
    CHECK_EQ(send(fd, packet, 1, 0), 1);
    CHECK_EQ(receive(io, frames, FP_IO_BURST), 1);
    io->ops->stats(io, &stats);
    CHECK(stats.rx_dropped > 0);
    CHECK_EQ(stats.rx_packets + stats.rx_dropped, 1001);
    io->ops->close(io);
    close(fd);
}

static void a_connected_port_asks_and_hears_only_its_peer(void) {
    struct fp_frame frames[4];
    struct fp_io_stats stats;
    struct fp_io_config config = {.remote_host = "127.0.0.1", .remote_port = free_port()};
    struct fp_io *server = open_port("127.0.0.1", config.remote_port, "", 0), *client = NULL;
    CHECK_EQ(fp_io_open(&client, "socket", &config, error_text), 0);
    struct fp_frame request = {.data = (const uint8_t *)"..ask", .len = 5, .payload = 2};
    CHECK_EQ(client->tx(client, &request, 1), 1);
    CHECK_EQ(receive(server, frames, 4), 1);
    CHECK_EQ(frames[0].len, 3);
    CHECK_MEM(frames[0].data, "ask", 3);
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    CHECK_EQ(getsockname(client->fd, (struct sockaddr *)&address, &length), 0);
    int stranger = sender("127.0.0.1", ntohs(address.sin_port));
    send(stranger, "lie", 3, 0);
    client->wait(client, 50000000);
    CHECK_EQ(client->rx(client, frames, 4), 0);
    /* The peer goes away: an error is counted, nothing breaks. */
    server->ops->close(server);
    CHECK_EQ(client->tx(client, &request, 1), 1);
    client->wait(client, 50000000);
    CHECK_EQ(client->rx(client, frames, 4), 0);
    client->ops->stats(client, &stats);
    CHECK(stats.tx_packets == 2 && stats.rx_errors + stats.tx_errors >= 1);
    client->ops->close(client);
    close(stranger);
}

static void refused(struct fp_io_config config, int error, const char *word) {
    struct fp_io *io = NULL;
    CHECK_EQ(fp_io_open(&io, "socket", &config, error_text), error);
    CHECK(io == NULL);
    if (!strstr(error_text, word)) printf("said: %s\n", error_text);
    CHECK(strstr(error_text, word) != NULL && !strchr(error_text, '\n'));
}

static void says_what_is_wrong(void) {
    struct fp_io *io = NULL;
    struct fp_io_config config = {0};
    CHECK_EQ(fp_io_open(&io, "teleport", &config, error_text), FP_E_NOT_FOUND);
    CHECK(strstr(error_text, "teleport") && strstr(error_text, "socket"));
    refused((struct fp_io_config){.address = "not.an.ip", .port = 1}, FP_E_BAD_CONFIG, "not.an.ip");
    refused((struct fp_io_config){.address = "192.0.2.7", .port = free_port()}, FP_E_SYSTEM, "192.0.2.7");
    refused((struct fp_io_config){.address = "239.192.99.9", .interface = "192.0.2.7", .port = free_port()}, FP_E_SYSTEM, "feed_interface");
    refused((struct fp_io_config){.address = "239.192.99.9", .interface = "eth", .port = free_port()}, FP_E_BAD_CONFIG, "eth");
    refused((struct fp_io_config){.remote_host = "somewhere", .remote_port = 9}, FP_E_BAD_CONFIG, "somewhere");
    uint16_t port = free_port();
    struct fp_io *first = open_port("127.0.0.1", port, "", 0);
    refused((struct fp_io_config){.address = "127.0.0.1", .port = port}, FP_E_SYSTEM, "another program");
    first->ops->close(first);
}

int main(void) {
    RUN(multicast_brings_packets_and_their_times);
    RUN(another_group_on_the_same_port_stays_out);
    RUN(too_long_is_counted_and_kept_out);
    RUN(what_the_kernel_drops_is_counted);
    RUN(a_connected_port_asks_and_hears_only_its_peer);
    RUN(says_what_is_wrong);
    return check_done();
}
