// Skid buffer: cuts both the forward (valid, data) and the backward (ready) path of an AXI-Stream with registers.
// Latency: 1 cycle while the sink is ready. Throughput: one beat per cycle.
// Overflow: cannot; s_axis_tready falls before the second register is needed. It never drops, repeats or reorders a beat.
`default_nettype none
module axis_skid #(
    parameter WIDTH = 73 // tdata, tkeep and whatever else travels with a beat, tlast included by the user
) (
    input  wire             clk,
    input  wire             rst,
    input  wire [WIDTH-1:0] s_axis_tdata,
    input  wire             s_axis_tvalid,
    output wire             s_axis_tready,
    output wire [WIDTH-1:0] m_axis_tdata,
    output wire             m_axis_tvalid,
    input  wire             m_axis_tready
);
    reg             out_valid;
    reg [WIDTH-1:0] out_data;
    reg             skid_valid; // the beat that arrived in the cycle in which the sink stopped
    reg [WIDTH-1:0] skid_data;
    reg             ready;      // low until the first edge with reset released, then: the skid register is free

    assign s_axis_tready = ready;
    assign m_axis_tvalid = out_valid;
    assign m_axis_tdata = out_data;

    wire take;
    wire move;
    assign take = s_axis_tvalid && ready;
    assign move = m_axis_tready || !out_valid;

    always @(posedge clk) begin
        if (rst) begin
            out_valid <= 1'b0;
            skid_valid <= 1'b0;
            ready <= 1'b0;
        end else if (move) begin
            out_valid <= skid_valid || take;
            skid_valid <= 1'b0;
            ready <= 1'b1;
        end else begin
            skid_valid <= skid_valid || take;
            ready <= !(skid_valid || take);
        end
        if (move)
            out_data <= skid_valid ? skid_data : s_axis_tdata;
        if (take)
            skid_data <= s_axis_tdata;
    end

`ifdef FORMAL
`include "axis_props.vh"
    `AXIS_FORMAL_START
    `AXIS_STABLE(assert, m_axis_tvalid, m_axis_tready, m_axis_tdata)
    `AXIS_EMPTY_AFTER_RESET(m_axis_tvalid)
    `AXIS_SAME_ORDER(s_axis_tvalid && s_axis_tready, s_axis_tdata, m_axis_tvalid && m_axis_tready, m_axis_tdata, WIDTH)
    // What makes the induction close: the registers hold exactly the beats taken and not given, oldest first.
    always @(posedge clk) if (f_started && !rst) begin
        assert(f_held == {{(`AXIS_COUNT_BITS-1){1'b0}}, out_valid} + {{(`AXIS_COUNT_BITS-1){1'b0}}, skid_valid});
        assert(!skid_valid || out_valid);
        assert(!(skid_valid && ready));
        if (f_mark_in && out_valid && f_given == f_mark)
            assert(out_data == f_word);
        if (f_mark_in && skid_valid && f_given + 1'b1 == f_mark)
            assert(skid_data == f_word);
        cover(f_given == 4 && f_taken == 4 && $past(skid_valid, 2));
    end
`endif
endmodule
`default_nettype wire
