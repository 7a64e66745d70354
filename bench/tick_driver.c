/* Times the software's tick to order: a packet handed to the engine's feed, to the OUCH bytes of the order that it triggers,
 * journaled and queued for the venue. Feed, arbitration, book, trigger, risk, encoder and session are the engine's own; the
 * journal is a real one on the disk. One clock read before and one after, which are included.
 * Prints one sample set per line: name, samples, min, p50, p90, p99, p99.9 in ns.
 *
 * Usage: tick_driver <journal directory> <samples>. It opens no socket. */
#include "engine/clock.h"
#include "engine/feed.h"
#include "engine/journal.h"
#include "order/oms.h"
#include "wire/itch.h"
#include "wire/ouch.h"
#include "wire/soup.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SAMPLES = 60000, WARM_UP = 500 };

static struct fp_engine_config config;
static struct fp_feed feed;
static struct fp_event_out out;
static struct fp_hist hist;
static struct fp_oms *oms;
static uint32_t samples[MAX_SAMPLES];
static uint64_t begin_ns, took_ns, sequence = 1;
static unsigned fired;
static int stop;

const char *fp_error_name(int error) {
    (void)error;
    return "error";
}

static void fail(const char *what) {
    fprintf(stderr, "tick_driver: %s\n", what);
    exit(1);
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, unsigned n) {
    static const unsigned permille[] = {0, 500, 900, 990, 999};
    qsort(samples, n, sizeof *samples, ascending);
    printf("%s %u", name, n);
    for (unsigned i = 0; i < 5; i++)
        printf(" %u", samples[(uint64_t)permille[i] * (n - 1) / 1000]);
    printf("\n");
}

/* ---- the order side's sink, and the moment that is waited for ---- */

static int to_journal(void *context, uint16_t type, uint16_t venue, const void *body, size_t length, uint64_t time_ns) {
    return fp_journal_append(context, type, venue, body, length, time_ns);
}

static void to_nobody(void *context, const struct fp_exec *exec) { (void)context, (void)exec; }

static void from_feed(void *context, uint8_t venue, const char symbol[8], struct fp_quote *quote) {
    (void)context, (void)venue;
    fp_feed_quote(&feed, symbol, quote);
}

static void bytes_are_ready(void *context, uint8_t venue) {
    (void)context, (void)venue;
    took_ns = fp_clock_monotonic_ns() - begin_ns;
    fired++;
}

/* ---- the market ---- */

static uint8_t packet[FP_MOLD_MAX_PACKET];
static struct fp_frame frame;

static int take(struct fp_io *io, struct fp_frame *frames, int max) {
    (void)io, (void)max;
    if (!frame.len)
        return 0;
    frames[0] = frame;
    frame.len = 0;
    return 1;
}

static void give_back(struct fp_io *io, const struct fp_frame *frames, int count) { (void)io, (void)frames, (void)count; }

static struct fp_io port = {.rx = take, .release = give_back};

static void begin_packet(void) {
    frame = (struct fp_frame){.data = packet, .len = FP_MOLD_HEADER_LEN};
}

static uint16_t in_packet;

static void put(const union fp_itch_body *message) {
    uint8_t bytes[64];
    int length = fp_itch_encode(message, bytes, sizeof bytes);
    if (length < 0 || fp_mold_put_block(bytes, (size_t)length, packet + frame.len, sizeof packet - frame.len) < 0)
        fail("no such message");
    frame.len += (uint32_t)length + 2;
    in_packet++;
}

static void deliver(void) {
    struct fp_mold_header header = {.session = {'T', 'I', 'C', 'K', 'T', 'I', 'C', 'K', '0', '1'}, .sequence = sequence, .count = in_packet};
    fp_mold_put_header(&header, packet, sizeof packet);
    sequence += in_packet;
    in_packet = 0;
    out.now_ns = frame.ts_ns = fp_clock_utc_ns();
    begin_ns = fp_clock_monotonic_ns();
    fp_feed_poll(&feed);
}

static void add(uint64_t ref, char side, uint32_t price_e4) {
    union fp_itch_body m = {.add_order = {.type = 'A', .locate = 1, .order_ref = ref, .side = side, .shares = 100, .price_e4 = price_e4}};
    memcpy(m.add_order.stock, "AAPL    ", 8);
    put(&m);
}

static void delete(uint64_t ref) {
    put(&(union fp_itch_body){.order_delete = {.type = 'D', .locate = 1, .order_ref = ref}});
}

static void open_market(void) {
    static const struct fp_mold_rx_config rx = {.first_sequence = 1, .window_packets = 64};
    static const struct fp_book_config book = {.max_orders = 1u << 16, .max_levels = 1u << 14};
    feed.rx = aligned_alloc(64, (fp_mold_rx_size(&rx) + 63) & ~(size_t)63);
    feed.book = aligned_alloc(64, (fp_book_size(&book) + 63) & ~(size_t)63);
    feed.symbols = calloc(1, sizeof *feed.symbols);
    if (!feed.rx || !feed.book || !feed.symbols)
        fail("no memory");
    memset(feed.book, 0, fp_book_size(&book));
    if (fp_mold_rx_init(feed.rx, &rx) || fp_book_init(feed.book, &book))
        fail("no book");
    feed.out = &out;
    feed.wire_to_event = &hist;
    feed.next_sequence = 1;
    feed.lines[FP_LINE_A] = &port;
    union fp_itch_body r = {.stock_directory = {.type = 'R', .locate = 1, .round_lot_size = 100}};
    union fp_itch_body h = {.stock_trading_action = {.type = 'H', .locate = 1, .trading_state = 'T'}};
    memcpy(r.stock_directory.stock, "AAPL    ", 8);
    memcpy(h.stock_trading_action.stock, "AAPL    ", 8);
    begin_packet();
    put(&r);
    put(&h);
    deliver();
    for (uint64_t ref = 1; ref <= 2000; ref += 2) { /* a book of a thousand orders a side */
        begin_packet();
        add(ref, 'B', 1499000 - (uint32_t)(ref % 400) * 100);
        add(ref + 1, 'S', 1501000 + (uint32_t)(ref % 400) * 100);
        deliver();
    }
}

