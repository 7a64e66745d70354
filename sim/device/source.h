/* ITCH messages out of a file in memory: BinaryFILE (u16 big-endian length + message), raw form (two bytes nobody reads, then
 * a message whose length its type tells), or a pcap of MoldUDP64 packets. It never allocates and trusts no length. */
#ifndef FP_SOURCE_H
#define FP_SOURCE_H
#include <stddef.h>
#include <stdint.h>
#include "wire/pcap.h"

enum fp_source_form { FP_SOURCE_BINARY, FP_SOURCE_RAW, FP_SOURCE_PCAP };

struct fp_source {
    const uint8_t *bytes;
    size_t length, offset;
    enum fp_source_form form;
    struct fp_pcap pcap;
    const uint8_t *packet; /* MoldUDP64, of the pcap's last frame */
    size_t packet_length, packet_offset;
    uint64_t skipped;      /* pcap: frames that carry no MoldUDP64 packet */
};

/* Guess the form from the bytes. The bytes must outlive *out. 0, or FP_E_UNKNOWN_TYPE. */
int fp_source_open(struct fp_source *out, const uint8_t *bytes, size_t length);

/* The next message: its length (>= 1) and *message; 0 at a clean end; FP_E_TRUNCATED for a file cut inside a message,
 * FP_E_UNKNOWN_TYPE for a raw form that lost its place, or an error of the pcap. An error repeats. */
int fp_source_next(struct fp_source *source, const uint8_t **message);

#endif
