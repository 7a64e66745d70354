/* See server.h. One lock; the thread holds it while it works and lets go while it waits. */
#include "venue.h"
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    BURST = 256,             /* flow or replay messages between two looks at the sockets */
    TAG_WAKE = 1,
    TAG_TIMER = 2,
    TAG_REREQUEST = 3,
    TAG_LISTENER = 4,
    TAG_CONNECTION = 5
};
#define SECOND_NS 1000000000ull
#define FLOW_TICK_NS 1000000ull   /* the flow wakes up at most so often; what is due by then goes into one packet */
#define LEDGER_FLUSH_NS 100000000ull
#define OWN_NUMBERS (1ull << 40)  /* ours during a replay; recorded ones are smaller */

static uint64_t clock_ns(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

uint64_t fp_venue_now(void) { return clock_ns(CLOCK_MONOTONIC); }

/* Nanoseconds since New York midnight. */
static uint64_t venue_time(struct fp_exchange *x) {
    uint64_t utc = clock_ns(CLOCK_REALTIME), t = utc > x->config.midnight_ns ? utc - x->config.midnight_ns : 0;
    if (t > x->venue_ns) x->venue_ns = t;
    return x->venue_ns;
}

/* ---- matching: records in, messages out ---- */

static void on_feed(void *context, const uint8_t *itch, size_t length) {
    struct fp_exchange *x = context;
    fp_feed_append(&x->feed, itch, length);
    if (x->ledger.fd >= 0) fp_ledger_output(&x->ledger, 'F', 0, x->venue_ns, itch, length);
}

static void on_order(void *context, uint16_t account, const uint8_t *ouch, size_t length) {
    struct fp_exchange *x = context;
    fp_ports_append(&x->ports, account, ouch, length);
    if (x->ledger.fd >= 0) fp_ledger_output(&x->ledger, 'O', account, x->venue_ns, ouch, length);
}

static void on_input(void *context, const struct fp_match_input *input) {
    fp_ledger_input(&((struct fp_exchange *)context)->ledger, input);
}

int fp_venue_apply(struct fp_exchange *x, struct fp_match_input *input) {
    input->time_ns = venue_time(x);
    x->stats.steps++;
    return fp_match_apply(x->match, input);
}

/* Send what the steps since the last flush have caused: answers first, then the feed. */
void fp_venue_flush(struct fp_exchange *x, uint64_t now_ns) {
    fp_ports_flush(&x->ports, now_ns);
    fp_feed_flush(&x->feed, now_ns);
}

/* ---- orders and their latency ---- */

static void apply_order(struct fp_exchange *x, uint8_t kind, uint16_t account, const uint8_t *bytes, size_t length) {
    struct fp_match_input in = {.kind = kind, .account = account, .bytes = bytes, .length = (uint32_t)length};
    fp_venue_apply(x, &in);
}

static int enqueue(struct fp_exchange *x, uint8_t kind, uint16_t account, const uint8_t *bytes, size_t length,
                   uint64_t now_ns) {
    if (x->ended) { /* nobody is there to hear it */
        x->stats.orders_after_end += kind == FP_MATCH_OUCH;
        return 1;
    }
    if (!x->config.order_latency_us && !x->delayed_count) {
        apply_order(x, kind, account, bytes, length);
        return 1;
    }
    if (x->delayed_count == FP_VENUE_DELAYED) {
        if (kind == FP_MATCH_OUCH) return 0;
        apply_order(x, kind, account, bytes, length); /* a disconnect cannot wait for room */
        return 1;
    }
    struct fp_venue_delayed *d = &x->delayed[(x->delayed_head + x->delayed_count) % FP_VENUE_DELAYED];
    d->due_ns = now_ns + (uint64_t)x->config.order_latency_us * 1000;
    if (x->delayed_count) { /* orders never overtake each other, also when the latency is lowered */
        uint64_t before = x->delayed[(x->delayed_head + x->delayed_count - 1) % FP_VENUE_DELAYED].due_ns;
        if (d->due_ns < before) d->due_ns = before;
    }
    d->kind = kind;
    d->account = account;
    d->length = (uint16_t)length;
    if (length) memcpy(d->bytes, bytes, length);
    if (++x->delayed_count > x->stats.delayed_peak) x->stats.delayed_peak = x->delayed_count;
    return 1;
}

static int on_message(void *context, int user, const uint8_t *ouch, size_t length, uint64_t now_ns) {
    return enqueue(context, FP_MATCH_OUCH, (uint16_t)user, ouch, length, now_ns);
}

static void on_disconnect(void *context, int user, uint64_t now_ns) {
    struct fp_exchange *x = context;
    if (x->cancel_on_disconnect[user]) enqueue(x, FP_MATCH_DISCONNECT, (uint16_t)user, NULL, 0, now_ns);
}

int fp_venue_apply_delayed(struct fp_exchange *x, uint64_t until_ns) {
    int some = 0;
    while (x->delayed_count && x->delayed[x->delayed_head].due_ns <= until_ns) {
        struct fp_venue_delayed *d = &x->delayed[x->delayed_head];
        apply_order(x, d->kind, d->account, d->bytes, d->length);
        x->delayed_head = (x->delayed_head + 1) % FP_VENUE_DELAYED;
        x->delayed_count--;
        some = 1;
    }
    return some;
}

static uint64_t run_delayed(struct fp_exchange *x, uint64_t now_ns) {
    int some = fp_venue_apply_delayed(x, now_ns);
    if (some) {
        x->active_ns = now_ns;
        fp_ports_resume(&x->ports, now_ns);
        fp_venue_flush(x, now_ns);
    }
    return x->delayed_count ? x->delayed[x->delayed_head].due_ns : UINT64_MAX;
}

/* ---- the background ---- */

/* Messages the rate allows by now. */
static uint64_t allowance(const struct fp_exchange *x, uint64_t now_ns) {
    uint64_t passed = now_ns - x->pace_ns;
    return passed / SECOND_NS * x->config.messages_per_s + passed % SECOND_NS * x->config.messages_per_s / SECOND_NS;
}

static uint64_t feed_messages(const struct fp_exchange *x) { return x->feed.store.next_sequence; }

static uint64_t run_flow(struct fp_exchange *x, uint64_t now_ns) {
    if (!x->flow || x->ended || !x->config.messages_per_s) return UINT64_MAX;
    uint64_t allowed = allowance(x, now_ns);
    int steps = 0;
    while (x->pace_messages < allowed && steps++ < BURST) {
        uint64_t before = feed_messages(x);
        x->stats.flow_records += (uint64_t)fp_flow_step(x->flow, x->match, venue_time(x));
        x->stats.steps++;
        x->pace_messages += feed_messages(x) - before;
    }
    if (steps) fp_venue_flush(x, now_ns);
    if (x->pace_messages + 4 * BURST < allowed ||
        allowed > 1u << 30) { /* too far behind (a halted market, a loaded machine): do not catch up in a storm */
        x->pace_ns = now_ns;
        x->pace_messages = 0;
    }
    uint64_t next = x->pace_ns + (x->pace_messages + 1) * SECOND_NS / x->config.messages_per_s;
    return next > now_ns + FLOW_TICK_NS ? next : now_ns + FLOW_TICK_NS;
}

static uint64_t message_time(const uint8_t *itch) { return fp_load_be48(itch + 5); }

static uint64_t run_replay(struct fp_exchange *x, uint64_t now_ns) {
    if (!x->tape.form || x->ended || x->stats.replay_done) return UINT64_MAX;
    uint64_t allowed = !x->config.replay_speed_e3 && x->config.messages_per_s ? allowance(x, now_ns) : UINT64_MAX,
             due = now_ns;
    int steps = 0;
    while (x->next_length > 0) {
        if (steps == BURST || x->pace_messages >= allowed) break;
        if (x->config.replay_speed_e3) {
            uint64_t t = message_time(x->next_message), after = t > x->tape_first_ns ? t - x->tape_first_ns : 0;
            due = x->pace_ns + after / x->config.replay_speed_e3 * 1000 +
                  after % x->config.replay_speed_e3 * 1000 / x->config.replay_speed_e3;
            if (due > now_ns) break;
        }
        struct fp_match_input in = {
            .kind = FP_MATCH_ITCH, .bytes = x->next_message, .length = (uint32_t)x->next_length};
        fp_venue_apply(x, &in);
        x->pace_messages++;
        steps++;
        x->next_length = fp_tape_next(&x->tape, &x->next_message);
    }
    if (steps) fp_venue_flush(x, now_ns);
    if (x->next_length <= 0) {
        x->stats.replay_done = 1;
        return UINT64_MAX;
    }
    if (due > now_ns) return due;
    return allowed == UINT64_MAX ? now_ns : now_ns + FLOW_TICK_NS;
}

/* ---- the loop ---- */

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t run_due(struct fp_exchange *x, uint64_t now_ns) {
    uint64_t next = run_delayed(x, now_ns);
    next = earlier(next, run_flow(x, now_ns));
    next = earlier(next, run_replay(x, now_ns));
    next = earlier(next, fp_feed_timer(&x->feed, now_ns));
    next = earlier(next, fp_ports_timer(&x->ports, now_ns));
    if (x->ledger.fd >= 0 && x->ledger.used) {
        if (now_ns >= x->ledger_ns + LEDGER_FLUSH_NS) {
            fp_ledger_flush(&x->ledger);
            x->ledger_ns = now_ns;
        } else {
            next = earlier(next, x->ledger_ns + LEDGER_FLUSH_NS);
        }
    }
    /* timers above may have cancelled orders of lost connections */
    fp_venue_flush(x, now_ns);
    return next;
}

static void set_timer(struct fp_exchange *x, uint64_t due_ns) {
    if (due_ns == x->timer_ns) return;
    x->timer_ns = due_ns;
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(due_ns / SECOND_NS), .tv_nsec = (long)(due_ns % SECOND_NS)}};
    if (due_ns == UINT64_MAX) memset(&when, 0, sizeof when);
    timerfd_settime(x->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void answer_rerequests(struct fp_exchange *x, uint64_t now_ns) {
    for (int i = 0; i < BURST; i++) {
        uint8_t bytes[FP_LINE_PACKET + 1], answer[FP_LINE_PACKET];
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        ssize_t got = recvfrom(x->rerequest, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
        if (got < 0) return;
        int size = fp_feed_request(&x->feed, bytes, (size_t)got, now_ns, answer);
        if (size > 0) sendto(x->rerequest, answer, (size_t)size, MSG_DONTWAIT, (struct sockaddr *)&from, length);
    }
}

static void handle(struct fp_exchange *x, const struct epoll_event *event, uint64_t now_ns) {
    uint64_t unused;
    switch (event->data.u64) {
    case TAG_WAKE:
        while (read(x->wake, &unused, sizeof unused) > 0) continue;
        break;
    case TAG_TIMER:
        while (read(x->timer, &unused, sizeof unused) > 0) continue;
        x->timer_ns = 0;
        break;
    case TAG_REREQUEST: answer_rerequests(x, now_ns); break;
    case TAG_LISTENER: fp_ports_accept(&x->ports, now_ns); break;
    default: {
        int connection = (int)(event->data.u64 - TAG_CONNECTION);
        x->active_ns = now_ns;
        if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) fp_ports_readable(&x->ports, connection, now_ns);
        if (event->events & EPOLLOUT) fp_ports_writable(&x->ports, connection, now_ns);
    }
    }
}

static void *run(void *argument) {
    struct fp_exchange *x = argument;
    struct epoll_event events[64];
    pthread_mutex_lock(&x->lock);
    while (!atomic_load(&x->stopping)) {
        uint64_t now_ns = fp_venue_now(), next = run_due(x, now_ns);
        int spin = x->config.spin_us && now_ns - x->active_ns < (uint64_t)x->config.spin_us * 1000;
        int at_once = spin || next <= now_ns;
        if (!at_once) set_timer(x, next);
        pthread_mutex_unlock(&x->lock);
        /* a polling loop would take the lock again before a caller wakes up */
        while (at_once && atomic_load(&x->waiting)) sched_yield();
        int count = epoll_wait(x->epoll, events, 64, at_once ? 0 : -1);
        pthread_mutex_lock(&x->lock);
        x->stats.wakeups += !at_once;
        now_ns = fp_venue_now();
        for (int i = 0; i < count; i++) handle(x, &events[i], now_ns);
        if (count > 0) fp_venue_flush(x, now_ns);
    }
    fp_ledger_flush(&x->ledger);
    pthread_mutex_unlock(&x->lock);
    return NULL;
}

/* ---- opening and closing ---- */

static int fail(char *text, int error, const char *format, ...) {
    int code = errno;
    va_list args;
    va_start(args, format);
    int used = vsnprintf(text, 256, format, args);
    va_end(args);
    if (error == FP_E_SYSTEM && used > 0 && used < 250)
        snprintf(text + used, (size_t)(256 - used), ": %s", strerror(code));
    return error;
}

/* A UDP port that is free right now; somebody else may still take it before we are heard. */
static uint16_t free_udp_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    uint16_t port = 0;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        port = ntohs(address.sin_port);
    close(fd);
    return port;
}

