/* OUCH 5.0 encode and decode over the generated tables, both directions; see ouch.h.
 * Older revisions' shorter forms are read, never written. It keeps no state. */
#include "ouch.h"
#include "codec.h"

/* Row + 1 by type byte. find() checks the row's own type, so a moved row reads as unknown. */
static const uint8_t in_row_of[256] = {
    ['O'] = 1, ['U'] = 2, ['X'] = 3, ['M'] = 4, ['C'] = 5, ['D'] = 6, ['E'] = 7, ['Q'] = 8,
};
static const uint8_t out_row_of[256] = {
    ['S'] = 1, ['A'] = 2,  ['U'] = 3,  ['C'] = 4,  ['D'] = 5,  ['E'] = 6,  ['B'] = 7,  ['J'] = 8,  ['P'] = 9,
    ['I'] = 10, ['T'] = 11, ['M'] = 12, ['R'] = 13, ['X'] = 14, ['G'] = 15, ['K'] = 16, ['Q'] = 17,
};
_Static_assert(sizeof fp_ouch_in_layouts / sizeof *fp_ouch_in_layouts == 8, "in_row_of covers every inbound type");
_Static_assert(sizeof fp_ouch_out_layouts / sizeof *fp_ouch_out_layouts == 17, "out_row_of covers every outbound type");

enum { APPENDAGE_NONE, APPENDAGE_OPTIONAL, APPENDAGE_REQUIRED };

static const struct fp_layout *find(const struct fp_layout *layouts, const uint8_t *rows, uint8_t type) {
    uint8_t row = rows[type];
    return row && (uint8_t)layouts[row - 1].type == type ? &layouts[row - 1] : NULL;
}

static int tiles(const uint8_t *bytes, size_t length) {
    size_t at = 0;
    while (at < length) {
        size_t element = bytes[at]; /* counts the tag byte, so 0 cannot be */
        if (element == 0 || element > length - at - 1)
            return 0;
        at += 1 + element;
    }
    return 1;
}

/* What follows the body: nothing, or a u16 length and exactly that many bytes of elements. */
static int read_appendage(const uint8_t *bytes, size_t length, uint8_t rule, struct fp_ouch_appendage *out) {
    *out = (struct fp_ouch_appendage){0};
    if (length == 0)
        return rule == APPENDAGE_REQUIRED ? FP_E_BAD_LENGTH : 0;
    if (rule == APPENDAGE_NONE || length < 2 || fp_load_be16(bytes) != length - 2 || !tiles(bytes + 2, length - 2))
        return FP_E_BAD_LENGTH;
    out->present = 1;
    out->length = (uint16_t)(length - 2);
    out->bytes = out->length ? bytes + 2 : NULL;
    return 0;
}

static int decode(const struct fp_layout *layout, uint8_t rule, const uint8_t *bytes, size_t length, void *out,
                  struct fp_ouch_appendage *appendage) {
    struct fp_ouch_appendage found;
    if (length < layout->length)
        return FP_E_BAD_LENGTH;
    int rc = read_appendage(bytes + layout->length, length - layout->length, rule, &found);
    if (rc)
        return rc;
    fp_layout_decode(layout, bytes, out);
    if (appendage)
        *appendage = found;
    return 0;
}

int fp_ouch_in_decode(const uint8_t *bytes, size_t length, union fp_ouch_in_body *out, struct fp_ouch_appendage *appendage) {
    if (length == 0)
        return FP_E_TRUNCATED;
    const struct fp_layout *layout = find(fp_ouch_in_layouts, in_row_of, bytes[0]);
    if (!layout)
        return FP_E_UNKNOWN_TYPE;
    memset(out, 0, sizeof *out);
    return decode(layout, layout->appendage, bytes, length, out, appendage);
}

int fp_ouch_out_decode(const uint8_t *bytes, size_t length, union fp_ouch_out_body *out, struct fp_ouch_appendage *appendage) {
    if (length == 0)
        return FP_E_TRUNCATED;
    const struct fp_layout *layout = find(fp_ouch_out_layouts, out_row_of, bytes[0]);
    if (!layout)
        return FP_E_UNKNOWN_TYPE;
    memset(out, 0, sizeof *out);
    /* AIQ Canceled without AIQStrategy, as before revision 1.05: strategy reads as 0. */
    if (bytes[0] == 'D' && length == FP_OUCH_OUT_AIQ_CANCELED_AIQ_STRATEGY) {
        uint8_t whole[FP_OUCH_OUT_AIQ_CANCELED_LEN] = {0};
        memcpy(whole, bytes, length);
        return decode(layout, layout->appendage, whole, sizeof whole, out, appendage);
    }
    /* Order Executed without appendage length: seen in older revisions, read as an empty one. */
    uint8_t rule = bytes[0] == 'E' ? APPENDAGE_OPTIONAL : layout->appendage;
    return decode(layout, rule, bytes, length, out, appendage);
}

static int encode(const struct fp_layout *layout, const void *message, const struct fp_ouch_appendage *appendage, uint8_t *out, size_t room) {
    size_t extra = appendage ? appendage->length : 0;
    if (extra && (layout->appendage == APPENDAGE_NONE || !tiles(appendage->bytes, extra)))
        return FP_E_BAD_FIELD;
    int with_length = extra || layout->appendage == APPENDAGE_REQUIRED;
    if (room < layout->length + (with_length ? 2 + extra : 0))
        return FP_E_NO_ROOM;
    int written = fp_layout_encode(layout, message, out);
    if (written < 0 || !with_length)
        return written;
    fp_store_be16(out + written, (uint16_t)extra);
    if (extra)
        memcpy(out + written + 2, appendage->bytes, extra);
    return written + 2 + (int)extra;
}

int fp_ouch_in_encode(const union fp_ouch_in_body *message, const struct fp_ouch_appendage *appendage, uint8_t *out, size_t room) {
    const struct fp_layout *layout = find(fp_ouch_in_layouts, in_row_of, (uint8_t)message->type);
    return layout ? encode(layout, message, appendage, out, room) : FP_E_UNKNOWN_TYPE;
}

int fp_ouch_out_encode(const union fp_ouch_out_body *message, const struct fp_ouch_appendage *appendage, uint8_t *out, size_t room) {
    const struct fp_layout *layout = find(fp_ouch_out_layouts, out_row_of, (uint8_t)message->type);
    return layout ? encode(layout, message, appendage, out, room) : FP_E_UNKNOWN_TYPE;
}

int fp_ouch_tag(const struct fp_ouch_appendage *appendage, uint8_t tag, const uint8_t **value) {
    size_t at = 0;
    while (at + 2 <= appendage->length) {
        const uint8_t *element = appendage->bytes + at;
        if (element[0] == 0 || element[0] > appendage->length - at - 1)
            break; /* only for an appendage that no decode checked */
        if (element[1] == tag) {
            *value = element + 2;
            return element[0] - 1;
        }
        at += 1u + element[0];
    }
    return FP_E_NOT_FOUND;
}

int fp_ouch_put_tag(uint8_t tag, const uint8_t *value, size_t length, uint8_t *out, size_t room) {
    if (length > 254)
        return FP_E_BAD_FIELD; /* the length byte counts the tag as well */
    if (room < 2 + length)
        return FP_E_NO_ROOM;
    out[0] = (uint8_t)(length + 1);
    out[1] = tag;
    if (length)
        memcpy(out + 2, value, length);
    return (int)(2 + length);
}
