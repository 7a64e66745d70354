/* SoupBinTCP: framing, logins and their ASCII fields, then the client and the server
 * role; see soup.h. No socket, no clock, no allocation: bytes and times come in. */
#include "soup.h"

enum { SEQUENCE_DIGITS = 20, TIMEOUT_DIGITS = 5, LOGIN_PAYLOAD = 46, LOGIN_PAYLOAD_410 = 51 };

int fp_soup_parse(const uint8_t *bytes, size_t length, char *type, const uint8_t **payload, size_t *payload_length) {
    if (length < 2)
        return 0;
    size_t size = fp_load_be16(bytes); /* type and payload */
    if (size == 0 || size > FP_SOUP_MAX_PAYLOAD + 1)
        return FP_E_BAD_LENGTH;
    if (length < 2 + size)
        return 0;
    *type = (char)bytes[2];
    *payload = bytes + 3;
    *payload_length = size - 1;
    return (int)(2 + size);
}

int fp_soup_put(char type, const uint8_t *payload, size_t payload_length, uint8_t *out, size_t room) {
    if (payload_length > FP_SOUP_MAX_PAYLOAD)
        return FP_E_OVERSIZED;
    if (room < 3 + payload_length)
        return FP_E_NO_ROOM;
    fp_store_be16(out, (uint16_t)(payload_length + 1));
    out[2] = (uint8_t)type;
    if (payload_length)
        memcpy(out + 3, payload, payload_length);
    return (int)(3 + payload_length);
}

/* A zeroed field of the caller's reads as blank. */
static void put_text(uint8_t *out, const char *text, size_t width) {
    for (size_t i = 0; i < width; i++)
        out[i] = text[i] ? (uint8_t)text[i] : ' ';
}

/* Where the text of a padded field begins and ends, whichever side the spaces are on. */
static void trim(const uint8_t *field, size_t width, size_t *first, size_t *end) {
    size_t a = 0, b = width;
    while (a < b && field[a] == ' ')
        a++;
    while (b > a && field[b - 1] == ' ')
        b--;
    *first = a;
    *end = b;
}

static void get_left_justified(const uint8_t *field, size_t width, char *out) {
    size_t first, end;
    trim(field, width, &first, &end);
    memset(out, ' ', width);
    memcpy(out, field + first, end - first);
}

static void put_right_justified(uint8_t *out, const char *text, size_t width) {
    uint8_t padded[SEQUENCE_DIGITS];
    size_t first, end;
    put_text(padded, text, width);
    trim(padded, width, &first, &end);
    memset(out, ' ', width);
    memcpy(out + width - (end - first), padded + first, end - first);
}

static void put_number(uint8_t *out, size_t width, uint64_t value) {
    memset(out, ' ', width);
    do {
        out[--width] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value);
}

static int get_number(const uint8_t *field, size_t width, uint64_t *out) {
    size_t at, end;
    uint64_t value = 0;
    trim(field, width, &at, &end);
    if (at == end)
        return FP_E_BAD_FIELD;
    for (; at < end; at++) {
        unsigned digit = field[at] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(value, (uint64_t)10, &value) || __builtin_add_overflow(value, (uint64_t)digit, &value))
            return FP_E_BAD_FIELD;
    }
    *out = value;
    return 0;
}

int fp_soup_put_login(const struct fp_soup_login *login, uint8_t *out, size_t room) {
    uint8_t payload[LOGIN_PAYLOAD_410];
    size_t length = login->heartbeat_timeout_ms ? LOGIN_PAYLOAD_410 : LOGIN_PAYLOAD;
    if (login->heartbeat_timeout_ms > 99999)
        return FP_E_BAD_FIELD;
    put_text(payload, login->username, 6);
    put_text(payload + 6, login->password, 10);
    put_right_justified(payload + 16, login->session, 10);
    put_number(payload + 26, SEQUENCE_DIGITS, login->sequence);
    if (login->heartbeat_timeout_ms)
        put_number(payload + LOGIN_PAYLOAD, TIMEOUT_DIGITS, login->heartbeat_timeout_ms);
    return fp_soup_put('L', payload, length, out, room);
}

