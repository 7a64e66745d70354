// From a record of the book to an order on the wire: strat_trigger -> risk_gate -> ouch_enc.
// Latency: ev_valid to the first beat on m_axis 5 cycles (trigger 2, gate 2, encoder 1) when the path is idle.
// Throughput: an order's beats and 5 cycles; a refused one 4 cycles. Overflow: none; met triggers wait with their quote.
`default_nettype none
module trade_core #(
    parameter SYM_LOG2 = 8,
    parameter SLOTS_LOG2 = 4,
    parameter DUP_LOG2 = 3
) (
    input  wire        clk,
    input  wire        rst,
    output wire        ready,
    input  wire [47:0] now,
    input  wire        ev_valid,
    input  wire        ev_row,
    input  wire        ev_changed,
    input  wire        ev_stale,
    input  wire        ev_halted,
    input  wire [9:0]  ev_symidx,
    input  wire [31:0] ev_bid,
    input  wire [31:0] ev_ask,
    input  wire [31:0] ev_rx_cycle,
    input  wire        cmd_valid,
    input  wire        cmd_arm,
    input  wire [SLOTS_LOG2-1:0] cmd_slot,
    input  wire [9:0]  cmd_symidx,
    input  wire [2:0]  cmd_condition,
    input  wire [31:0] cmd_price,
    input  wire [47:0] cmd_expire,
    input  wire        cfg_kill,
    input  wire        cfg_trade,
    input  wire        cfg_session,
    input  wire        cfg_all_stale,
    input  wire [31:0] cfg_rate_period,
    input  wire [15:0] cfg_rate_burst,
    input  wire [47:0] cfg_dup_window,
    input  wire        limit_write,
    input  wire [9:0]  limit_symidx,
    input  wire        limit_enable,
    input  wire [31:0] limit_quantity,
    input  wire [63:0] limit_notional,
    input  wire [15:0] limit_collar,
    input  wire [31:0] limit_buy_room,
    input  wire [31:0] limit_sell_room,
    input  wire        load_valid,
    input  wire [SLOTS_LOG2-1:0] load_slot,
    input  wire [2:0]  load_word,
    input  wire [63:0] load_data,
    input  wire        seal_valid,
    input  wire [SLOTS_LOG2-1:0] seal_slot,
    input  wire [6:0]  seal_length,
    output wire        load_refused,
    input  wire        urn_valid,
    input  wire [31:0] urn,
    output wire [31:0] next_urn,
    output wire [63:0] m_axis_tdata,
    output wire [7:0]  m_axis_tkeep,
    output wire        m_axis_tvalid,
    input  wire        m_axis_tready,
    output wire        m_axis_tlast,
    output wire [(1<<SLOTS_LOG2)-1:0] armed,
    output wire [(1<<SLOTS_LOG2)-1:0] fired,
    output wire [(1<<SLOTS_LOG2)-1:0] expired,
    output wire [(1<<SLOTS_LOG2)-1:0] disarmed,
    output wire        pass_valid,
    output wire        reject_valid,
    output wire [SLOTS_LOG2-1:0] out_slot,
    output wire [15:0] out_reasons,
    output reg  [31:0] out_rx_cycle,  // of the message that fired the order in the gate
    output wire        stat_fired,
    output wire        stat_expired
);
    wire [SLOTS_LOG2-1:0] look_slot;
    wire        look_direct;
    wire        fire_valid;
    wire        fire_ready;
    wire [SLOTS_LOG2-1:0] fire_slot;
    wire [9:0]  fire_symidx;
    wire [31:0] fire_bid;
    wire [31:0] fire_ask;
    wire        fire_stale;
    wire        fire_halted;
    wire [31:0] fire_rx_cycle;
    wire        idle;
    wire        busy;
    wire [SLOTS_LOG2-1:0] held_slot;
    wire        order_valid;
    wire        order_sell;
    wire [31:0] order_quantity;
    wire [63:0] order_price;
    wire [63:0] order_notional;
    wire [45:0] order_scaled;

    strat_trigger #(.SLOTS_LOG2(SLOTS_LOG2)) trigger (
        .clk(clk), .rst(rst), .now(now), .cmd_valid(cmd_valid), .cmd_arm(cmd_arm), .cmd_slot(cmd_slot), .cmd_symidx(cmd_symidx),
        .cmd_condition(cmd_condition), .cmd_price(cmd_price), .cmd_expire(cmd_expire),
        .ev_valid(ev_valid), .ev_row(ev_row), .ev_changed(ev_changed), .ev_stale(ev_stale), .ev_halted(ev_halted),
        .ev_symidx(ev_symidx), .ev_bid(ev_bid), .ev_ask(ev_ask), .ev_rx_cycle(ev_rx_cycle),
        .look_slot(look_slot), .look_direct(look_direct),
        .fire_valid(fire_valid), .fire_ready(fire_ready), .fire_slot(fire_slot), .fire_symidx(fire_symidx),
        .fire_bid(fire_bid), .fire_ask(fire_ask), .fire_stale(fire_stale), .fire_halted(fire_halted), .fire_rx_cycle(fire_rx_cycle),
        .armed(armed), .fired(fired), .expired(expired), .disarmed(disarmed), .stat_fired(stat_fired), .stat_expired(stat_expired)
    );
    risk_gate #(.SYM_LOG2(SYM_LOG2), .SLOTS_LOG2(SLOTS_LOG2), .DUP_LOG2(DUP_LOG2)) gate (
        .clk(clk), .rst(rst), .ready(ready), .now(now), .cfg_kill(cfg_kill), .cfg_trade(cfg_trade), .cfg_session(cfg_session),
        .cfg_all_stale(cfg_all_stale), .cfg_rate_period(cfg_rate_period), .cfg_rate_burst(cfg_rate_burst),
        .cfg_dup_window(cfg_dup_window), .limit_write(limit_write), .limit_symidx(limit_symidx), .limit_enable(limit_enable),
        .limit_quantity(limit_quantity), .limit_notional(limit_notional), .limit_collar(limit_collar),
        .limit_buy_room(limit_buy_room), .limit_sell_room(limit_sell_room),
        .look_symidx(ev_symidx[SYM_LOG2-1:0]), .look_bid(ev_bid), .look_ask(ev_ask), .look_direct(look_direct),
        .fire_valid(fire_valid), .fire_ready(fire_ready), .fire_slot(fire_slot), .fire_symidx(fire_symidx),
        .fire_bid(fire_bid), .fire_ask(fire_ask), .fire_stale(fire_stale), .fire_halted(fire_halted), .send_ready(idle),
        .order_valid(order_valid), .order_sell(order_sell), .order_quantity(order_quantity), .order_price(order_price),
        .order_notional(order_notional), .order_scaled(order_scaled),
        .busy(busy), .held_slot(held_slot),
        .pass_valid(pass_valid), .reject_valid(reject_valid), .out_slot(out_slot), .out_reasons(out_reasons)
    );
    ouch_enc #(.SLOTS_LOG2(SLOTS_LOG2)) encoder (
        .clk(clk), .rst(rst), .load_valid(load_valid), .load_slot(load_slot), .load_word(load_word), .load_data(load_data),
        .seal_valid(seal_valid), .seal_slot(seal_slot), .seal_length(seal_length), .urn_valid(urn_valid), .urn(urn),
        .next_urn(next_urn), .load_refused(load_refused), .look_slot(look_slot), .offer_valid(fire_valid), .offer_slot(fire_slot), .order_valid(order_valid),
        .order_sell(order_sell), .order_quantity(order_quantity), .order_price(order_price),
        .order_notional(order_notional), .order_scaled(order_scaled), .gate_busy(busy), .send(pass_valid), .send_slot(held_slot), .idle(idle),
        .m_axis_tdata(m_axis_tdata), .m_axis_tkeep(m_axis_tkeep), .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready),
        .m_axis_tlast(m_axis_tlast)
    );
    always @(posedge clk)
        if (fire_valid && fire_ready)
            out_rx_cycle <= fire_rx_cycle;
endmodule
`default_nettype wire
