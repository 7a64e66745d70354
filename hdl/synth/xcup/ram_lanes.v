// For UltraScale+ area only: the same ports as hdl/rtl/ram_lanes.v, but a memory of 4,096 words and more is one box that
// sweep.py counts as UltraRAM, as in ram_sdp.v here. UltraRAM writes its bytes apart, so both halves share a word; the box
// has one pin for each half's write. Never simulated.
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
    generate
        if (DEPTH_LOG2 >= 12) begin : ultra
            uram_box #(.WIDTH(2*HALF), .DEPTH_LOG2(DEPTH_LOG2)) box (
                .clk(clk), .we(we[0]), .waddr(waddr), .wdata({2{wdata}}), .re(we[1]), .raddr(raddr), .rdata(rdata));
        end else begin : plain
            reg [2*HALF-1:0] ram [0:(1<<DEPTH_LOG2)-1];
            reg [2*HALF-1:0] out;
            assign rdata = out;
            always @(posedge clk) begin
                if (we[0])
                    ram[waddr][0 +: HALF] <= wdata;
                if (we[1])
                    ram[waddr][HALF +: HALF] <= wdata;
                out <= ram[raddr];
            end
        end
    endgenerate
endmodule
`default_nettype wire
