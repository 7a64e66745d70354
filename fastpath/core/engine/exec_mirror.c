/* Orders and positions from exec records; see exec_mirror.h. */
#include "exec_mirror.h"

int fp_exec_mirror_open(struct fp_exec_mirror *mirror) {
    memset(mirror, 0, sizeof *mirror);
    mirror->orders = fp_memory_map(FP_EXEC_MIRROR_ORDERS * sizeof *mirror->orders, FP_MEMORY_LAZY);
    mirror->positions = fp_memory_map(FP_EXEC_MIRROR_SYMBOLS * sizeof *mirror->positions, FP_MEMORY_LAZY);
    if (!mirror->orders || !mirror->positions || fp_history_open(&mirror->history, FP_EXEC_HISTORY, sizeof(struct fp_exec)) != 0) return FP_E_NO_MEMORY;
    return 0;
}

void fp_exec_mirror_close(struct fp_exec_mirror *mirror) {
    fp_memory_unmap(mirror->orders, FP_EXEC_MIRROR_ORDERS * sizeof *mirror->orders);
    fp_memory_unmap(mirror->positions, FP_EXEC_MIRROR_SYMBOLS * sizeof *mirror->positions);
    fp_history_close(&mirror->history);
    memset(mirror, 0, sizeof *mirror);
}

int fp_exec_is_open(const struct fp_exec *exec) {
    return exec->state == FP_OS_SENT || exec->state == FP_OS_LIVE || exec->state == FP_OS_ARMED;
}

int fp_exec_mirror_complete(const struct fp_exec_mirror *mirror, int only_open) {
    if (atomic_load_explicit(&mirror->unlisted, memory_order_relaxed)) return 0;
    return only_open || !atomic_load_explicit(&mirror->forgotten, memory_order_relaxed);
}

uint32_t fp_exec_mirror_after(const struct fp_exec_mirror *mirror, uint64_t order_id) {
    uint32_t low = 0, high = mirror->order_count;
    /* New orders have the highest ids. */
    if (!high || mirror->orders[high - 1].order_id <= order_id) return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (mirror->orders[middle].order_id <= order_id) low = middle + 1;
        else high = middle;
    }
    return low;
}

static struct fp_exec *find(const struct fp_exec_mirror *mirror, uint64_t order_id) {
    if (!order_id) return NULL;
    uint32_t i = fp_exec_mirror_after(mirror, order_id - 1);
    return i < mirror->order_count && mirror->orders[i].order_id == order_id ? &mirror->orders[i] : NULL;
}

const struct fp_exec *fp_exec_mirror_order(const struct fp_exec_mirror *mirror, uint64_t order_id) {
    return find(mirror, order_id);
}

static struct fp_mirror_position *position_of(struct fp_exec_mirror *mirror, const char symbol[8]) {
    for (uint32_t i = 0; i < mirror->position_count; i++)
        if (memcmp(mirror->positions[i].symbol, symbol, 8) == 0) return &mirror->positions[i];
    if (mirror->position_count == FP_EXEC_MIRROR_SYMBOLS) return NULL;
    struct fp_mirror_position *position = &mirror->positions[mirror->position_count++];
    memcpy(position->symbol, symbol, 8);
    return position;
}

/* By how much the record changes what was bought or sold. A sum may be the order's own or carried over from the order it
 * replaces; a break is told with its shares once, and again without them by every order that carried the sum on. */
static int64_t shares_of(const struct fp_exec_mirror *mirror, const struct fp_exec *exec) {
    if (exec->kind == FP_EX_BROKEN) return -(int64_t)exec->last_shares;
    const struct fp_exec *known = find(mirror, exec->order_id);
    if (!known) known = find(mirror, exec->parent_id);
    if (known) return (int64_t)exec->cum_shares - known->cum_shares;
    /* Its earlier executions, if it is one that was forgotten, are counted already; one that a restart tells is not. */
    if (exec->flags & FP_XF_RECOVERED) return exec->cum_shares;
    return exec->kind == FP_EX_FILL ? (int64_t)exec->last_shares : 0;
}

static void count_shares(struct fp_exec_mirror *mirror, struct fp_mirror_position *position, const struct fp_exec *exec) {
    int64_t delta = shares_of(mirror, exec);
    if (exec->side == 'B') position->bought += (uint64_t)delta;
    else position->sold += (uint64_t)delta;
}

static void count_one(_Atomic uint64_t *counter, uint64_t by) { atomic_fetch_add_explicit(counter, by, memory_order_relaxed); }

/* Forget the oldest ended orders, a quarter of the room at most, so that this walk is rare. */
static void make_room(struct fp_exec_mirror *mirror) {
    uint32_t kept = 0, gone = 0;
    for (uint32_t i = 0; i < mirror->order_count; i++) {
        const struct fp_exec *order = &mirror->orders[i];
        if (gone < FP_EXEC_MIRROR_ORDERS / 4 && !fp_exec_is_open(order)) {
            gone++;
        } else {
            if (kept != i) mirror->orders[kept] = *order;
            kept++;
        }
    }
    mirror->order_count = kept;
    mirror->ended_count -= gone;
    count_one(&mirror->forgotten, gone);
}

static void keep_order(struct fp_exec_mirror *mirror, const struct fp_exec *exec) {
    struct fp_exec *known = find(mirror, exec->order_id);
    int ended = !fp_exec_is_open(exec);
    if (known) {
        mirror->ended_count = mirror->ended_count + (uint32_t)ended - (uint32_t)!fp_exec_is_open(known);
        *known = *exec;
        return;
    }
    if (mirror->order_count == FP_EXEC_MIRROR_ORDERS && mirror->ended_count) make_room(mirror);
    if (mirror->order_count == FP_EXEC_MIRROR_ORDERS) {
        count_one(ended ? &mirror->forgotten : &mirror->unlisted, 1);
        return;
    }
    uint32_t i = fp_exec_mirror_after(mirror, exec->order_id);
    memmove(&mirror->orders[i + 1], &mirror->orders[i], (mirror->order_count - i) * sizeof *mirror->orders);
    mirror->orders[i] = *exec;
    mirror->order_count++;
    mirror->ended_count += (uint32_t)ended;
}

void fp_exec_mirror_apply(struct fp_exec_mirror *mirror, const struct fp_exec *exec) {
    if (exec->seq > mirror->seq + 1) mirror->lost += exec->seq - mirror->seq - 1;
    mirror->seq = exec->seq;
    fp_history_add(&mirror->history, exec->seq, exec);
    if (exec->kind != FP_EX_DENIED && exec->symbol[0]) {
        struct fp_mirror_position *position = position_of(mirror, exec->symbol);
        if (!position) count_one(&mirror->unlisted_positions, 1);
        else {
            position->position = exec->position;
            position->open_cost_e4 = exec->open_cost_e4;
            position->realised_e4 = exec->realised_e4;
            if (exec->order_id) count_shares(mirror, position, exec);
        }
    }
    if (exec->order_id && exec->state != FP_OS_DENIED) keep_order(mirror, exec);
}
