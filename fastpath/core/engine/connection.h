/* One venue's TCP connection on the hot thread: connects, reads, writes; what the
 * bytes mean is fp_oms_*'s. Non-blocking throughout, TCP_NODELAY, no allocation after
 * open; every loss of the connection is told to the order side. */
#ifndef FP_CONNECTION_H
#define FP_CONNECTION_H
#include "../fastpath.h"
#include "../order/oms.h"
#include "hist.h"
#include <netinet/in.h>

enum { FP_CONNECTION_BUFFER = 128 << 10 };

struct fp_connection {
    struct sockaddr_in address;
    struct fp_oms *oms;
    struct fp_hist *order_to_ack;
    uint64_t retry_ns;           /* not before this time */
    uint64_t since_ns;           /* connecting since */
    uint64_t connects, disconnects, bytes_in, bytes_out;
    uint32_t filled;             /* bytes in the buffer */
    int fd;                      /* -1: none */
    uint8_t venue, configured, connected, blocked; /* blocked: the kernel takes no more bytes now */
    uint8_t *buffer;
};

/* Resolves the host. A venue without order_host opens as not configured. */
int fp_connection_open(struct fp_connection *connection, const struct fp_venue_config *config, uint8_t venue, char *error_text);
void fp_connection_close(struct fp_connection *connection);

/* Connect when wanted, read what is there, write what waits. Returns 1 when anything moved. */
int fp_connection_poll(struct fp_connection *connection, uint64_t now_ns);
/* Write what waits, as far as the kernel takes it. Returns bytes. */
size_t fp_connection_flush(struct fp_connection *connection, uint64_t now_ns);
/* Close the connection and tell the order side. */
void fp_connection_drop(struct fp_connection *connection, uint64_t now_ns);
/* What to poll for: POLLIN, POLLOUT, or 0 when there is no socket. */
short fp_connection_events(const struct fp_connection *connection);

#endif
