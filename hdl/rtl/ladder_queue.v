// The price ladder's door: turns a message in stage v into its change, or two for a replace, and lets changes into the
// ladder two cycles apart.
// Latency: 0 cycles from v_* to go when nothing waits and the distance is kept. Throughput: one change per 2 cycles.
// Overflow: 9 changes can wait; norm_pace's distances never need so many. A tenth is lost: `stat_overrun`, the books are stale.
//
// Changes in flight are an even number of cycles apart: their updates would overlap at 1; at 3 a change's read of its own
// level would meet another's read of the next level at the one read port; 5 would meet the write of state and words.
`default_nettype none
`include "book_msg.vh"
module ladder_queue #(
    parameter SYM_LOG2 = 8,
    parameter PLACE_W = 12
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                ready,
    input  wire [`BM_W-1:0]    c_msg,
    input  wire [31:0]         c_price,
    input  wire                v_valid,
    input  wire [`BM_W-1:0]    v_msg,
    input  wire [2:0]          v_verdict,
    input  wire [31:0]         v_shares,
    input  wire                v_side,
    input  wire                v_slow_ok,
    input  wire                v_slow_not,
    input  wire [3:0]          v_count,
    output wire                go,     // this change enters the ladder now
    output wire                adds,   // shares come, or
    output wire                takes,  // go; or neither: only the BBO is asked for
    output wire                last,   // of its message
    output wire                twin,   // the second of a replace, 2 cycles behind the first
    output wire                slow,   // an event waits for the answer
    output wire                clear,  // the host has cleared the symbol's stale mark
    output wire                side,
    output wire [SYM_LOG2-1:0] sym,
    output wire                cheap,  // the price is below 10000
    output wire [31:0]         price,
    output wire [31:0]         amount,
    output wire [3:0]          count,
    output wire [PLACE_W-1:0]  place,  // low bits of the price's key
    output reg                 stat_overrun
);
    localparam QL = 3;
    localparam QW = 7 + SYM_LOG2 + 1 + 32 + 32 + 4 + PLACE_W;

    // Stage v: the change. Which price it is about is chosen in c already: what addresses the RAMs in v has only a sum to do.
    wire          c_is_add;
    wire [31:0]   c_first;
    reg  [31:0]   v_first;   // of the message's first change, or its only one
    reg           v_cheap;
    reg           v_cheap_new;
    reg           v_is_add;
    wire [PLACE_W-1:0] v_place;
    wire [PLACE_W-1:0] v_place_new;
    wire [3:0]    v_op;
    wire [31:0]   v_new;
    wire          v_ok;
    wire          v_replaces;
    wire          v_drops;  // a replace whose new order did not fit
    wire          v_adds;
    wire          v_takes;
    wire          v_quiet;  // leaves no record
    wire          v_clears;
    wire          v_asks;
    wire          v_push;
    wire [31:0]   v_amount;
    wire [QW-1:0] v_change;
    reg           twin_valid;
    reg  [QW-1:0] twin_change;
    assign c_is_add = c_msg[`BM_OP] == `BOP_ADD;
    assign c_first = c_is_add ? c_msg[`BM_PRICE] : c_price;
    always @(posedge clk) begin
        v_first <= c_first;
        v_cheap <= c_first < 32'd10000;
        v_cheap_new <= c_msg[`BM_PRICE] < 32'd10000;
        v_is_add <= c_is_add;
    end
    ladder_place #(.WIDTH(PLACE_W)) place_first (
        .clk(clk), .c_price(c_first[13:0]), .price(v_first[13:0]), .cheap(v_cheap), .side(v_side), .place(v_place)
    );
    ladder_place #(.WIDTH(PLACE_W)) place_new (
        .clk(clk), .c_price(c_msg[256 +: 14]), .price(v_new[13:0]), .cheap(v_cheap_new), .side(v_side), .place(v_place_new)
    );
    assign v_op = v_msg[`BM_OP];
    assign v_ok = v_verdict == `BV_OK;
    assign v_replaces = v_op == `BOP_REPLACE && v_ok;
    assign v_drops = v_op == `BOP_REPLACE && v_verdict == `BV_FULL;
    assign v_new = v_msg[`BM_PRICE];
    assign v_adds = v_is_add && v_ok;
    assign v_takes = v_drops || (v_ok && (v_op == `BOP_EXEC || v_op == `BOP_CANCEL || v_op == `BOP_DELETE || v_op == `BOP_REPLACE));
    assign v_clears = v_op == `BOP_MARK && v_msg[`BM_CODE] == 8'd0;
    assign v_quiet = v_verdict == `BV_DROP || v_clears;
    assign v_asks = !v_quiet && (v_ok || v_verdict == `BV_FULL ? v_slow_ok : v_slow_not);
    assign v_push = v_valid && (v_adds || v_takes || v_asks || v_clears);
    assign v_amount = v_op == `BOP_DELETE || v_op == `BOP_REPLACE ? v_shares : v_msg[`BM_SHARES];
    assign v_change = {v_adds, v_takes, !v_replaces, 1'b0, v_asks && !v_replaces, v_clears, v_side, v_msg[84 +: SYM_LOG2],
                       v_cheap, v_first, v_amount, v_count, v_place};
    always @(posedge clk) begin
        twin_valid <= v_valid && v_replaces && !rst;
        twin_change <= {3'b101, 1'b1, v_asks, 1'b0, v_side, v_msg[84 +: SYM_LOG2], v_cheap_new, v_new, v_msg[`BM_SHARES], v_count,
                        v_place_new};
    end

    // Those that wait: the first in a register, the others behind it in a ring.
    reg  [QW-1:0] ring [0:(1<<QL)-1];
    reg  [QL:0]   put_at;
    reg  [QL:0]   get_at;
    reg           first_valid;
    reg  [QW-1:0] first;
    reg  [4:0]    issued; // bit i: a change went i+1 cycles ago
    wire          can_go;
    wire          push;
    wire [QW-1:0] push_change;
    wire          ring_some;
    wire          ring_full;
    wire          first_free; // at the coming edge
    wire          wait_ring;
    wire          put_ring;
    wire [QW-1:0] change;
    assign can_go = ready && !issued[0] && !issued[2] && !issued[4];
    assign push = v_push || twin_valid;
    assign push_change = twin_valid ? twin_change : v_change;
    assign ring_some = put_at != get_at;
    assign ring_full = put_at == {~get_at[QL], get_at[QL-1:0]};
    assign first_free = !first_valid || can_go;
    assign wait_ring = push && first_valid && (!can_go || ring_some);
    assign put_ring = wait_ring && !ring_full;
    // A replace's second change comes one cycle behind its first and never finds the way free.
    assign change = first_valid ? first : v_change;
    assign go = can_go && (first_valid || v_push);
    assign {adds, takes, last, twin, slow, clear, side, sym, cheap, price, amount, count, place} = change;
    always @(posedge clk) begin
        if (rst) begin
            put_at <= {(QL+1){1'b0}};
            get_at <= {(QL+1){1'b0}};
            first_valid <= 1'b0;
            issued <= 5'd0;
            stat_overrun <= 1'b0;
        end else begin
            if (put_ring)
                put_at <= put_at + 1'b1;
            if (first_free && ring_some)
                get_at <= get_at + 1'b1;
            if (first_free)
                first_valid <= ring_some || (push && (first_valid || !can_go));
            issued <= {issued[3:0], go};
            stat_overrun <= (wait_ring && ring_full) || (v_push && twin_valid);
        end
        if (put_ring)
            ring[put_at[QL-1:0]] <= push_change;
        if (first_free)
            first <= ring_some ? ring[get_at[QL-1:0]] : push_change;
    end
endmodule
`default_nettype wire
