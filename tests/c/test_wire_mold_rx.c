// Arbitration of lines A and B as event lists: packets and times in, messages, notices and requests out.
// sources: fastpath/core/wire/mold.c fastpath/core/wire/mold_rx.c
#include "check.h"
#include "wire/mold_rx.h"
#include <stdarg.h>
#include <stdlib.h>

enum { A, B, R };
#define MS 1000000ull
static const char session_1[10] = {'S', 'E', 'S', 'S', 'I', 'O', 'N', ' ', '0', '1'};
static const char session_2[10] = {'S', 'E', 'S', 'S', 'I', 'O', 'N', ' ', '0', '2'};

/* Everything that came out, as text: "1 2 3" messages, "[open 4+2]" notices. Message n holds the text of n. */
static char out[1 << 16];
static size_t out_length;
static struct fp_mold_rx *rx;

static void note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (out_length)
        out[out_length++] = ' ';
    out_length += (size_t)vsnprintf(out + out_length, sizeof out - out_length, format, arguments);
    va_end(arguments);
}

static void took(const char *want) {
    check_count++;
    if (strcmp(out, want) != 0) {
        check_failures++;
        printf("%s:\n  got  %s\n  want %s\n", check_current, out, want);
    }
    out_length = 0;
    out[0] = 0;
}

static void forget(void) {
    out_length = 0;
    out[0] = 0;
}

static struct fp_mold_rx_config config(void) {
    struct fp_mold_rx_config c = {.first_sequence = 1, .gap_wait_ns = 2 * MS, .retry_ns = 250 * MS, .attempts = 3, .window_packets = 8};
    memcpy(c.session, session_1, 10);
    return c;
}

static void open_rx(const struct fp_mold_rx_config *c) {
    size_t size = fp_mold_rx_size(c);
    free(rx);
    rx = aligned_alloc(64, (size + 63) & ~(size_t)63);
    CHECK(size > 0 && rx);
    CHECK_EQ(fp_mold_rx_init(rx, c), 0);
    forget();
}

static void drain(void) {
    struct fp_mold_message m;
    struct fp_mold_notice n;
    static const char *names[] = {"", "open", "filled", "lost", "start", "end"};
    int rc;
    while ((rc = fp_mold_rx_next(rx, &m, &n)) != 0) {
        if (rc == 2) {
            if (n.kind == FP_MOLD_SESSION_START || n.kind == FP_MOLD_SESSION_END)
                note("[%s %llu]", names[n.kind], (unsigned long long)n.sequence);
            else
                note("[%s %llu+%llu]", names[n.kind], (unsigned long long)n.sequence, (unsigned long long)n.count);
            continue;
        }
        char text[24];
        int length = snprintf(text, sizeof text, "%llu", (unsigned long long)m.sequence);
        CHECK_EQ(m.length, length);
        CHECK_MEM(m.data, text, (size_t)length);
        note("%s%s", text, m.line == R ? "r" : "");
    }
}

static size_t build(uint8_t *packet, const char session[10], uint64_t sequence, uint16_t count) {
    struct fp_mold_header h = {.sequence = sequence, .count = count};
    memcpy(h.session, session, 10);
    size_t length = (size_t)fp_mold_put_header(&h, packet, FP_MOLD_MAX_PACKET);
    for (uint16_t i = 0; count != FP_MOLD_END_OF_SESSION && i < count; i++) {
        char text[24];
        int n = snprintf(text, sizeof text, "%llu", (unsigned long long)(sequence + i));
        length += (size_t)fp_mold_put_block((const uint8_t *)text, (size_t)n, packet + length, FP_MOLD_MAX_PACKET - length);
    }
    return length;
}

static int push_in(uint8_t line, const char session[10], uint64_t sequence, uint16_t count, uint64_t now) {
    uint8_t packet[FP_MOLD_MAX_PACKET];
    size_t length = build(packet, session, sequence, count);
    uint8_t *exact = malloc(length); /* so that reading past the packet is seen by the sanitizer */
    memcpy(exact, packet, length);
    int rc = fp_mold_rx_push(rx, line, exact, length, now);
    drain();
    free(exact);
    return rc;
}

static int push(uint8_t line, uint64_t sequence, uint16_t count, uint64_t now) { return push_in(line, session_1, sequence, count, now); }

