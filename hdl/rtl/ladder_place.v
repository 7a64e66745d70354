// The low bits of a price's key, which address the ladder's RAMs: as ladder_tick.v, of these bits alone.
// Latency: 0 cycles, a plain function without a register. Throughput: one price per cycle. Nothing can overflow.
`default_nettype none
module ladder_place #(
    parameter WIDTH = 12 // at most 12
) (
    input  wire [13:0]      price,
    input  wire             cheap, // price below 10000
    input  wire             side,  // 1 = ask
    output wire [WIDTH-1:0] place
);
    localparam INVERSE = 32'h28f5c29; // of 25

    wire [WIDTH-1:0] part0;
    wire [WIDTH-7:0] part1;
    wire [WIDTH-1:0] tick;
    times_table #(.FACTOR(INVERSE), .OFFSET(9900), .WIDTH(WIDTH)) times0 (.number(price[7:2]), .product(part0));
    times_table #(.FACTOR(INVERSE), .WIDTH(WIDTH - 6)) times1 (.number(price[13:8]), .product(part1));
    assign tick = part0 + {part1, 6'd0};
    assign place = (cheap ? price[WIDTH-1:0] : tick) ^ {WIDTH{side}};
endmodule
`default_nettype wire
