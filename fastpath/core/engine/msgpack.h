/* The part of MessagePack that the bus speaks: nil, booleans, integers, strings,
 * binary, arrays and maps. Floats and extensions are refused, since nothing on the
 * bus is one.
 *
 * Reading is over a byte range that nobody vouches for: every read checks its bounds,
 * nothing is believed about lengths, nesting is limited. Writing goes to memory that
 * grows up to a limit; a message that does not fit is told by the writer's error and
 * never half sent. It knows no message of the bus. */
#ifndef FP_MSGPACK_H
#define FP_MSGPACK_H
#include "../records.h"
#include <stddef.h>
#include <stdint.h>

enum { FP_MP_MAX_DEPTH = 4 };

/* ---- reading ---- */

enum fp_mp_type { FP_MP_NIL = 0, FP_MP_BOOL = 1, FP_MP_UINT = 2, FP_MP_INT = 3, FP_MP_STR = 4, FP_MP_BIN = 5, FP_MP_ARRAY = 6, FP_MP_MAP = 7 };

struct fp_mp_value {
    union {
        uint64_t u;         /* UINT, BOOL */
        int64_t i;          /* INT: always negative */
        const uint8_t *data; /* STR, BIN */
    };
    uint32_t length;        /* bytes of STR and BIN, items of ARRAY, pairs of MAP */
    uint8_t type;           /* enum fp_mp_type */
};

struct fp_mp_reader {
    const uint8_t *at, *end;
};

/* The next value's head; the items of an array or map follow as values of their own.
 * FP_E_TRUNCATED, FP_E_UNKNOWN_TYPE (float, extension, reserved byte), FP_E_BAD_LENGTH
 * (more items announced than bytes left). */
int fp_mp_read(struct fp_mp_reader *reader, struct fp_mp_value *out);
/* Step over one whole value. Also FP_E_OVERSIZED when nested deeper than FP_MP_MAX_DEPTH. */
int fp_mp_skip(struct fp_mp_reader *reader);

/* ---- writing ---- */

struct fp_mp_writer {
    uint8_t *data;
    size_t length, room, limit; /* bytes used, allocated, and never to be exceeded */
    int error;                  /* 0, FP_E_NO_ROOM beyond the limit, FP_E_NO_MEMORY */
};

/* room bytes at once, growing up to limit. FP_E_NO_MEMORY. */
int fp_mp_open(struct fp_mp_writer *writer, size_t room, size_t limit);
void fp_mp_close(struct fp_mp_writer *writer);
/* Forget what was written; memory and limit stay. */
void fp_mp_reset(struct fp_mp_writer *writer);

void fp_mp_map(struct fp_mp_writer *writer, uint32_t pairs);
void fp_mp_array(struct fp_mp_writer *writer, uint32_t items);
/* An array whose number of items is not yet known: remember the place, then set it. */
size_t fp_mp_array_begin(struct fp_mp_writer *writer);
void fp_mp_array_end(struct fp_mp_writer *writer, size_t place, uint32_t items);
void fp_mp_nil(struct fp_mp_writer *writer);
void fp_mp_bool(struct fp_mp_writer *writer, int value);
void fp_mp_u64(struct fp_mp_writer *writer, uint64_t value);
void fp_mp_i64(struct fp_mp_writer *writer, int64_t value);
void fp_mp_str(struct fp_mp_writer *writer, const char *text);
void fp_mp_strn(struct fp_mp_writer *writer, const char *text, size_t length);
/* Text in a field of fixed width, without its padding of spaces and zeroes. */
void fp_mp_padded(struct fp_mp_writer *writer, const char *text, size_t width);
/* Room for length bytes of binary, or NULL; fill it before the next call. */
uint8_t *fp_mp_bin(struct fp_mp_writer *writer, uint32_t length);

/* A key with its value, the way maps are written. */
void fp_mp_key_u64(struct fp_mp_writer *writer, const char *key, uint64_t value);
void fp_mp_key_i64(struct fp_mp_writer *writer, const char *key, int64_t value);
void fp_mp_key_bool(struct fp_mp_writer *writer, const char *key, int value);
void fp_mp_key_str(struct fp_mp_writer *writer, const char *key, const char *value);
void fp_mp_key_padded(struct fp_mp_writer *writer, const char *key, const char *value, size_t width);

#endif
