// The book half with its norm bus as one vector, so that a bench drives a message with one assignment.
// The fields are in the order of Norm.pack (sim/rtl/models/events.py), valid in the highest bit.
`default_nettype none
module book_core_bench #(
    parameter SYM_LOG2 = 6,
    parameter TABLES = 4,
    parameter SLOTS = 4,
    parameter BUCKET_LOG2 = 6,
    parameter STASH_LOG2 = 4,
    parameter GROUPS_LOG2 = 6,
    parameter PACE_LOG2 = 9,
    parameter FIFO_LOG2 = 6
) (
    input  wire         clk,
    input  wire         rst,
    output wire         ready,
    output reg  [31:0]  cycle,
    input  wire [329:0] norm,
    input  wire [64:0]  early,     // {valid, reference}
    input  wire         clear_stale,
    input  wire         mark_valid,
    output wire         mark_ready,
    input  wire [9:0]   mark_symidx,
    input  wire [7:0]   mark_code,
    output wire [511:0] m_axis_tdata,
    output wire         m_axis_tvalid,
    input  wire         m_axis_tready,
    output wire         all_stale,
    output reg          broken,    // latches what must never happen
    output reg  [31:0]  queued,
    output reg  [31:0]  waited,
    output reg  [31:0]  fields,    // refused for a field
    output wire [31:0]  stat_live,
    output wire [STASH_LOG2:0] stat_stash
);
    wire stat_broken;
    wire stat_lost;
    wire stat_queued;
    wire stat_slow;
    wire stat_field;
    always @(posedge clk) begin
        cycle <= rst ? 32'd0 : cycle + 32'd1;
        broken <= !rst && (broken || stat_broken || book.overrun || book.own_missed);
        queued <= rst ? 32'd0 : queued + {31'd0, stat_queued};
        waited <= rst ? 32'd0 : waited + {31'd0, stat_slow};
        fields <= rst ? 32'd0 : fields + {31'd0, stat_field};
    end
    book_core #(
        .SYM_LOG2(SYM_LOG2), .TABLES(TABLES), .SLOTS(SLOTS), .BUCKET_LOG2(BUCKET_LOG2), .STASH_LOG2(STASH_LOG2),
        .GROUPS_LOG2(GROUPS_LOG2), .PACE_LOG2(PACE_LOG2), .FIFO_LOG2(FIFO_LOG2)
    ) book (
        .clk(clk), .rst(rst), .ready(ready), .cycle(cycle), .cfg_midnight_ns(64'd1577682000000000000), .cfg_venue(8'd3),
        .clear_stale(clear_stale),
        .norm_valid(norm[329]), .norm_type(norm[328:321]), .norm_fault(norm[320:319]), .norm_timestamp(norm[318:271]),
        .norm_locate(norm[270:255]), .norm_tracked(norm[254]), .norm_symidx(norm[253:244]), .norm_ref(norm[243:180]),
        .norm_ref2(norm[179:116]), .norm_side(norm[115]), .norm_shares(norm[114:83]), .norm_price(norm[82:51]),
        .norm_printable(norm[50]), .norm_overflow(norm[49]), .norm_aux(norm[48:33]), .norm_line_b(norm[32]),
        .norm_rx_cycle(norm[31:0]),
        .early_valid(early[64]), .early_ref(early[63:0]),
        .mark_valid(mark_valid), .mark_ready(mark_ready), .mark_symidx(mark_symidx), .mark_code(mark_code),
        .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready),
        .ev_valid(), .ev_row(), .ev_changed(), .ev_stale(), .ev_halted(), .ev_symidx(), .ev_bid(), .ev_ask(), .ev_rx_cycle(),
        .ev_latency(), .all_stale(all_stale), .stat_queued(stat_queued), .stat_lost(stat_lost), .stat_untracked(),
        .stat_unknown_type(), .stat_length(), .stat_field(stat_field), .stat_unknown_ref(), .stat_contradiction(), .stat_table_full(),
        .stat_crossed(), .stat_slow(stat_slow), .stat_drop(), .stat_far(), .stat_evict(), .stat_side_lost(),
        .stat_broken(stat_broken), .stat_live(stat_live), .stat_peak(), .stat_stash(stat_stash)
    );
endmodule
`default_nettype wire
