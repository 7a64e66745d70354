/* MoldUDP64 arbitration: lines A and B and the re-request server become one stream; see mold_rx.h.
 *
 * Two numbers carry it: next_sequence (everything below was given out) and known_end (one past the
 * highest message anybody claimed). Between them is the hole, up to the first packet held in the
 * window. A packet in order is read where it lies; only packets ahead of a hole are copied. */
#include "mold_rx.h"

enum { FIRST_CHUNK = 128, MAX_CHUNK = 65534, NO_SLOT = -1, MAX_WINDOW = 65536, MAX_LAG = 65536 /* messages between the lines */ };

struct held {
    uint64_t sequence, end, rx_ns; /* messages [sequence, end) */
    uint16_t length;
    uint8_t line;
};

struct fp_mold_rx {
    /* The packet being drained: all that the in-order path touches. */
    const uint8_t *cursor;
    uint64_t next_sequence, rx_ns;
    uint32_t left;
    uint8_t line;
    uint8_t attention; /* a notice may be due before the next message */
    uint8_t start_due, lost_due, gap_open, ask_now, live_progress, end_known;
    uint64_t known_end, known_ns;
    /* The hole, while gap_open. */
    uint64_t gap_start, gap_end, gap_since_ns, asked_ns; /* gap_end moves with what is held and claimed, not with what fills it */
    uint64_t claim; /* highest end the lines claimed since the first unanswered request */
    uint64_t last_word; /* that claim, when we last waited for a slower line because of it */
    uint64_t lost_sequence, lost_count;
    uint64_t end_sequence;
    uint32_t tries;
    uint32_t chunk; /* how many messages to ask for: about twice what an answer brought */
    /* The window: slots of whole packets, and their order by sequence (a ring; sequence and end both rise). */
    uint32_t mask, head, held_count, free_count;
    int32_t draining; /* slot the cursor is in */
    uint32_t *order, *free_slots;
    struct held *held;
    uint8_t *slots;
    struct fp_mold_rx_config config;
    struct fp_mold_rx_stats stats;
};

static int config_is_good(const struct fp_mold_rx_config *config) {
    uint32_t n = config->window_packets;
    return config->first_sequence && n && n <= MAX_WINDOW && !(n & (n - 1)) && (!config->attempts || config->retry_ns);
}

