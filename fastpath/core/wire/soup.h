/* SoupBinTCP 3.00/4.00 framing and both session roles, sans-I/O.
 *
 * Bytes and times go in; packets, messages and bytes to send come out. It opens no
 * socket, reads no clock and never allocates; buffers are the caller's. */
#ifndef FP_SOUP_H
#define FP_SOUP_H
#include "../records.h"
#include "layout.h"

enum {
    FP_SOUP_MAX_PAYLOAD = 32766, /* one peer reads the length as signed */
    FP_SOUP_HEARTBEAT_NS = 1000000000, /* without sending */
    FP_SOUP_LOGIN_ACCEPTED_LEN = 33, /* whole packet, length field included */
    FP_SOUP_LOGIN_REQUEST_LEN = 49
};

#define FP_SOUP_IDLE_TIMEOUT_NS 15000000000ull  /* some clients send heartbeats only every 10 s */
#define FP_SOUP_LOGIN_TIMEOUT_NS 30000000000ull

/* Find the next whole packet in [bytes, bytes + length). Returns its total length (>= 3) and sets
 * *type, *payload, *payload_length; 0 when more bytes are needed; FP_E_BAD_LENGTH for a zero or
 * oversized length field (the stream cannot be trusted any more). */
int fp_soup_parse(const uint8_t *bytes, size_t length, char *type, const uint8_t **payload, size_t *payload_length);

/* Write a packet of a type with a payload. Returns its total length, FP_E_NO_ROOM or FP_E_OVERSIZED. */
int fp_soup_put(char type, const uint8_t *payload, size_t payload_length, uint8_t *out, size_t room);

struct fp_soup_login {
    char username[6], password[10], session[10]; /* space padded; session blank = current */
    uint64_t sequence;                           /* 0 = most recent; emitted right-justified */
    uint32_t heartbeat_timeout_ms;               /* 4.10: how long the server may wait for us; 0 = the 3.00/4.00 form without it */
};
/* Writes the 3.00/4.00 form (49 bytes), or the 4.10 form (54) when heartbeat_timeout_ms is set.
 * Bytes written, FP_E_NO_ROOM, FP_E_BAD_FIELD (timeout above 99,999). */
int fp_soup_put_login(const struct fp_soup_login *login, uint8_t *out, size_t room);
/* Accepts either padding and both the 46- and the 51-byte payload (4.10). FP_E_BAD_LENGTH, FP_E_BAD_FIELD.
 * The session comes out left-justified whichever way it was padded, here and in parse_login_accepted. */
int fp_soup_parse_login(const uint8_t *payload, size_t length, struct fp_soup_login *out);
/* Login Accepted: session and sequence, both right-justified. 33 bytes or FP_E_NO_ROOM. Parsing: FP_E_BAD_LENGTH, FP_E_BAD_FIELD. */
int fp_soup_put_login_accepted(const char session[10], uint64_t sequence, uint8_t *out, size_t room);
int fp_soup_parse_login_accepted(const uint8_t *payload, size_t length, char session[10], uint64_t *sequence);

/* ---- client role ---- */

enum fp_soup_state { FP_SOUP_DOWN = 0, FP_SOUP_LOGIN_SENT = 1, FP_SOUP_LIVE = 2, FP_SOUP_ENDED = 3, FP_SOUP_FAILED = 4 };

struct fp_soup_client {
    struct fp_soup_login login;   /* set by the caller before fp_soup_client_connected */
    uint64_t next_sequence;       /* of the next sequenced message to come; kept over reconnects by the caller */
    uint64_t last_in_ns, last_out_ns;
    uint64_t packets_in, sequenced_in, unsequenced_in, heartbeats_in, heartbeats_out, debug_in, bad_length, unknown_type;
    uint64_t idle_timeout_ns;     /* default 15 s */
    char session[10];
    char reject_reason;           /* A or S after FP_SOUP_FAILED by Login Rejected, else 0 */
    uint8_t state;                /* enum fp_soup_state */
    uint8_t logged_out;           /* we said goodbye: nothing more is sent, what still comes is read */
};

enum fp_soup_event_kind { FP_SOUP_EV_NONE = 0, FP_SOUP_EV_LOGIN_ACCEPTED = 1, FP_SOUP_EV_LOGIN_REJECTED = 2, FP_SOUP_EV_MESSAGE = 3, FP_SOUP_EV_UNSEQUENCED = 4, FP_SOUP_EV_END_OF_SESSION = 5, FP_SOUP_EV_LOGIN_REQUEST = 6, FP_SOUP_EV_LOGOUT = 7, FP_SOUP_EV_DEBUG = 8 };

