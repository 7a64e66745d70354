/* Damaged frames through software and card: does each judge every frame alike, and are both in step at the next good one.
 *
 * Usage: hostile FILE OPTION=VALUE ...   (hostile.py is the front; it documents the options)
 * A step is one damaged frame and then the good one it was made of, on a line each; every step has its own random numbers, so
 * one alone can be run again. The software's verdict is its own: fp_net_parse, fp_mold_parse, and the rules of session and
 * sequence. A store-and-forward card must give out exactly the messages that the software takes. A cut-through card may give
 * out more, from frames that turn out bad: FRAME_BAD says how many, and those very messages must be the ones that left; the
 * host then starts again at the next good frame, as it must. Stops at the first difference, with the step's frames.
 * Progress to stderr, one JSON object to stdout. Exit 0 alike, 1 different, 2 could not run. */
#include "hostile.h"
#include "lockstep.h"
#include "source.h"
#include "wire/itch.h"
#include "wire/mold.h"
#include "wire/net.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    GAP_WAIT = 600, FLUSH = 128, LONG_IDLE = 1000, SHORTEST = 12, LONGEST = FP_MOLD_MAX_PACKET, COLLECT = 16384, HELD = 512, ROOM = FP_CARD_MAX_FRAME, FAR = 1 << 20,
    RENEW = 2000 /* steps after which both books begin again */
};
static const uint32_t GROUP[2] = {0xE9360C01, 0xE9360C02};
static const uint16_t PORT[2] = {26400, 26401};
static const char SESSION[11] = "HOSTILE001";

static struct {
    uint64_t frames, first, seed;
    uint32_t safe, symbols, kinds, lengths; /* kinds: a set of enum fp_damage */
} options = {100000, 0, 1, 0, FP_CARD_SYMBOLS, (1u << FP_DAMAGE_KINDS) - 1, 1};

static struct fp_lockstep both;
static struct fp_source source;
static struct fp_event collected[COLLECT];
static int collected_count;

/* A message, or what a heartbeat announces (length 0), that waits for a hole. */
static struct {
    uint64_t sequence;
    int length;
    uint8_t bytes[LONGEST];
} held[HELD];
static int held_count;
static uint64_t expected = 1, step_number, number;
static uint8_t damaged[ROOM], good[ROOM];
static size_t damaged_length, good_length;
static const char *failure;
static struct {
    uint64_t by_kind[FP_DAMAGE_KINDS], accepted[FP_DAMAGE_KINDS], told[FP_DAMAGE_KINDS], left[FP_DAMAGE_KINDS];
    uint64_t good, resyncs, holes, left_out, messages, renewed, reasons[32][32]; /* software's code, card's */
} seen;

static void stop(const char *what, int error) {
    fprintf(stderr, "hostile: %s (%d)\n", what, error);
    exit(2);
}

static void show_hex(const char *name, const uint8_t *bytes, size_t length) {
    fprintf(stderr, "%s (%zu bytes): ", name, length);
    for (size_t i = 0; i < length; i++)
        fprintf(stderr, "%02x", bytes[i]);
    fputc('\n', stderr);
}

static void different(const char *reason, enum fp_damage kind) {
    fprintf(stderr, "step %" PRIu64 " (%s), expected sequence %" PRIu64 ": %s\n", step_number, fp_damage_name(kind), expected, reason);
    show_hex("damaged frame", damaged, damaged_length);
    show_hex("good frame", good, good_length);
    if (both.compare.reason)
        fp_compare_report(&both.compare, stderr);
    for (int i = 0; i < collected_count; i++)
        fprintf(stderr, "record %d of this step: kind %u, ref %" PRIu64 ", price %u, shares %u, flags %u, aux %u\n", i, collected[i].kind, collected[i].ref,
                collected[i].price_e4, collected[i].shares, collected[i].flags, collected[i].aux);
    printf("{\"alike\": false, \"step\": %" PRIu64 ", \"damage\": \"%s\", \"reason\": \"%s\"}\n", step_number, fp_damage_name(kind), reason);
    exit(1);
}

