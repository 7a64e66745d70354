/* Encoding, journaling and queueing of enters and replaces; see enter.h. */
#include "enter.h"

uint16_t fp_enter_refusal(const struct fp_oms *oms, uint8_t index) {
    const struct fp_venue *venue = &oms->venues[index];
    if (venue->next_urn >= UINT32_MAX - 1)
        return FP_RC_TABLE_FULL; /* the venue's numbers are used up */
    if (fp_session_room(oms, index) < FP_OUCH_MAX_LEN + 3 + FP_OUT_CANCEL_RESERVE)
        return FP_RC_SEND_BUFFER_FULL;
    return 0;
}

static int encode_enter(const struct fp_venue *venue, const struct fp_order *order, uint32_t urn, uint8_t *out, size_t room) {
    union fp_ouch_in_body message = {.enter_order = {
        .type = 'O', .user_ref_num = urn, .side = order->side, .quantity = order->quantity, .price_e4 = order->price_e4,
        .time_in_force = order->tif, .display = 'Y', .capacity = 'P', .inter_market_sweep_eligibility = 'N', .cross_type = 'N',
    }};
    struct fp_ouch_appendage tags = {0};
    uint8_t firm[6];
    memcpy(message.enter_order.symbol, order->symbol, 8);
    fp_clordid_put(order->order_id, message.enter_order.cl_ord_id);
    if (venue->firm[0] != ' ') {
        int length = fp_ouch_put_tag(FP_OUCH_TAG_FIRM, (const uint8_t *)venue->firm, 4, firm, sizeof firm);
        tags = (struct fp_ouch_appendage){firm, (uint16_t)length, 1};
    }
    return fp_ouch_in_encode(&message, &tags, out, room);
}

static int encode_replace(const struct fp_order *order, const struct fp_order *replaces, uint32_t urn, uint8_t *out, size_t room) {
    union fp_ouch_in_body message = {.replace_order = {
        .type = 'U', .orig_user_ref_num = replaces->urn, .user_ref_num = urn, .quantity = order->quantity, .price_e4 = order->price_e4,
        .time_in_force = order->tif, .display = 'Y', .inter_market_sweep_eligibility = 'N',
    }};
    struct fp_ouch_appendage tags = {0};
    uint8_t side[3];
    fp_clordid_put(order->order_id, message.replace_order.cl_ord_id);
    if (order->side != replaces->side) { /* a sale that becomes short, or stops being it */
        int length = fp_ouch_put_tag(FP_OUCH_TAG_SIDE, (const uint8_t *)&order->side, 1, side, sizeof side);
        tags = (struct fp_ouch_appendage){side, (uint16_t)length, 1};
    }
    return fp_ouch_in_encode(&message, &tags, out, room);
}

uint16_t fp_enter_journal(struct fp_oms *oms, uint8_t index, const struct fp_order *order, const struct fp_order *replaces, struct fp_enter_bytes *out,
                          uint64_t now_ns) {
    const struct fp_venue *venue = &oms->venues[index];
    out->urn = venue->next_urn;
    int length = replaces ? encode_replace(order, replaces, out->urn, out->bytes, sizeof out->bytes)
                          : encode_enter(venue, order, out->urn, out->bytes, sizeof out->bytes);
    if (length < 0)
        return FP_RC_MALFORMED;
    out->length = (uint32_t)length;
    return fp_enter_note(oms, index, out, now_ns);
}

uint16_t fp_enter_note(struct fp_oms *oms, uint8_t index, const struct fp_enter_bytes *bytes, uint64_t now_ns) {
    return fp_journal_put(oms, FP_JR_BYTES_OUT, index, bytes->bytes, bytes->length, now_ns) ? FP_RC_JOURNAL_FAILED : 0;
}

int fp_enter_encode(const struct fp_oms *oms, uint8_t index, const struct fp_order *order, uint32_t urn, uint8_t *out, size_t room) {
    return encode_enter(&oms->venues[index], order, urn, out, room);
}

uint16_t fp_enter_given(const struct fp_oms *oms, uint8_t index, const struct fp_order *order, const uint8_t *message, size_t length, struct fp_enter_bytes *out) {
    const struct fp_venue *venue = &oms->venues[index];
    if (length < FP_OUCH_IN_ENTER_ORDER_LEN)
        return FP_RC_PROCESSING_ERROR;
    out->urn = fp_load_be32(message + FP_OUCH_IN_ENTER_ORDER_USER_REF_NUM);
    int own = encode_enter(venue, order, out->urn, out->bytes, sizeof out->bytes);
    if (own < 0 || (size_t)own != length || memcmp(out->bytes, message, length) != 0)
        return FP_RC_PROCESSING_ERROR;
    if (out->urn < venue->next_urn || out->urn >= UINT32_MAX - 1) { /* an order from here took that number within the same packet */
        out->urn = venue->next_urn;
        (void)encode_enter(venue, order, out->urn, out->bytes, sizeof out->bytes); /* the same length: it has been encoded just now */
    }
    out->length = (uint32_t)length;
    return 0;
}

void fp_enter_send(struct fp_oms *oms, struct fp_order *order, const struct fp_enter_bytes *bytes, uint64_t now_ns) {
    fp_order_sent(oms, order, bytes->urn, now_ns);
    fp_session_queue(oms, order->venue, bytes->bytes, bytes->length, fp_table_at(&oms->table, order), now_ns);
}
