/* Triggers: orders that have passed risk, hold their reservation, and wait for the
 * best bid or ask of their symbol at their venue to reach a price.
 *
 * Fired once, within the call that brings the price, after the same risk function has
 * looked again at the real quote; or expired, or disarmed. Each step is journaled
 * before it is believed. It holds conditions only; the orders are in the table. */
#ifndef FP_TRIGGER_H
#define FP_TRIGGER_H
#include "state.h"

/* Reason why a command's condition cannot be armed, or 0. */
uint16_t fp_trigger_refusal(const struct fp_oms *oms, const struct fp_command *command);
/* The quote that the checks at arming time see: the real one's age and state, the prices of the moment it will fire. */
void fp_trigger_quote(const struct fp_command *command, const struct fp_quote *real, struct fp_quote *out);
/* Put a new order under its condition: state ARMED. NULL when a table is full. Journal first. */
struct fp_order *fp_trigger_arm(struct fp_oms *oms, const struct fp_entry *entry, uint64_t now_ns);
/* FP_RC_DUPLICATE_RATE when the same agent armed the same order on the same condition within the duplicate window, else 0. */
uint16_t fp_trigger_repeated(const struct fp_oms *oms, const struct fp_command *command, uint64_t now_ns);
/* Take an armed order back unfired; reason is what its end tells. 1, or 0 when it was not armed. */
int fp_trigger_disarm(struct fp_oms *oms, struct fp_order *order, uint16_t reason, uint64_t now_ns);
/* The venue's session has become live: what was met while it was not, and still is, fires now. */
void fp_trigger_resume(struct fp_oms *oms, uint8_t venue, uint64_t now_ns);
/* The order is about to be sent: it waits no longer. */
void fp_trigger_release(struct fp_oms *oms, struct fp_order *order);
/* Expiries. */
void fp_trigger_timer(struct fp_oms *oms, uint64_t now_ns);
/* Fold: apply a TRIGGER record. 0 or FP_E_CORRUPT. */
int fp_trigger_fold(struct fp_oms *oms, const struct fp_jr_trigger *body, uint64_t now_ns);

#endif
