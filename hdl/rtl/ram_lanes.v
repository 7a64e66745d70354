// Memory as ram_sdp, of a word in two halves that are written apart: one UltraRAM word of 72 bits for two of 36.
// Latency: 1 cycle from `raddr` to `rdata`. Throughput: one write, of either half or both, and one read per cycle.
// A read of the address written at the same edge returns ANYTHING in the half that is written, as ram_sdp tells; the other
// half is right. Contents are undefined until written. Nothing can overflow.
`default_nettype none
module ram_lanes #(
    parameter HALF = 36,
    parameter DEPTH_LOG2 = 12
) (
    input  wire                  clk,
    input  wire [1:0]            we,    // {high half, low half}
    input  wire [DEPTH_LOG2-1:0] waddr,
    input  wire [HALF-1:0]       wdata, // into each half that is written
    input  wire [DEPTH_LOG2-1:0] raddr,
    output reg  [2*HALF-1:0]     rdata
);
    reg [2*HALF-1:0] ram [0:(1<<DEPTH_LOG2)-1];

`ifdef FORMAL
`ifdef YOSYS
    (* anyseq *) reg [2*HALF-1:0] f_any;
`endif
`endif
    always @(posedge clk) begin
        if (we[0])
            ram[waddr][0 +: HALF] <= wdata;
        if (we[1])
            ram[waddr][HALF +: HALF] <= wdata;
        rdata <= ram[raddr];
`ifdef YOSYS
`ifdef FORMAL
        if (we[0] && waddr == raddr)
            rdata[0 +: HALF] <= f_any[0 +: HALF];
        if (we[1] && waddr == raddr)
            rdata[HALF +: HALF] <= f_any[HALF +: HALF];
`else
        if (we[0] && waddr == raddr)
            rdata[0 +: HALF] <= {HALF{1'bx}};
        if (we[1] && waddr == raddr)
            rdata[HALF +: HALF] <= {HALF{1'bx}};
`endif
`else
`ifdef RAM_GARBAGE
        if (we[0] && waddr == raddr)
            rdata[0 +: HALF] <= ~ram[raddr][0 +: HALF];
        if (we[1] && waddr == raddr)
            rdata[HALF +: HALF] <= ~ram[raddr][HALF +: HALF];
`endif
`endif
    end
endmodule
`default_nettype wire
