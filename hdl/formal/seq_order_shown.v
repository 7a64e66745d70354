// What the proof of seq_order.v shows it to be, for the proofs of what uses it: the solver then compares like with like.
// Never built into anything.
`default_nettype none
module seq_order #(
    parameter W = 64
) (
    input  wire [W-1:0] seq,
    input  wire [W-1:0] mark,
    output wire         behind,
    output wire         equal
);
    wire [W-1:0] distance;
    assign distance = seq - mark;
    assign behind = distance[W-1];
    assign equal = seq == mark;
endmodule
`default_nettype wire
