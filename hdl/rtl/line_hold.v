// Holds the entries of one feed line until the arbiter takes them, oldest first, and says of the first whether its sequence
// is the expected one. An entry shows only after its frame turned out good; those of a bad frame go without a trace.
// The comparison is made one cycle ahead, for the entry and the sequence that will be there.
// Latency: 4 cycles from `commit` to the head when nothing is before it. Throughput: one entry in and one out per cycle.
// Overflow: an entry that does not fit is dropped, `overflow` tells, and the rest of its frame goes too: `commit` then acts
// as `discard`. What is dropped is missing in this line's sequence, which is what the arbiter looks for.
`default_nettype none
module line_hold #(
    parameter WIDTH = 393,
    parameter SEQ_AT = 328,  // where the sequence is in an entry
    parameter SEQ_BITS = 64,
    parameter DEPTH_LOG2 = 9
) (
    input  wire             clk,
    input  wire             rst,
    input  wire [SEQ_BITS-1:0] expected,
    input  wire [SEQ_BITS-1:0] after_expected,
    input  wire             step,        // after this cycle after_expected is the expected one
    input  wire             in_valid,
    input  wire [WIDTH-1:0] in_entry,
    input  wire             commit,      // the frame is good, an entry given in this cycle belongs to it
    input  wire             discard,     // the frame is bad
    input  wire             pop,         // takes the head; only while head_valid
    output wire             head_valid,
    output wire [WIDTH-1:0] head_entry,
    output wire             head_next,   // its sequence is the expected one
    output wire             head_due,    // ... is it or one before it
    output wire             empty,       // nothing is held, not even for a frame that has not ended; falls at once
    output wire             coming,      // there is no head, but one is on its way
    output wire             overflow,
    output wire             committed,   // a commit took place and kept the frame
    output wire             nearly_full, // a full frame of short messages may not fit any more
    output wire [DEPTH_LOG2:0] level
);
    // RAM -> its output register -> middle -> head.
    reg [WIDTH-1:0]    middle;
    reg [WIDTH-1:0]    head;
    reg                ram_out_valid;
    reg                middle_valid;
    reg                valid;
    reg                is_next;
    reg                is_due;
    reg [DEPTH_LOG2:0] write_at;
    reg [DEPTH_LOG2:0] read_at;
    reg [DEPTH_LOG2:0] keep_at;   // entries before it are committed
    reg                spilled;   // an entry of the current frame did not fit
    wire [WIDTH-1:0]   ram_out;
    reg                none;      // nothing in the RAM nor in the registers

    wire                full;
    wire                fits;
    wire                waiting;  // a committed entry is in the RAM
    wire                head_moves;
    wire                middle_moves;
    wire                ram_out_moves;
    wire                load;
    wire                keeps;
    wire [DEPTH_LOG2:0] write_next;
    assign level = write_at - read_at;
    assign full = level[DEPTH_LOG2];
    assign nearly_full = level[DEPTH_LOG2] || level[DEPTH_LOG2-1:DEPTH_LOG2-2] == 2'b11;
    assign waiting = read_at != keep_at;
    assign empty = none;
    assign coming = !valid && (middle_valid || ram_out_valid || waiting);
    assign head_moves = !valid || pop;
    assign middle_moves = !middle_valid || head_moves;
    assign ram_out_moves = !ram_out_valid || middle_moves;
    assign fits = in_valid && !full;
    assign load = waiting && ram_out_moves;
    assign keeps = commit && !spilled && !(in_valid && full);
    assign write_next = write_at + {{DEPTH_LOG2{1'b0}}, fits};
    assign head_valid = valid;
    assign head_entry = head;
    assign head_next = is_next;
    assign head_due = is_due;

    reg dropped;
    reg kept;
    assign overflow = dropped;
    assign committed = kept;
    always @(posedge clk) begin
        if (rst) begin
            ram_out_valid <= 1'b0;
            middle_valid <= 1'b0;
            valid <= 1'b0;
            write_at <= {(DEPTH_LOG2+1){1'b0}};
            read_at <= {(DEPTH_LOG2+1){1'b0}};
            keep_at <= {(DEPTH_LOG2+1){1'b0}};
            spilled <= 1'b0;
            none <= 1'b1;
            dropped <= 1'b0;
            kept <= 1'b0;
        end else begin
            dropped <= in_valid && full;
            kept <= keeps;
            none <= !(in_valid || write_at != read_at || ram_out_valid || middle_valid || (valid && !pop));
            if (load)
                read_at <= read_at + 1'b1;
            if (ram_out_moves)
                ram_out_valid <= load;
            if (middle_moves)
                middle_valid <= ram_out_valid;
            if (head_moves)
                valid <= middle_valid;
            if (discard || (commit && !keeps))
                write_at <= keep_at;
            else
                write_at <= write_next;
            if (keeps)
                keep_at <= write_next;
            if (commit || discard)
                spilled <= 1'b0;
            else if (in_valid && full)
                spilled <= 1'b1;
        end
    end

    // Never read where it is written: what is read is committed. The proof, which looks into the RAM, has its own.
`ifdef FORMAL
    reg [WIDTH-1:0] f_ram [0:(1<<DEPTH_LOG2)-1];
    reg [WIDTH-1:0] f_ram_out;
    assign ram_out = f_ram_out;
    always @(posedge clk) begin
        if (fits)
            f_ram[write_at[DEPTH_LOG2-1:0]] <= in_entry;
        if (load)
            f_ram_out <= f_ram[read_at[DEPTH_LOG2-1:0]];
        assert(!(fits && load && write_at[DEPTH_LOG2-1:0] == read_at[DEPTH_LOG2-1:0]) || rst || !f_started);
    end
