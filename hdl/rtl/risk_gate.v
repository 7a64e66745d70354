// The last look at an order before its bytes leave: all checks at once, every one must pass, and nothing bypasses them.
// Latency: fire_valid taken to pass_valid or reject_valid, 3 cycles. Throughput: one order per 5 cycles (`fire_ready` falls
// while one is looked at, and while the encoder is sending). Overflow: none.
// Fail closed: after reset the kill switch is on and every limit is 0, so nothing passes; a reason bit is 1 for each check
// that failed. The order's fields come from the encoder's own template, so that what is checked is what is sent.
`default_nettype none
module risk_gate #(
    parameter SYM_LOG2 = 8,
    parameter SLOTS_LOG2 = 4,
    parameter DUP_LOG2 = 3      // orders remembered by the duplicate check
) (
    input  wire        clk,
    input  wire        rst,
    output reg         ready,           // limits are cleared
    input  wire [47:0] now,
    input  wire        cfg_kill,
    input  wire        cfg_trade,       // trading enabled
    input  wire        cfg_session,     // the host has an order session that takes bytes
    input  wire        cfg_all_stale,
    input  wire [31:0] cfg_rate_period, // cycles per order allowed; 0: none is
    input  wire [15:0] cfg_rate_burst,
    input  wire [47:0] cfg_dup_window,  // cycles in which the same order is refused; 0: check off
    input  wire        limit_write,     // the host sets a symbol's limits
    input  wire [9:0]  limit_symidx,
    input  wire        limit_enable,
    input  wire [31:0] limit_quantity,  // shares of one order
    input  wire [63:0] limit_notional,  // price x shares of one order, 1/10000 dollar
    input  wire [15:0] limit_collar,    // bps through the far side
    input  wire [31:0] limit_buy_room,  // shares that may still be bought; every order passed takes its own off
    input  wire [31:0] limit_sell_room,
    input  wire        fire_valid,
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
    output wire        busy,            // looks at held_slot
    output wire [SLOTS_LOG2-1:0] held_slot, // stays until the next order is taken
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
    localparam LIMIT_W = 1 + 32 + 64 + 16;
    localparam DUPS = 1 << DUP_LOG2;
    localparam ORDER_W = 10 + 1 + 32 + 32;

    // One order at a time.
    reg        busy1;
    reg        busy2;
    reg        can_send;
    reg        passed;
    reg  [SLOTS_LOG2-1:0] r_slot;
    wire       take;
    assign fire_ready = ready && can_send && !busy1 && !busy2 && !pass_valid && !reject_valid && !passed;
    always @(posedge clk) begin
        can_send <= send_ready && !rst;
        passed <= pass_valid && !rst; // the encoder is no longer idle, but can_send does not say so yet
    end
    assign take = fire_valid && fire_ready;
    assign busy = take || busy1 || busy2;
    assign held_slot = take ? fire_slot : r_slot;

    // Limits by symbol; the rooms change with every order, so they are apart.
    reg                 sweep;
    reg  [SYM_LOG2-1:0] sweep_at;
    wire [LIMIT_W-1:0]  limits;
    wire [31:0]         buy_room;
    wire [31:0]         sell_room;
    wire                spend;
    reg  [9:0]          r_symidx;
    reg                 r_sell;
    reg  [31:0]         r_room_left;
    wire                known;   // the symbol index is in the table
    wire                writes;
    generate
        if (SYM_LOG2 == 10) begin : all_known
            assign known = 1'b1;
            assign writes = limit_write;
        end else begin : some_known
            assign known = r_symidx[9:SYM_LOG2] == 0;
            assign writes = limit_write && limit_symidx[9:SYM_LOG2] == 0;
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
    assign write_at = sweep ? sweep_at : limit_symidx[SYM_LOG2-1:0];
    ram_sdp #(.WIDTH(LIMIT_W), .DEPTH_LOG2(SYM_LOG2)) limit_ram (
        .clk(clk), .we(sweep || writes), .waddr(write_at),
        .wdata(sweep ? {LIMIT_W{1'b0}} : {limit_enable, limit_quantity, limit_notional, limit_collar}),
        .re(1'b1), .raddr(fire_symidx[SYM_LOG2-1:0]), .rdata(limits)
    );
    // A host's write in the cycle of an order's own is the newer.
    ram_sdp #(.WIDTH(32), .DEPTH_LOG2(SYM_LOG2)) buy_ram (
        .clk(clk), .we(sweep || writes || (spend && !r_sell)),
        .waddr(sweep || writes ? write_at : r_symidx[SYM_LOG2-1:0]),
        .wdata(sweep ? 32'd0 : writes ? limit_buy_room : r_room_left),
        .re(1'b1), .raddr(fire_symidx[SYM_LOG2-1:0]), .rdata(buy_room)
    );
    ram_sdp #(.WIDTH(32), .DEPTH_LOG2(SYM_LOG2)) sell_ram (
        .clk(clk), .we(sweep || writes || (spend && r_sell)),
        .waddr(sweep || writes ? write_at : r_symidx[SYM_LOG2-1:0]),
        .wdata(sweep ? 32'd0 : writes ? limit_sell_room : r_room_left),
        .re(1'b1), .raddr(fire_symidx[SYM_LOG2-1:0]), .rdata(sell_room)
    );

    // Stage 1: order, quote and limits are registered.
    reg  [31:0] r_bid;
    reg  [31:0] r_ask;
    reg         r_stale;
    reg         r_halted;
    reg         r_order;
    reg  [31:0] r_quantity;
    reg  [31:0] r_price;
    wire        limit_on;
    wire [31:0] limit_max_quantity;
    wire [63:0] limit_max_notional;
    wire [15:0] limit_bps;
    assign {limit_on, limit_max_quantity, limit_max_notional, limit_bps} = limits;
    always @(posedge clk) begin
        busy1 <= take && !rst;
        if (take) begin
            r_slot <= fire_slot;
            r_symidx <= fire_symidx;
            r_bid <= fire_bid;
            r_ask <= fire_ask;
            r_stale <= fire_stale;
            r_halted <= fire_halted;
            r_order <= order_valid && order_quantity != 32'd0 && order_quantity <= 32'd999999
                && order_price != 64'd0 && order_price <= 64'd1999999900;
            r_sell <= order_sell;
            r_quantity <= order_quantity;
            r_price <= order_price[31:0];
        end
    end

    // Stage 2: products and differences.
    wire [31:0] far;
    wire [31:0] room;
    reg  [63:0] s_notional;
    reg  [63:0] s_max_notional;
    reg  [31:0] s_through;  // how far the limit price goes through the far side
    reg  [47:0] s_collar;   // far x bps
    reg  [15:0] s_reasons;
    wire        duplicate;
    wire        token;
    wire        room_ok;
    assign far = r_sell ? r_bid : r_ask;
    assign room = r_sell ? sell_room : buy_room;
    assign room_ok = r_quantity <= room;
    always @(posedge clk) begin
        busy2 <= busy1 && !rst;
        s_notional <= {32'd0, r_quantity} * {32'd0, r_price};
        s_max_notional <= limit_max_notional;
        s_through <= r_sell ? (r_price < r_bid ? r_bid - r_price : 32'd0) : (r_price > r_ask ? r_price - r_ask : 32'd0);
        s_collar <= {16'd0, far} * {32'd0, limit_bps};
        r_room_left <= room - r_quantity;
        s_reasons <= 16'd0;
        s_reasons[R_KILL] <= cfg_kill;
        s_reasons[R_DISABLED] <= !cfg_trade || !limit_on || !known;
        s_reasons[R_QUANTITY] <= r_quantity > limit_max_quantity;
        s_reasons[R_POSITION] <= !room_ok;
        s_reasons[R_RATE] <= !token;
        s_reasons[R_DUPLICATE] <= duplicate;
        s_reasons[R_STALE] <= r_stale || cfg_all_stale;
        s_reasons[R_HALTED] <= r_halted;
        s_reasons[R_REFERENCE] <= far == 32'd0;
        s_reasons[R_ORDER] <= !r_order;
        s_reasons[R_SESSION] <= !cfg_session;
    end

    // Stage 3: the verdict. Kill is looked at once more.
    wire [15:0] reasons;
    wire        over_notional;
    wire        over_collar;
    wire [47:0] through_bps;
    assign over_notional = s_notional > s_max_notional;
    assign through_bps = {16'd0, s_through} * 48'd10000;
    assign over_collar = through_bps > s_collar;
    assign reasons = s_reasons | (over_notional ? 16'd1 << R_NOTIONAL : 16'd0) | (over_collar ? 16'd1 << R_COLLAR : 16'd0)
        | (cfg_kill ? 16'd1 << R_KILL : 16'd0);
    assign spend = busy2 && reasons == 16'd0;
    always @(posedge clk) begin
        pass_valid <= spend && !rst;
        reject_valid <= busy2 && reasons != 16'd0 && !rst;
        out_slot <= r_slot;
        out_reasons <= reasons;
    end

    // Rate: one token each period, at most a burst of them.
    reg  [15:0] tokens;
    reg  [31:0] period;
    wire        refill;
    assign token = tokens != 16'd0;
    assign refill = cfg_rate_period != 32'd0 && period >= cfg_rate_period;
    always @(posedge clk) begin
        if (rst) begin
            tokens <= 16'd0;
            period <= 32'd1;
        end else begin
            period <= refill ? 32'd1 : period + {31'd0, cfg_rate_period != 32'd0};
            if (tokens > cfg_rate_burst)
                tokens <= cfg_rate_burst;
            else if (spend && !refill)
                tokens <= tokens - 16'd1;
            else if (refill && !spend && tokens != cfg_rate_burst)
                tokens <= tokens + 16'd1;
        end
    end

    // Duplicates: the last orders that passed. When all are still in the window, nobody knows whether an older one was the
    // same: refused too.
    wire [DUPS-1:0]    same;
    wire [DUPS-1:0]    recent;
    reg  [DUP_LOG2-1:0] dup_at;
    wire [ORDER_W-1:0] order;
    assign order = {r_symidx, r_sell, r_quantity, r_price};
    assign duplicate = cfg_dup_window != 48'd0 && (|same || &recent);
    genvar d;
    generate
        for (d = 0; d < DUPS; d = d + 1) begin : dups
            reg               used;
            reg [ORDER_W-1:0] was;
            reg [47:0]        when;
            wire [47:0]       age;
            assign age = now - when;
            assign recent[d] = used && age < cfg_dup_window;
            assign same[d] = recent[d] && was == order;
            always @(posedge clk) begin
                if (rst)
                    used <= 1'b0;
                else if (spend && dup_at == d)
                    used <= 1'b1;
                if (spend && dup_at == d) begin
                    was <= order;
                    when <= now;
                end
            end
        end
    endgenerate
    always @(posedge clk)
        if (rst)
            dup_at <= {DUP_LOG2{1'b0}};
        else if (spend)
            dup_at <= dup_at + 1'b1;

`ifdef FORMAL
    // Never a pass when a check fails, the checks written down once more in their plainest form.
    reg f_started;
    initial f_started = 1'b0;
    always @(posedge clk) f_started <= 1'b1;
