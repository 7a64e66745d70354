// The last look at an order before its bytes leave: all checks at once, every one must pass, and nothing bypasses them.
// Latency: fire_valid taken to pass_valid or reject_valid, 2 cycles; an offer is taken at once when it is direct, its symbol's
// limits having been read since its record, else 2 cycles later. Throughput: one order per 5 cycles (`fire_ready` falls while
// one is looked at, and while the encoder is sending). Overflow: none.
// Fail closed: after reset the kill switch is on and every limit is 0, so nothing passes; a reason bit is 1 for each check
// that failed. The order's fields come from the encoder's own template, so that what is checked is what is sent.
// What is slow is done ahead: products of the template by the encoder when it is sealed, those of the quote while the trigger
// chooses, the age of earlier orders all the time.
`default_nettype none
module risk_gate #(
    parameter SYM_LOG2 = 8,
    parameter SLOTS_LOG2 = 4,
    parameter DUP_LOG2 = 3      // orders remembered by the duplicate check
) (
    input  wire        clk,
    input  wire        rst,
    output reg         ready,           // limits are cleared
    input  wire [47:0] now,             // free-running cycle counter
    input  wire        cfg_kill,
    input  wire        cfg_trade,       // trading enabled
    input  wire        cfg_session,     // the host has an order session that takes bytes
    input  wire        cfg_all_stale,
    input  wire [31:0] cfg_rate_period, // cycles per order allowed; 0: none is
    input  wire [15:0] cfg_rate_burst,
    input  wire [47:0] cfg_dup_window,  // cycles in which the same order is refused; 0: check off
    input  wire        limit_write,     // the host sets a symbol's limits; not in two cycles running
    input  wire [9:0]  limit_symidx,
    input  wire        limit_enable,
    input  wire [31:0] limit_quantity,  // shares of one order
    input  wire [63:0] limit_notional,  // price x shares of one order, 1/10000 dollar
    input  wire [15:0] limit_collar,    // bps through the far side
    input  wire [31:0] limit_buy_room,  // shares that may still be bought; every order passed takes its own off
    input  wire [31:0] limit_sell_room,
    input  wire [SYM_LOG2-1:0] look_symidx, // the quote of a record that may fire two cycles later
    input  wire [31:0] look_bid,
    input  wire [31:0] look_ask,
    input  wire        look_direct,     // an offer in the next cycle is of what was on look_* in the cycle before this one
    input  wire        fire_valid,      // stays, with its fields, until taken
    output wire        fire_ready,
    input  wire [SLOTS_LOG2-1:0] fire_slot,
    input  wire [9:0]  fire_symidx,
    input  wire [31:0] fire_bid,
    input  wire [31:0] fire_ask,
    input  wire        fire_stale,
    input  wire        fire_halted,
    input  wire        send_ready,      // the encoder can start
    input  wire        order_valid,     // of fire_slot's template: whole and well-formed
    input  wire        order_sell,
    input  wire [31:0] order_quantity,
    input  wire [63:0] order_price,
    input  wire [63:0] order_notional,  // quantity x price, the price's low 32 bits
    input  wire [45:0] order_scaled,    // price x 10,000, likewise
    output wire        busy,            // looks at held_slot
    output wire [SLOTS_LOG2-1:0] held_slot, // stays until the verdict
    output reg         pass_valid,
    output reg         reject_valid,
    output reg  [SLOTS_LOG2-1:0] out_slot,
    output reg  [15:0] out_reasons      // 0 when passed
);
    localparam R_KILL = 0;
    localparam R_DISABLED = 1;   // trading or the symbol is not enabled
    localparam R_QUANTITY = 2;
    localparam R_NOTIONAL = 3;
    localparam R_COLLAR = 4;
    localparam R_POSITION = 5;
    localparam R_RATE = 6;
    localparam R_DUPLICATE = 7;
    localparam R_STALE = 8;
    localparam R_HALTED = 9;
    localparam R_REFERENCE = 10; // no far side to measure the collar from
    localparam R_ORDER = 11;     // template missing or out of OUCH's ranges
    localparam R_SESSION = 12;
    localparam LIMIT_W = 1 + 32 + 64;
    localparam COLLAR_W = 17 + 14;
    localparam DUPS = 1 << DUP_LOG2;
    localparam ORDER_W = 10 + 1 + 32 + 32;

    // The host's limits, a cycle later. A collar is kept as what a far side of 10,000 becomes: 10,000 + bps to buy,
    // 10,000 - bps to sell, at least 0.
    reg                w_valid;
    reg  [9:0]         w_symidx;
    reg                w_enable;
    reg  [31:0]        w_quantity;
    reg  [63:0]        w_notional;
    reg  [16:0]        w_up;
    reg  [13:0]        w_down;
    reg  [31:0]        w_buy_room;
    reg  [31:0]        w_sell_room;
    wire [13:0]        down;
    assign down = 14'd10000 - limit_collar[13:0];
    always @(posedge clk) begin
        w_valid <= limit_write && !rst;
        w_symidx <= limit_symidx;
        w_enable <= limit_enable;
        w_quantity <= limit_quantity;
        w_notional <= limit_notional;
        w_up <= 17'd10000 + {1'b0, limit_collar};
        w_down <= limit_collar >= 16'd10000 ? 14'd0 : down;
        w_buy_room <= limit_buy_room;
        w_sell_room <= limit_sell_room;
    end

    // One order at a time: taken, judged, told.
    reg        judges;           // the cycle after `take`
    reg        can_send;
    reg        unspent;          // its shares are not yet off the room
    reg  [SLOTS_LOG2-1:0] r_slot;
    reg  [9:0] r_symidx;
    reg        r_sell;
    reg        overtaken;        // the host wrote its symbol's limits meanwhile: the newer
    reg        direct_read;      // what this cycle's offer needs was read before it came, and nothing written since
    reg        wrote;
    reg  [1:0] settled;          // cycles in which the offer's limits were read
    wire       take;
    wire       writes;
    wire       any_write;
    wire       spend;
    assign fire_ready = ready && can_send && !judges && !pass_valid && !reject_valid && !unspent
        && (settled[1] || direct_read);
    assign take = fire_valid && fire_ready;
    assign busy = take || judges;
    assign held_slot = judges || pass_valid ? r_slot : fire_slot;
    always @(posedge clk) begin
        can_send <= send_ready && !rst;
        judges <= take && !rst;
        if (take)
            r_slot <= fire_slot;
        wrote <= any_write;
        direct_read <= look_direct && !wrote && !any_write && !rst;
        settled <= !fire_valid || any_write || take || rst ? 2'd0 : {settled[0] || settled[1], 1'b1};
    end

    // Limits by symbol; the rooms change with every order, so they are apart, and so is the collar, which is read sooner.
    reg                 sweep;
    reg  [SYM_LOG2-1:0] sweep_at;
    wire                known;   // the symbol index is in the table
    generate
        if (SYM_LOG2 == 10) begin : all_known
            assign known = 1'b1;
            assign writes = w_valid;
        end else begin : some_known
            assign known = fire_symidx[9:SYM_LOG2] == 0;
            assign writes = w_valid && w_symidx[9:SYM_LOG2] == 0;
        end
    endgenerate
    always @(posedge clk) begin
        if (rst) begin
            sweep <= 1'b1;
            sweep_at <= {SYM_LOG2{1'b0}};
            ready <= 1'b0;
        end else if (sweep) begin
            sweep_at <= sweep_at + 1'b1;
            sweep <= !(&sweep_at);
            ready <= &sweep_at;
        end
    end
    wire [SYM_LOG2-1:0] write_at;
    wire [SYM_LOG2-1:0] room_at;
    wire [SYM_LOG2-1:0] read_at;
    reg  [31:0]         r_room_left;
    wire [LIMIT_W-1:0]  limits;
    wire                limit_we;
    wire                buy_we;
    wire                sell_we;
    wire [LIMIT_W-1:0]  limit_word;
    wire [31:0]         buy_word;
    wire [31:0]         sell_word;
    wire [31:0]         buy_room;
    wire [31:0]         sell_room;
    wire [COLLAR_W-1:0] collar;
    assign write_at = sweep ? sweep_at : w_symidx[SYM_LOG2-1:0];
    assign room_at = sweep || writes ? write_at : r_symidx[SYM_LOG2-1:0];
    assign read_at = fire_valid ? fire_symidx[SYM_LOG2-1:0] : look_symidx;
    assign spend = unspent && !writes && !overtaken;
    assign limit_we = sweep || writes;
    assign buy_we = limit_we || (spend && !r_sell);
    assign sell_we = limit_we || (spend && r_sell);
    assign limit_word = sweep ? {LIMIT_W{1'b0}} : {w_enable, w_quantity, w_notional};
    assign buy_word = sweep ? 32'd0 : writes ? w_buy_room : r_room_left;
    assign sell_word = sweep ? 32'd0 : writes ? w_sell_room : r_room_left;
    assign any_write = sweep || writes || unspent || pass_valid;
    ram_sdp #(.WIDTH(LIMIT_W), .DEPTH_LOG2(SYM_LOG2)) limit_ram (
        .clk(clk), .we(limit_we), .waddr(write_at), .wdata(limit_word), .re(1'b1), .raddr(read_at), .rdata(limits)
    );
    ram_async #(.WIDTH(COLLAR_W), .DEPTH_LOG2(SYM_LOG2)) collar_ram (
        .clk(clk), .we(limit_we), .waddr(write_at), .wdata(sweep ? {17'd10000, 14'd10000} : {w_up, w_down}),
        .raddr(read_at), .rdata(collar)
    );
    ram_sdp #(.WIDTH(32), .DEPTH_LOG2(SYM_LOG2)) buy_ram (
        .clk(clk), .we(buy_we), .waddr(room_at), .wdata(buy_word), .re(1'b1), .raddr(read_at), .rdata(buy_room)
    );
    ram_sdp #(.WIDTH(32), .DEPTH_LOG2(SYM_LOG2)) sell_ram (
        .clk(clk), .we(sell_we), .waddr(room_at), .wdata(sell_word), .re(1'b1), .raddr(read_at), .rdata(sell_room)
    );

    // Ahead of the order, one cycle after its symbol was asked for: the quote beside the collar; two cycles after it: the
    // limits, and the far sides times the collar, in two halves each. Each multiplier has the collar in a register of its own
    // beside it; a reset, which nothing else needs, keeps synthesis from joining two of them.
    reg  [31:0] x_bid;
    reg  [31:0] x_ask;
    reg  [16:0] x_up_low;
    reg  [16:0] x_up_high;
    reg  [13:0] x_down_low;
    reg  [13:0] x_down_high;
    reg  [32:0] ask_low;
    reg  [32:0] ask_high;
    reg  [29:0] bid_low;
    reg  [29:0] bid_high;
    reg         limit_on;
    reg  [31:0] limit_max_quantity;
    reg  [63:0] limit_max_notional;
    reg  [31:0] max_buy;
    reg  [31:0] max_sell;
    always @(posedge clk) begin
        x_bid <= fire_valid ? fire_bid : look_bid;
        x_ask <= fire_valid ? fire_ask : look_ask;
        {x_up_low, x_down_low} <= collar;
        if (rst) begin
            x_up_high <= 17'd0;
            x_down_high <= 14'd0;
        end else
            {x_up_high, x_down_high} <= collar;
        ask_low <= {17'd0, x_ask[15:0]} * {16'd0, x_up_low};
        ask_high <= {17'd0, x_ask[31:16]} * {16'd0, x_up_high};
        bid_low <= {14'd0, x_bid[15:0]} * {16'd0, x_down_low};
        bid_high <= {14'd0, x_bid[31:16]} * {16'd0, x_down_high};
        {limit_on, limit_max_quantity, limit_max_notional} <= limits;
        max_buy <= buy_room;
        max_sell <= sell_room;
    end

    // The cycle of `take`: everything but the collar is decided. (Written with `<`, which is a carry chain alone; yosys adds a
    // comparison for equality to each of the others.) The collar is over when
    // price x 10,000 > ask x (10,000 + bps) to buy, < bid x (10,000 - bps) to sell.
    wire [48:0] ask_bound;
    wire [45:0] bid_bound;
    wire [31:0] room;
    wire        in_range;
    wire        token;
    wire [DUPS-1:0] recent;
    wire [DUPS-1:0] same;
    reg  [48:0] s_most;      // over the collar when less
    reg  [48:0] s_least;     // than this
    reg  [15:0] s_reasons;
    reg  [DUPS-1:0] s_same;
    reg         s_full;
    reg  [ORDER_W-1:0] s_order;
    wire [ORDER_W-1:0] order;
    assign ask_bound = {ask_high, 16'd0} + {16'd0, ask_low};
    assign bid_bound = {bid_high, 16'd0} + {16'd0, bid_low};
    assign room = order_sell ? max_sell : max_buy;
    assign in_range = order_quantity != 32'd0 && order_quantity < 32'd1000000 && order_price != 64'd0
        && order_price < 64'd1999999901;
    assign order = {fire_symidx, order_sell, order_quantity, order_price[31:0]};
    always @(posedge clk) begin
        if (fire_valid && !judges && !pass_valid && !unspent) begin
            r_symidx <= fire_symidx;
            r_sell <= order_sell;
            r_room_left <= room - order_quantity;
            s_order <= order;
        end
        if (fire_valid) begin
            s_most <= order_sell ? {3'd0, order_scaled} : ask_bound;
            s_least <= order_sell ? {3'd0, bid_bound} : {3'd0, order_scaled};
            s_same <= same;
            s_full <= &recent;
            s_reasons <= 16'd0;
            s_reasons[R_KILL] <= cfg_kill;
            s_reasons[R_DISABLED] <= !cfg_trade || !limit_on || !known;
            s_reasons[R_QUANTITY] <= limit_max_quantity < order_quantity;
            s_reasons[R_NOTIONAL] <= limit_max_notional < order_notional;
            s_reasons[R_POSITION] <= room < order_quantity;
            s_reasons[R_RATE] <= !token;
            s_reasons[R_STALE] <= fire_stale || cfg_all_stale;
            s_reasons[R_HALTED] <= fire_halted;
            s_reasons[R_REFERENCE] <= order_sell ? fire_bid == 32'd0 : fire_ask == 32'd0;
            s_reasons[R_ORDER] <= !order_valid || !in_range;
            s_reasons[R_SESSION] <= !cfg_session;
        end
    end

    // The verdict. Kill is looked at once more.
    wire [15:0] reasons;
    wire        over_collar;
    wire        duplicate;
    assign over_collar = s_most < s_least;
    assign duplicate = cfg_dup_window != 48'd0 && (|s_same || s_full);
    assign reasons = s_reasons | (over_collar ? 16'd1 << R_COLLAR : 16'd0) | (duplicate ? 16'd1 << R_DUPLICATE : 16'd0)
        | (cfg_kill ? 16'd1 << R_KILL : 16'd0);
    always @(posedge clk) begin
        pass_valid <= judges && reasons == 16'd0 && !rst;
        reject_valid <= judges && reasons != 16'd0 && !rst;
        out_slot <= r_slot;
        out_reasons <= reasons;
        // A host's write to the symbol since the order was taken is the newer; the port is the host's first.
        unspent <= !rst && (pass_valid || (unspent && writes && !overtaken));
        overtaken <= take ? w_valid && w_symidx == fire_symidx : overtaken || (w_valid && w_symidx == r_symidx);
    end

    // Rate: one token each period, at most a burst of them.
    reg  [15:0] tokens;
    reg  [31:0] period;
    wire        refill;
    assign token = tokens != 16'd0;
    assign refill = cfg_rate_period != 32'd0 && !(period < cfg_rate_period);
    always @(posedge clk) begin
        if (rst) begin
            tokens <= 16'd0;
            period <= 32'd1;
        end else begin
            period <= refill ? 32'd1 : period + {31'd0, cfg_rate_period != 32'd0};
            if (cfg_rate_burst < tokens)
                tokens <= cfg_rate_burst;
            else if (pass_valid && !refill)
                tokens <= tokens - 16'd1;
            else if (refill && !pass_valid && tokens != cfg_rate_burst)
                tokens <= tokens + 16'd1;
        end
    end

    // Duplicates: the last orders that passed. When all are still in the window, nobody knows whether an older one was the
    // same: refused too. Ages are known two cycles ahead; no order passes so soon after another.
    reg  [DUP_LOG2-1:0] dup_at;
    reg  [47:0]         soon;  // two cycles after this one
`ifdef FORMAL
    reg [1:0] f_since;     // cycles since an order passed, up to 3
    reg       f_past1;
    reg       f_past2;     // two cycles without reset before this one
    wire [DUPS-1:0] f_same;
    wire [DUPS-1:0] f_recent;
    always @(posedge clk) begin
        f_since <= rst || pass_valid ? 2'd0 : f_since == 2'd3 ? 2'd3 : f_since + 2'd1;
        f_past1 <= !rst;
        f_past2 <= f_past1 && !rst;
    end
