/* See lines.h. */
#include "lines.h"
#include "fastpath/core/records.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int fp_line_open(struct fp_line *line, const char *address, uint16_t port, const char *interface_address) {
    memset(line, 0, sizeof *line);
    line->fd = -1;
    if (!address[0]) return 0;
    line->to.sin_family = AF_INET;
    line->to.sin_port = htons(port);
    if (!port || inet_pton(AF_INET, address, &line->to.sin_addr) != 1) return FP_E_BAD_CONFIG;
    line->held = calloc(FP_LINE_HELD, sizeof *line->held);
    if (!line->held) return FP_E_NO_MEMORY;
    line->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (line->fd < 0) return FP_E_SYSTEM;
    int buffer = 1 << 20;
    setsockopt(line->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer); /* more when allowed; not needed */
    if (IN_MULTICAST(ntohl(line->to.sin_addr.s_addr))) {
        /* the interface by address: works on lo without a route, the MULTICAST flag or root */
        struct in_addr by;
        unsigned char on = 1, hops = 1;
        if (inet_pton(AF_INET, interface_address, &by) != 1) return FP_E_BAD_CONFIG;
        if (setsockopt(line->fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by) < 0 ||
            setsockopt(line->fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof on) < 0 ||
            setsockopt(line->fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops) < 0)
            return FP_E_SYSTEM;
    }
    return 0;
}

void fp_line_set_faults(struct fp_line *line, const struct fp_line_faults *faults) {
    line->faults = *faults;
    line->random = faults->seed;
}

static uint32_t draw_per_mille(struct fp_line *line) {
    uint64_t z = line->random += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return (uint32_t)(((z >> 32) * 1000) >> 32);
}

static void put(struct fp_line *line, const uint8_t *packet, size_t length) {
    if (sendto(line->fd, packet, length, 0, (const struct sockaddr *)&line->to, sizeof line->to) != (ssize_t)length) {
        line->stats.send_errors++;
        return;
    }
    line->stats.packets++;
    line->stats.bytes += length;
}

static int hold(struct fp_line *line, const uint8_t *packet, size_t length, uint64_t due_ns, int after_next) {
    if (line->held_count == FP_LINE_HELD) return 0;
    struct fp_line_held *held = line->held;
    while (held->used) held++;
    held->used = 1;
    held->after_next = (uint8_t)after_next;
    held->due_ns = due_ns;
    held->length = (uint16_t)length;
    memcpy(held->bytes, packet, length);
    line->held_count++;
    return 1;
}

static void release(struct fp_line *line, struct fp_line_held *held) {
    put(line, held->bytes, held->length);
    held->used = 0;
    line->held_count--;
}

void fp_line_send(struct fp_line *line, const uint8_t *packet, size_t length, uint64_t now_ns) {
    const struct fp_line_faults *f = &line->faults;
    if (line->fd < 0 || length > FP_LINE_PACKET) return;
    if (f->drop_per_mille && draw_per_mille(line) < f->drop_per_mille) {
        line->stats.dropped++;
        return;
    }
    if (f->reorder_per_mille && draw_per_mille(line) < f->reorder_per_mille &&
        hold(line, packet, length, now_ns + FP_LINE_REORDER_NS, 1)) {
        line->stats.reordered++;
        return;
    }
    if (f->delay_per_mille && draw_per_mille(line) < f->delay_per_mille &&
        hold(line, packet, length, now_ns + (uint64_t)f->delay_us * 1000, 0)) {
        line->stats.delayed++;
        return;
    }
    put(line, packet, length);
    if (f->duplicate_per_mille && draw_per_mille(line) < f->duplicate_per_mille) {
        line->stats.duplicated++;
        put(line, packet, length);
    }
    for (int i = 0; line->held_count && i < FP_LINE_HELD; i++)
        if (line->held[i].used && line->held[i].after_next) release(line, &line->held[i]);
}

uint64_t fp_line_timer(struct fp_line *line, uint64_t now_ns) {
    if (!line->held_count) return UINT64_MAX;
    for (;;) { /* in the order of their times, not of their slots */
        struct fp_line_held *first = NULL;
        for (int i = 0; i < FP_LINE_HELD; i++)
            if (line->held[i].used && (!first || line->held[i].due_ns < first->due_ns)) first = &line->held[i];
        if (!first) return UINT64_MAX;
        if (first->due_ns > now_ns) return first->due_ns;
        release(line, first);
    }
}

void fp_line_close(struct fp_line *line) {
    if (line->fd >= 0) close(line->fd);
    free(line->held);
    line->held = NULL;
    line->fd = -1;
}
