/* Ends and kills that took effect although the journal could not take them: kept here, and
 * written before anything else as soon as it can, so that a restart does not bring an
 * ended trigger back. It holds records only, and never writes one twice. */
#ifndef FP_OWED_H
#define FP_OWED_H
#include "journal_body.h"

enum { FP_OWED_MAX = 2048 }; /* every trigger that may be armed, and as many kill switches */

struct fp_owed {
    uint64_t time_ns;
    uint16_t type, venue, length;
    union {
        struct fp_jr_trigger trigger;
        struct fp_jr_kill kill;
    } body;
};

struct fp_owed_list {
    uint32_t first, count;
    struct fp_owed records[FP_OWED_MAX];
};

struct fp_oms;

/* Journal a TRIGGER or KILL record now, or owe it. 0, or 1: owed (or, with the list full, only counted as unjournaled). */
int fp_owed_put(struct fp_oms *oms, uint16_t type, uint16_t venue, const void *body, uint16_t length, uint64_t now_ns);
/* Write what is owed. 0: nothing is any more; or the journal's error. */
int fp_owed_settle(struct fp_oms *oms);

#endif
