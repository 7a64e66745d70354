/* TotalView-ITCH 5.0 messages: lengths, decode to host-order structs, encode back.
 * Pure functions over byte ranges; it keeps no state and knows no book. */
#ifndef FP_ITCH_H
#define FP_ITCH_H
#include "../records.h"
#include "itch_layout.h"

/* Wire length of a message type, 0 when the type is not in ITCH 5.0. */
uint8_t fp_itch_length(uint8_t type);

/* Decode one whole message. bytes[0] is the type.
 * Returns 0; FP_E_TRUNCATED (length 0), FP_E_UNKNOWN_TYPE, FP_E_BAD_LENGTH when length differs from the type's. */
int fp_itch_decode(const uint8_t *bytes, size_t length, union fp_itch_body *out);

/* Encode one message of out->type. Returns bytes written; FP_E_UNKNOWN_TYPE, FP_E_NO_ROOM,
 * FP_E_BAD_FIELD when a value does not fit its wire width. */
int fp_itch_encode(const union fp_itch_body *message, uint8_t *out, size_t room);

#endif
