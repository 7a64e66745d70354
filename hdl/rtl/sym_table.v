// One line's copy of the symbol filter's table: a simple dual-port RAM with a registered answer.
// Latency: 2 cycles; the answer stays until the next look. Throughput: one look and one store per cycle. No overflow.
`default_nettype none
module sym_table #(
    parameter LOCATE_BITS = 16
) (
    input  wire                   clk,
    input  wire                   store,
    input  wire [LOCATE_BITS-1:0] store_at,
    input  wire [10:0]            stored,
    input  wire                   usable,      // the table's content means something
    input  wire                   look_valid,
    input  wire [15:0]            look_locate,
    output wire                   tracked,
    output wire [9:0]             symidx
);
    reg [10:0] ram [0:(1<<LOCATE_BITS)-1];
    reg [10:0] found;
    reg        found_valid;
    reg        found_known;
    reg [10:0] answer;
    wire       in_table;
    generate
        if (LOCATE_BITS == 16) begin : whole
            assign in_table = 1'b1;
        end else begin : part
            assign in_table = look_locate[15:LOCATE_BITS] == 0;
        end
    endgenerate

    always @(posedge clk) begin
        if (store)
            ram[store_at] <= stored;
        if (look_valid)
            found <= ram[look_locate[LOCATE_BITS-1:0]];
    end

    always @(posedge clk) begin
        found_valid <= look_valid;
        found_known <= in_table && usable;
        if (found_valid)
            answer <= found & {11{found_known && found[10]}};
    end
    assign tracked = answer[10];
    assign symidx = answer[9:0];
endmodule
`default_nettype wire