/* The request the timer wants sent now, as "[ask 4+2]". */
static void timer(uint64_t now) {
    uint8_t request[FP_MOLD_HEADER_LEN];
    struct fp_mold_header h;
    int rc = fp_mold_rx_timer(rx, now, request);
    if (rc) {
        CHECK_EQ(rc, FP_MOLD_HEADER_LEN);
        CHECK(fp_mold_parse(request, sizeof request, &h) != FP_E_BAD_FIELD);
        CHECK_MEM(h.session, session_1, 10);
        note("[ask %llu+%u]", (unsigned long long)h.sequence, h.count);
    }
    drain();
}

static struct fp_mold_rx_stats stats(void) {
    struct fp_mold_rx_stats s;
    fp_mold_rx_stats(rx, &s);
    return s;
}

static void test_config(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    struct fp_mold_rx_config bad[5] = {c, c, c, c, c};
    bad[0].first_sequence = 0;
    bad[1].window_packets = 0;
    bad[2].window_packets = 12;
    bad[3].window_packets = 1 << 17;
    bad[4].retry_ns = 0;
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(fp_mold_rx_size(&bad[i]), 0);
        CHECK_EQ(fp_mold_rx_init(rx, &bad[i]), FP_E_BAD_CONFIG);
    }
}

static void test_two_lines_in_order(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 1, 2, 10);
    push(B, 1, 2, 11);
    push(B, 3, 1, 12);
    push(A, 3, 1, 13);
    push(A, 4, 0, 14);
    took("[start 1] 1 2 3");
    struct fp_mold_rx_stats s = stats();
    CHECK_EQ(s.messages, 3);
    CHECK_EQ(s.duplicates, 3);
    CHECK_EQ(s.heartbeats, 1);
    CHECK_EQ(s.packets[A], 3);
    CHECK_EQ(s.packets[B], 2);
    CHECK_EQ(s.bytes[A], 3 * 20 + 2 * 3 + 3);
    CHECK_EQ(s.bytes[B], 2 * 20 + 2 * 3 + 3);
    CHECK_EQ(s.line_last_rx_ns[A], 14);
    CHECK_EQ(s.line_last_rx_ns[B], 12);
    CHECK_EQ(s.next_sequence, 4);
    CHECK_EQ(s.session_state, 1);
    CHECK_EQ(s.gaps_opened, 0);
}

static void test_straddling_packet_gives_only_its_new_messages(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 1, 3, 1);
    push(B, 2, 4, 2);
    took("[start 1] 1 2 3 4 5");
    CHECK_EQ(stats().duplicates, 2);
}

static void test_hole_filled_by_the_other_line(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 1, 1, 1);
    push(A, 4, 2, 2);
    took("[start 1] 1 [open 2+2]");
    CHECK_EQ(stats().gap_open, 1);
    push(B, 1, 3, 3);
    took("2 3 [filled 2+2] 4 5");
    timer(100 * MS);
    took("");
    CHECK_EQ(stats().gap_open, 0);
    CHECK_EQ(stats().gaps_filled, 1);
    CHECK_EQ(stats().requests, 0);
}

static void test_filled_stands_inside_a_packet_that_covers_more_than_the_hole(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 3, 2, 1);
    push(B, 1, 7, 2);
    took("[start 1] [open 1+2] 1 2 [filled 1+2] 3 4 5 6 7");
    CHECK_EQ(stats().duplicates, 2);
    CHECK_EQ(stats().messages, 7);
}

static void test_reorder_and_two_holes(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 9, 1, 1);
    push(A, 5, 1, 2);
    push(A, 5, 2, 3); /* the same begin, more messages: takes the place of the shorter one */
    push(A, 6, 1, 4); /* covered by what is held */
    push(A, 3, 1, 5);
    took("[start 1] [open 1+8]");
    push(B, 1, 2, 6);
    took("1 2 [filled 1+2] 3 [open 4+1]");
    push(B, 4, 1, 7);
    took("4 [filled 4+1] 5 6 [open 7+2]");
    push(B, 7, 2, 8);
    took("7 8 [filled 7+2] 9");
    CHECK_EQ(stats().duplicates, 2);
    CHECK_EQ(stats().messages, 9);
}

