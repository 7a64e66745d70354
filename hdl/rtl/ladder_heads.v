// The best level, price and shares, of each group of the price ladder, so that the group next in line needs no search.
// Latency: `at` (stage L4) to `price`, `shares` (stage L6) 2 cycles, in or right behind registers. Throughput: one read and
// one write per cycle. A head written 2 cycles before it is needed is forwarded. Contents are undefined until written; a
// group's head is only asked for while the group holds a level. Nothing can overflow.
`default_nettype none
module ladder_heads #(
    parameter ADDRESS_W = 10,
    parameter QTY_W = 36
) (
    input  wire                 clk,
    input  wire [ADDRESS_W-1:0] at,          // L4: the group next in line
    output wire [31:0]          price,       // L6
    output wire [QTY_W-1:0]     shares,
    input  wire                 put,         // L6: the changed group's head is now this
    input  wire [ADDRESS_W-1:0] put_at,
    input  wire [31:0]          put_price,
    input  wire [QTY_W-1:0]     put_shares
);
    localparam W = 32 + QTY_W;

    reg  [ADDRESS_W-1:0] l5_at;
    wire [W-1:0]         read;
    reg  [W-1:0]         l6_head;
    reg                  l6_forward;
    reg                  l7_put;
    reg  [ADDRESS_W-1:0] l7_at;
    reg  [W-1:0]         l7_head;
    reg  [W-1:0]         l8_head;
    ram_sdp #(.WIDTH(W), .DEPTH_LOG2(ADDRESS_W)) heads (
        .clk(clk), .we(put), .waddr(put_at), .wdata({put_price, put_shares}), .re(1'b1), .raddr(at), .rdata(read)
    );
    always @(posedge clk) begin
        l5_at <= at;
        l6_head <= read;
        l6_forward <= l7_put && l7_at == l5_at;
        l7_put <= put;
        l7_at <= put_at;
        l7_head <= {put_price, put_shares};
        l8_head <= l7_head;
    end
    assign {price, shares} = l6_forward ? l8_head : l6_head;
endmodule
`default_nettype wire
