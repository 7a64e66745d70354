// Turns each message that left the book into one or two 64-byte records, in order, and hands them to the host.
// Latency, stage v to m_axis_tvalid: 1 cycle, one more for the second record of a message; a record whose best level the
// ladder is still looking for leaves 1 cycle after late_valid, and those behind it wait for it.
// Throughput: one record per cycle. ev_* shows the same records to the trigger, also while the host does not take any.
// Overflow: the line is never held up. A record that finds the host FIFO full is dropped and counted, its sequence number
// is missing in the stream, and every later record carries STALE until `clear_stale`.
//
// Record bytes are those of hdl/spec/records.json. rx_ns holds the cycle counter of the message's last byte (the host turns
// cycles into time), aux the cycles from that byte to m_axis_tvalid of an empty FIFO.
`default_nettype none
`include "book_msg.vh"
`include "fp_records.vh"
module ev_pack #(
    parameter QTY_W = 36,
    parameter WAIT_LOG2 = 5, // records that wait for the ladder; the ladder's own queue bounds them
    parameter FIFO_LOG2 = 9  // records that wait for the host
) (
    input  wire             clk,
    input  wire             rst,
    input  wire [31:0]      cycle,        // free-running, the one that norm_rx_cycle was taken from
    input  wire [63:0]      cfg_midnight_ns,
    input  wire [7:0]       cfg_venue,
    input  wire             set_stale,    // something was lost: every book is stale
    input  wire             clear_stale,  // the host has rebuilt what it needs
    input  wire [`BM_W-1:0] c_msg,
    input  wire             v_valid,
    input  wire [`BM_W-1:0] v_msg,
    input  wire [2:0]       v_verdict,
    input  wire [7:0]       v_code,
    input  wire [31:0]      v_price,
    input  wire [31:0]      v_shares,
    input  wire             v_side,
    input  wire             v_done,
    input  wire [9:0]       v_owner,        // symbol of the looked-up order
    input  wire [15:0]      v_owner_locate,
    input  wire             v_owner_halted,
    input  wire             v_slow_ok,
    input  wire             v_slow_full,
    input  wire             v_slow_not,
    input  wire             v_changed,
    input  wire             v_changed_full,
    input  wire             v_stale,
    input  wire             v_halted,
    input  wire [15:0]      v_locate,
    input  wire [31:0]      v_bid_before,
    input  wire [QTY_W-1:0] v_bid_shares_before,
    input  wire [31:0]      v_ask_before,
    input  wire [QTY_W-1:0] v_ask_shares_before,
    input  wire [31:0]      v_best_ok,
    input  wire [QTY_W-1:0] v_best_shares_ok,
    input  wire [31:0]      v_best_full,
    input  wire [QTY_W-1:0] v_best_shares_full,
    input  wire             v_book_side,
    input  wire             late_valid,
    input  wire             late_changed,
    input  wire             late_stale_before,
    input  wire             late_stale,
    input  wire [31:0]      before_bid,
    input  wire [QTY_W-1:0] before_bid_shares,
    input  wire [31:0]      before_ask,
    input  wire [QTY_W-1:0] before_ask_shares,
    input  wire [31:0]      after_bid,
    input  wire [QTY_W-1:0] after_bid_shares,
    input  wire [31:0]      after_ask,
    input  wire [QTY_W-1:0] after_ask_shares,
    output wire [511:0]     m_axis_tdata,
    output wire             m_axis_tvalid,
    input  wire             m_axis_tready,
    output wire             ev_valid,     // a record left the book, whether the host takes it or not
    output reg              ev_row,       // of a tracked symbol
    output wire             ev_changed,   // best bid or ask differs from the symbol's record before
    output wire             ev_stale,
    output wire             ev_halted,
    output reg  [9:0]       ev_symidx,
    output reg  [31:0]      ev_bid,
    output reg  [31:0]      ev_ask,
    output reg  [31:0]      ev_rx_cycle,
    output reg  [15:0]      ev_latency,
    output reg              all_stale,
    output reg              stat_drop,
    output reg              stat_crossed,
    output reg              stat_unknown_ref,
    output reg              stat_field,   // an E, C or X of a live order that takes nothing
    output reg              stat_contradiction,
    output reg              stat_table_full,
    output reg              stat_slow     // a record waited for the ladder
);
    localparam BBO_W = 64 + 2 * QTY_W;   // {bid, shares, ask, shares}
    localparam LATE_W = 3 + 2 * BBO_W;
    // {waits, last of its message, shows the BBO before, row, symbol, rx cycle, time, order_ref, price, shares, locate, kind, flags, BBO}
    localparam RW = 4 + 10 + 32 + 64 + 64 + 32 + 32 + 16 + 8 + 16 + BBO_W;

    // Stage c -> v: what the message says when nothing is wrong with it, so that a late verdict only chooses.
    wire [3:0]  c_op;
    wire [7:0]  c_letter;
    wire        c_prints;
    wire        c_moves;    // changes the book
    reg  [63:0] v_time;
    reg  [7:0]  v_kind;     // of its last record
    reg  [63:0] v_ref;
    reg  [31:0] v_said_price;
    reg  [31:0] v_said_shares;
    reg         v_own_price;  // the resting order's instead
    reg         v_own_shares;
    reg         v_moves;
    reg         v_pair;     // leaves two records
    assign c_op = c_msg[`BM_OP];
    assign c_letter = c_msg[`BM_TYPE];
    assign c_prints = c_op == `BOP_EXEC && c_msg[`BM_PRINTABLE];
    assign c_moves = c_op == `BOP_ADD || c_op == `BOP_EXEC || c_op == `BOP_CANCEL || c_op == `BOP_DELETE || c_op == `BOP_REPLACE;
    always @(posedge clk) begin
        v_time <= c_msg[`BM_NO_TIME] ? 64'd0 : cfg_midnight_ns + {16'd0, c_msg[`BM_TIME]};
        v_kind <= c_prints || c_op == `BOP_TRADE ? `FP_EV_TRADE : c_letter;
        v_ref <= c_op == `BOP_NOTE && c_letter != `FP_EV_BROKEN ? 64'd0
            : c_prints || c_op == `BOP_REPLACE || c_op == `BOP_TRADE || c_op == `BOP_CROSS ? c_msg[`BM_REF2] : c_msg[`BM_REF];
        v_said_price <= c_op == `BOP_NOTE ? 32'd0 : c_op == `BOP_MARK ? {24'd0, c_msg[`BM_CODE]} : c_msg[`BM_PRICE];
        v_said_shares <= c_op == `BOP_MARK ? 32'd0 : c_op != `BOP_NOTE ? c_msg[`BM_SHARES]
            : c_letter == `FP_EV_SYSTEM || c_letter == `FP_EV_TRADING_ACTION ? {24'd0, c_msg[295:288]} : 32'd0;
        v_own_price <= c_moves && c_op != `BOP_ADD && c_op != `BOP_REPLACE && !(c_prints && c_letter == `FP_EV_EXECUTED_PRICE);
        v_own_shares <= c_op == `BOP_DELETE;
        v_moves <= c_moves;
        v_pair <= c_prints || c_op == `BOP_REPLACE;
    end

    // Stage v: what the message says.
    wire [3:0]  op;
    wire [7:0]  letter;
    wire        ok;
    wire        two;         // leaves two records
    wire        gone;        // BV_FULL of a replace: the old order went, the new one did not come
    wire        full;
    wire        unknown;
    wire        spoils;
    wire        wrong;       // the order is another symbol's: that one's record comes first
    wire        quiet;       // leaves none
    assign op = v_msg[`BM_OP];
    assign letter = v_msg[`BM_TYPE];
    assign ok = v_verdict == `BV_OK;
    assign full = v_verdict == `BV_FULL;
    assign unknown = v_verdict == `BV_UNKNOWN;
    assign gone = op == `BOP_REPLACE && full;
    assign wrong = v_verdict == `BV_WRONG;
    assign two = (ok && v_pair) || gone || wrong;
    assign spoils = v_verdict == `BV_CONTRA || wrong;
    assign quiet = v_verdict == `BV_DROP || (op == `BOP_MARK && v_msg[`BM_CODE] == 8'd0);

    wire makes_all_stale;
    assign makes_all_stale = op == `BOP_NOTICE
        && (letter == `FP_EV_GAP_LOST || letter == `FP_EV_GAP || (letter == `FP_EV_FRAME_BAD && v_msg[`BM_SHARES] != 32'd0));
    wire [BBO_W-1:0] bbo_before;
    wire [BBO_W-1:0] bbo_ok;
    wire [BBO_W-1:0] bbo_full;
    assign bbo_before = {v_bid_before, v_bid_shares_before, v_ask_before, v_ask_shares_before};
    assign bbo_ok = v_book_side ? {v_bid_before, v_bid_shares_before, v_best_ok, v_best_shares_ok}
        : {v_best_ok, v_best_shares_ok, v_ask_before, v_ask_shares_before};
    assign bbo_full = v_book_side ? {v_bid_before, v_bid_shares_before, v_best_full, v_best_shares_full}
        : {v_best_full, v_best_shares_full, v_ask_before, v_ask_shares_before};

    wire             venue;      // about the venue, no symbol's state
    assign venue = letter == `FP_EV_SYSTEM || letter == `FP_EV_MWCB_LEVEL || letter == `FP_EV_MWCB_STATUS;
    wire [15:0]      state_flags; // as they were before the message
    wire [15:0]      side_flag;
    wire [15:0]      done_flag;   // on the record that takes the last share: the message's first
    assign state_flags = (v_stale || all_stale ? `FP_EF_STALE : 16'd0) | (v_halted && !venue ? `FP_EF_HALTED : 16'd0)
        | (v_msg[`BM_LINE_B] ? `FP_EF_LINE_B : 16'd0);
    assign side_flag = v_side ? `FP_EF_SELL : 16'd0;
    assign done_flag = v_done ? `FP_EF_ORDER_DONE : 16'd0;

    // The last record, by the verdict.
    wire [7:0]       kind;
    wire [63:0]      order_ref;
    wire [31:0]      price;
    wire [31:0]      shares;
    reg  [15:0]      flags;
    wire [BBO_W-1:0] bbo;
    wire             slow;
    wire             changes;  // the BBO may be another behind it
    wire             says_ref; // its own reference: the one that is wrong, when one is
    wire             is_duplicate;
    assign changes = ok && v_moves;
    assign is_duplicate = v_code == `FP_E_DUPLICATE && op == `BOP_REPLACE;
    assign says_ref = ok || full || (spoils && is_duplicate);
    assign kind = spoils ? `FP_EV_STALE : full ? `FP_EV_TABLE_FULL : unknown ? letter : v_kind;
    assign order_ref = says_ref ? v_ref : v_msg[`BM_REF];
    assign price = spoils ? {24'd0, v_code} : unknown ? 32'd0 : v_own_price ? v_price : v_said_price;
    assign shares = wrong || unknown ? 32'd0 : v_own_shares && !spoils ? v_shares : v_said_shares;
    assign bbo = changes ? bbo_ok : gone ? bbo_full : bbo_before;
    assign slow = changes ? v_slow_ok : full ? v_slow_full : v_slow_not;
    always @* begin
        flags = state_flags;
        if (spoils)
            flags = state_flags | `FP_EF_STALE;
        else if (unknown)
            flags = state_flags | `FP_EF_UNKNOWN_REF | (op == `BOP_REPLACE ? `FP_EF_STALE : 16'd0);
        else if (full)
            flags = state_flags | side_flag | `FP_EF_STALE | `FP_EF_OVERFLOW | (gone && v_changed_full ? `FP_EF_BBO_CHANGED : 16'd0);
        else if (v_moves)
            flags = state_flags | side_flag | (v_pair ? 16'd0 : done_flag) | (v_changed ? `FP_EF_BBO_CHANGED : 16'd0)
                | (op == `BOP_EXEC && !v_pair ? `FP_EF_NON_PRINTABLE : 16'd0);
        else case (op)
            `BOP_TRADE: flags = state_flags | side_flag;
            `BOP_CROSS: flags = state_flags | (v_msg[`BM_SATURATED] ? `FP_EF_OVERFLOW : 16'd0);
            `BOP_NOTICE: flags = state_flags | (makes_all_stale ? `FP_EF_STALE : 16'd0);
            `BOP_MARK: flags = state_flags | `FP_EF_STALE;
            default: flags = state_flags;
        endcase
    end
    wire [RW-1:0] last_record;
    wire [RW-1:0] first_record;
    wire [RW-1:0] owner_record; // the ladder tells its BBO
    wire [RW-1:0] now_record;    // of the message in stage v
    wire          now_valid;
    reg           second_valid;
    reg  [RW-1:0] second;        // its other record, one cycle later
    assign last_record = {slow, 1'b1, 1'b0, v_msg[`BM_ROW], v_msg[`BM_SYM], v_msg[`BM_RX], v_time, order_ref, price, shares,
                          v_locate, kind, flags, bbo};
    assign first_record = {v_slow_not, 1'b0, 1'b1, v_msg[`BM_ROW], v_msg[`BM_SYM], v_msg[`BM_RX], v_time, v_msg[`BM_REF], v_price,
                           op == `BOP_REPLACE ? v_shares : v_msg[`BM_SHARES],
                           v_locate, op == `BOP_REPLACE ? `FP_EV_DELETE : letter, state_flags | side_flag | done_flag | `FP_EF_MORE, bbo_before};
    assign owner_record = {3'b111, 1'b1, v_owner, v_msg[`BM_RX], v_time, v_msg[`BM_REF], {24'd0, v_code}, 32'd0,
                           v_owner_locate, `FP_EV_STALE,
                           `FP_EF_STALE | `FP_EF_MORE | (v_owner_halted ? `FP_EF_HALTED : 16'd0) | (v_msg[`BM_LINE_B] ? `FP_EF_LINE_B : 16'd0), bbo_before};
    assign now_record = wrong ? owner_record : two ? first_record : last_record;
    assign now_valid = v_valid && !quiet;
    always @(posedge clk) begin
        second_valid <= v_valid && two && !rst;
        if (v_valid)
            second <= last_record;
        if (rst)
            all_stale <= 1'b0;
        else if (set_stale || stat_drop || (v_valid && makes_all_stale))
            all_stale <= 1'b1;
        else if (clear_stale)
            all_stale <= 1'b0;
        stat_unknown_ref <= v_valid && v_verdict == `BV_UNKNOWN && !rst;
        stat_contradiction <= v_valid && spoils && !rst;
        stat_table_full <= v_valid && v_verdict == `BV_FULL && !rst;
    end

    // Those that wait for the ladder, and all behind them: the first in a register. The ladder's answers that came early.
    reg  [RW-1:0]      waits [0:(1<<WAIT_LOG2)-1];
    reg                w_put;      // what came one cycle ago is on its way into it
    reg  [WAIT_LOG2-1:0] w_at;
    reg  [RW-1:0]      w_record;
    reg  [WAIT_LOG2:0] wait_put;
    reg  [WAIT_LOG2:0] wait_get;
    reg                some_wait;
    reg  [RW-1:0]      front;
    reg  [LATE_W-1:0]  answers [0:7];
    reg  [3:0]         answer_put;
    reg  [3:0]         answer_get;
    reg                some_answer;
    wire               more_wait;
    wire               next_slow;    // of what would be pushed
    wire               record_valid;
    wire [RW-1:0]      record;
    wire               wait_push;
    wire               wait_pop;
    wire               front_slow;
    wire               front_last;
    wire               front_before;
    wire [LATE_W-1:0]  answer;
    wire               answer_taken;
    wire               answer_kept;
    assign more_wait = wait_put != wait_get;
    assign record_valid = second_valid || now_valid;
    assign record = second_valid ? second : now_record;
    assign next_slow = record[RW-1];
    assign {front_slow, front_last, front_before} = front[RW-1 -: 3];
    assign wait_pop = some_wait && (!front_slow || some_answer || late_valid);
    assign wait_push = record_valid && (some_wait || next_slow);
    assign answer = answers[answer_get[2:0]];
    assign answer_taken = wait_pop && front_slow && front_last;
    assign answer_kept = late_valid && (some_answer || !answer_taken);
    always @(posedge clk) begin
        if (rst) begin
            wait_put <= {(WAIT_LOG2+1){1'b0}};
            wait_get <= {(WAIT_LOG2+1){1'b0}};
            some_wait <= 1'b0;
            answer_put <= 4'd0;
            answer_get <= 4'd0;
            some_answer <= 1'b0;
        end else begin
            if (wait_push && some_wait && (!wait_pop || more_wait))
                wait_put <= wait_put + 1'b1;
            if (wait_pop && more_wait)
                wait_get <= wait_get + 1'b1;
            some_wait <= wait_push || (some_wait && (!wait_pop || more_wait));
            if (answer_kept)
                answer_put <= answer_put + 4'd1;
            if (answer_taken && some_answer)
                answer_get <= answer_get + 4'd1;
            some_answer <= answer_kept || (some_answer && !(answer_taken && answer_put == answer_get + 4'd1));
        end
        // Whether it is to wait is known late: written, and taken as the first, in any case.
        w_put <= (second_valid || v_valid) && !rst;
        w_at <= wait_put[WAIT_LOG2-1:0];
        if (second_valid || v_valid)
            w_record <= record;
        if (w_put)
            waits[w_at] <= w_record;
        if (wait_pop || !some_wait)
            front <= !(some_wait && more_wait) ? record : w_put && w_at == wait_get[WAIT_LOG2-1:0] ? w_record : waits[wait_get[WAIT_LOG2-1:0]];
        if (late_valid)
            answers[answer_put[2:0]] <= {late_changed, late_stale_before, late_stale,
                before_bid, before_bid_shares, before_ask, before_ask_shares, after_bid, after_bid_shares, after_ask, after_ask_shares};
    end

    // The record that leaves: of this message, or one that was here before it (early). What is late, the ladder's answer and the
    // sum in stage v, meets one multiplexer; how the best prices lie to each other is looked at in the next cycle.
    wire             use_early;
    wire             take_live;
    wire             chosen_valid;
    wire             chosen_slow;
    wire             chosen_before;
    wire [RW-1:0]    early;
    wire [RW-1:0]    chosen;
    wire [BBO_W-1:0] early_bbo;
    wire [BBO_W-1:0] live_bbo;
    wire             early_changed;
    wire             early_stale;
    wire             answer_changed;
    wire             answer_stale;
    assign use_early = some_wait || second_valid;
    assign take_live = some_wait && front_slow && !some_answer;
    assign early = some_wait ? front : second;
    assign chosen = use_early ? early : now_record;
    assign chosen_slow = some_wait && front_slow;
    assign chosen_before = chosen[RW-3];
    assign chosen_valid = some_wait ? wait_pop : second_valid ? !second[RW-1] : now_valid && !now_record[RW-1];
    assign early_bbo = !chosen_slow ? early[BBO_W-1:0] : front_before ? answer[2*BBO_W-1 -: BBO_W] : answer[BBO_W-1:0];
    assign live_bbo = front_before ? {before_bid, before_bid_shares, before_ask, before_ask_shares}
        : {after_bid, after_bid_shares, after_ask, after_ask_shares};
    assign early_changed = answer[LATE_W-1];
    assign early_stale = front_before ? answer[LATE_W-2] : answer[LATE_W-3];
    assign answer_changed = chosen_slow && !front_before && (some_answer ? early_changed : late_changed);
    assign answer_stale = chosen_slow && (some_answer ? early_stale : front_before ? late_stale_before : late_stale);

    reg              f_valid;
    reg  [63:0]      f_time;
    reg  [63:0]      f_ref;
    reg  [31:0]      f_price;
    reg  [31:0]      f_shares;
    reg  [15:0]      f_locate;
    reg  [7:0]       f_kind;
    reg  [15:0]      f_flags;
    reg              f_before;
    reg  [QTY_W-1:0] f_bid_shares;
    reg  [QTY_W-1:0] f_ask_shares;
    wire             out_row;
    wire [9:0]       out_sym;
    wire [31:0]      out_rx;
    wire [63:0]      out_time;
    wire [63:0]      out_ref;
    wire [31:0]      out_price;
    wire [31:0]      out_shares;
    wire [15:0]      out_locate;
    wire [7:0]       out_kind;
    wire [15:0]      out_static;
    wire [15:0]      slow_mask; // what the ladder's answer decides
    wire [31:0]      age;
    assign {out_row, out_sym, out_rx, out_time, out_ref, out_price, out_shares, out_locate, out_kind, out_static} = chosen[RW-4:BBO_W];
    assign slow_mask = chosen_slow && out_kind != `FP_EV_STALE ? `FP_EF_BBO_CHANGED : 16'd0;
    assign age = cycle + 32'd1 - out_rx;
    always @(posedge clk) begin
        f_valid <= chosen_valid && !rst;
        if (use_early || v_valid) begin
            ev_row <= out_row;
            ev_symidx <= out_sym;
            ev_rx_cycle <= out_rx;
            ev_latency <= |age[31:16] ? 16'hffff : age[15:0];
            f_time <= out_time;
            f_ref <= out_ref;
            f_price <= out_price;
            f_shares <= out_shares;
            f_locate <= out_locate;
            f_kind <= out_kind;
            f_flags <= (out_static & ~slow_mask) | (answer_changed ? `FP_EF_BBO_CHANGED : 16'd0) | (answer_stale ? `FP_EF_STALE : 16'd0);
            f_before <= chosen_before;
            {ev_bid, f_bid_shares, ev_ask, f_ask_shares} <= take_live ? live_bbo : use_early ? early_bbo : now_record[BBO_W-1:0];
        end
        stat_slow <= chosen_valid && chosen_slow && !rst;
    end

    // The record on its way: what the prices say by themselves is added.
    reg          lossy;  // one was dropped: those that waited since before that are stale too
    wire         drop;
    wire         bid_wide;
    wire         ask_wide;
    wire         crossed;
    wire [15:0]  out_flags;
    reg  [63:0]  seq;
    wire [511:0] out;
    assign bid_wide = |f_bid_shares[QTY_W-1:32];
    assign ask_wide = |f_ask_shares[QTY_W-1:32];
    assign crossed = ev_bid != 32'd0 && ev_ask != 32'd0 && ev_bid >= ev_ask;
    assign out_flags = f_flags | (bid_wide || ask_wide ? `FP_EF_OVERFLOW : 16'd0) | (crossed ? `FP_EF_CROSSED : 16'd0)
        | (lossy ? `FP_EF_STALE : 16'd0);
    assign ev_valid = f_valid;
    assign ev_changed = |(f_flags & `FP_EF_BBO_CHANGED);
    assign ev_stale = |(f_flags & `FP_EF_STALE) || lossy;
    assign ev_halted = |(f_flags & `FP_EF_HALTED);
    assign out[`FP_EVENT_SEQ_LSB +: `FP_EVENT_SEQ_WIDTH] = seq;
    assign out[`FP_EVENT_VENUE_NS_LSB +: `FP_EVENT_VENUE_NS_WIDTH] = f_time;
    assign out[`FP_EVENT_RX_NS_LSB +: `FP_EVENT_RX_NS_WIDTH] = {32'd0, ev_rx_cycle};
    assign out[`FP_EVENT_REF_LSB +: `FP_EVENT_REF_WIDTH] = f_ref;
    assign out[`FP_EVENT_PRICE_E4_LSB +: `FP_EVENT_PRICE_E4_WIDTH] = f_price;
    assign out[`FP_EVENT_SHARES_LSB +: `FP_EVENT_SHARES_WIDTH] = f_shares;
    assign out[`FP_EVENT_BID_E4_LSB +: `FP_EVENT_BID_E4_WIDTH] = ev_bid;
    assign out[`FP_EVENT_BID_SHARES_LSB +: `FP_EVENT_BID_SHARES_WIDTH] = f_bid_shares[31:0] | {32{bid_wide}};
    assign out[`FP_EVENT_ASK_E4_LSB +: `FP_EVENT_ASK_E4_WIDTH] = ev_ask;
    assign out[`FP_EVENT_ASK_SHARES_LSB +: `FP_EVENT_ASK_SHARES_WIDTH] = f_ask_shares[31:0] | {32{ask_wide}};
    assign out[`FP_EVENT_LOCATE_LSB +: `FP_EVENT_LOCATE_WIDTH] = f_locate;
    assign out[`FP_EVENT_VENUE_LSB +: `FP_EVENT_VENUE_WIDTH] = cfg_venue;
    assign out[`FP_EVENT_KIND_LSB +: `FP_EVENT_KIND_WIDTH] = f_kind;
    assign out[`FP_EVENT_FLAGS_LSB +: `FP_EVENT_FLAGS_WIDTH] = out_flags;
    assign out[`FP_EVENT_AUX_LSB +: `FP_EVENT_AUX_WIDTH] = ev_latency;

    // To the host: at once; a record that the host does not take goes into the held register, those behind it into the FIFO.
    reg               held_valid;
    reg  [511:0]      held;
    reg  [FIFO_LOG2:0] fifo_put;
    reg  [FIFO_LOG2:0] fifo_get;
    reg               fifo_used;
    reg               head_valid;
    wire [FIFO_LOG2:0] fifo_next;
    wire [FIFO_LOG2:0] fifo_level;
    wire [511:0]      head;
    wire              fifo_full;
    wire              load;    // the held register takes something
    wire              pop;
    wire              direct;  // this record goes past the FIFO
    wire              push;
    assign fifo_level = fifo_put - fifo_get;
    assign fifo_full = fifo_level[FIFO_LOG2];
    assign load = held_valid ? m_axis_tready : fifo_used || !m_axis_tready;
    assign pop = load && head_valid;
    assign direct = !fifo_used && (!held_valid || m_axis_tready);
    assign push = f_valid && !direct && !fifo_full;
    assign drop = f_valid && !direct && fifo_full;
    assign fifo_next = fifo_get + {{FIFO_LOG2{1'b0}}, pop};
    assign m_axis_tvalid = held_valid || (f_valid && !fifo_used);
    assign m_axis_tdata = held_valid ? held : out;
    ram_sdp #(.WIDTH(512), .DEPTH_LOG2(FIFO_LOG2)) fifo (
        .clk(clk), .we(push), .waddr(fifo_put[FIFO_LOG2-1:0]), .wdata(out),
        .re(fifo_used), .raddr(fifo_next[FIFO_LOG2-1:0]), .rdata(head)
    );
    always @(posedge clk) begin
        if (rst) begin
            held_valid <= 1'b0;
            fifo_put <= {(FIFO_LOG2+1){1'b0}};
            fifo_get <= {(FIFO_LOG2+1){1'b0}};
            fifo_used <= 1'b0;
            head_valid <= 1'b0;
            stat_drop <= 1'b0;
            lossy <= 1'b0;
            seq <= 64'd1;
            stat_crossed <= 1'b0;
            stat_field <= 1'b0;
        end else begin
            stat_field <= v_valid && v_verdict == `BV_DROP;
            if (load)
                held_valid <= head_valid || (f_valid && !fifo_used);
            if (push)
                fifo_put <= fifo_put + 1'b1;
            fifo_get <= fifo_next;
            fifo_used <= push || fifo_next != fifo_put;
            head_valid <= fifo_next != fifo_put;
            stat_drop <= drop;
            lossy <= drop || (lossy && !clear_stale);
            if (f_valid)
                seq <= seq + 64'd1;
            stat_crossed <= f_valid && crossed && !f_before;
        end
        if (load && (head_valid || f_valid))
            held <= head_valid ? head : out;
    end
endmodule
`default_nettype wire