int fp_soup_parse_login(const uint8_t *payload, size_t length, struct fp_soup_login *out) {
    uint64_t timeout_ms = 0;
    if (length != LOGIN_PAYLOAD && length != LOGIN_PAYLOAD_410)
        return FP_E_BAD_LENGTH;
    memcpy(out->username, payload, 6);
    memcpy(out->password, payload + 6, 10);
    get_left_justified(payload + 16, 10, out->session);
    int rc = get_number(payload + 26, SEQUENCE_DIGITS, &out->sequence);
    if (rc == 0 && length == LOGIN_PAYLOAD_410)
        rc = get_number(payload + LOGIN_PAYLOAD, TIMEOUT_DIGITS, &timeout_ms);
    out->heartbeat_timeout_ms = (uint32_t)timeout_ms;
    return rc;
}

int fp_soup_put_login_accepted(const char session[10], uint64_t sequence, uint8_t *out, size_t room) {
    uint8_t payload[30];
    put_right_justified(payload, session, 10);
    put_number(payload + 10, SEQUENCE_DIGITS, sequence);
    return fp_soup_put('A', payload, sizeof payload, out, room);
}

int fp_soup_parse_login_accepted(const uint8_t *payload, size_t length, char session[10], uint64_t *sequence) {
    if (length != 30)
        return FP_E_BAD_LENGTH;
    get_left_justified(payload, 10, session);
    return get_number(payload + 10, SEQUENCE_DIGITS, sequence);
}

/* Time since; 0 when the caller's clock stepped back. */
static uint64_t elapsed(uint64_t now_ns, uint64_t then_ns) { return now_ns > then_ns ? now_ns - then_ns : 0; }

/* ---- client role ---- */

static int client_fail(struct fp_soup_client *client, int error) {
    client->state = FP_SOUP_FAILED;
    return error;
}

int fp_soup_client_connected(struct fp_soup_client *client, uint64_t now_ns, uint8_t *out, size_t room) {
    if (client->state != FP_SOUP_DOWN)
        return FP_E_BAD_STATE;
    int written = fp_soup_put_login(&client->login, out, room);
    if (written < 0)
        return written;
    if (client->idle_timeout_ns == 0)
        client->idle_timeout_ns = FP_SOUP_IDLE_TIMEOUT_NS;
    client->state = FP_SOUP_LOGIN_SENT;
    client->reject_reason = 0;
    client->logged_out = 0;
    client->last_in_ns = client->last_out_ns = now_ns;
    return written;
}

static int client_login_accepted(struct fp_soup_client *client, const uint8_t *payload, size_t length) {
    uint8_t asked[10];
    char wanted[10], session[10];
    uint64_t sequence;
    int rc = fp_soup_parse_login_accepted(payload, length, session, &sequence);
    if (rc)
        return rc;
    put_text(asked, client->login.session, 10);
    get_left_justified(asked, 10, wanted);
    if (wanted[0] != ' ' && memcmp(wanted, session, 10) != 0)
        return FP_E_WRONG_SESSION;
    /* Any other number than the one asked for would skip messages or bring some twice. */
    if (sequence == 0 || (client->login.sequence && client->login.sequence != sequence))
        return FP_E_BAD_FIELD;
    memcpy(client->session, session, 10);
    client->next_sequence = sequence;
    client->state = FP_SOUP_LIVE;
    return 0;
}

static int client_packet(struct fp_soup_client *client, char type, struct fp_soup_event *event) {
    switch (type) {
    case '+':
        client->debug_in++;
        event->kind = FP_SOUP_EV_DEBUG;
        return 0;
    case 'H':
        client->heartbeats_in++;
        return event->length ? FP_E_BAD_LENGTH : 0;
    case 'A': {
        if (client->state != FP_SOUP_LOGIN_SENT)
            return FP_E_BAD_STATE;
        int rc = client_login_accepted(client, event->payload, event->length);
        event->kind = FP_SOUP_EV_LOGIN_ACCEPTED;
        event->sequence = client->next_sequence;
        return rc;
    }
    case 'J':
        if (client->state != FP_SOUP_LOGIN_SENT)
            return FP_E_BAD_STATE;
        if (event->length != 1)
            return FP_E_BAD_LENGTH;
        client->reject_reason = (char)event->payload[0];
        client->state = FP_SOUP_FAILED;
        event->kind = FP_SOUP_EV_LOGIN_REJECTED;
        return 0;
    case 'S':
    case 'U':
        if (client->state != FP_SOUP_LIVE)
            return FP_E_BAD_STATE;
        if (type == 'U') {
            client->unsequenced_in++;
            event->kind = FP_SOUP_EV_UNSEQUENCED;
            return 0;
        }
        client->sequenced_in++;
        event->kind = FP_SOUP_EV_MESSAGE;
        event->sequence = client->next_sequence++;
        return 0;
    case 'Z':
        if (event->length)
            return FP_E_BAD_LENGTH;
        client->state = FP_SOUP_ENDED;
        event->kind = FP_SOUP_EV_END_OF_SESSION;
        return 0;
    default:
        client->unknown_type++; /* its length is sound: skip it */
        return 0;
    }
}

