/* Classic pcap reading and writing over memory; see pcap.h.
 * No file is opened here, and no length is believed before it is checked. */
#include "pcap.h"

enum { MAX_SNAP = 262144 };
#define MAGIC_US 0xA1B2C3D4u
#define MAGIC_NS 0xA1B23C4Du
#define NS_PER_S 1000000000u
#define US_PER_S 1000000u

static uint32_t load32(const uint8_t *p, int swapped) {
    uint32_t big = fp_load_be32(p);
    return swapped ? big : __builtin_bswap32(big);
}

static void store32(uint8_t *p, uint32_t value) { fp_store_be32(p, __builtin_bswap32(value)); }

int fp_pcap_open(struct fp_pcap *out, const uint8_t *bytes, size_t length) {
    *out = (struct fp_pcap){.bytes = bytes, .length = length, .offset = FP_PCAP_HEADER_LEN};
    if (length < FP_PCAP_HEADER_LEN)
        return FP_E_TRUNCATED;
    uint32_t magic = load32(bytes, 0), swapped = load32(bytes, 1);
    out->swapped = swapped == MAGIC_US || swapped == MAGIC_NS;
    out->nanoseconds = magic == MAGIC_NS || swapped == MAGIC_NS;
    if (!out->swapped && magic != MAGIC_US && magic != MAGIC_NS)
        return FP_E_UNKNOWN_TYPE;
    out->snap_length = load32(bytes + 16, out->swapped);
    /* The upper half of the word may hold flags about a frame check sequence. */
    return (load32(bytes + 20, out->swapped) & 0xFFFF) == FP_PCAP_ETHERNET ? 0 : FP_E_NOT_SUPPORTED;
}

int fp_pcap_next(struct fp_pcap *pcap, struct fp_pcap_packet *packet) {
    size_t left = pcap->length - pcap->offset;
    if (left == 0)
        return 0;
    if (left < FP_PCAP_RECORD_LEN)
        return FP_E_TRUNCATED;
    const uint8_t *record = pcap->bytes + pcap->offset;
    uint32_t seconds = load32(record, pcap->swapped), fraction = load32(record + 4, pcap->swapped);
    uint32_t captured = load32(record + 8, pcap->swapped), original = load32(record + 12, pcap->swapped);
    if (captured > original || fraction >= (pcap->nanoseconds ? NS_PER_S : US_PER_S))
        return FP_E_BAD_FIELD;
    if (captured > left - FP_PCAP_RECORD_LEN)
        return FP_E_TRUNCATED;
    packet->frame = record + FP_PCAP_RECORD_LEN;
    packet->length = captured;
    packet->wire_length = original;
    packet->time_ns = (uint64_t)seconds * NS_PER_S + (pcap->nanoseconds ? fraction : (uint64_t)fraction * 1000);
    pcap->offset += FP_PCAP_RECORD_LEN + captured;
    return 1;
}

int fp_pcap_put_header(uint8_t *out, size_t room) {
    if (room < FP_PCAP_HEADER_LEN)
        return FP_E_NO_ROOM;
    memset(out, 0, FP_PCAP_HEADER_LEN);
    store32(out, MAGIC_NS);
    store32(out + 4, 2 | 4u << 16); /* version 2.4 */
    store32(out + 16, MAX_SNAP);
    store32(out + 20, FP_PCAP_ETHERNET);
    return FP_PCAP_HEADER_LEN;
}

int fp_pcap_put(const uint8_t *frame, size_t length, uint64_t time_ns, uint8_t *out, size_t room) {
    if (length > MAX_SNAP)
        return FP_E_OVERSIZED;
    if (room < FP_PCAP_RECORD_LEN + length)
        return FP_E_NO_ROOM;
    store32(out, (uint32_t)(time_ns / NS_PER_S));
    store32(out + 4, (uint32_t)(time_ns % NS_PER_S));
    store32(out + 8, (uint32_t)length);
    store32(out + 12, (uint32_t)length);
    memcpy(out + FP_PCAP_RECORD_LEN, frame, length);
    return (int)(FP_PCAP_RECORD_LEN + length);
}
