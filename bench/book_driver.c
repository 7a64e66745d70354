/* The C half of bench_book.py: maps a BinaryFILE and times, round by round and
 * interleaved, the length walk, decode-every-field, and the order book with and without
 * prefetch; then every message by itself. Prints one JSON object.
 *
 * Usage: book_driver FILE ROUNDS PACKET MAX_ORDERS MAX_LEVELS
 * PACKET messages are walked, then applied, as the engine does with a received burst;
 * prefetch never looks beyond them. Times are CPU time of this thread. Memory is mapped,
 * touched and, where the kernel agrees, in huge pages before the clock starts. */
#include "../fastpath/core/book/book.h"
#include "../fastpath/core/wire/itch.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { PACKET_MAX = 256, AHEAD = 6, AHEAD_LEVEL = 3 };

static const uint8_t *file;
static size_t file_size;
static uint64_t messages;
static unsigned packet;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t wall_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *map(size_t size) {
    size = (size + (2u << 20) - 1) & ~(size_t)((2u << 20) - 1);
    char *memory = mmap(NULL, size + (2u << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    memory = (char *)(((uintptr_t)memory + (2u << 20) - 1) & ~(uintptr_t)((2u << 20) - 1));
    madvise(memory, size, MADV_HUGEPAGE); /* a wish; the figures say what came of it */
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 0;
    return memory;
}

static uint64_t run_walk(void) {
    uint64_t count = 0;
    for (size_t at = 0; at + 2 <= file_size; at += 2 + fp_load_be16(file + at))
        count++;
    return count;
}

static uint64_t run_decode(void) {
    union fp_itch_body body;
    uint64_t sum = 0;
    for (size_t at = 0; at + 2 <= file_size;) {
        uint16_t length = fp_load_be16(file + at);
        if (fp_itch_decode(file + at + 2, length, &body) == 0) {
            __asm__ volatile("" : : "r"(&body) : "memory"); /* every field counts as used */
            sum++;
        }
        at += 2u + length;
    }
    return sum;
}

/* Event records go round a ring of 4,096, as they do into the engine's. */
static struct fp_event ring[4096 + FP_BOOK_MAX_EVENTS];

struct outcome {
    uint64_t events, changes, errors;
};

static inline __attribute__((always_inline)) struct outcome run_book(struct fp_book *book, int ahead, uint32_t *latency) {
    struct outcome outcome = {0, 0, 0};
    const uint8_t *message[PACKET_MAX];
    uint16_t length[PACKET_MAX];
    uint64_t slot = 0, index = 0;
    for (size_t at = 0; at + 2 <= file_size;) {
        unsigned count = 0;
        for (; count < packet && at + 2 <= file_size; count++) {
            length[count] = fp_load_be16(file + at);
            message[count] = file + at + 2;
            at += 2u + length[count];
        }
        if (ahead) {
            for (unsigned i = 0; i < AHEAD && i < count; i++)
                fp_book_prefetch(book, message[i], length[i]);
            for (unsigned i = 0; i < AHEAD_LEVEL && i < count; i++)
                fp_book_prefetch_level(book, message[i], length[i]);
        }
        for (unsigned i = 0; i < count; i++) {
            unsigned aux;
            uint64_t begin = 0;
            if (latency) {
                begin = __rdtscp(&aux);
                _mm_lfence();
            }
            if (ahead) {
                if (i + AHEAD < count)
                    fp_book_prefetch(book, message[i + AHEAD], length[i + AHEAD]);
                if (i + AHEAD_LEVEL < count)
                    fp_book_prefetch_level(book, message[i + AHEAD_LEVEL], length[i + AHEAD_LEVEL]);
            }
            struct fp_event *events = &ring[slot];
            int result = fp_book_apply(book, message[i], length[i], 1, 0, events);
            if (result < 0) {
                outcome.errors++;
                continue;
            }
            outcome.events += (unsigned)result;
            outcome.changes += events[result - 1].flags & FP_EF_BBO_CHANGED;
            slot = (slot + (unsigned)result) & 4095;
            if (latency) {
                uint64_t ticks = __rdtscp(&aux) - begin;
                _mm_lfence();
                latency[index++] = ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
            }
        }
    }
    return outcome;
}

static __attribute__((noinline)) struct outcome book_plain(struct fp_book *book) {
    return run_book(book, 0, NULL);
}

static __attribute__((noinline)) struct outcome book_ahead(struct fp_book *book) {
    return run_book(book, 1, NULL);
}

static __attribute__((noinline)) struct outcome book_timed(struct fp_book *book, uint32_t *latency) {
    return run_book(book, 1, latency);
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double ns_per_tick(void) {
    uint64_t t0 = wall_ns(), c0 = __rdtsc();
    while (wall_ns() - t0 < 50000000)
        ;
    return (double)(wall_ns() - t0) / (double)(__rdtsc() - c0);
}

static void print_percentiles(const char *name, uint32_t *ticks, uint64_t count, double ns, const char *end) {
    static const double p[] = {50, 90, 99, 99.9, 99.99, 100};
    qsort(ticks, count, sizeof *ticks, by_value);
    printf("\"%s\": {", name);
    for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
        uint64_t k = (uint64_t)((double)count * p[i] / 100);
        printf("%s\"p%g\": %.0f", i ? ", " : "", p[i], ns * ticks[k < count ? k : count - 1]);
    }
    printf("}%s", end);
}

static void time_one(const char *name, uint64_t begin_cpu, uint64_t begin_wall, int first) {
    printf("%s\"%s\": [%llu, %llu]", first ? "" : ", ", name, (unsigned long long)(cpu_ns() - begin_cpu), (unsigned long long)(wall_ns() - begin_wall));
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: %s FILE ROUNDS PACKET MAX_ORDERS MAX_LEVELS\n", argv[0]);
        return 2;
    }
    int rounds = atoi(argv[2]), fd = open(argv[1], O_RDONLY);
    struct stat status;
    packet = (unsigned)atoi(argv[3]);
    if (fd < 0 || fstat(fd, &status))
        fail(argv[1]);
    if (packet < 1 || packet > PACKET_MAX || rounds < 1) {
        fprintf(stderr, "PACKET is 1..%d, ROUNDS at least 1\n", PACKET_MAX);
        return 2;
    }
    file_size = (size_t)status.st_size;
    file = mmap(NULL, file_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (file == MAP_FAILED)
        fail("mmap");
    for (size_t at = 0; at < file_size; messages++) {
        if (at + 2 > file_size || at + 2 + fp_load_be16(file + at) > file_size) {
            fprintf(stderr, "%s: not a whole BinaryFILE\n", argv[1]);
            return 1;
        }
        at += 2u + fp_load_be16(file + at);
    }
    struct fp_book_config config = {.max_orders = (uint32_t)strtoul(argv[4], NULL, 10), .max_levels = (uint32_t)strtoul(argv[5], NULL, 10)};
    size_t size = fp_book_size(&config);
    if (!size) {
        fprintf(stderr, "bad configuration\n");
        return 2;
    }
    struct fp_book *book = map(size);
    uint32_t *latency = map(messages * sizeof *latency);
    struct outcome outcome = {0, 0, 0}, other;
    struct fp_book_stats stats;
    printf("{\"messages\": %llu, \"bytes\": %zu, \"book_bytes\": %zu, \"packet\": %u, \"rounds\": [", (unsigned long long)messages, file_size, size, packet);
    for (int round = 0; round < rounds; round++) {
        printf("%s{", round ? ", " : "");
        uint64_t cpu = cpu_ns(), wall = wall_ns();
        if (run_walk() != messages)
            return 1;
        time_one("walk", cpu, wall, 1);
        cpu = cpu_ns(), wall = wall_ns();
        if (run_decode() != messages)
            return 1;
        time_one("decode", cpu, wall, 0);
        memset(book, 0, size);
        fp_book_init(book, &config);
        cpu = cpu_ns(), wall = wall_ns();
        outcome = book_ahead(book);
        time_one("book", cpu, wall, 0);
        memset(book, 0, size);
        fp_book_init(book, &config);
        cpu = cpu_ns(), wall = wall_ns();
        other = book_plain(book);
        time_one("book_no_prefetch", cpu, wall, 0);
        printf("}");
        if (memcmp(&outcome, &other, sizeof outcome)) {
            fprintf(stderr, "prefetch changed the outcome\n");
            return 1;
        }
    }
    fp_book_stats(book, &stats);
    int valid = fp_book_validate(book);
    memset(book, 0, size);
    fp_book_init(book, &config);
    double ns = ns_per_tick();
    book_timed(book, latency);
    printf("], ");
    print_percentiles("latency_ns", latency, messages - outcome.errors, ns, ", ");
    for (uint64_t i = 0; i < messages; i++) {
        unsigned aux;
        uint64_t begin = __rdtscp(&aux);
        _mm_lfence();
        latency[i] = (uint32_t)(__rdtscp(&aux) - begin);
        _mm_lfence();
    }
    print_percentiles("timer_ns", latency, messages, ns, ", ");
    printf("\"events\": %llu, \"bbo_changes\": %llu, \"errors\": %llu, \"peak_orders\": %u, \"live_orders\": %u, \"crossed\": %llu, "
           "\"unknown_ref\": %llu, \"refused\": %llu, \"valid\": %s}\n",
           (unsigned long long)outcome.events, (unsigned long long)outcome.changes, (unsigned long long)outcome.errors, stats.peak_orders,
           stats.live_orders, (unsigned long long)stats.crossed, (unsigned long long)stats.unknown_ref,
           (unsigned long long)(stats.bad_shares + stats.bad_side + stats.bad_price + stats.duplicate_ref + stats.wrong_locate + stats.table_full),
           valid ? "false" : "true");
    return 0;
}
