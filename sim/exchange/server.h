/* A venue on the network: one native thread that runs the matching core, the background
 * flow or a recorded day, the MoldUDP64 feed with its re-request server, and the
 * SoupBinTCP order ports. No Python runs in it; it sleeps when nothing is due.
 *
 * Other threads ask and command through these functions; each takes the venue's lock for
 * the time of the call, so what it sees is between two steps. Functions return 0 or a
 * count, or a negative fp_error. */
#ifndef FP_SIM_SERVER_H
#define FP_SIM_SERVER_H
#include "counters.h"
#include "flow.h"
#include "matching.h"

struct fp_exchange_user {
    char username[8], password[12]; /* zero terminated, at most 6 and 10 characters */
    char firm[4];                   /* space padded */
    char self_match;                /* N O W D, see matching.h */
    uint8_t cancel_on_disconnect;   /* 1: a lost connection cancels every live order (reason S); a logout does not */
};

struct fp_exchange_config {
    char session[10];               /* of the feed and the order ports, space padded */
    char feed_interface[48];        /* IPv4 address multicast leaves by */
    char feed_group[2][48];         /* group or host of lines A and B; "" = line off */
    uint16_t feed_port[2];          /* 0: a free one is looked for */
    char rerequest_host[48];
    char order_host[48];
    uint16_t rerequest_port, order_port; /* 0: any free one */
    uint64_t midnight_ns;           /* UTC ns of the New York midnight that messages count from */
    uint32_t order_latency_us;      /* between an order's last byte and its matching */
    uint32_t spin_us;               /* how long to poll after work before sleeping; 0 = sleep at once */
    uint32_t feed_heartbeat_ms, end_of_session_ms;
    uint32_t rerequests_per_s;      /* 0: no bound */
    uint32_t login_timeout_ms, idle_timeout_ms, slow_consumer_ms;
    uint32_t out_buffer_bytes;      /* of each order connection */
    uint64_t feed_store_bytes, user_store_bytes;
    uint32_t max_orders, max_levels;
    uint16_t max_symbols;
    uint8_t kick_on_duplicate;
    uint8_t flow_on;                /* background flow, at messages_per_s */
    struct fp_flow_config flow;
    uint32_t messages_per_s;        /* of the flow; of a replay with speed 0 (then 0 = as fast as it goes) */
    char replay_path[512];          /* a recorded ITCH day instead of symbols and flow; "" = none */
    uint32_t replay_speed_e3;       /* 1000 = as recorded, 10000 = ten times faster, 0 = by messages_per_s */
    char ledger_path[512];          /* "" = none */
    const char *ledger_header;      /* text for the ledger's first record */
    const struct fp_match_symbol *symbols;
    const struct fp_exchange_user *users;
    uint16_t symbol_count, user_count;
};

struct fp_exchange_stats {
    uint64_t steps, wakeups, flow_records;
    uint64_t delayed_peak;          /* orders waiting for their latency at once */
    uint64_t orders_after_end;      /* came when the session had ended: not looked at */
    uint64_t feed_next_sequence;
    uint64_t replay_messages, replay_truncated, replay_bad_length, replay_unknown_type;
    uint64_t replay_form;           /* enum fp_tape_form, 0 = no replay */
    uint64_t replay_done;           /* 1: the recorded day is over */
    uint64_t ledger_records, ledger_errors;
    uint64_t ended;                 /* 1: the session has ended */
};

struct fp_exchange; /* opaque */

/* Allocate everything and bind every socket. On failure *error_text (256 bytes) tells what and why. */
int fp_exchange_open(const struct fp_exchange_config *config, struct fp_exchange **out, char *error_text);
/* Open the day (system events, directory, first orders) and start the thread. */
int fp_exchange_start(struct fp_exchange *exchange);
/* End the thread and close every socket, without a word to anybody. The stores stay readable. */
void fp_exchange_stop(struct fp_exchange *exchange);
void fp_exchange_close(struct fp_exchange *exchange);

uint16_t fp_exchange_order_port(const struct fp_exchange *exchange);
uint16_t fp_exchange_rerequest_port(const struct fp_exchange *exchange);
uint16_t fp_exchange_feed_port(const struct fp_exchange *exchange, int line);

/* Trading state H P Q T of a symbol (8 characters); reason 4 characters. FP_E_NOT_FOUND. */
int fp_exchange_trading(struct fp_exchange *exchange, const char *symbol, char state, const char *reason);
/* Market close, end of messages, end of session on feed and ports. */
int fp_exchange_end(struct fp_exchange *exchange);
int fp_exchange_faults(struct fp_exchange *exchange, int line, const struct fp_line_faults *faults);
/* Leave so many re-requests in 1,000 unanswered. */
int fp_exchange_rerequest_faults(struct fp_exchange *exchange, uint32_t drop_per_mille, uint64_t seed);
/* See fp_ports_cut; user -1 = the next connection; UINT64_MAX = never. */
int fp_exchange_cut(struct fp_exchange *exchange, int user, uint64_t in_bytes, uint64_t out_bytes);
int fp_exchange_drop(struct fp_exchange *exchange, int user);
/* Change the background's rate; 0 pauses it. */
int fp_exchange_rate(struct fp_exchange *exchange, uint32_t messages_per_s);
int fp_exchange_latency(struct fp_exchange *exchange, uint32_t order_latency_us);
/* Apply one record of kinds ADD, CANCEL, REPLACE by hand; *rested (may be NULL) gets what it left resting. */
int fp_exchange_inject(struct fp_exchange *exchange, const struct fp_match_input *input, uint64_t *rested);

void fp_exchange_stats(struct fp_exchange *exchange, struct fp_exchange_stats *out, struct fp_match_stats *match, struct fp_feed_stats *feed, struct fp_ports_stats *ports,
                       struct fp_line_stats lines[2]);
/* Messages kept, from a sequence on, as u16 big-endian length + bytes: of the feed (user -1), or of a user, sent to it ('O') or
 * received from it ('I'). Returns bytes written, *count messages; 0 at the end; FP_E_NOT_FOUND, FP_E_NO_ROOM. */
int64_t fp_exchange_messages(struct fp_exchange *exchange, int user, char stream, uint64_t sequence, uint8_t *out, uint64_t room, uint64_t *count);
int fp_exchange_depth(struct fp_exchange *exchange, const char *symbol, char side, struct fp_match_level *out, int max);
/* Live orders of a user; returns how many, fills at most max references. */
int fp_exchange_live_orders(struct fp_exchange *exchange, int user, uint64_t *refs, int max);
/* 1 when the user is logged in. */
int fp_exchange_logged_in(struct fp_exchange *exchange, int user);

#endif
