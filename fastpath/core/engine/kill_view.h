/* Kill switches below firm and venue, as the journal has them (those two are in the
 * statistics). A view for status and answers; risk asks the order side's own. */
#ifndef FP_KILL_VIEW_H
#define FP_KILL_VIEW_H
#include <stdint.h>

struct fp_kill_view {
    uint64_t accounts, agents[4]; /* a bit per index */
    uint32_t symbol_count;
    char symbols[64][8];          /* space padded */
};

#endif