static int open_rerequest(struct fp_exchange *x) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(x->config.rerequest_port)};
    socklen_t length = sizeof address;
    int buffer = 1 << 20;
    if (inet_pton(AF_INET, x->config.rerequest_host, &address.sin_addr) != 1) return FP_E_BAD_CONFIG;
    x->rerequest = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (x->rerequest < 0 || bind(x->rerequest, (struct sockaddr *)&address, sizeof address) < 0 ||
        getsockname(x->rerequest, (struct sockaddr *)&address, &length) < 0)
        return FP_E_SYSTEM;
    setsockopt(x->rerequest, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    x->rerequest_port = ntohs(address.sin_port);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = TAG_REREQUEST};
    return epoll_ctl(x->epoll, EPOLL_CTL_ADD, x->rerequest, &event) < 0 ? FP_E_SYSTEM : 0;
}

static int open_books(struct fp_exchange *x, char *text) {
    const struct fp_exchange_config *c = &x->config;
    struct fp_match_account accounts[FP_PORTS_MAX_USERS];
    memset(accounts, 0, sizeof accounts);
    for (int i = 0; i < c->user_count; i++) {
        memcpy(accounts[i].firm, c->users[i].firm, 4);
        accounts[i].self_match = c->users[i].self_match;
        x->cancel_on_disconnect[i] = c->users[i].cancel_on_disconnect;
    }
    int replay = c->replay_path[0] != 0;
    struct fp_match_config books = {.symbols = c->symbols,
                                    .accounts = accounts,
                                    .max_orders = c->max_orders,
                                    .max_levels = c->max_levels,
                                    .max_symbols = c->max_symbols,
                                    .symbol_count = replay ? 0 : c->symbol_count,
                                    .account_count = c->user_count,
                                    .first_ref = replay ? OWN_NUMBERS : 1,
                                    .first_match = replay ? OWN_NUMBERS : 1};
    struct fp_match_sink sink = {x, on_feed, on_order, c->ledger_path[0] ? on_input : NULL};
    size_t size = fp_match_size(&books);
    if (!size)
        return fail(text, FP_E_BAD_CONFIG,
                    "max_orders, max_levels, max_symbols or the number of symbols or users is out of range");
    x->match = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (!x->match) return fail(text, FP_E_NO_MEMORY, "no memory for %zu bytes of books", size);
    memset(x->match, 0, size);
    if (fp_match_init(x->match, &books, &sink) < 0)
        return fail(text, FP_E_BAD_CONFIG, "a symbol or locate twice, or a bad self_match letter");
    if (replay) {
        int form = fp_tape_open(&x->tape, c->replay_path);
        if (form < 0)
            return fail(text, form,
                        form == FP_E_SYSTEM ? "replay file %.200s" : "replay file %.200s: in no known form of ITCH 5.0",
                        c->replay_path);
        x->stats.replay_form = (uint64_t)form;
    } else if (c->flow_on) {
        size = fp_flow_size(&c->flow, c->symbols, c->symbol_count);
        x->flow = size ? calloc(1, size) : NULL;
        if (!x->flow || fp_flow_init(x->flow, &c->flow, c->symbols, c->symbol_count) < 0)
            return fail(text, FP_E_BAD_CONFIG,
                        "background flow: 8..4096 orders a symbol, drift 0..5000, start prices 0.05..100,000 dollars");
    }
    return 0;
}

