// One line's copy of the symbol filter's table: RAMs of 2^14 entries at most, a register behind each, then the choice.
// Latency: 3 cycles from a look to its answer, which stays until the next look's. Throughput: one look and one store per
// cycle; a look in the cycle of a store to its entry finds what is stored. No overflow.
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
    localparam ROW_BITS = LOCATE_BITS < 14 ? LOCATE_BITS : 14;
    localparam BANKS = 1 << (LOCATE_BITS - ROW_BITS);

    // A cycle after the look.
    reg                   found_valid;
    reg                   known;       // the table has this locate
    reg [LOCATE_BITS-1:0] looked_at;
    reg                   was_store;
    reg [LOCATE_BITS-1:0] was_at;
    reg [10:0]            was_stored;
    wire                  in_table;
    wire                  fresh;       // what the RAM gives is not to be used: it was stored in the same cycle
    wire [11*BANKS-1:0]   found;
    // Two cycles after it.
    reg                   kept_valid;
    reg  [11*BANKS-1:0]   kept;
    reg  [BANKS-1:0]      on;          // the bank that has it
    reg  [10:0]           instead;
    wire [10:0]           chosen;
    reg  [10:0]           answer;
    generate
        if (LOCATE_BITS == 16) begin : whole
            assign in_table = 1'b1;
        end else begin : part
            assign in_table = look_locate[15:LOCATE_BITS] == 0;
        end
    endgenerate
    assign fresh = was_store && was_at == looked_at;

    genvar i;
    genvar j;
    generate
        for (i = 0; i < BANKS; i = i + 1) begin : bank
            wire        here;
            wire        found_here;
            wire [10:0] word;
            if (BANKS == 1) begin : only
                assign here = 1'b1;
                assign found_here = 1'b1;
            end else begin : of_many
                assign here = store_at[LOCATE_BITS-1:ROW_BITS] == i;
                assign found_here = looked_at[LOCATE_BITS-1:ROW_BITS] == i;
            end
            ram_sdp #(.WIDTH(11), .DEPTH_LOG2(ROW_BITS)) rows (
                .clk(clk), .we(store && here), .waddr(store_at[ROW_BITS-1:0]), .wdata(stored),
                .re(look_valid), .raddr(look_locate[ROW_BITS-1:0]), .rdata(word)
            );
            assign found[11*i+:11] = word;
            always @(posedge clk) if (found_valid)
                on[i] <= found_here && known && !fresh;
        end
        for (j = 0; j < 11; j = j + 1) begin : choice
            wire [BANKS-1:0] of_bank;
            for (i = 0; i < BANKS; i = i + 1) begin : from
                assign of_bank[i] = kept[11*i+j] && on[i];
            end
            assign chosen[j] = of_bank != 0 || instead[j];
        end
    endgenerate

    always @(posedge clk) begin
        found_valid <= look_valid;
        kept_valid <= found_valid;
        was_store <= store;
        was_at <= store_at;
        was_stored <= stored;
        if (look_valid) begin
            known <= in_table && usable;
            looked_at <= look_locate[LOCATE_BITS-1:0];
        end
        if (found_valid) begin
            kept <= found;
            instead <= was_stored & {11{fresh && known}};
        end
        if (kept_valid)
            answer <= chosen;
    end
    assign tracked = answer[10];
    assign symidx = answer[9:0];
endmodule
`default_nettype wire
