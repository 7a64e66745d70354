// Price to tick to group of the price ladder, exact, without a multiplier; its low bits, wanted earlier: ladder_place.v.
// Ticks: $0.01 from $1.00 up, $0.0001 below: tick = price below 10000, else 9900 + price / 100. The division of a multiple of
// 100 is a multiplication by 25's inverse modulo 2^30, done as a sum of five tables of six bits each. A bid's key is its tick,
// an ask's the complement: the best key is the highest on both sides.
// Latency: `price` to `group` 2 cycles, to `off` 3.
// Throughput: one price per cycle. A price that is off the tick is told by `off`; nothing else can go wrong, none can overflow.
`default_nettype none
module ladder_tick (
    input  wire        clk,
    input  wire [31:0] price,
    input  wire        cheap, // price below 10000
    input  wire        side,  // 1 = ask
    output wire [18:0] group, // high bits: key / 64
    output reg         off    // no multiple of the tick, or too high
);
    localparam INVERSE = 32'h28f5c29; // of 25
    localparam TICK_MAX = 30'd42959572; // of the highest price of 32 bits

    wire [29:0] part0;
    wire [23:0] part1;
    wire [17:0] part2;
    wire [11:0] part3;
    wire [5:0]  part4;
    times_table #(.FACTOR(INVERSE), .OFFSET(9900), .WIDTH(30)) times0 (.number(price[7:2]), .product(part0));
    times_table #(.FACTOR(INVERSE), .WIDTH(24)) times1 (.number(price[13:8]), .product(part1));
    times_table #(.FACTOR(INVERSE), .WIDTH(18)) times2 (.number(price[19:14]), .product(part2));
    times_table #(.FACTOR(INVERSE), .WIDTH(12)) times3 (.number(price[25:20]), .product(part3));
    times_table #(.FACTOR(INVERSE), .WIDTH(6)) times4 (.number(price[31:26]), .product(part4));

    // The tables come late, behind the queue: nothing but registers behind them.
    reg  [29:0] low1;
    reg  [23:0] middle1;
    reg  [17:0] high1;
    reg  [11:0] higher1;
    reg  [5:0]  highest1;
    reg  [13:0] price1;
    reg         cheap1;
    reg         ragged1;
    reg         side1;
    reg  [29:0] tick2;
    reg         cheap2;
    reg         ragged2;
    reg         side2;
    wire [29:0] lower;
    wire [17:0] upper;
    assign lower = low1 + {middle1, 6'd0};
    assign upper = high1 + {higher1, 6'd0} + {highest1, 12'd0};
    always @(posedge clk) begin
        low1 <= part0;
        middle1 <= part1;
        high1 <= part2;
        higher1 <= part3;
        highest1 <= part4;
        price1 <= price[13:0];
        cheap1 <= cheap;
        ragged1 <= price[1:0] != 2'd0;
        side1 <= side;
        tick2 <= cheap1 ? {16'd0, price1} : lower + {upper, 12'd0};
        cheap2 <= cheap1;
        ragged2 <= ragged1;
        side2 <= side1;
        off <= !cheap2 && (ragged2 || tick2 < 30'd10000 || tick2 > TICK_MAX);
    end
    assign group = tick2[24:6] ^ {19{side2}};
endmodule
`default_nettype wire