struct fp_soup_event {
    const uint8_t *payload;
    size_t length;
    uint64_t sequence;            /* of a sequenced message */
    uint8_t kind;
};

/* The TCP connection is up: writes the Login Request for login.session and login.sequence. Returns bytes
 * to send, FP_E_NO_ROOM, or FP_E_BAD_STATE (already connected, or the session is over). */
int fp_soup_client_connected(struct fp_soup_client *client, uint64_t now_ns, uint8_t *out, size_t room);
/* Take one packet from the front of the bytes. Returns bytes consumed (0 = need more) and fills *event (kind
 * NONE for heartbeats and, counted, for packet types it does not know). A negative error means: close the
 * connection. FP_E_BAD_LENGTH, FP_E_BAD_STATE (not expected now), FP_E_BAD_FIELD, and when the login was
 * answered with another session (FP_E_WRONG_SESSION) or another sequence (FP_E_BAD_FIELD) than it named. */
int fp_soup_client_receive(struct fp_soup_client *client, uint64_t now_ns, const uint8_t *bytes, size_t length, struct fp_soup_event *event);
/* Heartbeats and timeouts; call at least every 100 ms. Returns bytes to send, 0, or FP_E_CLOSED when the peer is dead. */
int fp_soup_client_timer(struct fp_soup_client *client, uint64_t now_ns, uint8_t *out, size_t room);
/* Frame one unsequenced message. Returns bytes, FP_E_BAD_STATE when not live, FP_E_NO_ROOM, FP_E_OVERSIZED. */
int fp_soup_client_send(struct fp_soup_client *client, uint64_t now_ns, const uint8_t *message, size_t length, uint8_t *out, size_t room);
/* Writes a Logout Request; nothing can be sent after it, what still comes is read. Bytes, FP_E_BAD_STATE, FP_E_NO_ROOM. */
int fp_soup_client_logout(struct fp_soup_client *client, uint8_t *out, size_t room);
/* The TCP connection is gone. Sequence and counters stay; an ended session stays ENDED. */
void fp_soup_client_disconnected(struct fp_soup_client *client);

/* ---- server role: one connection; the message store is the caller's ---- */

struct fp_soup_server {
    uint64_t next_sequence;       /* of the next sequenced message to send on this connection */
    uint64_t accepted_ns, last_in_ns, last_out_ns;
    uint64_t login_timeout_ns, idle_timeout_ns; /* 30 s and 15 s unless set */
    uint64_t packets_in, unsequenced_in, heartbeats_in, bad_length, unknown_type;
    uint8_t state;                /* DOWN: waiting for login; LOGIN_SENT: it came, answer it; LIVE; ENDED; FAILED */
};

/* A connection was accepted: everything is reset, both timeouts get their defaults. */
void fp_soup_server_init(struct fp_soup_server *server, uint64_t now_ns);
/* As the client's; LOGIN_REQUEST (checked: fp_soup_parse_login takes its payload), UNSEQUENCED, LOGOUT (close), DEBUG. */
int fp_soup_server_receive(struct fp_soup_server *server, uint64_t now_ns, const uint8_t *bytes, size_t length, struct fp_soup_event *event);
/* Answers to a LOGIN_REQUEST event. sequence is the first one that will follow. Bytes, FP_E_BAD_STATE, FP_E_NO_ROOM;
 * FP_E_BAD_FIELD for a reason other than A or S. */
int fp_soup_server_accept(struct fp_soup_server *server, uint64_t now_ns, const char session[10], uint64_t sequence, uint8_t *out, size_t room);
int fp_soup_server_reject(struct fp_soup_server *server, char reason, uint8_t *out, size_t room);
/* Frame one sequenced message and count it. Bytes, FP_E_BAD_STATE when not live, FP_E_NO_ROOM, FP_E_OVERSIZED. */
int fp_soup_server_send(struct fp_soup_server *server, uint64_t now_ns, const uint8_t *message, size_t length, uint8_t *out, size_t room);
/* Call at least every 100 ms. A heartbeat's bytes, 0, or FP_E_CLOSED: no login in time, or a silent client. */
int fp_soup_server_timer(struct fp_soup_server *server, uint64_t now_ns, uint8_t *out, size_t room);
/* The session is over: writes End of Session; then close. */
int fp_soup_server_end(struct fp_soup_server *server, uint8_t *out, size_t room);

#endif
