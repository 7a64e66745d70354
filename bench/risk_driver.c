/* Times the order side without a network: the risk function hot and cold, a journal
 * append, and a whole decision from command to bytes ready with a real journal on the
 * disk. Prints one sample set per line: name, samples, min, p50, p90, p99, p99.9 in ns.
 *
 * Usage: risk_driver <journal directory> <samples>. It opens no socket. */
#include "engine/journal.h"
#include "order/risk.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { HOT_ACCOUNTS = 4, HOT_SYMBOLS = 32, COLD_ORDERS = 200000, MAX_SAMPLES = 400000, BATCH = 64 };

static struct fp_engine_config config;
static struct fp_quote quote;
static uint64_t now_ns = 1763700000000000000ull;
static uint32_t samples[MAX_SAMPLES];
static struct fp_exec execs[256];
static unsigned exec_count;
static int stop;

static uint64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, unsigned n, unsigned divisor) {
    static const unsigned permille[] = {0, 500, 900, 990, 999};
    qsort(samples, n, sizeof *samples, ascending);
    printf("%s %u", name, n);
    for (unsigned i = 0; i < 5; i++)
        printf(" %.1f", (double)samples[(uint64_t)permille[i] * (n - 1) / 1000] / divisor);
    printf("\n");
}

static void fail(const char *what) {
    fprintf(stderr, "risk_driver: %s\n", what);
    exit(1);
}

static int no_journal(void *context, uint16_t type, uint16_t venue, const void *body, size_t length, uint64_t time_ns) {
    (void)context, (void)type, (void)venue, (void)body, (void)length, (void)time_ns;
    return 0;
}

static int to_journal(void *context, uint16_t type, uint16_t venue, const void *body, size_t length, uint64_t time_ns) {
    return fp_journal_append(context, type, venue, body, length, time_ns);
}

static void to_execs(void *context, const struct fp_exec *exec) {
    (void)context;
    execs[exec_count++ & 255] = *exec;
}

static void from_quote(void *context, uint8_t venue, const char symbol[8], struct fp_quote *out) {
    (void)context, (void)venue, (void)symbol;
    *out = quote;
}

static void configure(unsigned accounts) {
    const struct fp_limits wide = {
        .max_order_notional_e4 = 1ull << 60, .max_gross_notional_e4 = 1ull << 60, .max_net_notional_e4 = 1ull << 60, .max_loss_e4 = 1ull << 60,
        .max_position = 1ull << 60, .max_order_quantity = 999999, .max_open_orders = 1u << 30, .orders_per_s = 4000000000u, .order_burst = 4000000000u,
        .collar_bps = 500, .fat_finger_bps = 5000, .duplicate_window_ms = 0, .max_feed_silence_ms = 1000000000,
    };
    memset(&config, 0, sizeof config);
    strcpy(config.mode, "paper");
    config.venue_count = 1;
    strcpy(config.venues[0].name, "venue");
    strcpy(config.venues[0].order_host, "127.0.0.1");
    config.firm_limits = wide;
    config.account_count = config.agent_count = (uint16_t)accounts;
    for (unsigned i = 0; i < accounts; i++) {
        snprintf(config.accounts[i].name, sizeof config.accounts[i].name, "account%u", i);
        snprintf(config.agents[i].name, sizeof config.agents[i].name, "agent%u", i);
        config.accounts[i].limits = config.agents[i].limits = wide;
        config.agents[i].account = (uint16_t)i;
        config.agents[i].may_trade = 1;
        config.agents[i].venue_mask = 1;
    }
    quote = (struct fp_quote){.venue_ns = now_ns, .rx_ns = now_ns, .feed_heard_ns = now_ns, .bid_e4 = 1499900, .bid_shares = 500, .ask_e4 = 1500100,
                              .ask_shares = 500, .last_price_e4 = 1500000, .round_lot = 100, .trading_state = 'T', .announced = 1};
}

static void feed(struct fp_oms *oms, const uint8_t *bytes, int length) {
    if (length <= 0 || fp_oms_receive(oms, 0, bytes, (size_t)length, now_ns) != length)
        fail("the order side refused the venue's bytes");
}

