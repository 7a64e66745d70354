/* See tape.h. */
#include "tape.h"
#include "fastpath/core/records.h"
#include "fastpath/core/wire/itch.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of the entry at the front (prefix included) by a form's rules; 0 = they do not hold, -1 = cut off. */
static int entry(int form, const uint8_t *bytes, size_t length) {
    size_t prefix = form == FP_TAPE_BARE ? 0 : 2;
    if (length < prefix + 1) return -1;
    size_t size = fp_itch_length(bytes[prefix]);
    if (!size) return 0;
    if (form == FP_TAPE_BINARYFILE && fp_load_be16(bytes) != size) return 0;
    if (form == FP_TAPE_ZERO_PREFIX && (bytes[0] || bytes[1])) return 0;
    return length < prefix + size ? -1 : (int)(prefix + size);
}

int fp_tape_detect(const uint8_t *bytes, size_t length) {
    for (int form = FP_TAPE_BINARYFILE; form <= FP_TAPE_BARE; form++) {
        size_t at = 0;
        int seen = 0, size = 1;
        while (seen < 256 && at < length && (size = entry(form, bytes + at, length - at)) > 0) {
            at += (size_t)size;
            seen++;
        }
        /* a file may be cut in its last message, or end with BinaryFILE's empty one */
        int ended = size > 0 || size == -1 ||
                    (form == FP_TAPE_BINARYFILE && length - at == 2 && !bytes[at] && !bytes[at + 1]);
        if (seen && ended) return form;
    }
    return FP_TAPE_UNKNOWN;
}

int fp_tape_init(struct fp_tape *tape, const uint8_t *bytes, size_t length) {
    memset(tape, 0, sizeof *tape);
    tape->bytes = bytes;
    tape->length = length;
    tape->form = (uint8_t)fp_tape_detect(bytes, length);
    return tape->form ? tape->form : FP_E_BAD_FIELD;
}

int fp_tape_open(struct fp_tape *tape, const char *path) {
    struct stat info;
    memset(tape, 0, sizeof *tape);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return FP_E_SYSTEM;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
        close(fd);
        return FP_E_BAD_FIELD;
    }
    void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED) return FP_E_SYSTEM;
    int form = fp_tape_init(tape, bytes, (size_t)info.st_size);
    tape->mapped = 1;
    if (form < 0) fp_tape_close(tape);
    return form;
}

int fp_tape_next(struct fp_tape *tape, const uint8_t **message) {
    while (tape->at < tape->length) {
        const uint8_t *bytes = tape->bytes + tape->at;
        size_t left = tape->length - tape->at, prefix = tape->form == FP_TAPE_BARE ? 0 : 2;
        int size = entry(tape->form, bytes, left);
        if (size > 0) {
            tape->at += (size_t)size;
            tape->messages++;
            *message = bytes + prefix;
            return size - (int)prefix;
        }
        if (tape->form == FP_TAPE_BINARYFILE && left >= 2) {
            size_t told = fp_load_be16(bytes);
            if (told == 0 && left == 2) break; /* BinaryFILE's end mark */
            if (told + 2 <= left) { /* its length carries us over what we cannot read */
                if (told && !fp_itch_length(bytes[2])) tape->unknown_type++;
                else tape->bad_length++;
                tape->at += told + 2;
                continue;
            }
        }
        if (size == 0 && tape->form != FP_TAPE_BINARYFILE) tape->unknown_type++;
        else tape->truncated++;
        break;
    }
    tape->at = tape->length;
    return 0;
}

void fp_tape_close(struct fp_tape *tape) {
    if (tape->mapped) munmap((void *)(uintptr_t)tape->bytes, tape->length);
    memset(tape, 0, sizeof *tape);
}
