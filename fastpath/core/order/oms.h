/* Orders: one door for commands, pre-trade risk, order table and states, positions,
 * the venue sessions, and recovery as a fold over the journal.
 *
 * Sans-I/O: commands, venue bytes, quotes and times go in; bytes to send, journal
 * records and exec records come out through the sink. It opens nothing, reads no
 * clock, and allocates nothing after init. Nothing reaches fp_oms_out() that the
 * journal sink has not taken first, and risk.c's one function stands before every
 * enter and replace. Cancels are never refused by risk. */
#ifndef FP_OMS_H
#define FP_OMS_H
#include "../fastpath.h"
#include <stddef.h>

/* What the engine knows of a symbol at a venue when an order is decided. */
struct fp_quote {
    uint64_t venue_ns, rx_ns;      /* of the last message that touched the symbol */
    uint64_t feed_heard_ns;        /* newest packet of the venue's feed on either line */
    uint32_t bid_e4, bid_shares, ask_e4, ask_shares; /* 0 = none */
    uint32_t last_price_e4;        /* last print, 0 = none */
    uint32_t round_lot;
    char trading_state;            /* H P Q T, 0 unknown */
    char reg_sho;
    uint8_t stale;                 /* gap open, book not trustworthy, or feed ended */
    uint8_t announced;             /* the venue has sent a directory message for the symbol */
};

struct fp_oms_sink {
    void *context;
    /* Durable (to the configured degree) when it returns 0. Negative: nothing may be sent. */
    int (*journal)(void *context, uint16_t type, uint16_t venue, const void *body, size_t length, uint64_t now_ns);
    /* One step of an order's life; seq is the account stream's. */
    void (*exec)(void *context, const struct fp_exec *exec);
    /* The symbol's quote at a venue; leaves *out zeroed (announced 0) when unknown. */
    void (*quote)(void *context, uint8_t venue, const char symbol[8], struct fp_quote *out);
};

struct fp_oms_config {
    const struct fp_engine_config *engine; /* read at init only */
    struct fp_oms_sink sink;
    uint32_t max_orders;                   /* of a day, all venues, finished ones included */
    uint16_t epoch;                        /* this run's; order ids are epoch(16) | counter(48). 0: one above the
                                            * highest in the journal, decided by fp_oms_fold_done */
};

struct fp_oms; /* opaque */

size_t fp_oms_size(const struct fp_oms_config *config);
int fp_oms_init(struct fp_oms *oms, const struct fp_oms_config *config);

/* ---- recovery: before anything else, offer every journal entry in order ---- */
/* Applies the entry to state; emits no exec records. FP_E_CORRUPT when an entry cannot belong here, FP_E_BAD_CONFIG when
 * the journal is of a configuration with other venues, accounts or agents, FP_E_NO_ROOM when it holds more orders than max_orders. */
int fp_oms_fold(struct fp_oms *oms, const struct fp_journal_entry *entry);
/* The fold is over. Journals the START record of this run (nobody else does). Returns 0, the journal's error, or
 * FP_E_BAD_CONFIG when the configured epoch was used before. Orders without an answer become IN_DOUBT until their venue's replay decides; every order
 * of the day and every position is emitted once through the exec sink (flag RECOVERED). */
int fp_oms_fold_done(struct fp_oms *oms, uint64_t now_ns);
/* Highest epoch seen in the fold, 0 for an empty journal. */
uint16_t fp_oms_last_epoch(const struct fp_oms *oms);
/* This run's epoch, once fp_oms_fold_done has returned 0. */
uint16_t fp_oms_epoch(const struct fp_oms *oms);

/* ---- commands ---- */
/* Decide one command, journal it and its decision, queue bytes. Always fills *reply. */
void fp_oms_command(struct fp_oms *oms, const struct fp_command *command, uint64_t now_ns, struct fp_reply *reply);

/* ---- a venue's TCP connection, as the engine's loop sees it ---- */
void fp_oms_connected(struct fp_oms *oms, uint8_t venue, uint64_t now_ns);
/* The connection is gone, or could not be made: the next attempt waits 100 ms, then twice as long each time, at most 2 s. */
void fp_oms_disconnected(struct fp_oms *oms, uint8_t venue, uint64_t now_ns);
/* Take bytes off the stream. Returns bytes consumed (a partial packet stays with the caller), or a
 * negative error: close the connection. */
int fp_oms_receive(struct fp_oms *oms, uint8_t venue, const uint8_t *bytes, size_t length, uint64_t now_ns);
/* Bytes waiting to be sent; contiguous, valid until the next call that is not a reading one. Returns their number. */
size_t fp_oms_out(const struct fp_oms *oms, uint8_t venue, const uint8_t **bytes);
void fp_oms_sent(struct fp_oms *oms, uint8_t venue, size_t count, uint64_t now_ns);
/* 1 when the engine should (re)connect the venue now, 0 not yet or never again (session ended, login refused). */
int fp_oms_wants_connection(const struct fp_oms *oms, uint8_t venue, uint64_t now_ns);

/* Heartbeats, timeouts, rate buckets; call at least every 10 ms. Returns 0, or a bit mask of venues
 * whose connection must be closed. */
