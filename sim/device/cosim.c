/* The software book and the card in lock-step over a file of ITCH messages; stops at the first difference.
 *
 * Usage: cosim FILE OPTION=VALUE ...   (cosim.py is the front; it documents the options)
 * Each message of a filtered symbol, and each one about the venue, is applied to the software book; all messages are packed
 * into MoldUDP64 packets, sent to the card as Ethernet frames, and the records compared as they come. At checkpoints the card
 * is let run dry and its order table compared with the software's orders. Progress goes to stderr, one JSON object to
 * stdout. Exit 0 equal, 1 different, 2 could not run. */
#include "lockstep.h"
#include "source.h"
#include "wire/itch.h"
#include "wire/mold.h"
#include "wire/net.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINES_A = 1, LINES_B = 2, LINES_BOTH = 3, FLUSH_CYCLES = 256, SHORTEST = 12, LONGEST = FP_MOLD_MAX_PACKET - FP_MOLD_HEADER_LEN - 2, NEARLY_FULL = 126 };
static const uint32_t GROUP[2] = {0xE9360C01, 0xE9360C02}; /* 233.54.12.1, .2 */
static const uint16_t PORT[2] = {26400, 26401};
static const char SESSION[10] = "COSIM00001";
static const uint64_t MIDNIGHT_NS = 1577682000000000000u;

static struct {
    uint64_t messages, checkpoint, seed;
    uint32_t symbols, packet, lines, lag, gap, drop, skew;
    const char *names; /* locates or symbols, separated by commas */
    const char *wave;  /* file of a waveform, from a cycle on */
    uint64_t wave_from;
} options = {UINT64_MAX, 1000000, 1, FP_CARD_SYMBOLS, 64, LINES_A, 0, 3, 0, 0, NULL, NULL, 0};

static struct fp_source source;
static struct fp_lockstep both;
static uint64_t total, not_carried, frames, dropped[2];
static struct {
    uint64_t messages, cycles;
} uniform[256]; /* of full packets whose messages are all of one type, by type */
static uint64_t random_state;

static void stop(const char *what, int error) {
    fprintf(stderr, "cosim: %s (%d)\n", what, error);
    exit(2);
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint32_t below(uint32_t n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 32) * n >> 32);
}

static const uint8_t *map_file(const char *path, size_t *length) {
    int fd = open(path, O_RDONLY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        perror(path);
        exit(2);
    }
    *length = (size_t)st.st_size;
    if (!*length)
        stop("the file is empty", 0);
    void *bytes = mmap(NULL, *length, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        perror(path);
        exit(2);
    }
    close(fd);
    return bytes;
}

/* The symbols: those named, or else the ones with most messages. */
static int named(const char *text, uint16_t locate, const char symbol[8]) {
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, ",");
        char *end;
        unsigned long number = strtoul(at, &end, 10);
        if (length && end == at + length ? number == locate : length <= 8 && !memcmp(at, symbol, length) && (length == 8 || symbol[length] == ' '))
            return 1;
        at += length + (at[length] == ',');
    }
    return 0;
}

static uint32_t activity[65536];

static int busier(const void *a, const void *b) {
    uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
    return activity[x] != activity[y] ? (activity[x] < activity[y] ? 1 : -1) : x - y;
}

static uint32_t choose_symbols(void) {
    struct fp_source scan = source;
    static uint16_t order[65536];
    uint32_t found = 0;
    const uint8_t *message;
    uint64_t read = 0;
    for (int length; read < options.messages && (length = fp_source_next(&scan, &message)) > 0; read++) {
        if (length < 3 || strchr("SVW", message[0]))
            continue;
        uint16_t locate = fp_load_be16(message + 1);
        if (!options.names)
            activity[locate]++;
        else if (message[0] == 'R' && length == FP_ITCH_STOCK_DIRECTORY_LEN && named(options.names, locate, (const char *)message + FP_ITCH_STOCK_DIRECTORY_STOCK))
            activity[locate] = 1;
        else if (named(options.names, locate, "        "))
            activity[locate] = 1;
    }
    for (uint32_t locate = 0; locate < 65536; locate++)
        if (activity[locate])
            order[found++] = (uint16_t)locate;
    qsort(order, found, sizeof *order, busier);
    uint32_t count = found < options.symbols ? found : options.symbols;
    for (uint32_t i = 0; i < count; i++) {
        both.tracked[order[i]] = 1;
        both.index_of[order[i]] = (uint16_t)i;
        both.locate_of[i] = order[i];
    }
    return count;
}

