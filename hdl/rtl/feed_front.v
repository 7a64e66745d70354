// The feed half: two lines from the MAC to one stream of normalised messages, as drawn in README.md.
// Latency: 4 cycles from the beat with a message's last byte to norm_valid on a line in sequence, minimum = maximum, with
// STORE_FWD = 0. Throughput: one beat per line and cycle; never pushes back. Overflow: see line_arb.
`default_nettype none
`include "norm_bus.vh"
module feed_front #(
    parameter HOLD_LOG2 = 9,
    parameter FAR_LOG2 = 20,
    parameter STORE_FWD = 0,
    parameter LOCATE_BITS = 16
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        cmd_resync,    // see line_arb
    input  wire [63:0] cfg_first_seq,
    input  wire [79:0] cfg_session,
    input  wire [31:0] cfg_gap_wait,
    input  wire [31:0] cfg_silence,
    input  wire [31:0] cycle,         // free-running
    input  wire        cfg_a_enable,
    input  wire [31:0] cfg_a_address,
    input  wire [15:0] cfg_a_port,
    input  wire [63:0] s_axis_a_tdata,
    input  wire [7:0]  s_axis_a_tkeep,
    input  wire        s_axis_a_tvalid,
    input  wire        s_axis_a_tlast,
    input  wire        s_axis_a_tuser,
    input  wire        cfg_b_enable,
    input  wire [31:0] cfg_b_address,
    input  wire [15:0] cfg_b_port,
    input  wire [63:0] s_axis_b_tdata,
    input  wire [7:0]  s_axis_b_tkeep,
    input  wire        s_axis_b_tvalid,
    input  wire        s_axis_b_tlast,
    input  wire        s_axis_b_tuser,
    input  wire        filter_write_valid,
    input  wire [15:0] filter_write_locate,
    input  wire        filter_write_tracked,
    input  wire [9:0]  filter_write_symidx,
    output wire        filter_ready,
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
    output wire [1:0]  stat_overflow, // a message did not fit the hold
    output wire [1:0]  stat_frame,     // bit 1: line B, and so below
    output wire [1:0]  stat_match,
    output wire [1:0]  stat_other,
    output wire [1:0]  stat_bad,
    output wire [1:0]  stat_unknown,
    output wire [1:0]  stat_bad_length
);
    wire        a_look_valid;
    wire [15:0] a_look_locate;
    wire [63:0] a_next_seq;
    wire        a_msg_valid;
    wire [`NORM_BODY_BITS-1:0] a_msg_body;
    wire [63:0] a_msg_seq;
    wire        a_msg_symbol;
    wire        a_early_valid;
    wire [63:0] a_early_ref;
    wire        a_header_valid;
    wire [79:0] a_header_session;
    wire [63:0] a_header_seq;
    wire [15:0] a_header_count;
    wire        a_end_valid;
    wire        a_end_bad;
    wire [7:0]  a_end_reason;
    wire        a_end_header;
    wire        a_found;
    wire [9:0]  a_found_symidx;
    wire        a_tracked;
    wire [9:0]  a_symidx;
    assign a_tracked = a_found && a_msg_symbol;
    assign a_symidx = a_found_symidx & {10{a_msg_symbol}};
    feed_line line_a (
        .clk(clk), .rst(rst),
        .cfg_enable(cfg_a_enable), .cfg_address(cfg_a_address), .cfg_port(cfg_a_port),
        .s_axis_tdata(s_axis_a_tdata), .s_axis_tkeep(s_axis_a_tkeep), .s_axis_tvalid(s_axis_a_tvalid),
        .s_axis_tlast(s_axis_a_tlast), .s_axis_tuser(s_axis_a_tuser),
        .look_valid(a_look_valid), .look_locate(a_look_locate),
        .next_seq(a_next_seq), .msg_valid(a_msg_valid), .msg_body(a_msg_body), .msg_seq(a_msg_seq),
        .msg_symbol(a_msg_symbol),
        .early_valid(a_early_valid), .early_ref(a_early_ref),
        .header_valid(a_header_valid), .header_session(a_header_session), .header_seq(a_header_seq),
        .header_count(a_header_count),
        .end_valid(a_end_valid), .end_bad(a_end_bad), .end_reason(a_end_reason), .end_header(a_end_header),
        .stat_frame(stat_frame[0]), .stat_match(stat_match[0]), .stat_other(stat_other[0]), .stat_bad(stat_bad[0]),
        .stat_unknown(stat_unknown[0]), .stat_bad_length(stat_bad_length[0]));

    wire        b_look_valid;
    wire [15:0] b_look_locate;
    wire [63:0] b_next_seq;
    wire        b_msg_valid;
    wire [`NORM_BODY_BITS-1:0] b_msg_body;
    wire [63:0] b_msg_seq;
    wire        b_msg_symbol;
    wire        b_early_valid;
    wire [63:0] b_early_ref;
    wire        b_header_valid;
    wire [79:0] b_header_session;
    wire [63:0] b_header_seq;
    wire [15:0] b_header_count;
    wire        b_end_valid;
    wire        b_end_bad;
    wire [7:0]  b_end_reason;
    wire        b_end_header;
    wire        b_found;
    wire [9:0]  b_found_symidx;
    wire        b_tracked;
    wire [9:0]  b_symidx;
    assign b_tracked = b_found && b_msg_symbol;
    assign b_symidx = b_found_symidx & {10{b_msg_symbol}};
    feed_line line_b (
        .clk(clk), .rst(rst),
        .cfg_enable(cfg_b_enable), .cfg_address(cfg_b_address), .cfg_port(cfg_b_port),
        .s_axis_tdata(s_axis_b_tdata), .s_axis_tkeep(s_axis_b_tkeep), .s_axis_tvalid(s_axis_b_tvalid),
        .s_axis_tlast(s_axis_b_tlast), .s_axis_tuser(s_axis_b_tuser),
        .look_valid(b_look_valid), .look_locate(b_look_locate),
        .next_seq(b_next_seq), .msg_valid(b_msg_valid), .msg_body(b_msg_body), .msg_seq(b_msg_seq),
        .msg_symbol(b_msg_symbol),
        .early_valid(b_early_valid), .early_ref(b_early_ref),
        .header_valid(b_header_valid), .header_session(b_header_session), .header_seq(b_header_seq),
        .header_count(b_header_count),
        .end_valid(b_end_valid), .end_bad(b_end_bad), .end_reason(b_end_reason), .end_header(b_end_header),
        .stat_frame(stat_frame[1]), .stat_match(stat_match[1]), .stat_other(stat_other[1]), .stat_bad(stat_bad[1]),
        .stat_unknown(stat_unknown[1]), .stat_bad_length(stat_bad_length[1]));

    sym_filter #(.LOCATE_BITS(LOCATE_BITS)) filter (
        .clk(clk), .rst(rst),
        .write_valid(filter_write_valid), .write_locate(filter_write_locate), .write_tracked(filter_write_tracked),
        .write_symidx(filter_write_symidx), .ready(filter_ready),
        .look_a_valid(a_look_valid), .look_a_locate(a_look_locate), .a_tracked(a_found), .a_symidx(a_found_symidx),
        .look_b_valid(b_look_valid), .look_b_locate(b_look_locate), .b_tracked(b_found), .b_symidx(b_found_symidx));

    line_arb #(.HOLD_LOG2(HOLD_LOG2), .FAR_LOG2(FAR_LOG2), .STORE_FWD(STORE_FWD)) arb (
        .clk(clk), .rst(rst),
        .cmd_resync(cmd_resync), .cfg_first_seq(cfg_first_seq), .cfg_session(cfg_session),
        .cfg_gap_wait(cfg_gap_wait), .cfg_silence(cfg_silence), .cycle(cycle),
        .a_next_seq(a_next_seq), .a_msg_valid(a_msg_valid), .a_msg_body(a_msg_body), .a_msg_seq(a_msg_seq),
        .a_msg_tracked(a_tracked), .a_msg_symidx(a_symidx), .a_header_valid(a_header_valid), .a_header_session(a_header_session),
        .a_header_seq(a_header_seq), .a_header_count(a_header_count), .a_end_valid(a_end_valid), .a_end_bad(a_end_bad),
        .a_end_reason(a_end_reason), .a_end_header(a_end_header), .a_early_valid(a_early_valid), .a_early_ref(a_early_ref),
        .b_next_seq(b_next_seq), .b_msg_valid(b_msg_valid), .b_msg_body(b_msg_body), .b_msg_seq(b_msg_seq),
        .b_msg_tracked(b_tracked), .b_msg_symidx(b_symidx), .b_header_valid(b_header_valid), .b_header_session(b_header_session),
        .b_header_seq(b_header_seq), .b_header_count(b_header_count), .b_end_valid(b_end_valid), .b_end_bad(b_end_bad),
        .b_end_reason(b_end_reason), .b_end_header(b_end_header), .b_early_valid(b_early_valid), .b_early_ref(b_early_ref),
        .norm_valid(norm_valid), .norm_type(norm_type), .norm_fault(norm_fault), .norm_seq(norm_seq),
        .norm_timestamp(norm_timestamp), .norm_locate(norm_locate), .norm_tracked(norm_tracked), .norm_symidx(norm_symidx),
        .norm_ref(norm_ref), .norm_ref2(norm_ref2), .norm_side(norm_side), .norm_shares(norm_shares),
        .norm_price(norm_price), .norm_printable(norm_printable), .norm_overflow(norm_overflow), .norm_aux(norm_aux),
        .norm_line_b(norm_line_b), .norm_rx_cycle(norm_rx_cycle), .early_valid(early_valid), .early_ref(early_ref),
        .expected_seq(expected_seq), .synced(synced), .session_known(session_known), .session(session),
        .line_down(line_down), .hole_open(hole_open), .hold_level_a(hold_level_a), .hold_level_b(hold_level_b),
        .stat_message(stat_message), .stat_gap(stat_gap), .stat_duplicate(stat_duplicate), .stat_unheld(stat_unheld),
        .stat_refused(stat_refused), .stat_overflow(stat_overflow));
endmodule
`default_nettype wire
