/* See hostile_judge.h. */
#include "hostile_judge.h"
#include "wire/net.h"
#include <stdlib.h>

enum {
    IP = FP_NET_ETH_LEN, UDP = IP + FP_NET_IP_LEN, PACKET = UDP + FP_NET_UDP_LEN, /* offsets in a frame without a tag */
    SEEN = 41,                 /* bytes of a frame after which the card knows whose it is: its sixth beat has begun */
    SEEN_TAGGED = 42,
    JUMP_LOG2 = 20, BEHIND_LOG2 = 62,
    ENDED = 2                  /* fp_mold_rx_stats.session_state */
};

/* Where the card does not do as the software does. A frame is under one rule at most; every one is counted by name. */
static const struct {
    const char *name, *why;
} RULES[FP_RULES] = {
    [FP_RULE_NONE] = {"", ""},
    [FP_RULE_NOT_ADDRESSED] = {"not_addressed", "the software refuses a broken frame; the card does not find its address, port or protocol in it, and is silent"},
    [FP_RULE_SHORT_MESSAGE] = {"short_message", "the software takes messages below 12 bytes, which ITCH 5.0 does not have; the card refuses the packet (BAD_LENGTH)"},
    [FP_RULE_FAR_JUMP] = {"far_jump", "the software waits for up to 2^32 missing messages; the card refuses from 2^20 on (BAD_FIELD) and tells GAP: every book is stale"},
    [FP_RULE_FAR_BEHIND] = {"far_behind", "the software drops any old packet as a duplicate; the card refuses one more than 2^62 behind (BAD_FIELD)"},
};

/* Several things are wrong with a frame, and the card sees another one first. Its reason must be true of the frame as well. */
static const struct {
    int software, card;
    const char *why;
} PAIRS[] = {
    {0, 0, NULL}, /* 0 means: the same reason */
    {FP_E_CORRUPT, FP_E_TRUNCATED, "wrong check sequence: it comes last, and the card has ended the frame for want of bytes"},
    {FP_E_CORRUPT, FP_E_OVERSIZED, "wrong check sequence: it comes last, and the card has ended the frame for its UDP length"},
    {FP_E_CORRUPT, FP_E_BAD_LENGTH, "wrong check sequence: it comes last, and the card has ended the frame for the lengths of IP and UDP"},
    {FP_E_CORRUPT, FP_E_NOT_SUPPORTED, "wrong check sequence: it comes last, and the card has ended the frame as a fragment or for IP options"},
    {FP_E_CORRUPT, FP_E_BAD_CHECKSUM, "wrong check sequence: it comes last, and the card has ended the frame for the IP header's checksum"},
    {FP_E_TRUNCATED, FP_E_OVERSIZED, "the software asks first whether all bytes are there; the card sees the UDP length before the end"},
    {FP_E_TRUNCATED, FP_E_BAD_LENGTH, "the software asks first whether all bytes are there; the card compares the lengths of IP and UDP, or meets a message below 12 bytes, before the end"},
    {FP_E_TRUNCATED, FP_E_NOT_SUPPORTED, "the software asks first whether all bytes are there; the card sees a fragment or IP options before the end"},
    {FP_E_TRUNCATED, FP_E_BAD_CHECKSUM, "the software asks first whether all bytes are there; the card sums the IP header before the end"},
    {FP_E_BAD_LENGTH, FP_E_TRUNCATED, "the lengths of IP and UDP contradict each other; the card has ended the frame for want of bytes"},
    {FP_E_BAD_LENGTH, FP_E_NOT_SUPPORTED, "an IP header length that cannot be: the card says only that it is not the plain one"},
    {FP_E_BAD_LENGTH, FP_E_BAD_CHECKSUM, "an IP total length that cannot be: the card sums the IP header before it compares lengths"},
    {FP_E_BAD_CHECKSUM, FP_E_TRUNCATED, "the card knows the UDP checksum last, and finds bytes missing, or a block beyond the packet, before it"},
    {FP_E_BAD_CHECKSUM, FP_E_OVERSIZED, "the card knows the UDP checksum last, and sees the UDP length before it"},
    {FP_E_BAD_CHECKSUM, FP_E_BAD_LENGTH, "the card knows the UDP checksum last, and sees lengths that contradict each other before it"},
    {FP_E_BAD_CHECKSUM, FP_E_BAD_FIELD, "the card knows the UDP checksum last, and sees sequence 0 before it"},
    {FP_E_BAD_CHECKSUM, FP_E_NOT_SUPPORTED, "the card sees a fragment or IP options before it has summed the IP header"},
    {FP_E_BAD_FIELD, FP_E_BAD_LENGTH, "the card meets a message below 12 bytes, which the software takes, before it judges the sequence"},
    {FP_E_WRONG_SESSION, FP_E_BAD_LENGTH, "the card meets a message below 12 bytes, which the software takes, before it judges the session"},
    {FP_E_BAD_STATE, FP_E_BAD_LENGTH, "the card meets a message below 12 bytes, which the software takes, before it judges the session's end"},
    {FP_E_BAD_STATE, FP_E_BAD_FIELD, "after the session's end, and 2^20 or more ahead: the card looks at the distance first"},
};

