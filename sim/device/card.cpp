// card.h on the Verilated gw_top: drives the pins cycle by cycle, and nothing else. No rule of the card is written here.
//
// A cycle: inputs are set while the clock is low, what both sides agree on is taken (valid and ready before the edge), then
// the rising edge, then the clock goes low again. It is low whenever a call returns, so that no edge is ever lost. Nothing in
// the design looks at the falling edge, so it is not evaluated: the model is told that it saw the clock low.
#include "Vgw_top.h"
#include "Vgw_top___024root.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
#endif
#pragma GCC visibility push(default)
extern "C" {
#include "io/card.h"
}
#pragma GCC visibility pop
#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <new>

namespace {
constexpr uint64_t RESET_CYCLES = 8, CLEAR_CYCLES_MAX = 1u << 20;
constexpr int ANSWER_CYCLES_MAX = 64;
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
    Ring<fp_event, FP_CARD_RING> ring;
    Ring<uint8_t, ORDER_BYTES> order_bytes;
    Ring<fp_card_fire, FIRES> fires;

#if VM_TRACE_FST
    std::unique_ptr<VerilatedFstC> wave;
    uint64_t wave_from = 0;
    void dump(uint64_t half) {
        if (wave && cycle >= wave_from) [[unlikely]]
            wave->dump(cycle * FP_CARD_PS_PER_CYCLE + half * (FP_CARD_PS_PER_CYCLE / 2));
    }
#else
    void dump(uint64_t) {}
#endif

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
        dump(0);
        if (top->fire_passed | top->fire_refused) [[unlikely]] {
            if (fires.full())
                fires.get++;
            fires.add() = {widen(top->fire_rx_cycle), cycle, top->fire_slot, top->fire_reasons};
        }
        top->clk = 0;
        top->rootp->__Vtrigprevexpr___TOP__clk__0 = 0;
        dump(1);
    }
    void run(uint64_t cycles) {
        while (cycles--)
            step();
    }
};

// The answer comes within a few cycles; a card that gives none is broken.
int fp_card_write(fp_card *card, uint32_t address, uint32_t value) {
    if (address > 0xfff)
        return FP_E_BAD_FIELD;
    Vgw_top &top = *card->top;
    top.s_axil_awaddr = static_cast<uint16_t>(address);
    top.s_axil_wdata = value;
    top.s_axil_wstrb = 0xf;
    top.s_axil_awvalid = 1;
    top.s_axil_wvalid = 1;
    top.s_axil_bready = 1;
    card->step();
    top.s_axil_awvalid = 0;
    top.s_axil_wvalid = 0;
    for (int tries = 0; !top.s_axil_bvalid; tries++) {
        if (tries == ANSWER_CYCLES_MAX)
            return FP_E_BAD_STATE;
        card->step();
    }
    bool refused = top.s_axil_bresp != 0;
    card->run(2); // the answer is taken, and the command is where it acts
    return refused ? FP_E_BAD_FIELD : 0;
}

int fp_card_read(fp_card *card, uint32_t address, uint32_t *value) {
    *value = 0;
    if (address > 0xfff)
        return FP_E_BAD_FIELD;
    Vgw_top &top = *card->top;
    top.s_axil_araddr = static_cast<uint16_t>(address);
    top.s_axil_arvalid = 1;
    top.s_axil_rready = 1;
    card->step();
    top.s_axil_arvalid = 0;
    for (int tries = 0; !top.s_axil_rvalid; tries++) {
        if (tries == ANSWER_CYCLES_MAX)
            return FP_E_BAD_STATE;
        card->step();
    }
    *value = top.s_axil_rdata;
    bool refused = top.s_axil_rresp != 0;
    card->step();
    return refused ? FP_E_BAD_FIELD : 0;
}

