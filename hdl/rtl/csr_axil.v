// Register file of the card on AXI4-Lite; the map is hdl/spec/registers.json, addresses and resets are its generated header.
// Latency: a write acts 2 cycles after both its address and its data are taken, a read answers 3 cycles after its address.
// Throughput: one write per 3 cycles, one read per 3 cycles, both at once. Overflow: counters wrap at 2^32.
// A write that is not allowed (read-only, no register, a command with bytes missing) changes nothing and is answered
// SLVERR; so is a read of no register. Commands (`wo`) raise their output for one cycle with `wdata` beside it.
`default_nettype none
`include "fp_registers.vh"
module csr_axil #(
    parameter [31:0] BUILD = 32'd0,
    parameter [31:0] CAPS = 32'd0,
    parameter SLOTS_LOG2 = 4,
    parameter COUNTERS = 39          // COUNT_* registers, one for each bit of `count`
) (
    input  wire        clk,
    input  wire        rst,
    input  wire [11:0] s_axil_awaddr,
    input  wire        s_axil_awvalid,
    output wire        s_axil_awready,
    input  wire [31:0] s_axil_wdata,
    input  wire [3:0]  s_axil_wstrb,
    input  wire        s_axil_wvalid,
    output wire        s_axil_wready,
    output reg  [1:0]  s_axil_bresp,
    output reg         s_axil_bvalid,
    input  wire        s_axil_bready,
    input  wire [11:0] s_axil_araddr,
    input  wire        s_axil_arvalid,
    output wire        s_axil_arready,
    output reg  [31:0] s_axil_rdata,
    output reg  [1:0]  s_axil_rresp,
    output reg         s_axil_rvalid,
    input  wire        s_axil_rready,
    output reg  [47:0] now,          // cycle counter
    output reg  [31:0] ctrl,
    output reg  [31:0] midnight_lo,
    output reg  [31:0] midnight_hi,
    output reg  [7:0]  venue,
    output reg  [31:0] line_a_address,
    output reg  [15:0] line_a_port,
    output reg  [31:0] line_b_address,
    output reg  [15:0] line_b_port,
    output reg  [31:0] session_0,
    output reg  [31:0] session_1,
    output reg  [15:0] session_2,
    output reg  [31:0] first_seq_lo,
    output reg  [31:0] first_seq_hi,
    output reg  [31:0] gap_wait,
    output reg  [31:0] silence,
    output reg  [31:0] limit_quantity,
    output reg  [31:0] limit_notional_lo,
    output reg  [31:0] limit_notional_hi,
    output reg  [15:0] limit_collar,
    output reg  [31:0] limit_buy_room,
    output reg  [31:0] limit_sell_room,
    output reg  [31:0] rate_period,
    output reg  [15:0] rate_burst,
    output reg  [31:0] dup_window_lo,
    output reg  [15:0] dup_window_hi,
    output reg  [31:0] template_lo,
    output reg  [31:0] template_hi,
    output reg  [31:0] trigger_price,
    output reg  [31:0] trigger_expire_lo,
    output reg  [15:0] trigger_expire_hi,
    output reg  [7:0]  reason_slot,
    output reg  [31:0] wdata,        // of the commands below
    output reg         do_command,
    output reg         do_filter,
    output reg         do_mark,
    output reg         do_limit_write,
    output reg         do_template_write,
    output reg         do_template_seal,
    output reg         do_trigger_write,
    output reg         do_next_urn,
    input  wire [31:0] next_urn,
    input  wire [8:0]  status,       // bit 8, LOAD_REFUSED, is a pulse and kept here
    input  wire [63:0] expected_seq,
    input  wire [(1<<SLOTS_LOG2)-1:0] armed,
    input  wire [(1<<SLOTS_LOG2)-1:0] fired,
    input  wire [(1<<SLOTS_LOG2)-1:0] expired,
    input  wire [(1<<SLOTS_LOG2)-1:0] disarmed,
    input  wire        pass_valid,   // the gate's verdict on a slot
    input  wire        reject_valid,
    input  wire [SLOTS_LOG2-1:0] out_slot,
    input  wire [15:0] out_reasons,
    input  wire        ev_valid,
    input  wire [15:0] ev_latency,
    input  wire [COUNTERS-1:0] count, // one bit raised for one cycle: its counter goes up by one
    input  wire [31:0] orders_live,
    input  wire [31:0] orders_peak,
    input  wire [7:0]  stash_level
);
    localparam OKAY = 2'b00;
    localparam SLVERR = 2'b10;
    localparam SLOTS = 1 << SLOTS_LOG2;

    function [31:0] merge;
        input [31:0] old;
        input [31:0] data;
        input [3:0]  strobe;
        merge = {strobe[3] ? data[31:24] : old[31:24], strobe[2] ? data[23:16] : old[23:16],
                 strobe[1] ? data[15:8] : old[15:8], strobe[0] ? data[7:0] : old[7:0]};
    endfunction

    // Writes: address and data are held until both are there.
    reg        aw_held;
    reg        w_held;
    reg [11:0] aw_addr;
    reg [31:0] w_data;
    reg [3:0]  w_strobe;
    wire       write;
    assign s_axil_awready = !aw_held;
    assign s_axil_wready = !w_held;
    assign write = aw_held && w_held && (!s_axil_bvalid || s_axil_bready);
    always @(posedge clk) begin
        if (rst) begin
            aw_held <= 1'b0;
            w_held <= 1'b0;
        end else begin
            aw_held <= aw_held ? !write : s_axil_awvalid;
            w_held <= w_held ? !write : s_axil_wvalid;
        end
        if (!aw_held)
            aw_addr <= s_axil_awaddr;
        if (!w_held) begin
            w_data <= s_axil_wdata;
            w_strobe <= s_axil_wstrb;
        end
    end

    reg  kept;    // the address is a register that keeps what is written
    reg  command;
    wire allowed;
    always @* begin
        kept = 1'b0;
        command = 1'b0;
        case (aw_addr)
            `FP_REG_CTRL, `FP_REG_MIDNIGHT_LO, `FP_REG_MIDNIGHT_HI, `FP_REG_VENUE,
            `FP_REG_LINE_A_ADDRESS, `FP_REG_LINE_A_PORT, `FP_REG_LINE_B_ADDRESS, `FP_REG_LINE_B_PORT,
            `FP_REG_SESSION_0, `FP_REG_SESSION_1, `FP_REG_SESSION_2, `FP_REG_FIRST_SEQ_LO,
            `FP_REG_FIRST_SEQ_HI, `FP_REG_GAP_WAIT, `FP_REG_SILENCE, `FP_REG_LIMIT_QUANTITY,
            `FP_REG_LIMIT_NOTIONAL_LO, `FP_REG_LIMIT_NOTIONAL_HI, `FP_REG_LIMIT_COLLAR, `FP_REG_LIMIT_BUY_ROOM,
            `FP_REG_LIMIT_SELL_ROOM, `FP_REG_RATE_PERIOD, `FP_REG_RATE_BURST, `FP_REG_DUP_WINDOW_LO,
            `FP_REG_DUP_WINDOW_HI, `FP_REG_TEMPLATE_LO, `FP_REG_TEMPLATE_HI, `FP_REG_TRIGGER_PRICE,
            `FP_REG_TRIGGER_EXPIRE_LO, `FP_REG_TRIGGER_EXPIRE_HI, `FP_REG_REASON_SLOT: kept = 1'b1;
            `FP_REG_COMMAND, `FP_REG_FILTER, `FP_REG_MARK, `FP_REG_LIMIT_WRITE,
            `FP_REG_NEXT_URN, `FP_REG_TEMPLATE_WRITE, `FP_REG_TEMPLATE_SEAL, `FP_REG_TRIGGER_WRITE: command = 1'b1;
            default: kept = 1'b0;
        endcase
    end
    reg  [31:0] present; // value of the register to be written
    wire [31:0] merged;
    always @* begin
        case (aw_addr)
            `FP_REG_CTRL: present = ctrl;
            `FP_REG_MIDNIGHT_LO: present = midnight_lo;
            `FP_REG_MIDNIGHT_HI: present = midnight_hi;
            `FP_REG_VENUE: present = {24'd0, venue};
            `FP_REG_LINE_A_ADDRESS: present = line_a_address;
            `FP_REG_LINE_A_PORT: present = {16'd0, line_a_port};
            `FP_REG_LINE_B_ADDRESS: present = line_b_address;
            `FP_REG_LINE_B_PORT: present = {16'd0, line_b_port};
            `FP_REG_SESSION_0: present = session_0;
            `FP_REG_SESSION_1: present = session_1;
            `FP_REG_SESSION_2: present = {16'd0, session_2};
            `FP_REG_FIRST_SEQ_LO: present = first_seq_lo;
            `FP_REG_FIRST_SEQ_HI: present = first_seq_hi;
            `FP_REG_GAP_WAIT: present = gap_wait;
            `FP_REG_SILENCE: present = silence;
            `FP_REG_LIMIT_QUANTITY: present = limit_quantity;
            `FP_REG_LIMIT_NOTIONAL_LO: present = limit_notional_lo;
            `FP_REG_LIMIT_NOTIONAL_HI: present = limit_notional_hi;
            `FP_REG_LIMIT_COLLAR: present = {16'd0, limit_collar};
            `FP_REG_LIMIT_BUY_ROOM: present = limit_buy_room;
            `FP_REG_LIMIT_SELL_ROOM: present = limit_sell_room;
            `FP_REG_RATE_PERIOD: present = rate_period;
            `FP_REG_RATE_BURST: present = {16'd0, rate_burst};
            `FP_REG_DUP_WINDOW_LO: present = dup_window_lo;
            `FP_REG_DUP_WINDOW_HI: present = {16'd0, dup_window_hi};
            `FP_REG_TEMPLATE_LO: present = template_lo;
            `FP_REG_TEMPLATE_HI: present = template_hi;
            `FP_REG_TRIGGER_PRICE: present = trigger_price;
            `FP_REG_TRIGGER_EXPIRE_LO: present = trigger_expire_lo;
            `FP_REG_TRIGGER_EXPIRE_HI: present = {16'd0, trigger_expire_hi};
            `FP_REG_REASON_SLOT: present = {24'd0, reason_slot};
            default: present = 32'd0;
        endcase
    end
    assign merged = merge(present, w_data, w_strobe);
    assign allowed = kept || (command && w_strobe == 4'hf);
    always @(posedge clk) begin
        if (rst)
            s_axil_bvalid <= 1'b0;
        else if (write)
            s_axil_bvalid <= 1'b1;
        else if (s_axil_bready)
            s_axil_bvalid <= 1'b0;
        if (write) begin
            s_axil_bresp <= allowed ? OKAY : SLVERR;
            wdata <= w_data;
        end
    end
    always @(posedge clk) begin
        if (rst) begin
            ctrl <= `FP_REG_CTRL_RESET;
            midnight_lo <= `FP_REG_MIDNIGHT_LO_RESET;
            midnight_hi <= `FP_REG_MIDNIGHT_HI_RESET;
            venue <= `FP_REG_VENUE_RESET;
            line_a_address <= `FP_REG_LINE_A_ADDRESS_RESET;
            line_a_port <= `FP_REG_LINE_A_PORT_RESET;
            line_b_address <= `FP_REG_LINE_B_ADDRESS_RESET;
            line_b_port <= `FP_REG_LINE_B_PORT_RESET;
            session_0 <= `FP_REG_SESSION_0_RESET;
            session_1 <= `FP_REG_SESSION_1_RESET;
            session_2 <= `FP_REG_SESSION_2_RESET;
            first_seq_lo <= `FP_REG_FIRST_SEQ_LO_RESET;
            first_seq_hi <= `FP_REG_FIRST_SEQ_HI_RESET;
            gap_wait <= `FP_REG_GAP_WAIT_RESET;
            silence <= `FP_REG_SILENCE_RESET;
            limit_quantity <= `FP_REG_LIMIT_QUANTITY_RESET;
            limit_notional_lo <= `FP_REG_LIMIT_NOTIONAL_LO_RESET;
            limit_notional_hi <= `FP_REG_LIMIT_NOTIONAL_HI_RESET;
            limit_collar <= `FP_REG_LIMIT_COLLAR_RESET;
            limit_buy_room <= `FP_REG_LIMIT_BUY_ROOM_RESET;
            limit_sell_room <= `FP_REG_LIMIT_SELL_ROOM_RESET;
            rate_period <= `FP_REG_RATE_PERIOD_RESET;
            rate_burst <= `FP_REG_RATE_BURST_RESET;
            dup_window_lo <= `FP_REG_DUP_WINDOW_LO_RESET;
            dup_window_hi <= `FP_REG_DUP_WINDOW_HI_RESET;
            template_lo <= `FP_REG_TEMPLATE_LO_RESET;
            template_hi <= `FP_REG_TEMPLATE_HI_RESET;
            trigger_price <= `FP_REG_TRIGGER_PRICE_RESET;
            trigger_expire_lo <= `FP_REG_TRIGGER_EXPIRE_LO_RESET;
            trigger_expire_hi <= `FP_REG_TRIGGER_EXPIRE_HI_RESET;
            reason_slot <= `FP_REG_REASON_SLOT_RESET;
        end else if (write && kept)
            case (aw_addr)
                `FP_REG_CTRL: ctrl <= merged;
                `FP_REG_MIDNIGHT_LO: midnight_lo <= merged;
                `FP_REG_MIDNIGHT_HI: midnight_hi <= merged;
                `FP_REG_VENUE: venue <= merged[7:0];
                `FP_REG_LINE_A_ADDRESS: line_a_address <= merged;
                `FP_REG_LINE_A_PORT: line_a_port <= merged[15:0];
                `FP_REG_LINE_B_ADDRESS: line_b_address <= merged;
                `FP_REG_LINE_B_PORT: line_b_port <= merged[15:0];
                `FP_REG_SESSION_0: session_0 <= merged;
                `FP_REG_SESSION_1: session_1 <= merged;
                `FP_REG_SESSION_2: session_2 <= merged[15:0];
                `FP_REG_FIRST_SEQ_LO: first_seq_lo <= merged;
                `FP_REG_FIRST_SEQ_HI: first_seq_hi <= merged;
                `FP_REG_GAP_WAIT: gap_wait <= merged;
                `FP_REG_SILENCE: silence <= merged;
                `FP_REG_LIMIT_QUANTITY: limit_quantity <= merged;
                `FP_REG_LIMIT_NOTIONAL_LO: limit_notional_lo <= merged;
                `FP_REG_LIMIT_NOTIONAL_HI: limit_notional_hi <= merged;
                `FP_REG_LIMIT_COLLAR: limit_collar <= merged[15:0];
                `FP_REG_LIMIT_BUY_ROOM: limit_buy_room <= merged;
                `FP_REG_LIMIT_SELL_ROOM: limit_sell_room <= merged;
                `FP_REG_RATE_PERIOD: rate_period <= merged;
                `FP_REG_RATE_BURST: rate_burst <= merged[15:0];
                `FP_REG_DUP_WINDOW_LO: dup_window_lo <= merged;
                `FP_REG_DUP_WINDOW_HI: dup_window_hi <= merged[15:0];
                `FP_REG_TEMPLATE_LO: template_lo <= merged;
                `FP_REG_TEMPLATE_HI: template_hi <= merged;
                `FP_REG_TRIGGER_PRICE: trigger_price <= merged;
                `FP_REG_TRIGGER_EXPIRE_LO: trigger_expire_lo <= merged;
                `FP_REG_TRIGGER_EXPIRE_HI: trigger_expire_hi <= merged[15:0];
                `FP_REG_REASON_SLOT: reason_slot <= merged[7:0];
                default: ctrl <= ctrl;
            endcase
    end
    wire go;
    assign go = write && command && w_strobe == 4'hf && !rst;
    always @(posedge clk) begin
        do_command <= go && aw_addr == `FP_REG_COMMAND;
        do_filter <= go && aw_addr == `FP_REG_FILTER;
        do_mark <= go && aw_addr == `FP_REG_MARK;
        do_limit_write <= go && aw_addr == `FP_REG_LIMIT_WRITE;
        do_next_urn <= go && aw_addr == `FP_REG_NEXT_URN;
        do_template_write <= go && aw_addr == `FP_REG_TEMPLATE_WRITE;
        do_template_seal <= go && aw_addr == `FP_REG_TEMPLATE_SEAL;
        do_trigger_write <= go && aw_addr == `FP_REG_TRIGGER_WRITE;
    end

    // Counters.
    reg [31:0] counts [0:COUNTERS-1];
    genvar c;
    generate
        for (c = 0; c < COUNTERS; c = c + 1) begin : counters
            always @(posedge clk)
                if (rst)
                    counts[c] <= 32'd0;
                else if (count[c])
                    counts[c] <= counts[c] + 32'd1;
        end
    endgenerate

    // Latency of records: least, most, sum, and a histogram of 6 or fewer, 7, 8 ... 20, 21 or more cycles.
    reg  [15:0] latency_min;
    reg  [15:0] latency_max;
    reg  [31:0] latency_count;
    reg  [63:0] latency_sum;
    reg  [31:0] histogram [0:15];
    wire [3:0]  bin;
    wire [3:0]  bin_low;
    assign bin_low = ev_latency[3:0] - 4'd6;
    assign bin = ev_latency <= 16'd6 ? 4'd0 : ev_latency >= 16'd21 ? 4'd15 : bin_low;
    always @(posedge clk) begin
        if (rst) begin
            latency_min <= `FP_REG_LATENCY_MIN_RESET;
            latency_max <= `FP_REG_LATENCY_MAX_RESET;
            latency_count <= 32'd0;
            latency_sum <= 64'd0;
        end else if (ev_valid) begin
            if (ev_latency < latency_min)
                latency_min <= ev_latency;
            if (ev_latency > latency_max)
                latency_max <= ev_latency;
            latency_count <= latency_count + 32'd1;
            latency_sum <= latency_sum + {48'd0, ev_latency};
        end
    end
    generate
        for (c = 0; c < 16; c = c + 1) begin : bars
            always @(posedge clk)
                if (rst)
                    histogram[c] <= 32'd0;
                else if (ev_valid && bin == c)
                    histogram[c] <= histogram[c] + 32'd1;
        end
    endgenerate

    // What became of each slot's order. Arming is seen as the slot's armed bit rising.
    reg  [SLOTS-1:0] was_armed;
    reg  [SLOTS-1:0] sent;
    reg  [SLOTS-1:0] refused;
    reg  [15:0]      reasons [0:SLOTS-1];
    generate
        for (c = 0; c < SLOTS; c = c + 1) begin : slots
            wire mine;
            assign mine = out_slot == c;
            always @(posedge clk) begin
                if (rst) begin
                    was_armed[c] <= 1'b0;
                    sent[c] <= 1'b0;
                    refused[c] <= 1'b0;
                    reasons[c] <= 16'd0;
                end else begin
                    was_armed[c] <= armed[c];
                    if (armed[c] && !was_armed[c]) begin
                        sent[c] <= 1'b0;
                        refused[c] <= 1'b0;
                        reasons[c] <= 16'd0;
                    end else if (mine && (pass_valid || reject_valid)) begin
                        sent[c] <= pass_valid;
                        refused[c] <= reject_valid;
                        reasons[c] <= out_reasons;
                    end
                end
            end
        end
    endgenerate

    // Reads.
    reg         ar_held;
    reg         ar_done;
    reg  [11:0] ar_addr;
    reg  [31:0] value;
    reg         known;
    reg         load_refused;
    reg  [31:0] high;      // the upper half of what was read last by its lower half
    wire        read;
    wire [15:0] slot_reasons;
    assign slot_reasons = reason_slot < SLOTS ? reasons[reason_slot[SLOTS_LOG2-1:0]] : 16'd0;
    assign s_axil_arready = !ar_held;
    assign read = ar_held && !ar_done && (!s_axil_rvalid || s_axil_rready);
    always @* begin
        value = 32'd0;
        known = 1'b1;
        case (ar_addr)
            `FP_REG_ID: value = `FP_REG_ID_RESET;
            `FP_REG_VERSION: value = `FP_REG_VERSION_RESET;
            `FP_REG_BUILD: value = BUILD;
            `FP_REG_CAPS: value = CAPS;
            `FP_REG_CTRL: value = ctrl;
            `FP_REG_COMMAND: value = 32'd0;
            `FP_REG_STATUS: value = {23'd0, load_refused, status[7:0]};
            `FP_REG_CYCLE_LO: value = now[31:0];
            `FP_REG_CYCLE_HI: value = high;
            `FP_REG_MIDNIGHT_LO: value = midnight_lo;
            `FP_REG_MIDNIGHT_HI: value = midnight_hi;
            `FP_REG_VENUE: value = {24'd0, venue};
            `FP_REG_LINE_A_ADDRESS: value = line_a_address;
            `FP_REG_LINE_A_PORT: value = {16'd0, line_a_port};
            `FP_REG_LINE_B_ADDRESS: value = line_b_address;
            `FP_REG_LINE_B_PORT: value = {16'd0, line_b_port};
            `FP_REG_SESSION_0: value = session_0;
            `FP_REG_SESSION_1: value = session_1;
            `FP_REG_SESSION_2: value = {16'd0, session_2};
            `FP_REG_FIRST_SEQ_LO: value = first_seq_lo;
            `FP_REG_FIRST_SEQ_HI: value = first_seq_hi;
            `FP_REG_GAP_WAIT: value = gap_wait;
            `FP_REG_SILENCE: value = silence;
            `FP_REG_EXPECTED_SEQ_LO: value = expected_seq[31:0];
            `FP_REG_EXPECTED_SEQ_HI: value = high;
            `FP_REG_FILTER: value = 32'd0;
            `FP_REG_MARK: value = 32'd0;
            `FP_REG_LIMIT_QUANTITY: value = limit_quantity;
            `FP_REG_LIMIT_NOTIONAL_LO: value = limit_notional_lo;
            `FP_REG_LIMIT_NOTIONAL_HI: value = limit_notional_hi;
            `FP_REG_LIMIT_COLLAR: value = {16'd0, limit_collar};
            `FP_REG_LIMIT_BUY_ROOM: value = limit_buy_room;
            `FP_REG_LIMIT_SELL_ROOM: value = limit_sell_room;
            `FP_REG_LIMIT_WRITE: value = 32'd0;
            `FP_REG_RATE_PERIOD: value = rate_period;
            `FP_REG_RATE_BURST: value = {16'd0, rate_burst};
            `FP_REG_DUP_WINDOW_LO: value = dup_window_lo;
            `FP_REG_DUP_WINDOW_HI: value = {16'd0, dup_window_hi};
            `FP_REG_NEXT_URN: value = next_urn;
            `FP_REG_TEMPLATE_LO: value = template_lo;
            `FP_REG_TEMPLATE_HI: value = template_hi;
            `FP_REG_TEMPLATE_WRITE: value = 32'd0;
            `FP_REG_TEMPLATE_SEAL: value = 32'd0;
            `FP_REG_TRIGGER_PRICE: value = trigger_price;
            `FP_REG_TRIGGER_EXPIRE_LO: value = trigger_expire_lo;
            `FP_REG_TRIGGER_EXPIRE_HI: value = {16'd0, trigger_expire_hi};
            `FP_REG_TRIGGER_WRITE: value = 32'd0;
            `FP_REG_ARMED: value = {{(32-SLOTS){1'b0}}, armed};
            `FP_REG_FIRED: value = {{(32-SLOTS){1'b0}}, fired};
            `FP_REG_EXPIRED: value = {{(32-SLOTS){1'b0}}, expired};
            `FP_REG_DISARMED: value = {{(32-SLOTS){1'b0}}, disarmed};
            `FP_REG_SENT: value = {{(32-SLOTS){1'b0}}, sent};
            `FP_REG_REFUSED: value = {{(32-SLOTS){1'b0}}, refused};
            `FP_REG_REASON_SLOT: value = {24'd0, reason_slot};
            `FP_REG_REASONS: value = {16'd0, slot_reasons};
            `FP_REG_LATENCY_MIN: value = {16'd0, latency_min};
            `FP_REG_LATENCY_MAX: value = {16'd0, latency_max};
            `FP_REG_LATENCY_COUNT: value = latency_count;
            `FP_REG_LATENCY_SUM_LO: value = latency_sum[31:0];
            `FP_REG_LATENCY_SUM_HI: value = high;
            `FP_REG_LATENCY_BIN_0: value = histogram[0];
            `FP_REG_LATENCY_BIN_1: value = histogram[1];
            `FP_REG_LATENCY_BIN_2: value = histogram[2];
            `FP_REG_LATENCY_BIN_3: value = histogram[3];
            `FP_REG_LATENCY_BIN_4: value = histogram[4];
            `FP_REG_LATENCY_BIN_5: value = histogram[5];
            `FP_REG_LATENCY_BIN_6: value = histogram[6];
            `FP_REG_LATENCY_BIN_7: value = histogram[7];
            `FP_REG_LATENCY_BIN_8: value = histogram[8];
            `FP_REG_LATENCY_BIN_9: value = histogram[9];
            `FP_REG_LATENCY_BIN_10: value = histogram[10];
            `FP_REG_LATENCY_BIN_11: value = histogram[11];
            `FP_REG_LATENCY_BIN_12: value = histogram[12];
            `FP_REG_LATENCY_BIN_13: value = histogram[13];
            `FP_REG_LATENCY_BIN_14: value = histogram[14];
            `FP_REG_LATENCY_BIN_15: value = histogram[15];
            `FP_REG_COUNT_FRAMES_A: value = counts[0];
            `FP_REG_COUNT_FRAMES_B: value = counts[1];
            `FP_REG_COUNT_MATCHED_A: value = counts[2];
            `FP_REG_COUNT_MATCHED_B: value = counts[3];
            `FP_REG_COUNT_OTHER_A: value = counts[4];
            `FP_REG_COUNT_OTHER_B: value = counts[5];
            `FP_REG_COUNT_BAD_A: value = counts[6];
            `FP_REG_COUNT_BAD_B: value = counts[7];
            `FP_REG_COUNT_REFUSED_A: value = counts[8];
            `FP_REG_COUNT_REFUSED_B: value = counts[9];
            `FP_REG_COUNT_DUPLICATE_A: value = counts[10];
            `FP_REG_COUNT_DUPLICATE_B: value = counts[11];
            `FP_REG_COUNT_UNHELD_A: value = counts[12];
            `FP_REG_COUNT_UNHELD_B: value = counts[13];
            `FP_REG_COUNT_HOLD_FULL_A: value = counts[14];
            `FP_REG_COUNT_HOLD_FULL_B: value = counts[15];
            `FP_REG_COUNT_MESSAGES: value = counts[16];
            `FP_REG_COUNT_GAPS: value = counts[17];
            `FP_REG_COUNT_QUEUED: value = counts[18];
            `FP_REG_COUNT_LOST: value = counts[19];
            `FP_REG_COUNT_UNTRACKED: value = counts[20];
            `FP_REG_COUNT_UNKNOWN_TYPE: value = counts[21];
            `FP_REG_COUNT_WRONG_LENGTH: value = counts[22];
            `FP_REG_COUNT_BAD_FIELD: value = counts[23];
            `FP_REG_COUNT_UNKNOWN_REF: value = counts[24];
            `FP_REG_COUNT_CONTRADICTION: value = counts[25];
            `FP_REG_COUNT_TABLE_FULL: value = counts[26];
            `FP_REG_COUNT_CROSSED: value = counts[27];
            `FP_REG_COUNT_SEARCHED: value = counts[28];
            `FP_REG_COUNT_DROPPED: value = counts[29];
            `FP_REG_COUNT_FAR: value = counts[30];
            `FP_REG_COUNT_EVICTED: value = counts[31];
            `FP_REG_COUNT_SIDE_LOST: value = counts[32];
            `FP_REG_COUNT_BROKEN: value = counts[33];
            `FP_REG_COUNT_RECORDS: value = counts[34];
            `FP_REG_COUNT_FIRES: value = counts[35];
            `FP_REG_COUNT_EXPIRES: value = counts[36];
            `FP_REG_COUNT_ORDERS: value = counts[37];
            `FP_REG_COUNT_REFUSALS: value = counts[38];
            `FP_REG_ORDERS_LIVE: value = orders_live;
            `FP_REG_ORDERS_PEAK: value = orders_peak;
            `FP_REG_STASH_LEVEL: value = {24'd0, stash_level};
            default: known = 1'b0;
        endcase
    end
    always @(posedge clk) begin
        if (rst) begin
            ar_held <= 1'b0;
            ar_done <= 1'b0;
            s_axil_rvalid <= 1'b0;
            load_refused <= 1'b0;
            now <= 48'd0;
        end else begin
            now <= now + 48'd1;
            ar_held <= ar_held ? !ar_done : s_axil_arvalid;
            ar_done <= read;
            if (read)
                s_axil_rvalid <= 1'b1;
            else if (s_axil_rready)
                s_axil_rvalid <= 1'b0;
            load_refused <= status[8] || (load_refused && !(read && ar_addr == `FP_REG_STATUS));
        end
        if (!ar_held)
            ar_addr <= s_axil_araddr;
        if (read) begin
            s_axil_rdata <= value;
            s_axil_rresp <= known ? OKAY : SLVERR;
            case (ar_addr)
                `FP_REG_CYCLE_LO: high <= {16'd0, now[47:32]};
                `FP_REG_EXPECTED_SEQ_LO: high <= expected_seq[63:32];
                `FP_REG_LATENCY_SUM_LO: high <= latency_sum[63:32];
                default: high <= high;
            endcase
        end
    end

`ifdef FORMAL
    // AXI4-Lite: answers stay until taken, none without its question, never a second one before the first is taken.
`include "axis_props.vh"
    `AXIS_FORMAL_START
    `AXIS_STABLE(assert, s_axil_bvalid, s_axil_bready, s_axil_bresp)
    `AXIS_STABLE(assert, s_axil_rvalid, s_axil_rready, {s_axil_rdata, s_axil_rresp})
    `AXIS_EMPTY_AFTER_RESET(s_axil_bvalid)
    `AXIS_EMPTY_AFTER_RESET(s_axil_rvalid)
    reg [1:0] f_aw;
    reg [1:0] f_w;
    reg [1:0] f_ar;
    always @(posedge clk) begin
        if (rst) begin
            f_aw <= 2'd0;
            f_w <= 2'd0;
            f_ar <= 2'd0;
        end else begin
            f_aw <= f_aw + {1'b0, s_axil_awvalid && s_axil_awready} - {1'b0, s_axil_bvalid && s_axil_bready};
            f_w <= f_w + {1'b0, s_axil_wvalid && s_axil_wready} - {1'b0, s_axil_bvalid && s_axil_bready};
            f_ar <= f_ar + {1'b0, s_axil_arvalid && s_axil_arready} - {1'b0, s_axil_rvalid && s_axil_rready};
        end
    end
    always @(posedge clk) if (f_started && !rst) begin
        assert(f_aw == {1'b0, aw_held} + {1'b0, s_axil_bvalid});
        assert(f_w == {1'b0, w_held} + {1'b0, s_axil_bvalid});
        assert(f_ar == {1'b0, ar_held && !ar_done} + {1'b0, s_axil_rvalid});
        assert(!ar_done || ar_held);
        cover(s_axil_bvalid && s_axil_bready && s_axil_bresp == SLVERR);
        cover(s_axil_rvalid && s_axil_rready && s_axil_rresp == OKAY);
        cover(do_trigger_write);
    end
`endif
endmodule
`default_nettype wire
