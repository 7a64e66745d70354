/* The bus's requests as tables: which keys there are, of what type, and which each
 * operation takes. See request.h. */
#include "request.h"
#include "msgpack.h"
#include <stdio.h>
#include <string.h>

#define BIT(key) ((uint64_t)1 << FP_KEY_##key)
#define FIELD(member) offsetof(struct fp_request, member), sizeof((struct fp_request *)0)->member

enum kind { TEXT, NUMBER, FLAG };

static const struct key {
    const char *name;
    size_t offset, bytes; /* bytes of a TEXT include its closing zero */
    uint64_t limit;       /* of a NUMBER */
    uint16_t reason;      /* what a bad value is refused with */
    uint8_t kind;
} keys[FP_KEY_COUNT] = {
    [FP_KEY_V] = {"v", FIELD(v), 255, FP_RC_MALFORMED, NUMBER},
    [FP_KEY_ID] = {"id", FIELD(id), UINT64_MAX, FP_RC_MALFORMED, NUMBER},
    [FP_KEY_OP] = {"op", FIELD(op_name), 0, FP_RC_MALFORMED, TEXT},
    [FP_KEY_VENUE] = {"venue", FIELD(venue), 0, FP_RC_UNKNOWN_VENUE, TEXT},
    [FP_KEY_SYMBOL] = {"symbol", FIELD(symbol), 0, FP_RC_SYMBOL, TEXT},
    [FP_KEY_QUERY] = {"query", FIELD(query), 0, FP_RC_MALFORMED, TEXT},
    [FP_KEY_OFFSET] = {"offset", FIELD(offset), UINT32_MAX, FP_RC_MALFORMED, NUMBER},
    [FP_KEY_MAX] = {"max", FIELD(max), 500, FP_RC_MALFORMED, NUMBER},
    [FP_KEY_LEVELS] = {"levels", FIELD(levels), 100, FP_RC_MALFORMED, NUMBER},
    [FP_KEY_TOPIC] = {"topic", FIELD(topic), 0, FP_RC_MALFORMED, TEXT},
    [FP_KEY_EPOCH] = {"epoch", FIELD(epoch), UINT32_MAX, FP_RC_MALFORMED, NUMBER},
    [FP_KEY_FROM] = {"from", FIELD(from), UINT64_MAX, FP_RC_MALFORMED, NUMBER},
    [FP_KEY_TO] = {"to", FIELD(to), UINT64_MAX, FP_RC_MALFORMED, NUMBER},
    [FP_KEY_ACCOUNT] = {"account", FIELD(account), 0, FP_RC_UNKNOWN_ACCOUNT, TEXT},
    [FP_KEY_AGENT] = {"agent", FIELD(agent), 0, FP_RC_UNKNOWN_AGENT, TEXT},
    [FP_KEY_CLIENT_ORDER_ID] = {"client_order_id", FIELD(client_order_id), 0, FP_RC_CLIENT_ORDER_ID, TEXT},
    [FP_KEY_NEW_CLIENT_ORDER_ID] = {"new_client_order_id", FIELD(new_client_order_id), 0, FP_RC_CLIENT_ORDER_ID, TEXT},
    [FP_KEY_OPEN] = {"open", FIELD(open), 1, FP_RC_MALFORMED, FLAG},
    [FP_KEY_AFTER] = {"after", FIELD(after), UINT64_MAX, FP_RC_MALFORMED, NUMBER},
    [FP_KEY_SIDE] = {"side", FIELD(side), 0, FP_RC_SIDE, TEXT},
    [FP_KEY_QUANTITY] = {"quantity", FIELD(quantity), UINT32_MAX, FP_RC_QUANTITY, NUMBER},
    [FP_KEY_ORDER_TYPE] = {"order_type", FIELD(order_type), 0, FP_RC_ORDER_TYPE, TEXT},
    [FP_KEY_PRICE_E4] = {"price_e4", FIELD(price_e4), UINT32_MAX, FP_RC_PRICE, NUMBER},
    [FP_KEY_TIF] = {"tif", FIELD(tif), 0, FP_RC_TIF, TEXT},
    [FP_KEY_MAX_QUOTE_AGE_MS] = {"max_quote_age_ms", FIELD(max_quote_age_ms), UINT32_MAX, FP_RC_MALFORMED, NUMBER},
    [FP_KEY_REASON_TEXT] = {"reason_text", FIELD(reason_text), 0, FP_RC_MALFORMED, TEXT},
    [FP_KEY_SCOPE] = {"scope", FIELD(scope), 0, FP_RC_MALFORMED, TEXT},
    [FP_KEY_TARGET] = {"target", FIELD(target), 0, FP_RC_MALFORMED, TEXT},
    [FP_KEY_OPERATOR] = {"operator", FIELD(operator_name), 0, FP_RC_MALFORMED, TEXT},
    [FP_KEY_DEADLINE_NS] = {"deadline_ns", FIELD(deadline_ns), UINT64_MAX, FP_RC_MALFORMED, NUMBER},
    [FP_KEY_CONDITION] = {"condition", FIELD(condition), 0, FP_RC_MALFORMED, TEXT},
    [FP_KEY_TRIGGER_E4] = {"trigger_e4", FIELD(trigger_e4), UINT32_MAX, FP_RC_PRICE, NUMBER},
    [FP_KEY_EXPIRE_NS] = {"expire_ns", FIELD(expire_ns), UINT64_MAX, FP_RC_MALFORMED, NUMBER},
};

