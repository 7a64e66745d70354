/* The matching core on a bench: books, flow and tape without sockets or threads, outputs
 * collected in one growing buffer. For tests, audits and offline runs; the server does
 * not use it. */
#ifndef FP_SIM_LAB_H
#define FP_SIM_LAB_H
#include "flow.h"
#include "matching.h"

struct fp_lab; /* opaque */

/* Open books (and a flow when flow is not NULL). NULL when memory or the configuration fails. */
struct fp_lab *fp_lab_open(const struct fp_match_config *config, const struct fp_flow_config *flow);
/* Apply one record; outputs are appended. Returns as fp_match_apply. */
int fp_lab_apply(struct fp_lab *lab, const struct fp_match_input *input);
/* Prime the flow, or take count steps with the time rising by step_ns each. Returns records applied. */
int fp_lab_prime(struct fp_lab *lab, uint64_t time_ns);
int64_t fp_lab_flow(struct fp_lab *lab, uint64_t count, uint64_t time_ns, uint64_t step_ns);
/* Apply every message of ITCH bytes in any tape form. Returns the form (enum fp_tape_form) or FP_E_BAD_FIELD; *applied counts messages. */
int fp_lab_replay(struct fp_lab *lab, const uint8_t *bytes, size_t length, uint64_t time_ns, uint64_t *applied);
/* What came out since the last take: records of u8 stream ('F' feed, 'O' orders), u8 account, u16 little-endian length, bytes.
 * Returns the length, with *bytes set until the next call on the lab. */
int64_t fp_lab_take(struct fp_lab *lab, const uint8_t **bytes);
struct fp_match *fp_lab_match(struct fp_lab *lab);
void fp_lab_close(struct fp_lab *lab);

#endif