`endif
    genvar d;
    generate
        for (d = 0; d < DUPS; d = d + 1) begin : dups
            reg               used;
            reg [ORDER_W-1:0] was;
            reg [47:0]        when;
            reg [47:0]        age;    // in the next cycle
            reg               young;
            assign recent[d] = young;
            assign same[d] = young && was == order;
            always @(posedge clk) begin
                if (rst)
                    used <= 1'b0;
                else if (pass_valid && dup_at == d)
                    used <= 1'b1;
                if (pass_valid && dup_at == d) begin
                    was <= s_order;
                    when <= now;
                end
                if (used)
                    age <= soon - when;
                young <= used && age < cfg_dup_window;
            end
`ifdef FORMAL
            assign f_recent[d] = used && now - when < cfg_dup_window;
            assign f_same[d] = f_recent[d] && was == order;
            always @(posedge clk) if (f_past2 && !rst && f_since == 2'd3) assert(young == f_recent[d]);
`endif
        end
    endgenerate
    always @(posedge clk) begin
        soon <= now + 48'd3;
        if (rst)
            dup_at <= {DUP_LOG2{1'b0}};
        else if (pass_valid)
            dup_at <= dup_at + 1'b1;
    end

`ifdef FORMAL
    // Never a pass when a check fails, the checks written down once more in their plainest form.
    reg f_started;
    initial f_started = 1'b0;
    always @(posedge clk) f_started <= 1'b1;
`ifdef YOSYS
    always @(posedge clk) begin
        if (!f_started) assume(rst);
        else if (!$past(rst) && !rst) begin
            assume(now == $past(now) + 48'd1);
            assume($stable(cfg_dup_window));
            if ($past(fire_valid && !fire_ready)) begin // an offer stays
                assume(fire_valid && $stable(fire_slot) && $stable(fire_symidx) && $stable(fire_bid));
                assume($stable(fire_ask) && $stable(fire_stale) && $stable(fire_halted));
            end
            if ($past(limit_write)) assume(!limit_write);
            if (look_direct) assume(!fire_valid && !$past(fire_valid));
        end
        if (f_past1 && fire_valid && $past(look_direct)) // so that it is two cycles back
            assume(f_past2 && fire_symidx[SYM_LOG2-1:0] == $past(look_symidx, 2) && fire_bid == $past(look_bid, 2) && fire_ask == $past(look_ask, 2));
    end
`endif
    // One symbol's limits and rooms as the host set them and passed orders used them up.
    (* anyconst *) reg [SYM_LOG2-1:0] f_symidx;
    reg        f_enable;
    reg [31:0] f_max_quantity;
    reg [63:0] f_max_notional;
    reg [31:0] f_buy;
    reg [31:0] f_sell;
    reg [16:0] f_up;
    reg [13:0] f_down;
    wire       f_write;
    wire       f_in_table;
    generate
        if (SYM_LOG2 == 10) begin : f_all
            assign f_in_table = 1'b1;
        end else begin : f_some
            assign f_in_table = limit_symidx[9:SYM_LOG2] == 0;
        end
    endgenerate
    assign f_write = limit_write && f_in_table && limit_symidx[SYM_LOG2-1:0] == f_symidx;
    // An order taken, its answer still to come.
    reg        f_on;
    reg        f_age;
    reg        f_mine;     // of f_symidx
    reg        f_known;
    reg        f_sells;
    reg        f_good;
    reg        f_allowed;  // settings and rate, as they were when it was taken
    reg        f_limits;   // within the limits of f_symidx, as they were then
    reg        f_far;
    reg        f_read;     // within the limits that were read
    reg        f_collar;
    reg [9:0]  f_order;    // its symbol
    reg        f_fresh;    // no passed order in the window is the same, and not all of them are in it
    reg [31:0] f_quantity;
    reg [SLOTS_LOG2-1:0] f_slot;
    wire [31:0] f_far_side;
    assign f_far_side = order_sell ? fire_bid : fire_ask;
    always @(posedge clk) begin
        if (rst) begin
            f_on <= 1'b0;
            f_age <= 1'b0;
        end else begin
            if (fire_valid && fire_ready) begin
                f_on <= 1'b1;
                f_age <= 1'b0;
                f_mine <= known && fire_symidx[SYM_LOG2-1:0] == f_symidx;
                f_known <= known;
                f_order <= fire_symidx;
                f_sells <= order_sell;
                f_good <= order_valid && order_quantity >= 1 && order_quantity <= 999999 && order_price >= 1 && order_price <= 1999999900;
                f_allowed <= !cfg_kill && cfg_trade && cfg_session && !cfg_all_stale && !fire_stale && !fire_halted && tokens != 0;
                f_limits <= f_enable && order_quantity <= f_max_quantity && order_notional <= f_max_notional
                    && order_quantity <= (order_sell ? f_sell : f_buy);
                f_far <= f_far_side != 0;
                f_read <= limit_on && order_quantity <= limit_max_quantity && order_notional <= limit_max_notional
                    && order_quantity <= (order_sell ? max_sell : max_buy);
                f_collar <= order_sell ? {3'd0, order_scaled} >= {3'd0, bid_bound} : {3'd0, order_scaled} <= ask_bound;
                f_fresh <= cfg_dup_window == 0 || !(|f_same || &f_recent);
                f_quantity <= order_quantity;
                f_slot <= fire_slot;
            end else if (f_on) begin
                f_age <= 1'b1;
                if (f_age)
                    f_on <= 1'b0;
            end
        end
        // Limits take effect the cycle after they are given (w_*): an order taken in that cycle goes by the old ones.
        if (rst) begin
            f_enable <= 1'b0;
            f_max_quantity <= 32'd0;
            f_max_notional <= 64'd0;
            f_buy <= 32'd0;
            f_sell <= 32'd0;
            f_up <= 17'd10000;
            f_down <= 14'd10000;
        end else if (f_wrote && !sweep) begin // before the tables are cleared a write is lost
            f_enable <= w_enable;
            f_max_quantity <= w_quantity;
            f_max_notional <= w_notional;
            f_buy <= w_buy_room;
            f_sell <= w_sell_room;
            f_up <= w_up;
            f_down <= w_down;
        end else if (pass_valid && f_mine && !f_newer) begin
            f_buy <= f_sells ? f_buy : f_buy - f_quantity;
            f_sell <= f_sells ? f_sell - f_quantity : f_sell;
        end
    end
    reg        f_wrote;    // the host's write of the cycle before
    reg        f_newer;    // came since the order was taken
    always @(posedge clk) begin
        f_wrote <= f_write && !rst;
        f_newer <= fire_valid && fire_ready ? f_wrote : f_newer || f_wrote;
    end
    // The RAMs' words of that symbol, from what is written. The proof has the RAMs cut out and assumes of them what ram_sdp
    // and ram_async promise: a read of an address gives its word, and anything when it is written in the same cycle.
    reg [LIMIT_W-1:0]  f_limit_word;
    reg [COLLAR_W-1:0] f_collar_word;
    reg [31:0]         f_buy_word;
    reg [31:0]         f_sell_word;
    wire               f_swept;
    wire               f_unspent;  // the order's shares are off f_buy or f_sell, and not yet off the room in the RAM
    wire               f_offered;
    wire [31:0]        f_room_word;
    assign f_swept = !sweep || sweep_at > f_symidx;
    assign f_unspent = unspent && f_mine && !overtaken;
    assign f_offered = known && fire_symidx[SYM_LOG2-1:0] == f_symidx;
    assign f_room_word = r_sell ? f_sell_word : f_buy_word;
    always @(posedge clk) begin
        if (limit_we && write_at == f_symidx) begin
            f_limit_word <= limit_word;
            f_collar_word <= sweep ? {17'd10000, 14'd10000} : {w_up, w_down};
        end
        if (buy_we && room_at == f_symidx)
            f_buy_word <= buy_word;
        if (sell_we && room_at == f_symidx)
            f_sell_word <= sell_word;
    end
`ifdef YOSYS
    always @(posedge clk) begin
        if (read_at == f_symidx) assume(collar == f_collar_word);
        if (f_started && $past(read_at == f_symidx)) begin
            if (!$past(limit_we && write_at == f_symidx)) assume(limits == $past(f_limit_word));
            if (!$past(buy_we && room_at == f_symidx)) assume(buy_room == $past(f_buy_word));
            if (!$past(sell_we && room_at == f_symidx)) assume(sell_room == $past(f_sell_word));
        end
    end
`endif
    always @(posedge clk) if (f_started && !$past(rst) && !rst) begin
        // What the RAMs hold is what the host set and the passed orders left.
        assert(ready == !sweep);
        assert(!(sweep && (judges || pass_valid || reject_valid || unspent)));
        if (f_swept) begin
            assert(f_limit_word == {f_enable, f_max_quantity, f_max_notional});
            assert(f_collar_word == {f_up, f_down});
            assert(f_buy_word == f_buy + (f_unspent && !r_sell ? f_quantity : 32'd0));
            assert(f_sell_word == f_sell + (f_unspent && r_sell ? f_quantity : 32'd0));
        end else begin
            assert({f_enable, f_max_quantity, f_max_notional} == {LIMIT_W{1'b0}} && f_buy == 32'd0 && f_sell == 32'd0);
            assert({f_up, f_down} == {17'd10000, 14'd10000});
        end
        if (judges || pass_valid || reject_valid || unspent) begin
            assert(r_symidx == f_order && r_sell == f_sells);
            assert(f_known == (SYM_LOG2 == 10 || f_order < (1 << SYM_LOG2)) && f_mine == (f_known && f_order[SYM_LOG2-1:0] == f_symidx));
            if (f_mine) assert(overtaken == f_newer);
            if (f_mine && !overtaken) assert(r_room_left == f_room_word - f_quantity);
        end
        if (unspent) assert(f_known && !f_on);
        // The multipliers were given the offered quote and its symbol's collar.
        if (take && f_offered) begin
            assert($past(x_ask) == fire_ask && $past(x_bid) == fire_bid);
            assert($past(x_up_low) == f_up && $past(x_up_high) == f_up);
            assert($past(x_down_low) == f_down && $past(x_down_high) == f_down);
        end
        if (f_on && f_mine) assert(f_read == f_limits);
        assert(!(pass_valid && reject_valid));
        assert(judges == (f_on && !f_age));
        assert((pass_valid || reject_valid) == (f_on && f_age));
        if (fire_valid && fire_ready) assert(f_past2 && f_since == 2'd3);
        assert(f_wrote == (w_valid && writes && w_symidx[SYM_LOG2-1:0] == f_symidx));
        if (judges || pass_valid || reject_valid) assert(r_slot == f_slot);
        if (pass_valid) begin
            assert(!$past(cfg_kill));
            assert(f_good && f_allowed && f_far && f_known && f_read && f_collar && f_fresh);
            if (f_mine) assert(f_limits);
            assert(out_reasons == 0);
            assert(out_slot == f_slot);
        end
        if (reject_valid) assert(out_reasons != 0);
        if (judges) begin
            if (!f_good) assert(s_reasons[R_ORDER]);
            if (!f_far) assert(s_reasons[R_REFERENCE]);
            if (!f_known) assert(s_reasons[R_DISABLED]);
            if (!f_allowed) assert(|{s_reasons[R_KILL], s_reasons[R_DISABLED], s_reasons[R_SESSION], s_reasons[R_STALE],
                                     s_reasons[R_HALTED], s_reasons[R_RATE]});
            if (!f_read)
                assert(|{s_reasons[R_DISABLED], s_reasons[R_QUANTITY], s_reasons[R_NOTIONAL], s_reasons[R_POSITION]});
            assert(f_collar == !over_collar);
            assert(f_fresh == !duplicate);
        end
        cover(pass_valid);
        cover(pass_valid && $past(direct_read, 2));
        cover(pass_valid && f_mine && f_newer);
        cover(reject_valid && out_reasons == 16'd128);
    end
`endif
endmodule
`default_nettype wire
