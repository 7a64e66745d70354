/* One line (A or B) of a feed: a UDP socket with a destination, and the faults a test may
 * switch on. Faults are drawn from the line's own seeded generator, packet by packet, so
 * the same packets are lost each time. It never blocks and keeps at most FP_LINE_HELD packets. */
#ifndef FP_SIM_LINES_H
#define FP_SIM_LINES_H
#include "counters.h"
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

enum { FP_LINE_HELD = 256, FP_LINE_PACKET = 1472, FP_LINE_REORDER_NS = 50000000 };

struct fp_line_held {
    uint64_t due_ns;
    uint16_t length;
    uint8_t used, after_next; /* after_next: goes out behind the next packet, or when due */
    uint8_t bytes[FP_LINE_PACKET];
};

struct fp_line {
    int fd;                   /* -1: the line is off */
    struct sockaddr_in to;
    struct fp_line_faults faults;
    struct fp_line_stats stats;
    uint64_t random;
    uint32_t held_count;
    struct fp_line_held *held;
};

/* Send to address:port, an IPv4 group by the interface of that address, or a host. An empty address turns the line off.
 * Returns 0, FP_E_BAD_CONFIG, FP_E_SYSTEM, FP_E_NO_MEMORY. */
int fp_line_open(struct fp_line *line, const char *address, uint16_t port, const char *interface_address);
void fp_line_set_faults(struct fp_line *line, const struct fp_line_faults *faults);
void fp_line_send(struct fp_line *line, const uint8_t *packet, size_t length, uint64_t now_ns);
/* Send held packets that are due. Returns when the next one is, UINT64_MAX = none. */
uint64_t fp_line_timer(struct fp_line *line, uint64_t now_ns);
void fp_line_close(struct fp_line *line);

#endif
