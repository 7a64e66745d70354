/* What the software says of a frame, and what the card must therefore say of it. The software's word is its own: fp_net_parse,
 * then the arbiter's window, fp_mold_rx_push, in the state in which the frames before left it. The card must refuse what the software
 * refuses, take what it takes, and name the same reason; where it may not, a named rule or pair of the tables in
 * hostile_judge.c says so, and nothing else does. Never looks at the card. */
#ifndef FP_HOSTILE_JUDGE_H
#define FP_HOSTILE_JUDGE_H
#include "wire/mold_rx.h"
#include <stddef.h>
#include <stdint.h>

/* Where the card may do other than the software. */
enum fp_rule { FP_RULE_NONE, FP_RULE_NOT_ADDRESSED, FP_RULE_SHORT_MESSAGE, FP_RULE_FAR_JUMP, FP_RULE_FAR_BEHIND, FP_RULES };
enum { FP_SHORTEST = 12 /* bytes of a message that the card takes */ };

struct fp_judge {
    struct fp_mold_rx *rx;           /* the software's window; the caller drains it after a frame that is taken */
    struct fp_mold_rx_config config;
    uint32_t group[2];
    uint16_t port[2];
};

struct fp_verdict {
    int error;                /* the software's: 0 taken, or what it refuses the frame for */
    int told;                 /* the card must tell it by one FRAME_BAD */
    int code;                 /* ... for this reason, a negative fp_error, or for one that fp_judge_reason allows */
    int far;                  /* the card must tell GAP, unless it did since the last good frame of the line */
    enum fp_rule rule;
    uint32_t faults;          /* what is wrong with the frame, by 1 << positive fp_error, whichever is seen first */
    struct fp_mold_header header; /* where the card reads it, also of a bad frame; all 0 when it is not there */
    const uint8_t *blocks;    /* behind it, to the frame's end */
    size_t length;
};

/* config, group and port are set. 0, or FP_E_BAD_CONFIG or FP_E_NO_MEMORY. */
int fp_judge_open(struct fp_judge *judge);
/* The window begins again, empty, at a sequence. */
void fp_judge_restart(struct fp_judge *judge, uint64_t sequence);
/* Puts one frame before the software. What it takes and the card must refuse is out of the window again. The frame must stay
 * until the window is drained. */
void fp_judge_frame(struct fp_judge *judge, const uint8_t *frame, size_t length, int line, int bad_fcs, uint64_t now_ns, struct fp_verdict *verdict);
/* May the card say this reason (a negative fp_error) of a frame it must refuse? The pair's number, 0 when it is the very
 * reason, -1 when it may not. */
int fp_judge_reason(const struct fp_verdict *verdict, int reason);

const char *fp_rule_name(enum fp_rule rule);
const char *fp_rule_why(enum fp_rule rule);
/* Pair 1 and so on: NULL behind the last one. */
const char *fp_pair(int number, int *software, int *card);

#endif
