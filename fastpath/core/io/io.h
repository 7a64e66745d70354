/* Packet input and output behind one small table of functions, so that the loop
 * above does not know what carries its packets. A backend is chosen by one word.
 *
 * Receiving is split in rx and release, so that a backend may lend its own memory:
 * frames stay valid until they are released. Nothing here blocks except wait, and
 * nothing is dropped without a count. It knows no protocol above UDP. */
#ifndef FP_IO_H
#define FP_IO_H
#include "../records.h"
#include <stddef.h>
#include <stdint.h>

enum { FP_IO_ABI = 1, FP_IO_BURST = 64, FP_IO_ERROR_TEXT_MAX = 256 };

/* Where a frame's timestamp comes from; low bits of fp_frame.flags. All are UTC ns. */
enum fp_io_timestamp {
    FP_IO_TS_NONE = 0,     /* ts_ns is 0: the caller reads its own clock */
    FP_IO_TS_SOFTWARE = 1, /* read by the backend after the packet reached it */
    FP_IO_TS_KERNEL = 2,   /* when the kernel took the packet from the driver */
    FP_IO_TS_HARDWARE = 3
};

/* One packet. The UDP payload is [data + payload, data + len). 32 bytes. */
struct fp_frame {
    const uint8_t *data;
    uint32_t len;      /* bytes at data, headers included where the backend delivers them */
    uint16_t payload;  /* offset of the UDP payload; 0 for sockets */
    uint16_t flags;    /* enum fp_io_timestamp */
    uint64_t ts_ns;    /* receive time, UTC ns */
    uint64_t cookie;   /* the backend's own, untouched by the caller */
};

/* What to open. Empty strings and zeroes mean "not wanted" unless noted. */
struct fp_io_config {
    char address[48];        /* IPv4 to receive on: a multicast group, a local address, or "" for any */
    uint16_t port;           /* UDP port to receive on, 0 = the kernel's choice */
    char interface[48];      /* IPv4 address of the interface to join the group on */
    char remote_host[48];    /* IPv4 of the peer: only its packets are received and tx goes to it */
    uint16_t remote_port;
    uint32_t receive_buffer; /* bytes asked from the kernel, 0 = 8 MiB */
};

/* Counts since open. sent by the peer = rx_packets + drops + oversized. */
struct fp_io_stats {
    uint64_t rx_packets, rx_bytes;
    uint64_t rx_dropped;   /* the kernel had no room (SO_RXQ_OVFL); known once a later packet arrives */
    uint64_t rx_oversized; /* longer than a frame can be; not delivered */
    uint64_t rx_errors;
    uint64_t tx_packets, tx_bytes, tx_errors;
};

struct fp_io_ops;

/* An open port. Hot pointers first, one cache line. */
struct fp_io {
    /* Up to max frames (at most FP_IO_BURST) now waiting; 0 when none. Never blocks. */
    int (*rx)(struct fp_io *io, struct fp_frame *frames, int max);
    /* Give frames of the last rx back. */
    void (*release)(struct fp_io *io, const struct fp_frame *frames, int count);
    /* Send payloads to the remote. Returns how many were taken. */
    int (*tx)(struct fp_io *io, const struct fp_frame *frames, int count);
    /* Sleep until a packet is there or timeout_ns passed. 1 ready, 0 not. */
    int (*wait)(struct fp_io *io, int64_t timeout_ns);
    int fd;                /* readable when a packet waits; for the caller's own poll */
    const struct fp_io_ops *ops;
};

/* The cold side of a backend. */
struct fp_io_ops {
    const char *name, *summary;
    uint32_t abi; /* FP_IO_ABI */
    /* 0, or a negative fp_error and one readable line (cause and remedy) in error_text. */
    int (*open)(struct fp_io **out, const struct fp_io_config *config, char error_text[FP_IO_ERROR_TEXT_MAX]);
    void (*stats)(const struct fp_io *io, struct fp_io_stats *out);
    /* One line about the open port, for people. Returns its length. */
    int (*describe)(const struct fp_io *io, char *text, size_t room);
    void (*close)(struct fp_io *io);
};

/* The backend of that name, or NULL. */
const struct fp_io_ops *fp_io_find(const char *name);
/* The i-th backend, NULL past the last. */
const struct fp_io_ops *fp_io_backend(unsigned i);
/* Find and open. FP_E_NOT_FOUND with a line that lists the known names. */
int fp_io_open(struct fp_io **out, const char *name, const struct fp_io_config *config, char error_text[FP_IO_ERROR_TEXT_MAX]);

extern const struct fp_io_ops fp_io_socket;

#endif
