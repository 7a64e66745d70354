// Ethernet / IPv4 / UDP match: lets pass the UDP payload of frames sent to one address and port, drops the rest.
// Latency: 1 cycle per beat. Throughput: one beat per cycle; never pushes back, so it has no tready and no overflow.
//
//   byte (no VLAN / VLAN)      byte                          byte
//   0  destination MAC         14/18 version, IHL            30/34 destination address
//   6  source MAC              16/20 total length            34/38 source port
//   12 EtherType / 0x8100      20/24 flags, fragment         36/40 destination port
//   -/14 tag                   23/27 protocol                38/42 UDP length
//   -/16 EtherType             24/28 header checksum         42/46 payload
//
// The payload leaves as it lies in the frame: its first beat has tkeep 0xFC (no VLAN) or 0xC0 (one VLAN tag), so a byte
// keeps its lane. The UDP length bounds it. The end of a frame is its own beat with tkeep 0 where padding follows the
// payload. With tlast, tuser = 1 says that the frame is bad, m_axis_reason why (a positive fp_error code); a frame found
// bad early is ended at once.
// The UDP checksum (0 = absent) is known after the last byte: m_checksum_bad speaks of the frame whose last beat left 4
// cycles ago. The IP header checksum and the lengths are judged before any message can leave.
// Frames to the address that are fragments or carry IP options are told as bad (not supported), since they cannot be
// matched; frames for others are counted and dropped without a word. `cfg_*` may change between frames only.
`default_nettype none
module eth_ip_udp_match #(
    parameter [15:0] MAX_PAYLOAD = 16'd1472 // larger datagrams are refused as oversized
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        cfg_enable,
    input  wire [31:0] cfg_address, // destination IPv4 address
    input  wire [15:0] cfg_port,    // destination UDP port
    input  wire [63:0] s_axis_tdata,
    input  wire [7:0]  s_axis_tkeep,
    input  wire        s_axis_tvalid,
    input  wire        s_axis_tlast,
    input  wire        s_axis_tuser,
    output wire [63:0] m_axis_tdata,
    output wire [7:0]  m_axis_tkeep,
    output wire        m_axis_tvalid,
    output wire        m_axis_tlast,
    output wire        m_axis_tuser,
    output wire [7:0]  m_axis_reason,
    output wire        m_checksum_bad,
    output wire        stat_frame,  // a frame ended
    output wire        stat_match,  // a frame for us begins to leave (it may still turn out bad)
    output wire        stat_other,  // a frame was for somebody else
    output wire        stat_bad     // a frame was for us and bad
);
    localparam [7:0] TRUNCATED = 8'd1;      // fp_error codes of hdl/spec/records.json
    localparam [7:0] OVERSIZED = 8'd2;
    localparam [7:0] BAD_LENGTH = 8'd4;
    localparam [7:0] CORRUPT = 8'd14;
    localparam [7:0] NOT_SUPPORTED = 8'd17;
    localparam [7:0] BAD_CHECKSUM = 8'd18;

    localparam [15:0] HEADERS = 16'd28;     // UDP and MoldUDP64: the least a datagram has

    localparam [1:0] HEADER = 2'd0;  // beats 0 to 5
    localparam [1:0] PAYLOAD = 2'd1;
    localparam [1:0] PADDING = 2'd2; // all payload is out, the frame goes on
    localparam [1:0] SKIP = 2'd3;    // not for us, or already told bad

    reg [1:0]  state;
    reg [2:0]  beat;          // 0..7, stays at 7
    reg        vlan;
    reg        type_ok;
    reg        plain;         // IHL 5 and no fragment
    reg        udp;
    reg        address_ok;
    reg        port_ok;
    reg [15:0] total_length;
    reg [15:0] udp_length;
    reg [15:0] left;          // payload bytes after this beat
    reg        check;         // the header is in: judge what is not needed earlier
    reg        late_bad;
    reg [7:0]  late_reason;
    reg        body;          // beat 7 is past
    reg [17:0] part;          // IP header checksum: sum of one beat
    reg [19:0] sum;

    reg [63:0] out_data;
    reg [7:0]  out_keep;
    reg        out_valid;
    reg        out_last;
    reg        out_user;
    reg [7:0]  out_reason;
    reg        end_frame;
    reg        end_match;
    reg        end_other;
    reg        end_bad;

    assign m_axis_tdata = out_data;
    assign m_axis_tkeep = out_keep;
    assign m_axis_tvalid = out_valid;
    assign m_axis_tlast = out_last;
    assign m_axis_tuser = out_user;
    assign m_axis_reason = out_reason;
    assign stat_frame = end_frame;
    assign stat_match = end_match;
    assign stat_other = end_other;
    assign stat_bad = end_bad;

    // The beat as bytes and as big-endian halves.
    wire [7:0]  byte2;
    wire [7:0]  byte3;
    wire [7:0]  byte6;
    wire [7:0]  byte7;
    wire [15:0] half0;
    wire [15:0] half1;
    wire [15:0] half2;
    wire [15:0] half3;
    assign byte2 = s_axis_tdata[23:16];
    assign byte3 = s_axis_tdata[31:24];
    assign byte6 = s_axis_tdata[55:48];
    assign byte7 = s_axis_tdata[63:56];
    assign half0 = {s_axis_tdata[7:0], s_axis_tdata[15:8]};
    assign half1 = {s_axis_tdata[23:16], s_axis_tdata[31:24]};
    assign half2 = {s_axis_tdata[39:32], s_axis_tdata[47:40]};
    assign half3 = {s_axis_tdata[55:48], s_axis_tdata[63:56]};

    // Header fields, beat by beat.
    always @(posedge clk) begin
        if (s_axis_tvalid && beat == 3'd1) begin
            vlan <= half2 == 16'h8100;
            type_ok <= half2 == 16'h0800 && byte6[7:4] == 4'd4;
            plain <= byte6[3:0] == 4'd5;
        end
        if (s_axis_tvalid && beat == 3'd2) begin
            if (vlan) begin
                type_ok <= half0 == 16'h0800 && byte2[7:4] == 4'd4;
                plain <= byte2[3:0] == 4'd5;
                total_length <= half2;
            end else begin
                plain <= plain && half2[13:0] == 14'd0;
                total_length <= half0;
                udp <= byte7 == 8'd17;
            end
        end
        if (s_axis_tvalid && beat == 3'd3) begin
            address_ok <= half3 == cfg_address[31:16];
            if (vlan) begin
                plain <= plain && half0[13:0] == 14'd0;
                udp <= byte3 == 8'd17;
            end
        end
        if (s_axis_tvalid && beat == 3'd4) begin
            if (vlan)
                address_ok <= {half1, half2} == cfg_address;
            else
                address_ok <= address_ok && half0 == cfg_address[15:0];
            port_ok <= half2 == cfg_port;
            udp_length <= half3;
        end
        if (s_axis_tvalid && beat == 3'd5 && vlan)
            udp_length <= half1;
    end

    // IP header checksum, two cycles behind the beats; complete one cycle after beat 5 at the latest.
    wire [3:0] summed;
    assign summed = beat == 3'd1 ? {half2 != 16'h8100, 3'b000}
                  : beat == 3'd2 ? {3'b111, !vlan}
                  : beat == 3'd3 ? 4'b1111
                  : beat == 3'd4 ? {1'b0, vlan, vlan, 1'b1}
                  : 4'b0000;
    always @(posedge clk) begin
        if (s_axis_tvalid)
            part <= {2'b00, half0 & {16{summed[0]}}} + {2'b00, half1 & {16{summed[1]}}}
                  + {2'b00, half2 & {16{summed[2]}}} + {2'b00, half3 & {16{summed[3]}}};
        else
            part <= 18'd0;
        if (s_axis_tvalid && beat == 3'd0)
            sum <= 20'd0;
        else
            sum <= sum + {2'b00, part};
    end

    // The late verdict is there for beat 7; the Mold header is not complete before it.
    wire [16:0] folded;
    wire        unequal;
    assign unequal = {1'b0, udp_length} + 17'd20 != {1'b0, total_length};
    assign folded = {1'b0, sum[15:0]} + {13'd0, sum[19:16]};
    always @(posedge clk) begin
        if (rst)
            check <= 1'b0;
        else
            check <= s_axis_tvalid && beat == 3'd5;
        if (check) begin
            late_bad <= folded != 17'h0FFFF || unequal || udp_length < HEADERS || udp_length > 16'd8 + MAX_PAYLOAD;
            if (folded != 17'h0FFFF)
                late_reason <= BAD_CHECKSUM;
            else if (unequal || udp_length < 16'd8)
                late_reason <= BAD_LENGTH;
            else
                late_reason <= udp_length < HEADERS ? TRUNCATED : OVERSIZED;
        end
    end

    // Verdict on the first payload beat.
    wire ours;
    wire hit;
    wire refuse;
    assign ours = cfg_enable && type_ok && udp && address_ok;
    assign hit = ours && plain && (vlan ? half0 == cfg_port : port_ok);
    assign refuse = ours && !plain;

    // How much of this beat is payload.
    wire       final_beat;  // the payload ends in it
    wire [7:0] wanted;
    wire       short_beat;  // with tlast: the frame has fewer bytes than the payload wants
    assign final_beat = left <= 16'd8;
    assign wanted = left >= 16'd8 ? 8'hFF : ~(8'hFF << left[2:0]);
    assign short_beat = !final_beat || (wanted & ~s_axis_tkeep) != 8'h00;

    always @(posedge clk) begin
        if (rst) begin
            state <= HEADER;
            beat <= 3'd0;
            out_valid <= 1'b0;
            end_frame <= 1'b0;
            end_match <= 1'b0;
            end_other <= 1'b0;
            end_bad <= 1'b0;
        end else begin
            out_valid <= 1'b0;
            end_frame <= 1'b0;
            end_match <= 1'b0;
            end_other <= 1'b0;
            end_bad <= 1'b0;
            if (s_axis_tvalid) begin
                if (s_axis_tlast) begin
                    state <= HEADER;
                    beat <= 3'd0;
                    end_frame <= 1'b1;
                end else if (beat != 3'd7)
                    beat <= beat + 3'd1;

                if (state == HEADER) begin
                    if (beat == 3'd5) begin
                        out_valid <= hit || refuse;
                        end_match <= hit;
                        end_bad <= refuse || (hit && s_axis_tlast);
                        end_other <= !hit && !refuse;
                        if (!s_axis_tlast)
                            state <= hit ? PAYLOAD : SKIP;
                    end else if (s_axis_tlast)
                        end_other <= 1'b1;
                end
                if (state == PAYLOAD) begin
                    out_valid <= 1'b1;
                    if (!s_axis_tlast) begin
                        if (beat == 3'd7 && late_bad && !body)
                            state <= SKIP;
                        else if (final_beat && beat == 3'd7) // sooner: no room for a Mold header, which beat 7 tells
                            state <= PADDING;
                    end
                    end_bad <= (beat == 3'd7 && late_bad && !body) || (s_axis_tlast && (short_beat || s_axis_tuser || beat != 3'd7));
                end
                if (state == PADDING) begin
                    out_valid <= s_axis_tlast;
                    end_bad <= s_axis_tlast && s_axis_tuser;
                end
            end
        end
    end

    // The late verdict is spent on the first beat 7.
    always @(posedge clk) begin
        if (rst || (s_axis_tvalid && s_axis_tlast))
            body <= 1'b0;
        else if (s_axis_tvalid && beat == 3'd7)
            body <= 1'b1;
    end

    // UDP checksum: the addresses and all of the datagram, wherever in the first beats they begin.
    reg  checksum_present;
    wire summing;
    wire [7:0] sum_mask;
    assign summing = s_axis_tvalid && ((state == HEADER && beat >= 3'd3) || state == PAYLOAD);
    assign sum_mask = state == PAYLOAD ? wanted : beat == 3'd3 ? (vlan ? 8'hC0 : 8'hFC) : 8'hFF;
    always @(posedge clk)
        if (s_axis_tvalid && state == HEADER && beat == 3'd5)
            checksum_present <= (vlan ? half2 : half0) != 16'd0;

    udp_checksum checksum (
        .clk(clk),
        .valid(summing),
        .start(beat == 3'd3),
        .data(s_axis_tdata),
        .mask(sum_mask),
        .length(udp_length),
        .present(checksum_present),
        .wrong(m_checksum_bad)
    );

    always @(posedge clk) begin
        if (s_axis_tvalid) begin
            out_data <= s_axis_tdata;
            out_reason <= 8'd0;
            if (state == HEADER) begin
                out_keep <= refuse ? 8'h00 : s_axis_tkeep & (vlan ? 8'hC0 : 8'hFC);
                out_last <= s_axis_tlast || refuse;
                out_user <= s_axis_tlast || refuse;
                out_reason <= refuse ? NOT_SUPPORTED : s_axis_tlast ? TRUNCATED : 8'd0;
                left <= (vlan ? half1 - 16'd10 : udp_length - 16'd14);
            end else begin
                left <= left - 16'd8;
                out_last <= s_axis_tlast;
                out_keep <= wanted & s_axis_tkeep;
                out_user <= s_axis_tlast && s_axis_tuser;
                if (s_axis_tlast && s_axis_tuser)
                    out_reason <= CORRUPT;
                if (state == PAYLOAD) begin
                    if (s_axis_tlast && (short_beat || beat != 3'd7)) begin
                        out_user <= 1'b1;
                        if (!s_axis_tuser)
                            out_reason <= TRUNCATED;
                    end
                    if (beat == 3'd7 && late_bad && !body) begin
                        out_keep <= 8'h00;
                        out_last <= 1'b1;
                        out_user <= 1'b1;
                        out_reason <= late_reason;
                    end
                end else
                    out_keep <= 8'h00;
            end
        end
    end
endmodule
`default_nettype wire
