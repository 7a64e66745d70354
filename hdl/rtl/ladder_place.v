// The low bits of a price's key, which address the ladder's RAMs: as ladder_tick.v, of these bits alone.
// The price comes twice, for the tables and, one cycle later, as it is: what reads the RAMs has only the sum left to do.
// Latency: `c_price` to `place` 1 cycle. Throughput: one price per cycle. Nothing can overflow.
`default_nettype none
module ladder_place #(
    parameter WIDTH = 12 // at most 12
) (
    input  wire             clk,
    input  wire [13:0]      c_price,
    input  wire [13:0]      price, // the same, one cycle later, as all that follows
    input  wire             cheap, // price below 10000
    input  wire             side,  // 1 = ask
    output wire [WIDTH-1:0] place
);
    localparam INVERSE = 32'h28f5c29; // of 25

    wire [WIDTH-1:0] part0;
    wire [WIDTH-7:0] part1;
    reg  [WIDTH-1:0] sum0;
    reg  [WIDTH-7:0] sum1;
    wire [WIDTH-1:0] tick;
    times_table #(.FACTOR(INVERSE), .OFFSET(9900), .WIDTH(WIDTH)) times0 (.number(c_price[7:2]), .product(part0));
    times_table #(.FACTOR(INVERSE), .WIDTH(WIDTH - 6)) times1 (.number(c_price[13:8]), .product(part1));
    always @(posedge clk) begin
        sum0 <= part0;
        sum1 <= part1;
    end
    assign tick = sum0 + {sum1, 6'd0};
    assign place = (cheap ? price[WIDTH-1:0] : tick) ^ {WIDTH{side}};
endmodule
`default_nettype wire