static int open_network(struct fp_exchange *x, char *text) {
    const struct fp_exchange_config *c = &x->config;
    uint64_t now_ns = fp_venue_now();
    x->epoll = epoll_create1(EPOLL_CLOEXEC);
    x->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    x->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event wake = {.events = EPOLLIN, .data.u64 = TAG_WAKE},
                       timer = {.events = EPOLLIN, .data.u64 = TAG_TIMER};
    if (x->epoll < 0 || x->wake < 0 || x->timer < 0 || epoll_ctl(x->epoll, EPOLL_CTL_ADD, x->wake, &wake) < 0 ||
        epoll_ctl(x->epoll, EPOLL_CTL_ADD, x->timer, &timer) < 0)
        return fail(text, FP_E_SYSTEM, "event loop");
    if (fp_feed_open(&x->feed, c->session, c->feed_store_bytes, c->feed_heartbeat_ms, c->rerequests_per_s, now_ns) < 0)
        return fail(text, FP_E_NO_MEMORY, "no memory for the feed");
    for (int i = 0; i < 2; i++) {
        x->feed_port[i] = c->feed_port[i] ? c->feed_port[i] : c->feed_group[i][0] ? free_udp_port() : 0;
        int error = fp_line_open(&x->feed.lines[i], c->feed_group[i], x->feed_port[i], c->feed_interface);
        if (error < 0)
            return fail(text, error, "feed line %c to %.40s port %u by interface %.40s", 'A' + i, c->feed_group[i],
                        x->feed_port[i], c->feed_interface);
    }
    int error = open_rerequest(x);
    if (error < 0) return fail(text, error, "re-request server on %.40s port %u", c->rerequest_host, c->rerequest_port);
    struct fp_ports_config ports = {.login_timeout_ns = (uint64_t)c->login_timeout_ms * 1000000,
                                    .idle_timeout_ns = (uint64_t)c->idle_timeout_ms * 1000000,
                                    .slow_consumer_ns = (uint64_t)c->slow_consumer_ms * 1000000,
                                    .store_limit_bytes = c->user_store_bytes,
                                    .out_bytes = c->out_buffer_bytes,
                                    .kick_on_duplicate = c->kick_on_duplicate};
    memcpy(ports.session, c->session, 10);
    x->order_port = c->order_port;
    error = fp_ports_open(&x->ports, &ports, c->order_host, &x->order_port, x->epoll, TAG_CONNECTION);
    if (error < 0) return fail(text, error, "order ports on %.40s port %u", c->order_host, c->order_port);
    x->ports.context = x;
    x->ports.on_message = on_message;
    x->ports.on_disconnect = on_disconnect;
    for (int i = 0; i < c->user_count; i++) {
        error = fp_ports_add_user(&x->ports, c->users[i].username, c->users[i].password);
        if (error < 0) return fail(text, error, "user %d: names have 1..6 characters, passwords 1..10", i);
    }
    return 0;
}

