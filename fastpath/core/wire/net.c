/* Ethernet, VLAN, IPv4, UDP and TCP headers; see net.h. Pure functions over byte
 * ranges: they believe no length before they checked it, and never reassemble. */
#include "net.h"

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_VLAN = 0x8100, ETHERTYPE_QINQ = 0x88A8, NO_VLAN = 0xFFFF, DONT_FRAGMENT = 0x4000, DEFAULT_TTL = 64 };

uint32_t fp_net_checksum_add(uint32_t sum, const uint8_t *bytes, size_t length) {
    uint64_t wide = sum;
    for (; length >= 2; bytes += 2, length -= 2)
        wide += fp_load_be16(bytes);
    if (length)
        wide += (uint64_t)*bytes << 8;
    while (wide >> 32)
        wide = (wide & 0xFFFFFFFF) + (wide >> 32);
    return (uint32_t)wide;
}

uint16_t fp_net_checksum_end(uint32_t sum) {
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Sum over the pseudo header: addresses (where they lie in the IP header), protocol, length. */
static uint32_t pseudo_sum(const uint8_t *ip, uint8_t protocol, size_t length) {
    return fp_net_checksum_add((uint32_t)(protocol + length), ip + 12, 8);
}

static int parse_udp(const uint8_t *ip, const uint8_t *udp, size_t length, int verify, struct fp_net_frame *out) {
    if (length < FP_NET_UDP_LEN)
        return FP_E_TRUNCATED;
    if (fp_load_be16(udp + 4) != length)
        return FP_E_BAD_LENGTH;
    if (verify && fp_load_be16(udp + 6) && fp_net_checksum_end(fp_net_checksum_add(pseudo_sum(ip, FP_NET_UDP, length), udp, length)))
        return FP_E_BAD_CHECKSUM;
    out->payload = udp + FP_NET_UDP_LEN;
    out->payload_length = length - FP_NET_UDP_LEN;
    return 0;
}

static int parse_tcp(const uint8_t *ip, const uint8_t *tcp, size_t length, int verify, struct fp_net_frame *out) {
    if (length < FP_NET_TCP_LEN)
        return FP_E_TRUNCATED;
    size_t header = (size_t)(tcp[12] >> 4) * 4;
    if (header < FP_NET_TCP_LEN || header > length)
        return FP_E_BAD_LENGTH;
    if (verify && fp_net_checksum_end(fp_net_checksum_add(pseudo_sum(ip, FP_NET_TCP, length), tcp, length)))
        return FP_E_BAD_CHECKSUM;
    out->tcp_sequence = fp_load_be32(tcp + 4);
    out->tcp_flags = tcp[13];
    out->payload = tcp + header;
    out->payload_length = length - header;
    return 0;
}

static int parse_ip(const uint8_t *ip, size_t length, int verify, struct fp_net_frame *out) {
    if (length < 1)
        return FP_E_TRUNCATED;
    if (ip[0] >> 4 != 4)
        return FP_E_NOT_OURS;
    if (length < FP_NET_IP_LEN)
        return FP_E_TRUNCATED;
    size_t header = (size_t)(ip[0] & 0x0F) * 4, total = fp_load_be16(ip + 2);
    if (header < FP_NET_IP_LEN || total < header)
        return FP_E_BAD_LENGTH;
    if (total > length)
        return FP_E_TRUNCATED;
    if ((verify || fp_load_be16(ip + 10)) && fp_net_checksum_end(fp_net_checksum_add(0, ip, header)))
        return FP_E_BAD_CHECKSUM;
    uint16_t fragment = fp_load_be16(ip + 6);
    if (header != FP_NET_IP_LEN || (fragment & 0x3FFF)) /* options; more-fragments flag or an offset */
        return FP_E_NOT_SUPPORTED;
    out->protocol = ip[9];
    out->ttl = ip[8];
    out->source_ip = fp_load_be32(ip + 12);
    out->target_ip = fp_load_be32(ip + 16);
    if (out->protocol != FP_NET_UDP && out->protocol != FP_NET_TCP)
        return FP_E_NOT_OURS;
    const uint8_t *inner = ip + header;
    int rc = out->protocol == FP_NET_UDP ? parse_udp(ip, inner, total - header, verify, out) : parse_tcp(ip, inner, total - header, verify, out);
    if (rc == 0) {
        out->source_port = fp_load_be16(inner);
        out->target_port = fp_load_be16(inner + 2);
    }
    return rc;
}

int fp_net_parse_ip(const uint8_t *packet, size_t length, int verify, struct fp_net_frame *out) {
    *out = (struct fp_net_frame){.vlan = NO_VLAN};
    return parse_ip(packet, length, verify, out);
}

static int parse_frame(const uint8_t *frame, size_t length, int verify, struct fp_net_frame *out) {
    *out = (struct fp_net_frame){.vlan = NO_VLAN};
    if (length < FP_NET_ETH_LEN)
        return FP_E_TRUNCATED;
    memcpy(out->target_mac, frame, 6);
    memcpy(out->source_mac, frame + 6, 6);
    size_t at = FP_NET_ETH_LEN;
    uint16_t type = fp_load_be16(frame + 12);
    if (type == ETHERTYPE_VLAN) {
        if (length < FP_NET_ETH_LEN + FP_NET_VLAN_LEN)
            return FP_E_TRUNCATED;
        out->vlan = fp_load_be16(frame + 14) & 0x0FFF;
        type = fp_load_be16(frame + 16);
        at += FP_NET_VLAN_LEN;
    }
    if (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ)
        return FP_E_NOT_SUPPORTED;
    if (type != ETHERTYPE_IPV4)
        return FP_E_NOT_OURS;
    return parse_ip(frame + at, length - at, verify, out);
}

int fp_net_parse(const uint8_t *frame, size_t length, struct fp_net_frame *out) { return parse_frame(frame, length, 1, out); }

int fp_net_parse_offloaded(const uint8_t *frame, size_t length, struct fp_net_frame *out) { return parse_frame(frame, length, 0, out); }

static void put_ip(const struct fp_net_frame *frame, size_t total, uint8_t *ip) {
    memset(ip, 0, FP_NET_IP_LEN);
    ip[0] = 0x45;
    fp_store_be16(ip + 2, (uint16_t)total);
    fp_store_be16(ip + 6, DONT_FRAGMENT);
    ip[8] = frame->ttl ? frame->ttl : DEFAULT_TTL;
    ip[9] = FP_NET_UDP;
    fp_store_be32(ip + 12, frame->source_ip);
    fp_store_be32(ip + 16, frame->target_ip);
    fp_store_be16(ip + 10, fp_net_checksum_end(fp_net_checksum_add(0, ip, FP_NET_IP_LEN)));
}

int fp_net_put_udp(const struct fp_net_frame *frame, uint8_t *out, size_t room) {
    int tagged = frame->vlan != NO_VLAN;
    size_t link = FP_NET_ETH_LEN + (tagged ? FP_NET_VLAN_LEN : 0);
    if (tagged && frame->vlan > 4094)
        return FP_E_BAD_FIELD;
    if (frame->payload_length > 0xFFFF - FP_NET_IP_LEN - FP_NET_UDP_LEN)
        return FP_E_OVERSIZED;
    size_t datagram = FP_NET_UDP_LEN + frame->payload_length;
    if (room < link + FP_NET_IP_LEN + datagram)
        return FP_E_NO_ROOM;
    memcpy(out, frame->target_mac, 6);
    memcpy(out + 6, frame->source_mac, 6);
    if (tagged) {
        fp_store_be16(out + 12, ETHERTYPE_VLAN);
        fp_store_be16(out + 14, frame->vlan);
    }
    fp_store_be16(out + link - 2, ETHERTYPE_IPV4);
    uint8_t *ip = out + link, *udp = ip + FP_NET_IP_LEN;
    put_ip(frame, FP_NET_IP_LEN + datagram, ip);
    fp_store_be16(udp, frame->source_port);
    fp_store_be16(udp + 2, frame->target_port);
    fp_store_be16(udp + 4, (uint16_t)datagram);
    fp_store_be16(udp + 6, 0);
    if (frame->payload_length)
        memcpy(udp + FP_NET_UDP_LEN, frame->payload, frame->payload_length);
    uint16_t checksum = fp_net_checksum_end(fp_net_checksum_add(pseudo_sum(ip, FP_NET_UDP, datagram), udp, datagram));
    fp_store_be16(udp + 6, checksum ? checksum : 0xFFFF); /* 0 would say: no checksum */
    return (int)(link + FP_NET_IP_LEN + datagram);
}

void fp_net_multicast_mac(uint32_t group, uint8_t mac[6]) {
    mac[0] = 0x01;
    mac[1] = 0x00;
    mac[2] = 0x5E;
    mac[3] = (uint8_t)(group >> 16 & 0x7F);
    mac[4] = (uint8_t)(group >> 8);
    mac[5] = (uint8_t)group;
}
