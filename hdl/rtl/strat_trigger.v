// Triggers: each of 2^SLOTS_LOG2 slots waits for the best bid or ask of one symbol to reach a price, and fires once.
// Latency: ev_valid to fire_valid 1 cycle when the gate is free. Throughput: one record per cycle; slots met by one record
// fire one after the other, the lowest first, each with the quote of its record.
// Overflow: none; a met slot keeps its quote until the gate takes it.
// A slot is armed by a command and leaves that state exactly once: fired, expired or disarmed. A disarm in the very cycle
// in which the condition is met wins. Only a record that changed the best bid or ask counts, as in the
// software: a trigger whose condition already holds waits for the next change.
`default_nettype none
module strat_trigger #(
    parameter SLOTS_LOG2 = 4
) (
    input  wire        clk,
    input  wire        rst,
    input  wire [47:0] now,             // free-running cycle counter
    input  wire        cmd_valid,
    input  wire        cmd_arm,         // 1: arm with the fields below, only a slot that is not armed; 0: disarm
    input  wire [SLOTS_LOG2-1:0] cmd_slot,
    input  wire [9:0]  cmd_symidx,
    input  wire [2:0]  cmd_condition,   // 1 bid at or above, 2 bid at or below, 3 ask at or above, 4 ask at or below
    input  wire [31:0] cmd_price,       // 1/10000 dollar, not 0
    input  wire [47:0] cmd_expire,      // fires in no cycle from this one on; 0: never expires
    input  wire        ev_valid,
    input  wire        ev_row,
    input  wire        ev_changed, // best bid or ask differs from the symbol's record before
    input  wire        ev_stale,
    input  wire        ev_halted,
    input  wire [9:0]  ev_symidx,
    input  wire [31:0] ev_bid,
    input  wire [31:0] ev_ask,
    input  wire [31:0] ev_rx_cycle,
    output reg         fire_valid,      // stays until taken
    input  wire        fire_ready,
    output reg  [SLOTS_LOG2-1:0] fire_slot,
    output reg  [9:0]  fire_symidx,
    output reg  [31:0] fire_bid,
    output reg  [31:0] fire_ask,
    output reg         fire_stale,
    output reg         fire_halted,
    output reg  [31:0] fire_rx_cycle,
    output wire [(1<<SLOTS_LOG2)-1:0] armed,
    output wire [(1<<SLOTS_LOG2)-1:0] fired,    // since it was last armed, and so below
    output wire [(1<<SLOTS_LOG2)-1:0] expired,
    output wire [(1<<SLOTS_LOG2)-1:0] disarmed,
    output reg         stat_fired,
    output reg         stat_expired
);
    localparam SLOTS = 1 << SLOTS_LOG2;
    localparam QUOTE_W = 10 + 32 + 32 + 1 + 1 + 32;

    wire [QUOTE_W-1:0] quote;
    wire [SLOTS-1:0]   met;
    wire [SLOTS-1:0]   runs_out;
    wire [SLOTS-1:0]   waits;      // met, not yet given to the gate
    wire [SLOTS-1:0]   candidates;
    wire [SLOTS-1:0]   chosen;
    wire [QUOTE_W-1:0] slot_quote [0:SLOTS-1];
    wire [QUOTE_W-1:0] quote_or [0:SLOTS-1];
    wire [SLOTS_LOG2-1:0] first;
    wire               none;
    wire               free;
    assign quote = {ev_symidx, ev_bid, ev_ask, ev_stale, ev_halted, ev_rx_cycle};
    assign candidates = waits | met;
    assign free = !fire_valid || fire_ready;
    prio64 #(.LOG2(SLOTS_LOG2)) pick (.bits(candidates), .index(first), .none(none));

`ifdef FORMAL
    reg f_started;
    initial f_started = 1'b0;
    always @(posedge clk) f_started <= 1'b1;
    (* anyconst *) reg [SLOTS_LOG2-1:0] f_slot;
    reg        f_may;       // armed and not fired since
    reg [47:0] f_expire;
    reg [9:0]  f_symidx;
    reg [31:0] f_price;
    reg [2:0]  f_condition;
