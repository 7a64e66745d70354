/* One account's orders and positions as the bus thread knows them: the newest exec
 * record of each order, and of each symbol. It is fed from the exec stream alone and
 * answers questions; it decides nothing.
 *
 * Its room is bounded. Refused orders (DENIED) are never kept; when it is full the
 * oldest orders that have ended are forgotten, open ones never. What finds no place
 * although it is open is counted, so that whoever lists can say that the list is
 * incomplete. */
#ifndef FP_EXEC_MIRROR_H
#define FP_EXEC_MIRROR_H
#include "../fastpath.h"
#include "history.h"
#include <stdatomic.h>

enum { FP_EXEC_MIRROR_ORDERS = 1 << 18, FP_EXEC_HISTORY = 1 << 13, FP_EXEC_MIRROR_SYMBOLS = 4096 };

struct fp_mirror_position {
    char symbol[8];
    int64_t position, open_cost_e4, realised_e4;
    uint64_t bought, sold; /* shares of the day, breaks taken back */
};

struct fp_exec_mirror {
    struct fp_exec *orders;       /* by order id, rising */
    struct fp_mirror_position *positions;
    uint32_t order_count, position_count;
    uint64_t seq;                 /* of the account's newest record */
    uint32_t ended_count;         /* of the orders kept */
    uint64_t lost;                /* records that never arrived */
    /* Read by other threads. */
    _Atomic uint64_t forgotten;   /* ended orders that made room */
    _Atomic uint64_t unlisted;    /* records of open orders that found no place */
    _Atomic uint64_t unlisted_positions; /* records of symbols that found no place */
    struct fp_history history;
};

/* FP_E_NO_MEMORY. */
int fp_exec_mirror_open(struct fp_exec_mirror *mirror);
void fp_exec_mirror_close(struct fp_exec_mirror *mirror);
void fp_exec_mirror_apply(struct fp_exec_mirror *mirror, const struct fp_exec *exec);
/* The order, or NULL. */
const struct fp_exec *fp_exec_mirror_order(const struct fp_exec_mirror *mirror, uint64_t order_id);
/* Index of the first order with an id above order_id; order_count when there is none. */
uint32_t fp_exec_mirror_after(const struct fp_exec_mirror *mirror, uint64_t order_id);
/* Whether every order that may still trade is among those kept, or without only_open every one that was not refused. */
int fp_exec_mirror_complete(const struct fp_exec_mirror *mirror, int only_open);
/* May still trade. */
int fp_exec_is_open(const struct fp_exec *exec);

#endif