int fp_exchange_open(const struct fp_exchange_config *config, struct fp_exchange **out, char *text) {
    *out = NULL;
    text[0] = 0;
    if (config->user_count > FP_PORTS_MAX_USERS || !config->feed_heartbeat_ms || !config->login_timeout_ms ||
        !config->idle_timeout_ms || !config->slow_consumer_ms || config->messages_per_s > 10000000 ||
        config->order_latency_us > 60000000)
        return fail(text, FP_E_BAD_CONFIG,
                    "too many users, a timeout or heartbeat of 0, more than 10,000,000 messages/s or more than a "
                    "minute of latency");
    struct fp_exchange *x = calloc(1, sizeof *x);
    if (!x) return fail(text, FP_E_NO_MEMORY, "no memory");
    x->config = *config;
    x->epoll = x->wake = x->timer = x->rerequest = x->ledger.fd = x->ports.listener = -1;
    x->feed.lines[0].fd = x->feed.lines[1].fd = -1;
    for (int i = 0; i < FP_PORTS_MAX_CONNECTIONS; i++) x->ports.connections[i].fd = -1;
    pthread_mutex_init(&x->lock, NULL);
    x->delayed = calloc(FP_VENUE_DELAYED, sizeof *x->delayed);
    int error = x->delayed ? open_books(x, text) : fail(text, FP_E_NO_MEMORY, "no memory for the order queue");
    if (error >= 0) error = open_network(x, text);
    if (error >= 0 && (error = fp_ledger_open(&x->ledger, config->ledger_path,
                                              config->ledger_header ? config->ledger_header : "", venue_time(x))) < 0)
        fail(text, error, "ledger %.200s", config->ledger_path);
    x->config.symbols = NULL; /* the caller's memory: not looked at again */
    x->config.users = NULL;
    x->config.ledger_header = NULL;
    if (error < 0) {
        fp_exchange_close(x);
        return error;
    }
    *out = x;
    return 0;
}

