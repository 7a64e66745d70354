/* The TCP side of a venue's order session; see connection.h. */
#include "connection.h"
#include "clock.h"
#include "memory.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RETRY_MS = 250, CONNECT_TIMEOUT_S = 5 };

int fp_connection_open(struct fp_connection *connection, const struct fp_venue_config *config, uint8_t venue, char *error_text) {
    memset(connection, 0, sizeof *connection);
    connection->fd = -1;
    connection->venue = venue;
    if (!config->order_host[0]) return 0;
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int failed = getaddrinfo(config->order_host, NULL, &hints, &found);
    if (failed || !found) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "venue %.24s: cannot resolve order_host %.48s: %s", config->name, config->order_host, gai_strerror(failed));
        return FP_E_BAD_CONFIG;
    }
    memcpy(&connection->address, found->ai_addr, sizeof connection->address);
    freeaddrinfo(found);
    connection->address.sin_port = htons(config->order_port);
    connection->buffer = fp_memory_map(FP_CONNECTION_BUFFER, FP_MEMORY_HOT);
    if (!connection->buffer) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "no memory for an order session");
        return FP_E_NO_MEMORY;
    }
    connection->configured = 1;
    return 0;
}

void fp_connection_close(struct fp_connection *connection) {
    if (connection->fd >= 0) close(connection->fd);
    fp_memory_unmap(connection->buffer, FP_CONNECTION_BUFFER);
    connection->buffer = NULL;
    connection->fd = -1;
    connection->configured = 0;
}

void fp_connection_drop(struct fp_connection *connection, uint64_t now_ns) {
    if (connection->fd < 0) return;
    close(connection->fd);
    connection->fd = -1;
    connection->filled = 0;
    connection->blocked = 0;
    connection->retry_ns = now_ns + (uint64_t)RETRY_MS * FP_NS_PER_MS;
    if (connection->connected) connection->disconnects++;
    connection->connected = 0;
    fp_oms_disconnected(connection->oms, connection->venue, now_ns);
}

static void established(struct fp_connection *connection, uint64_t now_ns) {
    connection->connected = 1;
    connection->connects++;
    fp_oms_connected(connection->oms, connection->venue, now_ns);
    fp_connection_flush(connection, now_ns);
}

static int begin_connect(struct fp_connection *connection, uint64_t now_ns) {
    if (now_ns < connection->retry_ns || !fp_oms_wants_connection(connection->oms, connection->venue, now_ns)) return 0;
    connection->retry_ns = now_ns + (uint64_t)RETRY_MS * FP_NS_PER_MS;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->fd = fd;
    connection->since_ns = now_ns;
    if (connect(fd, (struct sockaddr *)&connection->address, sizeof connection->address) == 0) established(connection, now_ns);
    else if (errno != EINPROGRESS) fp_connection_drop(connection, now_ns);
    return 1;
}

static int finish_connect(struct fp_connection *connection, uint64_t now_ns) {
    struct pollfd poll_fd = {.fd = connection->fd, .events = POLLOUT};
    if (poll(&poll_fd, 1, 0) <= 0) {
        if (now_ns - connection->since_ns > (uint64_t)CONNECT_TIMEOUT_S * FP_NS_PER_S) fp_connection_drop(connection, now_ns);
        return 0;
    }
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error) fp_connection_drop(connection, now_ns);
    else established(connection, now_ns);
    return 1;
}

size_t fp_connection_flush(struct fp_connection *connection, uint64_t now_ns) {
    size_t total = 0;
    if (!connection->connected) return 0;
    const uint8_t *bytes;
    for (size_t waiting; (waiting = fp_oms_out(connection->oms, connection->venue, &bytes)) != 0;) {
        ssize_t sent = send(connection->fd, bytes, waiting, MSG_DONTWAIT | MSG_NOSIGNAL);
        connection->blocked = 0;
        if (sent < 0) {
            if (errno == EAGAIN) connection->blocked = 1;
            else if (errno != EINTR) fp_connection_drop(connection, now_ns);
            break;
        }
        total += (size_t)sent;
        fp_oms_sent(connection->oms, connection->venue, (size_t)sent, now_ns);
        if ((size_t)sent < waiting) {
            connection->blocked = 1;
            break;
        }
    }
    connection->bytes_out += total;
    return total;
}

/* Hand whole packets to the order side; what is left of a partial one moves to the front. 0, or -1 when dropped. */
static int hand_over(struct fp_connection *connection, uint64_t now_ns) {
    uint32_t used = 0;
    while (used < connection->filled) {
        int taken = fp_oms_receive(connection->oms, connection->venue, connection->buffer + used, connection->filled - used, now_ns);
        if (taken < 0) return fp_connection_drop(connection, now_ns), -1;
        if (taken == 0) break;
        used += (uint32_t)taken;
        for (uint64_t ack_ns; (ack_ns = fp_oms_take_ack_ns(connection->oms, connection->venue)) != 0;) fp_hist_add(connection->order_to_ack, ack_ns, 1);
    }
    if (used) memmove(connection->buffer, connection->buffer + used, connection->filled - used);
    connection->filled -= used;
    /* No packet is that long: the peer does not speak the protocol. */
    if (connection->filled == FP_CONNECTION_BUFFER) return fp_connection_drop(connection, now_ns), -1;
    return 0;
}

static int receive(struct fp_connection *connection, uint64_t now_ns) {
    ssize_t got = recv(connection->fd, connection->buffer + connection->filled, FP_CONNECTION_BUFFER - connection->filled, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got <= 0) {
        fp_connection_drop(connection, now_ns);
        return 1;
    }
    connection->filled += (uint32_t)got;
    connection->bytes_in += (uint64_t)got;
    hand_over(connection, now_ns);
    return 1;
}

int fp_connection_poll(struct fp_connection *connection, uint64_t now_ns) {
    if (!connection->configured) return 0;
    if (connection->fd < 0) return begin_connect(connection, now_ns);
    if (!connection->connected) return finish_connect(connection, now_ns);
    int moved = receive(connection, now_ns);
    return (connection->connected && fp_connection_flush(connection, now_ns) != 0) || moved;
}

short fp_connection_events(const struct fp_connection *connection) {
    if (connection->fd < 0) return 0;
    if (!connection->connected) return POLLOUT;
    return (short)(POLLIN | (connection->blocked ? POLLOUT : 0));
}
