// ITCH 5.0 and OUCH 5.0 messages by hand: fields by name, both directions, every length and every refusal.
// sources: fastpath/core/wire/layout.c fastpath/core/wire/itch.c fastpath/core/wire/ouch.c
#include "check.h"
#include "wire/itch.h"
#include "wire/ouch.h"
#include <stdlib.h>

/* Decode from memory of exactly this length, so that a read beyond it is seen by the sanitizer. */
static int itch(const void *bytes, size_t length, union fp_itch_body *out) {
    uint8_t *exact = malloc(length ? length : 1);
    memcpy(exact, bytes, length);
    int rc = fp_itch_decode(exact, length, out);
    free(exact);
    return rc;
}

static void test_add_order_by_hand(void) {
    static const uint8_t wire[] = {
        'A', 0x12, 0x34, 0x56, 0x78, 0x1F, 0x1A, 0xCE, 0xD9, 0xF0, 0x7B, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10,
        'S', 0x00, 0x00, 0x01, 0x2C, 'A', 'A', 'P', 'L', ' ', ' ', ' ', ' ', 0x00, 0x16, 0xF0, 0xA8,
    };
    union fp_itch_body m;
    CHECK_EQ(itch(wire, sizeof wire, &m), 0);
    CHECK_EQ(m.type, 'A');
    CHECK_EQ(m.add_order.type, 'A');
    CHECK_EQ(m.add_order.locate, 0x1234);
    CHECK_EQ(m.add_order.tracking, 0x5678);
    CHECK_EQ(m.add_order.timestamp_ns, 0x1F1ACED9F07B);
    CHECK_EQ(m.add_order.order_ref, 0xFEDCBA9876543210);
    CHECK_EQ(m.add_order.side, 'S');
    CHECK_EQ(m.add_order.shares, 300);
    CHECK_MEM(m.add_order.stock, "AAPL    ", 8);
    CHECK_EQ(m.add_order.price_e4, 1503400);
    uint8_t out[64];
    CHECK_EQ(fp_itch_encode(&m, out, sizeof out), sizeof wire);
    CHECK_MEM(out, wire, sizeof wire);
    CHECK_EQ(fp_itch_encode(&m, out, sizeof wire - 1), FP_E_NO_ROOM);
    m.add_order.timestamp_ns = 1ull << 48; /* 48 bits on the wire */
    CHECK_EQ(fp_itch_encode(&m, out, sizeof out), FP_E_BAD_FIELD);
    m.add_order.timestamp_ns--;
    CHECK_EQ(fp_itch_encode(&m, out, sizeof out), sizeof wire);
}

static void test_itch_every_type_and_every_length(void) {
    union fp_itch_body m, again;
    uint8_t wire[64], out[64];
    int known = 0;
    for (int type = 0; type < 256; type++) {
        uint8_t length = fp_itch_length((uint8_t)type);
        for (size_t i = 0; i < sizeof wire; i++)
            wire[i] = (uint8_t)(i * 37 + 201);
        wire[0] = (uint8_t)type;
        known += length != 0;
        CHECK_EQ(itch(wire, 0, &m), FP_E_TRUNCATED);
        for (size_t n = 1; n < sizeof wire; n++)
            CHECK_EQ(itch(wire, n, &m), !length ? FP_E_UNKNOWN_TYPE : n == length ? 0 : FP_E_BAD_LENGTH);
        m.type = (char)type;
        if (!length) {
            CHECK_EQ(fp_itch_encode(&m, out, sizeof out), FP_E_UNKNOWN_TYPE);
            continue;
        }
        CHECK_EQ(itch(wire, length, &m), 0);
        CHECK_EQ(fp_itch_encode(&m, out, length), length);
        CHECK_MEM(out, wire, length); /* no byte of any message is left out */
        CHECK_EQ(itch(out, length, &again), 0);
        CHECK_MEM(&m, &again, sizeof m);
    }
    CHECK_EQ(known, 23);
}

