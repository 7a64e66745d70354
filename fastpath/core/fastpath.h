/* Fastpath's public C interface: configuration, commands, replies, statistics and
 * the engine handle. cffi reads this very file (after records.h); it therefore
 * holds declarations only: no macros with values, no inline code.
 *
 * Units are in the names: _e4 = 1/10000 dollar, _ns = nanoseconds (UTC when a
 * point in time), _ms, _us, _bps. Functions return 0 or a count, or a negative
 * fp_error. Nothing here allocates per packet; the caller owns what it passes. */
#ifndef FASTPATH_H
#define FASTPATH_H
#include "records.h"
#include <stdint.h>

enum {
    FP_MAX_VENUES = 8,
    FP_MAX_ACCOUNTS = 64,
    FP_MAX_AGENTS = 256,
    FP_MAX_SYMBOLS = 16384,      /* engine-wide, over all venues */
    FP_MAX_ALLOWED_SYMBOLS = 64, /* per agent */
    FP_MAX_CHECKS = 24,
    FP_CLIENT_ORDER_ID_MAX = 36,
    FP_ERROR_TEXT_MAX = 256
};

/* ---- configuration: filled by the caller, copied by fp_engine_open ---- */

/* One level of risk limits. Firm, account and agent each have one; the order must
 * pass all three. Zero means zero: nothing is allowed, except where noted. */
struct fp_limits {
    uint64_t max_order_notional_e4;
    uint64_t max_gross_notional_e4; /* sum over symbols of |position value| + open order value */
    uint64_t max_net_notional_e4;
    uint64_t max_loss_e4;           /* realised loss that latches a stop */
    uint64_t max_position;          /* shares per symbol, same-side open orders included */
    uint32_t max_order_quantity;    /* shares, at most 999,999 (OUCH 5.0) */
    uint32_t max_open_orders;
    uint32_t orders_per_s;          /* token bucket refill: enters and replaces; cancels are never refused */
    uint32_t order_burst;           /* token bucket size */
    uint32_t collar_bps;            /* limit price through the far side of the own venue's BBO */
    uint32_t fat_finger_bps;        /* limit price away from the last trade (before one: from the nearer quote), either way */
    uint32_t duplicate_window_ms;   /* same agent, symbol, side, price and quantity; 0: check off */
    uint32_t max_feed_silence_ms;   /* quote refused when neither line was heard for longer */
};

struct fp_account_config {
    char name[24]; /* zero terminated, as all names here */
    struct fp_limits limits;
};

struct fp_agent_config {
    char name[24];
    uint16_t account;      /* the one account it may trade */
    uint8_t may_trade;     /* 0: every order refused NOT_PERMITTED */
    uint8_t may_short;     /* 0: sells beyond the position refused SHORT_NOT_ALLOWED */
    uint32_t venue_mask;   /* bit i: venue i allowed */
    uint16_t symbol_count; /* 0: every symbol allowed */
    char symbols[64][8];   /* space padded */
    struct fp_limits limits;
};

struct fp_venue_config {
    char name[24];
    char io[16];                /* "socket": packet backend, software book; "fpga": the card of card_library behind sockets */
    char feed_group[2][48];     /* IPv4 multicast group (or unicast address) of lines A and B; "" = line absent */
    uint16_t feed_port[2];
    char feed_interface[48];    /* IPv4 address of the interface to join on */
    char rerequest_host[48];    /* re-request server (MoldUDP64 request packets over UDP) */
    uint16_t rerequest_port;
    char order_host[48];        /* SoupBinTCP server; "" = market data only */
    uint16_t order_port;
    char username[8], password[12]; /* at most 6 and 10 characters */
    char firm[4];               /* OUCH Firm, space padded */
    uint64_t midnight_ns;       /* UTC ns of the New York midnight that venue timestamps count from */
    uint32_t gap_wait_us;       /* how long a hole may stay open before it is asked for */
    uint32_t gap_retry_ms;
    uint32_t gap_attempts;      /* unanswered requests before a gap is declared lost */
    uint32_t max_orders;        /* capacity of the order reference table */
    uint32_t taker_fee_e6, maker_rebate_e6; /* millionths of a dollar a share; told to clients, not charged */
};

