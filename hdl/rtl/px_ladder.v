// Price ladder: shares at each price level of each symbol and side in a window of 64 * GROUPS ticks that slides with the
// best price, a bitmap of levels in two steps (groups, 64 levels each), and the best level after each change.
// Latency: a change in stage v has its best level on late_* 6 cycles later when nothing waits in ladder_queue. Throughput: one
// change per 2 cycles; a replace is two changes. `late_valid` is raised for the messages that asked (v_slow), in order.
// Overflow: a price beyond the window is not held and nothing better than it is lost: the floor below which levels are
// unknown rises. Only when a side empties down to its floor, or an order is off the tick, or a size outgrows QTY_W, is the
// best unknown: the side is `lost`, and marked once on mark_* until the host clears the mark; clearing does not repair, so
// a side that is lost then is marked again. The queue cannot overflow at norm_pace's pace; if it did, `stat_overrun` says so and
// the books are stale.
// After reset 2^(SYM_LOG2+1) cycles clear the state (`ready` low).
//
// Group = key / 64 (ladder_tick.v makes keys of prices); a level's place is its key modulo the window.
//   L0  queue, tick's low bits     state and the group's word are read
//   L1  in block RAM               the level's shares are read
//   L2  bitmaps, with what the changes 2 and 4 cycles ahead left of them; window compares
//   L3  shares after; next level below in its group, next group below in the window
//   L4                             the next level's shares and the next group's head are read
//   L5  in block RAM               state, word and shares are written
//   L6  ladder_tell: the best level is one of the own, the next level, the next group's head, the one before
// Both searches look for what follows if this level is used up, so they start before its shares are known.
// The ladder knows no orders: a change of a level that it does not hold is `stat_broken`, and the side is lost.
`default_nettype none
`include "book_msg.vh"
`include "fp_records.vh"
module px_ladder #(
    parameter SYM_LOG2 = 8,    // at most 10
    parameter GROUPS_LOG2 = 6, // 64 groups of 64 ticks, at most
    parameter QTY_W = 36
) (
    input  wire             clk,
    input  wire             rst,
    output reg              ready,
    input  wire [`BM_W-1:0] c_msg,
    input  wire [31:0]      c_price,    // resting price of a looked-up order
    input  wire             v_valid,
    input  wire [`BM_W-1:0] v_msg,
    input  wire [2:0]       v_verdict,
    input  wire [31:0]      v_shares,
    input  wire             v_side,
    input  wire             v_slow_ok,  // an event waits for late_* when the verdict is OK or FULL
    input  wire             v_slow_not, // and when it is another
    input  wire [3:0]       v_count,    // number of this change of its symbol's side
    output wire             late_write, // the side's best level is now this
    output wire [SYM_LOG2-1:0] late_symidx,
    output wire             late_side,
    output wire [31:0]      late_price, // 0: no level
    output wire [QTY_W-1:0] late_shares,
    output wire [3:0]       late_count,
    output wire             late_lost,
    output wire             late_valid, // both sides before and after a message that waits
    output wire             late_changed,
    output wire             late_stale_before, // a side is lost: the BBO may be wrong
    output wire             late_stale,
    output wire [31:0]      before_bid,
    output wire [QTY_W-1:0] before_bid_shares,
    output wire [31:0]      before_ask,
    output wire [QTY_W-1:0] before_ask_shares,
    output wire [31:0]      after_bid,
    output wire [QTY_W-1:0] after_bid_shares,
    output wire [31:0]      after_ask,
    output wire [QTY_W-1:0] after_ask_shares,
    output wire             mark_valid, // the side has just been lost
    output wire [9:0]       mark_symidx,
    output reg              stat_far,   // an order beyond the window
    output reg              stat_evict, // levels fell out of the window
    output wire             stat_lost,  // a side was lost and marked
    output reg              stat_broken, // order table and ladder disagree: never
    output wire             stat_overrun
);
    localparam GL = GROUPS_LOG2;
    localparam NG = 1 << GL;
    localparam GW = 19;              // group number
    localparam GH = GW - GL;         // its high bits: the lap around the window
    localparam IW = GL + 6;          // place in the window
    localparam SS = SYM_LOG2 + 1;    // symbol and side
    localparam ST = NG + 2*GW + 2;   // {lost, floor on, floor, top, groups}
    localparam [GW:0] SPAN = NG - 2; // the best group's distance to the last one held: it never holds both ends

    // L0: one change; its tick's low bits address the RAMs.
    wire                l0_go;
    wire                l0_adds;
    wire                l0_takes;
    wire                l0_last;
    wire                l0_twin;
    wire                l0_slow;
    wire                l0_clear;
    wire                l0_side;
    wire [SYM_LOG2-1:0] l0_sym;
    wire                l0_cheap;
    wire [31:0]         l0_price;
    wire [31:0]         l0_amount;
    wire [3:0]          l0_count;
    wire [IW-1:0]       l0_place;
    wire [GW-1:0]       l2_group;
    wire                l3_off;
    ladder_queue #(.SYM_LOG2(SYM_LOG2), .PLACE_W(IW)) door (
        .clk(clk), .rst(rst), .ready(ready), .c_msg(c_msg), .c_price(c_price),
        .v_valid(v_valid), .v_msg(v_msg), .v_verdict(v_verdict), .v_shares(v_shares), .v_side(v_side),
        .v_slow_ok(v_slow_ok), .v_slow_not(v_slow_not), .v_count(v_count),
        .go(l0_go), .adds(l0_adds), .takes(l0_takes), .last(l0_last), .twin(l0_twin), .slow(l0_slow), .clear(l0_clear),
        .side(l0_side), .sym(l0_sym), .cheap(l0_cheap), .price(l0_price), .amount(l0_amount), .count(l0_count),
        .place(l0_place), .stat_overrun(stat_overrun)
    );
    ladder_tick tick (
        .clk(clk), .price(l0_price), .cheap(l0_cheap), .side(l0_side), .group(l2_group), .off(l3_off)
    );

    // What a change carries through the stages.
    localparam CW = 4 + SS + 32 + 4; // {last, twin, slow, clear, symbol and side, price, count}
    reg          l1_valid;
    reg          l2_valid;
    reg          l3_valid;
    reg          l4_valid;
    reg          l5_valid;
    reg          l6_valid;
    reg [CW-1:0] l1_carry;
    reg [CW-1:0] l2_carry;
    reg [CW-1:0] l3_carry;
    reg [CW-1:0] l4_carry;
    reg [CW-1:0] l5_carry;
    reg          l1_adds;
    reg          l2_adds;
    reg          l3_adds;
    reg          l1_takes;
    reg          l2_takes;
    reg          l3_takes;
    reg          l4_changes;
    reg          l5_changes;
    reg          l1_cheap;
    reg          l2_cheap;
    reg          l3_cheap;
    reg          l4_cheap;
    reg [31:0]   l1_amount;
    reg [31:0]   l2_amount;
    reg [31:0]   l3_amount;
    reg [IW-1:0] l1_place;
    reg [IW-1:0] l2_place;
    reg [IW-1:0] l3_place;
    reg [IW-1:0] l4_place;
    reg [IW-1:0] l5_place;
    reg [GL-1:0] l6_place;       // of the group
    reg [SS-1:0] l6_book;
    wire [SS-1:0] l1_book;       // {symbol, side}
    wire [SS-1:0] l3_book;
    wire [SS-1:0] l4_book;
    wire [SS-1:0] l5_book;
    wire          l5_last;
    wire          l5_twin;
    wire          l5_slow;
    wire          l5_clear;
    wire [31:0]   l4_price;
    wire [31:0]   l5_price;
    wire [3:0]    l5_count;
    assign l1_book = l1_carry[36 +: SS];
    assign l3_book = l3_carry[36 +: SS];
    assign l4_book = l4_carry[36 +: SS];
    assign l4_price = l4_carry[35:4];
    assign {l5_last, l5_twin, l5_slow, l5_clear, l5_book, l5_price, l5_count} = l5_carry;
    always @(posedge clk) begin
        if (rst) begin
            l1_valid <= 1'b0;
            l2_valid <= 1'b0;
            l3_valid <= 1'b0;
            l4_valid <= 1'b0;
            l5_valid <= 1'b0;
            l6_valid <= 1'b0;
        end else begin
            l1_valid <= l0_go;
            l2_valid <= l1_valid;
            l3_valid <= l2_valid;
            l4_valid <= l3_valid;
            l5_valid <= l4_valid;
            l6_valid <= l5_valid;
        end
        l1_carry <= {l0_last, l0_twin, l0_slow, l0_clear, l0_sym, l0_side, l0_price, l0_count};
        l2_carry <= l1_carry;
        l3_carry <= l2_carry;
        l4_carry <= l3_carry;
        l5_carry <= l4_carry;
        l6_book <= l5_book;
        l1_adds <= l0_adds;
        l2_adds <= l1_adds;
        l3_adds <= l2_adds;
        l1_takes <= l0_takes;
        l2_takes <= l1_takes;
        l3_takes <= l2_takes;
        l4_changes <= l3_adds || l3_takes;
        l5_changes <= l4_changes;
        l1_cheap <= l0_cheap;
        l2_cheap <= l1_cheap;
        l3_cheap <= l2_cheap;
        l4_cheap <= l3_cheap;
        l1_amount <= l0_amount;
        l2_amount <= l1_amount;
        l3_amount <= l2_amount;
        l1_place <= l0_place;
        l2_place <= l1_place;
        l3_place <= l2_place;
        l4_place <= l3_place;
        l5_place <= l4_place;
        l6_place <= l5_place[IW-1:6];
    end

    // L1: masks of the level in its word and of the group in the window; is a change ahead of the same side, group, level?
    wire [63:0]   l1_bit;
    wire [63:0]   l1_under;      // places below the level's
    wire [NG-1:0] l1_group_bit;
    wire [NG-1:0] l1_upto;       // groups' places up to the own
    wire [NG-1:0] l1_from_last;  // from the last that the window would hold with the own group on top
    wire [GL-1:0] l1_group_place;
    wire [63:0]   l1_level_upto;
    wire          l1_near;       // 2 cycles ahead
    wire          l1_far;        // 4
    assign l1_group_place = l1_place[IW-1:6];
    mask_table level_masks (.number(l1_place[5:0]), .mask(l1_level_upto));
    mask_table #(.LOG2(GL)) group_masks (.number(l1_group_place), .mask(l1_upto));
    mask_table #(.LOG2(GL), .FROM(2)) last_masks (.number(l1_group_place), .mask(l1_from_last));
    assign l1_under = l1_level_upto >> 1;
    assign l1_bit = 64'd1 << l1_place[5:0];
    assign l1_group_bit = {{(NG-1){1'b0}}, 1'b1} << l1_group_place;
    assign l1_near = l3_valid && l3_book == l1_book;
    assign l1_far = l5_valid && l5_book == l1_book;
    reg  [63:0]   l2_bit;
    reg  [63:0]   l2_under;
    reg  [NG-1:0] l2_group_bit;
    reg  [NG-1:0] l2_upto;
    reg  [NG-1:0] l2_from_last;
    reg           l2_near;
    reg           l2_far;
    reg           l2_near_group;
    reg           l2_far_group;
    reg           l2_near_level;
    reg           l2_far_level;
    reg  [ST-1:0] l2_state_raw;
    reg  [63:0]   l2_word_raw;
    wire [ST-1:0] state_read;
    wire [63:0]   word_read;
    always @(posedge clk) begin
        l2_bit <= l1_bit;
        l2_under <= l1_under;
        l2_group_bit <= l1_group_bit;
        l2_upto <= l1_upto;
        l2_from_last <= l1_from_last;
        l2_near <= l1_near;
        l2_far <= l1_far;
        l2_near_group <= l1_near && l3_place[IW-1:6] == l1_group_place;
        l2_far_group <= l1_far && l5_place[IW-1:6] == l1_group_place;
        l2_near_level <= l1_near && l3_place == l1_place;
        l2_far_level <= l1_far && l5_place == l1_place;
        l2_state_raw <= state_read;
        l2_word_raw <= word_read;
    end

    // What the changes ahead leave behind, at L4 in parts and at L6 as a whole.
    reg  [63:0]   l4_rest;       // the group's other levels
    reg  [63:0]   l4_bit;
    reg           l4_live;       // the level holds shares
    reg           l4_put;        // level and word are to be written
    reg  [QTY_W-1:0] l4_sum;
    reg           l4_too_many;   // shares for QTY_W bits
    reg           l4_short;      // more is taken than there is
    wire [QTY_W-1:0] l4_qty;
    reg  [NG-1:0] l4_keep;       // the window's other groups
    reg  [NG-1:0] l4_group_bit;
    reg           l4_group_live;
    reg           l4_fell;       // the top group is empty: the next is on top
    reg  [GW-1:0] l4_top;
    reg  [GW-1:0] l4_second;
    reg  [NG-1:0] l4_upto;       // places up to a group that is, or was just now, the top: from there all groups follow
    reg  [GH-1:0] l4_lap;        // that group's high bits
    reg           l4_lost;
    reg           l4_rises;
    reg           l4_drops;      // some groups do not stay
    reg           l4_far_down;   // an order beyond the window
    reg           l4_floor_on;   // before the change
    reg  [GW-1:0] l4_floor;
    reg  [GW-1:0] l4_group;
    reg  [GW-1:0] l4_end;        // where the window ends with this group on top
    reg           l4_add;
    reg           l4_take;
    reg           l4_used;
    wire          l4_broken;
    wire [63:0]   l4_word;
    wire [NG-1:0] l4_groups;
    wire [GW-1:0] l4_top_now;
    reg           l5_put;
    reg  [QTY_W-1:0] l5_qty;
    reg  [63:0]   l5_word;
    reg  [NG-1:0] l5_groups;
    reg  [GW-1:0] l5_top;
    reg  [NG-1:0] l5_upto;
    reg  [GH-1:0] l5_lap;
    reg           l5_lost;
    reg           l5_floor_on;
    reg  [GW-1:0] l5_floor;
    reg           l6_put;
    reg  [QTY_W-1:0] l6_qty;
    reg  [63:0]   l6_word;
    reg  [NG-1:0] l6_groups;
    reg  [GW-1:0] l6_top;
    reg  [NG-1:0] l6_upto;
    reg  [GH-1:0] l6_lap;
    reg  [GW+1:0] l6_bounds;     // {lost, floor on, floor}
    reg  [GW+1:0] l7_bounds;
    assign l4_word = l4_rest | (l4_bit & {64{l4_live}});
    assign l4_groups = l4_keep | (l4_group_bit & {NG{l4_group_live}});
    assign l4_qty = l4_sum | {QTY_W{l4_too_many}};
    assign l4_top_now = l4_fell ? l4_second : l4_top;
    always @(posedge clk) begin
        l5_put <= l4_put;
        l5_qty <= l4_qty;
        l5_word <= l4_word;
        l5_groups <= l4_groups;
        l5_top <= l4_top_now;
        l5_upto <= l4_upto;
        l5_lap <= l4_lap;
        l5_lost <= l4_lost || l4_broken || (l4_add && l4_too_many);
        l6_put <= l5_put;
        l6_qty <= l5_qty;
        l6_word <= l5_word;
        l6_groups <= l5_groups;
        l6_top <= l5_top;
        l6_upto <= l5_upto;
        l6_lap <= l5_lap;
        l6_bounds <= {l5_lost, l5_floor_on, l5_floor};
        l7_bounds <= l6_bounds;
    end

    // L2: the side and the group's word as they are now; where the own group is.
    wire [63:0]   l2_word;
    wire [NG-1:0] l2_groups;
    wire [NG-1:0] l2_raw_upto;
    wire [NG-1:0] l2_order;     // places up to the group that the order starts with
    wire [GH-1:0] l2_lap;
    wire [GW-1:0] l2_raw_top;
    wire [GW-1:0] l2_top;
    wire [1:0]    l2_pick;      // which of the tops and laps below it is
    wire [4*GW-1:0] l2_tops;
    wire [4*GH-1:0] l2_laps;
    wire [3:0]    l2_over;      // the own group against each of them, as it is known late which
    wire [3:0]    l2_is_top;
    wire [3:0]    l2_past;
    wire [3:0]    l2_laps_over;
    wire [3:0]    l2_laps_same;
    wire [3:0]    l2_laps_next;
    wire [3:0]    l2_laps_last;
    wire [GW:0]   l2_beyond;
    wire [GH:0]   l2_own_lap;
    wire          l2_lap_next;  // one above the own
    wire          l2_lap_last;  // one below
    wire          l2_wraps;     // with the own group on top the window ends in this lap, else in the one below
    wire          l2_lap_over;
    wire          l2_lap_same;
    wire          l2_near_put;
    wire [63:0]   l2_at;
    wire [63:0]   l2_above;
    wire [QTY_W-1:0] l2_taken;
    wire          l2_under_raw; // at the floor or below, for each floor that may be the side's
    wire          l2_under_far;
    wire          l2_under_old;
    wire          l2_under_near;
    wire          l2_under_end;
    wire          l4_evicts;
    assign l2_raw_top = l2_state_raw[NG +: GW];
    mask_table #(.LOG2(GL)) raw_masks (.number(l2_raw_top[GL-1:0]), .mask(l2_raw_upto));
    assign l2_word = l2_near_group && l4_put ? l4_word : l2_far_group && l6_put ? l6_word : l2_word_raw;
    assign l2_groups = l2_near ? l4_groups : l2_far ? l6_groups : l2_state_raw[NG-1:0];
    assign l2_order = l2_near ? l4_upto : l2_far ? l6_upto : l2_raw_upto;
    assign l2_lap = l2_near ? l4_lap : l2_far ? l6_lap : l2_raw_top[GW-1:GL];
    assign l2_top = l2_near ? l4_top_now : l2_far ? l6_top : l2_raw_top;
    assign l2_beyond = {1'b0, l2_group} + SPAN;
    assign l2_own_lap = {1'b0, l2_group[GW-1:GL]};
    assign l2_wraps = &l2_group[GL-1:1];
    assign l2_pick = l2_near ? {1'b1, l4_fell} : {1'b0, l2_far};
    assign l2_tops = {l4_second, l4_top, l6_top, l2_raw_top};
    assign l2_laps = {l4_lap, l4_lap, l6_lap, l2_raw_top[GW-1:GL]};
    genvar g;
    generate
        for (g = 0; g < 4; g = g + 1) begin : tops
            assign l2_over[g] = l2_group > l2_tops[GW*g +: GW];
            assign l2_is_top[g] = l2_group == l2_tops[GW*g +: GW];
            assign l2_past[g] = l2_beyond < {1'b0, l2_tops[GW*g +: GW]};
            assign l2_laps_over[g] = {1'b0, l2_laps[GH*g +: GH]} > l2_own_lap;
            assign l2_laps_same[g] = {1'b0, l2_laps[GH*g +: GH]} == l2_own_lap;
            assign l2_laps_next[g] = {1'b0, l2_laps[GH*g +: GH]} == l2_own_lap + 1'b1;
            assign l2_laps_last[g] = {1'b0, l2_laps[GH*g +: GH]} == l2_own_lap - 1'b1;
        end
    endgenerate
    assign l2_lap_over = l2_laps_over[l2_pick];
    assign l2_lap_same = l2_laps_same[l2_pick];
    assign l2_lap_next = l2_laps_next[l2_pick];
    assign l2_lap_last = l2_laps_last[l2_pick];
    assign l2_at = l2_word & l2_bit;
    assign l2_above = l2_word & ~l2_under & ~l2_bit;
    assign l2_near_put = l2_near_level && l4_put;
    assign l2_taken = {{(QTY_W-32){1'b0}}, l2_amount};
    assign l2_under_raw = l2_state_raw[NG + 2*GW] && l2_group <= l2_state_raw[NG + GW +: GW];
    assign l2_under_far = l6_bounds[GW] && l2_group <= l6_bounds[GW-1:0];
    assign l2_under_old = l4_floor_on && l2_group <= l4_floor;
    assign l2_under_near = l2_group <= l4_group;
    assign l2_under_end = l2_group <= l4_end;
    reg  [63:0]   l3_rest;
    reg  [63:0]   l3_below;
    reg  [63:0]   l3_bit;
    reg  [3:0]    l3_used_parts;  // the level is used, one bit per quarter of the word
    reg  [3:0]    l3_above_parts; // a better level in its group
    reg  [NG-1:0] l3_first;     // the other groups: those of the order's first lap,
    reg  [NG-1:0] l3_wrapped;   // and of the lap below
    reg  [NG-1:0] l3_group_bit;
    reg  [NG-1:0] l3_own_upto;
    reg  [NG-1:0] l3_from_last;
    reg           l3_group_used;
    reg           l3_empty;
    reg  [GW-1:0] l3_group;
    reg  [GW-1:0] l3_top;
    reg  [GH-1:0] l3_lap;
    reg           l3_over;      // the own group is better than the top
    reg           l3_is_top;
    reg           l3_under;     // beyond the window
    reg           l3_first_in;  // with the own group on top all of the first lap stay,
    reg           l3_first_cut; // those from l3_from_last on
    reg           l3_wrapped_in;
    reg           l3_wrapped_cut;
    reg           l3_near;
    reg           l3_far;
    reg           l3_forward;      // the level's shares come from a change ahead
    reg  [QTY_W-1:0] l3_forwarded;
    reg           l3_forward_same; // and are what is taken
    reg           l3_below_floor;
    reg  [GW+1:0] l3_raw;       // {lost, floor on, floor}
    always @(posedge clk) begin
        l3_rest <= l2_word & ~l2_bit;
        l3_below <= l2_word & l2_under;
        l3_bit <= l2_bit;
        l3_used_parts <= {|l2_at[63:48], |l2_at[47:32], |l2_at[31:16], |l2_at[15:0]};
        l3_above_parts <= {|l2_above[63:48], |l2_above[47:32], |l2_above[31:16], |l2_above[15:0]};
        l3_first <= l2_groups & ~l2_group_bit & l2_order;
        l3_wrapped <= l2_groups & ~l2_group_bit & ~l2_order;
        l3_group_bit <= l2_group_bit;
        l3_own_upto <= l2_upto;
        l3_from_last <= l2_from_last;
        l3_group_used <= |(l2_groups & l2_group_bit);
        l3_empty <= l2_groups == {NG{1'b0}};
        l3_group <= l2_group;
        l3_top <= l2_top;
        l3_lap <= l2_lap;
        l3_over <= l2_over[l2_pick];
        l3_is_top <= l2_is_top[l2_pick];
        l3_under <= l2_past[l2_pick];
        l3_first_in <= l2_lap_over || (l2_lap_same && !l2_wraps);
        l3_first_cut <= l2_wraps ? l2_lap_same : l2_lap_last;
        l3_wrapped_in <= l2_lap_over && !(l2_wraps && l2_lap_next);
        l3_wrapped_cut <= l2_wraps ? l2_lap_next : l2_lap_same;
        l3_near <= l2_near;
        l3_far <= l2_far;
        l3_forward <= l2_near_put || (l2_far_level && l6_put);
        l3_forwarded <= l2_near_put ? l4_qty : l6_qty;
        l3_forward_same <= l2_near_put ? l4_sum == l2_taken && !l4_too_many : l6_qty == l2_taken;
        l3_below_floor <= l2_near ? (l4_evicts ? l2_under_end : l4_far_down ? l2_under_near : l2_under_old) : l2_far ? l2_under_far : l2_under_raw;
        l3_raw <= l2_state_raw[ST-1 -: GW+2];
    end

    // L3: the shares after the change, and what follows if there are none.
    wire [QTY_W-1:0] level_read;
    wire             l3_lost;
    wire             l3_floor_on;
    wire [GW-1:0]    l3_floor;
    wire             l3_holds;     // on the tick, above the floor
    wire             l3_usable;    // the group's place in the window is its own
    wire             l3_used;
    wire             l3_above;
    wire             l3_better;    // a better level in its group
    wire             l3_far_down;
    wire             l3_add;
    wire             l3_take;
    wire             l3_tops;      // the own group becomes the top
    wire             l3_rises;     // above another
    wire [QTY_W-1:0] l3_base;
    wire [QTY_W:0]   l3_change;
    wire [QTY_W:0]   l3_sum;
    wire             l3_equal;
    wire             l3_empties;   // the level
    wire             l3_dies;      // the group
    assign {l3_lost, l3_floor_on, l3_floor} = l3_near ? {l5_lost, l5_floor_on, l5_floor} : l3_far ? l7_bounds : l3_raw;
    assign l3_holds = !l3_off && !l3_below_floor;
    assign l3_usable = l3_group_used && !l3_over && !l3_under;
    assign l3_used = |l3_used_parts && l3_usable;
    assign l3_above = |l3_above_parts;
    assign l3_better = l3_above && l3_usable;
    assign l3_far_down = l3_under && !l3_empty;
    assign l3_add = l3_adds && l3_holds && !l3_far_down;
    assign l3_take = l3_takes && l3_holds;
    assign l3_tops = l3_add && (l3_empty || l3_over);
    assign l3_rises = l3_add && !l3_empty && l3_over;
    assign l3_base = !l3_used ? {QTY_W{1'b0}} : l3_forward ? l3_forwarded : level_read;
    assign l3_change = {{(QTY_W-31){1'b0}}, l3_amount} ^ {(QTY_W+1){l3_takes}};
    assign l3_sum = {1'b0, l3_base} + l3_change + {{QTY_W{1'b0}}, l3_takes};
    assign l3_equal = l3_forward ? l3_forward_same : level_read == {{(QTY_W-32){1'b0}}, l3_amount};
    assign l3_empties = l3_take && l3_used && l3_equal;

    wire [63:0]     below_reversed;
    wire [5:0]      below_steps;
    wire            below_none;
    wire [2*NG-1:0] order_reversed;
    wire [GL:0]     order_steps;
    wire            order_none;
    wire [NG-1:0]   first_kept;
    wire [NG-1:0]   wrapped_kept;
    wire [NG-1:0]   l3_top_upto;
    generate
        for (g = 0; g < 64; g = g + 1) begin : below_turns
            assign below_reversed[g] = l3_below[63 - g];
        end
        for (g = 0; g < NG; g = g + 1) begin : order_turns
            assign order_reversed[g] = l3_first[NG - 1 - g];
            assign order_reversed[NG + g] = l3_wrapped[NG - 1 - g];
        end
    endgenerate
    mask_table #(.LOG2(GL)) top_masks (.number(l3_top[GL-1:0]), .mask(l3_top_upto));
    prio64 next_level (.bits(below_reversed), .index(below_steps), .none(below_none));
    prio64 #(.LOG2(GL + 1)) next_group (.bits(order_reversed), .index(order_steps), .none(order_none));
    assign l3_dies = l3_empties && !l3_above && below_none;
    assign first_kept = {NG{l3_first_in}} | (l3_from_last & {NG{l3_first_cut}});
    assign wrapped_kept = {NG{l3_wrapped_in}} | (l3_from_last & {NG{l3_wrapped_cut}});

    reg              l4_none;      // no other group
    reg              l4_own;       // the level is the side's best
    reg              l4_out;       // it was, and is used up
    reg              l4_own_head;  // the same, of its group
    reg              l4_next_head;
    reg              l4_lower;     // its group holds a level below
    reg              l4_bare;      // nothing is left
    reg  [5:0]       l4_next;      // place of the next level below
    reg              l5_own;
    reg              l5_out;
    reg              l5_own_head;
    reg              l5_next_head;
    reg              l5_lower;
    reg              l5_none;
    reg              l5_bare;
    assign l4_evicts = l4_rises && l4_drops;
    assign l4_broken = l4_take && (!l4_used || l4_short);
    always @(posedge clk) begin
        l4_rest <= l3_rest & {64{l3_usable}};
        l4_bit <= l3_bit;
        l4_live <= l3_add || (l3_used && !l3_empties);
        l4_put <= l3_add || (l3_take && l3_used);
        l4_sum <= l3_sum[QTY_W-1:0];
        l4_too_many <= l3_adds && l3_sum[QTY_W];
        l4_short <= l3_takes && l3_sum[QTY_W];
        l4_add <= l3_add;
        l4_take <= l3_take;
        l4_used <= l3_used;
        l4_end <= l3_group - (NG - 1);
        l4_keep <= (l3_first & (first_kept | {NG{!l3_rises}})) | (l3_wrapped & (wrapped_kept | {NG{!l3_rises}}));
        l4_drops <= |(l3_first & ~first_kept) || |(l3_wrapped & ~wrapped_kept) || l3_group_used;
        l4_rises <= l3_rises;
        l4_group_bit <= l3_group_bit;
        l4_group_live <= l3_add || (l3_group_used && !l3_dies);
        l4_fell <= l3_dies && l3_is_top;
        l4_top <= l3_tops ? l3_group : l3_top;
        l4_second <= {order_steps[GL] ? l3_lap - 1'b1 : l3_lap, ~order_steps[GL-1:0]};
        l4_none <= order_none;
        l4_upto <= l3_tops ? l3_own_upto : l3_top_upto;
        l4_lap <= l3_tops ? l3_group[GW-1:GL] : l3_top[GW-1:GL];
        l4_lost <= l3_lost || ((l3_adds || l3_takes) && l3_off);
        l4_floor_on <= l3_floor_on;
        l4_floor <= l3_floor;
        l4_far_down <= l3_adds && l3_holds && l3_far_down;
        l4_group <= l3_group;
        l4_own <= l3_tops || (l3_add && l3_is_top && !l3_better) || (l3_take && l3_used && l3_is_top && !l3_above && !l3_equal);
        l4_out <= l3_empties && l3_is_top && !l3_above;
        l4_own_head <= (l3_add && !l3_better) || (l3_take && l3_used && !l3_above && !l3_equal);
        l4_next_head <= l3_empties && !l3_above && !below_none;
        l4_lower <= !below_none;
        l4_bare <= !l3_add && (l3_empty || (l3_dies && order_none));
        l4_next <= ~below_steps;
        l5_floor_on <= l4_floor_on || l4_evicts || l4_far_down;
        l5_floor <= l4_evicts ? l4_end : l4_far_down ? l4_group : l4_floor;
        l5_own <= l4_own;
        l5_out <= l4_out;
        l5_own_head <= l4_own_head;
        l5_next_head <= l4_next_head;
        l5_lower <= l4_lower;
        l5_none <= l4_none;
        l5_bare <= l4_bare;
        stat_far <= l3_valid && l3_adds && (!l3_holds || l3_far_down) && !rst;
        stat_evict <= l4_valid && l4_evicts && !rst;
        stat_broken <= l4_valid && l4_broken && !l4_lost && !rst;
    end

    // L4, L5: the price of the next level below.
    wire [31:0] l5_next_price;
    ladder_price next_price (
        .clk(clk), .l3_group(l3_group ^ {GW{l3_book[0]}}), .l3_own(l3_place[5:0] ^ {6{l3_book[0]}}), .l4_price(l4_price),
        .l4_cheap(l4_cheap), .l4_other(l4_next ^ {6{l4_book[0]}}), .l5_price(l5_next_price)
    );

    // L4 to L6: the groups' heads, and what is told.
    wire [31:0]      l6_head_price;
    wire [QTY_W-1:0] l6_head_shares;
    reg              l6_own_head;
    reg              l6_next_head;
    reg  [31:0]      l6_new_price;
    reg  [QTY_W-1:0] l6_new_shares;
    always @(posedge clk) begin
        l6_own_head <= l5_own_head;
        l6_next_head <= l5_next_head;
        l6_new_price <= l5_next_head ? l5_next_price : l5_price;
        l6_new_shares <= l5_qty;
    end
    ladder_heads #(.ADDRESS_W(SS + GL), .QTY_W(QTY_W)) heads (
        .clk(clk), .at({l4_book, l4_second[GL-1:0]}), .price(l6_head_price), .shares(l6_head_shares),
        .put(l6_valid && (l6_own_head || l6_next_head)), .put_at({l6_book, l6_place}),
        .put_price(l6_new_price), .put_shares(l6_next_head ? level_read : l6_new_shares)
    );
    reg              sweep;
    reg  [SS-1:0]    sweep_at;
    ladder_tell #(.SYM_LOG2(SYM_LOG2), .QTY_W(QTY_W)) tell (
        .clk(clk), .rst(rst), .sweep(sweep), .sweep_at(sweep_at[SYM_LOG2-1:0]), .l4_price(l4_price), .l4_qty(l4_qty),
        .l5_valid(l5_valid), .l5_changes(l5_changes), .l5_last(l5_last), .l5_twin(l5_twin), .l5_slow(l5_slow), .l5_clear(l5_clear),
        .l5_side(l5_book[0]), .l5_sym(l5_book[SS-1:1]), .l5_count(l5_count), .l5_price(l5_price), .l5_qty(l5_qty),
        .l5_next_price(l5_next_price), .l5_own(l5_own), .l5_out(l5_out), .l5_lower(l5_lower), .l5_none(l5_none),
        .l5_lost(l5_lost || (l5_bare && l5_floor_on)), .l6_next_shares(level_read),
        .l6_head_price(l6_head_price), .l6_head_shares(l6_head_shares),
        .late_write(late_write), .late_symidx(late_symidx), .late_side(late_side), .late_price(late_price), .late_shares(late_shares),
        .late_count(late_count), .late_lost(late_lost), .late_valid(late_valid), .late_changed(late_changed),
        .late_stale_before(late_stale_before), .late_stale(late_stale),
        .before_bid(before_bid), .before_bid_shares(before_bid_shares), .before_ask(before_ask), .before_ask_shares(before_ask_shares),
        .after_bid(after_bid), .after_bid_shares(after_bid_shares), .after_ask(after_ask), .after_ask_shares(after_ask_shares),
        .mark_valid(mark_valid), .mark_symidx(mark_symidx)
    );
    assign stat_lost = mark_valid;

    // Memories. The levels' one read port serves the change at L1 and the next level of the one at L4: never both at once.
    reg  [SYM_LOG2+IW-1:0] level_at;
    reg                    level_side;
    always @(posedge clk) begin
        if (rst) begin
            sweep <= 1'b1;
            sweep_at <= {SS{1'b0}};
            ready <= 1'b0;
        end else if (sweep) begin
            sweep_at <= sweep_at + 1'b1;
            sweep <= !(&sweep_at);
            ready <= &sweep_at;
        end
        level_at <= l3_valid ? {l3_book[SS-1:1], l3_place[IW-1:6], ~below_steps} : {l0_sym, l0_place};
        level_side <= l3_valid ? l3_book[0] : l0_side;
    end
    ram_sdp #(.WIDTH(ST), .DEPTH_LOG2(SS)) states (
        .clk(clk), .we(sweep || l5_valid), .waddr(sweep ? sweep_at : l5_book),
        .wdata(sweep ? {ST{1'b0}} : {l5_lost, l5_floor_on, l5_floor, l5_top, l5_groups}),
        .re(1'b1), .raddr({l0_sym, l0_side}), .rdata(state_read)
    );
    ram_sdp #(.WIDTH(64), .DEPTH_LOG2(SS + GL)) words (
        .clk(clk), .we(l5_valid && l5_put), .waddr({l5_book, l5_place[IW-1:6]}), .wdata(l5_word),
        .re(1'b1), .raddr({l0_sym, l0_side, l0_place[IW-1:6]}), .rdata(word_read)
    );
    ladder_levels #(.DEPTH_LOG2(SYM_LOG2 + IW), .QTY_W(QTY_W)) levels (
        .clk(clk), .we(l5_valid && l5_put), .waddr({l5_book[SS-1:1], l5_place}), .wside(l5_book[0]), .wdata(l5_qty),
        .at(level_at), .at_side(level_side), .shares(level_read)
    );

`ifdef FORMAL
`include "ladder_props.vh"
`endif
endmodule
`default_nettype wire