static size_t round_up(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

size_t fp_mold_rx_size(const struct fp_mold_rx_config *config) {
    size_t n = config->window_packets;
    if (!config_is_good(config))
        return 0;
    return round_up(sizeof(struct fp_mold_rx)) + round_up(n * sizeof(struct held)) + 2 * round_up(n * sizeof(uint32_t)) + n * round_up(FP_MOLD_MAX_PACKET);
}

int fp_mold_rx_init(struct fp_mold_rx *rx, const struct fp_mold_rx_config *config) {
    if (!config_is_good(config))
        return FP_E_BAD_CONFIG;
    uint32_t n = config->window_packets;
    uint8_t *memory = (uint8_t *)rx + round_up(sizeof *rx);
    memset(rx, 0, sizeof *rx);
    rx->held = (struct held *)memory;
    memory += round_up(n * sizeof(struct held));
    rx->order = (uint32_t *)memory;
    memory += round_up(n * sizeof(uint32_t));
    rx->free_slots = (uint32_t *)memory;
    rx->slots = memory + round_up(n * sizeof(uint32_t));
    for (uint32_t i = 0; i < n; i++)
        rx->free_slots[i] = n - 1 - i;
    rx->free_count = n;
    rx->mask = n - 1;
    rx->draining = NO_SLOT;
    rx->chunk = FIRST_CHUNK;
    rx->config = *config;
    rx->next_sequence = rx->known_end = config->first_sequence;
    return 0;
}

static struct held *held_at(const struct fp_mold_rx *rx, uint32_t i) { return &rx->held[rx->order[(rx->head + i) & rx->mask]]; }

static uint8_t *slot_bytes(const struct fp_mold_rx *rx, uint32_t slot) { return rx->slots + (size_t)slot * round_up(FP_MOLD_MAX_PACKET); }

static void free_slot(struct fp_mold_rx *rx, uint32_t slot) { rx->free_slots[rx->free_count++] = slot; }

static uint64_t find_gap_end(const struct fp_mold_rx *rx) { return rx->held_count ? held_at(rx, 0)->sequence : rx->known_end; }

static uint64_t elapsed(uint64_t now_ns, uint64_t then_ns) { return now_ns > then_ns ? now_ns - then_ns : 0; }

/* ---- the window ---- */

static void remove_held(struct fp_mold_rx *rx, uint32_t i) {
    free_slot(rx, rx->order[(rx->head + i) & rx->mask]);
    for (rx->held_count--; i < rx->held_count; i++)
        rx->order[(rx->head + i) & rx->mask] = rx->order[(rx->head + i + 1) & rx->mask];
}

/* Index of the first held packet that begins at or after sequence. Live packets come in order, so look at the tail first. */
static uint32_t place_of(const struct fp_mold_rx *rx, uint64_t sequence) {
    uint32_t low = 0, high = rx->held_count;
    if (high == 0 || held_at(rx, high - 1)->sequence < sequence)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (held_at(rx, middle)->sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void hold(struct fp_mold_rx *rx, const uint8_t *packet, const struct held *entry) {
    uint32_t i = place_of(rx, entry->sequence);
    int covered = (i > 0 && held_at(rx, i - 1)->end >= entry->end) ||
                  (i < rx->held_count && held_at(rx, i)->sequence == entry->sequence && held_at(rx, i)->end >= entry->end);
    if (covered) {
        rx->stats.duplicates += entry->end - entry->sequence;
        return;
    }
    while (i < rx->held_count && held_at(rx, i)->end <= entry->end) {
        rx->stats.duplicates += held_at(rx, i)->end - held_at(rx, i)->sequence;
        remove_held(rx, i);
    }
    if (!rx->free_count) {
        /* The packets nearest to the hole are worth most: the farthest one goes, and is asked for later. */
        rx->stats.far_ahead++;
        if (i == rx->held_count)
            return;
        remove_held(rx, rx->held_count - 1);
    }
    uint32_t slot = rx->free_slots[--rx->free_count];
    for (uint32_t j = rx->held_count++; j > i; j--)
        rx->order[(rx->head + j) & rx->mask] = rx->order[(rx->head + j - 1) & rx->mask];
    rx->order[(rx->head + i) & rx->mask] = slot;
    rx->held[slot] = *entry;
    memcpy(slot_bytes(rx, slot), packet, entry->length);
}

/* ---- packets in ---- */

/* Begin to drain a packet that holds next_sequence; messages before it were given out already. */
static void drain(struct fp_mold_rx *rx, const uint8_t *packet, uint64_t sequence, uint64_t end, uint8_t line, uint64_t rx_ns) {
    const uint8_t *cursor = packet + FP_MOLD_HEADER_LEN;
    uint64_t skip = rx->next_sequence - sequence;
    rx->stats.duplicates += skip;
    for (; skip; skip--)
        cursor += 2 + fp_load_be16(cursor);
    rx->cursor = cursor;
    rx->left = (uint32_t)(end - rx->next_sequence);
    rx->line = line;
    rx->rx_ns = rx_ns;
    rx->stats.messages += rx->left;
    if (line == 2)
        rx->stats.recovered += rx->left;
}

/* A part of the open hole came in order. */
static void note_progress(struct fp_mold_rx *rx, uint8_t line, uint32_t count) {
    if (line != 2) {
        rx->live_progress = 1;
        return;
    }
    /* The server answered: ask for the rest at once. Twice the answer is asked for, so that a server which
     * answers with one datagram is never held back, and one which streams them is not made to repeat a lot. */
    rx->tries = 0;
    rx->ask_now = rx->config.attempts != 0;
    rx->chunk = 2 * count < FIRST_CHUNK ? FIRST_CHUNK : 2 * count > MAX_CHUNK ? MAX_CHUNK : 2 * count;
}

static int refuse(uint64_t *counter, int error) {
    ++*counter;
    return error;
}

static int session_is_ours(struct fp_mold_rx *rx, const char session[10], uint8_t line) {
    static const char none[10];
    if (rx->stats.session_state)
        return memcmp(rx->stats.session, session, 10) == 0;
    if (memcmp(rx->config.session, none, 10) != 0)
        return memcmp(rx->config.session, session, 10) == 0;
    return line != 2; /* nothing was asked for yet, so an answer cannot teach us the session */
}

int fp_mold_rx_push(struct fp_mold_rx *rx, uint8_t line, const uint8_t *packet, size_t length, uint64_t rx_ns) {
    struct fp_mold_header header;
    struct fp_mold_rx_stats *stats = &rx->stats;
    if (line > 2)
        return FP_E_BAD_FIELD;
    if (rx->left)
        return FP_E_BAD_STATE;
    stats->packets[line]++;
    stats->bytes[line] += length;
    if (length > FP_MOLD_MAX_PACKET)
        return refuse(&stats->bad_oversized, FP_E_OVERSIZED);
    int rc = fp_mold_parse(packet, length, &header);
    if (rc)
        return refuse(rc == FP_E_TRUNCATED ? &stats->bad_truncated : rc == FP_E_BAD_FIELD ? &stats->bad_count : &stats->bad_length, rc);
    if (!session_is_ours(rx, header.session, line))
        return refuse(&stats->bad_session, FP_E_WRONG_SESSION);

    int is_end = header.count == FP_MOLD_END_OF_SESSION;
    uint32_t count = is_end ? 0 : header.count;
    uint64_t end = header.sequence + count;
    if (end < header.sequence || (end > rx->next_sequence && end - rx->next_sequence > FP_MOLD_MAX_JUMP) || (is_end && end < rx->next_sequence))
        return refuse(&stats->bad_count, FP_E_BAD_FIELD);
    if (stats->session_state == 2 && end > rx->next_sequence)
        return refuse(&stats->bad_count, FP_E_BAD_STATE);

    if (!stats->session_state) {
        memcpy(stats->session, header.session, 10);
        stats->session_state = 1;
        rx->start_due = rx->attention = 1;
    }
    stats->line_last_rx_ns[line] = rx_ns;
    if (end > rx->known_end) {
        rx->known_end = end;
        rx->known_ns = rx_ns;
    }
    if (rx->gap_open && line != 2 && end > rx->claim)
        rx->claim = end;

    if (count && header.sequence <= rx->next_sequence && rx->next_sequence < end) {
        if (rx->gap_open)
            note_progress(rx, line, count);
        drain(rx, packet, header.sequence, end, line, rx_ns);
        return 0;
    }
    if (count && end > rx->next_sequence) {
        hold(rx, packet, &(struct held){header.sequence, end, rx_ns, (uint16_t)length, line});
    } else if (is_end) {
        stats->end_of_session++;
        rx->end_known = 1;
        if (end > rx->end_sequence)
            rx->end_sequence = end;
    } else if (count) {
        stats->duplicates += count;
    } else {
        stats->heartbeats++;
    }
    rx->gap_end = find_gap_end(rx);
    return 0;
}

/* ---- messages and notices out ---- */

static int tell(struct fp_mold_notice *notice, uint8_t kind, uint64_t sequence, uint64_t count) {
    *notice = (struct fp_mold_notice){sequence, count, kind};
    return 2;
}

static void look(struct fp_mold_rx *rx) { rx->attention = rx->start_due | rx->lost_due | rx->gap_open; }

/* Notices that stand before the next message. */
static int notice_due(struct fp_mold_rx *rx, struct fp_mold_notice *notice) {
    if (rx->start_due) {
        rx->start_due = 0;
        look(rx);
        return tell(notice, FP_MOLD_SESSION_START, rx->next_sequence, 0);
    }
    if (rx->lost_due) {
        rx->lost_due = 0;
        look(rx);
        return tell(notice, FP_MOLD_GAP_LOST, rx->lost_sequence, rx->lost_count);
    }
    if (rx->gap_open && rx->next_sequence >= rx->gap_end) {
        rx->gap_open = 0;
        rx->stats.gaps_filled++;
        look(rx);
        return tell(notice, FP_MOLD_GAP_FILLED, rx->gap_start, rx->next_sequence - rx->gap_start);
    }
    return 0;
}

/* The drained packet is done: go on with the first held one if it is its turn. 0: it is not, or there is none. */
static int advance(struct fp_mold_rx *rx) {
    if (rx->draining != NO_SLOT)
        free_slot(rx, (uint32_t)rx->draining);
    rx->draining = NO_SLOT;
    while (rx->held_count && held_at(rx, 0)->sequence <= rx->next_sequence) {
        uint32_t slot = rx->order[rx->head & rx->mask];
        const struct held *first = &rx->held[slot];
        rx->head++;
        rx->held_count--;
        if (first->end > rx->next_sequence) {
            rx->draining = (int32_t)slot;
            drain(rx, slot_bytes(rx, slot), first->sequence, first->end, first->line, first->rx_ns);
            return 1;
        }
        rx->stats.duplicates += first->end - first->sequence;
        free_slot(rx, slot);
    }
    return 0;
}

/* Nothing more can be given out now: is something missing, or is the session over? */
static int settle(struct fp_mold_rx *rx, struct fp_mold_notice *notice) {
    if (rx->known_end > rx->next_sequence) {
        if (rx->gap_open)
            return 0;
        rx->gap_open = rx->attention = 1;
        rx->gap_start = rx->next_sequence;
        rx->gap_end = find_gap_end(rx);
        /* The hole is as old as the packet that showed it, which may have waited behind an earlier hole. */
        rx->gap_since_ns = rx->held_count ? held_at(rx, 0)->rx_ns : rx->known_ns;
        rx->tries = 0;
        rx->claim = rx->last_word = 0;
        rx->ask_now = rx->live_progress = 0;
        rx->stats.gaps_opened++;
        return tell(notice, FP_MOLD_GAP_OPEN, rx->gap_start, rx->gap_end - rx->gap_start);
    }
    if (rx->end_known && rx->stats.session_state != 2 && rx->next_sequence >= rx->end_sequence) {
        rx->stats.session_state = 2;
        return tell(notice, FP_MOLD_SESSION_END, rx->next_sequence, 0);
    }
    return 0;
}

int fp_mold_rx_next(struct fp_mold_rx *rx, struct fp_mold_message *message, struct fp_mold_notice *notice) {
    for (;;) {
        if (__builtin_expect(rx->attention, 0) && notice_due(rx, notice))
            return 2;
        if (__builtin_expect(rx->left != 0, 1)) {
            const uint8_t *block = rx->cursor;
            uint16_t size = fp_load_be16(block);
            message->data = block + 2;
            message->sequence = rx->next_sequence++;
            message->rx_ns = rx->rx_ns;
            message->length = size;
            message->line = rx->line;
            rx->cursor = block + 2 + size;
            rx->left--;
            return 1;
        }
        if (!advance(rx))
            return settle(rx, notice);
    }
}

/* ---- time ---- */

/* Forget what claimed that there is more than the lines speak of. */
static void take_back(struct fp_mold_rx *rx, uint64_t word) {
    rx->stats.far_ahead += rx->held_count;
    while (rx->held_count)
        remove_held(rx, rx->held_count - 1);
    rx->known_end = rx->gap_end = word;
}

/* The re-request server did not answer. What the lines said while we asked decides. */
static void give_up(struct fp_mold_rx *rx, uint64_t now_ns) {
    uint64_t word = rx->claim && rx->end_known && rx->end_sequence > rx->claim ? rx->end_sequence : rx->claim;
    int below = word && word < rx->gap_end; /* they do not know of what showed the hole */
    int moving = rx->live_progress || (below && word > rx->last_word);
    if (below && word >= rx->next_sequence && (!moving || rx->gap_end - word > MAX_LAG)) {
        /* They stand where we stand: what showed the hole was bogus. Believing it would skip the real stream. */
        take_back(rx, word);
        if (word == rx->next_sequence)
            return; /* no hole at all: the next drain tells FILLED */
    } else if (moving) {
        /* The slower line is still on its way to the hole, or filling it: begin again. */
        rx->last_word = word;
        rx->tries = 0;
        rx->claim = 0;
        rx->live_progress = 0;
        rx->gap_since_ns = now_ns;
        return;
    }
    rx->lost_sequence = rx->next_sequence;
    rx->lost_count = rx->gap_end - rx->next_sequence;
    rx->next_sequence = rx->gap_end;
    rx->lost_due = 1;
    rx->gap_open = 0;
    rx->stats.gaps_lost++;
    rx->stats.messages_lost += rx->lost_count;
    look(rx);
}

int fp_mold_rx_timer(struct fp_mold_rx *rx, uint64_t now_ns, uint8_t out[FP_MOLD_HEADER_LEN]) {
    if (!rx->gap_open || rx->left || rx->next_sequence >= rx->gap_end)
        return 0;
    if (!rx->ask_now) {
        if (rx->gap_since_ns > now_ns)
            rx->gap_since_ns = now_ns; /* receive times come from another clock */
        if (rx->tries ? elapsed(now_ns, rx->asked_ns) < rx->config.retry_ns : elapsed(now_ns, rx->gap_since_ns) < rx->config.gap_wait_ns)
            return 0;
        if (rx->tries >= rx->config.attempts) {
            give_up(rx, now_ns);
            return 0;
        }
    }
    if (rx->tries == 0) {
        rx->claim = 0;
        rx->live_progress = 0;
    }
    rx->ask_now = 0;
    rx->tries++;
    rx->asked_ns = now_ns;
    rx->stats.requests++;
    uint64_t missing = rx->gap_end - rx->next_sequence;
    struct fp_mold_header request = {.sequence = rx->next_sequence, .count = (uint16_t)(missing < rx->chunk ? missing : rx->chunk)};
    memcpy(request.session, rx->stats.session, 10);
    return fp_mold_put_header(&request, out, FP_MOLD_HEADER_LEN);
}

void fp_mold_rx_stats(const struct fp_mold_rx *rx, struct fp_mold_rx_stats *out) {
    *out = rx->stats;
    out->next_sequence = rx->next_sequence;
    out->gap_open = rx->gap_open;
}
