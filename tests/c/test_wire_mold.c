// MoldUDP64 headers and blocks: bytes by hand, every cut, and counts that lie.
// sources: fastpath/core/wire/mold.c
#include "check.h"
#include "wire/mold.h"
#include <stdlib.h>

static const uint8_t golden[] = {
    'S', 'E', 'S', 'S', 'I', 'O', 'N', '_', '0', '1', 0, 0, 0, 0, 0, 0, 0xC3, 0x50, 0, 2, /* two messages from 50,000 */
    0, 3, 'a', 'b', 'c', 0, 1, 'd',
};

static int parse(const void *bytes, size_t length, struct fp_mold_header *out) {
    uint8_t *exact = malloc(length ? length : 1);
    memcpy(exact, bytes, length);
    int rc = fp_mold_parse(exact, length, out);
    free(exact);
    return rc;
}

static void test_golden_packet_both_ways(void) {
    struct fp_mold_header h;
    const uint8_t *message;
    size_t offset = FP_MOLD_HEADER_LEN;
    CHECK_EQ(parse(golden, sizeof golden, &h), 0);
    CHECK_MEM(h.session, "SESSION_01", 10);
    CHECK_EQ(h.sequence, 50000);
    CHECK_EQ(h.count, 2);
    CHECK_EQ(fp_mold_next(golden, sizeof golden, &offset, &message), 3);
    CHECK_MEM(message, "abc", 3);
    CHECK_EQ(fp_mold_next(golden, sizeof golden, &offset, &message), 1);
    CHECK_MEM(message, "d", 1);
    CHECK_EQ(fp_mold_next(golden, sizeof golden, &offset, &message), 0);
    CHECK_EQ(fp_mold_next(golden, sizeof golden, &offset, &message), 0);

    uint8_t out[64];
    int n = fp_mold_put_header(&h, out, sizeof out);
    n += fp_mold_put_block((const uint8_t *)"abc", 3, out + n, sizeof out - (size_t)n);
    n += fp_mold_put_block((const uint8_t *)"d", 1, out + n, sizeof out - (size_t)n);
    CHECK_EQ(n, sizeof golden);
    CHECK_MEM(out, golden, sizeof golden);
}

static void test_every_cut_is_truncated(void) {
    struct fp_mold_header h;
    for (size_t cut = 0; cut < sizeof golden; cut++)
        CHECK_EQ(parse(golden, cut, &h), FP_E_TRUNCATED);
}

static void test_lies(void) {
    struct fp_mold_header h;
    uint8_t p[sizeof golden + 1];
    memcpy(p, golden, sizeof golden);
    p[sizeof golden] = 0;
    CHECK_EQ(parse(p, sizeof p, &h), FP_E_BAD_LENGTH); /* a byte behind the last block */
    p[19] = 3;
    CHECK_EQ(parse(p, sizeof golden, &h), FP_E_TRUNCATED);
    CHECK_EQ(parse(p, sizeof p, &h), FP_E_TRUNCATED);
    p[19] = 1;
    CHECK_EQ(parse(p, sizeof golden, &h), FP_E_BAD_LENGTH);
    p[18] = p[19] = 0xFF;
    CHECK_EQ(parse(p, sizeof golden, &h), FP_E_BAD_LENGTH); /* an end of session carries nothing */
    CHECK_EQ(parse(p, 20, &h), 0);
    CHECK_EQ(h.count, FP_MOLD_END_OF_SESSION);
    p[18] = p[19] = 0;
    CHECK_EQ(parse(p, 20, &h), 0); /* heartbeat */
    memcpy(p, golden, sizeof golden);
    p[20] = 0xFF; /* a block of 65,283 bytes */
    CHECK_EQ(parse(p, sizeof golden, &h), FP_E_TRUNCATED);
    memcpy(p, golden, sizeof golden);
    p[26] = 0; /* the last block empty, its byte left over */
    CHECK_EQ(parse(p, sizeof golden, &h), FP_E_BAD_LENGTH);
    CHECK_EQ(parse(p, sizeof golden - 1, &h), FP_E_BAD_LENGTH);
    memcpy(p, golden, sizeof golden);
    memset(p + 10, 0, 8);
    CHECK_EQ(parse(p, sizeof golden, &h), FP_E_BAD_FIELD);
}

static void test_room(void) {
    struct fp_mold_header h = {.sequence = 1};
    static uint8_t out[32], longest[65535], block[65537];
    CHECK_EQ(fp_mold_put_block(longest, 65535, block, sizeof block), 65537);
    CHECK_EQ(fp_mold_put_header(&h, out, 19), FP_E_NO_ROOM);
    CHECK_EQ(fp_mold_put_block(golden, 0, out, sizeof out), FP_E_BAD_LENGTH);
    CHECK_EQ(fp_mold_put_block(golden, 65536, out, sizeof out), FP_E_BAD_LENGTH);
    CHECK_EQ(fp_mold_put_block(golden, 10, out, 11), FP_E_NO_ROOM);
    CHECK_EQ(fp_mold_put_block(golden, 10, out, 12), 12);
}

int main(void) {
    RUN(test_golden_packet_both_ways);
    RUN(test_every_cut_is_truncated);
    RUN(test_lies);
    RUN(test_room);
    return check_done();
}