static void test_hole_asked_for_after_the_wait(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 1, 1, 10 * MS);
    push(A, 4, 1, 10 * MS);
    timer(11 * MS);
    took("[start 1] 1 [open 2+2]");
    timer(12 * MS);
    timer(13 * MS);
    took("[ask 2+2]");
    timer(12 * MS + 249 * MS);
    took("");
    timer(12 * MS + 250 * MS);
    took("[ask 2+2]");
    push(R, 2, 1, 300 * MS); /* fewer than asked: the rest is asked for at once */
    timer(300 * MS);
    took("2r [ask 3+1]");
    push(R, 2, 1, 301 * MS); /* the late answer to the retry brings nothing, and asks nothing */
    timer(301 * MS);
    took("");
    push(R, 3, 1, 302 * MS);
    took("3r [filled 2+2] 4");
    CHECK_EQ(stats().recovered, 2);
    CHECK_EQ(stats().requests, 3);
    CHECK_EQ(stats().duplicates, 1);
}

static void test_receive_clock_ahead_of_the_timer_clock(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 2, 1, 37000 * MS);
    timer(10 * MS);
    timer(11 * MS);
    took("[start 1] [open 1+1]");
    timer(12 * MS);
    took("[ask 1+1]");
}

static void test_late_joiner(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    uint64_t now = 0, live = 50000;
    push(A, live++, 1, now);
    took("[start 1] [open 1+49999]");
    timer(now += 2 * MS);
    took("[ask 1+128]");
    uint64_t next = 1, rounds = 0;
    while (next < live && rounds < 20000) { /* the server answers at most 40; the live feed goes on all the while */
        push(R, next, (uint16_t)(live - next < 40 ? live - next : 40), now);
        next = stats().next_sequence;
        if (rounds < 3000)
            push(A, live++, 1, now);
        forget();
        timer(now += MS);
        rounds++;
    }
    CHECK_EQ(next, live);
    struct fp_mold_rx_stats s = stats();
    CHECK_EQ(s.messages, live - 1);
    CHECK_EQ(s.gap_open, 0);
    CHECK(s.far_ahead > 0);
    CHECK_EQ(s.gaps_lost, 0);
    forget();
    push(A, live, 1, now);
    took("53001");
}

static void test_requests_follow_the_answers_size(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 1000000, 0, 0);
    timer(2 * MS);
    took("[start 1] [open 1+999999] [ask 1+128]");
    push(R, 1, 200, 3 * MS);
    forget();
    timer(3 * MS);
    took("[ask 201+400]");
    push(R, 201, 10, 4 * MS);
    forget();
    timer(4 * MS);
    took("[ask 211+128]");
}

static void test_heartbeat_reveals_a_hole(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 1, 1, 0);
    push(A, 4, 0, 1);
    took("[start 1] 1 [open 2+2]");
    push(B, 2, 1, 2);
    took("2");
    timer(3 * MS);
    took("[ask 3+1]");
    push(B, 3, 2, 4 * MS); /* the hole ends inside the packet */
    took("3 [filled 2+2] 4");
}

static void test_lost_then_goes_on_with_the_window(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 1, 1, 0);
    push(A, 4, 2, 0);
    push(A, 7, 1, 0);
    took("[start 1] 1 [open 2+2]");
    timer(2 * MS);
    timer(252 * MS);
    timer(502 * MS);
    took("[ask 2+2] [ask 2+2] [ask 2+2]");
    timer(751 * MS);
    took("");
    timer(752 * MS);
    took("[lost 2+2] 4 5 [open 6+1]");
    push(B, 2, 2, 753 * MS); /* too late: given up is given up */
    timer(753 * MS); /* the second hole is as old as the packet that showed it */
    took("[ask 6+1]");
    push(R, 6, 1, 754 * MS);
    took("6r [filled 6+1] 7");
    struct fp_mold_rx_stats s = stats();
    CHECK_EQ(s.gaps_lost, 1);
    CHECK_EQ(s.messages_lost, 2);
    CHECK_EQ(s.gaps_filled, 1);
    CHECK_EQ(s.messages, 5);
}

static void test_partly_filled_hole_loses_only_the_rest(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 6, 1, 0);
    push(B, 1, 2, 0);
    took("[start 1] [open 1+5] 1 2");
    uint64_t now = 0;
    for (int i = 0; i < 8; i++) /* line B moved on while we asked: the hole gets a second round */
        timer(now += 250 * MS);
    took("[ask 3+3] [ask 3+3] [ask 3+3] [lost 3+3] 6");
}

static void test_no_rerequest_server(void) {
    struct fp_mold_rx_config c = config();
    c.attempts = 0;
    c.retry_ns = 0;
    open_rx(&c);
    push(A, 3, 1, 0);
    timer(1 * MS);
    took("[start 1] [open 1+2]");
    timer(2 * MS);
    took("[lost 1+2] 3");
    CHECK_EQ(stats().requests, 0);
}

