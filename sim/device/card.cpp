// card.h on the Verilated gw_top: drives the pins cycle by cycle, and nothing else. No rule of the card is written here.
//
// A cycle: inputs are set while the clock is low, what both sides agree on is taken (valid and ready before the edge), then
// the rising edge, then the clock goes low again. It is low whenever a call returns, so that no edge is ever lost.
#include "Vgw_top.h"
#include "Vgw_top___024root.h"
#pragma GCC visibility push(default)
extern "C" {
#include "card.h"
}
#pragma GCC visibility pop
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

namespace {
constexpr uint64_t RESET_CYCLES = 8, CLEAR_CYCLES_MAX = 1u << 20;
constexpr uint32_t ORDER_BYTES = 65536, FIRES = 1024;
constexpr uint64_t MASK_48 = (uint64_t{1} << 48) - 1;

// A ring of a power of two; counters never wrap in practice (2^64).
template <typename T, uint32_t SIZE> struct Ring {
    T items[SIZE];
    uint64_t put = 0, get = 0;
    uint32_t used() const { return static_cast<uint32_t>(put - get); }
    bool full() const { return used() == SIZE; }
    T &add() { return items[put++ % SIZE]; }
    int take(T *out, int max) {
        int n = 0;
        for (; n < max && get != put; n++)
            out[n] = items[get++ % SIZE];
        return n;
    }
};

// The bytes of a frame as beats of one line.
struct Beats {
    const uint8_t *bytes;
    size_t length, at;
    bool bad;
};
} // namespace

struct fp_card {
    VerilatedContext context;
    std::unique_ptr<Vgw_top> top;
    fp_card_config config{};
    uint64_t cycle = 0; // rising edges since reset ended
    uint64_t counters[FP_CARD_COUNTERS]{};
    Ring<fp_event, FP_CARD_RING> ring;
    Ring<uint8_t, ORDER_BYTES> order_bytes;
    Ring<fp_card_fire, FIRES> fires;

    uint64_t widen(uint32_t low) const { return cycle - static_cast<uint32_t>(static_cast<uint32_t>(cycle) - low); }
    uint64_t ns(uint64_t cycles) const { return config.start_ns + cycles * 32 / 5; }

    void take_record() {
        fp_event &event = ring.add();
        std::memcpy(&event, top->m_axis_ev_tdata.data(), sizeof event);
        event.rx_ns = ns(widen(static_cast<uint32_t>(event.rx_ns)));
    }
    void take_order_beat() {
        for (int lane = 0; lane < 8; lane++)
            if (top->m_axis_ouch_tkeep >> lane & 1)
                order_bytes.add() = static_cast<uint8_t>(top->m_axis_ouch_tdata >> 8 * lane);
    }
    void step() {
        top->m_axis_ev_tready = !ring.full();
        top->m_axis_ouch_tready = order_bytes.used() <= ORDER_BYTES - 8;
        if (top->m_axis_ev_tvalid && top->m_axis_ev_tready)
            take_record();
        if (top->m_axis_ouch_tvalid && top->m_axis_ouch_tready)
            take_order_beat();
        top->clk = 1;
        top->eval();
        cycle++;
        for (uint64_t pulses = top->stat; pulses; pulses &= pulses - 1)
            counters[__builtin_ctzll(pulses)]++;
        if (top->pass_valid || top->reject_valid) {
            if (fires.full())
                fires.get++;
            fires.add() = {widen(top->out_rx_cycle), cycle, top->out_slot, top->out_reasons};
        }
        top->clk = 0;
        top->eval();
    }
    void run(uint64_t cycles) {
        while (cycles--)
            step();
    }
};

