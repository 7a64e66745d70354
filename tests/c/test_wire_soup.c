// SoupBinTCP: framing at every split, both paddings, and both session roles as event lists with injected times.
// sources: fastpath/core/wire/soup.c
#include "check.h"
#include "wire/soup.h"
#include <stdlib.h>

#define S 1000000000ull

static struct fp_soup_login login_for(uint64_t sequence) {
    struct fp_soup_login login = {.sequence = sequence};
    memcpy(login.username, "FAST01", 6);
    memcpy(login.password, "secret    ", 10);
    memset(login.session, ' ', 10);
    return login;
}

static void check_same_login(const struct fp_soup_login *got, const struct fp_soup_login *want) {
    CHECK_MEM(got->username, want->username, 6);
    CHECK_MEM(got->password, want->password, 10);
    CHECK_MEM(got->session, want->session, 10);
    CHECK_EQ(got->sequence, want->sequence);
    CHECK_EQ(got->heartbeat_timeout_ms, want->heartbeat_timeout_ms);
}

static const char login_wire[] = "\0\x2FL" "FAST01" "secret    " "          " "                   7";
static const char accepted_wire[] = "\0\x1F" "A" "     DAY01" "                   7";

/* ---- framing ---- */

static void test_parse_at_every_split(void) {
    static const uint8_t stream[] = "\0\1H\0\4SabcX";
    char type;
    const uint8_t *payload;
    size_t length;
    for (size_t have = 0; have < 3; have++)
        CHECK_EQ(fp_soup_parse(stream, have, &type, &payload, &length), 0);
    CHECK_EQ(fp_soup_parse(stream, 3, &type, &payload, &length), 3);
    CHECK_EQ(type, 'H');
    CHECK_EQ(length, 0);
    for (size_t have = 0; have < 6; have++) {
        uint8_t *exact = malloc(have ? have : 1);
        memcpy(exact, stream + 3, have);
        CHECK_EQ(fp_soup_parse(exact, have, &type, &payload, &length), 0);
        free(exact);
    }
    CHECK_EQ(fp_soup_parse(stream + 3, 7, &type, &payload, &length), 6);
    CHECK_EQ(type, 'S');
    CHECK_EQ(length, 3);
    CHECK_MEM(payload, "abc", 3);
}

static void test_lengths(void) {
    static uint8_t packet[70000], payload[33000];
    char type;
    const uint8_t *got;
    size_t length;
    CHECK_EQ(fp_soup_parse((const uint8_t *)"\0\0", 2, &type, &got, &length), FP_E_BAD_LENGTH); /* never reads a next packet's type */
    CHECK_EQ(fp_soup_parse((const uint8_t *)"\x80\0", 2, &type, &got, &length), FP_E_BAD_LENGTH); /* 32,768: told before the bytes come */
    CHECK_EQ(fp_soup_parse((const uint8_t *)"\x7F\xFF", 2, &type, &got, &length), 0);
    CHECK_EQ(fp_soup_put('S', payload, 32766, packet, sizeof packet), 32769);
    CHECK_EQ(fp_soup_parse(packet, 32768, &type, &got, &length), 0);
    CHECK_EQ(fp_soup_parse(packet, 32769, &type, &got, &length), 32769);
    CHECK_EQ(length, 32766);
    CHECK_EQ(fp_soup_put('S', payload, 32767, packet, sizeof packet), FP_E_OVERSIZED);
    CHECK_EQ(fp_soup_put('S', payload, 10, packet, 12), FP_E_NO_ROOM);
    CHECK_EQ(fp_soup_put('S', NULL, 0, packet, 3), 3);
}

/* ---- logins ---- */