const char *fp_rule_name(enum fp_rule rule) { return RULES[rule].name; }

const char *fp_rule_why(enum fp_rule rule) { return RULES[rule].why; }

const char *fp_pair(int number, int *software, int *card) {
    if (number < 1 || number >= (int)(sizeof PAIRS / sizeof *PAIRS))
        return NULL;
    *software = PAIRS[number].software;
    *card = PAIRS[number].card;
    return PAIRS[number].why;
}

static uint32_t bit(int error) { return 1u << -error; }

int fp_judge_reason(const struct fp_verdict *verdict, int reason) {
    if (reason == verdict->code)
        return 0;
    if (reason >= 0 || reason <= -32 || !(verdict->faults & bit(reason)))
        return -1;
    int software, card;
    for (int i = 1; fp_pair(i, &software, &card); i++)
        if (software == verdict->code && card == reason)
            return i;
    return -1;
}

int fp_judge_open(struct fp_judge *judge) {
    size_t size = fp_mold_rx_size(&judge->config);
    if (!size)
        return FP_E_BAD_CONFIG;
    judge->rx = aligned_alloc(64, size);
    return judge->rx ? fp_mold_rx_init(judge->rx, &judge->config) : FP_E_NO_MEMORY;
}

void fp_judge_restart(struct fp_judge *judge, uint64_t sequence) {
    judge->config.first_sequence = sequence;
    fp_mold_rx_init(judge->rx, &judge->config); /* refuses sequence 0 only */
}

/* ---- the frame as the card reads it: every field at its place, whatever the frame says of itself ---- */

struct places {
    const uint8_t *ip, *udp, *packet;
    size_t rest;   /* bytes from packet to the frame's end */
    int addressed; /* it is for us */
    int plain;     /* no options, no fragment */
};

static void look(const struct fp_judge *judge, const uint8_t *frame, size_t length, int line, struct places *at) {
    memset(at, 0, sizeof *at);
    int tagged = length > FP_NET_ETH_LEN && fp_load_be16(frame + 12) == 0x8100;
    size_t tag = tagged ? FP_NET_VLAN_LEN : 0;
    if (length < (tagged ? SEEN_TAGGED : SEEN))
        return;
    at->ip = frame + tag + IP;
    at->plain = (at->ip[0] & 15) == 5 && !(fp_load_be16(at->ip + 6) & 0x3FFF);
    at->addressed = fp_load_be16(at->ip - 2) == 0x0800 && at->ip[0] >> 4 == 4 && at->ip[9] == FP_NET_UDP && fp_load_be32(at->ip + 16) == judge->group[line] &&
                    (!at->plain || fp_load_be16(frame + tag + UDP + 2) == judge->port[line]);
    if (length < tag + PACKET)
        return;
    at->udp = frame + tag + UDP;
    at->packet = frame + tag + PACKET;
    at->rest = length - tag - PACKET;
}

static int has_short_message(const uint8_t *packet, size_t length) {
    uint32_t count = fp_load_be16(packet + 18);
    size_t at = FP_MOLD_HEADER_LEN;
    for (uint32_t i = 0; i < count && count != FP_MOLD_END_OF_SESSION && at + 2 <= length; i++) {
        uint32_t size = fp_load_be16(packet + at);
        if (size < FP_SHORTEST)
            return 1;
        at += 2 + size;
    }
    return 0;
}