int fp_card_open(const fp_card_config *config, fp_card **out) {
    *out = nullptr;
    for (int line = 0; line < 2; line++)
        if (config->address[line] && !config->port[line])
            return FP_E_BAD_CONFIG;
    if (!config->address[0] && !config->address[1])
        return FP_E_BAD_CONFIG;
    std::unique_ptr<fp_card> card(new (std::nothrow) fp_card);
    if (!card)
        return FP_E_NO_MEMORY;
    card->config = *config;
    card->context.threads(1);
    card->top.reset(new (std::nothrow) Vgw_top(&card->context));
    if (!card->top)
        return FP_E_NO_MEMORY;
    Vgw_top &top = *card->top;
    top.cfg_a_enable = config->address[0] != 0;
    top.cfg_a_address = config->address[0];
    top.cfg_a_port = config->port[0];
    top.cfg_b_enable = config->address[1] != 0;
    top.cfg_b_address = config->address[1];
    top.cfg_b_port = config->port[1];
    for (int i = 0; i < 10; i++) // first character in the top byte
        top.cfg_session[(9 - i) / 4] |= static_cast<uint32_t>(static_cast<uint8_t>(config->session[i])) << 8 * ((9 - i) % 4);
    top.cfg_first_seq = config->first_sequence;
    top.cfg_gap_wait = config->gap_wait_cycles;
    top.cfg_silence = config->silence_cycles;
    top.cfg_midnight_ns = config->midnight_ns;
    top.cfg_venue = config->venue;
    top.cfg_kill = 1;
    top.clk = 0;
    top.rst = 1;
    top.eval();
    card->run(RESET_CYCLES);
    top.rst = 0;
    card->cycle = 0;
    std::memset(card->counters, 0, sizeof card->counters);
    while (!top.ready && card->cycle < CLEAR_CYCLES_MAX)
        card->step();
    if (!top.ready)
        return FP_E_BAD_CONFIG;
    *out = card.release();
    return 0;
}

void fp_card_close(fp_card *card) {
    if (card)
        card->top->final();
    delete card;
}

static uint8_t keep_of(size_t left) {
    return left >= 8 ? 0xff : static_cast<uint8_t>((1u << left) - 1);
}

// One macro for the two lines' pins: they differ in their names only.
#define DRIVE(top, name, beats, on)                                                                                                        \
    do {                                                                                                                                   \
        size_t left = (beats).length - (beats).at;                                                                                         \
        bool now = (on) && left;                                                                                                           \
        top.s_axis_##name##_tvalid = now;                                                                                                  \
        if (now) {                                                                                                                         \
            uint64_t data = 0;                                                                                                             \
            std::memcpy(&data, (beats).bytes + (beats).at, left < 8 ? left : 8);                                                           \
            top.s_axis_##name##_tdata = data;                                                                                              \
            top.s_axis_##name##_tkeep = keep_of(left);                                                                                     \
            top.s_axis_##name##_tlast = left <= 8;                                                                                         \
            top.s_axis_##name##_tuser = left <= 8 && (beats).bad;                                                                          \
            (beats).at += left < 8 ? left : 8;                                                                                             \
        }                                                                                                                                  \
    } while (0)

static int drive(fp_card *card, Beats a, Beats b, int lag, fp_event *events, int max) {
    Vgw_top &top = *card->top;
    int wait_a = lag < 0 ? -lag : 0, wait_b = lag > 0 ? lag : 0;
    while (a.at < a.length || b.at < b.length) {
        DRIVE(top, a, a, wait_a == 0);
        DRIVE(top, b, b, wait_b == 0);
        wait_a -= wait_a > 0;
        wait_b -= wait_b > 0;
        card->step();
    }
    top.s_axis_a_tvalid = 0;
    top.s_axis_b_tvalid = 0;
    card->run(card->config.frame_gap_cycles);
    return card->ring.take(events, max);
}

int fp_card_push(fp_card *card, int line, const uint8_t *frame, size_t length, fp_event *events, int max) {
    bool bad = line & FP_CARD_BAD_FCS;
    line &= ~FP_CARD_BAD_FCS;
    if (line < FP_CARD_LINE_A || line > FP_CARD_LINE_B || max < 0)
        return FP_E_BAD_FIELD;
    if (!length || length > FP_CARD_MAX_FRAME)
        return length ? FP_E_OVERSIZED : FP_E_TRUNCATED;
    Beats beats{frame, length, 0, bad}, none{nullptr, 0, 0, false};
    return line == FP_CARD_LINE_A ? drive(card, beats, none, 0, events, max) : drive(card, none, beats, 0, events, max);
}

int fp_card_push_both(fp_card *card, const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length, int lag_cycles, fp_event *events,
                      int max) {
    if (a_length > FP_CARD_MAX_FRAME || b_length > FP_CARD_MAX_FRAME)
        return FP_E_OVERSIZED;
    if (max < 0 || lag_cycles < -1000000 || lag_cycles > 1000000)
        return FP_E_BAD_FIELD;
    return drive(card, Beats{a, a_length, 0, false}, Beats{b, b_length, 0, false}, lag_cycles, events, max);
}

int fp_card_idle(fp_card *card, uint64_t cycles, fp_event *events, int max) {
    if (max < 0)
        return FP_E_BAD_FIELD;
    card->run(cycles);
    return card->ring.take(events, max);
}

