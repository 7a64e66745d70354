// OUCH 5.0 Enter Order from a template the host has loaded, behind a SoupBinTCP header, onto a 64-bit stream.
// Latency: `send` to the first beat on m_axis 1 cycle; the order number is put in on the way. A seal counts 6 cycles after it
// came. Throughput: a message of n bytes takes ceil((n + 3) / 8) beats; `idle` is low meanwhile. Overflow: none; the stream
// waits for tready, and with it the gate.
//
// Wire bytes: 0-1 length (big-endian, message + 1), 2 'U' (unsequenced data), 3 'O', 4-7 order number, 8 side, 9-12 quantity ...
// Template words are the message's bytes, byte 0 in bits 7:0 of word 0; offsets are those of hdl/spec/ouch50.json.
// The gate reads side, quantity and price from here, so what it checks is what leaves: while a slot is offered, looked at or
// sent, the host's writes to it are refused (`load_refused`). A write unseals the slot.
// Order numbers are used once and never 0: from 2^32 - 2 on no order is valid until the host gives another number. What the
// host gives while the gate looks is taken up behind it, so the number that leaves is the one that was there when it looked.
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
    input  wire [SLOTS_LOG2-1:0] look_slot, // may be offered in the next cycle, while nothing is
    input  wire        offer_valid,      // offer_slot waits for the gate
    input  wire [SLOTS_LOG2-1:0] offer_slot,
    output wire        order_valid,      // of offer_slot: sealed, an Enter Order, of a known side
    output wire        order_sell,       // S, T and E
    output wire [31:0] order_quantity,
    output wire [63:0] order_price,
    output wire [63:0] order_notional,   // quantity x price, the price's low 32 bits
    output wire [45:0] order_scaled,     // price x 10,000, likewise
    input  wire        gate_busy,        // the gate looks at send_slot
    input  wire        send,             // it has passed, two cycles after gate_busy rose
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

    // The host's writes, a cycle later.
    reg                  l_valid;
    reg [SLOTS_LOG2-1:0] l_slot;
    reg [2:0]            l_word;
    reg [63:0]           l_data;
    reg                  e_valid;
    reg [SLOTS_LOG2-1:0] e_slot;
    reg [6:0]            e_length;
    always @(posedge clk) begin
        l_valid <= load_valid && !rst;
        l_slot <= load_slot;
        l_word <= load_word;
        l_data <= load_data;
        e_valid <= seal_valid && !rst;
        e_slot <= seal_slot;
        e_length <= seal_length;
    end
    reg                   sending;
    reg  [SLOTS_LOG2-1:0] s_slot;        // of the message on its way
    wire                  start;
    wire                  at_work;
    wire                  l_touches;
    wire                  e_touches;
    wire                  load_ok;
    wire                  seal_ok;
    assign at_work = sending || m_axis_tvalid;
    assign l_touches = (offer_valid && l_slot == offer_slot) || ((gate_busy || send) && l_slot == send_slot) || (at_work && l_slot == s_slot);
    assign e_touches = (offer_valid && e_slot == offer_slot) || ((gate_busy || send) && e_slot == send_slot) || (at_work && e_slot == s_slot);
    assign load_ok = l_valid && !l_touches;
    assign seal_ok = e_valid && !e_touches;
    always @(posedge clk)
        load_refused <= ((l_valid && l_touches) || (e_valid && e_touches)) && !rst;

    // What the gate needs is caught as the words come by.
    wire [63:0] swapped; // big-endian fields: the word with its first byte highest
    wire        l_enter;
    wire        l_buy;
    wire        l_sell;
    assign swapped = {l_data[7:0], l_data[15:8], l_data[23:16], l_data[31:24],
                      l_data[39:32], l_data[47:40], l_data[55:48], l_data[63:56]};
    assign l_enter = l_data[7:0] == "O";
    assign l_buy = l_data[47:40] == "B";
    assign l_sell = l_data[47:40] == "S" || l_data[47:40] == "T" || l_data[47:40] == "E";
    reg  [17:0] head [0:SLOTS-1];        // {an Enter Order of a known side, sell, quantity's upper half}
    reg  [15:0] quantity_low [0:SLOTS-1];
    reg  [47:0] price_high [0:SLOTS-1];
    reg  [15:0] price_low [0:SLOTS-1];
    reg  [6:0]  length [0:SLOTS-1];
    reg  [63:0] notional [0:SLOTS-1];    // quantity x price
    reg  [45:0] scaled [0:SLOTS-1];      // price x 10,000
    always @(posedge clk) begin
        if (load_ok && l_word == 3'd0)
            head[l_slot] <= {l_enter && (l_buy || l_sell), l_sell, swapped[15:0]};
        if (load_ok && l_word == 3'd1)
            quantity_low[l_slot] <= swapped[63:48];
        if (load_ok && l_word == 3'd2)
            price_high[l_slot] <= swapped[47:0];
        if (load_ok && l_word == 3'd3)
            price_low[l_slot] <= swapped[63:48];
    end

    // A seal first multiplies; a write to the slot on the way, or another seal, takes it back.
    reg         p1_valid;
    reg         p2_valid;
    reg         p3_valid;
    reg         p4_valid;
    reg  [SLOTS_LOG2-1:0] p1_slot;
    reg  [SLOTS_LOG2-1:0] p2_slot;
    reg  [SLOTS_LOG2-1:0] p3_slot;
    reg  [SLOTS_LOG2-1:0] p4_slot;
    reg  [31:0] p1_quantity;
    reg  [31:0] p1_price;
    reg  [31:0] p2_low;
    reg  [31:0] p2_cross;
    reg  [31:0] p2_across;
    reg  [31:0] p2_high;
    reg  [29:0] p2_scaled_low;
    reg  [29:0] p2_scaled_high;
    reg  [63:0] p3_ends;
    reg  [32:0] p3_middle;
    reg  [45:0] p3_scaled;
    reg  [63:0] p4_notional;
    reg  [45:0] p4_scaled;
    wire        p0_keeps;
    wire        p1_keeps;
    wire        p2_keeps;
    wire        p3_keeps;
    assign p0_keeps = !(load_ok && l_slot == e_slot);
    assign p1_keeps = !(load_ok && l_slot == p1_slot) && !(seal_ok && e_slot == p1_slot);
    assign p2_keeps = !(load_ok && l_slot == p2_slot) && !(seal_ok && e_slot == p2_slot);
    assign p3_keeps = !(load_ok && l_slot == p3_slot) && !(seal_ok && e_slot == p3_slot);
    always @(posedge clk) begin
        p1_valid <= seal_ok && p0_keeps && e_length >= SHORTEST && e_length <= LONGEST && !rst;
        p2_valid <= p1_valid && p1_keeps && !rst;
        p3_valid <= p2_valid && p2_keeps && !rst;
        p4_valid <= p3_valid && p3_keeps && !rst;
        p1_slot <= e_slot;
        p2_slot <= p1_slot;
        p3_slot <= p2_slot;
        p4_slot <= p3_slot;
        if (e_valid) begin
            p1_quantity <= {head[e_slot][15:0], quantity_low[e_slot]};
            p1_price <= {price_high[e_slot][15:0], price_low[e_slot]};
        end
        if (p1_valid) begin
            p2_low <= {16'd0, p1_quantity[15:0]} * {16'd0, p1_price[15:0]};
            p2_cross <= {16'd0, p1_quantity[15:0]} * {16'd0, p1_price[31:16]};
            p2_across <= {16'd0, p1_quantity[31:16]} * {16'd0, p1_price[15:0]};
            p2_high <= {16'd0, p1_quantity[31:16]} * {16'd0, p1_price[31:16]};
            p2_scaled_low <= {14'd0, p1_price[15:0]} * 30'd10000;
            p2_scaled_high <= {14'd0, p1_price[31:16]} * 30'd10000;
        end
        if (p2_valid) begin
            p3_ends <= {p2_high, p2_low};
            p3_middle <= {1'b0, p2_cross} + {1'b0, p2_across};
            p3_scaled <= {p2_scaled_high, 16'd0} + {16'd0, p2_scaled_low};
        end
        if (p3_valid) begin
            p4_notional <= p3_ends + {15'd0, p3_middle, 16'd0};
            p4_scaled <= p3_scaled;
        end
        if (p4_valid) begin
            notional[p4_slot] <= p4_notional;
            scaled[p4_slot] <= p4_scaled;
        end
        if (seal_ok)
            length[e_slot] <= e_length;
    end
    reg  [SLOTS-1:0] sealed;
    wire [SLOTS-1:0] l_one;
    wire [SLOTS-1:0] e_one;
    wire [SLOTS-1:0] p4_one;
    assign l_one = {{(SLOTS-1){1'b0}}, load_ok} << l_slot;
    assign e_one = {{(SLOTS-1){1'b0}}, seal_ok} << e_slot;
    assign p4_one = {{(SLOTS-1){1'b0}}, p4_valid} << p4_slot;
    always @(posedge clk)
        if (rst)
            sealed <= {SLOTS{1'b0}};
        else
            sealed <= (sealed | p4_one) & ~l_one & ~e_one;

    // The order that may be offered next. Once it is offered, nothing of its slot changes; a write in the cycle of the look
    // has unsealed it.
    reg         used_up;                 // next_urn is 0 or one of the last two
    reg         o_sealed;
    reg         o_whole;
    reg         o_sell;
    reg  [31:0] o_quantity;
    reg  [63:0] o_price;
    reg  [63:0] o_notional;
    reg  [45:0] o_scaled;
    always @(posedge clk)
        if (!offer_valid) begin
            o_sealed <= sealed[look_slot];
            {o_whole, o_sell, o_quantity[31:16]} <= head[look_slot];
            o_quantity[15:0] <= quantity_low[look_slot];
            o_price <= {price_high[look_slot], price_low[look_slot]};
            o_notional <= notional[look_slot];
            o_scaled <= scaled[look_slot];
        end else if (!sealed[offer_slot])
            o_sealed <= 1'b0; // a seal that is still on its way comes too late for it
    assign order_valid = o_sealed && o_whole && sealed[offer_slot] && !used_up;
    assign order_sell = o_sell;
    assign order_quantity = o_quantity;
    assign order_price = o_price;
    assign order_notional = o_notional;
    assign order_scaled = o_scaled;

    // Word n of the template is asked for two cycles before its beat, the first ones while the gate looks.
    reg  [2:0]  at;                      // the word to ask for
    reg  [2:0]  beat;                    // of the message, that is loaded next
    reg  [63:0] word;
    reg  [23:0] carry;                   // the last three bytes of the word before
    reg         s_sealed;
    reg  [6:0]  s_length;
    reg  [2:0]  s_last;                  // number of the last beat
    reg  [7:0]  s_keep;                  // its bytes
    reg  [6:0]  s_soup;
    wire [63:0] read;
    wire        load;
    wire        moves;
    wire        last;
    wire [5:0]  beats_8;
    wire [63:0] shown;
    wire [63:0] first;
    wire [63:0] last_bytes;
    assign idle = !at_work;
    assign start = send && idle && s_sealed;
    assign load = sending && (!m_axis_tvalid || m_axis_tready);
    assign moves = !sending || load;
    ram_sdp #(.WIDTH(64), .DEPTH_LOG2(SLOTS_LOG2 + 3)) words (
        .clk(clk), .we(load_ok), .waddr({l_slot, l_word}), .wdata(l_data),
        .re(moves), .raddr({sending ? s_slot : send_slot, at}), .rdata(read)
    );
    assign last = beat == s_last;
    assign beats_8 = s_length[5:0] + 6'd2;
    assign first = {next_urn[7:0], next_urn[15:8], next_urn[23:16], next_urn[31:24], "O", "U", 1'b0, s_soup, 8'd0};
    assign shown = {word[39:0], carry};
    always @(posedge clk) begin
        if (!sending && !start) begin
            s_slot <= send_slot;
            s_sealed <= sealed[send_slot];
            s_length <= length[send_slot];
            s_last <= beats_8[5:3];
            s_keep <= 8'hff >> (3'd7 - beats_8[2:0]);
            s_soup <= s_length + 7'd1;
        end
        if (!(gate_busy || start || sending))
            at <= 3'd0;
        else if (moves)
            at <= at + 3'd1;
        if (moves) begin
            word <= read;
            carry <= word[63:40];
        end
    end
    assign last_bytes = {{8{s_keep[7]}}, {8{s_keep[6]}}, {8{s_keep[5]}}, {8{s_keep[4]}},
                         {8{s_keep[3]}}, {8{s_keep[2]}}, {8{s_keep[1]}}, {8{s_keep[0]}}};
    always @(posedge clk)
        if (load)
            m_axis_tdata <= last ? shown & last_bytes : shown;
        else if (start)
            m_axis_tdata <= first;
    always @(posedge clk) begin
        if (rst) begin
            sending <= 1'b0;
            m_axis_tvalid <= 1'b0;
        end else begin
            if (start)
                sending <= 1'b1;
            else if (load && last)
                sending <= 1'b0;
            if (start || load)
                m_axis_tvalid <= 1'b1;
            else if (m_axis_tready)
                m_axis_tvalid <= 1'b0;
        end
        if (start)
            beat <= 3'd1;
        else if (load)
            beat <= beat + 3'd1;
        if (start || load) begin
            m_axis_tkeep <= load && last ? s_keep : 8'hff;
            m_axis_tlast <= load && last;
        end
    end

    // The next order number.
    reg         u_valid;                 // the host's waits
    reg  [31:0] u_urn;
    wire        u_spent;
    assign u_spent = u_urn == 32'd0 || u_urn[31:1] == 31'h7FFFFFFF;
    always @(posedge clk) begin
        if (rst) begin
            u_valid <= 1'b0;
            u_urn <= 32'd0;
        end else begin
            u_valid <= urn_valid || (u_valid && (gate_busy || send));
            if (urn_valid)
                u_urn <= urn;
        end
        if (rst) begin
            next_urn <= 32'd1;
            used_up <= 1'b0;
        end else if (u_valid && !gate_busy && !send) begin
            next_urn <= u_urn;
            used_up <= u_spent;
        end else if (start && !used_up) begin
            next_urn <= next_urn + 32'd1;
            used_up <= next_urn == 32'hFFFFFFFD;
        end
    end

`ifdef FORMAL
`include "axis_props.vh"
    `AXIS_FORMAL_START
    `AXIS_STABLE(assert, m_axis_tvalid, m_axis_tready, {m_axis_tdata, m_axis_tkeep, m_axis_tlast})
    `AXIS_EMPTY_AFTER_RESET(m_axis_tvalid)
    reg [1:0] f_looks;   // cycles of gate_busy before this one, as the gate has them
`ifdef YOSYS
    // The gate: busy for two cycles, with the same slot until the cycle after them, in which it may send. It begins when idle,
    // with what is offered; nothing else is offered before it has told.
    always @(posedge clk) begin
        assume(send == 1'b0 || f_looks == 2'd2);
        if (f_looks == 2'd1) assume(gate_busy);
        if (f_looks == 2'd2) assume(!gate_busy);
        if (f_looks == 2'd0 && gate_busy) assume(idle && offer_valid && send_slot == offer_slot);
        if (f_looks == 2'd0) assume(send_slot == offer_slot);
        if (f_looks != 2'd0) assume(send_slot == $past(send_slot));
        if (f_started && !$past(rst) && $past(offer_valid && gate_busy)) assume(!offer_valid || f_looks != 2'd1);
        if (f_started && !$past(rst) && $past(offer_valid) && f_looks != 2'd1) assume(offer_valid && offer_slot == $past(offer_slot));
        if (f_started && offer_valid && !$past(offer_valid)) assume(offer_slot == $past(look_slot));
    end
`endif
    always @(posedge clk)
        f_looks <= rst ? 2'd0 : f_looks == 2'd2 ? 2'd0 : gate_busy ? f_looks + 2'd1 : 2'd0;
    reg [3:0] f_beats;   // given of the message on its way
    always @(posedge clk)
        if (rst || start)
            f_beats <= 4'd0;
        else if (m_axis_tvalid && m_axis_tready)
            f_beats <= f_beats + 4'd1;
    // A slot is sealed only with a length in range, and only when no word of it came later.
    genvar s;
    generate
        for (s = 0; s < SLOTS; s = s + 1) begin : f_slots
            wire in_work;
            wire in_range;
            wire frozen;   // shown to the gate, looked at or on its way
            assign frozen = (offer_valid && offer_slot == s) || ((gate_busy || send) && send_slot == s) || (at_work && s_slot == s);
            assign in_work = (p1_valid && p1_slot == s) || (p2_valid && p2_slot == s) || (p3_valid && p3_slot == s) || (p4_valid && p4_slot == s);
            assign in_range = length[s] >= SHORTEST && length[s] <= LONGEST;
            always @(posedge clk) if (f_started && !rst) begin
                if (sealed[s]) assert(in_range && !in_work);
                if (in_work) assert(in_range);
                if ($past(frozen && !rst))
                    assert($stable(head[s]) && $stable(quantity_low[s]) && $stable(price_high[s]) && $stable(price_low[s])
                        && $stable(length[s]) && !$past(load_ok && l_slot == s));
                // What the gate is shown is what is kept, as long as it looks.
                if (offer_valid && offer_slot == s && (order_valid || (o_sealed && o_whole && sealed[s])) && !$past(rst)) begin
                    assert({o_whole, o_sell, o_quantity} == {head[s], quantity_low[s]});
                    assert(o_price == {price_high[s], price_low[s]});
                    assert(o_notional == notional[s] && o_scaled == scaled[s]);
                end
            end
        end
    endgenerate
    always @(posedge clk) if (f_started && !rst) begin
        assert(used_up == (next_urn == 32'd0 || next_urn >= 32'hFFFFFFFE));
        if (order_valid) assert(!used_up);
        // It changes by an order that leaves, upwards by one, or while the gate does not look.
        if (!$past(rst) && next_urn != $past(next_urn))
            assert($past(start) ? next_urn == $past(next_urn) + 32'd1 : !$past(gate_busy || send));
        if (f_looks == 2'd2 && s_sealed) assert(s_last >= 3'd6 && s_keep != 8'h00);
        if (sending) begin
            assert(m_axis_tvalid);
            assert(beat != 3'd0 && beat <= s_last && s_last >= 3'd6 && s_keep != 8'h00);
        end
        if (m_axis_tvalid && !m_axis_tlast) assert(m_axis_tkeep == 8'hff);
        if (m_axis_tvalid) assert(m_axis_tkeep != 8'h00 && m_axis_tlast == !sending);
        cover(m_axis_tvalid && m_axis_tready && m_axis_tlast && f_beats == 6);
        cover(m_axis_tvalid && m_axis_tready && m_axis_tlast && f_beats == 7);
    end
`ifndef YOSYS
    always @(posedge clk) if (order_valid) begin
        assert(order_notional == {32'd0, order_quantity} * {32'd0, order_price[31:0]});
        assert({18'd0, order_scaled} == {32'd0, order_price[31:0]} * 64'd10000);
    end
`endif
`endif
endmodule
`default_nettype wire
