/* Classic pcap files in memory: both byte orders, microsecond and nanosecond stamps,
 * link type Ethernet. It opens no file, never allocates and trusts no length. */
#ifndef FP_PCAP_H
#define FP_PCAP_H
#include "../records.h"
#include "layout.h"

enum { FP_PCAP_HEADER_LEN = 24, FP_PCAP_RECORD_LEN = 16, FP_PCAP_ETHERNET = 1 };

struct fp_pcap {
    const uint8_t *bytes;
    size_t length, offset; /* offset of the next record */
    uint32_t snap_length;
    uint8_t swapped;       /* written by a big-endian machine */
    uint8_t nanoseconds;
};

struct fp_pcap_packet {
    const uint8_t *frame;
    size_t length;          /* bytes captured */
    size_t wire_length;     /* bytes there were; more than length when the capture was cut */
    uint64_t time_ns;       /* UTC */
};

/* Open a whole file. FP_E_TRUNCATED (shorter than its header), FP_E_UNKNOWN_TYPE (no classic pcap: pcapng for
 * one), FP_E_NOT_SUPPORTED (another link type than Ethernet). The bytes must outlive *out. */
int fp_pcap_open(struct fp_pcap *out, const uint8_t *bytes, size_t length);

/* The next record. 1 and *packet; 0 at a clean end; FP_E_TRUNCATED when the file is cut inside a record;
 * FP_E_BAD_FIELD for a record longer than it was on the wire, or a fraction of a second >= 1 s. An error repeats. */
int fp_pcap_next(struct fp_pcap *pcap, struct fp_pcap_packet *packet);

/* Write the file header (nanosecond stamps, little-endian, Ethernet). Returns 24 or FP_E_NO_ROOM. */
int fp_pcap_put_header(uint8_t *out, size_t room);

/* Write one record. Returns bytes written, FP_E_NO_ROOM, or FP_E_OVERSIZED (frame above 262,144 bytes). */
int fp_pcap_put(const uint8_t *frame, size_t length, uint64_t time_ns, uint8_t *out, size_t room);

#endif
