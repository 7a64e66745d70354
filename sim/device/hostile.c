/* Damaged frames through software and card: does each judge every frame alike, and are both in step at the next good one.
 *
 * Usage: hostile FILE OPTION=VALUE ...   (hostile.py is the front; it documents the options)
 * A step is one damaged frame and then the good one it was made of, on a line each; every step has its own random numbers.
 * The software's verdict is its own (hostile_judge.h): what it refuses the card must refuse, for the same reason, what it takes the
 * card must take, and the messages are those that its window gives out. A cut-through card may give out messages of frames that
 * turn out bad: FRAME_BAD says how many, and those very messages must be the ones that left; the host then starts again
 * at the next good frame, as it must. Both start again now and then at a small sequence, or beside a power of two.
 * Stops at the first difference, with the step's frames. Progress to stderr, one JSON object to stdout. Exit 0 alike, 1
 * different, 2 could not run. */
#include "hostile.h"
#include "hostile_judge.h"
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
    GAP_WAIT = 600, FLUSH = 256, LONG_IDLE = 1000, LONGEST = FP_MOLD_MAX_PACKET, COLLECT = 16384, ROOM = FP_CARD_MAX_FRAME,
    ENDED = 2, /* a SESSION record's shares, and the window's session_state */
    WINDOW = 16, MOST_PAIRS = 64,
    MOVE = 8,    /* steps, in the mean, after which both start again at another sequence */
    RENEW = 2000 /* steps after which both books begin again */
};
enum plant { PLANT_NONE, PLANT_REFUSED, PLANT_TAKEN, PLANT_REASON };
static const uint32_t GROUP[2] = {0xE9360C01, 0xE9360C02};
static const uint16_t PORT[2] = {26400, 26401};
static const char SESSION[11] = "HOSTILE001";

static struct {
    uint64_t frames, first, seed;
    uint32_t safe, symbols, kinds, lengths; /* kinds: a set of enum fp_damage */
    enum plant plant; /* a fault of the judge, which must be found */
} options = {100000, 0, 1, 0, FP_CARD_SYMBOLS, (1u << FP_DAMAGE_KINDS) - 1, 1, PLANT_NONE};

static struct fp_lockstep both;
static struct fp_source source;
static struct fp_event collected[COLLECT];
static int collected_count;

