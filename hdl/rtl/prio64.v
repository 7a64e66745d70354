// First set bit of 2^LOG2 (default 64): the index of the lowest bit that is 1.
// Latency: 0 cycles (a tree of LOG2 levels, no register). Throughput: one word per cycle.
// `none` is 1 when no bit is set; `index` is then all ones.
`default_nettype none
module prio64 #(
    parameter LOG2 = 6
) (
    input  wire [(1<<LOG2)-1:0] bits,
    output wire [LOG2-1:0]      index,
    output wire                 none
);
    generate
        if (LOG2 == 1) begin : leaf
            assign index = !bits[0];
            assign none = bits == 2'b00;
        end else begin : node
            wire [LOG2-2:0] low_index;
            wire [LOG2-2:0] high_index;
            wire            low_none;
            wire            high_none;
            prio64 #(.LOG2(LOG2-1)) low (.bits(bits[(1<<(LOG2-1))-1:0]), .index(low_index), .none(low_none));
            prio64 #(.LOG2(LOG2-1)) high (.bits(bits[(1<<LOG2)-1:(1<<(LOG2-1))]), .index(high_index), .none(high_none));
            assign index = {low_none, low_none ? high_index : low_index};
            assign none = low_none && high_none;
        end
    endgenerate
endmodule
`default_nettype wire
