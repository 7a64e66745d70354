// ITCH 5.0 normaliser: collects the chunks of a message into the fields of the norm bus.
// Latency: 1 cycle from the last chunk to msg_valid, minimum = maximum, all 23 types. Throughput: one chunk per cycle, two
// messages in consecutive cycles included; never pushes back, so it has no overflow.
//
// Fields are caught as they fly by, chunk by chunk, at the offsets of fp_itch.vh, so nothing is left to select at the end. The
// first chunk has the type and clears them; the chunks after it are sorted by registers alone.
// A type that is not in ITCH 5.0, or one with the wrong length, is flagged; what is caught of it means nothing.
`default_nettype none
`include "fp_itch.vh"
`include "norm_bus.vh"
module itch_norm (
    input  wire                       clk,
    input  wire                       rst,
    input  wire                       chunk_valid,
    input  wire [119:0]               chunk_data,
    input  wire [3:0]                 chunk_bytes,
    input  wire [2:0]                 chunk_index,
    input  wire                       chunk_last,
    input  wire [5:0]                 chunk_length,
    input  wire [63:0]                chunk_seq,
    output wire                       msg_valid,
    output wire [`NORM_BODY_BITS-1:0] msg_body,
    output wire [63:0]                msg_seq,
    output wire                       msg_symbol,  // the type is in ITCH 5.0: the locate means something
    output wire                       early_valid, // the reference of an A F E C X D U is in, at the latest with msg_valid; of a U also the new one
    output wire [63:0]                early_ref,
    output wire                       stat_unknown, // a cycle after msg_valid
    output wire                       stat_bad_length
);
    localparam AT_SIDE = `ITCH_ADD_ORDER_SIDE_OFFSET;

    // What kind of message: from byte 0 while chunk 0 is here, remembered for the chunks after it.
    wire [7:0]  code;
    wire        head;
    assign code = chunk_data[7:0];
    assign head = chunk_index == 3'd0;
    reg  [5:0]  should;    // length of the type, 0: unknown
    reg  [10:0] kinds;     // one-hot of the field layouts
    localparam A = 0;      // A F
    localparam P = 1;
    localparam E = 2;
    localparam C = 3;
    localparam X = 4;
    localparam D = 5;
    localparam U = 6;
    localparam Q = 7;
    localparam CODE = 8;   // S W: one code at byte 11
    localparam STATE = 9;  // H Y: one code at byte 19
    localparam HALT = 10;  // h: two codes at byte 19
    always @* begin
        kinds = 11'd0;
        case (code)
            `ITCH_SYSTEM_EVENT_TYPE: begin
                should = `ITCH_SYSTEM_EVENT_LEN;
                kinds[CODE] = 1'b1;
            end
            `ITCH_STOCK_DIRECTORY_TYPE: should = `ITCH_STOCK_DIRECTORY_LEN;
            `ITCH_STOCK_TRADING_ACTION_TYPE: begin
                should = `ITCH_STOCK_TRADING_ACTION_LEN;
                kinds[STATE] = 1'b1;
            end
            `ITCH_REG_SHO_RESTRICTION_TYPE: begin
                should = `ITCH_REG_SHO_RESTRICTION_LEN;
                kinds[STATE] = 1'b1;
            end
            `ITCH_MARKET_PARTICIPANT_POSITION_TYPE: should = `ITCH_MARKET_PARTICIPANT_POSITION_LEN;
            `ITCH_MWCB_DECLINE_LEVEL_TYPE: should = `ITCH_MWCB_DECLINE_LEVEL_LEN;
            `ITCH_MWCB_STATUS_TYPE: begin
                should = `ITCH_MWCB_STATUS_LEN;
                kinds[CODE] = 1'b1;
            end
            `ITCH_IPO_QUOTING_PERIOD_TYPE: should = `ITCH_IPO_QUOTING_PERIOD_LEN;
            `ITCH_LULD_AUCTION_COLLAR_TYPE: should = `ITCH_LULD_AUCTION_COLLAR_LEN;
            `ITCH_OPERATIONAL_HALT_TYPE: begin
                should = `ITCH_OPERATIONAL_HALT_LEN;
                kinds[HALT] = 1'b1;
            end
            `ITCH_ADD_ORDER_TYPE: begin
                should = `ITCH_ADD_ORDER_LEN;
                kinds[A] = 1'b1;
            end
            `ITCH_ADD_ORDER_MPID_TYPE: begin
                should = `ITCH_ADD_ORDER_MPID_LEN;
                kinds[A] = 1'b1;
            end
            `ITCH_ORDER_EXECUTED_TYPE: begin
                should = `ITCH_ORDER_EXECUTED_LEN;
                kinds[E] = 1'b1;
            end
            `ITCH_ORDER_EXECUTED_WITH_PRICE_TYPE: begin
                should = `ITCH_ORDER_EXECUTED_WITH_PRICE_LEN;
                kinds[C] = 1'b1;
            end
            `ITCH_ORDER_CANCEL_TYPE: begin
                should = `ITCH_ORDER_CANCEL_LEN;
                kinds[X] = 1'b1;
            end
            `ITCH_ORDER_DELETE_TYPE: begin
                should = `ITCH_ORDER_DELETE_LEN;
                kinds[D] = 1'b1;
            end
            `ITCH_ORDER_REPLACE_TYPE: begin
                should = `ITCH_ORDER_REPLACE_LEN;
                kinds[U] = 1'b1;
            end
            `ITCH_TRADE_TYPE: begin
                should = `ITCH_TRADE_LEN;
                kinds[P] = 1'b1;
            end
            `ITCH_CROSS_TRADE_TYPE: begin
                should = `ITCH_CROSS_TRADE_LEN;
                kinds[Q] = 1'b1;
            end
            `ITCH_BROKEN_TRADE_TYPE: should = `ITCH_BROKEN_TRADE_LEN;
            `ITCH_NOII_TYPE: should = `ITCH_NOII_LEN;
            `ITCH_RPII_TYPE: should = `ITCH_RPII_LEN;
            `ITCH_DLCR_TYPE: should = `ITCH_DLCR_LEN;
            default: should = 6'd0;
        endcase
    end

    wire known;
    wire sound;
    assign known = should != 6'd0;
    assign sound = should == chunk_length; // a length is never 0
    reg  [10:0] kind;    // of the message whose chunk 0 has passed
    reg         named;   // its type has 19 bytes or more: bytes 11..18 mean something

    // Fields at the same place in every type.
    wire [7:0]  ref_write;
    wire [63:0] ref_value;
    itch_field #(.OFFSET(`ITCH_ORDER_DELETE_ORDER_REF_OFFSET), .BYTES(8)) field_ref (
        .select(named), .index(chunk_index), .chunk(chunk_data), .write(ref_write), .value(ref_value));

    // Second reference or match number.
    wire [7:0]  u_ref2_write;
    wire [7:0]  e_ref2_write;
    wire [7:0]  p_ref2_write;
    wire [7:0]  q_ref2_write;
    wire [63:0] u_ref2;
    wire [63:0] e_ref2;
    wire [63:0] p_ref2;
    wire [63:0] q_ref2;
    itch_field #(.OFFSET(`ITCH_ORDER_REPLACE_NEW_ORDER_REF_OFFSET), .BYTES(8)) field_u_ref2 (
        .select(kind[U]), .index(chunk_index), .chunk(chunk_data), .write(u_ref2_write), .value(u_ref2));
    itch_field #(.OFFSET(`ITCH_ORDER_EXECUTED_MATCH_NUMBER_OFFSET), .BYTES(8)) field_e_ref2 (
        .select(kind[E] || kind[C]), .index(chunk_index), .chunk(chunk_data), .write(e_ref2_write), .value(e_ref2));
    itch_field #(.OFFSET(`ITCH_TRADE_MATCH_NUMBER_OFFSET), .BYTES(8)) field_p_ref2 (
        .select(kind[P]), .index(chunk_index), .chunk(chunk_data), .write(p_ref2_write), .value(p_ref2));
    itch_field #(.OFFSET(`ITCH_CROSS_TRADE_MATCH_NUMBER_OFFSET), .BYTES(8)) field_q_ref2 (
        .select(kind[Q]), .index(chunk_index), .chunk(chunk_data), .write(q_ref2_write), .value(q_ref2));
    wire [7:0]  ref2_write;
    wire [63:0] ref2_value;
    assign ref2_write = u_ref2_write | e_ref2_write | p_ref2_write | q_ref2_write;
    assign ref2_value = u_ref2 | e_ref2 | p_ref2 | q_ref2;

    // Shares; a cross has eight bytes of them, where the others have the reference.
    wire [3:0]  a_shares_write;
    wire [3:0]  e_shares_write;
    wire [3:0]  u_shares_write;
    wire [31:0] a_shares;
    wire [31:0] e_shares;
    wire [31:0] u_shares;
    itch_field #(.OFFSET(`ITCH_ADD_ORDER_SHARES_OFFSET), .BYTES(4)) field_a_shares (
        .select(kind[A] || kind[P]), .index(chunk_index), .chunk(chunk_data), .write(a_shares_write), .value(a_shares));
    itch_field #(.OFFSET(`ITCH_ORDER_EXECUTED_SHARES_OFFSET), .BYTES(4)) field_e_shares (
        .select(kind[E] || kind[C] || kind[X]), .index(chunk_index), .chunk(chunk_data), .write(e_shares_write),
        .value(e_shares));
    itch_field #(.OFFSET(`ITCH_ORDER_REPLACE_SHARES_OFFSET), .BYTES(4)) field_u_shares (
        .select(kind[U]), .index(chunk_index), .chunk(chunk_data), .write(u_shares_write), .value(u_shares));
    wire [3:0]  shares_write;
    wire [31:0] shares_value;
    assign shares_write = a_shares_write | e_shares_write | u_shares_write;
    assign shares_value = a_shares | e_shares | u_shares;

    wire [3:0]  a_price_write;
    wire [3:0]  u_price_write;
    wire [3:0]  q_price_write;
    wire [31:0] a_price;
    wire [31:0] u_price;
    wire [31:0] q_price;
    itch_field #(.OFFSET(`ITCH_ADD_ORDER_PRICE_E4_OFFSET), .BYTES(4)) field_a_price (
        .select(kind[A] || kind[P] || kind[C]), .index(chunk_index), .chunk(chunk_data), .write(a_price_write),
        .value(a_price));
    itch_field #(.OFFSET(`ITCH_ORDER_REPLACE_PRICE_E4_OFFSET), .BYTES(4)) field_u_price (
        .select(kind[U]), .index(chunk_index), .chunk(chunk_data), .write(u_price_write), .value(u_price));
    itch_field #(.OFFSET(`ITCH_CROSS_TRADE_CROSS_PRICE_E4_OFFSET), .BYTES(4)) field_q_price (
        .select(kind[Q]), .index(chunk_index), .chunk(chunk_data), .write(q_price_write), .value(q_price));
    wire [3:0]  price_write;
    wire [31:0] price_value;
    assign price_write = a_price_write | u_price_write | q_price_write;
    assign price_value = a_price | u_price | q_price;

    wire       side_write;
    wire [7:0] side_value;
    wire       printable_write;
    wire [7:0] printable_value;
    itch_field #(.OFFSET(AT_SIDE), .BYTES(1)) field_side (
        .select(kind[A] || kind[P]), .index(chunk_index), .chunk(chunk_data), .write(side_write), .value(side_value));
    itch_field #(.OFFSET(`ITCH_ORDER_EXECUTED_WITH_PRICE_PRINTABLE_OFFSET), .BYTES(1)) field_printable (
        .select(kind[C]), .index(chunk_index), .chunk(chunk_data), .write(printable_write), .value(printable_value));

    wire        code_write;
    wire [7:0]  code_value;
    wire        state_write;
    wire [7:0]  state_value;
    wire        cross_write;
    wire [7:0]  cross_value;
    wire [1:0]  halt_write;
    wire [15:0] halt_value;
    itch_field #(.OFFSET(`ITCH_SYSTEM_EVENT_EVENT_CODE_OFFSET), .BYTES(1)) field_code (
        .select(kind[CODE]), .index(chunk_index), .chunk(chunk_data), .write(code_write), .value(code_value));
    itch_field #(.OFFSET(`ITCH_STOCK_TRADING_ACTION_TRADING_STATE_OFFSET), .BYTES(1)) field_state (
        .select(kind[STATE]), .index(chunk_index), .chunk(chunk_data), .write(state_write), .value(state_value));
    itch_field #(.OFFSET(`ITCH_CROSS_TRADE_CROSS_TYPE_OFFSET), .BYTES(1)) field_cross (
        .select(kind[Q]), .index(chunk_index), .chunk(chunk_data), .write(cross_write), .value(cross_value));
    itch_field #(.OFFSET(`ITCH_OPERATIONAL_HALT_MARKET_CODE_OFFSET), .BYTES(2)) field_halt (
        .select(kind[HALT]), .index(chunk_index), .chunk(chunk_data), .write(halt_write), .value(halt_value));

    // The fields, byte by byte: taken, kept, or cleared with the first chunk.
    reg [7:0]  type_code;
    reg [1:0]  fault;
    reg [15:0] locate;
    reg [47:0] timestamp;
    reg [63:0] order_ref;
    reg [63:0] order_ref2;
    reg [31:0] shares;
    reg [31:0] price;
    reg        side;
    reg        printable;
    reg        overflow;
    reg [15:0] aux;
    reg [63:0] seq;
    reg        symbol;

    genvar i;
    generate
        for (i = 0; i < 8; i = i + 1) begin : wide
            always @(posedge clk) if (chunk_valid) begin
                if (head)
                    order_ref[8*i+:8] <= 8'd0;
                else if (ref_write[i])
                    order_ref[8*i+:8] <= ref_value[8*i+:8];
                if (head)
                    order_ref2[8*i+:8] <= 8'd0;
                else if (ref2_write[i])
                    order_ref2[8*i+:8] <= ref2_value[8*i+:8];
            end
        end
        for (i = 0; i < 4; i = i + 1) begin : narrow
            always @(posedge clk) if (chunk_valid) begin
                if (head)
                    shares[8*i+:8] <= 8'd0;
                else if (kind[Q] && chunk_index == 3'd3)
                    shares[8*i+:8] <= order_ref[8*i+:8] | {8{order_ref[63:32] != 32'd0}};
                else if (shares_write[i])
                    shares[8*i+:8] <= shares_value[8*i+:8];
                if (head)
                    price[8*i+:8] <= 8'd0;
                else if (price_write[i])
                    price[8*i+:8] <= price_value[8*i+:8];
            end
        end
    endgenerate

    always @(posedge clk) if (chunk_valid) begin
        seq <= chunk_seq;
        if (head) begin
            type_code <= known ? code : 8'd0; // codes from 0x80 are notices on the norm bus
            locate <= {chunk_data[15:8], chunk_data[23:16]};
            fault <= !known ? `NORM_UNKNOWN_TYPE : !sound ? `NORM_BAD_LENGTH : `NORM_SOUND;
            kind <= kinds;
            named <= known && !kinds[CODE];
            symbol <= known;
            side <= 1'b0;
            printable <= 1'b1;
            overflow <= 1'b0;
            aux <= {8'd0, !known ? code : kinds[CODE] ? chunk_data[95:88] : 8'd0};
            timestamp[47:8] <= {chunk_data[47:40], chunk_data[55:48], chunk_data[63:56], chunk_data[71:64], chunk_data[79:72]};
            timestamp[7:0] <= chunk_data[87:80];
        end else begin
            if (chunk_index == 3'd1)
                timestamp[23:0] <= {chunk_data[7:0], chunk_data[15:8], chunk_data[23:16]};
            if (side_write)
                side <= side_value == "S";
            if (chunk_index == 3'd2 && (kind[A] || kind[P]) && fault == `NORM_SOUND
                && side_value != "B" && side_value != "S")
                fault <= `NORM_BAD_FIELD;
            if (printable_write)
                printable <= printable_value == "Y";
            if (kind[Q] && chunk_index == 3'd3)
                overflow <= order_ref[63:32] != 32'd0;
            if (code_write || state_write || cross_write)
                aux[7:0] <= code_value | state_value | cross_value;
            if (halt_write[1])
                aux[15:8] <= halt_value[15:8];
            if (halt_write[0])
                aux[7:0] <= halt_value[7:0];
        end
    end

    // The reference is complete: byte 18 is in chunk 2, or already in chunk 1. A U's new reference ends with byte 26.
    reg  early_done;  // told for this message
    reg  early_new_done;
    reg  early;
    reg  early_is_new;
    wire ref_in;
    wire new_in;
    assign ref_in = chunk_valid && (kind[A] || kind[E] || kind[C] || kind[X] || kind[D] || kind[U]) && fault == `NORM_SOUND
                 && (chunk_index == 3'd2 || (chunk_index == 3'd1 && chunk_bytes >= 4'd11));
    assign new_in = chunk_valid && kind[U] && fault == `NORM_SOUND
                 && (chunk_index == 3'd3 || (chunk_index == 3'd2 && chunk_bytes >= 4'd11));
    reg  valid;
    reg  unknown;
    reg  bad_length;
    wire ends;
    assign ends = chunk_valid && chunk_last;
    always @(posedge clk) begin
        if (rst) begin
            valid <= 1'b0;
            early <= 1'b0;
            unknown <= 1'b0;
            bad_length <= 1'b0;
        end else begin
            valid <= ends;
            early <= (ref_in && !early_done) || (new_in && !early_new_done);
            unknown <= valid && fault == `NORM_UNKNOWN_TYPE;
            bad_length <= valid && fault == `NORM_BAD_LENGTH;
        end
        early_is_new <= new_in && early_done;
        if (chunk_valid) begin
            early_done <= !head && (early_done || ref_in);
            early_new_done <= !head && (early_new_done || new_in);
        end
    end

    assign msg_valid = valid;
    assign msg_seq = seq;
    assign msg_symbol = symbol;
    assign msg_body[`NORM_TYPE] = type_code;
    assign msg_body[`NORM_FAULT] = fault;
    assign msg_body[`NORM_TIMESTAMP] = timestamp;
    assign msg_body[`NORM_LOCATE] = locate;
    assign msg_body[`NORM_REF] = order_ref;
    assign msg_body[`NORM_REF2] = order_ref2;
    assign msg_body[`NORM_SIDE] = side;
    assign msg_body[`NORM_SHARES] = shares;
    assign msg_body[`NORM_PRICE] = price;
    assign msg_body[`NORM_PRINTABLE] = printable;
    assign msg_body[`NORM_OVERFLOW] = overflow;
    assign msg_body[`NORM_AUX] = aux;
    assign early_valid = early;
    assign early_ref = early_is_new ? order_ref2 : order_ref;
    assign stat_unknown = unknown;
    assign stat_bad_length = bad_length;
endmodule
`default_nettype wire
