// Price ladder: shares at each price level of each symbol and side in a window of 64 * GROUPS ticks that slides with the
// best price, a bitmap of levels in two steps (groups, 64 levels each), and the best level after each change.
// Latency: a change in stage v has its best level on late_* 6 cycles later when the queue is empty (tick and RAM reads,
// update, group search, word read, level search, size read). Throughput: one change per 2 cycles on the mean; a replace is
// two changes. `late_valid` is raised for the messages that asked (v_slow), in order.
// Overflow: a price beyond the window is not held and nothing better than it is lost: the floor below which levels are
// unknown rises. Only when a side empties down to its floor, or an order is off the tick, or a size outgrows QTY_W, is the
// best unknown: the side is `lost` until reset, and told once on mark_*. The queue cannot overflow at norm_pace's pace;
// if it did, `stat_overrun` says so and the books are stale.
// After reset 2^(SYM_LOG2+1) cycles clear the state (`ready` low).
//
// Ticks: $0.01 from $1.00 up, $0.0001 below: tick = price below 10000, else 9900 + price / 100. The division of a multiple of
// 100 is a multiplication by 25's inverse modulo 2^30. A bid's key is its tick, an ask's the complement: the best key is
// the highest on both sides. Group = key / 64; a level's place is its key modulo the window.
`default_nettype none
`include "book_msg.vh"
`include "fp_records.vh"
module px_ladder #(
    parameter SYM_LOG2 = 8,    // at most 10
    parameter GROUPS_LOG2 = 6, // 64 groups of 64 ticks
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
    input  wire [31:0]      v_price,
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
    output reg              mark_valid, // the side has just been lost
    output reg  [9:0]       mark_symidx,
    output reg              stat_far,   // an order beyond the window
    output reg              stat_evict, // levels fell out of the window
    output reg              stat_lost,  // a side was lost
    output reg              stat_broken, // order table and ladder disagree: never
    output reg              stat_overrun
);
    localparam GL = GROUPS_LOG2;
    localparam NG = 1 << GL;
    localparam TICK_W = 25;
    localparam GW = TICK_W - 6;      // group number
    localparam IW = GL + 6;          // place in the window
    localparam SS = SYM_LOG2 + 1;    // symbol and side
    localparam ST = NG + 2*GW + 2;   // {lost, floor on, floor, top, groups}
    localparam LATE_W = 1 + 32 + QTY_W;
    localparam ACT_NONE = 2'd0;
    localparam ACT_ADD = 2'd1;
    localparam ACT_TAKE = 2'd2;
    localparam QL = 3;               // 8 changes wait at most
    localparam QW = 2 + 1 + 1 + 1 + SYM_LOG2 + 32 + IW + 32 + 4;

    // The low bits of the tick are needed first, to address the RAMs: 25's inverse modulo 4096 is 3113.
    function [11:0] low_tick;
        input [31:0] price;
        low_tick = price < 32'd10000 ? price[11:0] : price[13:2] * 12'd3113 + 12'd1708;
    endfunction
    function [30:0] full_tick; // {off the tick, tick}
        input [31:0] price;
        reg [29:0] quotient;
        begin
            quotient = price[31:2] * 30'h28f5c29;
            if (price < 32'd10000)
                full_tick = {1'b0, price[29:0]};
            else
                full_tick = {price[1:0] != 2'd0 || quotient > 30'd42949672, quotient + 30'd9900};
        end
    endfunction

    // Stage v: one change, or two for a replace.
    reg  [11:0]   v_place_old;
    reg  [11:0]   v_place_new;
    always @(posedge clk) begin
        v_place_old <= low_tick(c_price);
        v_place_new <= low_tick(c_msg[`BM_PRICE]);
    end
    wire [3:0]    v_op;
    wire          v_ok;
    wire          v_replaces;
    wire          v_drops;  // a replace whose new order did not fit
    wire [1:0]    v_act;
    wire          v_quiet;
    wire          v_asks;
    wire          v_push;
    wire [31:0]   v_amount;
    wire          v_is_add;
    wire [11:0]   v_low;
    wire [QW-1:0] v_change;
    reg           twin_valid; // second change of a replace
    reg  [QW-1:0] twin;
    assign v_op = v_msg[`BM_OP];
    assign v_ok = v_verdict == `BV_OK;
    assign v_replaces = v_op == `BOP_REPLACE && v_ok;
    assign v_drops = v_op == `BOP_REPLACE && v_verdict == `BV_FULL;
    assign v_is_add = v_op == `BOP_ADD && v_ok;
    assign v_act = v_is_add ? ACT_ADD
        : v_replaces || v_drops || (v_ok && (v_op == `BOP_EXEC || v_op == `BOP_CANCEL || v_op == `BOP_DELETE)) ? ACT_TAKE : ACT_NONE;
    assign v_quiet = v_verdict == `BV_DROP || (v_op == `BOP_MARK && v_msg[`BM_CODE] == 8'd0); // leaves no record
    assign v_asks = !v_quiet && (v_ok || v_verdict == `BV_FULL ? v_slow_ok : v_slow_not);
    assign v_push = v_valid && (v_act != ACT_NONE || v_asks);
    assign v_amount = v_op == `BOP_DELETE || v_op == `BOP_REPLACE ? v_shares : v_msg[`BM_SHARES];
    assign v_low = (v_is_add ? v_place_new : v_place_old) ^ {12{v_side}};
    assign v_change = {v_act, !v_replaces, v_asks && !v_replaces, v_side, v_msg[84 +: SYM_LOG2], v_is_add ? v_msg[`BM_PRICE] : v_price,
                       v_low[IW-1:0], v_amount, v_count};
    wire [11:0]   v_low_new;
    assign v_low_new = v_place_new ^ {12{v_side}};
    always @(posedge clk) begin
        twin_valid <= v_valid && v_replaces && !rst;
        twin <= {ACT_ADD, 1'b1, v_asks, v_side, v_msg[84 +: SYM_LOG2], v_msg[`BM_PRICE], v_low_new[IW-1:0], v_msg[`BM_SHARES], v_count};
    end

    // Queue and issue. Two changes in flight must not be 1 apart (their updates would overlap) nor 5 (the second's read
    // of its level would meet the first's read of the best level at the RAM's one read port); nor 3, because after that
    // only every third cycle would be free. So those in flight are an even number of cycles apart, 2 at best.
    reg  [QW-1:0] queue [0:(1<<QL)-1];
    reg  [QL:0]   put_at;
    reg  [QL:0]   get_at;
    reg  [4:0]    issued;       // bit i: a change was issued i+1 cycles ago
    wire          queued;
    wire          push;
    wire [QW-1:0] push_change;
    wire          go;
    wire          can_go;
    wire [QW-1:0] l0;
    wire [QL:0]   waiting;
    assign waiting = put_at - get_at;
    assign queued = waiting != {(QL+1){1'b0}};
    assign push = v_push || twin_valid;
    assign push_change = twin_valid ? twin : v_change;
    assign can_go = ready && !issued[0] && !issued[2] && !issued[4];
    assign l0 = queued ? queue[get_at[QL-1:0]] : push_change;
    assign go = can_go && (queued || push);
    always @(posedge clk) begin
        if (rst) begin
            put_at <= {(QL+1){1'b0}};
            get_at <= {(QL+1){1'b0}};
            issued <= 5'd0;
            stat_overrun <= 1'b0;
        end else begin
            if (push && (queued || !go))
                put_at <= put_at + 1'b1;
            if (go && queued)
                get_at <= get_at + 1'b1;
            issued <= {issued[3:0], go};
            stat_overrun <= (push && queued && waiting[QL] && !go) || (v_push && twin_valid);
        end
        if (push && (queued || !go))
            queue[put_at[QL-1:0]] <= push_change;
    end

    // L0: addresses.
    wire [1:0]          l0_act;
    wire                l0_last;
    wire                l0_slow;
    wire                l0_side;
    wire [SYM_LOG2-1:0] l0_sym;
    wire [31:0]         l0_price;
    wire [IW-1:0]       l0_place;
    wire [31:0]         l0_amount;
    wire [3:0]          l0_count;
    assign {l0_act, l0_last, l0_slow, l0_side, l0_sym, l0_price, l0_place, l0_amount, l0_count} = l0;
    wire [30:0] l0_tick;
    assign l0_tick = full_tick(l0_price);

    // L1: the state, the level and its group's word, with what the change two ahead did to them.
    reg                 l1_valid;
    reg  [1:0]          l1_act;
    reg                 l1_last;
    reg                 l1_slow;
    reg                 l1_side;
    reg  [SYM_LOG2-1:0] l1_sym;
    reg  [TICK_W-1:0]   l1_key;
    reg                 l1_off;
    reg  [31:0]         l1_amount;
    reg  [3:0]          l1_count;
    always @(posedge clk) begin
        l1_valid <= go && !rst;
        l1_act <= l0_act;
        l1_last <= l0_last;
        l1_slow <= l0_slow;
        l1_side <= l0_side;
        l1_sym <= l0_sym;
        l1_key <= l0_tick[TICK_W-1:0] ^ {TICK_W{l0_side}};
        l1_off <= l0_tick[30];
        l1_amount <= l0_amount;
        l1_count <= l0_count;
    end
    wire [ST-1:0]    l1_state_raw;
    wire [QTY_W-1:0] l1_qty_raw;
    wire [63:0]      l1_word_raw;

    // Stage registers that the forwarding needs.
    reg                 l2_valid;
    reg  [1:0]          l2_act;
    reg                 l2_last;
    reg                 l2_slow;
    reg                 l2_side;
    reg  [SYM_LOG2-1:0] l2_sym;
    reg  [3:0]          l2_count;
    reg  [IW-1:0]       l2_place;
    reg                 l2_put;      // level and word are to be written
    reg  [QTY_W-1:0]    l2_qty;
    reg  [63:0]         l2_word;
    reg                 l2_lost;
    reg                 l2_floor_on;
    reg  [GW-1:0]       l2_floor;
    reg  [GW-1:0]       l2_top;
    reg  [NG-1:0]       l2_groups;
    reg                 l3_valid;
    reg  [1:0]          l3_act;
    reg                 l3_last;
    reg                 l3_slow;
    reg                 l3_side;
    reg  [SYM_LOG2-1:0] l3_sym;
    reg  [3:0]          l3_count;
    reg  [IW-1:0]       l3_place;
    reg                 l3_put;
    reg  [QTY_W-1:0]    l3_qty;
    reg  [63:0]         l3_word;
    reg  [ST-1:0]       l3_state;
    reg  [GW-1:0]       l3_group;
    reg                 l3_none;
    reg                 l3_lost;
    reg                 l4_valid;
    reg  [1:0]          l4_act;
    reg                 l4_last;
    reg                 l4_slow;
    reg                 l4_side;
    reg  [SYM_LOG2-1:0] l4_sym;
    reg  [3:0]          l4_count;
    reg  [IW-1:0]       l4_place;
    reg                 l4_put;
    reg  [QTY_W-1:0]    l4_qty;
    reg  [63:0]         l4_word;
    reg  [ST-1:0]       l4_state;
    reg  [GW-1:0]       l4_group;
    reg                 l4_none;
    reg                 l4_lost;

    wire                l1_same3;
    wire                l1_same4;
    wire [IW-1:0]       l1_place;
    wire [GW-1:0]       l1_group;
    wire                st_lost;
    wire                st_floor_on;
    wire [GW-1:0]       st_floor;
    wire [GW-1:0]       st_top;
    wire [NG-1:0]       st_groups;
    wire [QTY_W-1:0]    l1_qty_now;
    wire [63:0]         l1_word_now;
    assign l1_place = l1_key[IW-1:0];
    assign l1_group = l1_key[TICK_W-1:6];
    assign l1_same3 = l3_valid && l3_sym == l1_sym && l3_side == l1_side;
    assign l1_same4 = l4_valid && l4_sym == l1_sym && l4_side == l1_side;
    assign {st_lost, st_floor_on, st_floor, st_top, st_groups} = l1_same3 ? l3_state : l1_same4 ? l4_state : l1_state_raw;
    assign l1_qty_now = l1_same3 && l3_put && l3_place == l1_place ? l3_qty
        : l1_same4 && l4_put && l4_place == l1_place ? l4_qty : l1_qty_raw;
    assign l1_word_now = l1_same3 && l3_put && l3_place[IW-1:6] == l1_place[IW-1:6] ? l3_word
        : l1_same4 && l4_put && l4_place[IW-1:6] == l1_place[IW-1:6] ? l4_word : l1_word_raw;

    // L1 -> L2: the change. The window holds the groups top - (NG - 2) .. top, so that the best group never holds both ends.
    wire            empty;
    wire            rises;
    wire [GW-1:0]   up;
    wire [GW-1:0]   down;
    wire            in_window;
    wire            below_floor;
    wire            too_low;
    wire            all_out;
    wire [NG-1:0]   keep;
    wire [NG-1:0]   groups_kept;
    wire            evicts;
    wire            adds;
    wire            takes;
    wire [63:0]     level_bit;
    wire            group_used;
    wire [63:0]     word_used;
    wire            level_used;
    wire [QTY_W:0]  sum;
    wire            too_much;
    wire            empties;
    wire [63:0]     word_after;
    wire            disagrees;
    wire [NG-1:0]   group_bit;
    assign empty = st_groups == {NG{1'b0}};
    assign rises = !empty && l1_group > st_top;
    assign up = l1_group - st_top;
    assign down = st_top - l1_group;
    assign in_window = !empty && l1_group <= st_top && down <= NG - 2;
    assign below_floor = st_floor_on && l1_group <= st_floor;
    assign too_low = !empty && l1_group < st_top && down > NG - 2;
    assign all_out = up >= NG - 1;
    genvar g;
    generate
        for (g = 0; g < NG; g = g + 1) begin : places
            wire [GL-1:0] distance;
            wire [GL-1:0] limit;
            assign distance = st_top[GL-1:0] - g;
            assign limit = NG - 2 - up[GL-1:0];
            assign keep[g] = !rises || (!all_out && distance <= limit);
            assign group_bit[g] = l1_group[GL-1:0] == g;
        end
    endgenerate
    assign adds = l1_act == ACT_ADD && !l1_off && !below_floor && !too_low;
    assign takes = l1_act == ACT_TAKE && !l1_off && !below_floor;
    assign groups_kept = l1_act == ACT_ADD && !l1_off && !below_floor ? st_groups & keep : st_groups;
    assign evicts = groups_kept != st_groups;
    assign level_bit = 64'd1 << l1_key[5:0];
    assign group_used = (in_window || l1_act == ACT_ADD) && |(groups_kept & group_bit);
    assign word_used = group_used ? l1_word_now : 64'd0;
    assign level_used = |(word_used & level_bit);
    assign sum = {1'b0, level_used ? l1_qty_now : {QTY_W{1'b0}}} + {{(QTY_W-31){1'b0}}, l1_amount};
    assign too_much = adds && sum[QTY_W];
    assign empties = l1_qty_now == {{(QTY_W-32){1'b0}}, l1_amount};
    assign disagrees = takes && (!level_used || l1_qty_now < {{(QTY_W-32){1'b0}}, l1_amount});
    assign word_after = adds ? word_used | level_bit : empties ? word_used & ~level_bit : word_used;
    always @(posedge clk) begin
        l2_valid <= l1_valid && !rst;
        l2_act <= l1_act;
        l2_last <= l1_last;
        l2_slow <= l1_slow;
        l2_side <= l1_side;
        l2_sym <= l1_sym;
        l2_count <= l1_count;
        l2_place <= l1_place;
        l2_put <= adds || (takes && !disagrees);
        l2_qty <= !adds ? l1_qty_now - {{(QTY_W-32){1'b0}}, l1_amount} : sum[QTY_W] ? {QTY_W{1'b1}} : sum[QTY_W-1:0];
        l2_word <= word_after;
        l2_lost <= st_lost || (l1_act != ACT_NONE && l1_off) || too_much || disagrees;
        l2_floor_on <= st_floor_on || evicts || (l1_act == ACT_ADD && !l1_off && too_low);
        l2_floor <= l1_act != ACT_ADD || l1_off || below_floor ? st_floor
            : evicts ? l1_group - (NG - 1) : too_low ? l1_group : st_floor;
        l2_top <= adds && (empty || rises) ? l1_group : st_top;
        l2_groups <= adds ? groups_kept | group_bit
            : takes && !disagrees && word_after == 64'd0 ? groups_kept & ~group_bit : groups_kept;
        stat_far <= l1_valid && l1_act == ACT_ADD && (l1_off || below_floor || too_low) && !rst;
        stat_evict <= l1_valid && evicts && !rst;
        stat_broken <= l1_valid && disagrees && !rst;
    end

    // L2 -> L3: the best group, looking down from the top.
    wire [NG-1:0]   reversed;
    wire [2*NG-1:0] turned;
    wire [GL-1:0]   steps;
    wire            none;
    wire [GW-1:0]   best_group;
    wire            side_lost;
    generate
        for (g = 0; g < NG; g = g + 1) begin : turns
            assign reversed[g] = l2_groups[NG - 1 - g];
        end
    endgenerate
    assign turned = {reversed, reversed} >> (~l2_top[GL-1:0]);
    prio64 #(.LOG2(GL)) first_group (.bits(turned[NG-1:0]), .index(steps), .none(none));
    assign best_group = none ? l2_top : l2_top - {{(GW-GL){1'b0}}, steps};
    assign side_lost = l2_lost || (none && l2_floor_on);
    always @(posedge clk) begin
        l3_valid <= l2_valid && !rst;
        l3_act <= l2_act;
        l3_last <= l2_last;
        l3_slow <= l2_slow;
        l3_side <= l2_side;
        l3_sym <= l2_sym;
        l3_count <= l2_count;
        l3_place <= l2_place;
        l3_put <= l2_put;
        l3_qty <= l2_qty;
        l3_word <= l2_word;
        l3_group <= best_group;
        l3_none <= none;
        l3_lost <= side_lost;
        l3_state <= {l2_lost, l2_floor_on, l2_floor, best_group, l2_groups};
    end

    // L3 -> L4: level and state are written, the best group's word is read.
    always @(posedge clk) begin
        l4_valid <= l3_valid && !rst;
        l4_act <= l3_act;
        l4_last <= l3_last;
        l4_slow <= l3_slow;
        l4_side <= l3_side;
        l4_sym <= l3_sym;
        l4_count <= l3_count;
        l4_place <= l3_place;
        l4_put <= l3_put;
        l4_qty <= l3_qty;
        l4_word <= l3_word;
        l4_state <= l3_state;
        l4_group <= l3_group;
        l4_none <= l3_none;
        l4_lost <= l3_lost;
    end

    // L4 -> L5: the best level in it.
    wire [63:0]         best_word;
    wire [63:0]         best_reversed;
    wire [5:0]          best_from_top;
    wire                word_none;
    reg                 l5_valid;
    reg  [1:0]          l5_act;
    reg                 l5_last;
    reg                 l5_slow;
    reg                 l5_side;
    reg  [SYM_LOG2-1:0] l5_sym;
    reg  [3:0]          l5_count;
    reg  [TICK_W-1:0]   l5_key;
    reg                 l5_none;
    reg                 l5_lost;
    generate
        for (g = 0; g < 64; g = g + 1) begin : word_turns
            assign best_reversed[g] = best_word[63 - g];
        end
    endgenerate
    prio64 first_level (.bits(best_reversed), .index(best_from_top), .none(word_none));
    always @(posedge clk) begin
        l5_valid <= l4_valid && !rst;
        l5_act <= l4_act;
        l5_last <= l4_last;
        l5_slow <= l4_slow;
        l5_side <= l4_side;
        l5_sym <= l4_sym;
        l5_count <= l4_count;
        l5_key <= {l4_group, ~best_from_top};
        l5_none <= l4_none || word_none;
        l5_lost <= l4_lost || (!l4_none && word_none);
    end

    // L5 -> L6: its size is read, its tick becomes a price again.
    wire [TICK_W-1:0]   l5_tick;
    wire [31:0]         l5_cents;
    wire [31:0]         l5_price;
    reg                 l6_valid;
    reg  [1:0]          l6_act;
    reg                 l6_last;
    reg                 l6_slow;
    reg                 l6_side;
    reg  [SYM_LOG2-1:0] l6_sym;
    reg  [3:0]          l6_count;
    reg  [31:0]         l6_price;
    reg                 l6_none;
    reg                 l6_lost;
    reg  [LATE_W-1:0]   l6_bid;
    reg  [LATE_W-1:0]   l6_ask;
    wire [QTY_W-1:0]    l6_qty;
    wire [LATE_W-1:0]   l5_bid;
    wire [LATE_W-1:0]   l5_ask;
    assign l5_tick = l5_key ^ {TICK_W{l5_side}};
    assign l5_cents = {{(32-TICK_W){1'b0}}, l5_tick} - 32'd9900;
    assign l5_price = l5_tick < 25'd10000 ? {{(32-TICK_W){1'b0}}, l5_tick} : (l5_cents << 6) + (l5_cents << 5) + (l5_cents << 2);
    always @(posedge clk) begin
        l6_valid <= l5_valid && !rst;
        l6_act <= l5_act;
        l6_last <= l5_last;
        l6_slow <= l5_slow;
        l6_side <= l5_side;
        l6_sym <= l5_sym;
        l6_count <= l5_count;
        l6_price <= l5_none ? 32'd0 : l5_price;
        l6_none <= l5_none;
        l6_lost <= l5_lost;
        l6_bid <= l5_bid;
        l6_ask <= l5_ask;
    end

    // L6: the best level, and the symbol's both sides before and after.
    wire              l6_changes;
    wire [LATE_W-1:0] l6_new;
    wire [LATE_W-1:0] l6_bid_after;
    wire [LATE_W-1:0] l6_ask_after;
    assign l6_changes = l6_valid && l6_last && l6_act != ACT_NONE;
    assign late_write = l6_changes;
    assign late_symidx = l6_sym;
    assign late_side = l6_side;
    assign late_price = l6_price;
    assign late_shares = l6_none ? {QTY_W{1'b0}} : l6_qty;
    assign late_count = l6_count;
    assign late_lost = l6_lost;
    assign l6_new = {l6_lost, late_price, late_shares};
    assign l6_bid_after = l6_changes && !l6_side ? l6_new : l6_bid;
    assign l6_ask_after = l6_changes && l6_side ? l6_new : l6_ask;
    assign late_valid = l6_valid && l6_last && l6_slow;
    assign late_changed = l6_bid_after[LATE_W-2:0] != l6_bid[LATE_W-2:0] || l6_ask_after[LATE_W-2:0] != l6_ask[LATE_W-2:0];
    assign late_stale_before = l6_bid[LATE_W-1] || l6_ask[LATE_W-1];
    assign late_stale = l6_bid_after[LATE_W-1] || l6_ask_after[LATE_W-1];
    assign before_bid = l6_bid[QTY_W +: 32];
    assign before_bid_shares = l6_bid[QTY_W-1:0];
    assign before_ask = l6_ask[QTY_W +: 32];
    assign before_ask_shares = l6_ask[QTY_W-1:0];
    assign after_bid = l6_bid_after[QTY_W +: 32];
    assign after_bid_shares = l6_bid_after[QTY_W-1:0];
    assign after_ask = l6_ask_after[QTY_W +: 32];
    assign after_ask_shares = l6_ask_after[QTY_W-1:0];
    always @(posedge clk) begin
        mark_valid <= l6_changes && l6_lost && !(l6_side ? l6_ask[LATE_W-1] : l6_bid[LATE_W-1]) && !rst;
        stat_lost <= l6_changes && l6_lost && !(l6_side ? l6_ask[LATE_W-1] : l6_bid[LATE_W-1]) && !rst;
        mark_symidx <= {{(10-SYM_LOG2){1'b0}}, l6_sym};
    end

    // Memories. State, levels and words of a change are addressed by symbol, side and place.
    reg              sweep;
    reg  [SS-1:0]    sweep_at;
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
    end
    ram_sdp #(.WIDTH(ST), .DEPTH_LOG2(SS)) states (
        .clk(clk), .we(sweep || l3_valid), .waddr(sweep ? sweep_at : {l3_sym, l3_side}), .wdata(sweep ? {ST{1'b0}} : l3_state),
        .re(1'b1), .raddr({l0_sym, l0_side}), .rdata(l1_state_raw)
    );
    ram_sdp #(.WIDTH(64), .DEPTH_LOG2(SS + GL)) words (
        .clk(clk), .we(l2_valid && l2_put), .waddr({l2_sym, l2_side, l2_place[IW-1:6]}), .wdata(l2_word),
        .re(1'b1), .raddr({l0_sym, l0_side, l0_place[IW-1:6]}), .rdata(l1_word_raw)
    );
    ram_sdp #(.WIDTH(64), .DEPTH_LOG2(SS + GL)) best_words (
        .clk(clk), .we(l2_valid && l2_put), .waddr({l2_sym, l2_side, l2_place[IW-1:6]}), .wdata(l2_word),
        .re(1'b1), .raddr({l3_sym, l3_side, l3_group[GL-1:0]}), .rdata(best_word)
    );
    wire [QTY_W-1:0] qty_read;
    ram_sdp #(.WIDTH(QTY_W), .DEPTH_LOG2(SS + IW)) levels (
        .clk(clk), .we(l3_valid && l3_put), .waddr({l3_sym, l3_side, l3_place}), .wdata(l3_qty),
        .re(1'b1), .raddr(l5_valid ? {l5_sym, l5_side, l5_key[IW-1:0]} : {l0_sym, l0_side, l0_place}), .rdata(qty_read)
    );
    assign l1_qty_raw = qty_read;
    assign l6_qty = qty_read;
    ram_async #(.WIDTH(LATE_W), .DEPTH_LOG2(SYM_LOG2)) late_bids (
        .clk(clk), .we(sweep || (l6_changes && !l6_side)), .waddr(sweep ? sweep_at[SYM_LOG2-1:0] : l6_sym),
        .wdata(sweep ? {LATE_W{1'b0}} : l6_new), .raddr(l5_sym), .rdata(l5_bid)
    );
    ram_async #(.WIDTH(LATE_W), .DEPTH_LOG2(SYM_LOG2)) late_asks (
        .clk(clk), .we(sweep || (l6_changes && l6_side)), .waddr(sweep ? sweep_at[SYM_LOG2-1:0] : l6_sym),
        .wdata(sweep ? {LATE_W{1'b0}} : l6_new), .raddr(l5_sym), .rdata(l5_ask)
    );
endmodule
`default_nettype wire
