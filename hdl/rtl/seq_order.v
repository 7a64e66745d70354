// Is a sequence behind another, by the sign of their distance, or the same? In parts of 16 bits that are compared at once:
// a carry through all of it would take half a cycle.
// Latency: none, no register. Throughput: one comparison per cycle. It has no state and nothing that could overflow; a
// distance beyond 2^(W-1) counts as the other side, as with any signed distance.
`default_nettype none
module seq_order #(
    parameter W = 64
) (
    input  wire [W-1:0] seq,
    input  wire [W-1:0] mark,
    output wire         behind, // seq - mark is negative
    output wire         equal
);
    localparam PARTS = (W + 15) / 16;
    // Without their top bits, which say only after the rest how it is.
    wire [16*PARTS-1:0] seq_rest;
    wire [16*PARTS-1:0] mark_rest;
    wire [PARTS-1:0]    less;
    wire [PARTS-1:0]    same;
    wire [PARTS-1:0]    decides; // it is less, and every part above it the same
    wire                rest_less;
    wire                top_same;
    assign seq_rest = {{(16*PARTS-W+1){1'b0}}, seq[W-2:0]};
    assign mark_rest = {{(16*PARTS-W+1){1'b0}}, mark[W-2:0]};
    genvar i;
    generate
        for (i = 0; i < PARTS; i = i + 1) begin : part
            assign less[i] = seq_rest[16*i+:16] < mark_rest[16*i+:16];
            assign same[i] = seq_rest[16*i+:16] == mark_rest[16*i+:16];
            if (i == PARTS - 1) begin : first
                assign decides[i] = less[i];
            end else begin : below
                assign decides[i] = less[i] && (&same[PARTS-1:i+1]);
            end
        end
    endgenerate
    assign rest_less = |decides;
    assign top_same = seq[W-1] == mark[W-1];
    assign behind = top_same == rest_less;
    assign equal = top_same && (&same);

`ifdef FORMAL
    wire [W-1:0] f_distance;
    assign f_distance = seq - mark;
    always @* begin
        assert(behind == f_distance[W-1]);
        assert(equal == (f_distance == 0));
    end
`endif
endmodule
`default_nettype wire
