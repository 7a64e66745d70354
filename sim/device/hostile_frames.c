/* See hostile.h. */
#include "hostile.h"
#include "wire/mold.h"
#include "wire/net.h"
#include <string.h>

enum { IP = FP_NET_ETH_LEN, UDP = IP + FP_NET_IP_LEN, MOLD = UDP + FP_NET_UDP_LEN, BLOCKS = MOLD + FP_MOLD_HEADER_LEN, LONGEST = 1600 /* more than MoldUDP64 has */ };

const char *fp_damage_name(enum fp_damage kind) {
    static const char *const names[] = {"flip", "fcs", "cut", "cut_sealed", "flip_sealed", "block", "count", "session", "sequence", "noise",
                                        "harmless", "headers", "tail", "content", "quiet", "short", "two"};
    return names[kind];
}

uint64_t fp_damage_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t fp_damage_below(uint64_t *state, uint32_t n) {
    return (uint32_t)((fp_damage_random(state) >> 32) * n >> 32);
}

static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put64(uint8_t *at, uint64_t value) {
    for (int i = 7; i >= 0; i--, value >>= 8)
        at[i] = (uint8_t)value;
}

static uint64_t get64(const uint8_t *at) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | at[i];
    return value;
}

static void seal_ip(uint8_t *frame) {
    put16(frame + IP + 10, 0);
    put16(frame + IP + 10, fp_net_checksum_end(fp_net_checksum_add(0, frame + IP, FP_NET_IP_LEN)));
}

/* Lengths and checksums as they should be for what the frame holds now. */
static void seal(uint8_t *frame, size_t length) {
    size_t datagram = length - UDP;
    uint8_t pseudo[12];
    put16(frame + IP + 2, (uint32_t)(length - IP));
    seal_ip(frame);
    put16(frame + UDP + 4, (uint32_t)datagram);
    put16(frame + UDP + 6, 0);
    memcpy(pseudo, frame + IP + 12, 8);
    pseudo[8] = 0;
    pseudo[9] = FP_NET_UDP;
    put16(pseudo + 10, (uint32_t)datagram);
    uint16_t sum = fp_net_checksum_end(fp_net_checksum_add(fp_net_checksum_add(0, pseudo, sizeof pseudo), frame + UDP, datagram));
    put16(frame + UDP + 6, sum ? sum : 0xffff);
}

static void flip(uint64_t *state, uint8_t *bytes, size_t length, uint32_t most) {
    for (uint32_t n = 1 + fp_damage_below(state, most); n && length; n--)
        bytes[fp_damage_below(state, (uint32_t)length)] ^= (uint8_t)(1 << fp_damage_below(state, 8));
}

/* Where a random block begins; the frame is still sound up to there. */
static size_t some_block(uint64_t *state, const uint8_t *frame, size_t length) {
    size_t at = BLOCKS, found = BLOCKS;
    for (uint32_t seen = 1; at + 2 < length; seen++) {
        if (!fp_damage_below(state, seen))
            found = at;
        at += 2u + ((size_t)frame[at] << 8 | frame[at + 1]);
    }
    return found;
}

static uint64_t jump(uint64_t *state, uint64_t sequence) {
    switch (fp_damage_below(state, 10)) {
    case 0: return sequence + 1;
    case 1: return sequence + 2 + fp_damage_below(state, 20);
    case 2: return sequence + 100 + fp_damage_below(state, 1000);
    case 3: return sequence + (1u << 20) - 4 + fp_damage_below(state, 8);
    case 4: return sequence + (1u << 20) + 10 + fp_damage_below(state, 1u << 20);
    case 5: return sequence + ((uint64_t)1 << (21 + fp_damage_below(state, 42)));
    case 6: return sequence > 30 ? sequence - 1 - fp_damage_below(state, 20) : 1;
    case 7: return 1;
    case 8: return 0;
    default: return UINT64_MAX - fp_damage_below(state, 4);
    }
}