struct fp_engine_config {
    char run_dir[200];          /* sockets; must be ours with mode 0700 */
    char journal_dir[200];      /* "" : no order side */
    char pub_endpoint[220], router_endpoint[220]; /* libzmq endpoints; "" = no bus */
    char libzmq_path[400];      /* shared object to dlopen; "" = no bus */
    char card_library[400];     /* shared object to dlopen for venues whose io is "fpga" */
    char mode[8];               /* "paper" or "live" */
    uint8_t durability;         /* 0 crash: mmap, survives process death; 1 sync: fdatasync before each send */
    uint8_t busy_poll;          /* 1: the hot thread never sleeps; 0: spins spin_us, then waits in poll */
    int16_t cpu_hot, cpu_bus;   /* pin to this core, -1 = do not pin */
    uint32_t spin_us;
    uint32_t event_ring, exec_ring; /* slots, powers of two */
    uint32_t heartbeat_ms;      /* of every bus stream */
    uint32_t conflate_ms;       /* shortest time between two top-of-book frames of a symbol */
    uint32_t history_events;    /* event records kept for replay, a power of two */
    uint16_t venue_count, account_count, agent_count;
    uint16_t reserved;
    struct fp_limits firm_limits;
    struct fp_venue_config venues[8];
    struct fp_account_config accounts[64];
    struct fp_agent_config agents[256];
};

/* ---- commands: one door for everybody who trades ---- */

enum fp_command_kind {
    FP_CMD_PREVIEW = 1,  /* every check, nothing reserved, nothing journaled */
    FP_CMD_SUBMIT = 2,
    FP_CMD_REPLACE = 3,
    FP_CMD_CANCEL = 4,
    FP_CMD_CANCEL_ALL = 5, /* of the account; symbol and venue narrow it */
    FP_CMD_KILL = 6,
    FP_CMD_RELEASE = 7,  /* only from the operator's own door, never from an agent */
    FP_CMD_PREVIEW_REPLACE = 8,
    FP_CMD_ARM = 16, FP_CMD_DISARM = 17, FP_CMD_PREVIEW_TRIGGER = 18
};

enum fp_kill_scope { FP_KILL_FIRM = 0, FP_KILL_VENUE = 1, FP_KILL_ACCOUNT = 2, FP_KILL_AGENT = 3, FP_KILL_SYMBOL = 4 };
/* When an armed order is sent: the best bid or ask of its symbol at its venue reaches trigger_e4. */
enum fp_trigger_condition { FP_WHEN_BID_AT_OR_ABOVE = 1, FP_WHEN_BID_AT_OR_BELOW = 2, FP_WHEN_ASK_AT_OR_ABOVE = 3, FP_WHEN_ASK_AT_OR_BELOW = 4 };
enum fp_order_type { FP_TYPE_LIMIT = 0, FP_TYPE_MARKET = 1 };
enum fp_outcome {
    FP_OUT_REFUSED = 0,  /* nothing happened; reason tells why */
    FP_OUT_ACCEPTED = 1, /* sent (or done, for kill, cancel_all ...) */
    FP_OUT_REPLAYED = 2, /* same client order id and content as before: the first answer again */
    FP_OUT_UNKNOWN = 3   /* no answer in time; ask for the order's status */
};

/* 256 bytes: one slot of a command ring. Strings are zero padded. */
struct fp_command {
    uint64_t id;              /* caller's correlation number, echoed */
    uint64_t received_ns;     /* when the command entered the process */
    uint64_t order_id;        /* 0, or an order to cancel by engine id */
    uint32_t quantity;        /* shares; replace: new total liable, executions included */
    uint32_t price_e4;        /* limit price; 0 for a market order */
    uint32_t max_quote_age_ms; /* caller's own freshness demand, 0 = none */
    uint16_t account, agent;  /* indices; 0xFFFF = unknown name */
    uint8_t kind;             /* enum fp_command_kind */
    uint8_t venue;            /* index; 0xFF = all venues (cancel_all, kill) or unknown */
    char side;                /* B or S; 0 = both (cancel_all) */
    char tif;                 /* OUCH: 0 day, 3 IOC */
    uint8_t order_type;       /* enum fp_order_type */
    uint8_t kill_scope;       /* enum fp_kill_scope */
    uint8_t lane;             /* which command ring it came by */
    uint8_t reserved0;
    char symbol[8];           /* space padded; all zero = every symbol (cancel_all) */
    char client_order_id[40];
    char new_client_order_id[40]; /* replace only */
    char reason_text[96];     /* why, for the journal */
    uint64_t expire_ns;       /* arm only: UTC, disarmed by itself then; 0 = good for the session */
    uint32_t trigger_e4;      /* arm only: price that the condition compares with */
    uint8_t condition;        /* arm only: enum fp_trigger_condition */
    uint8_t reserved1[3];
    uint64_t deadline_ns;     /* submit, replace, arm: UTC; reached later it is refused, DEADLINE_PASSED. 0 = none */
};

