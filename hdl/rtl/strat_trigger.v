// Triggers: each of 2^SLOTS_LOG2 slots waits for the best bid or ask of one symbol to reach a price, and fires once.
// Latency: ev_valid to fire_valid 2 cycles when nothing is before it; look_slot shows the slot one cycle earlier, so that its
// order is read meanwhile. A command acts one cycle after it came. Throughput: one record per cycle; slots met by one record
// fire one after the other, the lowest first, those of an earlier record before those of a later one, each with its quote.
// Overflow: none; a met slot waits with its quote until the gate takes it, and cannot be armed again before that.
// A slot leaves the armed state exactly once: fired, expired or disarmed. A disarm that acts in the very cycle of the record
// that meets the condition wins. Only a record that changed the best bid or ask counts, as in the software: a trigger whose
// condition already holds waits for the next change.
`default_nettype none
module strat_trigger #(
    parameter SLOTS_LOG2 = 4
) (
    input  wire        clk,
    input  wire        rst,
    input  wire [47:0] now,             // free-running cycle counter
    input  wire        cmd_valid,
    input  wire        cmd_arm,         // 1: arm with the fields below, only a slot that is free; 0: disarm
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
    output wire [SLOTS_LOG2-1:0] look_slot, // fires next, if anything does, in a cycle without fire_valid
    output wire        look_direct,     // its record was on ev_* in the cycle before, and nothing was offered then
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

    // Commands, a cycle later: "at or above" becomes "above one less", "at or below" becomes "not above".
    reg                  c_arm;
    reg                  c_disarm;
    reg [SLOTS_LOG2-1:0] c_slot;
    reg [9:0]            c_symidx;
    reg                  c_on_ask;
    reg                  c_above;
    reg [31:0]           c_threshold;
    reg                  c_expires;
    reg [47:0]           c_expire;
    reg [47:0]           next; // cycle after this one
    wire                 c_late;
    always @(posedge clk) begin
        c_arm <= cmd_valid && cmd_arm && cmd_condition != 3'd0 && cmd_condition <= 3'd4 && cmd_price != 32'd0 && !rst;
        c_disarm <= cmd_valid && !cmd_arm && !rst;
        c_slot <= cmd_slot;
        c_symidx <= cmd_symidx;
        c_on_ask <= cmd_condition >= 3'd3;
        c_above <= cmd_condition[0];
        c_threshold <= cmd_price - {31'd0, cmd_condition[0]};
        c_expires <= cmd_expire != 48'd0;
        c_expire <= cmd_expire;
        next <= now + 48'd2;
    end
    assign c_late = c_expires && !(next < c_expire);

    // The slots: a bit of each in every vector. is_armed falls a cycle after its slot was met.
    reg  [SLOTS-1:0]   is_armed;
    reg  [SLOTS-1:0]   is_busy;    // met, and the gate has not taken it yet
    reg  [SLOTS-1:0]   is_fired;
    reg  [SLOTS-1:0]   is_expired;
    reg  [SLOTS-1:0]   is_disarmed;
    reg  [SLOTS-1:0]   late;       // this cycle is its expiry, or past it when it was armed
    reg  [SLOTS-1:0]   on_ask;
    reg  [SLOTS-1:0]   above;
    reg  [SLOTS-1:0]   expires;
    (* ram_style = "registers" *)  // all are read at once
    reg  [9:0]         symidx [0:SLOTS-1];
    (* ram_style = "registers" *)
    reg  [31:0]        threshold [0:SLOTS-1];
    (* ram_style = "registers" *)
    reg  [47:0]        expire [0:SLOTS-1];
    reg  [SLOTS-1:0]   m_mask;     // met by the record of the cycle before
    wire [SLOTS-1:0]   c_one;
    wire [SLOTS-1:0]   waits;
    wire [SLOTS-1:0]   stands;
    wire [SLOTS-1:0]   due;
    wire [SLOTS-1:0]   arms;
    wire [SLOTS-1:0]   disarms;
    wire [SLOTS-1:0]   taken;
    wire [SLOTS-1:0]   runs_out;
    assign c_one = {{(SLOTS-1){1'b0}}, 1'b1} << c_slot;
    assign waits = is_armed & ~m_mask;
    assign stands = waits & ~late & ~disarms;
    assign due = waits & expires;
    assign arms = (c_arm ? c_one : {SLOTS{1'b0}}) & ~is_armed & ~is_busy;
    assign disarms = c_disarm ? c_one : {SLOTS{1'b0}};
    assign taken = {{(SLOTS-1){1'b0}}, fire_valid && fire_ready} << fire_slot;
    assign runs_out = waits & late;
    assign armed = waits;
    assign fired = is_fired | m_mask;
    assign expired = is_expired;
    assign disarmed = is_disarmed;
    integer k;
    always @(posedge clk) begin
        if (rst) begin
            is_armed <= {SLOTS{1'b0}};
            is_busy <= {SLOTS{1'b0}};
            is_fired <= {SLOTS{1'b0}};
            is_expired <= {SLOTS{1'b0}};
            is_disarmed <= {SLOTS{1'b0}};
            late <= {SLOTS{1'b0}};
        end else begin
            is_armed <= (is_armed & ~(m_mask | late | disarms)) | arms;
            is_busy <= (is_busy & ~taken) | m_mask;
            is_fired <= (is_fired | m_mask) & ~arms;
            is_expired <= (is_expired | runs_out) & ~arms;
            is_disarmed <= (is_disarmed | (disarms & waits & ~late)) & ~arms;
            late <= c_late ? arms : {SLOTS{1'b0}};
            for (k = 0; k < SLOTS; k = k + 1)
                if (due[k] && next == expire[k])
                    late[k] <= 1'b1;
        end
        if (arms != {SLOTS{1'b0}}) begin
            symidx[c_slot] <= c_symidx;
            threshold[c_slot] <= c_threshold;
            expire[c_slot] <= c_expire;
            on_ask[c_slot] <= c_on_ask;
            above[c_slot] <= c_above;
            expires[c_slot] <= c_expires;
        end
    end

    // The record of the cycle before and the slots that it met.
    reg  [QUOTE_W-1:0] m_quote;
    reg                m_first; // nothing was offered in its cycle
    wire               m_any;
    wire               m_many;
    wire [SLOTS-1:0]   m_rest;
    wire               counts;
    wire               bid_some;
    wire               ask_some;
    assign counts = ev_valid && ev_row && ev_changed;
    assign bid_some = ev_bid != 32'd0;
    assign ask_some = ev_ask != 32'd0;
    always @(posedge clk) begin
        m_mask <= {SLOTS{1'b0}};
        if (counts && !rst)
            for (k = 0; k < SLOTS; k = k + 1)
                if (stands[k] && ev_symidx == symidx[k] && (on_ask[k] ? ask_some : bid_some))
                    m_mask[k] <= (on_ask[k] ? threshold[k] < ev_ask : threshold[k] < ev_bid) == above[k];
        m_quote <= {ev_symidx, ev_bid, ev_ask, ev_stale, ev_halted, ev_rx_cycle};
        m_first <= !fire_valid;
    end

    // What could not be offered at once: the head, and behind it a queue with a place for each slot.
    reg                  h_any;
    reg  [SLOTS-1:0]     h_mask;
    reg  [QUOTE_W-1:0]   h_quote;
    wire                 h_many;
    wire [SLOTS-1:0]     h_rest;
    reg  [QUOTE_W-1:0]   queue_quote [0:SLOTS-1];
    reg  [SLOTS-1:0]     queue_mask [0:SLOTS-1];
    reg  [SLOTS_LOG2:0]  put;
    reg  [SLOTS_LOG2:0]  get;
    wire [SLOTS_LOG2:0]  put_next;
    wire [SLOTS_LOG2:0]  get_next;
    wire                 q_one;    // one alone, if any
    reg                  q_any;
    wire                 direct;
    wire                 push;
    wire                 pop;
    wire                 free;
    wire                 picks;
    wire                 none;
    wire [SLOTS-1:0]     pick_mask;
    assign direct = !h_any && !q_any;
    assign push = m_any && !direct;
    assign pop = !h_any && q_any;
    assign free = !fire_valid;
    assign look_direct = free && direct && m_first;
    assign picks = free && (h_any || direct) && !none;
    assign pick_mask = h_any ? h_mask : m_mask;
    assign put_next = put + {{SLOTS_LOG2{1'b0}}, 1'b1};
    assign get_next = get + {{SLOTS_LOG2{1'b0}}, 1'b1};
    assign q_one = put == get_next;
    assign m_any = |m_mask;
    assign m_rest = m_mask & (m_mask - {{(SLOTS-1){1'b0}}, 1'b1}); // all but the lowest
    assign h_rest = h_mask & (h_mask - {{(SLOTS-1){1'b0}}, 1'b1});
    assign m_many = |m_rest;
    assign h_many = |h_rest;
    prio64 #(.LOG2(SLOTS_LOG2)) pick (.bits(pick_mask), .index(look_slot), .none(none));
    always @(posedge clk) begin
        if (rst) begin
            h_any <= 1'b0;
            put <= {(SLOTS_LOG2+1){1'b0}};
            get <= {(SLOTS_LOG2+1){1'b0}};
            q_any <= 1'b0;
        end else begin
            if (direct)
                h_any <= free ? m_many : m_any;
            else
                h_any <= h_any ? !free || h_many : 1'b1;
            if (push)
                put <= put_next;
            if (pop)
                get <= get_next;
            q_any <= push || (q_any && !(pop && q_one));
        end
        if (direct) begin
            h_mask <= free ? m_rest : m_mask;
            h_quote <= m_quote;
        end else if (pop) begin
            h_mask <= queue_mask[get[SLOTS_LOG2-1:0]];
            h_quote <= queue_quote[get[SLOTS_LOG2-1:0]];
        end else if (free)
            h_mask <= h_rest;
        if (push) begin
            queue_mask[put[SLOTS_LOG2-1:0]] <= m_mask;
            queue_quote[put[SLOTS_LOG2-1:0]] <= m_quote;
        end
    end

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
    wire [SLOTS-1:0] f_busy;
    genvar s;
    generate
        for (s = 0; s < SLOTS; s = s + 1) begin : f_slots
            // What makes the induction close: the slot holds what the observer saw it armed with.
            always @(posedge clk) if (f_started && !rst && f_slot == s && waits[s]) begin
                assert(symidx[s] == f_symidx && threshold[s] == f_price - {31'd0, f_condition[0]});
                assert(expire[s] == f_expire && expires[s] == (f_expire != 0));
                assert(f_condition != 0 && f_condition <= 4 && f_price != 0);
                assert(on_ask[s] == (f_condition >= 3) && above[s] == f_condition[0]);
                assert(late[s] == (expire[s] != 0 && now >= expire[s]));
            end
            // A met slot is in exactly one place until the gate has taken it.
            wire [SLOTS_LOG2+2:0] places [0:SLOTS];
            genvar q;
            assign places[0] = {{(SLOTS_LOG2+2){1'b0}}, h_any && h_mask[s]} + {{(SLOTS_LOG2+2){1'b0}}, m_mask[s]}
                + {{(SLOTS_LOG2+2){1'b0}}, fire_valid && fire_slot == s};
            for (q = 0; q < SLOTS; q = q + 1) begin : f_places
                wire [SLOTS_LOG2-1:0] after;
                assign after = q - get[SLOTS_LOG2-1:0];
                assign places[q + 1] = places[q] + {{(SLOTS_LOG2+2){1'b0}}, {1'b0, after} < put - get && queue_mask[q][s]};
            end
            assign f_busy[s] = is_busy[s] || m_mask[s];
            always @(posedge clk) if (f_started && !rst) begin
                assert(places[SLOTS] == f_busy[s]);
                assert(!(is_busy[s] && is_armed[s]));
                assert(!(m_mask[s] && !is_armed[s]));
            end
        end
    endgenerate
`endif

    always @(posedge clk) begin
        if (rst)
            fire_valid <= 1'b0;
        else
            fire_valid <= fire_valid ? !fire_ready : picks;
        if (free) begin
            fire_slot <= look_slot;
            {fire_symidx, fire_bid, fire_ask, fire_stale, fire_halted, fire_rx_cycle} <= h_any ? h_quote : m_quote;
        end
        stat_fired <= picks && !rst;
        stat_expired <= |runs_out && !rst;
    end

