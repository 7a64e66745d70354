// One feed line from the MAC to messages: match, align, normalise.
// Latency: 3 cycles from the beat with a message's last byte to msg_valid, minimum = maximum; end_* 6 cycles after the
// packet's last beat, when the UDP checksum is known. Throughput: one beat per cycle; never pushes back, no overflow.
`default_nettype none
`include "norm_bus.vh"
module feed_line (
    input  wire        clk,
    input  wire        rst,
    input  wire        cfg_enable,
    input  wire [31:0] cfg_address,
    input  wire [15:0] cfg_port,
    input  wire [63:0] s_axis_tdata,
    input  wire [7:0]  s_axis_tkeep,
    input  wire        s_axis_tvalid,
    input  wire        s_axis_tlast,
    input  wire        s_axis_tuser,
    output wire        look_valid,   // a message's locate is in, early enough for a look of 3 cycles; not a register
    output wire [15:0] look_locate,
    output wire [63:0] next_seq,     // msg_seq of the next cycle, if there is a message in it
    output wire        msg_valid,
    output wire [`NORM_BODY_BITS-1:0] msg_body,
    output wire [63:0] msg_seq,
    output wire        msg_symbol,
    output wire        early_valid,
    output wire [63:0] early_ref,
    output wire        header_valid,
    output wire [79:0] header_session,
    output wire [63:0] header_seq,
    output wire [15:0] header_count,
    output wire        end_valid,
    output wire        end_bad,
    output wire [7:0]  end_reason,
    output wire        end_header,
    output wire        stat_frame,
    output wire        stat_match,
    output wire        stat_other,
    output wire        stat_bad,     // a frame for us that is bad, whatever the layer
    output wire        stat_unknown,
    output wire        stat_bad_length
);
    localparam [7:0] BAD_CHECKSUM = 8'd18; // fp_error code of hdl/spec/records.json
    localparam WAIT = 4; // cycles the end waits for the checksum; a packet's header takes longer to arrive

    wire [63:0]  axis_tdata;
    wire [7:0]   axis_tkeep;
    wire         axis_tvalid;
    wire         axis_tlast;
    wire         axis_tuser;
    wire [7:0]   axis_reason;
    wire         checksum_bad;
    eth_ip_udp_match match (
        .clk(clk), .rst(rst), .cfg_enable(cfg_enable), .cfg_address(cfg_address), .cfg_port(cfg_port),
        .s_axis_tdata(s_axis_tdata), .s_axis_tkeep(s_axis_tkeep), .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tlast(s_axis_tlast), .s_axis_tuser(s_axis_tuser),
        .m_axis_tdata(axis_tdata), .m_axis_tkeep(axis_tkeep), .m_axis_tvalid(axis_tvalid), .m_axis_tlast(axis_tlast),
        .m_axis_tuser(axis_tuser), .m_axis_reason(axis_reason), .m_checksum_bad(checksum_bad),
        .stat_frame(stat_frame), .stat_match(stat_match), .stat_other(stat_other), .stat_bad());

    wire         chunk_valid;
    wire [119:0] chunk_data;
    wire [3:0]   chunk_bytes;
    wire [2:0]   chunk_index;
    wire         chunk_last;
    wire [5:0]   chunk_length;
    wire [63:0]  chunk_seq;
    wire         packet_end;
    wire         packet_bad;
    wire [7:0]   packet_reason;
    wire         packet_header;
    mold_align align (
        .clk(clk), .rst(rst),
        .s_axis_tdata(axis_tdata), .s_axis_tkeep(axis_tkeep), .s_axis_tvalid(axis_tvalid), .s_axis_tlast(axis_tlast),
        .s_axis_tuser(axis_tuser), .s_axis_reason(axis_reason),
        .chunk_valid(chunk_valid), .chunk_data(chunk_data), .chunk_bytes(chunk_bytes), .chunk_index(chunk_index),
        .chunk_last(chunk_last), .chunk_length(chunk_length), .chunk_seq(chunk_seq),
        .look_valid(look_valid), .look_locate(look_locate),
        .header_valid(header_valid), .header_session(header_session), .header_seq(header_seq), .header_count(header_count),
        .end_valid(packet_end), .end_bad(packet_bad), .end_reason(packet_reason), .end_header(packet_header),
        .end_count());

    assign next_seq = chunk_seq;

    itch_norm norm (
        .clk(clk), .rst(rst),
        .chunk_valid(chunk_valid), .chunk_data(chunk_data), .chunk_bytes(chunk_bytes), .chunk_index(chunk_index),
        .chunk_last(chunk_last), .chunk_length(chunk_length), .chunk_seq(chunk_seq),
        .msg_valid(msg_valid), .msg_body(msg_body), .msg_seq(msg_seq), .msg_symbol(msg_symbol),
        .early_valid(early_valid), .early_ref(early_ref), .stat_unknown(stat_unknown), .stat_bad_length(stat_bad_length));

    // The end waits for the checksum.
    reg [WAIT-1:0] wait_valid;
    reg [9:0]      wait_state [0:WAIT-1];
    wire [9:0]     last_state;
    wire           spoilt;
    reg            bad;
    genvar i;
    generate
        for (i = 0; i < WAIT - 1; i = i + 1) begin : stage
            if (i == 0) begin : from_packet
                always @(posedge clk) wait_state[0] <= {packet_header, packet_bad, packet_reason};
            end else begin : from_last
                always @(posedge clk) wait_state[i] <= wait_state[i-1];
            end
        end
    endgenerate
    assign last_state = wait_state[WAIT-2];
    assign spoilt = checksum_bad && !last_state[8];
    always @(posedge clk) begin
        if (rst) begin
            wait_valid <= {WAIT{1'b0}};
            bad <= 1'b0;
        end else begin
            wait_valid <= {wait_valid[WAIT-2:0], packet_end};
            bad <= wait_valid[WAIT-2] && (last_state[8] || spoilt);
        end
        wait_state[WAIT-1] <= {last_state[9], last_state[8] || spoilt, spoilt ? BAD_CHECKSUM : last_state[7:0]};
    end
    assign end_valid = wait_valid[WAIT-1];
    assign end_header = wait_state[WAIT-1][9];
    assign end_bad = wait_state[WAIT-1][8];
    assign end_reason = wait_state[WAIT-1][7:0];
    assign stat_bad = bad;
endmodule
`default_nettype wire