#define ORDER_KEYS (BIT(ACCOUNT) | BIT(AGENT) | BIT(VENUE) | BIT(SYMBOL) | BIT(SIDE) | BIT(QUANTITY) | BIT(ORDER_TYPE) | BIT(PRICE_E4) | BIT(TIF) | BIT(CLIENT_ORDER_ID))
#define REPLACE_KEYS (BIT(ACCOUNT) | BIT(AGENT) | BIT(CLIENT_ORDER_ID) | BIT(NEW_CLIENT_ORDER_ID) | BIT(QUANTITY) | BIT(PRICE_E4))
#define TRIGGER_KEYS (ORDER_KEYS | BIT(CONDITION) | BIT(TRIGGER_E4))
#define MAY_SAY (BIT(MAX_QUOTE_AGE_MS) | BIT(REASON_TEXT))

static const struct operation {
    const char *name;
    uint64_t needs, takes; /* beside v, id and op */
} operations[FP_OP_COUNT] = {
    [FP_OP_NONE] = {"", 0, 0},
    [FP_OP_HELLO] = {"hello", 0, 0},
    [FP_OP_STATE] = {"state", 0, 0},
    [FP_OP_INSTRUMENTS] = {"instruments", 0, BIT(VENUE) | BIT(QUERY) | BIT(OFFSET) | BIT(MAX)},
    [FP_OP_TOP] = {"top", BIT(SYMBOL), BIT(VENUE)},
    [FP_OP_DEPTH] = {"depth", BIT(SYMBOL) | BIT(VENUE) | BIT(LEVELS), 0},
    [FP_OP_TRADES] = {"trades", BIT(SYMBOL) | BIT(MAX), BIT(VENUE)},
    [FP_OP_SNAPSHOT] = {"snapshot", BIT(TOPIC), 0},
    [FP_OP_REPLAY] = {"replay", BIT(TOPIC) | BIT(EPOCH) | BIT(FROM) | BIT(TO), 0},
    [FP_OP_ORDER] = {"order", BIT(ACCOUNT) | BIT(CLIENT_ORDER_ID), 0},
    [FP_OP_ORDERS] = {"orders", BIT(ACCOUNT) | BIT(OPEN) | BIT(MAX), BIT(SYMBOL) | BIT(AFTER)},
    [FP_OP_POSITIONS] = {"positions", BIT(ACCOUNT), 0},
    [FP_OP_LIMITS] = {"limits", BIT(ACCOUNT), BIT(AGENT)},
    [FP_OP_PREVIEW] = {"preview", ORDER_KEYS, MAY_SAY},
    [FP_OP_SUBMIT] = {"submit", ORDER_KEYS, MAY_SAY | BIT(DEADLINE_NS)},
    [FP_OP_PREVIEW_REPLACE] = {"preview_replace", REPLACE_KEYS, MAY_SAY},
    [FP_OP_REPLACE] = {"replace", REPLACE_KEYS, MAY_SAY | BIT(DEADLINE_NS)},
    [FP_OP_CANCEL] = {"cancel", BIT(ACCOUNT) | BIT(AGENT) | BIT(CLIENT_ORDER_ID), BIT(REASON_TEXT)},
    [FP_OP_CANCEL_ALL] = {"cancel_all", BIT(ACCOUNT) | BIT(AGENT), BIT(SYMBOL) | BIT(VENUE) | BIT(SIDE) | BIT(REASON_TEXT)},
    [FP_OP_KILL] = {"kill", BIT(AGENT) | BIT(SCOPE) | BIT(REASON_TEXT), BIT(TARGET)},
    [FP_OP_RELEASE] = {"release", BIT(OPERATOR) | BIT(SCOPE) | BIT(REASON_TEXT), BIT(TARGET)},
    [FP_OP_STATS] = {"stats", 0, 0},
    [FP_OP_PREVIEW_TRIGGER] = {"preview_trigger", TRIGGER_KEYS, MAY_SAY | BIT(EXPIRE_NS)},
    [FP_OP_ARM_TRIGGER] = {"arm_trigger", TRIGGER_KEYS, MAY_SAY | BIT(EXPIRE_NS) | BIT(DEADLINE_NS)},
    [FP_OP_DISARM_TRIGGER] = {"disarm_trigger", BIT(ACCOUNT) | BIT(AGENT) | BIT(CLIENT_ORDER_ID), BIT(REASON_TEXT)},
    [FP_OP_TRIGGERS] = {"triggers", BIT(ACCOUNT) | BIT(MAX), BIT(SYMBOL) | BIT(AFTER)},
};

