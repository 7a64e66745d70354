// Frames built and taken apart, every refusal by name, and capture files in all four classic forms.
// sources: fastpath/core/wire/net.c fastpath/core/wire/pcap.c
#include "check.h"
#include "wire/net.h"
#include "wire/pcap.h"
#include <stdlib.h>

/* A hand-made datagram, checksums worked out by hand with an independent script: 10.0.0.1:1000 -> 239.1.2.3:26477, "ABC". */
static const uint8_t golden[] = {
    0x01, 0x00, 0x5E, 0x01, 0x02, 0x03, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, /* Ethernet */
    0x45, 0x00, 0x00, 0x1F, 0x00, 0x00, 0x40, 0x00, 0x01, 0x11, 0x7E, 0xC9, 0x0A, 0x00, 0x00, 0x01, 0xEF, 0x01, 0x02, 0x03, /* IP */
    0x03, 0xE8, 0x67, 0x6D, 0x00, 0x0B, 0x15, 0x3B, 'A', 'B', 'C', /* UDP */
};

static struct fp_net_frame sample(void) {
    struct fp_net_frame f = {.payload = (const uint8_t *)"ABC", .payload_length = 3, .source_ip = 0x0A000001, .target_ip = 0xEF010203,
                             .source_port = 1000, .target_port = 26477, .vlan = 0xFFFF, .ttl = 1, .source_mac = {2, 0, 0, 0, 0, 1}};
    fp_net_multicast_mac(f.target_ip, f.target_mac);
    return f;
}

static void test_build_and_parse(void) {
    uint8_t frame[128];
    struct fp_net_frame f = sample(), got;
    int length = fp_net_put_udp(&f, frame, sizeof frame);
    CHECK_EQ(length, sizeof golden);
    CHECK_MEM(frame, golden, sizeof golden);
    CHECK_EQ(fp_net_parse(golden, sizeof golden, &got), 0);
    CHECK_EQ(got.payload_length, 3);
    CHECK_MEM(got.payload, "ABC", 3);
    CHECK_EQ(got.source_ip, 0x0A000001);
    CHECK_EQ(got.target_ip, 0xEF010203);
    CHECK_EQ(got.source_port, 1000);
    CHECK_EQ(got.target_port, 26477);
    CHECK_EQ(got.vlan, 0xFFFF);
    CHECK_EQ(got.ttl, 1);
    CHECK_EQ(got.protocol, FP_NET_UDP);
    CHECK_MEM(got.target_mac, golden, 6);
    CHECK_MEM(got.source_mac, golden + 6, 6);
    CHECK_EQ(fp_net_parse_ip(golden + 14, sizeof golden - 14, 1, &got), 0);
    CHECK_EQ(got.payload_length, 3);
}

static void test_vlan_and_padding(void) {
    uint8_t frame[128] = {0};
    struct fp_net_frame f = sample(), got;
    f.vlan = 141;
    int length = fp_net_put_udp(&f, frame, sizeof frame);
    CHECK_EQ(length, sizeof golden + 4);
    CHECK_EQ(fp_net_parse(frame, (size_t)length, &got), 0);
    CHECK_EQ(got.vlan, 141);
    CHECK_EQ(fp_net_parse(frame, 64, &got), 0); /* padded to the shortest Ethernet frame, and a little more */
    CHECK_EQ(got.payload_length, 3);
    frame[16] = 0x81; /* a second tag */
    frame[17] = 0x00;
    CHECK_EQ(fp_net_parse(frame, 64, &got), FP_E_NOT_SUPPORTED);
    f.vlan = 4095;
    CHECK_EQ(fp_net_put_udp(&f, frame, sizeof frame), FP_E_BAD_FIELD);
}

static void test_every_cut_is_refused(void) {
    struct fp_net_frame got;
    for (size_t cut = 0; cut < sizeof golden; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);
        memcpy(exact, golden, cut);
        CHECK_EQ(fp_net_parse(exact, cut, &got), FP_E_TRUNCATED);
        free(exact);
    }
}

static void test_every_flipped_bit_under_a_checksum_is_refused(void) {
    struct fp_net_frame got;
    for (size_t bit = 14 * 8; bit < sizeof golden * 8; bit++) {
        uint8_t frame[sizeof golden];
        memcpy(frame, golden, sizeof frame);
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(fp_net_parse(frame, sizeof frame, &got) < 0);
    }
}

