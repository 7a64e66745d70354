// Mask of the places up to a number, or of those from two above it on: a constant shifted, which is one LUT of LOG2 inputs per
// bit, without the carry chain of a comparison.
// Latency: 0 cycles, a plain function without a register. Throughput: one number per cycle. Nothing can overflow: the sum
// is modulo 2^LOG2.
`default_nettype none
module mask_table #(
    parameter LOG2 = 6,
    parameter FROM = 0 // 0: bit g says g <= number; 2: g >= number + 2 modulo 2^LOG2
) (
    input  wire [LOG2-1:0]      number,
    output wire [(1<<LOG2)-1:0] mask
);
    localparam N = 1 << LOG2;
    localparam [LOG2-1:0] LAST = N - 1;
    generate
        if (FROM == 0) begin : up_to
            wire [N-1:0] above;
            assign above = {{(N-1){1'b1}}, 1'b0} << number;
            assign mask = ~above;
        end else begin : from
            wire [N-1:0] own_on;
            assign own_on = {N{1'b1}} << number;
            assign mask = {own_on[N-3:0], 2'b00} | {N{number == LAST - 1'b1}} | {{(N-1){number == LAST}}, 1'b0};
        end
    endgenerate
endmodule
`default_nettype wire