namespace {
struct Setting {
    uint32_t address, value;
};

int write_all(fp_card *card, std::initializer_list<Setting> settings) {
    for (const Setting &setting : settings)
        if (int error = fp_card_write(card, setting.address, setting.value))
            return error;
    return 0;
}

uint32_t low(uint64_t value) {
    return static_cast<uint32_t>(value);
}

uint32_t high(uint64_t value) {
    return static_cast<uint32_t>(value >> 32);
}

uint32_t characters(const char *text, int count) { // the first one lowest
    uint32_t value = 0;
    for (int i = 0; i < count; i++)
        value |= static_cast<uint32_t>(static_cast<uint8_t>(text[i])) << 8 * i;
    return value;
}

constexpr uint32_t bit(int lsb, bool on = true) {
    return static_cast<uint32_t>(on) << lsb;
}

int until_ready(fp_card *card) {
    for (uint64_t waited = 0; waited < CLEAR_CYCLES_MAX; waited += 64) {
        uint32_t status;
        if (int error = fp_card_read(card, FP_REG_STATUS, &status))
            return error;
        if (status & bit(FP_REG_STATUS_READY_LSB) && status & bit(FP_REG_STATUS_FILTER_READY_LSB))
            return 0;
        card->run(64);
    }
    return FP_E_BAD_STATE;
}

int configure(fp_card *card) {
    const fp_card_config &config = card->config;
    uint32_t control = bit(FP_REG_CTRL_RECEIVE_LSB) | bit(FP_REG_CTRL_KILL_LSB) | bit(FP_REG_CTRL_LINE_A_LSB, config.address[0]) |
                       bit(FP_REG_CTRL_LINE_B_LSB, config.address[1]);
    if (int error = until_ready(card))
        return error;
    return write_all(card, {{FP_REG_MIDNIGHT_LO, low(config.midnight_ns)}, {FP_REG_MIDNIGHT_HI, high(config.midnight_ns)},
                            {FP_REG_VENUE, config.venue}, {FP_REG_LINE_A_ADDRESS, config.address[0]}, {FP_REG_LINE_A_PORT, config.port[0]},
                            {FP_REG_LINE_B_ADDRESS, config.address[1]}, {FP_REG_LINE_B_PORT, config.port[1]},
                            {FP_REG_SESSION_0, characters(config.session, 4)}, {FP_REG_SESSION_1, characters(config.session + 4, 4)},
                            {FP_REG_SESSION_2, characters(config.session + 8, 2)}, {FP_REG_FIRST_SEQ_LO, low(config.first_sequence)},
                            {FP_REG_FIRST_SEQ_HI, high(config.first_sequence)}, {FP_REG_GAP_WAIT, config.gap_wait_cycles},
                            {FP_REG_SILENCE, config.silence_cycles}, {FP_REG_COMMAND, bit(FP_REG_COMMAND_RESYNC_LSB)},
                            {FP_REG_CTRL, control}});
}
} // namespace

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
#if VM_TRACE_FST
    card->context.traceEverOn(true);
#endif
    card->top.reset(new (std::nothrow) Vgw_top(&card->context));
    if (!card->top)
        return FP_E_NO_MEMORY;
    card->top->clk = 0;
    card->top->rst = 1;
    card->top->eval();
    card->run(RESET_CYCLES);
    card->top->rst = 0;
    card->cycle = 0;
    if (int error = configure(card.get()))
        return error;
    *out = card.release();
    return 0;
}

int fp_card_trace(fp_card *card, const char *path, uint64_t from_cycle) {
#if VM_TRACE_FST
    if (!path) {
        if (card->wave)
            card->wave->close();
        card->wave.reset();
        return 0;
    }
    if (card->wave)
        return FP_E_BAD_STATE;
    card->wave.reset(new (std::nothrow) VerilatedFstC);
    if (!card->wave)
        return FP_E_NO_MEMORY;
    card->wave_from = from_cycle;
    card->top->trace(card->wave.get(), 99);
    card->wave->set_time_unit("1ps");
    card->wave->set_time_resolution("1ps");
    card->wave->open(path);
    return card->wave->isOpen() ? 0 : FP_E_BAD_FIELD;
#else
    static_cast<void>(card), static_cast<void>(path), static_cast<void>(from_cycle);
    return FP_E_NOT_SUPPORTED;
#endif
}

void fp_card_close(fp_card *card) {
    if (card) {
        fp_card_trace(card, nullptr, 0);
        card->top->final();
    }
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
    uint32_t symbol = index < 0 ? 0 : static_cast<uint32_t>(index);
    return fp_card_write(card, FP_REG_FILTER, locate | symbol << FP_REG_FILTER_SYMBOL_LSB | bit(FP_REG_FILTER_TRACKED_LSB, index >= 0));
}

int fp_card_resync(fp_card *card, uint64_t first_sequence) {
    return write_all(card, {{FP_REG_FIRST_SEQ_LO, low(first_sequence)}, {FP_REG_FIRST_SEQ_HI, high(first_sequence)},
                            {FP_REG_COMMAND, bit(FP_REG_COMMAND_RESYNC_LSB)}});
}

int fp_card_mark(fp_card *card, int index, uint8_t code) {
    if (index < 0 || index >= FP_CARD_SYMBOLS)
        return FP_E_BAD_FIELD;
    return fp_card_write(card, FP_REG_MARK, static_cast<uint32_t>(index) | static_cast<uint32_t>(code) << FP_REG_MARK_CODE_LSB);
}

int fp_card_clear_stale(fp_card *card) {
    return fp_card_write(card, FP_REG_COMMAND, bit(FP_REG_COMMAND_CLEAR_STALE_LSB));
}

int fp_card_reset_book(fp_card *card) {
    if (int error = fp_card_write(card, FP_REG_COMMAND, bit(FP_REG_COMMAND_RESET_BOOK_LSB)))
        return error;
    return until_ready(card);
}

int fp_card_set_trading(fp_card *card, const fp_card_trading *trading) {
    if (trading->duplicate_cycles > MASK_48)
        return FP_E_BAD_FIELD;
    uint32_t control;
    if (int error = fp_card_read(card, FP_REG_CTRL, &control))
        return error;
    control &= ~(bit(FP_REG_CTRL_KILL_LSB) | bit(FP_REG_CTRL_TRADE_LSB) | bit(FP_REG_CTRL_SESSION_LSB));
    control |= bit(FP_REG_CTRL_KILL_LSB, trading->kill) | bit(FP_REG_CTRL_TRADE_LSB, trading->enabled) |
               bit(FP_REG_CTRL_SESSION_LSB, trading->session);
    return write_all(card, {{FP_REG_RATE_PERIOD, trading->rate_period_cycles}, {FP_REG_RATE_BURST, trading->rate_burst},
                            {FP_REG_DUP_WINDOW_LO, low(trading->duplicate_cycles)}, {FP_REG_DUP_WINDOW_HI, high(trading->duplicate_cycles)},
                            {FP_REG_CTRL, control}});
}