static void refix_ip(uint8_t *frame) {
    fp_store_be16(frame + 24, 0);
    fp_store_be16(frame + 24, fp_net_checksum_end(fp_net_checksum_add(0, frame + 14, (size_t)(frame[14] & 15) * 4)));
}

static int with_byte(size_t at, uint8_t value) {
    uint8_t frame[sizeof golden];
    struct fp_net_frame got;
    memcpy(frame, golden, sizeof frame);
    frame[at] = value;
    if (at >= 14 && at < 34)
        refix_ip(frame);
    return fp_net_parse(frame, sizeof frame, &got);
}

static void test_named_refusals(void) {
    CHECK_EQ(with_byte(13, 0x06), FP_E_NOT_OURS);       /* ARP */
    CHECK_EQ(with_byte(12, 0x86), FP_E_NOT_OURS);
    CHECK_EQ(with_byte(14, 0x65), FP_E_NOT_OURS);       /* IP version 6 */
    CHECK_EQ(with_byte(14, 0x44), FP_E_BAD_LENGTH);     /* header of 16 bytes */
    CHECK_EQ(with_byte(14, 0x46), FP_E_NOT_SUPPORTED);  /* options */
    CHECK_EQ(with_byte(20, 0x20), FP_E_NOT_SUPPORTED);  /* more fragments */
    CHECK_EQ(with_byte(21, 0x01), FP_E_NOT_SUPPORTED);  /* fragment offset */
    CHECK_EQ(with_byte(23, 1), FP_E_NOT_OURS);          /* ICMP */
    CHECK_EQ(with_byte(17, 0x13), FP_E_BAD_LENGTH);     /* total length below the header's */
    CHECK_EQ(with_byte(17, 0x20), FP_E_TRUNCATED);      /* above the frame's */
    CHECK_EQ(with_byte(17, 0x1E), FP_E_BAD_LENGTH);     /* UDP length disagrees */
    CHECK_EQ(with_byte(17, 0x1B), FP_E_TRUNCATED);      /* no room for the UDP header */
    CHECK_EQ(with_byte(39, 0x07), FP_E_BAD_LENGTH);     /* UDP length below 8 */
    CHECK_EQ(with_byte(42, 'X'), FP_E_BAD_CHECKSUM);
}

static void test_checksum_absent_or_left_to_the_card(void) {
    uint8_t frame[sizeof golden];
    struct fp_net_frame got;
    memcpy(frame, golden, sizeof frame);
    fp_store_be16(frame + 40, 0);
    CHECK_EQ(fp_net_parse(frame, sizeof frame, &got), 0);
    fp_store_be16(frame + 40, 0x1234);
    CHECK_EQ(fp_net_parse(frame, sizeof frame, &got), FP_E_BAD_CHECKSUM);
    CHECK_EQ(fp_net_parse_offloaded(frame, sizeof frame, &got), 0);
    fp_store_be16(frame + 24, 0x1234);
    CHECK_EQ(fp_net_parse_offloaded(frame, sizeof frame, &got), FP_E_BAD_CHECKSUM);
    fp_store_be16(frame + 24, 0);
    CHECK_EQ(fp_net_parse_offloaded(frame, sizeof frame, &got), 0);
    CHECK_EQ(fp_net_parse(frame, sizeof frame, &got), FP_E_BAD_CHECKSUM);
}

static void test_checksum_that_would_be_zero_is_sent_as_ones(void) {
    uint8_t frame[128], payload[2] = {0, 0};
    struct fp_net_frame f = sample(), got;
    f.payload = payload;
    f.payload_length = 2;
    int length = fp_net_put_udp(&f, frame, sizeof frame);
    memcpy(payload, frame + 40, 2); /* the checksum as payload makes the sum all ones */
    length = fp_net_put_udp(&f, frame, sizeof frame);
    CHECK_EQ(fp_load_be16(frame + 40), 0xFFFF);
    CHECK_EQ(fp_net_parse(frame, (size_t)length, &got), 0);
}