/* ---- the software's verdict ---- */

struct verdict {
    int error;              /* 0: taken */
    int ours;               /* it was for our address, as far as the frame can be read */
    struct fp_mold_header header;
    const uint8_t *blocks;  /* as far as they can be read, also of a bad packet */
    size_t length;          /* from blocks on */
};

static int judge_packet(const uint8_t *packet, size_t length, struct fp_mold_header *header) {
    int error = fp_mold_parse(packet, length, header);
    if (error)
        return error;
    int quiet = header->count == 0 || header->count == FP_MOLD_END_OF_SESSION;
    uint64_t end = header->sequence + (quiet ? 0 : header->count);
    size_t at = FP_MOLD_HEADER_LEN;
    const uint8_t *message;
    for (int size; !quiet && (size = fp_mold_next(packet, length, &at, &message)) > 0;)
        if (size < SHORTEST) /* the card's one rule beyond the software's: two of them could end in one beat */
            return FP_E_BAD_LENGTH;
    if (memcmp(header->session, SESSION, sizeof header->session))
        return FP_E_WRONG_SESSION;
    if (end < header->sequence || (header->sequence > expected && header->sequence - expected >= FAR))
        return FP_E_BAD_FIELD;
    return 0;
}

/* Where the card would read: behind the headers at their fixed places, whatever they say of themselves. */
static void judge(const uint8_t *frame, size_t length, int line, int bad_fcs, struct verdict *out) {
    struct fp_net_frame net;
    memset(out, 0, sizeof *out);
    size_t tag = length >= 18 && frame[12] == 0x81 && frame[13] == 0 ? FP_NET_VLAN_LEN : 0;
    size_t udp = FP_NET_ETH_LEN + tag + FP_NET_IP_LEN, packet = udp + FP_NET_UDP_LEN;
    if (length >= udp)
        out->ours = frame[12 + tag] == 8 && !frame[13 + tag] && fp_load_be32(frame + udp - 4) == GROUP[line];
    if (length > packet + FP_MOLD_HEADER_LEN) {
        memcpy(out->header.session, frame + packet, 10);
        out->header.sequence = fp_load_be64(frame + packet + 10);
        out->header.count = fp_load_be16(frame + packet + 18);
        out->blocks = frame + packet + FP_MOLD_HEADER_LEN;
        out->length = length - packet - FP_MOLD_HEADER_LEN;
    }
    int error = fp_net_parse(frame, length, &net);
    if (!error && (net.protocol != FP_NET_UDP || net.target_ip != GROUP[line] || net.target_port != PORT[line])) {
        out->error = FP_E_NOT_OURS;
        out->ours = 0;
        return;
    }
    if (!error)
        error = judge_packet(net.payload, net.payload_length, &out->header);
    if (!error && bad_fcs)
        error = FP_E_CORRUPT;
    out->error = error;
}

/* ---- what the card must have taken ---- */

static void give(const uint8_t *message, int length, uint64_t sequence) {
    seen.messages++;
    if (fp_lockstep_apply(&both, message, length, number++, sequence))
        failure = both.compare.reason;
}

static void hold(uint64_t sequence, const uint8_t *message, int length) {
    for (int i = 0; i < held_count; i++)
        if (held[i].sequence == sequence && (held[i].length || !length))
            return;
    if (held_count == HELD)
        stop("more is held than a step can bring", 0);
    held[held_count].sequence = sequence;
    held[held_count].length = length;
    memcpy(held[held_count++].bytes, message, (size_t)length);
}

static void release(void) {
    for (int again = 1; again;) {
        again = 0;
        for (int i = 0; i < held_count; i++) {
            if (held[i].sequence > expected)
                continue;
            if (held[i].sequence == expected && held[i].length) {
                give(held[i].bytes, held[i].length, expected++);
                again = 1;
            }
            if (held[i].sequence < expected || !held[i].length) {
                held[i--] = held[--held_count];
                again = 1;
            }
        }
    }
}

