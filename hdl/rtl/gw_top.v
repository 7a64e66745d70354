// The whole card: two 10-Gb/s feed lines and a register port in, book records and orders out.
// csr_axil over feed_front -> book_core -> trade_core.
// Latency: what README.md names for each part, added up; no register is added on the way of a message.
// Throughput: both lines gapless for ever. Overflow: each part's own; the lines are never pushed back. The host may stall both
// outputs: records wait in ev_pack's FIFO, orders in the encoder.
// The host port is the register map (hdl/spec/registers.json), where every register is told. A symbol index or slot that
// this card was not built with changes nothing. fire_* show the gate's verdicts as they fall.
`default_nettype none
`include "fp_registers.vh"
module gw_top #(
    parameter [31:0] BUILD = 32'd0,      // shown in the register BUILD
    parameter HOLD_LOG2 = 9,
    parameter STORE_FWD = 0,
    parameter LOCATE_BITS = 16,
    parameter SYM_LOG2 = 8,
    parameter TABLES = 4,
    parameter SLOTS = 4,
    parameter BUCKET_LOG2 = 12,
    parameter STASH_LOG2 = 4,
    parameter GROUPS_LOG2 = 6,
    parameter QTY_W = 36,
    parameter PACE_LOG2 = 9,
    parameter FIFO_LOG2 = 9,
    parameter SLOTS_LOG2 = 4,            // at most 5: a register has a bit for each slot
    parameter DUP_LOG2 = 3
) (
    input  wire         clk,
    input  wire         rst,

    // Lines. No tready: a line cannot wait.
    input  wire [63:0]  s_axis_a_tdata,
    input  wire [7:0]   s_axis_a_tkeep,
    input  wire         s_axis_a_tvalid,
    input  wire         s_axis_a_tlast,
    input  wire         s_axis_a_tuser,  // bad frame check sequence
    input  wire [63:0]  s_axis_b_tdata,
    input  wire [7:0]   s_axis_b_tkeep,
    input  wire         s_axis_b_tvalid,
    input  wire         s_axis_b_tlast,
    input  wire         s_axis_b_tuser,

    // To the host: 64-byte records (hdl/spec/records.json); rx_ns holds the cycle counter's low 32 bits at the message's last byte.
    output wire [511:0] m_axis_ev_tdata,
    output wire         m_axis_ev_tvalid,
    input  wire         m_axis_ev_tready,

    // To the order session: SoupBinTCP bytes.
    output wire [63:0]  m_axis_ouch_tdata,
    output wire [7:0]   m_axis_ouch_tkeep,
    output wire         m_axis_ouch_tvalid,
    input  wire         m_axis_ouch_tready,
    output wire         m_axis_ouch_tlast,

    // Registers.
    input  wire [11:0]  s_axil_awaddr,
    input  wire         s_axil_awvalid,
    output wire         s_axil_awready,
    input  wire [31:0]  s_axil_wdata,
    input  wire [3:0]   s_axil_wstrb,
    input  wire         s_axil_wvalid,
    output wire         s_axil_wready,
    output wire [1:0]   s_axil_bresp,
    output wire         s_axil_bvalid,
    input  wire         s_axil_bready,
    input  wire [11:0]  s_axil_araddr,
    input  wire         s_axil_arvalid,
    output wire         s_axil_arready,
    output wire [31:0]  s_axil_rdata,
    output wire [1:0]   s_axil_rresp,
    output wire         s_axil_rvalid,
    input  wire         s_axil_rready,

    output wire         fire_passed,     // an order passed the gate and leaves
    output wire         fire_refused,
    output wire [SLOTS_LOG2-1:0] fire_slot,
    output wire [15:0]  fire_reasons,
    output wire [31:0]  fire_rx_cycle    // of the last byte of the message that met the trigger
);
    localparam COUNTERS = 39;
    localparam [31:0] CAPS = SYM_LOG2 | (SLOTS_LOG2 << 4) | (BUCKET_LOG2 << 8) | (TABLES << 16)
        | (SLOTS << 20) | (GROUPS_LOG2 << 24);

    wire [47:0] now;
    wire [31:0] cycle;
    wire [31:0] wdata;
    /* verilator lint_off UNUSEDSIGNAL */
    wire [31:0] ctrl;      // its high bits mean nothing yet
    wire [63:0] norm_seq;  // the records are numbered by ev_pack
    /* verilator lint_on UNUSEDSIGNAL */
    wire [31:0] midnight_lo;
    wire [31:0] midnight_hi;
    wire [7:0]  venue;
    wire [31:0] line_a_address;
    wire [15:0] line_a_port;
    wire [31:0] line_b_address;
    wire [15:0] line_b_port;
    wire [31:0] session_0;
    wire [31:0] session_1;
    wire [15:0] session_2;
    wire [31:0] first_seq_lo;
    wire [31:0] first_seq_hi;
    wire [31:0] gap_wait;
    wire [31:0] silence;
    wire [31:0] limit_quantity;
    wire [31:0] limit_notional_lo;
    wire [31:0] limit_notional_hi;
    wire [15:0] limit_collar;
    wire [31:0] limit_buy_room;
    wire [31:0] limit_sell_room;
    wire [31:0] rate_period;
    wire [15:0] rate_burst;
    wire [31:0] dup_window_lo;
    wire [15:0] dup_window_hi;
    wire [31:0] template_lo;
    wire [31:0] template_hi;
    wire [31:0] trigger_price;
    wire [31:0] trigger_expire_lo;
    wire [15:0] trigger_expire_hi;
    wire        do_command;
    wire        do_filter;
    wire        do_mark;
    wire        do_limit_write;
    wire        do_template_write;
    wire        do_template_seal;
    wire        do_trigger_write;
    wire        do_next_urn;
    wire [31:0] next_urn;
    wire        load_refused;
    wire [63:0] expected_seq;
    wire        synced;
    wire        session_known;
    wire [1:0]  line_down;
    wire        hole_open;
    wire        all_stale;
    wire [(1<<SLOTS_LOG2)-1:0] armed;
    wire [(1<<SLOTS_LOG2)-1:0] fired;
    wire [(1<<SLOTS_LOG2)-1:0] expired;
    wire [(1<<SLOTS_LOG2)-1:0] disarmed;
    wire        ev_valid;
    wire [15:0] ev_latency;
    wire [31:0] stat_live;
    wire [31:0] stat_peak;
    wire [STASH_LOG2:0] stat_stash;
    wire [COUNTERS-1:0] count;
    wire        filter_ready;
    wire        book_ready;
    wire        trade_ready;
    assign cycle = now[31:0];

    // A host's index beyond this card's tables.
    wire symbol_here;      // of FILTER and TRIGGER_WRITE
    wire mark_here;
    wire slot_here;        // of TRIGGER_WRITE
    wire word_here;        // of TEMPLATE_*
    generate
        if (SYM_LOG2 == 10) begin : all_symbols
            assign symbol_here = 1'b1;
            assign mark_here = 1'b1;
        end else begin : some_symbols
            assign symbol_here = wdata[25:16+SYM_LOG2] == 0;
            assign mark_here = wdata[9:SYM_LOG2] == 0;
        end
    endgenerate
    assign slot_here = wdata[7:SLOTS_LOG2] == 0;
    assign word_here = wdata[15:8+SLOTS_LOG2] == 0;

    // Commands. A mark waits here until the book takes it; the host's next one is refused as long.
    reg         reset_book;
    reg         clear_stale;
    reg         resync;
    reg         mark_wait;
    reg  [9:0]  mark_symidx;
    reg  [7:0]  mark_code;
    wire        mark_ready;
    always @(posedge clk) begin
        reset_book <= rst || (do_command && wdata[`FP_REG_COMMAND_RESET_BOOK_LSB]);
        clear_stale <= do_command && wdata[`FP_REG_COMMAND_CLEAR_STALE_LSB] && !rst;
        resync <= do_command && wdata[`FP_REG_COMMAND_RESYNC_LSB] && !rst;
        mark_wait <= !rst && ((do_mark && mark_here) || (mark_wait && !mark_ready));
        if (do_mark && mark_here) begin
            mark_symidx <= wdata[`FP_REG_MARK_SYMBOL_LSB +: 10];
            mark_code <= wdata[`FP_REG_MARK_CODE_LSB +: 8];
        end
    end

    /* verilator lint_off PINCONNECTEMPTY */ // outputs that nobody here needs
    csr_axil #(.BUILD(BUILD), .CAPS(CAPS), .SLOTS_LOG2(SLOTS_LOG2), .COUNTERS(COUNTERS)) csr (
        .clk(clk), .rst(rst),
        .s_axil_awaddr(s_axil_awaddr), .s_axil_awvalid(s_axil_awvalid), .s_axil_awready(s_axil_awready),
        .s_axil_wdata(s_axil_wdata), .s_axil_wstrb(s_axil_wstrb), .s_axil_wvalid(s_axil_wvalid), .s_axil_wready(s_axil_wready),
        .s_axil_bresp(s_axil_bresp), .s_axil_bvalid(s_axil_bvalid), .s_axil_bready(s_axil_bready),
        .s_axil_araddr(s_axil_araddr), .s_axil_arvalid(s_axil_arvalid), .s_axil_arready(s_axil_arready),
        .s_axil_rdata(s_axil_rdata), .s_axil_rresp(s_axil_rresp), .s_axil_rvalid(s_axil_rvalid), .s_axil_rready(s_axil_rready),
        .now(now), .ctrl(ctrl), .midnight_lo(midnight_lo), .midnight_hi(midnight_hi), .venue(venue),
        .line_a_address(line_a_address), .line_a_port(line_a_port), .line_b_address(line_b_address), .line_b_port(line_b_port),
        .session_0(session_0), .session_1(session_1), .session_2(session_2),
        .first_seq_lo(first_seq_lo), .first_seq_hi(first_seq_hi), .gap_wait(gap_wait), .silence(silence),
        .limit_quantity(limit_quantity), .limit_notional_lo(limit_notional_lo), .limit_notional_hi(limit_notional_hi),
        .limit_collar(limit_collar), .limit_buy_room(limit_buy_room), .limit_sell_room(limit_sell_room),
        .rate_period(rate_period), .rate_burst(rate_burst), .dup_window_lo(dup_window_lo), .dup_window_hi(dup_window_hi),
        .template_lo(template_lo), .template_hi(template_hi),
        .trigger_price(trigger_price), .trigger_expire_lo(trigger_expire_lo), .trigger_expire_hi(trigger_expire_hi),
        .reason_slot(), .wdata(wdata), .do_command(do_command), .do_filter(do_filter), .do_mark(do_mark),
        .do_limit_write(do_limit_write), .do_template_write(do_template_write), .do_template_seal(do_template_seal),
        .do_trigger_write(do_trigger_write), .do_next_urn(do_next_urn), .next_urn(next_urn), .mark_waits(mark_wait),
        .status({load_refused, line_down, all_stale, hole_open, session_known, synced, filter_ready, book_ready && trade_ready}),
        .expected_seq(expected_seq), .armed(armed), .fired(fired), .expired(expired), .disarmed(disarmed),
        .pass_valid(fire_passed), .reject_valid(fire_refused), .out_slot(fire_slot), .out_reasons(fire_reasons),
        .ev_valid(ev_valid), .ev_latency(ev_latency), .count(count),
        .orders_live(stat_live), .orders_peak(stat_peak), .stash_level({{(7-STASH_LOG2){1'b0}}, stat_stash})
    );

    wire        norm_valid;
    wire [7:0]  norm_type;
    wire [1:0]  norm_fault;
    wire [47:0] norm_timestamp;
    wire [15:0] norm_locate;
    wire        norm_tracked;
    wire [9:0]  norm_symidx;
    wire [63:0] norm_ref;
    wire [63:0] norm_ref2;
    wire        norm_side;
    wire [31:0] norm_shares;
    wire [31:0] norm_price;
    wire        norm_printable;
    wire        norm_overflow;
    wire [15:0] norm_aux;
    wire        norm_line_b;
    wire [31:0] norm_rx_cycle;
    wire        early_valid;
    wire [63:0] early_ref;
    wire        stat_message;
    wire        stat_gap;
    wire [1:0]  stat_duplicate;
    wire [1:0]  stat_unheld;
    wire [1:0]  stat_refused;
    wire [1:0]  stat_overflow;
    wire [1:0]  stat_frame;
    wire [1:0]  stat_match;
    wire [1:0]  stat_other;
    wire [1:0]  stat_bad;
    feed_front #(.HOLD_LOG2(HOLD_LOG2), .STORE_FWD(STORE_FWD), .LOCATE_BITS(LOCATE_BITS)) feed (
        .clk(clk), .rst(rst), .cmd_resync(resync), .cfg_first_seq({first_seq_hi, first_seq_lo}), 
        .cfg_session({session_0[7:0], session_0[15:8], session_0[23:16], session_0[31:24], session_1[7:0], session_1[15:8],
                      session_1[23:16], session_1[31:24], session_2[7:0], session_2[15:8]}),
        .cfg_gap_wait(gap_wait), .cfg_silence(silence), .cycle(cycle),
        .cfg_a_enable(ctrl[`FP_REG_CTRL_RECEIVE_LSB] && ctrl[`FP_REG_CTRL_LINE_A_LSB]),
        .cfg_a_address(line_a_address), .cfg_a_port(line_a_port),
        .s_axis_a_tdata(s_axis_a_tdata), .s_axis_a_tkeep(s_axis_a_tkeep), .s_axis_a_tvalid(s_axis_a_tvalid),
        .s_axis_a_tlast(s_axis_a_tlast), .s_axis_a_tuser(s_axis_a_tuser),
        .cfg_b_enable(ctrl[`FP_REG_CTRL_RECEIVE_LSB] && ctrl[`FP_REG_CTRL_LINE_B_LSB]),
        .cfg_b_address(line_b_address), .cfg_b_port(line_b_port),
        .s_axis_b_tdata(s_axis_b_tdata), .s_axis_b_tkeep(s_axis_b_tkeep), .s_axis_b_tvalid(s_axis_b_tvalid),
        .s_axis_b_tlast(s_axis_b_tlast), .s_axis_b_tuser(s_axis_b_tuser),
        .filter_write_valid(do_filter && symbol_here), .filter_write_locate(wdata[`FP_REG_FILTER_LOCATE_LSB +: 16]),
        .filter_write_tracked(wdata[`FP_REG_FILTER_TRACKED_LSB]), .filter_write_symidx(wdata[`FP_REG_FILTER_SYMBOL_LSB +: 10]),
        .filter_ready(filter_ready),
        .norm_valid(norm_valid), .norm_type(norm_type), .norm_fault(norm_fault), .norm_seq(norm_seq),
        .norm_timestamp(norm_timestamp), .norm_locate(norm_locate), .norm_tracked(norm_tracked), .norm_symidx(norm_symidx),
        .norm_ref(norm_ref), .norm_ref2(norm_ref2), .norm_side(norm_side), .norm_shares(norm_shares), .norm_price(norm_price),
        .norm_printable(norm_printable), .norm_overflow(norm_overflow), .norm_aux(norm_aux), .norm_line_b(norm_line_b),
        .norm_rx_cycle(norm_rx_cycle), .early_valid(early_valid), .early_ref(early_ref),
        .expected_seq(expected_seq), .synced(synced), .session_known(session_known), .session(),
        .line_down(line_down), .hole_open(hole_open), .hold_level_a(), .hold_level_b(),
        .stat_message(stat_message), .stat_gap(stat_gap), .stat_duplicate(stat_duplicate), .stat_unheld(stat_unheld),
        .stat_refused(stat_refused), .stat_overflow(stat_overflow), .stat_frame(stat_frame), .stat_match(stat_match),
        .stat_other(stat_other), .stat_bad(stat_bad), .stat_unknown(), .stat_bad_length()
    );

    /* verilator lint_on PINCONNECTEMPTY */

    wire        ev_row;
    wire        ev_changed;
    wire        ev_stale;
    wire        ev_halted;
    wire [9:0]  ev_symidx;
    wire [31:0] ev_bid;
    wire [31:0] ev_ask;
    wire [31:0] ev_rx_cycle;
    wire        stat_queued;
    wire        stat_lost;
    wire        stat_untracked;
    wire        stat_unknown_type;
    wire        stat_length;
    wire        stat_field;
    wire        stat_unknown_ref;
    wire        stat_contradiction;
    wire        stat_table_full;
    wire        stat_crossed;
    wire        stat_slow;
    wire        stat_drop;
    wire        stat_far;
    wire        stat_evict;
    wire        stat_side_lost;
    wire        stat_broken;
    book_core #(
        .SYM_LOG2(SYM_LOG2), .TABLES(TABLES), .SLOTS(SLOTS), .BUCKET_LOG2(BUCKET_LOG2), .STASH_LOG2(STASH_LOG2),
        .GROUPS_LOG2(GROUPS_LOG2), .QTY_W(QTY_W), .PACE_LOG2(PACE_LOG2), .FIFO_LOG2(FIFO_LOG2)
    ) book (
        .clk(clk), .rst(reset_book), .ready(book_ready), .cycle(cycle),
        .cfg_midnight_ns({midnight_hi, midnight_lo}), .cfg_venue(venue),
        .clear_stale(clear_stale),
        .norm_valid(norm_valid), .norm_type(norm_type), .norm_fault(norm_fault), .norm_timestamp(norm_timestamp),
        .norm_locate(norm_locate), .norm_tracked(norm_tracked), .norm_symidx(norm_symidx),
        .norm_ref(norm_ref), .norm_ref2(norm_ref2), .norm_side(norm_side), .norm_shares(norm_shares), .norm_price(norm_price),
        .norm_printable(norm_printable), .norm_overflow(norm_overflow), .norm_aux(norm_aux), .norm_line_b(norm_line_b),
        .norm_rx_cycle(norm_rx_cycle), .early_valid(early_valid), .early_ref(early_ref),
        .mark_valid(mark_wait), .mark_ready(mark_ready), .mark_symidx(mark_symidx), .mark_code(mark_code),
        .m_axis_tdata(m_axis_ev_tdata), .m_axis_tvalid(m_axis_ev_tvalid), .m_axis_tready(m_axis_ev_tready),
        .ev_valid(ev_valid), .ev_row(ev_row), .ev_changed(ev_changed), .ev_stale(ev_stale), .ev_halted(ev_halted),
        .ev_symidx(ev_symidx), .ev_bid(ev_bid), .ev_ask(ev_ask), .ev_rx_cycle(ev_rx_cycle), .ev_latency(ev_latency),
        .all_stale(all_stale), .stat_queued(stat_queued), .stat_lost(stat_lost), .stat_untracked(stat_untracked),
        .stat_unknown_type(stat_unknown_type), .stat_length(stat_length), .stat_field(stat_field),
        .stat_unknown_ref(stat_unknown_ref), .stat_contradiction(stat_contradiction), .stat_table_full(stat_table_full),
        .stat_crossed(stat_crossed), .stat_slow(stat_slow), .stat_drop(stat_drop), .stat_far(stat_far),
        .stat_evict(stat_evict), .stat_side_lost(stat_side_lost), .stat_broken(stat_broken),
        .stat_live(stat_live), .stat_peak(stat_peak), .stat_stash(stat_stash)
    );

    wire stat_fired;
    wire stat_expired;
    trade_core #(.SYM_LOG2(SYM_LOG2), .SLOTS_LOG2(SLOTS_LOG2), .DUP_LOG2(DUP_LOG2)) trade (
        .clk(clk), .rst(rst), .ready(trade_ready), .now(now),
        .ev_valid(ev_valid), .ev_row(ev_row), .ev_changed(ev_changed), .ev_stale(ev_stale), .ev_halted(ev_halted),
        .ev_symidx(ev_symidx), .ev_bid(ev_bid), .ev_ask(ev_ask), .ev_rx_cycle(ev_rx_cycle),
        .cmd_valid(do_trigger_write && slot_here && symbol_here), .cmd_arm(wdata[`FP_REG_TRIGGER_WRITE_ARM_LSB]),
        .cmd_slot(wdata[`FP_REG_TRIGGER_WRITE_SLOT_LSB +: SLOTS_LOG2]), .cmd_symidx(wdata[`FP_REG_TRIGGER_WRITE_SYMBOL_LSB +: 10]),
        .cmd_condition(wdata[`FP_REG_TRIGGER_WRITE_CONDITION_LSB +: 3]), .cmd_price(trigger_price),
        .cmd_expire({trigger_expire_hi, trigger_expire_lo}),
        .cfg_kill(ctrl[`FP_REG_CTRL_KILL_LSB]), .cfg_trade(ctrl[`FP_REG_CTRL_TRADE_LSB]), .cfg_session(ctrl[`FP_REG_CTRL_SESSION_LSB]),
        .cfg_all_stale(all_stale),
        .cfg_rate_period(rate_period), .cfg_rate_burst(rate_burst), .cfg_dup_window({dup_window_hi, dup_window_lo}),
        .limit_write(do_limit_write), .limit_symidx(wdata[`FP_REG_LIMIT_WRITE_SYMBOL_LSB +: 10]),
        .limit_enable(wdata[`FP_REG_LIMIT_WRITE_ENABLE_LSB]), .limit_quantity(limit_quantity),
        .limit_notional({limit_notional_hi, limit_notional_lo}), .limit_collar(limit_collar), .limit_buy_room(limit_buy_room),
        .limit_sell_room(limit_sell_room),
        .load_valid(do_template_write && word_here), .load_slot(wdata[`FP_REG_TEMPLATE_WRITE_SLOT_LSB +: SLOTS_LOG2]),
        .load_word(wdata[`FP_REG_TEMPLATE_WRITE_WORD_LSB +: 3]), .load_data({template_hi, template_lo}),
        .seal_valid(do_template_seal && word_here), .seal_slot(wdata[`FP_REG_TEMPLATE_SEAL_SLOT_LSB +: SLOTS_LOG2]),
        .seal_length(wdata[`FP_REG_TEMPLATE_SEAL_LENGTH_LSB +: 7]), .load_refused(load_refused),
        .urn_valid(do_next_urn), .urn(wdata), .next_urn(next_urn),
        .m_axis_tdata(m_axis_ouch_tdata), .m_axis_tkeep(m_axis_ouch_tkeep), .m_axis_tvalid(m_axis_ouch_tvalid),
        .m_axis_tready(m_axis_ouch_tready), .m_axis_tlast(m_axis_ouch_tlast),
        .armed(armed), .fired(fired), .expired(expired), .disarmed(disarmed), .pass_valid(fire_passed),
        .reject_valid(fire_refused), .out_slot(fire_slot), .out_reasons(fire_reasons), .out_rx_cycle(fire_rx_cycle),
        .stat_fired(stat_fired), .stat_expired(stat_expired)
    );

    // In the order of the COUNT_* registers, the last one first.
    assign count = {
        fire_refused, fire_passed, stat_expired, stat_fired, ev_valid,
        stat_broken, stat_side_lost, stat_evict, stat_far,
        stat_drop, stat_slow, stat_crossed, stat_table_full, stat_contradiction, stat_unknown_ref,
        stat_field, stat_length, stat_unknown_type, stat_untracked, stat_lost, stat_queued,
        stat_gap, stat_message,
        stat_overflow, stat_unheld, stat_duplicate, stat_refused, stat_bad, stat_other, stat_match, stat_frame // two each: {B, A}
    };
endmodule
`default_nettype wire