static void test_login_bytes(void) {
    struct fp_soup_login login = login_for(7), got;
    uint8_t out[64];
    CHECK_EQ(fp_soup_put_login(&login, out, sizeof out), FP_SOUP_LOGIN_REQUEST_LEN);
    CHECK_MEM(out, login_wire, FP_SOUP_LOGIN_REQUEST_LEN);
    CHECK_EQ(fp_soup_put_login(&login, out, 48), FP_E_NO_ROOM);
    CHECK_EQ(fp_soup_parse_login(out + 3, 46, &got), 0);
    check_same_login(&got, &login);
    memset(login.session, 0, 10); /* a zeroed session reads as blank */
    CHECK_EQ(fp_soup_put_login(&login, out, sizeof out), FP_SOUP_LOGIN_REQUEST_LEN);
    CHECK_MEM(out, login_wire, FP_SOUP_LOGIN_REQUEST_LEN);
    memcpy(login.session, "DAY01     ", 10);
    login.sequence = UINT64_MAX;
    fp_soup_put_login(&login, out, sizeof out);
    CHECK_MEM(out + 3 + 16, "     DAY01" "18446744073709551615", 30);
    CHECK_EQ(fp_soup_parse_login(out + 3, 46, &got), 0);
    check_same_login(&got, &login);
}

static void test_login_410(void) {
    struct fp_soup_login login = login_for(1), got;
    uint8_t out[64];
    login.heartbeat_timeout_ms = 15000;
    CHECK_EQ(fp_soup_put_login(&login, out, sizeof out), 54);
    CHECK_EQ(fp_load_be16(out), 52);
    CHECK_MEM(out + 49, "15000", 5);
    CHECK_EQ(fp_soup_parse_login(out + 3, 51, &got), 0);
    CHECK_EQ(got.heartbeat_timeout_ms, 15000);
    memcpy(out + 49, "500  ", 5);
    CHECK_EQ(fp_soup_parse_login(out + 3, 51, &got), 0);
    CHECK_EQ(got.heartbeat_timeout_ms, 500);
    memcpy(out + 49, "5s   ", 5);
    CHECK_EQ(fp_soup_parse_login(out + 3, 51, &got), FP_E_BAD_FIELD);
    login.heartbeat_timeout_ms = 100000;
    CHECK_EQ(fp_soup_put_login(&login, out, sizeof out), FP_E_BAD_FIELD);
}

