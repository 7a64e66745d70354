// A 6-bit number times a constant, plus a constant, modulo 2^WIDTH, as a table: one LUT of six inputs per bit.
// Latency: 0 cycles, a plain function without a register. Throughput: one product per cycle. Nothing can overflow: what
// is beyond WIDTH is left out on purpose.
`default_nettype none
module times_table #(
    parameter FACTOR = 100,
    parameter OFFSET = 0,
    parameter WIDTH = 13    // at most 32
) (
    input  wire [5:0]       number,
    output wire [WIDTH-1:0] product
);
    wire [WIDTH-1:0] products [0:63];
    genvar n;
    generate
        for (n = 0; n < 64; n = n + 1) begin : numbers
            localparam [31:0] PRODUCT = n * FACTOR + OFFSET;
            assign products[n] = PRODUCT[WIDTH-1:0];
        end
    endgenerate
    assign product = products[number];
endmodule
`default_nettype wire
