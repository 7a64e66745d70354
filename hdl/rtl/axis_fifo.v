// First-in first-out buffer with AXI-Stream handshakes on a block RAM and a registered output.
// Latency: 2 cycles when empty. Throughput: one beat per cycle in and out.
// Overflow: s_axis_tready is low while DEPTH words are in the RAM; a source that cannot wait looks at it, drops and
// counts itself. The FIFO never drops, repeats or reorders.
`default_nettype none
module axis_fifo #(
    parameter WIDTH = 73,
    parameter DEPTH_LOG2 = 9
) (
    input  wire                clk,
    input  wire                rst,
    input  wire [WIDTH-1:0]    s_axis_tdata,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    output wire [WIDTH-1:0]    m_axis_tdata,
    output wire                m_axis_tvalid,
    input  wire                m_axis_tready,
    output wire [DEPTH_LOG2:0] level // words in the RAM, the output register not counted
);
    reg [WIDTH-1:0]    ram [0:(1<<DEPTH_LOG2)-1];
    reg [DEPTH_LOG2:0] write_at; // one bit more than an address: full and empty differ in it
    reg [DEPTH_LOG2:0] read_at;
    reg                out_valid;
    reg [WIDTH-1:0]    out_data;
    reg                ready;    // low in reset, so that nothing is taken that the reset would lose

    wire full;
    wire empty;
    wire take;
    wire load;
    assign level = write_at - read_at;
    assign full = level[DEPTH_LOG2];
    assign empty = write_at == read_at;
    assign s_axis_tready = ready && !full;
    assign m_axis_tvalid = out_valid;
    assign m_axis_tdata = out_data;
    assign take = s_axis_tvalid && s_axis_tready;
    assign load = !empty && (!out_valid || m_axis_tready);

    always @(posedge clk) begin
        if (rst) begin
            write_at <= {(DEPTH_LOG2+1){1'b0}};
            read_at <= {(DEPTH_LOG2+1){1'b0}};
            out_valid <= 1'b0;
            ready <= 1'b0;
        end else begin
            ready <= 1'b1;
            if (take)
                write_at <= write_at + 1'b1;
            if (load)
                read_at <= read_at + 1'b1;
            if (load)
                out_valid <= 1'b1;
            else if (m_axis_tready)
                out_valid <= 1'b0;
        end
    end

    always @(posedge clk) begin
        if (take)
            ram[write_at[DEPTH_LOG2-1:0]] <= s_axis_tdata;
        if (load)
            out_data <= ram[read_at[DEPTH_LOG2-1:0]];
    end

`ifdef FORMAL
`include "axis_props.vh"
    `AXIS_FORMAL_START
    `AXIS_STABLE(assert, m_axis_tvalid, m_axis_tready, m_axis_tdata)
    `AXIS_EMPTY_AFTER_RESET(m_axis_tvalid)
    `AXIS_SAME_ORDER(take, s_axis_tdata, m_axis_tvalid && m_axis_tready, m_axis_tdata, WIDTH)
    wire [`AXIS_COUNT_BITS-1:0] f_depth; // how far behind the output the marked word is
    wire [DEPTH_LOG2:0]         f_at;
    assign f_depth = f_mark - f_given;
    assign f_at = read_at + f_depth[DEPTH_LOG2:0] - {{DEPTH_LOG2{1'b0}}, out_valid};
    always @(posedge clk) if (f_started && !rst) begin
        assert(level <= (1 << DEPTH_LOG2));
        assert(f_held == {{(`AXIS_COUNT_BITS-DEPTH_LOG2-1){1'b0}}, level} + {{(`AXIS_COUNT_BITS-1){1'b0}}, out_valid});
        if (f_mark_in && out_valid && f_depth == 0)
            assert(out_data == f_word);
        if (f_mark_in && !(out_valid && f_depth == 0))
            assert(ram[f_at[DEPTH_LOG2-1:0]] == f_word);
        cover(full && m_axis_tready && s_axis_tvalid);
        cover(f_given == 6 && empty);
    end
`endif
endmodule
`default_nettype wire
