/* A recorded ITCH 5.0 day as a file: finds out its form and steps through its messages.
 * Reads only; judges no message beyond where it ends. */
#ifndef FP_SIM_TAPE_H
#define FP_SIM_TAPE_H
#include <stddef.h>
#include <stdint.h>

enum fp_tape_form {
    FP_TAPE_UNKNOWN = 0,
    FP_TAPE_BINARYFILE = 1,  /* u16 big-endian length, message */
    FP_TAPE_ZERO_PREFIX = 2, /* two zero bytes, message; its length follows from its type */
    FP_TAPE_BARE = 3         /* messages end to end; lengths follow from types */
};

struct fp_tape {
    const uint8_t *bytes;
    size_t length, at;
    uint64_t messages, truncated, bad_length, unknown_type; /* unknown types end a form without lengths */
    uint8_t form;            /* enum fp_tape_form */
    uint8_t mapped;
};

/* The form whose rules hold for the first messages (up to 256), or FP_TAPE_UNKNOWN. */
int fp_tape_detect(const uint8_t *bytes, size_t length);
/* Over bytes that stay the caller's. Returns the form, or FP_E_BAD_FIELD when none fits. */
int fp_tape_init(struct fp_tape *tape, const uint8_t *bytes, size_t length);
/* Over a file, mapped. Returns the form, FP_E_SYSTEM (errno), FP_E_BAD_FIELD. */
int fp_tape_open(struct fp_tape *tape, const char *path);
/* The next message: its length with *message set, or 0 at the end (also after bytes that cannot be read, counted). */
int fp_tape_next(struct fp_tape *tape, const uint8_t **message);
void fp_tape_close(struct fp_tape *tape);

#endif
