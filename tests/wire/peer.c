/* The wire codecs as a line filter for the Python tests: a command and hex bytes in, one line out.
 *
 * It holds no expectation of its own; what is right is decided on the Python side.
 * Built with the sanitizers, and every input is copied to exact memory, so a stray read ends the run. */
#include "wire/itch.h"
#include "wire/mold_rx.h"
#include "wire/net.h"
#include "wire/ouch.h"
#include "wire/pcap.h"
#include "wire/soup.h"
#include <stdio.h>
#include <stdlib.h>

static uint8_t *unhex(const char *text, size_t *length) {
    size_t digits = text && *text != '-' ? strlen(text) : 0;
    uint8_t *bytes = malloc(digits / 2 ? digits / 2 : 1);
    for (size_t i = 0; i + 1 < digits; i += 2) {
        unsigned value = 0;
        sscanf(text + i, "%2x", &value);
        bytes[i / 2] = (uint8_t)value;
    }
    *length = digits / 2;
    return bytes;
}

static void put_hex(const uint8_t *bytes, size_t length) {
    if (!length)
        putchar('-');
    for (size_t i = 0; i < length; i++)
        printf("%02x", bytes[i]);
}

/* Every field in the order of the table: integers in decimal, text as x and hex. */
static void put_fields(const struct fp_layout *layouts, size_t count, const void *body) {
    char type = *(const char *)body;
    for (size_t i = 0; i < count; i++) {
        if (layouts[i].type != type)
            continue;
        for (size_t f = 0; f < layouts[i].field_count; f++) {
            const struct fp_field *field = &layouts[i].fields[f];
            const uint8_t *host = (const uint8_t *)body + field->host_offset;
            uint64_t value = 0;
            if (field->kind == FP_FIELD_ALPHA) {
                printf(" x");
                put_hex(host, field->wire_width);
                continue;
            }
            memcpy(&value, host, field->host_width);
            printf(" %llu", (unsigned long long)value);
        }
    }
}

static void put_encoded(const uint8_t *out, int rc) {
    if (rc < 0) {
        printf(" | error %d", rc);
        return;
    }
    printf(" | ");
    put_hex(out, (size_t)rc);
}

static void do_itch(const uint8_t *bytes, size_t length) {
    union fp_itch_body body;
    uint8_t out[64];
    int rc = fp_itch_decode(bytes, length, &body);
    if (rc) {
        printf("error %d", rc);
        return;
    }
    printf("ok");
    put_fields(fp_itch_layouts, FP_ITCH_LAYOUT_COUNT, &body);
    put_encoded(out, fp_itch_encode(&body, out, sizeof out));
}

static void put_appendage(const struct fp_ouch_appendage *appendage) {
    printf(" | %u ", appendage->present);
    put_hex(appendage->bytes, appendage->length);
}

static void do_ouch(int inbound, const uint8_t *bytes, size_t length) {
    union fp_ouch_in_body in;
    union fp_ouch_out_body venue;
    struct fp_ouch_appendage appendage;
    static uint8_t out[70000];
    int rc = inbound ? fp_ouch_in_decode(bytes, length, &in, &appendage) : fp_ouch_out_decode(bytes, length, &venue, &appendage);
    if (rc) {
        printf("error %d", rc);
        return;
    }
    printf("ok");
    if (inbound)
        put_fields(fp_ouch_in_layouts, FP_OUCH_IN_LAYOUT_COUNT, &in);
    else
        put_fields(fp_ouch_out_layouts, FP_OUCH_OUT_LAYOUT_COUNT, &venue);
    put_appendage(&appendage);
    put_encoded(out, inbound ? fp_ouch_in_encode(&in, &appendage, out, sizeof out) : fp_ouch_out_encode(&venue, &appendage, out, sizeof out));
}

static void do_soup(const uint8_t *bytes, size_t length) {
    size_t at = 0, payload_length;
    const uint8_t *payload;
    char type;
    int rc;
    printf("ok");
    while ((rc = fp_soup_parse(bytes + at, length - at, &type, &payload, &payload_length)) > 0) {
        printf(" %02x:", (uint8_t)type);
        put_hex(payload, payload_length);
        at += (size_t)rc;
    }
    printf(" | %d %zu", rc, length - at);
}

static void do_net(const uint8_t *bytes, size_t length, int offloaded) {
    struct fp_net_frame frame;
    int rc = offloaded ? fp_net_parse_offloaded(bytes, length, &frame) : fp_net_parse(bytes, length, &frame);
    if (rc) {
        printf("error %d", rc);
        return;
    }
    printf("ok %u %u %u %u ", frame.protocol, frame.vlan, frame.source_port, frame.target_port);
    put_hex(frame.payload, frame.payload_length);
}

static void do_udp(const uint8_t *payload, size_t length) {
    static uint8_t out[70000];
    struct fp_net_frame frame = {.payload = payload, .payload_length = length, .source_ip = 0x7F000001, .target_ip = 0xEFC00001,
                                 .source_port = 40000, .target_port = 26477, .vlan = 0xFFFF, .ttl = 1};
    int rc = fp_net_put_udp(&frame, out, sizeof out);
    printf("ok");
    put_encoded(out, rc);
}

static void do_pcap(const uint8_t *bytes, size_t length) {
    struct fp_pcap pcap;
    struct fp_pcap_packet packet;
    int rc = fp_pcap_open(&pcap, bytes, length);
    if (rc) {
        printf("error %d", rc);
        return;
    }
    printf("ok");
    while ((rc = fp_pcap_next(&pcap, &packet)) == 1) {
        printf(" %llu:%zu:", (unsigned long long)packet.time_ns, packet.wire_length);
        put_hex(packet.frame, packet.length);
    }
    printf(" | %d", rc);
}

