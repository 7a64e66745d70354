/* The order side's whole state and what its files ask of each other. Private to
 * fastpath/core/order (and its tests); everybody else includes oms.h. */
#ifndef FP_ORDER_STATE_H
#define FP_ORDER_STATE_H
#include "../wire/ouch.h"
#include "../wire/soup.h"
#include "journal_body.h"
#include "oms.h"
#include "owed.h"
#include "position.h"
#include "table.h"

#define FP_AMOUNT_MAX (INT64_MAX / 2) /* limits and observations are clamped to it, so their difference never overflows */

enum {
    FP_OUT_ROOM = 65536,        /* bytes waiting for a venue */
    FP_OUT_CANCEL_RESERVE = 16384, /* of them kept free for cancels and heartbeats */
    FP_SENT_MARKS = 1024,       /* orders whose bytes are under way to the socket */
    FP_SAME_BUCKETS = 8192      /* of the duplicate check */
};

/* Also the values of fp_order_stats.session_state. */
enum fp_venue_state { FP_VS_DOWN = 0, FP_VS_CONNECTING = 1, FP_VS_LOGIN_SENT = 2, FP_VS_REPLAYING = 3, FP_VS_LIVE = 4, FP_VS_ENDED = 5, FP_VS_REFUSED = 6 };

struct fp_sent_mark {
    uint64_t end;               /* total bytes after this order's */
    uint32_t order;
};

struct fp_venue {
    struct fp_soup_client soup;
    struct fp_order_stats stats;
    uint64_t next_sequence;     /* last sequenced message taken + 1 */
    uint64_t retry_ns, backoff_ns;
    uint64_t mass_deadline_ns;  /* cancel one by one what a mass cancel has not by then; 0 = none under way */
    uint64_t ack_ns, midnight_ns;
    uint64_t out_total, sent_total; /* bytes ever queued, ever sent */
    uint32_t next_urn;
    uint32_t open_first;        /* list of open orders */
    uint32_t cancels_wanted;    /* orders in step WANTED */
    uint32_t queries;           /* Account Queries sent and not (yet) answered, over all connections */
    uint32_t answers_needed;    /* before this connection takes orders */
    uint32_t mark_first, mark_last;
    uint32_t out_first, out_last;
    char firm[4], session[10];
    uint8_t state;              /* enum fp_venue_state */
    uint8_t configured, killed, logged_out, connected;
    uint8_t hole;               /* an inbound message could not be journaled: from here on none is, a restart replays them */
    struct fp_sent_mark marks[FP_SENT_MARKS];
    uint8_t out[FP_OUT_ROOM];
};

struct fp_agent {
    uint64_t symbols[FP_MAX_ALLOWED_SYMBOLS];
    uint32_t venue_mask;
    uint16_t account, symbol_count;
    uint8_t may_trade, may_short;
};

/* An armed order's condition. */
struct fp_armed {
    uint64_t expire_ns;
    uint64_t symbol;            /* the eight characters */
    uint32_t order, trigger_e4;
    uint8_t venue, condition;
    uint8_t delegated;          /* hardware watches it */
};

enum { FP_MAX_ARMED = 1024 };

struct fp_oms {
    struct fp_oms_sink sink;
    struct fp_order_table table;
    struct fp_positions positions;
    uint32_t *same;             /* newest order by content, FP_SAME_BUCKETS, index + 1 */
    uint64_t next_counter;
    uint64_t exec_seq[FP_MAX_ACCOUNTS];
    uint16_t venue_count, account_count, agent_count;
    uint16_t epoch, last_epoch;
    uint32_t armed_count;
    struct fp_armed armed[FP_MAX_ARMED];
    struct fp_owed_list owed;   /* what the journal could not take yet */
    uint8_t folding;            /* no records out: the journal is being read */
    uint8_t folded;             /* fold_done has been called */
    uint8_t paper;
    uint8_t has_command, has_decision; /* fold: context of the bytes that may follow */
    struct fp_command command;
    struct fp_jr_decision decision;
    struct fp_agent agents[FP_MAX_AGENTS];
    char names[FP_MAX_VENUES + FP_MAX_ACCOUNTS + FP_MAX_AGENTS][24];
    struct fp_venue venues[FP_MAX_VENUES];
};

/* What a step adds to the order it happened to. */
struct fp_step {
    uint64_t venue_ns, match_number;
    uint32_t last_price_e4, last_shares, soup_seq;
    uint16_t reason, flags;
    uint8_t kind;
    char liquidity, cancel_reason;
};

/* ---- lifecycle.c ---- */

struct fp_entry { /* everything a new order is made of */
    const struct fp_command *command;
    const char *symbol, *client_order_id;
    uint64_t order_id;
    uint32_t quantity, price_e4;
    uint16_t flags;
    uint8_t venue, kind;
    char side, tif;
};