static void different(void) {
    fp_compare_report(&both.compare, stderr);
    printf("{\"equal\": false, \"different\": true, \"message\": %" PRIu64 ", \"frame\": %" PRIu64 ", \"cycle\": %" PRIu64 ", \"reason\": \"%s\"}\n",
           both.compare.wanted.message, frames, fp_card_cycles(both.card), both.compare.reason);
    fp_lockstep_close(&both);
    exit(1);
}

static void take(int count) {
    int error = fp_lockstep_take(&both, count);
    if (both.compare.reason)
        different();
    if (error)
        stop("the card refused", error);
}

static size_t frame_of(int line, const uint8_t *packet, size_t length, uint8_t out[FP_CARD_MAX_FRAME]) {
    struct fp_net_frame frame = {.payload = packet, .payload_length = length, .source_ip = 0x0A000001, .target_ip = GROUP[line],
                                 .source_port = 30000, .target_port = PORT[line], .vlan = 0xFFFF, .ttl = 16,
                                 .source_mac = {2, 0, 0, 0, 0, 1}};
    fp_net_multicast_mac(GROUP[line], frame.target_mac);
    int size = fp_net_put_udp(&frame, out, FP_CARD_MAX_FRAME);
    if (size < 0)
        stop("no frame", size);
    return (size_t)size;
}

static void count_uniform(const uint8_t *packet, size_t length, uint64_t cycles) {
    size_t at = FP_MOLD_HEADER_LEN;
    const uint8_t *message;
    uint8_t type = packet[FP_MOLD_HEADER_LEN + 2];
    uint64_t messages = 0;
    for (; fp_mold_next(packet, length, &at, &message) > 0; messages++)
        if (*message != type)
            return;
    if (length + NEARLY_FULL > FP_MOLD_MAX_PACKET) {
        uniform[type].messages += messages;
        uniform[type].cycles += cycles;
    }
}

static void send(const uint8_t *packet, size_t length) {
    static uint8_t a[FP_CARD_MAX_FRAME], b[FP_CARD_MAX_FRAME];
    size_t a_length = options.lines & LINES_A ? frame_of(0, packet, length, a) : 0;
    size_t b_length = options.lines & LINES_B ? frame_of(1, packet, length, b) : 0;
    if (options.lines == LINES_BOTH && options.drop) { /* never both: one of the lines always has it */
        if (below(1000) < options.drop) {
            int line = (int)below(2);
            dropped[line]++;
            *(line ? &b_length : &a_length) = 0;
        }
    }
    int lag = options.lag ? (int)below(2 * options.lag + 1) - (int)options.lag : 0;
    uint64_t start = fp_card_cycles(both.card);
    frames++;
    take(fp_card_push_both(both.card, a, a_length, b, b_length, lag, both.events, FP_LOCKSTEP_EVENTS));
    count_uniform(packet, length, fp_card_cycles(both.card) - start);
}

static void check(void) {
    take(fp_card_idle(both.card, FLUSH_CYCLES, both.events, FP_LOCKSTEP_EVENTS));
    if (fp_lockstep_check(&both))
        different();
}

static int option(const char *argument) {
    const char *value = strchr(argument, '=');
    if (!value++)
        return 0;
    uint64_t number = strtoull(value, NULL, 10);
#define IS(name) !strncmp(argument, name "=", sizeof name)
    if (IS("messages"))
        options.messages = number;
    else if (IS("checkpoint"))
        options.checkpoint = number;
    else if (IS("seed"))
        options.seed = number;
    else if (IS("count"))
        options.symbols = number < FP_CARD_SYMBOLS ? (uint32_t)number : FP_CARD_SYMBOLS;
    else if (IS("packet"))
        options.packet = (uint32_t)number;
    else if (IS("lines"))
        options.lines = !strcmp(value, "a") ? LINES_A : !strcmp(value, "b") ? LINES_B : LINES_BOTH;
    else if (IS("lag"))
        options.lag = (uint32_t)number;
    else if (IS("gap"))
        options.gap = (uint32_t)number;
    else if (IS("drop"))
        options.drop = (uint32_t)number;
    else if (IS("skew")) /* plants a difference: ns that the card's midnight is off */
        options.skew = (uint32_t)number;
    else if (IS("wave"))
        options.wave = value;
    else if (IS("wave_from"))
        options.wave_from = number;
    else if (IS("symbols"))
        options.names = value;
    else
        return 0;
    return 1;
}

