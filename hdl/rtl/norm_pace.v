// Sets the pace of the book: sorts out what the norm bus brings, keeps the distances the order table needs, and lines
// messages up so that a looked-up order and its message reach stage `c` in the same cycle.
// Latency, norm_valid to stage c: 1 cycle for A F E C U, 2 for the rest, when the early hint came (one cycle before
// norm_valid for D X, two for E C U) and the distance is kept; else the message waits in the FIFO, 3 cycles or more.
// Throughput: the wire's: one message per cycle without a row, one per 2 cycles with one; A E C U need 3 after others.
// Overflow: a message that finds the FIFO full, or the tables not yet cleared, is lost: `stat_lost`, every book stale.
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
    output wire [63:0]  look_ref,       // the order table reads this reference's buckets in this cycle
    output wire         next_valid,     // enters stage c at the coming edge
    output wire [9:0]   next_symidx,
    output wire [63:0]  next_ref,
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

    reg [3:0] in_op;
    reg [7:0] in_code;
    reg       refused;
    always @* begin
        in_op = `BOP_NOTE;
        in_code = 8'd0;
        refused = 1'b0;
        if (is_notice)
            in_op = `BOP_NOTICE;
        else if (norm_fault == 2'd1)
            refused = 1'b1;
        else if (norm_fault == 2'd2) begin
            in_op = `BOP_FAULT;
            in_code = `FP_E_BAD_LENGTH;
            refused = !is_book;
        end else case (norm_type)
            `FP_EV_ADD, `FP_EV_ADD_MPID: begin
                in_op = norm_fault == 2'd3 || bad_price ? `BOP_FAULT : `BOP_ADD;
                in_code = `FP_E_BAD_FIELD;
                refused = no_shares;
            end
            `FP_EV_EXECUTED, `FP_EV_EXECUTED_PRICE: in_op = `BOP_EXEC;
            `FP_EV_CANCEL: in_op = `BOP_CANCEL;
            `FP_EV_DELETE: in_op = `BOP_DELETE;
            `FP_EV_REPLACE: in_op = `BOP_REPLACE;
            `ITCH_TRADE_TYPE: begin
                in_op = `BOP_TRADE;
                refused = no_shares || bad_price || norm_fault == 2'd3;
            end
            `FP_EV_CROSS: begin
                in_op = `BOP_CROSS;
                refused = over_price || (!no_shares && norm_price == 32'd0);
            end
            default: in_op = `BOP_NOTE;
        endcase
    end

    wire             wanted;
    wire             ours;
    wire             no_detail;
    wire [`BM_W-1:0] in_msg;
    assign ours = norm_tracked || is_notice || (is_venue && norm_fault == 2'd0);
    assign wanted = norm_valid && ours && !refused;
    assign no_detail = in_op == `BOP_FAULT && in_code == `FP_E_BAD_LENGTH;
    assign in_msg = {
        no_detail, norm_line_b, norm_overflow, norm_printable, norm_rx_cycle, norm_aux,
        norm_price, no_detail ? 32'd0 : norm_shares, norm_ref2, no_detail ? 64'd0 : norm_ref,
        norm_side, norm_tracked, norm_symidx, norm_locate, norm_timestamp, in_code, in_op, norm_type
    };
    assign stat_untracked = norm_valid && !ours && (norm_fault == 2'd0 || norm_fault == 2'd3);
    assign stat_unknown = norm_valid && norm_fault == 2'd1;
    assign stat_length = norm_valid && norm_fault == 2'd2;
    assign stat_field = norm_valid && ours && refused && !norm_fault[0] && !norm_fault[1];

    // The FIFO of those that wait. A word can be at its head two cycles after it came.
    reg  [FIFO_LOG2:0] write_at;
    reg  [FIFO_LOG2:0] read_at;
    wire [FIFO_LOG2:0] read_next;
    wire [FIFO_LOG2:0] level;
    wire               full;
    wire               waiting;
    wire               pop;
    wire               push;
    wire               push_norm;
    wire               push_mark;
    reg                head_valid;
    wire [`BM_W-1:0]   head;
    wire [`BM_W-1:0]   mark_msg;
    wire               direct;
    assign mark_msg = {
        1'b1, 3'b000, mark_cycle, 16'd0, 32'd0, 32'd0, 64'd0, 64'd0,
        1'b0, 1'b1, mark_symidx, 16'd0, 48'd0, mark_code, `BOP_MARK, `FP_EV_STALE
    };
    assign level = write_at - read_at;
    assign full = level[FIFO_LOG2];
    assign waiting = level != {(FIFO_LOG2+1){1'b0}};
    assign push_norm = wanted && !direct && ready && !full;
    assign push_mark = mark_valid && mark_ready;
    assign push = push_norm || push_mark;
    assign mark_ready = ready && !wanted && !full;
    assign stat_lost = wanted && (!ready || (full && !direct));
    assign stat_queued = push_norm;
    assign read_next = read_at + {{FIFO_LOG2{1'b0}}, pop};
    always @(posedge clk) begin
        if (rst) begin
            write_at <= {(FIFO_LOG2+1){1'b0}};
            read_at <= {(FIFO_LOG2+1){1'b0}};
            head_valid <= 1'b0;
        end else begin
            write_at <= write_at + {{FIFO_LOG2{1'b0}}, push};
            read_at <= read_next;
            head_valid <= read_next != write_at;
        end
    end
    ram_sdp #(.WIDTH(`BM_W), .DEPTH_LOG2(FIFO_LOG2)) fifo (
        .clk(clk), .we(push), .waddr(write_at[FIFO_LOG2-1:0]), .wdata(push_norm ? in_msg : mark_msg),
        .re(1'b1), .raddr(read_next[FIFO_LOG2-1:0]), .rdata(head)
    );

    // The candidate, and the distance it needs from the message issued before it.
    wire [`BM_W-1:0] next_up;
    wire [3:0]       up_op;
    wire             up_soon;  // reaches stage c one cycle after issue
    wire             up_look;
    wire             up_put;   // puts a new reference into the table
    reg  [2:0]       since;    // cycles since the last issue, at most 7
    reg              last_soon;
    reg  [63:0]      looked1;  // read one cycle ago
    reg  [63:0]      looked2;
    reg              looked1_valid;
    reg              looked2_valid;
    reg              far_enough;
    reg              hinted;
    wire             issue;
    assign next_up = waiting ? head : in_msg;
    assign up_op = next_up[`BM_OP];
    assign up_soon = up_op == `BOP_ADD || up_op == `BOP_EXEC || up_op == `BOP_REPLACE;
    assign up_look = up_op == `BOP_EXEC || up_op == `BOP_REPLACE || up_op == `BOP_CANCEL || up_op == `BOP_DELETE;
    assign up_put = up_op == `BOP_ADD || up_op == `BOP_REPLACE;
    always @* begin
        if (hold)
            far_enough = 1'b0;
        else if (up_soon && waiting)
            far_enough = since >= 3'd4;
        else if (up_soon)
            far_enough = since >= (last_soon ? 3'd2 : 3'd3);
        else if (next_up[`BM_ROW])
            far_enough = since >= 3'd2;
        else
            far_enough = 1'b1;
        if (!up_look)
            hinted = 1'b1;
        else if (up_soon)
            hinted = looked2_valid && looked2 == next_up[`BM_REF];
        else
            hinted = looked1_valid && looked1 == next_up[`BM_REF];
    end
    assign direct = wanted && !waiting && ready && far_enough && hinted;
    assign pop = head_valid && far_enough && hinted;
    assign issue = direct || pop;

    // Which reference the table reads: a new one when it is put in, else the head's or the last hint's.
    reg [63:0] held_ref;
    reg        held_valid;
    wire [63:0] hint_ref;
    wire        hint_valid;
    wire        put;
    assign hint_ref = head_valid ? head[`BM_REF] : early_valid ? early_ref : held_ref;
    assign hint_valid = head_valid || early_valid || held_valid;
    assign put = issue && up_put;
    assign look_ref = !put ? hint_ref : up_op == `BOP_ADD ? next_up[`BM_REF] : next_up[`BM_REF2];
    always @(posedge clk) begin
        if (rst) begin
            held_valid <= 1'b0;
            looked1_valid <= 1'b0;
            looked2_valid <= 1'b0;
            since <= 3'd7;
        end else begin
            held_valid <= hint_valid;
            looked1_valid <= hint_valid && !put;
            looked2_valid <= looked1_valid;
            if (issue)
                since <= 3'd1;
            else if (since != 3'd7)
                since <= since + 3'd1;
        end
        held_ref <= hint_ref;
        looked1 <= hint_ref;
        looked2 <= looked1;
        if (issue)
            last_soon <= up_soon;
    end

    // Stage c, one cycle later for those whose order is one cycle later.
    reg              slow_valid;
    reg  [`BM_W-1:0] slow_msg;
    wire [`BM_W-1:0] next_msg;
    assign next_valid = slow_valid || (issue && up_soon);
    assign next_msg = slow_valid ? slow_msg : next_up;
    assign next_symidx = next_msg[`BM_SYM];
    assign next_ref = next_msg[`BM_REF];
    always @(posedge clk) begin
        if (rst) begin
            slow_valid <= 1'b0;
            c_valid <= 1'b0;
        end else begin
            slow_valid <= issue && !up_soon;
            c_valid <= next_valid;
        end
        slow_msg <= next_up;
        c_msg <= next_msg;
    end

`ifdef FORMAL
    // Two that use a row are never in consecutive stages, and one that is late is never overtaken.
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
        if (c_valid && !f_soon && since == 3'd1) assert(!slow_msg[`BM_ROW]);
        if (c_valid && c_msg[`BM_ROW] && !$past(rst))
            assert(!(next_valid && next_msg[`BM_ROW]));
        assert(level <= (1 << FIFO_LOG2));
        assert(!(direct && waiting));
        assert(!head_valid || waiting);
        cover(c_valid && c_msg[`BM_OP] == `BOP_REPLACE);
        cover(pop && up_look);
    end
`endif
endmodule
`default_nettype wire