static void test_end_of_session(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 1, 2, 0);
    push(A, 3, FP_MOLD_END_OF_SESSION, 1);
    push(B, 3, FP_MOLD_END_OF_SESSION, 1);
    took("[start 1] 1 2 [end 3]");
    CHECK_EQ(stats().session_state, 2);
    CHECK_EQ(stats().end_of_session, 2);
    CHECK_EQ(push(A, 3, 1, 2), FP_E_BAD_STATE);
    CHECK_EQ(push(A, 1, 2, 2), 0);
    CHECK_EQ(push(A, 2, FP_MOLD_END_OF_SESSION, 2), FP_E_BAD_FIELD);
    took("");
    CHECK_EQ(stats().bad_count, 2);
}

static void test_end_of_session_with_a_hole(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 1, 1, 0);
    push(A, 4, FP_MOLD_END_OF_SESSION, 0);
    took("[start 1] 1 [open 2+2]");
    timer(2 * MS);
    push(A, 4, FP_MOLD_END_OF_SESSION, 100 * MS);
    timer(252 * MS);
    took("[ask 2+2] [ask 2+2]");
    push(R, 2, 2, 253 * MS);
    took("2r 3r [filled 2+2] [end 4]");
}

static void test_end_of_session_with_a_lost_hole(void) {
    struct fp_mold_rx_config c = config();
    c.attempts = 1;
    open_rx(&c);
    push(A, 4, FP_MOLD_END_OF_SESSION, 0);
    push(B, 1, 1, 0);
    timer(2 * MS);
    push(B, 1, 1, 100 * MS); /* old news on a line does not take back the session's end */
    timer(252 * MS);
    took("[start 1] [open 1+3] 1 [ask 2+2] [lost 2+2] [end 4]");
}

static void test_sessions(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    CHECK_EQ(push_in(A, session_2, 1, 1, 0), FP_E_WRONG_SESSION);
    CHECK_EQ(push_in(A, session_2, 90, FP_MOLD_END_OF_SESSION, 0), FP_E_WRONG_SESSION);
    took("");
    CHECK_EQ(stats().session_state, 0);
    CHECK_EQ(stats().line_last_rx_ns[A], 0);
    push(A, 1, 1, 1);
    CHECK_EQ(push_in(B, session_2, 2, 1, 2), FP_E_WRONG_SESSION);
    took("[start 1] 1");
    CHECK_EQ(stats().bad_session, 3);

    memset(c.session, 0, 10);
    open_rx(&c);
    CHECK_EQ(push_in(R, session_2, 1, 1, 0), FP_E_WRONG_SESSION); /* an answer to nothing */
    CHECK_EQ(push(B, 1, 0, 0), 0);
    CHECK_EQ(push_in(A, session_2, 1, 1, 0), FP_E_WRONG_SESSION);
    CHECK_EQ(push(A, 1, 1, 0), 0);
    took("[start 1] 1");
    CHECK_MEM(stats().session, session_1, 10);
}