/* A message of the book whose length is wrong for its type. */
static int cut_short(const struct verdict *verdict) {
    size_t at = 0;
    for (uint32_t i = 0; i < verdict->header.count && at + 3 <= verdict->length; i++) {
        size_t length = fp_load_be16(verdict->blocks + at);
        uint8_t type = verdict->blocks[at + 2];
        if (strchr("AFECXDU", type) && type && fp_itch_length((char)type) != (int)length)
            return 1;
        at += 2 + length;
    }
    return 0;
}

/* The first `most` new messages of a packet; of a bad one only what is next, the rest of it is forgotten. */
static uint64_t accept(const struct verdict *verdict, uint64_t most) {
    uint64_t taken = 0, sequence = verdict->header.sequence;
    if (verdict->header.count == FP_MOLD_END_OF_SESSION)
        return 0;
    if (!verdict->header.count && sequence > expected && !verdict->error)
        hold(sequence, NULL, 0);
    size_t at = 0;
    for (uint32_t i = 0; i < verdict->header.count && taken < most; i++, sequence++) {
        if (at + 2 > verdict->length)
            break;
        size_t length = fp_load_be16(verdict->blocks + at);
        if (length < SHORTEST || at + 2 + length > verdict->length)
            break;
        const uint8_t *message = verdict->blocks + at + 2;
        at += 2 + length;
        if (sequence < expected)
            continue;
        if (sequence > expected && verdict->error)
            break;
        taken++;
        if (sequence == expected)
            give(message, (int)length, expected++);
        else
            hold(sequence, message, (int)length);
    }
    release();
    return taken;
}

/* ---- the card ---- */

static void collect(int count) {
    for (;;) {
        if (count < 0)
            stop("the card refused", count);
        if (collected_count + count > COLLECT)
            stop("too many records in a step", collected_count);
        memcpy(collected + collected_count, both.events, (size_t)count * sizeof *collected);
        collected_count += count;
        if (count < FP_LOCKSTEP_EVENTS)
            return;
        count = fp_card_idle(both.card, 0, both.events, FP_LOCKSTEP_EVENTS);
    }
}

/* Compares what was collected. A hole that the card gives up must be the one that the software has, and lets go what waits. */
static void compare_collected(void) {
    for (int i = 0; i < collected_count && !failure; i++) {
        const struct fp_event *event = &collected[i];
        if (event->kind == FP_EV_GAP_LOST) {
            uint64_t next = UINT64_MAX;
            for (int j = 0; j < held_count; j++)
                next = held[j].sequence < next ? held[j].sequence : next;
            if (event->ref != expected || event->ref + event->shares != next) {
                failure = "a hole was given up that is none";
                return;
            }
            seen.holes++;
            expected = next;
        }
        if (fp_compare_record(&both.compare, event))
            failure = both.compare.reason;
        if (both.compare.all_stale) {
            fp_book_set_stale(both.book, 0, 1);
            both.compare.all_stale = 0;
        }
        if (event->kind == FP_EV_GAP_LOST)
            release();
    }
    if (failure)
        return; /* what is collected is shown */
    collected_count = 0;
    if (fp_compare_settled(&both.compare))
        failure = both.compare.reason;
}

static void restart(uint64_t sequence) {
    int error = fp_card_resync(both.card, sequence);
    if (!error)
        error = fp_card_clear_stale(both.card);
    if (error)
        stop("no resync", error);
    collect(fp_card_idle(both.card, FLUSH, both.events, FP_LOCKSTEP_EVENTS));
    compare_collected();
    fp_book_set_stale(both.book, 0, 0);
    held_count = 0;
    expected = sequence;
    seen.resyncs++;
}

static struct fp_book_config book_config = {.midnight_ns = 1577682000000000000u, .max_orders = 1u << 17, .max_levels = 1u << 17, .venue = 3};

