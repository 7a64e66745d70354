/* See ports.h. */
#include "ports.h"
#include "fastpath/core/wire/ouch.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 16 };
#define GOODBYE_NS 1000000000ull /* how long a closing connection may take to read what it was told */
#define TICK_NS 100000000ull

int fp_ports_open(struct fp_ports *ports, const struct fp_ports_config *config, const char *host, uint16_t *port,
                  int epoll, uint64_t epoll_tag) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t length = sizeof address;
    int on = 1;
    memset(ports, 0, sizeof *ports);
    ports->config = *config;
    ports->epoll = epoll;
    ports->epoll_tag = epoll_tag;
    ports->cut_in = ports->cut_out = FP_PORTS_NO_CUT;
    ports->listener = -1;
    for (int i = 0; i < FP_PORTS_MAX_CONNECTIONS; i++) ports->connections[i].fd = -1;
    if (config->out_bytes < 1024 || inet_pton(AF_INET, host, &address.sin_addr) != 1) return FP_E_BAD_CONFIG;
    ports->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (ports->listener < 0) return FP_E_SYSTEM;
    setsockopt(ports->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(ports->listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(ports->listener, 64) < 0 ||
        getsockname(ports->listener, (struct sockaddr *)&address, &length) < 0)
        return FP_E_SYSTEM;
    *port = ntohs(address.sin_port);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = epoll_tag - 1};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, ports->listener, &event) < 0 ? FP_E_SYSTEM : 0;
}

static int pad(char *out, size_t width, const char *text) {
    size_t length = strlen(text);
    if (length == 0 || length > width) return FP_E_BAD_CONFIG;
    memset(out, ' ', width);
    memcpy(out, text, length);
    return 0;
}

int fp_ports_add_user(struct fp_ports *ports, const char *username, const char *password) {
    if (ports->user_count == FP_PORTS_MAX_USERS) return FP_E_NO_ROOM;
    struct fp_ports_user *user = &ports->users[ports->user_count];
    if (pad(user->username, 6, username) < 0 || pad(user->password, 10, password) < 0) return FP_E_BAD_CONFIG;
    user->connection = -1;
    user->cut_in = user->cut_out = FP_PORTS_NO_CUT;
    if (fp_store_open(&user->out, CHUNK_BYTES, ports->config.store_limit_bytes) < 0 ||
        fp_store_open(&user->in, CHUNK_BYTES, ports->config.store_limit_bytes) < 0)
        return FP_E_NO_MEMORY;
    return ports->user_count++;
}

/* Equal without case, wherever the padding is. */
static int same_text(const char *a, const char *b, size_t width) {
    size_t a_end = width, b_end = width, a_at = 0, b_at = 0;
    while (a_end > a_at && a[a_end - 1] == ' ') a_end--;
    while (b_end > b_at && b[b_end - 1] == ' ') b_end--;
    while (a_at < a_end && a[a_at] == ' ') a_at++;
    while (b_at < b_end && b[b_at] == ' ') b_at++;
    if (a_end - a_at != b_end - b_at) return 0;
    for (; a_at < a_end; a_at++, b_at++)
        if (tolower((unsigned char)a[a_at]) != tolower((unsigned char)b[b_at])) return 0;
    return 1;
}

/* ---- closing ---- */

static void forget(struct fp_ports *ports, struct fp_ports_connection *c) {
    close(c->fd); /* leaves the epoll set with its last descriptor */
    free(c->in);
    free(c->out);
    memset(c, 0, sizeof *c);
    c->fd = -1;
    c->user = -1;
    ports->stats.live--;
}

/* The user is free for another login from here on, whatever the socket still does. */
static void detach(struct fp_ports *ports, struct fp_ports_connection *c, int tell, uint64_t now_ns) {
    int user = c->user;
    if (user < 0) return;
    c->user = -1;
    ports->users[user].connection = -1;
    if (tell && ports->on_disconnect) ports->on_disconnect(ports->context, user, now_ns);
}

