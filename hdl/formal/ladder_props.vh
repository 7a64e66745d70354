// What is asserted of the price ladder; px_ladder.v includes it when FORMAL is defined, and it sees that module's registers.
    // One level, any one of a symbol's side: what is told as best is never worse than it while it holds shares, and tells its
    // shares when it is the best. For all levels together this is the best level, exactly. A level that fell out of the window
    // or never was in it is held by the model and not by the ladder: what is told must then be better, or told as lost.
    reg f_started;
    initial f_started = 1'b0;
    always @(posedge clk) f_started <= 1'b1;
    (* anyconst *) reg [SS-1:0] f_book;
    (* anyconst *) reg [8:0]    f_price;  // below a dollar a price is its own tick: twice the window
    reg [`BM_W-1:0]  f_msg;
    reg [QTY_W-1:0]  f_shares;
    wire [QTY_W-1:0] f_after;
    wire             f_mine;
    reg [QTY_W-1:0]  f_told [0:5]; // after the change that is i + 1 stages on
    assign f_mine = l0_go && (l0_adds || l0_takes) && {l0_sym, l0_side} == f_book && l0_price == {23'd0, f_price};
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
    wire             f_tells;
    reg              f_was_next; // the change used up the best level, and the next one is in its group, or
    reg              f_was_head; // another's head
    reg              f_was_evict; // or it made levels fall out of the window
    assign f_tells = late_write && {late_symidx, late_side} == f_book && !late_lost;
    always @(posedge clk) begin
        f_was_next <= l5_out && l5_lower;
        f_was_head <= l5_out && !l5_lower && !l5_none;
        f_was_evict <= stat_evict;
    end
    // The levels' memory is cut out: any word is read, but of that level's address, where it is the one written last, or
    // anything when it is written at the very edge, as ladder_levels promises.
    wire [IW-1:0]    f_place;
    wire             f_put;
    reg [QTY_W-1:0]  f_level;
    reg              f_got1;
    reg              f_got2;
    reg [QTY_W-1:0]  f_word1;
    reg [QTY_W-1:0]  f_word2;
    assign f_place = f_price[IW-1:0] ^ {IW{f_book[0]}};
    assign f_put = l5_valid && l5_put && l5_book == f_book && l5_place == f_place;
    always @(posedge clk) begin
        if (f_put) f_level <= l5_qty;
        f_got1 <= {level_at, level_side} == {f_book[SS-1:1], f_place, f_book[0]} && !f_put;
        f_got2 <= f_got1;
        f_word1 <= f_level;
        f_word2 <= f_word1;
    end
`ifdef YOSYS
    always @(posedge clk) begin
        assume(rst == !f_started);
        assume(!f_got2 || level_read == f_word2);
        // As order table and pace promise.
        assume(!v_valid || (ready && v_msg == f_msg));
        assume(f_price != 9'd0 && c_price != 32'd0 && c_msg[`BM_PRICE] != 32'd0); // 0 is no price
        assume(v_msg[`BM_SHARES] != 32'd0 && v_shares != 32'd0);
        assume(!f_mine || l0_adds || f_shares >= {{(QTY_W-32){1'b0}}, l0_amount});
        assume(!stat_overrun);
        // What is searched: eight places of each of eight groups of both sides of one symbol, three shares at a time.
        assume(c_price[31:9] == 23'd0 && c_price[5:2] == {4{c_price[2]}});
        assume(c_msg[287:265] == 23'd0 && c_msg[261:258] == {4{c_msg[258]}});
        assume(f_price[5:2] == {4{f_price[2]}});
        assume(c_msg[84] == 1'b0 && !f_book[1]);
        assume(c_msg[255:226] == 30'd0 && v_shares[31:2] == 30'd0 && level_read[QTY_W-1:5] == 0);
    end
`endif
    always @(posedge clk) if (f_started && !rst) begin
        if (l0_go && l0_twin) assert(l2_valid && !l2_carry[CW-1] && l2_carry[36 +: SS] == {l0_sym, l0_side});
        assert(!(l1_valid && l2_valid) && !(l1_valid && l4_valid) && !(l1_valid && l6_valid));
        if (f_tells) begin
            if (f_told[5] != 0)
                assert(late_price != 32'd0 && (late_side ? late_price <= {23'd0, f_price} : late_price >= {23'd0, f_price}));
            if (late_price == {23'd0, f_price})
                assert(late_shares == f_told[5] && f_told[5] != 0);
        end
        // The level becomes the best: next in its group, or head of the next group; twice changed at the shortest distance;
        // others fall out of the window.
        // Each is a search of its own, far quicker than one for all.
`ifdef F_COVER_NEXT
        cover(f_tells && f_was_next && late_price == {23'd0, f_price});
`endif
`ifdef F_COVER_HEAD
        cover(f_tells && f_was_head && late_price == {23'd0, f_price});
`endif
`ifdef F_COVER_TWICE
        cover(l3_valid && l3_near && l3_take && l3_forward && !l3_lost && l3_book == f_book && l3_place == f_place && !l3_empties);
`endif
`ifdef F_COVER_EVICT
        cover(f_tells && f_was_evict && late_price != {23'd0, f_price} && f_told[5] != 0);
`endif
    end