/* ---- the order side ---- */

static void configure(void) {
    const struct fp_limits wide = {
        .max_order_notional_e4 = 1ull << 60, .max_gross_notional_e4 = 1ull << 60, .max_net_notional_e4 = 1ull << 60, .max_loss_e4 = 1ull << 60,
        .max_position = 1ull << 60, .max_order_quantity = 999999, .max_open_orders = 1u << 30, .orders_per_s = 4000000000u, .order_burst = 4000000000u,
        .collar_bps = 500, .fat_finger_bps = 5000, .duplicate_window_ms = 0, .max_feed_silence_ms = 1000000000,
    };
    strcpy(config.mode, "paper");
    config.venue_count = config.account_count = config.agent_count = 1;
    strcpy(config.venues[0].name, "venue");
    strcpy(config.venues[0].order_host, "127.0.0.1");
    strcpy(config.accounts[0].name, "account");
    strcpy(config.agents[0].name, "agent");
    config.firm_limits = config.accounts[0].limits = config.agents[0].limits = wide;
    config.agents[0].may_trade = 1;
    config.agents[0].venue_mask = 1;
}

static void hear(const uint8_t *bytes, int length) {
    if (length <= 0 || fp_oms_receive(oms, 0, bytes, (size_t)length, fp_clock_utc_ns()) != length)
        fail("the order side refused the venue's bytes");
}

static void drain(void) {
    const uint8_t *bytes;
    fp_oms_sent(oms, 0, fp_oms_out(oms, 0, &bytes), fp_clock_utc_ns());
}

static void log_in(struct fp_journal *journal, uint32_t orders) {
    struct fp_oms_config c = {.engine = &config, .sink = {journal, to_journal, to_nobody, from_feed}, .max_orders = orders};
    union fp_ouch_out_body answer = {.account_query_response = {.type = 'Q', .next_user_ref_num = 1}};
    uint8_t bytes[64], message[32];
    oms = aligned_alloc(64, (fp_oms_size(&c) + 63) & ~(size_t)63);
    if (!oms || fp_oms_init(oms, &c) || fp_oms_fold_done(oms, fp_clock_utc_ns()))
        fail("cannot set up the order side");
    fp_oms_connected(oms, 0, fp_clock_utc_ns());
    drain();
    hear(bytes, fp_soup_put_login_accepted("BENCH     ", 1, bytes, sizeof bytes));
    drain();
    int n = fp_ouch_out_encode(&answer, NULL, message, sizeof message);
    hear(bytes, fp_soup_put('S', message, (size_t)n, bytes, sizeof bytes));
    feed.oms = oms;
    feed.fired = bytes_are_ready;
}

static void arm(unsigned number) {
    struct fp_reply reply;
    struct fp_command c = {.id = number, .quantity = 100, .price_e4 = 1500500, .kind = FP_CMD_ARM, .side = 'B', .tif = '0',
                           .condition = FP_WHEN_ASK_AT_OR_BELOW, .trigger_e4 = 1500200};
    memcpy(c.symbol, "AAPL    ", 8);
    snprintf(c.client_order_id, sizeof c.client_order_id, "tick-%u", number);
    fp_oms_command(oms, &c, fp_clock_utc_ns(), &reply);
    if (reply.outcome != FP_OUT_ACCEPTED)
        fail("a trigger that should be armed was refused");
}

/* before: messages of the packet in front of the one that meets the condition. */
static void measure(unsigned n, unsigned before, const char *name, unsigned first) {
    uint64_t ref = 1000000 + (uint64_t)first * 64;
    for (unsigned i = 0; i < n + WARM_UP; i++, ref += 64) {
        arm(first + i);
        begin_packet();
        for (unsigned k = 0; k < before; k++)
            add(ref + 1 + k, 'B', 1498000 - k * 100);
        add(ref, 'S', 1500100);
        fired = 0;
        deliver();
        if (fired != 1)
            fail("the trigger did not fire once");
        samples[i < WARM_UP ? 0 : i - WARM_UP] = (uint32_t)took_ns;
        drain();
        begin_packet();
        for (unsigned k = 0; k <= before; k++)
            delete(ref + k);
        deliver();
    }
    report(name, n);
}

static void *housekeeping(void *journal) {
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        struct timespec t = {0, 1000000};
        (void)fp_journal_prepare(journal);
        nanosleep(&t, NULL);
    }
    return NULL;
}

int main(int argc, char **argv) {
    unsigned n = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    struct fp_journal *journal;
    char text[FP_ERROR_TEXT_MAX];
    struct fp_journal_config c = {0, FP_DURABILITY_CRASH};
    pthread_t keeper;
    if (n < 1000 || n > MAX_SAMPLES)
        fail("usage: tick_driver <journal directory> <samples 1000..60000>");
    if (fp_journal_open(&journal, argv[1], &c, text))
        fail(text);
    pthread_create(&keeper, NULL, housekeeping, journal);
    configure();
    open_market();
    log_in(journal, 2 * (n + WARM_UP) + 16);
    measure(n, 0, "one_message", 0);
    measure(n, 24, "last_of_25", n + WARM_UP);
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    pthread_join(keeper, NULL);
    fp_journal_close(journal);
    return 0;
}
