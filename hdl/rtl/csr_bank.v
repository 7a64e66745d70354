// Sixteen 32-bit event counters. Each has its last few events in a column of bits, and its total in a RAM into which the
// columns are added one after the other, one in each cycle: a sixteenth of the registers and adders of plain counters.
// What is added next, column and total, is fetched a cycle ahead.
// Latency: an event is in what `value` shows 3 cycles later, `fetch` among them; total and column are always exact together.
// Throughput: all sixteen may count in every cycle, one is shown per cycle. Overflow: totals wrap at 2^32; a column has room
// for the 16 events of one lap.
`default_nettype none
module csr_bank (
    input  wire        clk,
    input  wire        rst,
    input  wire [15:0] count,   // its counter goes up by one
    input  wire        fetch,
    input  wire [3:0]  index,
    output wire [31:0] value
);
    reg [15:0] counting;
    reg [15:0] ones;            // the columns, bit by bit
    reg [15:0] twos;
    reg [15:0] fours;
    reg [15:0] eights;
    reg [15:0] sixteens;
    reg [3:0]  at;              // whose column is added now
    reg        blank;           // first lap: the totals from `at` on are not yet written
    (* ram_style = "distributed" *)
    reg [31:0] total [0:15];

    reg [4:0]  added;           // the column of `at`
    reg [31:0] base;            // the total of `at`
    reg [4:0]  column;          // of what was fetched
    reg [31:0] reached;
    wire [3:0]  at_next;
    wire        blank_next;
    wire [15:0] stays;
    wire [15:0] ones_left;
    wire [15:0] twos_left;
    wire [15:0] fours_left;
    wire [15:0] eights_left;
    wire [15:0] to_twos;
    wire [15:0] to_fours;
    wire [15:0] to_eights;
    wire [15:0] to_sixteens;
    wire [15:0] ones_next;
    wire [15:0] twos_next;
    wire [15:0] fours_next;
    wire [15:0] eights_next;
    wire [15:0] sixteens_next;
    assign at_next = at + 4'd1;
    assign blank_next = blank && at != 4'd15;
    assign stays = ~(16'd1 << at);
    assign ones_left = ones & stays;
    assign twos_left = twos & stays;
    assign fours_left = fours & stays;
    assign eights_left = eights & stays;
    assign to_twos = ones_left & counting;
    assign to_fours = twos_left & to_twos;
    assign to_eights = fours_left & to_fours;
    assign to_sixteens = eights_left & to_eights;
    assign ones_next = ones_left ^ counting;
    assign twos_next = twos_left ^ to_twos;
    assign fours_next = fours_left ^ to_fours;
    assign eights_next = eights_left ^ to_eights;
    assign sixteens_next = (sixteens & stays) | to_sixteens;
    assign value = reached + {27'd0, column};
    always @(posedge clk) begin
        counting <= count;
        if (rst) begin
            ones <= 16'd0;
            twos <= 16'd0;
            fours <= 16'd0;
            eights <= 16'd0;
            sixteens <= 16'd0;
            at <= 4'd0;
            blank <= 1'b1;
            added <= 5'd0;
            base <= 32'd0;
        end else begin
            ones <= ones_next;
            twos <= twos_next;
            fours <= fours_next;
            eights <= eights_next;
            sixteens <= sixteens_next;
            at <= at_next;
            blank <= blank_next;
            added <= {sixteens_next[at_next], eights_next[at_next], fours_next[at_next], twos_next[at_next], ones_next[at_next]};
            base <= blank_next ? 32'd0 : total[at_next];
        end
        total[at] <= base + {27'd0, added};
        if (fetch) begin
            reached <= blank && !(index < at) ? 32'd0 : total[index];
            column <= {sixteens[index], eights[index], fours[index], twos[index], ones[index]};
        end
    end

`ifdef FORMAL
    // For any one counter: what is shown is what was counted, exactly.
    reg f_started;
    initial f_started = 1'b0;
    always @(posedge clk) f_started <= 1'b1;
`ifdef YOSYS
    always @(posedge clk) if (!f_started) assume(rst);
    (* anyconst *) reg [3:0] f_at;
`else
    wire [3:0] f_at;
    assign f_at = 4'd5;
`endif
    reg  [31:0] f_count;
    reg  [31:0] f_shown;
    reg         f_fetched;
    wire [4:0]  f_column;
    wire [3:0]  f_since;   // cycles since it was added, 0: it is its turn
    assign f_column = {sixteens[f_at], eights[f_at], fours[f_at], twos[f_at], ones[f_at]};
    assign f_since = at - f_at;
    always @(posedge clk) begin
        f_count <= rst ? 32'd0 : f_count + {31'd0, counting[f_at]};
        f_shown <= f_count;
        f_fetched <= fetch && index == f_at && !rst;
    end
    always @(posedge clk) if (f_started && !rst) begin
        assert(added == {sixteens[at], eights[at], fours[at], twos[at], ones[at]});
        if (f_at == at) assert(base == (blank ? 32'd0 : total[f_at]));
        assert((blank && f_at >= at ? 32'd0 : total[f_at]) + {27'd0, f_column} == f_count);
        assert(f_column <= (f_since == 4'd0 ? 5'd16 : {1'b0, f_since}));
        if (f_fetched) assert(value == f_shown);
        cover(f_fetched && value == 32'd20);
    end
`endif
endmodule
`default_nettype wire