static struct fp_judge judge = {.config = {.first_sequence = 1, .gap_wait_ns = 1, .window_packets = WINDOW}};
static uint64_t now_ns = 1; /* the window's clock: frames that it has seen */
static uint64_t lost_sequence, lost_count; /* the hole that the window gave up last */
static uint32_t ends_owed; /* ends of the session that the window told, and the card did not yet */
static int gap_told[2]; /* by line: the card told GAP since the last good frame */
static uint64_t expected = 1, step_number, number;
static uint8_t damaged[ROOM], good[ROOM];
static size_t damaged_length, good_length;
static const char *failure;
static struct {
    uint64_t by_kind[FP_DAMAGE_KINDS], accepted[FP_DAMAGE_KINDS], told[FP_DAMAGE_KINDS], left[FP_DAMAGE_KINDS];
    uint64_t good, resyncs, holes, left_out, messages, renewed, ends, after_end, gaps, same_reason;
    uint64_t rules[FP_RULES], pairs[MOST_PAIRS];
    uint64_t refused[32]; /* frames that both refuse or are silent about, by the software's code */
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

/* ---- what the card must have taken ---- */

static void give(const uint8_t *message, int length, uint64_t sequence) {
    seen.messages++;
    if (fp_lockstep_apply(&both, message, length, number++, sequence))
        failure = both.compare.reason;
}

/* Everything that the window has to say now. */
static void drain(void) {
    struct fp_mold_message message;
    struct fp_mold_notice notice;
    struct fp_mold_rx_stats stats;
    for (int what; (what = fp_mold_rx_next(judge.rx, &message, &notice));)
        if (what == 1)
            give(message.data, message.length, message.sequence);
        else if (notice.kind == FP_MOLD_GAP_LOST) {
            lost_sequence = notice.sequence;
            lost_count = notice.count;
        } else if (notice.kind == FP_MOLD_SESSION_END)
            ends_owed++;
    fp_mold_rx_stats(judge.rx, &stats);
    expected = stats.next_sequence;
}

/* There is a hole in front of what the window holds, or was told of. */
static int waiting(void) {
    struct fp_mold_rx_stats stats;
    fp_mold_rx_stats(judge.rx, &stats);
    return stats.gap_open;
}

/* A message of the book whose length is wrong for its type, in a frame without a tag. */
static int cut_short(const uint8_t *frame, size_t length) {
    size_t at = FP_NET_ETH_LEN + FP_NET_IP_LEN + FP_NET_UDP_LEN + FP_MOLD_HEADER_LEN;
    uint32_t count = length > at ? fp_load_be16(frame + at - 2) : 0;
    for (uint32_t i = 0; i < count && at + 3 <= length; i++) {
        size_t size = fp_load_be16(frame + at);
        uint8_t type = frame[at + 2];
        if (strchr("AFECXDU", type) && type && fp_itch_length((char)type) != (int)size)
            return 1;
        at += 2 + size;
    }
    return 0;
}

/* The messages of a refused frame that had left when it turned out bad: the next ones in sequence, `left` of them. Returns how
 * many there are, which the window does not know of. */
static uint64_t give_left(const struct fp_verdict *verdict, uint64_t left) {
    uint64_t given = 0, sequence = verdict->header.sequence;
    size_t at = 0;
    for (uint32_t i = 0; i < verdict->header.count && given < left && at + 2 <= verdict->length; i++, sequence++) {
        size_t length = fp_load_be16(verdict->blocks + at);
        if (length < FP_SHORTEST || at + 2 + length > verdict->length || sequence > expected)
            break;
        if (sequence == expected) {
            give(verdict->blocks + at + 2, (int)length, expected++);
            given++;
        }
        at += 2 + length;
    }
    return given;
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

/* The card gave a hole up: the window must, too, and the same one; what waited behind it comes now. */
static void give_up(const struct fp_event *event) {
    uint8_t request[FP_MOLD_HEADER_LEN];
    lost_count = 0;
    fp_mold_rx_timer(judge.rx, UINT64_MAX, request);
    drain();
    if (event->ref != lost_sequence || event->shares != (lost_count >> 32 ? UINT32_MAX : lost_count) || !lost_count)
        failure = "a hole was given up that is none";
    seen.holes++;
}

/* Compares what was collected. */
static void compare_collected(void) {
    for (int i = 0; i < collected_count && !failure; i++) {
        const struct fp_event *event = &collected[i];
        if (fp_compare_record(&both.compare, event))
            failure = both.compare.reason;
        if (both.compare.all_stale) {
            fp_book_set_stale(both.book, 0, 1);
            both.compare.all_stale = 0;
        }
        if (event->kind == FP_EV_GAP_LOST && !failure)
            give_up(event);
        if (event->kind == FP_EV_SESSION && event->shares == ENDED) {
            if (!ends_owed)
                failure = "the card ended a session that goes on";
            ends_owed = 0;
            seen.ends++;
        }
    }
    if (failure)
        return; /* what is collected is shown */
    collected_count = 0;
    if (fp_compare_settled(&both.compare))
        failure = both.compare.reason;
    else if (ends_owed)
        failure = "the card did not tell the session's end";
}

static int over(void) {
    struct fp_mold_rx_stats stats;
    fp_mold_rx_stats(judge.rx, &stats);
    return stats.session_state == ENDED;
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
    fp_judge_restart(&judge, sequence);
    gap_told[0] = gap_told[1] = 0;
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
        if (length < FP_SHORTEST || length > LONGEST)
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

/* The judge's planted fault: it must be found out at the first frame where it makes a difference. */
static void plant(struct fp_verdict *verdict) {
    if (options.plant == PLANT_REFUSED && !verdict->error)
        verdict->error = verdict->code = FP_E_BAD_FIELD, verdict->told = 1;
    else if (options.plant == PLANT_TAKEN && verdict->told)
        verdict->error = verdict->told = 0;
    else if (options.plant == PLANT_REASON && verdict->told)
        verdict->code = verdict->code == FP_E_DUPLICATE ? FP_E_CLOSED : FP_E_DUPLICATE;
}

/* What the card said of a frame against what it must. Returns how many of a refused frame's messages had left. */
static uint64_t check_word(const struct fp_verdict *verdict, int line, enum fp_damage kind) {
    const struct fp_event *bad = NULL;
    uint64_t told = 0, gaps = 0;
    for (int i = 0; i < collected_count; i++) {
        gaps += collected[i].kind == FP_EV_GAP;
        if (collected[i].kind == FP_EV_FRAME_BAD) {
            bad = &collected[i];
            told++;
        }
    }
    if (told && !verdict->told)
        different(verdict->error ? "the card speaks of a frame that is not for it" : "the card refused a frame that the software takes", kind);
    if (verdict->told && !told)
        different(verdict->error ? "the card took a frame that the software refuses" : "the card took a frame that it must refuse by its own rule", kind);
    if (told > 1)
        different("a frame was told bad twice", kind);
    if (gaps != (uint64_t)(verdict->far && !gap_told[line]))
        different(gaps ? "the card told GAP of a packet that is not far ahead" : "the card did not tell GAP of a packet far ahead", kind);
    gap_told[line] |= gaps != 0;
    seen.gaps += gaps;
    seen.rules[verdict->rule]++;
    if (!bad) {
        if (!verdict->error)
            gap_told[line] = 0;
        else
            seen.refused[-verdict->error & 31]++;
        return 0;
    }
    seen.told[kind]++;
    seen.refused[-verdict->error & 31]++;
    int pair = fp_judge_reason(verdict, -(int)bad->price_e4);
    if (pair < 0) {
        fprintf(stderr, "the software's reason is %d, the card's %d; true of the frame: %#x\n", verdict->code, -(int)bad->price_e4, verdict->faults);
        different("the card refused a frame for another reason", kind);
    }
    if (pair)
        seen.pairs[pair]++;
    else
        seen.same_reason++;
    if (bad->ref && bad->ref != verdict->header.sequence)
        different("the card tells another sequence of a bad frame than it has", kind);
    if (bad->shares && options.safe)
        different("messages of a refused frame left the card", kind);
    return bad->shares;
}

/* One frame before both. */
static struct fp_verdict present(int line, const uint8_t *frame, size_t length, int bad_fcs, uint64_t idle, enum fp_damage kind) {
    struct fp_verdict verdict;
    fp_judge_frame(&judge, frame, length, line, bad_fcs, now_ns++, &verdict);
    if (options.plant)
        plant(&verdict);
    collect(fp_card_push(both.card, line | (bad_fcs ? FP_CARD_BAD_FCS : 0), frame, length, both.events, FP_LOCKSTEP_EVENTS));
    collect(fp_card_idle(both.card, idle, both.events, FP_LOCKSTEP_EVENTS));
    uint64_t left = check_word(&verdict, line, kind);
    if (left) {
        seen.left[kind]++;
        if (give_left(&verdict, left) != left)
            different("the card says that more messages left than the frame has", kind);
    } else
        drain();
    compare_collected();
    uint32_t low, high;
    if (fp_card_read(both.card, FP_REG_EXPECTED_SEQ_LO, &low) || fp_card_read(both.card, FP_REG_EXPECTED_SEQ_HI, &high))
        stop("no register", 0);
    if (!failure && ((uint64_t)high << 32 | low) != expected)
        failure = "the next sequence differs";
    if (failure)
        different(failure, kind);
    return verdict;
}

static enum fp_damage some_damage(uint64_t *state) {
    for (;;) {
        uint32_t kind = fp_damage_below(state, FP_DAMAGE_KINDS);
        if (options.kinds >> kind & 1)
            return (enum fp_damage)kind;
    }
}

/* Where both may start again: most often where a stream begins, else beside a power of two. */
static uint64_t some_start(uint64_t *state) {
    switch (fp_damage_below(state, 4)) {
    case 0: return 1;
    case 1: return ((uint64_t)1 << (16 + fp_damage_below(state, 48))) - fp_damage_below(state, 24);
    default: return 1 + fp_damage_below(state, 40);
    }
}

static void make_good(int line, uint8_t *packet, size_t length) {
    fp_store_be64(packet + 10, expected);
    good_length = frame_of(line, packet, length, good);
}

static void step(void) {
    static uint8_t packet[FP_MOLD_MAX_PACKET];
    uint64_t state = options.seed * 0x2545f4914f6cdd1du + step_number;
    uint16_t count;
    int bad_fcs, line = (int)fp_damage_below(&state, 2), good_line = (int)fp_damage_below(&state, 2);
    enum fp_damage kind = some_damage(&state);
    if (!fp_damage_below(&state, MOVE))
        restart(some_start(&state));
    uint64_t start = expected;
    size_t length = next_packet(&state, packet, &count);
    make_good(line, packet, length);
    memcpy(damaged, good, good_length);
    damaged_length = fp_damage(kind, &state, damaged, good_length, &bad_fcs);
    make_good(good_line, packet, length);
    if (!options.lengths && cut_short(damaged, damaged_length)) { /* left out: the good frame instead */
        seen.left_out++;
        kind = FP_DAMAGE_HARMLESS;
        memcpy(damaged, good, good_length);
        damaged_length = good_length;
        line = good_line;
        bad_fcs = 0;
    }
    seen.by_kind[kind]++;
    struct fp_verdict verdict = present(line, damaged, damaged_length, bad_fcs, fp_damage_below(&state, 32) ? FLUSH : LONG_IDLE, kind);
    seen.accepted[kind] += !verdict.error && !verdict.told;

    /* What it brought, or will not bring, is not what comes next. */
    int again = expected != start && verdict.told; /* messages left that the window does not know of */
    if (waiting() && !again && fp_damage_below(&state, 2)) { /* let the hole be given up first */
        collect(fp_card_idle(both.card, LONG_IDLE, both.events, FP_LOCKSTEP_EVENTS));
        compare_collected();
        if (!failure && waiting())
            failure = "a hole was not given up in time";
        if (failure)
            different(failure, kind);
    }
    if (over()) { /* the next good frame comes too late, and both must say so */
        memcpy(damaged, good, good_length);
        damaged_length = fp_damage(fp_damage_below(&state, 2) ? FP_DAMAGE_SEQUENCE : FP_DAMAGE_TWO, &state, damaged, good_length, &bad_fcs);
        present(good_line, damaged, damaged_length, bad_fcs, FLUSH, kind);
        make_good(good_line, packet, length);
        if (present(good_line, good, good_length, 0, FLUSH, kind).error != FP_E_BAD_STATE)
            stop("the session is over, and a frame was taken", 0);
        seen.after_end++;
        again = 1;
    }
    if (again || waiting() || (expected != start && fp_damage_below(&state, 2)))
        restart(start + count);
    make_good(good_line, packet, length);
    verdict = present(good_line, good, good_length, 0, FLUSH, kind);
    if (verdict.error && !options.plant)
        stop("the good frame is none", verdict.error);
    seen.good++;
    if (step_number % 64 == 0 && fp_lockstep_check(&both))
        different(both.compare.reason, kind);
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
    else if (IS("plant")) {
        static const char *const names[] = {"none", "refused", "taken", "reason"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (!strcmp(value, names[i])) {
                options.plant = (enum plant)i;
                return 1;
            }
        return 0;
    } else if (IS("count"))
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
    memcpy(judge.config.session, SESSION, sizeof judge.config.session);
    memcpy(judge.group, GROUP, sizeof GROUP);
    memcpy(judge.port, PORT, sizeof PORT);
    if ((error = fp_judge_open(&judge)))
        stop("no window", error);
    if ((error = fp_lockstep_open(&both, &book_config, &config)))
        stop("no book or no card", error);
    both.compare.ignored_flags = FP_EF_LINE_B;
}

static void result(double cpu) {
    printf("{\"alike\": true, \"store_forward\": %u, \"frames\": %" PRIu64 ", \"seed\": %" PRIu64 ", \"good_frames\": %" PRIu64 ", \"messages\": %" PRIu64
           ", \"compared\": %" PRIu64 ", \"partly\": %" PRIu64 ", \"excused_symbols\": %u, \"holes_given_up\": %" PRIu64 ", \"resyncs\": %" PRIu64 ", \"left_out\": %" PRIu64
           ", \"session_ends\": %" PRIu64 ", \"refused_after_end\": %" PRIu64 ", \"gaps_told\": %" PRIu64 ", \"cycles\": %" PRIu64 ", \"cpu_s\": %.1f, \"damage\": {",
           options.safe, options.frames, options.seed, seen.good, seen.messages, both.compare.compared, both.compare.partly, fp_lockstep_excused(&both),
           seen.holes, seen.resyncs, seen.left_out, seen.ends, seen.after_end, seen.gaps, fp_card_cycles(both.card), cpu);
    const char *comma = "";
    for (int kind = 0; kind < FP_DAMAGE_KINDS; kind++, comma = ", ")
        printf("%s\"%s\": {\"frames\": %" PRIu64 ", \"taken\": %" PRIu64 ", \"told_bad\": %" PRIu64 ", \"messages_had_left\": %" PRIu64 "}", comma,
               fp_damage_name((enum fp_damage)kind), seen.by_kind[kind], seen.accepted[kind], seen.told[kind], seen.left[kind]);
    printf("}, \"refused\": {");
    comma = "";
    for (int code = 1; code < 32; code++)
        if (seen.refused[code]) {
            printf("%s\"%d\": %" PRIu64, comma, code, seen.refused[code]);
            comma = ", ";
        }
    printf("}, \"rules\": [");
    comma = "";
    for (int rule = 1; rule < FP_RULES; rule++, comma = ", ")
        printf("%s{\"name\": \"%s\", \"frames\": %" PRIu64 ", \"why\": \"%s\"}", comma, fp_rule_name((enum fp_rule)rule), seen.rules[rule],
               fp_rule_why((enum fp_rule)rule));
    printf("], \"same_reason\": %" PRIu64 ", \"reason_pairs\": [", seen.same_reason);
    comma = "";
    const char *why;
    for (int pair = 1, software, card; (why = fp_pair(pair, &software, &card)); pair++, comma = ", ")
        printf("%s{\"software\": %d, \"card\": %d, \"frames\": %" PRIu64 ", \"why\": \"%s\"}", comma, -software, -card, seen.pairs[pair], why);
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
