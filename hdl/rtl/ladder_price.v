// The price of another level of a group of 64 ticks, from the price of one.
// Latency: 2 cycles from l3_*, 1 from l4_*, to `l5_price` without a register of its own. Throughput: one per cycle. Nothing
// can overflow. Group 156 holds $1.00 in its place 16: below it a tick is $0.0001, from there on $0.01.
`default_nettype none
module ladder_price (
    input  wire        clk,
    input  wire [18:0] l3_group, // tick / 64
    input  wire [5:0]  l3_own,   // tick modulo 64 of the known price
    input  wire [31:0] l4_price,
    input  wire        l4_cheap, // it is below $1.00
    input  wire [5:0]  l4_other, // tick modulo 64 of the other
    output wire [31:0] l5_price
);
    localparam DOLLAR = 19'd156;

    wire [12:0] l3_own_cents;
    reg  [12:0] l4_own_cents;
    wire [12:0] l5_other_cents;
    reg  [18:0] l4_group;
    reg         l4_below;
    reg         l4_dollar;
    reg  [18:0] l5_group;
    reg         l5_below;
    reg         l5_dollar;
    reg  [31:0] l5_first;
    reg  [5:0]  l5_other;
    times_table #(.FACTOR(100), .WIDTH(13)) own_times (.number(l3_own), .product(l3_own_cents));
    times_table #(.FACTOR(100), .WIDTH(13)) other_times (.number(l5_other), .product(l5_other_cents));
    always @(posedge clk) begin
        l4_own_cents <= l3_own_cents;
        l4_group <= l3_group;
        l4_below <= l3_group < DOLLAR;
        l4_dollar <= l3_group == DOLLAR;
        l5_group <= l4_group;
        l5_below <= l4_below;
        l5_dollar <= l4_dollar;
        l5_first <= l4_cheap ? 32'd8400 : l4_price - {19'd0, l4_own_cents}; // as if all its ticks were cents
        l5_other <= l4_other;
    end
    assign l5_price = l5_below || (l5_dollar && l5_other < 6'd16) ? {7'd0, l5_group, l5_other} : l5_first + {19'd0, l5_other_cents};
endmodule
`default_nettype wire