static void prepare(const char *path) {
    size_t length;
    const uint8_t *bytes = map_file(path, &length);
    int error = fp_source_open(&source, bytes, length);
    if (error)
        stop("neither a BinaryFILE, nor raw ITCH messages, nor a pcap", error);
    random_state = options.seed;
    both.symbols = choose_symbols();
    struct fp_book_config book_config = {.midnight_ns = MIDNIGHT_NS, .max_orders = 1u << 20, .max_levels = 1u << 20, .venue = 3};
    struct fp_card_config config = {.first_sequence = 1, .gap_wait_cycles = 1u << 20, .midnight_ns = MIDNIGHT_NS + options.skew, .venue = 3,
                                    .frame_gap_cycles = (uint8_t)options.gap};
    for (int line = 0; line < 2; line++) {
        config.address[line] = options.lines >> line & 1 ? GROUP[line] : 0;
        config.port[line] = PORT[line];
    }
    both.line_flags = options.lines == LINES_B ? FP_EF_LINE_B : 0;
    if ((error = fp_lockstep_open(&both, &book_config, &config)))
        stop("no book or no card", error);
    if (options.wave && (error = fp_card_trace(both.card, options.wave, options.wave_from)))
        stop("no waveform", error);
    both.compare.ignored_flags = options.lines == LINES_BOTH ? FP_EF_LINE_B : 0;
    fprintf(stderr, "%u symbols\n", both.symbols);
}

static void feed(double started) {
    uint8_t packet[FP_MOLD_MAX_PACKET];
    struct fp_mold_header header = {.sequence = 1};
    memcpy(header.session, SESSION, sizeof header.session);
    size_t used = FP_MOLD_HEADER_LEN;
    uint64_t next_check = options.checkpoint;
    uint32_t room = options.packet;
    double told = started;
    for (;;) {
        const uint8_t *message;
        int length = total < options.messages ? fp_source_next(&source, &message) : 0;
        if (length < 0)
            stop("the file is damaged here", length);
        int fits = length && used + 2 + (size_t)length <= sizeof packet && header.count < room;
        if (!fits && header.count) {
            fp_mold_put_header(&header, packet, sizeof packet);
            send(packet, used);
            header.sequence += header.count;
            header.count = 0;
            used = FP_MOLD_HEADER_LEN;
            room = options.packet ? options.packet : 1 + below(70);
        }
        if (total >= next_check && !header.count) {
            check();
            next_check += options.checkpoint;
        }
        double now = header.count ? told : seconds(CLOCK_MONOTONIC);
        if (now - told > 5) {
            told = now;
            fprintf(stderr, "%10" PRIu64 " messages, %" PRIu64 " records equal, %.2f M cycles/s\n", total, both.compare.compared,
                    (double)fp_card_cycles(both.card) / (now - started) * 1e-6);
        }
        if (!length)
            break;
        if (length < SHORTEST || length > LONGEST) { /* the card refuses such a packet whole: see mold_align.v */
            not_carried++;
            total++;
            continue;
        }
        int put = fp_mold_put_block(message, (size_t)length, packet + used, sizeof packet - used);
        if (put < 0)
            stop("no block", put);
        used += (size_t)put;
        header.count++;
        if (fp_lockstep_apply(&both, message, length, total, header.sequence + header.count - 1u))
            different();
        total++;
    }
    check();
}

static uint64_t counter(uint32_t address) { /* 32 bits wide on the card */
    uint32_t value;
    int error = fp_card_read(both.card, address, &value);
    if (error)
        stop("no such counter", error);
    return value;
}

/* Each side whose best the card lost, and why: nothing of this is an excuse, the records were foretold. */
static void show_lost_sides(void) {
    static const char *const causes[] = {"sound", "emptied down to its floor", "an order off the tick", "2^36 shares"};
    const char *comma = "";
    printf(", \"lost_sides\": [");
    for (int locate = 0; locate < 65536; locate++)
        for (int side = 0; side < 2; side++)
            if (both.lost_at[locate][side]) {
                printf("%s{\"locate\": %d, \"side\": \"%c\", \"message\": %" PRIu64 ", \"cause\": \"%s\"}", comma, locate, "BS"[side],
                       both.lost_at[locate][side] - 1, causes[fp_window_why(&both.window, (uint16_t)locate, "BS"[side])]);
                comma = ", ";
            }
    printf("]");
}

