// A message on its way from itch_norm through the hold FIFOs to the norm bus, packed. One place for the layout.
`ifndef FP_NORM_BUS_VH
`define FP_NORM_BUS_VH
`define NORM_TYPE 7:0
`define NORM_FAULT 9:8
`define NORM_TIMESTAMP 57:10
`define NORM_LOCATE 73:58
`define NORM_REF 137:74
`define NORM_REF2 201:138
`define NORM_SIDE 202
`define NORM_SHARES 234:203
`define NORM_PRICE 266:235
`define NORM_PRINTABLE 267
`define NORM_OVERFLOW 268
`define NORM_AUX 284:269
`define NORM_SYMIDX 294:285
`define NORM_TRACKED 295
`define NORM_RX_CYCLE 327:296
`define NORM_SEQ 391:328
`define NORM_MARK 392
`define NORM_BITS 393
// How itch_norm's part of it (all but symbol, cycle and sequence) is wide.
`define NORM_BODY_BITS 285
// With NORM_MARK set an entry of a hold FIFO is no message but a sequence that a packet announced; its type field says which.
`define NORM_KIND_HEARTBEAT 8'h01
`define NORM_KIND_END 8'h02
// norm_fault
`define NORM_SOUND 2'd0
`define NORM_UNKNOWN_TYPE 2'd1
`define NORM_BAD_LENGTH 2'd2
`define NORM_BAD_FIELD 2'd3
`endif
