// One feed line in front of the arbiter: is the packet of our session and near enough, which of its messages are new, what
// does its end say. A message that is the expected one while nothing is held goes on at once; other new ones, and what
// heartbeats announce, wait in a hold FIFO until their packet's end is known to be good: what a bad packet says of messages
// ahead of us is forgotten with it. Sequences are compared one cycle ahead, with what will be expected then.
// Latency: 0 from msg_* to goes (STORE_FWD = 0). Throughput: one message per cycle.
// Overflow: the FIFO drops the packet and tells; the line then has a hole, which the arbiter treats as a loss on this line.
`default_nettype none
`include "norm_bus.vh"
module line_gate #(
    parameter HOLD_LOG2 = 9,
    parameter FAR_LOG2 = 20, // a packet this far ahead of the sequence is refused, and told
    parameter STORE_FWD = 0
) (
    input  wire        clk,
    input  wire        rst,             // also the host's resync: forgets everything
    input  wire [31:0] cfg_silence,     // cycles without a good packet until the line is down; 0: never
    input  wire [63:0] expected,
    input  wire [63:0] after_expected,
    input  wire        step,            // after this cycle after_expected is the expected one
    input  wire        run,             // messages may go and entries may be taken
    input  wire        synced,          // expected means something, for a cycle or more
    input  wire        over,            // the session's end has had its turn: nothing more is taken
    input  wire [63:0] next_seq,        // msg_seq of the next cycle, if there is a message in it
    input  wire        session_match,   // the header's session is acceptable; in the cycle after header_valid
    input  wire        msg_valid,
    input  wire [`NORM_BITS-1:0] msg_entry,
    input  wire        header_valid,
    input  wire [63:0] header_seq,
    input  wire [15:0] header_count,
    input  wire        end_valid,
    input  wire        end_bad,
    input  wire [7:0]  end_reason,
    input  wire        end_header,
    input  wire        went,            // what can go went: the other line's copy did not
    output wire        goes,            // go_entry can go
    output wire [`NORM_BITS-1:0] go_entry, // the head of the hold, or the message on msg_* while there is none
    output wire [`NORM_BITS-1:0] head_entry,
    output wire        waits,           // there is a head
    output wire        ahead,           // ... and it waits for a hole
    output wire        moves,           // the head changes, or one is on its way
    output wire        starts,          // a good packet of our session ends: header_seq may be where we start
    output wire        ending,          // an end of session has its turn
    output wire        nearly_full,
    output wire        down,
    output wire        bad_due,         // a refused packet waits to be told
    output wire [7:0]  bad_reason,
    output wire [63:0] bad_first,
    output wire [31:0] bad_left,        // messages of it that had left
    input  wire        bad_done,
    output wire        far_due,         // a packet far ahead was refused: the books cannot be right
    input  wire        far_done,
    output wire        change_due,      // the line went down or came up
    input  wire        change_done,
    output wire        stat_duplicate,
    output wire        stat_unheld,
    output wire        stat_refused,
    output wire        stat_overflow,
    output wire [HOLD_LOG2:0] hold_level
);
    localparam [7:0] BAD_FIELD = 8'd5; // fp_error codes of hdl/spec/records.json
    localparam [7:0] WRONG_SESSION = 8'd6;
    localparam [7:0] NO_ROOM = 8'd7;
    localparam [7:0] BAD_STATE = 8'd11;

    // The packet that is arriving. Its first message comes two cycles or more after its header. Sequences that reach 2^64 are
    // refused, and those so far behind that the sign of a distance, which is all that is looked at below, could turn.
    reg        accept;
    reg        foreign;
    reg        far;
    reg        judge;
    reg        anchored;
    reg        lagging;    // header_seq is less than expected
    reg [63:0] lead;
    reg        top;        // the upper 48 bits of header_seq are all ones
    reg        carries;    // its lower 16 with header_count reach 2^16
    reg        quiet;      // it carries no message
    reg        closing;    // ... and ends the session
    reg        late;       // it came after the end, and is not behind it
    reg        judged;     // its header was: without that a sound packet that ends began before rst
    wire       too_far;
    wire       impossible;
    wire       too_late;
    wire [64:0] distance;
    wire [16:0] low_end;
    assign distance = {1'b0, header_seq} - {1'b0, expected};
    assign low_end = {1'b0, header_seq[15:0]} + {1'b0, header_count};
    assign too_far = anchored && !lagging && lead[63:FAR_LOG2] != 0;
    assign impossible = (top && carries && !closing) || (anchored && lagging && (closing || lead[63:62] != 2'b11));
    assign too_late = over && !lagging && !(quiet && lead[FAR_LOG2-1:0] == 0);
    always @(posedge clk) begin
        if (rst) begin
            judge <= 1'b0;
            accept <= 1'b0;
            foreign <= 1'b0;
            far <= 1'b0;
            late <= 1'b0;
            judged <= 1'b0;
            lagging <= 1'b0;
            top <= 1'b0;
            carries <= 1'b0;
        end else begin
            judge <= header_valid;
            lagging <= distance[64];
            top <= header_seq[63:16] == 48'hFFFFFFFFFFFF;
            carries <= low_end[16];
            if (judge) begin
                accept <= session_match && !too_far && !impossible && !too_late;
                foreign <= !session_match;
                far <= session_match && too_far;
                late <= session_match && !too_far && !impossible && too_late;
            end else if (overhangs)
                late <= 1'b1;
            if (judge)
                judged <= 1'b1;
            else if (end_valid)
                judged <= 1'b0;
        end
        anchored <= synced;
        lead <= distance[63:0];
        closing <= header_count == 16'hFFFF;
        quiet <= header_count == 16'd0 || header_count == 16'hFFFF;
    end

    // Its messages.
    reg         is_next;   // of the message that may be on msg_* now
    reg         is_behind;
    wire        next_behind;
    wire        next_equal;
    wire        next_after;
    wire        empty;
    wire        arrives;
    wire        direct;    // it can go
    wire        repeated;  // it was told already, or the other line tells it now
    wire        overhangs; // it is beyond the session's end
    seq_order of_next (.seq(next_seq), .mark(expected), .behind(next_behind), .equal(next_equal));
    assign next_after = next_seq == after_expected;
    always @(posedge clk) begin
        if (over)
            is_next <= 1'b0;
        else
            is_next <= (step && next_after) || (!step && next_equal); // no multiplexer: see line_hold.v
        is_behind <= next_behind || (step && next_equal);
    end
    assign arrives = msg_valid && accept;
    assign direct = STORE_FWD == 0 && arrives && empty && is_next && run;
    assign overhangs = arrives && over && run && !is_behind;
    assign repeated = arrives && ((is_behind && run) || (direct && !went));

    // Its end: a heartbeat and an end of session stand in the queue as the sequence they announce.
    wire        good_end;
    wire        bad_end;
    wire        mark;
    wire [7:0]  kind;
    wire [`NORM_BITS-1:0] entry;
    assign good_end = end_valid && !end_bad && end_header && accept && !late;
    assign bad_end = end_valid && !good_end && (end_bad || judged);
    assign mark = good_end && quiet;
    // The fields between kind and sequence mean nothing in a mark. A quiet packet has no message to be mixed up with.
    assign kind = closing ? `NORM_KIND_END : `NORM_KIND_HEARTBEAT;
    assign entry = {quiet, quiet ? header_seq : msg_entry[`NORM_SEQ], msg_entry[327:8], quiet ? kind : msg_entry[`NORM_TYPE]};

    wire dropped;
    wire kept;
    wire store;
    wire head_valid;
    wire head_next;
    wire head_due;
    wire head_mark;
    wire held;     // the head can go
    wire coming;
    wire pop;
    assign store = arrives && !(is_behind && run) && !direct;
    line_hold #(.WIDTH(`NORM_BITS), .SEQ_AT(328), .DEPTH_LOG2(HOLD_LOG2)) hold (
        .clk(clk),
        .rst(rst),
        .expected(expected),
        .after_expected(after_expected),
        .step(step),
        .in_valid(store || mark),
        .in_entry(entry),
        .commit(good_end),
        .discard(bad_end),
        .pop(pop),
        .head_valid(head_valid),
        .head_entry(head_entry),
        .head_next(head_next),
        .head_due(head_due),
        .empty(empty),
        .coming(coming),
        .overflow(dropped),
        .committed(kept),
        .nearly_full(nearly_full),
        .level(hold_level)
    );
    assign head_mark = head_entry[`NORM_MARK];
    assign pop = run && head_due;
    assign held = run && head_next && !head_mark;
    assign goes = direct || held;
    assign go_entry = head_valid ? head_entry : msg_entry; // with a head nothing is direct
    assign waits = head_valid;
    assign ahead = head_valid && !head_due;
    assign moves = pop || coming;
    assign starts = good_end;
    assign ending = pop && head_mark && head_entry[`NORM_TYPE] == `NORM_KIND_END;

    // What is to be told about it. A second refusal before the first is told adds its messages to it.
    reg        bad;
    reg [7:0]  reason;
    reg [63:0] first;
    reg [31:0] left;
    reg [31:0] gone;        // messages of this packet that left
    reg        far_told;    // since the last packet that was not far
    reg        far_wait;
    reg        ended_good;  // a packet that did not fit is refused one cycle later
    wire       spill_end;
    wire       tell;
    assign spill_end = ended_good && !kept;
    assign tell = bad_end || spill_end;
    always @(posedge clk) begin
        if (rst) begin
            gone <= 32'd0;
            bad <= 1'b0;
            far_told <= 1'b0;
            far_wait <= 1'b0;
            ended_good <= 1'b0;
        end else begin
            ended_good <= good_end;
            if (end_valid)
                gone <= 32'd0;
            else if (direct && went)
                gone <= gone + 32'd1;
            if (tell)
                bad <= 1'b1;
            else if (bad_done)
                bad <= 1'b0;
            if (bad_end && far && end_header && !end_bad && !far_told) begin
                far_wait <= 1'b1;
                far_told <= 1'b1;
            end else if (far_done)
                far_wait <= 1'b0;
            if (good_end)
                far_told <= 1'b0;
        end
        if (tell) begin
            if (!bad || bad_done) begin
                first <= spill_end || end_header ? header_seq : 64'd0;
                reason <= spill_end ? NO_ROOM : end_bad ? end_reason : foreign ? WRONG_SESSION : late ? BAD_STATE : BAD_FIELD;
                left <= gone;
            end else
                left <= left + gone;
        end
    end
    assign bad_due = bad;
    assign bad_reason = reason;
    assign bad_first = first;
    assign bad_left = left;
    assign far_due = far_wait;

    // Silence.
    reg [31:0] silent;
    reg        is_down;
    reg        change;
    reg        duplicate;
    reg        unheld;
    reg        refused;
    wire       long_silent;  // cfg_silence may have been lowered below the count
    assign long_silent = silent >= cfg_silence;
    always @(posedge clk) begin
        if (rst) begin
            silent <= 32'd0;
            is_down <= 1'b0;
            change <= 1'b0;
            duplicate <= 1'b0;
            unheld <= 1'b0;
            refused <= 1'b0;
        end else begin
            if (good_end || cfg_silence == 32'd0)
                silent <= 32'd0;
            else if (!is_down)
                silent <= silent + 32'd1;
            if (good_end || cfg_silence == 32'd0)
                is_down <= 1'b0;
            else if (long_silent)
                is_down <= 1'b1;
            if (is_down ? good_end || cfg_silence == 32'd0 : long_silent && !good_end && cfg_silence != 32'd0)
                change <= 1'b1;
            else if (change_done)
                change <= 1'b0;
            duplicate <= repeated;
            unheld <= pop && !head_mark && !(held && went);
            refused <= tell;
        end
    end
    assign down = is_down;
    assign change_due = change;
    assign stat_duplicate = duplicate;
    assign stat_unheld = unheld;
    assign stat_refused = refused;
    assign stat_overflow = dropped;

`ifdef FORMAL
`include "axis_props.vh"
    `AXIS_FORMAL_START
    // While the arbiter runs, what was compared one cycle ahead is so now: what can go is the expected message.
    reg        f_before;    // the last cycle was no reset
    reg [63:0] f_expected;  // what it foresaw
    reg [63:0] f_next_seq;
    reg        f_over;
    wire [63:0] f_head_seq;
    wire [63:0] f_head_lead;
    assign f_head_seq = head_entry[`NORM_SEQ];
    assign f_head_lead = f_head_seq - expected;
    always @(posedge clk) begin
        f_before <= !rst;
        f_expected <= step ? after_expected : expected;
        f_next_seq <= next_seq;
        f_over <= over;
    end
    always @(posedge clk) if (f_started && !rst && f_before && f_expected == expected) begin
        assert(is_next == (f_next_seq == expected && !f_over));
        if (head_valid)
            assert(head_next == (f_head_seq == expected));
        if (head_valid && (!f_head_lead[62] || f_head_lead[63]))
            assert(head_due == (f_head_lead[63] || f_head_lead == 64'd0));
    end
    always @(posedge clk) if (f_started && !rst) begin
        assert(head_valid || (!head_next && !head_due));
        assert(!direct || !head_valid);
    end
    always @(posedge clk) if (f_started && !rst && f_before && run)
        assert(f_expected == expected);
`endif
endmodule
`default_nettype wire