static void test_tables_are_sound(void) {
    const struct {
        const struct fp_layout *layouts;
        size_t count, host_size;
    } tables[] = {{fp_itch_layouts, FP_ITCH_LAYOUT_COUNT, sizeof(union fp_itch_body)},
                  {fp_ouch_in_layouts, FP_OUCH_IN_LAYOUT_COUNT, sizeof(union fp_ouch_in_body)},
                  {fp_ouch_out_layouts, FP_OUCH_OUT_LAYOUT_COUNT, sizeof(union fp_ouch_out_body)}};
    for (size_t t = 0; t < 3; t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct fp_layout *layout = &tables[t].layouts[i];
            size_t at = 0;
            for (size_t f = 0; f < layout->field_count; f++) {
                const struct fp_field *field = &layout->fields[f];
                CHECK_EQ(field->wire_offset, at); /* fields tile the message */
                at += field->wire_width;
                CHECK_EQ(field->host_width, field->wire_width == 6 ? 8 : field->wire_width); /* the codec relies on it */
                CHECK(field->kind == FP_FIELD_ALPHA || strchr("\1\2\4\6\10", field->wire_width));
                CHECK((size_t)field->host_offset + field->host_width <= tables[t].host_size);
            }
            CHECK_EQ(at, layout->length);
            CHECK_EQ(layout->fields[0].host_offset, 0); /* the type, where the union reads it */
        }
}

/* ---- OUCH ---- */

static int in(const void *bytes, size_t length, union fp_ouch_in_body *out, struct fp_ouch_appendage *appendage) {
    uint8_t *exact = malloc(length ? length : 1);
    memcpy(exact, bytes, length);
    int rc = fp_ouch_in_decode(exact, length, out, appendage);
    free(exact);
    return rc;
}

static int out(const void *bytes, size_t length, union fp_ouch_out_body *message) {
    uint8_t *exact = malloc(length ? length : 1);
    memcpy(exact, bytes, length);
    int rc = fp_ouch_out_decode(exact, length, message, NULL);
    free(exact);
    return rc;
}

static void test_enter_order_by_hand(void) {
    union fp_ouch_in_body m = {.enter_order = {.type = 'O', .user_ref_num = 113, .side = 'T', .quantity = 225, .price_e4 = 630200,
                                               .time_in_force = '0', .display = 'Y', .capacity = 'A', .inter_market_sweep_eligibility = 'N', .cross_type = 'N'}};
    memcpy(m.enter_order.symbol, "CVLT    ", 8);
    memcpy(m.enter_order.cl_ord_id, "FP0000000001  ", 14);
    static const uint8_t want[] = "O\0\0\0\x71T\0\0\0\xE1" "CVLT    " "\0\0\0\0\0\x09\x9D\xB8" "0YANN" "FP0000000001  " "\0\x09\x05\x02LIME\x02\x1C\x05";
    uint8_t tags[16], wire[64];
    int n = fp_ouch_put_tag(FP_OUCH_TAG_FIRM, (const uint8_t *)"LIME", 4, tags, sizeof tags);
    CHECK_EQ(n, 6);
    n += fp_ouch_put_tag(FP_OUCH_TAG_USER_REF_IDX, (const uint8_t *)"\5", 1, tags + n, sizeof tags - (size_t)n);
    CHECK_EQ(fp_ouch_put_tag(1, tags, 8, tags + n, 9), FP_E_NO_ROOM);
    static uint8_t long_value[255], element[300];
    CHECK_EQ(fp_ouch_put_tag(1, long_value, 254, element, 256), 256);
    CHECK_EQ(element[0], 255);
    CHECK_EQ(fp_ouch_put_tag(1, long_value, 255, element, sizeof element), FP_E_BAD_FIELD);
    struct fp_ouch_appendage appendage = {.bytes = tags, .length = (uint16_t)n}, got;
    CHECK_EQ(fp_ouch_in_encode(&m, &appendage, wire, sizeof wire), sizeof want - 1);
    CHECK_MEM(wire, want, sizeof want - 1);
    CHECK_EQ(fp_ouch_in_encode(&m, &appendage, wire, sizeof want - 2), FP_E_NO_ROOM);
    CHECK_EQ(fp_ouch_in_encode(&m, &appendage, wire, sizeof want - 1), sizeof want - 1);

    union fp_ouch_in_body back;
    const uint8_t *value;
    CHECK_EQ(fp_ouch_in_decode(wire, sizeof want - 1, &back, &got), 0);
    CHECK_EQ(back.enter_order.user_ref_num, 113);
    CHECK_EQ(back.enter_order.price_e4, 630200);
    CHECK_EQ(back.enter_order.quantity, 225);
    CHECK_MEM(back.enter_order.cl_ord_id, "FP0000000001  ", 14);
    CHECK_EQ(got.present, 1);
    CHECK_EQ(got.length, 9);
    CHECK_EQ(fp_ouch_tag(&got, FP_OUCH_TAG_FIRM, &value), 4);
    CHECK_MEM(value, "LIME", 4);
    CHECK_EQ(fp_ouch_tag(&got, FP_OUCH_TAG_USER_REF_IDX, &value), 1);
    CHECK_EQ(*value, 5);
    CHECK_EQ(fp_ouch_tag(&got, FP_OUCH_TAG_SIDE, &value), FP_E_NOT_FOUND);
    CHECK_EQ(fp_ouch_in_encode(&m, NULL, wire, sizeof wire), 47); /* a required appendage is there, and empty */
    CHECK_EQ(fp_load_be16(wire + 45), 0);
}

