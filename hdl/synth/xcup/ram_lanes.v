// For UltraScale+ area only: the same ports as hdl/rtl/ram_lanes.v, as one box that sweep.py counts as UltraRAM; see ram_sdp.v
// here, which has the box. An UltraRAM writes each 9 bits of its 72 apart. Never simulated.
`default_nettype none
module ram_lanes #(
    parameter HALF = 36,
    parameter DEPTH_LOG2 = 12
) (
    input  wire                  clk,
    input  wire [1:0]            we,
    input  wire [DEPTH_LOG2-1:0] waddr,
    input  wire [HALF-1:0]       wdata,
    input  wire [DEPTH_LOG2-1:0] raddr,
    output wire [2*HALF-1:0]     rdata
);
    uram_box #(.WIDTH(2*HALF), .DEPTH_LOG2(DEPTH_LOG2)) box (
        .clk(clk), .we(|we), .waddr(waddr), .wdata({wdata, wdata}), .re(1'b1), .raddr(raddr), .rdata(rdata));
endmodule
`default_nettype wire