int fp_soup_client_receive(struct fp_soup_client *client, uint64_t now_ns, const uint8_t *bytes, size_t length, struct fp_soup_event *event) {
    char type;
    *event = (struct fp_soup_event){0};
    if (client->state != FP_SOUP_LOGIN_SENT && client->state != FP_SOUP_LIVE)
        return FP_E_BAD_STATE;
    int taken = fp_soup_parse(bytes, length, &type, &event->payload, &event->length);
    if (taken == 0)
        return 0;
    int rc = taken;
    if (taken > 0) {
        client->packets_in++;
        client->last_in_ns = now_ns;
        rc = client_packet(client, type, event);
    }
    if (rc == FP_E_BAD_LENGTH)
        client->bad_length++;
    return rc < 0 ? client_fail(client, rc) : taken;
}

int fp_soup_client_timer(struct fp_soup_client *client, uint64_t now_ns, uint8_t *out, size_t room) {
    if (client->state != FP_SOUP_LOGIN_SENT && client->state != FP_SOUP_LIVE)
        return 0;
    if (elapsed(now_ns, client->last_in_ns) >= client->idle_timeout_ns)
        return client_fail(client, FP_E_CLOSED);
    if (client->state != FP_SOUP_LIVE || client->logged_out || elapsed(now_ns, client->last_out_ns) < FP_SOUP_HEARTBEAT_NS)
        return 0;
    int written = fp_soup_put('R', NULL, 0, out, room);
    if (written > 0) {
        client->heartbeats_out++;
        client->last_out_ns = now_ns;
    }
    return written;
}

int fp_soup_client_send(struct fp_soup_client *client, uint64_t now_ns, const uint8_t *message, size_t length, uint8_t *out, size_t room) {
    if (client->state != FP_SOUP_LIVE || client->logged_out)
        return FP_E_BAD_STATE;
    int written = fp_soup_put('U', message, length, out, room);
    if (written > 0)
        client->last_out_ns = now_ns;
    return written;
}

int fp_soup_client_logout(struct fp_soup_client *client, uint8_t *out, size_t room) {
    if ((client->state != FP_SOUP_LIVE && client->state != FP_SOUP_LOGIN_SENT) || client->logged_out)
        return FP_E_BAD_STATE;
    int written = fp_soup_put('O', NULL, 0, out, room);
    if (written > 0)
        client->logged_out = 1;
    return written;
}

void fp_soup_client_disconnected(struct fp_soup_client *client) {
    if (client->state != FP_SOUP_ENDED)
        client->state = FP_SOUP_DOWN;
}

/* ---- server role ---- */

void fp_soup_server_init(struct fp_soup_server *server, uint64_t now_ns) {
    *server = (struct fp_soup_server){
        .accepted_ns = now_ns, .last_in_ns = now_ns, .last_out_ns = now_ns,
        .login_timeout_ns = FP_SOUP_LOGIN_TIMEOUT_NS, .idle_timeout_ns = FP_SOUP_IDLE_TIMEOUT_NS,
    };
}

