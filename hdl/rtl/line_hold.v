// Holds the entries of one feed line until the arbiter takes them, oldest first.
// Latency: 0 with STORE_FWD = 0 and nothing held (the head is the input itself), else 1 to 2. Throughput: one entry in and
// one out per cycle.
// Overflow: with STORE_FWD = 0 the entry is dropped and `overflow` tells; with 1 the rest of its frame goes too: `commit`
// then acts as `discard`. What is dropped is missing in this line's sequence, which is what the arbiter looks for.
`default_nettype none
module line_hold #(
    parameter WIDTH = 392,
    parameter DEPTH_LOG2 = 9,
    parameter STORE_FWD = 0 // 1: entries show only after the commit of their frame
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    input  wire [WIDTH-1:0] in_entry,
    input  wire             commit,      // the frame is good, an entry given in this cycle belongs to it
    input  wire             discard,     // the frame is bad
    input  wire             pop,         // takes the head; only while head_valid
    output wire             head_valid,
    output wire [WIDTH-1:0] head_entry,
    output wire             overflow,
    output wire             committed,   // a commit took place and kept the frame
    output wire             nearly_full,
    output wire [DEPTH_LOG2:0] level
);
    reg [WIDTH-1:0]    ram [0:(1<<DEPTH_LOG2)-1];
    reg [WIDTH-1:0]    ram_out;
    reg [WIDTH-1:0]    skid;
    reg                out_valid;
    reg                out_skid;  // the head is in skid, not in ram_out
    reg [DEPTH_LOG2:0] write_at;
    reg [DEPTH_LOG2:0] read_at;
    reg [DEPTH_LOG2:0] keep_at;   // entries before it are committed
    reg                spilled;   // an entry of the current frame did not fit

    wire [DEPTH_LOG2:0] limit;
    wire                empty;
    wire                full;
    wire                to_skid;
    wire                to_ram;
    wire                fits;
    wire                load;
    wire                keeps;
    wire [DEPTH_LOG2:0] write_next;
    assign limit = STORE_FWD != 0 ? keep_at : write_at;
    assign empty = read_at == limit;
    assign level = write_at - read_at;
    assign full = level[DEPTH_LOG2];
    assign nearly_full = level[DEPTH_LOG2] || level[DEPTH_LOG2-1:DEPTH_LOG2-3] == 3'b111;
    assign head_valid = out_valid || (STORE_FWD == 0 && in_valid);
    assign head_entry = !out_valid && STORE_FWD == 0 ? in_entry : out_skid ? skid : ram_out;
    assign to_skid = STORE_FWD == 0 && in_valid && (out_valid ? pop && empty : !pop);
    assign to_ram = in_valid && (STORE_FWD != 0 || (out_valid && !(pop && empty)));
    assign fits = to_ram && !full;
    assign load = !empty && (!out_valid || pop);
    assign keeps = commit && !spilled && !(to_ram && full);
    assign write_next = write_at + {{DEPTH_LOG2{1'b0}}, fits};

    reg dropped;
    reg kept;
    assign overflow = dropped;
    assign committed = kept;
    always @(posedge clk) begin
        if (rst) begin
            out_valid <= 1'b0;
            out_skid <= 1'b0;
            write_at <= {(DEPTH_LOG2+1){1'b0}};
            read_at <= {(DEPTH_LOG2+1){1'b0}};
            keep_at <= {(DEPTH_LOG2+1){1'b0}};
            spilled <= 1'b0;
            dropped <= 1'b0;
            kept <= 1'b0;
        end else begin
            dropped <= to_ram && full;
            kept <= keeps;
            if (load) begin
                out_valid <= 1'b1;
                out_skid <= 1'b0;
                read_at <= read_at + 1'b1;
            end else if (to_skid) begin
                out_valid <= 1'b1;
                out_skid <= 1'b1;
            end else if (pop)
                out_valid <= 1'b0;
            if (STORE_FWD != 0 && (discard || (commit && !keeps)))
                write_at <= keep_at;
            else
                write_at <= write_next;
            if (keeps)
                keep_at <= write_next;
            if (commit || discard)
                spilled <= 1'b0;
            else if (to_ram && full)
                spilled <= 1'b1;
        end
    end

    always @(posedge clk) begin
        if (fits)
            ram[write_at[DEPTH_LOG2-1:0]] <= in_entry;
        if (load)
            ram_out <= ram[read_at[DEPTH_LOG2-1:0]];
        if (to_skid)
            skid <= in_entry;
    end

`ifdef FORMAL
`include "axis_props.vh"
    `AXIS_FORMAL_START
    // Cut-through: everything that was taken in and fitted comes out once and in order.
    generate
        if (STORE_FWD == 0) begin : order
            wire f_pop;
            assign f_pop = pop && head_valid;
            `AXIS_SAME_ORDER(in_valid && !(to_ram && full), in_entry, f_pop, head_entry, WIDTH)
            wire [`AXIS_COUNT_BITS-1:0] f_depth;
            wire [DEPTH_LOG2:0]         f_at;
            assign f_depth = f_mark - f_given;
            assign f_at = read_at + f_depth[DEPTH_LOG2:0] - {{DEPTH_LOG2{1'b0}}, 1'b1};
            always @(posedge clk) if (f_started && !rst) begin
                assert(level <= (1 << DEPTH_LOG2));
                assert(out_valid || empty);
                assert(f_held == {{(`AXIS_COUNT_BITS-DEPTH_LOG2-1){1'b0}}, level} + {{(`AXIS_COUNT_BITS-1){1'b0}}, out_valid});
                if (f_mark_in && f_depth == 0)
                    assert((out_skid ? skid : ram_out) == f_word);
                if (f_mark_in && f_depth != 0)
                    assert(ram[f_at[DEPTH_LOG2-1:0]] == f_word);
                cover(f_given == 6 && empty && !out_valid);
                cover(overflow);
            end
        end
    endgenerate
    always @(posedge clk) if (f_started && !rst) begin
        assume(!pop || head_valid);
        assume(!(commit && discard));
    end
`endif
endmodule
`default_nettype wire