int main(int argc, char **argv) {
    for (int i = 2; i < argc; i++)
        if (!option(argv[i]))
            stop(argv[i], 0);
    if (argc < 2)
        stop("no file", 0);
    prepare(argv[1]);
    uint64_t first_cycle = fp_card_cycles(both.card);
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
    feed(wall);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
    int error = fp_book_validate(both.book);
    if (error)
        stop("the software book is corrupt", error);
    struct fp_book_stats stats;
    const struct fp_compare *compare = &both.compare;
    uint64_t cycles = fp_card_cycles(both.card) - first_cycle;
    uint32_t excused = fp_lockstep_excused(&both);
    fp_book_stats(both.book, &stats);
    if (!total)
        stop("the file holds no ITCH message, or none on MoldUDP64", 0);
    printf("{\"equal\": %s, \"different\": false, \"messages\": %" PRIu64 ", \"applied\": %" PRIu64 ", \"not_carried\": %" PRIu64 ", \"frames\": %" PRIu64
           ", \"dropped_a\": %" PRIu64 ", \"dropped_b\": %" PRIu64 ", \"records\": %" PRIu64 ", \"compared\": %" PRIu64 ", \"partly\": %" PRIu64
           ", \"notices\": %" PRIu64 ", \"excused_records\": %" PRIu64 ", \"table_full\": %" PRIu64 ", \"sides_lost\": %" PRIu64
           ", \"symbols_excused\": %u, \"checkpoints\": %" PRIu64 ", \"live_orders\": %u, \"peak_orders\": %" PRIu64 ", \"cycles\": %" PRIu64
           ", \"wall_s\": %.3f, \"cpu_s\": %.3f, \"cycles_per_s\": %.0f, \"messages_per_s\": %.0f, \"duplicates\": %" PRIu64
           ", \"unheld\": %" PRIu64 ", \"queued\": %" PRIu64 ", \"searched\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"dropped_records\": %" PRIu64
           ", \"gaps\": %" PRIu64 ", \"hold_full\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"broken\": %" PRIu64 ", \"far\": %" PRIu64 ", \"evicted\": %" PRIu64,
           excused ? "false" : "true", total, both.applied, not_carried, frames, dropped[0], dropped[1], compare->records, compare->compared,
           compare->partly, compare->notices, compare->excused_records, compare->table_full, compare->sides_lost, excused, both.checkpoints,
           stats.live_orders, counter(FP_REG_ORDERS_PEAK), cycles, wall, cpu, (double)cycles / cpu, (double)total / cpu,
           counter(FP_REG_COUNT_DUPLICATE_A) + counter(FP_REG_COUNT_DUPLICATE_B), counter(FP_REG_COUNT_UNHELD_A) + counter(FP_REG_COUNT_UNHELD_B),
           counter(FP_REG_COUNT_QUEUED), counter(FP_REG_COUNT_SEARCHED), counter(FP_REG_COUNT_LOST), counter(FP_REG_COUNT_DROPPED),
           counter(FP_REG_COUNT_GAPS), counter(FP_REG_COUNT_HOLD_FULL_A) + counter(FP_REG_COUNT_HOLD_FULL_B),
           counter(FP_REG_COUNT_REFUSED_A) + counter(FP_REG_COUNT_REFUSED_B), counter(FP_REG_COUNT_BROKEN), counter(FP_REG_COUNT_FAR), counter(FP_REG_COUNT_EVICTED));
    show_lost_sides();
    printf(", \"uniform_packets\": {");
    const char *comma = "";
    for (int type = 0; type < 256; type++)
        if (uniform[type].messages) {
            printf("%s\"%c\": {\"messages\": %" PRIu64 ", \"cycles\": %" PRIu64 "}", comma, type, uniform[type].messages, uniform[type].cycles);
            comma = ", ";
        }
    printf("}, \"kinds\": {");
    comma = "";
    for (int kind = 0; kind < 256; kind++)
        if (compare->kinds[kind]) {
            printf("%s\"%c\": %" PRIu64, comma, kind < 0x80 ? kind : kind == FP_EV_STALE ? '!' : '#', compare->kinds[kind]);
            comma = ", ";
        }
    printf("}}\n");
    fp_lockstep_close(&both);
    return 0;
}