static void test_bad_packets_are_counted(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    uint8_t packet[FP_MOLD_MAX_PACKET + 1] = {0};
    size_t length = build(packet, session_1, 1, 3);
    for (size_t cut = 0; cut < length; cut++)
        CHECK_EQ(fp_mold_rx_push(rx, A, packet, cut, 0), FP_E_TRUNCATED);
    CHECK_EQ(stats().bad_truncated, (long long)length);
    CHECK_EQ(fp_mold_rx_push(rx, A, packet, length + 1, 0), FP_E_BAD_LENGTH);
    CHECK_EQ(fp_mold_rx_push(rx, A, packet, sizeof packet, 0), FP_E_OVERSIZED);
    CHECK_EQ(stats().bad_oversized, 1);
    fp_store_be16(packet + 18, 4); /* one message more than there are */
    CHECK_EQ(fp_mold_rx_push(rx, A, packet, length, 0), FP_E_TRUNCATED);
    fp_store_be16(packet + 18, 2);
    CHECK_EQ(fp_mold_rx_push(rx, A, packet, length, 0), FP_E_BAD_LENGTH);
    fp_store_be16(packet + 18, 0);
    CHECK_EQ(fp_mold_rx_push(rx, A, packet, length, 0), FP_E_BAD_LENGTH);
    fp_store_be16(packet + 18, FP_MOLD_END_OF_SESSION);
    CHECK_EQ(fp_mold_rx_push(rx, A, packet, length, 0), FP_E_BAD_LENGTH);
    length = build(packet, session_1, 1, 3);
    fp_store_be16(packet + 20, 0); /* an empty message */
    CHECK_EQ(fp_mold_rx_push(rx, A, packet, length, 0), FP_E_BAD_LENGTH);
    CHECK_EQ(stats().bad_length, 5);
    CHECK_EQ(push(A, 0, 0, 0), FP_E_BAD_FIELD);
    CHECK_EQ(push(A, UINT64_MAX, 3, 0), FP_E_BAD_FIELD); /* wraps around */
    CHECK_EQ(push(A, UINT64_MAX - 1, 1, 0), FP_E_BAD_FIELD); /* the jump */
    CHECK_EQ(push(A, UINT64_MAX, 0, 0), FP_E_BAD_FIELD);
    CHECK_EQ(push(A, UINT64_MAX, FP_MOLD_END_OF_SESSION, 0), FP_E_BAD_FIELD);
    CHECK_EQ(push(A, 2 + FP_MOLD_MAX_JUMP, 0, 0), FP_E_BAD_FIELD);
    CHECK_EQ(stats().bad_count, 6);
    CHECK_EQ(fp_mold_rx_push(rx, 3, packet, length, 0), FP_E_BAD_FIELD);
    took("");
    CHECK_EQ(stats().session_state, 0); /* none of them taught us anything */
    push(A, 1, 1, 0);
    took("[start 1] 1");
}

static void test_window_full(void) {
    struct fp_mold_rx_config c = config();
    c.window_packets = 2;
    open_rx(&c);
    push(A, 4, 1, 0);
    push(A, 6, 1, 0);
    CHECK_EQ(push(A, 8, 1, 0), 0); /* dropped, not refused: the line is sound */
    CHECK_EQ(stats().far_ahead, 1);
    CHECK_EQ(push(A, 2, 1, 0), 0); /* nearer to the hole: 6 makes room */
    CHECK_EQ(stats().far_ahead, 2);
    took("[start 1] [open 1+3]");
    push(B, 1, 1, 0);
    took("1 [filled 1+1] 2 [open 3+1]");
    push(B, 3, 1, 0);
    took("3 [filled 3+1] 4 [open 5+4]");
    timer(2 * MS);
    took("[ask 5+4]");
    push(R, 5, 4, 3 * MS);
    took("5r 6r 7r 8r [filled 5+4]");
}

static void test_bogus_word_is_taken_back(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    push(A, 1, 1, 0);
    push(A, 1000000, 1, 0); /* nobody ever sent this */
    took("[start 1] 1 [open 2+999998]");
    uint64_t now = 0;
    for (int i = 0; i < 3; i++) {
        timer(now += 250 * MS);
        push(A, 2 + (uint64_t)i, 1, now);
    }
    took("[ask 2+128] 2 [ask 3+128] 3 [ask 4+128] 4");
    timer(now += 250 * MS);
    took("[filled 2+3]");
    push(B, 5, 1, now);
    took("5");
    CHECK_EQ(stats().gaps_lost, 0);
    push(A, 900000, 0, now); /* the same by a heartbeat, on a quiet line */
    took("[open 6+899994]");
    for (int i = 0; i < 3; i++) {
        timer(now += 250 * MS);
        push(B, 6, 0, now);
    }
    timer(now += 250 * MS);
    took("[ask 6+128] [ask 6+128] [ask 6+128] [filled 6+0]");
    push(B, 6, 1, now);
    took("6");
}

static void test_slow_line_fills_an_announced_hole_without_a_server(void) {
    struct fp_mold_rx_config c = config();
    c.attempts = 1;
    open_rx(&c);
    uint64_t now = 0;
    push(A, 11, 0, now);
    took("[start 1] [open 1+10]");
    for (uint64_t i = 1; i <= 10; i++) { /* B lags, A keeps saying that 11 is next: no message may be given up */
        timer(now += 300 * MS);
        push(A, 11, 0, now);
        push(B, i, 1, now);
    }
    forget();
    timer(now += 300 * MS);
    took("");
    CHECK_EQ(stats().messages, 10);
    CHECK_EQ(stats().gaps_lost, 0);
    CHECK_EQ(stats().gap_open, 0);
}

