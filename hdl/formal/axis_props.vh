// AXI-Stream properties to include inside a module, under `ifdef FORMAL. `kind` is assert or assume.
// Read by yosys -formal and, for the same checks in simulation, by Verilator with -DFORMAL --assert.
// They expect the module's clk and rst; AXIS_FORMAL_START comes first.
`ifndef FP_AXIS_PROPS_VH
`define FP_AXIS_PROPS_VH
`define AXIS_COUNT_BITS 16

// f_started: the past exists. A run begins with one cycle of reset, unless simulated.
`define AXIS_FORMAL_START \
    reg f_started; \
    initial f_started = 1'b0; \
    always @(posedge clk) f_started <= 1'b1; \
    `AXIS_ASSUME_FIRST_RESET

`ifdef YOSYS
`define AXIS_ASSUME_FIRST_RESET always @(posedge clk) if (!f_started) assume(rst);
`else
`define AXIS_ASSUME_FIRST_RESET
`endif

// A beat that was offered and not taken stays offered, unchanged.
`define AXIS_STABLE(kind, valid, ready, payload) \
    always @(posedge clk) if (f_started && !$past(rst) && !rst && $past((valid) && !(ready))) begin \
        kind(valid); \
        kind((payload) == $past(payload)); \
    end

// The first cycle after a reset offers nothing.
`define AXIS_EMPTY_AFTER_RESET(valid) \
    always @(posedge clk) if (f_started && $past(rst)) assert(!(valid));

// Nothing dropped, repeated or reordered: the word taken as number f_mark (any number) is given as number f_mark,
// and no more is given than was taken. A word may be given in the cycle in which it is taken. Declares f_taken, f_given, f_held, f_mark, f_mark_in, f_word.
`ifdef YOSYS
`define AXIS_ANYCONST (* anyconst *)
`else
`define AXIS_ANYCONST
`endif
`define AXIS_SAME_ORDER(take, take_word, give, give_word, width) \
    `AXIS_ANYCONST reg [`AXIS_COUNT_BITS-1:0] f_mark; \
    reg [`AXIS_COUNT_BITS-1:0] f_taken; \
    reg [`AXIS_COUNT_BITS-1:0] f_given; \
    reg f_mark_in; \
    reg [(width)-1:0] f_word; \
    wire [`AXIS_COUNT_BITS-1:0] f_held; \
    assign f_held = f_taken - f_given; \
    always @(posedge clk) begin \
        if (rst) begin \
            f_taken <= 0; \
            f_given <= 0; \
            f_mark_in <= 1'b0; \
        end else begin \
            if (take) f_taken <= f_taken + 1'b1; \
            if (give) f_given <= f_given + 1'b1; \
            if ((take) && f_taken == f_mark) begin \
                f_mark_in <= !((give) && f_given == f_mark); \
                f_word <= (take_word); \
            end else if ((give) && f_given == f_mark) \
                f_mark_in <= 1'b0; \
        end \
    end \
    always @(posedge clk) if (f_started && !rst) begin \
        if (give) assert(f_held != 0 || (take)); \
        if ((give) && f_given == f_mark) begin \
            if (f_mark_in) assert((give_word) == f_word); \
            else assert((take) && f_taken == f_mark && (give_word) == (take_word)); \
        end \
        assert(f_mark_in == ((f_mark - f_given) < f_held)); \
    end
`endif
