/* What the order side writes into journal records, by record type. The bodies are
 * little-endian structs of fixed layout; recovery reads exactly these. It holds
 * layouts only, never behaviour.
 *
 *   START        struct fp_jr_start, then `venues + accounts + agents` names of 24 bytes in configuration order
 *   COMMAND      struct fp_command
 *   DECISION     struct fp_jr_decision
 *   BYTES_OUT    one raw OUCH message, client to venue
 *   SEQUENCED_IN u64 SoupBinTCP sequence, then one raw OUCH message, venue to client
 *   SESSION      struct fp_jr_session
 *   KILL         struct fp_jr_kill
 *   RESOLVED     struct fp_jr_resolved
 *   TRIGGER      struct fp_jr_trigger */
#ifndef FP_JOURNAL_BODY_H
#define FP_JOURNAL_BODY_H
#include "../fastpath.h"

_Static_assert(sizeof(struct fp_command) == 256, "COMMAND records hold it as it is");

struct fp_jr_start {
    uint32_t format;       /* 1 */
    uint16_t epoch, venues, accounts, agents;
    uint32_t reserved;
};

/* The answer to the command before it, and what it was based on. It takes effect with the record that follows:
 * an accepted order exists once its BYTES_OUT is there. */
struct fp_jr_decision {
    uint64_t command_id;
    uint64_t order_id;     /* the order made, replaced into or cancelled; 0 none */
    uint64_t quote_venue_ns, quote_rx_ns;
    uint32_t bid_e4, bid_shares, ask_e4, ask_shares, last_price_e4;
    uint32_t effective_price_e4;
    int64_t observed, limit; /* of the check that failed */
    uint32_t count;
    uint16_t reason;
    uint8_t outcome, kind, level, unit, venue;
    char side;             /* B S T as it goes on the wire */
};

enum fp_session_step { FP_SS_LOGIN = 1, FP_SS_LOST = 2, FP_SS_ENDED = 3, FP_SS_REFUSED = 4 };
struct fp_jr_session {
    uint64_t sequence;     /* of the next sequenced message */
    char session[10];
    uint8_t step;          /* enum fp_session_step */
    char reason;           /* of a refused login */
    uint32_t next_urn;
};

enum fp_kill_step { FP_KS_ENGAGE = 1, FP_KS_RELEASE = 2, FP_KS_LOSS = 3 }; /* LOSS: the loss budget latched */
struct fp_jr_kill {
    uint8_t step, scope;   /* enum fp_kill_step, enum fp_kill_scope */
    uint8_t venue, reserved;
    uint16_t account, agent;
    char symbol[8];
};

struct fp_jr_resolved {
    uint64_t order_id;
    uint32_t next_urn;     /* the venue's answer that decided */
    uint8_t state;         /* FP_OS_LOST: never received; FP_OS_SENT: received, never answered, stays in doubt */
    uint8_t reserved[3];
};

enum fp_trigger_step { FP_TS_ARMED = 1, FP_TS_FIRED = 2, FP_TS_DISARMED = 3, FP_TS_EXPIRED = 4, FP_TS_REFUSED = 5 };
struct fp_jr_trigger {
    uint64_t order_id, expire_ns;
    uint32_t trigger_e4;
    uint32_t bid_e4, ask_e4; /* what fired it */
    uint16_t reason;       /* REFUSED: why risk stopped it when it fired */
    uint8_t step, condition; /* enum fp_trigger_step, enum fp_trigger_condition */
};

#endif
