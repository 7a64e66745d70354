/* Writes the feed of a seeded background flow to stdout, each message behind a u16
 * big-endian length. test_exchange_flow.py compiles it plain and sanitized. */
#include "sim/exchange/lab.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    static const struct fp_match_symbol symbols[] = {
        {.symbol = "ONE     ", .locate = 1, .round_lot = 100, .start_price_e4 = 500000},
        {.symbol = "TWO     ", .locate = 2, .round_lot = 100, .start_price_e4 = 600000},
        {.symbol = "THREE   ", .locate = 3, .round_lot = 100, .start_price_e4 = 700000},
    };
    struct fp_match_config config = {
        .symbols = symbols, .max_orders = 5000, .max_levels = 5000, .symbol_count = 3, .max_symbols = 3};
    struct fp_flow_config flow = {
        .seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, .orders_per_symbol = 40, .drift_bps = 30};
    struct fp_lab *lab = fp_lab_open(&config, &flow);
    const uint8_t *bytes;
    if (!lab) return 1;
    for (const char *code = "OSQ"; *code; code++) {
        struct fp_match_input in = {.kind = FP_MATCH_PHASE, .code = *code, .time_ns = 1000};
        fp_lab_apply(lab, &in);
    }
    fp_lab_prime(lab, 1000);
    fp_lab_flow(lab, argc > 2 ? strtoull(argv[2], NULL, 10) : 0, 2000, 1000);
    if (fp_match_validate(fp_lab_match(lab)) < 0) return 2;
    int64_t used = fp_lab_take(lab, &bytes);
    for (int64_t at = 0; at < used;) {
        size_t length = (size_t)bytes[at + 2] | (size_t)bytes[at + 3] << 8;
        putchar((int)(length >> 8));
        putchar((int)(length & 255));
        fwrite(bytes + at + 4, 1, length, stdout);
        at += 4 + (int64_t)length;
    }
    fp_lab_close(lab);
    return 0;
}
