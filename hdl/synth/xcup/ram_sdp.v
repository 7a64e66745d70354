// For UltraScale+ area only: the same ports as hdl/rtl/ram_sdp.v, but a memory of 4,096 words and more is one box that
// sweep.py counts as UltraRAM (4,096 x 72 each), because yosys would build the word multiplexers, which UltraRAM
// has as cascades, from LUTs. Never simulated.
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
    output wire [WIDTH-1:0]      rdata
);
    generate
        if (DEPTH_LOG2 >= 12) begin : ultra
            uram_box #(.WIDTH(WIDTH), .DEPTH_LOG2(DEPTH_LOG2)) box (
                .clk(clk), .we(we), .waddr(waddr), .wdata(wdata), .re(re), .raddr(raddr), .rdata(rdata));
        end else begin : plain
            reg [WIDTH-1:0] ram [0:(1<<DEPTH_LOG2)-1];
            reg [WIDTH-1:0] out;
            assign rdata = out;
            always @(posedge clk) begin
                if (we)
                    ram[waddr] <= wdata;
                if (re)
                    out <= ram[raddr];
            end
        end
    endgenerate
endmodule

(* blackbox *)
module uram_box #(
    parameter WIDTH = 72,
    parameter DEPTH_LOG2 = 12
) (
    input  wire                  clk,
    input  wire                  we,
    input  wire [DEPTH_LOG2-1:0] waddr,
    input  wire [WIDTH-1:0]      wdata,
    input  wire                  re,
    input  wire [DEPTH_LOG2-1:0] raddr,
    output wire [WIDTH-1:0]      rdata
);
endmodule
`default_nettype wire