int fp_exchange_start(struct fp_exchange *x) {
    if (x->started) return FP_E_BAD_STATE;
    for (const char *code = "OSQ"; *code; code++) {
        struct fp_match_input in = {.kind = FP_MATCH_PHASE, .code = *code};
        fp_venue_apply(x, &in);
    }
    if (x->flow) x->stats.flow_records += (uint64_t)fp_flow_prime(x->flow, x->match, venue_time(x));
    x->pace_ns = fp_venue_now();
    if (x->tape.form) {
        x->next_length = fp_tape_next(&x->tape, &x->next_message);
        if (x->next_length > 0) x->tape_first_ns = message_time(x->next_message);
    }
    int error = pthread_create(&x->thread, NULL, run, x);
    if (error) {
        errno = error;
        return FP_E_SYSTEM;
    }
    x->started = 1;
    return 0;
}

void fp_exchange_stop(struct fp_exchange *x) {
    if (x->started != 1) return;
    atomic_store(&x->stopping, 1);
    uint64_t one = 1;
    if (write(x->wake, &one, sizeof one) < 0) sched_yield();
    pthread_join(x->thread, NULL);
    x->started = 2;
    fp_ports_stop(&x->ports);
    close(x->rerequest);
    x->rerequest = -1;
    fp_line_close(&x->feed.lines[0]);
    fp_line_close(&x->feed.lines[1]);
    fp_ledger_close(&x->ledger);
}

void fp_exchange_close(struct fp_exchange *x) {
    if (!x) return;
    fp_exchange_stop(x);
    fp_ledger_close(&x->ledger);
    fp_ports_close(&x->ports);
    fp_feed_close(&x->feed);
    fp_tape_close(&x->tape);
    if (x->rerequest >= 0) close(x->rerequest);
    if (x->timer >= 0) close(x->timer);
    if (x->wake >= 0) close(x->wake);
    if (x->epoll >= 0) close(x->epoll);
    free(x->match);
    free(x->flow);
    free(x->delayed);
    pthread_mutex_destroy(&x->lock);
    free(x);
}
