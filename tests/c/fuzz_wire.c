/* Deterministic mutation fuzzer over every wire decoder, the arbitrator and both SoupBinTCP roles.
 *
 * fuzz_wire SEED COUNT: the same two numbers give the same inputs. It checks what must
 * hold for any bytes (nothing out of order or twice, what decodes encodes back, counters
 * add up), not only that nothing crashes; a broken rule prints the input and aborts. */
#include "wire/itch.h"
#include "wire/mold_rx.h"
#include "wire/net.h"
#include "wire/ouch.h"
#include "wire/pcap.h"
#include "wire/soup.h"
#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 4096, SESSION_ROUNDS = 400 };

static uint64_t prng_state, input_number, seed;
static uint8_t input[ROOM];
static size_t input_length;

static uint64_t prng(void) { /* xorshift64* */
    prng_state ^= prng_state >> 12;
    prng_state ^= prng_state << 25;
    prng_state ^= prng_state >> 27;
    return prng_state * 0x2545F4914F6CDD1Dull;
}

static uint64_t below(uint64_t n) { return (prng() >> 11) % n; }

#define MUST(rule)                                                                                             \
    do {                                                                                                       \
        if (!(rule)) {                                                                                         \
            fprintf(stderr, "seed %llu, input %llu, line %d: broken rule: %s\ninput:", (unsigned long long)seed, \
                    (unsigned long long)input_number, __LINE__, #rule);                                       \
            for (size_t must_i = 0; must_i < input_length; must_i++)                                          \
                fprintf(stderr, "%02x", input[must_i]);                                                        \
            fprintf(stderr, "\n");                                                                             \
            abort();                                                                                           \
        }                                                                                                      \
    } while (0)

/* ---- inputs ---- */

static void fill_random(uint8_t *p, size_t length) {
    for (size_t i = 0; i < length; i++)
        p[i] = (uint8_t)prng();
}

static void mutate_once(void) {
    static const uint8_t interesting[] = {0, 1, 2, 0x20, 0x30, 0x39, 0x7F, 0x80, 0xFE, 0xFF};
    size_t at = input_length ? below(input_length) : 0;
    switch (below(8)) {
    case 0:
        if (input_length)
            input[at] ^= (uint8_t)(1 << below(8));
        break;
    case 1:
        if (input_length)
            input[at] = (uint8_t)prng();
        break;
    case 2:
        if (input_length)
            input[at] = interesting[below(sizeof interesting)];
        break;
    case 3:
        input_length = at; /* cut */
        break;
    case 4: /* take out */
        if (input_length) {
            size_t n = 1 + below(input_length - at < 8 ? input_length - at : 8);
            memmove(input + at, input + at + n, input_length - at - n);
            input_length -= n;
        }
        break;
    case 5: /* put in */
        if (input_length + 8 <= ROOM) {
            size_t n = 1 + below(8);
            memmove(input + at + n, input + at, input_length - at);
            fill_random(input + at, n);
            input_length += n;
        }
        break;
    case 6: /* a 16-bit number, small or at its edges */
        if (input_length >= 2)
            fp_store_be16(input + below(input_length - 1), (uint16_t)(below(2) ? below(64) : 0xFFFF - below(3)));
        break;
    default: /* repeat a piece */
        if (input_length && input_length + 64 <= ROOM) {
            size_t n = 1 + below(input_length - at < 64 ? input_length - at : 64);
            memmove(input + at + n, input + at, input_length - at);
            input_length += n;
        }
    }
}

static void mutate(void) {
    for (uint64_t n = below(4) ? below(5) : 0; n; n--) /* one input in four stays valid */
        mutate_once();
}

/* The input in memory of exactly its size, so that the sanitizer sees a read one byte beyond. */
static uint8_t *exact(void) {
    uint8_t *copy = malloc(input_length ? input_length : 1);
    memcpy(copy, input, input_length);
    return copy;
}

/* ---- messages ---- */

static void valid_message(const struct fp_layout *layouts, size_t count) {
    const struct fp_layout *layout = &layouts[below(count)];
    fill_random(input, layout->length);
    input[0] = (uint8_t)layout->type;
    input_length = layout->length;
    if (layout->appendage == 2 || (layout->appendage == 1 && below(2))) {
        size_t start = input_length += 2;
        for (uint64_t n = below(5); n; n--) {
            size_t value = below(9);
            input[input_length] = (uint8_t)(value + 1);
            fill_random(input + input_length + 1, value + 1);
            input_length += value + 2;
        }
        fp_store_be16(input + start - 2, (uint16_t)(input_length - start));
    }
}

static void fuzz_itch(void) {
    union fp_itch_body body;
    uint8_t out[64];
    valid_message(fp_itch_layouts, FP_ITCH_LAYOUT_COUNT);
    mutate();
    uint8_t *bytes = exact();
    int rc = fp_itch_decode(bytes, input_length, &body);
    MUST(rc == (!input_length ? FP_E_TRUNCATED : !fp_itch_length(bytes[0]) ? FP_E_UNKNOWN_TYPE : fp_itch_length(bytes[0]) != input_length ? FP_E_BAD_LENGTH : 0));
    if (rc == 0) {
        MUST(fp_itch_encode(&body, out, sizeof out) == (int)input_length);
        MUST(memcmp(out, bytes, input_length) == 0);
    }
    free(bytes);
}

static void check_appendage(const uint8_t *bytes, const struct fp_ouch_appendage *appendage) {
    const uint8_t *value;
    MUST(!appendage->length || (appendage->bytes >= bytes && appendage->bytes + appendage->length == bytes + input_length));
    int length = fp_ouch_tag(appendage, (uint8_t)below(32), &value);
    MUST(length == FP_E_NOT_FOUND || (length >= 0 && value + length <= bytes + input_length));
}

static void fuzz_ouch(void) {
    union fp_ouch_in_body in, in_again;
    union fp_ouch_out_body venue, venue_again;
    struct fp_ouch_appendage appendage = {0}, again = {0};
    static uint8_t out[ROOM + 64];
    int inbound = (int)below(2), rc, n;
    valid_message(inbound ? fp_ouch_in_layouts : fp_ouch_out_layouts, inbound ? FP_OUCH_IN_LAYOUT_COUNT : FP_OUCH_OUT_LAYOUT_COUNT);
    mutate();
    uint8_t *bytes = exact();
    rc = inbound ? fp_ouch_in_decode(bytes, input_length, &in, &appendage) : fp_ouch_out_decode(bytes, input_length, &venue, &appendage);
    MUST(rc == 0 || rc == FP_E_UNKNOWN_TYPE || rc == (input_length ? FP_E_BAD_LENGTH : FP_E_TRUNCATED));
    if (rc == 0) {
        check_appendage(bytes, &appendage);
        n = inbound ? fp_ouch_in_encode(&in, &appendage, out, sizeof out) : fp_ouch_out_encode(&venue, &appendage, out, sizeof out);
        MUST(n > 0 && n <= (int)input_length + 5); /* older revisions grow, at most by a strategy and a length */
        rc = inbound ? fp_ouch_in_decode(out, (size_t)n, &in_again, &again) : fp_ouch_out_decode(out, (size_t)n, &venue_again, &again);
        MUST(rc == 0 && again.length == appendage.length);
        MUST(inbound ? !memcmp(&in, &in_again, sizeof in) : !memcmp(&venue, &venue_again, sizeof venue));
    }
    free(bytes);
}

/* ---- frames and files ---- */

static void fuzz_net(void) {
    struct fp_net_frame frame = {.payload = input, .payload_length = below(100), .source_ip = (uint32_t)prng(), .target_ip = (uint32_t)prng(),
                                 .source_port = 1, .target_port = 2, .vlan = below(2) ? 0xFFFF : 7};
    uint8_t built[256];
    fill_random(input, frame.payload_length);
    input_length = (size_t)fp_net_put_udp(&frame, built, sizeof built);
    memcpy(input, built, input_length);
    mutate();
    uint8_t *bytes = exact();
    int verify = (int)below(2);
    int rc = verify ? fp_net_parse(bytes, input_length, &frame) : fp_net_parse_offloaded(bytes, input_length, &frame);
    MUST(rc <= 0 && rc >= FP_E_NOT_OURS);
    if (rc == 0)
        MUST(frame.payload >= bytes && frame.payload + frame.payload_length <= bytes + input_length);
    free(bytes);
}

static void fuzz_pcap(void) {
    struct fp_pcap pcap;
    struct fp_pcap_packet packet;
    uint8_t frame[64];
    size_t total = FP_PCAP_HEADER_LEN, offset = 0;
    input_length = (size_t)fp_pcap_put_header(input, ROOM);
    for (uint64_t n = below(5); n; n--) {
        size_t length = below(sizeof frame);
        fill_random(frame, length);
        input_length += (size_t)fp_pcap_put(frame, length, prng() >> 3, input + input_length, ROOM - input_length);
    }
    mutate();
    uint8_t *bytes = exact();
    int rc = fp_pcap_open(&pcap, bytes, input_length);
    if (rc == 0) {
        while ((rc = fp_pcap_next(&pcap, &packet)) == 1) {
            MUST(pcap.offset > offset); /* it always gets on */
            offset = pcap.offset;
            total += FP_PCAP_RECORD_LEN + packet.length;
            MUST(packet.frame + packet.length <= bytes + input_length && total == pcap.offset);
        }
        MUST(rc != 0 || total == input_length);
    }
    free(bytes);
}

/* ---- MoldUDP64 and the arbitrator ---- */

static void valid_mold(uint64_t sequence, uint64_t room_for) {
    struct fp_mold_header header = {.sequence = sequence, .count = (uint16_t)below(room_for)};
    memcpy(header.session, below(64) ? "FUZZ    01" : "FUZZ    02", 10);
    if (!below(64))
        header.count = FP_MOLD_END_OF_SESSION;
    input_length = (size_t)fp_mold_put_header(&header, input, ROOM);
    for (uint16_t i = 0; header.count != FP_MOLD_END_OF_SESSION && i < header.count; i++) {
        uint8_t message[64];
        size_t length = 1 + below(sizeof message);
        fill_random(message, length);
        input_length += (size_t)fp_mold_put_block(message, length, input + input_length, ROOM - input_length);
    }
}

static void fuzz_mold(void) {
    struct fp_mold_header header;
    const uint8_t *message;
    valid_mold(below(3) ? below(1000) : prng(), 12);
    mutate();
    uint8_t *bytes = exact();
    int rc = fp_mold_parse(bytes, input_length, &header), length;
    MUST(rc == 0 || rc == FP_E_TRUNCATED || rc == FP_E_BAD_LENGTH || rc == FP_E_BAD_FIELD);
    if (rc == 0) {
        size_t offset = FP_MOLD_HEADER_LEN, count = 0;
        while ((length = fp_mold_next(bytes, input_length, &offset, &message)) > 0) {
            MUST(message + length <= bytes + input_length);
            count++;
        }
        MUST(offset == input_length && count == (header.count == FP_MOLD_END_OF_SESSION ? 0u : header.count));
    }
    free(bytes);
}

/* One arbitrator lives for many inputs. What the fuzzer knows about it, from the outside: */
static struct fp_mold_rx *rx;
static struct {
    uint64_t rounds, next, now_ns, given, offered, packets, refused, words, data, filled, opened, lost, requests, attempts, gap_at;
    int gap_open, over, started;
} world;

static void new_world(void) {
    struct fp_mold_rx_config config = {.first_sequence = 1 + below(3), .gap_wait_ns = below(1000), .retry_ns = 1 + below(1000), .attempts = (uint32_t)below(4),
                                       .window_packets = 1u << below(6)};
    if (below(2))
        memcpy(config.session, "FUZZ    01", 10);
    size_t size = fp_mold_rx_size(&config);
    MUST(size > 0);
    free(rx);
    rx = aligned_alloc(64, (size + 63) & ~(size_t)63);
    MUST(fp_mold_rx_init(rx, &config) == 0);
    memset(&world, 0, sizeof world);
    world.next = config.first_sequence;
    world.attempts = config.attempts;
}

static void take_notice(const struct fp_mold_notice *n) {
    switch (n->kind) {
    case FP_MOLD_SESSION_START:
        MUST(!world.started && !world.given && n->sequence == world.next);
        world.started = 1;
        break;
    case FP_MOLD_GAP_OPEN:
        MUST(!world.gap_open && n->sequence == world.next && n->count > 0 && n->count <= FP_MOLD_MAX_JUMP);
        world.gap_open = 1;
        world.gap_at = n->sequence;
        world.opened++;
        break;
    case FP_MOLD_GAP_FILLED:
        MUST(world.gap_open && n->sequence == world.gap_at && n->sequence + n->count == world.next);
        world.gap_open = 0;
        world.filled++;
        break;
    case FP_MOLD_GAP_LOST:
        MUST(world.gap_open && n->sequence == world.next && n->count > 0);
        world.gap_open = 0;
        world.next += n->count;
        world.lost++;
        break;
    default:
        MUST(n->kind == FP_MOLD_SESSION_END && !world.gap_open && !world.over && n->sequence == world.next);
        world.over = 1;
    }
}

static void drain_world(const uint8_t *packet) {
    struct fp_mold_message m;
    struct fp_mold_notice n;
    int rc;
    while ((rc = fp_mold_rx_next(rx, &m, &n)) != 0) {
        if (rc == 2) {
            take_notice(&n);
            continue;
        }
        MUST(rc == 1 && world.started && !world.over);
        MUST(m.sequence == world.next && m.length > 0 && m.line <= 2);
        MUST(m.data + m.length <= packet + input_length || m.data > packet + input_length || m.data < packet);
        world.next++;
        world.given++;
    }
}

static void check_world(void) {
    struct fp_mold_rx_stats s;
    fp_mold_rx_stats(rx, &s);
    MUST(s.next_sequence == world.next && s.messages == world.given && s.recovered <= s.messages);
    MUST(s.packets[0] + s.packets[1] + s.packets[2] == world.packets);
    MUST(s.bad_truncated + s.bad_oversized + s.bad_length + s.bad_session + s.bad_count == world.refused);
    MUST(s.heartbeats + s.end_of_session == world.words);
    MUST(world.refused + world.words + world.data == world.packets);
    MUST(s.gaps_opened == world.opened && s.gaps_filled == world.filled && s.gaps_lost == world.lost);
    MUST(s.gaps_opened == s.gaps_filled + s.gaps_lost + (uint64_t)world.gap_open && s.gap_open == world.gap_open);
    MUST(s.requests == world.requests);
    MUST(s.session_state == (world.over ? 2 : world.started));
    /* Every message offered was given out, was a duplicate, or waits in the window. */
    if (!s.far_ahead)
        MUST(world.gap_open ? s.messages + s.duplicates <= world.offered : s.messages + s.duplicates == world.offered);
}

static void fuzz_rx(void) {
    if (!rx || world.over || world.rounds++ > SESSION_ROUNDS)
        new_world();
    world.now_ns += below(500);
    if (!below(3)) {
        uint8_t request[FP_MOLD_HEADER_LEN];
        struct fp_mold_header header;
        int rc = fp_mold_rx_timer(rx, world.now_ns, request);
        MUST(rc == 0 || rc == FP_MOLD_HEADER_LEN);
        if (rc) {
            MUST(world.attempts && world.gap_open);
            fp_mold_parse(request, sizeof request, &header); /* a request counts messages it does not carry */
            MUST(header.sequence == world.next && header.count >= 1 && header.count <= 65534);
            world.requests++;
        }
        input_length = 0;
        drain_world(input);
        check_world();
        return;
    }
    uint64_t base = world.next > 20 ? world.next - 20 : 1;
    valid_mold(below(50) ? (below(3) ? world.next : base + below(60)) : prng(), 10);
    if (!below(4))
        mutate();
    uint8_t *bytes = exact();
    struct fp_mold_header header = {0};
    int rc = fp_mold_rx_push(rx, (uint8_t)below(3), bytes, input_length, world.now_ns);
    world.packets++;
    if (rc == 0) {
        MUST(fp_mold_parse(bytes, input_length, &header) == 0);
        int word = header.count == 0 || header.count == FP_MOLD_END_OF_SESSION;
        world.words += (uint64_t)word;
        world.data += (uint64_t)!word;
        world.offered += word ? 0 : header.count;
    } else {
        world.refused++;
    }
    drain_world(bytes);
    MUST(rc <= 0 && rc >= FP_E_BAD_STATE && rc != FP_E_NO_ROOM);
    check_world();
    free(bytes);
}

/* ---- SoupBinTCP ---- */

static void put_soup(char type, size_t payload) {
    static uint8_t bytes[64];
    fill_random(bytes, sizeof bytes);
    input_length += (size_t)fp_soup_put(type, bytes, payload, input + input_length, ROOM - input_length);
}

static void valid_soup_stream(const char *types) {
    input_length = 0;
    for (uint64_t n = 1 + below(8); n; n--)
        put_soup(types[below(strlen(types))], below(3) ? 0 : below(40));
}

/* Feed the input in pieces cut at random, as TCP would. Returns the first error, or 0. */
static int feed(int (*receive)(void *, const uint8_t *, size_t, struct fp_soup_event *), void *role, void (*take)(void *, const struct fp_soup_event *)) {
    size_t have = 0, at = 0;
    while (have < input_length) {
        have += 1 + below(input_length - have);
        for (;;) {
            struct fp_soup_event event;
            uint8_t *piece = malloc(have - at ? have - at : 1);
            memcpy(piece, input + at, have - at);
            int rc = receive(role, piece, have - at, &event);
            if (rc > 0) {
                MUST((size_t)rc >= 3 && (size_t)rc <= have - at);
                MUST(event.payload + event.length == piece + rc && event.length == (size_t)rc - 3);
                take(role, &event);
            }
            free(piece);
            if (rc < 0)
                return rc;
            if (rc == 0)
                break;
            at += (size_t)rc;
        }
    }
    return 0;
}

static uint64_t soup_now, soup_next, soup_events[9];

static int client_receive(void *role, const uint8_t *bytes, size_t length, struct fp_soup_event *event) {
    return fp_soup_client_receive(role, soup_now, bytes, length, event);
}

static void client_take(void *role, const struct fp_soup_event *event) {
    struct fp_soup_client *client = role;
    soup_events[event->kind]++;
    if (event->kind == FP_SOUP_EV_LOGIN_ACCEPTED)
        soup_next = event->sequence;
    if (event->kind == FP_SOUP_EV_MESSAGE)
        MUST(event->sequence == soup_next++); /* each number once, in order */
    MUST(event->kind == FP_SOUP_EV_LOGIN_REJECTED || event->kind == FP_SOUP_EV_END_OF_SESSION || client->state == FP_SOUP_LIVE || client->state == FP_SOUP_LOGIN_SENT);
}

static void fuzz_soup_client(void) {
    struct fp_soup_client client = {.login = {.sequence = below(3)}};
    uint8_t out[64];
    memset(soup_events, 0, sizeof soup_events);
    soup_next = 0;
    MUST(fp_soup_client_connected(&client, soup_now, out, sizeof out) == FP_SOUP_LOGIN_REQUEST_LEN);
    valid_soup_stream("SSSSHU+?Z");
    if (below(8)) { /* mostly a login's answer comes first */
        size_t tail = input_length;
        uint8_t accepted[FP_SOUP_LOGIN_ACCEPTED_LEN];
        fp_soup_put_login_accepted("FUZZ      ", client.login.sequence ? client.login.sequence : 1 + below(100), accepted, sizeof accepted);
        memmove(input + sizeof accepted, input, tail);
        memcpy(input, accepted, sizeof accepted);
        input_length += sizeof accepted;
    }
    mutate();
    int rc = feed(client_receive, &client, client_take);
    MUST(rc == 0 || client.state == FP_SOUP_FAILED || client.state == FP_SOUP_ENDED);
    MUST(client.sequenced_in == soup_events[FP_SOUP_EV_MESSAGE] && client.unsequenced_in == soup_events[FP_SOUP_EV_UNSEQUENCED]);
    MUST(soup_next == 0 || client.next_sequence == soup_next);
    uint64_t told = 0, errors = rc < 0 && rc != FP_E_BAD_STATE;
    for (int kind = 1; kind < 9; kind++)
        told += soup_events[kind];
    /* heartbeats and unknown types tell nothing; a packet that ended it in error told nothing either */
    MUST(told + client.heartbeats_in + client.unknown_type <= client.packets_in && client.packets_in <= told + client.heartbeats_in + client.unknown_type + 1);
    MUST(client.bad_length <= errors);
    int n = fp_soup_client_timer(&client, soup_now + below(20) * 1000000000ull, out, sizeof out);
    MUST(n == 0 || n == 3 || n == FP_E_CLOSED);
}

static int server_receive(void *role, const uint8_t *bytes, size_t length, struct fp_soup_event *event) {
    return fp_soup_server_receive(role, soup_now, bytes, length, event);
}

static void server_take(void *role, const struct fp_soup_event *event) {
    struct fp_soup_server *server = role;
    uint8_t out[64];
    soup_events[event->kind]++;
    if (event->kind == FP_SOUP_EV_LOGIN_REQUEST) {
        struct fp_soup_login login;
        MUST(fp_soup_parse_login(event->payload, event->length, &login) == 0 && login.sequence == event->sequence);
        if (below(8))
            MUST(fp_soup_server_accept(server, soup_now, "FUZZ      ", login.sequence, out, sizeof out) == FP_SOUP_LOGIN_ACCEPTED_LEN);
        else
            MUST(fp_soup_server_reject(server, 'A', out, sizeof out) == 4);
    }
    if (event->kind == FP_SOUP_EV_UNSEQUENCED)
        MUST(server->state == FP_SOUP_LIVE && soup_events[FP_SOUP_EV_LOGIN_REQUEST] == 1); /* never an order before its login */
}

static void fuzz_soup_server(void) {
    struct fp_soup_server server;
    struct fp_soup_login login = {.sequence = prng(), .heartbeat_timeout_ms = (uint32_t)below(2) * 5000};
    uint8_t packet[64], out[64];
    memset(soup_events, 0, sizeof soup_events);
    fp_soup_server_init(&server, soup_now);
    valid_soup_stream("UUUURR+?O");
    if (below(8)) {
        size_t n = (size_t)fp_soup_put_login(&login, packet, sizeof packet);
        memmove(input + n, input, input_length);
        memcpy(input, packet, n);
        input_length += n;
    }
    mutate();
    int rc = feed(server_receive, &server, server_take);
    MUST(rc == 0 || server.state == FP_SOUP_FAILED || server.state == FP_SOUP_ENDED);
    MUST(server.unsequenced_in == soup_events[FP_SOUP_EV_UNSEQUENCED]);
    MUST(soup_events[FP_SOUP_EV_LOGIN_REQUEST] <= 1 && soup_events[FP_SOUP_EV_LOGOUT] <= 1);
    int n = fp_soup_server_timer(&server, soup_now + below(40) * 1000000000ull, out, sizeof out);
    MUST(n == 0 || n == 3 || n == FP_E_CLOSED);
}

int main(int argc, char **argv) {
    static void (*const targets[])(void) = {fuzz_itch, fuzz_ouch, fuzz_net, fuzz_pcap, fuzz_mold, fuzz_rx, fuzz_rx, fuzz_rx, fuzz_soup_client, fuzz_soup_server};
    if (argc != 3) {
        fprintf(stderr, "usage: fuzz_wire SEED COUNT\n");
        return 2;
    }
    seed = strtoull(argv[1], NULL, 10);
    prng_state = seed * 0x9E3779B97F4A7C15ull + 1;
    uint64_t count = strtoull(argv[2], NULL, 10), given = 0, lost = 0, filled = 0;
    for (input_number = 0; input_number < count; input_number++) {
        uint64_t before[3] = {world.given, world.lost, world.filled};
        targets[below(sizeof targets / sizeof *targets)]();
        given += world.given > before[0] ? world.given - before[0] : 0;
        lost += world.lost > before[1];
        filled += world.filled > before[2];
        soup_now += 1000;
    }
    free(rx);
    printf("%llu inputs, %llu messages given, %llu gaps filled, %llu lost\n", (unsigned long long)count, (unsigned long long)given,
           (unsigned long long)filled, (unsigned long long)lost);
    return 0;
}
