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
    output reg              ev_valid,     // a record left the book, whether the host takes it or not
    output reg              ev_row,       // of a tracked symbol
    output reg              ev_changed,   // best bid or ask differs from the symbol's record before
    output reg              ev_stale,
    output reg              ev_halted,
    output reg  [9:0]       ev_symidx,
    output reg  [31:0]      ev_bid,
    output reg  [31:0]      ev_ask,
    output reg  [31:0]      ev_rx_cycle,
    output reg  [15:0]      ev_latency,
    output reg              all_stale,
    output reg              stat_drop,
    output reg              stat_crossed,
    output reg              stat_unknown_ref,
    output reg              stat_contradiction,
    output reg              stat_table_full,
    output reg              stat_slow     // a record waited for the ladder
);
    localparam BBO_W = 64 + 2 * QTY_W;   // {bid, shares, ask, shares}
    localparam LATE_W = 3 + 2 * BBO_W;
    // {waits, last of its message, shows the BBO before, row, symbol, rx cycle, time, order_ref, price, shares, locate, kind, flags, BBO}
    localparam RW = 4 + 10 + 32 + 64 + 64 + 32 + 32 + 16 + 8 + 16 + BBO_W;

    reg [63:0] v_time;
    always @(posedge clk)
        v_time <= c_msg[`BM_NO_TIME] ? 64'd0 : cfg_midnight_ns + {16'd0, c_msg[`BM_TIME]};

    // Stage v: what the message says.
    wire [3:0]  op;
    wire [7:0]  letter;
    wire        ok;
    wire        two;         // leaves two records
    wire        prints;
    wire        gone;        // BV_FULL of a replace: the old order went, the new one did not come
    wire        spoils;
    wire        wrong;       // the order is another symbol's: that one's record comes first
    wire        quiet;       // leaves none
    assign op = v_msg[`BM_OP];
    assign letter = v_msg[`BM_TYPE];
    assign ok = v_verdict == `BV_OK;
    assign prints = op == `BOP_EXEC && v_msg[`BM_PRINTABLE];
    assign gone = op == `BOP_REPLACE && v_verdict == `BV_FULL;
    assign wrong = v_verdict == `BV_WRONG;
    assign two = (ok && (prints || op == `BOP_REPLACE)) || gone || wrong;
    assign spoils = v_verdict == `BV_CONTRA || wrong;
    assign quiet = v_verdict == `BV_DROP || (op == `BOP_MARK && v_msg[`BM_CODE] == 8'd0);

    wire makes_all_stale;
    assign makes_all_stale = op == `BOP_NOTICE
        && (letter == `FP_EV_GAP_LOST || (letter == `FP_EV_FRAME_BAD && v_msg[`BM_SHARES] != 32'd0));
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
    reg  [7:0]       kind;       // of the last record
    reg  [63:0]      order_ref;
    reg  [31:0]      price;
    reg  [31:0]      shares;
    reg  [15:0]      flags;
    reg  [BBO_W-1:0] bbo;
    reg              slow;
    wire [15:0]      state_flags; // as they were before the message
    wire [15:0]      side_flag;
    wire [15:0]      done_flag;   // on the record that takes the last share: the message's first
    assign state_flags = (v_stale || all_stale ? `FP_EF_STALE : 16'd0) | (v_halted && !venue ? `FP_EF_HALTED : 16'd0)
        | (v_msg[`BM_LINE_B] ? `FP_EF_LINE_B : 16'd0);
    assign side_flag = v_side ? `FP_EF_SELL : 16'd0;
    assign done_flag = v_done ? `FP_EF_ORDER_DONE : 16'd0;
    always @* begin
        kind = letter;
        order_ref = v_msg[`BM_REF];
        price = 32'd0;
        shares = 32'd0;
        flags = state_flags;
        bbo = bbo_before;
        slow = v_slow_not;
        if (spoils) begin
            kind = `FP_EV_STALE;
            order_ref = v_code == `FP_E_DUPLICATE && op == `BOP_REPLACE ? v_msg[`BM_REF2] : v_msg[`BM_REF];
            price = {24'd0, v_code};
            shares = wrong ? 32'd0 : v_msg[`BM_SHARES];
            flags = state_flags | `FP_EF_STALE;
        end else if (v_verdict == `BV_UNKNOWN)
            flags = state_flags | `FP_EF_UNKNOWN_REF | (op == `BOP_REPLACE ? `FP_EF_STALE : 16'd0);
        else if (v_verdict == `BV_FULL) begin
            kind = `FP_EV_TABLE_FULL;
            order_ref = op == `BOP_REPLACE ? v_msg[`BM_REF2] : v_msg[`BM_REF];
            price = v_msg[`BM_PRICE];
            shares = v_msg[`BM_SHARES];
            flags = state_flags | side_flag | `FP_EF_STALE | `FP_EF_OVERFLOW | (gone && v_changed_full ? `FP_EF_BBO_CHANGED : 16'd0);
            bbo = gone ? bbo_full : bbo_before;
            slow = v_slow_full;
        end else case (op)
            `BOP_ADD, `BOP_EXEC, `BOP_CANCEL, `BOP_DELETE, `BOP_REPLACE: begin
                bbo = bbo_ok;
                slow = v_slow_ok;
                flags = state_flags | side_flag | (two ? 16'd0 : done_flag) | (v_changed ? `FP_EF_BBO_CHANGED : 16'd0);
                price = op == `BOP_ADD || op == `BOP_REPLACE ? v_msg[`BM_PRICE] : v_price;
                shares = op == `BOP_DELETE ? v_shares : v_msg[`BM_SHARES];
                if (op == `BOP_REPLACE)
                    order_ref = v_msg[`BM_REF2];
                if (prints) begin
                    kind = `FP_EV_TRADE;
                    order_ref = v_msg[`BM_REF2];
                    if (letter == `FP_EV_EXECUTED_PRICE)
                        price = v_msg[`BM_PRICE];
                end else if (op == `BOP_EXEC)
                    flags = state_flags | side_flag | done_flag | (v_changed ? `FP_EF_BBO_CHANGED : 16'd0) | `FP_EF_NON_PRINTABLE;
            end
            `BOP_TRADE: begin
                kind = `FP_EV_TRADE;
                order_ref = v_msg[`BM_REF2];
                price = v_msg[`BM_PRICE];
                shares = v_msg[`BM_SHARES];
                flags = state_flags | side_flag;
            end
            `BOP_CROSS: begin
                order_ref = v_msg[`BM_REF2];
                price = v_msg[`BM_PRICE];
                shares = v_msg[`BM_SHARES];
                flags = state_flags | (v_msg[`BM_SATURATED] ? `FP_EF_OVERFLOW : 16'd0);
            end
            `BOP_NOTE: begin
                order_ref = letter == `FP_EV_BROKEN ? v_msg[`BM_REF] : 64'd0;
                if (letter == `FP_EV_SYSTEM || letter == `FP_EV_TRADING_ACTION)
                    shares = {24'd0, v_msg[295:288]};
            end
            `BOP_NOTICE: begin
                price = v_msg[`BM_PRICE];
                shares = v_msg[`BM_SHARES];
                flags = state_flags | (makes_all_stale ? `FP_EF_STALE : 16'd0);
            end
            `BOP_MARK: begin
                price = {24'd0, v_msg[`BM_CODE]};
                flags = state_flags | `FP_EF_STALE;
            end
            default: kind = letter;
        endcase
    end
    wire [RW-1:0] last_record;
    wire [RW-1:0] first_record;
    wire [RW-1:0] owner_record; // the ladder tells its BBO
    wire          record_valid;
    wire [RW-1:0] record;
    reg           second_valid;
    reg  [RW-1:0] second;
    assign last_record = {slow, 1'b1, 1'b0, v_msg[`BM_ROW], v_msg[`BM_SYM], v_msg[`BM_RX], v_time, order_ref, price, shares,
                          v_locate, kind, flags, bbo};
    assign first_record = {v_slow_not, 1'b0, 1'b1, v_msg[`BM_ROW], v_msg[`BM_SYM], v_msg[`BM_RX], v_time, v_msg[`BM_REF], v_price,
                           op == `BOP_REPLACE ? v_shares : v_msg[`BM_SHARES],
                           v_locate, op == `BOP_REPLACE ? `FP_EV_DELETE : letter, state_flags | side_flag | done_flag | `FP_EF_MORE, bbo_before};
    assign record_valid = second_valid || (v_valid && !quiet);
    assign owner_record = {3'b111, 1'b1, v_owner, v_msg[`BM_RX], v_time, v_msg[`BM_REF], {24'd0, v_code}, 32'd0,
                           v_owner_locate, `FP_EV_STALE,
                           `FP_EF_STALE | `FP_EF_MORE | (v_owner_halted ? `FP_EF_HALTED : 16'd0) | (v_msg[`BM_LINE_B] ? `FP_EF_LINE_B : 16'd0), bbo_before};
    assign record = second_valid ? second : wrong ? owner_record : two ? first_record : last_record;
    always @(posedge clk) begin
        second_valid <= v_valid && two && !rst;
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

    // Those that wait for the ladder, and all behind them; the ladder's answers.
    reg  [RW-1:0]      waits [0:(1<<WAIT_LOG2)-1];
    reg  [WAIT_LOG2:0] wait_put;
    reg  [WAIT_LOG2:0] wait_get;
    reg  [LATE_W-1:0]  answers [0:7];
    reg  [3:0]         answer_put;
    reg  [3:0]         answer_get;
    wire               some_wait;
    wire               some_answer;
    wire [RW-1:0]      chosen;
    wire               chosen_valid;
    wire               chosen_slow;
    wire               chosen_last;
    wire               chosen_before;
    wire [LATE_W-1:0]  live;
    wire [LATE_W-1:0]  answer;
    wire               answer_taken;
    wire               wait_push;
    assign some_wait = wait_put != wait_get;
    assign some_answer = answer_put != answer_get;
    assign live = {late_changed, late_stale_before, late_stale, before_bid, before_bid_shares, before_ask, before_ask_shares,
                   after_bid, after_bid_shares, after_ask, after_ask_shares};
    assign answer = some_answer ? answers[answer_get[2:0]] : live;
    assign chosen = some_wait ? waits[wait_get[WAIT_LOG2-1:0]] : record;
    assign {chosen_slow, chosen_last, chosen_before} = chosen[RW-1 -: 3];
    assign chosen_valid = (some_wait || record_valid) && (!chosen_slow || (some_wait && (some_answer || late_valid)));
    assign answer_taken = chosen_valid && chosen_slow && chosen_last;
    assign wait_push = record_valid && (some_wait || chosen_slow);
    always @(posedge clk) begin
        if (rst) begin
            wait_put <= {(WAIT_LOG2+1){1'b0}};
            wait_get <= {(WAIT_LOG2+1){1'b0}};
            answer_put <= 4'd0;
            answer_get <= 4'd0;
        end else begin
            if (wait_push)
                wait_put <= wait_put + 1'b1;
            if (some_wait && chosen_valid)
                wait_get <= wait_get + 1'b1;
            if (late_valid && (some_answer || !answer_taken))
                answer_put <= answer_put + 4'd1;
            if (answer_taken && some_answer)
                answer_get <= answer_get + 4'd1;
        end
        if (wait_push)
            waits[wait_put[WAIT_LOG2-1:0]] <= record;
        if (late_valid)
            answers[answer_put[2:0]] <= live;
    end

    // The record that leaves now.
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
    wire [BBO_W-1:0] out_quick;
    wire             answer_changed;
    wire             answer_stale_before;
    wire             answer_stale;
    wire [BBO_W-1:0] answer_before;
    wire [BBO_W-1:0] answer_after;
    wire [31:0]      bid;
    wire [QTY_W-1:0] bid_shares;
    wire [31:0]      ask;
    wire [QTY_W-1:0] ask_shares;
    assign {out_row, out_sym, out_rx, out_time, out_ref, out_price, out_shares, out_locate, out_kind, out_static, out_quick} = chosen[RW-4:0];
    assign {answer_changed, answer_stale_before, answer_stale, answer_before, answer_after} = answer;
    assign {bid, bid_shares, ask, ask_shares} = !chosen_slow ? out_quick : chosen_before ? answer_before : answer_after;
    wire bid_wide;
    wire ask_wide;
    wire crossed;
    assign bid_wide = |bid_shares[QTY_W-1:32];
    assign ask_wide = |ask_shares[QTY_W-1:32];
    assign crossed = bid != 32'd0 && ask != 32'd0 && bid >= ask;
    wire [15:0] slow_mask; // what the ladder's answer decides
    wire [15:0] out_flags;
    assign slow_mask = chosen_slow && (out_kind != `FP_EV_STALE) ? `FP_EF_BBO_CHANGED : 16'd0;
    assign out_flags = (out_static & ~slow_mask) | (bid_wide || ask_wide ? `FP_EF_OVERFLOW : 16'd0) | (crossed ? `FP_EF_CROSSED : 16'd0)
        | (chosen_slow && !chosen_before && answer_changed ? `FP_EF_BBO_CHANGED : 16'd0)
        | (chosen_slow && (chosen_before ? answer_stale_before : answer_stale) ? `FP_EF_STALE : 16'd0);
    reg  [63:0]  seq;
    wire [31:0]  age;
    wire [15:0]  latency;
    wire [511:0] out;
    assign age = cycle + 32'd1 - out_rx;
    assign latency = |age[31:16] ? 16'hffff : age[15:0];
    assign out[`FP_EVENT_SEQ_LSB +: `FP_EVENT_SEQ_WIDTH] = seq;
    assign out[`FP_EVENT_VENUE_NS_LSB +: `FP_EVENT_VENUE_NS_WIDTH] = out_time;
    assign out[`FP_EVENT_RX_NS_LSB +: `FP_EVENT_RX_NS_WIDTH] = {32'd0, out_rx};
    assign out[`FP_EVENT_REF_LSB +: `FP_EVENT_REF_WIDTH] = out_ref;
    assign out[`FP_EVENT_PRICE_E4_LSB +: `FP_EVENT_PRICE_E4_WIDTH] = out_price;
    assign out[`FP_EVENT_SHARES_LSB +: `FP_EVENT_SHARES_WIDTH] = out_shares;
    assign out[`FP_EVENT_BID_E4_LSB +: `FP_EVENT_BID_E4_WIDTH] = bid;
    assign out[`FP_EVENT_BID_SHARES_LSB +: `FP_EVENT_BID_SHARES_WIDTH] = bid_wide ? 32'hffffffff : bid_shares[31:0];
    assign out[`FP_EVENT_ASK_E4_LSB +: `FP_EVENT_ASK_E4_WIDTH] = ask;
    assign out[`FP_EVENT_ASK_SHARES_LSB +: `FP_EVENT_ASK_SHARES_WIDTH] = ask_wide ? 32'hffffffff : ask_shares[31:0];
    assign out[`FP_EVENT_LOCATE_LSB +: `FP_EVENT_LOCATE_WIDTH] = out_locate;
    assign out[`FP_EVENT_VENUE_LSB +: `FP_EVENT_VENUE_WIDTH] = cfg_venue;
    assign out[`FP_EVENT_KIND_LSB +: `FP_EVENT_KIND_WIDTH] = out_kind;
    assign out[`FP_EVENT_FLAGS_LSB +: `FP_EVENT_FLAGS_WIDTH] = out_flags;
    assign out[`FP_EVENT_AUX_LSB +: `FP_EVENT_AUX_WIDTH] = latency;

    always @(posedge clk) begin
        if (rst)
            seq <= 64'd1;
        else if (chosen_valid)
            seq <= seq + 64'd1;
        ev_valid <= chosen_valid && !rst;
        ev_row <= out_row;
        ev_changed <= |(out_flags & `FP_EF_BBO_CHANGED);
        ev_stale <= |(out_flags & `FP_EF_STALE);
        ev_halted <= |(out_flags & `FP_EF_HALTED);
        ev_symidx <= out_sym;
        ev_bid <= bid;
        ev_ask <= ask;
        ev_rx_cycle <= out_rx;
        ev_latency <= latency;
        stat_crossed <= chosen_valid && crossed && !chosen_before && !rst;
        stat_slow <= chosen_valid && chosen_slow && !rst;
    end

    // To the host: straight into the output register, or through the FIFO when it does not take them.
    reg               out_valid;
    reg  [511:0]      out_data;
    reg  [FIFO_LOG2:0] fifo_put;
    reg  [FIFO_LOG2:0] fifo_get;
    reg               head_valid;
    wire [FIFO_LOG2:0] fifo_next;
    wire [FIFO_LOG2:0] fifo_level;
    wire [511:0]      head;
    wire              fifo_used;
    wire              fifo_full;
    wire              load;
    wire              pop;
    wire              pass;
    wire              push;
    assign fifo_level = fifo_put - fifo_get;
    assign fifo_used = fifo_level != {(FIFO_LOG2+1){1'b0}};
    assign fifo_full = fifo_level[FIFO_LOG2];
    assign load = !out_valid || m_axis_tready;
    assign pop = load && head_valid;
    assign pass = load && chosen_valid && !fifo_used;
    assign push = chosen_valid && !pass && !fifo_full;
    assign fifo_next = fifo_get + {{FIFO_LOG2{1'b0}}, pop};
    assign m_axis_tvalid = out_valid;
    assign m_axis_tdata = out_data;
    ram_sdp #(.WIDTH(512), .DEPTH_LOG2(FIFO_LOG2)) fifo (
        .clk(clk), .we(push), .waddr(fifo_put[FIFO_LOG2-1:0]), .wdata(out),
        .re(1'b1), .raddr(fifo_next[FIFO_LOG2-1:0]), .rdata(head)
    );
    always @(posedge clk) begin
        if (rst) begin
            out_valid <= 1'b0;
            fifo_put <= {(FIFO_LOG2+1){1'b0}};
            fifo_get <= {(FIFO_LOG2+1){1'b0}};
            head_valid <= 1'b0;
            stat_drop <= 1'b0;
        end else begin
            if (load)
                out_valid <= head_valid || pass;
            fifo_put <= fifo_put + {{FIFO_LOG2{1'b0}}, push};
            fifo_get <= fifo_next;
            head_valid <= fifo_next != fifo_put;
            stat_drop <= chosen_valid && !pass && fifo_full;
        end
        if (load)
            out_data <= head_valid ? head : out;
    end
endmodule
`default_nettype wire
