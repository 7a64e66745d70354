/* See ledger.h. */
#include "ledger.h"
#include "fastpath/core/records.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put(struct fp_ledger *ledger, char stream, uint8_t kind, uint16_t account, uint64_t time_ns,
                const void *head, size_t head_length, const void *bytes, size_t length) {
    size_t size = FP_LEDGER_HEAD + head_length + length;
    if (ledger->fd < 0) return;
    if (ledger->used + size > FP_LEDGER_BUFFER) fp_ledger_flush(ledger);
    if (size > FP_LEDGER_BUFFER) {
        ledger->errors++;
        return;
    }
    uint8_t *at = ledger->buffer + ledger->used;
    uint32_t payload = (uint32_t)(head_length + length);
    memcpy(at, &payload, 4);
    at[4] = (uint8_t)stream;
    at[5] = kind;
    memcpy(at + 6, &account, 2);
    memcpy(at + 8, &time_ns, 8);
    if (head_length) memcpy(at + FP_LEDGER_HEAD, head, head_length);
    if (length) memcpy(at + FP_LEDGER_HEAD + head_length, bytes, length);
    ledger->used += size;
    ledger->records++;
}

int fp_ledger_open(struct fp_ledger *ledger, const char *path, const char *header, uint64_t time_ns) {
    memset(ledger, 0, sizeof *ledger);
    ledger->fd = -1;
    if (!path[0]) return 0;
    ledger->buffer = malloc(FP_LEDGER_BUFFER);
    if (!ledger->buffer) return FP_E_NO_MEMORY;
    ledger->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (ledger->fd < 0) return FP_E_SYSTEM;
    put(ledger, 'H', 0, 0, time_ns, NULL, 0, header, strlen(header));
    return 0;
}

void fp_ledger_input(struct fp_ledger *ledger, const struct fp_match_input *in) {
    uint8_t head[FP_LEDGER_INPUT];
    memcpy(head, &in->ref, 8);
    memcpy(head + 8, &in->shares, 4);
    memcpy(head + 12, &in->price_e4, 4);
    memcpy(head + 16, &in->locate, 2);
    head[18] = (uint8_t)in->code;
    head[19] = (uint8_t)in->time_in_force;
    memcpy(head + 20, in->attribution, 4);
    put(ledger, 'I', in->kind, in->account, in->time_ns, head, sizeof head, in->bytes, in->bytes ? in->length : 0);
}

void fp_ledger_output(struct fp_ledger *ledger, char stream, uint16_t account, uint64_t time_ns, const uint8_t *bytes,
                      size_t length) {
    put(ledger, stream, 0, account, time_ns, NULL, 0, bytes, length);
}

void fp_ledger_flush(struct fp_ledger *ledger) {
    size_t at = 0;
    while (ledger->fd >= 0 && at < ledger->used) {
        ssize_t written = write(ledger->fd, ledger->buffer + at, ledger->used - at);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) { /* a torn ledger must not look whole: stop here for good */
            ledger->errors++;
            close(ledger->fd);
            ledger->fd = -1;
            break;
        }
        at += (size_t)written;
    }
    ledger->used = 0;
}

void fp_ledger_close(struct fp_ledger *ledger) {
    fp_ledger_flush(ledger);
    if (ledger->fd >= 0) close(ledger->fd);
    free(ledger->buffer);
    memset(ledger, 0, sizeof *ledger);
    ledger->fd = -1;
}
