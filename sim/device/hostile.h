/* Damaged frames of every sort, made from a good one and a number. Deterministic; knows the layout of frames, nothing of
 * who reads them. */
#ifndef FP_HOSTILE_H
#define FP_HOSTILE_H
#include <stddef.h>
#include <stdint.h>

enum fp_damage {
    FP_DAMAGE_FLIP,      /* bits anywhere, checksums as they were */
    FP_DAMAGE_FCS,       /* bits anywhere, and the frame check sequence tells it */
    FP_DAMAGE_CUT,       /* the frame ends early */
    FP_DAMAGE_CUT_SEALED, /* the same, with lengths and checksums of the headers made right again: so below */
    FP_DAMAGE_FLIP_SEALED, /* bits of the MoldUDP64 header or of a length of a block */
    FP_DAMAGE_BLOCK,     /* a block's length lies */
    FP_DAMAGE_COUNT,     /* the message count lies */
    FP_DAMAGE_SESSION,
    FP_DAMAGE_SEQUENCE,  /* jumps: near, far, back, 0, the highest */
    FP_DAMAGE_NOISE,     /* any bytes, sometimes behind good headers */
    FP_DAMAGE_HARMLESS,  /* padding, a VLAN tag, no UDP checksum: it stays good */
    FP_DAMAGE_HEADERS,   /* IP and UDP header fields lie */
    FP_DAMAGE_TAIL,      /* bytes behind the last block */
    FP_DAMAGE_CONTENT,   /* bits within messages */
    FP_DAMAGE_QUIET,     /* a heartbeat or an end of session, its sequence good or jumping, sometimes with bytes behind it */
    FP_DAMAGE_SHORT,     /* a message cut to 1..13 bytes, what follows moved up */
    FP_DAMAGE_TWO,       /* two of these, one after the other */
    FP_DAMAGE_KINDS
};

const char *fp_damage_name(enum fp_damage kind);
uint64_t fp_damage_random(uint64_t *state);
uint32_t fp_damage_below(uint64_t *state, uint32_t n);
/* Damages a frame that fp_net_put_udp built, untagged, in place; the room must be 96 bytes more than a full frame (1,514). Returns the
 * new length, at least 1; *bad_fcs is set to 0 or 1. */
size_t fp_damage(enum fp_damage kind, uint64_t *state, uint8_t *frame, size_t length, int *bad_fcs);

#endif