static void test_ouch_cancel_is_short_unless_it_has_a_tag(void) {
    union fp_ouch_in_body m = {.cancel_order = {.type = 'X', .user_ref_num = 7, .quantity = 0}};
    uint8_t wire[32], tag[] = {2, 28, 1};
    struct fp_ouch_appendage appendage = {.bytes = tag, .length = 3}, got;
    CHECK_EQ(fp_ouch_in_encode(&m, NULL, wire, sizeof wire), 9);
    CHECK_EQ(fp_ouch_in_decode(wire, 9, &m, &got), 0);
    CHECK_EQ(got.present, 0);
    CHECK_EQ(fp_ouch_in_encode(&m, &appendage, wire, sizeof wire), 14);
    CHECK_EQ(fp_ouch_in_decode(wire, 14, &m, &got), 0);
    CHECK_EQ(got.length, 3);
    fp_store_be16(wire + 9, 0);
    CHECK_EQ(fp_ouch_in_decode(wire, 11, &m, &got), 0); /* present and empty */
    CHECK_EQ(got.present, 1);
    CHECK(got.bytes == NULL);
}

static void test_appendages_that_do_not_tile(void) {
    static const struct {
        uint8_t bytes[8], length;
        int rc;
    } cases[] = {
        {{0}, 1, FP_E_BAD_LENGTH},                         /* half a length */
        {{0, 1}, 2, FP_E_BAD_LENGTH},                      /* claims a byte that is not there */
        {{0, 0, 0}, 3, FP_E_BAD_LENGTH},                   /* a byte too many */
        {{0, 1, 0}, 3, FP_E_BAD_LENGTH},                   /* element of length 0 */
        {{0, 1, 1}, 3, FP_E_BAD_LENGTH},                   /* element without its tag byte */
        {{0, 3, 3, 28, 5}, 5, FP_E_BAD_LENGTH},            /* element beyond the end */
        {{0, 4, 2, 28, 5, 1}, 6, FP_E_BAD_LENGTH},
        {{0, 2, 1, 99}, 4, 0},                             /* an unknown tag without a value is skipped */
        {{0, 6, 2, 28, 5, 2, 99, 7}, 8, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t wire[32] = {'X', 0, 0, 0, 1};
        union fp_ouch_in_body m;
        struct fp_ouch_appendage appendage;
        memcpy(wire + 9, cases[i].bytes, cases[i].length);
        CHECK_EQ(in(wire, 9u + cases[i].length, &m, &appendage), cases[i].rc);
    }
    union fp_ouch_in_body m = {.cancel_order = {.type = 'X'}};
    uint8_t wire[32], bad[] = {9, 28, 1};
    CHECK_EQ(fp_ouch_in_encode(&m, &(struct fp_ouch_appendage){.bytes = bad, .length = 3}, wire, sizeof wire), FP_E_BAD_FIELD);
    union fp_ouch_out_body event = {.system_event = {.type = 'S'}};
    bad[0] = 2;
    CHECK_EQ(fp_ouch_out_encode(&event, &(struct fp_ouch_appendage){.bytes = bad, .length = 3}, wire, sizeof wire), FP_E_BAD_FIELD);
}

static void test_tags_of_an_unchecked_appendage_stay_inside(void) {
    uint8_t *bytes = malloc(3);
    const uint8_t *value;
    memcpy(bytes, "\x05\x02L", 3);
    CHECK_EQ(fp_ouch_tag(&(struct fp_ouch_appendage){.bytes = bytes, .length = 3}, 2, &value), FP_E_NOT_FOUND);
    bytes[0] = 0;
    CHECK_EQ(fp_ouch_tag(&(struct fp_ouch_appendage){.bytes = bytes, .length = 3}, 2, &value), FP_E_NOT_FOUND);
    free(bytes);
}

static void test_older_revisions(void) {
    uint8_t wire[64] = {'D'};
    union fp_ouch_out_body m;
    wire[30] = 'R';
    wire[31] = '*';
    CHECK_EQ(out(wire, 31, &m), 0); /* before AIQStrategy existed */
    CHECK_EQ(m.aiq_canceled.liquidity_flag, 'R');
    CHECK_EQ(m.aiq_canceled.aiq_strategy, 0);
    CHECK_EQ(out(wire, 32, &m), 0);
    CHECK_EQ(m.aiq_canceled.aiq_strategy, '*');
    CHECK_EQ(out(wire, 30, &m), FP_E_BAD_LENGTH);
    CHECK_EQ(out(wire, 33, &m), FP_E_BAD_LENGTH);
    CHECK_EQ(out(wire, 34, &m), 0);
    CHECK_EQ(fp_ouch_out_encode(&m, NULL, wire, sizeof wire), 32);
    memset(wire, 0, sizeof wire);
    wire[0] = 'E';
    CHECK_EQ(out(wire, 33, &m), FP_E_BAD_LENGTH);
    CHECK_EQ(out(wire, 34, &m), 0); /* without its appendage length */
    CHECK_EQ(out(wire, 35, &m), FP_E_BAD_LENGTH);
    CHECK_EQ(out(wire, 36, &m), 0);
    CHECK_EQ(fp_ouch_out_encode(&m, NULL, wire, sizeof wire), 36);
    wire[0] = 'A'; /* no other message may leave it out */
    CHECK_EQ(out(wire, 62, &m), FP_E_BAD_LENGTH);
    wire[0] = 'F'; /* Trade Correction: gone in 1.05 */
    CHECK_EQ(out(wire, 49, &m), FP_E_UNKNOWN_TYPE);
}

static void test_ouch_every_type_and_every_length(void) {
    int known_in = 0, known_out = 0;
    for (int type = 0; type < 256; type++) {
        uint8_t wire[96] = {0};
        union fp_ouch_in_body i;
        union fp_ouch_out_body o;
        int accepted_in = 0, accepted_out = 0;
        wire[0] = (uint8_t)type;
        CHECK_EQ(in(wire, 0, &i, NULL), FP_E_TRUNCATED);
        CHECK_EQ(out(wire, 0, &o), FP_E_TRUNCATED);
        for (size_t n = 1; n < sizeof wire; n++) {
            accepted_in += in(wire, n, &i, NULL) == 0;
            accepted_out += out(wire, n, &o) == 0;
        }
        uint8_t again[96];
        i.type = o.type = (char)type;
        CHECK_EQ(fp_ouch_in_encode(&i, NULL, again, sizeof again) > 0, accepted_in > 0);
        CHECK_EQ(fp_ouch_out_encode(&o, NULL, again, sizeof again) > 0, accepted_out > 0);
        known_in += accepted_in > 0;
        known_out += accepted_out > 0;
        /* One length (required, or no appendage), two (optional), three (AIQ Canceled). */
        CHECK(accepted_in <= 2 && accepted_out <= 3);
    }
    CHECK_EQ(known_in, 8);
    CHECK_EQ(known_out, 17);
}

int main(void) {
    RUN(test_add_order_by_hand);
    RUN(test_itch_every_type_and_every_length);
    RUN(test_tables_are_sound);
    RUN(test_enter_order_by_hand);
    RUN(test_ouch_cancel_is_short_unless_it_has_a_tag);
    RUN(test_appendages_that_do_not_tile);
    RUN(test_tags_of_an_unchecked_appendage_stay_inside);
    RUN(test_older_revisions);
    RUN(test_ouch_every_type_and_every_length);
    return check_done();
}