static void do_mold(const uint8_t *bytes, size_t length) {
    struct fp_mold_header header;
    static uint8_t out[70000];
    const uint8_t *message;
    size_t offset = FP_MOLD_HEADER_LEN, written = FP_MOLD_HEADER_LEN;
    int size, rc = fp_mold_parse(bytes, length, &header);
    if (rc) {
        printf("error %d", rc);
        return;
    }
    printf("ok ");
    put_hex((const uint8_t *)header.session, 10);
    printf(" %llu %u", (unsigned long long)header.sequence, header.count);
    fp_mold_put_header(&header, out, sizeof out);
    while ((size = fp_mold_next(bytes, length, &offset, &message)) > 0) {
        printf(" ");
        put_hex(message, (size_t)size);
        written += (size_t)fp_mold_put_block(message, (size_t)size, out + written, sizeof out - written);
    }
    put_encoded(out, (int)written);
}

/* ---- the arbitrator: one at a time, drained after each step ---- */

static struct fp_mold_rx *rx;

static void drain(void) {
    struct fp_mold_message message;
    struct fp_mold_notice notice;
    int rc;
    while ((rc = fp_mold_rx_next(rx, &message, &notice)) != 0) {
        if (rc == 2) {
            printf(" n:%u:%llu:%llu", notice.kind, (unsigned long long)notice.sequence, (unsigned long long)notice.count);
            continue;
        }
        printf(" m:%llu:%u:", (unsigned long long)message.sequence, message.line);
        put_hex(message.data, message.length);
    }
}

static void do_rx_open(char *arguments) {
    struct fp_mold_rx_config config = {0};
    unsigned long long first, wait, retry;
    unsigned attempts, window;
    char session[21] = "";
    sscanf(arguments, "%20s %llu %llu %llu %u %u", session, &first, &wait, &retry, &attempts, &window);
    size_t length;
    uint8_t *bytes = unhex(session, &length);
    memcpy(config.session, bytes, length);
    free(bytes);
    config.first_sequence = first;
    config.gap_wait_ns = wait;
    config.retry_ns = retry;
    config.attempts = attempts;
    config.window_packets = window;
    free(rx);
    rx = aligned_alloc(64, (fp_mold_rx_size(&config) + 63) & ~(size_t)63);
    printf("ok %d", fp_mold_rx_init(rx, &config));
}

static void do_rx_push(char *arguments) {
    unsigned line;
    unsigned long long now;
    int used = 0;
    sscanf(arguments, "%u %llu %n", &line, &now, &used);
    size_t length;
    uint8_t *bytes = unhex(arguments + used, &length);
    printf("ok %d", fp_mold_rx_push(rx, (uint8_t)line, bytes, length, now));
    drain();
    free(bytes);
}

static void do_rx_timer(char *arguments) {
    uint8_t request[FP_MOLD_HEADER_LEN];
    int rc = fp_mold_rx_timer(rx, strtoull(arguments, NULL, 10), request);
    printf("ok ");
    put_hex(request, rc > 0 ? (size_t)rc : 0);
    drain();
}

static void do_rx_stats(void) {
    struct fp_mold_rx_stats s;
    fp_mold_rx_stats(rx, &s);
#define PUT(field) printf(" " #field "=%llu", (unsigned long long)s.field)
    printf("ok packets=%llu", (unsigned long long)(s.packets[0] + s.packets[1] + s.packets[2]));
    PUT(messages); PUT(duplicates); PUT(recovered); PUT(heartbeats); PUT(end_of_session); PUT(gaps_opened); PUT(gaps_filled);
    PUT(gaps_lost); PUT(messages_lost); PUT(requests); PUT(far_ahead); PUT(bad_truncated); PUT(bad_oversized); PUT(bad_length);
    PUT(bad_session); PUT(bad_count); PUT(next_sequence); PUT(gap_open); PUT(session_state);
#undef PUT
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    ssize_t got;
    while ((got = getline(&line, &room, stdin)) > 0) {
        line[strcspn(line, "\n")] = 0;
        char *arguments = strchr(line, ' ');
        if (arguments)
            *arguments++ = 0;
        else
            arguments = line + strlen(line);
        if (!strcmp(line, "rx_open"))
            do_rx_open(arguments);
        else if (!strcmp(line, "rx_push"))
            do_rx_push(arguments);
        else if (!strcmp(line, "rx_timer"))
            do_rx_timer(arguments);
        else if (!strcmp(line, "rx_stats"))
            do_rx_stats();
        else {
            size_t length;
            uint8_t *bytes = unhex(arguments, &length);
            if (!strcmp(line, "itch"))
                do_itch(bytes, length);
            else if (!strcmp(line, "ouch_in") || !strcmp(line, "ouch_out"))
                do_ouch(line[5] == 'i', bytes, length);
            else if (!strcmp(line, "soup"))
                do_soup(bytes, length);
            else if (!strcmp(line, "net") || !strcmp(line, "net_offloaded"))
                do_net(bytes, length, line[3] == '_');
            else if (!strcmp(line, "udp"))
                do_udp(bytes, length);
            else if (!strcmp(line, "pcap"))
                do_pcap(bytes, length);
            else if (!strcmp(line, "mold"))
                do_mold(bytes, length);
            else
                printf("unknown command");
            free(bytes);
        }
        putchar('\n');
        fflush(stdout);
    }
    free(line);
    free(rx);
    return 0;
}