`ifdef FORMAL
    // For any one slot: fired at most once for each time it was armed, never after a disarm or its expiry.
    reg         r_valid;    // the command as it came, one cycle later
    reg         r_arm;
    reg  [SLOTS_LOG2-1:0] r_slot;
    reg  [9:0]  r_symidx;
    reg  [2:0]  r_condition;
    reg  [31:0] r_price;
    reg  [47:0] r_expire;
    wire        f_armed;
    wire        f_disarmed;
    wire        f_out;
    wire [31:0] f_best;
    wire        f_hit;
    always @(posedge clk) begin
        r_valid <= cmd_valid && !rst;
        r_arm <= cmd_arm;
        r_slot <= cmd_slot;
        r_symidx <= cmd_symidx;
        r_condition <= cmd_condition;
        r_price <= cmd_price;
        r_expire <= cmd_expire;
    end
    reg         f_owed;     // met, and the gate has not taken it
    assign f_armed = r_valid && r_arm && r_slot == f_slot && !armed[f_slot] && !f_owed && r_condition != 0 && r_condition <= 4
        && r_price != 0;
    assign f_disarmed = r_valid && !r_arm && r_slot == f_slot;
    assign f_out = fire_valid && fire_ready && fire_slot == f_slot;
    assign f_best = f_condition >= 3 ? ev_ask : ev_bid;
    assign f_hit = f_may && !(f_expire != 0 && now >= f_expire) && !f_disarmed && ev_valid && ev_row && ev_changed
        && ev_symidx == f_symidx && f_best != 0 && (f_condition[0] ? f_best >= f_price : f_best <= f_price);
    reg [1:0]   f_fires;    // taken by the gate since it was armed
    always @(posedge clk) begin
        if (rst) begin
            f_may <= 1'b0;
            f_owed <= 1'b0;
            f_fires <= 2'd0;
        end else begin
            if (f_armed) begin
                f_may <= 1'b1;
                f_expire <= r_expire;
                f_symidx <= r_symidx;
                f_price <= r_price;
                f_condition <= r_condition;
                f_fires <= 2'd0;
            end else begin
                if (f_hit || f_disarmed || (f_may && f_expire != 0 && now >= f_expire))
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
        assume(now < 48'h800000000000); // it does not wrap in the card's life
    end
`endif
    wire [SLOTS_LOG2:0] f_level;
    assign f_level = put - get;
    genvar q;
    generate
        for (q = 0; q < SLOTS; q = q + 1) begin : f_entries
            wire [SLOTS_LOG2-1:0] after;
            assign after = q - get[SLOTS_LOG2-1:0];
            always @(posedge clk) if (f_started && !rst && {1'b0, after} < f_level) assert(queue_mask[q] != 0);
        end
    endgenerate
    always @(posedge clk) if (f_started && !rst) begin
        assert(next == now + 48'd1);
        assert(c_arm == (r_valid && r_arm && r_condition != 0 && r_condition <= 4 && r_price != 0));
        assert(c_disarm == (r_valid && !r_arm));
        if (r_valid) begin
            assert(c_slot == r_slot && c_symidx == r_symidx && c_expire == r_expire && c_expires == (r_expire != 0));
            assert(c_on_ask == (r_condition >= 3) && c_above == r_condition[0]);
            assert(c_threshold == r_price - {31'd0, r_condition[0]});
        end
        assert(f_level <= SLOTS && q_any == (f_level != 0));
        if (h_any) assert(h_mask != 0);
        assert(f_may == armed[f_slot]);
        assert(f_owed == f_busy[f_slot]);
        if (f_out) begin
            assert(f_owed);
            assert(f_fires == 2'd0);
        end
        if (armed[f_slot]) assert(f_fires == 2'd0 && !f_owed);
        if (f_owed) assert(f_fires == 2'd0);
        if ($past(fire_valid && !fire_ready && !rst) && !$past(rst)) assert(fire_valid && $stable(fire_slot) && $stable(fire_bid));
        cover(f_out);
        cover(f_out && fire_slot == 1 && h_any);
        cover(f_out && q_any && f_level == 2);
        cover(expired[f_slot]);
        cover(disarmed[f_slot]);
    end
`endif
endmodule
`default_nettype wire
