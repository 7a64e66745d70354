// A/B line arbitration: one strictly increasing stream of messages out of two lines that carry the same, each message from
// the line that brings it first.
// Latency: 1 cycle from msg_* to norm_* on a line that is in sequence. Throughput: one message per cycle out, one per line
// and cycle in; never pushes back.
// Overflow: each line holds 2^HOLD_LOG2 messages ahead of a hole; beyond that they are dropped, counted, and looked for on
// the other line. A hole is given up, and told as GAP_LOST, when both lines are past it (or down), when it is older than
// cfg_gap_wait, or when a hold is nearly full.
`default_nettype none
`include "fp_records.vh"
`include "norm_bus.vh"
module line_arb #(
    parameter HOLD_LOG2 = 9,
    parameter FAR_LOG2 = 20,
    parameter STORE_FWD = 0,
    parameter RX_DELAY = 3           // cycles from a beat on a line's s_axis_* to its msg_valid
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        cmd_resync,   // forget the session, what is held and where we are; start at cfg_first_seq
    input  wire [63:0] cfg_first_seq, // next expected sequence at start; 0: the first one seen
    input  wire [79:0] cfg_session,  // first character in the top byte; 0: the first one seen
    input  wire [31:0] cfg_gap_wait, // cycles a hole may stay
    input  wire [31:0] cfg_silence,  // cycles without a good packet until a line is down; 0: never
    input  wire [31:0] cycle,
    input  wire        a_msg_valid,
    input  wire [`NORM_BODY_BITS-1:0] a_msg_body,
    input  wire [63:0] a_msg_seq,
    input  wire        a_msg_tracked,
    input  wire [9:0]  a_msg_symidx,
    input  wire        a_header_valid,
    input  wire [79:0] a_header_session,
    input  wire [63:0] a_header_seq,
    input  wire [15:0] a_header_count,
    input  wire        a_end_valid,
    input  wire        a_end_bad,
    input  wire [7:0]  a_end_reason,
    input  wire        a_end_header,
    input  wire        a_early_valid,
    input  wire [63:0] a_early_ref,
    input  wire        b_msg_valid,
    input  wire [`NORM_BODY_BITS-1:0] b_msg_body,
    input  wire [63:0] b_msg_seq,
    input  wire        b_msg_tracked,
    input  wire [9:0]  b_msg_symidx,
    input  wire        b_header_valid,
    input  wire [79:0] b_header_session,
    input  wire [63:0] b_header_seq,
    input  wire [15:0] b_header_count,
    input  wire        b_end_valid,
    input  wire        b_end_bad,
    input  wire [7:0]  b_end_reason,
    input  wire        b_end_header,
    input  wire        b_early_valid,
    input  wire [63:0] b_early_ref,
    output wire        norm_valid,
    output wire [7:0]  norm_type,
    output wire [1:0]  norm_fault,
    output wire [63:0] norm_seq,
    output wire [47:0] norm_timestamp,
    output wire [15:0] norm_locate,
    output wire        norm_tracked,
    output wire [9:0]  norm_symidx,
    output wire [63:0] norm_ref,
    output wire [63:0] norm_ref2,
    output wire        norm_side,
    output wire [31:0] norm_shares,
    output wire [31:0] norm_price,
    output wire        norm_printable,
    output wire        norm_overflow,
    output wire [15:0] norm_aux,
    output wire        norm_line_b,
    output wire [31:0] norm_rx_cycle,
    output wire        early_valid,
    output wire [63:0] early_ref,
    output wire [63:0] expected_seq,
    output wire        synced,
    output wire        session_known,
    output wire [79:0] session,
    output wire [1:0]  line_down,    // bit 1: B
    output wire        hole_open,
    output wire [HOLD_LOG2:0] hold_level_a,
    output wire [HOLD_LOG2:0] hold_level_b,
    output wire        stat_message,
    output wire        stat_gap,
    output wire [1:0]  stat_duplicate, // a copy came later than the other line's; bit 1: line B, and so below
    output wire [1:0]  stat_unheld,    // a held message came from the other line before its turn
    output wire [1:0]  stat_refused,   // a packet was refused
    output wire [1:0]  stat_overflow   // a message did not fit the hold
);
    localparam [31:0] BEGAN = 32'd1;
    localparam [31:0] ENDED = 32'd2;

    wire forget;
    assign forget = rst || cmd_resync;

    // The receive cycle of what is on msg_* now.
    reg  [31:0] delayed [0:RX_DELAY-1];
    wire [31:0] rx_cycle;
    genvar d;
    generate
        for (d = 0; d < RX_DELAY; d = d + 1) begin : delay
            if (d == 0) begin : from_input
                always @(posedge clk) delayed[0] <= cycle;
            end else begin : from_last
                always @(posedge clk) delayed[d] <= delayed[d-1];
            end
        end
    endgenerate
    assign rx_cycle = delayed[RX_DELAY-1];

    // Session: the configured one, or the first seen. One that was learned from a packet that turns out bad is forgotten.
    reg        known;
    reg [79:0] name;
    reg        tentative;
    reg        teacher_b;
    wire       a_match;
    wire       b_match;
    wire       a_teaches;
    wire       b_teaches;
    assign a_match = known ? a_header_session == name : cfg_session == 80'd0 || a_header_session == cfg_session;
    assign b_match = (known ? b_header_session == name : cfg_session == 80'd0 || b_header_session == cfg_session)
                  && !(a_teaches && b_header_session != a_header_session);
    assign a_teaches = a_header_valid && !known && a_match;
    assign b_teaches = b_header_valid && !known && b_match && !a_teaches;
    always @(posedge clk) begin
        if (forget) begin
            known <= 1'b0;
            tentative <= 1'b0;
        end else if (a_teaches || b_teaches) begin
            known <= 1'b1;
            tentative <= cfg_session == 80'd0;
        end else if (tentative && (teacher_b ? b_end_valid : a_end_valid)) begin
            tentative <= 1'b0;
            known <= !(teacher_b ? b_end_bad : a_end_bad);
        end
        if (a_teaches || b_teaches) begin
            teacher_b <= !a_teaches;
            name <= a_teaches ? a_header_session : b_header_session;
        end
    end
    assign session_known = known;
    assign session = name;

    // The two lines.
    reg  [63:0] expected;
    reg         in_sync;
    wire        a_valid;
    wire        a_next;
    wire        a_behind;
    wire        a_ahead;
    wire        a_full;
    wire        a_down;
    wire        a_bad_due;
    wire        a_far_due;
    wire        a_change_due;
    wire        b_valid;
    wire        b_next;
    wire        b_behind;
    wire        b_ahead;
    wire        b_full;
    wire        b_down;
    wire        b_bad_due;
    wire        b_far_due;
    wire        b_change_due;
    wire [`NORM_BITS-1:0] a_head;
    wire [`NORM_BITS-1:0] b_head;
    wire [7:0]  a_bad_reason;
    wire [63:0] a_bad_first;
    wire [31:0] a_bad_left;
    wire [7:0]  b_bad_reason;
    wire [63:0] b_bad_first;
    wire [31:0] b_bad_left;
    wire        a_pop;
    wire        b_pop;
    wire [8:0]  due;
    wire [8:0]  told;      // one-hot: the notice that leaves
    line_gate #(.HOLD_LOG2(HOLD_LOG2), .FAR_LOG2(FAR_LOG2), .STORE_FWD(STORE_FWD)) line_a (
        .clk(clk), .rst(forget), .cfg_silence(cfg_silence), .expected(expected), .synced(in_sync),
        .session_match(a_match),
        .msg_valid(a_msg_valid), .msg_entry({1'b0, a_msg_seq, rx_cycle, a_msg_tracked, a_msg_symidx, a_msg_body}),
        .header_valid(a_header_valid), .header_seq(a_header_seq), .header_count(a_header_count),
        .end_valid(a_end_valid), .end_bad(a_end_bad), .end_reason(a_end_reason), .end_header(a_end_header),
        .pop(a_pop), .head_valid(a_valid), .head_entry(a_head), .head_next(a_next), .head_behind(a_behind),
        .head_ahead(a_ahead), .nearly_full(a_full), .down(a_down),
        .bad_due(a_bad_due), .bad_reason(a_bad_reason), .bad_first(a_bad_first), .bad_left(a_bad_left), .bad_done(told[2]),
        .far_due(a_far_due), .far_done(told[4]), .change_due(a_change_due), .change_done(told[6]),
        .stat_duplicate(stat_duplicate[0]), .stat_refused(stat_refused[0]), .stat_overflow(stat_overflow[0]),
        .hold_level(hold_level_a));
    line_gate #(.HOLD_LOG2(HOLD_LOG2), .FAR_LOG2(FAR_LOG2), .STORE_FWD(STORE_FWD)) line_b (
        .clk(clk), .rst(forget), .cfg_silence(cfg_silence), .expected(expected), .synced(in_sync),
        .session_match(b_match),
        .msg_valid(b_msg_valid), .msg_entry({1'b0, b_msg_seq, rx_cycle, b_msg_tracked, b_msg_symidx, b_msg_body}),
        .header_valid(b_header_valid), .header_seq(b_header_seq), .header_count(b_header_count),
        .end_valid(b_end_valid), .end_bad(b_end_bad), .end_reason(b_end_reason), .end_header(b_end_header),
        .pop(b_pop), .head_valid(b_valid), .head_entry(b_head), .head_next(b_next), .head_behind(b_behind),
        .head_ahead(b_ahead), .nearly_full(b_full), .down(b_down),
        .bad_due(b_bad_due), .bad_reason(b_bad_reason), .bad_first(b_bad_first), .bad_left(b_bad_left), .bad_done(told[3]),
        .far_due(b_far_due), .far_done(told[5]), .change_due(b_change_due), .change_done(told[7]),
        .stat_duplicate(stat_duplicate[1]), .stat_refused(stat_refused[1]), .stat_overflow(stat_overflow[1]),
        .hold_level(hold_level_b));

    // Who goes. Marks (heartbeat, end of session) take no slot on the bus.
    wire a_mark;
    wire b_mark;
    wire a_goes;
    wire b_goes;
    wire message;
    wire ends;
    assign a_mark = a_head[`NORM_MARK];
    assign b_mark = b_head[`NORM_MARK];
    assign a_goes = in_sync && a_next && !a_mark;
    assign b_goes = in_sync && b_next && !b_mark && !a_goes;
    assign message = a_goes || b_goes;
    assign a_pop = a_next || a_behind;
    assign b_pop = b_next || b_behind;
    assign ends = (a_next && a_mark && a_head[`NORM_TYPE] == `NORM_KIND_END)
               || (b_next && b_mark && b_head[`NORM_TYPE] == `NORM_KIND_END);

    // Holes: judged in one cycle, told in the next if nothing has moved.
    reg  [31:0] waited;
    reg         give_up;
    reg         given_a;
    reg         given_b;
    reg  [63:0] target;
    wire        hole;
    wire        hopeless;
    wire        lose;
    wire [63:0] missing;
    assign hole = in_sync && (a_ahead || b_ahead) && !a_next && !b_next && !a_behind && !b_behind;
    assign hopeless = ((a_ahead || a_down) && (b_ahead || b_down)) || waited >= cfg_gap_wait
                   || (a_ahead && a_full) || (b_ahead && b_full);
    assign lose = give_up && hole && a_ahead == given_a && b_ahead == given_b;
    assign missing = target - expected;
    always @(posedge clk) begin
        if (forget) begin
            waited <= 32'd0;
            give_up <= 1'b0;
        end else begin
            if (!hole || lose)
                waited <= 32'd0;
            else if (waited != 32'hFFFFFFFF)
                waited <= waited + 32'd1;
            give_up <= hole && hopeless && !lose;
        end
        given_a <= a_ahead;
        given_b <= b_ahead;
        target <= a_ahead && (!b_ahead || a_head[`NORM_SEQ] < b_head[`NORM_SEQ]) ? a_head[`NORM_SEQ] : b_head[`NORM_SEQ];
    end
    reg open;
    always @(posedge clk) open <= hole && !forget;
    assign hole_open = open;

    // Where we are.
    reg [63:0] after_expected;
    always @(posedge clk) begin
        if (forget) begin
            expected <= cfg_first_seq;
            after_expected <= cfg_first_seq + 64'd1;
            in_sync <= cfg_first_seq != 64'd0;
        end else if (!in_sync) begin
            if (a_header_valid && a_match) begin
                expected <= a_header_seq;
                after_expected <= a_header_seq + 64'd1;
                in_sync <= 1'b1;
            end else if (b_header_valid && b_match) begin
                expected <= b_header_seq;
                after_expected <= b_header_seq + 64'd1;
                in_sync <= 1'b1;
            end
        end else if (lose) begin
            expected <= target;
            after_expected <= target + 64'd1;
        end else if (message) begin
            expected <= after_expected;
            after_expected <= after_expected + 64'd1;
        end
    end
    assign expected_seq = expected;
    assign synced = in_sync;

    // Notices leave in cycles that no message takes, one per cycle, the first due first in this order.
    reg  begin_due;
    reg  end_due;
    reg  ended;
    wire free;
    assign free = !message && !lose;
    assign due = {end_due, b_change_due, a_change_due, b_far_due, a_far_due, b_bad_due, a_bad_due, begin_due, 1'b0};
    genvar n;
    generate
        for (n = 0; n < 9; n = n + 1) begin : notice
            if (n == 0) begin : none
                assign told[n] = 1'b0;
            end else begin : one
                assign told[n] = free && due[n] && due[n-1:0] == 0;
            end
        end
    endgenerate
    always @(posedge clk) begin
        if (forget) begin
            begin_due <= 1'b0;
            end_due <= 1'b0;
            ended <= 1'b0;
        end else begin
            if (a_teaches || b_teaches)
                begin_due <= 1'b1;
            else if (told[1])
                begin_due <= 1'b0;
            if (ends && !ended) begin
                end_due <= 1'b1;
                ended <= 1'b1;
            end else if (told[8])
                end_due <= 1'b0;
        end
    end

    // The notice in the form of a message.
    wire        refusal;
    wire        distance;
    wire        change;
    wire [7:0]  notice_type;
    wire [63:0] notice_ref;
    wire [31:0] notice_shares;
    wire [31:0] notice_price;
    wire        notice_b;
    wire [`NORM_BITS-1:0] notice_entry;
    assign refusal = told[2] || told[3];
    assign distance = told[4] || told[5];
    assign change = told[6] || told[7];
    assign notice_type = lose ? `FP_EV_GAP_LOST
                       : refusal ? `FP_EV_FRAME_BAD
                       : distance ? `FP_EV_GAP
                       : change ? (notice_b ? (b_down ? `FP_EV_LINE_DOWN : `FP_EV_LINE_UP)
                                            : (a_down ? `FP_EV_LINE_DOWN : `FP_EV_LINE_UP))
                       : `FP_EV_SESSION;
    assign notice_ref = lose || distance ? expected : told[2] ? a_bad_first : told[3] ? b_bad_first : 64'd0;
    assign notice_shares = lose ? missing[31:0] | {32{missing[63:32] != 32'd0}}
                         : told[2] ? a_bad_left
                         : told[3] ? b_bad_left
                         : distance ? 32'hFFFFFFFF
                         : told[1] ? BEGAN
                         : told[8] ? ENDED
                         : 32'd0;
    assign notice_price = told[2] ? {24'd0, a_bad_reason} : told[3] ? {24'd0, b_bad_reason} : 32'd0;
    assign notice_b = !lose && (told[3] || told[5] || told[7] || (told[1] && teacher_b));
    assign notice_entry[`NORM_TYPE] = notice_type;
    assign notice_entry[`NORM_FAULT] = `NORM_SOUND;
    assign notice_entry[`NORM_TIMESTAMP] = 48'd0;
    assign notice_entry[`NORM_LOCATE] = 16'd0;
    assign notice_entry[`NORM_REF] = notice_ref;
    assign notice_entry[`NORM_REF2] = 64'd0;
    assign notice_entry[`NORM_SIDE] = 1'b0;
    assign notice_entry[`NORM_SHARES] = notice_shares;
    assign notice_entry[`NORM_PRICE] = notice_price;
    assign notice_entry[`NORM_PRINTABLE] = 1'b0;
    assign notice_entry[`NORM_OVERFLOW] = 1'b0;
    assign notice_entry[`NORM_AUX] = 16'd0;
    assign notice_entry[`NORM_SYMIDX] = 10'd0;
    assign notice_entry[`NORM_TRACKED] = 1'b0;
    assign notice_entry[`NORM_RX_CYCLE] = rx_cycle;
    assign notice_entry[`NORM_SEQ] = expected;
    assign notice_entry[`NORM_MARK] = 1'b0;

    // Out.
    reg        out_valid;
    reg        out_b;
    reg        lead_b;
    reg        counted;
    reg        gap;
    reg [1:0]  unheld;
    reg [`NORM_BITS-1:0] out;
    always @(posedge clk) begin
        if (forget) begin
            out_valid <= 1'b0;
            lead_b <= 1'b0;
            counted <= 1'b0;
            gap <= 1'b0;
            unheld <= 2'b00;
        end else begin
            out_valid <= message || lose || told != 9'd0;
            counted <= message;
            gap <= lose;
            unheld[0] <= a_valid && a_pop && !a_goes && !a_mark;
            unheld[1] <= b_valid && b_pop && !b_goes && !b_mark;
            if (message)
                lead_b <= b_goes;
        end
        out <= a_goes ? a_head : b_goes ? b_head : notice_entry;
        out_b <= a_goes ? 1'b0 : b_goes ? 1'b1 : notice_b;
    end
    assign norm_valid = out_valid;
    assign norm_type = out[`NORM_TYPE];
    assign norm_fault = out[`NORM_FAULT];
    assign norm_seq = out[`NORM_SEQ];
    assign norm_timestamp = out[`NORM_TIMESTAMP];
    assign norm_locate = out[`NORM_LOCATE];
    assign norm_tracked = out[`NORM_TRACKED];
    assign norm_symidx = out[`NORM_SYMIDX];
    assign norm_ref = out[`NORM_REF];
    assign norm_ref2 = out[`NORM_REF2];
    assign norm_side = out[`NORM_SIDE];
    assign norm_shares = out[`NORM_SHARES];
    assign norm_price = out[`NORM_PRICE];
    assign norm_printable = out[`NORM_PRINTABLE];
    assign norm_overflow = out[`NORM_OVERFLOW];
    assign norm_aux = out[`NORM_AUX];
    assign norm_line_b = out_b;
    assign norm_rx_cycle = out[`NORM_RX_CYCLE];
    assign early_valid = lead_b ? b_early_valid : a_early_valid;
    assign early_ref = lead_b ? b_early_ref : a_early_ref;
    assign line_down = {b_down, a_down};
    assign stat_message = counted;
    assign stat_gap = gap;
    assign stat_unheld = unheld;

`ifdef FORMAL
`include "axis_props.vh"
    `AXIS_FORMAL_START
    // No message twice, none out of order, and every step from one message to the next is either by one or was told
    // lost. Sequences stay far from 2^64: the signed distances do not wrap.
    localparam TOP = 62;
    reg        f_any;    // a message has left since the last start
    reg [63:0] f_last;   // its sequence
    wire [63:0] f_out;
    assign f_out = out[`NORM_SEQ];
    always @(posedge clk) begin
        assume(a_msg_seq[63:TOP] == 0 && b_msg_seq[63:TOP] == 0);
        assume(a_header_seq[63:TOP] == 0 && b_header_seq[63:TOP] == 0);
        assume(cfg_first_seq[63:TOP] == 0);
        assume(!expected[63]);
        if (forget)
            f_any <= 1'b0;
        else if (counted) begin
            f_any <= 1'b1;
            f_last <= f_out;
        end
    end
    always @(posedge clk) if (f_started && !forget && !$past(forget)) begin
        assert(after_expected == expected + 64'd1);
        assert(!(counted || gap || f_any) || in_sync);
        assert(!(counted && gap));
        if (counted) begin
            assert(f_out + 64'd1 == expected);
            assert(norm_valid);
            if (f_any)
                assert(f_out > f_last);
        end
        if (f_any)
            assert(f_last < expected);
        if (gap) begin
            assert(norm_type == `FP_EV_GAP_LOST && norm_valid);
            assert(norm_ref == norm_seq && norm_ref < expected);
            assert(expected - norm_ref == {32'd0, norm_shares} || norm_shares == 32'hFFFFFFFF);
        end
        if (lose)
            assert(target > expected);
        cover(counted && norm_line_b && $past(counted && !norm_line_b));
        cover(gap && f_any);
        cover(counted && $past(counted) && $past(counted, 2) && hold_level_a != 0);
    end
`endif
endmodule
`default_nettype wire
