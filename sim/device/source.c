/* See source.h. The form is told by trying: a BinaryFILE's lengths and types must agree for the first messages. */
#include "source.h"
#include "wire/itch.h"
#include "wire/mold.h"
#include "wire/net.h"
#include <string.h>

enum { TRIED = 16, PREFIX = 2 };

static int plausible(const struct fp_source *fresh) {
    struct fp_source source = *fresh;
    const uint8_t *message;
    for (int i = 0; i < TRIED; i++) {
        int length = fp_source_next(&source, &message);
        if (length <= 0)
            return length == 0 && i > 0;
        if (fp_itch_length(message[0]) != length)
            return 0;
    }
    return 1;
}

int fp_source_open(struct fp_source *out, const uint8_t *bytes, size_t length) {
    memset(out, 0, sizeof *out);
    out->bytes = bytes;
    out->length = length;
    if (!fp_pcap_open(&out->pcap, bytes, length)) {
        out->form = FP_SOURCE_PCAP;
        return 0;
    }
    for (int form = FP_SOURCE_BINARY; form <= FP_SOURCE_RAW; form++) {
        out->form = (enum fp_source_form)form;
        if (plausible(out))
            return 0;
    }
    return FP_E_UNKNOWN_TYPE;
}

static int next_of_packet(struct fp_source *source, const uint8_t **message) {
    return source->packet ? fp_mold_next(source->packet, source->packet_length, &source->packet_offset, message) : 0;
}

static int next_of_pcap(struct fp_source *source, const uint8_t **message) {
    for (;;) {
        int length = next_of_packet(source, message);
        if (length)
            return length;
        struct fp_pcap_packet packet;
        struct fp_net_frame frame;
        struct fp_mold_header header;
        int got = fp_pcap_next(&source->pcap, &packet);
        if (got <= 0)
            return got;
        source->packet = NULL;
        if (fp_net_parse_offloaded(packet.frame, packet.length, &frame) || frame.protocol != FP_NET_UDP ||
            fp_mold_parse(frame.payload, frame.payload_length, &header)) {
            source->skipped++;
            continue;
        }
        if (header.count == FP_MOLD_END_OF_SESSION)
            continue;
        source->packet = frame.payload;
        source->packet_length = frame.payload_length;
        source->packet_offset = FP_MOLD_HEADER_LEN;
    }
}

int fp_source_next(struct fp_source *source, const uint8_t **message) {
    if (source->form == FP_SOURCE_PCAP)
        return next_of_pcap(source, message);
    size_t left = source->length - source->offset;
    if (!left)
        return 0;
    if (left <= PREFIX)
        return FP_E_TRUNCATED;
    const uint8_t *at = source->bytes + source->offset;
    int length = source->form == FP_SOURCE_BINARY ? fp_load_be16(at) : fp_itch_length(at[PREFIX]);
    if (length <= 0)
        return source->form == FP_SOURCE_BINARY ? FP_E_BAD_LENGTH : FP_E_UNKNOWN_TYPE;
    if ((size_t)length > left - PREFIX)
        return FP_E_TRUNCATED;
    *message = at + PREFIX;
    source->offset += (size_t)length + PREFIX;
    return length;
}
