/* Ethernet (one optional VLAN tag), IPv4 and UDP: take a frame apart, or build one.
 *
 * For backends that see whole frames (raw packet sockets, kernel bypass, capture
 * files). Pure functions over byte ranges: no socket, no state, no allocation. It
 * never reassembles fragments: feeds do not fragment, so one is refused by name. */
#ifndef FP_NET_H
#define FP_NET_H
#include "../records.h"
#include "layout.h"

enum {
    FP_NET_ETH_LEN = 14, FP_NET_VLAN_LEN = 4, FP_NET_IP_LEN = 20, FP_NET_UDP_LEN = 8, FP_NET_TCP_LEN = 20,
    FP_NET_UDP = 17, FP_NET_TCP = 6 /* IP protocol numbers */
};

/* What an Ethernet/IPv4 frame carries. Addresses and ports are host-order numbers (127.0.0.1 = 0x7F000001). */
struct fp_net_frame {
    const uint8_t *payload;      /* the UDP datagram's or TCP segment's bytes, inside the frame */
    size_t payload_length;
    uint32_t source_ip, target_ip;
    uint16_t source_port, target_port;
    uint16_t vlan;               /* 12-bit id, 0xFFFF when untagged */
    uint8_t protocol;            /* FP_NET_UDP or FP_NET_TCP */
    uint8_t ttl;
    uint8_t tcp_flags;           /* FIN 1, SYN 2, RST 4, PSH 8, ACK 16; 0 for UDP */
    uint32_t tcp_sequence;       /* of the payload's first byte; 0 for UDP */
    uint8_t source_mac[6], target_mac[6];
};

/* Take one frame apart, without its frame check sequence; Ethernet padding after the IP packet is ignored.
 * 0, or FP_E_TRUNCATED (the frame ends before what its headers claim), FP_E_BAD_LENGTH (header lengths that
 * contradict each other), FP_E_BAD_CHECKSUM (IP header, UDP unless 0 = absent, or TCP), FP_E_NOT_SUPPORTED (fragment,
 * IP options, second VLAN tag), FP_E_NOT_OURS (not IPv4, or neither UDP nor TCP). */
int fp_net_parse(const uint8_t *frame, size_t length, struct fp_net_frame *out);

/* As fp_net_parse, for frames whose checksums the sending machine left to its network card, or that our card verified
 * already: UDP and TCP checksums are not looked at, and an IP header checksum of 0 passes as absent. */
int fp_net_parse_offloaded(const uint8_t *frame, size_t length, struct fp_net_frame *out);

/* The same for a buffer that begins at the IP header (sockets that cut the Ethernet header off); verify 0 is the
 * offloaded reading. MACs read as zero. */
int fp_net_parse_ip(const uint8_t *packet, size_t length, int verify, struct fp_net_frame *out);

/* Build a UDP frame around frame->payload, both checksums filled in, don't-fragment set. Uses addresses, ports, vlan,
 * ttl and MACs. Returns the frame's length (not padded to 60 bytes); FP_E_NO_ROOM, FP_E_OVERSIZED (does not fit one IP
 * packet), FP_E_BAD_FIELD (VLAN id above 4094 and not 0xFFFF). */
int fp_net_put_udp(const struct fp_net_frame *frame, uint8_t *out, size_t room);

/* The Internet checksum of bytes, added to a partial sum (0 to begin); fp_net_checksum_end folds and complements it. */
uint32_t fp_net_checksum_add(uint32_t sum, const uint8_t *bytes, size_t length);
uint16_t fp_net_checksum_end(uint32_t sum);

/* The Ethernet address that an IPv4 multicast group maps to. */
void fp_net_multicast_mac(uint32_t group, uint8_t mac[6]);

#endif