const char *fp_op_name(enum fp_op op) {
    return op < FP_OP_COUNT ? operations[op].name : "";
}

static int refuse(struct fp_request *out, uint16_t reason, const char *what, const char *name, size_t length) {
    out->reason = reason;
    /* What came in may hold any bytes; only printable ones are shown back. */
    char shown[33] = {0};
    for (size_t i = 0; i < length && i < sizeof shown - 1; i++) shown[i] = name[i] >= 0x20 && name[i] < 0x7f ? name[i] : '?';
    snprintf(out->error, sizeof out->error, "%s%s%s", what, length ? " " : "", shown);
    return FP_E_BAD_FIELD;
}

static int refuse_key(struct fp_request *out, const struct key *key, const char *what) {
    return refuse(out, key->reason, what, key->name, strlen(key->name));
}

static int find_key(const struct fp_mp_value *name) {
    for (int i = 0; i < FP_KEY_COUNT; i++)
        if (strlen(keys[i].name) == name->length && memcmp(keys[i].name, name->data, name->length) == 0) return i;
    return -1;
}

/* ASCII without control characters; the journal's remark may be any UTF-8. */
static int is_clean(const uint8_t *text, size_t length, int any_utf8) {
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] == 0x7f || (text[i] > 0x7f && !any_utf8)) return 0;
    return 1;
}

