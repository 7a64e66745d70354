/* The packet backend that needs nothing but a kernel: a UDP socket read with
 * recvmmsg into buffers made once. Groups are joined by interface address, so it
 * works on loopback without rights; receive times are the kernel's; what the kernel
 * dropped and what was too long is counted. It never blocks in rx or tx. */
#include "io.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Longer than any MoldUDP64 packet on a 1,500-byte link, so that what is a little too
 * long still reaches the protocol's own check and is counted there by its name. */
enum { FRAME_BYTES = 2048, CONTROL_BYTES = 128, DEFAULT_BUFFER = 8 << 20 };

struct port {
    struct fp_io io; /* first: the handle that callers hold */
    struct fp_io_stats stats;
    uint32_t kernel_drops; /* last SO_RXQ_OVFL value; it wraps */
    int buffer_bytes;      /* what the kernel granted */
    int used;              /* headers that the last recvmmsg changed */
    struct fp_io_config config;
    struct mmsghdr messages[FP_IO_BURST];
    struct iovec vectors[FP_IO_BURST];
    _Alignas(16) uint8_t control[FP_IO_BURST][CONTROL_BYTES];
    _Alignas(64) uint8_t frames[FP_IO_BURST][FRAME_BYTES];
};

static void read_control(struct port *port, struct msghdr *header, struct fp_frame *frame) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET) continue;
        if (c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec ts;
            memcpy(&ts, CMSG_DATA(c), sizeof ts);
            frame->ts_ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
            frame->flags = FP_IO_TS_KERNEL;
        } else if (c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t drops;
            memcpy(&drops, CMSG_DATA(c), sizeof drops);
            port->stats.rx_dropped += (uint32_t)(drops - port->kernel_drops);
            port->kernel_drops = drops;
        }
    }
}

static int socket_rx(struct fp_io *io, struct fp_frame *frames, int max) {
    struct port *port = (struct port *)io;
    if (max > FP_IO_BURST) max = FP_IO_BURST;
    for (int i = 0; i < port->used; i++) port->messages[i].msg_hdr.msg_controllen = CONTROL_BYTES;
    port->used = 0;
    int got = recvmmsg(io->fd, port->messages, (unsigned)max, MSG_DONTWAIT, NULL);
    if (got <= 0) {
        /* A connected socket reports a peer's closed port here; the next read goes on. */
        if (got < 0 && errno != EAGAIN && errno != EINTR) port->stats.rx_errors++;
        return 0;
    }
    port->used = got;
    int count = 0;
    for (int i = 0; i < got; i++) {
        struct msghdr *header = &port->messages[i].msg_hdr;
        struct fp_frame *frame = &frames[count];
        *frame = (struct fp_frame){.data = port->frames[i], .len = port->messages[i].msg_len, .cookie = (uint64_t)i};
        read_control(port, header, frame);
        if (header->msg_flags & MSG_TRUNC) {
            port->stats.rx_oversized++;
            continue;
        }
        port->stats.rx_packets++;
        port->stats.rx_bytes += frame->len;
        count++;
    }
    return count;
}

/* Buffers are reused by the next rx; nothing to give back. */
static void socket_release(struct fp_io *io, const struct fp_frame *frames, int count) {
    (void)io, (void)frames, (void)count;
}

static int socket_tx(struct fp_io *io, const struct fp_frame *frames, int count) {
    struct port *port = (struct port *)io;
    for (int i = 0; i < count; i++) {
        const uint8_t *payload = frames[i].data + frames[i].payload;
        size_t length = frames[i].len - frames[i].payload;
        if (send(io->fd, payload, length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)length) {
            port->stats.tx_errors++;
            return i;
        }
        port->stats.tx_packets++;
        port->stats.tx_bytes += length;
    }
    return count;
}

static int socket_wait(struct fp_io *io, int64_t timeout_ns) {
    struct pollfd poll_fd = {.fd = io->fd, .events = POLLIN};
    struct timespec ts = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    return ppoll(&poll_fd, 1, &ts, NULL) > 0;
}

static void socket_stats(const struct fp_io *io, struct fp_io_stats *out) {
    *out = ((const struct port *)io)->stats;
}

static int socket_describe(const struct fp_io *io, char *text, size_t room) {
    const struct port *port = (const struct port *)io;
    const struct fp_io_config *c = &port->config;
    return snprintf(text, room, "socket %s:%u%s%s%s%s, recvmmsg %d, kernel timestamps, receive buffer %d bytes",
                    c->address[0] ? c->address : "0.0.0.0", c->port, c->interface[0] ? " on " : "", c->interface,
                    c->remote_host[0] ? " to " : "", c->remote_host, FP_IO_BURST, port->buffer_bytes);
}

static void socket_close(struct fp_io *io) {
    if (!io) return;
    if (io->fd >= 0) close(io->fd);
    free(io);
}

