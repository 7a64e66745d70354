// Shares at each level of the price ladder: a bid's and an ask's level share one word of 2 x QTY_W bits.
// Latency: `at`, `at_side` to `shares` 2 cycles, the second in a register right behind the RAM. Throughput: one read and
// one write per cycle; a read of a side's level that is written at the same edge returns anything. Contents are undefined until
// written. Nothing can overflow.
// A small memory is cut into columns as wide as one block RAM of 2^14 bits can be at that depth, so that none needs a
// multiplexer before that register; a large one stays whole, for UltraRAM, which has its own cascades.
`default_nettype none
module ladder_levels #(
    parameter DEPTH_LOG2 = 15,
    parameter QTY_W = 36
) (
    input  wire                  clk,
    input  wire                  we,
    input  wire [DEPTH_LOG2-1:0] waddr,
    input  wire                  wside, // 1 = ask
    input  wire [QTY_W-1:0]      wdata,
    input  wire [DEPTH_LOG2-1:0] at,
    input  wire                  at_side,
    output wire [QTY_W-1:0]      shares
);
    localparam COLUMN_LOG2 = 14; // bits of a block RAM, its ninths not counted
    localparam BANKS_LOG2 = DEPTH_LOG2 > COLUMN_LOG2 ? DEPTH_LOG2 - COLUMN_LOG2 : 0;
    localparam BANKS = 1 << BANKS_LOG2;
    localparam BANK_LOG2 = DEPTH_LOG2 - BANKS_LOG2;
    // The ninth bit of a byte is there from 2^11 words on down.
    localparam COLUMN_W = BANK_LOG2 > 13 ? 1 : BANK_LOG2 == 13 ? 2 : BANK_LOG2 == 12 ? 4 : BANK_LOG2 == 11 ? 9 : 18;
    localparam COLUMNS = (QTY_W + COLUMN_W - 1) / COLUMN_W; // of each side; the last may be narrower

    reg side1;
    reg side2;
    always @(posedge clk) begin
        side1 <= at_side;
        side2 <= side1;
    end
    genvar b;
    genvar s;
    genvar i;
    generate
        if (BANKS <= 4) begin : columns
            reg  [2*QTY_W*BANKS-1:0] words; // of every bank
            wire [2*QTY_W*BANKS-1:0] read;
            for (b = 0; b < BANKS; b = b + 1) begin : banks
                wire here;
                if (BANKS == 1) begin : only
                    assign here = we;
                end else begin : one_of
                    assign here = we && waddr[DEPTH_LOG2-1:BANK_LOG2] == b;
                end
                for (s = 0; s < 2; s = s + 1) begin : sides
                    for (i = 0; i < COLUMNS; i = i + 1) begin : parts
                        localparam AT = i * COLUMN_W;
                        localparam BITS = i < COLUMNS - 1 ? COLUMN_W : QTY_W - AT;
                        ram_sdp #(.WIDTH(BITS), .DEPTH_LOG2(BANK_LOG2)) column (
                            .clk(clk), .we(here && wside == s), .waddr(waddr[BANK_LOG2-1:0]), .wdata(wdata[AT +: BITS]),
                            .re(1'b1), .raddr(at[BANK_LOG2-1:0]), .rdata(read[QTY_W*(2*b + s) + AT +: BITS])
                        );
                    end
                end
            end
            always @(posedge clk) words <= read;
            if (BANKS == 1) begin : whole
                assign shares = side2 ? words[QTY_W +: QTY_W] : words[0 +: QTY_W];
            end else begin : chosen
                reg [BANKS_LOG2-1:0] bank1;
                reg [BANKS_LOG2-1:0] bank2;
                always @(posedge clk) begin
                    bank1 <= at[DEPTH_LOG2-1:BANK_LOG2];
                    bank2 <= bank1;
                end
                assign shares = words[QTY_W*{bank2, side2} +: QTY_W];
            end
        end else begin : whole
            wire [2*QTY_W-1:0] read;
            reg  [2*QTY_W-1:0] word;
            ram_lanes #(.HALF(QTY_W), .DEPTH_LOG2(DEPTH_LOG2)) both (
                .clk(clk), .we({we && wside, we && !wside}), .waddr(waddr), .wdata(wdata), .raddr(at), .rdata(read)
            );
            always @(posedge clk) word <= read;
            assign shares = side2 ? word[QTY_W +: QTY_W] : word[0 +: QTY_W];
        end
    endgenerate
endmodule
`default_nettype wire
