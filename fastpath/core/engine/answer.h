/* What the bus answers, as msgpack: the envelope and the maps inside it. It formats
 * what it is given and looks nothing up but names. */
#ifndef FP_ANSWER_H
#define FP_ANSWER_H
#include "../fastpath.h"
#include "exec_mirror.h"
#include "kill_view.h"
#include "mirror.h"
#include "msgpack.h"

struct fp_answer_context {
    const struct fp_engine_config *config;
    uint32_t epoch;
};

/* A stream's place, for hello and state. */
struct fp_stream_place {
    char topic[64];
    uint32_t stream;
    uint64_t seq;
};

/* What state tells. */
struct fp_engine_state {
    const struct fp_engine_stats *stats;
    const struct fp_kill_view *kill;
    const struct fp_stream_place *streams;
    uint32_t stream_count;
};

/* Open the map of an answer that has `pairs` keys beside the envelope's seven. */
void fp_answer_begin(struct fp_mp_writer *writer, const struct fp_answer_context *context, uint64_t id, int ok, uint16_t reason, const char *error, uint32_t pairs);
void fp_answer_refusal(struct fp_mp_writer *writer, const struct fp_answer_context *context, uint64_t id, uint16_t reason, const char *error);
/* A whole answer to a command. */
void fp_answer_reply(struct fp_mp_writer *writer, const struct fp_answer_context *context, uint64_t id, const struct fp_reply *reply);

/* An order as a map with names. */
void fp_answer_order(struct fp_mp_writer *writer, const struct fp_answer_context *context, const struct fp_exec *order);
/* The keys and values of a top row, FP_ANSWER_TOP_PAIRS of them; the caller opens the map. */
enum { FP_ANSWER_TOP_PAIRS = 14 };
void fp_answer_top(struct fp_mp_writer *writer, const struct fp_answer_context *context, uint8_t venue, const struct fp_mirror *mirror, const struct fp_mirror_book *book, uint64_t feed_heard_ns);
/* Up to max levels of a side, best first. */
void fp_answer_levels(struct fp_mp_writer *writer, const struct fp_mirror_side *side, uint32_t max);
void fp_answer_positions(struct fp_mp_writer *writer, const struct fp_exec_mirror *mirror);
void fp_answer_limits(struct fp_mp_writer *writer, const struct fp_limits *limits);
void fp_answer_streams(struct fp_mp_writer *writer, const struct fp_stream_place *streams, uint32_t count);

/* The pairs of `state`, FP_ANSWER_STATE_PAIRS of them, without `epoch` (the envelope has it). */
enum { FP_ANSWER_STATE_PAIRS = 9 };
void fp_answer_state(struct fp_mp_writer *writer, const struct fp_answer_context *context, const struct fp_engine_state *state);
/* struct fp_engine_stats as nested maps with its field names. */
void fp_answer_stats(struct fp_mp_writer *writer, const struct fp_answer_context *context, const struct fp_engine_stats *stats);

/* Name of an index of the configuration, "" when it is out of range. */
const char *fp_venue_name(const struct fp_engine_config *config, unsigned venue);
const char *fp_account_name(const struct fp_engine_config *config, unsigned account);
const char *fp_agent_name(const struct fp_engine_config *config, unsigned agent);
/* The bus's word for an enum fp_trigger_condition, "" for none. */
const char *fp_condition_name(uint8_t condition);

#endif
