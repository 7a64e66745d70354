// One message on its way through the book: the slices of the BM_W-bit vector that norm_pace hands to ord_table,
// bbo_unit, px_ladder and ev_pack, and the small codes those five share. Nothing here leaves the book.
`ifndef BOOK_MSG_VH
`define BOOK_MSG_VH
`define BM_W 340
`define BM_TYPE 7:0      // ITCH letter or notice
`define BM_OP 11:8       // what to do, BOP_*
`define BM_CODE 19:12    // positive fp_error of a fault, or of a mark
`define BM_TIME 67:20    // ns since midnight
`define BM_LOCATE 83:68
`define BM_SYM 93:84     // symbol index
`define BM_ROW 94        // the message belongs to a tracked symbol
`define BM_SIDE 95       // 1 = sell
`define BM_REF 159:96
`define BM_REF2 223:160  // new reference or match number
`define BM_SHARES 255:224
`define BM_PRICE 287:256
`define BM_AUX 303:288
`define BM_RX 335:304    // cycle of the message's last byte
`define BM_PRINTABLE 336
`define BM_SATURATED 337 // shares did not fit 32 bits
`define BM_LINE_B 338
`define BM_NO_TIME 339   // the venue's time could not be read

`define BOP_ADD 4'd0     // A F
`define BOP_EXEC 4'd1    // E C
`define BOP_CANCEL 4'd2  // X
`define BOP_DELETE 4'd3  // D
`define BOP_REPLACE 4'd4 // U
`define BOP_TRADE 4'd5   // P
`define BOP_CROSS 4'd6   // Q
`define BOP_NOTE 4'd7    // every other ITCH type
`define BOP_FAULT 4'd8   // a book message that cannot be right: its symbol becomes stale
`define BOP_NOTICE 4'd9  // the feed half's own
`define BOP_MARK 4'd10   // set a symbol stale (code not 0: told by an event) or clear it

// What ord_table found, one cycle after the message's `c` stage.
`define BV_OK 3'd0
`define BV_UNKNOWN 3'd1  // reference not in the book
`define BV_CONTRA 3'd2   // contradicts the book: symbol stale, nothing changed
`define BV_DROP 3'd3     // changes nothing and says nothing (0 shares)
`define BV_FULL 3'd4     // the new order did not fit; a replaced one is gone
`define BV_WRONG 3'd5    // the reference is another symbol's

`define FP_PRICE_MAX 32'd1999999900 // $199,999.99
`define FP_E_BAD_LENGTH 8'd4
`define FP_E_BAD_FIELD 8'd5
`define FP_E_NO_ROOM 8'd7
`define FP_E_DUPLICATE 8'd13
`define FP_E_CORRUPT 8'd14
`endif
