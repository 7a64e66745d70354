/* The FPGA card as a C library; sim/device makes one of gw_top.v. Frames in, records and order bytes out, host port written by
 * functions: what a driver would have. Three calls go beyond that and say so: fp_card_fires, fp_card_trace, fp_card_orders.
 *
 * One thread per card; cards do not share anything. Time inside is clock cycles of 6.4 ns (156.25 MHz, 64 bits a cycle:
 * 10 Gb/s), never wall time. Every call below that "takes cycles" lets the whole card run on; records that leave
 * meanwhile wait in the host's ring and are handed out by the next call that takes an events array. The card never
 * allocates after open, opens no file but fp_card_trace's, and prints nothing.
 *
 * Functions return 0 or a count, or a negative fp_error: FP_E_BAD_FIELD for an argument outside its range. */
#ifndef FP_CARD_H
#define FP_CARD_H
#include "fp_registers.h"
#include "../records.h"
#include <stddef.h>
#include <stdint.h>

enum {
    FP_CARD_PS_PER_CYCLE = 6400,  /* picoseconds */
    FP_CARD_MAX_FRAME = 2048,     /* bytes, without frame check sequence */
    FP_CARD_SYMBOLS = 256,        /* symbol indexes 0..255 */
    FP_CARD_SLOTS = 16,           /* trigger slots and order templates */
    FP_CARD_RING = 65536,         /* records the host's ring holds; a full ring stalls the card's output */
    FP_CARD_LINE_A = 0, FP_CARD_LINE_B = 1,
    FP_CARD_BAD_FCS = 0x100       /* or it to the line: the frame ends with a wrong frame check sequence */
};

struct fp_card_config {
    uint32_t address[2];      /* multicast groups of lines A and B, host order; a line with address 0 is off */
    uint16_t port[2];
    char session[10];         /* all zero: the first session seen */
    uint64_t first_sequence;  /* next expected at start; 0: the first one seen */
    uint32_t gap_wait_cycles; /* a hole may stay that long */
    uint32_t silence_cycles;  /* a line without good packets is down after; 0: never */
    uint64_t midnight_ns;     /* UTC ns, added to the venue's time of day */
    uint64_t start_ns;        /* UTC ns of cycle 0; rx_ns of a record = start_ns + cycle of its last byte x 6.4 ns */
    uint8_t venue;            /* written into the records */
    uint8_t frame_gap_cycles; /* idle cycles after each frame; 3 = what FCS, preamble and gap take on a full 10 Gb/s line */
};

struct fp_card; /* opaque */

/* Build a card, reset it and let it clear its tables (takes some 70,000 cycles). 0, FP_E_BAD_CONFIG or FP_E_NO_MEMORY. */
int fp_card_open(const struct fp_card_config *config, struct fp_card **out);
void fp_card_close(struct fp_card *card);

/* Put one frame (Ethernet header first, no FCS) on a line, then frame_gap_cycles idle ones. Takes cycles. Returns the
 * records handed out, at most max; those that did not fit wait for the next call. A record is typically out a few
 * cycles after its message: fp_card_idle(card, 64, ...) after the last frame flushes everything that is not held for a
 * hole. FP_E_OVERSIZED, FP_E_TRUNCATED (length 0), FP_E_BAD_FIELD (line). */
int fp_card_push(struct fp_card *card, int line, const uint8_t *frame, size_t length, struct fp_event *events, int max);
/* One frame on each line at once, B's first beat lag_cycles after A's (negative: before). A length 0 leaves that line idle. */
int fp_card_push_both(struct fp_card *card, const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length, int lag_cycles,
                      struct fp_event *events, int max);
/* Let cycles go by with both lines silent. */
int fp_card_idle(struct fp_card *card, uint64_t cycles, struct fp_event *events, int max);
/* Cycles since reset; and as UTC ns, start_ns + cycles x 6.4. */
uint64_t fp_card_cycles(const struct fp_card *card);
uint64_t fp_card_time_ns(const struct fp_card *card);

/* Registers (fp_registers.h, FP_REG_*), through the card's AXI4-Lite port; a read or write takes some 6 cycles. FP_E_BAD_FIELD
 * when the card answers an error: no such register, or not to be written. The functions below are made of these. */
