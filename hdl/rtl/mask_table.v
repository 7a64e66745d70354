// Mask of the places up to a number, or of those from a little above it on, as a table: one LUT of LOG2 inputs per bit.
// Latency: 0 cycles, a plain function without a register. Throughput: one number per cycle. Nothing can overflow: the sum
// is modulo 2^LOG2.
`default_nettype none
module mask_table #(
    parameter LOG2 = 6,
    parameter FROM = 0 // 0: bit g says g <= number; else: g >= number + FROM
) (
    input  wire [LOG2-1:0]      number,
    output wire [(1<<LOG2)-1:0] mask
);
    localparam N = 1 << LOG2;
    genvar g;
    genvar n;
    generate
        for (g = 0; g < N; g = g + 1) begin : places
            wire [N-1:0] column;
            for (n = 0; n < N; n = n + 1) begin : numbers
                assign column[n] = FROM == 0 ? g <= n : g >= (n + FROM) % N;
            end
            assign mask[g] = column[number];
        end
    endgenerate
endmodule
`default_nettype wire