/* Both books begin again, empty: damaged messages leave orders that nobody takes out. */
static void renew(void) {
    int error = fp_lockstep_renew(&both, &book_config);
    if (error)
        stop("no reset", error);
    seen.renewed++;
}

/* ---- frames ---- */

static size_t frame_of(int line, const uint8_t *packet, size_t length, uint8_t *out) {
    struct fp_net_frame frame = {.payload = packet, .payload_length = length, .source_ip = 0x0A000001, .target_ip = GROUP[line],
                                 .source_port = 30000, .target_port = PORT[line], .vlan = 0xFFFF, .ttl = 16, .source_mac = {2, 0, 0, 0, 0, 1}};
    fp_net_multicast_mac(GROUP[line], frame.target_mac);
    int size = fp_net_put_udp(&frame, out, ROOM);
    if (size < 0)
        stop("no frame", size);
    return (size_t)size;
}

static size_t next_packet(uint64_t *state, uint8_t *packet, uint16_t *count) {
    struct fp_mold_header header = {.sequence = 0};
    uint32_t wanted = 1 + fp_damage_below(state, fp_damage_below(state, 20) ? 4 : 30);
    size_t used = FP_MOLD_HEADER_LEN;
    memcpy(header.session, SESSION, sizeof header.session);
    while (header.count < wanted) {
        const uint8_t *message;
        int length = fp_source_next(&source, &message);
        if (length == 0) { /* around: its references are used again, as unknown or double ones */
            source.offset = 0;
            continue;
        }
        if (length < SHORTEST || length > LONGEST)
            continue;
        int put = fp_mold_put_block(message, (size_t)length, packet + used, FP_MOLD_MAX_PACKET - used);
        if (put < 0)
            break;
        used += (size_t)put;
        header.count++;
    }
    fp_mold_put_header(&header, packet, used);
    *count = header.count;
    return used;
}

static uint64_t frame_bad(uint64_t *reason, uint64_t *count) {
    uint64_t left = 0;
    *count = 0;
    for (int i = 0; i < collected_count; i++)
        if (collected[i].kind == FP_EV_FRAME_BAD) {
            *reason = collected[i].price_e4;
            left += collected[i].shares;
            ++*count;
        }
    return left;
}

static enum fp_damage some_damage(uint64_t *state) {
    for (;;) {
        uint32_t kind = fp_damage_below(state, FP_DAMAGE_KINDS);
        if (options.kinds >> kind & 1)
            return (enum fp_damage)kind;
    }
}

