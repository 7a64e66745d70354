// The whole card: two 10-Gb/s feed lines in, book records and orders out. feed_front -> book_core -> trade_core.
// Latency: what README.md names for each part, added up; no register is added here. Throughput: both lines gapless for ever.
// Overflow: each part's own; the lines are never pushed back. The host may stall both outputs: records wait in
// ev_pack's FIFO, orders in the encoder.
// It holds the cycle counter and nothing else. The register file belongs outside: the host port below is the parts' own
// ports, gathered. `stat` are the counters' one-cycle pulses, one bit each, in the order of its assignment.
//
// Host port: cfg_* are levels, quasi-static but for kill, trade, session. Commands take effect in the cycle of their valid:
//   filter_write_*  symbol table: locate -> symbol index (tracked 0 takes it out); refused while `ready` is low
//   mark_*          sets (code 1..255) or clears (0) a symbol's stale mark; taken when mark_ready
//   clear_stale     ends the state in which every book is stale; cmd_resync: start again at cfg_first_seq
//   limit_*         risk limits of a symbol;  cmd_* arms or disarms a trigger slot
//   load_*, seal_*  a slot's order template, word by word, then its length; urn_*: the next order number
`default_nettype none
module gw_top #(
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
    parameter SLOTS_LOG2 = 4,
    parameter DUP_LOG2 = 3
) (
    input  wire         clk,
    input  wire         rst,
    output wire         ready,           // every table is cleared
    output reg  [47:0]  now,             // cycles since reset

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

    // To the host: 64-byte records (hdl/spec/records.json); rx_ns holds `now`'s low 32 bits at the message's last byte.
    output wire [511:0] m_axis_ev_tdata,
    output wire         m_axis_ev_tvalid,
    input  wire         m_axis_ev_tready,

    // To the order session: SoupBinTCP bytes.
    output wire [63:0]  m_axis_ouch_tdata,
    output wire [7:0]   m_axis_ouch_tkeep,
    output wire         m_axis_ouch_tvalid,
    input  wire         m_axis_ouch_tready,
    output wire         m_axis_ouch_tlast,

    // Host port: feed.
    input  wire         cfg_a_enable,
    input  wire [31:0]  cfg_a_address,
    input  wire [15:0]  cfg_a_port,
    input  wire         cfg_b_enable,
    input  wire [31:0]  cfg_b_address,
    input  wire [15:0]  cfg_b_port,
    input  wire [79:0]  cfg_session,     // first character in the top byte; 0: the first one seen
    input  wire [63:0]  cfg_first_seq,   // 0: the first one seen
    input  wire [31:0]  cfg_gap_wait,    // cycles
    input  wire [31:0]  cfg_silence,     // cycles; 0: a line is never down
    input  wire         cmd_resync,
    input  wire         filter_write_valid,
    input  wire [15:0]  filter_write_locate,
    input  wire         filter_write_tracked,
    input  wire [9:0]   filter_write_symidx,
    output wire [63:0]  expected_seq,
    output wire         synced,
    output wire         session_known,
    output wire [79:0]  session,
    output wire [1:0]   line_down,       // bit 1: B
    output wire         hole_open,
    output wire [HOLD_LOG2:0] hold_level_a,
    output wire [HOLD_LOG2:0] hold_level_b,

    // Host port: book.
    input  wire [63:0]  cfg_midnight_ns, // UTC ns, added to the venue's time of day
    input  wire [7:0]   cfg_venue,
    input  wire         clear_stale,
    input  wire         mark_valid,
    output wire         mark_ready,
    input  wire [9:0]   mark_symidx,
    input  wire [7:0]   mark_code,
    output wire         all_stale,
    output wire [31:0]  stat_live,       // orders in the table
    output wire [31:0]  stat_peak,
    output wire [STASH_LOG2:0] stat_stash,
    output wire [15:0]  ev_latency,      // cycles, of the record that left in the cycle before

    // Host port: trading.
    input  wire         cfg_kill,
    input  wire         cfg_trade,
    input  wire         cfg_order_session,
    input  wire [31:0]  cfg_rate_period,
    input  wire [15:0]  cfg_rate_burst,
    input  wire [47:0]  cfg_dup_window,
    input  wire         limit_write,
    input  wire [9:0]   limit_symidx,
    input  wire         limit_enable,
    input  wire [31:0]  limit_quantity,
    input  wire [63:0]  limit_notional,
    input  wire [15:0]  limit_collar,
    input  wire [31:0]  limit_buy_room,
    input  wire [31:0]  limit_sell_room,
    input  wire         cmd_valid,
    input  wire         cmd_arm,
    input  wire [SLOTS_LOG2-1:0] cmd_slot,
    input  wire [9:0]   cmd_symidx,
    input  wire [2:0]   cmd_condition,
    input  wire [31:0]  cmd_price,
    input  wire [47:0]  cmd_expire,
    input  wire         load_valid,
    input  wire [SLOTS_LOG2-1:0] load_slot,
    input  wire [2:0]   load_word,
    input  wire [63:0]  load_data,
    input  wire         seal_valid,
    input  wire [SLOTS_LOG2-1:0] seal_slot,
    input  wire [6:0]   seal_length,
    output wire         load_refused,
    input  wire         urn_valid,
    input  wire [31:0]  urn,
    output wire [31:0]  next_urn,
    output wire [(1<<SLOTS_LOG2)-1:0] armed,
    output wire [(1<<SLOTS_LOG2)-1:0] fired,
    output wire [(1<<SLOTS_LOG2)-1:0] expired,
    output wire [(1<<SLOTS_LOG2)-1:0] disarmed,
    output wire         pass_valid,
    output wire         reject_valid,
    output wire [SLOTS_LOG2-1:0] out_slot,
    output wire [15:0]  out_reasons,
    output wire [31:0]  out_rx_cycle,

    output wire [41:0]  stat
);
    wire        filter_ready;
    wire        book_ready;
    wire        trade_ready;
    wire [31:0] cycle;
    assign ready = filter_ready && book_ready && trade_ready;
    assign cycle = now[31:0];
    always @(posedge clk)
        if (rst)
            now <= 48'd0;
        else
            now <= now + 48'd1;

    wire        norm_valid;
    wire [7:0]  norm_type;
    wire [1:0]  norm_fault;
    /* verilator lint_off UNUSEDSIGNAL */
    wire [63:0] norm_seq; // the records are numbered by ev_pack
    /* verilator lint_on UNUSEDSIGNAL */
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
    wire [1:0]  stat_unknown;
    wire [1:0]  stat_bad_length;
    feed_front #(.HOLD_LOG2(HOLD_LOG2), .STORE_FWD(STORE_FWD), .LOCATE_BITS(LOCATE_BITS)) feed (
        .clk(clk), .rst(rst), .cmd_resync(cmd_resync), .cfg_first_seq(cfg_first_seq), .cfg_session(cfg_session),
        .cfg_gap_wait(cfg_gap_wait), .cfg_silence(cfg_silence), .cycle(cycle),
        .cfg_a_enable(cfg_a_enable), .cfg_a_address(cfg_a_address), .cfg_a_port(cfg_a_port),
        .s_axis_a_tdata(s_axis_a_tdata), .s_axis_a_tkeep(s_axis_a_tkeep), .s_axis_a_tvalid(s_axis_a_tvalid),
        .s_axis_a_tlast(s_axis_a_tlast), .s_axis_a_tuser(s_axis_a_tuser),
        .cfg_b_enable(cfg_b_enable), .cfg_b_address(cfg_b_address), .cfg_b_port(cfg_b_port),
        .s_axis_b_tdata(s_axis_b_tdata), .s_axis_b_tkeep(s_axis_b_tkeep), .s_axis_b_tvalid(s_axis_b_tvalid),
        .s_axis_b_tlast(s_axis_b_tlast), .s_axis_b_tuser(s_axis_b_tuser),
        .filter_write_valid(filter_write_valid), .filter_write_locate(filter_write_locate),
        .filter_write_tracked(filter_write_tracked), .filter_write_symidx(filter_write_symidx), .filter_ready(filter_ready),
        .norm_valid(norm_valid), .norm_type(norm_type), .norm_fault(norm_fault), .norm_seq(norm_seq),
        .norm_timestamp(norm_timestamp), .norm_locate(norm_locate), .norm_tracked(norm_tracked), .norm_symidx(norm_symidx),
        .norm_ref(norm_ref), .norm_ref2(norm_ref2), .norm_side(norm_side), .norm_shares(norm_shares), .norm_price(norm_price),
        .norm_printable(norm_printable), .norm_overflow(norm_overflow), .norm_aux(norm_aux), .norm_line_b(norm_line_b),
        .norm_rx_cycle(norm_rx_cycle), .early_valid(early_valid), .early_ref(early_ref),
        .expected_seq(expected_seq), .synced(synced), .session_known(session_known), .session(session),
        .line_down(line_down), .hole_open(hole_open), .hold_level_a(hold_level_a), .hold_level_b(hold_level_b),
        .stat_message(stat_message), .stat_gap(stat_gap), .stat_duplicate(stat_duplicate), .stat_unheld(stat_unheld),
        .stat_refused(stat_refused), .stat_overflow(stat_overflow), .stat_frame(stat_frame), .stat_match(stat_match),
        .stat_other(stat_other), .stat_bad(stat_bad), .stat_unknown(stat_unknown), .stat_bad_length(stat_bad_length)
    );

    wire        ev_valid;
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
        .clk(clk), .rst(rst), .ready(book_ready), .cycle(cycle), .cfg_midnight_ns(cfg_midnight_ns), .cfg_venue(cfg_venue),
        .clear_stale(clear_stale),
        .norm_valid(norm_valid), .norm_type(norm_type), .norm_fault(norm_fault), .norm_timestamp(norm_timestamp),
        .norm_locate(norm_locate), .norm_tracked(norm_tracked), .norm_symidx(norm_symidx),
        .norm_ref(norm_ref), .norm_ref2(norm_ref2), .norm_side(norm_side), .norm_shares(norm_shares), .norm_price(norm_price),
        .norm_printable(norm_printable), .norm_overflow(norm_overflow), .norm_aux(norm_aux), .norm_line_b(norm_line_b),
        .norm_rx_cycle(norm_rx_cycle), .early_valid(early_valid), .early_ref(early_ref),
        .mark_valid(mark_valid), .mark_ready(mark_ready), .mark_symidx(mark_symidx), .mark_code(mark_code),
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
        .cmd_valid(cmd_valid), .cmd_arm(cmd_arm), .cmd_slot(cmd_slot), .cmd_symidx(cmd_symidx),
        .cmd_condition(cmd_condition), .cmd_price(cmd_price), .cmd_expire(cmd_expire),
        .cfg_kill(cfg_kill), .cfg_trade(cfg_trade), .cfg_session(cfg_order_session), .cfg_all_stale(all_stale),
        .cfg_rate_period(cfg_rate_period), .cfg_rate_burst(cfg_rate_burst), .cfg_dup_window(cfg_dup_window),
        .limit_write(limit_write), .limit_symidx(limit_symidx), .limit_enable(limit_enable), .limit_quantity(limit_quantity),
        .limit_notional(limit_notional), .limit_collar(limit_collar), .limit_buy_room(limit_buy_room),
        .limit_sell_room(limit_sell_room),
        .load_valid(load_valid), .load_slot(load_slot), .load_word(load_word), .load_data(load_data),
        .seal_valid(seal_valid), .seal_slot(seal_slot), .seal_length(seal_length), .load_refused(load_refused),
        .urn_valid(urn_valid), .urn(urn), .next_urn(next_urn),
        .m_axis_tdata(m_axis_ouch_tdata), .m_axis_tkeep(m_axis_ouch_tkeep), .m_axis_tvalid(m_axis_ouch_tvalid),
        .m_axis_tready(m_axis_ouch_tready), .m_axis_tlast(m_axis_ouch_tlast),
        .armed(armed), .fired(fired), .expired(expired), .disarmed(disarmed), .pass_valid(pass_valid),
        .reject_valid(reject_valid), .out_slot(out_slot), .out_reasons(out_reasons), .out_rx_cycle(out_rx_cycle),
        .stat_fired(stat_fired), .stat_expired(stat_expired)
    );

    assign stat = {
        reject_valid, pass_valid, stat_expired, stat_fired,                                        // 41..38
        stat_broken, stat_side_lost, stat_evict, stat_far,                                         // 37..34
        stat_drop, stat_slow, stat_crossed, stat_table_full, stat_contradiction, stat_unknown_ref, // 33..28
        stat_field, stat_length, stat_unknown_type, stat_untracked, stat_lost, stat_queued,        // 27..22
        stat_bad_length, stat_unknown, stat_bad, stat_other, stat_match, stat_frame,               // 21..10, two each: {B, A}
        stat_overflow, stat_refused, stat_unheld, stat_duplicate,                                  // 9..2, two each
        stat_gap, stat_message                                                                     // 1..0
    };
endmodule
`default_nettype wire