static int server_packet(struct fp_soup_server *server, char type, struct fp_soup_event *event) {
    struct fp_soup_login login;
    switch (type) {
    case '+':
        event->kind = FP_SOUP_EV_DEBUG;
        return 0;
    case 'R':
        server->heartbeats_in++;
        return event->length ? FP_E_BAD_LENGTH : 0;
    case 'L': {
        if (server->state != FP_SOUP_DOWN)
            return FP_E_BAD_STATE;
        int rc = fp_soup_parse_login(event->payload, event->length, &login);
        if (rc)
            return rc;
        server->state = FP_SOUP_LOGIN_SENT;
        event->kind = FP_SOUP_EV_LOGIN_REQUEST;
        event->sequence = login.sequence;
        return 0;
    }
    case 'U':
        if (server->state != FP_SOUP_LIVE)
            return FP_E_BAD_STATE;
        server->unsequenced_in++;
        event->kind = FP_SOUP_EV_UNSEQUENCED;
        return 0;
    case 'O':
        if (event->length)
            return FP_E_BAD_LENGTH;
        server->state = FP_SOUP_ENDED;
        event->kind = FP_SOUP_EV_LOGOUT;
        return 0;
    default:
        server->unknown_type++;
        return 0;
    }
}

int fp_soup_server_receive(struct fp_soup_server *server, uint64_t now_ns, const uint8_t *bytes, size_t length, struct fp_soup_event *event) {
    char type;
    *event = (struct fp_soup_event){0};
    if (server->state == FP_SOUP_ENDED || server->state == FP_SOUP_FAILED)
        return FP_E_BAD_STATE;
    int taken = fp_soup_parse(bytes, length, &type, &event->payload, &event->length);
    if (taken == 0)
        return 0;
    int rc = taken;
    if (taken > 0) {
        server->packets_in++;
        server->last_in_ns = now_ns;
        rc = server_packet(server, type, event);
    }
    if (rc == FP_E_BAD_LENGTH)
        server->bad_length++;
    if (rc >= 0)
        return taken;
    server->state = FP_SOUP_FAILED;
    return rc;
}

int fp_soup_server_accept(struct fp_soup_server *server, uint64_t now_ns, const char session[10], uint64_t sequence, uint8_t *out, size_t room) {
    if (server->state != FP_SOUP_LOGIN_SENT)
        return FP_E_BAD_STATE;
    int written = fp_soup_put_login_accepted(session, sequence, out, room);
    if (written > 0) {
        server->state = FP_SOUP_LIVE;
        server->next_sequence = sequence;
        server->last_out_ns = now_ns;
    }
    return written;
}

int fp_soup_server_reject(struct fp_soup_server *server, char reason, uint8_t *out, size_t room) {
    uint8_t byte = (uint8_t)reason;
    if (server->state != FP_SOUP_LOGIN_SENT)
        return FP_E_BAD_STATE;
    if (reason != 'A' && reason != 'S')
        return FP_E_BAD_FIELD;
    int written = fp_soup_put('J', &byte, 1, out, room);
    if (written > 0)
        server->state = FP_SOUP_FAILED;
    return written;
}

int fp_soup_server_send(struct fp_soup_server *server, uint64_t now_ns, const uint8_t *message, size_t length, uint8_t *out, size_t room) {
    if (server->state != FP_SOUP_LIVE)
        return FP_E_BAD_STATE;
    int written = fp_soup_put('S', message, length, out, room);
    if (written > 0) {
        server->next_sequence++;
        server->last_out_ns = now_ns;
    }
    return written;
}

int fp_soup_server_timer(struct fp_soup_server *server, uint64_t now_ns, uint8_t *out, size_t room) {
    if (server->state == FP_SOUP_ENDED || server->state == FP_SOUP_FAILED)
        return 0;
    int live = server->state == FP_SOUP_LIVE;
    /* Before the login only the login counts: heartbeats do not keep an anonymous connection. */
    if (elapsed(now_ns, live ? server->last_in_ns : server->accepted_ns) >= (live ? server->idle_timeout_ns : server->login_timeout_ns)) {
        server->state = FP_SOUP_FAILED;
        return FP_E_CLOSED;
    }
    if (!live || elapsed(now_ns, server->last_out_ns) < FP_SOUP_HEARTBEAT_NS)
        return 0;
    int written = fp_soup_put('H', NULL, 0, out, room);
    if (written > 0)
        server->last_out_ns = now_ns;
    return written;
}

int fp_soup_server_end(struct fp_soup_server *server, uint8_t *out, size_t room) {
    if (server->state != FP_SOUP_LIVE)
        return FP_E_BAD_STATE;
    int written = fp_soup_put('Z', NULL, 0, out, room);
    if (written > 0)
        server->state = FP_SOUP_ENDED;
    return written;
}
