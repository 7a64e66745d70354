/* See lab.h. */
#include "lab.h"
#include "fastpath/core/records.h"
#include "tape.h"
#include <stdlib.h>
#include <string.h>

struct fp_lab {
    struct fp_match *match;
    struct fp_flow *flow;
    uint8_t *out;
    size_t used, room, taken;
    int failed; /* outputs were lost: out of memory */
};

static void put(struct fp_lab *lab, char stream, uint16_t account, const uint8_t *bytes, size_t length) {
    if (lab->taken) { /* what was handed out last time may go now */
        lab->used = lab->taken = 0;
    }
    if (lab->used + 4 + length > lab->room) {
        size_t room = lab->room ? lab->room * 2 : 1 << 16;
        uint8_t *grown = realloc(lab->out, room);
        if (!grown) {
            lab->failed = 1;
            return;
        }
        lab->out = grown;
        lab->room = room;
    }
    uint8_t *at = lab->out + lab->used;
    at[0] = (uint8_t)stream;
    at[1] = (uint8_t)account;
    at[2] = (uint8_t)length;
    at[3] = (uint8_t)(length >> 8);
    memcpy(at + 4, bytes, length);
    lab->used += 4 + length;
}

static void on_feed(void *context, const uint8_t *itch, size_t length) { put(context, 'F', 0, itch, length); }
static void on_order(void *context, uint16_t account, const uint8_t *ouch, size_t length) {
    put(context, 'O', account, ouch, length);
}

struct fp_lab *fp_lab_open(const struct fp_match_config *config, const struct fp_flow_config *flow) {
    struct fp_lab *lab = calloc(1, sizeof *lab);
    size_t size = fp_match_size(config),
           flow_size = flow ? fp_flow_size(flow, config->symbols, config->symbol_count) : 0;
    struct fp_match_sink sink = {lab, on_feed, on_order, NULL};
    if (!lab) return NULL;
    if (size && (lab->match = aligned_alloc(64, size)) != NULL) {
        memset(lab->match, 0, size);
        if (fp_match_init(lab->match, config, &sink) == 0) {
            if (!flow) return lab;
            if (flow_size && (lab->flow = calloc(1, flow_size)) != NULL &&
                fp_flow_init(lab->flow, flow, config->symbols, config->symbol_count) == 0)
                return lab;
        }
    }
    fp_lab_close(lab);
    return NULL;
}

int fp_lab_apply(struct fp_lab *lab, const struct fp_match_input *input) { return fp_match_apply(lab->match, input); }

int fp_lab_prime(struct fp_lab *lab, uint64_t time_ns) {
    return lab->flow ? fp_flow_prime(lab->flow, lab->match, time_ns) : 0;
}

int64_t fp_lab_flow(struct fp_lab *lab, uint64_t count, uint64_t time_ns, uint64_t step_ns) {
    int64_t applied = 0;
    if (!lab->flow) return 0;
    for (uint64_t i = 0; i < count; i++) applied += fp_flow_step(lab->flow, lab->match, time_ns + i * step_ns);
    return applied;
}

int fp_lab_replay(struct fp_lab *lab, const uint8_t *bytes, size_t length, uint64_t time_ns, uint64_t *applied) {
    struct fp_tape tape;
    const uint8_t *message;
    int form = fp_tape_init(&tape, bytes, length), size;
    *applied = 0;
    if (form < 0) return form;
    while ((size = fp_tape_next(&tape, &message)) > 0) {
        struct fp_match_input in = {
            .kind = FP_MATCH_ITCH, .time_ns = time_ns, .bytes = message, .length = (uint32_t)size};
        fp_match_apply(lab->match, &in);
        ++*applied;
    }
    return form;
}

int64_t fp_lab_take(struct fp_lab *lab, const uint8_t **bytes) {
    if (lab->failed) return FP_E_NO_MEMORY;
    if (lab->taken) lab->used = lab->taken = 0;
    *bytes = lab->out;
    lab->taken = lab->used;
    return (int64_t)lab->used;
}

struct fp_match *fp_lab_match(struct fp_lab *lab) { return lab->match; }

void fp_lab_close(struct fp_lab *lab) {
    if (!lab) return;
    free(lab->match);
    free(lab->flow);
    free(lab->out);
    free(lab);
}
