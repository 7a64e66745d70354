// UDP checksum: sums the halves of a datagram and its pseudo header, and says whether they add up.
// Latency: `wrong` is right 4 cycles after the last beat. Throughput: one beat per cycle; no overflow, up to 64 KiB.
`default_nettype none
module udp_checksum (
    input  wire        clk,
    input  wire        valid,
    input  wire        start,   // first beat of a datagram
    input  wire [63:0] data,
    input  wire [7:0]  mask,    // bytes that count: addresses, UDP header, payload
    input  wire [15:0] length,  // UDP length, which counts a second time in the pseudo header
    input  wire        present, // the checksum field is not 0
    output wire        wrong
);
    localparam [18:0] PROTOCOL = 19'd17;

    reg [63:0] masked;
    reg        masked_valid;
    reg        masked_start;
    reg [17:0] part;
    reg        part_valid;
    reg        part_start;
    reg [31:0] sum;
    reg [18:0] folded;
    reg        unequal;
    wire [16:0] total;
    assign total = {1'b0, folded[15:0]} + {14'd0, folded[18:16]};
    assign wrong = unequal;

    genvar i;
    generate
        for (i = 0; i < 8; i = i + 1) begin : lane
            always @(posedge clk)
                masked[8*i+:8] <= data[8*i+:8] & {8{mask[i]}};
        end
    endgenerate

    always @(posedge clk) begin
        masked_valid <= valid;
        masked_start <= start;
        part <= {2'b00, masked[7:0], masked[15:8]} + {2'b00, masked[23:16], masked[31:24]}
              + {2'b00, masked[39:32], masked[47:40]} + {2'b00, masked[55:48], masked[63:56]};
        part_valid <= masked_valid;
        part_start <= masked_start;
        if (part_valid)
            sum <= (part_start ? 32'd0 : sum) + {14'd0, part};
        folded <= {3'd0, sum[15:0]} + {3'd0, sum[31:16]} + {3'd0, length} + PROTOCOL;
        unequal <= present && total != 17'h0FFFF;
    end
endmodule
`default_nettype wire
