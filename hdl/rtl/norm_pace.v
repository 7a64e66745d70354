// Sets the pace of the book: sorts out what the norm bus brings, keeps the distances the order table needs, and lines
// messages up so that a looked-up order and its message reach stage `c` in the same cycle.
// Latency, norm_valid to stage c: 1 cycle for A F E C U, 2 for the rest, when the early hints came (one cycle before
// norm_valid for A F D X, two for E C; for U the old reference two or more, the new one two before, in consecutive cycles)
// and the distance is kept; else the message waits in the FIFO, 5 cycles or more.
// Throughput: the wire's: one message per cycle without a row, one per 2 cycles with one or behind one (which may leave two
// records); A E C U need 3 after others.
// Overflow: a message that finds the FIFO full, or the tables not yet cleared, is lost: `stat_lost`, every book stale.
//
// The table is told to look 3 cycles before c for an order that is to be found, 2 before for a reference that is new.
`default_nettype none
`include "book_msg.vh"
`include "fp_records.vh"
`include "fp_itch.vh"
module norm_pace #(
    parameter FIFO_LOG2 = 9
) (
    input  wire         clk,
    input  wire         rst,
    input  wire         ready,          // tables are cleared
    input  wire         hold,           // let nothing go: those behind have more to do than a message brings on the mean
    input  wire         norm_valid,
    input  wire [7:0]   norm_type,
    input  wire [1:0]   norm_fault,
    input  wire [47:0]  norm_timestamp,
    input  wire [15:0]  norm_locate,
    input  wire         norm_tracked,
    input  wire [9:0]   norm_symidx,
    input  wire [63:0]  norm_ref,
    input  wire [63:0]  norm_ref2,
    input  wire         norm_side,
    input  wire [31:0]  norm_shares,
    input  wire [31:0]  norm_price,
    input  wire         norm_printable,
    input  wire         norm_overflow,
    input  wire [15:0]  norm_aux,
    input  wire         norm_line_b,
    input  wire [31:0]  norm_rx_cycle,
    input  wire         early_valid,
    input  wire [63:0]  early_ref,
    input  wire         mark_valid,     // set or clear a symbol's stale mark: from the host or the book itself
    output wire         mark_ready,
    input  wire [9:0]   mark_symidx,
    input  wire [7:0]   mark_code,      // 0: clear; else the positive fp_error told in the STALE event
    input  wire [31:0]  mark_cycle,
    output wire         look_valid,     // the order table reads this reference's buckets in this cycle
    output wire [63:0]  look_ref,
    output wire [9:0]   next_symidx,    // of what enters stage c at the coming edge
    output reg          c_valid,
    output reg  [`BM_W-1:0] c_msg,
    output wire         stat_queued,    // a message had to wait
    output wire         stat_lost,
    output wire         stat_untracked, // a message of a symbol that is not tracked
    output wire         stat_unknown,   // type not in ITCH 5.0
    output wire         stat_length,    // wrong length for its type
    output wire         stat_field      // a field out of its range; refused before the book
);
    // What to do with it.
    wire is_add;
    wire is_exec;
    wire is_book;
    wire is_venue;
    wire is_notice;
    wire no_shares;
    wire bad_price;
    wire over_price;
    assign is_add = norm_type == `FP_EV_ADD || norm_type == `FP_EV_ADD_MPID;
    assign is_exec = norm_type == `FP_EV_EXECUTED || norm_type == `FP_EV_EXECUTED_PRICE;
    assign is_book = is_add || is_exec || norm_type == `FP_EV_CANCEL || norm_type == `FP_EV_DELETE || norm_type == `FP_EV_REPLACE;
    assign is_venue = norm_type == `FP_EV_SYSTEM || norm_type == `FP_EV_MWCB_LEVEL || norm_type == `FP_EV_MWCB_STATUS;
    assign is_notice = norm_type[7];
    assign no_shares = norm_shares == 32'd0;
    assign over_price = norm_price > `FP_PRICE_MAX;
    assign bad_price = over_price || norm_price == 32'd0;

    reg [3:0]  in_kind; // the operation as type and fault alone tell it: how it is paced does not wait for its price
    wire [3:0] in_op;
    reg [7:0]  in_code;
    reg        refused;
    always @* begin
        in_kind = `BOP_NOTE;
        in_code = 8'd0;
        refused = 1'b0;
        if (is_notice)
            in_kind = `BOP_NOTICE;
        else if (norm_fault == 2'd1)
            refused = 1'b1;
        else if (norm_fault == 2'd2) begin
            in_kind = `BOP_FAULT;
            in_code = `FP_E_BAD_LENGTH;
            refused = !is_book;
        end else case (norm_type)
            `FP_EV_ADD, `FP_EV_ADD_MPID: begin
                in_kind = `BOP_ADD;
                in_code = `FP_E_BAD_FIELD;
                refused = no_shares;
            end
            `FP_EV_EXECUTED, `FP_EV_EXECUTED_PRICE: in_kind = `BOP_EXEC;
            `FP_EV_CANCEL: in_kind = `BOP_CANCEL;
            `FP_EV_DELETE: in_kind = `BOP_DELETE;
            `FP_EV_REPLACE: in_kind = `BOP_REPLACE;
            `ITCH_TRADE_TYPE: begin
                in_kind = `BOP_TRADE;
                refused = no_shares || bad_price || norm_fault == 2'd3;
            end
            `FP_EV_CROSS: begin
                in_kind = `BOP_CROSS;
                refused = over_price || (!no_shares && norm_price == 32'd0);
            end
            default: in_kind = `BOP_NOTE;
        endcase
    end
    assign in_op = in_kind == `BOP_ADD && (norm_fault == 2'd3 || bad_price) ? `BOP_FAULT : in_kind;

    wire             wanted;
    wire             ours;
    wire             no_detail;
    wire [`BM_W-1:0] in_msg;
    assign ours = norm_tracked || is_notice || (is_venue && norm_fault == 2'd0);
    assign wanted = norm_valid && ours && !refused;
    assign no_detail = !is_notice && norm_fault == 2'd2;
    assign in_msg = {
        no_detail, norm_line_b, norm_overflow, norm_printable, norm_rx_cycle, norm_aux,
        norm_price, no_detail ? 32'd0 : norm_shares, norm_ref2, no_detail ? 64'd0 : norm_ref,
        norm_side, norm_tracked, norm_symidx, norm_locate, norm_timestamp, in_code, in_op, norm_type
    };
    assign stat_untracked = norm_valid && !ours && (norm_fault == 2'd0 || norm_fault == 2'd3);
    assign stat_unknown = norm_valid && norm_fault == 2'd1;
    assign stat_length = norm_valid && norm_fault == 2'd2;
    assign stat_field = norm_valid && ours && refused && norm_fault[0] == norm_fault[1];

    // The FIFO of those that wait: a block RAM, the register behind it, and the head. A word is at its head three cycles
    // after it came. Everything that comes is written; that it has to wait is known late, and only makes it count.
    reg  [FIFO_LOG2:0] write_at;
    reg  [FIFO_LOG2:0] read_at;
    wire [FIFO_LOG2:0] level;
    reg                waiting;     // any
    wire               alone;       // nothing waits behind the head
    wire               full;
    wire               fetch;
    reg                read_valid;  // the word behind the RAM means something
    wire               moves;       // it becomes the head
    wire [`BM_W-1:0]   read_msg;
    reg                head_valid;
    reg  [`BM_W-1:0]   head;
    reg                head_soon;   // as up_soon below
    reg                head_one;    // its order is looked for by the next cycle
    reg                head_exec;
    reg                head_replace;
    reg  [1:0]         age;         // cycles that it has been the head, at most 2 or 3
    wire               pop;
    wire               push;
    wire               push_norm;
    wire               push_mark;
    wire [`BM_W-1:0]   mark_msg;
    wire               direct;
    assign mark_msg = {
        1'b1, 3'b000, mark_cycle, 16'd0, 32'd0, 32'd0, 64'd0, 64'd0,
        1'b0, 1'b1, mark_symidx, 16'd0, 48'd0, mark_code, `BOP_MARK, `FP_EV_STALE
    };
    assign level = write_at - read_at;
    assign full = level[FIFO_LOG2];
    assign push_norm = wanted && !direct && ready && !full;
    assign push_mark = mark_valid && mark_ready;
    assign push = push_norm || push_mark;
    assign mark_ready = ready && !norm_valid && !full;
    assign stat_lost = wanted && (!ready || full);
    assign stat_queued = push_norm;
    assign alone = write_at == read_at && !read_valid;
    assign moves = read_valid && (!head_valid || pop);
    assign fetch = write_at != read_at && (!read_valid || moves);
    always @(posedge clk) begin
        if (rst) begin
            write_at <= {(FIFO_LOG2+1){1'b0}};
            read_at <= {(FIFO_LOG2+1){1'b0}};
            waiting <= 1'b0;
            read_valid <= 1'b0;
            head_valid <= 1'b0;
            age <= 2'd0;
        end else begin
            if (push)
                write_at <= write_at + 1'b1;
            if (fetch)
                read_at <= read_at + 1'b1;
            waiting <= push || (waiting && !(pop && alone));
            read_valid <= fetch || (read_valid && !moves);
            head_valid <= moves || (head_valid && !pop);
            // For a U the looks at the old and the new reference alternate.
            age <= moves ? 2'd0 : age == 2'd3 ? 2'd2 : age + 2'd1;
        end
        if (moves) begin
            head <= read_msg;
            head_soon <= read_msg[`BM_OP] == `BOP_ADD || read_msg[`BM_OP] == `BOP_EXEC || read_msg[`BM_OP] == `BOP_REPLACE;
            head_one <= read_msg[`BM_OP] == `BOP_ADD || read_msg[`BM_OP] == `BOP_CANCEL || read_msg[`BM_OP] == `BOP_DELETE;
            head_exec <= read_msg[`BM_OP] == `BOP_EXEC;
            head_replace <= read_msg[`BM_OP] == `BOP_REPLACE;
        end
    end
    ram_sdp #(.WIDTH(`BM_W), .DEPTH_LOG2(FIFO_LOG2)) fifo (
        .clk(clk), .we((norm_valid || mark_valid) && !full), .waddr(write_at[FIFO_LOG2-1:0]), .wdata(norm_valid ? in_msg : mark_msg),
        .re(fetch), .raddr(read_at[FIFO_LOG2-1:0]), .rdata(read_msg)
    );

    // The candidate, and the distance it needs from the message issued before it.
    wire [`BM_W-1:0] next_up;
    wire             in_soon;
    wire             up_soon;  // reaches stage c one cycle after issue
    reg  [2:0]       since;    // cycles since the last issue, at most 7
    reg              last_soon;
    reg              last_row; // it used a row, so it may leave two records: nothing goes in the cycle behind it
    reg  [63:0]      looked1;  // read one cycle ago
    reg  [63:0]      looked2;
    reg              looked1_valid;
    reg              looked2_valid;
    reg              in_far;
    reg              in_hinted;
    reg              head_far;
    reg              head_looked;
    wire             same1;
    wire             same2;
    wire             same1_new;
    wire             issue;
    assign next_up = waiting ? head : in_msg;
    assign in_soon = in_kind == `BOP_ADD || in_kind == `BOP_EXEC || in_kind == `BOP_REPLACE;
    assign up_soon = waiting ? head_soon : in_soon;
    assign same1 = looked1_valid && looked1 == norm_ref;
    assign same2 = looked2_valid && looked2 == norm_ref;
    assign same1_new = looked1_valid && looked1 == norm_ref2;
    always @* begin
        in_far = in_soon ? since >= (last_soon ? 3'd2 : 3'd3) : since >= 3'd2 || !(norm_tracked || last_row);
        case (in_kind)
            `BOP_ADD, `BOP_CANCEL, `BOP_DELETE: in_hinted = same1;
            `BOP_EXEC: in_hinted = same2;
            `BOP_REPLACE: in_hinted = same2 && same1_new;
            default: in_hinted = 1'b1;
        endcase
        head_far = head_soon ? since >= 3'd4 : since >= 3'd2 || !(head[`BM_ROW] || last_row);
        head_looked = (!head_one || age != 2'd0) && (!head_exec || age[1]) && (!head_replace || age == 2'd2);
    end
    assign direct = wanted && !waiting && ready && !hold && in_far && in_hinted;
    assign pop = head_valid && !hold && head_far && head_looked;
    assign issue = direct || pop;

    // Which reference the table reads: the head's, else the hint's, repeated until its message comes. A hint right behind
    // another is the new reference of a U: read one cycle later.
    reg [63:0]  held_ref;
    reg [63:0]  new_ref;
    reg [3:0]   held_for;    // cycles that it is still repeated
    reg         hint_before; // a hint came in the last cycle
    reg         new_valid;   // and another in this
    wire        hint_new;
    wire        head_new;
    assign hint_new = early_valid && hint_before;
    assign head_new = head_replace && age[0];
    assign look_valid = head_valid || early_valid || new_valid || held_for != 4'd0;
    assign look_ref = head_valid ? (head_new ? head[`BM_REF2] : head[`BM_REF])
        : new_valid ? new_ref : early_valid && !hint_before ? early_ref : held_ref;
    always @(posedge clk) begin
        if (rst) begin
            held_for <= 4'd0;
            hint_before <= 1'b0;
            new_valid <= 1'b0;
            looked1_valid <= 1'b0;
            looked2_valid <= 1'b0;
            since <= 3'd7;
        end else begin
            hint_before <= early_valid && !hint_before;
            new_valid <= hint_new;
            held_for <= early_valid ? 4'd8 : norm_valid || held_for == 4'd0 ? 4'd0 : held_for - 4'd1;
            looked1_valid <= look_valid;
            looked2_valid <= looked1_valid;
            if (issue)
                since <= 3'd1;
            else if (since != 3'd7)
                since <= since + 3'd1;
        end
        if (early_valid && !hint_before)
            held_ref <= early_ref;
        if (hint_new)
            new_ref <= early_ref;
        if (look_valid)
            looked1 <= look_ref;
        if (looked1_valid)
            looked2 <= looked1;
        if (issue) begin
            last_soon <= up_soon;
            last_row <= next_up[`BM_ROW];
        end
    end

    // Stage c, one cycle later for those whose order is one cycle later.
    reg              slow_valid;
    reg  [`BM_W-1:0] slow_msg;
    wire             next_valid;
    wire [`BM_W-1:0] next_msg;
    assign next_valid = slow_valid || (issue && up_soon);
    assign next_msg = slow_valid ? slow_msg : next_up;
    assign next_symidx = next_msg[`BM_SYM];
    always @(posedge clk) begin
        if (rst) begin
            slow_valid <= 1'b0;
            c_valid <= 1'b0;
        end else begin
            slow_valid <= issue && !up_soon;
            c_valid <= next_valid;
        end
        // Anything that may be a message: what is issued is known too late to gate so many registers.
        if (norm_valid || waiting)
            slow_msg <= next_up;
        if (norm_valid || waiting || slow_valid)
            c_msg <= next_msg;
    end

`ifdef FORMAL
    // Behind one that uses a row a stage is empty, and one that is late is never overtaken.
    reg f_started;
    reg f_soon; // the message in c came there straight from its issue
    initial f_started = 1'b0;
    always @(posedge clk) begin
        f_started <= 1'b1;
        f_soon <= issue && up_soon;
    end
`ifdef YOSYS
    always @(posedge clk) if (!f_started) assume(rst);
`endif
    always @(posedge clk) if (f_started && !rst) begin
        assert(!(slow_valid && issue && up_soon));
        // Why: where the last issue's message is follows from how long ago it was.
        assert(since != 3'd0);
        assert(slow_valid == (since == 3'd1 && !last_soon));
        if (c_valid && f_soon) assert(since == 3'd1 && last_soon);
        if (c_valid && !f_soon) assert(since <= 3'd2 && !last_soon);
        if (slow_valid) assert(slow_msg[`BM_ROW] == last_row);
        if (c_valid && !f_soon && since == 3'd1) assert(!slow_msg[`BM_ROW] && !c_msg[`BM_ROW]);
        if (c_valid && c_msg[`BM_ROW] && !$past(rst))
            assert(!next_valid);
        assert(level <= (1 << FIFO_LOG2));
        if (head_valid) assert(head_soon == (head[`BM_OP] == `BOP_ADD || head_exec || head_replace));
        if (head_valid) assert(head_replace == (head[`BM_OP] == `BOP_REPLACE));
        assert(!(direct && waiting));
        assert(waiting == (write_at != read_at || read_valid || head_valid));
        cover(c_valid && c_msg[`BM_OP] == `BOP_REPLACE);
        cover(pop && head[`BM_OP] == `BOP_REPLACE);
    end
`ifdef FORMAL_ORDER
    // Nothing overtakes, nothing is lost but what stat_lost says, and the table was told to look in time. For the bounded check:
    // the messages that are taken carry their number where the receive cycle is.
    reg  [31:0] f_in;
    reg  [31:0] f_out;
    reg         f_valid1;
    reg         f_valid2;
    reg         f_valid3;
    reg  [63:0] f_look1;
    reg  [63:0] f_look2;
    reg  [63:0] f_look3;
    wire [3:0]  f_op;
    wire        f_finds;
    assign f_op = c_msg[`BM_OP];
    assign f_finds = f_op == `BOP_EXEC || f_op == `BOP_CANCEL || f_op == `BOP_DELETE || f_op == `BOP_REPLACE;
    always @(posedge clk) begin
        f_valid1 <= look_valid && !rst;
        f_valid2 <= f_valid1 && !rst;
        f_valid3 <= f_valid2 && !rst;
        f_look1 <= look_ref;
        f_look2 <= f_look1;
        f_look3 <= f_look2;
        if (rst) begin
            f_in <= 32'd0;
            f_out <= 32'd0;
        end else begin
            f_in <= f_in + {31'd0, wanted && !stat_lost};
            f_out <= f_out + {31'd0, c_valid && f_op != `BOP_MARK};
        end
    end
`ifdef YOSYS
    always @(posedge clk) assume(norm_rx_cycle == f_in);
`endif
    always @(posedge clk) if (f_started && !rst && c_valid) begin
        if (f_op != `BOP_MARK) assert(c_msg[`BM_RX] == f_out);
        if (f_finds) assert(f_valid3 && f_look3 == c_msg[`BM_REF]);
        if (f_op == `BOP_ADD) assert(f_valid2 && f_look2 == c_msg[`BM_REF]);
        if (f_op == `BOP_REPLACE) assert(f_valid2 && f_look2 == c_msg[`BM_REF2]);
        cover(f_op == `BOP_REPLACE && f_out == 32'd2);
    end
`endif
`endif
endmodule
`default_nettype wire