static void test_slower_line_is_waited_for_while_it_moves(void) {
    struct fp_mold_rx_config c = config();
    c.attempts = 0;
    c.retry_ns = 0;
    open_rx(&c);
    for (uint64_t i = 1; i <= 5; i++)
        push(A, i, 1, 0);
    push(A, 8, 1, 0);
    forget();
    uint64_t now = 0;
    for (uint64_t i = 1; i <= 8; i++) { /* B repeats what A brought first, then brings what A lost */
        push(B, i, 1, now);
        timer(now += 3 * MS);
    }
    took("6 7 [filled 6+2] 8");
    push(A, 10, 1, now);
    push(B, 5, 0, now); /* B stands still, behind: it gets one more round */
    timer(now += 3 * MS);
    push(B, 5, 0, now);
    timer(now += 3 * MS);
    took("[open 9+1] [lost 9+1] 10");
}

static void test_undrained_push_is_refused(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    uint8_t packet[FP_MOLD_MAX_PACKET], other[FP_MOLD_MAX_PACKET], request[20];
    struct fp_mold_message m;
    struct fp_mold_notice n;
    size_t length = build(packet, session_1, 1, 2), other_length = build(other, session_1, 3, 1);
    CHECK_EQ(fp_mold_rx_push(rx, A, packet, length, 0), 0);
    CHECK_EQ(fp_mold_rx_next(rx, &m, &n), 2);
    CHECK_EQ(fp_mold_rx_next(rx, &m, &n), 1);
    CHECK_EQ(fp_mold_rx_push(rx, A, other, other_length, 0), FP_E_BAD_STATE);
    CHECK_EQ(fp_mold_rx_timer(rx, 1000 * MS, request), 0);
    drain();
    CHECK_EQ(fp_mold_rx_push(rx, A, other, other_length, 0), 0);
    drain();
    took("2 3");
}

static void test_in_order_packets_are_not_copied(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    uint8_t packet[FP_MOLD_MAX_PACKET];
    struct fp_mold_message m;
    struct fp_mold_notice n;
    size_t length = build(packet, session_1, 1, 2);
    CHECK_EQ(fp_mold_rx_push(rx, A, packet, length, 7), 0);
    CHECK_EQ(fp_mold_rx_next(rx, &m, &n), 2);
    CHECK_EQ(fp_mold_rx_next(rx, &m, &n), 1);
    CHECK(m.data == packet + FP_MOLD_HEADER_LEN + 2);
    CHECK_EQ(m.rx_ns, 7);
    drain();
}

static void test_held_packets_survive_their_buffers(void) {
    struct fp_mold_rx_config c = config();
    open_rx(&c);
    uint8_t packet[FP_MOLD_MAX_PACKET];
    for (uint64_t s = 9; s > 1; s--) { /* eight slots, filled from the far end; the buffer is reused each time */
        size_t length = build(packet, session_1, s, 1);
        CHECK_EQ(fp_mold_rx_push(rx, A, packet, length, s), 0);
        drain();
    }
    memset(packet, 0xEE, sizeof packet);
    push(B, 1, 1, 20);
    took("[start 1] [open 1+8] 1 [filled 1+1] 2 3 4 5 6 7 8 9");
}

int main(void) {
    RUN(test_config);
    RUN(test_two_lines_in_order);
    RUN(test_straddling_packet_gives_only_its_new_messages);
    RUN(test_hole_filled_by_the_other_line);
    RUN(test_filled_stands_inside_a_packet_that_covers_more_than_the_hole);
    RUN(test_reorder_and_two_holes);
    RUN(test_hole_asked_for_after_the_wait);
    RUN(test_receive_clock_ahead_of_the_timer_clock);
    RUN(test_late_joiner);
    RUN(test_requests_follow_the_answers_size);
    RUN(test_heartbeat_reveals_a_hole);
    RUN(test_lost_then_goes_on_with_the_window);
    RUN(test_partly_filled_hole_loses_only_the_rest);
    RUN(test_no_rerequest_server);
    RUN(test_end_of_session);
    RUN(test_end_of_session_with_a_hole);
    RUN(test_end_of_session_with_a_lost_hole);
    RUN(test_sessions);
    RUN(test_bad_packets_are_counted);
    RUN(test_window_full);
    RUN(test_bogus_word_is_taken_back);
    RUN(test_slow_line_fills_an_announced_hole_without_a_server);
    RUN(test_slower_line_is_waited_for_while_it_moves);
    RUN(test_undrained_push_is_refused);
    RUN(test_in_order_packets_are_not_copied);
    RUN(test_held_packets_survive_their_buffers);
    free(rx);
    return check_done();
}
