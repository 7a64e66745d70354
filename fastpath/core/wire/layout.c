/* Table-driven encode and decode of one message; see codec.h.
 * It trusts the table and its caller's lengths, and keeps no state. */
#include "codec.h"
#include "../records.h"

/* Every width as its own case: fixed-size copies, no library call for a handful of bytes. */
static inline void copy_text(uint8_t *to, const uint8_t *from, uint8_t width) {
    switch (width) {
    case 1: *to = *from; break;
    case 2: memcpy(to, from, 2); break;
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    case 14: memcpy(to, from, 14); break;
    default: memcpy(to, from, width); break;
    }
}

void fp_layout_decode(const struct fp_layout *layout, const uint8_t *bytes, void *out) {
    for (uint8_t i = 0; i < layout->field_count; i++) {
        const struct fp_field *field = &layout->fields[i];
        const uint8_t *wire = bytes + field->wire_offset;
        uint8_t *host = (uint8_t *)out + field->host_offset;
        uint16_t v16;
        uint32_t v32;
        uint64_t v64;
        if (field->kind == FP_FIELD_ALPHA) {
            copy_text(host, wire, field->wire_width);
            continue;
        }
        switch (field->wire_width) { /* the host's width, but for 48 bits in a u64 */
        case 1: *host = *wire; break;
        case 2: v16 = fp_load_be16(wire); memcpy(host, &v16, 2); break;
        case 4: v32 = fp_load_be32(wire); memcpy(host, &v32, 4); break;
        case 6: v64 = fp_load_be48(wire); memcpy(host, &v64, 8); break;
        default: v64 = fp_load_be64(wire); memcpy(host, &v64, 8); break;
        }
    }
}

int fp_layout_encode(const struct fp_layout *layout, const void *message, uint8_t *out) {
    for (uint8_t i = 0; i < layout->field_count; i++) {
        const struct fp_field *field = &layout->fields[i];
        const uint8_t *host = (const uint8_t *)message + field->host_offset;
        uint8_t *wire = out + field->wire_offset;
        uint16_t v16;
        uint32_t v32;
        uint64_t v64;
        if (field->kind == FP_FIELD_ALPHA) {
            copy_text(wire, host, field->wire_width);
            continue;
        }
        switch (field->wire_width) {
        case 1: *wire = *host; break;
        case 2: memcpy(&v16, host, 2); fp_store_be16(wire, v16); break;
        case 4: memcpy(&v32, host, 4); fp_store_be32(wire, v32); break;
        case 6:
            memcpy(&v64, host, 8);
            if (v64 >> 48)
                return FP_E_BAD_FIELD;
            fp_store_be48(wire, v64);
            break;
        default: memcpy(&v64, host, 8); fp_store_be64(wire, v64); break;
        }
    }
    return layout->length;
}