static void test_sizes(void) {
    static uint8_t frame[70000], payload[65508];
    struct fp_net_frame f = sample(), got;
    f.payload = payload;
    f.payload_length = 65507;
    int length = fp_net_put_udp(&f, frame, sizeof frame);
    CHECK_EQ(length, 14 + 65535);
    CHECK_EQ(fp_net_parse(frame, (size_t)length, &got), 0);
    CHECK_EQ(got.payload_length, 65507);
    CHECK_EQ(fp_net_put_udp(&f, frame, (size_t)length - 1), FP_E_NO_ROOM);
    f.payload_length = 65508;
    CHECK_EQ(fp_net_put_udp(&f, frame, sizeof frame), FP_E_OVERSIZED);
    f.payload_length = 0;
    length = fp_net_put_udp(&f, frame, sizeof frame);
    CHECK_EQ(fp_net_parse(frame, (size_t)length, &got), 0);
    CHECK_EQ(got.payload_length, 0);
}

static void test_tcp(void) {
    uint8_t frame[] = {
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00,
        0x45, 0, 0, 0x2F, 0, 1, 0x40, 0, 0x40, 6, 0, 0, 0x7F, 0, 0, 1, 0x7F, 0, 0, 1,
        0x9C, 0x40, 0x1F, 0x43, 0, 0, 0, 9, 0, 0, 0, 0, 0x60, 0x18, 0xFF, 0xFF, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 'R',
    };
    struct fp_net_frame got;
    refix_ip(frame);
    uint32_t sum = fp_net_checksum_add(6 + 27, frame + 26, 8);
    fp_store_be16(frame + 50, fp_net_checksum_end(fp_net_checksum_add(sum, frame + 34, 27)));
    CHECK_EQ(fp_net_parse(frame, sizeof frame, &got), 0);
    CHECK_EQ(got.protocol, FP_NET_TCP);
    CHECK_EQ(got.payload_length, 3);
    CHECK_MEM(got.payload, "\0\1R", 3);
    CHECK_EQ(got.tcp_sequence, 9);
    CHECK_EQ(got.tcp_flags, 0x18);
    CHECK_EQ(got.target_port, 8003);
    frame[60] ^= 1;
    CHECK_EQ(fp_net_parse(frame, sizeof frame, &got), FP_E_BAD_CHECKSUM);
    CHECK_EQ(fp_net_parse_offloaded(frame, sizeof frame, &got), 0);
    frame[46] = 0x40; /* 16-byte header */
    CHECK_EQ(fp_net_parse_offloaded(frame, sizeof frame, &got), FP_E_BAD_LENGTH);
    frame[46] = 0xF0; /* 60-byte header in 27 bytes */
    CHECK_EQ(fp_net_parse_offloaded(frame, sizeof frame, &got), FP_E_BAD_LENGTH);
}

/* ---- capture files ---- */

static void store(uint8_t *p, uint32_t value, int big) { /* in the file's byte order */
    fp_store_be32(p, big ? value : __builtin_bswap32(value));
}

static size_t build_file(uint8_t *file, uint32_t magic, int big, uint32_t fraction) {
    memset(file, 0, 24);
    store(file, magic, big);
    store(file + 16, 65535, big);
    store(file + 20, 1, big);
    for (size_t i = 0; i < 2; i++) {
        uint8_t *record = file + 24 + i * (16 + sizeof golden);
        store(record, 1700000000, big);
        store(record + 4, fraction, big);
        store(record + 8, sizeof golden, big);
        store(record + 12, sizeof golden + (uint32_t)i, big);
        memcpy(record + 16, golden, sizeof golden);
    }
    return 24 + 2 * (16 + sizeof golden);
}

static void test_pcap_four_forms(void) {
    for (int form = 0; form < 4; form++) {
        int big = form & 1, nano = form >> 1;
        uint8_t file[256];
        struct fp_pcap pcap;
        struct fp_pcap_packet packet;
        size_t length = build_file(file, nano ? 0xA1B23C4D : 0xA1B2C3D4, big, nano ? 123456789 : 123456);
        CHECK_EQ(fp_pcap_open(&pcap, file, length), 0);
        CHECK_EQ(fp_pcap_next(&pcap, &packet), 1);
        CHECK_EQ(packet.time_ns, 1700000000123456000 + (nano ? 789 : 0));
        CHECK_EQ(packet.length, sizeof golden);
        CHECK_MEM(packet.frame, golden, sizeof golden);
        CHECK_EQ(packet.wire_length, sizeof golden);
        CHECK_EQ(fp_pcap_next(&pcap, &packet), 1);
        CHECK_EQ(packet.wire_length, sizeof golden + 1); /* the capture cut a byte off */
        CHECK_EQ(fp_pcap_next(&pcap, &packet), 0);
        CHECK_EQ(fp_pcap_next(&pcap, &packet), 0);
    }
}

