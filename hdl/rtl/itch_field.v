// Picks the bytes of one message field out of a chunk. Purely combinational; no state, no overflow.
// A byte at offset o of the message is in chunk o / 8 at place o % 8, and already in the chunk before it at place 8 + o % 8
// when it has arrived; what is taken there too early is garbage that the next chunk, which must follow, replaces.
`default_nettype none
module itch_field #(
    parameter OFFSET = 0,
    parameter BYTES = 1
) (
    input  wire               select, // this message has the field here
    input  wire [2:0]         index,  // of the chunk
    input  wire [119:0]       chunk,
    output wire [BYTES-1:0]   write,  // bytes found, most significant first byte of the message
    output wire [8*BYTES-1:0] value   // big-endian; 0 where not found
);
    genvar i;
    generate
        for (i = 0; i < BYTES; i = i + 1) begin : byte_of_field
            localparam PLACE = (OFFSET + i) % 8;
            localparam WHERE = (OFFSET + i) / 8;
            wire [2:0] at_chunk;
            wire       here;
            wire       sooner;
            wire [7:0] early;
            assign at_chunk = WHERE[2:0];
            assign here = select && index == at_chunk;
            if (PLACE == 7 || OFFSET + i < 8) begin : only_here
                assign sooner = 1'b0;
                assign early = 8'd0;
            end else begin : or_before
                assign sooner = select && index == at_chunk - 3'd1;
                assign early = chunk[8*(PLACE+8)+:8];
            end
            assign write[BYTES-1-i] = here || sooner;
            assign value[8*(BYTES-1-i)+:8] = (chunk[8*PLACE+:8] & {8{here}}) | (early & {8{sooner}});
        end
    endgenerate
endmodule
`default_nettype wire