static void step(void) {
    static uint8_t packet[FP_MOLD_MAX_PACKET];
    uint64_t state = options.seed * 0x2545f4914f6cdd1du + step_number;
    uint16_t count;
    int bad_fcs, line = (int)fp_damage_below(&state, 2), good_line = (int)fp_damage_below(&state, 2);
    enum fp_damage kind = some_damage(&state);
    uint64_t start = expected, reason = 0, told = 0, first;
    size_t length = next_packet(&state, packet, &count);
    for (int i = 0; i < 8; i++)
        packet[10 + i] = (uint8_t)(start >> (56 - 8 * i));
    damaged_length = frame_of(line, packet, length, damaged);
    damaged_length = fp_damage(kind, &state, damaged, damaged_length, &bad_fcs);
    good_length = frame_of(good_line, packet, length, good);
    struct verdict verdict;
    judge(damaged, damaged_length, line, bad_fcs, &verdict);
    if (!options.lengths && cut_short(&verdict)) { /* left out: the good frame instead */
        seen.left_out++;
        kind = FP_DAMAGE_HARMLESS;
        memcpy(damaged, good, good_length);
        damaged_length = good_length;
        line = good_line;
        bad_fcs = 0;
        judge(damaged, damaged_length, line, 0, &verdict);
    }
    seen.by_kind[kind]++;

    uint64_t idle = fp_damage_below(&state, 32) == 0 ? LONG_IDLE : FLUSH;
    collect(fp_card_push(both.card, line | (bad_fcs ? FP_CARD_BAD_FCS : 0), damaged, damaged_length, both.events, FP_LOCKSTEP_EVENTS));
    collect(fp_card_idle(both.card, idle, both.events, FP_LOCKSTEP_EVENTS));
    uint64_t left = frame_bad(&reason, &told);
    int again = 0;
    if (!verdict.error) {
        seen.accepted[kind]++;
        if (told)
            different("the card refused a frame that the software takes", kind);
        again = verdict.header.count == FP_MOLD_END_OF_SESSION;
        accept(&verdict, UINT64_MAX);
    } else {
        seen.told[kind] += told != 0;
        seen.reasons[-verdict.error & 31][told ? reason & 31 : 0]++;
        if (told > 1)
            different("a frame was told bad twice", kind);
        if (left && options.safe)
            different("messages of a refused frame left the card", kind);
        if (left) {
            seen.left[kind]++;
            again = 1;
            if (accept(&verdict, left) != left)
                different("the card says that more messages left than the frame has", kind);
        }
    }
    compare_collected();
    if (failure)
        different(failure, kind);
    first = expected;
    if (again || expected != start || held_count) { /* what it brought, or will not bring, is not what comes next */
        if (held_count && fp_damage_below(&state, 2)) { /* let the hole be given up first */
            collect(fp_card_idle(both.card, LONG_IDLE, both.events, FP_LOCKSTEP_EVENTS));
            compare_collected();
            if (!failure && held_count && !again)
                failure = "a hole was not given up in time";
        }
        if (failure)
            different(failure, kind);
        first = again || fp_damage_below(&state, 2) || held_count ? start + count : expected;
        if (again || first != expected || held_count)
            restart(first);
    }
    /* The good frame, where the stream now stands. */
    for (int i = 0; i < 8; i++)
        packet[10 + i] = (uint8_t)(expected >> (56 - 8 * i));
    good_length = frame_of(good_line, packet, length, good);
    judge(good, good_length, good_line, 0, &verdict);
    collect(fp_card_push(both.card, good_line, good, good_length, both.events, FP_LOCKSTEP_EVENTS));
    collect(fp_card_idle(both.card, FLUSH, both.events, FP_LOCKSTEP_EVENTS));
    if (verdict.error)
        stop("the good frame is none", verdict.error);
    if (frame_bad(&reason, &told), told)
        different("the good frame was refused", kind);
    accept(&verdict, UINT64_MAX);
    compare_collected();
    if (failure)
        different(failure, kind);
    seen.good++;
    if (step_number % 64 == 0) {
        uint32_t low;
        int error = fp_card_read(both.card, FP_REG_EXPECTED_SEQ_LO, &low);
        if (error)
            stop("no register", error);
        if (low != (uint32_t)expected)
            different("the next sequence differs", kind);
        if (fp_lockstep_check(&both))
            different(both.compare.reason, kind);
    }
    if ((step_number + 1) % RENEW == 0)
        renew();
}

