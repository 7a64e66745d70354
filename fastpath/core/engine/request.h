/* Requests on the bus: one msgpack map into one struct, checked against what the
 * operation takes. Unknown, repeated, missing and ill-typed keys are refused with a
 * line that names the key; nothing is guessed. It knows no engine. */
#ifndef FP_REQUEST_H
#define FP_REQUEST_H
#include "../records.h"
#include <stddef.h>

enum { FP_REQUEST_MAX_BYTES = 8192, FP_REQUEST_ERROR_MAX = 160 };

enum fp_op {
    FP_OP_NONE, FP_OP_HELLO, FP_OP_STATE, FP_OP_INSTRUMENTS, FP_OP_TOP, FP_OP_DEPTH, FP_OP_TRADES, FP_OP_SNAPSHOT, FP_OP_REPLAY,
    FP_OP_ORDER, FP_OP_ORDERS, FP_OP_POSITIONS, FP_OP_LIMITS, FP_OP_PREVIEW, FP_OP_SUBMIT, FP_OP_PREVIEW_REPLACE, FP_OP_REPLACE,
    FP_OP_CANCEL, FP_OP_CANCEL_ALL, FP_OP_KILL, FP_OP_RELEASE, FP_OP_STATS, FP_OP_PREVIEW_TRIGGER, FP_OP_ARM_TRIGGER, FP_OP_DISARM_TRIGGER,
    FP_OP_TRIGGERS, FP_OP_COUNT
};

enum fp_key {
    FP_KEY_V, FP_KEY_ID, FP_KEY_OP, FP_KEY_VENUE, FP_KEY_SYMBOL, FP_KEY_QUERY, FP_KEY_OFFSET, FP_KEY_MAX, FP_KEY_LEVELS, FP_KEY_TOPIC, FP_KEY_EPOCH,
    FP_KEY_FROM, FP_KEY_TO, FP_KEY_ACCOUNT, FP_KEY_AGENT, FP_KEY_CLIENT_ORDER_ID, FP_KEY_NEW_CLIENT_ORDER_ID, FP_KEY_OPEN, FP_KEY_AFTER, FP_KEY_SIDE,
    FP_KEY_QUANTITY, FP_KEY_ORDER_TYPE, FP_KEY_PRICE_E4, FP_KEY_TIF, FP_KEY_MAX_QUOTE_AGE_MS, FP_KEY_REASON_TEXT, FP_KEY_SCOPE, FP_KEY_TARGET,
    FP_KEY_OPERATOR, FP_KEY_DEADLINE_NS, FP_KEY_CONDITION, FP_KEY_TRIGGER_E4, FP_KEY_EXPIRE_NS, FP_KEY_COUNT
};

/* Strings are zero terminated. Absent keys are zero; `present` tells them from zeroes. */
struct fp_request {
    uint64_t id, v, offset, max, levels, epoch, from, to, after, quantity, price_e4, max_quote_age_ms, deadline_ns, trigger_e4, expire_ns;
    uint64_t present;  /* bit per enum fp_key */
    uint16_t reason;   /* why it was refused, enum fp_reason */
    uint8_t op, open;
    char op_name[24], venue[24], symbol[9], query[9], topic[64], account[24], agent[24], client_order_id[37], new_client_order_id[37];
    char side[2], order_type[8], tif[4], reason_text[96], scope[8], target[24], operator_name[24], condition[20];
    char error[FP_REQUEST_ERROR_MAX]; /* one readable line when refused */
};

static inline int fp_request_has(const struct fp_request *request, enum fp_key key) {
    return (int)(request->present >> key & 1);
}

/* 0, or FP_E_BAD_FIELD with out->reason and out->error set; out->id is set whenever it could be read, so that
 * the refusal finds its request. */
int fp_request_parse(const uint8_t *bytes, size_t length, struct fp_request *out);

const char *fp_op_name(enum fp_op op);

#endif