uint32_t fp_oms_timer(struct fp_oms *oms, uint64_t now_ns);
/* The best bid or ask (0 = none) of a symbol at a venue has changed: fires what is armed on it, within this call. While
 * the venue's session is down or recovering nothing fires or ends: its becoming live looks at all of them once. Returns
 * the number of orders sent. Costs one compare while nothing is armed at the venue. */
int fp_oms_on_bbo(struct fp_oms *oms, uint8_t venue, const char symbol[8], uint32_t bid_e4, uint32_t ask_e4, uint64_t now_ns);
/* The same for every armed order of the venue, with the quotes of now: after a time in which changes were not told.
 * Returns the number of orders sent. */
int fp_oms_look_again(struct fp_oms *oms, uint8_t venue, uint64_t now_ns);
/* Log out everywhere (queues Logout Requests). */
void fp_oms_logout(struct fp_oms *oms, uint64_t now_ns);

/* ---- armed orders that hardware watches ----
 * Hardware looks at the condition and encodes the message; whether it leaves is decided here, by the same function and with
 * the same quote as for every other trigger. While an order is delegated nothing here fires or expires it. */

/* An armed order, and the message that would leave for it, with an order number of 0. */
struct fp_armed_order {
    uint64_t order_id, expire_ns;
    uint32_t trigger_e4, quantity, price_e4;
    uint16_t collar_bps;    /* the tightest of its three levels */
    uint16_t reason;        /* why it would not pass at the price that it waits for, or 0 */
    uint8_t condition;      /* enum fp_trigger_condition */
    uint8_t fixed;          /* 1: a limit order, whose bytes do not depend on the quote that it meets */
    uint8_t delegated, length;
    char side, symbol[8];
    uint8_t message[64];
};

/* The venue's armed orders, in the order in which they were armed. *cursor is 0 before the first. 1, or 0 at the end. */
int fp_oms_armed(const struct fp_oms *oms, uint8_t venue, uint32_t *cursor, uint64_t now_ns, struct fp_armed_order *out);
/* Give an armed order to the hardware (on 1), or take it back. 0, or FP_E_NOT_FOUND: it is not armed. */
int fp_oms_delegate(struct fp_oms *oms, uint64_t order_id, int on);

struct fp_fire {
    uint64_t order_id;
    const uint8_t *message; /* the OUCH message as it left the hardware */
    size_t length;
    uint32_t bid_e4, ask_e4; /* what met the condition */
    uint16_t refusal;       /* 0, or why the hardware let no message out; enum fp_reason */
};
/* The hardware says that a delegated order's condition was met. Sends the given bytes, once, if risk passes and they are
 * the ones that would have been encoded here (a number that is used meanwhile becomes the next free one); else the order
 * ends unsent. Returns the number of orders sent, or FP_E_NOT_FOUND: no such order is delegated (any more), nothing
 * happened. */
int fp_oms_fired(struct fp_oms *oms, const struct fp_fire *fire, uint64_t now_ns);
/* The number that the venue's next order gets; and the reason why its session takes none now, or 0. */
uint32_t fp_oms_next_urn(const struct fp_oms *oms, uint8_t venue);
uint16_t fp_oms_refusal(const struct fp_oms *oms, uint8_t venue);

/* ---- reading ---- */
void fp_oms_stats(const struct fp_oms *oms, uint8_t venue, struct fp_order_stats *out);
/* Round trip of the last acknowledged order at the venue, ns, once per ack; 0 when none since the last call. */
uint64_t fp_oms_take_ack_ns(struct fp_oms *oms, uint8_t venue);
/* Returns 1 when any switch is engaged; *venues bit per venue. */
int fp_oms_kill_state(const struct fp_oms *oms, uint32_t *venues, uint8_t *firm);
/* 1 when the kill switch of one scope is engaged: index is a venue, account or agent; symbol only for FP_KILL_SYMBOL. */
int fp_oms_killed(const struct fp_oms *oms, uint8_t scope, uint16_t index, const char symbol[8]);
int fp_oms_recovering(const struct fp_oms *oms);
/* Order by engine id, or by account and client order id; fills a record with its state now. FP_E_NOT_FOUND. */
int fp_oms_order(const struct fp_oms *oms, uint64_t order_id, struct fp_exec *out);
int fp_oms_order_by_client_id(const struct fp_oms *oms, uint16_t account, const char *client_order_id, struct fp_exec *out);
/* What an account holds of a symbol. FP_E_NOT_FOUND when it never traded it. */
struct fp_position {
    int64_t position, open_cost_e4, realised_e4;
    uint64_t bought, sold, open_buy_shares, open_sell_shares;
    char symbol[8];
};
int fp_oms_position(const struct fp_oms *oms, uint16_t account, const char symbol[8], struct fp_position *out);
/* Sums over everything that a tool can recompute from the journal; equal states give equal hashes. */
uint64_t fp_oms_state_hash(const struct fp_oms *oms);
/* Walk every invariant (for tests): open counts, reservations, positions equal the fold of fills. 0 or FP_E_CORRUPT. */
int fp_oms_validate(const struct fp_oms *oms);

#endif