`else
    ram_sdp #(.WIDTH(WIDTH), .DEPTH_LOG2(DEPTH_LOG2)) rows (
        .clk(clk), .we(fits), .waddr(write_at[DEPTH_LOG2-1:0]), .wdata(in_entry),
        .re(load), .raddr(read_at[DEPTH_LOG2-1:0]), .rdata(ram_out)
    );
`endif
    always @(posedge clk) begin
        if (middle_moves)
            middle <= ram_out;
        if (head_moves)
            head <= middle;
    end

    // The comparison, for the entry that will be at the head and the sequence that will be expected.
    wire [SEQ_BITS-1:0] head_seq;
    wire [SEQ_BITS-1:0] middle_seq;
    wire                head_behind;
    wire                middle_behind;
    wire                head_equal;
    wire                middle_equal;
    wire                head_after;
    wire                middle_after;
    assign head_seq = head[SEQ_AT+:SEQ_BITS];
    assign middle_seq = middle[SEQ_AT+:SEQ_BITS];
    seq_order #(.W(SEQ_BITS)) of_head (.seq(head_seq), .mark(expected), .behind(head_behind), .equal(head_equal));
    seq_order #(.W(SEQ_BITS)) of_middle (.seq(middle_seq), .mark(expected), .behind(middle_behind), .equal(middle_equal));
    assign head_after = head_seq == after_expected;
    assign middle_after = middle_seq == after_expected;
    // No multiplexer of two comparisons: synthesis would make it the comparison with what `step`, which is late, chooses.
    always @(posedge clk) begin
        if (rst) begin
            is_next <= 1'b0;
            is_due <= 1'b0;
        end else if (head_moves) begin
            is_next <= middle_valid && ((step && middle_after) || (!step && middle_equal));
            is_due <= middle_valid && (middle_behind || middle_equal || (step && middle_after));
        end else begin
            is_next <= (step && head_after) || (!step && head_equal);
            is_due <= head_behind || head_equal || (step && head_after);
        end
    end

