/* The TCP side of a venue's order session; see session.h. */
#include "session.h"
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

int fp_session_open(struct fp_session *session, const struct fp_venue_config *config, uint8_t venue, char *error_text) {
    memset(session, 0, sizeof *session);
    session->fd = -1;
    session->venue = venue;
    if (!config->order_host[0]) return 0;
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int failed = getaddrinfo(config->order_host, NULL, &hints, &found);
    if (failed || !found) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "venue %.24s: cannot resolve order_host %.48s: %s", config->name, config->order_host, gai_strerror(failed));
        return FP_E_BAD_CONFIG;
    }
    memcpy(&session->address, found->ai_addr, sizeof session->address);
    freeaddrinfo(found);
    session->address.sin_port = htons(config->order_port);
    session->buffer = fp_memory_map(FP_SESSION_BUFFER, FP_MEMORY_HOT);
    if (!session->buffer) {
        snprintf(error_text, FP_ERROR_TEXT_MAX, "no memory for an order session");
        return FP_E_NO_MEMORY;
    }
    session->configured = 1;
    return 0;
}

void fp_session_close(struct fp_session *session) {
    if (session->fd >= 0) close(session->fd);
    fp_memory_unmap(session->buffer, FP_SESSION_BUFFER);
    session->buffer = NULL;
    session->fd = -1;
    session->configured = 0;
}

void fp_session_drop(struct fp_session *session, uint64_t now_ns) {
    if (session->fd < 0) return;
    close(session->fd);
    session->fd = -1;
    session->filled = 0;
    session->blocked = 0;
    session->retry_ns = now_ns + (uint64_t)RETRY_MS * FP_NS_PER_MS;
    if (session->connected) session->disconnects++;
    session->connected = 0;
    fp_oms_disconnected(session->oms, session->venue, now_ns);
}

static void established(struct fp_session *session, uint64_t now_ns) {
    session->connected = 1;
    session->connects++;
    fp_oms_connected(session->oms, session->venue, now_ns);
    fp_session_flush(session, now_ns);
}

static int begin_connect(struct fp_session *session, uint64_t now_ns) {
    if (now_ns < session->retry_ns || !fp_oms_wants_connection(session->oms, session->venue, now_ns)) return 0;
    session->retry_ns = now_ns + (uint64_t)RETRY_MS * FP_NS_PER_MS;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    session->fd = fd;
    session->since_ns = now_ns;
    if (connect(fd, (struct sockaddr *)&session->address, sizeof session->address) == 0) established(session, now_ns);
    else if (errno != EINPROGRESS) fp_session_drop(session, now_ns);
    return 1;
}

static int finish_connect(struct fp_session *session, uint64_t now_ns) {
    struct pollfd poll_fd = {.fd = session->fd, .events = POLLOUT};
    if (poll(&poll_fd, 1, 0) <= 0) {
        if (now_ns - session->since_ns > (uint64_t)CONNECT_TIMEOUT_S * FP_NS_PER_S) fp_session_drop(session, now_ns);
        return 0;
    }
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error) fp_session_drop(session, now_ns);
    else established(session, now_ns);
    return 1;
}

size_t fp_session_flush(struct fp_session *session, uint64_t now_ns) {
    size_t total = 0;
    if (!session->connected) return 0;
    const uint8_t *bytes;
    for (size_t waiting; (waiting = fp_oms_out(session->oms, session->venue, &bytes)) != 0;) {
        ssize_t sent = send(session->fd, bytes, waiting, MSG_DONTWAIT | MSG_NOSIGNAL);
        session->blocked = 0;
        if (sent < 0) {
            if (errno == EAGAIN) session->blocked = 1;
            else if (errno != EINTR) fp_session_drop(session, now_ns);
            break;
        }
        total += (size_t)sent;
        fp_oms_sent(session->oms, session->venue, (size_t)sent, now_ns);
        if ((size_t)sent < waiting) {
            session->blocked = 1;
            break;
        }
    }
    session->bytes_out += total;
    return total;
}

/* Hand whole packets to the order side; what is left of a partial one moves to the front. 0, or -1 when dropped. */
static int hand_over(struct fp_session *session, uint64_t now_ns) {
    uint32_t used = 0;
    while (used < session->filled) {
        int taken = fp_oms_receive(session->oms, session->venue, session->buffer + used, session->filled - used, now_ns);
        if (taken < 0) return fp_session_drop(session, now_ns), -1;
        if (taken == 0) break;
        used += (uint32_t)taken;
        for (uint64_t ack_ns; (ack_ns = fp_oms_take_ack_ns(session->oms, session->venue)) != 0;) fp_hist_add(session->order_to_ack, ack_ns, 1);
    }
    if (used) memmove(session->buffer, session->buffer + used, session->filled - used);
    session->filled -= used;
    /* No packet is that long: the peer does not speak the protocol. */
    if (session->filled == FP_SESSION_BUFFER) return fp_session_drop(session, now_ns), -1;
    return 0;
}

static int receive(struct fp_session *session, uint64_t now_ns) {
    ssize_t got = recv(session->fd, session->buffer + session->filled, FP_SESSION_BUFFER - session->filled, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got <= 0) {
        fp_session_drop(session, now_ns);
        return 1;
    }
    session->filled += (uint32_t)got;
    session->bytes_in += (uint64_t)got;
    hand_over(session, now_ns);
    return 1;
}

int fp_session_poll(struct fp_session *session, uint64_t now_ns) {
    if (!session->configured) return 0;
    if (session->fd < 0) return begin_connect(session, now_ns);
    if (!session->connected) return finish_connect(session, now_ns);
    int moved = receive(session, now_ns);
    return (session->connected && fp_session_flush(session, now_ns) != 0) || moved;
}

short fp_session_events(const struct fp_session *session) {
    if (session->fd < 0) return 0;
    if (!session->connected) return POLLOUT;
    return (short)(POLLIN | (session->blocked ? POLLOUT : 0));
}