static size_t lie_in_headers(uint64_t *state, uint8_t *frame, size_t length) {
    int sealed = 1;
    switch (fp_damage_below(state, 12)) {
    case 0: frame[IP] = (uint8_t)(0x40 | fp_damage_below(state, 16)); break;
    case 1: frame[IP] = (uint8_t)(fp_damage_below(state, 16) << 4 | 5); break;
    case 2: frame[IP + 6] ^= (uint8_t)(1 << fp_damage_below(state, 8)); break; /* flags and fragment offset */
    case 3: frame[IP + 7] ^= (uint8_t)(1 << fp_damage_below(state, 8)); break;
    case 4: frame[IP + 9] = (uint8_t)fp_damage_below(state, 256); break;
    case 5: put16(frame + IP + 2, fp_damage_below(state, 65536)); break;
    case 6: put16(frame + UDP + 4, fp_damage_below(state, 2048)); break;
    case 7: put16(frame + UDP + 4, (uint32_t)(length - UDP) + fp_damage_below(state, 9) - 4); break;
    case 8: put16(frame + IP + 2, (uint32_t)(length - IP) + fp_damage_below(state, 9) - 4); break;
    case 9: put16(frame + 12, fp_damage_below(state, 65536)); break;
    case 10: frame[IP + 16 + fp_damage_below(state, 4)] ^= (uint8_t)(1 << fp_damage_below(state, 8)); break;
    default: frame[IP + 10 + fp_damage_below(state, 2)] ^= (uint8_t)(1 << fp_damage_below(state, 8)); sealed = 0; break;
    }
    if (sealed)
        seal_ip(frame);
    return length;
}

static size_t noise(uint64_t *state, uint8_t *frame) {
    size_t length = 1 + fp_damage_below(state, fp_damage_below(state, 4) ? 120 : LONGEST);
    size_t kept = fp_damage_below(state, 2) ? 0 : fp_damage_below(state, 2) ? MOLD : BLOCKS;
    for (size_t i = kept < length ? kept : 0; i < length; i++)
        frame[i] = (uint8_t)fp_damage_random(state);
    if (kept && kept < length)
        seal(frame, length);
    return length;
}

static size_t shorten(uint64_t *state, uint8_t *frame, size_t length) {
    size_t at = some_block(state, frame, length), had = (size_t)frame[at] << 8 | frame[at + 1], size = 1 + fp_damage_below(state, 13);
    if (size >= had || at + 2 + had > length)
        return length;
    memmove(frame + at + 2 + size, frame + at + 2 + had, length - at - 2 - had);
    put16(frame + at, (uint32_t)size);
    return length - had + size;
}

static size_t harmless(uint64_t *state, uint8_t *frame, size_t length) {
    switch (fp_damage_below(state, 3)) {
    case 0: { /* padding */
        size_t more = 1 + fp_damage_below(state, 46);
        for (size_t i = 0; i < more; i++)
            frame[length + i] = (uint8_t)fp_damage_random(state);
        return length + more;
    }
    case 1: /* a VLAN tag */
        memmove(frame + 16, frame + 12, length - 12);
        put16(frame + 12, 0x8100);
        put16(frame + 14, fp_damage_below(state, 4095));
        return length + FP_NET_VLAN_LEN;
    default:
        put16(frame + UDP + 6, 0);
        return length;
    }
}

static size_t two(uint64_t *state, uint8_t *frame, size_t length, int *bad_fcs) {
    static const enum fp_damage first[] = {FP_DAMAGE_NOISE, FP_DAMAGE_SESSION, FP_DAMAGE_SEQUENCE, FP_DAMAGE_COUNT, FP_DAMAGE_TAIL, FP_DAMAGE_SHORT},
                                second[] = {FP_DAMAGE_FLIP, FP_DAMAGE_FCS, FP_DAMAGE_CUT, FP_DAMAGE_SHORT, FP_DAMAGE_SESSION, FP_DAMAGE_SEQUENCE, FP_DAMAGE_HEADERS};
    enum fp_damage one = first[fp_damage_below(state, sizeof first / sizeof *first)];
    length = fp_damage(one, state, frame, length, bad_fcs);
    if (length < 2)
        return length;
    /* Noise has no fields to be wrong in. */
    return fp_damage(second[fp_damage_below(state, one == FP_DAMAGE_NOISE ? 3 : sizeof second / sizeof *second)], state, frame, length, bad_fcs);
}

