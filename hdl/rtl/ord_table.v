// Order table: reference -> {symbol, side, price, shares}. d-left hashing over TABLES x SLOTS block RAMs and a stash;
// a new order goes to the emptiest bucket, none is ever moved.
// Latency: the buckets of look_ref are read at once; the order of a message in stage c is on c_* in that stage, the verdict
// one cycle later on v_*. look_ref of a looked-up order is due 3 cycles before c, that of a new one 2 before c.
// Throughput: one look per cycle, one message with an order per 2 cycles; the last changes are forwarded, so the same
// reference may come back at once.
// Overflow: an order whose buckets and the stash are full is not stored: verdict BV_FULL; it is never silently lost.
// After reset 2^BUCKET_LOG2 cycles and six more clear the table (`ready` low). RAM_REG = 1 adds a register behind the RAM:
// look_ref is then due one cycle earlier.
//
// A look: RAM (p1), each two bits of the references compared right behind it (p2), all 32 pairs together and the one entry
// selected (p3 = c). What the messages in flight do to this reference is compared in p1 and applied in p2 and c.
`default_nettype none
`include "book_msg.vh"
`include "fp_records.vh"
module ord_table #(
    parameter TABLES = 4,        // at most 4
    parameter SLOTS = 4,         // a power of two
    parameter BUCKET_LOG2 = 12,
    parameter STASH_LOG2 = 4,
    parameter RAM_REG = 0
) (
    input  wire             clk,
    input  wire             rst,
    output reg              ready,
    input  wire             look_valid,
    input  wire [63:0]      look_ref,
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
    localparam SLOT_LOG2 = $clog2(SLOTS);
    localparam STASH = 1 << STASH_LOG2;
    localparam EW = 139;         // {valid, side, symbol 10, price 31, shares 32, reference 64}
    localparam DW = 74;          // {side, symbol, price, shares}
    localparam AGES = 5 + RAM_REG; // messages in c and behind it whose changes a read may not have seen
    localparam HISTORY = AGES - 1; // those behind v
    localparam BW = BUCKET_LOG2;
    localparam PW = 8;           // a place: number of way, or WAYS + number in the stash

    // Write; clearing after reset.
    reg                    sweep;
    reg  [BW-1:0]          sweep_at;
    reg  [4:0]             settled;
    wire                   write_valid;
    wire [PW-1:0]          write_place;
    wire [BW-1:0]          write_bucket;
    wire [EW-1:0]          write_entry;
    always @(posedge clk) begin
        if (rst) begin
            sweep <= 1'b1;
            sweep_at <= {BW{1'b0}};
            settled <= 5'd0;
            ready <= 1'b0;
        end else begin
            sweep_at <= sweep_at + 1'b1;
            sweep <= sweep && !(&sweep_at);
            // A message that may come now was read for up to four cycles ago: those reads must have seen cleared buckets.
            settled <= {settled[3:0], !sweep};
            ready <= settled[4];
        end
    end

    // Read: hash and RAM. p1 is the cycle in which the words are here.
    wire [BW-1:0]          look_bucket [0:TABLES-1];
    wire                   p1_valid;
    wire [63:0]            p1_ref;
    wire [BW-1:0]          p1_bucket [0:TABLES-1];
    wire [63:0]            p1_buckets;   // 16 bits each
    wire [EW-1:0]          p1_entry [0:WAYS-1];
    reg                    read_valid;
    reg  [63:0]            read_ref;
    reg  [BW-1:0]          read_bucket [0:TABLES-1];
    reg                    p2_valid;
    reg  [BW-1:0]          p2_bucket [0:TABLES-1];
    reg  [DW-1:0]          p2_data [0:WAYS-1];
    reg  [WAYS-1:0]        p2_used_read;
    reg  [WAYS-1:0]        p2_clash;  // written while it was read: what came out means nothing, and is forwarded
    wire [WAYS-1:0]        p2_hit;
    reg  [EW-1:0]          stash [0:STASH-1];
    reg  [STASH-1:0]       p2_stash_hit;
    always @(posedge clk) begin
        if (rst) begin
            read_valid <= 1'b0;
            p2_valid <= 1'b0;
        end else begin
            read_valid <= look_valid;
            p2_valid <= p1_valid;
        end
        if (look_valid)
            read_ref <= look_ref;
    end
    genvar t;
    genvar k;
    generate
        if (RAM_REG != 0) begin : late_ref
            reg        held_valid;
            reg [63:0] held;
            always @(posedge clk) begin
                held_valid <= read_valid && !rst;
                held <= read_ref;
            end
            assign p1_valid = held_valid;
            assign p1_ref = held;
        end else begin : same_ref
            assign p1_valid = read_valid;
            assign p1_ref = read_ref;
        end
        for (t = TABLES; t < 4; t = t + 1) begin : no_tables
            assign p1_buckets[16*t +: 16] = 16'd0;
        end
        for (t = 0; t < TABLES; t = t + 1) begin : tables
            ord_hash #(.TABLE(t), .BUCKET_LOG2(BW)) hash (.order_ref(look_ref), .bucket(look_bucket[t]));
            if (RAM_REG != 0) begin : late_bucket
                reg [BW-1:0] held;
                always @(posedge clk) held <= read_bucket[t];
                assign p1_bucket[t] = held;
            end else begin : same_bucket
                assign p1_bucket[t] = read_bucket[t];
            end
            assign p1_buckets[16*t +: 16] = {{(16-BW){1'b0}}, p1_bucket[t]};
            always @(posedge clk) begin
                if (look_valid)
                    read_bucket[t] <= look_bucket[t];
                if (p1_valid)
                    p2_bucket[t] <= p1_bucket[t];
            end
        end
        for (k = 0; k < WAYS; k = k + 1) begin : ways
            wire [EW-1:0] raw;
            ram_sdp #(.WIDTH(EW), .DEPTH_LOG2(BW)) words (
                .clk(clk),
                .we(sweep || (write_valid && write_place == k)),
                .waddr(sweep ? sweep_at : write_bucket),
                .wdata(sweep ? {EW{1'b0}} : write_entry),
                .re(look_valid), .raddr(look_bucket[k / SLOTS]), .rdata(raw)
            );
            if (RAM_REG != 0) begin : late
                reg [EW-1:0] held;
                always @(posedge clk) if (read_valid) held <= raw;
                assign p1_entry[k] = held;
            end else begin : same
                assign p1_entry[k] = raw;
            end
            // One LUT behind the RAM: each even bit tells whether it or the one above it differs.
            wire [63:0] differ;
            reg  [63:0] p2_differ;
            assign differ = p1_entry[k][63:0] ^ p1_ref;
            always @(posedge clk) if (p1_valid) begin
                p2_differ <= (differ | (differ >> 1)) & 64'h5555555555555555;
                p2_used_read[k] <= p1_entry[k][EW-1];
                p2_data[k] <= p1_entry[k][137:64];
            end
            assign p2_hit[k] = p2_used_read[k] && !p2_clash[k] && p2_differ == 64'd0;
        end
        for (k = 0; k < STASH; k = k + 1) begin : stashes
            always @(posedge clk) begin
                if (rst)
                    stash[k][EW-1] <= 1'b0;
                else if (write_valid && write_place == WAYS + k)
                    stash[k] <= write_entry;
                if (p1_valid)
                    p2_stash_hit[k] <= stash[k][EW-1] && stash[k][63:0] == p1_ref;
            end
        end
    endgenerate

    // The last changes, by age: index i is the message in stage c+2+i. `was` is the order it looked up, as the message
    // left it (live or gone); `put` the order it added.
    reg                    was_valid [0:HISTORY-1];
    reg                    was_live [0:HISTORY-1];
    reg  [EW-1:0]          was_entry [0:HISTORY-1];
    reg  [PW-1:0]          was_place [0:HISTORY-1];
    reg  [BW-1:0]          was_bucket [0:HISTORY-1];
    reg                    put_valid [0:HISTORY-1];
    reg  [EW-1:0]          put_entry [0:HISTORY-1];
    reg  [PW-1:0]          put_place [0:HISTORY-1];
    reg  [BW-1:0]          put_bucket [0:HISTORY-1];
    wire                   v_takes;
    wire                   v_puts;
    reg                    v_live;
    reg  [EW-1:0]          v_after;
    reg  [PW-1:0]          v_place;
    reg  [BW-1:0]          v_bucket;
    reg  [63:0]            v_put_ref;
    reg  [PW-1:0]          v_put_place;
    reg  [BW-1:0]          v_put_bucket;
    wire [63:0]            c_put_ref;
    assign c_put_ref = c_msg[`BM_OP] == `BOP_ADD ? c_msg[`BM_REF] : c_msg[`BM_REF2];

    // p1: is the reference that of a message in c (age 0), v (1) or behind? In p2 they are one stage further on.
    reg  [AGES-1:0] same_was;
    reg  [AGES-1:0] same_put;
    // ... and does that message change a bucket that was read? (Ages from 1: the one before a new order is not in c.)
    // One-hot over the ways: put in, changed, taken out; zero when it did not, or to the stash.
    wire [WAYS-1:0] v_way_put;
    wire [WAYS-1:0] v_way_kept;
    wire [WAYS-1:0] v_way_left;
    reg  [WAYS-1:0] put_way [0:HISTORY-1];
    reg  [WAYS-1:0] kept_way [0:HISTORY-1];
    reg  [WAYS-1:0] left_way [0:HISTORY-1];
    wire [WAYS-1:0] patch_put [1:AGES-1];   // ... of those in a bucket of ours
    wire [WAYS-1:0] patch_kept [1:AGES-1];
    wire [WAYS-1:0] patch_left [1:AGES-1];
    assign v_way_put = {{(WAYS-1){1'b0}}, v_puts} << v_put_place;
    assign v_way_kept = {{(WAYS-1){1'b0}}, v_takes && v_live} << v_place;
    assign v_way_left = {{(WAYS-1){1'b0}}, v_takes && !v_live} << v_place;
    genvar h;
    generate
        for (h = 0; h < AGES; h = h + 1) begin : compares
            wire [63:0] was_ref;
            wire [63:0] put_ref;
            if (h == 0) begin : in_c
                assign was_ref = c_msg[`BM_REF];
                assign put_ref = c_put_ref;
            end else if (h == 1) begin : in_v
                assign was_ref = v_msg[`BM_REF];
                assign put_ref = v_put_ref;
            end else begin : behind
                assign was_ref = was_entry[h - 2][63:0];
                assign put_ref = put_entry[h - 2][63:0];
            end
            always @(posedge clk) if (p1_valid) begin
                same_was[h] <= was_ref == p1_ref;
                same_put[h] <= put_ref == p1_ref;
            end
            if (h > 0) begin : places
                wire [WAYS-1:0] way_put;
                wire [WAYS-1:0] way_kept;
                wire [WAYS-1:0] way_left;
                wire [1:0]    table_was;
                wire [1:0]    table_put;
                wire [BW-1:0] bucket_was;
                wire [BW-1:0] bucket_put;
                wire          match_was;
                wire          match_put;
                if (h == 1) begin : in_v
                    assign way_put = v_way_put;
                    assign way_kept = v_way_kept;
                    assign way_left = v_way_left;
                    assign table_was = v_place[SLOT_LOG2 +: 2];
                    assign table_put = v_put_place[SLOT_LOG2 +: 2];
                    assign bucket_was = v_bucket;
                    assign bucket_put = v_put_bucket;
                end else begin : behind
                    assign way_put = put_way[h - 2];
                    assign way_kept = kept_way[h - 2];
                    assign way_left = left_way[h - 2];
                    assign table_was = was_place[h - 2][SLOT_LOG2 +: 2];
                    assign table_put = put_place[h - 2][SLOT_LOG2 +: 2];
                    assign bucket_was = was_bucket[h - 2];
                    assign bucket_put = put_bucket[h - 2];
                end
                assign match_was = bucket_was == p1_buckets[16*table_was +: BW];
                assign match_put = bucket_put == p1_buckets[16*table_put +: BW];
                assign patch_put[h] = way_put & {WAYS{match_put}};
                assign patch_kept[h] = way_kept & {WAYS{match_was}};
                assign patch_left[h] = way_left & {WAYS{match_was}};
            end
        end
    endgenerate
    // The youngest change of each place that was read.
    wire [WAYS-1:0] fill [1:AGES];
    wire [WAYS-1:0] empty [1:AGES];
    reg  [WAYS-1:0] p2_fill;
    reg  [WAYS-1:0] p2_empty;
    assign fill[AGES] = {WAYS{1'b0}};
    assign empty[AGES] = {WAYS{1'b0}};
    generate
        for (h = 1; h < AGES; h = h + 1) begin : youngest
            assign fill[h] = patch_put[h] | patch_kept[h] | (fill[h + 1] & ~patch_left[h]);
            assign empty[h] = patch_left[h] | (empty[h + 1] & ~(patch_put[h] | patch_kept[h]));
        end
    endgenerate
    always @(posedge clk) if (p1_valid) begin
        p2_fill <= fill[1];
        p2_empty <= empty[1];
        p2_clash <= patch_kept[3 + RAM_REG] | patch_left[3 + RAM_REG] | patch_put[4 + RAM_REG]; // written from c+2, from c+3
    end

    // p2: select. The hit is one-hot, so the entry is an OR of masked entries; a change in flight comes before all of them.
    wire [DW+PW+BW-1:0] ram_or [0:WAYS-1];      // {data, place, bucket}
    wire [DW+PW+BW-1:0] ram_of [0:3];           // of four ways each
    wire [DW+PW-1:0]    stash_or [0:STASH-1];
    wire [DW+PW+BW-1:0] p2_order_else;
    generate
        for (k = 0; k < WAYS; k = k + 1) begin : picks
            wire [PW-1:0] number;
            wire [DW+PW+BW-1:0] mine;
            assign number = k;
            assign mine = {p2_data[k], number, p2_bucket[k / SLOTS]} & {(DW+PW+BW){p2_hit[k]}};
            if (k % 4 == 0) begin : first
                assign ram_or[k] = mine;
            end else begin : rest
                assign ram_or[k] = ram_or[k - 1] | mine;
            end
        end
        for (k = 0; k < 4; k = k + 1) begin : quarters
            if (4*k >= WAYS) begin : none
                assign ram_of[k] = {(DW+PW+BW){1'b0}};
            end else if (4*k + 3 >= WAYS) begin : some
                assign ram_of[k] = ram_or[WAYS - 1];
            end else begin : four
                assign ram_of[k] = ram_or[4*k + 3];
            end
        end
        for (k = 0; k < STASH; k = k + 1) begin : stash_picks
            wire [PW-1:0] number;
            wire [DW+PW-1:0] mine;
            assign number = WAYS + k;
            assign mine = {stash[k][137:64], number} & {(DW+PW){p2_stash_hit[k]}};
            if (k == 0) begin : first
                assign stash_or[k] = mine;
            end else begin : rest
                assign stash_or[k] = stash_or[k - 1] | mine;
            end
        end
    endgenerate
    wire [HISTORY:0]     flight_known; // a change behind v is of this reference
    wire [HISTORY:0]     flight_live;
    wire [DW+PW+BW-1:0]  flight [0:HISTORY];
    assign flight_known[HISTORY] = 1'b0;
    assign flight_live[HISTORY] = 1'b0;
    assign flight[HISTORY] = {(DW+PW+BW){1'b0}};
    generate
        for (h = 0; h < HISTORY; h = h + 1) begin : flights
            wire is_put;
            wire is_was;
            assign is_put = put_valid[h] && same_put[h + 1];
            assign is_was = was_valid[h] && same_was[h + 1];
            assign flight_known[h] = is_put || is_was || flight_known[h + 1];
            assign flight_live[h] = is_put ? 1'b1 : is_was ? was_live[h] : flight_live[h + 1];
            assign flight[h] = is_put ? {put_entry[h][137:64], put_place[h], put_bucket[h]}
                : is_was ? {was_entry[h][137:64], was_place[h], was_bucket[h]} : flight[h + 1];
        end
    endgenerate
    wire                   p2_else;   // known from the stash or from what is in flight
    wire                   p3_hit;
    reg                    p3_way;
    reg                    p3_flight;
    reg                    p3_else;
    reg  [DW+PW+BW-1:0]    p3_order;
    reg                    young_put; // the message now in c+2 put it, or changed it
    reg                    young_was;
    assign p2_order_else = flight_known[0] ? flight[0] : {stash_or[STASH-1], {BW{1'b0}}};
    assign p2_else = flight_known[0] ? flight_live[0] : |p2_stash_hit;
    assign p3_hit = p3_else || (p3_way && !p3_flight);
    always @(posedge clk) begin
        if (rst) begin
            young_put <= 1'b0;
            young_was <= 1'b0;
        end else begin
            young_put <= p2_valid && same_put[0] && v_puts;
            young_was <= p2_valid && same_was[0] && v_takes;
        end
        if (p2_valid) begin
            p3_way <= |p2_hit;
            p3_flight <= flight_known[0];
            p3_else <= p2_else;
            p3_order <= p2_order_else | ((ram_of[0] | ram_of[1] | ram_of[2] | ram_of[3]) & {(DW+PW+BW){!flight_known[0]}});
        end
    end

    // Stage c: the order, or what the message two ahead, now in c+2, made of it.
    wire                   c_hit;
    wire [DW+PW+BW-1:0]    c_order;
    wire [9:0]             c_owner;
    wire [3:0]             c_op;
    wire                   c_look;
    wire                   c_adds;
    assign c_hit = young_put || (young_was ? was_live[0] : p3_hit);
    assign c_order = young_put ? {put_entry[0][137:64], put_place[0], put_bucket[0]}
        : young_was ? {was_entry[0][137:64], was_place[0], was_bucket[0]} : p3_order;
    assign c_op = c_msg[`BM_OP];
    assign c_look = c_op == `BOP_EXEC || c_op == `BOP_CANCEL || c_op == `BOP_DELETE || c_op == `BOP_REPLACE;
    assign c_adds = c_op == `BOP_ADD || c_op == `BOP_REPLACE;
    assign c_shares = c_order[PW+BW +: 32];
    assign c_price = {1'b0, c_order[PW+BW+32 +: 31]};
    assign c_owner = c_order[PW+BW+63 +: 10];
    assign c_side = c_order[PW+BW+73];

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
            else if (c_owner != c_msg[`BM_SYM])
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

    // Stage c -> v: where a new order goes, its look being in p2: the table with most free slots, the leftmost of equals;
    // its first free slot; else the stash.
    wire [WAYS-1:0]   free;
    wire [3:0]        room [0:TABLES-1];
    wire [3:0]        best_room [0:TABLES-1];
    wire [PW-1:0]     best_place [0:TABLES-1];
    wire [BW-1:0]     best_bucket [0:TABLES-1];
    reg  [STASH-1:0]  stash_taken;  // with what the messages behind c have done
    wire [STASH_LOG2-1:0] stash_index;
    wire              stash_full;
    assign free = ~((p2_used_read & ~p2_empty) | p2_fill);
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
            always @(posedge clk)
                if (rst)
                    stash_taken[k] <= 1'b0;
                else if (v_puts && v_put_place == WAYS + k)
                    stash_taken[k] <= 1'b1;
                else if (v_takes && !v_live && v_place == WAYS + k)
                    stash_taken[k] <= 1'b0;
        end
    endgenerate
    prio64 #(.LOG2(STASH_LOG2)) stash_first (.bits(~stash_taken), .index(stash_index), .none(stash_full));
    wire in_table;
    assign in_table = free != {WAYS{1'b0}};

    reg  v_look;
    reg  v_adds;
    wire v_known;  // the new reference is in the book already
    reg  v_known_way;
    reg  v_known_flight;
    reg  v_known_else;
    assign v_known = v_known_else || (v_known_way && !v_known_flight);
    reg  v_no_room;
    always @(posedge clk) begin
        v_valid <= c_valid && !rst;
        if (c_valid) begin
            v_msg <= c_msg;
            v_verdict_look <= c_verdict;
            v_code_look <= c_code;
            v_price <= c_price;
            v_shares <= c_shares;
            v_side <= c_look ? c_side : c_msg[`BM_SIDE];
            v_owner <= c_owner;
            v_look <= c_look;
            v_adds <= c_adds;
            v_live <= !c_all;
            v_after <= {!c_all, c_side, c_owner, c_order[PW+BW+32 +: 31], c_shares - c_taken, c_msg[`BM_REF]};
            v_place <= c_order[BW +: PW];
            v_bucket <= c_order[BW-1:0];
            v_put_ref <= c_put_ref;
            v_known_way <= |p2_hit;
            v_known_flight <= flight_known[0];
            v_known_else <= p2_else;
            v_no_room <= !in_table && stash_full;
            v_put_place <= in_table ? best_place[TABLES - 1] : WAYS + {{(PW-STASH_LOG2){1'b0}}, stash_index};
            v_put_bucket <= best_bucket[TABLES - 1];
        end
    end

    // Stage v.
    wire v_breaks; // the new reference makes a verdict of its own
    assign v_breaks = v_verdict_look == `BV_OK && v_adds && (v_known || v_no_room);
    assign v_verdict = !v_breaks ? v_verdict_look : v_known ? `BV_CONTRA : `BV_FULL;
    assign v_code = !v_breaks ? v_code_look : `FP_E_DUPLICATE;
    assign v_done = v_look && !v_live;
    assign v_takes = v_valid && v_look && v_verdict_look == `BV_OK && !(v_adds && v_known);
    assign v_puts = v_valid && v_adds && v_verdict_look == `BV_OK && !v_known && !v_no_room;

    // The record of what this message changed; the old order is written in stage c+2, the new one in c+3, so that a
    // replace needs one write port. (The next message that writes is at least two cycles behind.)
    generate
        for (h = 0; h < HISTORY; h = h + 1) begin : history
            if (h == 0) begin : young
                always @(posedge clk) begin
                    was_valid[h] <= v_takes && !rst;
                    put_valid[h] <= v_puts && !rst;
                    put_way[h] <= v_way_put & {WAYS{!rst}};
                    kept_way[h] <= v_way_kept & {WAYS{!rst}};
                    left_way[h] <= v_way_left & {WAYS{!rst}};
                    if (v_valid) begin
                        was_live[h] <= v_live;
                        was_entry[h] <= v_after;
                        was_place[h] <= v_place;
                        was_bucket[h] <= v_bucket;
                        put_entry[h] <= {1'b1, v_side, v_msg[`BM_SYM], v_msg[286:256], v_msg[`BM_SHARES], v_put_ref};
                        put_place[h] <= v_put_place;
                        put_bucket[h] <= v_put_bucket;
                    end
                end
            end else begin : old
                always @(posedge clk) begin
                    was_valid[h] <= was_valid[h - 1] && !rst;
                    put_valid[h] <= put_valid[h - 1] && !rst;
                    put_way[h] <= put_way[h - 1] & {WAYS{!rst}};
                    kept_way[h] <= kept_way[h - 1] & {WAYS{!rst}};
                    left_way[h] <= left_way[h - 1] & {WAYS{!rst}};
                    if (was_valid[h - 1]) begin
                        was_live[h] <= was_live[h - 1];
                        was_entry[h] <= was_entry[h - 1];
                        was_place[h] <= was_place[h - 1];
                        was_bucket[h] <= was_bucket[h - 1];
                    end
                    if (put_valid[h - 1]) begin
                        put_entry[h] <= put_entry[h - 1];
                        put_place[h] <= put_place[h - 1];
                        put_bucket[h] <= put_bucket[h - 1];
                    end
                end
            end
        end
    endgenerate
    assign write_valid = was_valid[0] || put_valid[1];
    assign write_place = was_valid[0] ? was_place[0] : put_place[1];
    assign write_bucket = was_valid[0] ? was_bucket[0] : put_bucket[1];
    assign write_entry = was_valid[0] ? was_entry[0] : put_entry[1];

    wire leaves;
    wire stash_in;
    wire stash_out;
    assign leaves = was_valid[0] && !was_live[0];
    assign stash_in = put_valid[1] && put_place[1] >= WAYS;
    assign stash_out = leaves && was_place[0] >= WAYS;
    always @(posedge clk) begin
        if (rst) begin
            stat_live <= 32'd0;
            stat_peak <= 32'd0;
            stat_stash <= {(STASH_LOG2+1){1'b0}};
        end else begin
            if (put_valid[1] != leaves)
                stat_live <= leaves ? stat_live - 32'd1 : stat_live + 32'd1;
            if (stat_live > stat_peak)
                stat_peak <= stat_live;
            if (stash_in != stash_out)
                stat_stash <= stash_out ? stat_stash - 1'b1 : stat_stash + 1'b1;
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
    reg        f_valid1;
    reg        f_valid2;
    reg        f_valid3;
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
        f_valid1 <= look_valid && !rst;
        f_valid2 <= f_valid1 && !rst;
        f_valid3 <= f_valid2 && !rst;
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
    // What norm_pace gives: distances, and the reads in time. References are small so that they meet, the other numbers so
    // that the solver ends.
    always @(posedge clk) begin
        if (!f_started) assume(rst);
`ifdef F_FULL // adds alone, of more references than there are places
        assume(look_ref < 16 && c_msg[`BM_REF] < 16 && c_msg[`BM_OP] == `BOP_ADD);
`else
        assume(look_ref < 4 && c_msg[`BM_REF] < 4 && c_msg[`BM_REF2] < 4);
`endif
        assume(c_msg[`BM_SHARES] < 4 && c_msg[`BM_PRICE] < 4 && c_msg[`BM_SYM] < 2 && c_msg[`BM_CODE] == 0);
        assume(c_msg[`BM_TIME] == 0 && c_msg[`BM_LOCATE] == 0 && c_msg[`BM_AUX] == 0 && c_msg[`BM_RX] == 0);
        if (c_valid) begin
            assume(ready && !f_was_c);
            assume(c_msg[`BM_OP] <= `BOP_REPLACE);
            assume(c_msg[`BM_OP] == `BOP_ADD || (f_valid3 && f_look3 == c_msg[`BM_REF]));
            assume(c_msg[`BM_OP] != `BOP_ADD || (f_valid2 && f_look2 == c_msg[`BM_REF]));
            assume(c_msg[`BM_OP] != `BOP_REPLACE || (f_valid2 && f_look2 == c_msg[`BM_REF2]));
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
`ifdef F_FULL
        cover(f_new && f_verdict == `BV_FULL);
`else
        cover(f_mine && f_live && f_op == `BOP_REPLACE);
        cover(stat_stash != 0 && f_mine && f_live);
`endif
    end
`endif
endmodule
`default_nettype wire