struct fp_check {
    int64_t observed, limit;  /* in the check's own unit */
    uint16_t reason;          /* enum reason this check refuses with */
    uint8_t passed;
    uint8_t level;            /* 0 none, 1 firm, 2 account, 3 agent: whose limit is the tightest */
    uint8_t unit;             /* 0 count, 1 shares, 2 _e4 dollars, 3 bps, 4 ms, 5 boolean */
    uint8_t reserved[3];
};

struct fp_reply {
    uint64_t id;
    uint64_t engine_ns;       /* when the hot thread answered */
    uint64_t quote_venue_ns, quote_rx_ns; /* of the quote that was used */
    uint32_t bid_e4, bid_shares, ask_e4, ask_shares; /* that quote */
    uint32_t effective_price_e4; /* limit actually used; the collar edge for market orders */
    uint32_t count;           /* orders touched by cancel_all or kill */
    uint16_t reason;          /* enum reason of the first check that failed, 0 */
    uint8_t outcome;          /* enum fp_outcome */
    uint8_t check_count;
    uint8_t lane, kind;
    uint8_t reserved[2];
    struct fp_exec order;     /* the order as it is now; state NONE when there is none */
    struct fp_check checks[24];
};

/* ---- statistics: every field is a count since start unless its name says otherwise ---- */

struct fp_feed_stats {
    uint64_t packets[2], bytes[2];        /* by line */
    uint64_t messages;                    /* applied to the book, in sequence */
    uint64_t duplicates;                  /* messages the other line brought first */
    uint64_t heartbeats, end_of_session;
    uint64_t gaps_opened, gaps_filled, gaps_lost, messages_lost, messages_recovered;
    uint64_t rerequests;
    uint64_t drop_kernel;                 /* SO_RXQ_OVFL */
    uint64_t bad_truncated, bad_oversized, bad_length, bad_session, bad_count; /* packets */
    uint64_t far_ahead;                   /* packets beyond the reorder window */
    uint64_t unknown_type, wrong_length;  /* messages skipped */
    uint64_t unknown_ref, duplicate_ref, bad_shares, unknown_locate, bad_side, table_full; /* book refusals */
    uint64_t crossed;
    uint64_t next_sequence;               /* level, not a count */
    uint64_t last_rx_ns;                  /* either line */
    uint64_t line_last_rx_ns[2];
    uint64_t card_cycles;                 /* io "fpga": clock cycles the card has run, of 6.4 ns */
    uint64_t card_armed;                  /* level: armed orders that wait in the card */
    uint64_t card_fired, card_refused;    /* triggers that the card fired; of them those that its own risk gate stopped */
    uint64_t card_late;                   /* verdicts of the card on orders that had ended; nothing was sent */
    uint8_t gap_open, stale, session_state, reserved[5]; /* session_state: 0 none, 1 live, 2 ended */
    char session[16];
};

struct fp_order_stats {
    uint64_t connects, logins, login_rejects, disconnects, end_of_session;
    uint64_t bytes_in, bytes_out, sequenced_in, unsequenced_out, heartbeats_in, heartbeats_out;
    uint64_t soup_bad_length, soup_unknown_type, ouch_unknown_type, ouch_bad_length, ouch_unknown_urn, anomalies;
    uint64_t enters, replaces, cancels, mass_cancels, accepted, rejected, fills, canceled, replaced, broken, late_fills;
    uint64_t denied, in_doubt, lost;
    uint64_t unjournaled;                 /* cancels and venue messages that went on although the journal failed */
    uint64_t next_sequence;               /* of the SoupBinTCP session */
    uint32_t next_urn, open_orders;
    uint8_t session_state;                /* 0 down, 1 connecting, 2 login sent, 3 replaying, 4 live, 5 ended, 6 login refused */
    uint8_t reserved[7];
    char session[16];
};

/* Latency distribution in ns, read from log-linear histograms (error < 1.6 %). */
struct fp_latency {
    uint64_t count, min_ns, max_ns, mean_ns;
    uint64_t p50_ns, p90_ns, p99_ns, p999_ns;
};