static int option(const char *argument) {
    const char *value = strchr(argument, '=');
    if (!value++)
        return 0;
    uint64_t n = strtoull(value, NULL, 10);
#define IS(name) !strncmp(argument, name "=", sizeof name)
    if (IS("frames"))
        options.frames = n;
    else if (IS("first"))
        options.first = n;
    else if (IS("seed"))
        options.seed = n;
    else if (IS("safe"))
        options.safe = n != 0;
    else if (IS("lengths"))
        options.lengths = n != 0;
    else if (IS("count"))
        options.symbols = n && n < FP_CARD_SYMBOLS ? (uint32_t)n : FP_CARD_SYMBOLS;
    else if (IS("damage")) {
        options.kinds = 0;
        for (uint32_t kind = 0; kind < FP_DAMAGE_KINDS; kind++) {
            const char *name = fp_damage_name((enum fp_damage)kind), *at = value;
            for (size_t length = strlen(name); at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
                if (!strncmp(at, name, length) && (!at[length] || at[length] == ','))
                    options.kinds |= 1u << kind;
        }
        return options.kinds != 0;
    } else
        return 0;
    return 1;
}

static void prepare(const char *path) {
    int fd = open(path, O_RDONLY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) || !st.st_size)
        stop("no such file, or an empty one", 0);
    const uint8_t *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        stop("cannot map the file", 0);
    close(fd);
    int error = fp_source_open(&source, bytes, (size_t)st.st_size);
    if (error || source.form != FP_SOURCE_BINARY)
        stop("not a BinaryFILE of ITCH messages", error);
    for (uint32_t i = 0; i < options.symbols; i++) {
        both.tracked[i + 1] = 1;
        both.index_of[i + 1] = (uint16_t)i;
        both.locate_of[i] = (uint16_t)(i + 1);
    }
    both.symbols = options.symbols;
    struct fp_card_config config = {.first_sequence = 1, .gap_wait_cycles = GAP_WAIT, .midnight_ns = book_config.midnight_ns, .venue = 3, .frame_gap_cycles = 3};
    for (int line = 0; line < 2; line++) {
        config.address[line] = GROUP[line];
        config.port[line] = PORT[line];
    }
    memcpy(config.session, SESSION, sizeof config.session);
    if ((error = fp_lockstep_open(&both, &book_config, &config)))
        stop("no book or no card", error);
    both.compare.ignored_flags = FP_EF_LINE_B;
}

static void result(double cpu) {
    printf("{\"alike\": true, \"store_forward\": %u, \"frames\": %" PRIu64 ", \"seed\": %" PRIu64 ", \"good_frames\": %" PRIu64 ", \"messages\": %" PRIu64
           ", \"compared\": %" PRIu64 ", \"partly\": %" PRIu64 ", \"excused_symbols\": %u, \"holes_given_up\": %" PRIu64 ", \"resyncs\": %" PRIu64 ", \"left_out\": %" PRIu64
           ", \"cycles\": %" PRIu64 ", \"cpu_s\": %.1f, \"damage\": {",
           options.safe, options.frames, options.seed, seen.good, seen.messages, both.compare.compared, both.compare.partly, fp_lockstep_excused(&both),
           seen.holes, seen.resyncs, seen.left_out, fp_card_cycles(both.card), cpu);
    const char *comma = "";
    for (int kind = 0; kind < FP_DAMAGE_KINDS; kind++, comma = ", ")
        printf("%s\"%s\": {\"frames\": %" PRIu64 ", \"taken\": %" PRIu64 ", \"told_bad\": %" PRIu64 ", \"messages_had_left\": %" PRIu64 "}", comma,
               fp_damage_name((enum fp_damage)kind), seen.by_kind[kind], seen.accepted[kind], seen.told[kind], seen.left[kind]);
    printf("}, \"reasons\": [");
    comma = "";
    for (int software = 0; software < 32; software++)
        for (int card = 0; card < 32; card++)
            if (seen.reasons[software][card]) {
                printf("%s{\"software\": %d, \"card\": %d, \"frames\": %" PRIu64 "}", comma, software, card, seen.reasons[software][card]);
                comma = ", ";
            }
    printf("]}\n");
}

int main(int argc, char **argv) {
    if (argc < 2)
        stop("no file", 0);
    for (int i = 2; i < argc; i++)
        if (!option(argv[i]))
            stop(argv[i], 0);
    prepare(argv[1]);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    time_t told = now.tv_sec;
    for (step_number = options.first; step_number < options.first + options.frames; step_number++) {
        step();
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - told >= 5) {
            told = now.tv_sec;
            fprintf(stderr, "%10" PRIu64 " damaged frames, %" PRIu64 " records equal\n", step_number - options.first + 1, both.compare.compared);
        }
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    result((double)now.tv_sec + (double)now.tv_nsec * 1e-9);
    fp_lockstep_close(&both);
    return 0;
}