static void drain(struct fp_oms *oms) {
    const uint8_t *bytes;
    size_t n = fp_oms_out(oms, 0, &bytes);
    fp_oms_sent(oms, 0, n, now_ns);
}

/* A live session, its venue's two answers made here. */
static struct fp_oms *live(uint32_t max_orders, void *journal) {
    static const struct fp_oms_sink quiet = {NULL, no_journal, to_execs, from_quote};
    struct fp_oms_config c = {.engine = &config, .sink = quiet, .max_orders = max_orders};
    if (journal)
        c.sink = (struct fp_oms_sink){journal, to_journal, to_execs, from_quote};
    struct fp_oms *oms = malloc(fp_oms_size(&c));
    uint8_t packet[64], message[32];
    union fp_ouch_out_body answer = {.account_query_response = {.type = 'Q', .next_user_ref_num = 1}};
    if (!oms || fp_oms_init(oms, &c) || fp_oms_fold_done(oms, now_ns))
        fail("cannot set up the order side");
    fp_oms_connected(oms, 0, now_ns);
    drain(oms);
    feed(oms, packet, fp_soup_put_login_accepted("BENCH     ", 1, packet, sizeof packet));
    drain(oms);
    int n = fp_ouch_out_encode(&answer, NULL, message, sizeof message);
    feed(oms, packet, fp_soup_put('S', message, (size_t)n, packet, sizeof packet));
    if (fp_session_refusal(oms, 0))
        fail("the session is not live");
    return oms;
}

static void name_symbol(char out[8], unsigned n) {
    memset(out, ' ', 8);
    for (int i = 3; i >= 0; i--, n /= 26)
        out[i] = (char)('A' + n % 26);
}

static struct fp_risk_request request(const char *symbol, unsigned account) {
    return (struct fp_risk_request){.symbol = symbol, .quote = &quote, .now_ns = now_ns, .quantity = 100, .price_e4 = 1500000, .account = (uint16_t)account,
                                    .agent = (uint16_t)account, .side = 'B', .tif = '0'};
}

static void hold(struct fp_oms *oms, unsigned account, const char *symbol) {
    uint32_t id = fp_symbol_add(&oms->positions, symbol);
    if (id == FP_NO_INDEX || fp_exposure_add(&oms->positions, FP_USAGE_FIRM, id) == FP_NO_INDEX ||
        fp_exposure_add(&oms->positions, FP_USAGE_ACCOUNT + account, id) == FP_NO_INDEX || fp_exposure_add(&oms->positions, FP_USAGE_AGENT + account, id) == FP_NO_INDEX)
        fail("no room for another position");
}

static void check_once(const struct fp_oms *oms, const struct fp_risk_request *r) {
    struct fp_check checks[FP_MAX_CHECKS];
    struct fp_risk_verdict verdict;
    fp_risk_check(oms, r, 0, checks, &verdict);
    if (verdict.reason)
        fail("an order that should pass was refused");
}

static void risk_hot(unsigned n) {
    static char symbols[HOT_SYMBOLS][8];
    configure(HOT_ACCOUNTS);
    struct fp_oms *oms = live(4096, NULL);
    for (unsigned s = 0; s < HOT_SYMBOLS; s++) {
        name_symbol(symbols[s], s);
        for (unsigned a = 0; a < HOT_ACCOUNTS; a++)
            hold(oms, a, symbols[s]);
    }
    n /= BATCH;
    for (unsigned i = 0; i < n + 100; i++) { /* the first hundred batches warm the caches */
        uint64_t begin = clock_ns();
        for (unsigned k = 0; k < BATCH; k++) {
            struct fp_risk_request r = request(symbols[(i * 7 + k * 5) % HOT_SYMBOLS], (i + k) % HOT_ACCOUNTS);
            check_once(oms, &r);
        }
        samples[i < 100 ? 0 : i - 100] = (uint32_t)(clock_ns() - begin);
    }
    report("risk_hot", n, BATCH);
    free(oms);
}

