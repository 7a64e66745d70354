/* What the bus answers from the mirrors alone, on the bus thread: market data,
 * snapshots, replay, orders, positions, limits, state. It reads; it decides nothing. */
#ifndef FP_QUESTIONS_H
#define FP_QUESTIONS_H
#include "bus.h"

/* One request and where its answer goes. */
struct fp_asking {
    struct fp_bus *bus;
    struct fp_mp_writer *writer;
    const struct fp_request *request;
    const uint8_t *identity;
    size_t identity_length;
    int door;
};

/* Write the answer. 1, or 0 when the operation is none of these. */
int fp_question_answer(const struct fp_asking *asking);
/* Write a refusal instead of an answer. */
void fp_asking_refuse(const struct fp_asking *asking, uint16_t reason, const char *error);

/* Index of a name in the configuration; 0xff (venue) or 0xffff when there is none. */
unsigned fp_find_venue(const struct fp_engine_config *config, const char *name);
unsigned fp_find_account(const struct fp_engine_config *config, const char *name);
unsigned fp_find_agent(const struct fp_engine_config *config, const char *name);
/* A symbol as records carry it. */
void fp_pad_symbol(const char *text, char out[8]);

#endif
