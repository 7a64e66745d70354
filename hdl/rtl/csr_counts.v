// What the register file counts: events, and the latency of the book's records. Addresses are those of csr_axil's reads.
// Latency: an event is in what a read shows 2 cycles after it came, `fetch` to value 1 cycle.
// Throughput: every event in every cycle, one read per cycle. Overflow: counters and bins wrap at 2^32, the sum at 2^64.
`default_nettype none
`include "fp_registers.vh"
module csr_counts #(
    parameter COUNTERS = 39          // COUNT_* registers, one for each bit of `count`; at most 48
) (
    input  wire        clk,
    input  wire        rst,
    input  wire [COUNTERS-1:0] count,
    input  wire        ev_valid,
    input  wire [15:0] ev_latency,
    input  wire        fetch,
    input  wire [11:0] ar_addr,
    input  wire [31:0] high,         // what a read of an upper half shows
    output wire [31:0] sum_high,
    output wire [31:0] value,        // 0 when the address is none of these
    output wire        known
);
    localparam BANKS = 3;

    wire [16*BANKS-1:0] counts;
    wire [31:0]         shown [0:BANKS-1];
    assign counts = {{(16*BANKS-COUNTERS){1'b0}}, count};
    genvar b;
    generate
        for (b = 0; b < BANKS; b = b + 1) begin : banks
            csr_bank bank (
                .clk(clk), .rst(rst), .count(counts[16*b +: 16]), .fetch(fetch), .index(ar_addr[5:2]), .value(shown[b])
            );
        end
    endgenerate

    // Latency of records: least, most, sum, and a histogram of 6 or fewer, 7, 8 ... 20, 21 or more cycles.
    reg  [15:0] latency_min;
    reg  [15:0] latency_max;
    reg  [31:0] latency_count;
    reg  [63:0] latency_sum;
    reg         e_valid;
    reg  [15:0] e_latency;
    assign sum_high = latency_sum[63:32];
    always @(posedge clk) begin
        e_valid <= ev_valid && !rst;
        e_latency <= ev_latency;
        if (rst) begin
            latency_min <= `FP_REG_LATENCY_MIN_RESET;
            latency_max <= `FP_REG_LATENCY_MAX_RESET;
            latency_count <= 32'd0;
            latency_sum <= 64'd0;
        end else if (e_valid) begin
            if (e_latency < latency_min)
                latency_min <= e_latency;
            if (latency_max < e_latency)
                latency_max <= e_latency;
            latency_count <= latency_count + 32'd1;
            latency_sum <= latency_sum + {48'd0, e_latency};
        end
    end
    wire [3:0]  bin;
    wire [3:0]  bin_low;
    wire [31:0] bar;
    assign bin_low = e_latency[3:0] - 4'd6;
    assign bin = e_latency < 16'd7 ? 4'd0 : !(e_latency < 16'd21) ? 4'd15 : bin_low;
    csr_bank bars (
        .clk(clk), .rst(rst), .count({15'd0, e_valid} << bin), .fetch(fetch), .index({!ar_addr[5], ar_addr[4:2]}), .value(bar)
    );

    // What the address means, and the values of all kinds; the sum of those it does not mean is 0.
    reg         is_low;
    reg         is_mid;
    reg         is_top;
    reg         is_bar;
    reg         is_latency;
    reg  [31:0] latency;
    always @(posedge clk)
        if (fetch) begin
            is_low <= 1'b0;
            is_mid <= 1'b0;
            is_top <= 1'b0;
            is_bar <= 1'b0;
            is_latency <= ar_addr[11:6] == 6'd6 && ar_addr[1:0] == 2'd0;
            latency <= 32'd0;
            case ({6'd6, ar_addr[5:2], 2'd0})
                `FP_REG_LATENCY_MIN: latency <= {16'd0, latency_min};
                `FP_REG_LATENCY_MAX: latency <= {16'd0, latency_max};
                `FP_REG_LATENCY_COUNT: latency <= latency_count;
                `FP_REG_LATENCY_SUM_LO: latency <= latency_sum[31:0];
                `FP_REG_LATENCY_SUM_HI: latency <= high;
                default: is_latency <= 1'b0;
            endcase
            case (ar_addr)
                `FP_REG_LATENCY_BIN_0, `FP_REG_LATENCY_BIN_1, `FP_REG_LATENCY_BIN_2, `FP_REG_LATENCY_BIN_3,
                `FP_REG_LATENCY_BIN_4, `FP_REG_LATENCY_BIN_5, `FP_REG_LATENCY_BIN_6, `FP_REG_LATENCY_BIN_7,
                `FP_REG_LATENCY_BIN_8, `FP_REG_LATENCY_BIN_9, `FP_REG_LATENCY_BIN_10, `FP_REG_LATENCY_BIN_11,
                `FP_REG_LATENCY_BIN_12, `FP_REG_LATENCY_BIN_13, `FP_REG_LATENCY_BIN_14, `FP_REG_LATENCY_BIN_15:
                    is_bar <= 1'b1;
                `FP_REG_COUNT_FRAMES_A, `FP_REG_COUNT_FRAMES_B, `FP_REG_COUNT_MATCHED_A, `FP_REG_COUNT_MATCHED_B,
                `FP_REG_COUNT_OTHER_A, `FP_REG_COUNT_OTHER_B, `FP_REG_COUNT_BAD_A, `FP_REG_COUNT_BAD_B,
                `FP_REG_COUNT_REFUSED_A, `FP_REG_COUNT_REFUSED_B, `FP_REG_COUNT_DUPLICATE_A, `FP_REG_COUNT_DUPLICATE_B,
                `FP_REG_COUNT_UNHELD_A, `FP_REG_COUNT_UNHELD_B, `FP_REG_COUNT_HOLD_FULL_A, `FP_REG_COUNT_HOLD_FULL_B:
                    is_low <= 1'b1;
                `FP_REG_COUNT_MESSAGES, `FP_REG_COUNT_GAPS, `FP_REG_COUNT_QUEUED, `FP_REG_COUNT_LOST,
                `FP_REG_COUNT_UNTRACKED, `FP_REG_COUNT_UNKNOWN_TYPE, `FP_REG_COUNT_WRONG_LENGTH, `FP_REG_COUNT_BAD_FIELD,
                `FP_REG_COUNT_UNKNOWN_REF, `FP_REG_COUNT_CONTRADICTION, `FP_REG_COUNT_TABLE_FULL, `FP_REG_COUNT_CROSSED,
                `FP_REG_COUNT_SEARCHED, `FP_REG_COUNT_DROPPED, `FP_REG_COUNT_FAR, `FP_REG_COUNT_EVICTED:
                    is_mid <= 1'b1;
                `FP_REG_COUNT_SIDE_LOST, `FP_REG_COUNT_BROKEN, `FP_REG_COUNT_RECORDS, `FP_REG_COUNT_FIRES,
                `FP_REG_COUNT_EXPIRES, `FP_REG_COUNT_ORDERS, `FP_REG_COUNT_REFUSALS:
                    is_top <= 1'b1;
                default: is_bar <= 1'b0;
            endcase
        end
    assign value = (is_low ? shown[0] : 32'd0) | (is_mid ? shown[1] : 32'd0) | (is_top ? shown[2] : 32'd0)
        | (is_bar ? bar : 32'd0) | (is_latency ? latency : 32'd0);
    assign known = is_low || is_mid || is_top || is_bar || is_latency;
endmodule
`default_nettype wire
