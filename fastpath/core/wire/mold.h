/* MoldUDP64 1.00 packets: header, message blocks, requests. Pure functions over
 * byte ranges. Arbitration of lines A and B is mold_rx.h's. */
#ifndef FP_MOLD_H
#define FP_MOLD_H
#include "../records.h"
#include "layout.h"

enum { FP_MOLD_HEADER_LEN = 20, FP_MOLD_END_OF_SESSION = 0xFFFF, FP_MOLD_MAX_PACKET = 1472 };

struct fp_mold_header {
    char session[10];
    uint16_t count;    /* 0 heartbeat, 0xFFFF end of session */
    uint64_t sequence; /* of the first message; next expected one in heartbeats */
};

/* Read and check the header and that the blocks tile the packet exactly.
 * FP_E_TRUNCATED (short header or block), FP_E_BAD_LENGTH (bytes after the last block, or an empty block), FP_E_BAD_FIELD (sequence 0). */
int fp_mold_parse(const uint8_t *packet, size_t length, struct fp_mold_header *out);

/* Step through the blocks of a packet that fp_mold_parse accepted. *offset starts at
 * FP_MOLD_HEADER_LEN. Returns the message's length (>= 1) and sets *message, or 0 at the end. */
int fp_mold_next(const uint8_t *packet, size_t length, size_t *offset, const uint8_t **message);

/* Write a header (also a heartbeat, an end of session, or a re-request: same 20 bytes). Returns 20, or FP_E_NO_ROOM. */
int fp_mold_put_header(const struct fp_mold_header *header, uint8_t *out, size_t room);

/* Append one block (u16 length + message). Returns bytes written, FP_E_NO_ROOM, or FP_E_BAD_LENGTH for an empty or > 65535 message. */
int fp_mold_put_block(const uint8_t *message, size_t length, uint8_t *out, size_t room);

#endif