`ifdef YOSYS
    always @(posedge clk) if (!f_started) assume(rst);
`endif
    reg        f_on;       // an order was taken, its answer is still to come
    reg [1:0]  f_age;
    reg        f_sell;
    reg        f_good;
    reg [31:0] f_quantity;
    reg [31:0] f_price;
    reg [31:0] f_bid;
    reg [31:0] f_ask;
    reg        f_quote;
    reg [SLOTS_LOG2-1:0] f_slot;
    wire [31:0] f_far;
    assign f_far = f_sell ? f_bid : f_ask;
    always @(posedge clk) begin
        if (rst) begin
            f_on <= 1'b0;
            f_age <= 2'd0;
        end else begin
            if (fire_valid && fire_ready) begin
                f_on <= 1'b1;
                f_age <= 2'd1;
                f_sell <= order_sell;
                f_good <= order_valid && order_quantity >= 1 && order_quantity <= 999999 && order_price >= 1 && order_price <= 1999999900;
                f_quantity <= order_quantity;
                f_price <= order_price[31:0];
                f_bid <= fire_bid;
                f_ask <= fire_ask;
                f_quote <= !fire_stale && !fire_halted;
                f_slot <= fire_slot;
            end else if (f_on)
                f_age <= f_age + 2'd1;
            if (pass_valid || reject_valid)
                f_on <= 1'b0;
        end
    end
    always @(posedge clk) if (f_started && !$past(rst) && !rst) begin
        assert(!(pass_valid && reject_valid));
        assert(busy1 == (f_on && f_age == 2'd1));
        assert(busy2 == (f_on && f_age == 2'd2));
        assert((pass_valid || reject_valid) == (f_on && f_age == 2'd3));
        if (busy1 || busy2) begin
            assert(r_sell == f_sell && r_quantity == f_quantity && r_price == f_price && r_bid == f_bid && r_ask == f_ask);
            assert(r_order == f_good && r_slot == f_slot && (r_stale || r_halted) == !f_quote);
        end
        if (pass_valid) begin
            assert(!$past(cfg_kill) && !$past(cfg_kill, 2));
            assert($past(cfg_trade, 2) && $past(cfg_session, 2) && !$past(cfg_all_stale, 2));
            assert(f_good && f_quote);
            assert(f_far != 0);
            assert($past(limit_on, 2));
            assert(f_quantity <= $past(limit_max_quantity, 2));
            assert(f_quantity <= (f_sell ? $past(sell_room, 2) : $past(buy_room, 2)));
            assert($past(tokens, 2) != 0);
            assert(!$past(duplicate, 2));
            assert(out_reasons == 0);
            assert(out_slot == f_slot);
        end
        if (reject_valid) assert(out_reasons != 0);
        cover(pass_valid);
        cover(reject_valid && out_reasons == 16'd128);
    end
`endif
endmodule
`default_nettype wire