`ifdef FORMAL
`include "axis_props.vh"
    `AXIS_FORMAL_START
    // Everything that fitted and whose frame is kept comes out once and in order; of other frames comes nothing. Entries are
    // numbered as they are taken in; a number of a frame that goes is given again.
    `AXIS_ANYCONST reg [15:0] f_mark;
    reg  [15:0] f_taken;
    reg  [15:0] f_kept;    // number of the first entry that is not committed
    reg  [15:0] f_given;
    reg         f_mark_in;
    reg  [WIDTH-1:0] f_word;
    wire [15:0] f_depth;   // entries before the marked one
    wire [15:0] f_staged;  // entries in the three registers
    wire [15:0] f_at;
    wire [DEPTH_LOG2:0] f_ready; // committed entries in the RAM
    wire        f_drops;
    assign f_depth = f_mark - f_given;
    assign f_staged = {15'd0, valid} + {15'd0, middle_valid} + {15'd0, ram_out_valid};
    assign f_at = {{(15-DEPTH_LOG2){1'b0}}, read_at} + f_depth - f_staged;
    assign f_ready = keep_at - read_at;
    assign f_drops = discard || (commit && !keeps);
    always @(posedge clk) begin
        if (rst) begin
            f_taken <= 16'd0;
            f_kept <= 16'd0;
            f_given <= 16'd0;
            f_mark_in <= 1'b0;
        end else begin
            f_taken <= f_drops ? f_kept : f_taken + {15'd0, fits};
            if (keeps)
                f_kept <= f_taken + {15'd0, fits};
            f_given <= f_given + {15'd0, pop};
            if ((f_drops && f_depth >= f_kept - f_given) || (pop && f_depth == 16'd0))
                f_mark_in <= 1'b0;
            else if (fits && f_taken == f_mark)
                f_mark_in <= 1'b1;
            if (fits && f_taken == f_mark)
                f_word <= in_entry;
        end
    end
    always @(posedge clk) if (f_started && !rst) begin
        if (pop) begin
            assert(f_kept != f_given);
            if (f_depth == 16'd0)
                assert(f_mark_in && head == f_word);
        end
        assert(f_mark_in == (f_depth < f_taken - f_given));
        assert(level <= (1 << DEPTH_LOG2));
        assert(f_taken - f_given == {{(15-DEPTH_LOG2){1'b0}}, level} + f_staged);
        assert(f_ready <= level);
        assert(f_kept - f_given == {{(15-DEPTH_LOG2){1'b0}}, f_ready} + f_staged);
        if (f_mark_in && valid && f_depth == 16'd0)
            assert(head == f_word);
        if (f_mark_in && middle_valid && f_depth == {15'd0, valid})
            assert(middle == f_word);
        if (f_mark_in && ram_out_valid && f_depth == {15'd0, valid} + {15'd0, middle_valid})
            assert(ram_out == f_word);
        if (f_mark_in && f_depth >= f_staged)
            assert(f_ram[f_at[DEPTH_LOG2-1:0]] == f_word);
        assert(!none || (write_at == read_at && !valid && !middle_valid && !ram_out_valid));
        cover(f_given == 16'd6 && empty);
        cover(overflow);
        cover(f_given == 16'd3 && f_drops && f_taken != f_kept);
    end
    // What is said of the head is so, unless the expected sequence was set to another in the last cycle.
    reg f_first;
    reg [SEQ_BITS-1:0] f_expected;
    wire [SEQ_BITS-1:0] f_lead;
    assign f_lead = head_seq - expected;
    always @(posedge clk) begin
        f_first <= !rst;
        f_expected <= step ? after_expected : expected;
    end
    always @(posedge clk) if (f_started && !rst && !valid)
        assert(!is_next && !is_due);
    always @(posedge clk) if (f_started && !rst && f_first && valid && f_expected == expected) begin
        assert(is_next == (head_seq == expected));
        assert(is_due == (f_lead[SEQ_BITS-1] || f_lead == 0) || f_lead == {1'b0, {(SEQ_BITS-1){1'b1}}}); // the distance wrapped
    end
    always @(posedge clk) if (f_started && !rst) begin
        assume(!pop || valid);
        assume(!(commit && discard));
        assume(after_expected == expected + 1'b1);
    end
`endif
endmodule
`default_nettype wire