/* Fill *out with the order as it is now. */
void fp_order_record(const struct fp_oms *oms, const struct fp_order *order, struct fp_exec *out);
void fp_order_emit(struct fp_oms *oms, const struct fp_order *order, const struct fp_step *step, uint64_t now_ns);
/* An order comes into being: SENT (or ARMED), reserved, listed, indexed. parent: the order it replaces or NULL.
 * NULL when a table is full. */
struct fp_order *fp_order_create(struct fp_oms *oms, const struct fp_entry *entry, struct fp_order *parent, uint8_t state, uint64_t now_ns);
/* The urn was given to the order, its bytes are journaled. */
void fp_order_sent(struct fp_oms *oms, struct fp_order *order, uint32_t urn, uint64_t now_ns);
/* After any change of state, leaves, price or child: lists and reservations follow. */
void fp_order_settle(struct fp_oms *oms, struct fp_order *order);
/* Room for one more order of the symbol? */
int fp_order_room(const struct fp_oms *oms, const char symbol[8]);
/* A kill switch covers the order. */
int fp_order_killed(const struct fp_oms *oms, const struct fp_order *order);
/* Ends an order that the venue never had. */
void fp_order_lost(struct fp_oms *oms, struct fp_order *order, uint64_t now_ns);
/* The order that this one was to replace stays as it is; step is what its watchers are told. */
void fp_order_free_parent(struct fp_oms *oms, struct fp_order *order, const struct fp_step *step, uint64_t now_ns);
/* Roll the step of an order's cancel; keeps the venue's count of wanted ones. */
void fp_order_set_cancel(struct fp_oms *oms, struct fp_order *order, uint8_t step);
/* Somebody wants the order gone: flag it, tell it. 1 when it was open and not yet being cancelled. */
int fp_order_want_cancel(struct fp_oms *oms, struct fp_order *order, uint64_t now_ns);

/* ---- messages.c ---- */

/* Apply one sequenced message (already journaled, or being folded). Returns its type, 0 when it could not be read. */
char fp_order_message(struct fp_oms *oms, uint8_t venue, uint64_t sequence, const uint8_t *bytes, size_t length, uint64_t now_ns);

/* ---- cancel.c: cancels and kill switches ---- */

/* Want one order gone, and a replacement of it that is on its way. Returns how many that newly concerns. */
uint32_t fp_cancel_one(struct fp_oms *oms, struct fp_order *order, uint64_t now_ns);
uint32_t fp_cancel_all(struct fp_oms *oms, const struct fp_command *command, uint64_t now_ns);
/* Latch or release and, when engaged, want every open order of the scope cancelled. Returns how many. */
uint32_t fp_kill_apply(struct fp_oms *oms, const struct fp_jr_kill *kill, uint64_t now_ns);
/* A fill has moved realised results: latch budgets that are used up, and journal it. */
void fp_loss_check(struct fp_oms *oms, const struct fp_order *order, uint64_t now_ns);
/* Send what is wanted as far as there is room. */
void fp_cancel_flush(struct fp_oms *oms, uint8_t venue, uint64_t now_ns);
/* One Mass Cancel for all wanted cancels of the venue. */
void fp_cancel_mass(struct fp_oms *oms, uint8_t venue, uint64_t now_ns);
/* Deadlines of mass cancels, cancels that found no room before. */
void fp_cancel_timer(struct fp_oms *oms, uint8_t venue, uint64_t now_ns);

/* ---- recovery.c ---- */

/* Orders sent and unanswered when the session was lost: their fate is open. */
void fp_mark_in_doubt(struct fp_oms *oms, uint8_t venue, uint64_t now_ns);
/* The venue has replayed everything and named its next number: decide what was in doubt. */
void fp_resolve_in_doubt(struct fp_oms *oms, uint8_t venue, uint32_t next_urn, uint64_t now_ns);

/* ---- session.c ---- */

uint16_t fp_session_refusal(const struct fp_oms *oms, uint8_t venue); /* reason why it takes no orders, or 0 */
size_t fp_session_room(const struct fp_oms *oms, uint8_t venue);
/* Journal and queue one OUCH message. order: index for the round trip clock or FP_NO_INDEX. always: send even when the
 * journal fails (cancels). 0, or FP_E_NO_ROOM, FP_E_BAD_STATE, the journal's error: nothing was queued. */
int fp_session_send(struct fp_oms *oms, uint8_t venue, const union fp_ouch_in_body *message, const struct fp_ouch_appendage *tags, uint32_t order,
                    int always, uint64_t now_ns);
/* The same for bytes that are journaled already. */
void fp_session_queue(struct fp_oms *oms, uint8_t venue, const uint8_t *bytes, size_t length, uint32_t order, uint64_t now_ns);

static inline int fp_journal_put(struct fp_oms *oms, uint16_t type, uint16_t venue, const void *body, size_t length, uint64_t now_ns) {
    int rc = oms->owed.count ? fp_owed_settle(oms) : 0; /* in the order in which it happened */
    return rc ? rc : oms->sink.journal(oms->sink.context, type, venue, body, length, now_ns);
}

#endif