static void risk_cold(unsigned n) {
    static char symbols[FP_MAX_SYMBOLS][8];
    const unsigned accounts = 16, count = 12000;
    configure(accounts);
    struct fp_oms *oms = live(COLD_ORDERS, NULL);
    for (unsigned s = 0; s < count; s++) {
        name_symbol(symbols[s], s);
        for (unsigned a = 0; a < accounts; a++)
            hold(oms, a, symbols[s]);
    }
    uint64_t random = 88172645463325252ull, overhead = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t begin = clock_ns(), took = clock_ns() - begin;
        overhead = took < overhead ? took : overhead;
    }
    n = n > 100000 ? 100000 : n;
    for (unsigned i = 0; i < n; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        struct fp_risk_request r = request(symbols[(random >> 20) % count], (unsigned)(random >> 50) % accounts);
        uint64_t begin = clock_ns();
        check_once(oms, &r);
        uint64_t took = clock_ns() - begin;
        samples[i] = (uint32_t)(took > overhead ? took - overhead : 0);
    }
    report("risk_cold", n, 1);
    printf("# cold: %u exposures of %zu bytes visited at random, %zu MB\n", oms->positions.exposure_count, sizeof(struct fp_exposure),
           oms->positions.exposure_count * sizeof(struct fp_exposure) >> 20);
    free(oms);
}

static void *housekeeping(void *journal) {
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        struct timespec t = {0, 1000000};
        (void)fp_journal_prepare(journal);
        nanosleep(&t, NULL);
    }
    return NULL;
}

static struct fp_journal *open_journal(const char *directory) {
    struct fp_journal *journal;
    char text[FP_ERROR_TEXT_MAX];
    struct fp_journal_config c = {0, FP_DURABILITY_CRASH};
    if (fp_journal_open(&journal, directory, &c, text))
        fail(text);
    return journal;
}

static void append_only(struct fp_journal *journal, unsigned n, size_t body, const char *name) {
    static const uint8_t bytes[256];
    n /= BATCH;
    for (unsigned i = 0; i < n; i++) {
        uint64_t begin = clock_ns();
        for (unsigned k = 0; k < BATCH; k++)
            if (fp_journal_append(journal, FP_JR_STOP, 0, bytes, body, now_ns))
                fail("append failed");
        samples[i] = (uint32_t)(clock_ns() - begin);
    }
    report(name, n, BATCH);
}

static void decision(struct fp_journal *journal, unsigned n, const char *name) {
    struct fp_reply reply;
    configure(HOT_ACCOUNTS);
    struct fp_oms *oms = live(n + 1000, journal);
    for (unsigned i = 0; i < n; i++) {
        struct fp_command c = {.id = i, .quantity = 100, .price_e4 = 1500000, .kind = FP_CMD_SUBMIT, .side = 'B', .tif = '0',
                               .account = (uint16_t)(i % HOT_ACCOUNTS), .agent = (uint16_t)(i % HOT_ACCOUNTS)};
        name_symbol(c.symbol, i % HOT_SYMBOLS);
        snprintf(c.client_order_id, sizeof c.client_order_id, "bench-%u", i);
        now_ns += 1000;
        uint64_t begin = clock_ns();
        fp_oms_command(oms, &c, now_ns, &reply);
        samples[i] = (uint32_t)(clock_ns() - begin);
        if (reply.outcome != FP_OUT_ACCEPTED)
            fail("an order that should pass was refused");
        drain(oms);
    }
    report(name, n, 1);
    free(oms);
}

int main(int argc, char **argv) {
    unsigned n = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    pthread_t keeper;
    if (n < 1000 || n > MAX_SAMPLES)
        fail("usage: risk_driver <journal directory> <samples 1000..400000>");
    risk_hot(n);
    risk_cold(n);
    struct fp_journal *journal = open_journal(argv[1]);
    pthread_create(&keeper, NULL, housekeeping, journal);
    append_only(journal, n, 24, "append_64");
    append_only(journal, n, 256, "append_320");
    decision(NULL, n, "decision_no_journal");
    decision(journal, n, "decision");
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    pthread_join(keeper, NULL);
    fp_journal_close(journal);
    return 0;
}