static int refuse(struct port *port, char *error_text, int error, const char *what, const char *address, unsigned number, const char *remedy) {
    int saved = errno;
    snprintf(error_text, FP_IO_ERROR_TEXT_MAX, "cannot %s %s:%u: %s; %s", what, address, number,
             error == FP_E_SYSTEM ? strerror(saved) : "not an IPv4 address", remedy);
    socket_close(&port->io);
    return error;
}

static int set_options(struct port *port) {
    int fd = port->io.fd, on = 1;
    int bytes = port->config.receive_buffer ? (int)port->config.receive_buffer : DEFAULT_BUFFER;
    socklen_t length = sizeof port->buffer_bytes;
    /* FORCE goes beyond net.core.rmem_max and needs CAP_NET_ADMIN; without it the kernel caps. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &port->buffer_bytes, &length);
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) return -1;
    return setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
}

static int join_group(int fd, struct in_addr group, const char *interface) {
    struct ip_mreqn request = {.imr_multiaddr = group};
    int off = 0;
    if (interface[0] && inet_pton(AF_INET, interface, &request.imr_address) != 1) return FP_E_BAD_CONFIG;
    /* Otherwise the socket would also get groups that other sockets joined on this port. */
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off);
    return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) ? FP_E_SYSTEM : 0;
}

static int socket_open(struct fp_io **out, const struct fp_io_config *config, char error_text[FP_IO_ERROR_TEXT_MAX]) {
    *out = NULL;
    error_text[0] = 0;
    struct port *port = aligned_alloc(64, (sizeof *port + 63) & ~(size_t)63);
    if (!port) {
        snprintf(error_text, FP_IO_ERROR_TEXT_MAX, "no memory for a packet port (%zu bytes)", sizeof *port);
        return FP_E_NO_MEMORY;
    }
    memset(port, 0, sizeof *port);
    port->config = *config;
    port->io = (struct fp_io){.rx = socket_rx, .release = socket_release, .tx = socket_tx, .wait = socket_wait, .fd = -1, .ops = &fp_io_socket};
    for (int i = 0; i < FP_IO_BURST; i++) {
        port->vectors[i] = (struct iovec){.iov_base = port->frames[i], .iov_len = FRAME_BYTES};
        port->messages[i].msg_hdr = (struct msghdr){.msg_iov = &port->vectors[i], .msg_iovlen = 1, .msg_control = port->control[i], .msg_controllen = CONTROL_BYTES};
    }

    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(config->port)};
    const char *shown = config->address[0] ? config->address : "0.0.0.0";
    if (config->address[0] && inet_pton(AF_INET, config->address, &local.sin_addr) != 1)
        return refuse(port, error_text, FP_E_BAD_CONFIG, "listen on", shown, config->port, "write it as four numbers, as in 239.0.0.1");
    int multicast = IN_MULTICAST(ntohl(local.sin_addr.s_addr));
    port->io.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (port->io.fd < 0) return refuse(port, error_text, FP_E_SYSTEM, "make a UDP socket for", shown, config->port, "see `ulimit -n`");
    if (set_options(port) != 0)
        return refuse(port, error_text, FP_E_SYSTEM, "ask for receive timestamps and drop counts on", shown, config->port, "a Linux kernel is needed");
    int on = 1;
    /* Several programs may listen to one group; a unicast port belongs to one. */
    if (multicast) setsockopt(port->io.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(port->io.fd, (struct sockaddr *)&local, sizeof local) != 0)
        return refuse(port, error_text, FP_E_SYSTEM, "listen on", shown, config->port,
                      errno == EADDRINUSE ? "another program has it: `ss -lunp` shows which" : "is it an address of this machine? `ip -4 addr` lists them");
    if (multicast) {
        int joined = join_group(port->io.fd, local.sin_addr, config->interface);
        if (joined != 0)
            return refuse(port, error_text, joined, "join group", joined == FP_E_SYSTEM ? shown : config->interface, config->port,
                          "feed_interface must be the IPv4 address of a local interface: `ip -4 addr` lists them");
    }
    if (config->remote_host[0]) {
        struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons(config->remote_port)};
        if (inet_pton(AF_INET, config->remote_host, &remote.sin_addr) != 1)
            return refuse(port, error_text, FP_E_BAD_CONFIG, "send to", config->remote_host, config->remote_port, "write it as four numbers, as in 10.0.0.1");
        if (connect(port->io.fd, (struct sockaddr *)&remote, sizeof remote) != 0)
            return refuse(port, error_text, FP_E_SYSTEM, "send to", config->remote_host, config->remote_port, "is there a route? `ip route get` tells");
    }
    *out = &port->io;
    return 0;
}

const struct fp_io_ops fp_io_socket = {
    .name = "socket",
    .summary = "UDP sockets; works everywhere, no rights needed",
    .abi = FP_IO_ABI,
    .open = socket_open,
    .stats = socket_stats,
    .describe = socket_describe,
    .close = socket_close,
};
