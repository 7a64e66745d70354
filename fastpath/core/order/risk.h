/* Pre-trade risk: one function, before every enter, replace and trigger. There is no
 * way around it and no setting that switches it off.
 *
 * It reads the state and changes nothing, so a preview and the real thing are the
 * same code. Checks run in a fixed order; the first that fails names the reason. */
#ifndef FP_RISK_H
#define FP_RISK_H
#include "state.h"

struct fp_risk_request {
    const char *symbol;              /* 8 characters, space padded */
    const struct fp_quote *quote;
    const struct fp_order *replaced; /* its reservation does not count: the order replaced, or the armed one itself; NULL for a new order */
    uint64_t now_ns;
    uint32_t quantity;               /* shares; replace: total liable as the venue counts it, executed ones included */
    uint32_t price_e4, max_quote_age_ms;
    uint16_t account, agent;
    uint8_t venue, order_type;
    char side, tif;                  /* side B or S */
};

struct fp_risk_verdict {
    uint32_t effective_price_e4;     /* the limit to send; 0 when there is none */
    uint16_t reason;                 /* 0: pass */
    uint8_t check_count;
    char wire_side;                  /* B, S, or T for a short sale */
};

/* every 0: stop at the first failure and tell only that check. every 1: evaluate and tell all (up to FP_MAX_CHECKS).
 * checks has room for FP_MAX_CHECKS. */
void fp_risk_check(const struct fp_oms *oms, const struct fp_risk_request *request, int every, struct fp_check *checks,
                   struct fp_risk_verdict *verdict);

/* An enter or replace leaves, or an order is armed: take one token at each level. */
void fp_risk_take_tokens(struct fp_oms *oms, uint16_t account, uint16_t agent, uint64_t now_ns);

/* How long the same content counts as a duplicate, ms: the longest of the three levels. account and agent exist. */
uint64_t fp_risk_duplicate_window_ms(const struct fp_oms *oms, uint16_t account, uint16_t agent);

/* Bucket of the duplicate check for an order's content. */
uint32_t fp_risk_same_bucket(uint16_t agent, const char symbol[8], int side, uint32_t price_e4, uint32_t quantity);

#endif
