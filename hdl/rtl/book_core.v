// The book half: norm bus in, 64-byte records out. norm_pace -> ord_table -> {bbo_unit, px_ladder} -> ev_pack.
// Latency, norm_valid to m_axis_tvalid, with the early hint and an idle pipeline: A F 3, E C U 3 and 4 (two records),
// X D P and all others 4. When the best level is used up the last record takes 9 (E C), 10 (X D) or 11 (U). The feed half's 4
// cycles come on top. A record never overtakes the one before it: behind one that waits for the ladder the others wait too.
// Throughput: the wire's worst mixes, for ever. Overflow: each part's own; everything lost marks the books stale.
`default_nettype none
`include "book_msg.vh"
`include "fp_records.vh"
module book_core #(
    parameter SYM_LOG2 = 8,
    parameter TABLES = 4,
    parameter SLOTS = 4,
    parameter BUCKET_LOG2 = 12,
    parameter STASH_LOG2 = 4,
    parameter GROUPS_LOG2 = 6,
    parameter QTY_W = 36,
    parameter PACE_LOG2 = 9,
    parameter FIFO_LOG2 = 9
) (
    input  wire         clk,
    input  wire         rst,
    output wire         ready,           // the tables are cleared; what comes before is lost and told
    input  wire [31:0]  cycle,
    input  wire [63:0]  cfg_midnight_ns,
    input  wire [7:0]   cfg_venue,
    input  wire         clear_stale,     // ends the state in which every book is stale
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
    input  wire         mark_valid,      // the host sets (code not 0) or clears a symbol's stale mark
    output wire         mark_ready,
    input  wire [9:0]   mark_symidx,
    input  wire [7:0]   mark_code,
    output wire [511:0] m_axis_tdata,
    output wire         m_axis_tvalid,
    input  wire         m_axis_tready,
    output wire         ev_valid,
    output wire         ev_row,
    output wire         ev_changed,
    output wire         ev_stale,
    output wire         ev_halted,
    output wire [9:0]   ev_symidx,
    output wire [31:0]  ev_bid,
    output wire [31:0]  ev_ask,
    output wire [31:0]  ev_rx_cycle,
    output wire [15:0]  ev_latency,
    output wire         all_stale,
    output wire         stat_queued,
    output wire         stat_lost,
    output wire         stat_untracked,
    output wire         stat_unknown_type,
    output wire         stat_length,
    output wire         stat_field,
    output wire         stat_unknown_ref,
    output wire         stat_contradiction,
    output wire         stat_table_full,
    output wire         stat_crossed,
    output wire         stat_slow,
    output wire         stat_drop,
    output wire         stat_far,
    output wire         stat_evict,
    output wire         stat_side_lost,
    output wire         stat_broken,
    output wire [31:0]  stat_live,
    output wire [31:0]  stat_peak,
    output wire [STASH_LOG2:0] stat_stash
);
    wire [63:0]      look_ref;
    wire             look_valid;
    wire [9:0]       next_symidx;
    wire             c_valid;
    wire [`BM_W-1:0] c_msg;
    wire [31:0]      c_price;
    wire [31:0]      c_shares;
    wire             c_side;
    wire             v_valid;
    wire [`BM_W-1:0] v_msg;
    wire [2:0]       v_verdict;
    wire [2:0]       v_verdict_look;
    wire [7:0]       v_code;
    wire [7:0]       v_code_look;
    wire [31:0]      v_price;
    wire [31:0]      v_shares;
    wire             v_side;
    wire             v_done;
    wire [9:0]       v_owner;
    wire             v_slow_not;
    wire             table_ready;
    wire             rows_ready;
    wire             ladder_ready;
    assign ready = table_ready && rows_ready && ladder_ready;

    // The book's own marks, of symbols whose side is lost, go before the host's.
    reg  [9:0]  own [0:7];
    reg  [3:0]  own_put;
    reg  [3:0]  own_get;
    wire        own_any;
    wire        own_full;
    wire        pace_ready;
    wire        lost_mark;
    wire [9:0]  lost_symidx;
    wire        own_missed;
    wire        overrun;
    reg         host_held;
    reg  [9:0]  host_symidx;
    reg  [7:0]  host_code;
    assign own_any = own_put != own_get;
    assign own_full = own_put == {~own_get[3], own_get[2:0]};
    assign own_missed = lost_mark && own_full;
    assign mark_ready = !host_held;
    always @(posedge clk) begin
        if (rst) begin
            own_put <= 4'd0;
            own_get <= 4'd0;
            host_held <= 1'b0;
        end else begin
            if (lost_mark && !own_full)
                own_put <= own_put + 4'd1;
            if (own_any && pace_ready)
                own_get <= own_get + 4'd1;
            host_held <= host_held ? own_any || !pace_ready : mark_valid;
        end
        if (!host_held) begin
            host_symidx <= mark_symidx;
            host_code <= mark_code;
        end
        if (lost_mark && !own_full)
            own[own_put[2:0]] <= lost_symidx;
    end

    // An order named by another symbol's message: the ladder is asked for the BBO of both symbols, the order's own first, in
    // consecutive cycles; the messages behind wait, because the ladder answers one question in two cycles.
    wire       wrong;
    reg        wrong_again; // the second question, about the message's symbol
    reg        again_slow;
    reg  [9:0] again_symidx;
    reg  [2:0] rest;
    assign wrong = v_valid && v_verdict == `BV_WRONG;
    always @(posedge clk) begin
        if (rst) begin
            wrong_again <= 1'b0;
            rest <= 3'd0;
        end else begin
            wrong_again <= wrong;
            rest <= wrong ? 3'd6 : rest == 3'd0 ? 3'd0 : rest - 3'd1;
        end
        again_slow <= v_slow_not;
        again_symidx <= v_msg[`BM_SYM];
    end

    // A field out of its range is seen in front of the book or in it. Both may be at once, and the counter takes one in a cycle:
    // the second is owed. No more can be owed than messages wait in norm_pace, so it never overflows.
    wire                 pace_field;
    wire                 late_field;
    reg  [PACE_LOG2+1:0] owed;
    assign stat_field = pace_field || late_field || owed != 0;
    always @(posedge clk)
        if (rst)
            owed <= {(PACE_LOG2+2){1'b0}};
        else if (pace_field && late_field)
            owed <= owed + 1'b1;
        else if (!pace_field && !late_field && owed != 0)
            owed <= owed - 1'b1;

    norm_pace #(.FIFO_LOG2(PACE_LOG2)) pace (
        .clk(clk), .rst(rst), .ready(ready), .hold(rest != 3'd0),
        .norm_valid(norm_valid), .norm_type(norm_type), .norm_fault(norm_fault), .norm_timestamp(norm_timestamp),
        .norm_locate(norm_locate), .norm_tracked(norm_tracked), .norm_symidx(norm_symidx), .norm_ref(norm_ref),
        .norm_ref2(norm_ref2), .norm_side(norm_side), .norm_shares(norm_shares), .norm_price(norm_price),
        .norm_printable(norm_printable), .norm_overflow(norm_overflow), .norm_aux(norm_aux), .norm_line_b(norm_line_b),
        .norm_rx_cycle(norm_rx_cycle), .early_valid(early_valid), .early_ref(early_ref),
        .mark_valid(own_any || host_held), .mark_ready(pace_ready),
        .mark_symidx(own_any ? own[own_get[2:0]] : host_symidx), .mark_code(own_any ? `FP_E_NO_ROOM : host_code),
        .mark_cycle(cycle),
        .look_valid(look_valid), .look_ref(look_ref), .next_symidx(next_symidx),
        .c_valid(c_valid), .c_msg(c_msg),
        .stat_queued(stat_queued), .stat_lost(stat_lost), .stat_untracked(stat_untracked), .stat_unknown(stat_unknown_type),
        .stat_length(stat_length), .stat_field(pace_field)
    );

    ord_table #(.TABLES(TABLES), .SLOTS(SLOTS), .BUCKET_LOG2(BUCKET_LOG2), .STASH_LOG2(STASH_LOG2)) orders (
        .clk(clk), .rst(rst), .ready(table_ready), .look_valid(look_valid), .look_ref(look_ref),
        .c_valid(c_valid), .c_msg(c_msg), .c_price(c_price), .c_shares(c_shares), .c_side(c_side),
        .v_valid(v_valid), .v_msg(v_msg), .v_verdict_look(v_verdict_look), .v_code_look(v_code_look),
        .v_verdict(v_verdict), .v_code(v_code), .v_price(v_price), .v_shares(v_shares), .v_side(v_side), .v_done(v_done), .v_owner(v_owner),
        .stat_live(stat_live), .stat_peak(stat_peak), .stat_stash(stat_stash)
    );

    wire [3:0]       v_count;
    wire             v_slow_ok;
    wire             v_slow_full;
    wire             v_changed;
    wire             v_changed_full;
    wire             v_stale;
    wire             v_halted;
    wire [15:0]      v_locate;
    wire [15:0]      v_owner_locate;
    wire             v_owner_halted;
    wire [31:0]      v_bid_before;
    wire [QTY_W-1:0] v_bid_shares_before;
    wire [31:0]      v_ask_before;
    wire [QTY_W-1:0] v_ask_shares_before;
    wire [31:0]      v_best_ok;
    wire [QTY_W-1:0] v_best_shares_ok;
    wire [31:0]      v_best_full;
    wire [QTY_W-1:0] v_best_shares_full;
    wire             v_book_side;
    wire                late_write;
    wire [SYM_LOG2-1:0] late_symidx;
    wire                late_side;
    wire [31:0]         late_price;
    wire [QTY_W-1:0]    late_shares;
    wire [3:0]          late_count;
    wire                late_lost;
    wire                late_valid;
    wire                late_changed;
    wire                late_stale_before;
    wire                late_stale;
    wire [31:0]         before_bid;
    wire [QTY_W-1:0]    before_bid_shares;
    wire [31:0]         before_ask;
    wire [QTY_W-1:0]    before_ask_shares;
    wire [31:0]         after_bid;
    wire [QTY_W-1:0]    after_bid_shares;
    wire [31:0]         after_ask;
    wire [QTY_W-1:0]    after_ask_shares;

    bbo_unit #(.SYM_LOG2(SYM_LOG2), .QTY_W(QTY_W)) bbo (
        .clk(clk), .rst(rst), .ready(rows_ready), .next_symidx(next_symidx), .c_valid(c_valid), .c_msg(c_msg),
        .c_price(c_price), .c_shares(c_shares), .c_side(c_side), .v_verdict(v_verdict), .v_owner(v_owner),
        .late_write(late_write), .late_symidx(late_symidx), .late_side(late_side), .late_price(late_price),
        .late_shares(late_shares), .late_count(late_count), .late_lost(late_lost),
        .v_count(v_count), .v_slow_ok(v_slow_ok), .v_slow_full(v_slow_full), .v_slow_not(v_slow_not),
        .v_changed(v_changed), .v_changed_full(v_changed_full), .v_stale(v_stale), .v_halted(v_halted), .v_locate(v_locate),
        .v_owner_locate(v_owner_locate), .v_owner_halted(v_owner_halted),
        .v_bid_before(v_bid_before), .v_bid_shares_before(v_bid_shares_before),
        .v_ask_before(v_ask_before), .v_ask_shares_before(v_ask_shares_before),
        .v_best_ok(v_best_ok), .v_best_shares_ok(v_best_shares_ok),
        .v_best_full(v_best_full), .v_best_shares_full(v_best_shares_full), .v_book_side(v_book_side)
    );

    wire [`BM_W-1:0] ladder_msg;
    assign ladder_msg = {v_msg[`BM_W-1:94], wrong_again ? again_symidx : wrong ? v_owner : v_msg[`BM_SYM], v_msg[83:12],
                         wrong_again ? `BOP_DELETE : v_msg[`BM_OP], v_msg[`BM_TYPE]};
    px_ladder #(.SYM_LOG2(SYM_LOG2), .GROUPS_LOG2(GROUPS_LOG2), .QTY_W(QTY_W)) ladder (
        .clk(clk), .rst(rst), .ready(ladder_ready), .c_msg(c_msg), .c_price(c_price),
        .v_valid(v_valid || wrong_again), .v_msg(ladder_msg), .v_verdict(wrong_again ? `BV_WRONG : v_verdict),
        .v_shares(v_shares), .v_side(v_side), .v_slow_ok(v_verdict == `BV_FULL ? v_slow_full : v_slow_ok),
        .v_slow_not(wrong_again ? again_slow : wrong || v_slow_not), .v_count(v_count),
        .late_write(late_write), .late_symidx(late_symidx), .late_side(late_side), .late_price(late_price),
        .late_shares(late_shares), .late_count(late_count), .late_lost(late_lost),
        .late_valid(late_valid), .late_changed(late_changed), .late_stale_before(late_stale_before), .late_stale(late_stale),
        .before_bid(before_bid), .before_bid_shares(before_bid_shares), .before_ask(before_ask), .before_ask_shares(before_ask_shares),
        .after_bid(after_bid), .after_bid_shares(after_bid_shares), .after_ask(after_ask), .after_ask_shares(after_ask_shares),
        .mark_valid(lost_mark), .mark_symidx(lost_symidx),
        .stat_far(stat_far), .stat_evict(stat_evict), .stat_lost(stat_side_lost), .stat_broken(stat_broken), .stat_overrun(overrun)
    );

    ev_pack #(.QTY_W(QTY_W), .FIFO_LOG2(FIFO_LOG2)) pack (
        .clk(clk), .rst(rst), .cycle(cycle), .cfg_midnight_ns(cfg_midnight_ns), .cfg_venue(cfg_venue),
        .set_stale(stat_lost || overrun || own_missed || stat_broken), .clear_stale(clear_stale),
        .c_msg(c_msg), .v_valid(v_valid), .v_msg(v_msg), .v_verdict(v_verdict), .v_code(v_code), .v_price(v_price),
        .v_shares(v_shares), .v_side(v_side), .v_done(v_done),
        .v_owner(v_owner), .v_owner_locate(v_owner_locate), .v_owner_halted(v_owner_halted), .v_slow_ok(v_slow_ok), .v_slow_full(v_slow_full), .v_slow_not(v_slow_not),
        .v_changed(v_changed), .v_changed_full(v_changed_full), .v_stale(v_stale), .v_halted(v_halted), .v_locate(v_locate),
        .v_bid_before(v_bid_before), .v_bid_shares_before(v_bid_shares_before),
        .v_ask_before(v_ask_before), .v_ask_shares_before(v_ask_shares_before),
        .v_best_ok(v_best_ok), .v_best_shares_ok(v_best_shares_ok),
        .v_best_full(v_best_full), .v_best_shares_full(v_best_shares_full), .v_book_side(v_book_side),
        .late_valid(late_valid), .late_changed(late_changed), .late_stale_before(late_stale_before), .late_stale(late_stale),
        .before_bid(before_bid), .before_bid_shares(before_bid_shares), .before_ask(before_ask), .before_ask_shares(before_ask_shares),
        .after_bid(after_bid), .after_bid_shares(after_bid_shares), .after_ask(after_ask), .after_ask_shares(after_ask_shares),
        .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready),
        .ev_valid(ev_valid), .ev_row(ev_row), .ev_changed(ev_changed), .ev_stale(ev_stale), .ev_halted(ev_halted), .ev_symidx(ev_symidx),
        .ev_bid(ev_bid), .ev_ask(ev_ask), .ev_rx_cycle(ev_rx_cycle), .ev_latency(ev_latency), .all_stale(all_stale),
        .stat_drop(stat_drop), .stat_crossed(stat_crossed), .stat_unknown_ref(stat_unknown_ref), .stat_field(late_field),
        .stat_contradiction(stat_contradiction), .stat_table_full(stat_table_full), .stat_slow(stat_slow)
    );
endmodule
`default_nettype wire