uint64_t fp_card_cycles(const fp_card *card) {
    return card->cycle;
}

uint64_t fp_card_time_ns(const fp_card *card) {
    return card->ns(card->cycle);
}

int fp_card_symbol(fp_card *card, uint16_t locate, int index) {
    if (index < -1 || index >= FP_CARD_SYMBOLS)
        return FP_E_BAD_FIELD;
    Vgw_top &top = *card->top;
    top.filter_write_valid = 1;
    top.filter_write_locate = locate;
    top.filter_write_tracked = index >= 0;
    top.filter_write_symidx = index < 0 ? 0 : static_cast<uint16_t>(index);
    card->step();
    top.filter_write_valid = 0;
    return 0;
}

int fp_card_resync(fp_card *card, uint64_t first_sequence) {
    card->top->cfg_first_seq = first_sequence;
    card->top->cmd_resync = 1;
    card->step();
    card->top->cmd_resync = 0;
    return 0;
}

int fp_card_mark(fp_card *card, int index, uint8_t code) {
    if (index < 0 || index >= FP_CARD_SYMBOLS)
        return FP_E_BAD_FIELD;
    Vgw_top &top = *card->top;
    for (int tries = 0; !top.mark_ready; tries++) {
        if (tries == 1024)
            return FP_E_AGAIN;
        card->step();
    }
    top.mark_symidx = static_cast<uint16_t>(index);
    top.mark_code = code;
    top.mark_valid = 1;
    card->step();
    top.mark_valid = 0;
    return 0;
}

int fp_card_clear_stale(fp_card *card) {
    card->top->clear_stale = 1;
    card->step();
    card->top->clear_stale = 0;
    return 0;
}

int fp_card_set_trading(fp_card *card, const fp_card_trading *trading) {
    if (trading->duplicate_cycles > MASK_48)
        return FP_E_BAD_FIELD;
    Vgw_top &top = *card->top;
    top.cfg_kill = trading->kill != 0;
    top.cfg_trade = trading->enabled != 0;
    top.cfg_order_session = trading->session != 0;
    top.cfg_rate_period = trading->rate_period_cycles;
    top.cfg_rate_burst = trading->rate_burst;
    top.cfg_dup_window = trading->duplicate_cycles;
    card->step();
    return 0;
}

int fp_card_set_limits(fp_card *card, int index, const fp_card_limits *limits) {
    if (index < 0 || index >= FP_CARD_SYMBOLS)
        return FP_E_BAD_FIELD;
    Vgw_top &top = *card->top;
    top.limit_symidx = static_cast<uint16_t>(index);
    top.limit_enable = limits->enabled != 0;
    top.limit_quantity = limits->quantity;
    top.limit_notional = limits->notional_e4;
    top.limit_collar = limits->collar_bps;
    top.limit_buy_room = limits->buy_room;
    top.limit_sell_room = limits->sell_room;
    top.limit_write = 1;
    card->step();
    top.limit_write = 0;
    return 0;
}

int fp_card_set_template(fp_card *card, int slot, const uint8_t *message, size_t length) {
    if (slot < 0 || slot >= FP_CARD_SLOTS || length < 47 || length > 61)
        return FP_E_BAD_FIELD;
    Vgw_top &top = *card->top;
    bool refused = false;
    for (uint8_t word = 0; word < 8; word++) {
        size_t at = 8u * word;
        uint64_t data = 0;
        if (at < length)
            std::memcpy(&data, message + at, std::min<size_t>(8, length - at));
        top.load_slot = static_cast<uint8_t>(slot);
        top.load_word = word;
        top.load_data = data;
        top.load_valid = 1;
        card->step();
        refused |= top.load_refused;
    }
    top.load_valid = 0;
    top.seal_slot = static_cast<uint8_t>(slot);
    top.seal_length = refused ? 0 : static_cast<uint8_t>(length);
    top.seal_valid = 1;
    card->step();
    top.seal_valid = 0;
    refused |= top.load_refused;
    return refused ? FP_E_AGAIN : 0;
}

int fp_card_order_number(fp_card *card, uint32_t next) {
    card->top->urn = next;
    card->top->urn_valid = 1;
    card->step();
    card->top->urn_valid = 0;
    return 0;
}

