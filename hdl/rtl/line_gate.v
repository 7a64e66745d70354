// One feed line in front of the arbiter: is the packet of our session and near enough, which of its messages are new, what
// does its end say. New messages and heartbeats wait in a hold FIFO whose head is compared with the next expected sequence.
// Latency: 0 from msg_* to head_* while nothing is held (STORE_FWD = 0). Throughput: one message per cycle.
// Overflow: the FIFO drops and tells; the line then has a hole, which the arbiter treats as a loss on this line.
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
    input  wire        synced,          // expected means something
    input  wire        session_match,   // header_session is acceptable; valid with header_valid
    input  wire        msg_valid,
    input  wire [`NORM_BITS-1:0] msg_entry,
    input  wire        header_valid,
    input  wire [63:0] header_seq,
    input  wire [15:0] header_count,
    input  wire        end_valid,
    input  wire        end_bad,
    input  wire [7:0]  end_reason,
    input  wire        end_header,
    input  wire        pop,
    output wire        head_valid,
    output wire [`NORM_BITS-1:0] head_entry,
    output wire        head_next,       // it is the expected one
    output wire        head_behind,     // it was told already
    output wire        head_ahead,
    output wire        nearly_full,
    output wire        down,
    output wire        bad_due,         // a refused packet waits to be told
    output wire [7:0]  bad_reason,
    output wire [63:0] bad_first,
    output wire [31:0] bad_left,        // messages of it that count
    input  wire        bad_done,
    output wire        far_due,         // a packet far ahead was refused: the books cannot be right
    input  wire        far_done,
    output wire        change_due,      // the line went down or came up
    input  wire        change_done,
    output wire        stat_duplicate,
    output wire        stat_refused,
    output wire        stat_overflow,
    output wire [HOLD_LOG2:0] hold_level
);
    localparam [7:0] BAD_FIELD = 8'd5; // fp_error codes of hdl/spec/records.json
    localparam [7:0] WRONG_SESSION = 8'd6;
    localparam [7:0] NO_ROOM = 8'd7;

    // The packet that is arriving.
    reg        accept;
    reg        foreign;
    reg        far;
    reg [31:0] new_messages;
    wire [63:0] lead;
    wire        too_far;
    assign lead = header_seq - expected;
    assign too_far = synced && !lead[63] && lead[62:FAR_LOG2] != 0;
    always @(posedge clk) begin
        if (rst) begin
            accept <= 1'b0;
            foreign <= 1'b0;
            far <= 1'b0;
        end else if (header_valid) begin
            accept <= session_match && !too_far;
            foreign <= !session_match;
            far <= session_match && too_far;
        end
    end

    // Its messages.
    wire [63:0] msg_seq;
    wire [63:0] msg_lead;
    wire        msg_new;
    assign msg_seq = msg_entry[`NORM_SEQ];
    assign msg_lead = msg_seq - expected;
    assign msg_new = msg_valid && accept && !msg_lead[63];

    // Its end: a heartbeat and an end of session stand in the queue as the sequence they announce.
    wire        good_end;
    wire        bad_end;
    wire        quiet;      // it carries no message
    wire        closing;
    wire        mark;
    wire [`NORM_BITS-1:0] mark_entry;
    wire [63:0] mark_lead;
    assign good_end = end_valid && !end_bad && end_header && accept;
    assign bad_end = end_valid && !good_end;
    assign closing = header_count == 16'hFFFF;
    assign quiet = header_count == 16'd0 || closing;
    assign mark_lead = header_seq - expected;
    assign mark = good_end && quiet && !mark_lead[63] && (closing || header_seq != expected);
    assign mark_entry[`NORM_TYPE] = closing ? `NORM_KIND_END : `NORM_KIND_HEARTBEAT;
    assign mark_entry[327:8] = 320'd0;
    assign mark_entry[`NORM_MARK] = 1'b1;
    assign mark_entry[`NORM_SEQ] = header_seq;

    wire dropped;
    wire kept;
    line_hold #(.WIDTH(`NORM_BITS), .DEPTH_LOG2(HOLD_LOG2), .STORE_FWD(STORE_FWD)) hold (
        .clk(clk),
        .rst(rst),
        .in_valid(msg_new || mark),
        .in_entry(mark ? mark_entry : msg_entry),
        .commit(good_end),
        .discard(bad_end),
        .pop(pop),
        .head_valid(head_valid),
        .head_entry(head_entry),
        .overflow(dropped),
        .committed(kept),
        .nearly_full(nearly_full),
        .level(hold_level)
    );
    wire [63:0] head_lead;
    assign head_lead = head_entry[`NORM_SEQ] - expected;
    assign head_next = head_valid && head_entry[`NORM_SEQ] == expected;
    assign head_behind = head_valid && head_lead[63];
    assign head_ahead = head_valid && !head_lead[63] && head_entry[`NORM_SEQ] != expected;

    // What is to be told about it. A second refusal before the first is told adds its messages to it.
    reg        bad;
    reg [7:0]  reason;
    reg [63:0] first;
    reg [31:0] left;
    reg        far_told;    // since the last packet that was not far
    reg        far_wait;
    reg        ended_good;  // for store-and-forward: a frame that did not fit is refused one cycle later
    wire       spill_end;
    wire       tell;
    wire [31:0] left_now;
    assign spill_end = STORE_FWD != 0 && ended_good && !kept;
    assign tell = bad_end || spill_end;
    assign left_now = STORE_FWD != 0 ? 32'd0 : new_messages;
    always @(posedge clk) begin
        if (rst) begin
            new_messages <= 32'd0;
            bad <= 1'b0;
            far_told <= 1'b0;
            far_wait <= 1'b0;
            ended_good <= 1'b0;
        end else begin
            ended_good <= good_end;
            if (end_valid)
                new_messages <= 32'd0;
            else if (msg_new)
                new_messages <= new_messages + 32'd1;
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
                reason <= spill_end ? NO_ROOM : end_bad ? end_reason : foreign ? WRONG_SESSION : BAD_FIELD;
                left <= left_now;
            end else
                left <= left + left_now;
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
    reg        refused;
    always @(posedge clk) begin
        if (rst) begin
            silent <= 32'd0;
            is_down <= 1'b0;
            change <= 1'b0;
            duplicate <= 1'b0;
            refused <= 1'b0;
        end else begin
            if (good_end || cfg_silence == 32'd0)
                silent <= 32'd0;
            else if (!is_down)
                silent <= silent + 32'd1;
            if (good_end || cfg_silence == 32'd0)
                is_down <= 1'b0;
            else if (silent == cfg_silence)
                is_down <= 1'b1;
            if (is_down ? good_end || cfg_silence == 32'd0 : silent == cfg_silence && !good_end && cfg_silence != 32'd0)
                change <= 1'b1;
            else if (change_done)
                change <= 1'b0;
            duplicate <= msg_valid && accept && msg_lead[63];
            refused <= tell;
        end
    end
    assign down = is_down;
    assign change_due = change;
    assign stat_duplicate = duplicate;
    assign stat_refused = refused;
    assign stat_overflow = dropped;
endmodule
`default_nettype wire