int fp_card_write(struct fp_card *card, uint32_t address, uint32_t value);
int fp_card_read(struct fp_card *card, uint32_t address, uint32_t *value);

/* Feed. index -1: the locate is no longer tracked. */
int fp_card_symbol(struct fp_card *card, uint16_t locate, int index);
/* Forget session, holds and position, start again at a sequence (0: the first seen). */
int fp_card_resync(struct fp_card *card, uint64_t first_sequence);

/* Book. code 0 clears a symbol's stale mark, else the positive fp_error that its STALE record tells. */
int fp_card_mark(struct fp_card *card, int index, uint8_t code);
/* Ends the state in which every book is stale. */
int fp_card_clear_stale(struct fp_card *card);
/* Forget every order, level and mark; the records' numbers begin at 1 again. Takes some 5,000 cycles. */
int fp_card_reset_book(struct fp_card *card);

/* Trading. Fail closed: after open the kill switch is on, trading off, no session, every limit 0. */
struct fp_card_trading {
    uint64_t duplicate_cycles;   /* window of the duplicate check, below 2^48; 0: off */
    uint32_t rate_period_cycles; /* one order each; 0: none passes */
    uint16_t rate_burst;
    uint8_t kill, enabled, session;
};
struct fp_card_limits {
    uint64_t notional_e4;        /* of one order */
    uint32_t quantity;           /* of one order */
    uint32_t buy_room, sell_room; /* shares still allowed; each order that passes takes its own */
    uint16_t collar_bps;         /* through the far side */
    uint8_t enabled;
};
enum fp_card_condition { FP_CARD_BID_AT_OR_ABOVE = 1, FP_CARD_BID_AT_OR_BELOW = 2, FP_CARD_ASK_AT_OR_ABOVE = 3, FP_CARD_ASK_AT_OR_BELOW = 4 };
int fp_card_set_trading(struct fp_card *card, const struct fp_card_trading *trading);
int fp_card_set_limits(struct fp_card *card, int index, const struct fp_card_limits *limits);
/* An OUCH 5.0 Enter Order of 47..61 bytes with its appendage; the card puts the order number in.
 * FP_E_AGAIN: the slot's order is being looked at or sent; the template is not sealed then. */
int fp_card_set_template(struct fp_card *card, int slot, const uint8_t *message, size_t length);
int fp_card_order_number(struct fp_card *card, uint32_t next);
/* One shot: fires in the first record that changes the symbol's best and meets the condition, in no cycle from
 * expire_cycle on (0: never expires). An armed or waiting slot is left alone: see FP_REG_ARMED. */
int fp_card_arm(struct fp_card *card, int slot, int index, enum fp_card_condition condition, uint32_t price_e4, uint64_t expire_cycle);
int fp_card_disarm(struct fp_card *card, int slot);
/* SoupBinTCP bytes that left so far, oldest first; at most max, the rest wait (65,536 bytes at most, then the card's
 * order stream stalls). Takes no cycle, and so below. */
int fp_card_order_bytes(struct fp_card *card, uint8_t *bytes, int max);

/* What the gate said of a met trigger. */
struct fp_card_fire {
    uint64_t rx_cycle;  /* of the last byte of the message that met the condition */
    uint64_t out_cycle; /* of the verdict; the first order byte leaves in the cycle after */
    uint16_t slot, reasons; /* reasons 0: passed, the order left; else the bits of FP_REG_REASONS */
};
/* Verdicts since the last call, oldest first; the last 1,024 are kept. For checks: they are read from pins of the simulated top
 * level, which no host port of a real card shows. */
int fp_card_fires(struct fp_card *card, struct fp_card_fire *fires, int max);

/* From a cycle on, write a waveform of the whole card (FST) to a file; until fp_card_close or a path of NULL. Only a card built
 * for it can (variant `traced`): else FP_E_NOT_SUPPORTED. FP_E_BAD_STATE: it writes one already. */
int fp_card_trace(struct fp_card *card, const char *path, uint64_t from_cycle);

/* What the order table holds, for checks: every live order, in no order. Returns how many there are; writes at most max.
 * Not something a real card could tell. */
struct fp_card_order {
    uint64_t ref;
    uint32_t price_e4, shares;
    uint16_t index;          /* symbol index */
    uint8_t sell;
};
int fp_card_orders(const struct fp_card *card, struct fp_card_order *out, int max);

#endif
