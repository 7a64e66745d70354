// Small memory with a synchronous write and an immediate read, for LUT RAM.
// Latency: 0 cycles from `raddr` to `rdata`. Throughput: one write and one read per cycle.
// A read in the cycle of a write to the same address returns the old word. Contents are undefined until written.
`default_nettype none
module ram_async #(
    parameter WIDTH = 32,
    parameter DEPTH_LOG2 = 6
) (
    input  wire                  clk,
    input  wire                  we,
    input  wire [DEPTH_LOG2-1:0] waddr,
    input  wire [WIDTH-1:0]      wdata,
    input  wire [DEPTH_LOG2-1:0] raddr,
    output wire [WIDTH-1:0]      rdata
);
    (* ram_style = "distributed" *) // also when a register stands right behind it
    reg [WIDTH-1:0] ram [0:(1<<DEPTH_LOG2)-1];

    assign rdata = ram[raddr];
    always @(posedge clk)
        if (we)
            ram[waddr] <= wdata;
endmodule
`default_nettype wire