static void test_pcap_every_cut(void) {
    uint8_t file[256];
    struct fp_pcap pcap;
    struct fp_pcap_packet packet;
    size_t length = build_file(file, 0xA1B2C3D4, 0, 1), record = 16 + sizeof golden;
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);
        memcpy(exact, file, cut);
        int rc = fp_pcap_open(&pcap, exact, cut), packets = 0;
        CHECK_EQ(rc, cut < 24 ? FP_E_TRUNCATED : 0);
        if (rc == 0) {
            while ((rc = fp_pcap_next(&pcap, &packet)) == 1)
                packets++;
            CHECK_EQ(packets, (cut - 24) / record);
            CHECK_EQ(rc, (cut - 24) % record ? FP_E_TRUNCATED : 0);
        }
        free(exact);
    }
}

static void test_pcap_refusals(void) {
    uint8_t file[256];
    struct fp_pcap pcap;
    struct fp_pcap_packet packet;
    size_t length = build_file(file, 0x0A0D0D0A, 0, 0);
    CHECK_EQ(fp_pcap_open(&pcap, file, length), FP_E_UNKNOWN_TYPE);
    length = build_file(file, 0xA1B2C3D4, 0, 0);
    store(file + 20, 113, 0); /* "cooked" frames */
    CHECK_EQ(fp_pcap_open(&pcap, file, length), FP_E_NOT_SUPPORTED);
    length = build_file(file, 0xA1B2C3D4, 0, 1000000);
    CHECK_EQ(fp_pcap_open(&pcap, file, length), 0);
    CHECK_EQ(fp_pcap_next(&pcap, &packet), FP_E_BAD_FIELD);
    CHECK_EQ(fp_pcap_next(&pcap, &packet), FP_E_BAD_FIELD);
    length = build_file(file, 0xA1B2C3D4, 0, 0);
    store(file + 24 + 8, 0xFFFFFFFF, 0);
    store(file + 24 + 12, 0xFFFFFFFF, 0);
    CHECK_EQ(fp_pcap_open(&pcap, file, length), 0);
    CHECK_EQ(fp_pcap_next(&pcap, &packet), FP_E_TRUNCATED);
}

static void test_pcap_write_and_read_back(void) {
    uint8_t file[256];
    struct fp_pcap pcap;
    struct fp_pcap_packet packet;
    size_t length = (size_t)fp_pcap_put_header(file, sizeof file);
    length += (size_t)fp_pcap_put(golden, sizeof golden, 1700000000123456789, file + length, sizeof file - length);
    CHECK_EQ(fp_pcap_put(golden, sizeof golden, 0, file + length, 15 + sizeof golden), FP_E_NO_ROOM);
    CHECK_EQ(fp_pcap_open(&pcap, file, length), 0);
    CHECK_EQ(fp_pcap_next(&pcap, &packet), 1);
    CHECK_EQ(packet.time_ns, 1700000000123456789);
    CHECK_MEM(packet.frame, golden, sizeof golden);
    CHECK_EQ(fp_pcap_next(&pcap, &packet), 0);
}

int main(void) {
    RUN(test_build_and_parse);
    RUN(test_vlan_and_padding);
    RUN(test_every_cut_is_refused);
    RUN(test_every_flipped_bit_under_a_checksum_is_refused);
    RUN(test_named_refusals);
    RUN(test_checksum_absent_or_left_to_the_card);
    RUN(test_checksum_that_would_be_zero_is_sent_as_ones);
    RUN(test_sizes);
    RUN(test_tcp);
    RUN(test_pcap_four_forms);
    RUN(test_pcap_every_cut);
    RUN(test_pcap_refusals);
    RUN(test_pcap_write_and_read_back);
    return check_done();
}
