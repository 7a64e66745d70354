// Register file of the card on AXI4-Lite; the map is hdl/spec/registers.json, addresses and resets are its generated header.
// Latency: a write acts 3 cycles after both its address and its data are taken, a read answers 4 cycles after its address
// with what was there 2 cycles before; counters and latencies follow their events by 1 to 3 cycles.
// Throughput: one write per 3 cycles, one read per 4 cycles, both at once. Overflow: counters (csr_counts) wrap at 2^32.
// A write that is not allowed (read-only, no register, a command with bytes missing, a MARK while one waits) changes nothing and is answered
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
    input  wire        mark_waits,   // the last MARK is not taken yet: another is refused
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
    function [15:0] merge_half;
        input [15:0] old;
        input [15:0] data;
        input [1:0]  strobe;
        merge_half = {strobe[1] ? data[15:8] : old[15:8], strobe[0] ? data[7:0] : old[7:0]};
    endfunction

    // Writes: address and data are held until both are there, the address one cycle more to be known.
    reg        aw_held;
    reg        aw_known;
    reg        w_held;
    reg [11:0] aw_addr;
    reg [31:0] w_data;
    reg [3:0]  w_strobe;
    wire       write;
    assign s_axil_awready = !aw_held;
    assign s_axil_wready = !w_held;
    assign write = aw_known && w_held && (!s_axil_bvalid || s_axil_bready);
    always @(posedge clk) begin
        if (rst) begin
            aw_held <= 1'b0;
            aw_known <= 1'b0;
            w_held <= 1'b0;
        end else begin
            aw_known <= aw_held && !write;
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

    reg  is_kept; // the address is a register that keeps what is written
    reg  is_command;
    wire waits;   // a mark while another is not taken
    wire allowed;
    always @(posedge clk)
        if (aw_held) begin
            is_kept <= 1'b0;
            is_command <= 1'b0;
            case (aw_addr)
                `FP_REG_CTRL, `FP_REG_MIDNIGHT_LO, `FP_REG_MIDNIGHT_HI, `FP_REG_VENUE,
                `FP_REG_LINE_A_ADDRESS, `FP_REG_LINE_A_PORT, `FP_REG_LINE_B_ADDRESS, `FP_REG_LINE_B_PORT,
                `FP_REG_SESSION_0, `FP_REG_SESSION_1, `FP_REG_SESSION_2, `FP_REG_FIRST_SEQ_LO,
                `FP_REG_FIRST_SEQ_HI, `FP_REG_GAP_WAIT, `FP_REG_SILENCE, `FP_REG_LIMIT_QUANTITY,
                `FP_REG_LIMIT_NOTIONAL_LO, `FP_REG_LIMIT_NOTIONAL_HI, `FP_REG_LIMIT_COLLAR, `FP_REG_LIMIT_BUY_ROOM,
                `FP_REG_LIMIT_SELL_ROOM, `FP_REG_RATE_PERIOD, `FP_REG_RATE_BURST, `FP_REG_DUP_WINDOW_LO,
                `FP_REG_DUP_WINDOW_HI, `FP_REG_TEMPLATE_LO, `FP_REG_TEMPLATE_HI, `FP_REG_TRIGGER_PRICE,
                `FP_REG_TRIGGER_EXPIRE_LO, `FP_REG_TRIGGER_EXPIRE_HI, `FP_REG_REASON_SLOT: is_kept <= 1'b1;
                `FP_REG_COMMAND, `FP_REG_FILTER, `FP_REG_MARK, `FP_REG_LIMIT_WRITE,
                `FP_REG_NEXT_URN, `FP_REG_TEMPLATE_WRITE, `FP_REG_TEMPLATE_SEAL, `FP_REG_TRIGGER_WRITE: is_command <= 1'b1;
                default: is_kept <= 1'b0;
            endcase
        end
    assign waits = mark_waits && aw_addr == `FP_REG_MARK;
    assign allowed = is_kept || (is_command && w_strobe == 4'hf && !waits);
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
        end else if (write && is_kept)
            case (aw_addr)
                `FP_REG_CTRL: ctrl <= merge(ctrl, w_data, w_strobe);
                `FP_REG_MIDNIGHT_LO: midnight_lo <= merge(midnight_lo, w_data, w_strobe);
                `FP_REG_MIDNIGHT_HI: midnight_hi <= merge(midnight_hi, w_data, w_strobe);
                `FP_REG_VENUE: venue <= w_strobe[0] ? w_data[7:0] : venue;
                `FP_REG_LINE_A_ADDRESS: line_a_address <= merge(line_a_address, w_data, w_strobe);
                `FP_REG_LINE_A_PORT: line_a_port <= merge_half(line_a_port, w_data[15:0], w_strobe[1:0]);
                `FP_REG_LINE_B_ADDRESS: line_b_address <= merge(line_b_address, w_data, w_strobe);
                `FP_REG_LINE_B_PORT: line_b_port <= merge_half(line_b_port, w_data[15:0], w_strobe[1:0]);
                `FP_REG_SESSION_0: session_0 <= merge(session_0, w_data, w_strobe);
                `FP_REG_SESSION_1: session_1 <= merge(session_1, w_data, w_strobe);
                `FP_REG_SESSION_2: session_2 <= merge_half(session_2, w_data[15:0], w_strobe[1:0]);
                `FP_REG_FIRST_SEQ_LO: first_seq_lo <= merge(first_seq_lo, w_data, w_strobe);
                `FP_REG_FIRST_SEQ_HI: first_seq_hi <= merge(first_seq_hi, w_data, w_strobe);
                `FP_REG_GAP_WAIT: gap_wait <= merge(gap_wait, w_data, w_strobe);
                `FP_REG_SILENCE: silence <= merge(silence, w_data, w_strobe);
                `FP_REG_LIMIT_QUANTITY: limit_quantity <= merge(limit_quantity, w_data, w_strobe);
                `FP_REG_LIMIT_NOTIONAL_LO: limit_notional_lo <= merge(limit_notional_lo, w_data, w_strobe);
                `FP_REG_LIMIT_NOTIONAL_HI: limit_notional_hi <= merge(limit_notional_hi, w_data, w_strobe);
                `FP_REG_LIMIT_COLLAR: limit_collar <= merge_half(limit_collar, w_data[15:0], w_strobe[1:0]);
                `FP_REG_LIMIT_BUY_ROOM: limit_buy_room <= merge(limit_buy_room, w_data, w_strobe);
                `FP_REG_LIMIT_SELL_ROOM: limit_sell_room <= merge(limit_sell_room, w_data, w_strobe);
                `FP_REG_RATE_PERIOD: rate_period <= merge(rate_period, w_data, w_strobe);
                `FP_REG_RATE_BURST: rate_burst <= merge_half(rate_burst, w_data[15:0], w_strobe[1:0]);
                `FP_REG_DUP_WINDOW_LO: dup_window_lo <= merge(dup_window_lo, w_data, w_strobe);
                `FP_REG_DUP_WINDOW_HI: dup_window_hi <= merge_half(dup_window_hi, w_data[15:0], w_strobe[1:0]);
                `FP_REG_TEMPLATE_LO: template_lo <= merge(template_lo, w_data, w_strobe);
                `FP_REG_TEMPLATE_HI: template_hi <= merge(template_hi, w_data, w_strobe);
                `FP_REG_TRIGGER_PRICE: trigger_price <= merge(trigger_price, w_data, w_strobe);
                `FP_REG_TRIGGER_EXPIRE_LO: trigger_expire_lo <= merge(trigger_expire_lo, w_data, w_strobe);
                `FP_REG_TRIGGER_EXPIRE_HI: trigger_expire_hi <= merge_half(trigger_expire_hi, w_data[15:0], w_strobe[1:0]);
                `FP_REG_REASON_SLOT: reason_slot <= w_strobe[0] ? w_data[7:0] : reason_slot;
                default: ctrl <= ctrl;
            endcase
    end
    wire go;
    assign go = write && is_command && w_strobe == 4'hf && !rst;
    always @(posedge clk) begin
        if (go) begin
            do_command <= aw_addr == `FP_REG_COMMAND;
            do_filter <= aw_addr == `FP_REG_FILTER;
            do_mark <= aw_addr == `FP_REG_MARK;
            do_limit_write <= aw_addr == `FP_REG_LIMIT_WRITE;
            do_next_urn <= aw_addr == `FP_REG_NEXT_URN;
            do_template_write <= aw_addr == `FP_REG_TEMPLATE_WRITE;
            do_template_seal <= aw_addr == `FP_REG_TEMPLATE_SEAL;
            do_trigger_write <= aw_addr == `FP_REG_TRIGGER_WRITE;
        end else begin
            do_command <= 1'b0;
            do_filter <= 1'b0;
            do_mark <= 1'b0;
            do_limit_write <= 1'b0;
            do_next_urn <= 1'b0;
            do_template_write <= 1'b0;
            do_template_seal <= 1'b0;
            do_trigger_write <= 1'b0;
        end
        if (mark_waits) // it was refused
            do_mark <= 1'b0;
    end

    // What became of each slot's order. Arming is seen as the slot's armed bit rising; a verdict that falls then, of the order
    // before, is kept.
    reg  [SLOTS-1:0] was_armed;
    reg  [SLOTS-1:0] sent;
    reg  [SLOTS-1:0] refused;
    reg  [15:0]      reasons [0:SLOTS-1]; // of the slots that are sent or refused
    wire             told;
    wire [SLOTS-1:0] rises;
    wire [SLOTS-1:0] told_slot;
    assign told = pass_valid || reject_valid;
    assign rises = armed & ~was_armed;
    assign told_slot = {{(SLOTS-1){1'b0}}, told} << out_slot;
    always @(posedge clk) begin
        if (rst) begin
            was_armed <= {SLOTS{1'b0}};
            sent <= {SLOTS{1'b0}};
            refused <= {SLOTS{1'b0}};
        end else begin
            was_armed <= armed;
            sent <= (sent & ~told_slot & ~rises) | (pass_valid ? told_slot : {SLOTS{1'b0}});
            refused <= (refused & ~told_slot & ~rises) | (reject_valid ? told_slot : {SLOTS{1'b0}});
        end
        if (told)
            reasons[out_slot] <= out_reasons;
    end

    // Reads: what was asked for is fetched from each page of the map at once, by its place in the page alone; a cycle later the
    // page that was meant is let through.
    reg         ar_held;
    reg         ar_caught;
    reg         ar_done;
    reg  [11:0] ar_addr;
    reg         load_refused;
    reg  [31:0] high;      // the upper half of what was read last by its lower half
    reg  [15:0] slot_reasons;
    wire [SLOTS-1:0] has_reasons;
    assign has_reasons = sent | refused;
    wire        fetch;
    wire        read;
    assign s_axil_arready = !ar_held;
    assign fetch = ar_held && !ar_caught;
    assign read = ar_caught && !ar_done && (!s_axil_rvalid || s_axil_rready);
    reg  [31:0] identity;
    reg         in_identity;
    reg  [31:0] lines;
    reg         in_lines;
    reg  [31:0] limits;
    reg         in_limits;
    reg  [31:0] orders;
    reg         in_orders;
    reg  [31:0] table_now;
    reg         in_table;
    reg  [31:0] triggers;
    reg         in_triggers;
    wire [31:0] counted;
    wire        in_counted;
    wire [31:0] sum_high;
    csr_counts #(.COUNTERS(COUNTERS)) counter (
        .clk(clk), .rst(rst), .count(count), .ev_valid(ev_valid), .ev_latency(ev_latency), .fetch(fetch), .ar_addr(ar_addr),
        .high(high), .sum_high(sum_high), .value(counted), .known(in_counted)
    );
    always @(posedge clk)
        if (fetch) begin
            identity <= 32'd0;
            in_identity <= ar_addr[11:6] == 6'd0 && ar_addr[1:0] == 2'd0;
            case ({6'd0, ar_addr[5:2], 2'd0})
                `FP_REG_ID: identity <= `FP_REG_ID_RESET;
                `FP_REG_VERSION: identity <= `FP_REG_VERSION_RESET;
                `FP_REG_BUILD: identity <= BUILD;
                `FP_REG_CAPS: identity <= CAPS;
                `FP_REG_CTRL: identity <= ctrl;
                `FP_REG_COMMAND: identity <= 32'd0;
                `FP_REG_STATUS: identity <= {23'd0, load_refused, status[7:0]};
                `FP_REG_CYCLE_LO: identity <= now[31:0];
                `FP_REG_CYCLE_HI: identity <= high;
                `FP_REG_MIDNIGHT_LO: identity <= midnight_lo;
                `FP_REG_MIDNIGHT_HI: identity <= midnight_hi;
                `FP_REG_VENUE: identity <= {24'd0, venue};
                default: in_identity <= 1'b0;
            endcase
            lines <= 32'd0;
            in_lines <= ar_addr[11:6] == 6'd1 && ar_addr[1:0] == 2'd0;
            case ({6'd1, ar_addr[5:2], 2'd0})
                `FP_REG_LINE_A_ADDRESS: lines <= line_a_address;
                `FP_REG_LINE_A_PORT: lines <= {16'd0, line_a_port};
                `FP_REG_LINE_B_ADDRESS: lines <= line_b_address;
                `FP_REG_LINE_B_PORT: lines <= {16'd0, line_b_port};
                `FP_REG_SESSION_0: lines <= session_0;
                `FP_REG_SESSION_1: lines <= session_1;
                `FP_REG_SESSION_2: lines <= {16'd0, session_2};
                `FP_REG_FIRST_SEQ_LO: lines <= first_seq_lo;
                `FP_REG_FIRST_SEQ_HI: lines <= first_seq_hi;
                `FP_REG_GAP_WAIT: lines <= gap_wait;
                `FP_REG_SILENCE: lines <= silence;
                `FP_REG_EXPECTED_SEQ_LO: lines <= expected_seq[31:0];
                `FP_REG_EXPECTED_SEQ_HI: lines <= high;
                default: in_lines <= 1'b0;
            endcase
            limits <= 32'd0;
            in_limits <= ar_addr[11:6] == 6'd2 && ar_addr[1:0] == 2'd0;
            case ({6'd2, ar_addr[5:2], 2'd0})
                `FP_REG_FILTER: limits <= 32'd0;
                `FP_REG_MARK: limits <= 32'd0;
                `FP_REG_LIMIT_QUANTITY: limits <= limit_quantity;
                `FP_REG_LIMIT_NOTIONAL_LO: limits <= limit_notional_lo;
                `FP_REG_LIMIT_NOTIONAL_HI: limits <= limit_notional_hi;
                `FP_REG_LIMIT_COLLAR: limits <= {16'd0, limit_collar};
                `FP_REG_LIMIT_BUY_ROOM: limits <= limit_buy_room;
                `FP_REG_LIMIT_SELL_ROOM: limits <= limit_sell_room;
                `FP_REG_LIMIT_WRITE: limits <= 32'd0;
                `FP_REG_RATE_PERIOD: limits <= rate_period;
                `FP_REG_RATE_BURST: limits <= {16'd0, rate_burst};
                `FP_REG_DUP_WINDOW_LO: limits <= dup_window_lo;
                `FP_REG_DUP_WINDOW_HI: limits <= {16'd0, dup_window_hi};
                default: in_limits <= 1'b0;
            endcase
            orders <= 32'd0;
            in_orders <= ar_addr[11:6] == 6'd3 && ar_addr[1:0] == 2'd0;
            case ({6'd3, ar_addr[5:2], 2'd0})
                `FP_REG_NEXT_URN: orders <= next_urn;
                `FP_REG_TEMPLATE_LO: orders <= template_lo;
                `FP_REG_TEMPLATE_HI: orders <= template_hi;
                `FP_REG_TEMPLATE_WRITE: orders <= 32'd0;
                `FP_REG_TEMPLATE_SEAL: orders <= 32'd0;
                default: in_orders <= 1'b0;
            endcase
            table_now <= 32'd0;
            in_table <= ar_addr[11:6] == 6'd12 && ar_addr[1:0] == 2'd0;
            case ({6'd12, ar_addr[5:2], 2'd0})
                `FP_REG_ORDERS_LIVE: table_now <= orders_live;
                `FP_REG_ORDERS_PEAK: table_now <= orders_peak;
                `FP_REG_STASH_LEVEL: table_now <= {24'd0, stash_level};
                default: in_table <= 1'b0;
            endcase
            triggers <= 32'd0;
            in_triggers <= ar_addr[11:6] == 6'd4 && ar_addr[1:0] == 2'd0;
            case ({6'd4, ar_addr[5:2], 2'd0})
                `FP_REG_TRIGGER_PRICE: triggers <= trigger_price;
                `FP_REG_TRIGGER_EXPIRE_LO: triggers <= trigger_expire_lo;
                `FP_REG_TRIGGER_EXPIRE_HI: triggers <= {16'd0, trigger_expire_hi};
                `FP_REG_TRIGGER_WRITE: triggers <= 32'd0;
                `FP_REG_ARMED: triggers <= {{(32-SLOTS){1'b0}}, armed};
                `FP_REG_FIRED: triggers <= {{(32-SLOTS){1'b0}}, fired};
                `FP_REG_EXPIRED: triggers <= {{(32-SLOTS){1'b0}}, expired};
                `FP_REG_DISARMED: triggers <= {{(32-SLOTS){1'b0}}, disarmed};
                `FP_REG_SENT: triggers <= {{(32-SLOTS){1'b0}}, sent};
                `FP_REG_REFUSED: triggers <= {{(32-SLOTS){1'b0}}, refused};
                `FP_REG_REASON_SLOT: triggers <= {24'd0, reason_slot};
                `FP_REG_REASONS: triggers <= {16'd0, slot_reasons};
                default: in_triggers <= 1'b0;
            endcase
        end
    always @(posedge clk) begin
        slot_reasons <= reason_slot < SLOTS && has_reasons[reason_slot[SLOTS_LOG2-1:0]] ? reasons[reason_slot[SLOTS_LOG2-1:0]] : 16'd0;
        if (rst) begin
            ar_held <= 1'b0;
            ar_caught <= 1'b0;
            ar_done <= 1'b0;
            s_axil_rvalid <= 1'b0;
            load_refused <= 1'b0;
            now <= 48'd0;
        end else begin
            now <= now + 48'd1;
            ar_held <= ar_held ? !ar_done : s_axil_arvalid;
            ar_caught <= ar_held && !ar_done;
            ar_done <= read;
            if (read)
                s_axil_rvalid <= 1'b1;
            else if (s_axil_rready)
                s_axil_rvalid <= 1'b0;
            load_refused <= status[8] || (load_refused && !(fetch && ar_addr == `FP_REG_STATUS));
        end
        if (!ar_held)
            ar_addr <= s_axil_araddr;
        if (fetch)
            case (ar_addr)
                `FP_REG_CYCLE_LO: high <= {16'd0, now[47:32]};
                `FP_REG_EXPECTED_SEQ_LO: high <= expected_seq[63:32];
                `FP_REG_LATENCY_SUM_LO: high <= sum_high;
                default: high <= high;
            endcase
        if (read) begin
            s_axil_rdata <= (in_identity ? identity : 32'd0) | (in_lines ? lines : 32'd0) | (in_limits ? limits : 32'd0)
                | (in_orders ? orders : 32'd0) | (in_table ? table_now : 32'd0) | (in_triggers ? triggers : 32'd0) | counted;
            s_axil_rresp <= in_identity || in_lines || in_limits || in_orders || in_table || in_triggers || in_counted ? OKAY : SLVERR;
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
    wire [7:0] f_commands;
    assign f_commands = {do_command, do_filter, do_mark, do_limit_write, do_next_urn, do_template_write, do_template_seal,
                         do_trigger_write};
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
    // After a reset the kill switch is on, and orders may not leave.
    always @(posedge clk) if (f_started && $past(rst)) begin
        assert(ctrl[`FP_REG_CTRL_KILL_LSB] && !ctrl[`FP_REG_CTRL_TRADE_LSB]);
        assert(f_commands == 8'd0);
    end
    always @(posedge clk) if (f_started && !rst) begin
        assert(f_aw == {1'b0, aw_held} + {1'b0, s_axil_bvalid});
        assert(f_w == {1'b0, w_held} + {1'b0, s_axil_bvalid});
        assert(f_ar == {1'b0, ar_held && !ar_done} + {1'b0, s_axil_rvalid});
        assert(!ar_done || ar_held);
        assert(!ar_caught || ar_held);
        assert(!ar_done || ar_caught);
        assert(!aw_known || aw_held);
        if (!$past(rst)) begin
            // The control register, with the kill switch, changes by an accepted write to its own address and by nothing else.
            if (ctrl != $past(ctrl)) assert($past(write && aw_addr == `FP_REG_CTRL) && s_axil_bvalid && s_axil_bresp == OKAY);
            // A command is raised alone, and only by a write of all four bytes that is answered OKAY.
            if (f_commands != 8'd0)
                assert((f_commands & (f_commands - 8'd1)) == 8'd0 && $past(w_strobe) == 4'hf && s_axil_bvalid && s_axil_bresp == OKAY);
        end
        cover(s_axil_bvalid && s_axil_bready && s_axil_bresp == SLVERR);
        cover(s_axil_rvalid && s_axil_rready && s_axil_rresp == OKAY);
        cover(do_trigger_write);
    end
`endif
endmodule
`default_nettype wire