int fp_card_arm(fp_card *card, int slot, int index, fp_card_condition condition, uint32_t price_e4, uint64_t expire_cycle) {
    if (slot < 0 || slot >= FP_CARD_SLOTS || index < 0 || index >= FP_CARD_SYMBOLS || condition < FP_CARD_BID_AT_OR_ABOVE ||
        condition > FP_CARD_ASK_AT_OR_BELOW || !price_e4 || expire_cycle > MASK_48)
        return FP_E_BAD_FIELD;
    Vgw_top &top = *card->top;
    top.cmd_arm = 1;
    top.cmd_slot = static_cast<uint8_t>(slot);
    top.cmd_symidx = static_cast<uint16_t>(index);
    top.cmd_condition = static_cast<uint8_t>(condition);
    top.cmd_price = price_e4;
    top.cmd_expire = expire_cycle;
    top.cmd_valid = 1;
    card->step();
    top.cmd_valid = 0;
    return 0;
}

int fp_card_disarm(fp_card *card, int slot) {
    if (slot < 0 || slot >= FP_CARD_SLOTS)
        return FP_E_BAD_FIELD;
    card->top->cmd_arm = 0;
    card->top->cmd_slot = static_cast<uint8_t>(slot);
    card->top->cmd_valid = 1;
    card->step();
    card->top->cmd_valid = 0;
    return 0;
}

int fp_card_order_bytes(fp_card *card, uint8_t *bytes, int max) {
    return max < 0 ? FP_E_BAD_FIELD : card->order_bytes.take(bytes, max);
}

int fp_card_fires(fp_card *card, fp_card_fire *fires, int max) {
    return max < 0 ? FP_E_BAD_FIELD : card->fires.take(fires, max);
}

void fp_card_read_status(const fp_card *card, struct fp_card_status *out) {
    const Vgw_top &top = *card->top;
    std::memset(out, 0, sizeof *out);
    out->cycle = card->cycle;
    out->expected_sequence = top.expected_seq;
    out->live_orders = top.stat_live;
    out->peak_orders = top.stat_peak;
    out->stash_orders = top.stat_stash;
    out->next_order_number = top.next_urn;
    out->ring = card->ring.used();
    out->armed = top.armed;
    out->fired = top.fired;
    out->expired = top.expired;
    out->disarmed = top.disarmed;
    out->hold_a = top.hold_level_a;
    out->hold_b = top.hold_level_b;
    out->ready = top.ready;
    out->all_stale = top.all_stale;
    out->synced = top.synced;
    out->session_known = top.session_known;
    out->hole_open = top.hole_open;
    out->line_down = top.line_down;
    for (int i = 0; i < 10; i++)
        out->session[i] = static_cast<char>(top.session[(9 - i) / 4] >> 8 * ((9 - i) % 4));
}

void fp_card_read_counters(const fp_card *card, uint64_t out[FP_CARD_COUNTERS]) {
    std::memcpy(out, card->counters, sizeof card->counters);
}

namespace {
// {valid, side, symbol 10, price 31, shares 32, reference 64} of ord_table.v.
template <typename Entry> void list_order(const Entry &entry, int &count, fp_card_order *out, int max) {
    if (!(entry.at(4) >> 10 & 1))
        return;
    if (count < max)
        out[count] = {static_cast<uint64_t>(entry.at(1)) << 32 | entry.at(0), static_cast<uint32_t>(entry.at(3)) & 0x7fffffff,
                      static_cast<uint32_t>(entry.at(2)), static_cast<uint16_t>(entry.at(3) >> 31 | (entry.at(4) & 0x1ff) << 1),
                      static_cast<uint8_t>(entry.at(4) >> 9 & 1)};
    count++;
}
} // namespace

#define WAY(n) gw_top__DOT__book__DOT__orders__DOT__ways__BRA__##n##__KET____DOT__ram__DOT__ram

int fp_card_orders(const fp_card *card, fp_card_order *out, int max) {
    const Vgw_top___024root &root = *card->top->rootp;
    int count = 0;
    const auto list = [&](const auto &memory) {
        for (size_t i = 0; i < sizeof memory.m_storage / sizeof memory.m_storage[0]; i++)
            list_order(memory.m_storage[i], count, out, max);
    };
    list(root.WAY(0)), list(root.WAY(1)), list(root.WAY(2)), list(root.WAY(3));
    list(root.WAY(4)), list(root.WAY(5)), list(root.WAY(6)), list(root.WAY(7));
    list(root.WAY(8)), list(root.WAY(9)), list(root.WAY(10)), list(root.WAY(11));
    list(root.WAY(12)), list(root.WAY(13)), list(root.WAY(14)), list(root.WAY(15));
    list(root.gw_top__DOT__book__DOT__orders__DOT__stash);
    return count;
}
