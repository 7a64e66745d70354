// MoldUDP64 aligner: cuts a packet into its messages, each in chunks that begin at message byte 0, 8, 16 ...
// Latency: 1 cycle from the beat with a message's last byte to its last chunk. Throughput: one beat per cycle for any mix
// of messages; never pushes back, so it has no overflow.
//
//   0 session (10)   10 sequence (8)   18 count (2)   20 { length (2), message } x count
//   count 0 is a heartbeat, 0xFFFF the end of the session; both carry no message.
//
// How: the window is the last beat and this one, 16 bytes. A message that ends in this beat leaves as one last chunk of up to
// 15 bytes, so its tail never competes with the next message's head. A block of a 12-byte message has 14 bytes, more than a
// beat: at most one length field and at most one end in a beat. `next_length` counts the lanes from this beat to the low byte of
// the next length field; the eight lengths that could be meant are prepared as next positions, so the loop is one multiplexer.
// Which lane of the coming beat holds that byte (length_at) or the end of the current unit (end_at) is kept one-hot beside it.
//
// A message longer than any of ITCH 5.0 is stepped over by its length; its chunks after the seventh all have index 7.
// Lengths below 12 (two such messages could end in one beat), bytes after the last message, sequence 0 and packets that end
// early are refused: the rest of the packet is dropped and the end report says why (a positive fp_error code).
// The locate of a message goes out without a register, to the address of a RAM, in the beat that has its last byte: two
// cycles or more before the message's last chunk, and not before the last beat of the message ahead.
`default_nettype none
module mold_align (
    input  wire         clk,
    input  wire         rst,
    input  wire [63:0]  s_axis_tdata,   // first beat of a packet: payload from lane 2 or lane 6
    input  wire [7:0]   s_axis_tkeep,
    input  wire         s_axis_tvalid,
    input  wire         s_axis_tlast,
    input  wire         s_axis_tuser,
    input  wire [7:0]   s_axis_reason,
    output wire         chunk_valid,
    output wire [119:0] chunk_data,     // message byte 8 * chunk_index + i in bits 8i+7:8i; all 15 only in the last chunk
    output wire [3:0]   chunk_bytes,    // how many of the 15 have arrived, 8..15; beyond the message in its last chunk
    output wire [2:0]   chunk_index,    // 7 for the seventh and all after it
    output wire         chunk_last,     // the message ends in this chunk
    output wire [5:0]   chunk_length,   // of the message, 12..63; 63 if it is longer
    output wire [63:0]  chunk_seq,      // MoldUDP64 sequence of the message
    output wire         look_valid,     // there may be a message here; never between its own look and its last beat
    output wire [15:0]  look_locate,    // ... of this stock locate
    output wire         header_valid,   // one cycle; the next three stay until the next header
    output wire [79:0]  header_session, // first character in the top byte
    output wire [63:0]  header_seq,
    output wire [15:0]  header_count,
    output wire         end_valid,      // a packet ended; one cycle, with its last message's last chunk or after it
    output wire         end_bad,
    output wire [7:0]   end_reason,     // 0 when good
    output wire         end_header,     // header_* are of this packet
    output wire [15:0]  end_count       // messages of it that left
);
    localparam [7:0] TRUNCATED = 8'd1; // fp_error codes of hdl/spec/records.json
    localparam [7:0] BAD_LENGTH = 8'd4;
    localparam [7:0] BAD_FIELD = 8'd5;
    localparam W = 12; // bits of a lane count: 2,047 bytes, more than a packet has, and the lanes

    // Input as bytes: this beat, and the last lane of the one before.
    reg  [63:0] last_beat;
    reg         last_zero;  // all of it is 0
    reg         last_zero4; // its lanes 4 to 7 are
    wire [7:0]  lane0;
    wire [7:0]  lane1;
    wire [7:0]  lane2;
    wire [7:0]  lane3;
    wire [7:0]  lane4;
    wire [7:0]  lane5;
    wire [7:0]  lane6;
    wire [7:0]  lane7;
    assign lane0 = s_axis_tdata[7:0];
    assign lane1 = s_axis_tdata[15:8];
    assign lane2 = s_axis_tdata[23:16];
    assign lane3 = s_axis_tdata[31:24];
    assign lane4 = s_axis_tdata[39:32];
    assign lane5 = s_axis_tdata[47:40];
    assign lane6 = s_axis_tdata[55:48];
    assign lane7 = s_axis_tdata[63:56];

    // State between beats.
    reg        first;       // the next beat begins a packet
    reg        late_start;  // this packet begins at lane 6, not 2
    reg [1:0]  beat;        // 0..3, stays at 3
    reg        in_header;
    reg        active;      // a message's bytes are in the next beat, or begin with it
    reg        finished;    // every message announced has left
    reg        dropping;
    reg [7:0]  drop_reason;
    reg [W-1:0] next_length; // lane of the next length's low byte, counted from the next beat's lane 0
    reg [7:0]  length_at;   // one-hot of next_length when it is below 8
    reg [2:0]  late;        // length_at of the beat before, lanes 5 to 7: the locate ends in this beat
    reg [7:0]  end_at;      // one-hot of next_length - 2 when that is below 8: the last byte of the header or message
    reg        unsound;     // the length read in the last beat is not acceptable: drop from here
    reg        too_long;    // ... it is more than a packet holds
    reg [3:0]  offset;      // window byte of the current chunk's first byte, 1..8
    reg [2:0]  index;
    reg [5:0]  length;
    reg [15:0] left;        // messages announced that have not left
    reg        left_one;
    reg [63:0] seq;         // of the current message
    reg [15:0] sent;
    reg        header_known;
    reg [79:0] session;
    reg [63:0] packet_seq;
    reg [15:0] count;

    // The eight candidate lengths: low byte in lane i, high byte in the lane before.
    wire [63:0] low;
    wire [63:0] high;
    wire [7:0]  fits;     // it is less than 2048
    wire [7:0]  longer;   // ... more than 63
    wire [7:0]  sound;    // ... and not below 12
    wire [3:0]  near;     // this is the length, and 12 to 15
    wire [8*W-1:0] jump;  // where the length after it will be, seen from the next beat: i + length + 2 - 8
    wire [8*W-1:0] jump_if; // ... where this is the length
    wire [47:0] length_if;
    wire [31:0] end_if;   // where the message ends in the next beat: it does only if its length is at lane 0..3
    wire [15:0] length_at_if; // where the next length is in the next beat: only if this one is at lane 0 or 1
    assign low = s_axis_tdata;
    assign high = {s_axis_tdata[55:0], last_beat[63:56]};
    genvar i;
    genvar j;
    generate
        for (i = 0; i < 8; i = i + 1) begin : candidate
            localparam [W-1:0] LANE = i;
            assign fits[i] = high[8*i+3+:5] == 5'd0;
            assign longer[i] = high[8*i+:3] != 3'd0 || low[8*i+6+:2] != 2'd0;
            assign sound[i] = fits[i] && (longer[i] || low[8*i+:6] >= 6'd12);
            if (i < 4) begin : close
                assign near[i] = length_at[i] && high[8*i+:3] == 3'd0 && low[8*i+2+:6] == 6'd3;
            end
            assign jump[W*i+:W] = {1'b0, high[8*i+:3], low[8*i+:8]} + LANE - 12'd6;
            assign jump_if[W*i+:W] = jump[W*i+:W] & {W{length_at[i]}};
            assign length_if[6*i+:6] = (low[8*i+:6] | {6{longer[i]}}) & {6{length_at[i]}};
            for (j = 0; j < 8; j = j + 1) begin : place
                localparam [5:0] ENDS = 8 + j - i;   // the length with which a message at lane i ends at lane j
                localparam [5:0] LENGTH = 6 + j - i; // ... with which the next length is at lane j
                if (j >= i + 4) begin : near_end
                    assign end_if[8*i+j] = near[i] && low[8*i+:2] == ENDS[1:0];
                end else if (i < 4) begin : no_end
                    assign end_if[8*i+j] = 1'b0;
                end
                if (j >= i + 6) begin : near_length
                    assign length_at_if[8*i+j] = near[i] && low[8*i+:2] == LENGTH[1:0];
                end else if (i < 2) begin : no_length
                    assign length_at_if[8*i+j] = 1'b0;
                end
            end
        end
    endgenerate
    wire [W-1:0] jump_to;
    wire [5:0] length_new;
    wire [7:0] end_new;
    wire [7:0] length_at_new;
    assign jump_to = jump_if[11:0] | jump_if[23:12] | jump_if[35:24] | jump_if[47:36]
                   | jump_if[59:48] | jump_if[71:60] | jump_if[83:72] | jump_if[95:84];
    assign length_new = length_if[5:0] | length_if[11:6] | length_if[17:12] | length_if[23:18]
                      | length_if[29:24] | length_if[35:30] | length_if[41:36] | length_if[47:42];
    assign end_new = end_if[7:0] | end_if[15:8] | end_if[23:16] | end_if[31:24];
    assign length_at_new = length_at_if[7:0] | length_at_if[15:8];
    // Without a length in this beat everything comes 8 lanes nearer.
    wire [7:0] end_nearer;
    wire [7:0] length_nearer;
    generate
        for (i = 0; i < 8; i = i + 1) begin : nearer
            localparam [W-1:0] END = 10 + i;
            localparam [W-1:0] LENGTH = 8 + i;
            assign end_nearer[i] = next_length == END;
            assign length_nearer[i] = next_length == LENGTH;
        end
    endgenerate

    // This beat.
    wire       length_here;  // the low byte of a length field
    wire       ends;         // the current unit, header or message, ends here
    wire       end_kept;     // ... and that lane is part of the packet
    wire       more_kept;    // there are bytes after it in this beat
    wire       spoiled;
    wire [15:0] count_here;
    wire [63:0] seq_here;
    wire       empty;        // heartbeat or end of session
    wire       header_ends;
    wire       message_ends;
    wire       finishes;
    wire       begins;       // a message is announced here
    wire       extra;
    wire       cut;          // the unit's last byte is missing
    wire       seq_zero;     // seq_here is 0
    wire       no_sequence;
    wire       knows;        // a sound header ends here
    wire       bad_here;
    wire       unsound_here; // the length read in this beat is not acceptable
    wire       too_long_here;
    wire       gone;         // the packet is being dropped, from this beat at the latest
    assign gone = dropping || unsound;
    assign length_here = length_at != 8'h00;
    assign ends = (in_header || active) && !gone && end_at != 8'h00;
    assign end_kept = (s_axis_tkeep & end_at) != 8'h00;
    assign more_kept = (s_axis_tkeep & {end_at[6:0], 1'b0}) != 8'h00;
    assign spoiled = s_axis_tlast && s_axis_tuser;
    assign count_here = late_start ? {lane0, lane1} : {lane4, lane5};
    assign seq_here = late_start
        ? {last_beat[7:0], last_beat[15:8], last_beat[23:16], last_beat[31:24],
           last_beat[39:32], last_beat[47:40], last_beat[55:48], last_beat[63:56]}
        : {last_beat[39:32], last_beat[47:40], last_beat[55:48], last_beat[63:56], lane0, lane1, lane2, lane3};
    assign empty = count_here == 16'd0 || count_here == 16'hFFFF;
    assign header_ends = in_header && !gone && end_kept && !spoiled;
    assign message_ends = active && !gone && end_kept && !spoiled;
    assign finishes = (header_ends && empty) || (message_ends && left_one);
    assign begins = (s_axis_tkeep & length_at) != 8'h00 && !gone && !finished && !finishes
                 && (header_ends || (!in_header && (!active || message_ends)));
    assign extra = (finishes && more_kept) || (finished && s_axis_tkeep[0]);
    assign cut = ends && !end_kept;
    assign seq_zero = late_start ? last_zero : last_zero4 && s_axis_tdata[31:0] == 32'd0;
    assign no_sequence = header_ends && seq_zero;
    assign knows = header_ends && !no_sequence;
    assign unsound_here = (sound & length_at) == 8'h00;
    assign too_long_here = (fits & length_at) == 8'h00;
    assign bad_here = !gone && (extra || cut || no_sequence);

    wire [7:0] reason_here;
    assign reason_here = unsound ? (too_long ? TRUNCATED : BAD_LENGTH) : no_sequence ? BAD_FIELD : cut ? TRUNCATED : BAD_LENGTH;

    always @(posedge clk) begin
        if (rst) begin
            first <= 1'b1;
            in_header <= 1'b0;
            active <= 1'b0;
            finished <= 1'b0;
            dropping <= 1'b0;
            unsound <= 1'b0;
            header_known <= 1'b0;
        end else if (s_axis_tvalid) begin
            first <= s_axis_tlast;
            if (s_axis_tlast || first) begin
                in_header <= !s_axis_tlast;
                active <= 1'b0;
                finished <= 1'b0;
                dropping <= 1'b0;
                unsound <= 1'b0;
                header_known <= 1'b0;
            end else begin
                if (header_ends)
                    in_header <= 1'b0;
                if (knows)
                    header_known <= 1'b1;
                if (finishes)
                    finished <= 1'b1;
                active <= !gone && !bad_here && ((active && !message_ends) || begins);
                unsound <= begins && unsound_here;
                if (bad_here || unsound)
                    dropping <= 1'b1;
            end
        end
    end

    always @(posedge clk) if (s_axis_tvalid) begin
        last_beat <= s_axis_tdata;
        last_zero <= s_axis_tdata == 64'd0;
        last_zero4 <= s_axis_tdata[63:32] == 32'd0;
        too_long <= too_long_here;
        if (first) begin
            late_start <= !s_axis_tkeep[2];
            beat <= 2'd1;
            next_length <= s_axis_tkeep[2] ? 12'd15 : 12'd19; // header: like a message of 20 bytes
            length_at <= 8'h00;
            late <= 3'b000;
            end_at <= 8'h00;
            sent <= 16'd0;
        end else begin
            if (beat != 2'd3)
                beat <= beat + 2'd1;
            next_length <= length_here ? jump_to : next_length - 12'd8;
            length_at <= length_here ? length_at_new : length_nearer;
            late <= length_at[7:5];
            end_at <= length_here ? end_new : end_nearer;
        end
        if (length_here) begin // whether it begins or not: without a message they mean nothing
            offset <= next_length[3:0] + 4'd1;
            index <= 3'd0;
            length <= length_new;
        end else
            index <= index + {2'b00, index != 3'd7};
        if (header_ends) begin
            left <= count_here;
            left_one <= count_here == 16'd1;
        end else if (message_ends) begin
            left <= left - 16'd1;
            left_one <= left == 16'd2;
        end
        if (header_ends) begin
            seq <= seq_here;
            packet_seq <= seq_here;
            count <= count_here;
        end else if (message_ends) begin
            seq <= seq + 64'd1;
            sent <= sent + 16'd1;
        end
        if (!dropping)
            drop_reason <= reason_here;
        // Session: bytes 0..9, from lane 2 or lane 6 of the first beat.
        if (first)
            session[79:32] <= s_axis_tkeep[2] ? {lane2, lane3, lane4, lane5, lane6, lane7} : {lane6, lane7, 32'd0};
        else if (beat == 2'd1) begin
            if (late_start)
                session[63:0] <= {lane0, lane1, lane2, lane3, lane4, lane5, lane6, lane7};
            else
                session[31:0] <= {lane0, lane1, lane2, lane3};
        end
    end

    // Outputs.
    reg         out_valid;
    reg [119:0] out_data;
    reg [3:0]   out_bytes;
    reg [2:0]   out_index;
    reg         out_last;
    reg [5:0]   out_length;
    reg [63:0]  out_seq;
    reg         out_header;
    reg         out_end;
    reg         out_bad;
    reg [7:0]   out_reason;
    reg         out_known;
    reg [15:0]  out_count;
    wire        refused;  // of the packet that ends here
    assign refused = s_axis_tuser || gone || bad_here || first || !(finished || finishes);

    wire [127:0] window;
    wire [119:0] chunk;
    assign window = {s_axis_tdata, last_beat};
    assign chunk = window[8*offset+:120];
    assign look_valid = s_axis_tvalid && (length_at[4:0] != 5'd0 || late != 3'd0);
    assign look_locate = ({lane2, lane3} & {16{length_at[0]}}) | ({lane3, lane4} & {16{length_at[1]}})
                       | ({lane4, lane5} & {16{length_at[2]}}) | ({lane5, lane6} & {16{length_at[3]}})
                       | ({lane6, lane7} & {16{length_at[4]}}) | ({last_beat[63:56], lane0} & {16{late[0]}})
                       | ({lane0, lane1} & {16{late[1]}}) | ({lane1, lane2} & {16{late[2]}});

    always @(posedge clk) begin
        if (rst) begin
            out_valid <= 1'b0;
            out_header <= 1'b0;
            out_end <= 1'b0;
        end else begin
            out_valid <= s_axis_tvalid && active && !gone && s_axis_tkeep[0] && (!ends || message_ends);
            out_header <= s_axis_tvalid && knows;
            out_end <= s_axis_tvalid && s_axis_tlast;
        end
        out_data <= chunk;
        out_bytes <= 4'd0 - offset;
        out_index <= index;
        out_last <= message_ends;
        out_length <= length;
        out_seq <= seq;
        out_bad <= refused;
        if (!refused)
            out_reason <= 8'd0;
        else if (s_axis_tuser)
            out_reason <= s_axis_reason;
        else if (dropping)
            out_reason <= drop_reason;
        else if (bad_here || unsound)
            out_reason <= reason_here;
        else if (begins && unsound_here)
            out_reason <= too_long_here ? TRUNCATED : BAD_LENGTH;
        else
            out_reason <= TRUNCATED;
        out_known <= !first && (header_known || knows);
        out_count <= first ? 16'd0 : sent + {15'd0, message_ends};
    end

    assign chunk_valid = out_valid;
    assign chunk_data = out_data;
    assign chunk_bytes = out_bytes;
    assign chunk_index = out_index;
    assign chunk_last = out_last;
    assign chunk_length = out_length;
    assign chunk_seq = out_seq;
    assign header_valid = out_header;
    assign header_session = session;
    assign header_seq = packet_seq;
    assign header_count = count;
    assign end_valid = out_end;
    assign end_bad = out_bad;
    assign end_reason = out_reason;
    assign end_header = out_known;
    assign end_count = out_count;

`ifdef FORMAL
`include "axis_props.vh"
    `AXIS_FORMAL_START
    // The source: lanes without holes, from lane 2 or 6 in a packet's first beat and from lane 0 in the others, not full
    // only at the packet's end.
    reg f_partial; // a beat was not full: nothing but the closing beat may follow
    always @(posedge clk) begin
        if (rst || (s_axis_tvalid && s_axis_tlast))
            f_partial <= 1'b0;
        else if (s_axis_tvalid && !s_axis_tkeep[7])
            f_partial <= 1'b1;
    end
    always @(posedge clk) if (s_axis_tvalid && !rst) begin
        if (first && !(s_axis_tlast && s_axis_tkeep == 8'h00)) // a refused frame is one empty beat
            assume((s_axis_tkeep == 8'hFC) || (s_axis_tkeep == 8'hC0));
        else
            assume((s_axis_tkeep & (s_axis_tkeep + 8'd1)) == 8'h00);
        if (f_partial)
            assume(s_axis_tlast && s_axis_tkeep == 8'h00);
    end
    // What always holds of the state between beats.
    reg  [W-1:0] f_length; // of the message, not saturated; and its chunk
    reg  [W-4:0] f_index;
    wire [W-1:0] f_length_new;
    wire [W-1:0] f_done; // message bytes before the current chunk, and those that its end is away
    genvar f;
    generate
        for (f = 0; f < W; f = f + 1) begin : f_bit
            wire [7:0] f_of_lane;
            for (i = 0; i < 8; i = i + 1) begin : f_lane
                if (f < 8) begin : f_low
                    assign f_of_lane[i] = low[8*i+f] && length_at[i];
                end else begin : f_high
                    assign f_of_lane[i] = f < 11 && high[8*i+f-8] && length_at[i];
                end
            end
            assign f_length_new[f] = f_of_lane != 8'h00;
        end
    endgenerate
    always @(posedge clk) if (s_axis_tvalid) begin
        f_length <= begins ? f_length_new : f_length;
        f_index <= begins ? 0 : f_index + 1'b1;
    end
    reg [W-1:0] f_out_length;
    reg [W-4:0] f_out_index;
    always @(posedge clk) begin
        f_out_length <= f_length;
        f_out_index <= f_index;
    end
    assign f_done = {f_index, 3'b000} + next_length + 12'd7 - {8'd0, offset};
    always @(posedge clk) if (f_started && !rst) begin
        assert(!(in_header && active));
        assert(!(first && (in_header || active || finished || dropping || header_known)));
        assert(!(active && (finished || dropping)));
        assert(first || in_header || header_known || dropping);
        assert(!unsound || active || dropping);
        assert(first || (last_zero == (last_beat == 64'd0) && last_zero4 == (last_beat[63:32] == 32'd0)));
        if (!f_partial && !gone && (in_header || (header_known && !finished))) begin
            assert(length_at == (next_length < 12'd8 ? 8'h01 << next_length : 8'h00));
            assert(end_at == (next_length >= 12'd2 && next_length < 12'd10 ? 8'h01 << (next_length - 12'd2) : 8'h00)
                   || !(in_header || active));
        end
        if (active && !unsound) begin
            assert(offset >= 4'd1 && offset <= 4'd8);
            assert(f_length >= 12'd12 && f_length < 12'd2048);
            assert(length == (f_length > 12'd63 ? 6'd63 : f_length[5:0]));
            assert(index == (f_index > 7 ? 3'd7 : f_index[2:0]));
            // A chunk never runs past its message: the lanes add up to the length at every beat.
            assert(f_done == f_length);
            assert({f_index, 3'b000} < f_length);
            assert(next_length >= 12'd6 - (index == 3'd0 ? 12'd0 : 12'd4) && next_length <= 12'd2048);
            assert(left != 16'd0);
        end
        if (in_header && !gone) begin
            assert(beat >= 2'd1 && !finished && !header_known && sent == 16'd0);
            if (beat == 2'd1)
                assert(next_length == (late_start ? 12'd19 : 12'd15));
            if (beat == 2'd2)
                assert(next_length == (late_start ? 12'd11 : 12'd7));
            if (beat == 2'd3)
                assert(next_length == 12'd3 && late_start);
        end
        if (header_known && !finished && !gone) begin
            assert(left_one == (left == 16'd1));
            assert(left != 16'd0);
            assert(seq - packet_seq == {48'd0, sent});
            assert({1'b0, left} + {1'b0, sent} == {1'b0, count});
            if (!active)
                assert(next_length <= 12'd1 || f_partial); // only a length field lies between two messages
        end
        // Outputs: chunks count up from 0 and end with the last; one end a beat is all there can be.
        if (chunk_valid) begin
            assert(chunk_length >= 6'd12 && chunk_length <= 6'd63);
            assert(chunk_bytes >= 4'd8);
            assert(chunk_length == (f_out_length > 12'd63 ? 6'd63 : f_out_length[5:0]));
            assert(chunk_index == (f_out_index > 7 ? 3'd7 : f_out_index[2:0]));
            assert({f_out_index, 3'd0} < f_out_length);
            if (chunk_last)
                assert({f_out_index, 3'd0} + {8'd0, chunk_bytes} >= f_out_length);
            else
                assert({f_out_index, 3'd0} + {8'd0, chunk_bytes} < f_out_length);
        end
        cover(chunk_valid && chunk_last && $past(chunk_valid && chunk_last));     // two ends in consecutive beats
        cover(chunk_valid && chunk_last && chunk_length == 6'd63 && end_valid && !end_bad);
        cover(end_valid && end_bad && end_count == 16'd2);
        cover(end_valid && !end_bad && end_header && header_count == 16'hFFFF);
    end
    // Between two last chunks the sequence goes up by one within a packet.
    reg        f_told;
    reg [63:0] f_last_seq;
    always @(posedge clk) begin
        if (rst || (s_axis_tvalid && header_ends) || header_valid || (chunk_valid && chunk_last && end_valid))
            f_told <= 1'b0;
        else if (chunk_valid && chunk_last)
            f_told <= 1'b1;
        if (chunk_valid && chunk_last)
            f_last_seq <= chunk_seq;
    end
    always @(posedge clk) if (f_started && !rst) begin
        if (chunk_valid && chunk_last)
            assert(seq == chunk_seq + 64'd1 || header_valid);
        if (chunk_valid && f_told && !header_valid && !chunk_last)
            assert(chunk_seq == f_last_seq + 64'd1);
        if (f_told && !header_valid && !(chunk_valid && chunk_last))
            assert(seq == f_last_seq + 64'd1);
        if (chunk_valid && chunk_last && f_told && !header_valid)
            assert(chunk_seq == f_last_seq + 64'd1);
    end
`endif
endmodule
`default_nettype wire
