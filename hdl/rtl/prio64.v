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
    // A tree in one row, as a heap: node 1 is the root, nodes 2n and 2n+1 are below n, the bits are nodes N to 2N - 1.
    // (Not a module within itself: Verilator drops the inner ones when such a module is the top.)
    localparam N = 1 << LOG2;
    wire            some [1:2*N-1];
    wire [LOG2-1:0] first [1:2*N-1];
    genvar n;
    generate
        for (n = 1; n < 2*N; n = n + 1) begin : nodes
            if (n >= N) begin : leaf
                assign some[n] = bits[n - N];
                assign first[n] = {LOG2{1'b0}};
            end else begin : inner
                // The half that the choice between the two below adds to the index: N/2 at the root.
                localparam HALF = N >> $clog2(n + 1);
                assign some[n] = some[2*n] || some[2*n + 1];
                assign first[n] = some[2*n] ? first[2*n] : first[2*n + 1] | HALF[LOG2-1:0];
            end
        end
    endgenerate
    assign index = first[1];
    assign none = !some[1];
endmodule
`default_nettype wire