/* Everything that is wrong with a frame's form, as a set. Session and sequence are not form. */
static uint32_t faults_of(const struct places *at, int bad_fcs) {
    uint32_t faults = bad_fcs ? bit(FP_E_CORRUPT) : 0;
    if (!at->plain)
        faults |= bit(FP_E_NOT_SUPPORTED);
    if (fp_net_checksum_end(fp_net_checksum_add(0, at->ip, FP_NET_IP_LEN)))
        faults |= bit(FP_E_BAD_CHECKSUM);
    if (!at->udp)
        return faults | bit(FP_E_TRUNCATED);
    size_t datagram = fp_load_be16(at->udp + 4), payload = datagram > FP_NET_UDP_LEN ? datagram - FP_NET_UDP_LEN : 0;
    if (datagram + FP_NET_IP_LEN != fp_load_be16(at->ip + 2) || datagram < FP_NET_UDP_LEN)
        faults |= bit(FP_E_BAD_LENGTH);
    if (payload > FP_MOLD_MAX_PACKET)
        faults |= bit(FP_E_OVERSIZED);
    if (payload < FP_MOLD_HEADER_LEN || payload > at->rest)
        return faults | bit(FP_E_TRUNCATED);
    uint32_t sum = fp_net_checksum_add((uint32_t)(FP_NET_UDP + datagram), at->ip + 12, 8);
    if (fp_load_be16(at->udp + 6) && fp_net_checksum_end(fp_net_checksum_add(sum, at->udp, datagram)))
        faults |= bit(FP_E_BAD_CHECKSUM);
    struct fp_mold_header header;
    int error = fp_mold_parse(at->packet, payload, &header);
    if (error)
        faults |= bit(error);
    if (has_short_message(at->packet, payload))
        faults |= bit(FP_E_BAD_LENGTH);
    return faults;
}

/* ---- the verdict ---- */

void fp_judge_frame(struct fp_judge *judge, const uint8_t *frame, size_t length, int line, int bad_fcs, uint64_t now_ns, struct fp_verdict *verdict) {
    struct fp_net_frame net;
    struct fp_mold_rx_stats before;
    struct places at;
    memset(verdict, 0, sizeof *verdict);
    fp_mold_rx_stats(judge->rx, &before);
    look(judge, frame, length, line, &at);
    if (at.rest >= FP_MOLD_HEADER_LEN) {
        memcpy(verdict->header.session, at.packet, sizeof verdict->header.session);
        verdict->header.sequence = fp_load_be64(at.packet + 10);
        verdict->header.count = fp_load_be16(at.packet + 18);
        verdict->blocks = at.packet + FP_MOLD_HEADER_LEN;
        verdict->length = at.rest - FP_MOLD_HEADER_LEN;
    }
    if (at.addressed)
        verdict->faults = faults_of(&at, bad_fcs);

    /* The software; a frame with a wrong check sequence does not come as far as that. */
    int error = fp_net_parse(frame, length, &net);
    if (!error && (net.protocol != FP_NET_UDP || net.target_ip != judge->group[line] || net.target_port != judge->port[line]))
        error = FP_E_NOT_OURS;
    if (bad_fcs && error != FP_E_NOT_OURS)
        error = FP_E_CORRUPT;
    if (!error)
        error = fp_mold_rx_push(judge->rx, (uint8_t)line, net.payload, net.payload_length, now_ns);
    verdict->error = verdict->code = error;

    /* The card. */
    const struct fp_mold_header *header = &verdict->header;
    uint64_t lead = header->sequence - before.next_sequence;
    int ahead = header->sequence >= before.next_sequence;
    verdict->far = at.addressed && !verdict->faults && error != FP_E_WRONG_SESSION && ahead && lead >> JUMP_LOG2;
    if (verdict->far)
        verdict->faults |= bit(FP_E_BAD_FIELD);
    verdict->told = error && error != FP_E_NOT_OURS;
    if (verdict->told && !at.addressed) {
        verdict->rule = FP_RULE_NOT_ADDRESSED;
        verdict->told = 0;
    }
    if (error)
        return;
    if (verdict->faults & bit(FP_E_BAD_LENGTH)) { /* the only fault of form that the software takes */
        verdict->rule = FP_RULE_SHORT_MESSAGE;
        verdict->code = FP_E_BAD_LENGTH;
    } else if (ahead && lead >> JUMP_LOG2) {
        verdict->rule = FP_RULE_FAR_JUMP;
        verdict->code = FP_E_BAD_FIELD;
    } else if (!ahead && before.next_sequence - header->sequence > (uint64_t)1 << BEHIND_LOG2) {
        verdict->rule = FP_RULE_FAR_BEHIND;
        verdict->code = FP_E_BAD_FIELD;
    } else
        return;
    verdict->told = 1;
    if (before.session_state != ENDED) /* then it brought nothing */
        fp_judge_restart(judge, before.next_sequence);
}
