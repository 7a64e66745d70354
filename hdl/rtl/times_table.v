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
    wire [64*WIDTH-1:0] columns;
    genvar n;
    genvar b;
    generate
        for (n = 0; n < 64; n = n + 1) begin : numbers
            localparam [31:0] PRODUCT = n * FACTOR + OFFSET;
            for (b = 0; b < WIDTH; b = b + 1) begin : digits
                assign columns[64*b + n] = PRODUCT[b];
            end
        end
        for (b = 0; b < WIDTH; b = b + 1) begin : choices
            wire [63:0] column;
            assign column = columns[64*b +: 64];
            assign product[b] = column[number];
        end
    endgenerate
endmodule
`default_nettype wire
