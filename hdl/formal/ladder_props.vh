// What is asserted of the price ladder; px_ladder.v includes it when FORMAL is defined, and it sees that module's registers.
    // One level, any one of a symbol's side: what is told as best is never worse than it while it holds shares, and tells its
    // shares when it is the best. For all levels together this is the best level, exactly. Prices are below a quarter of
    // the window, so that no floor rises; a take of more than a level holds loses the side, which then says so.
    reg f_started;
    initial f_started = 1'b0;
    always @(posedge clk) f_started <= 1'b1;
    (* anyconst *) reg [SS-1:0] f_book;
    (* anyconst *) reg [6:0]    f_price;
    reg [`BM_W-1:0]  f_msg;
    reg [QTY_W-1:0]  f_shares;
    wire [QTY_W-1:0] f_after;
    wire             f_mine;
    reg [QTY_W-1:0]  f_told [0:5]; // after the change that is i + 1 stages on
    assign f_mine = l0_go && (l0_adds || l0_takes) && {l0_sym, l0_side} == f_book && l0_price == {25'd0, f_price};
    assign f_after = !f_mine ? f_shares : l0_adds ? f_shares + {{(QTY_W-32){1'b0}}, l0_amount} : f_shares - {{(QTY_W-32){1'b0}}, l0_amount};
    always @(posedge clk) begin
        f_msg <= c_msg;
        f_shares <= rst ? 0 : f_after;
        f_told[0] <= f_after;
        f_told[1] <= f_told[0];
        f_told[2] <= f_told[1];
        f_told[3] <= f_told[2];
        f_told[4] <= f_told[3];
        f_told[5] <= f_told[4];
    end
`ifdef YOSYS
    always @(posedge clk) begin
        assume(rst == !f_started);
        assume(f_price != 7'd0);
        assume(!v_valid || (ready && v_verdict == `BV_OK && v_msg[`BM_OP] <= `BOP_REPLACE));
        assume(c_price < 32'd128 && c_price != 32'd0 && c_msg[`BM_PRICE] < 32'd128 && c_msg[`BM_PRICE] != 32'd0);
        assume(!v_valid || v_msg == f_msg);
        // Some places of two groups, the first and last among them, so that the solver ends.
        assume(c_price[5:2] == {4{c_price[2]}} && c_msg[261:258] == {4{c_msg[258]}} && f_price[5:2] == {4{f_price[2]}});
        assume(v_msg[`BM_SHARES] < 32'd4 && v_msg[`BM_SHARES] != 32'd0 && v_shares < 32'd4 && v_shares != 32'd0);
        assume(!f_mine || l0_adds || f_shares >= {{(QTY_W-32){1'b0}}, l0_amount});
        assume(!stat_overrun);
    end
`endif
    always @(posedge clk) if (f_started && !rst) begin
        if (l0_go && l0_twin) assert(l2_valid && !l2_carry[CW-1] && l2_carry[36 +: SS] == {l0_sym, l0_side});
        assert(!(l1_valid && l2_valid) && !(l1_valid && l4_valid) && !(l1_valid && l6_valid));
        if (late_write && {late_symidx, late_side} == f_book && !late_lost) begin
            if (f_told[5] != 0)
                assert(late_price != 32'd0 && (late_side ? late_price <= {25'd0, f_price} : late_price >= {25'd0, f_price}));
            if (late_price == {25'd0, f_price})
                assert(late_shares == f_told[5] && f_told[5] != 0);
        end
        cover(late_write && {late_symidx, late_side} == f_book && late_price != 0 && late_price != {25'd0, f_price} && f_told[5] != 0);
        cover(l5_valid && l5_out && !l5_lower && !l5_none && !l5_lost);
        cover(l5_valid && l5_out && l5_lower && !l5_lost);
    end
