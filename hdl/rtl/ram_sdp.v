// Memory with one write and one read port, both synchronous, for block RAM or UltraRAM.
// Latency: 1 cycle from `re`, `raddr` to `rdata`, which holds while `re` is low. Throughput: one write and one read per cycle.
// A read of the address written at the same edge returns ANYTHING: whoever may do so compares the addresses and takes the
// word from elsewhere. Synthesis is told so (x), that it adds no logic around the block RAM; proofs get any word there,
// simulations compiled with RAM_GARBAGE the old word inverted. Contents are undefined until written.
`default_nettype none
module ram_sdp #(
    parameter WIDTH = 36,
    parameter DEPTH_LOG2 = 9
) (
    input  wire                  clk,
    input  wire                  we,
    input  wire [DEPTH_LOG2-1:0] waddr,
    input  wire [WIDTH-1:0]      wdata,
    input  wire                  re,
    input  wire [DEPTH_LOG2-1:0] raddr,
    output reg  [WIDTH-1:0]      rdata
);
    reg [WIDTH-1:0] ram [0:(1<<DEPTH_LOG2)-1];

`ifdef FORMAL
`ifdef YOSYS
    (* anyseq *) reg [WIDTH-1:0] f_any;
`endif
`endif
    always @(posedge clk) begin
        if (we)
            ram[waddr] <= wdata;
        if (re) begin
            rdata <= ram[raddr];
`ifdef YOSYS
            if (we && waddr == raddr)
`ifdef FORMAL
                rdata <= f_any;
`else
                rdata <= {WIDTH{1'bx}};
`endif
`else
`ifdef RAM_GARBAGE
            if (we && waddr == raddr)
                rdata <= ~ram[raddr];
`endif
`endif
        end
    end
endmodule
`default_nettype wire