size_t fp_damage(enum fp_damage kind, uint64_t *state, uint8_t *frame, size_t length, int *bad_fcs) {
    static const uint16_t lengths[] = {0, 1, 2, 11, 12, 13, 36, 62, 63, 64, 128, 256, 1472, 32767, 65535};
    size_t at;
    *bad_fcs = kind == FP_DAMAGE_FCS;
    switch (kind) {
    case FP_DAMAGE_FLIP:
    case FP_DAMAGE_FCS:
        flip(state, frame, length, 8);
        return length;
    case FP_DAMAGE_CUT:
        *bad_fcs = (int)fp_damage_below(state, 2);
        return 1 + fp_damage_below(state, (uint32_t)length - 1);
    case FP_DAMAGE_CUT_SEALED:
        length = MOLD + fp_damage_below(state, (uint32_t)(length - MOLD));
        break;
    case FP_DAMAGE_FLIP_SEALED:
        if (fp_damage_below(state, 2))
            flip(state, frame + MOLD, FP_MOLD_HEADER_LEN, 2);
        else
            flip(state, frame + some_block(state, frame, length), 2, 2);
        break;
    case FP_DAMAGE_BLOCK:
        at = some_block(state, frame, length);
        if (fp_damage_below(state, 2))
            put16(frame + at, lengths[fp_damage_below(state, sizeof lengths / sizeof *lengths)]);
        else
            put16(frame + at, (uint32_t)(frame[at] << 8 | frame[at + 1]) + fp_damage_below(state, 9) - 4);
        break;
    case FP_DAMAGE_COUNT:
        at = MOLD + 18;
        put16(frame + at, fp_damage_below(state, 3) ? (uint32_t)(frame[at] << 8 | frame[at + 1]) + fp_damage_below(state, 7) - 3 : fp_damage_below(state, 65535));
        break;
    case FP_DAMAGE_SESSION:
        frame[MOLD + fp_damage_below(state, 10)] ^= (uint8_t)(1 + fp_damage_below(state, 255));
        break;
    case FP_DAMAGE_SEQUENCE:
        put64(frame + MOLD + 10, jump(state, get64(frame + MOLD + 10)));
        break;
    case FP_DAMAGE_NOISE:
        return noise(state, frame);
    case FP_DAMAGE_HARMLESS:
        return harmless(state, frame, length);
    case FP_DAMAGE_HEADERS:
        return lie_in_headers(state, frame, length);
    case FP_DAMAGE_TAIL:
        for (uint32_t more = 1 + fp_damage_below(state, 40); more; more--)
            frame[length++] = (uint8_t)fp_damage_random(state);
        break;
    case FP_DAMAGE_QUIET:
        put16(frame + MOLD + 18, fp_damage_below(state, 2) ? 0xFFFF : 0);
        if (fp_damage_below(state, 2))
            put64(frame + MOLD + 10, jump(state, get64(frame + MOLD + 10)));
        if (fp_damage_below(state, 8))
            length = BLOCKS;
        break;
    case FP_DAMAGE_TWO:
        return two(state, frame, length, bad_fcs);
    case FP_DAMAGE_SHORT:
        length = shorten(state, frame, length);
        break;
    default:
        at = some_block(state, frame, length) + 2;
        flip(state, frame + at, length - at < 12 ? length - at : 12, 3);
        break;
    }
    seal(frame, length);
    return length;
}
