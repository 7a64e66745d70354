/* Background order flow: zero-intelligence traders and one market maker a symbol around a
 * seeded, slowly drifting fair price. Cancels balance adds, so the book stays bounded.
 *
 * Draws every choice from its own seeded generator and the books' present state, never
 * from a clock: the same seed and the same records in between give the same flow. */
#ifndef FP_SIM_FLOW_H
#define FP_SIM_FLOW_H
#include "matching.h"

struct fp_flow_config {
    uint64_t seed;
    uint32_t orders_per_symbol; /* live background orders aimed at, 8..4096 */
    uint32_t drift_bps;         /* 0..10000: how one-sided the walk of the fair price is (5000 = always one way) */
};

struct fp_flow;                 /* opaque */

size_t fp_flow_size(const struct fp_flow_config *config, const struct fp_match_symbol *symbols, int count);
/* memory: zeroed, 8-byte aligned. Returns 0 or FP_E_BAD_CONFIG (a start price outside 0.05..100,000 dollars). */
int fp_flow_init(struct fp_flow *flow, const struct fp_flow_config *config, const struct fp_match_symbol *symbols, int count);
/* Fill the books once, before the first step. Returns records applied. */
int fp_flow_prime(struct fp_flow *flow, struct fp_match *match, uint64_t time_ns);
/* One trader acts: 1..2 records are applied to the books. Returns how many. */
int fp_flow_step(struct fp_flow *flow, struct fp_match *match, uint64_t time_ns);
/* The generator's fair price of a symbol index, 1/10000 dollar. */
uint32_t fp_flow_fair_e4(const struct fp_flow *flow, int index);

#endif
