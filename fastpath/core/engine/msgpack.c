/* MessagePack for the bus; see msgpack.h for what it takes and refuses. */
#include "msgpack.h"
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static int take(struct fp_mp_reader *reader, unsigned width, uint64_t *out) {
    if ((size_t)(reader->end - reader->at) < width) return FP_E_TRUNCATED;
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++) value = value << 8 | *reader->at++;
    *out = value;
    return 0;
}

/* A signed value of width bytes; kept unsigned when it is not negative, so that a value has one form. */
static int take_signed(struct fp_mp_reader *reader, unsigned width, struct fp_mp_value *out) {
    uint64_t raw = 0;
    int failed = take(reader, width, &raw);
    if (failed) return failed;
    unsigned unused = 64 - 8 * width;
    int64_t value = (int64_t)(raw << unused) >> unused;
    if (value < 0) *out = (struct fp_mp_value){.i = value, .type = FP_MP_INT};
    else *out = (struct fp_mp_value){.u = (uint64_t)value, .type = FP_MP_UINT};
    return 0;
}

static int take_bytes(struct fp_mp_reader *reader, uint8_t type, uint64_t length, struct fp_mp_value *out) {
    if ((uint64_t)(reader->end - reader->at) < length) return FP_E_TRUNCATED;
    *out = (struct fp_mp_value){.data = reader->at, .length = (uint32_t)length, .type = type};
    reader->at += length;
    return 0;
}

static int take_items(struct fp_mp_reader *reader, uint8_t type, uint64_t count, struct fp_mp_value *out) {
    /* Every item needs a byte at least: a header cannot announce more than the message holds. */
    uint64_t items = type == FP_MP_MAP ? 2 * count : count;
    if (items > (uint64_t)(reader->end - reader->at)) return FP_E_BAD_LENGTH;
    *out = (struct fp_mp_value){.length = (uint32_t)count, .type = type};
    return 0;
}

int fp_mp_read(struct fp_mp_reader *reader, struct fp_mp_value *out) {
    uint64_t head = 0, n = 0;
    int failed = take(reader, 1, &head);
    *out = (struct fp_mp_value){0};
    if (failed) return failed;
    if (head <= 0x7f) return *out = (struct fp_mp_value){.u = head, .type = FP_MP_UINT}, 0;
    if (head <= 0x8f) return take_items(reader, FP_MP_MAP, head & 15, out);
    if (head <= 0x9f) return take_items(reader, FP_MP_ARRAY, head & 15, out);
    if (head <= 0xbf) return take_bytes(reader, FP_MP_STR, head & 31, out);
    if (head >= 0xe0) return *out = (struct fp_mp_value){.i = (int64_t)head - 256, .type = FP_MP_INT}, 0;
    switch (head) {
    case 0xc0: return 0;
    case 0xc2:
    case 0xc3: return *out = (struct fp_mp_value){.u = head & 1, .type = FP_MP_BOOL}, 0;
    case 0xc4:
    case 0xc5:
    case 0xc6: return (failed = take(reader, 1u << (head - 0xc4), &n)) ? failed : take_bytes(reader, FP_MP_BIN, n, out);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        if ((failed = take(reader, 1u << (head - 0xcc), &n))) return failed;
        return *out = (struct fp_mp_value){.u = n, .type = FP_MP_UINT}, 0;
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: return take_signed(reader, 1u << (head - 0xd0), out);
    case 0xd9:
    case 0xda:
    case 0xdb: return (failed = take(reader, 1u << (head - 0xd9), &n)) ? failed : take_bytes(reader, FP_MP_STR, n, out);
    case 0xdc:
    case 0xdd: return (failed = take(reader, 2u << (head - 0xdc), &n)) ? failed : take_items(reader, FP_MP_ARRAY, n, out);
    case 0xde:
    case 0xdf: return (failed = take(reader, 2u << (head - 0xde), &n)) ? failed : take_items(reader, FP_MP_MAP, n, out);
    default: return FP_E_UNKNOWN_TYPE;
    }
}

int fp_mp_skip(struct fp_mp_reader *reader) {
    uint64_t left[FP_MP_MAX_DEPTH + 1] = {1}; /* items still to come, by depth */
    int depth = 0;
    while (depth >= 0) {
        if (left[depth] == 0) {
            depth--;
            continue;
        }
        left[depth]--;
        struct fp_mp_value value;
        int failed = fp_mp_read(reader, &value);
        if (failed) return failed;
        if (value.type != FP_MP_ARRAY && value.type != FP_MP_MAP) continue;
        if (depth == FP_MP_MAX_DEPTH) return FP_E_OVERSIZED;
        left[++depth] = value.type == FP_MP_MAP ? 2 * (uint64_t)value.length : value.length;
    }
    return 0;
}

/* ---- writing ---- */

int fp_mp_open(struct fp_mp_writer *writer, size_t room, size_t limit) {
    *writer = (struct fp_mp_writer){.data = malloc(room), .room = room, .limit = limit < room ? room : limit};
    return writer->data ? 0 : FP_E_NO_MEMORY;
}

void fp_mp_close(struct fp_mp_writer *writer) {
    free(writer->data);
    *writer = (struct fp_mp_writer){0};
}

