// H3 hash of an order reference: bucket bit b of table t is the parity of the reference under a fixed random mask.
// Latency: 0 cycles (XOR trees, no register). Throughput: one reference per cycle.
// The 64 masks are linearly independent, so 64 bits of bucket numbers never lose a bit of the reference.
`default_nettype none
module ord_hash #(
    parameter TABLE = 0,      // 0..3
    parameter BUCKET_LOG2 = 12 // at most 16
) (
    input  wire [63:0]            order_ref,
    output wire [BUCKET_LOG2-1:0] bucket
);
    localparam [1023:0] MASKS0 = {
        64'h226b9f901144e9e3, 64'h05e8900ca7ba8573, 64'hdd291cdb172c34e2, 64'h2162f2b00ab3a206,
        64'hd7f353d30521ea0d, 64'hda6b0db410c6a6bc, 64'hd5c3e659815ad260, 64'h2234a3c82fdc514b,
        64'h6908afe16ff1e462, 64'h49a99245e001ebfa, 64'hbaf9dfc475da0e5c, 64'h894f85a738892e33,
        64'hacbf716748f483d3, 64'h496cf9303bf85386, 64'h78f500232cf85648, 64'h920b501d7b7a4959
    };
    localparam [1023:0] MASKS1 = {
        64'hcadc9b61b5fffafa, 64'h7742de80808e19e6, 64'h51ae58c8f142f5da, 64'hec2502b423af0d7f,
        64'h68cd4d9cdc82d553, 64'hfe7ab00692beb4f6, 64'hd020a5e6ca80481c, 64'hd9eadcff66048f68,
        64'h7fe4cb484ceaf7f9, 64'h6e7ca7d91012ae15, 64'h2beeabdce2ade177, 64'hce54886e3fe667e1,
        64'hb69743be1ec956de, 64'h7ce421d40c8215d2, 64'hc3e94d14c7aff920, 64'h8ba78f8244eedb6b
    };
    localparam [1023:0] MASKS2 = {
        64'h8806ca0b4f1134c1, 64'hc6962fd76a9f012c, 64'h9e92c2610da8803a, 64'h5c6c2f7c0d91b8cb,
        64'h55fd3473a85e1f41, 64'h4b080312756ab24b, 64'hc24fe5d0db5801cd, 64'h6779bf8d7f325b84,
        64'ha73371ac9b3fd33f, 64'he7606837b39158a5, 64'h8a14033a89cd3e19, 64'h765e666c18954fd3,
        64'h3443e824df0bfb24, 64'hf71457c93810d586, 64'h0a42eedeb67726e8, 64'hc00c33188ee5f3c6
    };
    localparam [1023:0] MASKS3 = {
        64'h56b81aeec4b23968, 64'h5470335396b97fd5, 64'h5bced5d00f9bf4f6, 64'hef9a5c79c60da212,
        64'h074a76caccb37209, 64'hbb1ded1c7b30fffa, 64'hd417f70aecc98c31, 64'h47f8c9ab8674e07a,
        64'hf6531d78e693023b, 64'h9641cab4bc09ed7b, 64'h533fc784624739fe, 64'h809b9c6de342944c,
        64'hffed205f04932d81, 64'he2d8f084b610b554, 64'h4e13a681d03b8bcb, 64'h7fe6b87928f01aa4
    };
    wire [1023:0] masks;
    assign masks = TABLE == 0 ? MASKS0 : TABLE == 1 ? MASKS1 : TABLE == 2 ? MASKS2 : MASKS3;

    genvar b;
    generate
        for (b = 0; b < BUCKET_LOG2; b = b + 1) begin : bits
            assign bucket[b] = ^(order_ref & masks[64*b +: 64]);
        end
    endgenerate
endmodule
`default_nettype wire
