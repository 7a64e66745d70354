/* How a message lies on the wire: the rows that the generated tables are made of,
 * and big-endian loads and stores. It knows no protocol and never allocates. */
#ifndef FP_LAYOUT_H
#define FP_LAYOUT_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum fp_field_kind { FP_FIELD_UINT, FP_FIELD_ALPHA };

/* One field: where it is on the wire (bytes), and where in the host-order struct. */
struct fp_field {
    uint8_t wire_offset, wire_width, kind;
    uint16_t host_offset;
    uint8_t host_width;
};

/* One message type. appendage: 0 none, 1 may be absent, 2 always there (OUCH 5.0). */
struct fp_layout {
    char type;
    uint8_t length, appendage;
    uint8_t field_count;
    const struct fp_field *fields;
    const char *name;
};

static inline uint16_t fp_load_be16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, 2);
    return __builtin_bswap16(v);
}

static inline uint32_t fp_load_be32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}

static inline uint64_t fp_load_be48(const uint8_t *p) {
    uint64_t v = 0;
    memcpy((uint8_t *)&v + 2, p, 6);
    return __builtin_bswap64(v);
}

static inline uint64_t fp_load_be64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

static inline void fp_store_be16(uint8_t *p, uint16_t v) {
    v = __builtin_bswap16(v);
    memcpy(p, &v, 2);
}

static inline void fp_store_be32(uint8_t *p, uint32_t v) {
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}

static inline void fp_store_be48(uint8_t *p, uint64_t v) {
    v = __builtin_bswap64(v);
    memcpy(p, (const uint8_t *)&v + 2, 6);
}

static inline void fp_store_be64(uint8_t *p, uint64_t v) {
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}

#endif
