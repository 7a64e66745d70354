// A/B line arbitration: one strictly increasing stream of messages out of two lines that carry the same, each message from
// the line that brings it first.
// Latency: 1 cycle from msg_* to norm_* on a line that is in sequence. Throughput: one message per cycle out, one per line
// and cycle in; never pushes back.
// Overflow: each line holds 2^HOLD_LOG2 messages ahead of a hole; packets beyond that are dropped, counted, and looked for on
// the other line. A hole is given up, and told as GAP_LOST, when both lines are past it (or down), when it is older than
// cfg_gap_wait, or when a hold is nearly full.
// Without cfg_first_seq we start at the first packet of the session that turned out good.
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
    input  wire [63:0] a_next_seq, // a_msg_seq of the next cycle, if there is a message in it
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
    input  wire [63:0] b_next_seq, // b_msg_seq of the next cycle, if there is a message in it
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
    // Judged in the cycle after header_valid, from comparisons made in that of header_valid.
    reg        known;
    reg [79:0] name;
    reg        fresh;      // name was learned in the last cycle: not compared with it yet
    reg        tentative;
    reg        teacher_b;
    reg        any;        // no session is configured
    reg        a_judge;
    reg        b_judge;
    reg        a_named;    // the header's session is the known one
    reg        b_named;
    reg        a_wanted;   // ... the configured one
    reg        b_wanted;
    reg        alike;      // both lines' last headers are of one session
    wire       a_match;
    wire       b_match;
    wire       a_teaches;
    wire       b_teaches;
    assign a_match = !known ? any || a_wanted : fresh ? !teacher_b || alike : a_named;
    assign b_match = known ? (fresh ? teacher_b || alike : b_named)
                   : (any || b_wanted) && (alike || !a_teaches);
    assign a_teaches = a_judge && !known && a_match;
    assign b_teaches = b_judge && !known && b_match && !a_teaches;
    always @(posedge clk) begin
        any <= cfg_session == 80'd0;
        a_named <= a_header_session == name;
        b_named <= b_header_session == name;
        a_wanted <= a_header_session == cfg_session;
        b_wanted <= b_header_session == cfg_session;
        alike <= a_header_session == b_header_session;
        if (forget) begin
            a_judge <= 1'b0;
            b_judge <= 1'b0;
            known <= 1'b0;
            fresh <= 1'b0;
            tentative <= 1'b0;
        end else begin
            a_judge <= a_header_valid;
            b_judge <= b_header_valid;
            fresh <= a_teaches || b_teaches;
            if (a_teaches || b_teaches) begin
                known <= 1'b1;
                tentative <= any;
            end else if (tentative && (teacher_b ? b_end_valid : a_end_valid)) begin
                tentative <= 1'b0;
                known <= !(teacher_b ? b_end_bad : a_end_bad);
            end
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
    reg  [63:0] after_expected;
    reg         in_sync;
    reg         placed;    // in_sync a cycle later: expected is the one
    reg         set;       // expected is set to `other` now
    reg  [63:0] other;
    reg         run;       // in sync, and nothing is being set
    reg         ended;     // the session's end has had its turn
    wire        message;
    wire        a_can;
    wire        a_waits;
    wire        a_ahead;
    wire        a_moves;
    wire        a_starts;
    wire        a_ending;
    wire        a_full;
    wire        a_down;
    wire        a_bad_due;
    wire        a_far_due;
    wire        a_change_due;
    wire        b_can;
    wire        b_waits;
    wire        b_ahead;
    wire        b_moves;
    wire        b_starts;
    wire        b_ending;
    wire        b_full;
    wire        b_down;
    wire        b_bad_due;
    wire        b_far_due;
    wire        b_change_due;
    wire [`NORM_BITS-1:0] a_msg;
    wire [`NORM_BITS-1:0] b_msg;
    wire [`NORM_BITS-1:0] a_go;
    wire [`NORM_BITS-1:0] b_go;
    wire [`NORM_BITS-1:0] a_head;
    wire [`NORM_BITS-1:0] b_head;
    wire [7:0]  a_bad_reason;
    wire [63:0] a_bad_first;
    wire [31:0] a_bad_left;
    wire [7:0]  b_bad_reason;
    wire [63:0] b_bad_first;
    wire [31:0] b_bad_left;
    wire        a_goes;
    wire        b_goes;
    wire [8:0]  due;
    wire [8:0]  told;      // one-hot: the notice that is taken up
    assign a_msg = {1'b0, a_msg_seq, rx_cycle, a_msg_tracked, a_msg_symidx, a_msg_body};
    assign b_msg = {1'b0, b_msg_seq, rx_cycle, b_msg_tracked, b_msg_symidx, b_msg_body};
    line_gate #(.HOLD_LOG2(HOLD_LOG2), .FAR_LOG2(FAR_LOG2), .STORE_FWD(STORE_FWD)) line_a (
        .clk(clk), .rst(forget), .cfg_silence(cfg_silence), .expected(expected), .after_expected(after_expected),
        .step(message), .run(run), .synced(placed), .over(ended), .next_seq(a_next_seq), .session_match(a_match),
        .msg_valid(a_msg_valid), .msg_entry(a_msg),
        .header_valid(a_header_valid), .header_seq(a_header_seq), .header_count(a_header_count),
        .end_valid(a_end_valid), .end_bad(a_end_bad), .end_reason(a_end_reason), .end_header(a_end_header),
        .went(a_goes), .goes(a_can), .go_entry(a_go), .head_entry(a_head), .waits(a_waits), .ahead(a_ahead), .moves(a_moves),
        .starts(a_starts), .ending(a_ending), .nearly_full(a_full), .down(a_down),
        .bad_due(a_bad_due), .bad_reason(a_bad_reason), .bad_first(a_bad_first), .bad_left(a_bad_left), .bad_done(told[2]),
        .far_due(a_far_due), .far_done(told[4]), .change_due(a_change_due), .change_done(told[6]),
        .stat_duplicate(stat_duplicate[0]), .stat_unheld(stat_unheld[0]), .stat_refused(stat_refused[0]),
        .stat_overflow(stat_overflow[0]), .hold_level(hold_level_a));
    line_gate #(.HOLD_LOG2(HOLD_LOG2), .FAR_LOG2(FAR_LOG2), .STORE_FWD(STORE_FWD)) line_b (
        .clk(clk), .rst(forget), .cfg_silence(cfg_silence), .expected(expected), .after_expected(after_expected),
        .step(message), .run(run), .synced(placed), .over(ended), .next_seq(b_next_seq), .session_match(b_match),
        .msg_valid(b_msg_valid), .msg_entry(b_msg),
        .header_valid(b_header_valid), .header_seq(b_header_seq), .header_count(b_header_count),
        .end_valid(b_end_valid), .end_bad(b_end_bad), .end_reason(b_end_reason), .end_header(b_end_header),
        .went(b_goes), .goes(b_can), .go_entry(b_go), .head_entry(b_head), .waits(b_waits), .ahead(b_ahead), .moves(b_moves),
        .starts(b_starts), .ending(b_ending), .nearly_full(b_full), .down(b_down),
        .bad_due(b_bad_due), .bad_reason(b_bad_reason), .bad_first(b_bad_first), .bad_left(b_bad_left), .bad_done(told[3]),
        .far_due(b_far_due), .far_done(told[5]), .change_due(b_change_due), .change_done(told[7]),
        .stat_duplicate(stat_duplicate[1]), .stat_unheld(stat_unheld[1]), .stat_refused(stat_refused[1]),
        .stat_overflow(stat_overflow[1]), .hold_level(hold_level_b));

    // Who goes. Marks (heartbeat, end of session) take no slot on the bus.
    assign a_goes = a_can;
    assign b_goes = b_can && !a_can;
    assign message = a_can || b_can;

    // Holes. While one stays, nothing moves; the distance to the nearest held message is worked out step by step, and the
    // hole given up when there is reason to.
    reg  [31:0] waited;
    reg  [2:0]  steady;    // how many steps are done
    reg         hopeless;
    reg         a_nearer;
    reg  [63:0] target;
    reg  [63:0] missing;
    reg         many;
    reg         was_a;
    reg         was_b;
    wire        hole;
    wire        same;
    wire        gives;
    reg         lose;      // the hole is given up now; nothing goes meanwhile, and what shows up now is too late
    assign hole = run && (a_ahead || b_ahead) && !message && !a_moves && !b_moves;
    assign same = was_a == a_ahead && was_b == b_ahead;
    assign gives = steady == 3'd5 && hole && same && hopeless;
    always @(posedge clk) begin
        if (forget) begin
            waited <= 32'd0;
            steady <= 3'd0;
            hopeless <= 1'b0;
            lose <= 1'b0;
        end else begin
            lose <= gives;
            if (message || lose || !(a_ahead || b_ahead))
                waited <= 32'd0;
            else if (waited != 32'hFFFFFFFF)
                waited <= waited + 32'd1;
            if (!hole || !same || gives)
                steady <= 3'd0;
            else if (steady != 3'd5)
                steady <= steady + 3'd1;
            hopeless <= ((a_ahead || a_down) && (b_ahead || b_down)) || waited >= cfg_gap_wait
                     || (a_ahead && a_full) || (b_ahead && b_full);
        end
        was_a <= a_ahead;
        was_b <= b_ahead;
        a_nearer <= a_ahead && (!b_ahead || a_head[`NORM_SEQ] < b_head[`NORM_SEQ]);
        target <= a_nearer ? a_head[`NORM_SEQ] : b_head[`NORM_SEQ];
        missing <= target - expected;
        many <= missing[63:32] != 32'd0;
    end
    reg open;
    always @(posedge clk) open <= hole && !forget;
    assign hole_open = open;

    // Where we are.
    wire a_anchors;
    wire b_anchors;
    assign a_anchors = a_starts && !in_sync;
    assign b_anchors = b_starts && !in_sync;
    always @(posedge clk) begin
        if (forget) begin
            expected <= cfg_first_seq;
            after_expected <= cfg_first_seq + 64'd1;
            in_sync <= cfg_first_seq != 64'd0;
            placed <= cfg_first_seq != 64'd0;
            set <= 1'b0;
            run <= 1'b0;
        end else begin
            placed <= in_sync;
            set <= lose || a_anchors || b_anchors;
            run <= in_sync && !set && !gives && !lose;
            if (a_anchors || b_anchors)
                in_sync <= 1'b1;
            if (set) begin
                expected <= other;
                after_expected <= other + 64'd1;
            end else if (message) begin
                expected <= after_expected;
                after_expected <= after_expected + 64'd1;
            end
        end
        other <= a_anchors ? a_header_seq : b_anchors ? b_header_seq : target;
    end
    assign expected_seq = expected;
    assign synced = in_sync;

    // Notices are taken up one at a time, the first due first in this order, and leave in a cycle that no message takes.
    reg  begin_due;
    reg  end_due;
    reg  note;       // one waits to leave
    wire note_goes;
    wire begins;
    assign begins = a_teaches || b_teaches;
    assign note_goes = note && !message && !lose;
    assign due = {end_due, b_change_due, a_change_due, b_far_due, a_far_due, b_bad_due, a_bad_due, begin_due, 1'b0};
    genvar n;
    generate
        for (n = 0; n < 9; n = n + 1) begin : notice
            if (n == 0) begin : none
                assign told[n] = 1'b0;
            end else begin : one
                assign told[n] = !note && due[n] && due[n-1:0] == 0;
            end
        end
    endgenerate
    always @(posedge clk) begin
        if (forget) begin
            begin_due <= 1'b0;
            end_due <= 1'b0;
            ended <= 1'b0;
            note <= 1'b0;
        end else begin
            if (begins)
                begin_due <= 1'b1;
            else if (told[1])
                begin_due <= 1'b0;
            if ((a_ending || b_ending) && !ended) begin
                end_due <= 1'b1;
                ended <= 1'b1;
            end else if (told[8])
                end_due <= 1'b0;
            note <= note ? !note_goes : due != 9'd0;
        end
    end
    reg [7:0]  note_type;
    reg [63:0] note_ref;
    reg [31:0] note_shares;
    reg [31:0] note_price;
    reg        note_far;
    reg        note_b;
    always @(posedge clk) if (!note) begin
        note_type <= told[2] || told[3] ? `FP_EV_FRAME_BAD
                   : told[4] || told[5] ? `FP_EV_GAP
                   : told[6] ? (a_down ? `FP_EV_LINE_DOWN : `FP_EV_LINE_UP)
                   : told[7] ? (b_down ? `FP_EV_LINE_DOWN : `FP_EV_LINE_UP)
                   : `FP_EV_SESSION;
        note_ref <= told[2] ? a_bad_first : told[3] ? b_bad_first : 64'd0;
        note_shares <= told[2] ? a_bad_left
                     : told[3] ? b_bad_left
                     : told[4] || told[5] ? 32'hFFFFFFFF
                     : told[1] ? BEGAN
                     : told[8] ? ENDED
                     : 32'd0;
        note_price <= told[2] ? {24'd0, a_bad_reason} : told[3] ? {24'd0, b_bad_reason} : 32'd0;
        note_far <= told[4] || told[5];
        note_b <= told[3] || told[5] || told[7] || (told[1] && teacher_b);
    end

    // A notice or a lost hole in the form of a message.
    wire [`NORM_BITS-1:0] notice_entry;
    assign notice_entry[`NORM_TYPE] = lose ? `FP_EV_GAP_LOST : note_type;
    assign notice_entry[`NORM_FAULT] = `NORM_SOUND;
    assign notice_entry[`NORM_TIMESTAMP] = 48'd0;
    assign notice_entry[`NORM_LOCATE] = 16'd0;
    assign notice_entry[`NORM_REF] = lose || note_far ? expected : note_ref;
    assign notice_entry[`NORM_REF2] = 64'd0;
    assign notice_entry[`NORM_SIDE] = 1'b0;
    assign notice_entry[`NORM_SHARES] = lose ? missing[31:0] | {32{many}} : note_shares;
    assign notice_entry[`NORM_PRICE] = lose ? 32'd0 : note_price;
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
    reg [`NORM_BITS-1:0] out;
    always @(posedge clk) begin
        if (forget) begin
            out_valid <= 1'b0;
            lead_b <= 1'b0;
            counted <= 1'b0;
            gap <= 1'b0;
        end else begin
            out_valid <= message || lose || note;
            counted <= message;
            gap <= lose;
            if (message)
                lead_b <= b_goes;
        end
        // Anything that may go: what does is known too late to gate so many registers.
        if (a_msg_valid || b_msg_valid || a_waits || b_waits || lose || note)
            out <= a_can ? a_go : b_can ? b_go : notice_entry;
        out_b <= message ? !a_goes : !lose && note_b;
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
        if (f_started && a_msg_valid)
            assume(a_msg_seq == $past(a_next_seq));
        if (f_started && b_msg_valid)
            assume(b_msg_seq == $past(b_next_seq));
        assume(a_next_seq[63:TOP] == 0 && b_next_seq[63:TOP] == 0);
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
            assert(set && norm_ref == norm_seq && norm_ref == expected && norm_ref < other);
            assert(other - norm_ref == {32'd0, norm_shares} || norm_shares == 32'hFFFFFFFF);
        end
        // The steps to a lost hole: each register is right when its step is done and the heads are the same.
        if (same && steady >= 3'd1)
            assert(a_nearer == (a_ahead && (!b_ahead || a_head[`NORM_SEQ] < b_head[`NORM_SEQ])));
        if (same && steady >= 3'd2)
            assert(target == (a_nearer ? a_head[`NORM_SEQ] : b_head[`NORM_SEQ]));
        if (same && steady >= 3'd3)
            assert(missing == target - expected);
        if (same && steady >= 3'd4)
            assert(many == (missing[63:32] != 32'd0));
        if (lose) begin
            assert(!run && !message);
            assert(missing == target - expected && many == (missing[63:32] != 32'd0) && target > expected);
        end
        if (run)
            assert(in_sync && placed && !set && !lose);
        if (lose)
            assert(target > expected && !message);
        if (set && f_any)
            assert(other > expected);
        assert(!(set && !gap) || !f_any);
    end
`ifdef FORMAL_COVER
    // What can be reached, with everything constant that does not matter for it: the search then ends soon.
    always @(posedge clk) begin
        assume(rst == !f_started && !cmd_resync);
        assume(cfg_first_seq == 64'd5 && cfg_session == 80'd1 && cfg_gap_wait == 32'd0 && cfg_silence == 32'd0);
        assume(a_header_session == 80'd1 && b_header_session == 80'd1);
        assume(a_next_seq[63:4] == 0 && b_next_seq[63:4] == 0 && a_header_seq[63:4] == 0 && b_header_seq[63:4] == 0);
        assume(a_header_count == 16'd1 && b_header_count == 16'd1);
        assume(a_msg_body == 0 && a_msg_symidx == 0 && b_msg_body == 0 && b_msg_symidx == 0 && cycle == 0);
        assume(!a_end_bad && a_end_header && a_end_reason == 0 && !b_end_bad && b_end_header && b_end_reason == 0);
    end
    always @(posedge clk) if (f_started && !forget && !$past(forget)) begin
        cover(counted && norm_line_b && $past(counted && !norm_line_b));
        cover(gap && f_any);
        cover(counted && $past(counted) && $past(counted, 2) && hold_level_a != 0);
    end
`endif
`endif
endmodule
`default_nettype wire