`endif
    genvar s;
    generate
        for (s = 0; s < SLOTS; s = s + 1) begin : slots
            reg               is_armed;
            reg               is_waiting;
            reg               is_fired;
            reg               is_expired;
            reg               is_disarmed;
            reg               late;      // the next cycle is at or past the expiry
            reg [9:0]         symidx;
            reg               on_ask;
            reg               above;
            reg [31:0]        price;
            reg [47:0]        expire;
            reg [QUOTE_W-1:0] held;
            wire              mine;
            wire              arm;
            wire              disarm;
            wire [31:0]       best;
            wire [47:0]       next;
            assign mine = cmd_valid && cmd_slot == s;
            assign arm = mine && cmd_arm && !is_armed && !is_waiting && cmd_condition != 3'd0 && cmd_condition <= 3'd4 && cmd_price != 32'd0;
            assign disarm = mine && !cmd_arm;
            assign best = on_ask ? ev_ask : ev_bid;
            assign next = now + 48'd1;
            assign met[s] = is_armed && !late && !disarm && ev_valid && ev_row && ev_changed && ev_symidx == symidx
                && best != 32'd0 && (above ? best >= price : best <= price);
            assign runs_out[s] = is_armed && late;
            assign waits[s] = is_waiting;
            assign chosen[s] = free && !none && first == s;
            assign slot_quote[s] = is_waiting ? held : quote;
            if (s == 0) begin : lowest
                assign quote_or[s] = first == s ? slot_quote[s] : {QUOTE_W{1'b0}};
            end else begin : higher
                assign quote_or[s] = quote_or[s - 1] | (first == s ? slot_quote[s] : {QUOTE_W{1'b0}});
            end
            assign armed[s] = is_armed;
            assign fired[s] = is_fired;
            assign expired[s] = is_expired;
            assign disarmed[s] = is_disarmed;
            always @(posedge clk) begin
                if (rst) begin
                    is_armed <= 1'b0;
                    is_waiting <= 1'b0;
                    is_fired <= 1'b0;
                    is_expired <= 1'b0;
                    is_disarmed <= 1'b0;
                    late <= 1'b0;
                end else begin
                    if (arm)
                        is_armed <= 1'b1;
                    else if (met[s] || runs_out[s] || disarm)
                        is_armed <= 1'b0;
                    is_waiting <= candidates[s] && !chosen[s];
                    if (arm) begin
                        is_fired <= 1'b0;
                        is_expired <= 1'b0;
                        is_disarmed <= 1'b0;
                    end else begin
                        if (met[s])
                            is_fired <= 1'b1;
                        if (runs_out[s])
                            is_expired <= 1'b1;
                        if (disarm && is_armed && !late)
                            is_disarmed <= 1'b1;
                    end
                    late <= arm ? cmd_expire != 48'd0 && next >= cmd_expire : is_armed && expire != 48'd0 && next >= expire;
                end
                if (arm) begin
                    symidx <= cmd_symidx;
                    on_ask <= cmd_condition >= 3'd3;
                    above <= cmd_condition[0];
                    price <= cmd_price;
                    expire <= cmd_expire;
                end
                if (met[s])
                    held <= quote;
            end
`ifdef FORMAL
            // What makes the induction close: the slot holds what the observer saw it armed with.
            always @(posedge clk) if (f_started && !rst && f_slot == s && is_armed) begin
                assert(symidx == f_symidx && price == f_price && expire == f_expire);
                assert(f_condition != 0 && f_condition <= 4 && price != 0);
                assert(on_ask == (f_condition >= 3) && above == f_condition[0]);
                assert(late == (expire != 0 && now >= expire));
            end
`endif
        end
    endgenerate

    always @(posedge clk) begin
        if (rst)
            fire_valid <= 1'b0;
        else if (free)
            fire_valid <= !none;
        if (free) begin
            fire_slot <= first;
            {fire_symidx, fire_bid, fire_ask, fire_stale, fire_halted, fire_rx_cycle} <= quote_or[SLOTS - 1];
        end
        stat_fired <= free && !none && !rst;
        stat_expired <= |runs_out && !rst;
    end

`ifdef FORMAL
    // For any one slot: fired at most once for each time it was armed, never after a disarm or its expiry.
    reg        f_owed;      // met, and the gate has not seen it yet
    wire       f_armed;
    wire       f_out;
    wire [31:0] f_best;
    wire       f_hit;
    assign f_armed = cmd_valid && cmd_arm && cmd_slot == f_slot && !armed[f_slot] && !waits[f_slot]
        && cmd_condition != 0 && cmd_condition <= 4 && cmd_price != 0;
    assign f_out = fire_valid && fire_ready && fire_slot == f_slot;
    assign f_best = f_condition >= 3 ? ev_ask : ev_bid;
    assign f_hit = f_may && !(f_expire != 0 && now >= f_expire) && !(cmd_valid && !cmd_arm && cmd_slot == f_slot)
        && ev_valid && ev_row && ev_changed && ev_symidx == f_symidx && f_best != 0
        && (f_condition[0] ? f_best >= f_price : f_best <= f_price);
    reg [1:0] f_fires;      // at the gate since it was armed, not counting the present offer
    always @(posedge clk) begin
        if (rst) begin
            f_may <= 1'b0;
            f_owed <= 1'b0;
            f_fires <= 2'd0;
        end else begin
            if (f_armed) begin
                f_may <= 1'b1;
                f_expire <= cmd_expire;
                f_symidx <= cmd_symidx;
                f_price <= cmd_price;
                f_condition <= cmd_condition;
                f_fires <= 2'd0;
            end else begin
                if (f_hit || (cmd_valid && !cmd_arm && cmd_slot == f_slot) || (f_may && f_expire != 0 && now >= f_expire))
                    f_may <= 1'b0;
                if (f_out && f_fires != 2'd3)
                    f_fires <= f_fires + 2'd1;
            end
            if (f_hit)
                f_owed <= 1'b1;
            else if (f_out)
                f_owed <= 1'b0;
        end
    end
`ifdef YOSYS
    always @(posedge clk) begin
        if (!f_started) assume(rst);
        if (f_started) assume(now == $past(now) + 48'd1);
        assume(!now[47]); // it does not wrap in the card's life
    end
`endif
    // Two offers of one slot never overlap: the host arms a slot again after it has seen it taken.
    wire f_offered;
    assign f_offered = fire_valid && fire_slot == f_slot;
    always @(posedge clk) if (f_started && !rst) begin
        assume(!(f_armed && f_offered));
        assert(f_may == armed[f_slot]);
        assert(f_owed == (waits[f_slot] || f_offered));
        assert(!(waits[f_slot] && f_offered));
        if (f_out) begin
            assert(f_owed);
            assert(f_fires == 2'd0);
        end
        if (armed[f_slot]) assert(f_fires == 2'd0 && !f_owed);
        if (f_owed) assert(f_fires == 2'd0);
        if (f_started && $past(fire_valid && !fire_ready && !rst) && !$past(rst)) assert(fire_valid && $stable(fire_slot) && $stable(fire_bid));
        cover(f_out);
        cover(f_out && fire_slot == 1 && waits != 0);
        cover(expired[f_slot]);
        cover(disarmed[f_slot]);
    end
`endif
endmodule
`default_nettype wire
