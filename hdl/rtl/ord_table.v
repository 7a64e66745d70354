// Order table: reference -> {symbol, side, price, shares}. d-left hashing over TABLES x SLOTS block RAMs and a stash;
// a new order goes to the emptiest bucket, none is ever moved.
// Latency: buckets named by look_ref are read at once; the order of a message in stage c is on c_* in that stage, the
// verdict one cycle later on v_*; look_ref of a looked-up order is due 3 cycles before c, that of a new one 1 before c.
// Throughput: one message per 2 cycles; the last changes are forwarded, so the same reference may come back at once.
// Overflow: an order whose buckets and the stash are full is not stored: verdict BV_FULL; it is never silently lost.
// After reset 2^BUCKET_LOG2 cycles and five more clear the table (`ready` low). RAM_REG = 1 adds a register behind the RAM: look_ref
// is then due one cycle earlier.
`default_nettype none
`include "book_msg.vh"
`include "fp_records.vh"
module ord_table #(
    parameter TABLES = 4,        // at most 4
    parameter SLOTS = 4,
    parameter BUCKET_LOG2 = 12,
    parameter STASH_LOG2 = 4,
    parameter RAM_REG = 0
) (
    input  wire             clk,
    input  wire             rst,
    output reg              ready,
    input  wire [63:0]      look_ref,
    input  wire [63:0]      next_ref,   // reference of the message that enters stage c at the coming edge
    input  wire             c_valid,
    input  wire [`BM_W-1:0] c_msg,
    output wire [31:0]      c_price,    // the looked-up order, meaningful for E C X D U
    output wire [31:0]      c_shares,
    output wire             c_side,
    output reg              v_valid,
    output reg  [`BM_W-1:0] v_msg,
    output reg  [2:0]       v_verdict_look, // verdict without what only a new reference can break
    output reg  [7:0]       v_code_look,
    output wire [2:0]       v_verdict,
    output wire [7:0]       v_code,
    output reg  [31:0]      v_price,    // of the resting order
    output reg  [31:0]      v_shares,   // its shares before the message
    output reg              v_side,
    output wire             v_done,     // a looked-up order has nothing left
    output reg  [9:0]       v_owner,    // its symbol
    output reg  [31:0]      stat_live,  // orders in the table
    output reg  [31:0]      stat_peak,
    output reg  [STASH_LOG2:0] stat_stash // orders in the stash
);
    localparam WAYS = TABLES * SLOTS;
    localparam STASH = 1 << STASH_LOG2;
    localparam PLACES = WAYS + STASH;
    localparam EW = 139;         // {valid, side, symbol 10, price 31, shares 32, reference 64}
    localparam HISTORY = 5 + RAM_REG; // stages c+2 .. whose changes a read may not have seen
    localparam PW = 8;           // a place: number of way, or WAYS + number in the stash

    // Read: hash, RAM, compare. The stash is compared in the same cycle as the RAM's words.
    wire [BUCKET_LOG2-1:0] look_bucket [0:TABLES-1];
    wire [63:0]            p1_ref;
    wire [BUCKET_LOG2-1:0] p1_bucket [0:TABLES-1];
    reg  [63:0]            p1_ref_raw;
    reg  [BUCKET_LOG2-1:0] p1_bucket_raw [0:TABLES-1];
    wire [EW-1:0]          p1_entry [0:WAYS-1];
    wire [PLACES-1:0]      p1_hit;
    wire [WAYS-1:0]        p1_used;
    reg  [PLACES-1:0]      p2_hit;
    reg  [WAYS-1:0]        p2_used;
    reg  [EW-1:0]          p2_entry [0:WAYS-1];
    reg  [BUCKET_LOG2-1:0] p2_bucket [0:TABLES-1];
    reg  [EW-1:0]          stash [0:STASH-1];

    // Write.
    reg                    sweep;
    reg  [BUCKET_LOG2-1:0] sweep_at;
    reg  [3:0]             settled;
    wire                   write_valid;
    wire [PW-1:0]          write_place;
    wire [BUCKET_LOG2-1:0] write_bucket;
    wire [EW-1:0]          write_entry;

    always @(posedge clk) begin
        if (rst) begin
            sweep <= 1'b1;
            sweep_at <= {BUCKET_LOG2{1'b0}};
            settled <= 4'd0;
            ready <= 1'b0;
        end else begin
            sweep_at <= sweep_at + 1'b1;
            sweep <= sweep && !(&sweep_at);
            // A message that may come now was read for up to four cycles ago: those reads must have seen cleared buckets.
            settled <= {settled[2:0], !sweep};
            ready <= settled[3];
        end
    end

    genvar t;
    genvar k;
    generate
        for (t = 0; t < TABLES; t = t + 1) begin : tables
            ord_hash #(.TABLE(t), .BUCKET_LOG2(BUCKET_LOG2)) hash (.order_ref(look_ref), .bucket(look_bucket[t]));
            always @(posedge clk) begin
                p1_bucket_raw[t] <= look_bucket[t];
                p2_bucket[t] <= p1_bucket[t];
            end
            if (RAM_REG != 0) begin : late_bucket
                reg [BUCKET_LOG2-1:0] held;
                always @(posedge clk) held <= p1_bucket_raw[t];
                assign p1_bucket[t] = held;
            end else begin : same_bucket
                assign p1_bucket[t] = p1_bucket_raw[t];
            end
        end
        if (RAM_REG != 0) begin : late_ref
            reg [63:0] held;
            always @(posedge clk) held <= p1_ref_raw;
            assign p1_ref = held;
        end else begin : same_ref
            assign p1_ref = p1_ref_raw;
        end
        for (k = 0; k < WAYS; k = k + 1) begin : ways
            wire [EW-1:0] raw;
            ram_sdp #(.WIDTH(EW), .DEPTH_LOG2(BUCKET_LOG2)) ram (
                .clk(clk),
                .we(sweep || (write_valid && write_place == k)),
                .waddr(sweep ? sweep_at : write_bucket),
                .wdata(sweep ? {EW{1'b0}} : write_entry),
                .re(1'b1), .raddr(look_bucket[k / SLOTS]), .rdata(raw)
            );
            if (RAM_REG != 0) begin : late
                reg [EW-1:0] held;
                always @(posedge clk) held <= raw;
                assign p1_entry[k] = held;
            end else begin : same
                assign p1_entry[k] = raw;
            end
            assign p1_used[k] = p1_entry[k][EW-1];
            assign p1_hit[k] = p1_entry[k][EW-1] && p1_entry[k][63:0] == p1_ref;
            always @(posedge clk) p2_entry[k] <= p1_entry[k];
        end
        for (k = 0; k < STASH; k = k + 1) begin : stashes
            assign p1_hit[WAYS + k] = stash[k][EW-1] && stash[k][63:0] == p1_ref;
            always @(posedge clk)
                if (rst)
                    stash[k][EW-1] <= 1'b0;
                else if (write_valid && write_place == WAYS + k)
                    stash[k] <= write_entry;
        end
    endgenerate
    always @(posedge clk) begin
        p1_ref_raw <= look_ref;
        p2_hit <= p1_hit;
        p2_used <= p1_used;
    end

    // Select: the hit is one-hot, so the entry is an OR of masked entries.
    wire [EW-1:0]          masked [0:PLACES-1];
    wire [EW-1:0]          entry_or [0:PLACES-1];
    wire [PW-1:0]          place_or [0:PLACES-1];
    wire [BUCKET_LOG2-1:0] bucket_or [0:PLACES-1];
    generate
        for (k = 0; k < PLACES; k = k + 1) begin : picks
            wire [PW-1:0] number;
            assign number = k;
            if (k < WAYS) begin : way
                assign masked[k] = p2_hit[k] ? p2_entry[k] : {EW{1'b0}};
                assign bucket_or[k] = (p2_hit[k] ? p2_bucket[k / SLOTS] : {BUCKET_LOG2{1'b0}})
                    | (k == 0 ? {BUCKET_LOG2{1'b0}} : bucket_or[k == 0 ? 0 : k - 1]);
            end else begin : stashed
                assign masked[k] = p2_hit[k] ? stash[k - WAYS] : {EW{1'b0}};
                assign bucket_or[k] = bucket_or[k - 1];
            end
            if (k == 0) begin : first
                assign entry_or[k] = masked[k];
                assign place_or[k] = {PW{p2_hit[k]}} & number;
            end else begin : rest
                assign entry_or[k] = entry_or[k - 1] | masked[k];
                assign place_or[k] = place_or[k - 1] | ({PW{p2_hit[k]}} & number);
            end
        end
    endgenerate
    reg                   p3_hit;
    reg [EW-1:0]          p3_entry;
    reg [PW-1:0]          p3_place;
    reg [BUCKET_LOG2-1:0] p3_bucket;
    always @(posedge clk) begin
        p3_hit <= |p2_hit;
        p3_entry <= entry_or[PLACES - 1];
        p3_place <= place_or[PLACES - 1];
        p3_bucket <= bucket_or[PLACES - 1];
    end

    // The last changes, by age: index i is the message in stage c+2+i. `was` is the order it looked up, as the message
    // left it (live or gone); `put` the order it added.
    reg                   was_valid [0:HISTORY-1];
    reg                   was_live [0:HISTORY-1];
    reg [EW-1:0]          was_entry [0:HISTORY-1];
    reg [PW-1:0]          was_place [0:HISTORY-1];
    reg [BUCKET_LOG2-1:0] was_bucket [0:HISTORY-1];
    reg                   put_valid [0:HISTORY-1];
    reg [EW-1:0]          put_entry [0:HISTORY-1];
    reg [PW-1:0]          put_place [0:HISTORY-1];
    reg [BUCKET_LOG2-1:0] put_bucket [0:HISTORY-1];

    // Stage c: the order as RAM or a younger change has it. The references were compared one cycle ahead.
    reg  [63:0]           v_put_ref;
    reg  [HISTORY-1:0]    same_was;
    reg  [HISTORY-1:0]    same_put;
    wire [HISTORY:0]      chosen_hit;
    wire [EW-1:0]         chosen_entry [0:HISTORY];
    wire [PW-1:0]         chosen_place [0:HISTORY];
    wire [BUCKET_LOG2-1:0] chosen_bucket [0:HISTORY];
    assign chosen_hit[HISTORY] = p3_hit;
    assign chosen_entry[HISTORY] = p3_entry;
    assign chosen_place[HISTORY] = p3_place;
    assign chosen_bucket[HISTORY] = p3_bucket;
    genvar h;
    generate
        for (h = 0; h < HISTORY; h = h + 1) begin : ages
            wire is_put;
            wire is_was;
            assign is_put = put_valid[h] && same_put[h];
            assign is_was = was_valid[h] && same_was[h];
            assign chosen_hit[h] = is_put ? 1'b1 : is_was ? was_live[h] : chosen_hit[h + 1];
            assign chosen_entry[h] = is_put ? put_entry[h] : is_was ? was_entry[h] : chosen_entry[h + 1];
            assign chosen_place[h] = is_put ? put_place[h] : is_was ? was_place[h] : chosen_place[h + 1];
            assign chosen_bucket[h] = is_put ? put_bucket[h] : is_was ? was_bucket[h] : chosen_bucket[h + 1];
            if (h == 0) begin : young
                always @(posedge clk) begin
                    same_was[h] <= next_ref == v_msg[`BM_REF];
                    same_put[h] <= next_ref == v_put_ref;
                end
            end else begin : old
                always @(posedge clk) begin
                    same_was[h] <= next_ref == was_entry[h - 1][63:0];
                    same_put[h] <= next_ref == put_entry[h - 1][63:0];
                end
            end
        end
    endgenerate
    wire                   c_hit;
    wire [EW-1:0]          c_entry;
    wire [3:0]             c_op;
    wire                   c_look;
    wire                   c_adds;
    assign c_hit = chosen_hit[0];
    assign c_entry = chosen_entry[0];
    assign c_op = c_msg[`BM_OP];
    assign c_look = c_op == `BOP_EXEC || c_op == `BOP_CANCEL || c_op == `BOP_DELETE || c_op == `BOP_REPLACE;
    assign c_adds = c_op == `BOP_ADD || c_op == `BOP_REPLACE;
    assign c_shares = c_entry[95:64];
    assign c_price = {1'b0, c_entry[126:96]};
    assign c_side = c_entry[137];

    // Stage c -> v: everything that the looked-up order decides.
    wire [31:0] c_taken;
    wire        c_all;
    wire        c_bad_price;
    reg  [2:0]  c_verdict;
    reg  [7:0]  c_code;
    assign c_taken = c_msg[`BM_SHARES];
    assign c_all = c_op == `BOP_DELETE || c_op == `BOP_REPLACE || c_taken == c_shares;
    assign c_bad_price = c_msg[`BM_PRICE] == 32'd0 || c_msg[`BM_PRICE] > `FP_PRICE_MAX;
    always @* begin
        c_verdict = `BV_OK;
        c_code = c_msg[`BM_CODE];
        if (c_op == `BOP_FAULT)
            c_verdict = `BV_CONTRA;
        else if (c_look) begin
            c_code = `FP_E_BAD_FIELD;
            if (!c_hit)
                c_verdict = `BV_UNKNOWN;
            else if (c_entry[136:127] != c_msg[`BM_SYM])
                c_verdict = `BV_WRONG;
            else if (c_op == `BOP_REPLACE) begin
                if (c_taken == 32'd0 || c_bad_price)
                    c_verdict = `BV_CONTRA;
            end else if (c_op != `BOP_DELETE) begin
                if (c_taken == 32'd0)
                    c_verdict = `BV_DROP;
                else if (c_taken > c_shares)
                    c_verdict = `BV_CONTRA;
                else if (c_msg[`BM_TYPE] == `FP_EV_EXECUTED_PRICE && c_bad_price)
                    c_verdict = `BV_CONTRA;
            end
        end
    end
    reg                    v_look;
    reg                    v_adds;
    reg                    v_live;
    reg  [EW-1:0]          v_after;
    reg  [PW-1:0]          v_place;
    reg  [BUCKET_LOG2-1:0] v_bucket;
    always @(posedge clk) begin
        v_valid <= c_valid && !rst;
        v_msg <= c_msg;
        v_verdict_look <= c_verdict;
        v_code_look <= c_code;
        v_price <= c_price;
        v_shares <= c_shares;
        v_side <= c_look ? c_side : c_msg[`BM_SIDE];
        v_owner <= c_entry[136:127];
        v_look <= c_look;
        v_adds <= c_adds;
        v_live <= !c_all;
        v_after <= {!c_all, c_entry[137:96], c_shares - c_taken, c_msg[`BM_REF]};
        v_place <= chosen_place[0];
        v_bucket <= chosen_bucket[0];
        v_put_ref <= c_op == `BOP_ADD ? c_msg[`BM_REF] : c_msg[`BM_REF2];
    end

    // Stage v: the new reference. Its buckets were read when the message was about to enter c; what the messages in
    // c+3 .. c+6 changed since is patched in, youngest last. (Index 1 of the history is c+3.)
    reg  [HISTORY-1:0] put_same_was;  // the same reference, compared one cycle ahead
    reg  [HISTORY-1:0] put_same_put;
    reg  [HISTORY-1:0] was_here;      // the same bucket
    reg  [HISTORY-1:0] put_here;
    wire [HISTORY-1:0] known_was;
    wire [HISTORY-1:0] known_put;
    wire [63:0]        c_put_ref;
    assign c_put_ref = c_op == `BOP_ADD ? c_msg[`BM_REF] : c_msg[`BM_REF2];
    generate
        for (h = 0; h < HISTORY; h = h + 1) begin : put_ages
            if (h == 0) begin : none
                always @(posedge clk) begin
                    put_same_was[h] <= 1'b0;
                    put_same_put[h] <= 1'b0;
                    was_here[h] <= 1'b0;
                    put_here[h] <= 1'b0;
                end
            end else begin : some
                wire [TABLES-1:0] was_match;
                wire [TABLES-1:0] put_match;
                for (t = 0; t < TABLES; t = t + 1) begin : sides
                    assign was_match[t] = was_place[h-1] >= t*SLOTS && was_place[h-1] < (t+1)*SLOTS && was_bucket[h-1] == p1_bucket[t];
                    assign put_match[t] = put_place[h-1] >= t*SLOTS && put_place[h-1] < (t+1)*SLOTS && put_bucket[h-1] == p1_bucket[t];
                end
                always @(posedge clk) begin
                    put_same_was[h] <= was_entry[h-1][63:0] == c_put_ref;
                    put_same_put[h] <= put_entry[h-1][63:0] == c_put_ref;
                    was_here[h] <= |was_match;
                    put_here[h] <= |put_match;
                end
            end
            assign known_was[h] = was_valid[h] && put_same_was[h];
            assign known_put[h] = put_valid[h] && put_same_put[h];
        end
    endgenerate
    wire [HISTORY:0] known;
    wire [WAYS-1:0]  used [0:HISTORY];
    assign known[HISTORY] = |p2_hit;
    assign used[HISTORY] = p2_used;
    generate
        for (h = 0; h < HISTORY; h = h + 1) begin : patches
            assign known[h] = known_put[h] ? 1'b1 : known_was[h] ? was_live[h] : known[h + 1];
            for (k = 0; k < WAYS; k = k + 1) begin : slots
                assign used[h][k] = put_valid[h] && put_here[h] && put_place[h] == k ? 1'b1
                    : was_valid[h] && was_here[h] && was_place[h] == k ? was_live[h] : used[h + 1][k];
            end
        end
    endgenerate

    // Where it goes: the table with most free slots here, the leftmost of equals; its first free slot; else the stash.
    wire [WAYS-1:0]   free;
    wire [3:0]        room [0:TABLES-1];
    wire [3:0]        best_room [0:TABLES-1];
    wire [PW-1:0]     best_place [0:TABLES-1];
    wire [BUCKET_LOG2-1:0] best_bucket [0:TABLES-1];
    wire [STASH-1:0]  stash_free;
    wire [STASH_LOG2-1:0] stash_index;
    wire              stash_full;
    assign free = ~used[0];
    generate
        for (t = 0; t < TABLES; t = t + 1) begin : choose
            wire [3:0] count [0:SLOTS-1];
            wire [PW-1:0] slot [0:SLOTS-1];
            for (k = 0; k < SLOTS; k = k + 1) begin : sums
                if (k == 0) begin : first
                    assign count[k] = {3'd0, free[t*SLOTS]};
                end else begin : more
                    assign count[k] = count[k - 1] + {3'd0, free[t*SLOTS + k]};
                end
                if (k == SLOTS - 1) begin : last
                    assign slot[k] = t*SLOTS + k;
                end else begin : earlier
                    assign slot[k] = free[t*SLOTS + k] ? t*SLOTS + k : slot[k + 1];
                end
            end
            assign room[t] = count[SLOTS - 1];
            if (t == 0) begin : left
                assign best_room[t] = room[t];
                assign best_place[t] = slot[0];
                assign best_bucket[t] = p2_bucket[t];
            end else begin : right
                wire more;
                assign more = room[t] > best_room[t - 1];
                assign best_room[t] = more ? room[t] : best_room[t - 1];
                assign best_place[t] = more ? slot[0] : best_place[t - 1];
                assign best_bucket[t] = more ? p2_bucket[t] : best_bucket[t - 1];
            end
        end
        for (k = 0; k < STASH; k = k + 1) begin : stash_room
            assign stash_free[k] = !stash[k][EW-1] && !(put_valid[1] && put_place[1] == WAYS + k);
        end
    endgenerate
    // The put of the message two ahead is being written right now.
    prio64 #(.LOG2(STASH_LOG2)) stash_first (.bits(stash_free), .index(stash_index), .none(stash_full));

    wire          in_table;
    wire          full;
    wire          v_breaks; // the new reference makes a verdict of its own
    wire [PW-1:0] v_put_place;
    assign in_table = best_room[TABLES - 1] != 4'd0;
    assign full = !in_table && stash_full;
    assign v_put_place = in_table ? best_place[TABLES - 1] : WAYS + {{(PW-STASH_LOG2){1'b0}}, stash_index};
    assign v_breaks = v_verdict_look == `BV_OK && v_adds && (known[0] || full);
    assign v_verdict = !v_breaks ? v_verdict_look : known[0] ? `BV_CONTRA : `BV_FULL;
    assign v_code = !v_breaks ? v_code_look : `FP_E_DUPLICATE;

    // The record of what this message changed; the old order is written in stage c+2, the new one in c+3, so that a
    // replace needs one write port. (The next message that writes is at least two cycles behind.)
    wire v_takes;
    wire v_puts;
    assign v_done = v_look && !v_live;
    assign v_takes = v_valid && v_look && (v_verdict == `BV_OK || v_verdict == `BV_FULL);
    assign v_puts = v_valid && v_adds && v_verdict == `BV_OK;
    generate
        for (h = 0; h < HISTORY; h = h + 1) begin : history
            if (h == 0) begin : young
                always @(posedge clk) begin
                    was_valid[h] <= v_takes && !rst;
                    put_valid[h] <= v_puts && !rst;
                    was_live[h] <= v_live;
                    was_entry[h] <= v_after;
                    was_place[h] <= v_place;
                    was_bucket[h] <= v_bucket;
                    put_entry[h] <= {1'b1, v_side, v_msg[`BM_SYM], v_msg[286:256], v_msg[`BM_SHARES], v_put_ref};
                    put_place[h] <= v_put_place;
                    put_bucket[h] <= best_bucket[TABLES - 1];
                end
            end else begin : old
                always @(posedge clk) begin
                    was_valid[h] <= was_valid[h - 1] && !rst;
                    put_valid[h] <= put_valid[h - 1] && !rst;
                    was_live[h] <= was_live[h - 1];
                    was_entry[h] <= was_entry[h - 1];
                    was_place[h] <= was_place[h - 1];
                    was_bucket[h] <= was_bucket[h - 1];
                    put_entry[h] <= put_entry[h - 1];
                    put_place[h] <= put_place[h - 1];
                    put_bucket[h] <= put_bucket[h - 1];
                end
            end
        end
    endgenerate
    assign write_valid = was_valid[0] || put_valid[1];
    assign write_place = was_valid[0] ? was_place[0] : put_place[1];
    assign write_bucket = was_valid[0] ? was_bucket[0] : put_bucket[1];
    assign write_entry = was_valid[0] ? was_entry[0] : put_entry[1];

    wire leaves;
    assign leaves = was_valid[0] && !was_live[0];
    wire stash_in;
    wire stash_out;
    assign stash_in = put_valid[1] && put_place[1] >= WAYS;
    assign stash_out = leaves && was_place[0] >= WAYS;
    always @(posedge clk) begin
        if (rst) begin
            stat_live <= 32'd0;
            stat_peak <= 32'd0;
            stat_stash <= {(STASH_LOG2+1){1'b0}};
        end else begin
            stat_live <= stat_live + {31'd0, put_valid[1]} - {31'd0, leaves};
            if (stat_live > stat_peak)
                stat_peak <= stat_live;
            stat_stash <= stat_stash + {{STASH_LOG2{1'b0}}, stash_in} - {{STASH_LOG2{1'b0}}, stash_out};
        end
    end

`ifdef FORMAL
    // One reference, any one: whatever comes how close together, a look-up finds what the last message left, and a second
    // add of a live reference is refused. Meant for RAM_REG = 0.
    reg f_started;
    initial f_started = 1'b0;
    always @(posedge clk) f_started <= 1'b1;
    (* anyconst *) reg [63:0] f_ref;
    reg [63:0] f_look1;
    reg [63:0] f_look2;
    reg [63:0] f_look3;
    reg [63:0] f_next;
    reg        f_was_c;
    reg        f_live;
    reg [31:0] f_price;
    reg [31:0] f_shares;
    reg        f_side;
    reg [9:0]  f_sym;
    wire [3:0] f_op;
    wire       f_look;
    wire       f_put;
    wire       f_mine;
    wire       f_new;
    wire [2:0] f_verdict;
    assign f_op = v_msg[`BM_OP];
    assign f_look = f_op == `BOP_EXEC || f_op == `BOP_CANCEL || f_op == `BOP_DELETE || f_op == `BOP_REPLACE;
    assign f_put = f_op == `BOP_ADD || f_op == `BOP_REPLACE;
    assign f_mine = v_valid && f_look && v_msg[`BM_REF] == f_ref;
    assign f_new = v_valid && f_put && (f_op == `BOP_ADD ? v_msg[`BM_REF] : v_msg[`BM_REF2]) == f_ref;
    assign f_verdict = v_verdict;
    always @(posedge clk) begin
        f_look1 <= look_ref;
        f_look2 <= f_look1;
        f_look3 <= f_look2;
        f_next <= next_ref;
        f_was_c <= c_valid && !rst;
        if (rst)
            f_live <= 1'b0;
        else if (f_mine && (f_verdict == `BV_OK || f_verdict == `BV_FULL)) begin
            if (f_op == `BOP_DELETE || f_op == `BOP_REPLACE || v_msg[`BM_SHARES] == f_shares)
                f_live <= 1'b0;
            f_shares <= f_shares - v_msg[`BM_SHARES];
        end
        if (!rst && f_new && f_verdict == `BV_OK) begin
            f_live <= 1'b1;
            f_price <= v_msg[`BM_PRICE];
            f_shares <= v_msg[`BM_SHARES];
            f_side <= v_side;
            f_sym <= v_msg[`BM_SYM];
        end
    end
`ifdef YOSYS
    // What norm_pace gives: distances, and the reads in time. References are small so that they meet.
    always @(posedge clk) begin
        if (!f_started) assume(rst);
        assume(look_ref < 4 && c_msg[`BM_REF] < 4 && c_msg[`BM_REF2] < 4);
        if (c_valid) begin
            assume(ready && !f_was_c);
            assume(c_msg[`BM_OP] <= `BOP_REPLACE);
            assume(f_next == c_msg[`BM_REF]);
            assume(c_msg[`BM_OP] == `BOP_ADD || f_look3 == c_msg[`BM_REF]);
            assume(c_msg[`BM_OP] != `BOP_ADD || f_look1 == c_msg[`BM_REF]);
            assume(c_msg[`BM_OP] != `BOP_REPLACE || f_look1 == c_msg[`BM_REF2]);
            assume(c_msg[`BM_OP] != `BOP_ADD || (c_msg[`BM_SHARES] != 0 && c_msg[`BM_PRICE] != 0 && c_msg[`BM_PRICE] <= `FP_PRICE_MAX));
        end
    end
`endif
    always @(posedge clk) if (f_started && !rst) begin
        if (f_mine) begin
            assert((f_verdict == `BV_UNKNOWN) == !f_live);
            if (f_live) begin
                assert(v_price == f_price && v_shares == f_shares && v_owner == f_sym);
                assert(v_side == f_side);
                assert((f_verdict == `BV_WRONG) == (f_sym != v_msg[`BM_SYM]));
            end
        end
        if (f_new && v_verdict_look == `BV_OK && f_live)
            assert(f_verdict == `BV_CONTRA && v_code == `FP_E_DUPLICATE);
        if (f_new && v_verdict_look == `BV_OK && !f_live)
            assert(f_verdict == `BV_OK || f_verdict == `BV_FULL);
        if (f_live) assert(stat_live != 0 || put_valid[0] || put_valid[1]);
        cover(f_mine && f_live && f_op == `BOP_REPLACE);
        cover(f_new && f_verdict == `BV_FULL);
        cover(stat_stash != 0 && f_mine && f_live);
    end
`endif
endmodule
`default_nettype wire
