/* The order ports of a venue: SoupBinTCP connections of several users, each with its own
 * sequenced stream kept for the whole session, so that any of it can be sent again after
 * a new login. A slow reader costs one bounded buffer: its place in the stream waits.
 *
 * OUCH messages are handed to the owner by callback; what they mean is not known here. */
#ifndef FP_SIM_PORTS_H
#define FP_SIM_PORTS_H
#include "counters.h"
#include "fastpath/core/wire/soup.h"
#include "store.h"

enum { FP_PORTS_MAX_USERS = 64, FP_PORTS_MAX_CONNECTIONS = 128, FP_PORTS_IN_BYTES = 65536 };
#define FP_PORTS_NO_CUT UINT64_MAX

struct fp_ports_user {
    char username[6], password[10]; /* space padded */
    int connection;                 /* the live one, -1 = none */
    struct fp_store out, in;        /* sequenced stream; OUCH messages as they came */
    uint64_t cut_in, cut_out;       /* armed for the next login */
};

struct fp_ports_connection {
    int fd;                         /* -1: free slot */
    int user;                       /* -1 before the login */
    uint8_t closing;                /* flush, say goodbye, wait for the peer until closing_ns */
    uint8_t wants_write, ended;
    uint64_t closing_ns, blocked_ns;
    uint64_t cut_in, cut_out;       /* bytes left before the cut */
    struct fp_soup_server soup;
    uint8_t *in, *out;
    uint32_t in_used, out_used;
};

struct fp_ports_config {
    char session[10];
    uint64_t login_timeout_ns, idle_timeout_ns, slow_consumer_ns;
    uint64_t store_limit_bytes;     /* each user and direction */
    uint32_t out_bytes;             /* staging buffer of a connection */
    uint8_t kick_on_duplicate;      /* 1: a second login throws the first out; 0: it is rejected */
};

struct fp_ports {
    struct fp_ports_config config;
    struct fp_ports_stats stats;
    struct fp_ports_user users[FP_PORTS_MAX_USERS];
    struct fp_ports_connection connections[FP_PORTS_MAX_CONNECTIONS];
    int user_count, listener, epoll;
    uint64_t epoll_tag;             /* event data of connection i is epoll_tag + i; of the listener epoll_tag - 1 */
    uint8_t ended, stalled;         /* stalled: some connection has bytes that wait for the owner */
    uint64_t cut_in, cut_out;       /* armed for the next accepted connection */
    void *context;
    /* Returns 1 when taken, 0 to try again later. */
    int (*on_message)(void *context, int user, const uint8_t *ouch, size_t length, uint64_t now_ns);
    void (*on_disconnect)(void *context, int user, uint64_t now_ns); /* the live connection went without a logout */
};

/* Listen on host:port (0 = any; *port gets it). Returns 0, FP_E_BAD_CONFIG, FP_E_SYSTEM, FP_E_NO_MEMORY. */
int fp_ports_open(struct fp_ports *ports, const struct fp_ports_config *config, const char *host, uint16_t *port, int epoll, uint64_t epoll_tag);
/* Returns the user's index, or an error. Names and passwords compare without case and padding. */
int fp_ports_add_user(struct fp_ports *ports, const char *username, const char *password);
void fp_ports_accept(struct fp_ports *ports, uint64_t now_ns);
void fp_ports_readable(struct fp_ports *ports, int connection, uint64_t now_ns);
void fp_ports_writable(struct fp_ports *ports, int connection, uint64_t now_ns);
/* Take up again what on_message refused. */
void fp_ports_resume(struct fp_ports *ports, uint64_t now_ns);
/* One message of a user's sequenced stream. It is sent by the next flush, or after a login. */
void fp_ports_append(struct fp_ports *ports, int user, const uint8_t *message, size_t length);
void fp_ports_flush(struct fp_ports *ports, uint64_t now_ns);
/* Heartbeats and timeouts. Returns when to be called next, UINT64_MAX = no connections. */
uint64_t fp_ports_timer(struct fp_ports *ports, uint64_t now_ns);
/* End the session: everybody gets the rest of the stream and End of Session; no login any more. */
void fp_ports_end(struct fp_ports *ports, uint64_t now_ns);
/* Cut a connection after so many more bytes each way (FP_PORTS_NO_CUT = never): of a user (now, or its next login), or with user -1 the next one accepted. */
void fp_ports_cut(struct fp_ports *ports, int user, uint64_t in_bytes, uint64_t out_bytes);
/* Close a user's connection now. Returns 0, FP_E_NOT_FOUND. */
int fp_ports_drop(struct fp_ports *ports, int user, uint64_t now_ns);
/* Close every socket without a word; the streams stay readable. */
void fp_ports_stop(struct fp_ports *ports);
void fp_ports_close(struct fp_ports *ports);

#endif