struct fp_engine_stats {
    uint64_t start_ns, now_ns;
    uint32_t epoch;
    uint8_t recovering, kill_firm, reserved[2];
    uint32_t kill_venues;                 /* bit per venue */
    uint64_t loops, sleeps;               /* of the hot thread */
    uint64_t events, execs;               /* records produced */
    uint64_t ring_full_events, ring_full_execs; /* hot thread had to wait or drop: told by a status frame */
    uint64_t bus_frames, bus_bytes, bus_send_errors, bus_commands, bus_bad_requests, bus_replays;
    uint64_t orders_forgotten;            /* ended orders that the bus's lists no longer show */
    uint64_t orders_unlisted;             /* records of open orders that found no place in them: the lists are incomplete */
    uint64_t positions_unlisted;          /* records of symbols that found no place in the list of positions */
    uint64_t journal_records, journal_bytes, journal_segments;
    uint64_t journal_begin_ns;            /* of its first record, perhaps of an earlier run; orders from before are not known, 0 = no journal */
    struct fp_latency wire_to_event;      /* packet receive time -> event in the ring */
    struct fp_latency event_to_bus;       /* event in the ring -> frame handed to libzmq */
    struct fp_latency decision;           /* command seen by the hot thread -> bytes ready to send */
    struct fp_latency order_to_ack[8];    /* by venue: bytes sent -> Accepted read */
    struct fp_feed_stats feed[8];
    struct fp_order_stats order[8];
};

/* ---- the engine ---- */

struct fp_engine;

/* Open everything that can fail: sockets, journal (folded here), rings, bus. On
 * failure returns a negative fp_error and one readable line in error_text
 * (FP_ERROR_TEXT_MAX bytes): the cause and the remedy. */
int fp_engine_open(struct fp_engine **out, const struct fp_engine_config *config, char *error_text);

/* Start the hot thread and the bus thread. */
int fp_engine_start(struct fp_engine *engine);

/* Ask the threads to stop and join them; logs out of the venues. Open orders stay
 * at the venue. Idempotent. */
int fp_engine_stop(struct fp_engine *engine);

/* Stop if running, release everything. */
void fp_engine_close(struct fp_engine *engine);

/* In-process command door (its own ring). Waits at most timeout_ms for the answer;
 * FP_OUT_UNKNOWN in the reply when none came. Not thread-safe: one caller at a time. */
int fp_engine_command(struct fp_engine *engine, const struct fp_command *command, struct fp_reply *reply, uint32_t timeout_ms);

void fp_engine_stats(const struct fp_engine *engine, struct fp_engine_stats *out);

/* 0 while both threads run; a negative fp_error and its line in error_text once one stopped by itself. */
int fp_engine_health(const struct fp_engine *engine, char *error_text);

const char *fp_version(void);
const char *fp_error_name(int error); /* "TRUNCATED" for -1 ... */

/* ---- journal reading, for tools and audits ---- */

struct fp_journal_reader;
struct fp_journal_entry {
    uint64_t seq, time_ns;
    uint32_t length;        /* bytes of body */
    uint16_t type;          /* enum fp_journal_type */
    uint16_t venue;
    const uint8_t *body;    /* valid until the next call */
};
enum fp_journal_type {
    FP_JR_START = 1,      /* epoch, version, configuration digest */
    FP_JR_COMMAND = 2,    /* struct fp_command as received */
    FP_JR_DECISION = 3,   /* reply without checks that passed, and the quote used */
    FP_JR_BYTES_OUT = 4,  /* raw OUCH before it is sent */
    FP_JR_SEQUENCED_IN = 5, /* SoupBinTCP sequence and raw OUCH */
    FP_JR_SESSION = 6,    /* connected, logged in, lost, ended */
    FP_JR_LIMITS = 7,
    FP_JR_KILL = 8,
    FP_JR_RESOLVED = 9,   /* what recovery decided about an order in doubt */
    FP_JR_TRIGGER = 10,
    FP_JR_STOP = 11
};
int fp_journal_open_reader(struct fp_journal_reader **out, const char *directory, char *error_text);
/* 1 and *entry, 0 at the clean end, FP_E_CORRUPT when the chain is broken before it. */
int fp_journal_next(struct fp_journal_reader *reader, struct fp_journal_entry *entry);
void fp_journal_close_reader(struct fp_journal_reader *reader);

#endif
