/* OUCH 5.0 messages, both directions, with their appendages. The same letter means
 * different messages in each direction, so every function is typed by direction.
 * Pure functions over byte ranges; it keeps no state. */
#ifndef FP_OUCH_H
#define FP_OUCH_H
#include "../records.h"
#include "ouch_layout.h"

enum { FP_OUCH_MARKET_PRICE_E4 = 0x7FFFFFFF, FP_OUCH_MAX_PRICE_E4 = 0x7735939C, FP_OUCH_MAX_QUANTITY = 999999, FP_OUCH_MAX_LEN = 512 };

/* TagValue elements as they are on the wire: [len u8][tag u8][value] ... len counts the tag byte. */
struct fp_ouch_appendage {
    const uint8_t *bytes; /* NULL when length is 0 */
    uint16_t length;
    uint8_t present;      /* the two length bytes were there */
};

/* Decode client -> venue. FP_E_TRUNCATED, FP_E_UNKNOWN_TYPE, FP_E_BAD_LENGTH (body, or an appendage that does not tile). */
int fp_ouch_in_decode(const uint8_t *bytes, size_t length, union fp_ouch_in_body *out, struct fp_ouch_appendage *appendage);
/* Decode venue -> client. Also accepts the 31-byte AIQ Canceled and the 34-byte Order Executed of older revisions. */
int fp_ouch_out_decode(const uint8_t *bytes, size_t length, union fp_ouch_out_body *out, struct fp_ouch_appendage *appendage);

/* Encode. appendage may be NULL. Optional appendages are omitted when empty, required ones written as length 0.
 * Returns bytes written; FP_E_UNKNOWN_TYPE, FP_E_NO_ROOM, FP_E_BAD_FIELD. */
int fp_ouch_in_encode(const union fp_ouch_in_body *message, const struct fp_ouch_appendage *appendage, uint8_t *out, size_t room);
int fp_ouch_out_encode(const union fp_ouch_out_body *message, const struct fp_ouch_appendage *appendage, uint8_t *out, size_t room);

/* Find a tag's value. Returns its length and sets *value, or FP_E_NOT_FOUND. */
int fp_ouch_tag(const struct fp_ouch_appendage *appendage, uint8_t tag, const uint8_t **value);
/* Append one element. Returns bytes written or FP_E_NO_ROOM. */
int fp_ouch_put_tag(uint8_t tag, const uint8_t *value, size_t length, uint8_t *out, size_t room);

#endif