static int set_value(struct fp_request *out, int number, const struct fp_mp_value *value) {
    const struct key *key = &keys[number];
    uint8_t *target = (uint8_t *)out + key->offset;
    switch (key->kind) {
    case FLAG:
        if (value->type != FP_MP_BOOL) return refuse_key(out, key, "not a boolean:");
        *target = (uint8_t)value->u;
        return 0;
    case NUMBER:
        if (value->type != FP_MP_UINT || value->u > key->limit) return refuse_key(out, key, "not an integer in range:");
        memcpy(target, &value->u, sizeof value->u);
        return 0;
    default:
        if (value->type != FP_MP_STR) return refuse_key(out, key, "not a string:");
        if (value->length >= key->bytes) return refuse_key(out, key, "too long:");
        if (!is_clean(value->data, value->length, number == FP_KEY_REASON_TEXT)) return refuse_key(out, key, "unprintable characters in");
        memcpy(target, value->data, value->length);
        return 0;
    }
}

static int check_operation(struct fp_request *out) {
    const uint32_t envelope = BIT(V) | BIT(ID) | BIT(OP);
    for (int i = 0; i < FP_KEY_COUNT; i++)
        if ((envelope & ~out->present) >> i & 1) return refuse(out, FP_RC_MALFORMED, "missing key", keys[i].name, strlen(keys[i].name));
    if (out->v != 1) return refuse(out, FP_RC_MALFORMED, "only version 1 is spoken here", "", 0);
    for (int op = 1; op < FP_OP_COUNT && !out->op; op++)
        if (strcmp(operations[op].name, out->op_name) == 0) out->op = (uint8_t)op;
    if (!out->op) return refuse(out, FP_RC_MALFORMED, "unknown op", out->op_name, strlen(out->op_name));
    const struct operation *operation = &operations[out->op];
    for (int i = 0; i < FP_KEY_COUNT; i++) {
        if ((operation->needs & ~out->present) >> i & 1) return refuse(out, FP_RC_MALFORMED, "missing key", keys[i].name, strlen(keys[i].name));
        if ((out->present & ~(envelope | operation->needs | operation->takes)) >> i & 1) return refuse(out, FP_RC_MALFORMED, "this op takes no key", keys[i].name, strlen(keys[i].name));
    }
    return 0;
}

int fp_request_parse(const uint8_t *bytes, size_t length, struct fp_request *out) {
    memset(out, 0, sizeof *out);
    struct fp_mp_reader whole = {bytes, bytes + length}, reader = whole;
    struct fp_mp_value map, name, value;
    int first_refusal = 0;
    if (length > FP_REQUEST_MAX_BYTES) return refuse(out, FP_RC_MALFORMED, "request longer than 8192 bytes", "", 0);
    int sound = fp_mp_skip(&whole);
    if (sound != 0 || fp_mp_read(&reader, &map) != 0 || map.type != FP_MP_MAP)
        return refuse(out, FP_RC_MALFORMED, sound == FP_E_UNKNOWN_TYPE ? "floats and extensions are not spoken here" : "not one msgpack map", "", 0);
    if (whole.at != whole.end) return refuse(out, FP_RC_MALFORMED, "bytes after the map", "", 0);
    for (uint32_t i = 0; i < map.length; i++) {
        if (fp_mp_read(&reader, &name) != 0 || name.type != FP_MP_STR) return refuse(out, FP_RC_MALFORMED, "keys must be strings", "", 0);
        int number = find_key(&name);
        struct fp_mp_reader before = reader;
        fp_mp_read(&reader, &value);
        if (value.type == FP_MP_ARRAY || value.type == FP_MP_MAP) {
            reader = before;
            fp_mp_skip(&reader);
        }
        if (first_refusal) {
            /* The first refusal is the one told, but the answer still needs the id. */
            if (number == FP_KEY_ID && value.type == FP_MP_UINT) out->id = value.u;
        } else if (number < 0) {
            first_refusal = refuse(out, FP_RC_MALFORMED, "unknown key", (const char *)name.data, name.length);
        } else if (out->present >> number & 1) {
            first_refusal = refuse(out, FP_RC_MALFORMED, "key given twice:", keys[number].name, strlen(keys[number].name));
        } else if ((first_refusal = set_value(out, number, &value)) == 0) {
            out->present |= (uint64_t)1 << number;
        }
    }
    return first_refusal ? first_refusal : check_operation(out);
}