void fp_mp_reset(struct fp_mp_writer *writer) {
    writer->length = 0;
    writer->error = 0;
}

static uint8_t *reserve(struct fp_mp_writer *writer, size_t bytes) {
    if (writer->error) return NULL;
    if (bytes > writer->limit - writer->length) return writer->error = FP_E_NO_ROOM, NULL;
    if (bytes > writer->room - writer->length) {
        size_t room = writer->room * 2 > writer->length + bytes ? writer->room * 2 : writer->length + bytes;
        uint8_t *data = realloc(writer->data, room < writer->limit ? room : writer->limit);
        if (!data) return writer->error = FP_E_NO_MEMORY, NULL;
        writer->data = data;
        writer->room = room < writer->limit ? room : writer->limit;
    }
    uint8_t *place = writer->data + writer->length;
    writer->length += bytes;
    return place;
}

static void put(struct fp_mp_writer *writer, uint8_t head, uint64_t value, unsigned width) {
    uint8_t *out = reserve(writer, 1 + width);
    if (!out) return;
    *out++ = head;
    for (unsigned i = 0; i < width; i++) out[i] = (uint8_t)(value >> 8 * (width - 1 - i));
}

void fp_mp_map(struct fp_mp_writer *writer, uint32_t pairs) {
    if (pairs < 16) put(writer, (uint8_t)(0x80 | pairs), 0, 0);
    else if (pairs < 65536) put(writer, 0xde, pairs, 2);
    else put(writer, 0xdf, pairs, 4);
}

void fp_mp_array(struct fp_mp_writer *writer, uint32_t items) {
    if (items < 16) put(writer, (uint8_t)(0x90 | items), 0, 0);
    else if (items < 65536) put(writer, 0xdc, items, 2);
    else put(writer, 0xdd, items, 4);
}

size_t fp_mp_array_begin(struct fp_mp_writer *writer) {
    size_t place = writer->length;
    put(writer, 0xdd, 0, 4);
    return place;
}

void fp_mp_array_end(struct fp_mp_writer *writer, size_t place, uint32_t items) {
    if (writer->error) return;
    for (unsigned i = 0; i < 4; i++) writer->data[place + 1 + i] = (uint8_t)(items >> 8 * (3 - i));
}

void fp_mp_nil(struct fp_mp_writer *writer) {
    put(writer, 0xc0, 0, 0);
}

void fp_mp_bool(struct fp_mp_writer *writer, int value) {
    put(writer, value ? 0xc3 : 0xc2, 0, 0);
}

void fp_mp_u64(struct fp_mp_writer *writer, uint64_t value) {
    if (value < 128) put(writer, (uint8_t)value, 0, 0);
    else if (value < 256) put(writer, 0xcc, value, 1);
    else if (value < 65536) put(writer, 0xcd, value, 2);
    else if (value <= UINT32_MAX) put(writer, 0xce, value, 4);
    else put(writer, 0xcf, value, 8);
}

void fp_mp_i64(struct fp_mp_writer *writer, int64_t value) {
    if (value >= 0) fp_mp_u64(writer, (uint64_t)value);
    else if (value >= -32) put(writer, (uint8_t)(value + 256), 0, 0);
    else put(writer, 0xd3, (uint64_t)value, 8);
}

void fp_mp_strn(struct fp_mp_writer *writer, const char *text, size_t length) {
    if (length < 32) put(writer, (uint8_t)(0xa0 | length), 0, 0);
    else if (length < 256) put(writer, 0xd9, length, 1);
    else if (length < 65536) put(writer, 0xda, length, 2);
    else put(writer, 0xdb, length, 4);
    uint8_t *out = reserve(writer, length);
    if (out && length) memcpy(out, text, length);
}

void fp_mp_str(struct fp_mp_writer *writer, const char *text) {
    fp_mp_strn(writer, text, strlen(text));
}

void fp_mp_padded(struct fp_mp_writer *writer, const char *text, size_t width) {
    size_t length = strnlen(text, width);
    while (length && text[length - 1] == ' ') length--;
    fp_mp_strn(writer, text, length);
}

uint8_t *fp_mp_bin(struct fp_mp_writer *writer, uint32_t length) {
    put(writer, 0xc6, length, 4);
    return reserve(writer, length);
}

void fp_mp_key_u64(struct fp_mp_writer *writer, const char *key, uint64_t value) {
    fp_mp_str(writer, key);
    fp_mp_u64(writer, value);
}

void fp_mp_key_i64(struct fp_mp_writer *writer, const char *key, int64_t value) {
    fp_mp_str(writer, key);
    fp_mp_i64(writer, value);
}

void fp_mp_key_bool(struct fp_mp_writer *writer, const char *key, int value) {
    fp_mp_str(writer, key);
    fp_mp_bool(writer, value);
}

void fp_mp_key_str(struct fp_mp_writer *writer, const char *key, const char *value) {
    fp_mp_str(writer, key);
    fp_mp_str(writer, value);
}

void fp_mp_key_padded(struct fp_mp_writer *writer, const char *key, const char *value, size_t width) {
    fp_mp_str(writer, key);
    fp_mp_padded(writer, value, width);
}