static void test_either_padding(void) {
    static const struct {
        const char *field;
        int rc;
        uint64_t sequence;
    } cases[] = {
        {"                   7", 0, 7}, {"7                   ", 0, 7}, {"         7          ", 0, 7}, {"00000000000000000007", 0, 7},
        {"                   0", 0, 0}, {"18446744073709551615", 0, UINT64_MAX}, {"18446744073709551616", FP_E_BAD_FIELD, 0},
        {"99999999999999999999", FP_E_BAD_FIELD, 0}, {"                    ", FP_E_BAD_FIELD, 0}, {"                  -1", FP_E_BAD_FIELD, 0},
        {"1 2                 ", FP_E_BAD_FIELD, 0}, {"0x10                ", FP_E_BAD_FIELD, 0}, {"7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", FP_E_BAD_FIELD, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int left = 0; left < 2; left++) {
            uint8_t login[46], accepted[30];
            struct fp_soup_login got;
            char session[10];
            uint64_t sequence = 99;
            memset(login, ' ', sizeof login);
            memcpy(login + 16, left ? "DAY01     " : "     DAY01", 10);
            memcpy(login + 26, cases[i].field, 20);
            memcpy(accepted, login + 16, 30);
            CHECK_EQ(fp_soup_parse_login(login, 46, &got), cases[i].rc);
            CHECK_EQ(fp_soup_parse_login_accepted(accepted, 30, session, &sequence), cases[i].rc);
            CHECK_MEM(got.session, "DAY01     ", 10);
            CHECK_MEM(session, "DAY01     ", 10);
            if (!cases[i].rc) {
                CHECK_EQ(got.sequence, cases[i].sequence);
                CHECK_EQ(sequence, cases[i].sequence);
            }
        }
}

static void test_login_lengths(void) {
    uint8_t payload[64];
    struct fp_soup_login got;
    char session[10];
    uint64_t sequence;
    memset(payload, '1', sizeof payload);
    for (size_t n = 0; n < sizeof payload; n++) {
        CHECK_EQ(fp_soup_parse_login(payload, n, &got), n == 46 || n == 51 ? 0 : FP_E_BAD_LENGTH);
        CHECK_EQ(fp_soup_parse_login_accepted(payload, n, session, &sequence), n == 30 ? 0 : FP_E_BAD_LENGTH);
    }
    CHECK_EQ(sequence, 11111111111111111111ull);
}

/* ---- client ---- */

static struct fp_soup_client live_client(uint64_t now) {
    struct fp_soup_client c = {.login = login_for(7)};
    struct fp_soup_event e;
    uint8_t out[64];
    CHECK_EQ(fp_soup_client_connected(&c, now, out, sizeof out), 49);
    CHECK_EQ(fp_soup_client_receive(&c, now, (const uint8_t *)accepted_wire, 33, &e), 33);
    CHECK_EQ(e.kind, FP_SOUP_EV_LOGIN_ACCEPTED);
    CHECK_EQ(e.sequence, 7);
    CHECK_EQ(c.state, FP_SOUP_LIVE);
    return c;
}

static void test_client_session(void) {
    struct fp_soup_client c = live_client(100);
    struct fp_soup_event e;
    uint8_t out[64];
    CHECK_MEM(c.session, "DAY01     ", 10);
    static const uint8_t stream[] = "\0\3Sab\0\1H\0\2Sc\0\3Uxx\0\6+hello\0\1S\0\2?z\0\1Z";
    size_t at = 0, total = sizeof stream - 1;
    static const struct {
        int kind;
        uint64_t sequence;
        const char *payload;
    } want[] = {{FP_SOUP_EV_MESSAGE, 7, "ab"}, {FP_SOUP_EV_NONE, 0, ""}, {FP_SOUP_EV_MESSAGE, 8, "c"}, {FP_SOUP_EV_UNSEQUENCED, 0, "xx"}, {FP_SOUP_EV_DEBUG, 0, "hello"},
                {FP_SOUP_EV_MESSAGE, 9, ""}, {FP_SOUP_EV_NONE, 0, "z"}, {FP_SOUP_EV_END_OF_SESSION, 0, ""}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        int n = fp_soup_client_receive(&c, 200 + i, stream + at, total - at, &e);
        CHECK(n > 0);
        at += (size_t)n;
        CHECK_EQ(e.kind, want[i].kind);
        CHECK_EQ(e.sequence, want[i].sequence);
        CHECK_EQ(e.length, strlen(want[i].payload));
        CHECK_MEM(e.payload, want[i].payload, e.length);
    }
    CHECK_EQ(at, total);
    CHECK_EQ(c.next_sequence, 10);
    CHECK_EQ(c.sequenced_in, 3);
    CHECK_EQ(c.unsequenced_in, 1);
    CHECK_EQ(c.heartbeats_in, 1);
    CHECK_EQ(c.debug_in, 1);
    CHECK_EQ(c.unknown_type, 1);
    CHECK_EQ(c.packets_in, 9);
    CHECK_EQ(c.state, FP_SOUP_ENDED);
    CHECK_EQ(fp_soup_client_receive(&c, 300, stream, total, &e), FP_E_BAD_STATE);
    CHECK_EQ(fp_soup_client_send(&c, 300, stream, 1, out, sizeof out), FP_E_BAD_STATE);
    fp_soup_client_disconnected(&c);
    CHECK_EQ(c.state, FP_SOUP_ENDED); /* there is no way back into an ended session */
    CHECK_EQ(fp_soup_client_connected(&c, 400, out, sizeof out), FP_E_BAD_STATE);
}

/* The same stream, in two pieces cut at every byte, gives the same messages. */
static void test_client_split_at_every_byte(void) {
    uint8_t stream[128];
    size_t total = 33;
    memcpy(stream, accepted_wire, 33);
    memcpy(stream + total, "\0\4Sabc\0\1H\0\2Sd\0\1Z", 16);
    total += 16;
    for (size_t cut = 0; cut <= total; cut++) {
        struct fp_soup_client c = {.login = login_for(7)};
        uint8_t out[64], buffer[128];
        fp_soup_client_connected(&c, 0, out, sizeof out);
        size_t have = 0, given = 0;
        char seen[64] = "";
        for (int piece = 0; piece < 2; piece++) {
            size_t upto = piece ? total : cut;
            memcpy(buffer + have, stream + given, upto - given);
            have += upto - given;
            given = upto;
            struct fp_soup_event e;
            int n;
            while (have && (n = fp_soup_client_receive(&c, 0, buffer, have, &e)) > 0) {
                if (e.kind == FP_SOUP_EV_MESSAGE)
                    sprintf(seen + strlen(seen), "%llu=%.*s;", (unsigned long long)e.sequence, (int)e.length, (const char *)e.payload);
                memmove(buffer, buffer + n, have - (size_t)n);
                have -= (size_t)n;
            }
        }
        CHECK_EQ(have, 0);
        CHECK(strcmp(seen, "7=abc;8=d;") == 0);
        CHECK_EQ(c.state, FP_SOUP_ENDED);
    }
}

static void test_client_rejected(void) {
    struct fp_soup_client c = {.login = login_for(1)};
    struct fp_soup_event e;
    uint8_t out[64];
    CHECK_EQ(fp_soup_client_connected(&c, 0, out, 10), FP_E_NO_ROOM);
    CHECK_EQ(c.state, FP_SOUP_DOWN);
    CHECK_EQ(fp_soup_client_connected(&c, 0, out, sizeof out), 49);
    CHECK_EQ(fp_soup_client_connected(&c, 0, out, sizeof out), FP_E_BAD_STATE);
    CHECK_EQ(fp_soup_client_receive(&c, 0, (const uint8_t *)"\0\2JS", 4, &e), 4);
    CHECK_EQ(e.kind, FP_SOUP_EV_LOGIN_REJECTED);
    CHECK_EQ(c.state, FP_SOUP_FAILED);
    CHECK_EQ(c.reject_reason, 'S');
    fp_soup_client_disconnected(&c);
    CHECK_EQ(c.state, FP_SOUP_DOWN);
    CHECK_EQ(c.reject_reason, 'S');
    CHECK_EQ(fp_soup_client_connected(&c, 0, out, sizeof out), 49);
    CHECK_EQ(c.reject_reason, 0);
}

static int receive_after_login(const char *session, uint64_t sequence, const char *bytes, size_t length, struct fp_soup_client *c) {
    struct fp_soup_event e;
    uint8_t out[64];
    *c = (struct fp_soup_client){.login = login_for(sequence)};
    memcpy(c->login.session, session, 10);
    fp_soup_client_connected(c, 0, out, sizeof out);
    return fp_soup_client_receive(c, 0, (const uint8_t *)bytes, length, &e);
}

static void test_client_refuses(void) {
    struct fp_soup_client c;
    struct fp_soup_event e;
    const char *blank = "          ";
    CHECK_EQ(receive_after_login("     DAY01", 7, accepted_wire, 33, &c), 33);
    CHECK_EQ(receive_after_login("DAY01     ", 7, accepted_wire, 33, &c), 33);
    CHECK_EQ(receive_after_login(blank, 0, accepted_wire, 33, &c), 33);
    CHECK_EQ(c.next_sequence, 7);
    CHECK_EQ(receive_after_login("DAY02     ", 7, accepted_wire, 33, &c), FP_E_WRONG_SESSION);
    CHECK_EQ(receive_after_login(blank, 6, accepted_wire, 33, &c), FP_E_BAD_FIELD); /* message 6 would be skipped */
    CHECK_EQ(receive_after_login(blank, 8, accepted_wire, 33, &c), FP_E_BAD_FIELD); /* message 7 would come again */
    CHECK_EQ(c.state, FP_SOUP_FAILED);
    CHECK_EQ(receive_after_login(blank, 1, "\0\2Sa", 4, &c), FP_E_BAD_STATE); /* data before the login's answer */
    CHECK_EQ(receive_after_login(blank, 1, "\0\2Ua", 4, &c), FP_E_BAD_STATE);
    CHECK_EQ(receive_after_login(blank, 1, "\0\0", 2, &c), FP_E_BAD_LENGTH);
    CHECK_EQ(c.bad_length, 1);
    CHECK_EQ(receive_after_login(blank, 1, "\0\1J", 3, &c), FP_E_BAD_LENGTH);
    CHECK_EQ(receive_after_login(blank, 1, "\0\2Hx", 4, &c), FP_E_BAD_LENGTH);
    CHECK_EQ(receive_after_login(blank, 1, "\0\2Zx", 4, &c), FP_E_BAD_LENGTH);
    CHECK_EQ(receive_after_login(blank, 1, "\0\2Ax", 4, &c), FP_E_BAD_LENGTH);
    CHECK_EQ(c.bad_length, 1);
    c = live_client(0);
    CHECK_EQ(fp_soup_client_receive(&c, 0, (const uint8_t *)accepted_wire, 33, &e), FP_E_BAD_STATE); /* accepted twice */
    c = (struct fp_soup_client){0};
    CHECK_EQ(fp_soup_client_receive(&c, 0, (const uint8_t *)"\0\1H", 3, &e), FP_E_BAD_STATE);
}

static void test_client_times(void) {
    struct fp_soup_client c = live_client(10 * S);
    struct fp_soup_event e;
    uint8_t out[64];
    CHECK_EQ(fp_soup_client_timer(&c, 11 * S - 1, out, sizeof out), 0);
    CHECK_EQ(fp_soup_client_timer(&c, 11 * S, out, sizeof out), 3);
    CHECK_MEM(out, "\0\1R", 3); /* the bytes of the production capture */
    CHECK_EQ(fp_soup_client_timer(&c, 12 * S - 1, out, sizeof out), 0);
    CHECK_EQ(fp_soup_client_send(&c, 12 * S - 1, (const uint8_t *)"ab", 2, out, sizeof out), 5);
    CHECK_MEM(out, "\0\3Uab", 5);
    CHECK_EQ(fp_soup_client_timer(&c, 12 * S, out, sizeof out), 0); /* it counts from the last thing sent */
    CHECK_EQ(fp_soup_client_timer(&c, 13 * S - 1, out, 2), FP_E_NO_ROOM);
    CHECK_EQ(fp_soup_client_timer(&c, 13 * S - 1, out, sizeof out), 3);
    CHECK_EQ(c.heartbeats_out, 2);
    CHECK_EQ(fp_soup_client_timer(&c, 5 * S, out, sizeof out), 0); /* a clock that steps back hurts nobody */
    CHECK_EQ(fp_soup_client_receive(&c, 20 * S, (const uint8_t *)"\0\1H", 3, &e), 3);
    CHECK_EQ(fp_soup_client_receive(&c, 30 * S, (const uint8_t *)"\0", 1, &e), 0); /* half a packet is no sign of life */
    CHECK_EQ(fp_soup_client_timer(&c, 35 * S - 1, out, sizeof out), 3);
    CHECK_EQ(fp_soup_client_timer(&c, 35 * S, out, sizeof out), FP_E_CLOSED);
    CHECK_EQ(c.state, FP_SOUP_FAILED);
    CHECK_EQ(fp_soup_client_timer(&c, 36 * S, out, sizeof out), 0);

    c = (struct fp_soup_client){.login = login_for(1)}; /* the login is never answered */
    fp_soup_client_connected(&c, 0, out, sizeof out);
    CHECK_EQ(fp_soup_client_timer(&c, 14 * S, out, sizeof out), 0);
    CHECK_EQ(fp_soup_client_timer(&c, 15 * S, out, sizeof out), FP_E_CLOSED);
}

static void test_client_logout(void) {
    struct fp_soup_client c = live_client(0);
    struct fp_soup_event e;
    uint8_t out[64];
    CHECK_EQ(fp_soup_client_logout(&c, out, 2), FP_E_NO_ROOM);
    CHECK_EQ(fp_soup_client_logout(&c, out, sizeof out), 3);
    CHECK_MEM(out, "\0\1O", 3);
    CHECK_EQ(fp_soup_client_logout(&c, out, sizeof out), FP_E_BAD_STATE);
    CHECK_EQ(fp_soup_client_send(&c, 0, out, 1, out + 8, 8), FP_E_BAD_STATE);
    CHECK_EQ(fp_soup_client_timer(&c, 2 * S, out, sizeof out), 0);
    CHECK_EQ(fp_soup_client_receive(&c, 0, (const uint8_t *)"\0\2Sa", 4, &e), 4); /* a fill that crossed the logout is still read */
    CHECK_EQ(e.sequence, 7);
    fp_soup_client_disconnected(&c);
    CHECK_EQ(c.state, FP_SOUP_DOWN);
    CHECK_EQ(c.next_sequence, 8);
}

/* ---- server ---- */

static struct fp_soup_server live_server(uint64_t now) {
    struct fp_soup_server s;
    struct fp_soup_event e;
    struct fp_soup_login login;
    uint8_t out[64];
    fp_soup_server_init(&s, now);
    CHECK_EQ(fp_soup_server_receive(&s, now, (const uint8_t *)login_wire, 49, &e), 49);
    CHECK_EQ(e.kind, FP_SOUP_EV_LOGIN_REQUEST);
    CHECK_EQ(fp_soup_parse_login(e.payload, e.length, &login), 0);
    CHECK_EQ(login.sequence, 7);
    CHECK_EQ(fp_soup_server_accept(&s, now, "DAY01     ", 7, out, sizeof out), FP_SOUP_LOGIN_ACCEPTED_LEN);
    CHECK_MEM(out, accepted_wire, 33);
    CHECK_EQ(s.state, FP_SOUP_LIVE);
    return s;
}

static void test_server_session(void) {
    struct fp_soup_server s = live_server(0);
    struct fp_soup_event e;
    uint8_t out[64];
    CHECK_EQ(fp_soup_server_send(&s, 1, (const uint8_t *)"abc", 3, out, sizeof out), 6);
    CHECK_MEM(out, "\0\4Sabc", 6);
    CHECK_EQ(s.next_sequence, 8);
    CHECK_EQ(fp_soup_server_send(&s, 1, (const uint8_t *)"abc", 3, out, 5), FP_E_NO_ROOM);
    CHECK_EQ(s.next_sequence, 8);
    CHECK_EQ(fp_soup_server_receive(&s, 2, (const uint8_t *)"\0\3Uxy\0\1R", 8, &e), 5);
    CHECK_EQ(e.kind, FP_SOUP_EV_UNSEQUENCED);
    CHECK_MEM(e.payload, "xy", 2);
    CHECK_EQ(fp_soup_server_receive(&s, 3, (const uint8_t *)"\0\1R", 3, &e), 3);
    CHECK_EQ(e.kind, FP_SOUP_EV_NONE);
    CHECK_EQ(fp_soup_server_receive(&s, 3, (const uint8_t *)"\0\2Sx", 4, &e), 4); /* a server's type from a client: skipped, counted */
    CHECK_EQ(fp_soup_server_receive(&s, 3, (const uint8_t *)"\0\3+hi", 5, &e), 5);
    CHECK_EQ(e.kind, FP_SOUP_EV_DEBUG);
    CHECK_EQ(fp_soup_server_receive(&s, 4, (const uint8_t *)"\0\1O", 3, &e), 3);
    CHECK_EQ(e.kind, FP_SOUP_EV_LOGOUT);
    CHECK_EQ(s.state, FP_SOUP_ENDED);
    CHECK_EQ(s.packets_in, 6);
    CHECK_EQ(s.unsequenced_in, 1);
    CHECK_EQ(s.heartbeats_in, 1);
    CHECK_EQ(s.unknown_type, 1);
    s = live_server(0);
    CHECK_EQ(fp_soup_server_end(&s, out, sizeof out), 3);
    CHECK_MEM(out, "\0\1Z", 3);
    CHECK_EQ(fp_soup_server_send(&s, 1, (const uint8_t *)"abc", 3, out, sizeof out), FP_E_BAD_STATE);
    CHECK_EQ(fp_soup_server_end(&s, out, sizeof out), FP_E_BAD_STATE);
}

static int first_packet(const char *bytes, size_t length, struct fp_soup_server *s) {
    struct fp_soup_event e;
    fp_soup_server_init(s, 0);
    return fp_soup_server_receive(s, 0, (const uint8_t *)bytes, length, &e);
}

static void test_server_refuses(void) {
    struct fp_soup_server s;
    struct fp_soup_event e;
    uint8_t out[64];
    char login[49];
    CHECK_EQ(first_packet("\0\2Ux", 4, &s), FP_E_BAD_STATE); /* an order before the login */
    CHECK_EQ(s.state, FP_SOUP_FAILED);
    CHECK_EQ(first_packet("\0\0L", 3, &s), FP_E_BAD_LENGTH);
    CHECK_EQ(s.bad_length, 1);
    CHECK_EQ(first_packet("GET / HTTP/1.1\r\n", 16, &s), 0); /* reads as a packet of 18,245 bytes: the login timeout ends it */
    CHECK_EQ(fp_soup_server_timer(&s, 30 * S, out, sizeof out), FP_E_CLOSED);
    CHECK_EQ(first_packet("\0\3Lab", 5, &s), FP_E_BAD_LENGTH);
    memcpy(login, login_wire, 49);
    login[40] = 'x';
    CHECK_EQ(first_packet(login, 49, &s), FP_E_BAD_FIELD);
    CHECK_EQ(first_packet("\0\2Rx", 4, &s), FP_E_BAD_LENGTH);
    CHECK_EQ(first_packet("\0\2Ox", 4, &s), FP_E_BAD_LENGTH);
    CHECK_EQ(first_packet(login_wire, 49, &s), 49);
    CHECK_EQ(fp_soup_server_send(&s, 0, (const uint8_t *)"a", 1, out, sizeof out), FP_E_BAD_STATE);
    CHECK_EQ(fp_soup_server_reject(&s, 'X', out, sizeof out), FP_E_BAD_FIELD);
    CHECK_EQ(fp_soup_server_reject(&s, 'S', out, sizeof out), 4);
    CHECK_MEM(out, "\0\2JS", 4);
    CHECK_EQ(fp_soup_server_accept(&s, 0, "DAY01     ", 1, out, sizeof out), FP_E_BAD_STATE);
    CHECK_EQ(fp_soup_server_receive(&s, 0, (const uint8_t *)"\0\1R", 3, &e), FP_E_BAD_STATE);
    s = live_server(0);
    CHECK_EQ(fp_soup_server_receive(&s, 0, (const uint8_t *)login_wire, 49, &e), FP_E_BAD_STATE); /* a second login */
}

static void test_server_times(void) {
    struct fp_soup_server s;
    struct fp_soup_event e;
    uint8_t out[64];
    fp_soup_server_init(&s, 100 * S);
    for (uint64_t t = 101; t < 130; t++) { /* heartbeats do not stand in for a login */
        CHECK_EQ(fp_soup_server_receive(&s, t * S, (const uint8_t *)"\0\1R", 3, &e), 3);
        CHECK_EQ(fp_soup_server_timer(&s, t * S, out, sizeof out), 0);
    }
    CHECK_EQ(fp_soup_server_timer(&s, 130 * S, out, sizeof out), FP_E_CLOSED);
    s = live_server(0);
    CHECK_EQ(fp_soup_server_timer(&s, 1 * S - 1, out, sizeof out), 0);
    CHECK_EQ(fp_soup_server_timer(&s, 1 * S, out, sizeof out), 3);
    CHECK_MEM(out, "\0\1H", 3);
    fp_soup_server_send(&s, 2 * S - 1, (const uint8_t *)"a", 1, out, sizeof out);
    CHECK_EQ(fp_soup_server_timer(&s, 2 * S, out, sizeof out), 0);
    /* A client that sends a heartbeat only every 10 s stays connected. */
    CHECK_EQ(fp_soup_server_receive(&s, 10 * S, (const uint8_t *)"\0\1R", 3, &e), 3);
    CHECK_EQ(fp_soup_server_timer(&s, 25 * S - 1, out, sizeof out), 3);
    CHECK_EQ(fp_soup_server_timer(&s, 25 * S, out, sizeof out), FP_E_CLOSED);
    CHECK_EQ(s.state, FP_SOUP_FAILED);
}

/* Both roles against each other, reconnecting at the sequence where the client stopped. */
static void test_roles_together(void) {
    struct fp_soup_client c = {.login = login_for(1)};
    for (int connection = 0; connection < 3; connection++) {
        struct fp_soup_server s;
        struct fp_soup_event e;
        struct fp_soup_login login;
        uint8_t out[64];
        fp_soup_server_init(&s, 0);
        int n = fp_soup_client_connected(&c, 0, out, sizeof out);
        CHECK_EQ(fp_soup_server_receive(&s, 0, out, (size_t)n, &e), n);
        CHECK_EQ(fp_soup_parse_login(e.payload, e.length, &login), 0);
        CHECK_EQ(login.sequence, connection * 2 + 1);
        n = fp_soup_server_accept(&s, 0, "7         ", login.sequence, out, sizeof out);
        CHECK_EQ(fp_soup_client_receive(&c, 0, out, (size_t)n, &e), n);
        for (int i = 0; i < 2; i++) {
            uint64_t sequence = s.next_sequence;
            n = fp_soup_server_send(&s, 0, (const uint8_t *)&sequence, sizeof sequence, out, sizeof out);
            CHECK_EQ(fp_soup_client_receive(&c, 0, out, (size_t)n, &e), n);
            CHECK_EQ(e.sequence, sequence);
            CHECK_MEM(e.payload, &sequence, sizeof sequence);
        }
        fp_soup_client_disconnected(&c);
        c.login.sequence = c.next_sequence;
        memcpy(c.login.session, c.session, 10);
    }
    CHECK_EQ(c.next_sequence, 7);
}

int main(void) {
    RUN(test_parse_at_every_split);
    RUN(test_lengths);
    RUN(test_login_bytes);
    RUN(test_login_410);
    RUN(test_either_padding);
    RUN(test_login_lengths);
    RUN(test_client_session);
    RUN(test_client_split_at_every_byte);
    RUN(test_client_rejected);
    RUN(test_client_refuses);
    RUN(test_client_times);
    RUN(test_client_logout);
    RUN(test_server_session);
    RUN(test_server_refuses);
    RUN(test_server_times);
    RUN(test_roles_together);
    return check_done();
}