int fp_card_set_limits(fp_card *card, int index, const fp_card_limits *limits) {
    if (index < 0 || index >= FP_CARD_SYMBOLS)
        return FP_E_BAD_FIELD;
    return write_all(card, {{FP_REG_LIMIT_QUANTITY, limits->quantity}, {FP_REG_LIMIT_NOTIONAL_LO, low(limits->notional_e4)},
                            {FP_REG_LIMIT_NOTIONAL_HI, high(limits->notional_e4)}, {FP_REG_LIMIT_COLLAR, limits->collar_bps},
                            {FP_REG_LIMIT_BUY_ROOM, limits->buy_room}, {FP_REG_LIMIT_SELL_ROOM, limits->sell_room},
                            {FP_REG_LIMIT_WRITE, static_cast<uint32_t>(index) | bit(FP_REG_LIMIT_WRITE_ENABLE_LSB, limits->enabled)}});
}

int fp_card_set_template(fp_card *card, int slot, const uint8_t *message, size_t length) {
    if (slot < 0 || slot >= FP_CARD_SLOTS || length < 47 || length > 61)
        return FP_E_BAD_FIELD;
    uint32_t place = static_cast<uint32_t>(slot) << FP_REG_TEMPLATE_WRITE_SLOT_LSB, status;
    if (int error = fp_card_read(card, FP_REG_STATUS, &status)) // an old LOAD_REFUSED is cleared by it
        return error;
    for (uint32_t word = 0; word < 8; word++) {
        size_t at = 8u * word;
        uint64_t data = 0;
        if (at < length)
            std::memcpy(&data, message + at, std::min<size_t>(8, length - at));
        if (int error = write_all(card, {{FP_REG_TEMPLATE_LO, low(data)}, {FP_REG_TEMPLATE_HI, high(data)}, {FP_REG_TEMPLATE_WRITE, place | word}}))
            return error;
    }
    if (int error = fp_card_read(card, FP_REG_STATUS, &status))
        return error;
    if (status & bit(FP_REG_STATUS_LOAD_REFUSED_LSB))
        return FP_E_AGAIN;
    if (int error = fp_card_write(card, FP_REG_TEMPLATE_SEAL, place | static_cast<uint32_t>(length)))
        return error;
    if (int error = fp_card_read(card, FP_REG_STATUS, &status))
        return error;
    return status & bit(FP_REG_STATUS_LOAD_REFUSED_LSB) ? FP_E_AGAIN : 0;
}

int fp_card_order_number(fp_card *card, uint32_t next) {
    return fp_card_write(card, FP_REG_NEXT_URN, next);
}

int fp_card_arm(fp_card *card, int slot, int index, fp_card_condition condition, uint32_t price_e4, uint64_t expire_cycle) {
    if (slot < 0 || slot >= FP_CARD_SLOTS || index < 0 || index >= FP_CARD_SYMBOLS || condition < FP_CARD_BID_AT_OR_ABOVE ||
        condition > FP_CARD_ASK_AT_OR_BELOW || !price_e4 || expire_cycle > MASK_48)
        return FP_E_BAD_FIELD;
    return write_all(card, {{FP_REG_TRIGGER_PRICE, price_e4}, {FP_REG_TRIGGER_EXPIRE_LO, low(expire_cycle)},
                            {FP_REG_TRIGGER_EXPIRE_HI, high(expire_cycle)},
                            {FP_REG_TRIGGER_WRITE, static_cast<uint32_t>(slot) | static_cast<uint32_t>(condition) << FP_REG_TRIGGER_WRITE_CONDITION_LSB |
                                                       static_cast<uint32_t>(index) << FP_REG_TRIGGER_WRITE_SYMBOL_LSB |
                                                       bit(FP_REG_TRIGGER_WRITE_ARM_LSB)}});
}

int fp_card_disarm(fp_card *card, int slot) {
    if (slot < 0 || slot >= FP_CARD_SLOTS)
        return FP_E_BAD_FIELD;
    return fp_card_write(card, FP_REG_TRIGGER_WRITE, static_cast<uint32_t>(slot));
}

int fp_card_order_bytes(fp_card *card, uint8_t *bytes, int max) {
    return max < 0 ? FP_E_BAD_FIELD : card->order_bytes.take(bytes, max);
}

int fp_card_fires(fp_card *card, fp_card_fire *fires, int max) {
    return max < 0 ? FP_E_BAD_FIELD : card->fires.take(fires, max);
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

#define WAY(n) gw_top__DOT__book__DOT__orders__DOT__ways__BRA__##n##__KET____DOT__words__DOT__ram

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
