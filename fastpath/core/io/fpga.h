/* The FPGA card's library, found at run time: its functions in a table, under the names that card.h gives them.
 *
 * Nothing is linked against it, so everything else builds and runs where there is no such library. It opens no card and
 * knows no rule of one; card.h is the one definition of what may be called. */
#ifndef FP_FPGA_H
#define FP_FPGA_H
#include "card.h"

#define FP_FPGA_FUNCTIONS(X) \
    X(open) X(close) X(push) X(idle) X(cycles) X(time_ns) X(write) X(read) X(symbol) X(resync) X(mark) X(set_trading) X(set_limits) \
    X(set_template) X(order_number) X(arm) X(disarm) X(order_bytes) X(fires)

struct fp_fpga {
    void *library;
#define FP_FPGA_MEMBER(name) __typeof__(fp_card_##name) *name;
    FP_FPGA_FUNCTIONS(FP_FPGA_MEMBER)
#undef FP_FPGA_MEMBER
};

enum { FP_FPGA_ERROR_TEXT_MAX = 256 };

/* 0, or FP_E_NOT_FOUND (no such library), FP_E_NOT_SUPPORTED (it is not a card's, or an older one) with one readable line:
 * cause and remedy. */
int fp_fpga_load(struct fp_fpga *out, const char *path, char error_text[FP_FPGA_ERROR_TEXT_MAX]);
void fp_fpga_unload(struct fp_fpga *fpga);

#endif
