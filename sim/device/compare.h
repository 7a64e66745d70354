/* Two streams of records compared as they come: what the software book says a message leaves, and what the card gave.
 *
 * Equal means every byte but rx_ns and aux (time and latency of the hardware). What differs by design, and how it is told:
 *  - Notices of the card's feed half (session, lines, gaps, bad frames) have no counterpart in the software book: they are
 *    counted and only their place in the numbering is checked. A GAP_LOST, or a FRAME_BAD of which messages had left, makes
 *    every book stale: the caller learns it from `all_stale` and marks the software's.
 *  - The card's order table is finite: TABLE_FULL where the software had room. The symbol is excused from then on; its
 *    records must be flagged STALE and are not compared otherwise.
 *  - So is its price window: a side whose best level fell out of it is lost, told by a STALE with code 7. From the first
 *    record that this spoils on, the symbol's records must be flagged STALE and equal in all but the BBO.
 *  - An order named by a message of another symbol makes both symbols stale. The software tells the owner first; the card
 *    tells it a few records later, without MORE.
 *  - LINE_B is not compared when both lines are fed: which was first is the card's to say. */
#ifndef FP_COMPARE_H
#define FP_COMPARE_H
#include "records.h"
#include <stdint.h>
#include <stdio.h>

enum {
    FP_COMPARE_WAITING = 8192, /* records of the software that the card still owes; a power of two */
    FP_COMPARE_HISTORY = 128,  /* records of the card kept for a report; the last 100 are printed */
    FP_COMPARE_MESSAGE = 64,
    FP_COMPARE_DEBTS = 64
};

/* What a symbol is excused for. SOON: its STALE with code 7 must still come. */
enum fp_excuse { FP_EXCUSED_NOT, FP_EXCUSED_ORDERS, FP_EXCUSED_SOON, FP_EXCUSED_LEVELS };

/* A record the software book left, and the message it comes from. */
struct fp_expected {
    struct fp_event event;
    uint64_t message;          /* index in the file, 0-based */
    uint8_t bytes[FP_COMPARE_MESSAGE];
    uint8_t length;
};

struct fp_compare {
    struct fp_expected waiting[FP_COMPARE_WAITING];
    uint64_t put, get;
    struct fp_event history[FP_COMPARE_HISTORY];
    uint64_t records;          /* of the card */
    uint64_t compared, notices, excused_records, table_full, sides_lost, stale_owed;
    uint64_t kinds[256];       /* compared records by kind */
    uint64_t next_seq;
    uint16_t ignored_flags;    /* not compared */
    uint8_t all_stale;         /* a notice said that every book is stale; the caller clears it */
    uint8_t excused[65536];    /* by locate: enum fp_excuse */
    uint8_t owed[65536];       /* by locate: STALE records of the owner that must still come */
    struct {
        uint64_t ref;
        uint16_t owner;
    } debts[FP_COMPARE_DEBTS]; /* the same, one by one; no order */
    int debt_count;
    struct fp_event difference; /* the card's record that differs, when there was one */
    struct fp_expected wanted;
    const char *reason;        /* NULL: no difference so far */
};

void fp_compare_init(struct fp_compare *compare);
/* What the software says the message leaves (seq not looked at). 0, or FP_E_NO_ROOM: the card owes too many records. */
int fp_compare_expect(struct fp_compare *compare, const struct fp_event *events, int count, uint64_t message, const uint8_t *bytes, int length);
/* One record of the card. 0, or FP_E_CORRUPT at the first difference, which stays in the struct. */
int fp_compare_record(struct fp_compare *compare, const struct fp_event *event);
/* At a moment when the card has said everything: 0, or FP_E_CORRUPT when it still owes a record. */
int fp_compare_settled(struct fp_compare *compare);
/* The difference in full: message, bytes, both records field by field, the last 100 records of the card. */
void fp_compare_report(const struct fp_compare *compare, FILE *out);

#endif
