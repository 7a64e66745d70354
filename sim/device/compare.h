/* Two streams of records compared as they come: what the software book says a message leaves, and what the card gave.
 *
 * Equal means every byte but rx_ns and aux (time and latency of the hardware). What differs by design is foretold, not excused:
 *  - Notices of the card's feed half (session, lines, gaps, bad frames) have no counterpart in the software book: they are
 *    counted and only their place in the numbering is checked. A GAP, a GAP_LOST, or a FRAME_BAD of which messages had left,
 *    makes every book stale and must be flagged so: the caller learns it from `all_stale` and marks the software's.
 *  - The card's price window is finite (window.h). While a side's best is unknown to the card, its records must be flagged
 *    STALE; that side's two fields, and what the flags say of the BBO, are not compared, all the rest is. A blind side's record is
 *    compared in full unless the card flags it. The card must tell it by one STALE record with code 7 the first time a side gets lost, never else; from then on every record of the symbol must be flagged.
 *  - So is its order table: TABLE_FULL where the software had room. That cannot be foretold: the symbol is excused from then on,
 *    its records must be flagged STALE and are not compared otherwise. A run with such a symbol is not called equal.
 *  - LINE_B is not compared when both lines are fed: which was first is the card's to say. */
#ifndef FP_COMPARE_H
#define FP_COMPARE_H
#include "records.h"
#include <stdint.h>
#include <stdio.h>

enum {
    FP_COMPARE_WAITING = 8192, /* records of the software that the card still owes; a power of two */
    FP_COMPARE_HISTORY = 128,  /* records of the card kept for a report; the last 100 are printed */
    FP_COMPARE_MESSAGE = 64
};

/* A record the software book left, and the message it comes from. */
struct fp_expected {
    struct fp_event event;
    uint64_t message;          /* index in the file, 0-based */
    uint64_t sequence;         /* MoldUDP64's */
    uint8_t bytes[FP_COMPARE_MESSAGE];
    uint8_t length;
    uint8_t lost;              /* sides (window.h) that are lost or blind in this record */
    uint8_t unsure;            /* the same of this record or the symbol's one before: BBO_CHANGED means nothing */
};

struct fp_compare {
    struct fp_expected waiting[FP_COMPARE_WAITING];
    uint64_t put, get;
    struct fp_event history[FP_COMPARE_HISTORY];
    uint64_t records;          /* of the card */
    uint64_t compared;         /* found equal in every field but rx_ns and aux */
    uint64_t partly;           /* found equal but for a lost side's BBO */
    uint64_t notices, excused_records, table_full, sides_lost;
    uint64_t kinds[256];       /* compared records by kind, partly as well */
    uint64_t notice_codes[128][32]; /* by kind - 0x80, and FRAME_BAD's reason */
    uint64_t next_seq;
    uint16_t ignored_flags;    /* not compared */
    uint8_t all_stale;         /* a notice said that every book is stale; the caller clears it */
    uint8_t excused[65536];    /* by locate: it lost orders */
    uint8_t marked[65536];     /* by locate: the card told that a side is lost */
    uint8_t marks_owed[65536];
    struct fp_event difference; /* the card's record that differs, when there was one */
    struct fp_expected wanted;
    const char *reason;        /* NULL: no difference so far */
};

void fp_compare_init(struct fp_compare *compare);
/* One record that the software says the message leaves (seq not looked at). newly_lost: sides that this message lost first.
 * 0, or FP_E_NO_ROOM: the card owes too many records. */
int fp_compare_expect(struct fp_compare *compare, const struct fp_expected *expected, unsigned newly_lost);
/* One record of the card. 0, or FP_E_CORRUPT at the first difference, which stays in the struct. */
int fp_compare_record(struct fp_compare *compare, const struct fp_event *event);
/* At a moment when the card has said everything: 0, or FP_E_CORRUPT when it still owes a record. */
int fp_compare_settled(struct fp_compare *compare);
/* The difference in full: message, bytes, both records field by field, the last 100 records of the card. */
void fp_compare_report(const struct fp_compare *compare, FILE *out);

#endif
