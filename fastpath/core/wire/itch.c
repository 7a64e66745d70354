/* TotalView-ITCH 5.0 encode and decode over the generated table; see itch.h.
 * Not the book's path (that reads fields in place); it keeps no state. */
#include "itch.h"
#include "codec.h"

/* Row of the generated table + 1 by type byte, 0 = not in the protocol. A row that
 * moved is caught in find(): it turns into an unknown type, never into a wrong decode. */
static const uint8_t row_of[256] = {
    ['S'] = 1,  ['R'] = 2,  ['H'] = 3,  ['Y'] = 4,  ['L'] = 5,  ['V'] = 6,  ['W'] = 7,  ['K'] = 8,
    ['J'] = 9,  ['h'] = 10, ['A'] = 11, ['F'] = 12, ['E'] = 13, ['C'] = 14, ['X'] = 15, ['D'] = 16,
    ['U'] = 17, ['P'] = 18, ['Q'] = 19, ['B'] = 20, ['I'] = 21, ['N'] = 22, ['O'] = 23,
};
_Static_assert(sizeof fp_itch_layouts / sizeof *fp_itch_layouts == 23, "row_of covers every ITCH type");

static const struct fp_layout *find(uint8_t type) {
    uint8_t row = row_of[type];
    return row && (uint8_t)fp_itch_layouts[row - 1].type == type ? &fp_itch_layouts[row - 1] : NULL;
}

uint8_t fp_itch_length(uint8_t type) {
    const struct fp_layout *layout = find(type);
    return layout ? layout->length : 0;
}

int fp_itch_decode(const uint8_t *bytes, size_t length, union fp_itch_body *out) {
    if (length == 0)
        return FP_E_TRUNCATED;
    const struct fp_layout *layout = find(bytes[0]);
    if (!layout)
        return FP_E_UNKNOWN_TYPE;
    if (length != layout->length)
        return FP_E_BAD_LENGTH;
    memset(out, 0, sizeof *out);
    fp_layout_decode(layout, bytes, out);
    return 0;
}

int fp_itch_encode(const union fp_itch_body *message, uint8_t *out, size_t room) {
    const struct fp_layout *layout = find((uint8_t)message->type);
    if (!layout)
        return FP_E_UNKNOWN_TYPE;
    if (room < layout->length)
        return FP_E_NO_ROOM;
    return fp_layout_encode(layout, message, out);
}
