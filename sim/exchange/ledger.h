/* The exchange's ledger: an append-only file of everything that went into the matching
 * core and came out, in order, so that a day can be applied again and audited afterwards.
 *
 * Record, little-endian: u32 payload length, u8 stream (H header text, I input, F feed
 * message, O order message), u8 input kind, u16 account, u64 time_ns, payload. An input's
 * payload is ref u64, shares u32, price_e4 u32, locate u16, code, time in force,
 * attribution 4, then its message bytes. It never blocks matching on a sync. */
#ifndef FP_SIM_LEDGER_H
#define FP_SIM_LEDGER_H
#include "matching.h"

enum { FP_LEDGER_BUFFER = 1 << 18, FP_LEDGER_HEAD = 16, FP_LEDGER_INPUT = 24 };

struct fp_ledger {
    int fd;            /* -1: off */
    size_t used;
    uint8_t *buffer;
    uint64_t records, errors;
};

/* path "" = off. The file is made with mode 0600, or appended to. 0, FP_E_SYSTEM, FP_E_NO_MEMORY. */
int fp_ledger_open(struct fp_ledger *ledger, const char *path, const char *header, uint64_t time_ns);
void fp_ledger_input(struct fp_ledger *ledger, const struct fp_match_input *input);
void fp_ledger_output(struct fp_ledger *ledger, char stream, uint16_t account, uint64_t time_ns, const uint8_t *bytes, size_t length);
/* Write what is buffered. */
void fp_ledger_flush(struct fp_ledger *ledger);
void fp_ledger_close(struct fp_ledger *ledger);

#endif
