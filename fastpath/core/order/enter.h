/* From a decided order to its bytes: OUCH Enter and Replace, journaled, then queued.
 * The three steps are apart because nothing may change before the journal has the
 * bytes, and nothing may leave before state knows the order. */
#ifndef FP_ENTER_H
#define FP_ENTER_H
#include "state.h"

struct fp_enter_bytes {
    uint8_t bytes[FP_OUCH_MAX_LEN];
    uint32_t length, urn;
};

/* Reason why the session cannot take one more order, or 0. */
uint16_t fp_enter_refusal(const struct fp_oms *oms, uint8_t venue);
/* Encode what is to be entered, under the venue's next number, and journal it: order has the terms (it may be a draft that
 * is in no table); replaces is the order that it replaces, or NULL. Reason when that failed; nothing has changed then. */
uint16_t fp_enter_journal(struct fp_oms *oms, uint8_t venue, const struct fp_order *order, const struct fp_order *replaces, struct fp_enter_bytes *out,
                          uint64_t now_ns);
/* The same for bytes that were encoded elsewhere: they must be, to the byte, the order's Enter. A number that was used
 * meanwhile is replaced by the next free one. Journals nothing. 0, or FP_RC_PROCESSING_ERROR. */
uint16_t fp_enter_given(const struct fp_oms *oms, uint8_t venue, const struct fp_order *order, const uint8_t *message, size_t length, struct fp_enter_bytes *out);
/* Journal what is in *bytes. Reason when that failed. */
uint16_t fp_enter_note(struct fp_oms *oms, uint8_t venue, const struct fp_enter_bytes *bytes, uint64_t now_ns);
/* What an Enter of the order looks like under a number. Its length, or a negative fp_error. */
int fp_enter_encode(const struct fp_oms *oms, uint8_t venue, const struct fp_order *order, uint32_t urn, uint8_t *out, size_t room);
/* Mark the order (in the table) sent and queue its journaled bytes. */
void fp_enter_send(struct fp_oms *oms, struct fp_order *order, const struct fp_enter_bytes *bytes, uint64_t now_ns);

#endif
