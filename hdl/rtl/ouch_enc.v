// OUCH 5.0 Enter Order from a template the host has loaded, behind a SoupBinTCP header, onto a 64-bit stream.
// Latency: `send` to the first beat on m_axis 1 cycle; the order number is put in on the way. Throughput: a message of n bytes
// takes ceil((n + 3) / 8) beats; `idle` is low meanwhile. Overflow: none; the stream waits for tready, and with it the gate.
//
// Wire bytes: 0-1 length (big-endian, message + 1), 2 'U' (unsequenced data), 3 'O', 4-7 order number, 8 side, 9-12 quantity ...
// Template words are the message's bytes, byte 0 in bits 7:0 of word 0; offsets are those of hdl/spec/ouch50.json.
// The gate reads side, quantity and price from here, so what it checks is what leaves: while it looks at a slot, and while
// that slot's message leaves, the host's writes to it are refused (`load_refused`). A write unseals the slot.
`default_nettype none
module ouch_enc #(
    parameter SLOTS_LOG2 = 4
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        load_valid,       // host: one word of a slot's template
    input  wire [SLOTS_LOG2-1:0] load_slot,
    input  wire [2:0]  load_word,
    input  wire [63:0] load_data,
    input  wire        seal_valid,       // host: the template is whole; length 0 takes it back
    input  wire [SLOTS_LOG2-1:0] seal_slot,
    input  wire [6:0]  seal_length,      // bytes, 47 to 61 for an Enter Order with its appendage
    input  wire        urn_valid,        // host: the next order number
    input  wire [31:0] urn,
    output reg  [31:0] next_urn,
    output reg         load_refused,
    input  wire [SLOTS_LOG2-1:0] look_slot,
    output wire        order_valid,      // of look_slot
    output wire        order_sell,       // S, T and E
    output wire [31:0] order_quantity,
    output wire [63:0] order_price,
    input  wire        gate_busy,        // the gate looks at send_slot
    input  wire        send,             // it has passed
    input  wire [SLOTS_LOG2-1:0] send_slot,
    output wire        idle,
    output reg  [63:0] m_axis_tdata,
    output reg  [7:0]  m_axis_tkeep,
    output reg         m_axis_tvalid,
    input  wire        m_axis_tready,
    output reg         m_axis_tlast
);
    localparam SLOTS = 1 << SLOTS_LOG2;
    localparam [6:0] SHORTEST = 7'd47;
    localparam [6:0] LONGEST = 7'd61;    // eight beats with the header

    reg [7:0]  length [0:SLOTS-1];       // {sealed, bytes}
    reg [7:0]  kind [0:SLOTS-1];
    reg [7:0]  side [0:SLOTS-1];
    reg [31:0] quantity [0:SLOTS-1];
    reg [63:0] price [0:SLOTS-1];

    // What the gate needs is caught as the words come by; a new word unseals the template.
    wire [63:0] swapped; // big-endian fields: the word with its first byte highest
    assign swapped = {load_data[7:0], load_data[15:8], load_data[23:16], load_data[31:24],
                      load_data[39:32], load_data[47:40], load_data[55:48], load_data[63:56]};
    wire touches;
    wire load_ok;
    wire seal_ok;
    wire start;
    reg  sending;
    assign touches = gate_busy || start || sending || m_axis_tvalid;
    assign load_ok = load_valid && !(touches && load_slot == send_slot);
    assign seal_ok = seal_valid && !(touches && seal_slot == send_slot);
    always @(posedge clk)
        load_refused <= ((load_valid && !load_ok) || (seal_valid && !seal_ok)) && !rst;
    genvar s;
    generate
        for (s = 0; s < SLOTS; s = s + 1) begin : slots
            always @(posedge clk) begin
                if (rst)
                    length[s] <= 8'd0;
                else if (load_ok && load_slot == s)
                    length[s] <= 8'd0;
                else if (seal_ok && seal_slot == s)
                    length[s] <= {seal_length >= SHORTEST && seal_length <= LONGEST, seal_length};
                if (load_ok && load_slot == s)
                    case (load_word)
                        3'd0: begin
                            kind[s] <= load_data[7:0];
                            side[s] <= load_data[47:40];
                            quantity[s][31:16] <= swapped[15:0];
                        end
                        3'd1: quantity[s][15:0] <= swapped[63:48];
                        3'd2: price[s][63:16] <= swapped[47:0];
                        3'd3: price[s][15:0] <= swapped[63:48];
                        default: kind[s] <= kind[s];
                    endcase
            end
        end
    endgenerate
    wire [7:0] look_side;
    assign look_side = side[look_slot];
    assign order_sell = look_side != "B";
    assign order_quantity = quantity[look_slot];
    assign order_price = price[look_slot];
    assign order_valid = length[look_slot][7] && kind[look_slot] == "O"
        && (look_side == "B" || look_side == "S" || look_side == "T" || look_side == "E");

    // Word n of the template is read one cycle before its beat.
    reg  [3:0]            beat;      // the next beat to load
    reg  [23:0]           carry;     // the last three bytes of the word before
    reg  [6:0]            bytes;     // of the message
    wire                  load;
    wire [2:0]            read_word;
    wire [63:0]           word;
    wire [63:0]           shown;
    wire [3:0]            now_beat;
    wire [6:0]            now_bytes;
    wire [6:0]            total;
    wire [6:0]            offset;
    wire [6:0]            left;
    wire                  last;
    wire [15:0]           soup_length;
    assign idle = !sending && !m_axis_tvalid;
    assign start = send && idle && length[send_slot][7];
    assign load = start || (sending && (!m_axis_tvalid || m_axis_tready));
    assign read_word = start ? 3'd1 : sending ? (load ? beat[2:0] + 3'd1 : beat[2:0]) : 3'd0;
    ram_sdp #(.WIDTH(64), .DEPTH_LOG2(SLOTS_LOG2 + 3)) words (
        .clk(clk), .we(load_ok), .waddr({load_slot, load_word}), .wdata(load_data),
        .re(1'b1), .raddr({send_slot, read_word}), .rdata(word)
    );
    assign now_beat = start ? 4'd0 : beat;
    assign now_bytes = start ? length[send_slot][6:0] : bytes;
    assign total = now_bytes + 7'd3;
    assign offset = {now_beat, 3'd0};
    assign left = total - offset;
    assign last = left <= 7'd8;
    assign soup_length = {9'd0, now_bytes} + 16'd1;
    assign shown = start ? {next_urn[7:0], next_urn[15:8], next_urn[23:16], next_urn[31:24], word[7:0], "U", soup_length[7:0], soup_length[15:8]}
        : {word[39:0], carry};
    genvar b;
    generate
        for (b = 0; b < 8; b = b + 1) begin : lanes
            always @(posedge clk)
                if (load) begin
                    m_axis_tkeep[b] <= left > b;
                    m_axis_tdata[8*b +: 8] <= left > b ? shown[8*b +: 8] : 8'd0;
                end
        end
    endgenerate
    always @(posedge clk) begin
        if (rst) begin
            sending <= 1'b0;
            m_axis_tvalid <= 1'b0;
        end else begin
            if (start)
                sending <= 1'b1;
            else if (load && last)
                sending <= 1'b0;
            if (load)
                m_axis_tvalid <= 1'b1;
            else if (m_axis_tready)
                m_axis_tvalid <= 1'b0;
        end
        if (start)
            bytes <= length[send_slot][6:0];
        if (load) begin
            beat <= now_beat + 4'd1;
            carry <= word[63:40];
            m_axis_tlast <= last;
        end
        if (rst)
            next_urn <= 32'd1;
        else if (urn_valid)
            next_urn <= urn;
        else if (start)
            next_urn <= next_urn + 32'd1;
    end

`ifdef FORMAL
`include "axis_props.vh"
    `AXIS_FORMAL_START
    `AXIS_STABLE(assert, m_axis_tvalid, m_axis_tready, {m_axis_tdata, m_axis_tkeep, m_axis_tlast})
    `AXIS_EMPTY_AFTER_RESET(m_axis_tvalid)
    generate
        for (s = 0; s < SLOTS; s = s + 1) begin : f_lengths
            always @(posedge clk) if (f_started && !rst)
                if (length[s][7]) assert(length[s][6:0] >= SHORTEST && length[s][6:0] <= LONGEST);
        end
    endgenerate
    reg [3:0] f_beats; // given of the message on its way
    always @(posedge clk)
        if (rst || start)
            f_beats <= 4'd0;
        else if (m_axis_tvalid && m_axis_tready)
            f_beats <= f_beats + 4'd1;
    always @(posedge clk) if (f_started && !rst) begin
        if (m_axis_tvalid && !m_axis_tlast) assert(m_axis_tkeep == 8'hff);
        if (m_axis_tvalid) assert(m_axis_tkeep != 8'h00 && m_axis_tlast == !sending);
        if (sending) begin
            assert(m_axis_tvalid);
            assert(bytes >= SHORTEST && bytes <= LONGEST);
            assert(beat != 4'd0 && beat <= 4'd7 && {beat, 3'd0} < bytes + 7'd3);
        end
        cover(m_axis_tvalid && m_axis_tready && m_axis_tlast && f_beats == 6);
    end
`endif
endmodule
`default_nettype wire
