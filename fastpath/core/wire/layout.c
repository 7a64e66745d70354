/* Table-driven encode and decode of one message; see codec.h.
 * It trusts the table and its caller's lengths, and keeps no state. */
#include "codec.h"
#include "../records.h"

static uint64_t load(const uint8_t *p, uint8_t width) {
    switch (width) {
    case 1: return *p;
    case 2: return fp_load_be16(p);
    case 4: return fp_load_be32(p);
    case 6: return fp_load_be48(p);
    default: return fp_load_be64(p);
    }
}

static void store(uint8_t *p, uint8_t width, uint64_t value) {
    switch (width) {
    case 1: *p = (uint8_t)value; break;
    case 2: fp_store_be16(p, (uint16_t)value); break;
    case 4: fp_store_be32(p, (uint32_t)value); break;
    case 6: fp_store_be48(p, value); break;
    default: fp_store_be64(p, value); break;
    }
}

void fp_layout_decode(const struct fp_layout *layout, const uint8_t *bytes, void *out) {
    for (uint8_t i = 0; i < layout->field_count; i++) {
        const struct fp_field *field = &layout->fields[i];
        uint8_t *host = (uint8_t *)out + field->host_offset;
        if (field->kind == FP_FIELD_ALPHA) {
            memcpy(host, bytes + field->wire_offset, field->wire_width);
            continue;
        }
        /* Host integers are little-endian, so their low bytes come first at every width. */
        uint64_t value = load(bytes + field->wire_offset, field->wire_width);
        memcpy(host, &value, field->host_width);
    }
}

int fp_layout_encode(const struct fp_layout *layout, const void *message, uint8_t *out) {
    for (uint8_t i = 0; i < layout->field_count; i++) {
        const struct fp_field *field = &layout->fields[i];
        const uint8_t *host = (const uint8_t *)message + field->host_offset;
        if (field->kind == FP_FIELD_ALPHA) {
            memcpy(out + field->wire_offset, host, field->wire_width);
            continue;
        }
        uint64_t value = 0;
        memcpy(&value, host, field->host_width);
        if (field->wire_width < field->host_width && value >> (8 * field->wire_width))
            return FP_E_BAD_FIELD;
        store(out + field->wire_offset, field->wire_width, value);
    }
    return layout->length;
}
