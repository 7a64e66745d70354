// The price ladder's last stages: what a change left of the best level, told beside what was told before.
// Latency: stage L5 to late_* 1 cycle, to mark_* 2. Throughput: one change per 2 cycles. Nothing can overflow.
// A side whose best is not known any more is marked once (mark_valid), however often it loses and finds its best again; when
// the host clears the symbol's stale mark while it is lost, it is marked once more at once.
`default_nettype none
module ladder_tell #(
    parameter SYM_LOG2 = 8,
    parameter QTY_W = 36
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                sweep,
    input  wire [SYM_LOG2-1:0] sweep_at,
    input  wire [31:0]         l4_price,
    input  wire [QTY_W-1:0]    l4_qty,
    input  wire                l5_valid,
    input  wire                l5_changes, // it adds or takes
    input  wire                l5_last,
    input  wire                l5_twin,
    input  wire                l5_slow,
    input  wire                l5_clear,
    input  wire                l5_side,
    input  wire [SYM_LOG2-1:0] l5_sym,
    input  wire [3:0]          l5_count,
    input  wire [31:0]         l5_price,
    input  wire [QTY_W-1:0]    l5_qty,
    input  wire [31:0]         l5_next_price, // of the next level in its group
    input  wire                l5_own,     // its level is the best now
    input  wire                l5_out,     // it used up the best level: the next one
    input  wire                l5_lower,   // is in the same group,
    input  wire                l5_none,    // is none, else another group's head
    input  wire                l5_lost,
    input  wire [QTY_W-1:0]    l6_next_shares,
    input  wire [31:0]         l6_head_price,
    input  wire [QTY_W-1:0]    l6_head_shares,
    output wire                late_write,
    output wire [SYM_LOG2-1:0] late_symidx,
    output wire                late_side,
    output wire [31:0]         late_price,
    output wire [QTY_W-1:0]    late_shares,
    output wire [3:0]          late_count,
    output wire                late_lost,
    output wire                late_valid,
    output wire                late_changed,
    output wire                late_stale_before,
    output wire                late_stale,
    output wire [31:0]         before_bid,
    output wire [QTY_W-1:0]    before_bid_shares,
    output wire [31:0]         before_ask,
    output wire [QTY_W-1:0]    before_ask_shares,
    output wire [31:0]         after_bid,
    output wire [QTY_W-1:0]    after_bid_shares,
    output wire [31:0]         after_ask,
    output wire [QTY_W-1:0]    after_ask_shares,
    output reg                 mark_valid,
    output reg  [9:0]          mark_symidx
);
    localparam BW = 32 + QTY_W;    // {price, shares}
    localparam ROW_W = 2 + BW;     // {told, lost, price, shares}

    // L5 -> L6: the symbol's rows, as the change two ahead left them. A replace's second change tells what was before the
    // first, which is at L7 then.
    wire [ROW_W-1:0] bid_row;
    wire [ROW_W-1:0] ask_row;
    wire [ROW_W-1:0] own_row;
    reg              l5_same;      // a twin's level is as the best was before the message
    reg              l6_valid;
    reg              l6_changes;
    reg              l6_last;
    reg              l6_slow;
    reg              l6_clear;
    reg              l6_side;
    reg [SYM_LOG2-1:0] l6_sym;
    reg [3:0]        l6_count;
    reg              l6_lost;
    reg              l6_moved;     // this change made another best
    reg              l6_changed;   // the message did
    reg              l6_next;
    reg              l6_head;
    reg [ROW_W-1:0]  l6_own;       // the side's row before this change
    reg [BW:0]       l6_bid;       // {lost, price, shares} before the message
    reg [BW:0]       l6_ask;
    reg [BW-1:0]     l6_best;      // unless it is the next level or another group's head
    reg              l7_moved;
    reg [BW:0]       l7_own;
    assign own_row = l5_side ? ask_row : bid_row;
    always @(posedge clk) begin
        l5_same <= {l4_price, l4_qty} == l6_own[BW-1:0];
        l6_valid <= l5_valid && !rst;
        l6_changes <= l5_changes;
        l6_last <= l5_last;
        l6_slow <= l5_slow;
        l6_clear <= l5_clear;
        l6_side <= l5_side;
        l6_sym <= l5_sym;
        l6_count <= l5_count;
        l6_lost <= l5_lost;
        l6_moved <= l5_own || l5_out;
        l6_changed <= !l5_twin ? l5_own || l5_out : l5_own ? !l5_same : l7_moved;
        l6_next <= l5_out && l5_lower;
        l6_head <= l5_out && !l5_lower && !l5_none;
        l6_own <= own_row;
        l6_bid <= l5_twin && !l5_side ? l7_own : bid_row[BW:0];
        l6_ask <= l5_twin && l5_side ? l7_own : ask_row[BW:0];
        l6_best[QTY_W +: 32] <= l5_own ? l5_price : !l5_out ? own_row[QTY_W +: 32] : l5_lower ? l5_next_price : 32'd0;
        l6_best[QTY_W-1:0] <= l5_own ? l5_qty : !l5_out ? own_row[QTY_W-1:0] : {QTY_W{1'b0}};
        l7_moved <= l6_moved;
        l7_own <= l6_own[BW:0];
    end

    // L6: told.
    wire        writes;
    wire [BW:0] new_best;
    wire [BW-1:0] bid_after;
    wire [BW-1:0] ask_after;
    assign writes = l6_valid && l6_changes;
    assign late_write = writes && l6_last;
    assign late_symidx = l6_sym;
    assign late_side = l6_side;
    assign late_price = l6_head ? l6_head_price : l6_best[QTY_W +: 32];
    assign late_shares = l6_head ? l6_head_shares : l6_next ? l6_next_shares : l6_best[QTY_W-1:0];
    assign late_count = l6_count;
    assign late_lost = l6_lost;
    assign late_valid = l6_valid && l6_last && l6_slow;
    assign late_changed = l6_changed;
    assign new_best = {l6_lost, late_price, late_shares};
    assign bid_after = l6_changes && !l6_side ? new_best[BW-1:0] : l6_bid[BW-1:0];
    assign ask_after = l6_changes && l6_side ? new_best[BW-1:0] : l6_ask[BW-1:0];
    assign late_stale_before = l6_bid[BW] || l6_ask[BW];
    assign late_stale = l6_changes ? l6_lost || (l6_side ? l6_bid[BW] : l6_ask[BW]) : l6_bid[BW] || l6_ask[BW];
    assign {before_bid, before_bid_shares} = l6_bid[BW-1:0];
    assign {before_ask, before_ask_shares} = l6_ask[BW-1:0];
    assign {after_bid, after_bid_shares} = bid_after;
    assign {after_ask, after_ask_shares} = ask_after;
    always @(posedge clk) begin
        mark_valid <= !rst && l6_valid && ((l6_changes && l6_last && l6_lost && !l6_own[BW+1])
            || (l6_clear && (l6_bid[BW] || l6_ask[BW])));
        mark_symidx <= {{(10-SYM_LOG2){1'b0}}, l6_sym};
    end

    wire             clears;
    wire [ROW_W-1:0] own_new;
    assign clears = l6_valid && l6_clear;
    assign own_new = {l6_own[BW+1] || (l6_lost && l6_last), new_best};
    ram_async #(.WIDTH(ROW_W), .DEPTH_LOG2(SYM_LOG2)) late_bids (
        .clk(clk), .we(sweep || clears || (writes && !l6_side)), .waddr(sweep ? sweep_at : l6_sym),
        .wdata(sweep ? {ROW_W{1'b0}} : l6_clear ? {l6_bid[BW], l6_bid} : own_new), .raddr(l5_sym), .rdata(bid_row)
    );
    ram_async #(.WIDTH(ROW_W), .DEPTH_LOG2(SYM_LOG2)) late_asks (
        .clk(clk), .we(sweep || clears || (writes && l6_side)), .waddr(sweep ? sweep_at : l6_sym),
        .wdata(sweep ? {ROW_W{1'b0}} : l6_clear ? {l6_ask[BW], l6_ask} : own_new), .raddr(l5_sym), .rdata(ask_row)
    );
endmodule
`default_nettype wire
