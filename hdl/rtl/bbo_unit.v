// Best bid and offer of each symbol, off the ladder's path: an add at or through the best, or a change of the best's size,
// is known one cycle after stage c. Only when the best level is used up the side is `pending` until the ladder has found
// the next one; events that need it wait for the ladder's late_* (v_slow_*).
// Latency: stage c to v_*: 1 cycle. Throughput: one message with a row per 2 cycles, one without per cycle.
// Overflow: a size that comes near QTY_W bits makes the side pending; the ladder then knows it, or tells that it is lost.
// Stage c only compares: each side of the row, and the ladder's last answer for it, with the order and the new price, all
// four at once. Stage v adds, and knows what has changed from the comparisons.
// A row also keeps the symbol's locate, trading state and stale mark; halted until the venue says that it trades. After reset 2^SYM_LOG2 cycles clear the rows.
//
// A side counts its changes modulo 16; the ladder's answer carries the count of the change it belongs to. A pending side takes
// the answer for its own when the counts agree, that is when no younger change is on its way (at most 15 can be).
`default_nettype none
`include "book_msg.vh"
`include "fp_records.vh"
module bbo_unit #(
    parameter SYM_LOG2 = 8,
    parameter QTY_W = 36       // at least 34
) (
    input  wire             clk,
    input  wire             rst,
    output reg              ready,
    input  wire [9:0]       next_symidx, // of the message that enters stage c at the coming edge
    input  wire             c_valid,
    input  wire [`BM_W-1:0] c_msg,
    input  wire [31:0]      c_price,     // looked-up order
    input  wire [31:0]      c_shares,
    input  wire             c_side,
    input  wire [2:0]       v_verdict,
    input  wire [9:0]       v_owner,     // symbol of the looked-up order
    input  wire             late_write,
    input  wire [SYM_LOG2-1:0] late_symidx,
    input  wire             late_side,
    input  wire [31:0]      late_price,
    input  wire [QTY_W-1:0] late_shares,
    input  wire [3:0]       late_count,
    input  wire             late_lost,
    output reg  [3:0]       v_count,     // of the side that the message changes
    output wire             v_slow_ok,   // the BBO after (verdict OK) or before is not known yet
    output wire             v_slow_full, // the same when a replace loses its new order
    output reg              v_slow_not,  // the same when nothing changes
    output wire             v_changed,
    output wire             v_changed_full,
    output reg              v_stale,     // already before the message
    output reg              v_halted,
    output reg  [15:0]      v_locate,
    output wire [15:0]      v_owner_locate, // of the order's own symbol, before the message
    output wire             v_owner_halted,
    output reg  [31:0]      v_bid_before,
    output reg  [QTY_W-1:0] v_bid_shares_before,
    output reg  [31:0]      v_ask_before,
    output reg  [QTY_W-1:0] v_ask_shares_before,
    output reg  [31:0]      v_best_ok,   // the changed side after the message
    output wire [QTY_W-1:0] v_best_shares_ok,
    output reg  [31:0]      v_best_full,
    output wire [QTY_W-1:0] v_best_shares_full,
    output reg              v_book_side  // which side that is
);
    localparam SIDE_W = 1 + 4 + 32 + QTY_W;      // {pending, count, price, shares}
    localparam ROW_W = 2 * SIDE_W;               // {ask, bid}
    localparam FACE_W = 16 + 1 + 4 + 1;          // {locate, trading, halts, stale}
    localparam LATE_W = 1 + 4 + 32 + QTY_W;      // {lost, count, price, shares}

    // Stage c-1: read, with the row that the message two ahead is leaving behind.
    wire [SYM_LOG2-1:0] read_at;
    wire [ROW_W-1:0]    row_read;
    wire [LATE_W-1:0]   late_bid_read;
    wire [LATE_W-1:0]   late_ask_read;
    wire [ROW_W-1:0]    v_row;       // after the message in stage v
    wire [FACE_W-1:0]   face_read;
    wire [FACE_W-1:0]   v_face;
    wire                v_wrong;     // the order is another symbol's: that one becomes stale too, one cycle later
    reg                 w_wrong;
    reg  [SYM_LOG2-1:0] w_owner;
    reg  [FACE_W-1:0]   w_face;
    reg  [FACE_W-1:0]   face;
    reg                 v_has_row;
    reg  [SYM_LOG2-1:0] v_symidx;
    reg  [ROW_W-1:0]    row;
    reg  [LATE_W-1:0]   late_bid;
    reg  [LATE_W-1:0]   late_ask;
    assign read_at = next_symidx[SYM_LOG2-1:0];
    always @(posedge clk) begin
        row <= v_has_row && v_symidx == read_at ? v_row : row_read;
        face <= (v_has_row && v_symidx == read_at ? v_face : face_read)
            | {{(FACE_W-1){1'b0}}, (v_wrong && v_owner[SYM_LOG2-1:0] == read_at) || (w_wrong && w_owner == read_at)};
        late_bid <= late_bid_read;
        late_ask <= late_ask_read;
    end

    // Stage c: what each side is, as far as known.
    wire              row_trading;
    wire [3:0]        row_halts;
    wire              row_stale;
    wire [15:0]       row_locate;
    wire [SIDE_W-1:0] row_ask;
    wire [SIDE_W-1:0] row_bid;
    assign {row_locate, row_trading, row_halts, row_stale} = face;
    assign {row_ask, row_bid} = row;
    wire bid_answered;
    wire ask_answered;
    wire bid_lost;
    wire ask_lost;
    wire [SIDE_W-1:0] bid;
    wire [SIDE_W-1:0] ask;
    assign bid_answered = row_bid[SIDE_W-1] && late_bid[LATE_W-2 -: 4] == row_bid[SIDE_W-2 -: 4];
    assign ask_answered = row_ask[SIDE_W-1] && late_ask[LATE_W-2 -: 4] == row_ask[SIDE_W-2 -: 4];
    assign bid_lost = bid_answered && late_bid[LATE_W-1];
    assign ask_lost = ask_answered && late_ask[LATE_W-1];
    assign bid = bid_answered ? {1'b0, late_bid[LATE_W-2:0]} : row_bid;
    assign ask = ask_answered ? {1'b0, late_ask[LATE_W-2:0]} : row_ask;

    // The side the message touches. Everything is compared with all four candidates; `pick` says which of them it was.
    wire [3:0]        op;
    wire              adds;
    wire              takes;
    wire              side;
    wire [1:0]        pick;
    wire [QTY_W-1:0]  taken;
    wire [31:0]       added;
    wire [31:0]       add_price;
    wire [127:0]      prices;      // bid, its answer, ask, its answer
    wire [4*QTY_W-1:0] sizes;
    wire [3:0]        same_take;   // price of the order
    wire [3:0]        same_add;    // new price
    wire [3:0]        better;      // the new price is better than this
    wire [3:0]        none;
    wire [3:0]        all_taken;
    wire [3:0]        nearly_full; // one more add may not fit
    assign op = c_msg[`BM_OP];
    assign adds = op == `BOP_ADD || op == `BOP_REPLACE;
    assign takes = op == `BOP_EXEC || op == `BOP_CANCEL || op == `BOP_DELETE || op == `BOP_REPLACE;
    assign side = op == `BOP_ADD ? c_msg[`BM_SIDE] : c_side;
    assign pick = {side, side ? ask_answered : bid_answered};
    assign taken = {{(QTY_W-32){1'b0}}, op == `BOP_DELETE || op == `BOP_REPLACE ? c_shares : c_msg[`BM_SHARES]};
    assign added = c_msg[`BM_SHARES];
    assign add_price = c_msg[`BM_PRICE];
    assign prices = {late_ask[QTY_W +: 32], row_ask[QTY_W +: 32], late_bid[QTY_W +: 32], row_bid[QTY_W +: 32]};
    assign sizes = {late_ask[QTY_W-1:0], row_ask[QTY_W-1:0], late_bid[QTY_W-1:0], row_bid[QTY_W-1:0]};
    genvar i;
    generate
        for (i = 0; i < 4; i = i + 1) begin : candidates
            assign same_take[i] = c_price == prices[32*i +: 32];
            assign same_add[i] = add_price == prices[32*i +: 32];
            assign better[i] = i < 2 ? add_price > prices[32*i +: 32] : add_price < prices[32*i +: 32];
            assign none[i] = prices[32*i +: 32] == 32'd0;
            assign all_taken[i] = taken == sizes[QTY_W*i +: QTY_W];
            assign nearly_full[i] = &sizes[QTY_W*i + 33 +: QTY_W-33];
        end
    endgenerate
    wire [3:0]       was_count;
    wire [31:0]      was_price;
    wire             through;      // adds at a better price
    assign was_count = side ? ask[SIDE_W-2 -: 4] : bid[SIDE_W-2 -: 4];
    assign was_price = prices[32*pick +: 32];
    assign through = adds && (none[pick] || better[pick]);

    // Trading state.
    wire [7:0] action;
    wire [3:0] market;
    wire       trading;
    wire [3:0] halts;
    wire       speaks; // H or h
    assign action = c_msg[88 + 200 +: 8];
    assign market = c_msg[303:296] == "Q" ? 4'd1 : c_msg[303:296] == "B" ? 4'd2 : c_msg[303:296] == "X" ? 4'd4 : 4'd8;
    assign speaks = op == `BOP_NOTE && (c_msg[`BM_TYPE] == `FP_EV_TRADING_ACTION || c_msg[`BM_TYPE] == `FP_EV_OPERATIONAL_HALT);
    assign trading = speaks && c_msg[`BM_TYPE] == `FP_EV_TRADING_ACTION ? action == "T" : row_trading;
    assign halts = !(speaks && c_msg[`BM_TYPE] == `FP_EV_OPERATIONAL_HALT) ? row_halts
        : action == "T" ? row_halts & ~market : row_halts | market;

    wire c_row;
    assign c_row = c_msg[`BM_ROW];
    reg [3:0]        v_op;
    reg              v_mark_clears;
    reg              v_trading;
    reg [3:0]        v_halts;
    reg [SIDE_W-1:0] v_bid;
    reg [SIDE_W-1:0] v_ask;
    reg              v_at_best;    // takes from the best level
    reg              v_all_taken;  // as many shares as the best level has
    reg              v_same_many;  // adds as many as it takes
    reg              v_through;    // adds at a better price
    reg              v_joins;      // adds at the best price
    reg              v_nearly_full;
    reg              v_adds;
    reg              v_takes;
    reg              v_was_pending;
    reg [QTY_W-1:0]  v_was_shares;
    reg [31:0]       v_added;
    reg [31:0]       v_taken;
    reg [32:0]       v_more;       // added - taken
    always @(posedge clk) begin
        v_has_row <= c_valid && c_row && !rst;
        if (c_valid) begin
            v_symidx <= c_msg[84 +: SYM_LOG2];
            v_op <= op;
            v_mark_clears <= op == `BOP_MARK && c_msg[`BM_CODE] == 8'd0;
            v_count <= was_count + 4'd1;
            v_slow_not <= c_row && (bid[SIDE_W-1] || ask[SIDE_W-1]);
            v_at_best <= c_row && takes && same_take[pick];
            v_all_taken <= all_taken[pick];
            v_same_many <= taken[31:0] == added;
            v_through <= c_row && through;
            v_joins <= c_row && adds && same_add[pick];
            v_nearly_full <= nearly_full[pick];
            v_adds <= adds;
            v_takes <= takes;
            v_was_pending <= side ? ask[SIDE_W-1] : bid[SIDE_W-1];
            v_was_shares <= side ? ask[QTY_W-1:0] : bid[QTY_W-1:0];
            v_added <= added;
            v_taken <= taken[31:0];
            v_more <= {1'b0, added} - {1'b0, taken[31:0]};
            v_stale <= c_row && (row_stale || bid_lost || ask_lost);
            v_halted <= c_row && !(trading && halts == 4'd0);
            v_trading <= trading;
            v_halts <= halts;
            v_locate <= op == `BOP_MARK ? row_locate : c_msg[`BM_LOCATE];
            v_bid <= bid;
            v_ask <= ask;
            v_book_side <= side;
            v_bid_before <= c_row ? bid[QTY_W +: 32] : 32'd0;
            v_bid_shares_before <= c_row ? bid[QTY_W-1:0] : {QTY_W{1'b0}};
            v_ask_before <= c_row ? ask[QTY_W +: 32] : 32'd0;
            v_ask_shares_before <= c_row ? ask[QTY_W-1:0] : {QTY_W{1'b0}};
            v_best_ok <= through ? add_price : was_price;
            v_best_full <= was_price;
        end
    end

    // Stage v: the best level after the message. All sums that may be the one are made at once, out of registers.
    wire             v_used_up;
    wire             v_rests;   // the new order is at the best level
    wire             v_stays;   // the level is the best before and after
    wire [QTY_W-1:0] v_sum_added;
    wire [QTY_W-1:0] v_sum_more;
    wire [QTY_W-1:0] v_sum_left;
    wire             pending_ok;
    wire             pending_full;
    wire [SIDE_W-1:0] v_side_ok;
    wire [SIDE_W-1:0] v_side_full;
    assign v_used_up = v_at_best && v_all_taken;
    assign v_rests = v_through || v_joins;
    assign v_stays = !v_used_up && !v_through;
    assign v_sum_added = v_was_shares + {{(QTY_W-32){1'b0}}, v_added};
    assign v_sum_more = v_was_shares + {{(QTY_W-33){v_more[32]}}, v_more};
    assign v_sum_left = v_was_shares - {{(QTY_W-32){1'b0}}, v_taken};
    assign v_best_shares_ok = ({QTY_W{v_through || (v_used_up && v_joins)}} & {{(QTY_W-32){1'b0}}, v_added})
        | ({QTY_W{v_stays && !v_joins && !v_at_best}} & v_was_shares) | ({QTY_W{v_stays && v_joins && !v_at_best}} & v_sum_added)
        | ({QTY_W{v_stays && v_joins && v_at_best}} & v_sum_more) | ({QTY_W{v_stays && !v_joins && v_at_best}} & v_sum_left);
    assign v_best_shares_full = ({QTY_W{!v_at_best}} & v_was_shares) | ({QTY_W{v_at_best && !v_all_taken}} & v_sum_left);
    assign pending_ok = v_was_pending || (v_used_up && !v_rests) || (v_joins && v_nearly_full);
    assign pending_full = v_was_pending || v_used_up;
    assign v_slow_ok = v_slow_not || (v_used_up && !v_rests) || (v_joins && v_nearly_full);
    assign v_slow_full = v_slow_not || v_used_up;
    assign v_changed = v_through || (v_joins ? !(v_at_best && v_same_many) : v_at_best);
    assign v_changed_full = v_at_best;
    assign v_side_ok = {pending_ok, v_count, v_best_ok, v_best_shares_ok};
    assign v_side_full = {pending_full, v_count, v_best_full, v_best_shares_full};

    // The verdict decides which row is left.
    wire              v_changes_ok;
    wire              v_changes_full;
    wire              v_spoils;
    wire [SIDE_W-1:0] v_bid_else;
    wire [SIDE_W-1:0] v_ask_else;
    assign v_changes_ok = v_verdict == `BV_OK && (v_adds || v_takes);
    assign v_changes_full = v_verdict == `BV_FULL && v_takes;
    assign v_spoils = v_verdict == `BV_CONTRA || v_verdict == `BV_WRONG || v_verdict == `BV_FULL
        || (v_verdict == `BV_UNKNOWN && v_op == `BOP_REPLACE) || (v_op == `BOP_MARK && !v_mark_clears);
    // The sum is late: it meets one AND and one OR, with everything else gathered before.
    assign v_bid_else = v_changes_full && !v_book_side ? v_side_full : v_changes_ok && !v_book_side ? {SIDE_W{1'b0}} : v_bid;
    assign v_ask_else = v_changes_full && v_book_side ? v_side_full : v_changes_ok && v_book_side ? {SIDE_W{1'b0}} : v_ask;
    assign v_row = {({SIDE_W{v_changes_ok && v_book_side}} & v_side_ok) | v_ask_else,
                    ({SIDE_W{v_changes_ok && !v_book_side}} & v_side_ok) | v_bid_else};
    assign v_face = {v_locate, v_trading, v_halts, (v_stale && !v_mark_clears) || v_spoils};

    // The order of another symbol: its symbol's face is read in stage v and written one cycle later, when no other is.
    wire [FACE_W-1:0] owner_face;
    assign v_wrong = v_has_row && v_verdict == `BV_WRONG;
    assign v_owner_locate = owner_face[FACE_W-1 -: 16];
    assign v_owner_halted = owner_face[5:1] != 5'b10000;
    always @(posedge clk) begin
        w_wrong <= v_wrong && !rst;
        w_owner <= v_owner[SYM_LOG2-1:0];
        w_face <= {owner_face[FACE_W-1:1], 1'b1};
    end

    // Memories.
    reg                 sweep;
    reg  [SYM_LOG2-1:0] sweep_at;
    reg                 settled;
    always @(posedge clk) begin
        if (rst) begin
            sweep <= 1'b1;
            sweep_at <= {SYM_LOG2{1'b0}};
            settled <= 1'b0;
            ready <= 1'b0;
        end else begin
            sweep_at <= sweep_at + 1'b1;
            sweep <= sweep && !(&sweep_at);
            settled <= !sweep; // the row of a message that may come now was read one cycle ago
            ready <= settled;
        end
    end
    wire [LATE_W-1:0] late_word;
    assign late_word = {late_lost, late_count, late_price, late_shares};
    ram_async #(.WIDTH(ROW_W), .DEPTH_LOG2(SYM_LOG2)) rows (
        .clk(clk), .we(sweep || v_has_row), .waddr(sweep ? sweep_at : v_symidx), .wdata(v_row & {ROW_W{!sweep}}),
        .raddr(read_at), .rdata(row_read)
    );
    wire                face_write;
    wire [SYM_LOG2-1:0] face_at;
    wire [FACE_W-1:0]   face_word;
    assign face_write = sweep || w_wrong || v_has_row;
    assign face_at = sweep ? sweep_at : w_wrong ? w_owner : v_symidx;
    assign face_word = sweep ? {FACE_W{1'b0}} : w_wrong ? w_face : v_face;
    ram_async #(.WIDTH(FACE_W), .DEPTH_LOG2(SYM_LOG2)) faces (
        .clk(clk), .we(face_write), .waddr(face_at), .wdata(face_word), .raddr(read_at), .rdata(face_read)
    );
    ram_async #(.WIDTH(FACE_W), .DEPTH_LOG2(SYM_LOG2)) owner_faces (
        .clk(clk), .we(face_write), .waddr(face_at), .wdata(face_word), .raddr(v_owner[SYM_LOG2-1:0]), .rdata(owner_face)
    );
    ram_async #(.WIDTH(LATE_W), .DEPTH_LOG2(SYM_LOG2)) late_bids (
        .clk(clk), .we(sweep || (late_write && !late_side)), .waddr(sweep ? sweep_at : late_symidx),
        .wdata(sweep ? {LATE_W{1'b0}} : late_word), .raddr(read_at), .rdata(late_bid_read)
    );
    ram_async #(.WIDTH(LATE_W), .DEPTH_LOG2(SYM_LOG2)) late_asks (
        .clk(clk), .we(sweep || (late_write && late_side)), .waddr(sweep ? sweep_at : late_symidx),
        .wdata(sweep ? {LATE_W{1'b0}} : late_word), .raddr(read_at), .rdata(late_ask_read)
    );

`ifdef FORMAL
    // One symbol, any one: each message sees the row as the last one left it, and the best level follows the rules. The
    // ladder is silent here (late_write 0), so a side that has become pending stays so.
    reg f_started;
    initial f_started = 1'b0;
    always @(posedge clk) f_started <= 1'b1;
    (* anyconst *) reg [SYM_LOG2-1:0] f_sym;
    reg             f_unknown [0:1]; // by side: pending
    reg [31:0]      f_price [0:1];
    reg [QTY_W-1:0] f_shares [0:1];
    reg             f_stale;
    reg [9:0]       f_next;
    reg             f_was_row;
    reg             f_mine;
    reg [3:0]       f_op;
    reg             f_side;
    reg             f_clears;
    reg [31:0]      f_take_price;
    reg [31:0]      f_take;
    reg [31:0]      f_add_price;
    reg [31:0]      f_add;
    wire            f_takes;
    wire            f_adds;
    wire            f_at_best;
    wire            f_empties;
    wire [QTY_W:0]  f_left;   // at the old best after the take
    wire            f_better;
    wire [QTY_W:0]  f_joined;
    assign f_takes = f_op == `BOP_EXEC || f_op == `BOP_CANCEL || f_op == `BOP_DELETE || f_op == `BOP_REPLACE;
    assign f_adds = f_op == `BOP_ADD || f_op == `BOP_REPLACE;
    assign f_at_best = f_takes && f_take_price == f_price[f_side];
    assign f_empties = f_at_best && f_shares[f_side] == f_take;
    assign f_left = f_at_best ? f_shares[f_side] - f_take : f_shares[f_side];
    assign f_better = f_price[f_side] == 0 || (f_side ? f_add_price < f_price[f_side] : f_add_price > f_price[f_side]);
    assign f_joined = f_left + f_add;
    always @(posedge clk) begin
        f_next <= next_symidx;
        f_was_row <= c_valid && c_row && !rst;
        f_mine <= c_valid && c_row && !rst && c_msg[84 +: SYM_LOG2] == f_sym;
        f_op <= op;
        f_clears <= op == `BOP_MARK && c_msg[`BM_CODE] == 8'd0;
        f_side <= op == `BOP_ADD ? c_msg[`BM_SIDE] : c_side;
        f_take_price <= c_price;
        f_take <= op == `BOP_DELETE || op == `BOP_REPLACE ? c_shares : c_msg[`BM_SHARES];
        f_add_price <= c_msg[`BM_PRICE];
        f_add <= c_msg[`BM_SHARES];
        if (rst) begin
            f_unknown[0] <= 1'b0;
            f_unknown[1] <= 1'b0;
            f_price[0] <= 32'd0;
            f_price[1] <= 32'd0;
            f_shares[0] <= 0;
            f_shares[1] <= 0;
            f_stale <= 1'b0;
        end else if (f_mine) begin
            if (f_clears)
                f_stale <= 1'b0;
            else if (f_op == `BOP_MARK || v_verdict == `BV_CONTRA || v_verdict == `BV_WRONG || v_verdict == `BV_FULL
                || (v_verdict == `BV_UNKNOWN && f_op == `BOP_REPLACE))
                f_stale <= 1'b1;
            if (v_verdict == `BV_OK && f_adds && !f_unknown[f_side]) begin
                if (f_better) begin
                    f_price[f_side] <= f_add_price;
                    f_shares[f_side] <= f_add;
                end else if (f_add_price == f_price[f_side]) begin
                    f_shares[f_side] <= f_joined;
                    f_unknown[f_side] <= &f_shares[f_side][QTY_W-1:33];
                end else begin
                    f_shares[f_side] <= f_left;
                    f_unknown[f_side] <= f_empties;
                end
            end else if (((v_verdict == `BV_OK && f_takes) || (v_verdict == `BV_FULL && f_takes)) && !f_unknown[f_side]) begin
                f_shares[f_side] <= f_left;
                f_unknown[f_side] <= f_empties;
            end
        end
        if (!rst && f_was_row && v_verdict == `BV_WRONG && v_owner[SYM_LOG2-1:0] == f_sym)
            f_stale <= 1'b1;
    end
`ifdef YOSYS
    always @(posedge clk) begin
        if (!f_started) assume(rst);
        assume(!late_write);
        assume(v_verdict <= `BV_WRONG);
        if (v_verdict == `BV_FULL) assume(f_adds);
        if (f_op == `BOP_MARK) assume(v_verdict == `BV_OK);
        if (v_verdict == `BV_WRONG) assume(v_owner != {{(10-SYM_LOG2){1'b0}}, v_symidx});
        if (c_valid) begin
            assume(ready && op <= `BOP_MARK);
            assume(f_next == c_msg[`BM_SYM]);
            assume(c_msg[93:84] < (1 << SYM_LOG2));
            if (c_row) assume(!f_was_row);
            assume(c_price != 0 && c_shares != 0 && c_msg[`BM_PRICE] != 0 && c_msg[`BM_SHARES] != 0);
            // A few values from both ends of the range, so that the solver ends.
            assume(c_price[31:2] == {30{c_price[2]}} && c_shares[31:2] == {30{c_shares[2]}});
            assume(c_msg[287:258] == {30{c_msg[258]}} && c_msg[255:226] == {30{c_msg[226]}});
        end
        // The ladder and the table agree: nobody takes more from the best level than it holds.
        if (f_mine && f_at_best && !f_unknown[f_side]) assume(f_take <= f_shares[f_side]);
    end
`endif
    always @(posedge clk) if (f_started && !rst && f_mine) begin
        assert(v_slow_not == (f_unknown[0] || f_unknown[1]));
        assert(v_stale == f_stale);
        if (!f_unknown[0]) assert(v_bid_before == f_price[0] && v_bid_shares_before == f_shares[0]);
        if (!f_unknown[1]) assert(v_ask_before == f_price[1] && v_ask_shares_before == f_shares[1]);
        if (v_verdict == `BV_OK && (f_adds || f_takes) && !v_slow_ok) begin
            assert((v_best_ok == 0) == (v_best_shares_ok == 0)); // no level without shares, none without a price
            if (f_adds) assert(f_side ? v_best_ok <= f_add_price : v_best_ok >= f_add_price);
            if (f_adds && f_price[f_side] != 0) assert(f_side ? v_best_ok <= f_price[1] : v_best_ok >= f_price[0]);
            if (!f_adds) assert(v_best_ok == f_price[f_side]);
            assert(v_changed == (v_best_ok != f_price[f_side] || v_best_shares_ok != f_shares[f_side]));
        end
        if (f_takes && f_empties && !f_adds && !f_unknown[f_side]) assert(v_slow_ok);
        cover(f_op == `BOP_REPLACE && v_verdict == `BV_OK && f_price[0] != 0 && f_price[1] != 0 && !v_slow_ok);
        cover(v_slow_not && f_stale);
    end
`endif
endmodule
`default_nettype wire
