/* MoldUDP64 headers and message blocks; see mold.h.
 * Pure functions: no state, no arbitration, no allocation. */
#include "mold.h"

int fp_mold_parse(const uint8_t *packet, size_t length, struct fp_mold_header *out) {
    if (length < FP_MOLD_HEADER_LEN)
        return FP_E_TRUNCATED;
    memcpy(out->session, packet, sizeof out->session);
    out->sequence = fp_load_be64(packet + 10);
    out->count = fp_load_be16(packet + 18);
    if (out->sequence == 0)
        return FP_E_BAD_FIELD;
    size_t at = FP_MOLD_HEADER_LEN;
    if (out->count != FP_MOLD_END_OF_SESSION) {
        for (uint32_t left = out->count; left; left--) {
            if (length - at < 2)
                return FP_E_TRUNCATED;
            size_t size = fp_load_be16(packet + at);
            at += 2;
            if (size == 0)
                return FP_E_BAD_LENGTH;
            if (size > length - at)
                return FP_E_TRUNCATED;
            at += size;
        }
    }
    return at == length ? 0 : FP_E_BAD_LENGTH;
}

int fp_mold_next(const uint8_t *packet, size_t length, size_t *offset, const uint8_t **message) {
    size_t at = *offset;
    if (at >= length)
        return 0;
    int size = fp_load_be16(packet + at);
    *message = packet + at + 2;
    *offset = at + 2 + (size_t)size;
    return size;
}

int fp_mold_put_header(const struct fp_mold_header *header, uint8_t *out, size_t room) {
    if (room < FP_MOLD_HEADER_LEN)
        return FP_E_NO_ROOM;
    memcpy(out, header->session, sizeof header->session);
    fp_store_be64(out + 10, header->sequence);
    fp_store_be16(out + 18, header->count);
    return FP_MOLD_HEADER_LEN;
}

int fp_mold_put_block(const uint8_t *message, size_t length, uint8_t *out, size_t room) {
    if (length == 0 || length > 0xFFFF)
        return FP_E_BAD_LENGTH;
    if (room < length + 2)
        return FP_E_NO_ROOM;
    fp_store_be16(out, (uint16_t)length);
    memcpy(out + 2, message, length);
    return (int)length + 2;
}