static void watch(struct fp_ports *ports, struct fp_ports_connection *c, int for_write) {
    struct epoll_event event = {.events = EPOLLIN | (for_write ? (uint32_t)EPOLLOUT : 0u),
                                .data.u64 = ports->epoll_tag + (uint64_t)(c - ports->connections)};
    if (c->wants_write == for_write) return;
    c->wants_write = (uint8_t)for_write;
    epoll_ctl(ports->epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* Nothing more is taken or sent; the peer gets what is under way, then the end. Closing at once
 * would reset the connection under the goodbye whenever unread bytes are waiting. */
static void shut(struct fp_ports *ports, struct fp_ports_connection *c, uint64_t now_ns) {
    if (c->closing == 2) return;
    c->closing = 2;
    c->closing_ns = now_ns + GOODBYE_NS;
    c->out_used = 0;
    shutdown(c->fd, SHUT_WR);
    watch(ports, c, 0);
}

static void cut(struct fp_ports *ports, struct fp_ports_connection *c, uint64_t now_ns) {
    ports->stats.cuts++;
    detach(ports, c, 1, now_ns);
    shut(ports, c, now_ns);
}

/* Send what is staged. Returns 0 when the connection is (being) shut. */
static int push(struct fp_ports *ports, struct fp_ports_connection *c, uint64_t now_ns) {
    while (c->out_used && c->closing != 2) {
        size_t most = c->cut_out < c->out_used ? (size_t)c->cut_out : c->out_used;
        if (most == 0) {
            cut(ports, c, now_ns);
            return 0;
        }
        ssize_t sent = send(c->fd, c->out, most, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                if (!c->blocked_ns) c->blocked_ns = now_ns;
                watch(ports, c, 1);
                return 1;
            }
            ports->stats.disconnects++;
            detach(ports, c, 1, now_ns);
            forget(ports, c);
            return 0;
        }
        ports->stats.bytes_out += (uint64_t)sent;
        c->blocked_ns = 0;
        if (c->cut_out != FP_PORTS_NO_CUT) c->cut_out -= (uint64_t)sent;
        c->out_used -= (uint32_t)sent;
        memmove(c->out, c->out + sent, c->out_used);
    }
    if (c->closing == 1 && !c->out_used) {
        shut(ports, c, now_ns);
        return 0;
    }
    if (c->closing != 2) watch(ports, c, 0);
    return c->closing != 2;
}

static void stage(struct fp_ports *ports, struct fp_ports_connection *c, int length) {
    if (length <= 0) return;
    c->out_used += (uint32_t)length;
    ports->stats.packets_out++;
}

/* Close after what is staged, with a word why when there is one. */
static void end_connection(struct fp_ports *ports, struct fp_ports_connection *c, const char *why, int tell,
                           uint64_t now_ns) {
    if (c->closing) return;
    if (why)
        stage(ports, c,
              fp_soup_put('+', (const uint8_t *)why, strlen(why), c->out + c->out_used,
                          ports->config.out_bytes - c->out_used));
    detach(ports, c, tell, now_ns);
    c->closing = 1;
    c->closing_ns = now_ns + GOODBYE_NS;
    push(ports, c, now_ns);
}

/* ---- streams ---- */

void fp_ports_append(struct fp_ports *ports, int user, const uint8_t *message, size_t length) {
    if (fp_store_append(&ports->users[user].out, message, length) < 0) ports->stats.lost_messages++;
}

static void pump(struct fp_ports *ports, struct fp_ports_connection *c, uint64_t now_ns) {
    struct fp_ports_user *user = &ports->users[c->user];
    const uint8_t *message;
    while (c->soup.next_sequence < user->out.next_sequence) {
        int length = fp_store_get(&user->out, c->soup.next_sequence, &message);
        if (length < 0) { /* the store let go of it while the reader slept */
            ports->stats.slow_consumers++;
            end_connection(ports, c, "messages no longer kept", 1, now_ns);
            return;
        }
        int staged = fp_soup_server_send(&c->soup, now_ns, message, (size_t)length, c->out + c->out_used,
                                         ports->config.out_bytes - c->out_used);
        if (staged < 0) { /* full: the place in the stream waits */
            if (!c->out_used || c->blocked_ns) return;
            if (!push(ports, c, now_ns)) return;
            continue;
        }
        ports->stats.sequenced_out++;
        stage(ports, c, staged);
    }
    if (ports->ended && !c->ended) {
        int staged = fp_soup_server_end(&c->soup, c->out + c->out_used, ports->config.out_bytes - c->out_used);
        if (staged > 0) {
            stage(ports, c, staged);
            c->ended = 1;
            end_connection(ports, c, NULL, 0, now_ns);
            return;
        }
    }
    if (c->out_used && !c->blocked_ns) push(ports, c, now_ns);
}

void fp_ports_flush(struct fp_ports *ports, uint64_t now_ns) {
    for (int i = 0; i < ports->user_count; i++) {
        int at = ports->users[i].connection;
        if (at < 0) continue;
        struct fp_ports_connection *c = &ports->connections[at];
        if (c->soup.next_sequence < ports->users[i].out.next_sequence || (ports->ended && !c->ended))
            pump(ports, c, now_ns);
    }
}

/* ---- logins ---- */

static void refuse(struct fp_ports *ports, struct fp_ports_connection *c, char reason, const char *why,
                   uint64_t *counter, uint64_t now_ns) {
    ++*counter;
    if (why)
        stage(ports, c,
              fp_soup_put('+', (const uint8_t *)why, strlen(why), c->out + c->out_used,
                          ports->config.out_bytes - c->out_used));
    stage(ports, c,
          fp_soup_server_reject(&c->soup, reason, c->out + c->out_used, ports->config.out_bytes - c->out_used));
    end_connection(ports, c, NULL, 0, now_ns);
}

static void login(struct fp_ports *ports, struct fp_ports_connection *c, const struct fp_soup_event *event,
                  uint64_t now_ns) {
    struct fp_soup_login asked;
    struct fp_ports_stats *stats = &ports->stats;
    int at = -1;
    if (fp_soup_parse_login(event->payload, event->length, &asked) < 0) {
        refuse(ports, c, 'A', NULL, &stats->login_malformed, now_ns);
        return;
    }
    for (int i = 0; i < ports->user_count && at < 0; i++)
        if (same_text(asked.username, ports->users[i].username, 6)) at = i;
    /* the same answer whichever of the two is wrong */
    if (at < 0 || !same_text(asked.password, ports->users[at].password, 10)) {
        refuse(ports, c, 'A', NULL, at < 0 ? &stats->login_wrong_user : &stats->login_wrong_password, now_ns);
        return;
    }
    struct fp_ports_user *user = &ports->users[at];
    if (ports->ended) refuse(ports, c, 'S', "session has ended", &stats->login_after_end, now_ns);
    else if (!same_text(asked.session, "          ", 10) && !same_text(asked.session, ports->config.session, 10))
        refuse(ports, c, 'S', NULL, &stats->login_wrong_session, now_ns);
    else if (user->connection >= 0 && !ports->config.kick_on_duplicate)
        refuse(ports, c, 'S', "user is logged in", &stats->login_duplicate, now_ns);
    else if (asked.sequence > user->out.next_sequence)
        refuse(ports, c, 'S', "sequence is ahead of the session", &stats->login_sequence_ahead, now_ns);
    else if (asked.sequence && asked.sequence < user->out.first_sequence)
        refuse(ports, c, 'S', "sequence is no longer kept", &stats->login_sequence_gone, now_ns);
    else {
        if (user->connection >= 0) {
            stats->kicked++;
            end_connection(ports, &ports->connections[user->connection], "another login took over", 1, now_ns);
        }
        /* 0 asks for the most recent message, which the session's first login cannot have */
        uint64_t sequence = asked.sequence                ? asked.sequence
                            : user->out.next_sequence > 1 ? user->out.next_sequence - 1
                                                          : 1;
        c->user = at;
        user->connection = (int)(c - ports->connections);
        if (c->cut_in == FP_PORTS_NO_CUT) c->cut_in = user->cut_in;
        if (c->cut_out == FP_PORTS_NO_CUT) c->cut_out = user->cut_out;
        user->cut_in = user->cut_out = FP_PORTS_NO_CUT;
        stats->logins++;
        stage(ports, c,
              fp_soup_server_accept(&c->soup, now_ns, ports->config.session, sequence, c->out + c->out_used,
                                    ports->config.out_bytes - c->out_used));
        pump(ports, c, now_ns);
    }
}

void fp_ports_accept(struct fp_ports *ports, uint64_t now_ns) {
    for (;;) {
        int fd = accept4(ports->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
        if (fd < 0) return;
        struct fp_ports_connection *c = NULL;
        for (int i = 0; i < FP_PORTS_MAX_CONNECTIONS && !c; i++)
            if (ports->connections[i].fd < 0) c = &ports->connections[i];
        if (c) {
            memset(c, 0, sizeof *c);
            c->in = malloc(FP_PORTS_IN_BYTES);
            c->out = malloc(ports->config.out_bytes);
        }
        if (!c || !c->in || !c->out) {
            if (c) {
                free(c->in);
                free(c->out);
                c->fd = -1;
            }
            ports->stats.connections_refused++;
            close(fd);
            continue;
        }
        c->fd = fd;
        c->user = -1;
        c->cut_in = ports->cut_in;
        c->cut_out = ports->cut_out;
        ports->cut_in = ports->cut_out = FP_PORTS_NO_CUT;
        int kernel_bytes = (int)ports->config.out_bytes;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kernel_bytes,
                   sizeof kernel_bytes); /* else the kernel would let a slow reader have megabytes */
        fp_soup_server_init(&c->soup, now_ns);
        c->soup.login_timeout_ns = ports->config.login_timeout_ns;
        c->soup.idle_timeout_ns = ports->config.idle_timeout_ns;
        struct epoll_event event = {.events = EPOLLIN,
                                    .data.u64 = ports->epoll_tag + (uint64_t)(c - ports->connections)};
        epoll_ctl(ports->epoll, EPOLL_CTL_ADD, fd, &event);
        ports->stats.connections++;
        ports->stats.live++;
        if (c->cut_in == 0 || c->cut_out == 0) cut(ports, c, now_ns);
    }
}

/* ---- bytes in ---- */

/* Returns 0 when the message must wait for the owner. */
static int message(struct fp_ports *ports, struct fp_ports_connection *c, const uint8_t *bytes, size_t length,
                   uint64_t now_ns) {
    if (length > FP_OUCH_MAX_LEN) {
        ports->stats.ouch_oversized++;
        return 1;
    }
    if (!ports->on_message(ports->context, c->user, bytes, length, now_ns)) return 0;
    if (length && fp_store_append(&ports->users[c->user].in, bytes, length) < 0) ports->stats.lost_messages++;
    return 1;
}

static void bad_packet(struct fp_ports *ports, struct fp_ports_connection *c, int error, const uint8_t *bytes,
                       size_t length, uint64_t now_ns) {
    const char *why = "bad packet";
    uint16_t told = length >= 2 ? fp_load_be16(bytes) : 1;
    if (told == 0) {
        ports->stats.zero_length++;
        why = "zero-length packet";
    } else if (error == FP_E_BAD_LENGTH && told > FP_SOUP_MAX_PAYLOAD + 1) {
        ports->stats.oversized++;
        why = "oversized packet";
    } else if (error == FP_E_BAD_STATE) {
        ports->stats.out_of_order++;
        why = "packet not allowed now";
    } else if (length >= 3 && bytes[2] == 'L') {
        ports->stats.login_malformed++;
        why = "malformed login";
    } else {
        ports->stats.wrong_length++;
    }
    end_connection(ports, c, why, 1, now_ns);
}

static void take_packets(struct fp_ports *ports, struct fp_ports_connection *c, uint64_t now_ns) {
    uint32_t at = 0;
    while (!c->closing && c->fd >= 0) {
        struct fp_soup_event event;
        /* answers to what came before go out before a logout or a bad packet ends the connection */
        if (c->user >= 0 && c->in_used - at >= 3 && c->in[at + 2] != 'U') pump(ports, c, now_ns);
        if (c->fd < 0 || c->closing) break;
        struct fp_soup_server before = c->soup;
        int used = fp_soup_server_receive(&c->soup, now_ns, c->in + at, c->in_used - at, &event);
        if (used == 0) break;
        if (used < 0) {
            bad_packet(ports, c, used, c->in + at, c->in_used - at, now_ns);
            break;
        }
        if (event.kind == FP_SOUP_EV_UNSEQUENCED && !message(ports, c, event.payload, event.length, now_ns)) {
            c->soup = before; /* not taken: the packet stays, and comes again */
            ports->stalled = 1;
            ports->stats.queue_full_waits++;
            break;
        }
        at += (uint32_t)used;
        ports->stats.packets_in++;
        ports->stats.unknown_type += c->soup.unknown_type - before.unknown_type;
        ports->stats.heartbeats_in += c->soup.heartbeats_in - before.heartbeats_in;
        if (event.kind == FP_SOUP_EV_UNSEQUENCED) ports->stats.unsequenced_in++;
        if (event.kind == FP_SOUP_EV_LOGIN_REQUEST) login(ports, c, &event, now_ns);
        if (event.kind == FP_SOUP_EV_LOGOUT) {
            ports->stats.logouts++;
            end_connection(ports, c, NULL, 0, now_ns);
        }
    }
    if (c->fd < 0) return;
    if (c->closing) c->in_used = 0; /* nothing more is taken */
    else if (at) memmove(c->in, c->in + at, c->in_used -= at);
}

void fp_ports_readable(struct fp_ports *ports, int connection, uint64_t now_ns) {
    struct fp_ports_connection *c = &ports->connections[connection];
    if (c->fd < 0) return;
    size_t room = FP_PORTS_IN_BYTES - c->in_used;
    if (c->cut_in < room) room = (size_t)c->cut_in;
    if (c->closing) { /* read and forget, until the peer closes */
        c->in_used = 0;
        room = FP_PORTS_IN_BYTES;
    } else if (room == 0) {
        return; /* full of packets that wait for the owner; fp_ports_resume goes on */
    }
    ssize_t got = recv(c->fd, c->in + c->in_used, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
    if (got <= 0) {
        if (!c->closing) {
            ports->stats.disconnects++;
            if (c->in_used) ports->stats.truncated++;
        }
        detach(ports, c, 1, now_ns);
        forget(ports, c);
        return;
    }
    if (c->closing) return;
    ports->stats.bytes_in += (uint64_t)got;
    c->in_used += (uint32_t)got;
    if (c->cut_in != FP_PORTS_NO_CUT) c->cut_in -= (uint64_t)got;
    take_packets(ports, c, now_ns);
    if (c->fd >= 0 && c->cut_in == 0 && !c->closing) cut(ports, c, now_ns);
}

void fp_ports_writable(struct fp_ports *ports, int connection, uint64_t now_ns) {
    struct fp_ports_connection *c = &ports->connections[connection];
    if (c->fd < 0) return;
    c->blocked_ns = 0;
    if (push(ports, c, now_ns) && c->user >= 0) pump(ports, c, now_ns);
}

void fp_ports_resume(struct fp_ports *ports, uint64_t now_ns) {
    if (!ports->stalled) return;
    ports->stalled = 0;
    for (int i = 0; i < FP_PORTS_MAX_CONNECTIONS; i++)
        if (ports->connections[i].fd >= 0 && ports->connections[i].in_used && !ports->connections[i].closing)
            take_packets(ports, &ports->connections[i], now_ns);
}

/* ---- time ---- */

uint64_t fp_ports_timer(struct fp_ports *ports, uint64_t now_ns) {
    int some = 0;
    for (int i = 0; i < FP_PORTS_MAX_CONNECTIONS; i++) {
        struct fp_ports_connection *c = &ports->connections[i];
        if (c->fd < 0) continue;
        some = 1;
        if (c->closing) {
            if (now_ns >= c->closing_ns) forget(ports, c);
            continue;
        }
        if (c->blocked_ns && now_ns - c->blocked_ns >= ports->config.slow_consumer_ns) {
            ports->stats.slow_consumers++;
            detach(ports, c, 1, now_ns);
            forget(ports, c);
            continue;
        }
        int was_live = c->soup.state == FP_SOUP_LIVE;
        int staged = fp_soup_server_timer(&c->soup, now_ns, c->out + c->out_used,
                                          ports->config.out_bytes - c->out_used);
        if (staged > 0) {
            ports->stats.heartbeats_out++;
            stage(ports, c, staged);
            push(ports, c, now_ns);
        } else if (staged == FP_E_CLOSED) {
            if (was_live) ports->stats.idle_timeouts++;
            else ports->stats.login_timeouts++;
            end_connection(ports, c, was_live ? "no heartbeat" : "no login", 1, now_ns);
        }
    }
    return some ? now_ns + TICK_NS : UINT64_MAX;
}

void fp_ports_end(struct fp_ports *ports, uint64_t now_ns) {
    ports->ended = 1;
    fp_ports_flush(ports, now_ns);
    for (int i = 0; i < FP_PORTS_MAX_CONNECTIONS; i++)
        if (ports->connections[i].fd >= 0 && ports->connections[i].user < 0 && !ports->connections[i].closing)
            end_connection(ports, &ports->connections[i], NULL, 0, now_ns);
}

void fp_ports_cut(struct fp_ports *ports, int user, uint64_t in_bytes, uint64_t out_bytes) {
    if (user < 0) {
        ports->cut_in = in_bytes;
        ports->cut_out = out_bytes;
    } else if (ports->users[user].connection >= 0) {
        ports->connections[ports->users[user].connection].cut_in = in_bytes;
        ports->connections[ports->users[user].connection].cut_out = out_bytes;
    } else {
        ports->users[user].cut_in = in_bytes;
        ports->users[user].cut_out = out_bytes;
    }
}

int fp_ports_drop(struct fp_ports *ports, int user, uint64_t now_ns) {
    if (user < 0 || user >= ports->user_count || ports->users[user].connection < 0) return FP_E_NOT_FOUND;
    cut(ports, &ports->connections[ports->users[user].connection], now_ns);
    return 0;
}

void fp_ports_stop(struct fp_ports *ports) {
    for (int i = 0; i < FP_PORTS_MAX_CONNECTIONS; i++) {
        struct fp_ports_connection *c = &ports->connections[i];
        if (c->fd < 0) continue;
        if (c->user >= 0) ports->users[c->user].connection = -1;
        forget(ports, c);
    }
    if (ports->listener >= 0) close(ports->listener);
    ports->listener = -1;
}

void fp_ports_close(struct fp_ports *ports) {
    fp_ports_stop(ports);
    for (int i = 0; i < ports->user_count; i++) {
        fp_store_close(&ports->users[i].out);
        fp_store_close(&ports->users[i].in);
    }
}
