// Symbol filter: stock locate -> symbol index, for both lines at once, from a table the host writes.
// Latency: 3 cycles from look_* to the answer, which stays until that of the line's next look; a write is seen by looks after
// its cycle. Throughput: one look per line and cycle. No overflow: locates beyond the table are not tracked.
// After reset the table clears itself, one entry a cycle; until `ready` nothing is tracked and writes are ignored.
`default_nettype none
module sym_filter #(
    parameter LOCATE_BITS = 16 // table of 2^LOCATE_BITS entries, one copy a line
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        write_valid,
    input  wire [15:0] write_locate,
    input  wire        write_tracked,
    input  wire [9:0]  write_symidx,
    output wire        ready,
    input  wire        look_a_valid,
    input  wire [15:0] look_a_locate,
    output wire        a_tracked,
    output wire [9:0]  a_symidx,
    input  wire        look_b_valid,
    input  wire [15:0] look_b_locate,
    output wire        b_tracked,
    output wire [9:0]  b_symidx
);
    reg                   clearing;
    reg [LOCATE_BITS-1:0] clear_at;
    wire                  in_table;  // the locate is in the table
    reg                   usable;
    reg                   store;     // one cycle late, so that the way to so many RAMs begins at a register
    reg [LOCATE_BITS-1:0] store_at;
    reg [10:0]            stored;
    generate
        if (LOCATE_BITS == 16) begin : whole
            assign in_table = 1'b1;
        end else begin : part
            assign in_table = write_locate[15:LOCATE_BITS] == 0;
        end
    endgenerate
    assign ready = !clearing;

    always @(posedge clk) begin
        if (rst) begin
            clearing <= 1'b1;
            clear_at <= {LOCATE_BITS{1'b0}};
        end else if (clearing) begin
            clearing <= clear_at != {LOCATE_BITS{1'b1}};
            clear_at <= clear_at + 1'b1;
        end
    end
    always @(posedge clk) begin
        if (rst) begin
            store <= 1'b0;
            usable <= 1'b0;
        end else begin
            store <= clearing || (write_valid && in_table);
            usable <= !clearing;
        end
        if (clearing || write_valid) begin
            store_at <= clearing ? clear_at : write_locate[LOCATE_BITS-1:0];
            stored <= clearing || !write_tracked ? 11'd0 : {1'b1, write_symidx};
        end
    end

    sym_table #(.LOCATE_BITS(LOCATE_BITS)) table_a (
        .clk(clk), .store(store), .store_at(store_at), .stored(stored), .usable(usable),
        .look_valid(look_a_valid), .look_locate(look_a_locate), .tracked(a_tracked), .symidx(a_symidx));
    sym_table #(.LOCATE_BITS(LOCATE_BITS)) table_b (
        .clk(clk), .store(store), .store_at(store_at), .stored(stored), .usable(usable),
        .look_valid(look_b_valid), .look_locate(look_b_locate), .tracked(b_tracked), .symidx(b_symidx));
endmodule
`default_nettype wire
